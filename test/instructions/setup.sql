-- What is counted, in the order of priorities: one executor works it off without a pause, since everything waits
-- before the server starts under valgrind. A job of kind `mark` calls pg_backend_pid(), where callgrind writes down
-- what it has counted so far and begins again (--dump-before).
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
CREATE SCHEMA i;
CREATE TABLE i.side (id int8 NOT NULL, v int NOT NULL);
CREATE FUNCTION i.mark(args jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_backend_pid(); END';
CREATE FUNCTION i.noop(args jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION i.noop_batch(jobs foreman.job[]) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION i.insert_row(args jsonb) RETURNS void LANGUAGE plpgsql AS
'BEGIN INSERT INTO i.side VALUES (1, 1); END';
SELECT foreman.register_handler('mark', 'i.mark(jsonb)', max_group => 1);
SELECT foreman.register_handler('transaction', 'i.noop(jsonb)');
SELECT foreman.register_handler('batch', 'i.noop_batch(foreman.job[])', lane => 'batch');
SELECT foreman.register_handler('insert', 'i.insert_row(jsonb)');
SELECT foreman.register_handler('single', 'i.noop(jsonb)', max_group => 1);

CREATE FUNCTION i.payload() RETURNS jsonb IMMUTABLE LANGUAGE sql AS
$$SELECT '{"kind": "welcome", "to": "user@example.com", "n": 1234567, "pad": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}'::jsonb$$;

DO $$
DECLARE p int := -100;
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['transaction', 'batch', 'insert', 'single'] LOOP
        -- The first quarter fills the caches of the executor.
        PERFORM foreman.enqueue_array(kind, array_fill(i.payload(), ARRAY[500]), priority => p);
        PERFORM foreman.enqueue('mark', priority => p + 1);
        PERFORM foreman.enqueue_array(kind, array_fill(i.payload(), ARRAY[2000]), priority => p + 2);
        PERFORM foreman.enqueue('mark', priority => p + 3);
        p := p + 4;
    END LOOP;
    -- Nobody here handles these.
    PERFORM foreman.enqueue_array('outside', array_fill(i.payload(), ARRAY[1200]));
END$$;

-- The same row and indexes without an engine: what another build of the server is measured by.
CREATE TABLE i.plain (LIKE foreman.live_job INCLUDING ALL);
CREATE PROCEDURE i.plain_rows(n int) LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    FOR k IN 1 .. n LOOP
        INSERT INTO i.plain (job_id, run_at, enqueued_at, priority, max_attempts, queue, kind, args)
        VALUES (k, now(), now(), 0, 25, 'default', 'plain', i.payload());
    END LOOP;
    FOR k IN 1 .. n LOOP
        DELETE FROM i.plain WHERE job_id = k;
    END LOOP;
END$$;
CREATE PROCEDURE i.enqueue_one_by_one(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR k IN 1 .. n LOOP
        PERFORM foreman.enqueue('outside', i.payload());
        COMMIT;
    END LOOP;
END$$;
CREATE PROCEDURE i.work_outside(batches int) LANGUAGE plpgsql AS $$
DECLARE
    ids int8[];
    tokens uuid[];
BEGIN
    FOR k IN 1 .. batches LOOP
        SELECT array_agg(job_id), array_agg(token) INTO STRICT ids, tokens FROM foreman.claim('{default}', 'outside', 100);
        COMMIT;
        ASSERT cardinality(ids) = 100;
        PERFORM count(*) FROM foreman.complete_many(ids, tokens);
        COMMIT;
    END LOOP;
END$$;
VACUUM ANALYZE;
