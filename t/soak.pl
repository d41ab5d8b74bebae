#!/usr/bin/env perl

# ./xc soak [SECONDS] (900): mixed good, bad and rude traffic (XC::Soak), signed
# in every algorithm or vouched for by certificates, tokens and tickets, through
# a gate with two workers to a back end that misbehaves (XC::Rogue), while
# configurations, policies and log files change, the back end dies, and for half
# of the time limits and nonces are in a Redis; from 600 s on (or with
# XC_SOAK_UPGRADE=1) with a binary upgrade, too.  At the end: memory and
# descriptors flat (XC::Soak::Memory), no unexpected line in the error log,
# requests = records, the log verified, nothing left running.
#
# The time is cut into terms, each with a generation of workers of its own; the
# one in the middle is a third of all.  XC_SEED repeats the order of requests
# and events (not their timing); XC_SOAK_CLIENTS (8) sets how many ask at a
# time, XC_SOAK_CASES (good,h2) leaves out all other cases, to find a culprit.

use strict;
use warnings;

use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(sleep time);

use XC::Nginx;
use XC::Note;
use XC::Redis;
use XC::Rogue;
use XC::Soak;
use XC::Soak::Memory;
use XC::Soak::Policy;
use XC::Soak::Verdict;
use XC::Soak::Vouched qw($TOKEN_KEY);

my $seconds = $ARGV[0] // 900;
my $seed = $ENV{XC_SEED} // int(time) % 1_000_000;
my $clients = $ENV{XC_SOAK_CLIENTS} // 8;
my $shorts = $seconds < 120 ? 5 : $seconds < 600 ? 9 : 14;
my $ORIGIN = 'platform.example/xc-log';

$ENV{XC_TIMEOUT} //= $seconds + 300;
my $t = XC::Nginx->new(workers => 2, log_level => 'notice');
my $log = $t->state_dir . '/audit.log';
my $redis = XC::Redis->program && XC::Redis->start(
    port => $t->port('redis'), dir => File::Temp::tempdir(CLEANUP => 1));
my $policy = XC::Soak::Policy->new($t->prefix);
my $memory = XC::Soak::Memory->new($t);
my $signer = signer($ORIGIN);
my (@pids, @outs, @windows, %odd);
my ($rotations, $reloads, $upgrades, $kills, $huge) = (0) x 5;
my ($began, $idle);

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


sub prepare {
    $t->write_file('audit.key', $signer->{pem}, 0600);
    $t->write_file('subject.key', 's' x 32, 0600);
    $t->write_file('token.key', $TOKEN_KEY, 0600);
    $t->{backend} = rogue();
    $t->policy($policy);
    configure(0);
}


sub rogue {
    return XC::Rogue->new(dir => $t->prefix, port => $t->port('backend'));
}


sub configure {
    my ($fleet) = @_;
    my $proxies = 'xc_body_size 64k; proxy_http_version 1.1;'
                  . ' proxy_set_header Connection "";';

    $t->gate_conf(
        main => XC::Soak::Memory::CONF,
        audit => "node=n1 key=audit.key origin=$ORIGIN checkpoint=200ms"
                 . ' subject_key=subject.key',
        http => 'xc_token_key token.key; client_header_timeout 5s;'
            . ' client_body_timeout 5s; send_timeout 10s;'
            . ' keepalive_timeout 20s; proxy_read_timeout 3s;'
            . ' proxy_max_temp_file_size 16m;'
            . ' upstream rogue { server %%BACKEND%%; keepalive 8; }'
            . ($fleet ? ' xc_fleet redis://127.0.0.1:%%PORT_redis%%'
                        . ' timeout=5s;' : ''),
        server => 'ssl_verify_client optional; ssl_client_certificate ca.crt;
            location = /status { xc_status; }
            location = /metrics { xc_status prometheus; }
            location = /agencies { xc_status prometheus agencies; }
            location = /page { xc_status html agencies; }
            location = /checkpoint { xc_checkpoint; }
            location = /.well-known/xc-intake {
                xc_intake %%ROOT%%/conf/intake.json; }
            ' . join('', map { "
            location /$_/ {
                xc enforce;
                xc_policy tls.json;
                xc_credentials $_ httpsig;
                $proxies
                proxy_pass http://%%BACKEND%%;
                include %%ROOT%%/conf/xc_proxy_params;
            }" } qw(mtls jwt)),
        location => $proxies);
    my $conf = $t->read_file('nginx.conf');
    $conf =~ s{proxy_pass http://[^;]+;}{proxy_pass http://rogue;}g;
    $t->write_file('nginx.conf', $conf);
}


sub begin {
    {
        local %ENV = (%ENV, XC::Soak::Memory::ENVIRONMENT);
        $t->run;
    }
    workers();
    $idle = max(descriptors());
    for my $i (1 .. $clients) {
        push @outs, $t->path("soak.$i");
        push @pids, XC::Soak->start(t => $t, policy => $policy,
                                    seed => "$seed $i", out => $outs[-1],
                                    first => $i - 1, step => $clients);
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
        my @now = $memory->look($term, $long);
        $odd{"term $term has workers @now"}++ if @now != 2;
    }
}


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
    $t->wait_for(sub { -s $log }) or $odd{'no new log'}++;
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

    $policy->drop if $what eq 'drop';
    $policy->add("2026-11-23.$term") if $what eq 'add';
    $policy->write($t->path('policy.json'));
    configure($what eq 'fleet') if $redis && $what =~ /^(?:fleet|local)$/;

    my $upgraded = $term == 3
                   && ($seconds >= 600 || $ENV{XC_SOAK_UPGRADE});
    window($what =~ /^(?:fleet|local)$/ ? 'store' : 'reload', sub {
        $upgraded ? upgrade() : reload();
    });
    $memory->look_at_master($upgraded);
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
    my @left;
    # a connection to Redis, and what is kept of connections to the back end
    $t->wait_for(sub {
        @left = descriptors();
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


# How many each worker has.
sub descriptors {
    return map { scalar XC::Soak::Memory::descriptors($_) } $t->worker_pids;
}


sub verdict {
    my $of = XC::Soak::Verdict->new(
        t => $t, vkey => $signer->{vkey}, began => $began, outs => \@outs,
        windows => \@windows, rotations => $rotations, reloads => $reloads);

    is(join("\n", map { "$_ ($odd{$_} times)" } sort keys %odd), '',
       'workers and clients are as they should be');
    $of->expected;
    $of->recorded;
    $of->verified;
    $memory->verdict;
    $of->error_log;
    diag("seed $seed, $seconds s: $reloads reloads, $upgrades upgrades,"
         . " $rotations rotations, the back end died $kills times\n"
         . $of->summary);
}
