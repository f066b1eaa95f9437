-- P3: in the lanes transaction and batch a handler's writes and the job's outcome commit together: through
-- failures, failing commits and ended executors each effect is there exactly once, or not at all.
\ir lib/helpers.sql
SELECT no_plan();

CREATE TABLE t.effect (job_id int8 NOT NULL, attempt int4 NOT NULL);
CREATE FUNCTION t.writes(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.effect VALUES (job.job_id, job.attempt);
    -- Slow until t.watch has ended its executors: otherwise all could be over before. In a transaction that jobs share a job
    -- may take 50 ms.
    PERFORM pg_sleep(CASE WHEN EXISTS (SELECT FROM t.gate) THEN 0.001 ELSE 0.03 END);
    IF job.attempt < (job.args ->> 'works_at')::int THEN
        RAISE EXCEPTION 'attempt % fails after its write', job.attempt;
    END IF;
END $$;
CREATE FUNCTION t.writes_many(jobs foreman.job[]) RETURNS SETOF foreman.job_outcome LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.effect SELECT j.job_id, j.attempt FROM unnest(jobs) j;
    PERFORM pg_sleep(CASE WHEN EXISTS (SELECT FROM t.gate) THEN 0.002 ELSE 0.03 END);
    IF EXISTS (SELECT FROM unnest(jobs) j WHERE j.attempt < (j.args ->> 'works_at')::int) THEN
        RAISE EXCEPTION 'the batch fails after its writes';
    END IF;
    RETURN QUERY SELECT j.job_id, 'completed', NULL::jsonb, NULL, NULL::interval FROM unnest(jobs) j;
END $$;
SELECT foreman.register_handler('single', 't.writes', max_attempts => 3, backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('many', 't.writes_many', lane => 'batch', max_attempts => 3, backoff_base => '10 ms') \g /dev/null

-- works_at 1 to 3 completes there; 4 never does.
CREATE TABLE t.sent AS
SELECT e.job_id, kind, works_at FROM (VALUES ('single'), ('many')) k(kind), generate_series(1, 4) works_at,
    LATERAL (SELECT j.job_id FROM foreman.enqueue_array(kind,
        array_fill(jsonb_build_object('works_at', works_at), ARRAY[CASE WHEN works_at = 1 THEN 200 ELSE 20 END])) j) e;

CREATE FUNCTION t.broken() RETURNS int8 LANGUAGE sql AS $$
    SELECT count(*) FROM (
        SELECT s.job_id FROM t.sent s LEFT JOIN foreman.jobs j USING (job_id) LEFT JOIN t.effect e USING (job_id)
        GROUP BY s.job_id, j.state
        HAVING count(e.job_id) <> CASE WHEN j.state = 'completed' THEN 1 ELSE 0 END) x $$;

CREATE PROCEDURE t.watch(INOUT looks int4, INOUT ended int4, INOUT worst int8) LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '60 s';
    next_end timestamptz := clock_timestamp();
    hit bool;
BEGIN
    looks := 0; ended := 0; worst := 0;
    WHILE EXISTS (SELECT FROM foreman.live_job) AND clock_timestamp() < deadline LOOP
        looks := looks + 1;
        worst := greatest(worst, t.broken());
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
SELECT is(:worst, 0, 'at every look a job had its effect if and only if it was completed');
SELECT is(t.broken(), 0::int8, 'and at the end');
SELECT results_eq($$ SELECT kind, works_at, j.state, j.attempt, count(*) FROM t.sent JOIN foreman.jobs j USING (job_id, kind)
                     GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 $$,
    $$ VALUES ('many', 1, 'completed', 1, 200::int8), ('many', 2, 'completed', 2, 20), ('many', 3, 'completed', 3, 20), ('many', 4, 'discarded', 3, 20),
              ('single', 1, 'completed', 1, 200), ('single', 2, 'completed', 2, 20), ('single', 3, 'completed', 3, 20), ('single', 4, 'discarded', 3, 20) $$,
    'who shares a transaction or a batch with a failing job is not charged for it');

-- A commit that fails: only the job to blame fails, in its own transaction.
CREATE TABLE t.once (k int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
INSERT INTO t.once VALUES (7);
CREATE FUNCTION t.deferred(args jsonb) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.once VALUES ((args ->> 'k')::int) $$;
SELECT foreman.register_handler('deferred', 't.deferred', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT count(*) AS sent FROM foreman.enqueue_array('deferred', ARRAY(SELECT jsonb_build_object('k', i) FROM generate_series(1, 20) i)) \gset
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.live_job) $$), 'all of them end');
SELECT results_eq($$ SELECT state, attempt, count(*) FROM foreman.jobs WHERE kind = 'deferred' GROUP BY 1, 2 ORDER BY 1 $$,
    $$ VALUES ('completed', 1, 19::int8), ('discarded', 2, 1) $$, 'nineteen complete at their first attempt, one is a dead letter');
SELECT is((SELECT args ->> 'k' FROM foreman.jobs WHERE state = 'discarded' AND kind = 'deferred'), '7', 'the one whose commit cannot work');
SELECT is((SELECT errors -> 0 ->> 'sqlstate' FROM foreman.jobs WHERE state = 'discarded' AND kind = 'deferred'), '23505', 'with the reason of its commit');
SELECT is((SELECT count(*) FROM t.once), 20::int8, 'every effect is there once');
CREATE TABLE t.once_in_batch (LIKE t.once INCLUDING ALL);
INSERT INTO t.once_in_batch VALUES (7);
CREATE FUNCTION t.deferred_batch(jobs foreman.job[]) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.once_in_batch SELECT (j.args ->> 'k')::int FROM unnest(jobs) j $$;
SELECT foreman.register_handler('deferred_batch', 't.deferred_batch', lane => 'batch', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT count(*) AS sent FROM foreman.enqueue_array('deferred_batch', ARRAY(SELECT jsonb_build_object('k', i) FROM generate_series(1, 20) i)) \gset
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.live_job) $$), 'those of lane batch end as well');
SELECT results_eq($$ SELECT state, attempt, count(*), min(errors -> 0 ->> 'sqlstate') FROM foreman.jobs WHERE kind = 'deferred_batch' GROUP BY 1, 2 ORDER BY 1 $$,
    $$ VALUES ('completed', 1, 19::int8, NULL), ('discarded', 2, 1, '23505') $$, 'a batch whose commit fails is taken apart: one job is to blame');
