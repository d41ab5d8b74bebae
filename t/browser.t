#!/usr/bin/env perl

# The page of `xcctl audit report --html` in a browser: it fetches nothing, no
# script fails, its charts are there, and it fits a desk's screen and a phone's.
# Screenshots are left under artifacts/ in the build directory.

use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp ();
use IO::Handle;
use IO::Select;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/lib';
use XC::Log;

my ($browser) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};
plan skip_all => 'no chromium: the report is not looked at (./xc deps browser)'
    if !$browser;

my $root = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{XC_BUILD} // "$root/build";
my $xcctl = $ENV{XC_XCCTL} // "$build/xcctl";
my $artifacts = "$build/artifacts";
my $dir = File::Temp->newdir('xc-browser-XXXXXXXX', TMPDIR => 1);
my $json = JSON::PP->new->utf8;
my ($pid, $to, $from, $buffer, $number, $session, @events);

$SIG{$_} = sub { die "signal $_[0]\n" } for qw(INT TERM HUP);
$SIG{ALRM} = sub { die "the test takes too long\n" };
$SIG{PIPE} = 'IGNORE';
alarm($ENV{XC_TIMEOUT} // 150);
make_path($artifacts);

SKIP: {
    # a wrapper may be there without the program, or forbid it here
    skip 'chromium does not start: ' . (slurp("$dir/err") =~ /(.*)\n\z/)[0], 1
        if !start();
    looked_at('days', 20, days());
    looked_at('months', 20, months());
    looked_at('empty', 0, '');
}

END { local $?; stop() }

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
    my @members;

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
            . ($i % 11 == 5 ? ',"ref":"d' . ($i - 1) . '"' : ''));
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
        @events = ();
        call('Emulation.setDeviceMetricsOverride', width => $width,
             height => 800, deviceScaleFactor => 1,
             mobile => $width < 600 ? JSON::PP::true : JSON::PP::false);
        call('Page.navigate', url => "file://$dir/$name.html");
        event('Page.loadEventFired');
        my $seen = inspect();
        my $what = "$name at $width px";

        is($seen->{title}, '协查审计报告 Audit report', "$what: is shown");
        is_deeply([requests()], ["file://$dir/$name.html"],
                  "$what: nothing is fetched but the page");
        is(faults(), '', "$what: no error");
        cmp_ok($seen->{scroll}, '<=', $width, "$what: no scrolling sideways");
        is_deeply($seen->{beyond}, [], "$what: nothing beyond the edge");
        is_deeply($seen->{over}, [], "$what: no text over another");
        cmp_ok($seen->{smallest}, '>=', 9, "$what: text can be read");
        cmp_ok(scalar @{ $seen->{charts} }, '>=', 1, "$what: has charts");
        is((grep { $_->[0] < $width / 3 || $_->[1] < 12 }
            @{ $seen->{charts} }), 0, "$what: of some size")
            or diag(explain($seen->{charts}));
        cmp_ok($seen->{shapes}, '>=', $shapes, "$what: with something in them");
        picture("report-$name-$width.png", $seen->{height}, $width);
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
    my $answer = call('Runtime.evaluate', expression => $script);

    die $json->encode($answer) if !defined $answer->{result}{value};
    return JSON::PP->new->decode($answer->{result}{value});
}


sub requests {
    return map { $_->{params}{request}{url} }
           grep { $_->{method} eq 'Network.requestWillBeSent' } @events;
}


# What its console would show.
sub faults {
    return join "\n", map { $json->encode($_) }
           grep { $_->{method} =~ /^(?:Runtime\.exceptionThrown|Log\.entryAdded
                                    |Runtime\.consoleAPICalled
                                    |Network\.loadingFailed)$/x } @events;
}


sub picture {
    my ($file, $height, $width) = @_;
    my $shot = call('Page.captureScreenshot', format => 'png',
                    captureBeyondViewport => JSON::PP::true,
                    clip => { x => 0, y => 0, width => $width,
                              height => $height, scale => 1 });

    spew("$artifacts/$file", decode_base64($shot->{data}));
    cmp_ok(-s "$artifacts/$file", '>', 5000, "$file is drawn");
}


# The browser's protocol over two pipes: JSON, ended by NUL.  False: it doesn't
# come up.
sub start {
    pipe my $in, $to or die $!;
    pipe $from, my $out or die $!;
    spew("$dir/err", '');

    $pid = fork // die "fork: $!";
    if (!$pid) {
        setpgrp;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$dir/err";
        # off the numbers first, that neither lies on the other's
        my @fds = map { my $fd = fileno $_;
                        $fd = POSIX::dup($fd) while $fd < 5;
                        $fd } $in, $out;
        POSIX::dup2($fds[0], 3);
        POSIX::dup2($fds[1], 4);
        $ENV{HOME} = "$dir";
        { exec $browser, '--headless', '--no-sandbox', '--disable-gpu',
               '--disable-dev-shm-usage', '--no-first-run', '--hide-scrollbars',
               '--disable-background-networking', '--disable-extensions',
               '--disable-component-update', "--user-data-dir=$dir/profile",
               '--remote-debugging-pipe', 'about:blank'; }
        POSIX::_exit(127);
    }
    close $in;
    close $out;
    $to->autoflush(1);

    my $up = eval { attach(); 1 };
    return $up;
}


sub attach {
    my @targets = @{ call('Target.getTargets')->{targetInfos} };
    my ($page) = grep { $_->{type} eq 'page' } @targets;
    my $id = $page ? $page->{targetId}
                   : call('Target.createTarget', url => 'about:blank')
                     ->{targetId};

    $session = call('Target.attachToTarget', targetId => $id,
                    flatten => JSON::PP::true)->{sessionId};
    call("$_.enable") for qw(Page Network Runtime Log);
}


sub call {
    my ($method, %params) = @_;
    my $id = ++$number;

    print $to $json->encode({ id => $id, method => $method,
                              params => \%params,
                              $session ? (sessionId => $session) : () }), "\0"
        or die "the browser is gone\n";
    while (1) {
        my $m = message();
        if (!defined $m->{id}) {
            push @events, $m;
        } elsif ($m->{id} == $id) {
            die "$method: $m->{error}{message}\n" if $m->{error};
            return $m->{result};
        }
    }
}


# Waits for an event, where it has not come yet.
sub event {
    my ($method) = @_;

    push @events, message() until grep { $_->{method} eq $method } @events;
}


sub message {
    $buffer //= '';
    while ($buffer !~ /\0/) {
        IO::Select->new($from)->can_read(60) or die "the browser hangs\n";
        sysread $from, $buffer, 65_536, length $buffer
            or die "the browser is gone\n";
    }
    $buffer =~ s/\A([^\0]*)\0//;
    return $json->decode($1);
}


sub stop {
    my $group = $pid or return;

    undef $pid;
    eval { print $to $json->encode({ id => ++$number,
                                     method => 'Browser.close' }), "\0" };
    close $to;
    kill 'KILL', -$group;
    waitpid $group, 0;
}
