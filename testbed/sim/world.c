/* SPDX-License-Identifier: MIT */
/*
 * The embedder of both halves in the simulation: callbacks, hypercalls, upcalls, sleeping vCPUs.
 * Who runs when is engine.c, what is done is the scenarios'.
 */
#include "world.h"

#include <string.h>

#include <xen/errno.h>
#include <xen/sched.h>

#include "atomic.h"

#define MFN_OF_DOMAIN(d) (UINT64_C(0x1000) * (hv_domain_id(d) + 1u))

static struct world *world_of(struct hv_vcpu *hv)
{
	return hv_ctx(hv_domain_hv(hv_vcpu_domain(hv)));
}

/* ---- the hypervisor half's callbacks ---- */

static void *op_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return sim_alloc(size);
}

static void op_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	sim_free(p, size);
}

static uint64_t op_now(void *ctx)
{
	const struct world *w = ctx;

	return w->now;
}

static bool op_preempt(struct hv_vcpu *hv)
{
	(void)hv;
	return sim_random(2);
}

static void op_relax(void *ctx)
{
	(void)ctx;
	sim_relax();
}

/* Who sees the kick sees what was done before it, as with any way to tell another processor. */
static void op_kick(struct hv_vcpu *hv)
{
	struct world_vcpu *v = hv_vcpu_user(hv);

	if (!v || !v->thread)
		return;
	sim_barrier();
	sim_attention(v->thread);
	sim_wake(v->thread);
}

static void op_set_timer(struct hv_vcpu *hv, uint64_t deadline)
{
	struct world_vcpu *v = hv_vcpu_user(hv);
	struct world *w = world_of(hv);

	if (!v)
		return;
	v->deadline = deadline;
	sim_barrier();
	if (w->timer)
		sim_wake(w->timer);
}

/* Guest virtual addresses are host addresses. */
static int op_copy_from(struct hv_vcpu *hv, void *dst, uint64_t src, size_t n)
{
	(void)hv;
	memcpy(dst, (const void *)(uintptr_t)src, n);
	return 0;
}

static int op_copy_to(struct hv_vcpu *hv, uint64_t dst, const void *src, size_t n)
{
	(void)hv;
	memcpy((void *)(uintptr_t)dst, src, n);
	return 0;
}

/* No table of a domain's maps anything. */
static int op_pv_map(struct hv_domain *d, struct hv_vcpu *v, uint64_t va, uint64_t mfn,
		     uint64_t pages, unsigned prot)
{
	(void)d;
	(void)v;
	(void)va;
	(void)mfn;
	(void)pages;
	(void)prot;
	return -XEN_EINVAL;
}

static const struct hv_ops ops = {
	.alloc = op_alloc,
	.free = op_free,
	.now = op_now,
	.preempt = op_preempt,
	.relax = op_relax,
	.kick = op_kick,
	.set_timer = op_set_timer,
	.copy_from_guest = op_copy_from,
	.copy_to_guest = op_copy_to,
	.pv_map = op_pv_map,
};

/* ---- vCPUs ---- */

struct world_vcpu *world_self(void)
{
	return sim_self() ? sim_user(sim_self()) : NULL;
}

/* Not interrupted: in the hypervisor half, and where the embedder looks. */
static void hold(const struct world_vcpu *v, int by)
{
	if (v->thread && v->thread == sim_self())
		*sim_held(v->thread) += (unsigned)by;
}

