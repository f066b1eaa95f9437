# Publications FOR ALL TABLES take in the tables of both extensions: everything goes on that updates or deletes their rows, in
# partitions made later as well, and a subscriber gets what there is and runs nothing.
# https://github.com/timgit/pg-boss/issues/387
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('publications', 'wal_level' => 'logical', 'max_replication_slots' => 4, 'max_wal_senders' => 4, 'foreman.poll_interval' => '500ms');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE app; CREATE DATABASE copy; CREATE ROLE app LOGIN');
$node->safe_psql('app', 'CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true)');
install($node, 'app');
$node->safe_psql('app', q{CREATE EXTENSION pg_foreman_cron});

my $without = q{SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
	WHERE relnamespace IN ('foreman'::regnamespace, 'cron'::regnamespace) AND relkind IN ('r', 'p') AND NOT (relreplident = 'f'
	OR relreplident = 'd' AND EXISTS (SELECT FROM pg_index i WHERE indrelid = c.oid AND indisprimary))};
is(value($node, 'app', $without), '', 'every table of both extensions has a replica identity');
is(value($node, 'app', q{SELECT relreplident FROM pg_class WHERE oid = 'foreman.live_job'::regclass}), 'd', 'unfinished jobs are known by their key alone');

# Everything that changes something, once.
my ($done, $dead) = split /\|/, value($node, 'app', q{SELECT foreman.enqueue('note'), foreman.enqueue('fail')});
eventually($node, 'app', is_idle(), 10, 'jobs run');
my $waits = value($node, 'app', q{SELECT foreman.enqueue('note', run_at => '2100-01-01')});
my @calls = (
	"foreman.retry($done)", "foreman.retry_dead_letter($dead)", "foreman.cancel($waits)", "foreman.retry($waits)", "foreman.reschedule($waits, priority => 3)",
	"foreman.delete_job($waits)", "foreman.delete_job($done)", "foreman.cancel_where(state => 'scheduled')", "foreman.retry_where(state => 'completed')",
	"foreman.delete_where(state => 'completed')", "foreman.create_queue('q')", "foreman.alter_queue('q', max_running => 1)", "foreman.pause_queue('q')",
	"foreman.resume_queue('q')", "foreman.grant_role('worker', 'app', 'q')", "foreman.revoke_role('worker', 'app', 'q')",
	"foreman.grant_role('producer', 'app', 'q')", "foreman.purge_queue('q')", "foreman.drop_queue('q')", "foreman.set_rate_limit('s', 1, 1)",
	"foreman.set_rate_limit('s', 2, 1)", "foreman.drain_rate_limit('s')", "foreman.acquire('s')", "foreman.create_batch('b', on_complete => 'note')",
	"foreman.enqueue('note', batch_id => (SELECT max(batch_id) FROM foreman.batches))",
	"foreman.set_timer('note', 'k', '2100-01-01')", "foreman.set_timer('note', 'k', '2100-01-02')", "foreman.cancel_timer('note', 'k')",
	"foreman.enqueue('note', unique_key => 'u', unique_for => '1 ms', run_at => '2100-01-01')",
	"foreman.enqueue('note', unique_key => 'u', on_conflict => 'replace')", "foreman.schedule('s', '0 0 1 1 *', 'SELECT 1')",
	"foreman.trigger_schedule('s')", "foreman.alter_schedule('s', active => false)", "foreman.unschedule('s')", "foreman.purge_dead_letters()",
	"cron.schedule('c', '0 0 1 1 *', 'SELECT 1')", "cron.unschedule('c')", "foreman.register_handler('own', 'public.nap')",
	"foreman.unregister_handler('own')", "foreman.stop()", "foreman.start()");
for my $call (@calls)
{
	my ($out, $err) = ('', '');
	$node->psql('app', "SELECT $call", stdout => \$out, stderr => \$err);
	is($err, '', $call);
	wait_for($node, 'app', q{SELECT count(*) = 0 FROM foreman.live_job WHERE run_at < now()}, 10) if $call =~ /retry|enqueue|trigger/;
}

