# P4, P8, P13: leases of outside workers survive restarts and crashes of the server, each renewed by it; a graceful
# stop finishes or releases what executors run, charges nothing and leaves nothing claimed.
# Broken by: a board that is not filled from the rows; ending leases by a clock that stood in the row.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('leases', 'foreman.shutdown_grace' => "'5s'");
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE PROCEDURE outside_group(j foreman.job) LANGUAGE plpgsql AS $$
	BEGIN
		COMMIT;
		PERFORM pg_sleep((j.args->>'s')::float8);
		COMMIT;
		INSERT INTO public.effects (job_id) VALUES (j.job_id);
	END $$;
	SELECT foreman.register_handler('steps', 'public.outside_group', lane => 'procedure')});

for my $mode (qw(fast immediate))
{
	subtest "$mode restart" => sub {
		my ($id, $token) = split /\|/, value($node, 'postgres', qq{
			SELECT foreman.enqueue('out', queue => '$mode') \\g /dev/null
			SELECT job_id, token FROM foreman.claim('{$mode}', 'w', lease => '60 s')});
		my ($silent) = split /\|/, value($node, 'postgres', qq{
			SELECT foreman.enqueue('out', queue => '$mode') \\g /dev/null
			SELECT job_id, token FROM foreman.claim('{$mode}', 'silent', lease => '8 s')});
		# A shutdown writes the leases into their rows; before a crash the dispatcher has done so after a while.
		eventually($node, 'postgres', "SELECT count(*) = 2 FROM foreman.live_job WHERE queue = '$mode' AND state = 'r'", 8, 'the leases are written')
		  if $mode eq 'immediate';
		# The dispatcher does not wait for the disk: a checkpoint brings there what it has written.
		$node->safe_psql('postgres', 'CHECKPOINT');
		my $until = value($node, 'postgres', "SELECT leased_until FROM foreman.jobs WHERE job_id = $id");
		$node->stop($mode);
		$node->start;
		eventually($node, 'postgres', "SELECT leased_until > '$until' FROM foreman.jobs WHERE job_id = $id", 10,
			'the lease counts as renewed by the restart');
		is(value($node, 'postgres', "SELECT foreman.heartbeat($id, '$token')"), 'active', 'its worker goes on');
		is(value($node, 'postgres', "SELECT foreman.complete($id, '$token')"), 'completed', 'and completes it');
		eventually($node, 'postgres', "SELECT state = 'retryable' AND attempt = 1 FROM foreman.jobs WHERE job_id = $silent", 15,
			'one whose worker is silent ends');
		is(value($node, 'postgres', "SELECT errors->0->>'message' FROM foreman.jobs WHERE job_id = $silent"), 'lease expired', 'and says why');
		$node->safe_psql('postgres', "SELECT foreman.cancel($silent)");
	};
}

# Nothing of it is in a row: the crash takes the lease along, and nobody is charged.
subtest 'a crash right after a claim' => sub {
	my ($id, $token);
	# The dispatcher writes a lease after two seconds: on a machine that is that slow it is tried again.
	for my $try (1 .. 5)
	{
		my $started = time;
		($id, $token) = split /\|/, value($node, 'postgres', q{
			SELECT foreman.enqueue('out', queue => 'young') \g /dev/null
			SELECT job_id, token FROM foreman.claim('{young}', 'w', lease => '1 h')});
		$node->stop('immediate');
		my $took = time - $started;
		$node->start;
		last if $took < 1.8 || $try == 5;
		$node->safe_psql('postgres', "SELECT foreman.release_lease($id) FROM foreman.live_job WHERE job_id = $id AND state = 'r'");
		$node->safe_psql('postgres', "SELECT foreman.cancel($id)");
	}
	is(value($node, 'postgres', "SELECT state || ' ' || attempt FROM foreman.jobs WHERE job_id = $id"), 'available 0', 'the job is due again, uncharged');
	is(value($node, 'postgres', "SELECT foreman.heartbeat($id, '$token') || ' ' || foreman.complete($id, '$token')"), 'lost lost', 'its token is lost');
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.claim('{young}', 'other') WHERE job_id = $id", 5, 'another worker has it');
	is(value($node, 'postgres', "SELECT foreman.complete($id, '$token')"), 'lost', 'and keeps it');
	$node->safe_psql('postgres', "SELECT foreman.release_lease($id), foreman.cancel($id)");
};

# A heartbeat that comes before the dispatcher has read the rows brings the lease back with the key that it holds.
subtest 'a key that a lease holds' => sub {
	my ($id, $token) = split /\|/, value($node, 'postgres', q{
		SELECT foreman.create_queue('keyed', max_running_per_key => 1) \g /dev/null
		SELECT foreman.enqueue('out', queue => 'keyed', concurrency_key => 'k') FROM generate_series(1, 2) \g /dev/null
		SELECT job_id, token FROM foreman.claim('{keyed}', 'w', 10, lease => '1 min')});
	my $others = q{SELECT count(*) FROM foreman.claim('{keyed}', 'other', 10)};
	is(value($node, 'postgres', $others), '0', 'one of two runs');
	settings($node, 'foreman.enabled' => 'off');
	$node->restart;
	is(value($node, 'postgres', "SELECT foreman.heartbeat($id, '$token')"), 'active', 'its worker is first after a restart');
	settings($node, 'foreman.enabled' => 'on');
	$node->reload;
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND wait_event_type IS NOT NULL}, 5, 'the dispatcher comes');
	stays($node, 'postgres', "SELECT ($others) = 0", 1, 'the other one waits');
	is(value($node, 'postgres', "SELECT foreman.complete($id, '$token')"), 'completed', 'until the first has ended');
	eventually($node, 'postgres', "SELECT ($others) = 1", 3, 'then it runs');
	$node->safe_psql('postgres', q{SELECT foreman.release_lease(job_id) FROM foreman.jobs WHERE queue = 'keyed' AND state = 'running'; SELECT foreman.cancel(job_id) FROM foreman.live_job});
};

