# Publishes under random kills: executors, dispatchers and publishing sessions are killed, and the server itself crashes,
# while clients publish to five subscriptions, some publishes twice under one key. Afterwards no publish is lost or doubled,
# each has every delivery, and each delivery in lane transaction was done once, uncharged for what was killed.
# CAMPAIGN_SECONDS: how long (10; `make campaign`: 60).
# Broken by: a publish that commits apart from its deliveries; a delivery that is given back with an attempt charged.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;
use ForemanCampaign;

my $seconds = $ENV{CAMPAIGN_SECONDS} // 10;
my $seed = $ENV{FOREMAN_TEST_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("FOREMAN_TEST_SEED=$seed");

my $node = new_server('publish_campaign', 'foreman.max_crashes' => 1000);
$node->start;
install($node, 'postgres');
install_campaign($node);
$node->safe_psql('postgres', q{
	SELECT foreman.subscribe('a.*', 'effect', 'one'), foreman.subscribe('#', 'effect', 'two', queue => 'q'), foreman.subscribe('a.#', 'steps', 'three', queue => 's'),
		foreman.subscribe('a.x', 'bad', 'bad'), foreman.subscribe('*.x', 'effect', 'off', active => false);
	CREATE TABLE c.acked (tag text)});

my $line = 0;
sub publishes_of
{
	my ($client) = @_;
	my @lines;
	for (1 .. 5000)
	{
		my $tag = $client . '.' . ++$line;
		push @lines, qq{SELECT '$tag' FROM foreman.publish('a.x', '{"tag": "$tag"}', '$tag') p WHERE p IS NOT NULL;};
		push @lines, $lines[-1] if rand() < 0.1;
		push @lines, qq{BEGIN; SELECT foreman.publish('a.x', '{"tag": "never"}', 'never') IS NULL; ROLLBACK;} if rand() < 0.05;
		push @lines, 'SELECT pg_sleep(0.01);';
	}
	return @lines;
}

my $campaign = ForemanCampaign->new(
	$node,
	clients => [ map { my $i = $_; sub { publishes_of($i) } } 0 .. 2 ],
	victims => {
		executor => q{SELECT pid FROM foreman.workers WHERE pid IS NOT NULL ORDER BY job_id IS NULL, random() LIMIT 1},
		dispatcher => q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' LIMIT 1},
		session => q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%foreman.publish%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1} },
	kinds => [qw(executor executor executor session dispatcher server)]);
$campaign->run($seconds);
cmp_ok(scalar @{ $campaign->{printed} }, '>', 5 * $seconds, 'there was load');
eventually($node, 'postgres', is_idle(), 180, 'everything comes to its end')
  or diag(value($node, 'postgres', q{SELECT kind, state, attempt, run_at, args, errors->-1->>'message' FROM foreman.jobs WHERE finished_at IS NULL LIMIT 10}));
$campaign->store_printed('c.acked');
$node->safe_psql('postgres', 'CREATE TABLE c.seen AS SELECT * FROM foreman.deliveries; CREATE INDEX ON c.seen (publish_id); ANALYZE');
my %never = (
	'no acknowledged publish is lost' => 'SELECT tag FROM c.acked EXCEPT SELECT idempotency_key FROM foreman.publishes',
	'none that was rolled back is there' => q{SELECT FROM foreman.publishes WHERE idempotency_key = 'never'},
	'none is doubled' => q{SELECT payload FROM foreman.publishes GROUP BY 1 HAVING count(*) > 1},
	'each has all its deliveries, in the state that follows from the handler' => q{SELECT publish_id, string_agg(subscription || ' ' || state, ', ' ORDER BY subscription) FROM c.seen GROUP BY 1
		HAVING string_agg(subscription || ' ' || state, ', ' ORDER BY subscription) <> 'bad dead_lettered, off skipped, one published, three published, two published'},
	'no job is left over' => q{SELECT job_id, args FROM foreman.jobs WHERE NOT EXISTS (SELECT FROM c.seen s WHERE s.job_id = jobs.job_id)},
	'no attempt was charged for a kill' => q{SELECT job_id, subscription, attempt FROM c.seen WHERE attempt <> CASE subscription WHEN 'bad' THEN 2 ELSE 1 END},
	'each delivery in lane transaction is done once' => q{SELECT s.job_id FROM c.seen s WHERE subscription IN ('one', 'two') AND (SELECT count(*) FROM effects e WHERE e.job_id = s.job_id) <> 1},
	'each in lane procedure at least once' => q{SELECT s.job_id FROM c.seen s WHERE subscription = 'three' AND NOT EXISTS (SELECT FROM effects e WHERE e.job_id = s.job_id)});
$node->safe_psql('postgres', 'CREATE INDEX ON effects (job_id)');
is(value($node, 'postgres', $never{$_}), '', $_) for sort keys %never;
figure('publishes', value($node, 'postgres', q{SELECT count(*) || ' publishes, ' || sum(deliveries) || ' deliveries' FROM foreman.publishes}));
log_is_clean($node);
$node->stop;
done_testing();