void world_enable_events(struct world_vcpu *v)
{
	hold(v, 1);
	ATOMIC_STORE(&hv_vcpu_info(v->hv, NULL, NULL)->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
	hold(v, -1);
}

/* As an entry code does it: mask, call, and leave as by iret. */
static bool take_upcall(struct world_vcpu *v)
{
	struct vcpu_info *info;
	bool due;

	hold(v, 1);
	due = v->upcall && hv_vcpu_upcall_due(v->hv);
	info = hv_vcpu_info(v->hv, NULL, NULL);
	if (due)
		ATOMIC_STORE(&info->evtchn_upcall_mask, 1, __ATOMIC_SEQ_CST);
	hold(v, -1);
	if (!due)
		return false;
	v->upcall(v);
	hold(v, 1);
	info = hv_vcpu_info(v->hv, NULL, NULL);
	ATOMIC_STORE(&info->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
	hold(v, -1);
	return true;
}

static bool runnable(struct world_vcpu *v)
{
	bool yes;

	hold(v, 1);
	yes = hv_vcpu_runnable(v->hv);
	if (!yes && hv_domain_is_shut_down(v->d->hv, NULL))
		sim_exit();
	hold(v, -1);
	return yes;
}

/* Every way into the guest: sleep while it is not runnable, take what is due. */
static void enter_guest(void *user)
{
	struct world_vcpu *v = user;

	if (sim_self() != v->thread)
		return;
	for (;;) {
		if (!runnable(v)) {
			hold(v, 1);
			sim_park(v->may_sleep);
			hold(v, -1);
			continue;
		}
		hold(v, 1);
		hv_vcpu_resumed(v->hv);
		hold(v, -1);
		if (!take_upcall(v))
			return;
	}
}

static long whole_hypercall(struct world_vcpu *v, unsigned nr, uint64_t args[6])
{
	bool again;
	long rc;

	/* One that is cut short is called again, after the vCPU's upcalls. */
	do {
		hold(v, 1);
		rc = hv_hypercall(v->hv, nr, args);
		again = hv_vcpu_preempted(v->hv);
		hold(v, -1);
		enter_guest(v);
	} while (again);
	return rc;
}

long world_hypercall(struct world_vcpu *v, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	uint64_t args[6] = { a0, a1, a2 };

	return whole_hypercall(v, nr, args);
}

long world_evtchn(struct world_vcpu *v, unsigned op, void *arg)
{
	return world_hypercall(v, __HYPERVISOR_event_channel_op, op, (uintptr_t)arg, 0);
}

long world_send(struct world_vcpu *v, evtchn_port_t port)
{
	struct evtchn_send a = { .port = port };

	return world_evtchn(v, EVTCHNOP_send, &a);
}

static void vcpu_main(void *arg)
{
	struct world_vcpu *v = arg;

	enter_guest(v);
	if (v->fn)
		v->fn(v);
	if (!v->upcall)
		return;
	v->may_sleep = true;
	for (;;)
		world_hypercall(v, __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0);
}

void world_run_vcpu(struct world_vcpu *v, const char *name, void (*fn)(struct world_vcpu *v))
{
	v->fn = fn;
	v->name = name;
	v->thread = sim_spawn(name, vcpu_main, v);
	sim_set_user(v->thread, v);
	sim_set_interrupt(v->thread, enter_guest);
}

void world_idle_vcpu(struct world_vcpu *v, const char *name)
{
	world_run_vcpu(v, name, NULL);
}

/* ---- time ---- */

static struct world_vcpu *earliest(struct world *w)
{
	struct world_vcpu *first = NULL;

	for (unsigned i = 0; i < w->nr_domains; i++) {
		struct world_domain *d = &w->domain[i];

		for (unsigned k = 0; d->hv && k < d->nr_vcpus; k++)
			if (d->vcpu[k].deadline != HV_NEVER &&
			    (!first || d->vcpu[k].deadline < first->deadline))
				first = &d->vcpu[k];
	}
	return first;
}

static void timer_main(void *arg)
{
	struct world *w = arg;

	for (;;) {
		struct world_vcpu *v = earliest(w);

		if (!v) {
			sim_park(true);
			continue;
		}
		sim_point();
		if (v->deadline == HV_NEVER)
			continue;
		if (v->deadline > w->now)
			w->now = v->deadline;
		v->deadline = HV_NEVER;
		hv_vcpu_timer(v->hv);
	}
}

void world_timer(struct world *w)
{
	w->timer = sim_spawn("timer", timer_main, w);
}

/* ---- the guest half's callbacks ---- */

static struct world_vcpu *current_of(struct world_domain *d)
{
	struct world_vcpu *v = world_self();
	struct world *w = hv_ctx(hv_domain_hv(d->hv));

	if (!v)
		v = w->acting;
	return v && v->d == d ? v : &d->vcpu[0];
}

static long port_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t a3, uint64_t a4)
{
	uint64_t args[6] = { a0, a1, a2, a3, a4 };

	return whole_hypercall(current_of(ctx), nr, args);
}

static unsigned port_this_cpu(void *ctx)
{
	return current_of(ctx)->id;
}

/* What a hypercall may name by its frame is RAM: pages. */
static void *port_alloc(void *ctx, size_t size)
{
	struct world_domain *d = ctx;

	if (size != HV_PAGE_SIZE)
		return sim_alloc(size);
	d->blocks++;
	return world_page(d);
}

static void port_free(void *ctx, void *p, size_t size)
{
	struct world_domain *d = ctx;

	if (size != HV_PAGE_SIZE)
		sim_free(p, size);
	else
		d->blocks--;
}

static uint64_t port_cycles(void *ctx)
{
	const struct world_domain *d = ctx;
	const struct world *w = hv_ctx(hv_domain_hv(d->hv));

	return w->now + current_of(ctx)->skew;
}

static uint64_t port_frame_of(void *ctx, const void *p)
{
	return world_frame(ctx, p);
}

static void port_relax(void *ctx)
{
	(void)ctx;
	sim_relax();
}

static const struct guest_port_ops port_ops = {
	.hypercall = port_hypercall,
	.this_cpu = port_this_cpu,
	.alloc = port_alloc,
	.free = port_free,
	.cycles = port_cycles,
	.frame_of = port_frame_of,
	.relax = port_relax,
};

static void upcall_guest(struct world_vcpu *v)
{
	guest_upcall(v->d->guest);
}

/* ---- set-up ---- */

void world_begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	if (hv_create(&w->hv, &ops, w))
		sim_fail("hv_create");
	hv_set_clock(w->hv, 0, 0, 0x80000000u, 1);
}

