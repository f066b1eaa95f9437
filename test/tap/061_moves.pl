# P1 to P9 when a server with work of every kind in flight moves: by pg_upgrade, by a base backup that is taken under load and
# recovered to a time, and by a dump that is made under load. Nothing that was acknowledged before is lost, nothing is doubled,
# leases, timers, schedules and workflows go on, and a copy runs nothing before it is told to.
# FOREMAN_OLD_BIN: programs of the server that pg_upgrade comes from (those of the new one; `make check-upgrade`: 15 and others).
# Broken by: an identity that a copied file does not keep; places in the feed that do not survive a new cluster; workers that run
# while pg_upgrade works.
use strict;
use warnings;
use Test::More;
use Cwd;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use ForemanTest;
use ForemanCampaign;
use ForemanLoad;

# initdb of 18 has checksums unless told otherwise, and pg_upgrade wants both sides alike.
my %checksums = (init => { extra => ['--data-checksums'] });
my %settings = ('foreman.max_crashes' => 1000, 'foreman.max_executors' => 4);

sub has_load
{
	my ($node) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(defined wait_for($node, 'postgres', 'SELECT l.rate() > 50', 60), 'there is load');
}

# Besides the load: leases, one of them young, a timer far away, a queue that is paused, a dead letter.
sub leave_work
{
	my ($node) = @_;
	$node->safe_psql('postgres', q{
		CREATE FUNCTION public.raises(job foreman.job) RETURNS void LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $x$never$x$; END';
		SELECT foreman.register_handler('raises', 'public.raises', max_attempts => 1);
		SELECT foreman.create_queue('paused'), foreman.pause_queue('paused');
		SELECT foreman.enqueue('raises'), foreman.enqueue('nobody', queue => 'paused'), foreman.enqueue('leased', queue => 'leases'), foreman.enqueue('leased', queue => 'leases');
		SELECT foreman.set_timer('nobody', 'far', fire_at => now() + interval '1 year');
		CREATE TABLE public.leased AS SELECT * FROM foreman.claim('{leases}', 'old', 1, lease => '1 h')});
	eventually($node, 'postgres', q{SELECT state = 'r' FROM foreman.live_job JOIN public.leased USING (job_id)}, 20, 'a lease is written into its row');
	eventually($node, 'postgres', q{SELECT count(*) = 1 FROM foreman.dead_letter WHERE kind = 'raises'}, 20, 'there is a dead letter');
	return;
}

# One more lease, just before the end.
sub claim_late { return value($_[0], 'postgres', q{WITH c AS MATERIALIZED (SELECT * FROM foreman.claim('{leases}', 'young', 1, lease => '1 h')) INSERT INTO public.leased SELECT * FROM c RETURNING job_id}); }

my $left = q{SELECT (SELECT count(*) FROM foreman.dead_letter WHERE kind = 'raises'), (SELECT paused FROM foreman.queues WHERE queue = 'paused'),
	(SELECT count(*) FROM foreman.jobs WHERE queue = 'paused' AND state = 'available'), (SELECT count(*) FROM foreman.timers WHERE key = 'far')};

sub has_work
{
	my ($node) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(value($node, 'postgres', $left), '1|t|1|1', 'a dead letter, a paused queue with its job, and a timer are there');
	is(value($node, 'postgres', q{SELECT string_agg(foreman.complete(job_id, token), ' ') FROM public.leased}), 'completed completed', 'leases hold, young or old');
	$node->safe_psql('postgres', q{SELECT foreman.purge_queue('paused'), foreman.cancel_timer('nobody', 'far'), foreman.purge_dead_letters()});
	return;
}

sub run_command_in
{
	my ($dir, @command) = @_;
	my $cwd = getcwd;
	chdir $dir;
	my ($out, $err) = run_command(\@command);
	my $rc = $? >> 8;
	chdir $cwd;
	if ($rc != 0)
	{
		diag("$out\n$err");
		# pg_upgrade names the file that says why.
		diag("...\n" . substr(slurp_file($_), -1500)) for grep { -e } $out =~ /"([^"]+\.log)"/g;
	}
	return $rc;
}

# Some minor releases keep a number of their own among the options of each column, of any table, that a minor release of the next
# major version may not know yet: then pg_upgrade fails for everybody. It is put aside where that is so.
sub put_number_aside
{
	my ($old, $new) = @_;
	$new->start;
	my $rc = $new->psql('postgres', 'CREATE TEMP TABLE x (a int); ALTER TABLE x ALTER a SET (pg_attver = 1)');
	$new->stop;
	return if $rc == 0;
	$old->safe_psql($_, q{UPDATE pg_attribute SET attoptions = NULL WHERE attoptions::text ~ '^{pg_attver=[0-9]+}$'}) for qw(postgres template1);
	return;
}

