-- Lateness of many: each round sends fifty that are due one after another, and the middle one counts, in the best of a few
-- rounds, since a machine that does other things, too, may stand still for half of one.
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.enqueue('note') AS warm \gset
SELECT is(t.outcome(:warm), 'completed 1', 'an executor is up');

CREATE TABLE t.sent (round int4, job_id int8);
CREATE FUNCTION t.late(nth int4) RETURNS interval LANGUAGE sql AS $$
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY l.at - j.run_at) FROM t.log l JOIN foreman.jobs j USING (job_id) JOIN t.sent s USING (job_id) WHERE s.round = nth $$;
-- send: an expression for the id of the nth that is sent; done: when all have run.
CREATE PROCEDURE t.send_rounds(send text, done text) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 5 LOOP
        EXECUTE format('INSERT INTO t.sent SELECT %s, %s FROM generate_series(50, 1, -1) n', i, send);
        COMMIT;
        PERFORM t.wait_until(done);
        COMMIT;
        EXIT WHEN t.late(i) < '100 ms';
    END LOOP;
END $$;
