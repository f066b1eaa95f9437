# Executors that cannot do their work, and a server that lets nobody commit: they are tried again with a pause that grows, not
# many times a second; stop() works; health() says what is wrong.
# Broken by: forgetting the pause of a role as soon as an executor has a session; a stop() that waits for a standby.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('cannot_work', 'wal_level' => 'replica', 'max_wal_senders' => 2, 'foreman.shutdown_grace' => "'1s'");
$node->start;
install($node, 'postgres');

sub health
{
	my ($name) = @_;
	return value($node, 'postgres', "SELECT ok || ' ' || detail FROM foreman.health() WHERE name = '$name'");
}

# As a full disk does it: https://github.com/timescale/timescaledb/issues/7815 met it with a trigger.
subtest 'executors that end in their first transaction are started again with a growing pause' => sub {
	$node->safe_psql('postgres', q{
		CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full USING MESSAGE = 'no space left'; END $$;
		CREATE TRIGGER full_disk BEFORE DELETE ON foreman.live_job FOR EACH ROW EXECUTE FUNCTION full_disk()});
	my $from = log_position($node);
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	eventually($node, 'postgres', q{SELECT count(*) > 0 FROM foreman.health() WHERE name = 'duties' AND NOT ok
		AND detail LIKE '%running executors%end before they have done anything%'}, 25, 'health() says so');
	my $ends = log_count($node, qr/no space left/, $from);
	cmp_ok($ends, '>', 1, 'it was tried again');
	cmp_ok($ends, '<', 15, "but not many times a second: $ends times in more than ten seconds");
	$node->safe_psql('postgres', 'DROP TRIGGER full_disk ON foreman.live_job');
	eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 40, 'the job runs once they can');
	eventually($node, 'postgres', q{SELECT ok FROM foreman.health() WHERE name = 'duties'}, 15, 'and health() is content');
};

subtest 'stop() works although the synchronous standby has gone' => sub {
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'gone'");
	$node->restart;
	my $id = value($node, 'postgres', q{SET synchronous_commit = local; SELECT foreman.enqueue('note')});
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor' AND wait_event = 'SyncRep'},
		10, 'an executor waits for it');
	like(health('standby'), qr/^false 1 executor\(s\), \d+ among them, wait for a synchronous standby/, 'health() says so');
	ok(defined wait_for($node, 'postgres', 'SELECT foreman.stop()', 3), 'stop() comes back');
	eventually($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor'}, 15,
		'no executor is left after the grace');
	is(value($node, 'postgres', "SELECT state FROM foreman.jobs WHERE job_id = $id"), 'completed', 'its commit holds');
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$node->reload;
	$node->safe_psql('postgres', 'SELECT foreman.start()');
	$id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 15, 'and all goes on');
};

# The processes of the engine take no place of a client.
subtest 'all connections are taken' => sub {
	my @sessions;
	my $left = value($node, 'postgres', q{SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int});
	$node->safe_psql('postgres', 'CREATE ROLE crowd LOGIN');
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note', run_at => clock_timestamp() + '3 s')});
	# A session that is still leaving would have a place that is free a moment later.
	eventually($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()}, 10, 'nobody is connected');
	push @sessions, $node->background_psql('postgres', extra_params => [ '-U', 'crowd' ]) for 1 .. $left;
	my ($rc, $out, $err) = $node->psql('postgres', 'SELECT 1', extra_params => [ '-U', 'crowd' ]);
	like($err, qr/remaining connection slots are reserved|too many clients/, 'nobody else may come in');
	eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 30, 'jobs run');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.health() WHERE NOT ok}), '0', 'health() finds nothing');
	$_->quit for @sessions;
};

subtest 'a memory limit that lets nothing run' => sub {
	$node->append_conf('postgresql.conf', "foreman.executor_memory_limit = '1MB'");
	$node->reload;
	eventually($node, 'postgres', q{SELECT NOT ok AND detail LIKE '%executor_memory_limit is 1 MB%' FROM foreman.health() WHERE name = 'executors'},
		15, 'health() names it');
};

$node->stop;
done_testing();
