#!/usr/bin/perl

# Thousands of requests through several workers at a time: each answer has its
# two records, the chain has no gap, and nobody is refused wrongly.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use POSIX ();
use Test::More;

use XC::Nginx;

my ($clients, $each) = (8, 400);

my $t = XC::Nginx->new(workers => 4);
my $policy = $t->policy(transport => 'any', rates => { map {
    $_ => { rate => '100000r/s', burst => 100000, refusals => '1000r/s' } }
    qw(default national) });

$t->conf(<<'END');
%%GLOBALS%%
thread_pool xc threads=2;

http {
    %%HTTP%%
    xc_state %%STATE%%;
    xc_audit node=n1 pool=xc;
    log_format seen '$http_x_xc_id $http_x_xc_record $request_method';

    upstream back { server 127.0.0.1:%%PORT_back%%; keepalive 8; }

    server {
        listen 127.0.0.1:%%PORT_http%% reuseport;
        location / {
            xc enforce;
            xc_policy %%POLICY%%;
            proxy_pass http://back;
            include %%ROOT%%/conf/xc_proxy_params;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            keepalive_requests 150;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_back%%;
        access_log %%PREFIX%%/seen.log seen buffer=64k flush=100ms;
        location / { return 200 "$http_x_xc_record\n"; }
    }
}
END
$t->run;

my @answers = ask_all();
my %records = read_log();

is(scalar @answers, $clients * $each, 'every request has its answer');
is_deeply([grep { $_->{status} != 200 } @answers], [],
          'nobody was refused');
is_deeply([grep { $_->{record} ne $_->{told} } @answers], [],
          'each answer names the record that its back end was told');
answers_and_log();
back_end();

$t->finish;
done_testing;


# Each client in a process of its own; its answers come by a file.
sub ask_all {
    my @pids = map {
        my $pid = fork() // die "fork: $!";
        if (!$pid) {
            eval { ask($_); 1 } or warn $@;
            POSIX::_exit($@ ? 1 : 0);
        }
        $pid;
    } 1 .. $clients;
    my @answers;

    waitpid($_, 0) && is($?, 0, 'a client ends well') for @pids;
    for my $i (1 .. $clients) {
        push @answers, map {
            my ($status, $record, $leaf, $told, $code) = split / /;
            { status => $status, record => $record, leaf => $leaf,
              told => $told, code => $code };
        } split /\n/, $t->read_file("client.$i") // '';
    }
    return @answers;
}


sub ask {
    my ($i) = @_;
    my $agency = (qw(310115 310000 000000))[$i % 3];
    my $c = $t->client(tls => 0, keepalive => 1, agency => $agency);
    my ($query, $body) = ($policy->query, $policy->body);

    open my $out, '>', $t->path("client.$i") or die $!;
    for my $n (1 .. $each) {
        my $answer = $n % 2
            ? $c->request('GET', $query)
            : $c->request('POST', '/xc/v1/requests', { body => $body });

        # the connection was closed just as this was sent: not again, since
        # its nonce may be burned
        die "no answer to request $n of client $i" if !$answer;

        my ($record, $leaf) = ($answer->{headers}{'xc-record'} // '')
                              =~ /^([^;]*);leaf=(\w+)$/;
        my ($told) = $answer->{body} =~ /^(\S+)$/m;
        my ($code) = $answer->{body} =~ /"type":"([^"]*)"/;
        print $out join(' ', $answer->{status}, map { $_ // '-' }
                        $record, $leaf, $told, $code), "\n";
    }
    close $out or die $!;
}


# Lines are read by eye, so to speak: JSON::PP would take long.  seq => {...},
# with faults of the chain as tests.
sub read_log {
    my (%records, @faults);
    my ($due, $prev) = (0, '0' x 64);

    # outcomes follow their answers
    $t->wait_for(sub {
        my $n = () = join("\n", $t->audit_lines) =~ /"event":"outcome"/g;
        return $n >= $clients * $each;
    });

    for my $line ($t->audit_lines) {
        my ($seq, $link, $event) = $line =~
            /^\{"seq":(\d+),"prev":"(\w+)","time":"[^"]*","node":"n1","event":"(\w+)",.*\}$/;
        if (!defined $seq) {
            push @faults, "not a record: $line";
            next;
        }
        my %r = (event => $event, leaf => sha256_hex("\0$line"));
        ($r{id}) = $line =~ /"id":"(\w+)"/;
        ($r{decision}) = $line =~ /"decision":"(\w+)"/;
        ($r{of}) = $line =~ /"decision_seq":(\d+)/;
        ($r{status}) = $line =~ /"status":(\d+)/;
        ($r{complete}) = $line =~ /"complete":(\w+)/;

        push @faults, "seq $seq where $due is due" if $seq != $due;
        push @faults, "seq $seq does not chain" if $link ne $prev;
        ($due, $prev) = ($seq + 1, $r{leaf});
        $records{$seq} = \%r;
    }
    is(join("\n", @faults[0 .. ($#faults > 9 ? 9 : $#faults)]), '',
       'one chain of four workers, without a gap');
    return %records;
}


sub answers_and_log {
    my (%of, @bad);

    for my $a (@answers) {
        my ($seq) = $a->{record} =~ /^n1:(\d+)$/;
        my $r = defined $seq ? $records{$seq} : undef;
        push @bad, "$a->{record}: no decision that allows"
            if !$r || ($r->{decision} // '') ne 'allow';
        push @bad, "$a->{record}: another leaf"
            if $r && $a->{leaf} ne $r->{leaf};
        $of{ $seq // '-' }++;
    }
    is_deeply([@bad], [], 'each answer has its decision');
    is_deeply([grep { $_ != 1 } values %of], [], 'of its own');

    my %allow = map { $_ => 1 } grep { ($records{$_}{decision} // '') eq 'allow' }
                keys %records;
    is(scalar keys %allow, $clients * $each, 'no other was admitted');
    my @deny = grep { ($_->{decision} // '') eq 'deny' } values %records;
    is(scalar @deny, 0, 'none was refused');

    my (%outcome, @odd);
    for my $o (grep { $_->{event} eq 'outcome' } values %records) {
        $outcome{ $o->{of} }++;
        my $d = $records{ $o->{of} };
        push @odd, $o if !$d || $d->{id} ne $o->{id} || $o->{status} != 200
                         || $o->{complete} ne 'true';
    }
    is_deeply(\@odd, [], 'each outcome is that of its decision');
    is_deeply([sort keys %outcome], [sort keys %allow],
              'every decision has one');
    is_deeply([grep { $_ != 1 } values %outcome], [], 'and no second');
    my %ids = map { $_->{id} => 1 } @records{ keys %allow };
    is(scalar keys %ids, $clients * $each, 'every request has an id of its own');
}


sub back_end {
    my %allow = map { ("$records{$_}{id} n1:$_" => 1) }
                grep { ($records{$_}{decision} // '') eq 'allow' }
                keys %records;
    my %seen;

    $t->wait_for(sub {
        my $n = () = ($t->read_file('seen.log') // '') =~ /\n/g;
        return $n >= $clients * $each;
    }, 5);
    for my $line (split /\n/, $t->read_file('seen.log')) {
        my ($id, $record) = split / /, $line;
        $seen{"$id $record"}++;
    }
    is_deeply([sort keys %seen], [sort keys %allow],
              'the back end saw what was admitted, nothing else');
    is_deeply([grep { $_ != 1 } values %seen], [], 'each once');
}
