# A role that may create objects and use a queue of its own gets no other role's rights by it: not by objects that look
# like those of the system or of ours, nor by objects that are there before the extension, nor by what its handlers leave
# for the end of their transaction, nor by changing who it is.
# Broken by: names, operators or casts in our SQL that a search_path decides; CREATE OR REPLACE or IF NOT EXISTS in a script
# (CVE-2022-2625); a worker that is somebody else at the commit (CVE-2020-25695); a session that was authenticated as
# somebody else; rights on tables.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('escalation');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN');

# What mallory makes calls this; it notes whenever somebody else does what she wants. Sequences keep what a rollback takes back.
my $spy = q{
	CREATE SCHEMA mallory AUTHORIZATION mallory;
	GRANT USAGE ON SCHEMA mallory TO PUBLIC;
	CREATE SEQUENCE mallory.caught;
	GRANT ALL ON mallory.caught TO PUBLIC;
	CREATE FUNCTION mallory.spy(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql SET search_path = pg_catalog AS $$
	BEGIN
		IF current_user <> 'mallory' OR session_user <> 'mallory' THEN
			PERFORM nextval('mallory.caught');
			RAISE LOG 'caught: % as % in a session of %', what, current_user, session_user;
		END IF;
		RETURN true;
	END $$;
	ALTER FUNCTION mallory.spy OWNER TO mallory};

# In public, an object for each name of pg_catalog: functions and operators of exactly the same arguments.
my $shadows = q{
	DO $do$
	DECLARE
		o record;
		body text := 'LANGUAGE plpgsql AS $f$ BEGIN PERFORM mallory.spy(%L); RETURN NULL; END $f$';
	BEGIN
		FOR o IN SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS args, format_type(p.prorettype, NULL) AS result, p.proretset
				   FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a') AND p.pronargs BETWEEN 0 AND 4
					AND NOT p.proretset AND p.provariadic = 0 AND pg_get_function_identity_arguments(p.oid) !~ 'OUT|internal|cstring|ORDER BY'
					AND p.prorettype NOT IN ('internal'::regtype, 'cstring'::regtype, 'trigger'::regtype, 'event_trigger'::regtype) LOOP
			BEGIN
				EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s ' || body, o.proname, o.args, o.result, 'function ' || o.proname);
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
		FOR o IN SELECT oprname, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r, format_type(oprresult, NULL) AS result
				   FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' AND oprcode <> 0 LOOP
			BEGIN
				EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS %s ' || body, 'op ' || o.oprname, o.l, o.r, o.result, 'operator ' || o.oprname);
				EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.%I)', o.oprname, o.l, o.r, 'op ' || o.oprname);
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
	END $do$;
	SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace) || ' ' || (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace)};

# The client looks in pg_catalog alone; whoever else comes, a worker above all, as the database says.
local $ENV{PGOPTIONS} = '-c search_path=pg_catalog';

