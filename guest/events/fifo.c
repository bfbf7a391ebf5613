/* SPDX-License-Identifier: MIT */
/*
 * The FIFO ABI: a word for each port (PENDING, MASKED, LINKED, and the port behind it), and for
 * each CPU 16 queues, lists through these words. What an IRQ does with its event is not known here,
 * but that on the quick way (irq/quick.h) it leaves its queue and is taken in one step.
 *
 * The hypervisor's side of it, which every step below has to suit: set PENDING; if MASKED and
 * LINKED are clear, set LINKED and write the port into the word of the queue's last port, if that
 * is LINKED still; else the queue is empty, and it stores the port as the queue's head in the CPU's
 * control block, sets the queue's bit in `ready`, sets upcall_pending, and kicks if that was 0. It
 * may hold a word's BUSY bit for the few steps of linking something behind it.
 */
#include "events.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define BUSY	(1u << EVTCHN_FIFO_BUSY)
#define LINK	EVTCHN_FIFO_LINK_MASK

#define PAGE		4096u
#define PAGE_WORDS	((unsigned)(PAGE / sizeof(event_word_t)))
#define MAX_PAGES	(EVTCHN_FIFO_NR_CHANNELS / PAGE_WORDS)
#define GROUP		(LINES_PAGE / 2) /* of ports: their lines are one line_beside the other */
#define MAX_GROUPS	(EVTCHN_FIFO_NR_CHANNELS / GROUP)
#define PAGE_GROUPS	(PAGE_WORDS / GROUP)
#define ALL_QUEUES	((1u << EVTCHN_FIFO_MAX_QUEUES) - 1)
#define BLOCK_ROOM	128u /* whole cache lines */
#define BLOCKS_PER_PAGE (PAGE / BLOCK_ROOM)

_Static_assert(sizeof(struct evtchn_fifo_control_block) <= BLOCK_ROOM,
	       "a control block does not cross a page");

/* What a CPU has read of its queues. That CPU's, in its upcall; a dead one's is events/move.c's. */
struct fifo_cpu {
	struct evtchn_fifo_control_block *block;
	bool given;	/* the hypervisor has it; under map_lock, or nobody else is there */
	uint32_t ready; /* queues that may have something */
	uint32_t head[EVTCHN_FIFO_MAX_QUEUES]; /* 0: it is in the control block */
} __attribute__((aligned(CACHE_LINE)));

/* Where the first port of a group has its word and its line: all that is needed to find both. */
struct fifo_group {
	event_word_t *words; /* NULL: none yet */
	uintptr_t lines;     /* all closed as long as there are no words */
};

_Static_assert(PAGE_WORDS % GROUP == 0, "the words of a group are on one page");
_Static_assert(LINK < EVTCHN_FIFO_NR_CHANNELS, "a link is within the groups, whatever it is");

struct fifo {
	struct fifo_group group[MAX_GROUPS]; /* atomic; set under map_lock, as the next */
	unsigned given;			     /* pages of words that the hypervisor has */
	unsigned block_pages;
	uint8_t *blocks;
	struct fifo_cpu cpu[];
};

static struct fifo *fifo_of(const struct guest *g)
{
	return g->abi_state;
}

static size_t fifo_size(const struct guest *g)
{
	return sizeof(struct fifo) + g->nr_cpus * sizeof(struct fifo_cpu);
}

/* NULL: no such port, or no memory for its word yet. */
static event_word_t *word_of(const struct guest *g, evtchn_port_t port)
{
	event_word_t *words;

	if (port >= EVTCHN_FIFO_NR_CHANNELS)
		return NULL;
	words = load_acquire(&fifo_of(g)->group[port / GROUP].words); /* pairs with page_make */
	return words ? words + port % GROUP : NULL;
}

