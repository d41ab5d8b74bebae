#!/usr/bin/env perl

# Workers that die (SIGKILL) while a reload goes on, old ones and new ones, at
# any moment of their changing.  As in t/kill.t: what a client was answered and
# what the back end saw has its record.  XC_KILL_RELOADS sets how often
# (default 20).

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use XC::Kills;
use XC::Nginx;

my $t = XC::Nginx->new(workers => 2, allow => qr/exited on signal 9/);
my $log = $t->state_dir . '/audit.log';
my $rounds = $ENV{XC_KILL_RELOADS} // 20;

$t->policy(transport => 'any');
$t->gate_conf;
$t->run;

my $kills = XC::Kills->new($t, 'reload');
for my $round (1 .. $rounds) {
    $kills->round(5 + int rand 10);
    $t->signal('HUP');
    sleep rand 0.1;
    $kills->some($kills->workers($t->master_pid));

    # one signal that comes before the master has acted on the last is lost
    ok($t->wait_for(sub { reloads() >= $round }), "reload $round: begun");
}
$kills->end;
$kills->ready;
$t->stop;
is((grep { $_->{event} eq 'reload' } $kills->verdict), $rounds,
   'each reload is on record');

$t->finish;
done_testing;


# So far on record.
sub reloads { return scalar(() = $t->read_file($log) =~ /"event":"reload"/g) }
