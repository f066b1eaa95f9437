-- An error of Postgres passes C++ frames: it keeps everything, and their destructors run.
\set SHOW_CONTEXT always
SELECT bridge.run('SELECT 1', 3);
SELECT bridge.destroyed();
SELECT bridge.run($x$DO $do$BEGIN
    RAISE EXCEPTION 'a message' USING ERRCODE = '55P03', DETAIL = 'a detail', HINT = 'a hint', TABLE = 'a_table';
END$do$$x$, 20);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.destroyed();
SELECT bridge.clean();

-- From the executor, from the parser (with its position), from deep below.
SELECT bridge.run('SELECT 1/0', 2);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.run('SELECT nothing FROM nowhere', 2);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.run('SELECT bridge.run(''SELECT bridge.run(''''SELECT 1/0'''', 3)'', 3)', 3);
SELECT bridge.destroyed();
SELECT bridge.run_without_context('SELECT 1/0');

-- The fields that only a program sees.
INSERT INTO bridge.unique_note VALUES ('x');
DO $$
DECLARE
    state text; message text; detail text; hint text; tab text; con text;
BEGIN
    PERFORM bridge.run('INSERT INTO bridge.unique_note VALUES (''x'')', 4);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, tab = TABLE_NAME, con = CONSTRAINT_NAME;
    RAISE NOTICE '%, %, %, %, %, %', state, message, detail, hint, tab, con;
END$$;

-- Exceptions of C++ become errors, and none is left in flight.
SELECT bridge.throw('bad_alloc');
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.clean();
SELECT bridge.throw('failure');
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.clean();
SELECT bridge.throw('failure with hint');
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.clean();
SELECT bridge.throw('std::exception');
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.clean();
SELECT bridge.throw('unknown');
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.clean();
SELECT bridge.destroyed();

-- A text that is too long ends at a character, not within one.
DO $$
DECLARE
    message text; hint text;
BEGIN
    PERFORM bridge.throw_long();
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '% % %', octet_length(message), length(message), hint = message;
END$$;

-- Two at once; out of a guarded block; where things are afterwards.
SELECT bridge.two_errors();
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.throw_in_guarded();
SELECT bridge."values"();
SELECT bridge.context_after_error();
SELECT bridge.log();
SELECT bridge.clean();

-- Many errors that nobody swallows leave no memory behind.
CREATE FUNCTION pg_temp.raise_many(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        BEGIN
            PERFORM bridge.run('SELECT 1/0', 2);
        EXCEPTION WHEN division_by_zero THEN
        END;
    END LOOP;
END$$;
SELECT pg_temp.raise_many(100);
SELECT sum(total_bytes) AS kept FROM pg_backend_memory_contexts WHERE name = 'foreman errors' \gset
SELECT pg_temp.raise_many(10000);
SELECT count(*), sum(total_bytes) = :kept AS flat FROM pg_backend_memory_contexts WHERE name = 'foreman errors';
