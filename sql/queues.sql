-- Queues: declared ones with settings of their own, and those that are only used.
SET client_min_messages = warning;
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
CREATE SCHEMA queues_test;
CREATE FUNCTION queues_test.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'always'; END $$;
SELECT foreman.register_handler('fails', 'queues_test.fails');

-- Declaring, changing, dropping.
SELECT foreman.create_queue('mail', priority => -3, backoff_base => '10 s', backoff_max => '1 hour', retain_completed => '1 day', keep_args => 0), foreman.create_queue('mail', if_not_exists => true);
SELECT queue, declared, priority, backoff_base, backoff_max, retain_completed, retain_cancelled, retain_discarded, keep_args FROM foreman.queues;
SELECT foreman.alter_queue('mail', priority => 4, retain_discarded => '36525 days'), foreman.alter_queue('male', priority => 4, if_exists => true);
SELECT queue, declared, priority, backoff_base, backoff_max, retain_completed, retain_cancelled, retain_discarded, keep_args FROM foreman.queues;
SELECT foreman.enqueue('fails', queue => 'mail');
SELECT foreman.drop_queue('mail');
SELECT priority FROM foreman.jobs;

-- The queue's backoff is for handlers that have none.
SELECT foreman.drain();
SELECT state, attempt, run_at - (errors -> -1 ->> 'at')::timestamptz BETWEEN '5 s' AND '15 s' AS by_the_queue FROM foreman.jobs;
SELECT foreman.register_handler('fails', 'queues_test.fails', backoff_base => '0', backoff_max => '0');
SELECT foreman.run_now(1);
SELECT foreman.run_once(), foreman.run_once();
SELECT state, attempt, run_at <= now() AS due FROM foreman.jobs;
SELECT foreman.cancel(1);
SELECT args FROM foreman.jobs;
SELECT foreman.drop_queue('mail'), foreman.drop_queue('mail', if_exists => true);

-- A queue that nobody declared has no settings, and is seen while it has jobs.
SELECT foreman.enqueue('waits', queue => 'used'), foreman.enqueue('waits', queue => 'used');
SELECT queue, declared, priority, keep_args FROM foreman.queues WHERE queue = 'used';

-- All or nothing.
BEGIN;
SELECT foreman.create_queue('undone', priority => 9);
SELECT foreman.enqueue('waits', queue => 'undone');
SELECT priority FROM foreman.jobs WHERE queue = 'undone';
ROLLBACK;
SELECT foreman.enqueue('waits', queue => 'undone');
SELECT priority FROM foreman.jobs WHERE queue = 'undone';
SELECT count(*) FROM foreman.queues WHERE queue = 'undone' AND declared;

-- Retention takes what its queue says, and nothing that is not finished.
SELECT foreman.create_queue('short', retain_completed => '0', retain_cancelled => '1 hour', retain_discarded => '0');
CREATE FUNCTION queues_test.ok(args jsonb) RETURNS void LANGUAGE sql AS '';
SELECT foreman.register_handler('ok', 'queues_test.ok');
SELECT foreman.enqueue('ok', queue => 'short'), foreman.enqueue('fails', queue => 'short', max_attempts => 1), foreman.enqueue('waits', queue => 'short'), foreman.enqueue('waits', queue => 'short'), foreman.enqueue('ok', queue => 'long');
SELECT foreman.drain();
SELECT foreman.cancel(max(job_id)) FROM foreman.jobs WHERE kind = 'waits' AND queue = 'short';
SELECT kind, state FROM foreman.jobs WHERE queue IN ('short', 'long') ORDER BY job_id;
SELECT * FROM foreman.prune_once() ORDER BY what, queue;
SELECT kind, state FROM foreman.jobs WHERE queue IN ('short', 'long') ORDER BY job_id;

SET client_min_messages = error;
DROP SCHEMA queues_test CASCADE;
DROP EXTENSION pg_foreman;
