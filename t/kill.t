#!/usr/bin/env perl

# Workers that die at any moment (SIGKILL): what a client was answered and what
# the back end saw has its record, and the chain is whole.  XC_KILL_ROUNDS sets
# how often (default 5).

use strict;
use warnings;

use Test::More;

use XC::Chain;
use XC::Load;
use XC::Nginx;
use XC::Shim;

my $t = XC::Nginx->new(workers => 2, allow => qr/exited on signal 9/);
my $shim = XC::Shim->new($t);
my $rounds = $ENV{XC_KILL_ROUNDS} // 5;
my %killed;

$t->policy(transport => 'any');
$t->gate_conf;

under_load();
between_write_and_sync();

$t->finish;
done_testing;


# One worker at a time, every third time all of them.
sub under_load {
    $shim->run;
    my $load = XC::Load->new($t, 4);
    my $killed = 0;

    for my $round (1 .. $rounds) {
        my @workers = ready();
        my $seen = () = $load->answers;
        my $more = 20 + int rand 80;
        ok($t->wait_for(sub { $seen + $more <= (() = $load->answers) }, 30),
           "round $round: $more answers more");
        select undef, undef, undef, rand 0.01;
        @workers = ($workers[rand @workers]) if $round % 3;
        $killed += kill 'KILL', @workers;
        @killed{@workers} = ();
    }
    ready();

    my @answers = $load->end;
    $t->stop;
    my @seen = $t->backend->requests;
    my @all = whole($t, 'killed', seen => \@seen, answers => \@answers,
                    outcomes => 1e9);
    my @broken = grep { $_->{status} == 0 } @answers;
    my %status = map { $_->{status} => 1 } @answers;
    delete @status{0, 200};
    is(join(' ', keys %status), '', 'killed: no other answer than 200');
    ok(@broken <= 4 * $killed, 'killed: no more broken connections than there'
                               . ' may be');

    my %have = map { $_->{id} => 1 }
               grep { ($_->{decision} // '') eq 'allow' } @all;
    my $lost = grep { !$have{ $_->{h}{'x-xc-id'} } } @seen;
    is($lost, 0, 'killed: nothing is lost');
    diag("$rounds rounds, $killed workers killed, " . @answers . ' requests ('
         . @broken . ' unanswered), ' . @seen . ' at the back end, ' . @all
         . " records, $lost lost");
}


# The moment that matters: the record is written, not synced, nobody knows.
sub between_write_and_sync {
    system 'rm', '-rf', $t->state_dir;
    $t->backend->forget;
    $shim->mend->run;
    $shim->hold;

    my $client = $t->client(tls => 0);
    my $sock = $client->connect;
    $client->write($sock, $client->format('GET', $t->policy->query));
    ok($shim->wait_held, 'held: a record waits for its sync');
    my @workers = ready();
    kill 'KILL', @workers;
    @killed{@workers} = ();
    is($client->read_answer($sock), undef, 'held: killed, no answer');
    is($t->backend->count, 0, 'held: nothing at the back end');

    $shim->release;
    ready();
    is($client->request('GET', $t->policy->query)->{status}, 200,
       'held: service goes on');
    $t->stop;
    my @all = whole($t, 'held', n => 2, outcomes => 1);
    is((grep { $_->{event} eq 'recover' } @all), 0, 'held: nothing to recover');
}


# The workers, as many as there should be, those killed not counted.
sub ready {
    my @workers;

    $t->wait_for(sub {
        2 == (@workers = grep { !exists $killed{$_} } $t->worker_pids);
    });
    return @workers;
}
