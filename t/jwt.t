#!/usr/bin/perl

# Tokens (RFC 7519) through the gate: who is let in, each way in which a token
# fails, and what a refused one costs.  They are signed by CryptX, and where
# Python's JWT library is installed by that as well.

use strict;
use warnings;
use utf8;

use Crypt::Mac::HMAC qw(hmac);
use Digest::SHA qw(sha256_hex);
use IPC::Open2;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use Test::More;

use XC::Certs;
use XC::Client;
use XC::Gate;
use XC::JSON;
use XC::Nginx;
use XC::Policy;
use XC::Token qw(sign);

my $json = json_coder->canonical;
my $issuer = 'https://issuer.example/"quoted"';
my $aud = 'https://platform.example';
my $submit = '/xc/v1/requests';
my $secret_claim = 'nobody-may-log-this';
my $made = XC::Token->new($aud);
my @tokens;                 # every one made here

my $t = XC::Nginx->new;
my $policy = make_policy();
my $query = $policy->query;
my $certs = XC::Certs->new($t->prefix);
my %cert = map { $_ => $certs->cert($_, "/CN=$_", ca => 'self') } qw(one two);

$t->gate_conf(
    server   => 'ssl_verify_client optional_no_ca;'
                . ' large_client_header_buffers 4 32k;',
    location => 'xc_credentials jwt httpsig;'
                . ' add_header X-Credential $xc_credential always;',
    servers  => server('both', 'httpsig+jwt') . server('httpsig', 'httpsig'));
$t->run;

my $plain = $t->client;
my $client = $t->client(presents('one'));
my $other = $t->client(presents('two'));
my $both = $t->client(port => $t->port('both'));

passes();
algorithms();
python();
headers();
claims();
moments();
bindings();
lines();
sizes();
beside();
once();
costs();
not_looked_at();
configurations();
nothing_leaked($t, 'no token and no claim in any log',
               [$secret_claim, map { split /\./ } @tokens], all => 1);

chain_whole($t);
$t->finish;
done_testing;


# --- what the tests ask with -------------------------------------------------

sub make_policy {
    my $p = $t->policy;
    my $data = $p->data;
    my $county = $p->agency('310115')->{credentials};

    push @$county,
        $made->issuer($issuer, 'EdDSA', ['k1', 'k2']),
        { %{ $made->issuer('https://once.example', 'Ed25519', ['once']) },
          jti => JSON::PP::true };
    push @{ $p->agency('310000')->{credentials} },
        $made->issuer('https://province.example', 'EdDSA', ['province']);

    push @$county, $made->issuer("https://\L$_\E.example", $_, [$_])
        for qw(ES256 ES384 PS256 RS256);

    # a set in a file
    my $file = $made->issuer('https://file.example', 'EdDSA', ['f1', 'f2']);
    $t->write_file('jwks.json', $json->pretty->encode($file->{jwks}), 0644);
    $json->pretty(0);
    push @$county, { %$file, jwks => { file => 'jwks.json' } };

    $data->{rates}{few} = { rate => '1r/m', burst => 1,
                            refusals => '1r/m' };
    $p->add_agency('few', 'county',
        { %{ $made->issuer('https://few.example', 'EdDSA', ['few']) },
          jti => JSON::PP::true },
        region => '310115', parent => '310000', rate => 'few');

    return $t->policy($p);
}


