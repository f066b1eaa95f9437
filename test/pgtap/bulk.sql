-- cancel_where(), retry_where(), delete_where(), purge_queue(): all that matches, in batches, never waiting for what
-- somebody holds.
-- Broken by: a filter that is not looked at; a locked row that is waited for; a running job that is deleted under its
-- handler; a batch that forgets its rest.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('note', 't.note'), foreman.register_handler('fails', 't.fails', max_attempts => 1), foreman.register_handler('hold', 't.hold'),
       foreman.register_handler('tries', 't.fails', backoff_base => '1 hour', backoff_max => '1 hour') \g /dev/null

-- cancel_where: by each filter.
SELECT foreman.enqueue('a', queue => 'x', tags => '{red,big}') AS xa, foreman.enqueue('b', queue => 'x', tags => '{red}') AS xb, foreman.enqueue('a', queue => 'y') AS ya,
       foreman.enqueue('a', queue => 'y', run_at => now() + interval '1 day') AS later, foreman.enqueue('tries', queue => 'y') AS tried \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 1' $$, :tried)), 'one has failed');
SELECT is(foreman.cancel_where(queue => 'x', tags => '{red,big}'), 1::int8, 'by queue and tags');
SELECT is(t.state(:xa) || ', ' || t.state(:xb), 'cancelled 0, available 0', 'the one that has all the tags');
SELECT is(foreman.cancel_where(queue => 'y', state => 'scheduled'), 1::int8, 'by state: scheduled');
SELECT is(t.state(:later) || ', ' || t.state(:ya), 'cancelled 0, available 0', 'the one that is due later');
SELECT is(foreman.cancel_where(state => 'retryable'), 1::int8, 'by state: retryable');
SELECT is(t.state(:tried), 'cancelled 1', 'the one that failed');
SELECT is(foreman.cancel_where(kind => 'a', older_than => '1 hour'), 0::int8, 'by age: none is so old');
SELECT is(foreman.cancel_where(kind => 'a', older_than => '1 us'), 1::int8, 'by kind and age');
SELECT is(foreman.cancel_where(kind => 'a'), 0::int8, 'nothing is left of that kind');
SELECT is(t.state(:ya) || ', ' || t.state(:xb), 'cancelled 0, available 0', 'and nothing else was touched');
SELECT is(foreman.cancel_where(state => 'running'), 0::int8, 'nothing runs');

-- Running jobs: a request that interrupts them, as cancel() does.
SELECT foreman.enqueue('hold', '{"gate": "never"}', queue => 'busy') AS held, foreman.enqueue('c', queue => 'busy') AS waits \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :held)), 'one runs');
SELECT is(foreman.cancel_where(queue => 'busy', state => 'available'), 1::int8, 'the state of a running job is not available');
SELECT is(t.state(:held) || ', ' || t.state(:waits), 'running 1, cancelled 0', 'it goes on');
SELECT is(foreman.cancel_where(queue => 'busy'), 1::int8, 'without a state it is asked to stop');
SELECT is(t.outcome(:held), 'cancelled 1', 'and does');
-- Leased ones.
SELECT foreman.enqueue('out', queue => 'lent') AS lent \gset
SELECT token AS token FROM foreman.claim('{lent}', 'w') \gset
SELECT is(foreman.cancel_where(queue => 'lent', state => 'running'), 1::int8, 'a leased job is asked to stop');
SELECT is(foreman.heartbeat(:lent, :'token'), 'cancel_requested', 'its worker hears of it');
SELECT is(foreman.release(:lent, :'token'), 'cancelled', 'and gives it up');

-- A batch and its rest: more than one, in id order, bounded by max_rows.
SELECT count(*) FROM foreman.enqueue_array('bulk', array_fill('{}'::jsonb, ARRAY[2500]), queue => 'bulk') \g /dev/null
SELECT is(foreman.cancel_where(queue => 'bulk', max_rows => 1200), 1200::int8, 'twelve hundred of them');
SELECT is((SELECT count(*) || ' ' || (max(job_id) FILTER (WHERE state = 'cancelled') < min(job_id) FILTER (WHERE state = 'available')) FROM foreman.jobs WHERE queue = 'bulk'), '2500 true', 'the oldest ones');
SELECT is(foreman.cancel_where(queue => 'bulk'), 1300::int8, 'and the rest');
SELECT is((SELECT waiting FROM foreman.queues WHERE queue = 'bulk'), 0::int8, 'counters follow');

