#!/usr/bin/env bash
# The project's one entry: ./xc help.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD

# Debian packages by what needs them.
pkgs_build="nginx nginx-dev gcc libc6-dev make libpcre2-dev
            libjansson-dev libssl-dev zlib1g-dev libhiredis-dev"
pkgs_test="perl libcryptx-perl libcpanel-json-xs-perl libio-socket-ssl-perl
           curl openssl binutils redis-server"
pkgs_bench="wrk"
# what bench compare holds the gate against, and runs it with
pkgs_compare="libnginx-mod-http-lua lua-cjson libnginx-mod-http-js
              libnginx-mod-http-modsecurity wrk util-linux"
pkgs_lint="clang libclang-rt-14-dev shellcheck"
pkgs_analyze="clang clang-tidy cppcheck"
pkgs_package="build-essential debhelper dpkg-dev lintian fakeroot man-db
              libhiredis-dev logrotate"
pkgs_chroot="debootstrap"
# what some tests compare with, and skip where it is absent
pkgs_peers="golang-go golang-golang-x-mod-dev rsyslog logrotate prometheus
            python3-jwt python3-cryptography python3-jsonschema
            default-jdk-headless"
pkgs_browser="chromium fonts-noto-cjk"  # large: not among CI's
# and of npm what t/clients/package.json and t/browser/package.json name
npm_peers=$PWD/build/peers
npm_browser=$PWD/build/browser

# The tests that take longest, as prove --timer shows them.
long_tests="clients_docs nation browser_intake observe fleet_faults fleet_fake
            mtls monitoring monitoring_slices replay fleet jwt fleet_births
            fleet_conf signature body closed flood upgrade faults reload
            unicode docs checkpoint schema proxy evidence policy_tools clock
            fleet_model durable config audit_tools browser keys conformance"

export CC=${CC:-gcc}
export LC_ALL=C.UTF-8
nginx=${XC_NGINX:-}
nginx_src=${XC_NGINX_SRC:-/usr/share/nginx/src}
build=${XC_BUILD:-build}
jobs=$(nproc 2>/dev/null || echo 2)
cflags=${CFLAGS:--O2 -g}
sanitize=
if [ "${XC_SANITIZE:-0}" != 0 ]; then
    CC=gcc                          # its run time can be preloaded into nginx
    build=${XC_BUILD:-build-asan}
    sanitize="-fsanitize=address,undefined -fno-omit-frame-pointer"
    cflags="-O1 -g $sanitize"
