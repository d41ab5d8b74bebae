#!/usr/bin/perl

# xcctl audit verify --policy: the agencies' signatures once more, from the
# records alone; and which records can't prove who wrote the request.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use JSON::PP ();
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/lib';
use XC::Client;
use XC::Log;
use XC::Policy;

my $root = abs_path(dirname(__FILE__) . '/..');
my $xcctl = $ENV{XC_XCCTL} // ($ENV{XC_BUILD} // "$root/build") . '/xcctl';
my $dir = File::Temp->newdir('xc-audit-XXXXXXXX', TMPDIR => 1);
my $json = JSON::PP->new->utf8->canonical;
my $policy = XC::Policy->new;
my $client = XC::Client->new(key => $policy->key);
my $path = "/xc/v1/merchants/$XC::Policy::USCC";
my $query = 'fields=merchant.name&request_no=R1&purpose=product_recall';

$policy->write("$dir/policy.json");


told(record(submit()), '1 verified, 0 failed, 0 can\'t', 0, 'a submit');
told(record(query()), '1 verified, 0 failed, 0 can\'t', 0, 'a query');
told(record({ %{ query() }, decision => 'deny', reason => 'rate-exceeded' }),
     '1 verified, 0 failed, 0 can\'t', 0, 'a refusal of a known agency');
told(record({ %{ query() }, agency => undef, credential => undef,
              decision => 'deny', reason => 'signature-invalid' }),
     '0 verified, 0 failed, 0 can\'t', 0, 'one of nobody');

masked();
changed();
unprovable();
long();
several();
forged();
behalf();
policies();
again();

done_testing;


sub masked {
    my $masked = record({ %{ query() },
                          uri => "/xc/v1/merchants/{subject}?$query" });

    told($masked, '0 verified, 0 failed, 1 can\'t', 0, 'a masked subject',
         qr/held a subject: give it by --subject: seq 0$/m);
    told($masked, '0 verified, 0 failed, 1 can\'t', 0, 'with another',
         qr/held a subject, and none given fits: seq 0$/m,
         '--subject', '91310000MA1FL0001N');
    told($masked, '1 verified, 0 failed, 0 can\'t', 0, 'among several', undef,
         '--subject', 'a', '--subject', $XC::Policy::USCC);
}


