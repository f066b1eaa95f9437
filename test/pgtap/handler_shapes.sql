-- Every shape of handler in every lane: what it is given, what its result becomes, what it may do.
\ir lib/helpers.sql
SELECT no_plan();
CREATE TYPE t.pair AS (a int, b text);
CREATE TYPE t.mood AS ENUM ('ok', 'sad');
CREATE FUNCTION t.args_void(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t.log (what) VALUES (args ->> 'what'); END $$;
CREATE FUNCTION t.args_jsonb(args jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT args || '{"seen": true}' $$;
CREATE FUNCTION t.args_int(args jsonb) RETURNS int LANGUAGE sql AS $$ SELECT (args ->> 'n')::int * 2 $$;
CREATE FUNCTION t.args_text(args jsonb) RETURNS text LANGUAGE sql AS $$ SELECT E'text with "quotes" and \u00fc' $$;
CREATE FUNCTION t.args_pair(args jsonb) RETURNS t.pair LANGUAGE sql AS $$ SELECT ROW(1, 'b')::t.pair $$;
CREATE FUNCTION t.args_array(args jsonb) RETURNS int[] LANGUAGE sql AS $$ SELECT ARRAY[1, 2, NULL] $$;
CREATE FUNCTION t.args_mood(args jsonb) RETURNS t.mood LANGUAGE sql AS $$ SELECT 'sad'::t.mood $$;
CREATE FUNCTION t.args_time(args jsonb) RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2026-01-02 03:04:05+00'::timestamptz $$;
CREATE FUNCTION t.args_null(args jsonb) RETURNS int LANGUAGE sql AS $$ SELECT NULL::int $$;
CREATE FUNCTION t.job_jsonb(job foreman.job) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(job) $$;
CREATE FUNCTION t.strict_job(job foreman.job) RETURNS bool STRICT LANGUAGE sql AS $$ SELECT true $$;
CREATE FUNCTION t."Odd Name"(args jsonb) RETURNS int LANGUAGE sql AS $$ SELECT 7 $$;

CREATE TABLE t.expected (kind text, args jsonb, handler text, result jsonb);
INSERT INTO t.expected VALUES
    ('void', '{"what": "void"}', 't.args_void', NULL), ('jsonb', '{"n": 1}', 't.args_jsonb', '{"n": 1, "seen": true}'),
    ('int', '{"n": 21}', 't.args_int(jsonb)', '42'), ('text', '{}', 't.args_text', '"text with \"quotes\" and \u00fc"'),
    ('pair', '{}', 't.args_pair', '{"a": 1, "b": "b"}'), ('array', '{}', 't.args_array', '[1, 2, null]'),
    ('mood', '{}', 't.args_mood', '"sad"'), ('null', '{}', 't.args_null', NULL),
    ('strict', '{}', 't.strict_job', 'true'), ('odd', '[]', 't."Odd Name"', '7'), ('scalar', '"just text"', 't."Odd Name"', '7');
SELECT foreman.register_handler(kind, handler) FROM t.expected \g /dev/null
CREATE TABLE t.sent AS SELECT kind, foreman.enqueue(kind, args) AS job_id FROM t.expected;
SELECT is(t.outcome(job_id), 'completed 1', 'a handler of kind ' || kind || ' completes') FROM t.sent;
SELECT is(j.result, e.result, 'with its result: ' || e.kind) FROM t.expected e JOIN t.sent USING (kind) JOIN foreman.jobs j USING (job_id);
SELECT is((SELECT count(*) FROM t.log WHERE what = 'void'), 1::int8, 'the void one wrote');

-- foreman.job has everything.
SELECT foreman.register_handler('job', 't.job_jsonb', queue => 'q', max_attempts => 9) \g /dev/null
SELECT foreman.enqueue('job', '{"a": [1]}', priority => -7, run_at => '2026-01-01 00:00:00+00', tags => '{x,"y z"}', metadata => '{"trace": 1}') AS job \gset
SELECT is(t.outcome(:job), 'completed 1', 'a handler that takes foreman.job');
SELECT is((SELECT result - 'enqueued_at' - 'run_at' - 'job_id' FROM foreman.jobs WHERE job_id = :job),
    '{"kind": "job", "queue": "q", "args": {"a": [1]}, "attempt": 1, "max_attempts": 9, "priority": -7, "tags": ["x", "y z"], "metadata": {"trace": 1}}',
    'is given all of it');
SELECT is((SELECT (result ->> 'run_at')::timestamptz FROM foreman.jobs WHERE job_id = :job), '2026-01-01 00:00:00+00'::timestamptz, 'its time as well');
SELECT is((SELECT (result ->> 'enqueued_at')::timestamptz FROM foreman.jobs WHERE job_id = :job),
          (SELECT enqueued_at FROM foreman.jobs WHERE job_id = :job), 'and when it was enqueued');

-- Inside a handler; outside there is no job.
CREATE FUNCTION t.inside(job foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, foreman.idempotency_key());
    IF job.attempt = 1 THEN
        RAISE EXCEPTION 'again' USING DETAIL = foreman.idempotency_key();
    END IF;
    RETURN jsonb_build_object('same', (foreman.current_job()).job_id = job.job_id, 'key', foreman.idempotency_key(),
                              'attempt', (foreman.current_job()).attempt);
END $$;
SELECT foreman.register_handler('inside', 't.inside', backoff_base => '1 ms') \g /dev/null
SELECT foreman.enqueue('inside') AS inside, foreman.enqueue('inside') AS inside2 \gset
SELECT is(t.outcome(:inside), 'completed 2', 'current_job() and idempotency_key() work inside a handler');
SELECT is(t.outcome(:inside2), 'completed 2', 'of another job too');
SELECT is((SELECT result ->> 'same' FROM foreman.jobs WHERE job_id = :inside), 'true', 'it is this job');
SELECT is((SELECT result ->> 'attempt' FROM foreman.jobs WHERE job_id = :inside), '2', 'at this attempt');
SELECT is((SELECT result ->> 'key' FROM foreman.jobs WHERE job_id = :inside), t.error(:inside, 0, 'detail'), 'its key is the same at each attempt');
SELECT isnt((SELECT result ->> 'key' FROM foreman.jobs WHERE job_id = :inside), (SELECT result ->> 'key' FROM foreman.jobs WHERE job_id = :inside2), 'and another job''s is another');
SELECT throws_ok(format('SELECT foreman.%s', call), '55000', NULL, call || ' outside a handler')
  FROM unnest(ARRAY['current_job()', 'idempotency_key()', 'set_progress(0.5)', 'snooze(''1 s'')', 'throttle()', 'discard(''x'')', 'cancel_self(''x'')']) call;

-- Lane batch: void means that all completed; outcomes speak for each job.
CREATE FUNCTION t.batch_void(jobs foreman.job[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO t.log (job_id, what) SELECT j.job_id, 'batch of ' || cardinality(jobs) FROM unnest(jobs) j $$;
CREATE FUNCTION t.batch_set(jobs foreman.job[]) RETURNS SETOF foreman.job_outcome LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT j.job_id,
        CASE WHEN j.attempt > 1 OR j.run_at > j.enqueued_at + interval '10 ms' THEN 'completed' ELSE j.args ->> 'how' END,
        CASE WHEN j.args ->> 'how' = 'completed' THEN '{"r": 1}'::jsonb END, 'said ' || (j.args ->> 'how'), interval '50 ms'
      FROM unnest(jobs) j WHERE j.args ->> 'how' <> 'nothing';
END $$;
SELECT foreman.register_handler('batch_void', 't.batch_void', lane => 'batch') \g /dev/null
SELECT foreman.register_handler('batch_set', 't.batch_set', lane => 'batch', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
CREATE TABLE t.batch AS SELECT job_id FROM foreman.enqueue_array('batch_void', array_fill('{}'::jsonb, ARRAY[200]));
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.batch WHERE t.state(job_id) <> 'completed 1') $$), 'two hundred jobs of a void batch complete');
SELECT is((SELECT count(DISTINCT job_id) || ' ' || count(*) FROM t.log JOIN t.batch USING (job_id)), '200 200', 'each was in one batch');
SELECT cmp_ok((SELECT max(substr(what, 10)::int) FROM t.log JOIN t.batch USING (job_id)), '>', 1, 'batches had more than one job');
CREATE TABLE t.how AS SELECT how, foreman.enqueue('batch_set', jsonb_build_object('how', how)) AS job_id
    FROM unnest(ARRAY['completed', 'failed', 'discarded', 'snoozed', 'cancelled', 'nothing']) how;
SELECT is(t.outcome(job_id), CASE how WHEN 'failed' THEN 'completed 2' WHEN 'discarded' THEN 'discarded 1' WHEN 'cancelled' THEN 'cancelled 1' ELSE 'completed 1' END,
          'outcome ' || how) FROM t.how ORDER BY how;
SELECT is((SELECT result FROM foreman.jobs JOIN t.how USING (job_id) WHERE how = 'completed'), '{"r": 1}', 'a result of its own');
SELECT is((SELECT reason FROM foreman.jobs JOIN t.how USING (job_id) WHERE how = 'discarded'), 'said discarded', 'a reason of its own');
SELECT is((SELECT t.error(job_id, 0, 'message') FROM t.how WHERE how = 'failed'), 'said failed', 'an error of its own');
CREATE FUNCTION t.batch_bad(jobs foreman.job[]) RETURNS SETOF foreman.job_outcome LANGUAGE sql AS $$
    SELECT j.job_id, 'perfect', NULL::jsonb, NULL, NULL::interval FROM unnest(jobs) j $$;
SELECT foreman.register_handler('batch_bad', 't.batch_bad', lane => 'batch', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('batch_bad') AS bad \gset
SELECT is(t.outcome(:bad), 'discarded 1', 'an outcome that does not exist fails the job');

-- Lane procedure: both shapes, and it may commit. Commands.
CREATE PROCEDURE t.proc_args(args jsonb) LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (what) VALUES ('first'); COMMIT; INSERT INTO t.log (what) VALUES ('undone'); ROLLBACK; INSERT INTO t.log (what) VALUES ('last'); END $$;
CREATE PROCEDURE t.proc_job(job foreman.job) LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, format('attempt %s state %s', job.attempt, (SELECT state FROM foreman.jobs WHERE job_id = job.job_id)));
    COMMIT;
    IF job.attempt = 1 THEN RAISE EXCEPTION 'after its commit'; END IF; END $$;
SELECT foreman.register_handler('proc_args', 't.proc_args', lane => 'procedure') \g /dev/null
SELECT foreman.register_handler('proc_job', 't.proc_job', lane => 'procedure', backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('command', command => 'INSERT INTO t.log (what) VALUES (''command'')') \g /dev/null
SELECT foreman.register_handler('several', command => 'INSERT INTO t.log (what) VALUES (''one''); INSERT INTO t.log (what) VALUES (''two'')') \g /dev/null
SELECT foreman.register_handler('vacuum', command => 'VACUUM t.log') \g /dev/null
SELECT foreman.register_handler('bad', command => 'INSERT INTO t.nowhere VALUES (1)', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('proc_args') AS proc_args, foreman.enqueue('proc_job') AS proc_job, foreman.enqueue('command') AS command,
       foreman.enqueue('several') AS several, foreman.enqueue('vacuum') AS vacuum, foreman.enqueue('bad') AS bad \gset
SELECT is(t.outcome(:proc_args), 'completed 1', 'a procedure that commits completes');
SELECT is((SELECT string_agg(what, ' ' ORDER BY n) FROM t.log WHERE what IN ('first', 'undone', 'last')), 'first last', 'its transactions are its own');
SELECT is(t.outcome(:proc_job), 'completed 2', 'one that fails after a commit runs again');
SELECT is((SELECT array_agg(what ORDER BY n) FROM t.log WHERE job_id = :proc_job), ARRAY['attempt 1 state running', 'attempt 2 state running'], 'what it committed stays, and others see it running');
SELECT is(t.outcome(:command), 'completed 1', 'a command runs');
SELECT is(t.outcome(:several), 'completed 1', 'a command of two statements runs');
SELECT is((SELECT count(*) FROM t.log WHERE what IN ('command', 'one', 'two')), 3::int8, 'with their effects');
SELECT is(t.outcome(:vacuum), 'completed 1', 'a command may be one that no transaction block allows');
SELECT is(t.outcome(:bad), 'discarded 1', 'a command that fails is a dead letter');
SELECT is(t.error(:bad, 0, 'sqlstate'), '42P01', 'with its SQLSTATE');

-- A command has no client: what would be sent to one went into the server's log, forged lines of it included.
SELECT throws_ok(format($$ SELECT foreman.register_handler('copy', command => %L) $$, statement), '0A000', 'command: COPY cannot use STDOUT or STDIN', 'refused: ' || statement)
  FROM (VALUES ($$COPY (SELECT 'forged line') TO STDOUT$$), ($$SELECT 1; COPY t.log FROM STDIN$$)) v(statement);
SELECT foreman.register_handler('copy', command => 'SELECT 1', max_attempts => 1) \g /dev/null
UPDATE foreman.handler SET command = $$COPY (SELECT 'forged line') TO STDOUT$$ WHERE kind = 'copy';
SELECT foreman.register_handler('copy again', command => 'SELECT 1') \g /dev/null
SELECT foreman.enqueue('copy') AS copy \gset
SELECT is(t.outcome(:copy), 'discarded 1', 'also when such a command came in by another way');
SELECT is(t.error(:copy, 0, 'message'), 'a command in the background cannot COPY to STDOUT or from STDIN', 'with a reason');

-- A transaction block that the command does not end is rolled back: that is no success
-- (https://github.com/citusdata/pg_cron/issues/405: nothing was written, and no warning).
SELECT foreman.register_handler('unfinished', command => $$BEGIN; INSERT INTO t.log (what) VALUES ('unfinished')$$, max_attempts => 1),
       foreman.register_handler('finished', command => $$BEGIN; INSERT INTO t.log (what) VALUES ('finished'); COMMIT$$) \g /dev/null
SELECT foreman.enqueue('unfinished') AS unfinished, foreman.enqueue('finished') AS finished \gset
SELECT is(t.outcome(:unfinished), 'discarded 1', 'a command that does not end its transaction fails');
SELECT is(t.error(:unfinished, 0, 'sqlstate') || ' ' || t.error(:unfinished, 0, 'message'), '25001 the command began a transaction and did not end it', 'with a reason');
SELECT is(t.outcome(:finished), 'completed 1', 'a command that ends its transaction completes');
SELECT is((SELECT array_agg(what) FROM t.log WHERE what LIKE '%finished'), '{finished}', 'and what it wrote is there');

-- A name that is none: the error says which argument it is about, and what is allowed.
CREATE FUNCTION t.refusal_of(handler text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM foreman.register_handler('k', handler);
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLERRM || ' / ' || hint;
END $$;
SELECT alike(t.refusal_of(name), format('handler "%s": %%Allowed: %%', name), 'no name of a function: ' || name) FROM unnest(ARRAY['SELECT 1', 'a.b.c.d', 'f(', 'f(no_such_type)', '"f']) name;

-- A function that is replaced counts from the next job on; one that is dropped while jobs wait fails them until it is back.
CREATE OR REPLACE FUNCTION t.args_int(args jsonb) RETURNS int LANGUAGE sql AS $$ SELECT 1000 $$;
SELECT foreman.enqueue('int') AS replaced \gset
SELECT is(t.outcome(:replaced), 'completed 1', 'a replaced function runs');
SELECT is((SELECT result FROM foreman.jobs WHERE job_id = :replaced), '1000', 'as it is now');
DROP FUNCTION t.args_int(jsonb);
SELECT foreman.enqueue('int', max_attempts => 10) AS waits \gset
SELECT ok(t.wait_until(format($$ t.state(%s) LIKE 'retryable%%' $$, :waits)), 'a dropped function fails the job''s attempt');
SELECT is(t.error(:waits, 0, 'sqlstate'), '42883', 'with the reason');
CREATE FUNCTION t.args_int(args jsonb) RETURNS text LANGUAGE sql AS $$ SELECT 'back' $$;
SELECT foreman.run_now(:waits) \g /dev/null
SELECT alike(t.outcome(:waits), 'completed%', 'it completes when the function is back');
SELECT is((SELECT result FROM foreman.jobs WHERE job_id = :waits), '"back"', 'with another type of result');
SELECT * FROM finish();
