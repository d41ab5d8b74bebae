#!/usr/bin/env perl

# A wall clock that is put back or forward under a running gate: records stay in
# the order of seq, and who verifies is told; no signature becomes fresh again.
# And what waits for an hour to pass.

use strict;
use warnings;

use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use XC::Chain;
use XC::Gate;
use XC::Nginx;
use XC::Shim;

my $t = XC::Nginx->new(workers => 2);
my $shim = XC::Shim->new($t);
my $state = $t->state_dir;
my $policy = $t->policy(transport => 'any');
my $client = $t->client(tls => 0);

$t->write_file('intake.json', JSON::PP->new->encode({
    platform => { name => 'P', role => 'platform' },
    channels => [{ type => 'api', address => 'https://platform.example' }],
    updated  => '2026-01-01', expires => '2036-01-01' }));

back();
forward();
flood();
heartbeat();
intake();

$t->finish;
done_testing;


# max_skew is 30 seconds.
sub back {
    fresh();
    my $bytes = $client->format('GET', $policy->query);
    admitted($t, 'back: before', scalar $client->raw($bytes));

    clock(-20);
    admitted($t, 'back by less than the skew: service goes on', ask());
    refused($t, 'back by less than the skew: a replay',
            scalar $client->raw($bytes), 'signature-replayed');

    clock(-3600);
    my $answer = ask(sign => { created => int(time) - 3600 });
    refused($t, 'back by an hour', $answer, 'starting', auth => 0);
    my $after = $answer->{headers}{'retry-after'};
    ok($after > 3550 && $after <= 3600, "back by an hour: Retry-After $after");
    refused($t, 'back by an hour: a replay', scalar $client->raw($bytes),
            'starting', auth => 0);

    clock(0);
    admitted($t, 'back by an hour, and put right', ask());
    my @all = ended('back', n => 3);
    my @back = grep { $all[$_]{time} lt $all[$_ - 1]{time} } 1 .. $#all;
    is(scalar @back, 2, 'back: twice, the records have it');
    my @line = map { $_ + 1 } @back;
    verified('back', qr/log:$line[0]: the clock went back by (?:1\d|20)\./,
             'back: `verify` lists the first');
    verified('back', qr/log:$line[1]: the clock went back by 35[5-9]\d\./,
             'back: and the second');
}


# A clock that was wrong for a while, and the quick way out.
sub forward {
    my $day = 86400;

    fresh();
    admitted($t, 'forward: before', ask());
    clock($day);
    admitted($t, 'forward: service goes on by the clock',
             ask(sign => { created => int(time) + $day }));
    refused($t, 'forward: the client\'s clock is another', ask(),
            'signature-stale');
    clock(0);
    refused($t, 'forward, and put right', ask(), 'starting', auth => 0);

    $t->stop;
    unlink "$state/xc.map" or die $!;
    $shim->run;
    refused($t, 'forward, without xc.map', ask(), 'starting');
    clock(32);
    admitted($t, 'forward, without xc.map: 31 seconds later',
             ask(sign => { created => int(time) + 32 }));
    ended('forward', n => 3);
    verified('forward', qr/the clock went back by 8[56]\d\d\d\./,
             'forward: `verify` lists that it was put right');
}


# Counts of a flood are told after ten seconds, also where the clock says that
# they have not begun yet.
sub flood {
    fresh();
    my $bytes = $client->format('GET', $policy->query,
                                { sign => 0, keepalive => 1 });
    my $last = $client->format('GET', $policy->query, { sign => 0 });
    my $from;

    # faster than two seconds' budget, however slow the machine is
    do {
        $from = int time;
        my @answers = $client->raw($bytes x 300 . $last, 301);
        is(scalar @answers, 301, 'flood: all are answered');
    } while (int(time) - $from > 1);
    clock(-3600);
    my $told = told();
    is($told ? "$told->{reason}" : 'none', 'credential-missing',
       'flood: told though the clock went back');
    ok($told && $told->{first} le $told->{last}, 'flood: first, last');
    ended('flood', n => 0);
}


# An idle node says that it lives, whatever its clock says.
sub heartbeat {
    local $t->{workers} = 1;
    fresh(audit => 'node=n1 heartbeat=1s');
    ok($t->wait_for(sub { beats() }), 'heartbeat: one');
    clock(-3600);
    my $n = beats();
    ok($t->wait_for(sub { beats() >= $n + 2 }),
       'heartbeat: goes on though the clock went back');
    ended('heartbeat', n => 0);
}


# By an hour of the clock, while the gate runs.
sub intake {
    local $t->{workers} = 1;
    fresh(audit => 'node=n1 heartbeat=1s');
    for my $accept ('application/json', 'application/json', 'text/html') {
        is($client->request('GET', '/intake', { sign => 0,
            headers => { Accept => $accept } })->{status}, 200,
           "intake: read as $accept");
    }
    # the tick that writes a heartbeat has looked at the counts before
    clock(3500);
    my $n = beats();
    ok($t->wait_for(sub { beats() >= $n + 2 }), 'intake: most of an hour');
    is(told(0), 0, 'intake: is not yet told');

    clock(3605);
    my %told;
    ok($t->wait_for(sub {
        %told = ();
        $told{ $_->{format} } += $_->{count}
            for grep { $_->{event} eq 'summary' } $t->audit_records;
        return ($told{json} // 0) == 2 && ($told{html} // 0) == 1;
    }), 'intake: told after an hour') or diag(explain(\%told));
    my @all = ended('intake', n => 0);
    is((grep { $_->{event} eq 'summary' && $_->{first} gt $_->{last} } @all), 0,
       'intake: first, last');
    my $sum = 0;
    $sum += $_->{count} for grep { $_->{event} eq 'summary' } @all;
    is($sum, 3, 'intake: not once more at the end');
}


sub beats { scalar grep { $_->{event} eq 'heartbeat' } $t->audit_records }


# The first summary, or false.
sub told {
    my ($seconds) = @_;

    return $t->wait_for(sub {
        return (grep { $_->{event} eq 'summary' } $t->audit_records)[0];
    }, $seconds);
}


# By so many seconds off.
sub clock { $shim->set(clock => $_[0]) }


sub ask {
    my (%o) = @_;

    return $client->request('GET', $policy->query, \%o);
}


sub fresh {
    my (%o) = @_;

    $t->stop;
    clock(0);
    system 'rm', '-rf', $state;
    $t->backend->forget;
    delete $t->{gate_records};
    $t->gate_conf(%o, server => 'location = /intake {
                                     xc_intake intake.json;
                                     xc_policy %%POLICY%%;
                                 }');
    $shim->run;
}


sub ended {
    my ($name, %o) = @_;

    $t->stop;
    return whole($t, $name, %o);
}


sub verified {
    my ($name, $re, $what) = @_;
    my $out = `'@{[$t->xcctl]}' audit verify --strict '$state/audit.log' 2>&1`;

    is($?, 0, "$name: `verify --strict` ends with 0");
    like($out, $re, $what);
}
