#!/usr/bin/perl

# A denial stays a denial, and an admission holds only for what was decided,
# wherever nginx itself sends a request: error_page, try_files, satisfy, if,
# limit_except, subrequests, internal redirects.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP;
use Test::More;

use XC::Gate;
use XC::Nginx;

my $t = XC::Nginx->new;

# every operation in any folder, so that a location is a case
my $policy = XC::Policy->new;
$_->{path} = "(?:/[a-z0-9-]+)?$_->{path}" for @{ $policy->data->{operations} };
$t->policy($policy);

my $other = XC::Policy->new(policy => 'other');
$other->write($t->path('other.json'));

my $query = $policy->query;
my ($subject_path) = $query =~ /^([^?]*)/;
my $gated_query = "/gated$query";
my $post = '/xc/v1/requests';
my $backend = $t->backend;

mkdir $t->path('www') or die $!;
mkdir $t->path('www/open') or die $!;
$t->write_file('www/open/page.html', 'an open page');
$t->write_file('www/secret.html', 'a gated file');
$t->write_file('www/ssi.html',
    "before <!--# include virtual=\"/gated$subject_path\" --> after");
$t->write_file('www/ssi-ep.html',
    "before <!--# include virtual=\"/epnamed$subject_path\" --> after");
$t->write_file('www/part.html',
    "a page <!--# include virtual=\"/proxied$subject_path\" -->");
$t->write_file('www/parts.bin', join '', map { chr 97 + $_ % 26 } 0 .. 249);

$t->conf(configuration());
$t->run;

my $client = $t->client(keepalive => 1);
my $mark = 0;

start();
refusals_and_error_page();
upstream_failures();
intercepted();
posts();
body_reader();
try_files();
access_phase();
conditions();
auth_request();
included();
mirrored();
post_action();
sliced();
from_ungated();
accel();
recursion();
whole_log();

$t->finish;
done_testing;


