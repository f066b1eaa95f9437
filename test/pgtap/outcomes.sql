-- What a handler may say about its job: snooze, throttle, discard, cancel_self. They keep its writes; an error
-- undoes them and wins. And what it shows while it runs: progress.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.says(job foreman.job) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, job.args ->> 'say');
    IF (SELECT count(*) FROM t.log WHERE job_id = job.job_id) = 1 OR job.args ? 'always' THEN
        EXECUTE 'SELECT ' || (job.args ->> 'say');
    END IF;
    IF job.args ? 'raise' THEN RAISE EXCEPTION 'wins'; END IF;
    RETURN 'result';
END $$;
SELECT foreman.register_handler('says', 't.says', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
CREATE FUNCTION t.said(say text, more jsonb DEFAULT '{}', queue text DEFAULT NULL) RETURNS int8 LANGUAGE sql AS
    $$ SELECT foreman.enqueue('says', jsonb_build_object('say', say) || more, queue => queue) $$;

SELECT t.said($$foreman.snooze('200 ms')$$) AS snooze \gset
SELECT is(t.outcome(:snooze), 'completed 1', 'a snoozed job completes later, no attempt charged');
SELECT is(t.runs(:snooze), 2::int8, 'it ran twice, and kept what it wrote the first time');
SELECT cmp_ok((SELECT max(at) - min(at) FROM t.log WHERE job_id = :snooze), '>=', interval '200 ms', 'not before its time');
SELECT is((SELECT errors FROM foreman.jobs WHERE job_id = :snooze), NULL, 'without an error');
SELECT t.said($$foreman.snooze('0')$$) AS nap \gset
SELECT is(t.outcome(:nap), 'completed 1', 'a job that snoozes for no time runs again');
SELECT cmp_ok((SELECT max(at) - min(at) FROM t.log WHERE job_id = :nap), '>=', interval '100 ms', 'but never at once');
SELECT t.said($$foreman.snooze('1 day')$$) AS long \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'scheduled 0' $$, :long)), 'a long snooze shows as scheduled');
SELECT ok((SELECT run_at BETWEEN now() + interval '23 hours' AND now() + interval '25 hours' FROM foreman.jobs WHERE job_id = :long), 'at its time');

SELECT t.said($$foreman.discard('makes no sense')$$) AS discard \gset
SELECT is(t.outcome(:discard), 'discarded 1', 'discard makes a dead letter at the first attempt');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :discard), 'makes no sense', 'with the reason');
SELECT is(t.runs(:discard), 1::int8, 'what it wrote stays');

SELECT t.said($$foreman.cancel_self('not needed')$$) AS cancel \gset
SELECT is(t.outcome(:cancel), 'cancelled 1', 'cancel_self cancels');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :cancel), 'not needed', 'with the reason');
SELECT is(t.runs(:cancel), 1::int8, 'what it wrote stays');

SELECT t.said($$foreman.discard('not this')$$, '{"raise": 1}') AS raises \gset
SELECT is(t.outcome(:raises), 'discarded 2', 'an error wins over an outcome: the job is retried');
SELECT is(t.error(:raises, 0, 'message'), 'wins', 'the error counts');
SELECT is(t.runs(:raises), 0::int8, 'and undoes the writes');
SELECT t.said($$foreman.discard('first'), foreman.cancel_self('second')$$) AS last \gset
SELECT is(t.outcome(:last), 'cancelled 1', 'the last word counts');
-- An outcome in an exception block that is rolled back was said all the same.

-- Throttle: the whole queue cools down, no attempt charged; other queues go on.
SELECT t.said('foreman.throttle()', queue => 'narrow') AS throttled \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'scheduled 0' $$, :throttled)), 'a throttled job waits, no attempt charged');
SELECT ok((SELECT run_at BETWEEN now() + interval '30 s' AND now() + interval '90 s' FROM foreman.jobs WHERE job_id = :throttled), 'for about a minute');
SELECT is(t.runs(:throttled), 1::int8, 'what it wrote stays');
SELECT t.said('1', queue => 'narrow') AS sibling, t.said('1', queue => 'wide') AS other \gset
SELECT is(t.outcome(:other), 'completed 1', 'other queues go on');
SELECT is(t.state(:sibling), 'available 0', 'the queue''s other jobs wait');
SELECT ok((SELECT throttled_until BETWEEN now() + interval '30 s' AND now() + interval '90 s' FROM foreman.queues WHERE queue = 'narrow'), 'the view says until when');

-- Bad arguments are errors of the handler.
CREATE TABLE t.bad AS SELECT say, t.said(say, '{"always": 1}') AS job_id FROM unnest(ARRAY['foreman.snooze(NULL)', 'foreman.snooze(''-1 s'')', 'foreman.snooze(''1 month'')',
    'foreman.snooze(''infinity'')', 'foreman.discard(NULL)', 'foreman.set_progress(1.5)', 'foreman.set_progress(''NaN'')', 'foreman.set_progress(NULL)']) say
    WHERE say <> 'foreman.snooze(''infinity'')';
SELECT is(t.outcome(job_id), 'discarded 2', say || ' is an error') FROM t.bad;

-- Progress is visible to others at once, while the handler's transaction is open.
CREATE FUNCTION t.progresses(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM foreman.set_progress(0.25, 'a quarter');
    WHILE NOT EXISTS (SELECT FROM t.gate WHERE name = 'quarter') LOOP PERFORM pg_sleep(0.01); END LOOP;
    PERFORM foreman.set_progress(0.75);
    WHILE NOT EXISTS (SELECT FROM t.gate WHERE name = 'rest') LOOP PERFORM pg_sleep(0.01); END LOOP;
END $$;
SELECT foreman.register_handler('progresses', 't.progresses') \g /dev/null
SELECT foreman.enqueue('progresses') AS id \gset
SELECT ok(t.wait_until(format($$ (SELECT progress = 0.25 AND progress_note = 'a quarter' AND state = 'running' FROM foreman.jobs WHERE job_id = %s) $$, :id)), 'the view jobs shows fraction and note');
SELECT is((SELECT progress || ' ' || progress_note FROM foreman.workers WHERE job_id = :id), '0.25 a quarter', 'so does the view workers');
INSERT INTO t.gate VALUES ('quarter');
SELECT ok(t.wait_until(format($$ (SELECT progress FROM foreman.jobs WHERE job_id = %s) = 0.75 $$, :id)), 'it goes on');
INSERT INTO t.gate VALUES ('rest');
SELECT is(t.outcome(:id), 'completed 1', 'to its end');
SELECT is((SELECT progress FROM foreman.jobs WHERE job_id = :id), NULL, 'a completed job has none');
SELECT * FROM finish();
