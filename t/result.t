#!/usr/bin/perl

# A submit, its ticket, and the result that the ticket is brought back for:
# whose it is, how long it lasts, what today's policy says of it, and where it
# must not be seen.

use strict;
use warnings;
use utf8;

use Crypt::Mac::HMAC qw(hmac);
use JSON::PP;
use MIME::Base64 qw(encode_base64 encode_base64url);
use Test::More;

use XC::Chain;
use XC::Gate;
use XC::Nginx;
use XC::Policy;
use XC::Ticket ();

my $no_case = '沪市监协特〔2026〕7号';
my $no_subject = '沪市监协特〔2026〕8号';
my $submit = '/xc/v1/requests';
my $day = 86_400;
my $json = JSON::PP->new->utf8->canonical;

my $t = XC::Nginx->new;
my $policy = make_policy();
my $key = join '', map { chr } 0 .. 31;

# one key for two policies
$t->write_file('token.key', $key, 0600);
$t->write_file('other.json', $json->encode({ %{ $policy->data },
                                             policy => 'other' }), 0600);
$t->gate_conf(
    http => 'xc_token_key token.key;',
    servers => <<'END_SERVERS');
    server {
        listen 127.0.0.1:%%PORT_loose%%;
        underscores_in_headers on;
        ignore_invalid_headers off;
        location / {
            xc enforce;
            xc_policy %%POLICY%%;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_observe%%;
        location / {
            xc observe;
            xc_policy %%POLICY%%;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_other%%;
        location / {
            xc enforce;
            xc_policy other.json;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END_SERVERS
$t->run;

# a later load revokes no credential: the keys stay
my ($answer, $id, $ticket) = submitted('a submit');

what_a_ticket_says();
a_result();
not_yours();
other_platforms();
where_else();
over_http2();
by_an_intermediary();
with_approvals();
with_tokens();
tokens_observed();
sweeps();
observed();
too_long();
todays_policy();
another_key();
without_a_key();

whole($t, 'the log');
nothing_leaked($t, 'no ticket in the error log', [$ticket,
                                                  substr $ticket, 0, 60]);
$t->finish;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;

    push @{ $data->{authorities} }, 'second.example';
    push @{ $data->{operations} }, {
        id => 'result', kind => 'result', methods => ['GET', 'HEAD'],
        path => '/xc/v1/requests/(?<request>[0-9a-f]{32})' };
    $data->{limits}{result_days} = 30;
    $data->{fields}{"identity.$_"} = {
        group => 'identity', zh => '字段', en => 'Field',
        standard => JSON::PP::true } for map { sprintf '%055d', $_ } 1 .. 64;

    $data->{fields}{'goods.price'} = { %{ $data->{fields}{'goods.title'} } };

    $data->{grants}{sweep} = { sweep => JSON::PP::true, groups => ['goods'],
                               levels => [qw(province national)] };
    push @{ $p->agency('310000')->{grants} },
        { grant => 'sweep', authority_no => '国市监网授〔2026〕3号' };

    my %base = (by => '310000', agency => '310115',
                fields => [$XC::Policy::PHONE],
                not_after => '2099-01-01T00:00:00Z');
    $data->{approvals} = [
        { %base, no => $no_case, case_no => '沪市监案〔2026〕310号' },
        { %base, no => $no_subject, subjects => [
            { type => 'order', id => 'order-000001' },
            { type => 'merchant', id => $XC::Policy::USCC }] },
    ];

    $p->operation('submit')->{body}{approval_token} = '/approval_token';
    push @{ $p->agency('310000')->{credentials} },
        $p->ed25519('consents', '310000-consents');

    $p->add_agency('310104', 'county', $p->ed25519('310104', '310104-key'));
    for my $via ('smart', 'other') {
        $p->add_agency($via, 'national',
            { %{ $p->ed25519($via, "$via-key") },
              on_behalf_of => [qw(310115 310104)] }, region => '000000');
    }
    return $t->policy($p);
}


sub client {
    my ($name, %o) = @_;

    return $t->client(tls => 0, key => $policy->key($name), %o);
}


# Answer, id and ticket of a submit that is admitted.  as: whose key; via: an
# intermediary's key, then as is whom it names.
sub submitted {
    my ($name, %o) = @_;
    my $as = delete $o{as} // '310115';
    my $via = delete $o{via};

    my $got = client($via // $as)->request('POST', $submit, {
        headers => [['Content-Type', 'application/json'],
                    $via ? ['XC-On-Behalf-Of', $as] : ()],
        body => $policy->body(%o) });
    my $seen = admitted($t, $name, $got, agency => $as);

    return ($got, $seen->{seen}{h}{'x-xc-id'},
            $got->{headers}{'xc-request'});
}


# A result is asked for.  as, via as above; h2: over HTTP/2; method; headers:
# more of them, instead of the ticket where it is undef.
sub result {
    my ($with, $of, %o) = @_;
    my $as = $o{as} // '310115';
    my $client = client($o{via} // $as, $o{h2} ? (tls => 1) : ());
    my $how = $o{h2} ? 'http2' : 'request';

    return $client->$how($o{method} // 'GET', "$submit/$of", {
        headers => [$o{via} ? ['XC-On-Behalf-Of', $as] : (),
                    defined $with ? ['XC-Request', $with] : (),
                    @{ $o{headers} // [] }],
        sign => $o{sign} });
}


sub opened { return XC::Ticket::opened($_[0], $key) }

sub sealed { return XC::Ticket::sealed($_[0], $_[1] // $key) }


sub what_a_ticket_says {
    my $says = opened($ticket);
    my ($record) = $answer->{headers}{'xc-record'} =~ /^(n1:\d+);/;
    my $expires = delete $says->{expires};

    is_deeply($says, {
        id => $id, record => $record, policy => $policy->data->{policy},
        authority => 'platform.example', agency => '310115',
        purpose => 'case_investigation',
        request_no => '沪市监协查〔2026〕1182号',
        case_no => '沪市监案〔2026〕310号', asks => 'subjects',
        fields => [qw(merchant.name merchant.uscc transaction.payment)] },
        'a ticket says what was asked, and no subject');
    ok($expires > time + 29 * $day && $expires <= time + 30 * $day,
       'until limits.result_days have passed');
    my @names = grep { lc $_->[0] eq 'xc-request' }
                @{ $answer->{raw_headers} };
    is(scalar @names, 1, 'in one header line');
}


sub a_result {
    my ($record) = $answer->{headers}{'xc-record'} =~ /^(n1:\d+);/;
    my %of_submit = (
        ref => $record, operation => 'result', purpose => 'case_investigation',
        request_no => '沪市监协查〔2026〕1182号',
        case_no => '沪市监案〔2026〕310号', approval => undef,
        fields => [qw(merchant.name merchant.uscc transaction.payment)],
        subjects => undef, officers => undef, legal_basis => undef,
        uri => qr{^\Q$submit/$id\E\z});

    for my $try (1, 2) {
        my $got = result($ticket, $id);
        my $all = admitted($t, "a result, time $try", $got,
                           record => \%of_submit);
        my $h = $all->{seen}{h};

        is($h->{'x-xc-fields'},
           'merchant.name,merchant.uscc,transaction.payment',
           'the back end gets the fields as granted');
        is($h->{'x-xc-operation'}, 'result', 'and the operation');
        isnt($h->{'x-xc-id'}, $id, 'and an id of its own');
        ok(!exists $h->{'xc-request'}, 'and no ticket');
        ok(!exists $got->{headers}{'xc-request'}, 'nor does the client');
    }
    admitted($t, 'HEAD', result($ticket, $id, method => 'HEAD'));

    # before and behind limits.result_days
    my $says = opened($ticket);
    admitted($t, 'a ticket that any library makes',
             result(sealed($says), $id));
    admitted($t, 'with a minute left',
             result(sealed({ %$says, expires => time + 60 }), $id));
}


sub not_yours {
    my $says = opened($ticket);
    my ($part, $mac) = split /\./, $ticket;
    my $other_id = $id =~ tr/0-9a-f/1-9a-f0/r;
    my %plain = (ref => undef, request_no => undef, purpose => undef,
                 fields => undef);
    my $no = sub {
        my ($name, $got, $detail, %o) = @_;
        return refused($t, $name, $got, 'request-not-yours',
                       detail => $detail, record => \%plain, %o);
    };

    my $missing = qr/XC-Request is missing/;
    $no->('no ticket', result(undef, $id), $missing);

    my $forged = qr/not one that this platform made/;
    my %forged = (
        'an empty one' => '', 'a word' => 'x', 'two dots' => '..',
        'no MAC' => "$part.", 'no part' => ".$mac", 'its part' => $part,
        'cut' => substr($ticket, 0, -1), 'longer' => "${ticket}A",
        'another MAC' => "$part." . reverse($mac),
        'another part' => encode_base64url($json->encode(
                              { %$says, agency => '310104' })) . ".$mac",
        'by another key' => sealed($says, 'x' x 32),
        'without its label' => "$part."
            . encode_base64url(hmac('SHA256', $key, $part)),
        'with padding' => "$ticket=", 'no base64url' => ".$ticket",
        'too long' => 'A' x 5120 . ".$mac", 'quoted' => "\"$ticket\"",
        'of a later version' => sealed({ %$says, more => 1 }),
        map { my $less = $_;
              ("without $less" => sealed({ map { $_ => $says->{$_} }
                                           grep { $_ ne $less } keys %$says }))
        } qw(policy authority agency));
    $no->($_, result($forged{$_}, $id), $forged) for sort keys %forged;

    my $twice = qr/stands more than once/;
    $no->('two', result($ticket, $id, headers => [['XC-Request', $ticket]]),
          $twice);
    $no->('one and an empty one',
          result($ticket, $id, headers => [['xc-request', '']]), $twice);

    my $whose = qr/made for another agency/;
    $no->('another agency', result($ticket, $id, as => '310104'), $whose,
          agency => '310104');
    $no->('the province above', result($ticket, $id, as => '310000'), $whose,
          agency => '310000');
    $no->('an intermediary, who did not submit',
          result($ticket, $id, via => 'smart'), $whose);

    my $late = qr/has expired/;
    for my $s (0, 1, $day) {
        $no->("expired $s s ago",
              result(sealed({ %$says, expires => time - $s }), $id), $late);
    }
    $no->('expired, and of another agency: of that nothing is told',
          result(sealed({ %$says, expires => 1, agency => '310104' }), $id),
          $whose);

    my $path = qr/another request than the path/;
    $no->('the path of another request', result($ticket, $other_id), $path);
    my (undef, $id2, $ticket2) = submitted('a second submit');
    $no->('its path with the first one\'s ticket', result($ticket, $id2),
          $path);
    $no->('the other way round', result($ticket2, $id), $path);
    admitted($t, 'and each with its own', result($ticket2, $id2));

    refused($t, 'a ticket that the signature leaves out',
            result($ticket, $id,
                   sign => { components => [qw(@method @authority @path)] }),
            'signature-incomplete');
    refused($t, 'one that was changed behind the signature',
            result($ticket2, $id2, sign => {
                values => { 'xc-request' => $ticket } }),
            'signature-invalid');
    refused($t, 'with a query string', result($ticket, "$id?a=1"),
            'request-invalid', detail => qr/takes no query string/);
}


# A ticket belongs to a result and nowhere else, in no other spelling.
# Of a ticket of another platform, or under another policy, nothing is told.
sub other_platforms {
    my $where = qr/at another authority, or under another policy/;
    my $says = opened($ticket);
    my %plain = (ref => undef, request_no => undef, fields => undef);
    my %at = (second => { authority => 'second.example' },
              other => { port => $t->port('other') });

    for my $name (sort keys %at) {
        my $client = client('310115', %{ $at{$name} });
        my $ask = sub {
            return $client->request('GET', "$submit/$id",
                { headers => [['XC-Request', $_[0]]] });
        };

        refused($t, "at $name", $ask->($ticket), 'request-not-yours',
                detail => $where, record => \%plain);
        refused($t, "at $name, expired, and of another agency",
                $ask->(sealed({ %$says, expires => 1, agency => '310104' })),
                'request-not-yours', detail => $where);

        my $got = $client->request('POST', $submit, {
            headers => [['Content-Type', 'application/json']],
            body => $policy->body });
        my $of = admitted($t, "a submit at $name", $got)->{seen}{h}{'x-xc-id'};
        my $with = $got->{headers}{'xc-request'};
        admitted($t, "its result at $name", $client->request('GET',
            "$submit/$of", { headers => [['XC-Request', $with]] }));
        refused($t, 'and not here', result($with, $of), 'request-not-yours',
                detail => $where);
    }
}


sub where_else {
    refused($t, 'a ticket with a query',
            client('310115')->request('GET', $policy->query,
                { headers => [['XC-Request', $ticket]] }),
            'request-invalid', detail => qr/XC-Request belongs to/);
    refused($t, 'a ticket with a submit',
            client('310115')->request('POST', $submit,
                { headers => [['Content-Type', 'application/json'],
                              ['XC-Request', $ticket]],
                  body => $policy->body }),
            'request-invalid', detail => qr/XC-Request belongs to/);

    my $loose = $t->client(tls => 0, port => $t->port('loose'),
                           key => $policy->key('310115'));
    for my $name (qw(xc_request XC.Request XC_Request)) {
        for my $more ([], [['XC-Request', $ticket]]) {
            my $got = $loose->request('GET', "$submit/$id",
                                      { headers => [@$more, [$name, 'x']] });
            refused($t, "$name where nginx takes it, " . @$more . ' beside it',
                    $got, 'header-reserved', detail => qr/\Q$name\E/);
        }
    }

    $t->backend->answer($submit => { headers => [['XC-Request', 'its own']] });
    my ($got) = submitted('a back end that sends one');
    ok(opened($got->{headers}{'xc-request'}), 'the gate\'s stands instead');
    $t->backend->answer($submit => { status => 502 });
    $got = client('310115')->request('POST', $submit, {
        headers => [['Content-Type', 'application/json']],
        body => $policy->body });
    admitted($t, 'a back end that fails', $got, status => 502);
    ok(opened($got->{headers}{'xc-request'}), 'the ticket comes all the same');
    $t->backend->answer($submit);

    my $refused = client('310115')->request('POST', $submit, {
        headers => [['Content-Type', 'application/json']],
        body => $policy->body(fields => ['livestream.host']) });
    refused($t, 'a submit', $refused, 'field-not-granted');
    ok(!exists $refused->{headers}{'xc-request'}, 'a refusal has none');

    my $query = client('310115')->request('GET', $policy->query);
    admitted($t, 'a query', $query);
    ok(!exists $query->{headers}{'xc-request'}, 'and it has none');
}


sub over_http2 {
    my $got = client('310115', tls => 1)->http2('POST', $submit, {
        headers => [['Content-Type', 'application/json']],
        body => $policy->body });
    my $all = admitted($t, 'a submit over HTTP/2', $got);
    my $of = $all->{seen}{h}{'x-xc-id'};
    my $with = $got->{headers}{'xc-request'};

    admitted($t, 'its result over HTTP/2', result($with, $of, h2 => 1),
             record => { ref => qr/^n1:\d+\z/ });
    admitted($t, 'and over HTTP/1.1', result($with, $of));
    refused($t, 'HTTP/2, another agency',
            result($with, $of, h2 => 1, as => '310104'), 'request-not-yours',
            agency => '310104');
    refused($t, 'HTTP/2, no ticket', result(undef, $of, h2 => 1),
            'request-not-yours');
}


sub by_an_intermediary {
    my (undef, $of, $with) = submitted('by an intermediary', via => 'smart');
    my $no = sub {
        refused($t, $_[0], result($with, $of, %{ $_[1] }),
                'request-not-yours', detail => qr/another intermediary/,
                agency => $_[1]{as} // '310115');
    };

    is(opened($with)->{via}, 'smart', 'the ticket names it');
    admitted($t, 'the intermediary again', result($with, $of, via => 'smart'),
             record => { via => qr/smart/, ref => qr/^n1:/ });
    $no->('another intermediary', { via => 'other' });
    $no->('the agency by itself', {});
    $no->('the intermediary for another agency',
          { via => 'smart', as => '310104' });
}


sub with_approvals {
    my @fields = ('merchant.name', $XC::Policy::PHONE);

    my (undef, $of, $with) = submitted('with an approval for the case',
        fields => \@fields, approval => $no_case);
    is(opened($with)->{approval}, $no_case, 'the ticket names it');
    admitted($t, 'it holds for the result', result($with, $of),
             record => { approval => $no_case, fields => \@fields });

    # of subjects the ticket keeps MACs, and only where an approval asks
    (undef, $of, $with) = submitted('with one for subjects',
        fields => \@fields, approval => $no_subject);
    my $says = opened($with);
    is_deeply($says->{subjects}, [encode_base64url(substr hmac('SHA256', $key,
                "xc ticket subject 1\nmerchant\0$XC::Policy::USCC"), 0, 12)],
              'the ticket knows its subject by a MAC');
    admitted($t, 'it holds for the result', result($with, $of),
             record => { approval => $no_subject, subjects => undef });

    my @other = (encode_base64url('x' x 12));
    refused($t, 'another subject than the approval names',
            result(sealed({ %$says, subjects => \@other }), $of),
            'approval-invalid', record => { approval => $no_subject,
                                            ref => $says->{record} });
    refused($t, 'one of two that it does not name',
            result(sealed({ %$says, subjects => [@{ $says->{subjects} },
                                                 @other] }), $of),
            'approval-invalid');
    refused($t, 'the field without its approval',
            result(sealed({ map { $_ => $says->{$_} }
                            grep { $_ ne 'approval' } keys %$says }), $of),
            'approval-required',
            fields => { $XC::Policy::PHONE => 'approval-required' });
}


sub mint {
    my (%claims) = @_;
    my $token = join '.', map { encode_base64url($json->encode($_)) }
        { alg => 'EdDSA', kid => '310000-consents',
          typ => 'xc-approval+jwt' },
        { iss => '310000', sub => '310115', aud => 'platform.example',
          iat => int(time), exp => int(time + 3600),
          no => '沪市监协特〔2026〕9号',
          fields => [$XC::Policy::PHONE, 'merchant.bank_account'], %claims };

    return "$token." . encode_base64url(
        $policy->key('consents')->{pk}->sign_message($token));
}


# A token whose signature is good, for something else: what is observed of it
# becomes no consent.
sub tokens_observed {
    my @fields = ('merchant.name', $XC::Policy::PHONE);
    my $json_type = [['Content-Type', 'application/json']];
    my $observe = client('310115', port => $t->port('observe'));
    my %claims = (
        'another case' => { case_no => '沪市监案〔2026〕999号' },
        'another request' => { request_no => '沪市监协查〔2026〕9999号' },
        'another subject' => { subjects => [{ type => 'order',
                                              id => 'order-000001' }] });

    for my $what (sort keys %claims) {
        my $name = "a token for $what";
        my $submitted = { headers => $json_type, body => $policy->body(
            fields => \@fields, approval_token => mint(%{ $claims{$what} })) };
        refused($t, "enforce: $name",
                client('310115')->request('POST', $submit, $submitted),
                'approval-invalid');

        my $got = $observe->request('POST', $submit, $submitted);
        my $h = $t->backend->last_request->{h};
        $t->backend->forget;
        is($h->{'x-xc-fields'}, 'merchant.name', "observe: $name");
        my ($of, $with) = ($h->{'x-xc-id'}, $got->{headers}{'xc-request'});
        ok(!exists opened($with)->{consent}, "$name: the ticket has none");

        refused($t, "$name: enforce: the result", result($with, $of),
                'approval-invalid',
                fields => { $XC::Policy::PHONE => 'approval-invalid' });
        is($observe->request('GET', "$submit/$of",
                             { headers => [['XC-Request', $with]] })->{status},
           200, "$name: observe: the result");
        is($t->backend->last_request->{h}{'x-xc-fields'}, 'merchant.name',
           "$name: with no more fields than the submit");
        $t->backend->forget;
    }

    # refused for something else, it holds all the same
    my $got = $observe->request('POST', $submit, { headers => $json_type,
        body => $policy->body(fields => [@fields, 'livestream.host'],
            approval_token => mint(case_no => '沪市监案〔2026〕310号')) });
    my $h = $t->backend->last_request->{h};
    is($h->{'x-xc-fields'}, join(',', @fields), 'observe: one that holds');
    $t->backend->forget;
    $observe->request('GET', "$submit/$h->{'x-xc-id'}",
        { headers => [['XC-Request', $got->{headers}{'xc-request'}]] });
    is($t->backend->last_request->{h}{'x-xc-fields'}, join(',', @fields),
       'and holds for its result');
    $t->backend->forget;
}


# The province's consent as a token: its text stays out of the ticket, since it
# may name subjects, and what a signature covers comes to stand in the log.
sub with_tokens {
    my @fields = ('merchant.name', $XC::Policy::PHONE);
    my $no = '沪市监协特〔2026〕9号';
    my $ends = time + 3600;
    my $token = mint(exp => int $ends, no => $no, subjects => [
        { type => 'merchant', id => $XC::Policy::USCC }]);

    my ($got, $of, $with) = submitted('with a token', fields => \@fields,
                                      approval_token => $token);
    my $says = opened($with);
    my $consent = $says->{consent};
    is_deeply([@$consent{qw(kid fields ends)}],
              ['310000-consents', [1], int $ends],
              'the ticket knows who consented to which of its fields');
    is($says->{approval}, $no, 'and under which number');
    ok(!exists $says->{subjects}, 'but no subject');
    my $all = admitted($t, 'the token holds for the result',
                       result($with, $of),
                       record => { approval => $no, fields => \@fields,
                                   approval_token => undef });
    unlike($all->{decision}{covered}{'xc-request'},
           qr/\Q@{[substr $token, 60, 60]}\E/,
           'no part of the token is in the log');

    my $no_more = sub {
        my ($name, $change, $detail) = @_;
        refused($t, $name,
                result(sealed({ %$says, consent => { %$consent, %$change } }),
                       $of),
                'approval-invalid', detail => $detail // qr/\S/,
                fields => { $XC::Policy::PHONE => 'approval-invalid' },
                record => { ref => $says->{record} });
    };
    $no_more->('it has ended', { ends => time - 1 }, qr/has expired/);
    $no_more->('it never was for this field', { fields => [0] });
    $no_more->('nor for any', { fields => [] });
    my $gone = qr/the key that signed it has been changed or withdrawn/;
    $no_more->('by nobody', { kid => 'nobody' }, $gone);
    $no_more->('by a key that was another one then',
               { key => 'A' x 22 }, $gone);
    $no_more->('by a key of another agency\'s', { kid => '310115-2026a' },
               $gone);

    my $list = $policy->agency('310000')->{credentials};
    my $kept = pop @$list;
    $t->policy($policy);
    ok($t->reload, 'a reload without the key that consented');
    refused($t, 'its consent is gone', result($with, $of), 'approval-invalid',
            detail => $gone);

    push @$list, { %$kept, not_after => '2098-01-01T00:00:00Z' };
    $t->policy($policy);
    ok($t->reload, 'a reload with the key, of which an end is known now');
    refused($t, 'that is another entry', result($with, $of),
            'approval-invalid', detail => $gone);

    $list->[-1] = $kept;
    $t->policy($policy);
    ok($t->reload, 'a reload with the key as it was');
    admitted($t, 'and so is its consent', result($with, $of));
}


sub sweeps {
    my %sweep = (as => '310000', subjects => undef, fields => ['goods.title'],
                 category => '食品');
    my (undef, $of, $with) = submitted('a sweep', %sweep);
    my $says = opened($with);

    is($says->{asks}, 'sweep', 'the ticket says so');
    admitted($t, 'its result', result($with, $of, as => '310000'),
             agency => '310000', record => { ref => $says->{record} });
    refused($t, 'one that says nothing of what it is about',
            result(sealed({ %$says, asks => 'nothing' }), $of,
                   as => '310000'),
            'subject-required', agency => '310000');
    refused($t, 'a sweep by who may not',
            result(sealed({ %$says, agency => '310115' }), $of),
            'sweep-not-authorized');
}


# What is let go on has a ticket, which lets nothing pass that is not.
sub observed {
    my $client = client('310115', port => $t->port('observe'));
    my $ask = sub {
        my ($with, $of) = @_;
        return $client->request('GET', "$submit/$of",
                                { headers => [['XC-Request', $with]] });
    };
    my $got = $client->request('POST', $submit, { body =>
        $policy->body(fields => ['merchant.name', 'livestream.host']) });
    my $of = $t->backend->last_request->{h}{'x-xc-id'};
    my $with = $got->{headers}{'xc-request'};

    is_deeply(opened($with)->{fields}, ['merchant.name', 'livestream.host'],
              'observe: the ticket of a submit that is let go on');
    $t->backend->forget;
    is($ask->($with, $of)->{status}, 200, 'observe: so is its result');
    is($t->backend->last_request->{h}{'x-xc-fields'}, 'merchant.name',
       'with the fields that are granted');
    $t->backend->forget;
    is($ask->($with, $id)->{json}{type}, 'urn:xc:request-not-yours',
       'observe: another request\'s is refused');
    refused($t, 'enforce: and this one', result($with, $of),
            'field-not-granted');
}


# Whatever goes on has a ticket, so its size is a limit of the request.
sub too_long {
    my @fields = grep { /^identity\./ } sort keys %{ $policy->data->{fields} };

    my $ask = sub {
        return client('310115')->request('POST', $submit, {
            headers => [['Content-Type', 'application/json']],
            body => $policy->body(fields => $_[0]) });
    };

    refused($t, '64 of the longest fields', $ask->(\@fields),
            'request-invalid', detail => qr/XC-Request.*can't hold them/);

    my $got = $ask->([@fields[0 .. 49]]);
    my $of = admitted($t, '50 of them', $got)->{seen}{h}{'x-xc-id'};
    cmp_ok(length $got->{headers}{'xc-request'}, '>', 4000, 'a long ticket');
    admitted($t, 'which comes back', result($got->{headers}{'xc-request'},
                                            $of));
    admitted($t, 'over HTTP/2, too',
             result($got->{headers}{'xc-request'}, $of, h2 => 1));
}


# Every change of the policy counts at once, for what was admitted before it.
sub todays_policy {
    my $data = $policy->data;
    my (undef, $of, $with) = submitted('before the changes',
        fields => ['merchant.name', 'goods.title', $XC::Policy::PHONE],
        approval => $no_case);
    my $submitted = { ref => opened($with)->{record} };
    my $again = sub {
        my ($name) = @_;
        $t->policy($policy);
        ok($t->reload, "reload: $name");
        return result($with, $of);
    };

    my $field = delete $data->{fields}{'goods.title'};
    refused($t, 'a field that is gone', $again->('without a field'),
            'field-unknown', fields => { 'goods.title' => 'field-unknown' },
            record => $submitted);
    $data->{fields}{'goods.title'} = $field;

    my $groups = $data->{grants}{standard}{groups};
    $data->{grants}{standard}{groups} = [qw(identity transaction)];
    refused($t, 'a group that is not granted any more',
            $again->('without a group'), 'field-not-granted',
            fields => { 'goods.title' => 'field-not-granted' });
    $data->{grants}{standard}{groups} = $groups;

    $field->{standard} = JSON::PP::false;
    refused($t, 'a field that is not standard any more',
            $again->('a field less standard'), 'approval-invalid',
            fields => { 'goods.title' => 'approval-invalid' });
    $field->{standard} = JSON::PP::true;

    my $purpose = delete $data->{purposes}{case_investigation};
    refused($t, 'a purpose that is gone', $again->('without a purpose'),
            'purpose-not-allowed', record => $submitted);
    $data->{purposes}{case_investigation} = $purpose;

    my ($approval) = grep { $_->{no} eq $no_case } @{ $data->{approvals} };
    $approval->{not_after} = '2026-01-01T00:00:00Z';
    refused($t, 'an approval that has ended', $again->('it has ended'),
            'approval-invalid', record => $submitted);
    $approval->{not_after} = '2099-01-01T00:00:00Z';

    my $list = $data->{approvals};
    $data->{approvals} = [grep { $_ != $approval } @$list];
    refused($t, 'an approval that is withdrawn', $again->('withdrawn'),
            'approval-invalid', record => $submitted);
    $data->{approvals} = $list;

    admitted($t, 'and as it was', $again->('all is back'),
             record => $submitted);
}


sub another_key {
    $t->write_file('token.key', encode_base64('k' x 32), 0600);
    ok($t->reload, 'a reload with another key, in base64');
    refused($t, 'a ticket of the key before', result($ticket, $id),
            'request-not-yours', detail => qr/its key has changed since/);

    my (undef, $of, $with) = submitted('a submit under the new key');
    admitted($t, 'and its result', result($with, $of));

    $t->write_file('token.key', $key, 0600);
    ok($t->reload, 'a reload with the key before');
    admitted($t, 'the first ticket again', result($ticket, $id));
    refused($t, 'one of the key between', result($with, $of),
            'request-not-yours');
}


# Without a result to come there need be no key, and then there is no ticket.
sub without_a_key {
    $policy->data->{operations} = [grep { $_->{kind} ne 'result' }
                                   @{ $policy->data->{operations} }];
    $t->policy($policy);
    $t->gate_conf;
    ok($t->reload, 'a reload without results and without a key');

    my ($got) = submitted('a submit');
    ok(!exists $got->{headers}{'xc-request'}, 'has no ticket');
    refused($t, 'a result', result($ticket, $id), 'operation-unknown');
}
