#!/bin/sh
# The layouts in widths.c are the same in a 32-bit and in a 64-bit guest. Usage: widths.sh FILE CC...
set -eu
file=$1
shift
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
for width in 32 64; do
	"$@" -std=c17 -ffreestanding -fno-pic -m$width -c -o "$dir/$width.o" "$file"
	objcopy -O binary --only-section=.widths "$dir/$width.o" "$dir/$width"
done
echo "$(($(wc -c < "$dir/32") / 2)) numbers in either width"
[ "$(wc -c < "$dir/32")" -gt 0 ]
cmp "$dir/32" "$dir/64"
