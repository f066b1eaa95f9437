-- Timers: set, replaced and cancelled by key, in the caller's transaction, also while they fire.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold(foreman.job)', max_attempts => 3, backoff_base => '0 s') \g /dev/null
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails(jsonb)', backoff_base => '1 h', max_attempts => 3) \g /dev/null
SELECT foreman.register_handler('dies', 't.fails(jsonb)', max_attempts => 1) \g /dev/null
CREATE FUNCTION t.timers(kind text) RETURNS TABLE (key text, fire_at timestamptz, state text, args jsonb) LANGUAGE sql AS
    $$ SELECT x.key, x.fire_at, x.state, x.args FROM foreman.timers x WHERE x.kind = $1 ORDER BY x.key, x.job_id $$;
-- Waits for its gate, then fails.
CREATE FUNCTION t.hold_and_fail(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.hold(job);
    RAISE EXCEPTION 'no';
END $$;
SELECT foreman.register_handler('hold_and_fail', 't.hold_and_fail(foreman.job)', max_attempts => 3, backoff_base => '0 s') \g /dev/null

-- ironflow: schedule_timer_with_key_replaces_existing
SELECT job_id AS first, replaced FROM foreman.set_timer('note', 'schedule_timer_with_key_replaces_existing', now() + interval '1 day', '{"what": "old"}') \gset
SELECT is(:'replaced'::text, 'f', 'a key that nobody has set gets a new timer');
SELECT job_id AS second, replaced FROM foreman.set_timer('note', 'schedule_timer_with_key_replaces_existing', '2100-01-01', '{"what": "new"}', priority => 3, max_attempts => 9,
    timeout => '7 s', expires_at => '2101-01-01', tags => '{a}', metadata => '{"m": 1}', queue => 'other') \gset
SELECT is(:'replaced'::text, 't', 'schedule_timer_with_key_replaces_existing: one that is set is replaced');
SELECT is(:second::int8, :first::int8, 'under its id');
SELECT results_eq($$ SELECT * FROM t.timers('note') $$,
    $$ VALUES ('schedule_timer_with_key_replaces_existing', '2100-01-01'::timestamptz, 'scheduled', '{"what": "new"}'::jsonb) $$, 'there is one timer, with the new time and args');
SELECT results_eq($$ SELECT priority, max_attempts, expires_at, tags, metadata, queue COLLATE "default" FROM foreman.timers WHERE kind = 'note' $$,
    $$ VALUES (3, 9, '2101-01-01'::timestamptz, '{a}'::text[], '{"m": 1}'::jsonb, 'other') $$, 'and the new options');
SELECT is((SELECT timeout_us FROM foreman.live_job WHERE job_id = :first), 7000000::int8, 'all of them');
SELECT foreman.set_timer('note', 'schedule_timer_with_key_replaces_existing', '2100-01-01') \g /dev/null
SELECT results_eq($$ SELECT args, priority, max_attempts, expires_at, tags, metadata, queue COLLATE "default" FROM foreman.timers WHERE kind = 'note' $$,
    $$ VALUES ('{}'::jsonb, 0, 5, NULL::timestamptz, NULL::text[], NULL::jsonb, 'default') $$, 'what is not given has its default again');
SELECT is((SELECT waiting FROM foreman.queues WHERE queue = 'default'), 1::int8, 'the queue that it went to counts it');
SELECT is(COALESCE((SELECT waiting FROM foreman.queues WHERE queue = 'other'), 0), 0::int8, 'the one that it left does not');
SELECT isnt((SELECT job_id FROM foreman.set_timer('fails', 'schedule_timer_with_key_replaces_existing', '2100-01-01')), :first::int8, 'another kind has keys of its own');
SELECT isnt(foreman.enqueue('note', unique_key => 'schedule_timer_with_key_replaces_existing', run_at => now() + interval '1 day'), :first::int8, 'unique keys of jobs are not keys of timers');
SELECT foreman.set_timer('note', 'schedule_timer_with_key_replaces_existing', now(), '{"what": "fired"}') \g /dev/null
SELECT is(t.outcome(:first), 'completed 1', 'a timer that is set to now fires');
SELECT is((SELECT what FROM t.log WHERE job_id = :first), 'fired', 'with the args that it was given last');
SELECT is_empty($$ SELECT * FROM t.timers('note') $$, 'and is none any more');
SELECT isnt((SELECT job_id FROM foreman.set_timer('note', 'schedule_timer_with_key_replaces_existing', '2100-01-01')), :first::int8, 'its key is free');

-- In the caller's transaction.
BEGIN;
SELECT foreman.set_timer('note', 'rolled back', now() + interval '1 day') \g /dev/null
SELECT foreman.cancel_timer('note', 'schedule_timer_with_key_replaces_existing') \g /dev/null
SELECT foreman.set_timer('fails', 'schedule_timer_with_key_replaces_existing', 'today') \g /dev/null
ROLLBACK;
SELECT results_eq($$ SELECT kind COLLATE "default", key COLLATE "default", fire_at FROM foreman.timers ORDER BY kind $$,
    $$ VALUES ('fails', 'schedule_timer_with_key_replaces_existing', '2100-01-01'::timestamptz), ('note', 'schedule_timer_with_key_replaces_existing', '2100-01-01') $$,
    'set, replace and cancel roll back with the caller');
BEGIN;
SELECT foreman.set_timer('note', 'twice', now() + interval '1 day', '{"n": 1}') \g /dev/null
SELECT is((SELECT replaced FROM foreman.set_timer('note', 'twice', now() + interval '1 day', '{"n": 2}')), true, 'a key may be set twice in a transaction');
SELECT is(foreman.cancel_timer('note', 'twice'), true, 'and cancelled');
SELECT is((SELECT replaced FROM foreman.set_timer('note', 'twice', now() + interval '1 day', '{"n": 3}')), false, 'and set again');
COMMIT;
SELECT is((SELECT args FROM foreman.timers WHERE key = 'twice'), '{"n": 3}'::jsonb, 'what was set last stands');

-- ironflow: cancel_timers_by_key
SELECT job_id AS cancelled FROM foreman.set_timer('note', 'cancel_timers_by_key', now() + interval '1 day') \gset
SELECT is(foreman.cancel_timer('note', 'cancel_timers_by_key'), true, 'cancel_timers_by_key: a timer is cancelled by its key');
SELECT is(t.state(:cancelled), 'cancelled 0', 'at once');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :cancelled), 'timer cancelled', 'with a reason');
SELECT is(foreman.cancel_timer('note', 'cancel_timers_by_key'), false, 'once');
SELECT is(foreman.cancel_timer('note', 'never set'), false, 'a key that is not set cannot be cancelled');
SELECT foreman.enqueue('note', unique_key => 'a job', run_at => now() + interval '1 day') \g /dev/null
SELECT is(foreman.cancel_timer('note', 'a job'), false, 'nor can a job with that unique key');