sub configuration {
    my $gate = 'xc enforce; xc_policy %%POLICY%%;'
               . ' include %%ROOT%%/conf/xc_proxy_params;';
    my $up = 'proxy_pass http://%%BACKEND%%;';
    my $down = 'proxy_pass http://127.0.0.1:%%PORT_nobody%%;';
    my $slow = 'proxy_pass http://%%BACKEND%%; proxy_read_timeout 100ms;';
    my $all = 'error_page 400 401 403 404 405 408 413 415 429 500 502 503 504';

    return <<"END";
%%GLOBALS%%

http {
    %%HTTP%%
    xc_state %%STATE%%;
    xc_audit node=n1;
    recursive_error_pages on;
    log_subrequest on;

    server {
        listen 127.0.0.1:%%PORT_https%% ssl http2;
        server_name platform.example;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        root %%PREFIX%%/www;

        location / { $up }
        location /open/ { }
        location /gated/ { $gate $up }
        location \@gated { $gate $up }
        location \@open { xc off; $up }
        location \@static { xc off; }
        location \@other {
            xc enforce; xc_policy %%PREFIX%%/other.json; $up
        }

        # refusals
        location /ep/ { $gate $up $all /open/page.html; }
        location /ep200/ { $gate $up $all =200 /open/page.html; }
        location /epnamed/ { $gate $up $all = \@open; }
        location /epgated/ { $gate $up $all =200 /gated$subject_path; }

        # failures of the upstream
        location /down/ { $gate $down }
        location /down-open/ { $gate $down error_page 502 /open/page.html; }
        location /down-200/ { $gate $down error_page 502 =200 /open/page.html; }
        location /down-gated/ { $gate $down error_page 502 $gated_query; }
        location /down-gated-200/ {
            $gate $down error_page 502 =200 $gated_query;
        }
        location /down-file/ { $gate $down error_page 502 /epfile/secret.html; }
        location /epfile/ { $gate alias %%PREFIX%%/www/; }
        location /down-named/ { $gate $down error_page 502 = \@gated; }
        location /down-named-open/ { $gate $down error_page 502 = \@open; }
        location /down-named-other/ { $gate $down error_page 502 = \@other; }
        location /down-post/ {
            $gate $down error_page 502 /down-post$post;
        }
        location /slow/ { $gate $slow error_page 504 = \@gated; }
        location /slow-gated/ { $gate $slow error_page 504 $gated_query; }

        # answers of the back end that nginx replaces
        location /intercept/ {
            $gate $up proxy_intercept_errors on; error_page 404 /open/page.html;
        }
        location /intercept-gated/ {
            $gate $up proxy_intercept_errors on;
            error_page 404 =200 $gated_query;
        }
        location /intercept-401/ {
            $gate $up proxy_intercept_errors on; error_page 401 = \@gated;
        }

        # what the body's reader ends
        location /short/ { $gate $up client_max_body_size 100; }
        location /short-open/ {
            $gate $up client_max_body_size 100; $all /open/page.html;
        }
        location /short-gated/ {
            $gate $up client_max_body_size 100; $all =200 $gated_query;
        }
        location /short-named/ {
            $gate $up client_max_body_size 100; $all =200 \@gated;
        }
        location /short-named-open/ {
            $gate $up client_max_body_size 100; $all = \@static;
        }
        location /short-named-proxy/ {
            $gate $up client_max_body_size 100; $all = \@open;
        }
        location /short-proxy/ {
            $gate $up client_max_body_size 100; $all =200 /proxied$subject_path;
        }
        location /proxied/ { internal; $up }
        location /short-part/ {
            $gate $up client_max_body_size 100; $all =200 /part.html;
        }
        location /short-after/ {
            $gate $up client_max_body_size 100; $all =200 /after/page.html;
        }
        location = /part.html { ssi on; }
        location /after/ {
            alias %%PREFIX%%/www/open/; addition_types *;
            add_after_body /proxied$subject_path;
        }

        # try_files
        location /tf-file/ { $gate try_files /secret.html =404; }
        location /tf-404/ { $gate $up try_files /none =404; }
        location /tf-named/ { $gate $down try_files /none \@gated; }
        location /tf-named-open/ { $gate $down try_files /none \@open; }
        location /tf-named-other/ { $gate $up try_files /none \@other; }
        location /tf-uri/ { $gate $up try_files /none $gated_query; }
        location /tf-uri-open/ { $gate $up try_files /none /open/page.html; }

        # access
        location /any-allow/ { $gate $up satisfy any; allow all;
                               auth_basic x; auth_basic_user_file /dev/null; }
        location /any-deny/ { $gate $up satisfy any; deny all;
                              auth_basic x; auth_basic_user_file /dev/null; }
        location /all-deny/ { $gate $up deny all; }
        location /deny-gated/ { $gate $up deny all; error_page 403 = \@gated; }
        location /deny-open/ { $gate $up deny all; error_page 403 = \@open; }

        # conditions
        location /if/ { $gate $up if (\$request_method) { set \$x 1; } }
        location /if-proxy/ {
            $gate
            if (\$request_method) { $up }
        }
        location /except-allow/ {
            $gate limit_except PATCH { allow all; } $up
        }
        location /except-deny/ { $gate limit_except POST { deny all; } $up }
        location /nested/ {
            $gate
            location /nested/xc/ { $up }
        }

        # auth_request
        location = /auth-gated { internal; $gate $up }
        location = /auth-ok { internal; return 204; }
        location /ar-ungated/ { auth_request /auth-gated; $up }
        location /ar-gated/ { $gate auth_request /auth-gated; $up }
        location /ar-ok/ { $gate auth_request /auth-ok; $up }

        # includes
        location = /ssi.html { ssi on; }
        location = /ssi-ep.html { ssi on; }
        location /ssi-gated/ { $gate $up ssi on; ssi_types *; }
        location /add-before/ {
            add_before_body /gated$subject_path; addition_types *; $up
        }
        location /add-after/ {
            add_after_body /gated$subject_path; addition_types *; $up
        }
        location /add-open/ {
            $gate add_after_body /open/page.html; addition_types *; $up
        }
        location /add-gated/ {
            $gate add_after_body /gated$subject_path; addition_types *; $up
        }

        # mirror
        location = /mirror { internal; proxy_pass http://%%BACKEND%%/mirrored;
                             proxy_pass_request_headers off; }
        location = /mirror-gate {
            internal; $gate proxy_pass http://%%BACKEND%%/mirrored;
        }
        location /mirror-open/ { $gate mirror /mirror; $up }
        location /mirror-gated/ { $gate mirror /mirror-gate; $up }

        # when the answer is out
        location /post-gated/ { $gate $up post_action $gated_query; }

        # slices
        location /slice/ {
            $gate slice 100;
            proxy_set_header Range \$slice_range;
            proxy_pass http://127.0.0.1:%%PORT_files%%/parts.bin?;
        }

        # from ungated locations
        location /alias/ { rewrite ^/alias(/.*) /gated\$1 last; }
        location /alias-in/ {
            $gate rewrite ^/alias-in(/.*) /gated\$1 last;
        }
        location /alias-break/ {
            $gate $up rewrite ^/alias-break(/.*) /gated\$1 break;
        }
        location /args-other/ { $gate $up set \$args fields=all; }
        location /args-none/ { $gate $up set \$args ""; }
        location /args-more/ { $gate $up set \$args \$args&\$http_accept; }
        location /404-gated/ {
            proxy_intercept_errors on; error_page 404 =200 $gated_query;
            $up
        }
        location /404-named/ {
            proxy_intercept_errors on; error_page 404 =200 \@gated; $up
        }
        location /tf-ungated/ { try_files /none $gated_query; }
        location /index-gated/ { index page.html; alias %%PREFIX%%/www/open/; }
        location = /index-gated/page.html {
            $gate alias %%PREFIX%%/www/open/page.html;
        }
        location /accel-open/ { $up }
        location /accel/ { $gate $up }

        # loops
        location /loop/ { $gate $down error_page 502 \@loop; }
        location \@loop { $gate $down error_page 502 \@loop2; }
        location \@loop2 { $gate $down error_page 502 \@loop; }
        location /loop-uri/ { $gate $down error_page 502 /loop-uri$subject_path; }
    }

    server {
        listen 127.0.0.1:%%PORT_files%%;
        root %%PREFIX%%/www;
        access_log %%PREFIX%%/files.log;
    }
}
END
}


