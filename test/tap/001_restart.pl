# Restarts: everything that waits is found at the start without anybody's wake-up, after a clean and after
# an immediate stop; stop(), start() and foreman.enabled; settings that are read again; prepared transactions.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

# The safety poll is far away: what runs here was found at the start or was woken for.
my $node = new_server('restart');
$node->start;
install($node, 'postgres');

subtest 'start-up drain' => sub {
	for my $mode (qw(fast immediate))
	{
		$node->safe_psql('postgres', 'TRUNCATE effects');
		settings($node, 'foreman.enabled' => 'off');
		$node->reload;
		eventually($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor'",
			5, "$mode: no executor while foreman.enabled is off");
		$node->safe_psql('postgres', q{
			SELECT foreman.enqueue('note', queue => 'q' || i % 7, priority => i % 3) FROM generate_series(1, 500) i;
			SELECT foreman.enqueue('nap', args => '{"s": 0.01}') FROM generate_series(1, 20);
			SELECT foreman.enqueue('note', run_at => clock_timestamp() + '1 hour')});
		is(value($node, 'postgres', 'SELECT count(*) FROM foreman.live_job'), '521', "$mode: jobs wait");
		$node->stop($mode);
		settings($node, 'foreman.enabled' => 'on');
		$node->start;
		eventually($node, 'postgres', 'SELECT count(*) = 520 FROM effects', 10, "$mode: what was due ran after the start");
		is(value($node, 'postgres', 'SELECT count(*), count(DISTINCT job_id) FROM effects'), '520|520', "$mode: each once");
		is(value($node, 'postgres', 'SELECT count(*) FROM foreman.live_job'), '1', "$mode: what is due later waits");
		$node->safe_psql('postgres', 'SELECT foreman.delete_job(job_id) FROM foreman.jobs WHERE finished_at IS NULL');
	}
};

subtest 'a job whose time comes while the server is down' => sub {
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note', run_at => clock_timestamp() + '1 s')});
	$node->stop('immediate');
	$node->start;
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 5, 'it ran');
	is(value($node, 'postgres', "SELECT started_at >= run_at FROM foreman.jobs WHERE job_id = $id"), 't', 'not before its time');
};

subtest 'stop() and start() survive a restart' => sub {
	$node->safe_psql('postgres', 'SELECT foreman.stop()');
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	$node->restart;
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman launcher'",
		5, 'the launcher is there');
	stays($node, 'postgres', "SELECT count(*) = 0 FROM effects WHERE job_id = $id", 2, 'stopped: nothing runs');
	is(value($node, 'postgres', "SELECT state FROM foreman.jobs WHERE job_id = $id"), 'available', 'the job waits');
	$node->safe_psql('postgres', 'SELECT foreman.start()');
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 3, 'started: it runs');
	$node->restart;
	$id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 5, 'and still does after a restart');
};

subtest 'stop() lets a handler finish within the grace' => sub {
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('nap', args => '{"s": 3}')});
	eventually($node, 'postgres', "SELECT state = 'running' FROM foreman.jobs WHERE job_id = $id", 5, 'it runs');
	$node->safe_psql('postgres', 'SELECT foreman.stop()');
	eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 10, 'it finished');
	is(value($node, 'postgres', "SELECT count(*) FROM effects WHERE job_id = $id"), '1', 'once');
	$node->safe_psql('postgres', 'SELECT foreman.start()');
};

subtest 'settings are read again' => sub {
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('nap', args => '{"s": 0.5}') FROM generate_series(1, 8)});
	eventually($node, 'postgres', 'SELECT count(*) = 4 FROM foreman.workers', 5, 'four executors');
	eventually($node, 'postgres', is_idle(), 10, 'that have nothing more to do');
	settings($node, 'foreman.max_executors' => 1);
	$node->reload;
	eventually($node, 'postgres', "SELECT current_setting('foreman.max_executors') = '1'", 5, 'max_executors is 1');
	eventually($node, 'postgres', 'SELECT count(*) = 1 FROM foreman.workers', 5, 'three of them leave');
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('nap', args => '{"s": 0.1}') FROM generate_series(1, 10)});
	my $most = 0;
	while (value($node, 'postgres', is_idle()) ne 't')
	{
		my $now = value($node, 'postgres', 'SELECT count(*) FROM foreman.workers WHERE job_id IS NOT NULL');
		$most = $now if $now > $most;
	}
	is($most, 1, 'one at a time');
	settings($node, 'foreman.max_executors' => 4);
	$node->reload;
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('nap', args => '{"s": 4}') FROM generate_series(1, 4)});
	eventually($node, 'postgres', 'SELECT count(*) = 4 FROM foreman.workers WHERE job_id IS NOT NULL', 4, 'then four at a time');

	settings($node, 'foreman.enabled' => 'off');
	$node->reload;
	eventually($node, 'postgres', 'SELECT count(*) = 0 FROM foreman.workers', 10, 'enabled = off: the executors leave');
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	stays($node, 'postgres', "SELECT count(*) = 0 FROM effects WHERE job_id = $id", 1, 'and nothing runs');
	is(value($node, 'postgres', "SELECT reason, detail FROM foreman.why($id)"), 'disabled|{"setting": "foreman.enabled"}', 'why() says why');
	settings($node, 'foreman.enabled' => 'on');
	$node->reload;
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 3, 'on again: it runs');
	eventually($node, 'postgres', is_idle(), 10, 'and all the rest');
};

subtest 'P1: a prepared transaction enqueues at COMMIT PREPARED' => sub {
	$node->safe_psql('postgres', q{
		BEGIN;
		SELECT foreman.enqueue('note', metadata => '{"prepared": "yes"}');
		PREPARE TRANSACTION 'yes';
		BEGIN;
		SELECT foreman.enqueue('note', metadata => '{"prepared": "no"}');
		PREPARE TRANSACTION 'no'});
	stays($node, 'postgres', q{SELECT count(*) = 0 FROM foreman.jobs WHERE metadata ? 'prepared'}, 0.5, 'not before');
	$node->safe_psql('postgres', q{COMMIT PREPARED 'yes'; ROLLBACK PREPARED 'no'});
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM foreman.jobs WHERE metadata->>'prepared' = 'yes' AND state = 'completed'},
		1, 'it runs after COMMIT PREPARED, long before the safety poll');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE metadata->>'prepared' = 'no'}), '0',
		'the one rolled back is nowhere');

	$node->safe_psql('postgres', q{
		BEGIN;
		SELECT foreman.enqueue('note', metadata => '{"prepared": "late"}');
		PREPARE TRANSACTION 'late'});
	$node->stop('immediate');
	$node->start;
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'", 5,
		'a dispatcher is there again');
	$node->safe_psql('postgres', q{COMMIT PREPARED 'late'});
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM foreman.jobs WHERE metadata->>'prepared' = 'late' AND state = 'completed'},
		1, 'one prepared before a crash runs after its commit');
};

log_is_clean($node);
$node->stop;
done_testing();
