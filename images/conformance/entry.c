/* SPDX-License-Identifier: MIT */
/*
 * Upcalls: the frame that Xen pushes, what is kept of the interrupted code, the upcall mask,
 * nesting and the interrupt stack, and the way back (iret). The loops that are interrupted are in
 * spin.S; exceptions are in trap.c.
 */
#include "conformance.h"

#include <xen/callback.h>

extern volatile uint32_t spin_stop;
extern volatile uint64_t spin_bound;
extern volatile uint8_t *noted_mask_at;
extern struct {
	uint64_t rcx, r11, rip, cs, rflags, rsp, ss, at, live_flags, mask;
} noted;

void spin_registers(uint64_t out[15]);
uint64_t spin_flags(uint64_t flags);
void spin_vectors(const uint8_t in[256], uint8_t out[256]);
uint64_t spin_x87(void);
uint64_t spin_unaligned(void);
extern char noting_event_entry[], pv_event_entry[], spin_code_begin[], spin_code_end[];

#define BOUND	    (UINT64_C(1) << 33)
#define FRAME_BYTES UINT64_C(56) /* rcx, r11, rip, cs, rflags, rsp, ss */

#define FLAG_CF 0x1u
#define FLAG_PF 0x4u
#define FLAG_AF 0x10u
#define FLAG_ZF 0x40u
#define FLAG_SF 0x80u
#define FLAG_TF 0x100u
#define FLAG_IF 0x200u
#define FLAG_DF 0x400u
#define FLAG_OF 0x800u
#define FLAG_NT 0x4000u
#define FLAG_AC 0x40000u

/* ---- a timer interrupts a loop ------------------------------------------------------------ */

/* The next event of CPU 0's timer ends the loop. */
static void spin_begin(void)
{
	spin_stop = 0;
	spin_bound = BOUND;
	conf.stop = &spin_stop;
	EXPECT_EQ(guest_set_timer(conf.g, guest_clock(conf.g) + 2 * MS), 0);
}

static void spin_end(void)
{
	EXPECT(spin_stop == 1 && spin_bound != 0);
	conf.stop = NULL;
}

static void registers_kept(void)
{
	uint64_t out[15];

	spin_begin();
	spin_registers(out);
	spin_end();
	for (uint64_t i = 0; i < 15; i++) {
		uint64_t want = UINT64_C(0x1111111111111111) * (i + 1) & INT64_MAX;

		expect(out[i] == want, "register %lu is %lx, was %lx", i, out[i], want);
	}
}

static void flags_kept(uint64_t flags)
{
	uint64_t after;

	spin_begin();
	after = spin_flags(flags | 0x202);
	spin_end();
	expect((after & ~UINT64_C(0x3000)) == (flags | 0x202), "flags are %lx, were %lx", after,
	       flags | 0x202);
}

static void arithmetic_flags_kept(void)
{
	flags_kept(FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF);
	flags_kept(0);
	flags_kept(FLAG_CF | FLAG_SF);
}

static void direction_flag_kept(void)
{
	flags_kept(FLAG_DF);
}

static void vectors_kept(void)
{
	static uint8_t in[256], out[256];

	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 37 + 11);
	spin_begin();
	spin_vectors(in, out);
	spin_end();
	EXPECT(!memcmp(in, out, sizeof(in)));
}

static void x87_kept(void)
{
	uint64_t pi;

	spin_begin();
	pi = spin_x87();
	spin_end();
	EXPECT_EQ(pi, 0xc90fdaa22168c235);
}

/* A vCPU that sleeps gives its processor away; the registers must be there afterwards. */
static void vectors_kept_asleep(void)
{
	uint64_t was = UINT64_C(0x0123456789abcdef), is;
	struct sched_poll poll = { .timeout = guest_clock(conf.g) + 2 * MS };

	__asm__ volatile("movq %0, %%xmm9" : : "r"(was));
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&poll), 0, 0, 0), 0);
	__asm__ volatile("movq %%xmm9, %0" : "=r"(is));
	EXPECT_EQ(is, was);
}

/* ---- the frame ---------------------------------------------------------------------------- */

static int event_callback(const void *entry)
{
	struct callback_register reg = { .type = CALLBACKTYPE_event, .address = pv_arg(entry) };

	return (int)pv_hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, pv_arg(&reg), 0, 0,
				 0);
}

/*
 * Until the timer has come while the loop ran: on a slow processor it may come before. False: it
 * never does.
 */
static bool note(void (*loop)(void))
{
	bool inside = false;

	noted_mask_at = &conf.pv->shared_info->vcpu_info[0].evtchn_upcall_mask;
	EXPECT_EQ(event_callback(noting_event_entry), 0);
	for (unsigned i = 0; i < 50 && !inside; i++) {
		spin_begin();
		loop();
		spin_end();
		inside = noted.rip >= pv_arg(spin_code_begin) && noted.rip < pv_arg(spin_code_end);
	}
	EXPECT_EQ(event_callback(pv_event_entry), 0);
	return EXPECT(inside);
}

