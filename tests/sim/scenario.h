/* SPDX-License-Identifier: MIT */
/*
 * A scenario: what some threads do to a few domains, and what must come of it in every schedule.
 * Also what many of them need: channels that count their events.
 */
#ifndef CARILLON_TESTS_SIM_SCENARIO_H
#define CARILLON_TESTS_SIM_SCENARIO_H

#include <string.h>

#include <sim/atomic.h>
#include <sim/world.h>

struct scenario {
	const char *name;
	void (*body)(void);
	unsigned length; /* steps, about */
};

/* From a body that takes an enum guest_abi: name_2l and name_fifo. */
#define ON_BOTH(name)                 \
	static void name##_2l(void)   \
	{                             \
		name(GUEST_ABI_2L);   \
	}                             \
	static void name##_fifo(void) \
	{                             \
		name(GUEST_ABI_FIFO); \
	}                             \
	_Static_assert(1, "a semicolon")

/* One list per file. */
extern const struct scenario scenarios_guest[], scenarios_guest_fifo[], scenarios_fifo[],
	scenarios_smp[], scenarios_space[], scenarios_waits[], scenarios_raw[], scenarios_passes[],
	scenarios_together[];

/* smp.c: all CPUs of a guest half are online. In the body. */
void smp_begin(struct world *w, struct world_domain *d);

#define CHANNEL_SENDERS 4u

/*
 * A channel's events. A sender counts, stores the count as the event's data, then sends; the
 * handler loads the data. So at the end it has seen the last count, or an event was lost, or came
 * before its data.
 */
struct channel {
	evtchn_port_t from, to; /* the ports */
	unsigned irq;
	unsigned sent, seen;
	/* Per sender, so that one's late store is not in another's way. */
	struct {
		unsigned sent, seen;
		uint32_t data; /* shared: atomic */
	} by[CHANNEL_SENDERS];
	unsigned runs;
	bool running;  /* its handler */
	bool disabled; /* its handler must not run */
	bool overlaps; /* it moves between vCPUs, and nothing keeps its handlers apart */
	void (*inside)(struct channel *c); /* what its handler does; may be NULL */
};

/* Another event, counted; the hypercall's result. */
long channel_send(struct channel *c, struct world_vcpu *v);
/* The same by something else than EVTCHNOP_send, after this. */
void channel_post(struct channel *c, unsigned sender);
/* What a handler does. */
void channel_handle(struct channel *c);
enum guest_irqreturn channel_handler(struct guest *g, unsigned irq, void *dev);
/* At the end. */
void channel_check(const struct channel *c, const char *name);

/* From a raw domain's first vCPU to a guest's handler, on its first CPU. */
void channel_to_guest(struct channel *c, struct world_domain *from, struct world_domain *to,
		      unsigned flags);

#endif
