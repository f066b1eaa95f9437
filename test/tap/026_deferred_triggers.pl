# P3, P7, P14: deferred constraint triggers of handlers run at the end of the transaction, and like the handlers themselves:
# under the job's timeout, open to cancel and to stop(), and without holding up the other jobs of a group for long.
# Broken by: leaving them to the commit, which nothing of ours can interrupt.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('deferred', 'max_prepared_transactions' => 5);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE TABLE slow (job_id int8, s float8);
	CREATE FUNCTION check_slowly() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF NEW.s < 0 THEN
			RAISE 'refused at the end';
		END IF;
		PERFORM pg_sleep(NEW.s);
		RETURN NULL;
	END $$;
	CREATE CONSTRAINT TRIGGER check_slowly AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION check_slowly();
	CREATE FUNCTION slowly(j foreman.job) RETURNS void LANGUAGE sql AS $$
		INSERT INTO public.slow VALUES (j.job_id, coalesce((j.args->>'s')::float8, 0)) $$;
	SELECT foreman.register_handler('limited', 'public.slowly', max_attempts => 1, timeout => '2 s'),
		foreman.register_handler('slow', 'public.slowly', max_attempts => 2, backoff_base => '10 ms')});

sub enqueue
{
	my ($kind, $s) = @_;
	return value($node, 'postgres', qq{SELECT foreman.enqueue('$kind', args => '{"s": $s}')});
}

my $quick = enqueue('limited', 0.01);
my $late = enqueue('limited', 30);
eventually($node, 'postgres', "SELECT state = 'discarded' FROM foreman.jobs WHERE job_id = $late", 10, 'a trigger that takes too long is interrupted');
is(value($node, 'postgres', "SELECT errors->-1->>'message' FROM foreman.jobs WHERE job_id = $late"), 'handler timed out after 2000 ms', 'by the timeout of its job');
eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $quick", 5, 'one that is in time completes');
my $refused = enqueue('limited', -1);
eventually($node, 'postgres', "SELECT state = 'discarded' FROM foreman.jobs WHERE job_id = $refused", 5, 'one that raises fails its job');
is(value($node, 'postgres', "SELECT errors->-1->>'message' FROM foreman.jobs WHERE job_id = $refused"), 'refused at the end', 'with its own error');

subtest 'in a group' => sub {
	my @ids = split /\n/, value($node, 'postgres', q{
		SELECT job_id FROM foreman.enqueue_array('slow', (SELECT array_agg(jsonb_build_object('s', CASE WHEN i = 10 THEN 30 ELSE 0 END)) FROM generate_series(1, 20) i))});
	my $slow = splice @ids, 9, 1;
	my $all = join ',', @ids;
	eventually($node, 'postgres', "SELECT count(*) = 19 FROM foreman.jobs WHERE job_id IN ($all) AND state = 'completed' AND attempt = 1 AND errors IS NULL", 8,
		'the others complete without it, uncharged');
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $slow", 5, 'it runs alone, and is seen to');
	is(value($node, 'postgres', "SELECT foreman.cancel($slow, 'enough')"), 'cancel_requested', 'cancel');
	eventually($node, 'postgres', "SELECT state = 'cancelled' AND reason = 'enough' FROM foreman.jobs WHERE job_id = $slow", 3, 'interrupts it');
	is(value($node, 'postgres', "SELECT count(*) FROM slow WHERE job_id = $slow"), '0', 'and nothing of it is left');
};

subtest 'stop()' => sub {
	settings($node, 'foreman.shutdown_grace' => "'300ms'");
	$node->reload;
	my $id = enqueue('slow', 30);
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $id AND started_at < clock_timestamp() - interval '100 ms'", 5, 'it runs');
	$node->safe_psql('postgres', 'SELECT foreman.stop()');
	eventually($node, 'postgres', 'SELECT count(*) = 0 FROM foreman.workers WHERE pid IS NOT NULL', 3, 'its executor leaves after the grace');
	is(value($node, 'postgres', "SELECT state || ' ' || attempt || ' ' || (errors IS NULL) FROM foreman.jobs WHERE job_id = $id"), 'available 0 true',
		'the job is due again, uncharged');
};

log_is_clean($node);
$node->stop;
done_testing();
