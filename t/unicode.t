#!/usr/bin/perl

# What looks like a name is not the name: letters of other scripts, full-width
# forms, combining marks, either normalisation, what is not seen at all, other
# case.  No name is folded or normalised here, so each of these is another one,
# and an unknown one; every request is properly signed.

use strict;
use warnings;
use utf8;

use Encode qw(encode);
use JSON::PP;
use Test::More;
use Unicode::Normalize qw(NFC NFD NFKC);

use XC::Gate;
use XC::Nginx;
use XC::Policy;

my $COMPOSED = "\x{e9}-1号";             # NFC
my $DECOMPOSED = "e\x{301}-1号";         # NFD
my $CASE = '沪市监案〔2026〕310号';

my $t = XC::Nginx->new;
my $policy = make_policy();

$t->gate_conf;
$t->run;

my $client = $t->client(tls => 0, keepalive => 1);

well_formed();
fields();
purposes();
subject_types();
subject_ids();
members();
query_names();
approvals();
encodings();
policy_names();

chain_whole($t);
$t->finish;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $approval = { by => '310000', agency => '310115',
                     fields => ['buyer.phone'],
                     not_after => '2099-01-01T00:00:00Z' };

    $p->data->{approvals} = [
        { %$approval, no => $COMPOSED, case_no => $CASE },
        { %$approval, no => '2', case_no => $COMPOSED }];
    return $t->policy($p);
}


sub post { $client->request('POST', '/xc/v1/requests', { body => $_[0] }) }


# Names that a person, a font or a normalisation may take for $name, which is
# of ASCII letters, "." or "_": a list of [what it is, the name].
sub lookalikes {
    my ($name) = @_;
    my $middle = int(length($name) / 2);
    my $within = sub { substr($name, 0, $middle) . $_[0]
                       . substr $name, $middle };
    my %one = (
        'a Cyrillic letter' => $name =~ s/([aceo])/_cyrillic($1)/er,
        'Cyrillic letters' => $name =~ s/([aceopxy])/_cyrillic($1)/ger,
        'a Greek letter' => $name =~ s/([eino])/_greek($1)/er,
        'a full-width letter' => $name =~ s/([a-z])/_wide($1)/er,
        'full-width throughout' => $name =~ s/(.)/_wide($1)/ger,
        'full-width punctuation' => $name =~ s/([._])/_wide($1)/er,
        'a mathematical letter' =>
            $name =~ s/([a-z])/chr(0x1d41a + ord($1) - 97)/er,
        'a one dot leader' => $name =~ s/\./\x{2024}/r,
        'an ideographic full stop' => $name =~ s/\./\x{3002}/r,
        'a hyphen' => $name =~ tr/_/\x{2010}/r,
        'a letter with an accent, composed' => $name =~ s/e/\x{e9}/r,
        'a letter with an accent, decomposed' => $name =~ s/e/e\x{301}/r,
        'a dotless i' => $name =~ s/i/\x{131}/r,
        'a long s' => $name =~ s/s/\x{17f}/r,
        'the Kelvin sign' => $name =~ s/k/\x{212a}/r,
        'a ligature' => $name =~ s/fi/\x{fb01}/r,
        'a combining mark at the end' => "$name\x{301}",
        'a grapheme joiner' => $within->("\x{34f}"),
        'a soft hyphen' => $within->("\x{ad}"),
        'a zero-width space' => $within->("\x{200b}"),
        'a zero-width non-joiner' => $within->("\x{200c}"),
        'a zero-width joiner at the end' => "$name\x{200d}",
        'a word joiner' => $within->("\x{2060}"),
        'a byte order mark in front' => "\x{feff}$name",
        'a variation selector' => "$name\x{fe0f}",
        'a tag character' => "$name\x{e0061}",
        'a left-to-right mark' => "\x{200e}$name",
        'an override' => "\x{202d}$name\x{202c}",
        'an override of what is reversed' => "\x{202e}" . reverse($name)
                                             . "\x{202c}",
        'an isolate' => "\x{2066}$name\x{2069}",
        'a space at the end' => "$name ",
        'a space in front' => " $name",
        'a no-break space' => "$name\x{a0}",
        'an ideographic space' => "$name\x{3000}",
        'a line separator' => "$name\x{2028}",
        'upper case' => uc $name,
        'upper case in front' => ucfirst $name,
    );

    # as characters, whatever Perl holds them in
    utf8::upgrade($_) for values %one;

    # not every name has every letter
    return map { [$_, $one{$_}] } grep { $one{$_} ne $name } sort keys %one;
}


