package XC::Soak::Verdict;

# What is asserted of a soak when it has ended: each answer is one that its
# request may have, requests = records, the log is whole, and the error log has
# no line but those that what happened must leave.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP;
use Test::More;

use XC::Chain;
use XC::Soak;

# What may stand in the error log, below [alert], [crit] and [emerg], which may
# not; and why.
my $policy_line = any('stands in the policy itself', 'holds the same secret',
                      'credential expired-1 expired');
my @allowed = (
    [notice => '^(?:nginx/|OS: |built by|getrlimit|using |signal '
               . '|start worker|start new binary process'
               . '|reconfiguring|gracefully|exit|shutting down|changing binary'
               . '|worker process \d+ exited with code 0$'
               . '|cache manager process)',
     'nginx says that it starts, reloads, upgrades, ends'],
    [notice => '^xc_fleet: the store \S+ is in use, its run is',
     'a worker has its connection to Redis'],
    [warn => "^\\S+(?:policy|tls)\\.json: agencies\\S+ $policy_line",
     'the policy has secrets in it, and a credential that is over'],
    [warn => 'is buffered to a temporary file',
     'bodies and answers larger than a buffer'],
    [error => 'connect\(\) failed \(111', 'the back end is dead'],
    [error => '(?:recv|writev|sendfile|send)\(\) failed \((?:104|32): .*'
              . '(?:upstream|request)',
     'the back end died, or closes over a request'],
    [error => 'upstream prematurely closed connection while reading',
     'the back end drops, cuts, or died'],
    [error => 'upstream timed out .* while reading', 'the back end stalls'],
    [error => 'upstream sent (?:no valid HTTP|too big header)',
     'the back end answers garbage'],
    [error => "xc: the back end's answer 103 is not the last", 'so it says'],
    [error => 'xc: refused: starting \(503\)', 'a store that is new'],
);


# t (XC::Nginx), began (a time), vkey (of the log), rotations, reloads, windows
# [{kind, from, to}] during which some answers may differ, outs (the clients'
# files).
sub new {
    my ($class, %o) = @_;
    my $self = bless { %o }, $class;

    $self->{rows} = [$self->_answers];
    $self->{records} = $self->_records;
    return $self;
}


# What the clients saw.
sub _answers {
    my ($self) = @_;
    my @rows;

    for my $out (@{ $self->{outs} }) {
        open my $fh, '<', $out or die "$out: $!";
        while (my $line = <$fh>) {
            my %r;
            @r{qw(case began ended status reason ref flags)} = split ' ', $line;
            $r{flags} //= '';
            push @rows, \%r;
        }
    }
    return grep { $_->{case} !~ /-rude$/ } @rows;
}


sub _within {
    my ($self, $row, $kind) = @_;

    return scalar grep { $_->{kind} =~ $kind && $_->{from} < $row->{ended}
                         && $_->{to} > $row->{began} } @{ $self->{windows} };
}


# Each answer is one that its request may have.
sub expected {
    my ($self) = @_;
    my @rows = @{ $self->{rows} };
    my (%bad, %counts);

    for my $r (@rows) {
        my $got = "$r->{status} $r->{reason}";
        my $want = XC::Soak::want($r->{case});

        $counts{$r->{case}}++;
        next if $want && $got =~ $want && $r->{flags} !~ /mixed/
                && ($r->{flags} !~ /truncated/
                    || $r->{case} =~ /^(?:cut|halt)$/
                    || $self->_within($r, qr/dead/));
        next if $self->_excused($r, $got);
        push @{ $bad{"$r->{case}: $got $r->{flags}"} },
            $r->{began} - $self->{began};
    }
    is(join("\n", map { "$_: " . @{ $bad{$_} } . ' times, first at '
                        . sprintf '%.1f', $bad{$_}[0] } sort keys %bad), '',
       @rows . ' answers, each as its request may have');
    my @never = grep { !$counts{$_} && !$ENV{XC_SOAK_CASES} }
                qw(good comes rate quota huge scrape replayed-again
                   pipelined-good h2-good stall garbage sm2 mtls-good token-good
                   result-good);
    is("@never", '', 'of each kind of request some were made');
}


