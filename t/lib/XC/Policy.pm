package XC::Policy;

# A small valid policy with keys made on the spot: a county (Ed25519), its
# province (HMAC) and the national agency (Ed25519).  Tests change the hash in
# {data} and write it again.

use strict;
use warnings;
use utf8;

use Crypt::PK::Ed25519;
use Crypt::PRNG qw(random_bytes);
use JSON::PP;
use MIME::Base64 qw(encode_base64);

use XC::JSON;

our $USCC  = '91310000MA1FL0000N';
our $PHONE = 'buyer.phone';          # known, not standard


# Overrides replace top-level members; undef removes one.
sub new {
    my ($class, %over) = @_;
    my $self = bless { keys => {} }, $class;
    my $data = $self->_sample;

    for my $k (keys %over) {
        if (defined $over{$k}) {
            $data->{$k} = $over{$k};
        } else {
            delete $data->{$k};
        }
    }
    $self->{data} = $data;
    return $self;
}


sub data { $_[0]{data} }


# The client's half of an agency's credential, for XC::Client: keyid, alg, and
# pk (Ed25519) or secret (bytes).
sub key {
    my ($self, $agency) = @_;

    return $self->{keys}{ $agency // '310115' } // die "no key of $agency";
}


sub agency {
    my ($self, $id) = @_;

    return (grep { $_->{id} eq $id } @{ $self->{data}{agencies} })[0];
}


sub operation {
    my ($self, $id) = @_;

    return (grep { $_->{id} eq $id } @{ $self->{data}{operations} })[0];
}


# A new Ed25519 credential: its policy entry; the key is kept under $name.
sub ed25519 {
    my ($self, $name, $keyid) = @_;
    my $pk = Crypt::PK::Ed25519->new->generate_key;

    $self->{keys}{$name} = { keyid => $keyid, alg => 'ed25519', pk => $pk };
    return { type => 'httpsig', keyid => $keyid, alg => 'ed25519',
             public_key => encode_base64($pk->export_key_raw('public'), '') };
}


# The same for HMAC.
sub hmac {
    my ($self, $name, $keyid) = @_;
    my $secret = random_bytes(32);

    $self->{keys}{$name} =
        { keyid => $keyid, alg => 'hmac-sha256', secret => $secret };
    return { type => 'httpsig', keyid => $keyid, alg => 'hmac-sha256',
             secret => encode_base64($secret, '') };
}


# A secret in the place of each Ed25519 key, for a test of thousands of requests
# that is not about signatures: the client takes 2 ms for such a one.
sub quick {
    my ($self) = @_;

    for my $name (keys %{ $self->{keys} }) {
        my $old = $self->{keys}{$name};
        next if $old->{alg} ne 'ed25519';
        for my $agency (@{ $self->{data}{agencies} }) {
            $_ = $_->{keyid} eq $old->{keyid}
                 ? $self->hmac($name, $old->{keyid}) : $_
                for @{ $agency->{credentials} };
        }
    }
    return $self;
}


# One more agency: level and credential (an entry from ed25519() or hmac()).
sub add_agency {
    my ($self, $id, $level, $credential, %more) = @_;

    push @{ $self->{data}{agencies} },
        { id => $id, name => "市场监督管理部门 $id", level => $level,
          region => $id, grants => ['standard'], rate => 'default',
          credentials => [$credential], %more };
    return $self;
}


sub json { json_coder->canonical->pretty->encode($_[0]{data}) }


sub write {
    my ($self, $path) = @_;

    open my $fh, '>:raw', "$path.new" or die "$path: $!";
    print $fh $self->json;
    close $fh or die "$path: $!";
    chmod 0640, "$path.new";
    rename "$path.new", $path or die "$path: $!";
    return $path;
}


# A request body that this policy allows to every agency.
sub body {
    my ($self, %over) = @_;
    my %b = (
        request_no  => '沪市监协查〔2026〕1182号',
        purpose     => 'case_investigation',
        case_no     => '沪市监案〔2026〕310号',
        legal_basis => '网络交易监督管理办法 第三十四条',
        officers    => [{ certificate => '31000000017' },
                        { certificate => '31000000018' }],
        subjects    => [{ type => 'merchant', id => $USCC }],
        window      => { from => '2026-10-01', to => '2026-11-01' },
        fields      => ['merchant.name', 'merchant.uscc',
                        'transaction.payment'],
        %over);

    delete $b{$_} for grep { !defined $b{$_} } keys %b;
    return json_coder->canonical->encode(\%b);
}


# The target of a query on a merchant that this policy allows.
sub query {
    my ($self, %over) = @_;
    my @q = ([fields => 'merchant.name,merchant.uscc'],
             [request_no => '沪市监协查〔2026〕1182号'],
             [purpose => 'case_investigation'],
             [case_no => '沪市监案〔2026〕310号']);
    my $subject = delete $over{subject} // $USCC;
    my @pairs;

    for my $q (@q) {
        my ($name, $value) = @$q;
        $value = delete $over{$name} if exists $over{$name};
        push @pairs, [$name, $value] if defined $value;
    }
    push @pairs, map { [$_, $over{$_}] } sort keys %over;

    return "/xc/v1/merchants/$subject?"
           . join '&', map { "$_->[0]=" . uri_escape($_->[1]) } @pairs;
}


sub uri_escape {
    my ($s) = @_;

    utf8::encode($s) if utf8::is_utf8($s);
    $s =~ s/([^0-9A-Za-z._~,-])/sprintf '%%%02X', ord $1/ge;
    return $s;
}


sub _field {
    my ($group, $zh, $en, $standard) = @_;

    return { group => $group, zh => $zh, en => $en,
             standard => $standard ? JSON::PP::true : JSON::PP::false };
}


sub _sample {
    my ($self) = @_;
    my %map = map { $_ => "/$_" } qw(fields request_no purpose case_no
        legal_basis officers subjects window category region approval);

    return {
        policy      => 'test',
        version     => '2026-11-22',
        transport   => 'tls',
        authorities => ['platform.example'],
        signature   => { max_age => 300, max_skew => 30, nonce => 'required' },
        limits      => { fields => 64, subjects => 50, string => 256,
                         depth => 8, window_days => 366 },
        purposes    => {
            case_investigation => { requires => ['case_no'] },
            accident_handling  => { urgent => JSON::PP::true },
            product_recall     => {},
            dispute_resolution => {},
        },
        fields => {
            'merchant.name'  => _field('identity', '名称（姓名）', 'Name', 1),
            'merchant.uscc'  => _field('identity', '统一社会信用代码',
                                       'Unified social credit code', 1),
            'goods.title'    => _field('goods', '商品名称', 'Title', 1),
            'transaction.payment' =>
                _field('transaction', '支付记录', 'Payment records', 1),
            'livestream.host' => _field('livestream', '主播', 'Host', 1),
            'merchant.bank_account' =>
                _field('identity', '收款账户', 'Account', 0),
            $PHONE => _field('transaction', '消费者电话',
                             "Consumer's phone", 0),
        },
        subject_types => {
            merchant  => { check => 'uscc' },
            order     => { pattern => '[0-9A-Za-z-]{6,64}' },
            live_room => {},
        },
        operations => [
            { id => 'submit', kind => 'submit', methods => ['POST'],
              path => '/xc/v1/requests', body => \%map,
              pass => ['/note', '/salt'] },
            { id => 'merchant', kind => 'query', methods => ['GET'],
              path => '/xc/v1/merchants/(?<subject>[0-9A-Z]{18})',
              subject_type => 'merchant',
              query => { map { $_ => $_ }
                         qw(fields request_no purpose case_no) } },
        ],
        patterns => {
            request_no => '\p{Han}[^\p{C}]{0,40}[〔\[]20[0-9]{2}[〕\]]'
                          . ' ?第?[0-9]{1,6} ?号',
        },
        grants => {
            standard => { groups => [qw(identity goods transaction)],
                          levels => [qw(county city province national)] },
            live     => { groups => ['livestream'],
                          levels => [qw(province national)] },
        },
        rates => {
            default  => { rate => '1000r/s', burst => 1000,
                          refusals => '1000r/s' },
            national => { rate => '1000r/s', burst => 2000,
                          refusals => '1000r/s' },
        },
        agencies => [
            { id => '310115', name => '上海市浦东新区市场监督管理局',
              level => 'county', region => '310115', parent => '310000',
              grants => ['standard'], rate => 'default',
              credentials => [$self->ed25519('310115', '310115-2026a')] },
            { id => '310000', name => '上海市市场监督管理局',
              level => 'province', region => '310000',
              grants => ['standard', 'live'], rate => 'default',
              credentials => [$self->hmac('310000', '310000-2026')] },
            { id => '000000', name => '国家市场监督管理总局',
              level => 'national', region => '000000',
              grants => ['standard', 'live'], rate => 'national',
              credentials => [$self->ed25519('000000', '000000-2026')] },
        ],
    };
}

1;
