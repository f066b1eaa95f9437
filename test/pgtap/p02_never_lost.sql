-- P2: a committed job is live, or in history, or a dead letter: exactly one of them, at every moment, through
-- failures, outcomes, cancels, retries and the end of executors in the middle of handlers.
\ir lib/helpers.sql
SELECT no_plan();

CREATE FUNCTION t.mixed(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    what text := job.args ->> 'what';
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, what);
    -- Slow until t.watch has ended its executors: otherwise all could be over before. In a transaction that jobs share a job
    -- may take 50 ms.
    PERFORM pg_sleep(CASE WHEN EXISTS (SELECT FROM t.gate) THEN (job.args ->> 'pause')::float8 ELSE 0.03 END);
    CASE what
        WHEN 'fails once' THEN IF job.attempt = 1 THEN RAISE EXCEPTION 'once'; END IF;
        WHEN 'fails' THEN RAISE EXCEPTION 'always';
        WHEN 'discards' THEN PERFORM foreman.discard('refused');
        WHEN 'cancels' THEN PERFORM foreman.cancel_self('no need');
        WHEN 'snoozes' THEN
            IF job.run_at < job.enqueued_at + interval '10 ms' THEN PERFORM foreman.snooze('20 ms'); END IF;
        ELSE NULL;
    END CASE;
END $$;
SELECT foreman.register_handler('mixed', 't.mixed', max_attempts => 2, backoff_base => '10 ms') \g /dev/null

CREATE TABLE t.sent AS
SELECT e.job_id, what FROM (VALUES ('completes'), ('fails once'), ('fails'), ('discards'), ('cancels'), ('snoozes')) w(what),
    LATERAL (SELECT j.job_id FROM foreman.enqueue_array('mixed',
        ARRAY(SELECT jsonb_build_object('what', what, 'pause', i % 3 * 0.002) FROM generate_series(1, 60) i)) j) e;
SELECT is((SELECT count(DISTINCT job_id) FROM t.sent), 360::int8, '360 jobs are enqueued');

-- The number of jobs that are not in exactly one place, in one snapshot.
CREATE FUNCTION t.misplaced() RETURNS int8 LANGUAGE sql AS $$
    SELECT count(*) FROM (
        SELECT s.job_id FROM t.sent s LEFT JOIN (
            SELECT job_id FROM foreman.live_job UNION ALL SELECT job_id FROM foreman.job_history
            UNION ALL SELECT job_id FROM foreman.dead_letter) p USING (job_id)
        GROUP BY s.job_id HAVING count(p.job_id) <> 1) x $$;

-- Looks all the time, and ends an executor that is in a handler, until all jobs have ended.
CREATE PROCEDURE t.watch(INOUT looks int4, INOUT ended int4, INOUT worst int8) LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '60 s';
    next_end timestamptz := clock_timestamp();
    hit bool;
BEGIN
    looks := 0; ended := 0; worst := 0;
    WHILE EXISTS (SELECT FROM foreman.live_job) AND clock_timestamp() < deadline LOOP
        looks := looks + 1;
        worst := greatest(worst, t.misplaced());
        IF ended < 5 AND clock_timestamp() > next_end THEN
            SELECT bool_or(pg_terminate_backend(pid)) INTO hit
              FROM (SELECT pid FROM foreman.workers WHERE job_id IS NOT NULL LIMIT 1) w;
            IF hit THEN ended := ended + 1; next_end := clock_timestamp() + interval '50 ms'; END IF;
            IF hit AND ended = 5 THEN INSERT INTO t.gate VALUES ('ended'); END IF;
        END IF;
        COMMIT;
        PERFORM pg_sleep(0.002);
    END LOOP;
END $$;
CALL t.watch(NULL, NULL, NULL) \gset
SELECT cmp_ok(:looks, '>', 5, 'looked while the jobs ran');
SELECT is(:ended, 5, 'executors were ended in the middle of jobs');
SELECT is(:worst, 0, 'at every look each job was in exactly one place');
SELECT is(t.misplaced(), 0::int8, 'and is at the end');

SELECT results_eq($$ SELECT s.what, j.state, count(*) FROM t.sent s JOIN foreman.jobs j USING (job_id) GROUP BY 1, 2 ORDER BY 1, 2 $$,
    $$ VALUES ('cancels', 'cancelled', 60::int8), ('completes', 'completed', 60), ('discards', 'discarded', 60),
              ('fails', 'discarded', 60), ('fails once', 'completed', 60), ('snoozes', 'completed', 60) $$,
    'each job ended as its handler wanted');
SELECT is((SELECT max(attempt) FROM foreman.jobs), 2, 'the executors'' ends charged no attempt beyond max_attempts');
SELECT is((SELECT count(*) FROM foreman.jobs JOIN t.sent USING (job_id) WHERE what = 'fails once' AND attempt = 2), 60::int8,
    'and none at all: who fails once completes at the second attempt');

-- Moves between the places keep the rule.
SELECT count(*) AS revived FROM foreman.retry_many(ARRAY(SELECT job_id FROM t.sent WHERE what IN ('fails', 'completes'))) WHERE retried \gset
SELECT is(:revived, 120, 'dead letters and completed jobs are retried');
SELECT is(t.misplaced(), 0::int8, 'each is in one place meanwhile');
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.live_job)'), 'they run again');
SELECT is(t.misplaced(), 0::int8, 'each is in one place afterwards');
SELECT job_id AS one FROM t.sent WHERE what = 'cancels' LIMIT 1 \gset
SELECT foreman.delete_job(:one) \g /dev/null
SELECT is(t.misplaced(), 1::int8, 'only an operator''s delete removes a job');
SELECT is(t.state(:one), 'nowhere', 'namely that one');
SELECT * FROM finish();
