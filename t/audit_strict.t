#!/usr/bin/perl

# xcctl audit verify: what it reads of a record, what --strict adds, and what
# it tells of a log that is whole.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/lib';
use XC::Log;

my $root = abs_path(dirname(__FILE__) . '/..');
my $xcctl = $ENV{XC_XCCTL} // ($ENV{XC_BUILD} // "$root/build") . '/xcctl';
my $dir = File::Temp->newdir('xc-audit-XXXXXXXX', TMPDIR => 1);


cheap();
strict();
gates();
gaps();

done_testing;


# Of the two kinds of record that a log is made of only the beginning, the end
# and the characters are read: a line that the chain vouches for was written by
# the journal.  --strict reads them whole.
sub cheap {
    my $decision = '"event":"decision","id":"a","client":"192.0.2.1","decision'
                   . '":"allow","mode":"enforce","policy":{"id":"p"}';
    my $outcome = '"event":"outcome","id":"a","status":200,"bytes":1,"ms":1,'
                  . '"complete":true,"decision_seq":0';

    is((verify(chain(0, $decision, $outcome), '--strict'))[0], 0,
       'decision and outcome');

    for my $case (['no end', $decision . ',"x":[1', 'not JSON: ] or'],
                  ['a bare word', $decision . ',x', 'not JSON: a name'],
                  ['a member twice', $decision . ',"id":"b"', 'stands twice'],
                  ['a nested one twice', $decision . ',"x":{"a":1,"a":2}',
                   'stands twice'],
                  ['a bad escape', $decision . ',"x":"\\q"', 'not an escape'],
                  ['half an escape', $decision . ',"x":"\\u12"', 'an escape'],
                  ['a bad number', $decision . ',"x":01', 'is missing'],
                  ['nested too deeply', $decision . ',"x":' . '[' x 40
                   . ']' x 40, 'too deeply'])
    {
        my ($name, $members, $what) = @$case;
        my $text = chain(0, $members, $outcome);

        is((verify($text))[0], 0, "$name: the chain is whole");
        my ($status, $out) = verify($text, '--strict');
        is($status, 1, "$name: --strict finds it");
        like($out, qr/log:1: .*\Q$what\E/, 'and names it');
    }

    for my $case (['a control', "\x01", 'a control character'],
                  ['not UTF-8', "\xe6\xb2", 'not UTF-8'],
                  ['a surrogate', "\xed\xa0\x80", 'not UTF-8'],
                  ['an overlong form', "\xc0\xaf", 'not UTF-8'],
                  ['a NUL', "\0", 'a control character'])
    {
        my ($name, $octets, $what) = @$case;

        for my $pad (0, 5, 15, 16, 17, 40) {
            my $text = chain(0, $decision . ',"x":"' . 'x' x $pad . $octets
                                . 'x' x 20 . '"', $outcome);

            for my $option ([], ['--strict']) {
                my ($status, $out) = verify($text, @$option);

                ok($status == 1 && $out =~ /log:1: .*\Q$what\E/,
                   "$name behind $pad octets is found @$option")
                    or diag($out);
            }
        }
    }

    # what a member's text holds is no member
    my ($status, $out) = verify(chain(0,
        '"event":"decision","id":"a","covered":{"decision":"allow"},'
        . '"decision":"deny","mode":"enforce"',
        '"event":"decision","id":"b","uri":"/,\"decision\":\"allow\"",'
        . '"decision":"deny","mode":"enforce"'));
    unlike($out, qr/without an outcome/, 'a text is no decision');

    # a decision that ends far from its line's end
    ($status, $out) = verify(chain(0, '"event":"decision","decision":"allow",'
                                      . '"x":"' . 'x' x 600 . '"'));
    like($out, qr/^1 admitted decisions without/m, 'one far from the end');
}


