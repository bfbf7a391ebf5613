/* SPDX-License-Identifier: MIT */
/*
 * The 2-level ABI: for each port a pending and a mask bit in shared_info, 64 words of each; per CPU
 * a selector, one bit per word, that says where something is new. What an IRQ does with its
 * event is not known here, but that on the quick way (irq/quick.h) nobody else acks it.
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
_Static_assert(offsetof(struct shared_info, evtchn_mask) ==
		       offsetof(struct shared_info, evtchn_pending) +
			       NR_WORDS * sizeof(xen_ulong_t),
	       "as ready_in has it");
_Static_assert(LINES_PAGE == 2 * WORD_BITS, "the lines of a word are half a page");

struct two_level_cpu {
	struct {
		/* The ports that this CPU handles. Set and cleared by whoever binds a port. */
		uint64_t ports;
		/*
		 * Where the line of the first is: the same on each CPU, here as the upcall reads
		 * `ports` beside it. Set under map_lock.
		 */
		uintptr_t lines;
	} words[NR_WORDS]; /* atomic */
	/*
	 * Where the next round begins: behind the word that was the last of this one, so that ports
	 * of low numbers are not always served before the others.
	 */
	unsigned first;
} __attribute__((aligned(CACHE_LINE)));

static struct two_level_cpu *state_of(const struct guest *g, unsigned cpu)
{
	return (struct two_level_cpu *)g->abi_state + cpu;
}

static uint64_t bit_of(evtchn_port_t port)
{
	return UINT64_C(1) << port % WORD_BITS;
}

static int two_level_reserve(struct guest *g, evtchn_port_t port)
{
	unsigned word = port / WORD_BITS, cpu;
	uintptr_t lines = events_lines(g, port);

	/* Release: pairs with bring_words, which is to find the page full of zeroes. */
	for (cpu = 0;
	     cpu < g->nr_cpus && load_relaxed(&state_of(g, cpu)->words[word].lines) != lines; cpu++)
		store_release(&state_of(g, cpu)->words[word].lines, lines);
	return 0;
}

static int two_level_restart(struct guest *g)
{
	struct two_level_cpu *state;
	unsigned word, cpu;

	for (word = 0; word < NR_WORDS; word++)
		store_sc(&g->shared->evtchn_mask[word], ALL);
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		state = state_of(g, cpu);
		state->first = 0;
		for (word = 0; word < NR_WORDS; word++) {
			store_relaxed(&state->words[word].ports, cpu ? 0 : ALL);
			store_relaxed(&state->words[word].lines, events_lines(g, word * WORD_BITS));
		}
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
	fetch_and_sc(&state_of(g, from)->words[word].ports, ~bit_of(port));
	fetch_or_sc(&state_of(g, to)->words[word].ports, bit_of(port));
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
	return clear_bit_sc(g->shared->evtchn_pending, port);
}

static bool two_level_mask_clear(struct guest *g, evtchn_port_t port)
{
	(void)two_level_mask(g, port);
	return two_level_clear_pending(g, port);
}

static bool two_level_set_pending(struct guest *g, evtchn_port_t port)
{
	return fetch_or_sc(&g->shared->evtchn_pending[port / WORD_BITS], bit_of(port)) &
	       bit_of(port);
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
	if (!(load_relaxed(&state_of(g, cpu->nr)->words[word].ports) & bit_of(port))) {
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

/* Both of a word that is not 0. */
static inline unsigned highest_bit(uint64_t w)
{
	return 63 - (unsigned)__builtin_clzll(w);
}

static inline size_t lowest_bit(uint64_t w)
{
#ifdef __x86_64__
	size_t n;

	/* TZCNT, or BSF where there is none. gcc extends the builtin's sign, cast or not. */
	__asm__("rep bsfq %1, %0" : "=r"(n) : "r"(w) : "cc");
	return n;
#else
	return (size_t)__builtin_ctzll(w);
#endif
}

/* Of that word, whose pending bits are here. */
static inline uint64_t ready_in(const struct two_level_cpu *state, const xen_ulong_t *pending,
				size_t word)
{
	/* The masks of all words are behind the pending bits of all words. */
	return load_acquire(pending) & ~load_acquire(pending + NR_WORDS) &
	       load_relaxed(&state->words[word].ports);
}

static inline evtchn_port_t port_of(const struct guest *g, const xen_ulong_t *pending, size_t bit)
{
	return (evtchn_port_t)((size_t)(pending - g->shared->evtchn_pending) * WORD_BITS + bit);
}

/* It may have been masked, closed or moved since its word was read. */
static __attribute__((noinline)) void bring_slowly(struct guest *g, struct guest_cpu *cpu,
						   const xen_ulong_t *pending, size_t bit)
{
	evtchn_port_t port = port_of(g, pending, bit);

	if (ready_in(state_of(g, cpu->nr), pending, port / WORD_BITS) & bit_of(port))
		events_dispatch(g, cpu, port);
}

static inline void bring(struct guest *g, struct guest_cpu *cpu, xen_ulong_t *pending,
			 uintptr_t lines, size_t bit)
{
	struct irq_line *at = line_beside(lines, bit);
	struct irq_claim claim;

	if (!irq_claim(at, cpu, &claim))
		bring_slowly(g, cpu, pending, bit);
	else if (LIKELY(clear_bit_sc(pending, bit)) && !irq_run_claimed(g, at, cpu, &claim))
		events_put_back(g, cpu, port_of(g, pending, bit));
}

/*
 * Of these words, one at least, the ports that are ready. Each word is read once: what becomes
 * ready later is announced anew. Handlers of others run in between; they, and other CPUs, may
 * change whatever they like. A port's line says so to who claims it.
 */
static __attribute__((noinline)) void bring_words(struct guest *g, struct guest_cpu *cpu,
						  struct two_level_cpu *state, uint64_t words)
{
	do {
		size_t word = lowest_bit(words);
		xen_ulong_t *pending = &g->shared->evtchn_pending[word];
		uint64_t ready = ready_in(state, pending, word);
		/* Acquire: pairs with two_level_reserve. */
		uintptr_t lines = load_acquire(&state->words[word].lines);

		for (; ready; ready &= ready - 1)
			bring(g, cpu, pending, lines, lowest_bit(ready));
		words &= words - 1;
	} while (words);
}

static void two_level_handle(struct guest *g, struct guest_cpu *cpu)
{
	struct two_level_cpu *state = state_of(g, cpu->nr);
	uint64_t from = ALL << state->first, sel, below;

	/*
	 * From here on a bit that the hypervisor sets is for the next round: it sets upcall_pending
	 * after it.
	 */
	sel = xchg_sc(&cpu->vcpu_info->evtchn_pending_sel, 0);
	below = sel & ~from;
	if (sel & from)
		bring_words(g, cpu, state, sel & from);
	if (below)
		bring_words(g, cpu, state, below);
	if (sel)
		state->first = (highest_bit(below ? below : sel) + 1) % NR_WORDS;
}

const struct events_abi events_abi_2l = {
	.id = GUEST_ABI_2L,
	.nr_ports = EVTCHN_2L_NR_CHANNELS,
	.init = two_level_init,
	.fini = two_level_fini,
	.restart = two_level_restart,
	.reserve = two_level_reserve,
	.move = two_level_move,
	.mask = two_level_mask,
	.unmask = two_level_unmask,
	.clear_pending = two_level_clear_pending,
	.mask_clear = two_level_mask_clear,
	.set_pending = two_level_set_pending,
	.state = two_level_state,
	.handle = two_level_handle,
};
