# P9 and P8: the job that ran in the process that crashed the server is known after recovery, charged a crash
# and, after foreman.max_crashes of them, a dead letter that says so. Jobs that ran beside it, a shutdown, the
# death of the postmaster and an executor's own end charge as they should.
# Broken by: charging every slot that was running; a record that outlives the crash it tells of.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('recorder');
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE FUNCTION ends_itself(jsonb) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_terminate_backend(pg_backend_pid());
		PERFORM pg_sleep(10);
	END $$;
	CREATE PROCEDURE outside_group(j foreman.job) LANGUAGE plpgsql AS $$
	BEGIN
		COMMIT;
		PERFORM pg_sleep((j.args->>'s')::float8);
		COMMIT;
	END $$;
	SELECT foreman.register_handler('suicide', 'public.ends_itself', max_attempts => 2, backoff_base => '10 ms', backoff_max => '10 ms'),
		foreman.register_handler('steps', 'public.outside_group', lane => 'procedure'),
		foreman.register_handler('solo', 'public.nap', max_group => 1)});

sub enqueue
{
	my ($kind, $seconds) = @_;
	return value($node, 'postgres', qq{SELECT foreman.enqueue('$kind', args => '{"s": $seconds}')});
}

sub state_of
{
	my ($id) = @_;
	return value($node, 'postgres', qq{
		SELECT concat_ws(' ', state, attempt, (SELECT crashes FROM foreman.live_job l WHERE l.job_id = j.job_id))
		FROM foreman.jobs j WHERE job_id = $id});
}

sub runs
{
	my ($id, $deadline, $what) = @_;
	return eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", $deadline, $what);
}

# Four executors are busy with these.
sub busy
{
	my @ids = @_;
	runs($_, 15, "job $_ runs") for @ids;
	return;
}

sub kill_worker_of
{
	my ($id) = @_;
	my $pid = value($node, 'postgres', "SELECT pid FROM foreman.workers WHERE job_id = $id");
	return kill 9, $pid;
}

sub crashes
{
	my ($ids) = @_;
	return value($node, 'postgres', "SELECT coalesce(string_agg(crashes::text, ' ' ORDER BY job_id), 'none') FROM foreman.live_job WHERE job_id IN ($ids)");
}

for my $kind (qw(solo steps))
{
	subtest "kill -9 of one executor among several busy ones, kind $kind" => sub {
		my $culprit = enqueue($kind, 60);
		my @innocent = (enqueue('solo', 60), enqueue('steps', 60));
		busy($culprit, @innocent);
		my $from = log_position($node);
		is(kill_worker_of($culprit), 1, 'the executor is killed');
		eventually($node, 'postgres', "SELECT crashes = 1 FROM foreman.live_job WHERE job_id = $culprit", 15, 'its job is charged a crash');
		busy($culprit, @innocent);
		is(crashes(join ',', @innocent), '0 0', 'the others are not');
		is(log_count($node, "job $culprit .*was running in the process that crashed the server \\(crash 1 of 2\\)", $from), 1, 'the log names it');
		is(log_count($node, 'was running in the process that crashed', $from), 1, 'and no other');
		is(value($node, 'postgres', "SELECT attempt FROM foreman.live_job WHERE job_id = $culprit"), '0', 'no attempt is charged');

		is(kill_worker_of($culprit), 1, 'killed again');
		eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.dead_letter WHERE job_id = $culprit", 15, 'the second crash makes it a dead letter');
		like(value($node, 'postgres', "SELECT reason FROM foreman.jobs WHERE job_id = $culprit"),
			qr/the server crashed while this job was running \(crash 2 of 2\)/, 'which says why');
		busy(@innocent);
		is(crashes(join ',', @innocent), '0 0', 'the others are as they were');
		$node->safe_psql('postgres', "SELECT foreman.cancel(job_id) FROM foreman.live_job");
		eventually($node, 'postgres', is_idle(), 10, 'the others are cancelled');
	};
}

