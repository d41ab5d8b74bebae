package XC::Nginx;

# Starts an nginx of its own for a test: a temporary prefix, free ports, and
# at the end the asserts that every test makes (finish()).

use strict;
use warnings;

use Cwd qw(abs_path);
use Fcntl qw(:DEFAULT :flock);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Spec;
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Test::More ();
use Time::HiRes qw(sleep time);

use XC::Backend;
use XC::Client;
use XC::JSON;
use XC::Policy;

my $root = abs_path(dirname(__FILE__) . '/../../..');
my $json = json_coder();
my %alive;


# workers (1), log_level (info), allow (regex of error-log lines at alert,
# crit and emerg that this test provokes), leaks (1; 0: not looked for).
sub new {
    my ($class, %o) = @_;
    my $build = File::Spec->rel2abs($ENV{XC_BUILD} // "$root/build");
    my $self = bless {
        workers   => 1,
        log_level => 'info',
        leaks     => 1,
        %o,
        nginx     => $ENV{XC_NGINX} // _find_nginx(),
        module    => $ENV{XC_MODULE} // "$build/ngx_xc_module.so",
        xcctl     => $ENV{XC_XCCTL} // "$build/xcctl",
        build     => $build,
        owner     => $$,
        ports     => {},
    }, $class;

    $SIG{$_} = sub { die "signal $_[0]\n" } for qw(INT TERM HUP);
    $SIG{ALRM} = sub { die "the test takes too long\n" };
    alarm($ENV{XC_TIMEOUT} // 300);

    $self->{prefix} = File::Temp::tempdir('xc-XXXXXXXX', TMPDIR => 1);
    chmod 0755, $self->{prefix};
    $self->_own($self->{prefix});
    $alive{$self} = $self;
    return $self;
}


sub prefix { $_[0]{prefix} }
sub root   { $root }
sub module { $_[0]{module} }
sub xcctl  { $_[0]{xcctl} }
sub state_dir { "$_[0]{prefix}/state" }


# The user that workers run as: another than root, as in service.
sub worker_user { $> == 0 ? 'nobody' : (getpwuid $>)[0] }


sub path {
    my ($self, $name) = @_;

    return $name =~ m{^/} ? $name : "$self->{prefix}/$name";
}


# Bytes as they are (text with wide characters: as UTF-8).
sub write_file {
    my ($self, $name, $bytes, $mode) = @_;
    my $path = $self->path($name);

    utf8::encode($bytes) if $bytes =~ /[^\x00-\xff]/;
    open my $fh, '>:raw', $path or die "$path: $!";
    print $fh $bytes;
    close $fh or die "$path: $!";
    chmod $mode, $path if defined $mode;
    return $path;
}


sub read_file {
    my ($self, $name) = @_;

    open my $fh, '<:raw', $self->path($name) or return;
    local $/;
    return scalar(<$fh>) // '';
}


# A free port of 127.0.0.1, the same for the same name.  It lies outside the
# range of outgoing connections, and a lock keeps other tests off it.
sub port {
    my ($self, $name) = @_;

    return $self->{ports}{$name}{port} if $self->{ports}{$name};

    my $dir = File::Spec->tmpdir . "/xc-ports-$>";
    mkdir $dir;
    for (1 .. 500) {
        my $port = 10240 + int rand 22000;
        open my $lock, '>', "$dir/$port" or die "$dir/$port: $!";
        flock $lock, LOCK_EX | LOCK_NB or next;
        my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
            LocalPort => $port, Listen => 1, ReuseAddr => 1) or next;
        close $sock;
        $self->{ports}{$name} = { port => $port, lock => $lock };
        return $port;
    }
    die 'no free port';
}


sub backend {
    my ($self) = @_;

    return $self->{backend} //= XC::Backend->new(dir => $self->{prefix},
                                                 port => $self->port('backend'));
}


# Writes policy.json, from an XC::Policy or overrides of the sample.
sub policy {
    my ($self, @from) = @_;

    if (@from || !$self->{policy}) {
        $self->{policy} = ref $from[0] ? $from[0] : XC::Policy->new(@from);
        $self->{policy}->write($self->path('policy.json'));
    }
    return $self->{policy};
}