sub _cyrillic {
    return $_[0]
        =~ tr/aceopxy/\x{430}\x{441}\x{435}\x{43e}\x{440}\x{445}\x{443}/r;
}

sub _greek { $_[0] =~ tr/eino/\x{3b5}\x{3b9}\x{3b7}\x{3bf}/r }

sub _wide { chr(ord($_[0]) + 0xfee0) }


# Without these the rest would prove nothing.
sub well_formed {
    my @names = lookalikes('merchant.name');

    cmp_ok(scalar @names, '>', 25, 'lookalikes of a field');
    ok((grep { NFKC($_->[1]) eq 'merchant.name' } @names),
       'some of which a compatibility normalisation would make the name');
    ok((grep { lc $_->[1] eq 'merchant.name' } @names), 'and some, folding');
    is(NFC($DECOMPOSED), $COMPOSED, 'a pair of normalisations');
    is(NFD($COMPOSED), $DECOMPOSED, 'which differ');
    admitted($t, 'the names themselves', post($policy->body));
    admitted($t, 'an approval, its number as the policy writes it',
             post($policy->body(fields => ['buyer.phone'],
                                approval => $COMPOSED)));
}


sub fields {
    my $body = $policy->body;

    for (lookalikes('merchant.name')) {
        my ($what, $name) = @$_;

        refused($t, "field: $what",
                post($policy->body(fields => [$name, 'merchant.uscc'])),
                'field-unknown', detail => qr/is not in the dictionary/,
                fields => { $name => 'field-unknown' });
    }

    # none of them stands for the other
    my @two = map { $_->[1] } (lookalikes('merchant.name'))[0, 1];
    refused($t, 'fields: two lookalikes are two fields',
            post($policy->body(fields => [@two, 'merchant.name'])),
            'field-unknown', detail => qr/2 of 3 fields refused/,
            fields => { map { $_ => 'field-unknown' } @two });
    refused($t, 'fields: what is special stays so',
            post($policy->body(fields => ['buyer.phone',
                                          "buyer.ph\x{43e}ne"])),
            'field-unknown',
            fields => { 'buyer.phone' => 'approval-required',
                        "buyer.ph\x{43e}ne" => 'field-unknown' });
    admitted($t, 'fields: the same letters escaped are the same name',
             post($body =~ s/merchant\.name/merch\\u0061nt.n\\u0061me/r));
}


sub purposes {
    for (lookalikes('case_investigation')) {
        my ($what, $name) = @$_;

        refused($t, "purpose: $what", post($policy->body(purpose => $name)),
                'purpose-not-allowed', detail => qr/is not a purpose that/);
    }
}


sub subject_types {
    for (lookalikes('merchant')) {
        my ($what, $name) = @$_;

        refused($t, "subject type: $what",
                post($policy->body(subjects => [
                    { type => $name, id => $XC::Policy::USCC }])),
                'request-invalid',
                detail => qr/^subjects\[0\]\.type: .* is not a type/);
    }
}


