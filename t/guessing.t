#!/usr/bin/env perl

# Floods of one address, before anything is looked at (docs/operations.md): the
# lines of conf/nginx.conf stop them in front of the gate, which neither records
# nor counts them, and nobody else is held up.

use strict;
use warnings;

use JSON::PP;
use Test::More;

use XC::Gate;
use XC::Nginx;

my $FLOOD = 300;
my $BURST = 20;
my $t = XC::Nginx->new;
my $policy = $t->policy(transport => 'any');
my ($zone, $gate) = sample();

$t->gate_conf(http => $zone, location => $gate, server =>
    'location = /status { xc off; xc_status; }');
$t->run;

my $noise = $t->client(tls => 0, keepalive => 1);
my $good = $t->client(tls => 0, local => '127.0.0.2');
my $here = $t->client(tls => 0);
my %unsigned = (sign => 0);
my %seen;

admitted($t, 'before', $good->request('GET', $policy->query));
for (1 .. $FLOOD) {
    my $answer = $noise->request('GET', $policy->query, \%unsigned);

    $seen{ $answer->{status} }++;
    push @{ $seen{ours} }, $answer if $answer->{status} == 429
        && ($answer->{headers}{'content-type'} // '') =~ /problem/;
}

is($seen{401}, $BURST + 1, 'so many come to the gate');
is($seen{429}, $FLOOD - $BURST - 1, 'the others do not');
is($seen{ours}, undef, 'it is not the gate that answers them');

my $bytes = $here->format('GET', $policy->query);
is($here->raw($bytes)->{status}, 429, 'nor one with a signature from there');
admitted($t, 'another address is not held up',
         $good->request('GET', $policy->query));
admitted($t, 'the same signature from another address passes: it was not'
         . ' burned', scalar $good->raw($bytes));

my $status = $good->request('GET', '/status', \%unsigned)->{json};
is($status->{refused}{'credential-missing'}, $BURST + 1,
   'the gate has counted what came to it');
is($status->{counters}{admitted}, 3, 'and admitted');
is(scalar(decisions($t)), $BURST + 1 + 3, 'and recorded as many');
like($t->error_log, qr/limiting requests, excess: \S+ by zone "xc_address"/,
     'the error log names the zone');

chain_whole($t);
$t->finish;
done_testing;


# conf/nginx.conf's own lines, with numbers that a test can reach.
sub sample {
    my $file = $t->root . '/conf/nginx.conf';
    open my $fh, '<', $file or die "$file: $!";
    my $text = do { local $/; <$fh> };
    my ($http) = $text =~ /^( *limit_req_zone .*;)$/m;
    my @location = $text =~ /^( *limit_req(?:_status|_log_level)? .*;)$/mg;

    is(scalar @location, 3, 'conf/nginx.conf has the lines');
    is($http =~ s{rate=\d+r/s}{rate=1r/m}, 1, 'and a rate');
    is(grep({ s/burst=\d+/burst=$BURST/ } @location), 1, 'and a burst');
    return ($http, join ' ', @location);
}
