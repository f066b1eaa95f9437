-- P15: a role sees and touches only what it was granted; a handler can do only what its run_as role can do.
\ir lib/helpers.sql
SELECT no_plan();
DROP ROLE IF EXISTS pgtap_p15_nobody, pgtap_p15_producer, pgtap_p15_monitor, pgtap_p15_operator, pgtap_p15_one, pgtap_p15_runner;
CREATE ROLE pgtap_p15_nobody LOGIN;
CREATE ROLE pgtap_p15_producer LOGIN;
CREATE ROLE pgtap_p15_monitor LOGIN;
CREATE ROLE pgtap_p15_operator LOGIN;
CREATE ROLE pgtap_p15_one LOGIN;
CREATE ROLE pgtap_p15_runner LOGIN;
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.create_queue('mail'), foreman.create_queue('other') \g /dev/null
SELECT is(foreman.grant_role('producer', 'pgtap_p15_producer'), true, 'grant producer');
SELECT is(foreman.grant_role('producer', 'pgtap_p15_producer'), false, 'it is granted already');
SELECT foreman.grant_role('monitor', 'pgtap_p15_monitor'), foreman.grant_role('operator', 'pgtap_p15_operator'),
       foreman.grant_role('producer', 'pgtap_p15_one', 'mail'), foreman.grant_role('operator', 'pgtap_p15_one', 'mail') \g /dev/null
SELECT foreman.enqueue('note', '{"what": "secret"}', run_at => now() + interval '1 day') AS secret, foreman.enqueue('note', queue => 'mail', run_at => now() + interval '1 day') AS letter \gset

-- Nobody was granted anything on a table, and without a bundle nothing works.
SELECT is((SELECT count(*) FROM unnest(ARRAY['nobody', 'producer', 'monitor', 'operator', 'one']) r,
                  unnest(ARRAY['live_job', 'job_history', 'dead_letter', 'job_request', 'queue', 'handler', 'role_grant', 'identity']) tab
            WHERE t.as_role('pgtap_p15_' || r, format('SELECT count(*) FROM foreman.%I', tab)) <> 'ERROR 42501'), 0::int8,
    'no bundle opens a table');
SELECT is((SELECT count(*) FROM unnest(ARRAY['live_job', 'job_history', 'dead_letter', 'handler']) tab
            WHERE t.as_role('pgtap_p15_operator', format('DELETE FROM foreman.%I RETURNING 1', tab)) <> 'ERROR 42501'), 0::int8,
    'not even an operator deletes rows');
SELECT is(t.as_role('pgtap_p15_nobody', statement), 'ERROR 42501', 'nobody: ' || statement) FROM (VALUES
    ($$ SELECT foreman.enqueue('note') $$), ($$ SELECT foreman.enqueue_many('[{"kind": "note"}]') $$),
    ($$ SELECT foreman.cancel(1) $$), ($$ SELECT foreman.retry(1) $$), ($$ SELECT foreman.delete_job(1) $$),
    ($$ SELECT foreman.run_now(1) $$), ($$ SELECT foreman.dead_letters() $$), ($$ SELECT foreman.create_queue('x') $$),
    ($$ SELECT foreman.register_handler('x', 't.note(foreman.job)') $$), ($$ SELECT foreman.grant_role('operator', 'pgtap_p15_nobody') $$),
    ($$ SELECT foreman.stop() $$), ($$ SELECT count(*) FROM foreman.jobs $$), ($$ SELECT count(*) FROM foreman.queues $$),
    ($$ SELECT count(*) FROM foreman.workers $$), ($$ SELECT count(*) FROM foreman.job_events $$)) v(statement);

-- A producer enqueues and cannot look or operate.
SELECT isnt(t.as_role('pgtap_p15_producer', $$ SELECT foreman.enqueue('note', '{"what": "produced"}') $$), 'ERROR 42501', 'a producer enqueues');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM t.log WHERE what = 'produced') $$), 'its job runs');
SELECT is(t.as_role('pgtap_p15_producer', format('SELECT foreman.cancel(%s)', :secret)), 'ERROR 42501', 'but it does not cancel');
SELECT is(t.as_role('pgtap_p15_producer', $$ SELECT foreman.stop() $$), 'ERROR 42501', 'nor stop the workers');
SELECT is(t.state(:secret), 'scheduled 0', 'and nothing happened to the job');

