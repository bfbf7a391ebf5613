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
	return fetch_and_sc(&g->shared->evtchn_pending[port / WORD_BITS], ~bit_of(port)) &
	       bit_of(port);
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

/*
 * One round over all that is selected, from the port after the last one served, round to that port.
 * The word in which the round begins comes twice: its upper part first, its lower part at the end.
 */
struct round {
	uint64_t words; /* selected, and still to come; bit 0 is `first` */
	unsigned first;
	unsigned word;	 /* the one that is looked at ... */
	uint64_t window; /* ... for these of its ports ... */
	uint64_t seen;	 /* ... of which these were ready, and are still to come */
	uint64_t lower;	 /* of `first`, at the end; 0: nothing, or it has been */
};

static uint64_t rotate_down(uint64_t bits, unsigned n)
{
	return n ? bits >> n | bits << (WORD_BITS - n) : bits;
}

static unsigned word_after(const struct round *r, uint64_t words)
{
	return (r->first + (unsigned)__builtin_ctzll(words)) % NR_WORDS;
}

/* False: the round is over. */
static inline bool next_word(struct round *r, uint64_t upper)
{
	if (r->words) {
		r->word = word_after(r, r->words);
		r->window = r->words & 1 ? upper : ALL;
		r->words &= r->words - 1;
		return true;
	}
	r->word = r->first;
	r->window = r->lower;
	r->lower = 0;
	return r->window;
}

/*
 * The next port, 0: the round is over. The word is read again for each: the handlers of one port
 * may mask, close or move the others. What comes after the last one that was seen is selected for
 * the next round, as this one has taken the selector.
 */
static inline evtchn_port_t next_port(const struct guest *g, struct round *r,
				      const struct two_level_cpu *state, uint64_t upper)
{
	uint64_t ready;
	unsigned bit;

	for (;;) {
		if (!r->seen && !next_word(r, upper))
			return 0;
		ready = load_acquire(&g->shared->evtchn_pending[r->word]) &
			~load_acquire(&g->shared->evtchn_mask[r->word]) &
			load_relaxed(&state->ports[r->word]) & r->window;
		r->seen = 0;
		if (!ready)
			continue;
		bit = (unsigned)__builtin_ctzll(ready);
		r->window &= ALL << bit << 1;
		r->seen = ready & r->window;
		return r->word * WORD_BITS + bit;
	}
}

/*
 * Most likely the next port; may be any. A processor begins nothing of an event before the locked
 * operation of the one before it is done, and then has to look up one thing after the other: the
 * IRQ of a port that is guessed is one of these less.
 */
static inline evtchn_port_t guess_port(const struct guest *g, const struct round *r)
{
	unsigned word = r->word;
	uint64_t bits = r->seen;

	if (!bits && r->words) {
		word = word_after(r, r->words);
		bits = load_relaxed(&g->shared->evtchn_pending[word]);
	}
	return bits ? word * WORD_BITS + (unsigned)__builtin_ctzll(bits) : 0;
}

static inline void bring(struct guest *g, struct guest_cpu *cpu, evtchn_port_t port,
			 struct irq_desc *desc)
{
	struct irq_claim claim;

	if (desc && irq_claim(desc, cpu, port, &claim))
		events_claimed(g, cpu, port, desc, &claim, two_level_clear_pending(g, port));
	else
		events_dispatch(g, cpu, port);
}

static void two_level_handle(struct guest *g, struct guest_cpu *cpu)
{
	struct two_level_cpu *state = state_of(g, cpu->nr);
	uint64_t upper = ALL << state->next % WORD_BITS;
	struct round r = { .first = state->next / WORD_BITS % NR_WORDS };
	struct irq_desc *desc, *ahead = NULL;
	evtchn_port_t port, last = 0, guess = 0;

	/*
	 * From here on a bit that the hypervisor sets is for the next round: it sets upcall_pending
	 * after it.
	 */
	r.words = rotate_down(xchg_sc(&cpu->vcpu_info->evtchn_pending_sel, 0), r.first);
	r.lower = r.words & 1 ? ~upper : 0;

	while ((port = next_port(g, &r, state, upper))) {
		desc = port == guess ? ahead : events_irq(g, port);
		guess = guess_port(g, &r);
		ahead = events_irq(g, guess);
		bring(g, cpu, port, desc);
		last = port;
	}
	if (last)
		state->next = last + 1;
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
