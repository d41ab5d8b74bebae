#!/usr/bin/perl

# The policy's limits: what is at one passes, what is over it is refused with
# 400, and the answer names limit and value; so with the match limit of a
# pattern.  A sweep stays a sweep, whatever subject stands in front of it.

use strict;
use warnings;
use utf8;

use Encode ();
use JSON::PP;
use Test::More;

use XC::Gate;
use XC::Nginx;

my $LONG = '条' x 13 . 'x';              # 40 bytes of UTF-8
my @field = qw(merchant.name merchant.uscc goods.title transaction.payment);
my $t = XC::Nginx->new;
my $policy = make_policy();

$t->gate_conf;
$t->run;

my $client = $t->client(tls => 0, keepalive => 1);

counts();
strings();
depth();
days();
query();
match_limit();
disguises();

chain_whole($t);
$t->finish;
done_testing;


# Small limits, members that the body has under other names, and expressions
# that no matcher gets through by itself: a long "a" would match them by the
# second alternative, and never comes to it.
sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;
    my $slow = '(?:(?:a+)+x|a+)';

    $data->{limits} = { fields => 3, subjects => 2, string => 40, depth => 5,
                        window_days => 10, officers => 2 };
    $data->{patterns} = { case_no => "$slow|沪.*", category => $slow };
    $data->{subject_types}{slow} = { pattern => $slow };

    my $map = $p->operation('submit')->{body};
    $map->{fields} = '/items';
    $map->{subjects} = '/about/whom';
    push @{ $data->{operations} },
        { id => 'slow', kind => 'query', methods => ['GET'],
          path => "/xc/v1/slow/$slow/(?<subject>[0-9A-Z]{18})",
          subject_type => 'merchant',
          query => { map { $_ => $_ } qw(fields request_no purpose case_no
                                         category region) } };

    push @{ $p->agency('310000')->{grants} },
        { grant => 'sweep', authority_no => '1',
          not_after => '2099-01-01T00:00:00Z' };
    $data->{grants}{sweep} = { sweep => JSON::PP::true, groups => ['goods'],
                               levels => ['province', 'national'] };
    return $t->policy($p);
}


# As body(), by this policy's names.
sub body {
    my (%over) = @_;
    my %subjects = exists $over{subjects}
        ? (about => $over{subjects} && { whom => $over{subjects} })
        : (about => { whom => [merchant()] });
    my $fields = exists $over{fields} ? $over{fields} : [@field[0, 1]];

    delete @over{qw(fields subjects)};
    return $policy->body(
        fields => undef, subjects => undef, legal_basis => undef,
        window => undef, purpose => 'product_recall', case_no => undef,
        request_no => '沪市监协查〔2026〕1号', items => $fields, %subjects,
        %over);
}


sub merchant { return { type => 'merchant', id => $XC::Policy::USCC } }


