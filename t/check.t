#!/usr/bin/perl

# A check: decided as the submit that it is like, at the same cost, recorded
# before it is answered, and nothing goes to the back end.

use strict;
use warnings;
use utf8;

use Crypt::PRNG qw(random_bytes_hex);
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use Test::More;

use XC::Chain;
use XC::Gate;
use XC::Nginx;
use XC::Policy;

my $check = '/xc/v1/check';
my $submit = '/xc/v1/requests';
my $json = JSON::PP->new->utf8->canonical;

my $t = XC::Nginx->new;
my $policy = make_policy();

$t->write_file('token.key', 'k' x 32, 0600);
$t->write_file('page.html', "a page\n");
$t->gate_conf(
    location => 'xc_body_size 64k; client_body_buffer_size 1k;'
                . ' error_page 400 403 500 /page.html; gzip on;'
                . ' gzip_types *; gzip_min_length 1;',
    http => 'xc_token_key token.key;',
    servers => <<'END_SERVERS');
    server {
        listen 127.0.0.1:%%PORT_files%%;
        root %%PREFIX%%;
        location / { xc enforce; xc_policy %%POLICY%%; }
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
END_SERVERS
$t->run;

allowed();
as_its_like();
nonces();
rates();
other_handlers();
observed();
one_connection();
is($t->backend->count, 0, 'the back end saw no check');

whole($t, 'the log');
$t->finish;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;

    push @{ $data->{operations} },
        { id => 'check', kind => 'check', methods => ['POST'],
          path => $check, body => { like => 'submit' } };
    $data->{fields}{"identity.$_"} = {
        group => 'identity', zh => '字段', en => 'Field',
        standard => JSON::PP::true } for map { sprintf '%055d', $_ } 1 .. 64;

    $data->{rates}{twice} = { rate => '1r/m', burst => 1,
                              refusals => '1000r/s' };
    $data->{rates}{sparing} = { rate => '1000r/s', burst => 1,
                                refusals => '1r/m' };
    for my $id ('twice', 'sparing') {
        $p->add_agency($id, 'county', $p->ed25519($id, "$id-key"),
                       region => '310104', rate => $id);
    }
    return $t->policy($p);
}


