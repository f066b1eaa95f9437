# P8, P13, P14: what dead workers leave behind. One job that cannot be settled keeps nobody else's from it; a session that
# dies inside run_procedures_once() is noticed at once; COMMIT PREPARED of a cancel interrupts the handler; workers make way
# for DROP DATABASE without a FATAL in the log and leave no slot taken.
# Broken by: one transaction for all of them; looking for dead sessions only when an executor ended.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('ends', debug => 1);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE FUNCTION executor_slots(OUT slot int4, OUT state int4, OUT database oid) RETURNS SETOF record
		LANGUAGE c AS 'pg_foreman', 'foreman_executor_slots';
	CREATE PROCEDURE steps(j foreman.job) LANGUAGE plpgsql AS $$
	BEGIN
		COMMIT;
		PERFORM pg_sleep(60);
	END $$;
	SELECT foreman.register_handler('steps', 'public.steps', lane => 'procedure');
	-- A job with this tag cannot be written.
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		RAISE 'no room for %', NEW.job_id;
	END $$;
	CREATE TRIGGER refuse BEFORE INSERT ON foreman.live_job FOR EACH ROW WHEN (NEW.tags = '{bad}') EXECUTE FUNCTION refuse();
	ALTER TABLE foreman.live_job DISABLE TRIGGER refuse});

sub enqueue
{
	my ($kind, $more) = @_;
	$more //= '';
	return value($node, 'postgres', "SELECT foreman.enqueue('$kind'$more)");
}

sub running
{
	my (@ids) = @_;
	my $all = join ',', @ids;
	my $n = @ids;
	return eventually($node, 'postgres', "SELECT count(*) = $n FROM foreman.workers WHERE job_id IN ($all) AND pid IS NOT NULL", 15, "$n handlers run");
}

sub tidy
{
	$node->safe_psql('postgres', 'SELECT foreman.cancel(job_id) FROM foreman.live_job');
	return eventually($node, 'postgres', is_idle(), 10, 'idle again');
}

subtest 'two executors die, the job of one cannot be settled' => sub {
	my $bad = enqueue('steps', ", tags => '{bad}'");
	my $good = enqueue('steps');
	running($bad, $good);
	$node->safe_psql('postgres', 'ALTER TABLE foreman.live_job ENABLE TRIGGER refuse');
	my $from = log_position($node);
	my $before = value($node, 'postgres', "SELECT pid FROM foreman.workers WHERE job_id = $good");
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM foreman.workers WHERE pid IS NOT NULL');
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $good AND pid <> $before", 15, 'one handler runs');
	is(value($node, 'postgres', "SELECT attempt FROM foreman.jobs WHERE job_id = $good"), '1', 'the other one runs again, uncharged');
	stays($node, 'postgres', "SELECT state = 'r' FROM foreman.live_job WHERE job_id = $bad", 2, 'the bad one waits');
	is(log_count($node, "no room for $bad", $from), 1, 'which is said once');
	$node->safe_psql('postgres', 'ALTER TABLE foreman.live_job DISABLE TRIGGER refuse');
	running($bad, $good);
	tidy();
};

subtest 'leases end, the job of one cannot be revived' => sub {
	my @ids = map { enqueue('out', ", queue => 'outside'" . ($_ == 2 ? ", tags => '{bad}'" : '')) } 1 .. 3;
	$node->safe_psql('postgres', 'ALTER TABLE foreman.live_job ENABLE TRIGGER refuse');
	my $from = log_position($node);
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.claim('{outside}', 'dead', 3, lease => '1 s')}), '3', 'three are claimed');
	eventually($node, 'postgres', "SELECT count(*) = 2 FROM foreman.jobs WHERE job_id IN ($ids[0], $ids[2]) AND state = 'retryable'", 3, 'two are revived in time');
	is(value($node, 'postgres', "SELECT state FROM foreman.jobs WHERE job_id = $ids[1]"), 'running', 'one is not');
	is(log_count($node, "job $ids[1] cannot be revived", $from), 1, 'which is said');
	$node->safe_psql('postgres', 'ALTER TABLE foreman.live_job DISABLE TRIGGER refuse');
	$node->safe_psql('postgres', "SELECT foreman.release(job_id, token) FROM foreman.live_job WHERE job_id = $ids[1]");
	tidy();
};

