# P14: one bad role, function or database stops only itself; the rest goes on, and the log says what is wrong
# once, not once a second. The same for a lack of background worker slots.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('p14');
$node->start;
install($node, 'postgres');

sub still_works
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	return eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 2, "$what: other jobs run");
}

# Registers a handler that runs as a role, shows that it works, and ends its session.
sub prepare
{
	my ($role) = @_;
	$node->safe_psql('postgres', "SELECT foreman.register_handler('of_$role', 'public.nap', run_as => '$role')");
	my $ran = value($node, 'postgres', "SELECT foreman.enqueue('of_$role')");
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $ran", 3, "$role: it works before");
	# A session outlives its role, and would run the next job: also that of an executor that is only just starting, or is yet to start.
	eventually($node, 'postgres', "SELECT count(*) = 0 AND count(pg_terminate_backend(pid)) = 0 FROM foreman.workers WHERE role::text = '$role'", 20, "$role: its executors have ended");
	return;
}

# The job waits unharmed; the log says so, at most a few times in a while; others go on.
sub waits
{
	my ($id, $from, $pattern, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	still_works($what);
	stays($node, 'postgres', "SELECT count(*) = 1 FROM foreman.live_job WHERE job_id = $id AND attempt = 0", 3, "$what: its job waits, uncharged");
	still_works($what);
	is(log_count($node, $pattern, $from), 1, "$what: the log says it once");
	return;
}

subtest 'P14: a role that may not log in' => sub {
	$node->safe_psql('postgres', 'CREATE ROLE sleeper LOGIN');
	prepare('sleeper');
	$node->safe_psql('postgres', 'ALTER ROLE sleeper NOLOGIN');
	my $from = log_position($node);
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('of_sleeper')});
	if ($node->pg_version < 17)
	{
		waits($id, $from, 'sleeper', 'NOLOGIN');
		$node->safe_psql('postgres', 'ALTER ROLE sleeper LOGIN');
		eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 65, 'it runs once the role may log in');
	}
	else
	{
		eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 3, 'its session needs no right to log in');
	}
};

subtest 'P14: a role that was dropped' => sub {
	$node->safe_psql('postgres', 'CREATE ROLE goner LOGIN');
	prepare('goner');
	$node->safe_psql('postgres', q{DROP OWNED BY goner; DROP ROLE goner});
	my $from = log_position($node);
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('of_goner')});
	waits($id, $from, 'cannot run the jobs of (role goner|roles that are missing)', 'dropped role');
	$node->safe_psql('postgres', q{SELECT foreman.register_handler('of_goner', 'public.nap')});
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 2, 'it runs once its handler has a role again');
};

subtest 'P14: a role without the right to connect' => sub {
	$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN');
	prepare('stranger');
	$node->safe_psql('postgres', 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC');
	my $from = log_position($node);
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('of_stranger')});
	waits($id, $from, 'stranger|permission denied for database', 'no CONNECT');
	$node->safe_psql('postgres', 'GRANT CONNECT ON DATABASE postgres TO PUBLIC');
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 65, 'it runs once the role may connect');
};

subtest 'P10: a handler that is dropped while its jobs wait' => sub {
	$node->safe_psql('postgres', q{
		CREATE FUNCTION passing(jsonb) RETURNS void LANGUAGE sql AS 'SELECT';
		SELECT foreman.register_handler('passing', 'public.passing', max_attempts => 2, backoff_base => '50 ms', backoff_max => '50 ms');
		DROP FUNCTION passing(jsonb)});
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('passing')});
	eventually($node, 'postgres', "SELECT state = 'discarded' AND errors->-1->>'sqlstate' = '42883' FROM foreman.jobs WHERE job_id = $id", 5,
		'a function that is gone is an error of its own job');
	my $unknown = value($node, 'postgres', q{SELECT foreman.enqueue('nobody_knows_this_kind')});
	still_works('unknown kind');
	is(value($node, 'postgres', "SELECT state FROM foreman.jobs WHERE job_id = $unknown"), 'available', 'an unknown kind waits');
};

