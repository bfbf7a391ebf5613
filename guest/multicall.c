/* SPDX-License-Identifier: MIT */
/*
 * Batches of hypercalls, one per CPU: filled in sections with events disabled, so it is only ever
 * one piece of code's. What is put into them is not known here.
 */
#include "multicall.h"

#define NO_CALL UINT32_MAX
/* No hypercall's answer: it has not been made. */
#define NO_RESULT ((xen_ulong_t)INT64_MIN)

_Static_assert(sizeof(struct batch) <= 4096, "a page for each CPU");

int batch_init(struct guest *g, struct guest_cpu *cpu)
{
	if (!cpu->batch)
		cpu->batch = guest_alloc(g, sizeof(*cpu->batch));
	return cpu->batch ? 0 : -XEN_ENOMEM;
}

void batch_fini(struct guest *g, struct guest_cpu *cpu)
{
	guest_free(g, cpu->batch, sizeof(*cpu->batch));
	cpu->batch = NULL;
}

static void multicall(struct guest *g, struct batch *b)
{
	unsigned i;
	long rc;

	for (i = 0; i < b->nr_calls; i++)
		b->call[i].result = NO_RESULT;
	rc = hypercall(g, __HYPERVISOR_multicall, hypercall_arg(b->call), b->nr_calls, 0);
	/* It stops where it fails itself, and what comes after that was not made. */
	for (i = 0; i < b->nr_calls; i++)
		if (b->call[i].result == NO_RESULT)
			b->call[i].result = (xen_ulong_t)(rc < 0 ? rc : -XEN_EFAULT);
}

static void make_calls(struct guest *g, struct batch *b)
{
	struct multicall_entry *e = b->call;

	if (b->nr_calls == 1)
		e->result = (xen_ulong_t)g->ops->hypercall(g->ctx, (unsigned)e->op, e->args[0],
							   e->args[1], e->args[2], e->args[3],
							   e->args[4]);
	else
		multicall(g, b);
	store_relaxed(&b->counters.calls, b->counters.calls + b->nr_calls);
	count_one(&b->counters.traps);
}

static void tell(struct guest *g, struct batch *b, const struct batch_note *note)
{
	long result = note->call == NO_CALL ? 0 : (long)b->call[note->call].result;

	if (note->done)
		result = note->done(g, result, note->arg);
	if (result >= 0)
		return;
	count_one(&b->counters.failed);
	if (!b->error)
		b->error = result;
}

/* What fails is kept for who asks. */
static void flush(struct guest *g, struct batch *b)
{
	unsigned i;

	if (!b->nr_notes || b->flushing)
		return;
	b->flushing = true;
	count_one(&b->counters.flushes);
	if (b->nr_calls)
		make_calls(g, b);
	for (i = 0; i < b->nr_notes; i++)
		tell(g, b, &b->note[i]);
	b->nr_calls = 0;
	b->nr_notes = 0;
	b->bytes = 0;
	b->flushing = false;
}

void batch_flush(struct guest *g)
{
	flush(g, this_cpu(g)->batch);
}

static long take_error(struct batch *b)
{
	long error = b->error;

	b->error = 0;
	return error;
}

guest_flags_t guest_batch_begin(struct guest *g)
{
	guest_flags_t flags = guest_local_irq_save(g);

	this_cpu(g)->batch->depth++;
	return flags;
}

long guest_batch_end(struct guest *g, guest_flags_t flags)
{
	struct batch *b = this_cpu(g)->batch;
	long error = 0;

	/* Before the depth says that it is over: a `done` may have sections too. */
	if (b->depth == 1) {
		flush(g, b);
		error = take_error(b);
	}
	b->depth--;
	guest_local_irq_restore(g, flags);
	return error;
}

long guest_batch_flush(struct guest *g)
{
	guest_flags_t flags = guest_local_irq_save(g);
	struct batch *b = this_cpu(g)->batch;
	long error = 0;

	if (!b->flushing) {
		flush(g, b);
		error = take_error(b);
	}
	guest_local_irq_restore(g, flags);
	return error;
}

static struct batch_note *add_note(struct batch *b, guest_batch_done done, void *arg)
{
	struct batch_note *note = &b->note[b->nr_notes++];

	*note = (struct batch_note){ .done = done, .arg = arg, .call = NO_CALL };
	return note;
}

static void make_room(struct guest *g, struct batch *b, unsigned calls, size_t bytes)
{
	if (b->nr_notes < BATCH_NOTES && b->nr_calls + calls <= GUEST_BATCH_CALLS &&
	    b->bytes + bytes <= GUEST_BATCH_BYTES)
		return;
	count_one(&b->counters.full);
	flush(g, b);
}

struct multicall_entry *guest_batch_add(struct guest *g, size_t size, void **args,
					guest_batch_done done, void *arg)
{
	struct batch *b = this_cpu(g)->batch;
	struct multicall_entry *call;

	if (!b->depth || b->flushing || size > GUEST_BATCH_BYTES)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	make_room(g, b, 1, size);
	add_note(b, done, arg)->call = b->nr_calls;
	call = &b->call[b->nr_calls++];
	*call = (struct multicall_entry){ 0 };
	if (size) {
		*args = (uint8_t *)b->args + b->bytes;
		__builtin_memset(*args, 0, size);
		b->bytes += size;
	}
	return call;
}

int guest_batch_after(struct guest *g, guest_batch_done done, void *arg)
{
	struct batch *b = this_cpu(g)->batch;

	if (!b->depth || b->flushing || !done)
		return -XEN_EINVAL;
	make_room(g, b, 0, 0);
	add_note(b, done, arg);
	return 0;
}

void guest_batch_counters(const struct guest *g, struct guest_batch_counters *out)
{
	unsigned cpu;

	*out = (struct guest_batch_counters){ 0 };
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		/* Pairs with guest_cpu_init, which makes it ready. */
		const struct batch *b =
			load_acquire(&g->cpus[cpu].ready) ? g->cpus[cpu].batch : NULL;

		if (!b)
			continue;
		out->calls += load_relaxed(&b->counters.calls);
		out->traps += load_relaxed(&b->counters.traps);
		out->flushes += load_relaxed(&b->counters.flushes);
		out->full += load_relaxed(&b->counters.full);
		out->failed += load_relaxed(&b->counters.failed);
	}
}
