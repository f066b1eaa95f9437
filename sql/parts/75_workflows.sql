------------------------------------------------------------------------------------------------------------------------
-- Workflows: instances folded from their events, the inputs that they are given, and the effects that they ask for.
-- An instance is one run of (workflow_type, workflow_id). Every input is handled in one transaction that locks the row of
-- its instance, so that events are numbered from 1 without gaps.
------------------------------------------------------------------------------------------------------------------------

-- Functions are stored as qualified names with argument types, as those of handlers are. The role and the queue are those
-- of the handler of kind 'workflow:TYPE', which runs the inputs that come later.
CREATE TABLE foreman.workflow_type (
    workflow_type    pg_catalog.text     COLLATE pg_catalog."C" NOT NULL,
    decide           pg_catalog.text,
    evolve           pg_catalog.text,
    is_terminal      pg_catalog.text,
    unique_key       pg_catalog.text,
    initial_state    pg_catalog.jsonb    NOT NULL,
    snapshot_every   pg_catalog.int4     NOT NULL,
    on_dead_letter   pg_catalog.text     NOT NULL,
    record_inputs    pg_catalog.text     NOT NULL,
    retain_completed pg_catalog.interval,
    created_at       pg_catalog.timestamptz NOT NULL,
    CONSTRAINT workflow_type_pkey PRIMARY KEY (workflow_type)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_type', '');
COMMENT ON TABLE foreman.workflow_type IS 'Types of workflows and their functions; see the view foreman.workflow_types';
COMMENT ON COLUMN foreman.workflow_type.decide IS 'Qualified name and argument types of decide(timestamptz, jsonb, jsonb); NULL: workers outside decide';
COMMENT ON COLUMN foreman.workflow_type.evolve IS 'Qualified name and argument types of evolve(jsonb, jsonb); NULL: the state stays the initial one';
COMMENT ON COLUMN foreman.workflow_type.is_terminal IS 'Qualified name and argument types of is_terminal(jsonb); NULL: no state ends an instance';
COMMENT ON COLUMN foreman.workflow_type.unique_key IS 'Qualified name and argument types of unique_key(jsonb)';
COMMENT ON COLUMN foreman.workflow_type.initial_state IS 'State before the first event';
COMMENT ON COLUMN foreman.workflow_type.snapshot_every IS 'Events after which the state is stored';
COMMENT ON COLUMN foreman.workflow_type.on_dead_letter IS 'input: a discarded effect or timer is given to decide; ignore: it is not';
COMMENT ON COLUMN foreman.workflow_type.record_inputs IS 'Which handled inputs are kept: rejected, all or none';
COMMENT ON COLUMN foreman.workflow_type.retain_completed IS 'How long instances are kept after their end; NULL: 7 days';

-- An event of a version is turned into events of the next one before evolve sees it.
CREATE TABLE foreman.workflow_upcaster (
    workflow_type pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    event_type    pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    from_version  pg_catalog.int4 NOT NULL,
    upcaster      pg_catalog.text NOT NULL,
    CONSTRAINT workflow_upcaster_pkey PRIMARY KEY (workflow_type, event_type, from_version)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_upcaster', '');
COMMENT ON TABLE foreman.workflow_upcaster IS 'Functions that turn an event of one version into events of the next';
COMMENT ON COLUMN foreman.workflow_upcaster.upcaster IS 'Qualified name and argument type of f(jsonb), which returns an event, or an array of events';

CREATE SEQUENCE foreman.workflow_instance_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_instance_seq', '');
COMMENT ON SEQUENCE foreman.workflow_instance_seq IS 'Numbers of instances, in the order of their starts';

-- state: r = running, c = completed, x = cancelled, t = terminated, f = failed, n = continued as a new one.
-- on_parent_end: c = cancel, t = terminate, a = abandon.
CREATE TABLE foreman.workflow_instance (
    instance        pg_catalog.int8        NOT NULL,
    root            pg_catalog.int8        NOT NULL,
    workflow_type   pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    workflow_id     pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    state           pg_catalog."char"      NOT NULL DEFAULT 'r',
    sequence        pg_catalog.int8        NOT NULL DEFAULT 0,
    started_at      pg_catalog.timestamptz NOT NULL,
    last_event_at   pg_catalog.timestamptz,
    ended_at        pg_catalog.timestamptz,
    reason          pg_catalog.text,
    search          pg_catalog.jsonb,
    unique_key      pg_catalog.text        COLLATE pg_catalog."C",
    parent          pg_catalog.int8,
    on_end          pg_catalog.text,
    on_parent_end   pg_catalog."char",
    folded          pg_catalog.jsonb,
    folded_sequence pg_catalog.int8        NOT NULL DEFAULT 0,
    folded_by       pg_catalog.int8,
    failed_effect   pg_catalog.int8,
    task            pg_catalog.int8,
    parked          pg_catalog.jsonb,
    worker_version  pg_catalog.text        COLLATE pg_catalog."C",
    unseen          pg_catalog.int8        NOT NULL DEFAULT 0,
    CONSTRAINT workflow_instance_pkey PRIMARY KEY (instance)
) WITH (fillfactor = 70);
-- The id comes first: statements look for it alone, and compare the type without an index (store/workflows/instances.cpp).
CREATE UNIQUE INDEX workflow_instance_id ON foreman.workflow_instance (workflow_id, workflow_type) WHERE (state OPERATOR(pg_catalog.<>) 'n');
CREATE UNIQUE INDEX workflow_instance_unique ON foreman.workflow_instance (workflow_type, unique_key) WHERE (unique_key IS NOT NULL AND state OPERATOR(pg_catalog.=) 'r');
CREATE INDEX workflow_instance_type ON foreman.workflow_instance (workflow_type, state, instance);
CREATE INDEX workflow_instance_parent ON foreman.workflow_instance (parent) WHERE (parent IS NOT NULL);
CREATE INDEX workflow_instance_ended ON foreman.workflow_instance (ended_at, instance) WHERE (ended_at IS NOT NULL);
CREATE INDEX workflow_instance_search ON foreman.workflow_instance USING gin (search pg_catalog.jsonb_path_ops) WHERE (search IS NOT NULL);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_instance', '');
COMMENT ON TABLE foreman.workflow_instance IS 'Instances of workflows; see the view foreman.workflows';
COMMENT ON COLUMN foreman.workflow_instance.root IS 'First instance of those that continue one another';
COMMENT ON COLUMN foreman.workflow_instance.state IS 'r = running, c = completed, x = cancelled, t = terminated, f = failed, n = continued as a new one';
COMMENT ON COLUMN foreman.workflow_instance.sequence IS 'Number of its last event';
COMMENT ON COLUMN foreman.workflow_instance.reason IS 'Why it was cancelled or terminated, or what made it fail';
COMMENT ON COLUMN foreman.workflow_instance.unique_key IS 'At most one running instance of a type has it';
COMMENT ON COLUMN foreman.workflow_instance.parent IS 'Instance that started it';
COMMENT ON COLUMN foreman.workflow_instance.on_end IS 'Type of the input that its end is to its parent';
COMMENT ON COLUMN foreman.workflow_instance.on_parent_end IS 'c = it is cancelled when its parent ends, t = terminated, a = neither';
COMMENT ON COLUMN foreman.workflow_instance.folded IS 'State after event folded_sequence';
COMMENT ON COLUMN foreman.workflow_instance.failed_effect IS 'Effect whose dead letter made it fail';
COMMENT ON COLUMN foreman.workflow_instance.folded_by IS 'Identity of the evolve that folded it; another evolve folds anew';
COMMENT ON COLUMN foreman.workflow_instance.task IS 'Last job of kind workflow-task:TYPE that was made for workers outside';
COMMENT ON COLUMN foreman.workflow_instance.parked IS 'Why workers outside get no task of it until resume_workflow(): reason, at, and what they submitted instead of what was recorded';
COMMENT ON COLUMN foreman.workflow_instance.worker_version IS 'Workers of this version get its tasks; NULL: any';
COMMENT ON COLUMN foreman.workflow_instance.unseen IS 'Where workers outside decide: bytes of the events that came since one submitted commands, each counted as 1 kB at least';

CREATE SEQUENCE foreman.workflow_position_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_position_seq', '');
COMMENT ON SEQUENCE foreman.workflow_position_seq IS 'Positions of events among those of all instances';

-- Readers of the feed must know who appends: whoever inserts a row draws its position here.
CREATE FUNCTION foreman._next_position()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_next_position';
COMMENT ON FUNCTION foreman._next_position() IS 'Default of foreman.workflow_event.position: readers of the feed stop before it until the transaction has ended';

CREATE TABLE foreman.workflow_event (
    instance    pg_catalog.int8        NOT NULL,
    sequence    pg_catalog.int8        NOT NULL,
    position    pg_catalog.int8        NOT NULL DEFAULT foreman._next_position(),
    event_type  pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    version     pg_catalog.int4        NOT NULL,
    data        pg_catalog.jsonb       NOT NULL,
    recorded_at pg_catalog.timestamptz NOT NULL,
    command     pg_catalog.int4,
    CONSTRAINT workflow_event_pkey PRIMARY KEY (instance, sequence)
);
-- A worker outside submits its commands again and again: each is found by its number, however long the history is.
CREATE UNIQUE INDEX workflow_event_command ON foreman.workflow_event (instance, command) WHERE (command IS NOT NULL);
CREATE INDEX workflow_event_position ON foreman.workflow_event (position);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_event', '');
COMMENT ON TABLE foreman.workflow_event IS 'Events of workflows; see foreman.workflow_events()';
COMMENT ON COLUMN foreman.workflow_event.sequence IS 'Number within its instance, from 1 without gaps';
COMMENT ON COLUMN foreman.workflow_event.position IS 'Order among the events of all instances';
COMMENT ON COLUMN foreman.workflow_event.command IS 'Number of the command of an outside worker that it is; NULL: it is none';
COMMENT ON COLUMN foreman.workflow_event.version IS 'Version of the shape of its data';

CREATE SEQUENCE foreman.workflow_input_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_input_seq', '');
COMMENT ON SEQUENCE foreman.workflow_input_seq IS 'Numbers of inputs, in the order of their arrival';

-- Inputs that wait to be handled, and those that were handled and are kept. state: p = pending, a = accepted,
-- r = rejected, o = came after the end (already completed), d = its job is a dead letter.
-- source: e = execute(), s = a signal, r = the end of an effect, t = a timer, c = the end of a child, b = the start of a
-- child, x = a cancel, k = the parent ended and it with it, u = an effect to be undone after the end,
-- w = workers outside could not do a task, f = the instance is to fail.
CREATE TABLE foreman.workflow_input (
    input          pg_catalog.int8        NOT NULL,
    workflow_type  pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    workflow_id    pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    root           pg_catalog.int8,
    state          pg_catalog."char"      NOT NULL DEFAULT 'p',
    source         pg_catalog."char"      NOT NULL,
    input_id       pg_catalog.text        COLLATE pg_catalog."C",
    payload        pg_catalog.jsonb       NOT NULL,
    begins         pg_catalog.bool        NOT NULL DEFAULT false,
    parent         pg_catalog.int8,
    on_end         pg_catalog.text,
    on_parent_end  pg_catalog."char",
    ends           pg_catalog.bool        NOT NULL DEFAULT false,
    effect         pg_catalog.int8,
    job_id         pg_catalog.int8,
    received_at    pg_catalog.timestamptz NOT NULL,
    handled_at     pg_catalog.timestamptz,
    rejection      pg_catalog.jsonb,
    first_sequence pg_catalog.int8,
    last_sequence  pg_catalog.int8,
    CONSTRAINT workflow_input_pkey PRIMARY KEY (input)
) WITH (fillfactor = 90);
CREATE INDEX workflow_input_pending ON foreman.workflow_input (workflow_type, workflow_id, input) WHERE (state OPERATOR(pg_catalog.=) 'p');
CREATE INDEX workflow_input_held ON foreman.workflow_input (workflow_id, input) WHERE (state OPERATOR(pg_catalog.=) 'p' AND job_id IS NULL);
CREATE INDEX workflow_input_of ON foreman.workflow_input (workflow_type, workflow_id, input) WHERE (state OPERATOR(pg_catalog.<>) 'p');
CREATE INDEX workflow_input_handled ON foreman.workflow_input (handled_at, input) WHERE (handled_at IS NOT NULL);
CREATE UNIQUE INDEX workflow_input_id ON foreman.workflow_input (workflow_type, workflow_id, input_id) WHERE (input_id IS NOT NULL);
CREATE INDEX workflow_input_job ON foreman.workflow_input (job_id) WHERE (job_id IS NOT NULL);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_input', '');
COMMENT ON TABLE foreman.workflow_input IS 'Inputs of workflows that wait, or that are kept; see foreman.workflow_inputs()';
COMMENT ON COLUMN foreman.workflow_input.root IS 'Instance that it is meant for, under the number of the first of those that continue one another; NULL: whichever has the id';
COMMENT ON COLUMN foreman.workflow_input.state IS 'p = pending, a = accepted, r = rejected, o = came after the end, d = its job is a dead letter';
COMMENT ON COLUMN foreman.workflow_input.source IS 'e = execute(), s = signal, r = end of an effect, t = timer, c = end of a child, b = start of a child, x = cancel, k = terminated with its parent, u = effect to be undone, w = workers outside could not do a task, f = the instance is to fail';
COMMENT ON COLUMN foreman.workflow_input.input_id IS 'Name that its sender gave it; a second input of the name is answered as the first was';
COMMENT ON COLUMN foreman.workflow_input.begins IS 'Whether it may begin an instance';
COMMENT ON COLUMN foreman.workflow_input.ends IS 'Whether the instance fails when decide rejects it';
COMMENT ON COLUMN foreman.workflow_input.effect IS 'Effect whose end it is';
COMMENT ON COLUMN foreman.workflow_input.job_id IS 'Job that handles it; NULL while it is held back until workers outside have seen what came before';

CREATE SEQUENCE foreman.workflow_effect_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_effect_seq', '');
COMMENT ON SEQUENCE foreman.workflow_effect_seq IS 'Numbers of effects, in the order in which they were decided';

-- state: o = open, c = completed, f = failed, x = cancelled, u = being undone, n = undone, d = its undo is a dead letter.
CREATE TABLE foreman.workflow_effect (
    effect      pg_catalog.int8        NOT NULL,
    instance    pg_catalog.int8        NOT NULL,
    key         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    sequence    pg_catalog.int8        NOT NULL,
    kind        pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    state       pg_catalog."char"      NOT NULL DEFAULT 'o',
    job_id      pg_catalog.int8        NOT NULL,
    undo_job_id pg_catalog.int8,
    on_result   pg_catalog.text,
    on_failure  pg_catalog.text,
    undo        pg_catalog.jsonb,
    result      pg_catalog.jsonb,
    error       pg_catalog.jsonb,
    decided_at  pg_catalog.timestamptz NOT NULL,
    ended_at    pg_catalog.timestamptz,
    CONSTRAINT workflow_effect_pkey PRIMARY KEY (effect)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX workflow_effect_key ON foreman.workflow_effect (instance, key) WHERE (state OPERATOR(pg_catalog.<>) ALL ('{f,x}'::pg_catalog."char"[]));
CREATE INDEX workflow_effect_of ON foreman.workflow_effect (instance, effect);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_effect', '');
COMMENT ON TABLE foreman.workflow_effect IS 'Effects that workflows decided on; see foreman.workflow_effects()';
COMMENT ON COLUMN foreman.workflow_effect.state IS 'o = open, c = completed, f = failed, x = cancelled, u = being undone, n = undone, d = its undo is a dead letter';
COMMENT ON COLUMN foreman.workflow_effect.sequence IS 'Last event of the decision that asked for it';
COMMENT ON COLUMN foreman.workflow_effect.undo IS 'Job that undoes it: kind, args and options of enqueue()';
COMMENT ON COLUMN foreman.workflow_effect.undo_job_id IS 'Job that undoes it, once it is needed';

-- bundle: operator
CREATE FUNCTION foreman.create_workflow_type(workflow_type pg_catalog.text, decide pg_catalog.text DEFAULT NULL, evolve pg_catalog.text DEFAULT NULL,
    is_terminal pg_catalog.text DEFAULT NULL, initial_state pg_catalog.jsonb DEFAULT '{}', unique_key pg_catalog.text DEFAULT NULL,
    snapshot_every pg_catalog.int4 DEFAULT 100, on_dead_letter pg_catalog.text DEFAULT 'input', record_inputs pg_catalog.text DEFAULT 'rejected',
    retain_completed pg_catalog.interval DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, run_as pg_catalog.regrole DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_workflow_type';
COMMENT ON FUNCTION foreman.create_workflow_type IS 'Defines a type of workflows: decide(now timestamptz, state jsonb, input jsonb) answers events and effects, or rejects; evolve(state jsonb, event jsonb) answers the next state; is_terminal(state jsonb) says whether it is the last one; unique_key(input jsonb) answers a key that one running instance of the type may have. Names as those of handlers. They run as run_as; inputs that come later run in the queue. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.alter_workflow_type(workflow_type pg_catalog.text, decide pg_catalog.text DEFAULT NULL, evolve pg_catalog.text DEFAULT NULL,
    is_terminal pg_catalog.text DEFAULT NULL, initial_state pg_catalog.jsonb DEFAULT NULL, unique_key pg_catalog.text DEFAULT NULL,
    snapshot_every pg_catalog.int4 DEFAULT NULL, on_dead_letter pg_catalog.text DEFAULT NULL, record_inputs pg_catalog.text DEFAULT NULL,
    retain_completed pg_catalog.interval DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, run_as pg_catalog.regrole DEFAULT NULL,
    reset pg_catalog.text[] DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_alter_workflow_type';
COMMENT ON FUNCTION foreman.alter_workflow_type IS 'Changes what is given of a type of workflows, for the instances that run, too. reset takes settings away: decide, evolve, is_terminal, unique_key, retain_completed. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.drop_workflow_type(workflow_type pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drop_workflow_type';
COMMENT ON FUNCTION foreman.drop_workflow_type IS 'Removes a type of workflows that has no running instance. Raises an error when there is no such type, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.create_upcaster(workflow_type pg_catalog.text, event_type pg_catalog.text, from_version pg_catalog.int4, upcaster pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_upcaster';
COMMENT ON FUNCTION foreman.create_upcaster IS 'Says which function turns an event of a version into the event of the next one, an array of events, or an empty array, before evolve sees it: f(event jsonb) returns jsonb. Returns true when there was none, and false when another one was replaced';

-- bundle: operator
CREATE FUNCTION foreman.drop_upcaster(workflow_type pg_catalog.text, event_type pg_catalog.text, from_version pg_catalog.int4, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drop_upcaster';
COMMENT ON FUNCTION foreman.drop_upcaster IS 'Takes an upcaster away. Raises an error when there is none, unless if_exists is given';

-- bundle: producer
CREATE FUNCTION foreman.execute(workflow_type pg_catalog.text, workflow_id pg_catalog.text, input pg_catalog.jsonb, input_id pg_catalog.text DEFAULT NULL,
    expected_sequence pg_catalog.int8 DEFAULT NULL, OUT outcome pg_catalog.text, OUT rejection pg_catalog.jsonb, OUT first_sequence pg_catalog.int8,
    OUT last_sequence pg_catalog.int8)
RETURNS pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_execute';
COMMENT ON FUNCTION foreman.execute IS 'Gives an input to a workflow now, in this transaction, and begins the workflow where its id is new. outcome: accepted, with the numbers of the events that it made; rejected, with what decide answered, and nothing has changed; or already_completed. A second input of an input_id is answered as the first was';

-- bundle: producer
CREATE FUNCTION foreman.signal_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, input pg_catalog.jsonb, input_id pg_catalog.text DEFAULT NULL,
    start pg_catalog.bool DEFAULT true)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_signal_workflow';
COMMENT ON FUNCTION foreman.signal_workflow IS 'Sends an input to a workflow, which handles it soon and in order; it waits until then, and begins the workflow unless start is false. Returns the number of the input; a second one of an input_id is answered the first one''s';

-- bundle: operator
CREATE FUNCTION foreman.cancel_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_workflow';
COMMENT ON FUNCTION foreman.cancel_workflow IS 'Asks a workflow to end: decide gets {"type": "cancel", "reason": ...}; where it rejects that, open effects, timers and children are cancelled, what was done is undone, and it ends as cancelled. Returns cancel_requested, finished or not_found';

-- bundle: operator
CREATE FUNCTION foreman.terminate_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_terminate_workflow';
COMMENT ON FUNCTION foreman.terminate_workflow IS 'Ends a workflow at once, in any state; decide is not asked and nothing is undone. Returns terminated, finished or not_found';

-- bundle: producer operator
CREATE FUNCTION foreman.workflow_state(workflow_type pg_catalog.text, workflow_id pg_catalog.text, at_sequence pg_catalog.int8 DEFAULT NULL)
RETURNS pg_catalog.jsonb LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_workflow_state';
COMMENT ON FUNCTION foreman.workflow_state IS 'The state of a workflow, now or as it was after an event. Raises an error when there is no such workflow or event';

-- bundle: operator
CREATE FUNCTION foreman.set_search_attributes(workflow_type pg_catalog.text, workflow_id pg_catalog.text, search pg_catalog.jsonb)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_set_search_attributes';
COMMENT ON FUNCTION foreman.set_search_attributes IS 'Merges attributes into those by which a workflow is found; a null takes one away. Returns true';

-- bundle: worker
CREATE FUNCTION foreman.claim_workflow_task(types pg_catalog.text[], worker_id pg_catalog.text, qty pg_catalog.int4 DEFAULT 1,
    lease pg_catalog.interval DEFAULT NULL, worker_version pg_catalog.text DEFAULT NULL,
    OUT workflow_type pg_catalog.text, OUT workflow_id pg_catalog.text, OUT job_id pg_catalog.int8, OUT token pg_catalog.uuid,
    OUT sequence pg_catalog.int8, OUT history pg_catalog.jsonb, OUT attempt pg_catalog.int4, OUT leased_until pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_claim_workflow_task';
COMMENT ON FUNCTION foreman.claim_workflow_task IS 'Leases workflows of these types, which have no decide, to an outside worker: those that something happened to. history: all events, [{"sequence", "type", "data", "at"}, ...]. heartbeat(job_id, token) extends the lease, submit_commands() ends it. A workflow whose first task was claimed with a worker_version goes to workers of that version from then on. Never waits';

-- bundle: worker
CREATE FUNCTION foreman.submit_commands(workflow_type pg_catalog.text, workflow_id pg_catalog.text, token pg_catalog.uuid, commands pg_catalog.jsonb)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_submit_commands';
COMMENT ON FUNCTION foreman.submit_commands IS 'What a worker decided for a workflow that it has leased: [{"command": "schedule_effect", "sequence": 1, ...}, ...], all or nothing. Commands that the history has already are passed over. Returns accepted; lost, when the lease has ended: nothing has changed; or parked, when a command is not the one that the history has';

-- bundle: operator
CREATE FUNCTION foreman.resume_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_resume_workflow';
COMMENT ON FUNCTION foreman.resume_workflow IS 'Lets workers of any version have a workflow again that was parked, and records who did it and why. Returns true; raises an error when it is not parked';

-- bundle: operator monitor
CREATE VIEW foreman.workflow_types WITH (security_barrier) AS
SELECT t.workflow_type, t.decide, t.evolve, t.is_terminal, t.unique_key, t.initial_state, t.snapshot_every, t.on_dead_letter, t.record_inputs,
       t.retain_completed, h.queue, h.run_as::pg_catalog.text AS run_as, t.created_at,
       (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('event_type', u.event_type, 'from_version', u.from_version, 'upcaster', u.upcaster)
               ORDER BY u.event_type, u.from_version)
          FROM foreman.workflow_upcaster u WHERE u.workflow_type OPERATOR(pg_catalog.=) t.workflow_type) AS upcasters
  FROM foreman.workflow_type t JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) t.workflow_type)
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman.workflow_types IS 'Types of workflows: which functions decide, and how';
COMMENT ON COLUMN foreman.workflow_types.workflow_type IS 'Name';
COMMENT ON COLUMN foreman.workflow_types.decide IS 'Function that answers an input; NULL: workers outside decide';
COMMENT ON COLUMN foreman.workflow_types.evolve IS 'Function that folds an event into the state';
COMMENT ON COLUMN foreman.workflow_types.is_terminal IS 'Function that says whether a state ends the workflow';
COMMENT ON COLUMN foreman.workflow_types.unique_key IS 'Function that answers a key that one running workflow of the type may have';
COMMENT ON COLUMN foreman.workflow_types.initial_state IS 'State before the first event';
COMMENT ON COLUMN foreman.workflow_types.snapshot_every IS 'Events after which the state is stored';
COMMENT ON COLUMN foreman.workflow_types.on_dead_letter IS 'input: decide hears of discarded effects and timers; ignore: it does not';
COMMENT ON COLUMN foreman.workflow_types.record_inputs IS 'Which handled inputs are kept: rejected, all or none';
COMMENT ON COLUMN foreman.workflow_types.retain_completed IS 'How long workflows are kept after their end';
COMMENT ON COLUMN foreman.workflow_types.queue IS 'Queue of the jobs that handle later inputs';
COMMENT ON COLUMN foreman.workflow_types.run_as IS 'Role that the functions run as';
COMMENT ON COLUMN foreman.workflow_types.created_at IS 'When it was defined';
COMMENT ON COLUMN foreman.workflow_types.upcasters IS 'Functions that turn events of old versions into newer ones';

-- bundle: operator monitor
CREATE VIEW foreman.workflows WITH (security_barrier) AS
SELECT i.workflow_type, i.workflow_id,
       CASE i.state WHEN 'r' THEN 'running' WHEN 'c' THEN 'completed' WHEN 'x' THEN 'cancelled' WHEN 't' THEN 'terminated' WHEN 'f' THEN 'failed' ELSE 'continued' END AS state,
       i.sequence, i.started_at, i.last_event_at, i.ended_at, CASE WHEN foreman._sees_args(h.queue) THEN i.reason END AS reason,
       CASE WHEN foreman._sees_args(h.queue) THEN i.search END AS search,
       CASE WHEN p.instance IS NOT NULL THEN pg_catalog.jsonb_build_object('workflow_type', p.workflow_type, 'workflow_id', p.workflow_id) END AS parent,
       h.run_as::pg_catalog.text AS run_as, h.queue, i.unique_key, i.instance,
       CASE WHEN foreman._sees_args(h.queue) THEN i.parked END AS parked, i.worker_version
  FROM foreman.workflow_instance i
  JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) i.workflow_type)
  LEFT JOIN foreman.workflow_instance p ON p.instance OPERATOR(pg_catalog.=) i.parent
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman.workflows IS 'Workflows: running ones, and those that have ended until their retention is over';
COMMENT ON COLUMN foreman.workflows.workflow_type IS 'Type';
COMMENT ON COLUMN foreman.workflows.workflow_id IS 'Id, one for each type';
COMMENT ON COLUMN foreman.workflows.state IS 'running, completed, cancelled, terminated, failed or continued';
COMMENT ON COLUMN foreman.workflows.sequence IS 'Number of its last event';
COMMENT ON COLUMN foreman.workflows.started_at IS 'When it was begun';
COMMENT ON COLUMN foreman.workflows.last_event_at IS 'When its last event was recorded';
COMMENT ON COLUMN foreman.workflows.ended_at IS 'When it ended';
COMMENT ON COLUMN foreman.workflows.reason IS 'Why it was cancelled or terminated, or what made it fail';
COMMENT ON COLUMN foreman.workflows.search IS 'Attributes that it is found by';
COMMENT ON COLUMN foreman.workflows.parent IS 'Workflow that started it';
COMMENT ON COLUMN foreman.workflows.run_as IS 'Role that its functions run as';
COMMENT ON COLUMN foreman.workflows.queue IS 'Queue of the jobs that handle later inputs';
COMMENT ON COLUMN foreman.workflows.unique_key IS 'Key that no other running workflow of the type has';
COMMENT ON COLUMN foreman.workflows.instance IS 'Number; workflows that were begun later have greater ones';
COMMENT ON COLUMN foreman.workflows.parked IS 'Why workers outside get no task of it until resume_workflow()';
COMMENT ON COLUMN foreman.workflows.worker_version IS 'Workers of this version get its tasks; NULL: any';

