-- What dashboards ask first (the newest jobs, by state, by queue and kind; the newest runs and events) reads as little with a
-- million jobs in history as with few (https://github.com/bensheldon/good_job/issues/1366: the dashboard's page took seconds).
-- For superuser and monitor; counted in blocks of our tables and indexes, of which history alone has more than 15,000.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.workers) $$), 'nobody else works here');
INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, started_at, priority, attempt, max_attempts, outcome, queue, kind, args, worker_pid)
    SELECT g, at, at, at, at, 0, 1, 5, CASE WHEN g % 50000 = 11 THEN 'x' ELSE 'c' END, CASE WHEN g BETWEEN 300000 AND 300039 THEN 'once' ELSE 'q' || g % 5 END,
           CASE WHEN g % 20000 = 7 THEN 'rare' ELSE 'kind ' || g % 3 END, '{"a": 1}', 1
      FROM (SELECT g, now() - (1000000 - g) * interval '10 ms' AS at FROM generate_series(1, 1000000) g) s;
INSERT INTO foreman.schedule_run (schedule_id, generation, scheduled_at, fired_at, job_id, name, kind, queue, run_as)
    SELECT 1, 1, now() - g * interval '1 s', now(), g, CASE WHEN g % 50000 = 3 THEN 'daily' ELSE 'often' END, 'kind 1', 'q1', current_user::regrole FROM generate_series(1, 500000) g;
SELECT setval('foreman.job_id_seq', 1000000), setval('foreman.schedule_run_id_seq', 500000) \g /dev/null
-- Autovacuum does this on a server that has been up for a minute.
VACUUM ANALYZE foreman.job_history, foreman.schedule_run;
-- The costs below mean an index that knows its ranges. Where VACUUM has left some, this says so, and makes up for it.
CREATE TABLE t.left_over AS SELECT i.indexrelid::regclass AS index, brin_summarize_new_values(i.indexrelid) AS ranges
  FROM pg_inherits h JOIN pg_index i ON i.indrelid = h.inhrelid JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin'
 WHERE h.inhparent = 'foreman.job_history'::regclass;
SELECT diag(format('VACUUM has left %s ranges of %s', ranges, index)) FROM t.left_over WHERE ranges > 1;
SELECT foreman.enqueue('out', run_at => now() + interval '1 day', queue => 'q1') AS scheduled, foreman.enqueue('out', queue => 'q1') AS available, foreman.enqueue('out', queue => 'out') AS leased \gset
SELECT foreman.fail(job_id, token, 'no', discard => true) FROM (SELECT foreman.enqueue('bad', queue => 'bad')) e, foreman.claim('{bad}', 'w') \g /dev/null
SELECT foreman.enqueue('bad', queue => 'bad') \g /dev/null
SELECT foreman.fail(job_id, token, 'no', discard => true) FROM foreman.claim('{bad}', 'w') \g /dev/null
SELECT count(*) FROM foreman.claim('{out}', 'w') \g /dev/null
SELECT foreman.create_queue('q1') \g /dev/null
CREATE ROLE pgtap_dashboard_all;
CREATE ROLE pgtap_dashboard_one;
SELECT foreman.grant_role('monitor', 'pgtap_dashboard_all'), foreman.grant_role('monitor', 'pgtap_dashboard_one', 'q1') \g /dev/null

-- The answers: as the views give them, in their order.
SELECT results_eq('SELECT job_id, state FROM foreman.list_jobs(max_rows => 6)',
    'SELECT job_id, state FROM foreman.jobs WHERE job_id > 999990 ORDER BY job_id DESC LIMIT 6', 'the newest jobs, from everywhere');
