-- Hostile values by type; by the name of an argument those that get further. Run by setup.sql.
INSERT INTO fuzz.value SELECT 'text', NULL, e FROM unnest(ARRAY[
    $v$''$v$, $v$' '$v$, $v$'x'$v$, $v$'mine'$v$, $v$'theirs'$v$, $v$'default'$v$, $v$'k1'$v$, $v$'w1'$v$,
    $v$repeat('x', 63)$v$, $v$repeat('x', 255)$v$, $v$repeat('x', 256)$v$, $v$repeat('x', 257)$v$, $v$repeat('x', 5000)$v$, $v$repeat('y', 1000000)$v$,
    $v$repeat(chr(233), 64)$v$, $v$repeat(chr(128512), 63)$v$, $v$chr(1)$v$, $v$E'a\nb\tc\r'$v$, $v$E'\\'$v$, $v$''''$v$, $v$'"'$v$, $v$'""'$v$,
    $v$chr(8238) || 'abc'$v$, $v$chr(65279)$v$, $v$chr(1114111)$v$, $v$chr(304)$v$, $v$'e' || chr(769)$v$,
    $v$'%s%n%s%n%p'$v$, $v$'%1$s %99999999d %*d'$v$, $v$'\u0000'$v$, $v$'$1'$v$, $v$'$$'$v$, $v$':x'$v$, $v$'{}'$v$, $v$'[]'$v$, $v$'{"a": 1}'$v$, $v$'null'$v$, $v$'NaN'$v$, $v$'-1'$v$, $v$'1e400'$v$,
    $v$'x''; SELECT fuzz.canary(); --'$v$, $v$'x"; SELECT fuzz.canary(); --'$v$, $v$'x); SELECT fuzz.canary(); --'$v$, $v$'''); SELECT fuzz.canary(); --'$v$, $v$E'\\''; SELECT fuzz.canary(); --'$v$,
    $v$'$$; SELECT fuzz.canary(); $$'$v$, $v$'(SELECT fuzz.canary())'$v$, $v$'fuzz.canary()'$v$, $v$''' || fuzz.canary() || '''$v$, $v$'x'' OR fuzz.canary() > 0 --'$v$,
    $v$'pg_catalog'$v$, $v$'pg_temp.x'$v$, $v$'foreman.live_job'$v$, $v$'workflow:w1'$v$, $v$'workflow-task:w1'$v$, $v$'s:1'$v$, $v$'?postgres'$v$]) e;
