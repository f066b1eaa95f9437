# P5 and P6 when somebody sets the server's clock while it runs, by an hour and both ways: what becomes due starts
# at once, what is not due yet waits, nothing stands still until the clock has caught up, and no occurrence of a
# schedule fires twice. The safety poll is no help: it comes once an hour.
# Broken by: sleeping until an instant without a look at the clock; a pause kept as an instant of that clock.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

# Only the server has this clock; it reads the offset from the file whenever it reads the time.
my $dir = PostgreSQL::Test::Utils::tempdir;
my $library = "$dir/settable_clock.so";
system_or_bail('g++', '-std=c++20', '-shared', '-fPIC', '-O1', '-o', $library, 'lib/settable_clock.cpp');
open my $clock, '+>', "$dir/clock" or die "$dir/clock: $!";
binmode $clock;
my $offset = 0;

sub step
{
	my ($seconds) = @_;
	$offset += int($seconds * 1_000_000);
	sysseek($clock, 0, 0) && syswrite($clock, pack('q', $offset)) == 8 or die "cannot set the clock: $!";
	note(sprintf 'the clock is set by %+.3f s', $seconds);
	return;
}

step(0);
my $node = new_server('clock', 'foreman.shutdown_grace' => "'1s'",
	'timezone' => "'UTC'", 'foreman.max_executors' => 8);
{
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{FOREMAN_CLOCK} = "$dir/clock";
	$node->start;
}
install($node, 'postgres');
my $hour = 3600;

# Sets the clock to so many seconds after a full hour.
sub step_into_hour
{
	my ($second) = @_;
	step(($second - value($node, 'postgres', q{SELECT extract(epoch FROM clock_timestamp())})) % $hour);
	return;
}

my $runs = q{(SELECT count(*) FROM foreman.schedule_run WHERE name = '%s')};
sub runs { return sprintf($runs, $_[0]); }
my $twice = q{SELECT count(*) FROM (SELECT FROM foreman.schedule_run GROUP BY schedule_id, generation, scheduled_at HAVING count(*) > 1) d};

is(value($node, 'postgres', q{SELECT abs(extract(epoch FROM clock_timestamp()) - } . time . q{) < 60}), 't', 'the clock is right');
step($hour);
is(value($node, 'postgres', q{SELECT abs(extract(epoch FROM clock_timestamp()) - 3600 - } . time . q{) < 60}), 't', 'and can be set');

subtest 'P5: set forwards' => sub {
	$node->safe_psql('postgres', q{
		SELECT foreman.enqueue('note', run_at => clock_timestamp() + '1 hour', tags => '{hour}');
		SELECT foreman.set_timer('note', 'hour', clock_timestamp() + '1 hour');
		SELECT foreman.enqueue('note', run_at => clock_timestamp() + '2 hours', tags => '{two hours}');
		SELECT foreman.enqueue('out', queue => 'outside', run_at => clock_timestamp() + '1 hour');
		SELECT foreman.enqueue('out', queue => 'leased')});
	$node->safe_psql('postgres', q{SELECT foreman.claim('{leased}', 'w', lease => '30 s')});
	my $waiter = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', q{CALL foreman.wait_for_job('{outside}', '60 s')} ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL foreman.wait_for_job%' AND wait_event_type = 'Extension'}, 15, 'a worker waits for a job that is due in an hour');
	usleep(1_500_000);
	step($hour);
	my $stepped = time;
	eventually($node, 'postgres', q{SELECT count(*) = 2 FROM foreman.jobs WHERE (tags = '{hour}' OR unique_key = 'hour') AND state = 'completed'}, 10, 'a job and a timer that were due in an hour run');
	eventually($node, 'postgres', q{SELECT state IN ('retryable', 'available') AND attempt = 1 FROM foreman.jobs WHERE queue = 'leased'}, 10, 'a lease of 30 s has ended');
	$waiter->finish;
	cmp_ok(time - $stepped, '<', 30, 'the worker that waited is told');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE started_at < run_at}), 0, 'nothing was early');
	is(value($node, 'postgres', q{SELECT state FROM foreman.jobs WHERE tags = '{two hours}'}), 'scheduled', 'the rest waits');
	$node->safe_psql('postgres', q{SELECT foreman.cancel_where(queue => 'leased'), foreman.cancel_where(queue => 'outside')});
};