-- bundle: operator monitor
CREATE VIEW foreman._workflow_events WITH (security_barrier) AS
SELECT e.position, i.workflow_type, i.workflow_id, e.sequence, e.event_type, e.version,
       CASE WHEN foreman._sees_args(h.queue) THEN e.data END AS data, e.recorded_at
  FROM foreman.workflow_event e
  JOIN foreman.workflow_instance i ON i.instance OPERATOR(pg_catalog.=) e.instance AND i.state OPERATOR(pg_catalog.<>) 'n'
  JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) i.workflow_type)
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman._workflow_events IS 'Events of workflows, for foreman.workflow_events()';
COMMENT ON COLUMN foreman._workflow_events.position IS 'Order among the events of all workflows';
COMMENT ON COLUMN foreman._workflow_events.workflow_type IS 'Type';
COMMENT ON COLUMN foreman._workflow_events.workflow_id IS 'Id';
COMMENT ON COLUMN foreman._workflow_events.sequence IS 'Number within its workflow';
COMMENT ON COLUMN foreman._workflow_events.event_type IS 'Type of the event';
COMMENT ON COLUMN foreman._workflow_events.version IS 'Version of the shape of its data';
COMMENT ON COLUMN foreman._workflow_events.data IS 'Data; NULL without the right to see it';
COMMENT ON COLUMN foreman._workflow_events.recorded_at IS 'When it was recorded';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_events(workflow_type pg_catalog.text, workflow_id pg_catalog.text, after_sequence pg_catalog.int8 DEFAULT 0, max_rows pg_catalog.int4 DEFAULT 1000)
RETURNS TABLE ("position" pg_catalog.int8, sequence pg_catalog.int8, event_type pg_catalog.text, version pg_catalog.int4, data pg_catalog.jsonb, recorded_at pg_catalog.timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT e.position, e.sequence, e.event_type, e.version, e.data, e.recorded_at FROM foreman._workflow_events e
 WHERE e.workflow_type OPERATOR(pg_catalog.=) workflow_events.workflow_type AND e.workflow_id OPERATOR(pg_catalog.=) workflow_events.workflow_id
   AND e.sequence OPERATOR(pg_catalog.>) workflow_events.after_sequence ORDER BY e.sequence LIMIT workflow_events.max_rows;
END;
COMMENT ON FUNCTION foreman.workflow_events IS 'Events of a workflow after a number, in their order, at most max_rows';

-- bundle: operator monitor
CREATE VIEW foreman._workflow_inputs WITH (security_barrier) AS
SELECT i.workflow_type, i.workflow_id, i.input,
       CASE i.state WHEN 'p' THEN 'pending' WHEN 'a' THEN 'accepted' WHEN 'r' THEN 'rejected' WHEN 'o' THEN 'already_completed' ELSE 'dead' END AS state,
       CASE i.source WHEN 'e' THEN 'execute' WHEN 's' THEN 'signal' WHEN 'r' THEN 'effect' WHEN 't' THEN 'timer' WHEN 'c' THEN 'child' WHEN 'b' THEN 'start'
            WHEN 'x' THEN 'cancel' WHEN 'k' THEN 'terminate' WHEN 'u' THEN 'undo' WHEN 'w' THEN 'task' ELSE 'fail' END AS source,
       i.input_id, CASE WHEN foreman._sees_args(h.queue) THEN i.payload END AS payload, i.received_at, i.handled_at,
       CASE WHEN foreman._sees_args(h.queue) THEN i.rejection END AS rejection, i.first_sequence, i.last_sequence, i.job_id
  FROM foreman.workflow_input i JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) i.workflow_type)
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman._workflow_inputs IS 'Inputs of workflows, for foreman.workflow_inputs()';
COMMENT ON COLUMN foreman._workflow_inputs.workflow_type IS 'Type';
COMMENT ON COLUMN foreman._workflow_inputs.workflow_id IS 'Id';
COMMENT ON COLUMN foreman._workflow_inputs.input IS 'Number';
COMMENT ON COLUMN foreman._workflow_inputs.state IS 'pending, accepted, rejected, already_completed or dead';
COMMENT ON COLUMN foreman._workflow_inputs.source IS 'execute, signal, effect, timer, child, start, cancel, terminate, undo, task or fail';
COMMENT ON COLUMN foreman._workflow_inputs.input_id IS 'Name that its sender gave it';
COMMENT ON COLUMN foreman._workflow_inputs.payload IS 'What decide gets; NULL without the right to see it';
COMMENT ON COLUMN foreman._workflow_inputs.received_at IS 'When it came';
COMMENT ON COLUMN foreman._workflow_inputs.handled_at IS 'When it was handled';
COMMENT ON COLUMN foreman._workflow_inputs.rejection IS 'What decide answered';
COMMENT ON COLUMN foreman._workflow_inputs.first_sequence IS 'First event that it made';
COMMENT ON COLUMN foreman._workflow_inputs.last_sequence IS 'Last event that it made';
COMMENT ON COLUMN foreman._workflow_inputs.job_id IS 'Job that handles it; NULL while it is held back until workers outside have seen what came before';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_inputs(workflow_type pg_catalog.text, workflow_id pg_catalog.text)
RETURNS TABLE (input pg_catalog.int8, state pg_catalog.text, source pg_catalog.text, input_id pg_catalog.text, payload pg_catalog.jsonb, received_at pg_catalog.timestamptz,
    handled_at pg_catalog.timestamptz, rejection pg_catalog.jsonb, first_sequence pg_catalog.int8, last_sequence pg_catalog.int8, job_id pg_catalog.int8)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT i.input, i.state, i.source, i.input_id, i.payload, i.received_at, i.handled_at, i.rejection, i.first_sequence, i.last_sequence, i.job_id
  FROM foreman._workflow_inputs i WHERE i.workflow_type OPERATOR(pg_catalog.=) workflow_inputs.workflow_type
   AND i.workflow_id OPERATOR(pg_catalog.=) workflow_inputs.workflow_id ORDER BY i.input;
