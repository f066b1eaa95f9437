-- P15: who may do what, object by object. The expected cells are in lib/rights_matrix.sql; the objects come from the
-- catalog, so a function, view or table that has no row there fails. Rights are read from the catalog, and tried by a call.
\ir lib/helpers.sql
SELECT no_plan();
\set roles 'matrix_producer, matrix_worker, matrix_operator, matrix_monitor, matrix_handler, matrix_cron, matrix_database, matrix_stranger, matrix_owner, matrix_superuser'
DROP ROLE IF EXISTS :roles;
CREATE ROLE matrix_producer; CREATE ROLE matrix_worker; CREATE ROLE matrix_operator; CREATE ROLE matrix_monitor; CREATE ROLE matrix_handler LOGIN;
CREATE ROLE matrix_cron; CREATE ROLE matrix_database; CREATE ROLE matrix_stranger; CREATE ROLE matrix_owner; CREATE ROLE matrix_superuser SUPERUSER;
CREATE EXTENSION pg_foreman_cron;

-- What each role has: a bundle on all queues; a handler; what administrators give by hand for the jobs of schema cron; the
-- database; nothing; the objects of both extensions, without being a superuser; everything.
SELECT foreman.grant_role(b, ('matrix_' || b)::regrole) FROM unnest('{producer,worker,operator,monitor}'::text[]) b \g /dev/null
CREATE FUNCTION t.nothing(args jsonb) RETURNS void LANGUAGE sql AS '';
SELECT foreman.register_handler('nothing', 't.nothing', run_as => 'matrix_handler') \g /dev/null
GRANT USAGE ON SCHEMA cron TO matrix_cron;
ALTER DATABASE :dbname OWNER TO matrix_database;
SELECT format('ALTER %s %s OWNER TO matrix_owner', what, object) FROM (
    SELECT 1, 'SCHEMA', nspname::text FROM pg_namespace WHERE nspname IN ('foreman', 'cron')
    UNION ALL SELECT 2, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass::text FROM pg_class
     WHERE relnamespace IN ('foreman'::regnamespace, 'cron'::regnamespace) AND relkind IN ('r', 'p', 'v')
    UNION ALL SELECT 3, 'SEQUENCE', s.oid::regclass::text FROM pg_class s LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
     WHERE relnamespace IN ('foreman'::regnamespace, 'cron'::regnamespace) AND relkind = 'S' AND d.objid IS NULL
    UNION ALL SELECT 4, 'ROUTINE', oid::regprocedure::text FROM pg_proc WHERE pronamespace IN ('foreman'::regnamespace, 'cron'::regnamespace)
    UNION ALL SELECT 5, 'TYPE', y.oid::regtype::text FROM pg_type y LEFT JOIN pg_class c ON c.oid = typrelid
     WHERE typnamespace = 'foreman'::regnamespace AND typelem = 0 AND (typrelid = 0 OR relkind = 'c')
) o(nth, what, object) ORDER BY nth \gexec

