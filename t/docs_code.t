#!/usr/bin/perl

# The documents are held to the code: what it has is documented (directives,
# parameters, variables, reasons, metrics, xcctl's commands and options, members
# of policy and log), what is documented exists, and links lead somewhere.
# That examples and commands work: t/docs.t.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find qw(find);
use File::Spec;
use JSON::PP;
use Test::More;

use XC::File;

my $root = abs_path(dirname(__FILE__) . '/..');
my $src = "$root/ngx_xc_module";
my $xcctl = $ENV{XC_XCCTL}
            // File::Spec->rel2abs($ENV{XC_BUILD} // "$root/build") . '/xcctl';
my $json = JSON::PP->new->utf8;
my %text = documents();
my %code = (directives => directives(), variables => variables(),
            reasons => reason_codes(), metrics => metric_names(),
            xcctl => xcctl_options());

reasons();
reference();
parameters();
variable_sections();
metrics();
xcctl();
names();
tables();
policy_members();
messages();
links();
files();
done_testing;


# Every Markdown file of the project, by its path.
sub documents {
    my %found;

    find({ no_chdir => 1, wanted => sub {
        my $name = s{^\Q$root\E/?}{}r;
        return $File::Find::prune = 1
            if -d && length $name
               && /\/(?:\.git|build[^\/]*|node_modules|\.pc)$/;
        $found{$name} = slurp($_) if /\.md$/ && -f;
    } }, $root);
    return %found;
}


# Both ways: what the code has and the document lacks, and the reverse.
sub same {
    my ($got, $want, $name) = @_;
    my %got = map { $_ => 1 } @$got;
    my %want = map { $_ => 1 } @$want;

    is(join(' ', map({ "-$_" } grep { !$got{$_} } sort keys %want),
                 map({ "+$_" } grep { !$want{$_} } sort keys %got)),
       '', $name);
}


# What the code has.

