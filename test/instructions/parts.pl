#!/usr/bin/perl
# Reads what callgrind counted between two marks, and prints for one job: all instructions, then each part of the
# work, as "PART INSTRUCTIONS". A part is what the functions of its row did, and everything that those called.
#   test/instructions/parts.pl FILE JOBS executor|session
use strict;
use warnings;

my ($file, $jobs, $who) = @ARGV;

# Functions of one row do not call those of another.
my %parts = (
    executor => [
        ['claim', qr/^foreman::store::claim_(by_delete|held)\(/],
        ['heads', qr/^foreman::(store::raise_range|worker::TouchedRanges::choose)\(/],
        ['subtransactions', qr/^foreman::pg::Subtransaction::(Subtransaction|commit)\(/],
        ['snapshots', qr/^foreman::pg::ActiveSnapshot::~?ActiveSnapshot\(/],
        ['settings', qr/^(NewGUCNestLevel|foreman::pg::GucScope::~GucScope\(.*)$/],
        ['call', qr/^foreman::(engine::(call_handler|call_void_batch|jobs_datum)|store::call_batch)\(/],
        ['finish', qr/^foreman::store::record_ended\(/],
        ['begin', qr/^foreman::pg::Transaction::Transaction\(\)/],
        ['commit', qr/^foreman::pg::Transaction::commit\(/],
    ],
    session => [],
);

my (%name, %part_of, %counted, $total, $caller, $callee, $call);
open my $in, '<', $file or die "$file: $!\n";
sub named {
    my ($id, $name) = @_;
    if (defined $name && !exists $name{$id}) {
        $name{$id} = $name;
        for my $row (@{ $parts{$who} }) { $part_of{$id} = $row->[0] if $name =~ $row->[1] }
    }
    return $id;
}
while (<$in>) {
    if (/^fn=\((\d+)\)(?: (.*))?$/) { $caller = named($1, $2) }
    elsif (/^cfn=\((\d+)\)(?: (.*))?$/) { $callee = named($1, $2) }
    elsif (/^calls=/) { $call = 1 }
    elsif (/^totals: (\d+)/) { $total = $1 }
    elsif ($call && /^\S+ (\d+)$/) {
        my ($part, $within) = ($part_of{$callee}, $part_of{$caller});
        $counted{$part} += $1 if defined $part && !defined $within;
        $call = 0;
    }
}
die "$file has no total\n" unless defined $total;
printf "%s %d\n", 'all', $total / $jobs;
my $rest = $total;
for my $row (@{ $parts{$who} }) {
    my $n = $counted{ $row->[0] } // 0;
    $rest -= $n;
    printf "%s %d\n", $row->[0], $n / $jobs;
}
printf "%s %d\n", 'rest', $rest / $jobs if @{ $parts{$who} };