sub subject_ids {
    my $uscc = $XC::Policy::USCC;
    my %bad = (
        'full-width digits' => $uscc =~ s/(9)/_wide($1)/er,
        'full-width letters' => $uscc =~ s/(M)/_wide($1)/er,
        'a Cyrillic letter' => $uscc =~ s/M/\x{41c}/r,
        'Arabic-Indic digits' => $uscc =~ tr/0-9/\x{660}-\x{669}/r,
        'a zero-width space' => $uscc =~ s/^(...)/$1\x{200b}/r,
        'a letter O for a zero' => $uscc =~ s/0/O/r,
        'a space at the end' => "$uscc ",
        'lower case' => lc $uscc,
    );

    for my $what (sort keys %bad) {
        refused($t, "subject: $what",
                post($policy->body(subjects => [
                    { type => 'merchant', id => $bad{$what} }])),
                'request-invalid', detail => qr/^subjects\[0\]\.id: not a/);
    }
    for my $id ("order-\x{661}23", "\x{43e}rder-123", "order\x{2010}123",
                "order-123\x{200b}")
    {
        refused($t, 'subject: not a pattern of ASCII',
                post($policy->body(subjects => [{ type => 'order',
                                                  id => $id }])),
                'request-invalid', detail => qr/the subject type order/);
    }
}


# A member's lookalike beside it, and in its place.
sub members {
    for my $member (qw(fields purpose request_no)) {
        for (lookalikes($member)) {
            my ($what, $name) = @$_;
            my $twin = lc $name eq $member;
            my %value = (fields => ['buyer.phone'], purpose => 'x',
                         request_no => 'x');

            refused($t, "a member beside $member: $what",
                    post($policy->body($name => $value{$member})),
                    'request-invalid',
                    detail => $twin ? qr/but for case, _ and -/
                                    : qr/: this operation takes no such/);
            refused($t, "a member for $member: $what",
                    post($policy->body($member => undef,
                                       $name => $value{$member})),
                    'request-invalid', detail => qr/takes no such member/);
        }
    }

    # ASCII's own twins, in both orders
    for my $twin (qw(requestNo REQUEST-NO Request_No requestno
                     re-quest_n-o))
    {
        my $text = $policy->body =~ s/\}\z/,"$twin":"x"}/r;
        my $front = $policy->body =~ s/^\{/{"$twin":"x",/r;

        refused($t, "$twin behind request_no", post($text), 'request-invalid',
                detail => qr/^$twin: another member .*but for case/);
        refused($t, "$twin in front of it", post($front), 'request-invalid',
                detail => qr/^(?:request_no: another|$twin: this operation)/);
        refused($t, "$twin alone",
                post($policy->body(request_no => undef, $twin => 'x')),
                'request-invalid', detail => qr/^$twin: this operation/);
    }
    refused($t, 'twins among what is forwarded unread',
            post($policy->body(note => { requestNo => 1, request_no => 2 })),
            'request-invalid', detail => qr/but for case/);
    refused($t, 'a lookalike within a subject',
            post($policy->body(subjects => [
                { type => 'merchant', id => $XC::Policy::USCC,
                  "\x{456}d" => 'x' }])),
            'request-invalid', detail => qr/has other members than type, id/);
    refused($t, 'a lookalike within the window',
            post($policy->body(window => { from => '2026-10-01',
                                           "t\x{43e}" => '2026-10-02' })),
            'request-invalid', detail => qr/^window\.to: not given/);
}


sub query_names {
    for (lookalikes('purpose')) {
        my ($what, $name) = @$_;
        my $escaped = XC::Policy::uri_escape($name);

        refused($t, "a query name: $what",
                $client->request('GET', $policy->query . "&$escaped=x"),
                'request-invalid', detail => qr/takes no such query name/);
    }
    for (lookalikes('merchant.name')) {
        my ($what, $name) = @$_;

        refused($t, "a field in a query: $what",
                $client->request('GET', $policy->query(fields => $name)),
                'field-unknown', fields => { $name => 'field-unknown' });
    }
}


