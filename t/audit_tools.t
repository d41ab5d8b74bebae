#!/usr/bin/perl

# xcctl audit: what checkpoints find that the chain alone can't, proofs for an
# outsider, who asked about a subject, reports, and dropping old files.  Logs,
# trees, notes and signatures are made here, by other code than the one tested.

use strict;
use warnings;

use Crypt::PK::Ed25519;
use Cwd qw(abs_path);
use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use File::Basename qw(dirname);
use File::Temp ();
use IO::Socket::UNIX ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/lib';
use XC::Log;

my $root = abs_path(dirname(__FILE__) . '/..');
my $xcctl = $ENV{XC_XCCTL} // ($ENV{XC_BUILD} // "$root/build") . '/xcctl';
my $dir = File::Temp->newdir('xc-audit-XXXXXXXX', TMPDIR => 1);
my $key = keypair('log.example/n1');
my $vkey = vkey($key);

my $n = 40;
my @members = map { "\"event\":\"heartbeat\",\"n\":$_" } 0 .. $n - 1;
my $log = chain(0, @members);
my @at = (1, 7, 8, 20, 33, 40);             # checkpoints are of these sizes


sizes();
tampered();
rewritten();
rolled_back();
notes();
expected();
rotated();
rotated_alone();
recovered();
proofs();
matched();
reported();
pruned();

done_testing;


# Every size of tree, each with its checkpoint.
sub sizes {
    state($log, 1 .. $n);
    my ($status, $out) = verify('--key', $vkey);
    is($status, 0, 'a checkpoint of every size');
    like($out, qr/^checkpoints: 40 agree$/m, 'agrees');

    ($status, $out) = verify();
    is($status, 0, 'without a key');
    like($out, qr/signatures were not checked \(no --key\)/, 'that is said');

    spew("$dir/audit.checkpoint", checkpoint($key, $log, $n));
    unlink "$dir/audit.checkpoints";
    like((verify('--key', $vkey))[1], qr/^checkpoints: 1 agree$/m,
         'the latest alone');

    # the separator also behind the last one, or a last one half written
    state($log, @at);
    my $notes = slurp("$dir/audit.checkpoints");
    spew("$dir/audit.checkpoints", $notes . "--\n");
    like((verify('--key', $vkey))[1], qr/^checkpoints: 6 agree$/m,
         'a separator at the end');
    spew("$dir/audit.checkpoints", $notes . "--\nlog.exam");
    ($status, $out) = verify('--key', $vkey);
    is($status, 0, 'half a note at the end');
    like($out, qr/note 7 is not whole/, 'is told');
}


# Changes without making the chain anew: the line is named, and nothing else
# is a fault.
sub tampered {
    for my $case (
        ['a flip', sub { $_[0][10] =~ s/"n":10/"n":11/ }, qr/log:11: altered/],
        ['a deletion', sub { splice @{ $_[0] }, 10, 1 },
         qr/log:11: seq 10 is missing/],
        ['an insertion', sub { splice @{ $_[0] }, 10, 0, $_[0][3] },
         qr/log:11: out of order/],
        ['a swap', sub { @{ $_[0] }[10, 11] = @{ $_[0] }[11, 10] },
         qr/log:11: out of order/],
        ['a line doubled', sub { splice @{ $_[0] }, 10, 0, $_[0][10] },
         qr/log:12: out of order/],
        ['the first line deleted', sub { shift @{ $_[0] } },
         qr/begins at seq 1/],
        ['a byte of garbage', sub { $_[0][10] .= 'x' }, qr/log:11: not JSON/],
    ) {
        my ($name, $change, $want) = @$case;
        my @l = split /\n/, $log;

        $change->(\@l);
        state(join('', map { "$_\n" } @l), ());
        notes_of($log, @at);
        my ($status, $out) = verify('--key', $vkey);

        like($out, $want, $name);
        if ($name eq 'the first line deleted') {
            like($out, qr/has no frontier, which the gate writes there/,
                 "$name: not as after a rotation");
        }
        is($status, 1, "$name: found");
        like($out, qr/^audit: \d+ records, 1 faults$/m, "$name: one fault")
            or diag $out;
    }
}


