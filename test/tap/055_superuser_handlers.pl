# With foreman.superuser_handlers = off nothing that a queue holds is done with the rights of a superuser: what is registered
# as one is refused, what was registered before waits and says why, and roles that are no superusers work as ever.
# Broken by: a check at registration only; a role that was made a superuser afterwards; passes; functions of workflows.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('superusers');
$node->start;
install($node, 'postgres');

sub number { return value($node, 'postgres', $_[0]); }

sub refused
{
	my ($sql, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $err = '';
	$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stderr => \$err);
	return like($err, qr/ERROR:  42501: $expected/, $what);
}

$node->safe_psql('postgres', q{
	CREATE ROLE plain LOGIN;
	CREATE ROLE risen LOGIN;
	GRANT ALL ON effects TO plain, risen;
	SELECT foreman.grant_role('operator', 'plain');
	CREATE FUNCTION who(args jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(current_user::text) $$;
	CREATE FUNCTION decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"events": [{"type": "seen"}]}'::jsonb $$;
	SELECT foreman.register_handler('as_super', 'who'), foreman.register_handler('as_plain', 'who', run_as => 'plain'),
		foreman.register_handler('as_risen', 'who', run_as => 'risen');
	SELECT foreman.create_workflow_type('type_of_super', 'decide')});
my $before = number(q{SELECT foreman.enqueue('as_super')});
eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $before", 30, 'by default superusers run handlers');

$node->append_conf('postgresql.conf', 'foreman.superuser_handlers = off');
$node->restart;
refused(q{SELECT foreman.register_handler('another', 'who')}, 'role "postgres" cannot run handlers: it is a superuser', 'a handler of a superuser is refused');
refused(q{SELECT foreman.schedule('s', '1 hour', 'SELECT 1')}, 'role "postgres" cannot run handlers', 'so is a command');
refused(q{SELECT foreman.create_workflow_type('another', 'decide')}, 'role "postgres" cannot run handlers', 'and a type of workflows');
refused(q{SELECT foreman.execute('type_of_super', 'w', '{}')}, 'workflow type "type_of_super" cannot be used: its role is a superuser',
	'functions of a type that was there before are not called');
refused(q{SELECT foreman.drain()}, 'foreman.drain\(\) cannot run handlers as a superuser', 'nor does a pass run handlers');
my $err = '';
$node->psql('postgres', 'SET foreman.superuser_handlers = on', stderr => \$err);
like($err, qr/cannot be changed/, 'not even a superuser turns it on in a session');

my $waits = number(q{SELECT foreman.enqueue('as_super')});
my $runs = number(q{SELECT foreman.enqueue('as_plain')});
eventually($node, 'postgres', "SELECT result = '\"plain\"' FROM foreman.jobs WHERE job_id = $runs AND state = 'completed'", 30, 'others run as ever');
is(number("SELECT string_agg(reason || ' ' || (detail ->> 'role') || ' ' || (detail ->> 'lacks'), ',') FROM foreman.why($waits)"),
	'role postgres foreman.superuser_handlers', 'why() says what keeps a job of a superuser');
is(number("SELECT state || ' ' || attempt FROM foreman.jobs WHERE job_id = $waits"), 'available 0', 'which waits, and loses no attempt');
like(number(q{SELECT detail FROM foreman.health() WHERE name = 'roles' AND NOT ok}), qr/role "postgres" lacks foreman.superuser_handlers, being a superuser/,
	'health() says so');
cmp_ok(log_count($node, qr/pg_foreman cannot run the jobs of role postgres: it is a superuser, and foreman.superuser_handlers is off/, 0), '>', 0, 'and the log');

# Its executor is there already, and is not asked to leave.
my $as_plain = number(q{SELECT foreman.enqueue('as_risen')});
eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $as_plain", 30, 'a role that is none runs its handler');
is(number(q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor' AND usename = 'risen'}), 't', 'and its executor stays');
$node->safe_psql('postgres', 'ALTER ROLE risen SUPERUSER');
my $risen = number(q{SELECT foreman.enqueue('as_risen')});
eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.why($risen) WHERE detail ->> 'lacks' = 'foreman.superuser_handlers'", 10,
	'a role that became a superuser after it registered its handler runs nothing');
$node->safe_psql('postgres', 'ALTER ROLE risen NOSUPERUSER');
eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $risen", 60, 'until it is none');

$node->safe_psql('postgres', q{SELECT foreman.register_handler('as_super', 'who', run_as => 'plain')});
eventually($node, 'postgres', "SELECT result = '\"plain\"' FROM foreman.jobs WHERE job_id = $waits AND state = 'completed'", 60,
	'what waited runs when its handler has another role');

done_testing();
