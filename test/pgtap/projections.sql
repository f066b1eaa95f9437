-- Projections: a handler gets every event once and in order; what it does and how far it is commit together.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();

CREATE TABLE t.seen (n int8 GENERATED ALWAYS AS IDENTITY, name text, "position" int8, workflow_id text, sequence int8, event_type text, batch int);
CREATE TABLE t.bad (name text);
CREATE FUNCTION t.see(e foreman.event) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM t.bad WHERE name = e.event_type) THEN RAISE 'cannot see %', e.event_type USING ERRCODE = 'P0009'; END IF;
    INSERT INTO t.seen (name, position, workflow_id, sequence, event_type) VALUES ('one', e.position, e.workflow_id, e.sequence, e.event_type);
END $$;
CREATE FUNCTION t.see_many(e foreman.event[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM t.bad WHERE name IN (SELECT event_type FROM unnest(e))) THEN RAISE 'cannot see them'; END IF;
    INSERT INTO t.seen (name, position, workflow_id, sequence, event_type, batch)
    SELECT 'many', x.position, x.workflow_id, x.sequence, x.event_type, cardinality(e) FROM unnest(e) x;
END $$;
-- What a projection has not seen as it should: missing, doubled, or out of order.
CREATE FUNCTION t.wrong(of text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s of position %s seen %s times', of, e.position, count(s.*)) FROM foreman.workflow_event e LEFT JOIN t.seen s ON s.position = e.position AND s.name = of
     GROUP BY e.position HAVING count(s.*) <> 1
    UNION ALL
    SELECT format('%s after %s', position, before) FROM (SELECT position, lag(position) OVER (ORDER BY n) AS before FROM t.seen WHERE name = of) x WHERE position <= before $$;
CREATE FUNCTION t.health(of text) RETURNS text LANGUAGE sql AS $$ SELECT format('%s %s', CASE WHEN ok THEN 'true' ELSE 'false' END, detail) FROM foreman.health() WHERE name = of $$;
CREATE FUNCTION t.projection(of text) RETURNS text LANGUAGE sql AS $$ SELECT format('%s %s', state, behind_events) FROM foreman.projections WHERE name = of $$;

SELECT foreman.execute('order', 'old', '{"events": [{"type": "O1"}, {"type": "O2"}]}') \g /dev/null
SELECT is(foreman.create_projection('one', 't.see'), true, 'a handler of one event');
SELECT is(foreman.create_projection('many', 't.see_many', batch => 7), true, 'a handler of arrays');
SELECT ok(t.wait_until($$ (SELECT count(*) = 4 FROM t.seen) $$), 'what was there before comes at once');
SELECT foreman.execute('order', '1', '{"do": "A"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 2 FROM t.seen WHERE event_type = 'A') $$), 'a commit wakes them');
SELECT count(foreman.execute('order', 'n' || i % 40, jsonb_build_object('do', 'N' || i))) FROM generate_series(1, 400) i \g /dev/null
SELECT ok(t.wait_until($$ t.projection('one') = 'running 0' AND t.projection('many') = 'running 0' $$), 'they catch up');
SELECT is_empty($$ SELECT t.wrong('one') $$, 'each event once, in order');
SELECT is_empty($$ SELECT t.wrong('many') $$, 'in arrays, too');
SELECT is((SELECT max(batch) FROM t.seen WHERE name = 'many'), 7, 'of batch events at most');
SELECT is((SELECT handled FROM foreman.projections WHERE name = 'one'), (SELECT count(*) FROM foreman.workflow_event), 'the view counts them');

-- Idle: no row is written.
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT array_agg(xmin::text ORDER BY projection_id) AS before FROM foreman.projection_place \gset
BEGIN;
SELECT foreman.execute('order', 'undone', '{"do": "Undone"}') \g /dev/null
ROLLBACK;
SELECT foreman.execute('order', '1', '{"reject": 1}') \g /dev/null
SELECT is((SELECT array_agg(xmin::text ORDER BY projection_id) FROM foreman.projection_place), :'before', 'what appends nothing moves nothing');

-- A bad event stops its own projection, after what went well; the error is in the view.
INSERT INTO t.bad VALUES ('Bad');
SELECT foreman.execute('order', 'b', '{"events": [{"type": "B1"}, {"type": "B2"}, {"type": "Bad"}, {"type": "B3"}]}') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('one') = 'failing 2' $$), 'it fails at its first bad event');
SELECT ok(t.wait_until($$ t.projection('many') = 'failing 2' $$), 'one that gets arrays at the same');
SELECT is((SELECT string_agg(event_type, ' ' ORDER BY n) FROM t.seen WHERE workflow_id = 'b' AND name = 'one'), 'B1 B2', 'what went well before is kept');
SELECT is((SELECT string_agg(event_type, ' ' ORDER BY n) FROM t.seen WHERE workflow_id = 'b' AND name = 'many'), 'B1 B2', 'of arrays, too');
SELECT results_eq($$ SELECT error ->> 'message', error ->> 'sqlstate', failed_attempts > 0, next_attempt_at IS NOT NULL FROM foreman.projections WHERE name = 'one' $$,
    $$ VALUES ('cannot see Bad', 'P0009', true, true) $$, 'the view says why');
SELECT matches((SELECT error ->> 'context' FROM foreman.projections WHERE name = 'one'), format('projection "one" at position %s$', (SELECT position FROM foreman.workflow_event WHERE event_type = 'Bad')), 'and where');
SELECT foreman.create_projection('other', 't.see', event_types => '{B3}') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('other') = 'running 0' $$), 'another projection is not held up');
SELECT is(foreman.drop_projection('other'), true, 'drop_projection');
DELETE FROM t.seen WHERE name = 'one' AND event_type = 'B3';
DELETE FROM t.bad;
SELECT is(foreman.resume_projection('one') AND foreman.resume_projection('many'), true, 'mended, they are resumed');
SELECT ok(t.wait_until($$ t.projection('one') = 'running 0' AND t.projection('many') = 'running 0' $$), 'and go on');
SELECT is_empty($$ SELECT t.wrong('one') UNION ALL SELECT t.wrong('many') $$, 'with each event once, in order');
SELECT is(foreman.resume_projection('one'), false, 'one that runs is not resumed');