-- A monitor sees everything but args and results.
SELECT is(t.as_role('pgtap_p15_monitor', format('SELECT count(*) FROM foreman.jobs WHERE job_id IN (%s, %s)', :secret, :letter)), '2', 'a monitor sees jobs');
SELECT is(t.as_role('pgtap_p15_monitor', 'SELECT count(*) FROM foreman.jobs WHERE args IS NOT NULL OR result IS NOT NULL'), '0', 'without args and results');
SELECT is(t.as_role('pgtap_p15_monitor', $$ SELECT count(*) FROM foreman.queues WHERE queue = 'mail' $$), '1', 'and queues');
SELECT is(t.as_role('pgtap_p15_monitor', format('SELECT foreman.cancel(%s)', :secret)), 'ERROR 42501', 'but cancels nothing');
SELECT is(t.as_role('pgtap_p15_monitor', $$ SELECT foreman.enqueue('note') $$), 'ERROR 42501', 'and enqueues nothing');

-- One queue.
SELECT isnt(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('letter', '{"what": "letter"}', queue => 'mail') $$), 'ERROR 42501', 'one queue''s producer enqueues there');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('note', queue => 'mail') $$), 'ERROR 42501', 'but runs no handler that belongs to another queue');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('note', queue => 'other') $$), 'ERROR 42501', 'not in another');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('note', queue => 'undeclared') $$), 'ERROR 42501', 'nor in one that nobody declared');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('note') $$), 'ERROR 42501', 'nor in the default one');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT count(DISTINCT queue) FROM foreman.jobs $$), '1', 'it sees jobs of one queue');
SELECT is(t.as_role('pgtap_p15_one', format('SELECT foreman.cancel(%s)', :secret)), 'ERROR 42501', 'cancels none of others');
SELECT is(t.as_role('pgtap_p15_one', format('SELECT foreman.cancel(%s)', :letter)), 'cancelled', 'and those of its own');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.stop() $$), 'ERROR 42501', 'it does not stop the workers');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.grant_role('operator', 'pgtap_p15_one') $$), 'ERROR 42501', 'nor widen its rights');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.retry_dead_letters(queue => 'other') $$), 'ERROR 42501', 'nor touch other dead letters');

-- Unique keys are of a kind, whatever the queue: who meets a job through its key must be a producer of that job's queue, as for timers.
SELECT foreman.enqueue('letter', '{"to": "a"}', queue => 'other', unique_key => 'o1', run_at => '2100-01-01') AS theirs \gset
SELECT is(t.as_role('pgtap_p15_one', format($$ SELECT foreman.enqueue('letter', '{"to": "me"}', queue => 'mail', unique_key => 'o1', on_conflict => %L) $$, how)),
    'ERROR 42501', 'a producer of one queue does not meet a job of another through its unique key: ' || how) FROM unnest('{skip,replace,preserve_run_at,raise}'::text[]) how;
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.set_timer('letter', 'o1', '2100-01-01', queue => 'mail') IS NOT NULL $$), 'true', 'a timer of that name is another thing');
SELECT is((SELECT args::text || ' ' || run_at::date FROM foreman.jobs WHERE job_id = :theirs), '{"to": "a"} 2100-01-01', 'and changes nothing of it');
SELECT is(t.as_role('pgtap_p15_producer', $$ SELECT foreman.enqueue('letter', '{"to": "b"}', queue => 'mail', unique_key => 'o1', on_conflict => 'replace') $$), :'theirs',
    'who may feed both queues does');
SELECT foreman.enqueue('letter', queue => 'other', unique_key => 'w1', unique_for => '1 h', run_at => '2100-01-01') AS window_job \gset
SELECT foreman.cancel(:window_job) \g /dev/null
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('letter', queue => 'mail', unique_key => 'w1', unique_for => '1 h') $$), 'ERROR 42501',
    'nor through a key that is held for a time');
