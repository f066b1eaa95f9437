# A database that is restored where some of its roles are not: every row of everybody comes along, numbers mean
# nobody, and one call gives what waits to another role.
# databasus#721; https://github.com/citusdata/pg_cron/issues/293
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
$node->safe_psql('postgres', 'CREATE ROLE gone LOGIN; CREATE ROLE dropped LOGIN; CREATE ROLE before LOGIN; CREATE ROLE heir LOGIN');
$node->safe_psql('origin', q{
	CREATE FUNCTION ok(jsonb) RETURNS void LANGUAGE sql AS '';
	SELECT foreman.register_handler('mine', 'ok');
	SELECT foreman.register_handler('of_gone', 'ok', run_as => 'gone');
	SELECT foreman.register_handler('of_dropped', 'ok', run_as => 'dropped');
	SELECT foreman.register_handler('of_renamed', 'ok', run_as => 'before');
	SELECT foreman.grant_role('producer', 'gone');
	SELECT foreman.enqueue(k, run_at => '2000-01-01') FROM unnest('{mine,of_gone,of_dropped}'::text[]) k WHERE foreman.stop() IS NOT NULL});
my $number = $node->safe_psql('origin', q{SELECT 'dropped'::regrole::oid});
$node->safe_psql('origin', q{ALTER ROLE before RENAME TO after; CREATE ROLE before LOGIN});
is($node->safe_psql('origin', q{SELECT run_as::text FROM foreman.handlers WHERE kind = 'of_renamed'}), 'after', 'a rename keeps the handler with its role');
$node->safe_psql('origin', 'DROP OWNED BY dropped; DROP ROLE dropped');
$node->safe_psql('origin', qq{CREATE ROLE boss SUPERUSER LOGIN; UPDATE pg_authid SET oid = $number WHERE rolname = 'boss'});
is($node->safe_psql('origin', q{SELECT run_as::text FROM foreman.handlers WHERE kind = 'of_dropped'}), '?dropped', 'a role with the number of a dropped one does not get its handler');

my $dump = $node->basedir . '/origin.dump';
$node->command_ok(['pg_dump', '-Fc', '-f', $dump, $node->connstr('origin')], 'the database is dumped');

my $other = new_server('missing_roles_other');
$other->start;
$other->safe_psql('postgres', 'CREATE ROLE heir LOGIN; CREATE ROLE after LOGIN; CREATE DATABASE restored');
$other->command_checks_all(['pg_restore', '--no-owner', '-d', $other->connstr('restored'), $dump], 1, [qr/^/],
	[qr/role "gone" does not exist/], 'only GRANTs to the missing role fail');
is($other->safe_psql('restored', q{SELECT string_agg(kind || ' ' || run_as::text, ', ' ORDER BY kind) FROM foreman.handlers WHERE kind ~ '^(mine|of_)'}),
	'mine ' . $other->safe_psql('postgres', 'SELECT current_user') . ', of_dropped ?dropped, of_gone ?gone, of_renamed after',
	'all handlers are restored, those of roles that are not there with a sign');
is($other->safe_psql('restored', q{SELECT count(*) FROM foreman.role_grant WHERE role::text = '?gone' AND bundle = 'producer'}), '1', 'grants, too');
$other->safe_psql('restored', 'CREATE ROLE gone SUPERUSER LOGIN; SELECT foreman.start()');
eventually($other, 'restored', q{SELECT count(*) = 0 FROM foreman.live_job WHERE kind = 'mine'}, 20, 'the jobs of others run');
is($other->safe_psql('restored', q{SELECT string_agg(w.reason || ' ' || (w.detail->>'role'), ', ' ORDER BY j.kind) FROM foreman.live_job j, foreman.why(j.job_id) w}),
	'role dropped, role gone', 'why() names the missing role of those that wait');
like($other->safe_psql('restored', q{SELECT detail FROM foreman.health() WHERE name = 'roles' AND NOT ok}), qr/reassign_role/, 'health() says what to do');
is($other->safe_psql('restored', q{SELECT foreman.reassign_role(r, 'heir')->>'handlers' FROM unnest('{gone,dropped}'::text[]) r}), "1\n1", 'one call each gives them away');
eventually($other, 'restored', q{SELECT count(*) = 0 FROM foreman.live_job}, 20, 'and their jobs run');
is($other->safe_psql('restored', q{SELECT ok FROM foreman.health() WHERE name = 'roles'}), 't', 'nothing is missing any more');
my ($rc, $out, $err) = $other->psql('restored', q{SELECT foreman.reassign_role('gone', 'heir')});
like($err, qr/nothing here belongs to a role "gone"/, 'a call that would give nothing is an error');

done_testing();
