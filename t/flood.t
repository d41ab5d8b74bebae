#!/usr/bin/env perl

# Floods (CONTRACT.md section 5): every request is answered; beyond 100 a
# second and node the refusals of callers that nobody knows are counted, by
# network and reason, and none of them is lost: records and counts add up.

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::IP;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use XC::Chain;
use XC::Gate;
use XC::Nginx;

my $t = XC::Nginx->new;
my $state = $t->state_dir;
my $policy = $t->policy(transport => 'any');
my $client = $t->client(tls => 0);
my $v6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1) ? 1 : 0;
my %requests = (
    'credential-missing' => format_as(sign => 0),
    'credential-unknown' => format_as(sign => { keyid => 'nobody' }),
    'authority-unknown'  => format_as(sign => 0, authority => 'other.example'),
    'header-reserved'    => format_as(sign => 0, headers => [['X-XC-Id', 1]]),
);

$t->write_file('intake.json', JSON::PP->new->encode({
    platform => { name => 'P', role => 'platform' },
    channels => [{ type => 'api', address => 'https://platform.example' }],
    updated  => '2026-01-01', expires => '2036-01-01' }));

below();
one_reason();
reasons_and_networks();
workers();
reload();
authenticated();
many_networks();
intake();

$t->finish;
done_testing;


# At a pace below the budget each has a record of its own.
sub below {
    fresh();
    flood('credential-missing', 10) for 1 .. 3;
    my @all = ended('below', 30);
    is((grep { $_->{event} eq 'summary' } @all), 0, 'below: nothing is summed');
}


sub one_reason {
    fresh();
    my $from = time;
    flood('credential-missing', 1000);
    my $seconds = int(time) - int($from) + 1;

    # a while later, not at exit only: a reviewer must not wait for that
    ok($t->wait_for(sub { $t->read_file("$state/audit.log")
                          =~ /"event":"summary"/ }),
       'flood: told while it runs');
    my @all = ended('flood', 1000);
    my $single = grep { $_->{event} eq 'decision' } @all;
    cmp_ok($single, '>=', 100, 'flood: the first have records of their own');
    cmp_ok($single, '<=', 100 * $seconds, 'flood: a hundred a second');
    my ($s) = grep { $_->{event} eq 'summary' } @all;
    is_deeply([sort keys %$s],
              [sort qw(seq prev time node event client reason count first last
                       line file)], 'flood: the members of a summary');
    is_deeply([@$s{qw(client reason)}], ['127.0.0.0/24', 'credential-missing'],
              'flood: network and reason');
    ok($s->{first} le $s->{last} && $s->{last} le $s->{time}
       && $s->{first} ge $all[0]{time}, 'flood: first and last');
}


sub reasons_and_networks {
    fresh();
    my @from = ('127.0.0.1', '127.0.0.200', '127.8.9.1', $v6 ? '::1' : ());
    my %sent;
    my $began = time;

    diag('no IPv6 on loopback: its networks are not looked at') if !$v6;
    for my $round (1 .. 3) {
        for my $reason (sort keys %requests) {
            for my $from (@from) {
                flood($reason, 50, $from);
                $sent{"$reason " . network($from)} += 50;
            }
        }
    }
    my $n = 3 * 50 * keys(%requests) * @from;
    my $times = 1 + int((time - $began) / 10);
    my @all = ended('reasons', $n);
    my %told;
    for my $r (@all) {
        $told{"$r->{reason} " . network($r->{client})}++
            if $r->{event} eq 'decision';
        $told{"$r->{reason} $r->{client}"} += $r->{count}
            if $r->{event} eq 'summary';
    }
    is_deeply(\%told, \%sent, 'reasons: each sum, of each network');
    my @pairs = map { "$_->{reason} $_->{client}" }
                grep { $_->{event} eq 'summary' } @all;
    my %pairs;
    $pairs{$_}++ for @pairs;
    is((grep { $_ > $times } values %pairs), 0,
       'reasons: one record each, and another in ten seconds');
}


