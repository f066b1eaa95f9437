// The scenarios: each a list of sides that take turns. `run` gives one number, or several with names. Ratios are of the side
// that is marked `ours` to each other one.
import { form, pgbench, sleep, now, seconds, value } from '../lib/env.mjs';
import { timed, enqueueSingle, enqueueBulk, drainByWorkers, drainByPgbench, drainInside, outside, idleLatency, loadedLatency, heldSnapshot } from '../lib/measure.mjs';
import foreman from '../sides/foreman.mjs';
import textbook from '../sides/textbook.mjs';
import graphile from '../sides/graphile.mjs';
import pgboss from '../sides/pgboss.mjs';
import pgq from '../sides/pgq.mjs';
import limits from '../sides/limits.mjs';
import pgcron from '../sides/pgcron.mjs';

export const sides = [foreman, textbook, graphile, pgboss, pgq, limits, pgcron];

const on = 'synchronous_commit on';
const JOBS = form(200000, 400000), FEWER = form(100000, 400000);

const single = (clients) => [
  { side: foreman, ours: true, label: 'enqueue()', run: enqueueSingle(clients) },
  { side: foreman, peer: 'plain PostgreSQL', label: 'INSERT of the same row into a table with the same indexes',
    run: (side, c) => timed(c, async () => (await pgbench({ db: side.db, clients, secs: form(2, 5), script: side.plainInsert })).tps) },
  { side: textbook, label: 'INSERT', run: enqueueSingle(clients) },
  { side: graphile, label: 'add_job()', run: enqueueSingle(clients) },
  { side: pgboss, label: 'send()', run: enqueueSingle(clients) },
  { side: pgq, label: 'insert_event()', run: enqueueSingle(clients) },
].map((s) => ({ batch: '1', clients, history: '', ...s }));

async function copyRows(side, c) {
  const n = FEWER, file = `${process.env.PGHOST}/rows`;
  await side.load(c, n, 'noop', 100000);
  await c.query(`COPY (SELECT ${side.columns} FROM foreman.live_job) TO '${file}'`);
  return timed(c, async () => n / await seconds(() => c.query(`COPY bench.plain (${side.columns}) FROM '${file}'`)));
}

// Rates that the drain of this run has shown, for the latency at half of them.
export const rates = {};
const half = (key, otherwise) => () => (rates[key] || otherwise) / 2;

// All schedules of `many` are due at one time: milliseconds from it to the start of the command.
const lateness = async (c, from, many, due, limit) => {
  for (const end = now() + limit; await value(c, `SELECT count(*)::int ${from}`) < many;) { if (now() > end) throw new Error('not every command ran'); await sleep(200); }
  const p = (x) => value(c, `SELECT 1000 * percentile_disc(${x}) WITHIN GROUP (ORDER BY extract(epoch FROM at) - $1::float8)::float8 ${from}`, [due]);
  return { p50: await p(0.5), slowest: await p(1) };
};
async function schedulesOfForeman(side, c) {
  const many = 200;
  await c.query('CREATE TABLE IF NOT EXISTS bench.late (at timestamptz)');
  await c.query('TRUNCATE bench.late');
  await side.startWarm(c);
  const due = Math.ceil(await value(c, 'SELECT extract(epoch FROM clock_timestamp())::float8')) + 5;
  await c.query(`SELECT count(foreman.schedule('j' || i, to_char(to_timestamp($1::float8) AT TIME ZONE 'UTC', 'SS MI HH24') || ' * * *',
    'INSERT INTO bench.late VALUES (clock_timestamp())', timezone => 'UTC')) FROM generate_series(1, $2::int) i`, [due, many]);
  try { return await timed(c, () => lateness(c, 'FROM bench.late', many, due, 30000)); } finally {
    await c.query(`SELECT count(foreman.unschedule(name)) FROM foreman.schedules`);
  }
}
async function schedulesOfPgCron(side, c) {
  const many = 200;
  for (let i = 0; i < many; i++) await c.query(`SELECT cron.schedule('j${i}', '* * * * *', 'INSERT INTO late VALUES (clock_timestamp())')`);
  const due = Math.ceil((await value(c, 'SELECT extract(epoch FROM clock_timestamp())::float8') + 2) / 60) * 60;
  await c.query('TRUNCATE late');
  while (now() / 1000 < due - 1) await sleep(200);
  await c.query('TRUNCATE late');
  return timed(c, () => lateness(c, 'FROM late', many, due, 45000));
}

