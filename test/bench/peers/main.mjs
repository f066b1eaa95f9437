// The driver of make bench-peers: prepares the sides, runs the scenarios with the sides taking turns, writes a line for each run
// to results.jsonl. A side that fails is named and left out of the rest of its scenario.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { HOME, RUNS, connect, form, median, now, value } from './lib/env.mjs';
import { ageWal, use, within } from './lib/measure.mjs';
import { rates, scenarios, sides } from './scenarios/all.mjs';

const words = process.argv.slice(2);
if (words[0] === 'list') {
  for (const s of scenarios) console.log(`${s.name.padEnd(16)} ${s.title}: ${[...new Set(s.sides.map((x) => x.side.name))].join(', ')}`);
  process.exit(0);
}
for (const w of words) if (!scenarios.some((s) => s.name === w)) { console.error(`there is no scenario ${w}; test/bench/peers/run list prints them`); process.exit(2); }
const wanted = scenarios.filter((s) => !words.length || words.includes(s.name));
const peers = (process.env.BENCH_PEERS || '').split(',').filter(Boolean);
const start = now(), last = start + 60000 * Number(process.env.BENCH_MINUTES || form(25, 120));
const file = path.join(HOME, 'results.jsonl');
fs.writeFileSync(file, '');
const record = (r) => fs.appendFileSync(file, JSON.stringify(r) + '\n');
const clock = () => { const s = Math.round((now() - start) / 1000); return `${String(Math.floor(s / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`; };
const show = (v) => (Math.abs(v) >= 100 ? Math.round(v).toLocaleString('en') : v.toFixed(2));
const NOISE = 0.3, AGAIN = Number(process.env.BENCH_AGAIN ?? 2);
const problems = [];
function complain(text) { problems.push(text); console.log(`${clock()}  LEFT OUT: ${text}`); }

// A connection to the side's database, made anew when the old one was lost.
const connections = new Map();
async function connection(side) {
  const c = connections.get(side.name);
  if (c && await c.query('SELECT 1').then(() => true, () => false)) return c;
  const fresh = await connect(side.db);
  connections.set(side.name, fresh);
  return fresh;
}

const ready = new Map();
async function prepare() {
  const admin = await connect('postgres');
  await ageWal(admin, 48);
  const settings = await value(admin, `SELECT string_agg(name || ' ' || current_setting(name), ', ') FROM unnest(ARRAY['shared_buffers', 'max_wal_size', 'synchronous_commit', 'fsync', 'full_page_writes', 'autovacuum', 'foreman.max_executors']) AS name`);
  const versions = {};
  for (const side of sides) {
    if (!wanted.some((s) => s.sides.some((x) => x.side === side)) || (peers.length && !peers.includes(side.name))) continue;
    try {
      await admin.query(`CREATE DATABASE ${side.db}`);
      await within(60, side.db, async () => {
        const c = await connection(side);
        await side.setup(c);
        versions[side.title] = await side.version(c);
      });
      ready.set(side, true);
    } catch (e) { complain(`${side.title}: ${e.message}`); }
  }
  record({ machine: { processor: os.cpus()[0].model, cores: os.cpus().length, memory: `${Math.round(os.totalmem() / 2 ** 30)} GB`, kernel: `Linux ${os.release()}`, node: process.version,
    postgres: (await value(admin, 'SELECT version()')).replace(/ on .*/, ''), settings, versions, commit: process.env.BENCH_COMMIT, form: process.env.BENCH_FORM, runs: RUNS,
    load: os.loadavg().map((x) => x.toFixed(2)).join(' '), at: new Date().toISOString() } });
  await admin.end();
}

async function once(s, x, round) {
  for (const k of Object.keys(use)) delete use[k];
  const got = await within(s.limit, x.side.db, async () => {
    const c = await connection(x.side);
    await x.side.clean(c);
    try { return await x.run(x.side, c); } finally { await x.side.clean(c).catch(() => {}); }
  });
  const values = typeof got === 'number' ? { '': got } : got;
  const peer = x.peer || x.side.title;
  for (const [metric, v] of Object.entries(values)) {
    if (!Number.isFinite(v)) throw new Error(`${metric || 'the figure'} is ${v}`);
    record({ scenario: s.name, title: s.title, unit: /\//.test(metric) ? 'ratio' : s.unit, lower: !!s.lower, metric, peer, ours: !!x.ours, label: x.label, batch: x.batch, clients: x.clients,
      durability: s.durability, round, value: v, ...use });
  }
  console.log(`${clock()}  ${`${peer}: ${x.label}, batch ${x.batch}`.slice(0, 88).padEnd(88)} ${Object.entries(values).map(([k, v]) => `${k && `${k} `}${show(v)}`).join(', ')} ${s.unit}` +
    `  (cores: server ${use.server}, client ${use.client}, others ${use.others})`);
  return values[''];
}

await prepare();
for (const [i, s] of wanted.entries()) {
  if (now() > last) { complain(`${s.name} and what follows: BENCH_MINUTES are over`); break; }
  console.log(`\n${clock()}  [${i + 1} of ${wanted.length}] ${s.title}`);
  const out = new Set(s.sides.filter((x) => !ready.has(x.side))), seen = new Map(), calm = new Map();
  const turn = async (x, round) => {
    try {
      const v = await once(s, x, round);
      if (use.others <= NOISE) calm.set(x, (calm.get(x) || 0) + 1);
      if (x.rate) { seen.set(x, [...(seen.get(x) || []), v]); rates[x.rate] = median(seen.get(x)); }
    } catch (e) {
      out.add(x);
      complain(`${s.name}, ${x.side.title}, ${x.label}: ${e.message}`);
    }
  };
  const rounds = s.rounds || RUNS;
  for (let round = 1; round <= rounds; round++) for (const x of s.sides) if (!out.has(x)) await turn(x, round);
  // What other programs disturbed is measured again, twice at most: the report then leaves the disturbed runs out.
  for (let round = rounds + 1; round <= rounds + (s.again ?? AGAIN); round++) {
    const again = s.sides.filter((x) => !out.has(x) && (calm.get(x) || 0) < Math.min(2, rounds));
    if (again.length && now() < last) console.log(`${clock()}  others used the machine: ${again.length} of ${s.sides.length} sides again`);
    for (const x of again) if (now() < last) await turn(x, round);
  }
}
for (const side of ready.keys()) if (side.end) await side.end().catch(() => {});
for (const p of problems) record({ problem: p });
console.log(`\n${clock()}  done${problems.length ? `, ${problems.length} left out:\n  ${problems.join('\n  ')}` : ''}`);
process.exit(ready.size ? 0 : 1);