sub _excused {
    my ($self, $r, $got) = @_;

    # workers that end close idle connections, as do those that are idle long
    my ($used) = $r->{flags} =~ /reused\@([\d.]+)/;
    return 1 if $got eq '0 -' && $used
                && ($r->{began} - $used > 15
                    || $self->_within({ %$r, began => $used },
                                      qr/reload|store/));
    # HTTP/2: a worker that ends takes no new stream (GOAWAY)
    return 1 if $got eq '0 -' && $r->{flags} =~ /h2/
                && $self->_within($r, qr/reload|store/);
    return 1 if $got =~ /^(?:0|502|504|200) -$/ && $self->_within($r, qr/dead/)
                && $r->{flags} !~ /mixed/
                && ($got ne '0 -' || $r->{flags} =~ /reused/
                    || $r->{case} =~ /^(?:halt|cut)$/);
    # the first store is another than the second: what one has seen the other
    # has not, and a new one waits
    return 1 if $self->_within($r, qr/store/)
                && ($got eq '503 starting'
                    || $got eq '200 -'
                       && $r->{case} =~ m{^replayed-again$|/jti$});
    return 0;
}


# What of the records the rest looks at: by seq, and by id.
sub _records {
    my ($self) = @_;
    my %r = (seq => {}, deny => {}, allow => {}, outcome => {}, summary => {},
             events => {}, n => 0);

    for my $file (log_files($self->{t})) {
        open my $fh, '<:raw', $file or die "$file: $!";
        while (my $line = <$fh>) {
            chomp $line;
            my ($seq, $event) =
                $line =~ /^\{"seq":(\d+),.*?"event":"(\w+)"/ or die $line;
            my ($id) = $line =~ /"id":"([0-9a-f]{32})"/;
            $r{n}++;
            $r{events}{$event}++;
            if ($event eq 'decision') {
                my ($reason) =
                    $line =~ /"decision":"deny".*?"reason":"([a-z-]+)"/;
                $r{twice}{$id} = 1 if $r{deny}{$id} || $r{allow}{$id};
                if ($reason) {
                    $r{deny}{$id} = $reason;
                } else {
                    $r{allow}{$id} = $seq;
                    $r{seq}{$seq} = [$id, sha256_hex("\0$line")];
                }
            } elsif ($event eq 'outcome') {
                my ($of) = $line =~ /"decision_seq":(\d+)/;
                my ($status) = $line =~ /"status":(\d+)/;
                $r{twice}{"outcome $of"} = 1 if $r{outcome}{$of};
                $r{outcome}{$of} = [$id, $status];
            } elsif ($event eq 'summary') {
                my $s = JSON::PP->new->decode($line);
                $r{summary}{ $s->{reason} } += $s->{count} if $s->{reason};
            }
        }
    }
    return \%r;
}


# Requests = records.
sub recorded {
    my ($self) = @_;
    my ($r, @rows) = ($self->{records}, @{ $self->{rows} });
    my (@bad, %unrecorded, %own);

    for my $row (@rows) {
        my ($ref, $status) = @$row{qw(ref status)};

        if (my ($seq, $leaf) = $ref =~ /^n1:(\d+)(?:;leaf=([0-9a-f]{64}))?$/) {
            my $d = $r->{seq}{$seq};
            my $o = $r->{outcome}{$seq};
            push @bad, "$row->{case} $ref: no such record" if !$d;
            push @bad, "$row->{case} $ref: another leaf"
                if $d && $leaf && $d->[1] ne $leaf;
            push @bad, "$row->{case} $ref: answered with $status, the outcome"
                       . ' says ' . ($o ? $o->[1] : 'nothing')
                if !$o || $o->[1] != $status;
            push @bad, "$ref: two answers" if $own{$seq}++;
        } elsif ($row->{reason} ne '-') {
            my $reason = $r->{deny}{$ref};
            if (!$reason) {
                $unrecorded{ $row->{reason} }++;
            } elsif ($reason ne $row->{reason}) {
                push @bad, "$ref: $row->{reason}, recorded as $reason";
            }
        } elsif ($status =~ /^\d+$/ && $status && $status != 408
                 && $row->{case} ne 'scrape'
                 && !($row->{flags} =~ /h2/
                      && ($status != 200 || $row->{case} eq 'h2-chunked')))
        {
            push @bad, "$row->{case}: $status without XC-Record";
        }
    }
    is(_few(@bad), '', 'each answer has its record');
    is(join(' ', grep { $unrecorded{$_} > ($r->{summary}{$_} // 0) }
                 sort keys %unrecorded), '',
       'what has no record of its own is summed up');

    my @seen = $self->_seen;
    @bad = ();
    for (@seen) {
        my ($id, $record) = @$_;
        push @bad, "$id $record"
            if ($r->{allow}{$id} // -1) ne $record =~ s/^n1://r;
    }
    is(_few(@bad), '', @seen . ' requests at the back end, each is recorded');

    is(join(' ', sort keys %{ $r->{twice} }), '', 'no id, no outcome is twice');
    my @lack = grep { !$r->{outcome}{$_} } sort keys %{ $r->{seq} };
    my @no = grep { !$r->{seq}{$_}
                    || $r->{seq}{$_}[0] ne $r->{outcome}{$_}[0] }
             keys %{ $r->{outcome} };
    is("@lack; @no", '; ', keys(%{ $r->{seq} })
       . ' admitted, each with its outcome');
    is($r->{events}{reload} // 0, $self->{reloads}, 'each reload is on record');
    is($r->{events}{recover} // 0, 0, 'nothing was to be recovered');
}


sub _few {
    my @all = @_;

    return join "\n", @all > 10 ? (@all[0 .. 9], @all . ' in all') : @all;
}


# A back end that is killed may leave half a line, or two in one.
sub _seen {
    my ($self) = @_;

    open my $fh, '<', $self->{t}->path('backend.log') or return;
    return map { /^([0-9a-f]{32}) (n1:\d+)$/ ? [$1, $2] : () } <$fh>;
}


sub verified {
    my ($self) = @_;
    my ($t, $r) = @$self{qw(t records)};
    my @files = log_files($t);
    my $cmd = join ' ', map { "'$_'" } $t->xcctl, qw(audit verify --strict
        --key), $self->{vkey}, @files;
    my $out = `$cmd 2>&1`;
    my ($n) = $out =~ /^audit: (\d+) records, chain whole$/m;

    ok($? == 0 && defined $n && $n == $r->{n},
       'xcctl audit verify --strict: whole, over ' . @files . ' files')
        or diag(length $out > 3000 ? substr $out, -3000 : $out);
    like($out, qr/[1-9]\d* agree/, 'and checkpoints agree');
    is(scalar @files, $self->{rotations} + 1,
       'as many files as rotations gave');
}


sub error_log {
    my ($self) = @_;
    my (%odd, %kinds);

    open my $fh, '<', $self->{t}->path('error.log') or die $!;
    LINE: while (my $line = <$fh>) {
        chomp $line;
        my ($level, $text) =
            $line =~ m{^(?:nginx:|\S+\ \S+)\ \[(\w+)\]\ (?:\d+\#\d+:\ )?
               (?:\*\d+\ )?(.*)$}x;
        for my $a (defined $text ? @allowed : ()) {
            if ($level eq $a->[0] && $text =~ $a->[1]) {
                $kinds{ $a->[2] }++;
                next LINE;
            }
        }
        my $kind = ($text // $line) =~ s/\d+/#/gr =~ s/, client.*//r;
        push @{ $odd{$kind} }, $line;
    }
    is(_few(map { scalar(@{ $odd{$_} }) . " times: $odd{$_}[0]" }
           sort keys %odd), '', 'no unexpected line in the error log');
    note("$kinds{$_} lines: $_") for sort keys %kinds;
}


sub summary {
    my ($self) = @_;
    my ($r, @rows) = ($self->{records}, @{ $self->{rows} });
    my (%case, %status);

    $case{ $_->{case} }++ for @rows;
    $status{ $_->{status} }++ for @rows;
    return join "\n",
        @rows . " answers, $r->{n} records, " . keys(%{ $r->{seq} })
        . ' admitted, ' . keys(%{ $r->{deny} }) . ' refused',
        'answers: ' . join(', ', map { "$status{$_} x $_" } sort keys %status),
        'events: ' . join(', ', map { "$r->{events}{$_} $_" }
                                sort keys %{ $r->{events} }),
        'cases: ' . join(', ', map { "$case{$_} $_" } sort keys %case);
}


sub any { return '.*(?:' . join('|', map { quotemeta } @_) . ')' }

1;