static void registers_loop(void)
{
	uint64_t out[15];

	spin_registers(out);
}

static void frame_is_xens(void)
{
	if (!note(registers_loop))
		return;
	EXPECT_EQ(noted.rcx, 0x3333333333333333);
	EXPECT_EQ(noted.r11, 0xbbbbbbbbbbbbbbbb & INT64_MAX);
	EXPECT_EQ(noted.cs & 0xffff, 0xe030);
	EXPECT_EQ(noted.ss & 0xffff, 0xe02b);
	EXPECT_EQ(noted.cs >> 32 & 0xff, 0); /* the upcall mask from before */
	EXPECT(noted.rflags & FLAG_IF);
	EXPECT(noted.rsp > noted.at && noted.rsp - noted.at <= FRAME_BYTES + 16);
}

static uint64_t unaligned_rsp;

static void unaligned_loop(void)
{
	unaligned_rsp = spin_unaligned();
}

static void frame_is_aligned(void)
{
	if (!note(unaligned_loop))
		return;
	EXPECT_EQ(noted.rsp, unaligned_rsp);
	EXPECT_EQ(noted.rsp % 2, 1);
	EXPECT_EQ((noted.at + FRAME_BYTES) % 16, 0);
	EXPECT(noted.at + FRAME_BYTES <= noted.rsp);
}

static void entry_masks_upcalls(void)
{
	if (!note(registers_loop))
		return;
	EXPECT_EQ(noted.mask, 1);
	EXPECT(noted.live_flags & FLAG_IF);
	EXPECT_EQ(noted.live_flags & (FLAG_TF | FLAG_NT | FLAG_AC), 0);
	EXPECT_EQ(conf.pv->shared_info->vcpu_info[0].evtchn_upcall_mask, 0);
}

static void callback_kinds(void)
{
	struct callback_register reg = { .type = 99, .address = pv_arg(pv_event_entry) };
	struct callback_unregister un = { .type = CALLBACKTYPE_event };

	EXPECT_EQ(
		pv_hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, pv_arg(&reg), 0, 0, 0),
		-XEN_ENOSYS);
	EXPECT_EQ(
		pv_hypercall(__HYPERVISOR_callback_op, CALLBACKOP_unregister, pv_arg(&un), 0, 0, 0),
		-XEN_EINVAL);
	reg.type = CALLBACKTYPE_event;
	reg.address = UINT64_C(0x0000900000000000);
	EXPECT_EQ(
		pv_hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, pv_arg(&reg), 0, 0, 0),
		-XEN_EINVAL);
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_callback_op, 99, pv_arg(&reg), 0, 0, 0), -XEN_ENOSYS);
}

/* ---- the mask ----------------------------------------------------------------------------- */

static void disabled_holds(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	guest_local_irq_disable(conf.g);
	EXPECT(guest_irqs_disabled(conf.g));
	EXPECT_EQ(port_send(w.tx), 0);
	for (unsigned i = 0; i < 20; i++)
		nap();
	EXPECT_EQ(w.count, 0);
	EXPECT(port_pending(guest_irq_port(conf.g, (unsigned)w.irq)));
	/* There before enable returns: the force callback. */
	guest_local_irq_enable(conf.g);
	EXPECT_EQ(w.count, 1);
	wire_close(&w);
}

static void enabled_delivers_at_once(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	for (unsigned i = 1; i <= 100; i++) {
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(w.count, i);
	}
	wire_close(&w);
}

static void save_restore_nest(void)
{
	guest_flags_t outer, inner;

	EXPECT(!guest_irqs_disabled(conf.g));
	outer = guest_local_irq_save(conf.g);
	EXPECT(guest_irqs_disabled(conf.g));
	inner = guest_local_irq_save(conf.g);
	guest_local_irq_restore(conf.g, inner);
	EXPECT(guest_irqs_disabled(conf.g));
	guest_local_irq_restore(conf.g, outer);
	EXPECT(!guest_irqs_disabled(conf.g));
}

static void restore_delivers(void)
{
	struct wire w;
	guest_flags_t flags;

	if (!wire_open(&w, NULL, 0))
		return;
	flags = guest_local_irq_save(conf.g);
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(w.count, 0);
	guest_local_irq_restore(conf.g, flags);
	EXPECT_EQ(w.count, 1);
	wire_close(&w);
}