-- ironflow: claim_timer_returns_none_for_future_timer
SELECT foreman.set_timer('outside', 'claim_timer_returns_none_for_future_timer', now() + interval '1 h') \g /dev/null
SELECT is_empty($$ SELECT * FROM foreman.claim('{default}', 'w', kinds => '{outside}') $$, 'claim_timer_returns_none_for_future_timer');
SELECT foreman.set_timer('outside', 'claim_timer_returns_none_for_future_timer', now()) \g /dev/null
SELECT job_id AS leased, token FROM foreman.claim('{default}', 'w', kinds => '{outside}') \gset
SELECT is((SELECT state FROM foreman.timers WHERE job_id = :leased), 'running', 'a worker outside fires one that is due');
SELECT is(foreman.cancel_timer('outside', 'claim_timer_returns_none_for_future_timer'), true, 'it is cancelled while it fires');
SELECT is(foreman.heartbeat(:leased, :'token'), 'active', 'which does not interrupt its worker');
SELECT foreman.fail(:leased, :'token', 'no', retry_in => '0 s') \g /dev/null
SELECT is(t.outcome(:leased), 'cancelled 1', 'and it does not fire again when it fails');

-- A retryable timer that is set again is a new one.
SELECT job_id AS failing FROM foreman.set_timer('fails', 'fresh', now()) \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''retryable 1''', :failing)), 'a timer fails and waits');
SELECT is((SELECT state FROM foreman.timers WHERE job_id = :failing), 'retryable', 'the view says so');
SELECT is((SELECT job_id FROM foreman.set_timer('fails', 'fresh', now() + interval '1 day')), :failing::int8, 'it is replaced');
SELECT is(t.state(:failing), 'scheduled 0', 'by one that has not failed');
SELECT is((SELECT errors FROM foreman.timers WHERE job_id = :failing), NULL, 'and has no errors');

-- While it fires, by others.
SELECT job_id AS firing FROM foreman.set_timer('hold', 'firing', now(), '{"gate": "g1"}') \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :firing)), 'a timer fires');
SET statement_timeout = '5 s';
SELECT job_id AS next, replaced FROM foreman.set_timer('hold', 'firing', now() + interval '1 day', '{"gate": "g1", "n": 1}') \gset
SELECT isnt(:next::int8, :firing::int8, 'set again while it fires, a key gets a timer of its own, at once');
SELECT is((SELECT job_id FROM foreman.set_timer('hold', 'firing', '2100-01-01', '{"gate": "g1", "n": 2}', tags => '{b}')), :next::int8, 'just one');
RESET statement_timeout;
SELECT results_eq($$ SELECT * FROM t.timers('hold') $$,
    $$ VALUES ('firing', (SELECT run_at FROM foreman.jobs WHERE state = 'running'), 'running', '{"gate": "g1"}'::jsonb),
              ('firing', '2100-01-01'::timestamptz, 'pending', '{"n": 2, "gate": "g1"}') $$, 'the view has both');
INSERT INTO t.gate VALUES ('g1');
SELECT is(t.outcome(:firing), 'completed 1', 'what is firing is not interrupted');
SELECT ok(t.wait_until(format('t.state(%s) = ''scheduled 0''', :next)), 'the next one stands when it has ended');
SELECT is((SELECT tags FROM foreman.timers WHERE job_id = :next), '{b}', 'as it was set last');
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.job_request)'), 'no request is left');

