#!/usr/bin/perl

# The closed request (docs/policy, "The request is closed"): whatever could be
# read in two ways, or that nobody asked for, is refused, and by name.  Every
# case here is properly signed, so that nothing but its own fault can refuse
# it.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use XC::Gate;
use XC::H2;
use XC::Nginx;

my $t = XC::Nginx->new;
my $policy = $t->policy(transport => 'any');

# so that nginx itself drops no name that another server might understand
$t->gate_conf(server => <<'END_CONF');
    underscores_in_headers on;
    ignore_invalid_headers off;
    large_client_header_buffers 4 64k;
    client_header_buffer_size 16k;
END_CONF
$t->run;

my $client = $t->client(tls => 0, keepalive => 1);
my $submit = '/xc/v1/requests';
my $true = JSON::PP::true;

well_formed();
not_json();
not_utf8();
members();
types();
control_characters();
limits();
subjects();
windows();
law();
queries();
operation_input();
paths();
authorities();
reserved_headers();
http2_raw();
content_types();
header_lines();
methods();
versions();
pipelined();
framing();

chain_whole($t);
$t->finish;
done_testing;


sub post {
    my ($body, %o) = @_;

    return $client->request('POST', $submit, { body => $body, %o });
}


sub get {
    my ($target, %o) = @_;

    return $client->request('GET', $target, \%o);
}


# A name as JSON may write it.
sub escaped { join '', map { sprintf '\u%04x', ord } split //, $_[0] }


# A valid body whose member note is these bytes.
sub with_note {
    my ($bytes) = @_;

    return $policy->body(note => 'NOTE') =~ s/"NOTE"/$bytes/r;
}


sub bad_body {
    my ($name, $body, $code, $detail, %o) = @_;

    return refused($t, $name, post($body), $code,
                   $detail ? (detail => $detail) : (), %o);
}


# The value '@null@' stands for null, which body() would leave out.
sub bad_members {
    my ($name, $members, $code, $detail, %o) = @_;
    my $body = $policy->body(%$members) =~ s/"\@null\@"/null/gr;

    return bad_body($name, $body, $code, $detail, %o);
}


# What must pass: without it the rest of this file would prove nothing.
sub well_formed {
    my $body = $policy->body;

    admitted($t, 'a plain submit', post($body));
    admitted($t, 'white space around the object', post(" \r\n\t$body\n "));
    admitted($t, 'members in any escaping',
             post($body =~ s/"fields"/"\\u0066ie\\u006cds"/r));
    admitted($t, 'passed members are not read',
             post(with_note('{"a":[1,2.5e3,null,true,{"b":"\u0001\n"}]}')));
    admitted($t, 'optional members left out',
             post($policy->body(legal_basis => undef, officers => undef,
                                window => undef)));
    admitted($t, 'a field asked for twice counts once',
             post($policy->body(fields => [('merchant.name') x 3])),
             record => { fields => ['merchant.name'] });
    admitted($t, 'a plain query', get($policy->query));
    admitted($t, 'lower-case percent-encoding',
             get($policy->query =~ s/%([0-9A-F]{2})/'%' . lc $1/gre));
}


sub not_json {
    my $body = $policy->body;
    my %bad = (
        'not an object: array' => "[$body]",
        'not an object: string' => '"fields"',
        'not an object: number' => '1',
        'not an object: null' => 'null',
        'only white space' => " \n ",
        'cut short' => substr($body, 0, -1),
        'cut within a string' => substr($body, 0, 20),
        'a second value' => "$body$body",
        'text behind' => "${body}x",
        'trailing comma' => $body =~ s/\}\z/,}/r,
        'a comment' => "/**/$body",
        'single quotes' => $body =~ tr/"/'/r,
        'bare name' => $body =~ s/"fields"/fields/r,
        'NaN' => with_note('NaN'),
        'Infinity' => with_note('-Infinity'),
        'leading zero' => with_note('007'),
        'a plus sign' => with_note('+1'),
        'hexadecimal' => with_note('0x10'),
        'no fraction' => with_note('1.'),
        'unknown escape' => with_note('"\x41"'),
        'short \u' => with_note('"\u12"'),
        'byte order mark' => "\xef\xbb\xbf$body",
        'UTF-16' => join('', map { "\0$_" } split //, $body),
        'raw line feed in a string' => with_note("\"a\nb\""),
        'raw tab in a string' => with_note("\"a\tb\""),
        'NUL behind a number' => with_note("1\0"),
        'NUL in a string' => with_note("\"a\0b\""),
        'NUL behind the value' => "$body\0",
        '\u0000 in a value' => with_note('"a\u0000b"'),
        '\u0000 in a name' => with_note('{"a\u0000b":1}'),
        'a member twice' => $body =~ s/\}\z/,"purpose":"product_recall"}/r,
        'a member twice, the same value' =>
            $body =~ s/\}\z/,"purpose":"case_investigation"}/r,
        'a member twice, escaped' =>
            $body =~ s/\}\z/,"\\u0070urpose":"product_recall"}/r,
        'a member twice, wholly escaped' =>
            $body =~ s/\}\z/',"' . escaped('fields') . '":["buyer.phone"]}'/er,
        'twice within a passed member' => with_note('{"a":1,"a":2}'),
        'twice deep within' => with_note('[[{"a":1,"\u0061":2}]]'),
        'twice within a subject' =>
            $body =~ s/"type":"merchant"/"type":"merchant","type":"order"/r,
        'nested one level too deep' => with_note('[' x 8 . ']' x 8),
        '100,000 levels' => with_note('[' x 100_000 . ']' x 100_000),
        '100,000 objects' => with_note('{"a":' x 40_000 . '1' . '}' x 40_000),
        '100,000 open brackets' => '[' x 100_000,
    );

    for my $name (sort keys %bad) {
        my $detail = $name =~ /levels|100,000|one level/
            ? qr/limit depth of 8/ : qr/^line \d+, column \d+: /;
        bad_body($name, $bad{$name}, 'body-invalid', $detail);
    }

    admitted($t, 'as deep as allowed', post(with_note('[' x 7 . ']' x 7)));
    admitted($t, 'brackets in a string have no depth',
             post(with_note('"' . '[{' x 50 . '"')));

    # what a client sent never comes back through the parser's message
    my $answer = post('{"purpose": ' . 'k7Q' x 10);
    unlike($answer->{body}, qr/k7Q/, 'the body is not quoted');
}


