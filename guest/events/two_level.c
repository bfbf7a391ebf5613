/* SPDX-License-Identifier: MIT */
/*
 * The 2-level ABI: for each port a pending and a mask bit in shared_info, 64 words of each; per CPU
 * a selector, one bit per word, that says where something is new. Which IRQ a port is, and what is
 * done about it, is not known here.
 *
 * The hypervisor's side of it, which every step below has to suit: set the port's pending bit (if
 * it was set, done); if the port's mask bit is clear, set the word's selector bit on the vCPU that
 * the port notifies (if it was set, done), set that vCPU's upcall_pending, and kick it if that was
 * 0.
 */
#include "events.h"

#define WORD_BITS 64u
#define NR_WORDS  (EVTCHN_2L_NR_CHANNELS / WORD_BITS)
#define ALL	  (~UINT64_C(0))

_Static_assert(sizeof(xen_ulong_t) == sizeof(uint64_t),
	       "the words of shared_info are 64 bits wide");

struct two_level_cpu {
	/* The ports that this CPU handles. Set and cleared by whoever binds a port. */
	uint64_t ports[NR_WORDS];
	/*
	 * Where the next scan begins: behind the port served last, so that a storm on one does not
	 * starve the others.
	 */
	evtchn_port_t next;
} __attribute__((aligned(CACHE_LINE)));

static struct two_level_cpu *state_of(const struct guest *g, unsigned cpu)
{
	return (struct two_level_cpu *)g->abi_state + cpu;
}

static uint64_t bit_of(evtchn_port_t port)
{
	return UINT64_C(1) << port % WORD_BITS;
}

static int two_level_restart(struct guest *g)
{
	struct two_level_cpu *state;
	unsigned word, cpu;

	for (word = 0; word < NR_WORDS; word++)
		store_sc(&g->shared->evtchn_mask[word], ALL);
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		state = state_of(g, cpu);
		state->next = 0;
		for (word = 0; word < NR_WORDS; word++)
			store_relaxed(&state->ports[word], cpu ? 0 : ALL);
	}
	return 0;
}

static int two_level_init(struct guest *g)
{
	g->abi_state = guest_alloc(g, g->nr_cpus * sizeof(struct two_level_cpu));
	return g->abi_state ? two_level_restart(g) : -XEN_ENOMEM;
}

static void two_level_fini(struct guest *g)
{
	guest_free(g, g->abi_state, g->nr_cpus * sizeof(struct two_level_cpu));
	g->abi_state = NULL;
}

static void two_level_move(struct guest *g, evtchn_port_t port, unsigned from, unsigned to)
{
	unsigned word = port / WORD_BITS;

	/*
	 * Never on two CPUs at once. For a moment on none is fine: it is masked, and unmasking
	 * makes its CPU look.
	 */
	fetch_and_sc(&state_of(g, from)->ports[word], ~bit_of(port));
	fetch_or_sc(&state_of(g, to)->ports[word], bit_of(port));
}

static bool two_level_mask(struct guest *g, evtchn_port_t port)
{
	return !(fetch_or_sc(&g->shared->evtchn_mask[port / WORD_BITS], bit_of(port)) &
		 bit_of(port));
}

static bool two_level_clear_pending(struct guest *g, evtchn_port_t port)
{
	/*
	 * What the sender wrote before it set the bit is seen after this; what it sends from now on
	 * sets the bit again.
	 */
	return fetch_and_sc(&g->shared->evtchn_pending[port / WORD_BITS], ~bit_of(port)) &
	       bit_of(port);
}

static bool two_level_mask_clear(struct guest *g, evtchn_port_t port)
{
	(void)two_level_mask(g, port);
	return two_level_clear_pending(g, port);
}

static void two_level_set_pending(struct guest *g, evtchn_port_t port)
{
	fetch_or_sc(&g->shared->evtchn_pending[port / WORD_BITS], bit_of(port));
}

static unsigned two_level_state(const struct guest *g, evtchn_port_t port)
{
	unsigned word = port / WORD_BITS;

	if (port >= EVTCHN_2L_NR_CHANNELS)
		return 0;
	return (load_acquire(&g->shared->evtchn_pending[word]) & bit_of(port) ? GUEST_PORT_PENDING
									      : 0) |
	       (load_acquire(&g->shared->evtchn_mask[word]) & bit_of(port) ? GUEST_PORT_MASKED : 0);
}

