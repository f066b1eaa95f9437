-- A handler that ends its own backend is charged for it and for nothing else; one whose backend is ended from
-- outside is not charged. Others in the same transaction lose nothing.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.suicide(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, 'undone');
    PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(600); END $$;
CREATE PROCEDURE t.suicide_late(job foreman.job) LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, 'done'); COMMIT;
    PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(600); END $$;
CREATE PROCEDURE t.hold_late(job foreman.job) LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, 'held'); COMMIT;
    WHILE NOT EXISTS (SELECT FROM t.gate WHERE name = job.args ->> 'gate') LOOP PERFORM pg_sleep(0.01); COMMIT; END LOOP; END $$;
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold') \g /dev/null
SELECT foreman.register_handler('suicide', 't.suicide', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('suicide_late', 't.suicide_late', lane => 'procedure', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('hold_late', 't.hold_late', lane => 'procedure') \g /dev/null

CREATE TABLE t.good AS SELECT job_id FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[50]));
SELECT foreman.enqueue('suicide') AS suicide \gset
INSERT INTO t.good SELECT job_id FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[50]));
SELECT is(t.outcome(:suicide), 'discarded 2', 'a handler that ends its session is charged each time');
SELECT is(t.error(:suicide, 0, 'message'), 'the handler ended its session', 'and told why');
SELECT is(t.error(:suicide, 1, 'sqlstate'), '57P01', 'with a SQLSTATE');
SELECT is(t.runs(:suicide), 0::int8, 'its writes are undone');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.good WHERE t.state(job_id) <> 'completed 1') $$), 'a hundred others complete at their first attempt');
SELECT is((SELECT count(*) FROM t.log JOIN t.good USING (job_id)), 100::int8, 'once each');

SELECT foreman.enqueue('suicide_late') AS late \gset
SELECT is(t.outcome(:late), 'discarded 2', 'in lane procedure as well');
SELECT is(t.error(:late, 0, 'message'), 'the handler ended its session', 'it is told why');
SELECT is(t.runs(:late), 2::int8, 'and keeps what it committed');

-- From outside: due again within a second, uncharged.
SELECT foreman.enqueue('hold', '{"gate": "a"}') AS held \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' AND EXISTS (SELECT FROM foreman.workers WHERE job_id = %s) $$, :held, :held)), 'a job runs');
SELECT pid AS first FROM foreman.workers WHERE job_id = :held \gset
SELECT pg_terminate_backend(:first) AS ended, clock_timestamp() AS at \gset
SELECT ok(t.wait_until(format('EXISTS (SELECT FROM foreman.workers WHERE job_id = %s AND pid <> %s)', :held, :first)), 'another executor takes it');
SELECT cmp_ok(clock_timestamp() - :'at'::timestamptz, '<', interval '5 s', 'soon');
INSERT INTO t.gate VALUES ('a');
SELECT is(t.outcome(:held), 'completed 1', 'as its first attempt');
SELECT is((SELECT errors -> 0 ->> 'uncharged' FROM foreman.jobs WHERE job_id = :held), 'true', 'with an entry that it was interrupted, uncharged');

SELECT foreman.enqueue('hold_late', '{"gate": "b"}') AS held \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' AND t.runs(%s) = 1 $$, :held, :held)), 'a procedure runs');
SELECT pg_terminate_backend(pid) FROM foreman.workers WHERE job_id = :held \g /dev/null
SELECT ok(t.wait_until(format($$ t.runs(%s) = 2 $$, :held)), 'and runs again when its executor was ended');
INSERT INTO t.gate VALUES ('b');
SELECT is(t.outcome(:held), 'completed 1', 'as its first attempt');
SELECT * FROM finish();
