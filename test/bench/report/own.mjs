// The report of make bench: node own.mjs DIRECTORY. Reads figures.jsonl there; writes table.md and a plot for each part and unit.
import fs from 'node:fs';
import path from 'node:path';
import { ascii, bars, range } from './common.mjs';

const [home] = process.argv.slice(2);
const rows = fs.readFileSync(path.join(home, 'figures.jsonl'), 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
const { machine, server, commit, form, runs } = rows.find((r) => r.machine), figures = rows.filter((r) => r.part);
const out = [`Commit ${commit}, form \`${form}\`: medians of ${runs} runs with the least and the greatest. ${machine}; ${server}.`, ''];
let plots = 0;
for (const part of [...new Set(figures.map((f) => f.part))]) {
  const of = figures.filter((f) => f.part === part);
  out.push(`### ${part}`, '', `${of[0].durability}.`, '', '| figure | median (least to greatest) | unit | target |', '|---|---:|---|---|');
  for (const f of of) out.push(`| ${f.what.trim()} | ${range(f)} | ${f.unit} | ${f.target} |`);
  out.push('');
  for (const unit of new Set(of.map((f) => f.unit).filter((u) => u !== 'ratio'))) {
    fs.writeFileSync(path.join(home, `${part}-${unit.replace(/[^a-z]/gi, '')}.svg`), ascii(bars(part, unit, of.filter((f) => f.unit === unit).map((f) => ({ ...f, label: f.what.trim(), ours: true })))));
    plots++;
  }
}
fs.writeFileSync(path.join(home, 'table.md'), ascii(out.join('\n')));
console.log(`\nfigures.jsonl, table.md and ${plots} plots are in ${path.relative(process.cwd(), home) || '.'}`);
