-- Who may publish and subscribe: producers reach the queues that they may feed, and no others; topics are of no queue, so
-- subscriptions are for operators of all queues.
\ir lib/helpers.sql
\ir lib/publish.sql
SELECT no_plan();
DROP ROLE IF EXISTS pgtap_pub_nobody, pgtap_pub_producer, pgtap_pub_one, pgtap_pub_operator, pgtap_pub_monitor, pgtap_pub_mail_monitor;
CREATE ROLE pgtap_pub_nobody LOGIN;
CREATE ROLE pgtap_pub_producer LOGIN;
CREATE ROLE pgtap_pub_one LOGIN;
CREATE ROLE pgtap_pub_operator LOGIN;
CREATE ROLE pgtap_pub_monitor LOGIN;
CREATE ROLE pgtap_pub_mail_monitor LOGIN;
SELECT foreman.grant_role('producer', 'pgtap_pub_producer'), foreman.grant_role('producer', 'pgtap_pub_one', 'mail'), foreman.grant_role('operator', 'pgtap_pub_one', 'mail'),
       foreman.grant_role('operator', 'pgtap_pub_operator'), foreman.grant_role('monitor', 'pgtap_pub_monitor'), foreman.grant_role('monitor', 'pgtap_pub_mail_monitor', 'mail') \g /dev/null

SELECT is(t.as_role('pgtap_pub_nobody', statement), 'ERROR 42501', 'nobody: ' || statement) FROM (VALUES
    ($$ SELECT foreman.publish('a', '1') $$), ($$ SELECT foreman.subscribe('a', 'mail') $$), ($$ SELECT foreman.unsubscribe('a') $$), ($$ SELECT foreman.alter_subscription('a') $$),
    ($$ SELECT foreman.topic_matches('a', 'a') $$), ($$ SELECT count(*) FROM foreman.publishes $$), ($$ SELECT count(*) FROM foreman.deliveries $$), ($$ SELECT count(*) FROM foreman.subscriptions $$),
    ($$ SELECT count(*) FROM foreman.unroutable_publishes $$)) v(statement);
SELECT is(t.as_role('pgtap_pub_operator', format('SELECT count(*) FROM foreman.%I', tab)), 'ERROR 42501', 'no bundle opens the table ' || tab) FROM unnest('{publish,subscription,unroutable_publish}'::text[]) tab;
SELECT is(t.as_role('pgtap_pub_producer', statement), 'ERROR 42501', 'a producer: ' || statement) FROM (VALUES
    ($$ SELECT foreman.subscribe('a', 'mail') $$), ($$ SELECT foreman.unsubscribe('a') $$), ($$ SELECT count(*) FROM foreman.publishes $$)) v(statement);
SELECT is(t.as_role('pgtap_pub_one', statement), 'ERROR 42501', 'an operator of one queue: ' || statement) FROM (VALUES
    ($$ SELECT foreman.subscribe('#', 'mail', queue => 'mail') $$), ($$ SELECT foreman.unsubscribe('a') $$), ($$ SELECT foreman.alter_subscription('a', pattern => '#') $$)) v(statement);
SELECT is(t.as_role('pgtap_pub_monitor', $$ SELECT foreman.publish('a', '1') $$), 'ERROR 42501', 'a monitor publishes nothing');
SELECT isnt(t.as_role('pgtap_pub_operator', $$ SELECT foreman.subscribe('order.#', 'mail', 'mail') + foreman.subscribe('order.#', 'push', 'push') + foreman.subscribe('push', 'push', 'only push') $$), 'ERROR 42501', 'an operator subscribes');

SELECT t.as_role('pgtap_pub_producer', $$ SELECT foreman.publish('order.a', '{"secret": 1}', 'k') $$) AS p \gset
SELECT ok(t.wait_until(format($$ p.deliveries(%s) = 'mail published 1, push published 1' $$, :p)), 'a producer reaches everybody');
SELECT t.as_role('pgtap_pub_one', $$ SELECT foreman.publish('order.b', '{}') $$) AS p \gset
SELECT ok(t.wait_until(format($$ p.deliveries(%s) = 'mail published 1, push refused' $$, :p)), 'one of a queue reaches the handlers of its queue');
SELECT is(t.as_role('pgtap_pub_one', $$ SELECT foreman.publish('push', '{}') $$), NULL, 'and where there are others only, nobody');
SELECT is(p.unroutable(), 'permission denied for queue "default"', 'which is recorded');
SELECT t.as_role('pgtap_pub_one', $$ SELECT foreman.publish('order.c', '{}', queue => 'mail') $$) AS p \gset
SELECT is(split_part(p.deliveries(:p), ', ', 2), 'push refused', 'naming its own queue does not get it to a handler of another');

SELECT is(t.as_role('pgtap_pub_operator', $$ SELECT payload FROM foreman.publishes WHERE idempotency_key = 'k' $$), '{"secret": 1}', 'an operator sees payloads');
SELECT is(t.as_role('pgtap_pub_monitor', $$ SELECT topic || coalesce(payload::text, ' and no payload') FROM foreman.publishes WHERE idempotency_key = 'k' $$), 'order.a and no payload', 'a monitor does not');
SELECT is(t.as_role('pgtap_pub_mail_monitor', $$ SELECT count(*) FROM foreman.publishes $$), '0', 'a monitor of one queue sees no publishes');
SELECT is(t.as_role('pgtap_pub_mail_monitor', $$ SELECT string_agg(DISTINCT subscription, ',') FROM foreman.deliveries $$), 'mail', 'but the deliveries in it');
SELECT is(t.as_role('pgtap_pub_mail_monitor', $$ SELECT string_agg(DISTINCT name, ',') FROM foreman.subscriptions $$), 'mail', 'and their subscriptions');
CREATE FUNCTION p.peek(anyelement) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE EXCEPTION 'seen %', $1 USING ERRCODE = 'ZZZZZ'; END $$;
SELECT is(t.as_role('pgtap_pub_mail_monitor', format('SELECT count(*) FROM foreman.%s WHERE p.peek(%s)', v, c)), '0', format('nor does a function of its own in a condition on %s', v)) FROM (VALUES ('publishes', 'topic'), ('unroutable_publishes', 'payload')) x(v, c);
-- A subscription keeps going when roles do not; a missing role of a handler leaves its deliveries waiting.
SELECT is(t.as_role('pgtap_pub_producer', $$ SELECT foreman.publish('order.d', '{}') IS NOT NULL $$), 'true', 'before its role is renamed');
ALTER ROLE pgtap_pub_producer RENAME TO pgtap_pub_renamed;
SELECT is(t.as_role('pgtap_pub_renamed', $$ SELECT foreman.publish('order.d', '{}') IS NOT NULL $$), 'true', 'and after');
ALTER ROLE pgtap_pub_renamed RENAME TO pgtap_pub_producer;
SELECT * FROM finish();
