# Roles that are renamed, dropped, or not there where a dump is restored: every row of everybody comes along, a number means
# nobody, work stays with its role under every name, what nobody owns waits and says so, and one call gives it away.
# databasus#721, https://github.com/citusdata/pg_cron/issues/293
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('missing_roles');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE origin');
install($node, 'origin');
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(gone dropped before heir);
my $me = value($node, 'postgres', 'SELECT current_user');
my $kinds = q{SELECT string_agg(kind || ' ' || run_as::text, ', ' ORDER BY kind) FROM foreman.handlers WHERE kind ~ '^(mine|of_)'};
my $crons = q{SELECT string_agg(jobname || ' ' || username, ', ' ORDER BY jobname) FROM cron.job};
my $roles = q{SELECT ok || ' ' || detail FROM foreman.health() WHERE name = 'roles'};
# What a statement answers to a role that logs in.
sub as_role
{
	my ($role, $sql) = @_;
	my ($rc, $out, $err) = $node->psql('origin', $sql, extra_params => [ '-U', $role ]);
	return $rc == 0 ? $out : $err;
}
$node->safe_psql('origin', q{
	CREATE EXTENSION pg_foreman_cron;
	GRANT USAGE ON SCHEMA cron TO PUBLIC;
	CREATE FUNCTION ok(jsonb) RETURNS text LANGUAGE sql AS 'SELECT session_user::text';
	SELECT foreman.grant_role('operator', r) FROM unnest('{gone,dropped,before}'::regrole[]) r;
	SELECT foreman.register_handler('mine', 'ok'), foreman.register_handler('of_gone', 'ok', run_as => 'gone'),
		foreman.register_handler('of_dropped', 'ok', run_as => 'dropped'), foreman.register_handler('of_renamed', 'ok', run_as => 'before');
	SELECT cron.schedule_in_database('c_mine', '1 second', 'SELECT 1', 'origin'), cron.schedule_in_database('c_gone', '1 second', 'SELECT 1', 'origin', 'gone'),
		cron.schedule_in_database('c_dropped', '1 second', 'SELECT 1', 'origin', 'dropped'), cron.schedule_in_database('c_renamed', '0 1 * * *', 'SELECT 1', 'origin', 'before');
	SET ROLE gone; SELECT foreman.schedule('s_gone', '0 1 * * *', 'SELECT 1'); RESET ROLE;
	SET ROLE before; SELECT foreman.schedule('s_renamed', '0 1 * * *', 'SELECT 1'); RESET ROLE;
	SET ROLE dropped; SELECT foreman.schedule('s_dropped', '1 second', 'SELECT 1'), foreman.schedule_job('j_dropped', '1 second', 'mine'),
		foreman.schedule_job('off', '1 second', 'mine', active => false); RESET ROLE});
eventually($node, 'origin', q{SELECT count(*) = 2 FROM foreman.schedules WHERE name IN ('s_dropped', 'j_dropped') AND last_job_id IS NOT NULL}, 20, 'the schedules run');

# A new name, given in another database. Somebody else has the old one.
$node->safe_psql('postgres', 'ALTER ROLE before RENAME TO after; CREATE ROLE before LOGIN');
eventually($node, 'origin', "SELECT ($crons) LIKE '%c_renamed after'", 20, 'cron.job has the new name of a role');
is(value($node, 'origin', $kinds), "mine $me, of_dropped dropped, of_gone gone, of_renamed after", 'a handler stays with its role under the new name');
is(value($node, 'origin', q{SELECT run_as FROM foreman.schedules WHERE name = 's_renamed'}), 'after', 'a schedule, too');
is(as_role('after', 'SELECT jobname FROM cron.job'), 'c_renamed', 'the role sees its job');
is(as_role('before', 'SELECT jobname FROM cron.job'), '', 'the next role of the old name does not');
like(as_role('before', q{SELECT foreman.stop()}), qr/permission denied/, 'nor has it the rights of the other');
$node->safe_psql('origin', q{UPDATE cron.job SET schedule = '1 second' WHERE jobname = 'c_renamed'});
eventually($node, 'origin', q{SELECT count(*) > 0 FROM cron.job_run_details WHERE username = 'after' AND status = 'succeeded'}, 20, 'the job runs as it');
is(value($node, 'origin', q{SELECT count(*) FROM cron.job_run_details WHERE username = 'before'}), '0', 'and not as the other');
$node->safe_psql('origin', q{UPDATE cron.job SET schedule = '0 1 * * *' WHERE jobname = 'c_renamed'});

