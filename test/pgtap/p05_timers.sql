-- P5 for timers: never early, within 100 ms with a free executor, many due in the same second, and by a clock that jumps.
-- The middle one of many is within 100 ms in the best of a few rounds: a machine that does other things, too, may stand
-- still for half of one.
\ir lib/helpers.sql
SELECT no_plan();
\ir lib/on_time.sql
CALL t.send_rounds($$ (foreman.set_timer('note', 'timer ' || n, clock_timestamp() + n * interval '40 ms')).job_id $$, 'NOT EXISTS (SELECT FROM foreman.timers)');
SELECT is_empty('SELECT * FROM foreman.timers', 'all fired');
SELECT is((SELECT count(*) FROM t.log JOIN foreman.jobs USING (job_id) WHERE t.log.at < run_at), 0::int8, 'none before its fire_at');
SELECT is_empty('SELECT job_id FROM t.sent s WHERE t.runs(s.job_id) <> 1', 'each fired once');
SELECT cmp_ok((SELECT min(t.late(i)) FROM generate_series(1, 5) i), '<', interval '100 ms', 'within 100 ms of it');

-- A time that was replaced is forgotten in both directions.
SELECT job_id AS later FROM foreman.set_timer('note', 'later', clock_timestamp() + interval '300 ms') \gset
SELECT foreman.set_timer('note', 'later', clock_timestamp() + interval '900 ms') \g /dev/null
SELECT job_id AS sooner FROM foreman.set_timer('note', 'sooner', now() + interval '1 hour') \gset
SELECT foreman.set_timer('note', 'sooner', clock_timestamp() + interval '200 ms') \g /dev/null
SELECT is(t.outcome(:sooner), 'completed 1', 'one that was set to an earlier time fires');
SELECT is(t.outcome(:later), 'completed 1', 'one that was set to a later time too');
SELECT is((SELECT count(*) FROM t.log JOIN foreman.jobs USING (job_id) WHERE job_id IN (:later, :sooner) AND (t.log.at < run_at OR t.log.at > run_at + interval '10 s')),
    0::int8, 'both at the time that they were given last');
SELECT foreman.set_timer('note', 'long ago', '4714-11-24 00:00+00 BC') \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.timers)'), 'one of the past fires at once');

-- Many at one time: none early, each once.
SELECT clock_timestamp() + interval '3 s' AS due \gset
SELECT count(foreman.set_timer('note', 'many ' || i, :'due')) FROM generate_series(1, 2000) i \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.timers)', 60), '2000 timers of one time fire');
SELECT results_eq(format($$ SELECT count(*), count(DISTINCT job_id), bool_and(at >= %L) FROM t.log JOIN foreman.jobs USING (job_id) WHERE run_at = %L $$, :'due', :'due'),
    $$ VALUES (2000::int8, 2000::int8, true) $$, 'each once, none early');

-- fire_timers_once() and a clock that jumps.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
SET foreman.fake_now = '2090-01-01';
SELECT job_id AS first FROM foreman.set_timer('note', 'first', '2090-01-02') \gset
SELECT job_id AS second FROM foreman.set_timer('note', 'second', '2091-01-01') \gset
SELECT foreman.enqueue('note', run_at => '2090-01-01') AS job, foreman.enqueue('note', run_at => '2090-01-01', unique_key => 'first') AS keyed \gset
CREATE ROLE timers_other LOGIN;
GRANT USAGE ON SCHEMA t TO timers_other;
SELECT foreman.register_handler('as other', 't.note(foreman.job)', run_as => 'timers_other') \g /dev/null
SELECT job_id AS others FROM foreman.set_timer('as other', 'x', '2090-01-02') \gset
SELECT is(foreman.fire_timers_once(), 0::int8, 'nothing fires before its time');
SET foreman.fake_now = '2090-01-01 23:59:59.999999';
SELECT is(foreman.fire_timers_once(), 0::int8, 'not a microsecond before');
SET foreman.fake_now = '2090-01-02';
SELECT is(foreman.fire_timers_once(), 1::int8, 'what is due fires');
SELECT is(t.state(:first), 'completed 1', 'in the call');
SELECT is(t.state(:job) || ', ' || t.state(:keyed), 'available 0, available 0', 'jobs that are no timers are left alone, with a key or without');
SELECT is(t.state(:others), 'available 0', 'and timers whose handlers run as another role');
SELECT is(foreman.fire_timers_once(), 0::int8, 'once');
SET foreman.fake_now = '2089-01-01';
SELECT is(foreman.fire_timers_once(), 0::int8, 'a clock that goes back fires nothing again');
SET foreman.fake_now = '2095-01-01';
SELECT is(foreman.fire_timers_once(), 1::int8, 'one that jumps ahead fires what it jumped over');
SELECT is(t.state(:second), 'completed 1', 'once');

-- A recurring timer: its handler sets it again. A year of days in one go.
CREATE FUNCTION t.daily(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, job.run_at::text);
    PERFORM foreman.set_timer('daily', 'd', job.run_at + interval '24 h');
END $$;
SELECT foreman.register_handler('daily', 't.daily(foreman.job)') \g /dev/null
SET foreman.fake_now = '2095-01-01';
SELECT foreman.set_timer('daily', 'd', '2095-01-01 06:00Z') \g /dev/null
CREATE PROCEDURE t.year() LANGUAGE plpgsql AS $$
BEGIN
    FOR day IN 0 .. 365 LOOP
        PERFORM set_config('foreman.fake_now', ('2095-01-01 07:00Z'::timestamptz + day * interval '24 h')::text, false);
        PERFORM foreman.fire_timers_once();
        PERFORM foreman.dispatch_once();
        COMMIT;
    END LOOP;
END $$;
CALL t.year();
SELECT is((SELECT count(*) FROM foreman.jobs WHERE kind = 'daily' AND state = 'completed'), 366::int8, 'a timer that sets itself again fires every day');
SELECT is((SELECT count(*) FROM foreman.timers WHERE kind = 'daily'), 1::int8, 'and stands');
RESET foreman.fake_now;
DROP OWNED BY timers_other;
SELECT foreman.unregister_handler('as other') \g /dev/null
DROP ROLE timers_other;
SELECT * FROM finish();
