#!/usr/bin/perl

# Reload and restart: requests in flight end with their records, a new policy
# applies, limits and nonces stay, the chain goes on.

use strict;
use warnings;

use JSON::PP;
use Test::More;
use Time::HiRes qw(clock_gettime);

use XC::Chain;
use XC::Gate;
use XC::Load;
use XC::Nginx;
use XC::Shim;

# what refused reloads leave is what is tested here
my $t = XC::Nginx->new(allow => qr{/policy\.json: |open to everybody|refuse everything});
my $shim = XC::Shim->new($t);
my $policy = $t->policy(transport => 'any');
my $backend = $t->backend;
my $client = $t->client(tls => 0);
my $query = $policy->query;
my $post = '/xc/v1/requests';

$t->gate_conf(audit => 'node=n1 timeout=30s');
$shim->run;

my ($replay, $replay_body) = sent();
in_flight();

# what an agency has spent does not grow again while this goes on
$shim->set(boot_s => clock_gettime(7));         # CLOCK_BOOTTIME
changed_policy();
replays('a reload');
refused_policy();
closed_state();
life();
restart();
$shim->set(boot_s => 0);
workers();

$t->finish;
newcomer();
full_house();
done_testing;


sub get { $client->request('GET', $query, { @_ }) }


sub post { $client->request('POST', $post, { body => $policy->body, @_ }) }


# Two requests, as bytes, that were admitted once.
sub sent {
    my @bytes = ($client->format('GET', $query),
                 $client->format('POST', $post, { body => $policy->body }));

    for my $bytes (@bytes) {
        admitted($t, 'a request', scalar $client->raw($bytes));
        refused($t, 'again', scalar $client->raw($bytes),
                'signature-replayed');
    }
    return @bytes;
}


sub replays {
    my ($after) = @_;

    for my $bytes ($replay, $replay_body) {
        refused($t, "again after $after", scalar $client->raw($bytes),
                'signature-replayed');
    }
}


