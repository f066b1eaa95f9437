# Upgrades. A library whose objects are of another release (the package is newer than the script, or the script newer than
# the package) pauses: calls and health() say why, the log says it once for each start, and everything that waited goes on
# when both fit again. ALTER EXTENSION UPDATE under load loses nothing. An upgraded schema is the same as a fresh one,
# object by object, from each released version.
# Broken by: workers that run on tables they do not know; a pause that forgets leases or schedules; an upgrade script that
# leaves out a comment, a right or a default.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;

# Of the same release as the library, with one more object; the same with a poor upgrade script; of another release.
my ($later, $poor, $other) = qw(1.0.9999 1.0.9998 1.9999);

# Its installation is a copy, to which scripts can be added.
my $node = new_server('releases', debug => 1, 'log_min_messages' => 'warning', 'foreman.max_executors' => 2);
my $scripts = $ENV{FOREMAN_DEBUG_EXTENSIONS};
my ($release) = slurp_file("$scripts/pg_foreman.control") =~ /^default_version = '(.*)'/m;

sub write_script
{
	my ($versions, $text) = @_;
	append_to_file("$scripts/pg_foreman--$versions.sql", $text);
	return;
}

my $change = q{
ALTER TABLE foreman.queue ADD COLUMN upgraded pg_catalog.text DEFAULT 'yes';
COMMENT ON COLUMN foreman.queue.upgraded IS 'Made by an upgrade';
CREATE FUNCTION foreman.upgraded() RETURNS pg_catalog.int4 LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION foreman.upgraded() FROM PUBLIC;
};
my $comment = q{COMMENT ON FUNCTION foreman.upgraded() IS 'Made by an upgrade';};
# The last part of the script says that this database is no copy, and stays the last one.
my $fresh = slurp_file("$scripts/pg_foreman--$release.sql");
write_script($later, "$fresh$change$comment");
write_script($poor, "$fresh$change$comment");
write_script("$release--$later", "$change$comment");
write_script("$release--$poor", $change);
write_script("$release--$other", 'SELECT;');
write_script("$other--$release", 'SELECT;');

$node->start;
install($node, 'postgres');

subtest 'an upgraded schema is the same as a fresh one' => sub {
	# What the catalogue knows of the members of our extensions, a line for each fact.
	my $facts = slurp_file('lib/schema_facts.sql');
	my $is_like = sub {
		my ($path, $wanted) = @_;
		my @dbs = map { 'way_' . ($_ =~ s|\W|_|gr) } "$path->[0]_to_$path->[1]", "fresh_$path->[1]";
		$node->safe_psql('postgres', "CREATE DATABASE $_") for @dbs;
		$node->safe_psql($dbs[0], "CREATE EXTENSION pg_foreman VERSION '$path->[0]'");
		$node->safe_psql($dbs[0], "ALTER EXTENSION pg_foreman UPDATE TO '$path->[1]'");
		$node->safe_psql($dbs[1], "CREATE EXTENSION pg_foreman VERSION '$path->[1]'");
		my ($upgraded, $made) = map { [ split /\n/, value($node, $_, $facts) ] } @dbs;
		cmp_ok(scalar @$made, '>', 1000, "$path->[1] has many facts");
		my %made = map { $_ => 1 } @$made;
		my %upgraded = map { $_ => 1 } @$upgraded;
		my @differ = ((map { "only fresh: $_" } grep { !$upgraded{$_} } @$made), (map { "only upgraded: $_" } grep { !$made{$_} } @$upgraded));
		is(join("\n", @differ), $wanted, "$path->[0] upgraded to $path->[1]");
		$node->safe_psql('postgres', "DROP DATABASE $_ WITH (FORCE)") for @dbs;
	};
	for my $from ($ENV{RELEASED} =~ /^pg_foreman--([\w.]+)\.sql$/mg)
	{
		$is_like->([ $from, $release ], '');
	}
	$is_like->([ $release, $later ], '');
	$is_like->([ $release, $poor ], "only fresh: function foreman.upgraded(): comment Made by an upgrade\nonly upgraded: function foreman.upgraded(): comment ");
};

# Work of every kind, in flight.
$node->safe_psql('postgres', q{
	CREATE PROCEDURE slow(job foreman.job) LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM pg_sleep(60); END $$;
	SELECT foreman.register_handler('slow', 'public.slow', lane => 'procedure');
	SELECT foreman.schedule_job('each_second', '1 second', 'note');
	SELECT foreman.set_timer('later', 'note', fire_at => clock_timestamp() + '6 s');
	SELECT foreman.enqueue('note', run_at => clock_timestamp() + '4 s') FROM generate_series(1, 20);
	SELECT foreman.enqueue('out', queue => 'outside') FROM generate_series(1, 3);
	CREATE TABLE claimed AS SELECT * FROM foreman.claim('{outside}', 'w', 2, lease => '1 h')});
# A crash takes a lease along that the dispatcher has not written yet, which it does after two seconds.
eventually($node, 'postgres', q{SELECT count(*) = 2 FROM foreman.live_job JOIN claimed USING (job_id) WHERE state = 'r'}, 15, 'the leases are written');

my $everything = q{
	SELECT md5(string_agg(x::text, E'\n' ORDER BY x::text)) FROM (
		SELECT to_jsonb(l) AS x FROM foreman.live_job l UNION ALL SELECT to_jsonb(h) FROM foreman.job_history h
		UNION ALL SELECT to_jsonb(d) FROM foreman.dead_letter d UNION ALL SELECT to_jsonb(s) FROM foreman.schedule s) y};