# A line changed and everything behind it made anew: the span is named.
sub rewritten {
    for my $at (0, 6, 7, 8, 19, 20, 32, 33, 39) {
        my @m = @members;
        my ($from) = (reverse grep { $_ <= $at } 0, @at);
        my ($to) = grep { $_ > $at } @at;

        $m[$at] =~ s/heartbeat/heartbeaT/;
        state(chain(0, @m), ());
        notes_of($log, @at);
        my ($status, $out) = verify('--key', $vkey);

        is($status, 1, "seq $at rewritten: found");
        my $last = $to - 1;
        like($out, qr/audit.checkpoints: .* of $to records, .* seq $from to $last/,
             "between $from and $to");
    }

    # a line left out and one put in, all behind made anew
    for my $case (['left out', sub { splice @{ $_[0] }, 22, 1 }],
                  ['put in', sub { splice @{ $_[0] }, 22, 0, $_[0][0] }])
    {
        my ($name, $change) = @$case;
        my @m = @members;

        $change->(\@m);
        state(chain(0, @m), ());
        notes_of($log, @at);
        my ($status, $out) = verify('--key', $vkey);
        is($status, 1, "a line $name: found");
        like($out, qr/changed within seq 20 to 32/, "a line $name: the span");
    }
}


sub rolled_back {
    my ($status, $out);

    for my $size (0, 5, 19, 20, 39) {
        state(join('', map { "$_\n" } (split /\n/, $log)[0 .. $size - 1]), ());
        notes_of($log, @at);
        ($status, $out) = verify('--key', $vkey);
        is($status, 1, "cut off behind $size");
        like($out, qr/the log ends before seq $size: cut off/, 'is told');
    }

    # log and checkpoints together: only what left the host tells
    state(join('', map { "$_\n" } (split /\n/, $log)[0 .. 19]), 1, 7, 8, 20);
    is((verify('--key', $vkey))[0], 0, 'all rolled back: nothing to see');
    spew("$dir/left", checkpoint($key, $log, 33));
    ($status, $out) = verify('--key', $vkey, '--expect', "$dir/left");
    is($status, 1, 'but for one that left the host');
    like($out, qr/left: note 1: a checkpoint of 33 records, and the log ends/,
         'which is named');
}


sub notes {
    my ($status, $out);
    my $other = keypair('log.example/n1');
    my $name = keypair('log.example/n2');

    state($log, ());
    spew("$dir/audit.checkpoints", checkpoint($other, $log, 20));
    ($status, $out) = verify('--key', $vkey);
    is($status, 1, 'a checkpoint of another key');
    like($out, qr/note 1 is not a checkpoint of this log/, 'is told');
    is((verify('--key', $vkey, '--key', vkey($other)))[0], 0,
       'unless the key is given, too');

    my $note = checkpoint($key, $log, 20);
    $note =~ s/^20$/21/m;
    spew("$dir/audit.checkpoints", $note);
    is((verify('--key', $vkey))[0], 1, 'a size changed');

    spew("$dir/audit.checkpoints", checkpoint($key, $log, 20) . "--\n"
                                   . checkpoint($name, $log, 33));
    is((verify())[0], 1, 'two origins');

    spew("$dir/audit.checkpoints", "rubbish\n--\n"
                                   . checkpoint($key, $log, 20));
    ($status, $out) = verify('--key', $vkey);
    is($status, 1, 'rubbish among the checkpoints');
    like($out, qr/^checkpoints: 1 agree$/m, 'does not hide the others');

    spew("$dir/audit.checkpoints", join "--\n", map {
        checkpoint($key, $log, $_) } 8, 20, 7, 33);
    ($status, $out) = verify('--key', $vkey);
    is($status, 1, 'set back');
    like($out, qr/note 3 is of 7 records, behind one of 20/, 'is told');

    # twice the same size, once with other lines
    my @m = @members;
    $m[3] .= ',"x":1';
    spew("$dir/audit.checkpoints", join "--\n", checkpoint($key, $log, 20),
         checkpoint($key, chain(0, @m), 20));
    is((verify('--key', $vkey))[0], 1, 'two of one size that differ');
}


# Whoever holds the key can sign a new history; a checkpoint that left the
# host before finds it.
sub expected {
    my ($status, $out);
    my @m = @members;

    spew("$dir/left", checkpoint($key, $log, 20));
    spew("$dir/early", checkpoint($key, $log, 7));
    state($log, @at);
    is((verify('--key', $vkey, '--expect', "$dir/left"))[0], 0, 'a prefix');

    $m[9] =~ s/heartbeat/heartbeaT/;
    state(chain(0, @m), @at);
    is((verify('--key', $vkey))[0], 0, 'rewritten and signed: nothing to see');
    ($status, $out) = verify('--key', $vkey, '--expect', "$dir/left");
    is($status, 1, 'but for the one that left the host');
    like($out, qr/left: note 1: .* changed within seq 0 to 19; no checkpoint/,
         'what stands beside the log narrows nothing down');
    ($status, $out) = verify('--key', $vkey, '--expect', "$dir/early",
                             '--expect', "$dir/left");
    is($status, 1, 'with an earlier one');
    like($out, qr/left: note 1: .* changed within seq 7 to 19/, 'it does');

    spew("$dir/many", join "--\n", map { checkpoint($key, $log, $_) } 7, 20);
    like((verify('--key', $vkey, '--expect', "$dir/many"))[1],
         qr/many: note 2: .* changed within seq 7 to 19/, 'or many in a file');

    is((verify('--expect', "$dir/none"))[0], 2, 'one that is not there: 2');
}


