# P2, P3 and P4 when a process is killed with kill -9 inside its commit: before the commit is written (in a deferred trigger),
# while it is being written (commit_delay makes that last), and after it, while it waits for a synchronous standby that has
# gone. What was written holds, and is not done again; what was not is done again. TORTURE_COMMITS: how many kills (8;
# `make torture`: 100).
# Broken by: effects and outcome in two commits; a claim that forgets at recovery that its job was completed.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $kills = $ENV{TORTURE_COMMITS} // 8;
seed();

my $node = new_server('commit', 'foreman.max_crashes' => 1000, 'fsync' => 'on', 'commit_delay' => 100_000, 'commit_siblings' => 0, 'wal_level' => 'replica', 'max_wal_senders' => 2);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE TABLE late (job_id int8);
	CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
	CREATE FUNCTION lately(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO public.effects (job_id, kind) VALUES (j.job_id, j.kind);
		INSERT INTO public.late VALUES (j.job_id); END $$;
	CREATE FUNCTION lately(js foreman.job[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO public.effects (job_id, kind) SELECT job_id, kind FROM unnest(js);
		INSERT INTO public.late SELECT min(job_id) FROM unnest(js); END $$;
	SELECT foreman.register_handler('late', 'public.lately(foreman.job)'), foreman.register_handler('late batch', 'public.lately(foreman.job[])', lane => 'batch')});

my @ids;
sub enqueue
{
	my ($kind, $count, $queue) = @_;
	my $where = defined $queue ? ", queue => '$queue'" : '';
	push @ids, split /\n/, value($node, 'postgres', "SET synchronous_commit = local; SELECT job_id FROM foreman.enqueue_array('$kind', array_fill('{}'::jsonb, '{$count}')$where)");
	return $ids[-1];
}

# Kills the process that the query answers, once it answers one, and waits for the recovery.
sub kill_whoever
{
	my ($sql, $what) = @_;
	# The query that finds it is the one that names it: it may be gone a moment later.
	my ($pid, $until) = ('', time + 30);
	$pid = ask($node, 'postgres', $sql) until $pid =~ /^[0-9]+$/ || time > $until;
	ok($pid =~ /^[0-9]+$/ && kill(9, $pid), $what);
	wait_for($node, 'postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)", 60) if $pid ne '';
	return;
}

sub standby
{
	my ($name) = @_;
	settings($node, 'synchronous_standby_names' => "'$name'");
	$node->reload;
	# Commits wait from when the checkpointer has read the setting, which it does before it serves this.
	$node->safe_psql('postgres', 'CHECKPOINT');
	return;
}

my %count;
my @ways = ('before', 'while', 'after', 'outside');
for my $n (1 .. $kills)
{
	my $way = $ways[ $n % 4 ];
	$count{$way}++;
	diag("$n of $kills") if $n % 20 == 0;
	# Nobody else is in a commit.
	defined wait_for($node, 'postgres', is_idle(), 60) or last;
	if ($way eq 'before')
	{
		enqueue($n % 8 < 4 ? 'late' : 'late batch', 3);
		kill_whoever(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor' AND wait_event = 'PgSleep' LIMIT 1}, 'killed in a deferred trigger');
	}
	elsif ($way eq 'while')
	{
		enqueue('note', 20);
		usleep(int(rand(150_000)));
		kill_whoever(q{SELECT pid FROM foreman.workers WHERE pid IS NOT NULL LIMIT 1}, 'killed while commits last long');
	}
	elsif ($way eq 'after')
	{
		standby('gone');
		my $id = enqueue('note', 1);
		kill_whoever(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman executor' AND wait_event = 'SyncRep' LIMIT 1}, 'killed when its commit was written');
		is(value($node, 'postgres', "SELECT state || ' ' || attempt FROM foreman.jobs WHERE job_id = $id"), 'completed 1', 'which holds after the crash');
		standby('');
	}
	else
	{
		my $id = enqueue('out', 1, 'outside');
		my $token = value($node, 'postgres', q{SELECT token FROM foreman.claim('{outside}', 'w')});
		standby('gone');
		my $worker = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', qq{
			INSERT INTO effects (job_id, kind) SELECT $id, 'out' FROM foreman.complete($id, '$token') c WHERE c = 'completed'} ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');
		kill_whoever(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND wait_event = 'SyncRep' LIMIT 1}, 'the session of a worker outside is killed when its commit was written');
		eval { $worker->finish };
		is(value($node, 'postgres', "SELECT state FROM foreman.jobs WHERE job_id = $id"), 'completed', 'which holds after the crash');
		is(value($node, 'postgres', "SET synchronous_commit = local; SELECT foreman.complete($id, '$token')"), 'lost', 'and its worker is not heard twice');
		standby('');
	}
}
eventually($node, 'postgres', is_idle(), 120, 'everything comes to its end');
one_place_each($node, 'postgres', 'SELECT unnest(ARRAY[' . join(',', @ids) . '])', 'every job is in exactly one place');
is(value($node, 'postgres', q{SELECT count(*) FILTER (WHERE n IS NULL) || ' missing, ' || count(*) FILTER (WHERE n > 1) || ' doubled, ' || count(*) FILTER (WHERE state <> 'completed' OR attempt <> 1) || ' charged'
	FROM foreman.jobs LEFT JOIN (SELECT job_id, count(*) AS n FROM effects GROUP BY 1) e USING (job_id)}), '0 missing, 0 doubled, 0 charged', 'each has one effect, at its first attempt');
figure('kills before, while and after a commit is written, and of a worker outside after it', join ', ', map { $count{$_} // 0 } @ways);
figure('jobs', scalar @ids);
log_is_clean($node);
$node->stop;
done_testing();
