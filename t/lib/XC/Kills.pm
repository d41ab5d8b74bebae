package XC::Kills;

# Workers that die (SIGKILL) under load while something else goes on, and what
# must hold of the log afterwards: what a client was answered and what the back
# end saw has its record.

use strict;
use warnings;

use Test::More ();

use XC::Chain;
use XC::Load;


# Of a running gate with two workers; admits 200 only, unless refused => 1.
sub new {
    my ($class, $t, $name, %o) = @_;
    my $self = bless { t => $t, name => $name, killed => {}, rounds => 0,
                       %o }, $class;

    $self->{load} = XC::Load->new($t, 4, keepalive => 0);
    return $self;
}


# One more round, in which so many more are admitted at first.
sub round {
    my ($self, $n) = @_;

    $self->{rounds}++;
    return $self->admitted_more($n);
}


# One of these processes, or all; without any, of the workers.
sub some {
    my ($self, @pids) = @_;

    @pids = $self->ready if !@pids;
    @pids = ($pids[rand @pids]) if @pids && rand() < 0.6;
    $self->{killed}{ _birth($_) } = 1 for @pids;
    $self->{kills} += kill 'KILL', @pids;
}


# The workers of a master (that of nginx.pid), as many as there should be, those
# killed not counted; waits for them.
sub ready {
    my ($self, $master) = @_;
    my @workers;

    $self->{t}->wait_for(sub {
        2 == (@workers = grep { !$self->{killed}{ _birth($_) } }
                         $self->{t}->worker_pids($master // ()));
    }) or Test::More::fail("$self->{name}: no two workers");
    return @workers;
}


# A master's workers, those that begin or end included.
sub workers {
    my ($self, $master) = @_;

    open my $fh, '<', "/proc/$master/task/$master/children" or return ();
    return grep { _title($_) =~ /worker process/ } split ' ', <$fh> // '';
}


# Waits until a process has ended, be it reaped or not: whoever inherits it may
# take its time.
sub gone {
    my ($self, $pid) = @_;

    return $self->{t}->wait_for(sub { !defined readlink "/proc/$pid/exe" });
}


sub admitted_more {
    my ($self, $n) = @_;
    my $want = $n + $self->count(200);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return Test::More::ok(
        $self->{t}->wait_for(sub { $self->count(200) >= $want }),
        "$self->{name} $self->{rounds}: the load goes on");
}


# Answers of that status so far.
sub count {
    my ($self, $status) = @_;

    return scalar grep { $_->{status} == $status } $self->{load}->answers;
}


# No further request; the answers.
sub end {
    my ($self) = @_;

    $self->admitted_more(20);
    return @{ $self->{answers} = [$self->{load}->end] };
}


# After end() and the gate's end; the log's records.
sub verdict {
    my ($self) = @_;
    my ($t, $name) = @$self{qw(t name)};
    my @answers = @{ $self->{answers} };
    my @seen = $t->backend->requests;
    my @all = whole($t, $name, seen => \@seen, answers => \@answers,
                    outcomes => 1e9);
    my %status = (0 => 0, 503 => 0);

    $status{ $_->{status} }++ for @answers;
    my ($broken, $refused) = delete @status{0, 503};
    delete $status{200};
    Test::More::is(join(' ', sort keys %status), '',
                   "$name: no answer but 200, 503 or none");
    Test::More::is($refused, 0, "$name: nobody refused") if !$self->{refused};
    Test::More::cmp_ok($broken, '<=', 4 * $self->{kills},
                       "$name: no more broken connections than there may be");

    my %allow = map { $_->{id} => 1, "$_->{node}:$_->{seq}" => 1 }
                grep { ($_->{decision} // '') eq 'allow' } @all;
    my $lost = grep { !$allow{$_} } map({ $_->{h}{'x-xc-id'} } @seen),
               map { $_->{record} =~ s/;.*//r }
               grep { $_->{status} == 200 } @answers;
    Test::More::is($lost, 0, "$name: nothing is lost");
    Test::More::diag("$name: $self->{rounds} rounds, $self->{kills} workers"
                     . ' killed, ' . @answers . " requests ($broken"
                     . " unanswered, $refused times 503), " . @seen
                     . ' at the back end, ' . @all . " records, $lost lost");
    return @all;
}


# By number and by when it was born: the kernel gives numbers again.
sub _birth {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/stat" or return $pid;
    my $stat = <$fh> // '';
    return join ' ', $pid, (split ' ', $stat =~ s/.*\) //sr)[19] // ();
}


sub _title {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/cmdline" or return '';
    return <$fh> // '';
}

1;
