-- The messages of examples/notifications/orders.sql: sent for each event, with a channel that is down for a while, and one
-- that is down for too long.
\ir lib/helpers.sql
\o /dev/null
\ir ../../examples/workflows/order.sql
\ir ../../examples/notifications/orders.sql
\o
SELECT no_plan();
CREATE FUNCTION t.messages(which text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(text, ', ' ORDER BY publish_id) FROM shop.message WHERE channel = which $$;
CREATE FUNCTION t.deliveries(event text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(d.subscription || ' ' || d.state, ', ' ORDER BY d.subscription) FROM foreman.publishes p JOIN foreman.deliveries d USING (publish_id) WHERE p.topic LIKE '%.' || event $$;

UPDATE shop.channel SET up = false WHERE name = 'push';
SELECT foreman.execute('order', 'a', '{"type": "place", "total": 42}') \g /dev/null
SELECT ok(t.wait_until($$ t.messages('mail') = 'Order a: OrderPlaced, Order a: PaymentReceived' $$), 'mail tells what happens to an order');
SELECT is(t.deliveries('ShipmentOrdered'), 'shipment push skipped', 'a subscription that is off is skipped');
SELECT foreman.signal_workflow('shipment', 'a', '{"type": "delivered"}') \g /dev/null
SELECT ok(t.wait_until($$ t.deliveries('OrderDelivered') = 'delivered push retrying, order mail published' $$), 'while push is down, mail is sent');
SELECT is((SELECT error FROM foreman.deliveries WHERE subscription = 'delivered push'), 'push is down', 'and the delivery says why it waits');
SELECT is((SELECT state FROM foreman.workflows WHERE workflow_type = 'order' AND workflow_id = 'a'), 'completed', 'the order does not wait for messages');
UPDATE shop.channel SET up = true WHERE name = 'push';
SELECT ok(t.wait_until($$ t.messages('push') = 'Order a: OrderDelivered' $$), 'when push is up again its message is sent');
SELECT ok(t.wait_until($$ t.deliveries('OrderDelivered') = 'delivered push published, order mail published' $$), 'once');

SELECT ok(t.wait_until($$ (SELECT status = 'OrderDelivered' AND total = 42 FROM shop.order_status WHERE order_id = 'a') $$), 'the read model follows');

-- Down for too long: a dead letter, which is retried by hand.
UPDATE shop.channel SET up = false WHERE name = 'push';
SELECT foreman.alter_subscription('delivered push', max_attempts => 2) \g /dev/null
SELECT foreman.execute('order', 'b', '{"type": "place", "total": 7}') \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.workflows WHERE workflow_type = 'shipment' AND workflow_id = 'b') $$), 'another order');
SELECT foreman.signal_workflow('shipment', 'b', '{"type": "delivered"}') \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.deliveries WHERE subscription = 'delivered push' AND state = 'dead_lettered' AND attempt = 2) $$), 'a channel that stays down leaves a dead letter');
UPDATE shop.channel SET up = true WHERE name = 'push';
SELECT is(foreman.retry_dead_letters(kind => 'push'), 1::int8, 'it is retried');
SELECT ok(t.wait_until($$ t.messages('push') = 'Order a: OrderDelivered, Order b: OrderDelivered' $$), 'and sent');
SELECT ok(t.wait_until($$ (SELECT count(*) = 2 FROM shop.order_status WHERE status = 'OrderDelivered') $$), 'the read model has both orders');
SELECT is((SELECT handled FROM foreman.projections WHERE name = 'order_status'), (SELECT count(*) FROM foreman.read_feed('{order}')), 'from each event once');
SELECT * FROM finish();
