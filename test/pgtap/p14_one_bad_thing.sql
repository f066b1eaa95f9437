-- P14: one bad function, role, job or queue stops only itself: everything else goes on.
\ir lib/helpers.sql
SELECT no_plan();
DROP ROLE IF EXISTS pgtap_p14_gone, pgtap_p14_locked, pgtap_p14_good;
CREATE ROLE pgtap_p14_gone LOGIN;
CREATE ROLE pgtap_p14_locked LOGIN;
CREATE ROLE pgtap_p14_good LOGIN;

CREATE FUNCTION t.dropped(args jsonb) RETURNS void LANGUAGE sql AS $$ SELECT $$;
CREATE FUNCTION t.raises(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'bad row %', args; END $$;
CREATE FUNCTION t.casts(args jsonb) RETURNS int LANGUAGE sql AS $$ SELECT (args ->> 'n')::int $$;
CREATE FUNCTION t.deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN t.deep(n + 1); END $$;
CREATE FUNCTION t.recurses(args jsonb) RETURNS int LANGUAGE sql AS $$ SELECT t.deep(0) $$;
SELECT foreman.register_handler('note', 't.note(foreman.job)', run_as => 'pgtap_p14_good') \g /dev/null
SELECT foreman.register_handler('mine', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('dropped', 't.dropped', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('raises', 't.raises', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('casts', 't.casts', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('recurses', 't.recurses', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('gone', 't.note(foreman.job)', run_as => 'pgtap_p14_gone') \g /dev/null
SELECT foreman.register_handler('locked', 't.note(foreman.job)', run_as => 'pgtap_p14_locked') \g /dev/null
DROP FUNCTION t.dropped(jsonb);
DROP OWNED BY pgtap_p14_gone;
DROP ROLE pgtap_p14_gone;
REVOKE CONNECT ON DATABASE :"dbname" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"dbname" TO pgtap_p14_good;
SELECT foreman.create_queue(U&'odd name, with "everything" in it; -- \00fc') \g /dev/null

-- All of them at once, good ones in between and behind.
SELECT foreman.enqueue('gone') AS gone, foreman.enqueue('locked') AS locked, foreman.enqueue('dropped') AS dropped,
       foreman.enqueue('raises') AS raises, foreman.enqueue('casts', '{"n": "x"}') AS casts, foreman.enqueue('recurses') AS recurses,
       foreman.enqueue('casts', '{"n": "17"}') AS fine, foreman.enqueue('note', queue => U&'odd name, with "everything" in it; -- \00fc') AS odd \gset
CREATE TABLE t.good AS SELECT job_id FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[100]))
    UNION ALL SELECT job_id FROM foreman.enqueue_array('mine', array_fill('{}'::jsonb, ARRAY[100]));
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.good WHERE t.state(job_id) <> 'completed 1') $$), 'two hundred good jobs complete');
SELECT is(t.outcome(:fine), 'completed 1', 'so does a good one of a kind with a bad one');
SELECT is(t.outcome(:odd), 'completed 1', 'and one in a queue with an odd name');

SELECT is(t.outcome(:raises), 'discarded 2', 'a handler that raises becomes a dead letter');
SELECT is(t.error(:raises, 1, 'message'), 'bad row {}', 'and says why');
SELECT is(t.outcome(:casts), 'discarded 2', 'so does one whose args are not what it takes');
SELECT is(t.error(:casts, 0, 'sqlstate'), '22P02', 'with its SQLSTATE');
SELECT is(t.outcome(:recurses), 'discarded 1', 'endless recursion fails its job');
SELECT is(t.error(:recurses, 0, 'sqlstate'), '54001', 'with its SQLSTATE');
SELECT is(t.outcome(:dropped), 'discarded 2', 'a dropped function fails its own jobs');
SELECT is(t.error(:dropped, 0, 'sqlstate'), '42883', 'with its SQLSTATE');

-- A role that is gone, or may not have a session: its jobs wait.
SELECT is(t.state(:gone), 'available 0', 'jobs of a role that was dropped wait');
SELECT is(t.state(:locked), 'available 0', 'jobs of a role that has no session wait');
GRANT CONNECT ON DATABASE :"dbname" TO pgtap_p14_locked;
SELECT is(t.outcome(:locked, 30), 'completed 1', 'until it may have one again');
SELECT foreman.register_handler('gone', 't.note(foreman.job)') \g /dev/null
SELECT is(t.outcome(:gone), 'completed 1', 'or somebody else runs them');

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
DROP OWNED BY pgtap_p14_good, pgtap_p14_locked;
DROP ROLE pgtap_p14_good, pgtap_p14_locked;
SELECT * FROM finish();
