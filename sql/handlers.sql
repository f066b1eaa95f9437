-- Handlers: which functions can be one, how their jobs run, and what they can say about them.
-- Workers are stopped; run_once() and drain() run jobs in this session.
SET client_min_messages = warning;
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
CREATE SCHEMA handlers_test;
SET search_path = handlers_test, public;
CREATE TABLE did (kind text, args jsonb, attempt int);
CREATE VIEW seen AS SELECT job_id, state, args, attempt, max_attempts, result, reason FROM foreman.jobs;

-- f(jsonb): what it returns is the result, whatever its type.
CREATE FUNCTION returns_jsonb(args jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT args || ''{"seen": true}''';
CREATE FUNCTION returns_int(jsonb) RETURNS int LANGUAGE sql AS 'SELECT 42';
CREATE FUNCTION returns_void(args jsonb) RETURNS void LANGUAGE sql AS 'INSERT INTO handlers_test.did VALUES (''void'', args)';
CREATE FUNCTION returns_row(args jsonb, OUT a int, OUT b text) LANGUAGE sql AS 'SELECT 1, ''two''';
CREATE FUNCTION returns_null(args jsonb) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
SELECT foreman.register_handler('jsonb', 'returns_jsonb'), foreman.register_handler('int', 'handlers_test.returns_int(jsonb)'),
       foreman.register_handler('void', 'Returns_Void'), foreman.register_handler('row', 'returns_row'), foreman.register_handler('null', 'returns_null');
SELECT kind, handler, command, lane, queue, max_attempts, run_as = current_user AS mine FROM foreman.handlers ORDER BY kind;
SELECT * FROM foreman.enqueue_many('[{"kind": "jsonb", "args": {"x": 1}}, {"kind": "int"}, {"kind": "void", "args": [1]}, {"kind": "row"}, {"kind": "null"}]');
SELECT foreman.drain();
SELECT * FROM seen ORDER BY job_id;
SELECT * FROM did;

-- f(foreman.job) sees the whole job; idempotency_key() and current_job() say the same of it.
CREATE FUNCTION sees_job(job foreman.job) RETURNS jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(job) - '{run_at,enqueued_at}'::text[] || jsonb_build_object('key', foreman.idempotency_key(), 'same', foreman.current_job() = job) $$;
SELECT foreman.register_handler('sees', 'sees_job');
SELECT foreman.enqueue('sees', '{"y": 2}', tags => '{t}', metadata => '{"m": 1}');
SELECT foreman.run_once();
SELECT jsonb_pretty(result) FROM foreman.jobs WHERE kind = 'sees';

-- Names are resolved along the search_path, and mean the same wherever jobs run.
SET search_path = public;
SELECT foreman.enqueue('void', '"elsewhere"');
SELECT foreman.run_once();
SET search_path = handlers_test, public;
SELECT args FROM did ORDER BY args;

-- Registering again replaces.
SELECT foreman.register_handler('int', 'returns_row', max_attempts => 3, timeout => '1 minute', backoff_base => '0', backoff_max => '1 hour', max_group => 10);
SELECT handler, max_attempts, timeout, backoff_base, backoff_max, max_group FROM foreman.handlers WHERE kind = 'int';

-- What is not a handler.
CREATE FUNCTION two(jsonb, int) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION txt(text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION srf(jsonb) RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION twins(jsonb) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION twins(foreman.job) RETURNS void LANGUAGE sql AS '';
CREATE PROCEDURE proc(jsonb) LANGUAGE sql AS '';
CREATE PROCEDURE inout_proc(INOUT args jsonb) LANGUAGE sql AS 'SELECT args';
CREATE FUNCTION pg_temp.passing(jsonb) RETURNS void LANGUAGE sql AS '';
SELECT foreman.register_handler('k');
SELECT foreman.register_handler('k', 'proc', 'SELECT 1');
SELECT foreman.register_handler('k', 'no_such');
SELECT foreman.register_handler('k', 'no_such(jsonb)');
SELECT foreman.register_handler('k', 'no_schema.f');
SELECT foreman.register_handler('k', 'two');
SELECT foreman.register_handler('k', 'txt');
SELECT foreman.register_handler('k', 'txt(text)');
SELECT foreman.register_handler('k', 'srf');
SELECT foreman.register_handler('k', 'trg()');
SELECT foreman.register_handler('k', 'twins');
SELECT foreman.register_handler('k', 'proc');
SELECT foreman.register_handler('k', 'returns_int', lane => 'procedure');
SELECT foreman.register_handler('k', 'inout_proc', lane => 'procedure');
SELECT foreman.register_handler('k', 'returns_int', lane => 'batch');
SELECT foreman.register_handler('k', 'returns_int', lane => 'fast');
SELECT foreman.register_handler('k', 'pg_temp.passing(jsonb)');
SELECT foreman.register_handler('k', 'a.b.c.d');
SELECT foreman.register_handler('k', 'bad name(');
SELECT foreman.register_handler('k', '');
SELECT foreman.register_handler('k', command => '  -- nothing');
SELECT foreman.register_handler('k', command => 'SELEC 1');
SELECT foreman.register_handler('k', command => 'SELECT 1', lane => 'batch');
SELECT count(*) FROM foreman.handlers WHERE kind = 'k';

-- The argument's type decides where there are two.
SELECT foreman.register_handler('twins', 'twins(foreman.job)');
SELECT handler FROM foreman.handlers WHERE kind = 'twins';
SELECT foreman.register_handler('proc', 'proc', lane => 'procedure'), foreman.register_handler('cmd', command => 'SELECT 1; SELECT 2');
SELECT kind, handler, command, lane FROM foreman.handlers WHERE lane = 'procedure' ORDER BY kind;

-- A failure undoes the writes, is kept with the job, and charges an attempt; the last one makes it a dead letter.
CREATE FUNCTION fails(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO handlers_test.did VALUES ('fails', job.args, job.attempt);
    RAISE EXCEPTION 'attempt % failed', job.attempt USING ERRCODE = 'XX123', DETAIL = 'the detail', HINT = 'the hint';
END $$;
SELECT foreman.register_handler('fails', 'fails', max_attempts => 2, backoff_base => '0');
SELECT foreman.enqueue('fails');
SELECT foreman.run_once();
SELECT state, attempt FROM foreman.jobs WHERE kind = 'fails';
SELECT foreman.run_once();
SELECT state, attempt, max_attempts, reason, jsonb_array_length(errors) FROM foreman.jobs WHERE kind = 'fails';
SELECT e ->> 'attempt' AS attempt, e ->> 'sqlstate' AS sqlstate, e ->> 'message' AS message, e ->> 'detail' AS detail, e ->> 'hint' AS hint, e ->> 'context' AS context
  FROM foreman.jobs, jsonb_array_elements(errors) e WHERE kind = 'fails';
SELECT count(*) FROM did WHERE kind = 'fails';

-- Outcomes that keep the handler's writes.
CREATE FUNCTION says(args jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO handlers_test.did VALUES ('says', args, (foreman.current_job()).attempt);
    PERFORM foreman.set_progress(0.5, 'half');
    CASE args ->> 'what'
        WHEN 'snooze' THEN PERFORM foreman.snooze('1 hour');
        WHEN 'throttle' THEN PERFORM foreman.throttle();
        WHEN 'discard' THEN PERFORM foreman.discard('no such customer');
        WHEN 'cancel' THEN PERFORM foreman.cancel_self('not needed any more');
        WHEN 'changed mind' THEN PERFORM foreman.snooze('1 hour'); PERFORM foreman.cancel_self('rather not');
        WHEN 'raise' THEN PERFORM foreman.discard('never mind'); RAISE EXCEPTION 'wins';
    END CASE;
    RETURN 'a result';
END $$;
SELECT foreman.register_handler('says', 'says');
SELECT count(*) FROM foreman.enqueue_array('says', ARRAY['{"what": "snooze"}', '{"what": "discard"}', '{"what": "cancel"}', '{"what": "changed mind"}', '{"what": "raise"}', '{"what": "throttle"}']::jsonb[], queue => 'says');
SELECT foreman.drain();
SELECT args ->> 'what' AS what, state, attempt, result, reason, errors -> 0 ->> 'message' AS error, run_at > now() + interval '10 minutes' AS later FROM foreman.jobs WHERE kind = 'says' ORDER BY job_id;
SELECT args ->> 'what' AS what, attempt FROM did WHERE kind = 'says' ORDER BY args;

-- They are for handlers only, and take sensible values only.
SELECT foreman.current_job();
SELECT foreman.idempotency_key();
SELECT foreman.set_progress(0.5);
SELECT foreman.snooze('1 s');
SELECT foreman.throttle();
SELECT foreman.discard('x');
SELECT foreman.cancel_self('x');
CREATE FUNCTION asks(args jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE message text; hint text;
BEGIN
    EXECUTE 'SELECT ' || (args #>> '{}');
    RETURN '"done"';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN jsonb_build_array(SQLSTATE, message, hint);
END $$;
SELECT foreman.register_handler('asks', 'asks');
SELECT count(*) FROM foreman.enqueue_array('asks', ARRAY['"foreman.set_progress(1.1)"', '"foreman.set_progress(''NaN'')"', '"foreman.set_progress(NULL)"', '"foreman.snooze(''-1 s'')"', '"foreman.snooze(''1 month'')"', '"foreman.snooze(NULL)"', '"foreman.discard(NULL)"']::jsonb[]);
SELECT foreman.drain();
SELECT args, result FROM foreman.jobs WHERE kind = 'asks' ORDER BY job_id;

-- Lane batch: void completes all; rows of outcomes speak of each.
CREATE FUNCTION batch_void(jobs foreman.job[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO handlers_test.did SELECT 'batch', j.args, j.attempt FROM unnest(jobs) j $$;
CREATE FUNCTION batch_rows(jobs foreman.job[]) RETURNS SETOF foreman.job_outcome LANGUAGE sql AS $$
    SELECT j.job_id, j.args #>> '{}', to_jsonb(j.attempt), 'said so', interval '1 hour' FROM unnest(jobs) j WHERE j.args #>> '{}' <> 'silent' $$;
SELECT foreman.register_handler('batch', 'batch_void', lane => 'batch'), foreman.register_handler('rows', 'batch_rows', lane => 'batch', backoff_base => '1 hour');
SELECT count(*) FROM foreman.enqueue_array('batch', ARRAY['1', '2', '3']::jsonb[]);
SELECT count(*) FROM foreman.enqueue_array('rows', ARRAY['"completed"', '"failed"', '"discarded"', '"snoozed"', '"cancelled"', '"silent"']::jsonb[]);
SELECT foreman.drain();
SELECT args, attempt FROM did WHERE kind = 'batch' ORDER BY args;
SELECT args, state, attempt, result, reason, errors -> 0 ->> 'message' AS error FROM foreman.jobs WHERE kind = 'rows' ORDER BY job_id;

-- A handler that is dropped while its jobs wait: the reason is to be read in foreman.jobs.
SELECT foreman.enqueue('void', '"dropped"', max_attempts => 1);
DROP FUNCTION returns_void;
SELECT foreman.run_once();
SELECT state, errors -> 0 ->> 'sqlstate' AS sqlstate, errors -> 0 ->> 'message' AS message FROM foreman.jobs WHERE args = '"dropped"';

-- Without a handler jobs wait.
SELECT foreman.unregister_handler('jsonb'), foreman.unregister_handler('jsonb', if_exists => true);
SELECT foreman.enqueue('jsonb');
SELECT foreman.run_once();
SELECT state FROM foreman.jobs WHERE kind = 'jsonb' AND finished_at IS NULL;

-- run_once() takes what is due, of its queue, and no more than it is told.
SELECT count(*) FROM foreman.enqueue_array('row', ARRAY['1', '2', '3']::jsonb[], queue => 'q1');
SELECT foreman.enqueue('row', queue => 'q2'), foreman.enqueue('row', queue => 'q1', run_at => now() + interval '1 day');
SELECT foreman.run_once('q1', 2), foreman.run_once('q2', 10), foreman.run_once('q2', 10), foreman.drain('q1');
SELECT foreman.run_once('q1', 0);

SET client_min_messages = error;
DROP SCHEMA handlers_test CASCADE;
DROP EXTENSION pg_foreman;
