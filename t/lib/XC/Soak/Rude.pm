package XC::Soak::Rude;

# A client's requests that come or are read slowly, are not finished, or whose
# answers nobody waits for.

use strict;
use warnings;

use IO::Select;
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

use XC::Client;
use XC::Soak::Policy qw(any_of $SUBMIT);


# The bytes of a proper request, cut behind its head.
sub _bytes {
    my ($self, $client, $prefix) = @_;
    my $p = $self->{policy};

    return $client->format('POST', ($prefix // '') . $SUBMIT,
                           { body => $p->body(note => 'n' x 200) })
           =~ /^(.*?\r\n\r\n)(.*)$/s;
}


# Connects and sends the parts, each with a pause behind it.
sub _send {
    my ($client, @parts) = @_;
    my $sock = $client->connect;

    while (my ($bytes, $pause) = splice @parts, 0, 2) {
        $client->write($sock, $bytes);
        sleep $pause if $pause;
    }
    return $sock;
}


sub _drip { return map { ($_, 0.0005) } $_[0] =~ /./gs }


sub _answered {
    my ($self, $name, $client, @parts) = @_;
    my $began = time;
    my $answer = eval {
        my $sock = _send($client, @parts);
        $client->read_answer($sock, 'POST');
    };

    return $self->_row($name, $began, $answer, '', $@);
}


sub _slow_head {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my ($head, $body) = $self->_bytes($client);

    $self->_answered($name, $client, _drip($head), $body, 0);
}


sub _slow_body {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my ($head, $body) = $self->_bytes($client);

    $self->_answered($name, $client, $head, 0, _drip($body));
}


sub _stuck_head {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my ($head) = $self->_bytes($client);

    $self->_answered($name, $client, substr($head, 0, 100), 0);
}


sub _stuck_body {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my ($head, $body) = $self->_bytes($client);

    $self->_answered($name, $client, $head . substr($body, 0, 100), 0);
}


sub _slow_reader {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my $began = time;
    my $answer;
    my $ok = eval {
        my $sock = _send($client, $client->format('GET', '/big'
            . $self->{policy}->query), 0);
        my $all = '';
        while (IO::Select->new($sock)->can_read($client->{timeout})
               && $sock->sysread(my $some, 16_384))
        {
            $all .= $some;
            sleep 0.01;
        }
        if ($all =~ /\A(HTTP.*?)\r\n\r\n(.*)\z/s) {
            $answer = XC::Client::_finish(XC::Client::_parse_head($1), $2);
        }
        1;
    };
    $self->_row($name, $began, $answer, '', $@);
}


# A connection that ends at once, over what there is to read (in the clear by a
# reset), or after the server has said all.
sub _hang_up {
    my ($self, $client, $sock) = @_;

    if (rand() < 0.5) {
        setsockopt $sock, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0
            if !$client->{tls};
        close $sock;
    } else {
        eval { $client->leave($sock) };
    }
}


# What the client does without heeding an answer.
sub _unheard {
    my ($self, $name, $do) = @_;
    my $began = time;

    eval { $do->() };
    printf { $self->{fh} } "%s-rude %.3f %.3f 0 - -\n", $name, $began, time;
}


sub _rude {
    my ($self, $name, $client, @parts) = @_;

    $self->_unheard($name, sub {
        $self->_hang_up($client, _send($client, @parts));
    });
}


sub _aborted {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my ($head, $body) = $self->_bytes($client);
    my $cut = int rand length $body;

    $self->_rude($name, $client, $head . substr($body, 0, $cut), rand 0.02);
}


sub _left_waiting {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my ($head, $body) = $self->_bytes($client, '/wait');

    $self->_rude($name, $client, $head . $body, rand 0.3);
}


sub _left_amid {
    my ($self, $name) = @_;
    my $client = $self->_steady(keepalive => 0);
    my ($head, $body) = $self->_bytes($client, any_of('/slow', '/big'));

    $self->_unheard($name, sub {
        my $sock = _send($client, $head . $body, 0);
        $sock->sysread(my $some, 100)
            if IO::Select->new($sock)->can_read($client->{timeout});
        $self->_hang_up($client, $sock);
    });
}

1;
