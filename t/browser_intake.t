#!/usr/bin/env perl

# The intake page in a browser: both languages, a phone's width and a desk's,
# light, dark and printed; for one that has expired and one full of markup, too.
# Nothing is fetched but the page, nothing lies beyond the edge, links can be
# hit with a thumb; an HTML validator and an accessibility checker find nothing.
# Screenshots are left under screenshots/ in the build directory.

use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;

use XC::Browser;
use XC::Gate;
use XC::Log qw(slurp);
use XC::Nginx;
use XC::Page;

plan skip_all => 'no chromium: the page is not looked at (./xc deps browser)'
    if !XC::Browser::program();

my $t = XC::Nginx->new;
my $screenshots = ($ENV{XC_BUILD} // $t->root . '/build') . '/screenshots';
my ($page, $browser, $base);
my @languages = (['zh-CN', '接收协查方式', '电子邮件'],
                 ['en', 'How enforcement-assistance requests are received',
                  'E-mail']);
my $markup = q{"><script>alert(1)</script>&amp;<img src=x onerror=alert(2)>'};

alarm 280;

SKIP: {
    skip $@, 1 if !eval { $page = XC::Page->new($t, smallest => 12) };
    $browser = $page->browser;
    start();
    for my $language (@languages) {
        for my $width (360, 1200) {
            for my $scheme (qw(light dark)) {
                looked_at('current', @$language, $width, $scheme);
            }
        }
        looked_at('expired', @$language, 360, $_) for qw(light dark);
        looked_at('markup', @$language, 360, 'light');
        printed(@$language);
        past(@$language);
    }
    markup_is_text();
    followed();
    valid();
    undef $browser;
    undef $page;
    $t->finish;
}

done_testing;


# The sample's document with dates that stand, with such that don't, and with
# markup wherever it takes a text.
sub start {
    my $sample = JSON::PP->new->utf8->decode(slurp($t->root . '/conf/intake.json'));
    my %docs = (
        current => { %$sample, expires => '2099-12-31' },
        expired => { %$sample, updated => '2020-01-01',
                     expires => '2020-12-31' },
        markup => {
            platform => { name => $markup, role => 'platform',
                          name_en => $markup },
            channels => [map { { type => $_, address => "$_$markup",
                                 hours => $markup, hours_en => $markup,
                                 note => $markup, note_en => $markup } }
                         qw(email phone fax post 12315)],
            contacts => [{ name => $markup, phone => $markup,
                           email => "a\@b$markup", address => $markup,
                           note => $markup }],
            legal_basis => [$markup],
            updated => '2026-11-22', expires => '2099-12-31',
        },
    );
    my $locations = '';

    for my $name (sort keys %docs) {
        $t->write_file("$name.json",
                       JSON::PP->new->utf8->encode($docs{$name}));
        $locations .= "location = /$name { xc_intake $name.json; }\n";
    }
    $t->backend;
    $t->gate_conf(server => "xc enforce; "
        . "xc_policy %%ROOT%%/conf/policy.json; $locations");
    $t->run;
    $base = 'http://127.0.0.1:' . $t->port('http');
}


sub looked_at {
    my ($name, $lang, $title, $email, $width, $scheme) = @_;
    my $what = "$name, $lang, $width px, $scheme";
    my $url = "$base/$name?lang=$lang";

    $browser->media('prefers-color-scheme' => $scheme);
    $browser->open_page($url, $width, 640);
    my $seen = inspect();

    is($seen->{lang}, $lang, "$what: its language");
    is_deeply($seen->{thumb}, [], "$what: links are high enough for a thumb")
        if $width < 600;

    if ($name eq 'current') {
        cmp_ok($seen->{channels}[0][1], '<', 640,
               "$what: a channel is seen at once");
        is($seen->{channels}[1][0], $email, "$what: in the platform's order");
        is_deeply($seen->{calls}, ['tel:+86-21-0000-0000',
                                   'mailto:xc@platform.example'],
                  "$what: can be called and written to");
    }

    $page->holds($seen, what => $what, url => $url, width => $width,
                 scheme => $scheme, h1 => $title,
                 name => "intake-$name-$lang-$width-$scheme");
}


sub inspect {
    return $page->inspect(<<'END');
        lang: document.documentElement.lang,
        thumb: all('a').filter(e => !e.closest('header dl')
                                    && (box(e).height < 43.5
                                        || box(e).width < 43.5))
               .map(e => e.textContent),
        channels: all('ol li').map(e => [e.querySelector('h3').textContent,
                                         box(e).top]),
        calls: all('ol a[href^="tel:"], ol a[href^="mailto:"]')
               .map(e => e.getAttribute('href')).sort().reverse(),
END
}


sub printed {
    my ($lang) = @_;
    my $file = "$screenshots/intake-print-$lang.pdf";

    $browser->media('prefers-color-scheme' => 'dark');
    $browser->open_page("$base/current?lang=$lang", 1200);
    $browser->pdf($file);
    my $pages = () = slurp($file) =~ m{/Type\s*/Page\b}g;
    cmp_ok($pages, '>=', 1, "$lang: is printed");
    cmp_ok($pages, '<=', 4, "$lang: on few pages");

    $browser->call('Emulation.setEmulatedMedia', media => 'print',
                   features => [{ name => 'prefers-color-scheme',
                                  value => 'dark' }]);
    my $seen = inspect();
    is($seen->{dark}, JSON::PP::false, "$lang: ink on paper, in the dark too");
    is($browser->evaluate(q{getComputedStyle(document.querySelector('.lang'))
                            .display}), 'none', "$lang: no menu on paper");
    $browser->call('Emulation.setEmulatedMedia', media => '', features => []);
}


sub past {
    my ($lang) = @_;

    for my $case (['current', 0], ['expired', 1]) {
        $browser->open_page("$base/$case->[0]?lang=$lang", 360);
        my $notice = $browser->evaluate(
            q{document.querySelector('.past')?.textContent ?? ''});
        $case->[1] ? like($notice, qr/2020-12-31/, "$lang: says it has expired")
                   : is($notice, '', "$lang: does not say so before");
    }
}


sub markup_is_text {
    $browser->open_page("$base/markup", 360);
    is($browser->evaluate(q{document.querySelectorAll('script,img').length}),
       0, 'markup makes no element');
    is($browser->evaluate(q{document.querySelector('.of').textContent}),
       $markup, 'and is seen as it is');
}


# The links that lead from the page.
sub followed {
    $browser->open_page("$base/current?lang=zh-CN", 360);
    click('.lang a');
    is($browser->evaluate('document.documentElement.lang'), 'en',
       'a link leads to the other language');
    click('.links a');
    is($browser->evaluate('document.contentType'), 'application/json',
       'and one to the JSON');
}


sub click {
    my ($selector) = @_;

    $browser->forget;
    $browser->evaluate("document.querySelector('$selector').click()");
    $browser->event('Page.loadEventFired');
}


sub valid {
    $page->valid(map {
        my $name = $_;
        map { ["$name, $_->[0]", '-H', 'Accept: text/html',
               "$base/$name?lang=$_->[0]"] } @languages;
    } qw(current expired markup));
}
