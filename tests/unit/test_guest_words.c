/* SPDX-License-Identifier: MIT */
/*
 * The guest half's steps on the words of the FIFO ABI, one by one, against a hypervisor that is the
 * test's own: it can stop in the middle of its steps, and do what only real Xen does (BUSY). Whole
 * deliveries are test_guest_fifo.c's.
 */
#include <stdlib.h>

#include "bare.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define BUSY	(1u << EVTCHN_FIFO_BUSY)
#define CPUS	3u

struct fake {
	struct shared_info *shared;
	struct guest *g;
	bool no_fifo;
	unsigned vcpus; /* that the domain has */
	unsigned cpu;	/* that runs */
	struct evtchn_fifo_control_block *block[CPUS];
	event_word_t *page[128];
	unsigned pages;
	unsigned unmasked_words; /* found so in a page that was handed over */
	unsigned unmasks;	 /* hypercalls */
	evtchn_port_t last_unmask;
	unsigned resets;
	event_word_t *busy; /* relax ends its BUSY, after that many calls */
	unsigned busy_for;
	event_word_t seen_while_busy;
	unsigned allocs_left;	/* UINT32_MAX: no limit */
	evtchn_port_t ipi_port; /* that IPIs get, 0: as each CPU has it */
	unsigned held;		/* blocks */
	unsigned skew;		/* pages begin so far behind where they should */
	char trail[64];
};

static event_word_t *word(struct fake *f, uint32_t port)
{
	return &f->page[port / 1024][port % 1024];
}

static long init_control(struct fake *f, const struct evtchn_init_control *a)
{
	if (f->no_fifo)
		return -XEN_ENOSYS;
	if (a->vcpu >= f->vcpus)
		return -XEN_ENOENT;
	if (f->block[a->vcpu] || a->offset % 8 || a->offset > 4096 - sizeof(**f->block))
		return -XEN_EINVAL;
	f->block[a->vcpu] = (void *)((uintptr_t)a->control_gfn * 4096 + a->offset);
	return 0;
}

static long expand(struct fake *f, const struct evtchn_expand_array *a)
{
	event_word_t *page = (void *)((uintptr_t)a->array_gfn * 4096);

	for (unsigned i = 0; i < 1024; i++)
		if (page[i] != MASKED)
			f->unmasked_words++;
	f->page[f->pages++] = page;
	return 0;
}

static long reset(struct fake *f)
{
	memset(f->block, 0, sizeof(f->block));
	f->pages = 0;
	f->resets++;
	return 0;
}

static long fake_hypercall(void *ctx, unsigned nr, uint64_t op, uint64_t arg, uint64_t a2,
			   uint64_t a3, uint64_t a4)
{
	struct fake *f = ctx;
	struct evtchn_status *status = (void *)(uintptr_t)arg;
	struct evtchn_unmask *unmask = (void *)(uintptr_t)arg;
	struct evtchn_bind_ipi *ipi = (void *)(uintptr_t)arg;

	(void)a2, (void)a3, (void)a4;
	if (nr != __HYPERVISOR_event_channel_op)
		return 0;
	switch (op) {
	case EVTCHNOP_init_control:
		return init_control(f, (void *)(uintptr_t)arg);
	case EVTCHNOP_expand_array:
		return expand(f, (void *)(uintptr_t)arg);
	case EVTCHNOP_status:
		status->status = EVTCHNSTAT_interdomain;
		status->vcpu = 0;
		return 0;
	case EVTCHNOP_bind_ipi:
		ipi->port = f->ipi_port ? f->ipi_port : 40 + ipi->vcpu;
		return 0;
	case EVTCHNOP_unmask:
		f->unmasks++;
		*word(f, unmask->port) &= ~MASKED;
		f->last_unmask = unmask->port;
		return 0;
	case EVTCHNOP_reset:
		return reset(f);
	default:
		return 0;
	}
}

static unsigned fake_cpu(void *ctx)
{
	return ((struct fake *)ctx)->cpu;
}

static void *fake_alloc(void *ctx, size_t size)
{
	struct fake *f = ctx;
	size_t align = size % 4096 ? 64 : 4096;
	void *p;

	if (!f->allocs_left)
		return NULL;
	if (f->allocs_left != UINT32_MAX)
		f->allocs_left--;
	p = aligned_alloc(align, (size + align - 1) / align * align + (f->skew ? align : 0));
	f->held++;
	return memset((char *)p + (align == 4096 ? f->skew : 0), 0, size);
}

