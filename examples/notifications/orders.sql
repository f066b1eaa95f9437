-- A read model of the orders of examples/workflows/order.sql, and mail and push messages about them: the model is a
-- projection of their events; what happens to an order is published by the engine, too, and each channel is a subscription
-- with a queue of its own. `make test` runs it, with a channel that is down for
-- a while. In a database that has pg_foreman:
--
--   psql -f examples/workflows/order.sql -f examples/notifications/orders.sql
--   SELECT foreman.execute('order', 'o-1', '{"type": "place", "total": 42}');
--   SELECT topic, subscription, state FROM foreman.deliveries ORDER BY publish_id DESC LIMIT 10;
--
-- A real channel is outside: a worker that claims jobs of kind mail and push (docs/outside-workers.md) gets the same args.

-- The channels, each of which may be down.
CREATE TABLE shop.channel (name text PRIMARY KEY, up boolean NOT NULL DEFAULT true);
INSERT INTO shop.channel VALUES ('mail'), ('push');

-- What was sent. One message for each publish and channel, however often its delivery is tried.
CREATE TABLE shop.message (
    channel    text   NOT NULL,
    publish_id bigint NOT NULL,
    text       text   NOT NULL,
    PRIMARY KEY (channel, publish_id)
);

-- args: topic, payload (the event), publish_id, published_at, subscription.
CREATE FUNCTION shop.send(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    event jsonb := job.args -> 'payload';
BEGIN
    IF NOT (SELECT up FROM shop.channel WHERE name = job.kind) THEN
        RAISE EXCEPTION '% is down', job.kind;
    END IF;
    INSERT INTO shop.message
    VALUES (job.kind, (job.args ->> 'publish_id')::bigint, format('Order %s: %s', event ->> 'workflow_id', event ->> 'event_type'));
END $$;

-- A queue for each channel: its own pace of retries, and at most two executors, so that a slow one never takes them all.
SELECT foreman.create_queue('mail', max_running => 2, backoff_base => '1 s', backoff_max => '10 min'),
       foreman.create_queue('push', max_running => 2, backoff_base => '100 ms', backoff_max => '5 s');
SELECT foreman.register_handler('mail', 'shop.send', queue => 'mail', max_attempts => 8),
       foreman.register_handler('push', 'shop.send', queue => 'push', max_attempts => 8);

-- Mail about everything that happens to an order, push when it arrives. Nobody is to be told of shipments yet.
SELECT foreman.subscribe('workflow.order.*', 'mail', name => 'order mail'),
       foreman.subscribe('workflow.order.OrderDelivered', 'push', name => 'delivered push'),
       foreman.subscribe('workflow.shipment.#', 'push', name => 'shipment push', active => false);

-- The read model: one row for each order, as a page would show it. It is exact: the row and the place up to which the
-- projection has come are one transaction.
CREATE TABLE shop.order_status (
    order_id   text PRIMARY KEY,
    status     text        NOT NULL,
    total      numeric,
    changed_at timestamptz NOT NULL
);
CREATE FUNCTION shop.project_order(e foreman.event) RETURNS void LANGUAGE sql AS $$
    INSERT INTO shop.order_status AS s VALUES (e.workflow_id, e.event_type, (e.data ->> 'total')::numeric, e.recorded_at)
    ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, total = coalesce(s.total, excluded.total), changed_at = excluded.changed_at $$;
SELECT foreman.create_projection('order_status', 'shop.project_order', workflow_types => '{order}');
