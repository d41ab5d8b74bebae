#!/usr/bin/perl

# Requests that clients of others sign, sent by Node to the running gate: who
# follows the standards gets in.  ./xc deps peers installs Node and the
# packages of t/clients/package.json in their exact versions.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256);
use IPC::Open2;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use Test::More;

use XC::Gate;
use XC::Nginx;
use XC::Policy;

my $json = JSON::PP->new->utf8->canonical;
my $t = XC::Nginx->new;
my $packages = $t->root . '/build/peers/node_modules';

if (absent()) {
    $t->finish;
    done_testing;
    exit;
}

# client, algorithm, key; refused: where the gate must not take it
my $OWN = 'http-message-signatures';
my @signatures = (
    { client => $OWN, alg => 'ed25519', key => 'ed25519' },
    { client => $OWN, alg => 'ecdsa-p256-sha256', key => 'p256' },
    { client => $OWN, alg => 'ecdsa-p384-sha384', key => 'p384' },
    { client => $OWN, alg => 'rsa-v1_5-sha256', key => 'rsa' },
    { client => $OWN, alg => 'hmac-sha256', key => 'secret' },

    # it salts with all that the key has room for, where RFC 9421 section
    # 3.3.1 has 64 octets
    { client => $OWN, alg => 'rsa-pss-sha512', key => 'rsa', refused => 1 },
    { client => "$OWN, salt 64", alg => 'rsa-pss-sha512', key => 'rsa' },

    { client => 'http-message-sig', alg => 'ed25519', key => 'ed25519' },
    { client => 'http-message-sig', alg => 'rsa-pss-sha512', key => 'rsa' },
    { client => 'http-message-sig, sm-crypto', alg => 'sm2-sm3',
      key => 'sm2' });

my @tokens = map { { client => 'jose', alg => $_->[0], key => $_->[1] } }
             ['EdDSA', 'ed25519'], ['Ed25519', 'ed25519'], ['ES256', 'p256'],
             ['ES384', 'p384'], ['PS256', 'rsa'], ['RS256', 'rsa'];

local $ENV{NODE_PATH} = $packages;
my $pid = open2(my $from, my $to, 'node', '--no-warnings',
                $t->root . '/t/clients/ask.js');
my $policy = make_policy();
my $x5t = certificate();

$t->gate_conf(server => 'ssl_verify_client optional_no_ca;',
              location => 'xc_credentials httpsig jwt;');
$t->run;

signature($_) for @signatures;
token($_) for @tokens;

print {$to} "\n";                # the back end's process holds the pipe too
close $to;
waitpid $pid, 0;
is($?, 0, 'Node ended well');
chain_whole($t);
$t->finish;
done_testing;


# What is missing, and said so.
sub absent {
    my $want = $json->decode($t->read_file($t->root
                             . '/t/clients/package.json'))->{dependencies};
    my $version = `node --version 2>/dev/null`;
    my @missing = $? == 0 ? () : 'node';

    for my $name (sort keys %$want) {
        my $file = $t->read_file("$packages/$name/package.json");
        push @missing, "$name $want->{$name}"
            if !$file || $json->decode($file)->{version} ne $want->{$name};
    }

    SKIP: {
        skip join(', ', @missing) . ' not installed: ./xc deps peers', 1
            if @missing;
        note("Node $version", join ', ', map { "$_ $want->{$_}" }
                                             sort keys %$want);
    }
    return @missing;
}


sub ask {
    my (%o) = @_;

    print {$to} $json->encode(\%o), "\n";
    $to->flush;
    my $line = <$from> // die 'Node has gone';
    my $answer = $json->decode($line);
    die "$answer->{error}\n" if defined $answer->{error};
    return $answer;
}


# Each row's key, made by Node or the package, is one of the county's.
sub make_policy {
    my $p = $t->policy;
    my $county = $p->agency('310115')->{credentials};

    for my $row (@signatures) {
        my $made = ask(make => $row->{key});
        my $keyid = 'k-' . @$county;

        push @$county, { type => 'httpsig', keyid => $keyid,
            alg => $row->{alg}, defined $made->{secret}
                ? (secret => $made->{secret})
                : (public_key => $made->{public_key}) };
        @$row{qw(keyid private)} = ($keyid, $made->{key});
    }

    for my $row (@tokens) {
        my $made = ask(make => $row->{key});
        my $iss = "https://\L$row->{alg}\E-" . @$county . '.example';

        push @$county, { type => 'jwt', iss => $iss, alg => $row->{alg},
            aud => 'https://platform.example',
            jwks => { keys => [{ %{ $made->{jwk} }, kid => 'k' }] } };
        @$row{qw(keyid private iss)} = ('k', $made->{key}, $iss);
    }
    return $t->policy($p);
}


# Of the client, for its tokens to be bound to: its thumbprint.
sub certificate {
    my $base = $t->path('client');

    system("openssl req -x509 -nodes -days 30 -newkey ec"
           . " -pkeyopt ec_paramgen_curve:P-256 -subj /CN=client"
           . " -keyout '$base.key' -out '$base.crt' >/dev/null 2>&1"
           . " && openssl x509 -in '$base.crt' -outform DER -out '$base.der'")
        == 0 or die "openssl: $?";
    return encode_base64url(sha256($t->read_file("$base.der")));
}


sub request {
    my ($row, $method, %o) = @_;
    my %more = $method eq 'GET' ? (path => $policy->query)
               : (path => '/xc/v1/requests', body => $policy->body);

    utf8::decode($more{body}) if defined $more{body};
    my $answer = ask(client => $row->{client}, alg => $row->{alg},
                     key => $row->{private}, keyid => $row->{keyid},
                     method => $method, port => $t->port('https'),
                     %more, %o);
    utf8::encode($answer->{body});
    $answer->{json} = eval { $json->decode($answer->{body}) };
    return $answer;
}


sub signature {
    my ($row) = @_;
    my $name = "$row->{client}: $row->{alg}";
    my $wrong = 'signature-invalid';

    for my $method ('GET', 'POST') {
        my $answer = request($row, $method);

        if ($row->{refused}) {
            refused($t, "$name, $method, which salts too long", $answer,
                    $wrong);
            next;
        }
        admitted($t, "$name, $method", $answer,
                 record => { credential => "httpsig:$row->{keyid}" });
        refused($t, "$name, $method, a bit of the signature",
                request($row, $method, flip => 'signature'), $wrong);
    }
    return if $row->{refused};

    refused($t, "$name, GET, a byte of the query",
            request($row, 'GET', flip => 'path'), $wrong);
    refused($t, "$name, POST, a byte of the body",
            request($row, 'POST', flip => 'body'), 'digest-mismatch');
}


sub token {
    my ($row) = @_;
    my $name = "$row->{client}: $row->{alg}";
    my %bound = (iss => $row->{iss}, x5t => $x5t,
                 certificate => $t->path('client'));

    for my $method ('GET', 'POST') {
        admitted($t, "$name, $method", request($row, $method, %bound),
                 record => { credential => "jwt:$row->{iss}" });
        refused($t, "$name, $method, a bit of the signature",
                request($row, $method, %bound, flip => 'signature'),
                'token-invalid');
    }
    refused($t, "$name, POST, a byte of the body",
            request($row, 'POST', %bound, flip => 'body'), 'digest-mismatch');
    refused($t, "$name, without the certificate",
            request($row, 'GET', %bound, certificate => undef),
            'token-invalid');
}
