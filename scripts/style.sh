#!/bin/sh
# The shape of the code: clang-format, clang-tidy, length of files, and that the halves do not see each other.
set -u
cd "$(dirname "$0")/.."
bad=0

sources=$(git ls-files -co --exclude-standard '*.c' '*.h')
# shellcheck disable=SC2086 # a list of files
clang-format --dry-run -Werror $sources || bad=1

# tests/abi/list.h is a table, one line for each name of the ABI.
long=$(for f in $sources; do wc -l "$f"; done |
    awk '$1 > 800 && $2 != "tests/abi/list.h" { print $2 ": " $1 " lines, two rooms?" }')
[ -z "$long" ] || { echo "$long"; bad=1; }

cross=$(grep -nE '#include *["<].*guest/' -r hypervisor --include='*.[chS]'
        grep -nE '#include *["<].*hypervisor/' -r guest --include='*.[chS]'
        grep -nE '#include *["<](\.\./)*(guest|hypervisor)/' -r vmm testbed --include='*.[chS]')
[ -z "$cross" ] || { echo "a half is looked at from where it may not be:"; echo "$cross"; bad=1; }

mkdir -p build/tidy
scripts/tidy-commands.py build >build/tidy/compile_commands.json || exit 1
run-clang-tidy -quiet -p build/tidy -extra-arg=-Wno-unknown-warning-option \
    "^$PWD/(hypervisor|guest|testbed|vmm|bench|images)/.*\.c$" >build/tidy.log 2>&1 ||
    { grep -E '(warning|error):' build/tidy.log | sort -u; bad=1; }

exit $bad
