-- subscribe() and publish(): which subscriptions hear of a topic, what their jobs get, and what becomes of a publish that
-- nobody takes or that is malformed.
\ir lib/helpers.sql
\ir lib/publish.sql
SELECT no_plan();

-- Patterns.
SELECT is(foreman.topic_matches(pattern, topic), matches, format('%s %s %s', pattern, CASE WHEN matches THEN 'matches' ELSE 'does not match' END, topic)) FROM (VALUES
    ('order.placed', 'order.placed', true), ('order.placed', 'order.paid', false), ('order.*', 'order.placed', true), ('order.*', 'order', false), ('order.*', 'order.placed.eu', false),
    ('order.#', 'order', true), ('order.#', 'order.placed.eu', true), ('#.eu', 'order.placed.eu', true), ('*.placed.*', 'order.placed.eu', true), ('#', 'anything.at.all', true),
    ('order.#.eu', 'order.eu', true), ('Order.*', 'order.placed', false), (U&'\00F6.*', U&'\00F6.\00E4', true), ('order.*', 'orders.placed', false)) v(pattern, topic, matches);
SELECT throws_ok(format('SELECT foreman.subscribe(%L, ''mail'')', pattern), code, NULL, format('the pattern %L is refused', left(pattern, 20))) FROM (VALUES
    ('', '22023'), ('.', '22023'), ('a.', '22023'), ('a..b', '22023'), ('a*', '22023'), ('##', '22023'), ('a.*b', '22023'), (repeat('x', 256), '22023'), (E'a\nb', '22023'), (NULL, '22004')) v(pattern, code);
SELECT throws_ok($$ SELECT foreman.subscribe('a..b', 'mail') $$, '22023', 'pattern "a..b" is not allowed', 'the message names argument and value');
SELECT throws_ok($$ SELECT foreman.subscribe('a', '') $$, '22023', NULL, 'an empty kind');
SELECT throws_ok($$ SELECT foreman.subscribe('a', NULL) $$, '22004', NULL, 'no kind');
SELECT throws_ok($$ SELECT foreman.subscribe('a', 'workflow:order') $$, '42939', 'kind "workflow:order" takes no deliveries', 'a kind of workflows');
SELECT throws_ok(format('SELECT foreman.subscribe(''a'', %L)', kind), '42939', NULL, kind || ' is a kind of the engine') FROM unnest('{workflow-task:order,projection:totals}'::text[]) kind;
SELECT throws_ok($$ SELECT foreman.subscribe('a', 'mail', max_attempts => 0) $$, '22003', NULL, 'no attempts');
SELECT throws_ok($$ SELECT foreman.subscribe('a', 'mail', priority => 101) $$, '22003', NULL, 'a priority out of range');
SELECT throws_ok($$ SELECT foreman.subscribe('a', 'mail', timeout => '0') $$, '22008', NULL, 'no time');
SELECT throws_ok($$ SELECT foreman.subscribe('a', 'mail', active => NULL) $$, '22004', NULL, 'neither on nor off');
SELECT throws_ok($$ SELECT foreman.subscribe(repeat('p', 200), repeat('k', 200)) $$, '22023', 'pattern and kind are too long for a name made of both', 'a name that would be too long');
SELECT is((SELECT count(*) FROM foreman.subscriptions), 0::int8, 'none of them left a subscription');

-- Names.
SELECT cmp_ok(foreman.subscribe('order.*', 'mail'), '>', 0::int8, 'subscribe answers an id');
SELECT is((SELECT name FROM foreman.subscriptions), 'order.*:mail', 'its name is made of pattern and kind');
SELECT throws_ok($$ SELECT foreman.subscribe('order.*', 'mail') $$, '42710', 'subscription "order.*:mail" exists', 'a name is taken once');
SELECT is(foreman.unsubscribe('order.*:mail'), true, 'it can be ended');
SELECT throws_ok($$ SELECT foreman.unsubscribe('order.*:mail') $$, '42704', 'subscription "order.*:mail" does not exist', 'once');
SELECT is(foreman.unsubscribe('order.*:mail', if_exists => true), false, 'or silently');
SELECT throws_ok($$ SELECT foreman.alter_subscription('nobody', active => false) $$, '42704', 'subscription "nobody" does not exist', 'one that is not there cannot be altered');