# The budget is the node's.
sub workers {
    $t->{workers} = 2;
    fresh();
    my $from = time;
    my @pids = map {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            $SIG{ALRM} = 'DEFAULT';
            eval { flood('credential-missing', 40) for 1 .. 25; 1 }
                or POSIX::_exit(1);
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. 4;
    my @failed = grep { waitpid($_, 0) && $? } @pids;
    my $seconds = int(time) - int($from) + 1;
    is(scalar @failed, 0, 'workers: all are answered');
    my @all = ended('workers', 4000);
    my $single = grep { $_->{event} eq 'decision' } @all;
    cmp_ok($single, '<=', 100 * $seconds,
           'workers: a hundred a second between them');
}


# What an old worker has counted is told when it goes.
sub reload {
    fresh();
    my $n = beyond_budget();
    $t->reload(wait => 'exit');
    my $told = grep { $_->{event} eq 'summary' } $t->audit_records;
    cmp_ok($told, '>=', 1, 'reload: told by the old workers');
    flood('credential-missing', 300);
    ended('reload', $n + 300);
}


# Whoever is known has a record of each, and so have those let through.
sub authenticated {
    fresh();
    my $n = 75 * 20 + 300;
    my %n;
    my $known = $t->client(tls => 0, keepalive => 1);
    my $refused = $policy->query(fields => $XC::Policy::PHONE);

    for my $i (1 .. 150) {
        flood('credential-missing', 20) if $i % 2;
        $n += beyond_budget() if $i == 75;
        $n{ $known->request('GET', $refused)->{status} }++ for 1, 2;
        $n{ $known->request('GET', $policy->query)->{status} }++ if $i % 5 == 0;
    }
    is_deeply([@n{200, 403}], [30, 300], 'authenticated: the answers');
    my @all = ended('authenticated', $n, 30);
    ok(scalar(grep { $_->{event} eq 'summary' } @all),
       'authenticated: amid a flood');
    my @own = grep { ($_->{agency} // '') eq '310115' } @all;
    is((grep { $_->{decision} eq 'deny' } @own), 300,
       'authenticated: a record of each refusal');
    is((grep { $_->{decision} eq 'allow' } @own), 30,
       'authenticated: and of each request let through');
    is((grep { $_->{event} eq 'summary'
               && $_->{reason} ne 'credential-missing' } @all), 0,
       'authenticated: none is summed');
}


# More networks than there is room for: then they are from anywhere.
sub many_networks {
    $t->{workers} = 1;
    fresh(main => 'events { worker_connections 1000; }');
    my @from = map { sprintf '127.%d.%d.1', 1 + int($_ / 200), $_ % 200 }
               0 .. 599;
    # some 200 have a name
    my $n = fast(600, sub { at_once('credential-missing', @from) });
    my @all = ended('many networks', $n);
    my ($any) = grep { $_->{event} eq 'summary' && $_->{client} eq 'any' } @all;
    cmp_ok($any ? $any->{count} : 0, '>', 0, 'many networks: from anywhere');
    my %networks = map { $_->{client} => 1 }
                   grep { $_->{event} eq 'summary' } @all;
    cmp_ok(scalar keys %networks, '>', 100, 'many networks: many by name');
}


# Reads of the intake document, by format.
sub intake {
    $t->{workers} = 2;
    fresh();
    my %accept = (json => 'application/json', html => 'text/html');
    my %times = (json => 7, html => 4);

    for my $format (sort keys %times) {
        for (1 .. $times{$format}) {
            is($client->request('GET', '/intake', { sign => 0,
                headers => { Accept => $accept{$format} } })->{status}, 200,
               "intake: $format");
        }
    }
    my @all = ended('intake', 0);
    my %told;
    for my $s (grep { $_->{event} eq 'summary' } @all) {
        $told{ $s->{format} } += $s->{count};
        ok(!exists $s->{client} && !exists $s->{reason}
           && $s->{first} le $s->{last}, 'intake: told by format only');
    }
    is_deeply(\%told, \%times, 'intake: each read is counted');
}


# Refusals of which some are summed, however slow the machine is: sends them
# again until they were faster than three seconds' budget.  Returns how many it
# sent.
sub beyond_budget {
    return fast(400, sub { flood('credential-missing', 400) });
}


sub fast {
    my ($n, $send) = @_;
    my ($sent, $from);

    do {
        $from = int time;
        $send->();
        $sent += $n;
    } while (int(time) - $from > 2);
    return $sent;
}


# One of each address, all of them sent before an answer is read.
sub at_once {
    my ($reason, @from) = @_;
    my @socks = map { connection($_) } @from;

    $client->write($_, $requests{$reason}) for @socks;
    for my $sock (@socks) {
        my $answer = $client->read_answer($sock);
        die "no $reason" if ($answer->{json}{type} // '') ne "urn:xc:$reason";
    }
}


sub connection {
    my ($from) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', LocalAddr => $from,
                                 PeerPort => $t->port('http'), Timeout => 60)
           // die "connect: $!";
}


# Sends n of them over one connection; all are answered with that reason.
sub flood {
    my ($reason, $n, $from) = @_;
    my $sock = $from && $from =~ /:/
        ? IO::Socket::IP->new(PeerHost => '::1',
                              PeerPort => $t->port('http'), Timeout => 60)
        : connection($from // '127.0.0.1');
    my ($sent, $got) = (0, 0);

    die "connect: $!" if !$sock;
    while ($got == $sent && $sent < $n) {
        my $now = $n - $sent > 50 ? 50 : $n - $sent;
        my $text = '';

        $client->write($sock, $requests{$reason} x $now);
        $sent += $now;
        do {
            $got -= () = $text =~ /"urn:xc:\Q$reason\E"/g;
            sysread $sock, $text, 65_536, length $text or last;
            $got += () = $text =~ /"urn:xc:\Q$reason\E"/g;
        } while ($got < $sent || $text !~ /\}\s*\z/);
    }
    close $sock;
    die "$reason from " . ($from // '127.0.0.1') . ": $got of $n answered"
        if $got != $n;
}


# Whole requests that keep the connection.
sub format_as {
    my (%o) = @_;

    return $client->format('GET', $policy->query, { %o, keepalive => 1 });
}


# As a summary names it.
sub network {
    my ($address) = @_;

    return $address =~ /:/ ? '::/48' : $address =~ s/\.\d+$/.0\/24/r;
}


sub fresh {
    my (%o) = @_;

    $t->stop;
    system 'rm', '-rf', $state;
    $t->backend->forget;
    delete $t->{gate_records};
    $t->gate_conf(%o,
        server => 'keepalive_requests 100000;'
                  . ($v6 ? ' listen [::1]:%%PORT_http%%;' : '')
                  . ' location = /intake { xc_intake intake.json;
                                           xc_policy %%POLICY%%; }');
    $t->run;
}


# Stops, and adds up the refusals.
sub ended {
    my ($name, $sent, $admitted) = @_;

    $t->stop;
    my @all = whole($t, $name, n => $admitted // 0);
    my $single = grep { ($_->{decision} // '') eq 'deny' } @all;
    my $summed = 0;
    $summed += $_->{count} for grep { $_->{event} eq 'summary'
                                      && exists $_->{reason} } @all;
    is($single + $summed, $sent, "$name: records and counts add up");
    my $out = `'@{[$t->xcctl]}' audit verify --strict '$state/audit.log' 2>&1`;
    is($?, 0, "$name: each record is as it should be") or diag($out);
    return @all;
}
