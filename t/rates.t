#!/usr/bin/env perl

# Limits of one node (CONTRACT.md section 2, rates): each to the unit, whose and
# which the answer and the record name, what it costs, and that nothing gives a
# fresh one but time: not a reload, an upgrade, a restart, or another policy.
# The machine's clock stands still but for what a test says.

use strict;
use warnings;
use utf8;

use Crypt::PRNG qw(random_bytes_hex);
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use XC::Gate;
use XC::Nginx;
use XC::Policy;
use XC::Shim;

my $submit = '/xc/v1/requests';
my $check = '/xc/v1/check';
my @field = qw(merchant.name merchant.uscc goods.title transaction.payment);
my $boot = 1_000_000;
my $t = XC::Nginx->new;
my $shim = XC::Shim->new($t);
my $policy = make_policy();

$t->write_file('token.key', 'k' x 32, 0600);
configure('enforce');
$shim->set(boot_s => $boot);
midday();
$shim->run;

rate();
quota();
refusals();
cost();
result_costs();
nonce();
intermediary();
day_ends();
reloads();
policies();
upgrade();
restart();
observe();

chain_whole($t);
$t->finish;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;

    push @{ $data->{operations} },
        { id => 'check', kind => 'check', methods => ['POST'],
          path => $check, body => { like => 'submit' } },
        { id => 'result', kind => 'result', methods => ['GET'],
          path => "$submit/(?<request>[0-9a-f]{32})" };

    my %rates = (
        rate     => { rate => '30r/m', burst => 2, refusals => '1000r/s' },
        day      => { per_day => 5 },
        both     => { rate => '1r/s', burst => 2, per_day => 3 },
        refusals => { burst => 1, refusals => '6r/m' },
        cost     => { rate => '1r/s', burst => 9, per_day => 100,
                      cost => { subject => 1, field => 2 } },
        result   => { per_day => 10, cost => { field => 2 } },
        nonce    => { rate => '1r/s', burst => 0, per_day => 3 },
        tight    => { per_day => 2 },
        slow     => { rate => '1r/m', burst => 1 },
        keep     => { rate => '1r/m', burst => 2, per_day => 6 },
        midnight => { per_day => 1 },
        lowered  => { per_day => 5 },
        dropped  => { per_day => 2 },
        watched  => { rate => '1r/s', burst => 1, per_day => 3,
                      cost => { field => 1 } },
    );
    for my $id (sort keys %rates) {
        $data->{rates}{$id} = { rate => '1000r/s', burst => 1000,
                                refusals => '1000r/s', %{ $rates{$id} } };
        $p->add_agency($id, 'county', $p->ed25519($id, "$id-key"),
                       region => '310104', rate => $id);
    }
    for my $id ('tight', 'slow') {
        $p->add_agency("via-$id", 'national',
            { %{ $p->ed25519("via-$id", "via-$id-key") },
              on_behalf_of => ['310115', 'midnight'] },
            region => '000000', rate => $id);
    }
    return $t->policy($p);
}


sub configure {
    my ($xc) = @_;

    # what is preloaded stays so in the binary of an upgrade
    $t->gate_conf(xc => $xc, main => 'env LD_PRELOAD; env XC_SHIM;', http => 'xc_token_key token.key;', location =>
        'location = /status { xc off; xc_status; }');
}


# Noon in Shanghai of some day to come, so that no midnight comes between.
sub midday {
    my $now = int time;
    my $noon = $now - $now % 86400 + 4 * 3600;

    $noon += 86400 while $noon <= $now;
    $shim->set(clock => $noon - $now);
    return $noon - $now;
}


sub now_s { time + unpack 'l', pack 'L', $shim->get('clock') }


# Seconds until midnight in Shanghai.
sub left_s { 86400 - (int(now_s()) + 8 * 3600) % 86400 }


sub client {
    my ($agency) = @_;

    return $t->client(tls => 0, key => $policy->key($agency));
}


sub post {
    my ($agency, %o) = @_;
    my $body = delete $o{body} // $policy->body;
    my $target = delete $o{target} // $submit;
    my $sign = delete $o{sign} // {};

    return client($agency)->request('POST', $target, { body => $body,
        sign => { created => int now_s(), %$sign }, %o });
}


sub ok_for {
    my ($name, $agency, $n, %o) = @_;

    admitted($t, "$name: $_ of $n", post($agency, %o), agency => $agency)
        for 1 .. $n;
}


