-- P15: work for a kind that has no handler yet. Whoever enqueues it needs no right but that on his queue; once there is a handler in a
-- queue that he may not feed, it does not run what he left, in whatever way he left it, until somebody who may stands for it.
\ir lib/helpers.sql
SELECT no_plan();
DROP ROLE IF EXISTS pgtap_plant_eve, pgtap_plant_all, pgtap_plant_runner;
CREATE ROLE pgtap_plant_eve LOGIN;
CREATE ROLE pgtap_plant_all LOGIN;
CREATE ROLE pgtap_plant_runner LOGIN;
SELECT foreman.create_queue('plant_eve'), foreman.create_queue('plant_own') \g /dev/null
SELECT foreman.grant_role(b, 'pgtap_plant_eve', 'plant_eve') FROM unnest('{producer,operator,worker}'::text[]) b \g /dev/null
SELECT foreman.grant_role('producer', 'pgtap_plant_eve', 'default'), foreman.grant_role('producer', 'pgtap_plant_all') \g /dev/null
CREATE FUNCTION t.planted(args jsonb) RETURNS text LANGUAGE sql AS $$ SELECT current_user || ' ' || args::text $$;
SELECT foreman.register_handler('note', 't.note(foreman.job)', queue => 'plant_eve') \g /dev/null

-- What eve leaves.
CREATE TABLE t.left (how text, job_id int8);
CREATE FUNCTION t.leave(how text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text := t.as_role('pgtap_plant_eve', statement);
BEGIN
    IF answer ~ '^[0-9]+$' THEN INSERT INTO t.left VALUES (how, answer::int8); END IF;
    RETURN CASE WHEN answer ~ '^[0-9]+$' THEN 'left' ELSE answer END;
END $$;
SELECT is(t.leave(how, statement), 'left', 'a role leaves work for a kind without a handler: ' || how) FROM (VALUES
    ('enqueue', $$ SELECT foreman.enqueue('planted', queue => 'plant_eve') $$),
    ('enqueue_array', $$ SELECT job_id FROM foreman.enqueue_array('planted', ARRAY['{}'::jsonb], queue => 'plant_eve') $$),
    ('enqueue_many', $$ SELECT job_id FROM foreman.enqueue_many('[{"kind": "planted", "queue": "plant_eve"}]') $$),
    ('unique_key', $$ SELECT foreman.enqueue('planted', queue => 'plant_eve', unique_key => 'u') $$),
    ('concurrency_key', $$ SELECT foreman.enqueue('planted', queue => 'plant_eve', concurrency_key => 'c') $$),
    ('a delay', $$ SELECT foreman.enqueue('planted', queue => 'plant_eve', run_at => now() + interval '1 s') $$),
    ('set_timer', $$ SELECT job_id FROM foreman.set_timer('planted', 'timer', now() + interval '1 s', queue => 'plant_eve') $$)) v(how, statement);
SELECT is(t.leave('replace', $$ SELECT foreman.enqueue('planted', '{"by": "eve"}', queue => 'plant_eve', unique_key => 'r', on_conflict => 'replace') $$), 'left', 'and in place of a job of somebody else')
    FROM foreman.enqueue('planted', queue => 'plant_eve', unique_key => 'r');
SELECT t.as_role('pgtap_plant_eve', $$ SELECT foreman.enqueue('planted', queue => 'plant_eve') $$) AS retried \gset
SELECT t.as_role('pgtap_plant_eve', format('SELECT foreman.cancel(%s)', :retried)) \g /dev/null
-- A worker outside claims one and gives it back.
SELECT job_id AS failed, token FROM foreman.claim('{plant_eve}', 'w', kinds => '{planted}') \gset
SELECT is((SELECT how FROM t.left WHERE job_id = :failed), 'enqueue', 'a worker outside gets such jobs as before');
SELECT foreman.fail(:failed, :'token', 'no', retry_in => '0 s') \g /dev/null
SELECT is(t.as_role('pgtap_plant_eve', $$ SELECT foreman.schedule_job('planted', '1 second', 'planted', queue => 'plant_eve') > 0 $$), 'true', 'a schedule');
SELECT t.as_role('pgtap_plant_eve', $$ SELECT foreman.create_batch('planted', on_complete => 'planted') $$) AS batch \gset
SELECT t.as_role('pgtap_plant_eve', format('SELECT foreman.enqueue(''note'', queue => ''plant_eve'', batch_id => %s)', :batch)) AS member \gset
-- What others left.
SELECT foreman.enqueue('planted', '{"by": "me"}', queue => 'plant_eve') AS mine \gset
SELECT t.as_role('pgtap_plant_all', $$ SELECT foreman.enqueue('planted', '{"by": "all"}', queue => 'plant_eve') $$) AS of_all \gset
SELECT foreman.grant_role('producer', 'pgtap_plant_eve', 'plant_own') \g /dev/null
SELECT t.as_role('pgtap_plant_eve', $$ SELECT foreman.enqueue('planted', '{"by": "eve"}', queue => 'plant_own') $$) AS in_own \gset
SELECT foreman.revoke_role('producer', 'pgtap_plant_eve', 'plant_own') \g /dev/null

SELECT foreman.register_handler('planted', 't.planted', queue => 'plant_own', run_as => 'pgtap_plant_runner') \g /dev/null
SELECT is(t.outcome(job_id), 'completed 1', 'a handler that comes runs what was left by ' || who) FROM (VALUES
    (:mine, 'a superuser'), (:of_all, 'a producer of all queues'), (:in_own, 'whoever left it in its own queue')) v(job_id, who);
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.schedules WHERE name = 'planted' AND NOT active AND error ~ 'no right on queue "plant_own"') $$), 'a schedule of somebody else stops, and says why');
SELECT is(t.as_role('pgtap_plant_eve', $$ SELECT foreman.trigger_schedule('planted') $$), 'ERROR 42501', 'nor does it run by hand');
SELECT is(t.as_role('pgtap_plant_eve', format('SELECT foreman.retry(%s)', :retried)), 'true', 'a job that was cancelled meanwhile may be retried');
INSERT INTO t.left VALUES ('retry', :retried);
SELECT foreman.enqueue('planted', queue => 'plant_own') AS last \gset
SELECT is(t.outcome(:last), 'completed 1', 'jobs that come later run');
SELECT pg_sleep(1.5) \g /dev/null
SELECT is((SELECT string_agg(l.how, ', ') FROM t.left l JOIN foreman.jobs j USING (job_id) WHERE j.state NOT IN ('available', 'retryable')), NULL, 'it runs nothing else, in whatever way it was left');
SELECT is(t.as_role('pgtap_plant_runner', $$ SELECT foreman.drain() $$), 'ERROR 42501', 'its role may run no pass');
SELECT is((SELECT string_agg(DISTINCT w.reason || ' ' || (w.detail ->> 'handler') || ' ' || (w.detail ->> 'handler_queue'), ',') FROM t.left l, foreman.why(l.job_id) w), 'no_handler came later plant_own',
    'why() says so of each');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.jobs WHERE kind = 'planted' AND queue = 'default') $$), 'the callback of a batch');
