# P4, P8, P9: leases outlive the failover to a streaming standby, each renewed by it, and a worker that was in the middle
# of its job completes it there. A promotion, a crash elsewhere and a copy of the server charge nobody, a copy of its
# flight recorder included; what a copy of a database shows as leased is free when that is started.
# Broken by: leases that end by a clock in the row; a flight recorder that is believed by another data directory.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('primary', init => { allows_streaming => 1 });
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE PROCEDURE steps(j foreman.job) LANGUAGE plpgsql AS $$
	BEGIN
		COMMIT;
		PERFORM pg_sleep((j.args->>'s')::float8);
	END $$;
	SELECT foreman.register_handler('steps', 'public.steps', lane => 'procedure'),
		foreman.register_handler('solo', 'public.nap', max_group => 1)});

# Two handlers run, in lanes transaction and procedure.
sub busy
{
	my ($where, $db, @ids) = @_;
	@ids = map { value($where, $db, qq{SELECT foreman.enqueue('$_', args => '{"s": 60}')}) } qw(solo steps) if !@ids;
	eventually($where, $db, "SELECT count(*) = 2 FROM foreman.workers WHERE job_id IN ($ids[0], $ids[1])", 15, 'two handlers run');
	return @ids;
}

sub charges
{
	my ($where, $db, @ids) = @_;
	my $all = join ',', @ids;
	return value($where, $db, qq{
		SELECT string_agg(attempt || ' ' || crashes || ' ' || coalesce(jsonb_array_length(errors), 0), ', ' ORDER BY job_id)
		FROM foreman.live_job WHERE job_id IN ($all)});
}

# Answers its id and token.
sub lease
{
	my ($db, $length) = @_;
	return split /\|/, value($node, $db, qq{
		SELECT foreman.enqueue('out', queue => 'outside') \\g /dev/null
		SELECT job_id, token FROM foreman.claim('{outside}', 'w', lease => '$length')});
}

subtest 'failover to a standby' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	ok(!-e $standby->data_dir . '/pg_stat_tmp/pg_foreman.recorder', 'a base backup leaves the flight recorder out');
	$standby->start;
	my ($mine, $token) = lease('postgres', '60 s');
	my ($silent) = lease('postgres', '10 s');
	my ($unwanted, $its_token) = lease('postgres', '60 s');
	my $until = value($node, 'postgres', "SELECT leased_until FROM foreman.jobs WHERE job_id = $mine");
	is(value($node, 'postgres', "SELECT foreman.cancel($unwanted, 'no more')"), 'cancel_requested', 'one is to be cancelled');
	my @ids = busy($node, 'postgres');
	eventually($node, 'postgres', "SELECT count(*) = 3 FROM foreman.live_job WHERE queue = 'outside' AND state = 'r'", 8, 'the leases are written after a while');
	# The dispatcher does not wait for the disk, and only what is there is sent: a checkpoint brings it there.
	$node->safe_psql('postgres', 'CHECKPOINT');
	$node->wait_for_catchup($standby);
	is(value($standby, 'postgres', "SELECT reason, detail FROM foreman.why($ids[0])"), 'standby|{}', 'why() says why nothing runs on the standby');
	is(value($standby, 'postgres', q{SELECT ok, detail FROM foreman.health() WHERE name IN ('launcher', 'dispatcher') ORDER BY name}),
		"f|This server is a standby: jobs run on the primary\nf|This server is a standby: jobs run on the primary", 'and so does health()');
	for my $call ("heartbeat($mine, '$token')", "complete($mine, '$token')", q{claim('{outside}', 'w')}, q{worker_heartbeat('w', '{outside}')}, q{acquire('s')}, q{drain_rate_limit('s')})
	{
		my ($rc, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT foreman.$call");
		my ($name) = $call =~ /^(\w+)/;
		like($err, qr/25006: cannot execute foreman\.$name\(\) during recovery/, "$name is refused on the standby, by its name");
	}
	$node->stop('immediate');
	$standby->promote;
	eventually($standby, 'postgres', "SELECT leased_until > '$until' FROM foreman.jobs WHERE job_id = $mine", 10,
		'the lease counts as renewed by the promotion');
	is(value($standby, 'postgres', "SELECT foreman.heartbeat($mine, '$token')"), 'active', 'its worker goes on there');
	eventually($standby, 'postgres', "SELECT foreman.heartbeat($unwanted, '$its_token') = 'cancel_requested'", 2, 'one hears of its cancel');
	is(value($standby, 'postgres', "SELECT foreman.complete($mine, '$token', '1')"), 'completed', 'and the first is completed');
	busy($standby, 'postgres', @ids);
	is(charges($standby, 'postgres', @ids), '0 0 0, 0 0 0', 'what ran on the old primary runs again; no attempt, no crash, no error is charged');
	eventually($standby, 'postgres', "SELECT state = 'retryable' AND attempt = 1 FROM foreman.jobs WHERE job_id = $silent", 20,
		'a lease whose worker is silent ends');
	is(log_count($standby, 'was running in the process that crashed'), 0, 'the log accuses nobody');
	log_is_clean($standby);
	$standby->stop('immediate');
	$node->start;
	$node->safe_psql('postgres', q{SELECT foreman.release_lease(job_id) FROM foreman.jobs WHERE queue = 'outside' AND state = 'running'});
	$node->safe_psql('postgres', 'SELECT foreman.cancel(job_id) FROM foreman.live_job');
	eventually($node, 'postgres', is_idle(), 10, 'idle');
};