-- Back-off: without help it tries again by itself.
INSERT INTO t.bad VALUES ('Bad2');
SELECT foreman.execute('order', 'b', '{"do": "Bad2"}') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('one') = 'failing 1' $$), 'it fails again');
DELETE FROM t.bad;
SELECT ok(t.wait_until($$ t.projection('one') = 'running 0' AND t.projection('many') = 'running 0' $$, 60), 'it tries again by itself');

-- Pause and resume.
SELECT is(foreman.pause_projection('one'), true, 'pause_projection');
SELECT is(foreman.pause_projection('one'), false, 'once');
SELECT foreman.execute('order', 'p', '{"do": "P"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 1 FROM t.seen WHERE event_type = 'P' AND name = 'many') $$), 'others go on');
SELECT is(t.projection('one'), 'paused 1', 'a paused one does not');
SELECT is(foreman.resume_projection('one'), true, 'resume_projection');
SELECT ok(t.wait_until($$ t.projection('one') = 'running 0' $$), 'it goes on');
SELECT is_empty($$ SELECT t.wrong('one') $$, 'where it was');

-- An event that waited for another session's open transaction: its end wakes the projections, also when it rolls back.
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s', current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))) \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', $$ SELECT outcome FROM foreman.execute('order', 'never', '{"do": "Never"}') $$) AS x (o text) \g /dev/null
SELECT foreman.execute('order', 'waits', '{"do": "Waits"}') \g /dev/null
SELECT cmp_ok(foreman.feed_position(), '<', (SELECT position FROM foreman.workflow_events('order', 'waits')), 'readers stop before it');
SELECT is((SELECT count(*) FROM t.seen WHERE event_type = 'Waits'), 0::int8, 'an event waits for those that may come before it');
SELECT dblink_exec('other', 'ROLLBACK') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 2 FROM t.seen WHERE event_type = 'Waits') $$), 'and comes when they will not');
SELECT dblink_disconnect('other') \g /dev/null

