#!/usr/bin/perl

# Who asks: RFC 9421 signatures, their time and their nonce, the credential's
# validity and its addresses, and the agency's rate.

use strict;
use warnings;
use utf8;

use IO::Socket::IP;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;
use Time::HiRes qw(sleep time);

use XC::Client;
use XC::Gate;
use XC::Nginx;
use XC::Policy;

my $t = XC::Nginx->new(workers => 2);
my $policy = make_policy();
my $submit = '/xc/v1/requests';
my $ipv6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1) ? 1 : 0;

# the same agencies, and other rules for signatures
write_policy('tagged', tag => 'xc-assist');
write_policy('free', nonce => 'optional');

$t->gate_conf(servers => join '', map { server($_) } qw(tagged free),
                         $ipv6 ? 'v6' : ());
$t->run;

my $client = $t->client(tls => 0, keepalive => 1);
my $query = $policy->query;
my $now = sub { int time };

passes();
other_bytes();
components();
parameters();
window_of_time();
replays();
concurrent_replays();
without_nonce();
algorithms();
keys_and_labels();
tags();
authorities();
garbage();
mutations();
sizes();
validity();
sources();
digest_without_body();
rate();
refusals_budget();
not_charged();
log_is_clean();

chain_whole($t);
proved();
$t->finish;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;
    my $day = sub { my @t = gmtime(time + 86_400 * shift);
                    sprintf '%04d-%02d-%02dT00:00:00Z', $t[5] + 1900,
                            $t[4] + 1, $t[3] };
    my $agency = sub {
        my ($id, %o) = @_;
        my $credential = { %{ $p->ed25519($id, "$id-key") },
                           %{ $o{credential} // {} } };
        $p->add_agency($id, 'county', $credential,
                       region => '310115', parent => '310000',
                       $o{rate} ? (rate => $o{rate}) : ());
    };

    $data->{rates}{single} = { rate => '30r/m', refusals => '1000r/s' };
    $data->{rates}{few} = { rate => '1r/m', burst => 2,
                            refusals => '1000r/s' };
    $data->{rates}{patience} = { rate => '1000r/s', burst => 2,
                                 refusals => '1r/m' };

    $agency->('future', credential => { not_before => $day->(2) });
    $agency->('past', credential => { not_after => $day->(-1) });
    $agency->('valid', credential => { not_before => $day->(-1),
                                       not_after => $day->(2) });
    $agency->('here', credential => { sources => ['203.0.113.0/24',
                                                  '127.0.0.0/8'] });
    $agency->('exact', credential => { sources => ['127.0.0.1/32'] });
    $agency->('elsewhere', credential => { sources => ['203.0.113.0/24',
                                                       '127.0.0.2/32',
                                                       '2001:db8::/32'] });
    $agency->('here6', credential => { sources => ['::1/128'] });
    $agency->('elsewhere6', credential => { sources => ['2001:db8::/32',
                                                        '127.0.0.0/8'] });
    $agency->('slow', rate => 'single');
    $agency->('seldom', rate => 'few');
    $agency->('seldom2', rate => 'few');
    $agency->('wrong', rate => 'patience');

    # a second key of the county's
    push @{ $p->agency('310115')->{credentials} },
        $p->ed25519('second', '310115-2026b');
    return $t->policy($p);
}


sub write_policy {
    my ($name, %signature) = @_;
    my $data = { %{ $policy->data }, policy => $name,
                 signature => { %{ $policy->data->{signature} },
                                %signature } };

    XC::Policy::write(bless({ data => $data }, 'XC::Policy'),
                      $t->path("$name.json"));
}


sub server {
    my ($name) = @_;
    my $listen = $name eq 'v6' ? '[::1]:%%PORT_v6%% ssl'
                               : "127.0.0.1:%%PORT_$name%%";
    my $file = $name eq 'v6' ? 'policy.json' : "$name.json";

    return <<"END_SERVER";
    server {
        listen $listen;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        location / {
            xc enforce;
            xc_policy %%PREFIX%%/$file;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END_SERVER
}


sub get {
    my (%sign) = @_;

    return $client->request('GET', $query, { sign => \%sign });
}


sub post {
    my ($body, %sign) = @_;

    return $client->request('POST', $submit,
                            { body => $body, sign => \%sign });
}


# A request whose signature headers are these.
sub send_signed {
    my (@headers) = @_;

    return $client->request('GET', $query,
                            { sign => 0, headers => \@headers });
}


# Signature-Input and Signature for the query, as lists of one value.
sub signed {
    my (%sign) = @_;
    my @h = $client->signed_headers('GET', $query, [], undef, \%sign);

    return ($h[-2][1], $h[-1][1]);
}


sub of_agency {
    my ($name, %o) = @_;

    return $t->client(tls => 0, key => $policy->key($name), %o);
}


# What must pass, and leaves its evidence in the record, verbatim.
sub passes {
    my ($input, $signature) = signed();

    admitted($t, 'Ed25519',
        send_signed(['Signature-Input', $input], ['Signature', $signature]),
        record => { signature_input => $input, signature => $signature,
                    level => 'county',
                    credential => 'httpsig:310115-2026a' });
    admitted($t, 'HMAC', of_agency('310000')->request('GET', $query),
             agency => '310000',
             record => { level => 'province',
                         credential => 'httpsig:310000-2026' });
    admitted($t, 'over TLS', $t->client->request('GET', $query),
             record => { tls => qr/^TLSv1\.[23]$/ });
    admitted($t, 'more components than needed',
             $t->client->request('GET', $query, {
                 headers => [['X-A', 'b'], ['Date', 'x']],
                 sign => { components => [qw(date @method @authority @path
                     @query @target-uri @scheme @request-target x-a)] } }));
    admitted($t, 'another label', get(label => 'a-b_c.d*1'));
    admitted($t, 'another order',
             get(components => [qw(@query @path @authority @method)]));
    admitted($t, 'parameters that mean nothing here',
             get(input => sub { "$_[0];other;a=\"b\";c=1" }));
    refused($t, 'no signature', $client->request('GET', $query, { sign => 0 }),
            'credential-missing');
    refused($t, 'another scheme',
            $client->request('GET', $query, { sign => 0, headers =>
                [['Authorization', 'Bearer eyJhbGciOiJub25lIn0.e30.']] }),
            'credential-missing');
}


# Signed over something else than what was sent.
sub other_bytes {
    my %values = (
        '@method' => 'POST', '@path' => '/xc/v1/merchants/x',
        '@authority' => 'other.example',
        '@query' => '?fields=merchant.name',
    );

    for my $name (sort keys %values) {
        refused($t, "$name signed as another",
                get(values => { $name => $values{$name} }),
                'signature-invalid', detail => qr/does not verify/);
    }
    refused($t, 'the query, decoded and encoded again',
            get(values => { '@query' => '?' . (split /\?/, $query)[1]
                                              =~ s/,/%2C/r }),
            'signature-invalid');
    refused($t, 'the authority in its spelling',
            $client->request('GET', $query, {
                authority => 'Platform.Example',
                sign => { values => { '@authority' => 'Platform.Example' } } }),
            'signature-invalid');
    refused($t, 'the authority with the default port',
            get(values => { '@authority' => 'platform.example:80' }),
            'signature-invalid');
    refused($t, 'a content type of another spelling',
            post($policy->body, values => { 'content-type' => 'text/json' }),
            'signature-invalid');
    refused($t, 'another digest than the one sent',
            post($policy->body, values => { 'content-digest' =>
                XC::Client::content_digest('sha-256', 'x') }),
            'signature-invalid');
    refused($t, 'parameters in another order',
            get(base => sub { $_[0] =~ s/(;created=\d+)(;keyid="[^"]+")/$2$1/r
            }),
            'signature-invalid');
    refused($t, 'no line for the parameters',
            get(base => sub { $_[0] =~ s/\n[^\n]*\z//r }),
            'signature-invalid');
    refused($t, 'a line feed behind the base',
            get(base => sub { "$_[0]\n" }), 'signature-invalid');

    # the bytes of the signature themselves
    my %sig = (
        'one bit' => sub { $_[0] ^ "\x01" }, 'cut' => sub { substr $_[0], 1 },
        'longer' => sub { "$_[0]\0" }, 'empty' => sub { '' },
        'zeros' => sub { "\0" x 64 }, 'ones' => sub { "\xff" x 64 },
        'twice' => sub { $_[0] x 2 },
    );
    for my $name (sort keys %sig) {
        refused($t, "signature: $name", get(raw_sig => $sig{$name}),
                'signature-invalid');
        refused($t, "MAC: $name", of_agency('310000')->request('GET', $query,
                    { sign => { raw_sig => $sig{$name} } }),
                'signature-invalid');
    }
    refused($t, 'a MAC cut to half', of_agency('310000')->request('GET',
                $query, { sign => { raw_sig => sub { substr $_[0], 0, 16 } } }),
            'signature-invalid');
}


sub components {
    my @get = qw(@method @authority @path @query);
    my @post = qw(@method @authority @path content-type content-digest);

    for my $missing (@get) {
        refused($t, "a query: $missing is not covered",
                get(components => [grep { $_ ne $missing } @get]),
                'signature-incomplete',
                detail => qr/^not covered: \Q$missing\E$/);
    }
    for my $missing (@post) {
        refused($t, "a submit: $missing is not covered",
                post($policy->body,
                     components => [grep { $_ ne $missing } @post]),
                'signature-incomplete',
                detail => qr/^not covered: \Q$missing\E$/);
    }
    refused($t, 'nothing is covered', get(components => []),
            'signature-incomplete',
            detail => qr/not covered: \@method \@authority \@path \@query$/);
    refused($t, '@request-target is not @path and @query',
            get(components => [qw(@method @authority @request-target)]),
            'signature-incomplete');
    refused($t, 'no Content-Digest at all',
            $client->request('POST', $submit, { body => $policy->body,
                sign => { digest => undef,
                          components => [@post[0 .. 3]] } }),
            'signature-incomplete', detail => qr/content-digest/);
    refused($t, 'Content-Digest covered but not sent',
            $client->request('POST', $submit, { body => $policy->body,
                sign => { digest => undef, components => \@post } }),
            'signature-invalid', detail => qr/"content-digest"/);

    my %bad = (
        'twice' => [@get, '@method'],
        'a header twice' => [@get, 'host', 'host'],
        'in capitals' => [@get, 'Host'],
        'no name' => [@get, ''],
        'no field name' => [@get, 'a b'],
        'unknown' => [@get, '@other'],
        'of an answer' => [@get, '@status'],
        'of the request' => [@get[0 .. 2], '"@query";req'],
        'structured, of no known type' => [@get, '"host";sf'],
        'structured and as bytes' => [@get, '"signature";sf;bs'],
        'a key of what is no dictionary' => [@get, '"host";key="a"'],
        'a key of an item' => [@get, '"client-cert";key="a"'],
        'of the trailers' => [@get, '"host";tr'],
        'a parameter of no name' => [@get, '"@query-param"'],
        'a parameter that is not there' => [@get, '"@query-param";name="x"'],
        'twice, with parameters in another order' =>
            [@get, '"signature";key="a";sf', '"signature";sf;key="a"'],
        'the parameters themselves' => [@get, '@signature-params'],
        'not sent' => [@get, 'x-absent'],
        'too many' => [@get, map { "x-$_" } 1 .. 61],
    );
    for my $name (sort keys %bad) {
        refused($t, "a component: $name", get(components => $bad{$name}),
                'signature-invalid');
    }
    kinds_of_components(\@get, \@post);

    for my $id ('@method', '1', '?1', ':AAAA:', '("@method")') {
        refused($t, "a component: $id instead of a string",
                get(input => sub { $_[0] =~ s/\("\@method"/($id/r }),
                'signature-invalid');
    }
}


# What sf, key, bs and @query-param give, signed by another hand.
sub kinds_of_components {
    my ($get, $post) = @_;
    my $digest = XC::Client::content_digest('sha-256', '');
    my %value = (
        '"x-note";bs' => ':YSwgYg==:, :Yw==:',
        '"priority";sf' => 'u=1, i',
        '"priority";key="u"' => '1',
        '"content-digest";key="sha-256"' => $digest =~ s/^sha-256=//r,
        '"@query-param";name="fields"' => 'merchant.name',
        '"client-cert-chain";sf' => ':AAAA:, :AQID:',
    );
    my @headers = (['X-Note', 'a, b'], ['X-Note', ' c '],
                   ['Priority', 'u=1,i'], ['Content-Digest', $digest],
                   ['Client-Cert-Chain', ':AAAA:,:AQID:']);
    my @components = (@$get, sort keys %value);
    my $send = sub {
        my ($values) = @_;
        return $client->request('GET',
            $query =~ s/fields=[^&]*/fields=merchant.name/r,
            { headers => \@headers, sign => { components => \@components,
                                              values => $values } });
    };

    admitted($t, 'components with parameters', $send->(\%value),
        record => { covered => {
            map { $_ => $value{$_} } grep { !/content-digest|query-param/ }
                                     keys %value } });
    for my $id (sort keys %value) {
        refused($t, "$id, signed as another",
                $send->({ %value, $id => "$value{$id}x" }),
                'signature-invalid', detail => qr/does not verify/);
    }

    # what is read anew for them, before anybody is known
    my $long = "$query&" . join('&', map { "$_=1" } 'a' .. 'i') . '&' x 4000;
    my $many = sub {
        my ($last, $value) = @_;
        my %all = map { +qq("\@query-param";name="$_") => $value } 'a' .. $last;
        my $target = substr $long, 0, index($long, '?') + 4001;
        return $client->request('GET', $target,
            { sign => { components => [@$get, sort keys %all],
                        values => \%all } });
    };
    refused($t, '32,000 octets are read for parameters', $many->('h', '2'),
            'signature-invalid', detail => qr/^the signature does not verify$/);
    refused($t, '36,000 are not', $many->('i', '1'), 'signature-invalid',
            detail => qr/^components with parameters read over 32768 octets$/);

    for my $instead ('"content-digest";bs', '"content-digest";sf',
                     '"content-digest";key="sha-256"')
    {
        refused($t, "$instead does not stand for the digest",
            post($policy->body, components => [@$post[0 .. 3], $instead]),
            'signature-incomplete', detail => qr/: content-digest$/);
    }
    refused($t, 'a parameter does not stand for the query',
            get(components => [@$get[0 .. 2],
                               '"@query-param";name="fields"']),
            'signature-incomplete', detail => qr/: \@query$/);
}


sub parameters {
    my %missing = (created => 'created', nonce => 'nonce', keyid => 'keyid');

    for my $p (sort keys %missing) {
        refused($t, "no $p", get($p => undef), 'signature-incomplete',
                detail => qr/^$p is missing/);
    }
    refused($t, 'an empty nonce', get(nonce => ''), 'signature-incomplete',
            detail => qr/^nonce is missing/);
    refused($t, 'no parameters at all',
            get(input => sub { $_[0] =~ s/;.*//r }), 'signature-incomplete');
    refused($t, 'an empty keyid', get(keyid => ''), 'credential-unknown');

    my %type = (
        'created, a string' => sub { s/created=(\d+)/created="$1"/r },
        'created, a fraction' => sub { s/created=(\d+)/created=$1.5/r },
        'created, a token' => sub { s/created=\d+/created=now/r },
        'created, a date' => sub { s/created=(\d+)/created=\@$1/r },
        'created, no value' => sub { s/created=\d+/created/r },
        'created, too long' => sub { s/created=/created=1000000000000/r },
        'nonce, an integer' => sub { s/nonce="[^"]*"/nonce=12345/r },
        'nonce, a token' => sub { s/nonce="[^"]*"/nonce=abc/r },
        'nonce, bytes' => sub { s/nonce="[^"]*"/nonce=:YWJj:/r },
        'keyid, a token' => sub { s/keyid="[^"]*"/keyid=abc/r },
        'keyid, bytes' => sub { s/keyid="[^"]*"/keyid=:YWJj:/r },
        'alg, a token' => sub { "$_;alg=ed25519" },
        'expires, a string' => sub { "$_;expires=\"9999999999\"" },
        'expires, a flag' => sub { "$_;expires" },
        'created twice, the last of another type' =>
            sub { "$_;created=\"1\"" },
        'a parameter in capitals' => sub { s/;created/;Created/r },
    );
    for my $name (sort keys %type) {
        refused($t, $name,
                get(input => sub { local $_ = $_[0]; $type{$name}->() }),
                'signature-invalid');
    }

    admitted($t, 'a nonce of 128 bytes', get(nonce => 'n' x 96
                                             . sprintf '%032x', $$));
    refused($t, 'a nonce of 129 bytes', get(nonce => 'n' x 129),
            'signature-invalid', detail => qr/^nonce is over 128 bytes/);
    admitted($t, 'a nonce with an escaped quote',
             get(nonce => "a\\\"b$$", base => sub { $_[0] }));
}


# max_age 300, max_skew 30
sub window_of_time {
    my %stale = (
        'created too long ago' => [created => $now->() - 302],
        'created long ago' => [created => 0],
        'created before 1970' => [created => -1],
        'created in the future' => [created => $now->() + 60],
        'created in the far future' => [created => 999_999_999_999_999],
        'created in the far past' => [created => -999_999_999_999_999],
        'expired' => [expires => $now->() - 1],
        'expired long ago' => [expires => -999_999_999_999_999],
        'expired before it was created' =>
            [created => $now->(), expires => $now->() - 10],
    );
    for my $name (sort keys %stale) {
        refused($t, $name, get(@{ $stale{$name} }), 'signature-stale',
                detail => qr/the server's time is \d{4}-/);
    }
    admitted($t, 'created a while ago', get(created => $now->() - 290));
    admitted($t, 'created in the allowed future',
             get(created => $now->() + 20));
    admitted($t, 'expires later', get(expires => $now->() + 100));
    admitted($t, 'expires behind max_age', get(expires => 999_999_999_999_999));

    # the time is the last thing looked at before the signature itself
    refused($t, 'stale, and not complete',
            get(created => 0, components => [qw(@method)]),
            'signature-incomplete');
}


sub replays {
    my @h = $client->signed_headers('GET', $query, [], undef, {});

    admitted($t, 'a first time', send_signed(@h));
    refused($t, 'a second time', send_signed(@h), 'signature-replayed');
    refused($t, 'a third time, over TLS', $t->client->request('GET', $query,
                { sign => 0, headers => \@h }), 'signature-replayed');
    refused($t, 'a fourth time, over HTTP/2', $t->client->http2('GET', $query,
                { sign => 0, headers => \@h }), 'signature-replayed');
    refused($t, 'over HTTP/1.0', $t->client(tls => 0)->request('GET', $query,
                { sign => 0, headers => \@h, version => 'HTTP/1.0' }),
            'signature-replayed');

    # what counts is the nonce and the credential
    my %once = (nonce => "shared-$$");
    admitted($t, 'a nonce', get(%once));
    refused($t, 'the nonce under another signature',
            get(%once, created => $now->() - 5), 'signature-replayed');
    refused($t, 'the nonce for another operation',
            post($policy->body, %once), 'signature-replayed');
    refused($t, 'the nonce on another gate of this node',
            of_agency('310115', port => $t->port('free'))
                ->request('GET', $query, { sign => \%once }),
            'signature-replayed');
    admitted($t, 'the nonce of another credential of the agency',
             get(%once, key => $policy->key('second')),
             record => { credential => 'httpsig:310115-2026b' });
    admitted($t, 'the nonce of another agency',
             of_agency('310000')->request('GET', $query, { sign => \%once }),
             agency => '310000');
    refused($t, 'which may not use it twice either',
            of_agency('310000')->request('GET', $query, { sign => \%once }),
            'signature-replayed', agency => '310000');

    # a refusal for what was asked has burned it, one before that has not
    %once = (nonce => "burned-$$");
    refused($t, 'a bad signature under a nonce',
            get(%once, raw_sig => sub { 'x' x 64 }), 'signature-invalid');
    refused($t, 'no such operation under it',
            $client->request('GET', '/xc/none', { sign => \%once }),
            'operation-unknown');
    refused($t, 'a bad member under it',
            post($policy->body(extra => 1), %once), 'request-invalid');
    refused($t, 'and then nothing more', post($policy->body, %once),
            'signature-replayed');

    # the store outlives a reload
    %once = (nonce => "reload-$$");
    admitted($t, 'before a reload', get(%once));
    $t->reload;
    delete $client->{sock};
    refused($t, 'after a reload', get(%once), 'signature-replayed');
}


# Twenty copies at the same moment, over two workers.
sub concurrent_replays {
    for my $round (1 .. 3) {
        my $bytes = $t->client(tls => 0)->format('GET', $query, {});
        my @socks = map { $client->connect } 1 .. 20;

        $client->write($_, substr $bytes, 0, -1) for @socks;
        $client->write($_, "\n") for @socks;

        my @answers = map { $client->read_answer($_, 'GET') } @socks;
        my %count;
        $count{ $_->{status} }++ for @answers;
        is(join(' ', map { "$_:$count{$_}" } sort keys %count), '200:1 401:19',
           "20 copies at once ($round): exactly one passes");
        is($t->backend->count, 1, 'and the back end saw one');

        my ($first) = grep { $_->{status} == 200 } @answers;
        admitted($t, 'the one', $first) if $first;
        my ($other) = grep { $_->{status} == 401 } @answers;
        refused($t, 'one of the others', $other, 'signature-replayed');
    }
}


# signature.nonce: optional
sub without_nonce {
    my $free = $t->client(tls => 0, port => $t->port('free'));
    my $send = sub { $free->request('GET', $query, { sign => {@_} }) };
    my %once = (nonce => undef, created => $now->() - 3);

    admitted($t, 'no nonce where none is needed', $send->(%once));
    refused($t, 'the same request without a nonce', $send->(%once),
            'signature-replayed');
    refused($t, 'the same request under another label',
            $send->(%once, label => 'other'), 'signature-replayed');
    admitted($t, 'another second',
             $send->(%once, created => $once{created} - 1));
    refused($t, 'a request with a nonce is still one of a kind',
            do { $send->(nonce => "free-$$"); $t->backend->forget;
                 $send->(nonce => "free-$$") }, 'signature-replayed');
}


sub algorithms {
    my $public = decode_base64(
        $policy->agency('310115')->{credentials}[0]{public_key});
    my $county = $policy->key('310115');
    my $province = $policy->key('310000');

    admitted($t, 'alg repeated', get(alg => 'ed25519'));
    for my $alg ('hmac-sha256', 'rsa-pss-sha512', 'ecdsa-p256-sha256', 'none',
                 'Ed25519', '', 'sm2-sm3')
    {
        refused($t, "alg \"$alg\" for a key of Ed25519", get(alg => $alg),
                'signature-invalid',
                detail => qr/^alg is not the credential's/);
    }
    refused($t, 'alg "ed25519" for a secret',
            of_agency('310000')->request('GET', $query,
                                         { sign => { alg => 'ed25519' } }),
            'signature-invalid', detail => qr/^alg is not/);

    # the public key as a secret, with and without saying so
    for my $alg (undef, 'hmac-sha256') {
        refused($t, 'a MAC under the public key', get(alg => $alg,
                key => { %$county, alg => 'hmac-sha256',
                         secret => $public }), 'signature-invalid');
    }
    refused($t, 'a MAC under the public key in base64', get(
            key => { %$county, alg => 'hmac-sha256',
                     secret => encode_base64($public, '') }),
            'signature-invalid');
    refused($t, 'Ed25519 under the keyid of a secret',
            get(keyid => $province->{keyid}), 'signature-invalid');
    refused($t, 'another agency\'s key under this keyid',
            get(key => { %$county, pk => $policy->key('000000')->{pk} }),
            'signature-invalid');
    refused($t, 'another secret', of_agency('310000')->request('GET', $query,
                { sign => { key => { %$province, secret => 'x' x 32 } } }),
            'signature-invalid');
}


sub keys_and_labels {
    for my $keyid ('nobody', '310115-2026A', '310115-2026', '310115-2026a ',
                   '../310115-2026a', 'k' x 1000)
    {
        refused($t, 'keyid ' . substr($keyid, 0, 20), get(keyid => $keyid),
                'credential-unknown',
                detail => qr/"\Q${\ substr $keyid, 0, 64}\E" is not reg/);
    }

    my $join = sub {
        my (@pairs) = @_;
        return send_signed(
            ['Signature-Input', join ', ', map { $_->[0] } @pairs],
            ['Signature', join ', ', map { $_->[1] } @pairs]);
    };
    my $unknown = sub { [signed(label => $_[0], keyid => 'proxy-1')] };
    my $county = sub { [signed(label => $_[0])] };

    admitted($t, 'a signature of an unknown key beside',
             $join->($county->('a'), $unknown->('b')));
    admitted($t, 'a signature of an unknown key before',
             $join->($unknown->('a'), $county->('b')));
    my ($one, $two) = ($county->('x'), $unknown->('y'));
    admitted($t, 'in two lines each, in another order', send_signed(
        ['Signature-Input', $one->[0]], ['Signature', $two->[1]],
        ['Signature-Input', $two->[0]], ['Signature', $one->[1]]));
    admitted($t, 'four labels', $join->((map { $unknown->("u$_") } 1 .. 3),
                                        $county->('c')));
    refused($t, 'five labels', $join->((map { $unknown->("u$_") } 1 .. 4),
                                       $county->('c')),
            'signature-invalid', detail => qr/over 4 labels/);
    refused($t, 'unknown keys alone',
            $join->($unknown->('a'), $unknown->('b')), 'credential-unknown');
    refused($t, 'a bad signature of a registered key beside an unknown one',
            $join->($unknown->('a'), [signed(label => 'b',
                                             raw_sig => sub { 'x' x 64 })]),
            'signature-invalid');
    refused($t, 'two agencies', $join->($county->('a'),
            [signed(label => 'b', key => $policy->key('310000'))]),
            'credential-conflict', detail => qr/different agencies/);
    several_signatures($join, $county, $unknown);
    refused($t, 'one label twice', $join->($county->('a'), $unknown->('a')),
            'signature-invalid', detail => qr/label twice/);

    my ($input, $signature) = signed();
    my %bad = (
        'a label more in Signature-Input' =>
            ["$input, b=(\"\@method\");keyid=\"x\"", $signature],
        'a label more in Signature' => [$input, "$signature, b=:AAAA:"],
        'other labels' => [$input, $signature =~ s/^sig1/sig2/r],
        'a string for the bytes' => [$input, 'sig1="AAAA"'],
        'a token for the bytes' => [$input, 'sig1=AAAA'],
        'no value for the bytes' => [$input, 'sig1'],
        'an inner list for the bytes' => [$input, 'sig1=(:AAAA:)'],
        'a parameter of the bytes' => [$input, "$signature;x=1"],
        'a string for the list' => ['sig1="x";keyid="a"', $signature],
        'no value for the list' => ['sig1;keyid="a"', $signature],
        'a label in capitals' => [map { s/^sig1/Sig1/r } $input, $signature],
    );
    for my $name (sort keys %bad) {
        refused($t, $name, $join->($bad{$name}), 'signature-invalid');
    }
}


# Each counts, and each nonce is burned.
sub several_signatures {
    my ($join, $county, $unknown) = @_;
    my $second = sub { [signed(label => $_[0], key => $policy->key('second'),
                               @_[1 .. $#_])] };
    my ($one, $two) = ($county->('a'), $second->('b'));

    admitted($t, 'two keys of one agency', $join->($one, $two),
             record => { credential => 'httpsig:310115-2026a',
                         signature_input => "$one->[0], $two->[0]",
                         signature => "$one->[1], $two->[1]" });
    refused($t, 'the first of them alone, again', $join->($one),
            'signature-replayed');
    refused($t, 'the second of them alone, again', $join->($two),
            'signature-replayed');
    refused($t, 'the second beside a new one', $join->($county->('a'), $two),
            'signature-replayed');
    admitted($t, 'one key twice', $join->($county->('a'), $county->('b')));
    admitted($t, 'two keys and two proxies', $join->($unknown->('p'),
             $second->('b'), $unknown->('q'), $county->('a')),
             record => { credential => 'httpsig:310115-2026b' });

    my @same = (nonce => 'same-nonce-twice');
    refused($t, 'one key twice with one nonce',
            $join->([signed(label => 'a', @same)],
                    [signed(label => 'b', @same, expires => $now->() + 60)]),
            'signature-invalid', detail => qr/same nonce/);
    admitted($t, 'two keys with one nonce',
             $join->([signed(label => 'a', @same)], $second->('b', @same)));
    for my $bad ([raw_sig => sub { 'x' x 64 }], [base => sub { 'x' }]) {
        refused($t, 'one of two does not verify',
                $join->($county->('a'), $second->('b', @$bad)),
                'signature-invalid', detail => qr/does not verify/);
        refused($t, 'the first of two does not verify',
                $join->($second->('b', @$bad), $county->('a')),
                'signature-invalid', detail => qr/does not verify/);
    }
    refused($t, 'one of two covers too little', $join->($county->('a'),
            $second->('b', components => ['@method'])),
            'signature-incomplete');
    refused($t, 'one of two is stale',
            $join->($county->('a'), $second->('b', created => 1)),
            'signature-stale');
    refused($t, 'one of two names another algorithm',
            $join->($county->('a'), $second->('b', alg => 'hmac-sha256')),
            'signature-invalid', detail => qr/^alg /);
}


sub tags {
    my $tagged = $t->client(tls => 0, port => $t->port('tagged'));
    my $send = sub { $tagged->request('GET', $query, { sign => {@_} }) };

    admitted($t, 'the tag', $send->(tag => 'xc-assist'));
    my $answer = $send->();
    refused($t, 'no tag', $answer, 'signature-incomplete',
            detail => qr/^tag is missing or another/);
    like($answer->{headers}{'accept-signature'}, qr/;tag="xc-assist"$/,
         'the answer says which');
    challenges($tagged, $answer);
    refused($t, 'another tag', $send->(tag => 'other'),
            'signature-incomplete');
    refused($t, 'the tag as a token',
            $send->(input => sub { "$_[0];tag=xc-assist" }),
            'signature-incomplete');

    # a second signature of the agency's, for somebody else
    my @one = signed(label => 'a', tag => 'xc-assist');
    my @two = signed(label => 'b', tag => 'other');
    admitted($t, 'another tag beside', $tagged->request('GET', $query, {
        sign => 0, headers => [['Signature-Input', "$one[0], $two[0]"],
                               ['Signature', "$one[1], $two[1]"]] }));
    admitted($t, 'a tag where none is asked for', get(tag => 'other'));
}


# What a 401 tells a client to send; a strict parser takes it.
sub challenges {
    my ($tagged, $answer) = @_;
    my $h = $answer->{headers};
    my $codec = ($ENV{XC_BUILD} // $t->{root} . '/build')
                . '/unit/vector_codec';

    is($h->{'www-authenticate'}, 'Signature realm="xc"', '401: the scheme');
    is($h->{'want-content-digest'}, 'sha-256=10, sha-512=5',
       '401: the digests');
    is($h->{'accept-signature'} =~ s/nonce="[0-9a-f]{32}"/nonce/r,
       'sig=("@method" "@authority" "@path" "@query");created;nonce'
       . ';tag="xc-assist"', '401: the signature');

    SKIP: {
        skip 'the codec is not built', 2 if !-x $codec;
        for my $name (qw(accept-signature want-content-digest)) {
            my $hex = unpack 'H*', $h->{$name};
            my $said = qx(echo dictionary $hex | $codec);
            is($said =~ /^ok\t.*\t([0-9a-f]*)$/ ? pack 'H*', $1 : $said,
               $h->{$name}, "401: $name, read and written again");
        }
    }

    # what it asks for is enough, once
    my ($nonce) = $h->{'accept-signature'} =~ /nonce="(\w+)"/;
    my @sign = (sign => { nonce => $nonce, tag => 'xc-assist' });

    admitted($t, '401: its nonce', $tagged->request('GET', $query, {@sign}));
    refused($t, '401: its nonce again',
            $tagged->request('GET', $query, {@sign}), 'signature-replayed');

    $answer = $client->request('POST', $submit, {
        sign => 0, body => $policy->body,
        headers => [['Xc-On-Behalf-Of', 'x']] });
    refused($t, 'a submit without a signature', $answer, 'credential-missing');
    is($answer->{headers}{'accept-signature'} =~ s/\).*//r,
       'sig=("@method" "@authority" "@path" "content-type" "content-digest"'
       . ' "xc-on-behalf-of"', '401: what a submit covers');
}


# What the log holds of all this proves each signature once more.
sub proved {
    my $out = join '', qx(${\ $t->xcctl } audit verify --policy ${\
        $t->path('policy.json')} --subject $XC::Policy::USCC ${\
        $t->path('state/audit.log')} 2>&1);

    is($? >> 8, 0, 'the records prove what was signed') or diag($out);
    like($out, qr/^signatures: [1-9]\d* verified, 0 failed/m, 'each of them')
        or diag($out);
}


sub authorities {
    # a request that another platform received and passes on to this one
    refused($t, 'signed for another platform',
            $client->request('GET', $query, { sign => {
                values => { '@authority' => 'other.example' } } }),
            'signature-invalid');
    refused($t, 'sent as for another platform',
            $client->request('GET', $query, { authority => 'other.example' }),
            'authority-unknown');
    admitted($t, 'the port is a part of it',
             $client->request('GET', $query,
                              { authority => 'platform.example:8443' }));
    refused($t, 'signed without its port',
            $client->request('GET', $query, {
                authority => 'platform.example:8443',
                sign => { values => { '@authority' => 'platform.example' } }
            }), 'signature-invalid');
}


# Whatever stands in the two headers, the answer is a refusal with a record.
sub garbage {
    my ($input, $signature) = signed();
    my @bad = ('', ' ', ',', ';', '=', '()', '?1', '"', '"sig1"', 'sig1',
        'sig1=', 'sig1=(', 'sig1=)', 'sig1=("', 'sig1=("@method"',
        'sig1=("@method";)', 'sig1=(());keyid="a"',
        'sig1=();', 'sig1=();=1', 'sig1=();created=', 'sig1=();created=--1',
        'sig1=();created=1;', '=sig1', 'sig1==', 'sig1=:', 'sig1=::',
        'sig1=:A:', 'sig1=:AA:', 'sig1=:AAA:', 'sig1=:AAAA', 'sig1=:AA=A:',
        'sig1=:AAAA==:', 'sig1=:A A:', 'sig1=:!!!!:', 'sig1=:_-__:',
        'sig1=:=:', 'sig1=:====:', 'sig1=1234567890123456', 'sig1=1.2345',
        'sig1=?2', 'sig1=@x', 'sig1=%"', 'sig1="\\x"', "sig1=\"\xff\"",
        "sig1=\"\t\"", 'SIG1=()', '1sig=()', 'sig 1=()', 'sig1 =()',
        'sig1= ()', 'sig1=() , ', ', sig1=()', 'sig1=(),,a=()',
        'sig1=("@method"  )x', 'sig1=("a""b")', '(' x 500, ')' x 500,
        'a=(' . '"x" ' x 200 . ')', ';' x 500, ',' x 500,
        'sig1=();' . 'a=1;' x 200, join(',', map { "s$_=()" } 1 .. 100),
        "\xe5\x8f\xb7", 'keyId="x",algorithm="rsa-sha256",signature="AAAA"',
        "sig1=();created=\"\\", "\x{7f}", 'sig1=(;)', 'sig1=("@method" ;a)');

    for my $i (0 .. $#bad) {
        my $shown = $bad[$i] =~ s/[^\x20-\x7e]/./gr;
        $shown = substr($shown, 0, 30) . '...' if length $shown > 30;
        refused($t, "Signature-Input: '$shown'",
                send_signed(['Signature-Input', $bad[$i]],
                            ['Signature', $signature]), 'signature-invalid');
        refused($t, "Signature: '$shown'",
                send_signed(['Signature-Input', $input],
                            ['Signature', $bad[$i]]), 'signature-invalid');
    }
}


# One byte of a good signature's headers changed, left out or put in: never
# the back end, always a refusal by name.
sub mutations {
    my $seed = $ENV{XC_SEED} // time;
    my @bytes = (map { chr } 0x20 .. 0x7e, 0x80, 0xff);
    my (@let_in, @strange);

    srand $seed;
    for my $i (1 .. 200) {
        my @h = signed();
        my @was = @h;
        my $which = int rand 2;

        # the last digit of base64 holds bits that stand for nothing
        my $at = int rand(length($h[$which]) - 5);
        my $how = int rand 3;
        my $byte = $bytes[rand @bytes];
        substr($h[$which], $at, $how == 1 ? 0 : 1) = $how == 2 ? '' : $byte;
        next if $h[$which] eq $was[$which];

        my $answer = send_signed(['Signature-Input', $h[0]],
                                 ['Signature', $h[1]]);
        push @let_in, "$h[0] | $h[1]" if $answer->{status} == 200;
        push @strange, "$answer->{status}: $h[0] | $h[1]"
            if $answer->{status} != 200 && $answer->{status} != 401;
    }

    # what only adds a blank, or a parameter of another's, is the same thing
    @let_in = grep { !same_input($_) } @let_in;
    is(join("\n", @let_in), '', "mutations (XC_SEED=$seed): none is let in");
    is(join("\n", @strange), '', 'mutations: all refused as what they are');
    $t->backend->forget;
    sleep 1.1;              # such a flood is summarised; what follows is not
}


# Structured fields allow blanks around members and before parameters.
sub same_input {
    my ($pair) = @_;

    return $pair =~ /\A[ ]*sig1=\([ ]*"\@method"[ ]+"\@authority"
        [ ]+"\@path"[ ]+"\@query"[ ]*\)
        (?:;[ ]*(?:created=\d+|keyid="[^"]+"|nonce="[^"]+"))+[ ]*
        [ ]\|[ ][ ]*sig1=:[^:]+:[ ]*\z/x;
}


sub sizes {
    my $input_of = sub {
        my ($size) = @_;
        my $plain = length +(signed(nonce => 'n' x 32))[0];
        my $pad = $size - $plain - length ';tag=""';
        return get(nonce => sprintf('%032x', rand 2**31), tag => 'x' x $pad);
    };
    my ($input, $signature) = signed();
    my $proxy = ', b=("@method");keyid="proxy"';

    admitted($t, 'a Signature-Input of 2048 bytes', $input_of->(2048));
    refused($t, 'a Signature-Input of 2049 bytes', $input_of->(2049),
            'signature-invalid',
            detail => qr/^Signature-Input is over 2048 bytes/);
    refused($t, 'a Signature-Input of 7000 bytes', $input_of->(7000),
            'signature-invalid', detail => qr/over 2048 bytes/);
    refused($t, 'a Signature-Input over it in two lines',
            send_signed(['Signature-Input', $input],
                        ['Signature-Input', 'b=("@method");keyid="' . 'x' x
                                            2000 . '"'],
                        ['Signature', "$signature, b=:AAAA:"]),
            'signature-invalid', detail => qr/over 2048 bytes/);

    my $long = sub {
        my ($size) = @_;
        my $rest = $size - length "$signature, b=::";
        return send_signed(['Signature-Input', "$input$proxy"],
                           ['Signature', "$signature, b=:"
                            . 'A' x ($rest - $rest % 4) . ':'
                            . ' ' x ($rest % 4)]);
    };
    refused($t, 'a Signature over 1536 bytes', $long->(1541),
            'signature-invalid', detail => qr/^Signature is over 1536 bytes/);
    admitted($t, 'a Signature of nearly 1536 bytes', $long->(1536));
}


sub validity {
    refused($t, 'a credential that is not valid yet',
            of_agency('future')->request('GET', $query),
            'credential-expired', detail => qr/not valid yet/);
    refused($t, 'a credential that is no longer valid',
            of_agency('past')->request('GET', $query),
            'credential-expired', detail => qr/no longer valid/);
    admitted($t, 'a credential within its validity',
             of_agency('valid')->request('GET', $query), agency => 'valid');
    refused($t, 'a bad signature says nothing of its validity',
            of_agency('past')->request('GET', $query,
                { sign => { raw_sig => sub { 'x' x 64 } } }),
            'signature-invalid');
}


sub sources {
    for my $name (qw(here exact)) {
        admitted($t, "IPv4, sources of $name",
                 of_agency($name)->request('GET', $query), agency => $name);
    }
    for my $name (qw(elsewhere here6)) {
        refused($t, "IPv4, sources of $name",
                of_agency($name)->request('GET', $query),
                'source-not-allowed', record => { client => '127.0.0.1' });
    }
    refused($t, 'a header does not name the address',
            of_agency('elsewhere')->request('GET', $query, {
                headers => [['X-Forwarded-For', '203.0.113.5'],
                            ['X-Real-IP', '203.0.113.5'],
                            ['Forwarded', 'for=203.0.113.5']] }),
            'source-not-allowed');

  SKIP: {
        skip 'this machine has no IPv6 on its loopback', 4 if !$ipv6;

        my $v6 = sub {
            return $t->client(host => '::1', port => $t->port('v6'),
                              key => $policy->key($_[0]))
                     ->request('GET', $query);
        };
        admitted($t, 'IPv6, a credential without sources', $v6->('310115'),
                 record => { client => '::1' });
        admitted($t, 'IPv6, its address', $v6->('here6'), agency => 'here6');
        refused($t, 'IPv6, sources of IPv4 alone', $v6->('here'),
                'source-not-allowed', record => { client => '::1' });
        refused($t, 'IPv6, other sources', $v6->('elsewhere6'),
                'source-not-allowed');
    }
}


# A digest that is sent is looked at, with a body or without.
sub digest_without_body {
    my $empty = XC::Client::content_digest('sha-256', '');
    my $other = XC::Client::content_digest('sha-256', 'x');
    my @covering = qw(@method @authority @path @query content-digest);
    my $send = sub {
        my ($digest, @components) = @_;
        return $client->request('GET', $query, {
            headers => [['Content-Digest', $digest]],
            sign => @components ? { components => \@components }
                                : { components => [@covering[0 .. 3]] } });
    };

    admitted($t, 'GET with the digest of nothing', $send->($empty, @covering),
             record => { content_digest => $empty });
    admitted($t, 'GET with the digest of nothing, not covered',
             $send->($empty));
    refused($t, 'GET with another digest', $send->($other, @covering),
            'digest-mismatch');
    refused($t, 'GET with another digest, not covered', $send->($other),
            'digest-mismatch');
    refused($t, 'GET with no digest at all in it', $send->('x', @covering),
            'digest-mismatch');
}


# 30r/m without a burst: of two requests in one packet the second is too many.
sub rate {
    my $slow = of_agency('slow');
    my @bytes = map { $slow->format('GET', $query, { keepalive => 1 }) } 1, 2;
    my ($first, $second) = $slow->raw("$bytes[0]$bytes[1]", 2);

    is($t->backend->count, 1, 'rate: one of two passes');
    admitted($t, 'rate: the first', $first, agency => 'slow');
    refused($t, 'rate: the second', $second, 'rate-exceeded',
            agency => 'slow');
    my $after = $second->{headers}{'retry-after'};
    like($after, qr/^[12]$/, 'rate: Retry-After in whole seconds');

    # the very same request: a 429 has burned no nonce
    sleep $after + 0.05;
    admitted($t, 'rate: the same request, later',
             scalar $slow->raw($bytes[1]), agency => 'slow');
    refused($t, 'rate: but not twice', scalar $slow->raw($bytes[1]),
            'signature-replayed', agency => 'slow');

    # 1r/m and a burst of two
    my $seldom = of_agency('seldom');
    for my $i (1 .. 3) {
        admitted($t, "rate: $i of burst + 1", $seldom->request('GET', $query),
                 agency => 'seldom');
    }
    my $answer = $seldom->request('GET', $query);
    refused($t, 'rate: over the burst', $answer, 'rate-exceeded',
            agency => 'seldom');
    like($answer->{headers}{'retry-after'}, qr/^[1-6]?[0-9]$/,
         'rate: Retry-After of a minute at most');
    refused($t, 'rate: over TLS as well',
            $t->client(key => $policy->key('seldom'))->request('GET', $query),
            'rate-exceeded', agency => 'seldom');
    admitted($t, 'rate: another agency is not concerned', get());
}


# 1r/m and a burst of two for refusals; requests as many as one likes.
sub refusals_budget {
    my $wrong = of_agency('wrong');
    my $bad = sub { $wrong->request('POST', $submit,
                                    { body => $policy->body(extra => 1) }) };

    # before the nonce: free
    for my $i (1 .. 5) {
        refused($t, "refusals: another digest ($i)",
                $wrong->request('POST', $submit, { body => $policy->body,
                    sign => { digest_body => 'x' } }),
                'digest-mismatch', agency => 'wrong');
    }
    for my $i (1 .. 3) {
        refused($t, "refusals: $i of burst + 1", $bad->(), 'request-invalid',
                agency => 'wrong');
    }
    refused($t, 'refusals: the budget is spent', $bad->(), 'rate-exceeded',
            agency => 'wrong');
    my $answer = $wrong->request('GET', $query);
    refused($t, 'refusals: a good request has to wait, too', $answer,
            'rate-exceeded', agency => 'wrong');
    like($answer->{headers}{'retry-after'}, qr/^[1-6]?[0-9]$/,
         'refusals: Retry-After');
}


# What nobody is known to have sent costs nobody anything, and a replay
# nothing either.
sub not_charged {
    my $seldom = of_agency('seldom2');
    my $bytes = $seldom->format('GET', $query, {});
    my %o = (sign => { raw_sig => sub { 'x' x 64 } });

    for my $i (1 .. 10) {
        refused($t, "not charged: a bad signature ($i)",
                $seldom->request('GET', $query, \%o), 'signature-invalid');
    }
    admitted($t, 'not charged: the first', scalar $seldom->raw($bytes),
             agency => 'seldom2');
    for my $i (1 .. 5) {
        refused($t, "not charged: a replay ($i)", scalar $seldom->raw($bytes),
                'signature-replayed', agency => 'seldom2');
    }
    for my $i (2, 3) {
        admitted($t, "not charged: number $i", $seldom->request('GET', $query),
                 agency => 'seldom2');
    }
    refused($t, 'charged: number 4', $seldom->request('GET', $query),
            'rate-exceeded', agency => 'seldom2');
}


# Neither a credential, nor what it signed with, nor a body.
sub log_is_clean {
    my $marker = 'marker-of-a-body';
    my $secret = $policy->key('310000')->{secret};
    my @sent;

    # errors at every level that a request can reach
    $t->backend->answer($submit => { drop => 1 });
    for my $body ($policy->body(note => $marker),
                  $policy->body(note => $marker) . ',',
                  $policy->body($marker => 1),
                  $policy->body(purpose => $marker), "{\"$marker\":\"\xff\"}")
    {
        for my $agency (qw(310115 310000)) {
            my @h = $client->signed_headers('POST', $submit,
                [['Content-Type', 'application/json']], $body,
                { key => $policy->key($agency) });
            push @sent, map { $_->[1] =~ /:([^:]+):/g } @h[0, 2];
            push @sent, $h[1][1] =~ /nonce="(\w+)"/;
            $t->client(tls => 0)->request('POST', $submit, {
                body => $body, sign => 0,
                headers => [['Content-Type', 'application/json'], @h] });
        }
    }
    $client->request('GET', $query, { sign => 0, headers =>
        [['Authorization', 'Bearer secret-token'],
         ['Signature', 'sig1=:bm90aGluZw==:']] });
    $t->backend->answer($submit => undef);
    $t->backend->forget;

    like($t->error_log, qr/upstream prematurely closed/,
         'there are errors in the log');
    like($t->error_log, qr/xc: refused: body-invalid/, 'and refusals');
    nothing_leaked($t, 'the error log holds nothing of a request',
        [$marker, 'secret-token', 'bm90aGluZw', @sent,
         encode_base64($secret, ''), unpack('H*', $secret), $secret,
         map { ($_->{secret} // (), $_->{public_key} // ()) }
         map { @{ $_->{credentials} } } @{ $policy->data->{agencies} }]);
    nothing_leaked($t, 'nor the audit log a secret or a body\'s passed member',
        ['secret-token', encode_base64($secret, ''), "\"$marker\":"],
        all => 1);
}
