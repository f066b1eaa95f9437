-- What the benchmark needs in its database: handlers, tables to compare with, waiting and reading of results.
-- Run once by test/bench/run on a fresh server.
CREATE EXTENSION pg_foreman;
CREATE SCHEMA bench;

-- About 100 bytes of JSON, and arrays of it; EXTERNAL, so that no decompression is measured.
CREATE FUNCTION bench.payload() RETURNS jsonb IMMUTABLE LANGUAGE sql AS
$$SELECT '{"kind": "welcome", "to": "user@example.com", "n": 1234567, "pad": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}'::jsonb$$;
CREATE TABLE bench.args (size int PRIMARY KEY, args jsonb[] NOT NULL);
ALTER TABLE bench.args ALTER COLUMN args SET STORAGE EXTERNAL;
INSERT INTO bench.args SELECT s, array_fill(bench.payload(), ARRAY[s]) FROM unnest(ARRAY[1000, 10000, 100000]) AS s;

CREATE TABLE bench.side (id int8 NOT NULL, v int NOT NULL);
CREATE TABLE bench.latency (run int, seconds float8);

CREATE FUNCTION bench.noop(args jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION bench.noop_batch(jobs foreman.job[]) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION bench.insert_row(args jsonb) RETURNS void LANGUAGE plpgsql AS
'BEGIN INSERT INTO bench.side VALUES (1, 1); END';
-- enqueued_at is the clock inside enqueue(): before that transaction's commit, and before the commit is on disk.
CREATE FUNCTION bench.stamp(job foreman.job) RETURNS void LANGUAGE plpgsql AS
'DECLARE started timestamptz := clock_timestamp();
 BEGIN
     INSERT INTO bench.latency VALUES ((job.args ->> ''run'')::int, extract(epoch FROM started - job.enqueued_at));
 END';

SELECT foreman.register_handler('noop', 'bench.noop(jsonb)');
SELECT foreman.register_handler('noop_batch', 'bench.noop_batch(foreman.job[])', lane => 'batch');
SELECT foreman.register_handler('noop_single', 'bench.noop(jsonb)', max_group => 1);
SELECT foreman.register_handler('insert_row', 'bench.insert_row(jsonb)');
SELECT foreman.register_handler('timer', 'bench.noop(jsonb)');
SELECT foreman.register_handler('stamp', 'bench.stamp(foreman.job)');

-- The same row and indexes without an engine, and the least that a durable commit writes.
CREATE TABLE bench.plain (LIKE foreman.live_job INCLUDING ALL);
CREATE SEQUENCE bench.plain_id;
CREATE TABLE bench.one_row (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int NOT NULL);

CREATE PROCEDURE bench.load(kind text, jobs int, chunk int) LANGUAGE plpgsql AS
$$BEGIN
    FOR i IN 1 .. jobs / chunk LOOP
        PERFORM count(*) FROM bench.args a, foreman.enqueue_array(load.kind, a.args) WHERE a.size = chunk;
    END LOOP;
END$$;

-- A transaction of its own for every look, so that waiting holds no snapshot.
CREATE PROCEDURE bench.wait_drained(seconds int) LANGUAGE plpgsql AS
$$DECLARE until timestamptz := clock_timestamp() + make_interval(secs => seconds);
BEGIN
    WHILE EXISTS (SELECT FROM foreman.queues WHERE waiting > 0) LOOP
        IF clock_timestamp() > until THEN RAISE 'the queue is not empty after % s', seconds; END IF;
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
END$$;

CREATE PROCEDURE bench.wait_workers(executors int) LANGUAGE plpgsql AS
$$BEGIN
    FOR i IN 1 .. 500 LOOP
        IF (SELECT count(*) FROM foreman.workers) = executors THEN RETURN; END IF;
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RAISE 'there are % executors, not %', (SELECT count(*) FROM foreman.workers), executors;
END$$;

-- One COMMIT a row inside the server: what jobs in transactions of their own are compared with.
CREATE PROCEDURE bench.commit_rows(n int) LANGUAGE plpgsql AS
$$BEGIN
    FOR i IN 1 .. n LOOP
        INSERT INTO bench.one_row (v) VALUES (i);
        COMMIT;
    END LOOP;
END$$;