static void fake_free(void *ctx, void *p, size_t size)
{
	((struct fake *)ctx)->held--;
	free(size % 4096 ? p : (char *)p - (uintptr_t)p % 4096);
}

static uint64_t fake_cycles(void *ctx)
{
	(void)ctx;
	return 0;
}

static uint64_t fake_frame(void *ctx, const void *p)
{
	(void)ctx;
	return (uintptr_t)p / 4096;
}

static void fake_relax(void *ctx)
{
	struct fake *f = ctx;

	assert_non_null(f->busy);
	f->seen_while_busy = *f->busy;
	if (!f->busy_for--) {
		*f->busy &= ~BUSY;
		f->busy = NULL;
	}
}

static const struct guest_port_ops fake_ops = { .hypercall = fake_hypercall,
						.this_cpu = fake_cpu,
						.alloc = fake_alloc,
						.free = fake_free,
						.cycles = fake_cycles,
						.frame_of = fake_frame,
						.relax = fake_relax };

static int create(struct fake *f, enum guest_abi abi)
{
	struct guest_config cfg = { .shared_info = f->shared, .nr_cpus = CPUS, .abi = abi };

	return guest_create(&f->g, &fake_ops, f, &cfg);
}

static int setup_bare(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->shared = aligned_alloc(4096, 4096);
	memset(f->shared, 0, 4096);
	f->vcpus = 2;
	f->allocs_left = UINT32_MAX;
	*state = f;
	return 0;
}

static int setup(void **state)
{
	setup_bare(state);
	return create(*state, GUEST_ABI_AUTO);
}

static int teardown(void **state)
{
	struct fake *f = *state;
	unsigned held;

	if (f->g)
		guest_destroy(f->g);
	held = f->held;
	free(f->shared);
	free(f);
	return held != 0;
}

static enum guest_irqreturn note(struct guest *g, unsigned irq, void *dev)
{
	struct fake *f = guest_ctx(g);
	size_t n = strlen(f->trail);

	(void)irq;
	f->trail[n] = *(const char *)dev;
	f->trail[n + 1] = 0;
	return GUEST_IRQ_HANDLED;
}

static unsigned bind_as(struct fake *f, evtchn_port_t port, guest_irq_handler handler,
			const char *name)
{
	int irq = guest_bind_evtchn_to_irqhandler(f->g, port, handler, 0, name, (void *)name);

	assert_true(irq > 0);
	return (unsigned)irq;
}

/* The hypervisor has queued these ports, the first n of them, on a queue that was empty. */
static void queue(struct fake *f, unsigned cpu, unsigned priority, const uint32_t *ports,
		  unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		event_word_t *w = word(f, ports[i]);

		*w = (*w & MASKED) | PENDING | LINKED | (i + 1 < n ? ports[i + 1] : 0);
	}
	f->block[cpu]->head[priority] = ports[0];
	f->block[cpu]->ready |= 1u << priority;
	f->shared->vcpu_info[cpu].evtchn_upcall_pending = 1;
}
#define QUEUE(f, cpu, priority, ...)                               \
	queue(f, cpu, priority, (const uint32_t[]){ __VA_ARGS__ }, \
	      ALEN(((const uint32_t[]){ __VA_ARGS__ })))

/* ---- setting up --------------------------------------------------------------------------- */

static void chosen(void **state)
{
	struct fake *f = *state;

	assert_rc(create(f, GUEST_ABI_AUTO), 0);
	assert_int_equal(guest_abi(f->g), GUEST_ABI_FIFO);
	/* every vCPU that there is, before any event can be lost for want of its block */
	assert_non_null(f->block[0]);
	assert_non_null(f->block[1]);
	assert_null(f->block[2]);
	assert_int_equal(f->pages, 0);
	guest_destroy(f->g);
	assert_int_equal(f->resets, 1); /* before the blocks were freed */

	assert_rc(create(f, GUEST_ABI_2L), 0);
	assert_int_equal(guest_abi(f->g), GUEST_ABI_2L);
	assert_null(f->block[0]);
	guest_destroy(f->g);
	assert_int_equal(f->resets, 1);

	f->no_fifo = true;
	f->g = NULL;
	assert_fails(create(f, GUEST_ABI_FIFO), ENOSYS);
	assert_null(f->g);
	assert_int_equal(f->held, 0);
	assert_fails(create(f, (enum guest_abi)77), EINVAL);
	assert_rc(create(f, GUEST_ABI_AUTO), 0);
	assert_int_equal(guest_abi(f->g), GUEST_ABI_2L);
}