/* Of a port that the ABI has. It is closed, and maybe nobody's, if that has not been reserved. */
static inline struct irq_line *line_of(const struct fifo_group *group, evtchn_port_t port)
{
	/* Acquire: pairs with fifo_reserve. */
	return line_beside(load_acquire(&group->lines), port % GROUP);
}

/* ---- setting it up ------------------------------------------------------------------------ */

static void page_clear(event_word_t *page)
{
	unsigned i;

	/* Nobody may find a port that it does not know yet unmasked. */
	for (i = 0; i < PAGE_WORDS; i++)
		store_relaxed(&page[i], MASKED);
}

static int page_make(struct guest *g, size_t nr)
{
	struct fifo_group *group = &fifo_of(g)->group[nr * PAGE_GROUPS];
	event_word_t *page = guest_alloc(g, PAGE);
	size_t i;

	if (!page)
		return -XEN_ENOMEM;
	page_clear(page);
	for (i = 0; i < PAGE_GROUPS; i++)
		store_release(&group[i].words, page + i * GROUP);
	return 0;
}

/* NULL: it has not been made. */
static event_word_t *page_of(const struct fifo *f, size_t nr)
{
	return load_relaxed(&f->group[nr * PAGE_GROUPS].words);
}

/* The pages go to the hypervisor one after another, up to this port's. */
static int fifo_reserve(struct guest *g, evtchn_port_t port)
{
	struct fifo *f = fifo_of(g);
	struct evtchn_expand_array op;
	int rc;

	while (f->given <= port / PAGE_WORDS) {
		rc = page_of(f, f->given) ? 0 : page_make(g, f->given);
		if (rc)
			return rc;
		op.array_gfn = g->ops->frame_of(g->ctx, page_of(f, f->given));
		/* Ports of this page that got events before set PENDING now. */
		rc = evtchn_call(g, EVTCHNOP_expand_array, &op);
		if (rc)
			return rc;
		f->given++;
	}
	/* Release: pairs with line_of, which is to find the page full of zeroes. */
	store_release(&f->group[port / GROUP].lines, events_lines(g, port));
	return 0;
}

static int fifo_cpu_init(struct guest *g, unsigned cpu)
{
	struct fifo_cpu *fc = &fifo_of(g)->cpu[cpu];
	struct evtchn_init_control op = {
		.control_gfn = g->ops->frame_of(g->ctx, fc->block),
		.offset = (uint32_t)((uintptr_t)fc->block % PAGE),
		.vcpu = cpu,
	};
	int rc;

	if (fc->given)
		return 0;
	rc = evtchn_call(g, EVTCHNOP_init_control, &op);
	fc->given = !rc;
	return rc;
}

/*
 * All CPUs', though most have not started: an event for one that has no control block is dropped.
 * Where there is no such vCPU the hypervisor says so, and there is nothing to lose.
 */
static int give_blocks(struct guest *g)
{
	int rc = fifo_cpu_init(g, 0);
	unsigned cpu;

	for (cpu = 1; !rc && cpu < g->nr_cpus; cpu++)
		(void)fifo_cpu_init(g, cpu);
	return rc;
}

static int fifo_init(struct guest *g)
{
	struct fifo *f = guest_alloc(g, fifo_size(g));
	unsigned cpu, i;

	g->abi_state = f;
	if (!f)
		return -XEN_ENOMEM;
	f->block_pages = (g->nr_cpus + BLOCKS_PER_PAGE - 1) / BLOCKS_PER_PAGE;
	f->blocks = guest_alloc(g, (size_t)f->block_pages * PAGE);
	if (!f->blocks)
		return -XEN_ENOMEM;
	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		f->cpu[cpu].block = (void *)(f->blocks + (size_t)cpu * BLOCK_ROOM);
	for (i = 0; i < MAX_GROUPS; i++)
		f->group[i].lines = events_lines(g, i * GROUP);
	return give_blocks(g);
}

