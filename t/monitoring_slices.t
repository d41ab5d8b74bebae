#!/usr/bin/perl

# The status of many agencies goes out in slices: whole and in order whatever
# takes it, and however slowly; a client that leaves meanwhile does no harm, nor
# does a reload.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(sleep);

use XC::Metrics;
use XC::Nation;
use XC::Nginx;

my $AGENCIES = 900;
my $t = XC::Nginx->new;

nation($AGENCIES);
$t->gate_conf(
    http => 'gzip_types text/plain application/json;',
    servers => 'server { listen 127.0.0.1:%%PORT_narrow%% sndbuf=8k;'
               . ' server_name platform.example; location = /stuck {'
               . ' send_timeout 1ms; xc_status prometheus agencies; } }',
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
reloaded();
stuck();

$t->finish;
done_testing;


sub nation {
    my ($n) = @_;

    $t->policy(XC::Nation->new($t, '--seed', 'slices', '--few-keys',
                               '--agencies', $n, '--credentials', $n));
}


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


# A worker that shuts down while it answers ends no answer before its end.
sub reloaded {
    my $go = $t->write_file('scraping', '');
    my @kinds = ('http', 'http', 'h2');

    nation(3000);
    ok($t->reload, 'a policy of 3000');

    my @pids;
    for my $i (0 .. $#kinds) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            my %n = (whole => 0, cut => 0);
            my $scrape = $kinds[$i] eq 'h2' ? \&scrape_h2 : \&scrape;
            while (-e $go) {
                my $how = $scrape->();
                $n{$how}++ if $how;
            }
            $t->write_file("scraped$i", "$n{whole} $n{cut}");
            POSIX::_exit(0);
        }
        push @pids, $pid;
    }

    my $reloads = grep { $t->reload } 1 .. 10;
    unlink $go;
    waitpid $_, 0 for @pids;
    is($reloads, 10, 'reloads amid the scrapes');
    for my $i (0 .. $#kinds) {
        my ($whole, $cut) = split ' ', $t->read_file("scraped$i");
        cmp_ok($whole, '>', 0, "scrapes by $kinds[$i]: $whole");
        is($cut, 0, 'none is cut off');
    }
    ok($t->reload(wait => 'exit'), 'and the old workers end');
}


# '' where no answer was begun: the connection was not taken.
sub scrape {
    my $text = '';
    my $sock = IO::Socket::INET->new("127.0.0.1:$http") or return '';

    print $sock "GET /metrics HTTP/1.1\r\nHost: platform.example\r\n"
                . "Connection: close\r\n\r\n";
    $sock->flush;
    1 while sysread $sock, $text, 1 << 20, length $text;
    return $text eq '' ? '' : $text =~ /\r\n0\r\n\r\n\z/ ? 'whole' : 'cut';
}


sub scrape_h2 {
    my $text = curl("-k --http2 https://127.0.0.1:$https/metrics");

    return $text eq '' ? '' : $? == 0 ? 'whole' : 'cut';
}


# A client that takes nothing for send_timeout, with a slice on its way.
sub stuck {
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die $!;
    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, 4096;
    connect $sock, Socket::pack_sockaddr_in($t->port('narrow'),
                                            Socket::inet_aton('127.0.0.1'))
        or die $!;
    print $sock "GET /stuck HTTP/1.1\r\nHost: platform.example\r\n\r\n";
    $sock->flush;
    ok($t->wait_log(qr/client timed out.*stuck/),
       'a client that does not read is let go');
}
