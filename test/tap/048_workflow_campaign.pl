# Workflows under random kills: executors, dispatchers and sessions that feed workflows are killed, and the server itself
# crashes, while orders ask for effects, timers, signals and children. Afterwards no event is lost, doubled or out of
# sequence, no input is lost or handled twice, no timer is lost, and no workflow is stuck. CAMPAIGN_SECONDS: how long
# (15; `make campaign`: 60).
# Broken by: an input that is handled apart from what it leads to; an end of a job that its workflow does not hear of.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;
use ForemanCampaign;

my $seconds = $ENV{CAMPAIGN_SECONDS} // 15;
my $seed = $ENV{FOREMAN_TEST_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("FOREMAN_TEST_SEED=$seed");

my $node = new_server('workflow_campaign', 'foreman.max_crashes' => 1000);
$node->start;
install($node, 'postgres');
install_campaign($node);
# Every event has its input as data. What an input asks for follows from its number n, so that the end can be counted.
$node->safe_psql('postgres', q{
	CREATE FUNCTION c.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE
		tag text := input ->> 'tag';
		n int := input -> 'n';
		begins bool := state = '{}';
		d jsonb := jsonb_build_object('events', jsonb_build_array(jsonb_build_object('type', coalesce(input ->> 'type', 'in'), 'data', input)));
		effects jsonb := '[]';
		timers jsonb := '[]';
	BEGIN
		IF begins THEN
			effects := '[{"kind": "effect", "key": "pay", "on_result": "result"}]';
			timers := '[{"key": "due", "after": "200 ms", "input": {"type": "fired", "timer": "due"}}]';
			d := d || jsonb_build_object('children', jsonb_build_array(jsonb_build_object('workflow_type', 'part', 'workflow_id', format('part of %s %s', input ->> 'type', tag), 'on_end', 'part ended')));
		END IF;
		IF n % 3 = 0 THEN
			effects := effects || jsonb_build_object('kind', CASE WHEN n % 7 = 0 THEN 'bad' WHEN n % 2 = 0 THEN 'steps' ELSE 'effect' END,
				'key', tag, 'on_result', 'result', 'on_failure', 'failure', 'args', input);
		END IF;
		IF n % 5 = 0 THEN
			timers := timers || jsonb_build_object('key', tag, 'after', '100 ms', 'input', jsonb_build_object('type', 'fired', 'timer', tag));
		END IF;
		IF n % 4 = 0 THEN
			d := d || jsonb_build_object('signals', jsonb_build_array(jsonb_build_object('workflow_type', 'campaign', 'workflow_id', 'o' || n % 37,
				'input', jsonb_build_object('type', 'poke', 'tag', tag))));
		END IF;
		RETURN d || jsonb_build_object('effects', effects, 'timers', timers);
	END $$;
	CREATE FUNCTION c.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $$
		SELECT jsonb_build_object('n', coalesce((state -> 'n')::int, 0) + 1, 'last', event -> 'type') $$;
	CREATE FUNCTION c.part(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
		SELECT CASE WHEN input ->> 'type' = 'result' THEN '{"events": [{"type": "End"}]}'::jsonb
			ELSE '{"events": [{"type": "Begun"}], "effects": [{"kind": "effect", "key": "part", "on_result": "result"}]}' END $$;
	CREATE FUNCTION c.ended(state jsonb) RETURNS bool LANGUAGE sql AS $$ SELECT state ->> 'last' = 'End' $$;
	SELECT foreman.create_workflow_type('campaign', 'c.decide', 'c.evolve', snapshot_every => 5),
		foreman.create_workflow_type('part', 'c.part', 'c.evolve', 'c.ended');
	CREATE TABLE c.acked (tag text);
	CREATE VIEW c.events AS SELECT i.workflow_id, e.sequence, e.event_type, e.data, coalesce(e.data ->> 'effect', e.data ->> 'timer', e.data ->> 'tag') AS name
		FROM foreman.workflow_event e JOIN foreman.workflow_instance i USING (instance) WHERE i.workflow_type = 'campaign'});

my $line = 0;
# One transaction a line, so that every tag that is printed is committed. Some inputs come twice, under one input_id.
sub lines_of
{
	my ($client) = @_;
	my @lines;
	for (1 .. 5000)
	{
		my $n = ++$line;
		my $tag = "$client.$n";
		my $input = qq({"tag": "$tag", "n": $n});
		my $id = 'o' . int(rand(37));
		push @lines, rand() < 0.5
		  ? "SELECT '$tag' FROM foreman.execute('campaign', '$id', '$input', input_id => '$tag');"
		  : "SELECT '$tag' FROM foreman.signal_workflow('campaign', '$id', '$input', input_id => '$tag');";
		push @lines, $lines[-1] if rand() < 0.1;
		push @lines, 'SELECT pg_sleep(0.02);';
	}
	return @lines;
}

my $campaign = ForemanCampaign->new(
	$node,
	clients => [ map { my $i = $_; sub { lines_of($i) } } 0 .. 2 ],
	victims => {
		executor => q{SELECT pid FROM foreman.workers WHERE pid IS NOT NULL ORDER BY job_id IS NULL, random() LIMIT 1},
		dispatcher => q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' LIMIT 1},
		session => q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT ''%campaign%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1} },
	kinds => [qw(executor executor executor session dispatcher server)]);
$campaign->run($seconds);
cmp_ok(scalar @{ $campaign->{printed} }, '>', 5 * $seconds, 'there was load');

eventually($node, 'postgres', is_idle(), 180, 'everything comes to its end')
  or diag(value($node, 'postgres', q{SELECT kind, state, attempt, run_at, args, errors->-1->>'message' FROM foreman.jobs WHERE finished_at IS NULL LIMIT 10}));
$campaign->store_printed('c.acked');
$node->safe_psql('postgres', 'CREATE TABLE c.seen AS SELECT * FROM c.events; CREATE INDEX ON c.seen (name, event_type); ANALYZE');
my %never = (
	'no invariant is broken' => 'SELECT w.broken()',
	'no input waits or is dead' => q{SELECT input, state FROM foreman.workflow_input WHERE state IN ('p', 'd')},
	'no acknowledged input is lost' => q{SELECT DISTINCT tag FROM c.acked EXCEPT SELECT data ->> 'tag' FROM c.seen WHERE event_type = 'in'},
	'no input is handled twice' => q{SELECT data ->> 'tag' FROM c.seen WHERE event_type = 'in' GROUP BY 1 HAVING count(*) > 1},
	'every effect is heard of, once' => q{SELECT s.workflow_id, s.data FROM c.seen s WHERE event_type = 'in' AND (data -> 'n')::int % 3 = 0
		AND (SELECT count(*) FROM c.seen r WHERE r.workflow_id = s.workflow_id AND r.event_type IN ('result', 'failure') AND r.name = s.name) <> 1},
	'as what it was' => q{SELECT data FROM c.seen WHERE event_type = 'failure' AND NOT data -> 'error' ->> 'message' = 'bad'},
	'every timer fires, once' => q{SELECT s.workflow_id, s.data FROM c.seen s WHERE event_type = 'in' AND (data -> 'n')::int % 5 = 0
		AND (SELECT count(*) FROM c.seen r WHERE r.workflow_id = s.workflow_id AND r.event_type = 'fired' AND r.name = s.name) <> 1},
	'every signal arrives, once' => q{SELECT s.workflow_id, s.data FROM c.seen s WHERE event_type = 'in' AND (data -> 'n')::int % 4 = 0
		AND (SELECT count(*) FROM c.seen r WHERE r.event_type = 'poke' AND r.name = s.name) <> 1},
	'every workflow has paid, its time has come, and its part has ended, once' => q{SELECT workflow_id FROM c.seen GROUP BY 1
		HAVING count(*) FILTER (WHERE event_type = 'result' AND data ->> 'effect' = 'pay') <> 1 OR count(*) FILTER (WHERE event_type = 'fired' AND data ->> 'timer' = 'due') <> 1
			OR count(*) FILTER (WHERE event_type = 'part ended' AND data ->> 'state' = 'completed') <> 1},
	'every effect in lane transaction is done once' => q{SELECT who FROM effects WHERE kind = 'effect' GROUP BY 1 HAVING count(*) > 1},
	'every completed effect is done' => q{SELECT e.effect FROM foreman.workflow_effect e WHERE e.kind <> 'bad' AND (e.state <> 'c' OR NOT EXISTS (SELECT FROM effects d WHERE d.job_id = e.job_id))},
	'snapshots are what the events say' => q{SELECT i.instance FROM foreman.workflow_instance i WHERE i.folded -> 'n' <> to_jsonb(i.folded_sequence)},
	'signals of one sender keep their order' => q{SELECT data FROM (SELECT data, sequence, lag(sequence) OVER (PARTITION BY s.workflow_id, split_part(data ->> 'tag', '.', 1)
		ORDER BY (data -> 'n')::int) AS before FROM c.seen s JOIN foreman.workflow_input i ON i.input_id = data ->> 'tag' AND i.source = 's' WHERE event_type = 'in') o WHERE before > sequence});
is(value($node, 'postgres', $never{$_}), '', $_) for sort keys %never;
figure('workflows decided inside', value($node, 'postgres', q{SELECT (SELECT count(*) FROM foreman.workflow_instance) || ' workflows, ' || (SELECT count(*) FROM foreman.workflow_event) || ' events, '
	|| (SELECT count(*) FROM foreman.workflow_effect) || ' effects, ' || (SELECT count(*) FROM c.seen WHERE event_type = 'fired') || ' timers, '
	|| (SELECT count(*) FROM c.seen WHERE event_type = 'poke') || ' signals of workflows'}));
log_is_clean($node);
$node->stop;
done_testing();
