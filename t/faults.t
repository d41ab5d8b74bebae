#!/usr/bin/env perl

# What may befall the state directory: files lost, damaged, replaced, rotated,
# another node's, a disk that is full or read-only (DESIGN.md section 5).
# After each the log verifies, and holds what the back end saw.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(time);

use XC::Chain;
use XC::Gate;
use XC::Load;
use XC::Log qw(chain);
use XC::Nginx;

# What is mounted here vanishes with the test, however it ends.
my $mounts = $> == 0 && system('unshare -m true 2>/dev/null') == 0;
if ($mounts && !$ENV{XC_UNSHARED}) {
    $ENV{XC_UNSHARED} = 1;
    exec 'unshare', '-m', '--', $^X, (map { "-I$_" } @INC), $0;
}

my $t = XC::Nginx->new(allow => qr{
    audit\.log\ was\ (?:deleted|truncated)
    | audit\.head\ was\ (?:lost|removed)
    | is\ node\ "n1"'s | another\ node's
    | Read-only\ file\ system
    | the\ replay\ store\ is\ full
}x);
my $state = $t->state_dir;
my $policy = $t->policy(transport => 'any');
my $backend = $t->backend;
my $client = $t->client(tls => 0);
my $log_from = 0;

replay_store_full();
state_kept();
starting($_) for qw(deleted emptied cut flipped boot);
log_deleted($_) for qw(running stopped);
log_truncated();
stranger($_) for qw(file copy node directory);
rotation();
rotation_unwritable();
head_at_rest($_) for qw(garbage removed tip durable);
head_removed_while_running();
head_damaged_while_running();
head_behind();
for my $what ('half a record', 'NULs', 'lines of garbage') {
    torn($_, $what) for qw(stopped running);
}
another_node();
read_only();
disk_full();

$t->stop;
unmount();
$t->finish;
done_testing;


sub replay_store_full {
    fresh(state => 'replay=1000');
    admitted($t, 'replay store: not full', ask());

    # 1000 requests a window are promised, four times as many have a place
    fill_nonces(time + 300);
    my $used = $client->request('GET', '/status', { sign => 0 });
    is($used->{json}{nonces}{used}, 4000, 'replay store: filled');
    my $answer = ask();
    refused($t, 'replay store', $answer, 'replay-store-full');
    is($answer->{headers}{'retry-after'}, 300, 'replay store: Retry-After');
    refused($t, 'replay store, again', ask(), 'replay-store-full');
    my $told = () = $t->error_log =~ /\[alert\].* replay store is full.*replay= than 1000 /g;
    is($told, 1, 'replay store: whoever runs it is told, once a minute');

    fill_nonces(time - 2);
    admitted($t, 'replay store: what has expired makes room', ask());
    ended('replay store', n => 2);
}


sub fill_nonces {
    my ($expires) = @_;
    my $slots = 4000;
    my $size = int((24 * $slots + 4095) / 4096) * 4096;

    open my $fh, '+<:raw', "$state/xc.map" or die "xc.map: $!";
    seek $fh, -$size, 2 or die "xc.map: $!";
    print $fh map { pack 'Q< Q< q<', $_, 1, $expires } 1 .. $slots;
    close $fh or die "xc.map: $!";
}


sub state_kept {
    my $bytes = once('kept');

    $t->stop;
    $t->run;
    refused($t, 'kept: over a restart', scalar $client->raw($bytes),
            'signature-replayed');
    admitted($t, 'kept: no waiting', ask());
    ended('kept', n => 2);
}


