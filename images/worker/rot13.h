/* SPDX-License-Identifier: MIT */
/*
 * Rot13 of ASCII letters, eight bytes at a time: everything else stays as it is.
 */
#ifndef WORKER_ROT13_H
#define WORKER_ROT13_H

#include <stddef.h>
#include <stdint.h>

#define BYTES(x) (UINT64_C(0x0101010101010101) * (x))

/*
 * In each byte: adding 0x80 - c to seven bits sets the top bit if they are at least c, and never
 * carries on. So the tops tell of a letter whether it is one, and whether 13 is added to it or
 * taken away.
 */
static inline uint64_t rot13_word(uint64_t x)
{
	uint64_t low = (x & BYTES(0x7f)) | BYTES(0x20); /* in lower case, if it is a letter */
	uint64_t letter =
		(low + BYTES(0x80 - 'a')) & ~(low + BYTES(0x80 - 'z' - 1)) & ~x & BYTES(0x80);
	uint64_t late = (low + BYTES(0x80 - 'n')) & letter;

	/* letters stay letters: no byte carries into or borrows from the next */
	return x + ((letter & ~late) >> 7) * 13 - (late >> 7) * 13;
}

static inline void rot13(uint8_t *to, const uint8_t *from, size_t n)
{
	uint64_t word;
	size_t i;

	for (i = 0; i + sizeof(word) <= n; i += sizeof(word)) {
		__builtin_memcpy(&word, from + i, sizeof(word));
		word = rot13_word(word);
		__builtin_memcpy(to + i, &word, sizeof(word));
	}
	for (; i < n; i++)
		to[i] = (uint8_t)rot13_word(from[i]);
}

#endif