# Files that begin with a frontier.
sub rotated {
    my ($status, $out);

    for my $size (1, 7, 8, 31, 32, 33) {
        my @l = split /\n/, $log;
        my @first = @l[0 .. $size - 1];
        my $rest = chain($size, $l[$size - 1], '"event":"reopen",'
                         . frontier(map { leaf($_) } @first),
                         @members[$size + 1 .. $n - 1]);
        my $all = join('', map { "$_\n" } @first) . $rest;

        spew("$dir/audit.log.1", join '', map { "$_\n" } @first);
        state($rest, ());
        notes_of($all, 1 .. $n);

        is((run('verify', '--key', $vkey, "$dir/audit.log.1", "$dir/log"))[0],
           0, "rotated behind $size: both files");
        ($status, $out) = verify('--key', $vkey);
        is($status, 0, 'the second alone');
        my $agree = $n - $size + 1;
        my $before = $size - 1;
        like($out, $before ? qr/$agree agree, $before lie before/
                           : qr/$agree agree$/m, 'from its size on');

        # the frontier is trusted only as far as a checkpoint goes
        my $forged = $rest =~ s/(hashes":\[")(.)/$1 . ($2 eq 'a' ? 'b' : 'a')/er;
        is((split /\n/, $forged)[0] eq (split /\n/, $rest)[0], '',
           'a forged frontier');
        my @f = split /\n/, $forged;
        my ($forged_members) = $f[0] =~ /"node":"n1",(.*)\}\z/;
        $forged = chain($size, $l[$size - 1], $forged_members,
                        @members[$size + 1 .. $n - 1]);
        state($forged, ());
        notes_of($all, 1 .. $n);
        ($status, $out) = verify('--key', $vkey);
        is($status, 1, 'disagrees with its checkpoint');
        like($out, qr/a checkpoint of $size records/, 'of its size');
        ($status, $out) = run('verify', "$dir/audit.log.1", "$dir/log");
        like($out, qr/log:1: the frontier is not that of the lines before it/,
             'and with the file before');
    }

    # without one
    my @l = split /\n/, $log;
    state(join('', map { "$_\n" } @l[8 .. $n - 1]), ());
    notes_of($log, @at);
    ($status, $out) = verify('--key', $vkey);
    is($status, 1, 'no frontier beside checkpoints: found');
    like($out, qr/has no frontier, which the gate writes there/, 'and said');
}


