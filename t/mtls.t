#!/usr/bin/perl

# Client certificates: what of them names a credential, which chains are
# trusted, and what else is presented beside them.

use strict;
use warnings;
use utf8;

use Test::More;

use XC::Certs;
use XC::Client;
use XC::Gate;
use XC::Nginx;
use XC::Policy;

my $t = XC::Nginx->new;
my $submit = '/xc/v1/requests';

# CAs first
my $certs = XC::Certs->new($t->prefix);

$certs->ca($_) for qw(ca wrong);
$certs->ca('alike', 'ca');
$certs->cert(county => '/C=CN/O=上海市浦东新区市场监督管理局/CN=county');
$certs->cert(province => '/CN=province');
$certs->cert(national => '/C=CN/O=国家市场监督管理总局, 网监司/CN=client 1');
$certs->cert(renewed => '/CN=county renewed', key => 'county');
$certs->cert(both => '/CN=of two');
$certs->cert(narrow => '/CN=narrow');
$certs->cert(nobody => '/CN=nobody');
$certs->cert(wrongly => '/CN=county', ca => 'wrong', key => 'county');
$certs->cert(expired => '/CN=expired', days => 0);    # as it is made
$certs->cert(twin => '/CN=county', ca => 'alike', key => 'county');
$certs->cert(self => '/C=CN/O=国家市场监督管理总局, 网监司/CN=client 1', ca => 'self');

my $cert = $certs->{made};
my $policy = make_policy();
my $query = $policy->query;

$t->gate_conf(
    http => 'ssl_session_cache shared:s:1m; ssl_protocols TLSv1.2 TLSv1.3;'
            . ' ssl_session_ticket_key ticket.key;',
    server => asks('optional'),
    location => 'xc_credentials mtls httpsig;'
                . ' proxy_set_header X-Credential $xc_credential;',
    servers => join '',
        server('both', asks('optional'), 'mtls+httpsig'),
        server('always', asks('on'), 'mtls'),
        server('noca', asks('optional_no_ca'), 'mtls httpsig'),
        server('sig', asks('optional_no_ca'), 'httpsig'),
        server('other', 'ssl_verify_client optional;'
               . ' ssl_client_certificate wrong.crt;'
               . ' ssl_trusted_certificate wrong.crt;', 'mtls',
               'other.example'),
        server('other', asks('optional'), 'mtls httpsig'),
        server('twin', 'ssl_verify_client on;'
               . ' ssl_client_certificate alike.crt;', 'mtls'),
        server('crl', asks('on') . ' ssl_crl ca.crl;', 'mtls'),
        server('ocsp', asks('on') . ' ssl_ocsp on;'
               . ' ssl_ocsp_responder http://127.0.0.1:%%PORT_responder%%;',
               'mtls'));
$t->write_file('ticket.key', join '', map { chr 33 + $_ } 1 .. 80);
make_crl();
$t->run;

each_match();
tls_versions();
keepalive();
http2();
bodies();
none_and_unknown();
conflicts();
validity_and_source();
chains();
other_server();
signature_beside();
both_needed();
not_accepted();
resumption();
crossed();
other_socket();
expiry();
revocation();
ocsp();
renegotiation();

chain_whole($t);
$t->finish;
done_testing;


# --- certificates -----------------------------------------------------------

sub at_ca {
    $certs->openssl('ca', qw(-config ca.cnf -keyfile ca.key -cert ca.crt),
                    @_);
}


# The CA's list of what it has revoked, with one more.
sub make_crl {
    my (@more) = @_;

    if (!-e $t->path('ca.cnf')) {
        $t->write_file('index.txt', '');
        $t->write_file($_, '1000') for qw(serial crlnumber);
        $t->write_file('ca.cnf', <<'END');
[ca]
default_ca = d
[d]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
default_md = sha256
default_crl_days = 30
policy = p
[p]
commonName = supplied
END
    }
    at_ca('-revoke', $_) for @more;
    at_ca(qw(-gencrl -out ca.crl));
}


