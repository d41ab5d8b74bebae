package XC::Ticket;

# What XC-Request says, opened and sealed by other means than the gate's: a
# ticket is base64url of JSON, a dot, base64url of the MAC.

use strict;
use warnings;

use Crypt::Mac::HMAC qw(hmac);
use Exporter qw(import);
use MIME::Base64 qw(decode_base64url encode_base64url);

use XC::JSON;

our @EXPORT = qw(opened sealed);

my $json = json_coder->canonical;


# What it says; undef where the MAC is not of this key.
sub opened {
    my ($ticket, $key) = @_;
    my ($part, $mac) = split /\./, $ticket, 2;

    return if $mac ne _mac($part, $key);
    return $json->decode(decode_base64url($part));
}


sub sealed {
    my ($says, $key) = @_;
    my $part = encode_base64url($json->encode($says));

    return "$part." . _mac($part, $key);
}


sub _mac {
    my ($part, $key) = @_;

    return encode_base64url(hmac('SHA256', $key, "xc ticket 1\n$part"));
}

1;