sub strict {
    my %base = (id => '"a"', client => '"192.0.2.1"', decision => '"allow"',
                mode => '"enforce"', policy => '{"id":"p"}');
    my $members = sub {
        my %m = (%base, @_);
        return join ',', '"event":"decision"',
                    map { "\"$_\":$m{$_}" } grep { defined $m{$_} } sort keys %m;
    };

    is((verify(chain(0, $members->(tls => 'null', subjects =>
               '[{"type":"m","id":"' . 'a' x 64 . '"}]', fields => '["a","b"]',
               officers => '["' . '0' x 64 . '"]', sweep => 'true',
               x => '-1.5e3', window => '{}', refused => '[]')),
               '--strict'))[0], 0, 'types as they have to be');

    for my $case ([id => '1'], [id => undef], [client => undef],
                  [mode => '{}'], [policy => '"p"'], [tls => 'true'],
                  [fields => '"a"'], [fields => '[1]'],
                  [fields => '["a",["b"]]'], [officers => '["a"]'],
                  [officers => '["' . 'A' x 64 . '"]'], [sweep => '"true"'],
                  [subjects => '["a"]'], [window => '[]'], [uri => 'null'])
    {
        my ($name, $value) = @$case;
        my ($status, $out) = verify(chain(0, $members->($name => $value)),
                                    '--strict');

        ok($status == 1 && $out =~ /log:1: the member "$name"/,
           "$name: " . ($value // 'absent')) or diag($out);
    }

    my ($status, $out) = verify(chain(0, '"event":"other"'), '--strict');
    is($status, 1, 'an unknown event');
    is((verify(chain(0, '"event":"other"')))[0], 0, 'is no fault of a chain');
}


# Changes of mode and policy are no faults, but told.
sub gates {
    my ($status, $out);
    my $gates = sub {
        my ($event, $mode, $version, $sha) = @_;
        return "\"event\":\"$event\",\"gates\":[{\"server\":\"s\",\"location\""
               . ":\"/a\",\"mode\":\"$mode\",\"policy\":{\"id\":\"p\","
               . "\"version\":\"$version\"},\"policy_sha256\":\"$sha\"}]";
    };

    ($status, $out) = verify(chain(0, $gates->('start', 'enforce', 1, 'aa'),
        $gates->('reload', 'enforce', 1, 'aa'),
        $gates->('reload', 'observe', 1, 'aa'),
        '"event":"decision","decision":"deny","mode":"observe"',
        '"event":"outcome","decision_seq":3',
        $gates->('reload', 'enforce', 2, 'bb'),
        '"event":"reload","gates":[]'));
    is($status, 0, 'changes of mode and policy are no faults');
    is(join('|', $out =~ /log:(\d+: gate .*)/g),
       '3: gate s /a: mode was enforce, now observe'
       . '|6: gate s /a: mode was observe, now enforce'
       . '|6: gate s /a: policy was p 1, now p 2'
       . '|6: gate s /a: policy_sha256 was aa, now bb'
       . '|7: gate s /a: gone, mode was enforce', 'but told');
    like($out, qr/^1 refusals that observe let pass, seq 3 to 3$/m,
         'so is what observe let pass');

    ($status, $out) = verify(chain(0, $gates->('start', 'observe', 1, 'a')));
    like($out, qr/log:1: gate s .a: mode observe/, 'observe from the start');

    my $until = sub {
        return $gates->($_[0], "observe\",\"until\":\"$_[1]", 1, 'a');
    };
    ($status, $out) = verify(chain(0, $until->('start', '2026-12-01T00:00:00Z'),
        $until->('reload', '2026-12-01T00:00:00Z'),
        $until->('reload', '2027-01-01T00:00:00Z')));
    is(join('|', $out =~ /log:(\d+: gate .*)/g),
       '1: gate s /a: mode observe until 2026-12-01T00:00:00Z'
       . '|3: gate s /a: mode was observe until 2026-12-01T00:00:00Z,'
       . ' now observe until 2027-01-01T00:00:00Z', 'its end, and another');

    ($status, $out) = verify(chain(0, $gates->('start', '\u001b[2J', 1, 'a')));
    unlike($out, qr/\e/, 'what an escape hid does not reach the terminal');
}


sub gaps {
    my ($status, $out);
    my @beats = map { '"event":"heartbeat"' } 1 .. 3;

    unlike((verify(chain({ step => 1200 }, 0, @beats)))[1], qr/no record for/,
           'two heartbeats apart');
    ($status, $out) = verify(chain({ step => 1201 }, 0, @beats));
    is($status, 0, 'a stretch without a record is no fault');
    is(scalar(() = $out =~ /no\ record\ for\ 1201\ s\ since\ 20\S+Z,\ though\ a
                            \ heartbeat\ is\ due\ every\ 600\ s/gx), 2,
       'but told');
    unlike((verify(chain({ step => 1201 }, 0,
                         '"event":"start","heartbeat_ms":3600000,"gates":[]',
                         @beats)))[1], qr/no record for/, 'its length is told');
    like((verify(chain({ step => 121 }, 0,
                       '"event":"start","heartbeat_ms":59500,"gates":[]',
                       @beats)))[1], qr/no record for 121 s/, 'either way');
    unlike((verify(chain({ step => 7000 }, 0, '"event":"stop"',
                         '"event":"start"')))[1], qr/no record for/,
           'stopped is silent');
    like((verify(chain({ step => -3 }, 0, @beats)))[1],
         qr/log:2: the clock went back by 3\.000 s/, 'the clock went back');
}


sub verify {
    my ($text, @options) = @_;

    spew("$dir/log", $text);
    my $out = `$xcctl audit verify @options $dir/log 2>&1`;
    return ($? & 127 ? 'signal' : $? >> 8, $out);
}