# Pauses by what changes the version, looks around, and has it changed back.
sub pauses
{
	my ($what, $misfit, $fit, $version) = @_;
	my $slow = value($node, 'postgres', q{SELECT foreman.enqueue('slow')});
	eventually($node, 'postgres', "SELECT EXISTS (SELECT FROM foreman.workers WHERE job_id = $slow)", 20, "$what: a job runs");
	my $from = log_position($node);
	$node->safe_psql('postgres', $misfit);
	if ($what =~ /crash/) {
		# One after the other: pg_ctl of PostgreSQL 18 does not restart in this mode without noise.
		$node->stop('immediate');
		$node->start;
	}
	my $said = qr/pg_foreman is paused in this database: the library is of version \Q$release\E, the objects of extension pg_foreman are of \Q$version\E/;
	eventually($node, 'postgres', q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type IN ('pg_foreman executor', 'pg_foreman dispatcher'))}, 20, "$what: all workers leave");
	my $began = time;
	usleep(100_000) while log_count($node, $said, $from) == 0 && time < $began + 20;
	my $before = value($node, 'postgres', $everything);
	for my $call (q{foreman.enqueue('note')}, q{foreman.claim('{outside}', 'w')}, q{foreman.cancel(1)}, q{foreman.set_timer('x', 'note', fire_at => now())})
	{
		my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call");
		like($err, qr/ERROR:  55000: .*$said.*Nothing is lost.*ALTER EXTENSION pg_foreman UPDATE/s, "$what: $call says why");
	}
	like(value($node, 'postgres', q{SELECT string_agg(detail, ' ') FROM foreman.health() WHERE NOT ok}), $said, "$what: health() says so");
	stays($node, 'postgres', q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type IN ('pg_foreman executor', 'pg_foreman dispatcher'))}, 2, "$what: nothing is tried again");
	is(value($node, 'postgres', $everything), $before, "$what: nothing changes");
	is(log_count($node, $said, $from) - 5, 0, "$what: the log says it once, and for each call that failed");
	$node->restart if $what =~ /restart/;
	$node->safe_psql('postgres', $fit);
	eventually($node, 'postgres', "SELECT EXISTS (SELECT FROM foreman.workers WHERE job_id = $slow)", 20, "$what: work goes on when both fit");
	is(value($node, 'postgres', "SELECT attempt FROM foreman.live_job WHERE job_id = $slow"), '0', "$what: uncharged");
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 20, "$what: new jobs run");
	$node->safe_psql('postgres', "SELECT foreman.cancel($slow)");
	return;
}

subtest 'objects that are newer than the library' =>
  sub { pauses('newer objects', "ALTER EXTENSION pg_foreman UPDATE TO '$other'", "ALTER EXTENSION pg_foreman UPDATE TO '$release'", $other) };
# A package that is newer than its objects comes with a restart, here a crash in the middle of everything.
subtest 'objects that are older than the library' => sub {
	pauses('older objects, crash and restart', q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pg_foreman'; CHECKPOINT},
		"UPDATE pg_extension SET extversion = '$other' WHERE extname = 'pg_foreman'; ALTER EXTENSION pg_foreman UPDATE TO '$release'", '0.9');
};

subtest 'what was in flight is all there' => sub {
	is(value($node, 'postgres', q{SELECT count(*) FILTER (WHERE foreman.complete(job_id, token) = 'completed') FROM claimed}), '2', 'leases outlive it');
	eventually($node, 'postgres', q{SELECT count(*) = 0 FROM foreman.live_job l WHERE kind = 'note' AND origin IS NULL}, 20, 'jobs that waited are done');
	my $runs = q{SELECT count(*) FROM foreman.job_history WHERE origin = 's'};
	my $fired = value($node, 'postgres', $runs);
	eventually($node, 'postgres', "SELECT ($runs) > $fired", 20, 'schedules fire');
};

subtest 'ALTER EXTENSION UPDATE under load' => sub {
	$node->safe_psql('postgres', q{SELECT foreman.unschedule('each_second')});
	$node->safe_psql('postgres', q{CREATE TABLE told (job_id int8)});
	append_to_file("$PostgreSQL::Test::Utils::tmp_check/load.sql", "WITH j AS (SELECT foreman.enqueue('note') AS job_id) INSERT INTO told SELECT job_id FROM j;\n");
	my ($out, $err) = ('', '');
	my $client = IPC::Run::start([ 'pgbench', '-n', '-T', '120', '-c', '2', '-f', "$PostgreSQL::Test::Utils::tmp_check/load.sql", '-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \undef, '>', \$out, '2>', \$err);
	eventually($node, 'postgres', 'SELECT count(*) > 100 FROM told', 20, 'jobs are enqueued all the time');
	$node->safe_psql('postgres', "ALTER EXTENSION pg_foreman UPDATE TO '$later'");
	my $at = value($node, 'postgres', 'SELECT count(*) FROM told');
	eventually($node, 'postgres', "SELECT count(*) > $at + 100 FROM told", 20, 'and afterwards');
	# The load was there for as long as it was needed.
	$client->signal('TERM');
	$client->finish;
	is($err !~ /ERROR/, 1, 'no client sees an error') or diag($err);
	is(value($node, 'postgres', 'SELECT foreman.upgraded()'), '1', 'the objects are the new ones');
	eventually($node, 'postgres', q{SELECT NOT EXISTS (SELECT FROM foreman.live_job WHERE kind = 'note')}, 60, 'everything is done');
	is(value($node, 'postgres', q{SELECT count(*) FROM told FULL JOIN (SELECT job_id, count(*) AS n FROM effects GROUP BY job_id) e USING (job_id)
		WHERE told.job_id IS NOT NULL AND e.n IS DISTINCT FROM 1}), '0', 'each job once');
};

$node->stop;
done_testing();
