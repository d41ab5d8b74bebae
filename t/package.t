#!/usr/bin/perl

# What can be told of the Debian packages without building them; ./xc package
# builds, and with --chroot installs them.

use strict;
use warnings;

use File::Copy qw(copy);
use Test::More;

use XC::File;
use XC::Nginx;

my $t = XC::Nginx->new;
my $root = $t->root;
my $src = "$root/ngx_xc_module";
my ($version) = slurp("$src/core/xc_base.h") =~ /define XC_VERSION +"(.*)"/;

# the packages that have what is linked
my %package_of = (
    jansson   => 'libjansson-dev',
    'pcre2-8' => 'libpcre2-dev',
    crypto    => 'libssl-dev',
    hiredis   => 'libhiredis-dev',
    pthread   => undef,                 # the C library's
);

changelog();
depends();
files();
scripts();
old_module();
site();
pages();
page_names();

$t->finish;
done_testing;


sub have {
    my ($program) = @_;

    return !system "command -v $program >/dev/null 2>&1";
}


sub changelog {
    my ($changes) = slurp("$root/CHANGES") =~ /^Changes with ngx_xc (\S+)/;

    is($changes, $version, 'CHANGES begins with this version');

    SKIP: {
        skip 'no dpkg-parsechangelog here', 2
            if !have('dpkg-parsechangelog');
        my $out = `dpkg-parsechangelog --all -l '$root/debian/changelog' 2>&1`;
        is($? >> 8, 0, 'debian/changelog can be read') or diag($out);
        like($out, qr/^Version: \Q$version\E$/m, 'and is of this version');
    }
}


sub depends {
    my ($depends) = slurp("$root/debian/control")
                    =~ /^Build-Depends: (.*?)^\S/ms;
    my %depends = map { $_ => 1 } $depends =~ /([\w.+-]+)(?: \(.*?\))?,?\s/g;
    my %linked = map { $_ => 1 }
                 map { /(?<![\w-])-l([\w-]+)/g }
                 map { /^(?:LIBS|.*\bngx_module_libs)\b.*=(?:.*\\\n)*.*/mg }
                 map { slurp("$root/$_") } qw(config Makefile);
    my @wanted = map { exists $package_of{$_} ? $package_of{$_} // ()
                                              : "the package of -l$_" }
                 sort keys %linked;

    cmp_ok(scalar keys %linked, '>=', 4, 'the libraries that are linked');
    is(join(' ', grep { !$depends{$_} } @wanted), '',
       'debian/control has the package of each');

    # gcc and make are there wherever packages are built
    my ($needed) = slurp("$root/xc") =~ /^pkgs_build="(.*?)"/ms;
    is(join(' ', grep { !$depends{$_} } $needed =~ /\b(lib(?!c6)\S+-dev|zlib\S+)/g),
       '', 'and of what ./xc build installs');
}


# What debhelper's lists name, but for what the build makes.
sub files {
    my @missing;

    for my $list (glob "$root/debian/*.{install,docs,examples,manpages}") {
        for my $line (grep { /\S/ } split /\n/, slurp($list)) {
            my ($file) = split ' ', $line;
            next if $file =~ m{^(?:debian/build|usr/lib)/};
            push @missing, $file if !grep { -e } glob "$root/$file";
        }
    }
    is("@missing", '', 'all that is to be installed is there');
}


sub scripts {
    my @scripts = glob "$root/debian/*.{postinst,postrm} $root/debian/make-site";

    is(scalar @scripts, 3, 'scripts');
    for my $script (@scripts) {
        my $out = `sh -n '$script' 2>&1`;
        is($?, 0, "$script can be read") or diag($out);
    }
    like(slurp("$root/debian/libnginx-mod-xc.postrm"),
         qr/^(?!.*\brm\b)/s, 'nothing is removed that dpkg does not know');
}


# Exit status of postinst, and what it says, where invoke-rc.d does this.
sub configured {
    my ($invoke, $test, @args) = @_;
    my $bin = $t->path('bin');

    mkdir $bin;
    $t->write_file('bin/invoke-rc.d', "#!/bin/sh\n$invoke\n", 0755);
    $t->write_file('bin/nginx', "#!/bin/sh\n$test\n", 0755);
    local $ENV{PATH} = "$bin:$ENV{PATH}";
    my $out = `sh '$root/debian/libnginx-mod-xc.postinst' @args 2>&1`;
    return ($? >> 8, $out);
}


