-- A rebuild that has come as far as its projection waits for a place of its own while somebody holds the projection's row, or
-- the projection is at work: what it has handled meanwhile counts, and no event is handled twice.
-- Broken by: a way out of the change of places that forgets how far the new one is.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE TABLE t.seen (position int8);
CREATE FUNCTION t.see(e foreman.event) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION t.see_anew(e foreman.event) RETURNS void LANGUAGE sql AS 'INSERT INTO t.seen VALUES (e.position)';
SELECT foreman.create_projection('view', 't.see') \g /dev/null
SELECT count(foreman.execute('order', 'o' || i, '{"do": "A"}')) FROM generate_series(1, 10) i \g /dev/null
SELECT ok(t.wait_until($$ (SELECT state = 'running' AND behind_events = 0 FROM foreman.projections WHERE name = 'view') $$), 'a projection');
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('dbname=%L host=%L port=%s', current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'))) \g /dev/null
SELECT dblink_exec('other', 'BEGIN') \g /dev/null
SELECT * FROM dblink('other', $$ SELECT name::text FROM foreman.projection WHERE name = 'view' FOR UPDATE $$) AS x (name text) \g /dev/null
SELECT foreman.rebuild_projection('view', 't.see_anew') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(DISTINCT position) = 10 FROM t.seen) $$), 'its rebuild has come as far');
SELECT foreman.execute('order', 'late', '{"do": "A"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(DISTINCT position) = 11 FROM t.seen) $$), 'and goes on while it cannot take its place');
SELECT is((SELECT handler FROM foreman.projections WHERE name = 'view'), 't.see(foreman.event)', 'which the old one has');
SELECT is((SELECT count(*) FROM t.seen), 11::int8, 'each event is handled once');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 0 FROM foreman.projections WHERE name = 'view:rebuild') $$), 'then it takes its place');
SELECT is((SELECT handler FROM foreman.projections WHERE name = 'view'), 't.see_anew(foreman.event)', 'with its handler');
SELECT foreman.execute('order', 'last', '{"do": "A"}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(DISTINCT position) = 12 FROM t.seen) $$), 'and goes on');
SELECT is((SELECT count(*) FROM t.seen), 12::int8, 'once each');
SELECT * FROM finish();
