-- The demo's own tables and handlers. A handler is an ordinary function; it runs as the role that it is
-- registered for, here `demo`, which may write these tables and nothing else.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

CREATE EXTENSION pg_foreman;
CREATE ROLE demo LOGIN;
CREATE SCHEMA demo;

CREATE TABLE demo.package (
    record       int PRIMARY KEY,
    name         text NOT NULL,
    version      text,
    architecture text,
    section      text NOT NULL,
    installed_kb bigint NOT NULL
);
CREATE TABLE demo.dependency (
    record      int NOT NULL REFERENCES demo.package,
    position    int NOT NULL,          -- of the clause within the record
    alternative int NOT NULL,          -- a | b | c
    target      text NOT NULL,
    version     text,                  -- ">= 2.36", without the parentheses
    PRIMARY KEY (record, position, alternative)
);
CREATE TABLE demo.section (
    section      text PRIMARY KEY,
    packages     bigint NOT NULL,
    installed_kb bigint NOT NULL
);
CREATE TABLE demo.note (due timestamptz NOT NULL, ran timestamptz NOT NULL, text text NOT NULL);

GRANT USAGE ON SCHEMA demo TO demo;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA demo TO demo;

-- A record is lines "Name: value"; lines that begin with a blank continue the one before.
CREATE FUNCTION demo.fields(record text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    line   text;
    name   text;
    wanted boolean;
    fields jsonb := '{}';
BEGIN
    FOREACH line IN ARRAY string_to_array(record, E'\n') LOOP
        IF line !~ '^\s' THEN
            name := split_part(line, ':', 1);
            wanted := name IN ('Package', 'Version', 'Architecture', 'Section', 'Installed-Size', 'Depends', 'Pre-Depends');
            IF wanted THEN
                fields := fields || jsonb_build_object(name, trim(substr(line, length(name) + 2)));
            END IF;
        ELSIF wanted THEN
            fields := fields || jsonb_build_object(name, (fields ->> name) || ' ' || trim(line));
        END IF;
    END LOOP;
    RETURN fields;
END $$;

-- "libc6 (>= 2.36), default-mta | mail-transport-agent": one row per alternative.
CREATE FUNCTION demo.clauses(list text, OUT "position" int, OUT alternative int, OUT target text, OUT version text)
RETURNS SETOF record LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    clause text;
    choice text;
BEGIN
    position := 0;
    FOREACH clause IN ARRAY string_to_array(list, ',') LOOP
        position := position + 1;
        alternative := 0;
        FOREACH choice IN ARRAY string_to_array(clause, '|') LOOP
            alternative := alternative + 1;
            target := split_part(split_part(trim(choice), ' ', 1), ':', 1);
            version := trim(split_part(split_part(choice, '(', 2), ')', 1));
            RETURN NEXT;
        END LOOP;
    END LOOP;
END $$;

-- Shape f(foreman.job): the whole job, with its attempt. What it returns is the job's result.
CREATE FUNCTION demo.parse_record(job foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    n      int   := job.args ->> 'n';
    fields jsonb := demo.fields(job.args ->> 'record');
    found  int;
BEGIN
    INSERT INTO demo.package
    VALUES (n, fields ->> 'Package', fields ->> 'Version', fields ->> 'Architecture',
            coalesce(fields ->> 'Section', 'none'), coalesce(fields ->> 'Installed-Size', '0')::bigint);

    INSERT INTO demo.dependency
    SELECT n, c.position, c.alternative, c.target, nullif(c.version, '')
      FROM demo.clauses(concat_ws(',', fields ->> 'Pre-Depends', fields ->> 'Depends')) AS c;
    GET DIAGNOSTICS found = ROW_COUNT;

    PERFORM pg_sleep((job.args ->> 'pace')::float8);

    -- On purpose, and after the writes: a failed attempt leaves nothing of them.
    IF job.args ->> 'trouble' = 'always' THEN
        RAISE EXCEPTION 'record % cannot be used (the demo says so)', n USING ERRCODE = 'data_exception';
    ELSIF job.args ->> 'trouble' = 'once' AND job.attempt = 1 THEN
        RAISE EXCEPTION 'record % is not ready yet (the demo says so)', n USING HINT = 'It will be, next time.';
    END IF;
    RETURN jsonb_build_object('dependencies', found);
END $$;

-- Shape f(jsonb): only the args. Reads a record once more and compares it with the tables.
CREATE FUNCTION demo.check_record(args jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    fields jsonb := demo.fields(args ->> 'record');
BEGIN
    IF NOT EXISTS (SELECT FROM demo.package
                    WHERE record = (args ->> 'n')::int AND name = fields ->> 'Package' AND version = fields ->> 'Version')
       OR (SELECT count(*) FROM demo.dependency WHERE record = (args ->> 'n')::int)
          <> (SELECT count(*) FROM demo.clauses(concat_ws(',', fields ->> 'Pre-Depends', fields ->> 'Depends')))
    THEN
        RAISE EXCEPTION 'record % is not what the tables say', args ->> 'n';
    END IF;
END $$;

CREATE FUNCTION demo.sum_section(args jsonb) RETURNS jsonb LANGUAGE sql AS $$
    INSERT INTO demo.section
    SELECT section, count(*), sum(installed_kb) FROM demo.package WHERE section = args ->> 'section' GROUP BY section
    RETURNING to_jsonb(section)
$$;

CREATE FUNCTION demo.leave_note(job foreman.job) RETURNS void LANGUAGE sql AS $$
    INSERT INTO demo.note VALUES (job.run_at, clock_timestamp(), job.args ->> 'text')
$$;

DO $$ BEGIN
    PERFORM foreman.register_handler('check_record', 'demo.check_record', queue => 'packages', run_as => 'demo');
    PERFORM foreman.register_handler('sum_section', 'demo.sum_section', queue => 'packages', run_as => 'demo');
    PERFORM foreman.register_handler('leave_note', 'demo.leave_note', run_as => 'demo');
END $$;
