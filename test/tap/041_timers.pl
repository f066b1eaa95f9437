# Timers over restarts and crashes: P5 for what came due while the server was down, P2 and P7 for what was set or
# cancelled while it fired. What was asked of a firing timer survives the crash that ends its handler.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('timers');
$node->start;
install($node, 'postgres');

my $settled = q{NOT EXISTS (SELECT FROM foreman.job_request)};

subtest 'P5: due while the server was down' => sub {
	value($node, 'postgres', q{
		SELECT foreman.set_timer('note', 'missed', clock_timestamp() + interval '300 ms');
		SELECT foreman.set_timer('note', 'ahead', clock_timestamp() + interval '6 s');
		SELECT foreman.set_timer('note', 'far', '2100-01-01')});
	$node->stop('fast');
	$node->start;
	eventually($node, 'postgres', q{SELECT state = 'completed' FROM foreman.jobs WHERE unique_key = 'missed'}, 15,
		'one that came due meanwhile fires');
	eventually($node, 'postgres', q{SELECT state = 'completed' FROM foreman.jobs WHERE unique_key = 'ahead'}, 20,
		'one that comes due afterwards fires, too');
	is(value($node, 'postgres', q{
		SELECT count(*) FILTER (WHERE started_at < run_at), count(*) FILTER (WHERE unique_key = 'ahead' AND started_at > greatest(run_at, pg_postmaster_start_time() + '2 s') + '5 s')
		FROM foreman.jobs WHERE kind = 'note' AND finished_at IS NOT NULL}),
		'0|0', 'none early, and the second not late');
	is(value($node, 'postgres', q{SELECT string_agg(key || ' ' || state, ',') FROM foreman.timers}), 'far scheduled', 'the rest waits');
};

# A timer of kind nap fires; something is asked of it; the server crashes.
sub crash_while_firing
{
	my ($key, $ask) = @_;
	value($node, 'postgres', qq{SELECT foreman.set_timer('nap', '$key', now(), '{"s": 60}')});
	eventually($node, 'postgres', qq{SELECT state = 'running' FROM foreman.timers WHERE key = '$key'}, 15, 'a timer fires');
	value($node, 'postgres', $ask) if $ask;
	my ($executor) = split /\n/, value($node, 'postgres', qq{SELECT w.pid FROM foreman.workers w JOIN foreman.timers t USING (job_id) WHERE t.key = '$key'});
	kill 'KILL', $executor;
	eventually($node, 'postgres', qq{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $executor)}, 20, 'the server crashes and is back');
	return;
}

subtest 'P2: set again while it fired, then a crash' => sub {
	crash_while_firing('set', q{SELECT foreman.set_timer('nap', 'set', '2100-01-01', '{"n": 2}')});
	eventually($node, 'postgres', qq{SELECT $settled AND (SELECT string_agg(state || ' ' || args::text, ',') = 'scheduled {"n": 2}' FROM foreman.timers WHERE key = 'set')},
		15, 'the new due time stands alone');
	is(value($node, 'postgres', q{SELECT string_agg(state || ': ' || reason, ',') FROM foreman.jobs WHERE unique_key = 'set' AND finished_at IS NOT NULL}),
		'cancelled: timer set again', 'what was firing does not fire again');
};

subtest 'P7: cancelled while it fired, then a crash' => sub {
	crash_while_firing('cancel', q{SELECT foreman.cancel_timer('nap', 'cancel')});
	eventually($node, 'postgres', qq{SELECT $settled AND NOT EXISTS (SELECT FROM foreman.timers WHERE key = 'cancel')}, 15, 'it is gone');
	is(value($node, 'postgres', q{SELECT string_agg(state || ': ' || reason, ',') FROM foreman.jobs WHERE unique_key = 'cancel'}),
		'cancelled: timer cancelled', 'and does not fire again');
};

is(value($node, 'postgres', q{SELECT count(*) FROM effects WHERE kind = 'nap'}), '0', 'nothing of what crashed is left');
$node->stop;
done_testing();
