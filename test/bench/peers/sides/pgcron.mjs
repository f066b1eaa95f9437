// pg_cron (package postgresql-N-cron), with background workers. Its schedules have whole minutes (before its 1.5).
import { value } from '../lib/env.mjs';

export default {
  name: 'pg_cron', title: 'pg_cron', db: 'bench_pg_cron', file: import.meta.url,
  version: (c) => value(c, `SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'`),
  async setup(c) { await c.query('CREATE EXTENSION pg_cron; CREATE TABLE late (at timestamptz)'); },
  async clean(c) {
    await c.query('SELECT count(cron.unschedule(jobid)) FROM cron.job');
    await c.query('TRUNCATE cron.job_run_details, late');
  },
};
