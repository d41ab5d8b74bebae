#!/usr/bin/env perl

# What HTTP makes of the intake document: odd headers, conditions, ranges,
# methods, queries and codings; and a document that expires.

use strict;
use warnings;
use utf8;

use Compress::Zlib ();
use JSON::PP qw(decode_json);
use POSIX qw(strftime);
use Test::More;

use XC::Gate;
use XC::Nginx;
use XC::Shim;

my $t = XC::Nginx->new;
my $shim = XC::Shim->new($t);
my $url = '/.well-known/xc-intake';
my @html = (Accept => 'text/html');
my @json = (Accept => 'application/json');
my $html = qr{^text/html; charset=utf-8$};
my $json = qr{^application/json$};
my $client;

$t->clear_of_midnight(60);      # day() is of now
start();
accepts();
languages();
queries();
tags();
dates();
ranges();
methods();
bodies();
guards();
codings();
markup();
over_http2();
expiring();

$t->finish;
done_testing;


sub document {
    my (%more) = @_;

    return JSON::PP->new->utf8->encode({
        platform => { name => '平台', role => 'platform' },
        channels => [{ type => 'phone', address => '+86 (21) 0000-0000' }],
        updated => '2020-01-01', expires => '2099-12-31', %more });
}


# The day so many days from now, in Shanghai.
sub day { strftime('%Y-%m-%d', gmtime(time + 8 * 3600 + $_[0] * 86400)) }


