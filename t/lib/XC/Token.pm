package XC::Token;

# An issuer's side of tokens (RFC 7519): keys, the policy's credentials that
# name them, and tokens, signed by CryptX.

use strict;
use warnings;

use Crypt::PK::ECC;
use Crypt::PK::Ed25519;
use Crypt::PK::RSA;
use Exporter qw(import);
use MIME::Base64 qw(encode_base64url);

use XC::JSON;

our @EXPORT_OK = qw(sign);

my $json = json_coder->canonical;


# aud: for whom all tokens are, where nothing else is said.
sub new {
    my ($class, $aud) = @_;

    return bless { aud => $aud, keys => {} }, $class;
}


# The key of a kid: algorithm, Crypt::PK.
sub key { @{ $_[0]{keys}{ $_[1] } // die "no key $_[1]" } }


# A credential with fresh keys of these kids.
sub issuer {
    my ($self, $iss, $alg, $kids) = @_;
    my @jwks;

    for my $kid (@$kids) {
        my $pk = _generate($alg);
        $self->{keys}{$kid} = [$alg, $pk];
        push @jwks, { %{ $pk->export_key_jwk('public', 1) }, kid => $kid,
                      use => 'sig', alg => $alg };
    }
    return { type => 'jwt', iss => $iss, aud => $self->{aud}, alg => $alg,
             jwks => { keys => \@jwks } };
}


# A token for five minutes.  kid (whose key), header and claims (members that
# replace, undef removes), signature (a code that gets the text).
sub token {
    my ($self, %o) = @_;
    my ($alg, $pk) = $self->key($o{kid});
    my %header = (alg => $alg, kid => $o{kid}, typ => 'JWT',
                  %{ $o{header} // {} });
    my %claims = (aud => $self->{aud}, exp => time + 300,
                  %{ $o{claims} // {} });

    for my $h (\%header, \%claims) {
        delete $h->{$_} for grep { !defined $h->{$_} } keys %$h;
    }
    my $text = join '.', map { encode_base64url($json->encode($_)) }
                         \%header, \%claims;
    my $signature = $o{signature} ? $o{signature}->($text)
                                  : sign($alg, $pk, $text);

    return "$text." . encode_base64url($signature);
}


sub sign {
    my ($alg, $pk, $text) = @_;

    return $pk->sign_message($text) if $alg =~ /^Ed/;
    return $pk->sign_message($text, 'SHA256', 'pss', 32) if $alg eq 'PS256';
    return $pk->sign_message($text, 'SHA256', 'v1.5') if $alg eq 'RS256';
    return $pk->sign_message_rfc7518($text, $alg eq 'ES256' ? 'SHA256'
                                                            : 'SHA384');
}


sub _generate {
    my ($alg) = @_;

    return Crypt::PK::Ed25519->new->generate_key if $alg =~ /^Ed/;
    return Crypt::PK::RSA->new->generate_key(256) if $alg =~ /^[PR]S/;
    return Crypt::PK::ECC->new->generate_key(
        $alg eq 'ES256' ? 'secp256r1' : 'secp384r1');
}

1;