sub is_not_caught
{
	my ($db, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(value($node, $db, 'SELECT is_called FROM mallory.caught'), 'f', $what)
	  || diag(join "\n", (grep { /caught: / } split /\n/, slurp_file($node->logfile))[ 0 .. 5 ]);
}

sub as_mallory
{
	my ($db, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql($db, "\\set VERBOSITY verbose\nSET SESSION AUTHORIZATION mallory;\n$sql", stdout => \$out, stderr => \$err, on_error_stop => 0);
	return ($out, $err);
}

subtest 'names that look like those of the system' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE shadows');
	$node->safe_psql('shadows', $spy);
	$node->safe_psql('shadows', 'GRANT CREATE ON SCHEMA public TO mallory');
	my ($made) = as_mallory('shadows', $shadows);
	my ($functions, $operators) = split / /, $made;
	cmp_ok($functions, '>', 1500, 'functions are shadowed');
	cmp_ok($operators, '>', 500, 'and operators');
	# Mallory's objects come first in every session that says nothing else.
	$node->safe_psql('postgres', 'ALTER DATABASE shadows SET search_path = public, pg_catalog');
	$node->safe_psql('shadows', q{
		SET search_path = public, pg_catalog;
		CREATE EXTENSION pg_foreman;
		CREATE EXTENSION pg_foreman_cron;
		CREATE FUNCTION public.fine(args pg_catalog.jsonb) RETURNS pg_catalog.jsonb LANGUAGE sql SET search_path = pg_catalog AS 'SELECT args';
		CREATE FUNCTION public.decide(now pg_catalog.timestamptz, state pg_catalog.jsonb, input pg_catalog.jsonb) RETURNS pg_catalog.jsonb LANGUAGE sql SET search_path = pg_catalog
			AS $$ SELECT '{"events": [{"type": "seen"}], "effects": [{"key": "open", "kind": "nobody"}, {"key": "fails", "kind": "fails"}]}'::jsonb $$;
		CREATE FUNCTION public.fails(args pg_catalog.jsonb) RETURNS pg_catalog.void LANGUAGE plpgsql SET search_path = pg_catalog AS 'BEGIN RAISE ''no''; END';
		CREATE FUNCTION public.many(jobs foreman.job[]) RETURNS pg_catalog.void LANGUAGE sql SET search_path = pg_catalog AS '';
		CREATE FUNCTION public.sees(event foreman.event) RETURNS pg_catalog.void LANGUAGE sql SET search_path = pg_catalog AS '';
		SELECT foreman.create_queue('q', max_running => 2), foreman.register_handler('fine', 'public.fine'), foreman.register_handler('fails', 'public.fails', max_attempts => 1), foreman.register_handler('batch', 'public.many', lane => 'batch'),
			foreman.create_workflow_type('w', 'public.decide'), foreman.grant_role('monitor', 'mallory'), foreman.grant_role('operator', 'mallory'),
			foreman.create_projection('p', 'public.sees'), foreman.subscribe('a.#', 'fine', 's') \g /dev/null
		SELECT foreman.enqueue('fine', '{}', unique_key => 'u', concurrency_key => 'c'), foreman.enqueue('batch', '{}', sequence_key => 's'), foreman.publish('a.b', '{}'),
			foreman.execute('w', '1', '{}'), foreman.execute('w', '2', '{}'), foreman.schedule('every', '1 second', 'SELECT pg_catalog.now()'), cron.schedule('cron', '* * * * *', 'SELECT 1') \g /dev/null
		SELECT foreman.enqueue('nobody', '{}', queue => 'out') AS out \gset
		SELECT foreman.claim('{out}', 'worker', 1) \g /dev/null
		SELECT foreman.release_lease(:out) \g /dev/null
		SELECT foreman.cancel(:out) \g /dev/null
		SELECT foreman.prune_once(), foreman.dispatch_once() \g /dev/null
		SELECT * FROM foreman.health() \g /dev/null
		SELECT * FROM foreman.why(:out) \g /dev/null});
	$node->safe_psql('shadows', "SET search_path = public, pg_catalog; SELECT * FROM foreman.$_ \\g /dev/null")
		for split /\n/, value($node, 'shadows', q{SELECT viewname FROM pg_views WHERE schemaname = 'foreman'});
	eventually($node, 'shadows', q{SELECT count(*) FILTER (WHERE state = 'completed') >= 5 AND count(*) FILTER (WHERE state = 'discarded') = 2 FROM foreman.jobs}, 60, 'workers do their work');
	$node->safe_psql('shadows', q{SELECT foreman.terminate_workflow('w', '1') \g /dev/null});
	# Our SQL runs with the rights of the owner of our tables, whoever calls: in the search_path of the caller.
	my ($out, $err) = as_mallory('shadows', q{
		SET search_path = public, pg_catalog;
		SELECT * FROM foreman.health() \g /dev/null
		SELECT * FROM foreman.why_workflow('w', '2') \g /dev/null
		SELECT * FROM foreman.workflow_graph('w') \g /dev/null
		SELECT * FROM foreman.workflow_dead_letters() \g /dev/null
		SELECT * FROM foreman.list_workflows('w') \g /dev/null
		SELECT * FROM foreman.list_jobs() \g /dev/null
		SELECT * FROM foreman.dead_letters() \g /dev/null
		SELECT job_id FROM foreman.jobs \g /dev/null
		SELECT foreman.prune_once() \g /dev/null});
	unlike($err, qr/ERROR/, 'a role with rights of its own calls what reads and tidies up, in such a path');
	is_not_caught('shadows', 'nobody has called them: not the scripts, the functions, the views nor the workers');
	$node->safe_psql('shadows', 'SET search_path = public, pg_catalog; DROP EXTENSION pg_foreman_cron; DROP EXTENSION pg_foreman CASCADE');
	is_not_caught('shadows', 'nor has DROP EXTENSION');
	$node->safe_psql('postgres', 'DROP DATABASE shadows WITH (FORCE)');
};

subtest 'objects that are there before the extension' => sub {
	for my $object ('SCHEMA foreman', 'TABLE foreman.live_job (job_id int8)', 'FUNCTION foreman.enqueue(kind text) RETURNS int8 LANGUAGE sql AS $$ SELECT 1::int8 $$',
		'FUNCTION foreman.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() $$', 'TYPE foreman.job AS (a int)', 'VIEW foreman.jobs AS SELECT 1', 'SEQUENCE foreman.job_id_seq')
	{
		$node->safe_psql('postgres', 'CREATE DATABASE before');
		$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE before TO mallory');
		as_mallory('before', 'CREATE SCHEMA foreman');
		as_mallory('before', "CREATE $object") if $object !~ /^SCHEMA/;
		my $err = '';
		$node->psql('before', 'CREATE EXTENSION pg_foreman', stderr => \$err);
		like($err, qr/already exists/, 'CREATE EXTENSION takes over nothing of a stranger: ' . substr $object, 0, 40);
		is(value($node, 'before', q{SELECT count(*) FROM pg_extension WHERE extname = 'pg_foreman'}), '0', 'and is not done');
		$node->safe_psql('postgres', 'DROP DATABASE before');
	}
	$node->safe_psql('postgres', 'CREATE DATABASE before');
	$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE before TO mallory');
	$node->safe_psql('before', 'CREATE EXTENSION pg_foreman');
	as_mallory('before', 'CREATE SCHEMA cron; CREATE TABLE cron.job (jobid int8)');
	my $err = '';
	$node->psql('before', 'CREATE EXTENSION pg_foreman_cron', stderr => \$err);
	like($err, qr/already exists/, 'nor does that of schema cron');
	$node->safe_psql('postgres', 'DROP DATABASE before WITH (FORCE)');
};

delete $ENV{PGOPTIONS};
install($node, 'postgres');
$node->safe_psql('postgres', $spy);
$node->safe_psql('postgres', q{
	SELECT foreman.grant_role(b, 'mallory') FROM unnest('{producer,worker,operator,monitor}'::text[]) b \g /dev/null
	CREATE TABLE mallory.seen (what text, who name, session name);
	ALTER TABLE mallory.seen OWNER TO mallory});

subtest 'what a role with all bundles makes of our objects' => sub {
	my @tables = split /\n/, value($node, 'postgres', q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'foreman'::regnamespace AND relkind IN ('r', 'p')});
	my @tries = ('CREATE TRIGGER x BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()', 'CREATE RULE x AS ON INSERT TO %s DO ALSO SELECT 1',
		'CREATE POLICY x ON %s', 'ALTER TABLE %s ENABLE ROW LEVEL SECURITY', 'CREATE INDEX ON %s ((1))', 'CREATE STATISTICS mallory.x ON ctid, xmin FROM %s', 'CREATE TABLE mallory.child () INHERITS (%s)',
		'ALTER TABLE %s OWNER TO mallory', 'GRANT ALL ON %s TO mallory', 'COMMENT ON TABLE %s IS NULL', 'SELECT FROM %s', 'INSERT INTO %s DEFAULT VALUES', 'DELETE FROM %s', 'TRUNCATE %s', 'DO $$ BEGIN LOCK TABLE %s; END $$',
		'COPY %s TO STDOUT', 'CREATE PUBLICATION x FOR TABLE %s', 'DROP TABLE %s', 'VACUUM %s', 'ANALYZE %s');
	my ($n, $script) = (0, '');
	for my $table (@tables) { $script .= sprintf("$_;\n", $table), $n++ for @tries; }
	my ($out, $err) = as_mallory('postgres', $script);
	my @answers = $err =~ /^psql:\S+ ((?:ERROR|WARNING): .*)$/mg;
	my @other = grep { !/^ERROR:  42501|^ERROR:  42809: cannot inherit from partition|^WARNING:  .*(?:skipping .*(?:permission|only)|permission denied)/ } @answers;
	cmp_ok($n, '>', 400, "$n attempts");
	cmp_ok(scalar @answers, '>=', $n, 'each has an answer');
	is(scalar @other, 0, 'and is refused for want of the right') || diag(join "\n", @other[ 0 .. 5 ]);
	is(value($node, 'postgres', q{SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'foreman'::regnamespace AND tgname = 'x'}), '0', 'and there is nothing of it');
	(undef, $err) = as_mallory('postgres', join "\n", map { "CREATE $_;" } 'FUNCTION foreman.x() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$', 'TABLE foreman.x ()', 'TYPE foreman.x AS (a int)');
	is(scalar(() = $err =~ /ERROR:  42501/g), 3, 'nor does it make objects in our schema');
};

