-- P8: the job of a dead worker is due again within 1 s: outside, of the end of its lease, with the queue's backoff and an
-- attempt charged; in the server, of its death, uncharged. Heartbeats touch no row. Shares of workers follow the living.
\ir lib/helpers.sql
SELECT no_plan();

-- A hundred leases that end at once. On a machine that does other things, too, the server may stand still for seconds: of a
-- few rounds the best shows whether the end of a lease is waited for or only found by and by; no round may be early.
SELECT foreman.create_queue('rev', backoff_base => '2 s', backoff_max => '2 s') \g /dev/null
CREATE TEMP TABLE rounds (round int4, claimed int8, ended bool, earliest interval, latest interval);
CREATE TEMP TABLE c (job_id int8, leased_until timestamptz);
DO $$
BEGIN
    FOR i IN 1 .. 6 LOOP
        PERFORM foreman.cancel(job_id) FROM c;
        TRUNCATE c;
        PERFORM foreman.enqueue_array('out', (SELECT array_agg(to_jsonb(n)) FROM generate_series(1, 100) n), queue => 'rev');
        COMMIT;
        INSERT INTO c SELECT job_id, leased_until FROM foreman.claim('{rev}', 'dead', 100, lease => '1 s');
        COMMIT;
        INSERT INTO rounds (round, claimed, ended)
        SELECT i, (SELECT count(*) FROM c), t.wait_until($w$ NOT EXISTS (SELECT FROM foreman.jobs WHERE queue = 'rev' AND state = 'running') $w$, 20);
        UPDATE rounds SET (earliest, latest) = (SELECT min(late), max(late)
            FROM (SELECT (j.errors -> 0 ->> 'at')::timestamptz - c.leased_until AS late FROM foreman.jobs j JOIN c USING (job_id)) x)
        WHERE round = i;
        COMMIT;
        EXIT WHEN (SELECT latest < '1 s' FROM rounds WHERE round = i);
    END LOOP;
END $$;
SELECT is((SELECT array_agg(DISTINCT claimed) FROM rounds), '{100}', 'a worker claims a hundred and dies');
SELECT ok((SELECT bool_and(ended) FROM rounds), 'all leases end');
SELECT is_empty($$ SELECT * FROM rounds WHERE earliest IS NULL OR earliest < '-50 ms' $$, 'none before its end');
SELECT cmp_ok((SELECT min(latest) FROM rounds), '<', '1 s', 'each within a second of its end');
SELECT is((SELECT string_agg(DISTINCT j.state || ' ' || j.attempt || ' ' || (j.errors -> 0 ->> 'message'), ', ') FROM foreman.jobs j JOIN c USING (job_id)),
          'retryable 1 lease expired', 'charged, with the reason');
SELECT ok((SELECT bool_and(j.run_at - (j.errors -> 0 ->> 'at')::timestamptz BETWEEN '1.4 s' AND '2.6 s') FROM foreman.jobs j JOIN c USING (job_id)),
          'after the backoff of the queue');
SELECT ok(t.wait_until($$ (SELECT count(*) = 0 FROM foreman.live_job WHERE run_at > clock_timestamp()) $$, 20), 'which passes');
SELECT is((SELECT count(*) FROM foreman.claim('{rev}', 'next', 200)), 100::int8, 'then another worker has them all: available, not merely unlocked');
SELECT foreman.cancel(job_id) FROM foreman.live_job \g /dev/null

-- Beats keep a lease beyond its length and leave no row versions.
SELECT foreman.enqueue('out', queue => 'beat') \g /dev/null
SELECT job_id AS id, token AS token FROM foreman.claim('{beat}', 'w', lease => '5 s') \gset
SELECT ok(t.wait_until(format($$ foreman.heartbeat(%s, %L) = 'active' AND (SELECT state = 'r' FROM foreman.live_job WHERE job_id = %s) $$, :id, :'token', :id), 10),
          'a lease is written into its row after a while');
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT xmin AS x, ctid AS c FROM foreman.live_job WHERE job_id = :id \gset
SELECT pg_current_wal_insert_lsn() AS before \gset
DO $$ BEGIN FOR i IN 1 .. 1000 LOOP
    PERFORM foreman.heartbeat(job_id, token) FROM foreman.live_job WHERE queue = 'beat'; END LOOP; END $$;
