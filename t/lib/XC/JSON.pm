package XC::JSON;

# What reads the many records and answers of a test: JSON::PP would take most
# of the tests' time for it.  Booleans are JSON::PP's from either.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

our @EXPORT = qw(json_reader);

my $fast = eval { require Cpanel::JSON::XS; 1 };


# For UTF-8.
sub json_reader {
    return ($fast ? 'Cpanel::JSON::XS' : 'JSON::PP')->new->utf8;
}

1;