subtest 'handlers that change who they are, and what they leave for later' => sub {
	$node->safe_psql('postgres', q{
		CREATE FUNCTION mallory.notes(what text) RETURNS bool LANGUAGE plpgsql SET search_path = pg_catalog AS $$
			BEGIN INSERT INTO mallory.seen VALUES (what, current_user, session_user); PERFORM mallory.spy(what); RETURN true; END $$;
		CREATE FUNCTION mallory.notes_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.notes('a deferred trigger'); RETURN NULL; END $$;
		CREATE TABLE mallory.late (x int);
		CREATE CONSTRAINT TRIGGER late AFTER INSERT ON mallory.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mallory.notes_trigger();
		GRANT ALL ON ALL TABLES IN SCHEMA mallory TO mallory;
		CREATE FUNCTION mallory.does(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE args ->> 'sql'; PERFORM mallory.notes(args ->> 'sql'); END $$;
		CREATE FUNCTION mallory.does_many(jobs foreman.job[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE jobs[1].args ->> 'sql'; PERFORM mallory.notes(jobs[1].args ->> 'sql'); END $$;
		CREATE PROCEDURE mallory.does_late(args jsonb) LANGUAGE plpgsql AS $$ BEGIN EXECUTE args ->> 'sql'; COMMIT; PERFORM mallory.notes(args ->> 'sql'); END $$;
		SET SESSION AUTHORIZATION mallory;
		SELECT foreman.register_handler('t', 'mallory.does', max_attempts => 1), foreman.register_handler('b', 'mallory.does_many', lane => 'batch', max_attempts => 1),
			foreman.register_handler('p', 'mallory.does_late', lane => 'procedure', max_attempts => 1) \g /dev/null
		SELECT count(foreman.enqueue(k, jsonb_build_object('sql', s))) FROM unnest('{t,b,p}'::text[]) k, unnest(ARRAY['RESET ROLE', 'SET ROLE postgres', 'SET ROLE NONE', 'SET SESSION AUTHORIZATION postgres',
			'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION DEFAULT', 'SET LOCAL ROLE pg_write_all_data', 'SET session_replication_role = replica', 'RESET ALL', 'DISCARD ALL',
			'INSERT INTO mallory.late VALUES (1)', 'DECLARE c CURSOR WITH HOLD FOR SELECT mallory.notes(''a held cursor'')',
			'ALTER ROLE mallory SUPERUSER', 'CREATE TEMP TABLE pg_class AS SELECT 1', 'SET search_path = mallory, pg_catalog']) s \g /dev/null});
	eventually($node, 'postgres', q{SELECT count(*) = 0 FROM foreman.live_job}, 120, 'all of them end');
	cmp_ok(value($node, 'postgres', q{SELECT count(*) FROM mallory.seen}), '>', 15, 'those that are allowed have run');
	cmp_ok(value($node, 'postgres', q{SELECT count(*) FROM mallory.seen WHERE what = 'a deferred trigger'}), '>=', 2, 'also at the end of the transaction');
	is(value($node, 'postgres', q{SELECT string_agg(DISTINCT what || ' as ' || who || ' of ' || session, E'\n') FROM mallory.seen WHERE who <> 'mallory' OR session <> 'mallory'}), '', 'as nobody else');
	is_not_caught('postgres', 'nor was anything of it taken back');
	is(value($node, 'postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', 'and she is no superuser');
};

# A superuser who looks, decides and runs passes calls nothing of hers with his own rights.
subtest 'a superuser who works on what she left' => sub {
	$node->safe_psql('postgres', q{
		CREATE FUNCTION mallory.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
			BEGIN
				IF current_user <> 'mallory' THEN PERFORM mallory.spy('decide'); END IF;
				BEGIN
					EXECUTE input ->> 'sql';
					IF current_user <> 'mallory' THEN PERFORM mallory.spy(input ->> 'sql'); END IF;
				EXCEPTION WHEN OTHERS THEN NULL;
				END;
				RETURN '{"events": [{"type": "seen"}]}';
			END $$;
		SET SESSION AUTHORIZATION mallory;
		SELECT foreman.create_workflow_type('w', 'mallory.decide'), foreman.enqueue('t', '{"sql": "SELECT 1"}', queue => 'paused', run_at => now() + interval '1 day') \g /dev/null
		RESET SESSION AUTHORIZATION;
		SELECT foreman.execute('w', 'w' || n, jsonb_build_object('sql', s)) FROM unnest(ARRAY['RESET ROLE', 'SET ROLE NONE', 'SET SESSION AUTHORIZATION DEFAULT', 'RESET ALL',
			'INSERT INTO mallory.late VALUES (1)', 'CREATE TEMP TABLE t (x int)', 'DECLARE c CURSOR WITH HOLD FOR SELECT mallory.spy(''a cursor'')']) WITH ORDINALITY s(s, n) \g /dev/null
		SELECT foreman.workflow_state('w', 'w1'), foreman.drain() \g /dev/null
		SELECT * FROM foreman.workflows \g /dev/null
		SELECT * FROM foreman.jobs \g /dev/null});
	my $caught = () = slurp_file($node->logfile) =~ /caught: (?!.* as mallory in a session of postgres)/g;
	is($caught, 0, 'her functions run as her');
};

done_testing();