# Who goes on with a module that has been replaced is told of where nothing
# makes a new master: here a process that maps a file of that name.
sub old_module {
    my ($library) = map { m{=> (/\S*libjansson\S*)} } `ldd '$t->{module}'`;
    my ($status, $out);

  SKIP: {
        skip 'a module of the package is in use here', 1
            if !system q(grep -qs '/usr/lib/nginx/modules/ngx_xc_module\.so$')
                       . ' /proc/[0-9]*/maps';

        my $file = $t->path('ngx_xc_module.so');
        copy($library, $file) or die "$library: $!";
        my $pid = fork() // die "fork: $!";
        if (!$pid) {
            $ENV{LD_PRELOAD} = $file;
            exec 'sleep', 600;
        }
        $t->wait_for(sub { slurp("/proc/$pid/maps") =~ /\Q$file\E$/m })
            or die "$file is not mapped";
        unlink $file;

        my $told = qr/go on with the old module.*\b$pid\b.*start it again/s;
        for my $case (
            ['init knows no nginx', 'exit 3', 0],
            ['neither upgrade nor restart', 'case "$*" in *status) exit 0;;'
             . ' esac; exit 1', 1],
            ['policy-rc.d denies it', 'exit 0', 0])
        {
            my ($what, $invoke, $want) = @$case;
            ($status, $out) = configured($invoke, 'exit 0', 'configure', '0.1');
            is($status, $want, "postinst: $what");
            like($out, $told, "postinst: $what: who has the old module, and"
                              . ' what to do');
        }
        ($status, $out) = configured('exit 0', 'exit 1', 'configure', '0.1');
        is($status, 0, 'postinst: a configuration that is refused');
        like($out, qr/Put the\s+configuration right/, 'postinst: is told');
        ($status, $out) = configured('exit 3', 'exit 0', 'abort-upgrade', 1);
        is("$status $out", '0 ', 'postinst: nothing but at configure');

        kill 'KILL', $pid;
        waitpid $pid, 0;
        ($status, $out) = configured('exit 3', 'exit 0', 'configure', '0.1');
        is($status, 0, 'postinst: nobody has it');
        unlike($out, qr/\b$pid\b/, 'postinst: nobody is named');
    }
}


# The sample for Debian's own nginx.conf is made of conf/nginx.conf.
sub site {
    my $site = `sh '$root/debian/make-site' <'$root/conf/nginx.conf'`;

    is($?, 0, 'the sample site is made');
    is(join(' ', $site =~ m{^\s*(?:xc_policy|xc_intake|include)\s++([^/]\S*)}mg),
       '', 'with no relative name');

    for my $file (glob "$root/conf/*") {
        copy($file, $t->prefix) or die "$file: $!" if -f $file;
    }
    my @sets = (
        [qr{/etc/nginx/xc/fullchain\.pem} => '%%CERT%%'],
        [qr{/etc/nginx/xc/privkey\.pem}   => '%%KEY%%'],
        [qr{/etc/nginx/xc/}               => '%%PREFIX%%/'],
        [qr{/var/lib/nginx-xc}            => '%%STATE%%'],
        [qr{/var/log/nginx/xc\.log}       => '%%PREFIX%%/sample.log'],
        [qr{listen  443}                  => 'listen  127.0.0.1:%%PORT_https%%'],
        [qr{^\s*listen  \[::\]:443.*$}m   => ''],
        [qr{127\.0\.0\.1:8081}            => '127.0.0.1:%%PORT_up%%'],
    );
    for my $set (@sets) {
        my ($re, $to) = @$set;
        ok($site =~ s/$re/$to/g, "it has $re");
    }
    my $temp = join ' ', map { "${_}_temp_path %%PREFIX%%/$_;" }
                         qw(client_body proxy fastcgi uwsgi scgi);
    my ($status, $out) = $t->test_conf(
        "load_module %%MODULE%%;\npid %%PREFIX%%/site.pid;\nevents {}\n"
        . "http {\n$temp\n$site\n}\n");
    is($status, 0, 'it passes nginx -t') or diag($out);
}


# Each by whichever of the programs is here.
sub pages {
    my %program = (
        groff  => 'groff -man -Tutf8 -ww -z',
        man    => 'man --warnings -E UTF-8 -l',
        mandoc => 'mandoc -T lint -W warning',
    );

    for my $page (glob "$root/docs/man/*") {
        my ($name) = $page =~ m{([^/]+)$};
        my ($of) = slurp($page) =~ /^\.TH .*"ngx_xc (\S+)"/m;

        is($of, $version, "$name is of this version");
        for my $program (sort keys %program) {
            SKIP: {
                skip "no $program here", 1 if !have($program);
                my $out = `$program{$program} '$page' 2>&1 >/dev/null`;
                is($out, '', "$program: $name");
            }
        }
    }
}


sub same_names {
    my ($name, $got, $expected) = @_;

    cmp_ok(scalar @$expected, '>=', 5, "$name: there are some");
    is_deeply([sort @$got], [sort @$expected], $name);
}


sub page_names {
    my @directives = slurp("$root/docs/directives.md") =~ /^\| \[`(xc\w*)`\]/mg;
    my ($synopses) = slurp("$src/cli/xcctl.c")
                     =~ /xcctl_commands\[\] = \{(.*?)^\};/ms;
    my %seen;
    my @commands = grep { !$seen{$_}++ }
                   $synopses =~ /(?:, *\n? *"|\bxcctl )((?:policy |audit )?[a-z]+)\b/g;

    same_names('ngx_xc_module(7) has every directive',
               [slurp("$root/docs/man/ngx_xc_module.7") =~ /^\.B (xc\w*)$/mg],
               \@directives);
    same_names('xcctl(1) has every command',
               [slurp("$root/docs/man/xcctl.1") =~ /^\.TP\n\.B xcctl (.*)$/mg],
               \@commands);
}