subtest 'P6: set forwards over occurrences' => sub {
	step_into_hour(630);
	$node->safe_psql('postgres', q{
		SELECT foreman.schedule_job('skip', '*/20 * * * *', 'note', missed => 'skip');
		SELECT foreman.schedule_job('coalesce', '*/20 * * * *', 'note', missed => 'coalesce');
		SELECT foreman.schedule_job('catch_up', '*/20 * * * *', 'note', missed => 'catch_up', overlap => 'allow');
		SELECT foreman.schedule_job('hourly', '@hourly', 'note');
		SELECT foreman.schedule_job('interval', '2 seconds', 'note');
		SELECT foreman.schedule('command', '1 second', 'SELECT 1')});
	eventually($node, 'postgres', 'SELECT ' . runs('interval') . ' > 0', 15, 'schedules fire');
	step($hour);
	eventually($node, 'postgres', 'SELECT ' . runs('coalesce') . ' = 1 AND ' . runs('hourly') . ' = 1 AND ' . runs('catch_up') . ' = 3', 10, 'one run for three that were missed, or one for each');
	is(value($node, 'postgres', q{SELECT string_agg(DISTINCT name || ' ' || to_char(scheduled_at, 'MI'), ', ' ORDER BY name || ' ' || to_char(scheduled_at, 'MI')) FROM foreman.schedule_run WHERE name NOT IN ('interval', 'command')}),
		'catch_up 00, catch_up 20, catch_up 40, coalesce 00, hourly 00', 'for the times that they should be');
	my $seen = value($node, 'postgres', q{SELECT clock_timestamp()});
	eventually($node, 'postgres', qq{SELECT count(DISTINCT name) = 2 FROM foreman.schedule_run WHERE name IN ('interval', 'command') AND scheduled_at > '$seen'}, 15, 'those of seconds go on');
	is(value($node, 'postgres', 'SELECT ' . runs('skip')), 0, 'none where missed ones are skipped');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.schedule_run WHERE scheduled_at > fired_at}), 0, 'none was early');
};

subtest 'P6: set back' => sub {
	my $slow = q{SELECT count(*) FROM foreman.schedule_run WHERE name IN ('skip', 'coalesce', 'catch_up', 'hourly')};
	my $before = value($node, 'postgres', $slow);
	$node->safe_psql('postgres', q{SELECT foreman.schedule_job('fresh', '3 seconds', 'note')});
	step(-$hour);
	my $seen = value($node, 'postgres', q{SELECT clock_timestamp()});
	eventually($node, 'postgres', qq{SELECT count(DISTINCT name) = 3 FROM foreman.schedule_run WHERE name IN ('interval', 'command', 'fresh') AND fired_at BETWEEN '$seen' AND clock_timestamp()}, 15,
		'those of seconds go on, also one that has never fired');
	is(value($node, 'postgres', $slow), $before, 'what has fired does not fire again');
	is(value($node, 'postgres', $twice), 0, 'no occurrence has two runs');
	step_into_hour($hour - 2);
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM foreman.schedule_run WHERE name = 'hourly' AND generation = 1 AND scheduled_at <= clock_timestamp()}, 10, 'an hour comes again');
	usleep(2_500_000);
	is(value($node, 'postgres', 'SELECT ' . runs('hourly')), 1, 'and its occurrence has fired before');
	step_into_hour($hour - 2);
	eventually($node, 'postgres', 'SELECT ' . runs('hourly') . ' = 2', 15, 'the next one fires');
	is(value($node, 'postgres', q{SELECT count(*) = count(DISTINCT scheduled_at) FROM foreman.schedule_run WHERE name = 'hourly'}), 't', 'each once');
	is(value($node, 'postgres', $twice), 0, 'no occurrence has two runs');
	$node->safe_psql('postgres', q{SELECT foreman.unschedule(name) FROM foreman.schedules});
};

