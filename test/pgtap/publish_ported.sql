-- What the notification worker did that this takes over: each case of it, in its own words (test/README.md has the list).
\ir lib/helpers.sql
\ir lib/publish.sql
SELECT no_plan();
CREATE FUNCTION p.hold(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM t.hold(ROW(job.job_id, job.kind, job.queue, job.args -> 'payload', job.attempt, job.max_attempts, job.priority, job.run_at, job.enqueued_at, job.tags, job.metadata)); END $$;
SELECT foreman.create_queue('slow', max_running => 1), foreman.register_handler('slow', 'p.hold', queue => 'slow') \g /dev/null
-- What fails in this queue waits for an hour: a test that looks while it waits is not too late.
SELECT foreman.create_queue('pushes', backoff_base => '1 h', backoff_max => '1 h') \g /dev/null
SELECT foreman.subscribe('order.*', 'mail', 'mail', max_attempts => 3), foreman.subscribe('order.*', 'push', 'push', queue => 'pushes'), foreman.subscribe('admin.#', 'mail', 'admin', active => false) \g /dev/null

-- startup_drain_delivers_before_first_interval
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are down');
SELECT foreman.publish('order.1', '{}') AS p \gset
SELECT is(p.deliveries(:p), 'mail pending 0, push pending 0', 'what is published waits for them');
SELECT foreman.start(), clock_timestamp() AS started \gset
SELECT ok(t.wait_until(format($$ p.deliveries(%s) = 'mail published 1, push published 1' $$, :p)), 'and is delivered at their start');
SELECT cmp_ok((SELECT max(ended_at) FROM foreman.deliveries WHERE publish_id = :p) - :'started'::timestamptz, '<', interval '20 s', 'before the first look of the safety poll');

-- Woken by the commit. https://github.com/hatchet-dev/hatchet/issues/271 and others wait for a poll.
SELECT foreman.publish('order.2', '{}') AS p \gset
SELECT ok(t.wait_until(format($$ p.publish(%s) = 'published 2: 0 0 2 0 0 0' $$, :p)), 'later ones');
SELECT cmp_ok((SELECT max(ended_at - published_at) FROM foreman.deliveries WHERE publish_id = :p), '<', interval '20 s', 'wake them');

-- slow_channel_holds_one_row_lock_only. Its queue says how many executors it may have.
SELECT foreman.subscribe('both', 'slow', 'slow'), foreman.subscribe('both', 'push', 'quick') \g /dev/null
SELECT foreman.publish('both', '{"gate": "g"}') AS p \gset
SELECT ok(t.wait_until(format($$ p.deliveries(%s) = 'quick published 1, slow pending 0' AND EXISTS (SELECT FROM foreman.workers WHERE kind = 'slow') $$, :p)), 'a slow channel holds back nobody');
SELECT count(foreman.publish('both', '{"gate": "g"}')) FROM generate_series(1, 50) \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.deliveries WHERE subscription = 'quick' AND state = 'published') = 51 $$), 'nor do many of its deliveries');
SELECT ok(t.wait_until($$ (SELECT count(*) FROM (SELECT FROM foreman.live_job WHERE kind = 'slow' FOR UPDATE SKIP LOCKED) free) = 51 - (SELECT count(*) FROM foreman.workers WHERE kind = 'slow') $$), 'it holds one row');
INSERT INTO t.gate VALUES ('g');
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.deliveries WHERE subscription = 'slow' AND state = 'published') = 51 $$), 'they are delivered when it goes on');
-- two_workers_never_dispatch_the_same_route
SELECT is((SELECT count(*) FROM (SELECT job_id FROM t.log WHERE job_id IN (SELECT job_id FROM foreman.deliveries WHERE subscription = 'slow') GROUP BY 1 HAVING count(*) > 1) twice), 0::int8, 'each once');

