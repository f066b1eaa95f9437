# pg_dump by roles that are no superusers: what a database's owner can dump, which role can dump everything, also after partitions
# have been added, and a dump of the schema that is the same from day to day.
# https://github.com/timescale/timescaledb/issues/5449
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('dumps');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN');
$node->safe_psql('postgres', 'CREATE ROLE backup LOGIN BYPASSRLS; GRANT pg_read_all_data TO backup; CREATE ROLE given LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $_ OWNER owner") for qw(app mine whole);
install($node, 'app');
$node->safe_psql('app', q{
	CREATE EXTENSION pg_foreman_cron;
	GRANT CREATE ON SCHEMA public TO owner; ALTER TABLE effects OWNER TO owner;
	ALTER FUNCTION nap OWNER TO owner; ALTER FUNCTION fail OWNER TO owner;
	SELECT foreman.enqueue('note'), foreman.enqueue('fail'), foreman.enqueue('note', run_at => '2100-01-01');
	SELECT cron.schedule('noon', '0 12 1 1 *', 'SELECT 1')});
eventually($node, 'app', 'SELECT count(*) = 1 FROM foreman.live_job', 10, 'jobs run');
$node->safe_psql('app', 'SELECT foreman.stop()');
wait_for($node, 'app', 'SELECT count(*) = 0 FROM foreman.workers', 20);

my $file = $node->basedir . '/dump.sql';
# What pg_dump with these arguments answers: an empty text for success, else the error.
sub dumped
{
	my ($role, @arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'pg_dump', '-U', $role, '-h', $node->host, '-p', $node->port, '-f', $file, @arguments, 'app' ], '>', \$out, '2>', \$err);
	return $err;
}
sub restored
{
	my ($role, $db) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-qXv', 'ON_ERROR_STOP=1', '-U', $role, '-h', $node->host, '-p', $node->port, '-d', $db, '-f', $file ], '>', \$out, '2>', \$err);
	return $err;
}
my @without = ('-N', 'foreman', '-N', 'cron');
my @undated = ('-s', '-T', 'foreman.job_history_2*');
# The lines that differ from dump to dump.
sub schema { return join '', grep { !/^--|^\\(un)?restrict / } split /^/, slurp_file($file) }

# The owner of a database owns none of our tables, nor sees what is in them.
like(dumped('owner'), qr/permission denied for schema foreman/, 'the owner of the database cannot dump our tables');
is(dumped('owner', @without), '', 'and everything else, with -N foreman -N cron');
is(restored('postgres', 'mine'), '', 'which a superuser restores');
is(value($node, 'mine', q{SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension WHERE extname LIKE 'pg_foreman%'}), 'pg_foreman,pg_foreman_cron',
	'with both extensions, as if they were new');
is(value($node, 'mine', q{SELECT count(*) FROM foreman.jobs}), '0', 'without jobs');
is(value($node, 'mine', q{SELECT count(*) FROM effects}), '1', 'with the tables of the application');
$node->safe_psql('mine', q{SELECT foreman.start(), foreman.register_handler('note', 'public.nap'), foreman.enqueue('note')});
eventually($node, 'mine', q{SELECT count(*) = 2 FROM effects}, 10, 'jobs run there after foreman.start()');
$node->safe_psql('mine', q{SELECT foreman.stop(); SELECT foreman.grant_role('producer', 'owner', 'default'); DROP TABLE effects; DROP FUNCTION nap, fail; GRANT CREATE ON SCHEMA public TO owner});
is(dumped('owner', @without, '--no-comments'), '', 'without comments');
is(restored('owner', 'mine'), '', 'the owner restores it, where the extensions are and he may use schema foreman');
is(value($node, 'mine', q{SELECT count(*) FROM effects}), '1', 'with his tables');

# A role for backups.
my $whole = q{SELECT (SELECT count(*) FROM foreman.live_job), (SELECT count(*) FROM foreman.job_history), (SELECT count(*) FROM foreman.dead_letter), (SELECT count(*) FROM foreman.handler), (SELECT count(*) FROM cron.job),
	(SELECT string_agg(s::text, ' ') FROM foreman.subscriptions s), (SELECT string_agg(d::text, ' ') FROM foreman.deliveries d), (SELECT string_agg(u::text, ' ') FROM foreman.unroutable_publishes u)};
is(dumped('backup', @undated), '', 'a role with pg_read_all_data and BYPASSRLS dumps the schema');
my $before = schema();
$node->safe_psql('app', q{
	GRANT USAGE ON SCHEMA foreman, cron TO given; GRANT SELECT ON ALL TABLES IN SCHEMA foreman TO given; GRANT SELECT ON ALL SEQUENCES IN SCHEMA foreman TO given;
	GRANT SELECT ON ALL TABLES IN SCHEMA public TO given});
is(dumped('given', '-N', 'cron'), '', 'a role with SELECT on our tables dumps them');
$node->safe_psql('app', q{SET foreman.fake_now = '2090-01-01'; SELECT foreman.prune_once()});
is(value($node, 'app', q{SELECT count(*) > 0 FROM pg_class WHERE relname LIKE 'job_history_2090%'}), 't', 'partitions are made');
is(dumped('given', '-N', 'cron'), '', 'also after partitions were made');
$node->safe_psql('app', 'DROP OWNED BY given');
is(dumped('backup', @undated), '', 'the schema');
is(schema(), $before, 'is the same as before without the partitions of the days');
$node->safe_psql('app', q{SELECT foreman.subscribe('order.*', 'note', 'it''s "one"'), foreman.subscribe('order.#', 'note', active => false); SELECT foreman.publish('order.placed', '{}', 'k'), foreman.publish('nobody', '{}')});
is(dumped('backup'), '', 'a role with pg_read_all_data and BYPASSRLS dumps everything');
is(restored('postgres', 'whole'), '', 'which is restored');
is(value($node, 'whole', $whole), value($node, 'app', $whole), 'with every job, handler, schedule, subscription and publish');
my $keys = q{SELECT publish_id = foreman.publish('order.placed', '{}', 'k'), publish_id < foreman.publish('order.placed', '{}') FROM foreman.publishes};
is(value($node, 'whole', $keys), 't|t', 'keys of publishes hold there, and ids go on');
is(value($node, 'whole', q{SELECT ok FROM foreman.health() WHERE name = 'permission'}), 'f', 'and runs nothing');
is(value($node, 'whole', q{SELECT ok FROM foreman.health() WHERE name = 'rights'}), 't', 'nobody has more rights there');
$node->psql('postgres', 'ALTER ROLE backup NOBYPASSRLS');
like(dumped('backup'), qr/row-level security policy for table "job"/, 'without BYPASSRLS it cannot dump schema cron');
is(dumped('backup', '-N', 'cron'), '', 'but everything else');

log_is_clean($node);
$node->stop;
done_testing();
