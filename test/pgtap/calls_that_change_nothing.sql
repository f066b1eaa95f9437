-- A call that would change nothing although the user expected a change is an error with a hint: a typo in a name must not look
-- like success. if_exists => true asks for silence.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note', queue => 'used by a handler') \g /dev/null

-- One rule for all functions that name something.
CREATE TABLE t.call (call text, changed text);
INSERT INTO t.call VALUES
    ('alter_queue(''mial'', priority => 1%s)', 'queue "mial"'), ('alter_queue(''mial'', reset => ''{priority}''%s)', 'queue "mial"'),
    ('drop_queue(''mial''%s)', 'queue "mial"'), ('pause_queue(''mial''%s)', 'queue "mial"'), ('resume_queue(''mial''%s)', 'queue "mial"'),
    ('unregister_handler(''mial''%s)', 'handler of kind "mial"'), ('drain_rate_limit(''mial''%s)', 'rate limit "mial"'),
    ('alter_schedule(''mial'', active => false%s)', 'schedule "mial"'), ('unschedule(''mial''%s)', 'schedule "mial"'),
    ('unschedule_id(123456%s)', 'schedule "123456"'), ('revoke_role(''monitor'', current_user::regrole%s)', 'grant of bundle "monitor"');
CREATE FUNCTION t.error_of(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE 'SELECT foreman.' || call;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN format('%s %s, %s', SQLSTATE, SQLERRM, CASE WHEN hint = '' THEN 'without a hint' ELSE 'with a hint' END);
END $$;
CREATE FUNCTION t.answer_of(call text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    answer bool;
BEGIN
    EXECUTE 'SELECT foreman.' || call INTO answer;
    RETURN answer;
END $$;
SELECT is(t.error_of(format(call, '')), format('42704 %s does not exist, with a hint', changed), format('an error: %s', format(call, ''))) FROM t.call;
SELECT is(t.answer_of(format(call, ', if_exists => true')), false, format('silence: %s', format(call, ', if_exists => true'))) FROM t.call;
SELECT is((SELECT count(*) FROM foreman.queues WHERE queue = 'mial'), 0::int8, 'none of these calls declared a queue');
SELECT throws_ok(format('SELECT foreman.%s', format(call, ', if_exists => NULL')), '22004', NULL, format('if_exists is not NULL: %s', format(call, ''))) FROM t.call;

-- A queue that exists keeps its settings: whoever gave others has to hear of it.
SELECT is(foreman.create_queue('mail', max_running => 3), true, 'a queue is declared');
SELECT is(t.error_of('create_queue(''mail'', max_running => 1)'), '42710 queue "mail" exists, with a hint', 'a second time is an error');
SELECT is(foreman.create_queue('mail', max_running => 1, if_not_exists => true), false, 'unless it was asked for silence');
SELECT is((SELECT max_running FROM foreman.queues WHERE queue = 'mail'), 3, 'and the settings are the first');

-- Nothing to change.
SELECT is(t.error_of('alter_queue(''mail'')'), '22023 alter_queue() was given nothing to change, with a hint', 'alter_queue without a setting');
SELECT foreman.schedule_job('hourly', '@hourly', 'note') \g /dev/null
SELECT is(t.error_of('alter_schedule(''hourly'')'), '22023 alter_schedule() was given nothing to change, with a hint', 'alter_schedule without a setting');

-- What is as it was asked for is no error; and what is in use can be paused without a declaration.
SELECT is(foreman.pause_queue('mail'), true, 'a queue is paused');
SELECT is(foreman.pause_queue('mail'), false, 'once');
SELECT is(foreman.resume_queue('mail'), true, 'and resumed');
SELECT is(foreman.pause_queue('used by a handler'), true, 'a queue that only a handler names');
SELECT foreman.enqueue('unknown', queue => 'used by a job') \g /dev/null
SELECT is(foreman.pause_queue('used by a job'), true, 'a queue that only a job names');
SELECT foreman.schedule_job('of a queue', '@hourly', 'note', queue => 'used by a schedule') \g /dev/null
SELECT is(foreman.pause_queue('used by a schedule'), true, 'a queue that only a schedule names');
SELECT is(foreman.pause_queue('default'), true, 'and the default queue');
SELECT is(foreman.resume_queue('default'), true, 'which goes on');
SELECT * FROM finish();
