#!/usr/bin/env bash
# `make coverage`: how much of hypervisor/ is run, by the corpora of the fuzz targets alone and by them and the
# tests that need no emulator. With gcc and gcov, unoptimised, in build/coverage.
# CORPUS=DIR: what is in DIR/TARGET instead of the archives in tests/fuzz/corpus. COVERAGE_TESTS= : corpora only.
set -u
cd "$(dirname "$0")/.."
build=build/coverage
tests=${COVERAGE_TESTS-unit threads scenarios sim}
targets=${FUZZ_TARGETS:-hypercalls mm answers scenario machine-file image}

[ -f $build/build.ninja ] ||
    CC=gcc meson setup $build -Dfuzz=true -Dprobes=false -Db_coverage=true -Dbuildtype=debug >/dev/null || exit 1
ninja -C $build --quiet fuzz >$build/build.log 2>&1 || { cat $build/build.log; exit 1; }
find $build -name '*.gcda' -delete

for t in $targets; do
    corpus=${CORPUS:+$CORPUS/$t}
    if [ -z "$corpus" ]; then
        corpus=$build/corpus/$t
        mkdir -p "$corpus"
        tar -xzf "tests/fuzz/corpus/$t.tar.gz" -C "$corpus" || exit 1
    fi
    $build/tests/fuzz/fuzz-"$t" "$corpus" >/dev/null 2>&1 || exit 1
done
echo "by the corpora:"
scripts/coverage.py $build
[ -n "$tests" ] || exit 0
for s in $tests; do
    set -- "$@" --suite "$s"
done
meson test -C $build "$@" >/dev/null
failed=$?
echo "by the corpora and the tests ($tests):"
scripts/coverage.py $build || exit 1
[ $failed = 0 ] || echo "Some test failed: $build/meson-logs/testlog.txt"
exit $failed
