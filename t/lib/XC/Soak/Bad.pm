package XC::Soak::Bad;

# Requests that are refused, each for one reason: "reason" or, of more than one
# for the same, "reason/what".

use strict;
use warnings;
use utf8;

use Exporter qw(import);

use XC::Client;
use XC::Soak::Policy qw(any_of $SUBMIT);

our @EXPORT_OK = qw(bad reasons);

# [target, options, agency] of a client's request; undef: as a proper one's.
my %bad = (
    'credential-missing'   => sub { (undef, { sign => 0 }) },
    'credential-unknown'   => sub { (undef, { sign => { keyid => 'no' } }) },
    'credential-expired'   => sub { (undef, {}, 'expired') },
    'signature-invalid'    => sub { (undef, { sign => { raw_sig => sub {
        $_[0] ^ "\1" x length $_[0] } } }) },
    'signature-invalid/sm2' => sub { (undef, { sign => { raw_sig => sub {
        $_[0] ^ "\1" x length $_[0] } } }, '370000') },
    'signature-invalid/sm2-body' => sub { ($SUBMIT, { body => $_[0]->body,
        sign => { values => { 'content-digest' =>
            XC::Client::content_digest('sha-256', 'another body') } } },
        '370000') },
    'digest-mismatch/sm2'  => sub { ($SUBMIT, {
        body => $_[0]->body, sign => { digest_body => 'x' } }, '370000') },
    'signature-stale'      => sub { (undef, { sign => {
        created => int(time) - 4000 } }) },
    'signature-incomplete' => sub { (undef, { sign => {
        components => ['@method'] } }) },
    'authority-unknown'    => sub { (undef, { authority => 'x.example' }) },
    'header-reserved'      => sub { (undef, { headers => [
        ['X-XC-Agency', '000000']] }) },
    'path-invalid'         => sub { ("/xc//v1/merchants/$XC::Policy::USCC") },
    'operation-unknown'    => sub { ('/xc/v1/nothing') },
    'field-unknown'        => sub { ($_[0]->query(fields => 'a.b')) },
    'field-not-granted'    => sub { ($_[0]->query(
        fields => 'livestream.host')) },
    'field-list-missing'   => sub { ($_[0]->query(fields => undef)) },
    'purpose-not-allowed'  => sub { ($_[0]->query(purpose => 'curiosity')) },
    'request-invalid'      => sub { ($_[0]->query(request_no => 'x')) },
    'request-invalid/ticket' => sub { (undef, { headers => [
        ['XC-Request', 'e30.AAAA']] }) },
    'request-not-yours'    => sub { ("$SUBMIT/" . 'a' x 32) },
    'body-missing'         => sub { ($SUBMIT, { method => 'POST' }) },
    'body-invalid'         => sub { ($SUBMIT, { body => '{"a":' }) },
    'digest-mismatch'      => sub { ($SUBMIT, {
        body => $_[0]->body, sign => { digest_body => 'x' } }) },
    'media-type-unsupported' => sub { ($SUBMIT, { body => $_[0]->body,
        headers => [['Content-Type', 'text/plain']] }) },
    'body-too-large'       => sub { ($SUBMIT, {
        body => $_[0]->body(note => 'n' x 70_000) }) },
    'subject-required'     => sub { ($SUBMIT, {
        body => $_[0]->body(subjects => undef, window => undef) }) },
    'approval-required'    => sub { ($SUBMIT, {
        body => $_[0]->body(fields => ['buyer.phone']) }) },
    'approval-invalid'     => sub { ($SUBMIT, {
        body => $_[0]->body(approval => '沪市监协特〔2026〕7号') }) },
    'behalf-not-allowed'   => sub { (undef, {
        headers => [['XC-On-Behalf-Of', '310000']] }) },
    'source-not-allowed'   => sub { (undef, {}, 'elsewhere') },
    'sweep-not-authorized' => sub { ($SUBMIT, {
        body => $_[0]->body(subjects => undef) }) },
);


sub reasons { return sort keys %bad }


# One of them, under this policy: what it is, agency, method, target, options.
sub bad {
    my ($policy) = @_;
    my $what = any_of(reasons());
    my ($target, $o, $agency) = $bad{$what}->($policy);

    $target //= $policy->query;
    $o //= {};
    return ($what, $agency // '310115',
            delete $o->{method} // (defined $o->{body} ? 'POST' : 'GET'),
            $target, $o);
}

1;
