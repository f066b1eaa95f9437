-- A publish of a topic and key that is there answers the first one and makes nothing, as long as the first one is kept; and
-- how long publishes are kept.
\ir lib/helpers.sql
\ir lib/publish.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
SELECT foreman.subscribe('order.*', 'mail', 'mail'), foreman.subscribe('quiet.*', 'mail', 'quiet', active => false) \g /dev/null
SELECT foreman.publish('order.placed', '{"n": 1}', 'order 7') AS first \gset
SELECT is(foreman.publish('order.placed', '{"n": 2}', 'order 7'), :first::int8, 'a second publish of a key is the first');
SELECT is(foreman.publish('order.placed', '{"n": 3}', 'order 7', run_at => '2100-01-01'), :first::int8, 'whatever else it says');
SELECT is((SELECT count(*) FROM foreman.live_job), 1::int8, 'and makes no job');
SELECT isnt(foreman.publish('order.paid', '{}', 'order 7'), :first::int8, 'a key is one of its topic');
SELECT isnt(foreman.publish('order.placed', '{}'), foreman.publish('order.placed', '{}'), 'without a key each is another');
SELECT foreman.subscribe('order.placed', 'push', 'late') \g /dev/null
SELECT is(foreman.publish('order.placed', '{}', 'order 7'), :first::int8, 'also when subscriptions were added');
SELECT is(p.deliveries(:first), 'mail pending 0', 'which hear of what is published later');
SELECT is(foreman.publish('nobody', '{}', 'k'), NULL, 'a key of a publish that nobody took');
SELECT foreman.subscribe('nobody', 'mail', 'now somebody') \g /dev/null
SELECT cmp_ok(foreman.publish('nobody', '{}', 'k'), '>', 0::int8, 'is free');
BEGIN;
SELECT foreman.publish('order.placed', '{}', 'rolled back') AS gone \gset
ROLLBACK;
SELECT cmp_ok(foreman.publish('order.placed', '{}', 'rolled back'), '>', :gone::int8, 'and that of one that was rolled back');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(foreman.publish('order.placed', '{}', 'order 7'), :first::int8, 'a serializable transaction sees it');
COMMIT;

-- Retention.
SELECT is((SELECT setting || unit FROM pg_settings WHERE name = 'foreman.retain_publishes'), '604800s', 'publishes are kept for a week');
DELETE FROM foreman.publish;
DELETE FROM foreman.live_job;
DELETE FROM foreman.unroutable_publish;
-- A publish so long ago.
CREATE FUNCTION p.old(key text, ago interval, topic text DEFAULT 'quiet.x') RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE
    id int8 := foreman.publish(topic, '{}', key);
BEGIN
    UPDATE foreman.publish SET published_at = clock_timestamp() - ago WHERE publish_id = id;
    RETURN id;
END $$;
CREATE FUNCTION p.pruned(wanted text) RETURNS int8 LANGUAGE sql AS $$ SELECT coalesce(sum(rows), 0)::int8 FROM foreman.prune_once() WHERE what = wanted $$;
CREATE FUNCTION p.left() RETURNS text LANGUAGE sql AS $$ SELECT coalesce(string_agg(idempotency_key, ' ' ORDER BY idempotency_key), 'none') FROM foreman.publishes $$;
SELECT p.old('old', '8 days'), p.old('new', '6 days'), p.old('waits', '8 days', 'order.placed') \g /dev/null
SELECT is(p.pruned('publishes'), 1::int8, 'what is older than that goes');
SELECT is(p.left(), 'new waits', 'but for what a delivery of is under way');
SELECT isnt(p.old('old', '0'), NULL, 'a key is free again then');
UPDATE foreman.live_job SET attempt = max_attempts - 1, run_at = now() - interval '1 s' WHERE kind = 'mail';
UPDATE foreman.live_job SET args = jsonb_set(args, '{payload}', '{"fail": ["mail"]}') WHERE kind = 'mail';
SELECT foreman.drain() \g /dev/null
SELECT is(p.pruned('publishes'), 0::int8, 'a dead letter keeps its publish');
SELECT is((SELECT string_agg(state, ' ' ORDER BY subscription) FROM foreman.deliveries WHERE subscription IN ('mail', 'late')), 'published dead_lettered', 'which says what became of it');
SELECT foreman.purge_dead_letters() \g /dev/null
SELECT is(p.pruned('publishes'), 1::int8, 'until it goes');
SELECT p.old('many ' || i, '9 days') FROM generate_series(1, 1200) i \g /dev/null
SELECT is(p.pruned('publishes'), 1200::int8, 'many go in batches');
ALTER SYSTEM SET foreman.retain_publishes = '1 h';
SELECT pg_reload_conf() \g /dev/null
-- This session reads its configuration between statements.
SELECT $$ SELECT pg_sleep(0.1) WHERE current_setting('foreman.retain_publishes') <> '1h' $$ FROM generate_series(1, 200) \gexec
SELECT is(current_setting('foreman.retain_publishes'), '1h', 'the setting can be changed');
SELECT p.old('2 h', '2 h'), p.old('30 min', '30 min') \g /dev/null
SELECT is(p.pruned('publishes'), 2::int8, 'and holds at once');
SELECT is(p.left(), '30 min old', 'for all of them');
-- Those that came to nobody.
SELECT foreman.publish('void', '{}'), foreman.publish('void', '{}') \g /dev/null
UPDATE foreman.unroutable_publish SET published_at = now() - interval '2 h' WHERE unroutable_id = (SELECT min(unroutable_id) FROM foreman.unroutable_publish);
SELECT is(p.pruned('unroutable publishes'), 1::int8, 'publishes that came to nobody go, too');
ALTER SYSTEM RESET foreman.retain_publishes;
SELECT pg_reload_conf() \g /dev/null
SELECT count(foreman.publish('void', to_jsonb(i))) FROM generate_series(1, 10050) i \g /dev/null
SELECT is((SELECT count(*) || ' ' || min(payload::text::int) FROM foreman.unroutable_publishes), '10000 51', 'and never more than the newest 10000 are kept');
SELECT * FROM finish();
