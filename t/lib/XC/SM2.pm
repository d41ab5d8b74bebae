package XC::SM2;

# A signer for sm2-sm3 (GB/T 32918.2, 32905) that is not OpenSSL, which the
# module verifies with: points of the curve are multiplied by CryptX, the rest
# is here.  Good enough for tests: nothing takes the same time.

use strict;
use warnings;

use Crypt::PK::ECC;
use Math::BigInt;
use MIME::Base64 qw(encode_base64);

# GB/T 32918.5
my %curve = (
    prime => 'FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF',
    A     => 'FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC',
    B     => '28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93',
    Gx    => '32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7',
    Gy    => 'BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0',
    order => 'FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123',
    cofactor => 1,
);
my $n = Math::BigInt->from_hex($curve{order});
my $ID = '1234567812345678';

# id-ecPublicKey, 1.2.156.10197.1.301, then the point
my $SPKI = pack 'H*', '3059301306072a8648ce3d020106082a811ccf5501822d03420004';


# A new key.
sub new {
    my ($class) = @_;
    my ($d, $x, $y) = _random_point();

    return bless {
        d => $d, point => pack('H*H*', $x, $y),
        inverse => $d->copy->badd(1)->bmodinv($n),
        za => sm3(pack('n', 8 * length $ID) . $ID
                  . pack('(H*)*', @curve{qw(A B Gx Gy)}, $x, $y)),
    }, $class;
}


sub public_pem {
    my ($self) = @_;

    return "-----BEGIN PUBLIC KEY-----\n"
           . encode_base64($SPKI . $self->{point})
           . "-----END PUBLIC KEY-----\n";
}


# r and s, 32 bytes each.
sub sign_message {
    my ($self, $message) = @_;
    my $e = Math::BigInt->from_hex(unpack 'H*', sm3($self->{za} . $message));

    while (1) {
        my ($k, $x) = _random_point();
        my $r = Math::BigInt->from_hex($x)->badd($e)->bmod($n);
        next if $r->is_zero || $r->copy->badd($k)->bcmp($n) == 0;

        my $s = $k->bsub($self->{d}->copy->bmul($r))
                  ->bmul($self->{inverse})->bmod($n);
        return pack 'H64H64', map { substr '0' x 64 . $_->to_hex, -64 } $r, $s
            if !$s->is_zero;
    }
}


# k of 1 to order - 1, and the coordinates of k times the base point.
sub _random_point {
    my $h = Crypt::PK::ECC->new->generate_key(\%curve)->key2hash;

    return (Math::BigInt->from_hex($h->{k}),
            map { substr '0' x 64 . $_, -64 } @$h{qw(pub_x pub_y)});
}


sub _rotl { return ($_[0] << $_[1] | $_[0] >> 32 - $_[1]) & 0xffffffff }


my @T = map { _rotl($_ < 16 ? 0x79cc4519 : 0x7a879d8a, $_ % 32) } 0 .. 63;


# The hash's 32 bytes.
sub sm3 {
    my ($bytes) = @_;
    my @v = (0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
             0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e);
    my $padded = $bytes . "\x80" . "\0" x ((55 - length $bytes) % 64)
                 . pack 'Q>', 8 * length $bytes;

    for my $block (unpack '(a64)*', $padded) {
        my @new = _compress($block, @v);
        $v[$_] ^= $new[$_] for 0 .. 7;
    }
    return pack 'N8', @v;
}


sub _compress {
    my ($block, $A, $B, $C, $D, $E, $F, $G, $H) = @_;
    my @w = unpack 'N16', $block;

    for my $j (16 .. 67) {
        my $x = $w[$j - 16] ^ $w[$j - 9] ^ _rotl($w[$j - 3], 15);
        $w[$j] = $x ^ _rotl($x, 15) ^ _rotl($x, 23)
                 ^ _rotl($w[$j - 13], 7) ^ $w[$j - 6];
    }
    for my $j (0 .. 63) {
        my $a12 = _rotl($A, 12);
        my $ss1 = _rotl(($a12 + $E + $T[$j]) & 0xffffffff, 7);
        my ($ff, $gg) = $j < 16
            ? ($A ^ $B ^ $C, $E ^ $F ^ $G)
            : ($A & $B | $A & $C | $B & $C, $E & $F | ~$E & $G);
        my $tt1 = ($ff + $D + ($ss1 ^ $a12) + ($w[$j] ^ $w[$j + 4]))
                  & 0xffffffff;
        my $tt2 = (($gg & 0xffffffff) + $H + $ss1 + $w[$j]) & 0xffffffff;

        ($A, $B, $C, $D) = ($tt1, $A, _rotl($B, 9), $C);
        ($E, $F, $G, $H) = ($tt2 ^ _rotl($tt2, 9) ^ _rotl($tt2, 17), $E,
                            _rotl($F, 19), $G);
    }
    return ($A, $B, $C, $D, $E, $F, $G, $H);
}

1;
