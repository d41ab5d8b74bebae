package Figures;

# What bench/compare has found: held against the targets, as a table, as a chart,
# and into the files that show it.

use strict;
use warnings;
use utf8;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use JSON::PP;

use Bench;
use Chart;
use Contest;

our %TITLES = (bare => 'bare proxy_pass', limit => 'limit_req, access_log',
               lua => 'Lua gate', njs => 'njs gate',
               modsecurity => 'ModSecurity', off => 'this module, sync=off',
               group => 'this module, sync=group');
our @NAMES = qw(bare limit lua njs modsecurity off group);
my %SHORT = ('hmac-sha256' => 'HMAC-SHA256', 'ed25519' => 'Ed25519',
             'ecdsa-p256-sha256' => 'ECDSA P-256',
             'rsa-pss-sha512' => 'RSA-2048 (PSS)', 'sm2-sm3' => 'SM2');


# What, how much at most, how much it was.
sub targets {
    my ($r) = @_;
    my ($lua, $off, $group) = map { $r->{hmac}{$_} } qw(lua off group);
    my $algs = $r->{algorithms};
    my $sync = $group->{log};
    my @t = (
        ['`sync=off`, µs beyond bare: 0.5 × what the Lua gate adds',
         0.5 * $lua->{added}, $off->{added}],
        ['`sync=group`, `fdatasync`\'s own CPU apart: 0.75 × what the Lua gate '
         . 'adds', 0.75 * $lua->{added},
         $group->{added} - $sync->{cpu_a_request}]);

    push @t, ["$SHORT{$_}, µs beyond bare and one OpenSSL verification, each "
              . 'at its own saturation: HMAC\'s figure + 2 µs',
              $algs->{'hmac-sha256'}{added} + 2, $algs->{$_}{beyond}]
        for @Contest::ALGS;
    push @t, ["$SHORT{$_}, the same, all three at one rate",
              @{ $algs->{$_}{paced} }{qw(hmac_added)} + 2,
              $algs->{$_}{paced}{beyond}] for @Contest::ALGS;
    push @t, ['p99 at half of saturation, µs: bare + 3 × `fdatasync` p99',
              $r->{half}{bare}{p99} + 3 * $r->{half}{group}{sync_p99},
              $r->{half}{group}{p99}];
    push @t, ["memory of the worker, request $r->{memory}{from} to "
              . "$r->{memory}{to}, KiB more", 256, $r->{memory}{grown}]
        if $r->{memory};
    return [map { { what => $_->[0], at_most => $_->[1], was => $_->[2],
                    met => $_->[2] <= $_->[1] ? JSON::PP::true
                                              : JSON::PP::false } } @t];
}


# Of the whole comparison.
sub markdown {
    my ($r) = @_;
    my $log = $r->{hmac}{group}{log};
    my $half = $r->{half}{group};
    my $t = "$r->{date}, $r->{cpu}, Linux $r->{kernel}, $r->{nginx}; load "
        . "average before: $r->{load_average}; medians of $r->{rounds} rounds "
        . "of $r->{requests} requests; p99 at half: at half of each one's own "
        . "requests a second.\n\n" . _rivals($r)
        . "\n![CPU a request](performance.svg)\n\n" . _algorithms($r) . _paced($r);

    $t .= sprintf "`sync=group`: %.1f records a batch; `fdatasync` p50 %d µs, "
        . "p99 %d µs (%d and %d at half of saturation), its own CPU %.0f µs a "
        . "call, %.1f µs a request (in the figures above).\n\n", $log->{batch},
        @$log{qw(p50 p99)}, @$half{qw(sync_p50 sync_p99)},
        @$log{qw(cpu_a_call cpu_a_request)};
    $t .= "| target | at most | this run | |\n|---|---|---|---|\n";
    $t .= sprintf "| %s | %.1f | %.1f | %s |\n", @$_{qw(what at_most was)},
        met($_->{met}) for @{ $r->{targets} };
    return $t;
}


sub _rivals {
    my ($r) = @_;
    my ($h, $half) = @$r{qw(hmac half)};
    my $bare = $h->{bare};
    my $t = "| | CPU, µs a request | beyond bare (rounds) | × bare | requests/s "
        . "| × bare | p50, ms | p99, ms | p99 at half, ms |\n"
        . "|---|---|---|---|---|---|---|---|---|\n";

    for my $name (@NAMES) {
        my $m = $h->{$name};
        $t .= sprintf "| %s | %.1f | %s | %.2f | %.0f | %.2f | %.2f | %.2f | "
            . "%.2f |\n", $TITLES{$name}, $m->{cpu}, $name eq 'bare' ? '–'
            : sprintf('%.1f (%.1f to %.1f)', @$m{qw(added added_least
                                                    added_most)}),
            $m->{cpu} / $bare->{cpu}, $m->{rate}, $m->{rate} / $bare->{rate},
            $m->{p50} / 1000, $m->{p99} / 1000, $half->{$name}{p99} / 1000;
    }
    return $t;
}