# A handler that kills its own process in the middle of a group of thirty. The others of the group are not charged, run
# again and have one effect each. Nobody knows which job of one call of a batch handler it was: they run alone next.
for my $lane (qw(transaction batch))
{
	subtest "a crash in the middle of a group, lane $lane" => sub {
		my $shape = $lane eq 'batch' ? 'js foreman.job[]' : 'j foreman.job';
		my $from_jobs = $lane eq 'batch' ? 'unnest(js) j' : '(SELECT (j).*) j';
		$node->safe_psql('postgres', qq{
			CREATE TABLE IF NOT EXISTS dust (t text);
			CREATE FUNCTION killer_$lane($shape) RETURNS void LANGUAGE plpgsql AS \$\$
			BEGIN
				INSERT INTO public.effects SELECT job_id, kind, attempt FROM $from_jobs;
				IF EXISTS (SELECT FROM $from_jobs WHERE args ? 'kill') THEN
					COPY public.dust FROM PROGRAM 'kill -9 \$PPID; sleep 5';
				END IF;
			END \$\$;
			SELECT foreman.register_handler('killer_$lane', 'public.killer_$lane', lane => '$lane');
			SELECT foreman.stop()});
		my @ids = split /\n/, value($node, 'postgres', qq{
			SELECT job_id FROM foreman.enqueue_many((SELECT jsonb_agg(jsonb_build_object('kind', 'killer_$lane', 'args',
				CASE WHEN i = 15 THEN '{"kill": 1}' ELSE '{}' END::jsonb) ORDER BY i) FROM generate_series(1, 30) i)) ORDER BY ordinal});
		my $culprit = $ids[14];
		my $from = log_position($node);
		$node->safe_psql('postgres', 'SELECT foreman.start()');
		eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.dead_letter WHERE job_id = $culprit", 30, 'the culprit becomes a dead letter');
		is(value($node, 'postgres', "SELECT reason FROM foreman.jobs WHERE job_id = $culprit"),
			'the server crashed while this job was running (crash 2 of 2)', 'for its second crash');
		eventually($node, 'postgres', "SELECT count(*) = 29 FROM foreman.jobs WHERE kind = 'killer_$lane' AND state = 'completed'", 20, 'the others complete');
		is(value($node, 'postgres', "SELECT DISTINCT attempt || ' ' || coalesce(errors::text, 'no errors') FROM foreman.jobs WHERE kind = 'killer_$lane' AND state = 'completed'"),
			'1 no errors', 'in their first attempt, accused of nothing');
		is(value($node, 'postgres', "SELECT count(*) || ' ' || count(DISTINCT job_id) FROM effects WHERE kind = 'killer_$lane'"), '29 29', 'with one effect each');
		is(log_count($node, "job $culprit .*was running in the process that crashed the server", $from), 2, 'the log names the culprit twice');
		is(log_count($node, "job [0-9]+ .*was running in the process that crashed the server", $from), 2, 'and nobody else');
		# On a busy machine the culprit may have been claimed alone.
		cmp_ok(log_count($node, "a batch of [0-9]+ jobs, from [0-9]+ on, was running in the process", $from), '<=', $lane eq 'batch' ? 1 : 0,
			'a batch that crashed is taken apart, once');
	};
}

subtest 'crashes of others, shutdowns and the end of the postmaster charge nobody' => sub {
	my @ids = (enqueue('solo', 60), enqueue('steps', 60), enqueue('nap', 60));
	my $all = join ',', @ids;
	busy(@ids);
	my $from = log_position($node);
	my ($session) = split /\n/, value($node, 'postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
	kill 9, $session;
	eventually($node, 'postgres', "SELECT pg_postmaster_start_time() IS NOT NULL AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $session)", 15, 'another process crashed the server');
	busy(@ids);
	is(crashes($all), '0 0 0', 'a crash elsewhere');

	$node->stop('immediate');
	$node->start;
	busy(@ids);
	is(crashes($all), '0 0 0', 'an immediate shutdown');

	# All processes: who is still attached to the shared memory forbids the start.
	my @ours = split /\n/, value($node, 'postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	$node->kill9;
	my $tries = 0;
	while ((grep { kill 0, $_ } @ours) && $tries++ < 600)
	{
		usleep(50_000);
	}
	ok(!(grep { kill 0, $_ } @ours), 'all leave when the postmaster is killed');
	$node->start;
	busy(@ids);
	is(crashes($all), '0 0 0', 'a kill -9 of the postmaster');

	$node->restart;
	busy(@ids);
	is(crashes($all), '0 0 0', 'a restart');
	is(value($node, 'postgres', "SELECT sum(attempt) FROM foreman.live_job WHERE job_id IN ($all)"), '0', 'no attempt is charged either');
	is(log_count($node, 'was running in the process that crashed', $from), 0, 'the log accuses nobody');
	$node->safe_psql('postgres', "SELECT foreman.cancel(job_id) FROM foreman.live_job");
	eventually($node, 'postgres', is_idle(), 10, 'they are cancelled');
};

subtest 'a handler that ends its own backend has failed' => sub {
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('suicide')});
	eventually($node, 'postgres', "SELECT state = 'discarded' FROM foreman.jobs WHERE job_id = $id", 15, 'it is discarded after its attempts');
	is(value($node, 'postgres', "SELECT attempt FROM foreman.jobs WHERE job_id = $id"), '2', 'each was charged');
	like(value($node, 'postgres', "SELECT errors->-1->>'message' FROM foreman.jobs WHERE job_id = $id"),
		qr/ended its session|terminating/, 'and says why');
};

log_is_clean($node);
$node->stop;
done_testing();
