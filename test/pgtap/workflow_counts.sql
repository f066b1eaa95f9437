-- What the board counts of each type of workflow: it is what the rows say, whatever ends a workflow, and nothing that was
-- rolled back is in it. After each file on workflows, w.broken() compares the numbers with the rows.
-- Broken by: a count outside of the commit; a way to begin, end, park or reopen a workflow that counts nothing.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
SELECT foreman.create_workflow_type('counted', 'w.decide', 'w.evolve', 'w.is_terminal') \g /dev/null
SELECT foreman.create_workflow_type('outside') \g /dev/null
CREATE FUNCTION w.counts(type text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(n.key || ' ' || n.value, ', ' ORDER BY n.nth), 'nothing')
      FROM foreman.workflow_counts c, LATERAL json_each_text(row_to_json(c)) WITH ORDINALITY AS n (key, value, nth)
     WHERE c.workflow_type = type AND n.key <> 'workflow_type' AND n.value <> '0' $$;
CREATE FUNCTION w.does(type text, id text, input jsonb) RETURNS text LANGUAGE sql AS $$ SELECT outcome FROM foreman.execute(type, id, input) $$;

SELECT is(w.counts('counted'), 'nothing', 'a new type has a row of zeros');
SELECT w.does('counted', 'a', '{"events": [{"type": "A"}, {"type": "B"}]}') \g /dev/null
SELECT is(w.counts('counted'), 'running 1, started 1, accepted 1, events 2', 'begun, with its events');
SELECT w.does('counted', 'a', '{"reject": "no"}'), w.does('counted', 'never', '{"reject": "no"}') \g /dev/null
SELECT is(w.counts('counted'), 'running 1, started 1, accepted 1, rejected 2, events 2', 'a rejected input begins nothing');
SELECT w.does('counted', 'a', '{"do": "End"}'), w.does('counted', 'a', '{"do": "A"}') \g /dev/null
SELECT is(w.counts('counted'), 'started 1, completed 1, accepted 2, rejected 2, already_completed 1, events 3', 'its end, and an input after it');

-- Rolled back, as a whole or to a savepoint.
BEGIN;
SELECT w.does('counted', 'b', '{"do": "A"}') \g /dev/null
SELECT is(w.counts('counted'), 'started 1, completed 1, accepted 2, rejected 2, already_completed 1, events 3', 'before the commit nothing is counted');
ROLLBACK;
SELECT is(w.counts('counted'), 'started 1, completed 1, accepted 2, rejected 2, already_completed 1, events 3', 'nor after a rollback');
BEGIN;
SELECT w.does('counted', 'b', '{"do": "A"}') \g /dev/null
SAVEPOINT s;
SELECT w.does('counted', 'b', '{"do": "B"}'), w.does('counted', 'c', '{"do": "A"}'), foreman.terminate_workflow('counted', 'b') \g /dev/null
ROLLBACK TO s;
COMMIT;
SELECT is(w.counts('counted'), 'running 1, started 2, completed 1, accepted 3, rejected 2, already_completed 1, events 4', 'of a transaction, what was not rolled back to a savepoint');
SELECT foreman.execute('counted', 'b', '{"do": "B"}', 'once'), foreman.execute('counted', 'b', '{"do": "B"}', 'once') \g /dev/null
SELECT is(w.counts('counted'), 'running 1, started 2, completed 1, accepted 4, rejected 2, already_completed 1, events 5', 'an input of the same input_id counts once');

