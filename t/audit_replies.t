#!/usr/bin/perl

# What xcctl audit report tells of replies: from submits and results of a real
# gate, whose back end says how far it is, and from logs made by hand for what
# takes days or should not be.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use XC::Gate;
use XC::Log;
use XC::Nginx;
use XC::Policy;

my $json = JSON::PP->new->utf8;
my $submit = '/xc/v1/requests';
my $day = 86_400;
my $t = XC::Nginx->new;
my $n = 0;
my $policy;

from_a_gate();
ages();
durations();
groups();
orders_of_files();
nodes();
what_is_a_submit();
odd();
forms();
nothing();
documented();

$t->finish;
done_testing;


# ---- a real gate

sub make_policy {
    my $p = $t->policy(transport => 'any');

    push @{ $p->data->{operations} },
        { id => 'result', kind => 'result', methods => ['GET'],
          path => '/xc/v1/requests/(?<request>[0-9a-f]{32})' },
        { id => 'check', kind => 'check', methods => ['POST'],
          path => '/xc/v1/check', body => { like => 'submit' } };
    $p->add_agency('310104', 'county', $p->ed25519('310104', '310104-key'));
    return $t->policy($p);
}


sub client {
    my ($name) = @_;

    return $t->client(tls => 0, key => $policy->key($name));
}


