#!/usr/bin/perl

# What a reload leaves behind: the master of a gate that is reloaded many times
# (XC_LEAK_RELOADS, default 20) does not grow, in memory or in open files.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use XC::Gate;
use XC::Nginx;
use XC::Note;

# what goes on growing beyond what the first reloads settled is a leak
use constant { WARM => 8, SPARE => 256, EACH => 0.5 };     # reloads; KiB

my $reloads = $ENV{XC_LEAK_RELOADS} // 20;
my $t = XC::Nginx->new(log_level => 'notice');
my $policy = $t->policy(transport => 'any');
my $client = $t->client(tls => 0);
my $signer = signer('platform.example/xc-log');

$t->write_file('audit.key', $signer->{pem}, 0600);
$t->write_file('subject.key', 's' x 32, 0600);
$t->write_file('token.key', 't' x 32, 0600);
$t->gate_conf(
    audit    => 'node=n1 key=audit.key origin=platform.example/xc-log'
                . ' subject_key=subject.key',
    server   => 'ssl_verify_client optional_no_ca;',
    location => 'xc_token_key token.key;');
$t->run;

reload_some(WARM);
my %before = least();
reload_some($reloads);
my %after = least();

admitted($t, 'after them', $client->request('GET', $policy->query));
is($after{files}, $before{files}, "open files: $after{files}");

SKIP: {
    skip 'a sanitizer keeps what was freed', 1 if $ENV{XC_PRELOAD};
    my $grown = $after{private} - $before{private};

    cmp_ok($grown, '<=', SPARE + EACH * $reloads,
           "$reloads reloads: $grown KiB more than $before{private}");
}

$t->finish;
done_testing;


sub reload_some {
    my ($n) = @_;

    for my $i (1 .. $n) {
        $t->reload(wait => 'exit') or die 'refused: ' . $t->error_log;
    }
}


# What is reaped is closed a moment later: of some looks the one with the fewest
# files.
sub least {
    my %least = size();

    for (1 .. 20) {
        my %now = size();

        %least = %now if $now{files} < $least{files};
        sleep 0.02;
    }
    return %least;
}


# Of the master: private memory in KiB, open files.
sub size {
    my $pid = $t->master_pid;
    my $rollup = $t->read_file("/proc/$pid/smaps_rollup") // '';
    my $private = 0;

    $private += $_ for $rollup =~ /^(?:Private_Dirty|Swap): +(\d+)/mg;
    return (private => $private, files => scalar(() = glob "/proc/$pid/fd/*"));
}
