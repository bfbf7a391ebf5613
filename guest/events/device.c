/* SPDX-License-Identifier: MIT */
/*
 * Event channels for programs (carillon/guest_evtchn.h): handles with ports and a ring of those on
 * which something arrived. Each port is an IRQ of its own, whose handler disables it and puts it
 * into the ring; binding IRQs is bind.c's.
 *
 * A handle's lock is taken before a descriptor's. Whatever is found under it in the handle's table
 * is bound: unbinding takes it out of there first.
 */
#include "bind.h"

#include <carillon/guest_evtchn.h>

#define FIRST_SIZE   64u
#define UNRESTRICTED DOMID_INVALID

struct binding {
	struct guest_evtchn *h;
	evtchn_port_t port;
	unsigned irq;
	bool is_static;
	/* Under the handle's lock. */
	bool bound; /* in the table */
	bool enabled;
	bool queued; /* in the ring */
	struct binding *next;
};

/* Ring and table have the same size, a power of two, not less than the number of ports. */
struct space {
	evtchn_port_t *ring;
	struct binding **table; /* by port, chained */
	unsigned size;
};

struct guest_evtchn {
	struct guest *g;
	guest_evtchn_wake wake;
	void *arg;
	struct lock lock; /* for all that follows */
	struct space space;
	unsigned produced, consumed;
	unsigned bound;
	domid_t only; /* UNRESTRICTED, or the domain */
};

/* ---- ring and table ----------------------------------------------------------------------- */

static int space_alloc(struct guest *g, struct space *s, unsigned size)
{
	s->size = size;
	s->ring = guest_alloc(g, size * sizeof(*s->ring));
	s->table = guest_alloc(g, size * sizeof(struct binding *));
	return s->ring && s->table ? 0 : -XEN_ENOMEM;
}

static void space_free(struct guest *g, struct space *s)
{
	guest_free(g, s->ring, s->size * sizeof(*s->ring));
	guest_free(g, s->table, s->size * sizeof(struct binding *));
}

static struct binding **place_of(const struct space *s, evtchn_port_t port)
{
	return &s->table[port & (s->size - 1)];
}

static struct binding *find(const struct guest_evtchn *h, evtchn_port_t port)
{
	struct binding *b = *place_of(&h->space, port);

	while (b && b->port != port)
		b = b->next;
	return b;
}

static void put(struct guest_evtchn *h, struct binding *b)
{
	struct binding **place = place_of(&h->space, b->port);

	b->next = *place;
	*place = b;
}

/* Use this larger space, and give back the old one. The lock is held. */
static void space_swap(struct guest_evtchn *h, struct space *larger)
{
	struct space old = h->space;
	struct binding *b, *next;
	unsigned i, n = h->produced - h->consumed;

	for (i = 0; i < n; i++)
		larger->ring[i] = old.ring[(h->consumed + i) & (old.size - 1)];
	h->consumed = 0;
	h->produced = n;
	h->space = *larger;
	*larger = old;
	for (i = 0; i < old.size; i++) {
		for (b = old.table[i]; b; b = next) {
			next = b->next;
			put(h, b);
		}
	}
}

/* Into the table. Somebody else may bind, and make it larger, while we have let go of the lock. */
static int insert(struct guest_evtchn *h, struct binding *b)
{
	guest_flags_t flags = lock_irqsave(h->g, &h->lock);
	struct space larger = { 0 };
	int rc = 0;

	while (h->bound == h->space.size) {
		unsigned size = 2 * h->space.size;

		unlock_irqrestore(h->g, &h->lock, flags);
		rc = space_alloc(h->g, &larger, size);
		flags = lock_irqsave(h->g, &h->lock);
		if (!rc && h->space.size < size)
			space_swap(h, &larger);
		unlock_irqrestore(h->g, &h->lock, flags);
		space_free(h->g, &larger);
		if (rc)
			return rc;
		flags = lock_irqsave(h->g, &h->lock);
	}
	put(h, b);
	b->bound = true;
	b->enabled = true;
	h->bound++;
	unlock_irqrestore(h->g, &h->lock, flags);
	return 0;
}

/* Take the port out of the ring, wherever it is there. The lock is held. */
static void unqueue(struct guest_evtchn *h, evtchn_port_t port)
{
	unsigned mask = h->space.size - 1, from, to = h->consumed;
	evtchn_port_t p;

	for (from = h->consumed; from != h->produced; from++) {
		p = h->space.ring[from & mask];
		if (p != port)
			h->space.ring[to++ & mask] = p;
	}
	h->produced = to;
}

