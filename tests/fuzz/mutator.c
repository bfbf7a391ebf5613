/* SPDX-License-Identifier: MIT */
/* Writing into guest memory: see mutator.h. */
#include "mutator.h"

#include "point.h"

static struct {
	struct input in;
	unsigned left; /* accesses until the next write */
	void *page[MUTATOR_PAGES];
	unsigned nr_pages;
} mutator;

void mutator_start(struct input in)
{
	mutator.in = in;
	mutator.left = more(&in) ? 1 + take8(&mutator.in) : 0;
}

void mutator_page(void *page)
{
	if (mutator.nr_pages < MUTATOR_PAGES)
		mutator.page[mutator.nr_pages++] = page;
}

void mutator_forget(void)
{
	mutator.nr_pages = 0;
}

static uint32_t take_value(struct input *in)
{
	uint8_t kind = take8(in);
	uint32_t value;

	switch (kind & 3) {
	case 0:
		return UINT32_MAX;
	case 1:
		return 1u << (kind >> 3);
	case 2: /* an event word: a link, and bits */
		return (uint32_t)take_port(in) | (uint32_t)(kind >> 4) << 28;
	default:
		take(in, &value, sizeof(value));
		return value;
	}
}

void mutator_write(struct input *in)
{
	uint8_t how = take8(in);
	uint16_t at = take16(in) % 1024;
	uint32_t value = take_value(in);
	uint32_t *word;

	if (!mutator.nr_pages)
		return;
	/* Most of what matters is near the beginning of its page. */
	if (how & 4)
		at %= 64;
	word = (uint32_t *)mutator.page[(how >> 3) % mutator.nr_pages] + at;
	switch (how & 3) {
	case 0:
		__atomic_store_n(word, value, __ATOMIC_RELAXED);
		break;
	case 1:
		__atomic_fetch_or(word, value, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_fetch_and(word, ~value, __ATOMIC_RELAXED);
		break;
	default:
		__atomic_fetch_xor(word, value, __ATOMIC_RELAXED);
	}
}

void fuzz_point(void)
{
	if (!mutator.left || --mutator.left)
		return;
	mutator_write(&mutator.in);
	mutator.left = more(&mutator.in) ? 1 + take8(&mutator.in) : 0;
}
