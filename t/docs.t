#!/usr/bin/perl

# What the documents and the sample configuration promise: they load, and
# their commands work.  What they say of the sources: t/docs_code.t.

use strict;
use warnings;

use File::Copy qw(copy);
use File::Path qw(make_path);
use JSON::PP;
use Test::More;

use XC::File;
use XC::Nginx;

my $t = XC::Nginx->new;
my $root = $t->root;
my $json = JSON::PP->new->utf8;
my %text = map { substr($_, length "$root/") => slurp($_) }
           map { glob "$root/$_" } qw(*.md docs/*.md conf/*.md);

samples();
readme();
quickstart();
examples();
by_hand();

$t->finish;
done_testing;


# The fenced blocks of a document, of one kind.
sub blocks {
    my ($doc, $kind) = @_;

    return $text{$doc} =~ /^```$kind\n(.*?)^```$/msg;
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
        for qw(xc_proxy_params intake.json policy.json fields.cn-samr.json);
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
    $conf =~ s/^events /pid %%PREFIX%%\/nginx.pid;\nevents /m
        if $conf !~ /^pid |%%GLOBALS%%/m;
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


# docs/quickstart.md, from a running nginx as Debian sets it up to the verified
# log: every command as it stands, in a prefix that stands for /.
sub quickstart {
    my $q = XC::Nginx->new;
    my $prefix = $q->prefix;
    my $out = '';
    my $answers = 0;

    existing($q);
    $q->run;
    while ($text{'docs/quickstart.md'} =~ /^```(\w+)\n(.*?)^```$/msg) {
        my ($kind, $block) = ($1, $2);

        if ($kind eq 'text') {
            my $re = join '.*', map { quotemeta } split /…/, $block, -1;
            my ($name) = $block =~ /(.*)/;
            like($out =~ s/\r//gr, qr/\A$re\z/s, "docs/quickstart.md: $name");
            $answers++;
            next;
        }
        $q->wait_for(sub { ($q->read_file('var/lib/nginx-xc/audit.log') // '')
                           =~ /"decision":"deny"/ }) if $block =~ /^grep /m;
        $out = rooted($q, $block);
        is($? >> 8, 0, 'docs/quickstart.md: ' . ($block =~ /(.*)/)[0])
            or diag($out);
    }
    cmp_ok($answers, '>=', 8, 'docs/quickstart.md shows answers');
    $q->finish;
}


# Debian's nginx.conf, as far as it matters, and the directories around it.  It
# has no module yet.
sub existing {
    my ($q) = @_;
    my $prefix = $q->prefix;

    make_path(map { "$prefix/$_" }
              qw(etc/nginx/conf.d etc/nginx/modules-enabled home tree/build
                 usr/lib/nginx/modules usr/local/bin var/lib));
    symlink "$root/conf", "$prefix/tree/conf";
    symlink $q->module, "$prefix/tree/build/ngx_xc_module.so";
    symlink $q->xcctl, "$prefix/tree/build/xcctl";
    $q->write_file('tree/xc', "#!/bin/sh\n[ \$1 = build ] || [ \$1 = package ]\n",
                   0755);
    symlink 'usr/lib/nginx/modules', "$prefix/modules";
    my $conf = $q->expand(<<'END');
include %%PREFIX%%/etc/nginx/modules-enabled/*.conf;
%%GLOBALS%%

http {
    %%HTTP%%
    include %%PREFIX%%/etc/nginx/conf.d/*.conf;
}
END
    $q->conf($conf =~ s/^load_module .*\n//mr);
}


# With paths led to the prefix, ports to free ones, and what would change this
# machine (packages, services, a build) stood in for.
sub rooted {
    my ($q, $commands) = @_;
    my $prefix = $q->prefix;
    my %port = (443 => $q->port('https'), 8081 => $q->port('back'));

    $commands =~ s{(?<![\w.])/(?=(?:etc|usr|var)/)}{$prefix/}g;
    $commands =~ s{(?<=https://xc\.platform\.example)(?=/)}{:$port{443}}g;
    $commands =~ s{(?<=xc\.platform\.example:)443(?=:)}{$port{443}}g;
    $commands =~ s{\blisten +\K443}{127.0.0.1:$port{443}};
    $commands =~ s{127\.0\.0\.1:\K8081}{$port{8081}}g;
    $q->write_file('step', <<"END" . $commands);
set -e
export HOME=$prefix/home PATH=$prefix/usr/local/bin:\$PATH
nginx() { @{[preload($q)]} $q->{nginx} -p $prefix/ -e $prefix/error.log \\
          -c $prefix/nginx.conf "\$@"; }
curl() { command curl --noproxy '*' --max-time 60 "\$@"; }
apt-get() { [ "\$1" = install ]; }
systemctl() { [ "\$*" = 'reload nginx' ]; }
[ ! -e $prefix/vars ] || . $prefix/vars
cd "\$(cat $prefix/cwd 2>/dev/null || echo $prefix/tree)"
trap 'pwd >$prefix/cwd; declare -p url id vkey >$prefix/vars 2>/dev/null ||:' EXIT
END
    my $out = `bash $prefix/step 2>&1`;
    my $status = $?;
    ok($q->reload, 'nginx takes it')
        if $status == 0 && $commands =~ /^systemctl reload/m;
    $? = $status;
    return $out =~ s{\Q$prefix\E(?=/(?:etc|usr|var)/)}{}gr;
}


# What a module with sanitizers needs of nginx's environment.
sub preload {
    my ($q) = @_;

    return 'command' if !$ENV{XC_PRELOAD};
    my %env = $q->_sanitizer_env;
    return join ' ', 'env', map { "$_='$env{$_}'" } sort keys %env;
}


# docs/credentials.md, block by block, against conf/nginx.conf.
sub by_hand {
    my %state = (policy => $json->decode(slurp("$root/conf/policy.json")));
    my $conf = slurp("$root/conf/nginx.conf");
    my ($plain) = $t->test_conf(here($conf));
    is($plain, 0, 'conf/nginx.conf loads as it stands');

    # the keys, as docs/operations.md makes them and the sample names them
    my ($keys) = grep { /keygen/ } blocks('docs/operations.md', 'sh');
    shell($keys =~ s{/etc/nginx/xc/}{}gr);
    is(scalar($conf =~ s{^ +\K# (?=(?:subject_)?key=)}{}mg), 2,
       'and has the keys to be uncommented');
    is(join(' ', map { sprintf '%04o', (stat $t->path($_))[2] & 07777 }
                     qw(audit.key subject.key)), '0600 0600',
       'which are readable by their owner alone');
    $state{conf} = $conf;
    $t->conf(running($conf));
    $t->run;

    my $ran = 0;
    while ($text{'docs/credentials.md'} =~ /^```(\w+)\n(.*?)^```$/msg) {
        my ($kind, $block) = ($1, $2);
        my $do = { sh => \&example, text => \&answered, json => \&entries,
                   nginx => \&configured }->{$kind};
        $do ? $do->(\%state, $block) : fail("a block of $kind");
        $ran++;
    }
    cmp_ok($ran, '>=', 60, 'docs/credentials.md has examples');
    is(join(' ', grep { !$state{signed}{$_} } algorithms()), '',
       'one of each algorithm');

    like(shell('curl -H "Accept: text/html" '
               . 'https://xc.platform.example/.well-known/xc-intake'),
         qr/<h1>接收协查方式/, 'the intake page is served');
    like(shell('curl https://xc.platform.example/xc/status'),
         qr/"writable":true/, 'and the status, to this host');

    access_log('91310000MA1FL0000N');
    audit();
}


sub running {
    my ($conf) = @_;

    return here($conf) =~ s{127\.0\.0\.1:8081}{127.0.0.1:%%PORT_back%%}gr;
}


sub algorithms {
    my $sources = slurp("$root/ngx_xc_module/core/xc_policy_credential.c");
    my ($list) = $sources =~ /xc_load_algs\[\] = \{(.*?)\};/s;

    return $list =~ /"([\w-]+)"/g;
}


# Commands.  An entry of a credential that they print is kept; what the last
# entries changed is in force before anything is sent.
sub example {
    my ($state, $block) = @_;

    if ($state->{changed} && $block =~ /\bcurl\b/) {
        $t->write_file('policy.json', $json->encode($state->{policy}));
        ok($t->reload, "$state->{changed}: nginx takes it")
            or diag($t->error_log);
        delete $state->{changed};
    }

    # variables stay, as they do in a reader's shell
    my $keep = join ' ', $block =~ /^(\w+)=/mg;
    $state->{out} = shell(
        "[ ! -e vars ] || . ./vars\n$block"
        . ($keep ? "declare -p $keep >>vars\n" : ''));
    $state->{block} = $block;

    for my $line (split /\n/, $state->{out}) {
        my $entry = eval { $json->decode($line) };
        $state->{printed}{ name($entry) } = $entry
            if ref $entry eq 'HASH'
               && ($entry->{type} // '') =~ /^(httpsig|mtls|jwt)$/;
    }
}


sub name {
    my ($entry) = @_;

    return $entry->{keyid} // $entry->{iss} // $entry->{subject}
           // 'spki_sha256';
}


# What the commands before it printed; an ellipsis stands for anything.
sub answered {
    my ($state, $block) = @_;
    my $re = join '.*', map { quotemeta } split /…/, $block, -1;
    my ($name) = $block =~ /(.*)/;
    my @algs = $state->{block} =~ /--alg (\S+)/g;

    like($state->{out}, qr/\A$re\z/,
         join ' ', 'docs/credentials.md:', @algs, $name)
        or diag($state->{block});
    @{ $state->{signed} }{@algs} = (1) x @algs
        if $state->{out} =~ /^\{"id"/;
}


# Entries of the policy: one joins the agency's, or takes its namesake's
# place; a list is all that the agency has.
sub entries {
    my ($state, $block) = @_;
    my $shown = $json->decode($block);

    if (ref $shown eq 'ARRAY') {
        agency($state, $shown->[0])->{credentials} = [];
    }
    for my $entry (ref $shown eq 'ARRAY' ? @$shown : $shown) {
        my $name = name($entry);
        my $printed = $state->{printed}{$name};

        $entry = filled($entry, $printed);
        my $form = $name =~ s/([^!-~])/sprintf '%%%x', ord $1/ger;
        ok($json->encode($entry) !~ /…/
           && !grep({ !exists $entry->{$_} } keys %{ $printed // {} }),
           "$form: the entry is what was printed");
        my $list = agency($state, $entry)->{credentials};
        @$list = ((grep { name($_) ne $name } @$list), $entry);
        $state->{changed} = $form;
    }
}


# With what was printed in place of each ellipsis.
sub filled {
    my ($shown, $printed) = @_;

    return [map { filled($shown->[$_], ref $printed ? $printed->[$_] : undef) }
            0 .. $#$shown] if ref $shown eq 'ARRAY';
    return { map { $_ => filled($shown->{$_}, ref $printed ? $printed->{$_}
                                                           : undef) }
             keys %$shown } if ref $shown eq 'HASH';
    return $shown eq "\x{2026}" && defined $printed ? $printed : $shown;
}


sub agency {
    my ($state, $entry) = @_;
    my ($id) = ($entry->{keyid} // '310115') =~ /^(\d+)/;

    return (grep { $_->{id} eq $id } @{ $state->{policy}{agencies} })[0];
}


# Directives, each where it belongs.
sub configured {
    my ($state, $block) = @_;

    for my $line ($block =~ /^(\w+ .*)$/mg) {
        $line =~ /^xc_/
            ? $state->{conf} =~ s/^ +xc_body_size .*\n\K/$line\n/m
            : $state->{conf} =~ s/^ +ssl_early_data .*\n\K/$line\n/m;
    }
    $t->conf(running($state->{conf}));
    ok($t->reload, 'nginx takes the directives') or diag($t->error_log);
}


# The sample's, after the two requests above and some that are refused.
sub access_log {
    my ($subject) = @_;
    my $at = 'https://xc.platform.example/xc/v1/merchants';
    my $encoded = $subject =~ s/^9/%39/r;
    my @paths = ($subject, "$subject?fields=merchant.name", $encoded,
                 lc $subject, "$subject/orders", "$subject/..", "/$subject");

    # a line comes after its answer: those of intake page and status are last
    $t->wait_for(sub { $t->read_file('xc.log') =~ /(?: "GET "\n[^\n]*){2}\z/ });
    my $before = () = $t->read_file('xc.log') =~ /\n/g;
    my @status = split ' ', shell(join '', map {
        "curl --path-as-is -o /dev/null -w '%{http_code} ' '$at/$_'\n" }
        @paths);
    is(scalar(grep { /^4/ } @status), scalar @paths,
       'unsigned requests are refused') or diag("@status");

    $t->wait_for(sub { my $n = () = $t->read_file('xc.log') =~ /\n/g;
                       $n >= $before + @paths });
    my @lines = split /\n/, $t->read_file('xc.log');
    is(scalar @lines, $before + @paths, 'the access log has a line each');
    ok((grep { m{ 200 allow .*"GET /xc/v1/merchants/\S*[^0-9A-Z/]} } @lines),
       'with the path') or diag(@lines);
    is((grep { /\Q$subject\E|\Q$encoded\E/i } @lines), 0, 'and no merchant')
        or diag(join "\n", @lines);
}


sub audit {
    $t->wait_record(sub { $_[0]{event} eq 'outcome' && $_[0]{seq} >= 4 });

    my ($leaf) = grep { /sha256sum/ } blocks('docs/audit-log.md', 'sh');
    my ($check) = grep { /pkeyutl/ } blocks('docs/audit-log.md', 'sh');
    my ($prove) = grep { /prove/ } blocks('docs/audit-log.md', 'sh');
    my ($keep) = grep { /kept\.note/ && /for note/ }
                 blocks('docs/audit-log.md', 'sh');
    my ($get) = map { m{(curl .*)}g } grep { /cron\.d/ }
                blocks('docs/audit-log.md', 'sh');
    my @records = $t->audit_records;
    my ($hash) = shell('cd state; ' . $leaf =~ s/sed -n 5p/sed -n 2p/r)
                 =~ /^(\w+)/;
    is($hash, $records[2]{prev},
       'the leaf hash of docs/audit-log.md is what "prev" holds');
    # a note that leaves the host, before the log ends
    my $dir = $t->path('notes');
    mkdir $dir or die "$dir: $!";
    $_ =~ s{/var/lib/xc-notes}{$dir}g for $get, $keep;
    shell($get =~ s/\\%/%/gr);
    is(scalar(my @notes = glob "$dir/*Z"), 1, 'a checkpoint is fetched');
    my $intake = $json->decode(shell(
        'curl https://xc.platform.example/.well-known/xc-intake'));
    is($intake->{log}{origin}, 'platform.example/xc-log',
       'the intake document names the log');
    my $vkey = "vkey='$intake->{log}{vkey}'\n";
    $t->stop;

    $t->write_file('verify.pl', blocks('docs/audit-log.md', 'perl'));
    copy($t->path("state/$_"), $t->path($_))
        for qw(audit.log audit.checkpoint audit.checkpoints);
    my $out = shell($vkey . $check);
    my ($root_hash) = $out =~ /\A(.*)/;
    is($root_hash, (split /\n/, $t->read_file('audit.checkpoint'))[2],
       'the verifier of docs/audit-log.md has the root of the checkpoint');
    like($out, qr/^Signature Verified Successfully$/m,
         'and OpenSSL its signature');
    $t->write_file('audit.checkpoint',
        $t->read_file('audit.checkpoint') =~ s/^(\d+)$/$1 + 1/emr);
    unlike(shell($vkey . $check), qr/^Signature Verified Successfully$/m,
           'but not of another one');
    my $line = $t->read_file('audit.log');
    $t->write_file('altered.log', $line =~ s/"merchant"/"merchanT"/r);
    like(shell('perl verify.pl 4 altered.log'), qr/^line \d+: broken$/m,
         'nor an altered line');

    shell($keep);
    my ($verify) = grep { /audit verify/ } blocks('docs/audit-log.md', 'sh');
    $verify =~ s/audit\.log\.2 audit\.log\.1 //;
    unlink $t->path('audit.checkpoint');
    like(shell($vkey . $verify), qr/^audit: \d+ records, chain whole$/m,
         'the chain is whole, and as the note says');

    $prove =~ s/\b17\b/1/g;
    $prove =~ s/\b18p/2p/;
    $prove =~ s{/var/lib/nginx-xc}{state};
    $out = shell($vkey . $prove);
    like($out, qr/^proved: the line is seq 1 /m, 'a line is proved');
    my $asked = grep { $_->{subjects} } @records;
    like($out, qr/^audit: $asked records match$/m, 'a merchant is found');
    like($out, qr/^audit: 0 files would be removed$/m, 'nothing is pruned');
    like($t->read_file('report.html'), qr/<html/, 'and a report is written');
}


# Runs commands as a reader would, with the sample's host led to this test's.
sub shell {
    my ($commands) = @_;
    my $port = $t->port('https');

    $commands =~ s{https://xc\.platform\.example/}
                  {https://xc.platform.example:$port/}g;
    $t->write_file('commands', <<"END" . $commands);
xcctl() { @{[$t->xcctl]} "\$\@"; }
curl() { command curl -sSk --noproxy '*' --max-time 60 \\
         --resolve xc.platform.example:$port:127.0.0.1 "\$\@"; }
cd @{[$t->prefix]}
END
    return scalar `bash @{[$t->path('commands')]} 2>&1`;
}


# Every block of configuration in any document: a whole file, or what stands
# in http, server or location.  Beside it stands a gate, so that what a gate
# checks is checked.
sub examples {
    my $n = 0;

    furnish();
    for my $doc (sort keys %text) {
        my ($i, $others) = (0, '');
        while ($text{$doc} =~ /^ *```(\w*)\n(.*?)^ *```$/msg) {
            my ($kind, $block) = ($1, $2);
            my %refused;

            if ($kind ne 'nginx') {
                $others .= $block if $kind ne 'sh';
                next;
            }
            my @in = $block =~ /^http \{/m ? 'file' : qw(http server location);
            my ($good) = grep {
                my ($status, $out) = $t->test_conf(wrapped($_, $block));
                $refused{$_} = $out if $status != 0;
                $status == 0;
            } @in;
            my $name = "$doc: configuration " . ++$i;

            $n++;
            if (!$good && join('', values %refused) =~ /has no hiredis/) {
                SKIP: { skip "$name: this build has no hiredis", 1 }
                next;
            }
            ok($good, "$name passes nginx -t" . ($good ? " in $good" : ''))
                or diag($block, map { "in $_: $refused{$_}" } sort keys %refused);
        }
        unlike($others, qr/^\s*xc(?:_\w+)?\s[^"{}]*;$/m,
               "$doc: no configuration under another name");
    }
    cmp_ok($n, '>=', 12, 'the documents have examples of configuration');
}


# The files that examples name in /etc/nginx/xc.
sub furnish {
    shell(<<"END");
umask 077
[ -e audit.key ] || xcctl keygen ed25519 >audit.key
[ -e subject.key ] || openssl rand -out subject.key 32
openssl rand -out token.key 32
openssl rand -hex -out fleet.password 32
cp @{[$t->cert]}.crt agencies-ca.pem
chmod 644 agencies-ca.pem
END
}


# A block in its place.
sub wrapped {
    my ($in, $block) = @_;
    my $bare = $block =~ s/^ *#.*\n//mgr;
    my $gate = "location = /a-gate { xc enforce; proxy_pass http://127.0.0.1:9; }";
    my %part = (file => '', http => '', server => '', location => '');

    return here($block) if $in eq 'file';
    $part{$in} = $block;
    my $http = join '', map { "    $_;\n" }
        ($bare =~ /^ *xc_audit\b/m ? () : 'xc_audit'),
        ($in eq 'http' && $bare =~ /^xc_policy\b/m ? ()
            : "xc_policy /etc/nginx/xc/policy.json");
    my $server = $bare =~ /^ *listen\b/m && $in eq 'http' ? '' : <<"END";
    server {
        listen 443 ssl;
        ssl_certificate /etc/nginx/xc/fullchain.pem;
        ssl_certificate_key /etc/nginx/xc/privkey.pem;
        $part{server}
        $gate
        location = /a-place {
            $part{location}
        }
    }
END
    return here("%%GLOBALS%%\nhttp {\n$http$part{http}\n$server}\n");
}
