#!/usr/bin/env perl

# Workers that die (SIGKILL) amid a binary upgrade, those of both masters, on
# the way there (WINCH and QUIT to the old one) and on the way back (HUP to the
# old one, QUIT to the new one).  As in t/kill.t: what a client was answered
# and what the back end saw has its record.  XC_KILL_ROUNDS sets how often
# (default 5).

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use XC::Kills;
use XC::Nginx;

my $t = XC::Nginx->new(workers => 2, allow => qr/exited on signal 9/);
my $rounds = $ENV{XC_KILL_ROUNDS} // 5;

$t->policy(transport => 'any');
$t->gate_conf;
$t->run;

my $kills = XC::Kills->new($t, 'binary upgrade');
for my $round (1 .. $rounds) {
    $kills->round(5 + int rand 10);
    my $from = $t->master_pid;
    my $to = both($from);
    $round % 2 ? forth($from, $to) : back($from, $to);
}
$kills->end;
$kills->ready;
$t->stop;
$kills->verdict;

$t->finish;
done_testing;


# A second master, beside the first; its pid.
sub both {
    my ($from) = @_;
    my $to;

    $t->signal('USR2', $from);
    ok($t->wait_for(sub { ($to = $t->master_pid // $from) != $from }),
       'a second master');
    strike($from, $to);
    $kills->ready($_) for $from, $to;
    $kills->admitted_more(5);
    return $to;
}


sub forth {
    my ($from, $to) = @_;

    $t->signal('WINCH', $from);
    strike($from, $to);
    $t->signal('QUIT', $from);
    ok($kills->gone($from), 'forth: the old master has gone');
}


sub back {
    my ($from, $to) = @_;

    $t->signal('WINCH', $from);
    strike($from, $to);
    ok($t->wait_for(sub { !$kills->workers($from) }),
       'back: the old workers have gone');
    $t->signal('HUP', $from);
    $kills->ready($from);
    $t->signal('QUIT', $to);
    strike($from, $to);
    ok($kills->gone($to), 'back: the new master has gone');
    ok($t->wait_for(sub { ($t->read_file('nginx.pid') // '') eq "$from\n" }),
       'back: the old one is the master');
}


sub strike {
    my @masters = @_;

    sleep rand 0.1;
    $kills->some(map { $kills->workers($_) } @masters);
}