# A client of the port https (or tls => 0: http) with an agency's key.
sub client {
    my ($self, %o) = @_;
    my $tls = $o{tls} // 1;
    my $agency = delete $o{agency};

    return XC::Client->new(
        port => $self->port($tls ? 'https' : 'http'), dir => $self->{prefix},
        $self->{policy} || $agency ? (key => $self->policy->key($agency))
                                   : (),
        %o);
}


# Writes nginx.conf.  Placeholders: %%GLOBALS%% (all that stands before
# http{}), %%HTTP%% (temporary files and access log, in http{}),
# %%PORT_name%%, %%PREFIX%%, %%ROOT%%, %%STATE%%, %%POLICY%%, %%MODULE%%,
# %%CERT%%, %%KEY%%, %%BACKEND%% (address and port).
sub conf {
    my ($self, $text, $name) = @_;

    return $self->write_file($name // 'nginx.conf', $self->expand($text));
}


sub expand {
    my ($self, $text) = @_;
    my %simple = (
        HTTP    => sub { $self->_http },
        PREFIX  => sub { $self->{prefix} },
        ROOT    => sub { $root },
        STATE   => sub { $self->state_dir },
        MODULE  => sub { $self->{module} },
        CERT    => sub { $self->cert . '.crt' },
        KEY     => sub { $self->cert . '.key' },
        BACKEND => sub { '127.0.0.1:' . $self->backend->port },
        POLICY  => sub { $self->policy; $self->path('policy.json') },
    );

    $text =~ s/%%GLOBALS%%/$self->_globals($text)/ge;
    $text =~ s/%%PORT_(\w+)%%/$self->port($1)/ge;
    $text =~ s/%%([A-Z]+)%%/($simple{$1} || die "no %%$1%%")->()/ge;
    return $text;
}


# A whole configuration with one gate on https (and http) for most tests.
# Text to add: main, http, server, location, servers; the gate: xc (default
# enforce), state, audit (parameters).
sub gate_conf {
    my ($self, %o) = @_;

    $_ //= '' for @o{qw(main http server location servers)};
    $o{xc}    //= 'enforce';
    $o{audit} //= 'node=n1';
    # a disk that others keep busy is not what most tests are about
    $o{audit} .= ' timeout=60s' if $o{audit} !~ /\btimeout=/;
    $o{state} //= '';
    return $self->conf(<<"END");
%%GLOBALS%%
$o{main}

http {
    %%HTTP%%
    xc_state %%STATE%% $o{state};
    xc_audit $o{audit};
    $o{http}

    server {
        listen 127.0.0.1:%%PORT_https%% ssl http2;
        listen 127.0.0.1:%%PORT_http%%;
        server_name platform.example;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        $o{server}

        location / {
            xc $o{xc};
            xc_policy %%POLICY%%;
            $o{location}
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
    $o{servers}
}
END
}


# Starts nginx; its sockets listen and all its workers are there when this
# returns.  Dies with its output where it does not start.
sub run {
    my ($self) = @_;

    my ($status, $out) = $self->_nginx;
    die "nginx did not start ($status): $out" . $self->error_log
        if $status != 0;

    $self->wait_for(sub { ($self->worker_pids // 0)
                          >= $self->_configured_workers })
        or die "nginx has not all its workers: " . $self->error_log;
    return $self;
}


# The master starts its workers one after another: who sees the first has not
# seen the last.
sub _configured_workers {
    my ($self) = @_;
    my ($n) = $self->read_file('nginx.conf') =~ /^\s*worker_processes (\d+);/m;

    return $n // 1;
}


# Exit status and output of nginx -t, here of another text if given.  What it
# refuses is not the running nginx's [emerg].
sub test_conf {
    my ($self, $text) = @_;

    $self->conf($text, 'test.conf') if defined $text;
    return $self->_nginx('-t', '-c',
        $self->path(defined $text ? 'test.conf' : 'nginx.conf'));
}


# Sends HUP; true when new workers serve and the old ones accept no more (or,
# with wait => 'exit', are gone); false when the configuration was refused.
sub reload {
    my ($self, %o) = @_;
    my %old = map { $_ => 1 } $self->worker_pids;
    my $from = length $self->error_log;
    my $refused = 0;

    $self->signal('HUP');
    my $done = $self->wait_for(sub {
        $refused = substr($self->error_log, $from) =~ /\[emerg\]/;
        return 1 if $refused;
        return 0 if grep({ !$old{$_} } $self->worker_pids)
                    < $self->_configured_workers;
        return !grep {
            $old{$_} && (($o{wait} // '') eq 'exit'
                         || _title($_) !~ /shutting down/)
        } _children($self->master_pid);
    });
    die 'reload did not end' if !$done;
    return !$refused;
}


# Graceful (QUIT); after 40 seconds, or with fast => 1, at once.  What waits for
# a client takes nginx's 60, and does not pass for an end.
sub stop {
    my ($self, %o) = @_;
    my $ended = 1;

    if (my @pids = $self->processes) {
        my $master = $self->master_pid;
        kill $o{fast} ? 'TERM' : 'QUIT', $master ? $master : @pids;
        $ended = $self->wait_for(sub { !$self->processes }, $o{timeout} // 40);
        if (!$ended) {
            kill 'KILL', $self->processes;
            $self->wait_for(sub { !$self->processes }, 5);
        }
    }
    return $ended;
}


sub signal {
    my ($self, $name, $pid) = @_;

    kill $name, $pid // $self->master_pid or die "kill $name: $!";
    return $self;
}


sub master_pid {
    my ($self) = @_;
    my ($pid) = ($self->read_file('nginx.pid') // '') =~ /^(\d+)/;

    return $pid && kill(0, $pid) ? $pid : undef;
}


# The workers that serve (not those that shut down, nor cache helpers).
sub worker_pids {
    my ($self, $master) = @_;

    $master //= $self->master_pid // return ();
    return grep { _title($_) =~ /worker process$/ } _children($master);
}


# All processes that were started from the prefix.
sub processes {
    my ($self) = @_;

    return grep { (readlink("/proc/$_/cwd") // '') eq $self->{prefix} }
           map { m{/(\d+)$} } glob '/proc/[0-9]*';
}


sub error_log { $_[0]->read_file('error.log') // '' }


# Until sub returns true (its value) or the time is over (false): by default a
# minute, which only what never comes takes, on the busiest machine.
sub wait_for {
    my ($self, $sub, $seconds) = @_;
    my $end = time + ($seconds // 60);

    while (1) {
        my $value = $sub->();
        return $value if $value;
        return 0 if time > $end;
        sleep 0.02;
    }
}


# Until nginx has taken these connections (of 127.0.0.1, without TLS) and read
# all that was sent, or closed them: /proc/net/tcp has its end of each.
sub wait_read {
    my ($self, @socks) = @_;

    return $self->wait_for(sub {
        my $table = $self->read_file('/proc/net/tcp');
        return !grep {
            my $ends = sprintf ':%04X [0-9A-F]{8}:%04X', $_->peerport,
                               $_->sockport;
            my ($queue, $inode) = $table
                =~ /$ends 0[138] \w+:(\w+) \S+ \w+ +\d+ +\d+ (\d+)/;
            defined $inode && ($inode == 0 || hex $queue);
        } @socks;
    });
}


sub wait_log {
    my ($self, $re, $seconds) = @_;

    return $self->wait_for(sub { $self->error_log =~ $re }, $seconds);
}


# Waits for a day's count to begin anew (at midnight in Shanghai) that would end
# within so many seconds, which a test may take.
sub clear_of_midnight {
    my ($self, $seconds) = @_;
    my $left = 86_400 - (int(time) + 8 * 3600) % 86_400;

    sleep $left + 1 if $left <= $seconds;
}


# The whole lines of the log (or of another file in the state directory).
sub audit_lines {
    my ($self, $name) = @_;
    my $text = $self->read_file($self->state_dir . '/'
                                . ($name // 'audit.log')) // '';

    return $text =~ /([^\n]*)\n/g;
}


sub audit_records {
    my ($self, $name) = @_;

    return map { $json->decode($_) } $self->audit_lines($name);
}


# The first record for which sub is true (or whose members are the hash's),
# waiting for it: refusals and outcomes are written after the answer.
sub wait_record {
    my ($self, $want, $seconds) = @_;
    my $match = ref $want eq 'CODE' ? $want : sub {
        my ($r) = @_;
        return !grep { !defined $r->{$_} || $r->{$_} ne $want->{$_} }
               keys %$want;
    };

    return $self->wait_for(sub {
        my ($r) = grep { $match->($_) } $self->audit_records;
        return $r;
    }, $seconds) || undef;
}


# The records of one answer, by the id in XC-Record or in the problem's
# instance: {decision, outcome}.  An outcome is waited for where one is due.
sub records_of {
    my ($self, $answer) = @_;
    my ($decision, $outcome);

    if (my ($seq) = ($answer->{headers}{'xc-record'} // '') =~ /:(\d+);/) {
        $decision = $self->wait_record({ event => 'decision', seq => $seq });
        $outcome = $self->wait_record({ event => 'outcome',
                                        decision_seq => $seq });
    } elsif (my ($id) = ($answer->{json}{instance} // '')
                        =~ /^urn:xc:request:(.+)$/)
    {
        $decision = $self->wait_record({ event => 'decision', id => $id });
    }
    return { decision => $decision, outcome => $outcome };
}


# Path without suffix of a self-signed certificate, made once.
sub cert {
    my ($self) = @_;
    my $dir = "$self->{build}/cert";
    my $base = "$dir/platform.example";

    mkdir $self->{build};
    mkdir $dir;
    open my $lock, '>', "$dir/lock" or die "$dir/lock: $!";
    flock $lock, LOCK_EX;
    if (!-s "$base.crt") {
        my $cmd = 'openssl req -x509 -nodes -days 3650 -newkey ec'
                  . ' -pkeyopt ec_paramgen_curve:P-256'
                  . ' -subj /CN=platform.example -addext'
                  . ' subjectAltName=DNS:platform.example,IP:127.0.0.1'
                  . " -keyout '$base.key' -out '$base.new'";
        system("$cmd >'$dir/log' 2>&1") == 0 or die "openssl: see $dir/log";
        rename "$base.new", "$base.crt" or die "$base.crt: $!";
    }
    return $base;
}


# Stops nginx and asserts, as three tests, what holds at the end of each.
sub finish {
    my ($self) = @_;
    my $ended = $self->stop;
    my $log = $self->error_log;
    my @bad = grep { /\[(?:alert|emerg|crit)\]/
                     && !($self->{allow} && /$self->{allow}/)
                     && !(/\[emerg\] (\d+)#/ && $self->{tests}{$1}) }
              split /\n/, $log;
    # the search for leaks at an exit that a SIGKILL cuts short says just this
    my @reports = grep { !/\A.*:\n(?:==\d+==Unable to get registers from thread \d+\.\n)+\z/ }
                  map { "$_:\n" . $self->read_file($_) }
                  glob "$self->{prefix}/sanitizer.*";
    my @ub = $log =~ /^(.*(?:runtime error:|Sanitizer).*)$/mg;

    Test::More::is(join("\n", @bad), '', 'error log: no alert');
    Test::More::is(join("\n", @reports, @ub), '', 'no sanitizer report');
    Test::More::ok($ended, 'nginx ends when told so');
    $self->{done} = 1;
    $self->_cleanup;
}


sub _cleanup {
    my ($self) = @_;

    return if $self->{owner} != $$ || $self->{cleaned}++;
    local ($?, $@, $!);
    alarm 0;
    $self->stop(fast => 1, timeout => 3);
    $self->{backend}->stop if $self->{backend};
    if ($ENV{XC_KEEP}) {
        Test::More::diag("kept: $self->{prefix}");
    } else {
        if (!$self->{done} && length $self->error_log) {
            my @tail = split /\n/, $self->error_log;
            Test::More::diag(join "\n", 'error log:',
                             @tail > 30 ? @tail[-30 .. -1] : @tail);
        }
        remove_tree($self->{prefix});
    }
    delete $alive{$self};
}


END { my $status = $?; $_->_cleanup for values %alive; $? = $status; }


sub _find_nginx {
    for my $dir (split(/:/, $ENV{PATH} // ''), '/usr/sbin') {
        return "$dir/nginx" if -x "$dir/nginx";
    }
    die 'no nginx found';
}


# An empty file that is a worker's from the start: that they find one of root's,
# for a moment, is another test's.
sub made_by_worker {
    my ($self, $path) = @_;
    my ($uid, $gid) = (getpwnam $self->worker_user)[2, 3];

    # in this order: who is not root can take on no group
    local $) = $) == 0 ? "$gid $gid" : $);
    local $> = $uid;
    sysopen my $fh, $path, O_WRONLY | O_CREAT | O_EXCL, 0640;
}


# nginx runs as this user's; workers of a root's as another user's.
sub _own {
    my ($self, $path) = @_;

    if ($> == 0) {
        chown +(getpwnam $self->worker_user)[2, 3], $path
            or die "chown $path: $!";
    }
}


# Runs nginx to its end (a daemon's parent), in the prefix, which is how
# processes() knows its own.  Returns exit status and output.
sub _nginx {
    my ($self, @args) = @_;
    my $out = $self->path('nginx.out');
    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        chdir $self->{prefix};
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        alarm 0;
        %ENV = (%ENV, $self->_sanitizer_env) if $ENV{XC_PRELOAD};
        @args = ('-c', "$self->{prefix}/nginx.conf", @args)
            if !grep { $_ eq '-c' } @args;
        { exec $self->{nginx}, '-p', "$self->{prefix}/",
               '-e', "$self->{prefix}/error.log", @args; }
        POSIX::_exit(127);
    }
    waitpid $pid, 0;
    $self->{tests}{$pid} = 1 if grep { $_ eq '-t' } @args;
    return ($? >> 8 | $? & 127, $self->read_file('nginx.out') // '');
}


sub _sanitizer_env {
    my ($self) = @_;
    my $log = "log_path=$self->{prefix}/sanitizer";
    my $leaks = $self->{leaks} && ($ENV{XC_LEAKS} // 1) ? 1 : 0;

    return (LD_PRELOAD   => $ENV{XC_PRELOAD},
            ASAN_OPTIONS => "$log:detect_leaks=$leaks:detect_odr_violation=0"
                            . ':detect_stack_use_after_return=1',
            LSAN_OPTIONS => "print_suppressions=0:"
                            . "suppressions=$root/t/lib/lsan.supp",
            UBSAN_OPTIONS => 'print_stacktrace=1');
}


sub _globals {
    my ($self, $text) = @_;
    my @lines = (
        "load_module $self->{module};",
        "pid $self->{prefix}/nginx.pid;",
        "lock_file $self->{prefix}/nginx.lock;",
        "error_log $self->{prefix}/error.log $self->{log_level};",
        "worker_processes $self->{workers};");

    if ($> == 0) {
        my $gid = (getpwnam $self->worker_user)[3];
        push @lines, 'user ' . $self->worker_user . ' '
                     . getgrgid($gid) . ';';
    }
    if ($ENV{XC_PRELOAD}) {      # for a binary upgrade
        push @lines, map { "env $_;" } qw(LD_PRELOAD ASAN_OPTIONS
                                          LSAN_OPTIONS UBSAN_OPTIONS);
    }
    push @lines, 'events { worker_connections 512; }'
        if $text !~ /^\s*events\s*\{/m;
    return join "\n", @lines;
}


sub _http {
    my ($self) = @_;

    return join "\n    ", "access_log $self->{prefix}/access.log;",
        map { "${_}_temp_path $self->{prefix}/$_;" }
        qw(client_body proxy fastcgi uwsgi scgi);
}


sub _children {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return ();
    return split ' ', <$fh> // '';
}


sub _title {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/cmdline" or return '';
    my $title = <$fh> // '';
    $title =~ s/\0.*//s;
    return $title;
}

1;
