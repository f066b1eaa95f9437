# One role, or one busy application, cannot take a table of the board, or the executors for ever, from all others unnoticed. Each subtest lets a role fill
# one (of the smallest board there is), and asks whether the work of somebody else goes on in time, and whether why()
# and health() say what is full.
# Broken by: a full table that is taken for a key in use; entries that stay for ever; passes over all entries for each
# new one; a table that is full and says so nowhere.
use strict;
use warnings;
use IPC::Run ();
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('floods', 'foreman.board_memory' => '8', 'foreman.max_waiters' => 6, 'max_connections' => 60);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE ROLE eve LOGIN;
	SELECT foreman.create_queue(q) FROM unnest('{eve,idle}'::text[]) q;
	SELECT foreman.grant_role(b, 'eve', q) FROM unnest('{eve,idle}'::text[]) q, unnest('{producer,worker,operator}'::text[]) b;
});

# What psql printed, and its errors.
sub as_eve
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "SET ROLE eve; $sql", stdout => \$out, stderr => \$err, on_error_stop => 0, timeout => 120);
	return ($out, $err);
}

sub number { return value($node, 'postgres', $_[0]); }

sub used { return number("SELECT value FROM foreman.metrics WHERE name = 'foreman_board_used' AND labels ->> 'table' = '$_[0]'"); }

# Entries leave the board just after the commit can be seen.
sub gets_empty
{
	my ($table) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return eventually($node, 'postgres', "SELECT value = 0 FROM foreman.metrics WHERE name = 'foreman_board_used' AND labels ->> 'table' = '$table'", 10, 'all of them come back');
}

sub capacity { return number("SELECT value FROM foreman.metrics WHERE name = 'foreman_board_capacity' AND labels ->> 'table' = '$_[0]'"); }

sub is_full
{
	my ($table) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(number("SELECT string_agg(name, ' ') FROM foreman.health() WHERE name IN ('board_$table', 'board_memory') AND NOT ok"),
		"board_$table board_memory", "health() says that there is no more room for $table");
}

sub reasons { return number("SELECT string_agg(reason || ' ' || (detail ->> 'table'), ', ') FROM foreman.why($_[0]) WHERE reason = 'no_room'"); }

