#!/usr/bin/env perl

# Signed checkpoints (CONTRACT.md section 5): what the running gate writes,
# opened with the standards in hand (XC::Note) and with Go's library; what it
# does where the log no longer reaches the last of them.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use JSON::PP;
use Test::More;

use XC::Chain;
use XC::Gate;
use XC::Load;
use XC::Nginx;
use XC::Note;

my $t = XC::Nginx->new(workers => 2, allow => qr{
    audit\.log\ was\ (?:deleted|truncated) | audit\.head\ was\ lost
    | neither\ head\ nor\ log
    | is\ not\ the\ (?:log|file)\ that
    | is\ of\ the\ log\ "
    | another\ node=
}x);
my $state = $t->state_dir;
my $policy = $t->policy(transport => 'any');
my $client = $t->client(tls => 0);
my $origin = 'platform.example/xc-log';
my $signer = signer($origin);
my $other = signer('other.example/log');

$t->write_file('audit.key', $signer->{pem}, 0600);
$t->write_file('other.key', $other->{pem}, 0600);
$t->write_file('intake.json', JSON::PP->new->encode({
    platform => { name => 'P', role => 'platform' },
    channels => [{ type => 'api', address => 'https://platform.example' }],
    updated  => '2026-01-01', expires => '2036-01-01' }));

unsigned();
published();
every();
late();
rotation();
expected();
log_deleted();
rolled_back($_) for qw(cp mv);
log_cut();
another_origin();
another_key();
go_opens();

$t->finish;
done_testing;


# Without a key the tree is kept, nothing is signed.
sub unsigned {
    fresh(audit => '');
    ask();
    is(fetch()->{status}, 404, 'no key: 404');
    $t->stop;
    ok(!-e "$state/audit.checkpoint" && !-e "$state/audit.checkpoints",
       'no key: no checkpoint');

    # a key that comes later signs for all of it
    configure();
    $t->run;
    is(open_note(fetch()->{body}, $signer->{vkey})->{size}, records(),
       'a key that came later signs for all lines');
    ended('a key that came later', n => 1);
}


# The handler, and what of it the intake document and the log say.
sub published {
    fresh();
    my $first = fetch();
    is($first->{status}, 200, 'published: from the first record on');
    is($first->{headers}{'content-type'}, 'text/plain; charset=utf-8',
       'published: as text');
    is($first->{headers}{'cache-control'}, 'no-store', 'published: no-store');
    is($first->{body}, $t->read_file("$state/audit.checkpoint"),
       'published: is the file, to the byte');

    my $head = $client->request('HEAD', '/checkpoint', { sign => 0 });
    is_deeply([@$head{qw(status body)}], [200, ''], 'published: HEAD');
    is($client->request('POST', '/checkpoint', { sign => 0 })->{status}, 405,
       'published: no other method');

    my ($start) = $t->audit_records;
    is_deeply([@$start{qw(event origin vkey)}],
              ['start', $origin, $signer->{vkey}],
              'published: "start" names the log and its key');
    my $intake = $client->request('GET', '/intake', { sign => 0,
        headers => { Accept => 'application/json' } });
    like($intake->{body}, qr/"\Q$signer->{vkey}\E"/,
         'published: so does the intake document');

    my $answer = ask();
    covered(record_seq($answer), 'published: a record');
    my $line = ($t->audit_lines)[record_seq($answer)];
    my ($leaf) = $answer->{headers}{'xc-record'} =~ /leaf=(.*)/;
    is($leaf, unpack('H*', sha256("\0$line")),
       'published: XC-Record has the leaf');

    settled('published');
    unlink "$state/audit.checkpoint" or die $!;
    is(fetch()->{status}, 404, 'published: 404 where there is none');
    my $note = covered(record_seq(ask()), 'published: the next is there again');
    $intake = $client->request('GET', '/intake', { sign => 0,
        headers => { Accept => 'application/json' } });
    my $latest = $intake->{json}{log}{checkpoint} // '';
    utf8::encode($latest);
    cmp_ok(eval { open_note($latest, $signer->{vkey})->{size} } // 0, '>=',
           $note->{size}, 'published: the intake document has the latest')
        or diag($@, $latest);
    ended('published', n => 2);
}