SELECT is(t.as_role('pgtap_p15_producer', $$ SELECT foreman.enqueue('letter', queue => 'mail', unique_key => 'w1') $$), :'window_job', 'who may feed both does');
SELECT foreman.enqueue('letter', '{"to": "a"}', queue => 'mail', unique_key => 'o2', run_at => '2100-01-01') AS own \gset
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('letter', queue => 'mail', unique_key => 'o2') $$), :'own', 'in its own queue everything is as before');

-- What an error says may be made of args: to a monitor it tells when, how often and with which SQLSTATE.
CREATE FUNCTION t.pays(args jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING MESSAGE = 'refused: ' || (args ->> 'card'), DETAIL = args, HINT = args;
END $$;
SELECT foreman.register_handler('pays', command => 'SELECT ''SECRET''', max_attempts => 1) \g /dev/null
SELECT is(t.as_role('pgtap_p15_monitor', $$ SELECT count(*) FROM foreman.handlers WHERE kind = 'pays' AND command IS NULL $$), '1', 'a monitor sees no command of a handler');
SELECT is(t.as_role('pgtap_p15_operator', $$ SELECT command FROM foreman.handlers WHERE kind = 'pays' $$), 'SELECT ''SECRET''', 'an operator does');
SELECT foreman.register_handler('pays', 't.pays', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('pays', '{"card": "SECRET"}') AS paid \gset
SELECT job_id AS timed FROM foreman.set_timer('pays', 'k', now(), '{"card": "SECRET"}', max_attempts => 9) \gset
SELECT is(t.outcome(:paid), 'discarded 1', 'a job fails on its args');
SELECT ok(t.wait_until('(SELECT errors IS NOT NULL FROM foreman.timers WHERE kind = ''pays'')'), 'and a timer');
SELECT foreman.schedule_job('pay', '0 0 1 1 *', 'pays', '{"card": "SECRET"}'), foreman.trigger_schedule('pay') AS scheduled \gset
SELECT is(t.outcome(:scheduled), 'discarded 1', 'and the run of a schedule');
SELECT is(t.as_role('pgtap_p15_monitor', format($$ SELECT (errors -> 0 ->> 'sqlstate') || ' ' || (errors -> 0 ->> 'attempt') FROM foreman.jobs WHERE job_id = %s $$, :paid)),
    '23514 1', 'a monitor sees that it failed, and how');
SELECT is(t.as_role('pgtap_p15_monitor', format($$ SELECT count(*) FROM %s v WHERE v::text LIKE '%%SECRET%%' $$, relation)), '0', 'and nothing of its args in ' || relation)
    FROM unnest(ARRAY['foreman.jobs', 'foreman.job_events', 'foreman.timers', 'foreman.schedules', 'foreman.schedule_runs', 'foreman.handlers', 'foreman.workers',
        format('foreman.why(%s)', :paid), format('foreman.why(%s)', :timed)]) relation;
SELECT cmp_ok(t.as_role('pgtap_p15_operator', format($$ SELECT count(*) FROM %s v WHERE v::text LIKE '%%SECRET%%' $$, relation))::int8, '>', 0::int8, 'an operator sees it in ' || relation)
    FROM unnest(ARRAY['foreman.jobs', 'foreman.job_events', 'foreman.timers', 'foreman.schedules', 'foreman.schedule_runs', format('foreman.why(%s)', :paid)]) relation;
SELECT foreman.cancel_timer('pays', 'k'), foreman.unschedule('pay') \g /dev/null

-- The functions that the views are made of tell no more when they are called by themselves.
SELECT foreman.grant_role('monitor', 'pgtap_p15_nobody', 'other'), foreman.grant_role('worker', 'pgtap_p15_one', 'mail') \g /dev/null
SELECT foreman.enqueue('carried', queue => 'mail') AS carried \gset
SELECT token FROM foreman.claim('{mail}', 'w1', kinds => '{carried}') \gset
SELECT foreman.heartbeat(:carried, :'token', progress => 0.5, note => 'SECRET') \g /dev/null
SELECT foreman.worker_heartbeat('w1', '{mail,other}', 'both'), foreman.worker_heartbeat('w2', '{mail}', 'mail') \g /dev/null
SELECT is(t.as_role('pgtap_p15_nobody', format('SELECT count(*) FROM foreman._lease(%s, gen_random_uuid())', :carried)), '0', 'a lease of another queue is not told by its id');
SELECT is(t.as_role('pgtap_p15_nobody', $$ SELECT string_agg(worker_id || queues::text, ',') FROM foreman._outside_workers() $$), 'w1{other}', 'nor workers and queues of others');
SELECT is(t.as_role('pgtap_p15_nobody', $$ SELECT string_agg(worker_id || queues::text, ',') FROM foreman.workers WHERE worker_id IS NOT NULL $$), 'w1{other}', 'also not by the view');
SELECT is(t.as_role('pgtap_p15_nobody', $$ SELECT count(*) FROM foreman._queue_times() WHERE queue <> 'other' $$), '0', 'nor how long jobs of others took');
SELECT is(t.as_role('pgtap_p15_nobody', $$ SELECT count(*) FROM foreman._queue_counters() WHERE queue <> 'other' $$), '0', 'nor their number');
SELECT is(t.as_role('pgtap_p15_monitor', format('SELECT progress FROM foreman.jobs WHERE job_id = %s AND leased_until > now()', :carried)), '0.5', 'who may see the queue sees its lease');

-- A worker's id is that of the role that announced it.
SELECT foreman.grant_role('worker', 'pgtap_p15_operator', 'mail') \g /dev/null
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT count(*) FROM foreman.worker_heartbeat('mine', '{mail}', 'first') $$), '1', 'a worker announces itself');
SELECT is(t.as_role('pgtap_p15_operator', $$ SELECT count(*) FROM foreman.worker_heartbeat('mine', '{mail}', 'other') $$), 'ERROR 42501', 'another role cannot take its id');
SELECT is((SELECT label FROM foreman.workers WHERE worker_id = 'mine'), 'first', 'and changes nothing of it');
GRANT pgtap_p15_one TO pgtap_p15_operator;
SELECT is(t.as_role('pgtap_p15_operator', $$ SELECT count(*) FROM foreman.worker_heartbeat('mine', '{mail}', 'member') $$), '1', 'a role that may act as it can');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT count(*) FROM foreman.worker_heartbeat('mine', '{mail}', 'first') $$), '1', 'and it stays its own');
REVOKE pgtap_p15_one FROM pgtap_p15_operator;
SELECT foreman.revoke_role('worker', 'pgtap_p15_one', 'mail'), foreman.revoke_role('worker', 'pgtap_p15_operator', 'mail'), foreman.revoke_role('monitor', 'pgtap_p15_nobody', 'other') \g /dev/null

