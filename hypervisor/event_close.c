/* SPDX-License-Identifier: MIT */
/*
 * Taking ports out of use: close, reset, a domain's end. The order is always this: nobody can find
 * the port in use any more (PORT_FREE), all senders that had found it are out, its pending bit is
 * cleared, its number can be had again.
 */
#include "event.h"

#include "atomic.h"
#include "domain.h"
#include "event_abi.h"
#include "event_lock.h"
#include "hypercall.h"
#include "irq.h"
#include "ports.h"
#include "probe.h"
#include "trace.h"

/* For the steps that a close and a reset share: a close has them without a call. */
#define STEP static inline __attribute__((always_inline))

#define RESET_STEP 256u /* ports that are closed with one wait */

/* While the lock is dropped to take both in order, the port may change its peer: then again. */
struct hv_domain *lock_peer_too(struct hv_domain *d, const struct port *p)
{
	struct hv_domain *peer;
	uint64_t w;

	for (;;) {
		w = load_relaxed(&p->word);
		if (!has_peer(d, w))
			return NULL;
		peer = domain_get(d->hv, word_dom(w));
		lock_drop(&d->lock);
		if (peer) {
			lock_two(d, peer);
			/* Also the same domain still, not a new one with its number. */
			if (load_relaxed(&p->word) == w &&
			    domain_lookup(d->hv, peer->domid) == peer)
				return peer;
			unlock_two(d, peer);
			domain_put(peer);
		}
		/* If there was none it died meanwhile, and so has the connection. */
		lock_take(d->hv, &d->lock);
	}
}

/*
 * The other end waits for us again, on the vCPU that it has. Its own events, pending or on their
 * way, stay.
 */
STEP void unbind_peer(struct hv_domain *d, struct hv_domain *peer, uint64_t w)
{
	struct port *p = port_known(peer, word_number(w));
	uint64_t old = load_relaxed(&p->word);

	/* Pairs with the senders' load of it: see section_enter(). Its route is not touched. */
	store_seq(&p->word, port_word(PORT_UNBOUND, word_vcpu(old), d->domid, 0));
}

static void unbind_virq(struct hv_domain *d, uint32_t port, unsigned virq)
{
	unsigned i;

	for (i = 0; i < d->max_vcpus; i++)
		if (load_relaxed(&d->vcpu[i]->virq_port[virq]) == port)
			store_seq(&d->vcpu[i]->virq_port[virq], 0u);
}

static __attribute__((noinline)) void unbind_interrupt(struct hv_domain *d, uint32_t port,
						       uint64_t w)
{
	if (word_state(w) == PORT_PIRQ)
		pirq_unbind(d, word_number(w));
	else
		unbind_virq(d, port, word_number(w));
}

/*
 * First step: nobody finds the port, which is in use, so any more; its word was w. Its number stays
 * taken. Locks held as by lock_with_peer(); peer: the domain at its other end, if it is connected.
 */
STEP void detach(struct hv_domain *d, struct hv_domain *peer, struct port *p, uint32_t port,
		 uint64_t w)
{
	if (word_state(w) == PORT_INTERDOMAIN)
		unbind_peer(d, peer, w);
	else if (word_state(w) != PORT_UNBOUND && word_state(w) != PORT_IPI)
		unbind_interrupt(d, port, w);
	/* Pairs with the senders' load of it: see section_enter(). */
	store_seq(&p->word, port_word(PORT_FREE, 0, 0, 0));
	probe_close(d->domid, port, word_vcpu(w), word_state(w));
}

/*
 * Last step, after the wait. Only now it counts as not open: who goes on with the same reset must
 * not leave the FIFO ABI before we are here, since the 2-level ABI may have no bit for this port.
 */
STEP void finish(struct hv_domain *d, uint32_t port)
{
	domain_abi(d)->clear_pending(d, port);
	if (trace_wanted(d))
		trace_forget(d, port);
	port_give_back(d, port);
	d->open_ports--;
}

/*
 * Each of the domain's vCPUs and of the other threads was seen outside once after the caller's
 * store. Who enters later sees that, and who had entered before is out: so nobody is waited for,
 * and no epoch has to end. Pairs with section_enter() as sections_wait() does.
 */
STEP bool all_out(const struct hv_domain *d)
{
	const struct shared_section *s = &d->hv->section;
	struct hv_vcpu *const *vcpu = d->vcpu;
	uint64_t i = d->max_vcpus;

	if (load_seq(&s->inside[0]) || load_seq(&s->inside[1]))
		return false;
	do
		if (load_seq(&vcpu[i - 1]->section.inside))
			return false;
	while (--i);
	return true;
}