-- A publish, and what its deliveries get.
SELECT foreman.subscribe('order.*', 'mail', 'mail'), foreman.subscribe('order.#', 'push', 'push "it''s"', priority => 7, max_attempts => 3, timeout => '5 s'), foreman.subscribe('other', 'mail', 'other') \g /dev/null
SELECT foreman.publish('order.placed', '{"id": 7}', 'key 1') AS p \gset
SELECT ok(t.wait_until(format($$ p.publish(%s) = 'published 2: 0 0 2 0 0 0' $$, :p)), 'each subscription that matches gets a delivery');
SELECT is(p.deliveries(:p), 'mail published 1, push "it''s" published 1', 'by its name');
SELECT is((SELECT string_agg(concat_ws(' ', kind, queue, job_id IS NOT NULL, max_attempts, next_attempt_at IS NULL, ended_at >= published_at, error), ', ' ORDER BY kind) FROM foreman.deliveries WHERE publish_id = :p),
    'mail mail t 5 t t, push default t 3 t t', 'each by its own settings');
SELECT is((SELECT args - 'published_at' - 'publish_id' FROM foreman.jobs WHERE kind = 'mail'), '{"topic": "order.placed", "payload": {"id": 7}, "subscription": "mail", "idempotency_key": "key 1"}', 'what a handler gets');
SELECT is((SELECT (args -> 'publish_id')::int8 || ' ' || (args ->> 'published_at')::timestamptz FROM foreman.jobs WHERE kind = 'mail'), (SELECT publish_id || ' ' || published_at FROM foreman.publishes), 'and which publish it is of');
SELECT is((SELECT priority FROM foreman.jobs WHERE kind = 'push'), 7, 'a priority is the subscription''s');
SELECT is((SELECT payload FROM foreman.publishes WHERE publish_id = :p), '{"id": 7}', 'the payload is kept');
SELECT is((SELECT string_agg(origin::text, '') FROM foreman.job_history WHERE origin_id = :p), 'pp', 'the jobs say what made them');
SELECT foreman.publish('order.placed', 'null', queue => 'elsewhere', priority => -3, run_at => '2100-01-01') AS p \gset
SELECT is((SELECT string_agg(concat_ws(' ', j.queue, j.priority, extract(year from j.run_at)), ', ' ORDER BY subscription) FROM foreman.deliveries d JOIN foreman.jobs j USING (job_id) WHERE publish_id = :p),
    'elsewhere -3 2100, elsewhere 7 2100', 'queue, priority and time of a publish are for subscriptions that name none');
SELECT is(p.publish(:p), 'pending 2: 2 0 0 0 0 0', 'they wait');
SELECT is((SELECT reason FROM foreman.why((SELECT job_id FROM foreman.deliveries WHERE publish_id = :p AND subscription = 'mail')) LIMIT 1), 'due_later', 'why() tells what for');
SELECT foreman.cancel(job_id) FROM foreman.deliveries WHERE publish_id = :p AND subscription = 'mail' \g /dev/null
SELECT foreman.delete_job(job_id) FROM foreman.deliveries WHERE publish_id = :p AND subscription <> 'mail' \g /dev/null
SELECT is(p.deliveries(:p), 'mail cancelled 0, push "it''s" gone', 'what became of a delivery is what became of its job');
SELECT is(p.publish(:p), 'published 2: 0 0 0 0 0 2', 'nothing of it is under way');