SELECT job_id AS firing FROM foreman.set_timer('hold_and_fail', 'fails while set again', now(), '{"gate": "g2"}') \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :firing)), 'a timer fires');
SELECT job_id AS next FROM foreman.set_timer('hold_and_fail', 'fails while set again', now() + interval '1 day', '{"gate": "g2"}') \gset
INSERT INTO t.gate VALUES ('g2');
SELECT is(t.outcome(:firing), 'cancelled 1', 'one that was set again while it fired does not fire again when it fails');
SELECT ok(t.wait_until(format('t.state(%s) = ''scheduled 0''', :next)), 'the new due time stands');

SELECT job_id AS firing FROM foreman.set_timer('hold_and_fail', 'cancelled while firing', now(), '{"gate": "g3"}') \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :firing)), 'a timer fires');
SELECT job_id AS next FROM foreman.set_timer('hold_and_fail', 'cancelled while firing', now() + interval '1 day', '{"gate": "g3"}') \gset
SET statement_timeout = '5 s';
SELECT is(foreman.cancel_timer('hold_and_fail', 'cancelled while firing'), true, 'it is cancelled while it fires');
RESET statement_timeout;
SELECT is(t.state(:next), 'cancelled 0', 'its successor at once');
SELECT is(t.state(:firing), 'running 1', 'itself it is not interrupted');
INSERT INTO t.gate VALUES ('g3');
SELECT is(t.outcome(:firing), 'cancelled 1', 'but does not fire again');
SELECT is((SELECT jsonb_array_length(errors) FROM foreman.jobs WHERE job_id = :firing), 1, 'its failure is kept');
SELECT is(t.runs(:firing), 0::int8, 'and undone');

