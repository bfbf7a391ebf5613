/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op: allocating and binding ports, asking about them. Checks and their order are
 * Xen's. An operation first finds a number, then checks what it must, and takes the number last:
 * one that fails leaves none behind.
 */
#include <xen/event_channel.h>

#include "atomic.h"
#include "bound.h"
#include "domain.h"
#include "event.h"
#include "event_abi.h"
#include "event_lock.h"
#include "guest_access.h"
#include "hypercall.h"
#include "irq.h"
#include "policy.h"
#include "ports.h"
#include "probe.h"
#include "vcpu.h"

/* Take a free port into use. route: see struct port; NULL if none. Domain's lock held. */
static inline __attribute__((always_inline)) void open_port(struct hv_domain *d, uint32_t port,
							    uint64_t word, struct hv_vcpu *route)
{
	struct port *p = port_known(d, port);

	port_take(d, port);
	if (domain_abi(d)->init_port)
		domain_abi(d)->init_port(d, port);
	d->open_ports++;
	store_relaxed(&p->route, route);
	store_seq(&p->word, word);
	probe_bind(d->domid, port, word_vcpu(word), word_state(word));
}

/* own: d is v's; so the caller knows. */
static inline __attribute__((always_inline)) long alloc_in(struct hv_vcpu *v, struct hv_domain *d,
							   struct evtchn_alloc_unbound *a, bool own)
{
	domid_t remote = a->remote_dom == DOMID_SELF ? v->domain->domid : a->remote_dom;
	int port, rc;

	lock_take(d->hv, &d->lock);
	port = port_lowest_free(d, &v->search.from);
	if (port < 0)
		rc = port;
	else if (own)
		rc = policy_ask_own(v, HV_OP_EVTCHN_ALLOC_UNBOUND, remote);
	else
		rc = policy_ask_on(v, HV_OP_EVTCHN_ALLOC_UNBOUND, d, remote);
	if (rc == 0) {
		open_port(d, (uint32_t)port, port_word(PORT_UNBOUND, 0, remote, 0), NULL);
		a->port = (uint32_t)port;
	}
	lock_drop(&d->lock);
	return rc;
}

static __attribute__((noinline)) long alloc_in_other(struct hv_vcpu *v,
						     struct evtchn_alloc_unbound *a)
{
	struct hv_domain *d = domain_get(v->domain->hv, a->dom);
	long rc;

	if (!d)
		return -XEN_ESRCH;
	rc = alloc_in(v, d, a, false);
	domain_put(d);
	return rc;
}

long event_alloc_unbound(struct hv_vcpu *v, struct evtchn_alloc_unbound *a)
{
	struct hv_domain *d = v->domain;

	if (a->dom != DOMID_SELF && a->dom != d->domid)
		return alloc_in_other(v, a);
	return alloc_in(v, d, a, true);
}

/* Both locks held. */
static inline __attribute__((always_inline)) long connect_to(struct hv_vcpu *v, struct hv_domain *d,
							     struct hv_domain *rd,
							     struct evtchn_bind_interdomain *a)
{
	int port = port_lowest_free(d, &v->search.from);
	uint32_t remote = a->remote_port;
	struct port *rp;
	uint64_t rw;
	int rc;

	if (port < 0)
		return port;
	rp = port_find_or_0(rd, remote);
	rw = load_relaxed(&rp->word);
	if (word_state(rw) != PORT_UNBOUND || word_dom(rw) != d->domid)
		return -XEN_EINVAL;
	rc = policy_ask_free(v, HV_OP_EVTCHN_BIND_INTERDOMAIN, rd, remote);
	if (rc)
		return rc;
	/* Our end first: who then finds the other one connected finds ours in use. */
	open_port(d, (uint32_t)port, port_word(PORT_INTERDOMAIN, 0, rd->domid, remote),
		  rd->vcpu[word_vcpu(rw)]);
	store_relaxed(&rp->route, d->vcpu[0]);
	store_seq(&rp->word, port_word(PORT_INTERDOMAIN, word_vcpu(rw), d->domid, (uint32_t)port));
	/* What the other end sent before was lost: have the guest look once. */
	event_raise_own(v, d->vcpu[0], (uint32_t)port);
	a->local_port = (uint32_t)port;
	return 0;
}

/* The other end in another domain. */
static __attribute__((noinline)) long bind_to_other(struct hv_vcpu *v,
						    struct evtchn_bind_interdomain *a)
{
	struct hv_domain *d = v->domain, *rd = domain_get(d->hv, a->remote_dom);
	long rc;

