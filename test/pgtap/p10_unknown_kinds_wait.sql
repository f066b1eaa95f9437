-- P10: nothing is discarded for being unknown: a job whose kind has no handler waits until there is one.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.enqueue('unknown', '{"what": "unknown"}', max_attempts => 1) AS unknown, foreman.enqueue('note') AS known \gset
SELECT is(t.outcome(:known), 'completed 1', 'a known kind runs');
SELECT is(t.state(:unknown), 'available 0', 'an unknown one waits, untouched');
SELECT is((SELECT errors FROM foreman.jobs WHERE job_id = :unknown), NULL, 'without an error');

-- A start of the workers finds it and leaves it.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
SELECT foreman.start() \g /dev/null
SELECT foreman.enqueue('note') AS known \gset
SELECT is(t.outcome(:known), 'completed 1', 'they run again');
SELECT is(t.state(:unknown), 'available 0', 'the unknown kind still waits');

SELECT foreman.register_handler('unknown', 't.note(foreman.job)') \g /dev/null
SELECT is(t.outcome(:unknown), 'completed 1', 'it runs when its handler comes');

-- Unregistered while jobs wait, registered again.
SELECT foreman.enqueue('unknown', run_at => now() + interval '1 h') AS waits \gset
SELECT is(foreman.unregister_handler('unknown'), true, 'the handler is taken away');
SELECT is(foreman.unregister_handler('unknown', if_exists => true), false, 'which is possible once');
-- Its time comes when the handler has gone, and before that of the other one.
SELECT foreman.run_now(:waits) \g /dev/null
SELECT foreman.enqueue('note', run_at => clock_timestamp() + interval '0.1 s') AS known \gset
SELECT is(t.outcome(:known), 'completed 1', 'the other kind''s later job runs');
SELECT is(t.state(:waits), 'available 0', 'jobs of the kind that went wait');
SELECT foreman.register_handler('unknown', 't.note(foreman.job)') \g /dev/null
SELECT is(t.outcome(:waits), 'completed 1', 'until it is back');
SELECT * FROM finish();
