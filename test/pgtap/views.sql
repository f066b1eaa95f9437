-- The views: jobs with the states that exist so far, job_events, queues, handlers, workers; and health().
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.fails(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF job.args ? 'once' AND job.attempt > 1 THEN RETURN; END IF; RAISE EXCEPTION 'no'; END $$;
CREATE PROCEDURE t.proc(job foreman.job) LANGUAGE plpgsql AS $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM t.gate WHERE name = job.args ->> 'gate') LOOP PERFORM pg_sleep(0.01); COMMIT; END LOOP; END $$;
SELECT foreman.register_handler('note', 't.note(foreman.job)', queue => 'q', timeout => '1 min', max_attempts => 7, backoff_base => '2 s', backoff_max => '3 s', max_group => 10) \g /dev/null
SELECT foreman.register_handler('fails', 't.fails', backoff_base => '1 hour', backoff_max => '1 hour', max_attempts => 2) \g /dev/null
SELECT foreman.register_handler('hold', 't.hold') \g /dev/null
SELECT foreman.register_handler('proc', 't.proc', lane => 'procedure') \g /dev/null
SELECT foreman.register_handler('cmd', command => 'SELECT 1') \g /dev/null

-- One job in each state.
SELECT foreman.enqueue('note') AS completed, foreman.enqueue('nobody') AS available, foreman.enqueue('note', run_at => now() + interval '1 day') AS scheduled,
       foreman.enqueue('fails') AS retryable, foreman.enqueue('fails', max_attempts => 1) AS discarded, foreman.enqueue('note', run_at => now() + interval '1 day') AS cancelled,
       foreman.enqueue('hold', '{"gate": "a"}') AS running, foreman.enqueue('proc', '{"gate": "a"}') AS proc \gset
SELECT foreman.cancel(:cancelled, 'why not') \g /dev/null
SELECT ok(t.wait_until(format($$ (SELECT string_agg(t.state(id), ',' ORDER BY n) FROM unnest(ARRAY[%s,%s,%s,%s,%s,%s,%s,%s]::int8[]) WITH ORDINALITY u(id, n))
    = 'completed 1,available 0,scheduled 0,retryable 1,discarded 1,cancelled 0,running 1,running 1' $$,
    :completed, :available, :scheduled, :retryable, :discarded, :cancelled, :running, :proc)), 'the view jobs shows every state');
SELECT ok((SELECT worker_pid IS NOT NULL AND started_at >= enqueued_at AND finished_at IS NULL FROM foreman.jobs WHERE job_id = :running), 'a running job has a worker and a start');
SELECT ok((SELECT worker_pid IS NOT NULL AND started_at >= enqueued_at FROM foreman.jobs WHERE job_id = :proc), 'one of lane procedure too');
SELECT ok((SELECT finished_at >= started_at AND started_at >= run_at AND worker_pid IS NOT NULL FROM foreman.jobs WHERE job_id = :completed), 'a completed one its times');
SELECT ok((SELECT finished_at IS NOT NULL AND started_at IS NULL AND reason = 'why not' FROM foreman.jobs WHERE job_id = :cancelled), 'one that was cancelled while waiting never began');

-- Workers, and what pg_stat_activity tells.
SELECT is((SELECT format('%s %s %s %s', kind, queue, attempt, role) FROM foreman.workers WHERE job_id = :running), 'hold default 1 ' || session_user, 'the view workers shows what runs');
-- One that is starting is none yet.
SELECT ok(t.wait_until($$ pg_stat_clear_snapshot()::text = '' AND (SELECT count(*) FROM foreman.workers w JOIN pg_stat_activity a USING (pid) WHERE a.backend_type = 'pg_foreman executor' AND a.datname = current_database())
    = (SELECT count(*) FROM foreman.workers) $$), 'each is a session with its own backend_type');
