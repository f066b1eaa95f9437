# P13: workers never hold up DROP or ALTER DATABASE, CREATE DATABASE ... TEMPLATE, DROP or ALTER EXTENSION for
# more than 1 s, idle or in the middle of a handler; the handler's job is uncharged and runs again where the
# database goes on. CREATE and DROP EXTENSION take effect within 2 s. Nothing is started in vain afterwards.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('databases', 'allow_in_place_tablespaces' => 'on');
$node->start;
$node->safe_psql('postgres', q{CREATE TABLESPACE elsewhere LOCATION ''});
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');

# What the same command costs where we have nothing.
$node->safe_psql('postgres', 'CREATE DATABASE plain');
my %plain = (
	template => timed($node, 'postgres', 'CREATE DATABASE plain2 TEMPLATE plain'),
	tablespace => timed($node, 'postgres', 'ALTER DATABASE plain SET TABLESPACE elsewhere'),
	drop => timed($node, 'postgres', 'DROP DATABASE plain2'));

sub dispatchers
{
	my ($db, $n) = @_;
	return "SELECT count(*) = $n FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = '$db'";
}

sub create
{
	my ($db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	install($node, $db);
	eventually($node, 'postgres', dispatchers($db, 1), 2, "$db: CREATE EXTENSION brings a dispatcher within 2 s");
	my $id = value($node, $db, q{SELECT foreman.enqueue('note')});
	eventually($node, $db, "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 2, "$db: jobs run");
	return;
}

# Leaves a job in the middle of its handler, or a warm idle executor.
sub occupy
{
	my ($db, $busy) = @_;
	return 0 if !$busy;
	my $id = value($node, $db, q{SELECT foreman.enqueue('nap', args => '{"s": 30}')});
	eventually($node, $db, "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 5, "$db: a handler runs");
	return $id;
}

# Commands that took longer than a second more: one may have met a moment in which the machine was busy with something else.
my @slow;

sub quick
{
	my ($took, $plain, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return fail("$what: the command failed") if !defined $took;
	note(sprintf '%.3f s (%.3f s without us): %s', $took, $plain, $what);
	push @slow, $what if $took >= $plain + 1;
	return cmp_ok($took, '<', $plain + 5, "$what: soon");
}

# The job that was interrupted runs again by itself, uncharged; it is made short so that it can end.
sub goes_on
{
	my ($db, $id, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eventually($node, 'postgres', dispatchers($db, 1), 2, "$what: the workers are back");
	if ($id)
	{
		eventually($node, $db, "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id AND attempt = 1", 2,
			"$what: the interrupted job runs again, uncharged");
		$node->safe_psql($db, "SELECT foreman.cancel($id)");
		eventually($node, $db, "SELECT state = 'cancelled' FROM foreman.jobs WHERE job_id = $id", 2, "$what: and can be cancelled");
	}
	my $new = value($node, $db, q{SELECT foreman.enqueue('note')});
	eventually($node, $db, "SELECT state = 'completed' AND attempt = 1 FROM foreman.jobs WHERE job_id = $new", 2, "$what: jobs run");
	return;
}

for my $busy (0, 1)
{
	my $when = $busy ? 'in the middle of a handler' : 'idle';
	my $db = $busy ? 'busy' : 'calm';

	subtest "P13 $when" => sub {
		create($db);

		my $id = occupy($db, $busy);
		quick(timed($node, 'postgres', "ALTER DATABASE $db RENAME TO ${db}_renamed"), 0, 'ALTER DATABASE RENAME');
		goes_on("${db}_renamed", $id, 'after RENAME');

		$id = occupy("${db}_renamed", $busy);
		quick(timed($node, 'postgres', "CREATE DATABASE ${db}_copy TEMPLATE ${db}_renamed"), $plain{template}, 'CREATE DATABASE TEMPLATE');
		goes_on("${db}_renamed", $id, 'after CREATE DATABASE TEMPLATE');

		$id = occupy("${db}_renamed", $busy);
		quick(timed($node, 'postgres', "ALTER DATABASE ${db}_renamed SET TABLESPACE elsewhere"), $plain{tablespace}, 'SET TABLESPACE');
		goes_on("${db}_renamed", $id, 'after SET TABLESPACE');

		$id = occupy("${db}_renamed", $busy);
		quick(timed($node, "${db}_renamed", 'ALTER EXTENSION pg_foreman UPDATE'), 0, 'ALTER EXTENSION');
		goes_on("${db}_renamed", $id, 'after ALTER EXTENSION');

		occupy("${db}_renamed", $busy);
		quick(timed($node, "${db}_renamed", 'DROP FUNCTION nap(foreman.job); DROP FUNCTION fail(foreman.job); DROP EXTENSION pg_foreman'),
			0, 'DROP EXTENSION');
		eventually($node, 'postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'pg_foreman %' AND datname = '${db}_renamed'",
			2, 'no worker is left 2 s after DROP EXTENSION');
		is(value($node, "${db}_renamed", q{SELECT count(*) FROM pg_class WHERE relname LIKE 'job_history%'}), '0', 'nor a table');
		$node->safe_psql("${db}_renamed", 'DROP TABLE effects');
		install($node, "${db}_renamed");
		goes_on("${db}_renamed", 0, 'after CREATE EXTENSION');

		occupy("${db}_renamed", $busy);
		quick(timed($node, 'postgres', "DROP DATABASE ${db}_renamed"), $plain{drop}, 'DROP DATABASE');
		quick(timed($node, 'postgres', "DROP DATABASE ${db}_copy"), $plain{drop}, 'DROP DATABASE of the quiet copy');
	};
}

subtest 'P13: DROP DATABASE WITH (FORCE)' => sub {
	create('forced');
	occupy('forced', 1);
	quick(timed($node, 'postgres', 'DROP DATABASE forced WITH (FORCE)'), $plain{drop}, 'DROP DATABASE WITH (FORCE)');
};

subtest 'P13: a handler that swallows every error' => sub {
	create('stubborn');
	$node->safe_psql('stubborn', q{
		CREATE FUNCTION swallow(jsonb) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			LOOP
				BEGIN
					PERFORM pg_sleep(10);
				EXCEPTION WHEN query_canceled OR OTHERS THEN NULL;
				END;
			END LOOP;
		END $$;
		SELECT foreman.register_handler('swallow', 'public.swallow')});
	my $id = value($node, 'stubborn', q{SELECT foreman.enqueue('swallow')});
	eventually($node, 'stubborn', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 5, 'it runs');
	quick(timed($node, 'postgres', 'DROP DATABASE stubborn'), $plain{drop}, 'DROP DATABASE');
};

subtest 'P15: only who may drop a database makes its workers leave' => sub {
	create('mine');
	my $id = occupy('mine', 1);
	my @before = pids($node, '%', 'mine');
	for my $command ('DROP DATABASE mine', 'ALTER DATABASE mine RENAME TO yours', 'CREATE DATABASE yours TEMPLATE mine',
		'DROP DATABASE not_there')
	{
		isnt($node->psql('postgres', $command, extra_params => [ '-U', 'nobody' ], stderr => \my $err), 0, "refused: $command");
	}
	is($node->psql('mine', 'DROP EXTENSION pg_foreman', extra_params => [ '-U', 'nobody' ], stderr => \my $err), 3,
		'refused: DROP EXTENSION');
	is_deeply([ pids($node, '%', 'mine') ], \@before, 'the same workers are there');
	is(value($node, 'mine', "SELECT attempt || ' ' || state FROM foreman.jobs WHERE job_id = $id"), '1 running', 'the handler still runs');
};

subtest 'workers come back when the command fails or is rolled back' => sub {
	my $session = $node->background_psql('mine');
	$session->query_safe('SELECT 1');
	isnt($node->psql('postgres', 'DROP DATABASE mine', stderr => \my $err), 0, 'DROP DATABASE fails: a client is connected');
	$session->quit;
	eventually($node, 'postgres', dispatchers('mine', 1), 2, 'the dispatcher is back');
	eventually($node, 'mine', 'SELECT count(*) = 1 FROM foreman.workers WHERE job_id IS NOT NULL AND attempt = 1', 2, 'the handler runs again');
	$node->safe_psql('mine', q{
		BEGIN;
		DROP FUNCTION nap(foreman.job);
		DROP FUNCTION fail(foreman.job);
		DROP EXTENSION pg_foreman;
		ROLLBACK});
	eventually($node, 'postgres', dispatchers('mine', 1), 2, 'the dispatcher is back after ROLLBACK of DROP EXTENSION');
	eventually($node, 'mine', 'SELECT count(*) = 1 FROM foreman.workers WHERE job_id IS NOT NULL AND attempt = 1', 2, 'the handler runs again');
	$node->safe_psql('postgres', 'BEGIN; ALTER DATABASE mine RENAME TO other; ROLLBACK');
	eventually($node, 'postgres', dispatchers('mine', 1), 2, 'the dispatcher is back after ROLLBACK of RENAME');
};

subtest 'templates and databases without the extension are left alone' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE pattern');
	install($node, 'pattern');
	eventually($node, 'postgres', dispatchers('pattern', 1), 2, 'before it is a template it has a dispatcher');
	$node->safe_psql('postgres', 'ALTER DATABASE pattern IS_TEMPLATE true');
	$node->restart;
	eventually($node, 'postgres', dispatchers('mine', 1), 10, 'an ordinary database has one after a restart');
	stays($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'pg_foreman %' AND datname NOT IN ('mine', 'postgres')",
		2, 'a template has none, nor has a database without the extension');
};

subtest 'no restart loop, and a quiet log' => sub {
	my $from = log_position($node);
	my @before = (pids($node, 'launcher'), pids($node, 'dispatcher'));
	stays($node, 'postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'", 3, 'one dispatcher');
	is_deeply([ pids($node, 'launcher'), pids($node, 'dispatcher') ], \@before, 'the same processes all the time');
	is(log_count($node, 'FATAL|ERROR|foreman', $from), 0, 'nothing was logged meanwhile');
	is(log_count($node, 'database [0-9]+ does not exist', 0), 0, 'no worker ever looked for a dropped database');
};

cmp_ok(scalar @slow, '<=', 1, 'each within 1 s, but for one at most') or diag(join "\n", @slow);
log_is_clean($node);
$node->stop;
done_testing();
