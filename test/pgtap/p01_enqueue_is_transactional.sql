-- P1: enqueue is part of the caller's transaction: it commits and rolls back with it, savepoints included.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null

-- Rolled back: never there, never run.
BEGIN;
SELECT foreman.enqueue('note', '{"what": "rolled back"}') AS gone \gset
SELECT count(*) AS seen FROM foreman.jobs WHERE job_id = :gone \gset
ROLLBACK;
SELECT is(:seen, 1, 'its own transaction sees the job');
SELECT is(t.state(:gone), 'nowhere', 'a rolled back job does not exist');

-- Not before the commit: a job that becomes due meanwhile shows that the executors are at work.
SELECT foreman.enqueue('note', '{"what": "probe"}', run_at => clock_timestamp() + interval '0.3 s') AS probe \gset
BEGIN;
SELECT foreman.enqueue('note', '{"what": "open"}') AS open \gset
SELECT t.outcome(:probe) AS probed, t.runs(:open) AS early \gset
COMMIT;
SELECT is(:'probed'::text, 'completed 1', 'an executor ran a job while the transaction was open');
SELECT is(:early, 0, 'but not the job of the open transaction');
SELECT is(t.outcome(:open), 'completed 1', 'which runs after the commit');

-- Savepoints.
BEGIN;
SELECT foreman.enqueue('note', '{"what": "outer"}') AS outer \gset
SAVEPOINT a;
SELECT foreman.enqueue('note', '{"what": "undone"}') AS undone \gset
SAVEPOINT b;
SELECT foreman.enqueue('note', '{"what": "undone within"}') AS within \gset
RELEASE SAVEPOINT b;
ROLLBACK TO SAVEPOINT a;
SAVEPOINT c;
SELECT foreman.enqueue('note', '{"what": "released"}') AS released \gset
RELEASE SAVEPOINT c;
COMMIT;
SELECT is(t.outcome(:outer), 'completed 1', 'the job before the savepoint runs');
SELECT is(t.outcome(:released), 'completed 1', 'the job of a released savepoint runs');
SELECT is(t.state(:undone), 'nowhere', 'the job of a rolled back savepoint does not exist');
SELECT is(t.state(:within), 'nowhere', 'nor one of a savepoint released within it');

-- The savepoint of an exception block.
CREATE FUNCTION t.tries() RETURNS TABLE (kept int8, lost int8) LANGUAGE plpgsql AS $$
BEGIN
    kept := foreman.enqueue('note', '{"what": "kept"}');
    BEGIN
        lost := foreman.enqueue('note', '{"what": "lost"}');
        RAISE EXCEPTION 'no';
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END;
    RETURN NEXT;
END $$;
SELECT kept, lost FROM t.tries() \gset
SELECT is(t.outcome(:kept), 'completed 1', 'the job outside an exception block runs');
SELECT is(t.state(:lost), 'nowhere', 'the one inside does not exist');

-- A commit that fails takes the job with it.
CREATE TABLE t.one (k int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
INSERT INTO t.one VALUES (1);
\set ON_ERROR_STOP off
BEGIN;
SELECT foreman.enqueue('note', '{"what": "failed commit"}') AS failed \gset
INSERT INTO t.one VALUES (1);
COMMIT;
\set ON_ERROR_STOP on
SELECT is(t.state(:failed), 'nowhere', 'the job of a failed commit does not exist');

-- In a handler: what it enqueues is part of its own transaction.
CREATE FUNCTION t.parent(job foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    child int8 := foreman.enqueue('note', '{"what": "child"}');
BEGIN
    IF job.attempt = 1 THEN
        RAISE EXCEPTION 'first try' USING DETAIL = child::text;
    END IF;
    RETURN to_jsonb(child);
END $$;
SELECT foreman.register_handler('parent', 't.parent', backoff_base => '1 ms') \g /dev/null
SELECT foreman.enqueue('parent') AS parent \gset
SELECT is(t.outcome(:parent), 'completed 2', 'a handler that enqueues fails once and completes');
SELECT is(t.state(t.error(:parent, 0, 'detail')::int8), 'nowhere', 'the child of the failed attempt does not exist');
SELECT result #>> '{}' AS child FROM foreman.jobs WHERE job_id = :parent \gset
SELECT is(t.outcome(:child), 'completed 1', 'the child of the completed attempt runs');

-- The bulk forms are one statement each: all or nothing.
SELECT throws_ok($$ SELECT foreman.enqueue_many('[{"kind": "note"}, {"kind": ""}]') $$, NULL, NULL, 'a bad element refuses the array');
SELECT count(*) AS before FROM foreman.jobs \gset
BEGIN;
SELECT count(*) AS many FROM foreman.enqueue_many('[{"kind": "note"}, {"kind": "note", "priority": 5}]') \gset
SELECT count(*) AS bulk FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[10])) \gset
ROLLBACK;
SELECT is(:many + :bulk, 12, 'both inserted their jobs');
SELECT is((SELECT count(*) FROM foreman.jobs), :before::int8, 'which the rollback took away');

SELECT is((SELECT array_agg(DISTINCT what ORDER BY what) FROM t.log),
          ARRAY['child', 'kept', 'open', 'outer', 'probe', 'released'], 'nothing else ever ran');
SELECT * FROM finish();