	if (!rd)
		return -XEN_ESRCH;
	lock_two(d, rd);
	rc = connect_to(v, d, rd, a);
	unlock_two(d, rd);
	domain_put(rd);
	return rc;
}

long event_bind_interdomain(struct hv_vcpu *v, struct evtchn_bind_interdomain *a)
{
	struct hv_domain *d = v->domain;
	long rc;

	if (a->remote_dom != DOMID_SELF && a->remote_dom != d->domid)
		return bind_to_other(v, a);
	lock_take(d->hv, &d->lock);
	rc = connect_to(v, d, d, a);
	lock_drop(&d->lock);
	return rc;
}

static long bind_virq(struct hv_vcpu *v, struct evtchn_bind_virq *a)
{
	struct hv_domain *d = v->domain;
	struct hv_vcpu *to;
	uint32_t *bound;
	int port;

	if (a->virq >= NR_VIRQS)
		return -XEN_EINVAL;
	if (virq_is_global(a->virq) && a->vcpu != 0)
		return -XEN_EINVAL;
	to = vcpu_find(d, a->vcpu);
	if (!to)
		return -XEN_ENOENT;
	bound = &to->virq_port[index_nospec(a->virq, NR_VIRQS)];
	lock_take(d->hv, &d->lock);
	port = load_relaxed(bound) ? -XEN_EEXIST : port_lowest_free(d, &v->search.from);
	if (port >= 0) {
		open_port(d, (uint32_t)port, port_word(PORT_VIRQ, to->id, 0, a->virq), NULL);
		/* Now it can be raised. */
		store_seq(bound, (uint32_t)port);
	}
	lock_drop(&d->lock);
	if (port < 0)
		return port;
	a->port = (uint32_t)port;
	return 0;
}

static long bind_ipi(struct hv_vcpu *v, struct evtchn_bind_ipi *a)
{
	struct hv_domain *d = v->domain;
	struct hv_vcpu *to = vcpu_find(d, a->vcpu);
	int port;

	if (!to)
		return -XEN_ENOENT;
	lock_take(d->hv, &d->lock);
	port = port_lowest_free(d, &v->search.from);
	if (port >= 0)
		open_port(d, (uint32_t)port, port_word(PORT_IPI, to->id, 0, (uint32_t)port), to);
	lock_drop(&d->lock);
	if (port < 0)
		return port;
	a->port = (uint32_t)port;
	return 0;
}

/* Domain's lock held. */
static long bind_pirq_locked(struct hv_vcpu *v, struct evtchn_bind_pirq *a)
{
	struct hv_domain *d = v->domain;
	long rc = pirq_may_bind(d, a->pirq);
	int port;

	if (rc)
		return rc;
	port = port_lowest_free(d, &v->search.from);
	if (port < 0)
		return port;
	/* The port first, as binding the pirq starts the line, and that may raise it at once. */
	open_port(d, (uint32_t)port, port_word(PORT_PIRQ, pirq_vcpu(d, a->pirq), 0, a->pirq), NULL);
	rc = pirq_bind(d, a->pirq, (uint32_t)port, a->flags & BIND_PIRQ__WILL_SHARE);
	if (rc) {
		/*
		 * Nobody could have raised it: only its line does, and to that it was never bound.
		 */
		store_seq(&port_find(d, (uint32_t)port)->word, port_word(PORT_FREE, 0, 0, 0));
		d->open_ports--;
		probe_close(d->domid, (uint32_t)port, 0, PORT_PIRQ);
		port_give_back(d, (uint32_t)port);
		return rc;
	}
	a->port = (uint32_t)port;
	return 0;
}

static long bind_pirq(struct hv_vcpu *v, struct evtchn_bind_pirq *a)
{
	struct hv_domain *d = v->domain;
	long rc;

	lock_take(d->hv, &d->lock);
	rc = bind_pirq_locked(v, a);
	lock_drop(&d->lock);
	return rc;
}

static void fill_status(struct evtchn_status *s, uint64_t w)
{
	s->vcpu = word_vcpu(w);
	switch (word_state(w)) {
	case PORT_FREE:
	case PORT_RESERVED:
		s->status = EVTCHNSTAT_closed;
		break;
	case PORT_UNBOUND:
		s->status = EVTCHNSTAT_unbound;
		s->u.unbound.dom = word_dom(w);
		break;
	case PORT_INTERDOMAIN:
		s->status = EVTCHNSTAT_interdomain;
		s->u.interdomain.dom = word_dom(w);
		s->u.interdomain.port = word_number(w);
		break;
	case PORT_PIRQ:
		s->status = EVTCHNSTAT_pirq;
		s->u.pirq = word_number(w);
		break;
	case PORT_VIRQ:
		s->status = EVTCHNSTAT_virq;
		s->u.virq = word_number(w);
		break;
	case PORT_IPI:
		s->status = EVTCHNSTAT_ipi;
		break;
	}
}