# The birth rule: who has lost the nonces accepts no signature of before.
sub starting {
    my ($how) = @_;
    my $bytes = once("map $how");
    my $map = "$state/xc.map";

    $t->stop;
    my %damage = (
        deleted => sub { unlink $map or die $! },
        emptied => sub { truncate $map, 0 or die $! },
        cut     => sub { truncate $map, (-s $map) - 4096 or die $! },
        flipped => sub { poke($map, 40, "\xff") },
        boot    => sub { other_boot($map) });
    $damage{$how}->();
    my $began = int time;
    $t->run;

    logged(qr/xc\.map" was made anew beside an older log/,
           "map $how: the log says so");
    refused($t, "map $how: a replay", scalar $client->raw($bytes), 'starting');
    my $answer = ask();
    refused($t, "map $how: a signature of now", $answer, 'starting');
    my $after = $answer->{headers}{'retry-after'};
    ok($after >= 30 - (time - $began) && $after <= 31,
       "map $how: Retry-After ($after)");

    # max_skew (30) lets a client's clock be ahead: a signature of the first
    # second that nobody can have signed for before
    $t->wait_for(sub {
        $answer = ask(sign => { created => int(time) + 30 });
        return $answer->{status} != 503;
    });
    admitted($t, "map $how: of later", $answer);
    ended("map $how", n => 2);
}


# One admitted request, whose bytes are returned.
sub once {
    my ($name) = @_;

    fresh();
    my $bytes = $client->format('GET', $policy->query);
    admitted($t, "$name: before", scalar $client->raw($bytes));
    return $bytes;
}


sub poke {
    my ($path, $at, $bytes) = @_;

    open my $fh, '+<:raw', $path or die "$path: $!";
    seek $fh, $at, 0;
    print $fh $bytes;
    close $fh or die "$path: $!";
}


# The map of a kernel that has booted since, its check sum right (FNV-1a over
# what stands before it).
sub other_boot {
    my ($map) = @_;
    my ($boot_at, $check_at) = (48, 120);

    open my $fh, '<:raw', $map or die "$map: $!";
    read $fh, my $h, $check_at + 8;
    open my $id, '<', '/proc/sys/kernel/random/boot_id' or die $!;
    is(substr($h, $boot_at, 37), <$id> =~ s/\n/\0/r,
       'map boot: the header is as this test thinks');
    is(fnv(substr $h, 0, $check_at), substr($h, $check_at, 8),
       'map boot: so is its check sum');
    substr $h, $boot_at, 8, 'ffffffff';
    poke($map, 0, substr($h, 0, $check_at) . fnv(substr $h, 0, $check_at));
}


sub fnv {
    use integer;
    no warnings 'portable';
    my $h = -3750763034362895579;       # 0xcbf29ce484222325

    $h = ($h ^ $_) * 0x100000001b3 for unpack 'C*', $_[0];
    return pack 'q<', $h;
}


sub log_deleted {
    my ($when) = @_;
    my $name = "deleted, $when";

    fresh();
    admitted($t, "$name: before", ask());
    $t->stop if $when eq 'stopped';
    unlink "$state/audit.log" or die $!;
    $t->run if $when eq 'stopped';
    is(ask()->{status}, 200, "$name: service goes on");
    logged(qr/\[alert\].*audit\.log was deleted with \d+ records/,
           "$name: an alert");

    my @all = ended($name, n => 1);
    is_deeply([@{ $all[0] }{qw(event cause)}], ['recover', 'log-deleted'],
              "$name: the new file begins with a recover record");
    is_deeply($all[0]{unsure}, { from => 0, to => $all[0]{seq} - 1 },
              "$name: which names what is gone");
}


