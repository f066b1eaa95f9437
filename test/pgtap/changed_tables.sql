-- What somebody has added to the engine's tables is honoured, also by the short ways that enqueue, claims and history take where
-- nobody has: triggers see every row, and a dropped index makes things slow, not wrong.
\ir lib/helpers.sql
SELECT plan(18);
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.workers) $$), 'nobody else works here');
CREATE SCHEMA c;
CREATE TABLE c.seen (what text, job_id int8);
CREATE FUNCTION c.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO c.seen VALUES (TG_ARGV[0], CASE WHEN TG_OP = 'DELETE' THEN OLD.job_id ELSE NEW.job_id END);
    RETURN NULL;
END$$;
CREATE FUNCTION c.noop(args jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
SELECT foreman.register_handler('noop', 'c.noop(jsonb)') \g /dev/null
CREATE PROCEDURE c.run(jobs int) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM foreman.enqueue('noop', '{"a": 1}') FROM generate_series(1, jobs);
    PERFORM foreman.drain();
END$$;
CREATE FUNCTION c.done() RETURNS int8 LANGUAGE sql AS $$ SELECT count(*) FROM foreman.jobs WHERE kind = 'noop' AND state = 'completed' $$;

CALL c.run(3);
SELECT is(c.done(), 3::int8, 'nothing was added');
CREATE TRIGGER see AFTER INSERT ON foreman.job_history FOR EACH ROW EXECUTE FUNCTION c.see('history');
CALL c.run(3);
SELECT is((SELECT count(*) FROM c.seen WHERE what = 'history'), 3::int8, 'a trigger on history sees each row');
SELECT is(c.done(), 6::int8, 'which is there');
DROP TRIGGER see ON foreman.job_history;
CREATE TRIGGER see AFTER DELETE ON foreman.live_job FOR EACH ROW EXECUTE FUNCTION c.see('claim');
CALL c.run(3);
SELECT is((SELECT count(*) FROM c.seen WHERE what = 'claim'), 3::int8, 'a trigger on waiting jobs sees each that is claimed');
SELECT is(c.done(), 9::int8, 'which run');
DROP TRIGGER see ON foreman.live_job;

ALTER TABLE foreman.job_history ADD COLUMN note text DEFAULT 'new';
CALL c.run(2);
SELECT is((SELECT count(*) FROM foreman.job_history WHERE kind = 'noop' AND note = 'new'), 11::int8, 'a column of somebody else has its default');
ALTER TABLE foreman.job_history DROP COLUMN note;
CALL c.run(2);
SELECT is(c.done(), 13::int8, 'a column that was dropped');
ALTER TABLE foreman.job_history ADD CONSTRAINT no_kind CHECK (kind <> 'noop') NOT VALID;
SELECT throws_ok('CALL c.run(1)', '23514', NULL, 'a constraint of somebody else holds');
ALTER TABLE foreman.job_history DROP CONSTRAINT no_kind;

CREATE TRIGGER see AFTER INSERT ON foreman.live_job FOR EACH ROW EXECUTE FUNCTION c.see('enqueue');
SELECT foreman.enqueue('waits') \g /dev/null
SELECT is((SELECT array_agg(job_id) FROM c.seen WHERE what = 'enqueue'), (SELECT array_agg(job_id) FROM foreman.jobs WHERE kind = 'waits'), 'a trigger on waiting jobs sees each that is enqueued');
DROP TRIGGER see ON foreman.live_job;
ALTER TABLE foreman.live_job ADD CONSTRAINT no_kind CHECK (kind <> 'waits') NOT VALID;
SELECT throws_ok($$ SELECT foreman.enqueue('waits') $$, '23514', NULL, 'a constraint on waiting jobs holds');
ALTER TABLE foreman.live_job DROP CONSTRAINT no_kind;
SELECT foreman.enqueue('waits', queue => 'later', run_at => '2100-01-01', expires_at => '2100-01-02', tags => '{a,b}', metadata => '{"m": 1}', timeout => '7 s', max_attempts => 3, priority => 9) AS id \gset
SELECT is((SELECT to_jsonb(j) - '{job_id,enqueued_at,run_at,expires_at}'::text[] FROM foreman.live_job j WHERE job_id = :id),
    (SELECT (to_jsonb(j) || '{"priority": 9, "attempt": 0, "max_attempts": 3, "alone": 0, "state": "w", "queue": "later", "kind": "waits", "args": {}, "timeout_us": 7000000, "tags": ["a", "b"], "metadata": {"m": 1}, "crashes": 0, "interruptions": 0}')
        - '{job_id,enqueued_at,run_at,expires_at}'::text[] FROM (SELECT (jsonb_populate_record(NULL::foreman.live_job, '{}')).*) j), 'every column of a new job has its value');
ALTER TABLE foreman.live_job ADD COLUMN note text NOT NULL DEFAULT 'new';
SELECT foreman.enqueue('waits') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.live_job WHERE kind = 'waits' AND note = 'new'), 3::int8, 'a column of somebody else has its default there, too');
ALTER TABLE foreman.live_job DROP COLUMN note;

-- What is in its way, as after an upgrade of somebody's own.
ALTER INDEX foreman.live_job_claim RENAME TO gone;
CALL c.run(3);
SELECT is(c.done(), 16::int8, 'without the index of claims');
ALTER INDEX foreman.gone RENAME TO live_job_claim;
CALL c.run(3);
SELECT is(c.done(), 19::int8, 'and with it again');
REINDEX INDEX CONCURRENTLY foreman.live_job_claim;
CALL c.run(3);
SELECT is(c.done(), 22::int8, 'after it was made again');

-- Its day has no partition: the default one takes the rows.
DO $$
DECLARE part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'foreman.job_history'::regclass AND inhrelid <> 'foreman.job_history_default'::regclass LOOP
        EXECUTE format('ALTER TABLE foreman.job_history DETACH PARTITION %s', part);
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
END$$;
CALL c.run(4);
SELECT is((SELECT count(*) FROM foreman.job_history_default WHERE kind = 'noop'), 4::int8, 'no partition for today');
SELECT foreman.prune_once() \g /dev/null
CALL c.run(4);
SELECT is((SELECT count(*) || ' ' || count(*) FILTER (WHERE tableoid = 'foreman.job_history_default'::regclass) FROM foreman.job_history WHERE kind = 'noop'), '8 0', 'and when it has been made');
SELECT * FROM finish();
