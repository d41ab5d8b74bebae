package XC::H2;

# One request over HTTP/2 in frames made by hand (RFC 9113), for what no
# client library would send.

use strict;
use warnings;

use JSON::PP;

use constant { DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4,
               GOAWAY => 7, END_STREAM => 1, END_HEADERS => 4 };

# RFC 7541 appendix A: the statuses of the static table
my %indexed = (0x88 => 200, 0x89 => 204, 0x8a => 206, 0x8b => 304,
               0x8c => 400, 0x8d => 404, 0x8e => 500);


# client: an XC::Client with tls.
sub new {
    my ($class, $client) = @_;
    my $self = bless { client => $client }, $class;

    local $client->{ssl} = { SSL_alpn_protocols => ['h2'] };
    $self->{sock} = $client->connect;
    $self->{client}->write($self->{sock}, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                          . _frame(SETTINGS, 0, 0, ''));
    return $self;
}


# The header fields [name, value], pseudo fields first, and the stream's end
# where last is true.
sub headers {
    my ($self, $fields, $last) = @_;
    my $block = join '', map { "\0" . _string($_->[0]) . _string($_->[1]) }
                         @$fields;

    return $self->_send(HEADERS, END_HEADERS | ($last ? END_STREAM : 0),
                        $block);
}


# A part of the body; at most what the server's first window takes (64 KiB).
sub data {
    my ($self, $bytes, $last) = @_;

    return $self->_send(DATA, $last ? END_STREAM : 0, $bytes);
}


# Resets the stream: the client does not want it any more (CANCEL).
sub reset { $_[0]->_send(RST_STREAM, 0, pack 'N', 8) }


# What these calls send comes in one piece: nginx has it all before it begins.
sub at_once {
    my ($self, $calls) = @_;

    {
        local $self->{held} = '';
        $calls->($self);
        $self->{client}->write($self->{sock}, $self->{held});
    }
    return $self;
}


# Goes away.
sub leave { $_[0]{client}->leave($_[0]{sock}) }


# The answer: {status, body, json, trailers}; undef where the stream was reset.
# Its header fields are not decoded, but for the status, nor its trailers.
sub answer {
    my ($self) = @_;
    my ($status, $body, $trailers, $ended) = (undef, '', '', 0);

    while (!$ended) {
        my ($head, $payload) = ('', '');
        last if (read($self->{sock}, $head, 9) // 0) != 9;
        my ($length, $type, $flags) = unpack 'NCC', "\0$head";
        last if $length && (read($self->{sock}, $payload, $length) // 0)
                           != $length;

        $trailers .= $payload if $type == HEADERS && defined $status;
        $status //= _status($payload) if $type == HEADERS;
        $body .= $payload if $type == DATA;
        $ended = $type == RST_STREAM || $type == GOAWAY
                 || (($type == DATA || $type == HEADERS)
                     && $flags & END_STREAM);
    }
    close $self->{sock};
    return undef if !defined $status;
    return { status => $status, body => $body, headers => {},
             trailers => $trailers,
             json => scalar eval { JSON::PP->new->utf8->decode($body) } };
}


sub _send {
    my ($self, $type, $flags, $payload) = @_;
    my $frame = _frame($type, $flags, 1, $payload);

    if (defined $self->{held}) {
        $self->{held} .= $frame;
    } else {
        $self->{client}->write($self->{sock}, $frame);
    }
    return $self;
}


sub _frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}


# RFC 7541 5.1 and 5.2, without Huffman's code
sub _string {
    my ($s) = @_;
    my $n = length $s;

    return chr($n) . $s if $n < 127;

    my $out = chr 127;
    for ($n -= 127; $n >= 128; $n >>= 7) {
        $out .= chr($n % 128 + 128);
    }
    return $out . chr($n) . $s;
}


# :status stands first; a change of the table's size may stand before it.
sub _status {
    my ($block) = @_;

    $block =~ s/\A[\x20-\x3f]//;
    return $indexed{ ord $block } // ($block =~ /\A[\x08\x48]\x03(\d{3})/)[0]
           // die 'a status that is not understood';
}

1;
