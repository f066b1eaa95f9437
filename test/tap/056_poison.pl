# P8 and P9: handlers that crash the server (a pointer to nowhere, SIGABRT), that eat memory, recurse or loop without end, end their own
# backend, or swallow every interrupt, each among thirty others that are innocent. A job that crashes the server is a dead
# letter after two crashes, one that does not is after its attempts; the others complete at their first attempt, and have
# one effect each. And handlers that deadlock with one another are tried again until they are done.
# TORTURE_POISON: how many that crash the server (2; `make torture`: 100); TORTURE_DEADLOCKS: how many jobs that deadlock.
# Broken by: charging whoever shares a transaction with the culprit; a group that is tried again with it in the middle for ever.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $rounds = $ENV{TORTURE_POISON} // 2;
my $deadlocks = $ENV{TORTURE_DEADLOCKS} // 40;
seed();

my $node = new_server('poison', 'foreman.executor_memory_limit' => "'500MB'", 'foreman.cancel_grace' => "'500ms'", 'deadlock_timeout' => "'20ms'", 'foreman.max_executors' => 4);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE TABLE dust (t text);
	-- A number is no pointer to a text.
	CREATE FUNCTION nowhere(int8) RETURNS int4 LANGUAGE internal STRICT AS 'textlen';
	CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN deep(n + 1) + 1; END $$;
	CREATE FUNCTION ends(how text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		eaten text[];
		until timestamptz := clock_timestamp() + interval '1 minute';
	BEGIN
		CASE how
			WHEN 'segfault' THEN PERFORM nowhere(8);
			WHEN 'abort' THEN COPY dust FROM PROGRAM 'kill -ABRT $PPID; sleep 5';
			WHEN 'memory' THEN LOOP eaten := eaten || repeat('x', 100000000); END LOOP;
			WHEN 'recursion' THEN PERFORM deep(1);
			WHEN 'loop' THEN LOOP NULL; END LOOP;
			WHEN 'suicide' THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(10);
			WHEN 'deaf' THEN
				WHILE clock_timestamp() < until LOOP
					BEGIN
						PERFORM pg_sleep(10);
					EXCEPTION WHEN query_canceled OR OTHERS THEN NULL;
					END;
				END LOOP;
		END CASE;
	END $$;
	CREATE FUNCTION poison(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.effects (job_id, kind, attempt) VALUES (j.job_id, j.args ->> 'how', j.attempt);
		IF j.args ->> 'how' <> 'innocent' THEN
			PERFORM ends(j.args ->> 'how');
		END IF;
	END $$;
	SELECT foreman.register_handler('poison', 'public.poison', max_attempts => 2, backoff_base => '10 ms')});

# One culprit in the middle of thirty. The server may crash before the client has heard of its commit.
my $sent = 0;
sub poison
{
	my ($how) = @_;
	my $tag = 'poison ' . ++$sent;
	my $id = "SELECT job_id FROM foreman.jobs WHERE tags = '{$tag}' AND args ->> 'how' = '$how'";
	ask($node, 'postgres', qq{
		SELECT count(*) FROM foreman.enqueue_many((SELECT jsonb_agg(jsonb_build_object('kind', 'poison', 'tags', '["$tag"]'::jsonb, 'args',
			jsonb_build_object('how', CASE WHEN i = 15 THEN '$how' ELSE 'innocent' END),
			'timeout', CASE WHEN '$how' IN ('loop', 'deaf') THEN '600 ms' ELSE '1 minute' END) ORDER BY i) FROM generate_series(1, 31) i))});
	wait_for($node, 'postgres', "SELECT EXISTS ($id)", 60);
	my $found = '';
	for (1 .. 100)
	{
		$found = ask($node, 'postgres', $id);
		last if $found ne '';
		usleep(100_000);
	}
	return $found;
}

my %error = (
	memory => '53200',
	recursion => '54001',
	loop => '57014',
	suicide => '57P01',
	deaf => '57P01');
my $from = log_position($node);
for my $how (sort keys %error)
{
	my $id = poison($how);
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.dead_letter WHERE job_id = $id", 60, "$how: the job is a dead letter");
	is(value($node, 'postgres', "SELECT attempt || ' ' || coalesce((errors -> -1 ->> 'sqlstate'), 'none') FROM foreman.jobs WHERE job_id = $id"), "2 $error{$how}", 'after its attempts, with the reason')
	  or diag(value($node, 'postgres', "SELECT errors FROM foreman.jobs WHERE job_id = $id"));
}
is(log_count($node, 'terminating any other active server processes', $from), 0, 'none of them crashed the server');