INSERT INTO fuzz.value SELECT 'text', name, e FROM (VALUES
    ('queue', $v$'mine'$v$), ('queue', $v$'theirs'$v$), ('queue', $v$'default'$v$), ('queue', $v$'mine'$v$),
    ('kind', $v$'k1'$v$), ('kind', $v$'k2'$v$), ('kind', $v$'left'$v$),
    ('name', $v$'mine'$v$), ('name', $v$'theirs'$v$), ('name', $v$'s1'$v$), ('name', $v$'p1'$v$),
    ('workflow_type', $v$'w1'$v$), ('workflow_type', $v$'w1'$v$), ('workflow_id', $v$'1'$v$), ('workflow_id', $v$'2'$v$),
    ('handler', $v$'fuzz.fine'$v$), ('handler', $v$'fuzz.fails(jsonb)'$v$), ('handler', $v$'fuzz.sees'$v$), ('function', $v$'fuzz.fine'$v$),
    ('decide', $v$'fuzz.decide'$v$), ('evolve', $v$'fuzz.evolve'$v$), ('is_terminal', $v$'fuzz.fine'$v$), ('upcaster', $v$'fuzz.evolve'$v$),
    ('schedule', $v$'* * * * *'$v$), ('schedule', $v$'@yearly'$v$), ('schedule', $v$'1 second'$v$), ('schedule', $v$'0 0 30 2 *'$v$), ('schedule', $v$'1-5/0 * * * *'$v$), ('schedule', $v$'99999999999 * * * *'$v$),
    ('timezone', $v$'Europe/Berlin'$v$), ('timezone', $v$'Nowhere/X'$v$), ('timezone', $v$'UTC+99'$v$),
    ('pattern', $v$'a.*.#'$v$), ('pattern', $v$'#.#.#'$v$), ('pattern', $v$repeat('#.', 500) || 'x'$v$), ('topic', $v$'a.b.c'$v$), ('topic', $v$repeat('a.', 500) || 'b'$v$),
    ('state', $v$'available'$v$), ('state', $v$'discarded'$v$), ('state', $v$'completed'$v$), ('states', $v$'running'$v$),
    ('on_conflict', $v$'skip'$v$), ('on_conflict', $v$'replace'$v$), ('on_conflict', $v$'raise'$v$), ('on_conflict', $v$'preserve_run_at'$v$),
    ('unique_key', $v$'u1'$v$), ('concurrency_key', $v$'c1'$v$), ('sequence_key', $v$'s1'$v$), ('key', $v$'t1'$v$), ('worker_id', $v$'fuzz'$v$), ('bundle', $v$'producer'$v$), ('bundle', $v$'operator'$v$),
    ('lane', $v$'batch'$v$), ('lane', $v$'procedure'$v$), ('session', $v$'new'$v$), ('on_dependency', $v$'cancel'$v$), ('missed', $v$'all'$v$), ('overlap', $v$'skip'$v$), ('from_name', $v$'fuzz_mine'$v$),
    ('record_inputs', $v$'all'$v$), ('on_dead_letter', $v$'pause'$v$), ('what', $v$'effect'$v$), ('scope', $v$'r1'$v$), ('event_type', $v$'seen'$v$), ('command', $v$'SELECT 1'$v$), ('command', $v$'SELECT 1/0'$v$), ('command', $v$''$v$),
    ('command', $v$'%s%n'$v$), ('command', $v$'COMMIT'$v$), ('command', $v$'SELECT $1'$v$), ('command', $v$'VACUUM'$v$), ('command', $v$'SET ROLE postgres'$v$), ('command', $v$'RESET ROLE'$v$),
    ('command', $v$'RESET SESSION AUTHORIZATION'$v$), ('command', $v$repeat('x', 1000000)$v$), ('command', $v$''''$v$), ('command', $v$'SELECT 1; SELECT 2'$v$)) v(name, e);
INSERT INTO fuzz.value SELECT 'integer', NULL, e FROM unnest('{0,1,-1,2,7,100,1000,32767,32768,2147483647,-2147483648}'::text[]) e;
INSERT INTO fuzz.value SELECT 'bigint', NULL, e FROM unnest('{0,1,-1,2,3,9223372036854775807,-9223372036854775808,4294967296}'::text[]) e;
INSERT INTO fuzz.value SELECT 'double precision', NULL, quote_literal(e) FROM unnest('{0,-0,1,0.5,-1,1e308,5e-324,NaN,Infinity,-Infinity}'::text[]) e;
INSERT INTO fuzz.value SELECT 'boolean', NULL, e FROM unnest('{true,false}'::text[]) e;
INSERT INTO fuzz.value SELECT 'interval', NULL, quote_literal(e) FROM unnest(ARRAY['0', '1 s', '1 ms', '1 us', '-1 s', '1 hour', '99999 hours', '1000000 years', '-178000000 years', '178000000 years', '2147483647 days',
    '1 month -30 days', '-1 month 31 days', 'infinity', '-infinity', '2562047788:00:54.775807']) e;
INSERT INTO fuzz.value SELECT 'timestamp with time zone', NULL, e FROM unnest(ARRAY['now()', 'now() + ''1 s''', 'now() - ''1 day''', 'now() + ''100 years''', '''infinity''', '''-infinity''', '''4714-11-24 00:00+00 BC''',
    '''294276-12-31 23:59:59.999999+00''', '''epoch''', '''1970-01-01''']) e;
INSERT INTO fuzz.value SELECT 'jsonb', NULL, e FROM unnest(ARRAY[$v$'null'$v$, $v$'{}'$v$, $v$'[]'$v$, $v$'""'$v$, $v$'0'$v$, $v$'1e1000'$v$, $v$'-1'$v$, $v$'true'$v$, $v$'{"": 1}'$v$, $v$'[null]'$v$, $v$'[1, "a", {}]'$v$,
    $v$repeat('[', 3000) || repeat(']', 3000)$v$, $v$repeat('{"a":', 3000) || '1' || repeat('}', 3000)$v$, $v$to_jsonb(repeat('y', 1000000))$v$, $v$jsonb_build_object('a', repeat('y', 9000))$v$,
    $v$(SELECT jsonb_object_agg('k' || g, g) FROM generate_series(1, 2000) g)$v$, $v$'{"a": "x''; SELECT fuzz.canary(); --", "%s%n": "\u202e"}'$v$, $v$'{"card": "SECRET_MARKER_7f3a"}'$v$, $v$'{"type": "seen", "data": {}}'$v$,
    $v$'{"type": 1}'$v$, $v$'{"kind": "k1"}'$v$, $v$'"SECRET_MARKER_7f3a"'$v$]) e;
