# P2 and P3: executors are ended by kill -9 in the middle of handlers, under load, again and again. Each kill
# makes the server recover. Afterwards every completed job has left its effect exactly once, every job that a
# client was told of is in exactly one place, and nobody was charged an attempt for a crash.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $kills = $ENV{FOREMAN_TEST_KILLS} // 25;
my $seed = $ENV{FOREMAN_TEST_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("FOREMAN_TEST_SEED=$seed");

# The kills fall at random, so one job may be met by more of them than foreman.max_crashes allows by default; it
# would then rightly be discarded. That limit has its own test.
my $node = new_server('kill9', 'foreman.max_crashes' => 1000);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE TABLE acked (job_id int8);
	CREATE FUNCTION shaky(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.effects VALUES (j.job_id, j.kind, j.attempt);
		IF j.attempt = 1 THEN
			RAISE 'the first attempt fails';
		END IF;
	END $$;
	CREATE FUNCTION many(js foreman.job[]) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.effects SELECT job_id, kind, attempt FROM unnest(js);
		PERFORM pg_sleep(0.01);
	END $$;
	CREATE PROCEDURE steps(j foreman.job) LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(0.02);
		COMMIT;
		INSERT INTO public.effects VALUES (j.job_id, j.kind, j.attempt);
		COMMIT;
		PERFORM pg_sleep(0.02);
	END $$;
	SELECT foreman.register_handler('shaky', 'public.shaky', backoff_base => '10 ms', backoff_max => '20 ms'),
		foreman.register_handler('solo', 'public.nap', max_group => 1),
		foreman.register_handler('many', 'public.many', lane => 'batch'),
		foreman.register_handler('steps', 'public.steps', lane => 'procedure')});

# What one producer sends, each line a transaction; it prints the ids that it was told.
sub script
{
	my @lines;
	for my $i (1 .. 2000)
	{
		my $choice = rand;
		push @lines,
		    $choice < 0.60 ? q{SELECT foreman.enqueue('note');}
		  : $choice < 0.72 ? q{SELECT foreman.enqueue('nap', args => '{"s": 0.03}');}
		  : $choice < 0.74 ? q{SELECT foreman.enqueue('nap', args => '{"s": 0.12}', priority => -1);}
		  : $choice < 0.84 ? q{SELECT foreman.enqueue('solo', args => '{"s": 0.005}', queue => 'solos');}
		  : $choice < 0.90 ? q{SELECT foreman.enqueue('shaky');}
		  : $choice < 0.95 ? q{SELECT foreman.enqueue('many');}
		  : $choice < 0.97 ? q{SELECT foreman.enqueue('steps', priority => -1);}
		  :                  q{SELECT job_id FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[20]));};
		push @lines, q{BEGIN; SELECT foreman.enqueue('note', tags => '{rolled_back}') IS NULL; ROLLBACK;} if $i % 50 == 0;
		push @lines, q{SELECT pg_sleep(0.002);} if $i % 2 == 0;
	}
	return join("\n", @lines) . "\n";
}

my $dir = PostgreSQL::Test::Utils::tempdir;
my @acked;

sub start_producer
{
	append_to_file("$dir/script$_[0]", script());
	return IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$dir/script$_[0]" ],
		'<', \undef, '>', "$dir/acked$_[0]", '2>', "$dir/errors$_[0]");
}

sub end_producer
{
	my ($run, $round) = @_;
	eval { $run->finish; };
	# A crash may cut the last line short.
	push @acked, slurp_file("$dir/acked$round") =~ /^([0-9]+)\n/mg;
	return;
}

my ($done, $round, $slowest) = (0, 0, 0);
while ($done < $kills && $round < 3 * $kills)
{
	my $producer = start_producer(++$round);
	usleep(100_000 + int(rand(400_000)));
	my $pid = ask($node, 'postgres', 'SELECT pid FROM foreman.workers WHERE job_id IS NOT NULL ORDER BY random() LIMIT 1');
	usleep(int(rand(10_000)));
	if ($pid ne '')
	{
		$done += kill(9, $pid);
	}
	else
	{
		$producer->kill_kill;
	}
	end_producer($producer, $round);
	# The job may have ended before the kill: then nothing may be left to run.
	my $took = wait_for($node, 'postgres', q{SELECT EXISTS (SELECT FROM foreman.workers WHERE job_id IS NOT NULL OR state = 'idle')
		OR NOT EXISTS (SELECT FROM foreman.live_job)}, 30);
	last if !defined $took;
	$slowest = $took if $took > $slowest;
}
is($done, $kills, "$kills executors were killed in the middle of their work");
figure('kill -9 in the middle of a handler', $done);
figure('acknowledged jobs', scalar @acked);
figure('until a handler runs again, at most', sprintf '%.2f s', $slowest);
cmp_ok(scalar @acked, '>', 5 * $kills, 'there was load');

eventually($node, 'postgres', is_idle(), 60, 'everything comes to its end afterwards');

while (my @some = splice @acked, 0, 5000)
{
	$node->safe_psql('postgres', 'INSERT INTO acked VALUES ' . join(',', map { "($_)" } @some));
}

one_place_each($node, 'postgres', 'SELECT job_id FROM acked', 'P2: every acknowledged job is in exactly one place');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE 'rolled_back' = ANY (tags)}), '0',
	'P1: what was rolled back is nowhere');
is(value($node, 'postgres', q{
		SELECT count(*) FILTER (WHERE n IS NULL) || ' missing, ' || count(*) FILTER (WHERE n > 1) || ' doubled, '
			|| count(*) FILTER (WHERE state <> 'completed') || ' not completed'
		FROM (SELECT * FROM foreman.jobs WHERE kind <> 'steps') j
		LEFT JOIN (SELECT job_id, count(*) AS n FROM effects GROUP BY job_id) e USING (job_id)}),
	'0 missing, 0 doubled, 0 not completed', 'P3: exactly one effect for each completed job');
is(value($node, 'postgres', q{SELECT count(*) FROM effects LEFT JOIN foreman.jobs j USING (job_id) WHERE j.job_id IS NULL}),
	'0', 'P3: no effect without its job');
is(value($node, 'postgres', q{
		SELECT count(*) FROM foreman.jobs j WHERE kind = 'steps'
			AND (state <> 'completed' OR NOT EXISTS (SELECT FROM effects e WHERE e.job_id = j.job_id))}),
	'0', 'P4: lane procedure: at least one effect each');
is(value($node, 'postgres', q{SELECT DISTINCT kind || ' ' || attempt FROM foreman.jobs ORDER BY 1}),
	"many 1\nnap 1\nnote 1\nshaky 2\nsolo 1\nsteps 1", 'P8: no attempt was charged for a crash')
  or diag(value($node, 'postgres', q{
		SELECT DISTINCT kind, state, attempt, errors->-1->>'sqlstate', errors->-1->>'message' FROM foreman.jobs
		WHERE errors IS NOT NULL AND (kind <> 'shaky' OR attempt <> 2)}));
is(value($node, 'postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'no advisory lock is left');

SKIP:
{
	skip 'no amcheck here', 1
	  if value($node, 'postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'}) eq '0';
	is(value($node, 'postgres', q{
			SET client_min_messages = warning;
			CREATE EXTENSION amcheck;
			SELECT count(bt_index_check(i.indexrelid, true)::text) > 3
			FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
			WHERE c.relnamespace = 'foreman'::regnamespace AND a.amname = 'btree' AND c.relkind = 'i'}),
		't', 'the indexes agree with their tables');
}
log_is_clean($node);
$node->stop;
done_testing();
