#!/usr/bin/env perl

# The page of `xcctl audit report --html` in a browser: it fetches nothing, no
# script fails, its charts are there, and it fits a desk's screen and a phone's.
# Screenshots are left under screenshots/ in the build directory.

use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp ();
use JSON::PP;
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/lib';
use XC::Browser;
use XC::Log;

plan skip_all => 'no chromium: the report is not looked at (./xc deps browser)'
    if !XC::Browser::program();

my $root = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{XC_BUILD} // "$root/build";
my $xcctl = $ENV{XC_XCCTL} // "$build/xcctl";
my $screenshots = "$build/screenshots";
my $dir = File::Temp->newdir('xc-browser-XXXXXXXX', TMPDIR => 1);
my $browser;

$SIG{$_} = sub { die "signal $_[0]\n" } for qw(INT TERM HUP);
$SIG{ALRM} = sub { die "the test takes too long\n" };
alarm($ENV{XC_TIMEOUT} // 300);
make_path($screenshots);

SKIP: {
    skip $@, 1 if !eval { $browser = XC::Browser->new };
    looked_at('days', 20, days());
    looked_at('months', 20, months());
    looked_at('empty', 0, '');
}

undef $browser;
done_testing;


sub decision {
    my ($id, $more) = @_;

    return "\"event\":\"decision\",\"id\":\"$id\",\"mode\":\"enforce\",$more";
}


sub allowed {
    my ($id, $agency, $more) = @_;

    return decision($id, "\"agency\":\"$agency\",\"decision\":\"allow\""
                         . ($more // ''));
}


sub denied {
    my ($id, $agency, $reason, @fields) = @_;

    return decision($id, "\"agency\":\"$agency\",\"decision\":\"deny\","
        . "\"reason\":\"$reason\",\"refused\":["
        . join(',', map { "{\"field\":\"$_\",\"reason\":\"x\"}" } @fields)
        . ']');
}


# Two months of a busy platform: names as long as they get, many of each.
sub days {
    my @reasons = qw(field-not-granted purpose-not-granted window-too-long
                     signature-stale subject-check-failed limit-requests);
    my @fields = qw(buyer.phone buyer.name buyer.address merchant.id_number
                    merchant.bank_account livestream.audience goods.supplier);
    my (@members, $at);

    for my $i (0 .. 599) {
        my $agency = 310000 + ($i * $i) % 23;
        my $id = "d$i";

        if ($i % 7 == 3) {
            push @members, denied($id, $agency, $reasons[$i % @reasons],
                                  map { $fields[$_ % @fields] } $i, $i / 2);
            next;
        }
        push @members, allowed($id, $agency,
            ',"request_no":"沪市监协查〔2026〕' . (1000 + $i) . '号"'
            . ($i % 11 == 5 ? ',"ref":"n1:' . $at . '"' : ''));
        $at = $#members;
        push @members, "\"event\":\"outcome\",\"id\":\"$id\",\"status\":200,"
            . '"ms":' . (3 + $i * 37 % 1900) . ',"reply":"'
            . ($i % 11 == 5 ? 'final' : 'received')
            . "\",\"decision_seq\":$#members";
    }
    push @members, '"event":"summary","client":"192.0.2.0/24","reason":'
                   . '"credential-missing","count":1234567';
    utf8::encode($_) for @members;
    return chain({ start => 1795342800 - 55 * 86400, step => 4200 }, 0,
                 @members);
}


# A year and a half.
sub months {
    return chain({ start => 1795342800 - 560 * 86400, step => 86400 }, 0,
        map { $_ % 4 ? allowed("m$_", 440000 + $_ % 3, ',"request_no":"'
                               . 'R' x 64 . '"')
                     : denied("m$_", '440300', 'x' x 40, 'y' x 60) } 0 .. 550);
}


# charts: so many shapes in them there are at least.
sub looked_at {
    my ($name, $shapes, $log) = @_;

    spew("$dir/log", $log);
    system("'$xcctl' audit report --html '$dir/log' >'$dir/$name.html'") == 0
        or die 'xcctl audit report';

    for my $width (1280, 360) {
        $browser->open_page("file://$dir/$name.html", $width);
        my $seen = inspect();
        my $what = "$name at $width px";

        is($seen->{title}, '协查审计报告 Audit report', "$what: is shown");
        is_deeply([$browser->requests], ["file://$dir/$name.html"],
                  "$what: nothing is fetched but the page");
        is($browser->faults, '', "$what: no error");
        cmp_ok($seen->{scroll}, '<=', $width, "$what: no scrolling sideways");
        is_deeply($seen->{beyond}, [], "$what: nothing beyond the edge");
        is_deeply($seen->{over}, [], "$what: no text over another");
        cmp_ok($seen->{smallest}, '>=', 9, "$what: text can be read");
        cmp_ok(scalar @{ $seen->{charts} }, '>=', 1, "$what: has charts");
        is((grep { $_->[0] < $width / 3 || $_->[1] < 12 }
            @{ $seen->{charts} }), 0, "$what: of some size")
            or diag(explain($seen->{charts}));
        cmp_ok($seen->{shapes}, '>=', $shapes, "$what: with something in them");
        my $file = "$screenshots/report-$name-$width.png";
        $browser->picture($file, $width, $seen->{height});
        cmp_ok(-s $file, '>', 5000, "$what: is drawn");
    }
}


sub inspect {
    my $script = <<'END';
(() => {
    const box = e => e.getBoundingClientRect();
    const all = q => [...document.querySelectorAll(q)];
    const texts = all('svg text').filter(e => box(e).width > 0);
    const shown = all('svg rect').filter(e => box(e).width > 0
                                              && box(e).height > 0);
    const over = [];

    for (const a of texts) {
        for (const b of texts) {
            const p = box(a), q = box(b);
            if (a !== b && a.ownerSVGElement === b.ownerSVGElement
                && p.left < q.right - 1 && q.left < p.right - 1
                && p.top + 4 < q.bottom - 4 && q.top + 4 < p.bottom - 4)
            {
                over.push(a.textContent + ' | ' + b.textContent);
            }
        }
    }
    const w = document.documentElement.clientWidth;

    return JSON.stringify({
        title: document.title,
        scroll: document.documentElement.scrollWidth,
        height: document.documentElement.scrollHeight,
        charts: all('svg').map(e => [box(e).width, box(e).height]),
        shapes: shown.length,
        beyond: all('body *').filter(e => box(e).right > w + 0.5
                                          || box(e).left < -0.5)
                .map(e => e.tagName + ' ' + e.textContent.slice(0, 60)),
        over: over,
        smallest: Math.min(99, ...texts.map(e =>
            parseFloat(getComputedStyle(e).fontSize)
            * e.getScreenCTM().a)),
    });
})()
END

    return JSON::PP->new->decode($browser->evaluate($script));
}
