// Connections to the private server, pgbench, clocks and small numbers. The environment comes from test/bench/peers/run.
import { createRequire } from 'node:module';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const need = (name) => { if (!process.env[name]) throw new Error(`${name} is not set: start test/bench/peers/run`); return process.env[name]; };
export const HOME = need('BENCH_HOME');
const SOCKET = need('PGHOST'), PORT = Number(need('PGPORT')), USER = need('PGUSER'), BINDIR = need('BENCH_BINDIR');
const FULL = process.env.BENCH_FORM === 'full';
// short, full: the value for the form that runs.
export const form = (short, full) => (FULL ? full : short);
export const RUNS = Number(process.env.BENCH_RUNS || form(3, 5));

const require_ = createRequire(path.join(need('BENCH_NPM'), 'package.json'));
const pg = require_('pg');
export const npmImport = (name) => import(pathToFileURL(require_.resolve(name)).href);
export const npmVersion = (name) => JSON.parse(fs.readFileSync(path.join(process.env.BENCH_NPM, 'node_modules', name, 'package.json'))).version;

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
// Milliseconds since the epoch. The offset between the wall clock and the clock that counts microseconds is taken at an edge of
// the former, so that times of this process and of the server can be compared.
let offset = performance.timeOrigin;
export function setClock() {
  const t = Date.now();
  while (Date.now() === t);
  offset = Date.now() - performance.now();
}
export const now = () => offset + performance.now();
export const seconds = async (fn) => { const t = performance.now(); await fn(); return (performance.now() - t) / 1000; };

export const connOpts = (db) => ({ host: SOCKET, port: PORT, user: USER, database: db });
export const connString = (db) => `postgres://${USER}@${encodeURIComponent(SOCKET)}:${PORT}/${db}`;
export async function connect(db, more = {}) {
  const c = new pg.Client({ ...connOpts(db), ...more });
  c.on('error', () => {});
  await c.connect();
  return c;
}
export const value = async (c, text, values) => Object.values((await c.query(text, values)).rows[0])[0];

// About 100 bytes of JSON, as in test/bench/setup.sql.
export const PAYLOAD = JSON.stringify({ kind: 'welcome', to: 'user@example.com', n: 1234567, pad: 'x'.repeat(42) });

// pgbench for `seconds`, or for `tx` transactions of each client: transactions, transactions per second, and the seconds of both.
let scripts = 0;
export function pgbench({ db, script, clients, secs, tx }) {
  const file = path.join(HOME, `script-${process.pid}-${scripts++}.sql`);
  fs.writeFileSync(file, script);
  const args = ['-n', '-M', 'prepared', '-c', String(clients), '-j', String(Math.min(clients, os.cpus().length)), '-f', file,
    ...(secs ? ['-T', String(secs)] : ['-t', String(tx)]), db];
  return new Promise((resolve, reject) => {
    const p = spawn(path.join(BINDIR, 'pgbench'), args);
    let out = '', err = '';
    p.stdout.on('data', (d) => (out += d));
    p.stderr.on('data', (d) => (err += d));
    p.on('error', reject);
    p.on('close', (code) => {
      fs.rmSync(file, { force: true });
      const tps = /tps = ([\d.]+)/.exec(out), n = /number of transactions actually processed: (\d+)/.exec(out);
      if (code !== 0 || !tps) return reject(new Error(`pgbench failed (${code}): ${err.slice(-500)}`));
      resolve({ tps: Number(tps[1]), tx: Number(n[1]), secs: Number(n[1]) / Number(tps[1]) });
    });
  });
}

const TICK = 100;
function processes() {
  const all = [];
  for (const d of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(d)) continue;
    try {
      const t = fs.readFileSync(`/proc/${d}/stat`, 'utf8');
      const f = t.slice(t.lastIndexOf(')') + 2).split(' ').map(Number);
      all.push({ pid: Number(d), parent: f[1], self: f[11] + f[12], ended: f[13] + f[14] });
    } catch { /* it has ended */ }
  }
  return all;
}
// CPU seconds so far: of the machine, of the server with its processes, and of this process with its own.
export function cpu() {
  const [user, nice, system, , , irq, softirq] = fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/).slice(1).map(Number);
  const postmaster = Number(fs.readFileSync(path.join(process.env.PGDATA, 'postmaster.pid'), 'utf8').split('\n')[0]);
  let server = 0, client = 0;
  for (const p of processes()) {
    if (p.pid === postmaster) server += p.self + p.ended;
    else if (p.parent === postmaster) server += p.self;
    else if (p.pid === process.pid) client += p.self + p.ended;
    else if (p.parent === process.pid) client += p.self + p.ended;
  }
  return { machine: (user + nice + system + irq + softirq) / TICK, server: server / TICK, client: client / TICK };
}
// Waits until others use less than a quarter of a core, `max` seconds at most.
export async function quiet(max = Number(process.env.BENCH_PATIENCE || 2)) {
  for (const end = now() + max * 1000; now() < end;) {
    const a = cpu(), t = now();
    await sleep(300);
    const b = cpu();
    if ((b.machine - a.machine - (b.server - a.server) - (b.client - a.client)) / ((now() - t) / 1000) < 0.25) return;
  }
}

export const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))];
export function median(a) {
  const s = [...a].sort((x, y) => x - y);
  return s.length % 2 ? s[(s.length - 1) / 2] : (s[s.length / 2 - 1] + s[s.length / 2]) / 2;
}
