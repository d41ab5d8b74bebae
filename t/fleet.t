#!/usr/bin/env perl

# Three nodes and one Redis: what one of them burned no other lets pass, and a
# budget is one budget, wherever it is spent.  Whatever becomes of a node, and
# whatever its clock says.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use XC::Fleet;
use XC::Gate;
use XC::Nginx;
use XC::Policy;
use XC::Redis;
use XC::Shim;

plan skip_all => 'no redis-server' if !XC::Redis->program;

my $submit = '/xc/v1/requests';
my $check = '/xc/v1/check';
my %burst = (rate => 5, day => 4, refused => 3, cost => 9, once => 0,
             observed => 1, checks => 2, results => 3, tight => 2, few => 1,
             kept => 2, skewed => 2);

my $policy = make_policy();
my $fleet = XC::Fleet->new(nodes => 3, policy => $policy);

first_start();
replays();
rate();
refusal_burns_nothing();
per_day();
refusals();
cost();
on_behalf();
observed();
checks();
results();
status();
kept();
$fleet->finish;

clocks();
done_testing;


# Rates that come back so seldom that what is counted here does not depend on
# how long it takes.
sub make_policy {
    my $p = XC::Policy->new(transport => 'any',
                            signature => { max_age => 300, max_skew => 1 });
    my $data = $p->data;
    my %more = (
        day      => { rate => '1000r/s', burst => 100, per_day => $burst{day} },
        refused  => { rate => '1000r/s', burst => $burst{refused},
                      refusals => '1r/m' },
        cost     => { cost => { field => 1, subject => 1 } },
        once     => { rate => '30r/m' },
        # what is looked at again after reloads and more: five minutes a query
        map { $_ => { burst => 5 * $burst{$_}, cost => { subject => 4 } } }
            qw(rate kept),
    );

    for my $id (sort keys %burst) {
        $data->{rates}{"r-$id"} = {
            rate => '1r/m', burst => $burst{$id}, refusals => '1000r/s',
            %{ $more{$id} // {} } };
        my $behalf = $id eq 'tight' ? { on_behalf_of => ['310115', '310000'] }
                                    : {};
        $p->add_agency($id, $id eq 'tight' ? 'national' : 'county',
            { %{ $p->hmac($id, "$id-key") }, %$behalf },
            region => $id eq 'tight' ? '000000' : '310115',
            rate => "r-$id");
    }
    $p->add_agency('wide', 'national',
        { %{ $p->hmac('wide', 'wide-key') }, on_behalf_of => ['few'] },
        region => '000000');

    push @{ $data->{operations} },
        { id => 'check', kind => 'check', methods => ['POST'],
          path => $check, body => { like => 'submit' } },
        { id => 'result', kind => 'result', methods => ['GET'],
          path => "$submit/(?<request>[0-9a-f]{32})" };
    return $p;
}


# Signed before the fleet was there: nobody can tell whether it was used.
sub first_start {
    my $bytes = $fleet->client(1, '310115')->format('GET', $policy->query);

    $fleet->run;
    for my $i (1 .. 3) {
        my $client = $fleet->client($i, '310115');
        my $answer;

        # a worker has to reach the store first
        $fleet->node($i)->wait_for(sub {
            $answer = $client->raw($bytes);
            return XC::Fleet::verdict($answer) ne 'fleet-unavailable';
        });
        refused($fleet->node($i), "first start: n$i", $answer, 'starting');
        like($answer->{headers}{'retry-after'}, qr/^[12]$/,
             "first start: n$i says for how long");
    }
    ok($fleet->ready, 'first start: then the fleet serves');
    refused($fleet->node(2), 'first start: but not what was signed before',
            scalar $fleet->client(2, '310115')->raw($bytes), 'starting');

    # who comes later finds a fleet that was born
    $fleet->node(3)->stop;
    $fleet->node(3)->run;
    ok($fleet->ready(3), 'a node comes later');
}


sub replays {
    for my $from (1 .. 3) {
        my $client = $fleet->client($from, '310115');
        my $bytes = $client->format('GET', $policy->query);

        passes($from, "n$from burns a nonce", scalar $client->raw($bytes));
        for my $i (1 .. 3) {
            refused($fleet->node($i), "of n$from, at n$i", scalar
                    $fleet->client($i, '310115')->raw($bytes),
                    'signature-replayed');
        }
    }

    # all at once
    my $bytes = $fleet->client(1, '310115')->format('GET', $policy->query);
    my @all = $fleet->storm('310115', 4, sub { $bytes });
    counted('one signature at all nodes at once', \@all, 1,
            'signature-replayed');
}


sub rate {
    my @all = $fleet->storm('rate', 4);

    counted('all nodes at once', \@all, $burst{rate} + 1, 'rate-exceeded');
    for my $i (1 .. 3) {
        my $answer = $fleet->ask($i, 'rate');

        limited($i, "spent: n$i", $answer, 'rate-exceeded', 'rate', 'rate',
                300);
    }
    passes(1, 'another agency is not held up', $fleet->ask(1, '310115'));
}


sub refusal_burns_nothing {
    my $bytes = $fleet->client(1, 'once')->format('GET', $policy->query);

    # at once: two seconds later there is room again
    my $one = $fleet->ask(2, 'once');
    my $next = $fleet->client(1, 'once')->raw($bytes);

    passes(2, 'a rate of one', $one, agency => 'once');
    refused($fleet->node(1), 'the next', $next, 'rate-exceeded',
            agency => 'once');
    sleep 2.1;
    passes(3, 'a 429 burned no nonce', scalar
           $fleet->client(3, 'once')->raw($bytes), agency => 'once');
    sleep 2.1;
    refused($fleet->node(1), 'it is burned now', scalar
            $fleet->client(1, 'once')->raw($bytes), 'signature-replayed',
            agency => 'once');
}


sub per_day {
    $fleet->node(1)->clear_of_midnight(30);
    my @all = $fleet->storm('day', 2);

    counted('the day\'s quota', \@all, $burst{day}, 'quota-exceeded');
    limited($_, "the quota is spent: n$_", $fleet->ask($_, 'day'),
            'quota-exceeded', 'day', 'per_day', 86_400) for 1 .. 3;
}


sub refusals {
    my $ask = sub {
        $fleet->client($_[0], 'refused')->request('GET',
            $policy->query(fields => 'live.room'));
    };
    for my $n (0 .. $burst{refused}) {
        my $i = $n % 3 + 1;

        refused($fleet->node($i), "refusal $n", $ask->($i), 'field-unknown',
                agency => 'refused');
    }
    limited($_, "the refusals are spent: n$_", $fleet->ask($_, 'refused'),
            'rate-exceeded', 'refused', 'refusals', 60) for 1 .. 3;
}


# Ten units, and each of these costs six: into debt, but not from it.
sub cost {
    my $post = sub {
        $fleet->client($_[0], 'cost')->request('POST', $submit, {
            body => $policy->body(fields => [qw(merchant.name merchant.uscc
                                                transaction.payment)],
                subjects => [{ type => 'merchant', id => $XC::Policy::USCC },
                             { type => 'live_room', id => 'a' }]) });
    };

    passes(1, 'at a cost: six of ten', $post->(1), agency => 'cost');
    passes(2, 'at a cost: into debt', $post->(2), agency => 'cost');
    my $answer = limited(3, 'in debt', $fleet->ask(3, 'cost'), 'rate-exceeded',
                         'cost', 'rate', 180);
    my $after = $answer->{headers}{'retry-after'};
    ok($after > 120, "in debt: three units come back first ($after s)");
    refused($fleet->node($_), "in debt: n$_", $fleet->ask($_, 'cost'),
            'rate-exceeded', agency => 'cost') for 1, 2;
}


sub on_behalf {
    my $ask = sub {
        my ($i, $via, $agency) = @_;
        $fleet->ask($i, $via, headers => [['XC-On-Behalf-Of', $agency]]);
    };
    my @for = ('310115', '310000', '310115');

    passes($_, "an intermediary: n$_", $ask->($_, 'tight', $for[$_ - 1]),
           agency => $for[$_ - 1], record => { via => 'tight' }) for 1 .. 3;
    for my $i (1 .. 3) {
        my $agency = $for[$i - 1];

        limited($i, "the intermediary's budget is spent: n$i",
                $ask->($i, 'tight', $agency), 'rate-exceeded', $agency, 'rate',
                60, 'tight');
        passes($i, "the agency's own is not: n$i", $fleet->ask($i, $agency),
               agency => $agency);
    }

    passes($_, "another intermediary: n$_", $ask->($_, 'wide', 'few'),
           agency => 'few', record => { via => 'wide' }) for 1, 2;
    limited(3, 'the agency\'s budget is spent', $ask->(3, 'wide', 'few'),
            'rate-exceeded', 'few', 'rate', 60);
    limited(1, 'for itself, too', $fleet->ask(1, 'few'), 'rate-exceeded', 'few',
            'rate', 60);
}


# One node only looks on.
sub observed {
    my $at = sub { $fleet->client(2, 'observed',
                                  port => $fleet->node(2)->port('observe')) };

    passes($_, "observe: n$_ enforces", $fleet->ask($_, 'observed'),
           agency => 'observed') for 1, 3;
    refused($fleet->node(1), 'observe: spent', $fleet->ask(1, 'observed'),
            'rate-exceeded', agency => 'observed');
    my $bytes = $at->()->format('GET', $policy->query);
    passes(2, 'observe: n2 lets it go on', scalar $at->()->raw($bytes),
           agency => 'observed', observed => 'rate-exceeded');

    # who is known to be over a limit is told so first, for a second
    for my $i (1, 3) {
        my $answer;
        $fleet->node($i)->wait_for(sub {
            $answer = $fleet->client($i, 'observed')->raw($bytes);
            return XC::Fleet::verdict($answer) ne 'rate-exceeded';
        });
        refused($fleet->node($i), "observe: its nonce is burned: n$i", $answer,
                'signature-replayed', agency => 'observed');
    }
    is(XC::Fleet::verdict(scalar $at->()->raw($bytes)), 'signature-replayed',
       'observe: at n2 itself, too');
    is($fleet->node(2)->backend->count, 0, 'observe: which nobody sees');
}


sub checks {
    my $ask = sub {
        my ($i, $bytes) = @_;
        my $c = $fleet->client($i, 'checks');
        $bytes //= $c->format('POST', $check, { body => $policy->body });
        return ($bytes, scalar $c->raw($bytes));
    };
    my ($bytes, $answer) = $ask->(1);

    is($answer->{status}, 200, 'check: n1');
    refused($fleet->node(2), 'check: burns a nonce', ($ask->(2, $bytes))[1],
            'signature-replayed', agency => 'checks');
    is(($ask->($_))[1]{status}, 200, "check: n$_") for 2, 3;
    limited($_, "check: spends the budget: n$_", $fleet->ask($_, 'checks'),
            'rate-exceeded', 'checks', 'rate', 60) for 1 .. 3;
}


# Submitted at one node, asked for at another.
sub results {
    my $all = passes(1, 'result: a submit at n1', scalar
        $fleet->client(1, 'results')->request('POST', $submit,
                                              { body => $policy->body }),
        agency => 'results');
    my $id = $all->{seen}{h}{'x-xc-id'} // '';
    my @ticket = (headers => [['XC-Request', $all->{answer}{headers}
                                                 {'xc-request'} // '']]);
    my $c = $fleet->client(2, 'results');
    my $bytes = $c->format('GET', "$submit/$id", { @ticket });

    passes(2, 'result: at n2', scalar $c->raw($bytes), agency => 'results',
           record => { ref => qr/^n1:\d+$/ });
    refused($fleet->node(3), 'result: again at n3', scalar
            $fleet->client(3, 'results')->raw($bytes), 'signature-replayed',
            agency => 'results');
    passes(3, 'result: once more at n3', scalar $fleet->client(3, 'results')
           ->request('GET', "$submit/$id", { @ticket }), agency => 'results');
    passes(1, 'result: and at n1', $fleet->ask(1, 'results'),
           agency => 'results');
    limited(2, 'result: spends the budget', $fleet->ask(2, 'results'),
            'rate-exceeded', 'results', 'rate', 60);
}


# What a node was told of an agency, it tells.
sub status {
    my $all = $fleet->client(1, '310115')->request('GET', '/status',
                                                   { sign => 0 });

    is($all->{status}, 200, 'status: of a node of a fleet') or return;
    is($all->{json}{fleet}{connected} ? 1 : 0, 1, 'status: it is connected')
        or diag(explain($all->{json}));
}


# The store remembers, whatever becomes of a node.
sub kept {
    my $n1 = $fleet->node(1);
    my $c = $fleet->client(1, 'kept');
    my $bytes = $c->format('GET', $policy->query);
    my $again = sub {
        my ($how) = @_;

        ok($fleet->ready(1), "kept: n1 serves, $how");
        refused($n1, "kept: a replay, $how", scalar $c->raw($bytes),
                'signature-replayed', agency => 'kept');
    };

    passes(1, 'kept: the first', scalar $c->raw($bytes), agency => 'kept');
    ok($n1->reload(wait => 'exit'), 'kept: a reload');
    $again->('after a reload');
    passes(1, 'kept: the second', $fleet->ask(1, 'kept'), agency => 'kept');

    my $old = $n1->master_pid;
    $n1->signal('USR2');
    ok($n1->wait_for(sub { my $new = $n1->master_pid;
                           $new && $new != $old && $n1->worker_pids($new) }),
       'kept: a binary upgrade');
    $again->('beside the old one');
    $n1->signal('QUIT', $old);
    ok($n1->wait_for(sub { !defined readlink "/proc/$old/exe" }),
       'kept: the old one goes');
    $again->('after an upgrade');

    ok($n1->stop, 'kept: n1 stops');
    passes(2, 'kept: the last, elsewhere', $fleet->ask(2, 'kept'),
           agency => 'kept');
    $n1->run;
    $again->('after a restart');
    limited($_, "kept: the budget, n$_", $fleet->ask($_, 'kept'),
            'rate-exceeded', 'kept', 'rate', 300) for 1 .. 3;

    # nor does another policy refresh it
    $policy->data->{rates}{'r-kept'}{burst} = 5;
    $policy->data->{rates}{'r-rate'}{burst} += 5;
    $_->policy($policy) for $fleet->nodes;
    ok($_->reload(wait => 'exit'), 'kept: another policy') for $fleet->nodes;
    ok($fleet->ready, 'kept: the fleet serves');
    limited($_, "kept: a smaller burst is spent, n$_", $fleet->ask($_, 'kept'),
            'rate-exceeded', 'kept', 'rate', 600) for 1 .. 3;
    passes(1, 'kept: a burst of one more', $fleet->ask(1, 'rate'),
           agency => 'rate');
    limited($_, "kept: has just one more, n$_", $fleet->ask($_, 'rate'),
            'rate-exceeded', 'rate', 'rate', 300) for 1 .. 3;
}


# Nodes whose clocks differ.  Time is the store's: there is no more of anything,
# and what a slow clock still takes for fresh is not forgotten.
sub clocks {
    my ($age, $skew, $off, $too_far) = (10, 4, 3, 20);

    local $policy->data->{signature} = { max_age => $age, max_skew => $skew };
    $fleet = XC::Fleet->new(nodes => 3, policy => $policy,
        allow => qr/clock/);
    my @shim = map { XC::Shim->new($_) } $fleet->nodes;
    $shim[1]->set(clock => $off);
    $shim[2]->set(clock => -$off);
    $_->run for @shim;
    ok($fleet->ready, 'clocks: they serve');

    my @all = $fleet->storm('skewed', 3);
    counted('clocks: one budget', \@all, $burst{skewed} + 1, 'rate-exceeded');

    my $bytes = $fleet->client(1, '310115')->format('GET', $policy->query);
    my $began = time;
    passes(1, 'clocks: a nonce is burned', scalar
           $fleet->client(1, '310115')->raw($bytes));
    my %said;
    while (time < $began + $age + 2 * $off + 2) {
        for my $i (2, 3) {
            my $answer = $fleet->client($i, '310115')->raw($bytes);
            $said{XC::Fleet::verdict($answer)}++;
        }
        sleep 0.3;
    }
    is(join(' ', sort keys %said), 'signature-replayed signature-stale',
       'clocks: never again, until every clock says stale');
    is($fleet->node($_)->backend->count, 0, "clocks: n$_ disclosed nothing")
        for 2, 3;

    for my $by ($too_far, -$too_far) {
        wrong_clock($shim[1], $by);
    }
    $fleet->finish(named => 'clocks: ');
}


# By more than max_skew: the node can't judge what is fresh.
sub wrong_clock {
    my ($shim, $by) = @_;
    my $n2 = $fleet->node(2);
    my $name = sprintf 'clocks: %+d s', $by;
    my $from = length $n2->error_log;

    $n2->stop;
    system 'rm', '-rf', $n2->state_dir;
    delete $n2->{gate_records};
    $fleet->{seen}{2} = [];
    $n2->backend->forget;
    $shim->set(clock => $by);
    $shim->run;

    # as this node's clock has it, so that nothing else is wrong
    my $sign = sub { (sign => { created => int(time) + $by }) };
    $n2->wait_for(sub { substr($n2->error_log, $from) =~ /is in use/ });
    my $answer = $fleet->ask(2, '310115', $sign->());
    refused($n2, $name, $answer, 'fleet-unavailable', detail => qr/clock/);
    ok($n2->wait_for(sub {
        substr($n2->error_log, $from) =~ /\[error\].*xc_fleet:.*clock/ }),
       "$name: whoever runs it is told");
    passes(1, "$name: the others serve", $fleet->ask(1, '310115'));

    $shim->set(clock => 0);
    $n2->stop;
    $shim->run;
    ok($n2->wait_for(sub {
        XC::Fleet::verdict($fleet->ask(2, '000000')) eq '200' }),
       "$name: and put right");
    $fleet->seen(2);
}


# Admitted at a node, with its records.
sub passes {
    my ($i, $name, $answer, %o) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $all = admitted($fleet->node($i), $name, $answer, %o);
    push @{ $fleet->{seen}{$i} }, $all->{seen} if $all->{seen}{h};
    $all->{answer} = $answer // {};
    return $all;
}


# A 429 that says which limit, and when it is back.  whose: the intermediary's.
sub limited {
    my ($i, $name, $answer, $reason, $agency, $limit, $at_most, $whose) = @_;
    my $h = $answer->{headers} // {};
    my $after = $h->{'retry-after'} // 'none';
    my @bad;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    refused($fleet->node($i), $name, $answer, $reason, agency => $agency,
            record => { limit => { agency => $whose // $agency,
                                   name => $limit } });
    push @bad, "Retry-After: $after" if $after !~ /^\d+$/ || $after < 1
                                        || $after > $at_most;
    push @bad, 'RateLimit: ' . ($h->{ratelimit} // 'none')
        if ($h->{ratelimit} // '') !~ /"\Q$limit\E";r=0;t=[1-9]\d*/;
    push @bad, 'RateLimit-Policy: ' . ($h->{'ratelimit-policy'} // 'none')
        if ($h->{'ratelimit-policy'} // '') !~ /"\Q$limit\E";q=\d+;w=\d+/;
    is(join("\n", @bad), '', "$name: says until when");
    return $answer;
}


# Of all these just so many were admitted, each back end saw those of its node,
# and the rest were refused for that reason.
sub counted {
    my ($name, $all, $n, $reason) = @_;
    my (%verdicts, %of);

    for my $one (@$all) {
        my ($i, $answer) = @$one;
        my $verdict = XC::Fleet::verdict($answer);

        $verdicts{$verdict}++;
        $of{$i}++ if $verdict eq '200';
    }
    is_deeply(\%verdicts, { 200 => $n, $reason => @$all - $n },
              "$name: $n of " . @$all) or diag(explain(\%verdicts));
    is(join(' ', map { scalar(my @seen = $fleet->seen($_)) }
                 1 .. $fleet->size),
       join(' ', map { $of{$_} // 0 } 1 .. $fleet->size),
       "$name: the back ends saw those");
}
