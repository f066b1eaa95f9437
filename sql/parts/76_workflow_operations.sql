------------------------------------------------------------------------------------------------------------------------
-- Workflows: how they are tested, seen and operated.
------------------------------------------------------------------------------------------------------------------------

-- Tests of a workflow type without an instance. Nothing is stored.
-- bundle: operator
CREATE FUNCTION foreman.given_events(workflow_type pg_catalog.text, events pg_catalog.jsonb)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_given_events';
COMMENT ON FUNCTION foreman.given_events IS 'Tests of a workflow type: folds these events for the when_input() that follows in this session. Nothing is stored';

-- bundle: operator
CREATE FUNCTION foreman.when_input(input pg_catalog.jsonb)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_when_input';
COMMENT ON FUNCTION foreman.when_input IS 'Tests of a workflow type: asks decide, for the then_ functions that follow. The events of an accepted input are folded for the next one. Nothing is stored';

-- bundle: operator
CREATE FUNCTION foreman.then_events(events pg_catalog.jsonb, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_then_events';
COMMENT ON FUNCTION foreman.then_events IS 'pgTAP: passes when the input of when_input() was accepted with exactly these events. data and version may be left out where they are {} and 1';

-- bundle: operator
CREATE FUNCTION foreman.then_effects(effects pg_catalog.jsonb, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_then_effects';
COMMENT ON FUNCTION foreman.then_effects IS 'pgTAP: passes when decide asked for as many effects in this order, each of which contains what is given here; [] for none';

-- bundle: operator
CREATE FUNCTION foreman.then_timers(timers pg_catalog.jsonb, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_then_timers';
COMMENT ON FUNCTION foreman.then_timers IS 'pgTAP: passes when decide set as many timers in this order, each of which contains what is given here; [] for none';

-- bundle: operator
CREATE FUNCTION foreman.then_rejected(rejection pg_catalog.jsonb DEFAULT NULL, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_then_rejected';
COMMENT ON FUNCTION foreman.then_rejected IS 'pgTAP: passes when decide rejected the input of when_input(), with this where it is given';

-- bundle: producer worker operator monitor
CREATE FUNCTION foreman.why_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, OUT reason pg_catalog.text, OUT detail pg_catalog.jsonb,
    OUT until pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_why_workflow';
COMMENT ON FUNCTION foreman.why_workflow IS 'Says what a workflow waits for: a row for each input, effect, undo, timer and child, with why its job does not run; or how it ended';

-- bundle: operator monitor
CREATE FUNCTION foreman.list_workflows(workflow_type pg_catalog.text DEFAULT NULL, state pg_catalog.text DEFAULT NULL, search pg_catalog.jsonb DEFAULT NULL,
    since pg_catalog.timestamptz DEFAULT NULL, before pg_catalog.int8 DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT 100)
RETURNS SETOF foreman.workflows LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_list_workflows';
COMMENT ON FUNCTION foreman.list_workflows IS 'Workflows that match, the newest first: of a type, in a state, with these search attributes, begun since then. before is the instance of the last row of the page before';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_graph(workflow_type pg_catalog.text)
RETURNS pg_catalog.text LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_workflow_graph';
COMMENT ON FUNCTION foreman.workflow_graph IS 'A flowchart in Mermaid of the types of events that followed one another, with how often, in the newest 1000 workflows of the type';

-- bundle: operator
CREATE FUNCTION foreman.workflow_dead_letters(workflow_type pg_catalog.text DEFAULT NULL, workflow_id pg_catalog.text DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 100, what pg_catalog.text DEFAULT NULL, OUT job_id pg_catalog.int8, OUT what pg_catalog.text, OUT workflow_type pg_catalog.text,
    OUT workflow_id pg_catalog.text, OUT name pg_catalog.text, OUT kind pg_catalog.text, OUT queue pg_catalog.text, OUT args pg_catalog.jsonb, OUT attempts pg_catalog.int4,
    OUT discarded_at pg_catalog.timestamptz, OUT reason pg_catalog.text, OUT errors pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_workflow_dead_letters';
COMMENT ON FUNCTION foreman.workflow_dead_letters IS 'Dead letters of workflows, the latest first: of a type, of one workflow; what: effect, undo, input or timer. before_id is the last job_id of the page before';

-- bundle: operator
CREATE FUNCTION foreman.count_workflow_dead_letters(workflow_type pg_catalog.text DEFAULT NULL, workflow_id pg_catalog.text DEFAULT NULL, what pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_count_workflow_dead_letters';
COMMENT ON FUNCTION foreman.count_workflow_dead_letters IS 'How many dead letters workflows have';

-- bundle: operator
CREATE FUNCTION foreman.retry_workflow_dead_letters(workflow_type pg_catalog.text DEFAULT NULL, workflow_id pg_catalog.text DEFAULT NULL, what pg_catalog.text DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 1000)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_workflow_dead_letters';
COMMENT ON FUNCTION foreman.retry_workflow_dead_letters IS 'Makes dead letters of workflows due again, with all of their attempts: what an effect answers then reaches decide, as ever. Returns how many';

-- bundle: operator
CREATE FUNCTION foreman.retry_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_workflow';
COMMENT ON FUNCTION foreman.retry_workflow IS 'Lets a failed workflow go on where it failed: the effect or timer that failed is tried again, and the effects and timers that the failure cancelled are there again. Returns the number of the event foreman.Retried';

-- bundle: operator
CREATE FUNCTION foreman.fork_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, at_sequence pg_catalog.int8, new_id pg_catalog.text,
    reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_fork_workflow';
COMMENT ON FUNCTION foreman.fork_workflow IS 'Begins a workflow with the events of another one up to at_sequence, and its search attributes; effects, timers and children are not copied. Returns the number of the event foreman.Forked';

-- bundle: operator
CREATE FUNCTION foreman.check_workflow_type(workflow_type pg_catalog.text, decide pg_catalog.text DEFAULT NULL, evolve pg_catalog.text DEFAULT NULL,
    is_terminal pg_catalog.text DEFAULT NULL, sample pg_catalog.int4 DEFAULT 100, OUT workflow_id pg_catalog.text, OUT sequence pg_catalog.int8, OUT problem pg_catalog.text,
    OUT detail pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_check_workflow_type';
COMMENT ON FUNCTION foreman.check_workflow_type IS 'Folds the histories of the newest workflows of a type with other functions, and tells of each where something raises (error), where the state is another one than before (state_differs), where decide answers an input that was kept with other events than are recorded (decision_differs), and where it ends differently (end_differs). Changes nothing';

-- bundle: operator
CREATE FUNCTION foreman.mask_events(workflow_type pg_catalog.text, workflow_id pg_catalog.text, masker pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_mask_events';
COMMENT ON FUNCTION foreman.mask_events IS 'Replaces the data of the events of a workflow by what masker(event jsonb) returns, unless that is NULL, and folds its state anew. Who did it and when is the event foreman.Masked. Returns how many events changed';
