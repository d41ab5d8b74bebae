#!/usr/bin/perl

# Intermediaries: an agency whose credential asks for another one.  For whom,
# with whose scope, at whose rate, and what the record says of both.

use strict;
use warnings;
use utf8;

use Test::More;

use XC::Client;
use XC::Gate;
use XC::Nginx;
use XC::Policy;

my $t = XC::Nginx->new;
my $policy = make_policy();
my $submit = '/xc/v1/requests';
my $query = $policy->query;

$t->gate_conf(servers => <<'END_SERVER');
    server {
        listen 127.0.0.1:%%PORT_underscores%%;
        underscores_in_headers on;
        location / {
            xc enforce;
            xc_policy %%POLICY%%;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END_SERVER
$t->run;

allowed();
refusals();
spellings();
costs_nothing();
scope();
rates();
log_verifies();
reports();

chain_whole($t);
$t->finish;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;
    my $via = sub {
        my ($id, $behalf, %more) = @_;
        $p->add_agency($id, 'national',
            { %{ $p->ed25519($id, "$id-key") }, on_behalf_of => $behalf },
            region => '000000', %more);
    };

    $data->{rates}{seldom} = { rate => '1r/m', burst => 1,
                               refusals => '1000r/s' };
    $data->{rates}{once} = { rate => '1r/m', refusals => '1000r/s' };

    # the platforms stand before some of the agencies that they ask for
    $via->('smart', [qw(slow 310000 310115)]);
    $via->('region', { level => 'county', region_prefix => '3101' });
    $via->('wide', ['310115', '310000'], grants => ['standard', 'live']);
    $via->('tight', ['310115'], rate => 'seldom');
    $via->('strict', ['310115'], rate => 'once');
    $p->add_agency('slow', 'county', $p->ed25519('slow', 'slow-key'),
                   region => '310115', rate => 'seldom');
    $p->add_agency('elsewhere', 'county', $p->ed25519('elsewhere', 'else-key'),
                   region => '320100');

    # a second key of the platform's, for itself
    push @{ $p->agency('smart')->{credentials} },
        $p->ed25519('smart-own', 'smart-own');
    return $t->policy($p);
}


sub client {
    my ($key, %o) = @_;

    return $t->client(tls => 0, key => $policy->key($key), %o);
}


# A query by a key of a name, for an agency (undef: the field is left out).
sub ask {
    my ($key, $agency, %o) = @_;

    return client($key)->request('GET', $query, {
        headers => [defined $agency ? ['XC-On-Behalf-Of', $agency] : ()],
        %o });
}


sub ask_fields {
    my ($key, $agency, @fields) = @_;

    return client($key)->request('POST', $submit, {
        headers => [['Content-Type', 'application/json'],
                    ['XC-On-Behalf-Of', $agency]],
        body => $policy->body(fields => \@fields) });
}


# The same, signed by several keys.
sub signed_by {
    my ($agency, @keys) = @_;
    my @named = (['XC-On-Behalf-Of', $agency]);
    my (@input, @signature);

    for my $i (0 .. $#keys) {
        my @h = client($keys[$i])->signed_headers('GET', $query, \@named,
                                                  undef, { label => "s$i" });
        push @input, $h[0][1];
        push @signature, $h[1][1];
    }
    return client('smart')->request('GET', $query, { sign => 0, headers => [
        @named, ['Signature-Input', join ', ', @input],
        ['Signature', join ', ', @signature]] });
}


sub allowed {
    my $r = admitted($t, 'of a list', ask('smart', '310115'),
        record => { level => 'county', via => 'smart',
                    credential => 'httpsig:smart-key',
                    covered => { 'xc-on-behalf-of' => '310115' } });
    my $h = $r->{seen}{h};
    is($h->{'x-xc-agency'}, '310115', 'the back end is told who asks');
    is($h->{'x-xc-level'}, 'county', 'and of which level');
    is($h->{'xc-on-behalf-of'}, undef, 'and not what the client sent');

    my ($line) = grep { /"id":"$r->{decision}{id}"/ && /"decision":/ }
                 $t->audit_lines;
    like($line, qr/"agency":"310115","level":"county","credential":
                   "httpsig:smart-key","via":"smart","request_no":/x,
         'the intermediary stands behind its credential');

    admitted($t, 'of a list, another', ask('smart', '310000'),
             agency => '310000', record => { via => 'smart' });
    admitted($t, 'of a level and a prefix', ask('region', '310115'),
             record => { via => 'region' });
    admitted($t, 'over HTTP/2', $t->client(key => $policy->key('smart'))
        ->http2('GET', $query, { headers => [['xc-on-behalf-of', '310115']] }),
        record => { via => 'smart' });
    admitted($t, 'with a body', ask_fields('smart', '310115', 'goods.title'),
             record => { via => 'smart' });
    admitted($t, 'the platform for itself, by its other key',
             ask('smart-own', undef), agency => 'smart',
             record => { via => undef });
    admitted($t, 'an agency for itself', ask('310115', undef),
             record => { via => undef });
}


# Refused before any agency is known; the evidence is kept.
sub not_allowed {
    my ($name, $answer, $detail) = @_;

    refused($t, $name, $answer, 'behalf-not-allowed', detail => $detail,
            record => { via => undef, signature_input => qr/keyid="/ });
    is($answer->{json}{detail_zh},
       reason($t, 'behalf-not-allowed')->{remedy_zh},
       "$name: says in Chinese what to do");
}


sub refusals {
    not_allowed('not of the list', ask('smart', 'elsewhere'),
                qr/may not ask for the agency "elsewhere"/);
    not_allowed('not of the region', ask('region', 'elsewhere'),
                qr/may not ask for/);
    not_allowed('not of the level', ask('region', '310000'),
                qr/may not ask for/);
    not_allowed('the intermediary itself', ask('smart', 'smart'),
                qr/may not ask for/);
    not_allowed('an agency that is not registered', ask('smart', '999999'),
                qr/"999999" is not registered/);
    not_allowed('no agency named', ask('smart', undef),
                qr/send XC-On-Behalf-Of with the id/);
    not_allowed('an empty name', ask('smart', ''), qr/holds no agency's id/);
    for my $bad ('310115,310000', '"310115"', '310115;a=1', '../310115',
                 '3101 15', 'x' x 65)
    {
        not_allowed("the name $bad", ask('smart', $bad),
                    qr/holds no agency's id/);
    }
    not_allowed('two lines',
        client('smart')->request('GET', $query, {
            headers => [['XC-On-Behalf-Of', '310115'],
                        ['xc-on-behalf-of', '310000']],
            sign => { components => [qw(@method @authority @path @query
                                        xc-on-behalf-of)],
                      values => { 'xc-on-behalf-of' => '310115, 310000' } }
        }), qr/more than one line/);

    # who asks for himself
    not_allowed('a credential without it', ask('310115', '310000'),
                qr/leave XC-On-Behalf-Of out/);
    not_allowed('a credential without it, for itself',
                ask('310115', '310115'), qr/leave XC-On-Behalf-Of out/);
    not_allowed('the platform\'s other key', ask('smart-own', '310115'),
                qr/leave XC-On-Behalf-Of out/);

    # two signatures
    refused($t, 'the intermediary and the agency',
            signed_by('310115', 'smart', '310115'), 'credential-conflict');
    not_allowed('by a key that may, and one that may not',
                signed_by('310115', 'smart', 'smart-own'),
                qr/may not ask for/);

    # what proves nothing
    refused($t, 'not covered', ask('smart', '310115',
        sign => { components => [qw(@method @authority @path @query)] }),
        'signature-incomplete', detail => qr/xc-on-behalf-of/);
    refused($t, 'another than was signed', ask('smart', '310115',
        sign => { values => { 'xc-on-behalf-of' => '310000' } }),
        'signature-invalid');
}


# Only one spelling names anybody.
sub spellings {
    my %as = (headers => [['XC_On_Behalf_Of', '310115']],
              sign => { components => [qw(@method @authority @path @query)] });

    not_allowed('with underscores it is not there',
                ask('smart', undef, %as), qr/^the credential is an interm/);
    admitted($t, 'nor for an agency', ask('310115', undef, %as),
             record => { via => undef });

    for my $name ('XC_On_Behalf_Of', 'xc-on_behalf-of') {
        refused($t, "$name, where nginx takes it",
            client('smart', port => $t->port('underscores'))
                ->request('GET', $query,
                          { %as, headers => [[$name, '310115']] }),
            'header-reserved');
    }
    refused($t, 'x-xc-on-behalf-of', ask('smart', undef,
        headers => [['x-xc-on-behalf-of', '310115']]), 'header-reserved');
    refused($t, 'X-XC-On-Behalf-Of beside the right one', ask('smart', undef,
        headers => [['XC-On-Behalf-Of', '310115'],
                    ['X-XC-On-Behalf-Of', '310000']]), 'header-reserved');
}


# One request a minute, and a nonce.
sub costs_nothing {
    my %once = (sign => { nonce => "behalf-$$" });

    for my $agency ('310000', '310000', 'strict', 'nobody', undef) {
        not_allowed('refused ' . ($agency // 'without a name'),
                    ask('strict', $agency, %once), qr/\S/);
    }
    admitted($t, 'neither rate nor nonce was spent',
             ask('strict', '310115', %once), record => { via => 'strict' });
    refused($t, 'now both are: the nonce', ask('strict', '310115', %once),
            'signature-replayed', record => { via => 'strict' });
    refused($t, 'and the rate', ask('strict', '310115'), 'rate-exceeded',
            record => { via => 'strict' });
}


sub scope {
    my %live = ('livestream.host' => 'field-not-granted');

    refused($t, 'the intermediary lacks the field',
            ask_fields('smart', '310000', 'merchant.name', 'livestream.host'),
            'field-not-granted', agency => '310000', fields => \%live,
            detail => qr/granted to the agency, but not to the intermediary/,
            record => { via => 'smart' });
    refused($t, 'the agency lacks the field',
            ask_fields('wide', '310115', 'merchant.name', 'livestream.host'),
            'field-not-granted', fields => \%live,
            detail => qr/not granted to this agency/);
    admitted($t, 'both have the field',
             ask_fields('wide', '310000', 'merchant.name', 'livestream.host'),
             agency => '310000', record => { via => 'wide' });

    # national agencies need no approval, but who speaks for a county does
    refused($t, 'the approval is the agency\'s',
            ask_fields('smart', '310115', 'buyer.phone'), 'approval-required');
}


# Two at once, then one a minute: of the agency, of the intermediary.
sub rates {
    for my $i (1, 2) {
        admitted($t, "the agency's burst: $i", ask('smart', 'slow'),
                 agency => 'slow', record => { via => 'smart' });
    }
    my $answer = ask('smart', 'slow');
    refused($t, 'the agency\'s burst is spent', $answer, 'rate-exceeded',
            agency => 'slow', record => { via => 'smart' });
    like($answer->{headers}{'retry-after'}, qr/^[1-6]?[0-9]$/, 'Retry-After');
    refused($t, 'by the agency itself, too', ask('slow', undef),
            'rate-exceeded', agency => 'slow', record => { via => undef });
    admitted($t, 'the intermediary asks for another', ask('smart', '310115'));

    for my $i (1, 2) {
        admitted($t, "the intermediary's burst: $i", ask('tight', '310115'));
    }
    refused($t, 'the intermediary\'s burst is spent', ask('tight', '310115'),
            'rate-exceeded', detail => qr/intermediary's rate/);
    admitted($t, 'the agency asks for itself', ask('310115', undef));
    admitted($t, 'and by another intermediary', ask('smart', '310115'));
}


sub xcctl {
    my (@args) = @_;
    my $cmd = join ' ', map { "'$_'" } $t->xcctl, @args;
    my $out = `$cmd 2>&1`;

    utf8::decode($out);
    return ($? >> 8, $out);
}


sub log_verifies {
    my $log = $t->state_dir . '/audit.log';
    my ($status, $out) = xcctl('audit', 'verify', '--strict', '--subject',
        $XC::Policy::USCC, '--policy', $t->path('policy.json'), $log);

    is($status, 0, 'verify: whole') or diag $out;
    like($out, qr/^signatures: [1-9]\d+ verified, 0 failed/m,
         'verify: every signature');

    # a policy in which the platform may not ask for these
    my $other = $policy->agency('smart')->{credentials}[0];
    local $other->{on_behalf_of} = ['elsewhere'];
    $policy->write($t->path('other.json'));
    ($status, $out) = xcctl('audit', 'verify', '--subject',
        $XC::Policy::USCC, '--policy', $t->path('other.json'), $log);
    is($status, 1, 'verify: another policy');
    like($out, qr/the key may not ask for this agency in the policy/,
         'verify: says why');

    # the record says another agency, or hides that somebody asked for it
    my @lines = $t->audit_lines;
    my ($i) = grep { $lines[$_] =~ /"via":"smart"/
                     && $lines[$_] =~ /"decision":"allow"/ } 0 .. $#lines;
    my %forged = (
        'another agency' =>
            [qr/"agency":"310115"/, '"agency":"310000"', qr/does not cover/],
        'no intermediary' =>
            [qr/,"via":"smart"/, '', qr/another agency's/],
    );
    for my $name (sort keys %forged) {
        my ($find, $with, $why) = @{ $forged{$name} };
        my @forged = @lines;
        $forged[$i] =~ s/$find/$with/ or die "$name: nothing to forge";
        $t->write_file('forged.log', join '', map { "$_\n" } @forged);
        ($status, $out) = xcctl('audit', 'verify', '--subject',
            $XC::Policy::USCC, '--policy', $t->path('policy.json'),
            $t->path('forged.log'));
        is($status, 1, "verify: $name");
        like($out, qr/seq $i: .*$why/, "verify: $name: says why");
    }
}


sub reports {
    my $log = $t->state_dir . '/audit.log';
    my ($status, $out) = xcctl('audit', 'report', $log);

    is($status, 0, 'report');
    like($out, qr/^intermediary .*\n(?:.+\n)*  smart +[1-9]/m,
         'report: names the intermediary');
    ($status, $out) = xcctl('audit', 'report', '--json', $log);
    my ($smart) = grep { $_->{via} eq 'smart' }
                  @{ JSON::PP->new->decode($out)->{intermediaries} };
    my @all = grep { ($_->{via} // '') eq 'smart' } decisions($t);
    is($smart->{admitted}, scalar(grep { $_->{decision} eq 'allow' } @all),
       'report: counts what it asked for');
    is($smart->{refused}, scalar(grep { $_->{decision} eq 'deny' } @all),
       'report: and what was refused');
    ($status, $out) = xcctl('audit', 'report', '--html', $log);
    like($out, qr/By intermediary/, 'report: also as HTML');
}
