// graphile-worker (npm). Its best setting: 24 slots, a local queue of 500 jobs, completions in batches.
import { connString, npmImport, npmVersion, value, PAYLOAD } from '../lib/env.mjs';
import { SETUP, NUMBERED, PAYLOAD_SQL } from './common.mjs';

const best = { concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
const plain = { concurrentJobs: 10, maxPoolSize: 11 };
const many = (n, task = 'noop') => `SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(SELECT x FROM json_populate_recordset(null::graphile_worker.job_spec,
  (SELECT json_agg(json_build_object('identifier', '${task}', 'payload', $1::json)) FROM generate_series(1, ${n}))) x))`;

export default {
  name: 'graphile-worker', title: 'graphile-worker', db: 'bench_graphile', file: import.meta.url,
  best, plain,
  version: async () => npmVersion('graphile-worker'),
  async setup(c) {
    await c.query(SETUP);
    await (await npmImport('graphile-worker')).runMigrations({ connectionString: connString(this.db) });
    for (const task of ['noop', 'insert_row', 'stamp']) await c.query(`SELECT graphile_worker.add_job('${task}', '{}')`);
    await this.clean(c);
  },
  async clean(c) { await c.query('TRUNCATE graphile_worker._private_jobs, bench_side, bench_sent, bench_started'); },
  async load(c, n, task = 'noop') {
    for (let i = 0; i < n; i += 10000) await c.query(many(Math.min(10000, n - i), task), [PAYLOAD]);
    await c.query('VACUUM ANALYZE graphile_worker._private_jobs');
  },
  pending: (c) => value(c, 'SELECT count(*)::int FROM graphile_worker._private_jobs'),

  enqueueOne: `SELECT graphile_worker.add_job('noop', ${PAYLOAD_SQL}::json);\n`,
  async enqueueMany(c, n, size) { for (let i = 0; i < n; i += size) await c.query(many(size), [PAYLOAD]); },

  produceStamped: `SELECT graphile_worker.add_job('stamp', ${NUMBERED}::json)`,
  produceNumbered: (size) => many(size, 'stamp').replace('$1::json', `${NUMBERED}::json`),
  latencyWorker: { preset: plain },
  bloat: {
    backlog: 5000, chunk: 500, batch: 'add_jobs of 500; local queue 500, batched completion', history: 'none', worker: { preset: best },
    sizes: `nspname = 'graphile_worker'`,
    produce: (side, c, n) => c.query(many(n), [PAYLOAD]),
  },
  async workerInit() {
    this.gw = await npmImport('graphile-worker');
    this.logger = new this.gw.Logger(() => () => {});
  },
  async worker(o, api) {
    const runner = await this.gw.run({
      preset: { worker: { connectionString: connString(o.db), ...o.preset, logger: this.logger } },
      taskList: {
        noop: async () => { api.count(1); },
        stamp: async (p) => { api.stamp(p.n); },
        insert_row: async (p, helpers) => { await helpers.query('INSERT INTO bench_side VALUES (1, 1)'); api.count(1); },
      },
      noHandleSignals: true,
    });
    return () => runner.stop();
  },
};