static void fifo_fini(struct guest *g)
{
	struct evtchn_reset op = { .dom = DOMID_SELF };
	struct fifo *f = fifo_of(g);
	unsigned i;

	if (!f)
		return;
	/* What the hypervisor does not let go of is lost to us. */
	if (!f->blocks || !f->cpu[0].given || !evtchn_call(g, EVTCHNOP_reset, &op)) {
		for (i = 0; i < MAX_PAGES; i++)
			guest_free(g, page_of(f, i), PAGE);
		guest_free(g, f->blocks, (size_t)f->block_pages * PAGE);
	}
	guest_free(g, f, fifo_size(g));
	g->abi_state = NULL;
}

static int fifo_restart(struct guest *g)
{
	struct fifo *f = fifo_of(g);
	unsigned cpu, q, i;

	for (i = 0; i < MAX_PAGES; i++)
		if (page_of(f, i))
			page_clear(page_of(f, i));
	f->given = 0;
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		struct fifo_cpu *fc = &f->cpu[cpu];

		store_sc(&fc->block->ready, 0u);
		fc->given = false;
		fc->ready = 0;
		for (q = 0; q < EVTCHN_FIFO_MAX_QUEUES; q++)
			fc->head[q] = 0;
	}
	return give_blocks(g);
}

/* ---- a port's word ------------------------------------------------------------------------ */

static bool fifo_mask(struct guest *g, evtchn_port_t port)
{
	event_word_t *word = word_of(g, port);

	/* It may be on a queue: then it is taken off in its turn, and stays pending. */
	return word && !(fetch_or_sc(word, MASKED) & MASKED);
}

static bool fifo_clear_pending(struct guest *g, evtchn_port_t port)
{
	event_word_t *word = word_of(g, port);

	/*
	 * What the sender wrote before it set the bit is seen after this; what it sends from now on
	 * sets the bit again.
	 */
	return word && (fetch_and_sc(word, ~PENDING) & PENDING);
}

static bool fifo_mask_clear(struct guest *g, evtchn_port_t port)
{
	event_word_t *word = word_of(g, port), old = word ? load_relaxed(word) : 0;

	/* BUSY does not matter: what it guards is that MASKED is not taken away. */
	while (word && !cas_sc(word, &old, (old | MASKED) & ~PENDING))
		;
	return old & PENDING;
}

static bool fifo_set_pending(struct guest *g, evtchn_port_t port)
{
	event_word_t *word = word_of(g, port);

	return word && (fetch_or_sc(word, PENDING) & PENDING);
}

/*
 * Clear MASKED of a port that is not pending: the next sender then finds it clear and queues the
 * event itself. False, and it stays masked: it is pending, and only the hypervisor can queue it.
 */
static bool unmask_idle(struct guest *g, event_word_t *word)
{
	event_word_t old = load_relaxed(word);

	while (!(old & PENDING)) {
		if (old & BUSY) {
			/* Linking behind it goes wrong if this bit changes; that is over soon. */
			cpu_relax(g);
			old = load_relaxed(word);
		} else if (cas_sc(word, &old, old & ~MASKED)) {
			return true;
		}
	}
	return false;
}

static void fifo_unmask(struct guest *g, evtchn_port_t port)
{
	struct evtchn_unmask op = { .port = port };
	event_word_t *word = word_of(g, port);

	/* Refused only for a port out of range. */
	if (word && !unmask_idle(g, word))
		(void)evtchn_call(g, EVTCHNOP_unmask, &op);
}

static unsigned fifo_state(const struct guest *g, evtchn_port_t port)
{
	const event_word_t *word = word_of(g, port);
	event_word_t w = word ? load_acquire(word) : 0;

	return (w & PENDING ? GUEST_PORT_PENDING : 0) | (w & MASKED ? GUEST_PORT_MASKED : 0) |
	       (w & LINKED ? GUEST_PORT_LINKED : 0);
}

/* ---- the queues --------------------------------------------------------------------------- */

