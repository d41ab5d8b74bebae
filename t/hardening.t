#!/usr/bin/perl

# How the module and the tool were compiled and linked, as readelf sees it.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{XC_BUILD} // "$root/build";
my %file = (
    module => $ENV{XC_MODULE} // "$build/ngx_xc_module.so",
    tool   => $ENV{XC_XCCTL} // "$build/xcctl",
);

plan(skip_all => 'no readelf') if !`readelf --version 2>/dev/null`;

for my $name (sort keys %file) {
    my $path = $file{$name};
    my $dynamic = readelf('-d', $path);
    my $headers = readelf('-lW', $path);
    my $symbols = readelf('--dyn-syms -W', $path);

    like($headers, qr/GNU_RELRO/, "$name: relocations become read only");
    like($dynamic, qr/BIND_NOW|FLAGS_1.*\bNOW\b/, "$name: all at the start");
    like($headers, qr/GNU_STACK\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+RW\s/,
         "$name: the stack is not executable");
    unlike($dynamic, qr/TEXTREL|RPATH|RUNPATH/,
           "$name: no relocation of code, no path of its own to libraries");
    like(readelf('-hW', $path), qr/Type:\s+DYN/, "$name: goes anywhere");

  SKIP: {
        skip 'built with sanitizers', 3 if $symbols =~ /__asan_init/;
        like($symbols, qr/__stack_chk_fail/, "$name: guards of the stack");
        like($symbols, qr/__\w+_chk\b(?!_fail)/, "$name: _FORTIFY_SOURCE");
        skip 'another processor', 1 if `uname -m` !~ /^(?:x86_64|i\d86)$/;
        like(endbr($path), qr/endbr/, "$name: marks of jump targets");
    }
}

done_testing;


sub readelf {
    my ($what, $path) = @_;
    my $out = `readelf $what '$path' 2>/dev/null`;

    die "readelf $what $path" if $?;
    return $out;
}


# The linker drops the note that says so where one object lacks it, such as the
# compiler's own.
sub endbr {
    my ($path) = @_;

    return scalar `objdump -d --no-show-raw-insn '$path' | grep -m 1 -E -A 1 '(xc_heap_alloc|ngx_xc_postconfiguration)>:'`;
}
