/* SPDX-License-Identifier: MIT */
/*
 * fuzz-answers: event channel operations of two domains, made to the hypervisor half and to the
 * reference (model.h). Every answer and, after each step, every port, selector and upcall must be
 * the same. The guests keep the ABI here; those that do not are hypercalls.c's.
 */
#include <ops.h>
#include <testbed.h>

#include "input.h"
#include "model.h"

#define FRAMES 12u /* pages of a domain that may become words or control blocks */

struct pair {
	struct testbed *tb;
	struct testbed_domain *d[MODEL_DOMAINS];
	struct model m;
	void *frame[MODEL_DOMAINS][FRAMES];
	unsigned frames_used[MODEL_DOMAINS];
	void *block[MODEL_DOMAINS][MODEL_VCPUS];
	event_word_t *words[MODEL_DOMAINS][FRAMES];
	unsigned nr_words[MODEL_DOMAINS];
	unsigned me;
	struct testbed_vcpu *v;
};

static void same(const char *what, long here, long there)
{
	MUST(here == there, "%s: the hypervisor says %ld, the model %ld", what, here, there);
}

/* ---- comparing ---- */

static void compare_bound(const struct hv_port_info *i, const struct model_port *p, uint32_t port)
{
	MUST(i->status == p->status, "port %u: status %u, %u", port, i->status, p->status);
	MUST(i->vcpu == p->vcpu, "port %u: vCPU %u, %u", port, i->vcpu, p->vcpu);
	switch (p->status) {
	case EVTCHNSTAT_interdomain:
		MUST(i->remote_port == p->number, "port %u: remote port %u, %u", port,
		     i->remote_port, p->number);
		/* fall through */
	case EVTCHNSTAT_unbound:
		MUST(i->remote_dom == p->dom, "port %u: domain %u, %u", port, i->remote_dom,
		     p->dom);
		break;
	case EVTCHNSTAT_virq:
		MUST(i->irq == p->number, "port %u: virq %u, %u", port, i->irq, p->number);
		break;
	}
}

static void compare_port(const struct pair *x, unsigned dom, uint32_t port)
{
	const struct model_domain *d = &x->m.domain[dom];
	const struct model_port *p = &d->port[port];
	struct hv_port_info i;

	MUST(hv_port_info(testbed_hv_domain(x->d[dom]), port, &i) == 0, "port %u is not there",
	     port);
	if (port)
		compare_bound(&i, p, port);
	MUST(i.fifo == d->fifo, "domain %u: FIFO %d, %d", dom, i.fifo, d->fifo);
	MUST(mem_pending(x->d[dom], port) == p->pending, "port %u: 2-level pending", port);
	MUST(mem_masked(x->d[dom], port) == p->masked, "port %u: 2-level masked", port);
	if (!d->fifo)
		return;
	MUST(i.has_word == (port < d->words), "port %u: has a word", port);
	if (!i.has_word)
		return;
	MUST(i.pending == p->fifo_pending, "port %u: pending %d", port, i.pending);
	MUST(i.masked == p->fifo_masked, "port %u: masked %d", port, i.masked);
	MUST(i.linked == p->linked, "port %u: linked %d", port, i.linked);
	MUST(!i.busy, "port %u: busy", port);
	if (port && p->status != EVTCHNSTAT_closed)
		MUST(i.priority == p->priority, "port %u: priority %u, %u", port, i.priority,
		     p->priority);
}

static event_word_t *word_at(const struct pair *x, unsigned dom, uint32_t port)
{
	unsigned page = port / 1024;

	return page < x->nr_words[dom] ? &x->words[dom][page][port % 1024] : NULL;
}

/* From the head on its words must name what the model has, in its order; and then the end. */
static void compare_queue(const struct pair *x, unsigned dom, unsigned id, unsigned priority)
{
	const struct model_queue *q = &x->m.domain[dom].vcpu[id].queue[priority];
	const struct evtchn_fifo_control_block *block = x->block[dom][id];
	uint32_t port = q->nr ? block->head[priority] : 0;

	for (unsigned i = 0; i < q->nr; i++) {
		const event_word_t *word = word_at(x, dom, port);

		MUST(port == q->port[i], "queue %u: %u, not %u", priority, port, q->port[i]);
		MUST(word && *word & 1u << EVTCHN_FIFO_LINKED, "queue %u: %u not linked", priority,
		     port);
		port = *word & EVTCHN_FIFO_LINK_MASK;
	}
	MUST(port == 0, "queue %u: %u too many", priority, port);
}

