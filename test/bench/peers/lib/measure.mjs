// What scenarios measure with: a timed part with its use of processors, the usual shapes of a run, a limit of time.
import { connect, cpu, form, now, percentile, pgbench, quiet, seconds, setClock, sleep, value } from './env.mjs';
import { Workers } from './workers.mjs';

// Runs fn on a machine that is quiet, after a checkpoint; what it used is kept in use, for the record of this run.
export const use = {};
export async function timed(c, fn) {
  await c.query('CHECKPOINT');
  await quiet();
  const a = cpu(), t = now();
  const r = await fn();
  const secs = (now() - t) / 1000;
  // The server takes a moment to count the processes of connections that have just ended.
  await sleep(150);
  const b = cpu(), whole = (now() - t) / 1000;
  const cores = (k) => Number(((b[k] - a[k]) / whole).toFixed(2));
  Object.assign(use, { seconds: Number(secs.toFixed(2)), server: cores('server'), client: cores('client') });
  use.others = Number(Math.max(0, cores('machine') - use.server - use.client).toFixed(2));
  return r;
}

export class TooLong extends Error {}
// The promise of fn, or an error after so many seconds; then everything in that database is terminated, so that fn ends.
export async function within(secs, db, fn) {
  let timer;
  const limit = new Promise((_, reject) => { timer = setTimeout(() => reject(new TooLong(`took longer than ${secs} s`)), secs * 1000); });
  try { return await Promise.race([fn(), limit]); } catch (e) {
    if (e instanceof TooLong) {
      const c = await connect('postgres');
      await c.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [db]);
      await c.end();
    }
    throw e;
  } finally { clearTimeout(timer); }
}

// Single enqueues, so many clients: jobs/s.
export const enqueueSingle = (clients) => async (side, c) => {
  const secs = form(2, 5);
  if (!side.enqueueWorker) return timed(c, async () => (await pgbench({ db: side.db, clients, secs, script: side.enqueueOne })).tps);
  const w = await new Workers(side, { ...side.enqueueWorker, conns: clients }).init();
  try {
    return await timed(c, async () => {
      await w.go();
      const n = w.count(), t = now();
      await sleep(secs * 1000);
      return (w.count() - n) / ((now() - t) / 1000);
    });
  } finally { await w.stop(); }
};
// Arrays of size, one connection: jobs/s.
export const enqueueBulk = (n, size, how = 'enqueueMany') => (side, c) => timed(c, async () => n / await seconds(() => side[how](c, n, size)));

// n jobs that are there, worked off by worker processes outside the server: jobs/s, their connecting included.
export const drainByWorkers = (n, opts, procs = 1, task = 'noop', most = form(15, 60)) => async (side, c) => {
  await side.load(c, n, task);
  const w = await new Workers(side, opts, procs).init();
  try {
    return await timed(c, async () => {
      const t = now(), end = t + most * 1000;
      await w.go();
      while (now() < end && w.count() < n) await sleep(10);
      if (side.pending && w.count() >= n) while (now() < end && await side.pending(c) > 0) await sleep(10);
      return w.count() / ((now() - t) / 1000);
    });
  } finally { await w.stop(); }
};
// The same by scripts of pgbench that take `batch` jobs each; by time where batch is 1.
export const drainByPgbench = (n, clients, batch, script) => async (side, c) => {
  await side.load(c, n);
  return timed(c, async () => {
    if (batch === 1) {
      const r = await pgbench({ db: side.db, clients, secs: form(3, 8), script });
      return Math.min(r.tx, n - await side.pending(c)) / r.secs;
    }
    const r = await pgbench({ db: side.db, clients, tx: Math.floor(n / clients / batch), script });
    return (side.pending ? n - await side.pending(c) : r.tx * batch) / r.secs;
  });
};
export const drainInside = (n, kind) => async (side, c) => timed(c, await side.drain(c, n, kind));

// Workers outside that claim and complete `batch` jobs at a time over 4 connections: jobs/s.
export const outside = (batch) => async (side, c) => {
  const n = { 1: form(4000, 20000), 10: form(20000, 80000), 100: form(100000, 400000), 1000: form(100000, 400000) }[batch];
  await side.outsideLoad(c, n);
  return timed(c, async () => {
    const r = await pgbench({ db: side.db, clients: 4, tx: Math.floor(n / 4 / batch), script: side.outsideScript(batch) });
    return await side.outsideDone(c, n) / r.secs;
  });
};

async function latencies(c) {
  const rows = (await c.query(`SELECT 1000 * (at - committed) AS after, 1000 * (at - sent) AS whole FROM bench_sent JOIN bench_started USING (n)`)).rows;
  const sent = await value(c, 'SELECT count(*)::int FROM bench_sent'), seen = await value(c, 'SELECT count(DISTINCT n)::int FROM bench_started');
  if (seen < sent) throw new Error(`only ${seen} of ${sent} jobs were started`);
  const of = (k, p) => percentile(rows.map((r) => r[k]).sort((a, b) => a - b), p);
  return { p50: of('after', 50), p99: of('after', 99), 'p50 with the enqueue and its commit': of('whole', 50) };
}
const keepStarts = (c, starts) => c.query('INSERT INTO bench_started SELECT * FROM unnest($1::int[], $2::float8[])', [starts.map((s) => s[0]), starts.map((s) => s[1] / 1000)]);

