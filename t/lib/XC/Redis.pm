package XC::Redis;

# A redis-server of a test's own, on a port of 127.0.0.1, and a client that
# speaks its protocol (RESP 2) in plain Perl.

use strict;
use warnings;

use File::Path qw(remove_tree);
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

my %alive;
my $owner = $$;


# The program; undef where it is not installed: then a test skips.
sub program {
    for my $dir (split(/:/, $ENV{PATH} // ''), '/usr/bin', '/usr/sbin') {
        return "$dir/redis-server" if -x "$dir/redis-server";
    }
    return;
}


# port: a free one (XC::Nginx::port); dir: made for its files, and not where an
# nginx runs; password; options: {name: value} of redis.conf.  Answers when
# this returns.  Nothing is kept on disk unless the options say so.
sub start {
    my ($class, %o) = @_;
    my $self = bless {
        port     => $o{port},
        dir      => $o{dir},
        password => $o{password},
        options  => { save => '', appendonly => 'no', %{ $o{options} // {} } },
        owner    => $$,
    }, $class;

    mkdir $self->{dir};
    $alive{$self} = $self->{pid_of} = \my $pid;
    return $self->run;
}


sub port { $_[0]{port} }
sub dir  { $_[0]{dir} }
sub pid  { ${ $_[0]{pid_of} } }


# After stop(): as a new run, with what it has on disk.
sub run {
    my ($self) = @_;
    my $end = time + 60;

    $self->_conf;
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        chdir $self->{dir};
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', 'redis.out';
        open STDERR, '>&', \*STDOUT;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
        alarm 0;
        { exec program(), "$self->{dir}/redis.conf"; }
        POSIX::_exit(127);
    }

    ${ $self->{pid_of} } = $pid;
    while (!eval { $self->command('PING') }) {
        my $why = $@;
        if (waitpid($pid, POSIX::WNOHANG()) == $pid || time > $end) {
            $self->kill;
            die "redis-server does not start: $why" . $self->output;
        }
        sleep 0.02;
    }
    return $self;
}


sub output {
    my ($self) = @_;

    open my $fh, '<', "$self->{dir}/redis.out" or return '';
    local $/;
    return scalar(<$fh>) // '';
}


# Writes to disk first, where it is told to keep something there.
sub stop {
    my ($self) = @_;

    return $self->_end('TERM');
}


sub kill {
    my ($self) = @_;

    return $self->_end('KILL');
}


# Answers nothing from here on, though its port accepts; and again.
sub freeze {
    my ($self) = @_;
    my $pid = $self->pid;

    CORE::kill 'STOP', $pid;
    waitpid $pid, POSIX::WUNTRACED();
    return $self;
}

sub thaw { CORE::kill 'CONT', $_[0]->pid; return $_[0] }


# What is in it is gone; it runs on.
sub flush {
    my ($self) = @_;

    $self->command('FLUSHALL');
    return $self;
}


# The value of a field of INFO, as run_id, used_memory.
sub info {
    my ($self, $name) = @_;
    my ($value) = $self->command('INFO') =~ /^\Q$name\E:([^\r\n]*)/m;

    return $value;
}


# The answer to one command: a string, a number, undef, or an array of such.
# Dies with the text of an error ("ERR ..."), or where none comes.
sub command {
    my ($self, @words) = @_;

    $self->{connection} //= $self->connect;
    my $answer = eval { $self->{connection}->command(@words) };
    if (my $error = $@) {
        delete $self->{connection} if $error !~ /\A[A-Z]+ /;
        die $error;
    }
    return $answer;
}


# A connection apart, with command(), and ask() and answer() to have several
# under way.
sub connect {
    my ($self) = @_;

    return XC::Redis::Connection->new($self->{port}, $self->{password});
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;
    local ($?, $@, $!);
    $self->kill;
    remove_tree($self->{dir}) if !$ENV{XC_KEEP};
    delete $alive{$self};
}


END {
    my $status = $?;

    for my $pid (map { $owner == $$ ? $$_ // () : () } values %alive) {
        CORE::kill 'KILL', $pid;
        waitpid $pid, 0;
    }
    $? = $status;
}


sub _conf {
    my ($self) = @_;
    my %o = (%{ $self->{options} }, port => $self->{port},
             bind => '127.0.0.1', dir => $self->{dir}, daemonize => 'no');

    $o{requirepass} = $self->{password} if defined $self->{password};
    open my $fh, '>', "$self->{dir}/redis.conf" or die "redis.conf: $!";
    print $fh "$_ ", ($o{$_} =~ /\s/ || $o{$_} eq '' ? "\"$o{$_}\"" : $o{$_}),
              "\n" for sort keys %o;
    close $fh or die "redis.conf: $!";
}


sub _end {
    my ($self, $signal) = @_;

    delete $self->{connection};
    return $self if $self->{owner} != $$;
    my $pid = ${ $self->{pid_of} } // return $self;
    my $end = time + 5;

    ${ $self->{pid_of} } = undef;
    CORE::kill $signal, $pid;
    CORE::kill 'CONT', $pid;        # a frozen one hears only KILL
    while (waitpid($pid, POSIX::WNOHANG()) == 0) {
        CORE::kill 'KILL', $pid if time > $end;
        sleep 0.01;
    }
    return $self;
}


package XC::Redis::Connection;

use IO::Select;


sub new {
    my ($class, $port, $password) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port, Timeout => 60) or die "redis: port $port: $!\n";
    my $self = bless { sock => $sock, in => '' }, $class;

    binmode $sock;
    $self->command('AUTH', $password) if defined $password;
    return $self;
}


sub command {
    my ($self, @words) = @_;

    $self->ask(@words);
    return $self->answer;
}


sub ask {
    my ($self, @words) = @_;
    my $text = join '', '*' . @words . "\r\n",
                    map { '$' . length($_) . "\r\n$_\r\n" } @words;

    local $SIG{PIPE} = 'IGNORE';
    print { $self->{sock} } $text or die "redis: $!\n";
    $self->{sock}->flush;
    return $self;
}


sub answer {
    my ($self) = @_;
    my $answer = $self->_value;

    die "$$answer\n" if ref $answer eq 'SCALAR';
    return $answer;
}


# An error, which may stand in an array too, is a reference to its text.
sub _value {
    my ($self) = @_;
    my ($type, $rest) = $self->_line =~ /\A([-+:\$*])(.*)\z/s
        or die "redis: not its protocol\n";

    return \$rest if $type eq '-';
    return $rest if $type eq '+';
    return $rest + 0 if $type eq ':';
    return undef if $rest < 0;
    return [map { $self->_value } 1 .. $rest] if $type eq '*';

    $self->_more while length $self->{in} < $rest + 2;
    my $value = substr $self->{in}, 0, $rest + 2, '';
    return substr $value, 0, $rest;
}


sub _line {
    my ($self) = @_;
    my $at;

    $self->_more while ($at = index $self->{in}, "\r\n") < 0;
    my $line = substr $self->{in}, 0, $at + 2, '';
    return substr $line, 0, $at;
}


sub _more {
    my ($self) = @_;

    IO::Select->new($self->{sock})->can_read(60) or die "redis: no answer\n";
    sysread $self->{sock}, $self->{in}, 65536, length $self->{in}
        or die "redis: closed\n";
}

1;
