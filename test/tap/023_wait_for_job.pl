# wait_for_job(): returns when something is committed or due, at its time-out; is refused in a transaction block;
# while fifty sessions wait none holds a transaction, a snapshot or an xid, and vacuum removes what is dead.
# Broken by: waiting inside the caller's transaction; a wait that polls rows under a snapshot.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

# The safety poll is far away: who returns was woken.
my $node = new_server('waiters', 'max_connections' => 100, 'foreman.max_waiters' => 120);
$node->start;
install($node, 'postgres');

my $waiting = q{SELECT count(*) = %d FROM pg_stat_activity WHERE query LIKE 'CALL foreman.wait_for_job%%' AND state <> 'idle' AND wait_event_type = 'Extension'};

sub start_waiter
{
	my ($queue, $timeout) = @_;
	return IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c',
			"CALL foreman.wait_for_job('{$queue}', '$timeout')" ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
}

subtest 'when it returns' => sub {
	my $took = timed($node, 'postgres', q{CALL foreman.wait_for_job('{nothing}', '500 ms')});
	cmp_ok($took, '>=', 0.5, 'not before its time-out');
	cmp_ok($took, '<', 10, 'and not long after it');

	my $waiter = start_waiter('due', '60 s');
	eventually($node, 'postgres', sprintf($waiting, 1), 5, 'it waits');
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('out', queue => 'elsewhere')});
	stays($node, 'postgres', sprintf($waiting, 1), 0.5, 'another queue does not wake it');
	my $started = time;
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('out', queue => 'due')});
	$waiter->finish;
	cmp_ok(time - $started, '<', 10, 'the commit of a job wakes it');
	cmp_ok(timed($node, 'postgres', q{CALL foreman.wait_for_job('{due}', '60 s')}), '<', 10, 'what is due already lets it return at once');

	$node->safe_psql('postgres', q{SELECT foreman.enqueue('out', queue => 'later', run_at => clock_timestamp() + '1 s')});
	# It says that there may be something: a worker claims, and waits again when there is nothing.
	$started = time;
	my ($calls, $got) = (0, 0);
	while (!$got && $calls < 10)
	{
		$calls++;
		$node->safe_psql('postgres', q{CALL foreman.wait_for_job('{later}', '60 s')});
		$got = value($node, 'postgres', q{SELECT count(*) FROM foreman.claim('{later}', 'w')});
	}
	is($got, 1, 'so does a job whose time comes');
	cmp_ok(time - $started, '<', 10, 'when it comes');
	cmp_ok($calls, '<=', 2, "without a loop ($calls calls)");
};

subtest 'in a transaction block' => sub {
	my ($rc, $out, $err) = $node->psql('postgres', qq{\\set VERBOSITY verbose\nBEGIN;\nCALL foreman.wait_for_job('{x}', '1 s');});
	isnt($rc, 0, 'it is refused');
	like($err, qr/ERROR:  2D000/, 'with its code');
	like($err, qr/HINT:/, 'and a hint');
};

# Who claims one job each: as many are woken as there are jobs, not one a commit, and not all.
subtest 'a commit of many jobs' => sub {
	my @waiters = map { start_waiter('bulk', '120 s') } 1 .. 12;
	eventually($node, 'postgres', sprintf($waiting, 12), 20, 'twelve sessions wait');
	my $claimed = 0;
	my $claim = sub { return value($node, 'postgres', q{SELECT count(*) FROM foreman.claim('{bulk}', 'w', 100)}) };
	for my $way (
		[ 'enqueue_array', q{SELECT count(*) FROM foreman.enqueue_array('out', '{1,2,3}'::text[]::jsonb[], queue => 'bulk')} ],
		[ 'a loop of enqueue', q{DO $$ BEGIN FOR i IN 1 .. 3 LOOP PERFORM foreman.enqueue('out', queue => 'bulk'); END LOOP; END $$} ],
		[ 'three savepoints', q{DO $$ BEGIN FOR i IN 1 .. 3 LOOP BEGIN PERFORM foreman.enqueue('out', queue => 'bulk'); EXCEPTION WHEN OTHERS THEN END; END LOOP; END $$} ],
		[ 'enqueue_many', q{SELECT count(*) FROM foreman.enqueue_many((SELECT jsonb_agg(jsonb_build_object('kind', 'out', 'queue', 'bulk')) FROM generate_series(1, 3)))} ])
	{
		my ($name, $sql) = @$way;
		# In the same command, so that nobody who waits still finds the jobs.
		$node->safe_psql('postgres', $sql);
		$claimed += 3;
		eventually($node, 'postgres', sprintf($waiting, 12 - $claimed), 2, "three jobs of $name wake three");
		is($claim->(), 3, 'three are there');
	}
	$_->finish for @waiters;
};

