// pg-boss (npm). It has no SQL interface: jobs are sent through its client, one call at a time on a connection.
import { connOpts, npmImport, npmVersion, now, value, PAYLOAD, sleep } from '../lib/env.mjs';
import { SETUP } from './common.mjs';

const Q = 'noop', DATA = JSON.parse(PAYLOAD);
async function boss(db, more = {}) {
  const m = await npmImport('pg-boss');
  const b = new (m.PgBoss || m.default)({ ...connOpts(db), max: 10, supervise: false, schedule: false, ...more });
  b.on('error', (e) => console.error('pg-boss:', e.message));
  await b.start();
  return b;
}

export default {
  name: 'pg-boss', title: 'pg-boss', db: 'bench_pgboss', file: import.meta.url,
  version: async () => npmVersion('pg-boss'),
  async setup(c) {
    await c.query(SETUP);
    this.boss = await boss(this.db);
    await this.boss.createQueue(Q, { notify: true });
  },
  async end() { if (this.boss) await this.boss.stop({ graceful: false }); },
  async clean(c) {
    await c.query('TRUNCATE pgboss.job_common').catch(() => c.query('DELETE FROM pgboss.job'));
    await c.query('TRUNCATE bench_side, bench_sent, bench_started');
  },
  async load(c, n) {
    await this.enqueueMany(c, n, 1000);
    await c.query('ANALYZE');
  },
  pending: (c) => value(c, `SELECT count(*)::int FROM pgboss.job WHERE state < 'completed'`),

  enqueueWorker: { mode: 'send' },
  async enqueueMany(c, n, size) {
    const jobs = Array(size).fill({ data: DATA });
    for (let i = 0; i < n; i += size) await this.boss.insert(Q, jobs);
  },
  async sendNumbered(i) {
    const sent = now();
    await this.boss.send(Q, { n: i, pad: 'x'.repeat(70) });
    return [sent / 1000, now() / 1000];
  },
  latencyWorker: { mode: 'stamp', listen: true, work: { batchSize: 20 } },
  bloat: {
    backlog: 5000, chunk: 500, batch: 'insert of 500; work() in batches of 1,000', history: 'kept', worker: { mode: 'work', batch: 1000, conns: 2 },
    sizes: `nspname = 'pgboss'`,
    produce: (side, c, n) => side.enqueueMany(c, n, n),
  },
  async worker(o, api) {
    const b = await boss(o.db, { useListenNotify: !!o.listen });
    let run = true;
    const loops = [];
    if (o.mode === 'send') {
      for (let i = 0; i < o.conns; i++) loops.push((async () => { while (run) { await b.send(Q, DATA); api.count(1); } })());
    } else if (o.mode === 'loop') {
      for (let i = 0; i < o.conns; i++) loops.push((async () => {
        while (run) {
          const jobs = await b.fetch(Q, { batchSize: o.batch });
          if (!jobs || !jobs.length) { await sleep(5); continue; }
          await b.complete(Q, jobs.map((j) => j.id));
          api.count(jobs.length);
        }
      })());
    } else if (o.mode === 'work') {
      await b.work(Q, { batchSize: o.batch, localConcurrency: o.conns, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }, async (jobs) => { api.count(jobs.length); });
    } else {
      await b.work(Q, o.work, async (jobs) => { for (const j of jobs) api.stamp(j.data.n); });
    }
    return async () => { run = false; await Promise.all(loops); await b.stop({ graceful: false }); };
  },
};
