-- Events of workflows are published as workflow.TYPE.EVENT_TYPE, in the transaction that records them.
\ir lib/helpers.sql
\ir lib/workflows.sql
\ir lib/publish.sql
SELECT no_plan();
SELECT foreman.execute('order', 'before', '{"do": "Placed"}') \g /dev/null
SELECT foreman.subscribe('other.#', 'mail', 'other') \g /dev/null
SELECT foreman.execute('order', 'before', '{"do": "Paid"}') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.publishes) + (SELECT count(*) FROM foreman.unroutable_publishes), 0::int8, 'without a subscription nothing is published');
SELECT foreman.subscribe('workflow.order.*', 'mail', 'all'), foreman.subscribe('workflow.*.Paid', 'push', 'paid') \g /dev/null
SELECT foreman.execute('order', '1', '{"do": "Placed", "data": {"sum": 3}}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT string_agg(what, ', ') FROM t.log) = 'all workflow.order.Placed' $$), 'an event is delivered to those that match');
SELECT results_eq($$ SELECT payload - 'recorded_at', (payload ->> 'recorded_at')::timestamptz = e.recorded_at FROM foreman.publishes p, foreman.workflow_events('order', '1') e $$,
    $$ VALUES ('{"workflow_type": "order", "workflow_id": "1", "sequence": 1, "event_type": "Placed", "version": 1, "data": {"sum": 3}}'::jsonb, true) $$, 'with the fields of the event');
SELECT foreman.execute('order', '1', '{"events": [{"type": "Paid", "version": 2}, {"type": "Packed"}]}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM t.log) = 4 $$), 'events of one decision are published each');
SELECT is((SELECT string_agg(format('%s %s', topic, payload -> 'sequence'), ', ' ORDER BY publish_id) FROM foreman.publishes), 'workflow.order.Placed 1, workflow.order.Paid 2, workflow.order.Packed 3', 'in their order');
SELECT is((SELECT string_agg(what, ', ' ORDER BY what) FROM t.log), 'all workflow.order.Packed, all workflow.order.Paid, all workflow.order.Placed, paid workflow.order.Paid', 'by pattern');
SELECT foreman.execute('order', '1', '{"reject": "no"}') \g /dev/null
BEGIN;
SELECT foreman.execute('order', '1', '{"do": "Gone"}') \g /dev/null
ROLLBACK;
SELECT is((SELECT count(*) FROM foreman.publishes), 3::int8, 'a rejected input and a rollback publish nothing');
SELECT foreman.signal_workflow('order', '2', '{"do": "Placed"}') \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.deliveries WHERE state = 'published' AND publish_id = (SELECT publish_id FROM foreman.publishes WHERE payload ->> 'workflow_id' = '2')) $$), 'inputs that are handled by a worker publish, too');

-- Names that are no segment.
SELECT foreman.create_workflow_type('shop.order*#%', 'w.decide', 'w.evolve') \g /dev/null
SELECT foreman.subscribe('workflow.shop%2Eorder%2A%23%25.#', 'push', 'odd') \g /dev/null
SELECT foreman.execute('shop.order*#%', 'x', '{"do": "Order.Placed \u00e4"}') \g /dev/null
SELECT is((SELECT topic || ' ' || deliveries FROM foreman.publishes ORDER BY publish_id DESC LIMIT 1), U&'workflow.shop%2Eorder%2A%23%25.Order%2EPlaced \00E4 1', 'a name is one segment, whatever is in it');
SELECT foreman.create_workflow_type(repeat('.', 240), 'w.decide', 'w.evolve') \g /dev/null
SELECT foreman.subscribe('workflow.*.x', 'push', 'long') \g /dev/null
SELECT is((SELECT outcome FROM foreman.execute(repeat('.', 240), 'x', '{"do": "x"}')), 'accepted', 'a long one');
SELECT is((SELECT length(topic) || ' ' || deliveries FROM foreman.publishes ORDER BY publish_id DESC LIMIT 1), '731 1', 'too');
-- # and * as the first segment hear of events; one that is off leaves skipped.
SELECT foreman.unsubscribe(name) FROM foreman.subscriptions \g /dev/null
SELECT foreman.subscribe('#', 'push', 'audit', active => false) \g /dev/null
SELECT foreman.execute('order', '3', '{"do": "Placed"}') \g /dev/null
SELECT is((SELECT p.deliveries(max(publish_id)) FROM foreman.publishes), 'audit skipped', 'a wild-card hears of everything');
-- Types that workers outside decide.
SELECT foreman.create_workflow_type('outside') \g /dev/null
SELECT foreman.signal_workflow('outside', '1', '{"n": 1}') \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.publishes WHERE topic LIKE 'workflow.outside.%') $$), 'events of workflows that are decided outside are published');
-- Who lets them be heard is the operator that subscribes: the role of the type needs no right of its own.
DROP ROLE IF EXISTS pgtap_pw_role;
CREATE ROLE pgtap_pw_role LOGIN;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA w TO pgtap_pw_role;
SELECT foreman.alter_workflow_type('order', run_as => 'pgtap_pw_role'), foreman.alter_subscription('audit', active => true) \g /dev/null
SELECT foreman.signal_workflow('order', '4', '{"do": "Placed"}') \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.publishes p JOIN foreman.deliveries d USING (publish_id) WHERE payload ->> 'workflow_id' = '4' AND d.state = 'published') $$), 'events of a role without a bundle are delivered');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
