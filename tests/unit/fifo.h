/* SPDX-License-Identifier: MIT */
/*
 * The FIFO ABI as a raw domain sees it: the three hypercalls, control blocks and event words, and
 * taking events off a queue as a guest does. Used with bare.h.
 */
#ifndef CARILLON_TESTS_FIFO_H
#define CARILLON_TESTS_FIFO_H

#include <stdio.h>
#include <stdlib.h>

#include <xen/event_channel.h>

#include "bare.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define BUSY	(1u << EVTCHN_FIFO_BUSY)
#define LINK	EVTCHN_FIFO_LINK_MASK

#define FIFO_CPUS 4u

/* A domain's view: which pages it gave, how far it has read its queues. */
struct fifo_view {
	struct testbed_domain *d;
	event_word_t *page[128];
	unsigned pages;
	struct evtchn_fifo_control_block *block[FIFO_CPUS];
	uint32_t head[FIFO_CPUS][EVTCHN_FIFO_MAX_QUEUES];
};

/* An event_channel_op by number; its argument is copied back if it can be read. */
static inline long fifo_call(struct testbed_vcpu *v, enum testbed_where where, unsigned op,
			     void *arg, size_t n)
{
	uint64_t va = testbed_place(v, where, 0, arg, n);
	long rc = testbed_call(v, __HYPERVISOR_event_channel_op, op, va);

	testbed_fetch(v, va, arg, n);
	return rc;
}

/* link_bits, or the error. */
static inline long init_control_at(struct testbed_vcpu *v, enum testbed_where where, uint64_t gfn,
				   uint32_t offset, uint32_t vcpu)
{
	struct evtchn_init_control a = { gfn, offset, vcpu, 0xa5, { 0 } };
	long rc = fifo_call(v, where, EVTCHNOP_init_control, &a, sizeof(a));

	if (rc && a.link_bits != 0xa5)
		return OPS_CHANGED;
	return rc ? rc : a.link_bits;
}

static inline long init_control(struct testbed_vcpu *v, uint64_t gfn, uint32_t offset,
				uint32_t vcpu)
{
	return init_control_at(v, AT_OK, gfn, offset, vcpu);
}

static inline long expand_array_at(struct testbed_vcpu *v, enum testbed_where where, uint64_t gfn)
{
	struct evtchn_expand_array a = { gfn };

	return fifo_call(v, where, EVTCHNOP_expand_array, &a, sizeof(a));
}

static inline long expand_array(struct testbed_vcpu *v, uint64_t gfn)
{
	return expand_array_at(v, AT_OK, gfn);
}

static inline long set_priority_at(struct testbed_vcpu *v, enum testbed_where where, uint32_t port,
				   uint32_t priority)
{
	struct evtchn_set_priority a = { port, priority };

	return fifo_call(v, where, EVTCHNOP_set_priority, &a, sizeof(a));
}

static inline long set_priority(struct testbed_vcpu *v, uint32_t port, uint32_t priority)
{
	return set_priority_at(v, AT_OK, port, priority);
}

/* Give a vCPU its control block, in a new page. */
static inline void give_block(struct fifo_view *f, unsigned vcpu, uint32_t offset)
{
	uint8_t *page = testbed_page(f->d);

	assert_rc(init_control(testbed_vcpu(f->d, 0), testbed_frame(f->d, page), offset, vcpu), 17);
	f->block[vcpu] = (void *)(page + offset);
	memset(f->head[vcpu], 0, sizeof(f->head[vcpu]));
}

/* Add this page, or a new one. */
static inline void give_page(struct fifo_view *f, void *page)
{
	if (!page)
		page = testbed_page(f->d);
	/* noted first: what it raises is looked up by threads of the test at once */
	f->page[f->pages] = page;
	assert_rc(expand_array(testbed_vcpu(f->d, 0), testbed_frame(f->d, page)), 0);
	f->pages++;
}

