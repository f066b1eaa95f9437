# P2 and P3 when a disk is full, under load. Of the tables: whoever needs space gets an error, the server goes on, and so do the jobs
# when there is space. Of the write-ahead log: PostgreSQL stops; when there is space and it is started again, nothing is
# lost and nothing is doubled. FOREMAN_SMALL_DISK is a file system of 200 MB, which test/tap/run mounts where it may.
# TORTURE_FULL: how often each (1; `make torture`: 5).
# Broken by: a lease that is looked at a minute later when it cannot be ended for lack of space; an executor that cannot note a failure and forgets the job; a dispatcher that ends for good.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;
use ForemanCampaign;
use ForemanLoad;

my $disk = $ENV{FOREMAN_SMALL_DISK};
plan skip_all => 'no small file system: mounting one needs root' if !$disk;
my $times = $ENV{TORTURE_FULL} // 1;
seed();

# All the space that is left.
sub fill
{
	open my $file, '>', "$disk/ballast" or die "$disk/ballast: $!";
	for my $size (1 << 20, 4096)
	{
		1 while syswrite($file, "\0" x $size);
	}
	close $file;
	return;
}

sub has_load
{
	my ($node) = @_;
	return ok(defined wait_for($node, 'postgres', 'SELECT l.rate() > 100', 60), 'there is load');
}

subtest 'the disk of the tables' => sub {
	mkdir "$disk/space" or die $!;
	my $node = new_server('full_tables', 'foreman.max_crashes' => 1000, 'foreman.poll_interval' => "'5s'");
	$node->start;
	$node->safe_psql('template1', "CREATE TABLESPACE small LOCATION '$disk/space'");
	$node->safe_psql('template1', 'ALTER DATABASE postgres SET TABLESPACE small');
	install_load($node);
	my $campaign = ForemanCampaign->new($node, clients => [ load_clients() ]);
	my @back;
	for (1 .. $times)
	{
		$campaign->start($campaign->all);
		has_load($node);
		my $from = log_position($node);
		fill();
		my $deadline = time + 60;
		do
		{
			usleep(200_000);
			$campaign->start($campaign->all);
		} until log_count($node, 'executor ERROR:.*No space left|No space left.*executor|could not extend file', $from) > 2 || time > $deadline;
		usleep(1_000_000);
		ok(log_count($node, 'No space left', $from), 'there is no space');
		unlink "$disk/ballast";
		$campaign->start($campaign->all);
		my $took = wait_for($node, 'postgres', sprintf('SELECT EXISTS (SELECT FROM l.effects WHERE at > to_timestamp(%f))', time), 60);
		ok(defined $took, 'jobs run again when there is');
		push @back, $took // 60;
	}
	figure('times that the disk of the tables was full', $times);
	figure('until a job has run once there is space again, at most', sprintf '%.1f s', (sort { $a <=> $b } @back)[-1]);
	# An attempt that had no space has failed like any other.
	my $took = end_of_load($campaign, qr/^P8/);
	cmp_ok($took, '<', 40, 'leases that ended meanwhile have ended by then');
	log_is_clean($node);
	$node->stop;
	unlink "$disk/ballast";
};

subtest 'the disk of the write-ahead log' => sub {
	my $node = new_server('full_log', init => { extra => [ '--waldir', "$disk/wal", '--wal-segsize', '1' ] }, 'foreman.max_crashes' => 1000,
		'min_wal_size' => "'2MB'", 'max_wal_size' => "'8MB'", 'wal_recycle' => 'off');
	$node->start;
	install_load($node);
	my $campaign = ForemanCampaign->new($node, clients => [ load_clients() ]);
	for (1 .. $times)
	{
		$campaign->start($campaign->all);
		has_load($node);
		my $from = log_position($node);
		fill();
		my $deadline = time + 60;
		usleep(100_000) while -e $node->data_dir . '/postmaster.pid' && time < $deadline;
		ok(!-e $node->data_dir . '/postmaster.pid', 'PostgreSQL stops');
		$node->_update_pid(0);
		ok(log_count($node, 'PANIC.*No space left', $from), 'because there is no space');
		$campaign->end($campaign->all);
		unlink "$disk/ballast";
		$node->start;
	}
	$campaign->start($campaign->all);
	has_load($node);
	figure('times that the disk of the write-ahead log was full', $times);
	end_of_load($campaign);
	$node->stop;
};
done_testing();
