#!/usr/bin/perl

# xc_fleet: what nginx -t refuses and warns of, what a worker's log says of a
# store that it can't use, and that a build without hiredis refuses it by name.

use strict;
use warnings;
use utf8;

use File::Temp ();
use Test::More;
use Time::HiRes qw(sleep);

use XC::FakeRedis;
use XC::Nginx;

my $SECRET = 'correct-horse-battery';

my $t = XC::Nginx->new;
my $prefix = $t->prefix;
my $port = $t->port('redis');

$t->policy(transport => 'any');
urls();
parameters();
passwords();
greetings();
survives();
without_hiredis();

$t->finish;
done_testing;


# nginx -t of a configuration with this xc_fleet.
sub tested {
    my ($fleet, %o) = @_;

    $t->gate_conf(http => join('', map { "xc_fleet $_; # here\n" }
                               ref $fleet ? @$fleet : $fleet), %o);
    $t->write_file('test.conf', $t->read_file('nginx.conf'));
    return $t->test_conf;
}


sub refused {
    my ($name, $re, $fleet) = @_;
    my ($status, $out) = tested($fleet);
    my @emerg = $out =~ /\[emerg\] (.*)/g;

    ok($status == 1 && @emerg == 1 && $emerg[0] =~ /$re/
       && $emerg[0] =~ /nginx\.conf:\d+$/, $name)
        or diag("exit status $status", map { "\n$_" } @emerg);
    unlike($out, qr/\Q$SECRET/, "$name: no secret is repeated");
}


# Returns the warnings of it.
sub accepted {
    my ($name, $fleet) = @_;
    my ($status, $out) = tested($fleet);

    is($status, 0, "$name is accepted") or diag($out);
    return grep { /xc_fleet/ } $out =~ /\[warn\] (.*)/g;
}


sub urls {
    my $write = qr/URL of xc_fleet: write redis:\/\/host\[:port\]\[\/db\] in/;
    my $tls = qr/: TLS to the store is not supported: tunnel it, see docs/;
    my $port = qr/: a port is a number from 1 to 65535 in/;
    my $db = qr/: a database is a number such as 0: write redis:/;

    refused('no URL', qr/invalid number of arguments in "xc_fleet"/, '');
    refused($_, $write, $_) for '127.0.0.1', 'timeout=1s', 'http://127.0.0.1',
        '://127.0.0.1', 'redis:127.0.0.1';
    refused($_, $tls, "$_://127.0.0.1")
        for qw(rediss REDISS redis+tls redis+ssl valkeys);
    refused($_, qr/: Sentinel is not asked: write redis:/, "$_://127.0.0.1")
        for qw(sentinel redis-sentinel redis+sentinel);
    refused($_, qr/: the store is reached by TCP alone: write/, $_)
        for 'unix:///run/redis.sock', 'redis-socket:///run/redis.sock';
    refused($_, qr/: a secret does not belong in it: .*password_file=file/, $_)
        for "redis://:$SECRET\@127.0.0.1", "redis://u:$SECRET\@127.0.0.1:1/2",
            "redis://127.0.0.1/$SECRET\@";
    refused($_, qr/: it takes no query: write/, $_)
        for 'redis://127.0.0.1?db=1', 'redis://127.0.0.1/0#x';
    refused($_, qr/: it names no host: write/, $_)
        for 'redis://', 'redis:///1', 'redis://:6379';
    refused($_, $port, $_) for map { "redis://127.0.0.1:$_" }
        '', '0', '65536', '99999999999999999999', '-1', '+1', '0x50', '1-2';
    refused($_, $db, $_) for map { "redis://127.0.0.1/$_" }
        '', 'x', '-1', '65536', '0/1', '1/';
    refused('IPv6 without brackets', qr/: an IPv6 address stands in brackets/,
            'redis://::1');
    refused('a bracket is open', qr/: "\[" without "\]"/, 'redis://[::1');
    refused('what stands behind it', qr/: behind "\]" stands the port/,
            'redis://[::1]6379');
    refused('no such host', qr/: host not found|: .*resol/,
            'redis://no-such-host.invalid');
    refused('twice', qr/"xc_fleet" directive is duplicate/,
            [('redis://127.0.0.1') x 2]);

    is_deeply([accepted($_, $_)], [], "$_: no warning")
        for 'redis://127.0.0.1', 'redis://127.0.0.1:1/65535', 'REDIS://127.0.0.1',
            'redis://[::1]:65535/0', 'redis://127.8.9.10';
    for my $host ('192.0.2.1', '[2001:db8::1]') {
        my @warnings = accepted($host, "redis://$host:6379");
        is(@warnings, 1, "$host: one warning");
        like($warnings[0],
             qr/the link to \Q$host\E:6379 is not encrypted: .*: tunnel it/,
             'which names it');
    }
}