fi
case $build in
    /*) ;;
    *) build=$root/$build ;;
esac


usage()
{
    cat <<'END'
./xc build          builds build/ngx_xc_module.so and build/xcctl
./xc test [FILE...] builds, then runs the tests (all, or those named)
./xc demo [--keep] [--nation]  builds, then shows the gate at work (with all
                    agencies of the nation)
./xc bench [WHAT...] builds, then measures: run, sync, audit, verify,
                    credentials, decide, limits, fleet, status, intake (all)
./xc bench compare|sweep  builds, then measures the gate beside what else could
                    be used; by connections, body, fields, credentials, log
./xc lint           compiles with gcc and clang, warnings being errors;
                    prints the sizes of files and functions
./xc analyze        gcc -fanalyzer, cppcheck and clang-tidy; what is known is
                    in tools/analyze.known; XC_ANALYZE_STATES=225000: deeper
./xc fuzz [SECONDS] runs the fuzz targets, so long in all (default 60)
./xc tsan [SECONDS] what processes and threads share, under ThreadSanitizer
./xc soak [SECONDS] mixed good and bad traffic for so long (default 900), with
                    reloads, rotations and a failing back end
./xc package [--chroot [SUITE...]]  builds Debian packages and runs lintian;
                    with --chroot in a new Debian (bookworm, trixie: both),
                    where they are installed, upgraded and removed, too, and
                    the tests run
./xc deps [lint|bench|package|peers|browser]  installs the Debian packages that
                    are missing; for peers and browser, npm packages too, into
                    build/
./xc clean          removes what was built

Environment: CC (gcc or clang), XC_SANITIZE=1 (ASan and UBSan, in
build-asan/), XC_BUILD (another build directory), XC_NGINX and XC_NGINX_SRC
(another nginx and its source), XC_JOBS (tests at a time), XC_KEEP=1 (tests
keep their directories).
END
}


say()
{
    printf 'xc: %s\n' "$*" >&2
}


die()
{
    say "$*"
    exit 1
}


as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "not root and no sudo; as root run: $*"
    fi
}


# A package that starts a service must not do so here: nginx is wanted as a
# program, not as this machine's web server.
apt_install()
{
    as_root env DEBIAN_FRONTEND=noninteractive sh -c '
        rc=/usr/sbin/policy-rc.d
        if [ ! -e $rc ]; then
            trap "rm -f $rc" EXIT
            trap "exit 1" HUP INT TERM
            printf "#!/bin/sh\nexit 101\n" >$rc
            chmod 755 $rc
        fi
        apt-get -qq update || echo "xc: apt-get update failed" >&2
        apt-get -qq -y --no-install-recommends install "$@" </dev/null >&2
    ' sh "$@"
}


# Installs what is missing of the packages named.
need()
{
    local p have missing=

    if ! command -v dpkg-query >/dev/null; then
        say "not Debian: have ready what these packages hold: $*"
        return
    fi

    have=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "$@" \
             2>/dev/null || true)"
    for p in "$@"; do
        case $have in
            *" installed=$p "*) ;;
            *) missing="$missing $p" ;;
        esac
    done

    if [ -n "$missing" ]; then
        say "installing$missing"
        apt_install $missing || die "could not install:$missing"
    fi
}


# What the first names, into the second.  Node need not be Debian's.  No
# package runs a script of its own.
need_npm()
{
    local names=$1/package.json into=$2

    if ! command -v npm >/dev/null; then
        need nodejs npm
    fi

    if cmp -s "$names" "$into/package.json" && [ -e "$into/installed" ]
    then
        return
    fi

    say "installing the packages of $names"
    rm -rf "$into"
    mkdir -p "$into"
    cp "$names" "$into"
    (cd "$into" && npm install --ignore-scripts --no-package-lock \
        --no-audit --no-fund --no-update-notifier --loglevel=error >&2) \
        || die "npm could not install them"
    touch "$into/installed"
}


find_nginx()
{
    if [ -z "$nginx" ]; then
        nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || die "no nginx found"
    fi
    export XC_NGINX=$nginx
}


# The value of one --with-...-opt='...' that this nginx was configured with.
nginx_opt()
{
    "$nginx" -V 2>&1 | sed -n "s/.*--with-$1-opt='\([^']*\)'.*/\1/p"
}


# What Debian's nginx lacks of it, and what another nginx may lack.
harden()
{
    local flow=

    case $(uname -m) in
        x86_64|i?86) flow=-fcf-protection ;;
    esac
    echo "-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 $flow"
}


