# A command for a database of another encoding arrives there in that encoding, and what it says comes back in ours. A
# character that has no equivalent fails the run and writes nothing.
# https://github.com/pgadmin-org/pgadmin4/issues/4145 and pgedge-vectorizer#62
# Broken by: copying the bytes of the command, or of its error, from one database to the other.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('encodings', init => { extra => [ '-E', 'UTF8', '--locale', 'C' ] });
$node->start;
$node->safe_psql('postgres', q{CREATE DATABASE wide TEMPLATE template0 ENCODING 'UTF8';
	CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'});
is(value($node, 'latin', 'SHOW server_encoding') . value($node, 'wide', 'SHOW server_encoding'), 'LATIN1UTF8', 'two encodings');
for my $db (qw(wide latin))
{
	install($node, $db);
	$node->safe_psql($db, 'CREATE EXTENSION pg_foreman_cron; CREATE TABLE said (what text)');
}

for my $pair ([qw(wide latin)], [qw(latin wide)])
{
	my ($from, $to) = @$pair;
	subtest "from $from to $to" => sub {
		$node->safe_psql($from, qq{
			SELECT cron.schedule_in_database('says', '1 second', 'INSERT INTO said VALUES (''caf' || chr(233) || ''')', '$to');
			SELECT cron.schedule_in_database('fails', '1 second', 'DO \$\$ BEGIN RAISE ''caf' || chr(233) || '''; END \$\$', '$to')});
		eventually($node, $to, q{SELECT count(*) > 0 FROM said}, 10, 'the command writes');
		is(value($node, $to, q{SELECT bool_and(what = 'caf' || chr(233) AND length(what) = 4) FROM said}), 't', 'what was meant');
		eventually($node, $from, q{SELECT count(*) > 0 FROM cron.job_run_details d JOIN cron.job USING (jobid)
			WHERE jobname = 'fails' AND d.status = 'failed' AND return_message LIKE '%caf' || chr(233) || '%'}, 10, 'its error can be read here');
		is(value($node, $from, q{SELECT count(*) > 0 FROM foreman.dead_letter WHERE errors->-1->>'message' = 'caf' || chr(233)}), 't',
			'also with its dead letter');
		$node->safe_psql($from, q{SELECT cron.unschedule('says'); SELECT cron.unschedule('fails')});
	};
}

subtest 'a character that the other database does not have' => sub {
	$node->safe_psql('latin', 'TRUNCATE said');
	$node->safe_psql('wide', q{SELECT cron.schedule_in_database('euro', '1 second', 'INSERT INTO said VALUES (''' || chr(8364) || ''')', 'latin')});
	eventually($node, 'wide', q{SELECT count(*) > 0 FROM foreman.dead_letter WHERE errors->-1->>'sqlstate' = '22P05'}, 10, 'fails the run');
	is(value($node, 'latin', 'SELECT count(*) FROM said'), '0', 'and nothing is written');
	$node->safe_psql('wide', q{SELECT cron.unschedule('euro')});
};

subtest 'notes and errors are cut at a character' => sub {
	for my $db (qw(wide latin))
	{
		my $id = value($node, $db, q{SELECT foreman.enqueue('outside', queue => 'out')});
		$node->safe_psql($db, q{SELECT foreman.heartbeat(job_id, token, progress => 0.5, note => repeat('x' || chr(233), 2000)),
			foreman.fail(job_id, token, repeat('x' || chr(233), 20000), detail => to_jsonb(repeat('y' || chr(233), 20000))) FROM foreman.claim('{out}', 'w')});
		is(value($node, $db, qq{SELECT length(errors->0->>'message') > 4000 AND rtrim(errors->0->>'message', 'x' || chr(233)) = ''
			AND errors::text::jsonb = errors FROM foreman.jobs WHERE job_id = $id}), 't', "in $db");
	}
};

log_is_clean($node);
$node->stop;
done_testing();
