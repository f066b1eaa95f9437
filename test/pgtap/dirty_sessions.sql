-- A handler that leaves its session dirty: the next job of the same role finds it clean, and no job that shared its
-- transaction is hurt. All jobs here run one after the other, in one executor at a time.
\ir lib/helpers.sql
SELECT no_plan();
CREATE TABLE t.target (k int CONSTRAINT later UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION t.leaves(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE args ->> 'command'; END $$;
-- What is left over in this session.
CREATE FUNCTION t.looks(job foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'work_mem', nullif(current_setting('work_mem'), '4MB'),
        'search_path', nullif(current_setting('search_path'), '"$user", public'),
        'custom', nullif(current_setting('my.setting', true), ''),
        'role', nullif(current_user, session_user),
        'temp', (SELECT string_agg(c.relname, ',') FROM pg_class c WHERE c.relnamespace = pg_my_temp_schema()),
        'prepared', (SELECT string_agg(name, ',') FROM pg_prepared_statements),
        'cursors', (SELECT string_agg(name, ',') FROM pg_cursors WHERE name <> ''),
        'locks', (SELECT string_agg(objid::text, ',') FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
        'channels', (SELECT string_agg(c, ',') FROM pg_listening_channels() c),
        'isolation', nullif(current_setting('transaction_isolation'), 'read committed'),
        'read_only', nullif(current_setting('transaction_read_only'), 'off')));
END $$;
SELECT foreman.register_handler('leaves', 't.leaves', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
CREATE PROCEDURE t.leaves_late(args jsonb) LANGUAGE plpgsql AS $$ BEGIN EXECUTE args ->> 'command'; END $$;
SELECT foreman.register_handler('leaves_late', 't.leaves_late', lane => 'procedure', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('looks', 't.looks') \g /dev/null
CREATE TABLE t.dirt (n int, what text, command text);
INSERT INTO t.dirt VALUES
    (1, 'a setting', 'SET work_mem = ''64kB'''),
    (2, 'a search_path', 'SET search_path = t'),
    (3, 'a setting of its own', 'SET my.setting = ''mine'''),
    (4, 'a role', 'SET ROLE pg_monitor'),
    (5, 'a temporary table', 'CREATE TEMP TABLE left_over (x int)'),
    (6, 'a prepared statement', 'PREPARE left_over AS SELECT 1'),
    (7, 'a session''s advisory lock', 'DO $d$ BEGIN PERFORM pg_advisory_lock(4711); END $d$'),
    (8, 'a transaction''s advisory lock', 'DO $d$ BEGIN PERFORM pg_advisory_xact_lock(4712); END $d$'),
    (9, 'a held cursor', 'DECLARE left_over CURSOR WITH HOLD FOR SELECT 1'),
    (10, 'deferred constraints', 'SET CONSTRAINTS t.later IMMEDIATE'),
    (11, 'a notification', 'NOTIFY left_over'),
    (12, 'a channel that it listens to', 'LISTEN left_over');

-- First the dirty ones alone: each, then a look by whoever comes next in any executor of the role.
CREATE PROCEDURE t.each(kind text) LANGUAGE plpgsql AS $$
DECLARE
    d t.dirt;
    dirty int8;
    look int8[];
BEGIN
    FOR d IN SELECT * FROM t.dirt ORDER BY n LOOP
        dirty := foreman.enqueue(kind, jsonb_build_object('command', d.command));
        COMMIT;
        INSERT INTO t.found (kind, what, state) VALUES (kind, d.what, t.outcome(dirty));
        look := ARRAY(SELECT foreman.enqueue('looks') FROM generate_series(1, 6));
        COMMIT;
        PERFORM t.outcome(l) FROM unnest(look) l;
        UPDATE t.found f SET rest = (SELECT string_agg(DISTINCT j.state || ' ' || j.result::text, '; ') FROM foreman.jobs j WHERE j.job_id = ANY (look))
         WHERE f.kind = each.kind AND f.what = d.what;
        COMMIT;
    END LOOP;
END $$;
CREATE TABLE t.found (kind text, what text, state text, rest text);
CALL t.each('leaves');
CALL t.each('leaves_late');
SELECT is(state, CASE WHEN what LIKE '%listens%' THEN 'discarded 2' ELSE 'completed 1' END, format('a handler (%s) that leaves %s completes', kind, what)) FROM t.found;
SELECT is((SELECT DISTINCT errors -> 0 ->> 'message' FROM foreman.jobs WHERE args ->> 'command' LIKE 'LISTEN%'),
    'cannot execute LISTEN within a background process', 'but for LISTEN, which the server refuses in every worker');
SELECT is(rest, 'completed {}', format('and the next finds nothing of it (%s, %s)', kind, what)) FROM t.found;

-- In one transaction with others.
CREATE TABLE t.sent (job_id int8);
CREATE FUNCTION t.inserts(args jsonb) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.target VALUES ((args ->> 'k')::int) $$;
SELECT foreman.register_handler('inserts', 't.inserts') \g /dev/null
WITH mixed AS (SELECT foreman.enqueue('inserts', jsonb_build_object('k', i)) AS a, foreman.enqueue('leaves', jsonb_build_object('command', command)) AS b
                 FROM generate_series(1, 120) i JOIN t.dirt ON n = i % 11 + 1)
INSERT INTO t.sent SELECT unnest(ARRAY[a, b]) FROM mixed;
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.sent WHERE t.state(job_id) NOT LIKE 'completed%') $$, 60), 'dirty and clean jobs in a mixed order complete');
SELECT is((SELECT count(*) FROM t.sent JOIN foreman.jobs USING (job_id) WHERE attempt <> 1 OR errors IS NOT NULL), 0::int8, 'nobody is charged for having shared a transaction');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT k) FROM t.target), '120 120', 'each effect is there once');
-- A session is cleaned after the commit of what dirtied it.
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid IN (4711, 4712)) $$), 'no lock is left');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM pg_class WHERE relname = 'left_over') $$), 'no table is left');

