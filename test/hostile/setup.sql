-- What `make fuzz-sql` calls: fuzz.calls() makes random calls of every function of both extensions, each in a
-- subtransaction, as some role, with arguments from lists of hostile values, and returns what it found.
\set QUIET on
SET client_min_messages = warning;
-- Without it the functions that pgTAP tests call end at once.
SELECT format('CREATE EXTENSION %I', name) FROM pg_available_extensions WHERE name = 'pgtap' \gexec
CREATE SCHEMA fuzz;
GRANT USAGE ON SCHEMA fuzz TO PUBLIC;

-- The canary: texts among the values would call it if they were ever run as SQL. A sequence keeps what a rollback takes back.
CREATE SEQUENCE fuzz.touched;
CREATE FUNCTION fuzz.canary() RETURNS int8 LANGUAGE sql SECURITY DEFINER AS $$ SELECT nextval('fuzz.touched') $$;

-- Handlers and a type of workflows, so that calls get beyond the first check.
CREATE FUNCTION fuzz.fine(args jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT args';
CREATE FUNCTION fuzz.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
CREATE FUNCTION fuzz.sees(event foreman.event) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION fuzz.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS
    $$ SELECT jsonb_build_object('events', jsonb_build_array(jsonb_build_object('type', 'seen', 'data', coalesce(input, 'null')))) $$;
CREATE FUNCTION fuzz.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT state';

-- Arguments, as SQL: for a type, or for arguments of a name (and type). What this server or encoding refuses is left out.
CREATE TABLE fuzz.value (type text, name text, expression text);
\ir values.sql
INSERT INTO fuzz.value SELECT type, NULL, 'NULL' FROM (SELECT DISTINCT type FROM fuzz.value) v;
DO $$
DECLARE
    v record;
BEGIN
    FOR v IN SELECT ctid AS row, * FROM fuzz.value LOOP
        BEGIN
            EXECUTE format('SELECT (%s)::%s', v.expression, v.type);
        EXCEPTION WHEN OTHERS THEN
            DELETE FROM fuzz.value WHERE ctid = v.row;
        END;
    END LOOP;
END $$;

-- The functions, from the catalog. Those that only CREATE EXTENSION and imports call are not for superusers: they would change the objects.
-- Those that replace what is there say false when something was; so does retry() of a job whose unique key a newer one has,
-- which it cancels.
CREATE TABLE fuzz.function AS
SELECT row_number() OVER (ORDER BY p.oid) AS nth, p.oid AS id, format('%I.%I', nspname, proname) AS name, prokind = 'p' AS procedure,
       CASE WHEN prorettype = 'void'::regtype THEN 'SELECT NULL::text FROM (SELECT %s) r' ELSE 'SELECT r::text FROM %s r' END AS form,
       pronargdefaults AS defaults, proname IN ('import_pg_cron', '_revoke_defaults') AS not_as_superuser,
       proname IN ('register_handler', 'set_rate_limit', 'stop', 'retry', 'retry_dead_letter') AS replaces,
       ARRAY(SELECT format_type(a.type, NULL) FROM unnest(proargtypes) WITH ORDINALITY a(type, nth) ORDER BY nth) AS types,
       ARRAY(SELECT coalesce(m.name, '') FROM unnest(proargnames, coalesce(proargmodes, array_fill('i'::"char", ARRAY[coalesce(cardinality(proargnames), 0)])))
             WITH ORDINALITY m(name, mode, nth) WHERE m.mode IN ('i', 'b') ORDER BY nth) AS names
  FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
 WHERE nspname IN ('foreman', 'cron') AND NOT 'internal'::regtype = ANY (proargtypes::oid[]) AND prorettype <> 'trigger'::regtype;

-- What each role may execute, which nine of ten of its calls are.
CREATE TABLE fuzz.allowed (role text PRIMARY KEY, functions int8[]);
CREATE FUNCTION fuzz.learn_rights() RETURNS void LANGUAGE sql AS $$
    INSERT INTO fuzz.allowed
    SELECT role, (SELECT array_agg(f.nth) FROM fuzz.function f WHERE role IN ('none', 'fuzz_stranger') OR has_function_privilege(role, f.id, 'EXECUTE')
                     AND has_schema_privilege(role, split_part(f.name, '.', 1), 'USAGE'))
      FROM unnest('{none,fuzz_all,fuzz_mine,fuzz_producer,fuzz_worker,fuzz_operator,fuzz_monitor,fuzz_stranger}'::text[]) role $$;

-- For each type and name of an argument what it may be: values of the name three times, since those get further.
CREATE TABLE fuzz.pool (type text, name text, expressions text[], PRIMARY KEY (type, name));
INSERT INTO fuzz.pool
SELECT a.type, a.name, ARRAY(SELECT v.expression FROM fuzz.value v, generate_series(1, CASE WHEN v.name IS NULL THEN 1 ELSE 3 END)
                              WHERE v.type = a.type AND (v.name = a.name OR v.name IS NULL AND NOT (a.name = 'command' AND a.type = 'text')))
  FROM (SELECT DISTINCT type, coalesce(names[i], '') FROM fuzz.function, unnest(types) WITH ORDINALITY t(type, i)) a(type, name);

CREATE FUNCTION fuzz.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
    $$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;

-- A call as SQL. ids and tokens are of jobs that are there.
CREATE FUNCTION fuzz.call(f fuzz.function, ids int8[], tokens uuid[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    arguments text[] := '{}';
    expression text;
    named bool := false;
    required int4 := cardinality(f.types) - f.defaults;
    lucky int4 := floor(random() * cardinality(ids));
BEGIN
    FOR i IN 1 .. cardinality(f.types) LOOP
        IF i > required AND random() < 0.6 THEN
            named := true;
            CONTINUE;
        END IF;
        expression := CASE
            WHEN f.names[i] = 'job_id' AND random() < 0.7 THEN ids[1 + lucky]::text
            WHEN f.names[i] = 'job_ids' AND random() < 0.7 THEN quote_literal(ids)
            WHEN f.names[i] = 'token' AND random() < 0.7 THEN quote_literal(tokens[1 + lucky])
            WHEN f.names[i] = 'tokens' AND random() < 0.7 THEN quote_literal(tokens) END;
        IF expression IS NULL THEN
            SELECT fuzz.pick(p.expressions) INTO expression FROM fuzz.pool p WHERE p.type = f.types[i] AND p.name = coalesce(f.names[i], '');
        END IF;
        arguments := arguments || (CASE WHEN named THEN quote_ident(f.names[i]) || ' => ' ELSE '' END || format('(%s)::%s', coalesce(expression, 'NULL'), f.types[i]));
    END LOOP;
    RETURN CASE WHEN f.procedure THEN 'CALL ' || f.name || '(' || array_to_string(arguments, ', ') || ')'
                ELSE format(f.form, f.name || '(' || array_to_string(arguments, ', ') || ')') END;
END $$;

-- Rows of all tables of both extensions that this transaction has written, also what a subtransaction took back.
CREATE TABLE fuzz.tables AS SELECT oid, format('%I.%I', relnamespace::regnamespace, relname) AS name
  FROM pg_class WHERE relnamespace IN ('foreman'::regnamespace, 'cron'::regnamespace) AND relkind = 'r';
CREATE FUNCTION fuzz.written() RETURNS int8 LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid))::int8 FROM fuzz.tables $$;
-- Which versions of which rows are in them: a row that was changed has another place and another transaction.
CREATE FUNCTION fuzz.contents() RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    total numeric := 0;
    one numeric;
    name text;
BEGIN
    FOR name IN SELECT t.name FROM fuzz.tables t LOOP
        EXECUTE format('SELECT coalesce(sum(hashtextextended(ctid::text || xmin::text, 0)), 0) FROM %s', name) INTO one;
        total := total + one;
    END LOOP;
    RETURN total;
END $$;

-- A batch of calls, all as one role. Each is written to a file before it is made: that is what a crash leaves.
CREATE FUNCTION fuzz.calls(seed int8, batch int8, n int4, OUT calls int8, OUT raised int8, OUT answered int8, OUT compared int8, OUT states jsonb, OUT findings text[])
LANGUAGE plpgsql AS $$
DECLARE
    last_call text := current_setting('fuzz.directory') || '/' || pg_backend_pid();
    functions int8 := (SELECT count(*) FROM fuzz.function);
    of_role text;
    read_only bool := current_setting('transaction_read_only')::bool;
    repeatable bool := current_setting('transaction_isolation') <> 'read committed';
    ids int8[];
    tokens uuid[] := '{}';
    chosen int8;
    mine int8[];
    f fuzz.function;
    call text;
    answer text;
    state text;
    message text;
    written int8;
    contents numeric;
    started timestamptz;
BEGIN
    PERFORM setseed(hashint8extended(batch, seed)::float8 / 9223372036854775808.0);
    of_role := fuzz.pick('{none,none,fuzz_all,fuzz_all,fuzz_all,fuzz_mine,fuzz_mine,fuzz_producer,fuzz_worker,fuzz_operator,fuzz_monitor,fuzz_stranger}');
    mine := (SELECT a.functions FROM fuzz.allowed a WHERE a.role = of_role);
    ids := ARRAY(SELECT job_id FROM foreman.live_job ORDER BY job_id DESC LIMIT 10) || ARRAY(SELECT job_id FROM foreman.dead_letter ORDER BY job_id DESC LIMIT 3)
        || ARRAY(SELECT job_id FROM foreman.job_history ORDER BY job_id DESC LIMIT 3) || 1::int8;
    IF NOT read_only AND of_role IN ('none', 'fuzz_all', 'fuzz_worker') THEN
        BEGIN
            SELECT coalesce(array_agg(c.job_id), '{}') || ids, coalesce(array_agg(c.token), '{}') INTO ids, tokens FROM foreman.claim('{mine,theirs}', 'fuzz', 5, lease => '2 s') c;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END IF;
    calls := 0; raised := 0; answered := 0; compared := 0; states := '{}'; findings := '{}';
    WHILE calls < n LOOP
        chosen := CASE WHEN random() < 0.9 THEN mine[1 + floor(random() * cardinality(mine))::int4] ELSE 1 + floor(random() * functions)::int8 END;
        SELECT * INTO f FROM fuzz.function WHERE nth = chosen;
        -- health() reads the whole catalog: fewer calls of it leave time for those of the others.
        CONTINUE WHEN f.not_as_superuser AND of_role = 'none' OR f.name = 'foreman.health' AND random() < 0.9;
        calls := calls + 1;
        call := fuzz.call(f, ids, tokens);
        EXECUTE format('COPY (SELECT %L) TO %L', format('seed %s batch %s call %s as %s: %s', seed, batch, calls, of_role, call), last_call);
        contents := CASE WHEN repeatable AND random() < 0.2 THEN fuzz.contents() END;
        written := fuzz.written();
        started := clock_timestamp();
        state := NULL;
        message := NULL;
        answer := NULL;
        BEGIN
            PERFORM set_config('role', of_role, true);
            EXECUTE call INTO answer;
            PERFORM set_config('role', 'none', true);
        EXCEPTION WHEN query_canceled THEN
            RAISE;
        WHEN OTHERS THEN
            state := SQLSTATE;
            message := SQLERRM;
        END;
        IF state IS NOT NULL THEN
            raised := raised + 1;
            states := jsonb_set(states, ARRAY[state], to_jsonb(coalesce((states ->> state)::int8, 0) + 1));
            IF state ~ '^(XX|P0|58|53[124]|0B|2F|3[89])' AND message !~ '^(no$|You tried to run a test without a plan)' THEN
                findings := findings || format('%s %s: %s', state, left(message, 300), left(call, 2000));
            END IF;
        END IF;
        IF length(message) > 3000 THEN
            findings := findings || format('says %s characters: %s', length(message), left(call, 2000));
        END IF;
        IF clock_timestamp() - started > '10 s' THEN
            findings := findings || format('took %s: %s', clock_timestamp() - started, left(call, 2000));
        END IF;
        -- Nothing may be written by what was refused: with an error; by its answer; or for want of any right to write.
        IF contents IS NOT NULL AND (state IS NOT NULL OR of_role IN ('fuzz_monitor', 'fuzz_stranger') OR read_only) THEN
            compared := compared + 1;
            IF contents <> fuzz.contents() THEN
                findings := findings || format('refused (%s, %s), and has changed rows: %s', of_role, coalesce(state, answer), left(call, 2000));
            END IF;
        END IF;
        IF state IS NULL AND (read_only OR of_role IN ('fuzz_monitor', 'fuzz_stranger') OR answer IN ('not_found', 'lost', 'finished') OR answer = 'false' AND NOT f.replaces) THEN
            answered := answered + 1;
            IF fuzz.written() <> written THEN
                findings := findings || format('answered %s (%s), and has written %s rows: %s', answer, of_role, fuzz.written() - written, left(call, 2000));
            END IF;
        END IF;
    END LOOP;
END $$;

-- Calls for a client, each to be a transaction of its own.
CREATE FUNCTION fuzz.statements(seed int8, batch int8, n int4) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    ids int8[] := ARRAY(SELECT job_id FROM foreman.live_job ORDER BY job_id DESC LIMIT 10) || 1::int8;
    chosen int8;
    mine int8[];
    of_role text;
BEGIN
    PERFORM setseed(hashint8extended(batch, seed)::float8 / 9223372036854775808.0);
    of_role := fuzz.pick('{fuzz_all,fuzz_mine,fuzz_producer,fuzz_worker,fuzz_operator,fuzz_monitor}');
    mine := (SELECT a.functions FROM fuzz.allowed a WHERE a.role = of_role);
    RETURN NEXT format('SET ROLE %I', of_role);
    FOR i IN 1 .. n LOOP
        chosen := mine[1 + floor(random() * cardinality(mine))::int4];
        RETURN NEXT (SELECT fuzz.call(f, ids, '{}') FROM fuzz.function f WHERE f.nth = chosen);
    END LOOP;
    RETURN NEXT 'RESET ROLE';
END $$;

-- Between batches, what calls have taken away is given again, and what they have piled up is removed.
CREATE FUNCTION fuzz.restore(first bool DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    step text;
BEGIN
    FOREACH step IN ARRAY ARRAY[
        $s$ SELECT foreman.create_queue(q, if_not_exists => true), foreman.resume_queue(q) FROM unnest('{mine,theirs}'::text[]) q $s$,
        $s$ SELECT foreman.grant_role(b, ('fuzz_' || b)::regrole), foreman.grant_role(b, 'fuzz_all'), foreman.grant_role(b, 'fuzz_mine', 'mine') FROM unnest('{producer,worker,operator,monitor}'::text[]) b $s$,
        $s$ SELECT foreman.register_handler('k1', 'fuzz.fine', run_as => 'fuzz_all'), foreman.register_handler('k2', 'fuzz.fails', run_as => 'fuzz_all', max_attempts => 2) $s$,
        $s$ SELECT foreman.create_workflow_type('w1', 'fuzz.decide', 'fuzz.evolve', run_as => 'fuzz_all') $s$,
        $s$ SELECT foreman.start() $s$,
        $s$ SELECT foreman.delete_where(queue => q) FROM unnest('{mine,theirs,default}'::text[]) q WHERE (SELECT count(*) FROM foreman.live_job) > 1000 $s$,
        $s$ SELECT foreman.purge_dead_letters() WHERE (SELECT count(*) FROM foreman.dead_letter) > 300 $s$,
        $s$ SELECT foreman.unschedule_id(schedule_id) FROM foreman.schedule WHERE (SELECT count(*) FROM foreman.schedule) > 50 $s$,
        $s$ SELECT foreman.unregister_handler(kind) FROM foreman.handler WHERE (SELECT count(*) FROM foreman.handler) > 50 $s$,
        $s$ SELECT foreman.unsubscribe(name) FROM foreman.subscription WHERE (SELECT count(*) FROM foreman.subscription) > 20 $s$,
        $s$ SELECT foreman.drop_projection(name) FROM foreman.projection WHERE (SELECT count(*) FROM foreman.projection) > 20 $s$,
        $s$ SELECT foreman.enqueue(k, queue => q) FROM unnest('{k1,k2,left}'::text[]) k, unnest('{mine,theirs}'::text[]) q $s$]
    LOOP
        BEGIN
            EXECUTE step;
        EXCEPTION WHEN OTHERS THEN
            IF first OR SQLSTATE ~ '^XX' THEN RAISE; END IF;
        END;
    END LOOP;
END $$;