sub client {
    my ($agency, %o) = @_;

    return $t->client(tls => 0, key => $policy->key($agency // '310115'), %o);
}


sub ask {
    my ($target, $body, %o) = @_;
    my $agency = delete $o{agency};

    return client($agency)->request('POST', $target, { body => $body, %o });
}


# A check that is allowed: its answer, its records, and no back end.
sub allows {
    my ($name, $answer, $fields, %o) = @_;
    my $all = admitted($t, $name, $answer, seen => 0, %o);
    my $out = $all->{outcome} // {};
    my $body = $json->encode({ decision => 'allow', fields => $fields });

    is($answer->{body}, $body, "$name: the answer");
    is($answer->{headers}{'content-type'}, 'application/json',
       "$name: its type");
    ok(!exists $answer->{headers}{'xc-request'}, "$name: no ticket");
    is_deeply([@$out{qw(status bytes answer_sha256 complete)}],
              [200, length $body, sha256_hex($body), JSON::PP::true],
              "$name: the outcome");
    ok(!defined $out->{upstream} && !defined $out->{upstream_status},
       "$name: of no back end");
    return $all;
}


sub allowed {
    my @fields = qw(merchant.name merchant.uscc transaction.payment);

    allows('a check', ask($check, $policy->body), \@fields,
           record => { operation => 'check', mode => 'enforce',
                       request_no => '沪市监协查〔2026〕1182号',
                       purpose => 'case_investigation', fields => \@fields,
                       ref => undef,
                       subjects => [{ type => 'merchant' }] });
    allows('HTTP/2', client('310115', tls => 1)
                     ->http2('POST', $check, { body => $policy->body }),
           \@fields);
    allows('another agency',
           ask($check, $policy->body(fields => ['livestream.host']),
               agency => '310000'), ['livestream.host'], agency => '310000');
    allows('with members that the submit passes on',
           ask($check, $json->encode({ %{ $json->decode($policy->body) },
                                       note => 'n' x 5000, salt => 's' })),
           \@fields);
    allows('chunked', ask($check, $policy->body, chunked => [10, 100]),
           \@fields);
}


# Whatever refuses the submit refuses its check, in the same words.
sub as_its_like {
    my @all = grep { /^identity\./ } sort keys %{ $policy->data->{fields} };
    my %bodies = (
        '64 fields, for which no ticket has room' =>
            $policy->body(fields => \@all),
        'an unknown field' => $policy->body(fields => ['merchant.nam']),
        'three faults' => $policy->body(
            fields => ['goods.title', 'livestream.host', $XC::Policy::PHONE,
                       'x.y']),
        'a field beyond the standard ones' =>
            $policy->body(fields => [$XC::Policy::PHONE]),
        'an approval that nobody knows' =>
            $policy->body(approval => '沪市监协特〔2026〕99号'),
        'no fields' => $policy->body(fields => []),
        'no purpose' => $policy->body(purpose => undef),
        'another purpose' => $policy->body(purpose => 'curiosity'),
        'no case' => $policy->body(case_no => undef),
        'no number' => $policy->body(request_no => undef),
        'another number' => $policy->body(request_no => '1'),
        'no subject' => $policy->body(subjects => undef, window => undef),
        'a sweep' => $policy->body(subjects => undef),
        'a bad code' => $policy->body(
            subjects => [{ type => 'merchant', id => '1' }]),
        'a member more' => $policy->body(more => 1),
        'a member like' => $policy->body(like => 'submit'),
        'no JSON' => '{', 'an array' => '[]', 'twins' => '{"a":1,"a":2}',
    );

    for my $name (sort keys %bodies) {
        my $other = ask($submit, $bodies{$name});
        my $answer = ask($check, $bodies{$name});
        my ($reason) = $other->{json}{type} =~ /^urn:xc:(.+)/;

        refused($t, $name, $answer, $reason,
                record => { operation => 'check' });
        delete $_->{json}{instance} for $other, $answer;
        is_deeply($answer->{json}, $other->{json},
                  "$name: in the words of the submit");
    }

    refused($t, 'no body', client()->request('POST', $check), 'body-missing');
    refused($t, 'too long a body',
            ask($check, $policy->body(note => 'n' x 66_000)),
            'body-too-large');
    refused($t, 'a query string', ask("$check?a=1", $policy->body),
            'request-invalid');
    refused($t, 'another type',
            ask($check, $policy->body,
                headers => [['Content-Type', 'text/plain']]),
            'media-type-unsupported');
    refused($t, 'GET', client()->request('GET', $check), 'operation-unknown');
    refused($t, 'a ticket', ask($check, $policy->body,
                                headers => [['Content-Type',
                                             'application/json'],
                                            ['XC-Request', 'x']]),
            'request-invalid', detail => qr/XC-Request belongs to/);
    refused($t, 'unsigned', ask($check, $policy->body, sign => 0),
            'credential-missing');
    refused($t, 'another body than was signed',
            ask($check, $policy->body,
                sign => { digest_body => $policy->body . ' ' }),
            'digest-mismatch', auth => 1);
}


sub nonces {
    my $nonce = random_bytes_hex(16);
    my $once = { nonce => $nonce };

    admitted($t, 'a nonce', ask($check, $policy->body, sign => $once),
             seen => 0);
    refused($t, 'it is burned',
            ask($check, $policy->body, sign => $once), 'signature-replayed',
            auth => 1);
    refused($t, 'for a submit, too',
            ask($submit, $policy->body, sign => $once), 'signature-replayed',
            auth => 1);

    $once = { nonce => random_bytes_hex(16) };
    refused($t, 'a refusal after its nonce',
            ask($check, $policy->body(fields => ['x.y']), sign => $once),
            'field-unknown');
    refused($t, 'burns it as well',
            ask($check, $policy->body, sign => $once), 'signature-replayed',
            auth => 1);
}


sub rates {
    my %as = (agency => 'twice');

    admitted($t, 'the first', ask($check, $policy->body, %as), seen => 0,
             %as);
    admitted($t, 'and the second', ask($check, $policy->body, %as),
             seen => 0, %as);
    refused($t, 'a check spends the rate',
            ask($check, $policy->body, %as), 'rate-exceeded', %as);
    refused($t, 'of a submit',
            ask($submit, $policy->body, %as), 'rate-exceeded', %as);

    %as = (agency => 'sparing');
    for my $try (1, 2) {
        refused($t, "a refused one, $try of two",
                ask($check, $policy->body(fields => ['x.y']), %as),
                'field-unknown', %as);
    }
    refused($t, 'they have spent the budget of refusals',
            ask($check, $policy->body, %as), 'rate-exceeded', %as);
}


# It answers whatever would handle the location otherwise.
sub other_handlers {
    my $client = client('310115', port => $t->port('files'));

    allows('where files are served',
           $client->request('POST', $check, { body => $policy->body }),
           [qw(merchant.name merchant.uscc transaction.payment)]);
}


# A check asks what the decision is: it is told, whatever would go on.
sub observed {
    my $client = client('310115', port => $t->port('observe'));
    my $bad = $policy->body(fields => ['livestream.host']);
    my $ask = sub {
        return $client->request('POST', $_[0], { body => $_[1] });
    };

    is($ask->($submit, $bad)->{status}, 200, 'observe: the submit goes on');
    is($t->backend->count, 1, 'to the back end');
    $t->backend->forget;

    my $answer = $ask->($check, $bad);
    is_deeply([@{ $answer->{json} }{qw(status type)}],
              [403, 'urn:xc:field-not-granted'],
              'observe: its check is refused');
    is($ask->($check, $policy->body)->{status}, 200,
       'observe: a check that is allowed');
}


sub one_connection {
    my $client = client('310115', keepalive => 1);

    for my $try (1 .. 3) {
        admitted($t, "check $try of a connection",
                 $client->request('POST', $check, { body => $policy->body }),
                 seen => 0);
        refused($t, "and a refusal behind it",
                $client->request('POST', $check,
                    { body => $policy->body(fields => ['x.y']) }),
                'field-unknown');
    }
    $t->backend->forget;
    admitted($t, 'a submit on it',
             $client->request('POST', $submit, { body => $policy->body }));
}
