/* SPDX-License-Identifier: MIT */
/*
 * One side's answers. ours.c and oracle.c are this file after different headers; neither may see
 * the other's: the two are compiled with different include paths and meet in compare.c only.
 */
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

#define CONST(name)	 { "number", #name, (uint64_t)(name), 0 },
#define CALL(name, args) { "macro", #name #args, (uint64_t)(name args), 0 },
#define TYPE(name)	 { "type", #name, sizeof(name), _Alignof(name) },
#define STRUCT(name)	 { "struct", #name, sizeof(struct name), _Alignof(struct name) },
#define UNION(name)	 { "union", #name, sizeof(union name), _Alignof(union name) },
#define FIELD(name, member)                                           \
	{ "member", #name "." #member, offsetof(struct name, member), \
	  sizeof(((struct name *)0)->member) },
#define FLEX(name, member) { "member", #name "." #member, offsetof(struct name, member), 0 },
#define COMPAT_STRUCT(name)
#define COMPAT_FIELD(name, member)

size_t ABI_TABLE(struct abi_entry *out, size_t room)
{
	const struct abi_entry entries[] = {
#include "list.h"
	};
	size_t n = sizeof(entries) / sizeof(entries[0]);

	for (size_t i = 0; i < n && i < room; i++)
		out[i] = entries[i];
	return n;
}