SELECT job_id AS firing FROM foreman.set_timer('hold', 'cancelled and completed', now(), '{"gate": "g4"}') \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :firing)), 'a timer fires');
SELECT foreman.cancel_timer('hold', 'cancelled and completed') \g /dev/null
INSERT INTO t.gate VALUES ('g4');
SELECT is(t.outcome(:firing), 'completed 1', 'a firing timer that is cancelled may complete');
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.job_request)'), 'no request is left');

-- Inside its own handler, in both lanes.
CREATE FUNCTION t.own(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, job.args ->> 'do');
    IF job.args ->> 'do' LIKE '%cancel%' THEN
        PERFORM foreman.cancel_timer(job.kind, job.args ->> 'key');
    END IF;
    IF job.args ->> 'do' LIKE '%set%' THEN
        PERFORM foreman.set_timer(job.kind, job.args ->> 'key', '2100-01-01', '{"do": "nothing"}');
    END IF;
    IF job.args ->> 'do' LIKE '%fail%' THEN RAISE EXCEPTION 'no'; END IF;
END $$;
SELECT foreman.register_handler('own', 't.own(foreman.job)', max_attempts => 2, backoff_base => '0 s') \g /dev/null
CREATE PROCEDURE t.own_procedure(job foreman.job) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.own(jsonb_populate_record(NULL::foreman.job, to_jsonb(job) || jsonb_build_object('args', job.args || '{"do": "set"}')));
    COMMIT;
    IF job.args ->> 'do' LIKE '%fail%' THEN RAISE EXCEPTION 'no'; END IF;
END $$;
SELECT foreman.register_handler('own_procedure', 't.own_procedure(foreman.job)', lane => 'procedure', max_attempts => 2, backoff_base => '0 s') \g /dev/null

SELECT job_id AS own FROM foreman.set_timer('own', 'a', now(), '{"do": "set", "key": "a"}') \gset
SELECT is(t.outcome(:own), 'completed 1', 'reschedule_same_key_during_firing_survives: a handler sets its own key again');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM t.timers('own') WHERE key = 'a' AND state = 'scheduled' AND fire_at = '2100-01-01' AND args = '{"do": "nothing"}') $$),
    'reschedule_same_key_during_firing_survives: the new due time stands');
SELECT job_id AS own FROM foreman.set_timer('own', 'b', now(), '{"do": "cancel", "key": "b"}') \gset
SELECT is(t.outcome(:own), 'completed 1', 'cancel_own_key_during_firing: is harmless');
SELECT is_empty($$ SELECT * FROM t.timers('own') WHERE key = 'b' $$, 'cancel_own_key_during_firing: nothing is left');
SELECT job_id AS own FROM foreman.set_timer('own', 'c', now(), '{"do": "cancel and set", "key": "c"}') \gset
SELECT is(t.outcome(:own), 'completed 1', 'both: the handler completes');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM t.timers('own') WHERE key = 'c' AND state = 'scheduled') $$), 'and the timer stands');
SELECT job_id AS own FROM foreman.set_timer('own', 'd', now(), '{"do": "set and fail", "key": "d"}') \gset
SELECT is(t.outcome(:own), 'discarded 2', 'a handler that sets its own key and fails has not set it');
SELECT is_empty($$ SELECT * FROM t.timers('own') WHERE key = 'd' $$, 'nothing is left of it');
SELECT job_id AS own FROM foreman.set_timer('own_procedure', 'e', now(), '{"do": "set", "key": "e"}') \gset
SELECT is(t.outcome(:own), 'completed 1', 'in lane procedure, too, a handler sets its own key');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM t.timers('own_procedure') WHERE key = 'e' AND state = 'scheduled') $$), 'and the new due time stands');
SELECT job_id AS own FROM foreman.set_timer('own_procedure', 'f', now(), '{"do": "set and fail", "key": "f"}') \gset
SELECT is(t.outcome(:own), 'cancelled 1', 'one that fails after it has committed that does not fire again');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM t.timers('own_procedure') WHERE key = 'f' AND state = 'scheduled') $$), 'the new due time stands');

