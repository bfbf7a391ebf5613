/* SPDX-License-Identifier: MIT */
/*
 * What the targets share: a fuzzer's bytes, read as numbers, and MUST. At the end of the bytes
 * everything is 0, so that every prefix of an input is an input. What they mean is each target's.
 */
#ifndef CARILLON_TESTS_FUZZ_INPUT_H
#define CARILLON_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
	const uint8_t *at, *end;
};

static inline bool more(const struct input *in)
{
	return in->at < in->end;
}

static inline void take(struct input *in, void *out, size_t n)
{
	size_t have = (size_t)(in->end - in->at);

	if (have > n)
		have = n;
	memset(out, 0, n);
	memcpy(out, in->at, have);
	in->at += have;
}

static inline uint8_t take8(struct input *in)
{
	return more(in) ? *in->at++ : 0;
}

static inline uint16_t take16(struct input *in)
{
	uint16_t v;

	take(in, &v, sizeof(v));
	return v;
}

static inline uint64_t take64(struct input *in)
{
	uint64_t v;

	take(in, &v, sizeof(v));
	return v;
}

/* A byte that says where the interesting values of a port are. */
static inline uint32_t take_port(struct input *in)
{
	static const uint32_t edges[] = { 63,	  64,	  65,	  127,	      128,	 1023,
					  1024,	  1025,	  4095,	  4096,	      8192,	 131070,
					  131071, 131072, 262144, 0x80000000, 0xffffffff };
	uint8_t b = take8(in);

	return b < 224 ? b % 40u : edges[(b - 224u) % (sizeof(edges) / sizeof(edges[0]))];
}

/* A finding: where, what was not so, and the rest as printf. */
#define MUST(condition, ...)                                                                    \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition); \
			fprintf(stderr, __VA_ARGS__);                                           \
			fputc('\n', stderr);                                                    \
			abort();                                                                \
		}                                                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
