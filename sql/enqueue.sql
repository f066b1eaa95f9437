-- Enqueueing: what a call stores, where its defaults come from, and that it belongs to the caller's transaction.
-- Workers are stopped, so that jobs stay where they are put.
SET client_min_messages = warning;
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
CREATE SCHEMA enqueue_test;
CREATE FUNCTION enqueue_test.nothing(args jsonb) RETURNS void LANGUAGE sql AS '';
CREATE VIEW enqueue_test.seen AS
SELECT job_id, state, kind, queue, priority, args, attempt, max_attempts, tags, metadata FROM foreman.jobs;

-- One job with nothing but a kind has the defaults, and is due.
SELECT foreman.enqueue('mail');
SELECT * FROM enqueue_test.seen;
SELECT run_at <= clock_timestamp() AS due, run_at <= enqueued_at AS not_later, expires_at, started_at, finished_at FROM foreman.jobs;

-- Everything that can be given.
SELECT foreman.enqueue('mail', '{"to": 1}', queue => 'urgent', priority => -100, run_at => '9999-12-31 23:59:59+00', max_attempts => 1000,
                       timeout => '3652 days', expires_at => '9999-12-31 23:59:59.999999+00', tags => '{a,"b c"}', metadata => '[1, null]');
SELECT * FROM enqueue_test.seen WHERE job_id = 2;
SELECT timeout_us, expires_at = '9999-12-31 23:59:59.999999+00' AS expires FROM foreman.live_job WHERE job_id = 2;

-- The id, and whether it is new; there is nothing yet that could make it an old one.
SELECT * FROM foreman.enqueue_info('mail', 'null', run_at => now() + interval '1 day');
SELECT state, args FROM foreman.jobs WHERE job_id = 3;

-- NULL options are as if they were not there.
SELECT foreman.enqueue('mail', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT queue, priority, max_attempts FROM foreman.jobs WHERE job_id = 4;

-- Defaults: the handler's queue and attempts, the queue's priority.
SELECT foreman.create_queue('reports', priority => 7);
SELECT foreman.register_handler('report', 'enqueue_test.nothing', queue => 'reports', max_attempts => 2);
SELECT foreman.enqueue('report');
SELECT foreman.enqueue('report', queue => 'default');
SELECT foreman.enqueue('report', priority => -1, max_attempts => 9);
SELECT job_id, queue, priority, max_attempts FROM foreman.jobs WHERE kind = 'report' ORDER BY job_id;

-- Arrays: one job for each element, in order, with the same options.
SELECT * FROM foreman.enqueue_array('item', ARRAY['{"n": 1}', '2', 'null']::jsonb[], queue => 'items', priority => 3, tags => '{t}');
SELECT job_id, queue, priority, args, tags FROM foreman.jobs WHERE kind = 'item' ORDER BY job_id;
SELECT * FROM foreman.enqueue_array('item', '{}');

-- Objects: one job for each, of different kinds.
SELECT * FROM foreman.enqueue_many('[
    {"kind": "a"},
    {"kind": "b", "args": {"x": [1, 2]}, "queue": "q", "priority": -5, "run_at": "2020-02-29 12:00+00", "max_attempts": 3,
     "timeout": "1 hour", "expires_at": "9000-01-01 00:00+00", "tags": ["t1", "t 2"], "metadata": {"m": true}},
    {"kind": "report", "args": "a text", "queue": null, "priority": null, "tags": []}]');
SELECT * FROM enqueue_test.seen WHERE job_id > 10 ORDER BY job_id;
SELECT timeout_us, expires_at = '9000-01-01 00:00+00' AS expires, run_at = '2020-02-29 12:00+00' AS run_at FROM foreman.live_job WHERE kind = 'b';
SELECT * FROM foreman.enqueue_many('[]');

-- One bad element, and none is enqueued.
SELECT * FROM foreman.enqueue_many('[{"kind": "good"}, {"kind": "bad", "priority": 101}]');
SELECT count(*) FROM foreman.jobs WHERE kind = 'good';

-- A job belongs to the transaction that enqueues it, savepoints included.
BEGIN;
SELECT foreman.enqueue('kept');
SAVEPOINT s;
SELECT foreman.enqueue('gone');
ROLLBACK TO s;
SELECT foreman.enqueue('kept');
COMMIT;
BEGIN;
SELECT foreman.enqueue('gone');
ROLLBACK;
SELECT kind, count(*) FROM foreman.jobs WHERE kind IN ('kept', 'gone') GROUP BY kind;

-- Untyped parameters, as drivers send them.
PREPARE untyped AS SELECT foreman.enqueue($1, $2);
EXECUTE untyped ('prepared', '{"p": 1}');
SELECT args FROM foreman.jobs WHERE kind = 'prepared';

-- Any text is a name but an empty one, one of more than 255 bytes, and one with control characters.
SELECT foreman.enqueue(repeat('x', 255), queue => 'Any "text", even ''this''; ');
SELECT length(kind), queue FROM foreman.jobs WHERE length(kind) = 255;

-- Large args are warned of.
SELECT foreman.enqueue('large', jsonb_build_object('x', repeat('x', 1100000)));

-- What cannot be written says so.
BEGIN READ ONLY;
SELECT foreman.enqueue('mail');
ROLLBACK;

SET client_min_messages = error;
DROP SCHEMA enqueue_test CASCADE;
DROP EXTENSION pg_foreman;