# Short ones end within the grace, long ones are put back.
sub busy
{
	my ($short) = @_;
	my @ids = split /\n/, value($node, 'postgres', join "\n", map { "SELECT foreman.enqueue('$_->[0]', args => '{\"s\": $_->[1]}');" }
		  ([ 'nap', $short ], [ 'steps', $short ], [ 'nap', 60 ], [ 'steps', 60 ]));
	my $all = join ',', @ids;
	eventually($node, 'postgres', "SELECT count(*) = 4 FROM foreman.workers WHERE job_id IN ($all)", 15, 'four handlers run');
	return @ids;
}

sub check_graceful
{
	my ($what, @ids) = @_;
	my ($short, $long) = (join(',', @ids[ 0, 1 ]), join(',', @ids[ 2, 3 ]));
	is(value($node, 'postgres', "SELECT string_agg(state || ' ' || attempt, ', ') FROM foreman.jobs WHERE job_id IN ($short)"),
		'completed 1, completed 1', "$what: what is short has finished");
	is(value($node, 'postgres', "SELECT string_agg(state || ' ' || attempt, ', ') FROM foreman.jobs WHERE job_id IN ($long)"),
		'available 0, available 0', "$what: what is long is due again, uncharged");
	is(value($node, 'postgres', "SELECT count(*) FROM foreman.live_job WHERE state = 'r'"), '0', "$what: nothing is claimed");
	is(value($node, 'postgres', "SELECT count(*) FROM effects WHERE job_id IN ($long)"), '0', "$what: no effect of them");
	$node->safe_psql('postgres', "SELECT foreman.cancel(job_id) FROM foreman.live_job");
	return;
}

subtest 'foreman.stop()' => sub {
	my @ids = busy(3);
	$node->safe_psql('postgres', 'SELECT foreman.stop()');
	eventually($node, 'postgres', 'SELECT count(*) = 0 FROM foreman.workers WHERE pid IS NOT NULL', 8, 'the executors leave within the grace');
	eventually($node, 'postgres', "SELECT count(*) = 0 FROM foreman.live_job WHERE state = 'r'", 1, 'the dispatcher has settled them');
	check_graceful('stop', @ids);
	$node->safe_psql('postgres', 'SELECT foreman.start()');
	eventually($node, 'postgres', is_idle(), 10, 'idle');
};

# SIGINT and SIGTERM to the postmaster, and SIGTERM to every executor.
for my $mode (qw(fast smart))
{
	subtest "$mode shutdown" => sub {
		settings($node, 'foreman.enabled' => 'on');
		$node->restart;
		my @ids = busy(3);
		$node->stop($mode);
		# Nothing may run when it is looked at.
		settings($node, 'foreman.enabled' => 'off');
		$node->start;
		eventually($node, 'postgres', "SELECT count(*) = 0 FROM foreman.live_job WHERE state = 'r'", 2, 'nothing stays claimed');
		check_graceful($mode, @ids);
	};
}

subtest 'SIGTERM to every executor' => sub {
	settings($node, 'foreman.enabled' => 'on');
	$node->restart;
	my @ids = busy(60);
	my $all = join ',', @ids;
	# The next ones may not take what is given back before it is looked at.
	$node->safe_psql('postgres', 'ALTER SYSTEM SET foreman.enabled = off');
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	my @pids = split /\n/, value($node, 'postgres', 'SELECT pid FROM foreman.workers WHERE pid IS NOT NULL');
	is(kill('TERM', @pids), scalar @pids, 'all of them');
	eventually($node, 'postgres', "SELECT count(*) = 4 FROM foreman.jobs WHERE job_id IN ($all) AND state = 'available' AND attempt = 0 AND errors -> 0 -> 'uncharged' = 'true'", 5,
		'every job is due again, uncharged');
	is(value($node, 'postgres', "SELECT count(*) FROM effects WHERE job_id IN ($all)"), '0', 'no effect of them');
};

# Several at once, again and again: the dispatcher, which the first one wakes, looks while others are about to be gone.
subtest 'each end of an executor is counted' => sub {
	settings($node, 'foreman.enabled' => 'on', 'foreman.max_executors' => 6);
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET foreman.enabled');
	$node->restart;
	$node->safe_psql('postgres', 'SELECT foreman.cancel(job_id) FROM foreman.live_job');
	my $uncounted = 0;
	for my $round (1 .. 10)
	{
		my $ids = value($node, 'postgres', q{SELECT string_agg(foreman.enqueue('steps', args => '{"s": 60}', run_at => now())::text, ',') FROM generate_series(1, 5)});
		eventually($node, 'postgres', "SELECT count(*) = 5 FROM foreman.workers WHERE job_id IN ($ids)", 20, "round $round: five handlers run") or last;
		kill 'TERM', split /\n/, value($node, 'postgres', "SELECT pid FROM foreman.workers WHERE job_id IN ($ids)");
		my $ended = "FROM foreman.jobs WHERE job_id IN ($ids) AND errors -> 0 ->> 'message' LIKE 'its executor was terminated%'";
		$uncounted++ unless defined wait_for($node, 'postgres', "SELECT count(*) = 5 $ended", 20);
		$node->safe_psql('postgres', "SELECT foreman.cancel(job_id) FROM foreman.live_job WHERE job_id IN ($ids)");
		wait_for($node, 'postgres', is_idle(), 10);
	}
	is($uncounted, 0, 'in each of ten rounds five ends are counted');
};

log_is_clean($node);
$node->stop;
done_testing();
