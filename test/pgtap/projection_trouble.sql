-- What keeps a projection from going on, and what may not: slow batches, time-outs, errors at the commit, and jobs that
-- somebody takes away.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();

CREATE TABLE t.seen (n int8 GENERATED ALWAYS AS IDENTITY, name text, "position" int8, event_type text);
CREATE TABLE t.bad (name text);
CREATE FUNCTION t.is_bad(type text) RETURNS bool LANGUAGE sql AS $$ SELECT EXISTS (SELECT FROM t.bad WHERE name = type) $$;
CREATE FUNCTION t.projection(of text) RETURNS text LANGUAGE sql AS $$ SELECT format('%s %s', state, behind_events) FROM foreman.projections WHERE name = of $$;
SELECT count(foreman.execute('order', 'n' || i % 10, jsonb_build_object('do', 'N' || i))) FROM generate_series(1, 60) i \g /dev/null

-- The event that fails comes after more work than a pass does.
CREATE FUNCTION t.slow(e foreman.event) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.004);
    IF t.is_bad(e.event_type) THEN RAISE 'cannot see %', e.event_type; END IF;
    INSERT INTO t.seen (name, position, event_type) VALUES ('slow', e.position, e.event_type);
END $$;
CREATE FUNCTION t.slow_many(e foreman.event[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.2);
    IF EXISTS (SELECT FROM unnest(e) WHERE t.is_bad(event_type)) THEN RAISE 'cannot see them'; END IF;
    INSERT INTO t.seen (name, position, event_type) SELECT 'slow many', position, event_type FROM unnest(e);
END $$;
INSERT INTO t.bad VALUES ('N50');
SELECT foreman.create_projection('slow', 't.slow'), foreman.create_projection('slow many', 't.slow_many') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('slow') = 'failing 11' $$, 20), 'a slow handler comes to the event that fails, and says so');
SELECT ok(t.wait_until($$ t.projection('slow many') = 'failing 11' $$, 30), 'one that gets arrays, too');
DELETE FROM t.bad;
SELECT count(foreman.resume_projection(name)) FROM foreman.projections \g /dev/null
SELECT ok(t.wait_until($$ t.projection('slow') = 'running 0' AND t.projection('slow many') = 'running 0' $$), 'mended, both go on');
SELECT is((SELECT count(*) FROM t.seen), 120::int8, 'each event once');
SELECT foreman.drop_projection('slow'), foreman.drop_projection('slow many') \g /dev/null

-- statement_timeout is for one call of the handler; one event that hangs does not hold back those before it.
CREATE FUNCTION t.timed(e foreman.event) RETURNS void LANGUAGE plpgsql SET statement_timeout = '1s' AS $$ BEGIN PERFORM pg_sleep(0.03); END $$;
CREATE FUNCTION t.hangs(e foreman.event) RETURNS void LANGUAGE plpgsql SET statement_timeout = '0.5s' AS $$ BEGIN IF t.is_bad(e.event_type) THEN PERFORM pg_sleep(5); END IF; END $$;
INSERT INTO t.bad VALUES ('N11');
SELECT foreman.create_projection('timed', 't.timed'), foreman.create_projection('hangs', 't.hangs', batch => 20) \g /dev/null
SELECT ok(t.wait_until($$ t.projection('timed') = 'running 0' $$, 30), 'a time-out is for each event and not for a batch of them');
SELECT ok(t.wait_until($$ t.projection('hangs') = 'failing 50' $$, 60), 'an event that hangs is found by and by: those before it are kept');
SELECT is((SELECT error ->> 'sqlstate' FROM foreman.projections WHERE name = 'hangs'), '57014', 'and its error is a time-out');
DELETE FROM t.bad;
SELECT foreman.drop_projection('timed'), foreman.drop_projection('hangs') \g /dev/null

