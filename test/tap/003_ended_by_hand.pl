# pg_terminate_backend and pg_cancel_backend of executors, dispatcher and launcher, again and again: each is
# replaced within 2 s, effects stay single (P3) and nobody is charged an attempt (P8).
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('by_hand');
$node->start;
install($node, 'postgres');

sub replaced
{
	my ($what, $old, $deadline, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return eventually($node, 'postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_foreman $what' AND pid <> $old",
		$deadline, $name);
}

eventually($node, 'postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher'", 5,
	'a dispatcher is there');

for my $round (1 .. 4)
{
	for my $what (qw(launcher dispatcher))
	{
		my ($pid) = pids($node, $what);
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
		replaced($what, $pid, 2, "round $round: a terminated $what is replaced within 2 s");
		($pid) = pids($node, $what);
		$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
		my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
		eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 2,
			"round $round: jobs run after pg_cancel_backend of the $what");
	}
	is(value($node, 'postgres', q{
			SELECT count(*) FILTER (WHERE backend_type = 'pg_foreman launcher') || ' '
				|| count(*) FILTER (WHERE backend_type = 'pg_foreman dispatcher') FROM pg_stat_activity}),
		'1 1', "round $round: one of each");
}

subtest 'P8: an executor is terminated while its handler runs' => sub {
	for my $round (1 .. 3)
	{
		my $id = value($node, 'postgres', q{SELECT foreman.enqueue('nap', args => '{"s": 4}')});
		eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 5, 'it runs');
		my $pid = value($node, 'postgres', "SELECT pid FROM foreman.workers WHERE job_id = $id");
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
		eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id AND pid <> $pid", 1,
			'another runs it within 1 s');
		eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 15, 'it completes');
		is(value($node, 'postgres', "SELECT attempt FROM foreman.jobs WHERE job_id = $id"), '1', 'no attempt was charged');
		is(value($node, 'postgres', "SELECT count(*) FROM effects WHERE job_id = $id"), '1', 'one effect');
	}
};

subtest 'pg_cancel_backend of an executor' => sub {
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('nap', args => '{"s": 20}', max_attempts => 1)});
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id", 5, 'it runs');
	my $pid = value($node, 'postgres', "SELECT pid FROM foreman.workers WHERE job_id = $id");
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	eventually($node, 'postgres', "SELECT state = 'discarded' FROM foreman.jobs WHERE job_id = $id", 2,
		'the handler was interrupted, which is a failure like another');
	is(value($node, 'postgres', "SELECT errors->-1->>'sqlstate' FROM foreman.jobs WHERE job_id = $id"), '57014',
		'and is recorded as one');
	is(value($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"), '1', 'the executor lives on');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	$id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	eventually($node, 'postgres', "SELECT state = 'completed' AND attempt = 1 FROM foreman.jobs WHERE job_id = $id", 2,
		'an idle one is not disturbed by a cancel');
};

subtest 'P8: lane procedure: its executor is terminated' => sub {
	$node->safe_psql('postgres', q{
		CREATE PROCEDURE slow_steps(j foreman.job) LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO public.effects VALUES (j.job_id, 'started', j.attempt);
			COMMIT;
			PERFORM pg_sleep((j.args ->> 's')::float8);
		END $$;
		SELECT foreman.register_handler('slow_steps', 'public.slow_steps', lane => 'procedure')});
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('slow_steps', args => '{"s": 4}')});
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM effects WHERE job_id = $id", 5, 'it started');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM foreman.workers WHERE job_id = $id");
	eventually($node, 'postgres', "SELECT count(*) = 2 FROM effects WHERE job_id = $id", 1, 'it is due again within 1 s');
	eventually($node, 'postgres', "SELECT state = 'completed' AND attempt = 1 FROM foreman.jobs WHERE job_id = $id", 15,
		'it completes, and was not charged');
};

subtest 'P3: terminations and cancels under load' => sub {
	$node->safe_psql('postgres', q{
		TRUNCATE effects;
		SELECT foreman.enqueue(CASE i % 3 WHEN 0 THEN 'nap' ELSE 'note' END, args => '{"s": 0.004}') FROM generate_series(1, 3000) i});
	my $rounds = 0;
	while (value($node, 'postgres', is_idle()) ne 't' && $rounds < 40)
	{
		my $what = (qw(executor executor executor dispatcher launcher))[ $rounds % 5 ];
		$node->safe_psql('postgres',
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_foreman $what' ORDER BY random() LIMIT 1");
		$rounds++;
	}
	eventually($node, 'postgres', is_idle(), 60, "everything runs, $rounds terminations notwithstanding");
	is(value($node, 'postgres', q{SELECT count(*) || ' ' || count(DISTINCT job_id) || ' ' || max(attempt) FROM effects}),
		'3000 3000 1', 'one effect each, at the first attempt');
};

# https://github.com/bensheldon/good_job/issues/922
subtest 'a job whose executor is terminated each time leaves a trace, and ends as a dead letter' => sub {
	$node->append_conf('postgresql.conf', 'foreman.max_interruptions = 4');
	$node->reload;
	for my $kind ('nap', 'slow_steps')
	{
		my $id = value($node, 'postgres', qq{SELECT foreman.enqueue('$kind', args => '{"s": 30}')});
		my $pid = 0;
		for my $time (1 .. 4)
		{
			unless (defined wait_for($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id AND pid <> $pid", 10))
			{
				fail("$kind: it runs again after $pid");
				last;
			}
			$pid = value($node, 'postgres', "SELECT pid FROM foreman.workers WHERE job_id = $id");
			$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
			next if $time != 3;
			eventually($node, 'postgres', "SELECT interruptions = 3 FROM foreman.live_job WHERE job_id = $id", 5, "$kind: its row counts them");
			is(value($node, 'postgres', "SELECT count(*) || ' ' || max(detail->>'sqlstate') FROM foreman.job_events WHERE job_id = $id AND event = 'interrupted'"),
				'3 57P01', 'so do its events');
			is(value($node, 'postgres', "SELECT detail FROM foreman.why($id) WHERE reason = 'interrupted'"),
				'{"times": 3, "max_interruptions": 4}', 'and why()');
			like(value($node, 'postgres', "SELECT ok || ' ' || detail FROM foreman.health() WHERE name = 'interruptions'"),
				qr/^false Somebody terminated the executor of job $id 3 times in a row/, 'health() names it');
			is(value($node, 'postgres', "SELECT attempt FROM foreman.live_job WHERE job_id = $id"), '0', 'no attempt is charged');
		}
		eventually($node, 'postgres', "SELECT state = 'discarded' AND reason LIKE '%4 times in a row%' FROM foreman.jobs WHERE job_id = $id",
			5, 'it is a dead letter that says why');
	}
	is(value($node, 'postgres', "SELECT ok FROM foreman.health() WHERE name = 'interruptions'"), 't', 'health() is content again');
};

log_is_clean($node);
$node->stop;
done_testing();
