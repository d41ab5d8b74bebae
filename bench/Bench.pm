package Bench;

# What the measurements in Perl share.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use POSIX ();

our @EXPORT = qw(at cpu_model cpu_ns cpus load_average median met post);


# Nanoseconds that all threads of the processes have run, in user and kernel.
sub cpu_ns {
    my $sum = 0;

    for my $pid (@_) {
        for my $file (glob "/proc/$pid/task/*/schedstat") {
            open my $fh, '<', $file or next;
            $sum += (split ' ', <$fh>)[0];
        }
    }
    return $sum if $sum;

    # a kernel without it: ticks, of which there are enough in a round
    for my $pid (@_) {
        open my $fh, '<', "/proc/$pid/stat" or die "no process $pid";
        my @f = split ' ', <$fh> =~ s/.*\) //r;
        $sum += ($f[11] + $f[12]) * 1e9
                / POSIX::sysconf(POSIX::_SC_CLK_TCK());
    }
    return $sum;
}


# A run of the load, bench/post: what it says.
sub post {
    my ($program, @args) = @_;

    open my $fh, '-|', $program, @args or die "$program: $!";
    my $out = do { local $/; <$fh> };
    close $fh or die "$program failed\n";
    return JSON::PP->new->decode($out);
}


sub at {
    my ($sorted, $q) = @_;

    return @$sorted ? $sorted->[int($q * $#$sorted + 0.5)] : 0;
}


sub median { at([sort { $a <=> $b } @_], 0.5) }


sub met { $_[0] ? 'met' : 'not met' }


sub cpus {
    open my $fh, '<', '/proc/self/status' or return (0);
    my ($list) = map { /^Cpus_allowed_list:\s*(\S+)/ ? $1 : () } <$fh>;
    return map { /(\d+)-(\d+)/ ? ($1 .. $2) : $_ } split /,/, $list // '0';
}


# What else ran: the figures are worth little beside other work.
sub load_average {
    open my $fh, '<', '/proc/loadavg' or return 'unknown';
    return (split ' ', <$fh>)[0];
}


sub cpu_model {
    my @cpus = cpus();

    open my $fh, '<', '/proc/cpuinfo' or return 'unknown CPU';
    my ($name) = map { /^model name\s*:\s*(.*)/ ? $1 : () } <$fh>;
    return ($name // 'unknown CPU') . ' (' . @cpus . ' CPUs)';
}

1;
