-- read_feed(): every event once and in order, for readers who remember where they are; nothing that commits late is passed by.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();

SELECT foreman.create_workflow_type('invoice', 'w.decide', 'w.evolve') \g /dev/null
SELECT is_empty($$ SELECT * FROM foreman.read_feed() $$, 'an empty feed');
SELECT foreman.execute('order', '1', '{"events": [{"type": "A"}, {"type": "B", "version": 2, "data": {"x": 1}}]}') \g /dev/null
SELECT foreman.execute('invoice', '7', '{"do": "C"}') \g /dev/null
SELECT results_eq($$ SELECT workflow_type, workflow_id, sequence, event_type, version, data FROM foreman.read_feed() $$,
    $$ VALUES ('order', '1', 1::int8, 'A', 1, '{}'::jsonb), ('order', '1', 2, 'B', 2, '{"x": 1}'), ('invoice', '7', 1, 'C', 1, '{}') $$, 'events in their order, with what they are');
SELECT ok((SELECT bool_and(f.position = e.position AND f.recorded_at = e.recorded_at) FROM foreman.read_feed() f JOIN foreman.workflow_events('order', '1') e ON e.position = f.position),
    'positions and times are those of workflow_events()');
SELECT is((SELECT count(DISTINCT epoch) FROM foreman.read_feed()), 1::int8, 'one epoch');
SELECT is((SELECT max(position) FROM foreman.read_feed()), foreman.feed_position(), 'feed_position() is that of the last one');
SELECT is((SELECT string_agg(event_type, '') FROM foreman.read_feed(after_position => 1, max_rows => 1)), 'B', 'behind a position, so many');
SELECT is((SELECT string_agg(event_type, '') FROM foreman.read_feed('{invoice}')), 'C', 'of a type of workflows');
SELECT is((SELECT string_agg(event_type, '') FROM foreman.read_feed(event_types => '{B,C}')), 'BC', 'of types of events');
SELECT is((SELECT string_agg(event_type, '') FROM foreman.read_feed('{order}', event_types => '{B,C}')), 'B', 'of both');

-- Members of a group: each workflow is one member's, and splits go on where their member was.
SELECT count(foreman.execute('order', 'm' || i, '{"events": [{"type": "M"}, {"type": "M"}]}')) FROM generate_series(1, 100) i \g /dev/null
CREATE FUNCTION t.members(n int) RETURNS TABLE (member int, workflow_id text, "position" int8) LANGUAGE sql AS $$
    SELECT m, f.workflow_id, f.position FROM generate_series(0, n - 1) m, LATERAL foreman.read_feed(member => m, members => n) f $$;
SELECT results_eq($$ SELECT position FROM t.members(4) ORDER BY 1 $$, $$ SELECT position FROM foreman.read_feed() $$, 'members get all events, each once');
SELECT is_empty($$ SELECT workflow_id FROM t.members(4) GROUP BY 1 HAVING count(DISTINCT member) > 1 $$, 'a workflow has one member');
SELECT cmp_ok((SELECT min(n) FROM (SELECT count(*) AS n FROM t.members(4) GROUP BY member) x), '>', 10::int8, 'none is left out');
SELECT is_empty($$ SELECT * FROM t.members(2) a JOIN t.members(6) b USING (position) WHERE b.member % 2 <> a.member $$,
    'members of three times as many share what theirs had: the new ones go on where it was');

-- Own events that are not committed yet are not shown, nor are those that were rolled back.
BEGIN;
SELECT foreman.execute('order', 'mine', '{"do": "Mine"}') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.read_feed(event_types => '{Mine}')), 0::int8, 'own events come after the commit');
SAVEPOINT s;
SELECT foreman.execute('order', 'undone', '{"do": "Undone"}') \g /dev/null
ROLLBACK TO s;
SELECT foreman.execute('order', 'mine', '{"do": "Mine"}') \g /dev/null
COMMIT;
SELECT is((SELECT string_agg(event_type, ' ' ORDER BY position) FROM foreman.read_feed() WHERE workflow_id IN ('mine', 'undone')), 'Mine Mine',
    'what a savepoint took back is not there');

