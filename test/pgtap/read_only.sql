-- In a read-only transaction whatever changes something raises 25006 and names itself, whether it would write rows or shared memory.
\ir lib/helpers.sql
SELECT no_plan();

-- What only reads, and what handlers call for the job that they run.
CREATE TABLE t.reads AS SELECT unnest('{list_jobs,list_job_events,list_schedule_runs,dead_letters,count_dead_letters,timer_dead_letters,count_timer_dead_letters,why,health,next_runs,has_job,hasnt_job,
    topic_matches,given_events,when_input,then_events,then_effects,then_timers,then_rejected,why_workflow,list_workflows,workflow_graph,workflow_dead_letters,count_workflow_dead_letters,check_workflow_type,
    read_feed,feed_position,workflow_state,workflow_events,workflow_inputs,workflow_effects,workflow_children,
    job_state_is,has_timer,hasnt_timer,has_schedule,hasnt_schedule,current_job,idempotency_key,set_progress,snooze,throttle,discard,cancel_self}'::name[]) AS name;
CREATE FUNCTION t.refusal(function regprocedure) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    values jsonb := '{"text": "x", "text[]": "{x}", "interval": "1 s", "integer": "1", "bigint[]": "{1}", "uuid[]": "{00000000-0000-0000-0000-000000000000}"}';
BEGIN
    PERFORM set_config('transaction_read_only', 'on', true);
    EXECUTE (SELECT format('SELECT foreman.%I(%s)', proname, string_agg(format('%L::%s', values ->> format_type(type, NULL), format_type(type, NULL)), ', ' ORDER BY nth) FILTER (WHERE type IS NOT NULL))
               FROM pg_proc LEFT JOIN unnest(proargtypes) WITH ORDINALITY AS a(type, nth) ON true WHERE oid = function GROUP BY oid);
    RAISE 'it ran';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(t.refusal(oid), format('25006 cannot execute foreman.%s() in a read-only transaction', proname), oid::regprocedure || ' is refused')
  FROM pg_proc WHERE pronamespace = 'foreman'::regnamespace AND prokind = 'f' AND proname NOT LIKE E'\\_%' AND proname NOT IN (SELECT name FROM t.reads)
 ORDER BY oid::regprocedure::text;
SELECT * FROM finish();
