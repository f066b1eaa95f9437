-- Rights: nobody has any but superusers; grant_role() gives them by bundle and queue.
SET client_min_messages = warning;
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
CREATE ROLE foreman_test_producer LOGIN;
CREATE ROLE foreman_test_operator LOGIN;
CREATE ROLE foreman_test_monitor LOGIN;
CREATE SCHEMA rights_test;
GRANT USAGE, CREATE ON SCHEMA rights_test TO foreman_test_operator, foreman_test_producer;

-- Nothing is granted to PUBLIC, on anything of ours.
SELECT count(*) FROM pg_class c, aclexplode(relacl) a WHERE relnamespace = 'foreman'::regnamespace AND a.grantee = 0;
SELECT count(*) FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE pronamespace = 'foreman'::regnamespace AND a.grantee = 0;
SELECT count(*) FROM aclexplode((SELECT nspacl FROM pg_namespace WHERE nspname = 'foreman')) a WHERE a.grantee = 0;
-- Everything has its comment.
SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
 WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_foreman') AND deptype = 'e'
   AND (classid <> 'pg_type'::regclass OR EXISTS (SELECT FROM pg_type t JOIN pg_class c ON c.oid = typrelid WHERE t.oid = objid AND relkind = 'c'))
   AND NOT EXISTS (SELECT FROM pg_class c WHERE classid = 'pg_class'::regclass AND c.oid = objid AND (relkind = 'c' OR c.relname LIKE ANY ('{%request_id_seq,%batch_id_seq}')))
   AND obj_description(objid, classid::regclass::name) IS NULL ORDER BY 1;
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'foreman'::regnamespace AND c.relkind = 'v' AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL;

-- Without a bundle, not even the schema.
SET ROLE foreman_test_producer;
SELECT foreman.enqueue('k');
RESET ROLE;

-- A producer for one queue: that queue and no other, and nothing but producing.
SELECT foreman.create_queue('theirs'), foreman.create_queue('ours');
SELECT foreman.grant_role('producer', 'foreman_test_producer', 'theirs'), foreman.grant_role('producer', 'foreman_test_producer', 'theirs');
SET ROLE foreman_test_producer;
SELECT foreman.enqueue('k', '{"secret": 1}', queue => 'theirs');
SELECT foreman.enqueue('k', queue => 'ours');
SELECT foreman.enqueue('k');
SELECT * FROM foreman.enqueue_many('[{"kind": "k", "queue": "theirs"}, {"kind": "k", "queue": "ours"}]');
SELECT foreman.cancel(1);
SELECT * FROM foreman.jobs;
SELECT * FROM foreman.live_job;
SELECT nextval('foreman.job_id_seq');
SELECT foreman.grant_role('producer', 'foreman_test_producer');
CALL foreman.await(1, '0');
RESET ROLE;

-- A monitor sees, but neither args nor results.
SELECT foreman.enqueue('k', '{"secret": 2}', queue => 'ours');
SELECT foreman.grant_role('monitor', 'foreman_test_monitor', 'theirs');
SET ROLE foreman_test_monitor;
SELECT job_id, state, kind, queue, args FROM foreman.jobs;
SELECT queue FROM foreman.queues;
SELECT queue FROM foreman._queue_counters();
SELECT count(*) > 0 AS answered FROM foreman.health();
SELECT foreman.enqueue('k', queue => 'theirs');
SELECT foreman.start();
RESET ROLE;

-- An operator of one queue: operates it, registers handlers for it, hands on rights to it, and no more.
SELECT foreman.grant_role('operator', 'foreman_test_operator', 'theirs');
SET ROLE foreman_test_operator;
SELECT job_id, queue, args FROM foreman.jobs;
SELECT foreman.cancel(1), foreman.retry(1), foreman.reschedule(1, priority => 1);
SELECT foreman.cancel(2);
SELECT * FROM foreman.cancel_many('{1,2}');
SELECT state FROM foreman.jobs WHERE job_id = 1;
SELECT foreman.alter_queue('theirs', priority => 1);
SELECT foreman.alter_queue('ours', priority => 1);
SELECT foreman.create_queue('another');
SELECT foreman.count_dead_letters(queue => 'theirs');
SELECT foreman.count_dead_letters();
SELECT foreman.grant_role('producer', 'foreman_test_monitor', 'theirs');
SELECT foreman.grant_role('producer', 'foreman_test_monitor', 'ours');
SELECT foreman.grant_role('producer', 'foreman_test_monitor');
SELECT foreman.revoke_role('producer', 'foreman_test_monitor', 'theirs');
SELECT foreman.stop();
CREATE FUNCTION rights_test.whoami(args jsonb) RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
SELECT foreman.register_handler('k', 'rights_test.whoami');
SELECT foreman.register_handler('k', 'rights_test.whoami', queue => 'theirs');
-- It would get the jobs of that kind in the queues of others: refused while there are any.
RESET ROLE;
SELECT foreman.cancel(job_id) FROM foreman.jobs WHERE queue = 'ours' AND kind = 'k' AND finished_at IS NULL;
SET ROLE foreman_test_operator;
SELECT foreman.register_handler('k', 'rights_test.whoami', queue => 'theirs');
SELECT foreman.register_handler('k', 'rights_test.whoami', queue => 'theirs', run_as => 'foreman_test_producer');
RESET ROLE;

