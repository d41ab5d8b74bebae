package XC::Shim;

# A disk that is slow, full or broken under the audit log, and clocks that the
# test sets: t/lib/shim.c, preloaded into a test's nginx, and the page that it
# is told by.

use strict;
use warnings;

use Errno qw(EIO ENOSPC EROFS);
use Fcntl qw(:flock);

my @words = qw(hold permits pid sync_fails write_fault write_fails
               truncate_fails held syncs writes failed hold_writes clock
               boot_s);
my %at = map { $words[$_] => 4 * $_ } 0 .. $#words;
my %faults = (ENOSPC => ENOSPC + 0, EIO => EIO + 0, EROFS => EROFS + 0,
              short => 0x10000);


# Builds the library, where that is not done yet.
sub new {
    my ($class, $t) = @_;
    my $self = bless { t => $t, library => build($t->root, $t->{build}),
                       page => $t->path('shim') }, $class;

    $t->write_file('shim', "\0" x 4096);
    open $self->{fh}, '+<:raw', $self->{page} or die "$self->{page}: $!";
    return $self;
}


# Path of the library.
sub build {
    my ($root, $dir) = @_;
    my $source = "$root/t/lib/shim.c";
    my $out = "$dir/shim.so";
    my $cc = $ENV{CC} // 'cc';

    open my $lock, '>', "$out.lock" or die "$out.lock: $!";
    flock $lock, LOCK_EX;
    if (!-e $out || (stat $source)[9] >= (stat $out)[9]) {
        system("$cc -O2 -g -Wall -Wextra -shared -fPIC -o '$out.new'"
               . " '$source'") == 0 or die 'shim.c does not compile';
        rename "$out.new", $out or die "$out: $!";
    }
    return $out;
}


# nginx with the library in it.
sub run {
    my ($self) = @_;
    my $variable = $ENV{XC_PRELOAD} ? 'XC_PRELOAD' : 'LD_PRELOAD';

    local $ENV{XC_SHIM} = $self->{page};
    local $ENV{$variable} = join ':', grep { defined } $ENV{XC_PRELOAD},
                                                       $self->{library};
    return $self->{t}->run;
}


sub get {
    my ($self, $word) = @_;

    sysseek $self->{fh}, $at{$word} // die("no $word"), 0 or die "seek: $!";
    sysread $self->{fh}, my $value, 4 or die "read: $!";
    return unpack 'L', $value;
}


sub set {
    my ($self, %o) = @_;

    for my $word (keys %o) {
        sysseek $self->{fh}, $at{$word} // die("no $word"), 0
            or die "seek: $!";
        syswrite $self->{fh}, pack('L', $o{$word} & 0xffffffff)
            or die "write: $!";
    }
    return $self;
}


# From now on fdatasync waits; pid: in that process only.
sub hold {
    my ($self, %o) = @_;

    return $self->set(permits => 0, pid => $o{pid} // 0)->set(hold => 1);
}


# So many fdatasync calls (those waiting included) may go on.
sub pass { $_[0]->set(permits => $_[1]) }

sub release { $_[0]->set(hold => 0) }


# True when so many calls wait.
sub wait_held {
    my ($self, $n) = @_;

    return $self->{t}->wait_for(sub { $self->get('held') == ($n // 1) });
}


# The next writes fail (ENOSPC, EIO, EROFS, short), all of them or so many.
sub fault {
    my ($self, $how, $n) = @_;

    return $self->set(write_fails => $n // 0xffffffff)
                ->set(write_fault => $faults{$how} // die "no $how");
}


# A sound disk again.
sub mend {
    my ($self) = @_;

    return $self->set(map { $_ => 0 } qw(write_fault write_fails sync_fails
                                         truncate_fails hold hold_writes permits
                                         pid));
}

1;