-- A producer of one queue sees how far its own batches are.
SELECT foreman.grant_role('producer', 'pgtap_p15_nobody', 'default') \g /dev/null
SELECT t.as_role('pgtap_p15_nobody', $$ SELECT foreman.create_batch('theirs', on_complete => 'note') $$) AS theirs, foreman.create_batch('ours') AS ours \gset
SELECT is(t.as_role('pgtap_p15_nobody', $$ SELECT string_agg(name, ',') FROM foreman.batches $$), 'theirs', 'a producer of one queue sees the batches that it made, and no others');
SELECT is(t.as_role('pgtap_p15_nobody', 'SELECT count(*) FROM foreman.jobs'), 'ERROR 42501', 'and no other view');
SELECT foreman.revoke_role('producer', 'pgtap_p15_nobody', 'default') \g /dev/null

-- Registration: only as a role that the caller can become.
SELECT is(t.as_role('pgtap_p15_operator', $$ SELECT foreman.register_handler('sneaky', 't.note(foreman.job)', run_as => 'postgres') $$), 'ERROR 42501',
    'an operator does not register a handler of another role');
SELECT is(t.as_role('pgtap_p15_operator', $$ SELECT foreman.register_handler('own', 't.note(foreman.job)') $$), 'true', 'it registers its own');
SELECT is((SELECT run_as::text FROM foreman.handlers WHERE kind = 'own'), 'pgtap_p15_operator', 'which runs as the operator');

