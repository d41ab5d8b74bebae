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
use utf8;

use Crypt::PK::ECC;
use Crypt::PK::RSA;
use Digest::SHA qw(sha1);
use IO::Select;
use JSON::PP;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

use XC::H2;
use XC::Policy;

my $SUBMIT = '/xc/v1/requests';
my $PATIENCE = 40;              # seconds, on a busy machine

# Of the policy that policy() makes: those whose every proper request passes.
my @steady = qw(310115 310000 000000 330000 340000 350000 360000);

# What a proper request may be answered with; 502 and 504 only while the back
# end is down, 503 only while the store of the fleet is new: t/soak.pl excuses
# them.
my $GOOD = qr/^200 -$/;

# A case: how often (of some 1000), what it does, what may come of it ("status
# reason"; reused connections and HTTP/2 may also get nothing).
my @cases = (
    good         => 330, \&_good, $GOOD,
    comes        => 20, \&_comes, qr/^(?:200 -|401 credential-unknown)$/,
    rate         => 15, \&_rate, qr/^(?:200 -|429 rate-exceeded)$/,
    quota        => 10, \&_quota, qr/^(?:200 -|429 quota-exceeded)$/,
    refused      => 200, \&_refused, undef,
    replayed     => 20, \&_replayed, undef,
    pipelined    => 40, \&_pipelined, undef,
    slow_head    => 8, \&_slow_head, $GOOD,
    slow_body    => 8, \&_slow_body, $GOOD,
    stuck_head   => 2, \&_stuck_head, qr/^(?:0|408) -$/,
    stuck_body   => 2, \&_stuck_body, qr/^(?:0|408) -$/,
    slow_reader  => 4, \&_slow_reader, $GOOD,
    aborted      => 25, \&_aborted, undef,
    left_waiting => 20, \&_left_waiting, undef,
    left_amid    => 20, \&_left_amid, undef,
    h2           => 90, \&_h2, undef,
    h2_upstream  => 30, \&_h2_upstream, undef,
    h2_reset     => 20, \&_h2_reset, undef,
    h2_goaway    => 20, \&_h2_goaway, undef,
    h2_amid      => 20, \&_h2_amid, undef,
    stall        => 4, \&_upstream, qr/^504 -$/,
    halt         => 4, \&_upstream, qr/^(?:200 -|0 -)$/,
    drop         => 12, \&_upstream, qr/^502 -$/,
    cut          => 12, \&_upstream, qr/^(?:200 -|0 -)$/,
    garbage      => 12, \&_upstream, qr/^502 -$/,
    hints        => 8, \&_upstream, qr/^502 -$/,
    header       => 8, \&_upstream, qr/^502 -$/,
    error        => 12, \&_upstream, qr/^500 -$/,
    chunked      => 15, \&_upstream, $GOOD,
    big          => 10, \&_upstream, $GOOD,
    scrape       => 30, \&_scrape, qr/^200 -$/,
);
my (@deck, %want);

my %only = map { $_ => 1 } split /,/, $ENV{XC_SOAK_CASES} // '';

while (my ($name, $weight, $do, $want) = splice @cases, 0, 4) {
    push @deck, [$name, $do, $weight] if !%only || $only{$name};
    $want{$name} = $want // qr/^$/;
}
# what the cases without one pattern are made of
$want{"$_-good"} = $GOOD for qw(replayed pipelined h2);
$want{"h2-$_"} = $want{$_} for qw(garbage hints stall drop error chunked);
$want{'h2-cut'} = qr/^0 -$/;
$want{'replayed-again'} = qr/^401 signature-replayed$/;
$want{huge} = $GOOD;

