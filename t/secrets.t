#!/usr/bin/perl

# Secrets stay where they belong: with error_log at debug and each kind of
# secret configured and used, none stands in a log or in the state directory,
# in any spelling; and neither master nor worker keeps the text that it read a
# key from.

use strict;
use warnings;
no warnings 'portable';         # addresses
use utf8;

use Crypt::PK::Ed25519;
use Crypt::PRNG qw(random_bytes);
use JSON::PP;
use MIME::Base64 qw(encode_base64 encode_base64url);
use Test::More;

use XC::Gate;
use XC::Nginx;
use XC::Note;
use XC::Policy;

my $t = XC::Nginx->new(log_level => 'debug', allow => qr{policy\.json: });
my $json = JSON::PP->new->utf8->canonical;
my $origin = 'platform.example/xc-log';
my $signer = signer($origin);
my $post = '/xc/v1/requests';

# name => octets that nobody may meet
my %secret = (
    'token key'   => random_bytes(32),
    'subject key' => 'a subject key ' . unpack('H*', random_bytes(16)),
    'password'    => 'pass phrase ' . unpack('H*', random_bytes(12)),
);
my %text;                       # name => the text that it was read from
my @tokens;

my ($issuer_key, $policy) = make_policy();
my $query = $policy->query;
files();

$t->gate_conf(
    audit    => "node=n1 key=audit.key origin=$origin subject_key=subject.key",
    server   => 'ssl_verify_client optional_no_ca;',
    location => 'xc_credentials httpsig jwt+httpsig mtls;'
                . ' xc_token_key token.key;',
    servers  => 'server { listen 127.0.0.1:%%PORT_locked%% ssl;'
                . ' ssl_certificate %%CERT%%;'
                . ' ssl_certificate_key locked.key;'
                . ' ssl_password_file password; return 204; }');
$t->run;

plan_debug();
used();
$t->backend->forget;
logs('in use');
memory('in use');

ok($t->reload(wait => 'exit'), 'reloaded');
admitted($t, 'after a reload', $t->client->request('GET', $query));
memory('after a reload');

refused_policies();
logs('at the end');

$t->finish;
done_testing;


# One HMAC secret in a file, one in the policy itself, and an issuer of tokens.
sub make_policy {
    my $p = XC::Policy->new;
    my $issuer = Crypt::PK::Ed25519->new->generate_key;
    my @hmac = grep { $_->{alg} eq 'hmac-sha256' }
               map { @{ $_->{credentials} } } @{ $p->data->{agencies} };
    my ($filed) = @hmac;

    $secret{'secret in a file'} = $p->key('310000')->{secret};
    $text{'secret in a file'} = $filed->{secret};
    $filed->{secret} = { file => 'hmac.secret' };

    $p->add_agency('320000', 'province', $p->hmac('320000', '320000-2026'));
    $secret{'secret in the policy'} = $p->key('320000')->{secret};
    $text{'secret in the policy'} =
        $p->data->{agencies}[-1]{credentials}[0]{secret};

    push @{ $p->agency('310115')->{credentials} },
        { type => 'jwt', iss => 'https://issuer.example', alg => 'EdDSA',
          aud => 'https://platform.example',
          jwks => { keys => [{ kty => 'OKP', crv => 'Ed25519', kid => 'k1',
              x => encode_base64url($issuer->export_key_raw('public')) }] } };
    $t->write_file('hmac.secret', "$text{'secret in a file'}\n", 0600);
    $t->policy($p);
    return ($issuer, $p);
}


sub files {
    my ($body) = $signer->{pem} =~ /-----\n(.*?)\n?-----/s;

    $text{'audit key'} = $body =~ s/\n//gr;
    $text{'token key'} = encode_base64($secret{'token key'}, '');
    $text{'subject key'} = $secret{'subject key'};
    $secret{'audit key'} = Crypt::PK::Ed25519->new(\$signer->{pem})
                           ->export_key_raw('private');

    $t->write_file('audit.key', $signer->{pem}, 0600);
    $t->write_file('subject.key', $secret{'subject key'}, 0600);
    $t->write_file('token.key', "$text{'token key'}\n", 0600);
    $t->write_file('password', "$secret{password}\n", 0600);
    locked_key();
}


# A server's key, under a pass phrase.
sub locked_key {
    my ($from, $to, $pass) = ($t->cert . '.key', $t->path('locked.key'),
                              $t->path('password'));
    my $out = `openssl pkey -in '$from' -aes256 -out '$to' -passout 'file:$pass' 2>&1`;

    die $out if $?;
}


sub token {
    my (%claims) = @_;
    my $text = join '.', map { encode_base64url($json->encode($_)) }
        { alg => 'EdDSA', kid => 'k1', typ => 'JWT' },
        { iss => 'https://issuer.example', aud => 'https://platform.example',
          exp => time + 300, %claims };
    my $token = "$text." . encode_base64url($issuer_key->sign_message($text));

    push @tokens, $token;
    return $token;
}


sub plan_debug {
    my $configured = `'$t->{nginx}' -V 2>&1`;

    like($configured, qr/--with-debug/, 'this nginx can log at debug');
    like($t->error_log, qr/\[debug\]/, 'and does');
}


