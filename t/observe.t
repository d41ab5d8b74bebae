#!/usr/bin/perl

# xc observe (CONTRACT.md section 1): it decides as enforce does, always; what
# may go on goes on with the granted fields alone and with a record as durable
# as an admission's; all else is refused in the same words; and it ends.

use strict;
use warnings;
use utf8;

use Crypt::PRNG qw(random_bytes_hex);
use IO::Select;
use JSON::PP;
use POSIX qw(strftime);
use Test::More;

use XC::Chain;
use XC::Gate;
use XC::JSON;
use XC::Nginx;
use XC::Policy;
use XC::Shim;

my $REQUESTS = 1000;
my $seed = $ENV{XC_SEED} // int(time) % 1_000_000;

my $submit = '/xc/v1/requests';
my $check = '/xc/v1/check';
my $PHONE = $XC::Policy::PHONE;
my $CASE = '沪市监案〔2026〕310号';
my $json = json_coder->canonical;
my %observable = map { $_ => 1 } qw(purpose-not-allowed field-unknown
    field-not-granted approval-required approval-invalid sweep-not-authorized
    subject-required rate-exceeded);     # quota-exceeded: t/rates.t

# two nodes of one policy
my $t = XC::Nginx->new;
my $e = XC::Nginx->new;
my $policy = make_policy();
my %shim = map { ($_ => XC::Shim->new($_)) } $t, $e;

$_->write_file('token.key', 'k' x 32, 0600) for $t, $e;
fresh();
start_records();
observed();
variables();
results();
refused_as_ever();
unrecordable();
rates();
latched();
durable();
status();
read_by_tools();
thousand();
until_then();
ended();

$_->finish for $t, $e;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;

    push @{ $data->{operations} },
        { id => 'check', kind => 'check', methods => ['POST'],
          path => $check, body => { like => 'submit' } },
        { id => 'result', kind => 'result', methods => ['GET'],
          path => '/xc/v1/requests/(?<request>[0-9a-f]{32})' };
    $data->{grants}{sweep} = { sweep => JSON::PP::true, groups => ['goods'],
                               levels => ['province', 'national'] };
    $p->agency('310000')->{grants} = ['standard', 'live',
        { grant => 'sweep', authority_no => '国市监网授〔2026〕3号' }];
    $p->agency('000000')->{grants} = ['standard', 'live', 'sweep'];
    $data->{approvals} = [
        { no => '特1号', by => '310000', agency => '310115',
          fields => [$PHONE], case_no => $CASE,
          not_after => '2099-01-01T00:00:00Z' }];

    $data->{rates}{twice} = { rate => '1r/m', burst => 1,
                              refusals => '1000r/s' };
    $data->{rates}{sparing} = { rate => '1000r/s', burst => 1,
                                refusals => '1r/m' };
    $data->{rates}{tight} = { rate => '30r/m', burst => 3,
                              refusals => '20r/m' };
    for my $id ('twice', 'sparing', 'tight') {
        $p->add_agency($id, 'county', $p->ed25519($id, "$id-key"),
                       region => '310104', rate => $id);
    }
    $e->policy($p->quick);
    return $t->policy($p);
}


