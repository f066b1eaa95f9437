-- What a handler or a command leaves in its executor's session reaches no other job; and ends that have no
-- text of their own: a batch that fails a job without an error, a commit that fails with an empty message.
SELECT plan(9);

CREATE FUNCTION settled(kinds text[]) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..200 LOOP
        IF NOT EXISTS (SELECT FROM foreman.live_job WHERE kind = ANY (kinds)) THEN RETURN true; END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN false;
END $$;

-- A cursor WITH HOLD would stand in the way of the next job's.
CREATE FUNCTION opens_cursor(jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT 1'; END $$;
SELECT foreman.register_handler('cursor', 'opens_cursor', max_attempts => 1) AS ok \gset
SELECT count(foreman.enqueue('cursor')) AS n FROM generate_series(1, 20) \gset
SELECT ok(settled('{cursor}'), 'jobs that open the same held cursor come to an end');
SELECT is(count(*), 20::int8, 'each in a session without it') FROM foreman.jobs WHERE kind = 'cursor' AND state = 'completed';

-- SET ROLE in a command.
CREATE ROLE r_first LOGIN;
CREATE ROLE r_second;
GRANT r_second TO r_first;
CREATE TABLE seen (who text);
GRANT INSERT ON seen TO r_first, r_second;
CREATE FUNCTION says_who(jsonb) RETURNS void LANGUAGE sql AS 'INSERT INTO seen VALUES (current_user)';
SELECT foreman.register_handler('set_role', command => 'SET ROLE r_second', run_as => 'r_first') AS ok \gset
SELECT foreman.register_handler('says_who', 'says_who', run_as => 'r_first') AS ok \gset
SELECT foreman.enqueue('set_role') AS id \gset
SELECT ok(settled('{set_role}'), 'a command sets a role');
SELECT foreman.enqueue('says_who') AS id \gset
SELECT ok(settled('{says_who}'), 'another job of that session runs');
SELECT results_eq('SELECT who FROM seen', ARRAY ['r_first'], 'as its own role');

-- Ends without a text.
CREATE FUNCTION fails_silently(foreman.job[]) RETURNS SETOF foreman.job_outcome LANGUAGE sql AS
    'SELECT (j.job_id, ''failed'', NULL, NULL, NULL)::foreman.job_outcome FROM unnest($1) j';
SELECT foreman.register_handler('silent', 'fails_silently', lane => 'batch', max_attempts => 1) AS ok \gset
SELECT foreman.enqueue('silent') AS id \gset
SELECT ok(settled('{silent}'), 'a batch fails a job without an error');
SELECT is(reason, 'failed by its handler', 'which is then the reason') FROM foreman.jobs WHERE kind = 'silent';

CREATE TABLE refused (n int);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION ''; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON refused DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE FUNCTION inserts(jsonb) RETURNS void LANGUAGE sql AS 'INSERT INTO refused VALUES (1)';
SELECT foreman.register_handler('refused', 'inserts', max_attempts => 1) AS ok \gset
SELECT foreman.enqueue('refused') AS id \gset
SELECT ok(settled('{refused}'), 'a commit fails with an empty message');
SELECT is(state, 'discarded', 'and is charged') FROM foreman.jobs WHERE kind = 'refused';

SELECT * FROM finish();
DROP OWNED BY r_first, r_second;
DROP ROLE r_first, r_second;
