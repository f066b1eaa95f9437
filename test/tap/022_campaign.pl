# P2, P3, P4, P8, P9: executors, dispatchers, the launcher, sessions of outside workers and those workers themselves
# are killed at random under load. Afterwards every job has exactly one terminal row, no effect is missing or doubled
# in lanes transaction and batch, and nothing was lost in the others. CAMPAIGN_SECONDS: how long (20; `make campaign`: 60).
# Broken by: effects that commit apart from their outcome; a dispatcher or a launcher that does not come back.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $seconds = $ENV{CAMPAIGN_SECONDS} // 20;
my $seed = $ENV{FOREMAN_TEST_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("FOREMAN_TEST_SEED=$seed");

# An executor that is ended by SIGTERM gives its job back; one that is killed crashes the server.
my $node = new_server('campaign', 'foreman.max_crashes' => 1000);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE TABLE acked (job_id int8);
	CREATE FUNCTION many(js foreman.job[]) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.effects SELECT job_id, kind, attempt FROM unnest(js);
		PERFORM pg_sleep(0.01);
	END $$;
	CREATE PROCEDURE steps(j foreman.job) LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(0.01);
		COMMIT;
		INSERT INTO public.effects VALUES (j.job_id, j.kind, j.attempt);
		COMMIT;
		PERFORM pg_sleep(0.01);
	END $$;
	SELECT foreman.create_queue('outside', backoff_base => '50 ms', backoff_max => '100 ms');
	SELECT foreman.register_handler('many', 'public.many', lane => 'batch', max_attempts => 1000),
		foreman.register_handler('steps', 'public.steps', lane => 'procedure', max_attempts => 1000)});

my $dir = PostgreSQL::Test::Utils::tempdir;
my @acked;
my ($round, %count) = (0);

# One transaction a line, so that every id that is printed is committed.
my @lines = map {
	my $choice = $_ % 20;
	($choice < 10 ? q{SELECT foreman.enqueue('note');}
	  : $choice < 13 ? q{SELECT foreman.enqueue('nap', args => '{"s": 0.05}');}
	  : $choice < 16 ? q{SELECT foreman.enqueue('many');}
	  : $choice < 17 ? q{SELECT foreman.enqueue('steps', priority => -1);}
	  :                q{SELECT foreman.enqueue('out', queue => 'outside', max_attempts => 1000);}) . "\nSELECT pg_sleep(0.005);"
} 1 .. 20_000;
append_to_file("$dir/producer", join("\n", @lines) . "\n");

# A worker completes what it claims in the transaction of the effect; some it forgets.
my $work = q{DO $$
	DECLARE
		j record;
	BEGIN
		FOR j IN SELECT * FROM foreman.claim('{outside}', 'w' || pg_backend_pid(), 5, lease => '1 s') LOOP
			CONTINUE WHEN random() < 0.1;
			INSERT INTO effects VALUES (j.job_id, j.kind, j.attempt);
			IF foreman.complete(j.job_id, j.token) <> 'completed' THEN
				RAISE 'lost';
			END IF;
		END LOOP;
	END $$;};
append_to_file("$dir/worker", "SET application_name = 'outside';\n" . "$work\nSELECT pg_sleep(0.01);\n" x 20_000);
# Another holds its lease between two transactions: where it dies there, the lease ends by itself.
my $steps = q{SELECT coalesce(max(job_id), 0) AS id, coalesce(max(token::text), '00000000-0000-0000-0000-000000000000') AS token
	FROM foreman.claim('{outside}', 'steps', lease => '1 s') \gset
SELECT pg_sleep(0.02);
WITH c AS MATERIALIZED (SELECT foreman.complete(:id, :'token') AS answer)
	INSERT INTO effects SELECT :id, 'out', 1 FROM c WHERE answer = 'completed';
};
append_to_file("$dir/stepper", "SET application_name = 'outside';\n" . $steps x 20_000);

sub start_client
{
	my ($file, $out) = @_;
	return IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$dir/$file" ],
		'<', \undef, '>', $out, '2>', "$dir/errors");
}

my ($producer, @workers);
sub start_clients
{
	$producer = start_client('producer', "$dir/acked" . ++$round) if !defined $producer;
	$workers[$_] //= start_client($_ == 2 ? 'stepper' : 'worker', "$dir/out$_") for 0 .. 2;
	return;
}

sub end_clients
{
	# Either may die of a broken pipe when the server has ended the client.
	eval { $producer->kill_kill } if defined $producer;
	eval { $producer->finish };
	undef $producer;
	push @acked, slurp_file("$dir/acked$round") =~ /^([0-9]+)\n/mg;
	for (@workers)
	{
		eval { $_->kill_kill } if defined $_;
	}
	@workers = ();
	return;
}

