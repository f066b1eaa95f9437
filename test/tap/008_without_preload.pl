# Without shared_preload_libraries: CREATE EXTENSION works, jobs can be enqueued, cancelled and run by hand, and
# whatever needs the workers says what to set.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('no_preload', 'shared_preload_libraries' => "''");
$node->start;
install($node, 'postgres');
pass('CREATE EXTENSION and register_handler work');

my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
is(value($node, 'postgres', "SELECT state FROM foreman.jobs WHERE job_id = $id"), 'available', 'a job waits');
is(value($node, 'postgres', "SELECT reason, detail FROM foreman.why($id)"), 'not_preloaded|{"shared_preload_libraries": "lacks pg_foreman"}', 'and why() says why');
is(value($node, 'postgres', 'SELECT foreman.run_once()'), '1', 'run_once runs it');
is(value($node, 'postgres', "SELECT state || ' ' || attempt FROM foreman.jobs WHERE job_id = $id"), 'completed 1', 'it completed');
is(value($node, 'postgres', "SELECT count(*) FROM effects WHERE job_id = $id"), '1', 'with its effect');

$id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
is(value($node, 'postgres', "SELECT foreman.cancel($id, 'not wanted')"), 'cancelled', 'cancel works');
is(value($node, 'postgres', "SELECT state || ' ' || reason FROM foreman.jobs WHERE job_id = $id"), 'cancelled not wanted', 'and says why');

$node->safe_psql('postgres', q{
	SELECT foreman.enqueue('note', priority => i % 5) FROM generate_series(1, 30) i;
	SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[10]));
	SELECT foreman.enqueue('fail')});
is(value($node, 'postgres', 'SELECT foreman.drain()'), '41', 'drain runs everything');
is(value($node, 'postgres', 'SELECT count(*) FROM foreman.live_job'), '0', 'nothing is left');
is(value($node, 'postgres', 'SELECT foreman.count_dead_letters()'), '1', 'what failed is a dead letter');
is(value($node, 'postgres', 'SELECT foreman.retry_dead_letter(job_id) FROM foreman.dead_letters()'), 't', 'that can be tried again');
is(value($node, 'postgres', 'SELECT foreman.drain()'), '1', 'and is');

$id = value($node, 'postgres', q{SELECT foreman.enqueue('note', run_at => clock_timestamp() + '1 hour')});
is(value($node, 'postgres', 'SELECT foreman.drain()'), '0', 'what is due later waits');
is(value($node, 'postgres', "SELECT foreman.run_now($id) IS NOT NULL"), 't', 'run_now works');
is(value($node, 'postgres', 'SELECT foreman.drain()'), '1', 'and makes it due');

$node->safe_psql('postgres', q{
	CREATE PROCEDURE steps(j foreman.job) LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO effects VALUES (j.job_id, j.kind, j.attempt);
		COMMIT;
	END $$;
	SELECT foreman.register_handler('steps', 'public.steps', lane => 'procedure');
	SELECT foreman.enqueue('steps')});
$node->safe_psql('postgres', 'CALL foreman.run_procedures_once()');
is(value($node, 'postgres', q{SELECT state FROM foreman.jobs WHERE kind = 'steps'}), 'completed', 'run_procedures_once works');

# Workers outside: their leases are in the rows alone, and end by rescue_once().
subtest 'leases' => sub {
	$node->safe_psql('postgres', q{SELECT foreman.enqueue('out', queue => 'outside') FROM generate_series(1, 3)});
	my @leases = map { [ split /\|/ ] } split /\n/, value($node, 'postgres', q{SELECT job_id, token FROM foreman.claim('{outside}', 'w', 3, lease => '4 s')});
	is(scalar @leases, 3, 'three are claimed');
	my ($mine, $silent, $done) = @leases;
	is(value($node, 'postgres', 'SELECT foreman.rescue_once()'), '0', 'none has ended yet');
	is(value($node, 'postgres', "SELECT foreman.heartbeat($mine->[0], '$mine->[1]', extend => '1 h')"), 'active', 'one is extended');
	is(value($node, 'postgres', "SELECT foreman.complete($done->[0], '$done->[1]')"), 'completed', 'one is completed');
	eventually($node, 'postgres', 'SELECT foreman.rescue_once() = 1', 10, 'the third ends with its lease');
	is(value($node, 'postgres', "SELECT state || ' ' || attempt || ' ' || (errors->0->>'message') FROM foreman.jobs WHERE job_id = $silent->[0]"),
		'retryable 1 lease expired', 'charged, with the reason');
	is(value($node, 'postgres', "SELECT foreman.heartbeat($silent->[0], '$silent->[1]')"), 'lost', 'its worker has lost it');
	is(value($node, 'postgres', "SELECT foreman.cancel($mine->[0])"), 'cancel_requested', 'a cancel');
	is(value($node, 'postgres', "SELECT foreman.heartbeat($mine->[0], '$mine->[1]')"), 'cancel_requested', 'is told by the heartbeat');
	is(value($node, 'postgres', "SELECT foreman.release($mine->[0], '$mine->[1]')"), 'cancelled', 'and honoured');
};

