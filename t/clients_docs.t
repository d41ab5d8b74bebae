#!/usr/bin/perl

# The clients of docs/clients, as an agency's contractor would run them: their
# requests reach the back end of a real gate, a refusal is shown, a body that
# was changed on the way is refused, and nothing is said without TLS.

use strict;
use warnings;
use utf8;

use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);
use Test::More;

use XC::Gate;
use XC::Nginx;
use XC::Policy;

# What answers where the tool chain is there, and what it comes with.
my %clients = (
    'client.py' => {
        probe => q(/usr/bin/python3 -c 'import cryptography'),
        package => 'python3-cryptography', run => '/usr/bin/python3' },
    'Client.java' => {
        probe => 'javac -version', package => 'default-jdk-headless',
        build => 'javac -Xlint:all -Werror -d %s', run => 'java -XX:+UseSerialGC'
            . ' -XX:TieredStopAtLevel=1 -cp %s Client' },
    'client.go' => {
        probe => 'go version', package => 'golang-go',
        build => 'go build -o %s/client', run => '%s/client' },
);

delete @ENV{grep { /_proxy\z/i } keys %ENV};
my $json = JSON::PP->new->utf8;
$ENV{XC_TIMEOUT} //= 300;                # Go may build its library first
my $t = XC::Nginx->new;
my ($secret, $policy);
my @pids;

make_key();
make_policy();
$t->write_file('token.key', join('', map { chr } 0 .. 31), 0600);
$t->gate_conf(http => 'xc_token_key token.key;');
$t->run;
$t->write_file('request.json', $policy->body);
$t->write_file('refused.json',
               $policy->body(fields => ['merchant.name', 'nothing.known']));
$t->port($_) for qw(spoiler plain);

short();
late_body();

for my $name (sort keys %clients) {
    my $client = $clients{$name};
    my $run = ready($name, $client);

    SKIP: {
        skip "no $client->{package}: docs/clients/$name is not run"
             . ' (./xc deps peers)', 1 if !$run;
        used($name, $run);
    }
}

END { local $?; kill 'KILL', $_ for @pids; @pids = () }

chain_whole($t);
$t->finish;
done_testing;


# They are read before they are run.
sub short {
    my $doc = $t->read_file($t->root . '/docs/regulator.md');
    my @files = sort map { m{([^/]+)\z} } glob $t->root . '/docs/clients/*';

    is("@files", join(' ', sort keys %clients), 'every client is run');
    for my $name (@files) {
        my $text = $t->read_file($t->root . "/docs/clients/$name");
        cmp_ok($text =~ tr/\n//, '<', 110, "$name: some hundred lines");
        like($doc, qr{\]\(clients/\Q$name\E\)},
             "$name: docs/regulator.md leads to it");
    }
}