# No role any more, and then others of its name and of its number.
my $number = value($node, 'origin', q{SELECT 'dropped'::regrole::oid});
$node->safe_psql('origin', 'DROP OWNED BY dropped');
is(value($node, 'origin', qq{SELECT count(*) FROM foreman.role_grant WHERE role::oid = $number}), '0', 'DROP OWNED BY takes the grants of a role');
$node->safe_psql('origin', 'DROP ROLE dropped');
$node->safe_psql('origin', qq{CREATE ROLE dropped LOGIN; CREATE ROLE boss SUPERUSER LOGIN; UPDATE pg_authid SET oid = $number WHERE rolname = 'boss'});
is(value($node, 'origin', $kinds), "mine $me, of_dropped ?dropped, of_gone gone, of_renamed after", 'neither has its handler');
is(value($node, 'origin', $crons), "c_dropped ?dropped, c_gone gone, c_mine $me, c_renamed after", 'nor its cron job');
is(as_role('dropped', 'SELECT jobname FROM cron.job'), '', 'nor sees that');
eventually($node, 'origin', q{SELECT count(*) = 2 FROM foreman.schedules WHERE name IN ('s_dropped', 'j_dropped') AND NOT active AND error ~ 'missing'}, 20,
	'schedules of the dropped role stop with a reason, those of commands and those of jobs');
my $job = value($node, 'origin', q{SELECT foreman.enqueue('of_dropped')});
my $jobs_of_schedule = value($node, 'origin', q{SELECT count(*) FROM foreman.schedule_runs WHERE name = 'j_dropped'});
my $runs_of_job = value($node, 'origin', q{SELECT count(*) FROM cron.job_run_details WHERE username = 'dropped'});
my $other = value($node, 'origin', q{SELECT foreman.enqueue('mine')});
eventually($node, 'origin', qq{SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $other}, 10, 'jobs of others run');
is(value($node, 'origin', qq{SELECT reason || detail::text FROM foreman.why($job)}), 'role{"role": "dropped", "lacks": "existence"}', 'a job waits and why() names the role');
like(value($node, 'origin', $roles), qr/^false missing: "dropped".* 1 handlers.* 3 schedules, 1 cron jobs.*reassign_role/, 'health() names the role, what waits and the call that helps');
$node->restart;
eventually($node, 'origin', q{SELECT count(*) > 0 FROM foreman.workers WHERE role = 'boss'::regrole OR pid IS NOT NULL}, 20, 'after a restart');
sleep 2;
is(value($node, 'origin', q{SELECT count(*) FROM foreman.schedule_runs WHERE name = 'j_dropped'}), $jobs_of_schedule, 'the schedule has fired no more');
is(value($node, 'origin', q{SELECT count(*) FROM cron.job_run_details WHERE username = 'dropped'}), $runs_of_job, 'nor the cron job');
is(value($node, 'origin', qq{SELECT state FROM foreman.jobs WHERE job_id = $job}), 'available', 'the job waits');

# Who may give it away.
like(as_role('dropped', q{SELECT foreman.reassign_role('dropped', 'dropped')}), qr/permission denied/, 'the new role of the name cannot take it');
$node->safe_psql('origin', q{SELECT foreman.grant_role('operator', 'heir')});
like(as_role('heir', q{SELECT foreman.reassign_role('dropped', 'gone')}), qr/permission denied to act for role "gone"/, 'an operator gives nothing to a role that it cannot become');
like(as_role('heir', q{SELECT foreman.reassign_role('gone', 'heir')}), qr/permission denied to act for role "gone"/, 'and takes nothing away from one');
is(value($node, 'origin', $kinds), "mine $me, of_dropped ?dropped, of_gone gone, of_renamed after", 'nothing has changed');
$node->safe_psql('origin', 'SELECT foreman.stop()');
wait_for($node, 'origin', 'SELECT count(*) = 0 FROM foreman.workers', 20);
my $waiting = value($node, 'origin', q{SELECT foreman.enqueue('mine')});

# A dump, restored where several roles are missing and the numbers are of others.
my $dump = $node->basedir . '/origin.dump';
$node->command_ok(['pg_dump', '-Fc', '-f', $dump, $node->connstr('origin')], 'the database is dumped');
my $rows = q{SELECT string_agg(t || ' ' || n, ', ' ORDER BY t) FROM (
	SELECT 'handler', count(*) FROM foreman.handler UNION ALL SELECT 'schedule', count(*) FROM foreman.schedule WHERE schedule_id > 0
	UNION ALL SELECT 'live_job', count(*) FROM foreman.live_job WHERE queue <> 'cron' UNION ALL SELECT 'run', count(*) FROM foreman.schedule_run WHERE schedule_id > 0
	UNION ALL SELECT 'grant', count(*) FROM foreman.role_grant UNION ALL SELECT 'cron.job', count(*) FROM cron.job) v(t, n)};