sub post {
    my ($body, $agency) = @_;

    return $t->client(tls => 0, key => $policy->key($agency // '310115'))
             ->request('POST', '/xc/v1/requests', { body => $body });
}


sub at_limit { admitted($t, "at the limit: $_[0]", post($_[1])) }


sub over_limit {
    my ($name, $body, $detail, $code) = @_;

    return refused($t, "over the limit: $name", post($body),
                   $code // 'request-invalid', detail => $detail);
}


sub counts {
    my @order = map { { type => 'order', id => "order-$_" } } 1 .. 3;
    my @officer = map { { certificate => "3100000001$_" } } 1 .. 3;

    at_limit('3 fields', body(fields => [@field[0, 1, 3]]));
    over_limit('4 fields', body(fields => [@field]),
               qr/^items: 4 given, over the limit fields of 3$/);
    over_limit('a field four times', body(fields => [($field[0]) x 4]),
               qr/^items: 4 given, over the limit fields of 3$/);
    at_limit('2 subjects', body(subjects => [@order[0, 1]]));
    over_limit('3 subjects', body(subjects => [@order]),
               qr{^about/whom: 3 given, over the limit subjects of 2$});
    over_limit('a subject three times', body(subjects => [($order[0]) x 3]),
               qr{^about/whom: 3 given, over the limit subjects of 2$});
    at_limit('2 officers', body(officers => [@officer[0, 1]]));
    over_limit('3 officers', body(officers => [@officer]),
               qr/^officers: 3 given, over the limit officers of 2$/);
}


# In bytes of UTF-8, whatever the text is.
sub strings {
    is(length Encode::encode('UTF-8', $LONG), 40, 'a text of 40 bytes');

    my %member = (
        legal_basis => sub { { legal_basis => $_[0] } },
        request_no  => sub { { request_no => $_[0] } },
        case_no     => sub { { case_no => $_[0] =~ s/^./沪/r } },
        region      => sub { { region => $_[0] } },
        approval    => sub { { approval => $_[0] } },
        'officers\[0\]\.certificate' =>
            sub { { officers => [{ certificate => $_[0] }] } },
        'about/whom\[0\]\.id' =>
            sub { { subjects => [{ type => 'live_room', id => $_[0] }] } },
    );

    for my $name (sort keys %member) {
        over_limit("41 bytes of $name", body(%{ $member{$name}->("${LONG}x") }),
                   qr/^$name: 41 bytes of UTF-8, over the limit string of 40$/);
    }
    for my $name (grep { !/^(?:region|approval)$/ } sort keys %member) {
        at_limit("40 bytes of $name", body(%{ $member{$name}->($LONG) }));
    }
    refused($t, 'at the limit: 40 bytes of approval',
            post(body(approval => $LONG)), 'approval-invalid');
    refused($t, 'at the limit: 40 bytes of region',
            post(body(region => $LONG)), 'sweep-not-authorized');

    # of a name there is nothing to be told but that it is none
    refused($t, 'a purpose over the limit', post(body(purpose => 'x' x 41)),
            'purpose-not-allowed');
}


# Objects and arrays, the body itself the first.
sub depth {
    at_limit('5 levels', body(note => [[[[]]]]));
    at_limit('5 levels of objects', body(note => { a => { b => { c => {} } } }));
    over_limit('6 levels', body(note => [[[[[]]]]]),
               qr/^line 1, column \d+: .*limit depth of 5$/, 'body-invalid');
    over_limit('6 levels of objects',
               body(note => { a => { b => { c => { d => {} } } } }),
               qr/limit depth of 5$/, 'body-invalid');
    over_limit('6 levels where a string is due',
               body(legal_basis => [[[[[]]]]]), qr/limit depth of 5$/,
               'body-invalid');
}


# Both ends are included.
sub days {
    my @window = ({ from => '2026-02-20', to => '2026-03-01' },
                  { from => '2026-02-20', to => '2026-03-02' });

    at_limit('10 days', body(window => $window[0]));
    over_limit('11 days', body(window => $window[1]),
               qr/^window: 11 days, over the limit window_days of 10$/);
    over_limit('11 days of a sweep',
               body(window => $window[1], subjects => undef),
               qr/^window: 11 days, over the limit window_days of 10$/);
    over_limit('all days there are',
               body(window => { from => '1970-01-01', to => '9999-12-31' }),
               qr/days, over the limit window_days of 10$/);
}


sub query {
    my $get = sub {
        my (%over) = @_;

        return $client->request('GET', $policy->query(
            purpose => 'product_recall', case_no => undef,
            request_no => '沪市监协查〔2026〕1号', %over));
    };

    admitted($t, 'a query at the limit: 3 fields',
             $get->(fields => join ',', @field[0, 1, 3]));
    refused($t, 'a query over the limit: 4 fields',
            $get->(fields => join ',', @field), 'request-invalid',
            detail => qr/^fields: 4 given, over the limit fields of 3$/);
    admitted($t, 'a query at the limit: 40 bytes',
             $get->(request_no => $LONG));
    refused($t, 'a query over the limit: 41 bytes',
            $get->(request_no => "${LONG}x"), 'request-invalid',
            detail => qr/^request_no: 41 bytes .*over the limit string of 40$/);
}


# A query whose path has that behind it.
sub slow_path {
    my ($part, %over) = @_;

    return $policy->query(purpose => 'product_recall', case_no => undef,
                          request_no => '沪市监协查〔2026〕1号', %over)
           =~ s{merchants}{slow/$part}r;
}


# What a matcher does not come to an end with is refused as no match.
sub match_limit {
    my $many = 'a' x 36;
    my $slow = sub { $client->request('GET', slow_path($_[0])) };

    at_limit('a pattern that matches soon', body(case_no => 'aaaa'));
    refused($t, 'a pattern at its match limit', post(body(case_no => $many)),
            'request-invalid', detail => qr/^case_no: "a{36}" does not have/);
    admitted($t, 'a subject whose pattern matches soon',
             post(body(subjects => [{ type => 'slow', id => 'aaaa' }])));
    refused($t, 'a subject whose pattern is at its match limit',
            post(body(subjects => [{ type => 'slow', id => $many }])),
            'request-invalid',
            detail => qr{^about/whom\[0\]\.id: .*form of the subject type});
    admitted($t, 'a path whose pattern matches soon', $slow->('aaaa'));
    refused($t, 'a path whose pattern is at its match limit',
            $slow->($many), 'operation-unknown');
    admitted($t, 'and the next request is not held up', post(body()));
}


# Who may not sweep names a subject, or none that is one, and asks all the same.
sub disguises {
    my @goods = (fields => ['goods.title']);
    my %window = (window => { from => '2026-03-01', to => '2026-03-01' });
    my $order = { type => 'order', id => '000000' };

    for (['a category beside a subject', category => 'aa'],
         ['a region beside a subject', region => '310000'],
         ['both, and a window', category => 'aa', region => '31', %window],
         ['a made-up order', category => 'aa', subjects => [$order]],
         ['as many subjects as there may be', region => '31',
          subjects => [$order, merchant()]],
         ['a window and empty subjects', %window, subjects => []],
         ['a window and no subjects', %window, subjects => undef],
         ['a category and a case', category => 'aa', case_no => 'a',
          purpose => 'case_investigation'])
    {
        my ($name, %over) = @$_;

        refused($t, "a sweep: $name", post(body(@goods, %over)),
                'sweep-not-authorized', record => { sweep => qr/^1$/ });
        admitted($t, "who may: $name", post(body(@goods, %over), '310000'),
                 agency => '310000', record => { sweep => qr/^1$/ });
        refused($t, "who may, for more than goods: $name",
                post(body(%over, fields => [@field[0, 2]]), '310000'),
                'sweep-not-authorized', agency => '310000',
                fields => { $field[0] => 'sweep-not-authorized' });
    }
    refused($t, 'a sweep: a category beside the path\'s subject',
            $client->request('GET', slow_path('a', fields => 'goods.title',
                                              category => 'aa')),
            'sweep-not-authorized', record => { sweep => qr/^1$/ });

    # nor is it none because what makes it one is empty
    refused($t, 'an empty category', post(body(@goods, category => '')),
            'request-invalid', detail => qr/^category: must not be empty/);
    refused($t, 'a window of nothing', post(body(@goods, window => {})),
            'request-invalid', detail => qr/^window\.from: not given/);
    admitted($t, 'a window beside a subject only narrows',
             post(body(@goods, %window)), record => { sweep => undef });
}