-- The handler of somebody who does not operate all queues runs jobs of the queues that he operates, and none of others.
CREATE FUNCTION t.steals(args jsonb) RETURNS text LANGUAGE sql AS 'SELECT current_user || '' has '' || (args ->> ''what'')';
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.register_handler('stolen', 't.steals', queue => 'mail') $$), 'true', 'an operator of one queue registers a kind that nobody has yet');
SELECT foreman.enqueue('stolen', '{"what": "secret"}', queue => 'other') AS kept, foreman.enqueue('stolen', '{"what": "mail"}', queue => 'mail') AS own_mail \gset
SELECT is(t.outcome(:own_mail), 'completed 1', 'which runs jobs of that queue');
SELECT is((SELECT result #>> '{}' FROM foreman.jobs WHERE job_id = :own_mail), 'pgtap_p15_one has mail', 'as its role');
SELECT is((SELECT string_agg(w.reason || ' ' || (w.detail ->> 'handler'), ',') FROM foreman.why(:kept) w), 'no_handler serves other queues', 'those of others wait, and why() says so');
SELECT is(t.as_role('pgtap_p15_producer', $$ SELECT foreman.enqueue('stolen', queue => 'other', run_at => '2100-01-01', max_attempts => 7) > 0 $$), 'true', 'their producers need no right on its queue');
SELECT is((SELECT serves FROM foreman.handlers WHERE kind = 'stolen'), '{mail}', 'foreman.handlers has its queues');
SELECT foreman.grant_role('worker', 'pgtap_p15_monitor', 'other') \g /dev/null
SELECT is(t.as_role('pgtap_p15_monitor', $$ SELECT max(job_id) FROM foreman.claim('{other}', 'w', qty => 100) $$), :'kept', 'workers outside get them, as before');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE kind = 'stolen' AND state = 'completed'), 1::int8, 'it ran nothing else');
-- Nor does it draw jobs away that name no queue.
SELECT foreman.enqueue('stolen', '{"what": "secret"}', run_at => '2100-01-01') AS unnamed, foreman.schedule_job('unnamed', '0 0 1 1 *', 'stolen') \gset
SELECT is((SELECT queue FROM foreman.jobs WHERE job_id = :unnamed), 'default', 'a job that names no queue does not go to its queue');
SELECT is((SELECT queue FROM foreman.schedules WHERE name = 'unnamed'), 'default', 'nor those of a schedule');
SELECT foreman.trigger_schedule('unnamed') AS fired \gset
SELECT is((SELECT queue FROM foreman.jobs WHERE job_id = :fired), 'default', 'when it fires');
SELECT foreman.unschedule('unnamed') \g /dev/null
SELECT t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('stolen', run_at => '2100-01-01') $$) AS fed \gset
SELECT is((SELECT queue FROM foreman.jobs WHERE job_id = :'fed'), 'mail',
    'but for those who may feed its queue alone');
