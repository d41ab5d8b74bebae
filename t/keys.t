#!/usr/bin/perl

# Keys of every algorithm, from the tool to the gate: xcctl keygen makes one,
# the policy takes the entry that it prints, xcctl sign signs, the gate admits.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use XC::Client;
use XC::File;
use XC::Gate;
use XC::Nginx;
use XC::Policy;

my @algs = qw(ed25519 hmac-sha256 ecdsa-p256-sha256 ecdsa-p384-sha384
              rsa-pss-sha512 rsa-v1_5-sha256 sm2-sm3);

my $t = XC::Nginx->new;
my $policy = $t->policy(transport => 'any');
my $credentials = $policy->agency('310115')->{credentials};

make_keys();
$policy->write($t->path('policy.json'));
$t->gate_conf;
$t->run;

my $client = $t->client(tls => 0);
my $query = $policy->query;

admits();
refuses();
faults();

chain_whole($t);
$t->finish;
done_testing;


# A key of each algorithm; of SM2 one more, under an identifier of its own.
sub make_keys {
    for my $alg (@algs) {
        my $entry = keygen($alg, "k-$alg");

        is($entry->{alg}, $alg, "keygen $alg prints an entry of the policy");
        push @$credentials, $entry;
    }
    push @$credentials, { %{ $credentials->[-1] }, keyid => 'k-sm2-id',
                          sm2_id => '上海市市场监督管理局' };
}


sub keygen {
    my ($alg, $keyid) = @_;
    my ($key, $entry) = map { $t->path("$keyid.$_") } qw(key json);
    my $status = system $t->xcctl . " keygen $alg --keyid $keyid >'$key'"
                        . " 2>'$entry'";

    is($status, 0, "keygen $alg");
    return decode_json(slurp($entry));
}


# The answer to a request that the tool signed.
sub ask {
    my ($alg, $keyid, $key, @more) = @_;
    my $command = join ' ', $t->xcctl, 'sign', '--key',
                  "'" . $t->path("$key.key") . "'", '--keyid', $keyid,
                  '--alg', $alg, '--method GET', '--url',
                  "'http://platform.example$query'", @more;
    my $out = `$command 2>&1`;
    my @headers = map { [/^(Signature(?:-Input)?): (.*)$/] }
                  grep { /^Signature/ } split /\n/, $out;

    if (@headers != 2) {
        diag($out);
        return;
    }
    return $client->request('GET', $query, { sign => 0,
                                             headers => \@headers });
}


sub admits {
    for my $alg (@algs) {
        admitted($t, $alg, ask($alg, "k-$alg", "k-$alg"),
                 record => { credential => "httpsig:k-$alg" });
    }

    my $id = "'上海市市场监督管理局'";
    utf8::encode($id);
    admitted($t, 'sm2_id', ask('sm2-sm3', 'k-sm2-id', 'k-sm2-sm3', '--sm2-id',
                               $id));
}


# The algorithm is the credential's: neither another key nor the same key used
# in another way.
sub refuses {
    for my $alg (@algs) {
        my $other = $alg eq 'ed25519' ? 'sm2-sm3' : 'ed25519';

        refused($t, "a key of $other for $alg",
                ask($other, "k-$alg", "k-$other"), 'signature-invalid');
    }

    refused($t, 'PKCS #1 v1.5 for PSS',
            ask('rsa-v1_5-sha256', 'k-rsa-pss-sha512', 'k-rsa-pss-sha512'),
            'signature-invalid');
    refused($t, 'PSS for PKCS #1 v1.5',
            ask('rsa-pss-sha512', 'k-rsa-v1_5-sha256', 'k-rsa-v1_5-sha256'),
            'signature-invalid');
    refused($t, 'the usual identifier where the credential names one',
            ask('sm2-sm3', 'k-sm2-id', 'k-sm2-sm3'), 'signature-invalid');
    refused($t, 'an identifier where the credential names none',
            ask('sm2-sm3', 'k-sm2-sm3', 'k-sm2-sm3', '--sm2-id', 'other'),
            'signature-invalid');
}


# A malformed key never survives nginx -t, which says where it stands.
sub faults {
    my %faults = (
        'public_key: not an Ed25519 key' => sub { $_[0]{public_key} = 'AAAA' },
        'public_key: no point of Ed25519'
            => sub { $_[0]{public_key} = 'A' x 40 . 'AgA' },
        'public_key: not a P-256 key'
            => sub { $_[0]{alg} = 'ecdsa-p256-sha256' },
        'public_key: not an RSA key' => sub { $_[0]{alg} = 'rsa-pss-sha512' },
        'alg: "PS256" is unknown' => sub { $_[0]{alg} = 'PS256' },
        'sm2_id: belongs to the algorithm sm2-sm3 alone'
            => sub { $_[0]{sm2_id} = 'x' },
    );

    for my $want (sort keys %faults) {
        my $sick = $t->policy(transport => 'any');

        $faults{$want}->($sick->agency('310115')->{credentials}[0]);
        $sick->write($t->path('policy.json'));
        my ($status, $out) = $t->test_conf;
        isnt($status, 0, "nginx -t refuses: $want");
        like($out, qr/agencies\[0\]\.credentials\[0\]\.\Q$want\E/, 'by name');
    }
    $policy->write($t->path('policy.json'));
}
