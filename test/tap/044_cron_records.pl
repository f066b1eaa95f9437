# cron.job_run_details and cron.job belong to users: what they lock there, or what their triggers and constraints do, keeps no
# command from running, loses no outcome, and makes nothing else late. The record is made up for afterwards.
use strict;
use warnings;
use IPC::Run ();
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('cron_records');
$node->start;
$node->safe_psql('postgres', q{CREATE DATABASE app; CREATE ROLE locker LOGIN; CREATE ROLE bob LOGIN});
install($node, 'app');
$node->safe_psql('app', q{
	CREATE EXTENSION pg_foreman_cron;
	GRANT USAGE ON SCHEMA cron TO locker, bob;
	CREATE TABLE ticks (who text, at timestamptz DEFAULT clock_timestamp()); GRANT INSERT ON ticks TO PUBLIC;
	SELECT cron.schedule('tick', '1 second', $$INSERT INTO ticks VALUES ('cron')$$);
	SELECT foreman.schedule('tock', '1 second', $$INSERT INTO ticks VALUES ('own')$$)});
eventually($node, 'app', q{SELECT count(*) >= 2 FROM cron.job_run_details WHERE status = 'succeeded'}, 10, 'runs are recorded');

# Runs SQL in a session of its own that goes on meanwhile.
sub beside
{
	my ($role, $sql) = @_;
	return IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('app') . " user=$role", '-c', $sql ],
		'>', '/dev/null', '2>', \my $err);
}

# The longest pause of each schedule since then, and by how much jobs for a time were late, in seconds.
sub now_there { return value($node, 'app', 'SELECT clock_timestamp()') }
sub longest_pause
{
	my ($who, $since) = @_;
	return value($node, 'app', qq{SELECT max(extract(epoch FROM at - before)) FROM (SELECT at, coalesce(lag(at) OVER (ORDER BY at), '$since') AS before
		FROM (SELECT at FROM ticks WHERE who = '$who' AND at > '$since' UNION ALL SELECT clock_timestamp()) t) x});
}