# A file that others follow, beside checkpoints of theirs: it is whole where one
# is of just its end, as a rotation signs; and no other end passes for that.
sub rotated_alone {
    my ($status, $out);
    my $place = "$dir/alone";
    my $file = sub {
        my ($name, $text) = @_;
        unlink glob "$place/audit.log*";
        spew("$place/$name", $text);
        return "$place/$name";
    };
    my @l = split /\n/, $log;
    my $lines = sub { join '', map { "$_\n" } @l[$_[0] .. $_[1]] };
    my $middle = chain(8, $l[7], '"event":"reopen",'
                       . frontier(map { leaf($_) } @l[0 .. 7]),
                       @members[9 .. 19]);
    @l[8 .. 19] = split /\n/, $middle;
    @l[20 .. 39] = split /\n/, chain(20, $l[19], '"event":"reopen",'
                       . frontier(map { leaf($_) } @l[0 .. 19]),
                       @members[21 .. 39]);
    my $all = $lines->(0, 39);

    mkdir $place or die;
    spew("$place/audit.checkpoints", join "--\n", map {
        checkpoint($key, $all, $_) } 1, 8, 14, 20, 33, 40);
    spew("$place/audit.checkpoint", checkpoint($key, $all, 40));

    for my $name (qw(audit.log.1 audit.log-20261122)) {
        ($status, $out) = run('verify', '--key', $vkey,
                              $file->($name, $middle));
        is($status, 0, "$name alone") or diag $out;
        is($out, "$place/$name:1: begins at seq 8: what stood before it was"
                 . " not given\ncheckpoints: 3 agree, 1 lie before the first"
                 . " file, 3 lie behind the last file\ngiven: seq 8 to 19;"
                 . " signed for, but not given: seq 20 to 39\naudit: 12"
                 . " records, chain whole as far as it was given\n",
           'what was verified, and what was not');
    }
    ($status, $out) = run('verify', '--key', $vkey,
                          $file->('audit.log.2', $lines->(0, 7)));
    is($status, 0, 'the first file alone');
    like($out, qr/^given: seq 0 to 7; .* not given: seq 8 to 39$/m, 'so too');

    # two of three, and with the last of all
    spew("$place/audit.log.1", $middle);
    my @two = ("$place/audit.log.2", "$place/audit.log.1");
    ($status, $out) = run('verify', '--key', $vkey, @two);
    is($status, 0, 'two of three files');
    like($out, qr/^given: seq 0 to 19; .* not given: seq 20 to 39$/m,
         'as if one');
    spew("$place/audit.log", $lines->(20, 39));
    ($status, $out) = run('verify', '--key', $vkey, @two, "$place/audit.log");
    is($status, 0, 'all three');
    like($out, qr/^audit: 40 records, chain whole$/m, 'nothing is left out');
    spew("$place/audit.log", '');
    ($status, $out) = run('verify', '--key', $vkey, @two, "$place/audit.log");
    is($status, 1, 'the last of all emptied');
    like($out, qr/the log ends before seq 20: cut off/, 'is found');

    # cut off: at a checkpoint under its own name, or not at one
    for my $case (['audit.log', 8, 19], ['log.1', 8, 19], ['audit.log.', 8, 19],
                  ['audit.log.1', 8, 18], ['audit.log.1', 8, 20],
                  ['audit.log.1', 20, 38])
    {
        my ($name, $from, $to) = @$case;
        my $end = $to + 1;

        ($status, $out) = run('verify', '--key', $vkey,
                              $file->($name, $lines->($from, $to)));
        is($status, 1, "$name of seq $from to $to, those behind it cut off");
        like($out, qr/the log ends before seq $end: cut off/, 'is found');
        unlike($out, qr/given: seq|whole/, 'nothing is passed over');
    }

    # what else is wrong is found as ever
    ($status, $out) = run('verify', '--key', $vkey, $file->('audit.log.1',
                          $middle =~ s/"n":15}/"n":16}/r));
    is($status, 1, 'a line changed');
    like($out, qr/^\S+audit.log.1:8: altered/m, 'is named');
    like($out, qr/^audit: 12 records, 1 faults$/m, 'and is all that is wrong');
    my @m = @members[9 .. 19];
    $m[5] =~ s/heartbeat/heartbeaT/;
    ($status, $out) = run('verify', '--key', $vkey, $file->('audit.log.1',
                          chain(8, $l[7], '"event":"reopen",'
                          . frontier(map { leaf($_) } @l[0 .. 7]), @m)));
    is($status, 1, 'the chain made anew');
    like($out, qr/changed within seq 14 to 19/, 'the span is named');

    # a note that left the host is expected of what is given
    $file->('audit.log.1', $middle);
    for my $case ([14, 0], [20, 0], [21, 1], [33, 1], [40, 1]) {
        my ($size, $want) = @$case;

        spew("$dir/left", checkpoint($key, $all, $size));
        ($status, $out) = run('verify', '--key', $vkey, '--expect',
                              "$dir/left", "$place/audit.log.1");
        is($status, $want, "--expect of $size records, 20 given");
        like($out, qr/left: note 1: .* the log ends before seq 20/,
             'is not reached') if $want;
    }

    # nobody without the key makes an end look signed for
    spew("$place/audit.checkpoints", join "--\n",
         checkpoint($key, $all, 8), checkpoint(keypair($key->{name}), $all, 12),
         checkpoint($key, $all, 40));
    is((run('verify', '--key', $vkey, $file->('audit.log.1',
        $lines->(8, 11))))[0], 1, 'an end that another key signed for');
}


# Lines that a recover record gives up; the tree goes on from its frontier.
sub recovered {
    my @l = split /\n/, $log;
    my @leaves = map { leaf($_) } @l[0 .. 9];
    my $rest = chain(10, $l[9], '"event":"recover","cause":"power-loss",'
                     . '"lost":{"from":8,"to":9},' . frontier(@leaves),
                     @members[11 .. 20]);
    my $all = join('', map { "$_\n" } @l[0 .. 9]) . $rest;

    state(join('', map { "$_\n" } @l[0 .. 7]) . $rest, ());
    notes_of($all, 7, 8, 15, 21);
    my ($status, $out) = verify('--key', $vkey);
    is($status, 0, 'lines that were never synced are lost');
    like($out, qr/^checkpoints: 4 agree$/m, 'and the tree goes on');

    notes_of($all, 7, 9, 15, 21);
    ($status, $out) = verify('--key', $vkey);
    is($status, 1, 'lines that a checkpoint covers are given up');
    like($out, qr/gives up lines from seq 8 on, which a checkpoint of 9/,
         'and that is told');
}