sub not_utf8 {
    my %bad = (
        'FF' => "\xff", 'FE' => "\xfe",
        'a lone continuation' => "\x80",
        'a cut sequence of two' => "\xc3",
        'a cut sequence of three' => "\xe4\xb8",
        'a cut sequence of four' => "\xf0\x9f\x98",
        'overlong /' => "\xc0\xaf",
        'overlong NUL' => "\xc0\x80",
        'overlong of three' => "\xe0\x80\xaf",
        'overlong of four' => "\xf0\x80\x80\xaf",
        'a surrogate' => "\xed\xa0\x80",
        'a pair of surrogates' => "\xed\xa0\xbd\xed\xb8\x80",
        'over U+10FFFF' => "\xf4\x90\x80\x80",
        'five bytes' => "\xf8\x88\x80\x80\x80",
        'six bytes' => "\xfc\x84\x80\x80\x80\x80",
        'GBK' => "\xc9\xcf\xba\xa3",
        'GBK whose second byte is a backslash' => "\x95\\\",\"x\":\"",
        'Latin-1' => "caf\xe9",
        'Shift-JIS' => "\x83\\\\",
    );

    for my $name (sort keys %bad) {
        my $bytes = $bad{$name};
        bad_body("$name in a passed member", with_note("\"$bytes\""),
                 'body-invalid');
        bad_body("$name in a mapped member",
                 $policy->body =~ s/"case_investigation"/"case$bytes"/r,
                 'body-invalid');
    }
    bad_body('bad UTF-8 in a name', with_note("{\"\xff\":1}"), 'body-invalid');
    bad_body('bad UTF-8 outside a string', "\xff" . $policy->body,
             'body-invalid');
    for my $escape ('\ud800', '\udc00', '\ude00\ud83d', '\ud800x',
                    '\ud800\u0041')
    {
        bad_body("the escape $escape", with_note("\"$escape\""),
                 'body-invalid');
    }
    admitted($t, 'a proper pair of escapes',
             post(with_note('"\ud83d\ude00"')));
}


sub members {
    my %bad = (
        'an unmapped member' => [{ extra => 1 }, qr/^extra: /],
        'an unmapped null' => [{ extra => '@null@' }, qr/^extra: /],
        'an empty name' => [{ '' => 1 }, qr/no such member/],
        'a name beside' => [{ 'fields ' => [] }, qr/^fields : /],
        'a name in other case' => [{ Purpose => 'x', purpose => undef },
                                   qr/^Purpose: /],
        'a pointer as a name' => [{ '/fields' => [] }, qr{^/fields: }],
        'a proto' => [{ __proto__ => {} }, qr/^__proto__: /],
        'a long name' => [{ 'n' x 5000 => 1 }, qr/^n{64}\.\.\.: /],
        'a long name, cut between characters' =>
            [{ '名' x 30 => 1 }, qr/^名{21}\.\.\.: /],
        'a member of a subject' =>
            [{ subjects => [{ type => 'merchant', id => $XC::Policy::USCC,
                              x => 1 }] },
             qr/^subjects\[0\]: .*other members/],
        'a member of an officer' =>
            [{ officers => [{ certificate => '31', name => 'x' }] },
             qr/^officers\[0\]: .*other members/],
        'a member of the window' =>
            [{ window => { from => '2026-10-01', to => '2026-10-02',
                           tz => 'UTC' } }, qr/^window: .*other members/],
        'a twin by case' => [{ Fields => [] }, qr/but for case/],
        'a twin by _' => [{ requestno => 'x' }, qr/but for case/],
        'a twin by -' => [{ 'request-no' => 'x' }, qr/but for case/],
        'a twin by all' => [{ '-R_EQUEST--NO_' => 'x' }, qr/but for case/],
        'twins within a passed member' =>
            [{ note => { a_b => 1, AB => 2 } }, qr/but for case/],
        'twins deep within' =>
            [{ note => [[{ x => { k => 1, K => 2 } }]] }, qr/but for case/],
        'twins, both unmapped' =>
            [{ zz => 1, 'z-z' => 2 }, qr/but for case/],
        'twins within a subject' =>
            [{ subjects => [{ type => 'merchant', id => $XC::Policy::USCC,
                              ID => 'x' }] }, qr/but for case/],
        'twins of long names' =>
            [{ note => { 'a' x 1000 => 1, 'A' x 1000 => 2 } },
             qr/but for case/],
        'long names of one beginning' =>
            [{ note => { 'a' x 1000 . 'B' => 1, 'A' x 1000 . '_b' => 2 } },
             qr/but for case/],
    );

    for my $name (sort keys %bad) {
        my ($over, $detail) = @{ $bad{$name} };
        bad_members($name, $over, 'request-invalid', $detail);
    }

    # not equal: other letters, or folding beyond ASCII
    admitted($t, 'no twins', post($policy->body(note => {
        a => 1, ab => 2, 'é' => 3, 'É' => 4, 'a.b' => 5, _ => 6 })));
    bad_members('twins of nothing but _ and -',
                { note => { '_' => 1, '-' => 2 } }, 'request-invalid',
                qr/but for case/);
    bad_members('10,000 members', { map { ("m$_" => $_) } 1 .. 10_000 },
                'request-invalid', qr/no such member/);
    admitted($t, '5,000 members within a passed one',
             post($policy->body(note => { map { ("m$_" => 1) } 1 .. 5000 })));
}


sub types {
    my %value = (string => 'x', integer => 7, real => 1.5, true => $true,
                 null => '@null@', array => [], object => {});
    my %right = (fields => 'array', officers => 'array', subjects => 'array',
                 window => 'object');

    for my $member (qw(fields request_no purpose case_no legal_basis officers
                       subjects window category region approval))
    {
        my $right = $right{$member} // 'string';
        for my $type (sort keys %value) {
            next if $type eq $right;
            bad_members("$member is $type", { $member => $value{$type} },
                        'request-invalid',
                        qr/^\Q$member\E: must be an? $right/);
        }
    }

    for my $type (qw(integer null array object)) {
        my $v = $value{$type};
        bad_members("fields[1] is $type", { fields => ['merchant.name', $v] },
                    'request-invalid', qr/^fields\[1\]: must be a string/);
        bad_members("subjects[0].id is $type",
                    { subjects => [{ type => 'merchant', id => $v }] },
                    'request-invalid', qr/^subjects\[0\]\.id: must be/);
        bad_members("subjects[0].type is $type",
                    { subjects => [{ type => $v, id => 'x' }] },
                    'request-invalid', qr/^subjects\[0\]\.type: must be/);
        bad_members("certificate is $type",
                    { officers => [{ certificate => $v }] },
                    'request-invalid', qr/^officers\[0\]\.certificate: must/);
        bad_members("window.to is $type",
                    { window => { from => '2026-10-01', to => $v } },
                    'request-invalid', qr/^window\.to: must be/);
    }
    for my $type (qw(string integer null array)) {
        bad_members("officers[0] is $type", { officers => [$value{$type}] },
                    'request-invalid', qr/^officers\[0\]: must be an object/);
        bad_members("subjects[0] is $type", { subjects => [$value{$type}] },
                    'request-invalid', qr/^subjects\[0\]: must be an object/);
    }

    # a number that prints like the string is not the string
    bad_members('a case number as a number', { case_no => 310 },
                'request-invalid', qr/^case_no: must be a string/);
    bad_members('no request_no', { request_no => undef }, 'request-invalid',
                qr/^request_no: not given/);
    bad_members('no case_no where the purpose asks for it',
                { case_no => undef }, 'request-invalid',
                qr/^case_no: required by the purpose/);
    admitted($t, 'no case_no where none is asked for',
             post($policy->body(case_no => undef,
                                purpose => 'dispute_resolution')));
}


