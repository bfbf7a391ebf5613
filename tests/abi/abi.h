/* SPDX-License-Identifier: MIT */
/* What the two sides of the comparison have in common. No Xen header may come in here. */
#ifndef CARILLON_TESTS_ABI_H
#define CARILLON_TESTS_ABI_H

#include <stddef.h>
#include <stdint.h>

struct abi_entry {
	const char *kind;
	const char *name;
	uint64_t first;	 /* value, size or offset */
	uint64_t second; /* alignment or size, if there is one */
};

/* Fill at most room entries, return how many there are */
size_t abi_ours(struct abi_entry *out, size_t room);
size_t abi_oracle(struct abi_entry *out, size_t room);

#endif /* CARILLON_TESTS_ABI_H */
