package XC::Soak::Memory;

# What nginx's processes hold while a soak goes on: anonymous memory and
# descriptors, looked at often in one long term (generation of workers) and at
# the end of short ones; and what is asserted of them.

use strict;
use warnings;

use List::Util qw(max min sum0);
use Test::More;

use XC::Nginx;

# So that what a process holds can be told from what chance has had it touch.
# Every block from a page on is mapped for itself and given back when freed:
# else the heap keeps the size and the gaps of the most requests that ever met.
# Two threads for the log: of the 32 that are the default, each adds its stack
# and arena (30 to 80 KiB) only when chance first picks it.
use constant ENVIRONMENT => (MALLOC_MMAP_THRESHOLD_ => 4096,
                             MALLOC_TRIM_THRESHOLD_ => 4096,
                             MALLOC_TOP_PAD_ => 4096);
use constant CONF => 'thread_pool default threads=2;'
                     . ' env MALLOC_MMAP_THRESHOLD_;'
                     . ' env MALLOC_TRIM_THRESHOLD_; env MALLOC_TOP_PAD_;';

# KiB of anonymous memory that may be added, see verdict().
my $BOUND = 256;


# t (XC::Nginx).
sub new {
    my ($class, $t) = @_;

    return bless { t => $t, samples => [], master => [] }, $class;
}


# Looks at the workers of a term; their pids.  A worker is born with what its
# master has, which is the master's growth and not the worker's.
sub look {
    my ($self, $term, $long) = @_;
    my @now = $self->{t}->worker_pids;
    my $with = $self->{with} //= $self->_anon($self->{t}->master_pid);

    for my $pid (@now) {
        my $anon = $self->_anon($pid) or next;
        my @fds = grep { !/^socket:|client_body|proxy\// } descriptors($pid);

        push @{ $self->{samples} }, {
            term => $term, long => $long, pid => $pid, anon => $anon - $with,
            fds => scalar @fds, names => "@fds" };
    }
    return @now;
}


# Looks at the master, when a reload has made new workers; at one that is new
# (upgraded), only for what they are born with.
sub look_at_master {
    my ($self, $upgraded) = @_;
    my $pid = $self->{t}->master_pid;

    $self->{with} = $self->_anon($pid);
    if ($upgraded) {
        $self->{master} = [];
        return;
    }
    # former workers may still be ending: a worker is two sockets to its master
    my @workers = XC::Nginx::_children($pid);
    push @{ $self->{master} }, {
        anon => $self->{with},
        fds => scalar(descriptors($pid)) - 2 * @workers };
}


sub descriptors { return map { readlink($_) // () } glob "/proc/$_[0]/fd/*" }


# KiB: anonymous, the process's own; where the kernel does not tell, resident.
sub _anon {
    my ($self, $pid) = @_;
    my $text = $self->{t}->read_file("/proc/$pid/status") // return;

    my ($kib) = $text =~ /^RssAnon:\s+(\d+)/m;
    return $kib // ($text =~ /^VmRSS:\s+(\d+)/m)[0];
}


sub _median { return (sort { $a <=> $b } @_)[@_ / 2] }

sub _mean { return @_ ? sum0(@_) / @_ : 0 }


# Sanitizers keep what was freed.
sub _grows {
    my ($kib, $bound, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 2;
    SKIP: {
        skip 'memory says nothing under sanitizers', 1 if $ENV{XC_PRELOAD};
        cmp_ok($kib, '<=', $bound, $name);
    }
}


sub _by_pid {
    my %of;

    push @{ $of{ $_->{pid} } }, $_ for @_;
    return values %of;
}


sub verdict {
    my ($self) = @_;

    $self->_long_term;
    $self->_short_terms;
    $self->_of_master;
    $self->_files;
}


# A worker that lives for a third of all: its second half against its second
# quarter; what is before that warms it up.
sub _long_term {
    my ($self) = @_;

    for my $of (_by_pid(grep { $_->{long} } @{ $self->{samples} })) {
        my @anon = map { $_->{anon} } @$of;
        my $n = @anon;
        next if $n < 8;
        my $from = max(@anon[$n / 4 .. $n / 2]);
        my $to = _mean(@anon[-int($n / 8 + 1) .. -1]);
        diag("worker $of->[0]{pid}, KiB: @anon");
        _grows($to - $from, $BOUND,
               sprintf 'a worker of the long term grows by %d KiB',
               $to - $from);
    }
}


# Workers of one age, and not one: the mean of both.
sub _short_terms {
    my ($self) = @_;
    my (%last, @ages);

    $last{ $_->{pid} } = $_ for grep { !$_->{long} } @{ $self->{samples} };
    for my $s (values %last) {
        push @{ $ages[ $s->{term} ] }, $s->{anon};
    }
    my @ends = map { $_ ? int _mean(@$_) : () } @ages;
    my $third = int @ends / 3 + 1;
    diag("workers at the end of each short term, KiB: @ends");
    _grows(_mean(@ends[-$third .. -1]) - max(@ends[0 .. $third - 1]),
           $BOUND, 'workers of one age are as large as ever');
}


# The first third of the changes warm it up.
sub _of_master {
    my ($self) = @_;
    my @anon = map { $_->{anon} } @{ $self->{master} };
    my @fds = map { $_->{fds} } @{ $self->{master} };

    diag("master, KiB: @anon");
    _grows($anon[-1] - max(@anon[0 .. @anon / 3]), $BOUND,
           'the master does not grow');
    cmp_ok(max(@fds) - min(@fds), '<=', 2, "nor its descriptors: @fds");
}


# A rotation or checkpoint has one more open, for a moment.
sub _files {
    my ($self) = @_;
    my @all = @{ $self->{samples} };
    my @third = map { _median(map { $_->{fds} } @$_) }
                [@all[0 .. @all / 3]], [@all[-int(@all / 3) .. -1]];

    cmp_ok($third[1], '<=', $third[0] + 1,
           "nor do workers' files: at first $third[0], then $third[1]")
        or diag($all[-1]{names});
}

1;