-- retry_where, by state and kind; what has no args left stays.
SELECT foreman.create_queue('small', keep_args => 2) \g /dev/null
SELECT foreman.enqueue('fails', queue => 'small') AS dead, foreman.enqueue('note', '{"what": "too large to keep"}', queue => 'small') AS large, foreman.enqueue('note', '{"what": "n"}', queue => 'other') AS kept \gset
SELECT is(t.outcome(:dead) || ', ' || t.outcome(:large) || ', ' || t.outcome(:kept), 'discarded 1, completed 1, completed 1', 'they end');
SELECT is(foreman.retry_where(queue => 'small', state => 'completed'), 0::int8, 'one whose args were not kept is left out');
SELECT is(foreman.retry_where(queue => 'other'), 1::int8, 'a completed job runs again');
SELECT ok(t.wait_until(format('t.runs(%s) = 2', :kept)), 'indeed');
SELECT foreman.register_handler('fails', 't.note') \g /dev/null
SELECT is(foreman.retry_where(kind => 'fails', state => 'discarded'), 1::int8, 'a dead letter, too');
SELECT is(t.outcome(:dead), 'completed 1', 'with the handler that it has now');
SELECT is(foreman.retry_where(queue => 'bulk', state => 'cancelled', max_rows => 10), 10::int8, 'ten of the cancelled');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE queue = 'bulk' AND state = 'available'), 10::int8, 'wait again');

-- delete_where: finished and not.
SELECT is(foreman.delete_where(queue => 'bulk', state => 'cancelled', older_than => '1 hour'), 0::int8, 'none finished an hour ago');
SELECT is(foreman.delete_where(queue => 'bulk', state => 'cancelled'), 2490::int8, 'the cancelled ones');
SELECT is(foreman.delete_where(queue => 'bulk'), 10::int8, 'and those that wait');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE queue = 'bulk'), 0::int8, 'are forgotten');
SELECT foreman.enqueue('hold', '{"gate": "never"}', queue => 'busy') AS held \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :held)), 'one runs');
SELECT is(foreman.delete_where(queue => 'busy', state => 'running'), 1::int8, 'a running one is interrupted');
SELECT ok(t.wait_until(format($$ t.state(%s) = 'nowhere' $$, :held)), 'and forgotten');

-- purge_queue: what is unfinished.
SELECT foreman.enqueue('p', queue => 'purged', run_at => now() + (n || ' hours')::interval) FROM generate_series(-2, 2) n \g /dev/null
SELECT foreman.cancel(max(job_id)) FROM foreman.jobs WHERE queue = 'purged' \g /dev/null
SELECT is(foreman.purge_queue('purged'), 4::int8, 'purged');
SELECT is((SELECT string_agg(state, ',') FROM foreman.jobs WHERE queue = 'purged'), 'cancelled', 'what had finished stays');
SELECT is(foreman.purge_queue('nothing here'), 0::int8, 'an empty queue');

-- Jobs that wait for others, and those with keys: everything of them goes, so that the key is free.
SELECT foreman.enqueue('first', queue => 'deps') AS first \gset
SELECT foreman.enqueue('second', queue => 'deps', depends_on => ARRAY[:first]::int8[]) AS second, foreman.enqueue('keyed', queue => 'deps', unique_key => 'k', tags => '{t}', metadata => '{"m": 1}') AS keyed \gset
SELECT is(foreman.cancel_where(queue => 'deps', state => 'pending'), 1::int8, 'by state: pending');
SELECT is(t.state(:first) || ', ' || t.state(:second), 'available 0, cancelled 0', 'the one that waits for another');
SELECT is(foreman.cancel_where(queue => 'deps'), 2::int8, 'and the others');
SELECT is((SELECT tags::text || metadata FROM foreman.jobs WHERE job_id = :keyed), '{t}{"m": 1}', 'with all that belongs to them');
SELECT isnt(foreman.enqueue('keyed', queue => 'deps', unique_key => 'k'), :keyed::int8, 'its key is free');
SELECT is(foreman.purge_queue('deps'), 1::int8, 'also after a purge');
SELECT isnt(foreman.enqueue('keyed', queue => 'deps', unique_key => 'k'), :keyed::int8, 'of course');
SELECT is(foreman.purge_queue('deps'), 1::int8, 'and again');