subtest 'a session that dies inside run_procedures_once()' => sub {
	$node->safe_psql('postgres', 'SELECT foreman.stop()');
	eventually($node, 'postgres', 'SELECT count(*) = 0 FROM foreman.workers WHERE pid IS NOT NULL', 10, 'no executor');
	my $id = enqueue('steps');
	my $session = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', 'CALL foreman.run_procedures_once()' ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	eventually($node, 'postgres', "SELECT state = 'running' FROM foreman.jobs WHERE job_id = $id", 5, 'it runs there');
	stays($node, 'postgres', "SELECT state = 'running' FROM foreman.jobs WHERE job_id = $id", 0.5, 'and is left to it');
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL foreman.run_procedures_once%'});
	eventually($node, 'postgres', "SELECT state = 'available' AND attempt = 0 FROM foreman.jobs WHERE job_id = $id", 1, 'within a second its job is due again, uncharged');
	eval { $session->finish };
	$node->safe_psql('postgres', "SELECT foreman.cancel($id); SELECT foreman.start()");
	eventually($node, 'postgres', is_idle(), 10, 'idle again');
};

subtest 'COMMIT PREPARED of a cancel' => sub {
	my @ids = (enqueue('nap', q{, args => '{"s": 60}'}), enqueue('steps'));
	running(@ids);
	$node->safe_psql('postgres', "BEGIN; SELECT foreman.cancel(id, 'by two phases') FROM unnest(ARRAY[$ids[0], $ids[1]]) id; PREPARE TRANSACTION 'cancel'");
	stays($node, 'postgres', "SELECT count(*) = 2 FROM foreman.workers WHERE job_id IN ($ids[0], $ids[1])", 0.5, 'nothing happens before its commit');
	$node->safe_psql('postgres', q{COMMIT PREPARED 'cancel'});
	eventually($node, 'postgres', "SELECT count(*) = 2 FROM foreman.jobs WHERE job_id IN ($ids[0], $ids[1]) AND state = 'cancelled' AND reason = 'by two phases'", 2,
		'then both handlers are interrupted');
};

# Handlers run, and an executor rests. What makes way here ends as on its own account.
subtest 'making way' => sub {
	for my $command ('DROP DATABASE %s', 'ALTER DATABASE %s RENAME TO gone_%s', 'DROP EXTENSION')
	{
		(my $db = lc($command =~ s/ %s.*//r)) =~ tr/ /_/;
		$node->safe_psql('postgres', "CREATE DATABASE $db");
		install($node, $db);
		my $oid = value($node, 'postgres', "SELECT oid FROM pg_database WHERE datname = '$db'");
		$node->safe_psql($db, q{
			CREATE PROCEDURE steps(j foreman.job) LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM pg_sleep(60); END $$;
			SELECT foreman.register_handler('steps', 'public.steps', lane => 'procedure');
			SELECT foreman.enqueue('steps'), foreman.enqueue('nap', args => '{"s": 60}'), foreman.enqueue('note')});
		eventually($node, $db, q{SELECT count(*) FILTER (WHERE job_id IS NOT NULL) = 2 AND bool_and(state <> 'starting')
			AND (SELECT count(*) = 2 FROM foreman.live_job) FROM foreman.workers WHERE pid IS NOT NULL}, 15, 'two handlers run, nothing starts');
		my $from = log_position($node);
		my $took = $command eq 'DROP EXTENSION'
		  ? timed($node, $db, 'DROP EXTENSION pg_foreman CASCADE')
		  : timed($node, 'postgres', $command =~ s/%s/$db/gr);
		ok(defined $took && $took < 1.5, sprintf '%s takes %.2f s', $command, $took // -1);
		is(log_count($node, qr/ pg_foreman \w+ .*FATAL|background worker "pg_foreman.* exited with exit code 1/, $from), 0, 'no worker ends with FATAL');
		eventually($node, 'postgres', "SELECT count(*) = 0 FROM executor_slots() WHERE database = $oid", 3, 'no slot stays taken') if $command ne 'ALTER DATABASE %s RENAME TO gone_%s';
		$node->safe_psql('postgres', "DROP DATABASE IF EXISTS gone_$db");
	}
};

log_is_clean($node);
$node->stop;
done_testing();
