package XC::File;

# Whole files, as octets.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(slurp spew);


sub slurp {
    open my $fh, '<:raw', $_[0] or die "$_[0]: $!";
    local $/;
    return scalar <$fh> // '';
}


sub spew {
    my ($path, $text) = @_;

    open my $fh, '>:raw', $path or die "$path: $!";
    print $fh $text;
    close $fh or die "$path: $!";
}


1;
