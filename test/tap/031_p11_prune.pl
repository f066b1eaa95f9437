# P11: the dispatcher goes on until everything past its retention is gone, in short transactions, while jobs run; many
# sessions that prune, retry, delete and finish jobs at once lose none and remove nothing before its time.
# Broken by: a bounded number of rows every ten minutes; one long transaction that keeps executors out of history; a
# pruner that waits for a row of an open transaction.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('prune', 'foreman.max_executors' => 3);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	SELECT foreman.create_queue('bulk', retain_completed => '1 hour'), foreman.create_queue('brief', retain_completed => '0', retain_cancelled => '0');
	INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, priority, attempt, max_attempts, outcome, queue, kind)
	SELECT -n, now() - interval '90 min', now(), now(), 0, 1, 5, 'c', CASE WHEN n % 10 = 0 THEN 'keeps' ELSE 'bulk' END, 'note' FROM generate_series(1, 100000) n});

subtest 'the dispatcher keeps up' => sub {
	# Somebody has a row of the past in hand: it is passed over.
	$node->restart;
	my $reader = $node->background_psql('postgres');
	$reader->query_safe('BEGIN; SELECT FROM foreman.job_history WHERE job_id = -1 FOR UPDATE');
	my @ids = split /\n/, value($node, 'postgres', q{SELECT job_id FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[500]))});
	eventually($node, 'postgres', q{SELECT count(*) <= 1 FROM foreman.job_history WHERE queue = 'bulk'}, 120, 'ninety thousand rows leave without waiting for the next pass');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.job_history WHERE queue = 'keeps'}), '10000', 'none of a queue that keeps them');
	my $list = join ',', @ids;
	eventually($node, 'postgres', "SELECT count(*) = 500 FROM foreman.jobs WHERE job_id IN ($list) AND state = 'completed'", 20, 'jobs ran meanwhile');
	$reader->quit;
};

subtest 'somebody reads history for long' => sub {
	$node->safe_psql('postgres', q{SELECT foreman.stop()});
	eventually($node, 'postgres', 'SELECT NOT EXISTS (SELECT FROM foreman.workers)', 10, 'the workers stop');
	$node->safe_psql('postgres', q{SET foreman.fake_now = '2020-05-05 12:00:00+00'; SELECT foreman.prune_once();
		INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, priority, attempt, max_attempts, outcome, queue, kind)
		SELECT -n, '2020-05-05 12:00:00+00', now(), now(), 0, 1, 5, 'c', 'keeps', 'note' FROM generate_series(200001, 200010) n});
	$node->safe_psql('postgres', q{SELECT foreman.start()});
	my $reader = $node->background_psql('postgres');
	$reader->query_safe('BEGIN; SELECT count(*) FROM foreman.job_history');
	my $pruner = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT what, rows FROM foreman.prune_once()' ], '<', \undef, '>', \my $out, '2>', \my $err);
	my (@took, $never);
	for (1 .. 10)
	{
		my $started = time;
		my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
		$never++ if !defined wait_for($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 20);
		push @took, time - $started;
	}
	my ($slowest) = sort { $b <=> $a } @took;
	is($never // 0, 0, 'jobs that are enqueued meanwhile end');
	cmp_ok($slowest, '<', 10, sprintf 'jobs end meanwhile, the slowest within %.2f s', $slowest);
	$pruner->finish;
	is($err, '', 'prune_once() is not refused');
	unlike($out, qr/^partitions/m, 'it leaves the partitions to a later pass');
	$reader->query_safe('COMMIT');
	$reader->quit;
	like(value($node, 'postgres', 'SELECT what, rows FROM foreman.prune_once()'), qr/^partitions\|10$/m, 'which drops them');
};

subtest 'many at once' => sub {
	$node->safe_psql('postgres', q{
		CREATE TABLE made (job_id int8);
		CREATE PROCEDURE make(times int4) LANGUAGE plpgsql AS $$
		BEGIN
			FOR i IN 1 .. times LOOP
				INSERT INTO made SELECT job_id FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[20]), queue => CASE i % 2 WHEN 0 THEN 'brief' ELSE 'keeps' END);
				COMMIT;
			END LOOP;
		END $$;
		CREATE PROCEDURE prune(times int4) LANGUAGE plpgsql AS $$
		BEGIN
			FOR i IN 1 .. times LOOP
				BEGIN
					PERFORM foreman.prune_once();
				EXCEPTION WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN NULL;
				END;
				COMMIT;
			END LOOP;
		END $$;
		CREATE PROCEDURE again(times int4) LANGUAGE plpgsql AS $$
		BEGIN
			FOR i IN 1 .. times LOOP
				PERFORM foreman.retry_where(queue => 'keeps', state => 'completed', tags => NULL, max_rows => 5);
				COMMIT;
				PERFORM foreman.retry_where(queue => 'brief', max_rows => 5);
				COMMIT;
			END LOOP;
		END $$});
	my @sessions = map {
		IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $_ ], '<', \undef, '>', '/dev/null', '2>', \my $err)
	} ('CALL make(60)', 'CALL make(60)', 'CALL prune(60)', 'CALL prune(60)', 'CALL again(60)', 'CALL again(60)');
	my $failed = grep { !$_->finish } @sessions;
	is($failed, 0, 'nobody is refused or deadlocked');
	eventually($node, 'postgres', q{SELECT count(*) = 0 FROM foreman.live_job}, 30, 'all jobs end');
	is(value($node, 'postgres', q{SELECT count(*) FROM (SELECT j.job_id FROM foreman.jobs j GROUP BY j.job_id HAVING count(*) > 1) twice}), '0', 'none is in two places');
	is(value($node, 'postgres', q{SELECT count(*) FROM made m WHERE NOT EXISTS (SELECT FROM effects e WHERE e.job_id = m.job_id)}), '0', 'every job has run');
	$node->safe_psql('postgres', 'SELECT foreman.prune_once()');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.job_history WHERE queue = 'brief'}), '0', 'and all of the one that keeps nothing');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.job_history WHERE queue = 'keeps' AND job_id > 0}), '1200', 'twelve hundred were kept');
};

log_is_clean($node);
$node->stop;
done_testing();
