#!/usr/bin/env perl

# Nothing is disclosed before its record is on stable storage (CONTRACT.md
# section 5, promises 1 and 2): a disk that is slow, fails to sync, is full.

use strict;
use warnings;
use utf8;

use IO::Select;
use Test::More;

use XC::Chain;
use XC::Gate;
use XC::Nginx;
use XC::Shim;

my $t = XC::Nginx->new(allow => qr/exited on signal 9/);
my $shim = XC::Shim->new($t);
my $policy = $t->policy(transport => 'any');
my $backend = $t->backend;
my $client = $t->client(tls => 0);
my $number = 0;

held();
shared();
lingering();
held_among_workers();
timeout();
backlog();
client_gone();
reload();
quit();
term();
sync_off();
sync_fails();
sync_fails_among_workers();
unwritable($_) for qw(ENOSPC EIO EROFS short);
truncate_fails();

$t->finish;
done_testing;


sub held {
    fresh();
    $shim->hold;
    my $one = ask();
    ok($shim->wait_held, 'held: the batch waits for the disk');
    ok($t->wait_record({ event => 'decision', decision => 'allow' }),
       'held: the record is written');
    ok(!ready($one), 'held: the client waits');
    is($backend->count, 0, 'held: the back end sees nothing');

    $shim->release;
    admitted($t, 'held: on stable storage it goes on', answer($one));
    ended('held', n => 1, seen => []);
}


# Two permits for twenty-one requests: what came while the first was synced
# shares the second.
sub shared {
    fresh();
    $shim->hold;
    my $first = ask();
    $shim->wait_held;
    my @rest = map { ask() } 1 .. 20;
    ok(waiting(21), 'shared: all wait');

    my $writes = $shim->get('writes');
    pass_one();
    my $answer = answer($first);
    is($answer->{status}, 200, 'shared: one sync lets the first through');
    ok(next_batch($writes), 'shared: the next batch waits');
    is(waits(), 20, 'shared: with all that were queued');
    is($backend->count, 1, 'shared: the back end saw the first only');
    is((grep { ready($_) } @rest), 0, 'shared: no other has an answer');

    pass_one();
    my @status = map { answer($_)->{status} } @rest;
    is_deeply(\@status, [(200) x 20], 'shared: one more lets all through');
    is($backend->count, 21, 'shared: each reached the back end');
    $shim->release;
    ended('shared', n => 21);
}


# An outcome, for which nobody waits, goes with the next request's decision; the
# last one, which none follows, by itself.  Two batches a request without that.
sub lingering {
    fresh();
    my @asked = map { $client->format('GET', $policy->query(
        request_no => sprintf '沪市监协查〔2026〕%d号', ++$number),
        { keepalive => 1 }) } 1 .. 100;
    my $sock = $client->connect;

    # the next is there when one has been answered, however slow the client is
    $client->write($sock, shift @asked);
    my $good = grep {
        $client->write($sock, $_) if defined;
        $client->read_answer($sock)->{status} == 200;
    } @asked, undef;

    is($good, 100, 'lingering: one request after the other');
    ok($t->wait_for(sub { status()->{counters}{outcomes} == 100 }),
       'lingering: the last outcome is written, too');
    cmp_ok(status()->{counters}{batches}, '<', 190,
           'lingering: the others shared batches with decisions');
    ended('lingering', n => 100);
}


# Whichever of them syncs for the others.
sub held_among_workers {
    local $t->{workers} = 2;
    fresh(audit => 'timeout=60s checkpoint=1h');
    $shim->hold;
    my @asked = map { ask() } 1 .. 24;
    ok($t->wait_for(sub { status()->{nonces}{used} == 24 }),
       'two workers: all wait');
    ok($t->wait_for(sub { $shim->get('held') > 0 }),
       'two workers: for the disk');
    is((grep { ready($_) } @asked), 0, 'two workers: nobody has an answer');
    is($backend->count, 0, 'two workers: the back end sees nothing');

    $shim->release;
    is((grep { answer($_)->{status} == 200 } @asked), 24,
       'two workers: then all have');
    ended('two workers', n => 24);
}