# Numbers are compared as they are.
sub approvals {
    my @phone = (fields => ['buyer.phone']);

    refused($t, 'an approval in the other normalisation',
            post($policy->body(@phone, approval => $DECOMPOSED)),
            'approval-invalid', detail => qr/that this platform holds/,
            fields => { 'buyer.phone' => 'approval-invalid' });
    admitted($t, 'an approval for that case',
             post($policy->body(@phone, approval => '2',
                                case_no => $COMPOSED)));
    refused($t, 'the case in the other normalisation',
            post($policy->body(@phone, approval => '2',
                               case_no => $DECOMPOSED)),
            'approval-invalid', detail => qr/another case/,
            fields => { 'buyer.phone' => 'approval-invalid' });
    refused($t, 'a full-width number',
            post($policy->body(@phone, approval => "\x{ff12}",
                               case_no => $COMPOSED)),
            'approval-invalid', detail => qr/that this platform holds/);
}


# What is no UTF-8 or no character, in names rather than values (t/closed.t).
sub encodings {
    my %bad = (
        'overlong of two' => "\xc1\xa1", 'overlong of three' => "\xe0\x81\xa1",
        'overlong of four' => "\xf0\x80\x81\xa1",
        'a surrogate' => "\xed\xa0\x80",
        'a pair of surrogates' => "\xed\xa0\xb5\xed\xb0\x9a",
        'over U+10FFFF' => "\xf4\x90\x80\x80", 'a lone continuation' => "\xa1",
        'Latin-1' => "\xe1", 'a NUL' => "\0", 'an escaped NUL' => '\u0000',
        'an escaped surrogate' => '\ud835', 'half of a pair' => '\ud835a',
        'escapes in the wrong order' => '\udc1a\ud835',
    );

    for my $what (sort keys %bad) {
        my $bytes = $bad{$what};
        my $body = $policy->body;

        for my $of (['a field', qr/merchant\.name/, "merch${bytes}nt.name"],
                    ['a purpose', qr/case_inv/, "c${bytes}se_inv"],
                    ['a member', qr/"fields"/, "\"fields$bytes\""],
                    ['a subject type', qr/"merchant"/, "\"merch${bytes}nt\""])
        {
            my ($where, $find, $with) = @$of;
            refused($t, "$where with $what", post($body =~ s/$find/$with/r),
                    'body-invalid', detail => qr/^line 1, column \d+: /);
        }
    }

    for my $mark ("\xef\xbb\xbf", "\xff\xfe", "\xfe\xff") {
        refused($t, 'a byte order mark', post($mark . $policy->body),
                'body-invalid', detail => qr/^line 1, column \d+: /);
    }
    for my $to (qw(UTF-16LE UTF-16BE UTF-32LE UTF-32BE UTF-7 GBK)) {
        my $text = JSON::PP->new->canonical->encode(
            JSON::PP->new->utf8->decode($policy->body));
        my $answer = post(encode($to, $text));

        refused($t, "a body in $to", $answer,
                $to eq 'UTF-7' ? 'request-invalid' : 'body-invalid');
    }
}


# A policy can't have a lookalike either: identifiers are ASCII.
sub policy_names {
    my %place = (
        fields => ['fields', 'merchant.name'],
        purposes => ['purposes', 'case_investigation'],
        'subject types' => ['subject_types', 'merchant'],
        grants => ['grants', 'standard'],
    );
    my $file = $t->path('lookalike.json');

    for my $what (sort keys %place) {
        my ($member, $name) = @{ $place{$what} };
        my $p = XC::Policy->new;
        my $of = $p->data->{$member};

        $of->{ $name =~ s/a/\x{430}/r } = $of->{$name};
        $p->write($file);
        my $out = `'@{[$t->xcctl]}' policy check '$file' 2>&1`;
        is($? >> 8, 1, "$what of a policy: a lookalike is refused");
        like($out, qr/: \Q$member\E/, "$what of a policy: by name");
    }
}
