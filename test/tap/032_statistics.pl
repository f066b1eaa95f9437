# stats_minute: a row for each queue and minute in which something happened, inserted once, with what is counted and how
# long jobs waited and ran; nothing is written for a minute in which nothing happened. The split of waiting jobs into
# available and scheduled follows within a minute. stats_hour: the same for each hour, each minute in one of them, whether
# its hour is summed up already or not.
# Broken by: rows that are updated; totals instead of differences; a roll that a busy database misses.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('statistics');
$node->start;
# The dispatcher sums hours up at the first end of a minute that it sees, and then not again for an hour: the rows must be there before.
eventually($node, 'postgres', q{SELECT extract(second FROM clock_timestamp()) BETWEEN 1 AND 40}, 25, 'far from the end of a minute');
install($node, 'postgres');
# Hours in which a server was there: they are summed up with the first minute that is written.
$node->safe_psql('postgres', q{INSERT INTO foreman.minute_stat (minute, queue, enqueued, completed, failed, discarded, cancelled, wait_p50, run_p99)
	SELECT date_trunc('hour', now()) + n * interval '20 min', 'hours', 2, 1, 1, 0, 0, n, 10 - n FROM generate_series(-6, -1) n});
my $hours = q{SELECT count(*), sum(enqueued), sum(completed), sum(failed), max(wait_p50_ms), max(run_p99_ms) FROM foreman.stats_hour WHERE queue = 'hours'};
is(value($node, 'postgres', $hours), '2|12|6|6|-1|16', 'hours are shown before they are summed up');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.hour_stat}), '0', 'none is yet');
# So that all of it happens in one minute.
eventually($node, 'postgres', q{SELECT extract(second FROM clock_timestamp()) BETWEEN 1 AND 45}, 20, 'not near the end of a minute');
$node->safe_psql('postgres', q{
	SELECT foreman.register_handler('fail', 'public.fail', max_attempts => 2, backoff_base => '0', backoff_max => '0');
	SELECT foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[30]), queue => 'busy');
	SELECT foreman.enqueue('nap', args => '{"s": 0.2}', queue => 'slow') FROM generate_series(1, 3);
	SELECT foreman.enqueue('fail', queue => 'bad');
	SELECT foreman.cancel(foreman.enqueue('out', queue => 'busy'));
	SELECT foreman.enqueue('out', queue => 'later', run_at => now() + interval '1 day') FROM generate_series(1, 5);
	SELECT foreman.enqueue('out', queue => 'later') FROM generate_series(1, 2);
	SELECT foreman.enqueue('out', queue => 'later', depends_on => ARRAY(SELECT max(job_id) FROM foreman.jobs WHERE queue = 'later'));
	SELECT foreman.enqueue('out', queue => 'lent') FROM generate_series(1, 3)});
$node->safe_psql('postgres', q{SELECT foreman.claim('{lent}', 'w', lease => '1 hour')});
eventually($node, 'postgres', q{SELECT count(*) = 0 FROM foreman.live_job WHERE kind <> 'out'}, 20, 'everything ends');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.stats_minute WHERE queue <> 'hours'}), '0', 'the minute is not over');
eventually($node, 'postgres', q{SELECT count(*) = 5 FROM foreman.stats_minute WHERE queue <> 'hours'}, 200, 'when it is, each queue has a row');
is(value($node, 'postgres', q{SELECT queue, enqueued, completed, failed, discarded, cancelled FROM foreman.stats_minute WHERE queue <> 'hours' ORDER BY queue}),
	"bad|1|0|1|1|0\nbusy|31|30|0|0|1\nlater|8|0|0|0|0\nlent|3|0|0|0|0\nslow|3|3|0|0|0", 'with what happened');
is(value($node, 'postgres', q{SELECT date_trunc('minute', minute) = minute AND minute < clock_timestamp() - interval '1 minute' + interval '20 s' FROM foreman.stats_minute WHERE queue <> 'hours' LIMIT 1}), 't', 'under the minute that it happened in');
is(value($node, 'postgres', q{SELECT run_p50_ms BETWEEN 150 AND 5000, run_p99_ms BETWEEN run_p50_ms AND 5000, wait_p99_ms >= wait_p50_ms FROM foreman.stats_minute WHERE queue = 'slow'}), 't|t|t', 'a nap of 200 ms takes about as long');
is(value($node, 'postgres', q{SELECT wait_p50_ms, run_p99_ms FROM foreman.stats_minute WHERE queue = 'later'}), '|', 'without jobs that ended there is no time');
eventually($node, 'postgres', q{SELECT available = 2 AND scheduled = 5 AND pending = 1 AND running = 0 AND waiting = 8 FROM foreman.queues WHERE queue = 'later'}, 65, 'what is due later, and what waits for others, is told apart');
is(value($node, 'postgres', q{SELECT available, scheduled, running FROM foreman.queues WHERE queue = 'lent'}), '2|0|1', 'what is leased is running');
is(value($node, 'postgres', q{SELECT hour = (SELECT min(date_trunc('hour', minute)) FROM foreman.minute_stat WHERE queue = 'hours'), enqueued, wait_p50, run_p99 FROM foreman.hour_stat WHERE queue = 'hours' ORDER BY hour LIMIT 1}), 't|6|-4|16', 'hours that are over are summed up, with the highest percentiles of their minutes');
is(value($node, 'postgres', $hours), '2|12|6|6|-1|16', 'each minute is in one of them');
is(value($node, 'postgres', q{SELECT sum(h.enqueued) = (SELECT sum(enqueued) FROM foreman.stats_minute) FROM foreman.stats_hour h}), 't', 'those of the current hour too');
my $written = value($node, 'postgres', q{SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = 'minute_stat'});
eventually($node, 'postgres', q{SELECT extract(second FROM clock_timestamp()) < 20}, 65, 'another minute passes');
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.stats_minute WHERE queue <> 'hours'}), '5', 'nothing happened, nothing is written');
is(value($node, 'postgres', q{SELECT n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = 'minute_stat'}), '0|0', 'and nothing is ever updated');

# Thirty days are kept.
$node->safe_psql('postgres', q{INSERT INTO foreman.minute_stat (minute, queue, enqueued, completed, failed, discarded, cancelled)
	SELECT date_trunc('minute', now()) - n * interval '1 day', 'old', 1, 1, 0, 0, 0 FROM generate_series(28, 33) n});
$node->safe_psql('postgres', q{INSERT INTO foreman.hour_stat (hour, queue, enqueued, completed, failed, discarded, cancelled)
	SELECT date_trunc('hour', now()) - n * interval '1 day', 'old', 1, 1, 0, 0, 0 FROM generate_series(28, 33) n});
is(value($node, 'postgres', q{SELECT what, queue, rows FROM foreman.prune_once() ORDER BY what}), "statistics||4\nstatistics of hours||4", 'older ones are pruned') or
	diag(value($node, 'postgres', q{SELECT * FROM foreman.stats_minute}));
is(value($node, 'postgres', q{SELECT count(*) FROM foreman.stats_minute WHERE queue = 'old'}), '2', 'the others stay');

log_is_clean($node);
$node->stop;
done_testing();
