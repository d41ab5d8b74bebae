package XC::Script;

# The fleet's script (ngx_xc_module/core/xc_fleet_script.c) as it is built, and
# calls of it, as words of a test: keys are made here, nonces and agencies are
# plain names.

use strict;
use warnings;

our @VERDICTS = qw(pass replayed limited starting stale);
our @LIMITS = (undef, qw(rate per_day refusals));

my $PREFIX = '{t}';


# build: the directory of the unit tests; redis: an XC::Redis; edit: changes
# the text in $_ first.
sub new {
    my ($class, %o) = @_;
    my $program = "$o{build}/unit/test_fleet";

    die "not built: $program\n" if !-x $program;
    local $_ = `$program script`;
    die "$program: $?\n" if $? != 0 || !length;
    $o{edit}->() if $o{edit};
    return bless { redis => $o{redis}, text => $_ }, $class;
}


sub state_key  { "$PREFIX:state" }
sub agency_key { "$PREFIX:a:$_[1]" }
sub nonce_key  { "$PREFIX:n:$_[1]" }


# run (A), window (330), skew (30), refusal, observe; agencies: [{id, interval,
# reach, refusals_interval, refusals_reach (us), per_day, cost}], nonces:
# [{id, created, until, windowed (1)}]; tail: more arguments; on: a connection.
# Returns {verdict, who, limit, wait, now, agencies [{tat, refusals, used}]}.
sub call {
    my ($self, %o) = @_;
    my $answer = ($o{on} // $self->{redis})->command($self->words(%o));

    return $self->read($answer);
}


# The same as a command's words.
sub words {
    my ($self, %o) = @_;
    my @agencies = @{ $o{agencies} // [] };
    my @nonces = @{ $o{nonces} // [] };
    my @keys = (state_key(), map({ "$PREFIX:a:$_->{id}" } @agencies),
                map { "$PREFIX:n:$_->{id}" } @nonces);

    $self->{sha} //= $self->load;
    return ('EVALSHA', $self->{sha}, scalar @keys, @keys, $o{run} // 'A',
            $o{window} // 330, $o{skew} // 30, scalar @agencies,
            $o{refusal} // 0, $o{observe} // 0,
            map({ my $a = $_; map { $a->{$_} // 0 } qw(interval reach
                  refusals_interval refusals_reach per_day cost) } @agencies),
            map({ (@$_{qw(created until)}, $_->{windowed} // 1) } @nonces),
            @{ $o{tail} // [] });
}


sub load {
    my ($self) = @_;

    return $self->{redis}->command('SCRIPT', 'LOAD', $self->{text});
}


sub read {
    my ($self, $answer) = @_;
    my ($verdict, $who, $limit, $wait, $now, @each) = @$answer;
    my @agencies;

    while (my ($tat, $refusals, $used) = splice @each, 0, 3) {
        push @agencies, { tat => $tat, refusals => $refusals, used => $used };
    }
    return { verdict => $VERDICTS[$verdict], who => $who,
             limit => $LIMITS[$limit], wait => $wait, now => $now,
             agencies => \@agencies };
}

1;