# The jobs of somebody else: due at once, and by a timer of the dispatcher.
sub victim_runs
{
	my ($what, $options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$options = ", queue => 'victim'$options" if $options !~ /queue/;
	my $ids = number("SELECT foreman.enqueue('note' $options) || ',' || foreman.enqueue('note', run_at => now() + interval '1 s' $options)");
	return eventually($node, 'postgres', "SELECT count(*) = 2 FROM effects WHERE job_id IN ($ids)", 20, $what);
}

# It is started after CREATE EXTENSION, and may not be there yet.
eventually($node, 'postgres', q{SELECT ok FROM foreman.health() WHERE name = 'dispatcher'}, 20, 'a dispatcher is there');
is(number("SELECT count(*) FROM foreman.health() WHERE NOT ok"), '0', 'all is well at first');

subtest 'executors' => sub {
	$node->safe_psql('postgres', q{
		ALTER SYSTEM SET foreman.max_executors = 2;
		SELECT pg_reload_conf();
		CREATE PROCEDURE sleeps(job foreman.job) LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM pg_sleep(600); END $$;
		SELECT foreman.register_handler('sleeps', 'public.sleeps', lane => 'procedure', queue => 'eve', run_as => 'eve');
		GRANT EXECUTE ON PROCEDURE sleeps TO eve});
	my $ids = number(q{SELECT string_agg(foreman.enqueue('sleeps', queue => 'eve')::text, ',') FROM generate_series(1, 2)});
	eventually($node, 'postgres', "SELECT count(*) = 2 FROM foreman.workers WHERE job_id IN ($ids)", 30, 'a role has all executors');
	my $waits = number(q{SELECT foreman.enqueue('note', queue => 'victim')});
	eventually($node, 'postgres', q{SELECT NOT ok AND detail ~ 'role "postgres" has waited for an executor for [0-9]+ s.*of role "eve"' FROM foreman.health() WHERE name = 'executors_held'},
		40, 'health() says who waits for whom');
	is(number("SELECT reason FROM foreman.why($waits)"), 'executors_busy', 'why() says what the job waits for');
	$node->safe_psql('postgres', "SELECT foreman.cancel(job_id) FROM unnest(ARRAY[$ids]) AS job_id");
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $waits", 30, 'it runs as soon as one of them ends');
	is(number(q{SELECT ok FROM foreman.health() WHERE name = 'executors_held'}), 't', 'and all is well');
	$node->safe_psql('postgres', q{SELECT foreman.unregister_handler('sleeps'); ALTER SYSTEM RESET foreman.max_executors; SELECT pg_reload_conf()});
};

subtest 'keys' => sub {
	$node->safe_psql('postgres', q{SELECT count(foreman.enqueue('out', queue => 'eve', concurrency_key => 'k' || g)) FROM generate_series(1, 2000) g});
	my ($out, $err) = as_eve(q{SELECT count(*) FROM foreman.claim('{eve}', 'w', 1000, lease => '1 h'); SELECT * FROM foreman.claim('{eve}', 'w', 1000)});
	like($err, qr/no room for the keys/, 'a claim beyond the table says so');
	cmp_ok((split /\n/, $out)[0], '>=', 300, 'after it gave what fits');
	is(number(q{SELECT count(*) FROM foreman.jobs WHERE queue = 'eve' AND state = 'pending'}), '0', 'jobs whose keys are free are not parked');
	my $waits = number(q{SELECT max(job_id) FROM foreman.jobs WHERE queue = 'eve' AND state = 'available'});
	is(reasons($waits), 'no_room keys', 'why() names the table');
	cmp_ok(used('keys'), '>=', 300, 'metrics say how much of it is used');
	cmp_ok(capacity('keys'), '>=', used('keys'), 'of how much');
	is_full('keys');
	victim_runs('jobs of another role run under their keys', ", concurrency_key => 'v'");
	victim_runs('and in their sequences', ", sequence_key => 'v'");
	$node->safe_psql('postgres', q{SELECT count(foreman.release_lease(job_id)) FROM foreman.jobs WHERE queue = 'eve' AND state = 'running';
		SELECT foreman.purge_queue('eve')});
	gets_empty('keys');
};

subtest 'a savepoint that is rolled back' => sub {
	$node->safe_psql('postgres', "SELECT foreman.enqueue('out', queue => 'sp', concurrency_key => 'k')");
	is(number(q{
		BEGIN;
		SAVEPOINT s;
		SELECT count(*) FROM foreman.claim('{sp}', 'w') \g /dev/null
		ROLLBACK TO s;
		SELECT value FROM foreman.metrics WHERE name = 'foreman_board_used' AND labels ->> 'table' = 'keys';
		COMMIT;
	}), '0', 'gives its keys back at once');
	$node->safe_psql('postgres', "SELECT foreman.purge_queue('sp')");
};

subtest 'waiters' => sub {
	my @psql = ('psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SET ROLE eve');
	my @eve = map { IPC::Run::start([ @psql, '-c', "CALL foreman.wait_for_job('{idle}', '1 min')" ], '<', \undef, '>', '/dev/null', '2>', '/dev/null') } 1 .. 4;
	eventually($node, 'postgres', q{SELECT value = 3 FROM foreman.metrics WHERE name = 'foreman_board_used' AND labels ->> 'table' = 'waiters'}, 10, 'a role gets half of the places');
	my ($out, $err) = as_eve("CALL foreman.wait_for_job('{idle}', '1 s')");
	like($err, qr/too many sessions of this role wait for jobs: foreman.max_waiters is 6/, 'and an error beyond that');
	is_full('waiters');
	my $id = number("SELECT foreman.enqueue('nap', '{\"s\": 0.5}')");
	is(number("CALL foreman.await($id, '20 s')") =~ /completed/ ? 1 : 0, 1, 'others find a place');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL foreman.wait_for_job%' AND state = 'active'");
	$_->finish for @eve;
};

subtest 'outside workers' => sub {
	my ($out, $err) = as_eve("SELECT count(*) FROM generate_series(1, 1000) g, foreman.worker_heartbeat('w' || g, '{eve}')");
	like($err, qr/too many outside workers of this role/, 'one role does not get all places');
	is_full('workers');
	is(number("SELECT queue FROM foreman.worker_heartbeat('mine', '{victim}')"), 'victim', 'others find some');
};

subtest 'leases' => sub {
	$node->safe_psql('postgres', "SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, '{7000}'), queue => 'eve')");
	as_eve(join ' ', map { "SELECT count(*) FROM foreman.claim('{eve}', 'w', 1000, lease => '1 h');" } 1 .. 7);
	is_full('leases');
	cmp_ok(used('leases'), '<', capacity('leases') * 0.6, 'a role has half of the table');
	is(number("SELECT count(*) FROM foreman.jobs WHERE state = 'running' AND leased_until IS NULL"), '0', 'leased_until is there in any case');
	$node->safe_psql('postgres', "SELECT foreman.enqueue('out', queue => 'eve')");
	my ($last) = as_eve("SELECT job_id FROM foreman.claim('{eve}', 'w', 1, lease => '1 s')");
	like($last, qr/^\d+$/, 'a lease beyond that is given');
	eventually($node, 'postgres', "SELECT attempt = 1 AND state IN ('retryable', 'available') FROM foreman.jobs WHERE job_id = $last", 15, 'and its job is revived when it ends');
	$node->safe_psql('postgres', "SELECT foreman.create_queue('limited', max_running => 1); SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, '{2}'), queue => 'limited')");
	is(number("SELECT count(*) FROM foreman.claim('{limited}', 'v', 2)"), '1', 'others get leases, and limits hold');
	$node->safe_psql('postgres', "SELECT count(foreman.release_lease(job_id)) FROM foreman.jobs WHERE state = 'running' AND worker_id IS NOT NULL");
	$node->safe_psql('postgres', "SELECT foreman.purge_queue('eve'), foreman.purge_queue('limited')");
	gets_empty('leases');
};

subtest 'queues' => sub {
	$node->safe_psql('postgres', "SELECT count(foreman.enqueue('note', queue => 'tenant-' || g)) FROM generate_series(1, 1500) g");
	eventually($node, 'postgres', "SELECT count(*) = 0 FROM foreman.live_job WHERE queue LIKE 'tenant%'", 60, 'a job in each of 1,500 queues runs');
	$node->safe_psql('postgres', "SELECT foreman.create_queue('late', max_running => 1)");
	victim_runs('and then one of a queue with a limit that is made afterwards', ", queue => 'late'");
	cmp_ok(used('queues'), '<', capacity('queues'), 'names that are in use no more made room');
};

subtest 'jobs that others wait for' => sub {
	$node->safe_psql('postgres', q{
		CREATE TABLE parents AS SELECT job_id FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, '{14000}'), queue => 'eve');
		SELECT count(foreman.enqueue('out', queue => 'eve', depends_on => ARRAY[job_id])) FROM parents;});
	is_full('awaited');
	my $ids = number("WITH p AS MATERIALIZED (SELECT foreman.enqueue('note', queue => 'victim', run_at => now() + interval '2 s') AS a) SELECT a || ',' || foreman.enqueue('note', queue => 'victim', depends_on => ARRAY[a]) FROM p");
	$node->safe_psql('postgres', "SELECT count(foreman.enqueue('out', queue => 'eve', depends_on => ARRAY[job_id])) FROM parents");
	eventually($node, 'postgres', "SELECT count(*) = 2 FROM effects WHERE job_id IN ($ids)", 30, 'a job that waits for another one runs after it');
	$node->safe_psql('postgres', "SELECT foreman.purge_queue('eve')");
};

