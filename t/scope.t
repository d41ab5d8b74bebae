#!/usr/bin/perl

# The decision, row by row of what the Measures ask (docs/policy.md): each line
# of the tables below is a rule, a request, what is decided and why.  All of
# them are properly signed and go through the gate.

use strict;
use warnings;
use utf8;

use Crypt::PK::Ed25519;
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use POSIX qw(strftime);
use Test::More;

use XC::Gate;
use XC::Nginx;
use XC::Policy;

my $json = JSON::PP->new->utf8->canonical;
my $USCC = $XC::Policy::USCC;
my $OTHER = '91110000MA1FL0000' . uscc_check('91110000MA1FL0000');
my $CASE = '沪市监案〔2026〕310号';
my $NO = '沪市监协查〔2026〕1182号';
my @none = (subjects => undef, window => undef);
my @window = (subjects => undef);           # the body has a window
my @goods = (fields => ['goods.title']);
my @unswept = ('goods.title' => 'sweep-not-authorized');
my @phone = (fields => ['buyer.phone']);

my $t = XC::Nginx->new;
my $policy = make_policy();

$t->gate_conf;
$t->run;

# Each row: [row of the Measures, name, who asks (agency, or
# intermediary>agency), what differs from a good request, the reason or undef,
# {field: reason} or undef, part of the detail].
rows(
    [3, 'a county asks', '310115', {}, undef],
    [3, 'a city asks', '310100', {}, undef],
    [3, 'a province asks', '310000', {}, undef],
    [3, 'SAMR asks', '000000', {}, undef],
    [3, 'XPCC, which has no province code', 'XPCC', {}, undef],

    [4, 'a county by period', '310115', { @window, @goods },
     'sweep-not-authorized', { @unswept }, qr/no authorisation/],
    [4, 'a county by category', '310115', { @none, @goods, category => '食品' },
     'sweep-not-authorized', { @unswept }],
    [4, 'a county by region', '310115', { @none, @goods, region => '310115' },
     'sweep-not-authorized', { @unswept }],
    [4, 'a city by period', '310100', { @window, @goods },
     'sweep-not-authorized', { @unswept }],
    [4, 'a province without authorisation', '440000', { @window, @goods },
     'sweep-not-authorized', { @unswept }],
    [4, 'a province whose authorisation has ended', '110000',
     { @window, @goods }, 'sweep-not-authorized', { @unswept }],
    [4, 'an authorised province by period', '310000', { @window, @goods },
     undef],
    [4, 'an authorised province by category', '310000',
     { @none, @goods, category => '食品' }, undef],
    [4, 'an authorised province by region', '310000',
     { @none, @goods, region => '310000' }, undef],
    [4, 'SAMR by period', '000000', { @window, @goods }, undef],
    [4, 'a sweep for identities', '310000',
     { @window, fields => ['merchant.name', 'goods.title'] },
     'sweep-not-authorized', { 'merchant.name' => 'sweep-not-authorized' },
     qr/named subjects/],
    [4, 'a sweep for transactions, by SAMR', '000000',
     { @window, fields => ['transaction.payment'] }, 'sweep-not-authorized',
     { 'transaction.payment' => 'sweep-not-authorized' }],
    [4, 'a sweep with a dummy subject', '310115',
     { @goods, category => '食品' }, 'sweep-not-authorized', { @unswept }],
    [4, 'a sweep for identities with a dummy subject', '310000',
     { region => '310000', fields => ['merchant.name'] },
     'sweep-not-authorized', { 'merchant.name' => 'sweep-not-authorized' }],
    [4, 'a sweep with empty subjects', '310115',
     { @goods, subjects => [] }, 'sweep-not-authorized', { @unswept }],
    [4, 'a window with subjects only narrows', '310115', { @goods }, undef],
    [4, 'a sweep over a year', '310000',
     { @goods, subjects => undef,
       window => { from => '2025-01-01', to => '2026-01-02' } },
     'request-invalid', undef, qr/367 days, over the limit window_days/],
    [4, 'a sweep of a year', '310000',
     { @goods, subjects => undef,
       window => { from => '2025-01-01', to => '2026-01-01' } }, undef],
    [4, 'no subject and no sweep', '310115', { @none }, 'subject-required',
     {}, qr/names no subject/],
    [4, 'no subject, by an authorised province', '310000', { @none },
     'subject-required', {}],
    [4, 'a sweep through an intermediary that may', 'wide>310000',
     { @window, @goods }, undef],
    [4, 'a sweep through one that may not', 'smart>310000',
     { @window, @goods }, 'sweep-not-authorized', { @unswept },
     qr/intermediary/],
    [4, 'a county through an intermediary that may', 'wide>310115',
     { @window, @goods }, 'sweep-not-authorized', { @unswept },
     qr/this agency/],

    [5, 'a recall', '310115', { purpose => 'product_recall' }, undef],
    [5, 'an accident', '310115', { purpose => 'accident_handling' }, undef],
    [5, 'statistics', '310115', { purpose => 'statistics' },
     'purpose-not-allowed', undef],
    [5, 'no purpose', '310115', { purpose => undef }, 'purpose-not-allowed',
     undef],

    [6, 'a group that is not granted', '310115',
     { fields => ['merchant.name', 'livestream.host'] }, 'field-not-granted',
     { 'livestream.host' => 'field-not-granted' }],
    [6, 'the same, granted', '310000', { fields => ['livestream.host'] },
     undef],
    [6, 'a grant that has ended', '110000',
     { fields => ['livestream.host'] }, 'field-not-granted',
     { 'livestream.host' => 'field-not-granted' }],
    [6, 'a grant that will end', '440000', { fields => ['livestream.host'] },
     undef],
    [6, 'granted to the agency only', 'smart>310000',
     { fields => ['livestream.host'] }, 'field-not-granted',
     { 'livestream.host' => 'field-not-granted' }, qr/intermediary/],

    [7, 'a field that is none', '310115',
     { fields => ['merchant.name', 'merchant.phone'] }, 'field-unknown',
     { 'merchant.phone' => 'field-unknown' }],
    [7, 'a Cyrillic letter', '310115',
     { fields => ["merch\x{430}nt.name"] }, 'field-unknown',
     { "merch\x{430}nt.name" => 'field-unknown' }],
    [7, 'a full-width stop', '310115', { fields => ["merchant\x{ff0e}name"] },
     'field-unknown', { "merchant\x{ff0e}name" => 'field-unknown' }],
    [7, 'all faults at once', '310115',
     { fields => [qw(x.y livestream.host buyer.phone merchant.name
                     merchant.bank_account)], category => 'x' },
     'field-unknown',
     { 'merchant.name' => 'sweep-not-authorized', 'x.y' => 'field-unknown',
       'livestream.host' => 'field-not-granted',
       'buyer.phone' => 'approval-required',
       'merchant.bank_account' => 'approval-required' },
     qr/5\ of\ 5\ fields\ refused;\ also:\ field-not-granted,\ 
        approval-required,\ sweep-not-authorized/x],

    [8, 'a special field', '310115', { @phone }, 'approval-required',
     { 'buyer.phone' => 'approval-required' },
     qr/上海市市场监督管理局 \(310000\)/],
    [8, 'a province needs one too', '310000', { @phone }, 'approval-required',
     { 'buyer.phone' => 'approval-required' }],
    [8, 'SAMR needs none', '000000', { @phone }, undef],
    [8, 'with an approval for the case', '310115',
     { @phone, approval => '特1号' }, undef],
    [8, 'in another case', '310115',
     { @phone, approval => '特1号', case_no => '沪市监案〔2026〕311号' },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' },
     qr/another case/],
    [8, 'in no case', '310115',
     { @phone, approval => '特1号', case_no => undef,
       purpose => 'product_recall' },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' }],
    [8, 'for the request', '310115', { @phone, approval => '特2号' }, undef],
    [8, 'for another request', '310115',
     { @phone, approval => '特2号', request_no => '沪市监协查〔2026〕1183号' },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' },
     qr/another request/],
    [8, 'for the subject', '310115', { @phone, approval => '特3号' }, undef],
    [8, 'for one subject of two', '310115',
     { @phone, approval => '特3号',
       subjects => [map { { type => 'merchant', id => $_ } } $USCC, $OTHER] },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' },
     qr/named subjects/],
    [8, 'for the id of another type', '310115',
     { @phone, approval => '特3号',
       subjects => [{ type => 'order', id => $USCC }] },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' }],
    [8, 'for another field', '310115',
     { approval => '特1号',
       fields => ['buyer.phone', 'merchant.bank_account'] },
     'approval-invalid', { 'merchant.bank_account' => 'approval-invalid' },
     qr/not among the fields that the approval covers/],
    [8, 'that has ended', '310115', { @phone, approval => '特4号' },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' },
     qr/has expired/],
    [8, 'that has not begun', '310115', { @phone, approval => '特5号' },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' },
     qr/not in force yet/],
    [8, 'of another agency', '310115', { @phone, approval => '特6号' },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' },
     qr/^approval: "特6号" is not an approval that this platform holds for/],
    [8, 'of a city, in the city\'s hands', '310100',
     { @phone, approval => '特6号' }, undef],
    [8, 'that nobody knows', '310115', { @phone, approval => '特99号' },
     'approval-invalid', { 'buyer.phone' => 'approval-invalid' },
     qr/not an approval that this platform holds/],
    [8, 'held by the policy, but not named', '310115', { @phone },
     'approval-required', { 'buyer.phone' => 'approval-required' }],
    [8, 'named without need, and it holds', '310115', { approval => '特1号' },
     undef],
    [8, 'named without need, and it has ended', '310115',
     { approval => '特4号' }, 'approval-invalid', {}],
    [8, 'named by SAMR, which needs none', '000000', { approval => '特1号' },
     'approval-invalid', {}],
    [8, 'a province for itself', '310000', { @phone, approval => '特7号' },
     undef],
    [8, 'XPCC for its own city', '659001', { @phone, approval => '特8号' },
     undef],
    [8, 'through an intermediary', 'smart>310115',
     { @phone, approval => '特1号' }, undef],
    [8, 'a special field in a sweep', '310000',
     { @window, fields => ['goods.supplier'] }, 'approval-required',
     { 'goods.supplier' => 'approval-required' }],
    [8, 'the same with an approval for the case', '310000',
     { @window, fields => ['goods.supplier'], approval => '特9号' }, undef],

    [13, 'a case that the purpose requires', '310115', { case_no => undef },
     'request-invalid', undef, qr/case_no: required by the purpose/],
    [13, 'no number', '310115', { request_no => undef }, 'request-invalid',
     undef, qr/request_no: not given/],
);

tokens();
evidence();
levels();

chain_whole($t);
$t->finish;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;
    my $special = JSON::PP::false;
    my $day = sub { strftime('%Y-%m-%dT%H:%M:%SZ',
                             gmtime time + 86400 * $_[0]) };
    my %sweep = (grant => 'sweep', authority_no => '国市监网授〔2026〕3号');

    $data->{fields}{'goods.supplier'} =
        { group => 'goods', zh => '供货来源', en => 'Supplier',
          standard => $special };
    $data->{grants}{sweep} = { sweep => JSON::PP::true, groups => ['goods'],
                               levels => ['province', 'national'] };
    $p->operation('submit')->{body}{approval_token} = '/approval_token';

    $p->add_agency(@$_) for
        ['310100', 'city', $p->ed25519('310100', 'k310100')],
        ['440000', 'province', $p->ed25519('440000', 'k440000'),
         grants => ['standard', { grant => 'live', not_after => $day->(1) }]],
        ['110000', 'province', $p->ed25519('110000', 'k110000'),
         grants => ['standard', { grant => 'live', not_after => $day->(-1) },
                    { %sweep, not_after => $day->(-1) }]],
        ['XPCC', 'province', $p->ed25519('XPCC', 'kxpcc'), region => '660000'],
        ['659001', 'city', $p->ed25519('659001', 'k659001'), parent => 'XPCC'],
        map { ["$_->[0]", 'national',
               { %{ $p->ed25519($_->[0], "k$_->[0]") },
                 on_behalf_of => ['310115', '310000'] },
               region => '000000', grants => $_->[1]] }
            ['smart', ['standard']], ['wide', ['standard', 'live', 'sweep']];

    my $shanghai = $p->agency('310000');
    push @{ $shanghai->{credentials} }, $p->ed25519('seal', '310000-seal'),
        { %{ $p->ed25519('hub', '310000-hub') }, on_behalf_of => ['310115'] };
    push @{ $shanghai->{grants} }, { %sweep, not_after => $day->(1) };
    push @{ $p->agency('000000')->{grants} }, 'sweep';

    $data->{approvals} = [map {
        my ($n, %more) = @$_;
        { no => "特${n}号", by => '310000', agency => '310115',
          fields => ['buyer.phone'], not_after => $day->(1), %more }
    }
        [1, case_no => $CASE], [2, request_no => $NO],
        [3, subjects => [{ type => 'merchant', id => $USCC }]],
        [4, case_no => $CASE, not_after => $day->(-1)],
        [5, case_no => $CASE, not_before => $day->(0.5)],
        [6, case_no => $CASE, agency => '310100'],
        [7, case_no => $CASE, agency => '310000'],
        [8, case_no => $CASE, agency => '659001', by => 'XPCC'],
        [9, case_no => $CASE, agency => '310000',
         fields => ['goods.supplier']]];
    return $t->policy($p);
}


sub ask {
    my ($who, $over) = @_;
    my ($via, $agency) = $who =~ /^(.+)>(.+)$/ ? ($1, $2) : (undef, $who);

    return $t->client(tls => 0, key => $policy->key($via // $agency))->request(
        'POST', '/xc/v1/requests',
        { headers => [['Content-Type', 'application/json'],
                      $via ? ['XC-On-Behalf-Of', $agency] : ()],
          body => $policy->body(%$over) });
}


sub rows {
    for (@_) {
        my ($row, $name, $who, $over, $reason, $fields, $detail) = @$_;
        my $answer = ask($who, $over);
        my ($agency) = $who =~ /([^>]+)$/;
        my $text = "row $row: $name";

        if (!defined $reason) {
            admitted($t, $text, $answer, agency => $agency);
            next;
        }
        refused($t, $text, $answer, $reason, agency => $agency, auth => 1,
                $fields ? (fields => $fields) : (),
                $detail ? (detail => $detail) : ());
        remedies($text, $answer, $fields);
    }
}


# Each refused field says by what, and what to do.
sub remedies {
    my ($name, $answer, $fields) = @_;
    my @bad;

    for my $f (@{ $answer->{json}{fields} // [] }) {
        my $want = reason($t, $f->{reason});
        push @bad, "$f->{field}: basis $f->{basis}"
            if ($f->{basis} // '') ne $want->{basis};
        push @bad, "$f->{field}: no remedy"
            if ($f->{remedy_zh} // '') !~ /\p{Han}/;
    }
    my ($record) = decisions($t, $answer->{json}{instance} =~ /(\w{32})$/);
    is_deeply($record->{refused} // [], $answer->{json}{fields} // [],
              "$name: the record's refused are the answer's fields")
        if !@bad;
    ok(!@bad, "$name: basis and remedy") or diag(@bad);
}


# --- approvals that travel with the request ---

sub token {
    my (%over) = @_;
    my $key = $policy->key($over{key} // 'seal');
    my $now = time;
    my %header = (alg => 'EdDSA', kid => $key->{keyid},
                  typ => 'xc-approval+jwt', %{ $over{header} // {} });
    my %claims = (iss => '310000', sub => '310115', aud => 'platform.example',
                  iat => $now - 60, exp => $now + 3600, no => '特100号',
                  fields => ['buyer.phone'], case_no => $CASE,
                  %{ $over{claims} // {} });

    delete $claims{$_} for grep { !defined $claims{$_} } keys %claims;
    my $content = join '.', map { encode_base64url($json->encode($_)) }
                  \%header, \%claims;
    return $content . '.'
           . encode_base64url($key->{pk}->sign_message($content));
}


sub tokens {
    my $good = token();
    my %invalid = (fields => { 'buyer.phone' => 'approval-invalid' });
    my $r = admitted($t, 'an approval by token',
                     ask('310115', { @phone, approval_token => $good }));
    is($r->{decision}{approval}, '特100号', 'the record has its number');
    is($r->{decision}{approval_token}, sha256_hex($good), 'and its hash');

    admitted($t, 'a token and its number',
             ask('310115', { @phone, approval_token => $good,
                             approval => '特100号' }));
    admitted($t, 'a token without need',
             ask('310115', { approval_token => $good }));
    refused($t, 'a token and another number',
            ask('310115', { @phone, approval_token => $good,
                            approval => '特1号' }), 'approval-invalid',
            %invalid, detail => qr/^approval_token: no is another number/);

    for (['for another case',
          token(claims => { case_no => '沪市监案〔2026〕1号' }),
          qr/another case/],
         ['for other subjects',
          token(claims => { subjects => [{ type => 'merchant',
                                           id => $OTHER }] }),
          qr/named subjects/],
         ['that has ended', token(claims => { exp => time - 1 }),
          qr/the token has expired/],
         ['for another platform', token(claims => { aud => 'other.example' }),
          qr/aud does not name/],
         ['for another agency', token(claims => { sub => '310100' }),
          qr/sub is not/],
         ['by another province', token(key => '440000',
                                       claims => { iss => '440000' }),
          qr/own province/],
         ['by the county itself', token(key => '310115',
                                        claims => { iss => '310115' }),
          qr/own province/],
         ['by the county in its province\'s name', token(key => '310115'),
          qr/iss is not/],
         ['by the province\'s intermediary', token(key => 'hub'),
          qr/an intermediary's key/],
         ['under a shared secret',
          token(header => { alg => 'HS256', kid => '310000-2026' }),
          qr/shared secret/],
         ['that is unsigned', token(header => { alg => 'none' }), qr/alg is/],
         ['of another type', token(header => { typ => 'JWT' }), qr/typ is/],
         ['with a condition', token(claims => { only => 'x' }), qr/a claim/],
         ['for any case', token(claims => { case_no => undef }), qr/none of/],
         ['whose signature is another\'s', do {
             my ($h, $c) = split /\./, token(claims => { no => '特101号' });
             join '.', $h, $c, (split /\./, $good)[2] },
          qr/does not verify/],
         ['that is none', 'x', qr/three parts/],
         ['that is too long', 'x' x 9000, qr/over 8192 bytes/])
    {
        my ($name, $token, $detail) = @$_;
        my $answer = ask('310115', { @phone, approval_token => $token });

        refused($t, "a token $name", $answer, 'approval-invalid', %invalid,
                detail => $detail,
                record => { approval_token => sha256_hex($token) });
        remedies("a token $name", $answer);
    }

    refused($t, 'a token by the intermediary that brings it',
            $t->client(tls => 0, key => $policy->key('hub'))->request(
                'POST', '/xc/v1/requests',
                { headers => [['Content-Type', 'application/json'],
                              ['XC-On-Behalf-Of', '310115']],
                  body => $policy->body(@phone,
                      approval_token => token(key => 'hub')) }),
            'approval-invalid', %invalid, detail => qr/an intermediary's key/);
    unknown_or_others();

    refused($t, 'a token that is no string',
            ask('310115', { @phone, approval_token => ['x'] }),
            'request-invalid', detail => qr/^approval_token: must be a string/);
    refused($t, 'a token that holds, for another field',
            ask('310115', { approval_token => $good,
                            fields => ['merchant.bank_account'] }),
            'approval-invalid',
            fields => { 'merchant.bank_account' => 'approval-invalid' });
}


# Numbers run on: whether another agency has one can't be found out.
sub unknown_or_others {
    my @told = map {
        my $json = ask('310115', { @phone, approval => $_ })->{json};
        delete @$json{qw(instance record)};
        $json->{$_} =~ s/特\d+号/特N号/ for qw(detail detail_zh);
        $json;
    } '特6号', '特98号';

    is_deeply($told[0], $told[1], 'another\'s approval is as one unknown');
    is($told[0]{type}, 'urn:xc:approval-invalid', 'and both are refused');
}


# Row 13: a request is an act for a case, and the record says which.
sub evidence {
    my $basis = '网络交易监督管理办法 第三十四条';

    admitted($t, 'row 13: what the record holds', ask('310115', {}),
             record => { case_no => $CASE, request_no => $NO,
                         purpose => 'case_investigation',
                         legal_basis => $basis, sweep => undef,
                         urgent => undef });
    admitted($t, 'row 4: a sweep is recorded as one',
             ask('310000', { @window, @goods, category => '食品' }),
             agency => '310000',
             record => { sweep => qr/^1$/, category => '食品',
                         subjects => undef });
    admitted($t, 'row 5: an accident is urgent',
             ask('310115', { purpose => 'accident_handling' }),
             record => { urgent => qr/^1$/ });
}


# Row 3: below a county there is no level.
sub levels {
    my $p = XC::Policy->new;

    $p->agency('310115')->{level} = 'township';
    $p->write($t->path('township.json'));
    my $file = $t->path('township.json');
    my $out = `'@{[$t->xcctl]}' policy check '$file' 2>&1`;
    is($? >> 8, 1, 'row 3: a policy with a township does not load');
    like($out, qr/agencies\[0\]\.level/, 'row 3: which is named');
}


# GB 32100: the last of 18 characters.
sub uscc_check {
    my @alphabet = split //, '0123456789ABCDEFGHJKLMNPQRTUWXY';
    my %value = map { $alphabet[$_] => $_ } 0 .. $#alphabet;
    my ($sum, $weight) = (0, 1);

    for my $c (split //, $_[0]) {
        $sum += $value{$c} * $weight;
        $weight = $weight * 3 % 31;
    }
    return $alphabet[(31 - $sum % 31) % 31];
}
