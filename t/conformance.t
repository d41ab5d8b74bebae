#!/usr/bin/perl

# The codecs against vectors that others published.  XC_VECTORS names the
# folder; without it the sets are skipped.  What is refused on purpose, though
# a set would take it, is listed here with its reason: nothing else may differ.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Spec;
use File::Temp;
use JSON::PP;
use MIME::Base64;
use Test::More;

my $root = File::Spec->rel2abs(dirname(dirname(__FILE__)));
my $vectors = $ENV{XC_VECTORS} // "$root/../shared/vectors";
my $programs = ($ENV{XC_BUILD} // "$root/build") . '/unit';

# the program that answers
our $codec = "$programs/vector_codec";

plan skip_all => "no published vectors at $vectors" if !-d $vectors;

structured_fields();
json_suite();
ed25519();
hmac();
notes();

done_testing;


# Runs one set.  Each case: name, question, want (a code that judges the
# answer), and for a deviation its reason; an answer must then be a refusal.
sub run_set {
    my ($set, @cases) = @_;

    if (!@cases) {
        SKIP: { skip "$set: not at $vectors", 1; }
        return;
    }

    my @answers = ask(map { $_->{question} } @cases);
    my ($passed, %deviations) = (0);

    is(scalar @answers, scalar @cases, "$set: every case has its answer");

    for my $i (0 .. $#cases) {
        my ($case, $answer) = ($cases[$i], $answers[$i]);

        if (defined $case->{deviation}) {
            if ($answer =~ /^refused/) {
                push @{ $deviations{ $case->{deviation} } }, $case->{name};
                next;
            }

            fail("$set: $case->{name}: no longer refused");
            next;
        }

        if ($case->{want}->($answer)) {
            $passed++;
            next;
        }

        fail("$set: $case->{name}");
        diag("answer: $answer");
    }

    my $count = @cases;
    my $deviating = 0;
    $deviating += @$_ for values %deviations;

    is($passed + $deviating, $count, "$set: $passed of $count as published,"
       . " $deviating refused on purpose");

    for my $reason (sort keys %deviations) {
        my @names = @{ $deviations{$reason} };

        note("$set: " . @names . " refused: $reason: "
             . join('; ', @names > 8 ? (@names[0 .. 7], '...') : @names));
    }

    return;
}


sub ask {
    my (@questions) = @_;

    die "not built: $codec\n" if !-x $codec;

    my $in = File::Temp->new;

    print $in map { "$_\n" } @questions or die "write: $!";
    close $in or die "write: $!";

    open my $out, '-|', "'$codec' < " . $in->filename or die "$codec: $!";
    chomp(my @answers = <$out>);
    ok(close $out, 'the program ended well');

    return @answers;
}


sub question {
    my ($word, @args) = @_;

    return join ' ', $word, map { length $_ ? unpack('H*', $_) : '-' } @args;
}


sub refused { return $_[0] =~ /^refused/ }
sub taken   { return $_[0] =~ /^ok/ }


sub slurp {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!";
    local $/;

    return scalar <$in>;
}


# --- RFC 9651 ---------------------------------------------------------------

sub structured_fields {
    my @cases;

    for my $file (sort glob "$vectors/structured-field-tests/*.json") {
        for my $test (@{ decode_json(slurp($file)) }) {
            push @cases, field_case(basename($file, '.json'), $test);
        }
    }

    run_set('structured fields', @cases);

    return;
}


sub field_case {
    my ($group, $test) = @_;

    my $field = join ', ', @{ $test->{raw} };
    my %case = (
        name     => "$group: $test->{name}",
        question => question($test->{header_type}, bytes($field)),
    );

    if ($test->{must_fail}) {
        $case{want} = \&refused;

    } elsif ($test->{can_fail} && $group eq 'binary') {
        $case{deviation} = 'base64 without its padding or with bits left over:'
                           . ' one value has one spelling (the suite lets'
                           . ' it fail)';

    } else {
        my $want = "ok\t" . expected($test->{header_type}, $test->{expected})
                   . "\t"
                   . unpack 'H*', bytes(join ', ',
                                        @{ $test->{canonical}
                                           // $test->{raw} });

        $case{want} = sub {
            return $_[0] eq $want || ($test->{can_fail} && refused($_[0]));
        };
    }

    return \%case;
}


sub bytes {
    my ($text) = @_;

    utf8::encode($text);

    return $text;
}


# The suite's structure, spelled as vector_codec spells it.
sub expected {
    my ($type, $value) = @_;

    return item($value) if $type eq 'item';
    return join '', map { ',=' . item($_) } @$value if $type eq 'list';
    return join '', map { ",$_->[0]=" . item($_->[1]) } @$value;
}


sub item {
    my ($item) = @_;

    my ($value, $params) = @$item;
    my $text = ref $value eq 'ARRAY'
               ? '(' . join('', map { ' ' . item($_) } @$value) . ')'
               : bare($value);

    return $text . join '', map { ";$_->[0]=" . bare($_->[1]) } @$params;
}


sub bare {
    my ($value) = @_;

    return '?' . ($value ? 1 : 0) if JSON::PP::is_bool($value);

    if (ref $value) {
        my ($type, $inner) = @{$value}{qw(__type value)};

        return '@' . $inner if $type eq 'date';
        return 'b' . unpack 'H*', base32($inner) if $type eq 'binary';
        return 't' . unpack 'H*', bytes($inner) if $type eq 'token';
        return 'u' . unpack 'H*', bytes($inner) if $type eq 'displaystring';
        die "unknown type $type";
    }

    return 's' . unpack 'H*', bytes($value) if !is_number($value);

    # integers of 15 digits stay integers, so that no digit is lost
    return sprintf $value =~ /^-?[0-9]+\z/ ? 'n%d' : 'n%.0f', $value * 1000;
}


# Did JSON have a number there, or a string?
sub is_number {
    my ($value) = @_;

    return JSON::PP->new->allow_nonref->encode($value) !~ /^"/;
}


# RFC 4648 section 6
sub base32 {
    my ($text) = @_;

    my %value;
    @value{ 'A' .. 'Z', 2 .. 7 } = 0 .. 31;

    my $bits = join '', map { sprintf '%05b', $value{$_} }
                        grep { $_ ne '=' } split //, $text;

    return pack 'B*', substr $bits, 0, int(length($bits) / 8) * 8;
}


# --- JSON -------------------------------------------------------------------

sub json_suite {
    my %deviation = (
        'y_object_duplicated_key.json'           => 'duplicate members',
        'y_object_duplicated_key_and_value.json' => 'duplicate members',
        'y_object_escaped_null_in_key.json'      => '\u0000',
    );

    my @cases;

    for my $file (sort glob "$vectors/JSONTestSuite/*.json") {
        my $name = basename($file);

        push @cases, {
            name      => $name,
            question  => question('json', slurp($file)),
            want      => $name =~ /^y_/ ? \&taken : \&refused,
            deviation => $deviation{$name},
        };
    }

    run_set('JSON', @cases);

    return;
}


# --- signatures and MACs ----------------------------------------------------

sub groups {
    my ($name) = @_;

    my $file = "$vectors/wycheproof/$name.json";

    return -f $file ? @{ decode_json(slurp($file))->{testGroups} } : ();
}


# Each test with the key in PEM, as JWK and in base64url.
sub ed25519 {
    my @cases;

    for my $group (groups('ed25519_test')) {
        my %keys = (
            PEM    => $group->{publicKeyPem},
            JWK    => encode_json($group->{publicKeyJwk}),
            base64 => $group->{publicKeyJwk}{x},
        );

        for my $test (@{ $group->{tests} }) {
            for my $form (sort keys %keys) {
                push @cases, {
                    name     => "$test->{tcId} $form $test->{comment}",
                    question => question('ed25519', $keys{$form},
                                         pack('H*', $test->{msg}),
                                         pack('H*', $test->{sig})),
                    want     => $test->{result} eq 'valid' ? \&taken
                                                           : \&refused,
                };
            }
        }
    }

    run_set('Ed25519', @cases);

    return;
}


sub hmac {
    my (@verify, @compute);

    for my $group (groups('hmac_sha256_test')) {
        for my $test (@{ $group->{tests} }) {
            my $valid = $test->{result} eq 'valid';
            my %case = (
                name     => "$test->{tcId} $test->{comment}",
                question => question('hmac', map { pack 'H*', $test->{$_} }
                                             qw(key msg tag)),
            );

            push @verify, {
                %case,
                want      => $valid ? \&taken : \&refused,
                deviation => !$valid ? undef
                    : $group->{keySize} < 256
                    ? 'a secret of less than 32 bytes'
                    : $group->{tagSize} < 256 ? 'a tag that is cut' : undef,
            };

            # the MAC itself, of every length of key
            push @compute, {
                %case,
                want => sub {
                    my $mac = (split /\t/, $_[0])[2];
                    my $same = index($mac, $test->{tag}) == 0;

                    return $same == $valid;
                },
            };
        }
    }

    run_set('HMAC-SHA256, verified', @verify);
    run_set('HMAC-SHA256, computed', @compute);

    return;
}


# --- signed notes -----------------------------------------------------------

sub notes {
    local $codec = "$programs/vector_note";

    my $file = "$vectors/c2sp_notes.json";
    my $set = -f $file ? decode_json(slurp($file)) : {};

    run_set('signed notes', map { note_cases($_) } @{ $set->{notes} // [] });
    run_set('verifier keys', map { vkey_case($_) } @{ $set->{vkeys} // [] });
    run_set('signed by us', map { signing_case($_) }
                            @{ $set->{signing} // [] });
    run_set('checkpoints', map { checkpoint_case($_) }
                           @{ $set->{checkpoint_bodies} // [] });

    return;
}


# refused, and for this reason
sub refused_as {
    my ($error) = @_;

    return sub { return $_[0] eq "refused\t$error" };
}


# Each key by itself.
sub note_cases {
    my ($test) = @_;

    my %error = (
        'no signature from a known key' => 'no signature of the key',
        'known key, signature does not verify'
                                        => 'the signature does not verify',
        'no blank line, no signature'   => 'no blank line',
        'no signature line'             => 'no signature',
    );

    my %verified = map { $_ => 1 } @{ $test->{expected_verified} // [] };
    my $note = bytes($test->{note});
    my ($text) = $note =~ /^(.*\n)\n/s;
    my @cases;

    for my $vkey (@{ $test->{vkeys} }) {
        my ($key) = $vkey =~ /^([^+]*\+[^+]*)\+/;

        push @cases, {
            name     => "$test->{id} $key",
            question => question('note', $vkey, $note),
            want     => !$verified{$key}
                        ? refused_as($error{ $test->{note_on} })
                        : sub {
                            return $_[0] eq "ok\t" . unpack 'H*', $text;
                        },
        };
    }

    return @cases;
}


sub vkey_case {
    my ($test) = @_;

    my %error = (
        'unknown algorithm byte' => 'the key is not of type 1, Ed25519',
        'not base64'             => 'the key is not base64 of 33 bytes',
    );

    return {
        name     => $test->{vkey},
        question => question('vkey', $test->{vkey}),
        want     => $test->{expected_valid}
                    ? sub { return $_[0] eq "ok\t$test->{vkey}" }
                    : refused_as($error{ $test->{why} }),
    };
}


# Ed25519 signs the same text the same way each time.
sub signing_case {
    my ($test) = @_;

    my ($name, $key) = $test->{skey} =~ /^PRIVATE\+KEY\+([^+]*)\+[^+]*\+(.*)/;

    # PKCS #8 (RFC 8410 section 7) around the seed, which follows the type
    my $der = pack('H*', '302e020100300506032b657004220420')
              . substr decode_base64($key), 1;
    my $pem = "-----BEGIN PRIVATE KEY-----\n" . encode_base64($der)
              . "-----END PRIVATE KEY-----\n";

    return {
        name     => $name,
        question => question('sign', $pem, $name, bytes($test->{text})),
        want     => sub {
            return $_[0] eq "ok\t" . unpack 'H*', bytes($test->{expected});
        },
    };
}


sub checkpoint_case {
    my ($test) = @_;

    my %error = (
        'empty origin'        => 'the first line is not an origin',
        'size not a number'   => 'the second line is not a size',
        'size beyond 64 bits' => 'the second line is not a size',
    );

    my %case = (
        name     => $test->{body} =~ s/\n.*//sr . ": $test->{why}",
        question => question('checkpoint', bytes($test->{body})),
    );

    if (defined $test->{expected_parse} && !$test->{expected_parse}) {
        $case{want} = refused_as($error{ $test->{why} });
        return \%case;
    }

    my $root = decode_base64($test->{root_b64});

    if (length $root != 32) {
        $case{deviation} = 'a root that is not a SHA-256';
        return \%case;
    }

    my $want = join "\t", 'ok', unpack('H*', bytes($test->{origin})),
               $test->{size}, unpack('H*', $root);
    $case{want} = sub { return $_[0] eq $want };

    return \%case;
}
