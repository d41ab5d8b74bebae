#!/usr/bin/env perl

# xcctl policy: check, explain and replay (CONTRACT.md section 7).  What
# explain says is what a gate under the same policy answers, request by
# request; replay runs over the log that this gate wrote, under policies that
# were edited in one place each.

use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use Encode qw(decode);
use File::Basename qw(dirname);
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use POSIX qw(strftime);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/lib';
use XC::Gate;
use XC::Log;
use XC::Nginx;

my $t = XC::Nginx->new;
my $json = JSON::PP->new->utf8->canonical;
my $post = '/xc/v1/requests';
my $case = '沪市监案〔2026〕310号';
my $given = '沪市监协特〔2026〕7号';
my $ended = '沪市监协特〔2025〕1号';
my $others = '浙市监协特〔2026〕2号';
my $subjects = '沪市监协特〔2026〕8号';
my $second = { type => 'order', id => 'ORDER-20261122-000042' };
my $policy = policy();
my $state = $t->state_dir;
my %asked;                              # name: {case, answer, seq}
my $log;

checked();
asked();
agency();
usage();
same();
edited();
untold();
moments();
unreadable();

$t->finish;
done_testing;


# Faults with their places, warnings behind them; three exit statuses.
sub checked {
    my $file = $t->path('checked.json');
    my $whole = $policy->json;

    my ($status, $out) = run('check', $t->path('policy.json'));
    is($status, 0, 'check: a policy that loads') or diag $out;
    like($out, qr/policy\.json:\d+:\d+: warning: agencies\[\d\]\.\S+: /,
         'warnings have their places');
    like($out, qr/loads: policy test .* approvals 4, warnings \d/,
         'and the sum');

    my $bad = $whole =~ s/"level" : "county"/"level" : "parish"/r
                     =~ s/"id" : "000000"/"id" : "0 0"/r;
    spew($file, $bad);
    ($status, $out) = run('check', $file);
    is($status, 1, 'check: faults');

    my @lines = split /\n/, $bad;
    my %at;
    for my $path (qw(agencies[0].level agencies[2].id)) {
        my ($line, $column) =
            $out =~ /^\Q$file\E:(\d+):(\d+): \Q$path\E: /m;
        $at{$path} = $line && substr $lines[$line - 1], $column - 1;
    }
    like($at{'agencies[0].level'}, qr/^"level" : "parish"/,
         'each by line and column');
    like($at{'agencies[2].id'}, qr/^"id" : "0 0"/, 'all at once');
    like($out, qr/checked\.json: does not load: faults [2-9]/, 'and the sum');
    ok(index($out, 'agencies[2].id') < (index($out, 'warning:') + 1 || 1e9) - 1,
       'faults come before warnings');

    # a member that is not there is told by what is above it
    my %less = %{ $json->decode($whole) };
    delete $less{agencies}[1]{name};
    spew($file, JSON::PP->new->utf8->canonical->pretty->encode(\%less));
    ($status, $out) = run('check', $file);
    my ($line) =
        $out =~ /checked\.json:(\d+):\d+: agencies\[1\]\.name: required/;
    is((split /\n/, slurp($file))[($line // 1) - 1], '      {',
       'what is missing is told by its object');

    # names that are no words, in one line
    delete $less{agencies}[1];
    $less{fields}{'merchant.name'}{standard} = 'yes';
    spew($file, $json->encode(\%less));
    ($status, $out) = run('check', $file);
    ($line, my $column) = $out =~
        /:(\d+):(\d+): fields\["merchant\.name"\]\.standard: /;
    is($line, 1, 'a policy in one line');
    like(substr(slurp($file), ($column // 1) - 1), qr/^"standard":"yes"/,
         'has columns');

    spew($file, substr $whole, 0, 100);
    ($status, $out) = run('check', $file);
    is($status, 1, 'check: no JSON');
    like($out, qr/checked\.json: not strict JSON: line \d+, column \d+/,
         'and where');
    is((run('check', $t->path('nothing')))[0], 2, 'check: no such file');
}


# The gate answers; explain says the same, and by which rule.
sub asked {
    $t->backend;
    $t->write_file('subject.key', 'a key for ids of more than 32 octets', 0600);
    $t->write_file('token.key', 'k' x 32, 0600);
    $t->gate_conf(audit => 'node=n1 subject_key=subject.key',
                  location => 'xc_token_key token.key;');
    $t->run;

    my @cases = (
        ['standard fields', {}],
        ['a field without an approval',
         { fields => ['merchant.name', $XC::Policy::PHONE] },
         'approval-required', qr/^fields\["buyer\.phone"\]\.standard$/],
        ['a field with an approval',
         { fields => ['merchant.name', $XC::Policy::PHONE],
           approval => $given }],
        ['an approval for another case',
         { fields => [$XC::Policy::PHONE], approval => $given,
           case_no => '沪市监案〔2026〕311号' },
         'approval-invalid', qr/^approvals\[0\]\.case_no$/],
        ['an approval that lacks a field',
         { fields => [$XC::Policy::PHONE, 'merchant.bank_account'],
           approval => $given },
         'approval-invalid', qr/^approvals\[0\]\.fields$/],
        ['an approval that has ended',
         { fields => [$XC::Policy::PHONE], approval => $ended },
         'approval-invalid', qr/^approvals\[1\]\.not_after$/],
        ['an approval of another agency',
         { fields => [$XC::Policy::PHONE], approval => $others },
         'approval-invalid', qr/^approvals\[2\]\.agency$/],
        ['an approval that nobody knows',
         { fields => ['merchant.name'], approval => '沪市监协特〔2026〕99号' },
         'approval-invalid', qr/^approvals$/],
        ['an approval for subjects',
         { fields => ['merchant.bank_account'], approval => $subjects }],
        ['an approval for other subjects',
         { fields => ['merchant.bank_account'], approval => $subjects,
           subjects => [$second] },
         'approval-invalid', qr/^approvals\[3\]\.subjects$/],
        ['an unknown field', { fields => ['merchant.name', 'merchant.nmae'] },
         'field-unknown', qr/^fields$/],
        ['a field not granted',
         { fields => ['merchant.name', 'livestream.host'] },
         'field-not-granted', qr/^agencies\[0\]\.grants$/],
        ['three faults', { fields => ['livestream.host', 'x.y',
                                      $XC::Policy::PHONE, 'merchant.name'] },
         'field-unknown', qr/^fields$/],
        ['a sweep', { subjects => undef, fields => ['goods.title'] },
         'sweep-not-authorized', qr/^agencies\[0\]\.grants$/],
        ['a sweep by a province',
         { subjects => undef, fields => ['goods.title'] }, undef, undef,
         '310000'],
        ['a sweep for more than goods',
         { subjects => undef, fields => ['goods.title', 'merchant.name'] },
         'sweep-not-authorized', qr/^grants\.sweep\.groups$/, '310000'],
        ['a sweep whose authorisation has ended',
         { subjects => undef, fields => ['goods.title'] },
         'sweep-not-authorized', qr/^agencies\[3\]\.grants\[1\]\.not_after$/,
         '330000'],
        ['a grant that has ended', { fields => ['livestream.host'] },
         'field-not-granted', qr/^agencies\[3\]\.grants\[2\]\.not_after$/,
         '330000'],
        ['the national agency', { fields => [$XC::Policy::PHONE] }, undef,
         undef, '000000'],
        ['no subject', { subjects => undef, window => undef },
         'subject-required', undef],
        ['another purpose', { purpose => 'curiosity' },
         'purpose-not-allowed', qr/^purposes$/],
        ['another purpose, and a field too much',
         { purpose => 'curiosity', fields => [$XC::Policy::PHONE] },
         'purpose-not-allowed', qr/^purposes$/],
        ['what the purpose requires', { case_no => undef },
         'request-invalid', qr/^purposes\.case_investigation\.requires$/],
        ['another form of number', { request_no => '7' },
         'request-invalid', qr/^patterns\.request_no$/],
        ['a member that is not mapped', { colour => 'red' },
         'request-invalid', qr/^operations\[0\]\.body$/],
        ['no fields', { fields => [] }, 'field-list-missing',
         qr/^operations\[0\]\.body$/],
        ['an order', { subjects => [$second] }],
    );

    for my $c (@cases) {
        my ($name, $over, $reason, $path, $who) = @$c;
        my $body = $policy->body(%$over);
        my $answer = $t->client(tls => 0, agency => $who // '310115')
                       ->request('POST', $post, { body => $body });

        $asked{$name} = keep($answer);
        explained($name, $answer, $reason, $path, $who // '310115', $body);
    }

    queries();
    token();
    foretold();
    resulted();
    intermediary();
    $t->stop;
    $log = slurp("$state/audit.log");
}


# The same decision by both: status, reason, every refused field with its
# reason, its basis and remedy.
sub explained {
    my ($name, $answer, $reason, $path, $who, $body, @more) = @_;
    my @request;

    if (defined $body) {
        spew($t->path('body.json'), $body);
        @request = (@more ? '--body' : '--request', $t->path('body.json'));
    }
    my ($status, $out) = run('explain', $t->path('policy.json'), '--json',
                             '--agency', $who, @request, @more);
    my $e = eval { $json->decode($out) } or return fail("$name: $out");
    my $a = $answer->{json} // {};

    is($status, defined $reason ? 1 : 0, "$name: explain's exit status");
    is($answer->{status} < 300 ? 'allow' : $a->{type},
       defined $reason ? "urn:xc:$reason" : 'allow', "$name: the gate");
    is_deeply(
        [@$e{qw(decision reason basis detail detail_zh remedy_zh)}],
        defined $reason
        ? ['deny', $reason, @$a{qw(basis detail detail_zh remedy_zh)}]
        : ['allow', (undef) x 5],
        "$name: explain says the same");
    my @refused = map { my %r = %$_; delete @r{qw(by granted)}; \%r }
                  grep { !$_->{granted} } @{ $e->{fields} };
    is_deeply(\@refused, $a->{fields} // [], "$name: of the same fields");
    is(scalar(grep { !@{ $_->{by} } } @{ $e->{fields} }), 0,
       "$name: each by a rule");
    if ($path) {
        like($e->{by}[0], $path, "$name: by its member");
    } elsif (defined $reason) {
        is_deeply($e->{by}, [], "$name: by no member");
    }

    my ($again, $text) = run('explain', $t->path('policy.json'), '--agency',
                             $who, @request, @more);
    is($again, $status, "$name: as text");
    like($text, defined $reason
         ? qr/^decision     refused: \Q$reason\E \($answer->{status}, /m
         : qr/^decision     allowed$/m, "$name: the decision");
    return $e;
}


sub queries {
    for my $c (
        ['a query', {}],
        ['a query for too much', { fields => 'merchant.name,buyer.phone' },
         'approval-required', qr/^fields\["buyer\.phone"\]/],
        ['a query with another name', { colour => 'red' }, 'request-invalid',
         qr/^operations\[1\]\.query$/],
        ['a code that does not check', { subject => '91310000MA1FL00000' },
         'request-invalid', qr/^operations\[1\]\.query$/],
    ) {
        my ($name, $over, $reason, $path) = @$c;
        my $target = $policy->query(%$over);
        my $answer = $t->client(tls => 0)->request('GET', $target);

        $asked{$name} = keep($answer);
        explained($name, $answer, $reason, $path, '310115', undef,
                  '--url', $target);
    }

    my $target = '/xc/v1/merchant';
    explained('another path', $t->client(tls => 0)->request('GET', $target),
              'operation-unknown', qr/^operations$/, '310115', undef,
              '--url', "http://platform.example$target");
    my ($status, $out) = run('explain', $t->path('policy.json'), '--json',
        '--agency', '310115', '--url', 'https://elsewhere.example/xc');
    like($out, qr/"reason": "authority-unknown"/, 'another host');
    ($status, $out) = run('explain', $t->path('policy.json'), '--json',
        '--agency', '310115', '--method', 'POST', '--url', $post);
    like($out, qr/"reason": "body-missing"/, 'no body');
}


# An approval that travels with the request.
sub token {
    for my $c (
        ['an approval as a token', $case],
        ['a token for another case', '沪市监案〔2026〕311号',
         'approval-invalid'],
        ['a token altered', $case, 'approval-invalid', 1],
    ) {
        my ($name, $for, $reason, $alter) = @$c;
        my $token = approval_token($for);

        substr($token, -20, 1) =~ tr/A-Za-z0-9_-/B-ZAb-za1-90\-_/ if $alter;
        my $body = $policy->body(
            fields => ['merchant.name', $XC::Policy::PHONE],
            approval_token => $token);
        my $answer = $t->client(tls => 0)->request('POST', $post,
                                                   { body => $body });
        $asked{$name} = keep($answer);
        explained($name, $answer, $reason,
                  $reason && qr/^operations\[0\]\.body\.approval_token$/,
                  '310115', $body);
    }
}


# The operation that only decides.
sub foretold {
    for my $c (['a check', {}],
               ['a check of too much', { fields => [$XC::Policy::PHONE] },
                'approval-required', qr/^fields\["buyer\.phone"\]/])
    {
        my ($name, $over, $reason, $path) = @$c;
        my $body = $policy->body(%$over);
        my $answer = $t->client(tls => 0)->request('POST', '/xc/v1/check',
                                                   { body => $body });

        spew($t->path('body.json'), $body);
        is($answer->{status}, $reason ? 403 : 200, "$name: the gate");
        my ($status, $out) = run('explain', $t->path('policy.json'), '--json',
            '--agency', '310115', '--operation', 'check', '--request',
            $t->path('body.json'));
        my $e = $json->decode($out);
        is($e->{reason}, $reason, "$name: explain");
        is($e->{operation}, 'check', "$name: by its own rules");
        like($e->{by}[0], $path, "$name: by its member") if $path;
    }
}


# Of a result only what its ticket held is in the log.
sub resulted {
    my $client = $t->client(tls => 0);
    my @phone = (fields => ['merchant.name', $XC::Policy::PHONE]);
    my $id;

    for my $c (
        ['a result', {}],
        ['a result by an approval', { @phone, approval => $given }],
        ['a result by a token',
         { @phone, approval_token => approval_token($case) }],
    ) {
        my ($name, $over) = @$c;
        my $submit = $client->request('POST', $post,
                                      { body => $policy->body(%$over) });
        my $of = $t->records_of($submit)->{decision};
        my $answer = $client->request('GET', "/xc/v1/results/$of->{id}",
            { headers => [['XC-Request',
                           $submit->{headers}{'xc-request'} // '']] });

        $id = $of->{id};
        is($answer->{status}, 200, $name) or diag $answer->{body};
        $asked{$name} = keep($answer);
        $asked{"$name, its submit"} = { seq => $of->{seq} };
    }

    my ($status) = run('explain', $t->path('policy.json'), '--agency',
                       '310115', '--url', "/xc/v1/results/$id");
    is($status, 2, 'is explained by its submit');
}


sub approval_token {
    my ($for) = @_;
    my $k = $policy->key('province');
    my $now = time;
    my $signed = join '.', map { encode_base64url($json->encode($_)) }
        { alg => 'EdDSA', kid => $k->{keyid}, typ => 'xc-approval+jwt' },
        { iss => '310000', sub => '310115', aud => 'platform.example',
          iat => $now - 60, exp => $now + 86400, no => '沪市监协特〔2026〕9号',
          fields => [$XC::Policy::PHONE], case_no => $for };

    return "$signed." . encode_base64url($k->{pk}->sign_message($signed));
}


sub intermediary {
    my %headers = (headers => [['XC-On-Behalf-Of', '310115']]);
    my $client = $t->client(tls => 0, agency => 'cn-12315');

    for my $c (['through an intermediary', ['merchant.name']],
               ['what it has not', ['transaction.payment', 'merchant.name'],
                'field-not-granted', qr/^agencies\[4\]\.grants$/])
    {
        my ($name, $fields, $reason, $path) = @$c;
        my $body = $policy->body(fields => $fields);
        my $answer = $client->request('POST', $post,
                                      { body => $body, %headers });

        $asked{$name} = keep($answer);
        spew($t->path('body.json'), $body);
        my ($status, $out) = run('explain', $t->path('policy.json'), '--json',
            '--agency', '310115', '--via', 'cn-12315', '--request',
            $t->path('body.json'));
        my $e = $json->decode($out);
        is($answer->{status} < 300 ? 'allow' : $answer->{json}{type},
           $reason ? "urn:xc:$reason" : 'allow', "$name: the gate");
        is($e->{reason}, $reason, "$name: explain");
        like($e->{by}[0], $path, "$name: by its member") if $path;
    }

    my ($status, $out) = run('explain', $t->path('policy.json'), '--json',
        '--agency', '310000', '--via', 'cn-12315', '--request',
        $t->path('body.json'));
    my $e = $json->decode($out);
    is("$e->{reason} @{ $e->{by} }",
       'behalf-not-allowed agencies[4].credentials', 'not for that one');

    # a credential that may, and another one that stands
    my $two = edit(sub {
        my $all = $_[0]{agencies}[4]{credentials};
        push @$all, { %{ $policy->ed25519('cn-12315-b', 'cn-12315-2') },
                      on_behalf_of => ['310000'] };
        $all->[0]{not_after} = '2026-01-01T00:00:00Z';
    });
    spew($t->path('edited.json'), $json->encode($two));
    for my $c (['310115', 0], ['310000', 1]) {
        my ($for, $stands) = @$c;
        ($status, $out) = run('explain', $t->path('edited.json'), '--json',
            '--agency', $for, '--via', 'cn-12315', '--request',
            $t->path('body.json'));
        is($json->decode($out)->{credential_stands}, $stands,
           "one that may ask for $for, " . ($stands ? 'now' : 'no longer'));
    }
}


# What an agency may ask, without a request.
sub agency {
    my $file = $t->path('policy.json');
    my @rate;
    my ($status, $out) = run('explain', $file, '--agency', '310115');
    is($status, 0, 'explain: an agency');
    like($out, qr/approvals by 310000 /, 'who consents');
    like($out, qr/sweeps +not authorised/, 'no sweeps');
    like($out, qr/\Q$given\E \(approvals\[0\]\): buyer\.phone/, 'approvals');
    unlike($out, qr/\Q$ended\E|\Q$others\E/, 'not ended ones, nor others\'');
    like($out, qr/httpsig 310115-2026a/, 'credentials');

    my $e = $json->decode((run('explain', $file, '--agency', '310115',
                               '--json'))[1]);
    is_deeply($e->{fields}, {
        standard => [qw(goods.title merchant.name merchant.uscc
                        transaction.payment)],
        approval => [qw(buyer.phone merchant.bank_account)],
        sweep => [], none => ['livestream.host'] }, 'fields of a county');
    is_deeply($e->{approvals}, [$given, $subjects], 'its approvals');
    $e = $json->decode((run('explain', $file, '--agency', '330000', '--json',
                            '--at', '2025-06-01T00:00:00Z'))[1]);
    is("$e->{sweeps} @{ $e->{fields}{none} }", '1 ', 'as of another time');
    $e = $json->decode((run('explain', $file, '--agency', '330000',
                            '--json'))[1]);
    is("$e->{sweeps} @{ $e->{fields}{none} }", '0 livestream.host', 'as now');

    # what the policy leaves to its defaults, and what it does not
    like($out, qr{^rate +default: 1000r/s, burst 1000, refusals 1000r/s$}m,
         'the rate');
    is_deeply($e->{rate}, { id => 'default', rate => '1000r/s', burst => 1000,
                            refusals => '1000r/s',
                            cost => { subject => 0, field => 0 } },
              'the rate, for programs');
    spew($t->path('edited.json'), $json->encode(edit(sub {
        $_[0]{rates}{default} = { rate => '30r/m', per_day => 20000,
                                  cost => { field => 2 } } })));
    @rate = ('explain', $t->path('edited.json'), '--agency', '310115');
    like((run(@rate))[1], qr{^rate\ +default:\ 30r/m,\ burst\ 0,\ refusals\ 1r/s,
         \ 20000\ a\ day;\ a\ request\ costs\ 1,\ and\ 0\ a\ subject,\ 2\ a
         \ field$}mx, 'with quota and cost');
    is_deeply($json->decode((run(@rate, '--json'))[1])->{rate},
        { id => 'default', rate => '30r/m', burst => 0, refusals => '1r/s',
          per_day => 20000, cost => { subject => 0, field => 2 } },
        'for programs');

    # a credential that has ended by then is told
    spew($t->path('body.json'), $policy->body);
    $e = $json->decode((run('explain', $file, '--agency', '330000', '--json',
        '--request', $t->path('body.json')))[1]);
    is($e->{credential_stands}, 1, 'a credential that stands');
    ($status, $out) = run('explain', $file, '--agency', '330000', '--request',
                          $t->path('body.json'), '--at',
                          '2040-01-01T00:00:00Z');
    is($status, 0, 'the request would be allowed');
    like($out, qr/no credential for this stands/, 'but nobody could sign it');

    # fields for which XC-Request has no room: as t/check.t has it of the gate
    my @long = map { sprintf 'identity.%055d', $_ } 1 .. 64;
    my $many = edit(sub {
        $_[0]{fields}{$_} = { group => 'identity', zh => '字段', en => 'Field',
                              standard => JSON::PP::true } for @long;
    });
    my @explain = ('explain', $t->path('edited.json'), '--agency', '310115',
                   '--request', $t->path('body.json'), '--json');
    spew($t->path('body.json'), $policy->body(fields => \@long));
    spew($t->path('edited.json'), $json->encode($many));
    for my $operation ('submit', 'check') {
        ($status, $out) = run(@explain, '--operation', $operation);
        $e = $json->decode($out);
        is("$status $e->{reason}", '1 request-invalid',
           "$operation: fields that no ticket has room for");
        like($e->{detail}, qr/^fields: so many that XC-Request/,
             "$operation: as the gate says it");
    }
    pop @{ $many->{operations} };
    spew($t->path('edited.json'), $json->encode($many));
    is((run(@explain))[0], 0, 'without a result there need be no ticket');
    spew($t->path('body.json'), $policy->body);
}


sub usage {
    my $file = $t->path('policy.json');
    my $body = $t->path('body.json');

    for my $c (
        ['no agency', 'explain', $file],
        ['an agency that is not listed', 'explain', $file, '--agency', 'x'],
        ['no instant', 'explain', $file, '--agency', '310115', '--at', 'noon'],
        ['an unknown option', 'explain', $file, '--agency', '310115', '--x'],
        ['two requests', 'explain', $file, '--agency', '310115', '--request',
         $body, '--url', '/x'],
        ['no such operation', 'explain', $file, '--agency', '310115',
         '--request', $body, '--operation', 'y'],
        ['no such request', 'explain', $file, '--agency', '310115',
         '--request', "$body.not"],
        ['no such policy', 'explain', "$file.not", '--agency', '310115'],
        ['no log', 'replay', $file],
        ['no such log', 'replay', $file, "$file.not"],
        ['no such time', 'replay', $file, "$state/audit.log", '--at', 'then'],
        ['no command', 'explode', $file],
    ) {
        my ($name, @args) = @$c;
        is((run(@args))[0], 2, "$name: 2");
    }

    is((run('explain', '--agency', '310115', '--request', $body, '--json',
            $file))[0], 0, 'options stand anywhere');
}


# Under the policy that decided nothing changes.
sub same {
    my ($status, $r) = replay($policy->data);

    is($status, 0, 'the same policy: exit 0');
    is_deeply($r->{changed}, { denies => 0, allows => 0, otherwise => 0 },
              'nothing changes');
    my @decisions = grep { $_->{event} eq 'decision' } records();
    is($r->{decisions}, scalar @decisions, 'every decision is read');
    is($r->{unchanged}{allowed} + $r->{unchanged}{refused} + $r->{unknown},
       scalar @decisions, 'and counted once');
    ok($r->{unchanged}{refused} >= 12, 'refusals are decided again');
    is_deeply([sort map { $_->{why} =~ s/ before.*//r } @{ $r->{why_unknown} }],
              [sort 'refused as field-list-missing',
               'refused as operation-unknown', 'refused as request-invalid',
               'its approval came as a token',
               'its submit\'s approval came as a token, or that submit is in '
               . 'no log',
               'its approval is for subjects, whose ids the log does not hold'
              ], 'what can\'t be told');

    my ($again, $text) = run('replay', $t->path('policy.json'),
                             "$state/audit.log");
    is($again, 0, 'as text');
    like($text, qr/^changed: allow -> deny 0, deny -> allow 0, /m, 'the same');
}


# One edit each: what changes, how, of whom.
sub edited {
    changes('a group is taken away',
        sub { $_[0]{grants}{standard}{groups} = [qw(goods transaction)] },
        'allow -> field-not-granted', ['standard fields', 'a query',
                                       'an order'],
        sub {
            my ($r) = @_;
            my ($f) = grep { $_->{field} eq 'merchant.name field-not-granted' }
                      @{ $r->{fields} };
            ok($f && $f->{denies} > 2, 'fields are counted');
            my ($x) = grep { $_->{seq} == $asked{'standard fields'}{seq} }
                      @{ $r->{examples} };
            like($x->{fields}, qr/\+merchant\.name field-not-granted/,
                 'and shown');
            is("$x->{agency} $x->{operation} $x->{change}",
               '310115 submit denies', 'with who asked, and by what');
        });

    changes('a group is given',
        sub { push @{ $_[0]{grants}{standard}{groups} }, 'livestream' },
        'field-not-granted -> allow', ['a field not granted',
                                       'a grant that has ended'],
        sub {
            my ($r) = @_;
            my ($f) = grep { $_->{field} =~ /^livestream/ } @{ $r->{fields} };
            is($f->{allows}, 3, 'refused no longer, each time');
            is($r->{changed}{otherwise}, 1, 'three faults are two now');
        });

    changes('a field becomes standard',
        sub { $_[0]{fields}{$XC::Policy::PHONE}{standard} = JSON::PP::true },
        'approval-required -> allow', ['a field without an approval',
                                       'a query for too much']);

    changes('an approval ends',
        sub { $_[0]{approvals}[0]{not_after} = '2026-01-01T00:00:00Z' },
        'allow -> approval-invalid', ['a field with an approval']);

    changes('an approval is for more',
        sub { push @{ $_[0]{approvals}[0]{fields} }, 'merchant.bank_account' },
        'approval-invalid -> allow', ['an approval that lacks a field']);

    changes('a sweep is no longer authorised',
        sub { pop @{ $_[0]{agencies}[1]{grants} } },
        'allow -> sweep-not-authorized', ['a sweep by a province']);

    changes('a purpose goes', sub { delete $_[0]{purposes}{case_investigation};
                                    $_[0]{purposes}{recall} = {} },
        'allow -> purpose-not-allowed', ['standard fields', 'a query']);

    changes('a purpose asks for more',
        sub { push @{ $_[0]{purposes}{case_investigation}{requires} },
                  'category' },
        'allow -> request-invalid', ['standard fields', 'an order']);

    changes('numbers have another form',
        sub { $_[0]{patterns}{request_no} = '[A-Z]{2}[0-9]+' },
        'allow -> request-invalid', ['standard fields', 'a query']);

    changes('a limit is lower', sub { $_[0]{limits}{window_days} = 7 },
        'allow -> request-invalid', ['standard fields']);

    changes('a member is mapped no more',
        sub { delete $_[0]{operations}[0]{body}{officers} },
        'allow -> request-invalid', ['standard fields']);

    changes('a type of subject goes',
        sub { delete $_[0]{subject_types}{order} },
        'allow -> request-invalid', ['an order']);

    changes('an operation goes', sub { $_[0]{operations}[0]{path} = '/v2' },
        'allow -> operation-unknown', ['standard fields']);

    changes('an agency goes',
        sub { @{ $_[0]{agencies} } = grep { $_->{id} ne '000000' }
                                     @{ $_[0]{agencies} } },
        'allow -> credential-unknown', ['the national agency']);

    changes('a credential ends',
        sub { $_[0]{agencies}[2]{credentials}[0]{not_after}
                  = '2026-01-01T00:00:00Z' },
        'allow -> credential-expired', ['the national agency']);

    changes('a credential is bound to networks',
        sub { $_[0]{agencies}[2]{credentials}[0]{sources}
                  = ['203.0.113.0/24'] },
        'allow -> source-not-allowed', ['the national agency']);

    changes('an intermediary has less to say',
        sub { $_[0]{agencies}[4]{credentials}[0]{on_behalf_of} = ['000000'] },
        'allow -> behalf-not-allowed', ['through an intermediary']);

    changes('the host has another name',
        sub { $_[0]{authorities} = ['other.example'] },
        'allow -> authority-unknown', ['standard fields', 'a query']);

    changes('only TLS', sub { $_[0]{transport} = 'tls' },
        'allow -> tls-required', ['standard fields', 'a query']);
}


# What the log can't tell is told to be so, and is no change.
sub untold {
    my ($status, $r) = replay(edit(sub {
        $_[0]{subject_types}{order} = { pattern => '[0-9]{6}' };
        $_[0]{approvals}[3]{subjects}[0]{id} = '91110000802100433B';
    }));
    is($status, 0, 'other patterns, and other subjects of an approval');
    ok($r->{subjects} > 3, 'those are counted whose ids were not checked');
    my ($w) = grep { $_->{why} =~ /approval is for subjects/ }
              @{ $r->{why_unknown} };
    is($w->{count}, 2, 'and those for whom the subjects count');

    ($status, $r) = replay(edit(sub {
        $_[0]{approvals}[3]{not_after} = '2026-01-01T00:00:00Z' }));
    is($r->{changed}{denies}, 1, 'unless it does not hold for any subject');

    ($status, $r) = replay(edit(sub { $_[0]{operations}[1]{id} = 'shop' }));
    is($status, 0, 'the path of a query, whose subject is masked');
    ($w) = grep { $_->{why} =~ /its path holds a subject/ }
           @{ $r->{why_unknown} };
    is($w->{count}, 2, 'is matched by the name of its operation');

    ($status, $r) = replay(edit(sub {
        $_[0]{purposes}{case_investigation}{requires} = ['officers'] }));
    is("$r->{changed}{denies} $r->{examples}[0]{seq}",
       "1 $asked{'a query'}{seq}", 'officers, where the log has their MACs');

    # a log of a gate without a key for them
    my $plain = $log =~ s/,"officers":\[[^\]]*\]//gr
                     =~ s/(\{"type":"\w+"),"id":"[0-9a-f]+"\}/$1}/gr;
    ($status, $r) = replay(edit(sub {
        $_[0]{purposes}{case_investigation}{requires} = ['officers'] }),
        $plain);
    ($w) = grep { $_->{why} =~ /asks for officers/ } @{ $r->{why_unknown} };
    ok($w && $w->{count} > 5, 'officers, where it has not');

    # an approval that came as a token: only its hash is in the log
    my $seq = $asked{'an approval as a token'}{seq};
    my ($line) = grep { /^\{"seq":$seq,/ } split /\n/, $log;
    like($line, qr/"approval_token":"[0-9a-f]{64}"/, 'a token\'s hash');
    ($status, $r) = replay($policy->data, "$line\n");
    is("$status $r->{unknown}", '0 1', 'an approval that came as a token');
    for my $edit (sub { $_[0]{grants}{standard}{groups} = ['transaction'] },
                  sub { $_[0]{purposes} = { recall => {} } })
    {
        ($status, $r) = replay(edit($edit), "$line\n");
        is($r->{changed}{denies}, 1, 'but what does not depend on it can');
    }

    # members that a refusal's record had no room for
    $seq = $asked{'a field not granted'}{seq};
    ($line) = grep { /^\{"seq":$seq,/ } split /\n/, $log;
    $line =~ s/\}$/,"cut":["legal_basis"]}/;
    ($status, $r) = replay($policy->data, "$line\n");
    like($r->{why_unknown}[0]{why}, qr/^members are cut/, 'cut members');

    # of a result: what its ticket held, and no subject
    $seq = $asked{'a result'}{seq};
    ($line) = grep { /^\{"seq":$seq,/ } split /\n/, $log;
    unlike($line, qr/"subjects"/, 'a result names no subject');
    ($status, $r) = replay($policy->data, "$line\n");
    is("$status $r->{unchanged}{allowed}", '0 1', 'and needs none');
    ($status, $r) = replay(edit(sub {
        $_[0]{grants}{standard}{groups} = ['goods'] }), "$line\n");
    is("$status $r->{changed}{denies}", '1 1', 'it is decided by its fields');

    # one that was refused has no subjects, or it can't be told
    my $of = sub {
        my $reason = $_[0];
        return $line =~ s/"decision":"allow"/"decision":"deny","reason":"$reason"/r;
    };
    ($status, $r) = replay($policy->data, $of->('subject-required') . "\n");
    is("$status $r->{unchanged}{refused}", '0 1', 'a result of no subject');
    ($status, $r) = replay($policy->data, $of->('field-not-granted') . "\n");
    is("$status $r->{unknown}", '0 1', 'a result of it may be whom');
    ($status, $r) = replay(edit(sub {
        $_[0]{grants}{standard}{groups} = ['transaction'] }),
        $of->('field-not-granted') . "\n");
    is("$r->{unknown} $r->{changed}{denies}", '0 0', 'refused in any case');

    # its approval, which came as a number or not
    my %line = map { /^\{"seq":(\d+),/ ? ($1 => "$_\n") : () }
               split /\n/, $log;
    my ($number, $token) = map { my $n = "a result by $_"; [map {
        $line{ $asked{$_}{seq} } } "$n, its submit", $n] }
        'an approval', 'a token';
    like($token->[1], qr/"approval":/, 'a result has the number');
    unlike($token->[1], qr/"approval_token"/, 'and no token');

    ($status, $r) = replay($policy->data, join '', @$token);
    is("$status $r->{unknown}", '0 2', 'a result by a token');
    ($status, $r) = replay($policy->data, $token->[1]);
    is("$status $r->{unknown}", '0 1', 'whose submit is not there');
    ($status, $r) = replay($policy->data, join '', @$number);
    is("$status $r->{unchanged}{allowed}", '0 2', 'a result by a number');
    ($status, $r) = replay(edit(sub { shift @{ $_[0]{approvals} } }),
                           join '', @$number);
    is("$status $r->{changed}{denies}", '1 2', 'that is there no more');
    ($status, $r) = replay($policy->data, $number->[1]);
    is("$status $r->{unknown}", '0 1', 'not without its submit');
    like($r->{why_unknown}[0]{why}, qr/that submit is in no log/, 'and why');
    ($status, $r) = replay(edit(sub {
        $_[0]{grants}{standard}{groups} = ['transaction'] }), $token->[1]);
    is("$status $r->{changed}{denies}", '1 1', 'but for its other fields');
}


# The record's time, or now.
sub moments {
    my $seq = $asked{'standard fields'}{seq};
    my ($line) = grep { /^\{"seq":$seq,/ } split /\n/, $log;
    my $old = $line =~ s/"time":"[^"]*"/"time":"2026-03-01T08:00:00.000000Z"/r;
    my $edit = edit(sub {
        $_[0]{agencies}[0]{credentials}[0]{not_before}
            = '2026-06-01T00:00:00Z' });

    my ($status, $r) = replay($edit, "$old\n");
    is($r->{reasons}[0]{reason}, 'allow -> credential-expired',
       'a credential at the record\'s time');
    is($r->{examples}[0]{time}, '2026-03-01T08:00:00Z', 'which is shown');
    ($status, $r) = replay($edit, "$old\n", '--at', 'now');
    is($status, 0, 'and now');
    ($status, $r) = replay($edit, "$line\n", '--at', 'record');
    is($status, 0, 'a record of today');
}


sub unreadable {
    my @l = split /\n/, $log;
    my $file = $t->path('log');

    for my $c (
        ['a line that is no JSON', "$log\{\"seq\":nothing}\n"],
        ['a line in another order', "$log\{\"event\":\"decision\"}\n"],
        ['a line without its end', "$log$l[-1]"],
        ['a decision cut short', "$log" . substr($l[$asked{'a query'}{seq}],
                                                 0, 400) . "}\n"],
    ) {
        my ($name, $text) = @$c;
        my ($status, $r) = replay($policy->data, $text);

        is("$status $r->{unreadable}", '2 1', "$name: exit 2");
    }

    my ($status, $out) = run('replay', $t->path('policy.json'), $file);
    like($out, qr/log:\d+: no record, passed over: /, 'the line is named');

    spew("$file.2", $log);
    ($status, $out) = run('replay', $t->path('policy.json'), "$file.2",
                          "$file.2", '--json');
    is($json->decode($out)->{records}, 2 * @l, 'several logs');

    # nothing of a log moves a cursor
    my $evil = $log =~ s/"agency":"310115"/"agency":"\\u001b[2J\\n"/gr;
    ($status, $out) = run('replay', $t->path('edited.json'), $file);
    unlike($out, qr/\x1b/, 'controls in a log stay escaped');

    # the copy that the gate keeps, secrets taken out
    my ($copy) = glob "$state/policies/*";
    is((run('replay', $copy, "$state/audit.log"))[0], 0,
       'a policy that the gate kept');
}


# After the edit these change so, and the tool says so by its exit status.
sub changes {
    my ($name, $edit, $reason, $cases, $more) = @_;
    my ($status, $r) = replay(edit($edit));
    my %change = map { $_->{reason} => $_ } @{ $r->{reasons} };
    my $kind = $reason =~ /^allow/ ? 'denies' : 'allows';

    is($status, 1, "$name: exit 1");
    ok($change{$reason} && $change{$reason}{$kind} >= @$cases,
       "$name: $reason") or diag explain $r->{reasons};
    my %shown = map { $_->{seq} => $_ } @{ $r->{examples} };
    for my $c (@$cases) {
        my $x = $shown{ $asked{$c}{seq} };

        # only the first of each are shown
        next if !$x && $r->{changed}{$kind} > 10;
        is($x && "$x->{was} -> $x->{now}", $reason, "$name: $c");
    }
    $more->($r) if $more;
}


# A copy of the policy, changed.
sub edit {
    my ($change) = @_;
    my $data = $json->decode($policy->json);

    $change->($data);
    return $data;
}


sub replay {
    my ($data, $text, @more) = @_;
    my $file = $t->path('edited.json');

    spew($file, $json->encode($data));
    spew($t->path('log'), $text // $log);
    my ($status, $out) = run('replay', $file, $t->path('log'), '--json',
                                   @more);
    my $r = eval { $json->decode($out =~ s/^xcctl: .*\n//mgr) };
    if (!$r) {
        diag decode('UTF-8', $out), decode('UTF-8',
            (run('check', $file))[1]);
        $r = {};
    }
    return ($status, $r);
}


sub records { map { $json->decode($_) } split /\n/, $log }


# What of an answer later tests need.
sub keep {
    my ($answer) = @_;
    my $r = $t->records_of($answer)->{decision};

    return { seq => $r->{seq} };
}


sub policy {
    my $p = XC::Policy->new;
    my $d = $p->data;
    my $soon = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 400 * 86400));

    $d->{transport} = 'any';
    $d->{grants}{sweep} = { sweep => JSON::PP::true, groups => ['goods'],
                            levels => [qw(province national)] };
    push @{ $p->agency('310000')->{grants} },
        { grant => 'sweep', authority_no => '国市监网授〔2026〕3号' };
    $p->add_agency('330000', 'province', $p->ed25519('330000', '330000-1'),
        grants => ['standard',
                   { grant => 'sweep', authority_no => '国市监网授〔2025〕3号',
                     not_after => '2026-01-01T00:00:00Z' },
                   { grant => 'live',
                     not_after => '2026-01-01T00:00:00Z' }]);
    $d->{agencies}[3]{credentials}[0]{not_after} = $soon;
    $d->{grants}{names} = { groups => [qw(identity goods)],
                            levels => ['national'] };
    $p->add_agency('cn-12315', 'national',
        { %{ $p->ed25519('cn-12315', 'cn-12315-1') },
          on_behalf_of => ['310115'] },
        grants => ['names'], region => '000000');
    push @{ $p->agency('310000')->{credentials} },
        $p->ed25519('province', '310000-approvals');
    $p->operation('submit')->{body}{approval_token} = '/approval_token';
    push @{ $d->{operations} },
        { id => 'check', kind => 'check', methods => ['POST'],
          path => '/xc/v1/check', body => { like => 'submit' } },
        { id => 'result', kind => 'result', methods => ['GET'],
          path => '/xc/v1/results/(?<request>[0-9a-f]{32})' };
    $d->{approvals} = [
        { no => $given, by => '310000', agency => '310115', case_no => $case,
          fields => [$XC::Policy::PHONE], not_after => $soon },
        { no => $ended, by => '310000', agency => '310115', case_no => $case,
          fields => [$XC::Policy::PHONE],
          not_after => '2026-01-01T00:00:00Z' },
        { no => $others, by => '330000', agency => '330000', case_no => $case,
          fields => [$XC::Policy::PHONE], not_after => $soon },
        { no => $subjects, by => '310000', agency => '310115',
          fields => ['merchant.bank_account'], not_after => $soon,
          subjects => [{ type => 'merchant', id => $XC::Policy::USCC }] },
    ];
    return $t->policy($p);
}


# Exit status and output of both kinds, as octets of JSON or as text.
sub run {
    my @args = map { utf8::is_utf8($_) ? Encode::encode('UTF-8', $_) : $_ } @_;
    my $file = $t->path('out');
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDOUT, '>', $file or die;
        open STDERR, '>&', \*STDOUT or die;
        exec $t->xcctl, 'policy', @args or die;
    }
    waitpid $pid, 0;
    my $status = $? & 127 ? 'signal' : $? >> 8;
    my $out = slurp($file);

    return ($status, (grep { $_ eq '--json' } @args)
                     ? $out : decode('UTF-8', $out));
}
