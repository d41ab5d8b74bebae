package XC::Metrics;

# Reads Prometheus' text exposition format (0.0.4), strictly: what a scraper
# would pass over is a fault here.
#
#   my $m = XC::Metrics->new($text);        # {faults} says what is wrong
#   $m->value('xc_admitted_total', level => 'county');

use strict;
use warnings;

my $NUMBER = qr/-?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?)|[-+]Inf|NaN/;
my $LABEL = qr/([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"/;


sub new {
    my ($class, $text) = @_;
    my $self = bless { type => {}, series => {}, order => [], faults => [] },
               $class;
    my ($family, %done);

    $self->_fault('no line feed at the end') if $text !~ /\n\z/;
    for my $line (split /\n/, $text) {
        if ($line =~ /^# HELP (xc_[a-z_]+) (\S.*)$/) {
            $done{$family} = 1 if defined $family;
            $family = $1;
            $self->_fault("twice: $family")
                if $done{$family} || exists $self->{type}{$family};
            $self->{type}{$family} = '';
        } elsif ($line =~ /^# TYPE (\S+) (counter|gauge|histogram)$/) {
            $self->_fault("TYPE of $1") if $1 ne ($family // '')
                                           || $self->{type}{$1};
            $self->{type}{$1} = $2;
            $self->_name($1, $2);
        } else {
            $self->_sample($line, $family // '');
        }
    }
    $self->_histogram($_)
        for grep { $self->{type}{$_} eq 'histogram' } keys %{ $self->{type} };
    return $self;
}


sub faults { join "\n", @{ $_[0]{faults} } }

sub families { sort keys %{ $_[0]{type} } }

# Each {name, labels, value}.
sub series { values %{ $_[0]{series} } }


# Of the one series with exactly these labels; undef: there is none.
sub value {
    my ($self, $name, %labels) = @_;
    my $series = $self->{series}{ _id($name, \%labels) };

    return $series && $series->{value};
}


# Of all series of that name whose labels include these.
sub sum {
    my ($self, $name, %labels) = @_;
    my $sum = 0;

    for my $s (grep { $_->{name} eq $name } $self->series) {
        $sum += $s->{value}
            if !grep { ($s->{labels}{$_} // '') ne $labels{$_} } keys %labels;
    }
    return $sum;
}


sub _fault { push @{ $_[0]{faults} }, $_[1] }


sub _id {
    my ($name, $labels) = @_;

    return join "\0", $name, map { ($_, $labels->{$_}) } sort keys %$labels;
}


# As Prometheus' naming conventions have it.
sub _name {
    my ($self, $name, $type) = @_;

    $self->_fault("$name: a counter ends in _total")
        if ($type eq 'counter') != ($name =~ /_total$/);
    $self->_fault("$name: not a base unit")
        if $name =~ /_(?:ms|milliseconds|minutes|days|kb|percent)(?:_|$)/;
}


sub _sample {
    my ($self, $line, $family) = @_;
    my ($name, $text, $value) =
        $line =~ /^([a-z_]+)(?:\{(.+)\})? (\S+)$/;

    if (!defined $value || $value !~ /^(?:$NUMBER)$/
        || defined $text && $text !~ /^(?:$LABEL(?:,|$))+$/
        || ($text // '') =~ /,$/)
    {
        $self->_fault("not a line of the format: $line");
        return;
    }

    my $base = $self->{type}{$family} eq 'histogram'
               ? $name =~ s/_(?:bucket|sum|count)$//r : $name;
    $self->_fault("$name stands among $family") if $base ne $family;

    my %labels;
    while (defined $text && $text =~ /$LABEL/g) {
        my ($label, $content) = ($1, $2);
        $self->_fault("$name: $label twice") if exists $labels{$label};
        $content =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ge;
        $labels{$label} = $content;
    }

    my $id = _id($name, \%labels);
    $self->_fault("$line: twice") if $self->{series}{$id};
    $self->_fault("$line: below 0")
        if $self->{type}{$family} ne 'gauge' && $value < 0;
    $self->{series}{$id} = { name => $name, labels => \%labels,
                             value => $value };
    push @{ $self->{buckets}{$base} }, [$labels{le}, $value]
        if $name =~ /_bucket$/ && $base ne $name;
}


sub _histogram {
    my ($self, $name) = @_;
    my @buckets = @{ $self->{buckets}{$name} // [] };
    my ($sum, $count) = map { $self->value("${name}_$_") } qw(sum count);
    my ($bound, $upto) = (-1, 0);

    if (!defined $sum || !defined $count || !@buckets
        || $buckets[-1][0] ne '+Inf')
    {
        $self->_fault("$name: not whole");
        return;
    }

    for my $b (@buckets[0 .. $#buckets - 1]) {
        $self->_fault("$name: le $b->[0] does not ascend")
            if $b->[0] <= $bound;
        $self->_fault("$name: le $b->[0] falls") if $b->[1] < $upto;
        ($bound, $upto) = @$b;
    }
    $self->_fault("$name: +Inf is not the count")
        if $buckets[-1][1] != $count || $count < $upto;
    $self->_fault("$name: a sum that its buckets can't have")
        if $sum > $bound * $count && $buckets[-1][1] == $upto;
}

1;