# Each secret at work, rightly and wrongly.
sub used {
    my %c = map { $_ => $t->client(agency => $_) } qw(310000 320000 310115);

    admitted($t, 'HMAC, of a file', $c{310000}->request('GET', $query),
             agency => '310000');
    admitted($t, 'HMAC, of the policy', $c{320000}->request('GET', $query),
             agency => '320000');
    refused($t, 'an old signature', $c{310000}->request('GET', $query,
            { sign => { created => int(time) - 7200 } }), 'signature-stale',
            agency => '310000');
    admitted($t, 'a body with subjects', $c{310115}->request('POST', $post,
             { body => $policy->body }));

    for my $claims ({}, { exp => time - 4000 }, { aud => 'nobody' }) {
        my $answer = $c{310115}->request('GET', $query, { headers =>
            [['Authorization', 'Bearer ' . token(%$claims)]] });
        ok($answer->{status}, "a token: $answer->{status}");
    }
    my $answer = $c{310115}->request('GET', $query, { sign => 0,
        headers => [['Authorization', 'Bearer ' . token()]] });
    is($answer->{status}, 401, 'a token alone');
}


# Policies that are refused, with the secret next to what is wrong.
sub refused_policies {
    my $good = $t->read_file('policy.json');
    my $secret = $text{'secret in the policy'};
    my %edit = (
        'no colon'     => [qr/"secret"\s*:\s*(?="\Q$secret\E")/, '"secret" '],
        'no comma'     => [qr/("\Q$secret\E")(?=\s*[,}])/, "\"$secret\" \"x\""],
        'no quotes'    => [qr/"\Q$secret\E"/, $secret],
        'one quote'    => [qr/"\Q$secret\E"/, "\"$secret"],
        'no name'      => [qr/"secret"\s*:\s*(?="\Q$secret\E")/, ''],
        'not base64'   => [qr/"\Q$secret\E"/, "\"$secret!\""],
        'another kind' => [qr/"secret"\s*:\s*(?="\Q$secret\E")/,
                           '"public_key": '],
    );

    for my $name (sort keys %edit) {
        my ($find, $with) = @{ $edit{$name} };
        my $bad = $good =~ s/$find/$with/r;

        isnt($bad, $good, "$name: the policy is another");
        $t->write_file('policy.json', $bad, 0640);
        ok(!$t->reload, "$name: refused");
    }
    $t->write_file('policy.json', $good, 0640);
}


# Of some octets: all that they are written as.
sub spellings {
    my ($bytes) = @_;
    my $hex = unpack 'H*', $bytes;
    my @base64;

    # at each of the three places in a group of base64's, without the ends
    for my $skip (0 .. 2) {
        my $whole = substr $bytes, $skip;
        my $text = encode_base64(substr($whole, 0, 3 * int(length($whole) / 3)),
                                 '');
        push @base64, $text, $text =~ tr{+/}{-_}r;
    }
    return ($bytes, $hex, uc $hex, @base64);
}


# nginx itself writes every header of a request at debug level.
sub own_lines {
    my ($log) = @_;

    return $log =~ s/^.*\[debug\].*http (?:proxy )?header: "Authorization: .*$//gmr;
}


sub logs {
    my ($when) = @_;
    my %files = map { $_ => $t->read_file($_) }
                grep { -f && !/\.(?:key|secret|crt)$/ }
                (glob($t->prefix . '/*.log'), glob($t->state_dir . '/*'),
                 $t->path('nginx.out'));
    my @found;

    for my $file (sort keys %files) {
        my $log = own_lines($files{$file});

        for my $name (sort keys %secret) {
            push @found, map { "$file: $name" }
                         grep { index($log, $_) >= 0 }
                         spellings($secret{$name});
        }
        push @found, "$file: a token"
            if grep { index($log, (split /\./)[2]) >= 0 } @tokens;
    }
    ok(scalar(keys %files) > 4, "$when: logs: " . keys %files);
    is(join("\n", @found), '', "$when: no secret in a log");
}


# The private memory of a process, piece by piece.
sub pieces {
    my ($pid, $look) = @_;

    open my $maps, '<', "/proc/$pid/maps" or return 0;
    open my $mem, '<:raw', "/proc/$pid/mem" or return 0;
    my $read = 0;
    while (<$maps>) {
        my ($from, $to) = /^(\w+)-(\w+) rw.p/ or next;
        my ($at, $end) = map { hex } $from, $to;
        my $tail = '';

        next if $end - $at > 1 << 32;       # a sanitizer's shadow
        while ($at < $end) {
            my $n = $end - $at > 1 << 20 ? 1 << 20 : $end - $at;

            sysseek $mem, $at, 0 or last;
            my $got = sysread($mem, my $piece, $n) or last;
            $look->($tail . $piece);
            $tail = substr $piece, -512;
            $at += $got;
            $read += $got;
        }
    }
    return $read;
}


# What a key was read from; and the octets of those that are only hashed in.
sub memory {
    my ($when) = @_;
    my %look = %text;
    my %found;

    $look{"$_, raw"} = $secret{$_}
        for 'token key', 'secret in a file', 'secret in the policy';

    # OpenSSL's reader of PEM gives back its line as it is; the next who asks
    # for memory writes over it, but a sanitizer sets it aside
    delete $look{'audit key'} if $ENV{XC_PRELOAD};

    for my $pid ($t->master_pid, $t->worker_pids) {
        my $who = $pid == $t->master_pid ? 'master' : 'worker';
        my $read = pieces($pid, sub {
            my ($piece) = @_;

            for my $name (keys %look) {
                $found{"$who: $name"}++ if index($piece, $look{$name}) >= 0;
            }
        });

      SKIP: {
            skip "the memory of $pid can't be read", 1 if !$read;
            ok($read > 1 << 18, "$when: $who: $read octets read");
        }
    }
    is(join("\n", sort keys %found), '',
       "$when: no process holds what it read a key from");
}
