# Counters of types of workflows live in shared memory: after a restart of the server they are counted from the rows once,
# with what a prepared transaction changed, which tells nobody at its commit; each minute has a row for each type to which something happened; and a full
# table costs the numbers of one type, not its workflows.
# Broken by: a count that reads the rows of workflows at each look; one that is added to what a commit told already; an
# entry that is taken from a type that has running workflows.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('workflow_counts', 'max_prepared_transactions' => 5);
$node->start;
install($node, 'postgres');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', '../lib/workflows.sql' ], 'helpers');
sub counts { return value($node, 'postgres', q{SELECT running, pending_inputs, started, accepted, completed FROM foreman.workflow_counts WHERE workflow_type = 'order'}) }

eventually($node, 'postgres', q{SELECT extract(second FROM clock_timestamp()) BETWEEN 1 AND 50}, 20, 'not near the end of a minute');
$node->safe_psql('postgres', q{SELECT foreman.execute('order', 'w' || n, '{"do": "A"}') FROM generate_series(1, 20) n;
	SELECT foreman.execute('order', 'w' || n, '{"do": "End"}') FROM generate_series(1, 5) n});
is(counts(), '15|0|20|25|5', 'counted at the commit');
eventually($node, 'postgres', q{SELECT count(*) = 1 FROM foreman.workflow_stats_minute}, 65, 'when the minute is over, the type has a row');
is(value($node, 'postgres', q{SELECT workflow_type, started, completed, failed, cancelled, terminated, continued, accepted, rejected, already_completed, events FROM foreman.workflow_stats_minute}),
	'order|20|5|0|0|0|0|25|0|0|25', 'with what happened');

# A restart, while signals wait and a prepared transaction is open.
$node->safe_psql('postgres', q{SELECT foreman.stop()});
$node->safe_psql('postgres', q{SELECT foreman.signal_workflow('order', 'w9', '{"do": "A"}') FROM generate_series(1, 3)});
$node->safe_psql('postgres', q{BEGIN; SELECT foreman.signal_workflow('order', 'w9', '{"do": "A"}'); PREPARE TRANSACTION 'p'});
is(counts(), '15|3|20|25|5', 'what is prepared is not there yet');
for my $how ('fast', 'immediate')
{
	$node->stop($how);
	$node->start;
	eventually($node, 'postgres', q{SELECT running = 15 AND pending_inputs = 3 FROM foreman.workflow_counts WHERE workflow_type = 'order'}, 20, "counted again after a stop that is $how");
	is(counts(), '15|3|0|0|0', 'the counters begin at 0');
}
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
$node->restart;
eventually($node, 'postgres', q{SELECT running = 15 AND pending_inputs = 4 FROM foreman.workflow_counts WHERE workflow_type = 'order'}, 20, 'what a prepared transaction changed is counted at the next start');
$node->safe_psql('postgres', q{SELECT foreman.start()});
eventually($node, 'postgres', q{SELECT (pending_inputs, accepted) = (0, 4) FROM foreman.workflow_counts WHERE workflow_type = 'order'}, 20, 'what waited is handled');

# As the text of Prometheus: names and labels as it wants them, and no series twice.
my $text = value($node, 'postgres', q{SELECT m.name || coalesce('{' || (SELECT string_agg(format('%s=%s', l.key, to_json(l.value)), ',') FROM jsonb_each_text(m.labels) AS l) || '}', '') || ' ' || m.value
	FROM foreman.metrics AS m WHERE m.name LIKE 'foreman_workflow%'});
my %seen;
my @wrong = grep { !/^(foreman_workflows?_[a-z_]+\{(?:[a-z_]+="[^"]*",?)+\}) (\d+)$/ || $seen{$1}++ } split /\n/, $text;
is("@wrong", '', 'the metrics are valid text for Prometheus');

# More types than the table has room for.
$node->safe_psql('postgres', q{
	SELECT foreman.create_workflow_type('t' || n, 'w.decide', 'w.evolve') FROM generate_series(1, 600) n;
	SELECT foreman.execute('t' || n, 'a', '{"do": "A"}') FROM generate_series(1, 600) n});
is(value($node, 'postgres', q{SELECT count(*) FILTER (WHERE running = 1), count(*) FROM foreman.workflow_counts WHERE workflow_type LIKE 't%'}), '511|600', 'those without room have zeros');
is(value($node, 'postgres', q{SELECT string_agg(name, ' ') FROM foreman.health() WHERE name LIKE 'board_%' AND NOT ok}), 'board_workflow_types board_memory', 'health() says so');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.workflows WHERE workflow_type = 't600' AND state = 'running'}), '1', 'and all workflows run');
$node->safe_psql('postgres', q{SELECT foreman.terminate_workflow('t1', 'a'); SELECT foreman.execute('t600', 'b', '{"do": "A"}')});
is(value($node, 'postgres', q{SELECT string_agg(workflow_type || ' ' || started, ', ' ORDER BY workflow_type) FROM foreman.workflow_counts WHERE workflow_type IN ('t1', 't600')}),
	't1 0, t600 1', 'one of which nothing runs makes way');

log_is_clean($node);
$node->stop;
done_testing();
