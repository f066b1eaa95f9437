-- Functions that are to come are checked against stored histories, and personal data is taken out of them.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
SELECT foreman.execute('order', '1', '{"do": "A", "data": {"name": "Ann", "n": 1}}'), foreman.execute('order', '1', '{"do": "B"}'), foreman.execute('order', '2', '{"do": "A"}'), foreman.execute('order', '2', '{"do": "End"}') \g /dev/null
CREATE FUNCTION w.seen(type text, evolve text DEFAULT NULL, is_terminal text DEFAULT NULL) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s at %s: %s', workflow_id, sequence, problem) FROM foreman.check_workflow_type(type, evolve => seen.evolve, is_terminal => seen.is_terminal) $$;
SELECT is_empty($$ SELECT w.seen('order') $$, 'the functions that it has make no difference');
SELECT is_empty($$ SELECT w.seen('order', 'w.evolve') $$, 'nor do the same ones by name');

CREATE FUNCTION w.forgets(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT w.evolve(state, event) - 'n' $$;
SELECT results_eq($$ SELECT w.seen('order', 'w.forgets') $$, $$ VALUES ('2 at 2: state_differs'), ('1 at 2: state_differs') $$, 'an evolve that folds another state is told of, with the workflow and the event');
SELECT is((SELECT detail FROM foreman.check_workflow_type('order', evolve => 'w.forgets', sample => 1)), '{"folded": {"data": {}, "seen": ["A", "End"]}, "stored": {"n": 2, "data": {}, "seen": ["A", "End"]}}', 'and both states');
CREATE FUNCTION w.stumbles(state jsonb, event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN IF event ->> 'type' = 'B' THEN RAISE 'no B' USING ERRCODE = 'P0009'; END IF; RETURN w.evolve(state, event); END $$;
SELECT results_eq($$ SELECT w.seen('order', 'w.stumbles') $$, $$ VALUES ('1 at 2: error') $$, 'one that raises is told of, with the event');
SELECT is((SELECT detail FROM foreman.check_workflow_type('order', evolve => 'w.stumbles')), '{"message": "no B", "sqlstate": "P0009"}', 'and what it raised');
CREATE FUNCTION w.never(state jsonb) RETURNS bool LANGUAGE sql RETURN false;
CREATE FUNCTION w.always(state jsonb) RETURNS bool LANGUAGE sql RETURN true;
SELECT results_eq($$ SELECT w.seen('order', NULL, 'w.never') $$, $$ VALUES ('2 at 2: end_differs') $$, 'an end that is none any more is told of');
SELECT results_eq($$ SELECT w.seen('order', NULL, 'w.always') $$, $$ VALUES ('1 at 2: end_differs') $$, 'and one that comes too early');
CREATE TABLE w.trace (what text);
CREATE FUNCTION w.writes(state jsonb, event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN INSERT INTO w.trace VALUES ('x'); RETURN w.evolve(state, event); END $$;
SELECT is_empty($$ SELECT w.seen('order', 'w.writes') $$, 'one that writes folds the same');
SELECT is((SELECT count(*) FROM w.trace), 0::int8, 'and what it wrote is rolled back');
SELECT is((SELECT evolve FROM foreman.workflow_types WHERE workflow_type = 'order'), 'w.evolve(pg_catalog.jsonb,pg_catalog.jsonb)', 'the type is as it was');
SELECT is((SELECT outcome FROM foreman.execute('order', '1', '{"do": "C"}')), 'accepted', 'and so are its functions');
SELECT is(foreman.workflow_state('order', '1') -> 'n', '3', 'in this session too');
SELECT throws_ok($$ SELECT foreman.check_workflow_type('order', evolve => 'w.nothing') $$, '42883', NULL, 'a function that is not there is refused');
SELECT throws_ok($$ SELECT foreman.check_workflow_type('order', decide => 'w.evolve(jsonb, jsonb)') $$, '42P13', NULL, 'so is one that takes something else');
SELECT throws_ok($$ SELECT foreman.check_workflow_type('nothing') $$, '42704', NULL, 'the type must be there');

-- decide is asked again about the inputs that were kept, each for the state before it.
SELECT foreman.create_workflow_type('kept', 'w.decide', 'w.evolve', 'w.is_terminal', record_inputs => 'all') \g /dev/null
SELECT foreman.execute('kept', 'k', '{"do": "A"}'), foreman.execute('kept', 'k', '{"reject": "no"}'), foreman.execute('kept', 'k', '{"events": [{"type": "B"}, {"type": "C", "data": {"x": 1}, "version": 2}]}'),
       foreman.execute('kept', 'k', '{"do": "D", "only after": "C"}'), foreman.execute('kept', 'other', '{"do": "A"}') \g /dev/null
SELECT foreman.signal_workflow('kept', 'k', '{"do": "E"}'), foreman.drain() \g /dev/null
SELECT ok(t.wait_until($$ w.events('kept', 'k') = 'A B C D E' $$), 'a signal is handled');
CREATE FUNCTION w.decided(decide text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s at %s: %s', workflow_id, sequence, problem) FROM foreman.check_workflow_type('kept', decide => decided.decide) $$;
SELECT is_empty($$ SELECT w.decided(NULL) $$, 'the decide that it has answers the same again');
CREATE FUNCTION w.changed(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT CASE WHEN input ->> 'do' = 'D' THEN '{"events": [{"type": "D", "data": {"more": 1}}]}' ELSE w.decide(now, state, input) END $$;
SELECT results_eq($$ SELECT w.decided('w.changed') $$, $$ VALUES ('k at 4: decision_differs') $$, 'one that answers other events is told of, with the workflow and the event');
SELECT is((SELECT detail FROM foreman.check_workflow_type('kept', decide => 'w.changed')),
    '{"input": {"do": "D", "only after": "C"}, "recorded": [{"type": "D", "data": {}, "version": 1}], "decided": [{"type": "D", "data": {"more": 1}}]}', 'with the input and both answers');
CREATE FUNCTION w.fewer(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT CASE WHEN input ? 'events' THEN '{"events": [{"type": "B"}]}' ELSE w.decide(now, state, input) END $$;
SELECT results_eq($$ SELECT w.decided('w.fewer') $$, $$ VALUES ('k at 2: decision_differs') $$, 'so is one that answers fewer');
CREATE FUNCTION w.refuses(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT CASE WHEN input ->> 'do' = 'E' THEN '{"reject": "never"}' ELSE w.decide(now, state, input) END $$;
SELECT results_eq($$ SELECT w.decided('w.refuses') $$, $$ VALUES ('k at 5: decision_differs') $$, 'one that rejects');
CREATE FUNCTION w.raises(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN IF input ->> 'do' = 'E' THEN RAISE 'no E'; END IF; RETURN w.decide(now, state, input); END $$;
SELECT results_eq($$ SELECT w.decided('w.raises') $$, $$ VALUES ('k at 5: error') $$, 'and one that raises');
CREATE FUNCTION w.of_state(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT CASE WHEN (state ->> 'n')::int = 3 THEN '{"events": [{"type": "Third"}]}' ELSE w.decide(now, state, input) END $$;
SELECT results_eq($$ SELECT w.decided('w.of_state') $$, $$ VALUES ('k at 4: decision_differs') $$, 'decide gets the state before the input');
CREATE FUNCTION w.keeps(event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT event -> 'data' || '{"y": 1}' $$;
SELECT foreman.mask_events('kept', 'k', 'w.keeps') \g /dev/null
SELECT is_empty($$ SELECT w.decided('w.changed') $$, 'masked events are not compared');

-- Masking.
CREATE FUNCTION w.mask(event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT CASE WHEN event -> 'data' ? 'name' THEN event -> 'data' || '{"name": "***"}' END $$;
SELECT is(foreman.mask_events('order', '1', 'w.mask'), 1::int8, 'the events of a workflow are masked');
SELECT is((SELECT data FROM foreman.workflow_events('order', '1', max_rows => 1)), '{"n": 1, "name": "***"}', 'what the masker says is there');
SELECT is((SELECT count(*) FROM foreman.workflow_event WHERE data::text LIKE '%Ann%') + (SELECT count(*) FROM foreman.workflow_instance WHERE folded::text LIKE '%Ann%'), 0::int8, 'and nothing else, snapshots included');
SELECT is(foreman.workflow_state('order', '1', 1) -> 'data', '{"n": 1, "name": "***"}', 'the state is folded anew');
SELECT is((SELECT data FROM foreman.workflow_events('order', '1', 3)), jsonb_build_object('by', current_user, 'events', 1, 'masker', 'w.mask(pg_catalog.jsonb)'), 'who did it is in the history');
SELECT is(w.events('order', '1'), 'A B C foreman.Masked', 'and when');
SELECT is((SELECT outcome FROM foreman.execute('order', '1', '{"do": "D"}')), 'accepted', 'it goes on');
SELECT is(foreman.mask_events('order', '2', 'w.mask'), 0::int8, 'one that has ended is masked too');
SELECT is(w.state('order', '2'), 'completed 3', 'and stays so');
CREATE FUNCTION w.spoils(event jsonb) RETURNS jsonb LANGUAGE sql RETURN '{"evolve raises": 1}'::jsonb;
SELECT throws_ok($$ SELECT foreman.mask_events('order', '1', 'w.spoils') $$, 'P0001', 'evolve does not like this', 'what evolve does not take is refused');
SELECT is(w.events('order', '1'), 'A B C foreman.Masked D', 'and nothing has changed');
SELECT throws_ok($$ SELECT foreman.mask_events('order', 'nobody', 'w.mask') $$, '42704', NULL, 'the workflow must be there');

-- Functions run as the type's role: who cannot become it does not name them.
CREATE ROLE history_operator LOGIN;
SELECT foreman.grant_role('operator', 'history_operator', 'default') \g /dev/null
SET ROLE history_operator;
SELECT throws_ok($$ SELECT foreman.check_workflow_type('order', evolve => 'w.evolve') $$, '42501', NULL, 'an operator does not have his function checked as another role');
SELECT throws_ok($$ SELECT foreman.mask_events('order', '1', 'w.mask') $$, '42501', NULL, 'nor mask as it');
SELECT throws_ok($$ SELECT foreman.alter_workflow_type('order', decide => 'w.decide') $$, '42501', NULL, 'nor decide as it');
SELECT throws_ok($$ SELECT foreman.create_upcaster('order', 'A', 1, 'w.mask') $$, '42501', NULL, 'nor upcast as it');
SELECT lives_ok($$ SELECT foreman.alter_workflow_type('order', snapshot_every => 50) $$, 'he alters the rest');
RESET ROLE;
SELECT foreman.revoke_role('operator', 'history_operator', 'default') \g /dev/null
DROP ROLE history_operator;
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