sub log_truncated {
    fresh();
    admitted($t, 'truncated: before', ask());
    $t->stop;
    my @lines = $t->audit_lines;
    truncate "$state/audit.log", 1 + length $lines[0] or die $!;
    $t->run;
    is(ask()->{status}, 200, 'truncated: service goes on');
    my @all = ended('truncated', n => 1);
    is_deeply([@{ $all[1] }{qw(event cause)}], ['recover', 'log-truncated'],
              'truncated: a recover record');
    is_deeply($all[1]{unsure}, { from => 1, to => $#lines },
              'truncated: names what is gone');
}


# Another file in its place, under the running gate.
sub stranger {
    my ($what) = @_;
    my $log = "$state/audit.log";
    my %make = (
        file      => sub { $t->write_file($log, "not ours\n") },
        copy      => sub { $t->write_file($log, $t->read_file("$log.away")) },
        node      => sub { $t->write_file($log, of_node_n2()) },
        directory => sub { mkdir $log or die $! });

    fresh();
    admitted($t, "stranger, $what: before", ask());
    rename $log, "$log.away" or die $!;
    $make{$what}->();
    owned($log);
    my $there = -d $log ? undef : $t->read_file($log);

    refused($t, "stranger, $what", ask(), 'audit-unavailable') for 1 .. 2;
    logged($what eq 'directory'
               ? qr{audit\.log is not a regular file; move it away}
               : qr{audit\.log has lines, but is not the file that this node},
           "stranger, $what: is named");
    is(-d $log ? undef : $t->read_file($log), $there,
       "stranger, $what: is left alone");

    -d $log ? rmdir $log : unlink $log;
    rename "$log.away", $log or die $!;
    admitted($t, "stranger, $what: gone, service goes on", ask());
    ended("stranger, $what", n => 2);
}


# The log that another node wrote.
sub of_node_n2 { chain({ node => 'n2' }, 0, ('"event":"heartbeat"') x 3) }


# By rename alone, under load; every other time with an empty new file, as
# logrotate's `create` makes it.
sub rotation {
    local $t->{workers} = 2;
    fresh();
    my $load = XC::Load->new($t, 3);
    for my $n (1 .. 10) {
        $t->wait_for(sub { -s "$state/audit.log" });
        rename "$state/audit.log", "$state/audit.log.$n" or die $!;
        $t->made_by_worker("$state/audit.log") if $n % 2;
        $t->wait_for(sub { -s "$state/audit.log" });
    }
    my @answers = $load->end;

    is((grep { $_->{status} != 200 } @answers), 0,
       'rotation: of ' . @answers . ' requests all were admitted');
    my @all = ended('rotation', n => scalar @answers, answers => \@answers);
    my @files = log_files($t);
    is(@files, 11, 'rotation: as many files as there should be');
    my %first = map { $_->{file} => $_ } reverse @all;
    is((grep { $first{$_}{event} eq 'reopen' } @files), 10,
       'rotation: each begins with a reopen record');
    is((grep { $_->{event} eq 'recover' } @all), 0,
       'rotation: nothing to recover');
}


# A directory in which nothing new can be made.
sub rotation_unwritable {
    fresh();
    admitted($t, 'no new file: before', ask());
    rename "$state/audit.log", "$state/audit.log.1" or die $!;
    chmod 0550, $state or die $!;
    refused($t, 'no new file', ask(), 'audit-unavailable');
    logged(qr{open $state/audit\.log: Permission denied},
           'no new file: is named');
    chmod 0750, $state or die $!;
    admitted($t, 'no new file: service goes on', ask());
    ended('no new file', n => 2);
}


# tip, durable: one of the two blocks is damaged, and not missed.
sub head_at_rest {
    my ($how) = @_;
    my $head = "$state/audit.head";
    my $both = $how =~ /garbage|removed/;

    fresh();
    admitted($t, "head, $how: before", ask());
    $t->stop;
    if ($how eq 'removed') {
        unlink $head or die $!;
    } else {
        poke($head, 0, 'x' x 4096) if $how ne 'durable';
        poke($head, 4096, 'y' x 4096) if $how ne 'tip';
    }
    $t->run;
    admitted($t, "head, $how: service goes on", ask());
    is(scalar(log_now() =~ /audit\.head was lost; made again/), $both,
       "head, $how: " . ($both ? 'an alert' : 'nothing to say'));
    my @all = ended("head, $how", n => 2);
    is_deeply([map { $_->{cause} } grep { $_->{event} eq 'recover' } @all],
              [$both ? 'head-lost' : ()], "head, $how: on record");
}


sub head_removed_while_running {
    local $t->{workers} = 2;
    fresh();
    my $load = XC::Load->new($t, 2);
    for (1 .. 3) {
        my $n = () = $t->audit_lines;
        unlink "$state/audit.head" or die $!;
        $t->wait_for(sub { -e "$state/audit.head"
                           && $n + 10 < (() = $t->audit_lines) });
    }
    my @answers = $load->end;
    is((grep { $_->{status} != 200 } @answers), 0,
       'head, running: all are admitted');
    logged(qr/\[alert\].*audit\.head was removed or replaced/,
           'head, running: an alert');
    ended('head, running', n => scalar @answers, answers => \@answers);
}


# Both blocks, beside a log that is whole.
sub head_damaged_while_running {
    local $t->{workers} = 2;
    fresh();
    admitted($t, 'head, damaged: before', ask());
    $t->wait_record({ event => 'outcome' });
    poke("$state/audit.head", 0, 'x' x 8192);
    admitted($t, "head, damaged: service goes on, $_", ask()) for 1 .. 4;
    logged(qr/\[alert\].*audit\.head was lost; made again/,
           'head, damaged: an alert');
    my @all = ended('head, damaged', n => 5);
    is_deeply([map { $_->{cause} } grep { $_->{event} eq 'recover' } @all],
              ['head-lost'], 'head, damaged: on record');
}


# A writer that died between the lines and the head: they are whole, and count.
sub head_behind {
    fresh();
    admitted($t, 'head behind: before', ask());
    my $head = $t->read_file("$state/audit.head");
    admitted($t, 'head behind: more', ask()) for 1 .. 3;
    $t->stop;
    poke("$state/audit.head", 0, $head);
    $t->run;
    admitted($t, 'head behind: service goes on', ask());
    my @all = ended('head behind', n => 5);
    is((grep { $_->{event} eq 'recover' } @all), 0,
       'head behind: whole lines are adopted');
}


sub torn {
    my ($when, $what) = @_;
    my $name = "torn, $when, $what";
    local $t->{workers} = 2;

    fresh();
    admitted($t, "$name: before", ask());
    if ($when eq 'stopped') {
        $t->stop;
    } else {
        $t->wait_record({ event => 'outcome' });
    }
    my ($last) = ($t->audit_lines)[-1];
    my %tail = ('half a record'    => substr($last, 0, length($last) / 2),
                'NULs'             => "\0" x 5000,
                'lines of garbage' => "{}\n\n\xff\xfe\n$last\nno end");
    my $tail = $tail{$what};
    open my $fh, '>>:raw', "$state/audit.log" or die $!;
    print $fh $tail;
    close $fh or die $!;

    $t->run if $when eq 'stopped';
    is(ask()->{status}, 200, "$name: service goes on") for 1 .. 4;
    logged(qr/\d+ bytes of the log set aside in \S+\/audit\.torn-/,
           "$name: the error log says so");
    my @all = ended($name, n => 5);
    my @recover = grep { $_->{event} eq 'recover' } @all;
    is(scalar @recover, 1, "$name: on record, once");
    my $recover = $recover[0] // {};
    is($recover->{cause}, 'torn-tail', "$name: by its cause");
    is($recover->{bytes}, length $tail, "$name: its length");
    is($t->read_file("$state/" . ($recover->{set_aside} // 'none')), $tail,
       "$name: set aside, not dropped");
    my $out = `'@{[$t->xcctl]}' audit verify '$state/audit.log'`;
    like($out, qr/log:\d+: .*torn-tail/, "$name: `verify` lists it");
}


sub another_node {
    fresh();
    admitted($t, 'another node: before', ask());
    $t->stop;
    configure(audit => 'node=n2');
    my $before = $t->read_file("$state/audit.log");

    ok(!eval { $t->run }, 'another node: nginx does not start');
    logged(qr/audit\.head is node "n1"'s, not "n2"'s/,
           'another node: is named');
    rename "$state/audit.head", "$state/head.away" or die $!;
    ok(!eval { $t->run }, 'another node, no head: nor without the head');
    logged(qr/audit\.log is another node's, not "n2"'s/,
           'another node, no head: is named');
    is($t->read_file("$state/audit.log"), $before,
       'another node: the log is left alone');

    rename "$state/head.away", "$state/audit.head" or die $!;
    configure();
    $t->run;
    admitted($t, 'another node: the right one goes on', ask());
    ended('another node', n => 2);
}


sub read_only {
  SKIP: {
    skip 'read only: no file system can be mounted here', 2 if !tmpfs('1m');
    system('mount', '-o', 'remount,ro', $state) == 0 or die 'remount';
    configure();
    ok(!eval { $t->run }, 'read only: nginx does not start');
    logged(qr/xc_state: "\Q$state\E.*Read-only file system/,
           'read only: is named');
    }
}


sub disk_full {
  SKIP: {
    skip 'disk full: no file system can be mounted here', 10
        if !tmpfs('12m');
    configure(state => 'replay=1000');
    $t->run;
    admitted($t, 'disk full: before', ask());

    open my $fh, '>:raw', "$state/filler" or die $!;
    my $written;
    $fh->autoflush(1);
    do { $written = syswrite $fh, 'x' x 4096 } while $written;
    close $fh;

    # what is left of the log's last page is still used
    my ($admitted, $answer) = (1);
    for (1 .. 50) {
        $answer = ask();
        last if $answer->{status} != 200;
        $admitted++;
    }
    refused($t, 'disk full', $answer, 'audit-unavailable', anywhere => 1);
    logged(qr/audit\.log: No space left on device/,
           'disk full: is named');
    my @unsigned = map { ask(sign => 0) } 1 .. 5;
    is((grep { $_->{status} == 401 } @unsigned), 5,
       'disk full: refusals are answered');
    is(ask()->{status}, 503, 'disk full: still');

    unlink "$state/filler" or die $!;
    $answer = undef;
    $t->wait_for(sub { ($answer = ask())->{status} == 200 });
    is($answer->{status}, 200, 'disk full: freed, service goes on');
    my @all = ended('disk full', n => $admitted + 1);
    is((grep { ($_->{reason} // '') eq 'credential-missing' } @all), 5,
       'disk full: no refusal is lost');
    is((grep { $_->{event} eq 'recover' } @all), 0,
       'disk full: nothing to recover');
    }
}


# An empty state directory on a small file system of its own.
sub tmpfs {
    my ($size) = @_;

    return 0 if !$mounts;
    clear();
    mkdir $state, 0750 or die "$state: $!";
    return 0 if system('mount', '-t', 'tmpfs', '-o', "size=$size,mode=0750",
                       'xc', $state) != 0;
    owned($state);
    return 1;
}


# Else the directory could not be removed.
sub unmount { system "umount -l '$state' 2>/dev/null" if $mounts && $state }

END { local $?; unmount() }


sub fresh {
    my (%o) = @_;

    clear();
    configure(%o);
    $t->run;
}


sub clear {
    $t->stop;
    unmount();
    chmod 0750, $state;
    system 'rm', '-rf', $state;
    $backend->forget;
    delete $t->{gate_records};
    $log_from = length $t->error_log;
}


# What was logged since.
sub log_now { substr $t->error_log, $log_from }


sub logged {
    my ($re, $name) = @_;

    ok($t->wait_for(sub { log_now() =~ $re }), $name)
        or diag(grep { /\[(?:error|alert|emerg)\]/ } log_now() =~ /(.*\n)/g);
}


sub configure {
    my (%o) = @_;

    $t->gate_conf(audit => 'node=n1', %o,
                  server => 'location = /status { xc_status; }');
}


# Stops nginx; requests that admitted() has taken from the back end's list
# are in n.
sub ended {
    my ($name, %o) = @_;

    $t->stop;
    return whole($t, $name, %o);
}


sub ask {
    my (%o) = @_;

    return $client->request('GET', $policy->query, \%o);
}


sub owned {
    my ($path) = @_;

    chown +(getpwnam $t->worker_user)[2, 3], $path if $> == 0;
}
