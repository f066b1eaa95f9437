# P13: a shutdown takes no longer than foreman.shutdown_grace, workers run on a primary only and start by
# themselves after promotion. P8: neither charges an attempt.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('primary', init => { allows_streaming => 1 }, 'foreman.shutdown_grace' => "'3s'");
$node->start;
install($node, 'postgres');

sub running
{
	my ($seconds) = @_;
	my $id = value($node, 'postgres', qq{SELECT foreman.enqueue('nap', args => '{"s": $seconds}', max_attempts => 1)});
	# A short one may have ended when it is looked at.
	eventually($node, 'postgres', "SELECT state IN ('running', 'completed') FROM foreman.jobs WHERE job_id = $id", 5, 'a handler runs');
	return $id;
}

sub stop_and_start
{
	my $started = time;
	$node->stop('fast');
	my $took = time - $started;
	$node->start;
	return $took;
}

# The shutdown takes no longer than that. One moment in which the machine is busy with something else makes it slower: then it
# is tried again, twice, after the work was made anew.
sub stops_within
{
	my ($limit, $again) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $took;
	for my $try (1 .. 3)
	{
		$took = stop_and_start();
		last if $took < $limit || $try == 3;
		$again->();
	}
	return cmp_ok($took, '<', $limit, sprintf 'the shutdown took %.2f s', $took);
}

# How many processes run this command; those that end meanwhile cannot be read.
sub programs
{
	my $command = join '', map { "$_\0" } @_;
	my $found = 0;
	for my $process (glob '/proc/[0-9]*/cmdline')
	{
		open(my $file, '<', $process) or next;
		my $line = do { local $/ = undef; <$file> };
		$found++ if defined $line && $line eq $command;
	}
	return $found;
}

subtest 'idle' => sub {
	stops_within(2, sub { });
};

subtest 'a handler that ends within the grace completes' => sub {
	my $id = running(1);
	stops_within(3, sub { $id = running(1) });
	is(value($node, 'postgres', "SELECT state || ' ' || attempt FROM foreman.jobs WHERE job_id = $id"), 'completed 1', 'it completed');
	is(value($node, 'postgres', "SELECT count(*) FROM effects WHERE job_id = $id"), '1', 'once');
};

subtest 'a handler that does not is interrupted, uncharged' => sub {
	my $id = running(30);
	my $started = time;
	stops_within(3 + 1.5, sub { eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 10, 'it runs once more'); $started = time });
	cmp_ok(time - $started, '>', 1.5, 'it had its grace');
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id AND attempt = 1", 5, 'it runs again at its first attempt');
	$node->safe_psql('postgres', "SELECT foreman.cancel($id)");
	eventually($node, 'postgres', is_idle(), 5, 'and is cancelled');
};

subtest 'a handler that swallows its interrupts' => sub {
	$node->safe_psql('postgres', q{
		CREATE FUNCTION swallow(jsonb) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			t timestamptz := clock_timestamp();
		BEGIN
			WHILE clock_timestamp() < t + '60 s' LOOP
				BEGIN
					PERFORM pg_sleep(10);
				EXCEPTION WHEN query_canceled OR OTHERS THEN NULL;
				END;
			END LOOP;
		END $$;
		SELECT foreman.register_handler('swallow', 'public.swallow', max_attempts => 1)});
	settings($node, 'foreman.cancel_grace' => "'1s'");
	$node->reload;
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('swallow')});
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 5, 'it runs');
	stops_within(3 + 1.5, sub { eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 10, 'it runs once more') });
	eventually($node, 'postgres', "SELECT state = 'running' AND attempt = 1 FROM foreman.jobs WHERE job_id = $id", 5, 'its job is due again, uncharged');
	my $asked = time;
	$node->safe_psql('postgres', "SELECT foreman.cancel($id)");
	eventually($node, 'postgres', "SELECT state = 'cancelled' FROM foreman.jobs WHERE job_id = $id", 5, 'a cancel ends it after cancel_grace');
};

subtest 'lane procedure: interrupted by a shutdown, uncharged' => sub {
	$node->safe_psql('postgres', q{
		CREATE PROCEDURE steps(j foreman.job) LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO public.effects VALUES (j.job_id, 'steps', j.attempt);
			COMMIT;
			IF (SELECT count(*) FROM public.effects e WHERE e.job_id = j.job_id) = 1 THEN
				PERFORM pg_sleep(30);
			END IF;
		END $$;
		SELECT foreman.register_handler('steps', 'public.steps', lane => 'procedure', max_attempts => 1)});
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('steps')});
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 5, 'it runs');
	# It sleeps only once, so that this cannot be tried again; a handler that nobody interrupts takes 30 s.
	my $took = stop_and_start();
	cmp_ok($took, '<', 3 + 6, sprintf 'the shutdown took %.2f s', $took);
	eventually($node, 'postgres', "SELECT state = 'completed' AND attempt = 1 FROM foreman.jobs WHERE job_id = $id", 5, 'it ran again, uncharged');
	is(value($node, 'postgres', "SELECT count(*) FROM effects WHERE job_id = $id"), '2', 'having started twice');
};

# https://github.com/laurenz/oracle_fdw/issues/194: what a handler started ends with it, and the error that it gets for that is
# not its own.
subtest 'a handler that waits for a program, uncharged' => sub {
	$node->safe_psql('postgres', q{
		CREATE TABLE lines (t text);
		CREATE FUNCTION program(jsonb) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			COPY public.lines FROM PROGRAM 'exec sleep 47.5';
		END $$;
		SELECT foreman.register_handler('program', 'public.program', max_attempts => 1)});
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('program')});
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 5, 'it runs');
	my $tries = 0;
	usleep(50_000) while programs('sleep', '47.5') != 1 && $tries++ < 200;
	is(programs('sleep', '47.5'), 1, 'and so does the program');
	stops_within(3 + 1.5, sub { eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 10, 'it runs once more') });
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id AND attempt = 1", 5, 'it runs again at its first attempt');
	is(value($node, 'postgres', "SELECT errors FROM foreman.live_job WHERE job_id = $id"), '', 'and is accused of nothing');
	$node->safe_psql('postgres', "SELECT foreman.cancel($id)");
	eventually($node, 'postgres', "SELECT state = 'cancelled' FROM foreman.jobs WHERE job_id = $id", 5, 'a cancel ends the program, too');
	is(programs('sleep', '47.5'), 0, 'no program is left behind');
};

subtest 'promotion' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	my $interrupted = running(30);
	my $later = value($node, 'postgres', q{SELECT foreman.enqueue('note', run_at => clock_timestamp() + '1 hour')});
	$node->wait_for_catchup($standby);
	stays($standby, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'pg_foreman %'}, 2,
		'no worker of ours on a standby');
	is(value($standby, 'postgres', "SELECT kind FROM foreman.jobs WHERE job_id = $later"), 'note', 'the views can be read there');
	my ($rc, $out, $err) = $standby->psql('postgres', q{\set VERBOSITY verbose
		SELECT foreman.enqueue('note')});
	like($err, qr/25006.*foreman\.enqueue/s, 'enqueue is refused, and names itself');
	$node->stop('immediate');
	my $started = time;
	$standby->promote;
	eventually($standby, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'}, 5,
		'workers start by themselves after promotion');
	eventually($standby, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $interrupted AND attempt = 1", 5,
		'what ran on the old primary runs again, uncharged');
	my $id = value($standby, 'postgres', q{SELECT foreman.enqueue('note')});
	eventually($standby, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 2, 'new jobs run');
	log_is_clean($standby);
	$standby->stop;
};

log_is_clean($node);
done_testing();