my $target = new_server('missing_roles_other');
$target->start;
$target->safe_psql('postgres', 'CREATE ROLE heir LOGIN; CREATE ROLE after LOGIN; CREATE DATABASE origin');
# The numbers that the roles had are those of superusers here.
my @numbers = ($number, value($node, 'postgres', q{SELECT 'gone'::regrole::oid}));
$target->safe_psql('postgres', qq{CREATE ROLE boss$_ SUPERUSER LOGIN; UPDATE pg_authid SET oid = $_ WHERE rolname = 'boss$_'})
	for grep { value($target, 'postgres', "SELECT count(*) FROM pg_authid WHERE oid = $_") eq '0' } @numbers;
$target->command_checks_all([ 'pg_restore', '--no-owner', '--no-privileges', '-d', $target->connstr('origin'), $dump ], 0, [qr/^$/], [qr/^$/], 'it is restored without an error');
is(value($target, 'origin', $rows), value($node, 'origin', $rows), 'with every row of everybody');
is(value($target, 'origin', $kinds), "mine $me, of_dropped ?dropped, of_gone ?gone, of_renamed after", 'handlers have the roles of their names, or nobody');
$target->safe_psql('origin', 'CREATE ROLE gone SUPERUSER LOGIN');
$target->safe_psql('origin', 'SELECT foreman.start()');
eventually($target, 'origin', qq{SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $waiting}, 20, 'jobs of others run');
eventually($target, 'origin', q{SELECT count(*) > 0 FROM cron.job_run_details WHERE start_time > pg_postmaster_start_time() AND status = 'succeeded'}, 20, 'and their cron jobs');
my $of_gone = value($target, 'origin', q{SELECT foreman.enqueue('of_gone')});
is(value($target, 'origin', qq{SELECT string_agg(reason || ' ' || (detail->>'role'), ', ' ORDER BY j) FROM unnest(ARRAY[$job, $of_gone]) j, foreman.why(j)}),
	'role dropped, role gone', 'those of the missing roles wait, also when there is a role of the name later, and why() names them');
like(value($target, 'origin', $roles), qr/^false missing: "dropped", "gone"/, 'health() names them');
is(value($target, 'origin', q{SELECT foreman.reassign_role('dropped', 'heir') ->> 'handlers'}), '1', 'one call gives everything of one to another role');
is(value($target, 'origin', q{SELECT foreman.reassign_role('gone', 'gone') ->> 'handlers'}), '1', 'or to the new role of the name');
eventually($target, 'origin', qq{SELECT count(*) = 2 FROM foreman.jobs WHERE job_id IN ($job, $of_gone) AND state = 'completed'}, 20, 'their jobs run');
is(value($target, 'origin', qq{SELECT result #>> '{}' FROM foreman.jobs WHERE job_id = $job}), 'heir', 'as that role');
is(value($target, 'origin', q{SELECT string_agg(name || ' ' || run_as || ' ' || active, ', ' ORDER BY name) FROM foreman.schedules WHERE schedule_id > 0}),
	'j_dropped heir true, off heir false, s_dropped heir true, s_gone gone true, s_renamed after true', 'schedules go on, and one that somebody switched off stays off');
is(value($target, 'origin', $crons), "c_dropped heir, c_gone gone, c_mine $me, c_renamed after", 'cron.job names the new roles');
eventually($target, 'origin', q{SELECT count(DISTINCT username) = 2 FROM cron.job_run_details WHERE username IN ('heir', 'gone') AND status = 'succeeded'
	AND start_time > pg_postmaster_start_time()}, 20, 'and the jobs run as them');
like(value($target, 'origin', $roles), qr/^true/, 'nobody is missing any more');
my ($rc, $out, $err) = $target->psql('origin', q{SELECT foreman.reassign_role('dropped', 'heir')});
like($err, qr/nothing here belongs to a role "dropped"/, 'a call that would give nothing is an error');
# Since PostgreSQL 17 a background worker may be of a role without LOGIN.
$target->safe_psql('origin', 'REVOKE CONNECT ON DATABASE origin FROM PUBLIC');
like(value($target, 'origin', $roles), qr/^false .*role "heir" lacks CONNECT/, 'health() names a role that is there and cannot run');

done_testing();