/* After a reset: nothing given. */
static inline void forget_all(struct fifo_view *f)
{
	struct testbed_domain *d = f->d;

	memset(f, 0, sizeof(*f));
	f->d = d;
}

/* FIFO on both vCPUs of domain 0, one page of words. */
static inline struct fifo_view fifo_begin(struct testbed_domain *d, unsigned vcpus)
{
	struct fifo_view f = { .d = d };

	for (unsigned i = 0; i < vcpus; i++)
		give_block(&f, i, 64 * i);
	give_page(&f, NULL);
	return f;
}

static inline event_word_t *word_at(const struct fifo_view *f, uint32_t port)
{
	return &f->page[port / 1024][port % 1024];
}

/* Letters of the bits that are set, and the link: "PL>3", "-". */
static inline const char *word_text(const struct fifo_view *f, uint32_t port)
{
	static char text[32];
	event_word_t w;
	int n = 0;

	if (port / 1024 >= f->pages)
		return "no word";
	w = *word_at(f, port);
	if (w & PENDING)
		text[n++] = 'P';
	if (w & MASKED)
		text[n++] = 'M';
	if (w & LINKED)
		text[n++] = 'L';
	if (w & BUSY)
		text[n++] = 'B';
	if (n == 0)
		text[n++] = '-';
	text[n] = 0;
	if (w & LINK)
		snprintf(text + n, sizeof(text) - (size_t)n, ">%u", w & LINK);
	return text;
}

#define assert_word(f, port, text) assert_string_equal(word_text(f, port), text)

static inline void word_set(const struct fifo_view *f, uint32_t port, event_word_t bits)
{
	__atomic_fetch_or(word_at(f, port), bits, __ATOMIC_SEQ_CST);
}

static inline void word_clear(const struct fifo_view *f, uint32_t port, event_word_t bits)
{
	__atomic_fetch_and(word_at(f, port), ~bits, __ATOMIC_SEQ_CST);
}

static inline void assert_queue(const struct fifo_view *f, unsigned vcpu, unsigned priority,
				bool ready, uint32_t head)
{
	assert_int_equal(f->block[vcpu]->ready >> priority & 1, ready);
	assert_int_equal(f->block[vcpu]->head[priority], head);
}

static inline uint32_t take_ready(const struct fifo_view *f, unsigned vcpu)
{
	return __atomic_exchange_n(&f->block[vcpu]->ready, 0, __ATOMIC_SEQ_CST);
}

/* Take one event off, as a guest does: its port, 0 if there is none; *old: its word before. */
static inline uint32_t pop_word(struct fifo_view *f, unsigned vcpu, unsigned priority,
				event_word_t *old)
{
	uint32_t *head = &f->head[vcpu][priority];
	uint32_t port = *head;

	if (!port)
		port = __atomic_load_n(&f->block[vcpu]->head[priority], __ATOMIC_SEQ_CST);
	if (!port || port / 1024 >= f->pages)
		return 0;
	*old = __atomic_fetch_and(word_at(f, port), ~(LINKED | LINK), __ATOMIC_SEQ_CST);
	*head = *old & LINK;
	return port;
}

static inline uint32_t pop(struct fifo_view *f, unsigned vcpu, unsigned priority)
{
	event_word_t old = 0;
	uint32_t port = pop_word(f, vcpu, priority, &old);

	if (port)
		assert_true(old & LINKED);
	return port;
}

/* Take everything off that queue and forget it; how many that were. */
static inline unsigned drain(struct fifo_view *f, unsigned vcpu, unsigned priority)
{
	unsigned n = 0;

	if (!(f->block[vcpu]->ready >> priority & 1))
		return 0;
	__atomic_fetch_and(&f->block[vcpu]->ready, ~(1u << priority), __ATOMIC_SEQ_CST);
	do {
		uint32_t port = pop(f, vcpu, priority);

		word_clear(f, port, PENDING);
		n++;
	} while (f->head[vcpu][priority]);
	return n;
}

#endif