static void halt_wakes(void)
{
	uint64_t ticks, began = guest_clock(conf.g);

	guest_local_irq_disable(conf.g);
	ticks = conf.cpu[0].ticks;
	EXPECT_EQ(guest_set_timer(conf.g, began + 2 * MS), 0);
	while (conf.cpu[0].ticks == ticks && guest_clock(conf.g) < began + PATIENCE) {
		guest_halt(conf.g);
		guest_local_irq_disable(conf.g);
	}
	guest_local_irq_enable(conf.g);
	EXPECT(conf.cpu[0].ticks == ticks + 1);
	EXPECT(conf.cpu[0].ticked >= began + 2 * MS);
}

static void halt_sees_what_was_there(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(port_send(w.tx), 0);
	guest_halt(conf.g);
	EXPECT_EQ(w.count, 1);
	EXPECT(!guest_irqs_disabled(conf.g));
	wire_close(&w);
}

/* ---- nesting and stacks ------------------------------------------------------------------- */

static struct nest {
	struct wire inner, outer;
	bool before, during, disabled, on_irq_stack, same_stack;
	unsigned depth_outer, depth_inner;
	uintptr_t outer_sp, inner_sp;
} nest;

static bool on_irq_stack(void)
{
	size_t used =
		(size_t)((char *)pv_this_cpu()->irq_stack - (char *)__builtin_frame_address(0));

	return used < PV_IRQ_STACK_BYTES;
}

