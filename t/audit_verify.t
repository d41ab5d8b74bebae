#!/usr/bin/perl

# xcctl audit verify: a whole chain passes; whatever is changed in it is found,
# and the right line is named.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/lib';
use XC::Log;

my $root = abs_path(dirname(__FILE__) . '/..');
my $xcctl = $ENV{XC_XCCTL} // ($ENV{XC_BUILD} // "$root/build") . '/xcctl';
my $dir = File::Temp->newdir('xc-audit-XXXXXXXX', TMPDIR => 1);
my $alone = "no checkpoints beside the first file: a chain made anew would not"
            . " be found\n";
my $whole = chain(0, map { "\"event\":\"heartbeat\",\"n\":$_" } 0 .. 9);


is_deeply([verify($whole)], [0, $alone . "audit: 10 records, chain whole\n"],
          'a whole chain');
is((verify(''))[1], $alone . "audit: 0 records, chain whole\n", 'an empty file');
is((verify("$dir/none", 1))[0], 2, 'a file that is not there: 2');

altered();
moved();
forms();
files();
recovered();
recovered_many();
outcomes();
usage();

done_testing;


sub altered {
    my @l = lines();
    my ($status, $out);

    $l[4] =~ s/"n":4/"n":5/;
    found(\@l, [5], 'altered', 'a member changed');

    @l = lines();
    $l[4] =~ s/"time":"2026/"time":"2027/;
    found(\@l, [5], 'altered', 'a time changed');

    @l = lines();
    $l[4] =~ s/"prev":"(.)/'"prev":"' . ($1 eq 'a' ? 'b' : 'a')/e;
    found(\@l, [5], 'altered', 'a prev changed');

    @l = lines();
    $l[4] =~ s/"seq":4/"seq":7/;
    found(\@l, [5], 'altered', 'a seq changed');

    @l = lines();
    $l[0] =~ s/"prev":"0/"prev":"1/;
    found(\@l, [1, 1], 'altered', 'the first prev changed');

    @l = lines();
    $l[8] =~ s/"n":8/"n":5/;
    found(\@l, [10], 'altered', 'the last line but one changed');

    # each octet of a line in the middle, one bit
    my @bad;
    for my $at (0 .. length($l[5]) - 1) {
        next if $at % 3;
        @l = lines();
        substr($l[5], $at, 1) ^= "\x01";
        next if $l[5] =~ /\n/;
        ($status, $out) = verify(join '', map { "$_\n" } @l);
        push @bad, $at unless $status == 1 && $out =~ /log:6: /;
    }
    is("@bad", '', 'a bit flipped anywhere in a line names the line');
}


sub moved {
    my @l = lines();

    splice @l, 4, 1;
    found(\@l, [5], 'seq 4 is missing', 'a line deleted');

    @l = lines();
    splice @l, 4, 3;
    found(\@l, [5], 'seq 4 to 6 are missing', 'three lines deleted');

    @l = lines();
    @l[4, 5] = @l[5, 4];
    found(\@l, [5], 'out of order', 'two lines swapped');

    @l = lines();
    splice @l, 5, 0, $l[4];
    found(\@l, [6], 'out of order', 'a line doubled');

    @l = lines();
    splice @l, 5, 0, $l[1];
    found(\@l, [6], 'out of order', 'an old line put in');

    # one that fits the line before it
    @l = lines();
    splice @l, 5, 0, (split /\n/, chain(0, map { "\"event\":\"heartbeat\","
        . "\"n\":" . ($_ == 5 ? 55 : $_) } 0 .. 5))[5];
    found(\@l, [6], 'inserted', 'a well-made line put in');

    @l = lines();
    $l[7] = (split /\n/, chain(0, map { "\"event\":\"heartbeat\",\"n\":"
        . ($_ == 7 ? 77 : $_) } 0 .. 7))[7];
    found(\@l, [8], 'altered', 'a line replaced by a well-made one');
}


