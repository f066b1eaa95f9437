# The feed and projections on servers as people have them: a standby and a failover, settings of the whole server, a dump
# and its restore, a restart, a crash that loses what was not on disk, and a server without the library.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('primary', init => { allows_streaming => 1 });
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE app');
install($node, 'app');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('app'), '-f', '../lib/workflows.sql' ], 'helpers');
$node->safe_psql('app', q{
	CREATE TABLE seen (n int8 GENERATED ALWAYS AS IDENTITY, position int8, event_type text);
	CREATE FUNCTION see(e foreman.event) RETURNS void LANGUAGE sql AS $$ INSERT INTO public.seen (position, event_type) VALUES (e.position, e.event_type) $$});

sub execute
{
	my ($where, $db, $event) = @_;
	return $where->safe_psql($db, qq{SELECT foreman.execute('order', '1', '{"do": "$event"}')});
}
# The types of events as the reader and as the projection have them.
sub feed { my ($where, $db) = @_; return value($where, $db, q{SELECT string_agg(event_type, '' ORDER BY position) FROM foreman.read_feed()}); }
sub seen { my ($where, $db) = @_; return value($where, $db, q{SELECT string_agg(event_type, '' ORDER BY n) FROM seen}); }
sub sees { my ($where, $db, $all, $what) = @_; return eventually($where, $db, qq{SELECT string_agg(event_type, '' ORDER BY n) = '$all' FROM seen}, 20, $what); }
sub error_of { my ($where, $db, $sql) = @_; my ($out, $err) = ('', ''); $where->psql($db, $sql, stdout => \$out, stderr => \$err); return $err; }

execute($node, 'app', 'A');
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
like(error_of($standby, 'app', 'SELECT foreman.read_feed()'), qr/a standby does not know up to where the feed is settled\nHINT:.*create one there/, 'a standby without projections says what it needs');
$node->safe_psql('app', q{SELECT foreman.create_projection('seen', 'see')});
sees($node, 'app', 'A', 'a projection on the primary');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(feed($standby, 'app'), 'A', 'a standby reads as far as the projections have come');
is(value($standby, 'app', 'SELECT foreman.feed_position()'), value($node, 'app', 'SELECT foreman.feed_position()'), 'and says so');
like(error_of($standby, 'app', q{SELECT foreman.create_projection('x', 'see')}), qr/recovery|standby|read-only/, 'it changes nothing');

# Settings of the whole server.
$node->safe_psql('postgres', q{ALTER SYSTEM SET default_transaction_isolation = 'serializable'; ALTER SYSTEM SET default_transaction_read_only = on;
	ALTER SYSTEM SET statement_timeout = '10s'; ALTER SYSTEM SET idle_in_transaction_session_timeout = '10s'; ALTER SYSTEM SET lock_timeout = '5s'});
$node->reload;
eventually($node, 'app', q{SELECT current_setting('default_transaction_read_only') = 'on'}, 20, 'serializable and read-only for all');
is(feed($node, 'app'), 'A', 'readers read');
$node->safe_psql('app', q{SET default_transaction_read_only = off; SELECT foreman.execute('order', '1', '{"do": "B"}')});
sees($node, 'app', 'AB', 'projections go on');
$node->safe_psql('postgres', q{SET default_transaction_read_only = off; ALTER SYSTEM RESET ALL});
$node->reload;
eventually($node, 'app', q{SELECT current_setting('default_transaction_read_only') = 'off'}, 20, 'as before');

# A restart, and a crash.
my $epoch = value($node, 'app', 'SELECT DISTINCT epoch FROM foreman.read_feed()');
$node->restart;
execute($node, 'app', 'C');
sees($node, 'app', 'ABC', 'it goes on after a restart');
isnt(value($node, 'app', 'SELECT DISTINCT epoch FROM foreman.read_feed()'), $epoch, 'readers are told by the epoch');
$epoch = value($node, 'app', 'SELECT DISTINCT epoch FROM foreman.read_feed()');
# Positions that were drawn and never committed may be drawn anew after a crash: whoever has passed them by misses nothing.
$node->safe_psql('app', q{BEGIN; SELECT foreman.execute('order', 'x' || i, '{"do": "X"}') FROM generate_series(1, 100) i; ROLLBACK});
$node->stop('immediate');
$node->start;
execute($node, 'app', 'D');
sees($node, 'app', 'ABCD', 'and after a crash');
isnt(value($node, 'app', 'SELECT DISTINCT epoch FROM foreman.read_feed()'), $epoch, 'with another epoch');

# A dump and its restore: positions and places go on from where they were.
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('app') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('copy'), $dump ], 'pg_restore');
is(feed($node, 'copy'), 'ABCD', 'the copy has the feed');
execute($node, 'copy', 'E');
is(seen($node, 'copy'), 'ABCD', 'it runs nothing before foreman.start()');
$node->safe_psql('copy', 'SELECT foreman.start()');
sees($node, 'copy', 'ABCDE', 'then its projection goes on where it was');
is(value($node, 'copy', 'SELECT count(*) - count(DISTINCT position) FROM foreman.workflow_event'), '0', 'no position is given twice');
is(seen($node, 'app'), 'ABCD', 'the original knows nothing of it');

# The role of a projection is renamed, and dropped.
$node->safe_psql('app', q{CREATE ROLE projector LOGIN; GRANT INSERT ON seen TO projector; SELECT foreman.drop_projection('seen');
	SELECT foreman.create_projection('seen', 'see', run_as => 'projector', from_position => NULL); ALTER ROLE projector RENAME TO "new name"});
execute($node, 'app', 'F');
sees($node, 'app', 'ABCDF', 'a renamed role');
is(value($node, 'app', 'SELECT run_as FROM foreman.projections'), 'new name', 'has its new name');

# Failover: the standby goes on, with what it has seen.
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$node->stop('immediate');
$standby->promote;
eventually($standby, 'app', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'}, 60, 'the standby is promoted');
execute($standby, 'app', 'G');
sees($standby, 'app', 'ABCDFG', 'its projection goes on');
is(feed($standby, 'app'), 'ABCDFG', 'its feed as well');
log_is_clean($standby);
$standby->stop;

# Without the library nobody can tell who appends.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->start;
like(error_of($node, 'app', 'SELECT foreman.read_feed()'), qr/the feed of events.*shared_preload_libraries/s, 'without the library read_feed() says what to set');
execute($node, 'app', 'H');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_foreman'\n");
$node->restart;
sees($node, 'app', 'ABCDFH', 'with it, what was appended meanwhile is seen');
log_is_clean($node);
$node->stop;
done_testing();
