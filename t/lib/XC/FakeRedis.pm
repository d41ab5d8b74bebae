package XC::FakeRedis;

# A store that misbehaves as a test says: it speaks Redis's protocol well
# enough to be greeted, and from then on answers the script's calls by its
# mode.  It decides nothing: what passes here passes always.

use strict;
use warnings;

use Digest::SHA qw(sha1_hex);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

# What a mode answers to EVALSHA.  A code reference gets the healthy answer.
my %BAD = (
    garbage     => "\x00\xff\x16\x03\x01 HTTP/1.1 200 OK\r\n\r\n",
    nil         => "\$-1\r\n",
    nil_array   => "*-1\r\n",
    status      => "+OK\r\n",
    integer     => ":0\r\n",
    bulk        => "\$4\r\npass\r\n",
    empty       => "*0\r\n",
    short       => "*2\r\n:0\r\n:0\r\n",
    long        => "*64\r\n" . ":0\r\n" x 64,
    strings     => "*5\r\n" . "\$1\r\n0\r\n" x 5,
    nested      => "*5\r\n*1\r\n:0\r\n" . ":0\r\n" x 4,
    deep        => "*1\r\n" x 12 . ":0\r\n",
    verdict     => "*5\r\n:77\r\n:0\r\n:0\r\n:0\r\n:1\r\n",
    negative    => "*5\r\n:-1\r\n:-1\r\n:-1\r\n:-1\r\n:-1\r\n",
    overflow    => "*5\r\n:99999999999999999999\r\n" . ":0\r\n" x 4,
    huge_array  => "*2147483647\r\n:0\r\n",
    huge_length => "\$2147483647\r\n" . 'x' x 4096,
    oom         => "-OOM command not allowed when used memory > "
                   . "'maxmemory'.\r\n",
    noscript    => "-NOSCRIPT No matching script. Please use EVAL.\r\n",
    readonly    => "-READONLY You can't write against a read only replica.\r\n",
    loading     => "-LOADING Redis is loading the dataset in memory\r\n",
    noauth      => "-NOAUTH Authentication required.\r\n",
    moved       => "-MOVED 3999 127.0.0.1:6381\r\n",
    busy        => "-BUSY Redis is busy running a script.\r\n",
    control     => "-ERR \x1b[31mred\x07 \xff\r\n",
    twice       => sub { $_[0] . $_[0] },
    unasked     => sub { "$_[0]+OK\r\n" },
    half        => sub { substr $_[0], 0, length($_[0]) / 2 },
);

# Others: ok; silent (reads, never answers); slow:MS; close (in place of an
# answer); cut (closes amid an answer); flood (of bytes without an end);
# slowly (a byte at a time).
sub modes { return sort keys %BAD, qw(silent close cut flood) }


# dir (for the mode and the log), port; mode (ok); accept 0: the port is open,
# and nobody takes what knocks; info { name => value } of INFO's lines;
# greeting 1: the mode holds for the greeting, too; errors { command => text }.
sub new {
    my ($class, %o) = @_;
    my $self = bless { mode => 'ok', accept => 1, owner => $$, %o }, $class;

    $self->mode($self->{mode});
    $self->start;
    return $self;
}


sub start {
    my ($self) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $self->{port}, ReuseAddr => 1,
        Listen => $self->{accept} ? 64 : 1)
        or die "port $self->{port}: $!";

    $self->{run} = sha1_hex(rand() . time);
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
        $SIG{PIPE} = 'IGNORE';
        eval { $self->_serve($listen) };
        POSIX::_exit(0);
    }
    close $listen;
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill KILL => $pid;
    waitpid $pid, 0;
}


sub DESTROY { my ($self) = @_; $self->stop if $self->{owner} == $$ }


# Holds for the next command that comes, whoever sends it.
sub mode {
    my ($self, $mode) = @_;
    my $file = "$self->{dir}/fake-redis.mode";

    open my $fh, '>', "$file.new" or die "$file: $!";
    print $fh $mode;
    close $fh or die $!;
    rename "$file.new", $file or die $!;
}


# Names of the commands that came, in order; greetings are EVALSHA 1.
sub commands {
    my ($self) = @_;

    open my $fh, '<', "$self->{dir}/fake-redis.log" or return;
    chomp(my @lines = <$fh>);
    return @lines;
}


sub _mode {
    my ($self) = @_;

    open my $fh, '<', "$self->{dir}/fake-redis.mode" or return 'ok';
    local $/;
    return <$fh> // 'ok';
}


