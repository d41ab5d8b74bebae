package XC::Soak::Policy;

# The policy of the soak, and all that its clients show of themselves: keys of
# every algorithm, certificates, tokens.  320500 comes and goes (drop(), add()),
# 320600 and 320700 have limits that are reached.  A second policy is for TLS
# alone, in which 310000 has a certificate, too ("known"; "nobody" is registered
# nowhere), and issuers of tokens.

use strict;
use warnings;
use utf8;

use Crypt::PK::ECC;
use Crypt::PK::RSA;
use Exporter qw(import);
use JSON::PP;

use XC::Certs;
use XC::SM2;
use XC::Token;

use parent qw(XC::Policy);

our @EXPORT_OK = qw(any_of $SUBMIT @STEADY);
our $SUBMIT = '/xc/v1/requests';

# Those whose every proper request passes.
our @STEADY = qw(310115 310000 000000 330000 340000 350000 360000);

my %algorithms = (330000 => 'ecdsa-p256-sha256', 340000 => 'ecdsa-p384-sha384',
                  350000 => 'rsa-pss-sha512', 360000 => 'rsa-v1_5-sha256',
                  370000 => 'sm2-sm3');


sub any_of { return $_[int rand @_] }


# dir: for certificates.
sub new {
    my ($class, $dir) = @_;
    my $p = $class->SUPER::new(transport => 'any', signature => {
        max_age => 300, max_skew => 1, nonce => 'required' });
    my $data = $p->data;

    push @{ $data->{operations} }, {
        id => 'result', kind => 'result', methods => ['GET'],
        path => "$SUBMIT/(?<request>[0-9a-f]{32})" };
    $_->{path} = "(?:/[a-z]+)?$_->{path}" for @{ $data->{operations} };
    $data->{rates}{slow} = { rate => '1r/s', burst => 2 };
    $data->{rates}{daily} = { rate => '1000r/s', burst => 100,
                              per_day => 100 };
    for my $id (sort keys %algorithms) {
        $p->add_agency($id, 'province',
                       $p->_asymmetric($id, $algorithms{$id}));
    }
    $p->add_agency('320500', 'city', $p->ed25519('320500', '320500-1'));
    $p->add_agency('320600', 'city', $p->hmac('320600', '320600-1'),
                   rate => 'slow');
    $p->add_agency('320700', 'city', $p->hmac('320700', '320700-1'),
                   rate => 'daily');

    my $expired = $p->ed25519('expired', 'expired-1');
    $expired->{not_after} = '2020-01-01T00:00:00Z';
    my $elsewhere = $p->ed25519('elsewhere', 'elsewhere-1');
    $elsewhere->{sources} = ['203.0.113.0/24'];
    push @{ $p->agency('310115')->{credentials} }, $expired, $elsewhere;
    $p->_connections($dir);
    return $p;
}


# Both policies: path, and tls.json beside it.
sub write {
    my ($self, $path) = @_;
    my $tls = bless { data => JSON::PP->new->utf8->decode($self->json) },
                    'XC::Policy';

    $tls->data->{$_->[0]} = $_->[1] for [policy => 'tls'], [transport => 'tls'];
    push @{ $tls->agency('310000')->{credentials} }, @{ $self->{vouched} };
    $tls->write($path =~ s{[^/]+\z}{tls.json}r);
    return $self->SUPER::write($path);
}


# The certificates and the issuers of tokens, see XC::Certs and XC::Token.
sub certs  { $_[0]{certs} }
sub tokens { $_[0]{tokens} }


sub drop {
    my ($self) = @_;
    my $data = $self->data;

    $self->{gone} = $self->agency('320500');
    $data->{agencies} = [grep { $_ != $self->{gone} } @{ $data->{agencies} }];
}


sub add {
    my ($self, $version) = @_;

    push @{ $self->data->{agencies} }, delete $self->{gone};
    $self->data->{version} = $version;
}


sub _asymmetric {
    my ($self, $id, $alg) = @_;
    my ($sign, $public) = $alg =~ /^sm2/ ? _sm2()
                          : $alg =~ /^rsa/ ? _rsa($alg) : _ecdsa($alg);

    $self->{keys}{$id} = { keyid => "$id-1", alg => $alg, sign => $sign };
    return { type => 'httpsig', keyid => "$id-1", alg => $alg,
             public_key => $public };
}


sub _sm2 {
    my $pk = XC::SM2->new;

    return (sub { $pk->sign_message($_[0]) }, $pk->public_pem);
}


sub _rsa {
    my ($alg) = @_;
    my $pk = Crypt::PK::RSA->new;
    my @how = $alg =~ /pss/ ? ('SHA512', 'pss', 64) : ('SHA256', 'v1.5');

    $pk->generate_key(256);
    return (sub { $pk->sign_message($_[0], @how) },
            $pk->export_key_pem('public_x509'));
}


sub _ecdsa {
    my ($alg) = @_;
    my $pk = Crypt::PK::ECC->new;
    my ($bits) = $alg =~ /(\d+)\z/;

    $pk->generate_key($alg =~ /p256/ ? 'secp256r1' : 'secp384r1');
    return (sub { $pk->sign_message_rfc7518($_[0], "SHA$bits") },
            $pk->export_key_pem('public_short'));
}


sub _connections {
    my ($self, $dir) = @_;
    my $certs = $self->{certs} = XC::Certs->new($dir);
    my $tokens = $self->{tokens} = XC::Token->new('https://platform.example');

    $certs->ca('ca');
    $certs->cert($_, "/CN=$_") for qw(known nobody);
    $self->{vouched} = [
        { type => 'mtls', spki_sha256 => $certs->of('known')->{spki} },
        $tokens->issuer('https://any.example', 'EdDSA', ['any']),
        { %{ $tokens->issuer('https://once.example', 'ES256', ['once']) },
          jti => JSON::PP::true }];
}

1;
