#!/usr/bin/env perl

# What may befall the store that a fleet shares: gone, slow, empty, of an old
# day, full, or not the fleet's.  The answer is 503 each time, within the
# timeout; nothing is let through that was not asked for in time, and service
# goes on by itself.  The log and the back end agree at the end.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);

use XC::Fleet;
use XC::Gate;
use XC::Nginx;
use XC::Policy;
use XC::Redis;

plan skip_all => 'no redis-server' if !XC::Redis->program;

my $right = 'right-7c1e55aa90';
my $wrong = 'wrong-55aa907c1e';

my $policy = XC::Policy->new(transport => 'any',
                             signature => { max_age => 300, max_skew => 1 });
my $fleet = XC::Fleet->new(nodes => 2, policy => $policy, store => 0,
                           fleet => 'timeout=300ms', seconds => 400);
my $t = $fleet->node(1);
my $client = $fleet->client(1, '310115');
my $n2 = $fleet->node(2);       # knows only what the store knows
my @tests = (
    ['gone before start', \&gone_before_start],
    ['killed', \&killed],
    ['empty', \&restarted_empty],
    ['old', \&old_snapshot],
    ['flushed', \&flushed],
    ['stalled', \&stalled],
    ['late', \&late],
    ['full', \&full],
    ['evicts', \&evicts],
    ['another history', \&another_history],
    ['replica', \&replica],
    ['script flush', \&script_flush],
    ['client gone', \&client_gone],
    ['reload', \&reload_waiting],
    ['quit', \&quit_waiting],
    ['password', \&password],
);

for my $test (@tests) {
    my ($name, $sub) = @$test;

    # one alone: t/fleet_faults.t NAME
    next if @ARGV && !grep { $_ eq $name } @ARGV;
    $sub->();
}
$fleet->finish(also => sub {
    my ($node, $name) = @_;

    nothing_leaked($node, "$name: no password in the logs", [$right, $wrong],
                   all => 1);
});
done_testing;


# Nodes that run, whose store is another, and answers.
sub fresh {
    my ($name, %o) = @_;

    $fleet->store(%o);
    $_->run for grep { !$_->master_pid } $fleet->nodes;
    return serves("$name: before", 1, 2);
}


