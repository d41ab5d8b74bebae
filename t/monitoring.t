#!/usr/bin/perl

# xc_status in its three forms behind real requests: what is counted, what is
# told and to whom, and that dashboard, alerts and docs/metrics.md speak of
# the metrics that there are.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use XC::File;
use XC::Gate;
use XC::Metrics;
use XC::Nginx;

my $t = XC::Nginx->new;
my $root = $t->root;
my $json = JSON::PP->new->utf8;
my $odd = "a\"b\\n{level=\"x\"}";       # what a client may call itself
my $policy = make_policy();

$t->write_file('intake.json', slurp("$root/conf/intake.json"));
configure();
$t->run;
$t->backend;

my %before = map { $_ => get($_) } qw(/metrics /agencies);
$t->clear_of_midnight(60);
traffic();
counted();
agencies();
channel();
told();
page();
methods();
sample();
observed();
twice();
documented();
tool();
fleet();

$t->finish;
done_testing;


sub make_policy {
    my $p = $t->policy(transport => 'any');
    my $data = $p->data;

    $data->{rates}{slow} = { rate => '1r/m', burst => 1, per_day => 50 };
    $data->{rates}{daily} = { rate => '1000r/s', burst => 99, per_day => 100,
                              refusals => '1000r/s' };
    $p->agency('310115')->{rate} = 'daily';
    $p->add_agency('320500', 'city', $p->ed25519('320500', '320500-1'),
                   rate => 'slow');

    my $day = sub { my @t = gmtime(time + 86400 * $_[0] - 60);
                    sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900,
                            $t[4] + 1, @t[3, 2, 1, 0] };
    my $n = 0;
    for my $days (-1, 1, 7, 7, 30, 90, 400) {
        my $c = $p->ed25519("e$n", 'ends-' . $n++);
        $c->{not_before} = '2020-01-01T00:00:00Z';
        $c->{not_after} = $day->($days);
        push @{ $p->agency('320500')->{credentials} }, $c;
    }
    return $t->policy($p);
}


# The three forms, for agencies too; and the sample's own locations.
sub configure {
    my (%o) = @_;
    my %form = (json => 'json', metrics => 'prometheus', page => 'html',
                json_a => 'json agencies', agencies => 'prometheus agencies',
                page_a => 'html agencies');
    my $sample = slurp("$root/conf/nginx.conf");
    my @own = $sample =~ m{^ +location = /xc/\S+ \{\n +xc_status .*?^ +\}\n}msg;

    is(scalar @own, 3, 'conf/nginx.conf has three forms of the status');
    $t->write_file('part.shtml', '<!--#include virtual="/metrics"-->');
    $t->gate_conf(
        http => 'gzip_types text/plain application/json;',
        server => join('', map({ "location = /$_ { xc_status $form{$_}; }\n" }
                               keys %form),
                       @own, 'location = /intake { xc_intake intake.json; }',
                       'location = /gz { gzip on; gzip_min_length 1;'
                       . ' xc_status prometheus; }',
                       'location = /part.shtml { ssi on; root %%PREFIX%%; }'),
        %o);
}


sub get {
    my ($path, $method, %headers) = @_;

    return $t->client(tls => 0)->request($method // 'GET', $path,
                                         { sign => 0, headers => \%headers });
}