/* Out of table and ring. The lock is held. */
static void extract(struct guest_evtchn *h, struct binding *b)
{
	struct binding **link = place_of(&h->space, b->port);

	while (*link != b)
		link = &(*link)->next;
	*link = b->next;
	if (b->queued)
		unqueue(h, b->port);
	b->bound = false;
	h->bound--;
}

/* ---- events ------------------------------------------------------------------------------- */

static enum guest_irqreturn arrived(struct guest *g, unsigned irq, void *dev)
{
	struct binding *b = dev;
	struct guest_evtchn *h = b->h;
	bool first = false;

	lock_acquire(g, &h->lock);
	/* Else it is being unbound at this moment. */
	if (b->bound && b->enabled) {
		/* Before the program can read it and enable it again. */
		(void)guest_disable_irq_nosync(g, irq);
		b->enabled = false;
		/* It is there still if the program wrote without having read. */
		if (!b->queued) {
			first = h->produced == h->consumed;
			b->queued = true;
			h->space.ring[h->produced++ & (h->space.size - 1)] = b->port;
		}
	}
	lock_release(&h->lock);
	if (first && h->wake)
		h->wake(h, h->arg);
	return GUEST_IRQ_HANDLED;
}

int guest_evtchn_read(struct guest_evtchn *h, evtchn_port_t *ports, size_t n)
{
	guest_flags_t flags = lock_irqsave(h->g, &h->lock);
	int count = 0;

	while ((size_t)count < n && h->consumed != h->produced) {
		ports[count] = h->space.ring[h->consumed++ & (h->space.size - 1)];
		find(h, ports[count])->queued = false;
		count++;
	}
	unlock_irqrestore(h->g, &h->lock, flags);
	return count || !n ? count : -XEN_EAGAIN;
}

static void enable(struct guest_evtchn *h, evtchn_port_t port)
{
	guest_flags_t flags = lock_irqsave(h->g, &h->lock);
	struct binding *b = find(h, port);

	if (b && !b->enabled) {
		b->enabled = true;
		/* Its event cannot be delivered here before we let go of the lock. */
		(void)guest_enable_irq(h->g, b->irq);
	}
	unlock_irqrestore(h->g, &h->lock, flags);
}

void guest_evtchn_write(struct guest_evtchn *h, const evtchn_port_t *ports, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		enable(h, ports[i]);
}

void guest_evtchn_reset(struct guest_evtchn *h)
{
	guest_flags_t flags = lock_irqsave(h->g, &h->lock);

	while (h->consumed != h->produced)
		find(h, h->space.ring[h->consumed++ & (h->space.size - 1)])->queued = false;
	unlock_irqrestore(h->g, &h->lock, flags);
}

int guest_evtchn_notify(struct guest_evtchn *h, evtchn_port_t port)
{
	guest_flags_t flags = lock_irqsave(h->g, &h->lock);
	const struct binding *b = find(h, port);
	int rc = -XEN_ENOTCONN;

	/* With the lock, or the number may be somebody else's when it is sent on. */
	if (b)
		rc = guest_notify_irq(h->g, b->irq);
	unlock_irqrestore(h->g, &h->lock, flags);
	return rc;
}

/* ---- binding ------------------------------------------------------------------------------ */

/* It is out of the table. */
static void detach(struct guest *g, struct binding *b)
{
	(void)guest_free_irq(g, b->irq, b);
	(void)events_unbind(g, b->irq, !b->is_static);
	guest_free(g, b, sizeof(*b));
}

/*
 * A binding of this handle with that number whose port has gone (guest_resume): the number is
 * another port's now. False: it is alive.
 */
static bool drop_dead(struct guest_evtchn *h, evtchn_port_t port)
{
	guest_flags_t flags = lock_irqsave(h->g, &h->lock);
	struct binding *b = find(h, port);
	bool alive = b && guest_irq_port(h->g, b->irq);

	if (b && !alive)
		extract(h, b);
	unlock_irqrestore(h->g, &h->lock, flags);
	if (b && !alive)
		detach(h->g, b);
	return !alive;
}

/* A port that is there. On an error it is as it was. */
static int attach(struct guest_evtchn *h, evtchn_port_t port, bool is_static)
{
	struct binding *b = guest_alloc(h->g, sizeof(*b));
	guest_flags_t flags;
	int rc;

	if (!b)
		return -XEN_ENOMEM;
	*b = (struct binding){ .h = h, .port = port, .is_static = is_static };
	rc = guest_bind_evtchn_to_irq(h->g, port);
	if (rc < 0)
		goto free;
	b->irq = (unsigned)rc;
	rc = insert(h, b);
	if (rc)
		goto unbind;
	/* From here on it may be in the ring. */
	rc = guest_request_irq(h->g, b->irq, arrived, 0, "evtchn", b);
	if (!rc)
		return 0;
	flags = lock_irqsave(h->g, &h->lock);
	extract(h, b);
	unlock_irqrestore(h->g, &h->lock, flags);
unbind:
	(void)events_unbind(h->g, b->irq, false);
free:
	guest_free(h->g, b, sizeof(*b));
	return rc;
}

