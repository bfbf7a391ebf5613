#!/bin/sh
# `make faults` and `make soak`: what takes longer than `make check` gives it. Ends with the sum.
# usage: long.sh faults MOMENTS | soak SECONDS
set -u
cd "$(dirname "$0")/.."
scripts/deps.sh check || exit 1
if [ -f build/build.ninja ]; then
    # `make run` leaves a build without tests.
    meson setup --reconfigure build -Dtests=true >/dev/null || exit 1
else
    meson setup build >/dev/null || exit 1
fi
ninja -C build --quiet || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
part() { # command...
    "$@" >"$log" 2>&1
    status=$?
    grep -v '^[0-9]* passed, [0-9]* failed$' "$log"
    p=$(sed -nE 's/^([0-9]+) passed, [0-9]+ failed$/\1/p' "$log" | tail -n 1)
    f=$(sed -nE 's/^[0-9]+ passed, ([0-9]+) failed$/\1/p' "$log" | tail -n 1)
    passed=$((passed + ${p:-0}))
    failed=$((failed + ${f:-0}))
    # One that ended without its count has failed, whatever it printed.
    [ -n "$p" ] && { [ "$status" = 0 ] || [ "${f:-0}" != 0 ]; } || failed=$((failed + 1))
}

case $1 in
faults)
    # Those of platform=linux need a Linux guest.
    part build/tests/scenarios/no-memory --every $(grep -L 'platform=linux' tests/scenarios/*-*.txt)
    part tests/vmm/faults.py build/carillon build/images --moments "$2"
    ;;
soak)
    part build/tests/soak/soak --seconds "$2"
    part tests/soak/machines.py build/carillon build/images --seconds "$2"
    ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
