#!/usr/bin/env perl

# A binary upgrade (USR2, WINCH, QUIT) and the way back (HUP to the old master,
# QUIT to the new one), under load: one log without fork or gap, also where it
# is rotated while both masters serve, nonces that both know, and not one
# request that goes without its answer.

use strict;
use warnings;

use Test::More;

use XC::Chain;
use XC::Gate;
use XC::Load;
use XC::Note;
use XC::Nginx;

my $t = XC::Nginx->new(workers => 2);
my $state = $t->state_dir;
my $policy = $t->policy(transport => 'any');
my $client = $t->client(tls => 0);
my $signer = signer('platform.example/xc-log');
my @sent;
my $rotations = 0;

$t->write_file('audit.key', $signer->{pem}, 0600);
$t->gate_conf(audit => 'node=n1 key=audit.key origin=platform.example/xc-log'
                       . ' checkpoint=100ms',
              http => 'keepalive_timeout 0;');
$t->run;
once('before');

my $load = XC::Load->new($t, 4, keepalive => 0);
my $old = $t->master_pid;
more();

forth();
back();
forth();

my @answers = $load->end;
my @processes = $t->processes;
ok(!grep({ $_ == $old } @processes), 'the first master is gone');
$t->stop;
is(-e $t->path('nginx.pid.oldbin') ? 1 : 0, 0, 'no pid file is left');

my %status;
$status{ $_->{status} }++ for @answers;
is_deeply([keys %status], [200], 'every request was admitted and answered')
    or diag(explain(\%status));
my @all = whole($t, 'upgrades', answers => \@answers, n => @answers + @sent);
my @own = grep { $_->{event} !~ /^(?:decision|outcome)$/ } @all;
my @events = map { $_->{event} } grep { $_->{event} !~ /^(?:reopen|heartbeat)$/ } @own;
is_deeply(\@events, [qw(start start stop start stop start stop stop)],
          'each master says when it comes and goes');
is($events[-1], 'stop', 'and the last one ends the log');
my %first = map { $_->{file} => $_->{event} } reverse @all;
is(join(' ', map { $first{$_} } log_files($t)),
   join(' ', 'start', ('reopen') x $rotations),
   'one chain across the files, each begins with a reopen record');
is(scalar(grep { $_->{event} eq 'reopen' } @own), $rotations,
   'one for each rotation');
checkpoints();
diag(scalar(@answers) . ' requests, ' . scalar(@all) . ' records');

$t->finish;
done_testing;


sub forth {
    my $from = $t->master_pid;
    my $to = both($from);

    # the old workers go, their master stays
    $t->signal('WINCH', $from);
    ok(gone($from), 'forth: the old workers have gone');
    more();
    remembered('forth: the new workers');
    once('forth');
    $t->signal('QUIT', $from);
    ok(ended($from), 'forth: the old master has gone');
    more();
    is($t->master_pid, $to, 'forth: the new one is the master');
}


sub back {
    my $from = $t->master_pid;
    my $to = both($from);

    $t->signal('WINCH', $from);
    ok(gone($from), 'back: the old workers have gone');
    once('back, by the new workers');
    $t->signal('HUP', $from);
    ok($t->wait_for(sub { $t->worker_pids($from) == 2 }),
       'back: the old master has workers again');
    more();
    $t->signal('QUIT', $to);
    ok(ended($to), 'back: the new master has gone');
    ok($t->wait_for(sub { ($t->read_file('nginx.pid') // '') eq "$from\n" }),
       'back: the old one is the master');
    more();
    remembered('back: the old workers');
}


# Starts the other binary; both serve.  Its pid.
sub both {
    my ($from) = @_;
    my $to;

    $t->signal('USR2', $from);
    ok($t->wait_for(sub {
        $to = $t->master_pid;
        return $to && $to != $from && $t->worker_pids($to) == 2;
    }), 'a second master with its workers');
    is($t->worker_pids($from), 2, 'beside the first');
    more();
    remembered('both');
    once('both');
    rotate();
    return $to;
}


# By rename alone, while both masters' workers write; every other time with an
# empty new file, as logrotate's `create` makes it.
sub rotate {
    my $log = "$state/audit.log";

    rename $log, "$log." . ++$rotations or die $!;
    $t->made_by_worker($log) if $rotations % 2;
    more();
    ok(-s $log ? 1 : 0, "rotation $rotations: the log goes on in a new file");
}


# Reaped or not: whoever inherits an old master may take its time.
sub ended {
    my ($pid) = @_;

    return $t->wait_for(sub { !defined readlink "/proc/$pid/exe" });
}


sub gone {
    my ($master) = @_;

    return $t->wait_for(sub {
        my $children = do {
            open my $fh, '<', "/proc/$master/task/$master/children" or die $!;
            <$fh>;
        } // '';
        return !grep { !_is_master($_) } split ' ', $children;
    });
}


sub _is_master {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/cmdline" or return 0;
    return (<$fh> // '') =~ /master process/;
}


# Enough answers that whoever serves has given some.
sub more {
    my $n = () = $load->answers;

    ok($t->wait_for(sub { (() = $load->answers) >= $n + 40 }),
       'the load goes on');
}


# A request that is kept, to be sent again.
sub once {
    my ($name) = @_;
    my $bytes = $client->format('GET', $policy->query);

    is($client->raw($bytes)->{status}, 200, "$name: a request");
    push @sent, $bytes;
}


# Whichever worker gets it.
sub remembered {
    my ($name) = @_;
    my @types = map { $_->{json}{type} } map { scalar $client->raw($_) }
                (@sent) x 4;

    is(join(' ', grep { $_ ne 'urn:xc:signature-replayed' } @types), '',
       "$name: no nonce twice");
}


sub checkpoints {
    my @roots = tree_roots(map { $_->{line} } @all);
    my ($size, @bad) = (0);

    for my $text (note_split($t->read_file("$state/audit.checkpoints"))) {
        my $note = open_note($text, $signer->{vkey});
        push @bad, "size $note->{size} after $size" if $note->{size} <= $size;
        $size = $note->{size};
        push @bad, "size $size: another root" if $roots[$size] ne $note->{root};
    }
    push @bad, "signed for $size" if $size != @all;
    is(join("\n", @bad), '', 'the checkpoints of all masters are of one tree');
}
