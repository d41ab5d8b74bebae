package XC::Page;

# A page of the gate in a browser, and what each of them is held to.  Needs what
# ./xc deps browser installs; what is missing is skipped and said.

use strict;
use warnings;

use File::Path qw(make_path);
use JSON::PP;
use Test::More;

use XC::Browser;

my $json = JSON::PP->new;


# t (XC::Nginx); smallest: px of the least text; without: rules of axe-core and
# html-validate that are left out.  Dies where the browser does not start.
# Screenshots are left under screenshots/ in the build directory.
sub new {
    my ($class, $t, %o) = @_;
    my $modules = $t->root . '/build/browser/node_modules';
    my $self = bless {
        t => $t, smallest => $o{smallest}, without => $o{without} // [],
        screenshots => ($ENV{XC_BUILD} // $t->root . '/build')
                       . '/screenshots',
        axe => "$modules/axe-core/axe.min.js",
        validate => "$modules/.bin/html-validate",
        browser => XC::Browser->new }, $class;

    make_path($self->{screenshots});
    return $self;
}


sub browser { $_[0]{browser} }


# What stands where; more: members in JavaScript, with all(selector), box(e),
# of(e), an element's name and text, and sum(color).
sub inspect {
    my ($self, $more) = @_;

    return $json->decode($self->{browser}->evaluate(<<"END"));
(() => {
    const box = e => e.getBoundingClientRect();
    const all = q => [...document.querySelectorAll(q)];
    const w = document.documentElement.clientWidth;
    const sum = c => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0);
    const of = e => e.tagName + ' ' + e.textContent.slice(0, 60);
    const behind = (e, rest) => getComputedStyle(e).backgroundColor
                                .replace('rgba(0, 0, 0, 0)', rest);

    return JSON.stringify({
        h1: all('h1').map(e => e.textContent),
        scroll: document.documentElement.scrollWidth,
        height: document.documentElement.scrollHeight,
        beyond: all('body *').filter(e => box(e).right > w + 0.5
                                          || box(e).left < -0.5).map(of),
        smallest: Math.min(...all('body *').map(e =>
            parseFloat(getComputedStyle(e).fontSize))),
        dark: sum(behind(document.documentElement,
                         behind(document.body, 'rgb(255, 255, 255)'))) < 384,
        $more
    });
})()
END
}


# What inspect() has seen of the page at url, so wide and in that colour scheme;
# its name (of the screenshot, too) and its heading.
sub holds {
    my ($self, $seen, %o) = @_;
    my ($what, $browser) = ($o{what}, $self->{browser});

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is_deeply($seen->{h1}, [$o{h1}], "$what: one heading of the first order");
    is_deeply([$browser->requests], [$o{url}], "$what: fetches nothing else");
    is($browser->faults, '', "$what: no error");
    cmp_ok($seen->{scroll}, '<=', $o{width}, "$what: no scrolling sideways");
    is_deeply($seen->{beyond}, [], "$what: nothing beyond the edge");
    cmp_ok($seen->{smallest}, '>=', $self->{smallest},
           "$what: text can be read");
    is($seen->{dark}, $o{scheme} eq 'dark' ? JSON::PP::true : JSON::PP::false,
       "$what: as light as was asked for");

    my $file = "$self->{screenshots}/$o{name}.png";
    $browser->picture($file, $o{width}, $seen->{height});
    cmp_ok(-s $file, '>', 5000, "$what: is drawn");
    $self->_accessible($what);
}


# Neither violations nor what it could not decide.
sub _accessible {
    my ($self, $what) = @_;

    SKIP: {
        skip 'axe-core is not installed: ./xc deps browser', 1
            if !-e $self->{axe};
        my $found = $self->{browser}->accessibility($self->{axe},
                                                    @{ $self->{without} });
        is_deeply($found, [], "$what: axe-core finds nothing")
            or diag(explain($found));
    }
}


# Pages [name, arguments of curl...].
sub valid {
    my ($self, @pages) = @_;
    my $t = $self->{t};
    my %rules = map { $_ => 'off' } @{ $self->{without} };

    SKIP: {
        skip 'html-validate is not installed: ./xc deps browser',
            scalar @pages if !-e $self->{validate};
        $t->write_file('.htmlvalidate.json', JSON::PP->new->encode({
            root => JSON::PP::true, rules => \%rules,
            extends => ['html-validate:standard', 'html-validate:a11y'] }));
        for my $page (@pages) {
            my ($name, @curl) = @$page;
            my $file = $t->path($name =~ s/\W+/-/gr . '.html');
            system 'curl', '-sS', '-o', $file, @curl;
            my $out = `'$self->{validate}' -f text --max-warnings 0 '$file' 2>&1`;
            is($?, 0, "$name: html-validate finds nothing") or diag($out);
        }
    }
}

1;