# Ranges that no handler runs, of which the board has no more than 7,000.
subtest 'kinds' => sub {
	my $began = time;
	as_eve("SELECT count(foreman.enqueue('k' || g, queue => 'eve')) FROM generate_series(1, 20000) g");
	my $took = time - $began;
	cmp_ok($took, '<', 60, "20,000 kinds are enqueued in seconds: $took");
	victim_runs('jobs of others run', '');
	is_full('ranges');
	my ($id) = number("SELECT foreman.enqueue('outside', queue => 'elsewhere')");
	is(number("SELECT job_id FROM foreman.claim('{elsewhere}', 'w', 10)"), $id, 'somebody outside gets a job of a kind that is not on the board');
	my $last = number("SELECT max(job_id) FROM foreman.live_job WHERE kind = 'k20000'");
	is(number("SELECT string_agg(reason, ' ' ORDER BY reason) FROM foreman.why($last)"), 'no_handler no_room', 'why() says that it is not');
	is(number("SELECT count(*) FROM foreman.claim('{eve}', 'w', 100)"), '100', 'the one who did it gets his, too');
	$node->safe_psql('postgres', "SELECT foreman.enqueue('mine', queue => 'elsewhere')");
	$node->safe_psql('postgres', "SELECT foreman.register_handler('mine', 'public.nap')");
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE kind = 'mine'", 60, 'what gets a handler runs');
	$node->safe_psql('postgres', "SELECT count(foreman.release_lease(job_id)) FROM foreman.jobs WHERE state = 'running' AND worker_id IS NOT NULL");
	$node->safe_psql('postgres', "SELECT foreman.purge_queue('eve'), foreman.purge_queue('elsewhere')");
	victim_runs('jobs of others run when all that is gone', '');
};

# Ranges of a kind that has one.
subtest 'ranges that are due later' => sub {
	$node->safe_psql('postgres', "SELECT count(foreman.enqueue('note', queue => 'later-' || g % 10000, run_at => now() + interval '6 s')) FROM generate_series(1, 12000) g");
	my $began = time;
	victim_runs('jobs of others run before', '');
	sleep 1 while time < $began + 7;
	victim_runs('and while they are due', '');
	eventually($node, 'postgres', "SELECT count(*) = 0 FROM foreman.live_job WHERE queue LIKE 'later-%'", 60, 'all of them run, on the board or not');
};

done_testing();
