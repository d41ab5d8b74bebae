#!/usr/bin/env perl

# A back end whose answer is no answer of HTTP, or only the first half of one
# (1xx): nginx would hand on what it says as it stands, header fields of its own
# and all, an XC-Record too.  The client gets 502 with the record's own, and
# nobody the other half.

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
    'a status of nought'    => $answer =~ s{200}{000}r,
    '100 before'            => "HTTP/1.1 100 Continue\r\n\r\n$answer",
    '101'                   => "HTTP/1.1 101 Switching\r\n\r\n$answer",
    '103 before'            => "HTTP/1.1 103 Hints\r\nA: b\r\n\r\n$answer",
);

$t->gate_conf;
$t->run;
said($_) for sort keys %say;
whole($t, 'the log', seen => [], n => 2 * keys %say);
the_other_half();
half_a_part();
half_of_ours();
after_error_page($_) for '502', '502 =200';
trailers();
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

    my $got = h2();
    is($got->{status}, 502, "$name: HTTP/2");
    unlike($got->{body} // '', qr/n9:9|200 OK/, "$name: HTTP/2, the body");
    $t->backend->forget;
}


# nginx keeps the connection of an answer that has no body, and so that of a 1xx
# to HEAD or with a Content-Length: what follows is not the next one's answer.
sub the_other_half {
    my $policy = XC::Policy->new(transport => 'any');
    my %first = (HEAD => "HTTP/1.1 103 Hints\r\nA: b\r\n\r\n",
                 GET => "HTTP/1.1 100 Go on\r\nContent-Length: 0\r\n\r\n");

    push @{ $policy->operation('merchant')->{methods} }, 'HEAD';
    $t->policy($policy);
    fresh('proxy_pass http://kept; proxy_http_version 1.1;
           proxy_set_header Connection "";', '',
          'upstream kept { server %%BACKEND%%; keepalive 4; }');

    my $one = $t->client(tls => 0);
    my $other = $t->client(tls => 0, agency => '310000');
    for my $method (sort keys %first) {
        my $name = "$method, and the other half later";

        $t->backend->answer('*' => { first => $first{$method}, delay => 1,
            headers => [['X-Whose', 'one']], body => 'of one' });
        is($one->request($method, $policy->query)->{status}, 502,
           "$name: 502");
        $t->backend->answer('*' => { body => 'of the other' });
        my $answer = $other->request('GET', $policy->query);
        is($answer->{body}, 'of the other', "$name: the next has its own");
        is($answer->{headers}{'x-whose'}, undef, "$name: and its own fields");
    }
    $t->backend->forget;
}


# The same of what nginx adds to an answer by a subrequest.
sub half_a_part {
    my $kept = 'proxy_http_version 1.1; proxy_set_header Connection "";';

    fresh('proxy_pass http://kept; proxy_http_version 1.1;
           add_after_body /part; addition_types *;',
          "location = /part { internal; proxy_pass http://kept; $kept }",
          'upstream kept { server %%BACKEND%%; keepalive 4; }');
    $t->backend->answer('*' => { body => 'of the other' });
    $t->backend->answer('/part' => { delay => 1, body => 'of one',
        first => "HTTP/1.1 103 Hints\r\nContent-Length: 0\r\n\r\n" });

    like($t->client(tls => 0)->request('GET', $policy->query)->{body},
         qr/502 Bad Gateway/, 'half a part: refused');
    my $other = $t->client(tls => 0, agency => '310000');
    like($other->request('GET', $policy->query)->{body}, qr/^of the other/,
         'half a part: the next has its own');
    $t->backend->answer('/part');
    $t->backend->forget;
}


