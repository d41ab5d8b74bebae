package Contest;

# The nginx of bench/compare: back end, bare proxy, rivals and gates; each with
# one worker on one CPU, the load generator and the back end on the other.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(hmac_sha256 sha256);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);

use Bench;

our %MODULES = (lua => [qw(ndk_http_module ngx_http_lua_module)],
                njs => ['ngx_http_js_module'],
                modsecurity => ['ngx_http_modsecurity_module']);
our @ALGS = qw(ed25519 ecdsa-p256-sha256 rsa-pss-sha512 sm2-sm3);
my %GENPKEY = ('ed25519' => '-algorithm ED25519',
               'ecdsa-p256-sha256' => '-algorithm EC -pkeyopt '
                                      . 'ec_paramgen_curve:P-256',
               'rsa-pss-sha512' => '-algorithm RSA -pkeyopt '
                                   . 'rsa_keygen_bits:2048',
               'sm2-sm3' => '-algorithm SM2');
my $AUTHORITY = 'platform.example';
my $PATH = '/xc/v1/requests';
my @PURPOSES = qw(case_investigation accident_handling product_recall
                  dispute_resolution);
my $REQUEST_NO = '\p{Han}[^\p{C}]{0,40}[〔\[]20[0-9]{2}[〕\]] ?第?'
                 . '[0-9]{1,6} ?号';