-- Filters by type; a position that few events move; from now on.
SELECT foreman.create_workflow_type('invoice', 'w.decide', 'w.evolve') \g /dev/null
SELECT foreman.create_projection('invoices', 't.see_many', '{invoice}', '{Billed}') \g /dev/null
SELECT foreman.create_projection('later', 't.see_many', from_position => NULL) \g /dev/null
DELETE FROM t.seen;
SELECT foreman.execute('invoice', '7', '{"events": [{"type": "Drafted"}, {"type": "Billed"}]}') \g /dev/null
SELECT foreman.execute('order', '7', '{"do": "Billed"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 4 FROM t.seen WHERE event_type = 'Billed' AND workflow_id = '7' AND sequence = 2) $$), 'a filtered projection gets what it asks for');
SELECT ok(t.wait_until($$ (SELECT count(*) = 0 FROM foreman.projections WHERE behind_events > 0) $$), 'all catch up');
SELECT is((SELECT handled FROM foreman.projections WHERE name = 'invoices'), 1::int8, 'and nothing else');
SELECT is((SELECT handled FROM foreman.projections WHERE name = 'later'), 3::int8, 'from_position => NULL begins with what comes later');
SELECT foreman.drop_projection('later'), foreman.drop_projection('invoices') \g /dev/null

-- Two that move one position: the second of them is refused, with all that its handler did.
CREATE FUNCTION t.regress(e foreman.event) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.seen (name, position) VALUES ('regress', e.position);
    UPDATE foreman.projection_place SET position = position - 1 WHERE projection_id = (SELECT projection_id FROM foreman.projection WHERE name = 'regress');
END $$;
SELECT foreman.create_projection('regress', 't.regress', from_position => 5) \g /dev/null
SELECT ok(t.wait_until($$ (SELECT error ->> 'sqlstate' = '40001' FROM foreman.projections WHERE name = 'regress') $$), 'a position that somebody else moved is a conflict');
SELECT is((SELECT error ->> 'message' FROM foreman.projections WHERE name = 'regress'), 'the position of projection "regress" is no longer 5', 'which says what it was');
SELECT is((SELECT count(*) FROM t.seen WHERE name = 'regress'), 0::int8, 'nothing of it is left');
SELECT foreman.drop_projection('regress') \g /dev/null
-- Moved back by hand, it handles again what is behind.
DELETE FROM t.seen WHERE name = 'one';
SELECT is(foreman.move_projection('one', 0), foreman.feed_position(), 'move_projection() answers where it was');
SELECT foreman.execute('order', 'again', '{"do": "Again"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM t.seen WHERE name = 'one') = (SELECT count(*) FROM foreman.workflow_event) $$), 'moved back by hand, it goes over all again');
SELECT is_empty($$ SELECT t.wrong('one') $$, 'once and in order');

-- An event that can never be handled is skipped by hand.
INSERT INTO t.bad VALUES ('Never ever');
SELECT foreman.execute('order', 'skip', '{"events": [{"type": "Never ever"}, {"type": "Ever"}]}') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('one') = 'failing 2' $$), 'an event that can never be handled');
SELECT position AS never FROM foreman.workflow_events('order', 'skip') WHERE event_type = 'Never ever' \gset
SELECT cmp_ok(foreman.move_projection('one', :never), '<', :never::int8, 'move_projection() passes it by');
SELECT ok(t.wait_until($$ t.projection('one') = 'running 0' $$), 'and the projection goes on');
SELECT is((SELECT string_agg(event_type, ' ') FROM t.seen WHERE name = 'one' AND workflow_id = 'skip'), 'Ever', 'behind it');
SELECT throws_ok($$ SELECT foreman.move_projection('one', 1000000) $$, '22023', 'to_position 1000000 is in the future', 'not into the future');
SELECT throws_ok($$ SELECT foreman.move_projection('ghost', 0) $$, '42704', 'projection "ghost" does not exist', 'nor what is not there');
DELETE FROM t.bad;
SELECT foreman.resume_projection('many') \g /dev/null

-- Its completed runs leave no rows behind.
SELECT is((SELECT count(*) FROM foreman.job_history WHERE kind LIKE 'projection:%'), 0::int8, 'completed runs leave no history');

-- A rebuild: another handler beside it, which takes its place when it has come as far.
CREATE TABLE t.model (kind text, n int8);
CREATE TABLE t.model2 (kind text, n int8, version int DEFAULT 2);
CREATE VIEW t.current AS SELECT kind, n FROM t.model;
CREATE FUNCTION t.count_kinds(e foreman.event) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.model VALUES (e.event_type, 1) $$;
CREATE FUNCTION t.count_kinds2(e foreman.event) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM t.bad) THEN RAISE 'not yet'; END IF;
    INSERT INTO t.model2 VALUES (e.event_type, 1);