-- A job with a unique key does the same to itself (its row is there while it runs).
CREATE FUNCTION t.replaces(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, 'replaces');
    IF job.args ? 'again' THEN
        PERFORM foreman.enqueue('replaces', '{}', unique_key => 'k', on_conflict => 'replace');
    ELSIF job.args ? 'cancel' THEN
        PERFORM foreman.cancel(job.job_id);
    END IF;
END $$;
SELECT foreman.register_handler('replaces', 't.replaces(foreman.job)') \g /dev/null
SELECT foreman.enqueue('replaces', '{"again": 1}', unique_key => 'k') AS own \gset
SELECT is(t.outcome(:own), 'completed 1', 'a job that replaces the holder of its own unique key');
SELECT ok(t.wait_until('(SELECT count(*) = 2 FROM t.log WHERE what = ''replaces'')'), 'is followed by the new one');
SELECT foreman.enqueue('replaces', '{"cancel": 1}', unique_key => 'c') AS own \gset
SELECT is(t.outcome(:own), 'completed 1', 'a job with a unique key that cancels itself by its id and completes has completed');

-- In one group: cancelled by one before it, a timer does not fire. One executor, or another one has it already.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
ALTER SYSTEM SET foreman.max_executors = 1;
SELECT pg_reload_conf() \g /dev/null
SELECT foreman.start() \g /dev/null
SELECT foreman.enqueue('note') AS warm \gset
SELECT is(t.outcome(:warm), 'completed 1', 'there is an executor');
CREATE FUNCTION t.cancels_next(args jsonb) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO t.log (what) VALUES (args ->> 'what'); SELECT foreman.cancel_timer('cancels_next', args ->> 'next') $$;
SELECT foreman.register_handler('cancels_next', 't.cancels_next(jsonb)') \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.job_request)'), 'and no request');
SELECT foreman.set_timer('cancels_next', 'k' || to_char(i, 'FM00'), clock_timestamp() + interval '1 s', jsonb_build_object('what', 'group ' || i, 'next', 'k' || to_char(i + 1, 'FM00')))
  FROM generate_series(1, 40) AS i \g /dev/null
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.timers('cancels_next')) $$), 'forty timers are done with');
-- One that is too slow for a transaction that it shares is rolled back and goes on alone; then the one behind it rightly fires
-- before it. That happens to a few at most; without cancelling all forty fire.
SELECT is_empty($$ SELECT a.what, b.what FROM t.log a JOIN t.log b ON substr(b.what, 7)::int = substr(a.what, 7)::int + 1
    WHERE a.what LIKE 'group %' AND b.what LIKE 'group %' AND b.n > a.n $$, 'none fires after the one before it, which has cancelled it');
SELECT is_empty($$ SELECT i FROM generate_series(1, 40) i WHERE NOT EXISTS (SELECT FROM t.log WHERE what IN ('group ' || i, 'group ' || i - 1)) $$, 'each fires, unless the one before it did');
SELECT cmp_ok((SELECT count(*) FROM t.log WHERE what LIKE 'group %'), '<=', 30::int8, 'each second one was cancelled by the one before it');
SELECT is((SELECT count(DISTINCT pid) FROM t.log WHERE what LIKE 'group%'), 1::int8, 'by the one executor that there is');
ALTER SYSTEM RESET foreman.max_executors;
SELECT pg_reload_conf() \g /dev/null

-- ironflow: timer_dead_letter_queries_and_retry
SELECT job_id AS dead FROM foreman.set_timer('dies', 'd', now(), '{"n": 1}') \gset
SELECT is(t.outcome(:dead), 'discarded 1', 'timer_dead_letter_queries_and_retry: a timer is discarded');
SELECT foreman.enqueue('dies') AS job \gset
SELECT is(t.outcome(:job), 'discarded 1', 'so is a job');
SELECT results_eq($$ SELECT job_id, kind, key, args, reason FROM foreman.timer_dead_letters('dies') $$,
    format($$ VALUES (%s::int8, 'dies', 'd', '{"n": 1}'::jsonb, 'no') $$, :dead), 'the list has the timer alone');
