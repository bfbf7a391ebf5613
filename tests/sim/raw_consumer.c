/* SPDX-License-Identifier: MIT */
/*
 * Guests without the guest half: taking events by either ABI, masking, and the hypercalls.
 */
#include "raw.h"

#include <xen/errno.h>
#include <xen/version.h>

#define load(p)		ATOMIC_LOAD((p), __ATOMIC_SEQ_CST)
#define exchange(p, v)	ATOMIC_XCHG((p), (v), __ATOMIC_SEQ_CST)
#define fetch_or(p, v)	ATOMIC_FETCH(or, (p), (v), __ATOMIC_SEQ_CST)
#define fetch_and(p, v) ATOMIC_FETCH(and, (p), (v), __ATOMIC_SEQ_CST)
#define store(p, v)	ATOMIC_STORE((p), (v), __ATOMIC_SEQ_CST)

static struct vcpu_info *info_of(const struct world_vcpu *v)
{
	return hv_vcpu_info(v->hv, NULL, NULL);
}

static void handle_port(struct raw *r, uint32_t port)
{
	world_expect(port && port < RAW_PORTS && r->channel[port], "an event on port %u", port);
	channel_handle(r->channel[port]);
}

/* ---- 2-level ---- */

static uint64_t ready_2l(const struct raw *r, unsigned cpu)
{
	uint64_t pending = load(&r->d->shared->evtchn_pending[0]);

	return pending & ~load(&r->d->shared->evtchn_mask[0]) & r->mine[cpu];
}

static void upcall_2l(struct world_vcpu *v)
{
	struct raw *r = v->d->user;
	struct vcpu_info *info = info_of(v);
	uint64_t ready;

	do {
		exchange(&info->evtchn_upcall_pending, 0);
		if (!exchange(&info->evtchn_pending_sel, 0))
			continue;
		while ((ready = ready_2l(r, v->id))) {
			uint32_t port = (uint32_t)__builtin_ctzll(ready);

			fetch_and(&r->d->shared->evtchn_pending[0], ~(UINT64_C(1) << port));
			handle_port(r, port);
		}
	} while (load(&info->evtchn_upcall_pending));
}

/* ---- FIFO ---- */

/* LINKED and the link go in one step: from then on the port may be queued again. */
static event_word_t pop(struct raw *r, unsigned cpu, unsigned priority, uint32_t *port)
{
	uint32_t *head = &r->head[cpu][priority];
	event_word_t old;

	*port = *head;
	if (!*port)
		*port = load(&r->block[cpu]->head[priority]);
	world_expect(*port && *port < RAW_PORTS, "queue %u begins with port %u", priority, *port);
	old = fetch_and(&r->words[*port], ~(LINKED | LINK));
	world_expect(old & LINKED, "port %u was on queue %u and is not linked", *port, priority);
	*head = old & LINK;
	if (!*head)
		r->ready[cpu] &= ~(1u << priority);
	r->popped++;
	return old;
}

static void consume_one(struct raw *r, struct world_vcpu *v, unsigned priority)
{
	uint32_t port;
	event_word_t old = pop(r, v->id, priority, &port);

	if (!(old & PENDING) || (old & MASKED))
		return;
	if (r->level)
		raw_mask(r, port);
	fetch_and(&r->words[port], ~PENDING);
	handle_port(r, port);
	if (r->level)
		raw_unmask(r, v, port);
}

static void upcall_fifo(struct world_vcpu *v)
{
	struct raw *r = v->d->user;
	struct vcpu_info *info = info_of(v);
	uint32_t *ready = &r->ready[v->id];

	do {
		exchange(&info->evtchn_upcall_pending, 0);
		*ready |= exchange(&r->block[v->id]->ready, 0);
		while (*ready) {
			consume_one(r, v, (unsigned)__builtin_ctz(*ready));
			*ready |= exchange(&r->block[v->id]->ready, 0);
		}
	} while (load(&info->evtchn_upcall_pending));
}

/* Plain looks: no turn of anybody's in between. */
static void check_queue(const struct raw *r, unsigned cpu, unsigned priority, uint32_t *found)
{
	uint32_t bit = 1u << priority, port = r->head[cpu][priority];

	if (!port && ((r->ready[cpu] | r->block[cpu]->ready) & bit))
		port = r->block[cpu]->head[priority];
	while (port) {
		world_expect(port < RAW_PORTS, "port %u is on queue %u", port, priority);
		if (!(r->words[port] & LINKED))
			return;
		world_expect(!(*found & 1u << port), "port %u is twice on the queues", port);
		*found |= 1u << port;
		port = r->words[port] & LINK;
	}
}

