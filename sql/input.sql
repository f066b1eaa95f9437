-- Bad input: every function says which argument was wrong, what it was and what is allowed, and changes nothing.
-- refused() shows SQLSTATE, message and hint of a statement that must fail.
SET client_min_messages = warning;
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
CREATE SCHEMA input_test;
CREATE FUNCTION input_test.nothing(args jsonb) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION input_test.refused(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; hint text; detail text;
BEGIN
    EXECUTE command;
    RETURN 'NOT REFUSED';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || message || CASE WHEN hint <> '' THEN E'\n      ' || hint ELSE '' END;
END $$;
CREATE FUNCTION input_test.refusals(prefix text, calls text[]) RETURNS TABLE (arguments text, refusal text) LANGUAGE sql AS $$
    SELECT CASE WHEN length(c) > 60 THEN left(c, 57) || '...' ELSE c END, input_test.refused(prefix || c || ')') FROM unnest(calls) WITH ORDINALITY AS u(c, i) ORDER BY i $$;
SELECT foreman.enqueue('before', queue => 'q');
\pset format unaligned
\pset tuples_only
\pset fieldsep '\n   '

-- Names: kinds, queues, tags.
SELECT * FROM input_test.refusals('SELECT foreman.enqueue(', ARRAY[
    'NULL', $$''$$, $$repeat('x', 256)$$, $$E'a\nb'$$, $$E'\x7f'$$,
    $$'k', queue => ''$$, $$'k', queue => repeat('y', 256)$$, $$'k', queue => E'tab\t'$$,
    $$'k', tags => ARRAY['a', NULL]$$, $$'k', tags => '{""}'$$, $$'k', tags => '{{a},{b}}'$$, $$'k', tags => array_fill('t'::text, '{101}')$$]);

-- Numbers.
SELECT * FROM input_test.refusals('SELECT foreman.enqueue(''k'', ', ARRAY[
    'priority => 101', 'priority => -101', 'priority => 2147483647', 'max_attempts => 0', 'max_attempts => -1', 'max_attempts => 1001']);

-- Instants.
SELECT * FROM input_test.refusals('SELECT foreman.enqueue(''k'', ', ARRAY[
    $$run_at => 'infinity'$$, $$run_at => '-infinity'$$, $$run_at => '10000-01-01 00:00+00'$$, $$run_at => '294276-12-31 23:59:59+00'$$,
    $$expires_at => 'infinity'$$, $$expires_at => '-infinity'$$, $$expires_at => '10000-01-01 00:00+00'$$, $$run_at => 'never'$$]);

-- Durations.
SELECT * FROM input_test.refusals('SELECT foreman.enqueue(''k'', ', ARRAY[
    $$timeout => '0'$$, $$timeout => '-1 s'$$, $$timeout => '999 us'$$, $$timeout => '3654 days'$$, $$timeout => '1 month'$$, $$timeout => '1 year -365 days'$$,
    $$timeout => '178000000 years'$$, $$timeout => make_interval(days => 2147483647, secs => 9223372036854)$$, $$timeout => 'soon'$$]);

-- Args.
SELECT * FROM input_test.refusals('SELECT foreman.enqueue(''k'', ', ARRAY['NULL', 'args => NULL', $$'{bad json}'$$]);
SELECT * FROM input_test.refusals('SELECT foreman.enqueue_array(''k'', ', ARRAY[
    'NULL', $$ARRAY['1', NULL]::jsonb[]$$, $$ARRAY[['1'], ['2']]::jsonb[]$$, $$'{1}', priority => 500$$]);
SELECT * FROM input_test.refusals('SELECT foreman.enqueue_array(', ARRAY['NULL, ''{1}''']);
SELECT * FROM input_test.refusals('SELECT foreman.enqueue_info(', ARRAY['NULL', '''k'', NULL']);

-- enqueue_many says which element.
SELECT * FROM input_test.refusals('SELECT foreman.enqueue_many(', ARRAY[
    'NULL', $$'{}'$$, $$'"kind"'$$, $$'[1]'$$, $$'[{"kind": "k"}, ["kind"]]'$$, $$'[{"kind": "k"}, {}]'$$, $$'[{"kind": null}]'$$, $$'[{"kind": 1}]'$$, $$'[{"kind": ""}]'$$,
    $$'[{"kind": "k", "args": null}]'$$, $$'[{"kind": "k", "prio": 1, "queue": "q"}]'$$, $$'[{"kind": "k", "priority": "1"}]'$$, $$'[{"kind": "k", "priority": 1.5}]'$$,
    $$'[{"kind": "k", "priority": 99999999999}]'$$, $$'[{"kind": "k"}, {"kind": "k", "max_attempts": -1}]'$$, $$'[{"kind": "k", "queue": {"a": 1}}]'$$,
    $$'[{"kind": "k", "run_at": 5}]'$$, $$'[{"kind": "k", "run_at": "soon"}]'$$, $$'[{"kind": "k", "run_at": "infinity"}]'$$, $$'[{"kind": "k", "expires_at": true}]'$$,
    $$'[{"kind": "k", "timeout": 5}]'$$, $$'[{"kind": "k", "timeout": "1 month"}]'$$, $$'[{"kind": "k", "timeout": "long"}]'$$,
    $$'[{"kind": "k", "tags": "t"}]'$$, $$'[{"kind": "k", "tags": ["t", 1]}]'$$, $$'[{"kind": "k", "tags": [""]}]'$$]);

-- Handlers; shapes are in the test of handlers.
SELECT * FROM input_test.refusals('SELECT foreman.register_handler(', ARRAY['NULL, ''input_test.nothing''', $$'', 'input_test.nothing'$$, $$'k', repeat('f', 1001)$$]);
SELECT * FROM input_test.refusals('SELECT foreman.register_handler(''k'', ''input_test.nothing'', ', ARRAY[
    $$queue => NULL$$, $$queue => ''$$, $$lane => NULL$$, $$lane => ''$$, $$lane => repeat('l', 200)$$, $$max_attempts => 0$$, $$max_attempts => 1001$$, $$max_group => 0$$, $$max_group => 201$$,
    $$timeout => '0'$$, $$timeout => '-1 s'$$, $$timeout => '1 month'$$, $$backoff_base => '-1 s'$$, $$backoff_base => '367 days'$$, $$backoff_max => '1 year'$$,
    $$backoff_base => '2 s', backoff_max => '1 s'$$, $$run_as => 0::oid::regrole$$, $$run_as => 4294967295::oid::regrole$$]);
SELECT * FROM input_test.refusals('SELECT foreman.unregister_handler(', ARRAY['NULL', $$''$$]);

-- Queues.
SELECT * FROM input_test.refusals('SELECT foreman.create_queue(', ARRAY[
    'NULL', $$''$$, $$repeat('q', 256)$$, $$'n', priority => -101$$, $$'n', backoff_base => '-1 s'$$, $$'n', backoff_base => '2 s', backoff_max => '1 s'$$, $$'n', retain_completed => '1 month'$$,
    $$'n', retain_cancelled => '-1 day'$$, $$'n', retain_discarded => '36526 days'$$, $$'n', keep_args => -1$$, $$'n', keep_args => 268435457$$]);
SELECT * FROM input_test.refusals('SELECT foreman.alter_queue(', ARRAY['NULL', $$'q', priority => 101$$]);
SELECT * FROM input_test.refusals('SELECT foreman.drop_queue(', ARRAY['NULL', $$''$$]);

-- Control.
SELECT * FROM input_test.refusals('SELECT foreman.cancel(', ARRAY['NULL']);
SELECT * FROM input_test.refusals('SELECT foreman.cancel_many(', ARRAY['NULL', $$'{1,NULL}'$$, $$'{{1},{2}}'$$]);
SELECT * FROM input_test.refusals('SELECT foreman.retry(', ARRAY['NULL']);
SELECT * FROM input_test.refusals('SELECT foreman.run_now(', ARRAY['NULL']);
SELECT * FROM input_test.refusals('SELECT foreman.reschedule(', ARRAY['1', '1, NULL, NULL', 'NULL, now()', $$1, 'infinity'$$, '1, priority => 101']);
SELECT * FROM input_test.refusals('SELECT foreman.delete_job(', ARRAY['NULL']);
SELECT * FROM input_test.refusals('SELECT foreman.dead_letters(', ARRAY[$$''$$, $$NULL, ''$$, 'max_rows => 0', 'max_rows => NULL', 'max_rows => 1000001', $$since => 'infinity'$$]);
SELECT * FROM input_test.refusals('SELECT foreman.retry_dead_letters(', ARRAY['max_rows => 0', 'max_rows => -1']);
SELECT * FROM input_test.refusals('SELECT foreman.retry_dead_letter(', ARRAY['NULL']);
SELECT * FROM input_test.refusals('SELECT foreman.purge_dead_letters(', ARRAY[$$older_than => '-1 s'$$, $$older_than => '1 month'$$]);
SELECT * FROM input_test.refusals('SELECT foreman.run_once(', ARRAY['max_jobs => 0', 'max_jobs => NULL', $$queue => ''$$]);
\pset format aligned
\pset tuples_only
CALL foreman.await(NULL, '1 s');
CALL foreman.await(1, '-1 s');
CALL foreman.await(1, '1 month');

-- The clock for tests.
SET foreman.fake_now = 'noon';
SET foreman.fake_now = 'infinity';
SET foreman.no_such_setting = 1;

-- Names in messages are names, not formats; values are cut where they are long.
SELECT foreman.enqueue('k', queue => E'%s %n \\');
SELECT foreman.register_handler('k', '%s');

-- Nothing was changed.
SELECT job_id, kind FROM foreman.jobs WHERE queue = 'q';
SELECT count(*) FROM foreman.handlers;
SELECT count(*) FROM foreman.queue;

SET client_min_messages = error;
DROP SCHEMA input_test CASCADE;
DROP EXTENSION pg_foreman;