SELECT is(foreman.count_timer_dead_letters('dies'), 1::int8, 'so has the count');
SELECT is(foreman.count_timer_dead_letters('dies', 'elsewhere'), 0::int8, 'by queue');
SELECT is((SELECT count(*) FROM foreman.timer_dead_letters('dies', before_id => :dead)), 0::int8, 'by id');
SELECT is((SELECT count(*) FROM foreman.timer_dead_letters('dies', since => now() + interval '1 h')), 0::int8, 'by time');
SELECT is(foreman.retry_timer_dead_letter(:job), false, 'a job is not retried as a timer');
SELECT is(foreman.retry_timer_dead_letter(-1), false, 'nor what there is not');
SELECT foreman.unregister_handler('dies') \g /dev/null
SELECT is(foreman.retry_timer_dead_letter(:dead), true, 'timer_dead_letter_queries_and_retry: a timer is retried');
SELECT results_eq($$ SELECT key, state FROM t.timers('dies') $$, $$ VALUES ('d', 'available') $$, 'it is a timer again');
SELECT is(foreman.retry_timer_dead_letter(:dead), false, 'once');
SELECT foreman.register_handler('dies', 't.fails(jsonb)', max_attempts => 1) \g /dev/null
SELECT ok(t.wait_until(format('t.state(%s) LIKE ''discarded%%''', :dead)), 'it is discarded again');
SELECT job_id AS newer FROM foreman.set_timer('dies', 'd', now() + interval '1 day') \gset
SELECT is(foreman.retry_timer_dead_letter(:dead), false, 'while a newer timer has the key a retry is refused');
SELECT is((SELECT state || ': ' || reason FROM foreman.jobs WHERE job_id = :dead), 'cancelled: superseded by job ' || :newer, 'and the old one is cancelled');

-- Rights: producer on the queue.
CREATE ROLE timers_producer;
CREATE ROLE timers_nobody;
SELECT foreman.create_queue('fed') \g /dev/null
SELECT foreman.grant_role('producer', 'timers_producer', 'fed') \g /dev/null
SELECT foreman.set_timer('unheard', 'default', now() + interval '1 day') \g /dev/null
SELECT is(t.as_role('timers_producer', $$ SELECT replaced FROM foreman.set_timer('unheard', 'mine', now() + interval '1 day', queue => 'fed') $$), 'false', 'a producer of the queue sets timers');
SELECT is(t.as_role('timers_producer', $$ SELECT foreman.cancel_timer('unheard', 'mine') $$), 'true', 'and cancels them');
SELECT is(t.as_role('timers_producer', $$ SELECT foreman.set_timer('unheard', 'mine', now() + interval '1 day') $$), 'ERROR 42501', 'in no other queue');
SELECT is(t.as_role('timers_producer', $$ SELECT foreman.cancel_timer('unheard', 'default') $$), 'ERROR 42501', 'it cancels none of another queue');
SELECT is(t.as_role('timers_producer', $$ SELECT foreman.set_timer('unheard', 'default', now() + interval '1 day', queue => 'fed') $$), 'ERROR 42501', 'and takes none from there');
SELECT is(t.as_role('timers_producer', $$ SELECT foreman.count_timer_dead_letters(queue => 'fed') $$), 'ERROR 42501', 'dead letters are for operators');
SELECT is(t.as_role('timers_nobody', $$ SELECT foreman.set_timer('unheard', 'mine', now() + interval '1 day', queue => 'fed') $$), 'ERROR 42501', 'PUBLIC has no right');
DROP OWNED BY timers_producer;
DROP ROLE timers_producer, timers_nobody;

-- Keys of timers are their own: a unique_for of a job does not hold them.
SELECT foreman.enqueue('windowed', unique_key => 'same', unique_for => '1 hour') AS windowed \gset
SELECT ok((SELECT job_id <> :windowed FROM foreman.set_timer('windowed', 'same', fire_at => now() + interval '1 hour')), 'a timer with the key of a job that was enqueued with unique_for is a job of its own');
SELECT is((SELECT count(*) FROM foreman.timers WHERE kind = 'windowed' AND key = 'same'), 1::int8, 'and is set');
SELECT * FROM finish();