sub forms {
    my @l = lines();
    my ($status, $out);

    $l[4] =~ s/}$//;
    found(\@l, [5], 'not JSON', 'a line that is not JSON');

    @l = lines();
    $l[4] =~ s/"n":4/"n":"\xe6\xb2"/;
    found(\@l, [5], 'not UTF-8', 'a line that is not UTF-8');

    @l = lines();
    $l[4] =~ s/"n":4/"n":4,"n":4/;
    found(\@l, [5], 'not JSON', 'a member twice');

    @l = lines();
    $l[4] =~ s/:4/: 4/;
    found(\@l, [5], 'does not begin', 'another spelling');

    @l = lines();
    splice @l, 5, 0, '';
    found(\@l, [6], 'not JSON', 'an empty line');

    for my $n (65536, 65537, 200000) {
        @l = lines();
        my $body = '"event":"heartbeat","x":"';
        $body .= 'x' x ($n - 135 - length $body) . '"';
        @l = split /\n/, chain(0, '"event":"start"', $body,
                               '"event":"stop"');
        my $d = $n - length $l[1];
        $body =~ s/x"$/'x' x ($d + 1) . '"'/e;
        @l = split /\n/, chain(0, '"event":"start"', $body,
                               '"event":"stop"');
        is(length $l[1], $n, "a line of $n octets");
        if ($n == 65536) {
            is((verify("@{[join qq(\n), @l]}\n"))[0], 0, 'is no fault');
        } else {
            found(\@l, [2], 'longer than 65536', 'is too long');
        }
    }

    ($status, $out) = verify(substr $whole, 0, -1);
    is($status, 1, 'no LF at the end');
    like($out, qr/log:10: torn: /, 'is a torn line');

    ($status, $out) = verify($whole . "\0" x 70000);
    is($status, 1, 'NULs at the end');
    like($out, qr/log:11: /, 'are named');
}


sub files {
    my @l = lines();
    my ($status, $out);

    spew("$dir/1", join '', map { "$_\n" } @l[0 .. 3]);
    spew("$dir/2", join '', map { "$_\n" } @l[4 .. 9]);

    is_deeply([run('audit', 'verify', "$dir/1", "$dir/2")],
              [0, $alone . "audit: 10 records, chain whole\n"], 'two files');

    ($status, $out) = run('audit', 'verify', "$dir/2");
    is($status, 0, 'the second alone is whole');
    like($out, qr/begins at seq 4: what stood before it was not given/,
         'and says that something stood before it');

    ($status, $out) = run('audit', 'verify', "$dir/2", "$dir/1");
    is($status, 1, 'the wrong order');
    like($out, qr{/1:1: out of order}, 'is found');

    spew("$dir/1", join '', map { "$_\n" } @l[0 .. 2]);
    ($status, $out) = run('audit', 'verify', "$dir/1", "$dir/2");
    is($status, 1, 'a line cut off the end of the first');
    like($out, qr{/2:1: seq 3 is missing}, 'is missed');

    spew("$dir/1", join '', map { s/"n1"/"n2"/r . "\n" } @l[0 .. 3]);
    is((run('audit', 'verify', "$dir/1", "$dir/2"))[0], 1, 'another node');
}


# What xcctl says of lines that a recover record gives up.
sub recovered {
    my ($status, $out);
    my @l = lines();
    my $late = chain(7, $l[6], '"event":"recover","cause":"sync-failed",'
                     . '"unsure":{"from":5,"to":6}', '"event":"stop"');

    spew("$dir/failed", join '', map { "$_\n" } @l[0 .. 6]);
    spew("$dir/new", $late);
    ($status, $out) = run('audit', 'verify', "$dir/failed", "$dir/new");
    is($status, 0, 'a recover record, and nothing lost');
    like($out, qr/recover \(sync-failed\): seq 5 to 6 may be lost/, 'is told');

    spew("$dir/failed", join '', map { "$_\n" } @l[0 .. 5]);
    ($status, $out) = run('audit', 'verify', "$dir/failed", "$dir/new");
    is($status, 0, 'a line lost within its range');

    spew("$dir/failed", join('', map { "$_\n" } @l[0 .. 4]) . "\0" x 300);
    ($status, $out) = run('audit', 'verify', "$dir/failed", "$dir/new");
    is($status, 0, 'garbage within its range');

    spew("$dir/failed", join '', map { "$_\n" } @l[0 .. 4],
         "\0" x length $l[5], $l[6]);
    ($status, $out) = run('audit', 'verify', "$dir/failed", "$dir/new");
    is($status, 0, 'a hole within its range');

    spew("$dir/failed", join '', map { "$_\n" } @l[0 .. 3]);
    ($status, $out) = run('audit', 'verify', "$dir/failed", "$dir/new");
    is($status, 1, 'a line more is not excused');
    like($out, qr/seq 4 to 6 are missing/, 'but named');

    $l[2] =~ s/"n":2/"n":3/;
    spew("$dir/failed", join '', map { "$_\n" } @l[0 .. 6]);
    ($status, $out) = run('audit', 'verify', "$dir/failed", "$dir/new");
    is($status, 1, 'nor is a change before its range');
    like($out, qr{failed:3: altered}, 'it is named');
}