# New state, observe on $t and enforce on $e.
sub fresh {
    my (%o) = @_;

    for my $n ($t, $e) {
        $n->stop;
        system 'rm', '-rf', $n->state_dir;
        delete $n->{gate_records};
        $n->gate_conf(
            xc => $n == $t ? $o{xc} // 'observe' : 'enforce',
            audit => 'node=n1 ' . ($o{audit} // ''),
            http => 'xc_token_key token.key; client_max_body_size 1m;',
            location => 'add_header X-Seen'
                . ' "$xc_decision|$xc_reason|$xc_fields|$xc_record" always;'
                . ' xc_body_size 200k; client_body_buffer_size 200k;'
                . ($n == $t ? $o{location} // '' : ''),
            servers => $n == $t ? $o{servers} : '');
        $shim{$n}->mend->set(clock => 0, boot_s => 0);
        $shim{$n}->run;
        $n->backend->forget;
    }
}


sub client {
    my ($n, $agency) = @_;

    return $n->client(tls => 0, key => $policy->key($agency // '310115'));
}


sub post {
    my ($n, $body, %o) = @_;
    my $agency = delete $o{agency};
    my $target = delete $o{target} // $submit;

    return client($n, $agency)->request('POST', $target,
                                        { body => $body, %o });
}


# A refusal that goes on: answer, record, and the fields that the back end saw.
sub passes {
    my ($name, $answer, $reason, $granted, %o) = @_;
    my $all = admitted($t, "$name: $reason goes on", $answer,
                       observed => $reason, %o);
    my $h = $all->{seen}{h} // {};

    is($h->{'x-xc-fields'} // '', $granted,
       "$name: the back end learns of what is granted");
    is($h->{'x-xc-record'}, "n1:$all->{decision}{seq}",
       "$name: and of the record") if $all->{decision};
    return $all;
}


sub start_records {
    my ($start) = grep { $_->{event} eq 'start' } $t->audit_records;
    my ($gate) = @{ $start->{gates} };

    is($gate->{mode}, 'observe', 'the start record says observe');
    ok(!exists $gate->{until}, 'without an end');
    ($start) = grep { $_->{event} eq 'start' } $e->audit_records;
    is($start->{gates}[0]{mode}, 'enforce', 'and of the other enforce');
}


sub observed {
    my $standard = 'merchant.name,merchant.uscc,transaction.payment';
    my @all = qw(merchant.name merchant.uscc transaction.payment);

    # [name, what differs, reason, granted, refused, agency]
    my @cases = (
        ['a purpose', { purpose => 'statistics' }, 'purpose-not-allowed',
         $standard, {}],
        ['no purpose', { purpose => undef }, 'purpose-not-allowed',
         $standard, {}],
        ['a purpose, and fields',
         { purpose => 'x', fields => ['merchant.name', 'x.y', $PHONE] },
         'purpose-not-allowed', 'merchant.name',
         { 'x.y' => 'field-unknown', $PHONE => 'approval-required' }],
        ['a field that is none', { fields => [@all, 'x.y'] },
         'field-unknown', $standard, { 'x.y' => 'field-unknown' }],
        ['in front', { fields => ['x.y', @all] }, 'field-unknown',
         $standard, { 'x.y' => 'field-unknown' }],
        ['no field but that', { fields => ['x.y'] }, 'field-unknown', '',
         { 'x.y' => 'field-unknown' }],
        ['a group', { fields => ['livestream.host', 'goods.title'] },
         'field-not-granted', 'goods.title',
         { 'livestream.host' => 'field-not-granted' }],
        ['a special field', { fields => [$PHONE, 'goods.title'] },
         'approval-required', 'goods.title',
         { $PHONE => 'approval-required' }],
        ['an approval', { fields => [$PHONE, 'goods.title'],
                          approval => '特9号' },
         'approval-invalid', 'goods.title',
         { $PHONE => 'approval-invalid' }],
        ['an approval that nothing needs', { approval => '特9号' },
         'approval-invalid', $standard, {}],
        ['a sweep', { subjects => undef, fields => ['goods.title'] },
         'sweep-not-authorized', '',
         { 'goods.title' => 'sweep-not-authorized' }],
        ['a sweep by category for more than goods',
         { subjects => undef, category => '食品',
           fields => ['merchant.name', 'transaction.payment', 'x.y'] },
         'field-unknown', '',
         { 'x.y' => 'field-unknown',
           map { $_ => 'sweep-not-authorized' } qw(merchant.name
                                                   transaction.payment) }],
        ['a sweep for more', { subjects => undef, category => '食品',
                               fields => ['goods.title', 'merchant.name'] },
         'sweep-not-authorized', 'goods.title',
         { 'merchant.name' => 'sweep-not-authorized' }, '310000'],
        ['nobody', { subjects => undef, window => undef },
         'subject-required', $standard, {}],
    );

    for my $case (@cases) {
        my ($name, $differs, $reason, $granted, $want, $agency) = @$case;
        my %as = $agency ? (agency => $agency) : ();
        my $body = $policy->body(%$differs);
        my $all = passes($name, post($t, $body, %as), $reason, $granted, %as);
        my $mine = $all->{decision} // {};
        my $other = refused($e, "$name, enforced", post($e, $body, %as),
                            $reason, %as) // {};

        my %got = map { $_->{field} => $_->{reason} }
                  @{ $mine->{refused} // [] };
        is_deeply(\%got, $want, "$name: the record tells the fields");
        is_deeply($mine->{refused}, $other->{refused},
                  "$name: as where it is enforced");
        is_deeply($all->{seen}{body}, $body, "$name: the body is whole");

        refused($t, "$name, checked", post($t, $body, target => $check, %as),
                $reason, fields => $want, %as);
    }

    my $all = passes('a query', client($t)->request('GET',
        $policy->query(fields => "merchant.name,$PHONE")),
        'approval-required', 'merchant.name');
    like($all->{seen}{target}, qr/\Q$PHONE\E/, 'a query: its target is whole');

    my $allowed = admitted($t, 'what is allowed', post($t, $policy->body),
                           record => { mode => 'observe' });
    is($allowed->{seen}{h}{'x-xc-fields'}, $standard, 'has all its fields');
    $allowed = admitted($t, 'with an approval', post($t,
        $policy->body(fields => [$PHONE], approval => '特1号')));
    is($allowed->{seen}{h}{'x-xc-fields'}, $PHONE, 'it has the field');
    admitted($t, 'a check that is allowed',
             post($t, $policy->body, target => $check), seen => 0,
             record => { mode => 'observe' });

    my $nonce = random_bytes_hex(16);
    my %o = (sign => { nonce => $nonce });
    my $body = $policy->body(fields => ['x.y']);
    passes('a nonce', post($t, $body, %o), 'field-unknown', '');
    refused($t, 'which is burned', post($t, $body, %o), 'signature-replayed',
            auth => 1);
}


sub variables {
    my $answer = post($t, $policy->body(fields => ['goods.title', 'x.y']));

    is($answer->{headers}{'x-seen'}, 'deny|field-unknown|goods.title|'
       . ($answer->{headers}{'xc-record'} =~ s/;.*//r), 'the variables');
    $answer = post($t, $policy->body(fields => ['goods.title']));
    like($answer->{headers}{'x-seen'}, qr/^allow\|\|goods\.title\|n1:\d+$/,
         'of what is allowed');
    $answer = post($t, '{');
    is($answer->{headers}{'x-seen'}, 'deny|body-invalid||',
       'of what is refused');
    $t->backend->forget;
}


# A submit that goes on gets its ticket, with which the result goes on as well.
sub results {
    for my $case (['a field', { fields => ['goods.title', 'x.y'] },
                   'field-unknown', 'goods.title'],
                  ['no purpose', { purpose => undef },
                   'purpose-not-allowed',
                   'merchant.name,merchant.uscc,transaction.payment'],
                  ['nobody', { subjects => undef, window => undef,
                               fields => ['goods.title'] },
                   'subject-required', 'goods.title'])
    {
        my ($name, $differs, $reason, $granted) = @$case;
        my $answer = post($t, $policy->body(%$differs));
        my $all = passes("submit, $name", $answer, $reason, $granted);
        my $ticket = $answer->{headers}{'xc-request'};
        my %o = (headers => [['XC-Request', $ticket]]);
        my $id = $all->{decision}{id};

        passes("result, $name",
               client($t)->request('GET', "$submit/$id", \%o), $reason,
               $granted, record => { ref => "n1:$all->{decision}{seq}" });
        refused($t, "result, $name: of another agency",
                client($t, '310000')->request('GET', "$submit/$id", \%o),
                'request-not-yours', agency => '310000');
    }
}


# Whatever else is wrong refuses, in the words that enforce has for it.
sub refused_as_ever {
    my $bad = [{ type => 'merchant', id => '1' }];
    my $nonce = random_bytes_hex(16);

    for my $n ($t, $e) {
        post($n, $policy->body, sign => { nonce => $nonce });
        $n->backend->forget;
    }

    # [name, body, options, reason]
    my @cases = (
        ['unsigned', $policy->body, { sign => 0 }, 'credential-missing'],
        ['unsigned, a field', $policy->body(fields => ['x.y']),
         { sign => 0 }, 'credential-missing'],
        ['another key', $policy->body, { sign => { keyid => 'nobody' } },
         'credential-unknown'],
        ['a bad signature', $policy->body,
         { sign => { raw_sig => sub { $_[0] ^ "\1" } } },
         'signature-invalid'],
        ['an old one', $policy->body, { sign => { created => time - 400 } },
         'signature-stale'],
        ['nothing covered', $policy->body,
         { sign => { components => ['@method', '@path'] } },
         'signature-incomplete'],
        ['another body', $policy->body(fields => ['x.y']),
         { sign => { digest_body => $policy->body } }, 'digest-mismatch', 1],
        ['a replay', $policy->body(fields => ['x.y']),
         { sign => { nonce => $nonce } }, 'signature-replayed', 1],
        ['a header', $policy->body, { headers => [['X-XC-Fields', 'x.y'],
            ['Content-Type', 'application/json']] }, 'header-reserved', 0],
        ['an operation', $policy->body, { target => '/xc/v1/other' },
         'operation-unknown'],
        ['a path', $policy->body, { target => '/xc/v1//requests' },
         'path-invalid', 0],
        ['a type', $policy->body,
         { headers => [['Content-Type', 'text/plain']] },
         'media-type-unsupported'],
        ['no JSON', '{', {}, 'body-invalid'],
        ['twins', '{"a":1,"a":2}', {}, 'body-invalid'],
        ['a member more', $policy->body(more => 1), {}, 'request-invalid'],
        ['no number', $policy->body(request_no => undef), {},
         'request-invalid'],
        ['no case', $policy->body(case_no => undef), {}, 'request-invalid'],
        ['a code', $policy->body(subjects => $bad), {}, 'request-invalid'],
        ['no fields', $policy->body(fields => []), {}, 'field-list-missing'],
        ['fields absent', $policy->body(fields => undef), {},
         'field-list-missing'],
        ['65 fields', $policy->body(fields => [map { "x.$_" } 1 .. 65]), {},
         'request-invalid'],
        ['a long body', $policy->body(note => 'n' x 205_000), {},
         'body-too-large'],

        # the first fault is told, and the other one does not pass under it
        ['a purpose and a code', $policy->body(purpose => 'x',
            subjects => $bad), {}, 'purpose-not-allowed'],
        ['a purpose and no fields', $policy->body(purpose => 'x',
            fields => []), {}, 'purpose-not-allowed'],
        ['a purpose and a number', $policy->body(purpose => 'x',
            request_no => '1'), {}, 'purpose-not-allowed'],
        ['a purpose and a window', $policy->body(purpose => 'x',
            window => { from => '2026-11-01', to => '2026-10-01' }), {},
         'purpose-not-allowed'],
        ['a purpose and a member more', $policy->body(purpose => 'x',
            more => 1), {}, 'request-invalid'],
        ['a field and a code', $policy->body(fields => ['x.y'],
            subjects => $bad), {}, 'request-invalid'],
    );

    for my $case (@cases) {
        my ($name, $body, $o, $reason, $auth) = @$case;
        my @o = defined $auth ? (auth => $auth) : ();
        my @answers = map { post($_, $body, %$o) } $t, $e;

        refused($t, $name, $answers[0], $reason, @o);
        refused($e, "$name, enforced", $answers[1], $reason, @o);
        # but for the moment, which each has of its own
        delete @{ $_->{json} }{qw(instance server_time)} for @answers;
        s/\d{4}-\d\d-\d\dT[\d:]{8}Z/now/
            for map { @{ $_->{json} }{qw(detail detail_zh)} } @answers;
        is_deeply($answers[0]{json}, $answers[1]{json},
                  "$name: in the words of enforce");
    }

    refused($t, 'a result without its ticket',
            client($t)->request('GET', "$submit/" . 'a' x 32),
            'request-not-yours');
    refused($t, 'no body', client($t)->request('POST', $submit),
            'body-missing');
    refused($t, 'a query name twice', client($t)->request('GET',
            $policy->query(purpose => 'x') . '&purpose=y'),
            'request-invalid');
}


# A record that could only be kept in part does not stand for a disclosure.
sub unrecordable {
    my $body = $policy->body(purpose => 'p' x 100_000);
    my $record = refused($t, 'a purpose of 100 KB', post($t, $body),
                         'purpose-not-allowed');

    is_deeply($record->{cut}, ['purpose'], 'it is cut from the record');

    # 64 refused fields with their remedies still fit
    my @fields = map { sprintf "x.%062d", $_ } 1 .. 64;
    passes('64 long fields', client($t)->request('GET',
           $policy->query(fields => join ',', @fields)), 'field-unknown', '');
}


sub rates {
    my %as = (agency => 'twice');
    my $ok = sub { $policy->body };

    for my $n ($t, $e) {
        admitted($n, 'the rate, twice', post($n, $ok->(), %as), %as) for 1, 2;
    }

    my $nonce = random_bytes_hex(16);
    for my $try (1 .. 4) {
        passes("over the rate, $try", post($t, $ok->(), %as,
               $try == 1 ? (sign => { nonce => $nonce }) : ()),
               'rate-exceeded',
               'merchant.name,merchant.uscc,transaction.payment', %as);
        refused($e, "over the rate, $try, enforced", post($e, $ok->(), %as),
                'rate-exceeded', %as);
    }
    refused($t, 'over the rate: the nonce is burned',
            post($t, $ok->(), %as, sign => { nonce => $nonce }),
            'signature-replayed', auth => 1, %as);

    # none of them was debited: a minute later there is one again
    my $boot = 1_000_000;
    $_->set(boot_s => $boot) for values %shim;
    for my $n ($t, $e) {
        admitted($n, 'later on', post($n, $ok->(), %as), %as) for 1, 2;
    }
    passes('and no more', post($t, $ok->(), %as), 'rate-exceeded',
           'merchant.name,merchant.uscc,transaction.payment', %as);
    $_->set(boot_s => $boot + 61) for values %shim;
    for my $n ($t, $e) {
        admitted($n, 'what went on was not debited',
                 post($n, $ok->(), %as), %as);
    }

    # the fields are decided behind the rate, and the first fault is told
    passes('over the rate, and a field',
           post($t, $policy->body(fields => ['goods.title', 'x.y']), %as),
           'rate-exceeded', 'goods.title', %as,
           record => { refused => qr/ARRAY/ });
    refused($t, 'over the rate, and no JSON', post($t, '{', %as),
            'rate-exceeded', %as);
    refused($t, 'over the rate, and a member more',
            post($t, $policy->body(more => 1), %as), 'rate-exceeded', %as);
    refused($t, 'over the rate, checked',
            post($t, $ok->(), target => $check, %as), 'rate-exceeded', %as);

    # the budget of refusals is spent by what goes on, too
    %as = (agency => 'sparing');
    for my $try (1, 2) {
        my $body = $policy->body(fields => ['x.y']);
        passes("a refusal, $try", post($t, $body, %as), 'field-unknown', '',
               %as);
        refused($e, "a refusal, $try, enforced", post($e, $body, %as),
                'field-unknown', %as);
    }
    passes('the budget is spent', post($t, $ok->(), %as), 'rate-exceeded',
           'merchant.name,merchant.uscc,transaction.payment', %as);
    refused($e, 'the budget is spent, enforced', post($e, $ok->(), %as),
            'rate-exceeded', %as);
    $_->set(boot_s => $boot + 200) for values %shim;
    admitted($t, 'until it has grown again', post($t, $ok->(), %as), %as);
    $_->set(boot_s => 0) for values %shim;
}


# What went on under observe is not sent on, inside nginx, to what enforces.
sub latched {
    for my $mode ('enforce', 'observe') {
        my $until = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86_400));
        fresh(xc => $mode eq 'observe' ? "observe until=$until" : 'observe',
              location => 'proxy_intercept_errors on; error_page 404 = @more;',
              servers => <<"END");
    server {
        listen 127.0.0.1:%%PORT_more%%;
        xc_policy %%POLICY%%;
        location / {
            xc observe until=$until;
            proxy_intercept_errors on;
            error_page 404 = \@more;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
        location \@more {
            xc $mode;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END
        my $client = $t->client(tls => 0, port => $t->port('more'),
                                key => $policy->key('310115'));
        my $ask = sub {
            $client->request('POST', $submit,
                             { body => $policy->body(fields => [@_]) });
        };

        $t->backend->answer($submit, { status => 404 });
        my $answer = $ask->('goods.title');
        is($answer->{status}, 404, "$mode behind: what is allowed goes there");
        is($t->backend->count, 2, "$mode behind: the back end saw it twice");
        $t->backend->forget;

        $answer = $ask->('goods.title', 'x.y');
        my @seen = $t->backend->requests;
        is(@seen, $mode eq 'observe' ? 2 : 1,
           "$mode behind: what is observed "
           . ($mode eq 'observe' ? 'does too' : 'does not'));
        is(join(' ', map { $_->{h}{'x-xc-fields'} // '' } @seen),
           join(' ', ('goods.title') x @seen), "$mode behind: its fields");
        is($answer->{status}, $mode eq 'observe' ? 404 : 403,
           "$mode behind: the answer");
        is($answer->{json}{type}, 'urn:xc:subrequest-refused',
           'enforce behind: why') if $mode eq 'enforce';
        $t->backend->answer($submit);
        $t->backend->forget;
    }
}


sub durable {
    my $bytes = client($t)->format('POST', $submit,
        { body => $policy->body(fields => ['goods.title', 'x.y']) });

    fresh();
    $shim{$t}->hold;
    my $sock = client($t)->connect;
    client($t)->write($sock, $bytes);
    ok($shim{$t}->wait_held, 'held: the disk is waited for');
    ok(!IO::Select->new($sock)->can_read(0), 'held: so is the answer');
    is($t->backend->count, 0, 'held: nothing is disclosed');
    $shim{$t}->release;
    passes('on stable storage', client($t)->read_answer($sock),
           'field-unknown', 'goods.title');
    close $sock;

    $shim{$t}->fault('ENOSPC');
    refused($t, 'a full disk', post($t, $policy->body(fields => ['x.y'])),
            'audit-unavailable');
    refused($t, 'a full disk, over the rate',
            post($t, $policy->body, agency => 'twice'),
            'audit-unavailable', agency => 'twice') for 1 .. 3;
    $shim{$t}->mend;

    fresh(audit => 'timeout=300ms');
    $shim{$t}->hold;
    my $late = post($t, $policy->body(fields => ['goods.title', 'x.y']));
    refused($t, 'too slow a disk', $late, 'audit-unavailable');
    $shim{$t}->release;
    my ($id) = $late->{json}{instance} =~ /([0-9a-f]{32})/;
    is(decision($t, { id => $id })->{mode}, 'observe',
       'too slow a disk: the record that was on its way');
    is(outcome($t, { id => $id })->{status}, 503,
       'too slow a disk: its outcome');
    is($t->backend->count, 0, 'too slow a disk: nothing is disclosed late');
}


sub status {
    fresh(servers => <<'END');
    server {
        listen 127.0.0.1:%%PORT_status%%;
        location / { xc_status; }
    }
END
    post($t, $policy->body(fields => ['x.y'])) for 1 .. 3;
    post($t, $policy->body);
    post($t, '{');
    my $s = XC::Client->new(port => $t->port('status'), tls => 0)
                      ->request('GET', '/', { sign => 0 })->{json};

    is($s->{counters}{observed}, 3, 'status: what went on');
    is($s->{counters}{admitted}, 1, 'status: is not admitted');
    is_deeply($s->{refused}, { 'body-invalid' => 1 }, 'status: nor refused');
    $t->backend->forget;
}


# The log of that, as xcctl reads it.
sub read_by_tools {
    ok($t->wait_for(sub {
        4 == grep { $_->{event} eq 'outcome' } $t->audit_records }),
       'tools: all outcomes are there');
    $t->stop;
    whole($t, 'tools: the log');

    my $log = $t->state_dir . '/audit.log';
    my $out = qx('@{[$t->xcctl]}' audit verify --strict '$log' 2>&1);
    is($?, 0, 'tools: the log verifies strictly') or diag($out);
    like($out, qr/:1: gate .*: mode observe$/m, 'tools: the mode is told');
    like($out, qr/^3 refusals that observe let pass, seq \d+ to \d+$/m,
         'tools: and what went on');
    unlike($out, qr/without an outcome/, 'tools: each with its outcome');

    my $report = $json->decode(
        qx('@{[$t->xcctl]}' audit report --json '$log'));
    is_deeply([@$report{qw(admitted observed refused)}], [4, 3, 1],
              'tools: the report counts what went on apart');
}


# Both gates decide the same on the same requests, whatever these are.
sub thousand {
    note("XC_SEED=$seed");
    srand $seed;
    fresh();

    my $boot = 1_000_000;
    my (%reasons, @bad, @replay);
    my ($observed, $held) = (0, 0);

    for my $i (1 .. $REQUESTS) {
        my $r = generate(\@replay);

        # time stands still between the two, so that their rates agree
        $boot += int rand 3;
        $_->set(boot_s => $boot) for values %shim;

        my ($mine, $other) = map {
            client($_, $r->{agency})->request($r->{method}, $r->{target}, $r->{o})
        } $t, $e;
        my ($x, $y) = (of($t, $mine), of($e, $other));
        my $reason = $y->{reason} // 'allow';
        my $rate = $reason eq 'rate-exceeded';
        my $goes = $observable{$reason} && !$r->{broken} && !$r->{check};
        my @faults;

        $reasons{$reason}++;
        for my $m ('decision', 'reason', $rate ? () : 'refused') {
            push @faults, "$m differs" if enc($x->{$m}) ne enc($y->{$m});
        }
        push @faults, "mode $x->{mode}"
            if $x->{mode} ne ($goes || $reason eq 'allow' ? 'observe'
                                                          : 'enforce');
        if ($goes) {
            $observed++;
            push @faults, "status $mine->{status}" if $mine->{status} != 200;
        } else {
            $held++ if $observable{$reason};
            push @faults, "status $mine->{status}"
                if $mine->{status} != $other->{status};
        }
        push @faults, seen($mine, $x);
        push @bad, "$i: $reason: " . join(', ', @faults) . ': ' . enc($x)
                   . ' ' . enc($y) if @faults;
        push @replay, $r->{o}{sign}{nonce}
            if $r->{o}{sign} && !$rate && $x->{agency};
    }

    is(join("\n", @bad[0 .. ($#bad < 5 ? $#bad : 5)]), '',
       "$REQUESTS requests: enforce and observe decide the same");
    diag("XC_SEED=$seed") if @bad;
    ok($reasons{$_}, "among them $_: " . ($reasons{$_} // 0))
        for 'allow', sort(keys %observable), qw(credential-missing
            signature-invalid signature-replayed digest-mismatch
            body-invalid request-invalid field-list-missing
            operation-unknown);
    cmp_ok($observed, '>', $REQUESTS / 5, "$observed went on");
    cmp_ok($held, '>', 10, "$held did not: broken besides, or checks");
    $_->set(boot_s => 0) for values %shim;
}


sub pick { $_[rand @_] }

sub chance { rand() < $_[0] }

sub enc { json_coder->utf8(0)->canonical->allow_nonref->encode($_[0]) }


sub generate {
    my ($replay) = @_;
    my %o = (sign => { nonce => random_bytes_hex(16) });
    my $r = { o => \%o, agency => pick('310115', '310115', '310000', '000000',
                                       'tight', 'tight', 'tight') };
    my @fields = qw(merchant.name merchant.uscc goods.title
        transaction.payment livestream.host merchant.bank_account x.y);
    my %b = (fields => [map { pick(@fields, $PHONE) } 1 .. 1 + rand 4]);

    $b{purpose} = pick(undef, 'statistics', 'product_recall') if chance(0.15);
    $b{approval} = pick('特1号', '特9号') if chance(0.2);
    $b{fields} = pick(['merchant.name', 'goods.title'], ['goods.title'],
                      [$PHONE]) if chance(0.5);

    if (chance(0.3)) {
        $r->{method} = 'GET';
        $b{fields} = join ',', @{ $b{fields} };
        delete $b{approval};
        $b{more} = 1 if $r->{broken} = chance(0.1);
        $r->{target} = $policy->query(%b);
        generate_signature($r, $replay);
        return $r;
    }

    $b{subjects} = undef if chance(0.2);
    $b{window} = undef if chance(0.4);
    $b{category} = '食品' if chance(0.1);
    if (chance(0.12)) {
        $r->{broken} = 1;
        %b = (%b, pick([more => 1], [request_no => '1'], [case_no => undef,
            purpose => 'case_investigation'], [fields => []],
            [subjects => [{ type => 'merchant', id => '1' }]])->@*);
    }
    @$r{qw(method target)} = ('POST', $submit);
    $r->{target} = $check if $r->{check} = chance(0.1);
    $o{body} = $policy->body(%b);
    if (chance(0.04)) {
        $r->{broken} = 1;
        $o{body} = pick('{', '[]', '{"a":1,"a":1}', substr $o{body}, 1);
    }
    generate_signature($r, $replay);
    return $r;
}


sub generate_signature {
    my ($r, $replay) = @_;
    my $o = $r->{o};

    if (chance(0.03)) {
        $o->{sign} = 0;
    } elsif (chance(0.03)) {
        $o->{sign}{raw_sig} = sub { $_[0] ^ "\1" };
    } elsif (chance(0.03)) {
        $o->{sign}{digest_body} = '{}' if defined $o->{body};
    } elsif (chance(0.03)) {
        $r->{method} = 'PUT';
    } elsif (@$replay && chance(0.05)) {
        # of whom it was is as good as another's: nonces are by key
        $o->{sign}{nonce} = pick(@$replay);
    }
}


# The decision record of an answer.
sub of {
    my ($n, $answer) = @_;
    my $h = $answer->{headers};

    return decision($n, sub { $h->{'xc-record'} =~ /:$_[0]{seq};/ })
        if $h->{'xc-record'};
    my ($id) = ($answer->{json}{instance} // '') =~ /([0-9a-f]{32})$/;
    return decision($n, { id => $id // 'none' }) // { mode => 'none' };
}


# Did the back end see what it should, and nothing else?
sub seen {
    my ($answer, $record) = @_;
    my @seen = $t->backend->requests;
    my $due = $answer->{headers}{'xc-record'} && $record->{operation} ne 'check';
    my %refused = map { $_->{field} => 1 } @{ $record->{refused} // [] };
    my $fields = join ',', grep { !$refused{$_} } @{ $record->{fields} // [] };

    $t->backend->forget if @seen;
    return 'the back end saw ' . @seen if @seen != ($due ? 1 : 0);
    return $due && ($seen[0]{h}{'x-xc-fields'} // '') ne $fields
        ? "X-XC-Fields not $fields" : ();
}


sub until_then {
    my $until = time + 100;
    my $text = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $until);
    my $body = $policy->body(fields => ['goods.title', 'x.y']);
    my $bytes = client($t)->format('POST', $submit, { body => $body });

    fresh(xc => "observe until=$text");
    my ($start) = grep { $_->{event} eq 'start' } $t->audit_records;
    is_deeply([@{ $start->{gates}[0] }{qw(mode until)}], ['observe', $text],
              'until: the start record names it');
    passes('until: before', post($t, $body), 'field-unknown', 'goods.title');

    # one whose body comes in two parts, and time passes between them
    my $client = client($t);
    my $sock = $client->connect;
    $client->write($sock, substr $bytes, 0, -100);
    passes('until: still before', post($t, $body), 'field-unknown',
           'goods.title');
    $shim{$t}->set(clock => 101);
    $client->write($sock, substr $bytes, -100);
    refused($t, 'until: begun before, ended after',
            $client->read_answer($sock), 'field-unknown',
            fields => { 'x.y' => 'field-unknown' });
    close $sock;

    refused($t, 'until: after', post($t, $body), 'field-unknown');
    admitted($t, 'until: what is allowed', post($t, $policy->body),
             record => { mode => 'enforce' });

    # a clock that steps back does not begin it again
    $shim{$t}->set(clock => 90);
    refused($t, 'until: the clock steps back', post($t, $body),
            'field-unknown');

    $shim{$t}->set(clock => 102);
    ok($t->reload(wait => 'exit'), 'until: reloaded');
    my ($reload) = grep { $_->{event} eq 'reload' } $t->audit_records;
    is_deeply([@{ $reload->{gates}[0] }{qw(mode until)}], ['enforce', undef],
              'until: by then it is enforce');
    whole($t, 'until: the log');
}


# A clock that steps back within the skew reopens no approval that has ended.
sub ended {
    my $until = time + 100;
    my $body = $policy->body(fields => [$PHONE], approval => '特2号');
    my $list = $policy->data->{approvals};

    push @$list, { %{ $list->[0] }, no => '特2号',
                   not_after => strftime('%Y-%m-%dT%H:%M:%SZ',
                                         gmtime $until) };
    $_->policy($policy) for $t, $e;
    fresh();

    admitted($e, 'an approval before its end', post($e, $body));

    for my $clock (101, 80) {
        $_->set(clock => $clock) for values %shim;
        refused($e, "an approval that has ended, clock at $clock",
                post($e, $body), 'approval-invalid', detail => qr/has expired/);
        admitted($e, 'what needs none', post($e, $policy->body));
        passes("an approval that has ended, clock at $clock",
               post($t, $body), 'approval-invalid', '');
    }
}
