#!/bin/sh
# `make check-mutations`: does the simulation bite? Each patch of tests/sim/mutations makes one mistake in a copy
# of the sources; its scenario must then fail within SCHEDULES schedules. The head of a patch says what is wrong
# and which scenario is to find it; one with a line "not found:" says why that is not to be expected, and does not fail;
# one with a line "schedules:" is given that many.
# Arguments: names of patches, without .patch; all of them if none is given.
set -u
cd "$(dirname "$0")/.." || exit 2
SCHEDULES=${SCHEDULES:-20000}
root=$PWD
work=$root/build/mutations
src=$work/src
mkdir -p "$work"

die() {
    echo "check-mutations: $*" >&2
    exit 2
}

# The copy is rebuilt by time stamps: what has not changed keeps its own.
fresh=$work/fresh
rm -rf "$fresh"
mkdir -p "$fresh" "$src"
git ls-files -z -co --exclude-standard | tar -c --null -T - --ignore-failed-read 2>/dev/null | tar -x -C "$fresh"
mirror() { # make $src what $fresh is, touching only files that differ
    (cd "$fresh" && find . -type f) | while read -r f; do
        cmp -s "$fresh/$f" "$src/$f" || { mkdir -p "$src/$(dirname "$f")" && cp "$fresh/$f" "$src/$f"; }
    done
    (cd "$src" && find . -type f) | while read -r f; do
        [ -f "$fresh/$f" ] || rm -f "$src/$f"
    done
}
mirror
[ -f "$work/build/build.ninja" ] || meson setup -Dtests=true "$work/build" "$src" >"$work/setup.log" 2>&1 ||
    die "meson setup failed, see $work/setup.log"
ninja -C "$work/build" --quiet tests/sim/sim >"$work/build.log" 2>&1 || die "the sources do not build, see $work/build.log"

field() { # NAME FILE: what its line says
    sed -n "s/^$1: *//p;/^--- /q" "$2"
}

mutate() { # patch file
    name=$(basename "$1" .patch)
    scenario=$(field scenario "$1")
    patch -s -p1 -d "$src" --no-backup-if-mismatch <"$1" || die "$name does not apply any more"
    if ! ninja -C "$work/build" --quiet tests/sim/sim >"$work/build.log" 2>&1; then
        cat "$work/build.log"
        die "$name does not build"
    fi
    schedules=$(field schedules "$1")
    schedules=${schedules:-$SCHEDULES}
    "$work/build/tests/sim/sim" "$scenario" --schedules "$schedules" >"$work/out" 2>&1
    status=$?
    patch -s -R -p1 -d "$src" --no-backup-if-mismatch <"$1" || die "$name cannot be taken back"
    n=$(sed -n 's/.*found by schedule \([0-9]*\),.*/\1/p' "$work/out")
    how=$(sed -n '1s/^sim: //p' "$work/out")
    if [ -n "$(field 'not found' "$1")" ]; then
        [ "$status" -eq 0 ] && echo "not found, as expected: $name" && return
        echo "found, though its patch says why it is not to be expected: $name: $n, $how"
    elif [ "$status" -eq 1 ] && [ -n "$n" ]; then
        printf '%7s  %s: %s\n' "$n" "$name" "$how"
    else
        echo "NOT FOUND in $schedules schedules: $name"
        bad=1
    fi
}

bad=0
total=0
[ $# -gt 0 ] || set -- tests/sim/mutations/*.patch
for p; do
    mutate "$root/tests/sim/mutations/$(basename "$p" .patch).patch"
    total=$((total + 1))
done
[ "$bad" -eq 0 ] || exit 1
echo "check-mutations: $total mutations, each as expected (number: the schedule that found it)"
