package XC::Backend;

# A back end that counts: every request that it sees becomes a JSON line in a
# file, and a test says what it answers, by path.  One process a connection.

use strict;
use warnings;

use Fcntl qw(:flock);
use IO::Socket::INET;
use JSON::PP;
use POSIX ();

use XC::JSON;

my $json = json_coder->ascii->canonical;


# dir: where its two files lie; port: a free port of 127.0.0.1.
sub new {
    my ($class, %o) = @_;
    my $self = bless {
        port    => $o{port},
        log     => "$o{dir}/backend.log",
        rules   => "$o{dir}/backend.json",
        answers => {},
        owner   => $$,
    }, $class;

    $self->_write_rules;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $o{port}, Listen => 511, ReuseAddr => 1)
        or die "back end: port $o{port}: $!";

    $self->{pid} = fork() // die "fork: $!";
    if (!$self->{pid}) {
        chdir '/';
        POSIX::setpgid(0, 0);
        $SIG{$_} = 'DEFAULT' for qw(INT TERM ALRM);
        alarm 0;
        eval { $self->_serve($listener) };
        POSIX::_exit(0);
    }

    POSIX::setpgid($self->{pid}, $self->{pid});
    close $listener;
    return $self;
}


sub port { $_[0]{port} }


# What a path ('*': any other) is answered with; without an answer the default
# again.  Members: status, headers [[name, value], ...], body (bytes) or size
# (so many bytes 'x'), chunked, delay (seconds before the status line), pause
# (seconds in the middle of the body), drop (close without an answer), cut
# (close after so many bytes of the body), continue (an answer 103 first), raw
# (these bytes instead of an answer), first (these bytes, before the delay).
sub answer {
    my ($self, $path, $answer) = @_;

    if ($answer) {
        $self->{answers}{$path} = $answer;
    } else {
        delete $self->{answers}{$path};
    }
    $self->_write_rules;
    return $self;
}


# The requests seen so far, oldest first: method, target, version, headers
# [[name, value], ...], h {lower-case name: value}, body, partial.
sub requests {
    my ($self) = @_;

    # the last may be half written
    open my $fh, '<', $self->{log} or return ();
    my @seen = map { $json->decode($_) } grep { /\n\z/ } <$fh>;
    return @seen;
}


sub last_request { ($_[0]->requests)[-1] }


sub count { scalar(my @all = $_[0]->requests) }


sub forget {
    my ($self) = @_;

    unlink $self->{log};
    return $self;
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid};

    if ($pid && $self->{owner} == $$) {
        kill 'KILL', -$pid, $pid;
        waitpid $pid, 0;
    }
}


sub DESTROY { local $?; $_[0]->stop }


sub _write_rules {
    my ($self) = @_;

    open my $fh, '>', "$self->{rules}.new" or die "$self->{rules}: $!";
    print $fh $json->encode($self->{answers});
    close $fh or die "$self->{rules}: $!";
    rename "$self->{rules}.new", $self->{rules} or die "$self->{rules}: $!";
}


