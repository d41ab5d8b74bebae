package XC::Note;

# Checkpoints (C2SP tlog-checkpoint, signed note) as an outsider opens them,
# and the tree (RFC 6962) that they are of.  Written from the standards,
# sharing nothing with the code under test.

use strict;
use warnings;

use Crypt::PK::Ed25519;
use Digest::SHA qw(sha256);
use Exporter qw(import);
use MIME::Base64 qw(decode_base64 encode_base64);

our @EXPORT = qw(frontier_root note_split open_note signer tree_roots);

my $dash = "\xe2\x80\x94";


# A new key of the log of that name: {origin, pem, vkey, id, pk}.
sub signer {
    my ($origin) = @_;
    my $pk = Crypt::PK::Ed25519->new->generate_key;
    my $public = "\x01" . $pk->export_key_raw('public');
    my $id = substr sha256("$origin\n$public"), 0, 4;

    return { origin => $origin, pk => $pk, id => $id,
             pem => _pem($pk->export_key_raw('private')),
             vkey => join '+', $origin, unpack('H*', $id),
                               encode_base64($public, '') };
}


# Opens a note signed with that vkey: {origin, size, root}.  Dies with what is
# wrong.
sub open_note {
    my ($note, $vkey) = @_;
    my ($name, $id, $key) = $vkey =~ /\A([^+ ]+)\+([0-9a-f]{8})\+(.+)\z/
        or die "no vkey: $vkey\n";
    my $public = _base64($key);

    die "not a key of Ed25519\n" if $public !~ /\A\x01.{32}\z/s;
    die "the vkey's id is not its key's\n"
        if $id ne unpack 'H8', sha256("$name\n$public");

    my ($text, $signatures) = $note =~ /\A(.*?\n)\n([^\n]+\n)\z/s
        or die "not a note of one signature: $note\n";
    my ($by, $signature) = $signatures =~ /\A$dash ([^ ]+) ([^ ]+)\n\z/
        or die "not a signature: $signatures\n";
    my $bytes = _base64($signature);

    die "signed by $by\n" if $by ne $name;
    die "signed with another key\n" if substr($bytes, 0, 4) ne pack 'H*', $id;

    my $pk = Crypt::PK::Ed25519->new;
    $pk->import_key_raw(substr($public, 1), 'public');
    $pk->verify_message(substr($bytes, 4), $text)
        or die "the signature does not verify\n";

    my ($origin, $size, $root) =
        $text =~ /\A([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\n\z/
        or die "not a checkpoint: $text\n";
    die "of the log $origin\n" if $origin ne $name;
    $root = _base64($root);
    die "a root of another size\n" if length $root != 32;
    return { origin => $origin, size => $size, root => $root };
}


# The notes of audit.checkpoints.
sub note_split {
    my ($text) = @_;
    my @notes = split /^--\n/m, $text;

    die "audit.checkpoints ends in the middle\n"
        if $text ne join '', map { "$_--\n" } @notes;
    return @notes;
}


# The root of each size from 0 on, of these lines: RFC 6962, 2.1, by keeping
# the full subtrees on the left.
sub tree_roots {
    my @lines = @_;
    my @stack;
    my @roots = (sha256(''));

    for my $line (@lines) {
        push @stack, [1, sha256("\0$line")];
        while (@stack > 1 && $stack[-1][0] == $stack[-2][0]) {
            my ($l, $r) = splice @stack, -2;
            push @stack, [2 * $l->[0], sha256("\1$l->[1]$r->[1]")];
        }
        push @roots, _fold(map { $_->[1] } @stack);
    }
    return @roots;
}


# Of a frontier, the hashes of the full subtrees from left to right.
sub frontier_root {
    my ($frontier) = @_;
    my $bits = sprintf('%b', $frontier->{size}) =~ tr/1//;
    my @hashes = @{ $frontier->{hashes} };

    return if @hashes != $bits || grep { !/\A[0-9a-f]{64}\z/ } @hashes;
    return _fold(map { pack 'H*', $_ } @hashes);
}


# RFC 8410.
sub _pem {
    my ($private) = @_;
    my $der = pack('H*', '302e020100300506032b657004220420') . $private;

    return "-----BEGIN PRIVATE KEY-----\n" . encode_base64($der)
           . "-----END PRIVATE KEY-----\n";
}


sub _fold {
    my @hashes = @_;
    my $root = pop @hashes;

    $root = sha256("\1" . pop(@hashes) . $root) while @hashes;
    return $root;
}


# In the only form that there is of them.
sub _base64 {
    my ($text) = @_;
    my $bytes = decode_base64($text);

    die "not base64: $text\n" if encode_base64($bytes, '') ne $text;
    return $bytes;
}

1;