-- retry_then_dead_letter_at_max, route_max_attempts_overrides_config
SELECT foreman.publish('order.3', '{"fail": ["mail"]}') AS p \gset
SELECT ok(t.wait_until(format($$ p.deliveries(%s) = 'mail dead_lettered 3, push published 1' $$, :p)), 'a delivery that fails is a dead letter after the attempts of its subscription');
SELECT is(p.publish(:p), 'dead_lettered 2: 0 0 1 0 1 0', 'the publish says so');
SELECT is((SELECT error FROM foreman.deliveries WHERE publish_id = :p AND subscription = 'mail'), 'mail is down', 'and why');
SELECT is((SELECT count(*) FROM foreman.dead_letters(kind => 'mail')), 1::int8, 'it is among the dead letters');
UPDATE foreman.dead_letter SET args = jsonb_set(args, '{payload,fail}', '[]');
SELECT foreman.retry_dead_letters(kind => 'mail') \g /dev/null
SELECT ok(t.wait_until(format($$ p.publish(%s) = 'published 2: 0 0 2 0 0 0' $$, :p)), 'and can be tried again');
SELECT foreman.publish('order.3', '{"fail": ["push"]}') AS p \gset
SELECT ok(t.wait_until(format($$ p.publish(%s) = 'pending 2: 0 1 1 0 0 0' $$, :p)), 'while it is tried again it is retrying');
-- one_tick_charges_one_attempt_per_route
SELECT is((SELECT attempt || ' ' || (next_attempt_at > published_at) FROM foreman.deliveries WHERE publish_id = :p AND subscription = 'push'), '1 true', 'one attempt at a time, with a pause between them');
SELECT foreman.publish('order.3', '{"fail": ["mail"], "times": 1}') AS p \gset
SELECT ok(t.wait_until(format($$ p.deliveries(%s) = 'mail published 2, push published 1' $$, :p)), 'one that fails once is delivered at the second');

-- jitter_within_25_percent_and_cap
SELECT foreman.create_queue('jitter', backoff_base => '1000 s', backoff_max => '1500 s') \g /dev/null
SELECT foreman.subscribe('jitter', 'push', 'jitter', queue => 'jitter') \g /dev/null
SELECT count(foreman.publish('jitter', '{"fail": ["jitter"]}')) FROM generate_series(1, 50) \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.deliveries WHERE subscription = 'jitter' AND state = 'retrying') = 50 $$), 'many fail');
SELECT is((SELECT min(next_attempt_at - published_at) >= '750 s' AND max(next_attempt_at - published_at) < '1270 s' AND max(next_attempt_at) - min(next_attempt_at) > '100 s' FROM foreman.deliveries WHERE subscription = 'jitter'), true, 'the pause is that of the queue, within a quarter');

-- idempotent_resubmit_returns_existing_id
SELECT foreman.publish('order.4', '{}', 'turn-ready:7:1') AS p \gset
SELECT is(foreman.publish('order.4', '{}', 'turn-ready:7:1'), :p::int8, 'a publish that comes again answers the first');
-- malformed_intent_recorded_not_raised
SELECT is(foreman.publish('no such kind', '{}'), NULL, 'a publish of a topic that nobody knows');
SELECT is(p.unroutable(), 'no subscription matches the topic', 'is recorded');
-- skipped_when_no_admin_address
SELECT foreman.publish('admin.alarm', '{}') AS p \gset
SELECT is(p.deliveries(:p), 'admin skipped', 'a channel without an address is switched off, and skipped');

-- tick_processes_at_most_batch_size, cancelled_context_stops_between_rows
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.deliveries WHERE state = 'pending') $$), 'everything before is delivered');
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are down');
SELECT count(foreman.publish('order.5', '{}')) FROM generate_series(1, 10) \g /dev/null
SELECT is(foreman.run_once('mail', 4), 4::int8, 'one pass takes so many');
SELECT is((SELECT count(*) FROM foreman.deliveries WHERE topic = 'order.5' AND subscription = 'mail' AND state = 'pending'), 6::int8, 'and leaves the others');
SELECT * FROM finish();