# A worker outside.
$node->safe_psql('app', q{SELECT foreman.enqueue('outside') FROM generate_series(1, 4)});
my ($job, $token) = split /\|/, value($node, 'app', q{SELECT job_id, token FROM foreman.claim('{default}', 'w')});
is(value($node, 'app', "SELECT foreman.heartbeat($job, '$token'), foreman.complete($job, '$token')"), 'active|completed', 'a worker outside claims and completes');

# Retention: single rows of history, the default partition, whole partitions, dead letters.
$node->safe_psql('app', q{
	SELECT foreman.stop();
	SELECT foreman.create_queue('short', retain_completed => '1 s');
	INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, priority, attempt, max_attempts, outcome, queue, kind)
	SELECT -i, now() - make_interval(days => i % 12), now(), now(), 0, 1, 1, 'c', CASE WHEN i % 2 = 0 THEN 'short' ELSE 'default' END, 'note' FROM generate_series(1, 100) i;
	INSERT INTO foreman.dead_letter (job_id, discarded_at, run_at, enqueued_at, priority, attempt, max_attempts, queue, kind, args)
	SELECT -i, now() - interval '60 days', now(), now(), 0, 1, 1, 'default', 'note', '{}' FROM generate_series(1, 100) i});
wait_for($node, 'app', 'SELECT count(*) = 0 FROM foreman.workers', 20);
my ($out, $err) = ('', '');
$node->psql('app', q{SET foreman.fake_now = '2090-01-01'; SELECT sum(rows) FROM foreman.prune_once()}, stdout => \$out, stderr => \$err);
is($err, '', 'retention goes on');
cmp_ok($out, '>=', 200, 'and removes what is past it');
is(value($node, 'app', $without), '', 'a partition that is made later has a replica identity, too');
$node->safe_psql('app', q{SELECT foreman.start()});

# A subscriber, in the same server: its slot is made first, since the command would wait for its own transaction.
$node->safe_psql('copy', q{CREATE EXTENSION pg_foreman; CREATE EXTENSION pg_foreman_cron;
	CREATE TABLE effects (job_id int8, kind text, attempt int, who text, session text, started timestamptz, ended timestamptz)});
$node->safe_psql('app', q{
	SELECT foreman.enqueue('note', run_at => '2100-01-01'); SELECT foreman.enqueue('note');
	ALTER TABLE effects REPLICA IDENTITY FULL});
eventually($node, 'app', q{SELECT count(*) = 0 FROM foreman.live_job WHERE kind = 'note' AND run_at < now()}, 10, 'jobs run in the publishing database');
my $connection = $node->connstr('app') =~ s{'}{''}gr;
$node->safe_psql('app', q{SELECT pg_create_logical_replication_slot('copy', 'pgoutput')});
$node->safe_psql('copy', qq{CREATE SUBSCRIPTION copy CONNECTION '$connection' PUBLICATION everything WITH (create_slot = false, slot_name = 'copy')});
my $there = sub { return "SELECT ($_[0])::text = '$_[1]'" };
my $all = q{SELECT (SELECT count(*) FROM foreman.live_job) || ' ' || (SELECT count(*) FROM foreman.job_history) || ' ' || (SELECT count(*) FROM foreman.handler)};
eventually($node, 'copy', $there->($all, value($node, 'app', $all)), 30, 'a subscriber gets the rows');
eventually($node, 'copy', q{SELECT NOT ok FROM foreman.health() WHERE name = 'permission'}, 30, 'and is quiet');
my $retried = value($node, 'app', q{SELECT max(job_id) FROM foreman.job_history});
$node->safe_psql('app', "SELECT foreman.retry($retried)");
eventually($node, 'app', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $retried", 10, 'a retry in the publishing database');
$node->safe_psql('app', q{SELECT foreman.delete_where(kind => 'note', state => 'completed')});
eventually($node, 'copy', $there->($all, value($node, 'app', $all)), 30, 'and deletions reach the subscriber');
stays($node, 'copy', q{SELECT count(*) = 0 FROM foreman.workers}, 1, 'it runs nothing');
$node->safe_psql('copy', 'ALTER SUBSCRIPTION copy DISABLE; ALTER SUBSCRIPTION copy SET (slot_name = NONE); DROP SUBSCRIPTION copy');

log_is_clean($node);
$node->stop;
done_testing();
