package XC::Fleet;

# Several nodes that share a Redis: each an XC::Nginx with a state directory and
# a name of its own (n1, n2, ...), all with one policy.

use strict;
use warnings;

use Test::More ();
use Time::HiRes qw(sleep time);

use XC::Chain;
use XC::Gate;
use XC::Nginx;
use XC::Redis;

# That long a refusal may take beyond its timeout, on a busy machine.
my $SLACK = 5;

# Asks whether a node serves; in no test's budget.
my $PROBE = '000000';


# nodes (2); policy (XC::Policy); store: the options of XC::Redis, or 0: none is
# started; port: of the store, where another one stands there; fleet: more
# parameters of xc_fleet; workers (1); allow (as XC::Nginx); seconds that the
# test may take (300).
sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, nodes => [], seen => {} }, $class;

    for my $i (1 .. $o{nodes} // 2) {
        my $t = XC::Nginx->new(workers => $o{workers} // 1,
                               $o{allow} ? (allow => $o{allow}) : ());

        $t->policy($o{policy}->quick);
        $t->write_file('token.key', 'k' x 32, 0600);
        push @{ $self->{nodes} }, $t;
    }
    alarm($ENV{XC_TIMEOUT} // $o{seconds} // 300);
    $self->{port} //= $self->node(1)->port('redis');
    $self->store(%{ $o{store} // {} }) if !defined $o{store} || $o{store};
    $self->configure($_) for 1 .. $self->size;
    return $self;
}


sub nodes { @{ $_[0]{nodes} } }
sub size  { scalar @{ $_[0]{nodes} } }
sub node  { $_[0]{nodes}[$_[1] - 1] }
sub redis { $_[0]{redis} }
sub port  { $_[0]{port} }


# Another redis-server at that port.
sub store {
    my ($self, %o) = @_;

    $self->{redis}->kill if $self->{redis};
    return $self->{redis} = XC::Redis->start(port => $self->{port},
        dir => $self->node(1)->path('redis.' . ++$self->{stores}), %o);
}


# Writes a node's nginx.conf; more as gate_conf() has it, and fleet.
sub configure {
    my ($self, $i, %o) = @_;
    my $fleet = delete $o{fleet} // $self->{fleet} // 'timeout=5s';
    my $http = delete $o{http} // '';

    $self->node($i)->gate_conf(
        audit => "node=n$i",
        http => "xc_fleet redis://127.0.0.1:$self->{port} $fleet;"
                . " xc_token_key token.key; $http",
        server => 'location = /status { xc_status; }',
        servers => <<'END_SERVERS', %o);
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
    return $self;
}


sub run {
    my ($self) = @_;

    $_->run for $self->nodes;
    return $self;
}


# A client of a node, with an agency's key.
sub client {
    my ($self, $i, $agency, %o) = @_;

    return $self->node($i)->client(tls => 0,
        key => $self->{policy}->key($agency), %o);
}


# A query by an agency to a node.  Options of XC::Client::request().
sub ask {
    my ($self, $i, $agency, %o) = @_;

    return $self->client($i, $agency)->request('GET', $self->{policy}->query,
                                               \%o);
}


# The reason of a refusal, or the status.
sub verdict {
    my ($answer) = @_;

    return 'none' if !$answer;
    return (($answer->{json} // {})->{type} // '') =~ /^urn:xc:(.+)$/
        ? $1 : $answer->{status};
}


# Until every worker of the nodes (default: all) serves; false: it does not, or
# a back end saw another request than those that asked for it.
sub ready {
    my ($self, @nodes) = @_;
    my $all = 1;

    for my $i (@nodes ? @nodes : 1 .. $self->size) {
        my $due = ($self->{workers} // 1) > 1 ? 10 : 2;
        my $row = 0;

        $all &&= $self->node($i)->wait_for(sub {
            $row = verdict($self->ask($i, $PROBE)) eq '200' ? $row + 1 : 0;
            return $row == $due;
        }) ? 1 : 0;
        $all = 0 if grep { $_->{h}{'x-xc-agency'} ne $PROBE } $self->seen($i);
    }
    return $all;
}


# ready(), as a test.
sub serves {
    my ($self, $name, @nodes) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return Test::More::ok($self->ready(@nodes), "$name: serves");
}


# Queries of 310115 to the first node, n of them under way: connections to read
# their answers from.
sub under_way {
    my ($self, $n) = @_;
    my $client = $self->client(1, '310115');
    my @socks = map { $client->connect } 1 .. $n;

    $client->write($_, $client->format('GET', $self->{policy}->query))
        for @socks;
    return @socks;
}


# Refused by the first node for want of its store.  began: when it was asked.
sub unavailable {
    my ($self, $name, $answer, $began) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $took = $began ? time - $began : 0;
    refused($self->node(1), $name, $answer, 'fleet-unavailable');
    Test::More::ok($took < $SLACK, "$name: in time") if $began;
}


# The same of a query that is asked now.
sub refuses {
    my ($self, $name) = @_;
    my $began = time;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->unavailable($name, scalar $self->ask(1, '310115'), $began);
}


# And of all that are under way.
sub all_unavailable {
    my ($self, $name, @socks) = @_;
    my $client = $self->client(1, '310115');
    my $began = time;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->unavailable("$name $_", $client->read_answer($socks[$_ - 1]),
                       $began) for 1 .. @socks;
}


# Requests of one agency, n to each node, all sent before any answer is read.
# Returns [node, answer] of each; what the back ends saw is kept in seen.
sub storm {
    my ($self, $agency, $n, $format) = @_;
    my @sent;

    $format //= sub { $_[0]->format('GET', $self->{policy}->query) };
    for my $i (1 .. $self->size) {
        for (1 .. $n) {
            my $client = $self->client($i, $agency);
            push @sent, { i => $i, client => $client,
                          sock => $client->connect,
                          bytes => $format->($client) };
        }
    }
    # in turn to each node
    my @turns = map { my $k = $_; map { $sent[$_ * $n + $k] }
                                      0 .. $self->size - 1 } 0 .. $n - 1;
    $_->{client}->write($_->{sock}, $_->{bytes}) for @turns;
    return map { [$_->{i}, $_->{client}->read_answer($_->{sock})] } @turns;
}


# What the back end of a node saw since it was last told to forget; kept for
# the log's check at the end.
sub seen {
    my ($self, $i) = @_;
    my @seen = $self->node($i)->backend->requests;

    push @{ $self->{seen}{$i} }, @seen;
    $self->node($i)->backend->forget;
    return @seen;
}


# The end of a test: every node stops, and its log is whole and has what its
# back end saw since it began.  named: before each node's name; also: what else
# holds of a node, given it and its name.
sub finish {
    my ($self, %o) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $i (1 .. $self->size) {
        my $node = $self->node($i);
        my $name = ($o{named} // '') . "n$i";

        Test::More::ok($node->stop, "$name: stops");
        $self->seen($i);
        whole($node, $name, seen => $self->{seen}{$i});
        $o{also}->($node, $name) if $o{also};
    }
    $_->finish for $self->nodes;
    return;
}


1;