static void compare_vcpu(const struct pair *x, unsigned dom, unsigned id)
{
	const struct model_vcpu *v = &x->m.domain[dom].vcpu[id];
	const struct testbed_vcpu *t = testbed_vcpu(x->d[dom], id);
	const struct evtchn_fifo_control_block *block = x->block[dom][id];

	MUST(mem_upcall(t) == v->upcall, "vCPU %u of %u: upcall %d", id, dom, v->upcall);
	MUST(mem_selector(t) == v->selector, "vCPU %u of %u: selector", id, dom);
	MUST(!block == !v->block, "vCPU %u of %u: control block", id, dom);
	if (!block)
		return;
	MUST(block->ready == v->ready, "vCPU %u of %u: ready %#x, %#x", id, dom, block->ready,
	     v->ready);
	for (unsigned priority = 0; priority < EVTCHN_FIFO_MAX_QUEUES; priority++)
		compare_queue(x, dom, id, priority);
}

static void compare(const struct pair *x)
{
	for (unsigned dom = 0; dom < MODEL_DOMAINS; dom++) {
		struct hv_port_info i;

		for (uint32_t port = 0; port < x->m.domain[dom].valid; port++)
			compare_port(x, dom, port);
		MUST(hv_port_info(testbed_hv_domain(x->d[dom]), x->m.domain[dom].valid, &i) < 0,
		     "more ports than there should be");
		for (unsigned id = 0; id < MODEL_VCPUS; id++)
			compare_vcpu(x, dom, id);
	}
}

/* ---- what the guest does with its words, honestly ---- */

static event_word_t *word_of(const struct pair *x, uint32_t port)
{
	return word_at(x, x->me, port);
}

static void set_mask(struct pair *x, uint32_t port, bool on)
{
	struct model_domain *d = &x->m.domain[x->me];
	event_word_t *word;

	if (port >= d->valid)
		return;
	if (!d->fifo) {
		mem_set_masked(x->d[x->me], port, on);
		d->port[port].masked = on;
		return;
	}
	word = word_of(x, port);
	if (!word)
		return;
	*word = on ? *word | 1u << EVTCHN_FIFO_MASKED : *word & ~(1u << EVTCHN_FIFO_MASKED);
	d->port[port].fifo_masked = on;
}

/* A 2-level upcall: the flag, the selector, what is pending and not masked. */
static void upcall_2l(struct pair *x, struct testbed_vcpu *v)
{
	struct model_domain *d = &x->m.domain[x->me];
	struct model_vcpu *mv = &d->vcpu[testbed_vcpu_id(v)];
	uint64_t selector;

	if (!mem_take_upcall(v, &selector))
		return;
	MUST(mv->upcall && selector == mv->selector, "an upcall for nothing");
	for (uint32_t port = 0; port < d->valid; port++) {
		struct model_port *p = &d->port[port];

		if (!(selector >> (port / 64) & 1) || !p->pending || p->masked)
			continue;
		mem_set_pending(x->d[x->me], port, false);
		p->pending = false;
	}
	mv->upcall = false;
	mv->selector = 0;
}

/* All of one queue, which must be what the model has, in its order. */
static void drain_queue(struct pair *x, unsigned id, unsigned priority)
{
	struct model_domain *d = &x->m.domain[x->me];
	struct model_queue *q = &d->vcpu[id].queue[priority];
	struct evtchn_fifo_control_block *block = x->block[x->me][id];

	compare_queue(x, x->me, id, priority);
	for (unsigned i = 0; i < q->nr; i++) {
		struct model_port *p = &d->port[q->port[i]];
		event_word_t *word = word_of(x, q->port[i]);

		*word &= ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK);
		p->linked = false;
		if (p->fifo_masked)
			continue;
		*word &= ~(1u << EVTCHN_FIFO_PENDING);
		p->fifo_pending = false;
	}
	q->nr = 0;
	block->ready &= ~(1u << priority);
	d->vcpu[id].ready &= ~(1u << priority);
}