-- One row for each object that can have rights. Partitions of the history are one, whatever their days.
CREATE FUNCTION t.day(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT regexp_replace(name, '_[0-9]{8}(?![0-9])', '_DAY') $$;
CREATE TABLE t.object AS
    SELECT 'schema' AS what, nspname::text AS name, oid, NULL::text AS call FROM pg_namespace WHERE nspname IN ('foreman', 'cron')
    UNION ALL SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END, n.nspname || '.' || t.day(relname), c.oid,
           format(CASE WHEN relkind = 'S' THEN 'SELECT nextval(%L)' ELSE 'SELECT FROM %s LIMIT 0' END, format('%I.%I', n.nspname, relname))
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE n.nspname IN ('foreman', 'cron') AND relkind IN ('r', 'p', 'v', 'S', 'm', 'f')
    UNION ALL SELECT 'type', n.nspname || '.' || typname, y.oid, NULL
      FROM pg_type y JOIN pg_namespace n ON n.oid = typnamespace LEFT JOIN pg_class c ON c.oid = typrelid
     WHERE n.nspname IN ('foreman', 'cron') AND typelem = 0 AND (typrelid = 0 OR c.relkind = 'c')
    UNION ALL SELECT 'function', n.nspname || '.' || proname || CASE WHEN count(*) OVER (PARTITION BY n.oid, proname) > 1 THEN '(' || oidvectortypes(proargtypes) || ')' ELSE '' END, p.oid,
           (SELECT format('%s %I.%I(%s)', CASE prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, n.nspname, proname, string_agg(format(CASE prokind WHEN 'p' THEN 'NULL::%s' ELSE '(SELECT NULL::%s)' END, format_type(type, NULL)), ', ' ORDER BY nth))
              FROM unnest(proargtypes) WITH ORDINALITY AS a(type, nth) HAVING NOT coalesce(bool_or(type = 'internal'::regtype), false))
      FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE n.nspname IN ('foreman', 'cron');
CREATE TABLE t.role AS SELECT nth, name, ('matrix_' || name)::regrole AS role
    FROM unnest('{producer,worker,operator,monitor,handler,cron,database,stranger,owner,superuser}'::text[]) WITH ORDINALITY AS r(name, nth);

-- The letters that psql shows, . for none: of the tables only those of their columns, too.
CREATE FUNCTION t.rights(role regrole, what text, object oid) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(nullif(CASE what
        WHEN 'schema' THEN concat(CASE WHEN has_schema_privilege(role, object, 'USAGE') THEN 'U' END, CASE WHEN has_schema_privilege(role, object, 'CREATE') THEN 'C' END)
        WHEN 'function' THEN CASE WHEN has_function_privilege(role, object, 'EXECUTE') THEN 'X' END
        WHEN 'type' THEN CASE WHEN has_type_privilege(role, object, 'USAGE') THEN 'U' END
        WHEN 'sequence' THEN concat(CASE WHEN has_sequence_privilege(role, object, 'SELECT') THEN 'r' END,
            CASE WHEN has_sequence_privilege(role, object, 'UPDATE') THEN 'w' END, CASE WHEN has_sequence_privilege(role, object, 'USAGE') THEN 'U' END)
        ELSE (SELECT string_agg(letter, '' ORDER BY nth) FROM (VALUES (1, 'a', 'INSERT'), (2, 'r', 'SELECT'), (3, 'w', 'UPDATE'), (4, 'd', 'DELETE'), (5, 'D', 'TRUNCATE'),
                (6, 'x', 'REFERENCES'), (7, 't', 'TRIGGER')) p(nth, letter, p)
               WHERE CASE WHEN letter IN ('d', 'D', 't') THEN has_table_privilege(role, object, p) ELSE has_any_column_privilege(role, object, p) END) END, ''), '.') $$;

-- Calls one as a role, and takes back what it did. Arguments are NULL: whether it may be called is seen before they are. They
-- stand in subqueries, since the planner would not call a strict function of constants that are NULL.
CREATE FUNCTION t.may_call(role regrole, call text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', role::text, true);
    EXECUTE call;
    RAISE 'it ran';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM !~ '^permission denied for (schema|function|procedure|table|view|sequence) ';
WHEN OTHERS THEN
    RETURN true;
END $$;

\ir lib/rights_matrix.sql
CREATE FUNCTION t.line(cells text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat_ws(' | ', format('%-8s', cells[1]), format('%-36s', cells[2]), (SELECT string_agg(format('%-8s', c), ' | ' ORDER BY nth) FROM unnest(cells[3:]) WITH ORDINALITY AS u(c, nth))) $$;
CREATE TABLE t.actual AS SELECT DISTINCT ARRAY[what, o.name] || (SELECT array_agg(t.rights(role, what, o.oid) ORDER BY nth) FROM t.role) AS cells FROM t.object o;
SELECT is((SELECT string_agg(t.line(cells), E'\n' ORDER BY cells) FROM (SELECT cells FROM t.actual EXCEPT SELECT cells FROM t.expected) a), NULL,
    'every object of both schemas has the rights that its row says: these have others, or no row');
SELECT is((SELECT string_agg(t.line(cells), E'\n' ORDER BY cells) FROM (SELECT cells FROM t.expected EXCEPT SELECT cells FROM t.actual) a), NULL,
    'and every row is about an object: these are not so');
SELECT cmp_ok((SELECT count(*) FROM t.actual), '>', 230::int8, 'the objects are read');

-- The server lets a role call what the matrix says, and nothing else.
SELECT is((SELECT string_agg(format('%s: %s', r.name, o.call), E'\n' ORDER BY r.name, o.call) FROM t.object o, t.role r
            WHERE o.call IS NOT NULL AND NOT (r.name = 'owner' AND o.name = 'foreman.import_pg_cron') AND t.may_call(r.role, o.call) <>
                  (t.rights(r.role, o.what, o.oid) ~ CASE o.what WHEN 'sequence' THEN '[wU]' WHEN 'function' THEN 'X' ELSE 'r' END
                   AND has_schema_privilege(r.role, split_part(o.name, '.', 1), 'USAGE'))), NULL,
    'the server refuses exactly the calls that the matrix does not allow');
SELECT is(t.may_call('matrix_owner', 'SELECT foreman.import_pg_cron()'), false, 'but for one that takes a superuser, whoever owns it');

SELECT is((SELECT string_agg(oid::regprocedure::text, ', ') FROM pg_proc WHERE pronamespace IN ('foreman'::regnamespace, 'cron'::regnamespace) AND prosecdef), NULL,
    'no function is SECURITY DEFINER');

-- What a handler takes may be written by whoever registers it, and by the role that it runs as.
GRANT CREATE ON SCHEMA t TO matrix_operator, matrix_handler;
CREATE FUNCTION t.created(role regrole, argument text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', role::text, true);
    EXECUTE format('CREATE FUNCTION t.made(%s) RETURNS void LANGUAGE sql AS %L', argument, 'SELECT NULL::void');
    EXECUTE format('DROP FUNCTION t.made(%s)', argument);
    RETURN 'created';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
SELECT is(t.created(role, argument), 'created', role || ' creates a function of ' || argument)
  FROM unnest('{matrix_operator,matrix_handler}'::regrole[]) role, unnest('{foreman.job,foreman.job[],foreman.event,foreman.event[]}'::text[]) argument;

DROP EXTENSION pg_foreman CASCADE;
ALTER DATABASE :dbname OWNER TO postgres;
DROP OWNED BY :roles;
DROP ROLE :roles;
SELECT * FROM finish();
