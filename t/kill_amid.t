#!/usr/bin/env perl

# Workers that die (SIGKILL) amid a rotation, a full disk, a deleted log.  As in
# t/kill.t: what a client was answered and what the back end saw has its record.
# XC_KILL_ROUNDS sets how often (default 5).

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use XC::Kills;
use XC::Nginx;
use XC::Shim;

my $t = XC::Nginx->new(workers => 2,
                       allow => qr/exited on signal 9|audit\.log was deleted/);
my $shim = XC::Shim->new($t);
my $state = $t->state_dir;
my $log = "$state/audit.log";
my $rounds = $ENV{XC_KILL_ROUNDS} // 5;
my %amid = (rotation => \&rotation, 'full disk' => \&full_disk,
            'deleted log' => \&deleted_log);
my ($kills, @gone);

$t->policy(transport => 'any');
$t->gate_conf;

amid($_) for sort keys %amid;

$t->finish;
done_testing;


sub amid {
    my ($name) = @_;

    $t->stop;
    system 'rm', '-rf', $state;
    $t->backend->forget;
    @gone = ();
    $shim->mend->run;
    $kills = XC::Kills->new($t, $name, refused => $name eq 'full disk');
    for my $round (1 .. $rounds) {
        $kills->round(5 + int rand 20);
        $amid{$name}->($round);
    }
    $kills->end;
    $kills->ready;
    $t->stop;
    restore();
    $kills->verdict;
}


sub rotation {
    my ($round) = @_;
    my $first = rand() < 0.5;

    $kills->some if $first;
    rename $log, "$log.$round" or die $!;
    sleep rand 0.02;
    $kills->some if !$first;
    ok($t->wait_for(sub { -s $log }), "rotation $round: a new file");
}


sub full_disk {
    my ($round) = @_;
    my $refused = $kills->count(503);

    $shim->fault(qw(ENOSPC short)[$round % 2]);
    ok($t->wait_for(sub { $kills->count(503) > $refused }),
       "full disk $round: nothing is disclosed");
    $kills->some;
    $refused = $kills->count(503);
    ok($t->wait_for(sub { $kills->count(503) > $refused }),
       "full disk $round: by nobody");
    $shim->mend;
}


# What is deleted stays ours, by a descriptor: there may be no second name.
sub deleted_log {
    my ($round) = @_;
    my $first = rand() < 0.5;

    open my $fh, '<:raw', $log or die $!;
    push @gone, $fh;
    $kills->some if $first;
    unlink $log or die $!;
    sleep rand 0.02;
    $kills->some if !$first;
    ok($t->wait_for(sub { -s $log }), "deleted log $round: a new file");
}


# Lines that a killed worker wrote and nobody heard of have their seq given out
# again: they are no part of the log.
sub restore {
    my $text = $t->read_file($log);

    for my $i (reverse 0 .. $#gone) {
        my ($end) = $text =~ /\A\{"seq":(\d+),/ or die 'no first seq';
        seek $gone[$i], 0, 0;
        $text = join '', grep { /\A\{"seq":(\d+),.*\n\z/ && $1 < $end }
                         readline $gone[$i];
        $t->write_file("$state/audit.gone-$i", $text);
    }
}