subtest 'a copy of a server that crashed' => sub {
	my @ids = busy($node, 'postgres');
	settings($node, 'restart_after_crash' => 'off');
	$node->reload;
	eventually($node, 'postgres', q{SELECT current_setting('restart_after_crash') = 'off'}, 5, 'it stays down after a crash');
	my $pid = value($node, 'postgres', "SELECT pid FROM foreman.workers WHERE job_id = $ids[0]");
	is(kill(9, $pid), 1, 'an executor is killed');
	my $pidfile = $node->data_dir . '/postmaster.pid';
	my $deadline = time + 30;
	select undef, undef, undef, 0.1 while -e $pidfile && time < $deadline;
	ok(!-e $pidfile, 'the server is down');
	$node->_update_pid(0);
	ok(-e $node->data_dir . '/pg_stat_tmp/pg_foreman.recorder', 'the flight recorder is there');
	$node->backup_fs_cold('crashed');
	my $copy = PostgreSQL::Test::Cluster->new('copy');
	$copy->init_from_backup($node, 'crashed');
	ok(-e $copy->data_dir . '/pg_stat_tmp/pg_foreman.recorder', 'copied with the data directory');
	$copy->start;
	busy($copy, 'postgres', @ids);
	is(charges($copy, 'postgres', @ids), '0 0 0, 0 0 0', 'the copy charges nobody');
	$copy->stop('immediate');
	settings($node, 'restart_after_crash' => 'on');
	$node->start;
	busy($node, 'postgres', @ids);
	is(charges($node, 'postgres', @ids), '0 1 1, 0 0 0', 'the server itself charges the culprit');
	$node->safe_psql('postgres', 'SELECT foreman.cancel(job_id) FROM foreman.live_job');
	eventually($node, 'postgres', is_idle(), 10, 'idle');
};

subtest 'a copy of a database' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE origin');
	install($node, 'origin');
	my ($id, $token) = lease('origin', '5 s');
	$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE origin');
	is(value($node, 'twin', "SELECT state FROM foreman.jobs WHERE job_id = $id"), 'running', 'a lease is copied as it is');
	eventually($node, 'origin', "SELECT state = 'retryable' FROM foreman.jobs WHERE job_id = $id", 15, 'in the origin it ends');
	is(value($node, 'twin', "SELECT state FROM foreman.jobs WHERE job_id = $id"), 'running', 'in the copy nothing happens');
	$node->safe_psql('twin', 'SELECT foreman.start()');
	is(value($node, 'twin', "SELECT state || ' ' || attempt || ' ' || (errors IS NULL) FROM foreman.jobs WHERE job_id = $id"), 'available 0 true',
		'once started it is free there, uncharged');
	is(value($node, 'twin', "SELECT foreman.complete($id, '$token')"), 'lost', 'its token is worth nothing there');
	is(value($node, 'twin', q{SELECT job_id FROM foreman.claim('{outside}', 'twin')}), $id, 'a worker of the copy claims it');
};

log_is_clean($node);
$node->stop;
done_testing();