/* Whatever allocation fails, nothing is kept. */
static void no_memory(void **state)
{
	struct fake *f = *state;
	unsigned n;

	for (n = 0;; n++) {
		f->allocs_left = n;
		if (!create(f, GUEST_ABI_FIFO))
			break;
		f->g = NULL;
		assert_int_equal(f->held, 0);
		assert_null(f->block[0]);
	}
	assert_true(n > 4);
	/* and a page of words that cannot be had is no bound port */
	for (n = 0;; n++) {
		f->allocs_left = n;
		if (guest_bind_evtchn_to_irq(f->g, 70000) > 0)
			break;
		assert_true(n < 100);
		assert_fails(guest_port_irq(f->g, 70000), ENOENT);
	}
	assert_int_equal(f->pages, 69);
	f->allocs_left = UINT32_MAX;
}

/* The hypervisor's part, 2-level. */
static void send_2l(struct fake *f, unsigned port)
{
	f->shared->evtchn_pending[port / 64] |= UINT64_C(1) << port % 64;
	if (f->shared->evtchn_mask[port / 64] >> port % 64 & 1)
		return;
	f->shared->vcpu_info[0].evtchn_pending_sel |= UINT64_C(1) << port / 64;
	f->shared->vcpu_info[0].evtchn_upcall_pending = 1;
}

/* no_memory, of the 2-level ABI. What is bound at last has its events, what was half bound none. */
static void no_memory_2l(void **state)
{
	static const unsigned ports[] = { 70, 5, 127, 128, 1000, 4095, 2047, 2048 };
	struct fake *f = *state;
	unsigned n, i, irq[ALEN(ports)];

	for (n = 0;; n++) {
		f->allocs_left = n;
		if (!create(f, GUEST_ABI_2L))
			break;
		f->g = NULL;
		assert_int_equal(f->held, 0);
	}
	for (i = 0; i < ALEN(ports); i++) {
		for (n = 0;; n++) {
			int rc;

			f->allocs_left = n;
			rc = guest_bind_evtchn_to_irq(f->g, ports[i]);
			if (rc > 0) {
				irq[i] = (unsigned)rc;
				break;
			}
			assert_true(n < 100);
			assert_fails(guest_port_irq(f->g, ports[i]), ENOENT);
			/* It comes, and somebody has unmasked it. */
			f->shared->evtchn_mask[ports[i] / 64] &= ~(UINT64_C(1) << ports[i] % 64);
			send_2l(f, ports[i]);
			guest_upcall(f->g);
			assert_true(f->shared->evtchn_mask[ports[i] / 64] >> ports[i] % 64 & 1);
			f->shared->evtchn_pending[ports[i] / 64] &= ~(UINT64_C(1) << ports[i] % 64);
		}
	}
	f->allocs_left = UINT32_MAX;
	for (i = 0; i < ALEN(ports); i++)
		assert_rc(guest_request_irq(f->g, irq[i], note, 0, "n", "abcdefgh" + i), 0);
	for (unsigned round = 1; round <= 3; round++) {
		for (i = 0; i < ALEN(ports); i++)
			send_2l(f, ports[i]);
		f->trail[0] = 0;
		guest_upcall(f->g);
		assert_int_equal(strlen(f->trail), ALEN(ports));
		for (i = 0; i < ALEN(ports); i++)
			assert_int_equal(guest_irq_count(f->g, irq[i]), round);
	}
}

