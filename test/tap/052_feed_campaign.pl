# The feed under load and kills: sessions append, sleep for a random while, and commit or roll back; readers ask for more
# without a pause, and projections follow, of one event and of arrays. A transaction that appends nothing, and one that
# keeps its snapshot, are open for the whole time. Executors, the dispatcher and appenders are killed, and the server
# crashes. Every reader sees every committed event once, in the order of positions, and none falls behind because of the
# open transactions. CAMPAIGN_SECONDS: how long (15; `make campaign`: 60).
# Broken by: a reader that goes by the greatest position it sees, or by the oldest transaction of the server.
# What others live with: https://github.com/JasperFx/marten/issues/1629, https://github.com/JasperFx/marten/issues/5108
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $seconds = $ENV{CAMPAIGN_SECONDS} // 15;
my $seed = $ENV{FOREMAN_TEST_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("FOREMAN_TEST_SEED=$seed");

my $node = new_server('feed_campaign', 'foreman.max_crashes' => 1000);
$node->start;
install($node, 'postgres');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', '../lib/workflows.sql' ], 'helpers');
$node->safe_psql('postgres', q{
	CREATE SCHEMA c;
	CREATE UNLOGGED TABLE c.stop (x int);
	CREATE TABLE c.got (n int8 GENERATED ALWAYS AS IDENTITY, reader text, position int8, instance text, sequence int8, lag interval);
	-- Appends some events, sleeps in between, and goes either way.
	CREATE PROCEDURE c.append(seed float8) LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM setseed(seed);
		LOOP
			FOR i IN 1 .. 1 + (random() * 3)::int LOOP
				PERFORM foreman.execute('order', 'o' || (random() * 200)::int, jsonb_build_object('do', 'E' || i));
				IF random() < 0.3 THEN
					PERFORM pg_sleep(random() * random() * 0.05);
				END IF;
			END LOOP;
			IF random() < 0.3 THEN
				ROLLBACK;
			ELSE
				COMMIT;
			END IF;
			EXIT WHEN EXISTS (SELECT FROM c.stop);
		END LOOP;
	END $$;
	-- Reads as fast as it can, and keeps its place with what it got.
	CREATE PROCEDURE c.follow(name text, member int DEFAULT 0, members int DEFAULT 1) LANGUAGE plpgsql AS $$
	DECLARE
		place int8 := coalesce((SELECT max(position) FROM c.got WHERE reader = name), 0);
		last int8;
	BEGIN
		LOOP
			WITH r AS MATERIALIZED (SELECT * FROM foreman.read_feed(after_position => place, member => follow.member, members => follow.members)),
				i AS (INSERT INTO c.got (reader, position, instance, sequence, lag) SELECT name, position, workflow_id, sequence, clock_timestamp() - recorded_at FROM r ORDER BY position)
			SELECT max(position) INTO last FROM r;
			place := coalesce(last, place);
			COMMIT;
			EXIT WHEN last IS NULL AND EXISTS (SELECT FROM c.stop WHERE x = 2);
		END LOOP;
	END $$;
	CREATE FUNCTION c.project(e foreman.event) RETURNS void LANGUAGE sql AS $$
		INSERT INTO c.got (reader, position, instance, sequence, lag) VALUES ('one', e.position, e.workflow_id, e.sequence, clock_timestamp() - e.recorded_at) $$;
	CREATE FUNCTION c.project(e foreman.event[]) RETURNS void LANGUAGE sql AS $$
		INSERT INTO c.got (reader, position, instance, sequence, lag) SELECT 'many', x.position, x.workflow_id, x.sequence, clock_timestamp() - x.recorded_at
			FROM unnest(e) WITH ORDINALITY AS x ORDER BY x.ordinality $$;
	SELECT foreman.create_projection('one', 'c.project(foreman.event)'), foreman.create_projection('many', 'c.project(foreman.event[])', batch => 50);
	CREATE FUNCTION c.rebuilt(e foreman.event) RETURNS void LANGUAGE sql AS $$ INSERT INTO c.got (reader, position, instance, sequence) VALUES ('rebuilt', e.position, e.workflow_id, e.sequence) $$;
});

my @appenders = map { "CALL c.append(" . rand() . ")" } 1 .. 4;
my @readers = ("CALL c.follow('poll')", "CALL c.follow('first', 0, 2)", "CALL c.follow('second', 1, 2)");
# Nobody of these appends.
my @foreign = ('BEGIN; CREATE TEMP TABLE t (x int); SELECT pg_sleep(10000);', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM c.got; SELECT pg_sleep(10000);');
my %session;

sub start_sessions
{
	for my $sql (@appenders, @readers, @foreign)
	{
		if (defined $session{$sql})
		{
			next if $session{$sql}->pumpable;
			eval { $session{$sql}->finish };
		}
		$session{$sql} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $_ ], '<', \undef, '>', '/dev/null', '2>', '/dev/null')
		  for $sql;
	}
	return;
}

sub end_sessions
{
	for my $run (values %session)
	{
		eval { $run->kill_kill };
		eval { $run->finish };
	}
	%session = ();
	# A CALL that sends nothing does not notice that its client is gone.
	my $gone = q{SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity WHERE query LIKE 'CALL c.%'};
	defined wait_for($node, 'postgres', $gone, 60) or die 'sessions of the campaign do not end';
	return;
}

# The first third of the time in peace, for the lag.
my $began = time;
start_sessions();
usleep(1_000_000 * $seconds / 3);
my $appended = value($node, 'postgres', 'SELECT count(*) FROM foreman.workflow_event');
my $lag = value($node, 'postgres', q{SELECT round(extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY lag))::numeric, 3) || ' ' || round(extract(epoch FROM max(lag))::numeric, 3)
	|| ' ' || count(*) FROM c.got WHERE lag IS NOT NULL});
