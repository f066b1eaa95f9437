# Workflows that workers outside decide, under random kills: the workers, which claim tasks and submit commands, are killed
# with kill -9, and so are executors, dispatchers, sessions, and the server. Some workers answer after their lease has
# ended. Afterwards no event is lost, doubled or out of sequence, no command is applied twice, no signal is lost or
# handled twice, also not where a workflow continues as new, no timer is lost, and no workflow is stuck or parked.
# CAMPAIGN_SECONDS: how long (20; `make campaign`: 60).
# Broken by: commands that are applied apart from the end of their lease; a task that is not made with its event.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;
use ForemanCampaign;

my $seconds = $ENV{CAMPAIGN_SECONDS} // 20;
my $seed = $ENV{FOREMAN_TEST_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("FOREMAN_TEST_SEED=$seed");

my $node = new_server('outside_campaign', 'foreman.max_crashes' => 1000);
$node->start;
install($node, 'postgres');
install_campaign($node);
# The code of the workers: what it answers depends on the history alone. Each signal is handled by commands that follow
# from its number n; after 25 signals, when all that it asked for has ended, it continues as new.
$node->safe_psql('postgres', q{
	SELECT foreman.create_queue('flows'), foreman.create_workflow_type('flow', queue => 'flows');
	CREATE FUNCTION c.replay(id text, history jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE
		start jsonb := history -> 0 -> 'data' -> 'input';
		round int := coalesce((start -> 'round')::int, 1);
		commands jsonb;
		consumed jsonb := '[]';
		asked int := 4;
		ended int := (SELECT count(*) FROM jsonb_array_elements(history) e
			WHERE e ->> 'type' IN ('EffectCompleted', 'EffectFailed', 'TimerFired', 'ChildEnded', 'SignalTimedOut'));
		k int := 0;
		n int;
		e jsonb;
	BEGIN
		IF start ? 'part' THEN
			commands := '[{"command": "schedule_effect", "sequence": 1, "kind": "effect"}]';
			RETURN commands || CASE WHEN ended = 1 THEN '[{"command": "complete", "sequence": 2, "result": "done"}]'::jsonb ELSE '[]' END;
		END IF;
		commands := jsonb_build_array(
			'{"command": "schedule_effect", "sequence": 1, "name": "pay", "kind": "effect"}'::jsonb,
			'{"command": "set_timer", "sequence": 2, "name": "due", "after": "200 ms"}'::jsonb,
			jsonb_build_object('command', 'start_child', 'sequence', 3, 'workflow_type', 'flow', 'workflow_id', format('part of %s %s', id, round), 'input', '{"part": true}'::jsonb),
			'{"command": "wait_for_signal", "sequence": 4, "name": "never", "timeout": "300 ms"}'::jsonb);
		FOR e IN SELECT x FROM jsonb_array_elements(history) x WHERE x -> 'data' -> 'input' ? 'tag' ORDER BY (x -> 'sequence')::int LIMIT 25 LOOP
			k := k + 1;
			n := e -> 'data' -> 'input' -> 'n';
			commands := commands || jsonb_build_object('command', 'record_side_effect', 'sequence', 10 * k, 'name', e -> 'data' -> 'input' -> 'tag', 'value', n);
			IF n % 3 = 0 THEN
				asked := asked + 1;
				commands := commands || jsonb_build_object('command', 'schedule_effect', 'sequence', 10 * k + 1,
					'kind', CASE WHEN n % 7 = 0 THEN 'bad' WHEN n % 2 = 0 THEN 'steps' ELSE 'effect' END, 'args', e -> 'data' -> 'input');
			END IF;
			IF n % 5 = 0 THEN
				asked := asked + 1;
				commands := commands || jsonb_build_object('command', 'set_timer', 'sequence', 10 * k + 2, 'after', '100 ms');
			END IF;
			IF e ->> 'type' = 'SignalReceived' THEN
				consumed := consumed || (e -> 'sequence');
			END IF;
		END LOOP;
		IF k = 25 AND ended = asked THEN
			commands := commands || jsonb_build_object('command', 'continue_as_new', 'sequence', 1000, 'input', jsonb_build_object('round', round + 1), 'consumed', consumed);
		END IF;
		RETURN commands;
	END $$;
	CREATE TABLE c.acked (tag text)});

my $line = 0;
sub signals_of
{
	my ($client) = @_;
	my @lines;
	for (1 .. 3000)
	{
		my $n = ++$line;
		my $tag = "$client.$n";
		my $id = 'o' . int(rand(11));
		push @lines, qq{SELECT '$tag' FROM foreman.signal_workflow('flow', '$id', '{"type": "go", "tag": "$tag", "n": $n}', input_id => '$tag');};
		push @lines, $lines[-1] if rand() < 0.1;
		push @lines, 'SELECT pg_sleep(0.03);';
	}
	return @lines;
}

# A worker: a process outside that claims, thinks, and submits in another transaction.
sub work_of
{
	my ($worker) = @_;
	return map { my $thinks = $_ % 50 == 0 ? '1.2' : '0.01 * random()'; (
		"SELECT c.token IS NOT NULL AS has, c.workflow_id AS id, c.token, c.history FROM (SELECT) x LEFT JOIN foreman.claim_workflow_task('{flow}', '$worker', lease => '1 second') c ON true \\gset",
		'\if :has',
		"SELECT pg_sleep($thinks) \\g /dev/null",
		"SELECT foreman.submit_commands('flow', :'id', :'token', c.replay(:'id', :'history')) AS answer \\gset",
		'\echo :answer',
		'\else', 'SELECT pg_sleep(0.01) \g /dev/null', '\endif') } 1 .. 20000;
}

my @workers = (2, 3, 4);
my $campaign = ForemanCampaign->new(
	$node,
	clients => [ (map { my $i = $_; sub { signals_of($i) } } 0 .. 1), (map { my $w = "w$_"; sub { work_of($w) } } @workers) ],
	victims => {
		executor => q{SELECT pid FROM foreman.workers WHERE pid IS NOT NULL ORDER BY job_id IS NULL, random() LIMIT 1},
		dispatcher => q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' LIMIT 1},
		session => q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%submit_commands%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1} },
	kinds => [ qw(executor executor session dispatcher server server server), map { ("client $_") x 3 } @workers ]);
$campaign->run($seconds);
cmp_ok(scalar @{ $campaign->{printed} }, '>', 5 * $seconds, 'there was load');
# A worker whose lease has ended raises, and another one goes on.
my $until = time + 180;
until (value($node, 'postgres', is_idle()) eq 't' || time > $until)
{
	$campaign->start(@workers);
	usleep(200_000);
}
eventually($node, 'postgres', is_idle(), 10, 'everything comes to its end')
  or diag(value($node, 'postgres', q{SELECT kind, state, attempt, run_at, args, errors->-1->>'message' FROM foreman.jobs WHERE finished_at IS NULL LIMIT 10}));
$campaign->end(@workers);
$campaign->store_printed('c.acked');
$node->safe_psql('postgres', q{
	CREATE TABLE c.seen AS SELECT i.workflow_id, i.state, i.sequence AS last, e.* FROM foreman.workflow_event e JOIN foreman.workflow_instance i USING (instance);
	CREATE INDEX ON c.seen (instance, event_type);
	CREATE TABLE c.handled AS SELECT instance, workflow_id, sequence, data ->> 'name' AS tag, split_part(data ->> 'name', '.', 1) AS client, (data -> 'value')::int AS n
		FROM c.seen WHERE event_type = 'SideEffectRecorded';
	ANALYZE});
my $ends_of = sub {
	my ($asked, $ended) = @_;
	return qq{SELECT s.workflow_id, s.event_type, s.data FROM c.seen s WHERE s.event_type = '$asked' AND (SELECT count(*) FROM c.seen r WHERE r.instance = s.instance
		AND r.event_type IN ($ended) AND r.data -> 'sequence' = s.data -> 'sequence') <> 1 LIMIT 5};
};
my %never = (
	'no invariant is broken' => 'SELECT w.broken()',
	'no input waits or is dead' => q{SELECT input, state FROM foreman.workflow_input WHERE state IN ('p', 'd')},
	'no workflow is parked' => q{SELECT workflow_id, parked FROM foreman.workflow_instance WHERE parked IS NOT NULL},
	'no command is applied twice' => q{SELECT workflow_id, data -> 'sequence' FROM c.seen WHERE event_type IN ('EffectScheduled', 'TimerSet', 'ChildStarted', 'SignalAwaited', 'SideEffectRecorded', 'Completed')
		GROUP BY instance, workflow_id, data -> 'sequence' HAVING count(*) > 1},
	'every effect is heard of, once' => $ends_of->('EffectScheduled', "'EffectCompleted', 'EffectFailed'"),
	'as what it was' => q{SELECT data FROM c.seen WHERE event_type = 'EffectFailed' AND NOT data -> 'error' ->> 'message' = 'bad'},
	'every timer fires, once' => $ends_of->('TimerSet', "'TimerFired'"),
	'every wait times out, once' => $ends_of->('SignalAwaited', "'SignalTimedOut'"),
	'every child is heard of, once' => $ends_of->('ChildStarted', "'ChildEnded'"),
	'as completed' => q{SELECT data FROM c.seen WHERE event_type = 'ChildEnded' AND data ->> 'state' <> 'completed'},
	'every child has completed' => q{SELECT workflow_id, state FROM foreman.workflow_instance WHERE workflow_id LIKE 'part%' AND state <> 'c'},
	'no acknowledged signal is lost' => q{SELECT DISTINCT tag FROM c.acked EXCEPT SELECT tag FROM c.handled},
	'no signal is handled twice' => q{SELECT tag FROM c.handled GROUP BY 1 HAVING count(*) > 1},
	'none is left unhandled' => q{SELECT data -> 'input' ->> 'tag' FROM c.seen WHERE state = 'r' AND data -> 'input' ? 'tag' EXCEPT SELECT tag FROM c.handled},
	'signals of one sender keep their order' => q{SELECT * FROM (SELECT *, lag(n) OVER (PARTITION BY workflow_id, client ORDER BY instance, sequence) AS before FROM c.handled) o WHERE before > n},
	'a workflow that continues as new does so after 25 signals' => q{SELECT workflow_id, count(*) FROM c.handled JOIN foreman.workflow_instance i USING (instance, workflow_id) WHERE i.state = 'n' GROUP BY instance, workflow_id HAVING count(*) <> 25},
	'every effect in lane transaction is done once' => q{SELECT who FROM effects WHERE kind = 'effect' GROUP BY 1 HAVING count(*) > 1},
	'every completed effect is done' => q{SELECT e.effect FROM foreman.workflow_effect e WHERE e.kind <> 'bad' AND (e.state <> 'c' OR NOT EXISTS (SELECT FROM effects d WHERE d.job_id = e.job_id))});
is(value($node, 'postgres', $never{$_}), '', $_) for sort keys %never;
figure('workflows decided outside', value($node, 'postgres', q{SELECT (SELECT count(*) FROM foreman.workflow_instance) || ' workflows, ' || (SELECT count(*) FROM foreman.workflow_instance WHERE state = 'n') || ' continued as new, '
	|| (SELECT count(*) FROM foreman.workflow_event) || ' events, ' || (SELECT count(*) FROM c.handled) || ' signals, ' || (SELECT count(*) FROM foreman.workflow_effect) || ' effects, '
	|| (SELECT count(*) FROM c.seen WHERE event_type = 'TimerFired') || ' timers, ' || (SELECT count(*) FROM foreman.job_history WHERE kind = 'workflow-task:flow') || ' tasks'}));
log_is_clean($node);
$node->stop;
done_testing();
