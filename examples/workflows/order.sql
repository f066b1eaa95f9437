-- A workflow that fulfils orders, in a database that has pg_foreman: payment with a time limit, a shipment as a child,
-- a refund that undoes the payment. docs/workflows.md tells it step by step; `make test` runs it.
--
--   psql -f examples/workflows/order.sql
--   SELECT * FROM foreman.execute('order', 'o-1', '{"type": "place", "total": 42}');
CREATE SCHEMA shop;

-- What an input of an order leads to. The answer has at least one event, or says why it is rejected.
CREATE FUNCTION shop.decide_order(now timestamptz, state jsonb, input jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    status text := coalesce(state ->> 'status', 'new');
BEGIN
    CASE input ->> 'type'
    WHEN 'place' THEN
        IF status <> 'new' THEN
            RETURN jsonb_build_object('reject', 'the order is ' || status);
        END IF;
        RETURN jsonb_build_object(
            'events', jsonb_build_array(jsonb_build_object('type', 'OrderPlaced', 'data', jsonb_build_object('total', input -> 'total'))),
            'effects', jsonb_build_array(jsonb_build_object(
                'kind', 'charge', 'key', 'charge', 'args', jsonb_build_object('total', input -> 'total'),
                'on_result', 'payment_settled', 'on_failure', 'payment_failed',
                'undo', jsonb_build_object('kind', 'refund', 'args', jsonb_build_object('total', input -> 'total')))),
            'timers', '[{"key": "payment", "after": "30 min", "input": {"type": "payment_timeout"}}]'::jsonb,
            'search', '{"open": true}'::jsonb);
    WHEN 'payment_settled' THEN
        -- Paid after all, but too late: the money goes back.
        IF status = 'overdue' THEN
            RETURN jsonb_build_object(
                'events', '[{"type": "OrderAbandoned"}]'::jsonb,
                'effects', jsonb_build_array(jsonb_build_object('kind', 'refund', 'key', 'give back', 'args', input -> 'result')),
                'search', '{"open": null}'::jsonb);
        END IF;
        RETURN jsonb_build_object(
            'events', jsonb_build_array(jsonb_build_object('type', 'PaymentReceived', 'data', input -> 'result')),
            'cancel_timers', '["payment"]'::jsonb,
            'children', jsonb_build_array(jsonb_build_object(
                'workflow_type', 'shipment', 'workflow_id', input #>> '{result,order}', 'input', '{"type": "ship"}'::jsonb,
                'on_end', 'shipment_ended', 'on_parent_end', 'cancel')));
    WHEN 'payment_timeout' THEN
        -- The charge may still go through: the order ends when that is known.
        RETURN '{"events": [{"type": "PaymentOverdue"}]}';
    WHEN 'payment_failed' THEN
        RETURN '{"events": [{"type": "OrderAbandoned"}], "cancel_timers": ["payment"], "search": {"open": null}}';
    WHEN 'shipment_ended' THEN
        IF input ->> 'state' = 'completed' THEN
            RETURN '{"events": [{"type": "OrderDelivered"}], "search": {"open": null}}';
        END IF;
        RETURN jsonb_build_object('reject', 'the shipment is ' || (input ->> 'state'));
    -- A rejected cancel means: undo what was done, and end.
    ELSE
        RETURN jsonb_build_object('reject', 'an order does not know the input ' || coalesce(input ->> 'type', 'without a type'));
    END CASE;
END $$;

CREATE FUNCTION shop.evolve_order(state jsonb, event jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT state || CASE event ->> 'type'
        WHEN 'OrderPlaced' THEN jsonb_build_object('status', 'placed', 'total', event #> '{data,total}')
        WHEN 'PaymentReceived' THEN jsonb_build_object('status', 'paid', 'payment', event #> '{data,payment}')
        WHEN 'PaymentOverdue' THEN '{"status": "overdue"}'::jsonb
        WHEN 'OrderDelivered' THEN '{"status": "delivered"}'::jsonb
        WHEN 'OrderAbandoned' THEN '{"status": "abandoned"}'::jsonb
        ELSE '{}'::jsonb END
$$;

CREATE FUNCTION shop.order_has_ended(state jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT state ->> 'status' IN ('delivered', 'abandoned') $$;

-- A shipment is picked up and delivered by people, who send signals.
CREATE FUNCTION shop.decide_shipment(now timestamptz, state jsonb, input jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN input ->> 'type' = 'ship' AND state = '{}' THEN '{"events": [{"type": "ShipmentOrdered"}]}'::jsonb
        WHEN input ->> 'type' = 'delivered' THEN '{"events": [{"type": "ParcelDelivered"}]}'::jsonb
        ELSE jsonb_build_object('reject', 'not now') END
$$;
CREATE FUNCTION shop.evolve_shipment(state jsonb, event jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_build_object('last', event -> 'type') $$;
CREATE FUNCTION shop.shipment_has_ended(state jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT state ->> 'last' = 'ParcelDelivered' $$;

-- The effects. A real one would call a payment provider from a worker outside, with foreman.idempotency_key().
CREATE TABLE shop.payment (key text PRIMARY KEY, total numeric NOT NULL, refunded boolean NOT NULL DEFAULT false);
CREATE FUNCTION shop.charge(job foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF (job.args ->> 'total')::numeric > 1000 THEN
        PERFORM foreman.discard('the card was declined');
        RETURN NULL;
    END IF;
    INSERT INTO shop.payment (key, total) VALUES (foreman.idempotency_key(), (job.args ->> 'total')::numeric);
    RETURN jsonb_build_object('payment', foreman.idempotency_key(), 'order', job.metadata ->> 'workflow_id');
END $$;
-- As the undo of a charge it finds the result of that in its metadata.
CREATE FUNCTION shop.refund(job foreman.job) RETURNS void LANGUAGE sql AS $$
    UPDATE shop.payment SET refunded = true WHERE key = coalesce((job).args ->> 'payment', (job).metadata #>> '{result,payment}')
$$;
SELECT foreman.register_handler('charge', 'shop.charge');
SELECT foreman.register_handler('refund', 'shop.refund');

SELECT foreman.create_workflow_type('order', 'shop.decide_order', 'shop.evolve_order', 'shop.order_has_ended');
SELECT foreman.create_workflow_type('shipment', 'shop.decide_shipment', 'shop.evolve_shipment', 'shop.shipment_has_ended');