sub _algorithms {
    my ($r) = @_;
    my $algs = $r->{algorithms};
    my $t = "| `sync=off`, µs a request | beyond bare | OpenSSL's own "
        . "verification | the rest | records a batch | requests/s |\n"
        . "|---|---|---|---|---|---|\n";

    for my $alg ('hmac-sha256', @Contest::ALGS) {
        my $m = $algs->{$alg};
        $t .= sprintf "| %s | %.1f | %s | %s | %.1f | %.0f |\n", $SHORT{$alg},
            $m->{added}, defined $m->{beyond}
            ? (sprintf('%.1f', $r->{openssl}{$alg}),
               sprintf('%.1f', $m->{beyond})) : ('–', '–'), @$m{qw(batch rate)};
    }
    return $t . sprintf "| mTLS, beside bare with TLS (%.1f) | %.1f | – | – | "
        . "%.1f | %.0f |\n\n", $algs->{bare_tls}{cpu},
        @{ $algs->{mtls} }{qw(added batch rate)};
}


sub _paced {
    my ($r) = @_;
    my $t = "| at six tenths of an algorithm's own requests a second, µs a "
        . "request | requests/s | bare | HMAC-SHA256 beyond it | the "
        . "algorithm beyond it | without OpenSSL's own verification |\n"
        . "|---|---|---|---|---|---|\n";

    for my $alg (@Contest::ALGS) {
        my $p = $r->{algorithms}{$alg}{paced};
        $t .= sprintf "| %s | %.0f | %.1f | %.1f | %.1f | %.1f |\n",
            $SHORT{$alg}, @$p{qw(rate bare hmac_added added beyond)};
    }
    return "$t\n";
}


sub chart {
    my ($r) = @_;
    my $bare = $r->{hmac}{bare}{cpu};
    my $part = sub { $_[0] =~ /off|group/ ? 'gate' : 'rival' };

    return Chart::draw('CPU a request, and what of it each gate adds',
        { title => 'CPU of the worker, µs a request (HMAC-SHA256, 700 bytes, '
                   . '10 fields)',
          keys => [[bare => 'bare proxy_pass'], [rival => 'what others add'],
                   [gate => 'what this module adds']],
          rows => [map { [$TITLES{$_}, [bare => $bare], $_ eq 'bare' ? ()
                          : [$part->($_), $r->{hmac}{$_}{added}]] } @NAMES] },
        { title => 'This module, sync=off, by algorithm',
          keys => [[bare => 'bare proxy_pass'],
                   [openssl => 'OpenSSL’s own verification'],
                   [gate => 'the rest']],
          rows => [['HMAC-SHA256', [bare => $bare],
                    [gate => $r->{algorithms}{'hmac-sha256'}{added}]],
                   map { [$SHORT{$_}, [bare => $bare],
                          [openssl => $r->{openssl}{$_}],
                          [gate => $r->{algorithms}{$_}{beyond}]] }
                       @Contest::ALGS] });
}


# Of the sweep.
sub sweep_markdown {
    my ($r) = @_;
    my $t = "$r->{date}, $r->{cpu}; medians of $r->{rounds} rounds of "
        . "$r->{requests} requests; load average before: $r->{load_average}."
        . "\n\n| `sync=group` | bare, µs a request | the gate, µs | beyond "
        . "bare, µs | requests/s | p50, ms | p99, ms |\n"
        . "|---|---|---|---|---|---|---|\n";

    $t .= sprintf "| %s | %.1f | %.1f | %.1f | %.0f | %.2f | %.2f |\n",
        @$_{qw(what bare cpu added rate)}, $_->{p50} / 1000, $_->{p99} / 1000
        for @{ $r->{rows} };
    return $t;
}


# The figures of this run into results.json; those of the other kind stay.
sub save {
    my ($out, $key, $r) = @_;
    my $file = "$out/bench/results.json";
    my $json = JSON::PP->new->canonical->pretty;
    my $old = -e $file ? $json->decode(_read_file($file)) : {};

    if ($key) {
        $old->{$key} = $r;
    } else {
        $old = { %$r, $old->{sweep} ? (sweep => $old->{sweep}) : () };
    }
    write_file($file, $json->encode(_rounded($old)));
}


sub _rounded {
    my ($v) = @_;

    return ref $v eq 'HASH' ? { map { $_ => _rounded($v->{$_}) } keys %$v }
           : ref $v eq 'ARRAY' ? [map { _rounded($_) } @$v]
           : !ref $v && defined $v && $v =~ /\A-?\d+\.\d+(?:e[-+]\d+)?\z/
           ? 0 + sprintf('%.3f', $v) : $v;
}


# Between two comments of the page, where it has them.
sub into_doc {
    my ($out, $what, $text) = @_;
    my $file = "$out/docs/performance.md";
    my $page = -e $file ? _read_file($file) : '';

    return if $page !~ s/(<!-- bench $what -->\n).*(<!-- end of $what -->)/$1\n$text\n$2/s;
    write_file($file, $page);
}


sub _read_file {
    my ($file) = @_;

    open my $fh, '<:encoding(UTF-8)', $file or die "$file: $!";
    local $/;
    return <$fh>;
}


sub write_file {
    my ($file, $text) = @_;
    my $folder = dirname($file);

    make_path($folder);
    open my $fh, '>:encoding(UTF-8)', $file or die "$file: $!";
    print $fh $text;
    close $fh or die "$file: $!";
    print "wrote $file\n";
}

1;
