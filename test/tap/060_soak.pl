# Hours of load: the memory of no process grows, no table and no file of the extension is larger than its policy says, and
# the log repeats nothing. Memory is what a process has for itself alone (RssAnon: without shared memory and files); it is
# compared between the second and the last third of the time, as the sizes are. SOAK_MINUTES: how long (0.25; `make soak`: 60).
# Not from 10 to 30 minutes: what the dispatcher keeps for its first look at what is to be pruned, after ten, would count as growth.
# Broken by: a context that is not reset after a job; rows that are kept for ever; a line for each turn of a duty.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;
use ForemanCampaign;
use ForemanLoad;

my $seconds = 60 * ($ENV{SOAK_MINUTES} // 0.25);
# Retention, and so the time after which sizes stand still.
my $keep = $seconds > 600 ? 60 : 3;
# The dispatcher prunes every ten minutes: a shorter run does it itself, too.
my $prunes = $seconds < 3000;
seed();

my $node = new_server('soak', 'foreman.max_executors' => 6, 'max_worker_processes' => 24, 'autovacuum_naptime' => "'1s'", 'foreman.retain_publishes' => "'$keep s'",
	'autovacuum_vacuum_cost_delay' => 0, 'foreman.poll_interval' => "'5s'");
$node->start;
install_load($node);
$node->safe_psql('postgres', qq{
	SELECT foreman.create_queue('default', retain_completed => '$keep s'), foreman.alter_queue('outside', retain_completed => '$keep s');
	ALTER TABLE l.effects SET (autovacuum_enabled = off)});
my $campaign = ForemanCampaign->new($node, clients => [ load_clients() ]);
$campaign->start($campaign->all);
ok(defined wait_for($node, 'postgres', 'SELECT l.rate() > 100', 60), 'there is load');

# Kilobytes that a process has for itself.
sub memory_of
{
	my ($pid) = @_;
	open(my $file, '<', "/proc/$pid/status") or return;
	local $/ = undef;
	return <$file> =~ /^RssAnon:\s+(\d+) kB/m ? $1 : undef;
}

# Answers whether it was done: an autovacuum that truncates history keeps it out for a while.
sub prunes_once
{
	my $rc = $node->psql('postgres', 'SELECT foreman.prune_once()', stdout => \my $out, stderr => \my $err);
	die $err if $rc && $err !~ /lock timeout/;
	return $rc == 0;
}

# Workflows, which never end here, and what the load itself writes have no policy.
my $sizes = q{SELECT c.relname, pg_total_relation_size(c.oid) / 1024 FROM pg_class c WHERE c.relnamespace = 'foreman'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'workflow%'
	UNION ALL SELECT 'files of ' || d, sum((pg_stat_file(d || '/' || f, true)).size) / 1024 FROM unnest('{pg_stat_tmp,pg_notify,pg_subtrans,pg_snapshots}'::text[]) d, pg_ls_dir(d) f GROUP BY d};
my (%memory, %size, %kind);
my $began = time;
my $samples = 0;
while (time < $began + $seconds)
{
	my $third = int(3 * (time - $began) / $seconds);
	for (split /\n/, value($node, 'postgres', q{SELECT pid, backend_type || CASE WHEN backend_type = 'client backend' THEN ': ' || left(query, 16) ELSE '' END FROM pg_stat_activity
		WHERE pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'}))
	{
		my ($pid, $kind) = split /\|/;
		my $kb = memory_of($pid) // next;
		$kind{$pid} = $kind;
		push @{ $memory{$pid}[$third] }, $kb;
	}
	for (split /\n/, value($node, 'postgres', $sizes))
	{
		my ($name, $kb) = split /\|/;
		push @{ $size{$name}[$third] }, $kb;
	}
	diag(sprintf '%d of %d minutes, %d effects a second', (time - $began) / 60, $seconds / 60, value($node, 'postgres', 'SELECT l.rate()')) if $seconds > 300 && ++$samples % 12 == 0;
	prunes_once() if $prunes;
	$campaign->start($campaign->all);
	usleep($seconds > 300 ? 5_000_000 : 500_000);
}

sub median { my @all = sort { $a <=> $b } @_; return $all[ $#all / 2 ]; }
sub most { return (sort { $a <=> $b } @_)[-1]; }

# Processes that were there in both thirds. Where these are seconds, one that was started in the second has not got all yet that it needs.
my @watched = grep { ($seconds > 300 || @{ $memory{$_}[0] // [] }) && @{ $memory{$_}[1] // [] } > 1 && @{ $memory{$_}[2] // [] } > 1 } keys %memory;
my %growth;
for my $pid (@watched)
{
	my $by = median(@{ $memory{$pid}[2] }) - median(@{ $memory{$pid}[1] });
	$growth{ $kind{$pid} } = $by if $by > ($growth{ $kind{$pid} } // -1e9);
}
cmp_ok(scalar(grep { /pg_foreman/ } keys %growth), '>=', 3, 'launcher, dispatcher and executors live all the time');
is(join(', ', map { "$_: $growth{$_} kB" } grep { $growth{$_} > 1024 } sort keys %growth), '', 'the memory of no process grows by a megabyte');
# A dead row goes when vacuum comes: half as much again, and a megabyte. Within seconds it may not come at all.
my ($times, $spare) = $seconds > 300 ? (1.5, 1024) : (3, 4096);
my %larger = map { $_ => [ most(@{ $size{$_}[1] }), most(@{ $size{$_}[2] }) ] } grep { $size{$_}[1] && $size{$_}[2] } keys %size;
is(join(', ', map { "$_: $larger{$_}[0] kB, then $larger{$_}[1] kB" } grep { $larger{$_}[1] > $times * $larger{$_}[0] + $spare } sort keys %larger), '', 'no table or file grows beyond its policy');
is(value($node, 'postgres', 'SELECT count(*) FROM foreman.health() WHERE NOT ok'), '0', 'health() finds nothing')
  or diag(value($node, 'postgres', 'SELECT * FROM foreman.health() WHERE NOT ok'));

my %lines;
for (split /\n/, slurp_file($node->logfile))
{
	next if !/ (LOG|WARNING|ERROR|FATAL|PANIC): /;
	s/^.*? (?=(LOG|WARNING|ERROR|FATAL|PANIC):)//;
	s/[0-9]+/N/g;
	$lines{$_}++;
}
is(join("\n", map { "$lines{$_} x $_" } grep { $lines{$_} > 10 } sort keys %lines), '', 'the log has no line more than ten times');

$campaign->end($campaign->all);
$node->safe_psql('postgres', q{SELECT foreman.unschedule('load')});
my $deadline = time + 120;
until (value($node, 'postgres', is_idle()) eq 't' || time > $deadline)
{
	$node->psql('postgres', 'SELECT l.work()', stderr => \my $err);
	usleep(50_000);
}
eventually($node, 'postgres', is_idle(), 60, 'everything comes to its end');
$campaign->store_printed('l.acked');
# History is gone by now: the effects alone tell.
is(value($node, 'postgres', q{SELECT count(*) FROM l.acked a LEFT JOIN l.effects e ON e.job_id = a.tag::int8 WHERE a.tag NOT LIKE '%.%' AND e.job_id IS NULL}), '0', 'each acknowledged job has its effect');
is(value($node, 'postgres', q{SELECT count(*) FROM (SELECT FROM l.effects GROUP BY job_id HAVING count(*) > 1) x}), '0', 'once');
is(value($node, 'postgres', 'SELECT count(*) FROM w.broken()'), '0', 'no invariant of workflows is broken');
usleep(1_000_000 * $keep);
$deadline = time + 60;
usleep(100_000) until prunes_once() || time > $deadline;
is(value($node, 'postgres', 'SELECT count(*) FROM foreman.job_history'), '0', 'and history is gone when its time is over');
# In a short run sizes say little.
is(value($node, 'postgres', q{SELECT (SELECT count(*) FROM foreman.publish), (SELECT count(*) FROM foreman.job_request), (SELECT count(*) FROM foreman.job_dependency),
	(SELECT count(*) FROM foreman.schedule_run)}), '0|0|0|0', 'so are publishes, requests, dependencies and runs of schedules');

figure('minutes', sprintf '%.1f', $seconds / 60);
figure('effects', value($node, 'postgres', 'SELECT count(*) FROM l.effects'));
figure('processes watched', scalar @watched);
figure('growth of memory from the second to the last third', join ', ', map { "$_: $growth{$_} kB" } grep { !/client/ } sort keys %growth);
figure('growth of memory of sessions, at most', most(map { $growth{$_} } grep { /client/ } keys %growth) . ' kB');
figure('tables and files, the most in the second and in the last third', join ', ', map { "$_: $larger{$_}[0] kB, $larger{$_}[1] kB" } grep { $larger{$_}[1] > 300 } sort keys %larger);
figure('lines of the log, the most of one kind', most(values %lines));
log_is_clean($node);
$node->stop;
done_testing();
