-- Event triggers and objects of users around the partitions of the history: making and dropping them goes on, or health() says why not.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null

-- Policies like "no DDL here" are about commands that somebody gives.
CREATE TABLE t.seen (tag text, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION t.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no DDL today: %', tg_tag; END $$;
CREATE FUNCTION t.see() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t.seen VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER pgtap_see_start ON ddl_command_start EXECUTE FUNCTION t.see();
CREATE EVENT TRIGGER pgtap_see_end ON ddl_command_end EXECUTE FUNCTION t.see();
CREATE EVENT TRIGGER pgtap_refuse_start ON ddl_command_start EXECUTE FUNCTION t.refuse();
SELECT throws_like('CREATE TABLE t.no ()', 'no DDL today: CREATE TABLE', 'an event trigger refuses DDL');
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
SET foreman.fake_now = '2031-03-30 12:00+00';
SELECT lives_ok('SELECT foreman.prune_once()', 'pruning makes partitions all the same');
SELECT is((SELECT count(*) FROM pg_class WHERE relname ~ '^job_history_203103(30|31)$'), 2::int8, 'they are there');
SELECT cmp_ok((SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relname = 'job_history_20310330'), '>=', 2::int8, 'with their indexes');
SET foreman.fake_now = '2031-05-30 12:00+00';
SELECT lives_ok('SELECT foreman.prune_once()', 'and drops them');
SELECT is((SELECT count(*) FROM pg_class WHERE relname ~ '^job_history_203103(30|31)$'), 0::int8, 'they are gone');
SELECT is((SELECT count(*) FROM t.seen), 0::int8, 'no event trigger ran');
RESET foreman.fake_now;
SELECT foreman.start() \g /dev/null
SELECT throws_like('CREATE EXTENSION pg_foreman_cron', 'no DDL today: CREATE EXTENSION', 'CREATE EXTENSION is refused');
SELECT throws_like('DROP EXTENSION pg_foreman', 'no DDL today: DROP EXTENSION', 'DROP EXTENSION is refused');
SELECT foreman.enqueue('note') AS id \gset
SELECT is(t.outcome(:id), 'completed 1', 'and the workers are there');
DROP EVENT TRIGGER pgtap_refuse_start;
SELECT lives_ok('CREATE EXTENSION pg_foreman_cron', 'event triggers that look on do not disturb CREATE EXTENSION');
SELECT cmp_ok((SELECT count(*) FROM t.seen), '>', 2::int8, 'and see it');
DROP EVENT TRIGGER pgtap_see_start;
DROP EVENT TRIGGER pgtap_see_end;

-- A view of a user keeps one partition; the others go, and health() says it.
CREATE TABLE foreman.job_history_20200101 PARTITION OF foreman.job_history FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-01-02 00:00+00');
CREATE TABLE foreman.job_history_20200102 PARTITION OF foreman.job_history FOR VALUES FROM ('2020-01-02 00:00+00') TO ('2020-01-03 00:00+00');
CREATE VIEW t.mine AS SELECT job_id FROM foreman.job_history_20200101;
SELECT throws_like('SELECT foreman.prune_once()', 'partition job_history_20200101 cannot be dropped:%', 'prune_once() says what it could not drop');
SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = current_database() \gset
SELECT pg_terminate_backend(:pid) \g /dev/null
SELECT ok(t.wait_until($$NOT EXISTS (SELECT FROM pg_class WHERE relname = 'job_history_20200102')$$), 'the dispatcher drops the others');
SELECT isnt(to_regclass('foreman.job_history_20200101'), NULL, 'and not that one');
SELECT ok(t.wait_until($$EXISTS (SELECT FROM foreman.health() WHERE name = 'duties' AND NOT ok
          AND detail ~ '^pruning fails since \d+ s: partition job_history_20200101 cannot be dropped')$$), 'health() says it');
SELECT foreman.enqueue('note') AS id \gset
SELECT is(t.outcome(:id), 'completed 1', 'jobs run meanwhile');
DROP VIEW t.mine;
SELECT ok(t.wait_until($$NOT EXISTS (SELECT FROM pg_class WHERE relname = 'job_history_20200101')$$, 60), 'it goes when nothing depends on it');
SELECT ok(t.wait_until($$EXISTS (SELECT FROM foreman.health() WHERE name = 'duties' AND ok)$$), 'and health() is content again');
SELECT finish();
