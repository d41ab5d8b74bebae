#!/usr/bin/env perl

# A power cut, simulated: all processes die at once, log and head are cut to
# what was synced (or one of them holds more than the other, or NULs), and the
# machine boots anew.  What was answered, and what the back end saw, has its
# record; what was not synced was told to nobody.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use XC::Chain;
use XC::Gate;
use XC::Nginx;
use XC::Shim;

# What is mounted here, another boot id, vanishes with the test.
my $boot_id = '/proc/sys/kernel/random/boot_id';
my $mounts = $> == 0 && system('unshare -m true 2>/dev/null') == 0;
if ($mounts && !$ENV{XC_UNSHARED}) {
    $ENV{XC_UNSHARED} = 1;
    exec 'unshare', '-m', '--', $^X, (map { "-I$_" } @INC), $0;
}

my $t = XC::Nginx->new(workers => 2);
my $shim = XC::Shim->new($t);
my $policy = $t->policy(transport => 'any');
my $client = $t->client(tls => 0);
my ($log, $head) = map { $t->state_dir . "/audit.$_" } qw(log head);
my $boots = 0;

$t->gate_conf(audit => 'node=n1 timeout=60s checkpoint=1h');

power_cut('log and head cut');
SKIP: {
    skip 'no other boot id can be mounted here', 1
        if !$mounts || !boot();
    power_cut($_) for 'log and head cut', 'head kept', 'a run of NULs';
}

$t->stop;
unmount();
$t->finish;
done_testing;


sub power_cut {
    my ($how) = @_;
    my $name = $boots ? "$how, booted" : $how;

    $t->stop;
    system 'rm', '-rf', $t->state_dir;
    $t->backend->forget;
    delete $t->{gate_records};
    $shim->mend->set(held => 0)->run;
    my $old_head = $t->read_file($head);
    my @before = map { ask() } 1 .. 4;
    is(join(' ', map { $_->{status} } @before), '200 200 200 200',
       "$name: before");
    my ($seq) = $before[-1]{headers}{'xc-record'} =~ /:(\d+);/;

    # written, not synced: neither answered nor passed on
    $shim->hold;
    my @waiting = map {
        my $sock = $client->connect;
        $client->write($sock, $client->format('GET', $policy->query));
        $sock;
    } 1 .. 6;
    ok($t->wait_for(sub { $shim->get('held') }),
       "$name: records wait for their sync");
    my $size = -s $log;
    kill 'KILL', $t->processes;
    $t->wait_for(sub { !$t->processes });
    is((grep { defined $client->read_answer($_) } @waiting), 0,
       "$name: nobody was told");
    is($t->backend->count, 4, "$name: the back end saw those synced alone");

    # what was synced ends, at the least, with what was answered last
    my @lines = $t->audit_lines;
    my $synced = length join '', map { "$_\n" } @lines[0 .. $seq];
    cmp_ok($size, '>', $synced, "$name: more was written");
    truncate $log, $synced or die $!;
    truncate $log, $size or die $! if $how eq 'a run of NULs';
    poke($head, $old_head) if $how eq 'log and head cut';
    boot() if $boots;

    $shim->mend->set(held => 0)->run;
    my $answer;
    $t->wait_for(sub {
        # max_skew lets it be signed in the first second of the new boot
        $answer = ask(sign => { created => int(time) + 30 });
        return $answer->{status} != 503;
    });
    is($answer->{status}, 200, "$name: service goes on");
    $t->stop;
    my @all = whole($t, $name, n => 5, outcomes => 4);
    my @recover = grep { $_->{event} eq 'recover' } @all;
    if ($how eq 'log and head cut') {
        is(scalar @recover, 0, "$name: nothing is missed");
    } else {
        is_deeply([map { [@$_{qw(cause seq)}, $_->{lost}{from}] } @recover],
                  [['power-loss', $seq + 1, $seq + 1]],
                  "$name: a recover record names what is lost");
    }
    if ($how eq 'a run of NULs') {
        is($t->read_file($t->state_dir . '/'
                         . ($recover[0]{set_aside} // 'none')),
           "\0" x ($size - $synced), "$name: they are set aside");
    }
}


sub ask { $client->request('GET', $policy->query, { @_ }) }


sub poke {
    my ($path, $bytes) = @_;

    open my $fh, '+<:raw', $path or die "$path: $!";
    print $fh $bytes;
    close $fh or die "$path: $!";
}


# The kernel says that it is another one.
sub boot {
    my $id = sprintf '%08x-0000-4000-8000-000000000000', ++$boots;
    my $file = $t->write_file("boot.$boots", "$id\n", 0644);

    return system("mount --bind '$file' $boot_id 2>/dev/null") == 0;
}


sub unmount {
    return if !$mounts;
    1 while $boots-- > 0 && system("umount $boot_id 2>/dev/null") == 0;
}

END { local $?; unmount() }
