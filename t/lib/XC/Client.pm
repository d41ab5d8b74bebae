package XC::Client;

# An agency's client: signs as RFC 9421 and RFC 9530 say, with a library other
# than the one that the module verifies with (CryptX), and speaks HTTP/1.1
# closely enough to send what no proper client would.

use strict;
use warnings;

use Crypt::Digest qw(digest_data);
use Crypt::Mac::HMAC qw(hmac);
use Crypt::PRNG qw(random_bytes_hex);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(alarm time);

use XC::JSON;

my $json = json_coder->canonical;
my %digest_names = ('sha-256' => 'SHA256', 'sha-512' => 'SHA512');


# port; tls (0 or 1, default 1); host (what is dialled, default 127.0.0.1);
# local (the address that it comes from);
# authority (Host, default platform.example); key (of XC::Policy); timeout
# (seconds); keepalive (1: one connection for all requests); dir (for curl's
# files, default /tmp); ssl (more for IO::Socket::SSL); curl (a list of more
# arguments, for HTTP/2).
sub new {
    my ($class, %o) = @_;

    return bless {
        host => '127.0.0.1', tls => 1, authority => 'platform.example',
        timeout => 60, dir => $ENV{TMPDIR} // '/tmp', %o,
    }, $class;
}


# Sends a request and reads its answer: {status, reason, headers {lower-case
# name: value}, raw_headers [[name, value], ...], body, json}; undef where the
# connection closed without one.  Options:
#   headers  [[name, value], ...] or {name: value}
#   body     bytes, or a hash that becomes JSON
#   sign     0: unsigned; {...}: what differs from a proper signature, see
#            signed_headers()
#   authority, version, chunked (1 or sizes of the chunks), keepalive
#   length   a Content-Length other than the body's
sub request {
    my ($self, $method, $target, $o) = @_;
    my $sock = $self->_connection($o);

    $self->write($sock, $self->format($method, $target, $o));
    my $answer = $self->read_answer($sock, $method);
    if (!$answer || $answer->{close}) {
        delete $self->{sock};
    }
    return $answer;
}


