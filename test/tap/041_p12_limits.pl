# P12: limits hold exactly with many sessions at once, executors and outside workers, while executors are ended by
# hand: never more than N jobs of a queue run, never more start than the bucket allows, and the places of the dead
# are free at once, so that all jobs end (https://github.com/hatchet-dev/hatchet/issues/4494: places of dropped tasks
# stayed taken for ever). After a restart what is leased still counts.
# Broken by: a place that is counted at the commit instead of before the claim; one that a dead executor keeps.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('limits', 'foreman.max_executors' => 4, 'foreman.cancel_grace' => "'1s'");
$node->start;
install($node, 'postgres');

# A handler leaves from when to when it ran; what was ended by hand leaves nothing.
$node->safe_psql('postgres', q{
	CREATE TABLE broken (n int8 GENERATED ALWAYS AS IDENTITY, what text);
	CREATE TABLE ran (job_id int8, started timestamptz, ended timestamptz);
	CREATE TABLE claimed (job_id int8, token uuid);
	CREATE FUNCTION in_place(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		started timestamptz := clock_timestamp();
	BEGIN
		PERFORM pg_sleep(0.002 * (job.job_id % 4));
		INSERT INTO ran VALUES (job.job_id, started, clock_timestamp());
	END $$;
	SELECT foreman.register_handler('in_place', 'in_place(foreman.job)', queue => 'inside', backoff_base => '0 s');
	SELECT foreman.create_queue('inside', max_running => 3);
	SELECT foreman.create_queue('outside', max_running => 5, rate_limit => 200, rate_period => '100 ms');});

subtest 'executors' => sub {
	$node->safe_psql('postgres', q{SELECT count(*) FROM foreman.enqueue_array('in_place', array_fill('{}'::jsonb, '{1500}'))});
	my $until = time + 5;
	while (time < $until)
	{
		$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM foreman.workers WHERE pid IS NOT NULL ORDER BY random() LIMIT 1;
			SELECT pg_sleep(0.2)});
	}
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 1500 FROM foreman.jobs WHERE queue = 'inside' AND state = 'completed'}),
		'all jobs complete although executors die');
	is(value($node, 'postgres', q{SELECT max(running) FROM (SELECT sum(step) OVER (ORDER BY at, step) AS running
			FROM (SELECT started AS at, 1 AS step FROM ran UNION ALL SELECT ended, -1 FROM ran) s) r}), 3, 'three at once, and never more');
	is(value($node, 'postgres', 'SELECT count(*) || \' \' || count(DISTINCT job_id) FROM ran'), '1500 1500', 'each effect once');
};

subtest 'outside workers' => sub {
	$node->safe_psql('postgres', q{SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, '{5000}'), queue => 'outside')});
	my $begun = value($node, 'postgres', 'SELECT extract(epoch FROM clock_timestamp())');
	# One watches, in snapshots of its own; the others claim, complete, release and roll back.
	$node->pgbench(
		'--no-vacuum --client=12 --jobs=2 --time=6 --max-tries=1',
		0,
		[qr{number of failed transactions: 0 }],
		[qr{^$}],
		'claims and outcomes',
		{
			'p12_work@8' => q{
				SELECT count(foreman.complete(job_id, token)) FROM foreman.claim('{outside}', 'w:client_id', 3);},
			'p12_give_back@2' => q{
				BEGIN;
				SELECT count(*) FROM foreman.claim('{outside}', 'w:client_id', 3);
				ROLLBACK;},
			'p12_lease@4' => q{
				INSERT INTO claimed SELECT job_id, token FROM foreman.claim('{outside}', 'w:client_id', 2);
				WITH c AS (DELETE FROM claimed WHERE ctid IN (SELECT ctid FROM claimed LIMIT 2 FOR UPDATE SKIP LOCKED) RETURNING *)
					SELECT count(foreman.complete(job_id, token)) FROM c;},
			'p12_watch@4' => q{
				INSERT INTO broken (what) SELECT 'leased: ' || count(*) FROM foreman.jobs WHERE queue = 'outside' AND state = 'running' HAVING count(*) > 5;},
		});
	is(value($node, 'postgres', 'SELECT string_agg(DISTINCT what, \', \') FROM broken'), '', 'never more than five leased in any snapshot');
	my $done = value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE queue = 'outside' AND state = 'completed'});
	cmp_ok($done, '>', 0, "some complete ($done)");
	my $took = value($node, 'postgres', 'SELECT extract(epoch FROM clock_timestamp())') - $begun;
	cmp_ok($done, '<=', 200 + 2000 * $took, 'no more than the rate allows');
	$node->safe_psql('postgres', 'SELECT count(foreman.complete(job_id, token)) FROM claimed');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE state = 'running'}), 0, 'nothing is left leased');
};

subtest 'a restart' => sub {
	$node->safe_psql('postgres', q{SELECT foreman.alter_queue('outside', rate_limit => 1000000);
		SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, '{20}'), queue => 'outside');
		TRUNCATE claimed});
	$node->safe_psql('postgres', q{INSERT INTO claimed SELECT job_id, token FROM foreman.claim('{outside}', 'w', 3, lease => '1 h')})
		for 1 .. 3;
	is(value($node, 'postgres', 'SELECT count(*) FROM claimed'), 5, 'five are leased');
	$node->restart;
	ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'}), 'the server is back');
	for (1 .. 20)
	{
		$node->safe_psql('postgres', q{INSERT INTO broken (what) SELECT 'a sixth' FROM foreman.claim('{outside}', 'x', 3); SELECT pg_sleep(0.05)});
	}
	is(value($node, 'postgres', 'SELECT count(*) FROM broken'), 0, 'and what was leased before counts');
	$node->safe_psql('postgres', 'SELECT count(foreman.complete(job_id, token)) FROM claimed');
	# What one look gets is gone for the next: five of ten in all.
	$node->safe_psql('postgres', 'CREATE TABLE again (job_id int8)');
	eventually($node, 'postgres', q{INSERT INTO again SELECT job_id FROM foreman.claim('{outside}', 'x', 10);
		SELECT count(*) = 5 FROM again}, 30, 'until it is completed');
};

# Entries of the shared memory are used again: places of leases that a dropped database had do not count for the next queue.
subtest 'queues after a database that was dropped with leases' => sub {
	for my $round (1 .. 3)
	{
		$node->safe_psql('postgres', 'CREATE DATABASE passing');
		install($node, 'passing');
		# A queue with a limit gives nothing out before the dispatcher of its database has read the leases.
		$node->safe_psql('passing', q{SELECT foreman.create_queue('first', max_running => 1), foreman.enqueue('out', queue => 'first')});
		eventually($node, 'passing', q{SELECT count(*) = 1 FROM foreman.claim('{first}', 'w')}, 10, "round $round: leases are read");
		for my $queue ('a' .. 'd')
		{
			$node->safe_psql('passing', "SELECT foreman.create_queue('$queue', max_running => 1); SELECT foreman.enqueue('out', queue => '$queue') FROM generate_series(1, 2)");
			is(value($node, 'passing', "SELECT count(*) FROM foreman.claim('{$queue}', 'w', 2)"), '1', "round $round, queue $queue: one of two is claimed");
		}
		$node->safe_psql('postgres', 'DROP DATABASE passing');
	}
};

log_is_clean($node);
$node->stop;
done_testing();