static void upcall(struct pair *x)
{
	unsigned id = testbed_vcpu_id(x->v);
	struct model_vcpu *mv = &x->m.domain[x->me].vcpu[id];

	if (!x->m.domain[x->me].fifo) {
		upcall_2l(x, x->v);
		return;
	}
	if (!mv->block)
		return;
	mem_clear_upcall_only(x->v);
	mv->upcall = false;
	for (unsigned priority = 0; priority < EVTCHN_FIFO_MAX_QUEUES; priority++)
		if (mv->ready & (1u << priority))
			drain_queue(x, id, priority);
}

/* ---- operations ---- */

static unsigned take_dom(struct input *in)
{
	static const unsigned doms[] = { DOMID_SELF, 0, 1, 2, DOMID_XEN, 0xffff };

	return doms[take8(in) % (sizeof(doms) / sizeof(doms[0]))];
}

static void init_control(struct pair *x, uint32_t vcpu, uint32_t offset)
{
	struct evtchn_init_control a = { .vcpu = vcpu, .offset = offset };
	void *frame = x->frame[x->me][x->frames_used[x->me] % FRAMES];
	long rc;

	if (x->frames_used[x->me] == FRAMES)
		return;
	memset(frame, 0, 4096);
	a.control_gfn = testbed_frame(x->d[x->me], frame);
	rc = op_raw(x->v, EVTCHNOP_init_control, &a, sizeof(a));
	same("init_control", rc, model_init_control(&x->m, x->me, a.vcpu, a.offset));
	if (rc)
		return;
	x->frames_used[x->me]++;
	x->block[x->me][a.vcpu] = (char *)frame + a.offset;
}

static void expand_array(struct pair *x)
{
	struct evtchn_expand_array a;
	void *frame = x->frame[x->me][x->frames_used[x->me] % FRAMES];
	long rc;

	if (x->frames_used[x->me] == FRAMES)
		return;
	memset(frame, 0, 4096);
	a.array_gfn = testbed_frame(x->d[x->me], frame);
	rc = op_raw(x->v, EVTCHNOP_expand_array, &a, sizeof(a));
	if (!rc) {
		x->frames_used[x->me]++;
		x->words[x->me][x->nr_words[x->me]++] = frame;
	}
	same("expand_array", rc, model_expand_array(&x->m, x->me));
}

static void reset(struct pair *x, unsigned dom)
{
	long rc = op_reset(x->v, dom);

	same("reset", rc, model_reset(&x->m, x->me, dom));
	if (rc)
		return;
	x->frames_used[x->me] = 0;
	x->nr_words[x->me] = 0;
	memset(x->block[x->me], 0, sizeof(x->block[x->me]));
}

static void virq(struct pair *x, struct input *in)
{
	unsigned nr = take8(in) % (MODEL_VIRQS + 1), id = testbed_vcpu_id(x->v);

	hv_vcpu_virq(testbed_hv_vcpu(x->v), nr);
	if (nr < MODEL_VIRQS)
		model_virq(&x->m, x->me, id, nr);
}

static void status(struct pair *x, struct input *in)
{
	unsigned dom = take_dom(in);
	uint32_t port = take_port(in);
	const struct model_port *p;
	struct evtchn_status s;
	long rc;

	rc = op_status(x->v, dom, port, &s);
	same("status", rc, model_status(&x->m, x->me, dom, port));
	if (rc)
		return;
	p = &x->m.domain[model_domain_of(x->me, dom)].port[port];
	same("status", s.status, p->status);
	switch (p->status) {
	case EVTCHNSTAT_unbound:
		same("status: domain", s.u.unbound.dom, p->dom);
		break;
	case EVTCHNSTAT_interdomain:
		same("status: domain", s.u.interdomain.dom, p->dom);
		same("status: port", s.u.interdomain.port, p->number);
		break;
	case EVTCHNSTAT_virq:
		same("status: virq", s.u.virq, p->number);
		break;
	}
	if (p->status != EVTCHNSTAT_closed)
		same("status: vCPU", s.vcpu, p->vcpu);
}

