# P6: an occurrence of a schedule fires at most once across restarts, crashes, ends of the dispatcher and promotions;
# none is lost under catch_up; @reboot fires once for each start; a bad schedule is said once.
# Broken by: a next time that is kept in memory, or moved on in another transaction than the enqueue.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('schedules', init => { allows_streaming => 1 });
$node->start;
install($node, 'postgres');
my $twice = q{SELECT count(*) = 0 FROM (SELECT FROM foreman.schedule_run
	GROUP BY schedule_id, generation, scheduled_at HAVING count(*) > 1) d};
# From the first to the last occurrence each second has its run.
my $whole = q{SELECT count(*) = extract(epoch FROM max(scheduled_at) - min(scheduled_at)) + 1 FROM foreman.schedule_run WHERE name = 'each'};

$node->safe_psql('postgres', q{
	CREATE TABLE ticks (at timestamptz DEFAULT clock_timestamp());
	SELECT foreman.schedule_job('each', '1 second', 'note', missed => 'catch_up', overlap => 'allow');
	SELECT foreman.schedule_job('boot', '@reboot', 'note');
	SELECT foreman.schedule('tick', '1 second', 'INSERT INTO public.ticks DEFAULT VALUES')});
eventually($node, 'postgres', "SELECT count(*) >= 2 FROM foreman.schedule_runs WHERE name = 'tick' AND state = 'completed'", 10, 'a command fires');

subtest 'the dispatcher is ended again and again' => sub {
	for (1 .. 8)
	{
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'");
		usleep(300_000);
	}
	my $last = value($node, 'postgres', "SELECT max(scheduled_at) FROM foreman.schedule_run WHERE name = 'each'");
	eventually($node, 'postgres', "SELECT max(scheduled_at) > '$last' FROM foreman.schedule_run WHERE name = 'each'", 10, 'schedules go on');
	is(value($node, 'postgres', $twice), 't', 'no occurrence has two runs');
	is(value($node, 'postgres', $whole), 't', 'and none is missing');
};

subtest 'other sessions fire beside the dispatcher' => sub {
	$node->pgbench('-n -c 4 -T 4', 0, [qr/processed/], [qr/^/], 'passes', { '040_pass' => 'SELECT foreman.fire_schedules_once();' });
	is(value($node, 'postgres', $twice), 't', 'no occurrence has two runs');
	is(value($node, 'postgres', $whole), 't', 'and none is missing');
};

for my $mode (qw(fast immediate))
{
	subtest "$mode restart" => sub {
		my $boots = value($node, 'postgres', "SELECT count(*) FROM foreman.schedule_run WHERE name = 'boot'");
		$node->stop($mode);
		usleep(2_500_000);
		$node->start;
		eventually($node, 'postgres', q{SELECT max(scheduled_at) > pg_postmaster_start_time() + '1 s' AND EXISTS (SELECT FROM foreman.schedule_run WHERE name = 'tick' AND fired_at > pg_postmaster_start_time())
			FROM foreman.schedule_run WHERE name = 'each'}, 15, 'schedules go on');
		is(value($node, 'postgres', $twice), 't', 'no occurrence has two runs');
		is(value($node, 'postgres', $whole), 't', 'what was missed is caught up');
		is(value($node, 'postgres', "SELECT count(*) - $boots FROM foreman.schedule_run WHERE name = 'boot'"), '1', '@reboot fires once');
		is(value($node, 'postgres', q{
			SELECT count(*) FROM foreman.schedule_run a JOIN foreman.schedule_run b USING (schedule_id, generation)
			 WHERE a.name = 'tick' AND b.scheduled_at = (SELECT min(c.scheduled_at) FROM foreman.schedule_run c WHERE c.name = 'tick' AND c.scheduled_at > a.scheduled_at)
			   AND b.scheduled_at - a.scheduled_at >= '2 s' AND b.fired_at > pg_postmaster_start_time()
			   AND a.fired_at < pg_postmaster_start_time()}), '1', 'coalesce ran once for the gap');
	};
}

subtest 'a crash of a backend is no start of the server' => sub {
	my $boots = value($node, 'postgres', "SELECT count(*) FROM foreman.schedule_run WHERE name = 'boot'");
	my ($pid) = pids($node, 'dispatcher');
	kill 'KILL', $pid;
	# The one that was killed may still be shown.
	eventually($node, 'postgres', qq{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND pid <> $pid)}, 20, 'the server has recovered');
	my $last = value($node, 'postgres', "SELECT max(scheduled_at) FROM foreman.schedule_run WHERE name = 'each'");
	eventually($node, 'postgres', "SELECT max(scheduled_at) > timestamptz '$last' + '1 s' FROM foreman.schedule_run WHERE name = 'each'", 10, 'schedules go on');
	is(value($node, 'postgres', "SELECT count(*) - $boots FROM foreman.schedule_run WHERE name = 'boot'"), '0', '@reboot does not fire');
	is(value($node, 'postgres', $twice), 't', 'no occurrence has two runs');
	is(value($node, 'postgres', $whole), 't', 'and none is missing');
};