SELECT is((SELECT count(DISTINCT state) FROM foreman.list_jobs(max_rows => 6)), 5::int8, 'in five states');
SELECT results_eq($$ SELECT job_id FROM foreman.list_jobs(before_id => 1000000, max_rows => 3) $$, 'VALUES (999999::int8), (999998), (999997)', 'and page by page');
SELECT results_eq($$ SELECT job_id FROM foreman.list_jobs(kind => 'rare', max_rows => 7) $$, 'SELECT (980007 - 20000 * g)::int8 FROM generate_series(0, 6) g', 'of a rare kind');
SELECT results_eq($$ SELECT job_id FROM foreman.list_jobs(queue => 'once', kind => 'kind 1', max_rows => 3) $$, 'VALUES (300037::int8), (300034), (300031)', 'of a queue and a kind');
SELECT results_eq($$ SELECT job_id FROM foreman.list_jobs(state => 'cancelled', max_rows => 2) $$, 'VALUES (950011::int8), (900011)', 'cancelled');
SELECT results_eq($$ SELECT job_id, kind FROM foreman.list_jobs(state => 'discarded') $$, $$ SELECT job_id, kind FROM foreman.jobs WHERE state = 'discarded' ORDER BY job_id DESC $$, 'discarded');
SELECT results_eq($$ SELECT job_id FROM foreman.list_jobs(state => 'running') $$, ARRAY[:leased::int8], 'running');
SELECT results_eq($$ SELECT job_id FROM foreman.list_jobs(state => 'scheduled') $$, ARRAY[:scheduled::int8], 'scheduled');
SELECT ok((SELECT array_agg(job_id) @> ARRAY[:available::int8] AND bool_and(state = 'available') FROM foreman.list_jobs(state => 'available')), 'available');
SELECT is((SELECT count(*) FROM foreman.list_jobs(kind => 'nobody')), 0::int8, 'of a kind that never was');
SELECT results_eq('SELECT run_id, name FROM foreman.list_schedule_runs(max_rows => 2)', $$ VALUES (500000::int8, 'often'::text COLLATE "C"), (499999, 'often') $$, 'the newest runs');
SELECT results_eq($$ SELECT run_id FROM foreman.list_schedule_runs('daily', max_rows => 2) $$, 'VALUES (450003::int8), (400003)', 'of a schedule that runs rarely');
SELECT results_eq($$ SELECT run_id FROM foreman.list_schedule_runs('daily', before_id => 400003, max_rows => 1) $$, 'VALUES (350003::int8)', 'page by page');
SELECT is((SELECT array_agg(DISTINCT event ORDER BY event) FROM foreman.list_job_events(max_rows => 30)), '{completed,discarded,enqueued,failed,started}', 'the newest events, of all kinds');
SELECT is((SELECT max(at) FROM foreman.list_job_events(kind => 'rare', max_rows => 3)), (SELECT finished_at FROM foreman.jobs WHERE job_id = 980007), 'of a rare kind');
SELECT throws_ok($$ SELECT foreman.list_jobs(state => 'done') $$, '22023', 'state "done" does not exist', 'a state that is none');
SELECT throws_ok($$ SELECT foreman.list_jobs(max_rows => 0) $$, '22003', NULL, 'no rows');

-- Their cost, in blocks, and who sees what.
CREATE TABLE t.question (question text, most int8);
INSERT INTO t.question VALUES
    ('list_jobs(max_rows => 25)', 1000), ('list_jobs(kind => ''kind 1'', max_rows => 25)', 1000), ('list_jobs(queue => ''q1'', max_rows => 25)', 1000),
    ('list_jobs(kind => ''rare'', max_rows => 25)', 6000), ('list_jobs(queue => ''once'', kind => ''kind 1'', max_rows => 25)', 6000), ('list_jobs(kind => ''nobody'', max_rows => 25)', 6000),
    ('list_jobs(state => ''running'', max_rows => 25)', 100), ('list_jobs(state => ''discarded'', max_rows => 25)', 100), ('list_jobs(state => ''completed'', max_rows => 25)', 1000),
    ('list_jobs(state => ''cancelled'', max_rows => 25)', 6000), ('list_schedule_runs(max_rows => 25)', 1000), ('list_schedule_runs(''daily'', max_rows => 25)', 1000),
    ('list_job_events(max_rows => 25)', 3000), ('jobs WHERE state = ''running''', 100), ('jobs WHERE state = ''discarded'' ORDER BY job_id DESC LIMIT 25', 100), ('queues', 100), ('metrics', 500);