sub proofs {
    my ($status, $out);

    state($log, 7, 33);
    for my $seq (0, 1, 15, 16, 31, 32) {
        ($status, $out) = run('prove', "$dir/log", $seq);
        is($status, 0, "seq $seq: proved");

        my ($theirs) = $out =~ /\A(.*\n\n)/s;
        my ($ours) = proof($key, $log, 33, $seq) =~ /\A(.*\n\n)/s;
        is($theirs, $ours, 'the same path as by the standard\'s definition');

        spew("$dir/proof", $out);
        spew("$dir/line", (split /\n/, $log)[$seq] . ($seq % 2 ? "\n" : ''));
        ($status, $out) = run('check', "$dir/proof", "$dir/line", $vkey);
        is($status, 0, 'it checks');
        like($out, qr/proved: the line is seq $seq of log\.example.n1/, 'so');

        spew("$dir/line", (split /\n/, $log)[$seq] . ' ');
        is((run('check', "$dir/proof", "$dir/line", $vkey))[0], 1,
           'not with another line');
    }

    spew("$dir/line", (split /\n/, $log)[5]);
    spew("$dir/proof", proof($key, $log, 33, 5));
    is((run('check', "$dir/proof", "$dir/line", $vkey))[0], 0,
       'a proof made elsewhere checks');
    `$xcctl audit check $dir/proof - '$vkey' <$dir/line`;
    is($? >> 8, 0, 'the line from standard input');
    is((run('check', "$dir/proof", "$dir/line",
            vkey(keypair('log.example/n1'))))[0], 1, 'not under another key');

    my $proof = slurp("$dir/proof");
    for my $case (['index', $proof =~ s/^index 5/index 4/mr],
                  ['path', $proof =~ s/^(index 5\n)(.)/$1 . ($2 eq 'A' ? 'B'
                                                             : 'A')/mer],
                  ['size', $proof =~ s/^33$/34/mr],
                  ['signature', $proof =~ s/(.{8})\n\z/"AAAAAAA=\n"/er],
                  ['nothing', ''])
    {
        spew("$dir/proof", $case->[1]);
        is((run('check', "$dir/proof", "$dir/line", $vkey))[0], 1,
           "a forged $case->[0]");
    }
    is((run('check', "$dir/none", "$dir/line", $vkey))[0], 2, 'no file: 2');
    is((run('check', "$dir/proof", "$dir/line", 'key'))[0], 2, 'no key: 2');

    is((run('prove', "$dir/log", 33))[0], 1, 'behind the last checkpoint');
    is((run('prove', "$dir/log", 'x'))[0], 2, 'not a seq: 2');
    state($log =~ s/"n":3}/"n":4}/r, ());
    notes_of($log, 33);
    is((run('prove', "$dir/log", 5))[0], 1, 'other lines than those signed');

    # from a file that begins with a frontier
    my @l = split /\n/, $log;
    my $rest = chain(11, $l[10], '"event":"reopen",'
                     . frontier(map { leaf($_) } @l[0 .. 10]),
                     @members[12 .. 39]);
    my $all = join('', map { "$_\n" } @l[0 .. 10]) . $rest;
    state($rest, ());
    notes_of($all, 33);
    for my $seq (11, 12, 30) {
        ($status, $out) = run('prove', "$dir/log", $seq);
        my ($theirs) = $out =~ /\A(.*\n\n)/s;
        my ($ours) = proof($key, $all, 33, $seq) =~ /\A(.*\n\n)/s;
        is($theirs, $ours, "seq $seq by a frontier");
    }
    is((run('prove', "$dir/log", 10))[0], 1, 'what lies before the file');
}


sub matched {
    my $secret = "k\0\n" . 'x' x 40;
    my $hmac = sub { hmac_sha256_hex("$_[0]\0$_[1]", $secret) };
    my ($shop, $other, $officer) = ($hmac->('merchant', '91310000MA1FL0000N'),
                                    $hmac->('order', '91310000MA1FL0000N'),
                                    $hmac->('officer', '31000000017'));

    spew("$dir/secret", $secret);
    chmod 0600, "$dir/secret";
    state(chain(0,
        '"event":"decision","id":"a","agency":"310115","request_no":"R1",'
        . '"subjects":[{"type":"merchant","id":"' . $shop . '"}],'
        . '"officers":["' . $officer . '"],"decision":"allow"',
        '"event":"decision","id":"b","subjects":[{"type":"order","id":"'
        . $other . '"}],"decision":"deny","reason":"rate-exceeded"',
        '"event":"decision","id":"c","subjects":[{"type":"order","id":"'
        . $shop . '"}],"category":"' . $shop . '","decision":"allow"',
        '"event":"decision","id":"d","subjects":[{"type":"live_room","id":"'
        . 'a' x 64 . '"},{"type":"merchant","id":"' . $shop
        . '"}],"decision":"allow"'), ());

    my @match = ('match', '--subject-key', "$dir/secret", '--type');
    my ($status, $out) = run(@match, 'merchant', '91310000MA1FL0000N',
                             "$dir/log");
    is($status, 0, 'records about a merchant');
    is(join(' ', $out =~ /id=(\w)/g), 'a d', 'those, and no other');
    like($out, qr/log:1: seq 0 time=\S+ id=a agency=310115 request_no=R1/,
         'with what they were for');
    like((run(@match, 'order', '91310000MA1FL0000N', "$dir/log"))[1],
         qr/ id=b .* reason=rate-exceeded/, 'the type belongs to it');
    is(join(' ', (run(@match, 'officer', '31000000017', "$dir/log"))[1]
                 =~ /id=(\w)/g), 'a', 'an officer');
    like((run(@match, 'officer', '3', "$dir/log"))[1],
         qr/\Aaudit: 0 records match$/m, 'nobody');
    chmod 0604, "$dir/secret";
    is((run(@match, 'officer', '3', "$dir/log"))[0], 2,
       'a key that others can read');
    is((run('match', '--type', 'officer', '3', "$dir/log"))[0], 2, 'no key');
}