# Says in XC-Reply what it is given; id, ticket and record of the submit.
sub submitted {
    my ($name, $as, $reply, $status) = @_;

    $t->backend->answer('*', { status => $status // 200,
        headers => [defined $reply ? ['XC-Reply', $reply] : ()] });
    my $got = client($as)->request('POST', $submit, {
        headers => [['Content-Type', 'application/json']],
        body => $policy->body });
    my $seen = admitted($t, $name, $got, agency => $as,
                        status => $status // 200);
    return { id => $seen->{decision}{id}, as => $as,
             record => "n1:$seen->{decision}{seq}",
             ticket => $got->{headers}{'xc-request'} };
}


sub fetched {
    my ($name, $of, $reply) = @_;

    $t->backend->answer('*', { headers => [['XC-Reply', $reply]] });
    my $got = client($of->{as})->request('GET', "$submit/$of->{id}", {
        headers => [['XC-Request', $of->{ticket}]] });
    admitted($t, $name, $got, agency => $of->{as},
             record => { ref => $of->{record} });
}


sub from_a_gate {
    $policy = make_policy();
    $t->write_file('token.key', join('', map { chr } 0 .. 31), 0600);
    $t->gate_conf(http => 'xc_token_key token.key;');
    $t->run;

    my $slow = submitted('a submit', '310115', 'received');
    my $none = submitted('one without a word', '310104');
    my $quick = submitted('one that is answered at once', '310115', 'final');
    my $broken = submitted('one that fails', '310115', undef, 500);
    my $empty = submitted('one about nothing', '310104', 'received');

    fetched('its interim reply', $slow, 'interim');
    fetched('its final reply', $slow, 'final');
    fetched('once more', $slow, 'final');
    fetched('there is nothing', $empty, 'no-data');

    # neither a query nor a check is a submit, nor what is refused
    $t->backend->answer('*', { headers => [['XC-Reply', 'received']] });
    admitted($t, 'a query', client('310115')->request('GET', $policy->query));
    my $check = client('310115')->request('POST', '/xc/v1/check', {
        headers => [['Content-Type', 'application/json']],
        body => $policy->body });
    is($check->{json}{decision}, 'allow', 'a check');
    refused($t, 'a refusal', client('310115')->request('POST', $submit, {
        headers => [['Content-Type', 'application/json']],
        body => $policy->body(fields => ['nothing.known']) }),
        'field-unknown');
    $t->stop;

    my ($status, $out) = report('--json', $t->path('state/audit.log'));
    is($status, 0, 'gate: a report');
    my $r = $json->decode($out)->{replies};

    is_deeply(counts($r->{all}), { submits => 5, failed => 1, waiting => 1,
              no_data => 1, declined => 0, interim => 1, final => 3 },
              'gate: what became of the submits');
    is_deeply([map { [$_->{agency}, @{ counts($_) }{qw(submits final waiting)}]
                   } @{ $r->{agencies} }],
              [['310115', 3, 2, 0], ['310104', 2, 1, 1]],
              'gate: by agency');
    is_deeply([map { [$_->{level}, $_->{submits}] } @{ $r->{levels} }],
              [['county', 5]], 'gate: by level');
    is_deeply([map { [@$_{qw(record id agency level reply)}] }
               @{ $r->{oldest_waiting} }],
              [[$none->{record}, $none->{id}, '310104', 'county', undef]],
              'gate: who waits');
    is($r->{told_apart}{final_again}, 1, 'gate: fetched again');
    is($r->{told_apart}{untracked}, 0, 'gate: all operations are tracked');
    ok($r->{all}{final}{max_ms} >= $r->{all}{final}{p50_ms},
       'gate: the longest is not shorter than the median');

    for my $form (undef, '--json', '--html') {
        (undef, $out) = report($form // (), $t->path('state/audit.log'));
        unlike($out, qr/\Q$XC::Policy::USCC\E|31000000017/,
               ($form // 'text') . ': no subject, no officer');
        like($out, qr/\Q$none->{id}\E/, ($form // 'text') . ': the id');
    }
}


# ---- by hand

# A line of a log: at what second, and its members; its seq is its place.
# Operations are of the sample's names.
sub decided {
    my ($id, $agency, %o) = @_;
    my $operation = $o{operation} // 'submit';

    return join ',', '"event":"decision"', "\"id\":\"$id\"",
        '"method":"' . ($o{method} // (exists $o{ref} ? 'GET' : 'POST')) . '"',
        '"operation":"' . (exists $o{ref} ? 'result' : $operation) . '"',
        "\"agency\":\"$agency\"",
        '"level":"' . ($o{level} // 'county') . '"',
        "\"request_no\":\"no. $id\"", '"decision":"allow","mode":"enforce"',
        exists $o{ref} ? "\"ref\":\"$o{ref}\"" : ();
}


sub answered {
    my ($id, $seq, $reply, %o) = @_;

    return join ',', '"event":"outcome"', "\"id\":\"$id\"",
        '"status":' . ($o{status} // 200),
        defined $reply ? "\"reply\":\"$reply\"" : (),
        $o{upstream} // 1 ? '"upstream":"127.0.0.1:1"' : (), '"ms":5',
        '"complete":' . ($o{complete} // 'true'), "\"decision_seq\":$seq";
}


# Lines [seconds, members] of a node, from a seq on.
sub lines {
    my ($node, $seq, @lines) = @_;
    my $out = '';

    for my $line (@lines) {
        my ($s, $members) = @$line;
        my @at = gmtime 1795342800 + $s;
        my $text = sprintf '{"seq":%d,"prev":"%s","time":"%04d-%02d-%02dT%02d'
            . ':%02d:%02d.%06dZ","node":"%s",%s}', $seq++, '0' x 64,
            $at[5] + 1900, $at[4] + 1, @at[3, 2, 1, 0],
            ($s - int $s) * 1e6, $node, $members;
        $out .= "$text\n";
    }
    return $out;
}


sub file {
    my $path = $t->path('hand-' . ++$n . '.log');

    utf8::encode(my $text = join '', @_);
    spew($path, $text);
    return $path;
}


# Exit status and output; what it says on stderr is $said.
my $said;
sub report {
    my $err = $t->path('err');
    my $command = join ' ', map { "'$_'" } $t->xcctl, 'audit', 'report', @_;
    my $out = `$command 2>'$err'`;
    my $status = $? >> 8;

    is($? & 127, 0, 'no signal ends it') if $? & 127;
    $said = $t->read_file($err);
    return ($status, $out);
}


sub replies {
    my ($status, $out) = report('--json', @_);

    is($status, 0, 'exit status') if $status;
    my $r = $json->decode($out);
    return { %{ $r->{replies} }, nodes => $r->{nodes} };
}


sub counts {
    my ($group) = @_;

    return { (map { $_ => $group->{$_} }
              qw(submits failed waiting no_data declined)),
             map { $_ => $group->{$_}{count} } qw(interim final) };
}


# Each side of each bound; the last record says what time it is.
sub ages {
    my @ages = (0, $day, $day + 1, 3 * $day, 3 * $day + 1, 7 * $day,
                7 * $day + 1, 15 * $day, 15 * $day + 1, 100 * $day);
    my $now = 100 * $day;
    my @lines = map { [$now - $ages[$_], decided("w$_", '310115'),
                       $_] } reverse 0 .. $#ages;
    my $seq = 0;

    my $log = file(lines('n1', 0,
        (map { my ($s, $m, $i) = @$_;
               my $at = $seq;
               $seq += 2;
               ([$s, $m], [$s, answered("w$i", $at, 'received')]) } @lines),
        [$now, '"event":"heartbeat"']));
    my $r = replies($log);

    is_deeply($r->{all}{waiting_by_age},
              { '1d' => 2, '3d' => 2, '7d' => 2, '15d' => 2, more => 2 },
              'ages: each bound belongs to what lies below');
    is($r->{all}{waiting}, 10, 'ages: all');
    is($r->{as_of}, '2027-03-02T10:20:00.000000Z', 'ages: at the last record');
    is(join(' ', map { $_->{id} } @{ $r->{oldest_waiting} }),
       join(' ', map { "w$_" } reverse 0 .. $#ages), 'ages: the oldest first');
    is_deeply($r->{oldest_waiting}[0], { record => 'n1:0', id => 'w9',
        agency => '310115', level => 'county', reply => 'received',
        age_ms => 100 * $day * 1000,
        time => $r->{oldest_waiting}[0]{time} }, 'ages: the oldest');

    # more than the list holds
    $log = file(lines('n1', 0, map { ([$_, decided("m$_", '310115')],
                    [$_, answered("m$_", 2 * $_, 'received')]) } 0 .. 29));
    $r = replies($log);
    is(join(' ', map { $_->{id} } @{ $r->{oldest_waiting} }),
       join(' ', map { "m$_" } 0 .. 19), 'ages: twenty are listed');
}


# Nearest rank: ten finals of 1 to 10 hours, and two interim replies.
sub durations {
    my (@lines, $seq);

    for my $i (1 .. 10) {
        push @lines, [0, decided("s$i", '310115')],
                     [0, answered("s$i", $#lines + 1, 'received')];
    }
    for my $i (1 .. 10) {
        my $submit = 2 * ($i - 1);
        if ($i < 3) {
            for my $minutes (10 * $i, 30) {
                push @lines, [60 * $minutes, decided("p$i-$minutes", '310115',
                                                     ref => "n1:$submit")];
                push @lines, [60 * $minutes, answered("p$i-$minutes",
                              $#lines, 'interim')];
            }
        }
        push @lines, [3600 * $i, decided("r$i", '310115',
                                         ref => "n1:$submit")];
        push @lines, [3600 * $i, answered("r$i", $#lines,
                      $i == 4 ? 'no-data' : $i == 5 ? 'declined' : 'final')];
    }

    my $r = replies(file(lines('n1', 0, @lines)));
    is_deeply($r->{all}{final}, { count => 10, p50_ms => 5 * 3600_000,
              p90_ms => 9 * 3600_000, max_ms => 10 * 3600_000 },
              'times: to the final reply');
    is_deeply($r->{all}{interim}, { count => 2, p50_ms => 600_000,
              p90_ms => 1200_000, max_ms => 1200_000 },
              'times: to the first interim one');
    is("$r->{all}{no_data} $r->{all}{declined} $r->{all}{waiting}", '1 1 0',
       'times: no-data and declined are final');
    is_deeply($r->{final_by_time}, { '1h' => 1, '1d' => 9, '3d' => 0,
              '7d' => 0, '15d' => 0, more => 0 }, 'times: in spans');
    is_deeply($r->{slowest}[0], { record => 'n1:18', agency => '310115',
              ms => 10 * 3600_000, request_no => 'no. s10' },
              'times: the slowest');
    is($r->{told_apart}{final_again}, 0, 'times: nothing told apart');

    # of two, 90 % is not the lesser one
    $r = replies(file(lines('n1', 0, [0, decided('a', '1')],
        [1, answered('a', 0, 'final')], [1, decided('b', '1')],
        [9, answered('b', 2, 'final')])));
    is_deeply($r->{all}{final}, { count => 2, p50_ms => 1000, p90_ms => 8000,
              max_ms => 8000 }, 'times: of two');
}


sub groups {
    my (@lines, $seq);

    for my $of (['310115', 'county', 'received'], ['000000', 'national',
                'final'], ['310000', 'province', 'declined'],
                ['310115', 'county', 'final'], ['440300', 'city', 'interim'])
    {
        push @lines, [$seq // 0, decided("g$#lines", $of->[0],
                                         level => $of->[1])];
        push @lines, [10, answered('g' . ($#lines - 1), $#lines, $of->[2])];
        $seq = 1;
    }
    my $r = replies(file(lines('n1', 0, @lines)));

    is(join(' ', map { "$_->{level}=$_->{submits}" } @{ $r->{levels} }),
       'national=1 province=1 city=1 county=2', 'groups: levels from above');
    is(join(' ', map { "$_->{agency}=$_->{submits}/$_->{waiting}" }
            @{ $r->{agencies} }),
       '310115=2/1 000000=1/0 310000=1/0 440300=1/1',
       'groups: agencies with most submits first');
    is_deeply($r->{levels}[2]{final}, { count => 0, p50_ms => undef,
              p90_ms => undef, max_ms => undef }, 'groups: no reply, no time');
    is($r->{agencies}[0]{final}{max_ms}, 9000, 'groups: times of their own');
}


# Rotated files, in any order, one of them left out or given twice.
sub orders_of_files {
    my @parts = (
        file(lines('n1', 0, [0, decided('a', '310115')],
                   [5, decided('b', '310115')])),
        file(lines('n1', 2, [6, answered('a', 0, 'received')],
                   [7, answered('b', 1, 'received')],
                   [8, decided('r', '310115', ref => 'n1:0')])),
        file(lines('n1', 5, [9, answered('r', 4, 'final')])));
    my $want = replies(@parts);

    is_deeply(counts($want->{all}), { submits => 2, failed => 0, waiting => 1,
              no_data => 0, declined => 0, interim => 0, final => 1 },
              'files: oldest first');
    is($want->{all}{final}{max_ms}, 9000, 'files: the time to the reply');
    for my $order ([2, 1, 0], [1, 0, 2], [0, 2, 1]) {
        is_deeply(replies(@parts[@$order]), $want,
                  "files: in the order @$order");
    }

    my $r = replies(@parts[1, 2]);
    is("$r->{all}{submits} $r->{told_apart}{reply_without_request} "
       . $r->{told_apart}{submit_not_given}, '0 2 0',
       'files: the first is missing');
    $r = replies($parts[2]);
    is($r->{told_apart}{reply_without_request}, 1,
       'files: the last alone has a reply to nothing');
    $r = replies(file(lines('n1', 2, [8, decided('r', '310115',
        ref => 'n1:0')], [9, answered('r', 2, 'final')])));
    is("$r->{told_apart}{submit_not_given} $r->{all}{final}{count}", '1 0',
       'files: a result of a submit that is not given');

    $r = replies($parts[0], @parts);
    is_deeply([$r->{all}, $r->{told_apart}{given_twice}], [$want->{all}, 2],
              'files: one of them twice');
}


# seq 0 is another record on each node.
sub nodes {
    my $n1 = file(lines('n1', 0, [0, decided('a', '310115')],
        [1, answered('a', 0, 'received')],
        [100, decided('y', '310000', ref => 'n2:0')],
        [101, answered('y', 2, 'declined')]));
    my $n2 = file(lines('n2', 0, [50, decided('b', '310000')],
        [51, answered('b', 0, 'received')],
        [60, decided('x', '310115', ref => 'n1:0')],
        [61, answered('x', 2, 'final')]));

    for my $order ([$n1, $n2], [$n2, $n1]) {
        my $r = replies(@$order);
        is_deeply([map { [@$_{qw(record ms)}] } @{ $r->{slowest} }],
                  [['n1:0', 61_000], ['n2:0', 51_000]],
                  'nodes: a result on another node, in either order');
        is_deeply($r->{nodes}, [{ node => 'n1', count => 4 },
                                { node => 'n2', count => 4 }],
                  'nodes: both are named');
    }

    my $r = replies($n2);
    is("$r->{all}{submits} $r->{told_apart}{submit_not_given}", '1 1',
       'nodes: the other one\'s log is not given');
    is((report($n1, $n2))[1] =~ /^nodes n1, n2, 2026-11-22T\S+ to \S+$/m, 1,
       'nodes: as text');
}


sub what_is_a_submit {
    my $r = replies(file(lines('n1', 0,
        [0, decided('q', '1', operation => 'merchant', method => 'GET')],
        [0, answered('q', 0, 'received')],
        [0, decided('h', '1', operation => 'merchant', method => 'HEAD')],
        [0, answered('h', 2, 'received')],
        # a check, which no back end answers
        [0, decided('c', '1', operation => 'check')],
        [0, answered('c', 4, undef, upstream => 0)],
        # of an operation that nobody replies to in words
        [0, decided('p', '1', operation => 'ask')],
        [0, answered('p', 6, undef)])));
    is("$r->{all}{submits} $r->{told_apart}{untracked}", '0 1',
       'kinds: queries and checks are none, what can\'t be told is said');

    $r = replies(file(lines('n1', 0,
        [0, decided('p', '1')], [0, answered('p', 0, undef)],
        [1, decided('r', '1', ref => 'n1:0')], [1, answered('r', 2, undef)],
        # of the same operation
        [2, decided('s', '1')], [2, answered('s', 4, undef)])));
    is("$r->{all}{submits} $r->{all}{waiting}", '2 2',
       'kinds: what a result names is a submit');

    $r = replies(file(lines('n1', 0,
        [0, decided('a', '1')], [0, answered('a', 0, 'received')],
        [0, decided('b', '1')],
        [0, decided('c', '1')], [0, answered('c', 3, undef, status => 503,
                                             upstream => 0)],
        [0, decided('d', '1')], [0, answered('d', 5, undef, status => 502)],
        [0, decided('e', '1')], [0, answered('e', 7, 'received',
                                             status => 500)])));
    is_deeply(counts($r->{all}), { submits => 5, failed => 2, waiting => 3,
              no_data => 0, declined => 0, interim => 0, final => 0 },
              'kinds: an error without a reply is no waiting');
}


sub odd {
    my $r = replies(file(lines('n1', 0,
        [0, decided('a', '1')], [0, answered('a', 0, 'maybe')],
        [1, decided('b', '1')], [1, answered('b', 2, 'x"\\u0022<&>' =~ s/"//r)],
        [2, decided('c', '1')],
        [3, answered('c', 4, '长' x 90)],
        [4, decided('d', '1')], [4, answered('d', 6, 'maybe')])));
    is_deeply([map { [@$_{qw(reply count)}] }
               @{ $r->{told_apart}{unknown_replies} }],
              [['maybe', 2], ['x"<&>', 1], ['长' x 31, 1]],
              'odd: words that are no reply');
    is($r->{all}{waiting}, 4, 'odd: they are no final reply');

    $r = replies(file(lines('n1', 0,
        [0, decided('a', '1')], [0, answered('a', 0, 'final')],
        [5, decided('r', '1', ref => 'n1:0')], [5, answered('r', 2, 'final')],
        [6, decided('s', '1', ref => 'n1:0')],
        [6, answered('s', 4, 'declined')])));
    is("@{ $r->{told_apart} }{qw(final_again final_differs)}", '2 1',
       'odd: final again, and otherwise');
    is("$r->{all}{final}{count} $r->{all}{final}{max_ms} $r->{all}{declined}",
       '1 0 0', 'odd: the first one counts');

    $r = replies(file(lines('n1', 0,
        [0, decided('a', '1')], [0, answered('a', 0, 'received')],
        [5, decided('r', '1', ref => 'n1:0')],
        [5, answered('r', 2, 'final', complete => 'false')])));
    is("$r->{told_apart}{final_broken_off} $r->{all}{waiting}", '1 1',
       'odd: a final reply that broke off is none');

    for my $case ([499, '0 0'], [500, '1 1'], [503, '1 1']) {
        my ($code, $want) = @$case;
        $r = replies(file(lines('n1', 0,
            [0, decided('a', '1')], [0, answered('a', 0, 'received')],
            [5, decided('r', '1', ref => 'n1:0')],
            [5, answered('r', 2, 'final', status => $code)])));
        is("$r->{told_apart}{final_broken_off} $r->{all}{waiting}", $want,
           "odd: a result's final reply with status $code");
        $r = replies(file(lines('n1', 0, [0, decided('a', '1')],
            [0, answered('a', 0, 'declined', status => $code)])));
        is("$r->{told_apart}{final_broken_off} $r->{all}{waiting}", $want,
           "odd: a submit's, with status $code");
    }

    $r = replies(file(lines('n1', 0,
        [100, decided('a', '1')], [100, answered('a', 0, 'received')],
        [5, decided('r', '1', ref => 'n1:0')],
        [5, answered('r', 2, 'final')])));
    is("$r->{told_apart}{before_submit} $r->{all}{final}{max_ms}", '1 0',
       'odd: a clock that went back');

    $r = replies(file(lines('n1', 0,
        [0, decided('a', '1')], [0, answered('other', 0, 'final')])));
    is("$r->{told_apart}{other_id} $r->{all}{submits}", '1 0',
       'odd: another\'s outcome');
    $r = replies(file(lines('n1', 1, [0, answered('other', 2, 'final')],
        [0, decided('a', '1')], [0, answered('a', 2, 'final')])));
    is("$r->{told_apart}{other_id} $r->{all}{final}{count}", '1 1',
       'odd: the same before its decision');
    $r = replies(file(lines('n1', 0, [0, decided('a', '1')],
        [0, answered('a', 0, 'received')], [0, answered('a', 0, 'final')])));
    is("$r->{told_apart}{given_twice} $r->{all}{waiting}", '1 1',
       'odd: two outcomes of one decision');

    # what a gate does not write
    my @l = (
        '"event":"outcome"', '"event":"outcome","decision_seq":-1',
        '"event":"outcome","decision_seq":0,"reply":7,"id":[]',
        '"event":"outcome","decision_seq":99999999999999999999',
        '"event":"decision","decision":"allow","mode":"enforce"',
        decided('a', '1', ref => ''), decided('b', '1', ref => 'n1'),
        decided('c', '1', ref => 'n1:' . '9' x 200),
        decided('d', '1', ref => 'x' x 500 . '\\u0022'),
        decided('i' x 500, 'g' x 500, level => 'l' x 500),
        decided('\\u001b[2J', '\\"><b>'));
    my $log = file(lines('n1', 0, map { [0, $_] } @l,
        answered('\\u001b[2J', $#l, 'received'),
        map { answered('x', $_, 'final') } 0 .. 20));
    for my $form (undef, '--json', '--html') {
        my ($status, $out) = report($form // (), $log);
        is($status, 0, 'odd: strange members, ' . ($form // 'text'));
        ok(!$form || $form eq '--html' || eval { $json->decode($out) },
           'odd: JSON') or diag $@;
        unlike($out, ($form // '') eq '--html' ? qr/\x1b|<b>/ : qr/\x1b/,
               'odd: nothing gets out');
        like($out, qr/u001b\[2J/, 'odd: though it is there');
    }

    # a record lost on the way, half of one
    spew($log, lines('n1', 0, [0, decided('a', '1')],
        [0, answered('a', 0, 'received')]) =~ s/.{40}\n\z//sr);
    is((report($log))[0], 1, 'odd: half a line is passed over');
    like($said, qr/:2: not a record, passed over$/m, 'odd: and said');
}


sub forms {
    my $log = file(lines('n1', 0,
        [0, decided('aa', '310115')], [0, answered('aa', 0, 'received')],
        [0, decided('bb', '310000', level => 'province')],
        [3600, answered('bb', 2, 'final')],
        [4 * $day, decided('rr', '310115', ref => 'n9:1')],
        [4 * $day, answered('rr', 4, 'final')],
        [4 * $day, decided('cc', '310115')],
        [4 * $day, answered('cc', 6, 'soon')]));

    my ($status, $out) = report($log);
    is($status, 0, 'text');
    like($out, qr/^replies to submits, as of 2026-11-26T/m, 'text: as of');
    like($out, qr/^  submits +3, final reply 1 \(no-data 0, declined 0\), waiting 2, failed 0$/m,
         'text: what became of them');
    like($out, qr/^  to the final reply +1, median 01:00:00\.000, 90 % within 01:00:00\.000, longest 01:00:00\.000$/m,
         'text: times');
    like($out, qr/^  province +1 +0 +0 +- +1 +1\.0 h +1\.0 h +1\.0 h$/m,
         'text: by level');
    like($out, qr/^  310115 +2 +1 +0 +1 +0 +0$/m, 'text: by age');
    like($out, qr/^  +4 d 00:00:00  n1:0  aa  310115  received$/m,
         'text: who waits');
    like($out, qr/^told apart: 1 submits in no file given/m,
         'text: what does not fit');
    like($out, qr/^told apart: 1 replies "soon", which is none/m,
         'text: an unknown reply');

    ($status, $out) = report('--html', $log);
    is($status, 0, 'HTML');
    utf8::decode($out);
    like($out, qr{提交 submits 3 · 最终答复 final reply 1（}, 'HTML: counts');
    like($out, qr{<tr><td class="n">4\.0 d</td><td class="w">n1:0</td><td>aa</td><td class="w">310115</td>},
         'HTML: who waits');
    like($out, qr{<td class="w">province</td><td class="n">1</td>}, 'HTML: by level');
    like($out, qr{<li>\S+ submits in no file given.*: 1</li>},
         'HTML: what does not fit');
    is((() = $out =~ /<table/g), (() = $out =~ /<\/table/g), 'HTML: closed');
    unlike($out, qr/<script|(?:href|src)=|url\(/, 'HTML: nothing is fetched');
}


# Without a submit there is nothing to tell, and no time to invent.
sub nothing {
    my $r = replies(file(''));
    is_deeply(counts($r->{all}), { map { $_ => 0 } qw(submits failed waiting
              no_data declined interim final) }, 'an empty log');
    is($r->{as_of}, '', 'has no time');
    is_deeply([@$r{qw(levels agencies oldest_waiting slowest)}],
              [[], [], [], []], 'and no lists');
    unlike((report(file('')))[1], qr/median|oldest/, 'as text');
}


# What the JSON holds, docs/audit-log.md names.
sub documented {
    my $r = replies(file(''));
    my $doc = slurp($t->root . '/docs/audit-log.md');
    my @names = (keys %$r, map { keys %$_ } @$r{qw(all told_apart)},
                 @{ $r->{all} }{qw(final waiting_by_age)});
    my %seen;

    is(join(' ', grep { $doc !~ /`\Q$_\E`/ && $_ ne 'nodes' }
                 grep { !$seen{$_}++ } sort @names), '',
       'docs/audit-log.md names every member');
}