/* FIFO before, 2-level after: the pages of lines that are there are found. */
static void fallback_finds_lines(void **state)
{
	struct fake *f = *state;
	int irq;

	assert_rc(create(f, GUEST_ABI_AUTO), 0);
	f->ipi_port = 200;
	irq = guest_bind_ipi_to_irqhandler(f->g, 0, 0, note, 0, "i", (void *)"i");
	assert_true(irq > 0);
	QUEUE(f, 0, 7, 200);
	guest_upcall(f->g);
	assert_string_equal(f->trail, "i");
	f->no_fifo = true;
	memset(f->block, 0, sizeof(f->block));
	f->pages = 0;
	memset(f->shared->evtchn_pending, 0, sizeof(f->shared->evtchn_pending));
	f->ipi_port = 199;
	assert_rc(guest_resume(f->g), 0);
	assert_int_equal(guest_abi(f->g), GUEST_ABI_2L);
	for (unsigned i = 0; i < 3; i++) {
		/* an unbound neighbour, unmasked by somebody, and the IRQ's */
		f->shared->evtchn_mask[3] &= ~(UINT64_C(1) << 200 % 64);
		send_2l(f, 200);
		f->shared->evtchn_mask[50] = 0;
		send_2l(f, 50 * 64 + 3);
		send_2l(f, 199);
		guest_upcall(f->g);
		f->shared->evtchn_pending[50] = 0;
		f->shared->evtchn_pending[3] = 0;
	}
	assert_string_equal(f->trail, "iiii");
	assert_int_equal(guest_irq_count(f->g, (unsigned)irq), 4);
}

/* A handler that frees and requests itself again, in each pass: memory is recycled. */
static enum guest_irqreturn replace_self(struct guest *g, unsigned irq, void *dev)
{
	note(g, irq, dev);
	((struct fake *)guest_ctx(g))->trail[0] = 0;
	assert_rc(guest_free_irq(g, irq, dev), 0);
	assert_rc(guest_request_irq(g, irq, replace_self, 0, "r", dev), 0);
	return GUEST_IRQ_HANDLED;
}

static void replaced_for_ever(void **state)
{
	struct fake *f = *state;
	unsigned held;

	bind_as(f, 5, replace_self, "r");
	for (unsigned i = 0; i < 100; i++) {
		QUEUE(f, 0, 7, 5);
		guest_upcall(f->g);
		if (i == 10)
			held = f->held;
		if (i > 10)
			assert_int_equal(f->held, held);
	}
}

/* Pages that are not aligned as the embedder has promised. */
static void bad_pages(void **state)
{
	struct fake *f = *state;
	unsigned held;

	assert_rc(create(f, GUEST_ABI_2L), 0);
	held = f->held;
	f->skew = 64;
	assert_fails(guest_bind_evtchn_to_irq(f->g, 5), EINVAL);
	f->skew = 0;
	/* but for the descriptor, which is kept */
	assert_in_range(f->held, held, held + 1);
	assert_true(guest_bind_evtchn_to_irq(f->g, 5) > 0);
}

static void words_begin_masked(void **state)
{
	struct fake *f = *state;

	bind_as(f, 1, note, "a");
	assert_int_equal(f->pages, 1);
	bind_as(f, 1023, note, "a");
	assert_int_equal(f->pages, 1);
	bind_as(f, 1024, note, "a");
	assert_int_equal(f->pages, 2);
	bind_as(f, 131071, note, "a");
	assert_int_equal(f->pages, 128);
	assert_int_equal(f->unmasked_words, 0);
	assert_int_equal(*word(f, 131071), 0); /* its handler is there */
	assert_int_equal(*word(f, 131070), MASKED);
	assert_fails(guest_bind_evtchn_to_irq(f->g, 131072), EINVAL);
}

/* ---- unmasking ---------------------------------------------------------------------------- */

static void unmask_without_a_hypercall(void **state)
{
	struct fake *f = *state;
	unsigned irq = bind_as(f, 5, note, "a");

	assert_rc(guest_disable_irq(f->g, irq), 0);
	assert_int_equal(*word(f, 5), MASKED);
	assert_rc(guest_enable_irq(f->g, irq), 0);
	assert_int_equal(*word(f, 5), 0);
	assert_int_equal(f->unmasks, 0);
	/* on a queue but taken by nobody: its bits stay */
	assert_rc(guest_disable_irq(f->g, irq), 0);
	*word(f, 5) |= LINKED | 7;
	assert_rc(guest_enable_irq(f->g, irq), 0);
	assert_int_equal(*word(f, 5), LINKED | 7);
	assert_int_equal(f->unmasks, 0);
}

