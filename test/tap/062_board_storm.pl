# The board under random operations by several sessions at once: leases, keys of one session and of all, ranges and their
# raises, places of queues, and ends that somebody waits for. Each session compares what it reads with what it has done. Some
# thousand entries of each kind fill the smallest board there is, so that entries leave for others all the time.
# STORM_ROUNDS: operations of each session (100,000); FOREMAN_TEST_SEED repeats a run. make sanitizers runs it, too.
# Broken by: a key that leaves the board while a job runs under it; a head that an eviction raises.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $rounds = $ENV{STORM_ROUNDS} // 100_000;
my $sessions = 6;
my $seed = seed();
my $database = 4_000_000_000;

my $node = new_server('storm', debug => 1, 'foreman.board_memory' => '8MB');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_foreman;
	CREATE ROLE storm1 SUPERUSER; CREATE ROLE storm2 SUPERUSER; CREATE ROLE storm3 SUPERUSER;
	CREATE FUNCTION storm(database oid, session int4, seed int8, rounds int4) RETURNS TABLE (what text, thing int4) LANGUAGE c AS 'pg_foreman', 'foreman_board_storm'});

sub used
{
	my @tables = @_;
	my $tables = join ', ', map { "'$_'" } @tables;
	return value($node, 'postgres', qq{SELECT string_agg(labels ->> 'table' || ' ' || value, ', ' ORDER BY labels ->> 'table') FROM foreman.metrics
		WHERE name = 'foreman_board_used' AND labels ->> 'table' IN ($tables)});
}
# What each session has given back by itself, and what stays until its database is cleared.
my @given_back = qw(leases awaited);
my @all = (@given_back, qw(ranges queues keys));

my ($before, $before_of_all) = (used(@given_back), used(@all));
my @runs;
for my $session (1 .. $sessions)
{
	# A role takes half of the room for keys and leases at most.
	my $role = 'SET ROLE storm' . (1 + $session % 3);
	my $sql = "SELECT what, count(*), min(thing) FROM storm($database, $session, $seed + $session, $rounds) GROUP BY what";
	my %run = (out => '', err => '');
	$run{process} = IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $role, '-c', $sql ], '>', \$run{out}, '2>', \$run{err}, IPC::Run::timeout(600));
	push @runs, \%run;
}
# Meanwhile the tables are full, from when the first of them has begun.
my $most;
for (1 .. 600)
{
	$most = used(@all);
	last if $most ne $before_of_all;
	usleep(50_000);
}
for my $session (1 .. $sessions)
{
	my $run = $runs[ $session - 1 ];
	$run->{process}->finish;
	is($run->{err} . $run->{out}, '', "session $session found everything as it should be");
}
isnt($most, $before_of_all, "meanwhile there was much on the board: $most");
is(used(@given_back), $before, 'leases and awaited ends went one by one');
$node->safe_psql('postgres', "SELECT FROM storm($database, 0, 0, 0)");
is(used(@all), $before_of_all, 'and afterwards nothing of it is left');
$node->stop;
done_testing();
