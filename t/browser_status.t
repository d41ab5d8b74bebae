#!/usr/bin/env perl

# The status page in a browser: of a gate that nobody has asked yet, and of one
# that has refused for many reasons, with its agencies; a phone's width and a
# desk's, light and dark.  Nothing is fetched but the page, nothing lies beyond
# the edge, an HTML validator and an accessibility checker find nothing; and it
# is live: what has been asked meanwhile shows by itself.  Screenshots are left
# under screenshots/ in the build directory.

use strict;
use warnings;
use utf8;

use File::Path qw(make_path);
use JSON::PP;
use Test::More;

use XC::Browser;
use XC::Gate;
use XC::Nginx;
use XC::Policy;

plan skip_all => 'no chromium: the page is not looked at (./xc deps browser)'
    if !XC::Browser::program();

my $t = XC::Nginx->new;
my $screenshots = ($ENV{XC_BUILD} // $t->root . '/build') . '/screenshots';
my $modules = $t->root . '/build/browser/node_modules';
my $axe = "$modules/axe-core/axe.min.js";
my $validate = "$modules/.bin/html-validate";
my $json = JSON::PP->new;
my ($browser, $policy, $base);

make_path($screenshots);
alarm 280;

SKIP: {
    skip $@, 1 if !eval { $browser = XC::Browser->new };
    start();
    looked_at('quiet', 'page', $_, 'light') for 360, 1200;
    traffic();
    for my $width (360, 1200) {
        looked_at('busy', 'agencies', $width, $_) for qw(light dark);
    }
    live();
    valid();
    undef $browser;
    $t->finish;
}

done_testing;


# Names as long as they get, and such as want to be markup.
sub start {
    my $long = '中华人民共和国国家市场监督管理总局网络交易监督管理司';
    my $n = 0;

    $policy = XC::Policy->new(transport => 'any');
    $policy->data->{rates}{slow} = { rate => '1r/m', burst => 1, per_day => 50,
                                     refusals => '1000r/s' };
    for my $id ('320500', '330100-' . 'x' x 50, '440300') {
        $policy->add_agency($id, 'city', $policy->ed25519($id, "$id-1"),
                            name => "$long<b>\"&amp;", rate => 'slow',
                            region => substr $id, 0, 6);
    }
    for my $days (1, 5, 20, 80) {
        my $c = $policy->ed25519("e$n", 'ends-' . ++$n . '-' . 'k' x 40);

        $c->{not_before} = '2020-01-01T00:00:00Z';
        $c->{not_after} = day($days);
        push @{ $policy->agency('320500')->{credentials} }, $c;
    }
    $t->policy($policy);
    $t->backend;
    $t->gate_conf(server => 'location = /page { xc_status html; }'
                            . ' location = /agencies { xc_status html agencies; }');
    $t->run;
    $base = 'http://127.0.0.1:' . $t->port('http');
}


sub day {
    my @t = gmtime(time + 86_400 * $_[0] - 60);

    return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900, $t[4] + 1,
                   @t[3, 2, 1, 0];
}


sub ask {
    my ($agency, $target, %o) = @_;

    return $t->client(tls => 0, key => $policy->key($agency))
             ->request('GET', $target // $policy->query, \%o);
}


sub traffic {
    admitted($t, "a county's $_", ask('310115')) for 1 .. 3;
    admitted($t, "a city's $_", ask('320500'), agency => '320500') for 1, 2;
    refused($t, "a city's $_", ask('320500'), 'rate-exceeded',
            agency => '320500') for 3 .. 5;
    refused($t, 'a field', ask('310115',
                               $policy->query(fields => 'livestream.host')),
            'field-not-granted');
    refused($t, 'a path', ask('310115', '/xc/v1/nothing'), 'operation-unknown');
    refused($t, "unsigned $_", ask('310115', undef, sign => 0),
            'credential-missing') for 1, 2;
}


sub looked_at {
    my ($name, $path, $width, $scheme) = @_;
    my $what = "$name, $width px, $scheme";
    my $url = "$base/$path";

    $browser->media('prefers-color-scheme' => $scheme);
    $browser->open_page($url, $width);
    still();
    my $seen = inspect();

    is_deeply($seen->{h1}, ['Gate status 网关状态'],
              "$what: one heading of the first order");
    is_deeply([$browser->requests], [$url], "$what: fetches nothing else");
    is($browser->faults, '', "$what: no error");
    cmp_ok($seen->{scroll}, '<=', $width, "$what: no scrolling sideways");
    is_deeply($seen->{beyond}, [], "$what: nothing beyond the edge");
    is_deeply($seen->{cut}, [], "$what: nothing cut off");
    cmp_ok($seen->{smallest}, '>=', 11, "$what: text can be read");
    is($seen->{dark}, $scheme eq 'dark' ? JSON::PP::true : JSON::PP::false,
       "$what: as light as was asked for");
    cmp_ok($seen->{bars}, $name eq 'quiet' ? '==' : '>', 0,
           "$what: bars of what there was");
    is($seen->{markup}, 0, "$what: a name makes no element");

    my $file = "$screenshots/status-$name-$width-$scheme.png";
    $browser->picture($file, $width, $seen->{height});
    cmp_ok(-s $file, '>', 5000, "$what: is drawn");
    accessible($what);
}


# It would load itself again while it is looked at.
sub still { $browser->evaluate('window.stop()') }


sub inspect {
    my $script = <<'END';
(() => {
    const box = e => e.getBoundingClientRect();
    const all = q => [...document.querySelectorAll(q)];
    const w = document.documentElement.clientWidth;
    const sum = c => c.match(/\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0);
    const of = e => e.tagName + ' ' + e.textContent.slice(0, 60);

    return JSON.stringify({
        h1: all('h1').map(e => e.textContent),
        scroll: document.documentElement.scrollWidth,
        height: document.documentElement.scrollHeight,
        beyond: all('body *').filter(e => box(e).right > w + 0.5
                                          || box(e).left < -0.5).map(of),
        cut: all('.box,td,th').filter(e => e.scrollWidth > e.clientWidth + 1)
             .map(of),
        smallest: Math.min(...all('body *').map(e =>
            parseFloat(getComputedStyle(e).fontSize))),
        dark: sum(getComputedStyle(document.documentElement).backgroundColor
                  .replace('rgba(0, 0, 0, 0)',
                      getComputedStyle(document.body).backgroundColor
                      .replace('rgba(0, 0, 0, 0)', 'rgb(255, 255, 255)')))
              < 384,
        bars: all('svg rect').filter(e => box(e).height > 0).length,
        markup: all('b').length,
    });
})()
END

    return $json->decode($browser->evaluate($script));
}


# That it loads itself again is what it is for.
sub accessible {
    my ($what) = @_;

    SKIP: {
        skip 'axe-core is not installed: ./xc deps browser', 1 if !-e $axe;
        my $found = $browser->accessibility($axe, 'meta-refresh');
        is_deeply($found, [], "$what: axe-core finds nothing")
            or diag(explain($found));
    }
}


sub live {
    my $read = sub { $browser->evaluate(<<'END') };
[...document.querySelectorAll('tr')]
.find(e => /^Admitted/.test(e.textContent)).lastElementChild.textContent
END

    $browser->open_page("$base/page", 1200);
    my $before = $read->();
    admitted($t, 'live: one more', ask('310115'));
    $browser->forget;
    $browser->event('Page.loadEventFired');
    is($before, 5, 'live: what it has shown');
    is($read->(), 6, 'live: what it shows by itself');
    is($browser->faults, '', 'live: no error');
}


sub valid {
    SKIP: {
        skip 'html-validate is not installed: ./xc deps browser', 2
            if !-e $validate;
        $t->write_file('.htmlvalidate.json', <<'END');
{ "root": true, "extends": ["html-validate:standard", "html-validate:a11y"],
  "rules": { "meta-refresh": "off" } }
END
        for my $name (qw(page agencies)) {
            my $file = $t->path("$name.html");
            system 'curl', '-sS', '-o', $file, "$base/$name";
            my $out = `'$validate' -f text --max-warnings 0 '$file' 2>&1`;
            is($?, 0, "$name: html-validate finds nothing") or diag($out);
        }
    }
}