# Refusals: [method, target, options] of a client's request.
my %bad = (
    'credential-missing'   => sub { (undef, { sign => 0 }) },
    'credential-unknown'   => sub { (undef, { sign => { keyid => 'no' } }) },
    'credential-expired'   => sub { (undef, {}, 'expired') },
    'signature-invalid'    => sub { (undef, { sign => { raw_sig => sub {
        $_[0] ^ "\1" x length $_[0] } } }) },
    'signature-stale'      => sub { (undef, { sign => {
        created => int(time) - 4000 } }) },
    'signature-incomplete' => sub { (undef, { sign => {
        components => ['@method'] } }) },
    'authority-unknown'    => sub { (undef, { authority => 'x.example' }) },
    'header-reserved'      => sub { (undef, { headers => [
        ['X-XC-Agency', '000000']] }) },
    'path-invalid'         => sub { ("/xc//v1/merchants/$XC::Policy::USCC") },
    'operation-unknown'    => sub { ('/xc/v1/nothing') },
    'field-unknown'        => sub { ($_[0]->query(fields => 'a.b')) },
    'field-not-granted'    => sub { ($_[0]->query(
        fields => 'livestream.host')) },
    'field-list-missing'   => sub { ($_[0]->query(fields => undef)) },
    'purpose-not-allowed'  => sub { ($_[0]->query(purpose => 'curiosity')) },
    'request-invalid'      => sub { ($_[0]->query(request_no => 'x')) },
    'body-missing'         => sub { ($SUBMIT, { method => 'POST' }) },
    'body-invalid'         => sub { ($SUBMIT, { body => '{"a":' }) },
    'digest-mismatch'      => sub { ($SUBMIT, {
        body => $_[0]->body, sign => { digest_body => 'x' } }) },
    'media-type-unsupported' => sub { ($SUBMIT, { body => $_[0]->body,
        headers => [['Content-Type', 'text/plain']] }) },
    'body-too-large'       => sub { ($SUBMIT, {
        body => $_[0]->body(note => 'n' x 70_000) }) },
    'subject-required'     => sub { ($SUBMIT, {
        body => $_[0]->body(subjects => undef, window => undef) }) },
    'approval-required'    => sub { ($SUBMIT, {
        body => $_[0]->body(fields => ['buyer.phone']) }) },
    'approval-invalid'     => sub { ($SUBMIT, {
        body => $_[0]->body(approval => '沪市监协特〔2026〕7号') }) },
    'behalf-not-allowed'   => sub { (undef, {
        headers => [['XC-On-Behalf-Of', '310000']] }) },
    'source-not-allowed'   => sub { (undef, {}, 'elsewhere') },
    'sweep-not-authorized' => sub { ($SUBMIT, {
        body => $_[0]->body(subjects => undef) }) },
);
$want{"refused-$_"} = qr/^\d+ \Q$_\E$/ for keys %bad;


# What "status reason" a case may end with; undef: there is no such case.
sub want { $want{$_[0]} }


# The policy of the soak.  320500 comes and goes (XC::Policy's agency()),
# 320600 and 320700 have limits that are reached.
sub policy {
    my $p = XC::Policy->new(transport => 'any', signature => {
        max_age => 300, max_skew => 1, nonce => 'required' });
    my $data = $p->data;
    my %alg = (330000 => 'ecdsa-p256-sha256', 340000 => 'ecdsa-p384-sha384',
               350000 => 'rsa-pss-sha512', 360000 => 'rsa-v1_5-sha256');

    $_->{path} = "(?:/[a-z]+)?$_->{path}" for @{ $data->{operations} };
    $data->{rates}{slow} = { rate => '1r/s', burst => 2 };
    $data->{rates}{daily} = { rate => '1000r/s', burst => 100,
                              per_day => 100 };
    for my $id (sort keys %alg) {
        $p->add_agency($id, 'province', _asymmetric($p, $id, $alg{$id}));
    }
    $p->add_agency('320500', 'city', $p->ed25519('320500', '320500-1'));
    $p->add_agency('320600', 'city', $p->hmac('320600', '320600-1'),
                   rate => 'slow');
    $p->add_agency('320700', 'city', $p->hmac('320700', '320700-1'),
                   rate => 'daily');

    my $expired = $p->ed25519('expired', 'expired-1');
    $expired->{not_after} = '2020-01-01T00:00:00Z';
    my $elsewhere = $p->ed25519('elsewhere', 'elsewhere-1');
    $elsewhere->{sources} = ['203.0.113.0/24'];
    push @{ $p->agency('310115')->{credentials} }, $expired, $elsewhere;
    return $p;
}


# t (XC::Nginx), policy, seed, out (a file).  Asks until there is a file
# soak.end, or once => method; in a process of its own, whose pid it returns.
sub start {
    my ($class, %o) = @_;
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    return $pid if $pid;
    alarm 0;
    $SIG{ALRM} = 'DEFAULT';
    $SIG{$_} = 'DEFAULT' for qw(INT HUP TERM);
    my $self = bless { %o, clients => {} }, $class;
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
    for my $case (@deck) {
        next if ($at -= $case->[2]) >= 0;
        return $case->[1]->($self, $case->[0]);
    }
}


# Once: 100 MB.
sub huge {
    my ($self) = @_;

    $self->_ask('huge', $self->_client('000000', keepalive => 0),
                'GET', '/huge' . $self->{policy}->query);
}


