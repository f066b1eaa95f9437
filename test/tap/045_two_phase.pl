# The apply worker of a subscription with two_phase commits what it has prepared without a command: the jobs of its triggers start
# as soon as they do anywhere.
# https://github.com/2ndQuadrant/pglogical/issues/178
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('two_phase', 'wal_level' => 'logical', 'max_replication_slots' => 4, 'max_wal_senders' => 4);
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE publisher; CREATE DATABASE subscriber');
$node->safe_psql('publisher', q{CREATE TABLE t (i int PRIMARY KEY)});
$node->safe_psql('publisher', q{CREATE PUBLICATION p FOR TABLE t});
$node->safe_psql('publisher', q{SELECT pg_create_logical_replication_slot('s', 'pgoutput', false, true)});
install($node, 'subscriber');
$node->safe_psql('subscriber', q{
	CREATE TABLE t (i int PRIMARY KEY);
	CREATE FUNCTION to_jobs() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM foreman.enqueue('note'); RETURN NULL; END$$;
	CREATE TRIGGER to_jobs AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION to_jobs();
	ALTER TABLE t ENABLE ALWAYS TRIGGER to_jobs});
(my $connection = $node->connstr('publisher')) =~ s/'/''/g;
$node->safe_psql('subscriber', qq{CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p WITH (create_slot = false, slot_name = 's', two_phase = true, copy_data = false)});
eventually($node, 'subscriber', q{SELECT subtwophasestate = 'e' FROM pg_subscription}, 60, 'the subscription follows prepared transactions');

# The first one has a range on the board made for it, the others meet an engine that is warm and idle.
for my $i (1 .. 3) {
	$node->safe_psql('publisher', qq{BEGIN; INSERT INTO t VALUES ($i); PREPARE TRANSACTION 'g$i'});
	eventually($node, 'subscriber', q{SELECT count(*) = 1 FROM pg_prepared_xacts WHERE database = 'subscriber'}, 60, "$i: it is prepared at the subscriber");
	is(value($node, 'subscriber', q{SELECT count(*) FROM foreman.live_job}), 0, "$i: its job is not there yet");
	$node->safe_psql('publisher', qq{COMMIT PREPARED 'g$i'});
	eventually($node, 'subscriber', qq{SELECT count(*) = $i FROM foreman.job_history}, 20, "$i: its job has run soon after the commit");
}
$node->safe_psql('subscriber', 'DROP SUBSCRIPTION s');
$node->stop;
done_testing();