# As docs/regulator.md says.
sub make_key {
    my ($doc) = $t->read_file($t->root . '/docs/regulator.md')
                =~ /^ *(openssl genpkey .*)$/m;

    like($doc // '', qr/ -out agency\.pem$/, 'the document makes a key');
    $secret = $t->path('agency.pem');
    system("cd '@{[$t->prefix]}' && $doc 2>err") == 0 or die 'openssl';
}


sub make_policy {
    my ($public) = $t->read_file($t->root . '/docs/regulator.md')
                   =~ /^ *(openssl pkey .*)$/m;
    my $p = $t->policy;
    my $pem = `cd '@{[$t->prefix]}' && $public && cat agency.pub`;

    like($pem, qr/^-----BEGIN PUBLIC KEY-----/, 'and its public half');
    push @{ $p->data->{authorities} }, '127.0.0.1';
    push @{ $p->data->{operations} },
        { id => 'result', kind => 'result', methods => ['GET'],
          path => '/xc/v1/requests/(?<request>[0-9a-f]{32})' },
        { id => 'check', kind => 'check', methods => ['POST'],
          path => '/xc/v1/check', body => { like => 'submit' } };
    push @{ $p->agency('310115')->{credentials} },
        { type => 'httpsig', keyid => '310115-2026c', alg => 'ed25519',
          public_key => $pem };
    $policy = $t->policy($p);
}


# The command that runs it; undef: what it needs is absent.
sub ready {
    my ($name, $client) = @_;
    my $file = $t->root . "/docs/clients/$name";

    return if system("$client->{probe} >/dev/null 2>&1") != 0;
    return "$client->{run} '$file'" if !$client->{build};

    my $dir = $t->prefix;
    local @ENV{qw(GO111MODULE GOFLAGS GOCACHE)} =
        ('off', '', "$t->{build}/go");
    is(system(sprintf("$client->{build} '%s' >'%s/log' 2>&1", $dir, $file,
                      $dir)), 0, "$name: builds")
        or diag($t->read_file('log'));
    return sprintf $client->{run}, $dir;
}


# Exit status and the answer as the client printed it.
sub sent {
    my ($run, %o) = @_;
    my $url = ($o{scheme} // 'https') . '://' . ($o{host} // '127.0.0.1') . ':'
              . $t->port($o{port} // 'https') . $o{path};
    my $err = $t->path('client.err');
    my $command = "$run --url '$url' --keyid 310115-2026c --key '"
        . ($o{key} // $secret) . "'"
        . ($o{body} ? " --body '" . $t->path($o{body}) . "'" : '')
        . ($o{ticket} ? " --ticket '$o{ticket}'" : '')
        . ($o{ca} // 1 ? " --ca '" . $t->cert . ".crt'" : '');
    my $out = `$command 2>'$err'`;
    my $status = $? >> 8;
    my ($code, $head, $body)
        = $out =~ /\AHTTP (\d+)\n((?:[\w-]+:[^\n]*\n)*)\n(.*)\z/s;
    my %headers = map { /^([\w-]+): (.+)/ ? (lc $1 => $2) : () }
                  split /\n/, $head // '';

    return { status => $status, code => $code // 0, headers => \%headers,
             body => $body // '', json => eval { $json->decode($body) } // {},
             said => $out . $t->read_file($err) };
}


sub used {
    my ($name, $run) = @_;
    my $backend = $t->backend;

    $backend->forget->answer('*', { body => '{"accepted":true}',
                                    headers => [['XC-Reply', 'received']] });

    # a check first
    my $answer = sent($run, path => '/xc/v1/check', body => 'request.json');
    is("$answer->{code} " . ($answer->{json}{decision} // ''), '200 allow',
       "$name: a check") or diag($answer->{said});
    is($backend->count, 0, "$name: which goes no further");

    # allowed
    $answer = sent($run, path => '/xc/v1/requests', body => 'request.json');
    is("$answer->{code} $answer->{status}", '200 0', "$name: a submit")
        or diag($answer->{said});
    is_deeply($answer->{json}, { accepted => JSON::PP::true },
              "$name: the answer is printed");
    like($answer->{headers}{'xc-record'} // '', qr/^n1:\d+;leaf=[0-9a-f]{64}$/,
         "$name: where it is recorded");
    my ($seen) = $backend->requests;
    is($seen->{body}, $policy->body, "$name: the body arrives");

    # its result
    my $id = $seen->{h}{'x-xc-id'};
    my $ticket = $answer->{headers}{'xc-request'};
    for my $time ('once', 'again') {
        $answer = sent($run, path => "/xc/v1/requests/$id",
                       ticket => $ticket);
        is("$answer->{code} $answer->{status}", '200 0',
           "$name: its result, $time") or diag($answer->{said});
    }
    $backend->forget;

    # refused: what is wrong can be read
    $answer = sent($run, path => '/xc/v1/requests', body => 'refused.json');
    is("$answer->{code} $answer->{status}", '403 1', "$name: a refusal");
    is($answer->{json}{type}, 'urn:xc:field-unknown', "$name: its reason");
    is(join(' ', map { $_->{field} } @{ $answer->{json}{fields} }),
       'nothing.known', "$name: the field");
    like($answer->{body}, qr/"remedy_zh":"/, "$name: the remedy");

    $answer = sent($run, path => "/xc/v1/requests/$id",
                   ticket => substr($ticket, 0, -2) . 'xx');
    is($answer->{json}{type}, 'urn:xc:request-not-yours',
       "$name: a forged ticket");
    $answer = sent($run, path => '/xc/v1/requests?a=b', body => 'request.json');
    is($answer->{json}{type}, 'urn:xc:request-invalid',
       "$name: a query is signed, though this operation has none");

    # changed on the way, or held back the first time
    $answer = spoiled($run, 'body');
    is("$answer->{code} " . ($answer->{json}{type} // ''),
       '401 urn:xc:digest-mismatch', "$name: a byte of the body")
        or diag($answer->{said});
    $answer = spoiled($run, 'target');
    is("$answer->{code} " . ($answer->{json}{type} // ''),
       '401 urn:xc:signature-invalid', "$name: another path");
    is($backend->count, 0, "$name: none of them went further");

    # who is not known is not talked to
    for my $case (['no such CA', ca => 0], ['another name',
                                            host => 'localhost'])
    {
        my ($what, @o) = @$case;
        $answer = sent($run, path => '/xc/v1/requests', body => 'request.json',
                       @o);
        is($answer->{code}, 0, "$name: TLS, $what: nothing is sent");
        is($answer->{status}, 2, "$name: TLS, $what: it fails");
        like($answer->{said}, qr/\A\S+: no answer: .*(?:certificate|PKIX|x509|subject alternative)/i,
             "$name: TLS, $what: it says why") or diag($answer->{said});
    }
    is_deeply([no_answer($run)], [], "$name: nobody there: one line says so");
    is($backend->count, 0, "$name: TLS: the back end saw nothing");

    for my $scheme (qw(http HTTP)) {
        ($answer, my $heard) = overheard(sub {
            sent($run, scheme => $scheme, port => 'plain',
                 path => '/xc/v1/requests', body => 'request.json') });
        isnt($answer->{status}, 0, "$name: $scheme: it fails");
        like($answer->{said}, qr{must begin with https://},
             "$name: $scheme: it says why");
        is($heard, '', "$name: $scheme: nothing is sent");
    }

    for my $code (307, 308) {
        ($answer, my $heard) = overheard(sub { spoiled($run, $code) });
        is("$answer->{code} " . ($answer->{status} != 0), "$code 1",
           "$name: a redirection is no success") or diag($answer->{said});
        is($heard, '', "$name: nor followed, to where there is no TLS");
    }
}


# What is not as it should be where nobody listens, or the key is none that
# signs.
sub no_answer {
    my ($run) = @_;
    my @request = (path => '/xc/v1/requests', body => 'request.json');
    my @wrong;

    for my $case ([qr/refused|ConnectException/, port => 'nobody'],
                  [qr/nokey/, key => $t->path('nokey')],
                  [qr/PEM|deserialize|InvalidKey/,
                   key => $t->path('refused.json')],
                  [qr/Ed25519|InvalidKey/, key => $t->cert . '.key'])
    {
        my ($why, @o) = @$case;
        my $answer = sent($run, @request, @o);
        push @wrong, $answer
            if $answer->{status} != 2
               || $answer->{said} !~ /\A\S+: no answer: .*$why.*\n\z/;
    }
    return @wrong;
}


# What $talk returns while the first to connect to that port gets $serve.
sub served {
    my ($name, $serve, $talk) = @_;
    my $port = $t->port($name);
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 5, ReuseAddr => 1) or die "$port: $!";
    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM ALRM);
        alarm 200;
        eval { $serve->(scalar $listener->accept); 1 }
            or print {*STDERR} "# $name: $@";
        POSIX::_exit(0);
    }
    push @pids, $pid;
    close $listener;
    my $answer = $talk->();
    kill 'KILL', $pid;
    waitpid $pid, 0;
    @pids = grep { $_ != $pid } @pids;
    return $answer;
}


# What the client hears when somebody between it and the gate, with the gate's
# own certificate, changes its request, or sends it elsewhere.
sub spoiled {
    my ($run, $what) = @_;

    return served('spoiler', sub { spoil(shift, $what) }, sub {
        sent($run, port => 'spoiler', path => '/xc/v1/requests',
             body => 'request.json') });
}


# What $talk returns, and what of it went out without TLS.
sub overheard {
    my ($talk) = @_;

    $t->write_file('heard', '');
    my $answer = served('plain', sub {
        my ($sock) = @_;
        sysread $sock, my $text, 65_536;
        $t->write_file('heard', "connected\n" . ($text // ''));
        print $sock "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                    . "Connection: close\r\n\r\nok";
        $sock->close;
    }, $talk);
    return ($answer, $t->read_file('heard'));
}


sub spoil {
    my ($sock, $what) = @_;
    require IO::Socket::SSL;

    IO::Socket::SSL->start_SSL($sock, SSL_server => 1,
        SSL_cert_file => $t->cert . '.crt', SSL_key_file => $t->cert . '.key')
        or die 'TLS';
    my ($head, $body) = read_request($sock);

    if ($what =~ /^\d/) {
        print $sock "HTTP/1.1 $what x\r\nLocation: http://127.0.0.1:"
            . $t->port('plain') . "/xc/v1/requests\r\nContent-Length: 0\r\n"
            . "Connection: close\r\n\r\n";
        $sock->close;
        return;
    }
    $body =~ s/1182/1183/ if $what eq 'body';
    $head =~ s{/xc/v1/requests}{/xc/v1/check} if $what eq 'target';
    $head =~ s/\r\nConnection:[^\r]*//i;

    my $gate = IO::Socket::SSL->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port('https'), SSL_verify_mode => 0) or die 'gate';
    print $gate "$head\r\nConnection: close\r\n\r\n$body";
    my $answer = do { local $/; <$gate> };
    print $sock $answer;
    $sock->close;
}


# The head and the body of the one request that comes, however it is cut.
sub read_request {
    my ($sock) = @_;
    my $text = '';
    my $more = sub {
        sysread $sock, $text, 65_536, length $text or die 'half a request';
    };

    $more->() while index($text, "\r\n\r\n") < 0;
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($length) = $head =~ /^content-length: *(\d+)/im;
    my $whole = length($head) + 4 + ($length // 0);
    $more->() while length $text < $whole;
    return ($head, substr $text, length($head) + 4);
}


# Java sends the head first, and the body when it gets round to it.
sub late_body {
    socketpair my $reader, my $writer, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!";
    my $head = "POST / HTTP/1.1\r\nContent-Length: 10\r\nLast: " . 'x' x 99;
    my $pid = fork() // die "fork: $!";

    if (!$pid) {
        for my $part (substr($head, 0, 30), substr($head, 30), "\r\n\r\n",
                      'hello', 'world')
        {
            syswrite $writer, $part;
            select undef, undef, undef, 0.02;
        }
        POSIX::_exit(0);
    }
    close $writer;
    is_deeply([read_request($reader)], [$head, 'helloworld'],
              'a body that comes late is waited for');
    waitpid $pid, 0;
}