sub metrics { XC::Metrics->new(get($_[0] // '/metrics')->{body}) }


sub ask {
    my ($agency, $target, $o) = @_;

    return $t->client(tls => 0, key => $policy->key($agency))
             ->request('GET', $target // $policy->query, $o);
}


sub traffic {
    admitted($t, "a county's $_", ask('310115')) for 1 .. 3;
    admitted($t, "a province's $_", ask('310000'), agency => '310000') for 1 .. 2;
    admitted($t, 'the national one', ask('000000'), agency => '000000');
    admitted($t, "a city's $_", ask('320500'), agency => '320500') for 1 .. 2;
    refused($t, "a city's $_", ask('320500'), 'rate-exceeded',
            agency => '320500') for 1 .. 3;
    refused($t, 'a field', ask('310115',
                               $policy->query(fields => 'livestream.host')),
            'field-not-granted');
    refused($t, 'a path', ask('310115', '/xc/v1/nothing'), 'operation-unknown');
    refused($t, 'unsigned', ask('310115', undef, { sign => 0 }),
            'credential-missing') for 1 .. 2;

    # names that clients give themselves
    my $key = { %{ $policy->key('310115') }, keyid => $odd =~ s/["\\]//gr };
    refused($t, 'a key id', $t->client(tls => 0, key => $key)
                              ->request('GET', $policy->query),
            'credential-unknown');
    refused($t, 'a header', ask('310115', undef,
                                { headers => { 'X-XC-Agency' => $odd } }),
            'header-reserved');
    get("/intake?$odd");

    # outcomes are written behind the answers, and a batch is counted when it
    # has been synced
    $t->wait_for(sub {
        my $m = metrics();
        return $m->value('xc_outcomes_total') == 8
               && $m->value('xc_audit_records_total')
                  == $m->value('xc_audit_batch_records_sum') + 1;
    });
}


sub counted {
    my $m = metrics();
    my %admitted = (county => 3, city => 2, province => 2, national => 1);
    my %refused = ('rate-exceeded city' => 3, 'field-not-granted county' => 1,
                   'operation-unknown county' => 1,
                   'credential-missing none' => 2,
                   'credential-unknown none' => 1, 'header-reserved none' => 1);

    is($m->faults, '', 'the exposition is to the letter');
    is_deeply({ map { $_->{labels}{level} => $_->{value} }
                grep { $_->{name} eq 'xc_admitted_total' } $m->series },
              \%admitted, 'admitted by level');
    is_deeply({ map { ("@{$_->{labels}}{qw(reason level)}" => $_->{value}) }
                grep { $_->{name} eq 'xc_refused_total' && $_->{value} }
                $m->series },
              \%refused, 'refused by reason and level');

    my $reasons = reasons($t);
    my %status = map { $_->{labels}{reason} => $_->{labels}{status} }
                 grep { $_->{name} eq 'xc_refused_total' } $m->series;
    is_deeply(\%status, { map { $_ => $reasons->{$_}{status} } keys %$reasons },
              'a series for every reason, with its status');

    is($m->value('xc_decision_duration_seconds_count'), 8 + 9,
       'a time to each decision');
    is($m->value('xc_answer_duration_seconds_count'), 8,
       'and to the end of each answer that went on');
    cmp_ok($m->value('xc_answer_duration_seconds_sum'), '>', 0, 'which took it');

    my $commits = $m->value('xc_audit_commit_duration_seconds_count');
    cmp_ok($commits, '>', 8, 'batches were committed');
    is($m->value('xc_audit_batch_records_count'), $commits,
       'each of so many records');

    # the start record was the master's
    is($m->value('xc_audit_batch_records_sum') + 1,
       $m->value('xc_audit_records_total'), 'which are those of the log');
    is($m->value('xc_audit_writable'), 1, 'the log can be written');
    is($m->value('xc_audit_file_bytes'), -s $t->state_dir . '/audit.log',
       'and is so large');
    is($m->value('xc_replay_store_used'), 9, 'nonces of all that came so far');
    is($m->value('xc_intake_reads_total'), 1, 'a read of the intake document');
    is_deeply({ map { $_->{labels}{days} => $_->{value} }
                grep { $_->{name} eq 'xc_credentials' } $m->series },
              { expired => 1, 1 => 1, 7 => 2, 30 => 1, 90 => 1, more => 1,
                none => 4 }, 'credentials by the days that they last');

    my $j = get('/json')->{json};
    is($j->{counters}{admitted}, 8, 'the JSON has the same: admitted');
    is_deeply($j->{admitted}, \%admitted, 'by level');
    is_deeply($j->{refused},
              { map { s/ .*//r => $refused{$_} } keys %refused }, 'refused');
    is_deeply($j->{refused_by}{county},
              { 'field-not-granted' => 1, 'operation-unknown' => 1 },
              'by level');
    is($j->{histograms}{decision_seconds}{count}, 17, 'histograms');
    is($j->{credentials}{within_30_days}, 4, 'credentials');
    is($j->{agencies}, undef, 'and no agency that was not asked for');
    unlike(get($_)->{body}, qr/310115/, "$_ names no agency")
        for qw(/json /metrics /page);
}


sub agencies {
    my $m = metrics('/agencies');
    my %county = (agency => '310115', level => 'county');
    my %city = (agency => '320500', level => 'city');

    is($m->faults, '', 'the exposition with agencies is to the letter');
    is($m->value('xc_agency_admitted_total', %county), 3, 'a county: admitted');
    is($m->value('xc_agency_refused_total', %county), 2, 'refused');
    is($m->value('xc_agency_limited_total', %county), 0, 'limited');
    is($m->value('xc_agency_day_used_units', %county), 4,
       'used, the refusal behind the nonce too');
    is($m->value('xc_agency_day_left_units', %county), 96, 'left');
    is($m->value('xc_agency_admitted_total', %city), 2, 'a city: admitted');
    is($m->value('xc_agency_refused_total', %city), 0, 'refused');
    is($m->value('xc_agency_limited_total', %city), 3, 'limited');
    is($m->value('xc_agency_day_left_units', %city), 48, 'left');
    is($m->value('xc_agency_rate_left_units', %city), 0, 'and not at once');
    is($m->value('xc_agency_day_left_units', agency => '000000',
                 level => 'national'), undef, 'no quota, nothing left of it');

    my %json = map { $_->{agency} => $_ } @{ get('/json_a')->{json}{agencies} };
    is_deeply($json{320500},
              { agency => '320500', level => 'city', admitted => 2,
                refused => 0, limited => 3, day_used => 2, day_left => 48,
                rate_left => 0 }, 'the JSON has the same');
    is(scalar keys %json, 4, 'of every agency of the policy');
}


sub channel {
    my $m = metrics();

    cmp_ok($m->value('xc_intake_expires_in_seconds'), '!=', 0,
           'until the intake document expires');
    is($m->value('xc_observe_gates'), 0, 'nothing observes');
    is($m->value('xc_fleet_connected'), undef, 'there is no fleet');
    is($m->value('xc_audit_signing'), 0, 'nor a key that signs');
    is($m->value('xc_audit_checkpoint_records'), undef, 'nor a checkpoint');
    unlike(get('/page')->{body}, qr{class="bad">none<}, 'and none is missed');
}


# No label's value was sent by a client, and no series is new since the start.
sub told {
    my $all = join '', map { get($_)->{body} }
              qw(/json /json_a /metrics /agencies /page /page_a);

    for my $value ($odd, $odd =~ s/["\\]//gr, $odd =~ s/"/&quot;/gr) {
        unlike($all, qr/\Q$value\E/, 'nothing that a client sent is told');
    }
    for my $path (sort keys %before) {
        my ($old, $new) = map { join "\n", sort map { join ' ', $_->{name},
                                map { "@$_" } [%{ $_->{labels} }{
                                sort keys %{ $_->{labels} }}] } $_->series }
                          XC::Metrics->new($before{$path}{body}),
                          metrics($path);
        is($new, $old, "$path has the series that it had before the traffic");
    }
}


sub page {
    my $answer = get('/page_a');
    my $h = $answer->{headers};
    my $body = $answer->{body};

    is($h->{'content-type'}, 'text/html; charset=utf-8', 'the page is HTML');
    is($h->{'cache-control'}, 'no-store', 'not stored');
    is($h->{'x-content-type-options'}, 'nosniff', 'nosniff');
    is($h->{'referrer-policy'}, 'no-referrer', 'no-referrer');

    my ($style) = $body =~ m{<style>(.*?)</style>}s;
    require Digest::SHA;
    my $hash = Digest::SHA::sha256_base64($style);
    like($h->{'content-security-policy'},
         qr/^default-src 'none'; style-src 'sha256-\Q$hash\E='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
         'a policy under which its style sheet alone works');
    unlike($body, qr{<script|\bstyle=|\bon\w+=|https?:}i,
           'no script, no style of its own, nothing fetched');
    like($body, qr{<meta http-equiv="refresh" content="5">}, 'it is live');

    my $row = sub {
        my ($name) = @_;
        my ($cells) = $body =~ m{<th scope="row">[^\n]*?\Q$name\E.*?</th>(.*?)</tr>}s;
        return join ' ', map { length ? $_ : '-' } $cells =~ m{<td>(.*?)</td>}g;
    };
    is($row->('Admitted'), '- 3 2 2 1 8', 'admitted by level');
    is($row->('rate-exceeded'), '0 0 3 0 0 3', 'a reason by level');
    is($row->('<code>320500'), 'city 2 0 3 2 48 0', 'an agency');
    is($row->('<code>000000'), 'national 1 0 0 1 no quota 2001',
       'and one without a quota');
    like($body, qr{<td><code>320500</code></td><td><code>httpsig:ends-1</code></td><td>0</td>},
         'a credential that ends');
    is(get('/metrics')->{headers}{'content-type'},
       'text/plain; version=0.0.4; charset=utf-8', 'the type of the exposition');
    is(get('/json')->{headers}{'content-type'}, 'application/json',
       'and of the JSON');
}


sub methods {
    for my $path (qw(/json /metrics /page /agencies)) {
        for my $method (qw(POST PUT DELETE OPTIONS PATCH)) {
            my $answer = get($path, $method);
            is("$answer->{status} $answer->{headers}{allow}", '405 GET, HEAD',
               "$method $path");
        }
        my $head = get($path, 'HEAD');
        is("$head->{status} " . ($head->{body} // ''), '200 ', "HEAD $path");
        for my $query ('?', '?agencies', '?format=html&lang=zz', "?$odd",
                       '?' . 'x' x 3000)
        {
            is(get($path . $query =~ s/ /+/gr)->{headers}{'content-type'},
               get($path)->{headers}{'content-type'},
               "$path" . substr($query, 0, 20) . ' is the same');
        }
    }

    my $gz = get('/gz', undef, 'Accept-Encoding' => 'gzip');
    is($gz->{headers}{'content-encoding'}, 'gzip', 'gzip where it is on');
    cmp_ok(length $gz->{body}, '<', 6000, 'which makes it small');
    my $part = get('/part.shtml');
    is($part->{status}, 200, 'a page that includes the status');
    unlike($part->{body}, qr/xc_/,
           'does not get it: allow and deny are not asked of subrequests');
}


# What the sample allows: this host alone.
sub sample {
    my $elsewhere = sub {
        return $t->client(tls => 0, local => '127.0.0.2')
                 ->request('GET', $_[0], { sign => 0 });
    };

    for my $path (qw(/xc/status /xc/metrics /xc/status.html)) {
        is(get($path)->{status}, 200, "the sample's $path to this host");
        my $answer = $elsewhere->($path);
        is($answer->{status}, 403, 'not to another');
        unlike($answer->{body}, qr/xc_|admitted|node/i, 'who learns nothing');
    }
}


sub observed {
    my $until = time + 3600;
    my @t = gmtime $until;
    my $at = sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900,
                     $t[4] + 1, @t[3, 2, 1, 0];

    configure(xc => "observe until=$at");
    ok($t->reload, 'observe');
    admitted($t, 'a field that is not granted, and observed',
             ask('310115', $policy->query(fields => 'livestream.host')),
             observed => 'field-not-granted');

    my $m = metrics();
    is($m->value('xc_observed_total', level => 'county'), 1,
       'is counted as observed');
    is($m->sum('xc_refused_total', reason => 'field-not-granted'), 1,
       'and not as refused');
    is($m->sum('xc_admitted_total'), 8, 'nor as admitted');
    is($m->value('xc_observe_gates'), 1, 'a gate observes');
    my $ends = $m->value('xc_observe_ends_in_seconds');
    ok($ends > 0 && $ends <= 3600, 'and until when');
    is(get('/json')->{json}{observe}{gates}, 1, 'the JSON has it');
    like(get('/page')->{body}, qr{class="bad">on: </span>1, the first ends},
         'and the page');

    # counters survive: a key makes checkpoints
    my $key = $t->path('audit.key');
    system("openssl genpkey -algorithm ed25519 -out $key 2>/dev/null");
    chmod 0600, $key;
    configure(audit => "node=n1 key=$key origin=platform.example/xc-log");
    $t->stop;
    $t->run;
    my $signed = sub {
        $m = metrics();
        return $m->value('xc_audit_records_total')
               == ($m->value('xc_audit_checkpoint_records') // -1);
    };
    $t->wait_for($signed);
    is($m->sum('xc_admitted_total'), 8, 'a restart keeps the counters');
    my $behind = $m->value('xc_audit_records_total')
                 - $m->value('xc_audit_checkpoint_records');
    ok($behind >= 0 && $behind <= 2, 'the checkpoint covers the log');
    my $age = $m->value('xc_audit_checkpoint_age_seconds');
    ok($age >= 0 && $age < 150, 'and is new');
    is(get('/json')->{json}{audit}{checkpoint}{records},
       $m->value('xc_audit_checkpoint_records'), 'the JSON has it');
    is($m->value('xc_audit_signing'), 1, 'there is a key that signs');

    # the checkpoint that is gone, or is none
    my $file = $t->state_dir . '/audit.checkpoint';
    $t->wait_for($signed);
    rename $file, "$file.away" or die $!;
    lost('gone');
    open my $fh, '>', $file or die $!;
    print $fh "what is no note\n";
    close $fh;
    lost('damaged');
    rename "$file.away", $file or die $!;
}


sub lost {
    my ($how) = @_;
    my $m = metrics();

    is($m->value('xc_audit_checkpoint_records'), undef,
       "a checkpoint that is $how is not told");
    is($m->value('xc_audit_signing'), 1, 'but that there should be one');
    like(get('/page')->{body}, qr{class="bad">none<}, 'the page marks it');
}


# An agency of two policies has one place: who sums counts it once.
sub twice {
    my $second = $t->read_file('policy.json')
                     =~ s/("policy"\s*:\s*")[^"]*/${1}second/r;

    $second =~ s/"320500"/"320600"/g;
    $t->write_file('second.json', $second);
    configure(http => 'gzip_types text/plain;',
              servers => 'server { listen 127.0.0.1:%%PORT_second%%;'
                         . ' server_name platform.example;'
                         . ' xc enforce; xc_policy second.json;'
                         . ' location / { proxy_pass http://%%BACKEND%%; } }');
    my $before = metrics('/agencies');
    ok($t->reload, 'two policies');
    refused($t, 'a path of the first', ask('310115', '/xc/v1/nothing'),
            'operation-unknown');
    refused($t, 'and of the second',
            $t->client(tls => 0, port => $t->port('second'),
                       key => $policy->key('310115'))
              ->request('GET', '/xc/v1/nothing'), 'operation-unknown');

    my $m = metrics('/agencies');
    my %county = (agency => '310115', level => 'county');
    is($m->faults, '', 'the exposition of two policies is to the letter');
    is($m->value('xc_agency_refused_total', %county)
       - $before->value('xc_agency_refused_total', %county), 2,
       'both count for the agency');
    is($m->sum('xc_agency_refused_total')
       - $before->sum('xc_agency_refused_total'), 2, 'and for no other');
    is(join(' ', sort map { $_->{labels}{agency} }
                 grep { $_->{name} eq 'xc_agency_refused_total' } $m->series),
       '000000 310000 310115 320500 320600',
       'each agency of either policy once');
    my @json = map { $_->{agency} } @{ get('/json_a')->{json}{agencies} };
    is(join(' ', sort @json), '000000 310000 310115 320500 320600',
       'in the JSON, too');
    my %rows;
    $rows{$_}++ for get('/page_a')->{body}
                    =~ m{<tr><th scope="row"><code>(\d{6})</code>}g;
    is_deeply(\%rows, { map { $_ => 1 } @json }, 'and on the page');
}


# Docs, dashboard and alerts speak of the metrics that there are.
sub documented {
    my $source = slurp("$root/ngx_xc_module/core/xc_status_prom.c");
    my %there = map { $_ => 1 } $source =~ /"(xc_[a-z_]+)(?=["{])/g;
    my $doc = slurp("$root/docs/metrics.md");
    my %told = map { $_ => 1 } $doc =~ /^\| `(xc_\w+)` \|/mg;
    my $m = metrics('/agencies');

    cmp_ok(scalar keys %told, '>=', 35, 'docs/metrics.md has metrics');
    is(join(' ', sort keys %told), join(' ', sort keys %there),
       'docs/metrics.md has every metric, and no other');
    is(join(' ', grep { !$told{$_} } $m->families), '', 'all that are served');

    my %type = $doc =~ /^\| `(xc_\w+)` \| (\w+)/mg;
    my %labels;
    for my $row ($doc =~ /^(\| `xc_.*)$/mg) {
        my @cell = split /\s*\|\s*/, $row;
        $labels{ $cell[1] =~ tr/`//dr } =
            join ' ', sort $cell[3] =~ /`(\w+)`/g;
    }
    is(join(' ', grep { $type{$_} ne $m->{type}{$_} } $m->families), '',
       'with its type');
    my @wrong = grep { $labels{ $_->{name} }
                       ne join ' ', sort keys %{ $_->{labels} } }
                grep { $_->{name} !~ /_(?:bucket|sum|count)$/ } $m->series;
    is(join(' ', map { $_->{name} } @wrong), '', 'and its labels');

    my $dashboard = $json->decode(slurp("$root/conf/monitoring/grafana-dashboard.json"));
    my %id;
    for my $panel (@{ $dashboard->{panels} }) {
        ok($panel->{title} && $panel->{type} && $panel->{gridPos}{w}
           && @{ $panel->{targets} } && !$id{ $panel->{id} }++,
           "panel $panel->{id} is whole");
        is(unknown(\%type, map { $_->{expr} } @{ $panel->{targets} }), '',
           'and asks for what there is');
    }

    my $alerts = slurp("$root/conf/monitoring/prometheus-alerts.yml");
    my @names = $alerts =~ /- alert: (\w+)/g;
    my $rules = $alerts =~ s/^ *(?:summary|- alert|#).*$//mgr;
    is(unknown(\%type, $rules =~ s/^ *- name: xc$//mr), '',
       'the alerts ask for what there is');
    is(join(' ', sort @names), join(' ', sort $doc =~ /^\| `(Xc\w+)` \|/mg),
       'docs/metrics.md has every alert');
    my $told = slurp("$root/docs/operations.md");
    is(join(' ', sort @names), join(' ', sort $told =~ /^### (Xc\w+)$/mg),
       'and docs/operations.md a section for each');
    my $tests = join '', map { slurp($_) } glob "$root/t/monitoring/*.yml";
    is(join(' ', grep { $tests !~ /alertname: $_\n/ } @names), '',
       'and each has a test');
}


sub unknown {
    my ($type, @exprs) = @_;

    return join ' ', grep {
        my $base = s/_(?:bucket|sum|count)$//r;
        !($type->{$_} && $type->{$_} ne 'histogram')
            && ($type->{$base} // '') ne 'histogram'
    } map { /\b(xc_\w+)/g } @exprs;
}


sub tool {
  SKIP: {
    skip 'no promtool (Debian: prometheus)', 3
        if !grep { -x "$_/promtool" } split /:/, $ENV{PATH};
    my $file = $t->write_file('metrics', get('/agencies')->{body});

    is(`promtool check metrics <$file 2>&1`, '', 'promtool finds no fault');
    my $out = `promtool check rules $root/conf/monitoring/prometheus-alerts.yml 2>&1`;
    like($out, qr/SUCCESS: \d+ rules found/, 'the alerts are rules');
    $out = `promtool test rules $root/t/monitoring/*.yml 2>&1`;
    is($?, 0, 'each alert fires when it is due, and not before')
        or diag($out);
  }
}


# A store that nobody can reach: the counters say so, and to whom it matters.
sub fleet {
    my ($status) = $t->test_conf(
        "%%GLOBALS%%\nhttp { %%HTTP%% xc_state %%STATE%%;\n"
        . "xc_fleet redis://127.0.0.1:%%PORT_store%%; }\n");

  SKIP: {
    skip 'built without hiredis', 8 if $status != 0;
    my $port = $t->port('store');
    my $before = metrics()->sum('xc_refused_total', status => '503');

    $t->gate_conf(http => "xc_fleet redis://127.0.0.1:$port;",
                  server => 'location = /metrics { xc_status prometheus; }'
                            . 'location = /json { xc_status; }'
                            . 'location = /page { xc_status html; }');
    $t->stop;
    $t->run;
    refused($t, "without a store, $_", ask('310000'), 'fleet-unavailable',
            agency => '310000') for 1, 2;

    my $m = metrics();
    is($m->faults, '', 'the exposition of a fleet is to the letter');
    is($m->value('xc_fleet_connected'), 0, 'not connected');
    is($m->value('xc_fleet_failures_total'), 2, 'asked in vain');
    is($m->sum('xc_refused_total', status => '503') - $before, 2,
       'and refused for it');
    is(get('/json')->{json}{fleet}{failures}, 2, 'the JSON has it');
    like(get('/page')->{body}, qr{not connected</span>, 0 answers, 2 failures},
         'and the page');
  }
}