sub _asymmetric {
    my ($p, $id, $alg) = @_;
    my $rsa = $alg =~ /^rsa/;
    my $pk = $rsa ? Crypt::PK::RSA->new : Crypt::PK::ECC->new;
    my ($bits) = $alg =~ /(\d+)\z/;

    $rsa ? $pk->generate_key(256)
         : $pk->generate_key($alg =~ /p256/ ? 'secp256r1' : 'secp384r1');
    $p->{keys}{$id} = { keyid => "$id-1", alg => $alg, sign => sub {
        return $pk->sign_message_rfc7518($_[0], "SHA$bits") if !$rsa;
        return $alg =~ /pss/
            ? $pk->sign_message($_[0], 'SHA512', 'pss', 64)
            : $pk->sign_message($_[0], 'SHA256', 'v1.5');
    } };
    return { type => 'httpsig', keyid => "$id-1", alg => $alg,
             public_key => $pk->export_key_pem($rsa ? 'public_x509'
                                                    : 'public_short') };
}


sub _client {
    my ($self, $agency, %o) = @_;

    $o{tls} //= rand() < 0.4 ? 1 : 0;
    $o{keepalive} //= rand() < 0.7 ? 1 : 0;
    # as the last: its socket may be left in any state
    return $self->{t}->client(%o, key => $self->{policy}->key($agency),
                              timeout => $PATIENCE) if !$o{keepalive};
    return $self->{clients}{"$agency $o{tls}"} //=
        $self->{t}->client(%o, key => $self->{policy}->key($agency),
                           timeout => $PATIENCE);
}


sub _any { return $_[int rand @_] }

sub _steady { return $_[0]->_client(_any(@steady), @_[1 .. $#_]) }


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


sub _upstream {
    my ($self, $name) = @_;

    $self->_ask($name, $self->_steady, $self->_proper("/$name"));
}


sub _bad {
    my ($self) = @_;
    my $code = _any(sort keys %bad);
    my ($target, $o, $agency) = $bad{$code}->($self->{policy});

    $target //= $self->{policy}->query;
    $o //= {};
    return ($code, $agency // '310115',
            delete $o->{method} // (defined $o->{body} ? 'POST' : 'GET'),
            $target, $o);
}


sub _refused {
    my ($self) = @_;
    my ($code, $agency, @request) = $self->_bad;

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
    my $client = $self->_client(_any(@steady), keepalive => 0);
    my $at = int rand 4;
    my ($bytes, @names) = '';

    for my $i (0 .. 3) {
        my ($code, $agency, @request);
        if ($i == $at) {
            ($code, $agency, @request) = $self->_bad;
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
        while (IO::Select->new($sock)->can_read($PATIENCE)
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
    my ($head, $body) = $self->_bytes($client, _any('/slow', '/big'));

    $self->_unheard($name, sub {
        my $sock = _send($client, $head . $body, 0);
        $sock->sysread(my $some, 100)
            if IO::Select->new($sock)->can_read($PATIENCE);
        $self->_hang_up($client, $sock);
    });
}


sub _scrape {
    my ($self, $name) = @_;
    my $path = _any('/status', '/metrics', '/agencies', '/page',
                    '/checkpoint', '/.well-known/xc-intake');

    $self->_ask($name, $self->_client('310115'), 'GET', $path, { sign => 0 });
}


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
                ($code, $agency, @request) = $self->_bad;
            } else {
                @request = $self->_proper;
            }
            push @names, $code ? "refused-$code" : "$name-good";
            $self->_h2_ask($h2, 2 * $i + 1, $agency // _any(@steady),
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
    my $kind = _any(qw(garbage hints stall drop error chunked cut));
    my $began = time;
    my %answers;

    my $ok = eval {
        my $h2 = $self->_h2_open;
        $self->_h2_ask($h2, 1, _any(@steady), $self->_proper("/$kind"));
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
            $self->_h2_ask($h2, $stream, _any(@steady), 'POST', $SUBMIT,
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

        $self->_h2_ask($h2, 1, _any(@steady), 'POST', $SUBMIT,
                       { body => $body }, rand);
        $h2->goaway;
    });
}


# Amid the answer, which is larger than the stream's window.
sub _h2_amid {
    my ($self, $name) = @_;
    my $prefix = _any('/big', '/slow', '/wait', '/chunked');

    $self->_h2_rude($name, sub {
        my ($h2) = @_;

        $self->_h2_ask($h2, 1, _any(@steady), 'GET',
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

use Time::HiRes qw(alarm);

use parent -norequire, 'XC::H2';


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
    alarm $PATIENCE;
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
