-- Tests of workflow types in three lines: given these events, when this input comes, then these events follow. Nothing is stored.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE TABLE w.trace (what text);
CREATE FUNCTION w.tracing(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN INSERT INTO w.trace VALUES ('x'); RETURN '{"events": [{"type": "Traced"}]}'; END $$;
SELECT foreman.create_workflow_type('tracing', 'w.tracing') \g /dev/null

SELECT throws_ok($$ SELECT foreman.when_input('{}') $$, '55000', NULL, 'an input needs events that are given');
SELECT throws_ok($$ SELECT foreman.then_events('[]') $$, '55000', NULL, 'and an answer needs an input');

SELECT foreman.given_events('order', '[{"type": "A"}, {"type": "B", "data": {"x": 1}}]');
SELECT foreman.when_input('{"only after": "B", "do": "C", "data": {"y": 2}, "effects": [{"kind": "mail", "args": {"to": "ann"}, "key": "k"}], "timers": [{"key": "t", "after": "1 h"}]}');
SELECT foreman.then_events('[{"type": "C", "data": {"y": 2}}]');
SELECT foreman.then_effects('[{"kind": "mail", "args": {"to": "ann"}}]', 'a mail to ann');
SELECT foreman.then_timers('[{"key": "t"}]');
SELECT * FROM check_test(foreman.then_events('[{"type": "C"}]', 'c'), false, 'other data', 'c', E'        have: [{"data": {"y": 2}, "type": "C", "version": 1}]\n        want: [{"data": {}, "type": "C", "version": 1}]');
SELECT * FROM check_test(foreman.then_events('[]', 'none'), false, 'no events', 'none');
SELECT * FROM check_test(foreman.then_effects('[]', 'none'), false, 'no effects', 'none');
SELECT * FROM check_test(foreman.then_effects('[{"kind": "mail", "args": {"to": "bob"}}]', 'bob'), false, 'another effect', 'bob');
SELECT * FROM check_test(foreman.then_timers('[{"key": "t"}, {"key": "u"}]', 'two'), false, 'more timers', 'two');
SELECT * FROM check_test(foreman.then_rejected(description => 'r'), false, 'accepted', 'r');

-- The state goes on.
SELECT foreman.when_input('{"only after": "C", "do": "D"}');
SELECT foreman.then_events('[{"type": "D"}]', 'the events of an accepted input are seen by the next one');
SELECT foreman.then_effects('[]', 'no effects');
SELECT foreman.then_timers('[]', 'no timers');

SELECT foreman.given_events('order', '[{"type": "A"}]');
SELECT foreman.when_input('{"only after": "B", "do": "C"}');
SELECT foreman.then_rejected();
SELECT foreman.then_rejected('"too early"', 'with what decide says');
SELECT * FROM check_test(foreman.then_rejected('"late"', 'late'), false, 'another rejection', 'late', E'        it was rejected with: "too early"');
SELECT * FROM check_test(foreman.then_events('[]', 'none'), false, 'events of a rejected input', 'none', E'        it was rejected with: "too early"');

-- What is wrong is said, and the trial stays as it was.
SELECT throws_ok($$ SELECT foreman.when_input('{"raise": "no"}') $$, 'P0001', 'no', 'what decide raises comes out');
SELECT throws_ok($$ SELECT foreman.when_input('{"do": "A", "effects": [{}]}') $$, '22004', NULL, 'a wrong decision is refused as execute() refuses it');
SELECT throws_ok($$ SELECT foreman.when_input('{"do": "A", "data": {"evolve raises": 1}}') $$, 'P0001', 'evolve does not like this', 'and so is an event that evolve raises on');
SELECT throws_ok($$ SELECT foreman.given_events('order', '[{"type": "A", "data": {"evolve raises": 1}}]') $$, 'P0001', NULL, 'evolve sees the given events');
SELECT throws_ok($$ SELECT foreman.given_events('order', '[{"data": 1}]') $$, '22023', NULL, 'an event has a type');
SELECT throws_ok($$ SELECT foreman.given_events('order', '{}') $$, '22023', 'events must be a JSON array', 'events are an array');
SELECT throws_ok($$ SELECT foreman.given_events('nobody', '[]') $$, '42704', NULL, 'the type exists');
SELECT foreman.then_rejected('"too early"', 'the last answer is there still');

SELECT foreman.given_events('tracing', '[]');
SELECT foreman.when_input('{}');
SELECT foreman.then_events('[{"type": "Traced"}]', 'decide may write');
SELECT is((SELECT count(*) FROM w.trace), 0::int8, 'and what it wrote is rolled back');
SELECT is((SELECT count(*) FROM foreman.workflows) + (SELECT count(*) FROM foreman.jobs), 0::int8, 'nothing is stored');
CREATE ROLE trial_producer LOGIN;
SELECT foreman.grant_role('producer', 'trial_producer', 'default') \g /dev/null
GRANT EXECUTE ON FUNCTION foreman.given_events(text, jsonb), foreman.when_input(jsonb), foreman.then_events(jsonb, text) TO trial_producer;
SET ROLE trial_producer;
SELECT throws_ok($$ SELECT foreman.given_events('order', '[]') $$, '42501', NULL, 'who only feeds the queue tries nothing');
SELECT throws_ok($$ SELECT foreman.when_input('{}') $$, '42501', NULL, 'nor goes on with what another role tried');
SELECT throws_ok($$ SELECT foreman.then_events('[]') $$, '42501', NULL, 'nor sees its answer');
RESET ROLE;
SELECT foreman.revoke_role('producer', 'trial_producer', 'default') \g /dev/null
DROP OWNED BY trial_producer;
DROP ROLE trial_producer;
SELECT * FROM finish();
