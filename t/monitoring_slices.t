#!/usr/bin/perl

# The status of many agencies goes out in slices: whole and in order whatever
# takes it, and however slowly; a client that leaves meanwhile does no harm.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(sleep);

use XC::Metrics;
use XC::Nation;
use XC::Nginx;

my $AGENCIES = 900;
my $t = XC::Nginx->new;

$t->policy(XC::Nation->new($t, '--seed', 'slices', '--agencies', $AGENCIES,
                           '--credentials', $AGENCIES));
$t->gate_conf(
    http => 'gzip_types text/plain application/json;',
    server => join '', map { "location = /$_->[0] { $_->[1] }\n" }
              ['metrics', 'xc_status prometheus agencies;'],
              ['json', 'xc_status json agencies;'],
              ['page', 'xc_status html agencies;'],
              ['few', 'xc_status prometheus;'],
              ['gz', 'gzip on; xc_status prometheus agencies;'],
              ['slowly', 'limit_rate 400k; xc_status json agencies;'],
              ['unbuffered', 'postpone_output 0; sendfile off;'
               . ' xc_status prometheus agencies;']);
$t->run;

my $http = $t->port('http');
my $https = $t->port('https');

whole();
slow();
gone();
together();

$t->finish;
done_testing;


sub curl { return scalar `curl -s -m 60 @_` }


sub agencies_of {
    my ($text) = @_;
    my $m = XC::Metrics->new($text);

    return $m->faults ne '' ? substr $m->faults, 0, 300
           : scalar grep { $_->{name} eq 'xc_agency_admitted_total' } $m->series;
}


sub whole {
    my $size = length curl("http://127.0.0.1:$http/metrics");

    cmp_ok($size, '>', 4 * 65536, "$size bytes are several slices");
    is(agencies_of(curl($_)), $AGENCIES, "$_: every agency once")
        for "http://127.0.0.1:$http/metrics",
            "--http1.0 http://127.0.0.1:$http/metrics",
            "http://127.0.0.1:$http/unbuffered",
            "-k https://127.0.0.1:$https/metrics",
            "-k --http1.1 https://127.0.0.1:$https/metrics",
            "--compressed http://127.0.0.1:$http/gz",
            "-k --compressed https://127.0.0.1:$https/gz";
    cmp_ok(length curl("-H 'Accept-Encoding: gzip' http://127.0.0.1:$http/gz"),
           '<', $size / 8, 'gzip makes it small');

    my $json = decode_json(curl("http://127.0.0.1:$http/json"));
    my %id = map { $_->{agency} => 1 } @{ $json->{agencies} };
    is(scalar keys %id, $AGENCIES, 'the JSON is one, and has them all');
    my $rows = () = curl("http://127.0.0.1:$http/page")
                    =~ m{<tr><th scope="row"><code>}g;
    is($rows, $AGENCIES, 'so has the page');

    my $head = curl("-I http://127.0.0.1:$http/metrics");
    like($head, qr{^HTTP/1\.1 200 }, 'HEAD');
    unlike($head, qr/content-length/i, 'which knows no length');
    like(curl("-I http://127.0.0.1:$http/few"), qr/content-length: \d{4,}/i,
         'but of what fits one slice');

    my $two = curl("http://127.0.0.1:$http/metrics",
                   "http://127.0.0.1:$http/few");
    is(() = $two =~ /^xc_build_info/mg, 2, 'the connection serves another');
}


# A window so small that every slice has to wait.
sub slow {
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die $!;
    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, 4096;
    connect $sock, Socket::pack_sockaddr_in($http,
                                            Socket::inet_aton('127.0.0.1'))
        or die $!;
    print $sock "GET /metrics HTTP/1.0\r\nHost: platform.example\r\n\r\n";
    $sock->flush;
    my $text = '';
    for (1 .. 1000) {
        sysread $sock, $text, 16384, length $text or last;
        sleep 0.002 if $_ < 100;
    }
    1 while sysread $sock, $text, 65536, length $text;
    is(agencies_of($text =~ s/.*?\r\n\r\n//sr), $AGENCIES,
       'a slow reader gets it whole');

    my $json = decode_json(curl("http://127.0.0.1:$http/slowly"));
    is(scalar @{ $json->{agencies} }, $AGENCIES, 'so it is with limit_rate');
}


sub gone {
    for my $path (qw(metrics gz json)) {
        my $sock = IO::Socket::INET->new("127.0.0.1:$http") or die $!;
        print $sock "GET /$path HTTP/1.1\r\nHost: platform.example\r\n"
                    . "Accept-Encoding: gzip\r\n\r\n";
        $sock->flush;
        sysread $sock, my $some, 1000;
        setsockopt $sock, SOL_SOCKET, Socket::SO_LINGER(), pack 'ii', 1, 0;
        close $sock;
    }
    curl("-k -m 0.02 https://127.0.0.1:$https/metrics");
    like(curl("http://127.0.0.1:$http/few"), qr/^xc_audit_writable 1$/m,
         'clients that leave do no harm');
}


sub together {
    my @files = map { $t->path("out$_") } 1 .. 6;

    system('curl -sSk --no-progress-meter --http2 --parallel --parallel-immediate '
           . join ' ', map { "-o $_ https://127.0.0.1:$https/metrics" } @files);
    is(join(' ', map { agencies_of($t->read_file($_)) } @files),
       join(' ', ($AGENCIES) x 6), 'six at a time on one connection');
}
