#!/usr/bin/env perl

# What the log proves and what it keeps to itself (CONTRACT.md section 5):
# the agencies' signatures verify from the records alone, subjects and officers
# stand there as HMACs only, each policy in effect is kept, and a silent node
# still says that it lives.

use strict;
use warnings;
use utf8;

use Crypt::PK::Ed25519;
use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;
use Time::Local qw(timegm);

use XC::Chain;
use XC::Gate;
use XC::Load;
use XC::Nginx;
use XC::Note;

my $t = XC::Nginx->new(workers => 2);
my $state = $t->state_dir;
my $policy = policy();
my $client = $t->client(tls => 0);
my $origin = 'platform.example/xc-log';
my $signer = signer($origin);
my $subject_key = 'a key for ids, of more than 32 octets';
my $keys = "key=audit.key origin=$origin subject_key=subject.key";
my $post = '/xc/v1/requests';

my @officers = qw(31000000017 31000000018);
my @subjects = ({ type => 'merchant', id => $XC::Policy::USCC },
                { type => 'order', id => 'ORDER-20261122-000042' },
                { type => 'live_room', id => '直播间-777001' });
my @ids = (@officers, map { $_->{id} } @subjects);

$t->write_file('audit.key', $signer->{pem}, 0600);
$t->write_file('subject.key', $subject_key, 0600);

signatures();
ids();
without_a_key();
policies();
modes();
heartbeat();
silence();

$t->finish;
done_testing;


