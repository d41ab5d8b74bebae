#!/usr/bin/env perl

# What an agency learns from a fleet's gate it pays for: a body of whatever
# shape costs its nonce and its unit, and none is answered by anything else than
# the policy.  And who is over a limit costs the gate no more than that: the
# store is not asked again for what it has just said.

use strict;
use warnings;
use utf8;

use Test::More;

use XC::Fleet;
use XC::Gate;
use XC::Nginx;
use XC::Policy;
use XC::Redis;

plan skip_all => 'no redis-server' if !XC::Redis->program;

my $submit = '/xc/v1/requests';
my $storm = 30;
my $bytes = 255_000;            # of a body; client_body_buffer_size is 256k

# What a body may hold besides: each costs another amount of memory to read.
my @units = ('0', '1e1', '""', '"\u0041"', '[]', '{}', '{"a":0}', '[[[[0]]]]');

my $policy = make_policy();
my $fleet = XC::Fleet->new(nodes => 2, policy => $policy);

$fleet->run;
$fleet->serves('a fleet of two');
shapes();
untold();
over();
told_again();

$fleet->finish;
done_testing;


sub make_policy {
    my $p = XC::Policy->new(transport => 'any',
                            signature => { max_age => 300, max_skew => 1 });
    my %rate = (shape  => { rate => '1r/m', burst => @units - 1 },
                spy    => { rate => '1r/m', burst => 3, refusals => '1r/m' },
                over   => { rate => '1r/m' },
                forgot => { rate => '1r/m' });

    for my $id (sort keys %rate) {
        $p->data->{rates}{$id} = { burst => 0, refusals => '1000r/s',
                                   %{ $rate{$id} } };
        $p->add_agency($id, 'county', $p->hmac($id, "$id-key"),
                       region => '310115', rate => $id);
    }
    return $p;
}


# A signed request whose body is as large as may be.
sub large {
    my ($i, $agency, $unit, %o) = @_;
    my $n = int($bytes / (length($unit) + 1));
    my $fill = join ',', ($unit) x $n;
    my $body = $policy->body(%o);

    $body =~ s/\}\z/,"note":[$fill]}/;
    return $fleet->client($i, $agency)->format('POST', $submit,
                                               { body => $body });
}


sub put {
    my ($i, $agency, $text) = @_;

    return XC::Fleet::verdict(scalar $fleet->client($i, $agency)->raw($text));
}


# Whatever comes of a body: the second time it is a replay, and each has cost
# one unit.
sub shapes {
    for my $unit (@units) {
        my $text = large(1, 'shape', $unit);
        my $first = put(1, 'shape', $text);

        like($first, qr/^(?:200|body-invalid)$/, "a body full of $unit");
        is(put($_, 'shape', $text), 'signature-replayed',
           "a body full of $unit: again at n$_") for 2, 1;
    }
    is(put(2, 'shape', large(2, 'shape', '0')), 'rate-exceeded',
       'each has cost one unit');
}


# What the policy says of fields is told to who pays for it.
sub untold {
    my @fields = ('buyer.phone', map { "no.such$_" } 1 .. 60);
    my %told;

    for my $n (1 .. 8) {
        my $i = $n % 2 + 1;
        my $answer = $fleet->client($i, 'spy')->raw(
            large($i, 'spy', '0', fields => \@fields));

        $told{XC::Fleet::verdict($answer)} +=
            ($answer->{json}{fields} ? 1 : 0);
    }
    is_deeply(\%told, { 'field-unknown' => 4, 'rate-exceeded' => 0 },
              'fields are told of until the refusals are spent');
}


# All but the first are refused by what the store has said of it.
sub over {
    my $answers = sub {
        $fleet->client(1, '310115')->request('GET', '/status', { sign => 0 })
              ->{json}{fleet}{answers};
    };

    is(XC::Fleet::verdict($fleet->ask(1, 'over')), 200, 'one unit');
    my $before = $answers->();
    ok($before > 0, 'the store has answered so far');
    my $client = $fleet->client(1, 'over');
    my @text = map { large(1, 'over', '[]') } 1 .. $storm;
    my @verdicts = map { XC::Fleet::verdict(scalar $client->raw($_)) } @text;

    is_deeply(\@verdicts, [('rate-exceeded') x $storm],
              'over the limit: every body');
    my $asked = $answers->() - $before;
    ok($asked < $storm, "over the limit: the store was asked $asked times for"
                        . " $storm of them");
    is(XC::Fleet::verdict($fleet->ask(2, 'over')), 'rate-exceeded',
       'over the limit: another node asks');
}


# The word is good for a second: whose state is gone from the store is served.
sub told_again {
    is(XC::Fleet::verdict($fleet->ask(1, 'forgot')), 200, 'another unit');
    is(XC::Fleet::verdict($fleet->ask(1, 'forgot')), 'rate-exceeded',
       'which was all');
    my @keys = grep { /forgot/ } @{ $fleet->redis->command('KEYS', '*') };
    is(scalar @keys, 1, 'what the store knows of it');
    $fleet->redis->command('DEL', @keys);
    ok($fleet->node(1)->wait_for(sub {
           XC::Fleet::verdict($fleet->ask(1, 'forgot')) eq '200' }),
       'without it, it is served again');
}
