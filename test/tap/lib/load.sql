-- A load of everything that the extension does, and what must be true of it afterwards whatever happened meanwhile: jobs
-- in every lane, jobs for workers outside, timers, a schedule, workflows with effects and timers, and publishes. Used by
-- lib/ForemanLoad.pm, after ../lib/workflows.sql, which has w.broken().
CREATE SCHEMA l;
GRANT USAGE ON SCHEMA l TO PUBLIC;
-- One row for each run of a handler whose transaction committed. It has no unique constraint on purpose.
CREATE TABLE l.effects (job_id int8, kind text, attempt int, at timestamptz DEFAULT clock_timestamp());
CREATE INDEX ON l.effects (at);
-- What clients were told: 12 = job, 1.12 = input of a workflow, 1.12.0 = publish.
CREATE TABLE l.acked (tag text);
-- Answers that a worker outside got to complete().
CREATE TABLE l.answers (job_id int8, answer text);
CREATE SEQUENCE l.number;

-- They sleep, so that how many run in a second does not depend on how busy the machine is.
CREATE FUNCTION l.note(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep(0.006);
    INSERT INTO l.effects (job_id, kind, attempt) VALUES (j.job_id, j.kind, j.attempt);
END $$;
CREATE FUNCTION l.many(js foreman.job[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO l.effects (job_id, kind, attempt) SELECT job_id, kind, attempt FROM unnest(js);
    PERFORM pg_sleep(0.01);
END $$;
CREATE PROCEDURE l.steps(j foreman.job) LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep(0.01);
    COMMIT;
    INSERT INTO l.effects (job_id, kind, attempt) VALUES (j.job_id, j.kind, j.attempt);
    COMMIT;
    PERFORM pg_sleep(0.01);
END $$;
CREATE FUNCTION l.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'events', jsonb_build_array(jsonb_build_object('type', coalesce(input ->> 'type', 'in'), 'data', input)),
        'effects', CASE WHEN (input -> 'n')::int % 2 = 0 THEN jsonb_build_array(jsonb_build_object('kind', 'note', 'key', input ->> 'tag', 'on_result', 'result')) ELSE '[]' END,
        'timers', CASE WHEN (input -> 'n')::int % 3 = 0 THEN jsonb_build_array(jsonb_build_object('key', input ->> 'tag', 'after', '200 ms',
            'input', jsonb_build_object('type', 'fired', 'timer', input ->> 'tag'))) ELSE '[]' END) $$;
CREATE FUNCTION l.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('n', coalesce((state -> 'n')::int, 0) + 1) $$;

SELECT foreman.create_queue('outside', backoff_base => '50 ms', backoff_max => '100 ms'),
    foreman.register_handler('note', 'l.note', max_attempts => 1000, backoff_base => '10 ms', backoff_max => '100 ms'),
    foreman.register_handler('many', 'l.many', lane => 'batch', max_attempts => 1000, backoff_base => '10 ms', backoff_max => '100 ms'),
    foreman.register_handler('steps', 'l.steps', lane => 'procedure', max_attempts => 1000, backoff_base => '10 ms', backoff_max => '100 ms'),
    foreman.create_workflow_type('load', 'l.decide', 'l.evolve', snapshot_every => 10),
    foreman.subscribe('a.*', 'note', 'one'), foreman.subscribe('a.#', 'many', 'two'),
    foreman.schedule_job('load', '1 second', 'note') \g /dev/null

-- One call of a client, in a transaction of its own: what it prints is committed.
CREATE FUNCTION l.produce(client int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    n int := nextval('l.number');
    tag text := client || '.' || n;
    choice int := random() * 19;
BEGIN
    -- Executors never run out of work.
    IF (SELECT count(*) FROM (SELECT FROM foreman.live_job WHERE kind = 'note' LIMIT 300) x) < 300 THEN
        RETURN QUERY SELECT job_id::text FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, '{200}'));
    END IF;
    IF choice < 6 THEN
        RETURN NEXT foreman.enqueue('many');
    ELSIF choice < 8 THEN
        RETURN NEXT foreman.enqueue('steps', priority => -1);
    ELSIF choice < 12 THEN
        RETURN NEXT foreman.enqueue('out', queue => 'outside', max_attempts => 1000);
    ELSIF choice < 15 THEN
        RETURN NEXT job_id FROM foreman.set_timer('note', tag, clock_timestamp() + random() * interval '1 s');
    ELSIF choice < 18 THEN
        PERFORM foreman.signal_workflow('load', 'w' || n / 50, jsonb_build_object('tag', tag, 'n', n), input_id => tag);
        RETURN NEXT tag;
    ELSE
        PERFORM foreman.publish('a.b', jsonb_build_object('tag', tag), tag || '.0');
        RETURN NEXT tag || '.0';
    END IF;
END $$;

-- A worker outside that completes what it claims in the transaction of the effect; some it forgets.
CREATE FUNCTION l.work() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    j record;
BEGIN
    FOR j IN SELECT * FROM foreman.claim('{outside}', 'w' || pg_backend_pid(), 5, lease => '1 s') LOOP
        CONTINUE WHEN random() < 0.1;
        INSERT INTO l.effects (job_id, kind, attempt) VALUES (j.job_id, j.kind, j.attempt);
        IF foreman.complete(j.job_id, j.token) <> 'completed' THEN
            RAISE 'lost';
        END IF;
    END LOOP;
END $$;
-- Another one, which holds its lease between two transactions: where it dies there, the lease ends by itself.
CREATE PROCEDURE l.step() LANGUAGE plpgsql AS $$
DECLARE
    j record;
    answer text;
BEGIN
    SELECT * INTO j FROM foreman.claim('{outside}', 'step', lease => '1 s');
    IF NOT FOUND THEN
        RETURN;
    END IF;
    COMMIT;
    PERFORM pg_sleep(0.02);
    answer := foreman.complete(j.job_id, j.token);
    INSERT INTO l.answers VALUES (j.job_id, answer);
    IF answer = 'completed' THEN
        INSERT INTO l.effects (job_id, kind, attempt) VALUES (j.job_id, j.kind, j.attempt);
    END IF;
END $$;

-- Committed effects in a second, over the last half second. An index serves only where the limit is fixed.
CREATE FUNCTION l.rate() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz := clock_timestamp() - interval '0.5 s';
BEGIN
    RETURN 2 * (SELECT count(*) FROM l.effects WHERE at > since);
END $$;
-- Its median over so many seconds.
CREATE FUNCTION l.usual_rate(seconds float8) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := clock_timestamp() + seconds * interval '1 s';
    rates float8[];
BEGIN
    WHILE clock_timestamp() < until LOOP
        PERFORM pg_sleep(0.1);
        rates := rates || l.rate();
    END LOOP;
    RETURN (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY r) FROM unnest(rates) r);