my ($median, $most, $count) = split / /, $lag;
diag("in peace: $appended events in " . sprintf('%.1f', time - $began) . " s, $count seen, lag median $median s, most $most s");
cmp_ok($appended, '>', 20 * $seconds / 3, 'there was load');
# As long as the appenders' own transactions take, on a busy machine; with the foreign ones waited for it were all of the time,
# and nothing were seen.
cmp_ok($count // 0, '>', 0, 'events are seen');
cmp_ok($median, '<', 2, 'nobody waits for transactions that append nothing');

my %victim = (
	executor => q{SELECT pid FROM foreman.workers WHERE pid IS NOT NULL ORDER BY job_id IS NULL, random() LIMIT 1},
	dispatcher => q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' LIMIT 1},
	appender => q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL c.append%' ORDER BY random() LIMIT 1},
	reader => q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL c.follow%' ORDER BY random() LIMIT 1});
my @kinds = qw(executor executor appender reader dispatcher server);
my %killed;
my $until = $began + $seconds;
my $back = 1;
my $rebuilt = 0;
while (time < $until && $back)
{
	start_sessions();
	usleep(200_000 + int(rand(500_000)));
	if (!$rebuilt++)
	{
		$node->safe_psql('postgres', q{SELECT foreman.rebuild_projection('one', 'c.rebuilt')});
	}
	my $kind = $kinds[ int(rand(@kinds)) ];
	my $gone = 0;
	if ($kind eq 'server')
	{
		next if rand() < 0.5;
		$killed{'server crash'}++;
		$node->stop('immediate');
		$node->start;
		end_sessions();
	}
	else
	{
		my $pid = ask($node, 'postgres', $victim{$kind});
		next if $pid !~ /^[0-9]+$/;
		# -9 of any of them restarts the server; TERM ends the one.
		my $signal = rand() < 0.5 ? 'KILL' : 'TERM';
		if (kill $signal, $pid)
		{
			$killed{"$kind $signal"}++;
			$gone = $pid if $signal eq 'KILL';
		}
		end_sessions() if $signal eq 'KILL';
	}
	# Until the server has noticed the end of a process, it shows it, and the dispatcher of before.
	$back = defined wait_for($node, 'postgres', qq{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $gone)
		AND EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher')}, 60);
}
ok($back, 'the dispatcher comes back after every kill');
diag(join ', ', map { "$_: $killed{$_}" } sort keys %killed);

end_sessions();
start_sessions();
$node->safe_psql('postgres', 'INSERT INTO c.stop VALUES (1)');
for my $sql (@appenders)
{
	ok(eval { $session{$sql}->finish; 1 }, "$sql comes to its end");
}
$node->safe_psql('postgres', 'INSERT INTO c.stop VALUES (2)');
for my $sql (@readers)
{
	ok(eval { $session{$sql}->finish; 1 }, "$sql comes to its end");
}
eventually($node, 'postgres', q{SELECT bool_and(state = 'running' AND behind_events = 0) AND count(*) = 2 FROM foreman.projections}, 60, 'projections catch up, and the rebuild is done')
  or diag(value($node, 'postgres', 'SELECT foreman.feed_position(), name, state, position, behind_events, error FROM foreman.projections'));
end_sessions();

$node->safe_psql('postgres', q{
	UPDATE c.got SET reader = 'group' WHERE reader IN ('first', 'second');
	CREATE INDEX ON c.got (reader, position);
	ANALYZE c.got});
figure('events that were read once by each reader', value($node, 'postgres', q{SELECT (SELECT count(*) FROM foreman.workflow_event) || ' events, ' || (SELECT max(position) FROM foreman.workflow_event) || ' positions'}));
for my $reader (qw(poll group many rebuilt))
{
	is(value($node, 'postgres', qq{SELECT count(*) FROM (SELECT position FROM foreman.workflow_event EXCEPT SELECT position FROM c.got WHERE reader = '$reader') x}), '0', "$reader skips no event");
	is(value($node, 'postgres', qq{SELECT count(*) - count(DISTINCT position) FROM c.got WHERE reader = '$reader'}), '0', "$reader sees none twice");
	is(value($node, 'postgres', qq{SELECT count(*) FROM (SELECT position FROM c.got WHERE reader = '$reader' EXCEPT SELECT position FROM foreman.workflow_event) x}), '0', "$reader sees none that is not there");
	next if $reader eq 'group';
	is(value($node, 'postgres', qq{SELECT count(*) FROM (SELECT position, lag(position) OVER (ORDER BY n) AS before FROM c.got WHERE reader = '$reader') x WHERE position < before}), '0', "$reader sees them in order");
}
is(value($node, 'postgres', q{SELECT count(*) FROM (SELECT sequence, lag(sequence) OVER (PARTITION BY instance ORDER BY n) AS before FROM c.got WHERE reader = 'group') x WHERE sequence <> coalesce(before, 0) + 1}),
	'0', 'members of a group see the events of a workflow in order');
is(value($node, 'postgres', q{SELECT count(*) FROM (SELECT position FROM c.got WHERE reader = 'one' EXCEPT SELECT position FROM c.got WHERE reader = 'rebuilt') x}), '0', 'what the old handler saw, the new one saw, too');
is(value($node, 'postgres', q{SELECT count(*) FROM w.broken()}), '0', 'no invariant is broken');
log_is_clean($node);
$node->stop;
done_testing();