# Refused, and by the limit of that name; with what the fields say (hashes by
# name: of the policy, of what is left).
sub spent {
    my ($name, $agency, $limit, %o) = @_;
    my $whose = delete $o{whose} // $agency;
    my %more = map { $_ => delete $o{$_} } grep { exists $o{$_} }
                   qw(detail agency);
    my $answer = $o{answer} // post($agency, %o);
    my $code = $limit eq 'per_day' ? 'quota-exceeded' : 'rate-exceeded';

    refused($t, $name, $answer, $code, agency => $agency, %more,
            record => { limit => { agency => $whose, name => $limit } });

    my $h = $answer->{headers};
    my ($given, $left) = map { members($_) } @$h{qw(ratelimit-policy
                                                    ratelimit)};
    is_deeply([sort keys %$given], [sort keys %$left],
              "$name: both fields name the same limits");
    is($left->{$limit}{r}, 0, "$name: of this nothing is left");
    is($left->{$limit}{t}, $h->{'retry-after'},
       "$name: nor before Retry-After");
    my ($id) = $whose =~ /^(\S+)/;
    unlike("@$h{qw(ratelimit ratelimit-policy)}", qr/\Q$id\E-|pk=/,
           "$name: and whose they are is not told");
    return ($given, $left, $h->{'retry-after'});
}


# A list of strings with integer parameters (RFC 9651), by name.
sub members {
    my ($field) = @_;
    my %all;

    for my $m (split /, /, $field // '') {
        my ($name, @params) = split /;/, $m;
        $all{ $name =~ s/^"(\w+)"$/$1/r } = { map { split /=/, $_, 2 }
                                              @params };
    }
    return \%all;
}


sub advance { $shim->set(boot_s => $boot += $_[0]) }


sub rate {
    ok_for('burst + 1', 'rate', 3);
    my ($given, $left, $after) = spent('the rate', 'rate', 'rate');
    is($after, 2, 'one comes every two seconds');
    is_deeply($given, { rate => { q => 30, w => 60 } }, 'as the policy says');
    is_deeply($left, { rate => { r => 0, t => 2 } }, 'none is left');

    advance(1);
    ($given, $left, $after) = spent('a second early', 'rate', 'rate');
    is($after, 1, 'one more second');
    advance(1);
    ok_for('on time', 'rate', 1);
    spent('and no more', 'rate', 'rate');
    advance(3600);
    ok_for('after an hour no more than the burst', 'rate', 3);
    spent('which is spent', 'rate', 'rate');
}


sub quota {
    ok_for('a quota of five', 'day', 4);
    admitted_check('a check costs one', 'day');
    my $at_most = left_s();
    my ($given, $left, $after) = spent('the quota', 'day', 'per_day',
                                       body => $policy->body);
    ok($after <= $at_most && $after >= left_s() - 1,
       "until midnight in Shanghai: $after s");
    is_deeply($given, { rate => { q => 1000, w => 1 },
                        per_day => { q => 5, w => 86400 } },
              'both are told');
    is($left->{rate}{r}, 996, 'the rate is not what is spent');
    advance(3600);
    spent('an hour later', 'day', 'per_day');

    # two at once: the one that takes longer is named
    ok_for('three', 'both', 3);
    ($given, $left) = spent('rate and quota', 'both', 'per_day');
    is($left->{rate}{r}, 0, 'of the rate nothing is left either');
    is($left->{rate}{t}, 1, 'for a second');
}


sub admitted_check {
    my ($name, $agency) = @_;

    admitted($t, $name, post($agency, target => $check), agency => $agency,
             seen => 0);
}


sub refusals {
    my %bad = (body => $policy->body(fields => ['x.y']));

    refused($t, "refusal $_", post('refusals', %bad), 'field-unknown',
            agency => 'refusals') for 1, 2;
    my ($given, $left, $after) = spent('refusals', 'refusals', 'refusals');
    is($after, 10, 'one every ten seconds');
    is_deeply($given->{refusals}, { q => 6, w => 60 }, 'as the policy says');
    is($left->{rate}{t}, 1, 'what takes longest is named');
    advance(10);
    ok_for('later', 'refusals', 2);
}