# All of it before one step back, and then each within its time. Times are long enough that a busy machine gets here before they
# are over; whoever goes wrong is late by an hour.
subtest 'P5: set back' => sub {
	$node->safe_psql('postgres', q{
		CREATE FUNCTION slow(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
			IF j.args ? 'throttle' THEN PERFORM foreman.throttle(); END IF;
		END $$;
		SELECT foreman.register_handler('slow', 'public.slow', queue => 'cooling');
		SELECT foreman.create_queue('cooling', throttle_base => '15 s'), foreman.create_queue('rated', rate_limit => 1, rate_period => '2 s');
		CREATE ROLE barred LOGIN;
		SELECT foreman.register_handler('barred', 'public.nap', run_as => 'barred');
		REVOKE CONNECT ON DATABASE postgres FROM PUBLIC});
	my $past = q{run_at => clock_timestamp() - interval '2 hours'};
	$node->safe_psql('postgres', qq{
		SELECT foreman.enqueue('slow', '{"throttle": true}', $past);
		SELECT foreman.enqueue('barred', $past, tags => '{barred}');
		SELECT foreman.enqueue('out', queue => 'kept');
		SELECT foreman.enqueue('out', queue => 'silent')});
	$node->safe_psql('postgres', qq{
		SELECT foreman.enqueue('nap', '{"s": 60}', timeout => '15 s', $past, tags => '{timeout}');
		SELECT foreman.enqueue('note', $past, queue => 'rated') FROM generate_series(1, 3)});
	eventually($node, 'postgres', q{SELECT throttled_until > clock_timestamp() FROM foreman.queues WHERE queue = 'cooling'}, 10, 'a queue cools down');
	eventually($node, 'postgres', q{SELECT count(*) > 0 FROM foreman.jobs WHERE queue = 'rated' AND state = 'completed'}, 10, 'a rate is used up');
	eventually($node, 'postgres', q{SELECT state = 'running' FROM foreman.jobs WHERE tags = '{timeout}'}, 10, 'a handler runs');
	my ($job, $token) = split /\|/, value($node, 'postgres', q{SELECT job_id, token FROM foreman.claim('{kept}', 'w', lease => '20 s')});
	$node->safe_psql('postgres', q{SELECT foreman.claim('{silent}', 'w', lease => '20 s'); SELECT foreman.worker_heartbeat('ghost', '{kept}')});
	my $counted = value($node, 'postgres', q{SELECT sum(enqueued) FROM foreman.stats_minute});
	$node->safe_psql('postgres', q{
		SELECT foreman.enqueue('note', run_at => clock_timestamp() + '10 s', tags => '{soon}');
		SELECT foreman.set_timer('note', 'soon', clock_timestamp() + '10 s')});
	step(-$hour);
	my $stepped = time;
	my $took = sub { return sprintf '%.1f s', time - $stepped; };

	$node->safe_psql('postgres', qq{
		SELECT foreman.enqueue('note', tags => '{now}');
		SELECT foreman.enqueue('note', tags => '{second}', run_at => clock_timestamp() + '1.5 s');
		SELECT foreman.enqueue('slow', $past, tags => '{cooled}');
		GRANT CONNECT ON DATABASE postgres TO PUBLIC});
	is(value($node, 'postgres', qq{SELECT foreman.heartbeat($job, '$token')}), 'active', 'a lease that is held');
	eventually($node, 'postgres', q{SELECT state = 'completed' FROM foreman.jobs WHERE tags = '{now}'}, 10, 'a new job runs');
	eventually($node, 'postgres', q{SELECT state = 'completed' FROM foreman.jobs WHERE tags = '{second}'}, 10, 'one that is due in a second too');
	is(value($node, 'postgres', q{SELECT started_at BETWEEN run_at AND run_at + interval '5 s' FROM foreman.jobs WHERE tags = '{second}'}), 't', 'when it is due');
	eventually($node, 'postgres', qq{SELECT sum(enqueued) > $counted FROM foreman.stats_minute}, 10, 'statistics are written');
	eventually($node, 'postgres', q{SELECT state = 'completed' FROM foreman.jobs WHERE tags = '{barred}'}, 20, 'a role that may connect again is served');
	eventually($node, 'postgres', q{SELECT attempt = 1 AND errors -> 0 ->> 'message' = 'lease expired' FROM foreman.jobs WHERE queue = 'silent'}, 25, 'a lease of 20 s ends');
	note($took->());
	eventually($node, 'postgres', q{SELECT errors -> 0 ->> 'message' LIKE 'handler timed out%' FROM foreman.jobs WHERE tags = '{timeout}'}, 20, 'a handler has no more time than it had');
	note($took->());
	eventually($node, 'postgres', q{SELECT count(*) = 3 FROM foreman.jobs WHERE queue = 'rated' AND state = 'completed'}, 15, 'a rate goes on');
	note($took->());
	eventually($node, 'postgres', q{SELECT state = 'completed' FROM foreman.jobs WHERE tags = '{cooled}'}, 25, 'a queue has cooled down');
	cmp_ok(time - $stepped, '<', 60, 'all that in its time');
	eventually($node, 'postgres', qq{SELECT attempt = 1 FROM foreman.jobs WHERE job_id = $job}, 30, 'a lease that was extended ends, too');
	is(value($node, 'postgres', q{SELECT string_agg(state, ',') FROM foreman.jobs WHERE tags = '{soon}' OR unique_key = 'soon'}), 'scheduled,scheduled', 'what was due in 10 s waits for its own time');
	step($hour);
	eventually($node, 'postgres', q{SELECT count(*) = 2 FROM foreman.jobs WHERE (tags = '{soon}' OR unique_key = 'soon') AND state = 'completed'}, 15, 'and runs when it comes');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE started_at < run_at}), 0, 'nothing was early');
};