sub directives {
    my %bit = (MAIN => 'http', SRV => 'server', LOC => 'location');
    my %of;

    for my $file (glob "$src/nginx/ngx_xc*.c") {
        my ($list) = slurp($file)
            =~ /ngx_command_t +ngx_xc_commands\[\] = \{(.*?)^\s+ngx_null_command/ms
            or next;
        while ($list =~ /ngx_string\("(\w+)"\),\s*([A-Z0-9_|\s]+),/g) {
            my ($name, $flags) = ($1, $2);
            $of{$name} = join ', ', map { $bit{$_} }
                         grep { $flags =~ /NGX_HTTP_${_}_CONF/ }
                         qw(MAIN SRV LOC);
        }
    }
    return \%of;
}


sub variables {
    return { map { $_ => 1 }
             slurp("$src/nginx/ngx_xc_vars.c")
             =~ /\{ ngx_string\("(xc_\w+)"\),/g };
}


sub reason_codes {
    return { map { $_ => 1 } slurp("$src/core/xc_reason.def")
             =~ /^XC_REASON\(\w+, "([a-z-]+)"/mg };
}


sub metric_names {
    my $file = "$src/core/xc_status_prom.c";

    return {} if !-e $file;
    return { map { $_ => 1 } slurp($file) =~ /"(xc_[a-z_]+)(?=["{])/g };
}


# Of each command, by the file that reads its arguments.
sub xcctl_options {
    my %file = (keygen => 'keygen', sign_args => 'sign',
                explain => 'policy explain', replay => 'policy replay',
                verify => 'audit verify', prove => 'audit prove',
                match => 'audit match', report => 'audit report',
                prune => 'audit prune');
    my %of = map { $_ => [] } 'policy check', 'audit check', 'version', 'help';

    for my $path (glob "$src/cli/*.c") {
        my @options = slurp($path)
            =~ /(?:\{ |argv\[i\], )"(--[a-z][a-z0-9-]+)"(?=\)|,)/g;
        my ($unit) = $path =~ /xcctl_(\w+)\.c$/;
        next if !@options;
        BAIL_OUT("$path: of which command are its options?")
            if !defined $unit || !$file{$unit};
        $of{ $file{$unit} } = \@options;
    }
    return \%of;
}


# A section of docs/directives.md, as a reference has it: what stands in its
# table, and the rest.
sub section {
    my ($heading) = @_;
    my ($part) = $text{'docs/directives.md'}
                 =~ /^##+ \Q$heading\E\n(.*?)(?=^##|\z)/ms or return;
    my %row = $part =~ /^\| \*\*(\w+)\*\* \| (.*) \|$/mg;

    $row{text} = $part =~ s/^\| \*\*.*\n//gmr =~ s/^```\w*\n.*?^```\n//gmsr;
    ($row{syntax}) = map { s/\\\|/|/gr } $row{Syntax} // '';
    return \%row;
}


sub reference {
    my @headings = $text{'docs/directives.md'} =~ /^## (xc\w*)$/mg;
    my @listed = $text{'docs/directives.md'} =~ /^\| \[`(xc\w*)`\]/mg;
    my $phases = qr/configuration|PRECONTENT handler|content handler|header filter|log phase/;

    same(\@headings, [keys %{ $code{directives} }],
         'docs/directives.md has a section for every directive, and no other');
    same(\@listed, \@headings, 'and lists them');

    for my $name (sort keys %{ $code{directives} }) {
        my $s = section($name) // {};
        my @forms = ($s->{syntax} // '') =~ /`(.*?)`/g;
        ok(@forms && !(grep { !/^$name[ ;]/ || !/;$/ } @forms),
           "$name: Syntax") or diag($s->{syntax});
        is($s->{Context}, $code{directives}{$name}, "$name: Context");
        like($s->{Default} // '', qr/^(?:–|`$name .*;`$)/, "$name: Default");
        like($s->{Phase} // '', qr/^$phases/, "$name: Phase");
        like($text{'docs/directives.md'},
             qr/^## $name\n(?:(?!^## ).)*^```nginx\n(?:(?!^```).)*^\s*$name[ ;]/ms,
             "$name: an example");
    }
}


# What each directive that takes parameters has, as its file reads them.
sub parameters {
    my %unit = map { $_ => slurp("$src/nginx/ngx_xc_$_.c") }
               qw(conf conf_audit conf_fleet conf_mode status);
    my ($formats) = $unit{status} =~ /formats\[.*?\] = \{(.*?)\}/s;
    my %of = (
        xc_audit => [$unit{conf_audit} =~ /\{ ngx_string\("(\w+)="\)/g],
        xc_fleet => [$unit{conf_fleet} =~ /\{ ngx_string\("(\w+)="\)/g],
        xc_state => [$unit{conf} =~ /ngx_strncmp\(value\[\d\].data, "(\w+)="/g],
        xc => [$unit{conf_mode} =~ /XC_STR\("(\w+)"\)/g,
               $unit{conf_mode} =~ /ngx_strncmp\(value\[\d\].data, "(\w+)="/g],
        xc_status => [$formats =~ /"(\w+)"/g,
                      $unit{status} =~ /ngx_strcmp\(value\[\d\].data, "(\w+)"/g],
        xc_credentials => [slurp("$src/core/xc_policy.c")
                           =~ /\[XC_SCHEME_\w+\] = \{ "(\w+)"/g],
    );
    my %least = (xc_audit => 10, xc_fleet => 3, xc_state => 1, xc => 4,
                 xc_status => 4, xc_credentials => 3);

    for my $name (sort keys %of) {
        my $s = section($name) // {};
        my $list = $s->{text} // '';
        my @syntax = $s->{syntax} =~ /(\w+)(?==)/g;

        cmp_ok(scalar @{ $of{$name} }, '>=', $least{$name},
               "$name: the code has parameters");
        @syntax = words($name, $s->{syntax}) if $name =~ /^xc(?:_status)?$/;
        same(\@syntax, $of{$name}, "$name: its Syntax has them, and no other")
            if $name ne 'xc_credentials';       # which says "scheme"
        my @told = map { s/\(.*\)//r =~ /`(\w+)(?:=\w+)?`/g }
                   $list =~ /^\* (`.*?):/mg;
        # of a section without a list: in a sentence
        @told = $list =~ /`(\w+)`/g if !@told;
        my %told = map { $_ => 1 } @told;
        is(join(' ', grep { !$told{$_} } @{ $of{$name} }), '',
           "$name: each is told");
        next if $list !~ /^\* `/m;
        my %known = map { $_ => 1 } @{ $of{$name} },
                    $s->{syntax} =~ /(\w+)/g;
        is(join(' ', grep { !$known{$_} } @told), '', "$name: and no other");
    }
}


# Of a Syntax of words: each alternative and each parameter.
sub words {
    my ($name, $syntax) = @_;

    return map { grep { $_ ne $name && $_ ne 'time' } /(\w+)/g }
           $syntax =~ /`(.*?)`/g;
}


sub variable_sections {
    my @headings = $text{'docs/directives.md'} =~ /^### \$(xc_\w+)$/mg;

    cmp_ok(scalar keys %{ $code{variables} }, '>=', 10, 'variables');
    same(\@headings, [keys %{ $code{variables} }],
         'docs/directives.md has a section for every variable, and no other');
    for my $name (@headings) {
        my $s = section("\$$name");
        is($s->{Syntax}, "`\$$name`", "\$$name: Syntax");
        ok($s->{Default} && $s->{Context} && $s->{Phase}
           && $s->{text} =~ /[.]\s*$/, "\$$name: what it is");
    }
}


# t/monitoring.t holds types and labels to what /metrics gives.
sub metrics {
    SKIP: {
        skip 'no metrics in this tree: core/xc_status_prom.c', 2
            if !%{ $code{metrics} } || !$text{'docs/metrics.md'};
        cmp_ok(scalar keys %{ $code{metrics} }, '>=', 30, 'metrics');
        same([$text{'docs/metrics.md'} =~ /^\| `(xc_\w+)` \|/mg],
             [keys %{ $code{metrics} }],
             'docs/metrics.md has every metric, and no other');
    }
}


# xcctl help, xcctl(1) and the code have the same commands and options.
sub xcctl {
    my $help = `$xcctl help`;
    my $page = slurp("$root/docs/man/xcctl.1");
    my ($usage) = $help =~ /^usage:\n(.*?)^exit/ms;
    my ($commands) = $page =~ /(^\.TP\n\.B xcctl .*?)^\.SH EXIT/ms;
    my %help = map { /^  xcctl ((?:policy |audit )?\w+)(.*)\z/s }
               split /^(?=  xcctl )/m, $usage;
    my %page = map { /^xcctl ([^\n]+)\n(.*)\z/s } map { s/\\-/-/gr }
               split /^\.TP\n\.B (?=xcctl )/m, $commands;
    my %told = map { $_ => [$help{$_} =~ /(--[a-z][\w-]*)/g] } keys %help;
    my %paged = map { $_ => [$page{$_} =~ /^\.BI? (--[a-z][\w-]*)/mg] }
                keys %page;

    same([keys %told], [keys %{ $code{xcctl} }], 'xcctl help has all commands');
    same([keys %paged], [keys %told], 'xcctl(1) has them');
    for my $command (sort keys %{ $code{xcctl} }) {
        same($told{$command} // [], $code{xcctl}{$command},
             "xcctl help has all options of $command");
        same($paged{$command} // [], $code{xcctl}{$command},
             'xcctl(1) has them');
    }
    my @unused = grep { my $c = $_; !grep { /\b\Q$c\E\b/ } values %text }
                 grep { !/^(?:help|version)$/ } sort keys %told;
    is("@unused", '', 'the documents speak of every command');

    my @wrong;
    for my $doc (sort keys %text) {
        for my $line ($text{$doc} =~ /\bxcctl ((?:policy|audit|sign|keygen) [^\n|;`)]*)/g) {
            my ($command) = $line =~ /^((?:policy |audit )?[a-z]+)/;
            $command =~ s/^(\w+)\s.*/$1/ if $command =~ /^(?:sign|keygen)/;
            my %of = map { $_ => 1 } @{ $code{xcctl}{$command} // ['none'] };
            push @wrong, "$doc: xcctl $line"
                if $of{none} || grep { !$of{$_} } $line =~ /\s(--[a-z][\w-]*)/g;
        }
        push @wrong, map { "$doc: xcctl $_" }
             grep { $_ !~ /^(?:policy|audit|sign|keygen|version|help)$/ }
             $text{$doc} =~ /(?:^|`)xcctl (\w+)/mg;
    }
    is(join("\n", @wrong), '', 'and of none that does not exist');
}


# Names of the project's own that stand in any document.
sub names {
    my %known = map { %{ $code{$_} } } qw(directives metrics);
    my $help = `$root/xc help`;
    my %entry = map { $_ => 1 } $help =~ /^\.\/xc (\w+)/mg;
    my (@vars, @plain, @reasons, @entries);

    $known{xc_proxy_params} = 1;
    $known{$_} = 1 for map { /^(xc_\w+)\(/mg } map { slurp($_) }
                       glob "$root/ngx_xc_module/core/*.c";
    for my $doc (grep { !/^CONTRIBUTING/ } sort keys %text) {
        push @vars, map { "$doc: \$$_" } grep { !$code{variables}{$_} }
                    $text{$doc} =~ /\$(xc_\w+)/g;
        push @plain, map { "$doc: $_" }
                     grep { !$known{$_} && !$known{s/_(?:bucket|sum|count)$//r} }
                     $text{$doc} =~ /`(xc_[a-z_]+)[ ;`]/g;
        push @reasons, map { "$doc: $_" } grep { !$code{reasons}{$_} }
                       $text{$doc} =~ /\b[45]\d\d `([a-z]+(?:-[a-z]+)*)`/g,
                       $text{$doc} =~ /urn:xc:([a-z]+(?:-[a-z]+)+)/g;
    }
    for my $doc (sort keys %text) {
        push @entries, map { "$doc: ./xc $_" } grep { !$entry{$_} }
                       $text{$doc} =~ /(?:^|`)\.\/xc (\w+)/mg;
    }
    is("@vars", '', 'every variable that a document names exists');
    is("@plain", '', 'and every directive and metric');
    is("@reasons", '', 'and every reason');
    is("@entries", '', 'and every command of ./xc');
}


# Paths that a document names, from the project's root or beside it.
sub files {
    my $top = join '|', qw(bench conf debian demo docs ngx_xc_module t tools);
    my (@dead, $n);

    for my $doc (sort keys %text) {
        for my $path ($text{$doc}
                      =~ m{(?<![\w./<*-])((?:$top)/[\w.*/-]*\w|$top/)(?![\w<])}g)
        {
            next if $path =~ m{^t/(?:plain|html)$};
            $n++;
            my $at = dirname($doc);
            push @dead, "$doc: $path"
                if !grep { glob("$_/$path*") && there("$_/$path") }
                   $root, "$root/$at", $src, "$root/t";
        }
    }
    cmp_ok($n, '>=', 40, 'documents name files');
    is(join("\n", @dead), '', 'which exist');
}


sub there {
    my ($pattern) = @_;
    my @found = glob $pattern;

    return scalar grep { -e } @found;
}


sub reasons {
    my $now = `$root/docs/make-reasons`;

    is($? >> 8, 0, 'docs/make-reasons reads every reason');
    is($text{'docs/reasons.md'}, $now,
       'docs/reasons.md is what docs/make-reasons prints');
}


# Names and numbers that stand in the sources and in the documents.
sub tables {
    my $header = slurp("$root/ngx_xc_module/core/xc_policy.h");
    my %max = map { lc } $header =~ /XC_POLICY_LIMIT_(\w+)\s+(\d+)/g;
    cmp_ok(scalar keys %max, '>=', 6, 'the limits of the policy');
    for my $name (sort keys %max) {
        like($text{'docs/policy.md'},
             qr/^\| `$name`.*? \| \d+ \| $max{$name} \|/m,
             "docs/policy.md has the largest $name");
    }

    my %us = slurp("$src/nginx/ngx_xc_pace.c")
             =~ /NGX_XC_(\w+_US)\s+(\d+)/g;
    my ($least, $most, $linger) = map { $_ / 1000 }
        @us{qw(PAUSE_MIN_US PAUSE_MAX_US LINGER_US)};
    like($text{'docs/directives.md'}, qr/\(at least $least ms, at most $most ms\)/,
         'docs/directives.md has how long a worker rests after a batch');
    like($text{'docs/directives.md'}, qr/after $linger ms at the latest/,
         'and how long an outcome may wait');

    my @missing = grep { $text{'docs/policy.md'} !~ /^\| `$_` \| .* \|$/m }
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
