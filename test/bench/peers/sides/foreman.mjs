// pg_foreman, with the handlers of test/bench/setup.sql.
import fs from 'node:fs';
import { value, now, sleep, PAYLOAD } from '../lib/env.mjs';
import { SETUP, NUMBERED, PAYLOAD_SQL, quoted } from './common.mjs';

const workers = (c) => value(c, `SELECT count(*)::int FROM foreman.workers`);

export default {
  name: 'foreman', title: 'pg_foreman', db: 'bench_foreman', file: import.meta.url,
  version: (c) => value(c, `SELECT extversion FROM pg_extension WHERE extname = 'pg_foreman'`),
  async setup(c) {
    await c.query(fs.readFileSync(new URL('../../setup.sql', import.meta.url), 'utf8'));
    await c.query(`${SETUP}
      CREATE FUNCTION bench.stamp_number(args jsonb) RETURNS void LANGUAGE plpgsql AS
      'BEGIN INSERT INTO public.bench_started VALUES ((args ->> ''n'')::int, extract(epoch FROM clock_timestamp())); END';
      SELECT foreman.register_handler('stamp_number', 'bench.stamp_number(jsonb)');`);
    await this.stop(c);
    // A row as enqueue() writes it, without the engine: what enqueueing is compared with.
    const id = await value(c, `SELECT foreman.enqueue('noop', ${PAYLOAD_SQL})`);
    const row = (await c.query({ text: 'SELECT * FROM foreman.live_job WHERE job_id = $1', values: [id], types: { getTypeParser: () => (v) => v } })).rows[0];
    const generated = (await c.query(`SELECT attname FROM pg_attribute WHERE attrelid = 'bench.plain'::regclass AND attnum > 0 AND attgenerated <> ''`)).rows.map((x) => x.attname);
    const fresh = { job_id: `nextval('bench.plain_id')`, run_at: 'now()', enqueued_at: 'clock_timestamp()' };
    const columns = Object.keys(row).filter((k) => row[k] !== null && !generated.includes(k));
    this.columns = columns.join(', ');
    this.plainInsert = `INSERT INTO bench.plain (${this.columns}) VALUES (${columns.map((k) => fresh[k] || quoted(row[k])).join(', ')});\n`;
  },
  // Everything that waits is thrown away, the engine stopped, the tables emptied.
  async clean(c) {
    await this.stop(c);
    await c.query(`SELECT foreman.purge_queue('default')`);
    await c.query('TRUNCATE foreman.job_history, bench.side, bench.plain, bench.one_row, public.bench_side, public.bench_sent, public.bench_started');
    await c.query('VACUUM foreman.live_job');
  },
  async start(c) { await c.query('SELECT foreman.start()'); },
  async stop(c) {
    await c.query('SELECT foreman.stop()');
    for (const end = now() + 15000; await workers(c) > 0;) { if (now() > end) throw new Error('executors do not end'); await sleep(20); }
  },
  // Executors that are there before the first job.
  async startWarm(c) {
    await this.start(c);
    await this.load(c, 1000, 'noop', 1000);
    await this.drained(c);
    await c.query('TRUNCATE foreman.job_history');
  },
  // Those who wait are counted in shared memory: it reads no table.
  async drained(c, limit = 120) {
    for (const end = now() + limit * 1000; await value(c, 'SELECT coalesce(sum(waiting), 0)::int FROM foreman.queues') > 0;) {
      if (now() > end) throw new Error('the queue is not drained');
      await sleep(20);
    }
  },
  async load(c, n, kind = 'noop', chunk = 10000) { await c.query(`CALL bench.load('${kind}', ${n}, ${chunk})`); },

  enqueueOne: `SELECT foreman.enqueue('noop', ${PAYLOAD_SQL});\n`,
  async enqueueMany(c, n, size) {
    const args = Array(size).fill(PAYLOAD);
    for (let i = 0; i < n; i += size) await c.query({ name: 'many', text: `SELECT count(*) FROM foreman.enqueue_array('noop', $1::jsonb[])`, values: [args] });
  },
  async enqueueManyInside(c, n, size) {
    for (let i = 0; i < n; i += size)
      await c.query({ name: 'inside', text: `SELECT count(*) FROM foreman.enqueue_array('noop', (SELECT args FROM bench.args WHERE size = $1))`, values: [size] });
  },

  // jobs/s from start() to the last finished_at, which is at most a group's commit too early.
  async drain(c, n, kind) {
    await this.load(c, n, kind);
    await c.query('CHECKPOINT');
    return async () => {
      const t = (await c.query('SELECT clock_timestamp()::text AS t')).rows[0].t;
      await this.start(c);
      await this.drained(c);
      const r = (await c.query(`SELECT count(*)::int AS n, (count(*) / extract(epoch FROM max(finished_at) - $1::timestamptz))::float8 AS rate
        FROM foreman.job_history WHERE outcome = 'c'`, [t])).rows[0];
      if (r.n !== n) throw new Error(`${r.n} of ${n} jobs are in the history`);
      return r.rate;
    };
  },

  outsideScript: (batch) => batch === 1
    ? `SELECT job_id AS id, token AS token FROM foreman.claim('{default}', 'bench ' || :client_id) \\gset
SELECT foreman.complete(:id::int8, :token::uuid);
`
    : `SELECT array_agg(job_id) AS ids, array_agg(token) AS tokens FROM foreman.claim('{default}', 'bench ' || :client_id, ${batch}) \\gset
SELECT count(*) FROM foreman.complete_many(:ids::int8[], :tokens::uuid[]);
`,
  async outsideLoad(c, n) {
    await this.load(c, n, 'outside', n >= 100000 ? 100000 : 1000);
    await c.query('VACUUM ANALYZE foreman.live_job');
    // Its dispatcher watches the leases.
    await this.start(c);
    await sleep(500);
  },
  outsideDone: (c) => value(c, `SELECT count(*)::int FROM foreman.job_history WHERE outcome = 'c'`),

  produceStamped: `SELECT foreman.enqueue('stamp_number', ${NUMBERED})`,
  produceNumbered: (size) => `SELECT count(*) FROM foreman.enqueue_array('noop', array_fill(${NUMBERED}, ARRAY[${size}]))`,
  startedFromHistory: `INSERT INTO public.bench_started SELECT (args ->> 'n')::int, extract(epoch FROM started_at) FROM foreman.job_history WHERE args ? 'n' AND kind = 'noop'`,

  bloat: {
    backlog: 20000, chunk: 1000, batch: 'enqueue_array of 1,000; groups of the engine', history: 'kept',
    sizes: `nspname = 'foreman' AND relname LIKE 'live_job%'`,
    async begin(side, c) {
      await side.startWarm(c);
      const done = new Map();
      let total = 0, at = 0;
      const handle = {
        async count() {
          if (now() - at < 25) return total;
          at = now();
          for (const r of (await c.query('SELECT pid, jobs_done::float8 AS n FROM foreman.workers WHERE pid IS NOT NULL')).rows) {
            if (done.has(r.pid)) total += r.n - done.get(r.pid);
            done.set(r.pid, r.n);
          }
          return total;
        },
        stop: () => side.stop(c),
      };
      await handle.count();
      return handle;
    },
    produce: (side, c, n) => side.enqueueMany(c, n, n),
  },
};
