-- The feed and projections for test/bench/streams.sh.
CREATE SCHEMA st;
CREATE FUNCTION st.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN '{"events": [{"type": "Stepped", "data": {"total": 5}}]}'; END $$;
SELECT foreman.create_workflow_type('stream', 'st.decide');
CREATE TABLE st.model (position int8, workflow_id text, data jsonb, seen_at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION st.insert_one(e foreman.event) RETURNS void LANGUAGE plpgsql AS $$
BEGIN INSERT INTO st.model VALUES (e.position, e.workflow_id, e.data); END $$;
CREATE FUNCTION st.insert_many(e foreman.event[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN INSERT INTO st.model SELECT x.position, x.workflow_id, x.data FROM unnest(e) x; END $$;

-- Events as workflows would have appended them, all at once.
CREATE PROCEDURE st.fill(events int) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO foreman.workflow_instance (instance, root, workflow_type, workflow_id, sequence, started_at)
    SELECT i, i, 'stream', 'filled ' || i, events / 1000, now() FROM generate_series(1000000, 1000999) i;
    INSERT INTO foreman.workflow_event (instance, sequence, event_type, version, data, recorded_at)
    SELECT i, s, 'Stepped', 1, '{"total": 5}', now() FROM generate_series(1, events / 1000) s, generate_series(1000000, 1000999) i;
END $$;

CREATE PROCEDURE st.wait(name text, seconds float8) LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + make_interval(secs => seconds);
BEGIN
    WHILE (SELECT c.position < (SELECT max(position) FROM foreman.workflow_event) FROM foreman.projection p JOIN foreman.projection_place c USING (projection_id) WHERE p.name = wait.name) LOOP
        IF clock_timestamp() > deadline THEN RAISE 'projection % is not there yet', name; END IF;
        COMMIT;
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;

-- Milliseconds from the commit of an event, as its client sees it, to the call of the handler, at an easy pace. Nobody
-- polls meanwhile: on two processors a process that looks for the row all the time would hold up those that make it.
CREATE TABLE st.appended (workflow_id text, committed_at timestamptz);
CREATE PROCEDURE st.lag(n int, INOUT p50 float8, INOUT p99 float8) LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz[] := '{}';
    run text := 'lag ' || clock_timestamp();
BEGIN
    FOR i IN 1 .. n LOOP
        PERFORM foreman.execute('stream', run || i, '{}');
        COMMIT;
        t := t || clock_timestamp();
        PERFORM pg_sleep(0.02);
    END LOOP;
    INSERT INTO st.appended SELECT run || i, t[i] FROM generate_series(1, n) i;
    COMMIT;
    CALL st.wait('lag', 20);
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x), percentile_cont(0.99) WITHIN GROUP (ORDER BY x) INTO p50, p99
      FROM (SELECT 1000 * extract(epoch FROM m.seen_at - a.committed_at)::float8 AS x FROM st.appended a JOIN st.model m USING (workflow_id) WHERE a.workflow_id LIKE run || '%') x;
END $$;
