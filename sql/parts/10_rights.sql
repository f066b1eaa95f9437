------------------------------------------------------------------------------------------------------------------------
-- Who may do what: roles as they are stored, what grant_role() gave, and whether this database may run jobs.
-- A stored role is a number and the name that it had when somebody looked last. The number decides here, and a dump has the
-- name: a rename keeps the work with its role, and a number of another cluster never means anybody. As text a ? stands
-- before the name of a role that is missing: nobody has its work until foreman.reassign_role().
-- Nobody is granted anything on tables: every right is a right on a function or a view.
------------------------------------------------------------------------------------------------------------------------

CREATE TYPE foreman.role_ref;

CREATE FUNCTION foreman._role_in(pg_catalog.cstring)
RETURNS foreman.role_ref LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_in';
COMMENT ON FUNCTION foreman._role_in(pg_catalog.cstring) IS 'Input function of foreman.role_ref';

CREATE FUNCTION foreman._role_out(foreman.role_ref)
RETURNS pg_catalog.cstring LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_out';
COMMENT ON FUNCTION foreman._role_out(foreman.role_ref) IS 'Output function of foreman.role_ref';

CREATE FUNCTION foreman._role_recv(pg_catalog.internal)
RETURNS foreman.role_ref LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_recv';
COMMENT ON FUNCTION foreman._role_recv(pg_catalog.internal) IS 'Binary input function of foreman.role_ref';

CREATE FUNCTION foreman._role_send(foreman.role_ref)
RETURNS pg_catalog.bytea LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_send';
COMMENT ON FUNCTION foreman._role_send(foreman.role_ref) IS 'Binary output function of foreman.role_ref';

CREATE TYPE foreman.role_ref (INPUT = foreman._role_in, OUTPUT = foreman._role_out, RECEIVE = foreman._role_recv,
    SEND = foreman._role_send, INTERNALLENGTH = 68, ALIGNMENT = int4, STORAGE = plain);
COMMENT ON TYPE foreman.role_ref IS 'A role by number and name; as text its name, with a ? before it when the role is missing';

CREATE FUNCTION foreman._role_ref(pg_catalog.oid)
RETURNS foreman.role_ref LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_of_oid';
COMMENT ON FUNCTION foreman._role_ref(pg_catalog.oid) IS 'The role of a number';

-- Of a missing role a number that no role can have.
-- bundle: producer operator monitor
CREATE FUNCTION foreman._role_oid(foreman.role_ref)
RETURNS pg_catalog.oid LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_oid';
COMMENT ON FUNCTION foreman._role_oid(foreman.role_ref) IS 'Number of a role; 1 when it is missing';

CREATE CAST (pg_catalog.oid AS foreman.role_ref) WITH FUNCTION foreman._role_ref(pg_catalog.oid) AS ASSIGNMENT;
COMMENT ON CAST (pg_catalog.oid AS foreman.role_ref) IS 'The role of a number';

CREATE CAST (pg_catalog.regrole AS foreman.role_ref) WITH FUNCTION foreman._role_ref(pg_catalog.oid) AS ASSIGNMENT;
COMMENT ON CAST (pg_catalog.regrole AS foreman.role_ref) IS 'The role';

CREATE CAST (foreman.role_ref AS pg_catalog.oid) WITH FUNCTION foreman._role_oid(foreman.role_ref) AS IMPLICIT;
COMMENT ON CAST (foreman.role_ref AS pg_catalog.oid) IS 'Its number; 1 when the role is missing';

-- The role as it is now; whether that is another than what is stored; and the name that is stored.
CREATE FUNCTION foreman._role_now(foreman.role_ref)
RETURNS foreman.role_ref LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_now';
COMMENT ON FUNCTION foreman._role_now(foreman.role_ref) IS 'The role under the name that it has now';

CREATE FUNCTION foreman._role_changed(foreman.role_ref)
RETURNS pg_catalog.bool LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_changed';
COMMENT ON FUNCTION foreman._role_changed(foreman.role_ref) IS 'Whether the role was renamed or dropped since it was stored';

CREATE FUNCTION foreman._role_stored(foreman.role_ref)
RETURNS pg_catalog.text LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_stored';
COMMENT ON FUNCTION foreman._role_stored(foreman.role_ref) IS 'Name of the role when it was stored';