static enum guest_irqreturn inner(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	(void)irq;
	nest.depth_inner = pv_this_cpu()->irq_depth;
	nest.inner_sp = (uintptr_t)__builtin_frame_address(0);
	nest.disabled = guest_irqs_disabled(g);
	nest.same_stack = on_irq_stack();
	w->count++;
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn outer(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	(void)irq;
	nest.depth_outer = pv_this_cpu()->irq_depth;
	nest.outer_sp = (uintptr_t)__builtin_frame_address(0);
	nest.on_irq_stack = on_irq_stack();
	nest.before = nest.inner.count;
	(void)port_send(nest.inner.tx);
	guest_local_irq_enable(g);
	nest.during = nest.inner.count;
	w->count++;
	return GUEST_IRQ_HANDLED;
}

static bool nest_run(unsigned flags)
{
	bool ok;

	memset(&nest, 0, sizeof(nest));
	ok = wire_open(&nest.inner, inner, 0) && wire_open(&nest.outer, outer, flags);
	if (ok) {
		EXPECT_EQ(port_send(nest.outer.tx), 0);
		EXPECT_EQ(nest.outer.count, 1);
		EXPECT_EQ(nest.inner.count, 1);
		EXPECT(!nest.before && nest.on_irq_stack && nest.same_stack && nest.disabled);
	}
	wire_close(&nest.outer);
	wire_close(&nest.inner);
	return ok;
}

static void handler_is_not_interrupted(void)
{
	if (nest_run(0))
		EXPECT(!nest.during);
}

static void nested_handler_is_interrupted(void)
{
	if (!nest_run(GUEST_IRQF_NESTED))
		return;
	EXPECT(nest.during);
	EXPECT_EQ(nest.depth_outer, 1);
	EXPECT_EQ(nest.depth_inner, 2);
	/* The inner one goes on where the outer one is: the stack is switched once. */
	EXPECT(nest.inner_sp < nest.outer_sp);
}

static void upcall_switches_stack(void)
{
	if (nest_run(0))
		EXPECT_EQ(nest.depth_outer, 1);
	EXPECT(!on_irq_stack());
	EXPECT_EQ(pv_this_cpu()->irq_depth, 0);
}

/* ---- the end of a hypercall --------------------------------------------------------------- */

/*
 * Block with that flag set and an event that is pending: it is over at once, and the upcall is
 * taken before anything else of ours runs.
 */
#define BLOCK_WITH(flag)                                                            \
	TRY("push %%rdi; push %%rsi; pushf; orl %3, (%%rsp); popf; call *%%rsi\n\t" \
	    "pop %%rsi; pop %%rdi",                                                 \
	    "D"((uint64_t)SCHEDOP_block),                                           \
	    "S"(pv_hypercall_page + (size_t)__HYPERVISOR_sched_op * 32), "i"(flag))

static bool send_masked(struct wire *w)
{
	if (!wire_open(w, NULL, 0))
		return false;
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(port_send(w->tx), 0);
	return EXPECT_EQ(w->count, 0);
}

static void has_arrived(struct wire *w)
{
	EXPECT_EQ(w->count, 1);
	EXPECT(!guest_irqs_disabled(conf.g));
	guest_local_irq_enable(conf.g);
	wire_close(w);
}

static void hypercall_ends_in_upcall(void)
{
	struct wire w;

	if (!send_masked(&w))
		return;
	BLOCK_WITH(0);
	has_arrived(&w);
}

/* The callback's own return must not fault by it. */
static void hypercall_with_nested_task_flag(void)
{
	struct wire w;

	if (!send_masked(&w))
		return;
	BLOCK_WITH(FLAG_NT);
	__asm__ volatile("pushf; andl %0, (%%rsp); popf" : : "i"(~FLAG_NT) : "memory", "cc");
	has_arrived(&w);
}

/* On at the next instruction, until the last of TRY's. */
static void step(struct pv_frame *frame)
{
	frame->rip = trapped.frame.rip;
	if (frame->rip == trapped.resume || trapped.frame.vector != 1 || trapped.count > 100)
		frame->rflags &= ~(uint64_t)FLAG_TF;
}

static void hypercall_step_by_step(void)
{
	struct wire w;

	if (!send_masked(&w))
		return;
	trapped.also = step;
	BLOCK_WITH(FLAG_TF);
	trapped.also = NULL;
	EXPECT_EQ(trapped.frame.vector, 1);
	EXPECT(trapped.count > 5 && trapped.count <= 100);
	has_arrived(&w);
}

/* ---- the way back ------------------------------------------------------------------------- */

static void flip_if(struct pv_frame *frame)
{
	frame->rflags ^= FLAG_IF;
}

static void iret_to_disabled(void)
{
	guest_local_irq_disable(conf.g);
	TRY("ud2", "r"(0));
	EXPECT(took(6, 0));
	EXPECT_EQ(trapped.frame.rflags & FLAG_IF, 0);
	EXPECT_EQ(trapped.frame.cs >> 32 & 0xff, 1);
	EXPECT(guest_irqs_disabled(conf.g));
	guest_local_irq_enable(conf.g);
}

static void iret_to_enabled(void)
{
	TRY("ud2", "r"(0));
	EXPECT(took(6, 0));
	EXPECT(trapped.masked);
	EXPECT_EQ(trapped.frame.rflags & FLAG_IF, FLAG_IF);
	EXPECT_EQ(trapped.frame.cs >> 32 & 0xff, 0);
	EXPECT(!guest_irqs_disabled(conf.g));
}

static void iret_disables(void)
{
	trapped.also = flip_if;
	TRY("ud2", "r"(0));
	trapped.also = NULL;
	EXPECT(took(6, 0));
	EXPECT(guest_irqs_disabled(conf.g));
	guest_local_irq_enable(conf.g);
}

/* What came while events were disabled is delivered by the iret that enables them. */
static void iret_enables_and_delivers(void)
{
	struct wire w;
	uint64_t seen;

	if (!wire_open(&w, NULL, 0))
		return;
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(port_send(w.tx), 0);
	trapped.also = flip_if;
	TRY("ud2", "r"(0));
	seen = w.count;
	trapped.also = NULL;
	EXPECT(took(6, 0));
	EXPECT_EQ(seen, 1);
	EXPECT(!guest_irqs_disabled(conf.g));
	guest_local_irq_enable(conf.g);
	wire_close(&w);
}

static const struct check checks[] = {
	{ "registers_kept", registers_kept, 0 },
	{ "arithmetic_flags_kept", arithmetic_flags_kept, 0 },
	{ "direction_flag_kept", direction_flag_kept, 0 },
	{ "vectors_kept", vectors_kept, 0 },
	{ "x87_kept", x87_kept, 0 },
	{ "vectors_kept_asleep", vectors_kept_asleep, 0 },
	{ "frame_is_xens", frame_is_xens, 0 },
	{ "frame_is_aligned", frame_is_aligned, 0 },
	{ "entry_masks_upcalls", entry_masks_upcalls, 0 },
	{ "callback_kinds", callback_kinds, 0 },
	{ "disabled_holds", disabled_holds, 0 },
	{ "enabled_delivers_at_once", enabled_delivers_at_once, 0 },
	{ "save_restore_nest", save_restore_nest, 0 },
	{ "restore_delivers", restore_delivers, 0 },
	{ "halt_wakes", halt_wakes, 0 },
	{ "halt_sees_what_was_there", halt_sees_what_was_there, 0 },
	{ "handler_is_not_interrupted", handler_is_not_interrupted, 0 },
	{ "nested_handler_is_interrupted", nested_handler_is_interrupted, 0 },
	{ "upcall_switches_stack", upcall_switches_stack, 0 },
	{ "hypercall_ends_in_upcall", hypercall_ends_in_upcall, 0 },
	{ "hypercall_with_nested_task_flag", hypercall_with_nested_task_flag, 0 },
	{ "hypercall_step_by_step", hypercall_step_by_step, 0 },
	{ "iret_to_disabled", iret_to_disabled, 0 },
	{ "iret_to_enabled", iret_to_enabled, 0 },
	{ "iret_disables", iret_disables, 0 },
	{ "iret_enables_and_delivers", iret_enables_and_delivers, 0 },
	{ 0 },
};

const struct area area_entry = { "entry", checks };
