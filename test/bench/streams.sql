-- The feed and projections for test/bench/streams.sh.
CREATE SCHEMA st;
CREATE FUNCTION st.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN '{"events": [{"type": "Stepped", "data": {"total": 5}}]}'; END $$;
SELECT foreman.create_workflow_type('stream', 'st.decide');
CREATE TABLE st.model (position int8, workflow_id text, data jsonb);
CREATE INDEX ON st.model (position);
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

-- Milliseconds from the commit of an event until its row in the model can be read, at an easy pace.
CREATE PROCEDURE st.lag(n int, INOUT p50 float8, INOUT p99 float8) LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz;
    seen float8[] := '{}';
    at int8;
BEGIN
    FOR i IN 1 .. n LOOP
        PERFORM foreman.execute('stream', 'lag', '{}');
        COMMIT;
        t := clock_timestamp();
        SELECT max(position) INTO at FROM foreman.workflow_event;
        WHILE NOT EXISTS (SELECT FROM st.model WHERE position = at) LOOP
            IF clock_timestamp() > t + interval '20 s' THEN RAISE 'the projection does not come'; END IF;
            PERFORM pg_sleep(0.00005);
        END LOOP;
        seen := seen || 1000 * extract(epoch FROM clock_timestamp() - t)::float8;
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x), percentile_cont(0.99) WITHIN GROUP (ORDER BY x) INTO p50, p99 FROM unnest(seen) x;
END $$;