static void unmask_of_a_pending_one(void **state)
{
	struct fake *f = *state;
	unsigned irq = bind_as(f, 5, note, "a");

	assert_rc(guest_disable_irq(f->g, irq), 0);
	*word(f, 5) |= PENDING;
	assert_rc(guest_enable_irq(f->g, irq), 0);
	assert_int_equal(f->unmasks, 1); /* only the hypervisor can queue it */
	assert_int_equal(f->last_unmask, 5);
	assert_true(*word(f, 5) & PENDING);
}

static void unmask_waits_for_busy(void **state)
{
	struct fake *f = *state;
	unsigned irq = bind_as(f, 5, note, "a");

	assert_rc(guest_disable_irq(f->g, irq), 0);
	*word(f, 5) |= LINKED | BUSY;
	f->busy = word(f, 5);
	f->busy_for = 3;
	assert_rc(guest_enable_irq(f->g, irq), 0);
	assert_null(f->busy); /* it has waited until that was over */
	assert_int_equal(f->seen_while_busy, MASKED | LINKED | BUSY);
	assert_int_equal(*word(f, 5), LINKED);
	assert_int_equal(f->unmasks, 0);
	/* masking need not wait */
	*word(f, 5) |= BUSY;
	assert_rc(guest_disable_irq(f->g, irq), 0);
	assert_int_equal(*word(f, 5), MASKED | LINKED | BUSY);
}

/* ---- the queues --------------------------------------------------------------------------- */

static void in_order(void **state)
{
	struct fake *f = *state;

	bind_as(f, 4, note, "a");
	bind_as(f, 3000, note, "b");
	bind_as(f, 9, note, "c");
	bind_as(f, 10, note, "x");
	QUEUE(f, 0, 7, 3000, 4, 9);
	QUEUE(f, 0, 3, 10);
	guest_upcall(f->g);
	assert_string_equal(f->trail, "xbac");
	assert_int_equal(f->block[0]->ready, 0);
	assert_int_equal(f->shared->vcpu_info[0].evtchn_upcall_pending, 0);
	assert_int_equal(*word(f, 3000), 0); /* not linked, no link, not pending */
	assert_int_equal(*word(f, 4), 0);
	assert_int_equal(*word(f, 9), 0);
}

/* The words at the moment at which the first of a queue is handled. */
static event_word_t first_seen, second_seen;

static enum guest_irqreturn look_at_words(struct guest *g, unsigned irq, void *dev)
{
	struct fake *f = guest_ctx(g);

	first_seen = *word(f, 4);
	second_seen = *word(f, 9);
	return note(g, irq, dev);
}

static void taken_off_before_it_is_handled(void **state)
{
	struct fake *f = *state;

	bind_as(f, 4, look_at_words, "a");
	bind_as(f, 9, note, "b");
	QUEUE(f, 0, 7, 4, 9);
	guest_upcall(f->g);
	assert_string_equal(f->trail, "ab");
	assert_int_equal(first_seen & ~MASKED, 0);
	assert_int_equal(second_seen, PENDING | LINKED);
}

static enum guest_irqreturn higher_comes(struct guest *g, unsigned irq, void *dev)
{
	QUEUE((struct fake *)guest_ctx(g), 0, 2, 20, 21);
	return note(g, irq, dev);
}

static void a_higher_one_arrives_meanwhile(void **state)
{
	struct fake *f = *state;

	bind_as(f, 4, higher_comes, "a");
	bind_as(f, 9, note, "b");
	bind_as(f, 20, note, "x");
	bind_as(f, 21, note, "y");
	QUEUE(f, 0, 7, 4, 9);
	guest_upcall(f->g);
	assert_string_equal(f->trail, "axyb");
}

static enum guest_irqreturn appended(struct guest *g, unsigned irq, void *dev)
{
	struct fake *f = guest_ctx(g);

	/* behind the last one, which is on the queue still */
	*word(f, 30) |= PENDING | LINKED;
	*word(f, 9) |= 30;
	return note(g, irq, dev);
}

static enum guest_irqreturn anew(struct guest *g, unsigned irq, void *dev)
{
	/* the last one was taken off: the hypervisor begins a new queue */
	QUEUE((struct fake *)guest_ctx(g), 0, 7, 9);
	return note(g, irq, dev);
}

