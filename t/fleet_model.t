#!/usr/bin/perl

# The fleet's script, written a second time: whatever gates with other policies
# ask at whatever time, clocks that step and stores that forget included, the
# answer is the one that a straightforward model gives, to the microsecond.  And
# no nonce ever passes twice.
#
#   XC_SEED=1 prove -It/lib t/fleet_model.t       the same once more

use strict;
use warnings;
use integer;

use List::Util qw(max min shuffle);
use Test::More;

use XC::Nginx;
use XC::Redis;
use XC::Script;

plan skip_all => 'no redis-server is installed' if !XC::Redis->program;

my $CALLS = 6000;
my $SKEW  = 30;
my $DAY   = 86_400;
my $FAR   = 1 << 50;

my $seed = $ENV{XC_SEED} // (time ^ $$);
my $t = XC::Nginx->new;
my $redis = XC::Redis->start(port => $t->port('redis'),
                             dir => $t->path('redis'));

# Time comes from the test, and how long a key is kept is written into it: the
# test forgets it then.
my $script = XC::Script->new(build => $t->{build}, redis => $redis,
                             edit => \&edit);

# What the model knows.
my (%state, %agencies, %kept, %burned);
my $now_us = 1_800_000_000_000_000;
my $latest = $now_us;                   # the latest that a call has seen
my $run = 'run0';
my @pool;
my $next = 0;
my %seen = map { $_ => 0 } @XC::Script::VERDICTS, @XC::Script::LIMITS[1 .. 3];
my ($twice, $odd) = (0, 0);

my @rates = (
    { interval => 100_000, reach => 2_000_000, refusals_interval => 1_000_000,
      refusals_reach => 3_000_000, per_day => 40 },
    { interval => 60_000_000, reach => 0, refusals_interval => 60_000_000,
      refusals_reach => 0, per_day => 0 },
    { interval => 1, reach => 1, refusals_interval => 600_000_000,
      refusals_reach => 600_000_000, per_day => 0 },
    { interval => $FAR, reach => $FAR, refusals_interval => $FAR,
      refusals_reach => $FAR, per_day => $FAR },
);

srand $seed;
note("seed $seed");

for my $n (1 .. $CALLS) {
    pass_time();
    forget();
    mishap() if rnd(60) == 0;
    my %call = call();
    my $want = model(%call);
    my $got = $script->call(%call, tail => [$now_us / 1_000_000,
                                            $now_us % 1_000_000]);
    note_kept(%call, verdict => $got->{verdict});
    once(%call, verdict => $got->{verdict});
    $seen{$got->{verdict}}++;
    $seen{$got->{limit}}++ if defined $got->{limit};
    if (!is_same($got, $want) || !is_kept()) {
        is_deeply($got, $want, "call $n of seed $seed");
        is_deeply(stored(), \%state, "state after call $n");
        $odd++;
        last;
    }
}

is($odd, 0, "the model says the same of $CALLS calls");
is($twice, 0, 'no nonce passes twice');
cmp_ok($seen{$_}, '>', 10, "seen often enough: $_ ($seen{$_})")
    for sort keys %seen;

undef $redis;
$t->finish;
done_testing;


