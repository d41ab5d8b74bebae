package XC::Log;

# Audit logs made by hand, and what proves them: the chain, the Merkle tree
# (RFC 6962), signed notes, checkpoints and proofs (C2SP).  Written from the
# standards, sharing nothing with the code under test.

use strict;
use warnings;

use Crypt::PK::Ed25519;
use Digest::SHA qw(sha256 sha256_hex);
use Exporter qw(import);
use MIME::Base64 qw(encode_base64);

use XC::File;

our @EXPORT = qw(chain leaf root path frontier keypair vkey note checkpoint
                 proof signature slurp spew);

my $dash = "\xe2\x80\x94";


# Lines from seq on, members being the text behind "node".  Behind seq 0 the
# first of them is the line that the first follows.  %o, given as a hash before
# seq: node; start and step of the time, in seconds.
sub chain {
    my %o = ref $_[0] ? %{ shift() } : ();
    my ($seq, @members) = @_;
    my $prev = '0' x 64;
    my $out = '';

    $prev = sha256_hex("\0" . shift @members) if $seq;
    for my $members (@members) {
        my $t = ($o{start} // 1795342800) + $seq * ($o{step} // 1);
        my @t = gmtime $t;
        my $line = sprintf '{"seq":%d,"prev":"%s","time":"%04d-%02d-%02dT%02d'
                           . ':%02d:%02d.000001Z","node":"%s",%s}', $seq,
                           $prev, $t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0],
                           $o{node} // 'n1', $members;

        $prev = sha256_hex("\0$line");
        $out .= "$line\n";
        $seq++;
    }
    return $out;
}


sub leaf { return sha256("\0$_[0]") }


# Of leaf hashes: RFC 6962, 2.1.
sub root {
    my @d = @_;

    return sha256('') if !@d;
    return $d[0] if @d == 1;
    my $k = _split(scalar @d);
    return sha256("\1" . root(@d[0 .. $k - 1]) . root(@d[$k .. $#d]));
}


# RFC 6962, 2.1.1.
sub path {
    my ($m, @d) = @_;

    return () if @d <= 1;
    my $k = _split(scalar @d);
    return $m < $k ? (path($m, @d[0 .. $k - 1]), root(@d[$k .. $#d]))
                   : (path($m - $k, @d[$k .. $#d]), root(@d[0 .. $k - 1]));
}


# The member of that name, for the tree of these leaf hashes.
sub frontier {
    my @d = @_;
    my $size = @d;
    my @hashes;

    for my $bit (reverse 0 .. 40) {
        next if !($size & 1 << $bit);
        push @hashes, unpack 'H*', root(splice @d, 0, 1 << $bit);
    }
    return sprintf '"frontier":{"size":%d,"hashes":[%s]}', $size,
                   join ',', map { "\"$_\"" } @hashes;
}


sub keypair {
    my ($name) = @_;
    my $pk = Crypt::PK::Ed25519->new;

    $pk->generate_key;
    my $public = $pk->export_key_raw('public');
    my $id = substr sha256("$name\n\x01$public"), 0, 4;
    return { name => $name, pk => $pk, public => $public, id => $id };
}


sub vkey {
    my ($key) = @_;

    return sprintf '%s+%s+%s', $key->{name}, unpack('H*', $key->{id}),
                   encode_base64("\x01$key->{public}", '');
}


sub signature {
    my ($key, $text) = @_;

    return "$dash $key->{name} "
           . encode_base64($key->{id} . $key->{pk}->sign_message($text), '')
           . "\n";
}


sub note {
    my ($key, $text) = @_;

    return "$text\n" . signature($key, $text);
}


# Of the first size lines of a log.
sub checkpoint {
    my ($key, $log, $size) = @_;
    my @leaves = map { leaf($_) } (split /\n/, $log)[0 .. $size - 1];

    return note($key, "$key->{name}\n$size\n"
                      . encode_base64(root(@leaves), ''). "\n");
}


sub proof {
    my ($key, $log, $size, $seq) = @_;
    my @leaves = map { leaf($_) } (split /\n/, $log)[0 .. $size - 1];

    return join '', "c2sp.org/tlog-proof\@v1\nindex $seq\n",
                (map { encode_base64($_, '') . "\n" } path($seq, @leaves)),
                "\n", checkpoint($key, $log, $size);
}


# The largest power of two below n.
sub _split {
    my ($n) = @_;
    my $k = 1;

    $k *= 2 while $k * 2 < $n;
    return $k;
}


1;