-- Another session's open transaction: what it has appended, and what was appended after it, waits for its end.
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s', current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))) \g /dev/null
SELECT foreman.feed_position() AS before \gset
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', $$ SELECT outcome FROM foreman.execute('order', 'late', '{"do": "Late"}') $$) AS x (o text) \g /dev/null
SELECT foreman.execute('order', 'early', '{"do": "Early"}') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.read_feed(after_position => :before)), 0::int8, 'an event with a greater position waits for one that may still come');
SELECT is(foreman.feed_position(), :before::int8, 'feed_position() says so');
SELECT is((SELECT ok FROM foreman.health() WHERE name = 'feed'), true, 'health() does not mind a short transaction');
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.workers) $$), 'the workers have ended');
SELECT set_config('foreman.fake_now', (now() + interval '90 s')::text, false) \g /dev/null
SELECT matches((SELECT format('%s %s', ok, detail) FROM foreman.health() WHERE name = 'feed'),
    format('^f Readers of events and projections wait for the transaction of process %s, which has appended events and is open for (9\d|1[0-4]\d) s: end it$', (SELECT pid FROM dblink('other', 'SELECT pg_backend_pid()') AS x (pid int))), 'it names one that is long');
RESET foreman.fake_now;
SELECT foreman.start() \g /dev/null
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
SELECT is((SELECT string_agg(event_type, ' ') FROM foreman.read_feed(after_position => :before)), 'Late Early', 'then both come, in their order');
-- One that rolls back leaves a gap that nobody waits for.
SELECT foreman.feed_position() AS before \gset
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', $$ SELECT outcome FROM foreman.execute('order', 'never', '{"do": "Never"}') $$) AS x (o text) \g /dev/null
SELECT foreman.execute('order', 'after', '{"do": "After"}') \g /dev/null
SELECT dblink_exec('other', 'ROLLBACK') \g /dev/null
SELECT is((SELECT string_agg(event_type, ' ') FROM foreman.read_feed(after_position => :before)), 'After', 'a rollback leaves a gap');
-- A session that is gone in the middle.
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', $$ SELECT outcome FROM foreman.execute('order', 'gone', '{"do": "Gone"}') $$) AS x (o text) \g /dev/null
SELECT foreman.execute('order', 'after', '{"do": "After all"}') \g /dev/null
SELECT dblink_disconnect('other') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 1 FROM foreman.read_feed(event_types => '{After all}')) $$), 'a session that ends lets readers go on');
-- Transactions that append nothing are waited for by nobody.
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s', current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))) \g /dev/null
SELECT dblink_exec('other', 'BEGIN; CREATE TABLE t.foreign_table ()') \g /dev/null
SELECT foreman.execute('order', 'free', '{"do": "Free"}') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.read_feed(event_types => '{Free}')), 1::int8, 'an open transaction that appends nothing holds up nobody');
SELECT dblink_disconnect('other') \g /dev/null

-- Readers that keep their first snapshot see the feed as it is now.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM pg_class \g /dev/null
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s', current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))) \g /dev/null
SELECT * FROM dblink('other', $$ SELECT outcome FROM foreman.execute('order', 'rr', '{"do": "Repeatable"}') $$) AS x (o text) \g /dev/null
SELECT is((SELECT count(*) FROM foreman.read_feed(event_types => '{Repeatable}')), 1::int8, 'REPEATABLE READ');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM pg_class \g /dev/null
SELECT * FROM dblink('other', $$ SELECT outcome FROM foreman.execute('order', 'rr', '{"do": "Serializable"}') $$) AS x (o text) \g /dev/null
SELECT is((SELECT count(*) FROM foreman.read_feed(event_types => '{Serializable}')), 1::int8, 'SERIALIZABLE');
COMMIT;

