# A projection whose handler crashes the server is paused after foreman.max_crashes of them, also where its job is made
# anew by a dispatcher whose commits are not on the disk yet when it runs.
# Broken by: a new job for the same event whenever the last one became a dead letter, or was lost with the crash.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('projection_crashes');
$node->start;
install($node, 'postgres');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', '../lib/workflows.sql' ], 'helpers');
$node->safe_psql('postgres', q{
	CREATE TABLE seen (event_type text);
	CREATE TABLE deadly (event_type text);
	CREATE FUNCTION see(e foreman.event) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM deadly WHERE event_type = e.event_type) THEN
			EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid());
			PERFORM pg_sleep(10);
		END IF;
		INSERT INTO seen VALUES (e.event_type);
	END $$;
	INSERT INTO deadly VALUES ('C')});
# From then on its commits may be lost.
eventually($node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND backend_start < now() - interval '11 s'}, 30, 'a dispatcher that is old');
$node->safe_psql('postgres', q{SELECT foreman.create_projection('see', 'see'), foreman.execute('order', '1', '{"do": "A"}')});
eventually($node, 'postgres', q{SELECT count(*) = 1 FROM seen}, 20, 'it sees the first event');
$node->safe_psql('postgres', q{SELECT foreman.execute('order', '1', '{"events": [{"type": "B"}, {"type": "C"}, {"type": "D"}]}')});

eventually($node, 'postgres', q{SELECT state = 'paused' FROM foreman.projections}, 60, 'it is paused');
is(value($node, 'postgres', q{SELECT string_agg(event_type, '') FROM seen}), 'A', 'what was seen before is kept');
is(value($node, 'postgres', q{SELECT error ->> 'message' FROM foreman.projections}), 'the server crashed while this job was running (crash 2 of 2)', 'the view says why');
like(value($node, 'postgres', q{SELECT detail FROM foreman.health() WHERE name = 'projections' AND NOT ok}), qr/"see" fails/, 'so does health()');
my $crashes = () = slurp_file($node->logfile) =~ /was terminated by signal 9/g;
# Those that it may, and one whose job was lost.
cmp_ok($crashes, '<=', 3, 'the server has crashed a few times');
cmp_ok($crashes, '>=', 2, 'and not less than it may');

$node->safe_psql('postgres', 'DELETE FROM deadly');
is(value($node, 'postgres', q{SELECT foreman.resume_projection('see')}), 't', 'mended, it is resumed');
eventually($node, 'postgres', q{SELECT string_agg(event_type, '') = 'ABCD' FROM seen}, 20, 'and goes on, with each event once');
is(value($node, 'postgres', q{SELECT error IS NULL AND state = 'running' FROM foreman.projections}), 't', 'the view says nothing more of it');
$node->stop;
done_testing();
