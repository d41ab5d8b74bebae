package XC::Rogue;

# A back end that misbehaves, by the first part of the path: /stall/xc/v1/...
# Its log has one line of each request, "id record", and it answers with both,
# so that an answer can be told from that to another request.

use strict;
use warnings;

use Fcntl qw(:flock);

use parent 'XC::Backend';

my %rules = (
    stall   => { delay => 6 },                  # past proxy_read_timeout
    halt    => { size => 20_000, pause => 6 },
    wait    => { delay => 0.4 },
    slow    => { size => 20_000, pause => 0.4 },
    drop    => { drop => 1 },
    cut     => { size => 60_000, cut => 25_000 },
    big     => { size => 1_000_000 },
    chunked => { size => 40_000, chunked => 1 },
    error   => { status => 500 },
    garbage => { raw => "\x00\xffHTP/9 garbage\r\n\r\n" . "\x80" x 500 },
    hints   => { raw => "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"
                        . "XC-Record: n1:0;leaf=0\r\n\r\n{}" },
    header  => { raw => "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n"
                        . 'X: ' . 'x' x 200_000 . "\r\n\r\nanswer\n" },
    huge    => { huge => 100 },                 # MB
);


sub _rule {
    my ($self, $target) = @_;
    my ($kind) = $target =~ m{\A/([a-z]+)/xc/};

    return $rules{ $kind // '' } // {};
}


sub _log {
    my ($self, $seen) = @_;
    my $h = $seen->{h};

    $self->{ids} = [map { $h->{$_} // 'none' } 'x-xc-id', 'x-xc-record'];
    open my $fh, '>>', $self->{log} or return;
    flock $fh, LOCK_EX;
    syswrite $fh, "@{ $self->{ids} }\n";
    close $fh;
}


sub _reply {
    my ($self, $sock, $a, $method, $keep) = @_;

    return _huge($sock, $a->{huge}) if $a->{huge};

    my ($id, $record) = @{ $self->{ids} };
    return $self->SUPER::_reply($sock,
        { body => $a->{size} ? undef : qq({"id":"$id","record":"$record"}),
          %$a }, $method, $keep);
}


sub _huge {
    my ($sock, $mb) = @_;
    my $part = 'x' x 1_000_000;

    XC::Backend::_send($sock, 'HTTP/1.1 200 OK' . "\r\nContent-Length: "
                              . $mb * length($part) . "\r\n\r\n");
    for (1 .. $mb) {
        XC::Backend::_send($sock, $part) or return 0;
    }
    return 0;
}

1;
