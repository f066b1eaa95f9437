-- P5: a job never starts before its run_at, by the server's clock; with a free executor it starts within 100 ms.
-- Earliness may never happen. Lateness depends on the machine as well: the middle one of many must keep to it, in the
-- best of a few rounds, since a machine that does other things, too, may stand still for half of one.
\ir lib/helpers.sql
SELECT no_plan();
\ir lib/on_time.sql
CALL t.send_rounds($$ foreman.enqueue('note', '{}', run_at => clock_timestamp() + n * interval '40 ms', priority => n % 3) $$, 'NOT EXISTS (SELECT FROM foreman.live_job)');
SELECT is_empty('SELECT * FROM foreman.live_job', 'all ran');
SELECT is((SELECT count(*) FROM t.log JOIN foreman.jobs USING (job_id) WHERE t.log.at < run_at), 0::int8, 'none before its run_at');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE started_at < run_at), 0::int8, 'and none is said to have been');
SELECT is_empty('SELECT job_id FROM t.sent s WHERE t.runs(s.job_id) <> 1', 'each ran once');
SELECT cmp_ok((SELECT min(t.late(i)) FROM generate_series(1, 5) i), '<', interval '100 ms', 'within 100 ms of it');

-- A later time than those that are known already becomes the next one to wake for.
SELECT foreman.enqueue('note', run_at => now() + interval '1 hour') AS far \gset
SELECT foreman.enqueue('note', run_at => clock_timestamp() + interval '0.5 s') AS near \gset
SELECT is(t.outcome(:near), 'completed 1', 'the nearer of two future jobs runs');
SELECT cmp_ok((SELECT l.at - j.run_at FROM t.log l JOIN foreman.jobs j USING (job_id) WHERE job_id = :near), '>=', interval '0', 'not early');
SELECT is(t.state(:far), 'scheduled 0', 'the other waits');

-- Retries and snoozes are due times as well.
CREATE FUNCTION t.again(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.gate VALUES (clock_timestamp()::text || ' ' || job.run_at::text);
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, CASE WHEN clock_timestamp() < job.run_at THEN 'early' ELSE 'due' END);
    IF job.args ->> 'how' = 'snooze' AND (SELECT count(*) FROM t.log WHERE job_id = job.job_id) < 4 THEN PERFORM foreman.snooze('150 ms'); END IF;
    IF job.args ->> 'how' = 'fail' AND job.attempt < 4 THEN RAISE EXCEPTION 'again'; END IF;
END $$;
SELECT foreman.register_handler('again', 't.again', backoff_base => '100 ms') \g /dev/null
SELECT foreman.enqueue('again', '{"how": "snooze"}') AS snoozed, foreman.enqueue('again', '{"how": "fail"}') AS failed \gset
SELECT is(t.outcome(:snoozed), 'completed 1', 'a job snoozes three times and completes');
SELECT is(t.outcome(:failed), 'completed 4', 'another fails three times and completes');
SELECT is((SELECT count(*) FROM t.log WHERE what = 'early'), 0::int8, 'no attempt was early');
SELECT is(t.runs(:snoozed), 4::int8, 'the snoozer ran four times');
SELECT cmp_ok((SELECT min(d) FROM (SELECT at - lag(at) OVER (ORDER BY at) AS d FROM t.log WHERE job_id = :snoozed) x), '>=', interval '150 ms',
    'each at least its snooze later');
SELECT cmp_ok((SELECT finished_at - enqueued_at FROM foreman.jobs WHERE job_id = :failed), '>=', interval '525 ms',
    'the backoffs of 100, 200 and 400 ms, less a quarter, were kept');
SELECT * FROM finish();