# root, build: directories; nginx: the program.
sub new {
    my ($class, %o) = @_;
    my $dir = tempdir('compare-XXXXXXXX', DIR => $ENV{BENCH_DIR} // $o{build});
    my @cpus = cpus();
    my ($gate_cpu, $other_cpu) = @cpus > 1 ? @cpus : (@cpus, @cpus);
    my $self = bless { %o, dir => $dir, owner => $$, servers => {},
                       gate_cpu => $gate_cpu, other_cpu => $other_cpu }, $class;

    chmod 0755, $dir;
    $self->{secret} = join '', map { chr int rand 256 } 1 .. 32;
    $self->_make_keys;
    $self->{backend_port} = $self->start('backend', kind => 'backend');
    return $self;
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;
    local ($?, $@, $!);
    $self->stop($_) for keys %{ $self->{servers} };
    remove_tree($self->{dir});
}


# kind: backend, bare, limit, lua, njs, modsecurity, gate.  Of a gate: sync;
# granted, how many fields the agency may ask (10); credentials, how many keys
# of other names the policy has besides (0).  requests: how many it will get.
sub start {
    my ($self, $name, %o) = @_;
    my $dir = "$self->{dir}/$name";
    my @ports = _free_ports(2);
    my $s = $self->{servers}{$name} = { %o, name => $name, port => $ports[0],
                                        tls_port => $ports[1] };

    mkdir $dir;
    $self->_rival_files($s) if $o{kind} =~ /\A(?:lua|njs)\z/;
    $self->_policy($s) if $o{kind} eq 'gate';
    _spew("$dir/nginx.conf", $self->_conf($s));

    my $pid = fork // die "fork: $!";
    if (!$pid) {
        if ($o{kind} eq 'gate') {
            $ENV{LD_PRELOAD} = "$self->{build}/synctime.so";
            $ENV{SYNCTIME_FILE} = "$dir/syncs";
        }
        open STDERR, '>', "$dir/out";
        open STDOUT, '>&', \*STDERR;
        exec $self->{nginx}, '-p', "$dir/", '-e', "$dir/error.log", '-c',
             "$dir/nginx.conf";
    }
    waitpid $pid, 0;
    die "$name did not start:\n" . _slurp("$dir/out") . _slurp("$dir/error.log")
        if $? != 0;
    for (1 .. 500) {
        ($s->{master}) = _slurp("$dir/nginx.pid") =~ /^(\d+)/;
        return $s->{port} if $s->{master} && $self->worker($name);
        sleep 0.02;
    }
    die "$name has no worker";
}


sub stop {
    my ($self, $name) = @_;
    my $s = delete $self->{servers}{$name};
    my $pid = $s && $s->{master} or return;

    kill 'TERM', $pid;
    for (1 .. 500) {
        return if !kill 0, $pid;
        sleep 0.02;
    }
}


sub worker {
    my ($self, $name) = @_;
    my $pid = $self->{servers}{$name}{master};

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return;
    return (split ' ', <$fh> // '')[0];
}


# What the worker has of memory, in KiB: its own, and that of files and shared.
sub memory {
    my ($self, $name) = @_;
    my %kb = _slurp('/proc/' . $self->worker($name) . '/status')
             =~ /^(RssAnon|RssFile|RssShmem):\s+(\d+)/mg;

    return { own => $kb{RssAnon}, shared => $kb{RssFile} + $kb{RssShmem} };
}


# One run of the load.  n; alg (none, hmac-sha256, ...; hmac-sha256); tls;
# connections, rate, credentials; body, of _body.  Of the answer: rate, cpu,
# load_cpu and backend_cpu (µs a request), p50, p99, other.
sub load {
    my ($self, $name, %o) = @_;
    my $s = $self->{servers}{$name};
    my $alg = $o{alg} // 'hmac-sha256';
    my $file = $self->_body_file(%{ $o{body} // {} });
    my @args = ("n=$o{n}", "body=$file", "alg=$alg",
                "cpu=$self->{other_cpu}", 'port='
                . ($o{tls} ? $s->{tls_port} : $s->{port}));

    push @args, $alg eq 'hmac-sha256'
                ? ('keyid=bench', 'key=' . unpack 'H*', $self->{secret})
                : $alg ne 'none' ? ("keyid=$alg", 'key=' . $self->key($alg))
                : ();
    push @args, "cert=$self->{dir}/client.pem" if $o{tls};
    push @args, map { $o{$_} ? "$_=$o{$_}" : () }
                qw(connections rate credentials);

    my @worker = $self->worker($name);
    my @backend = $self->worker('backend');
    my ($before, $back_before) = (cpu_ns(@worker), cpu_ns(@backend));
    my $r = post("$self->{build}/post", @args);
    my ($cpu, $back) = (cpu_ns(@worker) - $before,
                        cpu_ns(@backend) - $back_before);

    return { rate => $o{n} / ($r->{ns} / 1e9), cpu => $cpu / 1000 / $o{n},
             load_cpu => $r->{cpu_ns} / 1000 / $o{n},
             backend_cpu => $back / 1000 / $o{n},
             map { $_ => $r->{$_} } qw(ok other p50 p99 max) };
}


# How often the gate has synced, and of the calls since the n-th: microseconds,
# sorted, and the CPU of all of them in ns.
sub syncs {
    my ($self, $name, $since) = @_;
    my $max = 1 << 17;

    open my $fh, '<:raw', "$self->{dir}/$name/syncs" or return { n => 0 };
    read $fh, my $head, 8;
    my $n = unpack 'Q<', $head;
    return { n => $n } if !defined $since;
    local $/;
    my @words = unpack 'L<*', <$fh>;
    my @us;
    my $cpu = 0;
    for my $i (($since < $n - $max ? $n - $max : $since) .. $n - 1) {
        push @us, $words[2 * ($i % $max)];
        $cpu += $words[2 * ($i % $max) + 1];
    }
    return { n => $n, us => [sort { $a <=> $b } @us], cpu => $cpu };
}


sub counters {
    my ($self, $name) = @_;
    my $answer = $self->ask($name, "GET /status HTTP/1.0\r\n"
                                   . "Host: status\r\n\r\n");
    my $s = JSON::PP->new->decode($answer =~ s/\A.*?\r\n\r\n//sr);
    my $refused = 0;

    $refused += $_ for values %{ $s->{refused} };
    return { %{ $s->{counters} }, refused => $refused };
}


sub ask {
    my ($self, $name, $request) = @_;
    my $sock = IO::Socket::INET->new('127.0.0.1:'
                                     . $self->{servers}{$name}{port})
        or die "$name: $!";

    print $sock $request;
    local $/;
    return scalar <$sock>;
}


# A signed request.  keyid; body, of _body, or text; nonce; path; and with
# false signature or altered text after the signing.
sub request {
    my ($self, %o) = @_;
    my $text = $o{text} // _body(%{ $o{body} // {} });
    my $nonce = $o{nonce} // sprintf 'n-%d-%.6f', ++$self->{nonces}, time;
    my $path = $o{path} // $PATH;
    my $params = '("@method" "@authority" "@path" "content-type" '
                 . '"content-digest");created=' . int(time) . ';keyid="'
                 . ($o{keyid} // 'bench') . "\";nonce=\"$nonce\"";
    my $digest = 'sha-256=:' . encode_base64(sha256($text), '') . ':';
    my $mac = hmac_sha256("\"\@method\": POST\n\"\@authority\": $AUTHORITY\n"
                          . "\"\@path\": $path\n"
                          . "\"content-type\": application/json\n"
                          . "\"content-digest\": $digest\n"
                          . "\"\@signature-params\": $params",
                          $self->{secret});

    $mac ^= "\1" x length $mac if $o{false};
    $text =~ s/case_investigation/accident_handling/ if $o{altered};
    return join "\r\n", "POST $path HTTP/1.1", "Host: $AUTHORITY",
        'Content-Type: application/json', 'Content-Length: ' . length $text,
        "Content-Digest: $digest", "Signature-Input: sig1=$params",
        'Signature: sig1=:' . encode_base64($mac, '') . ':',
        $o{keep} ? () : 'Connection: close', '', $text;
}


# JSON of about so many octets (700) with so many fields (10); forbidden adds
# one that no agency may ask.
sub _body {
    my (%o) = @_;
    my @fields = map { sprintf 'merchant.f%02d', $_ } 1 .. $o{fields} // 10;
    my %b = (request_no => '沪市监协查〔2026〕1182号',
             purpose => 'case_investigation',
             case_no => '沪市监案〔2026〕310号',
             legal_basis => '网络交易监督管理办法 第三十四条',
             subjects => [{ type => 'merchant', id => '91310000MA1FL0000N' }],
             fields => \@fields, salt => '');
    my $json = JSON::PP->new->utf8->canonical;

    push @fields, 'buyer.phone' if $o{forbidden};
    my $missing = ($o{size} // 700) - length $json->encode(\%b);
    $b{salt} = substr '0123456789abcdef' x 5000, 0, $missing if $missing > 0;
    return $json->encode(\%b);
}


sub _body_file {
    my ($self, %o) = @_;
    my $name = join '-', "$self->{dir}/body", map { "$_$o{$_}" } sort keys %o;

    _spew($name, _body(%o)) if !-e $name;
    return $name;
}


sub key { "$_[0]{dir}/$_[1].pem" }


# A certificate that signs itself is client's, server's and authority's.
sub _make_keys {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $quiet = "2>>'$dir/openssl.out'";

    for my $alg (@ALGS, 'log') {
        my $how = $GENPKEY{$alg} // '-algorithm ED25519';

        system("openssl genpkey $how -out '$dir/$alg.pem' $quiet"
               . " && openssl pkey -in '$dir/$alg.pem' -pubout -out"
               . " '$dir/$alg.pub' $quiet") == 0 or die "no key for $alg\n";
        chmod 0600, "$dir/$alg.pem";
    }
    for my $who (qw(client server)) {
        system("openssl req -x509 -newkey ec -pkeyopt"
               . " ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=$who'"
               . " -keyout '$dir/$who.key' -out '$dir/$who.crt' $quiet"
               . " && cat '$dir/$who.crt' '$dir/$who.key' >'$dir/$who.pem'")
            == 0 or die "no certificate for $who\n";
    }
}


sub _policy {
    my ($self, $s) = @_;
    my $dir = $self->{dir};
    my $granted = $s->{granted} // 10;
    my $yes = JSON::PP::true;
    my $secret = encode_base64($self->{secret}, '');
    my ($spki) = `openssl x509 -in '$dir/client.crt' -pubkey -noout | openssl \\
        pkey -pubin -outform DER | sha256sum` =~ /^(\w+)/;
    my $mac = sub { { type => 'httpsig', keyid => $_[0],
                      alg => 'hmac-sha256', secret => $_[1] } };
    my %agency = (level => 'county', region => '310115',
                  grants => ['standard']);
    my %operation = (id => 'submit', kind => 'submit', methods => ['POST'],
                     path => $PATH, pass => ['/salt'],
                     body => { map { $_ => "/$_" }
                               qw(fields request_no purpose case_no
                                  legal_basis subjects) });

    my %policy = (
        policy => 'bench', version => '1', transport => 'any',
        authorities => [$AUTHORITY],
        purposes => { map { $_ => {} } @PURPOSES },
        fields => { 'buyer.phone' => { group => 'transaction', zh => 'p',
                                       en => 'p', standard => $yes },
                    map { (sprintf('merchant.f%02d', $_) =>
                           { group => 'identity', zh => "f$_", en => "f$_",
                             standard => $yes }) } 1 .. $granted },
        subject_types => { merchant => { check => 'uscc' } },
        operations => [\%operation],
        patterns => { request_no => $REQUEST_NO },
        grants => { standard => { groups => ['identity'],
                                  levels => ['county'] } },
        rates => { default => { rate => '1000000r/s', burst => 1_000_000 },
                   slow => { rate => '1r/m', burst => 0 } },
        agencies => [
            { %agency, id => '310115', name => '上海市浦东新区市场监督管理局',
              rate => 'default',
              credentials => [
                  $mac->('bench', $secret),
                  map { { type => 'httpsig', keyid => $_, alg => $_,
                          public_key => _slurp("$dir/$_.pub") } } @ALGS ] },
            { %agency, id => 'slow', name => 'slow', rate => 'slow',
              credentials => [$mac->('slow', $secret)] },
            _others(\%agency, $mac, $s->{credentials} // 0) ]);

    _spew("$dir/$s->{name}/policy.json",
          JSON::PP->new->utf8->encode(\%policy));

    # certificates need a policy that lets nothing else than TLS in
    @policy{qw(policy transport)} = qw(bench-tls tls);
    $policy{agencies} = [{ %{ $policy{agencies}[0] },
                           credentials => [{ type => 'mtls',
                                             spki_sha256 => $spki }] }];
    _spew("$dir/$s->{name}/policy_tls.json",
          JSON::PP->new->utf8->encode(\%policy));
}


# 32 keys an agency, of the names that bench/post makes them of.
sub _others {
    my ($agency, $mac, $n) = @_;
    my @agencies;

    for (my $i = 0; $i < $n; $i += 32) {
        my $last = $i + 31 < $n ? $i + 31 : $n - 1;
        push @agencies, { %$agency, id => "a$i", name => "a$i",
                          rate => 'default',
                          credentials => [map { $mac->("bench-$_",
                              encode_base64(sha256("bench-$_"), '')) }
                              $i .. $last] };
    }
    return @agencies;
}


# What the rivals know of agencies and keys.
sub _rival_files {
    my ($self, $s) = @_;
    my $dir = $self->{dir};
    my $secret = encode_base64($self->{secret}, '');
    my %fields = map { sprintf('merchant.f%02d', $_) => JSON::PP::true }
                 1 .. 10;
    my $policy = JSON::PP->new->utf8->canonical->encode({
        id => 'bench',
        purposes => { map { $_ => JSON::PP::true } @PURPOSES },
        request_no => "^$REQUEST_NO\$",
        agencies => {
            310115 => { level => 'county', fields => \%fields,
                        rate => 1_000_000, burst => 1_000_000 },
            slow => { level => 'county', fields => \%fields, rate => 1 / 60,
                      burst => 0, slow => JSON::PP::true } },
        credentials => {
            bench => { agency => '310115', secret => $secret },
            slow => { agency => 'slow', secret => $secret } } });
    my $js = _slurp("$self->{root}/bench/rivals/gate.js");

    _spew("$dir/rivals.json", $policy);
    _spew("$dir/gate.js", $js =~ s/\{\{policy\}\}/$policy/r);
    chmod 0644, "$dir/rivals.json", "$dir/gate.js";
}


sub _conf {
    my ($self, $s) = @_;
    my ($name, $kind) = @$s{qw(name kind)};
    my $dir = "$self->{dir}/$name";
    my $cpu = sprintf '%b', 1 << $self->{ $kind eq 'backend' ? 'other_cpu'
                                                             : 'gate_cpu' };
    my $load = join '', map { "load_module $_;\n" }
        $kind eq 'gate' ? $ENV{XC_MODULE}
        : map { "/usr/lib/nginx/modules/$_.so" } @{ $MODULES{$kind} // [] };
    my $temp = join '', map { "    ${_}_temp_path $dir/$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);
    my $user = $> == 0 ? 'user root root;' : '';
    my $upstream = $kind eq 'backend' ? '' : <<"END";
    upstream backend {
        server 127.0.0.1:$self->{backend_port};
        keepalive 512;
        keepalive_requests 1000000000;
    }
END

    return <<"END" . $self->_servers($s) . "}\n";
$load$user
pid $dir/nginx.pid;
error_log $dir/error.log error;
worker_processes 1;
worker_cpu_affinity $cpu;
worker_rlimit_nofile 8192;
events { worker_connections 2048; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_buffer_size 128k;
    client_max_body_size 1m;
$temp$upstream
END
}


sub _servers {
    my ($self, $s) = @_;
    my $requests = $s->{requests} // 0;
    my $proxy = "proxy_pass http://backend;\n            "
        . "proxy_http_version 1.1;\n            "
        . 'proxy_set_header Connection "";';
    my $few = "$proxy\n            proxy_pass_request_headers off;\n"
        . "            proxy_set_header Host \$host;\n"
        . '            proxy_set_header Content-Type $content_type;';
    my %v = (dir => $self->{dir}, name => $s->{name}, port => $s->{port},
             tls_port => $s->{tls_port}, proxy => $few,
             rivals => "$self->{root}/bench/rivals",
             nonce_bytes => int(16 + 280 * $requests / 1e6) . 'm');

    return $self->_gate($s, $proxy) if $s->{kind} eq 'gate';
    return <<"END" if $s->{kind} eq 'backend';
    server {
        listen 127.0.0.1:$s->{port};
        location / {
            default_type application/json;
            return 200 '{"merchant.f01":"示例","merchant.f02":"-"}';
        }
    }
END
    my $text = _slurp("$self->{root}/bench/rivals/$s->{kind}.conf");
    $text =~ s/\{\{(\w+)\}\}/$v{$1} \/\/ die "no $1"/ge;
    return $text;
}


sub _gate {
    my ($self, $s, $proxy) = @_;
    my $dir = $self->{dir};
    my $replay = int(1.1 * ($s->{requests} // 0)) + 20_000;

    return <<"END";
    xc_state $dir/$s->{name}/state replay=$replay;
    xc_audit key=$dir/log.pem origin=bench.example/log node=bench sync=$s->{sync};
    server {
        listen 127.0.0.1:$s->{port};
        location = /status { xc_status; }
        location / {
            xc enforce;
            xc_policy $dir/$s->{name}/policy.json;
            $proxy
            include $self->{root}/conf/xc_proxy_params;
        }
    }
    server {
        listen 127.0.0.1:$s->{tls_port} ssl;
        ssl_certificate $dir/server.pem;
        ssl_certificate_key $dir/server.pem;
        ssl_client_certificate $dir/client.crt;
        ssl_verify_client optional;
        location / {
            xc enforce;
            xc_policy $dir/$s->{name}/policy_tls.json;
            xc_credentials mtls;
            $proxy
            include $self->{root}/conf/xc_proxy_params;
        }
    }
END
}


sub _spew {
    my ($name, $text) = @_;

    utf8::encode($text) if utf8::is_utf8($text);
    open my $fh, '>:raw', $name or die "$name: $!";
    print $fh $text;
    close $fh or die "$name: $!";
    chmod 0640, $name;
}


sub _slurp {
    my ($name) = @_;

    open my $fh, '<:raw', $name or return '';
    local $/;
    return <$fh> // '';
}


# Held until all are chosen, so that they differ.
sub _free_ports {
    my @socks = map {
        IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
            or die "no free port: $!"
    } 1 .. $_[0];

    return map { $_->sockport } @socks;
}

1;