-- An error that only the commit raises.
CREATE TABLE t.once (name text UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO t.once VALUES ('N11');
CREATE FUNCTION t.defers(e foreman.event) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.once VALUES (e.event_type) $$;
SELECT foreman.create_projection('defers', 't.defers', batch => 20) \g /dev/null
SELECT ok(t.wait_until($$ t.projection('defers') = 'failing 50' $$, 60), 'an event whose deferred constraint fails is found, too');
DELETE FROM t.once WHERE ctid = '(0,1)';
SELECT ok(t.wait_until($$ t.projection('defers') = 'running 0' $$, 60), 'mended, it goes on');
SELECT is((SELECT count(DISTINCT name) || ' ' || count(*) FROM t.once), '60 60', 'with each event once');
SELECT foreman.drop_projection('defers') \g /dev/null

-- Jobs of projections that somebody takes away: the next one goes on at once.
CREATE FUNCTION t.see(e foreman.event) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF t.is_bad(e.event_type) THEN RAISE 'cannot see %', e.event_type; END IF;
    INSERT INTO t.seen (name, position, event_type) VALUES ('see', e.position, e.event_type);
END $$;
CREATE FUNCTION t.waiting() RETURNS int8 LANGUAGE sql AS $$ SELECT job_id FROM foreman.jobs WHERE kind = 'projection:see' AND finished_at IS NULL $$;
SELECT foreman.create_projection('see', 't.see', from_position => NULL) \g /dev/null
INSERT INTO t.bad VALUES ('Bad');
SELECT foreman.execute('order', '1', '{"do": "Bad"}') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('see') = 'failing 1' $$), 'a projection fails');
SELECT foreman.cancel(t.waiting()) \g /dev/null
SELECT ok(t.wait_until($$ t.projection('see') = 'failing 1' $$), 'its job is cancelled: the next one tries again');
DELETE FROM t.bad;
SELECT foreman.delete_job(t.waiting()) \g /dev/null
SELECT ok(t.wait_until($$ t.projection('see') = 'running 0' $$), 'its job is deleted: the next one goes on');

-- A dispatcher that begins finds the job that is there.
INSERT INTO t.bad VALUES ('Bad');
SELECT foreman.execute('order', '1', '{"do": "Bad"}') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('see') = 'failing 1' $$), 'it fails again');
SELECT foreman.stop(), foreman.start(), foreman.stop(), foreman.start() \g /dev/null
SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = current_database() \g /dev/null
SELECT ok(t.wait_until($$ pg_stat_clear_snapshot()::text = '' AND (SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = current_database()) $$, 30), 'another dispatcher');
SELECT foreman.execute('order', '1', '{"do": "Next"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT failed_attempts > 1 FROM foreman.projections WHERE name = 'see') $$, 30), 'which goes on');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE kind = 'projection:see' AND finished_at IS NULL), 1::int8, 'with one job, as before');
DELETE FROM t.bad;
SELECT foreman.resume_projection('see') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('see') = 'running 0' $$), 'and comes to the end');

-- Without workers, as applications test.
SELECT foreman.stop() \g /dev/null
-- A look of the dispatcher that began before the stop could see the event, and make the job.
SELECT ok(t.wait_until('t.no_workers()'), 'stopped');
SELECT foreman.execute('order', '1', '{"do": "Stopped"}') \g /dev/null
SELECT is(foreman.dispatch_once(), 1::int8, 'dispatch_once() makes its job');
SELECT is(foreman.dispatch_once(), 0::int8, 'once');
SELECT is(foreman.drain(), 1::int8, 'drain() runs it');
SELECT is(t.projection('see'), 'running 0', 'and the event is seen');
SELECT foreman.start() \g /dev/null

-- A rebuild of a projection that fails: what the old handler waits for is nothing to the new one.
CREATE FUNCTION t.see_better(e foreman.event) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.seen (name, position, event_type) VALUES ('better', e.position, e.event_type) $$;
INSERT INTO t.bad VALUES ('Worse');
SELECT foreman.execute('order', '1', '{"do": "Worse"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT failed_attempts = 4 FROM foreman.projections) $$, 60), 'a projection fails again and again');
SELECT foreman.rebuild_projection('see', 't.see_better') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT handler = 't.see_better(foreman.event)' FROM foreman.projections WHERE name = 'see') $$), 'a rebuild takes its place');
SELECT foreman.execute('order', '1', '{"do": "Fresh"}') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('see') = 'running 0' $$, 5), 'and goes on without waiting for the next attempt of the old one');