# A signed GET (or what the options say) to a case's location.
sub get {
    my ($case, %o) = @_;

    return $client->request('GET', "/$case$query", { %o });
}


sub post {
    my ($case, %o) = @_;

    return $client->request('POST', "/$case$post",
                            { body => $policy->body, %o });
}


# What the back end answers in a case's location.
sub backend_says {
    my ($case, %answer) = @_;
    my $path = "/$case" . ($answer{post} ? $post : $subject_path);

    delete $answer{post};
    $backend->answer($path => \%answer);
}


# One test: the answer's status and body, the records that the case left
# ('allow, outcome 200'), the requests that the back end saw ('GET case').
# gated => 0: the answer does not come through a gate.
sub meets {
    my ($name, $answer, %want) = @_;
    my $h = $answer->{headers} // {};
    my @bad;

    push @bad, 'no answer' if !$answer;
    push @bad, 'status ' . ($answer->{status} // 'none')
        if ($answer->{status} // 0) != $want{status};
    push @bad, 'body: ' . substr $answer->{body} // '', 0, 200
        if defined $want{body} && ($answer->{body} // '') !~ $want{body};

    my $got = trail($want{trail});
    push @bad, "records: $got" if $got ne $want{trail};

    # where nginx does not wait for it (504), it is seen later than answered
    my $n = split /, /, $want{seen} // '';
    $t->wait_for(sub { $backend->count >= $n });
    my $seen = join ', ', map { "$_->{method} " . case_of($_->{target}) }
                          $backend->requests;
    push @bad, "the back end saw: $seen" if $seen ne ($want{seen} // '');

    if ($want{gated} // 1) {
        push @bad, 'Cache-Control: ' . ($h->{'cache-control'} // 'none')
            if ($h->{'cache-control'} // '') ne 'no-store';
        my $due = $want{trail} =~ /^allow/ && $want{status} != 403;
        push @bad, 'XC-Record: ' . ($h->{'xc-record'} // 'none')
            if $due xor defined $h->{'xc-record'};
    }

    ok(!@bad, $name) or diag(join "\n", @bad);
    $backend->forget;
}


sub case_of { $_[0] =~ m{^/([^/?]*)} ? $1 : $_[0] }


# The records since the last call, waiting for as many as are wanted.
sub trail {
    my ($want) = @_;
    my $n = split /, /, $want;
    my @lines;

    $t->wait_for(sub {
        @lines = $t->audit_lines;
        return @lines >= $mark + $n;
    }, 5);
    my @records = map { JSON::PP->new->utf8->decode($_) }
                  @lines[$mark .. $#lines];
    $mark = @lines;
    return join ', ', map { name_of($_) } @records;
}


sub name_of {
    my ($r) = @_;

    return "outcome $r->{status}" if $r->{event} eq 'outcome';
    return $r->{event} if $r->{event} ne 'decision';
    return $r->{decision} eq 'allow' ? 'allow' : "deny $r->{reason}";
}


sub start {
    is(trail('start'), 'start', 'the log begins');
    meets('admitted', get('gated'), status => 200, body => qr/"ok"/,
          trail => 'allow, outcome 200', seen => 'GET gated');
    meets('unsigned', get('gated', sign => 0), status => 401,
          body => qr/urn:xc:credential-missing/,
          trail => 'deny credential-missing');
}


sub refusals_and_error_page {
    my %kinds = (
        'unsigned' => [401, 'credential-missing',
                       sub { get($_[0], sign => 0) }],
        'tampered' => [401, 'signature-invalid',
                       sub { get($_[0], sign => { values =>
                                                  { '@method' => 'PUT' } }) }],
        'refused field' => [403, 'approval-required', sub {
            post($_[0], body => $policy->body(fields => ['buyer.phone'])) }],
        'no operation' => [403, 'operation-unknown', sub {
            $client->request('GET', "/$_[0]/xc/v1/none") }],
        'bad body' => [400, 'body-invalid', sub { post($_[0], body => '{') }],
        'type' => [415, 'media-type-unsupported', sub {
            post($_[0], headers => { 'Content-Type' => 'text/plain' }) }],
    );

    for my $case (qw(ep ep200 epnamed epgated)) {
        for my $kind (sort keys %kinds) {
            my ($status, $reason, $send) = @{ $kinds{$kind} };
            meets("$case: $kind", $send->($case), status => $status,
                  body => qr/"urn:xc:$reason"/, trail => "deny $reason");
        }
    }
}


sub upstream_failures {
    my $refused = 'allow, deny subrequest-refused, outcome 403';

    meets('no upstream', get('down'), status => 502, trail => 'allow, outcome 502');
    meets('502 to an open page', get('down-open'), status => 502,
          body => qr/^an open page$/, trail => 'allow, outcome 502');
    meets('502 to an open page =200', get('down-200'), status => 200,
          body => qr/^an open page$/, trail => 'allow, outcome 200');
    for my $case (qw(down-gated down-gated-200 down-named-other)) {
        meets($case, get($case), status => 403,
              body => qr/"urn:xc:subrequest-refused"/, trail => $refused);
    }
    my $answer = get('down-file');
    meets('502 to a file behind the gate', $answer, status => 403,
          trail => $refused);
    unlike($answer->{body}, qr/a gated file/, 'which is not given out');

    meets('502 to a named gate: the same request', get('down-named'),
          status => 200, trail => 'allow, outcome 200',
          seen => 'GET down-named');
    meets('502 to a named location without a gate', get('down-named-open'),
          status => 200, trail => 'allow, outcome 200',
          seen => 'GET down-named-open');

    for my $case (qw(down-open down-gated-200 down-named down-named-open)) {
        meets("$case: unsigned", get($case, sign => 0), status => 401,
              body => qr/"urn:xc:credential-missing"/,
              trail => 'deny credential-missing');
    }

    backend_says('slow', delay => 1);
    backend_says('slow-gated', delay => 1);
    meets('504 to an internal redirect', get('slow-gated'), status => 403,
          trail => $refused, seen => 'GET slow-gated');
    backend_says('slow', delay => 0.3);
    meets('504 to a named gate', get('slow'), status => 200,
          trail => 'allow, outcome 200', seen => 'GET slow, GET slow');
}


sub intercepted {
    for my $case (qw(intercept intercept-gated)) {
        backend_says($case, status => 404, body => 'none');
    }
    meets('404 intercepted', get('intercept'), status => 404,
          body => qr/^an open page$/, trail => 'allow, outcome 404',
          seen => 'GET intercept');
    meets('404 intercepted, to a gate', get('intercept-gated'), status => 403,
          body => qr/"urn:xc:subrequest-refused"/,
          trail => 'allow, deny subrequest-refused, outcome 403',
          seen => 'GET intercept-gated');

    backend_says('intercept-401', status => 401, body => 'no');
    meets('401 of the back end', get('intercept-401'), status => 401,
          body => qr/^no$/, trail => 'allow, outcome 401',
          seen => 'GET intercept-401, GET intercept-401');
}


# error_page makes a GET of it, without a body
sub posts {
    meets('an admitted POST that became a GET', post('down-post'),
          status => 403, body => qr/"urn:xc:subrequest-refused"/,
          trail => 'allow, deny subrequest-refused, outcome 403');
    meets('a refused one', post('down-post', sign => 0), status => 401,
          trail => 'deny credential-missing');

    my $body = $policy->body(note => 'twice');
    my $answer = post('down-named', body => $body);
    is(($backend->last_request // {})->{body}, $body,
       'to a named location it keeps its body');
    meets('and stays a POST', $answer, status => 200,
          trail => 'allow, outcome 200', seen => 'POST down-named');
}


# nginx refuses a body that is longer than its own limit, after the gate has
# begun: that denial is the gate's, and holds
sub body_reader {
    my %sent = (
        'body-too-large' => sub {
            post($_[0], body => $policy->body, chunked => 1);
        },
        'body-invalid' => sub {
            return no_chunk($_[0]);
        });

    for my $case (qw(short short-open short-gated short-named)) {
        for my $reason (sort keys %sent) {
            my $own = $case =~ /^short(?:-open)?$/;
            my $status = $reason eq 'body-invalid' || !$own ? 400 : 413;
            my $body = $case eq 'short'      ? qr/<html>/
                     : $case eq 'short-open' ? qr/^an open page$/
                     :                         qr/"urn:xc:body-/;

            # "=200" has overwritten what the reader said
            my $recorded = $own ? $reason : 'body-invalid';
            meets("$case: $reason", $sent{$reason}->($case), body => $body,
                  status => $status, trail => "deny $recorded");
        }
    }

    # what is not gated is served; the denial is recorded none the less
    meets('to a named location without a gate',
          $sent{'body-too-large'}->('short-named-open'), status => 404,
          trail => 'deny body-invalid');

    # but no back end is asked for what was not admitted
    for my $case (qw(short-named-proxy short-proxy)) {
        for my $reason (sort keys %sent) {
            meets("$case: $reason", $sent{$reason}->($case), status => 400,
                  body => qr/"urn:xc:body-invalid"/,
                  trail => 'deny body-invalid');
        }
    }

    # nor for a part of the page
    for my $case (qw(short-part short-after)) {
        meets("$case: a page of parts", $sent{'body-invalid'}->($case),
              status => 200, body => qr/page.*403 Forbidden/s, gated => 0,
              trail => 'deny body-invalid');
    }

    # nginx can't read past such a body, which softens no refusal either
    for my $case (qw(ep ep200 epnamed epgated)) {
        meets("$case: unsigned, and no body", no_chunk($case, sign => 0),
              status => 401, body => qr/"urn:xc:credential-missing"/,
              trail => 'deny credential-missing');
    }
}


# A body that is announced as chunks, and holds none.
sub no_chunk {
    my ($case, %o) = @_;
    my $bytes = $client->format('POST', "/$case$post",
                    { body => $policy->body, chunked => 1, %o });

    $bytes =~ s/\r\n\r\n.*/\r\n\r\nnot a chunk\r\n/s;
    return $client->raw($bytes);
}


sub try_files {
    my $refused = 'allow, deny subrequest-refused, outcome 403';

    meets('try_files to a file', get('tf-file'), status => 200,
          body => qr/^a gated file$/, trail => 'allow, outcome 200');
    meets('try_files to a status', get('tf-404'), status => 404,
          trail => 'allow, outcome 404');
    meets('try_files to a named gate', get('tf-named'), status => 200,
          trail => 'allow, outcome 200', seen => 'GET tf-named');
    meets('try_files to a named location without', get('tf-named-open'),
          status => 200, trail => 'allow, outcome 200',
          seen => 'GET tf-named-open');
    meets('try_files to another policy', get('tf-named-other'), status => 403,
          trail => $refused);
    meets('try_files to a uri behind the gate', get('tf-uri'), status => 403,
          trail => $refused);
    meets('try_files to an open uri', get('tf-uri-open'), status => 200,
          body => qr/^an open page$/, trail => 'allow, outcome 200');

    for my $case (qw(tf-file tf-404 tf-named tf-named-open tf-named-other
                     tf-uri tf-uri-open))
    {
        meets("$case: unsigned", get($case, sign => 0), status => 401,
              body => qr/"urn:xc:credential-missing"/,
              trail => 'deny credential-missing');
    }
}


sub access_phase {
    meets('satisfy any, allow all: unsigned', get('any-allow', sign => 0),
          status => 401, body => qr/urn:xc:/,
          trail => 'deny credential-missing');
    meets('satisfy any, allow all: signed', get('any-allow'), status => 200,
          trail => 'allow, outcome 200', seen => 'GET any-allow');
    meets('satisfy any, deny all: signed, but not nginx\'s own way',
          get('any-deny'), status => 401, body => qr/<html>/, trail => '');
    meets('satisfy any, deny all: unsigned', get('any-deny', sign => 0),
          status => 401, trail => '');
    meets('deny all: signed', get('all-deny'), status => 403, trail => '');
    meets('deny all, and error_page to a gate', get('deny-gated'),
          status => 403, body => qr/"urn:xc:subrequest-refused"/,
          trail => 'deny subrequest-refused');
    meets('deny all, and error_page to where no gate is: not the gate\'s',
          get('deny-open'), status => 200, trail => '', gated => 0,
          seen => 'GET deny-open');
}


sub conditions {
    for my $case (qw(if if-proxy except-allow nested)) {
        meets("$case: unsigned", get($case, sign => 0), status => 401,
              body => qr/"urn:xc:credential-missing"/,
              trail => 'deny credential-missing');
        meets("$case: signed", get($case), status => 200,
              trail => 'allow, outcome 200', seen => "GET $case");
    }
    meets('limit_except denies a GET', get('except-deny'), status => 403,
          trail => '');
    meets('limit_except leaves a POST to the gate',
          post('except-deny', sign => 0), status => 401,
          trail => 'deny credential-missing');
    meets('which admits it', post('except-deny'), status => 200,
          trail => 'allow, outcome 200', seen => 'POST except-deny');
}


sub auth_request {
    my $deny = 'deny subrequest-refused';

    meets('auth_request: a gate is no oracle', get('ar-ungated'),
          status => 403, body => qr/<html>/, trail => $deny, gated => 0);
    meets('auth_request: unsigned', get('ar-ungated', sign => 0),
          status => 403, trail => $deny, gated => 0);
    meets('auth_request of one gate to another', get('ar-gated'),
          status => 403, trail => $deny);
    meets('auth_request to what is not gated', get('ar-ok'), status => 200,
          trail => 'allow, outcome 200', seen => 'GET ar-ok');
    meets('which does not replace the gate', get('ar-ok', sign => 0),
          status => 401, trail => 'deny credential-missing');
}


sub included {
    my $deny = 'deny subrequest-refused';
    my $answer = $client->request('GET', '/ssi.html', { sign => 0 });
    unlike($answer->{body}, qr/"ok"/, 'SSI: no answer from behind the gate');
    meets('SSI from an ungated page', $answer, status => 200,
          body => qr/^before .*403.* after$/s, trail => $deny, gated => 0);
    meets('SSI from an ungated page, and error_page',
          $client->request('GET', '/ssi-ep.html', { sign => 0 }),
          status => 200, body => qr/^before .*403.* after$/s, trail => $deny,
          gated => 0);

    for my $case (qw(add-before add-after)) {
        my $answer = get($case);
        meets("$case from an ungated location", $answer, status => 200,
              body => qr/403 Forbidden/, trail => $deny, gated => 0,
              seen => "GET $case");
        my $n = () = $answer->{body} =~ /"ok"/g;
        is($n, 1, "$case: nothing from behind the gate");
    }

    meets('add_after_body in a gate, of a gate', get('add-gated'),
          status => 200, body => qr/"ok".*403 Forbidden/s,
          trail => "allow, $deny, outcome 200", seen => 'GET add-gated');
    meets('add_after_body in a gate, of an open page', get('add-open'),
          status => 200, body => qr/"ok".*an open page/s,
          trail => 'allow, outcome 200', seen => 'GET add-open');

    backend_says('ssi-gated', body =>
                 "<!--# include virtual=\"/gated$subject_path\" -->");
    $answer = get('ssi-gated');
    meets('SSI in an admitted answer', $answer, status => 200,
          body => qr/403 Forbidden/, trail => "allow, $deny, outcome 200",
          seen => 'GET ssi-gated');
}


# A mirror's answer is thrown away, so only its request counts.
sub mirrored {
    my $seen = sub { join ', ', sort map { "$_->{method} $_->{target}" =~
                                           s{xc/v1/.*}{}r }
                                $backend->requests };
    my $body = $policy->body(note => 'mirrored');
    my $answer = post('mirror-open', body => $body);

    $t->wait_for(sub { $backend->count == 2 });
    is($seen->(), 'POST /mirror-open/, POST /mirrored',
       'mirror of an admitted request to an ungated location');
    is_deeply([map { $_->{body} } $backend->requests], [$body, $body],
              'with its body');
    $backend->forget;
    meets('mirror: records', $answer, status => 200,
          trail => 'allow, outcome 200');

    meets('mirror to a gate', post('mirror-gated'), status => 200,
          trail => 'allow, deny subrequest-refused, outcome 200',
          seen => 'POST mirror-gated');
    for my $case (qw(mirror-open mirror-gated)) {
        meets("$case: unsigned", post($case, sign => 0), status => 401,
              trail => 'deny credential-missing');
    }
}


sub post_action {
    meets('post_action to a gate', get('post-gated'), status => 200,
          trail => 'allow, deny subrequest-refused, outcome 200',
          seen => 'GET post-gated');

    # the connection's next request waits for the action
    my $answer = get('post-gated', sign => 0);
    is(get('gated')->{status}, 200, 'post_action, unsigned: and another');
    meets('post_action, unsigned', $answer, status => 401, seen => 'GET gated',
          trail => 'deny credential-missing, allow, outcome 200', gated => 0);
}


# Parts of what was decided, fetched by subrequests
sub sliced {
    my $whole = $t->read_file('www/parts.bin');
    my $answer = get('slice');
    my $requests = () = ($t->read_file('files.log') // '') =~ /" 206 /g;

    is($answer->{body}, $whole, 'slices: the whole answer');
    is($requests, 3, 'slices: from three requests');
    my ($outcome) = grep { $_->{event} eq 'outcome' } 
                    records_of($answer);
    is(($outcome // {})->{answer_sha256}, sha256_hex($whole),
       'slices: one digest of it');
    meets('slices: records', $answer, status => 200,
          trail => 'allow, outcome 200');

    meets('slices: unsigned', get('slice', sign => 0), status => 401,
          trail => 'deny credential-missing');
    my $after = () = $t->read_file('files.log') =~ /" 206 /g;
    is($after, 3, 'of which no slice was fetched');
}


sub records_of {
    my ($answer) = @_;
    my $r = $t->records_of($answer);

    return grep { $_ } @$r{qw(decision outcome)};
}


sub from_ungated {
    my $deny = 'deny subrequest-refused';

    # what goes on is not what was signed
    for my $case (qw(alias alias-in alias-break)) {
        meets("$case: rewrite", get($case), status => 403,
              body => qr/"urn:xc:subrequest-refused"/, trail => $deny);
        meets("$case: rewrite, unsigned", get($case, sign => 0),
              status => 403, trail => $deny);
    }

    for my $case (qw(args-other args-none args-more)) {
        meets("$case: set", get($case, headers => [['Accept', 'fields=all']]),
              status => 403, body => qr/"urn:xc:subrequest-refused"/,
              trail => $deny);
        meets("$case: set, unsigned", get($case, sign => 0), status => 401,
              trail => 'deny credential-missing');
    }
    meets('args-more: set, a body', post('args-more'), status => 403,
          body => qr/"urn:xc:subrequest-refused"/, trail => $deny);

    for my $case (qw(404-gated 404-named)) {
        backend_says($case, status => 404);
        meets("$case: error_page 404 to a gate", get($case), status => 403,
              body => qr/"urn:xc:subrequest-refused"/, trail => $deny,
              seen => "GET $case");
    }
    meets('try_files to a gate', get('tf-ungated'), status => 403,
          body => qr/"urn:xc:subrequest-refused"/, trail => $deny);
    meets('index behind a gate', $client->request('GET', '/index-gated/'),
          status => 403, trail => $deny);

    backend_says('accel-open',
                 headers => [['X-Accel-Redirect', $gated_query]]);
    meets('X-Accel-Redirect to a gate', get('accel-open'), status => 403,
          body => qr/"urn:xc:subrequest-refused"/, trail => $deny,
          seen => 'GET accel-open');
    backend_says('accel-open', headers => [['X-Accel-Redirect', '@gated']]);
    meets('X-Accel-Redirect to a named gate', get('accel-open'),
          status => 403, trail => $deny, seen => 'GET accel-open');
}


# xc_proxy_params ignores the header; where an operator lets it through, it
# leads behind no gate
sub accel {
    backend_says('accel', body => 'own', headers =>
                 [['X-Accel-Redirect', '/open/page.html']]);
    my $answer = get('accel');
    is($answer->{headers}{'x-accel-redirect'}, undef,
       'X-Accel-Redirect is kept from the client');
    meets('X-Accel-Redirect of an admitted answer is ignored', $answer,
          status => 200, body => qr/^own$/, trail => 'allow, outcome 200',
          seen => 'GET accel');
}


sub recursion {
    meets('named locations in a circle', get('loop'), status => 500,
          trail => 'allow, outcome 500');
    meets('named locations in a circle, unsigned', get('loop', sign => 0),
          status => 401, trail => 'deny credential-missing');
    my $answer = get('loop-uri');
    meets('a uri in a circle', $answer, status => 403,
          trail => 'allow, deny subrequest-refused, outcome 403');
}


# Over everything that the test did
sub whole_log {
    my (%allow, %outcome);
    my @strange;

    for my $r ($t->audit_records) {
        if ($r->{event} eq 'outcome') {
            $outcome{ $r->{id} }++;
            push @strange, "outcome $r->{seq}"
                if ($allow{ $r->{id} } // -1) != $r->{decision_seq};
        } elsif ($r->{event} eq 'decision' && $r->{decision} eq 'allow') {
            push @strange, "decision $r->{seq}" if exists $allow{ $r->{id} };
            $allow{ $r->{id} } = $r->{seq};
        }
    }
    is_deeply([sort keys %outcome], [sort keys %allow],
              'every admitted request has an outcome, nothing else has');
    is_deeply([grep { $_ != 1 } values %outcome], [], 'exactly one');
    is_deeply(\@strange, [], 'after its one decision');
    chain_whole($t);
}