# However many lines a recover record gives up.
sub recovered_many {
    my @l = split /\n/, chain(0, map { "\"event\":\"heartbeat\",\"n\":$_" }
                                  1 .. 5000);
    my $late = chain(5000, $l[-1], '"event":"recover","cause":"sync-failed",'
                     . '"unsure":{"from":5,"to":4999}', '"event":"stop"');
    my $try = sub {
        my ($late, @lines) = @_;
        spew("$dir/failed", join '', map { "$_\n" } @lines);
        spew("$dir/new", $late);
        return run('audit', 'verify', "$dir/failed", "$dir/new");
    };
    my $zeros = "\0" x 200;

    is(($try->($late, @l[0 .. 4], ($zeros) x 4995))[0], 0,
       '4,995 unreadable lines in its range');
    is(($try->($late, @l[0 .. 4], map { $_ % 2 ? $l[$_] : $zeros }
                                      5 .. 4999))[0], 0, 'every other one');

    my ($status, $out) = $try->($late, @l[0, 1], $l[2] =~ s/"n":/"n":1/r,
                                @l[3, 4], ($zeros) x 4995);
    is($status, 1, 'a change before it');
    like($out, qr{failed:3: altered.*\naudit: 7 records, 1 faults$}m,
         'is the fault');

    ($status, $out) = $try->($late =~ s/"from":5,/"from":4000,/r,
                             @l[0 .. 4], ($zeros) x 4995);
    is($status, 1, 'all but those before its range');
    like($out, qr/^3996 more faults$/m, 'of which not all are listed');

    # more places than are told apart
    @l = split /\n/, chain(0, map { "\"event\":\"heartbeat\",\"n\":$_" }
                               1 .. 2 * 67_000);
    $late = chain(scalar @l, $l[-1], '"event":"recover","cause":"sync-failed",'
                  . '"unsure":{"from":5,"to":' . $#l . '}');
    ($status, $out) = $try->($late, map { $_ < 6 || $_ % 2 ? $l[$_] : $zeros }
                                        0 .. $#l);
    is($status, 1, 'over 66,536 holes');
    like($out, qr/^461 of them are more than a recover record can excuse$/m,
         'are said to be too many') or diag substr $out, -300;
}


sub outcomes {
    my ($status, $out) = verify(chain(0,
        '"event":"decision","decision":"allow","mode":"enforce"',
        '"event":"decision","decision":"deny","mode":"enforce"',
        '"event":"decision","decision":"deny","mode":"observe"',
        '"event":"decision","decision":"allow","mode":"enforce"',
        '"event":"outcome","decision_seq":3'));

    is($status, 0, 'decisions without outcome are no fault');
    like($out,
         qr/^2 admitted decisions without an outcome:\n  seq 0\n  seq 2\n/m,
         'but listed');

    # many at once, out of order
    my $n = 3000;
    ($status, $out) = verify(chain(0,
        (map { '"event":"decision","decision":"allow"' } 1 .. $n),
        (map { '"event":"outcome","decision_seq":' . ($_ * 7 % $n) }
             1 .. $n - 1)));
    like($out, qr/^1 admitted decisions without an outcome:\n  seq 0\n[^ ]/m,
         'among many, the one');
}


sub usage {
    is((run('audit'))[0], 2, 'no command');
    is((run('audit', 'what'))[0], 2, 'an unknown one');
    is((run('audit', 'verify'))[0], 2, 'no file');
    is((run('audit', 'verify', '--what', 'x'))[0], 2, 'an unknown option');
    is((run('audit', 'verify', '--key'))[0], 2, 'no value');
    is((run('audit', 'verify', '--key', 'x', "$dir/log"))[0], 2, 'no key');
    is((run('audit', 'verify', '--subject', 'x', "$dir/log"))[0], 2,
       '--subject alone');
}


sub lines { return split /\n/, $whole }


# Faults are found, exactly one on each of these lines, in this order.
sub found {
    my ($lines, $where, $what, $name) = @_;
    my ($status, $out) = verify(join '', map { "$_\n" } @$lines);
    my @where = $out =~ /log:(\d+): (?!begins|no record for|the clock)/g;

    ok($status == 1 && "@where" eq "@$where" && $out =~ /\Q$what\E/
       && $out =~ /^audit: \d+ records, \d+ faults\n\z/m,
       "$name: line @$where, $what") or diag($out);
}


sub verify {
    my ($text, $is_path) = @_;

    return run('audit', 'verify', $text) if $is_path;
    spew("$dir/log", $text);
    return run('audit', 'verify', "$dir/log");
}


sub run {
    my @args = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDOUT, '>', "$dir/out" or die;
        open STDERR, '>', "$dir/err" or die;
        exec $xcctl, @args or die;
    }
    waitpid $pid, 0;
    my $status = $? & 127 ? 'signal' : $? >> 8;
    return ($status, slurp("$dir/out"));
}
