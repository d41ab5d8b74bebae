#!/usr/bin/perl

# The script that a fleet's gates share, in a real Redis: each verdict and what
# it writes, what makes the store be born anew, and the faults of a store.

use strict;
use warnings;

use Test::More;

use XC::Nginx;
use XC::Redis;
use XC::Script;

plan skip_all => 'no redis-server is installed' if !XC::Redis->program;

my $HOUR = 3_600_000_000;               # us
my $DAY  = 86_400;

my $t = XC::Nginx->new;
my $redis = XC::Redis->start(port => $t->port('redis'),
                             dir => $t->path('redis'));
my $script = XC::Script->new(build => $t->{build}, redis => $redis);
my $next = 0;

$t->clear_of_midnight(20);
born();
births();
clock_back();
stale();
replayed();
once_each();
burned_for();
window();
window_twice();
rates();
two_agencies();
refusals();
costs();
per_day();
days();
longest();
observed();
order();
rest();
interleaved();
out_of_memory();
no_answer();

undef $redis;
$t->finish;
done_testing;


sub state_of { +{ @{ $redis->command('HGETALL', $script->state_key) } } }
sub set_state { $redis->command('HSET', $script->state_key, @_) }


# A store that has run for long.
sub old_store {
    $redis->flush;
    my $now = $script->call->{now};
    set_state(birth => $now - 100_000);
    return $now;
}


