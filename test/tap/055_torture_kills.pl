# P2 to P6 and P8 under kill -9: of executors, the dispatcher, the launcher, sessions, the server's own processes (checkpointer,
# WAL writer, background writer, launchers of autovacuum and of logical replication), clients that work outside, and of
# the whole server: its postmaster by kill -9, and by an immediate stop. All that while there is a load of everything.
# After each the throughput is measured. TORTURE_KILLS: how many kills (8; `make torture`: 1000); TORTURE_CRASHES: how many
# crashes of the server (2; `make torture`: 50); TORTURE_SECONDS: no longer than that (20; `make torture`: 3600).
# Broken by: effects that commit apart from their outcome; a dispatcher that does not come back, or not at once.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;
use ForemanCampaign;
use ForemanLoad;

my $kills = $ENV{TORTURE_KILLS} // 8;
my $crashes = $ENV{TORTURE_CRASHES} // 2;
my $until = time + ($ENV{TORTURE_SECONDS} // 20);
my $long = $kills >= 100;
seed();

# One job may be met by many kills by chance; the limit of crashes has tests of its own.
my $node = new_server('torture', 'foreman.max_crashes' => 1000, 'foreman.max_executors' => 8, 'max_worker_processes' => 24);
$node->start;
install_load($node);
my $campaign = ForemanCampaign->new($node, clients => [ load_clients() ]);

sub process
{
	my ($type) = @_;
	return qq{SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1};
}
my %victim = (
	'executor' => q{SELECT pid FROM foreman.workers WHERE pid IS NOT NULL ORDER BY job_id IS NULL, random() LIMIT 1},
	'session' => q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND query LIKE '%l.%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1},
	'dispatcher' => process('pg_foreman dispatcher'),
	'launcher' => process('pg_foreman launcher'),
	map { $_ => process($_) } 'checkpointer', 'walwriter', 'background writer', 'autovacuum launcher', 'logical replication launcher');
my @kinds = (('executor') x 6, ('session') x 3, ('dispatcher') x 3, ('launcher') x 2, ('client') x 3, sort grep { !/^(executor|session|dispatcher|launcher)$/ } keys %victim);
my (%count, @recoveries, @returns, $slow);
my ($usual, $measured) = (0, 0);

# Kills one of a kind; answers when the server takes connections again, or nothing where it did not crash.
sub kill_one
{
	my ($kind) = @_;
	if ($kind eq 'client')
	{
		# The server hears nothing of it until it writes to that client.
		$campaign->end(2 + int(rand(2)));
		$count{$kind}++;
		return;
	}
	my $pid = ask($node, 'postgres', $victim{$kind});
	usleep(int(rand(20_000)));
	return if $pid !~ /^[0-9]+$/ || !kill(9, $pid);
	$count{$kind}++;
	my $killed = time;
	return if !defined wait_for($node, 'postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)", 60);
	push @recoveries, time - $killed;
	return time;
}

sub crash_server
{
	my ($how) = @_;
	$count{"server, $how"}++;
	my $killed = time;
	if ($how eq 'stopped at once')
	{
		$node->stop('immediate');
	}
	else
	{
		my @all = split /\n/, value($node, 'postgres', 'SELECT pid FROM pg_stat_activity');
		$node->kill9;
		my $deadline = time + 60;
		usleep(20_000) while (grep { kill 0, $_ } @all) && time < $deadline;
	}
	start_after_kill($node);
	push @recoveries, time - $killed;
	return time;
}

sub measure
{
	my ($seconds) = @_;
	$usual = value($node, 'postgres', "SELECT l.usual_rate($seconds)");
	$measured = 0;
	return;
}

# Seconds from the recovery until effects commit at 90 % of the usual rate.
sub returns
{
	my ($recovered) = @_;
	my $began = time - $recovered;
	my $took = ask($node, 'postgres', sprintf 'SELECT l.seconds_until(%f, 5)', 0.9 * $usual);
	if ($took eq '')
	{
		# Not the extension's fault where the machine is slower now: then it is no faster a while later.
		my $then = ask($node, 'postgres', 'SELECT l.rate()') || 0;
		usleep(3_000_000);
		measure(3);
		$slow++ if $then < 0.9 * $usual;
		$took = 5;
	}
	push @returns, $began + $took;
	return;
}

$campaign->start($campaign->all);
ok(defined wait_for($node, 'postgres', 'SELECT l.rate() > 0', 30), 'there is load');
usleep(1_000_000);
measure($long ? 5 : 2);
diag(sprintf 'usual rate: %d effects a second', $usual);
my ($killed, $crashed, $back) = (0, 0, 1);
while (($killed < $kills || $crashed < $crashes) && time < $until && $back)
{
	usleep(int(rand(200_000)));
	my $recovered;
	if ($crashed < $crashes && $crashed * $kills <= $killed * $crashes)
	{
		$recovered = crash_server($crashed++ % 2 ? 'killed' : 'stopped at once');
	}
	else
	{
		my $before = $killed;
		my $kind = $kinds[ int(rand(@kinds)) ];
		my $had = $count{$kind} // 0;
		$recovered = kill_one($kind);
		$killed++ if ($count{$kind} // 0) > $had;
		diag(sprintf '%s %d of %d kills, %d of %d crashes', scalar localtime, $killed, $kills, $crashed, $crashes) if $killed > $before && $killed % 50 == 0;
	}
	if (defined $recovered)
	{
		$campaign->end($campaign->all);
	}
	$campaign->start($campaign->all);
	next if !defined $recovered;
	$back = defined wait_for($node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'}, 60);
	returns($recovered);
	measure(2) if ++$measured >= 50;
}
ok($back, 'the dispatcher comes back after every kill');

sub quantile
{
	my ($q, @all) = @_;
	return 0 if !@all;
	@all = sort { $a <=> $b } @all;
	return sprintf '%.2f s', $all[ int($q * $#all) ];
}
figure('kill -9', $killed);
figure('crashes of the server', $crashed);
figure('killed', join(', ', map { "$_: $count{$_}" } sort keys %count));
figure('usual rate', sprintf('%d effects/s', $usual));
figure('from the kill until connections are taken, median and most', quantile(0.5, @recoveries) . ', ' . quantile(1, @recoveries));
figure('from there until 90 % of the usual rate, median, 99 % and most', join ', ', map { quantile($_, @returns) } 0.5, 0.99, 1);
figure('later than 5 s', $slow // 0);
if ($long)
{
	is("$killed $crashed", "$kills $crashes", 'as many as wanted');
	is($slow // 0, 0, '90 % of the throughput is back within 5 s of each recovery');
	is(scalar(grep { !$count{$_} } @kinds), 0, 'every kind of process was killed');
}
end_of_load($campaign);
log_is_clean($node);
$node->stop;
done_testing();
