#!/bin/sh
# Every header of include/xen compiles alone: as strict freestanding C17, and in assembler, where
# each constant that it shows must assemble, and the one instruction. Usage: headers.sh INCLUDE CC...
set -u
include=$1
shift
status=0
count=0
for path in $(cd "$include" && find xen -name '*.h' | sort); do
	count=$((count + 1))
	printf '#include <%s>\nint x;\n' "$path" |
		"$@" -std=c17 -pedantic -ffreestanding -Wall -Wextra -Werror -Wconversion -Wundef \
		     -I "$include" -fsyntax-only -x c - || { echo "$path: not in C"; status=1; }
	{
		printf '#include <%s>\n.data\n' "$path"
		printf '#include <%s>\n' "$path" |
			"$@" -E -dM -I "$include" -x assembler-with-cpp - |
			sed -n '/ CARILLON_/d; / __[A-GI-LN-Z]/d; / [A-Za-z_0-9]*(/d; / __[a-z]/d
				/ [a-z_]* 1$/d; / XEN_EMULATE_PREFIX /d
				s/^#define \(XEN_CPUID\) .*/\1/p; t
				s/^#define \([A-Za-z_0-9]*\) [^ ].*/.quad \1/p'
	} | "$@" -I "$include" -c -o /dev/null -x assembler-with-cpp - ||
		{ echo "$path: not in assembler"; status=1; }
done
echo "$count headers, status $status"
[ "$count" -gt 0 ] || status=1
exit $status