-- Undone with their transaction, savepoints included.
SELECT foreman.enqueue('r', queue => 'undone') AS undone \gset
BEGIN;
SELECT is(foreman.cancel_where(queue => 'undone'), 1::int8, 'cancelled in a transaction');
ROLLBACK;
SELECT is(t.state(:undone), 'available 0', 'that rolled back');
SELECT is((SELECT waiting FROM foreman.queues WHERE queue = 'undone'), 1::int8, 'counters too');

-- Bad input and rights.
SELECT throws_ok($$ SELECT foreman.cancel_where() $$, '22023', 'foreman.cancel_where() would act on every job', 'everything, without max_rows');
SELECT throws_ok($$ SELECT foreman.delete_where(older_than => '0', tags => '{}') $$, '22023', 'foreman.delete_where() would act on every job', 'the same, in other words');
SELECT throws_ok($$ SELECT foreman.retry_where() $$, '22023', NULL, 'retry_where as well');
SELECT is(foreman.cancel_where(max_rows => 1), 1::int8, 'max_rows says how many');
SELECT throws_ok($$ SELECT foreman.cancel_where(state => 'completed') $$, '22023', NULL, 'a finished job is not cancelled');
SELECT throws_ok($$ SELECT foreman.retry_where(state => 'available') $$, '22023', NULL, 'a waiting one not retried');
SELECT throws_ok($$ SELECT foreman.delete_where(state => 'done') $$, '22023', NULL, 'no such state');
SELECT throws_ok($$ SELECT foreman.cancel_where(queue => '') $$, '22023', NULL, 'an empty name');
SELECT throws_ok($$ SELECT foreman.cancel_where(kind => repeat('k', 256)) $$, '22023', NULL, 'a long one');
SELECT throws_ok($$ SELECT foreman.cancel_where(kind => 'k', max_rows => 0) $$, '22003', NULL, 'no rows');
SELECT throws_ok($$ SELECT foreman.cancel_where(kind => 'k', older_than => '1 month') $$, '22023', NULL, 'months');
SELECT throws_ok($$ SELECT foreman.purge_queue(NULL) $$, '22004', NULL, 'no queue');
CREATE ROLE bulk_operator;
SELECT foreman.create_queue('theirs'), foreman.grant_role('operator', 'bulk_operator', 'theirs') \g /dev/null
SELECT foreman.enqueue('k', queue => 'theirs'), foreman.enqueue('k', queue => 'ours') \g /dev/null
GRANT USAGE ON SCHEMA t TO bulk_operator;
SELECT is(t.as_role('bulk_operator', $$ SELECT foreman.cancel_where(kind => 'k') $$), 'ERROR 42501', 'an operator of one queue has to name it');
SELECT is(t.as_role('bulk_operator', $$ SELECT foreman.delete_where(queue => 'ours') $$), 'ERROR 42501', 'and no other');
SELECT is(t.as_role('bulk_operator', $$ SELECT foreman.purge_queue('ours') $$), 'ERROR 42501', 'nor purges it');
SELECT is(t.as_role('bulk_operator', $$ SELECT foreman.cancel_where(kind => 'k', queue => 'theirs') $$), '1', 'there it may');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE kind = 'k' AND state = 'available'), 1::int8, 'the other is untouched');
SELECT foreman.revoke_role('operator', 'bulk_operator', 'theirs') \g /dev/null
DROP OWNED BY bulk_operator;
DROP ROLE bulk_operator;
SELECT * FROM finish();