-- A prepared transaction tells nobody when its commit can be seen.
BEGIN;
SELECT foreman.execute('order', 'prepared', '{"do": "P"}') \g /dev/null
SELECT throws_ok($$ PREPARE TRANSACTION 'feed' $$, '0A000', NULL, 'PREPARE inside a function is refused by the server');
COMMIT;
SELECT is((SELECT m FROM dblink('other', $$ SELECT 1 $$) AS x (m int)), 1, 'the other session works');
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', $$ SELECT outcome FROM foreman.execute('order', 'prepared', '{"do": "Prepared"}') $$) AS x (o text) \g /dev/null
SELECT throws_ok($$ SELECT dblink_exec('other', 'PREPARE TRANSACTION ''feed''') $$, '0A000', 'cannot PREPARE a transaction that has appended events of workflows', 'a transaction that appended cannot be prepared');
SELECT is((SELECT count(*) FROM pg_prepared_xacts), 0::int8, 'nothing is prepared');
SELECT is((SELECT count(*) FROM foreman.read_feed(event_types => '{Prepared}')), 0::int8, 'nothing of it is there');
SELECT dblink_disconnect('other') \g /dev/null

-- Rows that the owner inserts by hand are appended as well.
INSERT INTO foreman.workflow_event (instance, sequence, event_type, version, data, recorded_at)
SELECT instance, sequence + 1, 'By hand', 1, '{}', now() FROM foreman.workflow_instance WHERE workflow_id = 'early';
SELECT is((SELECT count(*) FROM foreman.read_feed(event_types => '{By hand}')), 1::int8, 'an event inserted by hand is in the feed');

-- Bad input.
SELECT throws_ok($$ SELECT foreman.read_feed(after_position => 1000000) $$, '22023', 'after_position 1000000 is in the future', 'a position in the future');
SELECT throws_ok($$ SELECT foreman.read_feed(after_position => -1) $$, '22023', 'after_position -1 is less than 0', 'a negative one');
SELECT throws_ok($$ SELECT foreman.read_feed(after_position => NULL) $$, '22004', NULL, 'none');
SELECT throws_ok($$ SELECT foreman.read_feed(max_rows => 0) $$, '22003', NULL, 'no rows');
SELECT throws_ok($$ SELECT foreman.read_feed(member => 2, members => 2) $$, '22003', NULL, 'a member that the group has not');
SELECT throws_ok($$ SELECT foreman.read_feed(member => -1, members => 2) $$, '22003', NULL, 'a negative one');
SELECT throws_ok($$ SELECT foreman.read_feed(members => 0) $$, '22003', NULL, 'a group of none');
SELECT throws_ok($$ SELECT foreman.read_feed('{}') $$, '22023', 'workflow_types is empty', 'no types');
SELECT throws_ok($$ SELECT foreman.read_feed('{NULL}') $$, '22004', NULL, 'a NULL among them');
SELECT throws_ok($$ SELECT foreman.read_feed('{order,ghost}') $$, '42704', 'workflow type "ghost" does not exist', 'an unknown type');
SELECT throws_ok($$ SELECT foreman.read_feed(event_types => '{""}') $$, '22023', NULL, 'an event type without a name');

-- Rights: the types whose args a role sees.
CREATE ROLE feed_reader LOGIN;
SELECT foreman.create_queue('invoices') \g /dev/null
SELECT foreman.alter_workflow_type('invoice', queue => 'invoices') \g /dev/null
SELECT is(t.as_role('feed_reader', $$ SELECT count(*) FROM foreman.read_feed() $$), 'ERROR 42501', 'a role without a bundle reads nothing');
SELECT foreman.grant_role('operator', 'feed_reader', 'invoices') \g /dev/null
SELECT is(t.as_role('feed_reader', $$ SELECT string_agg(event_type, ' ') FROM foreman.read_feed() $$), 'C', 'it sees the types of its queues');
SELECT is(t.as_role('feed_reader', $$ SELECT string_agg(event_type, ' ') FROM foreman.read_feed('{order}') $$), 'ERROR 42501', 'and may not ask for others');
DROP OWNED BY feed_reader;
DROP ROLE feed_reader;

SELECT * FROM finish();
