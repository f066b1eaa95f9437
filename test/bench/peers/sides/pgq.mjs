// PgQ 3 (package postgresql-N-pgq3): a log of events that consumers read in batches between ticks. It keeps no state of an event.
import { connect, value, sleep, PAYLOAD } from '../lib/env.mjs';
import { SETUP, NUMBERED, PAYLOAD_SQL } from './common.mjs';

const insert = (n) => `SELECT count(pgq.insert_event('q', 'noop', $1::text)) FROM generate_series(1, ${n})`;

export default {
  name: 'pgq', title: 'PgQ', db: 'bench_pgq', file: import.meta.url,
  version: (c) => value(c, `SELECT extversion FROM pg_extension WHERE extname = 'pgq'`),
  async setup(c) {
    await c.query(`${SETUP} CREATE EXTENSION pgq`);
    await c.query(`SELECT pgq.create_queue('q')`);
    await c.query(`SELECT pgq.register_consumer('q', 'c')`);
  },
  async clean(c) {
    await c.query(`SELECT pgq.unregister_consumer('q', 'c')`);
    await c.query(`SELECT pgq.drop_queue('q')`);
    await c.query(`SELECT pgq.create_queue('q')`);
    await c.query(`SELECT pgq.register_consumer('q', 'c')`);
    await c.query('TRUNCATE bench_side, bench_sent, bench_started');
  },
  // 1,000 events and a tick a batch.
  async load(c, n) {
    for (let i = 0; i < n; i += 1000) {
      await c.query({ name: 'load', text: insert(1000), values: [PAYLOAD] });
      await c.query(`SELECT pgq.ticker('q')`);
    }
    await c.query(`SELECT pgq.force_tick('q')`);
    await c.query(`SELECT pgq.ticker('q')`);
  },
  enqueueOne: `SELECT pgq.insert_event('q', 'noop', ${PAYLOAD_SQL});\n`,
  async enqueueMany(c, n, size) { for (let i = 0; i < n; i += size) await c.query({ name: `many${size}`, text: insert(size), values: [PAYLOAD] }); },
  consume: `SELECT pgq.next_batch('q', 'c') AS b \\gset
SELECT * FROM pgq.get_batch_events(:b);
SELECT pgq.finish_batch(:b);
`,
  produceStamped: `SELECT pgq.insert_event('q', 'noop', (${NUMBERED})::text)`,
  latencyWorker: { mode: 'stamp', tick: 10, poll: 2, maxlag: '0 seconds' },
  bloat: {
    backlog: 20000, chunk: 1000, batch: 'insert_event x 1,000; batches of a tick of 20 ms', history: 'none, no state of an event', worker: { mode: 'count', tick: 20, poll: 2, maxlag: '0 seconds' },
    sizes: `nspname = 'pgq'`,
    produce: (side, c, n) => side.enqueueMany(c, n, n),
    before: (c) => c.query(`SELECT pgq.set_queue_config('q', 'rotation_period', '30 seconds')`),
  },
  async worker(o, api) {
    let run = true;
    const c = await connect(o.db), t = await connect(o.db);
    await t.query(`SELECT pgq.set_queue_config('q', 'ticker_max_lag', $1)`, [o.maxlag]);
    const ticker = async () => {
      for (let last = Date.now(); run; await sleep(o.tick)) {
        await t.query(`SELECT pgq.ticker('q')`);
        // What the maintenance of pgqd does.
        if (Date.now() - last > 10000) {
          last = Date.now();
          await t.query(`SELECT pgq.maint_rotate_tables_step1('q')`);
          await t.query('SELECT pgq.maint_rotate_tables_step2()');
        }
      }
    };
    const consumer = async () => {
      while (run) {
        const b = (await c.query(`SELECT pgq.next_batch('q', 'c') AS b`)).rows[0].b;
        if (b === null) { await sleep(o.poll); continue; }
        const r = await c.query('SELECT ev_id, ev_type, ev_data FROM pgq.get_batch_events($1)', [b]);
        if (o.mode === 'stamp') for (const x of r.rows) api.stamp(JSON.parse(x.ev_data).n);
        await c.query('SELECT pgq.finish_batch($1)', [b]);
        if (o.mode !== 'stamp') api.count(r.rowCount);
      }
    };
    const loops = [ticker(), consumer()];
    return async () => { run = false; await Promise.all(loops); await c.end(); await t.end(); };
  },
};
