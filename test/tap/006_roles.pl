# Five roles, two databases, four executors: every role makes progress all the time, nobody starves, and there
# are never more than foreman.max_executors executors. P15: each handler's session is its role's.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('roles', 'foreman.max_executors' => 4);
$node->start;
my @roles = map { "role$_" } 1 .. 5;
my @databases = qw(north south);
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for @roles;
for my $db (@databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	install($node, $db);
	$node->safe_psql($db, "SELECT foreman.register_handler('of_$_', 'public.nap', run_as => '$_')") for @roles;
}

# About 3 s of work for each of the ten, most urgent first for the first role: its work must not keep the
# others out.
my $each = 150;
for my $db (@databases)
{
	$node->safe_psql($db, qq{
		SELECT foreman.enqueue('of_' || r, args => '{"s": 0.02}', priority => CASE r WHEN 'role1' THEN -50 ELSE 0 END)
		FROM generate_series(1, $each), unnest('{@{[join ',', @roles]}}'::text[]) r});
}

my ($most, $most_busy, $samples) = (0, 0, 0);
my $until = time + 90;
while (time < $until)
{
	my ($n, $busy) = split /\|/, value($node, 'north', q{
		SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor'),
			(SELECT count(*) FROM foreman.workers)});
	$most = $n if $n > $most;
	$most_busy = $busy if $busy > $most_busy;
	$samples++;
	last if $samples % 10 == 0 && !grep { value($node, $_, is_idle()) ne 't' } @databases;
}
note("$samples samples, at most $most processes, at most $most_busy slots");
cmp_ok($most_busy, '<=', 4, 'never more executors than max_executors');
cmp_ok($most, '<=', 4, 'nor more processes of that kind');

my %first;
my $effects = '';
for my $db (@databases)
{
	is(value($node, $db, 'SELECT count(*) FROM foreman.live_job'), '0', "$db: all is done");
	is(value($node, $db, 'SELECT count(*), count(DISTINCT job_id) FROM effects'), (5 * $each) . '|' . (5 * $each), "$db: once each");
	is(value($node, $db, q{SELECT count(*) FROM effects WHERE kind <> 'of_' || who OR session <> who}), '0',
		"P15: $db: each in a session of its own role");
	$effects .= value($node, $db, "SELECT '$db ' || kind, extract(epoch FROM started), extract(epoch FROM ended) FROM effects") . "\n";
}

my (%spans, @edges);
for (split /\n/, $effects)
{
	my ($who, $from, $to) = split /\|/;
	push @{ $spans{$who} }, [ $from, $to ];
	push @edges, [ $from, 1 ], [ $to, -1 ];
}
is(scalar keys %spans, 10, 'all ten pairs of role and database had their turn');

my ($running, $peak) = (0, 0);
for my $edge (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @edges)
{
	$running += $edge->[1];
	$peak = $running if $running > $peak;
}
cmp_ok($peak, '<=', 4, "at most four handlers at any moment ($peak)");

# Ten pairs, four executors, a turn of half a second: a round takes about two.
my ($begin) = sort { $a <=> $b } map { $_->[0] } map { @$_ } values %spans;
for my $who (sort keys %spans)
{
	my ($last, $longest) = ($begin, 0);
	for my $span (sort { $a->[0] <=> $b->[0] } @{ $spans{$who} })
	{
		my $gap = $span->[0] - $last;
		$longest = $gap if $gap > $longest;
		$last = $span->[1];
	}
	cmp_ok($longest, '<', 8, sprintf '%s was never without a turn for long (%.1f s)', $who, $longest);
}

subtest 'a slow role does not lock out the others' => sub {
	$node->safe_psql('north', q{SELECT foreman.enqueue('of_role1', args => '{"s": 1.2}') FROM generate_series(1, 12)});
	eventually($node, 'north', "SELECT count(*) = 4 FROM foreman.workers WHERE kind = 'of_role1' AND job_id IS NOT NULL", 10,
		'one role has all the executors');
	my $id = value($node, 'south', q{SELECT foreman.enqueue('of_role2')});
	eventually($node, 'south', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 4,
		'another runs when the next of its handlers ends');
	cmp_ok(value($node, 'north', 'SELECT count(*) FROM foreman.live_job'), '>', 0, 'while the slow one still has work');
	eventually($node, 'north', is_idle(), 30, 'which ends, too');
};

log_is_clean($node);
$node->stop;
done_testing();
