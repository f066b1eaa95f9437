-- The nine states are told in one way: what the views say of a job is what await() says, for every letter in the tables,
-- before and after a failure, due or not.
-- Broken by: a branch of foreman._state_name() or of core::state_name() that the other does not have.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
CREATE TABLE t.told (id int8 PRIMARY KEY, letter "char", failed bool, due bool, view text, await text);
INSERT INTO t.told
SELECT nextval('foreman.job_id_seq'), s::"char", failed, due
  FROM unnest('{w,r,b,s}'::text[]) s, unnest('{f,t}'::bool[]) failed, unnest('{f,t}'::bool[]) due;
INSERT INTO foreman.live_job (job_id, run_at, enqueued_at, priority, attempt, max_attempts, state, queue, kind, args)
SELECT id, now() + CASE WHEN due THEN '-1 h'::interval ELSE '1 h' END, now(), 0, failed::int, 5, letter, 'q', 'nobody', '{}' FROM t.told;
INSERT INTO t.told SELECT nextval('foreman.job_id_seq'), s::"char" FROM unnest('{c,x,d}'::text[]) s;
INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, priority, attempt, max_attempts, outcome, queue, kind)
SELECT id, now(), now(), now(), 0, 1, 5, letter, 'q', 'nobody' FROM t.told WHERE letter IN ('c', 'x');
INSERT INTO foreman.dead_letter (job_id, discarded_at, run_at, enqueued_at, priority, attempt, max_attempts, queue, kind, args)
SELECT id, now(), now(), now(), 0, 1, 5, 'q', 'nobody', '{}' FROM t.told WHERE letter = 'd';

UPDATE t.told SET view = j.state FROM foreman.jobs j WHERE j.job_id = id;
\ir lib/await_each.sql
SELECT is((SELECT count(*) FROM t.told WHERE view IS NULL OR await IS NULL), 0::int8, 'every job has a state');
SELECT is_empty('SELECT * FROM t.told WHERE view IS DISTINCT FROM await', 'the views and await() agree');
SELECT is((SELECT string_agg(DISTINCT view, ' ' ORDER BY view) FROM t.told),
          'available cancelled completed discarded pending retryable running scheduled suspended', 'there are nine');
SELECT is((SELECT array_agg(job_id ORDER BY job_id) FROM foreman.list_jobs(state => s) l), (SELECT array_agg(id ORDER BY id) FROM t.told WHERE view = s), 'list_jobs() finds those that are ' || s)
  FROM unnest('{available,cancelled,completed,discarded,pending,retryable,running,scheduled}'::text[]) s;
DELETE FROM foreman.live_job WHERE state = 'r';
SELECT is(foreman.cancel_where(state => s), (SELECT count(*) FROM t.told WHERE view = s), 'cancel_where() those that are ' || s)
  FROM unnest('{available,pending,retryable,scheduled,suspended}'::text[]) s;
SELECT * FROM finish();
