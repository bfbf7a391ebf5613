/* SPDX-License-Identifier: MIT */
/*
 * Tests that include/xen is the ABI of Xen's own headers: all numbers, sizes, alignments, offsets
 * in list.h. Success: both tables are equal, entry by entry. Prints each difference; exit 1 if any.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"

#define ROOM 4096

static struct abi_entry ours[ROOM];
static struct abi_entry oracle[ROOM];

int main(void)
{
	size_t n = abi_ours(ours, ROOM);
	size_t bad = 0;

	if (n == 0 || n > ROOM || n != abi_oracle(oracle, ROOM)) {
		fprintf(stderr, "abi: %zu entries: none, too many for ROOM, or unequal\n", n);
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		const struct abi_entry *a = &ours[i], *b = &oracle[i];

		if (!strcmp(a->name, b->name) && a->first == b->first && a->second == b->second)
			continue;
		bad++;
		printf("%s %s: ours %#" PRIx64 " %#" PRIx64 ", Xen's %#" PRIx64 " %#" PRIx64 "\n",
		       a->kind, a->name, a->first, a->second, b->first, b->second);
	}
	printf("abi: %zu entries compared, %zu differ\n", n, bad);
	return bad ? 1 : 0;
}