SELECT is((SELECT (xmin, ctid)::text FROM foreman.live_job WHERE job_id = :id), format('(%s,"%s")', :x, :'c'), 'a thousand heartbeats leave the row as it was');
SELECT is((SELECT pg_stat_get_xact_tuples_updated('foreman.live_job'::regclass)), 0::int8, 'and no version of it');
SELECT ok(t.wait_until(format($$ foreman.heartbeat(%s, %L) = 'active' AND clock_timestamp() > %L $$, :id, :'token', clock_timestamp() + interval '6 s')),
          'it lives beyond its length while it is renewed');
SELECT is(foreman.complete(:id, :'token'), 'completed', 'and is completed');

-- An executor of lane procedure that dies.
CREATE PROCEDURE t.proc(job foreman.job) LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, 'began');
    COMMIT;
    IF (SELECT count(*) FROM t.log l WHERE l.job_id = job.job_id) = 1 THEN PERFORM pg_sleep(60); END IF;
END $$;
SELECT foreman.register_handler('proc', 't.proc', lane => 'procedure') \g /dev/null
CREATE TEMP TABLE deaths (job_id int8, ran bool, outcome text, runs int8, latency interval);
DO $$
DECLARE job int8; was_run bool; ended_as text; killed timestamptz;
BEGIN
    FOR i IN 1 .. 6 LOOP
        job := foreman.enqueue('proc');
        COMMIT;
        was_run := t.wait_until(format('EXISTS (SELECT FROM t.log WHERE job_id = %s)', job), 20);
        killed := clock_timestamp();
        PERFORM pg_terminate_backend(w.pid) FROM foreman.workers w WHERE w.job_id = job;
        ended_as := t.outcome(job, 20);
        INSERT INTO deaths SELECT job, was_run, ended_as, t.runs(job), max(at) - killed FROM t.log l WHERE l.job_id = job;
        COMMIT;
        EXIT WHEN (SELECT latency < '1 s' FROM deaths d WHERE d.job_id = job);
    END LOOP;
END $$;
SELECT ok((SELECT bool_and(ran) FROM deaths), 'it runs');
SELECT is((SELECT array_agg(DISTINCT outcome) FROM deaths), '{completed 1}', 'its job is run again, uncharged');
SELECT cmp_ok((SELECT min(latency) FROM deaths), '<', '1 s', 'within a second of the death');
SELECT is((SELECT array_agg(DISTINCT runs) FROM deaths), '{2}', 'exactly once more');

-- Shares: 10 of 3 and 9 of 2; who did not declare the queue has none.
SELECT foreman.create_queue('ten', max_running => 10), foreman.create_queue('nine', max_running => 9) \g /dev/null
SELECT count(*) FROM unnest('{x1,x2,x3}'::text[]) w, foreman.worker_heartbeat(w, '{ten}') \g /dev/null
SELECT foreman.worker_heartbeat('y', '{nine}') \g /dev/null
SELECT is((SELECT array_agg(slots ORDER BY w) FROM unnest('{x1,x2,x3}'::text[]) w, foreman.worker_heartbeat(w, '{ten}')), '{4,3,3}', '10 among 3');
SELECT is((SELECT slots FROM foreman.worker_heartbeat('y', '{nine}')), 9, 'the fourth declared another queue');
SELECT is((SELECT slots FROM foreman.worker_heartbeat('x4', '{ten}')), 2, 'a new worker starts with a fair share, not the whole');
SELECT count(*) FROM unnest('{y,z,gone}'::text[]) w, foreman.worker_heartbeat(w, '{nine}') \g /dev/null
SELECT is((SELECT array_agg(slots ORDER BY w) FROM unnest('{gone,y,z}'::text[]) w, foreman.worker_heartbeat(w, '{nine}')), '{3,3,3}', '9 among 3');
SELECT ok(t.wait_until($$ (SELECT array_agg(slots ORDER BY w) FROM unnest('{y,z}'::text[]) w, foreman.worker_heartbeat(w, '{nine}')) = '{5,4}' $$, 40),
          '9 among the 2 that are left when one is silent');
SELECT is((SELECT count(*) FROM foreman.workers WHERE worker_id = 'gone'), 0::int8, 'which the view no longer lists');
SELECT * FROM finish();