SELECT is((SELECT count(*) FROM t.once_in_batch), 20::int8, 'each of the other effects is there once');

-- The error of a commit is kept whole. https://github.com/greenplum-db/gpdb-archive/issues/4530
CREATE TABLE t.said (k int);
CREATE FUNCTION t.says() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION USING ERRCODE = 'FM007', MESSAGE = repeat(U&'\00E9', 1000), DETAIL = repeat('d', 1000), HINT = 'Look here.'; END $$;
CREATE CONSTRAINT TRIGGER says AFTER INSERT ON t.said DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.says();
CREATE FUNCTION t.say(args jsonb) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.said VALUES (1) $$;
SELECT foreman.register_handler('say', 't.say', max_attempts => 1), foreman.enqueue('say') AS job \gset
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.jobs WHERE kind = 'say' AND state = 'discarded') $$), 'a job whose commit raises fails');
SELECT results_eq($$ SELECT e ->> 'sqlstate', e ->> 'message', e ->> 'detail', e ->> 'hint', e ->> 'context' LIKE '%t.says%'
    FROM (SELECT errors -> 0 AS e FROM foreman.jobs WHERE kind = 'say') x $$,
    $$ VALUES ('FM007', repeat(U&'\00E9', 1000), repeat('d', 1000), 'Look here.', true) $$,
    'and keeps SQLSTATE, message, detail, hint and context of the error in full');
SELECT * FROM finish();