/* A queue that was said to be ready has nothing, or nothing that can be. */
static void give_up(struct fifo_cpu *fc, unsigned q)
{
	fc->head[q] = 0;
	fc->ready &= ~(1u << q);
}

/* The first port of a queue that is said to be ready. 0: there is none. */
static inline evtchn_port_t first_of(struct fifo_cpu *fc, unsigned q)
{
	evtchn_port_t port = fc->head[q];

	if (port)
		return port;
	/* Acquire: a new head is stored before the ready bit, which we have seen. */
	port = load_acquire(&fc->block->head[q]);
	if (port && port < EVTCHN_FIFO_NR_CHANNELS)
		return port;
	give_up(fc, q);
	return 0;
}

/* NULL: there is no such port, and no more of that queue. */
static event_word_t *first_word(const struct guest *g, struct fifo_cpu *fc, unsigned q,
				evtchn_port_t port)
{
	event_word_t *word = word_of(g, port);

	if (!word)
		give_up(fc, q);
	return word;
}

/*
 * Take that port off. True: it is pending and not masked, so it is to be handled; if not it is
 * dropped from the queue, and whoever unmasks it finds it pending. ack: if it is to be handled,
 * clear PENDING as well; what the sender wrote before it set the bit is seen after this.
 */
static inline bool take_off(struct fifo_cpu *fc, unsigned q, event_word_t *word, bool ack)
{
	event_word_t old = load_relaxed(word), mine;
	bool ready;

	/*
	 * In one step, LINKED and the link: a sender that comes before it appends to this word, and
	 * the link is ours; one that comes after it finds LINKED clear and starts the queue anew.
	 * The link of a port that is not LINKED leads nowhere. PENDING set, or MASKED cleared,
	 * after that step: its doer has queued it again. BUSY does not matter: what it guards is
	 * that MASKED is not taken away.
	 */
	do {
		ready = (old & (PENDING | MASKED)) == PENDING;
		mine = LINKED | LINK | (ready && ack ? PENDING : 0);
	} while (!cas_sc(word, &old, old & ~mine));

	fc->head[q] = old & LINKED ? old & LINK : 0;
	if (!fc->head[q])
		fc->ready &= ~(1u << q);
	return ready;
}

/*
 * Queues that have got something. Pairs with the hypervisor: it stores the head, then sets the bit,
 * then upcall_pending, which the upcall cleared before this.
 */
static void take_ready(struct fifo_cpu *fc)
{
	fc->ready |= xchg_sc(&fc->block->ready, 0u) & ALL_QUEUES;
}

/* Queues that have something, those that have got it since the last look too. */
static uint32_t look(struct fifo_cpu *fc)
{
	if (load_sc(&fc->block->ready))
		take_ready(fc);
	return fc->ready;
}

/*
 * Of thousands of events each comes with cache lines that nobody has touched for long. So while one
 * is handled, what the event needs that comes AHEAD places behind it is on its way: the farthest
 * that is known here. Only hints: the links are read again when their turn comes. The first FEW of
 * an upcall find what they need in the nearest cache, or are too few to matter.
 */
#define FEW   128u
#define AHEAD 8u

struct drain {
	unsigned events;	  /* on the quick way, so far */
	const event_word_t *word; /* of the farthest; NULL: none is known */
};

/* It comes next behind those that are known. */
static inline void fetch(const struct guest *g, struct drain *d, evtchn_port_t port)
{
	const struct fifo_group *group = &fifo_of(g)->group[port / GROUP];

	d->word = port ? load_acquire(&group->words) : NULL;
	if (!d->word)
		return;
	d->word += port % GROUP;
	__builtin_prefetch(d->word, 1);
	__builtin_prefetch(line_of(group, port), 1);
}

static inline evtchn_port_t next_of(const struct drain *d)
{
	return d->word ? load_relaxed(d->word) & LINK : 0;
}