END $$;
-- Seconds until the rate is as wanted, and what it is then; NULL where it is not within so many seconds.
CREATE FUNCTION l.seconds_until(wanted float8, most float8) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    LOOP
        IF l.rate() >= wanted THEN
            RETURN extract(epoch FROM clock_timestamp() - began);
        ELSIF clock_timestamp() > began + most * interval '1 s' THEN
            RETURN NULL;
        END IF;
        PERFORM pg_sleep(0.03);
    END LOOP;
END $$;

-- What must not be, each with how often it is. Everything has come to its end by now.
CREATE FUNCTION l.broken() RETURNS TABLE (what text, times int8) LANGUAGE plpgsql SET work_mem = '256MB' AS $$
BEGIN
    CREATE TEMP TABLE places ON COMMIT DROP AS
        SELECT job_id, 'live' AS place, kind, attempt FROM foreman.live_job UNION ALL SELECT job_id, 'history', kind, attempt FROM foreman.job_history
        UNION ALL SELECT job_id, 'dead', kind, attempt FROM foreman.dead_letter;
    CREATE TEMP TABLE counted ON COMMIT DROP AS
        SELECT job_id, p.kind, p.places, p.place, p.attempt, coalesce(e.runs, 0) AS runs, e.first, e.last
          FROM (SELECT job_id, min(kind) AS kind, count(*) AS places, min(place) AS place, min(attempt) AS attempt FROM places GROUP BY 1) p
          LEFT JOIN (SELECT job_id, count(*) AS runs, min(at) AS first, max(at) AS last FROM l.effects GROUP BY 1) e USING (job_id);
    CREATE TEMP TABLE events ON COMMIT DROP AS
        SELECT i.workflow_id, e.event_type AS type, e.data, coalesce(e.data ->> 'effect', e.data ->> 'timer', e.data ->> 'tag') AS tag
          FROM foreman.workflow_event e JOIN foreman.workflow_instance i USING (instance) WHERE i.workflow_type = 'load';
    CREATE UNIQUE INDEX ON counted (job_id);
    ANALYZE counted, events;
    RETURN QUERY SELECT 'P2: acknowledged jobs that are lost', count(*) FROM l.acked a LEFT JOIN counted c ON c.job_id = a.tag::int8 WHERE tag NOT LIKE '%.%' AND c.job_id IS NULL;
    RETURN QUERY SELECT 'P2: jobs in two places', count(*) FROM counted WHERE places > 1;
    RETURN QUERY SELECT 'P2: jobs that are still live or dead letters', count(*) FROM counted WHERE place <> 'history';
    RETURN QUERY SELECT 'P3: completed jobs of lanes transaction and batch without effect', count(*) FROM counted WHERE kind IN ('note', 'many', 'out') AND runs = 0;
    RETURN QUERY SELECT 'P3: doubled effects of lanes transaction and batch, and of workers outside that complete in their transaction', count(*) FROM counted WHERE kind IN ('note', 'many', 'out') AND runs > 1;
    RETURN QUERY SELECT 'P3: effects without a job', count(*) FROM l.effects e WHERE NOT EXISTS (SELECT FROM counted c WHERE c.job_id = e.job_id);
    RETURN QUERY SELECT 'P4: jobs of lane procedure that were never run', count(*) FROM counted WHERE kind = 'steps' AND runs = 0;
    RETURN QUERY SELECT 'P4: jobs that were completed twice', count(*) FROM (SELECT FROM l.answers WHERE answer = 'completed' GROUP BY job_id HAVING count(*) > 1) x;
    RETURN QUERY SELECT 'P8: attempts of lanes transaction and batch that were charged for a crash', count(*) FROM counted WHERE kind IN ('note', 'many') AND attempt > 1;
    -- A procedure or a worker outside may have left an effect in an attempt that failed; the next one has a time of its own.
    RETURN QUERY SELECT 'P5: jobs that ran before their time', count(*) FROM counted c JOIN foreman.job_history h USING (job_id)
        WHERE CASE WHEN c.kind IN ('note', 'many') OR h.attempt <= 1 THEN c.first ELSE c.last END < h.run_at;
    RETURN QUERY SELECT 'P6: occurrences of a schedule that fired twice', count(*) FROM (SELECT FROM foreman.schedule_run GROUP BY schedule_id, generation, scheduled_at HAVING count(*) > 1) x;
    RETURN QUERY SELECT 'P6: occurrences that fired without a job', count(*) FROM foreman.schedule_run r WHERE NOT EXISTS (SELECT FROM counted c WHERE c.job_id = r.job_id);
    RETURN QUERY SELECT 'workflows: broken invariants', count(*) FROM w.broken();
    RETURN QUERY SELECT 'workflows: acknowledged inputs that are lost', count(*) FROM (SELECT tag FROM l.acked WHERE tag LIKE '%.%' AND tag NOT LIKE '%.%.%' EXCEPT SELECT tag FROM events WHERE type = 'in') x;
    RETURN QUERY SELECT 'workflows: inputs that were handled twice', count(*) FROM (SELECT FROM events WHERE type = 'in' GROUP BY tag HAVING count(*) > 1) x;
    RETURN QUERY SELECT 'workflows: effects that are not heard of exactly once', count(*) FROM events s LEFT JOIN (SELECT tag, count(*) AS heard FROM events WHERE type = 'result' GROUP BY 1) r USING (tag)
        WHERE s.type = 'in' AND (s.data -> 'n')::int % 2 = 0 AND r.heard IS DISTINCT FROM 1;
    RETURN QUERY SELECT 'workflows: timers that did not fire exactly once', count(*) FROM events s LEFT JOIN (SELECT tag, count(*) AS heard FROM events WHERE type = 'fired' GROUP BY 1) r USING (tag)
        WHERE s.type = 'in' AND (s.data -> 'n')::int % 3 = 0 AND r.heard IS DISTINCT FROM 1;
    RETURN QUERY SELECT 'workflows: inputs that wait or are dead', count(*) FROM foreman.workflow_input WHERE state IN ('p', 'd');
    RETURN QUERY SELECT 'publishes: acknowledged ones that are lost', count(*) FROM (SELECT tag FROM l.acked WHERE tag LIKE '%.%.%' EXCEPT SELECT idempotency_key FROM foreman.publish) x;
    RETURN QUERY SELECT 'publishes: doubled ones', count(*) FROM (SELECT FROM foreman.publish GROUP BY idempotency_key HAVING count(*) > 1) x;
    RETURN QUERY SELECT 'publishes: deliveries that are missing or too many', count(*) FROM foreman.publish p
        WHERE cardinality(p.job_ids) <> 2 OR EXISTS (SELECT FROM unnest(p.job_ids) AS j(job_id) LEFT JOIN counted c USING (job_id) WHERE c.runs IS DISTINCT FROM 1);
    RETURN QUERY SELECT 'advisory locks that are left', count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
END $$;