static void the_queue_grows_meanwhile(void **state)
{
	struct fake *f = *state;

	bind_as(f, 4, appended, "a");
	bind_as(f, 9, note, "b");
	bind_as(f, 30, anew, "c");
	QUEUE(f, 0, 7, 4, 9);
	guest_upcall(f->g);
	assert_string_equal(f->trail, "abcb");
}

static enum guest_irqreturn disable_next(struct guest *g, unsigned irq, void *dev)
{
	assert_rc(guest_disable_irq_nosync(g, (unsigned)guest_port_irq(g, 9)), 0);
	return note(g, irq, dev);
}

static void masked_while_queued(void **state)
{
	struct fake *f = *state;

	bind_as(f, 4, disable_next, "a");
	bind_as(f, 9, note, "b");
	bind_as(f, 12, note, "c");
	QUEUE(f, 0, 7, 4, 9, 12);
	guest_upcall(f->g);
	assert_string_equal(f->trail, "ac");
	assert_int_equal(*word(f, 9), PENDING | MASKED); /* off the queue, and kept */
	assert_rc(guest_enable_irq(f->g, (unsigned)guest_port_irq(f->g, 9)), 0);
	assert_int_equal(f->unmasks, 1);
	assert_int_equal(f->last_unmask, 9);
	/* whoever masked it, its IRQ is enabled */
	QUEUE(f, 0, 7, 4, 12);
	*word(f, 4) |= MASKED;
	guest_upcall(f->g);
	assert_string_equal(f->trail, "acc");
	assert_int_equal(*word(f, 4), PENDING | MASKED);
}

/*
 * An event that was under way when its port was closed and became another CPU's own: sent there,
 * not handled here. The other way round, what may be any CPU's is handled where it is found.
 */
static void another_cpus_own(void **state)
{
	struct fake *f = *state;

	assert_true(guest_bind_ipi_to_irqhandler(f->g, 0, 1, note, 0, "i", (void *)"i") > 0);
	bind_as(f, 4, note, "a");
	QUEUE(f, 0, 7, 41, 4);
	guest_upcall(f->g);
	assert_string_equal(f->trail, "a");
	assert_int_equal(f->unmasks, 1);
	assert_int_equal(f->last_unmask, 41);
	f->cpu = 1;
	QUEUE(f, 1, 7, 4, 41);
	guest_upcall(f->g);
	assert_string_equal(f->trail, "aai");
	f->cpu = 0;
}

/* A hypervisor gone mad: no memory is touched that is not the words', and the upcall ends. */
static void nonsense(void **state)
{
	struct fake *f = *state;

	bind_as(f, 4, note, "a");
	f->block[0]->ready = ~0u; /* nothing is there, and there are only 16 queues */
	guest_upcall(f->g);
	f->block[0]->head[7] = 131072; /* not a port */
	f->block[0]->head[6] = 90000;  /* nobody's page */
	f->block[0]->head[5] = 4;      /* a port that is not queued */
	f->block[0]->ready = 7u << 5;
	guest_upcall(f->g);
	assert_string_equal(f->trail, "");
	/* a port near one that is bound, but not on a page of lines with it */
	*word(f, 500) = PENDING;
	f->block[0]->head[3] = 500;
	f->block[0]->ready = 1u << 3;
	guest_upcall(f->g);
	assert_int_equal(*word(f, 500), PENDING | MASKED);
	assert_string_equal(f->trail, "");
	/* a port that is not LINKED leads nowhere */
	bind_as(f, 9, note, "b");
	*word(f, 9) = PENDING | LINKED;
	*word(f, 4) = PENDING | 9;
	f->block[0]->head[5] = 4;
	f->block[0]->ready = 1u << 5;
	guest_upcall(f->g);
	assert_string_equal(f->trail, "a");
}

static enum guest_irqreturn nothing(struct guest *g, unsigned irq, void *dev)
{
	(void)g, (void)irq, (void)dev;
	return GUEST_IRQ_HANDLED;
}