subtest 'a schedule that is committed as prepared' => sub {
	$node->safe_psql('postgres', q{
		BEGIN;
		SELECT foreman.schedule_job('prepared', '1 second', 'note');
		PREPARE TRANSACTION 'p'});
	$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
	eventually($node, 'postgres', "SELECT count(*) > 0 FROM foreman.schedule_run WHERE name = 'prepared'", 10, 'fires');
	$node->safe_psql('postgres', q{SELECT foreman.unschedule('prepared')});
};

# What the rows look like when the clock was an hour ahead until now.
subtest 'the clock was set back' => sub {
	$node->safe_psql('postgres', q{
		SELECT foreman.schedule_job(n, e, 'note') FROM (VALUES ('often', '* * * * * *'), ('interval', '2 seconds'), ('daily', '0 0 * * *')) v(n, e)});
	eventually($node, 'postgres', "SELECT count(DISTINCT name) = 2 FROM foreman.schedule_run WHERE name IN ('often', 'interval')", 15, 'schedules fire');
	my $daily = value($node, 'postgres', q{
		UPDATE foreman.schedule SET last_fired_at = clock_timestamp() + interval '1 h', last_scheduled_at = coalesce(last_scheduled_at, next_fire_at - interval '1 day') + interval '1 h',
			next_fire_at = next_fire_at + CASE WHEN name = 'daily' THEN interval '0' ELSE '1 h' END
		 WHERE name IN ('often', 'interval', 'daily');
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' \g /dev/null
		SELECT next_fire_at FROM foreman.schedule WHERE name = 'daily'});
	eventually($node, 'postgres', "SELECT count(DISTINCT name) = 2 FROM foreman.schedule_run WHERE name IN ('often', 'interval') AND generation = 2", 20, 'the frequent ones start over, and do not stall for an hour');
	is(value($node, 'postgres', "SELECT next_fire_at || ' ' || generation FROM foreman.schedule WHERE name = 'daily'"), "$daily 1", 'the daily one waits for its next time');
	is(value($node, 'postgres', $twice), 't', 'no occurrence has two runs');
	$node->safe_psql('postgres', q{SELECT foreman.unschedule(n) FROM unnest('{often,interval,daily}'::text[]) n});
};

subtest 'a bad schedule is said once' => sub {
	my $from = log_position($node);
	$node->safe_psql('postgres', q{
		SELECT foreman.schedule_job('bad', '1 second', 'note');
		UPDATE foreman.schedule SET timezone = 'Nowhere/At_All' WHERE name = 'bad'});
	eventually($node, 'postgres', q{SELECT error = 'timezone "Nowhere/At_All" does not exist' FROM foreman.schedules WHERE name = 'bad'}, 15, 'it is switched off');
	stays($node, 'postgres', q{SELECT NOT active FROM foreman.schedules WHERE name = 'bad'}, 2, 'and stays so');
	is(log_count($node, 'schedule "bad" is switched off', $from), 1, 'one line of the log');
	$node->safe_psql('postgres', q{SELECT foreman.unschedule('bad')});
};

subtest 'promotion' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('schedules_standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'", 15, 'a standby follows');
	usleep(2_500_000);
	is(value($standby, 'postgres', 'SELECT pg_is_in_recovery()'), 't', 'it fires nothing');
	$node->stop('fast');
	$standby->promote;
	eventually($standby, 'postgres', q{SELECT max(fired_at) > clock_timestamp() - interval '1.5 s' AND max(scheduled_at) > pg_postmaster_start_time() + '4 s' FROM foreman.schedule_run WHERE name = 'each'}, 20, 'after promotion schedules go on');
	is(value($standby, 'postgres', $twice), 't', 'no occurrence has two runs');
	is(value($standby, 'postgres', $whole), 't', 'and none is missing');
	log_is_clean($standby);

	# A dump carries schedules and runs; what is restored fires nothing until it is started.
	my $dump = $standby->basedir . '/dump.sql';
	$standby->command_ok([ 'pg_dump', '-d', $standby->connstr('postgres'), '-f', $dump ], 'dumped');
	$standby->safe_psql('postgres', 'CREATE DATABASE restored');
	$standby->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $standby->connstr('restored'), '-f', $dump ], 'restored');
	is(value($standby, 'restored', 'SELECT count(*) FROM foreman.schedules'), '3', 'with its schedules');
	my $runs = value($standby, 'restored', 'SELECT count(*) FROM foreman.schedule_run');
	stays($standby, 'restored', "SELECT count(*) = $runs FROM foreman.schedule_run", 2.5, 'which do not fire');
	$standby->safe_psql('restored', 'SELECT foreman.start()');
	eventually($standby, 'restored', "SELECT count(*) > $runs FROM foreman.schedule_run", 10, 'until it is started');
	eventually($standby, 'restored', "SELECT count(*) > 0 FROM foreman.schedule_runs WHERE name = 'tick' AND state = 'completed' AND run_id > $runs", 10, 'commands run there');
	is(value($standby, 'restored', $twice), 't', 'no occurrence has two runs');
	$standby->stop;
};

done_testing();