END;
COMMENT ON FUNCTION foreman.workflow_inputs IS 'Inputs of a workflow that wait, and handled ones that were kept (record_inputs, input_id), in their order';

-- bundle: operator monitor
CREATE VIEW foreman._workflow_effects WITH (security_barrier) AS
SELECT i.workflow_type, i.workflow_id, e.key, e.kind,
       CASE e.state WHEN 'o' THEN 'open' WHEN 'c' THEN 'completed' WHEN 'f' THEN 'failed' WHEN 'x' THEN 'cancelled' WHEN 'u' THEN 'undoing' WHEN 'n' THEN 'undone' ELSE 'undo_failed' END AS state,
       e.job_id, e.undo_job_id, e.sequence, CASE WHEN foreman._sees_args(h.queue) THEN e.error END AS error, e.decided_at, e.ended_at, e.effect
  FROM foreman.workflow_effect e
  JOIN foreman.workflow_instance i ON i.instance OPERATOR(pg_catalog.=) e.instance AND i.state OPERATOR(pg_catalog.<>) 'n'
  JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) i.workflow_type)
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman._workflow_effects IS 'Effects of workflows, for foreman.workflow_effects()';
COMMENT ON COLUMN foreman._workflow_effects.workflow_type IS 'Type';
COMMENT ON COLUMN foreman._workflow_effects.workflow_id IS 'Id';
COMMENT ON COLUMN foreman._workflow_effects.key IS 'Key';
COMMENT ON COLUMN foreman._workflow_effects.kind IS 'Kind of its job';
COMMENT ON COLUMN foreman._workflow_effects.state IS 'open, completed, failed, cancelled, undoing, undone or undo_failed';
COMMENT ON COLUMN foreman._workflow_effects.job_id IS 'Its job';
COMMENT ON COLUMN foreman._workflow_effects.undo_job_id IS 'Job that undoes it';
COMMENT ON COLUMN foreman._workflow_effects.sequence IS 'Last event of the decision that asked for it';
COMMENT ON COLUMN foreman._workflow_effects.error IS 'What made it fail; NULL without the right to see it';
COMMENT ON COLUMN foreman._workflow_effects.decided_at IS 'When it was decided';
COMMENT ON COLUMN foreman._workflow_effects.ended_at IS 'When its job ended';
COMMENT ON COLUMN foreman._workflow_effects.effect IS 'Number';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_effects(workflow_type pg_catalog.text, workflow_id pg_catalog.text)
RETURNS TABLE (key pg_catalog.text, kind pg_catalog.text, state pg_catalog.text, job_id pg_catalog.int8, undo_job_id pg_catalog.int8, sequence pg_catalog.int8, error pg_catalog.jsonb,
    decided_at pg_catalog.timestamptz, ended_at pg_catalog.timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT e.key, e.kind, e.state, e.job_id, e.undo_job_id, e.sequence, e.error, e.decided_at, e.ended_at
  FROM foreman._workflow_effects e WHERE e.workflow_type OPERATOR(pg_catalog.=) workflow_effects.workflow_type
   AND e.workflow_id OPERATOR(pg_catalog.=) workflow_effects.workflow_id ORDER BY e.effect;
END;
COMMENT ON FUNCTION foreman.workflow_effects IS 'Effects that a workflow decided on, in their order, each with its job';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_children(workflow_type pg_catalog.text, workflow_id pg_catalog.text)
RETURNS TABLE (child_type pg_catalog.text, child_id pg_catalog.text, state pg_catalog.text, started_at pg_catalog.timestamptz, ended_at pg_catalog.timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT c.workflow_type, c.workflow_id, c.state, c.started_at, c.ended_at FROM foreman.workflows c
 WHERE c.parent OPERATOR(pg_catalog.=) pg_catalog.jsonb_build_object('workflow_type', workflow_children.workflow_type, 'workflow_id', workflow_children.workflow_id)
 ORDER BY c.instance;
END;
COMMENT ON FUNCTION foreman.workflow_children IS 'Workflows that a workflow started';
