#!/usr/bin/perl

# What the documents and the sample configuration promise: they load, their
# commands work, their tables say what the sources say, their links lead
# somewhere.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use JSON::PP;
use Test::More;

use XC::Nginx;

my $t = XC::Nginx->new;
my $root = $t->root;
my $json = JSON::PP->new->utf8;
my %text = map { substr($_, length "$root/") => slurp($_) }
           map { glob "$root/$_" } qw(*.md docs/*.md conf/*.md);

reasons();
tables();
links();
samples();
readme();
by_hand();

$t->finish;
done_testing;


sub slurp {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!";
    local $/;
    return scalar <$fh>;
}


# The fenced blocks of a document, of one kind.
sub blocks {
    my ($doc, $kind) = @_;

    return $text{$doc} =~ /^```$kind\n(.*?)^```$/msg;
}


sub reasons {
    my $now = `$root/docs/make-reasons`;

    is($? >> 8, 0, 'docs/make-reasons reads every reason');
    is($text{'docs/reasons.md'}, $now,
       'docs/reasons.md is what docs/make-reasons prints');
}


# Names and numbers that stand in the sources and in the documents.
sub tables {
    my $doc = $text{'docs/directives.md'};
    my $conf = slurp("$root/ngx_xc_module/nginx/ngx_xc_conf.c");
    my $vars = slurp("$root/ngx_xc_module/nginx/ngx_xc_vars.c");
    my @missing = grep { $doc !~ /`\Q$_\E\b/ }
                  $conf =~ /\{ ngx_string\("(xc\w*)"\),/g;

    is("@missing", '', 'docs/directives.md names every directive');

    @missing = grep { $doc !~ /`\Q$_\E`/ }
               $conf =~ /\{ ngx_string\("(\w+=)"\),/g;
    @missing = grep { $doc !~ /`\Q@{[substr $_, 0, -1]}\E[`=]/ } @missing;
    is("@missing", '', 'and every parameter');

    @missing = grep { $doc !~ /`\$\Q$_\E`/ }
               $vars =~ /\{ ngx_string\("(xc_\w+)"\),/g;
    is("@missing", '', 'and every variable');

    my $header = slurp("$root/ngx_xc_module/core/xc_policy.h");
    my %max = map { lc } $header =~ /XC_POLICY_LIMIT_(\w+)\s+(\d+)/g;
    cmp_ok(scalar keys %max, '>=', 6, 'the limits of the policy');
    for my $name (sort keys %max) {
        like($text{'docs/policy.md'},
             qr/^\| `$name`.*? \| \d+ \| $max{$name} \|/m,
             "docs/policy.md has the largest $name");
    }

    my %used = map { $_ => 1 } $text{'docs/audit-log.md'} =~ /`(\w+)`/g;
    my $record = slurp("$root/ngx_xc_module/core/xc_record.c");
    @missing = grep { !$used{$_} } $record =~ /^    \{ "(\w+)", \w+, xc_/mg;
    is("@missing", '', 'docs/audit-log.md names every member of a decision');
}


sub links {
    my @dead;

    for my $doc (sort keys %text) {
        for my $link ($text{$doc} =~ /\]\(([^)\s]+)\)/g) {
            next if $link =~ /^https?:/;
            my ($file, $anchor) = split /#/, $link;
            my $path = !length $file ? $doc
                       : dirname($doc) eq '.' ? $file
                       : join '/', dirname($doc), $file;
            1 while $path =~ s{[^/]+/\.\./}{};

            push @dead, "$doc: $link" if !-e "$root/$path";
            push @dead, "$doc: $link"
                if defined $anchor && defined $text{$path}
                   && !grep { $_ eq $anchor } anchors($text{$path});
        }
    }
    is_deeply(\@dead, [], 'every link leads somewhere');
}


sub anchors {
    my ($doc) = @_;

    return map { my $h = lc; $h =~ s/[^\w -]//g; $h =~ tr/ /-/; $h }
           $doc =~ /^#+ (.*)$/mg;
}


sub samples {
    my $out = `@{[$t->xcctl]} policy check $root/conf/policy.json 2>&1`;

    is($?, 0, 'conf/policy.json loads');
    like($out, qr/warnings 0$/m, 'without a warning');

    my %kinds = map { $_ => 1 }
                slurp("$root/conf/xc_proxy_params") =~ /^(\w+)/mg;
    is(join(' ', sort keys %kinds), 'proxy_hide_header proxy_ignore_headers '
       . 'proxy_pass_request_headers proxy_set_header',
       'conf/xc_proxy_params holds the four kinds of directives, no other');

    copy("$root/conf/$_", $t->path($_))
        for qw(xc_proxy_params intake.json policy.json);
}


# A configuration as a user would paste it, in this test's prefix.
sub here {
    my ($conf) = @_;
    my $back = $t->backend->port;

    $conf =~ s{modules/ngx_xc_module\.so}{%%MODULE%%};
    $conf =~ s{^user .*}{}m if $> != 0;
    $conf =~ s{/var/lib/nginx-xc}{%%STATE%%}g;
    $conf =~ s{/var/log/nginx|/run(?=/nginx)}{%%PREFIX%%}g;
    $conf =~ s{/etc/nginx/xc/fullchain\.pem}{%%CERT%%};
    $conf =~ s{/etc/nginx/xc/privkey\.pem}{%%KEY%%};
    $conf =~ s{/etc/nginx/xc/}{%%PREFIX%%/}g;
    $conf =~ s{^ *listen +\[::\].*\n}{}m;
    $conf =~ s{listen +443}{listen 127.0.0.1:%%PORT_https%%};
    $conf =~ s/^http \{\n\K/    xc_state %%STATE%%;\n/m
        if $conf !~ /xc_state/;
    $conf =~ s/^http \{\n\K/    %%HTTP%%\n/m;
    return $conf;
}


sub readme {
    my ($conf) = blocks('README.md', 'nginx');

    cmp_ok($conf =~ tr/\n//, '<=', 14, 'the README has a short configuration');
    $conf = here($conf);
    $conf =~ s{127\.0\.0\.1:8081}{%%BACKEND%%};
    my ($status, $out) = $t->test_conf($conf);
    is($status, 0, 'which loads') or diag($out);
    unlike($out, qr/\[warn\].*xc/, 'without a warning of the module');
}


# docs/credentials.md, command by command, against conf/nginx.conf.
sub by_hand {
    my ($keygen, $query, $submit) = blocks('docs/credentials.md', 'sh');
    my $entry = shell($keygen);
    my $policy = $json->decode(slurp("$root/conf/policy.json"));

    is((stat $t->path('agency.key'))[7] > 0, 1, 'a key is made');
    my $credential = eval { $json->decode($entry) };
    is(ref $credential, 'HASH', 'and its entry for the policy') or return;
    my ($shown) = blocks('docs/credentials.md', 'json');
    is(join(' ', sort keys %{$json->decode($shown)}),
       join(' ', sort keys %$credential), 'of the form that is shown');

    $policy->{agencies}[0]{credentials} = [$credential];
    $t->write_file('policy.json', $json->encode($policy));

    my $conf = here(slurp("$root/conf/nginx.conf"));
    $conf =~ s{127\.0\.0\.1:8081}{127.0.0.1:%%PORT_back%%}g;
    $t->conf($conf);
    $t->run;

    like(shell($query), qr/"fields":"merchant\.name,merchant\.address"/,
         'the query in docs/credentials.md gets its answer');
    like(shell($submit), qr/"fields":"merchant\.name,transaction\.payment"/,
         'and so does the submission');
    like(shell('curl -H "Accept: text/html" '
               . 'https://xc.platform.example/.well-known/xc-intake'),
         qr/<h1>接收协查方式/, 'the intake page is served');
    like(shell('curl https://xc.platform.example/xc/status'),
         qr/"writable":true/, 'and the status, to this host');

    audit();
}


sub audit {
    $t->wait_record(sub { $_[0]{event} eq 'outcome' && $_[0]{seq} >= 4 });

    my ($leaf) = grep { /sha256sum/ } blocks('docs/audit-log.md', 'sh');
    my @records = $t->audit_records;
    my ($hash) = shell('cd state; ' . $leaf =~ s/sed -n 5p/sed -n 2p/r)
                 =~ /^(\w+)/;
    is($hash, $records[2]{prev},
       'the leaf hash of docs/audit-log.md is what "prev" holds');
    like(shell('xcctl audit verify state/audit.log'),
         qr/^audit: \d+ records, chain whole$/m, 'and the chain is whole');
}


# Runs commands as a reader would, with the sample's host led to this test's.
sub shell {
    my ($commands) = @_;
    my $port = $t->port('https');

    $commands =~ s{https://xc\.platform\.example/}
                  {https://xc.platform.example:$port/}g;
    $t->write_file('commands', <<"END" . $commands);
xcctl() { @{[$t->xcctl]} "\$\@"; }
curl() { command curl -sSk --noproxy '*' --max-time 10 \\
         --resolve xc.platform.example:$port:127.0.0.1 "\$\@"; }
cd @{[$t->prefix]}
END
    return scalar `bash @{[$t->path('commands')]} 2>&1`;
}