sub pick
{
	my ($sql) = @_;
	my ($rc, $pid) = eval { $node->psql('postgres', $sql, stderr => \my $err) };
	return defined $rc && $rc == 0 && $pid =~ /^[0-9]+$/ ? $pid : undef;
}

my %victim = (
	executor => q{SELECT pid FROM foreman.workers WHERE pid IS NOT NULL ORDER BY job_id IS NULL, random() LIMIT 1},
	dispatcher => q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' LIMIT 1},
	launcher => q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman launcher'},
	session => q{SELECT pid FROM pg_stat_activity WHERE application_name = 'outside' ORDER BY random() LIMIT 1});
# An outside worker itself is a process that the server does not know: its transaction and its leases stay behind.
my @kinds = (sort(keys %victim), 'worker');

my $until = time + $seconds;
my $slowest = 0;
my $back = 1;
while (time < $until)
{
	start_clients();
	usleep(150_000 + int(rand(350_000)));
	my $kind = $kinds[ int(rand(@kinds)) ];
	if ($kind eq 'worker')
	{
		my $i = int(rand(@workers));
		$workers[$i]->signal('KILL');
		eval { $workers[$i]->finish };
		undef $workers[$i];
		$count{'worker KILL'}++;
		next;
	}
	my $signal = rand() < 0.4 ? 'KILL' : 'TERM';
	my $pid = pick($victim{$kind});
	next if !defined $pid;
	$count{"$kind $signal"}++ if kill $signal, $pid;
	if ($signal eq 'KILL')
	{
		end_clients();
		my $took = wait_for($node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'}, 30);
		if (!defined $took)
		{
			$back = 0;
			last;
		}
		$slowest = $took if $took > $slowest;
	}
	elsif ($kind eq 'session')
	{
		# Which of them it was shows when it has gone; all are started again.
		eval { $_->kill_kill } for @workers;
		@workers = ();
	}
}
end_clients();
ok($back, 'the dispatcher comes back after every kill');
figure('killed and ended', join(', ', map { "$_: $count{$_}" } sort keys %count));
figure('acknowledged jobs', scalar @acked);
figure('until a dispatcher is back, at most', sprintf '%.2f s', $slowest);
cmp_ok(scalar @acked, '>', 10 * $seconds, 'there was load');
cmp_ok(scalar(grep { my $kind = $_; grep { /^$kind / } keys %count } @kinds), '==', 5, 'every kind of process was ended')
  if $seconds >= 60;

# The workers end what is left.
my $drain = time + 60;
until (value($node, 'postgres', is_idle()) eq 't' || time > $drain)
{
	$node->psql('postgres', $work, stderr => \my $err);
	usleep(50_000);
}
eventually($node, 'postgres', is_idle(), 1, 'everything comes to its end')
  or diag(value($node, 'postgres', 'SELECT kind, state, attempt, run_at, leased_until, errors->-1->>\'message\' FROM foreman.jobs WHERE finished_at IS NULL LIMIT 10'));

while (my @some = splice @acked, 0, 5000)
{
	$node->safe_psql('postgres', 'INSERT INTO acked VALUES ' . join(',', map { "($_)" } @some));
}
one_place_each($node, 'postgres', 'SELECT job_id FROM acked', 'P2: every acknowledged job has exactly one terminal row');
is(value($node, 'postgres', q{
		SELECT count(*) FILTER (WHERE n IS NULL) || ' missing, ' || count(*) FILTER (WHERE n > 1) || ' doubled, '
			|| count(*) FILTER (WHERE state <> 'completed') || ' not completed'
		FROM (SELECT * FROM foreman.jobs WHERE kind <> 'steps') j
		LEFT JOIN (SELECT job_id, count(*) AS n FROM effects GROUP BY job_id) e USING (job_id)}),
	'0 missing, 0 doubled, 0 not completed', 'P3: exactly one effect each, outside workers that complete in their transaction included');
is(value($node, 'postgres', q{SELECT count(*) FROM effects LEFT JOIN foreman.jobs j USING (job_id) WHERE j.job_id IS NULL}), '0',
	'P3: no effect without its job');
is(value($node, 'postgres', q{
		SELECT count(*) FROM foreman.jobs j WHERE kind = 'steps'
			AND (state <> 'completed' OR NOT EXISTS (SELECT FROM effects e WHERE e.job_id = j.job_id))}),
	'0', 'P4: lane procedure: at least one effect each');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE attempt > 1 AND kind IN ('note', 'nap', 'many')}), '0',
	'P8: no attempt was charged for a crash in lanes transaction and batch')
  or diag(value($node, 'postgres', q{
		SELECT DISTINCT kind, attempt, errors->-1->>'message' FROM foreman.jobs WHERE attempt > 1 AND kind IN ('note', 'nap', 'many')}));
log_is_clean($node);
$node->stop;
done_testing();
