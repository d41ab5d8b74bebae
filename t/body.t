#!/usr/bin/perl

# The body: wherever nginx keeps it and however it comes, what was signed is
# what is checked, and what the back end gets, byte for byte.

use strict;
use warnings;
use utf8;

use List::Util qw(shuffle);
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(time);

use XC::Client;
use XC::Gate;
use XC::H2;
use XC::Nginx;
use XC::Policy;
use XC::Shim;

my $t = XC::Nginx->new;
my $shim = XC::Shim->new($t);
my $policy = $t->policy(transport => 'any');
my $submit = '/xc/v1/requests';
my %bodies;

# the same keys, but signatures that live for a minute
my $brief = { %{ $policy->data }, policy => 'brief',
              signature => { max_age => 60, max_skew => 30 } };
XC::Policy::write(bless({ data => $brief }, 'XC::Policy'),
                  $t->path('brief.json'));

$t->gate_conf(
    http => 'upstream second { server 127.0.0.1:%%PORT_nobody%%;'
            . ' server %%BACKEND%%; }',
    servers => join '', map { server(@$_) } (
        [file   => 'client_body_in_file_only on;'],
        [small  => 'client_body_buffer_size 1k;'],
        [single => 'client_body_in_single_buffer on;'
                   . ' client_body_buffer_size 16k;'],
        [direct => 'proxy_request_buffering off; proxy_http_version 1.1;'],
        [retry  => '', 'second'],
        [limit  => 'xc_body_size 4k; client_max_body_size 6k;'],
        [hasty  => 'client_body_timeout 1s;'],
        [brief  => 'xc_policy %%PREFIX%%/brief.json;'
                   . ' client_body_buffer_size 1k;'],
    ));
$shim->run;

my $https = $t->client;
my $http = $t->client(tls => 0);

delivered();
files();
limits();
nothing();
digests();
unread();
aborted();
malformed();
lengths();
http2_frames();
in_flight();
timeout();
late();

chain_whole($t);
$t->finish;
done_testing;


