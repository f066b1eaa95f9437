# pg_foreman_cron across restarts, crashes, settings, dumps and DROP DATABASE.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('cron', 'cron.timezone' => "'Europe/Berlin'", 'cron.host' => "'/tmp'", 'foreman.shutdown_grace' => '500ms');
$node->start;
$node->safe_psql('postgres', q{
	CREATE DATABASE app; CREATE DATABASE other; CREATE ROLE cron_user LOGIN});
$node->safe_psql('app', q{
	CREATE EXTENSION pg_foreman; CREATE EXTENSION pg_foreman_cron;
	CREATE TABLE effects (what text, at timestamptz DEFAULT clock_timestamp());
	GRANT INSERT ON effects TO PUBLIC; GRANT USAGE ON SCHEMA cron TO cron_user});

sub last_run
{
	my ($job) = @_;
	return "(SELECT status || ' ' || coalesce(return_message, '-') FROM cron.job_run_details WHERE jobid = $job ORDER BY runid DESC LIMIT 1)";
}

# Settings.
my $noon = value($node, 'app', q{SELECT cron.schedule('noon', '0 12 * * *', 'SELECT 1')});
is(value($node, 'app', qq{SELECT extract(hour FROM next_fire_at AT TIME ZONE 'Europe/Berlin') || ' ' || timezone FROM foreman.schedules WHERE name = 'cron:$noon'}),
	'12 Europe/Berlin', 'cron.timezone is the zone of its schedules');
is(value($node, 'app', "SELECT nodename, nodeport = current_setting('port')::int FROM cron.job WHERE jobid = $noon"), '/tmp|t', 'cron.host and the port are shown');
isnt($node->psql('postgres', q{ALTER SYSTEM SET cron.timezone = 'Nowhere/Land'}), 0, 'a time zone that does not exist is refused');

# A restart: @reboot runs once, what ran failed and is not repeated, what was missed is not made up for.
my $boot = value($node, 'app', q{SELECT cron.schedule('boot', '@reboot', $$INSERT INTO effects VALUES ('boot')$$)});
my $nap = value($node, 'app', q{SELECT cron.schedule('nap', '1 second', $$INSERT INTO effects VALUES ('nap'); COMMIT; SELECT pg_sleep(60)$$)});
eventually($node, 'app', "SELECT count(*) = 1 FROM cron.job_run_details WHERE jobid = $nap AND status = 'running'", 10, 'a command runs');
is(value($node, 'app', q{SELECT count(*) FROM effects WHERE what = 'boot'}), '0', '@reboot does not run when it is scheduled');
my $run = value($node, 'app', "SELECT max(runid) FROM cron.job_run_details WHERE jobid = $nap");
$node->safe_psql('app', "UPDATE cron.job SET schedule = '0 0 1 1 *' WHERE jobid = $nap");
settings($node, 'cron.timezone' => "'America/New_York'", 'cron.enable_superuser_jobs' => 'off');
$node->restart;
eventually($node, 'app', "SELECT status || ' ' || return_message = 'failed server restarted' AND end_time IS NOT NULL FROM cron.job_run_details WHERE runid = $run",
	10, 'a run that the restart ended failed: server restarted');
eventually($node, 'app', "SELECT timezone = 'America/New_York' FROM foreman.schedules WHERE name = 'cron:$noon'", 10, 'another cron.timezone holds from the restart on');
stays($node, 'app', "SELECT count(*) = 0 FROM effects WHERE what = 'boot'", 1.5, 'cron.enable_superuser_jobs = off: jobs of superusers do not run');
is(value($node, 'app', "SELECT max(runid) = $run FROM cron.job_run_details WHERE jobid = $nap"), 't', 'what the restart ended is not repeated');
my ($out, $err) = ('', '');
isnt($node->psql('app', q{SELECT cron.schedule('* * * * *', 'SELECT 1')}, stderr => \$err), 0, 'and are refused');
like($err, qr/ERROR:  cannot schedule jobs as superuser\nDETAIL:  Scheduling jobs as superuser is disallowed when cron.enable_superuser_jobs is set to off\./,
	'in the words of pg_cron');