# The first to be waked cannot look any more: the wake-up is another's then.
subtest 'a session that was waked and ends' => sub {
	my $pid_of = sub { return value($node, 'postgres', q{SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE query LIKE 'CALL foreman.wait_for_job%' AND state <> 'idle' AND pid <> } . (shift // 0)) };
	my $first = start_waiter('handed', '120 s');
	eventually($node, 'postgres', sprintf($waiting, 1), 20, 'one session waits');
	my $pid = $pid_of->();
	my $second = start_waiter('handed', '120 s');
	eventually($node, 'postgres', sprintf($waiting, 2), 20, 'another one, too');
	kill 'STOP', $pid;
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('out', queue => 'handed')});
	my $started = time;
	kill 'TERM', $pid;
	kill 'CONT', $pid;
	$second->finish;
	cmp_ok(time - $started, '<', 10, 'the job that the ended session was waked for wakes the other');
	$first->finish;
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.claim('{handed}', 'w')}), 1, 'which finds it');
};

# A worker claims and waits in turn. What is due is locked by a session that says nothing when it lets go.
subtest 'a due job whose row is locked' => sub {
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('out', queue => 'locked')});
	my $holder = $node->background_psql('postgres');
	$holder->query_safe("BEGIN; SELECT FROM foreman.live_job WHERE job_id = $id FOR UPDATE");
	my $script = "$PostgreSQL::Test::Utils::tmp_check/claim_and_wait.sql";
	append_to_file($script, "SELECT count(*) FROM foreman.claim('{locked}', 'w');\nCALL foreman.wait_for_job('{locked}', '10 s');\n");
	my ($out, $err) = run_command([ 'pgbench', '-n', '-T', '3', '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ]);
	my ($turns) = $out =~ /transactions actually processed: ([0-9]+)/;
	cmp_ok($turns, '<', 100, "a worker looks about twelve times a second ($turns in 3 s)");
	cmp_ok($turns, '>', 2, 'and goes on to look');
	my $worker = $node->background_psql('postgres');
	$worker->query_safe(q{SELECT count(*) FROM foreman.claim('{locked}', 'w')}) for 1 .. 3;
	my $started = time;
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('out', queue => 'locked')});
	$worker->query_safe(q{CALL foreman.wait_for_job('{locked}', '30 s')});
	is($worker->query_safe(q{SELECT count(*) FROM foreman.claim('{locked}', 'w')}), '1', 'another job of the queue is found');
	$holder->query_safe('COMMIT');
	$worker->query_safe(q{CALL foreman.wait_for_job('{locked}', '30 s')});
	is($worker->query_safe(q{SELECT count(*) FROM foreman.claim('{locked}', 'w')}), '1', 'and this one when its row is free');
	cmp_ok(time - $started, '<', 20, 'long before the time is over');
	$_->quit for $worker, $holder;
};

subtest 'fifty waiters' => sub {
	$node->safe_psql('postgres', 'CREATE TABLE rubbish AS SELECT i FROM generate_series(1, 1000) i');
	my @waiters = map { start_waiter('quiet', '120 s') } 1 .. 50;
	eventually($node, 'postgres', sprintf($waiting, 50), 20, 'fifty sessions wait');
	is(value($node, 'postgres', q{
			SELECT count(xact_start), count(backend_xmin), count(backend_xid) FROM pg_stat_activity
			WHERE query LIKE 'CALL foreman.wait_for_job%' AND pid <> pg_backend_pid()}),
		'0|0|0', 'none has a transaction, a snapshot or an xid');
	is(value($node, 'postgres', q{
			SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.query LIKE 'CALL foreman.wait_for_job%' AND pid <> pg_backend_pid()}),
		'0', 'nor a lock');
	$node->safe_psql('postgres', 'DELETE FROM rubbish');
	my ($rc, $out, $err) = $node->psql('postgres', 'VACUUM (VERBOSE) rubbish');
	like($err, qr/1000 removed, 0 remain, 0 are dead but not yet removable/, 'vacuum is not held back');
	my $started = time;
	# A commit wakes one of them, so that the others do not all ask for one job.
	$node->safe_psql('postgres', join "\n", (q{SELECT foreman.enqueue('out', queue => 'quiet');}) x 50);
	$_->finish for @waiters;
	my $took = time - $started;
	cmp_ok($took, '<', 30, sprintf 'fifty commits wake all fifty (%.2f s)', $took);
};

log_is_clean($node);
$node->stop;
done_testing();