# While `$role` does something for ten seconds, nothing else is late. What waited for it would be late by more than six.
sub nothing_is_late
{
	my ($role, $sql, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $since = now_there();
	my $other = beside($role, $sql);
	sleep 1;
	$node->safe_psql('app', q{SELECT foreman.enqueue('note', run_at => now() + n * interval '0.5 s', metadata => jsonb_build_object('due', now() + n * interval '0.5 s'))
		FROM generate_series(1, 6) n});
	eventually($node, 'app', q{SELECT count(*) = 0 FROM foreman.live_job WHERE kind = 'note'}, 20, "$what: jobs for a time run");
	my $late = value($node, 'app', qq{SELECT max(extract(epoch FROM e.started - (j.metadata->>'due')::timestamptz)) FROM effects e JOIN foreman.jobs j USING (job_id) WHERE e.started > '$since'});
	cmp_ok($late, '<', 5, "$what: and are not late");
	# A pause that goes on counts for as long as it has lasted: so all of the ten seconds have passed.
	ok($other->finish, "$what: that long");
	cmp_ok(longest_pause($_, $since), '<', 6, "$what: nor are commands of the schedule ($_)") for 'cron', 'own';
	return;
}

# Every run that completed has its record. Those of the last moment may be on their way.
my $all_recorded = q{SELECT count(*) = 0 FROM foreman.cron_note WHERE recorded <> status AND changed_at < clock_timestamp() - interval '1 s'};
my $health = q{SELECT ok || ' ' || detail FROM foreman.health() WHERE name = 'cron_records'};

# ---- locks
nothing_is_late('locker', 'BEGIN; LOCK TABLE cron.job_run_details IN SHARE MODE; SELECT pg_sleep(10)', 'a role locks cron.job_run_details');
eventually($node, 'app', $all_recorded, 10, 'what was not recorded meanwhile is made up for');
nothing_is_late('postgres', 'BEGIN; LOCK TABLE cron.job, cron.job_run_details; SELECT pg_sleep(10)', 'an administrator locks both tables');
eventually($node, 'app', $all_recorded, 10, 'and made up for');
is(value($node, 'app', $health), 'true cron.job_run_details has every run', 'health() is content');
my $gaps = value($node, 'app', q{SELECT count(*) FROM foreman.schedule_run r WHERE r.schedule_id < 0 AND r.fired_at < clock_timestamp() - interval '3 s'});
is(value($node, 'app', q{SELECT count(*) FROM cron.job_run_details d WHERE d.status = 'succeeded' AND d.start_time < clock_timestamp() - interval '3 s'}) >= $gaps - 1, 1,
	'no run is missing');

# ---- triggers. https://github.com/timescale/timescaledb/issues/7815
my $from = log_position($node);
$node->safe_psql('app', q{
	CREATE FUNCTION alert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.status IN ('failed', 'succeeded') THEN PERFORM 1/0; END IF; RETURN NEW; END $$;
	CREATE TRIGGER alert AFTER INSERT OR UPDATE ON cron.job_run_details FOR EACH ROW EXECUTE FUNCTION alert()});
my $since = now_there();
eventually($node, 'app', qq{SELECT count(*) >= 8 FROM ticks WHERE who = 'cron' AND at > '$since'}, 12, 'a trigger that raises: commands go on running');
cmp_ok(longest_pause('cron', $since), '<', 6, 'in time');
is(value($node, 'app', q{SELECT count(*) FROM foreman.jobs WHERE queue = 'cron' AND state NOT IN ('completed', 'available', 'running')}), '0', 'their outcomes count');
is(log_count($node, qr/background worker "pg_foreman executor".*(exit code|terminated)/, $from), 0, 'no executor ended by an error');
like(value($node, 'app', $health), qr/^false \d+ runs are not in cron\.job_run_details, the first since \d+ s: division by zero$/, 'health() says it');
is(log_count($node, 'pg_foreman cannot record runs in cron.job_run_details', $from), 1, 'the log says it once');
$node->safe_psql('app', q{DROP TRIGGER alert ON cron.job_run_details;
	CREATE TRIGGER alert BEFORE INSERT ON cron.job_run_details FOR EACH ROW EXECUTE FUNCTION alert();
	CREATE OR REPLACE FUNCTION alert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$});
$since = now_there();
eventually($node, 'app', qq{SELECT count(*) >= 4 FROM ticks WHERE who = 'cron' AND at > '$since'}, 8, 'one that refuses new rows: commands go on running');
is(value($node, 'app', q{SELECT active AND error IS NULL FROM foreman.schedules WHERE name LIKE 'cron:%'}), 't', 'and the schedule is not switched off');
$node->safe_psql('app', 'DROP TRIGGER alert ON cron.job_run_details');
eventually($node, 'app', $all_recorded, 40, 'all of them are recorded when the trigger has gone');
$node->safe_psql('app', q{
	CREATE CONSTRAINT TRIGGER alert AFTER INSERT OR UPDATE ON cron.job_run_details DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION alert()});
$since = now_there();
eventually($node, 'app', qq{SELECT count(*) >= 3 FROM ticks WHERE who = 'cron' AND at > '$since'}, 8, 'one that is deferred: commands go on running');
$node->safe_psql('app', q{DROP TRIGGER alert ON cron.job_run_details; ALTER TABLE cron.job_run_details ADD CONSTRAINT no CHECK (status <> 'succeeded') NOT VALID});
$since = now_there();
eventually($node, 'app', qq{SELECT count(*) >= 3 FROM ticks WHERE who = 'cron' AND at > '$since'}, 8, 'a constraint: commands go on running');
$node->safe_psql('app', 'ALTER TABLE cron.job_run_details DROP CONSTRAINT no');
eventually($node, 'app', $all_recorded, 40, 'and are recorded');
$node->safe_psql('app', q{
	CREATE OR REPLACE FUNCTION alert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(12); RETURN NULL; END $$;
	CREATE TRIGGER alert AFTER UPDATE ON cron.job_run_details FOR EACH ROW EXECUTE FUNCTION alert()});
nothing_is_late('postgres', 'SELECT pg_sleep(10)', 'a trigger that is slow');

# It runs as the owner of the table, so in a session that no command has a hand in.
$node->safe_psql('app', q{
	CREATE TABLE saw (who text, path text);
	CREATE OR REPLACE FUNCTION alert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO saw VALUES (session_user, current_setting('search_path')); RETURN NULL; END $$;
	DROP TRIGGER alert ON cron.job_run_details;
	CREATE TRIGGER alert AFTER INSERT OR UPDATE ON cron.job_run_details FOR EACH ROW EXECUTE FUNCTION alert();
	SET SESSION AUTHORIZATION bob;
	SELECT cron.schedule('path', '1 second', 'SET search_path = evil, public')});
eventually($node, 'app', q{SELECT count(*) >= 2 FROM cron.job_run_details WHERE username = 'bob' AND status = 'succeeded'}, 60, 'a command sets a search_path');
is(value($node, 'app', q{SELECT DISTINCT who || ' ' || path FROM saw}), 'postgres "$user", public', 'triggers of the table do not see it');
$node->safe_psql('app', 'DROP TRIGGER alert ON cron.job_run_details');

# ---- numbers of runs that are there already, as after a restore
$from = log_position($node);
$node->safe_psql('app', q{SELECT setval('cron.runid_seq', 1), setval('foreman.schedule_run_id_seq', 1)});
$since = now_there();
eventually($node, 'app', qq{SELECT count(*) >= 4 FROM ticks WHERE who = '$_' AND at > '$since'}, 8, "sequences that were set back: commands go on running ($_)") for 'cron', 'own';
cmp_ok(longest_pause($_, $since), '<', 6, "and no run is passed over ($_)") for 'cron', 'own';
eventually($node, 'app', qq{SELECT count(*) >= 4 FROM cron.job_run_details d JOIN cron.job j USING (jobid) WHERE j.jobname = 'tick' AND d.status = 'succeeded' AND d.start_time > '$since'},
	10, 'and are recorded');
is(log_count($node, 'cron.runid_seq stood behind rows of cron.job_run_details and was moved on', $from), 1, 'the log says of the one');
is(log_count($node, 'foreman.schedule_run_id_seq stood behind runs that exist and was moved on', $from), 1, 'and of the other');
is(value($node, 'app', q{SELECT bool_and(active AND error IS NULL) FROM foreman.schedules}), 't', 'no schedule was switched off');

# ---- the process that records
$node->safe_psql('app', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_foreman clerk'});
$since = now_there();
eventually($node, 'app', qq{SELECT count(*) >= 2 FROM cron.job_run_details WHERE status = 'succeeded' AND start_time > '$since'}, 10, 'the clerk is started again when it was ended');
$node->safe_psql('app', q{SELECT cron.unschedule(jobid) FROM cron.job});
eventually($node, 'app', q{SELECT count(*) = 0 FROM foreman.cron_note}, 10, 'no note is left when nothing runs');
eventually($node, 'app', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman clerk'}, 20, 'and it ends when there is nothing to record');
$node->safe_psql('app', q{SELECT cron.schedule('last', '1 second', 'SELECT 1')});
eventually($node, 'app', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman clerk'}, 10, 'it comes back');
my $took = timed($node, 'postgres', 'DROP DATABASE app');
# Whoever does not leave makes it an error, after five seconds.
ok(defined $took && $took < 20, 'and leaves for DROP DATABASE') or diag($took);

install($node, 'postgres');
$node->safe_psql('postgres', q{CREATE EXTENSION pg_foreman_cron; SELECT cron.schedule('tick', '1 second', 'SELECT 1')});
eventually($node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman clerk'}, 10, 'a clerk is there');
$from = log_position($node);
$node->stop;
is(log_count($node, qr/FATAL.*pg_foreman clerk|pg_foreman clerk.*FATAL/, $from), 0, 'it leaves quietly with the server');

log_is_clean($node);
done_testing();
