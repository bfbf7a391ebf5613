#!/usr/bin/env bash
# `make fuzz`: each fuzz target for FUZZ_SECONDS (default 120) from the corpus in tests/fuzz/corpus, two at a
# time; inputs that once found something (tests/fuzz/found/TARGET) are run first. FUZZ_TARGETS="a b": only those.
# The last line is the sum. `fuzz.sh merge` puts what was found of new coverage into the corpus.
set -u
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-120}
targets=${FUZZ_TARGETS:-hypercalls mm answers scenario machine-file image}
build=build/fuzz
export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

setup() {
    [ -f $build/build.ninja ] ||
        CC=clang meson setup $build -Dfuzz=true -Dtests=false -Dprobes=false \
            -Db_sanitize=address,undefined -Db_lundef=false >/dev/null || exit 1
    ninja -C $build --quiet fuzz || exit 1
}

unpack() { # target: the corpus that it works in
    mkdir -p "$build/corpus/$1" "$build/found/$1"
    [ ! -f "tests/fuzz/corpus/$1.tar.gz" ] || tar -xzf "tests/fuzz/corpus/$1.tar.gz" -C "$build/corpus/$1"
}

flags() { # target
    case $1 in
    machine-file) echo "-max_len=4096 -timeout=60" ;;
    image) echo "-max_len=8192 -timeout=60" ;;
    hypercalls | mm) echo "-max_len=800 -len_control=20 -timeout=120" ;;
    *) echo "-max_len=1500 -timeout=120" ;;
    esac
    [ ! -f "tests/fuzz/dict/$1.dict" ] || echo "-dict=tests/fuzz/dict/$1.dict"
}

# Old findings, then new ones. Says how much was run and seen.
fuzz_one() { # target
    exe=$build/tests/fuzz/fuzz-$1
    log=$build/found/$1.log
    unpack "$1"
    if compgen -G "tests/fuzz/found/$1/*" >/dev/null && ! "$exe" tests/fuzz/found/"$1"/* >"$log" 2>&1; then
        echo "fuzz-$1: an input of tests/fuzz/found/$1 fails again: $log"
        return 1
    fi
    # shellcheck disable=SC2046 # a list of words
    if ! "$exe" $(flags "$1") -max_total_time="$seconds" -artifact_prefix="$build/found/$1/" -print_final_stats=1 \
        "$build/corpus/$1" >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "fuzz-$1: failed: the input is in $build/found/$1, the whole log is $log"
        return 1
    fi
    awk -v name="$1" '/ cov: /{cov=$4} /number_of_executed_units/{n=$2} END{
        printf "fuzz-%s: %d inputs run, %d edges covered, nothing found\n", name, n, cov}' "$log"
}

merge() {
    mkdir -p tests/fuzz/corpus
    for t in $targets; do
        unpack "$t"
        rm -rf "$build/merged"
        mkdir "$build/merged"
        # shellcheck disable=SC2046
        "$build/tests/fuzz/fuzz-$t" $(flags "$t") -merge=1 "$build/merged" "$build/corpus/$t" >/dev/null 2>&1 || exit 1
        tar --sort=name --owner=0 --group=0 --mtime=@0 -C "$build/merged" -cf - . | gzip -9n >"tests/fuzz/corpus/$t.tar.gz"
        echo "$t: $(find "$build/merged" -type f | wc -l) inputs"
    done
}

setup
if [ "${1:-}" = merge ]; then
    merge
    exit
fi
passed=0
failed=0
set -- $targets
while [ $# -gt 0 ]; do
    pids=
    for t in "$1" ${2:-}; do
        fuzz_one "$t" &
        pids="$pids $!"
    done
    for pid in $pids; do
        if wait "$pid"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    done
    shift
    [ $# = 0 ] || shift
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