/* In a drain that may go on and on. The queue's first port now, 0: it is empty. */
static void fetch_ahead(const struct guest *g, struct drain *d, evtchn_port_t first)
{
	unsigned n;

	fetch(g, d, next_of(d));
	if (d->word)
		return;
	/* The queue's end, or it has been overtaken: from the beginning. */
	for (n = 0; n < AHEAD; n++, first = next_of(d))
		fetch(g, d, first);
}

/* Not on the quick way. */
static __attribute__((noinline)) void handle_slowly(struct guest *g, struct guest_cpu *cpu,
						    struct fifo_cpu *fc, unsigned q,
						    evtchn_port_t port)
{
	event_word_t *word = first_word(g, fc, q, port);

	if (word && take_off(fc, q, word, false))
		events_dispatch(g, cpu, port);
}

/* The first event of a queue, if there is one. */
static inline void handle_first(struct guest *g, struct guest_cpu *cpu, struct fifo_cpu *fc,
				unsigned q, struct drain *d)
{
	evtchn_port_t port = first_of(fc, q);
	const struct fifo_group *group = &fifo_of(g)->group[port / GROUP];
	struct irq_claim claim;
	struct irq_line *at;
	event_word_t *word;
	bool ready;

	if (!port)
		return;
	at = line_of(group, port);
	if (!irq_claim(at, cpu, &claim)) {
		handle_slowly(g, cpu, fc, q, port);
		return;
	}
	/* It is there: the port was reserved before its line was opened, which irq_claim saw. */
	word = load_relaxed(&group->words) + port % GROUP;
	ready = take_off(fc, q, word, true);
	if (d->events++ >= FEW)
		fetch_ahead(g, d, fc->head[q]);
	if (ready && !irq_run_claimed(g, at, cpu, &claim))
		events_put_back(g, cpu, port);
}

/*
 * Always the first event of the highest priority, so what arrived during the last one comes in its
 * turn. Handlers may be interrupted by an upcall that does the same: all that we know of the queues
 * is in fc before a handler is called, and is read again after it. Not inlined, so that fc itself
 * is in a register, not what it is made of each time.
 */
static __attribute__((noinline)) void handle_queues(struct guest *g, struct guest_cpu *cpu,
						    struct fifo_cpu *fc)
{
	struct drain d = { 0 };

	/* Whether or not it is 0: the upcall needs the operation. */
	take_ready(fc);
	while (look(fc))
		handle_first(g, cpu, fc, (unsigned)__builtin_ctz(fc->ready), &d);
}

static void fifo_handle(struct guest *g, struct guest_cpu *cpu)
{
	handle_queues(g, cpu, &fifo_of(g)->cpu[cpu->nr]);
}

static bool fifo_take(struct guest *g, unsigned cpu, evtchn_port_t *port, bool *ready)
{
	struct fifo_cpu *fc = &fifo_of(g)->cpu[cpu];
	event_word_t *word;
	unsigned q;

	while (look(fc)) {
		q = (unsigned)__builtin_ctz(fc->ready);
		*port = first_of(fc, q);
		word = *port ? first_word(g, fc, q, *port) : NULL;
		if (!word)
			continue;
		*ready = take_off(fc, q, word, false);
		return true;
	}
	return false;
}

const struct events_abi events_abi_fifo = {
	.id = GUEST_ABI_FIFO,
	.nr_ports = EVTCHN_FIFO_NR_CHANNELS,
	.init = fifo_init,
	.fini = fifo_fini,
	.restart = fifo_restart,
	.cpu_init = fifo_cpu_init,
	.reserve = fifo_reserve,
	.mask = fifo_mask,
	.unmask = fifo_unmask,
	.clear_pending = fifo_clear_pending,
	.mask_clear = fifo_mask_clear,
	.set_pending = fifo_set_pending,
	.state = fifo_state,
	.handle = fifo_handle,
	.take = fifo_take,
};