-- What would end the transaction that a handler shares is refused, and it alone fails.
CREATE TABLE t.ends (n int, command text, sqlstate text);
INSERT INTO t.ends VALUES (1, 'COMMIT', '0A000'), (2, 'ROLLBACK', '0A000'), (3, 'SAVEPOINT s', '0A000'), (4, 'DO $d$ BEGIN COMMIT; END $d$', '2D000'),
    (5, 'DO $d$ BEGIN ROLLBACK; END $d$', '2D000'), (6, 'VACUUM t.target', '25001'), (7, 'SET SESSION AUTHORIZATION nobody_of_that_name', '22023');
CREATE TABLE t.refused AS SELECT n, command, sqlstate, foreman.enqueue('leaves', jsonb_build_object('command', command), max_attempts => 1) AS job_id,
    foreman.enqueue('inserts', jsonb_build_object('k', 1000 + n)) AS beside FROM t.ends;
SELECT is(t.outcome(job_id) || ' ' || t.error(job_id, 0, 'sqlstate'), 'discarded 1 ' || sqlstate, format('a handler cannot %s', command)) FROM t.refused ORDER BY n;
SELECT is(t.outcome(beside), 'completed 1', format('the job beside it is done (%s)', command)) FROM t.refused ORDER BY n;
-- Settings that a handler resets are those of its session.
SELECT foreman.enqueue('leaves', '{"command": "RESET ALL"}') AS reset \gset
SELECT is(t.outcome(:reset), 'completed 1', 'a handler may RESET ALL');
SELECT foreman.enqueue('looks') AS look \gset
SELECT is(t.outcome(:look), 'completed 1', 'and the next runs');
SELECT is((SELECT result::text FROM foreman.jobs WHERE job_id = :look), '{}', 'and finds its session as ever');

-- A violated constraint is the fault of the job that violates it, whoever shares its transaction.
SELECT foreman.register_handler('twice', 't.inserts', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('twice', '{"k": 5}') AS twice \gset
SELECT is(t.outcome(:twice), 'discarded 1', 'a job that violates a deferred constraint fails');
SELECT is(t.error(:twice, 0, 'sqlstate'), '23505', 'with the reason');
SELECT * FROM finish();
