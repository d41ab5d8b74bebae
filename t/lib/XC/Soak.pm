package XC::Soak;

# One client of the soak (t/soak.pl): good, bad and rude requests in an order
# that its seed gives, over HTTP/1.1 and HTTP/2, in the clear and over TLS.
# What came of each becomes a line of its file:
#
#   case began ended status reason reference flags
#
# status is 0 where the connection closed without an answer, "hang" where none
# came in time; reference XC-Record ("node:seq;leaf=...", over HTTP/2 without
# the leaf) or the refusal's id; flags: reused@TIME (the connection's last use),
# h2, truncated, mixed (the answer to another request).

use strict;
use warnings;

use Digest::SHA qw(sha1);
use POSIX ();
use Time::HiRes qw(time);

use XC::Soak::Bad qw(bad reasons);
use XC::Soak::Policy qw(any_of $SUBMIT @STEADY);
use XC::Soak::Vouched qw(vouched_reasons);

use parent qw(XC::Soak::Rude XC::Soak::Streams XC::Soak::Vouched);

my $PATIENCE = 40;              # seconds, on a busy machine

# What a proper request may be answered with; 502 and 504 only while the back
# end is down, 503 only while the store of the fleet is new: t/soak.pl excuses
# them.
my $GOOD = qr/^200 -$/;

# A case: how often (of some 1000), what it does, what may come of it ("status
# reason"; reused connections and HTTP/2 may also get nothing).
my @cases = (
    good         => 330, '_good', $GOOD,
    comes        => 20, '_comes', qr/^(?:200 -|401 credential-unknown)$/,
    rate         => 15, '_rate', qr/^(?:200 -|429 rate-exceeded)$/,
    quota        => 10, '_quota', qr/^(?:200 -|429 quota-exceeded)$/,
    refused      => 200, '_refused', undef,
    replayed     => 20, '_replayed', undef,
    pipelined    => 40, '_pipelined', undef,
    slow_head    => 8, '_slow_head', $GOOD,
    slow_body    => 8, '_slow_body', $GOOD,
    stuck_head   => 2, '_stuck_head', qr/^(?:0|408) -$/,
    stuck_body   => 2, '_stuck_body', qr/^(?:0|408) -$/,
    slow_reader  => 4, '_slow_reader', $GOOD,
    aborted      => 25, '_aborted', undef,
    left_waiting => 20, '_left_waiting', undef,
    left_amid    => 20, '_left_amid', undef,
    h2           => 90, '_h2', undef,
    h2_upstream  => 30, '_h2_upstream', undef,
    h2_reset     => 20, '_h2_reset', undef,
    h2_goaway    => 20, '_h2_goaway', undef,
    h2_amid      => 20, '_h2_amid', undef,
    stall        => 4, '_upstream', qr/^504 -$/,
    halt         => 4, '_upstream', qr/^(?:200 -|0 -)$/,
    drop         => 12, '_upstream', qr/^502 -$/,
    cut          => 12, '_upstream', qr/^(?:200 -|0 -)$/,
    garbage      => 12, '_upstream', qr/^502 -$/,
    hints        => 8, '_upstream', qr/^502 -$/,
    header       => 8, '_upstream', qr/^502 -$/,
    error        => 12, '_upstream', qr/^500 -$/,
    chunked      => 15, '_upstream', $GOOD,
    big          => 10, '_upstream', $GOOD,
    scrape       => 30, '_scrape', qr/^200 -$/,
    sm2          => 30, '_sm2', $GOOD,
    mtls         => 60, '_mtls', undef,
    token        => 60, '_token', undef,
    result       => 30, '_result', undef,
);
my (@deck, %want);

my %only = map { $_ => 1 } split /,/, $ENV{XC_SOAK_CASES} // '';

