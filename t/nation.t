#!/usr/bin/perl

# A policy of all the agencies that may ask, made by tools/nation: it loads
# without a warning, each level is decided by the rules for it, and it is
# reloaded under load without a request being lost.

use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(time);

use XC::Chain;
use XC::Gate;
use XC::Load;
use XC::Nation;
use XC::Nginx;

my $t = XC::Nginx->new(workers => 2);
my $nation = XC::Nation->new($t, qw(--seed one --few-keys --approvals 12));
my $made_up = !-d ($ENV{XC_VECTORS} // $t->root . '/../shared/vectors')
                  . '/gb2260';
my $query = $nation->query;
my $post = '/xc/v1/requests';
my $sweep = { subjects => undef, category => '电热毯',
              fields => ['goods.title', 'goods.id'] };
my %client;

generator();
whole_nation();
loads();

$t->run;
$t->backend;
counties();
cities();
provinces();
national();
bingtuan();
reload();

$t->finish;
done_testing;


sub tool {
    my ($name, @args) = @_;
    my $file = $t->path($name);

    system($t->root . '/tools/nation', '--out', $file, @args) == 0
        or die 'tools/nation does not end well';
    return $file;
}


sub check {
    my ($file) = @_;

    return scalar `@{[$t->xcctl]} policy check $file 2>&1`;
}


sub generator {
    my @small = qw(--agencies 20 --credentials 50 --fields 45 --operations 9
                   --approvals 4 --authority other.example);
    my %text = map { my $file = tool("$_->[0].json", @small, '--seed', $_->[1]);
                     $_->[0] => $t->read_file($file) }
               ['a', 'x'], ['b', 'x'], ['c', 'y'];

    is($text{a}, $text{b}, 'the same seed, the same policy');
    isnt($text{a}, $text{c}, 'another seed, another one');
    is($text{a} =~ s/"public_key": "[^"]*"//gr,
       $text{c} =~ s/"public_key": "[^"]*"//gr, 'but for the keys');
    my $said = check($t->path('a.json'));
    like($said, qr/ fields 45, operations 9, agencies 20, credentials 50,/,
         'as many of everything as asked for');
    like($said, qr/ warnings 0$/m, 'without a warning');

    local $ENV{XC_VECTORS} = $t->path('nothing');
    my $file = tool('m.json', '--seed', 'x', '--few-keys');
    like(check($file), qr/: loads: .* agencies 3[12]\d\d, .* warnings 0$/m,
         'without the codes as many are made up');
    my $text = $t->read_file('m.json');
    my %keys = map { $_ => 1 } $text =~ /"public_key": "([^"]*)"/g;
    is(scalar keys %keys, 64, 'they share a few keys where asked to');
    for my $id (qw(000000 XPCC 310000 310115 320500 659001)) {
        like($text, qr/^ +\{"id": "$id"/m, "$id among them");
    }
}


sub whole_nation {
    my $text = $nation->text;
    my %n;

    $n{$_}++ for $text =~ /"level": "(\w+)"/g;
    is($n{national}, 1, 'one national agency');
    is($n{province}, 32, 'the provinces and the XPCC');
    cmp_ok($n{city}, '>', 300, 'cities');
    cmp_ok($n{county}, '>', 2700, 'counties');
    is($nation->agency('000000')->{name}, '国家市场监督管理总局', 'SAMR');
    is($nation->agency('659001')->{parent}, 'XPCC',
       'a city of the XPCC names it');
    is($nation->agency('kfq-310000')->{parent}, '310000',
       'so does a development zone its province');

    SKIP: {
        skip 'no division codes in XC_VECTORS', 3 if $made_up;
        my %name = (310115 => '上海市浦东新区市场监督管理局',
                    320500 => '苏州市市场监督管理局',
                    120000 => '天津市市场监督管理委员会');
        is($nation->agency($_)->{name}, $name{$_}, $name{$_})
            for sort keys %name;
    }
}


sub loads {
    $t->policy($nation);
    $t->gate_conf;

    my $began = time;
    my ($status, $out) = $t->test_conf;
    note sprintf 'nginx -t with %d agencies: %.2f s',
        scalar(() = $nation->text =~ /"level": "/g), time - $began;
    is($status, 0, 'nginx -t takes it') or diag $out;
    unlike($out, qr/policy\.json/, 'without a warning of the policy');

    # an approval by the province of the region's code is not one by the XPCC
    my $other = $nation->text;
    utf8::encode($other);
    $other =~ s/"by": "XPCC"/"by": "650000"/;
    like(check($t->write_file('other.json', $other)),
         qr/approvals\[0\]\.by: .*"?659001"? .*XPCC/,
         'an approval by another province is a fault');
}


sub ask {
    my ($agency, $over) = @_;

    $client{$agency} //= $t->client(agency => $agency);
    return $over
        ? $client{$agency}->request('POST', $post,
                                    { body => $nation->body(%$over) })
        : $client{$agency}->request('GET', $query);
}


# The number of the approval for an agency and what it is for.
sub approval_for {
    my ($agency) = @_;
    my ($no) = $nation->text
        =~ /\{"no": "([^"]*)", "by": "\w+", "agency": "\Q$agency\E"/;

    return ($no, $nation->approval($no)->{case_no});
}