sub reported {
    my $decision = sub {
        my ($id, $more) = @_;
        return "\"event\":\"decision\",\"id\":\"$id\",$more";
    };
    my $outcome = sub {
        my ($id, $seq, $ms, $reply) = @_;
        return "\"event\":\"outcome\",\"id\":\"$id\",\"status\":200,\"ms\":$ms,"
               . ($reply ? "\"reply\":\"$reply\"," : '')
               . "\"decision_seq\":$seq";
    };
    my $allow = '"decision":"allow","mode":"enforce"';
    my $deny = '"decision":"deny","reason":"%s","refused":[%s],'
               . '"mode":"enforce"';

    # an hour and a half between two records
    state(chain({ step => 5400 }, 0,
        $decision->('a', "\"agency\":\"310115\",\"request_no\":\"<R1>\",$allow"),
        $outcome->('a', 0, 15, 'received'),
        $decision->('b', '"agency":"310115",' . sprintf($deny,
            'field-not-granted', '{"field":"buyer.phone","reason":"x"},'
            . '{"field":"buyer.name","reason":"x"}')),
        $decision->('c', '"agency":"310000",' . sprintf($deny,
            'field-not-granted', '{"field":"buyer.phone","reason":"x"}')),
        $decision->('d', "\"agency\":\"310115\",\"ref\":\"n1:0\",$allow"),
        $outcome->('d', 4, 90, 'final'),
        $decision->('e', sprintf $deny, 'credential-missing', ''),
        $decision->('f', "\"agency\":\"440000\",\"request_no\":\"R2\",$allow"),
        $outcome->('f', 7, 7, 'no-data'),
        $decision->('g', "\"agency\":\"440000\",$allow"),
        $outcome->('g', 9, 8, 'interim'),
        '"event":"summary","client":"192.0.2.0/24","reason":'
        . '"credential-missing","count":12'), ());

    my ($status, $out) = run('report', '--json', "$dir/log");
    is($status, 0, 'a report');
    my $r = JSON::PP->new->decode($out);
    is("$r->{records} $r->{admitted} $r->{refused} $r->{summarised}",
       '12 4 3 12', 'records, admitted, refused, summarised');
    is_deeply($r->{agencies}, [
        { agency => '310115', admitted => 2, refused => 1 },
        { agency => '440000', admitted => 2, refused => 0 },
        { agency => '-', admitted => 0, refused => 1 },
        { agency => '310000', admitted => 0, refused => 1 }], 'agencies');
    is_deeply($r->{reasons}, [
        { reason => 'credential-missing', count => 13 },
        { reason => 'field-not-granted', count => 2 }], 'reasons');
    is_deeply($r->{refused_fields}, [{ field => 'buyer.phone', count => 2 },
                                     { field => 'buyer.name', count => 1 }],
              'refused fields');

    # from 2026-11-22 18:20 in Shanghai on, 16.5 hours
    is_deeply($r->{days}, [
        { day => '2026-11-22', admitted => 1, refused => 2 },
        { day => '2026-11-23', admitted => 3, refused => 1 }],
        'days in Shanghai');

    my $all = $r->{replies}{all};
    is("$all->{final}{count} $all->{waiting} $all->{final}{max_ms}",
       '2 1 27000000', 'from a submit to the reply that its result brought');
    is_deeply($r->{replies}{slowest}[0], { record => 'n1:0', ms => 27000000,
              agency => '310115', request_no => '<R1>' }, 'the slowest');
    is(join(' ', map { "$_->{record}=$_->{ms}" } @{ $r->{slowest_answers} }),
       'n1:4=90 n1:0=15 n1:9=8 n1:7=7', 'the slowest answers');

    ($status, $out) = run('report', "$dir/log");
    like($out, qr/^\s+310115\s+2\s+1$/m, 'as text');
    like($out, qr/07:30:00\.000\s+n1:0\s+310115\s+<R1>/, 'with durations');

    ($status, $out) = run('report', '--html', "$dir/log");
    is($status, 0, 'as HTML');
    like($out, qr/&lt;R1&gt;/, 'texts are escaped');
    unlike($out, qr/<script|<R1>|(?:href|src)=|url\(/,
           'nothing runs, nothing is fetched');
    like($out, qr/<svg.*<\/svg>/s, 'with charts');

    spew("$dir/log", slurp("$dir/log") . "rubbish\n");
    is((run('report', "$dir/log"))[0], 1, 'what is no record is passed over');
    is((run('report', '--json', '--html', "$dir/log"))[0], 2, 'one form');
    spew("$dir/log", '');
    is((run('report', '--json', "$dir/log"))[0], 0, 'an empty log');
}


sub pruned {
    my $state = "$dir/state";
    my ($status, $out);
    my @files = ("$state/audit.log.2", "$state/audit.log.1",
                 "$state/audit.log");
    my $t0 = 1795342800;                    # 2026-11-22 in Shanghai

    # a day a record, five a file
    my (@l, $text);
    mkdir $state or die;
    for my $file (0 .. 2) {
        my @m = map { "\"event\":\"heartbeat\",\"n\":$_" } 1 .. 5;

        $m[0] = '"event":"reopen",' . frontier(map { leaf($_) } @l) if $file;
        $text = chain({ step => 86400 }, 5 * $file, ($file ? $l[-1] : ()), @m);
        push @l, split /\n/, $text;
        spew($files[$file], $text);
    }
    my $all = join '', map { "$_\n" } @l;
    spew("$state/audit.checkpoints", join "--\n", map {
        checkpoint($key, $all, $_) } 5, 10, 15);
    spew("$state/audit.log.2.gz", "\x1f\x8b");
    my $sum = sha256_hex(slurp($files[0]));

    my @prune = ('prune', '--before');
    is((run(@prune, '2026-11-26', $state))[1],
       "audit.log.2.gz: not a log file of this node, left alone\n"
       . "audit: 0 files removed\n", 'a file with one newer record stays');
    unlink "$state/audit.log.2.gz";
    is(-e "$state/audit.head" ? 1 : 0, 0, 'and nothing is written');

    ($status, $out) = run('prune', '--dry-run', '--before', '2026-11-27',
                          $state);
    is($status, 0, 'a dry run');
    like($out, qr/^audit.log.2: seq 0 to 4, \d+ octets would go$/m, 'tells');
    is(-e $files[0] ? 1 : 0, 1, 'and does nothing');

    ($status, $out) = run(@prune, '2026-11-27', $state);
    is($status, 0, 'a file of older records') or diag $out;
    is(join(' ', map { -e $_ ? 1 : 0 } @files), '0 1 1', 'goes');

    ($status, $out) = run('verify', '--strict', '--key', $vkey,
                          @files[1, 2]);
    is($status, 0, 'the rest is whole') or diag $out;
    like($out, qr/3 agree|2 agree/, 'by its frontier and checkpoints');

    my ($r) = map { JSON::PP->new->decode($_) }
              (split /\n/, slurp($files[2]))[-1];
    is_deeply([@$r{qw(event before files)}], ['prune', '2026-11-26T16:00:00Z',
              [{ name => 'audit.log.2', first_seq => 0, last_seq => 4,
                 bytes => length(join '', map { "$_\n" } @l[0 .. 4]),
                 sha256 => $sum }]], 'what went stands in the log');

    # the live file never goes, however old
    ($status, $out) = run(@prune, '2036-01-01', $state);
    is(join(' ', map { -e $_ ? 1 : 0 } @files), '0 0 1', 'but the live file');

    # a file that was given up, and what its end lost
    spew($files[2], chain({ step => 86400 }, 13, $l[12],
         '"event":"recover","cause":"sync-failed","unsure":{"from":11,"to":12},'
         . frontier(map { leaf($_) } @l[0 .. 12])));
    unlink "$state/audit.head";
    my $failed = join('', map { "$_\n" } @l[5 .. 11]) . "\0" x 100;
    spew("$state/audit.failed-1", $failed);
    ($status, $out) = run(@prune, '2036-01-01', $state);
    is($status, 0, 'a file that was given up') or diag $out;
    is(-e "$state/audit.failed-1" ? 1 : 0, 0, 'goes');
    like(slurp($files[2]), qr/audit\.failed-1","first_seq":5,"last_seq":11,
         "bytes":${\length $failed},"sha256":"${\sha256_hex($failed)}"/x,
         'and is named with all its octets');
    spew("$state/audit.failed-1", join '', map { "$_\n" } @l[5 .. 9]);
    is((run(@prune, '2036-01-01', $state))[0], 1, 'not if it lacks more');
    unlink "$state/audit.failed-1";

    odd_files(\@files, $state);

    # a file that does not chain
    spew($files[1], $all =~ s/"n":2/"n":3/r);
    ($status, $out) = run(@prune, '2036-01-01', $state);
    is($status, 1, 'what does not chain stays');
    is(-e $files[1] ? 1 : 0, 1, 'as evidence');

    is((run(@prune, 'yesterday', $state))[0], 2, 'not a date: 2');
    is((run(@prune, '2026-01-01', "$dir/nowhere"))[0], 1, 'no directory');
}


# What is no file, named like one: nothing waits for it, or takes it for one.
sub odd_files {
    my ($files, $state) = @_;
    my $odd = "$state/audit.log-x";
    my $log = slurp($files->[2]);

    spew("$dir/elsewhere", $log);
    chmod 0600, "$dir/elsewhere";
    for my $case (['a pipe', sub { system('mkfifo', $odd) == 0 }, 1],
                  ['a directory', sub { mkdir $odd }, 1],
                  ['a socket', sub { IO::Socket::UNIX->new(Local => $odd,
                                                           Listen => 1) }, 1],
                  ['a link to a file', sub { symlink "$dir/elsewhere", $odd },
                   0])
    {
        my ($name, $make, $refused) = @$case;
        my $kept = $make->() or die "$name: $!";
        my ($status, $out) = soon('prune', '--before', '2020-01-01', $state);
        is("$status $out", "0 audit.log-x: not a regular file, left alone\n"
           . "audit: 0 files removed\n", "$name: left alone by prune");

        for my $call (['verify'], ['report'], ['match', '--subject-key',
                      "$dir/elsewhere", '--type', 'a', 'b'],
                      ['prove', '--key', $vkey])
        {
            last if !$refused;
            my @tail = $call->[0] eq 'prove' ? ($odd, '13') : ($odd);
            ($status, $out) = soon(@$call, @tail);
            isnt($status, 0, "$name: $call->[0] fails");
            like($out, qr/audit.log-x: not a regular file$/m, 'and says why');
        }

        if ($refused) {
            ($status, $out) = soon('verify', '--expect', $odd, $files->[2]);
            is($status, 2, "$name: no notes");
            like($out, qr/audit.log-x: not a regular file$/m, 'and why');
        }
        -d $odd ? rmdir $odd : unlink $odd;
    }

    system('mkfifo', "$state/audit.checkpoint") == 0 or die;
    my ($status, $out) = soon('verify', $files->[2]);
    is($status, 2, 'a pipe in the place of the checkpoint');
    like($out, qr/checkpoint: not a regular file$/m, 'is refused');
    ($status, $out) = soon('prove', '--key', $vkey, $files->[2], '13');
    isnt($status, 0, 'by prove as well');
    unlink "$state/audit.checkpoint";

    # but what was opened on purpose, and a link that was named
    symlink "$dir/elsewhere", "$dir/link" or die;
    my ($want) = soon('verify', "$dir/link");
    is($want, 0, 'a link that was named');
    for my $from ("cat $dir/link | $xcctl audit verify /dev/stdin",
                  "$xcctl audit verify /dev/stdin <$dir/link",
                  "$xcctl audit verify <(sleep 1; cat $dir/link)")
    {
        $out = qx(bash -c '$from' 2>&1);
        is($?, 0, $from =~ s/\Q$dir\E//gr =~ s/\Q$xcctl\E/xcctl/r) or diag $out;
    }
}


# Run, but not for ever: 142 then.
sub soon {
    my @args = map { "'$_'" } @_;
    my $out = `timeout -s ALRM 20 $xcctl audit @args 2>&1`;

    return ($? & 127 ? 'signal' : $? >> 8, $out);
}


# The log, and checkpoints of these sizes beside it.
sub state {
    my ($text, @sizes) = @_;

    spew("$dir/log", $text);
    unlink "$dir/audit.checkpoint", "$dir/audit.checkpoints";
    notes_of($text, @sizes) if @sizes;
}


sub notes_of {
    my ($text, @sizes) = @_;

    spew("$dir/audit.checkpoints",
         join "--\n", map { checkpoint($key, $text, $_) } @sizes);
}


sub verify { return run('verify', @_, "$dir/log") }


sub run {
    my @args = map { "'$_'" } @_;
    my $out = `$xcctl audit @args 2>$dir/err`;
    my $status = $? & 127 ? 'signal' : $? >> 8;

    return ($status, $out . ($status eq '0' ? '' : slurp("$dir/err")));
}
