# The measurements of nginx that bench/run describes and starts: run, sync.

use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use POSIX qw(strftime);
use Time::HiRes qw(sleep);

use lib 'bench';
use Bench;
use XC::Shim;

my $root = abs_path('.');
my $build = $ENV{XC_BUILD};
my $mode = $ARGV[0] // 'run';
my $total = $ENV{BENCH_REQUESTS} // 200_000;
my $rounds = $ENV{BENCH_ROUNDS} // ($mode eq 'run' ? 3 : 7);
my $n = int(($total + $rounds - 1) / $rounds);
my $warm = $n < 2000 ? $n : 2000;
my $connections = 64;
my $nginx = $ENV{XC_NGINX} // find_nginx();

my $owner = $$;
my $dir = tempdir('bench-XXXXXXXX', DIR => $ENV{BENCH_DIR} // $build);
my @cpus = cpus();
my ($gate_cpu, $other_cpu) = @cpus > 1 ? @cpus : (@cpus, @cpus);

# What runs where: cpus, workers (1), the CPU of its load, the back end it has,
# and for gates sync=.
my $any = -1;
my %servers = $mode eq 'run' ? (
    backend => { cpus => [$other_cpu] },
    plain => { cpus => [$gate_cpu], load => $other_cpu },
    gate => { cpus => [$gate_cpu], load => $other_cpu, sync => 'group' },
) : (
    backend => { cpus => [$other_cpu] },
    roaming => { cpus => \@cpus },
    group_1 => { cpus => [$gate_cpu], load => $other_cpu, sync => 'group' },
    off_1 => { cpus => [$gate_cpu], load => $other_cpu, sync => 'off' },
    group_2 => { cpus => \@cpus, workers => 2, load => $any,
                 backend => 'roaming', sync => 'group' },
    off_2 => { cpus => \@cpus, workers => 2, load => $any,
               backend => 'roaming', sync => 'off' },
);
my %port;
@port{sort keys %servers} = free_ports(scalar keys %servers);
my $secret = pack 'H*', join '', map { sprintf '%02x', int rand 256 } 1 .. 32;
my $target = '/xc/v1/merchants/91310000MA1FL0000N?fields=merchant.name,'
    . 'merchant.uscc&request_no=%E6%B2%AA%E5%B8%82%E7%9B%91%E5%8D%8F%E6%9F%A5'
    . '%E3%80%942026%E3%80%951182%E5%8F%B7&purpose=case_investigation';
my $shim = XC::Shim::build($root, $build);
my %master;

$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);
binmode STDOUT, ':utf8';
END { local $?; clean() if ($owner // 0) == $$ }

exit main();


sub main {
    die "run or sync, not $mode\n" if $mode !~ /\A(?:run|sync)\z/;
    spew('policy.json', JSON::PP->new->utf8->encode(policy()));
    start($_) for sort keys %servers;

    header();
    if ($mode eq 'run') {
        return report(measure(qw(plain gate)));
    }
    my $wrong = report_sync('one worker pinned to one CPU, back end and load '
                            . 'on the other', 75, 1, measure('group_1',
                                                             'off_1'));
    $wrong += report_sync('two workers on all CPUs, which back end and load '
                          . 'share with them', 90, 2, measure('group_2',
                                                              'off_2'));
    return $wrong ? 1 : 0;
}


# Rounds of two servers in turn, each the first as often as the other; of each:
# its rows, and what its gate counted and synced meanwhile.
sub measure {
    my @two = @_;
    my (%rows, %before, %from, %m);

    print "round  nginx    requests/s  CPU µs/req.      p50, µs      "
        . "p99, µs\n";
    for my $what (@two) {
        load($what, $warm);
        $from{$what} = -s "$dir/$what/syncs" // 0;
        $before{$what} = {counters($what)} if $servers{$what}{sync};
    }
    for my $round (1 .. $rounds) {
        for my $what ($round % 2 ? @two : reverse @two) {
            my $row = load($what, $n);
            push @{ $rows{$what} }, $row;
            printf "%5d  %-7s  %10.0f  %11.1f  %11d  %11d\n", $round,
                $what, @$row{qw(rate cpu p50 p99)};
        }
    }
    for my $what (@two) {
        my %o = (rows => $rows{$what}, wrong => 0);

        for my $f (qw(rate cpu p50)) {
            $o{$f} = median(map { $_->{$f} } @{ $rows{$what} });
        }
        $o{wrong} += $_->{other} for @{ $rows{$what} };
        if (my $b = $before{$what}) {
            my %c = counters($what);
            $o{$_} = $c{$_} - $b->{$_} for qw(refused batches lines);
            $o{wrong} ||= $o{refused};
        }
        $o{syncs} = [sort { $a <=> $b } syncs($what, $from{$what})];
        $m{$what} = \%o;
    }
    return %m;
}


sub header {
    my ($version) = `$nginx -v 2>&1` =~ m{(nginx/\S+)};

    printf "%s, %s, Linux %s, %s\n", strftime('%Y-%m-%d', localtime),
        cpu_model(), (POSIX::uname())[2], $version;
    printf "state directory on %s; CPU %d: %s; CPU %d: back end and"
        . " load%s\n", file_system(), $gate_cpu,
        $mode eq 'run' ? 'the worker' : 'the one worker', $other_cpu,
        @cpus > 1 ? '' : ' (there is no other)';
    printf "load average before: %s\n", load_average();
    printf "%d rounds of %d requests, %d connections kept alive, HMAC-SHA256,"
        . " no TLS\n\n", $rounds, $n, $connections;
}


sub report {
    my %m = @_;
    my ($plain, $gate) = @m{qw(plain gate)};
    my $wrong = $plain->{wrong} + $gate->{wrong};

    print "\nmedians\n";
    printf "requests per second: %.0f plain, %.0f gate (ratio %.2f)\n",
        $plain->{rate}, $gate->{rate}, $gate->{rate} / $plain->{rate};
    printf "CPU µs a request: %.1f plain, %.1f gate (%.1f more)\n",
        $plain->{cpu}, $gate->{cpu}, $gate->{cpu} - $plain->{cpu};
    report_log($gate);
    printf "refused wrongly: %d of %d\n", $wrong, $n * $rounds;
    return $wrong ? 1 : 0;
}


sub report_log {
    my ($gate) = @_;
    my $syncs = $gate->{syncs};

    printf "records a batch: %.1f (%d records, two a request, in %d batches)\n",
        $gate->{batches} ? $gate->{lines} / $gate->{batches} : 0,
        @$gate{qw(lines batches)};
    printf "fdatasync: %d calls, p50 %d µs, p99 %d µs\n", scalar @$syncs,
        at($syncs, 0.5), at($syncs, 0.99);
}


# Against off; the targets are told, not asserted.
sub report_sync {
    my ($title, $percent, $suffix, %m) = @_;
    my ($group, $off) = @m{"group_$suffix", "off_$suffix"};
    my @ratios = sort { $a <=> $b }
                 map { 100 * $group->{rows}[$_]{rate} / $off->{rows}[$_]{rate} }
                     0 .. $rounds - 1;
    my $ratio = 100 * $group->{rate} / $off->{rate};
    my $added = $group->{p50} - $off->{p50};
    my $most = 2 * at($group->{syncs}, 0.5) + 1000;
    my $wrong = $group->{wrong} + $off->{wrong};

    print "\n$title: medians\n";
    printf "requests per second: %.0f sync=group, %.0f sync=off: %.0f %% "
        . "(rounds: %.0f to %.0f)\n", $group->{rate}, $off->{rate}, $ratio,
        @ratios[0, -1];
    printf "  target: at least %d %%: %s in this run\n", $percent,
        met($ratio >= $percent);
    printf "CPU µs a request: %.1f and %.1f\n", $group->{cpu}, $off->{cpu};
    printf "median latency: %d and %d µs: %d added\n", $group->{p50},
        $off->{p50}, $added;
    printf "  target: at most 2 x fdatasync p50 + 1 ms = %d µs: %s in this "
        . "run\n", $most, met($added <= $most);
    print "sync=group: ";
    report_log($group);
    print "sync=off:   ";
    report_log($off);
    printf "refused wrongly: %d of %d\n\n", $wrong, 2 * $n * $rounds;
    return $wrong;
}


# One run of the load; what it cost the workers.
sub load {
    my ($what, $n) = @_;
    my @workers = workers($what);
    my $before = cpu_ns(@workers);
    my $r = eval { post("$build/post", "port=$port{$what}", "n=$n",
                        "connections=$connections", "get=$target",
                        'keyid=bench', 'alg=hmac-sha256',
                        'key=' . unpack('H*', $secret),
                        "cpu=$servers{$what}{load}") };

    die "$@$what: " . slurp("$what/error.log") if !$r;
    my $cpu = cpu_ns(@workers) - $before;
    return { %$r{qw(other p50 p99)}, rate => $n / ($r->{ns} / 1e9),
             cpu => $cpu / 1000 / $n };
}


sub counters {
    my ($what) = @_;
    my $sock = IO::Socket::INET->new("127.0.0.1:$port{$what}")
        or die "$what: $!";

    print $sock "GET /status HTTP/1.0\r\nHost: status\r\n\r\n";
    my $answer = do { local $/; <$sock> };
    my $s = JSON::PP->new->decode($answer =~ s/\A.*?\r\n\r\n//sr);
    my $refused = 0;
    $refused += $_ for values %{ $s->{refused} };
    return (%{ $s->{counters} }, refused => $refused);
}


sub syncs {
    my ($what, $from) = @_;

    open my $fh, '<', "$dir/$what/syncs" or return ();
    seek $fh, $from, 0;
    chomp(my @us = <$fh>);
    return @us;
}


sub policy {
    my $map = { map { $_ => $_ } qw(fields request_no purpose) };
    my $rate = { rate => '1000000r/s', burst => 1_000_000 };

    return {
        policy => 'bench', version => '1', transport => 'any',
        authorities => ['platform.example'],
        purposes => { case_investigation => {} },
        fields => { map { ("merchant.$_" => { group => 'identity', zh => $_,
                           en => $_, standard => JSON::PP::true }) }
                    qw(name uscc) },
        subject_types => { merchant => { check => 'uscc' } },
        operations => [{ id => 'merchant', kind => 'query', methods => ['GET'],
            path => '/xc/v1/merchants/(?<subject>[0-9A-Z]{18})',
            subject_type => 'merchant', query => $map }],
        patterns => { request_no => '\p{Han}[^\p{C}]{0,40}[〔\[]20[0-9]{2}'
                                    . '[〕\]] ?第?[0-9]{1,6} ?号' },
        grants => { standard => { groups => ['identity'],
                                  levels => ['county'] } },
        rates => { default => $rate },
        agencies => [{ id => '310115', name => '上海市浦东新区市场监督管理局',
            level => 'county', region => '310115', grants => ['standard'],
            rate => 'default', credentials => [{ type => 'httpsig',
                keyid => 'bench', alg => 'hmac-sha256',
                secret => encode_base64($secret, '') }] }],
    };
}


sub common {
    my ($what) = @_;
    my $server = $servers{$what};
    my $workers = $server->{workers} // 1;
    my $mask = 0;
    my $user = $> == 0 ? 'user root root;' : '';

    $mask |= 1 << $_ for @{ $server->{cpus} };
    $mask = sprintf '%b', $mask;

    return <<"END";
$user
pid $dir/$what/nginx.pid;
error_log $dir/$what/error.log error;
worker_processes $workers;
worker_cpu_affinity @{[ ($mask) x $workers ]};
worker_rlimit_nofile 4096;
events { worker_connections 1024; }
END
}


sub http {
    my ($what) = @_;

    return join "\n    ", 'access_log off;', 'keepalive_requests 1000000000;',
        map { "${_}_temp_path $dir/$what/$_;" }
            qw(client_body proxy fastcgi uwsgi scgi);
}


sub backend_conf {
    my ($what) = @_;

    return common($what) . <<"END";
http {
    ${\ http($what) }
    server {
        listen 127.0.0.1:$port{$what};
        location / {
            default_type application/json;
            return 200 '{"merchant.name":"示例","merchant.uscc":"-"}';
        }
    }
}
END
}


# What both proxies have in common.
sub upstream {
    my ($what) = @_;

    return <<"END";
    upstream backend {
        server 127.0.0.1:$port{ $servers{$what}{backend} // 'backend' };
        keepalive $connections;
        keepalive_requests 1000000000;
    }
END
}


sub proxy {
    return <<"END";
proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
END
}


sub plain_conf {
    return common('plain') . <<"END";
http {
    ${\ http('plain') }
${\ upstream('plain') }
    server {
        listen 127.0.0.1:$port{plain};
        location / {
            proxy_pass_request_headers off;
            proxy_set_header Host \$host;
            ${\ proxy() }
        }
    }
}
END
}


# Connections are spread by the kernel: else one worker takes most of them.
sub gate_conf {
    my ($what) = @_;
    my $server = $servers{$what};
    my $spread = ($server->{workers} // 1) > 1 ? ' reuseport' : '';
    my $replay = int(1.05 * ($n * $rounds + $warm)) + 1000;

    return "load_module $ENV{XC_MODULE};\n" . common($what)
           . <<"END";
http {
    ${\ http($what) }
    xc_state $dir/$what/state replay=$replay;
    xc_audit node=bench sync=$server->{sync};
${\ upstream($what) }
    server {
        listen 127.0.0.1:$port{$what}$spread;
        location = /status { xc_status; }
        location / {
            xc enforce;
            xc_policy $dir/policy.json;
            ${\ proxy() }
            include $root/conf/xc_proxy_params;
        }
    }
}
END
}


sub start {
    my ($what) = @_;
    my $gate = $servers{$what}{sync};
    my %env = $gate ? (LD_PRELOAD => $shim, XC_SHIM_LOG => "$dir/$what/syncs")
                    : ();

    mkdir "$dir/$what";
    spew("$what/nginx.conf", $gate ? gate_conf($what)
                             : $what eq 'plain' ? plain_conf()
                             : backend_conf($what));
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        %ENV = (%ENV, %env);
        open STDERR, '>', "$dir/$what/out";
        exec $nginx, '-p', "$dir/$what/", '-e', "$dir/$what/error.log", '-c',
             "$dir/$what/nginx.conf";
    }
    waitpid $pid, 0;
    die "$what did not start:\n" . slurp("$what/out") if $? != 0;
    for (1 .. 250) {
        ($master{$what}) = slurp("$what/nginx.pid") =~ /^(\d+)/;
        return if $master{$what}
                  && workers($what) >= ($servers{$what}{workers} // 1);
        sleep 0.02;
    }
    die "$what has no workers";
}


sub workers {
    my ($what) = @_;
    my $pid = $master{$what};

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return;
    my @pids = split ' ', <$fh> // '';
    return @pids;
}


sub clean {
    my @pids = grep { $_ } values %master;

    kill 'TERM', @pids if @pids;
    for (1 .. 250) {
        last if !grep { kill 0, $_ } @pids;
        sleep 0.02;
    }
    remove_tree($dir) if $dir;
}


sub spew {
    my ($name, $text) = @_;

    utf8::encode($text) if utf8::is_utf8($text);
    open my $fh, '>:raw', "$dir/$name" or die "$name: $!";
    print $fh $text;
    close $fh or die "$name: $!";
    chmod 0640, "$dir/$name";
}


sub slurp {
    my ($name) = @_;

    open my $fh, '<', "$dir/$name" or return '';
    local $/;
    return <$fh> // '';
}


# The file system that the state directory is on: the longest mount point.
sub file_system {
    my ($best, $type, $device) = ('', '?', '?');

    open my $fh, '<', '/proc/self/mounts' or return 'unknown';
    while (<$fh>) {
        my ($d, $point, $t) = split ' ';
        my $prefix = $point eq '/' ? '/' : "$point/";
        next if index("$dir/", $prefix) != 0 || length $point < length $best;
        ($best, $type, $device) = ($point, $t, $d);
    }
    return "$type ($device)";
}


# Held until all are chosen, so that they differ.
sub free_ports {
    my @socks = map {
        IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
            or die "no free port: $!"
    } 1 .. $_[0];

    return map { $_->sockport } @socks;
}


sub find_nginx {
    for my $d (split(/:/, $ENV{PATH} // ''), '/usr/sbin') {
        return "$d/nginx" if -x "$d/nginx";
    }
    die "no nginx found\n";
}