# Beyond the standard fields: by an approval that is its own, for its case.
sub approvals {
    my ($agency, $of_another) = @_;
    my ($no, $case) = approval_for($agency);
    my %fields = (fields => ['merchant.name', 'buyer.phone']);
    my %ours = (agency => $agency);

    refused($t, "$agency: beyond the standard fields", ask($agency, \%fields),
            'approval-required', %ours,
            fields => { 'buyer.phone' => 'approval-required' });
    admitted($t, "$agency: with its approval",
             ask($agency, { %fields, approval => $no, case_no => $case }),
             %ours, record => { approval => $no });
    refused($t, "$agency: in another case",
            ask($agency, { %fields, approval => $no }), 'approval-invalid',
            %ours);
    refused($t, "$agency: a field that it does not name",
            ask($agency, { fields => ['buyer.address'], approval => $no,
                           case_no => $case }), 'approval-invalid', %ours);

    ($no, $case) = approval_for($of_another);
    refused($t, "$agency: with another's approval",
            ask($agency, { %fields, approval => $no, case_no => $case }),
            'approval-invalid', %ours);
}


sub no_sweeps {
    my ($agency) = @_;

    refused($t, "$agency: a sweep", ask($agency, $sweep),
            'sweep-not-authorized', agency => $agency);
    refused($t, "$agency: one with subjects besides",
            ask($agency, { %$sweep, subjects => [
                { type => 'merchant', id => $XC::Policy::USCC }] }),
            'sweep-not-authorized', agency => $agency);
}


sub counties {
    my ($county) = $nation->text =~ /"agency": "(1101\d\d)"/;

    utf8::downgrade($county);          # it becomes part of bytes

    for my $id ('310115', $county, 'kfq-310000') {
        admitted($t, "$id: a query", ask($id), agency => $id,
                 record => { level => 'county' });
    }
    approvals($county, '659002');
    no_sweeps('310115');
    refused($t, 'a county: nobody named', ask('310115', {
                subjects => undef, window => undef }), 'subject-required');
}


sub cities {
    admitted($t, '320500: a query', ask('320500'), agency => '320500',
             record => { level => 'city' });
    no_sweeps('320500');
}


sub provinces {
    my %shanghai = (agency => '310000');

    admitted($t, '310000: a query', ask('310000'), %shanghai,
             record => { level => 'province' });
    admitted($t, '310000: a sweep, for SAMR authorised it',
             ask('310000', $sweep), %shanghai,
             record => { sweep => JSON::PP::true });
    refused($t, '310000: a sweep of merchants',
            ask('310000', { %$sweep, fields => ['goods.id', 'merchant.name'] }),
            'sweep-not-authorized', %shanghai,
            fields => { 'merchant.name' => 'sweep-not-authorized' });
    refused($t, '310000: a sweep of two years',
            ask('310000', { %$sweep, window => { from => '2024-11-01',
                                                 to => '2026-11-01' } }),
            'request-invalid', %shanghai);
    refused($t, '310000: a province needs its own approval',
            ask('310000', { fields => ['buyer.phone'] }), 'approval-required',
            %shanghai);
    no_sweeps('370000');
}


sub national {
    my %samr = (agency => '000000');

    admitted($t, 'SAMR: a query', ask('000000'), %samr,
             record => { level => 'national' });
    admitted($t, 'SAMR: a sweep', ask('000000', $sweep), %samr);
    admitted($t, 'SAMR: needs no approval',
             ask('000000', { fields => ['buyer.phone'] }), %samr);
}


sub bingtuan {
    admitted($t, 'a city of the XPCC: a query', ask('659001'),
             agency => '659001', record => { level => 'city' });
    approvals('659001', '659002');
    no_sweeps('659001');
    no_sweeps('XPCC');
}


# Another version of the policy, under load.
sub reload {
    $t->backend->forget;

    my $load = XC::Load->new($t, 2, keepalive => 0);
    for my $n (1 .. 2) {
        my $so_far = $load->answers;
        $t->wait_for(sub { $load->answers > $so_far + 20 });
        $nation->change(sub { s/"version": "[^"]*"/"version": "v$n"/ })
               ->write($t->path('policy.json'));
        my $began = time;
        ok($t->reload(wait => 'exit'), "reload $n under load");
        note sprintf 'a reload: %.2f s', time - $began;
        $t->wait_for(sub { (decisions($t))[-1]{policy}{version} eq "v$n" });
    }
    my @answers = $load->end;

    is_deeply([grep { $_->{status} != 200 } @answers], [],
              'nobody was refused');
    cmp_ok(scalar @answers, '>', 40, 'of many');

    my @all = whole($t, 'under load');
    my %allow = map { ("$_->{node}:$_->{seq}" => 1) }
                grep { ($_->{decision} // '') eq 'allow' } @all;
    my @lost = grep { !$allow{ ($_->{record} // '') =~ s/;.*//r } } @answers;
    is_deeply(\@lost, [], 'every answer has its record');
    my %seen = map { $_->{policy}{version} => 1 }
               grep { $_->{event} eq 'decision' } @all;
    ok($seen{v1} && $seen{v2}, 'under both new versions');
}