my $theirs = value($node, 'app', q{SET SESSION AUTHORIZATION cron_user; SELECT cron.schedule('theirs', '1 second', $$INSERT INTO effects VALUES ('theirs')$$)});
eventually($node, 'app', 'SELECT ' . last_run($theirs) . q{ = 'succeeded INSERT 0 1'}, 10, 'those of other roles do');

settings($node, 'cron.enable_superuser_jobs' => 'on', 'cron.log_run' => 'off', 'cron.log_statement' => 'off');
$node->stop;
my $from = log_position($node);
$node->start;
eventually($node, 'app', q{SELECT count(*) = 1 FROM effects WHERE what = 'boot'}, 10, '@reboot runs after a restart');
# A run from before may have got its note only, from which its record is made now.
eventually($node, 'app', q{SELECT NOT EXISTS (SELECT FROM foreman.cron_note WHERE recorded <> status)}, 10, 'earlier runs are recorded');
my $runs = value($node, 'app', 'SELECT max(runid) FROM cron.job_run_details');
eventually($node, 'app', "SELECT count(*) > 1 FROM effects WHERE what = 'theirs' AND at > pg_postmaster_start_time()", 10, 'cron.log_run = off: jobs run');
is(value($node, 'app', 'SELECT max(runid) FROM cron.job_run_details'), $runs, 'and nothing is recorded');
is(log_count($node, 'cron job \d+ starting', $from), 0, 'cron.log_statement = off: nor logged');
is(value($node, 'app', q{SELECT count(*) FROM effects WHERE what = 'boot'}), '1', '@reboot ran once');

# One at a time.
settings($node, 'cron.log_run' => 'on', 'cron.log_statement' => 'on', 'cron.max_running_jobs' => 1);
$node->restart;
$node->safe_psql('app', q{SELECT cron.schedule('one ' || n, '1 second', 'SELECT pg_sleep(0.3)') FROM generate_series(1, 3) n});
eventually($node, 'app', q{SELECT count(DISTINCT jobid) = 3 FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname LIKE 'one %' AND status = 'succeeded'},
	20, 'cron.max_running_jobs = 1: all get their turn');
is(value($node, 'app', q{
	SELECT count(*) FROM cron.job_run_details a JOIN cron.job_run_details b ON a.runid < b.runid AND a.start_time < b.end_time AND b.start_time < a.end_time
	  WHERE a.start_time > pg_postmaster_start_time()}), '0', 'and none runs beside another');
$node->safe_psql('app', q{SELECT cron.unschedule(jobname) FROM cron.job WHERE jobname LIKE 'one %'});

# A crash of the server.
settings($node, 'cron.max_running_jobs' => 5);
$node->restart;
$node->safe_psql('app', "UPDATE cron.job SET schedule = '1 second' WHERE jobid = $nap");
eventually($node, 'app', "SELECT count(*) = 1 FROM cron.job_run_details WHERE jobid = $nap AND status = 'running'", 10, 'a command runs');
$run = value($node, 'app', "SELECT runid FROM cron.job_run_details WHERE jobid = $nap AND status = 'running'");
$node->safe_psql('app', "UPDATE cron.job SET schedule = '0 0 1 1 *' WHERE jobid = $nap");
kill 'KILL', value($node, 'app', "SELECT job_pid FROM cron.job_run_details WHERE runid = $run");
eventually($node, 'app', "SELECT status || ' ' || return_message = 'failed server restarted' FROM cron.job_run_details WHERE runid = $run",
	30, 'a run that a crash ended failed, too');
