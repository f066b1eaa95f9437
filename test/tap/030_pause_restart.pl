# A queue that is paused stays so over a restart and a crash, for executors and for workers outside, from the first
# moment on (asked for in https://github.com/oban-bg/oban/issues/318); what runs at the pause goes on.
# Broken by: a pause that lives in shared memory only; executors that start before settings are on the board.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use ForemanTest;

my $node = new_server('pause');
$node->start;
install($node, 'postgres');
$node->safe_psql('postgres', q{SELECT foreman.create_queue('still'); SELECT foreman.pause_queue('still')});
my @ids = split /\n/, value($node, 'postgres', q{
	SELECT job_id FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[50]), queue => 'still');
	SELECT foreman.enqueue('outside', queue => 'still')});
my $outside = pop @ids;
my $untouched = q{SELECT count(*) = 51 FROM foreman.jobs WHERE queue = 'still' AND state = 'available'};

for my $mode (qw(fast immediate))
{
	$node->stop($mode);
	$node->start;
	# Before the dispatcher has read anything, maybe.
	is(value($node, 'postgres', q{SELECT count(*) FROM foreman.claim('{still}', 'w')}), '0', "$mode: claim() finds nothing right after the start");
	my $id = value($node, 'postgres', q{SELECT foreman.enqueue('note')});
	eventually($node, 'postgres', "SELECT state = 'completed' FROM foreman.jobs WHERE job_id = $id", 10, "$mode: another queue runs");
	stays($node, 'postgres', $untouched, 0.5, "$mode: nothing of the paused one does");
	is(value($node, 'postgres', q{SELECT paused FROM foreman.queues WHERE queue = 'still'}), 't', "$mode: the view says why");
}

# COMMIT PREPARED runs no callback of ours.
$node->safe_psql('postgres', q{BEGIN; SELECT foreman.resume_queue('still'); PREPARE TRANSACTION 'resume'});
stays($node, 'postgres', $untouched, 0.3, 'resumed in a prepared transaction: still paused');
$node->safe_psql('postgres', q{COMMIT PREPARED 'resume'});
eventually($node, 'postgres', q{SELECT count(*) = 50 FROM foreman.jobs WHERE queue = 'still' AND state = 'completed'}, 3, 'until that commits');
is(value($node, 'postgres', q{SELECT job_id FROM foreman.claim('{still}', 'w')}), $outside, 'outside workers get theirs');

log_is_clean($node);
$node->stop;
done_testing();