-- Who may SET ROLE to a role may register handlers that run as it, if it may run them.
GRANT foreman_test_producer TO foreman_test_operator;
REVOKE EXECUTE ON FUNCTION rights_test.whoami FROM PUBLIC;
SET ROLE foreman_test_operator;
SELECT foreman.register_handler('k', 'rights_test.whoami', queue => 'theirs', run_as => 'foreman_test_producer');
GRANT EXECUTE ON FUNCTION rights_test.whoami TO foreman_test_producer;
SELECT foreman.register_handler('k', 'rights_test.whoami', queue => 'theirs', run_as => 'foreman_test_producer');
RESET ROLE;
REVOKE USAGE ON SCHEMA rights_test FROM foreman_test_producer;
SELECT foreman.register_handler('k2', 'rights_test.whoami', run_as => 'foreman_test_producer');
GRANT USAGE ON SCHEMA rights_test TO foreman_test_producer;
SELECT kind, run_as FROM foreman.handlers;

-- A role that cannot have a session here cannot run handlers; from version 17 on, roles without LOGIN can.
CREATE ROLE foreman_test_nologin;
GRANT USAGE ON SCHEMA rights_test TO foreman_test_nologin;
GRANT EXECUTE ON FUNCTION rights_test.whoami TO foreman_test_nologin;
DO $$
DECLARE without_login bool := current_setting('server_version_num')::int >= 170000;
BEGIN
    PERFORM foreman.register_handler('k3', 'rights_test.whoami', run_as => 'foreman_test_nologin');
    ASSERT without_login, 'was registered';
    PERFORM foreman.unregister_handler('k3');
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    ASSERT NOT without_login, SQLERRM;
END $$;
DO $$ BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END $$;
SELECT foreman.register_handler('k3', 'rights_test.whoami', run_as => 'foreman_test_producer');
DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO PUBLIC', current_database()); END $$;
SELECT kind, run_as FROM foreman.handlers;

-- run_once() runs only what runs as the session's user.
SELECT foreman.run_once();
SET SESSION AUTHORIZATION foreman_test_producer;
SELECT foreman.run_once();
RESET SESSION AUTHORIZATION;
SELECT foreman.grant_role('operator', 'foreman_test_producer', 'theirs');
SET SESSION AUTHORIZATION foreman_test_producer;
SELECT foreman.run_once('theirs');
RESET SESSION AUTHORIZATION;
SELECT state, result FROM foreman.jobs WHERE job_id = 1;

-- Another's handler cannot be taken over from a queue of one's own.
SELECT foreman.register_handler('mine', 'rights_test.whoami', queue => 'ours');
SET ROLE foreman_test_operator;
SELECT foreman.register_handler('mine', 'rights_test.whoami', queue => 'theirs');
SELECT foreman.unregister_handler('mine');
SELECT kind FROM foreman.handlers;
RESET ROLE;

-- A right that was taken away is gone at once, and what other bundles need stays.
SELECT foreman.revoke_role('producer', 'foreman_test_producer', 'theirs'), foreman.revoke_role('producer', 'foreman_test_producer', 'theirs', if_exists => true);
SET ROLE foreman_test_producer;
SELECT foreman.enqueue('k', queue => 'theirs');
CALL foreman.await(1, '0');
RESET ROLE;

-- Rights are inherited by members, and end with their queue.
CREATE ROLE foreman_test_member LOGIN IN ROLE foreman_test_operator;
SET ROLE foreman_test_member;
SELECT foreman.run_now(1), foreman.count_dead_letters(queue => 'theirs');
RESET ROLE;
SELECT foreman.drop_queue('theirs');
SET ROLE foreman_test_member;
SELECT foreman.count_dead_letters(queue => 'theirs');
RESET ROLE;

-- All queues.
SELECT foreman.grant_role('operator', 'foreman_test_operator');
SET ROLE foreman_test_operator;
SELECT foreman.create_queue('another'), foreman.count_dead_letters(), foreman.stop();
SELECT foreman.grant_role('monitor', 'foreman_test_member');
RESET ROLE;

-- What cannot be granted.
SELECT foreman.grant_role('reader', 'foreman_test_producer');
SELECT foreman.grant_role('producer', 'foreman_test_nobody');
SELECT foreman.grant_role('producer', 4294967295::oid::regrole);
SELECT foreman.grant_role('producer', NULL);
SELECT foreman.grant_role(NULL, 'foreman_test_producer');
SELECT foreman.grant_role('producer', 'foreman_test_producer', 'no such queue');
SELECT foreman.grant_role('producer', 'foreman_test_producer', 'default');

SET client_min_messages = error;
DROP EXTENSION pg_foreman;
DROP SCHEMA rights_test CASCADE;
DROP ROLE foreman_test_member, foreman_test_producer, foreman_test_operator, foreman_test_monitor, foreman_test_nologin;