# nginx's configure runs again only when something that it reads has changed.
configure_module()
{
    local bd=$build/nginx want cc_opt ld_opt log

    [ -x "$nginx_src/configure" ] || die "no nginx source in $nginx_src"

    cc_opt="$(nginx_opt cc) -Wall -Wextra -Wno-unused-parameter"
    ld_opt="$(nginx_opt ld) -Wl,-z,relro -Wl,-z,now"
    if [ -z "$sanitize" ]; then
        cc_opt="$cc_opt $(harden)"
    else
        cc_opt="$cc_opt -U_FORTIFY_SOURCE -O1 $sanitize"
        ld_opt="$ld_opt $sanitize"
    fi

    want=$(echo "$CC $root $nginx_src"; "$CC" --version | head -n 1
           "$nginx" -V 2>&1; echo "$cc_opt $ld_opt"
           cat config ngx_xc_module/core/sources
           echo "hiredis: ${XC_HIREDIS:-} $(dpkg-query -W libhiredis-dev 2>&1)"
           cat "$nginx_src/conf_flags" 2>/dev/null || true
           ls ngx_xc_module/*/*.h)

    if [ -f "$bd/Makefile" ] && [ "$(cat "$bd/stamp" 2>/dev/null)" = "$want" ]
    then
        return
    fi

    say "configuring against $("$nginx" -v 2>&1)"
    rm -rf "$bd"
    mkdir -p "$bd"
    log=$bd/configure.log

    NGX_CONF_FLAGS=(--with-compat --with-threads --with-http_ssl_module
                    --with-http_v2_module)
    if [ -f "$nginx_src/conf_flags" ]; then
        # shellcheck disable=SC1091
        . "$nginx_src/conf_flags"
    fi

    (cd "$nginx_src" && ./configure --with-cc="$CC" --with-cc-opt="$cc_opt" \
        --with-ld-opt="$ld_opt" "${NGX_CONF_FLAGS[@]}" \
        --add-dynamic-module="$root" --builddir="$bd") >"$log" 2>&1 \
        || { tail -n 20 "$log" >&2; die "configure failed: $log"; }

    printf '%s\n' "$want" >"$bd/stamp"
}


make_module()
{
    configure_module
    make -s -j "$jobs" -C "$nginx_src" -f "$build/nginx/Makefile" modules
    cmp -s "$build/nginx/ngx_xc_module.so" "$build/ngx_xc_module.so" \
        || install -m 644 "$build/nginx/ngx_xc_module.so" \
                   "$build/ngx_xc_module.so"
}


cmd_build()
{
    need $pkgs_build
    find_nginx
    mkdir -p "$build"
    (
        flock 9
        trap wait EXIT
        # beside nginx's configure, which keeps one processor busy
        make -s -j "$jobs" BUILD="$build" CFLAGS="$cflags" tool unit &
        make_module
        wait $!
    ) 9>"$build/lock"
}


# What stock nginx needs to load a module built with sanitizers.
preload()
{
    local lib keep=$build/keep_loaded.so

    "$CC" -shared -fPIC -o "$keep" t/lib/keep_loaded.c
    for lib in libasan.so libubsan.so; do
        readlink -f "$("$CC" -print-file-name=$lib)"
    done | paste -sd :
    echo "$keep"
}


# Leaks are found by tracing the process, which some containers forbid.
can_find_leaks()
{
    echo 'int main(void) { return 0; }' >"$build/probe.c"
    "$CC" -fsanitize=address -o "$build/probe" "$build/probe.c" \
        && ASAN_OPTIONS=detect_leaks=1 "$build/probe" >/dev/null 2>&1
}


# Builds, and says to the tests with what.
ready_to_test()
{
    need $pkgs_test
    cmd_build

    export XC_BUILD=$build XC_MODULE=$build/ngx_xc_module.so
    export XC_XCCTL=$build/xcctl
    if [ -n "$sanitize" ]; then
        XC_PRELOAD=$(preload | paste -sd :)
        export XC_PRELOAD
        export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
        export ASAN_OPTIONS=detect_stack_use_after_return=1
        if ! can_find_leaks; then
            say "no leak detection here"
            export XC_LEAKS=0 ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
        fi
    fi
}


cmd_test()
{
    local n

    ready_to_test
    if [ $# = 0 ]; then
        mapfile -t units < <(find "$build/unit" -name 'test_*' -perm -u+x \
                             -type f | sort)
        # the longest first, so that none of them is left alone at the end
        mapfile -t files < <(printf 't/%s.t\n' $long_tests
                             printf '%s\n' t/*.t)
        mapfile -t files < <(printf '%s\n' "${files[@]}" | awk '!n[$0]++')
        set -- "${files[@]}" "${units[@]}"
    fi

    # they wait about as long as they compute
    n=${XC_JOBS:-$((jobs * 4 > 12 ? 12 : jobs * 4))}
    prove -j "$n" -It/lib "$@"
}


cmd_soak()
{
    ready_to_test
    exec prove -v -It/lib t/soak.pl :: "${1:-900}"
}


cmd_lint()
{
    local cc

    need $pkgs_build $pkgs_lint
    for cc in gcc clang; do
        say "compiling with $cc"
        env -u XC_SANITIZE CC="$cc" XC_BUILD="build/lint-$cc" ./xc build
    done

    say "sizes (a file over 600 lines, a function over 60: two concerns?)"
    find ngx_xc_module -name '*.[ch]' | sort | xargs awk '
        function file() {
            if (name != "" && last > 600)
                printf "  %s: %d lines\n", name, last
        }
        FNR == 1 { file(); name = FILENAME; start = 0 }
        /^\{/    { start = FNR }
        /^\}/    { if (start && FNR - start > 61)
                       printf "  %s:%d: a function of %d lines\n",
                              FILENAME, start, FNR - start - 1
                   start = 0 }
                 { last = FNR }
        END      { file(); printf "  %d lines in all\n", NR }'
    if command -v shellcheck >/dev/null; then
        shellcheck -S warning xc .ci/run bench/run demo/run debian/make-site \
            debian/*.postinst debian/*.postrm \
            tools/{analyze,nginx-asan,package,package-life}
    fi
}


cmd_analyze()
{
    need $pkgs_analyze
    cmd_build
    export XC_BUILD=$build XC_NGINX_SRC=$nginx_src
    tools/analyze
}


cmd_fuzz()
{
    local secs=${1:-60} name f
    local -a all

    need $pkgs_build $pkgs_lint
    if ! compgen -G 't/fuzz/fuzz_*.c' >/dev/null; then
        say "no fuzz targets"
        return
    fi

    make -s -j "$jobs" BUILD="$build" CC=clang fuzz
    all=(t/fuzz/fuzz_*.c)
    secs=$((secs < ${#all[@]} ? 1 : secs / ${#all[@]}))
    for f in "${all[@]}"; do
        name=$(basename "$f" .c)
        mkdir -p "$build/fuzz/corpus/$name"
        set -- "$build/fuzz/corpus/$name"
        if [ -d "t/fuzz/corpus/$name" ]; then
            set -- "$@" "t/fuzz/corpus/$name"
        fi
        if [ -f "t/fuzz/$name.dict" ]; then
            set -- "$@" -dict="t/fuzz/$name.dict"
        fi
        say "fuzzing $name for ${secs}s"
        "$build/fuzz/$name" -max_total_time="$secs" -timeout=10 \
            -print_final_stats=0 -verbosity=0 \
            -artifact_prefix="$build/fuzz/$name-" "$@"
    done
}


# gcc's takes no fence for what it is; there is one, before others look.
cmd_tsan()
{
    need $pkgs_build
    make -s -j "$jobs" BUILD="$build/tsan" \
        CFLAGS="-O1 -g -fsanitize=thread -Wno-tsan" \
        "$build/tsan/unit/test_map_stress"
    XC_STRESS_S=${1:-5} TSAN_OPTIONS=halt_on_error=1 \
        "$build/tsan/unit/test_map_stress"
}


# demo and bench are scripts of their own; both find what was built here.
run_after_build()
{
    local script=$1

    shift
    [ -f "$script" ] || die "there is no $script yet"
    need $pkgs_test
    cmd_build
    export XC_BUILD=$build XC_MODULE=$build/ngx_xc_module.so
    export XC_XCCTL=$build/xcctl
    exec bash "$script" "$@"
}


cmd_package()
{
    need $pkgs_build
    if [ "${1:-}" = --chroot ]; then
        need $pkgs_chroot
    else
        need $pkgs_package
    fi
    export XC_BUILD=$build
    exec bash tools/package "$@"
}


# Debian's modules are of Debian's nginx; with another one bench/compare says
# which does not load.
cmd_compare()
{
    local cc="$CC -std=gnu11 -O2 -Wall -Wextra"

    need $pkgs_test $pkgs_compare
    cmd_build
    make -s BUILD="$build" "$build/post"
    $cc -o "$build/bench_openssl" bench/openssl.c -lcrypto
    $cc -shared -fPIC -o "$build/synctime.so" bench/synctime.c
    export XC_BUILD=$build XC_MODULE=$build/ngx_xc_module.so
    exec perl bench/compare "$1"
}


cmd=${1:-help}
[ $# = 0 ] || shift

case $cmd in
    build)  cmd_build ;;
    test)   cmd_test "$@" ;;
    demo)   run_after_build demo/run "$@" ;;
    bench)  case ${1:-} in
                compare|sweep) cmd_compare "$1" ;;
                *) need $pkgs_bench
                   run_after_build bench/run "$@" ;;
            esac ;;
    soak)   cmd_soak "$@" ;;
    lint)   cmd_lint ;;
    analyze) cmd_analyze ;;
    fuzz)   cmd_fuzz "$@" ;;
    package) cmd_package "$@" ;;
    tsan)   cmd_tsan "$@" ;;
    deps)   need $pkgs_build $pkgs_test
            case ${1:-} in
                lint)  need $pkgs_lint $pkgs_analyze ;;
                bench) need $pkgs_bench $pkgs_compare ;;
                package) need $pkgs_package ;;
                peers) need $pkgs_peers; need_npm t/clients "$npm_peers" ;;
                browser) need $pkgs_browser
                         need_npm t/browser "$npm_browser" ;;
            esac ;;
    clean)  rm -rf build build-asan ;;
    help|-h|--help) usage ;;
    *)      usage >&2; exit 2 ;;
esac
