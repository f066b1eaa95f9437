# An idle engine costs nothing: no transaction, no snapshot, next to no processor time; and an executor's own
# memory stays small however many jobs it has run.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

plan skip_all => 'needs /proc' if !-r '/proc/self/smaps';

my $jobs = $ENV{FOREMAN_TEST_MEMORY_JOBS} // 200_000;
my $node = new_server('idle', 'foreman.max_executors' => 1, 'shared_buffers' => '64MB', 'autovacuum' => 'off');
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE FUNCTION nothing(jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
	SELECT foreman.register_handler('nothing', 'public.nothing')});

# Memory of this process alone. Pages of shared memory count as private in smaps_rollup when nobody else has
# touched them yet, so the mappings are added up here: private ones only.
sub own_memory
{
	my ($pid) = @_;
	my ($private, $sum) = (0, 0);
	for (split /\n/, slurp_file("/proc/$pid/smaps"))
	{
		if (/^[0-9a-f]+-[0-9a-f]+ ...(.) /)
		{
			$private = $1 eq 'p';
		}
		elsif ($private && /^Private_(?:Clean|Dirty): +([0-9]+) kB/)
		{
			$sum += $1;
		}
	}
	return $sum / 1024;
}

# Seconds of processor time.
sub cpu
{
	my ($pid) = @_;
	return (split ' ', slurp_file("/proc/$pid/schedstat"))[0] / 1e9 if -r "/proc/$pid/schedstat";
	my @stat = split ' ', slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr;
	return ($stat[11] + $stat[12]) / 100;
}

subtest "memory of an executor after $jobs jobs" => sub {
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('nothing')});
	eventually($node, 'postgres', is_idle(), 5, 'it is warm');
	my ($pid) = pids($node, 'executor');
	my $first = own_memory($pid);
	$node->safe_psql('postgres', qq{
		SELECT count(*) FROM generate_series(1, $jobs / 1000) i, LATERAL foreman.enqueue_array('nothing', array_fill(to_jsonb(i), ARRAY[1000]))});
	eventually($node, 'postgres', is_idle(), 120, 'all of them ran');
	my ($now) = pids($node, 'executor');
	is($now, $pid, 'in the same process');
	is(value($node, 'postgres', "SELECT count(*) FROM foreman.jobs WHERE state = 'completed' AND worker_pid = $pid"), $jobs + 1,
		'it completed them all');
	my $last = own_memory($pid);
	note(sprintf 'own memory %.1f MB after one job, %.1f MB after %d; the dispatcher has %.1f MB', $first, $last, $jobs,
		own_memory((pids($node, 'dispatcher'))[0]));
	cmp_ok($last, '<', 16, 'under 16 MB');
	cmp_ok($last - $first, '<', 4, 'and hardly more than at the beginning');
};

subtest 'failures and odd jobs do not make it grow either' => sub {
	my ($pid) = pids($node, 'executor');
	my $first = own_memory($pid);
	$node->safe_psql('postgres', q{
		CREATE FUNCTION odd(j foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
		BEGIN
			IF j.job_id % 3 = 0 AND j.attempt = 1 THEN
				RAISE 'odd %', repeat('x', 1000);
			END IF;
			RETURN jsonb_build_object('r', repeat('y', 2000));
		END $$;
		SELECT foreman.register_handler('odd', 'public.odd', backoff_base => '1 ms', backoff_max => '1 ms');
		SELECT foreman.enqueue('odd', args => jsonb_build_object('a', repeat('z', 2000)), queue => 'odd' || i % 50) FROM generate_series(1, 4000) i});
	eventually($node, 'postgres', is_idle(), 60, 'all of them ran');
	my $last = own_memory($pid);
	note(sprintf '%.1f MB, then %.1f MB', $first, $last);
	cmp_ok($last, '<', 16, 'under 16 MB');
};

subtest 'an idle engine' => sub {
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('note', run_at => clock_timestamp() + '1 hour')});
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM foreman.workers WHERE state = 'idle'}, 5, 'the executor is idle');
	my @pids = pids($node, '%');
	is(scalar @pids, 3, 'launcher, dispatcher, executor');
	my %before = map { $_ => cpu($_) } @pids;
	my $started = time;
	my ($transactions, $snapshots, $samples) = (0, 0, 0);
	while (time - $started < 10)
	{
		my ($xact, $xmin) = split /\|/, value($node, 'postgres', q{
			SELECT count(*) FILTER (WHERE clock_timestamp() - xact_start > '100 ms'), count(backend_xmin)
			FROM pg_stat_activity WHERE backend_type LIKE 'pg_foreman %'});
		$transactions += $xact;
		$snapshots += $xmin;
		$samples++;
		usleep(200_000);
	}
	my $used = 0;
	$used += cpu($_) - $before{$_} for @pids;
	my $share = 100 * $used / (time - $started);
	is($transactions, 0, "no open transaction in $samples samples");
	cmp_ok($snapshots, '<=', 1, 'no snapshot, unless a safety poll was just reading');
	cmp_ok($share, '<', 0.2, sprintf 'processor time: %.4f %% of one core', $share);
	is_deeply([ pids($node, '%') ], \@pids, 'the same processes all the time');
};

log_is_clean($node);
$node->stop;
done_testing();
