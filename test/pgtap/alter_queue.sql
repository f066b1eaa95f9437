-- alter_queue(): every setting can be changed while jobs run, holds from the commit on, and can be given its default
-- again. Broken by: a setting that a worker remembers; a NULL that cannot be set.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails') \g /dev/null
SELECT foreman.create_queue('q', priority => 7, backoff_base => '1 hour', backoff_max => '2 hours', keep_args => 2, throttle_base => '2 hours', throttle_max => '3 hours', ageing => 9) \g /dev/null

SELECT foreman.enqueue('note', '{"what": "too long to keep"}', queue => 'q') AS before, foreman.enqueue('fails', queue => 'q') AS slow \gset
SELECT is(t.outcome(:before), 'completed 1', 'a job runs');
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 1' $$, :slow)), 'another fails');
SELECT is((SELECT args FROM foreman.jobs WHERE job_id = :before), NULL, 'its args are not kept');
SELECT ok((SELECT run_at > now() + interval '30 minutes' FROM foreman.jobs WHERE job_id = :slow), 'the other waits for an hour');
SELECT is(foreman.alter_queue('q', priority => -7, backoff_base => '10 ms', backoff_max => '20 ms', keep_args => 1000), true, 'altered');
SELECT foreman.enqueue('note', '{"what": "too long to keep"}', queue => 'q') AS after, foreman.enqueue('fails', queue => 'q') AS fast \gset
SELECT is((SELECT priority FROM foreman.jobs WHERE job_id = :after), -7, 'the priority holds for the next job');
SELECT is(t.outcome(:after), 'completed 1', 'it runs');
SELECT is((SELECT args ->> 'what' FROM foreman.jobs WHERE job_id = :after), 'too long to keep', 'with its args kept');
SELECT is(t.outcome(:fast), 'discarded 5', 'and a failing one is through with its attempts soon');

-- Defaults again.
SELECT is(foreman.alter_queue('q', reset => '{priority,keep_args,throttle_base,throttle_max,ageing}'), true, 'reset');
SELECT results_eq($$ SELECT priority, keep_args, throttle_base, throttle_max, ageing, backoff_base FROM foreman.queues WHERE queue = 'q' $$,
    $$ VALUES (NULL::int4, NULL::int4, NULL::interval, NULL::interval, NULL::int4, '10 ms'::interval) $$, 'those named, and no other');
SELECT foreman.enqueue('nobody', queue => 'q') AS plain \gset
SELECT is((SELECT priority FROM foreman.jobs WHERE job_id = :plain), 0, 'the default holds');
SELECT is(foreman.alter_queue('q', priority => 5, reset => '{priority}'), true, 'given and reset');
SELECT is((SELECT priority FROM foreman.queues WHERE queue = 'q'), 5, 'what is given holds');
SELECT throws_ok($$ SELECT foreman.alter_queue('nowhere', reset => '{priority}') $$, '42704', 'queue "nowhere" does not exist', 'a queue that is not declared');

-- Nothing is changed by an error.
SELECT throws_ok($$ SELECT foreman.alter_queue('q', reset => '{priority,colour}') $$, '22023', 'reset names "colour", which is no setting of a queue', 'no such setting');
SELECT throws_ok($$ SELECT foreman.alter_queue('q', reset => '{paused}') $$, '22023', NULL, 'pausing is no setting');
SELECT is((SELECT priority FROM foreman.queues WHERE queue = 'q'), 5, 'nothing is changed');
SELECT is(foreman.alter_queue('q', throttle_base => '10 s', throttle_max => '30 s'), true, 'a short cool-down');
SELECT throws_ok($$ SELECT foreman.alter_queue('q', reset => '{throttle_base}') $$, '22023', 'throttle_max must not be less than throttle_base', 'whose default would be longer than its longest');
SELECT throws_ok($$ SELECT foreman.alter_queue('q', backoff_max => '1 ms') $$, '22023', 'backoff_max must not be less than backoff_base', 'a longest delay below the first');
SELECT * FROM finish();
