# Rights on the objects of both extensions are what the scripts, grant_role and register_handler gave, whatever default
# privileges there are when they are made, and in partitions that are made later; health() names any other.
# https://github.com/neondatabase/neon/issues/6236
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('rights');
$node->start;
$node->safe_psql('postgres', q{
	CREATE DATABASE plain; CREATE DATABASE given; CREATE ROLE app LOGIN; CREATE ROLE backup LOGIN});
my $defaults = q{
	ALTER DEFAULT PRIVILEGES %1$s ALL ON TABLES %2$s app;
	ALTER DEFAULT PRIVILEGES %1$s ALL ON SEQUENCES %2$s app;
	ALTER DEFAULT PRIVILEGES %1$s ALL ON ROUTINES %2$s app;
	ALTER DEFAULT PRIVILEGES %1$s ALL ON TYPES %2$s app;
	ALTER DEFAULT PRIVILEGES %1$s ALL ON SCHEMAS %2$s app;};

# Every right on every object of both schemas, as the server judges it.
my $rights = q{
	SELECT string_agg(line, chr(10) ORDER BY line) FROM (
		SELECT regexp_replace(o.name, '_[0-9]{8}', '_day') || ' ' || a.grantee::regrole || ' ' || a.privilege_type || ' ' || a.is_grantable AS line FROM (
			SELECT 'schema ' || nspname AS name, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace
			 WHERE nspname IN ('foreman', 'cron')
			UNION ALL SELECT relname, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) FROM pg_class
			 WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('foreman', 'cron')) AND relkind IN ('r', 'p', 'v', 'S')
			UNION ALL SELECT oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
			 WHERE pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('foreman', 'cron'))
			UNION ALL SELECT 'type ' || typname, coalesce(typacl, acldefault('T', typowner)) FROM pg_type
			 WHERE typname IN ('job', 'job_outcome') AND typnamespace = 'foreman'::regnamespace) o(name, acl), aclexplode(o.acl) a) l};

$node->safe_psql('plain', 'CREATE EXTENSION pg_foreman; CREATE EXTENSION pg_foreman_cron');
$node->safe_psql('given', sprintf($defaults, 'GRANT', 'TO') . q{
	ALTER DEFAULT PRIVILEGES REVOKE SELECT, DELETE ON TABLES FROM CURRENT_USER;
	ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
	CREATE EXTENSION pg_foreman; CREATE EXTENSION pg_foreman_cron});
my $plain = value($node, 'plain', $rights);
cmp_ok(length($plain), '>', 1000, 'the rights are read');
is(value($node, 'given', $rights), $plain, 'default privileges give nothing on what the extensions make, and withhold nothing');

# The way that somebody became a superuser.
$node->safe_psql('given', q{SELECT foreman.grant_role('producer', 'app')});
my ($out, $err) = ('', '');
isnt($node->psql('given', q{SET ROLE app;
	INSERT INTO foreman.handler (kind, shape, command, lane, queue, run_as, registered_at)
	VALUES ('own', 'c', 'ALTER ROLE app SUPERUSER', 'procedure', 'default', 10::oid, now())}, stderr => \$err), 0,
	'a producer cannot write a handler into its table');
like($err, qr/permission denied for table handler/, 'for want of the right');
my $tables = q{SELECT count(*) FROM pg_class WHERE relnamespace = 'foreman'::regnamespace AND relkind IN ('r', 'p', 'v', 'S') AND relname <> 'batches'
	AND CASE relkind WHEN 'S' THEN has_sequence_privilege('app', oid, 'SELECT, UPDATE, USAGE') ELSE has_table_privilege('app', oid, 'SELECT, INSERT, UPDATE, DELETE') END};
is(value($node, 'given', $tables), '0', 'it has no table, view or sequence but that of its batches');

# A partition of a later day.
my $healthy = q{SELECT ok || ': ' || detail FROM foreman.health() WHERE name = 'rights'};
my $newest = q{SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'foreman.job_history'::regclass AND inhrelid::regclass::text ~ '[0-9]$'};
my $acl = q{SELECT string_agg(a.grantee::regrole || ' ' || a.privilege_type || ' ' || a.is_grantable, ', ' ORDER BY a.grantee, a.privilege_type)
	FROM pg_class c, aclexplode(coalesce(relacl, acldefault('r', relowner))) a WHERE c.oid = };
my $columns = q{SELECT string_agg(t.attname || ' ' || a.grantee::regrole || ' ' || a.privilege_type, ', ' ORDER BY t.attname)
	FROM pg_attribute t, aclexplode(attacl) a WHERE attrelid = };
like(value($node, 'given', $healthy), qr/^true/, 'health() finds no right that was not given');
my $first = value($node, 'given', $newest);
$node->safe_psql('given', 'SELECT foreman.stop()');
wait_for($node, 'given', q{SELECT count(*) = 0 FROM foreman.workers}, 20);
$node->safe_psql('given', q{SET foreman.fake_now = '2090-01-01'; SELECT foreman.prune_once()});
my $second = value($node, 'given', $newest);
cmp_ok($second, 'gt', $first, 'a partition is made');
is(value($node, 'given', "$acl '$second'::regclass"), value($node, 'given', "$acl 'foreman.job_history'::regclass"), 'it has the rights of its parent');
is(value($node, 'given', $tables), '0', 'and default privileges gave nothing on it');