END $$;
CREATE FUNCTION t.switch() RETURNS void LANGUAGE sql AS $$ CREATE OR REPLACE VIEW t.current AS SELECT kind, n FROM t.model2 $$;
SELECT foreman.create_projection('model', 't.count_kinds') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('model') = 'running 0' $$), 'a model');
INSERT INTO t.bad VALUES ('x');
SELECT is(foreman.rebuild_projection('model', 't.count_kinds2', 't.switch'), true, 'rebuild_projection');
SELECT ok(t.wait_until($$ t.projection('model:rebuild') LIKE 'failing%' $$), 'the rebuild has a row of its own');
SELECT throws_ok($$ SELECT foreman.rebuild_projection('model', 't.count_kinds2') $$, '42710', NULL, 'there is one at a time');
SELECT foreman.execute('order', 'r', '{"do": "R"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 1 FROM t.current WHERE kind = 'R') $$), 'meanwhile the old one goes on');
DELETE FROM t.bad;
SELECT foreman.resume_projection('model:rebuild') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 0 FROM foreman.projections WHERE name = 'model:rebuild') $$), 'when it has come as far, it takes its place');
SELECT is((SELECT handler FROM foreman.projections WHERE name = 'model'), 't.count_kinds2(foreman.event)', 'with its handler');
SELECT is((SELECT count(*) FROM t.model2), (SELECT count(*) FROM foreman.workflow_event), 'and all events');
SELECT is(pg_get_viewdef('t.current'::regclass) ~ 'model2', true, 'on_switch ran');
SELECT foreman.execute('order', 'r', '{"do": "R2"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 1 FROM t.current WHERE kind = 'R2') $$), 'it goes on with the new one');
SELECT is((SELECT count(*) FROM t.model WHERE kind = 'R2'), 0::int8, 'alone');
-- The others see R2 in jobs of their own, which may end later.
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.jobs WHERE finished_at IS NULL) $$), 'no job is left over');

