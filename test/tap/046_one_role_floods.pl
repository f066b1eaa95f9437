# One role, or one busy application, cannot take a table of the board from all others. Each subtest lets a role fill
# one (of the smallest board there is), and asks whether the work of somebody else goes on in time, and whether why()
# and health() say what is full.
# Broken by: a full table that is taken for a key in use; entries that stay for ever; passes over all entries for each
# new one; a table that is full and says so nowhere.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('floods', 'foreman.board_memory' => '8', 'max_connections' => 60);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE ROLE eve LOGIN;
	SELECT foreman.create_queue('eve');
	SELECT foreman.grant_role(b, 'eve', 'eve') FROM unnest('{producer,worker,operator}'::text[]) b;
});

# What psql printed, and its errors.
sub as_eve
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "SET ROLE eve; $sql", stdout => \$out, stderr => \$err, on_error_stop => 0, timeout => 120);
	return ($out, $err);
}

sub number { return value($node, 'postgres', $_[0]); }

sub used { return number("SELECT value FROM foreman.metrics WHERE name = 'foreman_board_used' AND labels ->> 'table' = '$_[0]'"); }

sub capacity { return number("SELECT value FROM foreman.metrics WHERE name = 'foreman_board_capacity' AND labels ->> 'table' = '$_[0]'"); }

sub is_full
{
	my ($table) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(number("SELECT string_agg(name, ' ') FROM foreman.health() WHERE name IN ('board_$table', 'board_memory') AND NOT ok"),
		"board_$table board_memory", "health() says that there is no more room for $table");
}

sub reasons { return number("SELECT string_agg(reason || ' ' || (detail ->> 'table'), ', ') FROM foreman.why($_[0]) WHERE reason = 'no_room'"); }

is(number("SELECT count(*) FROM foreman.health() WHERE NOT ok"), '0', 'all is well at first');

subtest 'keys' => sub {
	$node->safe_psql('postgres', q{SELECT count(foreman.enqueue('out', queue => 'eve', concurrency_key => 'k' || g)) FROM generate_series(1, 2000) g});
	my ($out, $err) = as_eve(q{SELECT count(*) FROM foreman.claim('{eve}', 'w', 1000, lease => '1 h'); SELECT * FROM foreman.claim('{eve}', 'w', 1000)});
	like($err, qr/no room for the keys/, 'a claim beyond the table says so');
	cmp_ok((split /\n/, $out)[0], '>=', 300, 'after it gave what fits');
	is(number(q{SELECT count(*) FROM foreman.jobs WHERE queue = 'eve' AND state = 'pending'}), '0', 'jobs whose keys are free are not parked');
	my $waits = number(q{SELECT max(job_id) FROM foreman.jobs WHERE queue = 'eve' AND state = 'available'});
	is(reasons($waits), 'no_room keys', 'why() names the table');
	cmp_ok(used('keys'), '>=', 300, 'metrics say how much of it is used');
	cmp_ok(capacity('keys'), '>=', used('keys'), 'of how much');
	is_full('keys');
	$node->safe_psql('postgres', q{SELECT count(foreman.release_lease(job_id)) FROM foreman.live_job WHERE queue = 'eve' AND state = 'r';
		SELECT foreman.purge_queue('eve')});
	is(used('keys'), '0', 'all of them come back');
};

done_testing();