# What n1 burned comes to n2, which has never seen it: as soon as the store can
# be reached it is refused, and for good.
sub replayed {
    my ($name, $bytes, $reason) = @_;
    my $answer;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $n2->wait_for(sub {
        $answer = $fleet->client(2, '310115')->raw($bytes);
        return XC::Fleet::verdict($answer) ne 'fleet-unavailable';
    });
    refused($n2, "$name: a replay", $answer, $reason // 'starting');
    return $answer;
}


# The bytes of a signed request, and its answer where it is sent at once.
sub signed { $client->format('GET', $policy->query) }

sub send_raw { scalar $client->raw($_[0]) }

sub ask { send_raw(signed()) }


sub serves { my $name = shift; $fleet->serves($name, @_ ? @_ : 1) }

sub under_way { $fleet->under_way(@_) }

sub unavailable { $fleet->unavailable(@_) }

sub refuses { $fleet->refuses(@_) }

sub all_unavailable { $fleet->all_unavailable(@_) }


# Signs a request that is let through, and returns its bytes.  Where the machine
# is too slow for the timeout, there is another one.
sub passes {
    my ($name) = @_;
    my ($bytes, $answer);

    # not the same again: it may have been burned for all that
    $t->wait_for(sub {
        $bytes = signed();
        $answer = send_raw($bytes);
        return XC::Fleet::verdict($answer) ne 'fleet-unavailable';
    });
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $all = admitted($t, $name, $answer);
    push @{ $fleet->{seen}{1} }, $all->{seen} if $all->{seen}{h};
    return $bytes;
}


# The answer to it where the store does answer, if only the second time.
sub answer_to {
    my ($bytes) = @_;
    my $answer;

    $t->wait_for(sub {
        $answer = send_raw($bytes);
        return XC::Fleet::verdict($answer) ne 'fleet-unavailable';
    });
    return $answer;
}


sub gone_before_start {
    $t->run;
    refuses("gone before start: $_") for 1 .. 3;
    my $bytes = signed();
    fresh('gone before start, and there');
    refused($t, 'there: what was signed before it was born', send_raw($bytes),
            'starting');
}


sub killed {
    fresh('killed');
    my $burned = passes('killed: a request before');

    $fleet->redis->freeze;
    my @socks = under_way(5);
    sleep 0.05;
    $fleet->redis->kill;
    all_unavailable('killed while requests wait:', @socks);
    refuses("killed: $_") for 1 .. 3;

    $fleet->redis->run;
    replayed('killed, and another run', $burned);
    serves('killed, and another run', 1, 2);
    replayed('killed, later', $burned);
}


# Its birth is when a worker sees it empty.
sub restarted_empty {
    fresh('empty');
    my $burned = passes('empty: a request before');

    $fleet->redis->stop->run;
    my $answer = replayed('empty', $burned);
    my $after = $answer->{headers}{'retry-after'} // 'none';
    like($after, qr/^[123]$/, 'empty: Retry-After');
    serves('empty', 1, 2);
    replayed('empty, later', $burned);
}


# What was burned after the snapshot is not in it.
sub old_snapshot {
    fresh('old', options => { dbfilename => 'dump.rdb' });
    my $in = passes('old: a request before the snapshot');
    $fleet->redis->command('SAVE');
    my $after = passes('old: one after it');
    $fleet->redis->kill->run;
    ok($fleet->redis->command('DBSIZE') > 1, 'old: the snapshot is back');

    replayed('old, what the store has forgotten', $after);
    replayed('old, what it knows', $in);
    serves('old', 1, 2);
    replayed('old, what it has forgotten, later', $after);
    replayed('old, what it knows, later', $in);
}


sub flushed {
    fresh('flushed');
    my $burned = passes('flushed: a request before');

    $fleet->redis->flush;
    my $new = signed();
    replayed('flushed', $burned);
    refused($t, 'flushed: a new one', answer_to($new), 'starting');
    serves('flushed', 1, 2);
    replayed('flushed, later', $burned);
}


# It takes commands, and answers none until it has come to itself.
sub stalled {
    my %how = (
        SIGSTOP => [sub { $fleet->redis->freeze }, sub { $fleet->redis->thaw }],
        'CLIENT PAUSE' => [
            sub { $fleet->redis->command(qw(CLIENT PAUSE 4000 ALL)) },
            sub { $fleet->redis->command('PING') }],
        'DEBUG SLEEP' => [
            sub {
                my $c = $fleet->redis->connect;
                $c->command('PING');        # taken before those that follow
                $c->ask(qw(DEBUG SLEEP 4));
            },
            sub { $fleet->redis->command('PING') }],
    );
    for my $name (sort keys %how) {
        my ($stall, $go) = @{ $how{$name} };

        fresh($name, options => { 'enable-debug-command' => 'yes' });
        my $keep = $stall->();
        sleep 0.05;
        my @socks = under_way(5);
        all_unavailable("$name:", @socks);
        refuses("$name: once more");
        $go->();
        serves("$name: over");
        is(scalar(grep { $_->{h}{'x-xc-agency'} ne '000000' }
                  $t->backend->requests), 0,
           "$name: nothing was let through later");
    }
}


# Answers that come when nobody waits for them any more.  What they burned stays
# burned, and no other request gets them.
sub late {
    fresh('late');
    for my $n (1, 2) {
        $fleet->redis->freeze;
        my $bytes = signed();
        my $answer = send_raw($bytes);
        unavailable("late $n: the request", $answer);
        $fleet->redis->thaw;
        serves("late $n");

        my $again = XC::Fleet::verdict(answer_to($bytes));
        like($again, qr/^(?:200|signature-replayed)$/,
             "late $n: sent again, it is a request like any other ($again)");
        $fleet->seen(1);
        is(XC::Fleet::verdict(answer_to($bytes)), 'signature-replayed',
           "late $n: and passes no more");
    }
}


sub full {
    fresh('full');
    my $burned = passes('full: a request before');

    my $redis = $fleet->redis;
    is($redis->info('maxmemory_policy'), 'noeviction', 'full: noeviction');
    $redis->command(qw(CONFIG SET maxmemory 1));
    refuses("full: $_") for 1 .. 3;
    my $verdict = XC::Fleet::verdict($fleet->client(2, '310115')->raw($burned));
    like($verdict, qr/^(?:fleet-unavailable|signature-replayed)$/,
         "full: a replay ($verdict)");
    is($_->backend->count, 0, 'full: the back end saw nothing')
        for $fleet->nodes;
    $redis->command(qw(CONFIG SET maxmemory 0));
    replayed('full, and room made', $burned, 'signature-replayed');
    serves('full, and room made', 1, 2);
}


# A store that forgets as it likes can't tell what was used.
sub evicts {
    my $from = length $t->error_log;

    $fleet->store(options => { maxmemory => '64mb',
                               'maxmemory-policy' => 'allkeys-lru' });
    $t->run if !$t->master_pid;
    ok($t->wait_for(sub { substr($t->error_log, $from) =~ /noeviction/ }),
       'evicts: the log names what it should be');
    refuses("evicts: $_") for 1, 2;
    fresh('evicts: without');

    # while it is in use
    $fleet->redis->command(qw(CONFIG SET maxmemory-policy allkeys-lru));
    $fleet->redis->command(qw(CONFIG SET maxmemory 64mb));
    $from = length $t->error_log;
    ok($t->wait_for(sub { substr($t->error_log, $from) =~ /noeviction/ }),
       'evicts from now on: the log names what it should be');
    refuses("evicts from now on: $_") for 1, 2;
    $fleet->redis->command(qw(CONFIG SET maxmemory 0));
    serves('evicts no more');
}


# A primary that was somebody's replica meanwhile may have lost what it had
# burned: its replication id tells.
sub another_history {
    my $id;

    fresh('another history');
    my $bytes = passes('another history: a request');
    my @from = map { length $_->error_log } $fleet->nodes;
    $id = $fleet->redis->info('master_replid');
    $fleet->redis->command('REPLICAOF', '127.0.0.1', $t->port('nobody'));
    $fleet->redis->command(qw(REPLICAOF NO ONE));
    isnt($fleet->redis->info('master_replid'), $id,
         'another history: it has one');
    for my $node ($fleet->nodes) {
        my $from = shift @from;
        ok($node->wait_for(sub {
               substr($node->error_log, $from) =~ /another primary/ }),
           'another history: the log says so');
    }
    replayed('another history', $bytes);
    serves('another history: what is newer');
}


# Of a store that is not the fleet's to write to.
sub replica {
    fresh('replica');
    $fleet->redis->command('REPLICAOF', '127.0.0.1', $t->port('nobody'));
    refuses("replica: $_") for 1 .. 3;
    $fleet->redis->command(qw(REPLICAOF NO ONE));
    serves('replica: a master again');

    $fleet->store(options => {
        replicaof => '127.0.0.1 ' . $t->port('nobody') });
    refuses("replica from the start: $_") for 1 .. 2;
    $fleet->redis->command(qw(REPLICAOF NO ONE));
    serves('replica from the start: a master');
}


sub script_flush {
    fresh('script flush');
    $fleet->redis->command(qw(SCRIPT FLUSH));
    my $answer = ask();
    my $verdict = XC::Fleet::verdict($answer);

    like($verdict, qr/^(?:200|fleet-unavailable)$/, "script flush: $verdict");
    $fleet->seen(1);
    serves('script flush');
}


sub client_gone {
    fresh('client gone');
    $fleet->redis->freeze;
    my @gone = under_way(4);
    my @stay = under_way(2);
    sleep 0.05;
    close $_ for @gone;
    all_unavailable('beside those that went', @stay);
    $fleet->redis->thaw;
    serves('client gone');

    # before the store answers, which it does when the gate knows
    $fleet->configure(1, fleet => 'timeout=10s');
    ok($t->reload(wait => 'exit'), 'client gone: time enough');
    serves('client gone: before');
    my $gone = sub { scalar(() = $t->read_file('access.log') =~ / 499 /g) };
    my $before = $gone->();
    $fleet->redis->command(qw(CLIENT PAUSE 30000 WRITE));
    @gone = under_way(4);
    $t->wait_read(@gone);
    close $_ for @gone;
    ok($t->wait_for(sub { $gone->() >= $before + 4 }),
       'client gone: the gate knows');
    $fleet->redis->command(qw(CLIENT UNPAUSE));
    serves('client gone, and the answer comes');
    $fleet->configure(1);
    ok($t->reload(wait => 'exit'), 'client gone: as it was');
}


# The old worker waits for its requests, and they for the store.
sub reload_waiting {
    fresh('reload');
    for my $back (0, 1) {
        my $name = $back ? 'reload, and back in time' : 'reload, stalled';

        $fleet->configure(1, fleet => 'timeout=' . ($back ? '10s' : '1s'));
        ok($t->reload(wait => 'exit'), "$name: before");
        serves($name);
        $fleet->redis->freeze;
        my @socks = under_way(3);
        ok($t->wait_read(@socks), "$name: they are the old worker's");
        my ($old) = $t->worker_pids;
        $t->signal('HUP');
        ok($t->wait_for(sub { !grep { $_ == $old } $t->worker_pids }),
           "$name: another worker");
        $fleet->redis->thaw if $back;
        my @verdicts = map { XC::Fleet::verdict($client->read_answer($_)) }
                       @socks;
        is("@verdicts", join(' ', ($back ? '200' : 'fleet-unavailable') x 3),
           "$name: all are answered");
        $fleet->redis->thaw;
        ok($t->wait_for(sub { !kill 0, $old }), "$name: the old worker goes");
        is(scalar(grep { $_->{h}{'x-xc-agency'} eq '310115' }
                  $fleet->seen(1)), $back ? 3 : 0,
           "$name: the back end saw just those that were let through");
        serves("$name: the new one");
    }
    $fleet->configure(1);
    ok($t->reload(wait => 'exit'), 'reload: as it was');
}


sub quit_waiting {
    for my $how ('with requests', 'idle', 'not yet connected') {
        my $name = "quit, $how";

        fresh($name);
        $fleet->redis->freeze;
        my @socks = $how eq 'with requests' ? under_way(3) : ();
        if ($how eq 'not yet connected') {
            $t->stop;
            $t->run;
            unavailable("$name: a request", ask());
        }
        ok($t->wait_read(@socks), "$name: nginx has read all");
        my $began = time;
        ok($t->stop, "$name: nginx ends");
        my $took = time - $began;
        ok($took < 15, "$name: in time ($took s)");
        for (@socks) {
            my $answer = $client->read_answer($_);
            unavailable("$name: a request", $answer);
        }
        $fleet->redis->thaw;
        $t->run;
        serves($name);
    }
}


sub password {
    my $file = sub { $t->write_file("password.$_[0]", "$_[1]\n", 0600) };
    my $with = sub {
        my ($name, $file) = @_;

        $t->stop;
        $fleet->configure(1, fleet => 'timeout=300ms'
                          . ($file ? " password_file=$file" : ''));
        $t->run;
    };
    my $from = length $t->error_log;

    $fleet->store(password => $right);
    $with->('right', $file->('right', $right));
    serves('password: the right one');

    for (['the wrong one', $file->('wrong', $wrong)], ['none']) {
        my ($name, $path) = @$_;

        $from = length $t->error_log;
        $with->($name, $path);
        refuses("password: $name: $_") for 1, 2;
        ok($t->wait_for(sub { substr($t->error_log, $from)
                              =~ /WRONGPASS|NOAUTH|password/ }),
           "password: $name: the log says so");
    }

    # with no more than the commands and keys that docs/operations.md gives it
    my ($user) = $t->read_file($t->root . '/docs/operations.md')
                 =~ /^user (default on >PASSWORD .*)$/m;
    ok($user, 'password: docs/operations.md has a user') or return;
    $fleet->store;
    $fleet->redis->command(qw(ACL SETUSER),
                           split ' ', $user =~ s/PASSWORD/$right/r);
    $with->('user', $t->path('password.right'));
    serves('password: the user of docs/operations.md');

    # an empty store of no password that is sent one
    $fleet->store;
    $with->('needless', $file->('right', $right));
    my $verdict = XC::Fleet::verdict(ask());
    like($verdict, qr/^(?:200|starting|fleet-unavailable)$/,
         "password: where none is needed ($verdict)");
    $fleet->seen(1);
    $with->('none');
    fresh('password: none, and none needed');
}