SELECT is((SELECT state FROM foreman.jobs WHERE kind = 'planted' AND queue = 'default'), 'available', 'waits as well');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE kind = 'planted' AND state = 'completed' AND NOT job_id IN (:mine, :of_all, :in_own, :last)), 0::int8, 'nothing else has run');
SELECT is(t.as_role('pgtap_plant_eve', format('SELECT foreman.run_now(%s)', job_id)), 'rescheduled', 'who left it cannot make it run: ' || how) FROM t.left WHERE how IN ('enqueue', 'set_timer', 'retry');
SELECT foreman.stop(), foreman.start() \g /dev/null
SELECT foreman.enqueue('planted', queue => 'plant_own') AS last \gset
SELECT is(t.outcome(:last), 'completed 1', 'also after stop() and start()');
SELECT is((SELECT string_agg(l.how, ', ') FROM t.left l JOIN foreman.jobs j USING (job_id) WHERE j.state NOT IN ('available', 'retryable')), NULL, 'it waits');
SELECT is(foreman.run_now(job_id), 'rescheduled', 'an operator of both queues lets it go: ' || how) FROM t.left;
SELECT is(t.outcome(job_id), 'completed ' || attempt, 'and it runs: ' || how) FROM (SELECT l.*, CASE how WHEN 'enqueue' THEN 2 ELSE 1 END AS attempt FROM t.left l) l;
SELECT is((SELECT string_agg(DISTINCT split_part(result #>> '{}', ' ', 1), ',') FROM foreman.jobs WHERE kind = 'planted' AND state = 'completed'), 'pgtap_plant_runner', 'as the role of the handler');
-- With a handler there, everything is as ever.
SELECT is(t.as_role('pgtap_plant_eve', $$ SELECT foreman.enqueue('planted', queue => 'plant_eve') $$), 'ERROR 42501', 'with the handler there, nobody enqueues without the right');

SELECT foreman.unschedule('planted'), foreman.cancel_where(kind => 'planted'), foreman.unregister_handler('planted') \g /dev/null
DROP OWNED BY pgtap_plant_eve, pgtap_plant_all, pgtap_plant_runner;
DROP ROLE pgtap_plant_eve, pgtap_plant_all, pgtap_plant_runner;
SELECT * FROM finish();
