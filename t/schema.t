#!/usr/bin/perl

# The JSON Schemas in conf/schema: each knows the members that the loader of
# such a document knows, no more and no fewer, and asks for the same ones; what
# is shipped or generated here is valid under them.

use strict;
use warnings;
use utf8;

use IPC::Open2 qw(open2);
use JSON::PP;
use Test::More;

use XC::Gate;
use XC::Nginx;
use XC::Policy;

my $t = XC::Nginx->new;
my $root = $t->root;
my $json = JSON::PP->new->utf8->canonical;
my %schema = map { $_ => read_json("$root/conf/schema/$_.schema.json") }
             qw(policy request intake);
my $sha = '0123456789abcdef' x 4;
my ($validator, $to, $from);

policy_members();
dictionary_members();
intake_members();
request_members();
shipped_dictionaries();
valid();

$t->finish;
done_testing;


sub read_json {
    my ($path) = @_;

    open my $fh, '<:raw', $path or die "$path: $!";
    local $/;
    return $json->decode(scalar <$fh>);
}


sub clone { $json->decode($json->encode($_[0])) }


# A policy with something of every kind that there is.
sub everything {
    my $policy = XC::Policy->new;
    my $data = $policy->data;
    my $key = $policy->ed25519('x', 'x')->{public_key};
    my ($county, $province, $national) = @{ $data->{agencies} };

    $t->write_file('secret', ('A' x 43) . "=\n", 0600);
    $t->write_file('extra.json', $json->encode(dictionary()));
    $data->{include} = ['extra.json'];
    $data->{limits} = { fields => 64, subjects => 50, officers => 8,
                        string => 256, depth => 8, window_days => 366,
                        result_days => 90 };
    $data->{signature}{tag} = 'xc';
    $data->{patterns} = { map { $_ => '.+' }
                          qw(request_no case_no legal_basis category
                             approval) };
    $data->{operations}[0]{body}{approval_token} = '/approval_token';
    push @{ $data->{operations} },
        { id => 'check', kind => 'check', methods => ['POST'],
          path => '/xc/v1/check', body => { like => 'submit' } },
        { id => 'result', kind => 'result', methods => ['GET'],
          path => '/xc/v1/requests/(?<request>[0-9a-f]{32})' };
    $data->{grants}{sweep} = { sweep => JSON::PP::true, groups => ['goods'],
                               levels => ['province', 'national'] };

    $county->{credentials}[0] = {
        %{ $county->{credentials}[0] },
        not_before => '2026-01-01T00:00:00Z',
        not_after => '2099-01-01T00:00:00+08:00',
        sources => ['203.0.113.0/24', '2001:db8::1'] };
    push @{ $county->{credentials} },
        { type => 'mtls', spki_sha256 => $sha },
        { type => 'mtls', cert_sha256 => $sha },
        { type => 'mtls', subject => 'CN=310115' },
        { type => 'jwt', iss => 'https://issuer.example', aud => 'platform',
          alg => 'EdDSA', jti => JSON::PP::true,
          jwks => { keys => [{ kty => 'OKP', crv => 'Ed25519', kid => 'k',
                               x => $key =~ tr{+/=}{-_}dr }] } };
    $province->{credentials}[0]{secret} = { file => 'secret' };
    push @{ $province->{grants} },
        { grant => 'sweep', authority_no => '国市监网授〔2026〕3号',
          not_after => '2099-01-01T00:00:00Z' };
    push @{ $national->{grants} }, 'sweep';
    push @{ $national->{credentials} },
        { %{ $policy->ed25519('y', '12315-2026') },
          on_behalf_of => { level => 'county', region_prefix => '31' } },
        { %{ $policy->ed25519('z', '12315-2027') },
          on_behalf_of => ['310115'] };
    $data->{approvals} = [
        { no => '沪市监协特〔2026〕7号', by => '310000', agency => '310115',
          fields => ['buyer.phone'], case_no => '沪市监案〔2026〕310号',
          request_no => '沪市监协查〔2026〕1182号',
          subjects => [{ type => 'merchant', id => $XC::Policy::USCC }],
          not_before => '2026-01-01T00:00:00Z',
          not_after => '2099-12-31T00:00:00Z' }];
    return $data;
}


sub dictionary {
    return { about => 'ours', version => '1',
             fields => { 'domain.name' => { group => 'access', zh => '域名',
                             en => 'Domain', standard => JSON::PP::true } },
             subject_types => { website => { pattern => '[a-z.]+' } } };
}


