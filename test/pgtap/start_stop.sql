-- stop(): no new claim, running handlers may go on for foreman.shutdown_grace (1 s here) and are then interrupted,
-- uncharged; start(): what waits is found without a wake-up.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold') \g /dev/null
SELECT foreman.enqueue('hold', '{"gate": "quick"}') AS quick, foreman.enqueue('hold', '{"gate": "never"}') AS slow \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' AND t.state(%s) = 'running 1' $$, :quick, :slow)), 'two jobs run');

-- In a transaction that rolls back, nothing stops.
BEGIN;
SELECT foreman.stop() AS stopped \gset
ROLLBACK;
SELECT foreman.enqueue('note') AS note \gset
SELECT is(t.outcome(:note), 'completed 1', 'a stop that is rolled back stops nothing');

-- The gate opens with the stop: a second may pass between two statements, and that is the whole grace.
BEGIN;
SELECT foreman.stop() AS first \gset
INSERT INTO t.gate VALUES ('quick');
COMMIT;
SELECT foreman.stop() AS second \gset
SELECT is(:'first'::text || :'second'::text, 'tf', 'stop says whether it ran until now');
SELECT ok(t.wait_until('t.no_workers()'), 'the executors leave');
SELECT foreman.enqueue('note') AS note \gset
SELECT is(t.state(:quick), 'completed 1', 'the job that ended within the grace has completed');
SELECT is(t.state(:slow), 'available 0', 'the other was interrupted, and is not charged');
SELECT is(t.state(:note), 'available 0', 'nothing is claimed after the stop');
-- The session of one ends a moment after it has left the board.
SELECT ok(t.wait_until($$ pg_stat_clear_snapshot()::text = '' AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor' AND datname = current_database()) $$), 'and no executor is there');
SELECT is((SELECT errors FROM foreman.jobs WHERE job_id = :slow), NULL, 'no error is told');

INSERT INTO t.gate VALUES ('never');
SELECT is(foreman.start(), true, 'start');
SELECT is(t.outcome(:note), 'completed 1', 'finds what waited');
SELECT is(t.outcome(:slow), 'completed 1', 'and what was interrupted, at its first attempt');
SELECT is(foreman.start(), false, 'it runs already');

-- A backlog with keys of every sort, made while nobody listened.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'stopped again');
CREATE TABLE t.sent AS SELECT foreman.enqueue('note', queue => 'q' || i % 7, priority => i % 5 - 2, run_at => now() - i * interval '1 min') AS job_id FROM generate_series(1, 300) i;
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.sent WHERE t.state(job_id) <> 'completed 1') $$), 'three hundred jobs of 35 ranges are found and run');

-- A stop() that is rolled back stops nothing, also when only its savepoint is.
SELECT foreman.enqueue('note') AS warm \gset
SELECT is(t.outcome(:warm), 'completed 1', 'an executor is warm');
-- One that is starting has no pid yet.
SELECT array_agg(pid ORDER BY pid) AS executors FROM foreman.workers WHERE pid IS NOT NULL \gset
BEGIN;
SAVEPOINT s;
SELECT foreman.stop() \g /dev/null
ROLLBACK TO s;
SELECT foreman.enqueue('note') AS kept \gset
COMMIT;
SELECT is(t.outcome(:kept), 'completed 1', 'after a stop() whose savepoint was rolled back, jobs run');
SELECT is((SELECT array_agg(pid ORDER BY pid) FROM foreman.workers WHERE pid = ANY (:'executors')), :'executors'::int4[], 'and no executor has left');

-- A role waited for a slot, and its job was deleted: nobody waits for that role any more.
CREATE ROLE pgtap_start_stop_other LOGIN;
GRANT USAGE ON SCHEMA t TO pgtap_start_stop_other;
SELECT foreman.register_handler('of_other', 't.note(foreman.job)', run_as => 'pgtap_start_stop_other') \g /dev/null
CREATE TABLE t.holds AS SELECT foreman.enqueue('hold', '{"gate": "all"}') AS job_id FROM generate_series(1, current_setting('foreman.max_executors')::int);
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.holds WHERE t.state(job_id) <> 'running 1') $$), 'every executor has a job');
SELECT clock_timestamp() AS before \gset
SELECT foreman.enqueue('of_other') AS other \gset
SELECT ok(t.wait_until(format($$ pg_stat_clear_snapshot()::text = '' AND EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = current_database() AND state = 'idle' AND state_change > %L) $$, :'before')), 'the dispatcher has seen that another role has a job');
SELECT foreman.delete_job(:other), foreman.unregister_handler('of_other') \g /dev/null
INSERT INTO t.gate VALUES ('all');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.holds WHERE t.state(job_id) <> 'completed 1') $$), 'the jobs end');
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'and so do the executors');
SELECT foreman.start() \g /dev/null
SELECT foreman.enqueue('note') AS note \gset
SELECT is(t.outcome(:note), 'completed 1', 'a free slot is not kept for a role whose jobs are gone');
DROP OWNED BY pgtap_start_stop_other;
DROP ROLE pgtap_start_stop_other;
SELECT * FROM finish();
