#!/usr/bin/perl

# What passes between the gate and the back end: variables, the headers that
# are sent and kept, XC-Record, and the outcome record of every kind of answer.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use Encode qw(decode_utf8 encode_utf8);
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP;
use Test::More;

use XC::Chain;
use XC::Gate;
use XC::Nginx;

my $t = XC::Nginx->new;
my $policy = XC::Policy->new;
push @{ $policy->operation('merchant')->{methods} }, 'HEAD';
$_->{path} = "(?:/[a-z0-9-]+)?$_->{path}" for @{ $policy->data->{operations} };
$t->policy($policy);

my $backend = $t->backend;
my $query = $policy->query;
my ($path) = $query =~ /^([^?]*)/;
my $post = '/xc/v1/requests';
my $uscc = $XC::Policy::USCC;
my @names = qw(decision reason agency level credential operation request_no
               fields record id uri);

$t->write_file('page.txt', "a page\n");
$t->conf(configuration());
$t->run;

my $client = $t->client(keepalive => 1);

variables();
request_headers();
bodies();
reserved();
replies();
no_store();
kept();
outcomes();
large();
cut_short();
http2();
one_connection();
is(join("\n", $t->error_log =~ /\[error\].* xc: (?!refused|.*XC-Reply).*/g),
   '', 'the module has no other error to log');
many_gates();

$t->finish;
done_testing;


