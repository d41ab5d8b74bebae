package XC::Soak::Streams;

# A client's requests over HTTP/2: good and bad ones on one connection, and
# what it takes back, or says, amid one.

use strict;
use warnings;

use IO::Select;
use Time::HiRes qw(sleep time);

use XC::Soak::Bad qw(bad);
use XC::Soak::Policy qw(any_of $SUBMIT @STEADY);


# HTTP/2: three streams of one connection, one of them bad.
sub _h2 {
    my ($self, $name) = @_;
    my $began = time;
    my $at = int rand 3;
    my (@names, %answers, $h2);

    my $ok = eval {
        $h2 = $self->_h2_open;
        for my $i (0 .. 2) {
            my ($code, $agency, @request);
            if ($i == $at) {
                ($code, $agency, @request) = bad($self->{policy});
            } else {
                @request = $self->_proper;
            }
            push @names, $code ? "refused-$code" : "$name-good";
            $self->_h2_ask($h2, 2 * $i + 1, $agency // any_of(@STEADY),
                           @request);
        }
        %answers = $h2->all(3);
        1;
    };
    my $died = $ok ? '' : $@;
    for my $i (0 .. $#names) {
        $self->_row($names[$i], $began, $answers{ 2 * $i + 1 }, 'h2', $died);
    }
    $self->_row("$name-good", $began, undef, 'h2', $died) if !@names;
}


sub _h2_upstream {
    my ($self, $name) = @_;
    my $kind = any_of(qw(garbage hints stall drop error chunked cut));
    my $began = time;
    my %answers;

    my $ok = eval {
        my $h2 = $self->_h2_open;
        $self->_h2_ask($h2, 1, any_of(@STEADY), $self->_proper("/$kind"));
        %answers = $h2->all(1);
        1;
    };
    $self->_row("h2-$kind", $began, $answers{1}, 'h2', $ok ? '' : $@);
}


sub _h2_open {
    my ($self) = @_;

    return XC::Soak::H2->new($self->_client('310115', tls => 1,
                                            keepalive => 0));
}


# Sends a request (of its body so much as part says) on a stream.
sub _h2_ask {
    my ($self, $h2, $stream, $agency, $method, $target, $o, $part) = @_;
    my $client = $self->_client($agency, tls => 1, keepalive => 0);
    my ($headers, $body) = $client->_prepare($method, $target, $o);
    my $authority = $o->{authority} // $client->{authority};

    $h2->{stream} = $stream;
    $h2->headers([[':method', $method], [':scheme', 'https'],
                  [':path', $target], [':authority', $authority],
                  map { [lc $_->[0], $_->[1]] } @$headers], !defined $body);
    return if !defined $body;

    $body = substr $body, 0, int(length($body) * $part) if defined $part;
    while (length $body > 16_000) {
        $h2->data(substr($body, 0, 16_000, ''), 0);
    }
    $h2->data($body, defined $part ? 0 : 1);
}


# What the client takes back, or says, amid a body; then another request on the
# same connection, or none.
sub _h2_rude {
    my ($self, $name, $do) = @_;

    $self->_unheard($name, sub {
        my $h2 = $self->_h2_open;

        $do->($h2);
        rand() < 0.5 ? close $h2->{sock} : $h2->leave;
    });
}


sub _h2_reset {
    my ($self, $name) = @_;
    my $body = $self->{policy}->body(note => 'n' x 5000);

    $self->_h2_rude($name, sub {
        my ($h2) = @_;

        for my $stream (1, 3, 5) {
            $self->_h2_ask($h2, $stream, any_of(@STEADY), 'POST', $SUBMIT,
                           { body => $body }, rand);
            sleep rand 0.01;
            $h2->reset;
        }
    });
}


sub _h2_goaway {
    my ($self, $name) = @_;
    my $body = $self->{policy}->body(note => 'n' x 5000);

    $self->_h2_rude($name, sub {
        my ($h2) = @_;

        $self->_h2_ask($h2, 1, any_of(@STEADY), 'POST', $SUBMIT,
                       { body => $body }, rand);
        $h2->goaway;
    });
}


# Amid the answer, which is larger than the stream's window.
sub _h2_amid {
    my ($self, $name) = @_;
    my $prefix = any_of('/big', '/slow', '/wait', '/chunked');

    $self->_h2_rude($name, sub {
        my ($h2) = @_;

        $self->_h2_ask($h2, 1, any_of(@STEADY), 'GET',
                       $prefix . $self->{policy}->query, {});
        $h2->{sock}->sysread(my $some, 100)
            if IO::Select->new($h2->{sock})->can_read(1);
        rand() < 0.5 ? $h2->reset : $h2->goaway;
        sleep rand 0.01;
    });
}


package XC::Soak::H2;

# XC::H2 with more than one stream.

use strict;
use warnings;

use JSON::PP;
use Time::HiRes qw(alarm);

use parent qw(XC::H2);


# With the connection's window so large that no answer waits for it.
sub new {
    my ($class, @args) = @_;
    my $self = $class->SUPER::new(@args);

    $self->{client}->write($self->{sock},
        XC::H2::_frame(8, 0, 0, pack 'N', 1 << 24));
    return $self;
}


sub goaway {
    my ($self) = @_;

    $self->{client}->write($self->{sock},
        XC::H2::_frame(XC::H2::GOAWAY, 0, 0, pack 'NN', 0, 0));
}


# Until so many streams have ended: {stream: answer}, without those that were
# reset.
sub all {
    my ($self, $n) = @_;
    my (%got, %ended);

    local $SIG{ALRM} = sub { die "timeout\n" };
    alarm $self->{client}{timeout};
    while (keys %ended < $n) {
        my ($head, $payload) = ('', '');
        last if (read($self->{sock}, $head, 9) // 0) != 9;
        my ($length, $type, $flags, $id) = unpack 'NCCN', "\0$head";
        last if $length && (read($self->{sock}, $payload, $length) // 0)
                           != $length;

        if ($type == XC::H2::HEADERS) {
            $got{$id} = { status => XC::H2::_status($payload), headers => {},
                          body => '' };
        } elsif ($type == XC::H2::DATA) {
            $got{$id}{body} .= $payload;
        } elsif ($type == XC::H2::RST_STREAM) {
            # 0: all was answered, the rest of the body is not wanted
            delete $got{$id} if unpack('N', $payload) && !$ended{$id};
            $ended{$id} = 1;
        }
        $ended{$id} = 1 if $flags & XC::H2::END_STREAM
                           && ($type == XC::H2::HEADERS
                               || $type == XC::H2::DATA);
    }
    alarm 0;
    close $self->{sock};
    for my $id (keys %got) {
        delete $got{$id} if !$ended{$id};
    }
    $_->{json} = eval { JSON::PP->new->utf8->decode($_->{body}) }
        for values %got;
    return %got;
}


sub _send {
    my ($self, $type, $flags, $payload) = @_;

    $self->{client}->write($self->{sock}, XC::H2::_frame($type, $flags,
                               $self->{stream} // 1, $payload));
    return $self;
}

1;
