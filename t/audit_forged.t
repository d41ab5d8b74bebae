#!/usr/bin/perl

# What somebody forges who can write the files but has no key, and what is
# expected of the log by a checkpoint that left the host: none of it passes as a
# whole chain.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use XC::Log;

my $root = abs_path(dirname(__FILE__) . '/..');
my $xcctl = ($ENV{XC_BUILD} // "$root/build") . '/xcctl';
my $dir = File::Temp->newdir('xc-audit-XXXXXXXX', TMPDIR => 1);
my $key = keypair('log.example/n1');
my $vkey = vkey($key);

my $n = 40;
my $log = chain(0, beats('n', 0 .. $n - 1));
my @line = split /\n/, $log;
my @long = split /\n/, chain(0, beats('n', 0 .. 48));
my @leaf = map { leaf($_) } @line;
my $shipped = file('shipped', checkpoint($key, $log, $n));

lines_given_up();
told_between();
before_a_loss();
in_place_of_a_loss();
before_a_failed_write();
without_frontier();
all_before_gone();
another_log();
unsure_lines_altered();
aimed_at_one_slot();
nobody_admitted();

done_testing;


sub beats {
    my ($name, @values) = @_;

    return map { qq("event":"heartbeat","$name":$_) } @values;
}


sub file {
    my ($name, $text) = @_;

    spew("$dir/$name", $text);
    return "$dir/$name";
}


# The log's lines, and the sizes or notes of what stands beside it.
sub state_of {
    my ($text, @beside) = @_;

    file('audit.log', $text);
    file('audit.checkpoints', join '', map {
        (/^\d+$/ ? checkpoint($key, $log, $_) : $_) . "--\n" } @beside);
}


sub found {
    my ($name, @args) = @_;
    my $out = `$xcctl audit verify --key '$vkey' @args $dir/audit.log 2>&1`;
    my $status = $? >> 8;

    isnt($status, 0, $name) or diag $out;
    unlike($out, qr/chain whole$/m, "$name: not whole");
}


# A recover record for seq that gives up from .. to.
sub recover {
    my ($seq, $from, $to, %o) = @_;

    return sprintf '{"seq":%d,"prev":"%s","time":"2026-11-22T10:20:30.000001Z",'
                   . '"node":"n1","event":"recover","cause":"sync-failed",'
                   . '"unsure":{"from":%d,"to":%d}%s}', $seq,
                   $o{prev} // 'a' x 64, $from, $to,
                   $o{frontier} ? ",$o{frontier}" : '';
}


# A line, and what chains behind it.
sub behind {
    my ($first, @members) = @_;
    my ($seq) = $first =~ /"seq":(\d+)/;

    return chain($seq + 1, $first, @members);
}


sub lines { join '', map { "$_\n" } @_ }


# A recover with the true frontier excuses no line that a checkpoint covers.
sub lines_given_up {
    my $recover = recover($n, 20, 39, frontier => frontier(@leaf),
                          prev => sha256_hex("\0$line[-1]"));
    my $rest = behind($recover, beats('z', 0 .. 9));
    my $later = note($key, "$key->{name}\n51\n" . encode_base64(root(@leaf,
        map { leaf($_) } $recover, split /\n/, $rest), '') . "\n");
    my @edited = @line;

    state_of(lines(@line[0 .. 19], $recover), 10, 20, 40);
    found('lines given up before a checkpoint that left', "--expect $shipped");

    state_of(lines(@line[0 .. 19], $recover) . $rest, 10, 20, 40, $later);
    found('the same, and the log goes on', "--expect $shipped");

    $edited[25] =~ s/"n":25/"n":99/;
    state_of(lines(@edited, $recover) . $rest, 10, 20, 40, $later);
    found('a line edited, a recover behind it', "--expect $shipped");

    state_of(lines($line[0], recover(40, 1, 39, frontier => frontier(@leaf))),
             40);
    found('all lines but the first given up', "--expect $shipped");

    state_of(lines(@line[0 .. 4], $line[7],
                   recover(40, 5, 39, frontier => frontier(@leaf))),
             3, 10, 25, 40);
    found('given up behind a stray line');

    # One in the last place before the record that gives up.
    state_of(lines(@line[0 .. 4], $line[39],
                   recover(40, 5, 39, frontier => frontier(@leaf))), 40);
    found('given up behind the last line', "--expect $shipped");
}


# Nor does the frontier of another record, itself given up by the next one.
sub told_between {
    my $told = sprintf '{"seq":%d,"prev":"%s","time":'
                       . '"2026-11-22T10:20:30.000001Z","node":"n1","event":'
                       . '"reopen",%s}', $n, 'a' x 64, frontier(@leaf);

    state_of(lines(@line[0 .. 4], $told,
                   recover($n + 1, 5, $n, frontier => frontier(@leaf,
                                                               leaf($told)))),
             40);
    found('a frontier told in what is given up', "--expect $shipped");
}


# Lines that were lost excuse none before them: those the frontier has, too.
sub before_a_loss {
    my @rest = split /\n/, chain(37, $line[36], '"event":"recover","cause":'
        . '"sync-failed","unsure":{"from":33,"to":36},'
        . frontier(@leaf[0 .. 36]), beats('n', 38, 39));
    my $note = checkpoint($key, lines(@line[0 .. 36], @rest), $n);
    my $left = file('left', $note);

    state_of(lines(@line[0 .. 32], @rest), $note);
    my $out = `$xcctl audit verify --key '$vkey' --expect $left $dir/audit.log`;
    is($?, 0, 'lines lost as a recover record says') or diag $out;
    like($out, qr/: seq 32 to 32, before lines that are gone, are confirmed/,
         'the line before them that no hash tells of is named');

    my $forged = behind($line[2], beats('forged', 3 .. 32));
    state_of(lines(@line[0 .. 2]) . $forged . lines(@rest), $note);
    found('rewritten up to lines that were lost', "--expect $left");

    state_of(lines(@line[0 .. 4, 32], @rest), $note);
    found('more gone than was lost', "--expect $left");

    for my $at (33, 35, 37) {
        my @lines = @line[0 .. 36];

        splice @lines, $at, 0, $line[3] =~ s/"n":3/"n":99/r;
        state_of(lines(@lines, @rest), $note);
        found("a line put before seq $at, which was not lost",
              "--expect $left");
    }

    state_of(lines(@line[0 .. 36]) . behind($line[36], beats('forged', 37))
             . lines(@rest), $note);
    found('a line put where the record that gives up stands',
          "--expect $left");
}


# Nor does a loss take in lines that are none of what was lost: what a record
# that gives up lines does not chain to, behind a gap, is confirmed by nothing.
sub in_place_of_a_loss {
    my @rest = split /\n/, chain(49, $long[48],
        '"event":"recover","cause":"sync-failed","unsure":{"from":33,"to":48},'
        . frontier(map { leaf($_) } @long[0 .. 48]), beats('n', 50 .. 52));
    my $text = lines(@long[0 .. 48], @rest);
    my $note = checkpoint($key, $text, 53);
    my $left = file('left', $note);
    my $forge = sub {
        my ($seq, $n) = @_;
        return split /\n/, behind($long[$seq - 1] =~ s/beat/BEAT/r,
                                  beats('forged', 1 .. $n));
    };
    my $args = "--expect $left";

    for my $lost (['', 33 .. 48], ["\0" x 900, 33 .. 40], ["\0", 34 .. 34],
                  ['x', 34 .. 47], ["\0" x 9, 40 .. 48], ["a\nb", 36 .. 44])
    {
        my ($with, $from, $to) = ($lost->[0], @$lost[1, -1]);

        state_of(lines(@long[0 .. $from - 1]) . ($with eq '' ? '' : "$with\n")
                 . lines(@long[$to + 1 .. 48], @rest), $note);
        my $out = `$xcctl audit verify --key '$vkey' $args $dir/audit.log 2>&1`;
        is($?, 0, "seq $from to $to lost") or diag $out;
    }

    state_of(lines(@long[0 .. 48], $forge->(48, 1), @rest), $note);
    found('a line of the range put behind all of it', $args);

    state_of(lines(@long[0 .. 40], 'x', @long[41 .. 48], @rest), $note);
    found('what is no record put among them, and none gone', $args);

    state_of(lines(@long[0 .. 30, 48], @rest), $note);
    found('two more gone than were lost, the last one there', $args);

    state_of(lines(@long[0 .. 32], $forge->(48, 1), @rest), $note);
    found('a line put where those behind the gap would stand', $args);

    state_of(lines(@long[0 .. 32], 'x', $forge->(34, 15), @rest), $note);
    found('others behind a line that is no record', $args);

    state_of(lines(@long[0 .. 32], 'x', $forge->(34, 3), @rest), $note);
    found('others within the gap', $args);

    state_of(lines(@long[0 .. 32], $forge->(37, 1), @rest), $note);
    found('another one within the gap', $args);

    state_of(lines(@long[0 .. 32], $forge->(33, 1), @rest), $note);
    found('another one where the gap begins', $args);

    state_of(lines(@long[0 .. 32], 'x', $forge->(34, 1), 'x', @rest), $note);
    found('another one between two that are no records', $args);
}


# Half a record excuses a file's end, and no line put there: nobody can give it
# up, since it never was one.
sub before_a_failed_write {
    my $rest = chain(20, $line[19], '"event":"recover","cause":"write-failed",'
                                    . frontier(@leaf[0 .. 19]),
                     beats('n', 21 .. 39));
    my $note = checkpoint($key, lines(@line[0 .. 19]) . $rest, $n);
    my $left = file('left', $note);

    for my $stray ('{"event":"decision","decision":"allow"}', 'x') {
        state_of(lines(@line[0 .. 19], $stray) . $rest, $note);
        found("put before a failed write: $stray", "--expect $left");
    }

    my $first = file('first', lines(@line[0 .. 19]) . '{"seq":20,"prev":"');
    my $second = file('second', $rest);
    my @args = ('--key', "'$vkey'", '--expect', $left, $first, $second);
    my $out = `$xcctl audit verify @args 2>&1`;
    is($?, 0, 'half a record before it is excused') or diag $out;

    mkdir "$dir/state" or die $!;
    file('state/audit.failed-1', slurp($first));
    file('state/audit.log', $rest);
    $out = `$xcctl audit prune --dry-run --before 2030-01-01 $dir/state 2>&1`;
    like($out, qr/^audit: 1 files would be removed$/m, 'and may be pruned');

    file('state/audit.failed-1', behind($line[0] =~ s/"n":0/"n":1/r,
                                        beats('n', 1 .. 19)));
    $out = `$xcctl audit prune --dry-run --before 2030-01-01 $dir/state 2>&1`;
    isnt($?, 0, 'other lines may not') or diag $out;
}


# Without its frontier a record would take what follows out of the tree.
sub without_frontier {
    my $recover = recover(20, 5, 19);

    state_of(lines(@line[0 .. 4], $recover)
             . behind($recover, beats('forged', 21 .. 39)), 3, 10, 25, 40);
    found('rewritten behind a recover without frontier');

    state_of(behind($line[0], beats('forged', 1 .. 39)), 3, 10, 25, 40);
    found('rewritten from seq 1 on, the first line gone');
}


# What is expected of lines of which none is given is not met by a frontier.
sub all_before_gone {
    my @rest = split /\n/, chain($n, $line[-1], '"event":"reopen",'
                                               . frontier(@leaf),
                                 beats('n', $n + 1));
    my $later = checkpoint($key, lines(@line, @rest), $n + 2);

    state_of(lines(@rest), $n);
    found('all that was signed for is gone', "--expect $shipped");

    my @args = ('--key', "'$vkey'", '--expect', $shipped, '--expect',
                file('later', $later), "$dir/audit.log");
    my $out = `$xcctl audit verify @args 2>&1`;
    is($?, 0, 'a later note tells of both') or diag $out;
}


# A note that says nothing does not pass for one that agrees.
sub another_log {
    (my $cut = checkpoint($key, $log, $n)) =~ s/\n\z//;

    file('audit.log', chain(0, beats('x', 0 .. $n - 1)));
    unlink "$dir/audit.checkpoints";
    found('another log', "--expect $shipped");
    found('another log, the note without its last line feed',
          '--expect ' . file('cut', $cut));
    found('another log, an empty note', '--expect ' . file('empty', ''));
}


# Loss does not explain other lines.
sub unsure_lines_altered {
    my $recover = recover($n, 20, 39, frontier => frontier(@leaf),
                          prev => sha256_hex("\0$line[-1]"));
    my $rest = behind($recover, beats('z', 0 .. 9));
    my $expect = file('later', note($key, "$key->{name}\n51\n"
        . encode_base64(root(@leaf, map { leaf($_) } $recover,
                             split /\n/, $rest), '') . "\n"));

    state_of(lines(@line[0 .. 19])
             . behind($line[19], beats('forged', 20 .. 39))
             . lines($recover) . $rest, 20);
    found('lines of an unsure range replaced', "--expect $expect");
}


# An admission that names no agency proves nothing, and says so.
# Decisions that wait for their outcomes, all in one slot if slots were known
# beforehand: minutes where it takes a second.
sub aimed_at_one_slot {
    my $text = join '', map { sprintf '{"seq":%d,"prev":"%s","time":'
        . '"2026-11-22T10:20:30.000001Z","node":"n1","event":"decision",'
        . "\"id\":\"%032x\",\"decision\":\"allow\"}\n", $_ << 32, 'a' x 64, $_ }
        1 .. 400_000;
    my $out = `timeout 60 $xcctl audit verify @{[file('aimed', $text)]} 2>&1`;

    is($? >> 8, 1, 'seqs chosen so that a search takes long') or diag $out;
    like($out, qr/^audit: 400000 records, \d+ faults$/m, 'it does not');
}


sub nobody_admitted {
    my $policy = "$root/conf/policy.json";

    for my $goes_on ('"decision":"allow"',
                     '"decision":"deny","reason":"rate-exceeded",'
                     . '"mode":"observe"')
    {
        state_of(chain(0, '"event":"decision","id":"' . 'a' x 32
                          . "\",$goes_on"));
        found("an admission of nobody: $goes_on", "--policy $policy");
    }
}
