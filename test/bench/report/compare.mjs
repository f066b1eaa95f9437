// Says how a run of make bench-peers compares with a page that has the tables of another: node compare.mjs TABLE PAGE.
// Compared are the ratios of pg_foreman to each other side, since seconds of two machines are not comparable.
import fs from 'node:fs';
import { ratio, show } from './common.mjs';

const [table, page] = process.argv.slice(2);
const RATIO = 'pg_foreman to it';
const cells_of = (line) => line.split('|').slice(1, -1).map((c) => c.trim());

// "title | side | how | metric" to the ratio. The tables are those that peers.mjs writes: a ratio is right of its metric.
function ratios(file) {
  const found = new Map();
  let title = '', head = null;
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('### ')) { title = line.slice(4); head = null; }
    if (!line.startsWith('|')) continue;
    const cells = cells_of(line);
    if (cells[0] === '' && cells[1] === 'how') head = cells;
    if (!head) continue;
    head.forEach((name, i) => {
      const ratio = name === RATIO && /^[\d.,]+x$/.test(cells[i] ?? '') ? Number(cells[i].replace(/[,x]/g, '')) : NaN;
      if (ratio > 0) found.set([title, cells[0], cells[1], head[i - 1]].join(' | '), ratio);
    });
  }
  return found;
}

const here = ratios(table), there = ratios(page);
const both = [...here.keys()].filter((k) => there.has(k));
if (both.length) {
  console.log('\nThe ratios of pg_foreman to the others, on the page and in this run:\n\n| scenario | side | how | metric | page | here | here / page |\n|---|---|---|---|---:|---:|---:|');
  for (const k of both) console.log(`| ${k} | ${ratio(there.get(k))} | ${ratio(here.get(k))} | ${show(here.get(k) / there.get(k))} |`);
  const off = both.map((k) => here.get(k) / there.get(k)).sort((a, b) => a - b);
  console.log(`\n${both.length} ratios; here / page: median ${show(off[off.length >> 1])}, least ${show(off[0])}, greatest ${show(off[off.length - 1])}.`);
}