-- The same by the passes of tests, which run jobs as the session's role.
SELECT foreman.enqueue('stolen', '{"what": "secret"}', queue => 'other') AS kept \gset
SELECT foreman.grant_role('operator', 'pgtap_p15_one', 'other') \g /dev/null
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.drain() $$), '0', 'a right that came later does not count');
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.register_handler('stolen', 't.steals', queue => 'mail') $$), 'false', 'until he registers again, which jobs of others do not hinder');
SELECT is(t.outcome(:kept), 'completed 1', 'then his handler runs them');
SELECT foreman.revoke_role('operator', 'pgtap_p15_one', 'other') \g /dev/null
SELECT foreman.enqueue('stolen', '{"what": "all"}', queue => 'default') AS every \gset
SELECT foreman.register_handler('stolen', 't.steals', queue => 'mail', run_as => 'pgtap_p15_runner') \g /dev/null
SELECT is(t.outcome(:every), 'completed 1', 'one that an operator of all queues registered runs jobs of all');
SELECT is((SELECT result #>> '{}' FROM foreman.jobs WHERE job_id = :every), 'pgtap_p15_runner has all', 'as the role that it was given');

-- A handler is a session of its role, whatever it tries.
CREATE TABLE t.secret (v text);
INSERT INTO t.secret VALUES ('safe');
CREATE FUNCTION t.tries(job foreman.job) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF job.args ->> 'how' = 'own' THEN RETURN session_user || ' ' || current_user; END IF;
    EXECUTE job.args ->> 'how';
    DELETE FROM t.secret;
    RETURN 'did it as ' || current_user;
END $$;
SELECT foreman.register_handler('tries', 't.tries', run_as => 'pgtap_p15_runner', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('tries', '{"how": "own"}') AS own \gset
SELECT is(t.outcome(:own), 'completed 1', 'a handler runs');
SELECT is((SELECT result #>> '{}' FROM foreman.jobs WHERE job_id = :own), 'pgtap_p15_runner pgtap_p15_runner', 'in a session of its role');
CREATE TABLE t.attacks AS SELECT how, foreman.enqueue('tries', jsonb_build_object('how', how)) AS job_id FROM (VALUES
    ('SELECT 1'), ('RESET ROLE'), ('RESET SESSION AUTHORIZATION'), ('SET SESSION AUTHORIZATION postgres'), ('SET ROLE postgres'),
    ('ALTER ROLE pgtap_p15_runner SUPERUSER'), ('SELECT set_config(''role'', ''postgres'', false)'),
    ('DELETE FROM foreman.live_job'), ('SELECT foreman.cancel(1)')) v(how);
SELECT is(t.outcome(job_id), 'discarded 1', 'a handler fails that tries: ' || how) FROM t.attacks;
SELECT is((SELECT count(*) FROM t.attacks WHERE t.error(job_id, 0, 'sqlstate') <> '42501'), 0::int8, 'each for want of the right');
SELECT is((SELECT v FROM t.secret), 'safe', 'the table is untouched');

-- A superuser for a while: a session that knew it as one learns at once that it is none any more.
ALTER ROLE pgtap_p15_one SUPERUSER;
SELECT ok(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('note', queue => 'other', run_at => now() + interval '1 day') $$) NOT LIKE 'ERROR%', 'a superuser enqueues anywhere');
ALTER ROLE pgtap_p15_one NOSUPERUSER;
SELECT is(t.as_role('pgtap_p15_one', $$ SELECT foreman.enqueue('note', queue => 'other', run_at => now() + interval '1 day') $$), 'ERROR 42501', 'and no longer when it is none');

-- Revoked.
SELECT is(foreman.revoke_role('producer', 'pgtap_p15_producer'), true, 'revoke producer');
SELECT is(foreman.revoke_role('producer', 'pgtap_p15_producer', if_exists => true), false, 'it is revoked already');
SELECT is(t.as_role('pgtap_p15_producer', $$ SELECT foreman.enqueue('note') $$), 'ERROR 42501', 'it no longer enqueues');

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.workers WHERE pid IS NOT NULL)'), 'the workers stop');
DROP OWNED BY pgtap_p15_nobody, pgtap_p15_producer, pgtap_p15_monitor, pgtap_p15_operator, pgtap_p15_one, pgtap_p15_runner;
DROP ROLE pgtap_p15_nobody, pgtap_p15_producer, pgtap_p15_monitor, pgtap_p15_operator, pgtap_p15_one, pgtap_p15_runner;
-- What isolation specs need to stop a process is in a library of their own.
SELECT throws_ok(format($$ CREATE FUNCTION t.for_tests() RETURNS void LANGUAGE c AS '$libdir/pg_foreman', %L $$, name), '42883', NULL,
    'the library that is installed has no function for tests: ' || name)
  FROM unnest('{foreman_debug_points,foreman_range_heads,foreman_executor_slots}'::text[]) name;

SELECT * FROM finish();
