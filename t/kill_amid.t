#!/usr/bin/env perl

# Workers that die (SIGKILL) amid something else: a reload, a rotation, a full
# disk, a deleted log.  As in t/kill.t: what a client was answered and what the
# back end saw has its record.  XC_KILL_AMID_ROUNDS sets how often (default 3).

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use XC::Chain;
use XC::Load;
use XC::Nginx;
use XC::Shim;

my $t = XC::Nginx->new(workers => 2,
                       allow => qr/exited on signal 9|audit\.log was deleted/);
my $shim = XC::Shim->new($t);
my $state = $t->state_dir;
my $rounds = $ENV{XC_KILL_AMID_ROUNDS} // 3;
my %killed;
my $load;
my %amid = (reload => \&reload, rotation => \&rotation,
            'full disk' => \&full_disk, 'deleted log' => \&deleted_log);
my @gone;

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
    $load = XC::Load->new($t, 4, keepalive => 0);
    for my $round (1 .. $rounds) {
        admitted_more(20 + int rand 40, "$name $round: the load goes on");
        $amid{$name}->($round);
    }
    admitted_more(20, "$name: and still goes on");
    my @answers = $load->end;
    my @workers = ready();
    $t->stop;
    restore();
    verdict($name, @answers);
}


# Old workers and new ones, at any moment of their changing.
sub reload {
    $t->signal('HUP');
    sleep rand 0.1;
    kill_some($t->master_pid);
    my $to = () = $load->answers;
    $t->wait_for(sub { (() = $load->answers) > $to + 10 });
}


sub rotation {
    my ($round) = @_;
    my $first = rand() < 0.5;

    kill_some() if $first;
    rename "$state/audit.log", "$state/audit.log.$round" or die $!;
    sleep rand 0.02;
    kill_some() if !$first;
    ok($t->wait_for(sub { -s "$state/audit.log" }),
       "rotation $round: a new file");
}


sub full_disk {
    my ($round) = @_;

    $shim->fault(qw(ENOSPC short)[$round % 2]);
    my $refused = refused();
    ok($t->wait_for(sub { refused() > $refused }),
       "full disk $round: nothing is disclosed");
    kill_some();
    $refused = refused();
    ok($t->wait_for(sub { refused() > $refused }),
       "full disk $round: by nobody");
    $shim->mend;
}


# What is deleted stays ours, by a descriptor: there may be no second name.
sub deleted_log {
    my ($round) = @_;
    my $first = rand() < 0.5;

    open my $fh, '<:raw', "$state/audit.log" or die $!;
    push @gone, $fh;
    kill_some() if $first;
    unlink "$state/audit.log" or die $!;
    sleep rand 0.02;
    kill_some() if !$first;
    ok($t->wait_for(sub { -s "$state/audit.log" }),
       "deleted log $round: a new file");
}


# Lines that a killed worker wrote and nobody heard of have their seq given out
# again: they are no part of the log.
sub restore {
    my $text = $t->read_file("$state/audit.log");

    for my $i (reverse 0 .. $#gone) {
        my ($end) = $text =~ /\A\{"seq":(\d+),/ or die 'no first seq';
        seek $gone[$i], 0, 0;
        $text = join '', grep { /\A\{"seq":(\d+),.*\n\z/ && $1 < $end }
                         readline $gone[$i];
        $t->write_file("$state/audit.gone-$i", $text);
    }
}


sub verdict {
    my ($name, @answers) = @_;
    my @seen = $t->backend->requests;
    my @all = whole($t, $name, seen => \@seen, answers => \@answers,
                    outcomes => 1e9);
    my %status;
    $status{ $_->{status} }++ for @answers;
    my $admitted = $status{200} // 0;
    my $broken = $status{0} // 0;
    my $kills = delete $killed{count};

    is(join(' ', sort grep { !/^(?:0|200|503)$/ } keys %status), '',
       "$name: no answer but 200, 503 or none");
    is($status{503} // 0, 0, "$name: nobody refused") if $name ne 'full disk'
                                                         && $name ne 'reload';
    cmp_ok($broken, '<=', 4 * $kills, "$name: no more broken connections than"
                                      . ' there may be');

    my %have = map { $_->{id} => 1 }
               grep { ($_->{decision} // '') eq 'allow' } @all;
    my $lost = grep { !$have{ $_->{h}{'x-xc-id'} } } @seen;
    is($lost, 0, "$name: nothing is lost");
    diag("$name: $rounds rounds, $kills workers killed, " . @answers
         . " requests ($broken unanswered, " . ($status{503} // 0)
         . " times 503), " . @seen . ' at the back end, ' . @all
         . " records, $lost lost");
}


# One worker, or all of them; those of the master that shut down, too.
sub kill_some {
    my ($master) = @_;
    my @pids = $master ? _children($master) : ready();

    @pids = ($pids[rand @pids]) if @pids && rand() < 0.6;
    $killed{count} += kill 'KILL', @pids;
    $killed{$_} = 1 for @pids;
}


sub _children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or die $!;
    return split ' ', <$fh> // '';
}


# The workers, as many as there should be, those killed not counted.
sub ready {
    my @workers;

    $t->wait_for(sub {
        2 == (@workers = grep { !$killed{$_} } $t->worker_pids);
    });
    return @workers;
}


sub admitted_more {
    my ($n, $name) = @_;
    my $have = grep { $_->{status} == 200 } $load->answers;

    ok($t->wait_for(sub {
        $have + $n <= grep { $_->{status} == 200 } $load->answers;
    }, 30), $name);
}


sub refused { scalar grep { $_->{status} == 503 } $load->answers }