# Of the old worker: one whose answer is on its way, one whose body is, one
# whose record is.
sub in_flight {
    my ($old) = $t->worker_pids;
    my $body = $policy->body(note => 'n' x 1000);
    my %sock = map { $_ => $client->connect } qw(answer body record);

    $backend->answer($post => { size => 100_000, pause => 1 });
    $client->write($sock{answer}, $client->format('POST', $post,
                                                  { body => $policy->body }));
    like(readline $sock{answer}, qr/ 200 /, 'an answer has begun');

    my $bytes = $client->format('POST', $post, { body => $body,
                                headers => [['Expect', '100-continue']] });
    my ($head, $rest) = $bytes =~ /^(.*?\r\n\r\n)(.*)$/s;
    $client->write($sock{body}, $head . substr $rest, 0, 500);
    like(readline $sock{body}, qr/ 100 /, 'a body is being read');
    readline $sock{body};
    $backend->answer($post => undef);

    $shim->hold(pid => $old);
    $client->write($sock{record}, $client->format('GET', $query));
    ok($shim->wait_held, 'a record is being written');

    ok($t->reload, 'reloaded');
    ok(kill(0, $old), 'the old worker waits for them');
    my @serving = $t->worker_pids;
    ok(@serving == 1 && $serving[0] != $old, 'a new one serves');
    my $new = get();
    is($new->{status}, 200, 'and admits while the old one\'s record waits');

    $client->write($sock{body}, substr $rest, 500);
    $shim->release;
    my $headers = '';
    while (defined(my $line = readline $sock{answer})) {
        last if $line eq "\r\n";
        $headers .= $line;
    }
    my ($seq) = $headers =~ /^XC-Record: n1:(\d+);/m;
    my $streamed = do { local $/; readline $sock{answer} };
    is(length $streamed, 100_000, 'the answer ends');
    close $sock{answer};        # nginx would linger, the outcome wait for it
    my $o = outcome($t, { decision_seq => $seq // -1 });
    is($o->{bytes}, 100_000, 'with its outcome');
    ok($o->{complete}, 'complete');

    my %got = map { $_ => scalar $client->read_answer($sock{$_}) }
              qw(body record);
    close $_ for values %sock;
    my @seen = $backend->requests;
    is(scalar @seen, 4, 'the back end saw each once');
    ok((grep { $_->{body} eq $body } @seen), 'and the body whole');
    admitted($t, "$_: answered", $got{$_}, seen => 0) for sort keys %got;
    ok($t->wait_for(sub { !kill 0, $old }), 'the old worker ends');
    whole($t, 'in flight', seen => []);
}


# New rules apply; an agency that stays keeps its rate; one that goes is gone.
sub changed_policy {
    my $data = $policy->data;
    my $slow = { rate => '1r/m', burst => 2, refusals => '1000r/s' };
    my $province = $t->client(tls => 0, agency => '310000');
    my $national = $t->client(tls => 0, agency => '000000');
    my $spend = sub {
        my ($c) = @_;
        my $n = 0;

        while ($n++ < 10) {
            my $answer = $c->request('GET', $query);
            return $n if $answer->{status} == 429;
            return "status $answer->{status}" if $answer->{status} != 200;
        }
        return 'never';
    };

    $data->{rates}{slow} = $slow;
    $policy->agency('310000')->{rate} = 'slow';
    $data->{version} = '2';
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded with a lower rate');
    like($spend->($province), qr/^[1-5]$/, 'which applies');
    $backend->forget;
    refused($t, 'spent', $province->request('GET', $query), 'rate-exceeded',
            agency => '310000', record => { policy => { id => 'test',
                                                        version => '2' } });

    # a purpose and the national agency go, the county gets another key, an
    # agency comes
    delete $data->{purposes}{product_recall};
    $data->{version} = '3';
    $data->{agencies} = [grep { $_->{id} ne '000000' } @{ $data->{agencies} }];
    my $old_key = $policy->key('310115');
    $policy->agency('310115')->{credentials} =
        [$policy->ed25519('310115', '310115-2026b')];
    $policy->add_agency('320000', 'province',
                        $policy->ed25519('320000', '320000-2026'));
    is(post(body => $policy->body(purpose => 'product_recall'),
            sign => { key => $old_key })->{status}, 200,
       'before: the old rules');
    $backend->forget;
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded with a changed policy');
    $client = $t->client(tls => 0);

    my %new = (record => { policy => { id => 'test', version => '3' } });
    admitted($t, 'the new key', get(), %new);
    refused($t, 'the old key', get(sign => { key => $old_key }),
            'credential-unknown', %new);
    refused($t, 'the purpose that went',
            post(body => $policy->body(purpose => 'product_recall')),
            'purpose-not-allowed', %new);
    refused($t, 'the agency that went', $national->request('GET', $query),
            'credential-unknown', %new);
    admitted($t, 'the agency that came',
             $t->client(tls => 0, agency => '320000')
               ->request('GET', $query), agency => '320000', %new);
    refused($t, 'the agency that stays has spent its rate',
            $province->request('GET', $query), 'rate-exceeded',
            agency => '310000', %new);

    # the sent requests' key is needed again
    push @{ $policy->agency('310115')->{credentials} },
        { type => 'httpsig', keyid => $old_key->{keyid}, alg => 'ed25519',
          public_key => MIME::Base64::encode_base64(
              $old_key->{pk}->export_key_raw('public'), '') };
    $data->{purposes}{product_recall} = {};
    $policy->write($t->path('policy.json'));
    ok($t->reload(wait => 'exit'), 'reloaded');
}


# A policy that does not load leaves the old one at work.
sub refused_policy {
    my @workers = $t->worker_pids;
    my $from = length $t->error_log;
    my $events = grep { $_->{event} eq 'reload' } $t->audit_records;

    $t->write_file('policy.json', '{');
    ok(!$t->reload, 'a broken policy: refused');
    like(substr($t->error_log, $from),
         qr/\[emerg\].*policy\.json: not strict JSON: line 1/, 'and why');
    is_deeply([$t->worker_pids], \@workers, 'the old workers go on');
    admitted($t, 'with the old policy', get(),
             record => { policy => { id => 'test', version => '3' } });
    is(scalar(grep { $_->{event} eq 'reload' } $t->audit_records), $events,
       'no reload is recorded');
    $policy->write($t->path('policy.json'));
}


# The state directory has become unfit: the master must not end, so the gates
# of the new configuration refuse everything.
sub closed_state {
    my $from = length $t->error_log;
    my @old = $t->worker_pids;

    chmod 0755, $t->state_dir;
    $t->signal('HUP');
    ok($t->wait_for(sub { substr($t->error_log, $from) =~
        /\[emerg\].* is open to everybody.*\[emerg\].* refuse everything until/s }),
       'an unfit state directory: said');
    $t->wait_for(sub { !grep { kill 0, $_ } @old });
    refused($t, 'nobody is admitted', get(), 'audit-unavailable', auth => 0);
    refused($t, 'and no other refusal is worth more', get(sign => 0),
            'audit-unavailable', auth => 0);

    chmod 0750, $t->state_dir;
    ok($t->reload(wait => 'exit'), 'mended and reloaded');
    admitted($t, 'the gate works again', get());
}


# The node's own records
sub life {
    my @events = grep { $_->{event} =~ /^(?:start|reload|stop)$/ }
                 $t->audit_records;
    my $text = join ' ', map { $_->{event} } @events;

    like($text, qr/^start(?: reload){5}$/, 'start and every reload');
    for my $r ($events[0], $events[-1]) {
        is($r->{version}, '0.1.0', "$r->{event}: version");
        is($r->{sync}, 'group', "$r->{event}: sync");
        my @gates = @{ $r->{gates} };
        is($gates[0]{server}, 'platform.example', "$r->{event}: server");
        is($gates[0]{location}, '/', "$r->{event}: location");
        is($gates[0]{mode}, 'enforce', "$r->{event}: mode");
    }
    is($events[0]{gates}[0]{policy}{version}, '2026-11-22',
       'the policy at the start');
    is($events[-1]{gates}[0]{policy}{version}, '3', 'and now');
}


sub restart {
    my ($last) = reverse $t->audit_records;

    ok($t->stop, 'stopped');
    my @after = grep { $_->{seq} > $last->{seq} } $t->audit_records;
    is($after[-1]{event}, 'stop', 'the stop is the last record');

    $shim->run;
    my $start = $t->wait_record(sub { $_[0]{event} eq 'start'
                                      && $_[0]{seq} > 0 });
    is($start->{seq}, $after[-1]{seq} + 1, 'the start comes next');
    replays('a restart');
    admitted($t, 'another request', get());
    refused($t, 'an agency has its rate still',
            $t->client(tls => 0, agency => '310000')->request('GET', $query),
            'rate-exceeded', agency => '310000');

    # without a word of farewell
    kill 'KILL', $t->processes;
    $t->wait_for(sub { !$t->processes });
    $shim->run;
    replays('a kill');
    admitted($t, 'another request', get());
    whole($t, 'across restarts', seen => []);
}


# Several workers under load, reloaded again and again
sub workers {
    my $conf = $t->read_file('nginx.conf');

    $t->write_file('nginx.conf',
                   $conf =~ s/worker_processes 1/worker_processes 3/r);
    ok($t->reload(wait => 'exit'), 'three workers');
    $backend->forget;

    my $load = XC::Load->new($t, 3);
    for my $n (1 .. 3) {
        my $so_far = $load->answers;
        $t->wait_for(sub { $load->answers > $so_far + 30 });
        ok($t->reload(wait => 'exit'), "reload $n under load");
    }
    my @answers = $load->end;

    # 0: an old worker closed the idle connection as the request was sent
    my @odd = grep { $_->{status} !~ /^(?:200|0)$/ } @answers;
    @answers = grep { $_->{status} == 200 } @answers;
    is_deeply(\@odd, [], 'nobody was refused');
    cmp_ok(scalar @answers, '>', 90, 'of many');

    my @all = whole($t, 'under load');
    my %allow = map { ("$_->{node}:$_->{seq}" => 1) }
                grep { ($_->{decision} // '') eq 'allow' } @all;
    my @lost = grep { !$allow{ ($_->{record} // '') =~ s/;.*//r } } @answers;
    is_deeply(\@lost, [], 'every answer has its record');
}


# The module comes by a reload, to an nginx that has run without it.
sub newcomer {
    my $new = XC::Nginx->new;

    $new->policy(transport => 'any');
    my $bare = $new->expand(<<'END');
%%GLOBALS%%
http {
    %%HTTP%%
    server { listen 127.0.0.1:%%PORT_http%%; }
}
END
    $new->conf($bare =~ s/^load_module .*\n//mr);
    $new->run;
    $new->gate_conf;
    ok($new->reload, 'a reload that loads the module is taken')
        or diag($new->error_log);
    admitted($new, 'and the gate works', $new->client(tls => 0)
        ->request('GET', $new->policy->query, {}));
    $new->finish;
}


# More agencies than a map has places for: nobody is admitted, and what tells of
# agencies tells of none without a place.
sub full_house {
    my $many = 16_300;          # of 16,384
    my $full = XC::Nginx->new(allow => qr/more than \d+ agencies|refuse everything/);
    my $with = sub {
        my ($from, $n) = @_;
        my $p = XC::Policy->new(transport => 'any');

        $p->add_agency($_, 'county', $p->hmac($_, "k$_"), region => '310115')
            for map { "a$_" } $from .. $from + $n - 1;
        $p->write($full->path('policy.json'));
        return $p;
    };
    my $status = sub {
        $full->client(tls => 0)->request('GET', '/status', { sign => 0 });
    };

    $full->policy($with->(1, $many));
    $full->gate_conf(server => 'location = /status { xc_status json agencies; }');
    $full->run;
    is(scalar @{ $status->()->{json}{agencies} },
       @{ $full->policy->data->{agencies} }, 'a full map: all have places');

    my $others = $with->(100_000, 700);
    my $from = length $full->error_log;
    my @old = $full->worker_pids;
    $full->signal('HUP');
    ok($full->wait_for(sub { substr($full->error_log, $from) =~
        /\[emerg\].* more than .*\[emerg\].* refuse everything until/s }),
       'a full map: others find no place');
    $full->wait_for(sub { !grep { kill 0, $_ } @old });
    for my $n (1 .. 3) {
        is((eval { $status->() } // {})->{status}, 200,
           "a full map: the status answers ($n)");
    }
    refused($full, 'a full map', $full->client(tls => 0,
                key => $others->key('a100000'))
            ->request('GET', $others->query, {}), 'audit-unavailable',
            auth => 0);
    unlike($full->error_log, qr/exited on signal/, 'a full map: no crash');
    $full->finish;
}
