#!/usr/bin/env perl

# A back end whose answer is no answer of HTTP, or only the first half of one
# (1xx): nginx would hand on what it says as it stands, header fields of its own
# and all, an XC-Record too.  The client gets 502 with the record's own.

use strict;
use warnings;

use Test::More;

use XC::Chain;
use XC::Gate;
use XC::H2;
use XC::Nginx;

my $t = XC::Nginx->new;
my $policy = $t->policy(transport => 'any');
my $forged = 'n9:9;leaf=' . '9' x 64;
my $answer = "HTTP/1.1 200 OK\r\nXC-Record: $forged\r\nXC-Reply: final\r\n"
             . "Content-Length: 2\r\n\r\n{}";
my %say = (
    'bytes'                 => "\0\xff\x80" x 50,
    'a text'                => "no such merchant\r\n",
    'an empty line before'  => "\r\n$answer",
    'another version'       => $answer =~ s{1\.1 200}{2 200}r,
    'a status of four'      => $answer =~ s{200}{0200}r,
    'a status below 100'    => $answer =~ s{200}{099}r,
    '100 before'            => "HTTP/1.1 100 Continue\r\n\r\n$answer",
    '101'                   => "HTTP/1.1 101 Switching\r\n\r\n$answer",
    '103 before'            => "HTTP/1.1 103 Hints\r\nA: b\r\n\r\n$answer",
);

$t->gate_conf;
$t->run;
said($_) for sort keys %say;
whole($t, 'the log', seen => [], n => 2 * keys %say);
$t->finish;
done_testing;


sub said {
    my ($name) = @_;

    $t->backend->answer('*' => { raw => $say{$name} });

    my $client = $t->client(tls => 0);
    my $sock = $client->connect;
    $client->write($sock, $client->format('GET', $policy->query));
    my $bytes = '';
    1 while sysread $sock, $bytes, 65_536, length $bytes;
    is(index($bytes, 'n9:9'), -1, "$name: no record but the gate's");

    my ($head, $body) = $bytes =~ /\A(HTTP\/1\.1 .*?)\r\n\r\n(.*)\z/s;
    admitted($t, "$name: 502",
             $head ? XC::Client::_finish(XC::Client::_parse_head($head), $body)
                   : undef,
             status => 502, record => { decision => 'allow' });

    my $tls = $t->client;
    my ($fields) = $tls->_prepare('GET', $policy->query, {});
    my $got = XC::H2->new($tls)->headers([
        [':method', 'GET'], [':scheme', 'https'], [':path', $policy->query],
        [':authority', 'platform.example'],
        map { [lc $_->[0], $_->[1]] } @$fields], 1)->answer // {};
    is($got->{status}, 502, "$name: HTTP/2");
    unlike($got->{body} // '', qr/n9:9|200 OK/, "$name: HTTP/2, the body");
    $t->backend->forget;
}
