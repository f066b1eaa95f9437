# Campaigns of kills: clients, which are psql with a long script each, use a server while its processes, the clients
# and the server itself are killed at random.
package ForemanCampaign;

use strict;
use warnings;
use IPC::Run;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Exporter 'import';
use ForemanTest;

our @EXPORT = qw(install_campaign);

# w.broken(), which says what must hold of all workflows, and effects that leave a trace: effect, bad, which always
# raises, and steps, which commits in the middle.
sub install_campaign
{
	my ($node) = @_;
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', '../lib/workflows.sql' ], 'helpers');
	$node->safe_psql('postgres', q{
	CREATE SCHEMA c;
	GRANT USAGE ON SCHEMA c TO PUBLIC;
	CREATE FUNCTION c.effect(j foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		IF j.kind = 'bad' THEN
			RAISE 'bad';
		END IF;
		INSERT INTO public.effects (job_id, kind, attempt, who) VALUES (j.job_id, j.kind, j.attempt, foreman.idempotency_key());
		RETURN j.args;
	END $$;
	CREATE PROCEDURE c.steps(j foreman.job) LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(0.005);
		COMMIT;
		INSERT INTO public.effects (job_id, kind, attempt) VALUES (j.job_id, j.kind, j.attempt);
	END $$;
	SELECT foreman.register_handler('effect', 'c.effect'), foreman.register_handler('bad', 'c.effect', max_attempts => 2, backoff_base => '1 ms'),
		foreman.register_handler('steps', 'c.steps', lane => 'procedure', max_attempts => 1000, backoff_base => '1 ms');
	});
	return;
}

# clients: a function each that answers the lines of a script, called whenever the client starts anew. What it prints
#   as a line of digits and points is kept.
# victims: what may be killed, as the query that answers a pid; further ones are `server`, and `client N`.
# kinds: the names of victims, as often as their share says.
sub new
{
	my ($class, $node, %how) = @_;
	return bless { %how, node => $node, dir => PostgreSQL::Test::Utils::tempdir, running => [], printed => [], count => {}, round => 0 }, $class;
}

sub start
{
	my ($self, @which) = @_;
	for my $i (@which)
	{
		if (defined $self->{running}[$i])
		{
			# pumpable() asks for pipes first, and believes that one which has died runs on.
			$self->{running}[$i]{run}->reap_nb;
			next if $self->{running}[$i]{run}->_running_kids;
			# Its script is over, or it has raised.
			$self->end($i);
		}
		my ($round, $in) = (++$self->{round}, "$self->{dir}/in$i");
		unlink $in;
		append_to_file($in, join("\n", $self->{clients}[$i]->()) . "\n");
		$self->{running}[$i] = {
			out => "$self->{dir}/out$round",
			run => IPC::Run::start(
				[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->{node}->connstr('postgres'), '-f', $in ],
				'<', \undef, '>', "$self->{dir}/out$round", '2>>', "$self->{dir}/errors") };
	}
	return;
}

sub end
{
	my ($self, @which) = @_;
	for my $i (@which)
	{
		my $c = $self->{running}[$i] // next;
		# It may die of a broken pipe when the server has ended it.
		eval { $c->{run}->kill_kill(grace => 0) };
		eval { $c->{run}->finish };
		push @{ $self->{printed} }, slurp_file($c->{out}) =~ /^([0-9.]+)\n/mg;
		unlink $c->{out};
		$self->{running}[$i] = undef;
	}
	return;
}

sub all { my ($self) = @_; return 0 .. $#{ $self->{clients} }; }

# A test: the dispatcher comes back after every kill.
sub run
{
	my ($self, $seconds) = @_;
	my ($node, @kinds) = ($self->{node}, @{ $self->{kinds} });
	my $until = time + $seconds;
	my $back = 1;
	while (time < $until && $back)
	{
		$self->start($self->all);
		usleep(200_000 + int(rand(400_000)));
		# Until the server has noticed the end of a process, it shows it, and the dispatcher of before.
		my $gone = $self->kill_one($kinds[ int(rand(@kinds)) ]) // 0;
		$back = defined wait_for($node, 'postgres', qq{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $gone)
			AND EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher')}, 60);
	}
	$self->end($self->all);
	ok($back, 'the dispatcher comes back after every kill');
	my %count = %{ $self->{count} };
	my $kills = 0;
	$kills += $count{$_} for grep { /KILL/ } keys %count;
	figure('killed and ended', join(', ', map { "$_: $count{$_}" } sort keys %count));
	figure('kill -9', $kills);
	figure('acknowledged', scalar @{ $self->{printed} });
	return;
}

# Answers the process that it has ended, unless its kind comes and goes.
sub kill_one
{
	my ($self, $kind) = @_;
	my ($node, $count) = ($self->{node}, $self->{count});
	if ($kind eq 'server')
	{
		return if rand() < 0.6;
		$count->{'server crash'}++;
		$self->end($self->all);
		$node->stop('immediate');
		$node->start;
	}
	elsif ($kind =~ /^client ([0-9]+)$/)
	{
		return if !defined $self->{running}[$1];
		$count->{'client KILL'}++;
		$self->end($1);
	}
	else
	{
		my $pid = ask($node, 'postgres', $self->{victims}{$kind});
		return if $pid !~ /^[0-9]+$/;
		my $signal = rand() < 0.75 ? 'KILL' : 'TERM';
		my $met = kill $signal, $pid;
		$count->{"$kind $signal"}++ if $met;
		return if $kind eq 'executor' && $signal eq 'TERM';
		$self->end($self->all);
		return $pid if $met;
	}
	return;
}

# The lines that were printed, into a table with one column.
sub store_printed
{
	my ($self, $table) = @_;
	while (my @some = splice @{ $self->{printed} }, 0, 5000)
	{
		$self->{node}->safe_psql('postgres', "INSERT INTO $table VALUES " . join(',', map { "('$_')" } @some));
	}
	return;
}

1;
