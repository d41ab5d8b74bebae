package XC::Chain;

# The whole of a node's audit log, whatever its files are called by now, and
# what must hold of it: it chains, and nothing that the back end saw lacks the
# record that allowed it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use Test::More ();

use XC::JSON;

our @EXPORT = qw(log_files log_records whole);

my $json = json_coder();


# The log's files in the state directory, oldest first: by the seq that they
# begin with.
sub log_files {
    my ($t) = @_;
    my %first;

    for my $path (glob $t->state_dir . '/*') {
        next if $path =~ m{/(?:xc\.map|audit\.head|audit\.torn-[^/]*)\z};
        open my $fh, '<:raw', $path or next;
        my ($seq) = (<$fh> // '') =~ /^\{"seq":(\d+),/ or next;
        $first{$path} = $seq;
    }
    my @files = sort { $first{$a} <=> $first{$b} } keys %first;
    return @files;
}


# The records of all files, in order; {line} is the record's bytes.
sub log_records {
    my ($t) = @_;
    my @all;

    for my $path (log_files($t)) {
        open my $fh, '<:raw', $path or next;
        while (my $line = <$fh>) {
            last if $line !~ s/\n\z//;
            push @all, { %{ $json->decode($line) }, line => $line,
                         file => $path };
        }
    }
    return @all;
}


# Two tests: xcctl's word on the chain, and this one's.  Options:
#   seen      requests that the back end saw (default: the harness's)
#   answers   that clients got, of XC::Load: each has its record
#   outcomes  allowed records that may lack their outcome (default 0)
#   n         so many allowed records there are
sub whole {
    my ($t, $name, %o) = @_;

    # an outcome is written soon after its answer, not before
    $t->wait_for(sub { !_outcomes([log_records($t)], $o{outcomes} // 0) })
        if $t->master_pid;

    my @files = log_files($t);
    my @all = log_records($t);
    my @bad = _chain(@all);

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $out = @files
        ? `@{[join ' ', map { "'$_'" } $t->xcctl, qw(audit verify), @files]} 2>&1`
        : 'there is no log';
    Test::More::ok(@files && $? == 0 && $out =~ /chain whole\n\z/,
                   "$name: verified") or Test::More::diag($out);

    push @bad, _seen(\@all, $o{seen} // [$t->backend->requests]);
    push @bad, _answers(\@all, $o{answers} // []);
    push @bad, _outcomes(\@all, $o{outcomes} // 0);
    my $n = grep { ($_->{decision} // '') eq 'allow' } @all;
    push @bad, "$n are allowed, not $o{n}" if defined $o{n} && $n != $o{n};
    Test::More::is(join("\n", @bad), '', "$name: chain and records");
    return @all;
}


# A gap only where a recover record names it.
sub _chain {
    my @all = @_;
    my ($seq, $prev, @bad) = (0, '0' x 64);

    push @bad, 'the log is empty' if !@all;
    for my $r (@all) {
        my $range = $r->{unsure} // $r->{lost};
        my $excused = $r->{event} eq 'recover' && $range
                      && $range->{from} <= $seq && $range->{to} >= $r->{seq} - 1
                      && $r->{seq} > $seq;

        if (!$excused) {
            push @bad, "seq $r->{seq} where $seq is due" if $r->{seq} != $seq;
            push @bad, "seq $seq does not chain" if $r->{prev} ne $prev;
        }
        last if @bad;
        $prev = sha256_hex("\0$r->{line}");
        $seq = $r->{seq} + 1;
    }
    return @bad;
}


# Allowed, or refused and only observed.
sub _goes_on {
    my ($r) = @_;

    return $r->{event} eq 'decision'
           && ($r->{decision} eq 'allow' || $r->{mode} eq 'observe');
}


sub _seen {
    my ($all, $seen) = @_;
    my %allow = map { $_->{id} => $_ }
                grep { _goes_on($_) } @$all;
    my @bad;

    for my $s (@$seen) {
        my $id = $s->{h}{'x-xc-id'} // 'none';
        my $r = $allow{$id};

        if (!$r) {
            push @bad, "the back end saw $id, which no record allows";
        } elsif ($s->{h}{'x-xc-record'} ne "$r->{node}:$r->{seq}") {
            push @bad, "the back end saw $id as $s->{h}{'x-xc-record'}";
        }
    }
    return @bad;
}


sub _answers {
    my ($all, $answers) = @_;
    my %at = map { $_->{seq} => $_ } @$all;
    my @bad;

    for my $a (grep { defined $_->{record} } @$answers) {
        my ($seq, $leaf) = $a->{record} =~ /:(\d+);leaf=([0-9a-f]{64})\z/;
        my $r = defined $seq ? $at{$seq} : undef;

        if (!$r || !_goes_on($r)
            || sha256_hex("\0$r->{line}") ne $leaf)
        {
            push @bad, "a client was answered by $a->{record}";
        }
    }
    return @bad;
}


sub _outcomes {
    my ($all, $may_lack) = @_;
    my %decision = map { $_->{seq} => $_ }
                   grep { _goes_on($_) } @$all;
    my @unsure = map { $_->{unsure} // () } @$all;
    my (%outcome, @bad);

    for my $o (grep { $_->{event} eq 'outcome' } @$all) {
        # in a batch whose sync failed: it is written again
        next if grep { $_->{from} <= $o->{seq} && $_->{to} >= $o->{seq} }
                @unsure;
        my $d = $decision{ $o->{decision_seq} };

        push @bad, "outcome $o->{seq} of no decision" if !$d;
        push @bad, "outcome $o->{seq} of another id"
            if $d && $d->{id} ne $o->{id};
        push @bad, "decision $o->{decision_seq} has two outcomes"
            if $outcome{ $o->{decision_seq} }++;
    }

    my @lack = grep { !$outcome{$_} } sort { $a <=> $b } keys %decision;
    push @bad, 'no outcome of: ' . join ' ', @lack if @lack > $may_lack;
    return @bad;
}

1;
