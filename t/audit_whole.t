#!/usr/bin/env perl

# A running gate's log from end to end, as a reviewer gets it: verified with
# its key and its policy, proved line by line, searched by a subject, and
# pruned while the gate runs.

use strict;
use warnings;

use Test::More;

use XC::Chain;
use XC::Log;
use XC::Nginx;
use XC::Note;

my $t = XC::Nginx->new(workers => 2);
my $state = $t->state_dir;
my $policy = $t->policy(transport => 'any');
my $client = $t->client(tls => 0);
my $signer = signer('platform.example/xc-log');
my $id = $XC::Policy::USCC;

$t->write_file('audit.key', $signer->{pem}, 0600);
$t->write_file('subject.key', "\0\n" . 's' x 40, 0600);
$t->gate_conf(audit => 'node=n1 key=audit.key origin=platform.example/xc-log '
                       . 'subject_key=subject.key checkpoint=100ms');
$t->run;

for my $n (1 .. 6) {
    is(ask('GET', $policy->query)->{status}, 200, "query $n");
    is(ask('POST', '/xc/v1/requests', { body => $policy->body })->{status}, 200,
       "submit $n");
    is(ask('GET', $policy->query(fields => 'buyer.phone'))->{status} >= 400, 1,
       "refusal $n");
    next if $n == 6;
    rename "$state/audit.log", "$state/audit.log.$n" or die if $n % 2;
}
signed_for();

my @files = log_files($t);
is(scalar @files, 4, 'four files');
my @verify = ('verify', '--strict', '--key', $signer->{vkey});
my ($status, $out) = audit(@verify, @files);
is($status, 0, 'whole') or diag $out;
like($out, qr/^checkpoints: [1-9]\d* agree$/m, 'checkpoints agree');

for my $i (0 .. $#files) {
    ($status, $out) = audit(@verify, @files[$i .. $#files]);
    is($status, 0, "from file $i on") or diag $out;
    unlike($out, qr/could not be checked|confirmed by no/, 'with its frontier');
}

my %signed = map { /\A[^\n]+\n(\d+)\n/ ? ($1 => 1) : () }
             split /^--\n/m, slurp("$state/audit.checkpoints");
# a rotated file with nothing but all checkpoints, those of later lines too
for my $i (0 .. $#files - 1) {
    ($status, $out) = audit(@verify, $files[$i]);
    is($status, 0, "file $i alone") or diag $out;
    like($out, qr/^given: seq \d+ to \d+; signed for, but not given: /m,
         'and that others follow is told');
    my $cut = slurp($files[$i]);
    do { $cut =~ s/[^\n]+\n\z// } while $cut =~ /^\{"seq":(\d+).*\n\z/m
                                        && $signed{ $1 + 1 };
    spew("$state/audit.log.cut", $cut);
    ($status, $out) = audit(@verify, "$state/audit.log.cut");
    is($status, 1, "file $i alone, lines cut off its end") or diag $out;
    unlink "$state/audit.log.cut";
}

my @by = ('--policy', $t->prefix . '/policy.json');
($status, $out) = audit(@verify, @by, @files);
like($out, qr/^signatures: 6 verified, 0 failed, 12 can't be proved\n  the path/m,
     'signatures, but for those about a subject in the path') or diag $out;
($status, $out) = audit(@verify, @by, '--subject', $id, @files);
like($out, qr/^signatures: 18 verified, 0 failed, 0 can't be proved$/m,
     'with the subject all of them') or diag $out;

my @copies = map { ('--policy', $_) } glob "$state/policies/*.json";
is(scalar @copies, 2, 'the copy of the policy that the gate keeps');
is((audit(@verify, @copies, '--subject', $id, @files))[1], $out,
   'serves as well');

my ($decision) = grep { ($_->{decision} // '') eq 'allow' } log_records($t);
($status, my $proof) = audit('prove', @files, $decision->{seq});
is($status, 0, 'a record is proved') or diag $proof;
spew($t->prefix . '/proof', $proof);
spew($t->prefix . '/line', $decision->{line});
is((audit('check', $t->prefix . '/proof', $t->prefix . '/line',
          $signer->{vkey}))[0], 0, 'which anyone can check');

($status, $out) = audit('match', '--subject-key', $t->prefix . '/subject.key',
                        '--type', 'merchant', $id, @files);
like($out, qr/^audit: ([1-9]\d*) records match$/m, 'records about a subject');

is((audit('report', '--html', @files))[0], 0, 'a report');

# while the gate runs
($status, $out) = audit('prune', '--before', '2036-01-01', $state);
is($status, 0, 'pruned') or diag $out;
is(ask('GET', $policy->query)->{status}, 200, 'the gate goes on');
signed_for();
my @left = log_files($t);
is(scalar @left, 1, 'one file is left');
($status, $out) = audit(@verify, @left);
is($status, 0, 'which is whole') or diag $out;
unlike($out, qr/could not be checked|confirmed by no/, 'with its frontier');
like(slurp($left[0]), qr/"event":"prune",.*"name":"audit\.log\.1"/,
     'and says what went');

$t->finish;
done_testing;


sub audit {
    my @args = map { "'$_'" } @_;
    my $out = `@{[$t->xcctl]} audit @args 2>&1`;

    return ($? & 127 ? 'signal' : $? >> 8, $out);
}


# A request whose records are written.
sub ask {
    my $answer = $client->request(@_);

    $t->records_of($answer);
    return $answer;
}


# Waits for a checkpoint of every line.
sub signed_for {
    ok($t->wait_for(sub {
        my ($size) = ($t->read_file("$state/audit.checkpoint") // '')
                     =~ /\A[^\n]+\n(\d+)\n/;

        return ($size // 0) == (log_records($t))[-1]{seq} + 1;
    }), 'every line is signed for');
}