# One more gate, with these directives.
sub server {
    my ($name, $directives, $upstream) = @_;

    $upstream //= '%%BACKEND%%';
    my $policy = $directives =~ /xc_policy/ ? '' : 'xc_policy %%POLICY%%;';
    return <<"END_SERVER";
    server {
        listen 127.0.0.1:%%PORT_$name%%;
        location / {
            xc enforce;
            $policy
            $directives
            proxy_pass http://$upstream;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END_SERVER
}


sub client_of { $t->client(tls => 0, port => $t->port($_[0])) }


# A valid body of that many bytes, none of them like its neighbours'.
sub body_of {
    my ($size) = @_;

    return $bodies{$size} if $bodies{$size};
    my $empty = length $policy->body(note => '');
    my $i = 0;
    my $note = '';

    $note .= sprintf '%x.', $i++ while length $note < $size - $empty;
    my $body = $policy->body(note => substr $note, 0, $size - $empty);
    length $body == $size or die "a body of $size";
    return $bodies{$size} = $body;
}


# Where a body lies, how it is cut, how large it is: it arrives whole.
sub delivered {
    my @sizes = (700, 1023, 1024, 1025, 4096, 16_384, 16_385, 65_537, 120_000);
    my @cuts = (1, [1, 2, 3, 5, 8, 13], [1023, 1, 1024], [4095, 1, 2],
                [(97) x 100]);

    for my $where (qw(http file small single direct retry)) {
        my $client = client_of($where);
        for my $i (0 .. $#sizes) {
            my $size = $sizes[$i];
            for my $cut (undef, $cuts[$i % @cuts]) {
                my $name = "$where, $size bytes, "
                           . (!$cut ? 'a length' : ref $cut
                              ? "chunks of @$cut[0, 1]..." : 'one chunk');
                delivers($name, $client, 'request', $size, $cut);
            }
        }
    }
    for my $size (700, 16_385, 120_000) {
        delivers("HTTP/2, $size bytes", $https, 'http2', $size);
    }
    delivers('TLS, 65,537 bytes', $https, 'request', 65_537);

    # every chunk one byte
    delivers('chunks of one byte', $http, 'request', 900, [(1) x 900]);
}


sub delivers {
    my ($name, $client, $how, $size, $cut) = @_;
    my $body = body_of($size);
    my $answer = $client->$how('POST', $submit,
                               { body => $body, chunked => $cut });
    my $digest = XC::Client::content_digest('sha-256', $body);
    my $seen = admitted($t, $name, $answer,
                        record => { content_digest => $digest })->{seen};

    ok(defined $seen->{body} && $seen->{body} eq $body
       && !$seen->{partial}, "$name: arrives as signed");
}


# That the servers above did put bodies where they were told to.
sub files {
    my @files = glob $t->path('client_body') . '/*';

    cmp_ok(scalar @files, '>=', 18, 'bodies lay in files');
    $t->wait_log(qr/a client request body is buffered to a temporary file/);
    like($t->error_log, qr/body is buffered to a temporary file .*client_body/,
         'and in files where the buffer was too small');
}


# xc_body_size 4k, client_max_body_size 6k
sub limits {
    my $client = client_of('limit');
    my $detail = qr/limit is 4096 octets/;

    for my $cut (undef, 1, [1000, 1000]) {
        my $how = $cut ? ref $cut ? 'chunks' : 'a chunk' : 'a length';
        delivers("at the limit, $how", $client, 'request', 4096, $cut);
        refused($t, "one over the limit, $how",
                $client->request('POST', $submit,
                                 { body => body_of(4097), chunked => $cut }),
                'body-too-large', detail => $detail);
    }

    # the length alone refuses: the body has not been sent
    my $bytes = $client->format('POST', $submit, { body => body_of(5000) });
    refused($t, 'a length over the limit, without the body',
            scalar $client->raw($bytes =~ s/\r\n\r\n\K.*//sr),
            'body-too-large', detail => $detail);

    # nginx's limit, named by a length, stands before any module
    my $before = () = decisions($t);
    my $answer = $client->request('POST', $submit, { body => body_of(6145) });
    is($answer->{status}, 413, 'a length over nginx\'s limit: 413');
    is(scalar(() = decisions($t)), $before, 'which is not the gate\'s');

    # met within the body, it ends a request that the gate had taken up
    $answer = $client->request('POST', $submit,
                               { body => body_of(9000), chunked => [100] });
    ended('chunks over nginx\'s limit', $answer, 413, 'body-too-large');

    # anyone may learn the limit, but only an agency by sending a body
    refused($t, 'over the limit, unsigned',
            $client->request('POST', $submit,
                             { body => body_of(4097), sign => 0 }),
            'credential-missing');
    refused($t, 'the length before the type',
            $client->request('POST', $submit,
                { body => body_of(4097),
                  headers => [['Content-Type', 'text/plain']] }),
            'body-too-large');
}


# What nginx's body reader ended: its answer, our record, and nothing at the
# back end.
sub ended {
    my ($name, $answer, $status, $reason) = @_;

    if (defined $status) {
        is($answer ? $answer->{status} : 'none', $status, "$name: $status");
        is($answer->{headers}{'cache-control'}, 'no-store',
           "$name: not to be stored") if $answer && %{ $answer->{headers} };
    }
    my $r = decision($t, sub { !$_[0]{' taken'} && $_[0]{decision} eq 'deny' });
    $r->{' taken'} = 1 if $r;
    is($r ? $r->{reason} : 'no record', $reason, "$name: recorded as $reason");
    is($r ? $r->{agency} : undef, '310115', "$name: of its agency");
    is($t->backend->count, 0, "$name: the back end saw nothing");
    return $r;
}


sub nothing {
    refused($t, 'a chunked body of nothing',
            $http->request('POST', $submit, { body => '', chunked => 1 }),
            'body-missing');
    refused($t, 'an empty body over HTTP/2',
            $https->http2('POST', $submit, { body => '' }), 'body-missing');
    refused($t, 'a body of one byte',
            $http->request('POST', $submit, { body => '{' }), 'body-invalid');
    refused($t, 'a chunked body of nothing, in a file',
            client_of('file')->request('POST', $submit,
                                       { body => '', chunked => 1 }),
            'body-missing');
}


sub digests {
    my $body = body_of(2000);
    my $long = body_of(40_000);
    my $sha256 = XC::Client::content_digest('sha-256', $body);
    my $sha512 = XC::Client::content_digest('sha-512', $body);
    my $other = XC::Client::content_digest('sha-512', "$body ");
    my %good = (
        'sha-512' => 'sha-512', 'both' => "$sha256, $sha512",
        'one that is unknown beside' => "md5=:AAAA:, $sha256",
        'an unknown one that is no bytes' => "unixsum=30637, $sha256",
    );
    my %bad = (
        'of another body' => XC::Client::content_digest('sha-256', "$body "),
        'one of two is wrong' => "$sha256, $other",
        'the other of two is wrong' =>
            XC::Client::content_digest('sha-256', '') . ", $sha512",
        'twice' => "$sha256, $sha256",
        'unknown alone' => 'md5=:XrY7u+Ae7tCTyyK7j1rNww==:',
        'no bytes' => 'sha-256="' . encode_base64('x' x 32, '') . '"',
        'short' => 'sha-256=:AAAA:',
        'long' => 'sha-256=:' . encode_base64('x' x 33, '') . ':',
        'empty bytes' => 'sha-256=::',
        'with a parameter' => "$sha256;x=1",
        'hexadecimal' => 'sha-256=' . 'ab' x 32,
        'of RFC 3230' => 'SHA-256=' . ($sha256 =~ /:(.*):/)[0],
        'empty' => '',
        'too long' => join(', ', $sha256, map { "x$_=:AAAA:" } 1 .. 400),
    );

    for my $name (sort keys %good) {
        my $seen = admitted($t, "digest: $name",
            $http->request('POST', $submit,
                           { body => $body,
                             sign => { digest => $good{$name} } }))->{seen};
        is($seen->{body}, $body, "digest: $name: arrives");
    }
    for my $name (sort keys %bad) {
        refused($t, "digest: $name",
                $http->request('POST', $submit,
                    { body => $body, sign => { digest => $bad{$name} } }),
                'digest-mismatch');
    }

    # one bit, wherever the body lies
    for my $where (qw(http file small single direct)) {
        for my $at (0, 1024, length($long) - 1) {
            my $altered = $long;
            substr($altered, $at, 1) ^= "\x01";
            refused($t, "$where: another byte $at",
                    client_of($where)->request('POST', $submit,
                        { body => $altered,
                          sign => { digest_body => $long } }),
                    'digest-mismatch');
        }
    }
    refused($t, 'HTTP/2: another byte',
            $https->http2('POST', $submit,
                { body => $long, sign => { digest_body => "$long " } }),
            'digest-mismatch');
    refused($t, 'a body cut at its length',
            $http->request('POST', $submit,
                           { body => $body, length => 1999 }),
            'digest-mismatch');

    # the digest is looked at before the nonce: the same signature passes with
    # the body that it was made for
    my %once = (nonce => 'digest-first', digest_body => $body);
    refused($t, 'the wrong body under a nonce',
            $http->request('POST', $submit,
                           { body => "$body ", sign => \%once }),
            'digest-mismatch');
    admitted($t, 'the right body under the same nonce',
             $http->request('POST', $submit,
                            { body => $body, sign => \%once }));
}


# Whoever is not known gets the answer before the body has been sent.
sub unread {
    my $body = body_of(200_000);
    my %o = (body => $body, keepalive => 1);
    my $without = sub {
        return scalar $http->raw($http->format('POST', $submit, $_[0])
                                 =~ s/\r\n\r\n\K.*//sr);
    };

    refused($t, 'unsigned, the body still to come',
            $without->({ %o, sign => 0 }), 'credential-missing');
    refused($t, 'unsigned, chunks still to come',
            $without->({ %o, sign => 0, chunked => 1 }), 'credential-missing');
    refused($t, 'a bad signature, the body still to come',
            $without->({ %o, sign => { raw_sig => sub { 'x' x 64 } } }),
            'signature-invalid');
    refused($t, 'no digest covered, the body still to come',
            $without->({ %o, sign => { components =>
                [qw(@method @authority @path content-type)] } }),
            'signature-incomplete', detail => qr/content-digest/);
    refused($t, 'no such operation, the body still to come',
            scalar $http->raw($http->format('POST', '/other', \%o)
                              =~ s/\r\n\r\n\K.*//sr), 'operation-unknown');
    refused($t, 'another type, the body still to come',
            $without->({ %o, headers => [['Content-Type', 'text/xml']] }),
            'media-type-unsupported');
}


# A client that leaves while its body is on the way.
sub aborted {
    my $body = body_of(30_000);

    for my $where (qw(http file small)) {
        for my $cut (undef, [1000]) {
            my $client = client_of($where);
            my $bytes = $client->format('POST', $submit,
                                        { body => $body, chunked => $cut });
            my $sock = $client->connect;
            $client->write($sock, substr $bytes, 0, 20_000);
            close $sock;
            ended("$where: gone within "
                  . ($cut ? 'the chunks' : 'the body'), undef, undef,
                  'client-gone');
        }
    }

    my $bytes = $http->format('POST', $submit, { body => $body });
    my $sock = $http->connect;
    $http->write($sock, $bytes =~ s/\r\n\r\n\K.*//sr);
    close $sock;
    ended('gone before the body', undef, undef, 'client-gone');

    $sock = $https->connect;
    $https->write($sock, substr $bytes, 0, 10_000);
    $https->leave($sock);
    ended('gone within TLS', undef, undef, 'client-gone');

    # a connection that is closed for writing has no more of the body
    $sock = $http->connect;
    $http->write($sock, substr $bytes, 0, 20_000);
    shutdown $sock, 1;
    my $answer = $http->read_answer($sock, 'POST');
    ended('closed for writing within the body', undef, undef, 'client-gone');
    isnt($answer ? $answer->{status} : 'none', 200, 'and not answered so');
}


sub malformed {
    my $body = body_of(700);
    my %bad = (
        'no number' => "zz\r\n$body\r\n0\r\n\r\n",
        'a number too large' => "ffffffffffffffffff\r\n$body\r\n0\r\n\r\n",
        'a negative number' => "-1\r\n$body\r\n0\r\n\r\n",
        'a chunk too long' => sprintf("%x\r\n%sX\r\n0\r\n\r\n", 700, $body),
        'a bad second chunk' =>
            sprintf("%x\r\n%s\r\nq\r\n\r\n", 700, $body),
    );

    for my $where (qw(http small)) {
        my $client = client_of($where);
        for my $name (sort keys %bad) {
            my $bytes = $client->format('POST', $submit,
                                        { body => $body, chunked => 1 });
            $bytes =~ s/\r\n\r\n\K.*/$bad{$name}/s;
            ended("$where, chunks: $name", scalar $client->raw($bytes), 400,
                  'body-invalid');
        }
    }

    # nginx takes the line feed alone for a chunk's end: the digest does not
    my %chunked = (body => $body, chunked => 1);
    my $short = $http->format('POST', $submit, \%chunked);
    $short =~ s/\r\n\r\n\K.*/sprintf "%x\r\n%s\r\n0\r\n\r\n", 700,
                             substr $body, 1/se;
    refused($t, 'chunks: a chunk too short', scalar $http->raw($short),
            'digest-mismatch');

    # allowed by RFC 9112 7.1.1 and 7.1.2, and not a part of the body
    my $bytes = $http->format('POST', $submit, \%chunked);
    $bytes =~ s/\r\n\r\n\K.*/sprintf "%x;x=y\r\n%s\r\n0\r\n\r\n", 700,
                             $body/se;
    is(admitted($t, 'a chunk extension', scalar $http->raw($bytes))
       ->{seen}{body}, $body, 'is not a part of the body');
}


# A length that is not the body's.
sub lengths {
    my $body = body_of(700);
    my $signed = $http->format('POST', $submit, { body => $body,
                                                  keepalive => 1 });
    my @answers = $http->raw($signed . 'GET', 1);
    admitted($t, 'the beginning of another request behind the body',
             $answers[0]);

    my $answer = $http->request('POST', $submit,
                                { body => "$body ", length => 700,
                                  sign => { digest_body => $body } });
    admitted($t, 'a length less than what is sent', $answer);

    my $bytes = $http->format('POST', $submit, { body => $body,
                                                 length => 701 });
    my $sock = $http->connect;
    $http->write($sock, $bytes);
    shutdown $sock, 1;
    $http->read_answer($sock, 'POST');
    ended('a length more than what is sent', undef, undef, 'client-gone');

    refused($t, 'a length more than what was signed',
            $http->request('POST', $submit,
                           { body => "$body ",
                             sign => { digest_body => $body } }),
            'digest-mismatch');
}


sub http2_frames {
    my $body = body_of(5000);
    my @half = (substr($body, 0, 2500), substr $body, 2500);
    my $fields = sub {
        my ($length, %sign) = @_;
        my @headers = (['content-type', 'application/json']);
        return [[':method', 'POST'], [':scheme', 'https'],
                [':authority', 'platform.example'], [':path', $submit],
                @headers, defined $length ? ['content-length', $length] : (),
                map { [lc $_->[0], $_->[1]] }
                $https->signed_headers('POST', $submit, \@headers, $body,
                                       \%sign, 'platform.example')];
    };
    my $begin = sub {
        my $h2 = XC::H2->new($https);
        return $h2->headers($fields->(@_));
    };

    for my $length (undef, 5000) {
        my $name = 'HTTP/2, ' . (defined $length ? 'a length' : 'no length');
        my $answer = $begin->($length)->data($half[0])->data($half[1], 1)
                                      ->answer;
        is($answer->{status}, 200, "$name: admitted");
        is($t->backend->last_request->{body}, $body, "$name: arrives");
        $t->backend->forget;

        $answer = $begin->($length)->data($half[0])->data('')
                                   ->data($half[1])->data('', 1)->answer;
        is($answer->{status}, 200, "$name: empty frames: admitted");
        is($t->backend->last_request->{body}, $body,
           "$name: empty frames: arrives");
        $t->backend->forget;

        my $h2 = $begin->($length)->data($half[0]);
        $h2->reset;
        ended("$name: reset within the body", undef, undef, 'client-gone');

        $h2 = $begin->($length)->data($half[0]);
        $h2->leave;
        ended("$name: gone within the body", undef, undef, 'client-gone');

        refused($t, "$name: another byte",
                $begin->($length)->data($half[0])->data("$half[0]", 1)->answer,
                'digest-mismatch', bare => 1);
    }

    refused($t, 'HTTP/2, no length: ends early',
            $begin->()->data($half[0], 1)->answer, 'digest-mismatch',
            bare => 1);
    refused($t, 'HTTP/2, no length: nothing comes',
            $begin->()->data('', 1)->answer, 'body-missing', bare => 1);
    refused($t, 'HTTP/2: ends with its headers',
            XC::H2->new($https)->headers($fields->(), 1)->answer,
            'body-missing', bare => 1);
    ended('HTTP/2: ends before its length',
          $begin->(5000)->data($half[0], 1)->answer, undef, 'body-invalid');
    ended('HTTP/2: goes on behind its length',
          $begin->(2500)->data($half[0])->data($half[1], 1)->answer, undef,
          'body-invalid');
    ended('HTTP/2: a length and nothing',
          XC::H2->new($https)->headers($fields->(5000))->data('', 1)->answer,
          undef, 'body-invalid');

    # reset before the gate has looked at it
    for my $length (undef, 5000) {
        my $h2 = XC::H2->new($https)->at_once(sub {
            $_[0]->headers($fields->($length))->reset });
        ended('HTTP/2, ' . ($length // 'no length') . ': reset at once', undef,
              undef, 'client-gone');
    }
}


# Thirty at once, in two halves each.
sub in_flight {
    my @all = map { { body => body_of(800 + $_ * 397) } } 0 .. 29;

    for my $i (0 .. $#all) {
        my $one = $all[$i];
        my $client = client_of((qw(http file small))[$i % 3]);
        my $bytes = $client->format('POST', $submit, {
            body => $one->{body}, $i % 2 ? (chunked => [500, 1]) : () });
        @$one{qw(client sock rest)} = ($client, $client->connect,
                                       substr $bytes, length($bytes) / 2);
        $client->write($one->{sock}, substr $bytes, 0, length($bytes) / 2);
    }
    for my $one (shuffle @all) {
        $one->{client}->write($one->{sock}, $one->{rest});
    }
    my @answers = map { $_->{client}->read_answer($_->{sock}, 'POST') } @all;
    my @status = map { $_ ? $_->{status} : 'none' } @answers;
    my @seen = map { $_->{body} } $t->backend->requests;

    is("@status", join(' ', (200) x 30), '30 in flight: all admitted');
    is(join("\n", sort @seen), join("\n", sort map { $_->{body} } @all),
       '30 in flight: each arrives as signed');
    my %ids = map { $_->{h}{'x-xc-id'} => 1 } $t->backend->requests;
    is(scalar keys %ids, 30, '30 in flight: each under its own id');
    $t->backend->forget;
}


sub timeout {
    my $client = client_of('hasty');
    my $bytes = $client->format('POST', $submit, { body => body_of(5000) });
    my $sock = $client->connect;

    $client->write($sock, substr $bytes, 0, 3000);
    is($client->read_answer($sock, 'POST'), undef,
       'a body that stops: nginx closes the connection');
    ended('a body that stops', undef, undef, 'body-invalid');
}


# A signature is as old as the request is when its body has come.
sub late {
    my $client = client_of('brief');
    my $bytes = $client->format('POST', $submit, { body => body_of(5000) });
    my $sock = $client->connect;
    my $buffered = sub {
        return scalar(() = $t->error_log =~ /is buffered to a temporary file/g);
    };
    my $before = $buffered->();

    # the gate has looked at the signature, and waits for the rest
    $client->write($sock, substr $bytes, 0, 4000);
    ok($t->wait_for(sub { $buffered->() > $before }), 'a body is on its way');
    $shim->set(clock => 120);
    $client->write($sock, substr $bytes, 4000);
    refused($t, 'a body that comes when the signature is too old',
            $client->read_answer($sock, 'POST'), 'signature-stale',
            auth => 1, detail => qr/body took too long/);
    close $sock;                # or nginx lingers over it

    my $answer = $client->request('POST', $submit, {
        body => body_of(5000), sign => { created => int(time) + 120 } });
    admitted($t, 'and one that comes in time', $answer);
}