sub control_characters {
    my @bad = (["\n", 'line feed'], ["\r", 'carriage return'],
               ["\t", 'tab'], ["\x01", 'U+0001'], ["\x1f", 'U+001F'],
               ["\x7f", 'DEL'], ["\x{80}", 'U+0080'], ["\x{85}", 'NEL'],
               ["\x{9f}", 'U+009F']);
    my %of = (
        request_no  => '沪市监协查〔2026〕1182号',
        case_no     => '沪市监案〔2026〕310号',
        legal_basis => '第三十四条',
        purpose     => 'case_investigation',
        approval    => '沪市监协特〔2026〕7号',
    );

    for my $member (sort keys %of) {
        for my $b (@bad) {
            bad_members("$member ends with $b->[1]",
                        { $member => $of{$member} . $b->[0] },
                        'request-invalid',
                        qr/^$member: holds a control character/);
        }
        bad_members("$member is empty", { $member => '' }, 'request-invalid',
                    qr/^$member: must not be empty/);
    }

    for my $b (@bad) {
        bad_members("a field ends with $b->[1]",
                    { fields => ["merchant.name$b->[0]"] }, 'request-invalid',
                    qr/^fields\[0\]: holds a control/);
        bad_members("a subject ends with $b->[1]",
                    { subjects => [{ type => 'merchant',
                                     id => $XC::Policy::USCC . $b->[0] }] },
                    'request-invalid', qr/^subjects\[0\]\.id: holds/);
        bad_members("a certificate ends with $b->[1]",
                    { officers => [{ certificate => "31$b->[0]" }] },
                    'request-invalid', qr/^officers\[0\]\.certificate: holds/);
        bad_members("a date ends with $b->[1]",
                    { window => { from => '2026-10-01',
                                  to => "2026-10-02$b->[0]" } },
                    'request-invalid', qr/^window\.to: holds/);
    }

    # the pattern is anchored at both ends
    bad_members('request_no before the pattern',
                { request_no => 'x沪市监协查〔2026〕1182号' },
                'request-invalid', qr/^request_no: .*form/);
    bad_members('request_no behind the pattern',
                { request_no => '沪市监协查〔2026〕1182号x' },
                'request-invalid', qr/^request_no: .*form/);
    bad_members('a forged line of the log',
                { request_no => "x\n{\"seq\":0,\"event\":\"decision\"}" },
                'request-invalid', qr/control character/);
    admitted($t, 'a forged member of the log stays a value',
             post($policy->body(
                 legal_basis => '","decision":"allow","x":"\\')),
             record => { legal_basis => '","decision":"allow","x":"\\',
                         x => undef });
}


sub limits {
    my @field = ('merchant.name', 'merchant.uscc');
    my $officer = { certificate => '31000000017' };
    my $subject = { type => 'merchant', id => $XC::Policy::USCC };
    my %window = (from => '2026-01-01');

    bad_members('10,000 fields',
                { fields => [map { "merchant.f$_" } 1 .. 10_000] },
                'request-invalid',
                qr/^fields: 10000 given, over the limit fields of 64/);
    bad_members('65 fields', { fields => [(@field) x 32, $field[0]] },
                'request-invalid',
                qr/^fields: 65 given, over the limit fields of 64/);
    admitted($t, '64 fields', post($policy->body(fields => [(@field) x 32])));
    bad_members('a field name over 64 bytes',
                { fields => ['m' x 65] }, 'request-invalid',
                qr/^fields\[0\]: 65 bytes, over the limit of 64/);
    bad_members('a field name of 64 bytes', { fields => ['m' x 64] },
                'field-unknown');

    for my $member (qw(legal_basis case_no)) {
        bad_members("$member over the limit", { $member => '号' x 86 },
                    'request-invalid',
                    qr/^$member: 258 bytes .*over the limit string of 256/);
    }
    admitted($t, 'a string at the limit',
             post($policy->body(legal_basis => '条' x 85 . 'x')));
    bad_members('a certificate over the limit',
                { officers => [{ certificate => '3' x 257 }] },
                'request-invalid', qr/^officers\[0\]\.certificate: 257 bytes/);

    bad_members('9 officers', { officers => [($officer) x 9] },
                'request-invalid',
                qr/^officers: 9 given, over the limit officers of 8/);
    admitted($t, '8 officers',
             post($policy->body(officers => [($officer) x 8])));
    bad_members('51 subjects', { subjects => [($subject) x 51] },
                'request-invalid',
                qr/^subjects: 51 given, over the limit subjects of 50/);
    admitted($t, '50 subjects',
             post($policy->body(subjects => [($subject) x 50])));
    bad_members('5,000 subjects',
                { subjects => [map { +{ type => 'order', id => "order-$_" } }
                               1 .. 5000] },
                'request-invalid', qr/^subjects: 5000 given/);

    bad_members('a window of 367 days',
                { window => { %window, to => '2027-01-02' } },
                'request-invalid',
                qr/^window: 367 days, over the limit window_days of 366/);
    admitted($t, 'a window of 366 days',
             post($policy->body(window => { %window, to => '2027-01-01' })));
}


