package XC::Load;

# Clients that ask again and again, each in a process of its own, for requests
# that are all admitted; a connection that breaks is opened again.

use strict;
use warnings;

use POSIX ();


# n clients of the port http, from now until end().  keepalive => 0: a
# connection for each request, so that none is closed while it is idle.
# agency => id: whose requests.
sub new {
    my ($class, $t, $n, %o) = @_;
    my $self = bless { t => $t, pids => [], out => [] }, $class;

    for my $i (1 .. $n) {
        my $out = $t->path("load.$i");
        my $pid;

        unlink $out;
        $pid = fork // die "fork: $!";
        if (!$pid) {
            eval { _ask($t, $out, %o); 1 } or warn "load: $@";
            POSIX::_exit($@ ? 1 : 0);
        }
        push @{ $self->{pids} }, $pid;
        push @{ $self->{out} }, $out;
    }
    return $self;
}


# The answers so far: status (0: the connection closed without one), record
# (XC-Record).
sub answers {
    my ($self) = @_;

    return map {
        my ($status, $record) = split ' ';
        { status => $status, record => $record };
    } map { ($self->{t}->read_file($_) // '') =~ /(.*)\n/g } @{ $self->{out} };
}


# Ends them, after the answer that each waits for, and returns the answers.
sub end {
    my ($self) = @_;

    my @pids = splice @{ $self->{pids} };
    kill 'TERM', @pids;
    waitpid($_, 0) && $? && die "a client of the load failed: $?" for @pids;
    return $self->answers;
}


sub DESTROY {
    my ($self) = @_;

    local $?;
    kill 'KILL', $_ for @{ $self->{pids} };
}


sub _ask {
    my ($t, $out, %o) = @_;
    my $end = 0;
    my $client = $t->client(tls => 0, keepalive => $o{keepalive} // 1,
                            $o{agency} ? (agency => $o{agency}) : ());

    $SIG{TERM} = sub { $end = 1 };
    $SIG{ALRM} = 'DEFAULT';
    open my $fh, '>', $out or die "$out: $!";
    $fh->autoflush(1);

    until ($end) {
        my $answer = eval { $client->request('GET', $t->policy->query) };
        delete $client->{sock} if !$answer;
        print $fh join(' ', $answer ? $answer->{status} : 0,
                       ($answer && $answer->{headers}{'xc-record'}) // ()),
                  "\n";
    }
}

1;