static void start_vcpu(struct world_vcpu *v)
{
	struct vcpu_guest_context *ctx = sim_alloc(sizeof(*ctx));

	ctx->flags = VGCF_in_kernel;
	ctx->user_regs.cs = FLAT_KERNEL_CS;
	ctx->user_regs.ss = FLAT_KERNEL_SS;
	ctx->event_callback_eip = 0x1000; /* never entered: it says that upcalls are wanted */
	if (hv_vcpu_start(v->hv, ctx))
		sim_fail("hv_vcpu_start");
	sim_free(ctx, sizeof(*ctx));
}

struct world_domain *world_domain(struct world *w, unsigned vcpus, unsigned nr_pirqs)
{
	struct world_domain *d = &w->domain[w->nr_domains++];
	struct hv_domain_config cfg = {
		.domid = (domid_t)w->nr_domains,
		.max_vcpus = vcpus,
		.nr_pirqs = nr_pirqs,
		.user = d,
	};

	d->ram = sim_alloc((size_t)WORLD_PAGES * HV_PAGE_SIZE);
	d->nr_vcpus = vcpus;
	d->shared = world_page(d);
	cfg.shared_info = d->shared;
	if (hv_domain_create(w->hv, &cfg, &d->hv))
		sim_fail("hv_domain_create");
	if (hv_domain_add_memory(d->hv, &(struct hv_memory){ .mfn = MFN_OF_DOMAIN(d->hv),
							     .pages = WORLD_PAGES,
							     .host = d->ram,
							     .kind = HV_MEMORY_RAM }))
		sim_fail("hv_domain_add_memory");
	for (unsigned i = 0; i < vcpus; i++) {
		struct world_vcpu *v = &d->vcpu[i];

		v->d = d;
		v->id = i;
		v->hv = hv_domain_vcpu(d->hv, i);
		v->deadline = HV_NEVER;
		hv_vcpu_set_user(v->hv, v);
		start_vcpu(v);
	}
	return d;
}

