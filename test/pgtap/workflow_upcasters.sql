-- Upcasters: old events are seen in their newest version by evolve; what is stored stays as it was.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();

-- Price v1 {"p": "5 EUR"} -> v2 {"amount": 5, "currency": "EUR"} -> v3 {"cents": 500, "currency": "EUR"}; Both v1 -> two
-- events; Gone v1 -> none; Old v1 -> another type.
CREATE FUNCTION w.price_2(e jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('type', 'Price', 'version', 2, 'data',
    jsonb_build_object('amount', split_part(e #>> '{data,p}', ' ', 1)::int, 'currency', split_part(e #>> '{data,p}', ' ', 2))) $$;
CREATE FUNCTION w.price_3(e jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('type', 'Price', 'version', 3, 'data',
    jsonb_build_object('cents', (e #>> '{data,amount}')::int * 100, 'currency', e #> '{data,currency}')) $$;
CREATE FUNCTION w.both(e jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '[{"type": "Left", "version": 1, "data": {}}, {"type": "Price", "version": 1, "data": {"p": "7 USD"}}]'::jsonb $$;
CREATE FUNCTION w.gone(e jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '[]'::jsonb $$;
CREATE FUNCTION w.renamed(e jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT e || '{"type": "New"}' $$;
SELECT foreman.create_workflow_type('priced', 'w.decide', 'w.evolve', snapshot_every => 1000000) \g /dev/null

-- Events of v1, v2 and v3 are there before there is an upcaster, and so is a snapshot.
SELECT foreman.execute('priced', '1', '{"events": [{"type": "Price", "data": {"p": "5 EUR"}}, {"type": "Price", "version": 2, "data": {"amount": 6, "currency": "EUR"}},
    {"type": "Price", "version": 3, "data": {"cents": 650, "currency": "EUR"}}, {"type": "Both"}, {"type": "Gone"}, {"type": "Old"}]}') \g /dev/null
SELECT is(foreman.workflow_state('priced', '1') ->> 'n', '6', 'without upcasters evolve sees what is stored');
SELECT ok(foreman.create_upcaster('priced', 'Price', 1, 'w.price_2'), 'an upcaster is new');
SELECT is(foreman.workflow_state('priced', '1', 1) -> 'data', '{"amount": 5, "currency": "EUR"}', 'an old event is turned into the next version');
SELECT ok(foreman.create_upcaster('priced', 'Price', 2, 'w.price_3'), 'and so on');
SELECT is(foreman.workflow_state('priced', '1', 1) -> 'data', '{"cents": 500, "currency": "EUR"}', 'v1 comes as v3');
SELECT is(foreman.workflow_state('priced', '1', 2) -> 'data', '{"cents": 600, "currency": "EUR"}', 'v2 comes as v3');
SELECT is(foreman.workflow_state('priced', '1', 3) -> 'data', '{"cents": 650, "currency": "EUR"}', 'v3 comes as it is');
SELECT ok(foreman.create_upcaster('priced', 'Both', 1, 'w.both') AND foreman.create_upcaster('priced', 'Gone', 1, 'w.gone') AND foreman.create_upcaster('priced', 'Old', 1, 'w.renamed'), 'others');
SELECT is(foreman.workflow_state('priced', '1', 4) -> 'seen', '["Price", "Price", "Price", "Left", "Price"]', 'one event becomes two');
SELECT is(foreman.workflow_state('priced', '1', 4) -> 'data', '{"cents": 700, "currency": "USD"}', 'which are upcast as well');
SELECT is(foreman.workflow_state('priced', '1', 5) ->> 'n', '5', 'one becomes none');
SELECT is(foreman.workflow_state('priced', '1') -> 'seen' ->> -1, 'New', 'one becomes another');
SELECT is(w.events('priced', '1'), 'Price Price Price Both Gone Old', 'what is stored stays');
SELECT is((SELECT first_sequence FROM foreman.execute('priced', '1', '{"events": [{"type": "Price", "data": {"p": "9 CHF"}}]}')), 7::int8, 'numbers are those of what is stored');
SELECT is(foreman.workflow_state('priced', '1') -> 'data', '{"cents": 900, "currency": "CHF"}', 'a new event of an old version is upcast, too');
SELECT is((SELECT folded FROM foreman.workflow_instance WHERE workflow_type = 'priced'), foreman.workflow_state('priced', '1'), 'and the snapshot is what is folded');
-- A changed upcaster folds anew.
CREATE OR REPLACE FUNCTION w.price_3(e jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"type": "Price", "version": 3, "data": "changed"}'::jsonb $$;
SELECT is(foreman.workflow_state('priced', '1') -> 'data', '"changed"', 'another text of an upcaster folds anew');

-- Holes, and what is refused.
SELECT throws_ok($$ SELECT foreman.create_upcaster('priced', 'Price', 4, 'w.price_3') $$, '22023', 'from_version 4 leaves a hole in the upcasters of event type "Price"', 'a hole');
SELECT throws_ok($$ SELECT foreman.create_upcaster('priced', 'Price', 0, 'w.price_3') $$, NULL, NULL, 'version 0');
SELECT throws_ok($$ SELECT foreman.create_upcaster('priced', 'Price', 3, 'w.nothing') $$, '42883', NULL, 'no such function');
SELECT throws_ok($$ SELECT foreman.create_upcaster('priced', 'Price', 3, 'w.unique_key') $$, '42P13', NULL, 'a function of another shape');
SELECT throws_ok($$ SELECT foreman.create_upcaster('nothing', 'Price', 1, 'w.price_3') $$, '42704', NULL, 'no such type');
SELECT is(foreman.create_upcaster('priced', 'Price', 2, 'w.price_3'), false, 'one that is there is replaced');
SELECT throws_ok($$ SELECT foreman.drop_upcaster('priced', 'Price', 1, if_exists => false), foreman.drop_upcaster('priced', 'Price', 9) $$, '42704', NULL, 'one that is not there');
SELECT is(foreman.drop_upcaster('priced', 'Price', 9, if_exists => true), false, 'unless that is allowed');

-- What an upcaster answers wrongly: the event is named, nothing has happened, and it goes on once the upcaster is mended.
CREATE FUNCTION w.wrong(body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    context text;
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION w.renamed(e jsonb) RETURNS jsonb LANGUAGE plpgsql AS %L', 'BEGIN ' || body || '; END');
    PERFORM foreman.execute('priced', '1', '{"do": "B"}');
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
    RETURN SQLERRM || CASE WHEN detail || context ~ 'upcaster of event 6 \(Old\) of workflow "priced", id "1"' THEN '' ELSE E'\n' || detail || context END;
END $$;
SELECT is(w.wrong('RETURN NULL'), 'an upcaster answered NULL', 'NULL');
SELECT is(w.wrong('RETURN 1'), 'an upcaster answered no event', 'a number');
SELECT is(w.wrong('RETURN ''[1]'''), 'an upcaster answered no event', 'an array of numbers');
SELECT is(w.wrong('RETURN ''{}'''), 'an upcaster answered an event without a type', 'no type');
SELECT is(w.wrong('RETURN ''{"type": "New"}'''), 'an upcaster answered an event without a version', 'no version');
SELECT is(w.wrong('RETURN e'), 'an upcaster answered an event of a version that is no later one', 'the same event');
SELECT is(w.wrong('RAISE ''no'''), 'no', 'it raises');
CREATE FUNCTION w.back(e jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT e || '{"type": "Old"}' $$;
SELECT foreman.create_upcaster('priced', 'New', 1, 'w.back') \g /dev/null
SELECT matches(w.wrong('RETURN e || ''{"type": "New"}'''), '^stack depth limit exceeded', 'two that answer each other''s events');
SELECT ok(foreman.drop_upcaster('priced', 'New', 1), 'one of them is dropped');
SELECT is(w.state('priced', '1'), 'running 7', 'nothing of it has happened');
SELECT is(w.wrong('RETURN e || ''{"type": "New"}'''), 'accepted', 'and it goes on');
DROP FUNCTION w.gone;
SELECT throws_ok($$ SELECT foreman.execute('priced', '1', '{"do": "B"}') $$, '42883', 'an upcaster of workflow type "priced" does not exist: w.gone(pg_catalog.jsonb)', 'one is gone');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