SELECT cmp_ok((SELECT count(*) FROM foreman.workers), '<=', 3::int8, 'no more than max_executors');
SELECT is((SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = current_database()), 1::int8, 'one dispatcher');
SELECT is((SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_foreman%' AND query LIKE '%gate%'), 0::int8, 'args are not to be seen there');

-- Handlers and queues.
SELECT is((SELECT concat_ws(' ', handler, lane, queue, timeout, max_attempts, backoff_base, backoff_max, max_group, run_as) FROM foreman.handlers WHERE kind = 'note'),
    't.note(foreman.job) transaction q 00:01:00 7 00:00:02 00:00:03 10 ' || session_user, 'the view handlers shows the settings');
SELECT is((SELECT concat_ws(', ', command, lane, handler) FROM foreman.handlers WHERE kind = 'cmd'), 'SELECT 1, procedure', 'and commands');
SELECT ok(t.wait_until($$ (SELECT counted AND waiting >= 3 AND running = 2 AND failed >= 1 AND discarded = 1 FROM foreman.queues WHERE queue = 'default') $$), 'the view queues counts');
SELECT results_eq($$ SELECT declared, waiting, completed, cancelled FROM foreman.queues WHERE queue = 'q' $$, $$ VALUES (false, 1::int8, 1::int8, 1::int8) $$, 'each queue by itself');
SELECT is(foreman.create_queue('q', priority => 3, backoff_base => '4 s', keep_args => 100), true, 'a queue is declared');
SELECT is(foreman.create_queue('q', if_not_exists => true), false, 'once');
SELECT results_eq($$ SELECT declared, priority, backoff_base, keep_args FROM foreman.queues WHERE queue = 'q' $$, $$ VALUES (true, 3, interval '4 s', 100) $$, 'and shows its settings');
SELECT is(foreman.alter_queue('q', priority => 4), true, 'altered');
SELECT results_eq($$ SELECT priority, backoff_base FROM foreman.queues WHERE queue = 'q' $$, $$ VALUES (4, interval '4 s') $$, 'only what was named');
SELECT foreman.enqueue('note', run_at => now() + interval '1 day') AS fourth, foreman.enqueue('note', run_at => now() + interval '1 day', priority => -2) AS own \gset
SELECT is((SELECT string_agg(priority::text, ' ' ORDER BY job_id) FROM foreman.jobs WHERE job_id IN (:fourth, :own)), '4 -2', 'the queue''s priority is the default of its jobs');
SELECT is(foreman.alter_queue('nowhere', priority => 1, if_exists => true), false, 'a queue that is not declared cannot be altered');
SELECT is(foreman.drop_queue('nowhere', if_exists => true), false, 'nor dropped');
SELECT foreman.create_queue('empty') \g /dev/null
SELECT is(foreman.drop_queue('empty'), true, 'an empty one can');

-- Events.
SELECT foreman.enqueue('fails', '{"once": 1}') AS events \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 1' $$, :events)), 'a job fails');
SELECT foreman.run_now(:events) \g /dev/null
SELECT is(t.outcome(:events), 'completed 2', 'and completes');
SELECT is((SELECT array_agg(event ORDER BY at, array_position(ARRAY['enqueued', 'failed', 'started', 'completed'], event)) FROM foreman.job_events WHERE job_id = :events),
    ARRAY['enqueued', 'failed', 'started', 'completed'], 'job_events tells what happened, in order');
SELECT is((SELECT detail ->> 'message' FROM foreman.job_events WHERE job_id = :events AND event = 'failed'), 'no', 'with the error');
SELECT is((SELECT detail ->> 'reason' FROM foreman.job_events WHERE job_id = :cancelled AND event = 'cancelled'), 'why not', 'or the reason');

-- health().
SELECT is((SELECT count(*) FROM foreman.health() WHERE NOT ok), 0::int8, 'a running engine is healthy');
SELECT cmp_ok((SELECT count(*) FROM foreman.health()), '>', 3::int8, 'in several respects');
SELECT is((SELECT count(*) FROM foreman.health() WHERE name IS NULL OR detail IS NULL OR detail = ''), 0::int8, 'each with a name and a detail');
SELECT foreman.stop() \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM foreman.health() WHERE NOT ok), '>', 0::int8, 'a stopped one says so');
SELECT * FROM finish();