sub configuration {
    my $gate = 'xc enforce; xc_policy %%POLICY%%;'
               . ' include %%ROOT%%/conf/xc_proxy_params;';
    my $up = 'proxy_pass http://%%BACKEND%%;';
    my $seen = join '|', map { "\$xc_$_" } @names;
    my $small = 'proxy_buffer_size 4k; proxy_buffers 2 4k;'
                . ' proxy_busy_buffers_size 4k;';

    my $cache = 'proxy_cache kept; proxy_cache_key $args$slice_range;'
                . ' proxy_cache_valid any 1h; proxy_ignore_headers'
                . ' Cache-Control Expires Set-Cookie Vary;'
                . ' proxy_cache_convert_head off;'
                . ' proxy_cache_methods GET HEAD POST;'
                . ' add_header X-Cache $upstream_cache_status;';

    return <<"END";
%%GLOBALS%%

http {
    %%HTTP%%
    proxy_cache_path %%PREFIX%%/cache keys_zone=kept:1m use_temp_path=off;
    xc_state %%STATE%%;
    xc_audit node=n1;
    log_format xc '\$uri|\$before|$seen';
    access_log %%PREFIX%%/xc.log xc;
    log_subrequest on;
    root %%PREFIX%%;

    upstream two {
        server 127.0.0.1:%%PORT_nobody%% max_fails=0;
        server %%BACKEND%% backup;
    }

    server {
        listen 127.0.0.1:%%PORT_https%% ssl http2 sndbuf=64k;
        server_name platform.example;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        set \$before "\$xc_decision\$xc_agency\$xc_record\$xc_id\$xc_uri";

        location / { $gate $up }
        location /bare/ { xc enforce; xc_policy %%POLICY%%; $up }
        location /ungated/ { $up }
        location = /sub {
            internal; proxy_pass http://%%BACKEND%%;
            proxy_set_header X-Seen "$seen";
        }
        location /mirror/ { $gate $up mirror /sub; }
        location /gzip/ { $gate $up gzip on; gzip_types *; gzip_min_length 1; }
        location /file/ { $gate $up $small sendfile on; }
        location /memory/ { $gate $up $small sendfile off; }
        location /unbuffered/ { $gate $up proxy_buffering off; }
        location /range/ { $gate $up proxy_force_ranges on; }
        location /chunked/ { $gate $up proxy_http_version 1.1; }
        location /sub-filter/ {
            $gate $up sub_filter_types *; sub_filter ok replaced;
        }
        location /cached/ { $gate $up $cache }
        location /cached-slice/ {
            $gate slice 100; $cache $up
            proxy_set_header Range \$slice_range;
        }
        location /stored/ {
            $gate $up proxy_store %%PREFIX%%/stored; proxy_store_access all:r;
        }
        location /cached-open/ { $up $cache }
        location /add-before/ {
            $gate $up addition_types *; add_before_body /page.txt;
        }
        location /add-after/ {
            $gate $up addition_types *; add_after_body /page.txt;
        }
        location = /page.txt { }
        location /expires/ {
            $gate $up expires 1h; add_header Pragma public;
        }
        location /down/ { $gate proxy_pass http://127.0.0.1:%%PORT_nobody%%; }
        location /down-page/ {
            $gate proxy_pass http://127.0.0.1:%%PORT_nobody%%;
            error_page 502 /page.txt;
        }
        location /two/ { $gate proxy_pass http://two; }
        location /short/ { $gate $up client_max_body_size 10; }
        location /spool/ { $gate $up client_body_buffer_size 1k; }
    }
}
END
}


sub get {
    my ($case, %o) = @_;

    return $client->request('GET', ($case ? "/$case" : '') . $query, { %o });
}


# What the back end answers in a case's location.
sub backend_says {
    my ($case, %answer) = @_;

    $backend->answer("/$case$path" => \%answer);
}


# The line that the access log has of a uri.
sub logged {
    my ($uri) = @_;
    my @line;

    $t->wait_for(sub {
        @line = ($t->read_file('xc.log') // '') =~ /^\Q$uri\E\|(.*)$/mg;
    }, 5);
    my ($before, @values) = split /\|/, $line[-1] // '', -1;
    return ($before, map { $names[$_] => $values[$_] } 0 .. $#names);
}


sub unescaped { decode_utf8($_[0] =~ s/%([0-9a-f]{2})/chr hex $1/gier) }


sub variables {
    my $no = '沪市监协查 50%〔2026〕1182号';
    my $body = $policy->body(request_no => $no);
    my $answer = $client->request('POST', $post, { body => $body });
    my $r = admitted($t, 'variables: a POST', $answer);
    my $h = $r->{seen}{h};
    my %expect = (
        id => $r->{decision}{id}, agency => '310115', level => 'county',
        operation => 'submit', record => "n1:$r->{decision}{seq}",
        fields => 'merchant.name,merchant.uscc,transaction.payment');

    is($h->{"x-xc-$_"}, $expect{$_}, "X-XC-\u$_") for sort keys %expect;
    like($h->{'x-xc-request-no'}, qr/^[\x21-\x7e ]+$/,
         'X-XC-Request-No is printable ASCII');
    is(unescaped($h->{'x-xc-request-no'}), $no,
       'and says what was asked, a percent sign included');

    my ($before, %v) = logged($post);
    is($before, '', 'nothing is known before the gate');
    my $number = delete $v{request_no};
    is(unescaped($number), $no, 'the access log has it, too');
    is_deeply(\%v, { %expect, decision => 'allow', reason => '',
                     credential => 'httpsig:310115-2026a', uri => $post },
              'and all the others');

    admitted($t, 'variables: a query', get('', sign => { key =>
        $policy->key('310000') }), agency => '310000');
    (undef, %v) = logged($path);
    like($v{uri}, qr{^/xc/v1/merchants/\{subject\}\?fields=},
         '$xc_uri masks the subject');
    unlike($v{uri}, qr/$uscc/, 'wherever it stands');
    is($v{credential}, 'httpsig:310000-2026', '$xc_credential names the key');
    is($v{level}, 'province', '$xc_level');

    $answer = $client->request('POST', '/refused/xc/v1/requests', { body =>
        $policy->body(request_no => $no, fields => ['buyer.phone']) });
    $r = refused($t, 'variables', $answer, 'approval-required');
    (undef, %v) = logged('/refused/xc/v1/requests');
    is(unescaped(delete $v{request_no}), $no, 'request number of a refusal');
    is_deeply(\%v, { decision => 'deny', reason => 'approval-required',
        agency => '310115', level => 'county', id => $r->{id}, fields => '',
        credential => 'httpsig:310115-2026a', operation => 'submit',
        record => '', uri => '/refused/xc/v1/requests' },
        'and the others: neither fields nor record');

    $r = refused($t, 'variables', get('anonymous', sign => 0),
                 'credential-missing');
    (undef, %v) = logged("/anonymous$path");
    is_deeply(\%v, { (map { $_ => '' } @names), decision => 'deny',
        reason => 'credential-missing', id => $r->{id},
        uri => $v{uri} }, 'before authentication');
    like($v{uri}, qr{^/anonymous/xc/v1/merchants/\{subject\}\?},
         'the uri is masked all the same');

    get('ungated', sign => 0);
    (undef, %v) = logged("/ungated$path");
    is_deeply(\%v, { map { $_ => '' } @names }, 'empty without a gate');
    $backend->forget;

    # a mirror's subrequest
    $answer = get('mirror');
    $t->wait_for(sub { $backend->count == 2 });
    my ($sub) = grep { $_->{h}{'x-seen'} } $backend->requests;
    my ($record) = ($answer->{headers}{'xc-record'} // '') =~ /^([^;]*)/;
    my @v = split /\|/, $sub->{h}{'x-seen'} // '', -1;
    my %s = map { $names[$_] => $v[$_] } 0 .. $#names;
    is($s{decision}, 'allow', 'in a subrequest: the main request\'s');
    is($s{record}, $record, 'also its record');
    like($s{uri}, qr{^/mirror/}, 'and its uri');
    $backend->forget;
}


# Only what xc_proxy_params names reaches the back end.
sub request_headers {
    my @never = map { [$_, "secret-of-$_"] } qw(Cookie Authorization
        X-Forwarded-For Forwarded X-Real-IP User-Agent Referer Via TE
        Proxy-Authorization X-Accel-Redirect If-Match If-None-Match
        If-Modified-Since If-Range Accept-Encoding Accept-Language Origin
        X-Anything Host-Name);
    my @xc = map { "X-XC-$_" } qw(Agency Fields Id Level Operation Record
                                  Request-No);

    $backend->answer('*' => undef);
    my $answer = get('', headers => [@never, ['Range', 'bytes=0-3'],
                                     ['Accept', 'secret-of-Accept']]);
    my $r = admitted($t, 'a query with many headers', $answer);
    my $seen = $r->{seen};
    is_deeply([sort map { $_->[0] } @{ $seen->{headers} }],
              [sort @xc, qw(Host)],
              'only what is named arrives');
    is($seen->{h}{host}, 'platform.example', 'Host');
    is($seen->{target}, $query, 'the target, byte for byte');
    is($answer->{body}, '{"ok":true}', 'a Range is not obeyed');
    unlike(encode_json($seen), qr/secret-of|sig1=|keyid/,
           'no credential among it');

    $answer = $client->request('POST', $post, { body => $policy->body,
        chunked => 1, headers => [@never,
        ['Content-Type', 'application/json; charset=utf-8']] });
    $seen = admitted($t, 'a POST with many headers', $answer)->{seen};
    is_deeply([sort map { $_->[0] } @{ $seen->{headers} }],
              [sort @xc, qw(Content-Length Content-Type Host)],
              'only what is named arrives');
    is($seen->{h}{'content-type'}, 'application/json; charset=utf-8',
       'Content-Type as it was sent');
    is($seen->{h}{'content-length'}, length $seen->{body},
       'chunks become a length');
}


sub bodies {
    my $odd = encode_utf8(qq({ \n\t"note" : "\\u00e9\\/\\u4e2d é中" ,\r\n));
    my %form = (
        'escapes and spaces' => $odd . substr($policy->body, 1) . "\n \t",
        'a large one'        => $policy->body(note => 'n' x 200_000),
        'nested'             => $policy->body(note => [map { { n => $_ } }
                                                       1 .. 2000]),
    );

    for my $name (sort keys %form) {
        my $body = $form{$name};
        for my $case ('', '/spool') {
            for my $chunked (0, [1, 10, 1000, 5000]) {
                my $answer = $client->request('POST', "$case$post",
                    { body => $body, chunked => $chunked });
                my $seen = admitted($t, "$name ($case "
                    . ($chunked ? 'chunked' : 'length') . ')', $answer)
                    ->{seen};
                ok(($seen->{body} // '') eq $body,
                   'reaches the back end byte for byte');
            }
        }
    }
    like($t->error_log, qr/a client request body is buffered to a temporary/,
         'one of them in a file');
}


# Headers that only the gate may send
sub reserved {
    my @forged = (['XC-Record', 'n1:0;leaf=' . 'f' x 64],
                  ['XC-Record', 'other'], ['XC-Request', 'forged'],
                  ['xc-request', 'again'], ['XC-Reply', 'received']);

    for my $case ('reserved', 'bare') {
        backend_says($case, headers => [@forged, ['X-Own', 'kept']]);
        my $answer = get($case);
        my $r = admitted($t, "forged headers ($case)", $answer,
                         seen => $case eq 'bare' ? 0 : 1);
        is(scalar(grep { lc $_->[0] eq 'xc-record' }
                  @{ $answer->{raw_headers} }), 1, 'one XC-Record');
        unlike(join(',', map { lc $_->[0] } @{ $answer->{raw_headers} }),
               qr/xc-request|xc-reply/, 'no other reserved header');
        is($answer->{headers}{'x-own'}, 'kept', 'others pass');
        is($r->{outcome}{reply}, 'received', 'XC-Reply is recorded');
    }
}


sub replies {
    my $answer;

    for my $reply (qw(received interim final no-data declined)) {
        backend_says('reply', headers => [['XC-Reply', $reply]]);
        $answer = get('reply');
        my $r = admitted($t, "XC-Reply: $reply", $answer);
        is($r->{outcome}{reply}, $reply, 'recorded');
        is($answer->{headers}{'xc-reply'}, undef, 'and kept');
    }

    backend_says('reply', body => 'none');
    my $r = admitted($t, 'no XC-Reply', get('reply'));
    ok(!exists $r->{outcome}{reply}, 'nothing recorded');
    backend_says('reply', headers => [['XC-Reply', '']]);
    $r = admitted($t, 'an empty XC-Reply', get('reply'));
    ok(!exists $r->{outcome}{reply}, 'nothing recorded');

    # another word is none, and can't break the log
    for my $odd ('Received', 'final, interim', 'maybe',
                 '","seq":0,"x":"\\' . "\xff\xfe" . 'y' x 1000)
    {
        backend_says('reply', headers => [['XC-Reply', $odd]]);
        my $from = length $t->error_log;
        $answer = get('reply');
        $r = admitted($t, 'an XC-Reply that the contract does not know',
                      $answer);
        ok(!exists $r->{outcome}{reply}, 'not recorded');
        is($answer->{headers}{'xc-reply'}, undef, 'but kept');
        like(substr($t->error_log, $from),
             qr/\[error\].*XC-Reply is none of received, interim, final, no-data, declined/,
             'and complained of');
    }
    backend_says('reply', status => 500, headers => [['XC-Reply', 'final']]);
    $r = admitted($t, 'an XC-Reply with an error', get('reply'),
                  status => 500);
    is($r->{outcome}{reply}, 'final', 'recorded');
}


sub no_store {
    my @headers = (['Cache-Control', 'public, max-age=60'],
                   ['Cache-Control', 'immutable'],
                   ['Expires', 'Thu, 01 Jan 2099 00:00:00 GMT'],
                   ['Pragma', 'public'],
                   ['Last-Modified', 'Thu, 01 Jan 2015 00:00:00 GMT']);
    my $only = sub {
        my ($name, $answer, $status) = @_;
        my @said = map { lc "$_->[0]: $_->[1]" }
                   grep { $_->[0] =~ /^(?:cache-control|expires|pragma)$/i }
                   @{ $answer->{raw_headers} };

        is("$answer->{status} @said", "$status cache-control: no-store",
           "$name: only no-store");
    };

    for my $status (200, 201, 204, 301, 304, 400, 404, 500, 503) {
        backend_says('store', status => $status, headers => \@headers,
                     $status =~ /[23]04/ ? (body => '') : ());
        my $answer = get('store');
        $only->("the back end's $status", $answer, $status);
        admitted($t, "answer $status", $answer, status => $status);
    }
    backend_says('bare', headers => \@headers);
    $only->('without xc_proxy_params', get('bare'), 200);
    backend_says('store', headers => \@headers);
    $only->('HEAD', $client->request('HEAD', "/store$query"), 200);
    $only->('a refusal', get('store', sign => 0), 401);
    $only->('502 of nginx', get('down'), 502);
    $only->('its error page', get('down-page'), 502);
    $only->('413 of nginx before the gate',
            $client->request('POST', "/short$post",
                             { body => $policy->body }), 413);
    $backend->forget;

    backend_says('ungated', headers => \@headers);
    is(get('ungated')->{headers}{'cache-control'},
       'public, max-age=60, immutable', 'without a gate it stays');
    $backend->forget;
}


# An admitted answer and its outcome record.  body: what its digest is of
# (default: what the client got).
sub outcome_is {
    my ($name, $answer, %want) = @_;
    my %o = map { $_ => delete $want{$_} } grep { exists $want{$_} }
            qw(status seen);
    my $body = delete $want{body} // $answer->{body};
    my $r = admitted($t, $name, $answer, %o);
    my $got = $r->{outcome} // {};
    my %expect = (status => $o{status} // 200, bytes => length $body,
                  answer_sha256 => sha256_hex($body), complete => 'true',
                  upstream => '127.0.0.1:' . $backend->port,
                  upstream_status => $o{status} // 200, %want);

    $got->{complete} = $got->{complete} ? 'true' : 'false';
    delete @expect{ grep { !defined $expect{$_} && !exists $got->{$_} }
                    keys %expect };
    is_deeply({ map { $_ => $got->{$_} } keys %expect }, \%expect,
              "$name: outcome");
    like($got->{ms} // '', qr/^\d+$/, "$name: how long it took");
}


# What a gate admitted is in no cache and no file; what a location without a gate
# has cached is recorded by the gate that gives it out.
sub kept {
    my $kept = sub { map { glob $t->path($_) } 'cache/*', 'stored*' };

    backend_says('cached', body => 'once');
    for my $time (1, 2) {
        my $answer = get('cached');
        is($answer->{headers}{'x-cache'}, 'MISS', "cache, $time: not from it");
        outcome_is("cache, $time", $answer, body => 'once');
    }
    my $head = $client->request('HEAD', "/cached$query");
    is($head->{headers}{'x-cache'}, 'MISS', 'cache: HEAD');
    my $post = $client->request('POST', "/cached$post",
                                { body => $policy->body });
    is("$post->{status} $post->{headers}{'x-cache'}", '200 MISS',
       'cache: POST');
    backend_says('cached-slice', status => 206, body => 'x' x 100,
                 headers => [['Content-Range', 'bytes 0-99/100']]);
    is(get('cached-slice')->{body}, 'x' x 100, 'cache: slices');
    $backend->forget;
    backend_says('stored', body => 'once');
    outcome_is('proxy_store', get('stored'), body => 'once');
    is(join(' ', $kept->()), '', 'nothing was kept');

    $backend->answer("/cached-open$path" => { body => 'open' });
    my @open = map { get('cached-open', sign => 0)->{headers}{'x-cache'} } 1, 2;
    is("@open", 'MISS HIT', 'cache: without a gate it is one');
    $backend->forget;
    my $answer = get('cached');
    is($answer->{headers}{'x-cache'}, 'HIT', 'cache: a gate may read it');
    outcome_is('cache: a hit', $answer, seen => 0, body => 'open',
               upstream => undef, upstream_status => undef);
}


sub outcomes {
    my $text = join '', map { "line $_: 中文\n" } 1 .. 500;
    utf8::encode($text);

    outcome_is('plain', get('plain'), body => '{"ok":true}');
    backend_says('plain', body => '');
    outcome_is('empty', get('plain'), body => '');

    backend_says('gzip', body => $text, chunked => 1);
    my $answer = get('gzip', headers => [['Accept-Encoding', 'gzip']]);
    is($answer->{headers}{'content-encoding'}, 'gzip', 'compressed by nginx');
    gunzip(\$answer->{body} => \my $plain);
    ok($plain eq $text, 'it is the text');
    outcome_is('gzip: digest before it', $answer, body => $text);

    backend_says('chunked', body => $text, chunked => 1);
    outcome_is('chunked', get('chunked'), body => $text);
    backend_says('unbuffered', body => $text);
    outcome_is('unbuffered', get('unbuffered'), body => $text);

    # what other filters make of an answer is the answer
    for my $case (qw(sub-filter add-before add-after)) {
        backend_says($case, body => '{"ok":true}');
        $answer = get($case);
        like($answer->{body}, qr/replaced|a page/, "$case: at work");
        outcome_is("$case: digest of the result", $answer);
    }

    backend_says('head', body => $text);
    outcome_is('HEAD', $client->request('HEAD', "/head$query"), body => '');
    backend_says('304', status => 304, headers => [['ETag', '"a"']]);
    outcome_is('answer 304', get('304'), status => 304, body => '');
    backend_says('204', status => 204, body => '');
    outcome_is('answer 204', get('204'), status => 204, body => '');
    backend_says('404', status => 404, body => 'none such');
    outcome_is('answer 404', get('404'), status => 404, body => 'none such');

    backend_says('range', body => $text,
                 headers => [['Accept-Ranges', 'bytes']]);
    $answer = get('range', headers => [['Range', 'bytes=5-14']]);
    outcome_is('206: what was disclosed', $answer, status => 206,
               upstream_status => 200, body => substr $text, 5, 10);
    $answer = get('range', headers => [['Range', 'bytes=999999-']]);
    outcome_is('answer 416', $answer, status => 416, upstream_status => 200);

    my $nobody = '127.0.0.1:' . $t->port('nobody');
    outcome_is('no back end', get('down'), status => 502, seen => 0,
               upstream => $nobody);
    outcome_is('its error page', get('down-page'), status => 502, seen => 0,
               upstream => $nobody, body => "a page\n");
    outcome_is('the second of two', get('two'), body => '{"ok":true}',
               upstream => "$nobody, 127.0.0.1:" . $backend->port);
    backend_says('drop', drop => 1);
    outcome_is('closed without an answer', get('drop'), status => 502);
}


# Larger than nginx's buffers, with a client that reads late
sub large {
    my $size = 2_000_000;

    for my $case (qw(file memory)) {
        backend_says($case, size => $size);
        my $from = length $t->error_log;
        my $c = $t->client;
        my $sock = $c->connect;
        $c->write($sock, $c->format('GET', "/$case$query"));
        ok($t->wait_for(sub { substr($t->error_log, $from)
                              =~ /response is buffered to a temporary file/ }),
           "$case: buffered");
        outcome_is("$case: a large answer", $c->read_answer($sock, 'GET'),
                   body => 'x' x $size);
    }
}


sub cut_short {
    my $size = 100_000;

    for my $how (qw(length chunked)) {
        my $c = $t->client;
        backend_says('cut', size => $size, cut => 50_000,
                     chunked => $how eq 'chunked' ? 1 : 0);
        my $answer = $c->request('GET', "/cut$query");
        ok($answer->{truncated}, "the back end dies ($how): cut short");
        outcome_is("the back end dies ($how)", $answer, complete => 'false');
    }

    # the client leaves: what was sent is not known to the byte
    # more than the kernel would take for it
    backend_says('unbuffered', size => 20_000_000, pause => 0.3);
    my $c = $t->client;
    my $sock = $c->connect;
    $c->write($sock, $c->format('GET', "/unbuffered$query"));
    my $line = <$sock>;
    like($line, qr/ 200 /, 'the client has the answer\'s beginning');
    close $sock;

    my $o = outcome($t, sub { !$_[0]{complete} && $_[0]{status} == 200
                              && $_[0]{bytes} < 20_000_000
                              && $_[0]{bytes} != 50_000 });
    ok($o, 'the client leaves: the outcome says so') or return;
    cmp_ok($o->{bytes}, '>', 0, 'with what was sent by then');
    is($o->{answer_sha256}, sha256_hex('x' x $o->{bytes}), 'and its digest');
    my $d = decision($t, { seq => $o->{decision_seq} });
    is($d->{id}, $o->{id}, 'its decision');
    $backend->forget;
}


sub http2 {
    my $text = 'h2 ' x 5000;

    backend_says('h2', body => $text);
    outcome_is('HTTP/2', $client->http2('GET', "/h2$query"), body => $text);
    my $body = $policy->body(note => 'n' x 50_000);
    my $answer = $client->http2('POST', "/h2$post", { body => $body });
    is(($backend->last_request // {})->{body}, $body, 'HTTP/2: the body');
    outcome_is('HTTP/2: POST', $answer, body => '{"ok":true}');
    refused($t, 'HTTP/2', $client->http2('GET', "/h2$query", { sign => 0 }),
            'credential-missing');
}


# Several requests on one connection have each their own records.
sub one_connection {
    my $c = $t->client(keepalive => 1);
    my %id;

    for my $n (1 .. 3) {
        my $r = admitted($t, "keep-alive, request $n",
                         $c->request('GET', $query));
        $id{ $r->{decision}{id} } = 1;
        refused($t, "and a refusal between",
                $c->request('GET', $query, { sign => 0 }),
                'credential-missing');
    }
    is(keys %id, 3, 'three ids');

    my @answers = $c->raw(join('', map { $c->format('GET', $query, $_) }
        ({}, { sign => 0 }, {})), 3);
    is(join(' ', map { $_->{status} } @answers), '200 401 200', 'pipelined')
        or return;
    my @r = map { admitted($t, 'pipelined', $_, seen => 0) } @answers[0, 2];
    isnt($r[0]{decision}{id}, $r[1]{decision}{id}, 'each its own record');
    $backend->forget;
}


sub many_gates {
    my $n = 700;

    whole($t, 'all of it', seen => []);
    $t->stop;
    my $text = $t->read_file('nginx.conf');
    my $gate = 'xc enforce; xc_policy ' . $t->path('policy.json')
               . '; proxy_pass http://127.0.0.1:' . $backend->port . '; include '
               . $t->root . '/conf/xc_proxy_params;';
    my $more = join "\n", map { "location /gate-$_/ { $gate }" } 1 .. $n;
    $text =~ s/(location \/ \{)/$more\n$1/;
    $t->write_file('nginx.conf', $text);
    $t->run;

    my ($start) = grep { $_->{event} eq 'start' && $_->{seq} > 0 }
                  $t->audit_records;
    my $said = $start->{gates} ? @{ $start->{gates} } : $start->{gates_count};
    cmp_ok($said, '>=', $n, 'the start record counts the gates');
    my $c = $t->client;
    admitted($t, 'the last of many gates',
             $c->request('GET', "/gate-$n$query"));
    refused($t, 'the last of many gates',
            $c->request('GET', "/gate-$n$query", { sign => 0 }),
            'credential-missing');
    chain_whole($t, 'the chain is whole across the restart');
}