GRANT SELECT ON t.question TO PUBLIC;
SELECT cmp_ok((SELECT sum(pg_relation_size(inhrelid::regclass)) / 8192 FROM pg_inherits WHERE inhparent = 'foreman.job_history'::regclass), '>', 15000::numeric, 'history is long');
SELECT cmp_ok(t.cost('SELECT * FROM foreman.' || question), '<', most, format('blocks that a superuser reads: %s', question)) FROM t.question;
GRANT EXECUTE ON FUNCTION t.cost, t.blocks TO PUBLIC;
SET SESSION AUTHORIZATION pgtap_dashboard_all;
SELECT t.cost('SELECT * FROM foreman.jobs WHERE job_id = 1') \g /dev/null
SELECT cmp_ok(t.cost('SELECT * FROM foreman.' || question), '<', most, format('blocks that a monitor of all queues reads: %s', question)) FROM t.question;
SELECT is((SELECT count(*) FROM foreman.list_jobs(max_rows => 30)), 30::int8, 'it sees all jobs');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION pgtap_dashboard_one;
SELECT cmp_ok(t.cost('SELECT * FROM foreman.' || question), '<', most, format('blocks that a monitor of one queue reads: %s', question)) FROM t.question;
SELECT is((SELECT array_agg(DISTINCT queue) FROM foreman.list_jobs(max_rows => 30)), '{q1}'::text[] COLLATE "C", 'it sees the jobs of that queue only');
SELECT is((SELECT count(*) FROM foreman.list_jobs(queue => 'q2')), 0::int8, 'also when it asks for another');
SELECT is((SELECT count(*) FROM foreman.list_job_events(queue => 'q2')), 0::int8, 'or for its events');
RESET SESSION AUTHORIZATION;

-- Jobs that wait behind 60,000 newer ones of others, in each state: they are found by their queue, kind and state, in a
-- tenth of what it takes to walk all of those.
SELECT max(foreman.enqueue('hidden', queue => 'behind')) AS hidden FROM generate_series(1, 30) \gset
SELECT foreman.enqueue('hidden', queue => 'behind', run_at => now() + '1 h') AS later \gset
SELECT foreman.enqueue('hidden', queue => 'behind', depends_on => ARRAY[:later]) AS blocked \gset
SELECT foreman.fail(job_id, token, 'no', retry_in => '1 h') FROM foreman.claim('{behind}', 'w') \g /dev/null
SELECT job_id AS held FROM foreman.claim('{behind}', 'w') \gset
SELECT foreman.enqueue_array('front', array_fill('{}'::jsonb, ARRAY[60000]), queue => 'front') \g /dev/null
VACUUM ANALYZE foreman.live_job;
CREATE FUNCTION t.listed(what text) RETURNS SETOF int8 LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY EXECUTE format('SELECT job_id FROM foreman.list_jobs(%s, max_rows => 10)', what); END $$;
CREATE FUNCTION t.wanted(what text) RETURNS SETOF int8 LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY EXECUTE format('SELECT job_id FROM foreman.jobs WHERE %s ORDER BY job_id DESC LIMIT 10', replace(replace(what, '=>', '='), ',', ' AND ')); END $$;
CREATE TABLE t.hidden (what text, most int8);
INSERT INTO t.hidden VALUES
    ($$queue => 'behind'$$, 7000), ($$kind => 'hidden'$$, 7000), ($$queue => 'behind', kind => 'hidden', state => 'available'$$, 7000), ($$queue => 'behind', state => 'scheduled'$$, 7000),
    ($$state => 'scheduled'$$, 7000), ($$queue => 'behind', kind => 'none', state => 'available'$$, 7000), ($$state => 'retryable'$$, 100), ($$queue => 'behind', state => 'retryable'$$, 100),
    ($$state => 'pending'$$, 100), ($$queue => 'behind', state => 'running'$$, 100);
SELECT results_eq(format('SELECT t.listed(%L)', what), format('SELECT t.wanted(%L)', what), format('behind newer jobs: %s', what)) FROM t.hidden;
SELECT cmp_ok(t.cost(format('SELECT * FROM foreman.list_jobs(%s, max_rows => 10)', what)), '<', most, format('blocks that are read: %s', what)) FROM t.hidden;
SELECT results_eq(format('SELECT job_id FROM foreman.list_jobs(queue => ''behind'', before_id => %s, max_rows => 3)', :hidden), format('SELECT (%s - g)::int8 FROM generate_series(1, 3) g', :hidden), 'page by page');

SELECT foreman.revoke_role('monitor', 'pgtap_dashboard_all'), foreman.revoke_role('monitor', 'pgtap_dashboard_one', 'q1') \g /dev/null
DROP OWNED BY pgtap_dashboard_all, pgtap_dashboard_one;
DROP ROLE pgtap_dashboard_all, pgtap_dashboard_one;
SELECT * FROM finish();