my ($crashes, $most) = (0, 0);
for my $round (1 .. $rounds)
{
	my $how = $round % 2 ? 'segfault' : 'abort';
	my $before = log_position($node);
	my $id = poison($how);
	defined wait_for($node, 'postgres', "SELECT count(*) = 1 FROM foreman.dead_letter WHERE job_id = $id AND reason LIKE '%(crash 2 of 2)'", 60) or last;
	my $n = log_count($node, 'all server processes terminated; reinitializing', $before);
	$crashes += $n;
	$most = $n if $n > $most;
	diag("$round of $rounds") if $round % 20 == 0;
}
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.dead_letter WHERE reason LIKE '%(crash 2 of 2)'}), $rounds, 'each job that crashes the server is a dead letter after two crashes');
cmp_ok($most, '<=', 2, 'and has crashed the server twice');
eventually($node, 'postgres', is_idle(), 60, 'the others come to their end');
is(value($node, 'postgres', q{SELECT count(*) || ' ' || count(*) FILTER (WHERE state = 'completed' AND attempt = 1 AND errors IS NULL) FROM foreman.jobs WHERE kind = 'poison' AND args ->> 'how' = 'innocent'}),
	join(' ', (30 * ($rounds + keys %error)) x 2), 'at their first attempt, accused of nothing');
is(value($node, 'postgres', q{SELECT count(*) || ' ' || count(DISTINCT job_id) || ' ' || count(*) FILTER (WHERE kind <> 'innocent') FROM effects}), join(' ', (30 * ($rounds + keys %error)) x 2, 0), 'with one effect each');
figure('jobs that crash the server', $rounds);
figure('crashes of the server', $crashes);
figure('innocent jobs beside them', 30 * $rounds);
figure('innocent jobs charged', value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE kind = 'poison' AND args ->> 'how' = 'innocent' AND (state <> 'completed' OR attempt > 1 OR errors IS NOT NULL)}));

subtest 'handlers that deadlock with one another' => sub {
	$node->safe_psql('postgres', q{
		CREATE TABLE account (name text PRIMARY KEY, moved int NOT NULL DEFAULT 0);
		INSERT INTO account SELECT 'a' || i FROM generate_series(1, 4) i;
		CREATE FUNCTION move(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			UPDATE account SET moved = moved + 1 WHERE name = j.args ->> 'x';
			PERFORM pg_sleep(0.01);
			UPDATE account SET moved = moved + 1 WHERE name = j.args ->> 'y';
		END $$;
		SELECT foreman.register_handler('move', 'public.move', max_attempts => 1000, backoff_base => '1 ms', backoff_max => '20 ms', max_group => 1)});
	my $before = log_position($node);
	$node->safe_psql('postgres', qq{
		SELECT foreman.enqueue('move', jsonb_build_object('x', 'a' || (i % 4 + 1), 'y', 'a' || ((i + 1 + i / 4 % 3) % 4 + 1))) FROM generate_series(1, $deadlocks) i});
	eventually($node, 'postgres', is_idle(), 120 + $deadlocks / 5, 'all come to their end');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs WHERE kind = 'move' AND state <> 'completed'}), '0', 'completed');
	is(value($node, 'postgres', q{SELECT sum(moved) FROM account}), 2 * $deadlocks, 'each once');
	my $found = value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs, jsonb_array_elements(errors) e WHERE kind = 'move' AND e ->> 'sqlstate' = '40P01'});
	cmp_ok($found, '>', 0, 'there were deadlocks');
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.jobs, jsonb_array_elements(errors) e WHERE kind = 'move' AND e ->> 'sqlstate' <> '40P01'}), '0', 'and nothing else');
	figure('jobs that may deadlock', $deadlocks);
	figure('deadlocks', $found);
};

my @bad = grep { /PANIC|TRAP|corrupt|stuck spinlock|XX000/ } split /\n/, slurp_file($node->logfile);
is(join("\n", @bad), '', 'no panic, failed assertion or internal error in the log');
$node->stop;
done_testing();
