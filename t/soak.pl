#!/usr/bin/env perl

# ./xc soak [SECONDS] (900): mixed good, bad and rude traffic (XC::Soak) through
# a gate with two workers to a back end that misbehaves (XC::Rogue), while
# configurations, policies and log files change, the back end dies, and for half
# of the time limits and nonces are in a Redis; from 600 s on (or with
# XC_SOAK_UPGRADE=1) with a binary upgrade, too.  At the end: memory and
# descriptors flat, no unexpected line in the error log, requests = records, the
# log verified, nothing left running.
#
# The time is cut into terms, each with a generation of workers of its own; the
# one in the middle is a third of all.  XC_SEED repeats the order of requests
# and events (not their timing); XC_SOAK_CLIENTS (8) sets how many ask at a
# time, XC_SOAK_CASES (good,h2) leaves out all other cases, to find a culprit.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP;
use List::Util qw(max min sum0);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use XC::Chain;
use XC::Nginx;
use XC::Note;
use XC::Redis;
use XC::Rogue;
use XC::Soak;

my $seconds = $ARGV[0] // 900;
my $seed = $ENV{XC_SEED} // int(time) % 1_000_000;
my $clients = $ENV{XC_SOAK_CLIENTS} // 8;
my $shorts = $seconds < 120 ? 5 : $seconds < 600 ? 9 : 14;
my $ORIGIN = 'platform.example/xc-log';

