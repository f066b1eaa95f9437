-- History in daily partitions: made days ahead, crossed at midnight of the virtual clock, dropped with their age;
-- retention removes terminal jobs only, and never more than the queue's policy says.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('fails', 't.fails', max_attempts => 1) \g /dev/null
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
CREATE FUNCTION t.partition_of(id int8) RETURNS text LANGUAGE sql AS $$ SELECT tableoid::regclass::text FROM foreman.job_history WHERE job_id = id $$;

SET foreman.fake_now = '2031-03-30 23:59:59.5+00';
SELECT foreman.prune_once() \g /dev/null
SELECT is((SELECT count(*) FROM pg_class WHERE relname IN ('job_history_20310330', 'job_history_20310331', 'job_history_20310401') AND relkind = 'r'), 3::int8, 'partitions for today and the next days are there');
SELECT is((SELECT count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid WHERE c.relname ~ '^job_history_2' AND d.deptype = 'e'), 0::int8, 'none is a member of the extension');
SELECT foreman.enqueue('note') AS before \gset
SELECT foreman.drain() \g /dev/null
SET foreman.fake_now = '2031-03-31 00:00:00+00';
SELECT foreman.enqueue('note') AS midnight \gset
SELECT foreman.drain() \g /dev/null
SET foreman.fake_now = '2031-03-31 23:59:59.999999+00';
SELECT foreman.enqueue('note', queue => 'short') AS last \gset
SELECT foreman.drain() \g /dev/null
SELECT is(t.partition_of(:before), 'foreman.job_history_20310330', 'half a second before midnight');
SELECT is(t.partition_of(:midnight), 'foreman.job_history_20310331', 'midnight itself is the next day');
SELECT is(t.partition_of(:last), 'foreman.job_history_20310331', 'and its last microsecond the same day');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE job_id IN (:before, :midnight, :last) AND state = 'completed'), 3::int8, 'the view shows all of them');

-- A day that nobody made a partition for goes to the default one, and is moved out when there is one.
SET foreman.fake_now = '2031-05-10 12:00:00+00';
SELECT foreman.enqueue('note') AS far \gset
SELECT foreman.drain() \g /dev/null
SELECT is(t.partition_of(:far), 'foreman.job_history_default', 'a day without a partition');
SET foreman.fake_now = '2031-05-10 13:00:00+00';
SELECT foreman.create_queue('short', retain_completed => '1 hour'), foreman.create_queue('long', retain_completed => '1000 days', retain_discarded => '1 day') \g /dev/null
SELECT foreman.alter_queue('short', retain_completed => '100 days') \g /dev/null
SELECT foreman.prune_once() \g /dev/null
SELECT is(t.partition_of(:far), 'foreman.job_history_20310510', 'is moved to its partition');
SELECT is(t.state(:far), 'completed 1', 'and nothing is lost');
SELECT is(t.state(:before), 'nowhere', 'history of undeclared queues goes after seven days');
SELECT is(t.state(:last), 'completed 1', 'that of a queue with a longer retention stays');

-- Retention touches terminal jobs only, by queue and outcome, at its instant.
SET foreman.fake_now = '2031-05-11 00:00:00+00';
SELECT foreman.enqueue('note', run_at => '2040-01-01') AS waits, foreman.enqueue('nobody', run_at => '2020-01-01') AS old,
       foreman.enqueue('fails', queue => 'long') AS dead, foreman.enqueue('fails') AS dead30, foreman.enqueue('note', queue => 'long') AS kept, foreman.enqueue('note') AS week \gset
SELECT foreman.drain() \g /dev/null
SELECT is(t.state(:dead) || t.state(:dead30) || t.state(:kept) || t.state(:week), 'discarded 1discarded 1completed 1completed 1', 'they end');
SET foreman.fake_now = '2031-05-11 23:59:59+00';
SELECT foreman.prune_once() \g /dev/null
SELECT is(t.state(:dead), 'discarded 1', 'a dead letter that is not a day old stays');
SET foreman.fake_now = '2031-05-12 00:00:01+00';
SELECT foreman.prune_once() \g /dev/null
SELECT is(t.state(:dead), 'nowhere', 'after its queue''s day it goes');
SELECT is(t.state(:dead30), 'discarded 1', 'others have thirty');
SET foreman.fake_now = '2031-05-18 00:00:01+00';
SELECT foreman.prune_once() \g /dev/null
SELECT is(t.state(:week), 'nowhere', 'a completed job goes after seven');
SELECT is(t.state(:kept), 'completed 1', 'in a queue that keeps it it stays');
SET foreman.fake_now = '2031-06-10 00:00:01+00';
SELECT foreman.prune_once() \g /dev/null
SELECT is(t.state(:dead30), 'nowhere', 'a dead letter goes after thirty');
SELECT is(t.state(:waits) || ', ' || t.state(:old), 'scheduled 0, available 0', 'what has not ended stays, however old');
SET foreman.fake_now = '2035-01-01 00:00:00+00';
SELECT foreman.prune_once() \g /dev/null
SELECT is((SELECT count(*) FROM pg_class WHERE relname ~ '^job_history_2031'), 0::int8, 'old partitions are dropped');
SELECT is((SELECT count(*) FROM foreman.jobs), 2::int8, 'only the jobs that have not ended are left');

-- A retried job leaves its partition, a deleted one too.
SELECT foreman.enqueue('note') AS again, foreman.enqueue('note') AS gone \gset
SELECT foreman.drain() \g /dev/null
SELECT is(foreman.retry(:again), true, 'retry from a partition');
SELECT is(t.partition_of(:again), NULL, 'takes the row out of it');
SELECT is(foreman.delete_job(:gone), 'deleted', 'delete from a partition');
SELECT is(t.partition_of(:gone), NULL, 'does as well');
SELECT * FROM finish();
