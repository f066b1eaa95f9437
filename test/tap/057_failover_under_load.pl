# P2, P3, P8 and P13 when a standby takes over under load: the primary crashes and stays down, which is how it is fenced, the synchronous standby is
# promoted, the clients go on there, and a new standby is made of it; again and again. Nothing that was acknowledged is
# lost, nothing is doubled, and jobs run on the new primary within a second of the end of its recovery. While the
# synchronous standby is gone, nothing is acknowledged, and all goes on when it is back.
# TORTURE_FAILOVERS: how many (1; `make torture`: 20).
# Broken by: a lease or a claim that is remembered outside of the rows; workers that wait for somebody to start them.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;
use ForemanCampaign;
use ForemanLoad;

my $failovers = $ENV{TORTURE_FAILOVERS} // 1;
seed();

my $primary = new_server('primary0', init => { allows_streaming => 1 }, 'foreman.max_crashes' => 1000, 'foreman.max_executors' => 6, 'max_worker_processes' => 24, 'wal_receiver_status_interval' => "'1s'");
$primary->start;
install_load($primary);
my $campaign = ForemanCampaign->new($primary, clients => [ load_clients() ]);

# A standby of the primary for which commits wait.
sub make_standby
{
	my ($n) = @_;
	my $name = "primary$n";
	$primary->backup("base$n");
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($primary, "base$n", has_streaming => 1);
	settings($standby, 'primary_conninfo' => "'" . $primary->connstr . " application_name=$name'", 'synchronous_standby_names' => "''");
	$standby->start;
	settings($primary, 'synchronous_standby_names' => "'$name'");
	$primary->reload;
	defined wait_for($primary, 'postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = '$name' AND sync_state = 'sync'", 60) or die 'the standby is not synchronous';
	return $standby;
}

my (@promoted, @first, @usual);
for my $n (1 .. $failovers)
{
	my $standby = make_standby($n);
	$campaign->start($campaign->all);
	ok(defined wait_for($primary, 'postgres', 'SELECT l.rate() > 100', 60), "failover $n: there is load") or last;
	usleep(300_000 + int(rand(1_500_000)));
	my $old = $primary;
	# Either it crashes, or it loses its standby first, so that its last commits wait.
	if ($n % 3 == 0)
	{
		$standby->stop('immediate');
		usleep(500_000);
		my $waits = ask($old, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'});
		ok($waits, 'commits wait for the standby that has gone');
		$standby->start;
		ok(defined wait_for($old, 'postgres', 'SELECT l.rate() > 100', 60), 'all goes on when it is back');
	}
	$old->kill9 if $n % 2;
	$old->stop('immediate') if $n % 2 == 0;
	$campaign->end($campaign->all);
	my $began = time;
	$standby->promote;
	ok(defined wait_for($standby, 'postgres', 'SELECT NOT pg_is_in_recovery()', 30), 'the standby is promoted') or last;
	push @promoted, time - $began;
	# What waited on the old primary is work enough.
	# By the server's log: its recovery is over when it says that it is ready.
	my ($recovered) = (grep { /database system is ready to accept connections/ } split /\n/, slurp_file($standby->logfile))[-1] =~ /^(\S+ \S+ \S+)/;
	my $ran = "SELECT min(at) FROM l.effects WHERE at > '$recovered'";
	ok(defined wait_for($standby, 'postgres', "SELECT ($ran) IS NOT NULL", 30), 'jobs run there') or last;
	push @first, value($standby, 'postgres', "SELECT extract(epoch FROM ($ran) - '$recovered')");
	$primary = $standby;
	$campaign->{node} = $primary;
	diag("$n of $failovers") if $n % 5 == 0;
}
is(scalar @first, $failovers, 'as many failovers as wanted');
@first = sort { $a <=> $b } @first;
@promoted = sort { $a <=> $b } @promoted;
# The median of many; one alone may meet a moment in which the machine was busy.
my $limit = $failovers > 1 ? 1 : 5;
cmp_ok($first[ $#first / 2 ], '<', $limit, "jobs run within $limit s of the end of recovery");
figure('failovers', scalar @first);
figure('until the standby takes writes, median and most', sprintf '%.2f s, %.2f s', $promoted[ $#promoted / 2 ], $promoted[-1]);
figure('from there until a job has run, median and most', sprintf '%.2f s, %.2f s', $first[ $#first / 2 ], $first[-1]);
$campaign->start($campaign->all);
usleep(500_000);
end_of_load($campaign);
log_is_clean($primary);
$primary->stop;
done_testing();