sub start {
    my %docs = (
        past => document(expires => '2020-12-31'),
        soon => document(expires => day(2)),
        markup => document(legal_basis => ['<b onclick="x">&\'"</b>']),
        chinese => document(languages => ['zh-CN']),
    );
    my $locations = '';

    for my $name (sort keys %docs) {
        $t->write_file("$name.json", $docs{$name});
        $locations .= "location = /$name { xc_intake $name.json; }\n";
    }
    $t->backend;
    $t->gate_conf(
        http => 'gzip on; gzip_types application/json; gzip_min_length 10;',
        server => "xc enforce; xc_policy %%POLICY%%; $locations
            location = $url { xc_intake %%ROOT%%/conf/intake.json; }");
    $shim->run;
    $client = $t->client(tls => 0);
}


# Headers by twos; a name may come more than once.
sub get {
    my ($target, @headers) = @_;

    return ask('GET', $target, @headers);
}


sub ask {
    my ($method, $target, @headers) = @_;
    my @list;

    push @list, [splice @headers, 0, 2] while @headers;
    return $client->request($method, $target, { sign => 0,
                                                headers => \@list });
}


sub accepts {
    my @cases = (
        [$json, 'none'],
        [$json, 'empty', Accept => ''],
        [$json, 'neither', Accept => 'image/png'],
        [$json, 'both refused', Accept => 'text/html;q=0, */*;q=0'],
        [$json, 'no weight', Accept => 'text/html;q=high'],
        [$json, 'commas', Accept => ',,,;;;,='],
        [$json, 'high bytes', Accept => "\xff\xfe;q=\xc3"],
        [$json, 'a kilobyte of another', Accept => 'a/b,' x 250],
        [$html, 'behind a kilobyte', Accept => 'a/b,' x 250 . 'text/html'],
        [$html, 'in two lines', Accept => 'image/png', Accept => 'text/html'],
        [$html, 'with parameters', Accept => 'text/html;level=1;q=0.3'],
    );

    for my $case (@cases) {
        my ($want, $name, @headers) = @$case;
        my $answer = get($url, @headers);
        is($answer->{status}, 200, "Accept, $name");
        like($answer->{headers}{'content-type'}, $want, "Accept, $name: what");
    }
}


sub languages {
    my @cases = (
        ['zh-CN', 'none'],
        ['zh-CN', 'empty', ''],
        ['zh-CN', 'neither', 'tlh, x-klingon'],
        ['zh-CN', 'all refused', '*;q=0'],
        ['zh-CN', 'no tag', '-, en_US, zh_CN, 1'],
        ['zh-CN', 'high bytes', "\xe4\xb8\xad\xe6\x96\x87"],
        ['en', 'behind a kilobyte', 'fr,' x 300 . 'en'],
        ['en', 'a script', 'en-Latn-GB-x-y;q=0.001'],
    );

    for my $case (@cases) {
        my ($want, $name, $value) = @$case;
        my $answer = get($url, @html, defined $value
                                      ? ('Accept-Language' => $value) : ());
        is($answer->{status}, 200, "Accept-Language, $name");
        is($answer->{headers}{'content-language'}, $want,
           "Accept-Language, $name: which");
    }
    is(get('/chinese?lang=en', @html, 'Accept-Language' => 'en')
           ->{headers}{'content-language'}, 'zh-CN',
       'a language that the document does not offer');
}


sub queries {
    my @cases = (
        ['zh-CN', 'lang='], ['zh-CN', 'lang'], ['zh-CN', '&&lang=&'],
        ['zh-CN', 'lang=%65n'], ['zh-CN', 'lang=en%00'],
        ['zh-CN', 'xlang=en'], ['zh-CN', 'lang=english'],
        ['en', 'lang=en-GB'], ['en', 'lang=en&lang=zh'],
        ['en', 'a=b&lang=EN'],
        ['zh-CN', 'lang="><script>alert(1)</script>'],
        ['zh-CN', 'lang=' . 'e' x 4000], ['zh-CN', 'x' x 4000],
    );

    for my $case (@cases) {
        my ($want, $query) = @$case;
        my $answer = get("$url?$query", @html);
        my $name = substr $query, 0, 40;
        is($answer->{status}, 200, "?$name");
        is($answer->{headers}{'content-language'}, $want, "?$name: which");
        unlike($answer->{body}, qr/alert|eeee|xxxx/, "?$name: says nothing back");
    }
    for my $case ([$json, 'format=json', @html], [$html, 'format=html', @json],
                  [$html, 'format=xml', @html], [$json, 'format=', @json]) {
        my ($want, $query, @headers) = @$case;
        like(get("$url?$query", @headers)->{headers}{'content-type'}, $want,
             "?$query: what");
    }
    is(get("$url?" . 'x' x 40_000)->{status}, 414, 'a query that is too long');
}


sub tags {
    for my $format (\@html, \@json) {
        my $answer = get($url, @$format);
        my $tag = $answer->{headers}{etag};
        my $is = $answer->{headers}{'content-type'};

        like($tag, qr/\A"[0-9a-f]{32}"\z/, "$is: a strong tag");
        for my $case ([304, $tag], [304, "W/$tag"], [304, '*'],
                      [304, "\"a\", W/\"b\",$tag , \"c\""], [200, '"a"'],
                      [200, 'W/"a"'], [200, '"a", "b"'],
                      [200, substr $tag, 1, 32], [200, ''], [200, '",'],
                      [200, "\xff"]) {
            my ($want, $value) = @$case;
            my $got = get($url, @$format, 'If-None-Match' => $value);
            is($got->{status}, $want, "$is: If-None-Match: $value");
            is(length $got->{body}, $want == 304 ? 0 : length $answer->{body},
               "$is: If-None-Match: $value: body");
        }
        my $head = ask('HEAD', $url, @$format, 'If-None-Match' => $tag);
        is($head->{status}, 304, "$is: HEAD, too");

        my $same = get($url, @$format, 'If-None-Match' => $tag);
        is($same->{headers}{$_}, $answer->{headers}{$_}, "$is: 304 has $_")
            for qw(etag cache-control vary);
        is(get($url, @$format, 'If-Match' => $tag)->{status}, 200,
           "$is: If-Match");
        is(get($url, @$format, 'If-Match' => '"a"')->{status}, 412,
           "$is: If-Match, another");
    }
    isnt(get($url, @html)->{headers}{etag},
         get("$url?lang=en", @html)->{headers}{etag}, 'a tag for each language');
}


sub dates {
    my $answer = get($url, @html);
    my ($tag, $date) = @{ $answer->{headers} }{qw(etag last-modified)};
    my $past = 'Thu, 01 Jan 1970 00:00:01 GMT';

    for my $case ([304, [$date]], [200, [$past]], [200, ['yesterday']],
                  [200, ['']], [304, [$past, $tag]], [304, ['?', $tag]],
                  [200, [$date, '"a"']]) {
        my ($want, $o) = @$case;
        my @headers = ('If-Modified-Since' => $o->[0]);
        push @headers, 'If-None-Match' => $o->[1] if @$o > 1;
        is(get($url, @html, @headers)->{status}, $want, "@headers");
    }
    is(get($url, @html, 'If-Unmodified-Since' => $past)->{status}, 412,
       'If-Unmodified-Since');
}


sub ranges {
    my $whole = get($url, @html);

    for my $range ('bytes=0-9', 'bytes=-5', 'bytes=999999-', 'bytes=9-0',
                   'bytes=0-0,2-3', 'lines=1-2', '') {
        my $answer = get($url, @html, Range => $range,
                         'If-Range' => $whole->{headers}{etag});
        is($answer->{status}, 200, "Range: $range: is passed over");
        is($answer->{body}, $whole->{body}, "Range: $range: the whole");
        is($answer->{headers}{'content-range'}, undef, "Range: $range: says so");
    }
    is($whole->{headers}{'accept-ranges'}, undef, 'none is offered');
}


sub methods {
    my $head = ask('HEAD', $url, @html);
    my $get = get($url, @html);
    delete $_->{headers}{date} for $head, $get;
    is_deeply($head->{headers}, $get->{headers}, 'HEAD has the headers of GET');
    is($head->{body}, '', 'and no body');

    for my $method (qw(POST PUT PATCH DELETE OPTIONS PROPFIND BREW)) {
        my $answer = ask($method, $url);
        is($answer->{status}, 405, "$method: not allowed");
        is($answer->{headers}{allow}, 'GET, HEAD', "$method: what is");
        is(get($url)->{status}, 200, "$method: and service goes on");
    }
    is(ask('TRACE', $url)->{status}, 405, 'TRACE: not allowed');
    is(ask('get', $url)->{status}, 400, 'a method in small letters is none');
}


# A body means nothing here: it is passed over.
sub bodies {
    for my $method (qw(GET POST)) {
        my $answer = $client->request($method, $url, { sign => 0,
            body => 'x' x 5000, headers => [[@html]] });
        is($answer->{status}, $method eq 'GET' ? 200 : 405,
           "$method with a body");
    }
}


# On what a browser shows and on what a program reads.
sub guards {
    my %want = (
        'x-content-type-options' => qr/^nosniff$/,
        'referrer-policy' => qr/^no-referrer$/,
        'x-frame-options' => qr/^DENY$/,
        'content-security-policy' => qr{^default-src\ 'none';
            \ style-src\ 'sha256-[A-Za-z0-9+/]{43}=';\ base-uri\ 'none';
            \ form-action\ 'none';\ frame-ancestors\ 'none'$}x,
        'cache-control' => qr/^public, max-age=\d+$/,
        'vary' => qr/^Accept, Accept-Language, Accept-Encoding$/,
    );

    for my $format (\@html, \@json) {
        my $answer = get($url, @$format);
        like($answer->{headers}{$_}, $want{$_},
             "$answer->{headers}{'content-type'}: $_") for sort keys %want;
    }
}


sub codings {
    for my $format (\@html, \@json) {
        my $plain = get($url, @$format);
        my $is = $plain->{headers}{'content-type'};
        my $answer = get($url, @$format, 'Accept-Encoding' => 'br, gzip;q=0.5');
        my $tag = $answer->{headers}{etag};

        is($answer->{headers}{'content-encoding'}, 'gzip', "$is: compressed");
        is(Compress::Zlib::memGunzip($answer->{body}), $plain->{body},
           "$is: to the same");
        is($tag, "W/$plain->{headers}{etag}", "$is: its tag is weak");
        like($answer->{headers}{vary}, qr/Accept-Encoding/, "$is: it varies");
        is(get($url, @$format, 'Accept-Encoding' => 'gzip',
               'If-None-Match' => $tag)->{status}, 304, "$is: by that tag");
        for my $none ('gzip;q=0', 'identity', 'br', '', 'zip') {
            is(get($url, @$format, 'Accept-Encoding' => $none)
                   ->{headers}{'content-encoding'}, undef,
               "$is: not where it says: $none");
        }
    }
}


sub markup {
    my $page = get('/markup', @html)->{body};

    like($page, qr{<li>&lt;b onclick=&quot;x&quot;&gt;&amp;&\#39;&quot;&lt;/b&gt;</li>},
         'markup in the document is text');
    is(decode_json(get('/markup')->{body})->{legal_basis}[0],
       '<b onclick="x">&\'"</b>', 'and as it is for programs');
    like($page, qr{<a href="tel:\+86210000-0000">\+86 \(21\) 0000-0000</a>},
         'a telephone number as people write it can be dialled');
}


sub over_http2 {
    my $answer = $t->client->http2('GET', $url, { sign => 0,
                                                  headers => [[@html]] });
    is($answer->{status}, 200, 'HTTP/2');
    is($answer->{body}, get($url, @html)->{body}, 'HTTP/2: the same page');
    is($t->client->http2('DELETE', $url, { sign => 0 })->{headers}{allow},
       'GET, HEAD', 'HTTP/2: what is allowed');
}


# One that had expired at the start, and one that does meanwhile.
sub expiring {
    my ($status, $out) = $t->test_conf;
    is($status, 0, 'nginx -t passes one that has expired');
    like($out, qr/past\.json.*expires.*has expired/, 'and warns');

    my $page = get('/past', @html);
    is($page->{status}, 200, 'it is served');
    like($page->{body}, qr/class="past"/, 'and says so');
    is(decode_json(get('/past')->{body})->{expired}, JSON::PP::true,
       'to programs, too');
    is(told('past'), 1, 'the log says so once a day');

    $page = get('/soon', @html);
    unlike($page->{body}, qr/class="past"/, 'one that has not');
    is(told('soon'), 0, 'of which the log says nothing');
    $shim->set(clock => 4 * 86400);
    my $later = get('/soon', @html, 'If-None-Match' => $page->{headers}{etag},
                    'If-Modified-Since' => $page->{headers}{'last-modified'});
    is($later->{status}, 200, 'four days later: it has changed');
    like($later->{body}, qr/class="past"/, 'and says that it has expired');
    is(decode_json(get('/soon')->{body})->{expired}, JSON::PP::true,
       'to programs, too');
    is(told('soon'), 1, 'of which the log tells');
    $shim->set(clock => 0);
    unlike(get('/soon', @html)->{body}, qr/class="past"/,
           'the clock put right: it has not');
}


# How many times a worker has.
sub told {
    my ($name) = @_;

    return scalar(() = $t->error_log
                       =~ /\[warn\].*xc_intake: "[^"]*\b$name\.json" has expired/g);
}