export const scenarios = [
  { name: 'enqueue_1', title: 'Enqueue, one row a transaction, 1 client', unit: 'jobs/s', sides: single(1) },
  { name: 'enqueue_4', title: 'Enqueue, one row a transaction, 4 clients', unit: 'jobs/s', sides: single(4) },
  { name: 'enqueue_bulk', title: 'Enqueue in bulk, 1 client', unit: 'jobs/s', sides: [
    { side: foreman, ours: true, label: 'enqueue_array(), sent by a client', batch: '1,000', run: enqueueBulk(FEWER, 1000) },
    { side: foreman, label: 'enqueue_array(), array made in the server', batch: '1,000', run: enqueueBulk(FEWER, 1000, 'enqueueManyInside') },
    { side: foreman, label: 'enqueue_array(), array made in the server', batch: '100,000', run: enqueueBulk(FEWER, 100000, 'enqueueManyInside') },
    { side: foreman, peer: 'plain PostgreSQL', label: 'COPY of the same rows into a table with the same indexes', batch: `${FEWER}`, run: copyRows },
    { side: textbook, label: 'INSERT .. SELECT unnest()', batch: '1,000', run: enqueueBulk(FEWER, 1000) },
    { side: graphile, label: 'add_jobs()', batch: '1,000', run: enqueueBulk(form(50000, 200000), 1000) },
    { side: pgboss, label: 'insert()', batch: '1,000', run: enqueueBulk(form(50000, 200000), 1000) },
    { side: pgq, label: 'insert_event() x 1,000', batch: '1,000', run: enqueueBulk(form(50000, 200000), 1000) },
  ].map((s) => ({ clients: 1, ...s })) },
  { name: 'drain', title: 'Drain, no-op handler', unit: 'jobs/s', sides: [
    { side: foreman, ours: true, label: 'lane transaction, 2 executors, history kept', batch: 'groups of the engine', run: drainInside(JOBS, 'noop'), rate: 'foreman' },
    { side: graphile, label: '2 processes, 24 slots, local queue 500, batched completion; no history', batch: '500', run: drainByWorkers(FEWER, { preset: graphile.best }, 2), rate: 'graphile' },
    { side: textbook, label: 'DELETE .. RETURNING in one transaction, 2 connections; no history', batch: '100', run: drainByPgbench(JOBS, 2, 100, textbook.oneCommit(100)) },
    { side: textbook, label: 'claim, then DELETE, 4 connections; no history', batch: '100', run: drainByPgbench(JOBS, 4, 100, textbook.twoCommits(100)) },
    { side: pgboss, label: 'fetch(), complete(), 4 loops', batch: '100', run: drainByWorkers(form(50000, 200000), { mode: 'loop', batch: 100, conns: 4 }) },
  ] },
  { name: 'drain_batch', title: 'Drain, handler that gets many jobs at once', unit: 'jobs/s', sides: [
    { side: foreman, ours: true, label: 'lane batch, no-op, 2 executors, history kept', batch: 'groups of the engine', run: drainInside(JOBS, 'noop_batch') },
    { side: foreman, label: 'lane transaction beside it', batch: 'groups of the engine', run: drainInside(JOBS, 'noop') },
    { side: pgq, label: 'one consumer (pgbench); no state of an event', batch: '1,000', run: drainByPgbench(JOBS, 1, 1000, pgq.consume) },
  ] },
  { name: 'drain_insert', title: 'Drain, handler inserts a row', unit: 'jobs/s', sides: [
    { side: foreman, ours: true, label: 'lane transaction, 2 executors, history kept', batch: 'groups of the engine', run: drainInside(FEWER, 'insert_row') },
    { side: limits, label: 'a subtransaction and an INSERT a row in PL/pgSQL, 2 processes', batch: 'COMMIT each 60', run: (side, c) => timed(c, () => side.twice('isolated_rows', FEWER)) },
    { side: textbook, label: 'DELETE 100 and INSERT 100 by one statement, 2 connections; no history', batch: '100', run: drainByPgbench(FEWER, 2, 100, textbook.oneCommitInsert(100)) },
    { side: graphile, label: '2 processes, an INSERT in each handler, else as above; no history', batch: '500', run: drainByWorkers(form(30000, 100000), { preset: graphile.best }, 2, 'insert_row') },
  ] },
  { name: 'drain_single', title: 'Drain, each job in a transaction of its own', unit: 'jobs/s', sides: [
    { side: foreman, ours: true, label: 'max_group 1, no-op, 2 executors, history kept', batch: '1', run: drainInside(form(10000, 30000), 'noop_single') },
    { side: limits, label: 'INSERT and COMMIT of one row in 2 server processes', batch: '1', run: (side, c) => timed(c, () => side.twice('commit_rows', form(10000, 30000))) },
    { side: textbook, label: 'claim 1, DELETE 1, 4 connections; no history', batch: '1', run: drainByPgbench(form(20000, 60000), 4, 1, textbook.twoCommits(1)) },
    { side: graphile, label: 'its defaults, 10 slots; no history', batch: '1', run: drainByWorkers(form(15000, 40000), { preset: graphile.plain }) },
    { side: pgboss, label: 'fetch 1, complete 1, 4 loops', batch: '1', run: drainByWorkers(form(5000, 15000), { mode: 'loop', batch: 1, conns: 4 }) },
  ] },
  ...[1, 10, 100, 1000].map((batch) => ({ name: `outside_${batch}`, title: `Workers outside, claim ${batch.toLocaleString('en')} and complete ${batch.toLocaleString('en')}, 4 connections`, unit: 'jobs/s', sides: [
    { side: foreman, ours: true, label: 'claim(), complete(), leases, history kept', run: outside(batch) },
    { side: textbook, label: 'claim, then DELETE; no history', run: outside(batch) },
  ].map((s) => ({ batch: batch.toLocaleString('en'), clients: 4, ...s })) })),
  { name: 'latency_idle', title: 'Latency on an idle server, 20 jobs/s, commit of the enqueue to the first line of the handler', unit: 'ms', lower: true, sides: [
    { side: foreman, ours: true, label: 'executor in the server', run: idleLatency(null) },
    { side: textbook, label: 'LISTEN / NOTIFY, Node', run: idleLatency(textbook.latencyWorker) },
    { side: graphile, label: 'LISTEN / NOTIFY, 10 slots', run: idleLatency(graphile.latencyWorker) },
    { side: pgboss, label: 'LISTEN / NOTIFY; from the end of the client\'s call', run: idleLatency(pgboss.latencyWorker) },
    { side: pgq, label: 'ticks of 10 ms, max_lag 0, polled each 2 ms', run: idleLatency(pgq.latencyWorker) },
  ].map((s) => ({ batch: '1', clients: 1, ...s })) },
  { name: 'latency_loaded', title: 'Latency at half of the drain rate of each, an array each 10 ms', unit: 'ms', lower: true, sides: [
    { side: foreman, ours: true, label: 'lane transaction, no-op, 2 executors', batch: 'arrays of a 100th of the rate', run: loadedLatency(half('foreman', 60000), null) },
    { side: graphile, label: '2 processes, best setting', batch: 'arrays of a 100th of the rate', run: loadedLatency(half('graphile', 20000), { preset: graphile.best }) },
  ] },
  { name: 'held_snapshot', title: `Produce and consume at full speed for ${process.env.BENCH_HELD || form(30, 180)} s beside an open repeatable-read snapshot`, unit: 'jobs/s', rounds: 1, again: 0, limit: form(180, 900),
    sides: [foreman, pgq, graphile, pgboss, textbook].map((side) => ({ side, ours: side === foreman, label: `history ${side.bloat.history}`, batch: side.bloat.batch, run: heldSnapshot() })) },
  { name: 'schedules', title: '200 schedules due at one time, the time to the start of each command', unit: 'ms late', lower: true, rounds: form(1, 3), again: 0, limit: 150, sides: [
    { side: foreman, ours: true, label: 'foreman.schedule(), 2 executors', batch: '200', run: schedulesOfForeman },
    { side: pgcron, label: 'background workers, max_running_jobs 200', batch: '200', run: schedulesOfPgCron },
  ] },
].map((s) => ({ durability: on, rounds: undefined, limit: form(60, 180), ...s }));
