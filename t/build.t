#!/usr/bin/perl

# What is built: the module loads in stock nginx, exports nothing of its own;
# and what the sources keep to (DESIGN.md sections 1 and 2).

use strict;
use warnings;

use File::Basename qw(basename);
use Test::More;

use XC::Nginx;

my $t = XC::Nginx->new;
my $src = $t->root . '/ngx_xc_module';

# who alone may include what
my %third_party = (
    'jansson.h' => [qw(xc_json.c)],
    'pcre2.h'   => [qw(xc_pattern.c)],
    'openssl/'  => [qw(xc_hash.c xc_crypto.c xc_crypto_impl.h xc_crypto_curve.c
                       xc_crypto_key.c xc_crypto_make.c xc_x509.c ngx_xc_tls.c)],
);

# the core's units, lower layers first, and the layer of each
my (@units, %layer);
read_sources();

my @files = map { glob "$src/$_/*.{c,h,def}" } qw(core nginx cli);
my %includes = map { $_ => [includes($_)] } @files;

loads();
exports();
layers();
sources();
third_party();
names();

$t->finish;
done_testing;


sub loads {
    $t->conf("%%GLOBALS%%\nhttp { %%HTTP%% }\n");
    my ($status, $out) = $t->test_conf;
    is($status, 0, 'stock nginx loads the module') or diag($out);
}


sub exports {
    my @names = sort map { (split)[-1] }
                grep { !/ [BD] (?:__bss_start|_edata|_end)$/ }
                split /\n/, `nm -D --defined-only @{[$t->module]}`;

    # the instrumented build exports its run time's names too
    @names = grep { !/^_{2}(?:asan|ubsan|odr_asan|start_asan|stop_asan)/ }
             @names;
    is("@names", 'ngx_module_names ngx_module_order ngx_modules',
       'the module exports what nginx looks up, nothing else');
}


# [brackets, name] of each include of a file
sub includes {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!";
    return map { /^\s*#\s*include\s*([<"])([^>"]+)/ ? [$1, $2] : () } <$fh>;
}


sub unit {
    my ($file) = @_;

    return basename($file) =~ s/\.\w+\z//r;
}


sub read_sources {
    my $now;

    open my $fh, '<', "$src/core/sources" or die "sources: $!";
    while (<$fh>) {
        if (/^# layer (\d):/) {
            $now = $1;
        } elsif (/^(\w+)$/) {
            push @units, $1;
            $layer{$1} = $now;
        }
    }
}


sub layers {
    my (@up, %uses);

    for my $file (@files) {
        my ($room) = $file =~ m{/(\w+)/[^/]+$};
        my $from = unit($file);
        for my $include (@{ $includes{$file} }) {
            my ($bracket, $name) = @$include;
            my $to = unit($name);
            my $up = 0;

            if ($room eq 'core' && $bracket eq '"') {
                $up = !-e "$src/core/$name"
                      || ($layer{$to} // 0) > ($layer{$from} // 2);
                $uses{$from}{$to} = 1 if "$file $name" =~ /\.h .*\.h$/;
            } else {
                $up = $room ne 'nginx' && $to =~ /^ngx_/
                      || $room eq 'nginx' && -e "$src/cli/$name";
            }
            push @up, "$room/" . basename($file) . " includes $name" if $up;
        }
    }
    is(join("\n", @up), '', 'includes run downwards only');
    is(circle(\%uses), '', 'and headers never in a circle');
}


# a circle among the units, or nothing
sub circle {
    my ($uses) = @_;
    my (%done, $walk);

    $walk = sub {
        my ($unit, @above) = @_;
        return join ' > ', @above, $unit if grep { $_ eq $unit } @above;
        return '' if $done{$unit};
        for my $next (sort keys %{ $uses->{$unit} // {} }) {
            my $found = $walk->($next, @above, $unit);
            return $found if $found;
        }
        $done{$unit} = 1;
        return '';
    };
    for my $unit (sort keys %$uses) {
        my $found = $walk->($unit);
        return $found if $found;
    }
    return '';
}


sub sources {
    my @missing = grep { !exists $layer{$_} }
                  map { unit($_) } glob "$src/core/*.c";

    is("@missing", '', 'sources names every unit');
    is_deeply([grep { !-e "$src/core/$_.c" } @units], [],
              'and none that is not there');
}


sub third_party {
    my (@strangers, @calls, @version);

    for my $file (@files) {
        for my $include (@{ $includes{$file} }) {
            for my $header (keys %third_party) {
                push @strangers, basename($file) . ": $include->[1]"
                    if index($include->[1], $header) == 0
                       && !grep { $_ eq basename($file) }
                          @{ $third_party{$header} };
            }
        }

        my $code = code($file);
        push @version, basename($file)
            if $code =~ /\bnginx_version\b/
               && basename($file) ne 'ngx_xc_compat.h';
        next if $file !~ m{/core/};
        push @calls, basename($file) . ": $1"
            while $code =~ /(?<![\w.>])((?:malloc|calloc|realloc|strdup|time
                             |gettimeofday|clock_gettime|printf|fprintf|puts
                             |getenv|syslog)\s*\()/gx;
    }
    is(join("\n", @strangers), '',
       'a third-party header is included only where it is wrapped');
    is(join("\n", @calls), '',
       'the core calls no allocator, clock, printf or getenv');
    is("@version", '', 'nginx_version is tested in ngx_xc_compat.h only');
}


# a file without comments and strings
sub code {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!";
    local $/;
    my $code = <$fh>;
    $code =~ s{/\*.*?\*/|"(?:[^"\\\n]|\\.)*"}{}gs;
    return $code;
}


# nginx names objects by base name across all modules
sub names {
    my @odd = grep { basename($_) !~ /^ngx_xc_\w+\.[ch]$/ }
              glob "$src/nginx/*.[ch]";

    is("@odd", '', 'files of the adapter have its prefix');
}
