-- The order of examples/workflows/order.sql: paid and delivered, not paid in time, declined, and cancelled in the middle.
\ir lib/helpers.sql
\ir ../../examples/workflows/order.sql
SELECT no_plan();
CREATE FUNCTION t.events(type text, id text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(event_type, ' ' ORDER BY sequence) FROM foreman.workflow_events(type, id) $$;
CREATE FUNCTION t.state(type text, id text) RETURNS text LANGUAGE sql AS $$ SELECT state FROM foreman.workflows WHERE workflow_type = type AND workflow_id = id $$;

-- Paid, shipped, delivered.
SELECT is((SELECT outcome FROM foreman.execute('order', 'a', '{"type": "place", "total": 42}')), 'accepted', 'an order is placed');
SELECT ok(t.wait_until($$ t.events('shipment', 'a') = 'ShipmentOrdered' $$), 'it is charged, and a shipment begins');
SELECT is(foreman.workflow_state('order', 'a'), '{"total": 42, "status": "paid", "payment": "order:a:charge"}', 'the order is paid');
SELECT results_eq($$ SELECT child_type, child_id, state FROM foreman.workflow_children('order', 'a') $$, $$ VALUES ('shipment', 'a', 'running') $$, 'the shipment is its child');
SELECT is((SELECT rejection FROM foreman.execute('order', 'a', '{"type": "place", "total": 1}')), '"the order is paid"', 'it cannot be placed twice');
SELECT foreman.signal_workflow('shipment', 'a', '{"type": "delivered"}') \g /dev/null
SELECT ok(t.wait_until($$ t.state('order', 'a') = 'completed' $$), 'the end of the shipment ends the order');
SELECT is(t.events('order', 'a'), 'OrderPlaced PaymentReceived OrderDelivered', 'by these events');
SELECT is((SELECT count(*) FROM foreman.timers), 0::int8, 'no timer is left');

-- Declined.
SELECT foreman.execute('order', 'b', '{"type": "place", "total": 5000}') \g /dev/null
SELECT ok(t.wait_until($$ t.events('order', 'b') = 'OrderPlaced OrderAbandoned' $$), 'an order whose card is declined is abandoned');

-- Cancelled in the middle: the payment is refunded, the shipment cancelled with its parent.
SELECT foreman.execute('order', 'c', '{"type": "place", "total": 7}') \g /dev/null
SELECT ok(t.wait_until($$ t.events('shipment', 'c') = 'ShipmentOrdered' $$), 'an order is paid and on its way');
SELECT is(foreman.cancel_workflow('order', 'c', 'changed my mind'), 'cancel_requested', 'it is cancelled');
SELECT ok(t.wait_until($$ t.state('order', 'c') || t.state('shipment', 'c') = 'cancelledcancelled' $$), 'the order ends, and the shipment with it');
SELECT ok(t.wait_until($$ (SELECT refunded FROM shop.payment WHERE key = 'order:c:charge') $$), 'the payment is refunded');
SELECT is((SELECT string_agg(key || ' ' || state, ', ') FROM foreman.workflow_effects('order', 'c')), 'charge undone', 'as the undo of the charge');
SELECT is(foreman.cancel_workflow('order', 'c'), 'finished', 'a second cancel finds it finished');

-- Not paid in time, by a clock that jumps.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
SET foreman.fake_now = '2090-01-01 12:00+00';
SELECT foreman.execute('order', 'd', '{"type": "place", "total": 9}') \g /dev/null
SET foreman.fake_now = '2090-01-01 12:30+00';
SELECT is(foreman.fire_timers_once(), 1::int8, 'half an hour later the timer fires');
SELECT is(t.events('order', 'd'), 'OrderPlaced PaymentOverdue', 'and the payment is overdue');
SELECT foreman.drain() \g /dev/null
SELECT is(t.events('order', 'd'), 'OrderPlaced PaymentOverdue OrderAbandoned', 'a charge that comes too late ends the order');
SELECT is((SELECT refunded FROM shop.payment WHERE key = 'order:d:charge'), true, 'and is given back');
SELECT * FROM finish();
