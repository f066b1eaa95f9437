// SQL that every database of the comparison gets: a producer in the server that notes when it sent a job and when its commit
// had returned, and the table that handlers write to.
import { PAYLOAD } from '../lib/env.mjs';

export const quoted = (s) => `'${String(s).replace(/'/g, "''")}'`;
export const SETUP = `
CREATE TABLE IF NOT EXISTS public.bench_side (id int8 NOT NULL, v int NOT NULL);
CREATE TABLE public.bench_sent (n int, sent float8, committed float8);
CREATE TABLE public.bench_started (n int, at float8);
-- Calls statement with the numbers 1 .. n, each in a transaction of its own, about so many in a second; at random distances
-- when uneven.
CREATE PROCEDURE public.bench_produce(statement text, n int, per_second float8, uneven bool) LANGUAGE plpgsql AS $$
DECLARE
    sent float8[]; committed float8[]; began timestamptz := clock_timestamp(); t timestamptz; ahead float8 := 0;
BEGIN
    FOR i IN 1 .. n LOOP
        t := clock_timestamp();
        EXECUTE statement USING i;
        COMMIT;
        committed[i] := extract(epoch FROM clock_timestamp());
        sent[i] := extract(epoch FROM t);
        ahead := ahead + CASE WHEN uneven THEN 0.5 + random() ELSE 1 END / per_second;
        PERFORM pg_sleep(greatest(0, extract(epoch FROM began - clock_timestamp()) + ahead));
        COMMIT;
    END LOOP;
    INSERT INTO public.bench_sent SELECT * FROM unnest((SELECT array_agg(i) FROM generate_series(1, n) i), sent, committed);
END$$;`;

// The arguments of a job whose number is $1, as long as the others.
export const NUMBERED = `jsonb_build_object('n', $1::int, 'pad', repeat('x', 70))`;

// As a literal, for the scripts of pgbench.
export const PAYLOAD_SQL = quoted(PAYLOAD);
