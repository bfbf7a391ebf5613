#!/bin/sh
# One object out of many, in which only the symbols that match a pattern are left for others to see.
# usage: localise.sh OUTPUT PATTERN OBJECT...
set -eu
out=$1 pattern=$2
shift 2
ld -r -o "$out" "$@"
objcopy --wildcard --keep-global-symbol="$pattern" "$out"