/* The same of a port that was just made. Its number, or an error, and it is closed. */
static int attach_new(struct guest_evtchn *h, evtchn_port_t port)
{
	int rc;

	(void)drop_dead(h, port);
	rc = attach(h, port, false);
	if (rc)
		(void)events_close_port(h->g, port);
	return rc ? rc : (int)port;
}

static bool may_bind(const struct guest_evtchn *h, domid_t dom)
{
	domid_t only = load_relaxed(&h->only);

	return only == UNRESTRICTED || only == dom;
}

int guest_evtchn_bind_unbound(struct guest_evtchn *h, domid_t remote_dom)
{
	int rc = may_bind(h, remote_dom) ? guest_alloc_unbound(h->g, remote_dom) : -XEN_EACCES;

	return rc < 0 ? rc : attach_new(h, (evtchn_port_t)rc);
}

int guest_evtchn_bind_interdomain(struct guest_evtchn *h, domid_t remote_dom,
				  evtchn_port_t remote_port)
{
	struct evtchn_bind_interdomain op = { .remote_dom = remote_dom,
					      .remote_port = remote_port };
	int rc = may_bind(h, remote_dom) ? evtchn_call(h->g, EVTCHNOP_bind_interdomain, &op)
					 : -XEN_EACCES;

	return rc ? rc : attach_new(h, op.local_port);
}

int guest_evtchn_bind_virq(struct guest_evtchn *h, unsigned virq)
{
	struct evtchn_bind_virq op = { .virq = virq, .vcpu = 0 };
	int rc = may_bind(h, UNRESTRICTED) ? evtchn_call(h->g, EVTCHNOP_bind_virq, &op)
					   : -XEN_EACCES;

	return rc ? rc : attach_new(h, op.port);
}

int guest_evtchn_bind_static(struct guest_evtchn *h, evtchn_port_t port)
{
	if (!may_bind(h, UNRESTRICTED))
		return -XEN_EACCES;
	return drop_dead(h, port) ? attach(h, port, true) : -XEN_EISCONN;
}

int guest_evtchn_unbind(struct guest_evtchn *h, evtchn_port_t port)
{
	struct binding *b;
	guest_flags_t flags;

	if (port >= h->g->abi->nr_ports)
		return -XEN_EINVAL;
	flags = lock_irqsave(h->g, &h->lock);
	b = find(h, port);
	if (b)
		extract(h, b);
	unlock_irqrestore(h->g, &h->lock, flags);
	if (!b)
		return -XEN_ENOTCONN;
	detach(h->g, b);
	return 0;
}

int guest_evtchn_restrict(struct guest_evtchn *h, domid_t dom)
{
	guest_flags_t flags;
	int rc = -XEN_EACCES;

	if (!dom || dom >= DOMID_FIRST_RESERVED)
		return -XEN_EINVAL;
	flags = lock_irqsave(h->g, &h->lock);
	if (h->only == UNRESTRICTED) {
		store_relaxed(&h->only, dom);
		rc = 0;
	}
	unlock_irqrestore(h->g, &h->lock, flags);
	return rc;
}

/* ---- handles ------------------------------------------------------------------------------ */

int guest_evtchn_open(struct guest *g, guest_evtchn_wake wake, void *arg, struct guest_evtchn **out)
{
	struct guest_evtchn *h = guest_alloc(g, sizeof(*h));
	int rc;

	if (!h)
		return -XEN_ENOMEM;
	*h = (struct guest_evtchn){ .g = g, .wake = wake, .arg = arg, .only = UNRESTRICTED };
	rc = space_alloc(g, &h->space, FIRST_SIZE);
	if (rc) {
		space_free(g, &h->space);
		guest_free(g, h, sizeof(*h));
		return rc;
	}
	*out = h;
	return 0;
}

void guest_evtchn_close(struct guest_evtchn *h)
{
	struct guest *g = h->g;
	struct binding *b;
	guest_flags_t flags;
	unsigned i;

	for (i = 0; i < h->space.size; i++) {
		while ((b = h->space.table[i])) {
			flags = lock_irqsave(g, &h->lock);
			extract(h, b);
			unlock_irqrestore(g, &h->lock, flags);
			detach(g, b);
		}
	}
	space_free(g, &h->space);
	guest_free(g, h, sizeof(*h));
}
