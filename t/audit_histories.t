#!/usr/bin/perl

# Random honest histories of a log (t/unit/history.c: disks that fail, power
# cuts, killed writers, rotations, lost heads, a log deleted or cut), of which
# verify may call none a fault; and one change to such a log, which it must
# find.  XC_SEED and XC_HISTORIES say which, and how many.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp ();
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/lib';
use XC::Log;

my $root = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{XC_BUILD} // "$root/build";
my $xcctl = $ENV{XC_XCCTL} // "$build/xcctl";
my $seed = $ENV{XC_SEED} // 1;
my $n = $ENV{XC_HISTORIES} // 30;
my %change = (gone => \&gone, altered => \&altered, moved => \&moved,
              twice => \&twice, inserted => \&inserted, cut => \&cut);
my ($checked, $changed) = (0, 0);

print "# XC_SEED=$seed\n";
srand $seed;
-x "$build/unit/history" or die "no $build/unit/history: ./xc build\n";

for my $i ($seed .. $seed + $n - 1) {
    for my $keyed (0, 1) {
        my $dir = File::Temp->newdir('xc-history-XXXXXXXX', TMPDIR => 1);
        my $told = `$build/unit/history $i $dir $keyed 2>&1`;
        my @files = map { "$dir/$_" } grep { /^audit/ } split /\n/, $told;

        # Where the gate refuses to write nothing is said of the log.
        next if $? || !@files || $told !~ /^# the end: 0/m;
        $checked++;
        my ($status, $out) = verify(@files);
        is($status, 0, "history $i $keyed") or diag $told, $out;
        change($i, $dir, @files) if $keyed && $status == 0;
    }
}
cmp_ok($checked, '>', $n, "$checked histories, $changed changes");

done_testing;


sub verify {
    my $out = `$xcctl audit verify @_ 2>&1`;

    return ($? >> 8, $out);
}


# Each kind of change to a line chosen anew.
sub change {
    my ($i, $dir, @files) = @_;

    copy("$dir/audit.checkpoint", "$dir/left") or return;
    for my $kind (sort keys %change) {
        my $file = $files[rand @files];
        my $before = slurp($file);
        my @lines = $before =~ /^(.*\n)/mg;
        next if @lines < 2;
        my $at = int rand @lines;
        my ($seq) = $lines[$at] =~ /"seq":(\d+)/;

        # What a record gives up may be gone or unreadable; and whoever appends
        # a line passes for a worker.
        next if $kind =~ /gone|cut/ && given_up($seq, @files);
        next if $kind eq 'gone' && $seq == 0;        # told, as not given
        next if $kind eq 'inserted' && $file eq $files[-1] && $at == $#lines;
        $change{$kind}->(\@lines, $at);
        spew($file, join '', @lines);
        my ($status, $out) = verify('--expect', "$dir/left", @files);
        isnt($status, 0, "history $i 1, $kind: seq $seq") or diag $out
            if !unconfirmed($seq, $out);
        spew($file, $before);
        $changed++;
    }
}


sub given_up {
    my ($seq, @files) = @_;

    for my $line (map { split /\n/, slurp($_) } @files) {
        return 1 if $line =~ /"unsure":\{"from":(\d+),"to":(\d+)\}/
                    && $seq >= $1 && $seq <= $2;
    }
    return 0;
}


# Told to be confirmed by nothing.
sub unconfirmed {
    my ($seq, $out) = @_;

    return scalar grep { /: seq (\d+) to (\d+), before lines that are gone,/
                         && $seq >= $1 && $seq <= $2 } split /\n/, $out;
}


sub gone { my ($l, $at) = @_; splice @$l, $at, 1 }
sub altered { my ($l, $at) = @_; $l->[$at] =~ s/"time":"2/"time":"3/ }
sub twice { my ($l, $at) = @_; splice @$l, $at, 0, $l->[$at] }
sub cut { my ($l, $at) = @_; substr($l->[$at], 40, 30) = '' }


sub moved {
    my ($l, $at) = @_;

    $at-- if $at == $#$l;
    @$l[$at, $at + 1] = @$l[$at + 1, $at];
}


# Chained to the line before it.
sub inserted {
    my ($l, $at) = @_;
    my ($seq) = $l->[$at] =~ /"seq":(\d+)/;

    splice @$l, $at + 1, 0, chain($seq + 1, $l->[$at] =~ s/\n//r,
                                  '"event":"heartbeat","forged":1');
}