sub _rule {
    my ($self, $target, $range) = @_;
    my ($path) = split /\?/, $target;

    open my $fh, '<', $self->{rules} or return {};
    local $/;
    my $answers = $json->decode(scalar <$fh>);
    return $answers->{ $range // '' } // $answers->{$path} // $answers->{'*'} // {};
}


sub _serve {
    my ($self, $listener) = @_;

    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    while (1) {
        my $sock = $listener->accept or next;
        my $pid = fork();
        if (defined $pid && !$pid) {
            close $listener;
            binmode $sock;
            eval { 1 while $self->_exchange($sock) };
            POSIX::_exit(0);
        }
        close $sock;
    }
}


# One request and its answer; whether the connection goes on.
sub _exchange {
    my ($self, $sock) = @_;
    my $line = <$sock> // return 0;
    my ($method, $target, $version) = $line =~ m{^(\S+) (\S+) (HTTP/1\.[01])\r\n\z}
        or return 0;
    my (@headers, %h);

    while (defined($line = <$sock>) && $line ne "\r\n") {
        my ($name, $value) = $line =~ /^([^:]+):[ \t]*(.*?)[ \t]*\r\n\z/s
            or return 0;
        push @headers, [$name, $value];
        $h{lc $name} = defined $h{lc $name} ? "$h{lc $name}, $value" : $value;
    }

    my ($body, $whole) = _read_body($sock, \%h);
    $self->_log({method => $method, target => $target, version => $version,
                 headers => \@headers, h => \%h, body => $body,
                 $whole ? () : (partial => JSON::PP::true)});
    return 0 if !$whole;

    my $keep = $version eq 'HTTP/1.1'
               && lc($h{connection} // '') ne 'close';
    return $self->_reply($sock, $self->_rule($target, $h{range}), $method, $keep)
           && $keep;
}


sub _read_body {
    my ($sock, $h) = @_;
    my $body = '';

    if (lc($h->{'transfer-encoding'} // '') eq 'chunked') {
        while (1) {
            my $size = <$sock> // return ($body, 0);
            my $n = hex(($size =~ /^([0-9a-fA-F]+)/)[0] // return ($body, 0));
            my $got = read $sock, my $chunk, $n + 2;
            return ($body, 0) if ($got // 0) != $n + 2;
            return ($body, 1) if $n == 0;
            $body .= substr $chunk, 0, $n;
        }
    }

    my $n = $h->{'content-length'} // 0;
    my $got = $n ? read($sock, $body, $n) // 0 : 0;
    return ($body, $got == $n);
}


sub _log {
    my ($self, $seen) = @_;

    open my $fh, '>>', $self->{log} or return;
    flock $fh, LOCK_EX;
    syswrite $fh, $json->encode($seen) . "\n";
    close $fh;
}


sub _reply {
    my ($self, $sock, $a, $method, $keep) = @_;
    my $body = $a->{body} // ($a->{size} ? 'x' x $a->{size} : '{"ok":true}');
    my $status = $a->{status} // 200;

    _send($sock, $a->{first}) if defined $a->{first};
    select undef, undef, undef, $a->{delay} if $a->{delay};
    return 0 if $a->{drop};
    return _send($sock, $a->{raw}) && 0 if defined $a->{raw};

    my @headers = @{ $a->{headers} // [] };
    push @headers, ['Content-Type', 'application/json']
        if !grep { lc $_->[0] eq 'content-type' } @headers;
    push @headers, $a->{chunked} ? ['Transfer-Encoding', 'chunked']
                                 : ['Content-Length', length $body];
    push @headers, ['Connection', 'close'] if !$keep;

    my $head = $a->{continue} ? "HTTP/1.1 103 Early Hints\r\n\r\n" : '';
    $head .= "HTTP/1.1 $status Answer\r\n"
             . join('', map { "$_->[0]: $_->[1]\r\n" } @headers) . "\r\n";
    return _send($sock, $head) if $method eq 'HEAD' || $status == 304;

    $body = substr $body, 0, $a->{cut} if defined $a->{cut};
    my @parts = length $body ? ($body) : ();
    if ($a->{pause} && length $body > 1) {
        my $half = int(length($body) / 2);
        @parts = (substr($body, 0, $half), substr($body, $half));
    }

    for my $i (0 .. $#parts) {
        select undef, undef, undef, $a->{pause} if $i;
        my $part = $parts[$i];
        $part = sprintf("%x\r\n%s\r\n", length $part, $part) if $a->{chunked};
        _send($sock, $head . $part) or return 0;
        $head = '';
    }
    return 0 if defined $a->{cut};

    $head .= "0\r\n\r\n" if $a->{chunked};
    return _send($sock, $head);
}


sub _send {
    my ($sock, $bytes) = @_;

    while (length $bytes) {
        my $n = syswrite $sock, $bytes;
        return 0 if !$n;
        substr $bytes, 0, $n, '';
    }
    return 1;
}

1;