# Of the script's text in $_.
sub edit {
    my $keep = "redis.call('HSET', a.key, 'ttl',";
    my $edits = s/redis\.call\('TIME'\)/{ ARGV[#ARGV - 1], ARGV[#ARGV] }/;

    $edits += s/(redis\.call\('SET', n\.key), '1', 'EX',/$1,/;
    $edits += s/redis\.call\('PEXPIRE', a\.key,/$keep/;
    is($edits, 3, 'the script takes its time from the test');
}


sub rnd { return int rand $_[0] }


# Mostly little, at times days, at times back.
sub pass_time {
    my $how = rnd(1000);

    $now_us += $how < 500 ? rnd(200_000)
             : $how < 900 ? rnd(12_000_000)
             : $how < 950 ? rnd(300_000_000)
             : $how < 955 ? rnd(40_000_000_000)
             : $how < 957 ? rnd(200_000_000_000)
             : $how < 980 ? -rnd(40_000_000)
             :              -rnd(1_000_000);
    $now_us = $latest + rnd(1_000_000)
        if $now_us < $latest - 60_000_000 && rnd(4) == 0;
}


# What the store would have dropped by its clock.
sub forget {
    for my $id (grep { $kept{$_} <= $now_us } keys %kept) {
        $redis->command('DEL', $script->nonce_key($id));
        delete $kept{$id};
    }
    for my $id (grep { $agencies{$_}{rest} <= $now_us } keys %agencies) {
        $redis->command('DEL', $script->agency_key($id));
        delete $agencies{$id};
    }
}


# Not while the clock is behind: what a store knew of it is lost with it.
sub mishap {
    return if $now_us < $latest;
    if (rnd(2)) {
        $run = 'run' . ++$next;
    } else {
        $redis->flush;                  # and the window is small again
        (%state, %agencies, %kept) = ();
    }
}


sub call {
    my $now_s = max($now_us, $latest) / 1_000_000;
    my $window = (150, 330, 600)[rnd(60)] // 90;
    my %call = (run => $run, window => $window, skew => $SKEW,
                refusal => rnd(3) == 0 ? 1 : 0,
                observe => rnd(6) == 0 ? 1 : 0,
                agencies => [], nonces => []);

    my @ids = shuffle(0 .. 5);
    for my $id (@ids[0 .. rnd(3) - 1]) {
        my %rate = %{ $rates[$id % @rates] };
        $rate{cost} = (0, 0, 0, rnd(30))[rnd(4)];
        $rate{cost} = $FAR if $rate{interval} == $FAR && rnd(4) == 0;
        push @{ $call{agencies} }, { id => "a$id", %rate };
    }
    for (1 .. (0, 1, 1, 1, 2)[rnd(5)]) {
        my $nonce = @pool && rnd(2) == 0 ? $pool[rnd(scalar @pool)]
                                         : new_nonce($now_s);
        my $until = $nonce->{until} // $nonce->{created} + $window;
        push @{ $call{nonces} }, { %$nonce, until => $until };
    }
    return %call;
}


# A signature's end is that of the gate where it comes; another one's is its
# own.
sub new_nonce {
    my ($now_s) = @_;
    my %nonce = (id => 'n' . ++$next, windowed => rnd(4) == 0 ? 0 : 1,
                 created => $now_s + 40 - rnd(rnd(3) ? 60 : 400));

    $nonce{until} = $nonce{created} + rnd(400) if !$nonce{windowed};
    push @pool, \%nonce;
    shift @pool if @pool > 20;
    return \%nonce;
}


# Upkeep, the verdict, what it changes, and what is told.
sub model {
    my (%call) = @_;
    my $now_s = upkeep(%call);
    my $us = max($now_us, $now_s * 1_000_000);
    my $today = ($now_s + 8 * 3600) / $DAY;
    my @agencies = map {
        my $a = { tat => 0, refusals => 0, day => 0, used => 0,
                  %{ $agencies{ $_->{id} } // {} }, %$_ };
        @$a{qw(day used)} = ($today, 0) if $a->{day} < $today;
        $a;
    } @{ $call{agencies} };

    my %told = (who => 0, limit => undef, wait => 0, now => $now_s);
    %told = (%told, decide(\%call, \@agencies, $now_s, $us));
    $latest = max($latest, $us);

    debit($_, $us, $call{refusal})
        for grep { $told{verdict} eq 'pass' } @agencies;
    $told{agencies} = [map { {
        tat => max($_->{tat} - $us, -1), used => $_->{used},
        refusals => max($_->{refusals} - $us, -1) } } @agencies];
    return \%told;
}


sub upkeep {
    my (%call) = @_;
    my $now_s = max($now_us / 1_000_000, $state{clock} // 0);
    my $seen = $state{window};

    @state{qw(run birth)} = ($call{run}, $now_s)
        if ($state{run} // '') ne $call{run};
    $state{clock} = $now_s;
    if (!defined $seen) {
        $state{window} = $call{window};
    } elsif ($call{window} > $seen) {
        my $over = !defined $state{mark} || $now_s > $state{mark} + $seen;
        $state{kept} = $over ? $seen : min($state{kept}, $seen);
        $state{mark} = $now_s + $seen;
        $state{window} = $call{window};
    }
    return $now_s;
}


sub decide {
    my ($call, $agencies, $now_s, $us) = @_;
    my @nonces = @{ $call->{nonces} };
    my ($i, %here) = (0);

    return (verdict => 'starting', wait => $us - $now_us)
        if $now_s - $now_us / 1_000_000 > $SKEW;
    return (verdict => 'starting',
            wait => max(1, ($state{birth} + $SKEW + 1) * 1_000_000 - $now_us))
        if grep { $_->{created} <= $state{birth} + $SKEW } @nonces;
    return (verdict => 'stale')
        if grep { $_->{until} < $now_s || $_->{created} > $now_s + $SKEW
                  || $_->{windowed} && defined $state{mark}
                     && $_->{created} <= $state{mark}
                     && $_->{created} + $state{kept} < $now_s } @nonces;
    return (verdict => 'replayed')
        if grep { $kept{ $_->{id} } || $here{ $_->{id} }++ } @nonces;
    for my $a (@$agencies) {
        my ($limit, $wait) = over($a, $us);
        return (verdict => 'limited', who => $i, limit => $limit,
                wait => $wait) if $limit;
        $i++;
    }
    return (verdict => 'pass');
}


# When each limit ends that is spent; the last of these.
sub over {
    my ($a, $us) = @_;
    my @ends = ([rate => $a->{tat} - $a->{reach}],
                [per_day => midnight($a)],
                [refusals => $a->{refusals} - $a->{refusals_reach}]);

    $ends[1][1] = 0 if !$a->{per_day} || $a->{used} < $a->{per_day};
    my $last;
    for my $end (grep { $_->[1] > $us } @ends) {
        $last = $end if !$last || $end->[1] > $last->[1];
    }
    return $last ? ($last->[0], $last->[1] - $now_us) : ();
}


sub midnight { return (($_[0]{day} + 1) * $DAY - 8 * 3600) * 1_000_000 }


sub debit {
    my ($a, $us, $refusal) = @_;
    my $units = 1 + $a->{cost};
    my $most = $FAR / $a->{interval};

    $a->{tat} = max($a->{tat}, $us)
                + ($units > $most ? $FAR : $units * $a->{interval});
    $a->{used} = min($a->{used} + $units, (1 << 40) - 1);
    if ($refusal) {
        my $i = $a->{refusals_interval};
        my $end = min(max($a->{refusals}, $us) + $i,
                      $us + $i + $a->{refusals_reach});
        $a->{refusals} = max($a->{refusals}, $end);
    }
    my $rest = max($a->{tat}, $a->{refusals}, midnight($a));
    $agencies{ $a->{id} } = {
        map({ ($_ => $a->{$_}) } qw(tat refusals day used)),
        rest => $rest, ttl => ($rest - $now_us + 999) / 1000 };
}


# What was burned, and until when the store keeps it.
sub note_kept {
    my (%call) = @_;

    return if $call{verdict} ne 'pass'
              && !($call{verdict} eq 'limited' && $call{observe});
    for my $n (@{ $call{nonces} }) {
        my $last = $n->{windowed}
                   ? max($n->{until}, $n->{created} + $state{window})
                   : $n->{until};
        my $ttl = max($last - $now_us / 1_000_000 + 1, 1);

        my $told = $redis->command('GET', $script->nonce_key($n->{id})) // '';
        $odd++, diag("nonce kept for '$told' s, not $ttl")
            if $told ne $ttl;
        $kept{ $n->{id} } = $now_us + $ttl * 1_000_000;
    }
}


sub once {
    my (%call) = @_;

    return if $call{verdict} ne 'pass'
              && !($call{verdict} eq 'limited' && $call{observe});
    $twice += grep { $burned{ $_->{id} }++ } @{ $call{nonces} };
}


sub is_same {
    my ($got, $want) = @_;

    return flat($got) eq flat($want);
}


sub flat {
    my ($told) = @_;

    return join ' ', map({ $told->{$_} // '-' } qw(verdict who limit wait now)),
                     map { @$_{qw(tat refusals used)} } @{ $told->{agencies} };
}


sub stored {
    return { @{ $redis->command('HGETALL', $script->state_key) } };
}


# What the store keeps of all is what the model does.
sub is_kept {
    my $stored = stored();

    return 0 if join(' ', map { "$_=$stored->{$_}" } sort keys %$stored)
                ne join(' ', map { "$_=$state{$_}" } sort keys %state);
    for my $id (keys %agencies) {
        my %has = @{ $redis->command('HGETALL', $script->agency_key($id)) };
        for my $name (qw(tat refusals day used ttl)) {
            return 0 if ($has{$name} // '') ne $agencies{$id}{$name};
        }
    }
    return 1;
}
