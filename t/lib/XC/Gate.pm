package XC::Gate;

# What a test of the gate asserts of one request: the answer, the audit
# record, and what the back end saw.  One test a call; its name is the first
# argument after the harness (XC::Nginx).
#
#   my $answer = $t->client->request('GET', $t->policy->query);
#   admitted($t, 'a query', $answer);
#   refused($t, 'unsigned', $answer, 'credential-missing',
#           detail => qr/whole/);

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use JSON::PP;
use Test::More ();
use Time::HiRes qw(sleep time);

use XC::JSON;

our @EXPORT = qw(admitted chain_whole decision decisions nothing_leaked
                 outcome reason reasons refused);

# Refused before an agency is known (unless a call says auth => 1).
my %anonymous = map { $_ => 1 } qw(
    header-reserved path-invalid authority-unknown credential-missing
    credential-unknown credential-expired credential-conflict
    signature-invalid signature-incomplete signature-stale tls-required
    source-not-allowed subrequest-refused early-data token-invalid
    behalf-not-allowed);

# How a 429 names limits: structured fields of strings.
my $limit = qr/"(?:rate|per_day|refusals)"/;

# Not recorded: what could not be written.
my %unrecorded = map { $_ => 1 } qw(audit-unavailable);

my $json = json_coder();
my $reasons;

# names of tests hold Chinese
binmode Test::More->builder->$_, ':encoding(UTF-8)'
    for qw(output failure_output todo_output);


# All reasons of xc_reason.def by code, each {code, status, fault, basis,
# title, title_zh, remedy_zh, at (its place in the file)}; strings are text.
sub reasons {
    my ($t) = @_;

    return $reasons if $reasons;

    my $file = $t->root . '/ngx_xc_module/core/xc_reason.def';
    open my $fh, '<:encoding(UTF-8)', $file or die "$file: $!";
    my $text = do { local $/; <$fh> };
    my $string = qr/"((?:[^"\\]|\\.)*)"/;
    my $unescaped = sub { $_[0] =~ s/\\(.)/$1/gr };

    while ($text =~ /^XC_REASON\(\w+,\s*$string,\s*(\d+),\s*(\w+),\s*(\w+),
                     \s*$string,\s*$string,\s*$string\)/gmx)
    {
        $reasons->{$1} = {
            code => $1, status => $2, fault => $3, basis => lc $4,
            title => $unescaped->($5), title_zh => $unescaped->($6),
            remedy_zh => $unescaped->($7), at => scalar keys %$reasons };
    }

    # one that the expression does not understand must not go unnoticed
    my $n = () = $text =~ /^XC_REASON\(/gm;
    die "$file: read " . keys(%$reasons) . " of $n reasons"
        if $n != keys %$reasons;
    return $reasons;
}