-- A handler that is gone, and comes back.
ALTER FUNCTION t.see RENAME TO see_no_more;
SELECT foreman.execute('order', 'g', '{"do": "G"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT error ->> 'sqlstate' = '42883' FROM foreman.projections WHERE name = 'one') $$), 'a handler that is gone is an error');
ALTER FUNCTION t.see_no_more RENAME TO see;
SELECT foreman.resume_projection('one') \g /dev/null
SELECT ok(t.wait_until($$ t.projection('one') = 'running 0' $$), 'it goes on when it is back');

-- Bad input.
SELECT throws_ok($$ SELECT foreman.create_projection('one', 't.see') $$, '42710', 'projection "one" exists', 'a name that is taken');
SELECT throws_ok($$ SELECT foreman.create_projection('a:b', 't.see') $$, '22023', 'name "a:b" has a colon', 'a colon');
SELECT throws_ok($$ SELECT foreman.create_projection(repeat('x', 231), 't.see') $$, '22023', NULL, 'a long name');
SELECT throws_ok($$ SELECT foreman.create_projection('', 't.see') $$, '22023', NULL, 'no name');
SELECT throws_ok($$ SELECT foreman.create_projection('x', 't.nothing') $$, '42883', NULL, 'a function that is not there');
SELECT throws_ok($$ SELECT foreman.create_projection('x', 't.note(foreman.job)') $$, '42P13', NULL, 'one of another shape');
SELECT throws_ok($$ SELECT foreman.create_projection('x', 't.see', '{ghost}') $$, '42704', 'workflow type "ghost" does not exist', 'an unknown type');
SELECT throws_ok($$ SELECT foreman.create_projection('x', 't.see', '{}') $$, '22023', 'workflow_types is empty', 'no types');
SELECT throws_ok($$ SELECT foreman.create_projection('x', 't.see', from_position => 1000000) $$, '22023', 'from_position 1000000 is in the future', 'a position in the future');
SELECT throws_ok($$ SELECT foreman.create_projection('x', 't.see', batch => 0) $$, '22003', NULL, 'an empty batch');
SELECT throws_ok($$ SELECT foreman.create_projection('x', 't.see', batch => 10001) $$, '22003', NULL, 'a huge one');
SELECT throws_ok($$ SELECT foreman.pause_projection('ghost') $$, '42704', 'projection "ghost" does not exist', 'a projection that is not there');
SELECT is(foreman.pause_projection('ghost', if_exists => true), false, 'in silence');
SELECT throws_ok($$ SELECT foreman.rebuild_projection('one', 't.see') $$, '22023', NULL, 'a rebuild with its own handler');
SELECT throws_ok($$ SELECT foreman.rebuild_projection('one', 't.see_many', 't.see') $$, '42883', NULL, 'an on_switch of another shape');
SELECT throws_ok($$ SELECT foreman.enqueue('projection:one', '{}') $$, '22023', NULL, 'its jobs are its own');
SELECT throws_ok($$ SELECT foreman.register_handler('projection:x', 't.note') $$, '42939', NULL, 'and so is its kind');
SELECT is((SELECT count(*) FROM foreman.projections), 3::int8, 'nothing of it was made');

-- Ended workflows whose events a projection has not seen are kept until it has, and health() says which one fails.
CREATE FUNCTION t.pruned() RETURNS int8 LANGUAGE sql AS $$ SELECT coalesce(sum(rows), 0)::int8 FROM foreman.prune_once() WHERE what = 'workflows' $$;
SELECT is(t.health('projections'), 'true no projection fails', 'health(): all is well');
INSERT INTO t.bad VALUES ('Ends badly');
SELECT foreman.execute('order', 'ended', '{"do": "Ends badly"}'), foreman.execute('order', 'ended', '{"do": "End"}') \g /dev/null
UPDATE foreman.workflow_instance SET ended_at = now() - interval '1 year' WHERE workflow_id = 'ended';
SELECT ok(t.wait_until($$ t.projection('one') = 'failing 2' AND t.projection('many') = 'failing 2' AND t.projection('model') = 'failing 2' $$), 'three projections fail');
SELECT is(t.health('projections'), 'false Projection "many" fails: foreman.projections says at which position and why; 3 such projections', 'health() names it');
SELECT is(t.pruned(), 0::int8, 'an ended workflow waits for it');
DELETE FROM t.bad;
SELECT count(foreman.resume_projection(name)) FROM foreman.projections \g /dev/null
SELECT foreman.create_projection('rare', 't.see_many', event_types => '{Rare}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 0 FROM foreman.projections WHERE behind_events > 0) $$), 'it goes on');
SELECT is(t.pruned(), 1::int8, 'and the workflow goes');
SELECT cmp_ok((SELECT position FROM foreman.projections WHERE name = 'rare'), '>=', (SELECT max(position) FROM foreman.workflow_event), 'one that events do not concern keeps none of them');
SELECT foreman.drop_projection('rare') \g /dev/null

-- Metrics.
SELECT results_eq($$ SELECT name, value > 0 FROM foreman.metrics WHERE labels = '{"projection": "one"}' ORDER BY name $$,
    $$ VALUES ('foreman_projection_behind_seconds', false), ('foreman_projection_events_total', true), ('foreman_projection_paused', false) $$, 'metrics of a projection');
SELECT foreman.pause_projection('one') \g /dev/null
SELECT foreman.execute('order', 'metrics', '{"do": "M"}') \g /dev/null
SELECT is((SELECT string_agg(name, ' ' ORDER BY name) FROM foreman.metrics WHERE labels = '{"projection": "one"}' AND value > 0),
    'foreman_projection_behind_seconds foreman_projection_events_total foreman_projection_paused', 'of a paused one that is behind');
SELECT foreman.resume_projection('one') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.handlers WHERE kind LIKE 'projection:%'), 0::int8, 'handlers of projections are in their own view');

-- Names that need quotes, roles.
CREATE ROLE "odd role" LOGIN;
GRANT USAGE ON SCHEMA t TO "odd role";
GRANT INSERT ON t.seen TO "odd role";
CREATE FUNCTION t."See ""this"""(e foreman.event) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.seen (name, position) VALUES (current_user || session_user, e.position) $$;
SELECT foreman.create_projection('odd "name', 't."See ""this"""', from_position => NULL, run_as => '"odd role"') \g /dev/null
SELECT foreman.execute('order', 'q', '{"do": "Q"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 1 FROM t.seen WHERE name = 'odd roleodd role') $$), 'a handler runs as its role');
SELECT is(foreman.drop_projection('odd "name'), true, 'names with quotes');
SELECT is(t.as_role('odd role', $$ SELECT foreman.pause_projection('one') $$), 'ERROR 42501', 'whoever has no bundle pauses nothing');
SELECT is(t.as_role('odd role', $$ SELECT count(*) FROM foreman.projections $$), 'ERROR 42501', 'and sees nothing');
DROP OWNED BY "odd role";
DROP ROLE "odd role";

SELECT * FROM finish();
