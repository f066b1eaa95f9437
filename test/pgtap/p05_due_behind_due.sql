-- P5: a job that is due later starts on time although others of its range were due before it: whoever takes
-- those has to see to it that a timer is set for what is left. Without that it waits for the safety poll.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.linger(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep((job.args ->> 's')::float8);
    IF job.args ->> 'how' = 'fail' AND job.attempt = 1 THEN RAISE EXCEPTION 'again'; END IF;
END $$;
SELECT foreman.register_handler('linger', 't.linger', backoff_base => '700 ms') \g /dev/null

SELECT foreman.enqueue('linger', '{"s": 0.3}') AS first \gset
SELECT ok(t.wait_until(format('EXISTS (SELECT FROM foreman.workers WHERE job_id = %s)', :first)), 'a job runs');
SELECT foreman.enqueue('linger', '{"s": 0}', run_at => clock_timestamp() + interval '0.6 s') AS later \gset
SELECT is(t.outcome(:first), 'completed 1', 'it ends');
SELECT is(t.outcome(:later), 'completed 1', 'so does the one behind it');
SELECT cmp_ok((SELECT started_at - run_at FROM foreman.jobs WHERE job_id = :later), '<', interval '10 s', 'which did not wait for the poll');

-- Retries: several in one range, due one after the other.
CREATE TABLE t.sent AS SELECT foreman.enqueue('linger', '{"s": 0.02, "how": "fail"}') AS job_id FROM generate_series(1, 6);
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.live_job)'), 'six jobs fail once and complete');
SELECT is((SELECT count(*) FROM foreman.jobs JOIN t.sent USING (job_id) WHERE state = 'completed' AND attempt = 2), 6::int8, 'each at its second attempt');
SELECT cmp_ok((SELECT max(started_at - run_at) FROM foreman.jobs JOIN t.sent USING (job_id)), '<', interval '10 s', 'none waited for the poll');
SELECT * FROM finish();
