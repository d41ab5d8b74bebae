#!/usr/bin/env perl

# Workers that die at any moment (SIGKILL): what a client was answered and what
# the back end saw has its record, and the chain is whole.  XC_KILL_ROUNDS sets
# how often (default 5).

use strict;
use warnings;

use Test::More;

use XC::Chain;
use XC::Load;
use XC::Nginx;
use XC::Shim;

my $t = XC::Nginx->new(workers => 2, allow => qr/exited on signal 9/);
my $shim = XC::Shim->new($t);
my $rounds = $ENV{XC_KILL_ROUNDS} // 5;
my %killed;

$t->policy(transport => 'any');
$t->gate_conf;

under_load();
between_write_and_sync();
under_the_lock();

$t->finish;
done_testing;


# One worker at a time, every third time all of them.
sub under_load {
    $shim->run;
    my $load = XC::Load->new($t, 4);
    my $killed = 0;

    for my $round (1 .. $rounds) {
        my @workers = ready();
        my $seen = () = $load->answers;
        my $more = 20 + int rand 80;
        ok($t->wait_for(sub { $seen + $more <= (() = $load->answers) }),
           "round $round: $more answers more");
        select undef, undef, undef, rand 0.01;
        @workers = ($workers[rand @workers]) if $round % 3;
        $killed += kill 'KILL', @workers;
        remember(@workers);
    }
    ready();

    my @answers = $load->end;
    $t->stop;
    my @seen = $t->backend->requests;
    my @all = whole($t, 'killed', seen => \@seen, answers => \@answers,
                    outcomes => 1e9);
    my @broken = grep { $_->{status} == 0 } @answers;
    my %status = map { $_->{status} => 1 } @answers;
    delete @status{0, 200};
    is(join(' ', keys %status), '', 'killed: no other answer than 200');
    ok(@broken <= 4 * $killed, 'killed: no more broken connections than there'
                               . ' may be');

    my %have = map { $_->{id} => 1 }
               grep { ($_->{decision} // '') eq 'allow' } @all;
    my $lost = grep { !$have{ $_->{h}{'x-xc-id'} } } @seen;
    is($lost, 0, 'killed: nothing is lost');
    diag("$rounds rounds, $killed workers killed, " . @answers . ' requests ('
         . @broken . ' unanswered), ' . @seen . ' at the back end, ' . @all
         . " records, $lost lost");
}


# The moment that matters: the record is written, not synced, nobody knows.
sub between_write_and_sync {
    fresh();
    $shim->hold;

    my $client = $t->client(tls => 0);
    my $sock = $client->connect;
    $client->write($sock, $client->format('GET', $t->policy->query));
    ok($shim->wait_held, 'held: a record waits for its sync');
    my @workers = ready();
    kill 'KILL', @workers;
    remember(@workers);
    is($client->read_answer($sock), undef, 'held: killed, no answer');
    is($t->backend->count, 0, 'held: nothing at the back end');

    $shim->release;
    ready();
    is($client->request('GET', $t->policy->query)->{status}, 200,
       'held: service goes on');
    $t->stop;
    my @all = whole($t, 'held', n => 2, outcomes => 1);
    is((grep { $_->{event} eq 'recover' } @all), 0, 'held: nothing to recover');
}


# A worker dies that holds the lock, and another waits for it: the kernel has
# freed the lock with the process.
sub under_the_lock {
    fresh();
    my ($holder, $other) = ready();
    my $client = $t->client(tls => 0);
    my $ino = (stat $t->state_dir . '/audit.head')[1];
    my (@sock, $waits);
    my $ask = sub {
        push @sock, $client->connect;
        $client->write($sock[-1], $client->format('GET', $t->policy->query));
    };

    # whoever gets a request: first the one, then the other as well
    $shim->set(pid => $holder, hold_writes => 1);
    for (1 .. 100) {
        $ask->();
        last if $t->wait_for(sub { $shim->get('held') }, 0.05);
    }
    ok($shim->wait_held, 'lock: a worker holds it');
    for (1 .. 100) {
        $ask->();
        last if $waits = $t->wait_for(sub {
            ($t->read_file('/proc/locks') // '') =~ /-> OFDLCK .*:$ino /;
        }, 0.05);
    }
    ok($waits, 'lock: the other waits for it');

    kill 'KILL', $holder;
    remember($holder);
    my @status = map { ($client->read_answer($_) // {})->{status} // 0 } @sock;
    my $n = grep { $_ == 200 } @status;
    ok($n > 0, "lock: the other goes on ($n answers)");
    ok((grep { $_ == 0 } @status), 'lock: what the dead one had is unanswered');
    is((grep { $_ != 200 && $_ != 0 } @status), 0, 'lock: nobody is refused');
    $shim->mend->set(held => 0);
    is((grep { $_ == $other } ready()), 1, 'lock: the other lives');
    $t->stop;
    whole($t, 'lock', n => $n);
}


# A gate with an empty state directory.
sub fresh {
    system 'rm', '-rf', $t->state_dir;
    $t->backend->forget;
    $shim->mend->set(held => 0)->run;
}


# The workers, as many as there should be, those killed not counted.


# By number and by when they were born: the kernel gives numbers again.
sub remember { $killed{$_} = born($_) for @_ }

sub born {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/stat" or return '';
    my $stat = <$fh> // '';
    return (split ' ', $stat =~ s/.*\) //sr)[19] // '';
}


sub ready {
    my @workers;

    $t->wait_for(sub {
        2 == (@workers = grep {
            !exists $killed{$_} || $killed{$_} ne born($_)
        } $t->worker_pids);
    });
    return @workers;
}