sub subjects {
    my %bad = (
        'an unknown type' => [{ type => 'person', id => 'x' },
                              qr/^subjects\[0\]\.type: "person"/],
        'a type in other case' => [{ type => 'Merchant',
                                     id => $XC::Policy::USCC },
                                   qr/"Merchant"/],
        'no id' => [{ type => 'merchant' }, qr/^subjects\[0\]\.id: not given/],
        'no type' => [{ id => 'x' }, qr/^subjects\[0\]\.type: not given/],
        'an empty id' => [{ type => 'live_room', id => '' },
                          qr/^subjects\[0\]\.id: must not be empty/],
        'a wrong check character' => [{ type => 'merchant',
            id => '91310000MA1FL0000X' }, qr/^subjects\[0\]\.id: not a unif/],
        'lower case' => [{ type => 'merchant', id => lc $XC::Policy::USCC },
                         qr/^subjects\[0\]\.id: not a unified/],
        'seventeen characters' => [{ type => 'merchant',
            id => substr $XC::Policy::USCC, 0, 17 }, qr/not a unified/],
        'not its pattern' => [{ type => 'order', id => 'a b c d e f' },
                              qr/^subjects\[0\]\.id: does not have the form/],
        'too short for it' => [{ type => 'order', id => '12345' },
                               qr/does not have the form/],
        'too long for any' => [{ type => 'live_room', id => 'r' x 257 },
                               qr/257 bytes/],
    );

    for my $name (sort keys %bad) {
        my ($subject, $detail) = @{ $bad{$name} };
        my $answer = post($policy->body(subjects => [$subject]));
        refused($t, "subject: $name", $answer, 'request-invalid',
                detail => $detail);
        unlike($answer->{body}, qr/\Q$subject->{id}\E/,
               "subject: $name: the id is not quoted")
            if length($subject->{id} // '') > 4;
    }
    admitted($t, 'subjects of three types',
        post($policy->body(subjects => [
            { type => 'merchant', id => $XC::Policy::USCC },
            { type => 'order', id => '2026-0001' },
            { type => 'live_room', id => '直播间 1' }])),
        record => { subjects => [{ type => 'merchant' }, { type => 'order' },
                                 { type => 'live_room' }] });
}


sub windows {
    my %bad = (
        'no such day' => ['2026-02-30', '2026-03-01', qr/^window\.from: not/],
        'no leap year' => ['2026-02-29', '2026-03-01', qr/^window\.from: not/],
        'month 13' => ['2026-01-01', '2026-13-01', qr/^window\.to: not a/],
        'a time' => ['2026-01-01T00:00:00Z', '2026-01-02', qr/^window\.from/],
        'slashes' => ['2026/01/01', '2026-01-02', qr/^window\.from/],
        'one digit' => ['2026-1-1', '2026-01-02', qr/^window\.from/],
        'other digits' => ['２０２６-01-01', '2026-01-02', qr/^window\.from/],
        'backwards' => ['2026-01-02', '2026-01-01', qr/ends before it begins/],
    );

    for my $name (sort keys %bad) {
        my ($from, $to, $detail) = @{ $bad{$name} };
        bad_members("window: $name",
                    { window => { from => $from, to => $to } },
                    'request-invalid', $detail);
    }
    bad_members('window: no end', { window => { from => '2026-01-01' } },
                'request-invalid', qr/^window\.to: not given/);
    admitted($t, 'a window of one day',
             post($policy->body(window => { from => '2024-02-29',
                                            to => '2024-02-29' })));
}


# What the closed request lets in, and the law does not.
sub law {
    my %bad = (
        'no fields' => [{ fields => undef }, 'field-list-missing'],
        'empty fields' => [{ fields => [] }, 'field-list-missing'],
        'no purpose' => [{ purpose => undef }, 'purpose-not-allowed'],
        'another purpose' => [{ purpose => 'statistics' },
                              'purpose-not-allowed'],
        'a purpose in other case' => [{ purpose => 'Case_Investigation' },
                                      'purpose-not-allowed'],
        'a purpose with a space' => [{ purpose => 'case_investigation ' },
                                     'purpose-not-allowed'],
        'an approval that nobody knows' =>
            [{ approval => '沪市监协特〔2026〕7号' }, 'approval-invalid'],
        'a category' => [{ category => '食品' }, 'sweep-not-authorized'],
        'a region' => [{ region => '310000' }, 'sweep-not-authorized'],
        'a window alone' => [{ subjects => undef }, 'sweep-not-authorized'],
        'a window with empty subjects' => [{ subjects => [] },
                                           'sweep-not-authorized'],
        'no subject' => [{ subjects => undef, window => undef },
                         'subject-required'],
        'empty subjects' => [{ subjects => [], window => undef },
                             'subject-required'],
    );

    for my $name (sort keys %bad) {
        my ($over, $code) = @{ $bad{$name} };
        bad_members("law: $name", $over, $code);
    }

    # the first fault in the order of checks names the refusal, and within
    # the fields step the table's order; all refused fields are listed
    bad_members('a bad member before a bad field',
                { fields => ['x.y'], legal_basis => '' }, 'request-invalid');
    bad_members('the purpose before a limit',
                { purpose => 'statistics', fields => [('merchant.name') x 65] },
                'purpose-not-allowed');
    bad_members('all refused fields are listed',
                { fields => ['buyer.phone', 'livestream.host', 'x.y',
                             'merchant.name', 'merchant.bank_account'],
                  category => 'x' },
                'field-unknown', qr/"x\.y"/,
                fields => { 'x.y' => 'field-unknown',
                            'merchant.name' => 'sweep-not-authorized',
                            'livestream.host' => 'field-not-granted',
                            'buyer.phone' => 'approval-required',
                            'merchant.bank_account' => 'approval-required' });
    bad_members('a field in other case', { fields => ['Merchant.Name'] },
                'field-unknown', qr/"Merchant\.Name"/,
                fields => { 'Merchant.Name' => 'field-unknown' });
}


sub queries {
    my $good = $policy->query;
    my ($path, $query) = split /\?/, $good;
    my %bad = (
        'an unmapped name' => ["$query&x=1", qr/^x: /],
        'a name in other case' => [$query =~ s/purpose/Purpose/r, qr/^Purpose/],
        'a name twice' => ["$query&purpose=product_recall",
                           qr/^purpose: stands twice/],
        'a name twice, the same value' =>
            ["$query&purpose=case_investigation", qr/stands twice/],
        'an encoded name' => [$query =~ s/fields=/%66ields=/r, qr/^%66ields/],
        'an encoded name twice' => ["$query&%66ields=buyer.phone", qr/^%66/],
        'a name with brackets' => ["$query&fields[]=buyer.phone",
                                   qr/^fields\[\]: /],
        'a plus sign' => ["$query+x", qr/^case_no: .*"\+"/],
        'a semicolon between' => ["$query;x=1", qr/";"/],
        'an ampersand at the end' => ["$query&", qr/name=value/],
        'an ampersand at the start' => ["&$query", qr/name=value/],
        'two ampersands' => [$query =~ s/&/&&/r, qr/name=value/],
        'no equals sign' => ["$query&note", qr/name=value/],
        'no name' => ["$query&=1", qr/name=value/],
        'a percent sign alone' => ["$query%", qr/%XX/],
        'a cut escape' => ["$query%e", qr/%XX/],
        'no hexadecimal' => ["$query%zz", qr/%XX/],
        '%u' => ["$query%u0041", qr/%XX/],
        'a raw quote' => ["$query\"", qr/%XX/],
        'a raw backslash' => ["$query\\", qr/%XX/],
        'a raw brace' => ["$query\{", qr/%XX/],
        'encoded GBK' => ["$query%BA%C5", qr/not UTF-8/],
        'an overlong escape' => ["$query%C0%AF", qr/not UTF-8/],
        'a surrogate' => ["$query%ED%A0%80", qr/not UTF-8/],
        'an encoded NUL' => ["$query%00", qr/control character/],
        'an encoded line feed at the end' => ["$query%0A", qr/control/],
        'an encoded line feed in request_no' =>
            [$query =~ s/(request_no=[^&]*)/$1%0A/r,
             qr/^request_no: .*control/],
        'a line feed in a field' =>
            [$query =~ s/(fields=[^&]*)/$1%0A/r, qr/^fields\[1\]: .*control/],
        'an empty element' => [$query =~ s/,/,,/r, qr/^fields\[1\]: .*empty/],
        'a comma at the end' => [$query =~ s/(fields=[^&]*)/$1,/r,
                                 qr/^fields\[2\]: .*empty/],
        'an empty request_no' => [$query =~ s/request_no=[^&]*/request_no=/r,
                                  qr/^request_no: must not be empty/],
        'no request_no' => [$query =~ s/request_no=[^&]*&//r,
                            qr/^request_no: not given/],
        'no case_no' => [$query =~ s/&case_no=.*//r,
                         qr/^case_no: required by the purpose/],
        '500 fields' => [$query =~ s/fields=[^&]*/'fields=' . join ',', map
                         { "a.b$_" } 1 .. 500/er,
                         qr/^fields: 500 given, over the limit fields of 64/],
        'a long value' => [$query =~ s/case_no=.*/'case_no=' . 'x' x 257/er,
                           qr/^case_no: 257 bytes .*limit string of 256/],
        'a body\'s member' => ["$query&subjects=x", qr/^subjects: /],
    );

    for my $name (sort keys %bad) {
        my ($q, $detail) = @{ $bad{$name} };
        refused($t, "query: $name", get("$path?$q"), 'request-invalid',
                detail => $detail);
    }

    my %other = (
        'no query at all' => ['', 'purpose-not-allowed'],
        'a question mark alone' => ['?', 'purpose-not-allowed'],
        'no purpose' => ['?' . $query =~ s/purpose=[^&]*&//r,
                         'purpose-not-allowed'],
        'no fields' => ['?' . $query =~ s/fields=[^&]*&//r,
                        'field-list-missing'],
        'empty fields' => ['?' . $query =~ s/fields=[^&]*/fields=/r,
                           'field-list-missing'],
        'another field' => ['?' . $query =~ s/merchant\.uscc/x.y/r,
                            'field-unknown'],
        # no signature covers such bytes (RFC 9421 2.5)
        'raw UTF-8' => ["?$query\xe5\x8f\xb7", 'signature-invalid'],
        'raw GBK' => ["?$query\xba\xc5", 'signature-invalid'],
        'a fragment' => ["?$query#frag", 'path-invalid'],
        'a fragment that holds the field' =>
            ["?$query#&fields=buyer.phone", 'path-invalid'],
        'a fragment before the query' => ["#?$query", 'path-invalid'],
    );
    for my $name (sort keys %other) {
        my ($q, $code) = @{ $other{$name} };
        refused($t, "query: $name", get("$path$q"), $code,
                $code eq 'path-invalid' ? (detail => qr/number sign/) : ());
    }

    admitted($t, 'an encoded comma separates like a plain one',
             get("$path?" . $query =~ s/,/%2C/r),
             record => { fields => ['merchant.name', 'merchant.uscc'] });
    admitted($t, 'another question mark is a part of the value',
             get("$path?" . $query =~ s/case_no=.*/case_no=a?b/r),
             record => { case_no => 'a?b' });
    refused($t, 'a wrong subject in the path',
            get($policy->query(subject => '91310000MA1FL0000X')),
            'request-invalid', detail => qr/^path\.subject: /,
            record => { uri => qr{^/xc/v1/merchants/\{subject\}\?} });
}


# A query or a body where the operation has none.
sub operation_input {
    my $body = $policy->body;

    for my $q ('?', '?a=1', '?fields=buyer.phone') {
        refused($t, "a submit with $q",
                $client->request('POST', "$submit$q", { body => $body }),
                'request-invalid', detail => qr/takes no query/);
    }
    refused($t, 'a query with a body',
            get($policy->query, body => $body), 'request-invalid',
            detail => qr/takes no body/);
    refused($t, 'a query with a chunked body',
            get($policy->query, body => $body, chunked => 1),
            'request-invalid', detail => qr/takes no body/);
    refused($t, 'a query with a chunked body of nothing',
            get($policy->query, body => '', chunked => 1),
            'request-invalid', detail => qr/takes no body/);
    admitted($t, 'a query with Content-Length: 0',
             get($policy->query, headers => [['Content-Length', '0']]));
    refused($t, 'a submit without a body',
            $client->request('POST', $submit), 'body-missing');
    refused($t, 'a submit with Content-Length: 0',
            $client->request('POST', $submit,
                             { headers => [['Content-Length', 0]] }),
            'body-missing');
}


sub paths {
    my $query = (split /\?/, $policy->query)[1];
    my $uscc = $XC::Policy::USCC;
    my %bad = (
        'a percent sign' => ["/xc/v1/merchants/%39${\ substr $uscc, 1}",
                             qr/percent/],
        'an encoded slash' => ['/xc/v1%2Frequests', qr/percent/],
        'an encoded dot segment' => ["/xc/v1/%2e%2e/v1/merchants/$uscc",
                                     qr/percent/],
        'an encoded line feed' => ["/xc/v1/merchants/$uscc%0A", qr/percent/],
        'a double encoding' => ["/xc/v1/merchants/$uscc%250A", qr/percent/],
        'a semicolon' => ["/xc/v1/merchants/$uscc;x=1", qr/semicolon/],
        'a semicolon within' => ["/xc;/v1/merchants/$uscc", qr/semicolon/],
        'a backslash' => ["/xc/v1\\merchants/$uscc", qr/backslash/],
        'backslashes for dots' => ["/xc/..\\v1/merchants/$uscc",
                                   qr/backslash/],
        'two slashes' => ["/xc//v1/merchants/$uscc", qr/two slashes/],
        'two slashes at the start' => ["//xc/v1/merchants/$uscc",
                                       qr/two slashes/],
        'two slashes at the end' => ["/xc/v1/merchants/$uscc//",
                                     qr/two slashes/],
        'a dot segment' => ["/xc/./v1/merchants/$uscc", qr/dot segment/],
        'two dots' => ["/xc/x/../v1/merchants/$uscc", qr/dot segment/],
        'a dot at the end' => ["/xc/v1/merchants/$uscc/.", qr/dot segment/],
        'two dots at the end' => ["/xc/v1/merchants/$uscc/x/..",
                                  qr/dot segment/],
        'UTF-8' => ["/xc/v1/merchants/$uscc\xe5\x8f\xb7", qr/non-ASCII/],
        'GBK' => ["/xc/v1/merchants/\xba\xc5", qr/non-ASCII/],
        'FF' => ["/xc/v1/\xff", qr/non-ASCII/],
        'a fragment' => ['/xc/v1/requests#', qr/number sign/],
    );

    for my $name (sort keys %bad) {
        my ($path, $detail) = @{ $bad{$name} };
        for my $target ($path, "$path?$query") {
            next if $name eq 'a fragment' && $target ne $path;
            refused($t, "path: $name", get($target), 'path-invalid',
                    detail => $detail);
        }
    }
    refused($t, 'path: a POST to a path with dots',
            $client->request('POST', '/x/..' . $submit,
                             { body => $policy->body }), 'path-invalid');

    for my $path ("$submit/", '/xc/v1', '/', "/xc/v1/merchants/$uscc/",
                  "/xc/v1/merchants/${uscc}0", "/XC/v1/merchants/$uscc",
                  "/x/xc/v1/merchants/$uscc", '/xc/v1/.../merchants',
                  "/xc/v1/merchants/\{$uscc\}", '/xc/v1/merchants/',
                  '/.well-known/xc', '/' . 'a' x 4000)
    {
        refused($t, 'path: none that is known: ' . substr($path, 0, 40),
                get("$path?$query"), 'operation-unknown');
    }

    # nginx's own refusals: not the gate's, no record, and nothing got through
    my $before = () = decisions($t);
    for my $path ('/xc/v1/%00', '/../xc/v1/requests', '/xc/v1/ requests',
                  "/xc/v1/\x01", "/xc/v1/\x7f", '/xc/v1/%zz')
    {
        my $name = $path =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ger;
        is(get($path, keepalive => 0)->{status}, 400,
           "path: nginx refuses $name");
    }
    is(scalar(() = decisions($t)), $before, 'without a record');
    is($t->backend->count, 0, 'the back end saw none of them');
}


sub authorities {
    my $query = $policy->query;
    my $one = sub {
        my ($authority, %o) = @_;
        return get($query, authority => $authority, keepalive => 0, %o);
    };

    admitted($t, 'Host in other case', $one->('Platform.EXAMPLE'));
    admitted($t, 'Host with the default port', $one->('platform.example:80'));
    admitted($t, 'Host with another port', $one->('platform.example:8443'),
             record => { host => 'platform.example:8443' });

    for my $host ('other.example', 'platform.example.', 'xplatform.example',
                  'platform.example.evil', 'platform.example:0',
                  'platform.example:99999', 'platform.example:8o',
                  'platform.example:', 'user@platform.example',
                  'platform.example:80:80', '127.0.0.1', '[::1]',
                  'platform.exampl%65', 'platform.example,other.example',
                  '平台.example')
    {
        my $bytes = $host;
        utf8::encode($bytes);
        refused($t, "Host: $host", $one->($bytes), 'authority-unknown');
    }

    # as nginx answers malformed ones itself, before any module
    my $before = () = decisions($t);
    for my $host ('', 'platform.example/x', 'platform.example other',
                  'platform..example', "platform.example\0")
    {
        my $answer = $one->($host);
        my $name = $host =~ s/\0/\\0/r;
        is($answer->{status}, 400, "Host: '$name': nginx refuses");
    }
    is(scalar(() = decisions($t)), $before, 'without a record');

    # two lines, in either order, and the same twice
    for my $pair (['platform.example', 'other.example'],
                  ['other.example', 'platform.example'],
                  ['platform.example', 'platform.example'])
    {
        my $answer = $one->('platform.example',
                            headers => [map { ['Host', $_] } @$pair]);
        no_way_in("Host: @$pair", $answer, 'authority-unknown');
    }

    for my $form ("http://platform.example$query",
                  "https://platform.example$query",
                  "HTTP://platform.example$query",
                  "http://other.example$query",
                  "http://platform.example:80$query")
    {
        my ($path, $rest) = $query =~ /^([^?]*)(.*)/;
        my $answer = $client->request('GET', $form, { keepalive => 0,
            sign => { values => { '@path' => $path, '@query' => $rest } } });
        refused($t, 'absolute form: ' . substr($form, 0, 30), $answer,
                'authority-unknown', detail => qr/origin form/);
    }
}


# Refused by the gate with its reason, or by nginx before it; the back end saw
# nothing either way.
sub no_way_in {
    my ($name, $answer, $code) = @_;

    if ($answer && ($answer->{json}{type} // '') =~ /^urn:xc:/) {
        return refused($t, $name, $answer, $code,
                       $name =~ /^HTTP\/2/ ? (bare => 1) : ());
    }
    # a stream that HTTP/2 lets a server reset (RFC 9113 8.1.1)
    like($answer ? $answer->{status} : 'none',
         $name =~ /^HTTP\/2/ ? qr/^(?:400|none)$/ : qr/^400$/,
         "$name: nginx refuses");
    is($t->backend->count, 0, "$name: the back end saw nothing");
}


sub reserved_headers {
    for my $name (qw(
        X-XC-Agency x-xc-agency X-Xc-Id X-XC-Anything X-XC- x_xc_agency
        X_XC_ID X-XC_Fields X_XC-Record X.XC.Id x.xc-level X-XC.Request-No
        X~XC~Fields X!XC-Id x-xc'level X*HTTP+Method^Override XC|Request
        Upgrade UPGRADE X-HTTP-Method-Override x_http_method_override
        X.HTTP.Method.Override X-Http-Method_Override X-Original-URL
        x_original_url X-Rewrite-URL X_Rewrite_Url
        XC_On_Behalf_Of xc-on.behalf-of XC_Request xc.request xc_request))
    {
        refused($t, "header $name",
                get($policy->query, headers => [[$name, '310000']]),
                'header-reserved', detail => qr/\Q$name\E/);
    }
    refused($t, 'a reserved header without a value',
            get($policy->query, headers => [['X-XC-Agency', '']]),
            'header-reserved');
    refused($t, 'a long reserved header',
            get($policy->query, headers => [['X-XC-' . 'a' x 2000, '1']]),
            'header-reserved', detail => qr/X-XC-a{59} is reserved/);
    refused($t, 'a reserved header that is signed',
            get($policy->query, headers => [['X-XC-Agency', '310000']],
                sign => { components => [qw(@method @authority @path @query
                                            x-xc-agency)] }),
            'header-reserved');
    refused($t, 'a reserved header before the signature is looked at',
            get($policy->query, headers => [['X-XC-Agency', 1]], sign => 0),
            'header-reserved');
    refused($t, 'an upgrade to WebSocket',
            get($policy->query, headers => [['Connection', 'Upgrade'],
                                            ['Upgrade', 'websocket']]),
            'header-reserved');

    my @fine = map { [$_, '310000'] } qw(X-XCA XX-XC-Id X-XC X-X-XC-Id
        X-Forwarded-For Forwarded X-Real-IP X-Original-URLs X-Upgrade
        Authorization Cookie Proxy Range If-Match);
    my $seen = admitted($t, 'headers that are not reserved',
        get($policy->query, headers => \@fine))->{seen};
    my %passed = map { $_->[0] => 1 } @fine;
    is(join(' ', grep { $passed{$_} } map { $_->[0] } @{ $seen->{headers} }),
       '', 'which the back end does not get');
    is($seen->{h}{'x-xc-agency'}, '310115', 'the agency is the gate\'s word');
}


# HTTP/2 that no client library would send.
sub http2_raw {
    my $query = $policy->query;
    my $signer = $t->client;
    my $signed = sub {
        return map { [lc $_->[0], $_->[1]] }
            $signer->signed_headers('GET', $query, [@_], undef, {},
                                    'platform.example');
    };
    my @pseudo = ([':method', 'GET'], [':scheme', 'https'],
                  [':path', $query]);
    my @authority = ([':authority', 'platform.example']);

    my $answer = h2(@pseudo, @authority, $signed->());
    is($answer->{body}, '{"ok":true}', 'HTTP/2: a proper request');
    is($t->backend->count, 1, 'HTTP/2: admitted');
    $t->backend->forget;

    my %bad = (
        'host differs from :authority' =>
            [[@authority, ['host', 'other.example']], 'authority-unknown'],
        ':authority differs from host' =>
            [[[':authority', 'other.example'], ['host', 'platform.example']],
             'authority-unknown'],
        'another authority' =>
            [[[':authority', 'other.example']], 'authority-unknown'],
        'a reserved header' =>
            [[@authority, ['x-xc-agency', '310000']], 'header-reserved'],
        'a reserved header with _' =>
            [[@authority, ['x_xc_agency', '310000']], 'header-reserved'],
        'upgrade' => [[@authority, ['upgrade', 'h2c']], 'header-reserved'],
    );
    for my $name (sort keys %bad) {
        my ($headers, $code) = @{ $bad{$name} };
        no_way_in("HTTP/2: $name", h2(@pseudo, @$headers, $signed->()), $code);
    }

    # with the same value RFC 9113 8.3.1 allows it; the gate need not
    $answer = h2(@pseudo, @authority, ['host', 'platform.example'],
                 $signed->());
    like($answer ? $answer->{status} : 'none', qr/^(?:200|400|401)$/,
         'HTTP/2: host beside the same :authority');
    $t->backend->forget;

    my @path = ([':method', 'GET'], [':scheme', 'https'], @authority);
    for my $path ('/xc/../xc', '/xc/%41', '/a;b', "/\xe5\x8f\xb7",
                  "$query#x")
    {
        no_way_in('HTTP/2: path ' . substr($path, 0, 9),
                  h2(@path, [':path', $path], $signed->()), 'path-invalid');
    }
    no_way_in('HTTP/2: absolute path', h2(@path,
        [':path', "https://platform.example$query"], $signed->()),
        'authority-unknown');
    no_way_in('HTTP/2: no authority', h2(@pseudo, $signed->()),
              'authority-unknown');
    no_way_in('HTTP/2: no path', h2(@path, $signed->()), 'path-invalid');
    no_way_in('HTTP/2: an upper-case name',
              h2(@pseudo, @authority, ['X-XC-Agency', '1'], $signed->()),
              'header-reserved');
    no_way_in('HTTP/2: a line break in a value',
              h2(@pseudo, @authority, ['x-a', "1\r\nx-xc-agency: 1"],
                 $signed->()), 'header-reserved');
}


sub h2 { XC::H2->new($t->client)->headers([@_], 1)->answer }


sub content_types {
    my $body = $policy->body;

    for my $type ('application/json', 'Application/JSON',
                  'application/json;charset=utf-8',
                  'application/json; charset=UTF-8',
                  'application/json ; charset="utf-8"')
    {
        admitted($t, "Content-Type: $type",
                 post($body, headers => [['Content-Type', $type]]));
    }
    for my $type ('text/plain', 'application/jsonp', 'application/json+x',
                  'application/problem+json', 'text/json', '*/*',
                  'application/json; charset=gbk',
                  'application/json; charset=utf-16',
                  'application/json; charset=utf-8; boundary=x',
                  'application/json; x=y', 'application/json, text/plain',
                  'application/x-www-form-urlencoded',
                  'multipart/form-data; boundary=x', 'json', '')
    {
        refused($t, "Content-Type: $type",
                post($body, headers => [['Content-Type', $type]]),
                'media-type-unsupported');
    }
    no_way_in('two Content-Types',
              post($body, headers => [['Content-Type', 'application/json'],
                                      ['Content-Type', 'text/plain']]),
              'media-type-unsupported');
    my @without = qw(@method @authority @path content-digest);
    refused($t, 'no Content-Type',
            post($body, headers => [['Content-Type', undef]],
                 sign => { components => \@without }),
            'signature-incomplete', detail => qr/not covered: content-type/);
    refused($t, 'no Content-Type, but signed as empty',
            post($body, headers => [['Content-Type', undef]]),
            'signature-invalid', detail => qr/no usable .*"content-type"/);

    for my $coding ('gzip', 'br', 'deflate', 'GZIP', 'identity, gzip',
                    'x-unknown', 'zstd')
    {
        refused($t, "Content-Encoding: $coding",
                post($body, headers => [['Content-Encoding', $coding]]),
                'media-type-unsupported', detail => qr/Content-Encoding/);
    }
    refused($t, 'Content-Encoding in two lines',
            post($body, headers => [['Content-Encoding', 'identity'],
                                    ['Content-Encoding', 'gzip']]),
            'media-type-unsupported');
    admitted($t, 'Content-Encoding: identity',
             post($body, headers => [['Content-Encoding', 'Identity']]));
}


sub header_lines {
    my $lines = sub { [map { ["X-H$_", $_] } 1 .. $_[0]] };

    # Host, Signature-Input, Signature
    admitted($t, '200 header lines',
             get($policy->query, headers => $lines->(197)));
    refused($t, '201 header lines',
            get($policy->query, headers => $lines->(198)), 'request-invalid',
            auth => 0, detail => qr/more than 200 header lines/);
    refused($t, '900 header lines',
            get($policy->query, headers => $lines->(900)), 'request-invalid',
            auth => 0, detail => qr/more than 200 header lines/);

    # a signature in two lines each is one list (RFC 9110 5.3)
    my @signed = $client->signed_headers('GET', $policy->query, [], undef, {});
    my $resend = sub {
        return $client->request('GET', $policy->query,
                                { sign => 0, headers => [@_] });
    };
    refused($t, 'Signature twice', $resend->(@signed, $signed[-1]),
            'signature-invalid', detail => qr/label twice/);
    refused($t, 'Signature-Input twice', $resend->(@signed, $signed[-2]),
            'signature-invalid', detail => qr/label twice/);
    refused($t, 'both twice', $resend->(@signed, @signed),
            'signature-invalid', detail => qr/label twice/);
    refused($t, 'another Signature for the label',
            $resend->(@signed, ['Signature', 'sig1=:AAAA:']),
            'signature-invalid', detail => qr/label twice/);
    refused($t, 'an empty second line', $resend->(@signed, ['Signature', '']),
            'signature-invalid');
    refused($t, 'Signature without Signature-Input', $resend->($signed[-1]),
            'signature-invalid', detail => qr/Signature-Input is missing/);
    refused($t, 'Signature-Input without Signature', $resend->($signed[-2]),
            'signature-invalid', detail => qr/Signature is missing/);

    # a covered header that stands in two lines is signed joined
    my %covering = (components => [qw(@method @authority @path @query x-a)]);
    admitted($t, 'a covered header in two lines',
             get($policy->query, headers => [['X-A', '1'], ['X-B', '2'],
                                             ['x-a', ' 3 ']],
                 sign => \%covering));
    refused($t, 'a line added to a covered header',
            get($policy->query, headers => [['X-A', '1'], ['X-A', '2']],
                sign => { %covering, values => { 'x-a' => '1' } }),
            'signature-invalid');
    refused($t, 'the lines the other way round',
            get($policy->query, headers => [['X-A', '1'], ['X-A', '2']],
                sign => { %covering, values => { 'x-a' => '2, 1' } }),
            'signature-invalid');

    # a folded line (RFC 9112 5.2) is not another header
    my $folded = $client->format('GET', $policy->query,
                                 { headers => [['X-A', '1']] });
    $folded =~ s/X-A: 1\r\n/X-A: 1\r\n X-XC-Agency: 310000\r\n/;
    no_way_in('a folded line', scalar $client->raw($folded),
              'header-reserved');
    for my $line ('X-XC-Agency : 310000', ' X-XC-Agency: 310000',
                  "X-XC\tAgency: 1", "X-XC-Agency\0: 1", ': 1', 'X-XC-Agency')
    {
        my $bytes = $client->format('GET', $policy->query,
                                    { headers => [['X-A', '1']] });
        $bytes =~ s/X-A: 1/$line/;
        my $name = $line =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ger;
        no_way_in("the line '$name'", scalar $client->raw($bytes),
                  'header-reserved');
    }
}


sub methods {
    my $body = $policy->body;
    my $target = $policy->query;

    for my $method (qw(POST PUT DELETE PATCH OPTIONS PROPFIND LINK GETX)) {
        no_way_in("$method where GET is known",
                  $client->request($method, $target, { keepalive => 0 }),
                  'operation-unknown');
    }
    for my $method (qw(GET PUT PATCH DELETE)) {
        refused($t, "$method where POST is known",
                $client->request($method, $submit, { body => $body }),
                'operation-unknown');
    }
    refused($t, 'HEAD is not GET', $client->request('HEAD', $target),
            'operation-unknown', head => 1);
    refused($t, 'HEAD, unsigned',
            $client->request('HEAD', $target, { sign => 0 }),
            'credential-missing', head => 1);
    refused($t, 'a method signed as another',
            $client->request('DELETE', $target,
                             { sign => { values => { '@method' => 'GET' } } }),
            'signature-invalid');

    # nginx knows no method but in capitals, and refuses these two
    my $before = () = decisions($t);
    for my $method (qw(get Get post TRACE CONNECT)) {
        my $answer = $client->request($method, $target, { keepalive => 0 });
        like($answer->{status}, qr/^40[05]$/, "$method: nginx refuses");
    }
    is(scalar(() = decisions($t)), $before, 'without a record');
    is($t->backend->count, 0, 'the back end saw none of them');
}


sub versions {
    my $query = $policy->query;

    admitted($t, 'HTTP/1.0', get($query, version => 'HTTP/1.0',
                                 keepalive => 0));
    refused($t, 'HTTP/1.0, unsigned',
            get($query, version => 'HTTP/1.0', keepalive => 0, sign => 0),
            'credential-missing');
    my ($answer) = $client->raw("GET $query HTTP/1.0\r\n\r\n");
    refused($t, 'HTTP/1.0 without Host', $answer, 'authority-unknown');

    is($client->raw("GET $query HTTP/1.1\r\n\r\n")->{status}, 400,
       'HTTP/1.1 without Host: nginx refuses');
    is($client->raw("GET $query HTTP/2.0\r\nHost: a\r\n\r\n")->{status}, 505,
       'HTTP/2.0 in a request line: nginx refuses');

    # HTTP/0.9 has no header fields, in either direction
    my $sock = $t->client(tls => 0)->connect;
    print $sock "GET $query\r\n";
    my $all = do { local $/; <$sock> } // '';
    unlike($all, qr/"ok":true/, 'HTTP/0.9: nothing disclosed');
    is($t->backend->count, 0, 'HTTP/0.9: the back end saw nothing');

    is($t->client->http2('GET', $query)->{status}, 200, 'HTTP/2');
    $t->backend->forget;
    refused($t, 'HTTP/2, unsigned',
            $t->client->http2('GET', $query, { sign => 0 }),
            'credential-missing');
    refused($t, 'HTTP/2, a member too many',
            $t->client->http2('POST', $submit,
                { body => $policy->body(extra => 1) }), 'request-invalid',
            detail => qr/^extra/);
}


# Each request on a connection gets its own verdict and its own record.
sub pipelined {
    my $query = $policy->query;
    my $body = $policy->body;
    my $keep = { keepalive => 1 };
    my @plan = (
        ['GET', $query, $keep, 200],
        ['GET', $query, { %$keep, sign => 0 }, 'credential-missing'],
        ['POST', $submit, { %$keep, body => $body }, 200],
        ['POST', $submit, { %$keep, body => $body, sign => 0 },
         'credential-missing'],
        ['GET', $query =~ s/merchant\.name/x.y/r, $keep, 'field-unknown'],
        ['POST', $submit, { %$keep, body => $body, chunked => [5, 70] }, 200],
        ['POST', $submit, { %$keep, body => $body, chunked => [1],
                            sign => { digest_body => 'other' } },
         'digest-mismatch'],
        ['POST', $submit, { %$keep, body => "$body," }, 'body-invalid'],
        ['GET', "$query&x=1", $keep, 'request-invalid'],
        ['GET', $query, $keep, 200],
    );
    my @answers = $client->raw(
        join('', map { $client->format(@$_[0 .. 2]) } @plan), scalar @plan);

    is(scalar @answers, scalar @plan, 'pipelined: all are answered');
    for my $i (0 .. $#plan) {
        my $want = $plan[$i][3];
        if ($want eq '200') {
            admitted($t, "pipelined: $i: admitted", $answers[$i], seen => 0)
                if $answers[$i];
        } else {
            refused($t, "pipelined: $i", $answers[$i], $want, anywhere => 1);
        }
    }

    # admitted() has forgotten what the back end saw
    @answers = $client->raw(
        join('', map { $client->format(@$_[0 .. 2],) } @plan[1, 0, 3, 2]), 4);
    my @seen = $t->backend->requests;
    is(join(' ', map { $_->{status} } @answers), '401 200 401 200',
       'pipelined: in their order');
    is(join(' ', map { $_->{method} } @seen), 'GET POST',
       'pipelined: the back end saw the admitted ones');
    my %ids = map { $_->{h}{'x-xc-id'} => 1 } @seen;
    is(scalar keys %ids, 2, 'pipelined: each has an id of its own');
    $t->backend->forget;

    # what hides behind a body is the next request, judged for itself
    my $hidden = $client->format('GET', $query, { %$keep, sign => 0 });
    @answers = $client->raw(
        $client->format('POST', $submit, { %$keep, body => $body }) . $hidden,
        2);
    is($answers[0]{status}, 200, 'the body ends where its length says');
    $t->backend->forget;
    refused($t, 'a request behind the body', $answers[1],
            'credential-missing');
}


sub framing {
    my $body = $policy->body;
    my $with = sub {
        my ($from, $to) = @_;
        my $bytes = $client->format('POST', $submit, { body => $body });
        $bytes =~ s/$from/$to/ or die;
        return scalar $client->raw($bytes);
    };
    my $n = length $body;

    no_way_in('a length and chunks',
              $with->("Content-Length: $n",
                      "Content-Length: $n\r\nTransfer-Encoding: chunked"),
              'body-invalid');
    no_way_in('two lengths',
              $with->("Content-Length: $n",
                      "Content-Length: $n\r\nContent-Length: 0"),
              'body-invalid');
    for my $length ("$n, $n", "+$n", "-1", "0x10", "$n ,", '1e3', 'x',
                    '99999999999999999999')
    {
        no_way_in("Content-Length: $length",
                  $with->("Content-Length: $n", "Content-Length: $length"),
                  'body-invalid');
    }
    for my $coding ('gzip', 'gzip, chunked', 'chunked, chunked', 'identity',
                    'xchunked', 'chunked;x=y')
    {
        my $answer = $with->("Content-Length: $n",
                             "Transfer-Encoding: $coding");
        is($answer->{status}, 501,
           "Transfer-Encoding: $coding: nginx refuses");
        is($t->backend->count, 0, 'the back end saw nothing');
    }

    # Expect: the body is waited for only where the headers are in order
    for my $signed (0, 1) {
        my $bytes = $client->format('POST', $submit, {
            body => $body, headers => [['Expect', '100-continue']],
            $signed ? () : (sign => 0) });
        my $answer = $client->raw($bytes);
        if ($signed) {
            admitted($t, 'Expect: 100-continue', $answer);
        } else {
            refused($t, 'Expect: 100-continue, unsigned', $answer,
                    'credential-missing');
        }
    }
}