# 1 + subjects + 2 a field: the tenth unit is there at once, the rest is debt.
sub cost {
    my @order = map { { type => 'order', id => "order-$_" } } 1 .. 3;
    my %dear = (body => $policy->body(subjects => \@order,
                                      fields => [@field[0 .. 3]]));
    my %cheap = (body => $policy->body(fields => [$field[0]]));

    # 1 + 3 + 8 = 12 of the ten that may come at once
    ok_for('a dear one', 'cost', 1, %dear);
    my ($given, $left, $after) = spent('its cost', 'cost', 'rate');
    is($after, 3, 'two of debt, and one to come');
    is($left->{per_day}{r}, 88, 'the quota pays as well');
    advance(2);
    spent('to the unit', 'cost', 'rate');
    advance(1);

    # the last one brings the agency into debt again: 1 + 1 + 2
    ok_for('a cheap one', 'cost', 1, %cheap);
    ($given, $left, $after) = spent('below zero', 'cost', 'rate');
    is($after, 4, 'which is worked off');
    is($left->{per_day}{r}, 84, 'four units');

    # what is refused has cost one
    advance(3600);
    refused($t, 'a refusal costs one', post('cost',
            body => $policy->body(fields => [@field, 'x.y'])),
            'field-unknown', agency => 'cost');
    admitted_check('so does a check', 'cost');
    admitted($t, 'a query costs its path\'s subject',
             client('cost')->request('GET', $policy->query,
                                     { sign => { created => int now_s() } }),
             agency => 'cost');
    # 1 + 1 + (1 + 1 + 4) of ten
    ok_for('two are left', 'cost', 1, body => $policy->body(
           fields => [$field[0]]));
    ($given, $left, $after) = spent('all costs', 'cost', 'rate');
    is($left->{per_day}{r}, 72, 'the quota has them all');
}


# Its fields, which nobody names anew, and no subjects.
sub result_costs {
    my $answer = post('result', body => $policy->body(fields => [$field[0]]));
    my $all = admitted($t, 'a submit', $answer, agency => 'result');
    my $ticket = $answer->{headers}{'xc-request'};
    my $target = "$submit/$all->{decision}{id}";
    my $result = sub {
        return client('result')->request('GET', $target,
            { headers => [['XC-Request', $ticket]],
              sign => { created => int now_s() } });
    };

    # 3 of 10 each; the fourth goes below zero
    admitted($t, "result $_", $result->(), agency => 'result') for 1 .. 3;
    spent('results', 'result', 'per_day', answer => $result->());
}


# The same signed request comes again when there is room for it; once.
sub nonce {
    my $c = client('nonce');

    ok_for('nonce', 'nonce', 1);
    for my $limit ('rate', 'per_day') {
        my $bytes = $c->format('POST', $submit, { body => $policy->body,
            sign => { created => int now_s() } });

        spent("nonce, $limit", 'nonce', $limit, answer => scalar
              $c->raw($bytes));
        spent("nonce, $limit, again", 'nonce', $limit, answer => scalar
              $c->raw($bytes));
        if ($limit eq 'rate') {
            advance(1);
            admitted($t, 'nonce: it was not burned', scalar $c->raw($bytes),
                     agency => 'nonce');
            refused($t, 'nonce: it is now', scalar $c->raw($bytes),
                    'signature-replayed', auth => 1, agency => 'nonce');
            advance(1);
            ok_for('nonce: the last of the day', 'nonce', 1);
            next;
        }

        $policy->data->{rates}{nonce}{per_day} = 4;
        advance(1);
        update();
        admitted($t, 'nonce: a larger quota, and it passes',
                 scalar $c->raw($bytes), agency => 'nonce');
    }
}


sub ask_for {
    my ($via, $agency) = @_;

    return post($via, headers => [['Content-Type', 'application/json'],
                                  ['XC-On-Behalf-Of', $agency]]);
}