INSERT INTO fuzz.value SELECT 'jsonb', name, e FROM (VALUES
    ('jobs', $v$'[{"kind": "k1", "queue": "mine"}, {"kind": "k2", "queue": "theirs"}]'$v$), ('jobs', $v$'[{"kind": "k1", "queue": "mine", "args": {"card": "SECRET_MARKER_7f3a"}}]'$v$), ('jobs', $v$'[{"kind": null}]'$v$), ('jobs', $v$'[{"kind": "k1", "run_at": "infinity", "priority": 1e9}]'$v$),
    ('jobs', $v$'[{"kind": "k1", "depends_on": [1, null, -1]}]'$v$), ('jobs', $v$'[{"kind": "k1", "tags": [["a"]], "unique_for": "-1 s"}]'$v$), ('jobs', $v$'[{"kind": "k1", "nonsense": 1}]'$v$),
    ('commands', $v$'[{"command": "schedule_effect", "sequence": 1, "key": "a", "kind": "k1"}]'$v$), ('commands', $v$'[{"command": "complete_workflow", "sequence": -1}]'$v$), ('commands', $v$'[{"command": "x''; SELECT fuzz.canary(); --"}]'$v$),
    ('commands', $v$'[{"command": "start_timer", "sequence": 1, "key": "%s", "fire_in": "infinity"}]'$v$), ('search', $v$'{"a": null}'$v$), ('search', $v$'{"a": {"b": [1]}}'$v$)) v(name, e);
INSERT INTO fuzz.value SELECT 'uuid', NULL, e FROM unnest(ARRAY[$v$'00000000-0000-0000-0000-000000000000'$v$, 'gen_random_uuid()', $v$'ffffffff-ffff-ffff-ffff-ffffffffffff'$v$]) e;
INSERT INTO fuzz.value SELECT 'regrole', NULL, e FROM unnest(ARRAY[$v$'fuzz_all'$v$, $v$'fuzz_mine'$v$, $v$'fuzz_given'$v$, $v$'pg_read_all_data'$v$, $v$'postgres'$v$, '0::oid', '4294967295::oid', '987654::oid']) e;
INSERT INTO fuzz.value SELECT 'oid', NULL, e FROM unnest('{0,1,10,4294967295}'::text[]) e;
INSERT INTO fuzz.value SELECT '"char"', NULL, e FROM unnest(ARRAY[$v$'a'$v$, $v$''$v$, $v$'\377'$v$, $v$'r'$v$]) e;
INSERT INTO fuzz.value SELECT 'cstring', NULL, e FROM unnest(ARRAY[$v$''$v$, $v$'fuzz_all'$v$, $v$'?gone'$v$, $v$'-'$v$, $v$'10'$v$, $v$'%s%n'$v$, $v$repeat('x', 100000)$v$]) e;
INSERT INTO fuzz.value SELECT 'foreman.role_ref', NULL, e FROM unnest(ARRAY[$v$'fuzz_all'$v$, $v$'?gone'$v$, $v$'postgres'$v$]) e;
INSERT INTO fuzz.value SELECT 'text[]', NULL, e FROM unnest(ARRAY[$v$'{}'$v$, $v$'{NULL}'$v$, $v$'{mine}'$v$, $v$'{mine,mine,theirs}'$v$, $v$'{{a,b},{c,d}}'$v$, $v$'[5:6]={a,b}'$v$, $v$'{""}'$v$, $v$array_fill('x'::text, '{1000}')$v$,
    $v$ARRAY[repeat('y', 1000000)]$v$, $v$ARRAY['x''; SELECT fuzz.canary(); --', '%s%n']$v$, $v$'{k1}'$v$, $v$'{w1}'$v$]) e;
INSERT INTO fuzz.value SELECT 'text[]', 'queues', e FROM unnest(ARRAY[$v$'{mine}'$v$, $v$'{mine,theirs}'$v$]) e;
INSERT INTO fuzz.value SELECT 'bigint[]', NULL, e FROM unnest(ARRAY[$v$'{}'$v$, $v$'{NULL}'$v$, $v$'{1,1,2}'$v$, $v$'{{1,2},{3,4}}'$v$, $v$'[5:6]={1,2}'$v$, $v$'{9223372036854775807,-9223372036854775808}'$v$, $v$array_fill(1::int8, '{2000}')$v$]) e;
INSERT INTO fuzz.value SELECT 'uuid[]', NULL, e FROM unnest(ARRAY[$v$'{}'$v$, $v$'{NULL}'$v$, $v$ARRAY[gen_random_uuid()]$v$, $v$array_fill(gen_random_uuid(), '{2000}')$v$, $v$array_fill(gen_random_uuid(), '{2,2}')$v$]) e;
INSERT INTO fuzz.value SELECT 'jsonb[]', NULL, e FROM unnest(ARRAY[$v$'{}'$v$, $v$'{NULL}'$v$, $v$ARRAY['{}'::jsonb]$v$, $v$array_fill('{"a": 1}'::jsonb, '{500}')$v$, $v$array_fill('1'::jsonb, '{2,2}')$v$, $v$ARRAY['{"card": "SECRET_MARKER_7f3a"}'::jsonb, NULL]$v$]) e;