void raw_check_queues(const struct raw *r)
{
	uint32_t found = 0;

	if (!r->words)
		return;
	for (unsigned cpu = 0; cpu < r->d->nr_vcpus; cpu++)
		for (unsigned priority = 0; r->block[cpu] && priority < 16; priority++)
			check_queue(r, cpu, priority, &found);
}

/* ---- set-up ---- */

struct world_domain *raw_domain(struct world *w, struct raw *r, unsigned vcpus)
{
	memset(r, 0, sizeof(*r));
	r->d = world_domain(w, vcpus, 0);
	r->d->user = r;
	for (unsigned i = 0; i < vcpus; i++)
		r->d->vcpu[i].upcall = upcall_2l;
	return r->d;
}

void raw_channel(struct raw *r, struct channel *c, struct world_domain *from, unsigned vcpu)
{
	world_connect(from, r->d, &c->from, &c->to);
	r->channel[c->to] = c;
	r->mine[vcpu] |= 1u << c->to;
	world_expect(raw_bind_vcpu(&r->d->vcpu[0], c->to, vcpu) == 0, "bind_vcpu");
}

void raw_init_control(struct raw *r, struct world_vcpu *by, unsigned vcpu)
{
	uint8_t *page = world_page(r->d);
	struct evtchn_init_control a = { .control_gfn = world_frame(r->d, page), .vcpu = vcpu };

	r->block[vcpu] = (void *)page;
	world_expect(world_evtchn(by, EVTCHNOP_init_control, &a) == 0, "init_control");
	r->d->vcpu[vcpu].upcall = upcall_fifo;
}

void raw_expand_array(struct raw *r, struct world_vcpu *by)
{
	void *page = world_page(r->d);
	struct evtchn_expand_array a = { .array_gfn = world_frame(r->d, page) };

	r->words = page;
	world_expect(world_evtchn(by, EVTCHNOP_expand_array, &a) == 0, "expand_array");
}

void raw_fifo(struct raw *r)
{
	for (unsigned i = 0; i < r->d->nr_vcpus; i++)
		raw_init_control(r, &r->d->vcpu[0], i);
	raw_expand_array(r, &r->d->vcpu[0]);
}

/* ---- masks ---- */

void raw_disable(struct world_vcpu *v)
{
	store(&info_of(v)->evtchn_upcall_mask, 1);
}

void raw_enable(struct world_vcpu *v)
{
	store(&info_of(v)->evtchn_upcall_mask, 0);
	if (load(&info_of(v)->evtchn_upcall_pending))
		world_hypercall(v, __HYPERVISOR_xen_version, XENVER_version, 0, 0);
}

void raw_mask(struct raw *r, uint32_t port)
{
	if (r->words)
		fetch_or(&r->words[port], MASKED);
	else
		fetch_or(&r->d->shared->evtchn_mask[0], UINT64_C(1) << port);
}

long raw_unmask_call(struct world_vcpu *v, uint32_t port)
{
	struct evtchn_unmask a = { .port = port };

	return world_evtchn(v, EVTCHNOP_unmask, &a);
}

/* FIFO: by oneself only what is not pending; it might be linked nowhere. */
void raw_unmask(struct raw *r, struct world_vcpu *v, uint32_t port)
{
	event_word_t w = r->words ? load(&r->words[port]) : PENDING;

	while (!(w & (PENDING | BUSY)))
		if (ATOMIC_CAS(&r->words[port], &w, w & ~MASKED, __ATOMIC_SEQ_CST))
			return;
	world_expect(raw_unmask_call(v, port) == 0, "unmask");
}

bool raw_pending(struct raw *r, uint32_t port)
{
	if (r->words)
		return load(&r->words[port]) & PENDING;
	return load(&r->d->shared->evtchn_pending[0]) >> port & 1;
}

/* ---- hypercalls ---- */

long raw_bind_vcpu(struct world_vcpu *v, uint32_t port, unsigned vcpu)
{
	struct evtchn_bind_vcpu a = { .port = port, .vcpu = vcpu };

	return world_evtchn(v, EVTCHNOP_bind_vcpu, &a);
}

long raw_set_priority(struct world_vcpu *v, uint32_t port, unsigned priority)
{
	struct evtchn_set_priority a = { .port = port, .priority = priority };

	return world_evtchn(v, EVTCHNOP_set_priority, &a);
}

long raw_close(struct world_vcpu *v, uint32_t port)
{
	struct evtchn_close a = { .port = port };

	return world_evtchn(v, EVTCHNOP_close, &a);
}