while (my ($name, $weight, $do, $want) = splice @cases, 0, 4) {
    push @deck, [$name, $do, $weight] if !%only || $only{$name};
    $want{$name} = $want // qr/^$/;
}
# what the cases without one pattern are made of
$want{"$_-good"} = $GOOD for qw(replayed pipelined h2 mtls token result);
$want{"h2-$_"} = $want{$_} for qw(garbage hints stall drop error chunked);
$want{'h2-cut'} = qr/^0 -$/;
$want{'replayed-again'} = qr/^401 signature-replayed$/;
$want{$_} = $GOOD for qw(huge result-submit);
$want{"refused-$_"} = _refusal($_) for reasons(), vouched_reasons();


# What "status reason" a case may end with; undef: there is no such case.
sub want { $want{$_[0]} }


# A refusal's name is its reason, and what else tells it from others.
sub _refusal {
    my ($reason) = $_[0] =~ m{^([^/]+)};

    return qr/^\d+ \Q$reason\E$/;
}


# t (XC::Nginx), policy (XC::Soak::Policy), seed, out (a file).  Asks until
# there is a file soak.end, or once => method; in a process of its own, whose
# pid it returns.  first, step: of the cases in their order, those that it
# begins with, so that the clients of the shortest soak have made each.
sub start {
    my ($class, %o) = @_;
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    return $pid if $pid;
    alarm 0;
    $SIG{ALRM} = 'DEFAULT';
    $SIG{$_} = 'DEFAULT' for qw(INT HUP TERM);
    my $self = bless { %o, clients => {} }, $class;
    $self->{due} = [map { $deck[$_] } grep { $_ % $o{step} == $o{first} }
                    0 .. $#deck] if $o{step};
    open $self->{fh}, '>', $o{out} or POSIX::_exit(1);
    $self->{fh}->autoflush(1);

    my $ok = eval {
        my $once = $o{once};
        if ($once) {
            $self->$once;
        } else {
            # a signal would break what is under way
            $self->one until -e $o{t}->path('soak.end')
                             || getppid != $parent;
        }
        1;
    };
    warn "soak client: $@" if !$ok;
    POSIX::_exit($ok ? 0 : 1);
}


# The next case of the plan.
sub one {
    my ($self) = @_;
    my $sum = 0;

    # a request that fails must not change those behind it
    srand unpack 'N', sha1("$self->{seed} " . ++$self->{asked});
    $sum += $_->[2] for @deck;
    my $at = rand $sum;
    my ($case) = shift @{ $self->{due} }
                 // grep { ($at -= $_->[2]) < 0 } @deck;
    my ($name, $do) = @$case;
    $self->$do($name);
}


# Once: 100 MB.
sub huge {
    my ($self) = @_;

    $self->_ask('huge', $self->_client('000000', keepalive => 0),
                'GET', '/huge' . $self->{policy}->query);
}


# As an agency asks; tls, keepalive (0, 1; else by chance), cert (which one is
# presented).
sub _client {
    my ($self, $agency, %o) = @_;
    my $p = $self->{policy};
    my $cert = delete $o{cert};

    $o{tls} //= rand() < 0.4 ? 1 : 0;
    $o{keepalive} //= rand() < 0.7 ? 1 : 0;
    $o{ssl} = $p->certs->of($cert)->{ssl} if $cert;
    %o = (%o, key => $p->key($agency), timeout => $PATIENCE);
    # as the last: its socket may be left in any state
    return $self->{t}->client(%o) if !$o{keepalive};
    # one connection is every agency's, and few are idle: each has its memory
    my $client = $self->{clients}{ join ' ', $o{tls}, $cert // () } //=
                 $self->{t}->client(%o);
    $client->{key} = $o{key};
    return $client;
}


sub _steady { return $_[0]->_client(any_of(@STEADY), @_[1 .. $#_]) }


# Method, target, options of a proper request.
sub _proper {
    my ($self, $prefix) = @_;
    my $p = $self->{policy};

    return ('GET', ($prefix // '') . $p->query, {}) if rand() < 0.6;
    return ('POST', ($prefix // '') . $SUBMIT, {
        body => $p->body(note => 'n' x int rand 20_000),
        rand() < 0.3 ? (chunked => [100, 3000]) : () });
}


sub _ask {
    my ($self, $name, $client, $method, $target, $o) = @_;
    my $reused = $client->{keepalive} && $client->{sock}
                 ? sprintf 'reused@%.3f', $client->{used} : '';
    my $began = time;
    my $answer = eval { $client->request($method, $target, $o) };

    $client->{used} = $began;
    delete $client->{sock} if !$answer || $answer->{truncated};
    return $self->_row($name, $began, $answer, $reused, $@);
}


sub _row {
    my ($self, $name, $began, $answer, $flags, $died) = @_;
    my ($status, $reason, $ref) = (0, '-', '-');
    my @flags = $flags || ();

    $died //= '';
    if ($answer) {
        my $json = ref $answer->{json} eq 'HASH' ? $answer->{json} : {};

        $status = $answer->{status};
        $reason = $1 if ($json->{type} // '') =~ /^urn:xc:(\S+)$/;
        $ref = $1 if ($json->{instance} // '') =~ /^urn:xc:request:(\S+)$/;
        $ref = $answer->{headers}{'xc-record'} // $json->{record} // $ref;
        push @flags, 'truncated' if $answer->{truncated};
        push @flags, 'mixed'
            if $json->{record} && $ref !~ /^\Q$json->{record}\E(?:;|\z)/;
    } elsif ($died =~ /timeout/) {
        $status = 'hang';
    } elsif ($died =~ /not an answer|not understood/) {
        $status = 'odd';
    }
    printf { $self->{fh} } "%s %.3f %.3f %s %s %s %s\n", $name, $began, time,
           $status, $reason, $ref, join ',', @flags;
    return $answer;
}


sub _good {
    my ($self, $name) = @_;

    $self->_ask($name, $self->_steady, $self->_proper);
}


sub _comes { $_[0]->_ask($_[1], $_[0]->_client('320500'), $_[0]->_proper) }
sub _rate  { $_[0]->_ask($_[1], $_[0]->_client('320600'), $_[0]->_proper) }
sub _quota { $_[0]->_ask($_[1], $_[0]->_client('320700'), $_[0]->_proper) }
sub _sm2   { $_[0]->_ask($_[1], $_[0]->_client('370000'), $_[0]->_proper) }


sub _upstream {
    my ($self, $name) = @_;

    $self->_ask($name, $self->_steady, $self->_proper("/$name"));
}


sub _refused {
    my ($self) = @_;
    my ($code, $agency, @request) = bad($self->{policy});

    $self->_ask("refused-$code", $self->_client($agency), @request);
}


sub _replayed {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my $bytes = $client->format($self->_proper);

    for my $which ("$name-good", "$name-again") {
        my $began = time;
        my $answer = eval { scalar $client->raw($bytes) };

        $self->_row($which, $began, $answer, '', $@);
    }
}


# Four, one of them bad; behind a refused one the connection may end.
sub _pipelined {
    my ($self, $name) = @_;
    my $client = $self->_client(any_of(@STEADY), keepalive => 0);
    my $at = int rand 4;
    my ($bytes, @names) = '';

    for my $i (0 .. 3) {
        my ($code, $agency, @request);
        if ($i == $at) {
            ($code, $agency, @request) = bad($self->{policy});
        } else {
            @request = $self->_proper;
            push @names, "$name-good";
        }
        push @names, "refused-$code" if $code;
        $request[2]{keepalive} = $i < 3 ? 1 : 0;
        my $from = $code ? $self->_client($agency, keepalive => 0) : $client;
        $bytes .= $from->format(@request);
    }
    my $began = time;
    my @answers = eval { $client->raw($bytes, 4) };
    my $died = $@;
    my $closed = 0;
    for my $i (0 .. 3) {
        my $answer = $answers[$i];
        $self->_row($names[$i], $began, $answer,
                    $i ? sprintf 'reused@%.3f', $began : '',
                    $answer ? '' : $died);
        $closed ||= !$answer || $answer->{close};
        last if $closed;
    }
}


sub _scrape {
    my ($self, $name) = @_;
    my $path = any_of('/status', '/metrics', '/agencies', '/page',
                    '/checkpoint', '/.well-known/xc-intake');

    $self->_ask($name, $self->_client('310115'), 'GET', $path, { sign => 0 });
}

1;