struct world_domain *world_guest(struct world *w, unsigned vcpus, unsigned nr_pirqs,
				 enum guest_abi abi)
{
	struct world_domain *d = world_domain(w, vcpus, nr_pirqs);
	struct guest_config cfg = {
		.shared_info = d->shared, .nr_cpus = vcpus, .nr_irqs = 32, .abi = abi
	};

	if (guest_create(&d->guest, &port_ops, d, &cfg))
		sim_fail("guest_create");
	for (unsigned i = 0; i < vcpus; i++) {
		w->acting = &d->vcpu[i];
		if (i && guest_cpu_init(d->guest))
			sim_fail("guest_cpu_init");
		d->vcpu[i].upcall = upcall_guest;
	}
	w->acting = NULL;
	return d;
}

uint64_t world_adopt(struct world_domain *d)
{
	uint64_t root = world_frame(d, world_page(d));

	if (hv_pv_adopt(d->hv, root))
		sim_fail("hv_pv_adopt");
	return root;
}

void *world_page(struct world_domain *d)
{
	if (d->pages_used == WORLD_PAGES)
		sim_fail("a domain has no page left");
	return d->ram + (size_t)HV_PAGE_SIZE * d->pages_used++;
}

uint64_t world_frame(const struct world_domain *d, const void *p)
{
	return MFN_OF_DOMAIN(d->hv) + (uint64_t)((const uint8_t *)p - d->ram) / HV_PAGE_SIZE;
}

void world_connect(struct world_domain *a, struct world_domain *b, evtchn_port_t *pa,
		   evtchn_port_t *pb)
{
	if (hv_evtchn_connect(a->hv, b->hv, pa, pb))
		sim_fail("hv_evtchn_connect");
}

void world_stop(struct world_domain *d)
{
	hv_domain_crash(d->hv);
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		if (d->vcpu[i].thread)
			sim_join(d->vcpu[i].thread);
}

void world_destroy(struct world *w, struct world_domain *d)
{
	(void)w;
	if (d->guest)
		guest_destroy(d->guest);
	d->guest = NULL;
	hv_domain_destroy(d->hv);
	if (d->blocks)
		sim_fail("the guest half kept %u pages", d->blocks);
	sim_free(d->ram, (size_t)WORLD_PAGES * HV_PAGE_SIZE);
	d->hv = NULL;
}

void world_end(struct world *w)
{
	for (unsigned i = 0; i < w->nr_domains; i++)
		if (w->domain[i].hv)
			world_destroy(w, &w->domain[i]);
	hv_destroy(w->hv);
	if (sim_blocks())
		sim_fail("%u blocks of memory leaked", sim_blocks());
}

/* ---- lines ---- */

static void chip_startup(void *data, unsigned line)
{
	struct world_line *l = data;

	(void)line;
	world_expect(!l->enabled, "a line is started that is enabled");
	l->startups++;
	l->enabled = true;
}

static void chip_shutdown(void *data, unsigned line)
{
	struct world_line *l = data;

	(void)line;
	l->enabled = false;
}

static void chip_mask(void *data, unsigned line)
{
	struct world_line *l = data;

	(void)line;
	world_expect(l->enabled, "a line is masked twice");
	l->masks++;
	l->enabled = false;
}

static void chip_unmask(void *data, unsigned line)
{
	struct world_line *l = data;

	(void)line;
	world_expect(!l->enabled, "a line is unmasked that is enabled");
	l->unmasks++;
	l->enabled = true;
}

static bool chip_asserted(void *data, unsigned line)
{
	struct world_line *l = data;

	(void)line;
	sim_point();
	return l->level;
}

static const struct hv_irq_chip chip = {
	.name = "sim",
	.startup = chip_startup,
	.shutdown = chip_shutdown,
	.mask = chip_mask,
	.unmask = chip_unmask,
	.asserted = chip_asserted,
};

void world_line(struct world *w, struct world_line *l, unsigned line, enum hv_irq_flow flow)
{
	memset(l, 0, sizeof(*l));
	l->line = line;
	if (hv_irq_register(w->hv, line, flow, &chip, l))
		sim_fail("hv_irq_register");
}
