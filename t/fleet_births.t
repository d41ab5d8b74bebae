#!/usr/bin/env perl

# When a fleet can't be sure to know what was used: its nodes move to another
# store and back, a primary becomes a replica and a primary again, and gates of
# one node differ in max_skew.  What was burned is never let through again.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);

use XC::Fleet;
use XC::Gate;
use XC::Nginx;
use XC::Policy;
use XC::Redis;

plan skip_all => 'no redis-server' if !XC::Redis->program;

my $submit = '/xc/v1/requests';
my $wide = 4;                   # max_skew of the second gate
my $policy = XC::Policy->new(transport => 'any',
                             signature => { max_age => 300, max_skew => 1 });
my $fleet = XC::Fleet->new(nodes => 2, policy => $policy);

$fleet->run;
$fleet->serves('a fleet of two');
moved();
held();
failed_back();
two_skews();

$fleet->finish;
done_testing;


sub put {
    my ($i, $bytes) = @_;

    return XC::Fleet::verdict(scalar
                              $fleet->client($i, '310115')->raw($bytes));
}


# One that n1 has let through, and n2 does not know by itself.
sub burned {
    my ($name) = @_;
    my $bytes = $fleet->client(1, '310115')->format('GET', $policy->query);

    is(put(1, $bytes), 200, "$name: n1 burns it");
    is(put(2, $bytes), 'signature-replayed', "$name: a replay at n2");
    return $bytes;
}


# To the database and the prefix of that name.
sub move {
    my ($name, $to, @nodes) = @_;
    my %o = (db => '', prefix => 'xc', %$to);

    local $fleet->{port} = $fleet->port . $o{db};
    for my $i (@nodes) {
        $fleet->seen($i);
        $fleet->configure($i, fleet => "timeout=5s prefix=$o{prefix}");
        ok($fleet->node($i)->reload, "$name: n$i moves");
    }
    $fleet->serves($name, @nodes);
}


# To another database, another prefix, and back each time.
sub moved {
    for my $to ({ prefix => 'other' }, { db => '/3' }) {
        my $name = join ' ', 'to', %$to, 'and back';

        move("$name: there", $to, 1, 2);
        my $bytes = burned($name);
        move($name, {}, 1, 2);
        is(put(2, $bytes), 'starting', "$name: it is not let through");
    }
}


# A body that comes slowly, to a worker of the old store: its nonce is burned in
# the new one meanwhile.
sub held {
    move('a held body', { prefix => 'old' }, 1);
    my $client = $fleet->client(1, '310115');
    my $bytes = $client->format('POST', $submit,
        { body => $policy->body, headers => [['Expect', '100-continue']] });
    my ($head, $body) = $bytes =~ /^(.*?\r\n\r\n)(.*)$/s;
    my $sock = $client->connect;

    $client->write($sock, $head);
    like(scalar readline $sock, qr/ 100 /, 'a held body: it is waited for');
    readline $sock;
    move('a held body', {}, 1);
    is(put(2, $bytes), 200, 'a held body: burned at n2');
    $client->write($sock, $body);
    is(XC::Fleet::verdict($client->read_answer($sock)), 'starting',
       'a held body: the old worker does not let it through');
}


# A failover and back: its run is the same, but what it had not handed on is
# gone.
sub failed_back {
    my $name = 'failed over and back';
    my $store = $fleet->redis;
    my $other = XC::Redis->start(port => $fleet->node(1)->port('other'),
                                 dir => $fleet->node(1)->path('redis.other'));
    my $follows = sub {
        my ($replica, $primary) = @_;

        $replica->command('REPLICAOF', '127.0.0.1', $primary->port);
        ok($fleet->node(1)->wait_for(sub {
               ($replica->info('master_link_status') // '') eq 'up' }),
           "$name: one follows the other");
    };

    $follows->($other, $store);
    $other->command(qw(REPLICAOF NO ONE));
    $fleet->seen($_) for 1, 2;
    $fleet->serves("$name: the first follower");
    my $bytes = burned($name);
    my $run = $store->info('run_id');

    $follows->($store, $other);
    is(XC::Fleet::verdict($fleet->ask($_, '310115')), 'fleet-unavailable',
       "$name: n$_ does not take a replica") for 1, 2;
    $store->command(qw(REPLICAOF NO ONE));
    is($store->info('run_id'), $run, "$name: its run is the same");
    $fleet->seen($_) for 1, 2;
    $fleet->serves($name);
    is(put(2, $bytes), 'starting', "$name: it is not let through");
}


# What the wider gate may have burned before the store forgot, the narrower one
# does not let through.
sub two_skews {
    my $name = 'two max_skew';
    my $node = $fleet->node(1);

    {
        my $data = $policy->data;
        local @$data{qw(policy signature)} =
            ('wide', { %{ $data->{signature} }, max_skew => $wide });
        $policy->write($node->path('wide.json'));
    }
    $fleet->seen(1);
    $fleet->configure(1, servers => <<'END_SERVERS');
    server {
        listen 127.0.0.1:%%PORT_observe%%;
        location / {
            xc enforce;
            xc_policy %%PREFIX%%/wide.json;
            proxy_pass http://%%BACKEND%%;
            include %%ROOT%%/conf/xc_proxy_params;
        }
    }
END_SERVERS
    ok($node->reload, "$name: a second gate");
    $fleet->serves($name);

    my $was = birth();
    $fleet->redis->flush;
    ok($node->wait_for(sub { $fleet->ask(1, '310115');
                             (birth() // $was) != $was }),
       "$name: the store is born anew");
    my $birth = birth();
    sleep 0.2 while time < $birth + $wide + 1;
    $fleet->seen(1);

    # fresh by the clock of either
    for my $case ([$wide => 'starting'], [$wide + 1 => 200]) {
        my ($from, $verdict) = @$case;

        for my $port (qw(http observe)) {
            my $client = $fleet->client(1, '310115',
                                        port => $node->port($port));
            my $answer = $client->request('GET', $policy->query,
                { sign => { created => $birth + $from } });

            is(XC::Fleet::verdict($answer), $verdict,
               "$name: created $from s after the birth, at $port");
        }
    }
}


sub birth {
    return $fleet->redis->command('HGET', '{xc}:state', 'birth');
}
