# Restored and template-made copies of a database hold the same jobs, and run none of them before
# foreman.start().
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('copies');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE origin');
install($node, 'origin');
$node->safe_psql('origin', q{
	SELECT foreman.create_queue('careful', backoff_base => '2 s', retain_completed => '3 days');
	SELECT foreman.enqueue('note') FROM generate_series(1, 50);
	SELECT foreman.enqueue('fail') FROM generate_series(1, 3)});
eventually($node, 'origin', is_idle(), 10, 'some history, some dead letters');
$node->safe_psql('origin', q{SELECT foreman.enqueue('nobody_knows_this_kind') FROM generate_series(1, 5)});

# Everything that a user could see, as one text.
my $contents = q{
	SELECT count(*), md5(string_agg(x::text, E'\n' ORDER BY x::text)) FROM (
		SELECT to_jsonb(l) AS x FROM foreman.live_job l
		UNION ALL SELECT to_jsonb(h) FROM foreman.job_history h
		UNION ALL SELECT to_jsonb(d) FROM foreman.dead_letter d
		UNION ALL SELECT to_jsonb(q) FROM foreman.queue q
		UNION ALL SELECT to_jsonb(h) FROM foreman.handler h) y};

my $dir = PostgreSQL::Test::Utils::tempdir;
# One snapshot serves both dumps: the origin runs its jobs when they are due, however long a dump takes.
my $session = $node->background_psql('origin');
my $ids = q{SELECT foreman.enqueue('note', run_at => clock_timestamp() + '4 s', queue => 'careful', tags => '{a,b}', metadata => '{"m": 1}')
		FROM generate_series(1, 20)};
$session->query_safe("SELECT count(*) FROM ($ids) x");
$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $snapshot = $session->query_safe('SELECT pg_export_snapshot()');
is($session->query_safe('SELECT count(*) FROM foreman.live_job'), '25', 'jobs wait');
my $original = $session->query_safe($contents);
$node->command_ok([ 'pg_dump', "--snapshot=$snapshot", '-Fc', '-f', "$dir/dump", $node->connstr('origin') ], 'pg_dump');
$node->command_ok([ 'pg_dump', "--snapshot=$snapshot", '-f', "$dir/dump.sql", $node->connstr('origin') ], 'pg_dump as a script');
$session->query_safe('COMMIT');
$session->quit;

sub is_quiet_copy
{
	my ($db) = @_;
	is(value($node, $db, $contents), $original, "$db holds the same rows");
	is(value($node, $db, q{SELECT count(*) FROM foreman.workers}), '0', "$db: no executor");
	is(value($node, $db, q{SELECT count(*) FROM foreman.live_job}), '25', "$db: nothing ran, though jobs are due");
	my $id = value($node, $db, q{SELECT foreman.enqueue('note')});
	is(value($node, $db, "SELECT count(*) FROM foreman.jobs WHERE job_id = $id"), '1', "$db: a new job gets an id of its own");
	stays($node, $db, "SELECT count(*) = 0 FROM effects WHERE job_id = $id", 0.5, "$db: new jobs do not run either");
	is(value($node, $db, "SELECT reason, detail FROM foreman.why($id)"), 'copied|{}', "$db: why() says why");
	$node->safe_psql($db, 'SELECT foreman.start()');
	eventually($node, $db, q{SELECT count(*) = 5 FROM foreman.live_job}, 5, "$db: after start() what is due runs");
	is(value($node, $db, q{SELECT count(*) FROM foreman.jobs WHERE queue = 'careful' AND state = 'completed' AND tags = '{a,b}'}), '20',
		"$db: with all that belongs to a job");
	is(value($node, $db, "SELECT state FROM foreman.jobs WHERE job_id = $id"), 'completed', "$db: and the new one");
	is(value($node, $db, 'SELECT foreman.retry_dead_letters()'), '3', "$db: its dead letters can be tried again");
	return;
}

# While jobs in the origin wait for their time, copies are made of it.
my $from = log_position($node);
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), "$dir/dump" ], 'pg_restore');
$node->safe_psql('postgres', 'CREATE DATABASE scripted');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('scripted'), '-f', "$dir/dump.sql" ], 'restore by psql');
$node->safe_psql('postgres', 'CREATE DATABASE single');
$node->command_ok([ 'pg_restore', '--single-transaction', '-d', $node->connstr('single'), "$dir/dump" ], 'pg_restore in one transaction');
$node->safe_psql('postgres', 'CREATE DATABASE parallel');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('parallel'), "$dir/dump" ], 'pg_restore with two jobs');
stays($node, 'restored', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor' AND datname <> 'origin'},
	3, 'no executor in any of them');
is_quiet_copy($_) for qw(restored scripted single parallel);
is(log_count($node, 'runs no jobs in this database', $from) > 0, 1, 'the log says why a copy is quiet');

subtest 'CREATE DATABASE ... TEMPLATE' => sub {
	eventually($node, 'origin', q{SELECT count(*) = 5 FROM foreman.live_job}, 5, 'the origin goes on meanwhile');
	$node->safe_psql('origin', q{SELECT foreman.enqueue('note', run_at => clock_timestamp() + '8 s', queue => 'careful', tags => '{a,b}') FROM generate_series(1, 20)});
	my $rows = value($node, 'origin', $contents);
	$node->safe_psql('postgres', 'CREATE DATABASE clone TEMPLATE origin');
	is(value($node, 'clone', $contents), $rows, 'clone holds the same rows');
	eventually($node, 'origin', q{SELECT count(*) = 5 FROM foreman.live_job}, 15, 'the origin runs its jobs');
	is(value($node, 'clone', q{SELECT count(*) > 0 AND bool_and(run_at < clock_timestamp()) FROM foreman.live_job WHERE kind = 'note' AND tags = '{a,b}'}), 't', 'its copies are due');
	stays($node, 'clone', q{SELECT count(*) = 25 FROM foreman.live_job}, 2, 'the clone does not');
	$node->restart;
	stays($node, 'clone', q{SELECT count(*) = 25 FROM foreman.live_job}, 2, 'nor after a restart');
	$node->safe_psql('clone', 'SELECT foreman.start()');
	eventually($node, 'clone', q{SELECT count(*) = 5 FROM foreman.live_job}, 5, 'start() sets it going');
};

log_is_clean($node);
$node->stop;
done_testing();
