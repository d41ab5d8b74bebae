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

use Test::More;

use XC::Browser;
use XC::Gate;
use XC::Nginx;
use XC::Page;
use XC::Policy;

plan skip_all => 'no chromium: the page is not looked at (./xc deps browser)'
    if !XC::Browser::program();

my $t = XC::Nginx->new;
my ($page, $browser, $policy, $base);

alarm 280;

SKIP: {
    # that it loads itself again is what it is for
    skip $@, 1 if !eval {
        $page = XC::Page->new($t, smallest => 11, without => ['meta-refresh'])
    };
    $browser = $page->browser;
    start();
    looked_at('quiet', 'page', $_, 'light') for 360, 1200;
    traffic();
    for my $width (360, 1200) {
        looked_at('busy', 'agencies', $width, $_) for qw(light dark);
    }
    live();
    $page->valid(map { [$_, "$base/$_"] } qw(page agencies));
    undef $browser;
    undef $page;
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
    my $seen = $page->inspect(<<'END');
        cut: all('.box,td,th').filter(e => e.scrollWidth > e.clientWidth + 1)
             .map(of),
        bars: all('svg rect').filter(e => box(e).height > 0).length,
        markup: all('b').length,
END

    is_deeply($seen->{cut}, [], "$what: nothing cut off");
    cmp_ok($seen->{bars}, $name eq 'quiet' ? '==' : '>', 0,
           "$what: bars of what there was");
    is($seen->{markup}, 0, "$what: a name makes no element");
    $page->holds($seen, what => $what, url => $url, width => $width,
                 scheme => $scheme, h1 => 'Gate status 网关状态',
                 name => "status-$name-$width-$scheme");
}


# It would load itself again while it is looked at.
sub still { $browser->evaluate('window.stop()') }


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