# A nonce that nobody has seen, created so many seconds from now.
sub nonce {
    my ($now, $from_now, %o) = @_;
    my $created = $now + ($from_now // 0);

    return { id => 'n' . ++$next, created => $created,
             until => $created + 330, %o };
}


sub agency {
    my ($id, %o) = @_;

    return { id => $id, interval => $HOUR, reach => 2 * $HOUR,
             refusals_interval => $HOUR, refusals_reach => $HOUR, %o };
}


sub verdict { return $script->call(@_)->{verdict} }


sub burned { return $redis->command('EXISTS', $script->nonce_key($_[0]{id})) }


sub used {
    my ($id) = @_;

    return $redis->command('HGET', $script->agency_key($id), 'used');
}


sub born {
    $redis->flush;
    my $greeted = $script->call;
    my $now = $greeted->{now};

    is($greeted->{verdict}, 'pass', 'a greeting passes');
    is_deeply($greeted->{agencies}, [], 'and tells of nobody');
    is_deeply(state_of(), { run => 'A', birth => $now, clock => $now,
                            window => 330 }, 'an empty store is born by it');

    my $first = nonce($now, 30);
    my $told = $script->call(nonces => [$first], agencies => [agency('a')]);
    is($told->{verdict}, 'starting', 'created by birth + max_skew: starting');
    cmp_ok($told->{wait}, '>', 0, 'with a wait');
    cmp_ok($told->{wait}, '<=', 31_000_000, 'of no longer than that');
    ok(!burned($first), 'and nothing is burned');
    is(used('a'), undef, 'nor debited');

    set_state(birth => $now - 31);
    is(verdict(nonces => [nonce($now, -1)]), 'starting',
       'the last second of it');
    is(verdict(nonces => [nonce($now)]), 'pass', 'the first one after');
    is(verdict(agencies => [agency('a')]), 'pass',
       'what has no nonce need not wait');
}


# Whatever may have made the store forget.
sub births {
    my %forgets = (
        'another run' => sub { return (run => 'B') },
        'FLUSHALL'    => sub { $redis->flush; return () },
        'a state without birth' => sub {
            $redis->command('HDEL', $script->state_key, 'birth');
            return ();
        },
        'a state that is nonsense' => sub {
            set_state(birth => 'x', clock => 'y', window => '', mark => '-',
                      kept => '?');
            return ();
        },
    );

    for my $how (sort keys %forgets) {
        my $now = old_store();
        my $before = nonce($now);
        is(verdict(nonces => [$before]), 'pass', "$how: before");
        my @call = $forgets{$how}->();
        is(verdict(nonces => [nonce($now)], @call), 'starting',
           "$how: starting");
        cmp_ok(state_of()->{birth}, '>=', $now, "$how: born anew");
    }

    my $now = old_store();
    set_state(clock => $now + 20, window => 500);
    $script->call(run => 'B');
    is_deeply(state_of(), { run => 'B', birth => $now + 20, window => 500,
                            clock => $now + 20 },
              'a new run keeps the clock, and is born no earlier');

    restarted();
}


# With what lay on disk: nonces burned since may be missing.
sub restarted {
    my $now = old_store();
    my $run = $redis->info('run_id');

    $script->call(run => $run);
    set_state(birth => $now - 100_000);
    $redis->command('SAVE');
    my $nonce = nonce($now);
    is(verdict(run => $run, nonces => [$nonce]), 'pass', 'restart: burned');

    $redis->kill->run;
    delete $script->{sha};
    my $again = $redis->info('run_id');
    isnt($again, $run, 'restart: another run id');
    is(state_of()->{run}, $run, 'and the state of before');
    is(verdict(run => $again, nonces => [$nonce]), 'starting',
       'what it has forgotten is not let through');
}


sub clock_back {
    my $now = old_store();
    set_state(clock => $now + 1000);

    my $told = $script->call(nonces => [nonce($now + 1000)]);
    is($told->{verdict}, 'starting', 'a clock far back: starting');
    is($told->{now}, $now + 1000, 'time does not go back');
    near($told->{wait} / 1e6, 1000, 'it waits until it has caught up');
    is(verdict(), 'starting', 'also for a greeting');
    is(verdict(skew => 1001, nonces => [nonce($now + 1000)]), 'pass',
       'as far as max_skew it goes on');

    $now = old_store();
    set_state(clock => $now + 25);
    $told = $script->call(nonces => [nonce($now + 25, 30)],
                          agencies => [agency('a')]);
    is($told->{verdict}, 'pass', 'a clock a little back: it goes on');
    is($told->{now}, $now + 25, 'with the latest second');
    is(state_of()->{clock}, $now + 25, 'which stays');
    is($told->{agencies}[0]{tat}, $HOUR, 'and limits go by it too');
}


sub stale {
    my $now = old_store();
    my $late = nonce($now, 0, until => $now - 1);
    my $early = nonce($now, 1000);

    is(verdict(nonces => [$late], agencies => [agency('a')]), 'stale',
       'past its end');
    is(verdict(nonces => [$early], agencies => [agency('a')]), 'stale',
       'created beyond max_skew');
    is(verdict(nonces => [nonce($now), $late]), 'stale', 'one of two');
    ok(!burned($late) && !burned($early), 'burns nothing');
    is(used('a'), undef, 'and spends nothing');
}


sub replayed {
    my $now = old_store();
    my ($one, $two) = (nonce($now), nonce($now));

    is(verdict(nonces => [$one], agencies => [agency('a')]), 'pass', 'once');
    is(verdict(nonces => [$one], agencies => [agency('a')]), 'replayed',
       'not twice');
    is(used('a'), 1, 'which spends nothing');
    is(verdict(nonces => [$two, $one]), 'replayed', 'one of two');
    ok(!burned($two), 'burns neither');
    is(verdict(nonces => [$two, $two]), 'replayed', 'the same one, twice');
    ok(!burned($two), 'burns nothing either');
    is(verdict(nonces => [$one], refusal => 1, observe => 1), 'replayed',
       'observed or refused, it is one');
}


# Many at once, with one nonce: one passes.
sub once_each {
    my $now = old_store();
    my $nonce = nonce($now);
    my @gates = map { $redis->connect } 1 .. 8;
    my @words = $script->words(nonces => [$nonce]);
    $_->ask(@words) for map { @gates } 1 .. 5;
    my @verdicts = map { $script->read($_->answer)->{verdict} }
                   map { @gates } 1 .. 5;
    is(scalar(grep { $_ eq 'pass' } @verdicts), 1, 'of forty, one passes');
    is(scalar(grep { $_ eq 'replayed' } @verdicts), 39, 'the others do not');
}


# Seconds that a nonce is still kept for; a little less by the time it is asked.
sub kept {
    my ($nonce) = @_;

    return $redis->command('TTL', $script->nonce_key($nonce->{id}));
}


sub near {
    my ($got, $want, $name) = @_;

    ok($got > $want - 60 && $got <= $want + 1, $name)
        or diag("got $got, want $want or a little less");
}


sub burned_for {
    my $now = old_store();
    my @nonces = (nonce($now, 0, until => $now + 2000),
                  nonce($now, -200, until => $now + 100),
                  nonce($now, 0, until => $now + 2000, windowed => 0),
                  nonce($now, -9000, until => $now + 100, windowed => 0));

    is(verdict(nonces => \@nonces, window => 1500), 'pass', 'four at once');
    near(kept($nonces[0]), 2000, 'kept as long as it may come');
    near(kept($nonces[1]), 1300, 'and as long as any gate of the fleet might'
                                 . ' accept it');
    near(kept($nonces[2]), 2000, 'one that is no signature: to its end');
    near(kept($nonces[3]), 100, 'only');
    is(verdict(nonces => [nonce($now)], window => 60), 'pass',
       'a gate of a shorter window');
    is(state_of()->{window}, 1500, 'does not make it shorter');
}


sub window {
    my $now = old_store();
    set_state(window => 100);

    $script->call(window => 1000);
    my $state = state_of();
    is($state->{window}, 1000, 'the window grows');
    is($state->{kept}, 100, 'what it was is kept in mind');
    cmp_ok($state->{mark}, '>=', $now + 100, 'for what is created under it');

    my $old = nonce($now, -200, until => $now + 800);
    is(verdict(nonces => [$old]), 'stale',
       'what may have been forgotten is stale');
    is(verdict(nonces => [nonce($now, -50, until => $now + 800)]), 'pass',
       'what can not have been, is not');
    is(verdict(nonces => [{ %$old, windowed => 0 }]), 'pass',
       'nor what was kept to its end anyway');
    set_state(mark => $now - 201);
    is(verdict(nonces => [nonce($now, -200, until => $now + 800)]), 'pass',
       'nor what was created later');
}


# A second time, while the first is not over: the shortest counts.
sub window_twice {
    my $now = old_store();
    set_state(window => 100);
    $script->call(window => 200);
    $script->call(window => 900);
    is(state_of()->{kept}, 100, 'two soon after each other: the first');
    cmp_ok(state_of()->{mark}, '>=', $now + 200, 'up to the second');

    set_state(mark => $now - 10_000);
    $script->call(window => 1000);
    is(state_of()->{kept}, 900, 'long after: that of before');
}


sub rates {
    my $now = old_store();
    my @agency = (agencies => [agency('a')]);

    for my $n (1 .. 3) {
        my $told = $script->call(@agency, nonces => [nonce($now)]);
        is($told->{verdict}, 'pass', "burst + 1 at once: $n");
        near($told->{agencies}[0]{tat} / 1e6, 3600 * $n, 'a unit each');
        is($told->{agencies}[0]{used}, $n, 'by the day too');
    }

    my $over = nonce($now);
    my $told = $script->call(@agency, nonces => [$over]);
    is($told->{verdict}, 'limited', 'not one more');
    is("$told->{limit} $told->{who}", 'rate 0', 'by the rate');
    is($told->{wait}, $told->{agencies}[0]{tat} - 2 * $HOUR,
       'and is told when it may come');
    ok(!burned($over), 'a limit burns no nonce');
    is(used('a'), 3, 'and spends nothing');
    is(verdict(agencies => [agency('b')], nonces => [$over]), 'pass',
       'another agency has its own');

    $redis->command('HSET', $script->agency_key('a'),
                    tat => time_us() + 2 * $HOUR);
    is(verdict(@agency), 'pass', 'when the time has come it may');
}


sub time_us {
    my ($s, $us) = @{ $redis->command('TIME') };

    return $s * 1_000_000 + $us;
}


# Both pay, or neither does.
sub two_agencies {
    my $now = old_store();
    my @both = (agencies => [agency('via', reach => 0), agency('a')]);

    is(verdict(@both), 'pass', 'two agencies');
    is(used('via') . used('a'), '11', 'both pay');
    my $told = $script->call(@both, nonces => [nonce($now)]);
    is("$told->{verdict} $told->{who}", 'limited 0', 'the first is over it');
    is(used('via') . used('a'), '11', 'neither pays');

    is(verdict(agencies => [agency('a')]), 'pass', 'the second') for 1, 2;
    $told = $script->call(agencies => [agency('free'), agency('a')]);
    is("$told->{verdict} $told->{who}", 'limited 1', 'the second is over it');
    is(used('free'), undef, 'neither pays');
    cmp_ok($told->{agencies}[0]{tat}, '<', 0, 'who never came is at rest');
}


sub refusals {
    old_store();
    my @agency = (agencies => [agency('a', interval => 1, reach => $HOUR)]);

    my $told = $script->call(@agency, refusal => 1);
    near($told->{agencies}[0]{refusals} / 1e6, 3600, 'a refusal');
    $script->call(@agency);
    $told = $script->call(@agency, refusal => 1);
    near($told->{agencies}[0]{refusals} / 1e6, 7200, 'what passes is none');
    $told = $script->call(@agency);
    is("$told->{verdict} $told->{limit}", 'limited refusals',
       'the budget is spent, for all that comes');
    is($told->{wait}, $told->{agencies}[0]{refusals} - $HOUR, 'until then');

    # as if under way together: with a larger budget, then with this one
    $redis->flush;
    $script->call(agencies => [agency('a', reach => 9 * $HOUR,
                                      refusals_reach => 9 * $HOUR)],
                  refusal => 1) for 1 .. 5;
    $told = $script->call(agencies => [agency('a', reach => 9 * $HOUR,
                                              refusals_reach => 5 * $HOUR,
                                              refusals_interval => 1)],
                          refusal => 1);
    is($told->{verdict}, 'pass', 'a budget as good as spent');
    cmp_ok($told->{agencies}[0]{refusals}, '<=', 5 * $HOUR + 1,
           'goes into debt by one at most');
}


sub costs {
    old_store();
    my $told = $script->call(agencies => [agency('a', cost => 6)]);

    is($told->{verdict}, 'pass', 'what costs more than there is may come');
    is($told->{agencies}[0]{tat}, 7 * $HOUR, 'and is paid for');
    is($told->{agencies}[0]{used}, 7, 'in units of the day too');
    $told = $script->call(agencies => [agency('a')]);
    is($told->{verdict}, 'limited', 'the next one waits');
    cmp_ok($told->{wait}, '>', 4 * $HOUR, 'until the debt is gone');

    my $most = 1 << 50;
    $told = $script->call(agencies => [{ id => 'm', map { $_ => $most }
        qw(interval reach refusals_interval refusals_reach per_day cost) }],
        refusal => 1);
    is($told->{verdict}, 'pass', 'the largest numbers');
    is_deeply($told->{agencies}[0], { tat => $most, refusals => $most,
                                      used => (1 << 40) - 1 }, 'stay whole');
}


sub per_day {
    old_store();
    my @agency = (agencies => [agency('a', interval => 1, reach => $HOUR,
                                      per_day => 3)]);

    is(verdict(@agency), 'pass', 'of the day') for 1 .. 3;
    my $told = $script->call(@agency);
    is("$told->{verdict} $told->{limit}", 'limited per_day', 'it is spent');
    my $left = $DAY - ($told->{now} + 8 * 3600) % $DAY;
    ok($told->{wait} > ($left - 1) * 1e6 && $told->{wait} <= $left * 1e6,
       'until midnight in Shanghai') or diag("$told->{wait} us, $left s");
    is($told->{agencies}[0]{used}, 3, 'and is told');
}


sub days {
    my $now = old_store();
    my $today = int(($now + 8 * 3600) / $DAY);
    my @agency = (agencies => [agency('a', interval => 1, reach => $HOUR,
                                      per_day => 3)]);
    my $key = $script->agency_key('a');

    $redis->command('HSET', $key, day => $today - 1, used => 3);
    my $told = $script->call(@agency);
    is($told->{verdict}, 'pass', 'yesterday is over');
    is($told->{agencies}[0]{used}, 1, 'today begins');

    $redis->command('HSET', $key, day => $today + 1, used => 2);
    is(verdict(@agency), 'pass', 'a day to come counts as it stands');
    is($redis->command('HGET', $key, 'day'), $today + 1, 'and stays');
    $told = $script->call(@agency);
    is("$told->{verdict} $told->{limit}", 'limited per_day', 'and is spent');
    cmp_ok($told->{wait}, '>', $DAY * 1e6, 'until it ends');
}


# Of several limits the one that takes longest.
sub longest {
    old_store();
    my $key = $script->agency_key('a');
    my $at = time_us();
    my @agency = (agencies => [agency('a', per_day => 1)]);
    my %ends = (tat => 2 * $HOUR, refusals => $HOUR);       # their reaches

    $redis->command('HSET', $key, day => int($at / 1e6 / $DAY) + 1,
                    used => 1, tat => $at, refusals => $at);
    is($script->call(@agency)->{limit}, 'per_day', 'the day alone');
    for my $name (qw(tat refusals)) {
        $redis->command('HSET', $key, $name => $at + $ends{$name} + 99 * $HOUR);
        is($script->call(@agency)->{limit}, $name eq 'tat' ? 'rate' : $name,
           "longer: $name");
        $redis->command('HSET', $key, $name => $at + $ends{$name}
                                               + 98 * $HOUR);
    }
}


sub observed {
    my $now = old_store();
    my $nonce = nonce($now);
    my @agency = (agencies => [agency('a', reach => 0)], observe => 1);

    is(verdict(@agency), 'pass', 'observe: the first');
    my $tat = $redis->command('HGET', $script->agency_key('a'), 'tat');
    my $told = $script->call(@agency, nonces => [$nonce], refusal => 1);
    is($told->{verdict}, 'limited', 'observe: over the limit, and told so');
    ok(burned($nonce), 'its nonce is burned');
    is($redis->command('HGET', $script->agency_key('a'), 'tat'), $tat,
       'nothing is debited');
    is(used('a'), 1, 'nor counted');
    is(verdict(@agency, nonces => [$nonce]), 'replayed',
       'it can not come again');
}


# Starting before stale before replayed before limited.
sub order {
    my $now = old_store();
    my @agency = (agencies => [agency('a', reach => 0)]);
    my ($seen, $late, $old) = (nonce($now), nonce($now, -500),
                               nonce($now, -200_000, until => $now + 50));

    is(verdict(@agency, nonces => [$seen]), 'pass', 'all is spent');
    is(verdict(@agency, nonces => [$seen]), 'replayed',
       'a replay comes before a limit');
    is(verdict(@agency, nonces => [$seen, $late]), 'stale',
       'stale before it');
    is(verdict(@agency, nonces => [$seen, $late, $old]), 'starting',
       'starting before all');
}


# What is at rest needs no place.
sub rest {
    my $left = $DAY - (old_store() + 8 * 3600) % $DAY;

    $script->call(agencies => [agency('a', interval => 1), agency('b',
        cost => 99), agency('c', refusals_interval => 90 * $HOUR)],
        refusal => 1);
    near($redis->command('TTL', $script->agency_key('a')), $left,
         'an agency is forgotten at midnight');
    near($redis->command('TTL', $script->agency_key('b')), 100 * 3600,
         'or when its debt is paid');
    near($redis->command('TTL', $script->agency_key('c')), 90 * 3600,
         'or its refusals are');
}


# Several gates, one budget: to the unit.
sub interleaved {
    old_store();
    my @gates = map { $redis->connect } 1 .. 5;
    my @words = $script->words(agencies => [agency('a', reach => 49 * $HOUR,
                                                   per_day => 1000)]);

    $_->ask(@words) for map { @gates } 1 .. 30;
    my @passed = grep { $_->{verdict} eq 'pass' }
                 map { $script->read($_->answer) } map { @gates } 1 .. 30;
    is(scalar @passed, 50, 'of 150 calls of five gates burst + 1 pass');
    is_deeply([sort { $a <=> $b } map { $_->{agencies}[0]{used} } @passed],
              [1 .. 50], 'one after the other');
}


sub out_of_memory {
    my $now = old_store();
    my $nonce = nonce($now);
    my @call = (nonces => [$nonce], agencies => [agency('a')]);

    $redis->command('CONFIG', 'SET', 'maxmemory', 1);
    ok(!eval { $script->call(@call); 1 }, 'out of memory: no answer');
    like($@, qr/OOM/, 'which says why');
    ok(!burned($nonce), 'nothing is burned');
    is(used('a'), undef, 'nor debited');

    # nor where the clock needs no new second
    $redis->command('CONFIG', 'SET', 'maxmemory', 0);
    set_state(clock => $now + 20);
    $redis->command('CONFIG', 'SET', 'maxmemory', 1);
    ok(!eval { $script->call(@call); 1 }, 'nor without upkeep');
    like($@, qr/OOM/, 'for the same reason');
    ok(!burned($nonce), 'nothing is burned then');
    is(used('a'), undef, 'nor debited then');

    $redis->command('CONFIG', 'SET', 'maxmemory', 0);
    is(verdict(@call), 'pass', 'with memory again it goes on');
}


# Errors, never half an answer.
sub no_answer {
    my $now = old_store();
    my $nonce = nonce($now);

    $redis->command('SET', $script->agency_key('a'), 'x');
    ok(!eval { $script->call(nonces => [$nonce], agencies => [agency('a')]) },
       'an agency that is none');
    like($@, qr/WRONGTYPE/, 'is an error');
    ok(!burned($nonce), 'and burns nothing');

    $redis->command('CONFIG', 'SET', 'min-replicas-to-write', 1);
    ok(!eval { $script->call(nonces => [$nonce]) }, 'too few replicas');
    ok(!burned($nonce), 'burn nothing either');
    $redis->command('CONFIG', 'SET', 'min-replicas-to-write', 0);

    $redis->command('SCRIPT', 'FLUSH');
    ok(!eval { $script->call(nonces => [$nonce]) }, 'a script that is gone');
    like($@, qr/^NOSCRIPT/, 'is told so');
    $script->load;
    is(verdict(nonces => [$nonce]), 'pass', 'and loaded again');
}