# While records are written, one follows the other.
sub every {
    fresh(audit => signed('checkpoint=50ms'));
    my $load = XC::Load->new($t, 4);
    my $enough = $t->wait_for(sub { notes() >= 8 });
    my @answers = $load->end;
    ok($enough, 'every 50 ms: they come while records are written');
    settled('every 50 ms', n => scalar @answers);
    is(open_note(fetch()->{body}, $signer->{vkey})->{size}, records(),
       'every 50 ms: the last of them covers every line');
    ended('every 50 ms', answers => \@answers);
}


# With a long time between them there is one at start, and one at stop.
sub late {
    fresh(audit => signed('checkpoint=1h'));
    ask() for 1 .. 5;
    is(scalar(my @one = notes()), 1, 'every hour: one at start');
    my @all = ended('every hour', n => 5);
    my @sizes = map { $_->{size} } notes();
    is($all[-1]{event}, 'stop', 'every hour: the last record is "stop"');
    is($sizes[-1], @all, 'every hour: and signed for');
    is(open_note($t->read_file("$state/audit.checkpoint"),
                 $signer->{vkey})->{size}, @all, 'every hour: published so');
}


# Each file verifies alone; of a rotation there is one of just the right size.
sub rotation {
    fresh(audit => signed('checkpoint=1h'));
    my $load = XC::Load->new($t, 4);
    my $n = () = $load->answers;

    for my $i (1 .. 3) {
        $t->wait_for(sub { (() = $load->answers) > $n + 40 });
        rename "$state/audit.log", "$state/audit.log.$i" or die $!;
        ok($t->wait_for(sub { -s "$state/audit.log" }),
           "rotation $i: a new file");
        $n = () = $load->answers;
    }
    my @answers = $load->end;
    my @all = ended('rotation', answers => \@answers);
    my %sizes = map { $_->{size} => $_->{root} } notes();
    my @files = log_files($t);

    is(scalar @files, 4, 'rotation: four files');
    for my $file (@files) {
        my $name = 'rotation: ' . ($file =~ s{.*/}{}r);
        my @own = $t->audit_records($file =~ s{.*/}{}r);
        my ($first, $next) = ($own[0]{seq}, $own[-1]{seq} + 1);
        my $frontier = $own[0]{frontier};
        is($frontier->{size}, $first, "$name: its frontier");
        next if !$first;

        is(frontier_root($frontier), $sizes{$first},
           "$name: a checkpoint of just that size, and root");

        # somewhere else, with nothing but what was signed by its end
        my @notes = map { $_->{text} }
                    grep { $_->{size} == $first || $_->{size} == $next }
                    notes();
        is(@notes, 2, "$name: and one of its end");
        my $text = $t->read_file($file);
        mkdir $t->path('alone');
        my $alone = $t->write_file('alone/audit.log', $text);
        my $end = $t->write_file('end.note', $notes[1]);
        $t->write_file('alone/audit.checkpoints', "$notes[0]--\n");
        my ($status, $out) = verify([$end], $alone);
        is($status, 0, "$name: verifies alone") or diag($out);

        $text =~ s/("hashes":\[")(.)/$1 . ($2 eq '0' ? '1' : '0')/e;
        $t->write_file('alone/audit.log', $text);
        ($status, $out) = verify([], $alone);
        isnt($status, 0, "$name: with another frontier it does not");
    }

    my ($status, $out) = verify([], $files[0], $files[2]);
    isnt($status, 0, 'rotation: a file left out is found');
}


# A note kept elsewhere, against whoever holds the machine but not the past.
sub expected {
    fresh();
    ask() for 1 .. 3;
    my $kept = covered(record_seq(ask()), 'expected: a note to keep');
    my $file = $t->write_file('kept.note', $kept->{text});
    ask() for 1 .. 2;
    ended('expected', n => 6);
    my @lines = $t->audit_lines;
    my ($status, $out) = verify([$file], "$state/audit.log");
    is($status, 0, 'expected: holds') or diag($out);

    my $expect = sub {
        my ($name, $re, @changed) = @_;
        my $log = $t->write_file('changed.log', join '', map { "$_\n" }
                                                             @changed);
        my ($status, $out) = verify([$file], $log);
        is($status, 1, "expected: $name is found");
        like($out, $re, "expected: $name is named");
    };
    my $size = $kept->{size};
    $expect->('a log rolled back', qr/\b$size\b/, @lines[0 .. $size - 2]);

    # the chain made anew from a line on: only the note knows
    my @anew = @lines[0 .. 1];
    for my $line (@lines[2 .. $#lines]) {
        my $prev = sha256_hex("\0$anew[-1]");
        push @anew, $line =~ s/"prev":"[0-9a-f]+"/"prev":"$prev"/r
                          =~ s/("id":")(.)/$1 . ($2 eq '0' ? '1' : '0')/er;
    }
    $expect->('a chain made anew', qr/\b$size\b/, @anew);

    my @edited = @lines;
    $edited[2] =~ s/("id":")(.)/$1 . ($2 eq '0' ? '1' : '0')/e;
    $expect->('a line edited', qr/changed\.log:3\b/, @edited);

    # the note's own
    $t->write_file('kept.note', $kept->{text} =~ s/\n$size\n/"\n" . ($size - 1)
                                                  . "\n"/er);
    ($status, $out) = verify([$file], "$state/audit.log");
    isnt($status, 0, 'expected: a forged note is none');
}


# The head stands: a new file goes on, and says what is gone.
sub log_deleted {
    fresh();
    ask();
    rename "$state/audit.log", "$state/audit.log.1" or die $!;
    ask();
    settled('deleted');
    unlink "$state/audit.log" or die $!;
    my $answer = ask();
    is($answer->{status}, 200, 'deleted: service goes on');
    covered(record_seq($answer), 'deleted: and checkpoints');
    $t->stop;

    my ($first) = $t->audit_records;
    my $from = $t->audit_records('audit.log.1');
    my $to = $first->{seq} - 1;
    is_deeply([@$first{qw(event cause unsure)}],
              ['recover', 'log-deleted', { from => $from, to => $to }],
              'deleted: the new file names what is gone');
    is($first->{frontier}{size}, $first->{seq}, 'deleted: has the frontier');
    my ($status, $out) = verify([], "$state/audit.log");
    is($status, 0, 'deleted: what is there verifies') or diag($out);
    like($out, qr/log-deleted\): seq $from to $to may be lost/,
         'deleted: verify names it, too');
    ($status, $out) = verify([], map { "$state/$_" } 'audit.log.1',
                                                     'audit.log');
    is($status, 1, 'deleted: what was signed for is missed') or diag($out);
    like($out, qr/gives up lines from seq $from on, which a checkpoint/,
         'deleted: from where on');
}


# Both log and head of an earlier day, put back by copying over or as new
# files: the gate refuses to start until the right ones are back.
sub rolled_back {
    my ($how) = @_;
    my $name = "rolled back ($how)";
    my $put = sub {
        my ($from) = @_;
        for my $f (qw(audit.log audit.head)) {
            $how eq 'cp'
                ? system('cp', "$from/$f", "$state/$f")
                : system("cp '$from/$f' '$state/$f.x' && mv '$state/$f.x'"
                         . " '$state/$f'");
            is($?, 0, "$name: $f");
            $t->_own("$state/$f");
        }
    };
    my ($old, $new) = map { $t->path($_) } qw(old new);

    system 'rm', '-rf', $old, $new;
    fresh();
    ask() for 1 .. 2;
    ended("$name, then", n => 2);
    system 'cp', '-a', $state, $old;
    $t->run;
    ask() for 1 .. 3;
    my @all = ended("$name, since", n => 5);
    system 'cp', '-a', $state, $new;

    $put->($old);
    my $size = $how eq 'cp' ? @all : 0;
    not_started($name, $how eq 'cp'
        ? qr/neither head nor log in .* reaches the last checkpoint: \d+ records, but $size were signed for: put the right audit\.log back and take audit\.head away, or begin anew in another directory with another origin/
        : qr/is not the file that this node wrote .*take audit\.head away/);
    if ($how eq 'mv') {
        unlink "$state/audit.head" or die $!;
        not_started("$name, head away", qr/neither head nor log .* or begin anew in another directory with another origin/);
    }

    # where only one of the two files of checkpoints is left, too
    for my $f (qw(audit.checkpoint audit.checkpoints)) {
        unlink "$state/$f" or die $!;
        not_started("$name, no $f", qr/neither head nor log .*begin anew in/);
        system 'cp', '-p', "$new/$f", "$state/$f";
    }

    $put->($new);
    unlink "$state/audit.head" or die $!;
    $t->run;
    is(ask()->{status}, 200, "$name: as the message says, it starts");
    ended("$name: put right", n => 6);
}


# Lines that were signed for, cut off: with the head it goes on and says so,
# without it refuses until they are back.
sub log_cut {
    fresh();
    covered(record_seq(ask()), 'cut: signed for');
    $t->stop;
    my $text = $t->read_file("$state/audit.log");
    my $kept = length join '', $text =~ /\A(?:[^\n]*\n){2}/g;

    truncate "$state/audit.log", $kept or die $!;
    unlink "$state/audit.head" or die $!;
    not_started('cut, head away', qr/neither head nor log/);
    open my $fh, '+<:raw', "$state/audit.log" or die $!;
    print $fh $text;
    close $fh or die $!;
    $t->run;
    is(ask()->{status}, 200, 'cut: put back, it starts');
    my @all = ended('cut: put back', n => 2);

    truncate "$state/audit.log", $kept or die $!;
    $t->run;
    my $answer = ask();
    is($answer->{status}, 200, 'cut, the head there: it goes on');
    covered(record_seq($answer), 'cut, the head there: and is signed for');
    $t->stop;
    my $recover = ($t->audit_records)[2];
    is_deeply([@$recover{qw(event cause unsure)}],
              ['recover', 'log-truncated', { from => 2, to => $#all }],
              'cut, the head there: the record names what is gone');
    my ($status, $out) = verify([], "$state/audit.log");
    is($status, 1, 'cut, the head there: what was signed for is missed')
        or diag($out);
    like($out, qr/log-truncated.*: seq 2 to $#all may be lost/,
         'cut, the head there: verify names it, too');
}


sub another_origin {
    my $theirs = 'key=other.key origin=other.example/log';

    fresh();
    ask();
    $t->stop;
    configure(audit => $theirs);
    not_started('another origin', qr/audit\.checkpoints? is of the log "\Q$origin\E", not "other\.example\/log": use that origin, or a new directory with the new one/);

    # a reload with one is refused, and the running gate goes on
    configure();
    $t->run;
    configure(audit => $theirs);
    my $from = length $t->error_log;
    my @workers = $t->worker_pids;
    ok(!$t->reload, 'another origin: a reload is refused');
    like(substr($t->error_log, $from), qr/another node= \(or host name\) or origin= of xc_audit needs another directory/,
         'another origin: and why');
    is_deeply([$t->worker_pids], \@workers, 'another origin: no new workers');
    is(ask()->{status}, 200, 'another origin: the old ones serve');
    configure();
    ended('another origin');

    # in another directory it begins anew
    fresh(audit => $theirs);
    is(open_note(fetch()->{body}, $other->{vkey})->{size}, records(),
       'another origin: another directory');
    ask();
    $signer = $other;
    ended('another origin, another directory', n => 1);
    $signer = signer($origin);
    $t->write_file('audit.key', $signer->{pem}, 0600);
}


# A new key under the same name: both vkeys open what is theirs.
sub another_key {
    my $before = $signer;

    fresh();
    ask();
    $t->stop;
    my $n = () = notes();
    $signer = signer($origin);
    $t->write_file('audit.key', $signer->{pem}, 0600);
    $t->run;
    ask();
    $t->stop;
    my @notes = note_split($t->read_file("$state/audit.checkpoints"));
    my $theirs = grep { eval { open_note($_, $before->{vkey}) } } @notes;
    my $ours = grep { eval { open_note($_, $signer->{vkey}) } } @notes;
    is($theirs, $n, 'another key: the old one\'s notes stand');
    is($ours, @notes - $n, 'another key: the others are the new one\'s');
    my @verify = ($t->xcctl, qw(audit verify --key), $before->{vkey},
                  '--key', $signer->{vkey}, "$state/audit.log");
    my ($status, $out) = run(@verify);
    is($status, 0, 'another key: verifies with both') or diag($out);
    ($status, $out) = run(@verify[0 .. 4, 7]);
    isnt($status, 0, 'another key: not with the old one alone');
}


# With an implementation that others wrote.
sub go_opens {
    my $go = $t->path('open');
    my $lib = '/usr/share/gocode/src/golang.org/x/mod/sumdb/note';

    SKIP: {
        skip 'no golang-golang-x-mod-dev: not opened with Go\'s library', 1
            if !-d $lib;
        skip 'no golang-go: not opened with Go\'s library', 1
            if system('go version >/dev/null 2>&1') != 0;

        local @ENV{qw(GO111MODULE GOPATH GOFLAGS GOCACHE)} =
            ('off', '/usr/share/gocode', '', "$t->{build}/go");
        my ($status, $out) = run('go', 'build', '-o', $go,
                                 $t->root . '/t/go/open.go');
        is($status, 0, 'Go: builds') or diag($out) or return;

        fresh(audit => signed('checkpoint=50ms'));
        my $kept = covered(record_seq(ask()), 'Go: a checkpoint');
        ask() for 1 .. 4;
        ended('Go', n => 5);

        my @files;
        for my $note (note_split($t->read_file("$state/audit.checkpoints"))) {
            push @files, $t->write_file('note.' . @files, $note);
        }
        ($status, $out) = run($go, $signer->{vkey}, 'checkpoint', @files);
        is($status, 0, 'Go: opens all checkpoints') or diag($out);
        ($status, $out) = run($go, $signer->{vkey}, 'tree',
                              "$state/audit.log", @files);
        is($status, 0, 'Go: they are of these lines') or diag($out);
        is($out =~ tr/\n//, @files, 'Go: every one');
        ($status) = run($go, $other->{vkey}, 'checkpoint', $files[0]);
        isnt($status, 0, 'Go: not with another key');

        my @lines = $t->audit_lines;
        my @bad;
        for my $seq (0 .. $#lines) {
            # standard error apart: the proof is what comes on standard output
            my $proof = `'@{[$t->xcctl]}' audit prove '$state/audit.log' $seq 2>/dev/null`;
            push @bad, "$seq: prove: $?" if $?;
            $t->write_file('proof', $proof);
            $t->write_file('line', $lines[$seq]);
            ($status, $out) = run($go, $signer->{vkey}, 'proof',
                                  map { $t->path($_) } qw(line proof));
            push @bad, "$seq: $out" if $status;
            $t->write_file('line', "$lines[$seq] ");
            ($status) = run($go, $signer->{vkey}, 'proof',
                            map { $t->path($_) } qw(line proof));
            push @bad, "$seq: of another line, too" if !$status;
        }
        is(join("\n", @bad), '', 'Go: takes the proof of each line, of no'
                                 . ' other');
    }
}


sub fresh {
    my (%o) = @_;

    $t->stop;
    system 'rm', '-rf', $state;
    $t->backend->forget;
    delete $t->{gate_records};
    configure(%o);
    $t->run;
}


sub configure {
    my (%o) = @_;

    $t->gate_conf(audit => 'node=n1 ' . ($o{audit} // signed()),
                  server => 'location = /checkpoint { xc_checkpoint; }
                             location = /intake { xc_intake intake.json;
                                                  xc_policy %%POLICY%%; }');
}


sub signed { "key=audit.key origin=$origin " . ($_[0] // 'checkpoint=50ms') }


sub ask { $client->request('GET', $policy->query) }


sub fetch { $client->request('GET', '/checkpoint', { sign => 0 }) }


sub records { scalar(my @all = $t->audit_lines) }


sub record_seq { ($_[0]{headers}{'xc-record'} // '') =~ /:(\d+);/ ? $1
                                                       : die 'no XC-Record' }


# All notes of audit.checkpoints, opened.
sub notes {
    my $text = $t->read_file("$state/audit.checkpoints") // '';

    $text =~ s/^--\n\K(?:(?!^--\n).)*\z//ms;     # the next is being written
    return map { { %{ open_note($_, $signer->{vkey}) }, text => $_ } }
           note_split($text);
}


# Waits until the last request's outcome (n: so many outcomes) is written, and
# all is signed for.
sub settled {
    my ($name, %o) = @_;

    ok($t->wait_for(sub {
        my ($last) = reverse notes();
        my @all = $t->audit_records;
        my $n = grep { $_->{event} eq 'outcome' } @all;
        return ($o{n} ? $n == $o{n} : $all[-1]{event} eq 'outcome')
               && $last && $last->{size} == $all[-1]{seq} + 1;
    }), "$name: every line is signed for");
}


# Waits for a published checkpoint of the record.
sub covered {
    my ($seq, $name) = @_;
    my ($text, $note);

    ok($t->wait_for(sub {
        my $answer = fetch();
        $text = $answer->{body};
        $note = $answer->{status} == 200
                ? open_note($text, $signer->{vkey}) : { size => 0 };
        return $note->{size} > $seq;
    }), $name);
    return { %$note, text => $text };
}


# Stops, and holds the log to all that was signed for.
sub ended {
    my ($name, %o) = @_;

    $t->stop;
    my @all = whole($t, $name, %o);
    my @roots = tree_roots(map { $_->{line} } @all);
    my ($size, @bad) = (0);
    for my $note (notes()) {
        push @bad, "size $note->{size} after $size" if $note->{size} <= $size;
        $size = $note->{size};
        push @bad, "size $size: another root"
            if ($roots[$size] // '') ne $note->{root};
    }
    push @bad, "signed for $size of " . @all if $size != @all;
    is(join("\n", @bad), '', "$name: each checkpoint is of these lines");
    my ($status, $out) = verify([], log_files($t));
    is($status, 0, "$name: verifies with the key") or diag($out);
    return @all;
}


sub not_started {
    my ($name, $re) = @_;
    my $from = length $t->error_log;

    ok(!eval { $t->run; 1 }, "$name: does not start");
    like(substr($t->error_log, $from), $re, "$name: the message");
    $t->stop;
}


sub verify {
    my ($expect, @files) = @_;

    return run($t->xcctl, qw(audit verify --key), $signer->{vkey},
               (map { ('--expect', $_) } @$expect), @files);
}


# Exit status and all output.
sub run {
    my @command = @_;

    open my $out, '-|', "exec @{[map { quotemeta } @command]} 2>&1"
        or die "$command[0]: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8 || $? & 127, $text);
}