static long port_status(struct hv_vcpu *v, struct evtchn_status *s)
{
	struct hv_domain *d = domain_get_any(v, s->dom);
	const struct port *p;
	long rc = 0;

	if (!d)
		return -XEN_ESRCH;
	p = port_find(d, s->port);
	if (!p)
		rc = -XEN_EINVAL;
	else
		rc = policy_ask_unless_own(v, HV_OP_EVTCHN_STATUS, d, s->port);
	if (rc == 0)
		fill_status(s, load_seq(&p->word));
	domain_put_any(v, d);
	return rc;
}

/* Domain's lock held. */
static bool movable(const struct hv_domain *d, uint64_t w)
{
	switch (word_state(w)) {
	case PORT_UNBOUND:
	case PORT_INTERDOMAIN:
		return true;
	case PORT_PIRQ:
		return !pirq_is_percpu(d, word_number(w));
	case PORT_VIRQ:
		return virq_is_global(word_number(w));
	default:
		return false;
	}
}

/* The port notifies that vCPU from now on. Both locks held. */
static void move_port(struct hv_domain *d, const struct hv_domain *peer, struct port *p,
		      struct hv_vcpu *to)
{
	uint64_t w = load_relaxed(&p->word);

	/* Pairs with the senders' loads in event_send.c, in their sections. */
	if (word_state(w) == PORT_INTERDOMAIN)
		store_seq(&port_known(peer ? peer : d, word_number(w))->route, to);
	store_seq(&p->word, port_word(word_state(w), to->id, word_dom(w), word_number(w)));
}

static long bind_vcpu(struct hv_vcpu *v, const struct evtchn_bind_vcpu *a)
{
	struct hv_domain *d = v->domain, *peer;
	struct hv_vcpu *to = vcpu_find(d, a->vcpu);
	struct port *p;
	uint64_t w;
	bool moves;

	if (!to)
		return -XEN_ENOENT;
	p = port_find(d, a->port);
	if (!p)
		return -XEN_EINVAL;
	peer = lock_with_peer(d, p);
	w = load_relaxed(&p->word);
	moves = movable(d, w);
	if (moves)
		move_port(d, peer, p, to);
	drop_peer(peer);
	lock_drop(&d->lock);
	if (!moves)
		return -XEN_EINVAL;
	/*
	 * When the guest hears that it moved, no sender notifies the old vCPU any more. Also where
	 * it was there already: another vCPU may have moved it just now, and still wait.
	 */
	sections_wait(d->hv);
	return 0;
}

long event_unmask(struct hv_vcpu *v, uint32_t port)
{
	const struct hv_domain *d = v->domain;
	const struct port *p = port_find(d, port);
	uint64_t w;

	if (!p)
		return -XEN_EINVAL;
	section_enter(&v->section, &d->hv->epoch);
	w = load_seq(&p->word);
	if (word_usable(w))
		domain_abi(d)->unmask(d->vcpu[word_vcpu(w)], port);
	section_leave(&v->section);
	return 0;
}

/* Another domain must hold still meanwhile: have been paused by whoever asks. */
static long check_reset(struct hv_vcpu *v, struct hv_domain *d)
{
	long rc = policy_ask_on(v, HV_OP_EVTCHN_RESET, d, 0);
	unsigned paused;

	if (rc)
		return rc;
	lock_take(d->hv, &d->lock);
	paused = d->pause_count;
	lock_drop(&d->lock);
	return d != v->domain && !paused ? -XEN_EINVAL : 0;
}

static long reset(struct hv_vcpu *v, const struct evtchn_reset *a, bool resume)
{
	struct hv_domain *d = domain_get_any(v, a->dom);
	long rc;

	if (!d)
		return -XEN_ESRCH;
	rc = check_reset(v, d);
	if (rc == 0)
		rc = event_reset(d, v, resume);
	domain_put_any(v, d);
	return rc;
}

static long set_priority(struct hv_vcpu *v, const struct evtchn_set_priority *a)
{
	struct hv_domain *d = v->domain;
	const struct port *p = port_find(d, a->port);
	const struct event_abi *abi = domain_abi(d);

	if (!p)
		return -XEN_EINVAL;
	if (!abi->set_priority)
		return -XEN_ENOSYS;
	if (!word_usable(load_seq(&p->word)))
		return -XEN_EACCES;
	return abi->set_priority(d, a->port, a->priority);
}

