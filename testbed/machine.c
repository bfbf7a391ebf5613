/* SPDX-License-Identifier: MIT */
/*
 * The machine and its domains: life and death, the hypervisor's allocations, console, shutdown.
 * Running vCPUs is run.c, time is clock.c, guest memory is memory.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "private.h"

_Noreturn void testbed_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("testbed: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

/*
 * A block is preceded by its size, so that a free with another size is noticed: real embedders need
 * it right.
 */
void *testbed_block_alloc(struct testbed *tb, size_t size)
{
	size_t align = size && size % PAGE == 0 ? PAGE : 64;
	size_t room = (size + 2 * align - 1) / align * align;
	uint8_t *block = aligned_alloc(align, room);

	if (!block)
		testbed_die("out of memory");
	memset(block, 0, room);
	memcpy(block, &size, sizeof(size));
	atomic_fetch_add(&tb->blocks, 1);
	atomic_fetch_add(&tb->bytes, size);
	return block + align;
}

void testbed_block_free(struct testbed *tb, void *p, size_t size)
{
	size_t align = size && size % PAGE == 0 ? PAGE : 64;
	size_t was;

	if (!p)
		return;
	memcpy(&was, (uint8_t *)p - align, sizeof(was));
	if (was != size)
		testbed_die("a block of %zu bytes is freed as one of %zu", was, size);
	atomic_fetch_sub(&tb->blocks, 1);
	atomic_fetch_sub(&tb->bytes, size);
	free((uint8_t *)p - align);
}

static void *hv_alloc(void *ctx, size_t size)
{
	struct testbed *tb = ctx;

	if (atomic_load(&tb->fail_in) != UINT64_MAX && atomic_fetch_sub(&tb->fail_in, 1) == 0)
		return NULL; /* the counter has wrapped to "none" */
	return testbed_block_alloc(tb, size);
}

static void hv_free(void *ctx, void *p, size_t size)
{
	testbed_block_free(ctx, p, size);
}

static struct testbed_domain *domain_of(struct hv_domain *hv)
{
	return hv_domain_user(hv);
}

static void console_write(struct hv_domain *hv, const char *text, size_t n)
{
	struct testbed_domain *d = domain_of(hv);

	d->console = realloc(d->console, d->console_len + n + 1);
	if (!d->console)
		testbed_die("out of memory");
	memcpy(d->console + d->console_len, text, n);
	d->console_len += n;
	d->console[d->console_len] = 0;
}

static size_t console_read(struct hv_domain *hv, char *text, size_t n)
{
	struct testbed_domain *d = domain_of(hv);
	size_t have = d->input ? strlen(d->input) : 0;

	if (have > n)
		have = n;
	if (have) {
		memcpy(text, d->input, have);
		d->input += have;
	}
	return have;
}

static void shut_down(struct hv_domain *hv, unsigned reason)
{
	struct testbed_domain *d = domain_of(hv);

	(void)reason;
	atomic_fetch_add(&d->shutdowns, 1);
}

/* No table of a domain's maps anything. */
static int map_nothing(struct hv_domain *hv, struct hv_vcpu *v, uint64_t va, uint64_t mfn,
		       uint64_t pages, unsigned prot)
{
	(void)hv;
	(void)v;
	(void)va;
	(void)mfn;
	(void)pages;
	(void)prot;
	return -XEN_EINVAL;
}

#define COMMON_OPS                                                                          \
	.alloc = hv_alloc, .free = hv_free, .now = testbed_clock_now, .kick = testbed_kick, \
	.set_timer = testbed_set_timer, .set_line_timer = testbed_set_line_timer,           \
	.irq_may_deliver = testbed_may_deliver, .copy_from_guest = testbed_copy_from,       \
	.copy_to_guest = testbed_copy_to, .console_write = console_write,                   \
	.console_read = console_read, .shutdown = shut_down, .preempt = testbed_preempt,    \
	.pv_map = map_nothing

static const struct hv_ops virtual_ops = { COMMON_OPS, .relax = testbed_relax };
static const struct hv_ops threads_ops = { COMMON_OPS, .relax = testbed_relax_threads };

