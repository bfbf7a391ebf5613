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
_Static_assert(LINES_PAGE == WORD_BITS, "what belongs to a word's ports is in one place");

struct two_level_cpu {
	/* The ports that this CPU handles. Set and cleared by whoever binds a port. */
	uint64_t ports[NR_WORDS];
	/*
	 * Where the next round begins: behind the port served last, so that a storm on one does not
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

static inline size_t lowest_bit(uint64_t w)
{
	return (size_t)__builtin_ctzll(w);
}

static inline uint64_t ready_in(const struct guest *g, const struct two_level_cpu *state,
				size_t word)
{
	const xen_ulong_t *pending = g->shared->evtchn_pending, *mask = g->shared->evtchn_mask;

	return load_acquire(&pending[word]) & ~load_acquire(&mask[word]) &
	       load_relaxed(&state->ports[word]);
}

/*
 * One round over all that is selected, from the port after the last one served, round to that port:
 * the upper part of the word in which that is, the words above it, those below it, and the lower
 * part of that word.
 */
struct round {
	size_t word;	/* the one that was read last ... */
	uint64_t ready; /* ... and what of it is still to come */
	uint64_t words; /* then these */
	uint64_t below;
	unsigned first;
	uint64_t lower; /* of `first` */
};

static struct round begin_round(const struct guest *g, const struct guest_cpu *cpu,
				const struct two_level_cpu *state)
{
	unsigned first = state->next / WORD_BITS % NR_WORDS;
	uint64_t upper = ALL << state->next % WORD_BITS, from = ALL << first, sel;
	struct round r = { .word = first, .first = first };

	/*
	 * From here on a bit that the hypervisor sets is for the next round: it sets upcall_pending
	 * after it.
	 */
	sel = xchg_sc(&cpu->vcpu_info->evtchn_pending_sel, 0);
	r.words = sel & from << 1;
	r.below = sel & ~from;
	if (sel >> first & 1) {
		r.ready = ready_in(g, state, first) & upper;
		r.lower = ~upper;
	}
	return r;
}

/* False: it is over. */
static inline bool goes_on(const struct guest *g, const struct two_level_cpu *state,
			   struct round *r)
{
	if (r->ready || r->words)
		return true;
	r->words = r->below;
	r->below = 0;
	if (r->words)
		return true;
	if (!r->lower)
		return false;
	r->word = r->first;
	r->ready = ready_in(g, state, r->word) & r->lower;
	r->lower = 0;
	return r->ready;
}

/*
 * So many ports are looked up together before the first one's event is taken. A processor ends
 * nothing of an event before the locked operation of the one before it is done; what is known of it
 * by then need not be looked up after that, one thing after the other.
 */
#define TOGETHER 16u

struct found {
	struct irq_line *at;
	size_t port;
};

/* Note a word's ready ports, one at least, as far as there is room; *ready is what is left. */
static inline struct found *look_up(const struct guest *g, size_t word, uint64_t *ready,
				    struct found *f, const struct found *end)
{
	struct irq_line *lines = table_page(&g->ports, word);
	uint64_t left = *ready;

	do {
		size_t bit = lowest_bit(left);
		struct irq_line *at = line_on(lines, word, bit);

		left &= left - 1;
		__builtin_prefetch(at, 1);
		*f++ = (struct found){ at, word * WORD_BITS + bit };
	} while (left && f < end);
	*ready = left;
	return f;
}

/* Each word is read once. Answers where the next one would be. */
static inline struct found *find(const struct guest *g, const struct two_level_cpu *state,
				 struct round *r, struct found *f, const struct found *end)
{
	uint64_t ready = r->ready, words = r->words;
	size_t word = r->word;

	for (;;) {
		if (ready)
			f = look_up(g, word, &ready, f, end);
		if (f == end || !words)
			break;
		word = lowest_bit(words);
		words &= words - 1;
		ready = ready_in(g, state, word);
	}
	r->word = word;
	r->ready = ready;
	r->words = words;
	return f;
}

/* It may have been masked, closed or moved since it was found. */
static __attribute__((noinline)) void bring_slowly(struct guest *g, struct guest_cpu *cpu,
						   evtchn_port_t port)
{
	if (ready_in(g, state_of(g, cpu->nr), port / WORD_BITS) & bit_of(port))
		events_dispatch(g, cpu, port);
}

/*
 * One after the other. Handlers of others may have run since it was found; they, and other CPUs,
 * may have changed whatever they like. The port's line says so to who claims it. How many quick
 * passes it was.
 */
static inline unsigned bring(struct guest *g, struct guest_cpu *cpu, xen_ulong_t *pending,
			     const struct found *f)
{
	struct irq_line *at = f->at;
	size_t port = f->port;
	struct irq_claim claim;

	if (irq_claim(at, cpu, &claim))
		return events_claimed(g, cpu, (evtchn_port_t)port, at, &claim,
				      clear_bit_sc(pending, port));
	bring_slowly(g, cpu, (evtchn_port_t)port);
	return 0;
}

static __attribute__((noinline)) void bring_all(struct guest *g, struct guest_cpu *cpu,
						const struct found *f, const struct found *end)
{
	xen_ulong_t *pending = g->shared->evtchn_pending;
	unsigned passes = 0;

	for (; f < end; f++)
		passes += bring(g, cpu, pending, f);
	irq_count_quick(cpu, passes);
}

static void two_level_handle(struct guest *g, struct guest_cpu *cpu)
{
	struct two_level_cpu *state = state_of(g, cpu->nr);
	struct round r = begin_round(g, cpu, state);
	struct found found[TOGETHER], *end;

	while (goes_on(g, state, &r)) {
		end = find(g, state, &r, found, found + TOGETHER);
		if (end == found)
			continue;
		bring_all(g, cpu, found, end);
		state->next = (evtchn_port_t)end[-1].port + 1;
	}
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
