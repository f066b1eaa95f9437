-- P11: retention removes terminal jobs only, and never more than its policy says: by queue and outcome, at its instant,
-- by partition where every policy is past, in batches without end where it is not (one max_age for all states, and
-- retention that cannot keep up: https://github.com/hexpm/hexpm/pull/1773; space that does not come back:
-- https://github.com/que-rb/que/issues/90).
-- Broken by: a partition that is dropped under a queue that keeps longer; a policy that is read once; a limit of rows a
-- pass; a batch that waits for a row.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('note', 't.note(foreman.job)'), foreman.register_handler('fails', 't.fails', max_attempts => 1) \g /dev/null
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
SELECT foreman.create_queue('a', retain_completed => '1 hour', retain_cancelled => '2 hours', retain_discarded => '3 hours'),
       foreman.create_queue('b', retain_completed => '3 days', retain_cancelled => '1 day'), foreman.create_queue('none', retain_completed => '0', retain_cancelled => '0', retain_discarded => '0') \g /dev/null
-- Ends one completed, one cancelled, one discarded job of each queue at this instant; three others stay unfinished.
CREATE PROCEDURE t.end_some(at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    q text;
BEGIN
    PERFORM set_config('foreman.fake_now', at::text, false);
    FOREACH q IN ARRAY '{a,b,none,undeclared}'::text[] LOOP
        PERFORM foreman.enqueue('note', queue => q, run_at => at), foreman.enqueue('fails', queue => q, run_at => at);
        PERFORM foreman.cancel(foreman.enqueue('note', queue => q, run_at => at));
    END LOOP;
    PERFORM foreman.drain();
    FOREACH q IN ARRAY '{a,b,none,undeclared}'::text[] LOOP
        PERFORM foreman.enqueue('nobody', queue => q, run_at => at - interval '100 days'), foreman.enqueue('note', queue => q, run_at => at + interval '100 years');
        PERFORM foreman.enqueue('lent', queue => q, run_at => at);
        PERFORM foreman.claim(ARRAY[q], 'w', kinds => '{lent}');
    END LOOP;
END $$;
-- 'a:cxd b:cx ...': what is left of the terminal ones, by queue.
CREATE FUNCTION t.left_over() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(queue || ':' || s, ' ' ORDER BY queue), '')
      FROM (SELECT queue, string_agg(CASE state WHEN 'completed' THEN 'c' WHEN 'cancelled' THEN 'x' ELSE 'd' END, '' ORDER BY state DESC) s
              FROM (SELECT queue, CASE state WHEN 'discarded' THEN 'a discarded' ELSE state END AS state FROM foreman.jobs WHERE finished_at IS NOT NULL) j GROUP BY queue) g $$;
CREATE FUNCTION t.prune_at(at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('foreman.fake_now', at::text, false);
    RETURN (SELECT coalesce(string_agg(what || coalesce(' ' || queue, '') || ' ' || rows, ', ' ORDER BY what, queue), 'nothing') FROM foreman.prune_once() WHERE what <> 'statistics'); -- those of the server's clock
END $$;

SELECT t.prune_at('2031-03-10 06:00:00+00') \g /dev/null
CALL t.end_some('2031-03-10 12:00:00+00');
SELECT is(t.left_over(), 'a:cxd b:cxd none:cxd undeclared:cxd', 'each queue has one of each');
SELECT is(t.prune_at('2031-03-10 12:00:00+00'), 'nothing', 'at their instant none is past anything');
SELECT is(t.prune_at('2031-03-10 12:00:00.000001+00'), 'dead letters none 1, history none 2', 'a retention of nothing is over a microsecond later');
SELECT is(t.left_over(), 'a:cxd b:cxd undeclared:cxd', 'for that queue only');
SELECT is(t.prune_at('2031-03-10 13:00:00+00'), 'nothing', 'an hour: not yet');
SELECT is(t.prune_at('2031-03-10 13:00:00.000001+00'), 'history a 1', 'now');
SELECT is(t.left_over(), 'a:xd b:cxd undeclared:cxd', 'the completed one');
SELECT is(t.prune_at('2031-03-10 14:30:00+00'), 'history a 1', 'cancelled ones have two hours');
SELECT is(t.prune_at('2031-03-10 15:30:00+00'), 'dead letters a 1', 'dead letters three');
SELECT is(t.prune_at('2031-03-11 18:00:00+00'), 'history b 1', 'another queue its own');
SELECT is(t.left_over(), 'b:cd undeclared:cxd', 'and nothing else went');
-- A policy that changed counts from then on, longer and shorter.
SELECT foreman.alter_queue('b', retain_completed => '30 days') \g /dev/null
SELECT is(t.prune_at('2031-03-14 00:00:00+00'), 'nothing', 'a longer retention holds for what is there');
-- The day of a queue that keeps it for longer is not dropped with the others'.
SELECT is(t.prune_at('2031-03-18 00:00:00+00'), 'history undeclared 2', 'after a week those without a policy go');
SELECT is(t.left_over(), 'b:cd undeclared:d', 'row by row, since a neighbour stays');
SELECT ok(to_regclass('foreman.job_history_20310310') IS NOT NULL, 'in its partition');
SELECT is(t.prune_at('2031-04-09 12:00:00+00'), 'nothing', 'a month: not yet');
SELECT is(t.prune_at('2031-04-11 00:00:00+00'), 'dead letters b 1, dead letters undeclared 1, partitions 1', 'then the whole day goes as a partition, and dead letters have had thirty days');
SELECT ok(to_regclass('foreman.job_history_20310310') IS NULL, 'it is gone');
SELECT is((SELECT count(*) FROM foreman.jobs), 12::int8, 'what has not ended stays, however old: waiting, due later and leased');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE finished_at IS NOT NULL), 0::int8, 'and nothing else');