-- One that is off.
SELECT is(foreman.alter_subscription('mail', active => false), true, 'a subscription is switched off');
SELECT foreman.publish('order.paid', '{}') AS p \gset
SELECT ok(t.wait_until(format($$ p.deliveries(%s) = 'mail skipped, push "it''s" published 1' $$, :p)), 'a publish skips it');
SELECT is(p.publish(:p), 'published 2: 0 0 1 1 0 0', 'and counts that');
SELECT foreman.alter_subscription('push "it''s"', active => false) \g /dev/null
SELECT foreman.publish('order.paid', '{}') AS p \gset
SELECT is(p.publish(:p), 'published 2: 0 0 0 2 0 0', 'when all are off there is nothing to do');
SELECT foreman.alter_subscription('mail', active => true, pattern => 'paid.*', kind => 'push', queue => 'q', max_attempts => 9, priority => 1, timeout => '1 s') \g /dev/null
SELECT is((SELECT concat_ws(' ', pattern, kind, queue, priority, max_attempts, timeout, active, has_handler) FROM foreman.subscriptions WHERE name = 'mail'), 'paid.* push q 1 9 00:00:01 t t', 'everything can be altered');
SELECT foreman.alter_subscription('mail', reset => '{queue,priority,max_attempts,timeout}') \g /dev/null
SELECT is((SELECT concat(queue, priority, max_attempts, timeout) FROM foreman.subscriptions WHERE name = 'mail'), '', 'and reset');
SELECT throws_ok($$ SELECT foreman.alter_subscription('mail', reset => '{pattern}') $$, '22023', 'reset "pattern" is not allowed', 'but for what it cannot be without');
SELECT cmp_ok(foreman.publish('paid.x', '{}'), '>', 0::int8, 'it hears of its new pattern');

-- What nobody takes, or is malformed, is recorded and raises nothing.
SELECT is(foreman.publish('nobody.hears', '{"a": 1}', 'k'), NULL, 'a publish that nobody takes answers NULL');
SELECT is((SELECT concat_ws(', ', topic, reason, idempotency_key, payload, published_by) FROM foreman.unroutable_publishes), 'nobody.hears, no subscription matches the topic, k, {"a": 1}, ' || session_user, 'and says why');
SELECT is(format('%s: %s', foreman.publish(topic, payload, key, queue, priority, run_at), p.unroutable()), ': ' || reason, reason) FROM (VALUES
    (NULL, '{}'::jsonb, NULL, NULL, NULL::int, NULL::timestamptz, 'topic must not be NULL; Allowed: 1 to 255 bytes of text without control characters.'),
    ('', '{}', NULL, NULL, NULL, NULL, 'topic must not be empty; Allowed: 1 to 255 bytes of text without control characters.'),
    ('a..b', '{}', NULL, NULL, NULL, NULL, 'topic "a..b" is not allowed; Allowed: 1 to 255 bytes: segments with a dot between them, none of them empty, without * and #.'),
    ('a.*', '{}', NULL, NULL, NULL, NULL, 'topic "a.*" is not allowed; Allowed: 1 to 255 bytes: segments with a dot between them, none of them empty, without * and #.'),
    ('workflow.order.x', '{}', NULL, NULL, NULL, NULL, 'topic "workflow.order.x" is that of an event of a workflow; Allowed: topics whose first segment is another word than workflow.'),
    ('a', NULL, NULL, NULL, NULL, NULL, 'payload must not be NULL; Allowed: a value that is not NULL.'),
    ('a', '{}', '', NULL, NULL, NULL, 'idempotency_key must not be empty; Allowed: 1 to 255 bytes of text without control characters.'),
    ('a', '{}', NULL, '', NULL, NULL, 'queue must not be empty; Allowed: 1 to 255 bytes of text without control characters.'),
    ('a', '{}', NULL, NULL, 101, NULL, 'priority 101 is out of range; Allowed: a number between -100 and 100.'),
    ('a', '{}', NULL, NULL, NULL, 'infinity', 'run_at must not be infinity; Allowed: a finite timestamp.')) v(topic, payload, key, queue, priority, run_at, reason);
