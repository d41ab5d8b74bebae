#!/usr/bin/perl

# Ways around the gate that no gate can close, since nginx never asks it there:
# docs/threat-model.md tells of each, and how a configuration closes it.  And
# that the tests which it names are there.

use strict;
use warnings;

use Test::More;

use XC::Gate;
use XC::Nginx;
use XC::Policy;

my @forged = (['X-XC-Agency', '310115'], ['X-XC-Fields', 'merchant.name']);

my $t = XC::Nginx->new;
my $policy = $t->policy(XC::Policy->new(transport => 'any'));
my $backend = $t->backend;
my $locations = <<'END';
        location /xc/v1/ { GATE proxy_pass http://%%BACKEND%%; }
        location /beside/ { proxy_pass http://%%BACKEND%%; }
END

$t->conf(<<"END");
%%GLOBALS%%
http {
    %%HTTP%%
    xc_state %%STATE%%;
    xc_audit node=n1;
    xc_policy %%POLICY%%;
    server {
        listen 127.0.0.1:%%PORT_location%%;
@{[ $locations =~ s/GATE/xc enforce;/r ]}
        location /answer/ { xc enforce; return 200 "public\\n"; }
    }
    server {
        listen 127.0.0.1:%%PORT_server%%;
        xc enforce;
@{[ $locations =~ s/GATE//r ]}
    }
}
END
$t->run;

refused($t, 'in a gated location', get('location', '/xc/v1/any'),
        'header-reserved', auth => 0);

is(get('location', '/beside/any')->{status}, 200,
   'a location beside it is not gated');
my ($seen) = $backend->requests;
is_deeply([grep { $_->[0] =~ /^X-XC-/i } @{ $seen->{headers} }], \@forged,
          'and what the client calls itself arrives');
$backend->forget;

refused($t, 'covered by a gate at server level',
        get('server', '/beside/any'), 'header-reserved', auth => 0);

my $answer = get('location', '/answer/');
is("$answer->{status} $answer->{body}", "200 public\n",
   'return answers before the gate');

is((grep { $_->{event} eq 'decision' } $t->audit_records), 2,
   'of what did not meet a gate there is no record');

open my $fh, '<', $t->root . '/docs/threat-model.md' or die $!;
my %named = map { $_ => 1 } map { /`(t\/[\w\/]+\.[tc])`/g } <$fh>;
cmp_ok(scalar keys %named, '>=', 25, 'docs/threat-model.md names tests');
is(join(' ', grep { !-e $t->root . "/$_" } sort keys %named), '',
   'which are there');

$t->finish;
done_testing;


sub get {
    my ($port, $target) = @_;

    return $t->client(tls => 0, port => $t->port($port))
             ->request('GET', $target, { sign => 0, headers => \@forged });
}