for my $mode ($ENV{FOREMAN_OLD_BIN} ? qw(--copy --link) : '--link')
{
	subtest "pg_upgrade $mode" => sub {
		my $name = $mode =~ s/-//gr;
		my $old_bin = $ENV{FOREMAN_OLD_BIN};
		my $old = new_server("old_$name", %settings, %checksums, $old_bin ? (install_path => $old_bin =~ s{/bin$}{}r) : ());
		$old->start;
		install_load($old);
		leave_work($old);
		my $campaign = ForemanCampaign->new($old, clients => [ load_clients() ]);
		$campaign->start($campaign->all);
		has_load($old);
		usleep(1_000_000);
		claim_late($old);
		$campaign->end($campaign->all);
		my $begun = value($old, 'postgres', q{SELECT count(*) FROM foreman.live_job});
		my $new = new_server("new_$name", %settings, %checksums);
		put_number_aside($old, $new) if $old_bin;
		$old->stop('fast');
		my $bin = $new->config_data('--bindir');
		my $dir = PostgreSQL::Test::Utils::tempdir;
		is(run_command_in($dir, "$bin/pg_upgrade", '--no-sync', $mode, '-d', $old->data_dir, '-D', $new->data_dir, '-b', $old_bin // $bin, '-B', $bin, '-s', $new->host,
				'-p', $old->port, '-P', $new->port), 0, "pg_upgrade with $begun jobs that are not done") or return;
		$new->start;
		eventually($new, 'postgres', q{SELECT NOT EXISTS (SELECT FROM foreman.health() WHERE NOT ok AND name <> 'executors_held')}, 30, 'health() finds nothing wrong');
		has_work($new);
		$campaign->{node} = $new;
		$campaign->start($campaign->all);
		has_load($new);
		# P8: a shutdown charges nobody.
		end_of_load($campaign);
		log_is_clean($new);
		$new->stop;
	};
}

if (!$ENV{FOREMAN_OLD_BIN})
{
	subtest 'a base backup that is taken under load, recovered to a moment' => sub {
		my $node = new_server('archived', %settings, init => { has_archiving => 1, allows_streaming => 1 });
		$node->start;
		install_load($node);
		my $campaign = ForemanCampaign->new($node, clients => [ load_clients() ]);
		$campaign->start($campaign->all);
		has_load($node);
		$node->backup('under_load');
		usleep(500_000);
		leave_work($node);
		claim_late($node);
		# A lease that is younger than two seconds is in no WAL.
		eventually($node, 'postgres', q{SELECT bool_and(state = 'r') FROM foreman.live_job JOIN public.leased USING (job_id)}, 20, 'both leases are written');
		$campaign->end($campaign->all);
		$node->safe_psql('postgres', q{SELECT pg_create_restore_point('here')});
		# What comes after it is not there afterwards, and nobody asks for it.
		my $lost = ForemanCampaign->new($node, clients => [ load_clients() ]);
		$lost->start($lost->all);
		usleep(500_000);
		$lost->end($lost->all);
		$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
		$node->stop('fast');
		my $back = PostgreSQL::Test::Cluster->new('recovered');
		$back->init_from_backup($node, 'under_load', has_restoring => 1, standby => 0);
		settings($back, 'recovery_target_name' => "'here'", 'recovery_target_action' => "'promote'", 'archive_mode' => 'off');
		$back->start;
		eventually($back, 'postgres', 'SELECT NOT pg_is_in_recovery()', 60, 'it is recovered');
		eventually($back, 'postgres', q{SELECT NOT EXISTS (SELECT FROM foreman.health() WHERE NOT ok AND name <> 'executors_held')}, 30, 'health() finds nothing wrong');
		has_work($back);
		$campaign->{node} = $back;
		$campaign->start($campaign->all);
		has_load($back);
		end_of_load($campaign);
		log_is_clean($back);
		$back->stop;
	};

	subtest 'a dump that is made under load' => sub {
		my $node = new_server('dumped', %settings);
		$node->start;
		install_load($node);
		my $campaign = ForemanCampaign->new($node, clients => [ load_clients() ]);
		$campaign->start($campaign->all);
		has_load($node);
		usleep(500_000);
		$campaign->end($campaign->all);
		my $meanwhile = ForemanCampaign->new($node, clients => [ load_clients() ]);
		$meanwhile->start($meanwhile->all);
		my $dir = PostgreSQL::Test::Utils::tempdir;
		$node->command_ok([ 'pg_dump', '-Fd', '-j', '2', '-f', "$dir/dump", $node->connstr('postgres') ], 'pg_dump with two jobs');
		$meanwhile->end($meanwhile->all);
		$node->stop('fast');
		my $copy = new_server('restored', %settings);
		$copy->start;
		$copy->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $copy->connstr('postgres'), "$dir/dump" ], 'pg_restore with two jobs');
		my $jobs = value($copy, 'postgres', 'SELECT count(*) FROM foreman.live_job');
		stays($copy, 'postgres', "SELECT count(*) = $jobs FROM foreman.live_job", 1, "the copy runs none of its $jobs jobs");
		$copy->safe_psql('postgres', 'SELECT foreman.start()');
		$campaign->{node} = $copy;
		$campaign->start($campaign->all);
		has_load($copy);
		end_of_load($campaign);
		# What the dump brought told nobody: it is counted when the copy is started.
		is(value($copy, 'postgres', 'SELECT count(*) FROM foreman.queues WHERE waiting <> 0'), '0', 'nothing is counted that is not there');
		log_is_clean($copy);
		$copy->stop;
	};
}
done_testing();
