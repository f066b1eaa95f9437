-- pause_queue(), resume_queue(): at once at the commit, for executors, passes and workers outside; what runs goes on;
-- over restarts (test/tap/030_pause_restart.pl, which https://github.com/oban-bg/oban/issues/318 asked for).
-- Broken by: a claim that does not look at its queue; a commit that does not tell the board; a resume that wakes nobody.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)'), foreman.register_handler('hold', 't.hold', queue => 'busy') \g /dev/null

-- An undeclared queue is declared by pausing it.
SELECT foreman.create_queue('mail') \g /dev/null
SELECT is(foreman.pause_queue('mail'), true, 'a queue is paused before it has a job');
SELECT is(foreman.pause_queue('mail'), false, 'only once');
SELECT results_eq($$ SELECT declared, paused FROM foreman.queues WHERE queue = 'mail' $$, $$ VALUES (true, true) $$, 'the view shows it, declared now');
SELECT foreman.enqueue('note', queue => 'mail') AS waits, foreman.enqueue('note') AS runs \gset
SELECT is(t.outcome(:runs), 'completed 1', 'another queue goes on');
SELECT foreman.enqueue_many(jsonb_agg(jsonb_build_object('kind', 'note', 'queue', 'mail'))) FROM generate_series(1, 20) \g /dev/null
SELECT foreman.enqueue('note') AS after \gset
SELECT is(t.outcome(:after), 'completed 1', 'and on');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE queue = 'mail' AND state = 'available'), 21::int8, 'all of the paused queue waits');
SELECT is(foreman.drain('mail') + foreman.run_once('mail'), 0::int8, 'drain() and run_once() leave it alone');
SELECT foreman.enqueue('outside', queue => 'mail') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim('{mail}', 'w')), 0::int8, 'claim() finds nothing');
SELECT clock_timestamp() AS asked \gset
CALL foreman.wait_for_job('{mail}', '300 ms');
SELECT cmp_ok(clock_timestamp() - :'asked'::timestamptz, '>=', interval '300 ms', 'and wait_for_job() waits');
-- In a transaction that rolls back nothing changes.
BEGIN;
SELECT is(foreman.resume_queue('mail'), true, 'resumed in a transaction');
ROLLBACK;
SELECT is((SELECT paused FROM foreman.queues WHERE queue = 'mail'), true, 'that rolls back');
BEGIN;
SAVEPOINT s;
SELECT foreman.resume_queue('mail') \g /dev/null
ROLLBACK TO s;
COMMIT;
SELECT is((SELECT count(*) FROM foreman.claim('{mail}', 'w')), 0::int8, 'a rolled back savepoint resumes nothing');
SELECT is(foreman.resume_queue('mail'), true, 'resumed');
SELECT ok(t.wait_until($$ (SELECT count(*) = 23 FROM t.log) $$, 20), 'everything runs, without waiting for a poll');
SELECT is((SELECT count(*) FROM foreman.claim('{mail}', 'w')), 1::int8, 'and can be claimed outside');
SELECT is(foreman.resume_queue('mail'), false, 'it was not paused');
SELECT is(foreman.resume_queue('never seen', if_exists => true), false, 'nor was a queue that is not there');
SELECT is((SELECT count(*) FROM foreman.queues WHERE queue = 'never seen'), 0::int8, 'which is not declared by that');

-- Running jobs are left alone; so is what the group has claimed no more of.
SELECT foreman.enqueue('hold', '{"gate": "a"}') AS held \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :held)), 'a handler runs');
SELECT is(foreman.pause_queue('busy'), true, 'its queue is paused');
SELECT foreman.enqueue('hold', '{"gate": "a"}') AS next \gset
INSERT INTO t.gate VALUES ('a');
SELECT is(t.outcome(:held), 'completed 1', 'it goes on to its end');
SELECT foreman.enqueue('note') AS other \gset
SELECT is(t.outcome(:other), 'completed 1', 'the executor is free');
SELECT is(t.state(:next), 'available 0', 'the next one of the paused queue does not start');
-- Settings and pause are independent; the end of the declaration is the end of the pause.
SELECT is(foreman.alter_queue('busy', priority => 3), true, 'altered while it is paused');
SELECT is((SELECT paused FROM foreman.queues WHERE queue = 'busy'), true, 'it stays paused');
SELECT foreman.cancel(:next) \g /dev/null
SELECT is(foreman.drop_queue('busy'), true, 'dropped');
SELECT foreman.enqueue('hold', '{"gate": "a"}') AS anew \gset
SELECT is(t.outcome(:anew), 'completed 1', 'a queue of that name runs again');