// 20 jobs/s at uneven distances on an idle server: milliseconds from the end of the commit to the first line of the handler.
export const idleLatency = (opts) => async (side, c) => {
  const n = form(100, 400), w = opts ? await new Workers(side, opts).init() : null;
  let starts = null;
  try {
    if (w) await w.go(); else await side.startWarm(c);
    await sleep(1000);
    await timed(c, async () => {
      if (!side.sendNumbered) return c.query('CALL bench_produce($1, $2, 20, true)', [side.produceStamped, n]);
      setClock();
      const sent = [];
      for (let i = 1, at = now(); i <= n; i++) {
        sent.push([i, ...await side.sendNumbered(i)]);
        at += 50 * (0.5 + Math.random());
        await sleep(Math.max(0, at - now()));
      }
      await c.query('INSERT INTO bench_sent SELECT * FROM unnest($1::int[], $2::float8[], $3::float8[])', [0, 1, 2].map((k) => sent.map((s) => s[k])));
    });
    await sleep(600);
  } finally { if (w) starts = await w.stop(); }
  if (w) await keepStarts(c, starts); else await side.stop(c);
  return latencies(c);
};

// `rate` jobs/s in an array each 10 ms for some seconds: milliseconds from the end of the array's commit to each job's start.
export const loadedLatency = (rate, opts) => async (side, c) => {
  const secs = form(6, 20), size = Math.max(1, Math.round(rate() / 100)), w = opts ? await new Workers(side, opts, 2).init() : null;
  let starts = null;
  try {
    if (w) await w.go(); else await side.startWarm(c);
    await sleep(500);
    await timed(c, () => c.query('CALL bench_produce($1, $2, 100, false)', [side.produceNumbered(size), secs * 100]));
    if (w) for (const end = now() + 20000; await side.pending(c) > 0 && now() < end;) await sleep(50); else await side.drained(c);
  } finally { if (w) starts = await w.stop(); }
  if (w) await keepStarts(c, starts); else { await side.stop(c); await c.query(side.startedFromHistory); }
  use.note = `${size * 100} jobs/s`;
  return latencies(c);
};

// Producing and consuming at full speed beside an open repeatable-read snapshot. Closed loop: so many jobs wait, always.
// A new server creates its WAL files as it goes, one that has run for a while uses old ones again: that is measured. So many
// files of 16 MB are created and kept.
export async function ageWal(c, files) {
  await c.query(`ALTER SYSTEM SET min_wal_size = '${Math.max(1024, files * 16)}MB'`);
  await c.query(`ALTER SYSTEM SET max_wal_size = '${Math.max(4096, files * 32)}MB'`);
  await c.query('SELECT pg_reload_conf()');
  for (let i = 0; i < files; i++) await c.query(`SELECT pg_logical_emit_message(false, 'bench', ''), pg_switch_wal()`);
  await c.query('CHECKPOINT');
}

export const heldSnapshot = () => async (side, c) => {
  const b = side.bloat, secs = Number(process.env.BENCH_HELD || form(30, 180)), slice = secs / form(6, 12);
  const producer = await connect(side.db), holder = await connect(side.db);
  let produced = 0, handle = null;
  // 10 files a second are more than any side writes: as soon as files have to be created, the file system is measured.
  await ageWal(c, secs * 10 + 48);
  if (b.before) await b.before(c);
  try {
    const w = b.worker ? await new Workers(side, b.worker).init() : null;
    handle = w ? { count: () => w.count(), stop: () => w.stop() } : await b.begin(side, c);
    for (; produced < b.backlog; produced += b.chunk) await b.produce(side, producer, b.chunk);
    await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await holder.query('SELECT count(*) FROM pg_class');
    const slices = [];
    await timed(c, async () => {
      if (w) await w.go();
      const first = await handle.count(), t0 = now();
      // What was worked off before the first look is no part of the figures.
      produced -= first;
      for (let at = t0, last = first; ;) {
        const n = await handle.count(), t = now();
        if (t - at >= slice * 1000) { slices.push(Math.round((n - last) / ((t - at) / 1000))); last = n; at = t; }
        if (t - t0 >= secs * 1000 + 500 || slices.length >= secs / slice) break;
        if (produced - (n - first) < b.backlog) { await b.produce(side, producer, b.chunk); produced += b.chunk; } else await sleep(1);
      }
    });
    const r = (await c.query(`SELECT sum(pg_relation_size(c.oid))::float8 / 1048576 AS mb FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE relkind IN ('r', 'i') AND ${b.sizes}`)).rows[0];
    const dead = await value(c, 'SELECT coalesce(sum(n_dead_tup), 0)::float8 FROM pg_stat_user_tables');
    Object.assign(use, { slices, slice, note: `${Math.round(r.mb)} MB of tables and indexes for what waits, ${(1000 * Math.round(dead / 1000)).toLocaleString('en')} dead rows` });
    return { 'first part': slices[0], 'last part': slices[slices.length - 1], 'last / first': slices[slices.length - 1] / slices[0] };
  } finally {
    await holder.query('ROLLBACK').catch(() => {});
    if (handle) await handle.stop();
    await holder.end();
    await producer.end();
  }
};
