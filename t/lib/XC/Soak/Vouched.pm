package XC::Soak::Vouched;

# A client's requests that something else than one signature vouches for: a
# certificate, a bearer token, the ticket of a former request.

use strict;
use warnings;
use utf8;

use Exporter qw(import);

use XC::Soak::Policy qw(any_of $SUBMIT @STEADY);
use XC::Ticket;

our @EXPORT_OK = qw($TOKEN_KEY vouched_reasons);
our $TOKEN_KEY = 'k' x 32;          # seals tickets
my $CERTS = '/mtls';                # where the gate takes certificates
my $TOKENS = '/jwt';                # and tokens

my %certificates = (
    # agency that signs, or none; certificate
    'credential-unknown/mtls'        => [undef, 'nobody'],
    'credential-unknown/mtls-signed' => ['310000', 'nobody'],
    'credential-conflict/mtls'       => ['310115', 'known'],
);

# How it differs from a proper one's, and the certificate.
my %tokens = (
    'token-invalid/expired' => sub { ({ claims => { exp => time - 60 } }) },
    'token-invalid/signature' => sub { ({ signature => sub { 's' x 64 } }) },
    'token-invalid/aud' => sub { ({ claims => { aud => 'another' } }) },
    'token-invalid/certificate' => sub { ({}, 'nobody') },
    'token-invalid/none' => sub { ({}, undef) },
    'credential-unknown/issuer' => sub { ({ claims => {
        iss => 'https://nobody.example' } }) },
);

# Of a ticket and what it says: others, one or two.
my %tickets = (
    'request-not-yours/agency'  => sub { ($_[0]) },
    'request-not-yours/path'    => sub { ($_[0]) },
    'request-not-yours/twice'   => sub { ($_[0], $_[0]) },
    'request-not-yours/cut'     => sub { (substr $_[0], 0, -2) },
    'request-not-yours/forged'  => sub { sealed($_[1], 'x' x 32) },
    'request-not-yours/expired' => sub { sealed({ %{ $_[1] },
        expires => time - 1 }, $TOKEN_KEY) },
);


sub vouched_reasons {
    return sort 'signature-replayed/jti', keys %certificates, keys %tokens,
                keys %tickets;
}


sub _mtls {
    my ($self, $name) = @_;

    return $self->_ask("$name-good",
        $self->_client('310000', tls => 1, cert => 'known'),
        $self->_unsigned($CERTS)) if rand() < 0.6;

    my $what = any_of(sort keys %certificates);
    my ($agency, $cert) = @{ $certificates{$what} };
    $self->_ask("refused-$what",
        $self->_client($agency // '310000', tls => 1, cert => $cert),
        'GET', $CERTS . $self->{policy}->query, $agency ? {} : { sign => 0 });
}


# Method, target, options of a proper request without a signature.
sub _unsigned {
    my ($self, $prefix, @headers) = @_;
    my ($method, $target, $o) = $self->_proper($prefix);

    return ($method, $target, { %$o, sign => 0, headers => \@headers });
}


# A header with a token that is bound to the certificate "known".
sub _bearer {
    my ($self, $kid, %o) = @_;
    my $p = $self->{policy};

    return [Authorization => 'Bearer ' . $p->tokens->token(
        kid => $kid, %o, claims => {
            iss => "https://$kid.example",
            cnf => { 'x5t#S256' => $p->certs->of('known')->{x5t} },
            %{ $o{claims} // {} } })];
}


sub _token {
    my ($self, $name) = @_;
    my $known = $self->_client('310000', tls => 1, cert => 'known');

    return $self->_once($name, $known) if rand() < 0.2;
    return $self->_ask("$name-good", $known,
        $self->_unsigned($TOKENS, $self->_bearer('any'))) if rand() < 0.6;

    my $what = any_of(sort keys %tokens);
    my ($differs, @cert) = $tokens{$what}->();
    my $client = !@cert ? $known : $self->_client('310000', tls => 1,
                                                  cert => $cert[0]);
    $self->_ask("refused-$what", $client, 'GET',
                $TOKENS . $self->{policy}->query,
                { sign => 0, headers => [$self->_bearer('any', %$differs)] });
}


# A token for one use, used twice.
sub _once {
    my ($self, $name, $client) = @_;
    my $now = time;
    my $bearer = $self->_bearer('once', claims => {
        iat => $now, exp => $now + 200,
        jti => "$$-$self->{asked}-$now" });

    # what was not answered may not have burned it
    my $first = $self->_ask("$name-good", $client,
                            $self->_unsigned($TOKENS, $bearer));
    $self->_ask('refused-signature-replayed/jti', $client, 'GET',
                $TOKENS . $self->{policy}->query,
                { sign => 0, headers => [$bearer] })
        if $first && $first->{status} == 200;
}


# A submit, its result twice, and once with what is no ticket for it.
sub _result {
    my ($self, $name) = @_;
    my ($agency, $other) = @STEADY[_two(scalar @STEADY)];
    my $client = $self->_client($agency);
    my $submit = $self->_ask("$name-submit", $client, 'POST', $SUBMIT,
                             { body => $self->{policy}->body });

    return if !$submit || $submit->{status} != 200 || $submit->{truncated};
    my $ticket = $submit->{headers}{'xc-request'} // 'none';
    my $id = $submit->{json}{id} // '0' x 32;
    my $says = opened($ticket, $TOKEN_KEY) // {};
    my $ask = sub {
        my ($what, $with, $of, @tickets) = @_;
        $self->_ask($what, $with, 'GET', "$SUBMIT/$of",
            { headers => [map { ['XC-Request', $_] } @tickets] });
    };

    $ask->("$name-good", $client, $id, $ticket) for 1, 2;
    my $what = any_of(sort keys %tickets);
    $ask->("refused-$what",
           $what =~ /agency/ ? $self->_client($other) : $client,
           $what =~ /path/ ? $id =~ tr/0-9a-f/1-9a-f0/r : $id,
           $tickets{$what}->($ticket, $says));
}


# Two different numbers below n.
sub _two {
    my ($n) = @_;
    my $one = int rand $n;

    return ($one, ($one + 1 + int rand($n - 1)) % $n);
}

1;
