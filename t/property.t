#!/usr/bin/perl

# The decision, written a second time: slowly, in the order of the law's rows,
# from the policy as it is written.  Policies and requests are made at random,
# and the core has to say the same of each, field by field.
#
#   XC_SEED=1 prove -It/lib t/property.t      the same once more

use strict;
use warnings;
use utf8;

use File::Temp;
use JSON::PP;
use POSIX qw(strftime);
use Test::More;

use XC::Gate qw(reasons);
use XC::Nginx;

my $POLICIES = 60;
my $REQUESTS = 70;                      # to each
my $NOW      = 1795305600;              # 2026-11-22T00:00:00Z
my $USCC     = '91310000MA1FL0000N';

my $seed = $ENV{XC_SEED} // (time ^ $$);
my $program = ($ENV{XC_BUILD} // 'build') . '/unit/vector_decide';
my $json = JSON::PP->new->utf8->canonical;

my $reasons = reasons('XC::Nginx');
my @order = sort { $reasons->{$a}{at} <=> $reasons->{$b}{at} } keys %$reasons;
my @groups = qw(identity goods transaction livestream);
my @cases = map { "沪市监案〔2026〕${_}号" } 1 .. 3;
my @numbers = map { "沪市监协查〔2026〕${_}号" } 1 .. 3;
my @subjects = ({ type => 'merchant', id => $USCC },
                { type => 'order', id => 'A-000001' },
                { type => 'order', id => 'A-000002' },
                { type => 'room', id => 'A-000001' });
my @strangers = ('no.such', 'merchant.Name', 'f0.standard ', 'f1',
                 "f\x{ff11}.field", "\x{444}1.field", 'f1.field.',
                 "f1.fie\x{301}ld", "f1.field\x{200b}");

# id, level, province
my @agencies = (
    ['000000', 'national', undef],
    ['310000', 'province', '310000'], ['440000', 'province', '440000'],
    ['XPCC', 'province', 'XPCC'],
    ['310100', 'city', '310000'], ['310115', 'county', '310000'],
    ['440103', 'county', '440000'], ['659001', 'city', 'XPCC']);

die "not built: $program\n" if !-x $program;
srand $seed;
note("seed $seed");

my (@questions, @expected);

for (1 .. $POLICIES) {
    my $policy = policy();
    push @questions, question('policy', $json->encode($policy));
    push @expected, 'ok';

    for (1 .. $REQUESTS) {
        my ($agency, $via) = (pick(@agencies)->[0],
                              chance(0.2) ? pick(@agencies)->[0] : '');
        my $now = $NOW + pick(-1, 0, 1);
        my $request = request($policy, $agency);
        push @questions, question('ask', $agency, $via, $now,
                                  $json->encode($request));
        push @expected, decision($policy, $agency, $via, $now, $request);
    }
}

my @got = ask(@questions);
my %seen;
my @differ = grep { ($got[$_] // 'nothing') ne $expected[$_] } 0 .. $#questions;

is(@got, @questions, 'as many answers as questions');
ok(!@differ, "the core decides as the second implementation does, seed $seed");
diag(explain_one($_)) for @differ > 3 ? @differ[0 .. 2] : @differ;

# Numbers of which some must be of each kind, else little was compared.
$seen{(split / /)[0]}++ for @expected;
$seen{$_}++ for map { "field $_" } map { my (undef, @f) = split / /; @f }
                grep { $_ ne 'ok' } @expected;
cmp_ok($seen{$_} // 0, '>', 20, "some are $_")
    for '-', qw(field-unknown field-not-granted approval-required
                approval-invalid sweep-not-authorized subject-required),
        'field -', 'field field-unknown', 'field field-not-granted',
        'field approval-required', 'field approval-invalid',
        'field sweep-not-authorized';

done_testing;


sub pick { $_[rand @_] }
sub chance { rand() < $_[0] }
sub some { my ($p, @all) = @_; return grep { chance($p) } @all }
sub stamp { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }
sub end { stamp($NOW + pick(-86400, -1, 0, 1, 2, 86400)) }


sub at_least_one {
    my ($p, @all) = @_;
    my @some = some($p, @all);

    return @some ? @some : pick(@all);
}


sub policy {
    my @levels = qw(county city province national);
    my %fields = map {
        my $standard = chance(0.6);
        ("f$_.field" => {
            group => $_ < @groups ? $groups[$_] : pick(@groups),
            zh => "字段$_", en => "field $_",
            standard => $standard ? JSON::PP::true : JSON::PP::false })
    } 0 .. 11;
    my %grants = map {
        ("g$_" => { groups => [at_least_one(0.5, @groups)],
                    levels => \@levels })
    } 1 .. 4;
    $grants{sweep} = { sweep => JSON::PP::true, groups => ['goods'],
                       levels => ['province', 'national'] };

    return {
        policy => 'random', version => '1', authorities => ['a.example'],
        purposes => { p => {} }, fields => \%fields, grants => \%grants,
        subject_types => { merchant => { check => 'uscc' },
                           order => {}, room => {} },
        operations => [{
            id => 'submit', kind => 'submit', methods => ['POST'],
            path => '/r', body => { map { $_ => "/$_" } qw(
                fields request_no purpose case_no subjects window category
                region approval) } }],
        rates => { default => { rate => '1r/s', burst => 1 } },
        agencies => [map { agency(@$_) } @agencies],
        approvals => [map { approval($_, \%fields) } 1 .. int rand 8],
    };
}


sub agency {
    my ($id, $level, $province) = @_;
    my @grants = map { chance(0.3) ? { grant => "g$_", not_after => end() }
                                   : "g$_" } some(0.5, 1 .. 4);

    if ($level eq 'national' && chance(0.6)) {
        push @grants, chance(0.5) ? 'sweep'
                                  : { grant => 'sweep', not_after => end() };
    } elsif ($level eq 'province' && chance(0.6)) {
        push @grants, { grant => 'sweep',
                        authority_no => '国市监网授〔2026〕3号',
                        chance(0.5) ? (not_after => end()) : () };
    }

    my $region = $id =~ /^\d+$/ ? $id : '660000';
    return { id => $id, name => "机关 $id", level => $level,
             region => $region, rate => 'default',
             grants => \@grants, credentials => [],
             $level eq 'county' || $level eq 'city'
                 ? (parent => $province) : () };
}


sub approval {
    my ($n, $fields) = @_;
    my $for = pick(grep { $_->[2] } @agencies);
    my %a = (no => "特${n}号", by => $for->[2], agency => $for->[0],
             fields => [at_least_one(0.7, sort keys %$fields)],
             not_after => stamp($NOW + pick(-1, 0, 1, 86400, 86400, 86400)));

    $a{not_before} = stamp($NOW + pick(-2, -1, -86400))
        if chance(0.3) && $a{not_after} gt stamp($NOW - 1);
    while (1) {
        $a{case_no} = pick(@cases) if chance(0.4);
        $a{request_no} = pick(@numbers) if chance(0.2);
        $a{subjects} = [at_least_one(0.6, @subjects)] if chance(0.3);
        return \%a if grep { $a{$_} } qw(case_no request_no subjects);
    }
}


# Half of them such that an approval may hold: what nobody hits is not tested.
sub request {
    my ($policy, $agency) = @_;
    my @known = sort keys %{ $policy->{fields} };
    my %r = (request_no => pick(@numbers), purpose => 'p',
             fields => [chance(0.5) ? at_least_one(0.15, @known)
                                    : pick(@known)],
             subjects => [chance(0.1) ? () : some(0.5, @subjects)]);
    my @fit = grep { $_->{agency} eq $agency } @{ $policy->{approvals} };

    push @{ $r{fields} }, pick(@strangers) if chance(0.1);
    $r{case_no} = pick(@cases) if chance(0.7);
    $r{window} = { from => '2026-10-01', to => '2026-11-01' } if chance(0.3);
    $r{category} = '食品' if chance(0.15);
    $r{region} = '310000' if chance(0.1);
    $r{approval} = '特' . (1 + int rand 9) . '号' if chance(0.2);

    if (@fit && chance(0.6)) {
        my $a = pick(@fit);
        $r{approval} = $a->{no};
        $r{case_no} = $a->{case_no} if $a->{case_no} && chance(0.8);
        $r{request_no} = $a->{request_no} if $a->{request_no} && chance(0.8);
        $r{subjects} = $a->{subjects} if $a->{subjects} && chance(0.7);
        $r{fields} = [pick(@{ $a->{fields} })] if chance(0.5);
    }
    return \%r;
}


# --- the second implementation ---

sub decision {
    my ($policy, $agency_id, $via_id, $now, $request) = @_;
    my @who = map { my $id = $_; grep { $_->{id} eq $id }
                    @{ $policy->{agencies} } } grep { $_ ne '' }
              $agency_id, $via_id;
    my $agency = $who[0];
    my @subjects = @{ $request->{subjects} };
    my $sweep = defined $request->{category} || defined $request->{region}
                || ($request->{window} && !@subjects);
    my $may_sweep = !grep { !sweep_groups($policy, $_, $now) } @who;
    my $holds = $request->{approval}
                && approval_holds($policy, $agency, $now, $request, $sweep);
    my (%seen, @each, @faults);

    for my $name (grep { !$seen{$_}++ } @{ $request->{fields} }) {
        push @each, field_reason($policy, \@who, $now, $request, $name,
                                 $sweep && $may_sweep, $holds);
        $each[-1] = 'sweep-not-authorized'
            if $sweep && !$may_sweep && $each[-1] eq '-';
    }

    push @faults, grep { $_ ne '-' } @each;
    push @faults, 'approval-invalid' if $request->{approval} && !$holds;
    push @faults, 'sweep-not-authorized' if $sweep && !$may_sweep;
    push @faults, 'subject-required' if !$sweep && !@subjects;

    for my $reason (@order) {
        return "$reason @each" if grep { $_ eq $reason } @faults;
    }
    return "- @each";
}


sub field_reason {
    my ($policy, $who, $now, $request, $name, $sweeping, $holds) = @_;
    my $field = $policy->{fields}{$name} or return 'field-unknown';
    my $in = sub { grep { $_ eq $field->{group} } @_ };
    my $plain = !grep { !$in->(plain_groups($policy, $_, $now)) } @$who;
    my $swept = !grep { !$in->(sweep_groups($policy, $_, $now)) } @$who;

    if ($sweeping && !$swept) {
        return $plain ? 'sweep-not-authorized' : 'field-not-granted';
    }
    return 'field-not-granted' if !$sweeping && !$plain;
    return '-' if $field->{standard} || $who->[0]{level} eq 'national';
    return 'approval-required' if !$request->{approval};
    return 'approval-invalid' if !$holds;
    return (grep { $_ eq $name } @{ $holds->{fields} }) ? '-'
                                                        : 'approval-invalid';
}


sub grants_now {
    my ($policy, $agency, $now) = @_;

    return map { { %{ $policy->{grants}{ ref $_ ? $_->{grant} : $_ } },
                   authority => ref $_ && $_->{authority_no} } }
           grep { !ref $_ || !$_->{not_after}
                  || stamp($now) lt $_->{not_after} } @{ $agency->{grants} };
}


sub plain_groups {
    return map { @{ $_->{groups} } } grep { !$_->{sweep} } grants_now(@_);
}


sub sweep_groups {
    my ($policy, $agency, $now) = @_;

    return () if $agency->{level} !~ /^(?:province|national)$/;
    return map { @{ $_->{groups} } }
           grep { $agency->{level} eq 'national' || $_->{authority} }
           grep { $_->{sweep} } grants_now(@_);
}


# The approval, or nothing.
sub approval_holds {
    my ($policy, $agency, $now, $request, $sweep) = @_;
    my ($a) = grep { $_->{no} eq $request->{approval} }
              @{ $policy->{approvals} };
    my $key = sub { "$_[0]{type} $_[0]{id}" };

    return if !$a || $a->{agency} ne $agency->{id};
    return if $a->{by} ne ($agency->{parent} // $agency->{id});
    return if $a->{not_before} && stamp($now) lt $a->{not_before};
    return if stamp($now) ge $a->{not_after};
    for my $m (qw(case_no request_no)) {
        return if $a->{$m} && ($request->{$m} // '') ne $a->{$m};
    }
    if ($a->{subjects}) {
        my %of = map { $key->($_) => 1 } @{ $a->{subjects} };
        return if $sweep || !@{ $request->{subjects} };
        return if grep { !$of{ $key->($_) } } @{ $request->{subjects} };
    }
    return $a;
}


# --- asking the core ---

sub question {
    my ($word, @args) = @_;

    return join ' ', $word, map {
        my $bytes = $_;
        utf8::encode($bytes) if utf8::is_utf8($bytes);
        length $bytes ? unpack('H*', $bytes) : '-' } @args;
}


sub ask {
    my $in = File::Temp->new;

    print $in map { "$_\n" } @_ or die "write: $!";
    close $in or die "write: $!";
    open my $out, '-|', "'$program' < " . $in->filename or die "$program: $!";
    chomp(my @answers = <$out>);
    ok(close $out, 'the program ended well');
    return @answers;
}


sub explain_one {
    my ($i) = @_;
    my ($word, @args) = split / /, $questions[$i];
    my $from = $i;

    $from-- while $questions[$from] !~ /^policy /;
    return join "\n", "question $i under policy $from: core: "
        . ($got[$i] // 'nothing') . '; here: ' . $expected[$i],
        map { $_ eq '-' ? '-' : pack 'H*', $_ } @args;
}
