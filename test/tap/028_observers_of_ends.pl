# In whatever way a job ends, whoever observes ends hears of it, once, in the transaction that ends it, with its outcome,
# result, reason and errors. The library with debug points writes in the log what observers hear.
# Broken by: a way to take a row out of live_job for good that does not tell the observers.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

my $node = new_server('observers', debug => 1, 'foreman.max_interruptions' => 1, 'foreman.max_crashes' => 1);
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE FUNCTION answer(args jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"it": "worked"}'::jsonb $$;
	CREATE FUNCTION refuse(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM foreman.discard('no use'); END $$;
	CREATE FUNCTION leave(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM foreman.cancel_self('not needed'); END $$;
	CREATE FUNCTION explain(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'told to fail' USING ERRCODE = '22012', DETAIL = 'the detail'; END $$;
	CREATE PROCEDURE steps(args jsonb) LANGUAGE plpgsql AS $$
	BEGIN
		COMMIT;
		IF args ? 's' THEN PERFORM pg_sleep((args ->> 's')::float8); END IF;
		IF args ? 'fail' THEN RAISE 'told to fail' USING ERRCODE = '22012'; END IF;
	END $$;
	CREATE TABLE held (job_id int8, token uuid);
	CREATE FUNCTION many(jobs foreman.job[]) RETURNS SETOF foreman.job_outcome LANGUAGE sql AS $$
		SELECT j.job_id, j.args ->> 'o', '{"many": true}'::jsonb, CASE j.args ->> 'o' WHEN 'discarded' THEN 'of no use' END, NULL::interval
		  FROM unnest(jobs) j $$;
	SELECT foreman.register_handler('answer', 'answer'), foreman.register_handler('refuse', 'refuse'), foreman.register_handler('leave', 'leave'),
		foreman.register_handler('explain', 'explain', max_attempts => 1), foreman.register_handler('steps', 'steps', lane => 'procedure', max_attempts => 1),
		foreman.register_handler('many', 'many', lane => 'batch')});

sub enqueue { my ($kind, $more) = @_; return value($node, 'postgres', "SELECT foreman.enqueue('$kind'" . ($more // '') . ')') }
sub outside { return enqueue('out', ", queue => 'outside'" . ($_[0] // '')) }
sub do_it { return value($node, 'postgres', $_[0]) }
sub held { return "SELECT job_id, token FROM held JOIN foreman.jobs USING (job_id) WHERE state = 'running'" }
sub claim { return do_it("DELETE FROM held; WITH c AS (INSERT INTO held SELECT job_id, token FROM foreman.claim('{outside}', 'w', 100" . ($_[0] // '') . ') RETURNING 1) SELECT count(*) FROM c') }
sub runs { return eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.workers WHERE job_id = $_[0]", 10, "job $_[0] runs") }

# A test: observers hear of the end of this job once, and like that.
sub heard
{
	my ($id, $like, $way) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for($node, 'postgres', "SELECT NOT EXISTS (SELECT FROM foreman.live_job WHERE job_id = $id)", 15);
	my @said = grep { /observed: job $id / } split /\n/, slurp_file($node->logfile);
	is(scalar @said, 1, "$way: once");
	like($said[0] // '', qr/job $id $like/, "$way: with what came of it");
	return;
}

my $error = qr/errors \[\{.*"sqlstate": "22012"/;

# Executors.
heard(enqueue('answer'), qr/completed, attempt 1, result \{"it": "worked"\}/, 'lane transaction completes');
heard(enqueue('explain'), qr/discarded, attempt 1, result none, reason told to fail, errors \[\{.*"detail": "the detail"/, 'it fails for good');
heard(enqueue('explain'), qr/discarded, .*$error/, 'with its SQLSTATE');
heard(enqueue('refuse'), qr/discarded, attempt 1, result none, reason no use/, 'it is discarded by its handler');
heard(enqueue('leave'), qr/cancelled, attempt 1, result none, reason not needed/, 'it is cancelled by its handler');
heard(enqueue('many', q{, args => '{"o": "completed"}'}), qr/completed, attempt 1, result \{"many": true\}/, 'lane batch completes');
heard(enqueue('many', q{, args => '{"o": "discarded"}'}), qr/discarded, .*reason of no use/, 'it discards');
heard(enqueue('steps'), qr/completed, attempt 1/, 'lane procedure completes');
heard(enqueue('steps', q{, args => '{"fail": 1}'}), qr/discarded, attempt 1, .*$error/, 'it fails for good');

# Outside workers.
my @out = map { outside() } 1 .. 2;
claim();
do_it(qq{SELECT foreman.complete(job_id, token, '{"by": "one"}') FROM (${\held()}) h WHERE job_id = $out[0]});
do_it(qq{SELECT foreman.complete_many(array_agg(job_id), array_agg(token)) FROM (${\held()}) h});
heard($out[0], qr/completed, attempt 1, result \{"by": "one"\}/, 'complete');
heard($out[1], qr/completed, attempt 1, result none/, 'complete_many');
@out = (outside(', max_attempts => 1'), outside(', max_attempts => 1'), outside());
claim();
do_it(qq{SELECT foreman.fail(job_id, token, 'no good', detail => '{"why": 1}') FROM (${\held()}) h WHERE job_id = $out[0]});
do_it(qq{SELECT foreman.fail_many(array_agg(job_id), array_agg(token), ARRAY['no good']) FROM (${\held()}) h WHERE job_id = $out[1]});
do_it(qq{SELECT foreman.cancel($out[2], 'too late'); SELECT foreman.fail(job_id, token, 'no good') FROM (${\held()}) h});
heard($out[0], qr/discarded, attempt 1, .*reason no good, errors \[\{.*"detail": \{"why": 1\}/, 'fail');
heard($out[1], qr/discarded, attempt 1, .*reason no good/, 'fail_many');
heard($out[2], qr/cancelled, attempt 1, result none, reason too late, errors \[\{/, 'fail of a job whose cancel was asked for');
my $lease = outside(', max_attempts => 1');
claim(", lease => '1 s'");
heard($lease, qr/discarded, attempt 1, .*lease expired/, 'a lease ends');

# Operators; nobody holds the job.
my @wait = map { outside(", tags => '{t$_}'") } 0 .. 5;
do_it("SELECT foreman.cancel($wait[0], 'by hand'), foreman.delete_job($wait[1]), foreman.cancel_where(tags => '{t2}'), foreman.delete_where(tags => '{t3}')");
heard($wait[0], qr/cancelled, attempt 0, result none, reason by hand/, 'cancel');
heard($wait[1], qr/deleted, attempt 0/, 'delete_job');
heard($wait[2], qr/cancelled, attempt 0/, 'cancel_where');
heard($wait[3], qr/deleted, attempt 0/, 'delete_where');
do_it("SELECT foreman.cancel_many(ARRAY[$wait[4]])");
heard($wait[4], qr/cancelled, attempt 0/, 'cancel_many');
do_it(q{SELECT foreman.purge_queue('outside')});
heard($wait[5], qr/deleted, attempt 0/, 'purge_queue');

# The job runs.
my @nap = map { enqueue('nap', q{, args => '{"s": 60}'}) } 1 .. 2;
runs($_) for @nap;
do_it("SELECT foreman.cancel($nap[0], 'enough'), foreman.delete_job($nap[1])");
heard($nap[0], qr/cancelled, attempt 1, result none, reason enough/, 'cancel of a job that runs');
heard($nap[1], qr/deleted/, 'delete of a job that runs');

# By themselves.
heard(outside(q{, expires_at => now() + interval '0.5 s'}), qr/cancelled, attempt 0, result none, reason expired/, 'expiry');
my $first = outside();
my $second = enqueue('answer', ", depends_on => ARRAY[$first]");
do_it("SELECT foreman.cancel($first)");
heard($second, qr/cancelled, attempt 0, result none, reason .*$first/, 'a dependency does not complete');
my $timer = do_it(q{SELECT job_id FROM foreman.set_timer('answer', 'key', now() + interval '1 h')});
do_it(q{SELECT foreman.cancel_timer('answer', 'key')});
heard($timer, qr/cancelled, attempt 0, result none, reason timer cancelled/, 'cancel_timer');

# In sessions.
do_it('SELECT foreman.stop()');
eventually($node, 'postgres', 'SELECT count(*) = 0 FROM foreman.workers WHERE pid IS NOT NULL', 10, 'no executor');
my @here = (enqueue('answer'), enqueue('steps'));
do_it('SELECT foreman.run_once()');
do_it('CALL foreman.run_procedures_once()');
heard($here[0], qr/completed, attempt 1, result \{"it": "worked"\}/, 'run_once');
heard($here[1], qr/completed, attempt 1/, 'run_procedures_once');
my $late = enqueue('steps', q{, expires_at => now() + interval '0.1 s'});
do_it(q{SELECT pg_sleep(0.2)});
do_it('CALL foreman.run_procedures_once()');
heard($late, qr/cancelled, attempt 0, result none, reason expired/, 'expiry of a job of lane procedure');
is(do_it("SELECT started_at IS NULL FROM foreman.jobs WHERE job_id = $late"), 't', 'which never started');
do_it('SELECT foreman.start()');

# Their processes end.
for my $kind ('nap', 'steps')
{
	my $id = enqueue($kind, q{, args => '{"s": 60}'});
	runs($id);
	do_it("SELECT pg_terminate_backend(pid) FROM foreman.workers WHERE job_id = $id");
	heard($id, qr/discarded, .*reason its executor was terminated .*"57P01"/, "an executor is terminated ($kind)");
}
my $id = enqueue('nap', q{, args => '{"s": 60}'});
runs($id);
kill 'KILL', do_it("SELECT pid FROM foreman.workers WHERE job_id = $id");
heard($id, qr/discarded, .*reason the server crashed .*"57P02"/, 'the process dies');

log_is_clean($node);
done_testing();