eventually($node, 'app', "SELECT count(*) = 0 FROM foreman.live_job WHERE queue = 'cron' AND kind IN (SELECT kind FROM foreman.handler WHERE run_as = 10)", 5, 'and is not repeated');
$node->safe_psql('app', "DELETE FROM cron.job WHERE jobid IN ($theirs, $boot, $nap)");

# Another database is dropped under its command.
my $there = value($node, 'app', q{SELECT cron.schedule_in_database('there', '1 second', 'SELECT pg_sleep(60)', 'other')});
eventually($node, 'app', "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'other' AND backend_type = 'pg_foreman command' AND query = 'SELECT pg_sleep(60)'",
	10, 'a command runs in another database');
my $took = timed($node, 'postgres', 'DROP DATABASE other');
# A process that stays in it makes it an error, after five seconds.
ok(defined $took && $took < 20, 'which can be dropped meanwhile') or diag($took);
eventually($node, 'app', "SELECT bool_or(return_message LIKE 'ERROR: the session in database \"other\" ended before its command%') FROM cron.job_run_details WHERE jobid = $there",
	10, 'the run failed');
eventually($node, 'app', "SELECT bool_or(return_message = 'ERROR: database \"other\" does not exist') FROM cron.job_run_details WHERE jobid = $there",
	10, 'and those after it say why');
$node->safe_psql('app', "SELECT cron.unschedule('there')");

# An executor that is ended takes the process in the other database with it.
$there = value($node, 'app', q{SELECT cron.schedule_in_database('there', '1 second', 'SELECT pg_sleep(61)', 'template1')});
eventually($node, 'app', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(61)' AND backend_type = 'pg_foreman command'", 10, 'another one');
# The command may be seen before its run is.
eventually($node, 'app', "SELECT count(*) = 1 FROM cron.job_run_details WHERE jobid = $there AND status = 'running'", 10, 'recorded');
$node->safe_psql('app', "UPDATE cron.job SET schedule = '0 0 1 1 *' WHERE jobid = $there");
$node->safe_psql('app', "SELECT pg_terminate_backend(job_pid) FROM cron.job_run_details WHERE jobid = $there AND status = 'running'");
eventually($node, 'app', "SELECT count(*) = 0 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(61)' AND backend_type = 'pg_foreman command'", 10, 'ends with its executor');
$node->safe_psql('app', "SELECT cron.unschedule('there')");

# Dump and restore: the jobs come along, and run after start() only.
$node->safe_psql('app', q{
	SELECT cron.schedule('tick', '1 second', $$INSERT INTO effects VALUES ('tick')$$);
	SET SESSION AUTHORIZATION cron_user;
	SELECT cron.schedule('tick', '1 second', $$INSERT INTO effects VALUES ('tock')$$)});
eventually($node, 'app', q{SELECT count(DISTINCT what) = 2 FROM effects WHERE what IN ('tick', 'tock')}, 10, 'two jobs of two roles');
my $dir = PostgreSQL::Test::Utils::tempdir;
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $node->connstr('app') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), "$dir/dump" ], 'pg_restore');
my $jobs = 'SELECT string_agg(jobid || schedule || command || username || active, E\'\n\' ORDER BY jobid) FROM cron.job';
is(value($node, 'restored', $jobs), value($node, 'app', $jobs), 'the jobs are there');
$node->safe_psql('restored', 'TRUNCATE effects');
stays($node, 'restored', 'SELECT count(*) = 0 FROM effects', 1.5, 'and do not run');
# They name their database, as pg_cron's do.
$node->safe_psql('restored', q{UPDATE cron.job SET database = current_database(); SELECT foreman.start()});
eventually($node, 'restored', q{SELECT count(DISTINCT what) = 2 FROM effects}, 10, 'before foreman.start()');
isnt(value($node, 'restored', q{SELECT cron.schedule('0 0 1 1 *', 'SELECT 1')}), '1', 'new jobs get new ids');

log_is_clean($node);
$node->stop;
done_testing();
