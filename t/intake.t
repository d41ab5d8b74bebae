#!/usr/bin/perl

# The published document and the status page, as a browser, a machine and an
# operator get them.

use strict;
use warnings;
use utf8;

use JSON::PP qw(decode_json);
use POSIX ();
use Test::More;

use XC::Client;
use XC::Gate;
use XC::Nginx;

my $t = XC::Nginx->new;
my $policy = $t->policy;
my $url = '/.well-known/xc-intake';

system($t->xcctl . ' keygen ed25519 >' . $t->path('log.pem') . ' 2>/dev/null');
chmod 0640, $t->path('log.pem');
$t->backend;
$t->gate_conf(
    audit => 'node=n1 checkpoint=50ms origin=platform.example/log key='
             . $t->path('log.pem'),
    http => 'gzip on; gzip_types application/json; gzip_min_length 10;',
    server => "xc enforce; xc_policy %%POLICY%%;
        location = $url { xc_intake %%ROOT%%/conf/intake.json; }
        location = /status { xc_status; }
        location = /checkpoint { xc_checkpoint; }");
$t->run;

my $client = $t->client;

formats();
languages();
conditions();
methods();
log_member();
damaged_checkpoint();
status_page();
nothing_else_there();
nested();
circumstances();

$t->finish;
done_testing;


sub get {
    my ($target, %o) = @_;
    my $method = delete $o{method} // 'GET';

    return $client->request($method, $target,
                            { sign => 0, headers => [map { [$_, $o{$_}] }
                                                     sort keys %o] });
}


sub formats {
    my $json = get($url);
    is($json->{status}, 200, 'a machine, unsigned');
    is($json->{headers}{'content-type'}, 'application/json', 'gets JSON');
    is($json->{headers}{vary}, 'Accept, Accept-Language, Accept-Encoding',
       'which may vary');

    my $doc = decode_json($json->{body});
    is($doc->{platform}{uscc}, '91310000MA1FL0000N', 'of the platform');
    ok(@{ $doc->{channels} }, 'with channels');
    like($doc->{schema}, qr{^https://.*/xc-request\.schema\.json$},
         'a link to the schema of a request');
    is_deeply([sort map { $_->{id} } @{ $doc->{fields} }],
              [sort grep { $policy->data->{fields}{$_}{standard} }
                    keys %{ $policy->data->{fields} }],
              "and the policy's standard fields")
        or diag explain $doc->{fields};

    my $html = get($url, Accept => 'text/html,application/xhtml+xml,*/*;q=0.8');
    like($html->{headers}{'content-type'}, qr{^text/html; charset=utf-8},
         'a browser gets a page');
    like($html->{headers}{'content-security-policy'}, qr/default-src 'none'/,
         'that loads nothing');
    unlike($html->{body}, qr/<script|src=/, 'and runs nothing');

    my $gzip = get($url, 'Accept-Encoding' => 'gzip');
    is($gzip->{headers}{'content-encoding'}, 'gzip', 'compressed if asked');
}


sub languages {
    my %page = (Accept => 'text/html');
    my %cases = (
        'none'            => [$url, 'zh-CN'],
        'zh'              => [$url, 'zh-CN', 'Accept-Language' => 'zh'],
        'en over zh'      => [$url, 'en', 'Accept-Language' => 'zh;q=0.5,en'],
        'neither'         => [$url, 'zh-CN', 'Accept-Language' => 'fr'],
        'the query first' => ["$url?lang=en", 'en', 'Accept-Language' => 'zh'],
        'no language'     => ["$url?lang=xx", 'zh-CN'],
    );

    for my $name (sort keys %cases) {
        my ($target, $want, @headers) = @{ $cases{$name} };
        my $answer = get($target, %page, @headers);
        is($answer->{headers}{'content-language'}, $want, "language: $name");
        like($answer->{body}, qr/<html lang="$want">/, 'of the page, too');
    }
}


sub conditions {
    my $page = get($url, Accept => 'text/html');
    my %h = %{ $page->{headers} };

    like($h{etag}, qr/^"[0-9a-f]{32}"$/, 'an entity tag');
    ok($h{'last-modified'}, 'a date');
    like($h{'cache-control'}, qr/max-age/, 'may be kept a while');
    is(get($url, Accept => 'text/html', 'If-None-Match' => $h{etag})->{status},
       304, 'not modified by its tag');
    is(get($url, Accept => 'text/html',
           'If-Modified-Since' => $h{'last-modified'})->{status},
       304, 'not modified by its date');
    isnt(get($url, Accept => 'text/html', 'Accept-Language' => 'en')
             ->{headers}{etag}, $h{etag}, 'another variant has another tag');
}


sub methods {
    my $head = get($url, method => 'HEAD', Accept => 'text/html');
    is($head->{status}, 200, 'HEAD');
    is($head->{body}, '', 'without the page');
    ok($head->{headers}{'content-length'} > 1000, 'but its length');

    for my $target ($url, '/status', '/checkpoint') {
        my $post = $client->request('POST', $target,
                                    { sign => 0, body => '{}' });
        is($post->{status}, 405, "POST $target: not allowed");
        is($post->{headers}{allow}, 'GET, HEAD', 'and what is');
    }
}


sub log_member {
    $t->wait_for(sub { get("/checkpoint")->{status} == 200 });

    my $note = get('/checkpoint');
    is($note->{headers}{'content-type'}, 'text/plain; charset=utf-8',
       'the checkpoint is text');
    is($note->{headers}{'cache-control'}, 'no-store', 'and not kept');

    my $answer = get($url);
    my $log = decode_json($answer->{body})->{log};
    is($log->{origin}, 'platform.example/log', "the JSON has the log's name");
    like($log->{vkey}, qr{^platform\.example/log\+[0-9a-f]{8}\+},
         'its key');
    like($log->{checkpoint}, qr{\Aplatform\.example/log\n\d+\n},
         'and its latest checkpoint');
    is(get($url, 'If-None-Match' => $answer->{headers}{etag})->{status}, 304,
       'not modified while that stands');
}


sub damaged_checkpoint {
    my $file = $t->state_dir . '/audit.checkpoint';
    my $note = $t->read_file($file);

    for my $case (['damaged', sub { $t->write_file($file, "\xff\x00" x 300) }],
                  ['gone', sub { unlink $file }]) {
        $case->[1]->();
        my $answer = get($url);
        is($answer->{status}, 200, "checkpoint $case->[0]: the document stands");
        is(decode_json($answer->{body})->{log}{checkpoint}, undef,
           'without a checkpoint');
    }
    $t->write_file($file, $note, 0600);
    chown((getpwnam $t->worker_user)[2, 3], $file) if $> == 0;
}


sub status_page {
    admitted($t, 'one admitted', $client->request('GET', $policy->query));
    refused($t, 'one refused', $client->request('GET', $policy->query,
                                                { sign => 0 }),
            'credential-missing');

    my $status = decode_json(get('/status')->{body});
    is($status->{node}, 'n1', 'status names the node');
    is($status->{counters}{admitted}, 1, 'counts who was admitted');
    is($status->{refused}{'credential-missing'}, 1, 'and refusals by reason');
    ok($status->{audit}{writable}, 'the log is written');
    is($status->{audit}{records}, scalar(() = $t->audit_records),
       'it says how many records there are');
    is($status->{nonces}{used}, 1, 'and nonces');
}


# What is exempt from an outer gate is what answers by itself, no location.
sub nothing_else_there {
    my $conf = $t->read_file('nginx.conf');

    for my $ours ('xc_status', 'xc_checkpoint',
                  'xc_intake ' . $t->root . '/conf/intake.json') {
        my $with = $conf;
        $with =~ s{(location = /status)}
                  {location /api { $ours; proxy_pass http://127.0.0.1:1; } $1};
        my ($status, $out) = $t->test_conf($with);
        isnt($status, 0, "$ours beside proxy_pass does not load");
        like($out, qr{"/api" has xc_intake, xc_status or xc_checkpoint and},
             'and the message says why');
    }
}


# Nor does a location within one inherit that.
sub nested {
    my $conf = $t->read_file('nginx.conf');

    $conf =~ s{location = /status \{ xc_status; \}}
              {location /status { xc_status; location /status/xc/v1/ {
                   proxy_pass http://127.0.0.1:1; } }} or die;
    $t->write_file('nginx.conf', $conf);
    ok($t->reload, 'a location within one of ours');
    is(get('/status')->{status}, 200, 'ours is free to be read');
    is(get('/status/xc/v1/x')->{status}, 401, 'what lies within is gated');
}


# "if" and limit_except are the location itself, though nginx gives them a
# configuration of their own.
sub circumstances {
    my $conf = $t->read_file('nginx.conf');
    my $if = 'if ($arg_x) { set $y 1; }';
    my $proxied = 'if ($arg_proxied) { proxy_pass http://127.0.0.1:1; }';

    $conf =~ s/(xc_intake [^;]+;|xc_status;|xc_checkpoint;)/$1 $if $proxied
               limit_except GET { allow all; }/g;
    $t->write_file('nginx.conf', $conf);
    ok($t->reload, '"if" within ours');
    for my $target ($url, '/status', '/checkpoint') {
        my ($plain, $x) = map { get($_) } $target, "$target?x=1";
        is("$x->{status} $x->{headers}{'content-type'}",
           "200 $plain->{headers}{'content-type'}", "$target within an if");
        is(get("$target?proxied=1")->{status}, 401,
           'another handler there is gated');
        my $post = $client->request('POST', $target, { sign => 0 });
        is("$post->{status} $post->{headers}{allow}", '405 GET, HEAD',
           'POST, within limit_except');
    }
}