static void set_priority(struct pair *x, struct input *in)
{
	struct evtchn_set_priority a = { .port = take_port(in), .priority = take8(in) % 18u };

	same("set_priority", op_raw(x->v, EVTCHNOP_set_priority, &a, sizeof(a)),
	     model_set_priority(&x->m, x->me, a.port, a.priority));
}

static void bind(struct pair *x, struct input *in, unsigned how)
{
	struct model *m = &x->m;
	unsigned dom = take_dom(in);
	uint32_t port;

	switch (how) {
	case 0:
		port = take_dom(in);
		same("alloc_unbound", op_alloc_unbound(x->v, dom, port),
		     model_alloc_unbound(m, x->me, dom, port));
		break;
	case 1:
		port = take_port(in);
		same("bind_interdomain", op_bind_interdomain(x->v, dom, port),
		     model_bind_interdomain(m, x->me, dom, port));
		break;
	case 2:
		port = take8(in) % (MODEL_VIRQS + 2);
		same("bind_virq", op_bind_virq(x->v, port, dom % 3),
		     model_bind_virq(m, x->me, port, dom % 3));
		break;
	default:
		same("bind_ipi", op_bind_ipi(x->v, dom % 3), model_bind_ipi(m, x->me, dom % 3));
	}
}

static void step(struct pair *x, struct input *in)
{
	unsigned op = take8(in), who = op >> 6;
	struct model *m = &x->m;
	uint32_t port;

	x->me = who & 1;
	x->v = testbed_vcpu(x->d[x->me], who >> 1);
	op &= 63;
	if (op < 24) {
		bind(x, in, op % 4);
		return;
	}
	switch (op) {
	case 24:
		reset(x, take_dom(in));
		return;
	case 25:
	case 26:
		port = take8(in);
		init_control(x, port % 3, port < 192 ? 0 : take16(in) % 4200u);
		return;
	case 27:
	case 28:
		expand_array(x);
		return;
	case 29:
		status(x, in);
		return;
	case 30:
	case 31:
		set_priority(x, in);
		return;
	case 32:
	case 33:
	case 34:
		upcall(x);
		return;
	case 35:
	case 36:
		virq(x, in);
		return;
	}
	port = take_port(in);
	if (op < 44)
		same("close", op_close(x->v, port), model_close(m, x->me, port));
	else if (op < 48)
		set_mask(x, port, op & 1);
	else if (op < 51)
		same("unmask", op_unmask(x->v, port), model_unmask(m, x->me, port));
	else if (op < 53)
		same("bind_vcpu", op_bind_vcpu(x->v, port, op - 51),
		     model_bind_vcpu(m, x->me, port, op - 51));
	else
		same("send", op_send(x->v, port), model_send(m, x->me, port));
}

/* So far a guest soon gets; from here it is a short way to where queues meet. */
static void begin(struct pair *x, uint8_t how)
{
	for (x->me = 0; x->me < MODEL_DOMAINS; x->me++) {
		x->v = testbed_vcpu(x->d[x->me], 0);
		for (uint32_t id = 0; how & 1 && id < MODEL_VCPUS; id++)
			init_control(x, id, 0);
		if (how & 1)
			expand_array(x);
		for (uint32_t i = 0; how & 2 && i < 4; i++)
			same("bind_ipi", op_bind_ipi(x->v, i % 2),
			     model_bind_ipi(&x->m, x->me, i % 2));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct pair *x = calloc(1, sizeof(*x));

	x->tb = testbed_create(TESTBED_VIRTUAL);
	model_init(&x->m);
	for (unsigned dom = 0; dom < MODEL_DOMAINS; dom++) {
		const struct testbed_domain_config cfg = {
			.id = (domid_t)dom,
			.vcpus = MODEL_VCPUS,
			.max_evtchn_port = MODEL_LIMIT,
			.privileged = dom == 0,
		};

		x->d[dom] = testbed_domain_create(x->tb, &cfg, NULL);
		for (unsigned i = 0; i < FRAMES; i++)
			x->frame[dom][i] = testbed_page(x->d[dom]);
		testbed_vcpu_boot(testbed_vcpu(x->d[dom], 1));
	}
	compare(x);
	begin(x, take8(&in));
	while (more(&in)) {
		step(x, &in);
		compare(x);
	}
	MUST(testbed_destroy(x->tb) == 0, "memory was not given back");
	free(x);
	return 0;
}