static int ask_policy(const struct hv_request *r)
{
	struct testbed *tb = hv_ctx(hv_domain_hv(hv_vcpu_domain(r->caller)));

	return tb->policy(r, tb->policy_arg);
}

void testbed_set_policy(struct testbed *tb, int (*fn)(const struct hv_request *r, void *arg),
			void *arg)
{
	tb->policy = fn;
	tb->policy_arg = arg;
	tb->ops.policy = fn ? ask_policy : NULL;
}

static void kick_and_resume(struct hv_vcpu *hv)
{
	testbed_kick(hv);
	hv_vcpu_resumed(hv);
}

void testbed_kick_resumes(struct testbed *tb)
{
	tb->ops.kick = kick_and_resume;
}

struct testbed *testbed_create(enum testbed_time time)
{
	struct testbed *tb = calloc(1, sizeof(*tb));

	if (!tb)
		testbed_die("out of memory");
	tb->time = time;
	tb->next_mfn = 0x100000;
	atomic_init(&tb->fail_in, UINT64_MAX);
	atomic_init(&tb->line_deadline, HV_NEVER);
	pthread_mutex_init(&tb->domains_lock, NULL);
	testbed_clock_start(tb);
	tb->ops = time == TESTBED_VIRTUAL ? virtual_ops : threads_ops;
	if (hv_create(&tb->hv, &tb->ops, tb)) {
		testbed_clock_stop(tb);
		free(tb);
		return NULL;
	}
	hv_set_clock(tb->hv, TESTBED_CYCLES0, 0, 0x80000000u, 0); /* 2 cycles are 1 ns */
	hv_set_clock_stable(tb->hv, true);
	hv_set_wallclock(tb->hv, 1700000000, 5);
	return tb;
}

unsigned testbed_destroy(struct testbed *tb)
{
	struct testbed_line *l;
	unsigned leaked;

	while (tb->domains)
		testbed_domain_destroy(tb->domains);
	testbed_clock_stop(tb);
	hv_destroy(tb->hv);
	while ((l = tb->lines)) {
		tb->lines = l->next;
		free(l);
	}
	leaked = atomic_load(&tb->blocks);
	pthread_mutex_destroy(&tb->domains_lock);
	free(tb);
	return leaked;
}

struct hv *testbed_hv(const struct testbed *tb)
{
	return tb->hv;
}

void testbed_fail_alloc(struct testbed *tb, uint64_t n)
{
	atomic_store(&tb->fail_in, n);
}

uint64_t testbed_allocs_left(const struct testbed *tb)
{
	return atomic_load(&tb->fail_in);
}

unsigned testbed_blocks(const struct testbed *tb)
{
	return atomic_load(&tb->blocks);
}

size_t testbed_bytes(const struct testbed *tb)
{
	return atomic_load(&tb->bytes);
}

static void vcpus_create(struct testbed_domain *d)
{
	d->vcpus = calloc(d->nr_vcpus, sizeof(*d->vcpus));
	if (!d->vcpus)
		testbed_die("out of memory");
	for (unsigned i = 0; i < d->nr_vcpus; i++) {
		struct testbed_vcpu *v = &d->vcpus[i];

		v->d = d;
		v->id = i;
		v->args = arena_alloc(d, SLOTS * SLOT_PAGES);
		atomic_init(&v->deadline, HV_NEVER);
	}
}

static int hv_side_create(struct testbed_domain *d, const struct testbed_domain_config *cfg)
{
	struct hv_domain_config hcfg = {
		.domid = cfg->id,
		.max_vcpus = d->nr_vcpus,
		.nr_pirqs = cfg->nr_pirqs,
		.max_evtchn_port = cfg->max_evtchn_port,
		.privileged = cfg->privileged,
		.periodic_tick = cfg->periodic_tick,
		.compat32 = cfg->compat32,
		.shared_info = d->shared_info,
		.user = d,
	};
	int rc = hv_domain_create(d->tb->hv, &hcfg, &d->hv);

	if (rc)
		return rc;
	for (unsigned i = 0; i < d->nr_vcpus; i++) {
		d->vcpus[i].hv = hv_domain_vcpu(d->hv, i);
		hv_vcpu_set_user(d->vcpus[i].hv, &d->vcpus[i]);
	}
	rc = hv_domain_add_memory(d->hv, &(struct hv_memory){ .mfn = d->ram.mfn,
							      .pages = d->ram.pages,
							      .host = d->ram.base,
							      .kind = HV_MEMORY_RAM });
	if (!rc && cfg->page_tables) {
		d->root = arena_alloc(d, 1);
		rc = hv_pv_adopt(d->hv, testbed_frame(d, d->root));
	}
	if (rc) {
		hv_domain_destroy(d->hv);
		d->hv = NULL;
	}
	return rc;
}