/* More than are handled before others are fetched ahead, which lead to where nothing is. */
static void nonsense_ahead(void **state)
{
	struct fake *f = *state;

	for (unsigned i = 1; i < 300; i++)
		bind_as(f, i, nothing, "n");
	f->block[0]->head[5] = 1;
	for (uint32_t nowhere = 300; nowhere < 131072; nowhere += 997) {
		for (unsigned i = 1; i < 300; i++)
			*word(f, i) = PENDING | LINKED | (i < 299 ? i + 1 : nowhere);
		f->block[0]->ready = 1u << 5;
		guest_upcall(f->g);
		assert_int_equal(*word(f, 299), 0);
	}
}

static void expect_no_port(struct fake *f, evtchn_port_t port)
{
	f->ipi_port = port;
	assert_fails(guest_bind_ipi_to_irq(f->g, 0, 0), ENOSPC);
	assert_fails(guest_port_irq(f->g, port), ENOENT);
	f->ipi_port = 0;
	assert_int_equal(guest_port_state(f->g, port), 0);
}

/* Ports that the ABI does not have are nobody's, whoever names them. */
static void out_of_range(void **state)
{
	struct fake *f = *state;

	assert_rc(create(f, GUEST_ABI_2L), 0);
	expect_no_port(f, 4096);
	expect_no_port(f, UINT32_MAX);
	guest_destroy(f->g);

	assert_rc(create(f, GUEST_ABI_AUTO), 0);
	expect_no_port(f, 131072);
	expect_no_port(f, UINT32_MAX);
	/* there were more before */
	f->no_fifo = true;
	reset(f);
	assert_rc(guest_resume(f->g), 0);
	assert_int_equal(guest_abi(f->g), GUEST_ABI_2L);
	expect_no_port(f, 4096);
}

/* ---- resume ------------------------------------------------------------------------------- */

static void fifo_is_gone_after_resume(void **state)
{
	struct fake *f = *state;
	unsigned irq = bind_as(f, 4, note, "a");

	reset(f);
	f->no_fifo = true;
	assert_rc(guest_resume(f->g), 1);
	assert_int_equal(guest_abi(f->g), GUEST_ABI_2L);
	assert_int_equal(guest_irq_port(f->g, irq), 0);
	assert_rc(guest_unbind_from_irqhandler(f->g, irq, (void *)"a"), 0);
	bind_as(f, 4, note, "a");
	assert_int_equal(guest_port_state(f->g, 4), 0);
	assert_int_equal(guest_port_state(f->g, 5), GUEST_PORT_MASKED);
}

static void words_are_masked_again_after_resume(void **state)
{
	struct fake *f = *state;

	bind_as(f, 2000, note, "a");
	*word(f, 2001) = PENDING | LINKED | 7;
	f->block[0]->ready = 1;
	reset(f);
	assert_rc(guest_resume(f->g), 1);
	assert_non_null(f->block[1]);
	assert_int_equal(f->block[0]->ready, 0);
	bind_as(f, 2000, note, "b");
	assert_int_equal(f->pages, 2);
	assert_int_equal(f->unmasked_words, 0);
}

#define words_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chosen, setup_bare, teardown),
		cmocka_unit_test_setup_teardown(no_memory, setup_bare, teardown),
		cmocka_unit_test_setup_teardown(no_memory_2l, setup_bare, teardown),
		cmocka_unit_test_setup_teardown(bad_pages, setup_bare, teardown),
		cmocka_unit_test_setup_teardown(fallback_finds_lines, setup_bare, teardown),
		cmocka_unit_test_setup_teardown(replaced_for_ever, setup, teardown),
		words_test(words_begin_masked),
		words_test(unmask_without_a_hypercall),
		words_test(unmask_of_a_pending_one),
		words_test(unmask_waits_for_busy),
		words_test(in_order),
		words_test(taken_off_before_it_is_handled),
		words_test(a_higher_one_arrives_meanwhile),
		words_test(the_queue_grows_meanwhile),
		words_test(masked_while_queued),
		words_test(another_cpus_own),
		words_test(nonsense),
		words_test(nonsense_ahead),
		cmocka_unit_test_setup_teardown(out_of_range, setup_bare, teardown),
		words_test(fifo_is_gone_after_resume),
		words_test(words_are_masked_again_after_resume),
	};

	return cmocka_run_group_tests_name("guest_words", tests, NULL, NULL);
}