static void two_level_unmask(struct guest *g, evtchn_port_t port)
{
	unsigned word = port / WORD_BITS;
	struct guest_cpu *cpu = this_cpu(g);
	struct evtchn_unmask op = { .port = port };

	/*
	 * Another CPU's selector and kick are the hypervisor's to touch. It refuses only a port out
	 * of range.
	 */
	if (!(load_relaxed(&state_of(g, cpu->nr)->ports[word]) & bit_of(port))) {
		(void)evtchn_call(g, EVTCHNOP_unmask, &op);
		return;
	}
	/*
	 * Clear the mask, then look at pending; the hypervisor sets pending, then looks at the
	 * mask. Both sequentially consistent: either it saw no mask and selects the word, or the
	 * bit is seen here. Maybe both, which does no harm.
	 */
	fetch_and_sc(&g->shared->evtchn_mask[word], ~bit_of(port));
	if (!(load_sc(&g->shared->evtchn_pending[word]) & bit_of(port)))
		return;
	/*
	 * It came while the port was masked: make what the hypervisor has not. No kick, as events
	 * are disabled: the upcall that we are in comes round again, or enabling finds
	 * upcall_pending.
	 */
	fetch_or_sc(&cpu->vcpu_info->evtchn_pending_sel, UINT64_C(1) << word);
	store_sc(&cpu->vcpu_info->evtchn_upcall_pending, (uint8_t)1);
}

/*
 * The ports of one word that are in `window`, upwards, each at most once. The word is read again
 * for each: the handlers of one port may mask, close or move the others.
 */
static void handle_word(struct guest *g, struct guest_cpu *cpu, unsigned word, uint64_t window)
{
	struct two_level_cpu *state = state_of(g, cpu->nr);
	uint64_t ready;
	unsigned bit;

	for (;;) {
		ready = load_acquire(&g->shared->evtchn_pending[word]) &
			~load_acquire(&g->shared->evtchn_mask[word]) &
			load_relaxed(&state->ports[word]) & window;
		if (!ready)
			return;
		bit = (unsigned)__builtin_ctzll(ready);
		window &= ALL << bit << 1;
		state->next = (word * WORD_BITS + bit + 1) % EVTCHN_2L_NR_CHANNELS;
		events_dispatch(g, cpu, word * WORD_BITS + bit);
	}
}

static uint64_t rotate_down(uint64_t bits, unsigned n)
{
	return n ? bits >> n | bits << (WORD_BITS - n) : bits;
}

/*
 * One round over all that is selected, from the port after the last one served, round to that port.
 * The word in which the round begins comes twice: its upper part first, its lower part at the end.
 */
static void two_level_handle(struct guest *g, struct guest_cpu *cpu)
{
	evtchn_port_t next = state_of(g, cpu->nr)->next;
	unsigned first = next / WORD_BITS;
	uint64_t upper = ALL << next % WORD_BITS;
	uint64_t words, rest;

	/*
	 * From here on a bit that the hypervisor sets is for the next round: it sets upcall_pending
	 * after it.
	 */
	words = rotate_down(xchg_sc(&cpu->vcpu_info->evtchn_pending_sel, 0), first);

	if (words & 1)
		handle_word(g, cpu, first, upper);
	for (rest = words & ~UINT64_C(1); rest; rest &= rest - 1)
		handle_word(g, cpu, (first + (unsigned)__builtin_ctzll(rest)) % NR_WORDS, ALL);
	if (words & 1)
		handle_word(g, cpu, first, ~upper);
}

const struct events_abi events_abi_2l = {
	.id = GUEST_ABI_2L,
	.nr_ports = EVTCHN_2L_NR_CHANNELS,
	.init = two_level_init,
	.fini = two_level_fini,
	.restart = two_level_restart,
	.move = two_level_move,
	.mask = two_level_mask,
	.unmask = two_level_unmask,
	.clear_pending = two_level_clear_pending,
	.mask_clear = two_level_mask_clear,
	.set_pending = two_level_set_pending,
	.state = two_level_state,
	.handle = two_level_handle,
};
