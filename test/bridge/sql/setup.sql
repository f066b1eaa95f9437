-- The functions of the test module, and the tables that the tests use.
CREATE SCHEMA bridge;
CREATE ROLE bridge_other;

-- test/bridge/src/errors.cpp
CREATE FUNCTION bridge.run(sql text, depth int) RETURNS int STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_run';
CREATE FUNCTION bridge.run_without_context(sql text) RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_run_without_context';
CREATE FUNCTION bridge.destroyed() RETURNS int STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_destroyed';
CREATE FUNCTION bridge.throw(kind text) RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_throw';
CREATE FUNCTION bridge.throw_long() RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_throw_long';
CREATE FUNCTION bridge.clean() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_clean';
CREATE FUNCTION bridge.two_errors() RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_two_errors';
CREATE FUNCTION bridge.throw_in_guarded() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_throw_in_guarded';
CREATE FUNCTION bridge."values"() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_values';
CREATE FUNCTION bridge.context_after_error() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_context_after_error';
CREATE FUNCTION bridge.log() RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_log';
CREATE FUNCTION bridge.terminate_self() RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_terminate_self';

-- test/bridge/src/xact.cpp
CREATE FUNCTION bridge.swallow(sql text) RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_swallow';
CREATE FUNCTION bridge.swallow_many(sql text, n int, OUT caught int, OUT destroyed int, OUT memory_is_flat boolean) RETURNS SETOF record STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_swallow_many';
CREATE FUNCTION bridge.wrote(sql text) RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_wrote';
CREATE FUNCTION bridge.subtransaction_ids() RETURNS int STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_subtransaction_ids';
CREATE FUNCTION bridge.surroundings() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_surroundings';
CREATE FUNCTION bridge.snapshots() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_snapshots';
CREATE FUNCTION bridge.run_as(role regrole, sql text) RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_run_as';
CREATE FUNCTION bridge.guc_scope(name text, value text, fails boolean) RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_guc_scope';
CREATE FUNCTION bridge.error_under_lock() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_error_under_lock';
CREATE FUNCTION bridge.cancel_self() RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_cancel_self';
CREATE FUNCTION bridge.latch() RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_latch';

-- test/bridge/src/statements.cpp
CREATE FUNCTION bridge.find(id bigint) RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_find';
CREATE FUNCTION bridge.star() RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_star';
CREATE FUNCTION bridge.change(id bigint, body text) RETURNS bigint LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_change';
CREATE FUNCTION bridge.wrong() RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_wrong';
CREATE FUNCTION bridge.unconnected() RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_unconnected';
CREATE FUNCTION bridge.error_beside_rows() RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_error_beside_rows';
CREATE FUNCTION bridge.plan_counts(OUT has_generic boolean, OUT custom bigint) RETURNS SETOF record STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_plan_counts';
CREATE FUNCTION bridge.long_session(n int) RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_long_session';
CREATE FUNCTION bridge.nested_sessions() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_nested_sessions';
CREATE FUNCTION bridge.echo_text(text) RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_echo_text';
CREATE FUNCTION bridge.echo_jsonb(jsonb) RETURNS jsonb STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_echo_jsonb';
CREATE FUNCTION bridge.parse_jsonb(text) RETURNS jsonb STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_parse_jsonb';
CREATE FUNCTION bridge.echo_time(timestamptz) RETURNS timestamptz STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_echo_time';
CREATE FUNCTION bridge.interval(interval) RETURNS interval STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_interval';
CREATE FUNCTION bridge.echo_uuid(uuid) RETURNS uuid STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_echo_uuid';
CREATE FUNCTION bridge.echo_texts(text[]) RETURNS text[] STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_echo_texts';
CREATE FUNCTION bridge.reversed(bigint[]) RETURNS bigint[] STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_reversed';
CREATE TYPE bridge.pair AS (number int, word text);
CREATE FUNCTION bridge.swapped(bridge.pair) RETURNS bridge.pair STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_swapped';
CREATE FUNCTION bridge.pairs(regtype) RETURNS bridge.pair[] STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_pairs';

-- test/bridge/src/memory.cpp
CREATE FUNCTION bridge.alignment() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_alignment';
CREATE FUNCTION bridge.containers() RETURNS bigint STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_containers';
CREATE FUNCTION bridge.allocate(bytes bigint, alignment bigint) RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_allocate';
CREATE FUNCTION bridge.resource_equality() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_resource_equality';
CREATE FUNCTION bridge.current_scope() RETURNS boolean STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_current_scope';

-- test/bridge/src/workers.cpp
CREATE FUNCTION bridge.start_worker(mode int) RETURNS text STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_start_worker';
CREATE FUNCTION bridge.visit() RETURNS bigint STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_visit';
CREATE FUNCTION bridge.request_too_late() RETURNS void STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_request_too_late';

-- test/bridge/src/bench.cpp
CREATE FUNCTION bridge.measure(what text, n int) RETURNS float8 STRICT LANGUAGE c AS 'foreman_bridge', 'foreman_bridge_measure';

CREATE TABLE bridge.note (id bigint GENERATED ALWAYS AS IDENTITY, body text);
CREATE TABLE bridge.unique_note (body text CONSTRAINT one_of_a_kind PRIMARY KEY);
CREATE TABLE bridge.deferred (body text CONSTRAINT at_commit UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE bridge.item (id bigint PRIMARY KEY, body text, amount float8, done boolean, at timestamptz, kind name);
INSERT INTO bridge.item VALUES
    (1, 'one', 1.5, true, '2026-01-01', 'a'), (2, NULL, 2, false, NULL, 'b'),
    (3, repeat('long and toasted ', 100000), 3, false, NULL, 'c');
