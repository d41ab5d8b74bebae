#!/usr/bin/perl

# What nginx -t refuses and warns of, with file, line and what to do; that it
# writes nothing; who inherits a gate; what a start and a reload refuse.

use strict;
use warnings;
use utf8;

use File::Copy qw(copy);
use File::Path qw(remove_tree);
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use POSIX qw(strftime);
use Test::More;

use XC::Gate;
use XC::Nginx;

# the [emerg] that refused starts and reloads leave are what is tested here
my $t = XC::Nginx->new(allow => qr/xc_state: "|"xc enforce": a|"sync=no"|Too many links|belongs to user 0/);

binmode Test::More->builder->$_, ':encoding(UTF-8)'
    for qw(output failure_output);

my $policy = $t->policy;
my $prefix = $t->prefix;

# the pieces of most cases
my $state  = 'xc_state %%STATE%%;';
my $audit  = 'xc_audit node=n1;';
my $gate   = "xc enforce;\nxc_policy %%POLICY%%;";

my %before = files();

accepted();
incomplete();
credentials();
duplicates();
bad_values();
observe();
places();
policies();
secrets();
audit_keys();
token_keys();
intake();
warnings_only();

is_deeply({ files() }, \%before, 'nginx -t has written nothing');

samples();
state_directory();
inheritance();
two_policies();
reloads();

$t->finish;
done_testing;


# What lies in the prefix, but for what the harness writes itself.
sub files {
    my %own = map { $_ => 1 } qw(nginx.out error.log access.log test.conf
        nginx.conf nginx.pid client_body proxy fastcgi uwsgi scgi);

    return map { $_ => (stat)[7] }
           grep { !$own{ s{^\Q$prefix/\E}{}r } && !/\.json$|\.key$/ }
           glob "$prefix/*";
}


# A configuration; a line that ends in "# here" is the faulty one.
sub conf {
    my (%o) = @_;

    $_ //= '' for @o{qw(main http server location)};
    return <<"END";
%%GLOBALS%%
$o{main}
http {
    %%HTTP%%
    $o{http}
    server {
        listen 127.0.0.1:%%PORT_http%%;
        $o{server}
        location / {
            $o{location}
        }
    }
}
END
}


sub here {
    my $n = 0;

    for my $line (split /\n/, $t->read_file('test.conf')) {
        $n++;
        return $n if $line =~ /# here$/;
    }
    return '?';
}


# nginx -t refuses: its last [emerg] says so and names file and line.
sub refused_conf {
    my ($name, $re, %o) = @_;
    my ($status, $out) = $t->test_conf(conf(%o));
    my @emerg = $out =~ /\[emerg\] (.*)/g;
    my $at = "$prefix/test.conf:" . here();
    my @bad;

    push @bad, "exit status $status" if $status != 1;
    push @bad, "nothing like $re" if !grep { /$re/ } @emerg;
    push @bad, "not at $at" if !@emerg || grep { !/ in \Q$at\E$/ } @emerg;
    ok(!@bad, $name) or diag(join "\n", @bad, @emerg);
    return @emerg;
}


sub accepted_conf {
    my ($name, %o) = @_;
    my ($status, $out) = $t->test_conf(conf(%o));

    is($status, 0, $name) or diag($out);
    my @warnings = grep { !/agencies\[1\]\.credentials\[0\]/ }
                   $out =~ /\[warn\] (.*)/g;
    return @warnings;
}


sub accepted {
    is_deeply([accepted_conf('a gate', http => "$state $audit",
                             location => $gate)], [], 'without a warning');
    accepted_conf('no gate needs nothing', location => 'return 204;');
    accepted_conf('a log without a gate', http => "$state $audit");
    accepted_conf('every parameter', main => 'thread_pool xc threads=2;',
        http => "xc_state %%STATE%% replay=1000; xc_audit node=a.B_c-9"
                . ' sync=group pool=xc timeout=500ms backlog=1;',
        location => "$gate xc_credentials httpsig; xc_body_size 1k;");
    accepted_conf('a pool that is made later',
        http => "$state xc_audit node=n1 pool=late;", location => $gate,
        main => "thread_pool late threads=1;");
    accepted_conf('a slash at the end of the state directory',
        http => "xc_state %%STATE%%/; $audit", location => $gate);
}


sub incomplete {
    refused_conf('a gate without a policy',
        qr/"xc enforce": a gate needs a policy: add "xc_policy file;"/,
        http => "$state $audit", location => "xc enforce; # here\n");
    refused_conf('a gate at http level without a policy',
        qr/a gate needs a policy/,
        http => "$state $audit\nxc enforce; # here\n");
    refused_conf('a gate without a log',
        qr/a gate needs an audit log: add "xc_audit;" at the http level/,
        http => $state, location => "xc_policy %%POLICY%%;\nxc enforce; # here\n");
    refused_conf('no parent of the state directory',
        qr/the state directory "\Q$prefix\E\/none\/state" can't be made: there is no directory "\Q$prefix\E\/none\/": make it, or name another by xc_state/,
        http => "xc_state %%PREFIX%%/none/state; $audit",
        location => "xc_policy %%POLICY%%;\nxc enforce; # here\n");
    refused_conf('its parent is a file',
        qr/there is no directory/,
        http => "xc_state %%PREFIX%%/test.conf/state; $audit",
        location => "xc_policy %%POLICY%%;\nxc enforce; # here\n");

    # nginx says so itself, when all is parsed, at the line that names it
    refused_conf('a pool that is not made', qr/unknown thread pool "none"/,
        http => "$state\nxc_audit node=n1 pool=none; # here\n",
        location => $gate);
    refused_conf('a gate where the counters are',
        qr/a location with xc_intake or xc_status can't be gated: remove one/,
        http => "$state $audit", location =>
        "xc_policy %%POLICY%%; xc_status;\nxc enforce; # here\n");
}


# What a scheme needs of the policy and of the server.
sub credentials {
    my %asks = (server => 'ssl_verify_client optional_no_ca;');
    my $http = "$state $audit";
    my $need = qr/mtls needs the client's certificate: add "ssl_verify_client optional;"/;

    accepted_conf('four alternatives', http => $http, %asks,
        location => "$gate xc_credentials mtls+httpsig mtls httpsig+jwt jwt;");
    accepted_conf('all three', http => $http, %asks,
        location => "$gate xc_credentials jwt+mtls+httpsig;");
    accepted_conf('a token beside a signature', http => $http,
        location => "$gate xc_credentials httpsig+jwt httpsig;");
    accepted_conf('mtls without a gate', location => 'xc_credentials mtls;');
    accepted_conf('ssl_verify_client of an outer level',
        http => "$http ssl_verify_client optional_no_ca;",
        location => "$gate xc_credentials mtls;");

    refused_conf('mtls where no certificate is asked for', $need,
        http => $http, location => "$gate\nxc_credentials mtls; # here\n");
    refused_conf('mtls as a half', $need, http => $http,
        location => "$gate\nxc_credentials httpsig mtls+httpsig; # here\n");
    refused_conf('inherited', $need, location => $gate,
        http => "$http\nxc_credentials mtls; # here\n");
    refused_conf('a token alone where no certificate is asked for',
        qr/jwt alone needs the client's certificate, as the token has to be bound to it/,
        http => $http,
        location => "$gate\nxc_credentials httpsig+jwt jwt; # here\n");

    XC::Policy->new(transport => 'any')->write($t->path('any.json'));
    my $any = "xc enforce;\nxc_policy any.json;\n";
    accepted_conf('a token beside a signature, any transport', http => $http,
        location => "$any xc_credentials httpsig+jwt;");
    refused_conf('mtls, any transport',
        qr/mtls needs a policy with "transport": "tls": with "any" TLS may end in front of nginx/,
        http => $http, %asks, location => "$any xc_credentials mtls; # here\n");
    refused_conf('a token alone, any transport',
        qr/jwt alone needs a policy with "transport": "tls"/,
        http => $http, %asks, location => "$any xc_credentials jwt; # here\n");
}


sub duplicates {
    my %twice = (
        xc_state       => "xc_state %%STATE%%;",
        xc_audit       => 'xc_audit node=n1;',
        xc_policy      => 'xc_policy %%POLICY%%;',
        xc             => 'xc off;',
        xc_credentials => 'xc_credentials httpsig;',
        xc_body_size   => 'xc_body_size 1k;',
    );

    for my $d (sort keys %twice) {
        my $lines = "$twice{$d}\n$twice{$d} # here\n";
        refused_conf("$d twice", qr/"$d" directive is duplicate/,
                     http => $lines);
    }
    refused_conf('xc_status twice', qr/"xc_status" directive is duplicate/,
                 location => "xc_status;\nxc_status; # here\n");
    refused_conf('a parameter twice',
        qr/invalid parameter "node=n2": is given twice/,
        http => "xc_audit node=n1 node=n2; # here\n");
    for my $s ('httpsig httpsig', 'mtls+httpsig jwt httpsig+mtls') {
        refused_conf("$s: one twice", qr/names an alternative twice/,
            http => "xc_credentials $s; # here\n");
    }
}


sub bad_values {
    my $replay = qr/write replay=N, N from 1000 to 10000000/;

    for my $v ('replay=', 'replay=0', 'replay=999', 'replay=10000001',
               'replay=-1', 'replay=1k', 'replay=99999999999999999999',
               'reply=1000')
    {
        refused_conf("xc_state $v", qr/invalid parameter "$v": $replay/,
                     http => "xc_state %%STATE%% $v; # here\n");
    }

    my $name = 'a node is 1 to 64 of 0-9 A-Z a-z . _ -';
    my %bad = (
        'node='      => [$name, '', 'a/b', 'a:1', '节点', 'n' x 65],
        'sync='      => ['write sync=group or sync=off', '', 'on', 'GROUP',
                         'groups'],
        'timeout='   => ['write a time such as 5s or 500ms', '', '0', '-1',
                         'soon', '5 s'],
        'checkpoint=' => ['write a time such as 5s or 500ms', '', '0', 'x'],
        'heartbeat='  => ['write a time such as 5s or 500ms', '', '0', 'x'],
        'backlog='   => ['write a number from 1 to 1000000', '', '0', '-1',
                         '1000001', '4k'],
    );
    for my $p (sort keys %bad) {
        my ($advice, @values) = @{ $bad{$p} };
        for my $v (@values) {
            my $got = utf8::is_utf8($v) ? '.*' : "\Q$v\E";
            refused_conf("xc_audit $p$v",
                         qr/invalid parameter "$p$got": \Q$advice\E/,
                         http => "xc_audit \"$p$v\"; # here\n");
        }
    }
    refused_conf('xc_audit, an unknown parameter', qr/invalid parameter "nod=1": known are key=, origin=, node=, .* and backlog=/,
                 http => "xc_audit nod=1; # here\n");

    for my $v ('on', 'ENFORCE', '1') {
        refused_conf("xc $v", qr/invalid value "$v": write off, enforce or observe/,
                     location => "xc $v; # here\n");
    }
    refused_conf('xc enforce until',
                 qr/invalid parameter "until=2027": "xc enforce" takes none/,
                 location => "xc enforce until=2027; # here\n");
    for my $v ('until=2027', 'until=', 'till=2026-12-01T00:00:00Z',
               'until=2026-12-01', 'until=2026-12-01T00:00:00',
               'until=2026-13-01T00:00:00Z', 'until=1d')
    {
        refused_conf("xc observe $v",
            qr/invalid parameter "$v": write until= and a time such as 2026/,
            location => "xc observe $v; # here\n");
    }
    for my $s ('HTTPSIG', 'tls', '""', 'mtls+', '+mtls', 'mtls++jwt',
               'mtls+mtls', 'mtls,jwt', 'mtls+basic')
    {
        my $got = $s eq '""' ? '' : $s;
        refused_conf("xc_credentials $s",
            qr/invalid value "\Q$got\E": write httpsig, mtls or jwt, or several of them joined by "\+"/,
            location => "xc_credentials $s; # here\n");
    }
    refused_conf('five alternatives', qr/names more than 4 alternatives/,
        location => "xc_credentials mtls jwt httpsig mtls+jwt jwt+httpsig;"
                    . " # here\n");
    refused_conf('xc_body_size', qr/"xc_body_size" directive invalid value/,
                 location => "xc_body_size much; # here\n");
    refused_conf('xc_status xml',
                 qr/"xc_status xml" is not known: write json, prometheus or html/,
                 location => "xc_status xml; # here\n");
    refused_conf('xc_status html agency',
                 qr/invalid parameter "agency": .* only "agencies" may stand/,
                 location => "xc_status html agency; # here\n");
    refused_conf('xc_status with three',
                 qr/invalid number of arguments in "xc_status" directive/,
                 location => "xc_status json agencies agencies; # here\n");
}


sub places {
    for my $d ('xc_state %%STATE%%', 'xc_audit', 'xc_fleet x') {
        my ($name) = split / /, $d;
        refused_conf("$name in a server", qr/"$name" directive is not allowed here/,
                     server => "$d; # here\n");
    }
    for my $d ('xc_intake x', 'xc_status', 'xc_checkpoint') {
        my ($name) = split / /, $d;
        refused_conf("$name in a server",
                     qr/"$name" directive is not allowed here/,
                     server => "$d; # here\n");
    }
    refused_conf('xc in an if', qr/"xc" directive is not allowed here/,
                 location => "if (\$arg_a) {\nxc off; # here\n}");
}


# A copy of the sample as bad.json, changed by the sub; or raw text.
sub refused_policy {
    my ($name, $change, @res) = @_;

    if (ref $change) {
        my $copy = XC::Policy->new;
        $change->($copy->data);
        $copy->write($t->path('bad.json'));
    } else {
        $t->write_file('bad.json', $change);
    }
    my @emerg = refused_conf("policy: $name",
        qr/^\Q$prefix\E\/bad\.json: $res[0] in /, http => "$state $audit",
        location => "xc enforce;\nxc_policy bad.json; # here\n");
    for my $re (@res[1 .. $#res]) {
        ok((grep { /bad\.json: $re in / } @emerg), 'and another')
            or diag(join "\n", @emerg);
    }
    my $n = @res;
    like($emerg[-1] // '', qr/bad\.json: the policy does not load: faults: $n /,
         'all of them');
}


sub policies {
    refused_policy('a key', sub {
        $_[0]{agencies}[0]{credentials}[0]{public_key} = 'AAAA' },
        qr/agencies\[0\]\.credentials\[0\]\.public_key: not an Ed25519 key/);
    refused_policy('two faults', sub {
            $_[0]{autorities} = [];
            $_[0]{agencies}[2]{level} = 'ward';
        },
        qr/autorities: unknown member; .*/, qr/agencies\[2\]\.level: .*/);
    refused_policy('a member that is missing', sub { delete $_[0]{grants} },
        qr/grants: required, but not given/);
    refused_policy('another kind', sub { $_[0]{operations}[1]{kind} = 'chek' },
        qr/operations\[1\]\.kind: "chek" is unknown; write one of submit, .*/);
    refused_policy('an approval for any case', sub {
            $_[0]{approvals} = [{no => '1', by => '310000',
                agency => '310115', fields => ['buyer.phone'],
                not_after => '2099-01-01T00:00:00Z'}];
        }, qr/approvals\[0\]: must name at least one of case_no, .*/);
    refused_policy('a file of fields', sub {
            $t->write_file('more.json', '{"about": "ours", "fields": {}}');
            $_[0]{include} = ['more.json'];
        }, qr/more\.json: fields: must name at least one field/);
    refused_policy('a day quota', sub { $_[0]{rates}{default}{per_day} = 0 },
        qr/rates\.default\.per_day: must be 1 to 1000000000, found 0/);
    refused_policy('no JSON', '{"policy": "x",}',
        qr/not strict JSON: line 1, column 17: .*/);
    refused_policy('a duplicate member', '{"policy": "x", "policy": "y"}',
        qr/not strict JSON: line 1, .*/);

    refused_conf('policy: no such file',
        qr/^xc_policy: \Q$prefix\E\/none\.json: No such file/,
        http => "$state $audit",
        location => "xc enforce;\nxc_policy none.json; # here\n");
    mkdir $t->path('state.json') or die $!;
    refused_conf('policy: a directory',
        qr/^xc_policy: \Q$prefix\E\/state\.json: not a regular file/,
        http => "$state $audit",
        location => "xc enforce;\nxc_policy state.json; # here\n");
    rmdir $t->path('state.json');

    XC::Policy->new->write($t->path('same.json'));
    refused_conf('policy: two files with one id',
        qr/^xc_policy: "\Q$prefix\E\/policy\.json" and "\Q$prefix\E\/same\.json" have one id, "policy": "test": give each its own in /,
        http => "$state $audit xc_policy policy.json;",
        location => "xc enforce;\nxc_policy same.json; # here\n");
    accepted_conf('policy: one file, named twice',
        http => "$state $audit xc_policy policy.json;",
        location => 'xc enforce; xc_policy %%POLICY%%;');

    # a fault counts where no gate uses the policy yet
    refused_conf('policy: without a gate', qr/not strict JSON/,
        location => "xc_policy bad.json; # here\n");
}


sub secrets {
    my $copy = XC::Policy->new;
    my $credential = $copy->data->{agencies}[1]{credentials}[0];

    $t->write_file('province.key', $credential->{secret}, 0640);
    $credential->{secret} = { file => 'province.key' };
    $copy->write($t->path('file.json'));

    my %conf = (http => "$state $audit",
                location => "xc enforce;\nxc_policy file.json; # here\n");
    my ($status, $out) = $t->test_conf(conf(%conf));
    is($status, 0, 'a secret in a file of its own') or diag($out);
    unlike($out, qr/stands in the policy itself/, 'which is not warned of');
    like($out, qr/file\.json: agencies\[1\]\.credentials\[0\]\.alg: the platform, which holds the same secret/,
         'though HMAC is');

    for my $mode (0644, 0641, 0602) {
        chmod $mode, $t->path('province.key');
        refused_conf(sprintf('secret with mode %04o', $mode),
            qr/file\.json: agencies\[1\]\.credentials\[0\]\.secret.*province\.key: others can reach it: chmod o-rwx/,
            %conf);
    }
    unlink $t->path('province.key');
    refused_conf('no such secret',
        qr/agencies\[1\]\.credentials\[0\]\.secret.*province\.key: No such file/,
        %conf);
    unlike($out . $t->error_log, qr/\Q$copy->{keys}{310000}{secret}\E/,
           'no secret in the log');
}


# What a policy with results needs.
sub token_keys {
    my $results = XC::Policy->new;
    my $key = encode_base64('k' x 32, '');

    push @{ $results->data->{operations} },
        { id => 'result', kind => 'result', methods => ['GET'],
          path => '/xc/v1/requests/(?<request>[0-9a-f]{32})' };
    $results->write($t->path('results.json'));

    my $with = "xc enforce; # here\nxc_policy results.json;";
    my $file = 'xc_token_key token.key;';
    my %conf = (http => "$state $audit", location => $with);

    refused_conf('a policy with a result and no key',
        qr/the policy has an operation of the kind result: add "xc_token_key file;"/,
        %conf);
    accepted_conf('no key needed without',
        http => "$state $audit", location => $gate);

    my %good = ('32 bytes' => "\0\n" . 'k' x 29 . "\n", 'base64' => $key,
                'base64 and a newline' => "$key\n");
    for my $name (sort keys %good) {
        $t->write_file('token.key', $good{$name}, 0640);
        accepted_conf("$name", http => "$state $audit",
                      location => "$with $file");
    }
    accepted_conf('at the server', %conf, server => $file);
    accepted_conf('at the top', %conf, http => "$state $audit $file");
    accepted_conf('without a gate', http => $file);
    accepted_conf('without a result', http => "$state $audit $file",
                  location => $gate);

    my $bad = qr/"xc_token_key" directive must name a file of exactly 32 random bytes, as they are or in base64/;
    my %bad = ('empty' => '', '31 bytes' => 'k' x 31, '33 bytes' => 'k' x 33,
               '32 bytes and a newline' => 'k' x 32 . "\n",
               'hexadecimal' => '0f' x 32,
               'base64 of 31' => encode_base64('k' x 31, ''),
               'base64 of 33' => encode_base64('k' x 33, ''),
               'base64url' => encode_base64("\xff" x 32, '') =~ tr{/+}{_-}r,
               'base64 without its end' => substr($key, 0, 43));
    for my $name (sort keys %bad) {
        $t->write_file('token.key', $bad{$name}, 0640);
        refused_conf("xc_token_key: $name", $bad,
                     http => "xc_token_key token.key; # here\n");
    }

    $t->write_file('token.key', $key, 0640);
    for my $mode (0644, 0641, 0642) {
        chmod $mode, $t->path('token.key');
        refused_conf(sprintf('xc_token_key with mode %04o', $mode),
            qr/"xc_token_key" directive .*token\.key: others can reach it: chmod o-rwx/,
            http => "xc_token_key token.key; # here\n");
    }
    chmod 0600, $t->path('token.key');
    refused_conf('two of them', qr/"xc_token_key" directive is duplicate/,
                 http => "$file xc_token_key token.key; # here\n");
    refused_conf('no such file',
        qr/"xc_token_key" directive .*none\.key: No such file/,
        http => "xc_token_key none.key; # here\n");
    refused_conf('no file named',
        qr/invalid number of arguments in "xc_token_key" directive/,
        http => "xc_token_key; # here\n");
    unlink $t->path('token.key');
}


# key=, origin= and subject_key= of xc_audit
sub audit_keys {
    my $xcctl = $t->xcctl;
    my $pem = `'$xcctl' keygen ed25519 2>/dev/null`;
    my $with = sub { (http => "$state\nxc_audit node=n1 @_; # here\n",
                      location => $gate) };
    my $whole = 'key=audit.key origin=platform.example/xc-log';

    $t->write_file('audit.key', $pem, 0640);
    $t->write_file('subject.key', 's' x 32, 0640);
    is_deeply([accepted_conf('keys', $with->("$whole subject_key=subject.key",
                                             'checkpoint=1s heartbeat=1h'))],
              [], 'without a warning');

    for my $key (qw(audit subject)) {
        my $p = $key eq 'audit' ? 'key=audit.key' : 'subject_key=subject.key';
        my %conf = $with->("$p " . ($key eq 'audit' ? 'origin=a/b' : ''));
        for my $mode (0644, 0641, 0602) {
            chmod $mode, $t->path("$key.key");
            refused_conf(sprintf('%s with mode %04o', $p, $mode),
                qr/invalid parameter "$p": \Q$prefix\E\/$key\.key: others can reach it: chmod o-rwx/,
                %conf);
        }
        unlink $t->path("$key.key");
        refused_conf("$p: no such file",
            qr/invalid parameter "$p": \Q$prefix\E\/$key\.key: No such file/,
            %conf);
    }

    $t->write_file('audit.key', 'no key', 0640);
    refused_conf('key=: not a key', qr/invalid parameter "key=audit\.key": \S/,
                 $with->($whole));
    $t->write_file('subject.key', 's' x 31, 0640);
    refused_conf('subject_key=: too short',
        qr/invalid parameter "subject_key=subject\.key": the file holds fewer than 32 bytes/,
        $with->('subject_key=subject.key'));

    $t->write_file('audit.key', $pem, 0640);
    refused_conf('key= without origin=',
        qr/"xc_audit" directive has a key= and no origin=/,
        $with->('key=audit.key'));
    refused_conf('origin= without key=',
        qr/"xc_audit" directive has an origin= and no key=/,
        $with->('origin=a/b'));
    for my $origin ('', 'a b', 'a+b', 'https://a/b', "a\tb") {
        refused_conf("origin=$origin",
            qr/an origin is a URL without its scheme, such as platform\.example\/xc-log, without spaces and "\+"/,
            $with->('key=audit.key', "\"origin=$origin\""));
    }
    unlink map { $t->path($_) } qw(audit.key subject.key);
}


sub intake {
    my %whole = (
        platform => { name => '示例', uscc => $XC::Policy::USCC,
                      url => 'https://p.example/', role => 'platform' },
        channels => [{ type => 'email', address => 'xc@p.example' }],
        updated  => '2026-11-01',
        expires  => '2099-11-01',
    );
    my $write = sub {
        $t->write_file('intake.json', JSON::PP->new->utf8->encode({ @_ }));
    };
    my %conf = (location => "xc_intake intake.json; # here\n");

    $write->(%whole);
    is_deeply([accepted_conf('intake: whole', %conf)], [],
              'without a warning');

    for my $part (sort keys %whole) {
        my %less = %whole;
        delete $less{$part};
        $write->(%less);
        my @emerg = refused_conf("intake: no $part",
            qr/intake\.json: $part: required, but not given/, %conf);
        like($emerg[-1], qr/the intake document does not load: faults: 1/,
             'and that is all');
    }
    $write->(%whole, channels => []);
    refused_conf('intake: no channel', qr/intake\.json: channels: \S/, %conf);
    $write->(%whole, chanels => []);
    refused_conf('intake: an unknown member',
                 qr/intake\.json: chanels: unknown member/, %conf);
    refused_conf('intake: no such file',
        qr/^xc_intake: \Q$prefix\E\/none\.json: No such file/,
        location => "xc_intake none.json; # here\n");
    $write->(%whole);
    refused_conf('intake: of two handlers',
        qr/"xc_status" directive is duplicate/,
        location => "xc_intake intake.json;\nxc_status; # here\n");

    $write->(%whole, expires => '2026-11-02', updated => '2025-11-02');
    my @warnings = accepted_conf('intake: expired', %conf);
    like("@warnings", qr/intake\.json: expires: \S/, 'which is warned of');
    $write->(%whole);
}


sub warnings_only {
    my @warnings = accepted_conf('sync=off',
        http => "$state\nxc_audit node=n1 sync=off; # here\n",
        location => $gate);
    like("@warnings", qr/^sync=off: after a power cut the log may lack records of what was disclosed in \Q$prefix\E\/test\.conf:${\here()}$/,
         'which is warned of');

    my ($status, $out) = $t->test_conf(conf(http => "$state $audit",
        location => "xc enforce;\nxc_policy %%POLICY%%; # here\n"));
    like($out, qr/\[warn\] .*policy\.json: agencies\[1\]\.credentials\[0\]\.secret: the secret stands in the policy itself.* in \Q$prefix\E\/test\.conf:${\here()}$/m,
         'a secret in the policy is warned of');
}


# conf/, with nothing changed but what its comments say and the paths that
# only root may write.
sub samples {
    my $from = $t->root . '/conf';
    my $text = do {
        open my $fh, '<', "$from/nginx.conf" or die $!;
        local $/;
        <$fh>;
    };
    my @sets = (
        [qr{modules/ngx_xc_module\.so}   => '%%MODULE%%', 1],
        [qr{^user .*;$}m                 => '', 1],
        [qr{/etc/nginx/xc/fullchain\.pem} => '%%CERT%%', 1],
        [qr{/etc/nginx/xc/privkey\.pem}  => '%%KEY%%', 1],
        [qr{/var/log/nginx/error\.log}   => '%%PREFIX%%/sample.log', 1],
        [qr{/var/log/nginx/xc\.log}      => '%%PREFIX%%/sample.log', 1],
        [qr{/run/nginx\.pid}             => '%%PREFIX%%/sample.pid', 1],
        [qr{/var/lib/nginx-xc;}          => '%%STATE%%;', 1],
        [qr{listen  443}                 => 'listen  127.0.0.1:%%PORT_https%%',
         1],
        [qr{^\s*listen  \[::\]:443.*$}m  => '', 1],
        [qr{127\.0\.0\.1:8081}           => '127.0.0.1:%%PORT_up%%', 2],
    );

    for my $file (glob "$from/*") {
        copy($file, $prefix) or die "$file: $!" if -f $file;
    }
    for my $set (@sets) {
        my ($re, $to, $n) = @$set;
        my $did = $text =~ s/$re/$to/g;
        is($did, $n, "conf/nginx.conf has $re");
    }
    $text =~ s/^http \{$/$& client_body_temp_path %%PREFIX%%\/client_body; proxy_temp_path %%PREFIX%%\/proxy; fastcgi_temp_path %%PREFIX%%\/fastcgi; uwsgi_temp_path %%PREFIX%%\/uwsgi; scgi_temp_path %%PREFIX%%\/scgi;/m;

    my ($status, $out) = $t->test_conf($text);
    is($status, 0, 'conf/nginx.conf passes nginx -t');
    # nginx 1.25.1 has another way to say this, which older ones don't know
    my @warned = grep { !/"listen \.\.\. http2" directive is deprecated/ }
                 $out =~ /\[(?:warn|emerg|error)\] (.*)/g;
    is_deeply(\@warned, [], 'and is warned of nothing');

    # the harness's own again
    $policy->write($t->path('policy.json'));
}


# Start refused, with the remedy named; mended, it starts.
sub state_directory {
    my $dir = $t->state_dir;
    my $start = sub { my $ok = eval { $t->run; 1 }; $ok ? '' : $@ };
    my $tested = sub {
        my ($re, $name) = @_;
        my ($status, $out) = $t->test_conf;

        ok($status != 0, "$name: nginx -t fails");
        like($out, $re, "$name: and says why");
    };

    $t->backend;
    $t->gate_conf;
    mkdir $dir or die $!;
    $t->_own($dir);
    for my $mode (0755, 0751, 0752) {
        chmod $mode, $dir;
        like($start->(), qr/\[emerg\].* xc_state: "\Q$dir\E" is open to everybody: run chmod 0750 "\Q$dir\E"/,
             sprintf 'mode %04o: refused', $mode);
        $tested->(qr/\[emerg\] .*"\Q$dir\E" is open to everybody: run chmod 0750 /,
                  sprintf 'mode %04o', $mode);
        is_deeply([glob "$dir/*"], [], 'nothing was written there');
    }
    chmod 0750, $dir;

    SKIP: {
        skip 'only root can give a directory away', 4 if $> != 0;
        chown 0, 0, $dir;
        my $uid = (getpwnam $t->worker_user)[2];
        like($start->(), qr/\[emerg\].* xc_state: "\Q$dir\E" belongs to user 0, not to the worker user $uid: run chown $uid "\Q$dir\E"/,
             'another\'s: refused');
        $tested->(qr/\[emerg\] .*belongs to user 0, .*: run chown $uid /,
                  'another\'s');
        is_deeply([glob "$dir/*"], [], 'nothing was written there');
    }

    rmdir $dir or die $!;
    $t->write_file('state', 'a file');
    like($start->(), qr/\[emerg\].* xc_state: "\Q$dir\E" is not a directory/,
         'a file: refused');
    $tested->(qr/\[emerg\] .*"\Q$dir\E" is not a directory \(20: /, 'a file');
    unlink $dir;
    is(($t->test_conf)[0], 0, 'none: nginx -t passes');
    ok(!-e $dir, 'and makes none');

    is($start->(), '', 'none: made');
    my @st = stat $dir;
    is(sprintf('%04o', $st[2] & 07777), '0750', 'with mode 0750');
    is($st[4], $> == 0 ? (getpwnam $t->worker_user)[2] : $>,
       'of the worker user');
    ok($t->stop, 'stopped');
    is($start->(), '', 'started again with what there is');
    $t->stop;
    links();
    remove_state();
}


# The state directory is the workers': what a broken-into one puts there must
# not make the master, as root, touch what lies elsewhere.
sub links {
    my $dir = $t->state_dir;
    my $start = sub { my $ok = eval { $t->run; 1 }; $ok ? '' : $@ };
    my $victim = $t->path('victim');

    remove_tree("$dir/policies");
    mkdir $victim, 0755 or die $!;
    for my $what ('link', 'file') {
        $what eq 'link' ? symlink($victim, "$dir/policies")
                        : $t->write_file('state/policies', '') or die $!;
        like($start->(), qr/\[emerg\].* xc_state: "\Q$dir\E\/policies" is not a directory, or a link to one/,
             "policies: a $what: refused");
        $t->stop;
        unlink "$dir/policies";
    }
    is_deeply([glob "$victim/*"], [], 'nothing was written where it leads');
    is((stat $victim)[4], $>, 'nor was that given away');

    SKIP: {
        skip 'only root can give files away', 7 if $> != 0;
        my ($uid, $gid) = (getpwnam $t->worker_user)[2, 3];
        chown 0, 0, "$dir/audit.log";
        like($start->(), qr/\[emerg\].* audit log: \Q$dir\E\/audit\.log belongs to user 0, not to the worker user $uid: run chown $uid \Q$dir\E\/audit\.log$/m,
             'a log that is root\'s: refused');
        $t->stop;
        chown $uid, $gid, "$dir/audit.log";

        for my $name (qw(xc.map audit.head audit.log)) {
            $t->write_file('victim/file', '');
            chown 0, 0, "$victim/file";
            unlink "$dir/$name";
            link "$victim/file", "$dir/$name" or die $!;
            isnt($start->(), '', "$name: a second name of another's: refused");
            is((stat "$victim/file")[4], 0, 'which stays root\'s');
            $t->stop;
            unlink "$dir/$name";
        }
    }
    remove_tree($victim);
}


sub remove_state {
    remove_tree($t->state_dir);
}


# It is on: nginx -t says so, what it lets go on, and until when.
sub observe {
    my @names = qw(purpose-not-allowed field-unknown field-not-granted
                   approval-required approval-invalid sweep-not-authorized
                   subject-required rate-exceeded quota-exceeded);
    my $what = join '.*', @names;
    my $at = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86_400));
    my $conf = sub {
        return map { join "\n", accepted_conf("xc observe $_", http =>
                         "$state\n$audit", location =>
                         "xc_policy %%POLICY%%;\nxc observe $_; # here") } @_;
    };

    like(($conf->(''))[0], qr/"xc observe" is on, without an end.*$what.*go on in \S+:\d+/s,
         'it warns');
    like(($conf->("until=$at"))[0],
         qr/"xc observe until=$at" is on: until then .*$what.*go on in \S+:\d+/s,
         'and says until when');
    like(($conf->('until=2026-06-01T08:00:00+08:00'))[0],
         qr/"xc observe until=\S+" is over: it is "xc enforce" in/,
         'or that it is over');

    my @warnings = accepted_conf('a gate within', http => "$state\n$audit\n"
        . "xc_policy %%POLICY%%; xc observe;\n", location =>
        "location /a { } location /b { xc enforce; }");
    is(@warnings, 1, 'it warns once, however many locations inherit it');

    refused_conf('xc observe without a policy',
        qr/"xc observe": a gate needs a policy: add "xc_policy file;"/,
        http => "$state $audit", location => "xc observe; # here\n");
    refused_conf('xc observe twice', qr/"xc" directive is duplicate/,
        location => "xc enforce;\nxc observe; # here\n");
}


# The status of an unsigned request: 401 from a gate, 200 without.
sub asked {
    my ($path, $port) = @_;

    return XC::Client->new(port => $t->port($port), tls => 0)
                     ->request('GET', $path, { sign => 0 })->{status};
}


sub inheritance {
    my $up = 'proxy_pass http://%%BACKEND%%;';
    my $locations = <<"END";
        location / { $up }
        location /off/ { xc off; $up
            location /off/still/ { $up }
            location /off/but/ { xc enforce; $up }
        }
        location /on/ { xc enforce; $up
            location /on/still/ { $up
                location /on/still/deeper/ { $up }
            }
            location /on/but/ { xc off; $up }
        }
        location = /intake { xc_intake intake.json; }
        location = /status { xc_status; }
        location /within/ { xc_status;
            location /within/gate/ { $up }
        }
        location /small/ { xc_body_size 1; $up }
END
    my $text = <<"END";
%%GLOBALS%%
http {
    %%HTTP%%
    $state $audit
    xc_policy %%POLICY%%;
    HTTP_LEVEL
    server {
        listen 127.0.0.1:%%PORT_gated%%;
        xc enforce;
$locations
    }
    server {
        listen 127.0.0.1:%%PORT_plain%%;
$locations
    }
    server {
        listen 127.0.0.1:%%PORT_off%%;
        xc off;
$locations
    }
}
END
    my %everywhere = ('/off/' => 200, '/off/still/' => 200, '/off/but/' => 403,
                      '/on/' => 403, '/on/still/' => 403,
                      '/on/still/deeper/' => 403, '/on/but/' => 200,
                      '/intake' => 200, '/status' => 200,
                      '/within/' => 200);
    my $check = sub {
        my ($name, %of) = @_;

        for my $port (sort keys %of) {
            my $outer = $of{$port} ? 403 : 200;
            my %want = (%everywhere, '/' => $outer,
                        '/within/gate/' => $outer);
            my %got = map { $_ => asked($_, $port) } keys %want;
            is_deeply(\%got, \%want, "$name, server $port");
        }
    };

    # over plain TCP a gate says 403 tls-required
    $t->conf($text =~ s/HTTP_LEVEL//r);
    $t->run;
    $check->('nothing at http level', gated => 1, plain => 0, off => 0);

    my ($start) = grep { $_->{event} eq 'start' } $t->audit_records;
    my %gates = map { ("$_->{location}" => ($_->{mode} // '')) }
                @{ $start->{gates} };
    is_deeply([grep { $_ ne 'enforce' } values %gates], [],
              'the start record names gates');
    ok($gates{$_}, "among them $_")
        for qw(/off/but/ /on/ /on/still/ /on/still/deeper/);
    ok(!$gates{$_}, "but not $_")
        for qw(/off/ /off/still/ /on/but/ /intake /status
                                           /within/);

    $t->conf($text =~ s/HTTP_LEVEL/xc enforce;/r);
    ok($t->reload(wait => 'exit'), 'reloaded');
    $check->('a gate at http level', gated => 1, plain => 1, off => 0);

    $t->conf($text =~ s/HTTP_LEVEL/xc off;/r);
    ok($t->reload(wait => 'exit'), 'reloaded');
    $check->('off at http level', gated => 1, plain => 0, off => 0);
    $t->stop;
    remove_state();
}


sub two_policies {
    my $other = XC::Policy->new(policy => 'other', version => '7');
    my $up = 'proxy_pass http://%%BACKEND%%;'
             . ' include %%ROOT%%/conf/xc_proxy_params;';

    $_->{path} = "/[a-z]+$_->{path}" for @{ $other->data->{operations} };
    $_->{path} = "/[a-z]+$_->{path}" for @{ $policy->data->{operations} };
    $policy->write($t->path('policy.json'));
    $other->write($t->path('other.json'));

    $t->gate_conf(server => <<"END");
        location /first/ { $gate $up }
        location /second/ { xc enforce; xc_policy other.json; $up }
        location /third/ { xc enforce; xc_policy %%PREFIX%%/other.json; $up }
END
    $t->run;
    $t->backend->forget;

    for my $case ([first => $policy, $other, 'test', '2026-11-22'],
                  [second => $other, $policy, 'other', '7'],
                  [third => $other, $policy, 'other', '7'])
    {
        my ($folder, $own, $foreign, $id, $version) = @$case;
        my $target = "/$folder" . $own->query;

        admitted($t, "/$folder/: an agency of its policy",
            $t->client(key => $own->key)->request('GET', $target),
            record => { policy => { id => $id, version => $version } });

        # the same keyid, another's key
        refused($t, "/$folder/: one of the other's",
            $t->client(key => $foreign->key)->request('GET', $target),
            'signature-invalid',
            record => { policy => { id => $id, version => $version } });
    }
}


# A configuration that does not load leaves the old one at work.
sub reloads {
    my $target = '/first' . $policy->query;
    my $conf = $t->read_file('nginx.conf');
    my @workers = $t->worker_pids;
    my $refused_reload = sub {
        my ($name, $change, $re) = @_;
        my $from = length $t->error_log;

        $t->write_file('nginx.conf', $change);
        ok(!$t->reload, "$name: refused");
        like(substr($t->error_log, $from), $re, 'with its reason');
        is_deeply([$t->worker_pids], \@workers, 'the old workers go on');
        admitted($t, 'and their gate',
                 $t->client->request('GET', $target));
    };

    $refused_reload->('replay= changed',
        $conf =~ s/(xc_state \S+) ;/$1 replay=2000;/r,
        qr/\[emerg\].*"xc enforce": a changed directory or replay= of xc_state needs a restart in \Q$prefix\E\/nginx\.conf:\d+/);
    $refused_reload->('node= changed',
        $conf =~ s/xc_audit node=n1/xc_audit node=n2/r,
        qr/\[emerg\].*"xc enforce": another node= \(or host name\) or origin= of xc_audit needs another directory in xc_state, and a restart in \Q$prefix\E\/nginx\.conf:\d+/);
    $refused_reload->('an audit parameter',
        $conf =~ s/xc_audit node=n1/xc_audit node=n1 sync=no/r,
        qr/\[emerg\].*write sync=group or sync=off/);
    $refused_reload->('no policy',
        $conf =~ s/xc_policy \S+;//gr,
        qr/\[emerg\].*a gate needs a policy/);

    my $size = -s $t->state_dir . '/xc.map';
    $t->write_file('nginx.conf',
                   $conf =~ s/(xc_state \S+) ;/$1 replay=2000;/r);
    $t->stop;
    $t->run;
    refused($t, 'after a restart, which forgot the nonces',
            $t->client->request('GET', $target), 'starting');
    is(-s $t->state_dir . '/xc.map' < $size ? 'smaller' : 'as before',
       'smaller', 'the new replay= holds');
}