/* ---- the hypercall ---- */

union argument {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_close close;
	struct evtchn_status status;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
	struct evtchn_init_control init_control;
	struct evtchn_expand_array expand_array;
	struct evtchn_set_priority set_priority;
};

/*
 * How much of an argument there is, whether it comes back when the operation is done, and whether
 * the policy is asked before anything is looked at: Xen asks none there. The others ask on their
 * way. All but send, which is done apart.
 */
static const struct {
	uint8_t size;
	bool out, ask;
} shapes[] = {
	[EVTCHNOP_bind_interdomain] = { sizeof(struct evtchn_bind_interdomain), true, false },
	[EVTCHNOP_bind_virq] = { sizeof(struct evtchn_bind_virq), true, true },
	[EVTCHNOP_bind_pirq] = { sizeof(struct evtchn_bind_pirq), true, true },
	[EVTCHNOP_close] = { sizeof(struct evtchn_close), false, true },
	[EVTCHNOP_status] = { sizeof(struct evtchn_status), true, false },
	[EVTCHNOP_alloc_unbound] = { sizeof(struct evtchn_alloc_unbound), true, false },
	[EVTCHNOP_bind_ipi] = { sizeof(struct evtchn_bind_ipi), true, true },
	[EVTCHNOP_bind_vcpu] = { sizeof(struct evtchn_bind_vcpu), false, true },
	[EVTCHNOP_unmask] = { sizeof(struct evtchn_unmask), false, true },
	[EVTCHNOP_reset] = { sizeof(struct evtchn_reset), false, false },
	[EVTCHNOP_init_control] = { sizeof(struct evtchn_init_control), true, true },
	[EVTCHNOP_expand_array] = { sizeof(struct evtchn_expand_array), false, true },
	[EVTCHNOP_set_priority] = { sizeof(struct evtchn_set_priority), false, true },
	[EVTCHNOP_reset_cont] = { sizeof(struct evtchn_reset), false, false },
};

#define OPS (sizeof(shapes) / sizeof(shapes[0]))

static long run_op(struct hv_vcpu *v, uint32_t op, union argument *u)
{
	switch (op) {
	case EVTCHNOP_bind_interdomain:
		return event_bind_interdomain(v, &u->bind_interdomain);
	case EVTCHNOP_bind_virq:
		return bind_virq(v, &u->bind_virq);
	case EVTCHNOP_bind_pirq:
		return bind_pirq(v, &u->bind_pirq);
	case EVTCHNOP_close:
		return event_close(v->domain, u->close.port);
	case EVTCHNOP_status:
		return port_status(v, &u->status);
	case EVTCHNOP_alloc_unbound:
		return event_alloc_unbound(v, &u->alloc_unbound);
	case EVTCHNOP_bind_ipi:
		return bind_ipi(v, &u->bind_ipi);
	case EVTCHNOP_bind_vcpu:
		return bind_vcpu(v, &u->bind_vcpu);
	case EVTCHNOP_unmask:
		return event_unmask(v, u->unmask.port);
	case EVTCHNOP_reset:
		return reset(v, &u->reset, false);
	case EVTCHNOP_reset_cont:
		return reset(v, &u->reset, true);
	case EVTCHNOP_set_priority:
		return set_priority(v, &u->set_priority);
	case EVTCHNOP_init_control:
		return event_init_control(v->domain, &u->init_control);
	case EVTCHNOP_expand_array:
		return event_expand_array(v->domain, &u->expand_array);
	default:
		return -XEN_ENOSYS;
	}
}

/* What an operation is about: a port, a virq, a frame... */
static uint64_t first_member(uint32_t op, const union argument *u)
{
	if (op == EVTCHNOP_init_control || op == EVTCHNOP_expand_array)
		return u->expand_array.array_gfn;
	return u->close.port;
}

static long op_at(struct hv_vcpu *v, uint32_t op, uint64_t va)
{
	union argument u = { .status = { 0 } };
	long rc;

	if (op >= OPS)
		return -XEN_ENOSYS;
	op = (uint32_t)index_nospec(op, OPS);
	if (copy_from_guest(v, &u, va, shapes[op].size))
		return -XEN_EFAULT;
	if (shapes[op].ask) {
		rc = policy_ask_own(v, (enum hv_operation)op, first_member(op, &u));
		if (rc)
			return rc;
	}
	rc = run_op(v, op, &u);
	if (rc == 0 && shapes[op].out)
		rc = copy_to_guest(v, va, &u, shapes[op].size);
	return rc;
}

