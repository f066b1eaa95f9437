# The load that campaigns share, in psql clients that can be killed and started again, and its oracle, which counts
# effects, states, events and inputs afterwards: load.sql has both.
package ForemanLoad;

use strict;
use warnings;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use ForemanTest;
use ForemanCampaign;
use Exporter 'import';

our @EXPORT = qw(install_load load_clients end_of_load);

sub install_load
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_foreman');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $_ ], $_) for '../lib/workflows.sql', 'lib/load.sql';
	return;
}

# Two that produce and two that work, for ForemanCampaign->new(clients => ...).
sub load_clients
{
	return (
		(map { my $i = $_; sub { "SELECT l.produce($i) \\watch 0.01" } } 1 .. 2),
		sub { 'SELECT l.work() \watch 0.01' },
		sub { 'CALL l.step() \watch 0.01' });
}

# Tests: when the campaign is over, everything comes to its end, and nothing of what was acknowledged is lost or doubled.
# Prints how much it was, and returns how long it took to come to the end. `except`: what is not asked.
sub end_of_load
{
	my ($campaign, $except) = @_;
	my $node = $campaign->{node};
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$campaign->end($campaign->all);
	$node->safe_psql('postgres', q{SELECT foreman.unschedule('load')});
	my $began = time;
	my $deadline = $began + 120;
	until (value($node, 'postgres', is_idle()) eq 't' || time > $deadline)
	{
		$node->psql('postgres', 'SELECT l.work()', stderr => \my $err);
		usleep(50_000);
	}
	eventually($node, 'postgres', is_idle(), 60, 'everything comes to its end')
	  or diag(value($node, 'postgres', q{SELECT kind, state, attempt, run_at, leased_until, errors->-1->>'message' FROM foreman.jobs WHERE finished_at IS NULL LIMIT 10}));
	my $took = time - $began;
	my $acked = @{ $campaign->{printed} };
	$campaign->store_printed('l.acked');
	my ($lost, $doubled) = (0, 0);
	for (split /\n/, value($node, 'postgres', 'SELECT what, times FROM l.broken()'))
	{
		my ($what, $times) = split /\|/;
		next if defined $except && $what =~ $except;
		is($times, '0', "none of these: $what");
		$lost += $times if $what =~ /lost|without effect|never run/;
		$doubled += $times if $what =~ /doubled|twice|two places/;
	}
	my $counts = value($node, 'postgres', q{SELECT (SELECT count(*) FROM foreman.job_history), (SELECT count(*) FROM l.effects), (SELECT count(*) FROM foreman.workflow_event),
		(SELECT count(*) FROM foreman.publish), (SELECT count(*) FROM foreman.schedule_run), (SELECT count(*) FROM foreman.job_history WHERE unique_key IS NOT NULL)});
	my ($jobs, $effects, $events, $publishes, $fired, $timers) = split /\|/, $counts;
	figure('jobs', $jobs);
	figure('acknowledged', $acked);
	figure('effects', $effects);
	figure('events of workflows', $events);
	figure('publishes', $publishes);
	figure('timers', $timers);
	figure('occurrences of schedules', $fired);
	figure('lost', $lost);
	figure('doubled', $doubled);
	return $took;
}

1;
