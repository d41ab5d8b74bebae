package XC::Nation;

# A policy of all agencies, as tools/nation writes it, in the place of an
# XC::Policy: $t->policy(XC::Nation->new($t)).  Its rates let every test pass.

use strict;
use warnings;
use utf8;

use parent qw(XC::Policy);

use Crypt::PK::Ed25519;
use File::Copy qw(copy);

use XC::JSON;


# More arguments of tools/nation (as characters) behind these.
sub new {
    my ($class, $t, @args) = @_;
    my $self = bless { file => $t->path('nation.json'),
                       dir => $t->path('nation.keys') }, $class;
    my @cmd = ($t->root . '/tools/nation', '--transport', 'any', '--rate',
               '1000r/s', '--keys', $self->{dir}, '--out', $self->{file},
               @args);

    system(@cmd) == 0 or die 'tools/nation does not end well';
    return $self;
}


sub text {
    my ($self) = @_;

    open my $fh, '<:encoding(UTF-8)', $self->{file} or die $!;
    local $/;
    return scalar <$fh>;
}


# The entry of an agency, or of an approval by its number.
sub agency { $_[0]->_entry(id => $_[1]) }

sub approval { $_[0]->_entry(no => $_[1]) }


sub key {
    my ($self, $agency) = @_;

    $agency //= '310115';
    return { keyid => "$agency-2026a", alg => 'ed25519',
             pk => Crypt::PK::Ed25519->new("$self->{dir}/$agency.pem") };
}


# In the place of another version of it.
sub change {
    my ($self, $change) = @_;
    my $text = $self->text;

    $change->() for $text;
    open my $fh, '>:encoding(UTF-8)', $self->{file} or die $!;
    print $fh $text;
    close $fh or die $!;
    return $self;
}


sub write {
    my ($self, $path) = @_;

    copy($self->{file}, "$path.new") or die "$path: $!";
    chmod 0640, "$path.new";
    rename "$path.new", $path or die "$path: $!";
    return $path;
}


# A member of it, not the whole.  Both kinds of entry end with a list.
sub _entry {
    my ($self, $member, $is) = @_;
    my $text = $self->text;

    $text =~ /^    (\{"$member": "\Q$is\E", .*?\]\})(?:,|\])?$/ms or return;
    return json_coder->utf8(0)->decode($1);
}

1;
