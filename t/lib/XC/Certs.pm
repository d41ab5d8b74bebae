package XC::Certs;

# Certificates for clients, and CAs that sign them, made by the openssl command
# in a directory.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use MIME::Base64 qw(encode_base64url);


sub new {
    my ($class, $dir) = @_;

    return bless { dir => $dir, made => {} }, $class;
}


# Of a certificate: ssl and curl (what XC::Client's new() takes), hash and spki
# (SHA-256 in hex), x5t (the same hash as a token has it).
sub of { $_[0]{made}{ $_[1] } // die "no certificate $_[1]" }


# The command's output.
sub openssl {
    my ($self, @args) = @_;
    my $cmd = join ' ', map { "'$_'" } 'openssl', @args;

    utf8::encode($cmd);
    my $out = `cd '$self->{dir}' && $cmd 2>&1`;
    die "$cmd: $out" if $?;
    return $out;
}


# A CA: name.key, name.crt.
sub ca {
    my ($self, $name, $cn) = @_;

    $self->_key($name);
    $self->openssl(qw(req -x509 -days 30 -subj), '/CN=' . ($cn // $name),
                   '-key', "$name.key", '-out', "$name.crt");
}


# ca: who signs it (default ca; self: its own key); key: of which other one;
# days (30).  Returns what of() does.
sub cert {
    my ($self, $name, $subject, %o) = @_;
    my $key = ($o{key} // $name) . '.key';
    my $ca = $o{ca} // 'ca';
    my @by = $ca eq 'self' ? ('-signkey', $key)
             : ('-CA', "$ca.crt", '-CAkey', "$ca.key", '-set_serial',
                2 + keys %{ $self->{made} });

    $self->_key($name) if !$o{key};
    $self->openssl(qw(req -new -utf8 -subj), $subject, '-key', $key, '-out',
                   "$name.csr");
    $self->openssl(qw(x509 -req -in), "$name.csr", @by, '-days',
                   $o{days} // 30, '-out', "$name.crt");
    $self->openssl(qw(x509 -outform DER -in), "$name.crt", '-out',
                   "$name.der");
    $self->openssl(qw(pkey -pubout -outform DER -in), $key, '-out',
                   "$name.pub");

    my ($cert, $with, $der, $pub) = map { "$self->{dir}/$_" }
        "$name.crt", $key, "$name.der", "$name.pub";
    return $self->{made}{$name} = {
        ssl  => { SSL_cert_file => $cert, SSL_key_file => $with },
        curl => ['--cert', $cert, '--key', $with],
        hash => sha256_hex(_slurp($der)),
        x5t  => encode_base64url(sha256(_slurp($der))),
        spki => sha256_hex(_slurp($pub)),
    };
}


sub _key {
    my ($self, $name) = @_;

    $self->openssl(qw(genpkey -algorithm EC -pkeyopt
                      ec_paramgen_curve:P-256 -out), "$name.key");
}


sub _slurp {
    my ($path) = @_;

    open my $fh, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$fh>;
}

1;