-- What a handler sets is not for the next event, however many are handled in one transaction.
CREATE ROLE set_by_handler;
GRANT USAGE ON SCHEMA t TO set_by_handler;
CREATE TABLE t.found (who text, setting text);
CREATE FUNCTION t.sets(e foreman.event) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.found VALUES (current_user, coalesce(nullif(current_setting('my.setting', true), ''), 'none') || current_setting('search_path'));
    PERFORM set_config('my.setting', 'left', true);
    SET LOCAL search_path = 'pg_temp';
    SET ROLE set_by_handler;
END $$;
SELECT foreman.create_projection('sets', 't.sets') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('sets') = 'running 0' $$), 'a handler that leaves settings');
SELECT is((SELECT count(DISTINCT (who, setting)) FROM t.found), 1::int8, 'finds the same for each event');
SELECT foreman.drop_projection('sets') \g /dev/null
DROP OWNED BY set_by_handler;
DROP ROLE set_by_handler;

-- Events of 10 MB: neither a batch of them nor the rows of read_feed() are in memory at once.
CREATE TABLE t.sizes (events int, bytes int8);
CREATE FUNCTION t.weigh(e foreman.event[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO t.sizes SELECT count(*), sum(octet_length(data::text)) FROM unnest(e) $$;
CREATE FUNCTION t.peak_kb() RETURNS int8 LANGUAGE sql AS $$ SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+) kB'))[1]::int8 $$;
SELECT foreman.feed_position() AS before \gset
SELECT count(foreman.execute('order', 'large' || i, jsonb_build_object('do', 'Large', 'data', jsonb_build_object('x', repeat('abcdefghij', 1000000))))) FROM generate_series(1, 30) i \g /dev/null
SELECT foreman.create_projection('weigh', 't.weigh', batch => 1000, from_position => :before) \g /dev/null
SELECT ok(t.wait_until($$ t.projection('weigh') = 'running 0' $$, 60), 'a projection handles large events');
SELECT is((SELECT sum(events) FROM t.sizes), 30::int8, 'each once');
SELECT cmp_ok((SELECT max(bytes) FROM t.sizes), '<', 64000000::int8, 'a few of them in a batch');
SELECT t.peak_kb() AS peak \gset
SELECT is((SELECT count(*) FROM foreman.read_feed(after_position => :before)), 30::int8, 'read_feed() gives all of them');
SELECT cmp_ok(t.peak_kb() - :peak, '<', 200000::int8, 'without having all in memory');
-- Small ones of any number.
SELECT count(foreman.execute('order', 'many', jsonb_build_object('events', (SELECT jsonb_agg(jsonb_build_object('type', 'Small')) FROM generate_series(1, 300)))))\g /dev/null
SELECT is((SELECT count(*) || ' ' || count(DISTINCT position) FROM foreman.read_feed(after_position => :before, event_types => '{Small}', max_rows => 299)), '299 299', 'max_rows of small ones');

-- A place that is ahead of an open transaction: a standby, which reads as far as the projections are, would pass it by.
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s', current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))) \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', $$ SELECT outcome FROM foreman.execute('order', 'open', '{"do": "Open"}') $$) AS x (o text) \g /dev/null
SELECT foreman.execute('order', 'ahead', '{"do": "Ahead"}') \g /dev/null
SELECT max(position) AS ahead FROM foreman.workflow_event \gset
SELECT throws_ok(format($$ SELECT foreman.create_projection('ahead', 't.see', from_position => %s) $$, :ahead), '22023', format('from_position %s is ahead of what readers may see', :ahead), 'a projection does not begin ahead of an open transaction');
SELECT throws_ok(format($$ SELECT foreman.move_projection('weigh', %s) $$, :ahead), '22023', NULL, 'and is not moved there');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
SELECT is(foreman.create_projection('ahead', 't.see', from_position => :ahead), true, 'when that has ended, it may');
SELECT dblink_disconnect('other') \g /dev/null

SELECT * FROM finish();