static void domain_free(struct testbed_domain *d)
{
	free(d->vcpus);
	free(d->console);
	pthread_mutex_destroy(&d->lines_lock);
	arena_destroy(d);
	free(d);
}

struct testbed_domain *testbed_domain_create(struct testbed *tb,
					     const struct testbed_domain_config *cfg, int *error)
{
	struct testbed_domain *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		testbed_die("out of memory");
	d->tb = tb;
	d->nr_vcpus = cfg->vcpus ? cfg->vcpus : 1;
	d->guest_wanted = cfg->guest;
	d->compat32 = cfg->compat32;
	if (d->compat32 && d->guest_wanted)
		testbed_die("the guest half is a 64-bit one: a 32-bit domain has none");
	pthread_mutex_init(&d->lines_lock, NULL);
	/* and shared_info, a root, and the vCPUs' arguments */
	arena_create(d, (cfg->pages ? cfg->pages : 64) + 1 + cfg->page_tables +
				d->nr_vcpus * SLOTS * SLOT_PAGES);
	d->shared_info = arena_alloc(d, 1);
	vcpus_create(d);
	rc = hv_side_create(d, cfg);
	if (error)
		*error = rc;
	if (rc) {
		domain_free(d);
		return NULL;
	}
	pthread_mutex_lock(&tb->domains_lock);
	d->next = tb->domains;
	tb->domains = d;
	pthread_mutex_unlock(&tb->domains_lock);
	if (!cfg->absent)
		rc = testbed_vcpu_boot(&d->vcpus[0]);
	if (!rc && cfg->guest)
		rc = testbed_guest_create(d, cfg);
	if (error)
		*error = rc;
	if (rc) {
		testbed_domain_destroy(d);
		return NULL;
	}
	return d;
}

void testbed_domain_destroy(struct testbed_domain *d)
{
	struct testbed *tb = d->tb;
	struct testbed_domain **link;

	testbed_threads_stop(d);
	/* Once the lock is ours, the timer thread has left the domain and will not find it again.
	 */
	pthread_mutex_lock(&tb->domains_lock);
	for (link = &tb->domains; *link != d; link = &(*link)->next)
		;
	*link = d->next;
	pthread_mutex_unlock(&tb->domains_lock);
	if (d->guest)
		guest_destroy(d->guest);
	hv_domain_destroy(d->hv);
	if (testbed_current && testbed_current->d == d)
		testbed_current = NULL;
	domain_free(d);
}

struct hv_domain *testbed_hv_domain(const struct testbed_domain *d)
{
	return d->hv;
}

struct testbed *testbed_domain_machine(const struct testbed_domain *d)
{
	return d->tb;
}

struct guest *testbed_guest(const struct testbed_domain *d)
{
	return d->guest;
}

struct shared_info *testbed_shared_info(const struct testbed_domain *d)
{
	return d->compat32 ? NULL : d->shared_info;
}

struct compat_shared_info *testbed_shared_info32(const struct testbed_domain *d)
{
	return d->compat32 ? (struct compat_shared_info *)(void *)d->shared_info : NULL;
}

unsigned testbed_shutdowns(const struct testbed_domain *d)
{
	return atomic_load(&d->shutdowns);
}

const char *testbed_console(const struct testbed_domain *d)
{
	return d->console ? d->console : "";
}

void testbed_console_input(struct testbed_domain *d, const char *text)
{
	d->input = text;
}
