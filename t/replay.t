#!/usr/bin/perl

# What passes once passes once: whichever gate burned it, whatever window that
# had, and whatever a reload or a restart makes of the window afterwards.  The
# gate's clock goes forward where a test says so.

use strict;
use warnings;

use Crypt::PK::Ed25519;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use Test::More;

use XC::Gate;
use XC::Nginx;
use XC::Shim;

my $json = JSON::PP->new->utf8->canonical;
my $life = 30;
my $short = { max_age => $life, max_skew => 0 };
my $long = { max_age => 300, max_skew => 30 };
my $grown = qr/the window has grown since/;
my $issuer = Crypt::PK::Ed25519->new->generate_key;
my ($shim, $ahead);

grown('reload', sub { $_[0]->reload(wait => 'exit') });
grown('restart', sub { $_[0]->stop; $shim->run; 1 });
shrunk();
second_gate();
grown_twice();
done_testing;


# A node whose policy has the short window.
sub node {
    my $t = XC::Nginx->new;

    $t->policy(transport => 'any', signature => $short);
    $t->gate_conf;
    run($t);
    return $t;
}


sub run {
    my ($t) = @_;

    $shim = XC::Shim->new($t);
    $ahead = 0;
    $shim->run;
}


# Twice the short window passes.
sub later { $shim->set(clock => $ahead += 2 * $life) }


sub now { time + $ahead }


# A signed query, of now.
sub query {
    my ($t, $c) = @_;

    return $c->format('GET', $t->policy->query,
                      { sign => { created => now() } });
}


sub window {
    my ($t, $window) = @_;

    $t->policy->data->{signature} = $window;
    $t->policy->write($t->path('policy.json'));
}


sub stale {
    my ($t, $name, $answer, @detail) = @_;

    return refused($t, $name, $answer, 'signature-stale',
                   auth => @detail ? 1 : 0, @detail ? (detail => @detail) : ());
}


# The window is made longer: nonces of before are not known for so long.
sub grown {
    my ($how, $do) = @_;
    my $t = node();
    my $c = $t->client(tls => 0);
    my $early = query($t, $c);

    admitted($t, "$how: the first", $c->raw($early));
    refused($t, "$how: once more", $c->raw($early), 'signature-replayed');
    later();
    stale($t, "$how: after its window", $c->raw($early));

    my $late = query($t, $c);
    admitted($t, "$how: a late one", $c->raw($late));

    window($t, $long);
    ok($do->($t), "$how with a longer window");
    stale($t, "$how: what was forgotten", $c->raw($early), $grown);
    later();
    stale($t, "$how: what was burned for the short one", $c->raw($late),
          $grown);
    stale($t, "$how: never seen, but who knows",
          $c->request('GET', $t->policy->query,
                      { sign => { created => now() - 6 * $life } }),
          $grown);

    my $new = query($t, $c);
    admitted($t, "$how: a new one", $c->raw($new));
    later();
    refused($t, "$how: which is known for the longer one", $c->raw($new),
            'signature-replayed');
    $t->finish;
}


# The window is made shorter, and longer again.
sub shrunk {
    my $t = node();
    my $c = $t->client(tls => 0);

    window($t, $long);
    $t->reload(wait => 'exit');
    window($t, $short);
    $t->reload(wait => 'exit');
    later();

    my $bytes = query($t, $c);
    admitted($t, 'shortened: the first', $c->raw($bytes));
    later();
    stale($t, 'shortened: after its window', $c->raw($bytes));

    window($t, $long);
    ok($t->reload(wait => 'exit'), 'the longer one again');
    refused($t, 'longer again: it is known', $c->raw($bytes),
            'signature-replayed');
    $t->finish;
}


# Two gates of one authority, of one agency and key.
sub second_gate {
    my $t = XC::Nginx->new;
    my $policy = $t->policy(transport => 'any', signature => $short);
    my $own = $policy->agency('310115')->{credentials};

    push @$own, { type => 'jwt', iss => 'https://once.example',
        aud => 'https://platform.example', alg => 'EdDSA',
        jti => JSON::PP::true,
        jwks => { keys => [{
            %{ $issuer->export_key_jwk('public', 1) }, kid => 'k' }] } };
    my %data = %{ $policy->data };
    XC::Policy::write(
        bless({ data => { %data, policy => 'other',
                          signature => { max_age => 300, max_skew => 300 } } },
              'XC::Policy'), $t->path('other.json'));
    $t->policy($policy);

    my $common = 'xc_credentials httpsig httpsig+jwt;'
                 . ' proxy_pass http://%%BACKEND%%;'
                 . ' include %%ROOT%%/conf/xc_proxy_params;';
    $t->gate_conf(location => 'xc_credentials httpsig httpsig+jwt;',
        servers => 'server { listen 127.0.0.1:%%PORT_two%%; location / {'
                   . " xc enforce; xc_policy other.json; $common } }");
    run($t);

    my $one = $t->client(tls => 0);
    my $two = $t->client(tls => 0, port => $t->port('two'));
    my $bytes = query($t, $one);
    my $token = token(exp => now() + $life);
    my $bearer = sub {
        $_[0]->request('GET', $policy->query,
            { headers => [[Authorization => "Bearer $token"]],
              sign => { created => now() } });
    };

    admitted($t, 'the gate with the short window', $one->raw($bytes));
    refused($t, 'the other at once', $two->raw($bytes), 'signature-replayed');
    admitted($t, 'a token there', $bearer->($one));
    refused($t, 'the token at the other', $bearer->($two),
            'signature-replayed');
    later();
    stale($t, 'the first, later', $one->raw($bytes));
    refused($t, 'the other, later', $two->raw($bytes), 'signature-replayed');
    refused($t, 'the token at the first, later', $bearer->($one),
            'token-invalid');
    refused($t, 'the token at the other, later', $bearer->($two),
            'signature-replayed');
    $t->finish;
}


# A second change, while what the first left may still be about.
sub grown_twice {
    my $t = node();
    my $c = $t->client(tls => 0);
    my $bytes = query($t, $c);

    admitted($t, 'twice: the first', $c->raw($bytes));

    for my $max_age (2 * $life, 300) {
        window($t, { max_age => $max_age, max_skew => 0 });
        ok($t->reload(wait => 'exit'), "twice: max_age $max_age");
    }
    later();
    stale($t, 'twice: what was burned for the shortest', $c->raw($bytes),
          $grown);
    $t->finish;
}


sub token {
    my (%claims) = @_;
    my $text = join '.', map { encode_base64url($json->encode($_)) }
        { alg => 'EdDSA', kid => 'k' },
        { iss => 'https://once.example', aud => 'https://platform.example',
          iat => $claims{exp} - $life, jti => 'j', %claims };

    return "$text." . encode_base64url($issuer->sign_message($text));
}
