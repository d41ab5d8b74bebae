package XC::JSON;

# What reads and writes what a test sends, sees and finds recorded: JSON::PP
# would take most of the tests' time for it.  Booleans are JSON::PP's from either.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

our @EXPORT = qw(json_coder);

my $fast = eval { require Cpanel::JSON::XS; 1 };


# For UTF-8.
sub json_coder {
    return ($fast ? 'Cpanel::JSON::XS' : 'JSON::PP')->new->utf8;
}

1;