for my $pass (qw(dispatch_once rescue_once prune_once))
{
	is($node->psql('postgres', "SELECT foreman.$pass()"), 0, "$pass works");
}
# Pause, depth and filters without a board.
$node->safe_psql('postgres', q{SELECT foreman.create_queue('shut'); SELECT foreman.pause_queue('shut'), foreman.enqueue('note', queue => 'shut'), foreman.enqueue('note', queue => 'shut', run_at => clock_timestamp() + '1 hour')});
is(value($node, 'postgres', q{SELECT foreman.drain() + (SELECT count(*) FROM foreman.claim('{shut}', 'w', kinds => '{note}'))}), '0', 'a paused queue waits');
is(value($node, 'postgres', q{SELECT available, scheduled, running, paused FROM foreman.queues WHERE queue = 'shut'}), '1|1|0|t', 'its depth is counted');
is(value($node, 'postgres', q{SELECT foreman.resume_queue('shut'), foreman.drain(), foreman.cancel_where(queue => 'shut')}), 't|1|1', 'resumed it runs, and what is left is cancelled');
for my $view (qw(jobs job_events queues handlers workers stats_minute metrics))
{
	is($node->psql('postgres', "SELECT count(*) FROM foreman.$view"), 0, "view $view can be read");
}

# Limits are counted in shared memory: nothing is claimed past one that cannot be counted.
$node->safe_psql('postgres', q{
	SELECT foreman.create_queue('limited', max_running => 1), foreman.create_queue('rated', rate_limit => 1), foreman.enqueue('kept', queue => 'limited'), foreman.enqueue('kept', queue => 'rated');
	SELECT foreman.enqueue('kept', queue => 'keyed', concurrency_key => 'k'), foreman.enqueue('kept', queue => 'ordered', sequence_key => 's'), foreman.enqueue('kept', queue => 'unique', unique_key => 'u')});
for my $queue (qw(limited rated keyed ordered))
{
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT foreman.claim('{$queue}', 'w')");
	like($err, qr/ERROR:  foreman\.claim\(\).*needs shared memory of pg_foreman.*shared_preload_libraries/s, "claim() under the limit of queue $queue says what to set");
	is(value($node, 'postgres', "SELECT state FROM foreman.jobs WHERE queue = '$queue'"), 'available', 'and claims nothing');
}
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.claim('{unique}', 'w')}), '1', 'a unique key needs none of that');
is(value($node, 'postgres', q{SELECT foreman.cancel_where(kind => 'kept', max_rows => 10)}), '5', 'what is left is cancelled');

like(value($node, 'postgres', 'SELECT name, detail FROM foreman.health() WHERE NOT ok'), qr/shared_preload_libraries/,
	'health() says what to set');
for my $call ('SELECT foreman.start()', "CALL foreman.await($id, '1 s')")
{
	my ($rc, $out, $err) = $node->psql('postgres', $call);
	like("$out$err", qr/shared_preload_libraries|completed/, "$call says what to set, or needs no worker");
}
is($node->psql('postgres', 'DROP FUNCTION nap(foreman.job), fail(foreman.job); DROP PROCEDURE steps(foreman.job); DROP EXTENSION pg_foreman'), 0,
	'DROP EXTENSION works');
is($node->psql('postgres', 'CREATE EXTENSION pg_foreman'), 0, 'and CREATE EXTENSION again');

log_is_clean($node);
$node->stop;
done_testing();