-- Pausing often while jobs come: what was committed as paused starts nothing, and nothing is left over.
CREATE PROCEDURE t.toggle(times int4) LANGUAGE plpgsql AS $$
DECLARE
    before int8;
BEGIN
    PERFORM foreman.create_queue('often');
    FOR i IN 1 .. times LOOP
        PERFORM foreman.pause_queue('often');
        COMMIT;
        -- What was in a group when it was paused may finish. An executor is busy from before it chooses until after its
        -- commit, also between two jobs of a group; one that becomes busy later sees the pause.
        PERFORM t.wait_until($c$ NOT EXISTS (SELECT FROM foreman.workers WHERE state = 'busy') $c$);
        SELECT count(*) INTO before FROM t.log WHERE what = 'often';
        PERFORM foreman.enqueue_array('note', array_fill('{"what": "often"}'::jsonb, ARRAY[10]), queue => 'often');
        COMMIT;
        PERFORM pg_sleep(0.02);
        IF (SELECT count(*) FROM t.log WHERE what = 'often') <> before THEN RAISE EXCEPTION 'a job of a paused queue ran'; END IF;
        COMMIT;
        PERFORM foreman.resume_queue('often');
        COMMIT;
    END LOOP;
END $$;
CALL t.toggle(20);
SELECT ok(t.wait_until($$ (SELECT count(*) = 200 FROM t.log WHERE what = 'often') $$, 20), 'after twenty times pause and resume everything has run');

-- A long backlog that is paused is in nobody's way (https://github.com/hatchet-dev/hatchet/issues/4930).
SELECT foreman.create_queue('heap'), foreman.pause_queue('heap') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{"what": "heap"}'::jsonb, ARRAY[20000]), queue => 'heap', priority => -50) \g /dev/null
SELECT foreman.enqueue('note', priority => 50) AS light \gset
SELECT is(t.outcome(:light), 'completed 1', 'a job of another queue runs, however urgent the backlog');
SELECT is((SELECT count(*) FROM t.log WHERE what = 'heap'), 0::int8, 'none of which does');
SELECT is(foreman.purge_queue('heap'), 20000::int8, 'it can be purged while it is paused');

-- Rights and bad input.
CREATE ROLE pause_operator;
GRANT USAGE ON SCHEMA t TO pause_operator;
SELECT foreman.create_queue('theirs') \g /dev/null
SELECT foreman.grant_role('operator', 'pause_operator', 'theirs') \g /dev/null
SELECT is(t.as_role('pause_operator', $$ SELECT foreman.pause_queue('theirs') $$), 'true', 'an operator of a queue pauses it');
SELECT is(t.as_role('pause_operator', $$ SELECT foreman.pause_queue('mail') $$), 'ERROR 42501', 'and no other');
SELECT is(t.as_role('pause_operator', $$ SELECT foreman.resume_queue('mail') $$), 'ERROR 42501', 'nor resumes one');
SELECT throws_ok($$ SELECT foreman.pause_queue(NULL) $$, '22004', NULL, 'no name');
SELECT throws_ok($$ SELECT foreman.pause_queue('') $$, '22023', NULL, 'an empty name');
SELECT throws_ok($$ SELECT foreman.resume_queue(repeat('x', 256)) $$, '22023', NULL, 'a name that is too long');
SELECT foreman.revoke_role('operator', 'pause_operator', 'theirs') \g /dev/null
SELECT foreman.drop_queue('theirs') \g /dev/null
DROP OWNED BY pause_operator;
DROP ROLE pause_operator;
SELECT * FROM finish();