# Both pay, or none.
sub intermediary {
    admitted($t, "via a quota: $_", ask_for('via-tight', '310115'))
        for 1, 2;
    spent('the intermediary\'s quota', '310115', 'per_day',
          answer => ask_for('via-tight', '310115'), whose => 'via-tight',
          detail => qr/intermediary's quota/);
    admitted($t, "via a rate: $_", ask_for('via-slow', '310115')) for 1, 2;
    spent('the intermediary\'s rate', '310115', 'rate',
          answer => ask_for('via-slow', '310115'), whose => 'via-slow',
          detail => qr/intermediary's rate/);

    advance(3600);
    admitted($t, 'for an agency of one a day',
             ask_for('via-slow', 'midnight'), agency => 'midnight');
    spent('whose quota is spent', 'midnight', 'per_day',
          answer => ask_for('via-slow', 'midnight'));
    spent('by itself as well', 'midnight', 'per_day');
    admitted($t, 'which cost the intermediary nothing',
             ask_for('via-slow', '310115'));
}


sub day_ends {
    my $clock = $shim->get('clock');
    my $left = left_s();

    $shim->set(clock => $clock + $left - 60);
    spent('a minute before midnight', 'midnight', 'per_day');
    $shim->set(clock => $clock + $left + 1);
    ok_for('midnight', 'midnight', 1);
    spent('the next day\'s', 'midnight', 'per_day');

    # a clock that is put back by less than the skew goes on with the new day
    $shim->set(clock => $clock + $left - 5);
    spent('the day before has no quota either', 'midnight', 'per_day');
    $shim->set(clock => $clock + $left + 12 * 3600);
}


sub update {
    $t->policy($policy);
    ok($t->reload(wait => 'exit'), 'another policy is served');
}


sub reloads {
    ok_for('before a reload', 'keep', 2);
    ok($t->reload(wait => 'exit'), 'a reload');
    ok_for('after the reload', 'keep', 1);
    spent('the reload brings none', 'keep', 'rate');
}


# Agencies that stay keep what they have spent; so do those that come back.
sub policies {
    my $agencies = $policy->data->{agencies};

    ok_for('to be lowered', 'lowered', 3);
    ok_for('to be dropped', 'dropped', 2);
    $policy->data->{rates}{lowered}{per_day} = 2;
    $policy->data->{agencies} = [grep { $_->{id} ne 'dropped' } @$agencies];
    update();

    my ($given, $left) = spent('lowered below what was used', 'lowered',
                               'per_day');
    is($given->{per_day}{q}, 2, 'by the new quota');
    spent('of who stays nothing is forgotten', 'keep', 'rate');
    refused($t, 'who is dropped', post('dropped'), 'credential-unknown');

    $policy->data->{rates}{lowered}{per_day} = 4;
    $policy->data->{agencies} = $agencies;
    update();
    ok_for('raised: what is left', 'lowered', 1);
    spent('and no more', 'lowered', 'per_day');
    spent('dropped, and back', 'dropped', 'per_day');
}


sub upgrade {
    my $from = $t->master_pid;
    my $to;

    advance(60);
    $t->signal('USR2', $from);
    ok($t->wait_for(sub {
        $to = $t->master_pid;
        return $to && $to != $from && $t->worker_pids($to);
    }), 'a second master');
    ok_for('beside each other', 'keep', 1);
    $t->signal('QUIT', $from);
    ok($t->wait_for(sub { !defined readlink "/proc/$from/exe" }),
       'the first is gone');
    spent('the upgrade brings none', 'keep', 'rate');
    spent('nor a quota', 'dropped', 'per_day');
}


sub restart {
    $t->stop;
    $shim->run;
    spent('the restart brings none', 'keep', 'rate');
    spent('nor a quota either', 'dropped', 'per_day');
    advance(120);
    ok_for('the rest of the day', 'keep', 2);
    spent('is spent', 'keep', 'per_day');
}


# Counted, and not refused; what goes on has its fields, and costs nothing.
sub observe {
    configure('observe');
    ok($t->reload(wait => 'exit'), 'observe');

    my $one = sub { (body => $policy->body(fields => [$_[0]])) };
    ok_for('observe: two units', 'watched', 1, $one->($field[0]));
    for my $case (['rate', 'rate-exceeded', 0],
                  ['rate', 'rate-exceeded', 1])
    {
        admitted($t, "observe: the rate, $case->[2]",
                 post('watched', $one->($field[0])), agency => 'watched',
                 observed => $case->[1], record => {
                 limit => { agency => 'watched', name => $case->[0] } });
    }
    advance(60);
    ok_for('observe: below zero', 'watched', 1, $one->($field[0]));
    for my $i (1, 2) {
        my $all = admitted($t, "observe: the quota, $i",
            post('watched', body => $policy->body(
                 fields => [$field[0], 'x.y'])),
            agency => 'watched', observed => 'quota-exceeded',
            record => { limit => { agency => 'watched',
                                   name => 'per_day' } });
        is($all->{seen}{h}{'x-xc-fields'}, $field[0],
           'observe: only what is granted');
    }
    spent('observe: a check is refused', 'watched', 'per_day',
          target => $check);

    configure('enforce');
    ok($t->reload(wait => 'exit'), 'enforce');
    spent('and so is all then', 'watched', 'per_day');
}