# KiB of anonymous memory that may be added, see memory().
my %BOUND = (worker => 1024, term => 1024, master => 1024);

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
    [warn => "^\\S+policy\\.json: agencies\\S+ $policy_line",
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

$ENV{XC_TIMEOUT} //= $seconds + 300;
my $t = XC::Nginx->new(workers => 2, log_level => 'notice');
my $log = $t->state_dir . '/audit.log';
my $redis = XC::Redis->program && XC::Redis->start(
    port => $t->port('redis'), dir => File::Temp::tempdir(CLEANUP => 1));
my $policy = XC::Soak->policy;
my $signer = signer($ORIGIN);
my (@pids, @outs, @windows, @samples, @master, %fds, %odd);
my ($rotations, $reloads, $upgrades, $kills, $huge) = (0) x 5;
my $began;

diag("XC_SEED=$seed, $seconds s, $clients clients, "
     . ($redis ? 'half of the time with xc_fleet' : 'no redis-server'));
prepare();
begin();
run();
end();
verdict();
$t->finish;
is(join(' ', $t->processes), '', 'nothing is left running');
done_testing;


sub any { return '.*(?:' . join('|', map { quotemeta } @_) . ')' }


sub prepare {
    $t->write_file('audit.key', $signer->{pem}, 0600);
    $t->write_file('subject.key', 's' x 32, 0600);
    $t->write_file('token.key', 'k' x 32, 0600);
    $t->{backend} = rogue();
    $t->policy($policy);
    configure(0);
}


sub rogue {
    return XC::Rogue->new(dir => $t->prefix, port => $t->port('backend'));
}


sub configure {
    my ($fleet) = @_;

    $t->gate_conf(
        audit => "node=n1 key=audit.key origin=$ORIGIN checkpoint=200ms"
                 . ' subject_key=subject.key',
        http => 'xc_token_key token.key; client_header_timeout 5s;'
            . ' client_body_timeout 5s; send_timeout 10s;'
            . ' keepalive_timeout 20s; proxy_read_timeout 1s;'
            . ' proxy_max_temp_file_size 16m;'
            . ' upstream rogue { server %%BACKEND%%; keepalive 8; }'
            . ($fleet ? ' xc_fleet redis://127.0.0.1:%%PORT_redis%%'
                        . ' timeout=5s;' : ''),
        server => 'location = /status { xc_status; }
            location = /metrics { xc_status prometheus; }
            location = /agencies { xc_status prometheus agencies; }
            location = /page { xc_status html agencies; }
            location = /checkpoint { xc_checkpoint; }
            location = /.well-known/xc-intake {
                xc_intake %%ROOT%%/conf/intake.json; }',
        location => 'xc_body_size 64k; proxy_http_version 1.1;'
            . ' proxy_set_header Connection "";');
    my $conf = $t->read_file('nginx.conf');
    $conf =~ s{proxy_pass http://[^;]+;}{proxy_pass http://rogue;};
    $t->write_file('nginx.conf', $conf);
}


sub begin {
    $t->run;
    workers();
    $fds{idle} = { map { $_ => scalar fds($_) } $t->worker_pids };
    for my $i (1 .. $clients) {
        push @outs, $t->path("soak.$i");
        push @pids, XC::Soak->start(t => $t, policy => $policy,
                                    seed => "$seed $i", out => $outs[-1]);
    }
    $began = time;
}


# The terms, and what happens in them and between them.
sub run {
    my $long = $seconds / 3;
    my $short = ($seconds - $long) / $shorts;
    my $middle = int $shorts / 2;
    my @changes = ('drop', 'fleet', 'none', 'add', 'none', 'local');
    my $at = $began;

    srand $seed;
    for my $term (0 .. $shorts) {
        my $n = $term == $middle ? max(2, int $seconds / 30) : 1;
        my $lasts = $term == $middle ? $long : $short;
        my @events = map { [$at + $lasts * ($_ + rand) / (3 * $n),
                            (\&rotate, \&backend_dies, \&rotate)[$_ % 3]] }
                     0 .. 3 * $n - 1;

        push @events, [$at + $lasts / 4, \&download]
            if $term == 1 || $term == $middle;
        @events = sort { $a->[0] <=> $b->[0] } @events;
        $at += $lasts;
        for my $event (@events, [$at, sub { }]) {
            until_then($event->[0], $term, $term == $middle);
            $event->[1]->();
        }
        last if $term == $shorts;
        change($term, $changes[$term % @changes]);
    }
}


# Waits, and looks at the workers: of the long term often, else at its end.
sub until_then {
    my ($then, $term, $long) = @_;
    my $step = max(1, $seconds / 100);

    while ((my $left = $then - time) > 0) {
        sleep min($left, $step);
        look($term, $long);
    }
}


sub look {
    my ($term, $long) = @_;
    my @now = $t->worker_pids;

    $odd{"term $term has workers @now"}++ if @now != 2;
    for my $pid (@now) {
        my ($anon, $rss) = memory_of($pid) or next;
        my @fds = grep { !/^socket:|client_body|proxy\// } fds($pid);

        push @samples, { term => $term, long => $long, pid => $pid,
                         at => time - $began, anon => $anon, rss => $rss,
                         fds => scalar @fds, names => "@fds" };
    }
}


# KiB: anonymous (the worker's own) and resident.
sub memory_of {
    my ($pid) = @_;
    my $text = $t->read_file("/proc/$pid/status") // return;
    my ($rss) = $text =~ /^VmRSS:\s+(\d+)/m or return;
    my ($anon) = $text =~ /^RssAnon:\s+(\d+)/m;

    return ($anon // $rss, $rss);
}


sub fds { return map { readlink($_) // () } glob "/proc/$_[0]/fd/*" }


# Something during which some answers may differ, and a while after.
sub window {
    my ($kind, $do) = @_;
    my $from = time;

    $do->();
    push @windows, { kind => $kind, from => $from - 1,
                     to => time + ($kind eq 'store' ? 6 : 1) };
}


sub rotate {
    rename $log, "$log." . ++$rotations or die "rename: $!";
    $t->wait_for(sub { -s $log }, 20) or $odd{'no new log'}++;
}


sub backend_dies {
    $kills++;
    window(dead => sub {
        $t->{backend}->stop;
        sleep 0.3;
        $t->{backend} = rogue();
    });
}


sub download {
    $huge++;
    push @outs, $t->path("huge.$huge");
    push @pids, XC::Soak->start(t => $t, policy => $policy, seed => 0,
                                out => $outs[-1], once => 'huge');
}


sub change {
    my ($term, $what) = @_;

    if ($what eq 'drop') {
        my $data = $policy->data;
        ($policy->{gone}) = grep { $_->{id} eq '320500' }
                            @{ $data->{agencies} };
        $data->{agencies} = [grep { $_->{id} ne '320500' }
                             @{ $data->{agencies} }];
    } elsif ($what eq 'add') {
        push @{ $policy->data->{agencies} }, delete $policy->{gone};
        $policy->data->{version} = '2026-11-23.' . $term;
    }
    $policy->write($t->path('policy.json'));
    configure($what eq 'fleet') if $redis && $what =~ /^(?:fleet|local)$/;

    my $upgraded = $term == 3
                   && ($seconds >= 600 || $ENV{XC_SOAK_UPGRADE});
    window($what =~ /^(?:fleet|local)$/ ? 'store' : 'reload', sub {
        $upgraded ? upgrade() : reload();
    });
    return if $upgraded;
    my $master = $t->master_pid;

    push @master, { at => time - $began, anon => (memory_of($master))[0],
                    fds => scalar fds($master) };
}


sub reload {
    my %old = map { $_ => 1 } $t->worker_pids;

    $reloads++;
    $t->signal('HUP');
    workers(%old);
}


sub workers {
    my (%old) = @_;

    $t->wait_for(sub {
        my @now = $t->worker_pids;
        return @now == 2 && !grep { $old{$_} } @now;
    }, 60) or $odd{"no two new workers after reload $reloads"}++;
}


sub upgrade {
    my $from = $t->master_pid;
    my $to;

    $upgrades++;
    $t->signal('USR2');
    $t->wait_for(sub { ($to = $t->master_pid // $from) != $from
                       && $t->worker_pids($to) == 2 }, 60)
        or $odd{'no second master'}++;
    rotate();
    $t->signal('WINCH', $from);
    $t->wait_for(sub { !$t->worker_pids($from) }, 60);
    $t->signal('QUIT', $from);
    @master = ();
    $t->wait_for(sub { !defined readlink "/proc/$from/exe" }, 120)
        or $odd{'the old master does not end'}++;
}


# No further request; what is left of connections and descriptors.
sub end {
    my @children = splice @pids;

    $t->write_file('soak.end', '');
    for my $pid (@children) {
        waitpid $pid, 0;
        $odd{'a client failed'}++ if $?;
    }
    my ($idle) = max(values %{ $fds{idle} });
    my @left;
    # a connection to Redis, and what is kept of connections to the back end
    $t->wait_for(sub {
        @left = map { scalar fds($_) } $t->worker_pids;
        return @left == 2 && max(@left) <= $idle + 9;
    }, 45);
    cmp_ok(max(@left, 0), '<=', $idle + 9,
           "descriptors of a worker at rest: $idle at first, at the end "
           . join ' and ', @left);
    ok($t->wait_for(sub { $t->processes == 3 }, 60),
       'workers of former configurations have ended');
    $t->stop;
    is(join(' ', $t->processes), '', 'nginx has ended');
    $redis->stop if $redis;
}


sub verdict {
    my @rows = answers();
    my $records = records();

    is(join("\n", map { "$_ ($odd{$_} times)" } sort keys %odd), '',
       'workers and clients are as they should be');
    expected(@rows);
    recorded($records, @rows);
    verified($records);
    memory();
    error_log();
    diag(summary($records, @rows));
}


# What the clients saw.
sub answers {
    my @rows;

    for my $out (@outs) {
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


sub within {
    my ($row, $kind) = @_;

    return scalar grep { $_->{kind} =~ $kind && $_->{from} < $row->{ended}
                         && $_->{to} > $row->{began} } @windows;
}


# Each answer is one that its request may have.
sub expected {
    my @rows = @_;
    my (%bad, %counts);

    for my $r (@rows) {
        my $got = "$r->{status} $r->{reason}";
        my $want = XC::Soak::want($r->{case});

        $counts{$r->{case}}++;
        next if $want && $got =~ $want && $r->{flags} !~ /mixed/
                && ($r->{flags} !~ /truncated/
                    || $r->{case} =~ /^(?:cut|halt)$/ || within($r, qr/dead/));
        next if excused($r, $got);
        push @{ $bad{"$r->{case}: $got $r->{flags}"} }, $r->{began} - $began;
    }
    is(join("\n", map { "$_: " . @{ $bad{$_} } . ' times, first at '
                        . sprintf '%.1f', $bad{$_}[0] } sort keys %bad), '',
       @rows . ' answers, each as its request may have');
    my @never = grep { !$counts{$_} && !$ENV{XC_SOAK_CASES} }
                qw(good comes rate quota huge scrape replayed-again
                   pipelined-good h2-good stall garbage);
    is("@never", '', 'of each kind of request some were made');
}


sub excused {
    my ($r, $got) = @_;

    # workers that end close idle connections, as do those that are idle long
    my ($used) = $r->{flags} =~ /reused\@([\d.]+)/;
    return 1 if $got eq '0 -' && $used
                && ($r->{began} - $used > 15
                    || within({ %$r, began => $used }, qr/reload|store/));
    # HTTP/2: a worker that ends takes no new stream (GOAWAY)
    return 1 if $got eq '0 -' && $r->{flags} =~ /h2/
                && within($r, qr/reload|store/);
    return 1 if $got =~ /^(?:0|502|504|200) -$/ && within($r, qr/dead/)
                && $r->{flags} !~ /mixed/
                && ($got ne '0 -' || $r->{flags} =~ /reused/
                    || $r->{case} =~ /^(?:halt|cut)$/);
    # the first store is another than the second: what one has seen the other
    # has not, and a new one waits
    return 1 if within($r, qr/store/)
                && ($got eq '503 starting'
                    || $got eq '200 -' && $r->{case} eq 'replayed-again');
    return 0;
}


# What of the records the rest looks at: by seq, and by id.
sub records {
    my %r = (seq => {}, deny => {}, allow => {}, outcome => {}, summary => {},
             events => {}, n => 0);

    for my $file (log_files($t)) {
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
    my ($r, @rows) = @_;
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
    is(few(@bad), '', 'each answer has its record');
    is(join(' ', grep { $unrecorded{$_} > ($r->{summary}{$_} // 0) }
                 sort keys %unrecorded), '',
       'what has no record of its own is summed up');

    my @seen = seen();
    @bad = ();
    for (@seen) {
        my ($id, $record) = @$_;
        push @bad, "$id $record"
            if ($r->{allow}{$id} // -1) ne $record =~ s/^n1://r;
    }
    is(few(@bad), '', @seen . ' requests at the back end, each is recorded');

    is(join(' ', sort keys %{ $r->{twice} }), '', 'no id, no outcome is twice');
    my @lack = grep { !$r->{outcome}{$_} } sort keys %{ $r->{seq} };
    my @no = grep { !$r->{seq}{$_}
                    || $r->{seq}{$_}[0] ne $r->{outcome}{$_}[0] }
             keys %{ $r->{outcome} };
    is("@lack; @no", '; ', keys(%{ $r->{seq} })
       . ' admitted, each with its outcome');
    is($r->{events}{reload} // 0, $reloads, 'each reload is on record');
    is($r->{events}{recover} // 0, 0, 'nothing was to be recovered');
}


sub few {
    my @all = @_;

    return join "\n", @all > 10 ? (@all[0 .. 9], @all . ' in all') : @all;
}


# A back end that is killed may leave half a line, or two in one.
sub seen {
    open my $fh, '<', $t->path('backend.log') or return;
    return map { /^([0-9a-f]{32}) (n1:\d+)$/ ? [$1, $2] : () } <$fh>;
}


sub verified {
    my ($r) = @_;
    my @files = log_files($t);
    my $cmd = join ' ', map { "'$_'" } $t->xcctl, qw(audit verify --strict
        --key), $signer->{vkey}, @files;
    my $out = `$cmd 2>&1`;
    my ($n) = $out =~ /^audit: (\d+) records, chain whole$/m;

    ok($? == 0 && defined $n && $n == $r->{n},
       'xcctl audit verify --strict: whole, over ' . @files . ' files')
        or diag(length $out > 3000 ? substr $out, -3000 : $out);
    like($out, qr/[1-9]\d* agree/, 'and checkpoints agree');
    is(scalar @files, $rotations + 1, 'as many files as rotations gave');
}


sub median { return (sort { $a <=> $b } @_)[@_ / 2] }

sub mean { return @_ ? sum0(@_) / @_ : 0 }


# Sanitizers keep what was freed.
sub grows {
    my ($kib, $bound, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    SKIP: {
        skip 'memory says nothing under sanitizers', 1 if $ENV{XC_PRELOAD};
        cmp_ok($kib, '<=', $bound, $name);
    }
}


sub by_pid {
    my %of;

    push @{ $of{ $_->{pid} } }, $_ for @_;
    return values %of;
}


# Workers: the long term's, in its second half against its second quarter, and
# at the end of each short term, which are of the same age.  The master: after
# each change.  The first third is warm-up.
sub memory {
    for my $of (by_pid(grep { $_->{long} } @samples)) {
        my @anon = map { $_->{anon} } @$of;
        my $n = @anon;
        next if $n < 8;
        my $from = max(@anon[$n / 4 .. $n / 2]);
        my $to = mean(@anon[-int($n / 8 + 1) .. -1]);
        diag("worker $of->[0]{pid}, KiB: @anon");
        grows($to - $from, $BOUND{worker},
              sprintf 'a worker of the long term grows by %d KiB',
               $to - $from);
    }

    my (%last, @ages);
    $last{ $_->{pid} } = $_ for grep { !$_->{long} } @samples;
    for my $s (values %last) {
        push @{ $ages[ $s->{term} ] }, $s->{anon};
    }
    my @ends = map { $_ ? int mean(@$_) : () } @ages;
    my $third = int @ends / 3 + 1;
    diag("workers at the end of each short term, KiB: @ends");
    grows(mean(@ends[-$third .. -1]) - max(@ends[0 .. $third - 1]),
          $BOUND{term}, 'workers of one age are as large as ever');

    my @anon = map { $_->{anon} } @master;
    diag("master, KiB: @anon");
    grows($anon[-1] - max(@anon[0 .. @anon / 3]), $BOUND{master},
          'the master does not grow');
    my @fds = map { $_->{fds} } @master;
    cmp_ok(max(@fds) - min(@fds), '<=', 2, "nor its descriptors: @fds");
    # a rotation or checkpoint has one more open, for a moment
    my @third = map { median(map { $_->{fds} } @$_) }
                [@samples[0 .. @samples / 3]],
                [@samples[-int(@samples / 3) .. -1]];
    cmp_ok($third[1], '<=', $third[0] + 1,
           "nor do workers' files: at first $third[0], then $third[1]")
        or diag($samples[-1]{names});
}


sub error_log {
    my (%odd, %kinds);

    open my $fh, '<', $t->path('error.log') or die $!;
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
    is(few(map { scalar(@{ $odd{$_} }) . " times: $odd{$_}[0]" }
           sort keys %odd), '', 'no unexpected line in the error log');
    note("$kinds{$_} lines: $_") for sort keys %kinds;
}


sub summary {
    my ($r, @rows) = @_;
    my (%case, %status);

    $case{ $_->{case} }++ for @rows;
    $status{ $_->{status} }++ for @rows;
    return join "\n",
        "seed $seed, $seconds s: " . @rows . " answers, $r->{n} records, "
        . keys(%{ $r->{seq} }) . ' admitted, ' . keys(%{ $r->{deny} })
        . ' refused; ' . "$reloads reloads, $upgrades upgrades, $rotations"
        . " rotations, the back end died $kills times",
        'answers: ' . join(', ', map { "$status{$_} x $_" } sort keys %status),
        'events: ' . join(', ', map { "$r->{events}{$_} $_" }
                                sort keys %{ $r->{events} }),
        'cases: ' . join(', ', map { "$case{$_} $_" } sort keys %case);
}