-- Inputs that wait.
SELECT foreman.stop() \g /dev/null
SELECT foreman.signal_workflow('counted', 'b', '{"do": "S"}'), foreman.signal_workflow('counted', 'b', '{"do": "S"}', 'named'), foreman.signal_workflow('counted', 'b', '{"raise": "x"}') \g /dev/null
SELECT is((SELECT pending_inputs FROM foreman.workflow_counts WHERE workflow_type = 'counted'), 3::int8, 'inputs wait');
SELECT foreman.execute('counted', 'b', '{"do": "S"}', 'named') \g /dev/null
SELECT is((SELECT pending_inputs FROM foreman.workflow_counts WHERE workflow_type = 'counted'), 2::int8, 'execute() with the input_id of one that waits handles it');
SELECT foreman.drain() \g /dev/null
SELECT is((SELECT pending_inputs FROM foreman.workflow_counts WHERE workflow_type = 'counted'), 1::int8, 'what was handled waits no more, what failed does');
SELECT foreman.cancel(job_id) FROM foreman.live_job WHERE kind = 'workflow:counted' \g /dev/null
SELECT is(w.counts('counted'), 'running 1, started 2, completed 1, accepted 6, rejected 2, already_completed 1, events 7', 'what was cancelled, neither');

-- Decided outside.
SELECT foreman.signal_workflow('outside', 'o', '{}') \g /dev/null
SELECT foreman.drain() \g /dev/null
SELECT is(w.counts('outside'), 'running 1, started 1, accepted 1, events 1', 'what outside workers decide is counted too');
SELECT foreman.terminate_workflow('outside', 'o'), foreman.terminate_workflow('counted', 'b') \g /dev/null
SELECT is(w.counts('outside'), 'started 1, terminated 1, accepted 1, events 1', 'and ends');

-- Metrics.
SELECT is((SELECT string_agg(name || (labels - 'workflow_type')::text || ' ' || value, ', ' ORDER BY name, labels::text) FROM foreman.metrics WHERE labels ->> 'workflow_type' = 'counted'),
    'foreman_workflow_events_total{} 7, foreman_workflow_inputs_pending{} 0, foreman_workflow_inputs_total{"outcome": "accepted"} 6, foreman_workflow_inputs_total{"outcome": "already_completed"} 1, '
    'foreman_workflow_inputs_total{"outcome": "rejected"} 2, foreman_workflows_ended_total{"state": "cancelled"} 0, foreman_workflows_ended_total{"state": "completed"} 1, '
    'foreman_workflows_ended_total{"state": "continued"} 0, foreman_workflows_ended_total{"state": "failed"} 0, foreman_workflows_ended_total{"state": "terminated"} 1, '
    'foreman_workflows_parked{} 0, foreman_workflows_running{} 0, foreman_workflows_started_total{} 2', 'metrics have them by type');
SELECT is((SELECT count(*) FROM (SELECT 1 FROM foreman.metrics GROUP BY name, labels HAVING count(*) > 1) x), 0::int8, 'no metric has two values');
CREATE FUNCTION w.plan() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT * FROM foreman.metrics'; END $$;
SELECT is((SELECT count(*) FROM w.plan() AS p WHERE p ~ 'workflow_(instance|input|event)' AND p !~ 'never executed'), 0::int8, 'and read no rows of workflows');

-- Who sees what.
SELECT foreman.create_queue('secret') \g /dev/null
SELECT foreman.create_workflow_type('secret', 'w.decide', 'w.evolve', queue => 'secret') \g /dev/null
SELECT w.does('secret', 'a', '{"do": "A"}') \g /dev/null
CREATE ROLE counts_monitor;
SELECT foreman.grant_role('monitor', 'counts_monitor', 'default') \g /dev/null
SELECT is(t.as_role('counts_monitor', $$ SELECT string_agg(workflow_type, ' ' ORDER BY workflow_type) FROM foreman.workflow_counts $$), 'counted order outside', 'a role sees types whose queue it may see');
SELECT is(t.as_role('counts_monitor', $$ SELECT count(*) FROM foreman._workflow_counts() WHERE workflow_type = 'secret' $$), '0', 'by the function too');
SELECT foreman.revoke_role('monitor', 'counts_monitor', 'default') \g /dev/null
DROP OWNED BY counts_monitor;
DROP ROLE counts_monitor;

-- A type that goes, and one of its name that comes.
SELECT foreman.drop_workflow_type('counted') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.workflow_counts WHERE workflow_type = 'counted'), 0::int8, 'a type that was dropped has no row');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is((SELECT string_agg(b, '; ') FROM w.broken() AS b), NULL, 'the numbers are what the rows say');
SELECT * FROM finish();
