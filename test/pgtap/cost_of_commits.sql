-- What a transaction announces at its commit costs as much for each job in a long transaction as in a short one, however many keys and
-- dependencies it touches.
-- Broken by: a list of notes that is searched from its end for each new one.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.seconds(statement text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    EXECUTE statement;
    RETURN extract(epoch FROM clock_timestamp() - began);
END $$;

-- Something else may have the machine while one of the two is timed: they are compared up to three times, and a list that is
-- searched for each note is slow each time.
CREATE PROCEDURE t.compare(INOUT plain float8, INOUT keyed float8) LANGUAGE plpgsql AS $$
BEGIN
    FOR round IN 1 .. 3 LOOP
        PERFORM count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, ARRAY[100000]), queue => 'plain', run_at => '2100-01-01');
        PERFORM count(foreman.enqueue('out', queue => 'keyed', run_at => '2100-01-01', concurrency_key => 'k' || i)) FROM generate_series(1, 100000) i;
        COMMIT;
        plain := t.seconds($q$ SELECT foreman.cancel_where(queue => 'plain') $q$);
        COMMIT;
        keyed := t.seconds($q$ SELECT foreman.cancel_where(queue => 'keyed') $q$);
        COMMIT;
        EXIT WHEN keyed < 6 * plain + 0.5;
    END LOOP;
END $$;
CALL t.compare(0, 0) \gset
SELECT is((SELECT count(*) FROM foreman.live_job), 0::int8, 'all are cancelled');
SELECT cmp_ok(:keyed::float8, '<', 6 * :plain::float8 + 0.5, format('100,000 jobs of as many keys are cancelled in %s s, as many without keys in %s s', round(:keyed, 2), round(:plain, 2)));

SELECT foreman.enqueue('out', queue => 'first', run_at => '2100-01-01') AS first \gset
SELECT count(foreman.enqueue('out', queue => 'deps', depends_on => ARRAY[:first])) FROM generate_series(1, 100) \g /dev/null
SELECT t.seconds(format($$ SELECT count(foreman.enqueue('out', queue => 'deps', depends_on => ARRAY[%s])) FROM generate_series(1, 2000) $$, :first)) AS short,
       t.seconds(format($$ SELECT count(foreman.enqueue('out', queue => 'deps', depends_on => ARRAY[%s])) FROM generate_series(1, 40000) $$, :first)) AS long \gset
SELECT cmp_ok(:long::float8 / 20, '<', 8 * :short::float8 + 0.2, format('40,000 dependants in one transaction: %s s for each 2,000, and 2,000 take %s s', round((:long / 20)::numeric, 3), round(:short, 3)));
SELECT foreman.delete_job(:first) \g /dev/null
SELECT * FROM finish();