# The same of locations without a gate that have the same back end, also where
# nginx gives the answer up before any filter sees it.
sub half_of_ours {
    my $kept = 'proxy_pass http://kept; proxy_http_version 1.1;
                proxy_set_header Connection "";';

    fresh($kept,
          "location = /ours { xc off; $kept }
           location = /part { internal; $kept }
           location = /asks { xc off; auth_request /part; root /dev/null; }
           location = /accel { xc off; $kept }
           location = /after { xc off; root /; post_action /part; }
           location = /sliced { xc off; slice 100; $kept
               proxy_set_header Range \$slice_range; }
           location = /page { internal; return 200 page; }",
          'upstream kept { server %%BACKEND%%; keepalive 4; }');

    my %more = ('/accel' => "X-Accel-Redirect: /page\r\n");
    for my $path ('/ours', '/asks', '/accel', '/after', '/sliced') {
        my $more = $more{$path} // '';
        my $half = { delay => 1, body => 'of one', first =>
            "HTTP/1.1 103 Hints\r\n${more}Content-Length: 0\r\n\r\n" };

        $t->backend->answer('*' => $half);
        $t->backend->answer('/sliced' => { status => 206, body => 'x' x 100,
            headers => [['Content-Range', 'bytes 0-99/200']] });
        $t->backend->answer('bytes=100-199' => $half);
        $t->client(tls => 0)->request('GET', $path, { sign => 0 });
        $t->wait_for(sub { $t->backend->count == 1 + ($path eq '/sliced') });
        $t->backend->answer('*' => { body => 'of the other' });
        my $other = $t->client(tls => 0, agency => '310000');
        is($other->request('GET', $policy->query)->{body}, 'of the other',
           "half an answer to $path: the next has its own");
        $t->backend->forget;
    }
}


# A second back end, asked because the first one is not there.
sub after_error_page {
    my ($codes) = @_;
    my $name = "error_page $codes";

    fresh("proxy_pass http://127.0.0.1:%%PORT_nobody%%;
           error_page $codes \@second;",
          'location @second { xc enforce; xc_policy %%POLICY%%;
               proxy_pass http://%%BACKEND%%;
               include %%ROOT%%/conf/xc_proxy_params; }');
    $t->backend->answer('*' => { raw => $say{'103 before'} });

    my $client = $t->client(tls => 0);
    my $sock = $client->connect;
    $client->write($sock, $client->format('GET', $policy->query));
    my $bytes = '';
    1 while sysread $sock, $bytes, 65_536, length $bytes;
    is(index($bytes, 'n9:9'), -1, "$name: nothing follows the first half");
    like($bytes, qr/^XC-Record: n1:/m, "$name: the record's own");
    $t->backend->forget;
}


# Those of gRPC come after the header, from where what is ours is taken.
sub trailers {
    for my $ours (0, 1) {
        my $fields = $ours ? "add_trailer XC-Record '$forged' always;
                              add_trailer XC-Request forged always;"
                           : 'add_trailer X-Other seen always;';

        fresh('grpc_pass grpc://127.0.0.1:%%PORT_grpc%%;', '',
              "server { listen 127.0.0.1:%%PORT_grpc%% http2;
                   location / { $fields return 200 hello; } }");
        my $answer = h2();
        is($answer->{body}, 'hello', "trailers $ours: answered");
        is(length $answer->{trailers} ? 1 : 0, $ours ? 0 : 1,
           'trailers: ' . ($ours ? 'not with our names' : 'come through'));
    }
}


sub h2 {
    my $tls = $t->client;
    my ($fields) = $tls->_prepare('GET', $policy->query, {});

    return XC::H2->new($tls)->headers([
        [':method', 'GET'], [':scheme', 'https'], [':path', $policy->query],
        [':authority', 'platform.example'],
        map { [lc $_->[0], $_->[1]] } @$fields], 1)->answer // {};
}


# A gate that passes on so; more of its server, and of http.
sub fresh {
    my ($pass, $server, $http) = @_;

    $http //= '';
    $t->stop;
    $t->conf(<<"END");
%%GLOBALS%%
http {
    %%HTTP%%
    xc_state %%STATE%%;
    xc_audit node=n1;
    $http
    server {
        listen 127.0.0.1:%%PORT_https%% ssl http2;
        listen 127.0.0.1:%%PORT_http%%;
        server_name platform.example;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        location / {
            xc enforce;
            xc_policy %%POLICY%%;
            $pass
            include %%ROOT%%/conf/xc_proxy_params;
        }
        $server
    }
}
END
    $t->run;
}
