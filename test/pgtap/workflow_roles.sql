-- Whose rights and settings count when a workflow decides: those of its type's role, for what decide does; none of them
-- for what the engine writes.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
DROP ROLE IF EXISTS pgtap_wf_owner, pgtap_wf_renamed, pgtap_wf_next, pgtap_wf_caller;
CREATE ROLE pgtap_wf_owner LOGIN;
CREATE ROLE pgtap_wf_next LOGIN;
CREATE ROLE pgtap_wf_caller LOGIN;
ALTER ROLE pgtap_wf_owner SET default_transaction_isolation = 'serializable';
ALTER ROLE pgtap_wf_owner SET default_transaction_read_only = on;
ALTER ROLE pgtap_wf_owner SET search_path = nowhere;
SELECT foreman.create_queue('closed') \g /dev/null
SELECT foreman.grant_role('producer', 'pgtap_wf_caller', 'default'), foreman.grant_role('producer', 'pgtap_wf_owner', 'default') \g /dev/null
SELECT foreman.create_workflow_type('owned', 'w.decide', 'w.evolve', run_as => 'pgtap_wf_owner') \g /dev/null

-- Settings of the role.
SELECT foreman.signal_workflow('owned', '1', '{"do": "A", "timers": [{"key": "t", "after": "0", "input": {"do": "T"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('owned', '1') = 'A T' $$), 'a role whose transactions are read-only and serializable by default decides like any other');

-- The identity of decide, and what it may ask for.
CREATE FUNCTION w.who(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('events', jsonb_build_array(jsonb_build_object('type', current_user || ' ' || current_setting('search_path')))) $$;
SELECT foreman.create_workflow_type('who', 'w.who', 'w.evolve', run_as => 'pgtap_wf_owner') \g /dev/null
SELECT is(t.as_role('pgtap_wf_caller', $$ SELECT outcome FROM foreman.execute('who', '1', '{}') $$), 'accepted', 'a producer feeds a workflow of another role');
SELECT is(w.events('who', '1'), 'pgtap_wf_owner w, pg_temp', 'decide is that role, with the path of its own schema');
SELECT is(current_user || ' ' || session_user, session_user || ' ' || session_user, 'the caller is who it was');
SELECT is(t.as_role('pgtap_wf_next', $$ SELECT outcome FROM foreman.execute('who', '1', '{}') $$), 'ERROR 42501', 'without the right to the queue nobody feeds it');
SELECT throws_ok($$ SELECT foreman.execute('owned', '1', '{"do": "B", "effects": [{"kind": "note", "queue": "closed"}]}') $$, '42501', NULL, 'an effect needs the rights of the type''s role, not of the caller');
SELECT foreman.create_workflow_type('elsewhere', 'w.decide', 'w.evolve', queue => 'closed') \g /dev/null
SELECT throws_like($$ SELECT foreman.execute('owned', '1', '{"do": "B", "signals": [{"workflow_type": "elsewhere", "workflow_id": "1"}]}') $$,
    'decide of workflow type "owned" is wrong: signals[0].workflow_type: %', 'so does a signal');
SELECT throws_like($$ SELECT foreman.execute('owned', '1', '{"do": "B", "children": [{"workflow_type": "elsewhere", "workflow_id": "1"}]}') $$,
    'decide of workflow type "owned" is wrong: children[0].workflow_type: %', 'and a child');
SELECT is(w.state('owned', '1'), 'running 2', 'nothing has happened');
REVOKE EXECUTE ON FUNCTION w.decide FROM PUBLIC;
SELECT throws_like($$ SELECT foreman.execute('owned', '1', '{"do": "B"}') $$, 'permission denied for decide of workflow type "owned": %', 'the role needs the right to its function');
GRANT EXECUTE ON FUNCTION w.decide TO PUBLIC;

-- A schema that only the type's role may use.
CREATE SCHEMA pgtap_wf_hidden;
GRANT USAGE ON SCHEMA pgtap_wf_hidden TO pgtap_wf_owner;
CREATE FUNCTION pgtap_wf_hidden.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"events": [{"type": "A"}]}'::jsonb $$;
CREATE FUNCTION pgtap_wf_hidden.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"a": 1}'::jsonb $$;
SELECT foreman.create_workflow_type('hidden', 'pgtap_wf_hidden.decide', 'pgtap_wf_hidden.evolve', run_as => 'pgtap_wf_owner') \g /dev/null
SELECT is(t.as_role('pgtap_wf_caller', $$ SELECT outcome FROM foreman.execute('hidden', '1', '{}') $$), 'accepted', 'a producer needs no right on the schema of decide');
SELECT foreman.grant_role('monitor', 'pgtap_wf_caller') \g /dev/null
SELECT foreman.alter_workflow_type('hidden', initial_state => '{"b": 1}') \g /dev/null
SELECT is(t.as_role('pgtap_wf_caller', $$ SELECT reason FROM foreman.why_workflow('hidden', '1') $$), 'waits_for_input', 'nor does whoever asks what a workflow waits for');
SELECT foreman.alter_workflow_type('hidden', initial_state => '{"c": 1}') \g /dev/null
SELECT is(t.as_role('pgtap_wf_caller', $$ SELECT ok::text FROM foreman.health() WHERE name = 'workflow_types' $$), 'true', 'nor whoever asks for the health of the database');
SELECT foreman.revoke_role('monitor', 'pgtap_wf_caller') \g /dev/null

-- A type without decide.
CREATE FUNCTION w.only_evolves(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(current_setting('search_path')) $$;
SELECT foreman.create_workflow_type('path', 'w.who', 'w.only_evolves') \g /dev/null
SELECT foreman.execute('path', '1', '{}') \g /dev/null
SELECT foreman.terminate_workflow('path', '1') \g /dev/null
SELECT foreman.alter_workflow_type('path', reset => '{decide}') \g /dev/null
SELECT is(foreman.workflow_state('path', '1', 1), '"w, pg_temp"', 'evolve of a type without decide has the path of its schema');

-- The role is renamed, or gives its workflows to another.
ALTER ROLE pgtap_wf_owner RENAME TO pgtap_wf_renamed;
SELECT is((SELECT outcome FROM foreman.execute('owned', '1', '{"do": "B"}')), 'accepted', 'a role may be renamed');
SELECT foreman.signal_workflow('owned', '1', '{"do": "C"}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('owned', '1') = 'A T B C' $$), 'also while inputs come later');
SELECT foreman.alter_workflow_type('owned', run_as => 'pgtap_wf_next') \g /dev/null
SELECT is((SELECT run_as FROM foreman.workflow_types WHERE workflow_type = 'owned'), 'pgtap_wf_next', 'a type gets another role');
SELECT is((SELECT outcome FROM foreman.execute('owned', '1', '{"do": "D"}')), 'accepted', 'and goes on');
SELECT foreman.reassign_role('pgtap_wf_renamed', 'pgtap_wf_next') \g /dev/null
SELECT is((SELECT run_as FROM foreman.workflow_types WHERE workflow_type = 'who'), 'pgtap_wf_next', 'all that a role has can be given to another');
SELECT is((SELECT outcome FROM foreman.execute('who', '2', '{}')), 'accepted', 'and goes on');
SELECT alike(w.events('who', '2'), 'pgtap_wf_next %', 'as that');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
DROP OWNED BY pgtap_wf_renamed, pgtap_wf_next, pgtap_wf_caller;
SELECT * FROM finish();
DROP ROLE pgtap_wf_renamed, pgtap_wf_caller;