# The chain is made anew around each change, so that only the signature tells.
sub changed {
    my $r = submit();

    for my $case ([method => 'PUT'], [host => 'other.example'],
                  [uri => '/xc/v1/requests2'], [uri => '/xc/v1/requests?'],
                  [content_digest => 'sha-256=:' . 'A' x 43 . '=:'],
                  [covered => { 'content-type' => 'text/plain' }],
                  [agency => '310000'],
                  [signature => $r->{signature} =~ s/:(.)/':' . ($1 eq 'A' ? 'B'
                                                               : 'A')/er],
                  [signature_input => $r->{signature_input}
                                      =~ s/(nonce=")/${1}0/r],
                  [signature_input => $r->{signature_input}
                                      =~ s/ "content-digest"//r],
                  [signature_input => 'sig1=('], [signature => 'sig2=:AAAA:'])
    {
        my ($name, $value) = @$case;

        told(record({ %$r, $name => $value }), '0 verified, 1 failed, 0 can\'t',
             1, "another $name", qr/log:1: seq 0: /);
    }
}


sub unprovable {
    my $province = XC::Client->new(key => $policy->key('310000'));
    my $hmac = { %{ query($province) }, agency => '310000' };

    $hmac->{credential} = 'httpsig:' . $policy->key('310000')->{keyid};
    told(record($hmac), '0 verified, 0 failed, 1 can\'t', 0, 'HMAC',
         qr/HMAC, whose secret the platform has too: seq 0$/m);
    told(record({ %$hmac, method => 'HEAD' }), '0 verified, 1 failed', 1,
         'HMAC that does not verify');

    told(record({ %{ query() }, credential => 'mtls:ab' }),
         '0 verified, 0 failed, 1 can\'t', 0, 'a certificate',
         qr/no signature over the request: seq 0$/m);
    told(record({ %{ submit() }, covered => undef }),
         '0 verified, 0 failed, 1 can\'t', 0, 'without what it covers',
         qr/covers what the record does not hold: seq 0$/m);
    told(record({ %{ submit() }, signature => undef }),
         '0 verified, 0 failed, 1 can\'t', 0, 'without the signature',
         qr/lacks a part of the evidence: seq 0$/m);
    told(record({ %{ query() }, credential => 'httpsig:other' }),
         '0 verified, 0 failed, 1 can\'t', 0, 'a key of no policy',
         qr/no policy given has the key: seq 0$/m);

    # refused for the body that it did not have, so that none had to be covered
    my %bare = map { lc $_->[0] => $_->[1] }
               $client->signed_headers('POST', '/xc/v1/requests', []);
    my $bare = { common(\%bare), method => 'POST', uri => '/xc/v1/requests',
                 operation => 'submit' };
    told(record({ %$bare, decision => 'deny', reason => 'body-missing' }),
         '1 verified, 0 failed, 0 can\'t', 0, 'a submit without a body');
    told(record($bare), '0 verified, 1 failed', 1,
         'but not an admitted one');

    # a path that no operation has, of which the record keeps what is known
    for my $uri ('/xc/v1/{unknown}', '/xc/v1/{unknown}?{unread}') {
        told(record({ %{ query() }, uri => $uri, decision => 'deny',
                      reason => 'operation-unknown' }),
             '0 verified, 0 failed, 1 can\'t', 0, $uri,
             qr/lacks a part of the evidence: seq 0$/m);
    }

    # many of them in short
    told(chain(0, map { members({ %{ query() }, credential => $_ % 10 == 5
         ? 'httpsig:310115-2026a' : 'mtls:a' }) } 0 .. 29),
         '3 verified, 0 failed, 27 can\'t', 0, 'runs of them',
         qr/request: seq 0 to 4, 6 to 14, 16 to 24, 26 to 29$/m);
}


# The record cuts a long uri, and keeps the query apart then.
sub long {
    my $long = query(undef, "$query&case_no=" . 'x' x 2000);
    my $q = '?' . ($long->{uri} =~ /\?(.*)/)[0];

    $long->{uri} = substr $long->{uri}, 0, 1024;
    told(record($long), '0 verified, 1 failed', 1, 'a uri that was cut');
    told(record({ %$long, covered => { '@query' => $q } }),
         '1 verified, 0 failed', 0, 'with its query');
    told(record({ %$long, covered => { '@query' => $q },
                  uri => $long->{uri} =~ s/[0-9A-Z]{18}/{subject}/r }),
         '1 verified, 0 failed', 0, 'and masked', undef, '--subject',
         $XC::Policy::USCC);
}


# More than one signature, and components of every kind, from the record alone.
sub several {
    my $target = "$path?$query";
    my %value = ('"x-note";bs' => ':YSwgYg==:, :Yw==:',
                 '"priority";sf' => 'u=1, i', '"other";key="a"' => '(b c);d',
                 '"content-digest";key="sha-256"' => ':AAAA:',
                 '"@query-param";name="request_no"' => 'R1');
    my %covered = map { $_ => $value{$_} } grep { !/digest|query-param/ }
                                           keys %value;
    my @required = qw(@method @authority @path @query);
    my $sign = sub {
        my ($by, %o) = @_;
        my %h = map { lc $_->[0] => $_->[1] } $by->signed_headers('GET',
            $target, [], undef, \%o);
        return [@h{qw(signature-input signature)}];
    };
    my $record = sub {
        my ($signatures, %o) = @_;
        return { %{ query() }, covered => \%covered,
                 content_digest => 'sha-256=:AAAA:',
                 signature_input => join(', ', map { $_->[0] } @$signatures),
                 signature => join(', ', map { $_->[1] } @$signatures), %o };
    };
    my $all = $sign->($client, label => 'a', values => \%value,
                      components => [@required, sort keys %value]);
    my $plain = $sign->($client, label => 'b');
    my $proxy = $sign->($client, label => 'p', keyid => 'proxy',
                        raw_sig => sub { 'x' });

    told(record($record->([$all])), '1 verified, 0 failed', 0,
         'components of every kind');
    told(record($record->([$proxy, $all, $plain])), '1 verified, 0 failed', 0,
         'two signatures and a proxy\'s');

    for my $id (sort keys %covered) {
        told(record($record->([$all], covered => { %covered, $id => 'x' })),
             '0 verified, 1 failed', 1, "another $id");
        delete local $covered{$id};
        told(record($record->([$plain, $all])),
             '0 verified, 0 failed, 1 can\'t', 0, "without $id",
             qr/covers what the record does not hold: seq 0$/m);
    }
    told(record($record->([$all], content_digest => 'sha-256=:AAAB:')),
         '0 verified, 1 failed', 1, 'another digest');
    told(record($record->([$all], covered => { %covered,
             '"content-digest";key="sha-256"' => ':AAAA:' },
             content_digest => 'sha-256=:AAAB:')),
         '0 verified, 1 failed', 1, 'which nothing else stands for');
    told(record($record->([$all], uri => $target =~ s/R1/R2/r)),
         '0 verified, 1 failed', 1, 'another parameter');
    told(record($record->([$plain], method => 'PUT',
                          covered => { '@method' => 'GET' })),
         '0 verified, 1 failed', 1, 'another method, kept apart as well');

    my $bad = $sign->($client, label => 'c', raw_sig => sub { 'x' x 64 });
    told(record($record->([$plain, $bad])), '0 verified, 1 failed', 1,
         'one of two does not verify');
    told(record($record->([$bad, $all])), '0 verified, 1 failed', 1,
         'the first of two does not verify');
    my $other = $sign->(XC::Client->new(key => $policy->key('310000')),
                        label => 'o');
    told(record($record->([$plain, $other])), '0 verified, 1 failed', 1,
         'one of two is another agency\'s', qr/key is another agency's/);
    told(record($record->([$proxy])), '0 verified, 1 failed', 1,
         'a proxy\'s alone', qr/no signature by the key that the record/);
}


# What no gate wrote must not keep the records behind it from being looked at.
sub forged {
    my %uri = ('/xc/v1/requests?a={subject}' => '?a=b', '?x' => '',
               '{subject}' => undef, '{subject}?' => '', '?' => '?',
               '/{subject}?{subject}' => '?{subject}');
    my %absent = ('?x' => 1);

    for my $uri (sort keys %uri) {
        my %r = (%{ query() }, uri => $uri);
        $r{covered} = { '@query' => $uri{$uri} } if defined $uri{$uri};
        my $masked = !$absent{$uri}
                     && ($uri =~ s/\?.*//r . ($uri{$uri} // '')) =~ /\{subject/;
        my @want = $absent{$uri} || $masked
            ? ('1 verified, 0 failed, 1 can\'t', 0)
            : ('1 verified, 1 failed, 0 can\'t', 1);

        for my $subject ($XC::Policy::USCC, q('')) {
            told(chain(0, members(\%r), members(query())), @want,
                 "a forged uri, $uri, with the subject $subject",
                 $absent{$uri} ? qr/lacks a part of the evidence: seq 0$/m
                 : undef, '--subject', $subject);
        }
    }

    # each member as something else, and none
    my $whole = submit();
    my @odd = (undef, '', 0, 1e30, JSON::PP::true, [], {}, [[]],
               { '' => '' }, { '@query' => 1 }, '{subject}', 'x' x 5000);
    my @members = map {
        my $name = $_;
        map { members({ %$whole, $name => $_ }) } @odd;
    } sort keys %$whole;
    my @verified = map {
        my ($status, $out) = verify(chain(0, @members, @$_), '--policy',
            "$dir/policy.json", '--subject', $XC::Policy::USCC);
        is($status, 1, 'odd members: told') or diag $out;
        $out =~ /^signatures: (\d+) verified, [1-9]/m ? $1 : -1;
    } [], [members(query())];
    is($verified[1], $verified[0] + 1, 'and the verification goes on');
}


# By an intermediary: the record has to say for whom, and by whom.
sub behalf {
    my $with = XC::Policy->new;
    my @named = (['XC-On-Behalf-Of', '310115']);

    $with->add_agency('smart', 'national',
        { %{ $with->ed25519('smart', 'smart-key') },
          on_behalf_of => { level => 'county' } }, region => '000000');
    $with->write("$dir/behalf.json");

    my $smart = XC::Client->new(key => $with->key('smart'));
    my $of = sub {
        my %h = map { lc $_->[0] => $_->[1] } $smart->signed_headers('GET',
            "$path?$query", @_);
        return { common(\%h), method => 'GET', uri => "$path?$query",
                 credential => 'httpsig:smart-key', via => 'smart',
                 covered => { 'xc-on-behalf-of' => '310115' } };
    };
    my $r = $of->(\@named);
    my $bare = $of->([]);
    my $told = sub {
        my ($name, $record, $ok, $why) = @_;
        my ($status, $out) = verify(record($record), '--policy',
                                    "$dir/behalf.json");
        ok($status == !$ok && $out =~ ($ok ? qr/: 1 verified, 0 f/
                                           : qr/: 0 verified, 1 f/)
           && $out =~ $why, "intermediary: $name") or diag "$status $out";
    };

    $told->('for a county', $r, 1, qr/whole/);
    $told->('removed, the asker too',
            { %$r, via => undef, agency => 'smart' }, 0,
            qr/asks for another, and the record names no intermediary/);
    $told->('and what it covered',
            { %$r, via => undef, agency => 'smart', covered => undef }, 0,
            qr/asks for another, and the record names no intermediary/);
    $told->('removed', { %$r, via => undef }, 0, qr/key is another agency's/);
    $told->('another asker', { %$r, agency => '310000' }, 0,
            qr/does not cover the agency/);
    $told->('of no text', { %$r, via => [] }, 0, qr/key is another agency's/);
    $told->('for somebody that its signature does not name', $bare, 0,
            qr/does not cover the agency/);
    $told->('for itself', { %$bare, agency => 'smart', via => undef,
                            covered => undef }, 1, qr/whole/);
}


sub policies {
    my $other = XC::Policy->new;
    my $new = $json->decode($policy->json);
    my $records = chain(0, members(query()), members(submit()));

    $other->write("$dir/other.json");
    my ($status, $out) = verify($records, '--policy', "$dir/other.json");
    is($status, 1, 'a key of that id with another value');
    ($status, $out) = verify($records, '--policy', "$dir/other.json",
                             '--policy', "$dir/policy.json");
    is($status, 0, 'one of several policies will do');
    like($out, qr/2 verified/, 'for each record');

    # the copy that the gate keeps
    for my $c (map { @{ $_->{credentials} } } @{ $new->{agencies} }) {
        $c->{secret} = "\x{2026}" if $c->{secret};
    }
    spew("$dir/copy.json", $json->encode($new));
    ($status, $out) = verify($records, '--policy', "$dir/copy.json");
    is($status, 0, 'the copy without secrets');
    like($out, qr/2 verified/, 'serves as well') or diag $out;

    is((verify($records, '--policy', "$dir/none.json"))[0], 2, 'no file: 2');
    spew("$dir/bad.json", '{}');
    is((verify($records, '--policy', "$dir/bad.json"))[0], 2, 'no policy: 2');
}


# One signature, two admitted records: whoever has the log's key copied it.
sub again {
    my ($r, $q, $other) = (submit(), query(), query());
    my @refused = (decision => 'deny', reason => 'signature-replayed');
    my $told = sub {
        my ($name, $status, $count, $again, @r) = @_;
        my ($got, $out) = verify(chain(0, map { members($_) } @r), '--policy',
                                 "$dir/policy.json", '--subject',
                                 $XC::Policy::USCC);
        my @again = $out =~ /the signature of seq (\d+ again at seq \d+)$/mg;
        ok($got == $status && $out =~ /^signatures: \Q$count\E can't/m
           && "@again" eq $again, "again: $name") or diag "$got $out";
    };

    $told->('honest ones', 0, '3 verified, 0 failed, 0', '', $r, $q, $other);
    $told->('copied, with other members', 1, '3 verified, 1 failed, 0',
            '0 again at seq 3', $r, $q, $other,
            { %$r, id => 'b', purpose => 'other', officers => ['a'] });
    $told->('twice', 1, '1 verified, 2 failed, 0',
            '0 again at seq 1 0 again at seq 2', ($r) x 3);
    $told->('written otherwise', 1, '1 verified, 1 failed, 0',
            '0 again at seq 1', $r,
            { %$r, map { $_ => $r->{$_} =~ s/^sig1/z/r }
                   qw(signature_input signature) });
    $told->('masked', 1, '1 verified, 1 failed, 0', '0 again at seq 1', $q,
            { %$q, uri => $q->{uri} =~ s/[0-9A-Z]{18}/{subject}/r });
    $told->('a replay that was refused', 0, '3 verified, 0 failed, 0', '', $r,
            ({ %$r, @refused }) x 2);
    $told->('and one that observe let go on', 0, '2 verified, 0 failed, 0',
            '', $r, { %$r, @refused, mode => 'observe' });
    $told->('refused at first', 0, '2 verified, 0 failed, 0', '',
            { %$r, @refused }, $r);

    my @many = map { query() } 1 .. 1100;
    $told->('far behind, among many', 1, '1101 verified, 2 failed, 0',
            '0 again at seq 1101 600 again at seq 1102', $r, @many, $r,
            $many[599]);
}


sub submit {
    my $body = $json->encode({ a => 1 });
    my $type = ['Content-Type', 'application/json'];
    my %h = map { lc $_->[0] => $_->[1] } $client->signed_headers('POST',
        '/xc/v1/requests', [$type], $body);

    return { common(\%h), method => 'POST', uri => '/xc/v1/requests',
             covered => { 'content-type' => 'application/json' },
             content_digest => $h{'content-digest'} };
}


sub query {
    my ($by, $q) = @_;
    my $target = "$path?" . ($q // $query);
    my %h = map { lc $_->[0] => $_->[1] } ($by // $client)->signed_headers(
        'GET', $target, []);

    return { common(\%h), method => 'GET', uri => $target };
}


sub common {
    my ($h) = @_;

    return (id => 'a', client => '192.0.2.1', tls => 'TLSv1.3',
            host => 'platform.example', agency => '310115',
            credential => 'httpsig:' . $policy->key->{keyid},
            signature_input => $h->{'signature-input'},
            signature => $h->{signature}, decision => 'allow',
            mode => 'enforce', policy => { id => 'p', version => '1' });
}


sub members {
    my ($r) = @_;
    my %r = map { $_ => $r->{$_} } grep { defined $r->{$_} } keys %$r;

    return '"event":"decision",' . ($json->encode(\%r) =~ s/\A\{|\}\z//gr);
}


sub record { return chain(0, members($_[0])) }


sub told {
    my ($text, $want, $want_status, $name, $also, @options) = @_;
    my ($status, $out) = verify($text, '--policy', "$dir/policy.json",
                                @options);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($status eq $want_status && $out =~ /^signatures: \Q$want\E/m
       && (!$also || $out =~ $also), "$name: $want") or diag("$status $out");
}


sub verify {
    my ($text, @options) = @_;

    spew("$dir/log", $text);
    my $out = `$xcctl audit verify @options $dir/log 2>&1`;
    return ($? & 127 ? 'signal' : $? >> 8, $out);
}
