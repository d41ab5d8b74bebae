#!/usr/bin/perl

# The harness and the test client themselves, against nginx without a gate:
# what the other tests rely on.

use strict;
use warnings;

use Crypt::PK::Ed25519;
use MIME::Base64 qw(decode_base64);
use Test::More;

use XC::Client;
use XC::Nginx;

my $t = XC::Nginx->new;

published_signatures();

$t->conf(<<'END');
%%GLOBALS%%
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT_https%% ssl http2;
        listen 127.0.0.1:%%PORT_http%%;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        add_header X-Generation 1;
        location / { proxy_pass http://%%BACKEND%%; }
        location /own { return 200 own; }
    }
}
END
$t->run;

my $policy = $t->policy;
my $client = $t->client;
my $backend = $t->backend;

proxies($client, 'request', 'https');
proxies($client, 'http2', 'h2');
proxies($t->client(tls => 0), 'request', 'http');
bodies();
answers();
raw();
reloads();
refused_conf();

$t->finish;
done_testing;


# RFC 9421 B.2.5 and B.2.6
sub published_signatures {
    my $ed = Crypt::PK::Ed25519->new(\decode_base64(
        'MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF'));
    my $secret = decode_base64('uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4'
                               . 'XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==');
    my @headers = (['Date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
                   ['Content-Type', 'application/json'],
                   ['Content-Length', '18']);
    my $signature = sub {
        my (%sign) = @_;
        my $c = XC::Client->new(port => 0, authority => 'example.com');
        my @out = $c->signed_headers('POST', '/foo?param=Value&Pet=dog',
            \@headers, '{"hello": "world"}',
            { digest => undef, created => 1618884473, nonce => undef, %sign });
        return $out[-1][1];
    };

    is($signature->(label => 'sig-b26',
           key => { keyid => 'test-key-ed25519', alg => 'ed25519', pk => $ed },
           components => ['date', '@method', '@path', '@authority',
                          'content-type', 'content-length']),
       'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9ED'
       . 'gwUPiu4A0w6vuQv5lIp5WPpBKRCw==:', 'RFC 9421 B.2.6, Ed25519');
    is($signature->(label => 'sig-b25',
           key => { keyid => 'test-shared-secret', alg => 'hmac-sha256',
                    secret => $secret },
           components => ['date', '@authority', 'content-type']),
       'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
       'RFC 9421 B.2.5, HMAC');
    is(XC::Client::content_digest('sha-256', '{"hello": "world"}'),
       'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
       'RFC 9530 B.1');
}


sub proxies {
    my ($c, $how, $name) = @_;

    $backend->forget;
    my $answer = $c->$how('GET', $policy->query);
    is($answer->{status}, 200, "$name: answered");
    is_deeply($answer->{json}, { ok => JSON::PP::true }, "$name: body");

    my $seen = $backend->last_request;
    is($seen->{target}, $policy->query, "$name: target as sent");
    like($seen->{h}{'signature-input'}, qr/^sig1=\("\@method" "\@authority" "\@path" "\@query"\);created=\d+;keyid="310115-2026a";nonce="\w+"$/,
         "$name: signed");
    is($backend->count, 1, "$name: one request");
}


sub bodies {
    for my $how (qw(request http2)) {
        $backend->forget;
        $client->$how('POST', '/xc/v1/requests', { body => $policy->body });
        my $seen = $backend->last_request;
        is($seen->{body}, $policy->body, "$how: the body arrives");
        is($seen->{h}{'content-digest'},
           XC::Client::content_digest('sha-256', $policy->body),
           "$how: with its digest");
    }

    $client->request('POST', '/chunked', { body => 'abcdefg', sign => 0,
                                           chunked => [1, 2] });
    is($backend->last_request->{body}, 'abcdefg', 'chunked');
    is($backend->last_request->{h}{signature}, undef, 'unsigned');
}


sub answers {
    $backend->answer('/a' => { status => 418, body => 'short and stout',
                               headers => [['X-A', 'b'], ['X-A', 'c']],
                               chunked => 1 });
    my $answer = $client->request('GET', '/a?b');
    is($answer->{status}, 418, 'status of the answer');
    is($answer->{headers}{'x-a'}, 'b, c', 'its headers');
    is($answer->{body}, 'short and stout', 'its body');

    $backend->answer('/a' => undef);
    is($client->request('GET', '/a')->{status}, 200, 'the default again');

    $backend->answer('/drop' => { drop => 1 });
    is($client->request('GET', '/drop')->{status}, 502, 'dropped');
}


sub raw {
    my $get = $client->format('GET', '/own', { keepalive => 1, sign => 0 });
    my @answers = $client->raw($get x 3, 3);
    is(join(',', map { $_->{body} } @answers), 'own,own,own', 'pipelined');
    is($client->raw("GARBAGE\r\n\r\n")->{status}, 400, 'no request at all');
}


sub reloads {
    my $conf = $t->read_file('nginx.conf');
    my ($old) = $t->worker_pids;

    $t->write_file('nginx.conf', $conf =~ s/Generation 1/Generation 2/r);
    ok($t->reload(wait => 'exit'), 'reloaded');
    isnt(($t->worker_pids)[0], $old, 'another worker');
    is($client->request('GET', '/own')->{headers}{'x-generation'}, 2,
       'the new configuration serves');
}


sub refused_conf {
    my ($status, $out) = $t->test_conf("%%GLOBALS%%\nhttp { nonsense; }\n");
    is($status, 1, 'nginx -t refuses');
    like($out, qr/unknown directive "nonsense"/, 'and says why');
    ($status) = $t->test_conf;
    is($status, 0, 'nginx -t accepts the running one');
}