subtest 'P14: a handler that ends its own session' => sub {
	$node->safe_psql('postgres', q{
		CREATE FUNCTION suicide(jsonb) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_terminate_backend(pg_backend_pid());
			PERFORM pg_sleep(5);
		END $$;
		SELECT foreman.register_handler('suicide', 'public.suicide', max_attempts => 2, backoff_base => '50 ms', backoff_max => '50 ms')});
	my $id = value($node, 'postgres', q{
		SELECT foreman.enqueue('nap') FROM generate_series(1, 20);
		SELECT foreman.enqueue('suicide')});
	$id = (split /\n/, $id)[-1];
	eventually($node, 'postgres', "SELECT state = 'discarded' AND attempt = 2 FROM foreman.jobs WHERE job_id = $id", 10,
		'it becomes a dead letter after its attempts');
	like(value($node, 'postgres', "SELECT reason FROM foreman.jobs WHERE job_id = $id"), qr/session/, 'and its reason says why');
	still_works('suicide');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE kind = 'nap' AND (state <> 'completed' OR attempt <> 1)}), '0',
		'its neighbours were not charged');
};

subtest 'P14: a database that cannot be connected to' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE closed');
	install($node, 'closed');
	my $from = log_position($node);
	$node->safe_psql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS false');
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'closed'});
	still_works('a closed database');
	my $none = q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'closed' AND backend_type LIKE 'pg_foreman %'};
	eventually($node, 'postgres', $none, 5, 'its workers have ended');
	stays($node, 'postgres', $none, 4, 'it has no worker');
	cmp_ok(log_count($node, 'FATAL.*not currently accepting connections', $from), '<=', 1, 'and the log is not full of it');
	still_works('a closed database');
};
log_is_clean($node);
$node->stop;

# Here every slot counts: the server's own logical replication launcher takes one, then our launcher, and
# two dispatchers.
my $small = new_server('small', 'max_worker_processes' => 4);
$small->start;
install($small, 'postgres');

subtest 'P14: no background worker slot for an executor' => sub {
	$small->safe_psql('postgres', 'CREATE DATABASE other');
	install($small, 'other');
	eventually($small, 'postgres', q{SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'}, 10,
		'two dispatchers');
	my $from = log_position($small);
	my $id = value($small, 'postgres', q{SELECT foreman.enqueue('note')});
	stays($small, 'postgres', "SELECT count(*) = 0 FROM effects WHERE job_id = $id", 4, 'nothing can run');
	is(value($small, 'postgres', "SELECT reason, detail - 'role' FROM foreman.why($id)"), 'no_worker|{"executors": 0}', 'why() says why');
	is(log_count($small, 'no background worker slot is free', $from), 1, 'the log says so once');
	is(log_count($small, 'Raise max_worker_processes', $from), 1, 'and what to do');
	is(value($small, 'postgres', q{SELECT count(*) > 0 FROM foreman.health() WHERE NOT ok AND detail ~ 'max_worker_processes'}), 't',
		'health() says it, too');
	$small->safe_psql('postgres', 'DROP DATABASE other');
	eventually($small, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 3, 'it runs when a slot is free');
};

subtest 'P14: no background worker slot for a dispatcher' => sub {
	$small->safe_psql('postgres', 'CREATE DATABASE second');
	$small->safe_psql('postgres', 'CREATE DATABASE third');
	$small->safe_psql('postgres', q{SELECT foreman.enqueue('nap', args => '{"s": 3}')});
	my $from = log_position($small);
	install($small, 'second');
	install($small, 'third');
	my $second = value($small, 'second', q{SELECT foreman.enqueue('note')});
	my $third = value($small, 'third', q{SELECT foreman.enqueue('note')});
	stays($small, 'third', "SELECT count(*) = 0 FROM effects WHERE job_id = $third", 3, 'no room for everybody');
	is(value($small, 'third', "SELECT reason, detail FROM foreman.why($third)"), 'no_worker|{"lacks": "dispatcher"}', 'why() says why');
	is(value($small, 'third', q{SELECT ok, detail FROM foreman.health() WHERE name = 'dispatcher'}),
		'f|It cannot start: no background worker slot is free; raise max_worker_processes', 'health() says what to do');
	# The launcher and each dispatcher say it for themselves, and again only after they had a slot in between.
	cmp_ok(log_count($small, 'no background worker slot is free', $from), '<=', 4, 'the log does not say so every second');
	$small->stop;
	settings($small, 'max_worker_processes' => 16);
	$small->start;
	eventually($small, 'second', "SELECT count(*) = 1 FROM effects WHERE job_id = $second", 5, 'with more slots the second runs');
	eventually($small, 'third', "SELECT count(*) = 1 FROM effects WHERE job_id = $third", 5, 'and the third');
};
log_is_clean($small);
$small->stop;
done_testing();
