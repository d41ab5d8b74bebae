package Chart;

# Bars of bench/compare: panels of rows, each row a sum of parts; SVG readable
# on light and on dark pages.

use strict;
use warnings;
use utf8;

my ($PAGE, $LEFT, $RIGHT, $ROW, $BAR) = (760, 214, 70, 26, 16);


# title: of the picture.  Panels: title; keys [[class, text]...] of the parts;
# rows [[text, [class, value]...]...].  Classes: bare, gate, rival, openssl.
sub draw {
    my ($title, @panels) = @_;
    my ($y, $body) = (8, '');

    for my $panel (@panels) {
        $body .= _panel($panel, $y);
        $y += 66 + $ROW * @{ $panel->{rows} };
    }
    $title = _text($title);
    return <<"END";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $PAGE $y" role="img"
 font-family="sans-serif" font-size="13">
<title>$title</title>
<style>
.page { fill: #ffffff }
text { fill: #1f2328 }
.title { font-size: 15px; font-weight: bold }
.name { text-anchor: end }
.key { font-size: 12px }
.bare { fill: #8c959f }
.gate { fill: #0969da }
.rival { fill: #bf8700 }
.openssl { fill: #1a7f64 }
\@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 }
text { fill: #e6edf3 }
.bare { fill: #6e7681 }
.gate { fill: #4493f8 }
.rival { fill: #d29922 }
.openssl { fill: #3fb68b }
}
</style>
<rect class="page" width="$PAGE" height="$y"/>
$body</svg>
END
}


sub _panel {
    my ($panel, $y) = @_;
    my $most = 1e-9;
    my $out = sprintf "<text class=\"title\" x=\"16\" y=\"%d\">%s</text>\n",
              $y + 18, _text($panel->{title});
    my $x = 16;

    for my $row (@{ $panel->{rows} }) {
        my $sum = _sum($row);
        $most = $sum if $sum > $most;
    }
    for my $key (@{ $panel->{keys} }) {
        $out .= sprintf "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"11\""
                        . " height=\"11\"/><text class=\"key\" x=\"%d\""
                        . " y=\"%d\">%s</text>\n", $key->[0], $x, $y + 29,
                        $x + 16, $y + 39, _text($key->[1]);
        $x += 34 + 6.6 * length $key->[1];
    }
    $y += 50;
    for my $row (@{ $panel->{rows} }) {
        $out .= _row($row, $y, ($PAGE - $LEFT - $RIGHT) / $most);
        $y += $ROW;
    }
    return $out;
}


sub _row {
    my ($row, $y, $scale) = @_;
    my ($name, @parts) = @$row;
    my $x = $LEFT;
    my $out = sprintf "<text class=\"name\" x=\"%d\" y=\"%d\">%s</text>\n",
              $LEFT - 8, $y + 13, _text($name);

    for my $part (@parts) {
        my $width = $part->[1] > 0 ? $part->[1] * $scale : 0;

        $out .= sprintf "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\""
                        . " height=\"%d\"/>\n", $part->[0], $x, $y, $width,
                        $BAR;
        $x += $width;
    }
    return $out . sprintf "<text x=\"%.1f\" y=\"%d\">%.1f</text>\n", $x + 6,
                  $y + 13, _sum($row);
}


sub _sum {
    my ($row) = @_;
    my $sum = 0;

    $sum += $_->[1] > 0 ? $_->[1] : 0 for @$row[1 .. $#$row];
    return $sum;
}


sub _text {
    my ($s) = @_;

    return $s =~ s/&/&amp;/gr =~ s/</&lt;/gr;
}

1;
