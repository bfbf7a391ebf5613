/* SPDX-License-Identifier: MIT */
/*
 * From the start of day to a running guest half, and the end of the domain. The order matters and
 * is said where it does. Entry code is in entry.S, exceptions in trap.c, memory in memory.c and
 * map.c.
 */
#include <xen/callback.h>

#include "internal.h"

/*
 * The kernel is one, so is its port. Whoever needs it gets a pointer; entries find it at GS base.
 */
static struct pv the_pv;

/* Its frame is what happens to be there; pv_init puts the shared_info page in its place. */
static union {
	struct shared_info info;
	uint8_t page[PV_PAGE_SIZE];
} shared_info_page __attribute__((aligned(PV_PAGE_SIZE)));

static long op_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
			 uint64_t a4)
{
	(void)ctx;
	return pv_hypercall(nr, a0, a1, a2, a3, a4);
}

static unsigned op_this_cpu(void *ctx)
{
	(void)ctx;
	return pv_this_cpu()->id;
}

static void *op_alloc(void *ctx, size_t size)
{
	return pv_alloc(ctx, size);
}

static void op_free(void *ctx, void *p, size_t size)
{
	pv_free(ctx, p, size);
}

static uint64_t op_cycles(void *ctx)
{
	(void)ctx;
	return pv_cycles();
}

static uint64_t op_frame_of(void *ctx, const void *p)
{
	return pv_frame_of(ctx, p);
}

static void op_relax(void *ctx)
{
	(void)ctx;
	__builtin_ia32_pause();
}

static const struct guest_port_ops port_ops = {
	.hypercall = op_hypercall,
	.this_cpu = op_this_cpu,
	.alloc = op_alloc,
	.free = op_free,
	.cycles = op_cycles,
	.frame_of = op_frame_of,
	.relax = op_relax,
};

static int failed(const char *what, long result)
{
	pv_printf("pv: %s failed: %ld\n", what, result);
	return (int)result;
}

int pv_init_traps(struct start_info *si)
{
	struct pv *pv = &the_pv;
	struct pv_cpu *cpu = &pv->cpu[0];
	long r;

	pv->start_info = si;
	pv->p2m = (const unsigned long *)si->mfn_list;
	cpu->self = cpu;
	cpu->pv = pv;
	cpu->id = 0;

	/* Before the handlers, which look there. It is the base in use: this is kernel mode. */
	r = pv_hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, pv_arg(cpu), 0, 0, 0);
	if (r)
		return failed("set_segment_base", r);
	r = pv_trap_init();
	if (r)
		return failed("set_trap_table", r);
	return 0;
}

/*
 * Map the shared page and close every door: from here on nothing can come before it is asked for.
 */
static int map_shared_info(struct pv *pv)
{
	struct shared_info *shared = &shared_info_page.info;
	int r;

	r = pv_remap(shared, pv_pte(pv->start_info->shared_info >> 12, true));
	if (r)
		return failed("mapping shared_info", r);
	shared->vcpu_info[0].evtchn_upcall_mask = 1;
	for (size_t i = 0; i < sizeof(shared->evtchn_mask) / sizeof(shared->evtchn_mask[0]); i++)
		__atomic_store_n(&shared->evtchn_mask[i], ~0ul, __ATOMIC_SEQ_CST);
	pv->shared_info = shared;
	return 0;
}

static int register_callbacks(void)
{
	const struct {
		uint16_t type, flags;
		unsigned long address;
	} callbacks[] = {
		{ CALLBACKTYPE_event, 0, pv_arg(pv_event_entry) },
		{ CALLBACKTYPE_failsafe, CALLBACKF_mask_events, pv_arg(pv_failsafe_entry) },
		{ CALLBACKTYPE_nmi, CALLBACKF_mask_events, pv_trap_entries[2] },
	};

	for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++) {
		struct callback_register reg = {
			.type = callbacks[i].type,
			.flags = callbacks[i].flags,
			.address = callbacks[i].address,
		};
		long r = pv_hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, pv_arg(&reg),
				      0, 0, 0);
		if (r)
			return failed("callback_op", r);
	}
	return 0;
}

static bool word_is(const char *rest, const char *value)
{
	while (*value && *rest == *value) {
		rest++;
		value++;
	}
	return !*value && (*rest == '\0' || *rest == ' ');
}

/* abi=2l or abi=fifo on the command line; without it, what Xen offers. */
static int choose_abi(struct start_info *si, enum guest_abi *abi)
{
	const char *word = pv_word(pv_cmdline(si), "abi=");

	*abi = GUEST_ABI_AUTO;
	if (!word)
		return 0;
	if (word_is(word, "2l")) {
		*abi = GUEST_ABI_2L;
	} else if (word_is(word, "fifo")) {
		*abi = GUEST_ABI_FIFO;
	} else {
		pv_printf("pv: abi= is 2l or fifo\n");
		return -XEN_EINVAL;
	}
	return 0;
}

static unsigned max_cpus(struct start_info *si)
{
	const char *p = pv_word(pv_cmdline(si), "max_cpus=");
	uint64_t n;

	return p && pv_number(&p, &n) && n < GUEST_MAX_CPUS ? (unsigned)n : GUEST_MAX_CPUS;
}

int pv_init(struct pv **out, struct start_info *si)
{
	struct pv *pv = &the_pv;
	struct guest_config config = { 0 };
	int r;

	r = pv_init_traps(si);
	if (r)
		return r;
	r = map_shared_info(pv);
	if (r)
		return r;
	r = register_callbacks();
	if (r)
		return r;
	/* A stack that overflows faults here, its frame cannot be pushed either, and the domain
	 * ends. */
	r = pv_remap(pv_boot_guard, 0);
	if (r)
		return failed("unmapping the stack's guard", r);
	pv_memory_init(pv);

	r = choose_abi(si, &config.abi);
	if (r)
		return r;
	r = pv_gdt_load(pv, &pv->cpu[0]);
	if (r)
		return failed("set_gdt", r);
	r = (int)pv_hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS,
			      pv_arg(pv_boot_stack + PV_STACK_SIZE), 0, 0, 0);
	if (r)
		return failed("stack_switch", r);
	pv->cpu[0].irq_stack = pv_stack_alloc(pv, PV_IRQ_STACK_BYTES);
	if (!pv->cpu[0].irq_stack)
		return failed("the interrupt stack", -XEN_ENOMEM);

	pv->ops = port_ops;
	config.shared_info = pv->shared_info;
	config.nr_cpus = guest_count_cpus(&pv->ops, pv, max_cpus(si));
	r = guest_create(&pv->guest, &pv->ops, pv, &config);
	if (r)
		return failed("guest_create", r);
	*out = pv;
	return 0;
}

void pv_shutdown(unsigned reason)
{
	struct sched_shutdown shutdown = { .reason = reason };

	for (;;)
		pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, pv_arg(&shutdown), 0, 0, 0);
}