# Rows that somebody holds locked are passed over for a while, and handlers go on for a while after stop().
subtest 'set back while an executor rests' => sub {
	# Due, and cancelled by a transaction that stays open for now.
	my $session = $node->background_psql('postgres');
	$session->query_safe(q{
		SELECT foreman.create_queue('locked');
		SELECT foreman.pause_queue('locked');
		SELECT foreman.enqueue('note', queue => 'locked', run_at => clock_timestamp() - interval '2 hours', tags => '{locked}') \gset
		BEGIN;
		SELECT foreman.cancel(:enqueue);});
	$node->safe_psql('postgres', q{SELECT foreman.resume_queue('locked')});
	usleep(2_000_000);
	step(-$hour);
	$session->query_safe('ROLLBACK');
	$session->quit;
	eventually($node, 'postgres', q{SELECT state = 'completed' FROM foreman.jobs WHERE tags = '{locked}'}, 10, 'it looks again soon');
	step($hour);
};

subtest 'set back after stop()' => sub {
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('nap', '{"s": 120}', run_at => clock_timestamp() - interval '2 hours', tags => '{stopped}')});
	eventually($node, 'postgres', q{SELECT state = 'running' FROM foreman.jobs WHERE tags = '{stopped}'}, 10, 'a handler runs');
	$node->safe_psql('postgres', q{SELECT foreman.stop()});
	step(-$hour);
	eventually($node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor'}, 15, 'it ends when the grace is over');
	$node->safe_psql('postgres', q{SELECT foreman.start()});
};

# Lines of the log without their times, processes and numbers.
my %lines;
for (split /\n/, slurp_file($node->logfile))
{
	next if !/pg_foreman.* LOG:|pg_foreman.* WARNING:/;
	s/^.*? (LOG|WARNING):/$1:/;
	s/[0-9]+/N/g;
	$lines{$_}++;
}
my @repeated = map { "$lines{$_} x $_" } grep { $lines{$_} > 2 } sort keys %lines;
is(join("\n", @repeated), '', 'the log repeats nothing');
log_is_clean($node);
$node->stop;
done_testing();
