-- Values in and out.
\set SHOW_CONTEXT never
SELECT bridge.echo_text(''), bridge.echo_text('text'), bridge.echo_text(repeat('x', 1000000)) = repeat('x', 1000000) AS long;
SELECT bridge.echo_text(body) = body AS toasted FROM bridge.item WHERE id = 3;
SELECT bridge.echo_jsonb('{"a": [1, 2.50, null, "x"]}');
SELECT bridge.parse_jsonb('{"a": 1}'), bridge.parse_jsonb('[]');
SELECT bridge.parse_jsonb('{"a": ');
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.clean();
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT bridge.echo_time('2026-02-28 12:00:00.000001+00'), bridge.echo_time('infinity'), bridge.echo_time('-infinity');
SELECT bridge.interval('1 day 2 hours'), bridge.interval('-1 second'), bridge.interval('1 month');
SELECT bridge.echo_uuid('11111111-2222-3333-4444-555555555555');
SELECT bridge.echo_texts('{a,NULL,"b c"}'), bridge.echo_texts('{}'), bridge.echo_texts('[5:6]={x,y}');
SELECT bridge.echo_texts('{{a},{b}}');
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.reversed('{1,2,3}'), bridge.reversed('{}'), array_length(bridge.reversed(array(SELECT generate_series(1, 100000))), 1);
SELECT bridge.swapped(ROW(7, 'seven')), bridge.swapped(ROW(NULL, NULL)), (bridge.swapped(ROW(8, 'eight'))).word;
SELECT bridge.pairs('bridge.pair');
