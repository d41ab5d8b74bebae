#!/usr/bin/perl

# The codecs against vectors that others published.  XC_VECTORS names the
# folder; without it the sets are skipped.  What is refused on purpose, though
# a set would take it, is listed here with its reason: nothing else may differ.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Basename qw(basename dirname);
use File::Spec;
use File::Temp;
use JSON::PP;
use MIME::Base64;
use Test::More;

use XC::File;

my $root = File::Spec->rel2abs(dirname(dirname(__FILE__)));
my $vectors = $ENV{XC_VECTORS} // "$root/../shared/vectors";
my $programs = ($ENV{XC_BUILD} // "$root/build") . '/unit';

# the program that answers
our $codec = "$programs/vector_codec";

plan skip_all => "no published vectors at $vectors" if !-d $vectors;

structured_fields();
signatures();
digests();
json_suite();
ed25519();
hmac();
key_pairs();
sm2();
certificates();
tokens();
notes();

done_testing;


# Runs one set.  Each case: name, question, want (a code that judges the
# answer), and for a deviation its reason; an answer must then be a refusal, or
# what `as` (a regex) says.
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
            if ($answer =~ ($case->{as} // qr/^refused/)) {
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
             . join '; ', @names);
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


# --- RFC 9421 ---------------------------------------------------------------

sub signatures {
    local $codec = "$programs/vector_sig";

    my $file = "$vectors/rfc9421.json";
    my $set = -f $file ? decode_json(slurp($file)) : {};
    my @cases = @{ $set->{signature_cases} // [] };
    my $keys = $set->{keys};

    run_set('RFC 9421, bases', map { base_case($_) } @cases);
    run_set('RFC 9421, signatures', map { verify_case($_, $keys) } @cases);
    run_set('RFC 9421, by the gate\'s rules',
            map { gate_case($_, $keys) } @cases);
    run_set('RFC 9421, component values',
            map { component_cases($_) } @{ $set->{component_cases} // [] });

    return;
}


sub answers { return 'an answer: the gate verifies requests' }

sub base_case {
    my ($test) = @_;

    my $want = $test->{expected_base} // $test->{computed_base};

    return {
        name      => $test->{id},
        question  => question('base', map { bytes($test->{$_}) }
                              qw(message scheme signature_input label)),
        want      => sub { return $_[0] eq "ok\t" . unpack 'H*', $want },
        deviation => $test->{kind} eq 'response' ? answers() : undef,
    };
}


# The base is the vector's; the signature of an answer verifies as well.
sub verify_case {
    my ($test, $keys) = @_;

    my $base = $test->{expected_base} // $test->{computed_base};

    return {
        name     => "$test->{id} $test->{alg}",
        question => question('verify', $test->{alg}, key($keys, $test),
                             $base, decode_base64($test->{signature_b64})),
        want     => $test->{expected_valid} ? \&taken : \&refused,
    };
}


# Most of them cover less than the gate asks for.
sub gate_case {
    my ($test, $keys) = @_;

    my ($created) = ($test->{signature_input}
                     =~ /\Q$test->{label}\E=[^,]*;created=(\d+)/);
    my %case = (
        name     => $test->{id},
        question => question('gate', $test->{message}, $test->{scheme},
                             "$test->{alg} $test->{key} $created",
                             key($keys, $test)),
        want     => \&taken,
    );

    if ($test->{id} eq 'B.2.4') {
        $case{deviation} = answers();

    } elsif ($test->{id} ne 'B.2.3') {
        $case{want} = refused_as('signature-incomplete');
    }

    return \%case;
}


sub key {
    my ($keys, $test) = @_;

    my $key = $keys->{ $test->{key} };

    return $key->{public_pem} // decode_base64($key->{secret_b64});
}


# Each line by itself: the first line of a base of it alone.
sub component_cases {
    my ($test) = @_;

    my $message = join '', map { $test->{message}{$_} // '' }
                                qw(head fields raw);

    return map {
        my $line = bytes($_);
        my ($id) = $line =~ /^("[^"]*"(?:;[a-z]+(?:="[^"]*")?)*): /;

        {
            name      => "$test->{section} $id",
            question  => question('base', bytes($message), $test->{scheme},
                                  "a=($id)", 'a'),
            want      => sub {
                return $_[0] eq "ok\t"
                    . unpack 'H*', "$line\n\"\@signature-params\": ($id)";
            },
            deviation => scalar component_deviation($id),
        };
    } @{ $test->{lines} };
}


sub component_deviation {
    my ($id) = @_;

    return answers() if $id eq '"@status"';
    return 'trailers: none is read' if $id =~ /;tr\z/;
    return 'sf of a field of no registered type' if $id eq '"example-dict";sf';
    return 'a folded line: nginx takes none' if $id eq '"x-obs-fold-header"';
    return;
}


# --- RFC 9530 ---------------------------------------------------------------

sub digests {
    local $codec = "$programs/vector_sig";

    my $file = "$vectors/rfc9530.json";
    my $set = -f $file ? decode_json(slurp($file)) : {};
    my $sample = $set->{sample_digests} // { values => [] };
    my $body = decode_base64($sample->{content_b64} // '');
    my (@alone, @beside);

    for my $value (@{ $sample->{values} }) {
        my $field = "$value->{alg}=:$value->{value_b64}:";
        my $known = defined $value->{digest_matches};

        push @alone, {
            name      => $value->{alg},
            question  => question('digest', $field, $body),
            want      => \&taken,
            deviation => $known ? undef
                         : 'an algorithm that is not secure, by itself',
        };
        push @beside, {
            name     => "$value->{alg} beside sha-256",
            question => question('digest', "$field, sha-256=:"
                . 'X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:', $body),
            want     => \&taken,
        } if $value->{alg} ne 'sha-256';
    }

    run_set('RFC 9530, digests', map { digest_case($_) }
                                     @{ $set->{cases} // [] });
    run_set('RFC 9530, algorithms', @alone, @beside);

    local $codec = "$programs/vector_codec";
    run_set('RFC 9530, wanted digests', map { +{
        name     => $_,
        question => question('dictionary', s/^[^:]*: //r),
        want     => \&taken,
    } } @{ $set->{want_fields} // [] });

    return;
}


# Repr-Digest is over what the case says; the rule is the same.
sub digest_case {
    my ($test) = @_;

    my $bad = grep { !$_->{digest_matches} || !$_->{base64_well_formed} }
                   @{ $test->{items} };

    return {
        name     => $test->{id},
        question => question('digest', $test->{field_value},
                             decode_base64($test->{digest_over_b64})),
        want     => $bad ? \&refused : \&taken,
    };
}


# --- JSON -------------------------------------------------------------------

sub json_suite {
    json_set('JSON', 'json', \&taken, \&refused);

    local $codec = "$programs/vector_scope";

    # what parses is then refused for what it holds: no y_ is a request
    json_set('JSON as a body', 'body',
             sub { $_[0] =~ /^refused\t(?!body-invalid)/ },
             sub { $_[0] =~ /^refused\tbody-invalid\tline\ \d+,
                              \ column\ \d+:\ (?!must\ be\ an\ object)/x },
             qr/^refused\tbody-invalid\t.*must be an object, found/);
    json_set('JSON within a body', 'member', \&taken,
             sub { $_[0] =~ /^refused\tbody-invalid\tline/ });
    json_set('JSON as a policy', 'policy',
             sub { $_[0] =~ /^refused\t(?!\tnot strict JSON)/ },
             sub { $_[0] =~ /^refused\t\tnot strict JSON: line/ },
             qr/^refused\t\tmust be an object, found/);

    return;
}


# One question about each file; $object: how a value that is none is refused
# (undef: it isn't).
sub json_set {
    my ($set, $word, $parsed, $refused, $object) = @_;
    my @cases;

    # what no reader here takes, though JSON has it
    my %not_ijson = (
        'y_object_duplicated_key.json'           => 'duplicate members',
        'y_object_duplicated_key_and_value.json' => 'duplicate members',
        'y_object_escaped_null_in_key.json'      => '\u0000',
    );

    for my $file (sort glob "$vectors/JSONTestSuite/*.json") {
        my $name = basename($file);
        my $text = slurp($file);
        my $good = $name =~ /^y_/;
        my $deviation = $not_ijson{$name};
        my $as = qr/^refused.*(?:duplicate object key|NUL byte)/;

        if ($good && $object && $text !~ /^\s*\{/) {
            $deviation = 'not an object';
            $as = $object;
        }

        push @cases, {
            name      => $name,
            question  => question($word, $text),
            want      => $good ? $parsed : $refused,
            deviation => $deviation,
            as        => $as,
        };
    }

    run_set($set, @cases);

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


# Each test with the key in every form that the set or the RFC gives it.
sub key_pairs {
    local $codec = "$programs/vector_crypto";

    for my $set (
        ['ECDSA P-384', 'ecdsa-p384-sha384',
         'ecdsa_secp384r1_sha384_p1363_test'],
        ['RSA-PSS', 'rsa-pss-sha512', 'rsa_pss_4096_sha512_mgf1_64_test'],
        ['RSA PKCS #1 v1.5', 'rsa-v1_5-sha256',
         'rsa_signature_2048_sha256_test'],
    ) {
        my ($name, $alg, $file) = @$set;

        run_set($name, map { pair_cases($alg, $_) } groups($file));
    }

    return;
}


sub pair_cases {
    my ($alg, $group) = @_;

    my %keys = key_forms($group);
    my @cases;

    for my $test (@{ $group->{tests} }) {
        for my $form (sort keys %keys) {
            push @cases, {
                name      => "$test->{tcId} $form $test->{comment}",
                question  => question('verify', $alg, $keys{$form},
                                      map { pack 'H*', $test->{$_} }
                                      qw(msg sig)),
                want      => $test->{result} eq 'valid' ? \&taken : \&refused,
                deviation => scalar pair_deviation($test),
            };
        }
    }

    return @cases;
}


sub pair_deviation {
    my ($test) = @_;

    my %flags = map { $_ => 1 } @{ $test->{flags} };

    return 'an RSA exponent under 65537'
        if $flags{SmallPublicKey} && $test->{result} eq 'valid';
    return 'a DigestInfo without its NULL (the set lets it fail)'
        if $flags{MissingNull} && $test->{result} eq 'acceptable';
    return;
}


sub key_forms {
    my ($group) = @_;

    my $jwk = $group->{publicKeyJwk} // $group->{keyJwk};
    my $point = ref $group->{publicKey} ? $group->{publicKey}{uncompressed}
                                        : undef;
    my $pkcs1 = $group->{publicKeyAsn};
    my %keys = (
        'PEM'  => $group->{publicKeyPem},
        'SPKI' => encode_base64(pack('H*', $group->{publicKeyDer}), ''),
    );

    $keys{JWK} = encode_json($jwk) if $jwk;
    $keys{base64} = encode_base64(pack('H*', $point), '') if $point;
    $keys{'PKCS #1'} = "-----BEGIN RSA PUBLIC KEY-----\n"
                       . encode_base64(pack 'H*', $pkcs1)
                       . "-----END RSA PUBLIC KEY-----\n" if $pkcs1;

    return %keys;
}


# GB/T 32918.5, and what must not pass beside it.
sub sm2 {
    local $codec = "$programs/vector_crypto";

    my $file = "$vectors/sm2sm3.json";
    my $set = -f $file ? decode_json(slurp($file)) : {};

    run_set('SM2', map { sm2_cases($_) } @{ $set->{sm2_signatures} // [] });

    for my $i (1 .. @{ $set->{sm3} // [] }) {
        SKIP: { skip "SM3 $i: nothing hashes with SM3 but SM2 signatures", 1; }
    }

    return;
}


sub sm2_cases {
    my ($test) = @_;

    my ($point, $message, $rs, $der)
        = map { pack 'H*', $test->{"${_}_hex"} }
          qw(public_uncompressed message sig_rs sig_der);
    my $name = $test->{id};

    if ($test->{user_id} ne '1234567812345678') {
        return {
            name      => $name,
            question  => question('verify', 'sm2-sm3', $test->{public_pem},
                                  $message, $rs),
            deviation => 'another identifier, which a credential has to name',
        };
    }

    my $want = $test->{expected_valid} ? \&taken : \&refused;
    my @asked = (
        ["$name PEM", $test->{public_pem}, $message, $rs, $want],
        ["$name base64", encode_base64($point, ''), $message, $rs, $want],
        ["$name in DER", $test->{public_pem}, $message, $der, \&refused],
        ["$name, more data", $test->{public_pem}, "$message.", $rs,
         \&refused],
    );

    return map {
        my ($case, $key, $data, $sig, $wanted) = @$_;
        { name     => $case,
          question => question('verify', 'sm2-sm3', $key, $data, $sig),
          want     => $wanted }
    } @asked;
}


# --- RFC 9440 ---------------------------------------------------------------

sub certificates {
    local $codec = "$programs/vector_cert";

    my $file = "$vectors/rfc9440.json";
    my $set = -f $file ? decode_json(slurp($file)) : {};
    my @subjects = ("CN=BC", "CN=LA Intermediate CA,O=Let's Authenticate",
                    "CN=Let's Authenticate Root Authority,"
                    . "O=Let's Authenticate,C=US");
    my @chain = map { decode_base64($_) }
                ($set->{chain_pem} // '') =~ /-{5}\n([^-]+)\n-{5}END/g;
    my @cases = map { cert_case("certificate $_", $chain[$_], $subjects[$_]) }
                0 .. $#chain;

    # the fields that a proxy would send: Byte Sequences (RFC 8941)
    if (@cases) {
        my @fields = map { /:([^:]+):/g } @$set{qw(client_cert
                                                   client_cert_chain)};

        push @cases, map { cert_case("field $_", decode_base64($fields[$_]),
                                     $subjects[$_]) } 0 .. $#fields;
        push @cases,
            map { { name => $_->[0], want => \&refused,
                    question => question('x509', $_->[1]) } }
            ['two in one', $chain[0] . $chain[1]],
            ['cut', substr $chain[0], 0, -1], ['PEM', $set->{chain_pem}];
    }
    run_set('RFC 9440, certificates', @cases);

    return;
}


# Each key is on P-256: its SubjectPublicKeyInfo is 91 octets from here on.
sub cert_case {
    my ($name, $der, $subject) = @_;

    my $from = index $der, pack 'H*', '3059301306072a8648ce3d0201'
                                      . '06082a8648ce3d030107034200';
    my @want = ('ok', sha256_hex($der), sha256_hex(substr $der, $from, 91),
                unpack 'H*', $subject);

    return {
        name     => $name,
        question => question('x509', $der),
        want     => sub { return $from > 0 && $_[0] eq join "\t", @want },
    };
}


# --- tokens -----------------------------------------------------------------

# RFC 7515, 7520, 8037.  Most of them sign a text that is no JWT, so each is
# asked twice: its signature alone, and the token as a whole.
sub tokens {
    local $codec = "$programs/vector_jwt";

    my $file = "$vectors/jwt_rfc.json";
    my @cases = -f $file ? @{ decode_json(slurp($file))->{cases} } : ();

    run_set('JWS, signatures', map { jws_case($_) } @cases);
    run_set('JWS, whole tokens', map { token_case($_) } @cases);

    return;
}


sub jws_deviation {
    my ($test) = @_;

    return $test->{alg} =~ /^(?:EdDSA|ES256|ES384|PS256|RS256|none)\z/
           ? undef : 'an algorithm that the gate does not take for tokens';
}


sub jws_case {
    my ($test) = @_;

    my ($content, $signature) = $test->{jws} =~ /^(.*)\.([^.]*)\z/;

    return {
        name      => "$test->{id} $test->{alg}",
        question  => question('verify', $test->{alg},
                              encode_json($test->{jwk_public}), $content,
                              from_base64url($signature)),
        want      => $test->{expected_valid} ? \&taken : \&refused,
        deviation => scalar jws_deviation($test),
    };
}


sub token_case {
    my ($test) = @_;

    my $is_json = from_base64url($test->{payload_b64u}) =~ /^\{/;

    return {
        name      => "$test->{id} $test->{alg}",
        question  => question('token', $test->{alg},
                              encode_json($test->{jwk_public}),
                              $test->{jws}),
        want      => $test->{expected_valid} ? \&taken : \&refused,
        deviation => jws_deviation($test)
                     // ($is_json ? undef : 'claims that are not JSON'),
    };
}


sub from_base64url {
    my ($text) = @_;

    $text =~ tr{-_}{+/};

    return decode_base64($text . '=' x (-length($text) % 4));
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
