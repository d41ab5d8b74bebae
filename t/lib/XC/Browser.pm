package XC::Browser;

# Chromium without a window, driven over two pipes by its own protocol: JSON
# messages, each ended by NUL.

use strict;
use warnings;

use File::Temp ();
use IO::Handle;
use IO::Select;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX ();

use XC::JSON;

my $json = json_coder;

$SIG{PIPE} = 'IGNORE';


# Where the program is; undef: nowhere.
sub program {
    my ($found) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};

    return $found;
}


# Starts it.  Dies with its last words where it does not come up: a wrapper
# may be there without the program, or forbid it here.
sub new {
    my ($class) = @_;
    my $self = bless {
        dir => File::Temp->newdir('xc-browser-XXXXXXXX', TMPDIR => 1),
        buffer => '', number => 0, events => [], owner => $$,
    }, $class;

    $self->_start;
    if (!eval { $self->_attach; 1 }) {
        my ($last) = _slurp("$self->{dir}/err") =~ /(.*)\n\z/;
        $self->stop;
        die 'chromium does not start: ' . ($last // $@) . "\n";
    }
    return $self;
}


# What has happened so far: event(), requests() and faults() are of what comes.
sub forget {
    my ($self) = @_;

    $self->{events} = [];
    return;
}


# Shows a page, of so many pixels, and forgets the one before.
sub open_page {
    my ($self, $url, $width, $height) = @_;

    $self->forget;
    $self->call('Emulation.setDeviceMetricsOverride', width => $width,
         height => $height // 800, deviceScaleFactor => 1,
         mobile => $width < 600 ? JSON::PP::true : JSON::PP::false);
    $self->call('Page.navigate', url => $url);
    $self->event('Page.loadEventFired');
    return;
}


# Of what the page should believe: 'prefers-color-scheme' => 'dark'.
sub media {
    my ($self, %features) = @_;

    $self->call('Emulation.setEmulatedMedia', features =>
        [map { { name => $_, value => $features{$_} } } sort keys %features]);
    return;
}


# The value of an expression, or of what it promises.
sub evaluate {
    my ($self, $script) = @_;
    my $answer = $self->call('Runtime.evaluate', expression => $script,
        awaitPromise => JSON::PP::true, returnByValue => JSON::PP::true);

    die $json->encode($answer) if $answer->{exceptionDetails};
    return $answer->{result}{value};
}


sub requests {
    my ($self) = @_;

    return map { $_->{params}{request}{url} }
           grep { $_->{method} eq 'Network.requestWillBeSent' }
           @{ $self->{events} };
}


# What its console would show.
sub faults {
    my ($self) = @_;

    return join "\n", map { $json->encode($_) }
           grep { $_->{method} =~ /^(?:Runtime\.exceptionThrown|Log\.entryAdded
                                    |Runtime\.consoleAPICalled
                                    |Network\.loadingFailed)$/x }
           @{ $self->{events} };
}


# What axe-core, the file, finds in it and can't decide, but for rules that are
# left out: of each the rule, its help and where it is.
sub accessibility {
    my ($self, $axe, @but) = @_;
    my $script = _slurp($axe);
    my %but = map { $_ => { enabled => JSON::PP::false } } @but;
    my $rules = $json->encode(\%but);

    utf8::decode($script);
    $self->evaluate("$script; 0");
    my $found = $self->evaluate(<<"END");
axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',
                    'best-practice'], rules: $rules })
.then(r => JSON.stringify([...r.violations, ...r.incomplete].map(v =>
    [v.id, v.help, ...v.nodes.map(n => n.html.slice(0, 100) + ' '
                                       + n.failureSummary)])))
END
    return json_coder->utf8(0)->decode($found);
}


# The whole page, also what is below the window's edge, as PNG.
sub picture {
    my ($self, $file, $width, $height) = @_;
    my $shot = $self->call('Page.captureScreenshot', format => 'png',
                           captureBeyondViewport => JSON::PP::true,
                           clip => { x => 0, y => 0, width => $width,
                                     height => $height, scale => 1 });

    _spew($file, decode_base64($shot->{data}));
    return;
}


# The page as printed on A4.
sub pdf {
    my ($self, $file) = @_;
    my $pdf = $self->call('Page.printToPDF', paperWidth => 8.27,
                          paperHeight => 11.69);

    _spew($file, decode_base64($pdf->{data}));
    return;
}


sub call {
    my ($self, $method, %params) = @_;
    my $id = ++$self->{number};
    my $session = $self->{session};

    print { $self->{to} } $json->encode({ id => $id, method => $method,
        params => \%params, $session ? (sessionId => $session) : () }), "\0"
        or die "the browser is gone\n";
    while (1) {
        my $m = $self->_message;
        if (!defined $m->{id}) {
            push @{ $self->{events} }, $m;
        } elsif ($m->{id} == $id) {
            die "$method: $m->{error}{message}\n" if $m->{error};
            return $m->{result};
        }
    }
}


# Waits for an event, where it has not come yet.
sub event {
    my ($self, $method) = @_;

    push @{ $self->{events} }, $self->_message
        until grep { $_->{method} eq $method } @{ $self->{events} };
    return;
}


sub stop {
    my ($self) = @_;
    my $group = delete $self->{pid} or return;

    eval { print { $self->{to} } $json->encode({ id => ++$self->{number},
                                     method => 'Browser.close' }), "\0" };
    close $self->{to};
    kill 'KILL', -$group;
    waitpid $group, 0;
    return;
}


sub DESTROY {
    my ($self) = @_;

    local $?;
    $self->stop if $self->{owner} == $$;
    return;
}


sub _start {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $browser = program() or die "no chromium\n";

    pipe my $in, $self->{to} or die $!;
    pipe $self->{from}, my $out or die $!;
    _spew("$dir/err", '');

    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
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
    $self->{to}->autoflush(1);
    return;
}


sub _attach {
    my ($self) = @_;
    my @targets = @{ $self->call('Target.getTargets')->{targetInfos} };
    my ($page) = grep { $_->{type} eq 'page' } @targets;
    my $id = $page ? $page->{targetId}
                   : $self->call('Target.createTarget', url => 'about:blank')
                     ->{targetId};

    $self->{session} = $self->call('Target.attachToTarget', targetId => $id,
                                   flatten => JSON::PP::true)->{sessionId};
    $self->call("$_.enable") for qw(Page Network Runtime Log);
    return;
}


sub _message {
    my ($self) = @_;

    while ($self->{buffer} !~ /\0/) {
        IO::Select->new($self->{from})->can_read(60)
            or die "the browser hangs\n";
        sysread $self->{from}, $self->{buffer}, 65_536, length $self->{buffer}
            or die "the browser is gone\n";
    }
    $self->{buffer} =~ s/\A([^\0]*)\0//;
    return $json->decode($1);
}


sub _slurp {
    my ($file) = @_;

    open my $fh, '<:raw', $file or die "$file: $!";
    local $/;
    return scalar(<$fh>) // '';
}


sub _spew {
    my ($file, $bytes) = @_;

    open my $fh, '>:raw', $file or die "$file: $!";
    print $fh $bytes;
    close $fh or die "$file: $!";
    return;
}


1;