sub reason { (reasons($_[0]))->{$_[1]} // die "no reason $_[1]" }


# A refusal by the gate: status, headers, every member of the problem, its
# audit record, and a back end that saw nothing (since the last admitted();
# seen => so many requests that it may have seen).  Returns the record.
#   detail    regex for detail
#   auth      1 or 0, where the reason alone does not tell whether the agency
#             is known; agency: its id (default that of the key 310115)
#   fields    {field: reason}: exactly these are refused
#   head      1: the answer to HEAD, without a body
#   bare      1: an answer whose headers were not read (XC::H2)
#   record    {member: value or regex} of the record (values compared as JSON
#             where they are references); undef: the member is absent
#   anywhere  1: don't look at the back end
sub refused {
    my ($t, $name, $answer, $code, %o) = @_;
    my @bad;

    if (!$answer) {
        _verdict("$name: $code", {}, 'no answer');
        return;
    }

    my $auth = $o{auth} // ($anonymous{$code} ? 0 : 1);
    my $record;

    _pace($t) if !$auth;

    push @bad, _answer_faults($t, $answer, $code, $auth, \%o);
    if (!$unrecorded{$code}) {
        ($record, my @more) = _record_faults($t, $answer, $code, $auth, \%o);
        push @bad, @more;
    }

    if (!$o{anywhere}) {
        my $seen = $t->backend->count;
        if ($seen != ($o{seen} // 0)) {
            push @bad, "the back end saw $seen requests";
            $t->backend->forget;
        }
    }

    _verdict("$name: $code", $answer, @bad);
    return $record;
}


# An admitted request: 2xx (or status), XC-Record, no-store, a decision that
# allows, one outcome, and exactly one request at the back end (seen => 0:
# don't look), which is then forgotten.  Returns {decision, outcome, seen}.
#   agency, record    as above
#   observed  the reason of a refusal that `xc observe` let go on
sub admitted {
    my ($t, $name, $answer, %o) = @_;
    my @bad;

    if (!$answer) {
        _verdict($name, {}, 'no answer');
        return;
    }

    my $h = $answer->{headers};
    my $status = $o{status} // 200;
    push @bad, "status $answer->{status}, not $status"
        if $answer->{status} != $status;
    push @bad, 'Cache-Control: ' . ($h->{'cache-control'} // 'none')
        if ($h->{'cache-control'} // '') ne 'no-store';

    my ($seq, $leaf) = ($h->{'xc-record'} // '')
                       =~ /^[0-9A-Za-z._-]+:(\d+);leaf=([0-9a-f]{64})$/;
    my ($decision, $outcome);
    if (!defined $seq) {
        push @bad, 'XC-Record: ' . ($h->{'xc-record'} // 'none');
    } else {
        $decision = _find($t, sub { $_[0]{event} eq 'decision'
                                    && $_[0]{seq} == $seq });
        $outcome = _find($t, sub { $_[0]{event} eq 'outcome'
                                   && $_[0]{decision_seq} == $seq });
        push @bad, _allow_faults($t, $decision, $outcome, $leaf, \%o);
    }

    my $seen = {};
    if (!exists $o{seen} || $o{seen}) {
        my @all = $t->backend->requests;
        push @bad, 'the back end saw ' . @all . ' requests' if @all != 1;
        $seen = $all[-1] // {};
        push @bad, 'X-XC-Id is not the record\'s'
            if $decision && ($seen->{h}{'x-xc-id'} // '') ne $decision->{id};
    }
    $t->backend->forget;

    _verdict($name, $answer, @bad);
    return { decision => $decision, outcome => $outcome, seen => $seen };
}


# The decision records with that id, or all (no id).
sub decisions {
    my ($t, $id) = @_;

    return grep { $_->{event} eq 'decision'
                  && (!defined $id || $_->{id} eq $id) } _records($t);
}


# The first decision record that sub is true for, or whose members are the
# hash's; waited for.  undef: none came.
sub decision { _find($_[0], _wanted('decision', $_[1]), $_[2]) }

sub outcome { _find($_[0], _wanted('outcome', $_[1]), $_[2]) }


# The whole log chains: seq without a gap from 0, prev the leaf hash before.
sub chain_whole {
    my ($t, $name) = @_;
    my ($seq, $prev, @bad) = (0, '0' x 64);

    for my $line ($t->audit_lines) {
        my $r = $json->decode($line);
        push @bad, "seq $r->{seq}, not $seq" if $r->{seq} != $seq;
        push @bad, "line $seq: prev does not chain" if $r->{prev} ne $prev;
        last if @bad;
        $prev = sha256_hex("\0$line");
        $seq++;
    }
    push @bad, 'the log is empty' if !$seq;
    return Test::More::is(join("\n", @bad), '', $name // 'the chain is whole');
}


# None of the strings stands in the error log, nor (all => 1) the audit log.
sub nothing_leaked {
    my ($t, $name, $strings, %o) = @_;
    my %logs = ('the error log' => $t->error_log);

    $logs{'the audit log'} = join "\n", $t->audit_lines if $o{all};
    my @bad = map {
        my $s = $_;
        utf8::encode($s) if utf8::is_utf8($s);
        map { "\"$s\" in $_" } grep { index($logs{$_}, $s) >= 0 }
            sort keys %logs;
    } @$strings;
    return Test::More::is(join("\n", @bad), '', $name);
}


sub _verdict {
    my ($name, $answer, @bad) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 2;
    return if Test::More::ok(!@bad, $name);

    my $body = substr $answer->{body} // '', 0, 800;
    utf8::decode($body);
    Test::More::diag(join "\n", @bad, "answer: $body");
}


# Beyond 100 a second unauthenticated refusals are summarised: a test that
# looks at the record of each stays below.
sub _pace {
    my ($t) = @_;
    my $times = $t->{gate_times} //= [];

    push @$times, time;
    return if @$times < 80;

    my $wait = shift(@$times) + 1.1 - time;
    sleep $wait if $wait > 0;
}


sub _answer_faults {
    my ($t, $answer, $code, $auth, $o) = @_;
    my $want = reason($t, $code);
    my $h = $answer->{headers};
    my @bad;

    push @bad, "status $answer->{status}, not $want->{status}"
        if $answer->{status} != $want->{status};

    return @bad, _problem_faults($answer->{json}, $want, $auth, $o)
        if $o->{bare};

    my %exact = ('content-type' => 'application/problem+json',
                 'cache-control' => 'no-store');
    for my $n (sort keys %exact) {
        push @bad, "$n: " . ($h->{$n} // 'none')
            if ($h->{$n} // '') ne $exact{$n};
    }

    my $busy = $want->{status} == 429 || $want->{status} == 503;
    push @bad, 'XC-Record on a refusal' if defined $h->{'xc-record'};
    push @bad, _unless($want->{status} == 401, $h, 'www-authenticate',
                       qr/^Signature\b/);
    push @bad, _unless($want->{status} == 401, $h, 'accept-signature',
                       qr/^\w+=\("\@method" "\@authority" "\@path".*\);/);
    push @bad, _unless($busy, $h, 'retry-after', qr/^[1-9][0-9]*$/);
    push @bad, _unless($want->{status} == 429, $h, 'ratelimit-policy',
                       qr/^$limit;q=[1-9]\d*;w=[1-9]\d*(?:,[ ]$limit;q=[1-9]\d*
                          ;w=[1-9]\d*)*$/x);
    push @bad, _unless($want->{status} == 429, $h, 'ratelimit',
                       qr/^$limit;r=\d+;t=\d+(?:,[ ]$limit;r=\d+;t=\d+)*$/x);

    if ($o->{head}) {
        push @bad, 'a body in the answer to HEAD' if length $answer->{body};
        return @bad;
    }
    return @bad, _problem_faults($answer->{json}, $want, $auth, $o);
}


sub _unless {
    my ($due, $h, $name, $re) = @_;
    my $value = $h->{$name};

    return () if $due ? defined $value && $value =~ $re : !defined $value;
    return $due ? "$name: " . ($value // 'none') : "$name is not due";
}


sub _problem_faults {
    my ($p, $want, $auth, $o) = @_;
    my @bad;

    return 'no problem in JSON' if ref $p ne 'HASH';

    my %exact = (type => "urn:xc:$want->{code}", title => $want->{title},
                 title_zh => $want->{title_zh}, status => $want->{status},
                 contact => '/.well-known/xc-intake');
    if ($auth) {
        @exact{qw(basis remedy_zh)} = @$want{qw(basis remedy_zh)};
    }
    for my $m (sort keys %exact) {
        push @bad, "$m is " . ($p->{$m} // 'absent')
            if ($p->{$m} // '') ne $exact{$m};
    }

    my %match = (instance => qr/^urn:xc:request:[0-9a-f]{32}$/,
                 detail => $o->{detail} // qr/\S/, detail_zh => qr/\S/);
    $match{server_time} = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
        if $want->{code} eq 'signature-stale';
    $match{retry} = qr/^new nonce$/ if $want->{status} == 503;
    for my $m (sort keys %match) {
        push @bad, "$m is " . ($p->{$m} // 'absent')
            if ($p->{$m} // '') !~ $match{$m};
    }

    # nothing about the request's content before the agency is known, and no
    # member that the contract does not have
    my %may = map { $_ => 1 } keys %exact, keys %match,
                              $auth ? 'fields' : ();
    push @bad, map { "a member $_" } grep { !$may{$_} } sort keys %$p;

    if ($o->{fields}) {
        my %got = map { $_->{field} => $_->{reason} } @{ $p->{fields} // [] };
        push @bad, _differs('fields', \%got, $o->{fields});
    }
    return @bad;
}


sub _record_faults {
    my ($t, $answer, $code, $auth, $o) = @_;
    my ($id) = ($answer->{json}{instance} // '') =~ /([0-9a-f]{32})$/;
    my @bad;

    # an answer to HEAD does not name its record: the newest not yet taken
    my $r = defined $id
        ? _find($t, sub { $_[0]{event} eq 'decision' && $_[0]{id} eq $id })
        : $o->{head}
        ? _find($t, sub { $_[0]{event} eq 'decision' && !$_[0]{' taken'}
                          && ($_[0]{reason} // '') eq $code })
        : undef;
    return (undef, 'no record') if !$r;
    $r->{' taken'} = 1;

    my $n = () = decisions($t, $r->{id});
    push @bad, "$n decisions" if $n != 1;

    my %exact = (decision => 'deny', reason => $code, mode => 'enforce');
    for my $m (sort keys %exact) {
        push @bad, "record: $m is " . ($r->{$m} // 'absent')
            if ($r->{$m} // '') ne $exact{$m};
    }
    push @bad, _common_faults($t, $r);
    push @bad, _limit_faults($r);

    if ($auth) {
        my $agency = $o->{agency} // '310115';
        push @bad, 'record: agency is ' . ($r->{agency} // 'absent')
            if ($r->{agency} // '') ne $agency;
        push @bad, map { "record: no $_" }
            grep { !defined $r->{$_} } qw(level credential);
    } else {
        push @bad, map { "record: $_ before authentication" }
            grep { defined $r->{$_} } qw(agency level credential request_no
                                         purpose fields subjects);
    }
    if ($o->{fields}) {
        my %got = map { $_->{field} => $_->{reason} } @{ $r->{refused} // [] };
        push @bad, _differs('record: refused', \%got, $o->{fields});
    }
    return ($r, @bad, _member_faults($r, $o->{record}));
}


sub _allow_faults {
    my ($t, $decision, $outcome, $leaf, $o) = @_;
    my @bad;

    return 'no decision record' if !$decision;
    my %want = $o->{observed}
        ? (decision => 'deny', reason => $o->{observed}, mode => 'observe')
        : (decision => 'allow');
    for my $m (qw(decision reason), $o->{observed} ? 'mode' : ()) {
        push @bad, "record: $m " . ($decision->{$m} // 'absent')
            if ($decision->{$m} // '') ne ($want{$m} // '');
    }
    push @bad, _common_faults($t, $decision), _limit_faults($decision);
    push @bad, 'record: agency is ' . ($decision->{agency} // 'absent')
        if ($decision->{agency} // '') ne ($o->{agency} // '310115');
    push @bad, 'leaf is not the line\'s hash'
        if $leaf ne $decision->{' leaf'};

    push @bad, 'no outcome record' if !$outcome;
    push @bad, 'the outcome is another\'s'
        if $outcome && $outcome->{id} ne $decision->{id};
    return @bad, _member_faults($decision, $o->{record});
}


# What every decision record holds, and no subject's id in it.
sub _common_faults {
    my ($t, $r) = @_;
    my @bad = map { "record: no $_" }
        grep { !exists $r->{$_} }
        qw(seq prev time node id client tls method uri policy);

    push @bad, 'record: the subject stands in uri'
        if ($r->{uri} // '') =~ m{^/xc/v1/merchants/[0-9A-Z]{18}(?:\?|\z)};
    return @bad;
}


# Which limit, where it was one, and whose.
sub _limit_faults {
    my ($r) = @_;
    my $due = ($r->{reason} // '') =~ /^(?:rate|quota)-exceeded$/;
    my $got = $r->{limit};

    return $got ? 'record: a member limit' : () if !$due;
    return 'record: no limit' if ref $got ne 'HASH';

    my %may = map { $_ => 1 } grep { defined }
              map { $r->{$_} } qw(agency via);
    return 'record: the limit is not theirs' if !$may{ $got->{agency} // '' };
    return 'record: limit ' . ($got->{name} // 'without a name')
        if ($got->{name} // '') !~ ($r->{reason} eq 'quota-exceeded'
            ? qr/^per_day$/ : qr/^(?:rate|refusals)$/);
    return;
}


sub _member_faults {
    my ($r, $want) = @_;
    my @bad;

    for my $m (sort keys %{ $want // {} }) {
        my ($w, $got) = ($want->{$m}, $r->{$m});
        if (!defined $w) {
            push @bad, "record: a member $m" if exists $r->{$m};
        } elsif (ref $w eq 'Regexp') {
            push @bad, "record: $m is " . ($got // 'absent')
                if ($got // '') !~ $w;
        } else {
            push @bad, _differs("record: $m", $got, $w);
        }
    }
    return @bad;
}


sub _differs {
    my ($name, $got, $want) = @_;
    my $text = json_coder->utf8(0)->canonical->allow_nonref;

    ($got, $want) = map { $text->encode($_) } $got, $want;
    return $got eq $want ? () : "$name is $got, not $want";
}


sub _wanted {
    my ($event, $want) = @_;

    return sub { $_[0]{event} eq $event && $want->($_[0]) }
        if ref $want eq 'CODE';
    return sub {
        my ($r) = @_;
        return $r->{event} eq $event
               && !grep { !defined $r->{$_} || $r->{$_} ne $want->{$_} }
                  keys %$want;
    };
}


sub _find {
    my ($t, $match, $seconds) = @_;
    my $end = time + ($seconds // 60);
    my $from = 0;

    while (1) {
        my @all = _records($t);
        for my $r (reverse @all[$from .. $#all]) {
            return $r if $match->($r);
        }
        return undef if time > $end;
        $from = @all;
        sleep 0.005;
    }
}


# All records so far; only what was appended since the last call is read.
sub _records {
    my ($t) = @_;
    my $path = $t->state_dir . '/audit.log';
    my $c = $t->{gate_records} //= { inode => 0, offset => 0, list => [] };

    open my $fh, '<:raw', $path or return @{ $c->{list} };
    my $inode = (stat $fh)[1];
    if ($inode != $c->{inode}) {
        @$c{qw(inode offset)} = ($inode, 0);
    }
    seek $fh, $c->{offset}, 0;
    my $text = do { local $/; <$fh> } // '';
    my $end = rindex $text, "\n";
    return @{ $c->{list} } if $end < 0;

    $c->{offset} += $end + 1;
    for my $line (split /\n/, substr $text, 0, $end) {
        my $r = $json->decode($line);
        $r->{' leaf'} = sha256_hex("\0$line");
        push @{ $c->{list} }, $r;
    }
    return @{ $c->{list} };
}

1;