-- What grant_role gave. queue NULL: all queues.
CREATE TABLE foreman.role_grant (
    grant_id pg_catalog.int8     GENERATED ALWAYS AS IDENTITY,
    bundle   pg_catalog.text     NOT NULL,
    role     foreman.role_ref    NOT NULL,
    queue    pg_catalog.text     COLLATE pg_catalog."C",
    CONSTRAINT role_grant_pkey PRIMARY KEY (grant_id)
);
-- Several missing roles may have had one name.
CREATE UNIQUE INDEX role_grant_all ON foreman.role_grant (bundle, foreman._role_oid(role))
    WHERE (queue IS NULL AND foreman._role_oid(role) OPERATOR(pg_catalog.<>) '1');
CREATE UNIQUE INDEX role_grant_queue ON foreman.role_grant (bundle, foreman._role_oid(role), queue)
    WHERE (queue IS NOT NULL AND foreman._role_oid(role) OPERATOR(pg_catalog.<>) '1');
SELECT pg_catalog.pg_extension_config_dump('foreman.role_grant', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('foreman.role_grant', 'grant_id')::pg_catalog.regclass, '');
COMMENT ON COLUMN foreman.role_grant.grant_id IS 'Id';
COMMENT ON SEQUENCE foreman.role_grant_grant_id_seq IS 'Ids of grants';
COMMENT ON TABLE foreman.role_grant IS 'What foreman.grant_role() gave';
COMMENT ON COLUMN foreman.role_grant.queue IS 'NULL: all queues';

-- Whether this database may run jobs. Workers run only while every row was inserted here: its id is its own xmin and its
-- database is this one. A restored, subscribed or template-made copy fails that test and stays quiet until foreman.start().
CREATE TABLE foreman.identity (
    id       pg_catalog.xid  NOT NULL,
    database pg_catalog.oid  NOT NULL,
    stopped  pg_catalog.bool NOT NULL
);
ALTER TABLE foreman.identity REPLICA IDENTITY FULL;
SELECT pg_catalog.pg_extension_config_dump('foreman.identity', '');
COMMENT ON TABLE foreman.identity IS 'Tells this database from its copies; workers run only where every row was inserted here';
COMMENT ON COLUMN foreman.identity.id IS 'Transaction that inserted the row: equal to its xmin, except in a copy';
COMMENT ON COLUMN foreman.identity.database IS 'OID of the database that the row was inserted in';
COMMENT ON COLUMN foreman.identity.stopped IS 'Whether foreman.stop() was called';

-- bundle: operator
CREATE FUNCTION foreman.grant_role(bundle pg_catalog.text, role pg_catalog.regrole, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_grant_role';
COMMENT ON FUNCTION foreman.grant_role(pg_catalog.text, pg_catalog.regrole, pg_catalog.text) IS 'Gives a role a bundle of rights (producer, worker, operator or monitor) on a queue, or on all queues. Returns false when the role had it';

-- bundle: operator
CREATE FUNCTION foreman.revoke_role(bundle pg_catalog.text, role pg_catalog.regrole, queue pg_catalog.text DEFAULT NULL, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_revoke_role';
COMMENT ON FUNCTION foreman.revoke_role IS 'Takes a bundle of rights away from a role. Raises an error when the role does not have it, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.reassign_role(from_name pg_catalog.text, to_role pg_catalog.regrole)
RETURNS pg_catalog.jsonb LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_reassign_role';
COMMENT ON FUNCTION foreman.reassign_role(pg_catalog.text, pg_catalog.regrole) IS 'Gives what belongs to a missing role of this name, or otherwise to the present one, to another role: handlers, schedules, jobs of cron.job, batches and grants. Returns how many of each';

-- Rights and the board, for the views below.
-- bundle: producer operator monitor
CREATE FUNCTION foreman._sees(queue pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_sees';
COMMENT ON FUNCTION foreman._sees(pg_catalog.text) IS 'Whether the caller holds any bundle for the queue; for the views';

-- bundle: operator monitor
CREATE FUNCTION foreman._sees_args(queue pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_sees_args';
COMMENT ON FUNCTION foreman._sees_args(pg_catalog.text) IS 'Whether the caller holds a bundle that shows args and results of the queue; for the views';

CREATE FUNCTION foreman._revoke_defaults(extension pg_catalog.text)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_revoke_defaults';
COMMENT ON FUNCTION foreman._revoke_defaults IS 'Called by CREATE EXTENSION: takes away what default privileges gave on what an extension made';
