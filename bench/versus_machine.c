/* SPDX-License-Identifier: MIT */
/*
 * Both halves in one thread, and what joins them: a hypercall is a call, a guest virtual address
 * the host's, a kick a note, and an upcall is taken where a hypercall returns. Nothing interrupts
 * the guest in between, and nobody else is there: no timer, no other vCPU; a second domain, if
 * there is one, is this thread too, at other times.
 */
#include "versus.h"

#include <err.h>
#include <string.h>

#define RAM ((size_t)16 << 20)

/* ---- what both halves are lent ---- */

static uint64_t machine_now(void *ctx)
{
	(void)ctx;
	return figures_now();
}

/* ---- and the hypervisor half ---- */

static void machine_kick(struct hv_vcpu *v)
{
	struct machine *m = hv_vcpu_user(v);

	if (m)
		m->kicked = true;
}

static void machine_set_timer(struct hv_vcpu *v, uint64_t deadline)
{
	(void)v;
	if (deadline != HV_NEVER)
		errx(1, "a timer is set, and there is none");
}

/* A port number is most of what is copied. */
static void copy(void *to, const void *from, size_t n)
{
	if (n == sizeof(evtchn_port_t))
		memcpy(to, from, sizeof(evtchn_port_t));
	else
		memcpy(to, from, n);
}

static int machine_copy_from(struct hv_vcpu *v, void *dst, uint64_t src, size_t n)
{
	(void)v;
	copy(dst, (const void *)(uintptr_t)src, n);
	return 0;
}

static int machine_copy_to(struct hv_vcpu *v, uint64_t dst, const void *src, size_t n)
{
	(void)v;
	copy((void *)(uintptr_t)dst, src, n);
	return 0;
}

static const struct hv_ops hv_ops = {
	.alloc = memory_alloc,
	.free = memory_free,
	.now = machine_now,
	.kick = machine_kick,
	.set_timer = machine_set_timer,
	.copy_from_guest = machine_copy_from,
	.copy_to_guest = machine_copy_to,
};

/* ---- and the guest half ---- */

/*
 * On the way back into the guest. The upcall as an entry code makes it: the mask set, the call, the
 * mask as it was before. Whoever makes an event pending is this thread, which comes here
 * afterwards, so plain stores are enough. The note of a kick is kept while events are disabled: to
 * enable them is a hypercall then.
 */
static inline void enter_guest(struct machine *m)
{
	uint8_t *mask = &m->shared->vcpu_info[0].evtchn_upcall_mask;

	if (!hv_vcpu_runnable(m->v))
		errx(1, "the guest sleeps, and nobody could wake it");
	while (m->kicked && hv_vcpu_upcall_due(m->v)) {
		m->kicked = false;
		__atomic_store_n(mask, 1, __ATOMIC_RELAXED);
		guest_upcall(m->g);
		__atomic_store_n(mask, 0, __ATOMIC_RELAXED);
	}
}

/* One that was cut short, as something is to be done in the guest first. */
static __attribute__((noinline)) long go_on(struct machine *m, unsigned nr, uint64_t args[6])
{
	long rc;

	do {
		enter_guest(m);
		rc = hv_hypercall(m->v, nr, args);
	} while (hv_vcpu_preempted(m->v));
	return rc;
}

static long machine_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			      uint64_t a3, uint64_t a4)
{
	uint64_t args[6] = { a0, a1, a2, a3, a4 };
	struct machine *m = ctx;
	long rc = hv_hypercall(m->v, nr, args);

	if (hv_vcpu_preempted(m->v))
		rc = go_on(m, nr, args);
	enter_guest(m);
	return rc;
}

static unsigned machine_this_cpu(void *ctx)
{
	(void)ctx;
	return 0;
}

static void *machine_alloc(void *ctx, size_t size)
{
	struct machine *m = ctx;

	return memory_ram_take(&m->ram, size);
}

static void machine_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)p;
	(void)size;
}

static const struct guest_port_ops port_ops = {
	.hypercall = machine_hypercall,
	.this_cpu = machine_this_cpu,
	.alloc = machine_alloc,
	.free = machine_free,
	.cycles = machine_now,
	.frame_of = memory_frame_of,
};

/* ---- its life ---- */

static int add_pages(struct machine *m, void *host, uint64_t pages)
{
	return hv_domain_add_memory(m->d, &(struct hv_memory){ .mfn = memory_frame_of(m, host),
							       .pages = pages,
							       .host = host,
							       .kind = HV_MEMORY_RAM });
}

static void create_domain(struct machine *m)
{
	struct hv_domain_config cfg = { .domid = m->other ? 2 : 1,
					.max_vcpus = 1,
					.shared_info = m->shared };
	/* The address is never entered: it says that upcalls are wanted. */
	struct vcpu_guest_context context = {
		.flags = VGCF_in_kernel,
		.user_regs = { .cs = FLAT_KERNEL_CS, .ss = FLAT_KERNEL_SS },
		.event_callback_eip = (uintptr_t)m->ram.at,
	};

	if (hv_domain_create(m->hv, &cfg, &m->d))
		errx(1, "no domain");
	m->v = hv_domain_vcpu(m->d, 0);
	hv_vcpu_set_user(m->v, m);
	if (add_pages(m, m->shared, 1) || add_pages(m, m->ram.at, RAM / PAGE) ||
	    hv_vcpu_start(m->v, &context))
		errx(1, "the domain does not start");
}

static struct hv *create_hypervisor(void)
{
	struct hv *hv;

	if (hv_create(&hv, &hv_ops, NULL))
		errx(1, "no hypervisor");
	hv_set_clock(hv, 0, 0, UINT32_C(1) << 31, 1); /* a cycle is a nanosecond */
	return hv;
}

void machine_create(struct machine *m, enum guest_abi abi, struct machine *other)
{
	struct guest_config cfg = { .nr_cpus = 1, .abi = abi };

	*m = (struct machine){ .hv = other ? other->hv : create_hypervisor(),
			       .other = other,
			       .shared = memory_alloc(NULL, PAGE),
			       .ram = memory_ram(RAM) };
	if (!m->shared || !m->ram.at)
		errx(1, "out of memory");
	create_domain(m);
	cfg.shared_info = m->shared;
	if (guest_create(&m->g, &port_ops, m, &cfg))
		errx(1, "no guest");
}

void machine_destroy(struct machine *m)
{
	guest_destroy(m->g);
	hv_domain_destroy(m->d);
	if (!m->other)
		hv_destroy(m->hv);
	memory_ram_free(&m->ram);
	memory_free(NULL, m->shared, PAGE);
}