sub parameters {
    my $url = 'redis://127.0.0.1';

    refused($_, qr/"$_": write a time from 1ms to 10s in/, "$url $_")
        for map { "timeout=$_" } '', '0', '0ms', '10001ms', '11s', 'soon', '-1';
    refused($_, qr/"\Q$_\E": a prefix is 1 to 64 of 0-9 A-Z a-z/, "$url $_")
        for map { "prefix=$_" } '', 'a:b', 'ä', 'a*', 'x' x 65;
    refused("$_ twice", qr/"$_": is given twice in/, "$url $_ $_")
        for 'timeout=1s', 'prefix=a';
    refused($_, qr/parameter "[a-z]+" of xc_fleet: known are password_file=,/,
            "$url $_")
        for 'tiemout=1s', "password=$SECRET", 'prefix', 'tls=on';
    accepted($_, "$url $_")
        for 'timeout=1ms', 'timeout=10s', 'prefix=' . 'x' x 64,
            'prefix=a.B_9- timeout=50ms';
}


sub passwords {
    my $refused = sub {
        my ($name, $re, $text, $mode) = @_;

        $t->write_file('password', $text, $mode // 0640);
        refused("a password file: $name", $re,
                'redis://127.0.0.1 password_file=password');
    };

    refused('no password file', qr/password_file=none": .*none.*No such file/,
            'redis://127.0.0.1 password_file=none');
    $refused->('others can read it', qr/others can/, $SECRET, 0644);
    $refused->('empty', qr/: the file is empty in/, $_) for '', "\n", "\r\n";
    $refused->('two lines', qr/: the file holds more than a line/, $_)
        for "$SECRET\n\n", "$SECRET\nmore", "a\0b", "a\rb", "\n$SECRET";
    for my $text ($SECRET, "$SECRET\n", "$SECRET\r\n", 'with space') {
        $t->write_file('password', $text, 0640);
        accepted('a password file', 'redis://127.0.0.1 password_file=password');
    }
}


# What a store that can't be used is told by, once, with what to do.
sub greetings {
    my %errors = (
        'NOAUTH Authentication required.'
            => [INFO => qr/INFO server: NOAUTH .*: add password_file= to/],
        "NOPERM this user has no permissions to run 'info'"
            => [INFO => qr/NOPERM .*: allow its user the commands and keys/],
        'DENIED Redis is running in protected mode'
            => [INFO => qr/DENIED .*: it takes no connections but local ones/],
        'LOADING Redis is loading the dataset in memory'
            => [INFO => qr/LOADING .*: it still reads its data: wait/],
        'ERR DB index is out of range'
            => [SELECT => qr/SELECT: ERR DB index is out of range: see/],
        'WRONGPASS invalid username-password pair'
            => [AUTH => qr/AUTH: WRONGPASS: the password of password_file=/],
        "ERR unknown command 'AUTH', with args beginning with: '$SECRET'"
            => [AUTH => qr/AUTH: it refuses the password, or has none: see/],
        'NOSCRIPT No matching script'
            => [EVALSHA => qr/EVALSHA: NOSCRIPT .*: it has lost the script/],
        'MOVED 3999 127.0.0.1:1'
            => [EVALSHA => qr/EVALSHA: MOVED .*: it is one of a cluster/],
        'MISCONF Redis is configured to save RDB snapshots'
            => [EVALSHA => qr/EVALSHA: MISCONF .*: it can't save its data/],
        "ERR \x1b[31m\xff red"
            => [SCRIPT => qr/SCRIPT LOAD: ERR \?\[31m\? red: see its own log/],
    );
    my $replica = qr/: it is a replica: name the primary/;
    my $evicts = qr/: it may evict keys, .*"maxmemory-policy noeviction"/;
    my $who = qr/: it has no run_id, .*: is it Redis\?/;

    greeted($_, $errors{$_}[1], errors => { $errors{$_}[0] => $_ })
        for sort keys %errors;
    greeted('a replica', $replica, info => { role => 'slave' });
    greeted("evicts: $_", $evicts,
            info => { maxmemory => 1024, maxmemory_policy => $_ })
        for qw(allkeys-lru volatile-ttl);
    greeted('no policy told', qr/: it does not tell its maxmemory/,
            info => { maxmemory_policy => undef });
    greeted("run id $_", $who, info => { run_id => $_ })
        for '', 'x' x 64, "a b";
    greeted("replication id $_", qr/: it has no master_replid/,
            info => { master_replid => $_ })
        for '', 'x' x 64, "a b";
    greeted('no answer', qr/: connected, but not greeted within 1000 ms/,
            mode => 'silent', greeting => 1);
    greeted('nonsense', qr/: its answer is not the script's: is it Redis/,
            mode => 'short', greeting => 1);
    greeted('bytes', qr/: what it answers is not Redis's protocol/,
            mode => 'garbage', greeting => 1);
    greeted('nobody there', qr/: can't connect \(111: Connection refused\)/);
}


# No store of these options (none: none at all) is ever in use; the log says
# once which.
sub greeted {
    my ($name, $re, %o) = @_;
    my $dir = $t->path('fake.' . ++$t->{fakes});
    my $fake;

    mkdir $dir;
    $fake = XC::FakeRedis->new(dir => $dir, port => $port, %o) if %o;
    $t->write_file('password', $SECRET, 0640);
    $t->gate_conf(http => "xc_fleet redis://127.0.0.1:$port/1"
                          . ' password_file=password timeout=100ms;');
    my $before = length $t->error_log;
    $t->run;
    my $new = sub {
        return grep { /xc_fleet: the store 127\.0\.0\.1:$port/ }
               split /\n/, substr $t->error_log, $before;
    };
    ok($t->wait_for(sub { grep { /$re/ } $new->() }), "$name: $re")
        or diag($new->());

    # three attempts more
    my $tries = sub { scalar grep { /^(?:AUTH|SELECT)/ } $fake->commands };
    my $seen = $fake ? $tries->() : 0;
    if ($fake) {
        $t->wait_for(sub { $tries->() >= $seen + 2 });
    } else {
        sleep 0.5;
    }
    my @lines = $new->();
    is(told($re, @lines), 1, "$name: one line") or diag(@lines);
    is(scalar(grep { /is in use/ } @lines), 0, "$name: never in use");
    unlike($t->error_log, qr/\Q$SECRET/, "$name: no secret in the log");
    is($t->client(tls => 0)->request('GET', $t->policy->query)->{json}{type},
       'urn:xc:fleet-unavailable', "$name: nothing passes");
    $t->stop;
    $fake->stop if $fake;
}


# How many errors there are.  A machine that is slow adds to them, and what
# comes again after that is no other.
sub told {
    my ($re, @lines) = @_;
    my $slow = qr/: (?:connected, but not greeted|no connection) within /;
    my ($n, $last) = (0, '');

    for my $line (grep { /\[error\]/ } @lines) {
        my $is = $line =~ $re ? 'it' : $line =~ $slow ? 'slow' : 'other';
        $n++ if $is ne 'slow' && !($is eq 'it' && $n && $last eq 'slow');
        $last = $is;
    }
    return $n;
}


# In use, gone, in use again: a line for each, and what was asked for to be
# there; a reload and an exit leave nothing open (finish() looks for alerts).
sub survives {
    my $dir = $t->path('fake.live');
    mkdir $dir;
    my $fake = XC::FakeRedis->new(dir => $dir, port => $port);
    my $before = length $t->error_log;
    my $lines = sub {
        my ($re) = @_;
        return scalar grep { /$re/ } split /\n/, substr $t->error_log, $before;
    };

    $t->gate_conf(http => "xc_fleet redis://127.0.0.1:$port/3"
                          . ' password_file=password timeout=10s;');
    $t->run;
    my $in_use = qr/is in use, its run is [0-9a-f]{40}\.b{40}$/;
    ok($t->wait_for(sub { $lines->($in_use) }), 'it is in use');
    # an attempt before it may have been cut short on a slow machine
    like(join("\n", '', $fake->commands, ''),
         qr/\nAUTH\nSELECT[ ]3\nINFO[ ]server\nINFO[ ]memory\nINFO[ ]replication
            \nSCRIPT[ ]LOAD\nEVALSHA[ ]1\n/x,
         'after a greeting in this order');
    ok($t->wait_for(sub { 2 <= grep { /EVALSHA 1/ } $fake->commands }),
       'and beats');
    $fake->stop;
    ok($t->wait_for(sub { $lines->(qr/it has closed the connection|is lost/) }),
       'gone');
    $fake->start;
    ok($t->wait_for(sub { $lines->(qr/is in use/) == 2 }), 'there again');
    is($lines->(qr/it has closed the connection|is lost/), 1, 'one line');
    $t->reload;
    ok($t->wait_for(sub { $lines->(qr/is in use/) == 3 }),
       'a new worker has a connection of its own');
    $t->stop;
    is($lines->(qr/open socket/), 0, 'an exit leaves none open');
    $fake->stop;
}


# A build of its own takes a minute or two.
sub without_hiredis {
  SKIP: {
        skip 'XC_TEST_BUILDS is not set: no build without hiredis', 3
            if !$ENV{XC_TEST_BUILDS};

        my $dir = File::Temp->newdir;
        local $ENV{XC_HIREDIS} = 'no';
        local $ENV{XC_BUILD} = "$dir";
        my $out = `cd '@{[ $t->root ]}' && ./xc build 2>&1`;
        is($?, 0, 'a build without hiredis') or diag($out);

        local $t->{module} = "$dir/ngx_xc_module.so";
        unlike(scalar `ldd '$t->{module}'`, qr/hiredis/, 'does not need it');
        refused('xc_fleet without hiredis',
                qr/xc_fleet is not supported by this build: it has no hiredis/,
                'redis://127.0.0.1');
    }
}