# Requests that are signed in every way that a record has to keep.
sub signatures {
    fresh();
    my $headers = [['X-Case-Office', 'Pudong  branch'],
                   ['X-Twice', 'one'], ['X-Twice', 'two'],
                   ['Content-Type', 'application/json']];
    my @all = qw(@method @authority @path);
    my $long = $policy->query(legal_basis => '网' x 85, case_no => '案' x 85);
    my %sent = (
        'a query' => ['GET', $policy->query, {}],
        'a query of over 1 KiB' => ['GET', $long, {}],
        'further headers' => ['GET', $policy->query, {
            headers => [@$headers[0 .. 2], ['X-Empty', '']],
            sign => { components => [@all, '@query', 'x-case-office',
                                     'x-empty', 'x-twice'],
                      values => { 'x-empty' => '' } } }],
        'a body' => ['POST', $post, { body => $policy->body }],
        'a body and further headers' => ['POST', $post, {
            body => $policy->body, headers => $headers,
            sign => { digest => 'sha-512', label => 'agency',
                      components => [@all, 'content-digest', 'content-type',
                                     'x-twice'] } }],
        'the whole target' => ['GET', $policy->query, {
            sign => { components => [@all, '@query', '@target-uri',
                                     '@request-target', '@scheme'],
                      values => { '@scheme' => 'http', '@target-uri' =>
                          'http://platform.example' . $policy->query } } }],
        'a refusal' => ['GET', $policy->query(fields => $XC::Policy::PHONE),
                        {}],
    );
    cmp_ok(length $long, '>', 1200, 'the long query is long');

    my %decision;
    for my $name (sort keys %sent) {
        my ($method, $target, $o) = @{ $sent{$name} };
        my $answer = $client->request($method, $target, $o);
        my $d = $t->records_of($answer)->{decision};
        is($answer->{status}, $name eq 'a refusal' ? 403 : 200,
           "$name: the answer") or diag($answer->{body});
        $decision{$name} = $d // next;
        is(eval { authorship($d); 'proved' } // $@, 'proved',
           "$name: the record proves who signed it");
    }

    my $d = $decision{'a query of over 1 KiB'};
    cmp_ok(length $d->{uri}, '<=', 1024, 'over 1 KiB: the uri is cut');
    is($d->{covered}{'@query'}, $long =~ s/.*?\?/?/r,
       'over 1 KiB: the query is kept');
    $d = $decision{'a query'};
    ok(!exists $d->{covered}, 'a query: nothing is covered that no other'
                              . ' member gives');
    is($d->{uri}, $policy->query =~ s/\Q$XC::Policy::USCC\E/{subject}/r,
       'a query: the subject is masked');
    is_deeply($decision{'a body and further headers'}{covered},
              { 'content-type' => 'application/json', 'x-twice' => 'one, two' },
              'a body and further headers: covered');
    is_deeply($decision{'further headers'}{covered},
              { 'x-case-office' => 'Pudong  branch', 'x-empty' => '',
                'x-twice' => 'one, two' }, 'further headers: covered');
    is($decision{'a body'}{content_digest},
       XC::Client::content_digest('sha-256', $policy->body),
       'a body: its digest');
    $d = $decision{'a body and further headers'};
    like($d->{signature_input}, qr/^agency=\(/, 'its label is kept');

    # what a record does not prove: another line's, another path
    for my $change ([uri => '/xc/v1/requests/2'], [method => 'PUT'],
                    [host => 'other.example'], [content_digest => 'sha-256=::'],
                    [covered => { %{ $d->{covered} }, 'x-twice' => 'one' }])
    {
        ok(!eval { authorship({ %$d, @$change }); 1 },
           "with another $change->[0] it proves nothing");
    }

    my $hmac = $t->client(tls => 0, agency => '310000');
    is($hmac->request('GET', $policy->query)->{status}, 200, 'by HMAC');

    # xcctl comes to the same
    $t->stop;
    whole($t, 'signatures', n => 7);
    my $verified = keys %sent;
    my @copy = map { ('--policy', $_) } glob "$state/policies/*.json";
    my ($status, $out) = verify(@copy, '--subject', $XC::Policy::USCC);
    is($status, 0, 'xcctl verifies') or diag($out);
    like($out, qr/^signatures: $verified verified, 0 failed, 1 can't be/m,
         'xcctl: each signature, but the HMAC\'s');
    like($out, qr/HMAC, whose secret the platform has too: seq \d+$/m,
         'xcctl: and says why');
    ($status, $out) = verify(@copy);
    like($out, qr/^signatures: 2 verified, 0 failed, 6 can't be/m,
         'xcctl: without the subject only where the path has none');
    ($status, $out) = verify(@copy, '--subject', $subjects[1]{id});
    like($out, qr/^signatures: 2 verified, 0 failed, 6 can't be/m,
         'xcctl: nor with another');

    # a line changed and the chain made anew: the signature tells
    my @lines = $t->audit_lines;
    my ($at) = grep { $lines[$_] =~ /"label|agency=\(/ } 0 .. $#lines;
    $lines[$at] =~ s/"x-twice":"one, two"/"x-twice":"one, too"/
        or die 'nothing to change';
    my $forged = rechained(@lines);
    ($status, $out) = run($t->xcctl, qw(audit verify), @copy, '--subject',
                          $XC::Policy::USCC, $forged);
    like($out, qr/^signatures: @{[$verified - 1]} verified, 1 failed/m,
         'xcctl: a chain made anew fails by the signature');
    like($out, qr/forged\.log:@{[$at + 1]}: seq $at: /,
         'xcctl: which it names');
}


# HMAC-SHA256(key, type, NUL, id), and the ids nowhere.
sub ids {
    fresh();
    my $body = $policy->body(subjects => \@subjects,
        officers => [map { { certificate => $_ } } @officers]);
    my $answer = $client->request('POST', $post, { body => $body });
    is($answer->{status}, 200, 'ids: a submit') or diag($answer->{body});
    my $d = $t->records_of($answer)->{decision};
    is_deeply($d->{subjects},
              [map { { type => $_->{type}, id => mac($_->{type}, $_->{id}) } }
               @subjects], 'ids: of subjects');
    is_deeply($d->{officers}, [map { mac('officer', $_) } @officers],
              'ids: of officers');
    $d = $t->records_of($client->request('GET', $policy->query))->{decision};
    is_deeply($d->{subjects}, [{ type => 'merchant',
                                 id => mac('merchant', $XC::Policy::USCC) }],
              'ids: of a path');

    # in whatever comes to grief, too
    my $usual = $policy->query;
    my @refused = (
        ['GET', $usual, { sign => 0 }], ['PUT', $usual, {}],
        ['GET', "$usual&fields=x", {}], ['GET', "$usual&a=" . 'x' x 1500, {}],
        ['GET', $usual, { sign => { created => 1 } }],
        ['GET', $usual, { sign => { base => sub { 'x' } } }],
        ['GET', "http://platform.example$usual", { sign => 0 }],
        ['GET', $usual =~ s{/xc/}{/xc//}r, {}],
        ['POST', $post, { body => $body, sign => { digest_body => 'x' } }],
        ['POST', $post, { body => "$body x" }],
        ['POST', $post, { body => $policy->body(
            subjects => [@subjects, { type => 'nobody', id => $ids[0] }],
            fields => [$XC::Policy::PHONE]) }]);
    for my $r (@refused) {
        my $answer = $client->request(@$r);
        cmp_ok($answer->{status}, '>=', 400, "ids: refused: $answer->{status}");
    }
    $t->backend->answer('*' => { drop => 1 });
    is($client->request('GET', $usual)->{status}, 502, 'ids: no back end');
    $t->backend->answer('*' => undef);
    $t->stop;

    my @in;
    for my $file (files(), $t->path('error.log')) {
        my $text = $t->read_file($file);
        for my $id (@ids) {
            my $bytes = $id;
            utf8::encode($bytes);
            my $escaped = XC::Policy::uri_escape($id);
            push @in, "$id in $file"
                if $text =~ /\Q$bytes\E|\Q$escaped\E/i;
        }
    }
    is(join("\n", @in), '', 'ids: none in clear, anywhere');
    whole($t, 'ids', n => 3);

    # whoever has the key finds them
    my @match = ($t->xcctl, qw(audit match --subject-key),
                 $t->path('subject.key'), '--type');
    my ($status, $out) = run(@match, 'order', $subjects[1]{id},
                             "$state/audit.log");
    is($status, 0, 'ids: xcctl audit match finds one') or diag($out);
    like($out, qr/\b1\b/, 'ids: in one record');
}


sub without_a_key {
    fresh(audit => "key=audit.key origin=$origin");
    my $answer = $client->request('POST', $post,
        { body => $policy->body(subjects => \@subjects) });
    my $d = $t->records_of($answer)->{decision};
    is_deeply($d->{subjects}, [map { { type => $_->{type} } } @subjects],
              'no subject_key: types only');
    ok(!exists $d->{officers}, 'no subject_key: no officers');
    ended('no subject_key', n => 1);
}


# Under its hash, secrets out, key files taken in.
sub policies {
    my $data = $policy->data;
    my ($county, $province) = map { $policy->agency($_)->{credentials}[0] }
                              qw(310115 310000);
    my ($key, $secret) = ($county->{public_key}, $province->{secret});

    $t->write_file('310115.key', "$key\n");
    $t->write_file('310000.secret', "$secret\n", 0640);
    for my $way (qw(inline file)) {
        if ($way eq 'file') {
            $county->{public_key} = { file => '310115.key' };
            $province->{secret} = { file => '310000.secret' };
        }
        $policy->write($t->path('policy.json'));
        fresh();
        is($client->request('GET', $policy->query)->{status}, 200,
           "copies: $way: it is the key");
        my ($start) = $t->audit_records;
        my $hash = $start->{gates}[0]{policy_sha256};
        my $copy = "$state/policies/$hash.json";
        my $text = $t->read_file($copy) // '';

        is(sha256_hex($text), $hash, "copies: $way: the hash is the copy's");
        is_deeply([glob "$state/policies/*"], [$copy],
                  "copies: $way: one file");
        my $want = decode_json(JSON::PP->new->utf8->encode($data));
        $want->{agencies}[0]{credentials}[0]{public_key} =
            $way eq 'file' ? "$key\n" : $key;
        $want->{agencies}[1]{credentials}[0]{secret} = '…';
        is_deeply(decode_json($text), $want,
                  "copies: $way: the policy, keys in, secrets out");

        # nothing that would open the HMAC credential, in any file
        my $leak = join ' ', grep { index($t->read_file($_), $secret) >= 0 }
                             files(), $t->path('error.log');
        is($leak, '', "copies: $way: the secret is nowhere");
        is_deeply($start->{gates}[0]{policy}, { id => 'test',
                  version => '2026-11-22' }, "copies: $way: its version");
        rights("copies: $way");
        ended("copies: $way", n => 1);
        my ($status, $out) = verify('--policy', $copy, '--subject',
                                    $XC::Policy::USCC);
        like($out, qr/^signatures: 1 verified, 0 failed, 0 can't/m,
             "copies: $way: verifies by it");
    }
    @$county{qw(public_key)} = $key;
    @$province{qw(secret)} = $secret;
    $policy->write($t->path('policy.json'));
}


# Log, head, checkpoints, policies.
sub rights {
    my ($name) = @_;
    my ($uid, $gid) = $> == 0 ? (getpwnam $t->worker_user)[2, 3] : ($>, -1);
    my @bad;

    rename "$state/audit.log", "$state/audit.log.1" or die $!;
    $client->request('GET', $policy->query, { sign => 0 });
    $t->wait_for(sub { -s "$state/audit.log" }) or push @bad, 'no new file';

    for my $path ($state, "$state/policies", files()) {
        my ($mode, $owner) = (stat $path)[2, 4];
        my $want = -d $path ? 0750 : $path =~ m{/policies/} ? 0640 : 0600;
        push @bad, sprintf '%s: %04o', $path, $mode & 07777
            if ($mode & 07777) != $want;
        push @bad, "$path: owned by $owner" if $owner != $uid;
    }
    is(join("\n", @bad), '', "$name: rights and owners");
    my @have = map { s{\Q$state\E/}{}r } files();
    is((grep { /^(?:audit\.(?:log|log\.1|head|checkpoint|checkpoints)|xc\.map)$/ }
        @have), 6, "$name: of all files") or diag("@have");
}


# What the gates were at each time.
sub modes {
    fresh();
    my ($start) = $t->audit_records;
    my $first = $start->{gates}[0]{policy_sha256};
    is($start->{gates}[0]{mode}, 'enforce', 'modes: of the start');

    $t->reload;
    my $same = last_of('reload');
    is_deeply($same->{gates}, $start->{gates}, 'modes: reloaded, the same');

    $policy->data->{version} = '2026-11-23';
    $policy->write($t->path('policy.json'));
    $t->reload;
    $t->wait_for(sub { last_of('reload')->{seq} != $same->{seq} });
    my $changed = last_of('reload');
    my $second = $changed->{gates}[0]{policy_sha256};
    isnt($second, $first, 'modes: another policy, another hash');
    is($changed->{gates}[0]{policy}{version}, '2026-11-23',
       'modes: another version');
    is_deeply([sort map { m{([0-9a-f]+)\.json$} } glob "$state/policies/*"],
              [sort $first, $second], 'modes: both are kept');

    configure(location => '} location /more { xc enforce; xc_policy %%POLICY%%;');
    $t->reload;
    $t->wait_for(sub { last_of('reload')->{seq} != $changed->{seq} });
    is(@{ last_of('reload')->{gates} }, 2, 'modes: a gate more');
    ended('modes');

    my ($status, $out) = verify();
    is($status, 0, 'modes: verify') or diag($out);
    like($out, qr/gate \S+ \S+: policy was test 2026-11-22, now test 2026-11-23/,
         'modes: verify tells another version');
    like($out, qr/gate \S+ \S+: policy_sha256 was $first, now $second/,
         'modes: and another hash');
    like($out, qr/gate \S+ \/more: new, mode enforce/, 'modes: and a new gate');
    is(() = $out =~ /: gate /g, 3, 'modes: and nothing else') or diag($out);

    $policy->data->{version} = '2026-11-22';
    $policy->write($t->path('policy.json'));
}


# In silence only, and of all workers one.  Workers don't wait for each other's
# lines: of two that look before the one's is written, both write.  If each
# wrote its own, no three in a row would stand alone.
sub heartbeat {
    fresh(audit => "$keys heartbeat=1s");
    my $beats = sub { grep { $_->{event} eq 'heartbeat' } $t->audit_records };
    my $alone = sub {
        my ($last, $row) = (0, 0);

        for my $record ($t->audit_records) {
            $row = $record->{event} ne 'heartbeat'
                   || micros($record) - $last < 900_000 ? 0 : $row + 1;
            return 1 if $row == 3;
            $last = micros($record);
        }
        return 0;
    };
    ok($t->wait_for(sub { $beats->() >= 2 }), 'heartbeat: in silence');
    ok($t->wait_for($alone, 30), 'heartbeat: of one worker only')
        or diag(map { "$_->{event} $_->{time}\n" } $t->audit_records);
    my $load = XC::Load->new($t, 2);
    $t->wait_for(sub { (() = $load->answers) >= 1 });
    my $from = @{ [$t->audit_lines] };
    my $until = micros(($t->audit_records)[-1]) + 2_500_000;
    $t->wait_for(sub { micros(($t->audit_records)[-1]) > $until });
    my @answers = $load->end;
    my @all = ended('heartbeat', answers => \@answers);
    my $n = grep { $_->{event} eq 'heartbeat' } @all;

    cmp_ok($n, '>=', 2, 'heartbeat: they stand in the log');
    # the moment at which the load begins is anybody's
    my @early = grep { $all[$_]{event} eq 'heartbeat' && $_ > $from
                       && !after_silence(\@all, $_) } 1 .. $#all;
    is("@early", '', 'heartbeat: none while records flow');
    is((grep { keys %$_ > 7 && $_->{event} eq 'heartbeat' } @all), 0,
       'heartbeat: has no members of its own');
}


# Whether a second of silence had just ended where that record was written, on a
# machine that stood still: right before it, or before what another worker wrote
# when it woke.
sub after_silence {
    my ($all, $at) = @_;
    my $until = micros($all->[$at]);

    for my $i (reverse 1 .. $at) {
        my $t = micros($all->[$i]);

        return 0 if $until - $t >= 900_000;
        return 1 if $t - micros($all->[$i - 1]) >= 900_000;
    }
    return 0;
}


# A node that stood still is told of.
sub silence {
    fresh(audit => "$keys heartbeat=1s");
    my @workers = $t->worker_pids;
    kill 'STOP', @workers;
    select undef, undef, undef, 3.2;
    kill 'CONT', @workers;
    $client->request('GET', $policy->query);
    ended('silence', n => 1);
    my ($status, $out) = verify();
    is($status, 0, 'silence: no fault');
    like($out, qr/: no record for (?:[3-9]|\d\d+) s since \S+, though a heartbeat is due every 1 s/,
         'silence: but told');
}


# The sample, and what these tests ask for beyond it.
sub policy {
    my $p = $t->policy(transport => 'any');

    $p->operation('merchant')->{query}{legal_basis} = 'legal_basis';
    delete $p->data->{purposes}{case_investigation}{requires};
    $p->write($t->path('policy.json'));
    return $p;
}


sub fresh {
    my (%o) = @_;

    $t->stop;
    system 'rm', '-rf', $state;
    $t->write_file('error.log', '') if -e $t->path('error.log')
                                       && $t->error_log !~ /\[(?:alert|emerg|crit)\]/;
    $t->backend->forget;
    delete $t->{gate_records};
    configure(%o);
    $t->run;
}


sub configure {
    my (%o) = @_;

    $t->gate_conf(%o, audit => 'node=n1 ' . ($o{audit} // $keys));
}


sub ended {
    my ($name, %o) = @_;

    $t->stop;
    return whole($t, $name, %o);
}


sub last_of {
    my ($event) = @_;

    return (grep { $_->{event} eq $event } $t->audit_records)[-1]
           // { seq => -1 };
}


sub mac {
    my ($type, $id) = @_;

    utf8::encode($id);
    return hmac_sha256_hex("$type\0$id", $subject_key);
}


# All files of the state directory.
sub files { grep { -f } glob "$state/* $state/policies/*" }


sub micros {
    my ($record) = @_;
    my ($y, $mo, @d) = $record->{time}
        =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z$/ or die 'no time';

    return timegm(reverse($y, $mo - 1, @d[0 .. 3])) * 1_000_000 + $d[4];
}


# The lines with a chain of their own.
sub rechained {
    my @lines = @_;
    my $prev = '0' x 64;

    for my $line (@lines) {
        $line =~ s/"prev":"[0-9a-f]+"/"prev":"$prev"/;
        $prev = sha256_hex("\0$line");
    }
    return $t->write_file('forged.log', join '', map { "$_\n" } @lines);
}


# RFC 9421 from the record, and from the policy's copy that it was decided by:
# dies with what is wrong.
sub authorship {
    my ($r) = @_;
    my $copies = JSON::PP->new->utf8;
    my ($keyid) = $r->{credential} =~ /^httpsig:(.+)$/ or die "no credential\n";
    my ($key) = map { $_->{public_key} } grep { ($_->{keyid} // '') eq $keyid }
                map { @{ $_->{credentials} } }
                map { @{ $copies->decode($t->read_file($_))->{agencies} } }
                glob "$state/policies/*.json";
    my ($label, $params, $list) =
        $r->{signature_input} =~ /^(\w+)=(\(([^)]*)\).*)$/
        or die "no signature_input\n";
    my ($signature) = $r->{signature} =~ /^\Q$label\E=:(.+):$/
        or die "no signature\n";
    my $uri = $r->{uri} =~ s/\{subject\}/$XC::Policy::USCC/r;
    my ($path, $query) = $uri =~ /^([^?]*)(.*)$/;
    my $scheme = defined $r->{tls} ? 'https' : 'http';

    my %covered = %{ $r->{covered} // {} };
    $query = $covered{'@query'} // $query;
    my %value = (
        '@method' => $r->{method}, '@authority' => $r->{host},
        '@path' => $path, '@query' => $query, '@scheme' => $scheme,
        '@request-target' => $path . $query,
        '@target-uri' => "$scheme://$r->{host}$path$query",
        'content-digest' => $r->{content_digest}, %covered);
    my $base = '';
    for my $name ($list =~ /"([^"]+)"/g) {
        $base .= "\"$name\": " . ($value{$name} // die "no $name\n") . "\n";
    }
    $base .= "\"\@signature-params\": $params";

    my $pk = Crypt::PK::Ed25519->new;
    $pk->import_key_raw(decode_base64($key // die "no key\n"), 'public');
    $pk->verify_message(decode_base64($signature), $base)
        or die "does not verify: $base\n";
}


sub verify { run($t->xcctl, qw(audit verify --key), $signer->{vkey}, @_,
                 log_files($t)) }


# Exit status and all output.
sub run {
    my @command = @_;

    open my $out, '-|', "exec @{[map { quotemeta } @command]} 2>&1"
        or die "$command[0]: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8 || $? & 127, $text);
}
