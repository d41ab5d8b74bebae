#!/usr/bin/env perl

# The samples around the log, with Debian's own programs: logrotate rotates it
# under load, rsyslog ships each line as it stands.  Neither runs as a service.

use strict;
use warnings;

use POSIX ();
use Test::More;

use XC::Chain;
use XC::Load;
use XC::Nginx;

$ENV{PATH} .= ':/usr/sbin:/sbin';

my $t = XC::Nginx->new(workers => 2);
my $state = $t->state_dir;
my $policy = $t->policy(transport => 'any');
my $client = $t->client(tls => 0);
my @running;

logrotate();
rsyslog();

$t->finish;
done_testing;


sub logrotate {
    SKIP: {
        skip 'no logrotate: conf/logrotate is not tested', 1
            if !has('logrotate');

        my $user = $t->worker_user;
        my $group = getgrgid($> == 0 ? (getpwnam $user)[3] : $));
        my $conf = $t->write_file('logrotate.conf',
            sample('logrotate', '/var/lib/nginx-xc' => $state,
                   'www-data www-data' => "$user $group"), 0644);
        my @rotate = ('logrotate', '-f', '-s', "$state/logrotate.state",
                      $conf);
        my $year = POSIX::strftime('%Y', gmtime);
        my $first = "$state/audit.log-@{[$year - 1]}1231";
        my ($status, $out);

        fresh();
        # as by a rotation of each month of three years and a half before
        my @before = map {
            sprintf '%s/audit.log-%04d%02d01', $state,
                    $year - 4 + int($_ / 12), 1 + $_ % 12
        } 0 .. 41;
        for my $file (@before) {
            $t->write_file($file, '', 0600);
            $t->_own($file);
        }

        my %old = map { $_ => 1 } @before;
        my $load = XC::Load->new($t, 4, keepalive => 0);
        for my $i (1, 2) {
            my $n = () = $load->answers;
            $t->wait_for(sub { (() = $load->answers) > $n + 40 });
            ($status, $out) = run(@rotate);
            is($status, 0, "logrotate: rotation $i") or diag($out);
            my ($rotated) = grep { $_ ne $first && !$old{$_} }
                            glob "$state/audit.log-????????";
            ok(defined $rotated, "logrotate: rotation $i: renamed") or last;
            ok($t->wait_for(sub { -s "$state/audit.log" }),
               "logrotate: rotation $i: the gate has made its own");
            # the next would not rotate twice on one day
            rename $rotated, $first if $i == 1;
        }
        my @answers = $load->end;
        $t->stop;

        is(sprintf('%04o', ((stat $first)[2] // 0) & 07777),
           '0600', 'logrotate: for nobody else\'s eyes');
        my @kept = grep { -e } @before;
        is("@kept", "@before", 'logrotate: it removes none');
        unlink @kept;

        whole($t, 'logrotate', answers => \@answers);
        is(() = log_files($t), 3, 'logrotate: three files');
    }
}


sub rsyslog {
    SKIP: {
        skip 'no rsyslogd: conf/rsyslog.conf is not tested', 1
            if !has('rsyslogd');

        my $port = $t->port('archive');
        my $archive = $t->path('archive');
        $t->write_file('archive.conf', "global(workDirectory=\"$archive.work\")\n"
            . sample('rsyslog-archive.conf', '/srv/xc-archive' => $archive,
                     '0.0.0.0' => '127.0.0.1', '6514' => $port));
        $t->write_file('ship.conf', 'global(workDirectory="'
            . $t->path('ship.work') . "\")\n"
            . sample('rsyslog.conf', '/var/lib/nginx-xc' => $state,
                     'archive.example' => '127.0.0.1', '6514' => $port,
                     'Interval="10"' => 'Interval="1"'));
        mkdir $_ for "$archive.work", $t->path('ship.work');
        for my $conf (qw(archive.conf ship.conf)) {
            my ($status, $out) = run('rsyslogd', '-N1', '-f', $t->path($conf));
            is($status, 0, "rsyslog: $conf") or diag($out);
        }

        # while the archive is away, over a rotation, and the longest line
        fresh();
        rsyslogd('ship');
        ask() for 1 .. 5;
        rsyslogd('archive');
        ok($t->wait_for(sub { shipped() =~ tr/\n// >= 11 }),
           'rsyslog: what the archive has missed');
        my $load = XC::Load->new($t, 4, keepalive => 0);
        for my $i (1 .. 2) {
            my $n = () = $load->answers;
            $t->wait_for(sub { (() = $load->answers) > $n + 40 });
            rename "$state/audit.log", "$state/audit.log.$i" or die $!;
            $t->wait_for(sub { -s "$state/audit.log" });
            # rsyslog finds a renamed file by its name, one at a time
            $t->wait_for(sub { shipped() =~ /"seq":@{[first_seq()]},/ });
        }
        $load->end;
        $t->stop;
        whole($t, 'rsyslog');
        my $lines = join '', map { $t->read_file($_) } log_files($t);
        $t->wait_for(sub { length shipped() >= length $lines });
        is_deeply([split /\n/, shipped()], [split /\n/, $lines],
                  'rsyslog: every line, to the byte');

        my $long = '{"x":"' . ('\\u0000\\"' . "\xe7\x9b\x91 " x 3) x 3000;
        $long .= 'y' x (65_534 - length $long) . '"}';
        is(length $long, 65_536, 'rsyslog: a line of 64 KiB');
        open my $fh, '>>:raw', "$state/audit.log" or die $!;
        print $fh "$long\n";
        close $fh or die $!;
        $lines .= "$long\n";
        $t->wait_for(sub { length shipped() >= length $lines });
        ok(shipped() eq $lines, 'rsyslog: is not cut');

        kill 'TERM', @running;
        waitpid $_, 0 for splice @running;
    }
}


sub first_seq {
    return $t->read_file("$state/audit.log") =~ /\A\{"seq":(\d+),/ ? $1 : -1;
}


sub shipped { $t->read_file('archive/127.0.0.1/audit.log') // '' }


sub rsyslogd {
    my ($name) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        alarm 0;
        open STDOUT, '>', $t->path("$name.out");
        open STDERR, '>&', \*STDOUT;
        exec 'rsyslogd', '-n', '-iNONE', '-f', $t->path("$name.conf")
            or POSIX::_exit(127);
    }
    push @running, $pid;
}


# A sample, with the test's paths instead of its own.
sub sample {
    my ($name, %instead) = @_;
    my $text = $t->read_file($t->root . "/conf/$name");

    for my $from (keys %instead) {
        $text =~ s/\Q$from\E/$instead{$from}/g or die "$name: no $from";
    }
    return $text;
}


sub has {
    my ($program) = @_;

    return scalar grep { -x "$_/$program" } split /:/, $ENV{PATH};
}


sub ask { $client->request('GET', $policy->query) }


sub fresh {
    $t->stop;
    system 'rm', '-rf', $state;
    $t->backend->forget;
    $t->gate_conf;
    $t->run;
}


# Exit status and all output.
sub run {
    my @command = @_;

    open my $out, '-|', "exec @{[map { quotemeta } @command]} 2>&1"
        or die "$command[0]: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8 || $? & 127, $text);
}


END {
    local $?;
    kill 'KILL', @running if @running && $$ == ($t ? $t->{owner} : 0);
}