# What stands behind a $ref of that schema.
sub resolved {
    my ($root, $s) = @_;

    while (my $ref = $s->{'$ref'}) {
        my ($name) = $ref =~ m{^#/\$defs/(\w+)$} or die "a \$ref: $ref";
        $s = $root->{'$defs'}{$name} // die "no definition $name";
        $s->{' name'} = $name;
    }
    return $s;
}


# The schemas of the objects in a document that allow no other members: each
# once, as {name, path (as the loader writes it), node, schema}.
sub closed {
    my ($root, $s, $node, $path, $found) = @_;

    $s = resolved($root, $s);
    for my $branch (@{ $s->{anyOf} // [] }) {
        my $b = resolved($root, $branch);
        my $type = ref $node eq 'HASH' ? 'object'
                 : ref $node eq 'ARRAY' ? 'array' : 'string';
        closed($root, $b, $node, $path, $found)
            if ($b->{type} // '') eq $type
               && !grep { !exists $node->{$_} }
                  ref $node eq 'HASH' ? @{ $b->{required} // [] } : ();
    }
    for my $one (@{ $s->{allOf} // [] }) {
        my ($name, $is) = %{ $one->{if}{properties} };
        closed($root, $one->{then}, $node, $path, $found)
            if ($node->{$name} // '') eq $is->{const};
    }

    if (ref $node eq 'ARRAY') {
        closed($root, $s->{items}, $node->[$_], "$path\[$_]", $found)
            for $s->{items} ? 0 .. $#$node : ();
    }
    return $found if ref $node ne 'HASH';

    my $more = $s->{additionalProperties};
    my $name = $s->{' name'} // 'top';
    $found->{$name} //= { name => $name, path => $path, node => $node,
                          schema => $s }
        if JSON::PP::is_bool($more) && $s->{properties};

    for my $key (sort keys %$node) {
        my $of = $s->{properties}{$key} // (ref $more eq 'HASH' ? $more : next);
        closed($root, $of, $node->{$key}, place($path, $key), $found);
    }
    return $found;
}


sub place {
    my ($path, $key) = @_;

    return $path . ($key !~ /^[A-Za-z_]\w*$/ ? "[\"$key\"]"
                    : $path eq '' ? $key : ".$key");
}


sub definitions {
    my ($s) = @_;

    return 'top', grep {
        my $more = $s->{'$defs'}{$_}{additionalProperties};
        JSON::PP::is_bool($more);
    } keys %{ $s->{'$defs'} };
}


sub words { join ' ', sort @_ }


# Of each object the loader's list, as it gives it with a member that it does
# not know, and the required ones, as it misses them in an empty object.
sub agree {
    my ($what, $root, $found, $faults) = @_;

    $_->{node}{zzz} = 1 for values %$found;
    my @lines = $faults->();
    delete $_->{node}{zzz} for values %$found;

    for my $one (map { $found->{$_} } sort keys %$found) {
        my $at = place($one->{path}, 'zzz');
        my ($known) = map {
            /\Q$at\E: unknown member; .*?known: (.*)/ ? $1 : () } @lines;
        my @known = split /, /, $known // '';
        # what can't stand in a query is known and refused
        @known = grep { !/^(?:officers|subjects|window|approval_token)$/ } @known
            if $one->{name} eq 'query';
        is(words(keys %{ $one->{schema}{properties} }), words(@known),
           "$what: the members of $one->{name}")
            or diag join "\n", @lines;

        my %kept = map { exists $one->{node}{$_} ? ($_ => $one->{node}{$_}) : () }
                   qw(type kind like);
        my %full = %{ $one->{node} };
        %{ $one->{node} } = %kept;
        my @missed = map {
            my $at = place($one->{path}, '');
            $at =~ s/\[""\]$/./;
            $at =~ s/^\.//;
            /(?:^|: )\Q$at\E(\w+): required/ ? $1 : () } $faults->();
        %{ $one->{node} } = %full;
        is(words(grep { !exists $kept{$_} } @{ $one->{schema}{required} // [] }),
           words(@missed), "$what: what $one->{name} needs");
    }
}


sub policy_members {
    my $data = everything();
    my $s = $schema{policy};
    my $check = sub {
        $t->write_file('policy.json', $json->encode($data));
        my $out = `@{[$t->xcctl]} policy check @{[$t->path('policy.json')]} 2>&1`;
        utf8::decode($out);
        return split /\n/, $out;
    };

    like(join("\n", $check->()), qr/^\S+: loads: /m,
         'a policy with something of every kind')
        or diag join "\n", $check->();

    my $found = closed($s, $s, $data, '', {});
    is(words(keys %$found), words(grep { $_ ne 'dictionary' } definitions($s)),
       'has an object of every closed definition of the schema');
    agree('policy', $s, $found, $check);
}


sub dictionary_members {
    my $data = dictionary();
    my $s = $schema{policy};
    my $found = closed($s, { '$ref' => '#/$defs/dictionary' }, $data, '', {});
    my $policy = everything();

    $t->write_file('policy.json', $json->encode($policy));
    agree('dictionary', $s, { dictionary => $found->{dictionary} }, sub {
        $t->write_file('extra.json', $json->encode($data));
        return split /\n/,
            `@{[$t->xcctl]} policy check @{[$t->path('policy.json')]} 2>&1`;
    });
    $t->write_file('extra.json', $json->encode(dictionary()));
}


sub intake_members {
    my $data = read_json("$root/conf/intake.json");
    my $s = $schema{intake};
    my $found = closed($s, $s, $data, '', {});

    is(words(keys %$found), words(definitions($s)),
       'the intake document has an object of every closed definition');
    $t->policy;
    agree('intake', $s, $found, sub {
        $t->write_file('intake.json', $json->encode($data));
        my ($status, $out) = $t->test_conf(<<'END');
%%GLOBALS%%
http {
    %%HTTP%%
    xc_state %%STATE%%;
    xc_audit node=n1;
    server {
        listen 127.0.0.1:%%PORT_http%%;
        location = /intake { xc_policy %%POLICY%%; xc_intake %%PREFIX%%/intake.json; }
    }
}
END
        return map { s/ in \S+:\d+$//r } split /\n/, $out;
    });
}


# The request's members are those that the sample policy maps and passes.
sub request_members {
    my ($submit) = grep { $_->{id} eq 'submit' }
        @{ read_json("$root/conf/policy.json")->{operations} };
    my $s = $schema{request};
    my %map = %{ $submit->{body} };

    is(words(map { "/$_" } keys %{ $s->{properties} }),
       words(values %map, @{ $submit->{pass} }),
       'the schema of the request has what conf/policy.json maps and passes');
    is(words(@{ $s->{required} }), words(qw(fields purpose request_no)),
       'and requires what no request goes without');

    my %limit = %{ read_json("$root/conf/policy.json")->{limits} };
    is($s->{properties}{$_}{maxItems}, $limit{$_}, "at most so many $_")
        for qw(fields subjects officers);
}


# Each is a policy's whole dictionary; both say whose they are.
sub shipped_dictionaries {
    for my $name (qw(cn-samr auxiliary)) {
        my $file = "$root/conf/fields.$name.json";
        my $dictionary = read_json($file);
        my $data = XC::Policy->new->data;
        my %groups = map { $_->{group} => 1 } values %{ $dictionary->{fields} };

        $data->{include} = [$file];
        $data->{fields} = {};
        $data->{grants} = { map { $_ => { groups => [sort keys %groups],
                                levels => [qw(county province national)] } }
                            qw(standard live) };
        my $path = $t->write_file("$name.json", $json->encode($data));
        my $out = `@{[$t->xcctl]} policy check $path 2>&1`;
        my $n = keys %{ $dictionary->{fields} };
        like($out, qr/: loads: .* fields $n, /, "conf/fields.$name.json loads")
            or diag $out;
        like($dictionary->{about}, qr/自拟.*并非.*own, not the annex/,
             'and says that it is not the annex');

        # a composite field must say what it leaves out, in both languages
        my @half = grep { ($_->{zh} =~ /（不含/) != ($_->{en} =~ /, without/) }
                   values %{ $dictionary->{fields} };
        is(scalar @half, 0, 'what a field leaves out stands in both languages');
    }
}


# One process for all questions: {schema, ref, document} a line; the answer is
# the list of faults.
sub start_validator {
    my $program = <<'END_PROGRAM';
import json, sys
from jsonschema import Draft202012Validator as V
for line in sys.stdin:
    q = json.loads(line)
    schema = q["schema"]
    V.check_schema(schema)
    if q.get("ref"):
        schema = dict(schema, **{"$ref": q["ref"]})
        for word in ("required", "properties", "additionalProperties"):
            schema.pop(word, None)
    print(json.dumps([e.json_path + ": " + e.message[:300]
                      for e in V(schema).iter_errors(q["document"])]),
          flush=True)
END_PROGRAM
    my ($python) = grep {
        system("$_ -c 'import jsonschema; jsonschema.Draft202012Validator'"
               . ' >/dev/null 2>&1') == 0
    } '/usr/bin/python3', 'python3';

    return if !$python;
    my $file = $t->write_file('validate.py', $program);
    $validator = open2($from, $to, $python, $file);
    return 1;
}


sub faults {
    my ($name, $document, $ref) = @_;

    print {$to} $json->encode({ schema => strip($schema{$name}), ref => $ref,
                                document => $document }), "\n";
    $to->flush;
    my $line = <$from>;
    return defined $line ? @{ $json->decode($line) } : 'no answer';
}


# Without the names that this test has put in.
sub strip {
    my ($s) = @_;

    return [map { strip($_) } @$s] if ref $s eq 'ARRAY';
    return $s if ref $s ne 'HASH';
    return { map { $_ => strip($s->{$_}) } grep { $_ ne ' name' } keys %$s };
}


sub valid {
    SKIP: {
        start_validator()
            or skip 'no python3-jsonschema: ./xc deps peers', 1;
        shipped();
        refused_by_schema();
        close $to;
        waitpid $validator, 0;
    }
}


sub shipped {
    my %ours = ('conf/policy.json' => ['policy'],
                'conf/intake.json' => ['intake'],
                'conf/fields.cn-samr.json' => ['policy', '#/$defs/dictionary'],
                'conf/fields.auxiliary.json' =>
                    ['policy', '#/$defs/dictionary']);

    for my $file (sort keys %ours) {
        my ($name, $ref) = @{ $ours{$file} };
        is_deeply([faults($name, read_json("$root/$file"), $ref)], [],
                  "$file is valid");
    }

    is_deeply([faults('policy', everything())], [],
              'so is a policy with something of every kind');
    my $nation = $t->path('nation.json');
    is(system("$root/tools/nation", qw(--agencies 40 --approvals 3 --fields 50
              --operations 8 --seed a --out), $nation), 0, 'one is generated');
    is_deeply([faults('policy', read_json($nation))], [], 'and is valid');

    my $body = XC::Policy->new->body(note => { any => 'thing' }, salt => '5f');
    is_deeply([faults('request', $json->decode($body))], [],
              'a request is valid');
}


# A schema that takes everything would pass all of the above.
sub refused_by_schema {
    my @not = (
        ['policy', sub { $_[0]{rates}{default}{rate} = '10/s' }],
        ['policy', sub { $_[0]{rates}{default}{per_day} = 0 }],
        ['policy', sub { $_[0]{rates}{default}{cost} = { fields => 1 } }],
        ['policy', sub { $_[0]{rates}{default}{cost}{field} = -1 }],
        ['policy', sub { $_[0]{transport} = 'plain' }],
        ['policy', sub { $_[0]{limits}{fields} = 257 }],
        ['policy', sub { $_[0]{agencies}[0]{level} = 'town' }],
        ['policy', sub { $_[0]{agencies}[0]{region} = '3101' }],
        ['policy', sub { $_[0]{agencies}[2]{parent} = '310000' }],
        ['policy', sub { $_[0]{agencies}[0]{credentials}[0]{secret} = 'x' }],
        ['policy', sub { $_[0]{agencies}[0]{credentials}[1]{subject} = 'x' }],
        ['policy', sub { $_[0]{agencies}[0]{credentials}[1]{keyid} = 'x' }],
        ['policy', sub { $_[0]{operations}[1]{body} = {} }],
        ['policy', sub { delete $_[0]{operations}[1]{query}{purpose} }],
        ['policy', sub { $_[0]{operations}[1]{query}{window} = 'window' }],
        ['policy', sub { $_[0]{operations}[0]{body} = { like => 'check' } }],
        ['policy', sub { $_[0]{operations}[2]{pass} = ['/note'] }],
        ['policy', sub { $_[0]{operations}[3]{query} = {} }],
        ['policy', sub { push @{ $_[0]{grants}{sweep}{levels} }, 'county' }],
        ['policy', sub { push @{ $_[0]{grants}{sweep}{groups} }, 'identity' }],
        ['policy', sub { delete @{ $_[0]{approvals}[0] }
                         {qw(case_no request_no subjects)} }],
        ['policy', sub { $_[0]{fields}{'merchant name'} =
                         $_[0]{fields}{'merchant.name'} }],
        ['request', sub { $_[0]{priority} = 1 }],
        ['request', sub { $_[0]{fields} = [] }],
        ['request', sub { $_[0]{window}{to} = '2026-11' }],
        ['request', sub { $_[0]{case_no} = "a\nb" }],
        ['request', sub { $_[0]{subjects}[0]{name} = 'x' }],
        ['intake', sub { $_[0]{channels} = [] }],
        ['intake', sub { $_[0]{languages} = ['en'] }],
        ['intake', sub { $_[0]{channels}[0]{address} = 'http://a.example/' }],
        ['intake', sub { delete $_[0]{channels}[0]{note} }],
        ['intake', sub { delete @{ $_[0]{contacts}[0] }{qw(phone email)} }]);
    my %of = (policy => everything(),
              request => $json->decode(XC::Policy->new->body),
              intake => read_json("$root/conf/intake.json"));
    my $n = 0;

    for my $case (@not) {
        my ($name, $change) = @$case;
        my $document = clone($of{$name});

        $n++;
        $change->($document);
        isnt(scalar(() = faults($name, $document)), 0,
             "a spoilt $name, number $n, is invalid");
    }

    for my $name (@{ $schema{policy}{required} }) {
        my $document = clone($of{policy});
        delete $document->{$name};
        like(join(' ', faults('policy', $document)), qr/'$name'/,
             "a policy without $name is");
    }
}
