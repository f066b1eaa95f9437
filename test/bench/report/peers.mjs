// The report of make bench-peers: node peers.mjs DIRECTORY [PAGE]. Reads results.jsonl there; writes figures.jsonl, table.md and
// plots beside it. With PAGE also its part "bench-peers", and the plots into the folder that is named like the page.
import fs from 'node:fs';
import path from 'node:path';
import { ascii, bars, fill, lines, range, ratio, show, spread } from './common.mjs';

const [home, page] = process.argv.slice(2);
const rows = fs.readFileSync(path.join(home, 'results.jsonl'), 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
const machine = rows.find((r) => r.machine)?.machine, problems = rows.filter((r) => r.problem).map((r) => r.problem);

// A figure: the runs of one side of a scenario, and of one of its metrics.
const figures = new Map();
for (const r of rows.filter((x) => x.scenario)) {
  const key = [r.scenario, r.peer, r.label, r.batch, r.metric].join('|');
  if (!figures.has(key)) figures.set(key, { ...r, values: [], noise: [], rounds: [], notes: [] });
  const f = figures.get(key);
  f.values.push(r.value);
  f.noise.push(r.others || 0);
  f.rounds.push(r.round);
  if (r.note) f.notes.push(r.note);
}
// Runs that other programs disturbed are left out where enough remain of every side of a scenario: two, or the only one. Where not,
// the rounds in which all took turns are shown as they are, so that what disturbed fell on all.
const NOISE = 0.3;
const rounds = machine?.runs ?? 1;
const calm_of = (f) => f.values.filter((v, i) => f.noise[i] <= NOISE);
const calm = new Map();
for (const f of figures.values()) calm.set(f.scenario, (calm.get(f.scenario) ?? true) && calm_of(f).length >= Math.min(2, f.values.length));
const list = [...figures.values()].map((f) => {
  const all = f.values.filter((v, i) => f.rounds[i] <= rounds), left = calm.get(f.scenario) ? calm_of(f) : all;
  return { ...f, ...spread(left), others: calm.get(f.scenario) ? 0 : Math.max(...f.noise.filter((v, i) => f.rounds[i] <= rounds)), left_out: f.values.length - left.length, note: f.notes[f.notes.length - 1] };
});
for (const f of list) {
  const ours = list.find((o) => o.ours && o.scenario === f.scenario && o.metric === f.metric);
  if (ours && ours !== f && f.median > 0 && f.unit !== 'ratio') f.ours_to_it = ours.median / f.median;
}
fs.writeFileSync(path.join(home, 'figures.jsonl'), list.map((f) => JSON.stringify({ scenario: f.scenario, title: f.title, metric: f.metric, peer: f.peer, label: f.label, ours: f.ours, unit: f.unit, batch: f.batch,
  clients: f.clients, durability: f.durability, median: f.median, min: f.min, max: f.max, runs: f.runs, ours_to_it: f.ours_to_it, lower_is_better: f.lower, others_cores: f.others, left_out: f.left_out, note: f.note })).join('\n') + '\n');

const scenarios = [...new Set(list.map((f) => f.scenario))];
const out = [];
if (machine) {
  out.push(`Measured ${machine.at.slice(0, 10)}, commit ${machine.commit}, form \`${machine.form}\`: medians of ${machine.runs} rounds with the least and the greatest, unless a table says otherwise.`, '',
    '| | |', '|---|---|', `| machine | ${machine.processor}, ${machine.cores} cores (shared with other work), ${machine.memory}, ${machine.kernel} |`,
    `| server | ${machine.postgres}; ${machine.settings} |`, `| peers | ${Object.entries(machine.versions).filter(([, v]) => v).map(([k, v]) => `${k} ${v}`).join(', ')}; Node ${machine.node} |`, '');
}
// In short: ours beside the best of the other queues, and beside what plain PostgreSQL does.
const better = (f, g) => (f.lower ? f.median < g.median : f.median > g.median);
out.push('### In short', '', '| scenario | pg_foreman | best other queue | pg_foreman to it | plain PostgreSQL | pg_foreman to it |', '|---|---:|---|---:|---:|---:|');
for (const s of scenarios) {
  for (const o of list.filter((f) => f.scenario === s && f.ours)) {
    const others = list.filter((f) => f.scenario === s && f.metric === o.metric && f.peer !== o.peer), plain = others.find((f) => f.peer === 'plain PostgreSQL');
    const best = others.filter((f) => f !== plain).reduce((a, b) => (a && !better(b, a) ? a : b), null);
    out.push(`| ${o.title}${o.metric && `: ${o.metric}`}${calm.get(s) ? '' : ' (disturbed)'} | ${show(o.median)}${o.unit === 'ratio' ? '' : ` ${o.unit}`} | ${best ? `${best.peer}, ${show(best.median)}` : ''} | ${best?.ours_to_it ? ratio(best.ours_to_it) : ''} | ${plain ? show(plain.median) : ''} | ${plain?.ours_to_it ? ratio(plain.ours_to_it) : ''} |`);
  }
}
out.push('', scenarios.some((s) => list.find((f) => f.scenario === s).lower) ? 'Of latencies and lateness less is better; of all others more.' : '', '');
for (const s of scenarios) {
  const of = list.filter((f) => f.scenario === s), metrics = [...new Set(of.map((f) => f.metric))], sides = [...new Set(of.map((f) => `${f.peer}|${f.label}|${f.batch}`))];
  const { title, unit, durability, lower } = of[0];
  const noise = Math.max(...of.map((f) => f.others)), runs = Math.max(...of.map((f) => f.runs)), left_out = Math.max(...of.map((f) => f.left_out));
  out.push(`### ${title}`, '', `In ${unit}${lower ? ', less is better' : ''}; ${durability}${machine && runs !== machine.runs ? `; ${runs} round${runs > 1 ? 's' : ''}` : ''}.${left_out && !noise ? ' Runs that other programs disturbed are left out.' : ''}${noise > NOISE ? ` **Disturbed**: other programs used up to ${noise.toFixed(1)} cores.` : ''}`, '');
  out.push(`| | how | batch |${metrics.map((m) => ` ${m || unit} |${m.includes('/') ? '' : ' pg_foreman to it |'}`).join('')}${of.some((f) => f.note) ? ' |' : ''}`,
    `|---|---|---|${metrics.map((m) => `---:|${m.includes('/') ? '' : '---:|'}`).join('')}${of.some((f) => f.note) ? '---|' : ''}`);
  for (const side of sides) {
    const mine = of.filter((f) => `${f.peer}|${f.label}|${f.batch}` === side), f = mine[0];
    const cells = metrics.map((m) => { const g = mine.find((x) => x.metric === m); return ` ${g ? range(g) : ''} |${m.includes('/') ? '' : ` ${g?.ours_to_it ? ratio(g.ours_to_it) : ''} |`}`; });
    out.push(`| ${f.ours ? `**${f.peer}**` : f.peer} | ${f.label} | ${f.batch} |${cells.join('')}${of.some((x) => x.note) ? ` ${f.note || ''} |` : ''}`);
  }
  out.push('');
}
if (problems.length) out.push('Left out in this run:', '', ...problems.map((p) => `- ${p.split('\n')[0]}`), '');
const table = ascii(out.join('\n'));
fs.writeFileSync(path.join(home, 'table.md'), table);
console.log(`\n${table}`);

const plots = new Map();
for (const s of scenarios) {
  const of = list.filter((f) => f.scenario === s), metric = of[0].metric;
  plots.set(s, bars(of[0].title, `${metric ? `${metric}, ` : ''}${of[0].unit}`, of.filter((f) => f.metric === metric).map((f) => ({ ...f, label: `${f.peer}: ${f.label}` }))));
}
const held = rows.filter((r) => r.scenario === 'held_snapshot' && r.slices && r.metric === 'first part');
if (held.length) plots.set('held_snapshot', lines(held[0].title, 'seconds with the snapshot open', 'jobs/s', held.map((r) => ({ label: r.peer, ours: r.ours, points: r.slices.map((v, i) => [(i + 1) * r.slice, v]) }))));
const outside = list.filter((f) => f.scenario.startsWith('outside_'));
if (outside.length) plots.set('outside', lines('Workers outside: claim and complete in batches, 4 connections', 'jobs claimed at once', 'jobs/s', [...new Set(outside.map((f) => f.peer))].map((peer) => (
  { label: peer, ours: peer === 'pg_foreman', points: outside.filter((f) => f.peer === peer).map((f) => [Number(f.scenario.slice(8)), f.median]) })), { logX: true, logY: true }));
for (const [name, svg] of plots) fs.writeFileSync(path.join(home, `${name}.svg`), ascii(svg));
console.log(`figures.jsonl, table.md and ${plots.size} plots are in ${path.relative(process.cwd(), home) || '.'}`);

if (page) {
  const folder = page.replace(/\.md$/, '');
  fs.mkdirSync(folder, { recursive: true });
  const shown = ['drain', 'outside', 'latency_idle', 'held_snapshot'].filter((n) => plots.has(n));
  for (const n of shown) fs.writeFileSync(path.join(folder, `${n}.svg`), ascii(plots.get(n)));
  const pictures = shown.map((n) => `![${n === 'outside' ? 'Workers outside by batch' : list.find((f) => f.scenario === n).title}](${path.basename(folder)}/${n}.svg)`);
  fs.writeFileSync(page, fill(fs.readFileSync(page, 'utf8'), 'bench-peers', `${table}\n${pictures.join('\n\n')}\n`));
  console.log(`written into ${path.relative(process.cwd(), page)}`);
}
