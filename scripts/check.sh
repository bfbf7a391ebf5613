#!/bin/sh
# `make check`: every test that needs no emulator. Goes on after a failure so that all of it is seen; the
# last line is the sum. A skipped test counts as a failure: on a machine where this runs nothing is missing.
set -u
cd "$(dirname "$0")/.."
scripts/deps.sh check || exit 1

setup() { # builddir options...
    dir=$1
    shift
    if [ -f "$dir/build.ninja" ]; then
        # `make run` leaves a build without tests, made perhaps before their packages were there.
        meson setup --reconfigure "$dir" -Dtests=true >/dev/null || exit 1
    else
        meson setup "$dir" "$@" >/dev/null || exit 1
    fi
    ninja -C "$dir" --quiet || exit 1
}

setup build
setup build/asan -Db_sanitize=address,undefined -Db_lundef=false
setup build/tsan -Db_sanitize=thread -Db_lundef=false

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

meson test -C build --no-rebuild --print-errorlogs
# Where there is one processor the process backend goes other ways (vmm/process_handover.c).
one=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
taskset -c "$one" meson test -C build --no-rebuild --print-errorlogs --logbase one-cpu --suite vmm
meson test -C build/asan --no-rebuild --print-errorlogs --suite unit --suite threads --suite scenarios --suite sim
meson test -C build/tsan --no-rebuild --print-errorlogs --suite threads
scripts/style.sh
style=$?
scripts/summary.py --style $style build build:one-cpu build/asan build/tsan
