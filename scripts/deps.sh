#!/bin/sh
# Install the Debian packages that a target needs, if any is missing and we may.
# usage: deps.sh build|check|bench|xen|models ...
set -eu

build="gcc libc6-dev make meson ninja-build pkg-config python3 libconfig-dev libelf-dev libdeflate-dev systemtap-sdt-dev"
check="$build git clang clang-format clang-tidy libclang-rt-14-dev libcmocka-dev libxen-dev patch"
bench="$build hyperfine valgrind gnuplot-nox"
xen="$build qemu-system-x86"
models="gcc libc6-dev python3 spin"

wanted=
for set in "$@"; do
    case $set in
    build) wanted="$wanted $build" ;;
    check) wanted="$wanted $check" ;;
    bench) wanted="$wanted $bench" ;;
    xen) wanted="$wanted $xen" ;;
    models) wanted="$wanted $models" ;;
    *) echo "deps.sh: unknown set '$set': use build, check, bench, xen or models" >&2; exit 2 ;;
    esac
done

if ! command -v dpkg-query >/dev/null; then
    echo "deps.sh: not a Debian system: install the equivalents of:$wanted" >&2
    exit 0
fi

missing=
for p in $wanted; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true) in
    installed) ;;
    *) missing="$missing $p" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "missing packages; as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "deps.sh: apt-get failed; install by hand:$missing" >&2
    exit 1
fi
