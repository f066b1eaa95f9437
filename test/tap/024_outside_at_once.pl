# P4: many outside workers at once. Under REPEATABLE READ and SERIALIZABLE claims answer as under READ COMMITTED:
# no serialization failure for what another claimed, every job to exactly one worker.
# Broken by: a claim that scans with the snapshot of its transaction, or that gives up at the first row that changed.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('at_once');
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', 'CREATE TABLE claimed (job_id int8, token uuid)');

for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
	subtest "six workers, $level" => sub {
		$node->safe_psql('postgres', q{TRUNCATE claimed;
			SELECT count(*) FROM foreman.enqueue_array('out', array_fill('1'::jsonb, '{1200}'), queue => 'race')});
		# Each begins with a snapshot of its own, and claims what others claim at the same moment.
		$node->pgbench(
			'--no-vacuum --client=6 --transactions=100 --max-tries=1',
			0,
			[qr{processed: 600/600}, qr{number of failed transactions: 0 }],
			[qr{^$}],
			"claims, $level",
			{ "claim_$level" => qq{
				BEGIN ISOLATION LEVEL $level;
				SELECT count(*) FROM claimed;
				INSERT INTO claimed SELECT job_id, token FROM foreman.claim('{race}', 'w:client_id', 2);
				COMMIT;} });
		is(value($node, 'postgres', 'SELECT count(*) || \' \' || count(DISTINCT job_id) FROM claimed'), '1200 1200', 'every job to one worker');
		is(value($node, 'postgres', q{SELECT DISTINCT answer FROM foreman.complete_many((SELECT array_agg(job_id ORDER BY job_id) FROM claimed),
			(SELECT array_agg(token ORDER BY job_id) FROM claimed))}), 'completed', 'whose token holds');
	};
}

# Claims of jobs with keys lock the rows first, and lease what their keys let through.
subtest 'six workers, jobs with keys, REPEATABLE READ' => sub {
	$node->safe_psql('postgres', q{TRUNCATE claimed;
		SELECT count(foreman.enqueue('out', queue => 'keyed', concurrency_key => 'k' || g % 400)) FROM generate_series(1, 1200) g});
	$node->pgbench(
		'--no-vacuum --client=6 --transactions=100 --max-tries=1',
		0,
		[qr{processed: 600/600}, qr{number of failed transactions: 0 }],
		[qr{^$}],
		'claims of jobs with keys',
		{ 'claim_keyed' => q{
			BEGIN ISOLATION LEVEL REPEATABLE READ;
			SELECT count(*) FROM claimed;
			WITH c AS MATERIALIZED (SELECT job_id, token FROM foreman.claim('{keyed}', 'w:client_id', 2)) INSERT INTO claimed SELECT job_id, token FROM c;
			SELECT count(*) FROM claimed c, foreman.complete(c.job_id, c.token) WHERE c.job_id % 6 = :client_id AND EXISTS (SELECT FROM foreman.live_job l WHERE l.job_id = c.job_id);
			COMMIT;} });
	cmp_ok(value($node, 'postgres', 'SELECT count(*) FROM claimed'), '>', 400, 'workers get jobs of each key in turn');
	is(value($node, 'postgres', 'SELECT count(*) - count(DISTINCT job_id) FROM claimed'), '0', 'every job to one worker');
};

log_is_clean($node);
$node->stop;
done_testing();
