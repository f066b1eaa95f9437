# What the TAP tests share: servers with pg_foreman in them, handlers that leave a trace, and waiting
# for a condition with a deadline. No test sleeps and hopes; where something must NOT happen, `stays`
# watches for a stated time.
package ForemanTest;

use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_server settings install start_after_kill value ask eventually wait_for stays pids timed
  log_position log_count is_idle log_is_clean one_place_each figure seed);

# Deadlines of promises are as they are stated, plus what a loaded machine may take to start psql.
my $slack = 1.0 * ($ENV{FOREMAN_TEST_SLACK} // 1.0);

# A server that has pg_foreman preloaded, not yet started. Cluster.pm's own defaults log every statement
# and stay down after a crash.
sub new_server
{
	my ($name, %settings) = @_;
	my %init = %{ delete $settings{init} // {} };
	# With debug => 1 its library has debug points and the functions that only tests have.
	my $path = (delete $settings{debug}) ? $ENV{FOREMAN_DEBUG_TREE} : delete $settings{install_path};
	my $node = PostgreSQL::Test::Cluster->new($name, defined $path ? (install_path => $path) : ());
	$node->init(%init);
	settings($node,
		'shared_preload_libraries'   => "'pg_foreman'",
		'log_statement'              => 'none',
		'log_replication_commands'   => 'off',
		'log_checkpoints'            => 'off',
		'log_line_prefix'            => "'%m [%p] %b %q%u\@%d '",
		'restart_after_crash'        => 'on',
		'max_connections'            => 40,
		'max_worker_processes'       => 16,
		'max_prepared_transactions'  => 10,
		'autovacuum_naptime'         => '60s',
		# Whoever waits is waked by the commit that it waits for: no test leans on the safety poll.
		'foreman.poll_interval'      => "'1h'",
		%settings);
	return $node;
}

sub settings
{
	my ($node, %settings) = @_;
	$node->append_conf('postgresql.conf', "$_ = $settings{$_}") for sort keys %settings;
	return;
}

# Starts a server that was killed. A process that its postmaster made just then may not have been among those that were
# killed with it: it keeps the shared memory until it notices, and PostgreSQL does not start before.
sub start_after_kill
{
	my ($node) = @_;
	for (1 .. 20)
	{
		return if $node->start(fail_ok => 1);
		usleep(500_000);
	}
	die 'the server does not start again';
}

# The extension, a table of effects that has no unique constraint on purpose, and handlers:
# note = leaves an effect; nap = sleeps args.s seconds, then leaves one; fail = always raises.
sub install
{
	my ($node, $db) = @_;
	$node->safe_psql($db, q{
		CREATE EXTENSION pg_foreman;
		CREATE TABLE effects (job_id int8, kind text, attempt int, who text, session text,
			started timestamptz, ended timestamptz);
		GRANT INSERT ON effects TO PUBLIC;
		CREATE FUNCTION nap(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			t timestamptz := clock_timestamp();
		BEGIN
			IF j.args ? 's' THEN
				PERFORM pg_sleep((j.args->>'s')::float8);
			END IF;
			INSERT INTO public.effects VALUES (j.job_id, j.kind, j.attempt, current_user, session_user,
				t, clock_timestamp());
		END $$;
		CREATE FUNCTION fail(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			RAISE 'it never works';
		END $$;
		SELECT foreman.register_handler('note', 'public.nap'), foreman.register_handler('nap', 'public.nap'),
			foreman.register_handler('fail', 'public.fail', max_attempts => 1);
	});
	return;
}

sub value
{
	my ($node, $db, $sql) = @_;
	return $node->safe_psql($db, $sql);
}

# The same of a server that may be down; empty then. psql may end before it has read the query.
sub ask
{
	my ($node, $db, $sql) = @_;
	my ($out, $err) = ('', '');
	my $rc = eval { $node->psql($db, $sql, stdout => \$out, stderr => \$err, timeout => 30) };
	return defined $rc && $rc == 0 ? $out : '';
}

# Polls until the query answers t, and returns the seconds that it took, or undef when the deadline passed.
# A server that is just coming up counts as not yet. A busy machine may stop everything for seconds while one look lasts,
# and what is waited for stands still as well. So one look takes at most 0.2 s of the deadline; but no more than a few
# times the deadline passes on the clock, and hardly more where the promise itself is about a second or two.
sub wait_for
{
	my ($node, $db, $sql, $deadline) = @_;
	my ($began, $spent, $out) = (time, 0);
	my $cap = $deadline > 2 ? 5 * ($deadline + $slack) : 2 * $deadline + $slack;
	for (;;)
	{
		my $asked = time;
		$out = ask($node, $db, $sql);
		return $asked - $began if $out eq 't';
		last if $spent > $deadline + $slack || time - $began > $cap;
		usleep(25_000);
		my $took = time - $asked;
		$spent += $took < 0.2 ? $took : 0.2;
	}
	diag("waited $deadline s for: $sql\nlast answer: '$out'");
	return undef;
}

# A test: the query answers t within so many seconds.
sub eventually
{
	my ($node, $db, $sql, $deadline, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $took = wait_for($node, $db, $sql, $deadline);
	note(sprintf '%.2f s: %s', $took, $what) if defined $took;
	return ok(defined $took, $what);
}

# A test: the query answers t every time that it is asked for so many seconds.
sub stays
{
	my ($node, $db, $sql, $seconds, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $until = time + $seconds;
	my $out;
	do
	{
		$out = value($node, $db, $sql);
		return is($out, 't', $what) if $out ne 't';
		usleep(100_000);
	} while (time < $until);
	return pass($what);
}

# Pids of our processes: of a kind (launcher, dispatcher, executor, or % for all), of one database or of all.
sub pids
{
	my ($node, $what, $db) = @_;
	my $sql = "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_foreman $what'";
	$sql .= " AND datname = '$db'" if defined $db;
	return split /\n/, value($node, 'postgres', "$sql ORDER BY pid");
}

# Runs a command and returns the seconds that it took inside the server, undef when it failed.
sub timed
{
	my ($node, $db, $command) = @_;
	my ($out, $err) = ('', '');
	my $rc = $node->psql($db, "\\timing on\n$command", stdout => \$out, stderr => \$err, timeout => 60);
	if (!defined $rc || $rc != 0)
	{
		diag("$command: $err");
		return undef;
	}
	my @ms = $out =~ /^Time: ([0-9.]+) ms/mg;
	return $ms[-1] / 1000;
}

sub log_position
{
	my ($node) = @_;
	return -s $node->logfile;
}

# A figure of the run, which `make torture` puts into its table.
sub figure
{
	my ($name, $value) = @_;
	diag("figure: $name = $value");
	return;
}

# Everything that is random follows from this, which is printed; FOREMAN_TEST_SEED repeats a run.
sub seed
{
	my $seed = $ENV{FOREMAN_TEST_SEED} // int(time * 1000) % 1_000_000;
	srand($seed);
	diag("FOREMAN_TEST_SEED=$seed");
	return;
}

# How many lines of the server's log match, from a position on.
sub log_count
{
	my ($node, $pattern, $from) = @_;
	my $log = slurp_file($node->logfile, $from // 0);
	return scalar grep { /$pattern/ } split /\n/, $log;
}

# Condition: nothing is live in this database.
sub is_idle { return 'SELECT count(*) = 0 FROM foreman.live_job'; }

# Tests that no process ended in a way that no test here brings about.
sub log_is_clean
{
	my ($node) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @bad = grep { /PANIC|TRAP|corrupt|signal 11|signal 6|stuck spinlock|XX000/ }
	  split /\n/, slurp_file($node->logfile);
	return is(join("\n", @bad), '', 'no panic, failed assertion or internal error in the log');
}

# P2 as one query: every job of a table of ids is in exactly one place, and no job is in two.
sub one_place_each
{
	my ($node, $db, $ids, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(
		value($node, $db, qq{
			WITH place AS (
				SELECT job_id FROM foreman.live_job
				UNION ALL SELECT job_id FROM foreman.job_history
				UNION ALL SELECT job_id FROM foreman.dead_letter
			), counted AS (SELECT job_id, count(*) AS n FROM place GROUP BY job_id)
			SELECT (SELECT count(*) FROM ($ids) i(job_id) LEFT JOIN counted USING (job_id) WHERE n IS NULL)
				|| ' lost, ' || (SELECT count(*) FROM counted WHERE n > 1) || ' doubled'}),
		'0 lost, 0 doubled', $what);
}

1;
