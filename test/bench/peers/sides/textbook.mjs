// The textbook queue: one table, a partial index, UPDATE .. FOR UPDATE SKIP LOCKED, then DELETE. It keeps no history.
import { connect, value, sleep, PAYLOAD } from '../lib/env.mjs';
import { SETUP, NUMBERED, PAYLOAD_SQL } from './common.mjs';

const next = (k) => `SELECT id FROM jobs WHERE status = 0 AND run_at <= now() ORDER BY priority, run_at, id LIMIT ${k} FOR UPDATE SKIP LOCKED`;
const claim = (k) => `WITH c AS (UPDATE jobs SET status = 1, attempts = attempts + 1, locked_at = now() WHERE id = ANY (ARRAY(${next(k)})) RETURNING id, payload)`;

export default {
  name: 'textbook', title: 'textbook table, SKIP LOCKED', db: 'bench_textbook', file: import.meta.url,
  version: async () => 'by hand',
  async setup(c) {
    await c.query(`${SETUP}
      CREATE TABLE jobs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, priority smallint NOT NULL DEFAULT 0, status smallint NOT NULL DEFAULT 0,
        attempts smallint NOT NULL DEFAULT 0, run_at timestamptz NOT NULL DEFAULT now(), locked_at timestamptz, payload jsonb NOT NULL);
      CREATE INDEX jobs_ready ON jobs (priority, run_at, id) WHERE status = 0;`);
  },
  async clean(c) { await c.query('TRUNCATE jobs, bench_side, bench_sent, bench_started'); },
  async load(c, n) {
    await c.query('INSERT INTO jobs (payload) SELECT $1::jsonb FROM generate_series(1, $2::int)', [PAYLOAD, n]);
    await c.query('VACUUM ANALYZE jobs');
  },
  pending: (c) => value(c, 'SELECT count(*)::int FROM jobs'),

  enqueueOne: `INSERT INTO jobs (payload) VALUES (${PAYLOAD_SQL});\n`,
  async enqueueMany(c, n, size) {
    const args = Array(size).fill(PAYLOAD);
    for (let i = 0; i < n; i += size) await c.query({ name: 'many', text: 'INSERT INTO jobs (payload) SELECT unnest($1::jsonb[])', values: [args] });
  },
  // Claim (commit), work, delete (commit): a lease that others see.
  twoCommits: (k) => `${claim(k)} SELECT coalesce(array_agg(id), '{}') AS ids, count(payload) AS n FROM c \\gset
DELETE FROM jobs WHERE id = ANY (:ids::bigint[]);
`,
  // The job is deleted in the transaction that works; a crash undoes it.
  oneCommit: (k) => `DELETE FROM jobs WHERE id = ANY (ARRAY(${next(k)})) RETURNING id, payload;\n`,
  oneCommitInsert: (k) => `WITH d AS (DELETE FROM jobs WHERE id = ANY (ARRAY(${next(k)})) RETURNING id, payload) INSERT INTO bench_side SELECT id, 1 FROM d;\n`,

  outsideScript(batch) { return this.twoCommits(batch); },
  async outsideLoad(c, n) { await this.load(c, n); },
  async outsideDone(c, n) { return n - await this.pending(c); },

  produceStamped: `WITH i AS (INSERT INTO jobs (payload) VALUES (${NUMBERED})) SELECT pg_notify('jobs', '')`,
  latencyWorker: { mode: 'latency' },
  bloat: {
    backlog: 5000, chunk: 500, batch: 'INSERT of 500; claims of 10, 2 connections', history: 'none', worker: { mode: 'loop', batch: 10, conns: 2 },
    sizes: `relname IN ('jobs', 'jobs_ready', 'jobs_pkey')`,
    produce: (side, c, n) => c.query({ name: 'produce', text: 'INSERT INTO jobs (payload) SELECT $1::jsonb FROM generate_series(1, $2::int)', values: [PAYLOAD, n] }),
  },
  async worker(o, api) {
    let run = true;
    const once = async (c, k) => {
      const r = await c.query({ name: 'claim', text: `${claim(k)} SELECT id, payload FROM c` });
      if (o.mode === 'latency') for (const x of r.rows) api.stamp(x.payload.n);
      if (r.rowCount) await c.query({ name: 'end', text: 'DELETE FROM jobs WHERE id = ANY ($1::bigint[])', values: [r.rows.map((x) => x.id)] });
      if (o.mode !== 'latency') api.count(r.rowCount);
      return r.rowCount;
    };
    if (o.mode === 'latency') {
      const c = await connect(o.db), l = await connect(o.db);
      let busy = false, again = false;
      l.on('notification', async () => {
        if (busy) { again = true; return; }
        busy = true;
        do { again = false; while (run && await once(c, 1)); } while (again);
        busy = false;
      });
      await l.query('LISTEN jobs');
      return async () => { run = false; await l.end(); await c.end(); };
    }
    const loops = Array.from({ length: o.conns }, async () => {
      const c = await connect(o.db);
      while (run) if (!await once(c, o.batch)) await sleep(2);
      await c.end();
    });
    return async () => { run = false; await Promise.all(loops); };
  },
};
