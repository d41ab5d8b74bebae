#!/usr/bin/perl

# A credential's life across configurations: what a reload drops or changes
# stops working at once, in old workers too; what stays goes on; two keys of an
# agency stand side by side; an agency that goes, goes for intermediaries too;
# an approval goes like a credential; a binary upgrade withdraws like a reload.

use strict;
use utf8;
use warnings;

use POSIX ();
use Test::More;

use XC::Chain;
use XC::Gate;
use XC::Load;
use XC::Nginx;

my $t = XC::Nginx->new;
my $policy = $t->policy(transport => 'any');
my $backend = $t->backend;
my $query = $policy->query;
my $post = '/xc/v1/requests';
my $gone = qr/has been withdrawn/;

# connections whose requests are under way, by what is to become of them
my %under_way;

$t->gate_conf(server => 'location = /status { xc_status; }');
$t->run;

withdrawn_by_reload();
rollover();
withdrawn_agency();
withdrawn_approval();
withdrawn_by_upgrade();
under_load();
expiry();

is_deeply([keys %under_way], [], 'no request is left half');
$t->finish;
done_testing;


sub client { $t->client(tls => 0, agency => $_[0]) }


# A request of which the old worker has read a part: its head, or its body.
sub begin {
    my ($name, $client, $part, %o) = @_;
    my $bytes = $client->format('POST', $post,
                                { body => $policy->body(note => 'n' x 2000,
                                      %{ $o{body} // {} }),
                                  headers => [['Expect', '100-continue'],
                                              @{ $o{headers} // [] }] });
    my ($head, $body) = $bytes =~ /^(.*?\r\n\r\n)(.*)$/s;
    my $sock = $client->connect;

    if ($part eq 'head') {
        my $half = int(length($head) / 2);

        $client->write($sock, substr $head, 0, $half);
        $under_way{$name} = [$client, $sock, substr($head, $half) . $body];
        return;
    }
    $client->write($sock, $head);
    like(readline $sock, qr/ 100 /, "$name: the body is being read");
    readline $sock;
    $client->write($sock, substr $body, 0, 100);
    $under_way{$name} = [$client, $sock, substr $body, 100];
}


# Sends the rest.
sub end {
    my ($name) = @_;
    my ($client, $sock, $rest) = @{ delete $under_way{$name} };

    $client->write($sock, $rest);
    my $answer = $client->read_answer($sock);
    close $sock;
    return $answer;
}


# Reloads, or whatever else $how does, with the parts of five requests in the
# old worker: of a credential that goes, one that changes, one that stays.
sub change {
    my ($how, $edit) = @_;
    my ($old) = $t->worker_pids;
    my %client = (goes => client('310115'), changes => client('310000'),
                  stays => client('000000'));

    for my $name (sort keys %client) {
        admitted($t, "$name: before", $client{$name}->request('GET', $query),
                 agency => agency_of($name));
        begin("$name, body", $client{$name}, 'body');
        begin("$name, head", $client{$name}, 'head') if $name ne 'changes';
    }
    all_read();

    $edit->();
    $policy->write($t->path('policy.json'));
    $how->();
    ok(kill(0, $old), 'the old worker has work left');

    for my $what ('goes, head', 'goes, body', 'changes, body') {
        my $body = $what =~ /body/;

        refused($t, "$what, to an old worker", end($what),
                'credential-unknown', detail => $gone,
                auth => $body ? 1 : 0, agency => agency_of($what));
    }
    for my $what ('stays, head', 'stays, body') {
        admitted($t, "$what, to an old worker", end($what),
                 agency => agency_of($what));
    }
    refused($t, 'goes: to a new worker', $client{goes}->request('GET', $query),
            'credential-unknown');
    refused($t, 'changes: the old key',
            $client{changes}->request('GET', $query), 'signature-invalid');
    admitted($t, 'stays: to a new worker',
             $client{stays}->request('GET', $query), agency => '000000');
    admitted($t, 'changes: the new key', client('310000')
             ->request('GET', $query), agency => '310000');
}


sub agency_of {
    my ($name) = @_;

    return $name =~ /^goes/ ? '310115' : $name =~ /^changes/ ? '310000'
                                                             : '000000';
}


# What has begun is the old worker's.
sub all_read {
    ok($t->wait_read(map { $_->[1] } values %under_way),
       'nginx has read all that was sent');
}


sub withdrawn_by_reload {
    my $keep = $policy->agency('310115')->{credentials};

    change(sub { ok($t->reload, 'reloaded') }, sub {
        $policy->agency('310115')->{credentials} = [];
        $policy->agency('310000')->{credentials} =
            [$policy->hmac('310000', '310000-2026')];
    });
    whole($t, 'a reload', seen => []);

    # the way back
    $policy->agency('310115')->{credentials} = $keep;
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded with what had gone');
    admitted($t, 'and it is known again', client('310115')
             ->request('GET', $query));
}


# An agency that goes, or is another one now, goes for intermediaries too, whose
# credential stays; so does its own.
sub withdrawn_agency {
    my $agencies = $policy->data->{agencies};
    my $via = sub { $t->client(tls => 0, key => $policy->key('smart')) };
    my $for = sub { (headers => [['XC-On-Behalf-Of', $_[0]]]) };

    $policy->add_agency('smart', 'national',
        { %{ $policy->ed25519('smart', 'smart-key') },
          on_behalf_of => { level => 'county' } }, region => '000000');
    $policy->add_agency($_, 'county', $policy->ed25519($_, "$_-key"),
                        region => '320100') for 'moves', 'leaves', 'keeps';
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded with an intermediary');

    for my $id (qw(keeps leaves moves)) {
        admitted($t, "for $id, before",
                 $via->()->request('GET', $query, { $for->($id) }),
                 agency => $id, record => { via => 'smart' });
        begin("for $id", $via->(), 'body', $for->($id));
    }
    begin('moves itself', client('moves'), 'body');
    all_read();

    $policy->agency('moves')->{region} = '320200';
    @$agencies = grep { $_->{id} ne 'leaves' } @$agencies;
    $policy->write($t->path('policy.json'));
    ok($t->reload, 'reloaded without the one, with another region of the other');

    refused($t, 'for leaves, to a new worker',
            $via->()->request('GET', $query, { $for->('leaves') }),
            'behalf-not-allowed');
    my $other = qr/^the agency has been withdrawn, or registered anew$/;
    for my $id (qw(leaves moves)) {
        refused($t, "for $id, to an old worker", end("for $id"),
                'credential-unknown', detail => $other, auth => 1,
                agency => $id, record => { via => 'smart' });
    }
    refused($t, 'moves itself, to an old worker', end('moves itself'),
            'credential-unknown', detail => $other, auth => 1,
            agency => 'moves');
    admitted($t, 'for keeps, to an old worker', end('for keeps'),
             agency => 'keeps', record => { via => 'smart' });
    admitted($t, 'for moves, to a new worker',
             $via->()->request('GET', $query, { $for->('moves') }),
             agency => 'moves');

    @$agencies = grep { $_->{id} !~ /^(?:smart|moves|keeps)$/ } @$agencies;
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded as it was');
}


# The consents of a province: an old worker refuses what rests on one that has
# gone, or says something else now, though the request was begun before.
sub withdrawn_approval {
    my $data = $policy->data;
    my $asked = sub { (body => { approval => "沪市监协特〔2026〕$_[0]号",
                                 fields => [$XC::Policy::PHONE] }) };
    my %no = (goes => 71, changes => 72, stays => 73);
    my @before = @{ $data->{approvals} // [] };
    my %approval = map { $_ => {
        no => "沪市监协特〔2026〕$no{$_}号", by => '310000',
        agency => '310115', fields => [$XC::Policy::PHONE],
        case_no => '沪市监案〔2026〕310号',
        not_after => '2099-01-01T00:00:00Z' } } keys %no;

    $data->{approvals} = [@before, @approval{sort keys %approval}];
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded with approvals');

    my ($old) = $t->worker_pids;
    begin("approval $_", client('310115'), 'body', $asked->($no{$_}))
        for sort keys %no;
    all_read();

    $approval{changes}{case_no} = '沪市监案〔2026〕311号';
    $data->{approvals} = [@before, @approval{qw(changes stays)}];
    $policy->write($t->path('policy.json'));
    ok($t->reload, 'reloaded without the one, with another case of the other');
    ok(kill(0, $old), 'the old worker has work left');

    refused($t, "an approval that $_, to an old worker", end("approval $_"),
            'approval-invalid', auth => 1, agency => '310115',
            fields => { $XC::Policy::PHONE => 'approval-invalid' })
        for qw(goes changes);
    admitted($t, 'an approval that stays, to an old worker',
             end('approval stays'), agency => '310115');

    $data->{approvals} = \@before;
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded without approvals');
}


# A new key beside the old one, then alone: not one refusal on the way.
sub rollover {
    my $old = client('310115');
    my $credentials = $policy->agency('310115')->{credentials};

    push @$credentials, $policy->ed25519('310115', '310115-2027a');
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'a second key');

    my $new = client('310115');
    my $record = sub { (record => { credential => "httpsig:$_[0]" }) };
    admitted($t, 'the old key', $old->request('GET', $query),
             $record->('310115-2026a'));
    admitted($t, 'the new key', $new->request('GET', $query),
             $record->('310115-2027a'));

    begin('new', $new, 'body');
    all_read();
    shift @$credentials;
    $policy->write($t->path('policy.json'));
    ok($t->reload, 'the old key goes');
    admitted($t, 'a body of the new key goes on', end('new'),
             $record->('310115-2027a'));
    refused($t, 'the old key', $old->request('GET', $query),
            'credential-unknown');
    admitted($t, 'the new key', $new->request('GET', $query),
             $record->('310115-2027a'));
}


# The new master knows nothing of the old one's policy.
sub withdrawn_by_upgrade {
    my $from = $t->master_pid;

    change(sub {
        $t->signal('USR2', $from);
        ok($t->wait_for(sub {
            my $to = $t->master_pid;
            return $to && $to != $from && $t->worker_pids($to);
        }), 'a second master');
        $t->signal('WINCH', $from);
        ok($t->wait_for(sub { $t->worker_pids($from) == 0 }),
           'the old workers accept no more');
    }, sub {
        $policy->agency('310115')->{credentials} = [];
        $policy->agency('310000')->{credentials} =
            [$policy->hmac('310000', '310000-2026')];
    });

    my $to = $t->master_pid;
    $t->signal('QUIT', $from);
    ok($t->wait_for(sub { !defined readlink "/proc/$from/exe" }),
       'the old master has gone');
    is($t->master_pid, $to, 'the new one stays');
    whole($t, 'an upgrade', seen => []);
}


# Agencies that stay notice nothing of another's coming and going.
sub under_load {
    my $load = XC::Load->new($t, 2, agency => '000000');

    for my $n (1 .. 5) {
        my $so_far = $load->answers;

        $t->wait_for(sub { $load->answers > $so_far + 20 });
        $policy->agency('310115')->{credentials} =
            $n % 2 ? [$policy->ed25519('310115', "310115-$n")] : [];
        $policy->write($t->path('policy.json'));
        ok($t->reload(wait => 'exit'), "reload $n under load");
    }
    my @answers = $load->end;

    # 0: an old worker closed the idle connection as the request was sent
    my @odd = grep { $_->{status} !~ /^(?:200|0)$/ } @answers;
    is_deeply(\@odd, [], 'nobody who stays was refused');
    cmp_ok(scalar @answers, '>', 100, 'of many');
    $backend->forget;
}


# Status says who needs a new key soon.
sub expiry {
    my $at = sub { POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time + $_[0]) };
    my $day = 24 * 3600;
    my $with = sub {
        my ($keyid, @end) = @_;
        my $c = $policy->ed25519("k$keyid", $keyid);

        $c->{not_after} = $at->($end[0]) if @end;
        $c->{not_before} = $at->($end[1]) if @end > 1;
        return $c;
    };

    $policy->agency('310115')->{credentials} = [
        $with->('never'), $with->('later', 40 * $day),
        $with->('soon', 10 * $day + 600), $with->('sooner', 3600),
        $with->('over', -3600), $with->('not-yet', 50 * $day, 3600)];
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded with ends');

    my $status = client('000000')->request('GET', '/status', { sign => 0 });
    is_deeply($status->{json}{credentials}, {
        registered => 8, expired => 1, within_30_days => 2,
        days => { expired => 1, 1 => 1, 7 => 0, 30 => 1, 90 => 2, more => 0,
                  none => 3 },
        expiring => [
            { agency => '310115', scheme => 'httpsig', keyid => 'sooner',
              days => 0 },
            { agency => '310115', scheme => 'httpsig', keyid => 'soon',
              days => 10 }] }, 'status: what ends within 30 days, in order')
        or diag(explain($status->{json}{credentials}));

    my $ask = sub {
        $t->client(tls => 0, key => $policy->key("k$_[0]"))
          ->request('GET', $query);
    };
    admitted($t, 'sooner: holds still', $ask->('sooner'));
    refused($t, 'over', $ask->('over'), 'credential-expired',
            detail => qr/no longer/);
    refused($t, 'not yet', $ask->('not-yet'), 'credential-expired',
            detail => qr/not valid yet/);
}
