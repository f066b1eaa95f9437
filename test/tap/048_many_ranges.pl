# Jobs that are spread over many queues, kinds or priorities run about as fast as those of one queue: an executor's
# transaction goes on with the next queue when one has no more, and neither looks through all of them for each few jobs, nor
# at what another executor has in its hands. And what others pass by for that reason is not forgotten.
# Judged by the number of transactions, and by processor time for a job as a ratio, which other programs do not change.
# Broken by: a group that ends with its queue; a pass over all queues for every claim; a mark that never ends.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('ranges', 'foreman.max_executors' => 2);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE FUNCTION noop(args jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
	SELECT count(foreman.register_handler('kind' || g, 'public.noop(jsonb)')) FROM generate_series(1, 500) g;
});

sub number { return value($node, 'postgres', $_[0]); }

# Seconds of processor time of the executors.
sub cpu
{
	my $sum = 0;
	for my $pid (pids($node, 'executor', 'postgres'))
	{
		open my $stat, '<', "/proc/$pid/schedstat" or next;
		$sum += (split ' ', <$stat>)[0] / 1e9;
	}
	return $sum;
}

# Lets so many jobs run, enqueued with options of i, that wait when the executors start. Returns microseconds of
# processor time for a job, and jobs for each transaction.
sub drain
{
	my ($jobs, $options) = @_;
	$node->safe_psql('postgres', 'SELECT foreman.stop()');
	eventually($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor'}, 20, 'the executors are gone');
	$node->safe_psql('postgres', "TRUNCATE foreman.job_history; SELECT count(foreman.enqueue($options)) FROM generate_series(1, $jobs) i");
	$node->safe_psql('postgres', 'VACUUM ANALYZE foreman.live_job');
	$node->safe_psql('postgres', 'SELECT foreman.start()');
	eventually($node, 'postgres', is_idle(), 60, "$jobs jobs run: $options");
	my $cpu = cpu();
	my ($done, $groups) = split /\|/, number('SELECT count(*), count(DISTINCT xmin::text) FROM foreman.job_history');
	is($done, $jobs, 'each of them once');
	my @figures = (1e6 * $cpu / $jobs, $jobs / $groups);
	note(sprintf '%.1f us of a processor for a job, %.1f jobs in a transaction', @figures);
	return @figures;
}

my $jobs = 6000;
my ($plain) = drain($jobs, "'kind1'");
for my $case (
	[ '3,000 queues of 2 jobs', "'kind1', queue => 'q' || i % 3000", 8 ],
	[ '500 kinds',              "'kind' || i % 500 + 1",             4 ],
	[ '200 priorities',         "'kind1', priority => i % 200 - 100", 4 ])
{
	my ($name, $options, $most) = @$case;
	my ($cpu, $together) = drain($jobs, $options);
	cmp_ok($together, '>=', 40, "$name: one transaction serves many");
	cmp_ok($cpu, '<=', $most * $plain, "$name: a job takes at most $most times the processor time");
}

# One executor gets all jobs of the queue but one that a session has locked, and works on them for long.
subtest 'what another one left' => sub {
	my $locked = number(q{SELECT foreman.stop(); SELECT foreman.enqueue('nap', '{"s": 20}', queue => 'shared') AS first;
		SELECT foreman.enqueue('nap', queue => 'shared')});
	$locked = (split /\n/, $locked)[-1];
	my $holder = $node->background_psql('postgres');
	$holder->query_safe("BEGIN; SELECT 1 FROM foreman.live_job WHERE job_id = $locked FOR UPDATE");
	$node->safe_psql('postgres', 'SELECT foreman.start()');
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM foreman.workers WHERE queue = 'shared'}, 10, 'an executor works for long');
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('nap', queue => 'other')});
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM foreman.job_history WHERE queue = 'other'}, 10, 'another one is there');
	$holder->query_safe('COMMIT');
	$holder->quit;
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.job_history WHERE job_id = $locked", 5, 'which finds the job that was locked');
	is(number(q{SELECT count(*) FROM foreman.workers WHERE queue = 'shared'}), '1', 'while the first one still works');
};

log_is_clean($node);
done_testing();