/*
 * Once the port is detached. With our lock held: no one of this domain gets the number before it is
 * clean. Senders need no lock.
 */
STEP long clean_and_unlock(struct hv_domain *d, uint32_t port, bool wait)
{
	if (wait)
		sections_wait(d->hv);
	finish(d, port);
	lock_drop(&d->lock);
	return 0;
}

/* The same, connected to another domain when it was looked at. Our lock is held. */
static __attribute__((noinline)) long close_connected(struct hv_domain *d, struct port *p,
						      uint32_t port)
{
	struct hv_domain *peer = lock_peer_too(d, p);
	uint64_t w = load_relaxed(&p->word);
	bool usable = word_usable(w);

	if (usable)
		detach(d, peer ? peer : d, p, port, w);
	drop_peer(peer);
	if (usable)
		return clean_and_unlock(d, port, true);
	lock_drop(&d->lock);
	return -XEN_EINVAL;
}

/*
 * Senders of another domain can have found the port if it is connected to that one, or was: then it
 * is unbound, and the other's name is still there. All other senders are this domain's own.
 */
long event_close(struct hv_domain *d, uint32_t port)
{
	struct port *p;
	uint64_t w;

	/* Port 0 is never in use. */
	port = index_nospec32(port, load_acquire(&d->valid_ports));
	p = port_known(d, port);
	lock_take(d->hv, &d->lock);
	w = load_relaxed(&p->word);
	if (!word_usable(w)) {
		lock_drop(&d->lock);
		return -XEN_EINVAL;
	}
	if (has_peer(d, w))
		return close_connected(d, p, port);
	detach(d, d, p, port, w);
	return clean_and_unlock(
		d, port, (word_state(w) == PORT_UNBOUND && word_dom(w) != d->domid) || !all_out(d));
}

/*
 * Close the ports from `from` on, RESET_STEP of them, with one wait; the first that is left, or 0.
 * Between them the lock is dropped, so others of the domain may open some behind us, as during a
 * reset on Xen. A port that is free but taken is one that was detached before our wait, by us or by
 * a reset beside us.
 */
static uint32_t close_some(struct hv_domain *d, uint32_t from)
{
	uint32_t port, end = from + RESET_STEP;
	struct port *p;

	for (port = from; port < end && (p = port_find(d, port)) != NULL; port++) {
		struct hv_domain *peer;
		uint64_t w;

		if (!word_usable(load_relaxed(&p->word)))
			continue;
		peer = lock_with_peer(d, p);
		w = load_relaxed(&p->word);
		if (word_usable(w))
			detach(d, peer ? peer : d, p, port, w);
		drop_peer(peer);
		lock_drop(&d->lock);
	}
	end = port;
	lock_take(d->hv, &d->lock);
	sections_wait(d->hv);
	for (port = from; port < end && (p = port_find(d, port)) != NULL; port++)
		if (!word_usable(load_relaxed(&p->word)) && port_taken(d, port))
			finish(d, port);
	lock_drop(&d->lock);
	return port_find(d, end) ? end : 0;
}

/* Nothing is half done any more. */
static long reset_done(struct hv_domain *d)
{
	bool in_use;

	lock_take(d->hv, &d->lock);
	d->reset_at = 0;
	in_use = d->open_ports != 0;
	if (!in_use)
		event_fifo_leave(d);
	lock_drop(&d->lock);
	return in_use ? -XEN_EAGAIN : 0;
}

/* Where to begin: port 1, or where one that was cut short left off; 0 if that does not fit. */
static uint32_t reset_begin(struct hv_domain *d, bool resume)
{
	uint32_t at;

	lock_take(d->hv, &d->lock);
	at = resume ? d->reset_at : !d->reset_at;
	if (at)
		d->reset_at = at;
	lock_drop(&d->lock);
	return at;
}

long event_reset(struct hv_domain *d, struct hv_vcpu *by, bool resume)
{
	uint32_t at = reset_begin(d, resume);

	if (!at)
		return -XEN_EBUSY;
	while ((at = close_some(d, at)) != 0) {
		if (!hypercall_should_yield(by))
			continue;
		lock_take(d->hv, &d->lock);
		/* 0: another vCPU has gone on with it meanwhile, to its end. */
		if (d->reset_at)
			d->reset_at = at;
		lock_drop(&d->lock);
		return -XEN_ERESTART;
	}
	return reset_done(d);
}

void event_close_all(struct hv_domain *d)
{
	uint32_t at = 1;

	lock_take(d->hv, &d->lock);
	d->dying = true;
	ports_limit_changed(d);
	lock_drop(&d->lock);
	do
		at = close_some(d, at);
	while (at);
	reset_done(d);
}