sub timeout {
    # of a disk that is only slow, the next request is to get through
    fresh(audit => 'timeout=1500ms');
    $shim->hold;
    my @late = ask();
    $shim->wait_held;
    push @late, map { ask() } 1 .. 2;
    my @answers = map { answer($_) } @late;
    refused($t, 'timeout', $_, 'audit-unavailable') for @answers;
    is($shim->get('held'), 1, 'timeout: the disk has not come back by then');

    $shim->release;
    my ($written, @queued) = map { id($_) } @answers;
    my $d = decision($t, { id => $written });
    is($d && $d->{decision}, 'allow', 'timeout: the record says allow');
    my $o = outcome($t, { id => $written });
    is($o && $o->{status}, 503, 'timeout: its outcome says 503');
    is($o && $o->{upstream}, undef, 'timeout: and no back end');
    is($backend->count, 0, 'timeout: nothing is proxied late');
    nothing_leaked($t, 'timeout: the subject is not in the error log',
                   ["/$XC::Policy::USCC"]);
    counted('timeout: what got 503', admitted => 0, unavailable => 3);
    admitted($t, 'timeout: service goes on', answer(ask()));
    my @all = ended('timeout', n => 2, seen => []);
    my %have = map { ($_->{id} // '') => 1 } @all;
    is((grep { $have{$_} } @queued), 0,
       'timeout: what was not on its way to the disk has no record');
}


sub backlog {
    fresh(audit => 'backlog=4 timeout=60s');
    $shim->hold;
    my $first = ask();
    $shim->wait_held;
    my @rest = map { ask() } 1 .. 3;
    waiting(4);

    my $over = answer(ask());
    refused($t, 'backlog: the fifth', $over, 'audit-unavailable');
    ok(!grep({ ready($_) } $first, @rest), 'backlog: the others wait');

    # three decisions are queued: one refusal more has room, the rest is counted
    my @refusals = map { $client->request('GET', $policy->query,
                                          { sign => 0 }) } 1 .. 3;
    is(join(' ', map { $_->{status} } @refusals), '401 401 401',
       'backlog: refusals are answered all the same');

    $shim->release;
    is(join(' ', map { answer($_)->{status} } $first, @rest),
       '200 200 200 200', 'backlog: those that waited go on');

    my @all = ended('backlog', n => 4);
    is((grep { ($_->{id} // '') eq id($over) } @all), 0,
       'backlog: what could not be recorded is not');
    is((grep { ($_->{reason} // '') eq 'credential-missing'
               && $_->{event} eq 'decision' } @all), 1,
       'backlog: a refusal that had room is recorded');
    my ($summary) = grep { $_->{event} eq 'summary' } @all;
    is_deeply([@$summary{qw(reason count)}], ['credential-missing', 2],
              'backlog: and the others are counted');
}


# Gone while its record is in flight, and while it is queued.
sub client_gone {
    fresh();
    $shim->hold;
    my $first = ask();
    $shim->wait_held;
    my $second = ask();
    waiting(2);
    close $_->{sock} for $first, $second;
    ok($t->wait_for(sub {
        2 == (() = $t->error_log =~ /client prematurely closed/g);
    }), 'gone: nginx has noticed both');

    $shim->release;
    $t->wait_for(sub { 2 == grep { $_->{event} eq 'outcome' }
                                 $t->audit_records });
    my @all = ended('gone', n => 2);
    my @o = grep { $_->{event} eq 'outcome' } @all;
    is_deeply([map { $_->{complete} ? 1 : 0 } @o], [0, 0],
              'gone: the outcomes say incomplete');
    is_deeply([map { $_->{bytes} } @o], [0, 0], 'gone: and nothing sent');
    is($backend->count, 0, 'gone: the back end saw nothing');
}


sub reload {
    fresh();
    my ($old) = $t->worker_pids;
    $shim->hold(pid => $old);
    my $one = ask();
    $shim->wait_held;
    ok($t->reload, 'reload: new workers');
    ok(kill(0, $old), 'reload: the old one has not gone');
    ok(!ready($one), 'reload: its client waits');
    is(answer(ask())->{status}, 200, 'reload: the new one serves');
    is($backend->count, 1, 'reload: nothing else was proxied');

    $shim->release;
    is(answer($one)->{status}, 200, 'reload: the old one answers');
    ok($t->wait_for(sub { !kill 0, $old }), 'reload: and ends');
    my @all = ended('reload', n => 2);
    is((grep { $_->{event} eq 'reload' } @all), 1, 'reload: is on record');
}


sub quit {
    fresh();
    $shim->hold(pid => $t->worker_pids);
    my @asked = (ask());
    $shim->wait_held;
    push @asked, ask();
    waiting(2);
    $t->signal('QUIT');
    ok($t->wait_log(qr/gracefully shutting down/), 'quit: the worker is told');
    ok(!grep({ ready($_) } @asked), 'quit: the clients wait');

    $shim->release;
    is(join(' ', map { answer($_)->{status} } @asked), '200 200',
       'quit: they are answered');
    ok($t->wait_for(sub { !$t->processes }), 'quit: nginx ends');
    my @all = ended('quit', n => 2);
    is($all[-1]{event}, 'stop', 'quit: the last record');
}


sub term {
    fresh();
    $shim->hold(pid => $t->worker_pids);
    my @asked = (ask());
    $shim->wait_held;
    push @asked, ask();
    waiting(2);
    my $refusal = $client->request('GET', $policy->query, { sign => 0 });
    $t->signal('TERM');

    # nginx kills a worker that takes longer than some 1.5 s
    $t->wait_log(qr/\[notice\] \d+#\d+: exiting/);
    $shim->release;
    is_deeply([map { answer($_) } @asked], [undef, undef],
              'term: the clients get no answer');
    ok($t->wait_for(sub { !$t->processes }), 'term: nginx ends');
    is($backend->count, 0, 'term: nothing is disclosed');

    # the one in flight is on record; what was queued is nowhere
    my @all = ended('term', n => 1, outcomes => 1);
    ok((grep { ($_->{id} // '') eq id($refusal) } @all)
       || $t->error_log =~ /signal 9/, 'term: a queued refusal is written');
}


sub sync_off {
    fresh(audit => 'sync=off');
    $shim->hold;
    admitted($t, 'sync=off: does not wait', answer(ask()));
    ok($shim->wait_held, 'sync=off: the checkpoint does');
    admitted($t, 'sync=off: nor for the checkpoint', answer(ask()));
    $shim->release;
    ended('sync=off', n => 2, seen => []);
}


# One batch of 32 whose sync fails, 32 more queued behind it.
sub sync_fails {
    # no checkpoint's sync among those that are held, counted and failed
    fresh(audit => 'timeout=60s checkpoint=1h');
    $shim->hold;
    my $first = ask();
    $shim->wait_held;
    my @unsure = map { ask() } 1 .. 32;
    waiting(33);
    my $writes = $shim->get('writes');
    pass_one();
    is(answer($first)->{status}, 200, 'sync fails: before it');
    next_batch($writes);
    my @next = map { ask() } 1 .. 32;
    waiting(64);

    $shim->set(sync_fails => 1)->release;
    my @answers = map { answer($_) } @unsure;
    is((grep { $_->{status} == 503
               && $_->{json}{type} eq 'urn:xc:audit-unavailable'
               && $_->{headers}{'retry-after'} } @answers), 32,
       'sync fails: all of its batch are refused');
    is((grep { answer($_)->{status} == 200 } @next), 32,
       'sync fails: those behind it go on');
    is(answer(ask())->{status}, 200, 'sync fails: service goes on');
    is((map { saw($_) } @unsure), 0, 'sync fails: nothing of the batch reached the back end');
    is($backend->count, 34, 'sync fails: all others did');

    # the records of the batch are there, and unsure: seqs go on behind them
    my @all = ended('sync fails', n => 66, outcomes => 32);
    my @files = log_files($t);
    is(@files, 2, 'sync fails: a new file');
    like($files[0], qr/audit\.failed-/, 'sync fails: the old one is renamed');
    my ($recover) = grep { $_->{file} eq $files[1] } @all;
    is_deeply([@$recover{qw(event cause)}], ['recover', 'sync-failed'],
              'sync fails: it begins with a recover record');
    my %unsure = map { id($_) => 1 } @answers;
    is((grep { $unsure{ $_->{id} // '' } && ($_->{seq} < $recover->{unsure}{from}
               || $_->{seq} > $recover->{unsure}{to}) } @all), 0,
       'sync fails: which names their range');
}


# Whoever's sync failed: no process appends to that file again.
sub sync_fails_among_workers {
    local $t->{workers} = 3;
    fresh();
    for my $round (1 .. 2) {
        my $before = status()->{nonces}{used};
        $shim->hold;
        my @asked = map { ask() } 1 .. 12;
        $t->wait_for(sub { status()->{nonces}{used} == $before + 12 });
        $shim->set(sync_fails => 4)->release;
        my @answers = map { answer($_) } @asked;
        my @no = grep { $_->{status} == 503 } @answers;
        ok(@no > 0, "workers: round $round: some are refused (" . @no . ')');
        is((grep { my $a = $answers[$_]; $a->{status} == 503
                   && saw($asked[$_]) } 0 .. $#asked), 0,
           "workers: round $round: none of those reached the back end");
        is((grep { $_->{status} !~ /^(200|503)$/ } @answers), 0,
           "workers: round $round: no other status");
        # where requests came to few workers, some failures are left over
        $shim->set(sync_fails => 0);
    }
    my %after = map { $_ => -s } grep { /failed/ } log_files($t);
    is(answer(ask())->{status}, 200, 'workers: service goes on') for 1 .. 6;
    is_deeply({ map { $_ => -s } keys %after }, \%after,
              'workers: a failed file does not grow');
    ok(%after, 'workers: files were given up');
    ended('workers', outcomes => 24);
}


# A write that fails: nothing of it counts; what need not be durable waits.
sub unwritable {
    my ($how) = @_;

    fresh();
    is(answer(ask())->{status}, 200, "$how: before");
    $t->wait_record({ event => 'outcome' });
    $backend->answer('*' => { delay => 0.5 });
    my $slow = ask();
    $t->wait_for(sub { $backend->count == 2 });
    $shim->fault($how);
    my $before = $t->read_file($t->state_dir . '/audit.log');
    my ($last) = ($t->audit_records)[-1];

    my @refusals = map { $client->request('GET', $policy->query,
                                          { sign => 0 }) } 1 .. 3;
    is(join(' ', map { $_->{status} } @refusals), '401 401 401',
       "$how: refusals are answered");
    my @no = map { answer(ask()) } 1 .. 3;
    refused($t, $how, $_, 'audit-unavailable', seen => 2) for @no;
    is(answer($slow)->{status}, 200, "$how: what was admitted before is answered");
    ok($t->wait_for(sub { $shim->get('failed') >= 3 }), "$how: it was tried");
    is($t->read_file($t->state_dir . '/audit.log'), $before,
       "$how: the log is as it was");

    counted("$how: what got 503", admitted => 2, unavailable => 3);
    $shim->mend;
    $backend->answer('*' => undef);
    ok($t->wait_for(sub { $t->audit_records >= $last->{seq} + 5 }),
       "$how: by itself: outcome and refusals are written");
    is(answer(ask())->{status}, 200, "$how: requests are admitted again");

    my @all = ended($how, n => 3);
    my %have = map { ($_->{id} // '') => 1 } @all;
    is((grep { $have{ id($_) } } @refusals), 3, "$how: no refusal is lost");
    is((grep { $have{ id($_) } } @no), 0, "$how: the 503s have no record");
    is((grep { $_->{event} eq 'recover' } @all), 0, "$how: nothing to recover");
    is(log_files($t), 1, "$how: the same file");
}


# A short write that can't be taken back: the file is given up.
sub truncate_fails {
    fresh();
    $shim->set(truncate_fails => 1)->fault('short', 1);
    refused($t, 'no truncate', answer(ask()), 'audit-unavailable');
    is(answer(ask())->{status}, 200, 'no truncate: service goes on');

    $t->stop;
    my @files = glob $t->state_dir . '/audit.failed-*';
    is(@files, 1, 'no truncate: the file is set aside');
    my ($half) = ($t->read_file($files[0]) // '') =~ /([^\n]+)\z/;
    ok(length($half // ''), 'no truncate: with half a record at its end');

    # which xcctl excuses where a recover record says so
    my ($recover) = $t->audit_records;
    is_deeply([@$recover{qw(event cause)}], ['recover', 'write-failed'],
              'no truncate: the new file begins with a recover record');
    $shim->mend;
    ended('no truncate', n => 1);
}


# A gate with an empty state directory.
sub fresh {
    my (%o) = @_;

    $t->stop;
    system 'rm', '-rf', $t->state_dir;
    $shim->mend->set(held => 0, syncs => 0, writes => 0, failed => 0);
    $backend->forget->answer('*' => undef);
    delete $t->{gate_records};
    $t->write_file('error.log', '') if -e $t->path('error.log') && !alerts();
    $t->gate_conf(audit => 'node=n1 ' . ($o{audit} // 'timeout=60s'),
                  server => 'location = /status { xc_status json agencies; }');
    $shim->run;
}


# Of all, by level and by agency: what went on, and what could not.
sub counted {
    my ($name, %n) = @_;
    my $s = status();
    my %sum = (admitted => 0, refused => 0);

    for my $agency (@{ $s->{agencies} }) {
        $sum{$_} += $agency->{$_} for keys %sum;
    }
    my $levels = 0;
    $levels += $_ for values %{ $s->{admitted} };
    is_deeply([$s->{counters}{admitted}, $levels, $sum{admitted}],
              [($n{admitted}) x 3], "$name: not counted as admitted");
    is_deeply([$s->{refused}{'audit-unavailable'}, $sum{refused}],
              [($n{unavailable}) x 2], "$name: but as refused");
}


# Those that finish() is to see stay.
sub alerts { grep { /\[(?:alert|emerg|crit)\]/ } split /\n/, $t->error_log }


sub ended {
    my ($name, %o) = @_;

    $t->stop;
    return whole($t, $name, %o);
}


# Sends a request that will be admitted, not waiting for its answer.
sub ask {
    my $target = $policy->query(
        request_no => sprintf '沪市监协查〔2026〕%d号', ++$number);
    my $sock = $client->connect;

    $client->write($sock, $client->format('GET', $target));
    return { sock => $sock, target => $target };
}


sub answer { $client->read_answer($_[0]{sock}) }

sub ready { scalar IO::Select->new($_[0]{sock})->can_read(0) }

sub saw {
    my ($asked) = @_;

    return grep { $_->{target} eq $asked->{target} } $backend->requests;
}


sub id { (($_[0]{json} // {})->{instance} // '') =~ /([0-9a-f]{32})$/ ? $1 : '-' }


# Lets one sync through, and sees it end.
sub pass_one {
    my $syncs = $shim->get('syncs');

    $shim->pass(1);
    return $t->wait_for(sub { $shim->get('syncs') > $syncs });
}


# Until the batch after so many writes waits for its sync; a checkpoint that
# comes first is let through.
sub next_batch {
    my ($writes) = @_;

    while ($shim->wait_held) {
        return 1 if $shim->get('writes') > $writes;
        pass_one();
    }
    return 0;
}


# Decisions that wait in the (one) worker.
sub waits { status()->{audit}{waiting} }

sub status { $client->request('GET', '/status', { sign => 0 })->{json} }


sub waiting {
    my ($n) = @_;

    return $t->wait_for(sub { waits() == $n });
}
