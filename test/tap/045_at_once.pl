# Two sessions that do the same at the same time, in whatever order: both succeed, neither is told of a deadlock or of a name that exists.
use strict;
use warnings;
use IPC::Run ();
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('at_once');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_foreman');

# Runs the scripts beside each other; answers what they said on stderr.
sub both
{
	my @errors = ('', '');
	my @runs = map {
		IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$_[$_], '>', '/dev/null', '2>', \$errors[$_])
	} 0, 1;
	$_->finish for @runs;
	return join '', @errors;
}

# Unique keys in opposite orders (hindsight#3002).
my $many = sub {
	my ($order) = @_;
	return join '', map { "SELECT count(*) FROM foreman.enqueue_many((SELECT jsonb_agg(jsonb_build_object('kind', 'k', 'unique_key', '$_-' || n) ORDER BY n $order) FROM generate_series(1, 500) n));\n" } 1 .. 10;
};
is(both($many->('ASC'), $many->('DESC')), '', 'enqueue_many() with the same unique keys in opposite orders');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.live_job WHERE kind = 'k'}), '5000', 'each key has one job');
$node->safe_psql('postgres', q{CREATE TABLE answered AS SELECT * FROM foreman.enqueue_many(
	'[{"kind": "k", "unique_key": "z"}, {"kind": "k", "queue": "plain"}, {"kind": "k", "unique_key": "a"}, {"kind": "k", "unique_key": "z"}]')});
is(value($node, 'postgres', q{SELECT string_agg(coalesce(j.unique_key, j.queue), ' ' ORDER BY m.ordinal) FROM answered m JOIN foreman.live_job j USING (job_id)}),
	'z plain a z', 'answers come in the order of the argument');
is(value($node, 'postgres', q{SELECT string_agg(coalesce(unique_key, queue), ' ' ORDER BY job_id) FROM foreman.live_job WHERE unique_key IN ('a', 'z') OR queue = 'plain'}),
	'z plain a', 'and ids, too');

# A schedule of one name.
my $schedule = sub { return join '', map { "SELECT foreman.schedule('s$_', '0 0 1 1 *', 'SELECT $_[0]');\n" } 1 .. 100 };
is(both($schedule->(1), $schedule->(2)), '', 'schedule() of the same names');
my $job = sub { return join '', map { "SELECT foreman.schedule_job('j$_', '0 0 1 1 *', 'k', '[$_[0]]');\n" } 1 .. 100 };
is(both($job->(1), $job->(2)), '', 'schedule_job(), too');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.schedules}), '200', 'each name has one schedule');

log_is_clean($node);
$node->stop;
done_testing();
