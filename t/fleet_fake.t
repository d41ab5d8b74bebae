#!/usr/bin/env perl

# What stands where the store should: it talks nonsense, too much, too little,
# too late or not at all.  The answer is 503, within the timeout, the worker
# lives, and serves again when there is a store.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use XC::FakeRedis;
use XC::Fleet;
use XC::Gate;
use XC::Nginx;
use XC::Policy;
use XC::Redis;

plan skip_all => 'no redis-server' if !XC::Redis->program;

my $policy = XC::Policy->new(transport => 'any',
                             signature => { max_age => 300, max_skew => 1 });
my $fleet = XC::Fleet->new(nodes => 1, policy => $policy, store => 0,
                           fleet => 'timeout=300ms', seconds => 400);
my $t = $fleet->node(1);

mkdir $t->path('fake');
answers();
greetings();
real_one();

$fleet->finish;
done_testing;


# A healthy greeting, and then nonsense.  What passes by a healthy answer that
# has more behind it was not let through wrongly.
sub answers {
    my $fake = a_fake();
    my %may_pass = map { $_ => 1 } qw(twice unasked);

    $t->run;
    for my $mode (XC::FakeRedis->modes) {
        my ($pid) = $t->worker_pids;

        $fleet->serves("fake: before $mode");
        $fake->mode($mode);
        my $began = time;
        my $answer = $fleet->ask(1, '310115');
        if ($may_pass{$mode} && $answer && $answer->{status} == 200) {
            my $all = admitted($t, "fake: $mode, behind a good answer",
                               $answer);
            push @{ $fleet->{seen}{1} }, $all->{seen} if $all->{seen}{h};
        } else {
            $fleet->unavailable("fake: $mode", $answer, $began);
        }
        $fleet->all_unavailable("fake: $mode, at once", $fleet->under_way(3))
            if !$may_pass{$mode};
        $fake->mode('ok');
        ok(kill(0, $pid), "fake: $mode: the worker lives");
    }
    $fleet->serves('fake: ok');

    $fake->mode('slow:1500');
    $fleet->all_unavailable('fake: slow', $fleet->under_way(3));
    $fake->mode('ok');
    $fleet->serves('fake: no longer slow');
    $fake->stop;
}


# Who is not even greeted.
sub greetings {
    $t->stop;
    for my $mode (qw(garbage nil status empty verdict negative huge_array
                     flood silent close cut noauth loading))
    {
        my $fake = a_fake(mode => $mode, greeting => 1);

        $t->run if !$t->master_pid;
        $fleet->refuses("greeting: $mode: $_") for 1, 2;
        $fake->stop;
    }
    my $fake = a_fake(accept => 0);
    $fleet->refuses('greeting: nobody takes it');
    $fake->stop;
}


sub real_one {
    $fleet->store;
    $fleet->serves('a real one');
}


sub a_fake {
    my (%o) = @_;

    return XC::FakeRedis->new(dir => $t->path('fake'), port => $fleet->port,
                              %o);
}