/* The long way; the short one is in hypercall.c. */
static long send_at(struct hv_vcpu *v, uint64_t va)
{
	struct evtchn_send a;

	v->search.from = 0; /* as every operation that does not go on with it */
	if (copy_from_guest(v, &a, va, sizeof(a)))
		return -XEN_EFAULT;
	if (port_find(v->domain, a.port)) {
		long rc = policy_ask_own(v, HV_OP_EVTCHN_SEND, a.port);

		if (rc)
			return rc;
	}
	return event_send(v, a.port);
}

/* A search that was cut short goes on if this is the same operation, called again. */
static long search_and_run(struct hv_vcpu *v, uint32_t op, uint64_t va)
{
	struct port_search *s = &v->search;

	if (s->op != op || s->arg != va)
		*s = (struct port_search){ .op = op, .arg = va };
	return op_at(v, op, va);
}

static long other_op(struct hv_vcpu *v, const uint64_t a[6])
{
	uint64_t again[6] = { (uint32_t)a[0], a[1] };
	long rc = search_and_run(v, (uint32_t)a[0], a[1]);

	if (rc != -XEN_ERESTART)
		return rc;
	if (again[0] == EVTCHNOP_reset)
		again[0] = EVTCHNOP_reset_cont;
	return hypercall_again(v, again);
}

long do_event_channel_op(struct hv_vcpu *v, const uint64_t a[6])
{
	return (uint32_t)a[0] == EVTCHNOP_send ? send_at(v, a[1]) : other_op(v, a);
}

/*
 * The old entry: number and argument in one structure. It must be readable as a whole, whatever the
 * operation needs of it.
 */
long do_event_channel_op_compat(struct hv_vcpu *v, const uint64_t a[6])
{
	uint64_t va = a[0] + offsetof(struct evtchn_op, u);
	struct evtchn_op op;
	long rc;

	if (copy_from_guest(v, &op, a[0], sizeof(op)))
		return -XEN_EFAULT;
	if (op.cmd > EVTCHNOP_unmask)
		return -XEN_ENOSYS;
	if (op.cmd == EVTCHNOP_send)
		return send_at(v, va);
	rc = search_and_run(v, op.cmd, va);
	return rc == -XEN_ERESTART ? hypercall_again(v, a) : rc;
}

/* ---- for the embedder ---- */

/* The number that the embedder wants; 0: the lowest free, looked for from *from on. Lock held. */
static int wanted_port(struct hv_domain *d, uint32_t port, uint32_t *from)
{
	return port ? port_at(d, port) : port_lowest_free(d, from);
}

/* Both locks held. The ports are those wanted, and then those had. */
static int connect_new(struct hv_domain *a, struct hv_domain *b, uint32_t *port_a, uint32_t *port_b,
		       uint32_t from[2])
{
	int pa, pb;

	pa = wanted_port(a, *port_a, &from[0]);
	if (pa < 0)
		return pa;
	/* Taken, but not in use, while the other is looked for: it may be in the same domain. */
	port_take(a, (uint32_t)pa);
	pb = wanted_port(b, *port_b, &from[1]);
	if (pb < 0) {
		port_give_back(a, (uint32_t)pa);
		return pb;
	}
	open_port(b, (uint32_t)pb, port_word(PORT_INTERDOMAIN, 0, a->domid, (uint32_t)pa),
		  a->vcpu[0]);
	open_port(a, (uint32_t)pa, port_word(PORT_INTERDOMAIN, 0, b->domid, (uint32_t)pb),
		  b->vcpu[0]);
	*port_a = (uint32_t)pa;
	*port_b = (uint32_t)pb;
	return 0;
}

int hv_evtchn_connect_at(struct hv_domain *a, evtchn_port_t port_a, struct hv_domain *b,
			 evtchn_port_t port_b)
{
	uint32_t from[2] = { 0, 0 };
	int rc;

	if (!port_a || !port_b)
		return -XEN_EINVAL;
	lock_two(a, b);
	rc = connect_new(a, b, &port_a, &port_b, from);
	unlock_two(a, b);
	return rc;
}

int hv_evtchn_connect(struct hv_domain *a, struct hv_domain *b, evtchn_port_t *port_a,
		      evtchn_port_t *port_b)
{
	uint32_t pa = 0, pb = 0, from[2] = { 0, 0 };
	int rc;

	do {
		lock_two(a, b);
		rc = connect_new(a, b, &pa, &pb, from);
		unlock_two(a, b);
	} while (rc == -XEN_ERESTART);
	if (rc)
		return rc;
	*port_a = pa;
	*port_b = pb;
	return 0;
}