# --- configuration ----------------------------------------------------------

sub make_policy {
    my $p = $t->policy;
    my $add = sub { push @{ $p->agency(shift)->{credentials} },
                         { type => 'mtls', @_ } };

    $add->('310115', spki_sha256 => $cert->{county}{spki});
    $add->('310000', cert_sha256 => uc $cert->{province}{hash});
    $add->('000000', subject =>
           'CN=client 1,O=国家市场监督管理总局\, 网监司,C=CN');
    $add->('310115', cert_sha256 => $cert->{both}{hash});
    $add->('310000', subject => 'CN=of two');
    $add->('310115', cert_sha256 => $cert->{narrow}{hash},
           sources => ['203.0.113.0/24']);
    $add->('310115', subject => 'CN=narrow');
    $add->('310115', cert_sha256 => $cert->{renewed}{hash},
           not_after => '2026-01-01T00:00:00Z');
    return $t->policy($p);
}


sub asks {
    my ($verify) = @_;

    return "ssl_verify_client $verify; ssl_client_certificate ca.crt;";
}


sub server {
    my ($port, $tls, $credentials, $name) = @_;

    $name //= 'platform.example';
    return <<"END";
    server {
        listen 127.0.0.1:%%PORT_$port%% ssl;
        server_name $name;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        $tls
        location / {
            xc enforce;
            xc_policy %%POLICY%%;
            xc_credentials $credentials;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END
}


# A client that presents the certificate (undef: none); port, agency (that
# signs), ssl: more
sub client {
    my ($name, %o) = @_;
    my $port = delete $o{port};
    my $ssl = delete $o{ssl};

    return $t->client(
        $port ? (port => $t->port($port)) : (),
        ssl => { $name ? %{ $cert->{$name}{ssl} } : (), %{ $ssl // {} } },
        curl => $name ? $cert->{$name}{curl} : [], %o);
}


sub ask { client(@_)->request('GET', $query, { sign => 0 }) }
sub ask_signed { client(@_)->request('GET', $query) }


# --- what names a credential ------------------------------------------------

sub each_match {
    my $subject = 'CN=client 1,O=国家市场监督管理总局\, 网监司,C=CN';

    my $seen = admitted($t, 'by the key', ask('county'),
        record => { credential => "mtls:$cert->{county}{spki}",
                    certificate => $cert->{county}{hash},
                    signature => undef, signature_input => undef });
    is($seen->{seen}{h}{'x-xc-agency'}, '310115', 'the back end knows it');

    admitted($t, 'by itself', ask('province'), agency => '310000',
        record => { credential => "mtls:$cert->{province}{hash}",
                    certificate => $cert->{province}{hash} });
    $seen = admitted($t, 'by its subject', ask('national'),
        agency => '000000',
        record => { credential => "mtls:$subject",
                    certificate => $cert->{national}{hash} });

    my $value = $seen->{seen}{h}{'x-credential'} // '';
    like($value, qr/\A[!-~]+\z/, '$xc_credential is printable ASCII');
    $value =~ s/%([0-9a-f]{2})/chr hex $1/ge;
    utf8::encode($subject);
    is($value, "mtls:$subject", 'and names the credential');
}


sub tls_versions {
    for my $v ('1_2', '1_3') {
        admitted($t, "TLS $v",
            ask('county', ssl => { SSL_version => "TLSv$v" }),
            record => { tls => 'TLSv' . $v =~ tr/_/./r });
        refused($t, "TLS $v, nobody's",
            ask('nobody', ssl => { SSL_version => "TLSv$v" }),
            'credential-unknown');
    }
}


# Nothing may pass once: the same request again is another request.
sub keepalive {
    my $client = client('county', keepalive => 1);
    my $bytes = $client->format('GET', $query, { sign => 0 });

    for my $n (1 .. 3) {
        admitted($t, "request $n of a connection",
            $client->request('GET', $query, { sign => 0 }));
    }
    is($client->format('GET', $query, { sign => 0 }), $bytes,
       'the same bytes each time');
}


sub http2 {
    admitted($t, 'HTTP/2',
        client('county')->http2('GET', $query, { sign => 0 }));
    refused($t, 'HTTP/2, nobody\'s',
        client('nobody')->http2('GET', $query, { sign => 0 }),
        'credential-unknown');

    # two streams of one connection share its certificate
    my $client = client('county');
    push @{ $client->{curl} }, "https://platform.example$query", '-o',
        $t->path('second');
    my $before = () = decisions($t);
    my $counts = $client->http2('GET', $query, { sign => 0 });
    is($counts->{status}, 200, 'the last of two streams');
    ok($t->wait_for(sub { decisions($t) >= $before + 2 }), 'two decisions');
    is(join(' ', map { $_->{certificate} // '' }
                 (decisions($t))[$before, $before + 1]),
       "$cert->{county}{hash} $cert->{county}{hash}", 'of the one certificate');
    splice @{ $cert->{county}{curl} }, 4;
    $t->backend->forget;
}


# --- bodies -----------------------------------------------------------------

sub bodies {
    my $body = $policy->body;
    my $digest = XC::Client::content_digest('sha-256', $body);
    my $post = sub {
        client('county')->request('POST', $submit, { body => $body, sign => 0,
            headers => [['Content-Type', 'application/json'],
                        map { ['Content-Digest', $_] } @_] });
    };

    my $seen = admitted($t, 'a body that nobody signed', $post->());
    is($seen->{seen}{body}, $body, 'reaches the back end');
    admitted($t, 'a body with its digest', $post->($digest),
             record => { content_digest => $digest });
    refused($t, 'a body with another digest',
        $post->(XC::Client::content_digest('sha-256', 'x')),
        'digest-mismatch');
    refused($t, 'a body with a digest that is none', $post->('sha-256=x'),
        'digest-mismatch');
    refused($t, 'a body without a certificate',
        client()->request('POST', $submit, { body => $body, sign => 0 }),
        'credential-missing');
}


# --- who it is --------------------------------------------------------------

sub none_and_unknown {
    my $answer = ask();
    refused($t, 'no certificate, no signature', $answer, 'credential-missing');
    is_deeply([map { $_->[1] } grep { lc $_->[0] eq 'www-authenticate' }
               @{ $answer->{raw_headers} }],
              ['Signature realm="xc"', 'mTLS realm="xc"'],
              'a challenge for each scheme');
    admitted($t, 'no certificate, a signature', ask_signed(),
             record => { credential => 'httpsig:310115-2026a',
                         certificate => undef });
    refused($t, 'a certificate of nobody', ask('nobody'), 'credential-unknown',
        detail => qr/certificate is not registered/,
        record => { certificate => $cert->{nobody}{hash} });
}


sub conflicts {
    refused($t, 'registered for two agencies', ask('both'),
        'credential-conflict', detail => qr/registered for different agencies/,
        record => { certificate => $cert->{both}{hash} });
}


# What names the certificate most exactly says when and from where.
sub validity_and_source {
    refused($t, 'no longer valid, though its key is', ask('renewed'),
        'credential-expired');
    refused($t, 'from elsewhere, though its subject may', ask('narrow'),
        'source-not-allowed');
}


# --- chains -----------------------------------------------------------------

# nginx itself answers 400 to what does not verify, and the gate is not asked.
sub ended_by_nginx {
    my ($name, $answer) = @_;

    is($answer && $answer->{status}, 400, "$name: nginx's own 400");
    is($t->backend->count, 0, "$name: and no more");
}


sub chains {
    my @no = ('credential-unknown', detail => qr/does not lead to a CA/);

    ended_by_nginx('another CA', ask('wrongly'));
    ended_by_nginx('expired', ask('expired'));
    ended_by_nginx('signed by itself', ask('self'));
    ended_by_nginx('expired, optional_no_ca', ask('expired', port => 'noca'));
    ended_by_nginx('none where one is needed', ask(undef, port => 'always'));
    admitted($t, 'one where one is needed', ask('county', port => 'always'));

    # optional_no_ca lets these through to the gate
    admitted($t, 'optional_no_ca, a chain that leads there',
             ask('county', port => 'noca'));
    refused($t, 'another CA, a registered key', ask('wrongly', port => 'noca'),
            @no, record => { certificate => $cert->{wrongly}{hash} });
    refused($t, 'signed by itself, a registered subject',
            ask('self', port => 'noca'), @no);
    refused($t, 'and a valid signature does not help',
            ask_signed('wrongly', port => 'noca'), @no);
}


# A client without SNI shakes hands with the default server, which trusts
# others.
sub other_server {
    my $ask = sub {
        my ($name, $sni) = @_;
        return ask($name, port => 'other', ssl => { SSL_hostname => $sni });
    };

    admitted($t, 'the server that was named',
             $ask->('county', 'platform.example'));
    refused($t, 'the default server trusts another CA',
            $ask->('wrongly', ''), 'credential-unknown',
            detail => qr/a CA that this server trusts/);
    my $answer = $ask->('wrongly', 'other.example');
    is($answer->{status}, 421, 'another name than was shaken hands with');
    is($t->backend->count, 0, 'goes nowhere');
}


# --- beside a signature -----------------------------------------------------

sub signature_beside {
    admitted($t, 'both, of one agency', ask_signed('county'),
        record => { credential => 'httpsig:310115-2026a',
                    certificate => $cert->{county}{hash},
                    signature => qr/^sig1=:/ });
    refused($t, 'both, of two agencies', ask_signed('province'),
        'credential-conflict', detail => qr/name different agencies/);
    refused($t, 'a certificate of nobody beside a valid signature',
        ask_signed('nobody'), 'credential-unknown');
    refused($t, 'a certificate beside a bad signature',
        client('county')->request('GET', $query,
            { sign => { raw_sig => sub { "\0" x 64 } } }),
        'signature-invalid');
    refused($t, 'a certificate beside an unknown keyid',
        client('county')->request('GET', $query, { sign => { keyid => 'x' } }),
        'credential-unknown');

    # the signature's nonce is burned, whatever else vouches
    my $client = client('county');
    my $bytes = $client->format('GET', $query, {});
    admitted($t, 'both, once', scalar $client->raw($bytes));
    refused($t, 'both, again', scalar $client->raw($bytes),
        'signature-replayed');

    # with a signature the body is its business again
    refused($t, 'both, and a body that is not signed',
        $client->request('POST', $submit, { body => $policy->body,
            sign => { components => ['@method', '@authority', '@path'] } }),
        'signature-incomplete');
}


sub both_needed {
    my @port = (port => 'both');

    admitted($t, 'mtls+httpsig: both', ask_signed('county', @port));
    refused($t, 'mtls+httpsig: only the certificate', ask('county', @port),
        'credential-missing');
    refused($t, 'mtls+httpsig: only the signature', ask_signed(undef, @port),
        'credential-missing');
    refused($t, 'mtls+httpsig: of two agencies',
        ask_signed('province', @port), 'credential-conflict');
    refused($t, 'mtls+httpsig: a certificate of nobody',
        ask_signed('nobody', @port), 'credential-unknown');
}


# Where xc_credentials does not name it, a certificate is not presented.
sub not_accepted {
    refused($t, 'a certificate where signatures are asked for',
        ask('county', port => 'sig'), 'credential-missing');
    admitted($t, 'a signature beside a certificate that nobody asks for',
        ask_signed('wrongly', port => 'sig'),
        record => { certificate => undef });
}


# --- sessions ---------------------------------------------------------------

# A request through openssl s_client; its output.
sub s_client {
    my ($port, $in, @args) = @_;
    my $cmd = join ' ', map { "'$_'" } 'timeout', 60, 'openssl', 's_client',
        '-connect', '127.0.0.1:' . $t->port($port),
        (grep { /servername/ } @args) ? () : qw(-servername platform.example),
        @args;

    $t->write_file('s_client.in', $in);
    return scalar `cd '@{[$t->prefix]}' && $cmd <s_client.in 2>&1`;
}


sub resumption {
    my $get = "GET $query HTTP/1.1\r\nHost: platform.example\r\n"
              . "Connection: close\r\n\r\n";

    for my $v ('-tls1_2', '-tls1_3') {
        for my $who (['https', 'county', 200], ['noca', 'wrongly', 401]) {
            my ($port, $name, $status) = @$who;
            my @cert = ('-cert', "$name.crt", '-key',
                        $name eq 'wrongly' ? 'county.key' : "$name.key");
            my $n = () = decisions($t);

            unlike(s_client($port, $get, $v, '-ign_eof', @cert, '-sess_out',
                            'session'), qr/Reused/, "$v, $name: a new session");

            # the certificate is not presented again: the session holds it
            my $out = s_client($port, $get, $v, '-ign_eof', '-sess_in',
                               'session');
            like($out, qr/Reused/, "$v, $name: resumed");
            like($out, qr{^HTTP/1\.1 $status }m, "$v, $name: $status");
            ok($t->wait_for(sub { decisions($t) >= $n + 2 }), 'two decisions');

            my @two = (decisions($t))[$n, $n + 1];
            for my $m (qw(decision certificate credential reason)) {
                is($two[1]{$m}, $two[0]{$m}, "$v, $name: the same $m");
            }
            is($two[1]{certificate}, $cert->{$name}{hash},
               "$v, $name: its hash");
        }
    }
    $t->backend->forget;
}


# A request in a session that is kept for the next; what of the answer counts
sub session {
    my ($port, @args) = @_;
    my $out = s_client($port, "GET $query HTTP/1.1\r\n"
        . "Host: platform.example\r\nConnection: close\r\n\r\n",
        '-ign_eof', '-sess_out', 'session', @args);
    my ($status) = $out =~ m{HTTP/1\.1 (\d+) };
    my ($again) = $out =~ /(begin a new one)/;

    return join ' ', $out =~ /^Reused/m ? 'resumed' : 'new',
        $status // 'nothing', $again // ();
}


sub resumed { session(shift, '-sess_in', 'session', @_) }


sub with {
    my ($cert, $key) = @_;

    return ('-cert', "$cert.crt", '-key', ($key // 'county') . '.key');
}


# A session that one server's CAs vouched for is nothing to another server.
sub crossed {
    my @here = ('-servername', 'platform.example');
    my $refused = 'resumed 401 begin a new one';

    for my $v ('-tls1_2', '-tls1_3') {
        for my $first (['-noservername'], [qw(-servername other.example)],
                       [qw(-servername nosuch.example)]) {
            for my $then (\@here, ['-noservername']) {
                session('other', $v, with('wrongly'), @$first);
                unlike(resumed('other', $v, @$then), qr/ 200/,
                       "$v, @$first, then @$then: not admitted");
            }
        }
        is($t->backend->count, 0, "$v: nothing for the back end");

        is(session('other', $v, with('county'), @here), 'new 200',
           "$v: the server that was named");
        is(resumed('other', $v, @here), 'resumed 200', "$v: and again");
        is(resumed('other', $v, @here), 'resumed 200', "$v: and again");
        $t->backend->forget;
    }

    my @v = ('-tls1_3');
    session('other', @v, with('wrongly'), '-noservername');
    is(resumed('other', @v, @here), $refused, 'of the default server');

    # the same server and CA: which it was, only the name tells
    session('https', @v, with('county'), '-noservername');
    is(resumed('https', @v, @here), $refused, 'no name, then a name');
    session('https', @v, with('county'), @here);
    is(resumed('https', @v, '-noservername'), $refused,
       'a name, then no name');
    session('https', @v, with('county'), '-noservername');
    is(resumed('https', @v, '-noservername'), 'resumed 200', 'never a name');
    $t->backend->forget;
}


# Of one name, on another socket, and of CAs that are called the same.
sub other_socket {
    for my $v ('-tls1_2', '-tls1_3') {
        is(session('twin', $v, with('twin')), 'new 200', "$v: its own server");
        is(resumed('twin', $v), 'resumed 200', "$v: and again");
        $t->backend->forget;
        is(resumed('https', $v), 'resumed 401 begin a new one',
           "$v: of the other socket's CA");
        is($t->backend->count, 0, "$v: nothing for the back end");
    }
}


# Each resumption hands out another ticket: without end, but for this.
sub expiry {
    my ($end, %got);

    # a machine may be so slow that it ends before it was used: a longer one
    for my $life (8, 30, 80) {
        $end = int(time) + $life;
        brief($life, $end);
        for my $v ('-tls1_2', '-tls1_3') {
            $got{$v} = [session('https', $v, with('brief')),
                        resumed('https', $v)];
            rename $t->path('session'), $t->path("session$v");
        }
        last if time < $end;
    }
    for my $v ('-tls1_2', '-tls1_3') {
        is($got{$v}[0], 'new 200', "$v: still valid");
        is($got{$v}[1], 'resumed 200', "$v: resumed");
    }
    $t->backend->forget;
    ok($t->wait_for(sub { time > $end }, 100), 'it ends');
    for my $v ('-tls1_2', '-tls1_3') {
        is(session('https', $v, '-sess_in', "session$v"),
           'resumed 401 begin a new one', "$v: expired");
    }
    is($t->backend->count, 0, 'nothing for the back end');
}


# A certificate that ends then.
sub brief {
    my ($life, $end) = @_;
    my ($s, $m, $h, $day, $month, $year) = gmtime $end;

    at_ca(qw(-batch -notext -in county.csr -out brief.crt), '-subj',
          "/CN=brief $life", '-enddate',
          sprintf '%04d%02d%02d%02d%02d%02dZ',
          $year + 1900, $month + 1, $day, $h, $m, $s);
}


sub revocation {
    is(session('crl', '-tls1_3', with('county')), 'new 200', 'not revoked');
    is(resumed('crl', '-tls1_3'), 'resumed 200', 'resumed, not revoked');
    $t->backend->forget;

    make_crl('county.crt');
    ok($t->reload(wait => 'exit'), 'revoked');
    is(session('crl', '-tls1_3', '-sess_out', 'new', with('county')), 'new 400',
       'a new session');
    is(resumed('crl', '-tls1_3'), 'resumed 401 begin a new one', 'resumed');
    is($t->backend->count, 0, 'nothing for the back end');
}


# nginx asks the responder (here none answers) for a resumed session, too.
sub ocsp {
    is(session('https', '-tls1_3', with('province', 'province')), 'new 200',
       'a server without OCSP');
    $t->backend->forget;
    is(resumed('ocsp', '-tls1_3'), 'resumed 400', 'one with OCSP');
    is($t->backend->count, 0, 'nothing for the back end');
}


# Who has no certificate can't bring one later.
sub renegotiation {
    my $n = () = decisions($t);
    my $out = s_client('https', "R\n", '-tls1_2', '-cert', 'county.crt',
                       '-key', 'county.key');

    like($out, qr/RENEGOTIATING/, 'a client asks for another handshake');
    like($out, qr/no renegotiation|handshake failure|closed/i, 'and gets none');
    is(scalar(() = decisions($t)), $n, 'nothing was asked of the gate');
}
