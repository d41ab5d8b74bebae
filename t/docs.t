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
policy_members();
links();
samples();
readme();
messages();
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
    my $conf = join '', map { slurp($_) }
               glob "$root/ngx_xc_module/nginx/ngx_xc_conf*.c";
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

    @missing = grep { $text{'docs/policy.md'} !~ /^\| `$_` \| .* \|$/m }
               map { slurp("$root/ngx_xc_module/core/xc_policy_$_.c")
                     =~ /XC_MEMBER\("(?!file"|keys")(\w+)"/g }
               qw(credential mtls jwt);
    is("@missing", '', 'docs/policy.md has every member of a credential');

    my %used = map { $_ => 1 } $text{'docs/audit-log.md'} =~ /`(\w+)`/g;
    my $record = slurp("$root/ngx_xc_module/core/xc_record.c");
    my @members = $record =~ /^    XC_RECORD_MEMBER\("(\w+)"/mg;
    cmp_ok(scalar @members, '>=', 35, 'the members of a record');
    @missing = grep { !$used{$_} } @members;
    is("@missing", '', 'docs/audit-log.md names every member of a decision');

    # of all other records: what is written with its name and colon
    my %others = map { $_ => 1 }
        map { slurp($_) =~ /\\"(\w+)\\":/g }
        map { glob "$root/ngx_xc_module/$_" }
        qw(core/xc_record*.c core/xc_journal_batch.c nginx/ngx_xc_state*.c
           cli/xcctl_prune*.c);
    cmp_ok(scalar keys %others, '>=', 30, 'the members of other records');
    @missing = grep { !$used{$_} } sort keys %others;
    is("@missing", '', 'docs/audit-log.md names them');

    my $causes = slurp("$root/ngx_xc_module/core/xc_journal_batch.c");
    @missing = grep { $text{'docs/audit-log.md'} !~ /`$_`/ }
               $causes =~ /^ +\[XC_JOURNAL_\w+\] = "([\w-]+)"/mg;
    is("@missing", '', 'and every cause of a recover record');

    my $main = slurp("$root/ngx_xc_module/cli/xcctl.c");
    my ($audit) = $main =~ /"audit", xcctl_audit,(.*?)\},/s;
    @missing = grep { $text{'docs/audit-log.md'} !~ /(?:audit |`)$_\b/ }
               $audit =~ /\baudit (\w+)/g;
    is("@missing", '', 'and every command of xcctl audit');
    @missing = grep { $text{'docs/audit-log.md'} !~ /$_\b/ }
               $audit =~ /(--\w[\w-]*)/g;
    is("@missing", '', 'and their options');
}


# The tables of docs/policy.md have the members of the policy's schema, each in
# its section, with its default.  That the schema has those of the loader is
# shown by t/schema.t.
sub policy_members {
    my $schema = $json->decode(slurp("$root/conf/schema/policy.schema.json"));
    my %of = ('The file' => [], purposes => ['purpose'], fields => ['field'],
              include => ['dictionary'], subject_types => ['subject_type'],
              operations => ['operation'], 'body and query' => ['body_map'],
              grants => ['grant', 'held_grant'], rates => ['rate'],
              agencies => ['agency'], approvals => ['approval'],
              map { $_ => [$_] } qw(signature limits patterns httpsig mtls jwt
                                    on_behalf_of));
    my %closed = map { $_ => 1 }
        grep { JSON::PP::is_bool($schema->{'$defs'}{$_}{additionalProperties}) }
        keys %{ $schema->{'$defs'} };

    # told in words, or with the same members as body_map
    delete @closed{qw(body_like query file jwks subject), map { @$_ } values %of};
    is(join(' ', keys %closed), '', 'docs/policy.md has a section for each');

    for my $section (sort keys %of) {
        my @defs = @{ $of{$section} }
            ? map { $schema->{'$defs'}{$_} } @{ $of{$section} } : $schema;
        my %want = map { %{ $_->{properties} } } @defs;
        my ($part) = $text{'docs/policy.md'}
            =~ /^##+ \Q$section\E\n(.*?)(?=^##|\z)/ms;
        my %row = ($part // '') =~ /^\| `(\w+)`[^|]*((?:\|[^|\n]*)*)$/mg;
        is(join(' ', sort keys %row), join(' ', sort keys %want),
           "docs/policy.md: the members of $section");

        my @wrong = grep {
            my $d = $want{$_}{default};
            $d = $d ? 'true' : 'false' if JSON::PP::is_bool($d);
            defined $d && $row{$_} !~ /\| `?\Q$d\E`? \|/;
        } grep { exists $row{$_} } sort keys %want;
        is("@wrong", '', 'and their defaults');
    }
}


# The lines of the error log that docs/operations.md explains are those that
# the module writes.
sub messages {
    my %name = (XC_JOURNAL_LOG => 'audit.log', XC_JOURNAL_HEAD => 'audit.head',
                XC_STR_FMT => '%s');
    my $source = join '', map { slurp($_) }
                 glob("$root/ngx_xc_module/core/xc_journal*.c"),
                 glob("$root/ngx_xc_module/nginx/*.c");

    $source =~ s/\\"/\x01/g;
    $source =~ s/" *(XC_[A-Z_]+) *\n? *"/$name{$1} \/\/ "$1"/ge;
    $source =~ s/"\s*"//g;
    $source =~ tr/\x01/"/;

    my ($section) = $text{'docs/operations.md'}
                    =~ /^## What the error log says of the log\n(.*?)^###/ms;
    my @said = map { /`(.*?)`/g } $section =~ /^\| (`.*?) \| /mg;
    my @not = grep { index($source, $_) < 0 }
              grep { /\S/ } map { s/^[ ;]+| +$//gr } map { split /…/ } @said;

    cmp_ok(scalar @said, '>=', 15, 'docs/operations.md has messages');
    is_deeply(\@not, [], 'which are in the sources');
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


# docs/credentials.md, block by block, against conf/nginx.conf.
sub by_hand {
    my %state = (policy => $json->decode(slurp("$root/conf/policy.json")));
    my $conf = slurp("$root/conf/nginx.conf");
    my ($plain) = $t->test_conf(here($conf));
    is($plain, 0, 'conf/nginx.conf loads as it stands');

    # the keys, as docs/operations.md makes them and the sample names them
    my ($keys) = blocks('docs/operations.md', 'sh');
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

    my $before = () = $t->read_file('xc.log') =~ /\n/g;
    my @status = split ' ', shell(join '', map {
        "curl --path-as-is -o /dev/null -w '%{http_code} ' '$at/$_'\n" }
        @paths);
    is(scalar(grep { /^4/ } @status), scalar @paths,
       'unsigned requests are refused') or diag("@status");

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
curl() { command curl -sSk --noproxy '*' --max-time 10 \\
         --resolve xc.platform.example:$port:127.0.0.1 "\$\@"; }
cd @{[$t->prefix]}
END
    return scalar `bash @{[$t->path('commands')]} 2>&1`;
}