# https://github.com/timescale/timescaledb/issues/5449
$node->safe_psql('given', q{
	GRANT SELECT ON foreman.job_history TO backup WITH GRANT OPTION; GRANT UPDATE (reason, tags) ON foreman.job_history TO backup;
	SET foreman.fake_now = '2100-01-01'; SELECT foreman.prune_once()});
my $third = value($node, 'given', $newest);
cmp_ok($third, 'gt', $second, 'another one');
is(value($node, 'given', "$acl '$third'::regclass"), value($node, 'given', "$acl 'foreman.job_history'::regclass"),
	'a GRANT on job_history holds for the partitions after it');
like(value($node, 'given', "$acl '$third'::regclass"), qr/backup SELECT true/, 'with its grant option');
is(value($node, 'given', "$columns '$third'::regclass"), 'reason backup UPDATE, tags backup UPDATE', 'and those on columns');
like(value($node, 'given', $healthy), qr/^false: backup has (SELECT|UPDATE) on foreman\.job_history.*REVOKE/, 'health() names it: nobody but an administrator gave it');
like(value($node, 'plain', $healthy), qr/^true/, 'in that database only');

# What grant_role and register_handler give is theirs, and goes with them.
$node->safe_psql('plain', q{
	CREATE ROLE boss; CREATE ROLE member IN ROLE boss;
	CREATE FUNCTION ok(jsonb) RETURNS void LANGUAGE sql AS '';
	SELECT foreman.grant_role(b, 'app') FROM unnest('{producer,worker,operator,monitor}'::text[]) b;
	SELECT foreman.grant_role('monitor', 'boss', 'default'); SELECT foreman.register_handler('ok', 'ok', run_as => 'backup');
	GRANT USAGE ON SCHEMA cron TO app; GRANT EXECUTE ON FUNCTION cron.alter_job TO app;
	CREATE ROLE chief SUPERUSER; GRANT SELECT ON foreman.live_job TO chief});
like(value($node, 'plain', $healthy), qr/^true/, 'health() is content with bundles, handlers, superusers and the usual grants on schema cron');
for my $case (
	[ 'SELECT ON foreman.live_job', 'backup has SELECT on foreman.live_job' ],
	[ 'USAGE ON SEQUENCE foreman.job_id_seq', 'backup has USAGE on foreman.job_id_seq' ],
	[ 'SELECT (args) ON foreman.dead_letter', 'backup has SELECT on foreman.dead_letter.args' ],
	[ 'SELECT ON foreman.jobs', 'backup has SELECT on foreman.jobs' ],
	[ 'EXECUTE ON FUNCTION foreman.enqueue', 'backup has EXECUTE on foreman.enqueue' ],
	[ 'CREATE ON SCHEMA foreman', 'backup has CREATE on foreman' ],
	[ 'CREATE ON SCHEMA cron', 'backup has CREATE on cron' ],
	[ 'UPDATE ON cron.job', 'backup has UPDATE on cron.job' ],
	[ 'EXECUTE ON FUNCTION foreman.current_job', 'PUBLIC has EXECUTE on foreman.current_job', 'PUBLIC' ])
{
	my ($right, $text, $to) = @$case;
	$to //= 'backup';
	$node->safe_psql('plain', "GRANT $right TO $to");
	like(value($node, 'plain', $healthy), qr/^false: \Q$text\E, /, "health() names a right given by hand: $right");
	$node->safe_psql('plain', "REVOKE $right FROM $to");
}
like(value($node, 'plain', $healthy), qr/^true/, 'and nothing any more');
$node->safe_psql('plain', q{SELECT foreman.revoke_role(b, 'app') FROM unnest('{producer,worker,operator,monitor}'::text[]) b;
	SELECT foreman.revoke_role('monitor', 'boss', 'default'); REVOKE ALL ON FUNCTION cron.alter_job FROM app; REVOKE ALL ON SCHEMA cron FROM app;
	REVOKE ALL ON foreman.live_job FROM chief});
is(value($node, 'plain', $rights) =~ s/^.* backup .*\n?//mgr, $plain, 'revoke_role takes back all that grant_role gave');
$node->safe_psql('plain', q{SELECT foreman.grant_role('worker', 'backup'); SELECT foreman.revoke_role('worker', 'backup')});
is(value($node, 'plain', q{SELECT has_function_privilege('backup', 'foreman.acquire(text,int)', 'EXECUTE')}), 't',
	'but not what a handler needs');

# A restored database has the same rights; its own default privileges change nothing there either.
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->safe_psql('copy', sprintf($defaults, 'GRANT', 'TO'));
my $dump = $node->basedir . '/rights.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'plain' ], 'a dump');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f', $dump ], 'is restored');
is(value($node, 'copy', $rights) =~ s/^job_history_day .*\n//mgr, value($node, 'plain', $rights) =~ s/^job_history_day .*\n//mgr,
	'a restored database has the same rights');

log_is_clean($node);
$node->stop;
done_testing();
