#!/usr/bin/perl

# Every reason that the gate knows is one that a client can meet: each is
# provoked here or in the file that its row names.  A reason without a row, or
# a row without a reason, fails.

use strict;
use warnings;
use utf8;

use IO::Socket::INET;
use IPC::Open2;
use POSIX ();
use Test::More;

use XC::Client;
use XC::Gate;
use XC::Nginx;

# one case makes nginx fail to write a body
my $t = XC::Nginx->new(allow => qr/open\(\) "[^"]*client_body/);
my $policy = $t->policy;

add_agencies();
$t->policy($policy);
$t->gate_conf(
    server => 'location = /jump { error_page 404 = '
              . ($policy->query =~ /^([^?]*)/)[0] . '; return 404; }',
    servers => <<'END_SERVERS');
    server {
        listen 127.0.0.1:%%PORT_early%% ssl;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        ssl_protocols TLSv1.3;
        ssl_early_data on;
        location / {
            xc enforce;
            xc_policy %%POLICY%%;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_nowhere%% ssl;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        client_body_temp_path %%PREFIX%%/client_body_gone;
        client_body_in_file_only clean;
        location / {
            xc enforce;
            xc_policy %%POLICY%%;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END_SERVERS
$t->run;

my $client = $t->client;
my $query = $policy->query;
my $submit = '/xc/v1/requests';

# A sub provokes and asserts; a name is the file in which that happens.
my %rows = (
    'header-reserved' => sub {
        by_get($_[0], { headers => [['X-XC-Agency', '310000']] });
    },
    'path-invalid' => sub { by_target($_[0], "/xc/v1/../x") },
    'body-invalid' => sub { by_body($_[0], '{') },
    'body-missing' => sub {
        refused($t, 'a submit', $client->request('POST', $submit), $_[0]);
    },
    'request-invalid' => sub { by_members($_[0], extra => 1) },
    'field-list-missing' => sub { by_members($_[0], fields => []) },
    'authority-unknown' => sub {
        by_get($_[0], { authority => 'other.example' });
    },
    'credential-missing' => sub { by_get($_[0], { sign => 0 }) },
    'credential-unknown' => sub { by_signature($_[0], keyid => 'nobody') },
    'credential-expired' => sub {
        by_get($_[0], { sign => { key => $policy->key('past') } });
    },
    'credential-conflict' => \&two_agencies,
    'signature-invalid' => sub {
        by_signature($_[0], values => { '@path' => '/' });
    },
    'signature-incomplete' => sub {
        by_signature($_[0], components => ['@method']);
    },
    'signature-stale' => sub { by_signature($_[0], created => 1) },
    'signature-replayed' => sub {
        admitted($t, 'once', by(nonce => 'once'));
        by_signature($_[0], nonce => 'once');
    },
    'digest-mismatch' => sub {
        refused($t, 'a submit',
                $client->request('POST', $submit,
                    { body => $policy->body, sign => { digest_body => '' } }),
                $_[0]);
    },
    'token-invalid' => 'jwt.t',
    'tls-required' => sub {
        refused($t, 'without TLS',
                $t->client(tls => 0)->request('GET', $query), $_[0]);
    },
    'source-not-allowed' => sub {
        by_get($_[0], { sign => { key => $policy->key('away') } });
    },
    'subrequest-refused' => sub {
        refused($t, 'sent on from an ungated location',
                $client->request('GET', '/jump'), $_[0]);
    },
    'operation-unknown' => sub { by_target($_[0], '/xc/v1/none') },
    'purpose-not-allowed' => sub { by_members($_[0], purpose => 'other') },
    'field-unknown' => sub { by_fields($_[0], 'merchant.nothing') },
    'field-not-granted' => sub { by_fields($_[0], 'livestream.host') },
    'approval-required' => sub { by_fields($_[0], 'buyer.phone') },
    'approval-invalid' => sub {
        by_members($_[0], approval => '沪市监协特〔2026〕7号');
    },
    'sweep-not-authorized' => sub { by_members($_[0], category => '食品') },
    'subject-required' => sub {
        by_members($_[0], subjects => undef, window => undef);
    },
    'request-not-yours' => 'result.t',
    'behalf-not-allowed' => sub {
        by_get($_[0], { headers => [['XC-On-Behalf-Of', '310000']] });
    },
    'body-too-large' => sub {
        by_members($_[0], note => 'x' x (256 * 1024));
    },
    'media-type-unsupported' => sub {
        refused($t, 'a submit', $client->request('POST', $submit, {
                    body => $policy->body,
                    headers => [['Content-Type', 'text/plain']] }), $_[0]);
    },
    'early-data' => \&early_data,
    'rate-exceeded' => sub {
        my %sign = (key => $policy->key('slow'));
        admitted($t, 'the first of a minute', by(%sign), agency => 'slow');
        refused($t, 'the second', by(%sign), $_[0], agency => 'slow');
    },
    'quota-exceeded' => 'rates.t',
    'fleet-unavailable' => 'fleet_faults.t',
    'audit-unavailable' => 'faults.t',
    'replay-store-full' => 'faults.t',
    'starting' => 'faults.t',
    'internal-error' => \&no_room_for_a_body,
    'client-gone' => \&leaves,
);

my @reasons = sort { $a->{at} <=> $b->{at} } values %{ reasons($t) };
is(join("\n", grep { !$rows{$_} } map { $_->{code} } @reasons), '',
   'every reason has a row');
is(join("\n", grep { !reasons($t)->{$_} } sort keys %rows), '',
   'every row has a reason');

for my $reason (@reasons) {
    my $code = $reason->{code};
    my $row = $rows{$code} or next;

    if (!ref $row) {
        my $text = $t->read_file($t->root . "/t/$row") // '';
        like($text, qr/\Q$code\E/, "$code: provoked in t/$row");
        next;
    }
    $row->($code);

    my $r = decision($t, { reason => $code });
    ok($r, "$code: recorded");
    is($r->{decision}, 'deny', "$code: as a refusal") if $r;
    $t->backend->forget;
}

texts();
chain_whole($t);
$t->finish;
done_testing;


sub add_agencies {
    my @common = (region => '310115', parent => '310000');

    $policy->data->{rates}{minute} = { rate => '1r/m' };
    $policy->add_agency('past', 'county',
        { %{ $policy->ed25519('past', 'past-key') },
          not_after => '2026-01-01T00:00:00Z' }, @common);
    $policy->add_agency('away', 'county',
        { %{ $policy->ed25519('away', 'away-key') },
          sources => ['203.0.113.0/24'] }, @common);
    $policy->add_agency('slow', 'county', $policy->ed25519('slow', 'slow-key'),
                        @common, rate => 'minute');
}


sub by { $client->request('GET', $query, { sign => {@_} }) }


sub by_get {
    my ($code, $options) = @_;

    refused($t, 'a query', $client->request('GET', $query, $options), $code);
}


sub by_signature {
    my ($code, %sign) = @_;

    refused($t, 'a query', by(%sign), $code);
}


sub by_target {
    my ($code, $target) = @_;

    refused($t, "GET $target", $client->request('GET', $target), $code);
}


sub by_body {
    my ($code, $body, %o) = @_;

    refused($t, 'a submit', $client->request('POST', $submit,
                                             { body => $body }), $code, %o);
}


sub by_members {
    my ($code, %members) = @_;

    by_body($code, $policy->body(%members));
}


sub by_fields {
    my ($code, $field) = @_;

    by_body($code, $policy->body(fields => ['merchant.name', $field]),
            fields => { $field => $code });
}


sub two_agencies {
    my ($code) = @_;
    my @h = map { [$client->signed_headers('GET', $query, [], undef, $_)] }
            { label => 'a' },
            { label => 'b', key => $policy->key('310000') };

    by_get($code, { sign => 0, headers => [
        ['Signature-Input', "$h[0][0][1], $h[1][0][1]"],
        ['Signature', "$h[0][1][1], $h[1][1][1]"]] });
}


# A request in the first flight of a resumed TLS session (RFC 8446 2.3).  The
# server's flight is kept from the client until the decision stands, so that the
# handshake can't be over by then: what is read after it is no early data.
sub early_data {
    my ($code) = @_;
    my $session = $t->path('session');
    my $release = $t->path('release');
    my $ask = sub {
        my ($port, $request, @args) = @_;
        my $pid = open2(my $out, my $in, 'openssl', 's_client', '-connect',
            "127.0.0.1:$port", '-tls1_3', '-quiet', '-ign_eof', @args);
        print $in $request;
        close $in;
        return ($pid, $out);
    };
    my $answer_of = sub {
        my ($pid, $out) = @_;
        local $/;
        my $text = <$out> // '';
        waitpid $pid, 0;
        return $text;
    };

    # the log of s_client is not this test's
    open my $stderr, '>&', \*STDERR or die $!;
    open STDERR, '>', '/dev/null' or die $!;
    my $first = $answer_of->($ask->($t->port('early'),
        $client->format('GET', $query, {}), '-sess_out', $session));
    $t->backend->forget;
    my $relay = relay($t->port('relay'), $t->port('early'), $release);
    $t->write_file('early', $client->format('GET', $query, {}));
    my @second = $ask->($t->port('relay'), '', '-sess_in', $session,
                        '-early_data', $t->path('early'));
    open STDERR, '>&', $stderr or die $!;

    $t->wait_record({ event => 'decision', reason => $code });
    $t->write_file('release', '');
    my $second = $answer_of->(@second);
    waitpid $relay, 0;

    like($first, qr{^HTTP/1.1 200 }, 'the handshake done: admitted');
    my ($head, $body) = split /\r\n\r\n/, $second, 2;
    my $answer = XC::Client::_finish(XC::Client::_parse_head($head), $body);
    refused($t, 'early data', $answer, $code);
}


# A process that passes one connection on, and holds what the server says until
# the file is there.
sub relay {
    my ($from, $to, $release) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$from",
        Listen => 1, ReuseAddr => 1) or die "relay: $!";
    my $pid = fork // die $!;
    return $pid if $pid;

    local $SIG{ALRM} = sub { POSIX::_exit(1) };
    alarm 120;
    my $client = $listen->accept;
    my $server = IO::Socket::INET->new("127.0.0.1:$to");
    my ($held, %open) = ('', client => 1, server => 1);

    while ($open{client} || $open{server} || length $held) {
        if (length $held && -e $release) {
            syswrite $client, $held;
            $held = '';
        }
        last if !$open{server} && !length $held;
        my $in = '';
        vec($in, fileno $client, 1) = 1 if $open{client};
        vec($in, fileno $server, 1) = 1 if $open{server};
        select $in, undef, undef, 0.02;
        if ($open{client} && vec $in, fileno $client, 1) {
            $open{client} = sysread $client, my $data, 65536;
            syswrite $server, $data if $open{client};
        }
        if ($open{server} && vec $in, fileno $server, 1) {
            $open{server} = sysread $server, my $data, 65536;
            $held .= $data if $open{server};
        }
    }
    POSIX::_exit(0);
}


# nginx's answer, where its body reader fails; the record is the gate's.
sub no_room_for_a_body {
    my ($code) = @_;

    rmdir $t->path('client_body_gone') or die "rmdir: $!";
    my $answer = $t->client(port => $t->port('nowhere'))
                   ->request('POST', $submit, { body => $policy->body });
    is($answer->{status}, reason($t, $code)->{status}, "$code: status");
    is($answer->{headers}{'xc-record'}, undef, "$code: no XC-Record");
    is($t->backend->count, 0, "$code: the back end saw nothing");
}


sub leaves {
    my ($code) = @_;
    my $sock = $client->connect;
    my $bytes = $client->format('POST', $submit, { body => $policy->body });

    $client->write($sock, substr $bytes, 0, -10);
    $client->leave($sock);
    my $r = decision($t, { reason => $code });
    is($r && $r->{agency}, '310115', "$code: of its agency");
    is($t->backend->count, 0, "$code: the back end saw nothing");
}


# What every row of the table holds for a reader.
sub texts {
    for my $r (@reasons) {
        like($r->{code}, qr/^[a-z]+(?:-[a-z]+)*$/, "$r->{code}: a word");
        like($r->{title}, qr/^[A-Z][\x20-\x7e]+[^.]$/, "$r->{code}: title");
        like($r->{title_zh}, qr/\p{Han}/, "$r->{code}: title_zh");
        like($r->{remedy_zh}, qr/\p{Han}/, "$r->{code}: remedy_zh");
    }
}