SELECT is(foreman.publish(repeat(U&'\00E4', 200), '{}', repeat('k', 300)), NULL, 'what is too long');
SELECT is((SELECT octet_length(topic) || ' ' || octet_length(idempotency_key) FROM foreman.unroutable_publishes ORDER BY unroutable_id DESC LIMIT 1), '254 255', 'is recorded as far as it is allowed');
SELECT is(foreman.publish('nobody', to_jsonb(string_agg(md5(i::text), ''))), NULL, 'a large payload') FROM generate_series(1, 10000) i;
SELECT is((SELECT payload IS NULL AND payload_bytes > 300000 FROM foreman.unroutable_publishes ORDER BY unroutable_id DESC LIMIT 1), true, 'is not kept');
SELECT foreman.publish('paid.large', (SELECT to_jsonb(string_agg(md5(i::text), '')) FROM generate_series(1, 100000) i)) AS p \gset
SELECT ok(t.wait_until(format($$ p.publish(%s) = 'published 1: 0 0 1 0 0 0' $$, :p)), 'megabytes are delivered');

-- A role of any settings publishes in any transaction that may write.
BEGIN;
SET LOCAL enable_indexscan = off;
SET LOCAL search_path = public, pg_catalog;
SELECT cmp_ok(foreman.publish('paid.x', '{}'), '>', 0::int8, 'whatever the session''s settings are');
ROLLBACK;
BEGIN;
SAVEPOINT a;
SELECT foreman.subscribe('sub', 'mail', 'sub'), foreman.publish('sub', '{}') AS p \gset
SELECT is(p.deliveries(:p), 'sub pending 0', 'a subscription is there in its own transaction');
ROLLBACK TO a;
SELECT is(foreman.publish('sub', '{}'), NULL, 'and gone with a savepoint');
ROLLBACK;
SELECT is(p.deliveries(:p), 'none', 'a publish that is rolled back leaves nothing');
SELECT is((SELECT count(*) FROM foreman.unroutable_publishes WHERE topic = 'sub'), 0::int8, 'nor is it unroutable');

-- A handler may publish: with what it writes, and not when it fails.
CREATE FUNCTION p.chain(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM foreman.publish('chained.' || (job.args -> 'payload' ->> 'n'), job.args -> 'payload', 'key ' || job.job_id);
    IF job.attempt = 1 THEN RAISE EXCEPTION 'the first attempt fails'; END IF;
END $$;
SELECT foreman.register_handler('chain', 'p.chain', queue => 'mail'), foreman.subscribe('chain', 'chain'), foreman.subscribe('chained.#', 'mail', 'chained') \g /dev/null
SELECT foreman.publish('chain', '{"n": 5}') AS p \gset
SELECT ok(t.wait_until($$ (SELECT string_agg(state || ' ' || topic, ', ') FROM foreman.deliveries WHERE subscription = 'chained') = 'published chained.5' $$), 'a handler publishes once, although its first attempt failed');
-- What dashboards ask for is found by an index, whatever was published before.
SELECT is((SELECT count(*) FROM (SELECT foreman.publish('many', '{}') FROM generate_series(1, 3000)) x), 3000::int8, 'among many') FROM (SELECT foreman.subscribe('many', 'mail', 'many', active => false)) s;
SELECT cmp_ok(t.cost(format('SELECT * FROM foreman.deliveries WHERE publish_id = %s', :p)), '<', 100::int8, 'the deliveries of a publish');
SELECT cmp_ok(t.cost('SELECT * FROM foreman.publishes ORDER BY publish_id DESC LIMIT 10'), '<', 300::int8, 'the newest publishes');

-- health() says whose deliveries nobody takes.
SELECT foreman.subscribe('lost', 'unheard', 'lost') \g /dev/null
SELECT is((SELECT ok FROM foreman.health() WHERE name = 'subscriptions'), true, 'a subscription without a handler may be for workers outside');
SELECT foreman.publish('lost', '{}', run_at => now() - interval '2 min') \g /dev/null
SELECT is((SELECT detail FROM foreman.health() WHERE name = 'subscriptions' AND NOT ok), 'Deliveries of subscription "lost" wait: kind "unheard" has no handler and no worker outside takes it; 1 such subscriptions', 'but not when its deliveries wait');
SELECT is((SELECT reason FROM foreman.why((SELECT job_id FROM foreman.deliveries WHERE topic = 'lost'))), 'no_handler', 'why() tells the same of a delivery');
SELECT * FROM finish();