sub _serve {
    my ($self, $listen) = @_;
    my $select = IO::Select->new($self->{accept} ? $listen : ());
    my %in;

    open my $log, '>>', "$self->{dir}/fake-redis.log" or die $!;
    $log->autoflush;
    if (!$self->{accept}) {
        # the backlog is filled: the kernel answers no further connection
        my @full = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $self->{port}, Blocking => 0) } 1 .. 4;
        sleep 3600;
    }

    while (1) {
        for my $sock ($select->can_read) {
            if ($sock == $listen) {
                $select->add(scalar $listen->accept);
                next;
            }
            my $n = sysread $sock, $in{$sock}, 65536, length($in{$sock} // '');
            my $alive = $n;
            while ($alive && defined(my $argv = _command(\$in{$sock}))) {
                print $log join(' ', _named(@$argv)), "\n";
                $alive = $self->_answer($sock, @$argv);
            }
            if (!$alive) {
                $select->remove($sock);
                delete $in{$sock};
                close $sock;
            }
        }
    }
}


sub _named {
    my ($name, @rest) = @_;

    $name = uc $name;
    return $name if $name eq 'AUTH';
    return ($name, $rest[1]) if $name eq 'EVALSHA';
    return ($name, $name eq 'SCRIPT' ? 'LOAD' : $rest[0] // ());
}


# The next whole command of the buffer.
sub _command {
    my ($buf) = @_;

    $$buf =~ /\A\*(\d+)\r\n/ or return;
    my ($n, $at, @argv) = ($1, $+[0]);
    for (1 .. $n) {
        pos($$buf) = $at;
        $$buf =~ /\G\$(\d+)\r\n/g or return;
        my ($len, $from) = ($1, pos $$buf);
        length $$buf >= $from + $len + 2 or return;
        push @argv, substr $$buf, $from, $len;
        $at = $from + $len + 2;
    }
    substr $$buf, 0, $at, '';
    return \@argv;
}


# False: the connection is to be closed.
sub _answer {
    my ($self, $sock, @argv) = @_;
    my $name = uc $argv[0];
    my $mode = $self->_mode;
    my $error = $self->{errors}{$name};

    return _send($sock, "-$error\r\n") if defined $error;
    return _send($sock, "+OK\r\n") if $name eq 'AUTH' || $name eq 'SELECT';
    return _send($sock, '$40' . "\r\n" . sha1_hex($argv[2]) . "\r\n")
        if $name eq 'SCRIPT';
    return _send($sock, $self->_info($argv[1])) if $name eq 'INFO';
    return _send($sock, "-ERR unknown command\r\n") if $name ne 'EVALSHA';

    my $agencies = grep { /:a:/ } @argv[3 .. 2 + $argv[2]];
    my @values = (0, 0, 0, 0, int time, (-1, -1, 0) x $agencies);
    my $good = '*' . @values . "\r\n" . join '', map { ":$_\r\n" } @values;

    # a greeting has the state's key alone
    $mode = 'ok' if $argv[2] == 1 && !$self->{greeting};
    return $self->_misbehave($sock, $mode, $good);
}


sub _misbehave {
    my ($self, $sock, $mode, $good) = @_;

    return _send($sock, $good) if $mode eq 'ok';
    return 1 if $mode eq 'silent';
    return 0 if $mode eq 'close';
    if ($mode =~ /^slow:(\d+)$/) {
        sleep $1 / 1000;
        return _send($sock, $good);
    }
    if ($mode eq 'slowly') {
        _send($sock, $_) && sleep 0.001 for split //, $good;
        return 1;
    }
    if ($mode eq 'cut') {
        _send($sock, substr $good, 0, 5);
        return 0;
    }
    if ($mode eq 'flood') {
        _send($sock, "\$2147483647\r\n");
        my $chunk = 'x' x 65536;
        for (1 .. 1024) {
            _send($sock, $chunk) or return 0;
        }
        return 0;
    }
    my $bad = $BAD{$mode} // die "no mode $mode";
    return _send($sock, ref $bad ? $bad->($good) : $bad);
}


sub _send {
    my ($sock, $bytes) = @_;

    while (length $bytes) {
        my $n = syswrite $sock, $bytes or return 0;
        substr $bytes, 0, $n, '';
    }
    return 1;
}


sub _info {
    my ($self, $section) = @_;
    my %info = (
        server      => { redis_version => '7.0.15', run_id => $self->{run} },
        memory      => { maxmemory => 0, maxmemory_policy => 'noeviction' },
        replication => { role => 'master', master_replid => 'b' x 40 },
    );
    my $lines = $info{lc($section // '')} // {};
    my $over = $self->{info} // {};
    my $text = '# ' . ucfirst(lc($section // '')) . "\r\n";

    for (sort keys %$lines) {
        my $value = exists $over->{$_} ? $over->{$_} : $lines->{$_};
        $text .= "$_:$value\r\n" if defined $value;
    }
    return '$' . length($text) . "\r\n$text\r\n";
}


1;