# Of kid k1, bound to the first certificate.  Options as XC::Token's.
sub token {
    my (%o) = @_;

    push @tokens, $made->token(kid => 'k1', %o, claims => {
        iss => $issuer, cnf => { 'x5t#S256' => $cert{one}{x5t} },
        note => $secret_claim, %{ $o{claims} // {} } });
    return $tokens[-1];
}


sub presents {
    my ($name) = @_;

    return map { $_ => $cert{$name}{$_} } qw(ssl curl);
}


sub server {
    my ($name, $credentials) = @_;

    return <<"END_SERVER";
    server {
        listen 127.0.0.1:%%PORT_$name%% ssl;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        location / {
            xc enforce;
            xc_policy %%POLICY%%;
            xc_credentials $credentials;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END_SERVER
}


sub bearer { return [Authorization => "Bearer $_[0]"] }


# A query without a signature, with a token of these options.
sub get {
    my (%o) = @_;

    return $client->request('GET', $query,
        { sign => 0, headers => [bearer(token(%o))] });
}


sub invalid {
    my ($name, $detail, %o) = @_;

    return refused($t, $name, get(%o), 'token-invalid', detail => $detail,
                   record => { token => sha256_hex($tokens[-1]) });
}


# --- let in ------------------------------------------------------------------

sub passes {
    my $r = admitted($t, 'a token bound to the certificate', get(),
        record => { credential => "jwt:$issuer",
                    token => sha256_hex($tokens[-1]) });

    is($r->{seen}{h}{authorization}, undef,
       'the back end does not see Authorization');
    ok(!grep({ index($_, $tokens[-1]) >= 0 } values %{ $r->{seen}{h} }),
       'nor the token anywhere else');

    my $answer = get(kid => 'k2');
    admitted($t, 'the second key', $answer);
    is($answer->{headers}{'x-credential'}, "jwt:$issuer", '$xc_credential');

    admitted($t, 'a key out of a file',
             get(kid => 'f2', claims => { iss => 'https://file.example' }));
    admitted($t, 'the only key needs no kid',
             get(kid => 'once', header => { kid => undef },
                 claims => { iss => 'https://once.example', jti => 'a',
                             iat => time }));
    admitted($t, 'a body, as the connection vouches for it',
             $client->request('POST', $submit,
                 { sign => 0, body => $policy->body,
                   headers => [bearer(token())] }));
    admitted($t, 'over HTTP/2',
             $client->http2('GET', $query,
                 { sign => 0, headers => [bearer(token())] }));
    admitted($t, 'bearer in lower case',
             $client->request('GET', $query,
                 { sign => 0, headers => [[authorization => 'bearer '
                                           . token()]] }));
}


sub algorithms {
    for my $alg (qw(ES256 ES384 PS256 RS256)) {
        my %claims = (iss => "https://\L$alg\E.example");

        admitted($t, $alg, get(kid => $alg, claims => \%claims));
        invalid("$alg, another signature", qr/does not verify/, kid => $alg,
                claims => \%claims,
                signature => sub { sign($made->key($alg), "$_[0]x") });
    }
    invalid('PS256 with a salt of 20', qr/does not verify/, kid => 'PS256',
            claims => { iss => 'https://ps256.example' },
            signature => sub {
                ($made->key('PS256'))[1]->sign_message($_[0], 'SHA256', 'pss',
                                                       20);
            });
    invalid('RS256 for a key of PS256', qr/^alg is not/, kid => 'PS256',
            header => { alg => 'RS256' },
            claims => { iss => 'https://ps256.example' },
            signature => sub {
                sign('RS256', ($made->key('PS256'))[1], $_[0]);
            });
    invalid('ES256 in DER', qr/does not verify/, kid => 'ES256',
            claims => { iss => 'https://es256.example' },
            signature => sub {
                ($made->key('ES256'))[1]->sign_message($_[0], 'SHA256');
            });
}


# What others make of the same keys.
sub python {
    my $python = '/usr/bin/python3';
    my $program = <<'END_PROGRAM';
import json, sys
import jwt, jwt.algorithms
for line in sys.stdin:
    q = json.loads(line)
    key = jwt.algorithms.get_default_algorithms()[q["alg"]].from_jwk(q["jwk"])
    print(jwt.encode(q["claims"], key, algorithm=q["alg"],
                     headers={"kid": q["kid"]}), flush=True)
END_PROGRAM

    SKIP: {
        skip 'no JWT library for Python', 5
            if !-x $python || system("$python -c 'import jwt, cryptography'"
                                     . ' >/dev/null 2>&1') != 0;

        my $file = $t->write_file('sign.py', $program);
        my $pid = open2(my $out, my $in, $python, $file);
        for my $kid (qw(k1 ES256 ES384 PS256 RS256)) {
            my ($alg, $pk) = $made->key($kid);
            my $iss = $kid eq 'k1' ? $issuer : "https://\L$kid\E.example";

            # a fraction of a second, as this language's clock has it
            print {$in} $json->encode({
                alg => $alg, kid => $kid,
                jwk => $pk->export_key_jwk('private'),
                claims => { iss => $iss, aud => [$aud, 'other'],
                            exp => time + 60.25, nbf => time - 0.75,
                            cnf => { 'x5t#S256' => $cert{one}{x5t} } } }),
                "\n";
            $in->flush;
            chomp(my $token = <$out> // '');
            push @tokens, $token;
            admitted($t, "$alg of Python's library",
                $client->request('GET', $query,
                    { sign => 0, headers => [bearer($token)] }));
        }
        close $in;
        waitpid $pid, 0;
    }
}


# --- refused -----------------------------------------------------------------

sub headers {
    my ($alg, $pk) = $made->key('k1');
    my $raw = $pk->export_key_raw('public');

    invalid('alg none', qr/^alg is not/, header => { alg => 'none' },
            signature => sub { '' });
    invalid('alg none, signed', qr/^alg is not/, header => { alg => 'none' });
    invalid('HS256 with the public key', qr/^alg is not/,
            header => { alg => 'HS256' },
            signature => sub { hmac('SHA256', $raw, $_[0]) });
    my $rsa = ($made->key('RS256'))[1]->export_key_pem('public');
    invalid('HS256 with the public key in PEM', qr/^alg is not/,
            kid => 'RS256', header => { alg => 'HS256' },
            claims => { iss => 'https://rs256.example' },
            signature => sub { hmac('SHA256', $rsa, $_[0]) });
    invalid('another algorithm', qr/^alg is not/, header => { alg => 'ES256' });
    invalid('crit', qr/^crit is not/, header => { crit => ['exp'] });
    invalid('b64', qr/^b64 is not/, header => { b64 => JSON::PP::false });
    invalid('a key of its own', qr/^jwk is not/,
            header => { jwk => $pk->export_key_jwk('public', 1) });
    invalid('the place of a key', qr/^jku is not/,
            header => { jku => 'http://127.0.0.1/' });
    invalid('a wrong typ', qr/^typ is neither/,
            header => { typ => 'dpop+jwt' });
    invalid('no kid where there are two keys', qr/^kid names/,
            header => { kid => undef });
    invalid('an unknown kid', qr/^kid names/, header => { kid => 'k9' });
    invalid('a kid of another issuer', qr/^kid names/,
            header => { kid => 'f1' });
    invalid('the other key\'s kid', qr/does not verify/,
            header => { kid => 'k2' });
}


sub claims {
    refused($t, 'an unknown issuer',
            get(claims => { iss => 'https://nobody.example' }),
            'credential-unknown',
            record => { token => sha256_hex($tokens[-1]) });
    invalid('no issuer', qr/^iss is missing/, claims => { iss => undef });
    invalid('a wrong aud', qr/^aud does not/,
            claims => { aud => 'https://other.example' });
    invalid('no aud', qr/^aud does not/, claims => { aud => undef });
    admitted($t, 'one aud of several',
             get(claims => { aud => ['https://other.example', $aud] }));
    invalid('claims changed behind the signature', qr/does not verify/,
            signature => sub { sign($made->key('k1'), "$_[0]x") });
}


sub moments {
    my $now = time;

    invalid('expired', qr/has expired/, claims => { exp => $now - 60 });
    admitted($t, 'expired within the leeway',
             get(claims => { exp => $now - 10 }));
    invalid('no exp', qr/^exp is missing/, claims => { exp => undef });
    invalid('exp in a string', qr/^exp is not/,
            claims => { exp => '' . ($now + 60) });
    invalid('not yet', qr/not valid yet/, claims => { nbf => $now + 60 });
    admitted($t, 'not yet within the leeway',
             get(claims => { nbf => $now + 10 }));
    invalid('issued in the future', qr/in the future/,
            claims => { iat => $now + 60 });
    invalid('for days', qr/over 24 hours/,
            claims => { iat => $now, exp => $now + 86_401 });
    admitted($t, 'for a day',
             get(claims => { iat => $now, exp => $now + 86_400 }));
}


sub bindings {
    my $send = sub {
        my ($c, %o) = @_;
        $c->request('GET', $query, { sign => 0,
                                     headers => [bearer(token(%o))] });
    };

    refused($t, 'another certificate', $send->($other), 'token-invalid',
            detail => qr/another certificate/);
    refused($t, 'no certificate', $send->($plain), 'token-invalid',
            detail => qr/none was presented/);
    refused($t, 'not bound, a certificate',
            $send->($client, claims => { cnf => undef }), 'token-invalid',
            detail => qr/stands alone/);
    refused($t, 'not bound, no certificate',
            $send->($plain, claims => { cnf => undef }), 'token-invalid',
            detail => qr/stands alone/);
    refused($t, 'bound in another way',
            $send->($client, claims => { cnf => { jkt => 'x' } }),
            'token-invalid', detail => qr/^cnf holds no/);
    refused($t, 'over TLS alone', $t->client(tls => 0)->request('GET', $query,
                { sign => 0, headers => [bearer(token())] }), 'tls-required');
}


sub lines {
    my $line = sub {
        my ($name, $detail, @lines) = @_;
        refused($t, $name, $client->request('GET', $query,
                    { sign => 0, headers => \@lines }),
                'token-invalid', detail => $detail);
    };
    my $token = token();

    # nginx itself refuses two of them (and its error log names them, hence
    # these, which are no tokens)
    for my $pair (['Bearer a.b.c', 'Bearer a.b.c'],
                  ['Bearer a.b.c', 'Basic eDp5'],
                  ['Basic eDp5', 'Bearer a.b.c'])
    {
        my $answer = $client->request('GET', $query, {
            headers => [map { [Authorization => $_] } @$pair] });
        is($answer->{status}, 400, "$pair->[0] and $pair->[1]");
        is($t->backend->count, 0, 'the back end saw nothing');
    }

    $line->('no token', qr/no token/, [Authorization => 'Bearer']);
    $line->('two in a line', qr/base64url/, bearer("$token, $token"));
    $line->('padding', qr/base64url/, bearer("$token=="));
    $line->('two parts', qr/three parts/, bearer('YQ.YQ'));
    $line->('five parts', qr/base64url|strict JSON/, bearer('YQ.YQ.YQ.YQ.YQ'));
    $line->('no JSON', qr/strict JSON/, bearer('YQ.YQ.YQ'));
    $line->('a member twice', qr/strict JSON/, bearer(
        encode_base64url('{"alg":"none","alg":"EdDSA"}') . '.e30.YQ'));

    refused($t, 'a password alone',
            $client->request('GET', $query,
                { sign => 0, headers => [[Authorization => 'Basic eDp5']] }),
            'credential-missing');
    refused($t, 'a token elsewhere',
            $client->request('GET', $query,
                { sign => 0, headers => [['X-Token' => $token]] }),
            'credential-missing');
}


sub sizes {
    my $large = token(claims => { x => 'x' x 5500 });
    my $over = token(claims => { x => 'x' x 6200 });

    cmp_ok(length $large, '<=', 8192, 'a large token');
    cmp_ok(length $over, '>', 8192, 'too large a token');
    admitted($t, 'large', $client->request('GET', $query,
                 { sign => 0, headers => [bearer($large)] }));
    refused($t, 'too large', $client->request('GET', $query,
                { sign => 0, headers => [bearer($over)] }),
            'token-invalid', detail => qr/over 8192 bytes/,
            record => { token => undef });
}


# --- beside a signature ------------------------------------------------------

sub beside {
    my $send = sub {
        my ($c, $o, %o) = @_;
        $c->request('GET', $query, { %$o, headers => [bearer(token(%o))] });
    };
    my %unbound = (claims => { cnf => undef });

    my $r = admitted($t, 'a signature and a token',
        $send->($both, {}, %unbound),
        record => { credential => 'httpsig:310115-2026a',
                    token => sha256_hex($tokens[-1]) });
    is($r->{seen}{h}{authorization}, undef,
       'the back end does not see Authorization');

    # either would do, both stand
    admitted($t, 'both where one suffices', $send->($plain, {}, %unbound));
    refused($t, 'a good signature and a bad token',
            $send->($plain, {}, claims => { cnf => undef, exp => 1 }),
            'token-invalid', detail => qr/has expired/);
    refused($t, 'a bad signature and a good token',
            $send->($client, { sign => { created => 1 } }),
            'signature-stale');
    refused($t, 'another agency\'s token',
            $send->($both, {}, kid => 'province',
                    claims => { cnf => undef,
                                iss => 'https://province.example' }),
            'credential-conflict');

    refused($t, 'a token where it takes both',
            $send->($both, { sign => 0 }, %unbound), 'credential-missing');
    refused($t, 'a signature where it takes both',
            $both->request('GET', $query), 'credential-missing');

    # a record would hold what the signature covers
    for my $id ('authorization', '"authorization";bs', 'cookie') {
        refused($t, "covered: $id",
            $plain->request('GET', $query, {
                headers => [bearer(token(%unbound)), [Cookie => 'a=b']],
                sign => { components => [qw(@method @authority @path @query),
                                         $id] } }),
            'signature-invalid', detail => qr/is a secret/);
    }

    # a bound token beside a signature, over another connection
    refused($t, 'bound, beside, no certificate', $send->($plain, {}),
            'token-invalid', detail => qr/none was presented/);
}


# Where no token is accepted, none is looked at.
sub not_looked_at {
    my $c = $t->client(port => $t->port('httpsig'));
    my $r = admitted($t, 'a broken token, signatures alone accepted',
        $c->request('GET', $query, { headers => [bearer('x')] }),
        record => { token => undef });

    is($r->{seen}{h}{authorization}, undef,
       'the back end does not see Authorization');
}


# --- once --------------------------------------------------------------------

sub once {
    my $send = sub {
        my ($jti, %claims) = @_;
        get(kid => 'once', claims => { iss => 'https://once.example',
                                       iat => time, exp => time + 200,
                                       jti => $jti, %claims });
    };
    my $reuse = token();

    for my $n (1, 2) {
        admitted($t, "without the policy's jti, time $n",
            $client->request('GET', $query,
                { sign => 0, headers => [bearer($reuse)] }));
    }

    admitted($t, 'a jti', $send->('j1'));
    refused($t, 'the jti again', $send->('j1'), 'signature-replayed');
    refused($t, 'the jti in another token', $send->('j1', exp => time + 100),
            'signature-replayed');
    admitted($t, 'another jti', $send->('j2'));

    refused($t, 'no jti', $send->(undef), 'token-invalid',
            detail => qr/^jti is not/);
    refused($t, 'a long jti', $send->('j' x 129), 'token-invalid',
            detail => qr/^jti is not/);
    refused($t, 'no iat', $send->('j3', iat => undef), 'token-invalid',
            detail => qr/^iat is missing/);
    admitted($t, 'a long enough one', $send->('j' x 128));

    # a refused token has burned nothing
    refused($t, 'a jti of a bad token', $send->('j4', exp => time - 60),
            'token-invalid');
    admitted($t, 'the same jti of a good one', $send->('j4'));

    # the places of the store are everybody's: max_age is 300
    my $now = time;
    my $long = qr/^a token for one use lasts over 300 seconds from iat to exp$/;
    for my $life (301, 86_000) {
        refused($t, "for one use, $life seconds",
                $send->('j5', iat => $now, exp => $now + $life),
                'token-invalid', detail => $long);
    }
    refused($t, 'for one use, long ago',
            $send->('j5', iat => $now - 3600, exp => $now + 60),
            'token-invalid', detail => $long);
    admitted($t, 'for one use, 300 seconds',
             $send->('j5', iat => $now, exp => $now + 300));
    admitted($t, 'for any use, long',
             get(claims => { iat => $now, exp => $now + 86_000 }));
}


# The agency may send two requests a minute, and one refused behind its nonce.
sub costs {
    my $send = sub {
        my (%o) = @_;
        get(kid => 'few', %o, claims => { iss => 'https://few.example',
                                          iat => time, exp => time + 200,
                                          jti => 'c',
                                          %{ $o{claims} // {} } });
    };

    for my $n (1 .. 4) {
        refused($t, "refused before the rate, $n",
                $send->(claims => { exp => time - 60 }), 'token-invalid');
        refused($t, "a bad signature before the rate, $n",
                $send->(signature => sub { 'x' x 64 }), 'token-invalid');
    }

    admitted($t, 'the first', $send->(), agency => 'few');
    refused($t, 'a replay costs nothing', $send->(), 'signature-replayed',
            agency => 'few');
    admitted($t, 'the second', $send->(claims => { jti => 'd' }),
             agency => 'few');
    refused($t, 'the third is over the rate',
            $send->(claims => { jti => 'e' }), 'rate-exceeded',
            agency => 'few');
}


# --- what nginx -t says ------------------------------------------------------

sub configurations {
    my $bad = sub {
        my ($name, $re, $edit) = @_;
        my $copy = $json->decode($policy->json);
        my ($one) = grep { $_->{type} eq 'jwt' }
                    @{ $copy->{agencies}[0]{credentials} };

        $edit->($one);
        XC::Policy::write(bless({ data => $copy }, 'XC::Policy'),
                          $t->path('bad.json'));
        my $text = $t->read_file('nginx.conf');
        $text =~ s/\bpolicy\.json/bad.json/g;
        my ($status, $out) = $t->test_conf($text);
        isnt($status, 0, "$name: refused");
        like($out, $re, "$name: says so");
    };
    my $at = qr/agencies\[0\]\.credentials\[1\]/;

    $bad->('alg none', qr/$at\.alg: "none" is not one of/,
           sub { $_[0]{alg} = 'none' });
    $bad->('another key', qr/$at\.jwks\.keys\[0\]: /,
           sub { $_[0]{alg} = 'ES256' });
    $bad->('a private key', qr/$at\.jwks\.keys\[1\]: .*private/,
           sub { $_[0]{jwks}{keys}[1]{d} = $_[0]{jwks}{keys}[1]{x} });
    $bad->('a kid twice', qr/$at\.jwks\.keys\[1\]\.kid: "k1" stands/,
           sub { $_[0]{jwks}{keys}[1]{kid} = 'k1' });
    $bad->('no such file', qr/$at\.jwks: .*none\.json/,
           sub { $_[0]{jwks} = { file => 'none.json' } });
    $bad->('an issuer twice', qr/\.iss: the iss .* is that of $at/,
           sub { $_[0]{iss} = 'https://once.example' });
}
