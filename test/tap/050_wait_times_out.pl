# A workflow that workers outside decide waits for a signal, with a time limit. The limit passes, and before a worker
# takes the next step all processes of the server are killed. That the wait has timed out is an event: the next worker's
# replay sees it and goes past it, also where the signal arrives meanwhile or afterwards. One whose limit passes while
# the server is down times out when it is back, once.
# Broken by: a time-out that is an answer to the worker who waits, and is not recorded; waiting anew after a crash.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('wait');
$node->start;
install($node, 'postgres');
# The code of the worker: what ended its wait, the time or the signal, is the name of its next step.
$node->safe_psql('postgres', q{
	SELECT foreman.create_queue('flows'), foreman.create_workflow_type('flow', queue => 'flows');
	CREATE FUNCTION replay(history jsonb) RETURNS jsonb LANGUAGE sql AS $$
		SELECT jsonb_build_array(jsonb_build_object('command', 'wait_for_signal', 'sequence', 1, 'name', 'go', 'timeout', history -> 0 -> 'data' -> 'input' -> 'timeout'))
			|| coalesce((SELECT jsonb_build_array(jsonb_build_object('command', 'record_side_effect', 'sequence', 2, 'name', e ->> 'type', 'value', 1))
				FROM jsonb_array_elements(history) e WHERE e ->> 'type' = 'SignalTimedOut' AND e -> 'data' -> 'sequence' = '1' OR e ->> 'type' = 'SignalReceived' AND e -> 'data' ->> 'name' = 'go'
				ORDER BY (e -> 'sequence')::int LIMIT 1), '[]') $$;
	CREATE FUNCTION events(id text) RETURNS text LANGUAGE sql AS $$
		SELECT string_agg(event_type || coalesce(' ' || (data ->> 'name'), ''), ', ' ORDER BY sequence) FROM foreman.workflow_events('flow', id) $$});

# Everybody who has a task is worked for.
sub work
{
	return value($node, 'postgres', q{
		SELECT foreman.submit_commands('flow', workflow_id, token, replay(history)) FROM foreman.claim_workflow_task('{flow}', 'w', 10)});
}

sub begin
{
	my ($timeout, @ids) = @_;
	for my $id (@ids)
	{
		$node->safe_psql('postgres', qq{SELECT foreman.signal_workflow('flow', '$id', '{"timeout": "$timeout"}')});
		eventually($node, 'postgres', "SELECT events('$id') = 'WorkflowStarted'", 10, "$id: begins");
	}
	return;
}

# And stays down for so many seconds.
sub kill_all
{
	my ($down) = @_;
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my @children = split ' ', `ps -o pid= --ppid $postmaster`;
	cmp_ok(scalar @children, '>', 5, 'the server and its processes are killed');
	$node->kill9;
	kill 'KILL', @children;
	my $until = time + 30;
	usleep(10_000) while time < $until && grep { kill 0, $_ } @children;
	usleep(1_000_000 * $down);
	start_after_kill($node);
	return;
}

begin('1 hour', 'waits');
begin('2 s', 'down');
begin('100 ms', 'before', 'after');
# All of them in one go: a wait that times out before the next one is answered would be a task once more.
is(work(), join("\n", ('accepted') x 4), 'a worker waits for a signal');
for my $id (qw(before after))
{
	eventually($node, 'postgres', "SELECT events('$id') = 'WorkflowStarted, SignalAwaited go, SignalTimedOut go'", 10, "$id: its wait times out");
}
kill_all(2);

my $signal = sub { $node->safe_psql('postgres', qq{SELECT foreman.signal_workflow('flow', '$_[0]', '{"type": "go"}')}) };
$signal->('before');
eventually($node, 'postgres', q{SELECT events('before') = 'WorkflowStarted, SignalAwaited go, SignalTimedOut go, SignalReceived go'}, 30, 'before: the signal arrives before a worker has seen the time-out');
eventually($node, 'postgres', q{SELECT events('down') = 'WorkflowStarted, SignalAwaited go, SignalTimedOut go'}, 30, 'down: a limit that passed while the server was down is noticed when it is back');
is(work(), "accepted\naccepted\naccepted", 'a worker takes the next steps');
like(value($node, 'postgres', "SELECT events('$_')"), qr/, SideEffectRecorded SignalTimedOut$/, "$_: goes past the time-out") for qw(before after down);
$signal->('after');
$signal->('waits');
eventually($node, 'postgres', q{SELECT events('after') = 'WorkflowStarted, SignalAwaited go, SignalTimedOut go, SideEffectRecorded SignalTimedOut, SignalReceived go'}, 10, 'after: the signal arrives after that');
eventually($node, 'postgres', q{SELECT events('waits') = 'WorkflowStarted, SignalAwaited go, SignalReceived go'}, 10, 'waits: a wait that goes on gets its signal');
kill_all(0);
# Tasks have a key, and nothing with a key is given out before the dispatcher has read the leases.
my ($answers, $until) = ('', time + 30);
while ($answers eq '' && time < $until)
{
	$answers = work();
	usleep(50_000);
}
like($answers, qr/^(accepted\n?)+$/, 'a replay after one more crash');
is(value($node, 'postgres', q{SELECT events('after')}), 'WorkflowStarted, SignalAwaited go, SignalTimedOut go, SideEffectRecorded SignalTimedOut, SignalReceived go', 'after: has nothing to add');
like(value($node, 'postgres', q{SELECT events('waits')}), qr/, SideEffectRecorded SignalReceived$/, 'waits: goes past the signal');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.workflows WHERE parked IS NOT NULL}), '0', 'nobody is parked');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.live_job WHERE origin = 't'}), '0', 'no time limit is left');
log_is_clean($node);
$node->stop;
done_testing();