# The same request's bytes, for raw().
sub format {
    my ($self, $method, $target, $o) = @_;
    my ($headers, $body) = $self->_prepare($method, $target, $o);
    my $version = $o->{version} // 'HTTP/1.1';
    my $authority = $o->{authority} // $self->{authority};
    my @lines = ("$method $target $version");

    push @lines, "Host: $authority"
        if !grep { lc $_->[0] eq 'host' } @$headers;
    push @lines, map { "$_->[0]: $_->[1]" } @$headers;
    if (defined $body) {
        push @lines, $o->{chunked}
            ? 'Transfer-Encoding: chunked'
            : 'Content-Length: ' . ($o->{length} // length $body);
        $body = _chunks($body, $o->{chunked}) if $o->{chunked};
    }
    push @lines, 'Connection: close'
        if !$self->_keep($o)
           && !grep { lc $_->[0] eq 'connection' } @$headers;

    return join("\r\n", @lines) . "\r\n\r\n" . ($body // '');
}


# Sends bytes as they are and reads n answers (default 1; 0: all until the
# connection closes).  methods: those of the requests, where HEAD is among
# them.  Returns the answers.
sub raw {
    my ($self, $bytes, $n, @methods) = @_;
    my $sock = $self->connect;
    my @answers;

    $n //= 1;
    $self->write($sock, $bytes);
    while (!$n || @answers < $n) {
        my $answer = $self->read_answer($sock, $methods[@answers]) or last;
        push @answers, $answer;
        last if $answer->{close};
    }
    close $sock;
    return wantarray ? @answers : $answers[0];
}


# The same request over HTTP/2, through curl.  Options as in request().
sub http2 {
    my ($self, $method, $target, $o) = @_;
    my ($headers, $body) = $self->_prepare($method, $target, $o);
    my $authority = $o->{authority} // $self->{authority};
    my $base = "$self->{dir}/h2-$$-" . ++$self->{h2};
    my @cmd = ('curl', '-sk', '--max-time', $self->{timeout}, '-X', $method,
        $self->{tls} ? '--http2' : '--http2-prior-knowledge',
        '--path-as-is', '--globoff',
        '--connect-to', "::$self->{host}:$self->{port}",
        '-o', "$base.out", '-D', "$base.head", @{ $self->{curl} // [] });

    push @cmd, '-I' if $method eq 'HEAD';
    for my $h (@$headers) {
        push @cmd, '-H', length $h->[1] ? "$h->[0]: $h->[1]" : "$h->[0];";
    }
    if (defined $body) {
        _spew("$base.in", $body);
        push @cmd, '--data-binary', "\@$base.in";
    }
    push @cmd, '-H', 'Content-Type:'
        if !grep { lc $_->[0] eq 'content-type' } @$headers;

    system @cmd, ($self->{tls} ? 'https' : 'http') . "://$authority$target";
    my $code = $? >> 8;
    my $head = _slurp("$base.head");
    my $out = _slurp("$base.out");
    unlink map { "$base.$_" } qw(in out head);

    my @blocks = grep { /\AHTTP/ } split /\r\n\r\n/, $head // '';
    my $answer = @blocks ? _parse_head($blocks[-1]) : return;
    $answer->{curl} = $code;
    return _finish($answer, $out // '');
}


# The headers of a signed request: Content-Digest (where there is a body),
# Signature-Input, Signature.  $sign may hold
#   key         of XC::Policy, instead of the client's
#   components  names, or identifiers with parameters in sf syntax ('"a";req')
#   created, nonce, keyid, alg, expires, tag    parameters; undef leaves out
#   label       default sig1
#   digest      sha-256 (default), sha-512; undef: none; else the value itself
#   digest_body the bytes that are digested, where not the body
#   values      {component: value} that are signed instead of the message's
#   base        sub (base) returning the bytes that are signed instead
#   raw_sig     sub (signature bytes) returning others
#   input       sub (Signature-Input's member) returning another
sub signed_headers {
    my ($self, $method, $target, $headers, $body, $sign, $authority) = @_;
    my %s = (label => 'sig1', created => int(time), digest => 'sha-256',
             nonce => random_bytes_hex(16), key => $self->{key},
             %{ $sign // {} });
    my $key = $s{key} or die 'no key to sign with';
    my @out;

    if (defined $body && defined $s{digest}) {
        push @out, ['Content-Digest',
                    content_digest($s{digest}, $s{digest_body} // $body)];
    }

    my @names = map { lc $_->[0] } @$headers, @out;
    my $has = sub { my $n = shift; scalar grep { $_ eq $n } @names };
    my @components = $s{components}
        ? @{ $s{components} }
        : ('@method', '@authority', '@path',
           ($target =~ /\?/ ? '@query' : ()),
           (grep { $has->($_) } qw(content-type content-digest
                                   xc-on-behalf-of xc-request)));
    my @ids = map { /\A"/ ? $_ : "\"$_\"" } @components;

    $s{keyid} = $key->{keyid} if !exists $s{keyid};
    my $params = '(' . join(' ', @ids) . ')';
    for my $p (qw(created expires)) {
        $params .= ";$p=$s{$p}" if defined $s{$p};
    }
    for my $p (qw(keyid nonce alg tag)) {
        $params .= ";$p=\"$s{$p}\"" if defined $s{$p};
    }
    $params = $s{input}->($params) if $s{input};

    my %value = (%{ _components($method, $target,
                                $authority // $self->{authority},
                                [@$headers, @out]) }, %{ $s{values} // {} });
    my $base = '';
    for my $i (0 .. $#ids) {
        $base .= "$ids[$i]: " . ($value{ $components[$i] } // '') . "\n";
    }
    $base .= "\"\@signature-params\": $params";
    $base = $s{base}->($base) if $s{base};

    my $sig = _sign($key, $base);
    $sig = $s{raw_sig}->($sig) if $s{raw_sig};
    return (@out, ['Signature-Input', "$s{label}=$params"],
            ['Signature', "$s{label}=:" . encode_base64($sig, '') . ':']);
}


# The value of a Content-Digest: of an algorithm, or what was given.
sub content_digest {
    my ($alg, $body) = @_;
    my $name = $digest_names{$alg} or return $alg;

    return "$alg=:" . encode_base64(digest_data($name, $body), '') . ':';
}


sub connect {
    my ($self) = @_;
    my %at = (PeerAddr => $self->{host}, PeerPort => $self->{port},
              Timeout => $self->{timeout},
              $self->{local} ? (LocalAddr => $self->{local}) : ());
    my $sock;

    if ($self->{tls}) {
        require IO::Socket::SSL;
        $sock = IO::Socket::SSL->new(%at, SSL_verify_mode => 0,
            SSL_hostname => $self->{sni} // 'platform.example',
            %{ $self->{ssl} // {} })
            or die 'connect: ' . IO::Socket::SSL::errstr() . ", $!";
    } else {
        $sock = IO::Socket::INET->new(%at) or die "connect: $!";
    }
    binmode $sock;
    return $sock;
}


# Writes all of it; false where the other side has closed.
sub write {
    my ($self, $sock, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $n = $sock->syswrite($bytes) or return 0;
        substr $bytes, 0, $n, '';
    }
    return 1;
}


# Goes away: says no more, and reads what the server still has to say until it
# hangs up.  A connection that is closed over unread bytes is reset, and takes
# what we sent with it.
sub leave {
    my ($self, $sock) = @_;

    local $SIG{PIPE} = 'IGNORE';    # TLS would still say good-bye
    CORE::shutdown $sock, 1;
    while (IO::Select->new($sock)->can_read($self->{timeout})) {
        $sock->sysread(my $bytes, 65_536) or last;
    }
    close $sock;
}


# One answer from a connection; undef at its end.  1xx answers are skipped.
sub read_answer {
    my ($self, $sock, $method) = @_;
    my $answer;

    eval {
        local $SIG{ALRM} = sub { die "timeout\n" };
        my $left = alarm $self->{timeout};
        my $began = time;
        eval {
            do {
                $answer = $self->_read_one($sock, $method // 'GET');
            } while ($answer && $answer->{status} < 200);
        };
        my $why = $@;
        # the harness's own alarm goes on where it was
        $left -= time - $began if $left;
        alarm($left && $left < 0.1 ? 0.1 : $left);
        die $why if $why;
        1;
    } or die "reading an answer: $@";
    return $answer;
}


sub _read_one {
    my ($self, $sock, $method) = @_;
    my $head = '';

    while (defined(my $line = <$sock>)) {
        last if $line eq "\r\n";
        $head .= $line;
    }
    return if $head eq '';

    my $answer = _parse_head($head);
    return $answer if $answer->{status} < 200;

    my $h = $answer->{headers};
    my $body = '';
    if ($method eq 'HEAD' || $answer->{status} =~ /\A(204|304)\z/) {
        # no body
    } elsif (lc($h->{'transfer-encoding'} // '') eq 'chunked') {
        $body = _read_chunks($sock, $answer);
    } elsif (defined $h->{'content-length'}) {
        $body = _read_n($sock, $h->{'content-length'});
        $answer->{truncated} = 1 if length $body != $h->{'content-length'};
    } else {
        local $/;
        $body = <$sock> // '';
        $answer->{close} = 1;
    }
    $answer->{close} = 1 if lc($h->{connection} // '') eq 'close';
    return _finish($answer, $body);
}


# A read of a TLS socket ends with a TLS record, and one of nothing waits.
sub _read_n {
    my ($sock, $n) = @_;
    my $bytes = '';

    while (length $bytes < $n) {
        read $sock, $bytes, $n - length $bytes, length $bytes or last;
    }
    return $bytes;
}


sub _read_chunks {
    my ($sock, $answer) = @_;
    my $body = '';

    while (defined(my $line = <$sock>)) {
        my $n = hex(($line =~ /^([0-9a-fA-F]+)/)[0] // last);
        my $chunk = _read_n($sock, $n + 2);
        last if length $chunk != $n + 2;
        return $body if $n == 0;
        $body .= substr $chunk, 0, $n;
    }
    $answer->{truncated} = $answer->{close} = 1;
    return $body;
}


sub _parse_head {
    my ($head) = @_;
    my ($first, @lines) = split /\r?\n/, $head;
    my ($status, $reason) = $first =~ m{^HTTP/[0-9.]+ ([0-9]{3}) ?(.*)$}
        or die "not an answer: $first";
    my (@raw, %h);

    for my $line (@lines) {
        my ($name, $value) = $line =~ /^([^:]+):\s*(.*?)\s*$/ or next;
        push @raw, [$name, $value];
        $name = lc $name;
        $h{$name} = defined $h{$name} ? "$h{$name}, $value" : $value;
    }
    return { status => $status + 0, reason => $reason, headers => \%h,
             raw_headers => \@raw };
}


sub _finish {
    my ($answer, $body) = @_;

    $answer->{body} = $body;
    if (($answer->{headers}{'content-type'} // '') =~ m{[/+]json}) {
        $answer->{json} = eval { $json->decode($body) };
    }
    return $answer;
}


# The list of headers, signature included, and the body as bytes.
sub _prepare {
    my ($self, $method, $target, $o) = @_;
    my $given = $o->{headers} // [];
    my @headers = ref $given eq 'HASH'
        ? map { [$_, $given->{$_}] } sort keys %$given
        : @$given;
    my $body = $o->{body};

    $body = $json->encode($body) if ref $body;
    push @headers, ['Content-Type', 'application/json']
        if defined $body && !grep { lc $_->[0] eq 'content-type' } @headers;

    if (!defined $o->{sign} || ref $o->{sign}) {
        push @headers, $self->signed_headers($method, $target, \@headers,
            $body, $o->{sign}, $o->{authority});
    }
    return ([grep { defined $_->[1] } @headers], $body);
}


# RFC 9421 2.1 and 2.2, for the components that the module knows.
sub _components {
    my ($method, $target, $authority, $headers) = @_;
    my ($path, $query) = $target =~ /\A([^?]*)(?:\?(.*))?\z/s;
    my %v;

    for my $h (@$headers) {
        my ($name, $value) = (lc $h->[0], $h->[1] // next);
        $value =~ s/\A[ \t]+|[ \t]+\z//g;
        $v{$name} = defined $v{$name} ? "$v{$name}, $value" : $value;
    }
    $authority = lc $authority;
    $authority =~ s/:(?:443|80)\z//;

    return { %v, '@method' => $method, '@authority' => $authority,
             '@path' => $path eq '' ? '/' : $path,
             '@query' => '?' . ($query // ''), '@request-target' => $target,
             '@scheme' => 'https',
             '@target-uri' => "https://$authority$target" };
}


sub _sign {
    my ($key, $base) = @_;

    return $key->{sign}->($base) if $key->{sign};
    return $key->{pk}->sign_message($base) if $key->{alg} eq 'ed25519';
    return hmac('SHA256', $key->{secret}, $base)
        if $key->{alg} eq 'hmac-sha256';
    die "no such algorithm: $key->{alg}";
}


sub _chunks {
    my ($body, $sizes) = @_;
    my @sizes = ref $sizes ? @$sizes : ();
    my $out = '';

    while (length $body) {
        my $n = shift(@sizes) // length $body;
        my $part = substr $body, 0, $n, '';
        $out .= sprintf "%x\r\n%s\r\n", length $part, $part;
    }
    return "${out}0\r\n\r\n";
}


sub _keep {
    my ($self, $o) = @_;

    return $o->{keepalive} // $self->{keepalive};
}


sub _connection {
    my ($self, $o) = @_;

    return $self->connect if !$self->_keep($o);
    return $self->{sock} //= $self->connect;
}


sub _spew {
    my ($path, $bytes) = @_;

    open my $fh, '>:raw', $path or die "$path: $!";
    print $fh $bytes;
    close $fh or die "$path: $!";
}


sub _slurp {
    my ($path) = @_;

    open my $fh, '<:raw', $path or return;
    local $/;
    return scalar <$fh>;
}

1;