-- More than a batch: everything goes in one pass, and the report says how many.
SELECT foreman.create_queue('bulk', retain_completed => '1 hour') \g /dev/null
SET foreman.fake_now = '2031-05-01 10:00:00+00';
SELECT foreman.prune_once() \g /dev/null
INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, priority, attempt, max_attempts, outcome, queue, kind)
SELECT -n, '2031-05-01 10:00:00+00', '2031-05-01 10:00:00+00', '2031-05-01 10:00:00+00', 0, 1, 5, 'c', CASE WHEN n % 5 = 0 THEN 'stays' ELSE 'bulk' END, 'note' FROM generate_series(1, 40000) n;
SELECT is(t.prune_at('2031-05-01 11:30:00+00'), 'history bulk 32000', 'thirty-two thousand rows of one queue');
SELECT is((SELECT count(*) FROM foreman.job_history WHERE queue = 'stays'), 8000::int8, 'none of its neighbours');
SELECT is(t.prune_at('2031-05-01 11:30:00+00'), 'nothing', 'and then there is nothing');
SELECT foreman.alter_queue('b', retain_completed => '1 day') \g /dev/null
SELECT is(t.prune_at('2031-05-09 00:00:00+00'), 'partitions 8000', 'the rest goes with its day, once no queue keeps longer');

-- Bad input.
RESET foreman.fake_now;
SELECT throws_ok($$ SELECT foreman.create_queue('bad', retain_completed => '-1 day') $$, '22008', NULL, 'a negative retention');
SELECT throws_ok($$ SELECT foreman.alter_queue('a', retain_discarded => '36526 days') $$, '22008', NULL, 'one beyond all reason');
SELECT throws_ok($$ SELECT foreman.alter_queue('a', retain_cancelled => '1 year') $$, '22023', NULL, 'one of years, which vary');
SELECT throws_ok($$ SELECT foreman.create_queue(repeat('q', 256), retain_completed => '1 day') $$, '22023', NULL, 'a name that is too long');
SELECT results_eq($$ SELECT retain_completed, retain_cancelled, retain_discarded FROM foreman.queues WHERE queue = 'a' $$, $$ VALUES ('1 hour'::interval, '2 hours'::interval, '3 hours'::interval) $$, 'nothing is changed');
-- Batches go when nothing is left of their jobs, a week after they finished; windows of unique keys when they are over.
SET foreman.fake_now = '2032-02-01 10:00:00+00';
SELECT foreman.prune_once() \g /dev/null
SELECT foreman.create_batch('b') AS batch, foreman.create_batch('never filled') AS unfilled \gset
SELECT foreman.create_queue('batched', retain_completed => '30 days') \g /dev/null
SELECT count(foreman.enqueue('note', queue => 'batched', batch_id => :batch, unique_key => 'w' || n, unique_for => '2 days')) FROM generate_series(1, 2) n \g /dev/null
SELECT foreman.drain(), foreman.dispatch_once() \g /dev/null
SELECT is(t.prune_at('2032-02-02 11:00:00+00'), 'nothing', 'a window that is open stays');
SELECT is(t.prune_at('2032-02-03 11:00:00+00'), 'unique keys 2', 'and goes when it is over');
SELECT is(t.prune_at('2032-02-08 09:00:00+00'), 'nothing', 'a batch that finished not a week ago stays');
SELECT is(t.prune_at('2032-02-08 11:00:00+00'), 'batches 1', 'what nobody filled goes after a week');
SELECT is((SELECT string_agg(name, ' ') FROM foreman.batches), 'b', 'one whose jobs are kept does not');
SELECT foreman.alter_queue('batched', retain_completed => '1 day') \g /dev/null
SELECT is(t.prune_at('2032-02-09 11:00:00+00'), 'partitions 2', 'its jobs go first, here with their day');
SELECT is(t.prune_at('2032-02-09 11:00:00+00'), 'batches 1', 'then the batch');

-- Runs of schedules go with their jobs, all that are due to go in one pass, and behind those that stay.
-- Broken by: so many in a pass and no more, as the dispatcher makes one in ten minutes.
SELECT foreman.enqueue('nobody') AS kept \gset
INSERT INTO foreman.schedule_run (schedule_id, generation, scheduled_at, fired_at, job_id, name, kind, queue, run_as)
SELECT 1, 1, '2031-12-31 00:00:00+00'::timestamptz + n * interval '1 s', '2031-12-31 00:00:00+00', CASE WHEN n <= 3000 THEN :kept ELSE -n END, 'often', 'nobody', 'default', current_user::regrole
  FROM generate_series(1, 23000) n;
SELECT is(t.prune_at('2032-02-09 11:00:00+00'), 'runs of schedules 20000', 'twenty thousand runs');
SELECT is((SELECT count(*) FROM foreman.schedule_run), 3000::int8, 'those whose job is there stay');
SELECT is(t.prune_at('2032-02-09 11:00:00+00'), 'nothing', 'and then there is nothing');
SELECT * FROM finish();
