# A server with every limit of sessions, statements and transactions set, and with unusual defaults for
# transactions: the engine's own processes and statements work as ever, and handlers are bound by them.
# https://github.com/citusdata/pg_cron/issues/270 and oban-bg/oban#1132
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my %limits = (
	'statement_timeout'                   => "'1s'",
	'lock_timeout'                        => "'20ms'",
	'idle_in_transaction_session_timeout' => "'1s'",
	'idle_session_timeout'                => "'2s'",
	'default_transaction_isolation'       => "'serializable'",
	'default_transaction_read_only'       => 'on',
	'default_transaction_deferrable'      => 'on');
my $node = new_server('limits', %limits, 'foreman.max_executors' => 3, 'foreman.cancel_grace' => "'1s'");
settings($node, 'transaction_timeout' => "'1s'") if $node->pg_version >= 17;
$node->start;

# What this test does by itself is bound by none of them.
my @lifted = map { "-c $_=0" } qw(statement_timeout lock_timeout idle_in_transaction_session_timeout idle_session_timeout);
push @lifted, '-c transaction_timeout=0' if $node->pg_version >= 17;
$ENV{PGOPTIONS} = join ' ', @lifted, '-c default_transaction_isolation=read\ committed',
  '-c default_transaction_read_only=off', '-c default_transaction_deferrable=off';

install($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE ROLE writer LOGIN;
	ALTER ROLE writer SET default_transaction_read_only = off;
	CREATE ROLE reader LOGIN;
	CREATE FUNCTION count_effects(jsonb) RETURNS int8 LANGUAGE sql AS 'SELECT count(*) FROM effects';
	GRANT SELECT ON effects TO reader;
	CREATE PROCEDURE late(j foreman.job) LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO effects (job_id, kind) VALUES (j.job_id, j.kind); END $$;
	SELECT foreman.register_handler('w', 'nap', run_as => 'writer', max_attempts => 1),
		foreman.register_handler('wp', 'late', lane => 'procedure', run_as => 'writer', max_attempts => 1),
		foreman.register_handler('r', 'nap', run_as => 'reader', max_attempts => 1),
		foreman.register_handler('rp', 'late', lane => 'procedure', run_as => 'reader', max_attempts => 1),
		foreman.register_handler('rc', command => $$INSERT INTO effects (kind) VALUES ('rc')$$, run_as => 'reader', max_attempts => 1),
		foreman.register_handler('c', 'count_effects', run_as => 'reader', max_attempts => 1);
	CREATE FUNCTION ends(wanted text, ids int8[]) RETURNS bool LANGUAGE sql AS $$
		SELECT count(*) = array_length(ids, 1) FROM foreman.jobs WHERE job_id = ANY (ids) AND state = wanted $$;
});
my $from = log_position($node);

# Handlers.
my $w = value($node, 'postgres', q{SELECT array_agg(job_id) FROM foreman.enqueue_array('w', array_fill('{}'::jsonb, '{100}'))});
eventually($node, 'postgres', "SELECT ends('completed', '$w')", 10, 'jobs of a role that may write complete');
my $wp = value($node, 'postgres', q{SELECT ARRAY[foreman.enqueue('wp')]});
eventually($node, 'postgres', "SELECT ends('completed', '$wp')", 10, 'in lane procedure, too');
my $r = value($node, 'postgres', q{SELECT ARRAY[foreman.enqueue('r'), foreman.enqueue('rp'), foreman.enqueue('rc')]});
eventually($node, 'postgres', "SELECT ends('discarded', '$r')", 10, 'those of a read-only role cannot write, in no lane');
is(value($node, 'postgres', "SELECT string_agg(DISTINCT errors->0->>'sqlstate', ' ') FROM foreman.jobs WHERE job_id = ANY ('$r')"),
	'25006', 'and are told so');
my $c = value($node, 'postgres', q{SELECT ARRAY[foreman.enqueue('c')]});
eventually($node, 'postgres', "SELECT ends('completed', '$c')", 10, 'they can read');
my $slow = value($node, 'postgres', q{SELECT ARRAY[foreman.enqueue('w', '{"s": 60}')]});
eventually($node, 'postgres', "SELECT ends('discarded', '$slow')", 15, 'statement_timeout ends a handler');

# What the dispatcher does.
my $later = value($node, 'postgres', q{SELECT ARRAY[foreman.enqueue('w', run_at => now() + interval '300 ms')]});
eventually($node, 'postgres', "SELECT ends('completed', '$later')", 5, 'a job for later runs');
$node->safe_psql('postgres', q{SELECT foreman.schedule_job('each', '1 second', 'w')});
eventually($node, 'postgres', q{SELECT count(*) >= 2 FROM foreman.schedule_runs WHERE state = 'completed'}, 10, 'a schedule fires');
$node->safe_psql('postgres', q{SELECT foreman.unschedule('each')});
my $key = value($node, 'postgres', q{SELECT array_agg(job_id) FROM (SELECT foreman.enqueue('w', concurrency_key => 'k') AS job_id FROM generate_series(1, 20)) j});
eventually($node, 'postgres', "SELECT ends('completed', '$key')", 10, 'jobs of a key run');
my $after = value($node, 'postgres', q{WITH a AS (SELECT foreman.enqueue('w') AS id) SELECT ARRAY[foreman.enqueue('w', depends_on => ARRAY[id])] FROM a});
eventually($node, 'postgres', "SELECT ends('completed', '$after')", 10, 'jobs run after others');
my $out = value($node, 'postgres', q{SELECT ARRAY[foreman.enqueue('outside', queue => 'out')]});
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.claim('{out}', 'me', lease => '1 s')}), '1', 'a worker outside claims');
eventually($node, 'postgres', "SELECT ends('retryable', '$out') OR ends('available', '$out')", 10, 'the lease of one that vanished ends');

# Locks that last longer than lock_timeout and statement_timeout.
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE foreman.live_job IN SHARE MODE');
my $waiting = value($node, 'postgres', q{SELECT max(job_id) FROM foreman.jobs});
my $asked = $node->background_psql('postgres');
$asked->query_until(qr/sent/, "\\echo sent\nSELECT foreman.enqueue('w');\n");
value($node, 'postgres', 'SELECT pg_sleep(1.5)');
$holder->query_safe('COMMIT');
$holder->quit;
eventually($node, 'postgres', "SELECT count(*) = 1 FROM foreman.jobs WHERE job_id > $waiting AND state = 'completed'", 10, 'jobs go on after a long lock');
$asked->quit;

is(log_count($node, 'lock timeout|statement timeout|idle-session|read-only transaction|could not serialize|transaction timeout', $from),
	0, 'nothing of that in the log, which tells of the engine\'s own statements');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.health() WHERE NOT ok}), '0', 'health() finds nothing');

$node->restart;
my $again = value($node, 'postgres', q{SELECT ARRAY[foreman.enqueue('w'), foreman.enqueue('wp')]});
eventually($node, 'postgres', "SELECT ends('completed', '$again')", 15, 'the same after a restart');
log_is_clean($node);
done_testing();
