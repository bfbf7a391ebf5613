/* SPDX-License-Identifier: MIT */
/*
 * Both halves for as long as one likes: 64 domains of two vCPUs, each a thread, and 20,000 channels
 * between them that open, carry events, move between CPUs, change their priority and close at
 * random, while second CPUs go and come back and whole domains die and are made anew. Every other
 * domain has the FIFO ABI.
 *
 * A channel's life is a small state machine that its two ends drive in turns (struct channel). When
 * it is closed, what the sender counted, what the hypervisor counted, and what the handler saw must
 * agree to the last event: sends = handled + coalesced. What was sent to a domain that died is
 * counted apart. At the end all are closed, and nothing may be kept.
 *
 * usage: soak [--seconds N] [--seed N] [--domains N] [--channels N]
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xen/errno.h>
#include <xen/vcpu.h>

#include "ops.h"
#include "testbed.h"

#define CPUS	  2u
#define MAX_DOMS  128u
#define PAGES	  512u
#define PATIENCE  120u /* seconds that all may take to be closed: then something hangs */
#define LOCK_MAIN UINT32_MAX

/* a sends, b receives. In brackets whose step is next. */
enum channel_state {
	CLOSED,	  /* [b] makes a port and binds it */
	OFFERED,  /* [a] binds to it */
	OPEN,	  /* [a] sends; either moves; a begins to close */
	CLOSING,  /* [b] waits for the last event, compares, unbinds */
	HALF,	  /* [a] unbinds */
	ORPHAN_A, /* b has died: [a] unbinds */
	ORPHAN_B, /* a has died: [b] compares, unbinds */
};

struct channel {
	_Atomic uint32_t lock;		  /* who drives it: domain + 1; 0 nobody */
	unsigned a, b;			  /* domains */
	_Atomic enum channel_state state; /* written with the lock held */
	int irq_a, irq_b;
	evtchn_port_t port_b;
	_Atomic uint64_t sent, seen, handled;
};

struct list {
	uint32_t *channel; /* numbers */
	unsigned nr;
};

struct dom {
	struct testbed_domain *d;
	unsigned index;
	struct list list;
	atomic_bool dying;
	/* Only vCPU 0's thread */
	bool second_up;
	atomic_bool second_leaves;
	uint32_t seed[CPUS];
};

static struct soak {
	struct testbed *tb;
	unsigned nr_doms, nr_channels, seconds;
	uint32_t seed;
	struct dom dom[MAX_DOMS];
	struct channel *channel;
	atomic_bool drain, stop;

	_Atomic uint64_t lives, sends, handled, merged, to_the_dead, moves, priorities, cycles;
	_Atomic uint64_t deaths;
	_Atomic uint64_t wrong_counts, refused;
} soak;

static uint32_t rnd(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void complain(_Atomic uint64_t *counter, const char *what, long a, long b)
{
	if (atomic_fetch_add(counter, 1) < 10)
		fprintf(stderr, "soak: seed %u: %s: %ld, %ld\n", soak.seed, what, a, b);
}

/* ---- handlers ------------------------------------------------------------------------------ */

static enum guest_irqreturn received(struct guest *g, unsigned irq, void *dev)
{
	struct channel *c = dev;

	(void)g;
	(void)irq;
	atomic_fetch_add(&c->handled, 1);
	atomic_store(&c->seen, atomic_load(&c->sent));
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn nothing(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	return GUEST_IRQ_HANDLED;
}

/* ---- a channel's steps, its lock held ------------------------------------------------------- */

static void offer(struct channel *c, struct guest *g)
{
	int port = guest_alloc_unbound(g, (domid_t)(c->a + 1));

	if (port <= 0) {
		complain(&soak.refused, "no port", port, c->b);
		return;
	}
	atomic_store(&c->sent, 0);
	atomic_store(&c->seen, 0);
	atomic_store(&c->handled, 0);
	c->port_b = (evtchn_port_t)port;
	c->irq_b = guest_bind_evtchn_to_irqhandler(g, c->port_b, received, 0, "rx", c);
	if (c->irq_b <= 0)
		complain(&soak.refused, "no receiver", c->irq_b, port);
	else
		c->state = OFFERED;
}

static void connect(struct channel *c, struct guest *g)
{
	c->irq_a = guest_bind_interdomain_to_irqhandler(g, (domid_t)(c->b + 1), c->port_b, nothing,
							0, "tx", c);
	if (c->irq_a > 0)
		c->state = OPEN;
	else if (!atomic_load(&soak.dom[c->b].dying)) /* else it may be gone, and ours to orphan */
		complain(&soak.refused, "no sender", c->irq_a, (long)c->port_b);
}

static void send(struct channel *c, struct guest *g, uint32_t r)
{
	for (unsigned n = r & 3; n <= 3; n++) {
		atomic_fetch_add(&c->sent, 1);
		if (guest_notify_irq(g, (unsigned)c->irq_a))
			complain(&soak.refused, "cannot send", c->irq_a, 0);
	}
	if ((r >> 8 & 63) == 0)
		c->state = CLOSING;
}

/* What has become of the channel's events: info.merged by both halves. Its IRQ is disabled. */
static void count(struct channel *c, struct dom *d, struct guest *g, struct hv_port_info *info,
		  uint64_t *handled)
{
	struct guest_irq_stats stats = { 0 };

	*info = (struct hv_port_info){ 0 };
	if (hv_port_info(testbed_hv_domain(d->d), c->port_b, info) || !info->counted ||
	    guest_irq_get_stats(g, (unsigned)c->irq_b, &stats))
		complain(&soak.refused, "no counters", (long)c->port_b, 0);
	info->merged += stats.merged;
	/* An event may have come after the last look: then it is pending, not handled yet. */
	*handled = atomic_load(&c->handled) + info->pending;
}

/* All that was sent has been handled: compare, and let go of it. */
static void settle(struct channel *c, struct dom *d, struct guest *g)
{
	uint64_t sent = atomic_load(&c->sent), handled = 0;
	struct hv_port_info info = { 0 };

	if (atomic_load(&c->seen) != sent)
		return;				      /* later */
	if (guest_disable_irq(g, (unsigned)c->irq_b)) /* waits for a handler that is at its end */
		complain(&soak.refused, "cannot disable", c->irq_b, 0);
	for (unsigned looks = 0; looks < 1000; looks++) {
		count(c, d, g, &info, &handled);
		if (info.sends == handled + info.merged)
			break;
		/* Another CPU that had taken an event when the IRQ was disabled puts it back. */
		sched_yield();
	}
	if (info.sends != sent)
		complain(&soak.wrong_counts, "sent, raised", (long)sent, (long)info.sends);
	if (info.sends != handled + info.merged)
		complain(&soak.wrong_counts, "raised, handled + coalesced", (long)info.sends,
			 (long)(handled + info.merged));
	if (guest_unbind_from_irqhandler(g, (unsigned)c->irq_b, c))
		complain(&soak.refused, "cannot unbind", c->irq_b, 0);
	atomic_fetch_add(&soak.lives, 1);
	atomic_fetch_add(&soak.sends, sent);
	atomic_fetch_add(&soak.handled, handled);
	atomic_fetch_add(&soak.merged, info.merged);
	c->state = c->state == CLOSING ? HALF : CLOSED;
}

static void let_go(struct channel *c, struct guest *g)
{
	if (guest_unbind_from_irqhandler(g, (unsigned)c->irq_a, c))
		complain(&soak.refused, "cannot unbind the sender", c->irq_a, 0);
	c->state = CLOSED;
}

static void step_a(struct channel *c, struct guest *g, uint32_t r)
{
	if (c->state == OFFERED && !atomic_load(&soak.drain))
		connect(c, g);
	else if (c->state == OPEN && atomic_load(&soak.drain))
		c->state = CLOSING;
	else if (c->state == OPEN)
		send(c, g, r);
	else if (c->state == HALF || c->state == ORPHAN_A)
		let_go(c, g);
}

static void move(struct channel *c, const struct dom *d, struct guest *g, uint32_t r)
{
	struct guest_cpumask mask = { 0 };
	int rc;

	if (r & 1) {
		rc = guest_set_irq_priority(g, (unsigned)c->irq_b, r >> 4 & 15);
		if (rc && (rc != -XEN_ENOSYS || d->index % 2 == 0))
			complain(&soak.refused, "priority", rc, c->irq_b);
		atomic_fetch_add(&soak.priorities, 1);
		return;
	}
	/* To CPU 1 it is refused while that one is not there. */
	guest_cpumask_set(&mask, r >> 4 & 1);
	rc = guest_irq_set_affinity(g, (unsigned)c->irq_b, &mask);
	if (rc && rc != -XEN_EINVAL)
		complain(&soak.refused, "affinity", rc, c->irq_b);
	atomic_fetch_add(&soak.moves, !rc);
}

static void step_b(struct channel *c, struct dom *d, struct guest *g, uint32_t r)
{
	bool drain = atomic_load(&soak.drain);

	if (c->state == CLOSED && !drain)
		offer(c, g);
	else if (c->state == CLOSING || c->state == ORPHAN_B || (c->state == OFFERED && drain))
		settle(c, d, g);
	else if (c->state == OPEN && (r & 3) == 0)
		move(c, d, g, r >> 2);
}

static void step(struct dom *d, unsigned cpu)
{
	uint32_t r = rnd(&d->seed[cpu]), who = 0;
	struct channel *c = &soak.channel[d->list.channel[r % d->list.nr]];
	struct guest *g = testbed_guest(d->d);

	if (!atomic_compare_exchange_strong(&c->lock, &who, d->index + 1))
		return;
	r = rnd(&d->seed[cpu]);
	if (c->a == d->index)
		step_a(c, g, r);
	else
		step_b(c, d, g, r);
	atomic_store(&c->lock, 0);
}

/* ---- vCPUs ---------------------------------------------------------------------------------- */

/* More threads than processors: somebody has to let the others run. */
static void rest(struct dom *d, unsigned cpu)
{
	if (rnd(&d->seed[cpu]) % 64 == 0)
		usleep(500);
}

static bool over(const struct dom *d)
{
	return atomic_load(&d->dying) || atomic_load(&soak.stop);
}

static void second_main(struct testbed_vcpu *v, void *arg)
{
	struct dom *d = arg;
	struct guest *g = testbed_guest(d->d);

	guest_local_irq_enable(g);
	while (!over(d) && !atomic_load(&d->second_leaves)) {
		step(d, 1);
		testbed_point(v);
		rest(d, 1);
	}
	guest_local_irq_disable(g);
}

/* The second time on, as a kernel does it: a vCPU's first start prepares its CPU by itself. */
static void second_again(struct testbed_vcpu *v, void *arg)
{
	struct dom *d = arg;
	int rc = guest_cpu_init(testbed_guest(d->d));

	if (rc)
		complain(&soak.refused, "CPU 1 does not come back", rc, 0);
	second_main(v, arg);
}

/* CPU 1 goes, or comes back. */
static void hotplug(struct dom *d)
{
	struct testbed_vcpu *v0 = testbed_vcpu(d->d, 0), *v1 = testbed_vcpu(d->d, 1);
	long rc;

	if (d->second_up) {
		atomic_store(&d->second_leaves, true);
		testbed_join(v1);
		rc = op_vcpu(v0, VCPUOP_down, 1, NULL, 0);
		if (!rc)
			rc = guest_cpu_dead(testbed_guest(d->d), 1);
	} else {
		atomic_store(&d->second_leaves, false);
		rc = op_vcpu(v0, VCPUOP_up, 1, NULL, 0);
		testbed_thread(v1, second_again, d);
	}
	if (rc)
		complain(&soak.refused, "hotplug", rc, d->second_up);
	d->second_up = !d->second_up;
	atomic_fetch_add(&soak.cycles, 1);
}

static void first_main(struct testbed_vcpu *v, void *arg)
{
	struct dom *d = arg;

	guest_local_irq_enable(testbed_guest(d->d));
	while (!over(d)) {
		step(d, 0);
		testbed_point(v);
		rest(d, 0);
		if (rnd(&d->seed[0]) % 4096 == 0)
			hotplug(d);
	}
}

/* ---- domains -------------------------------------------------------------------------------- */

static bool dom_start(struct dom *d)
{
	int error;

	d->d = testbed_domain_create(soak.tb,
				     &(struct testbed_domain_config){
					     .id = (domid_t)(d->index + 1),
					     .vcpus = CPUS,
					     .pages = PAGES,
					     .guest = true,
					     .abi = d->index % 2 ? GUEST_ABI_2L : GUEST_ABI_FIFO },
				     &error);
	if (!d->d || hv_domain_trace(testbed_hv_domain(d->d), true)) {
		complain(&soak.refused, "a domain cannot be made", error, d->index);
		return false;
	}
	atomic_store(&d->dying, false);
	atomic_store(&d->second_leaves, false);
	d->second_up = true;
	testbed_thread(testbed_vcpu(d->d, 1), second_main, d);
	testbed_thread(testbed_vcpu(d->d, 0), first_main, d);
	return true;
}

static void dom_join(struct dom *d)
{
	/* vCPU 0 may join and restart vCPU 1, so it goes first. */
	testbed_join(testbed_vcpu(d->d, 0));
	testbed_join(testbed_vcpu(d->d, 1));
}

/* What becomes of a channel when this domain is no more. Lock held. */
static void orphan(struct channel *c, unsigned dead)
{
	bool other_has_end = c->state != CLOSED;

	if (c->b == dead && (c->state == OPEN || c->state == CLOSING))
		atomic_fetch_add(&soak.to_the_dead, atomic_load(&c->sent));
	if (c->b == dead)
		other_has_end &= c->state == OPEN || c->state == CLOSING || c->state == HALF ||
				 c->state == ORPHAN_A;
	else
		other_has_end &= c->state != HALF && c->state != ORPHAN_A;
	if (!other_has_end)
		c->state = CLOSED;
	else
		c->state = c->b == dead ? ORPHAN_A : ORPHAN_B;
}

static void dom_die(struct dom *d)
{
	atomic_store(&d->dying, true);
	dom_join(d);
	testbed_domain_destroy(d->d);
	d->d = NULL;
	for (unsigned i = 0; i < d->list.nr; i++) {
		struct channel *c = &soak.channel[d->list.channel[i]];
		uint32_t nobody = 0;

		while (!atomic_compare_exchange_strong(&c->lock, &nobody, LOCK_MAIN)) {
			nobody = 0;
			sched_yield();
		}
		orphan(c, d->index);
		atomic_store(&c->lock, 0);
	}
	atomic_fetch_add(&soak.deaths, 1);
}

/* ---- the story ------------------------------------------------------------------------------ */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* 0 with sanitizers: they keep what was freed, and books of all. */
static size_t resident(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 0;
#endif
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%*s %zu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void make_channels(void)
{
	uint32_t seed = soak.seed;

	soak.channel = calloc(soak.nr_channels, sizeof(*soak.channel));
	if (!soak.channel)
		abort();
	for (unsigned i = 0; i < soak.nr_doms; i++) {
		soak.dom[i].list.channel = calloc(soak.nr_channels, sizeof(uint32_t));
		if (!soak.dom[i].list.channel)
			abort();
		soak.dom[i].index = i;
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			soak.dom[i].seed[cpu] = soak.seed + i * 7919 + cpu * 104729 + 1;
	}
	for (unsigned i = 0; i < soak.nr_channels; i++) {
		struct channel *c = &soak.channel[i];
		struct list *a, *b;

		c->a = i % soak.nr_doms;
		c->b = (c->a + 1 + rnd(&seed) % (soak.nr_doms - 1)) % soak.nr_doms;
		a = &soak.dom[c->a].list;
		b = &soak.dom[c->b].list;
		a->channel[a->nr++] = i;
		b->channel[b->nr++] = i;
	}
}

static unsigned count_open(void)
{
	unsigned open = 0;

	for (unsigned i = 0; i < soak.nr_channels; i++)
		open += soak.channel[i].state != CLOSED;
	return open;
}

struct memory {
	size_t bytes, resident;
};

/* The largest seen while it runs; domains die at every other look. */
static struct memory run_until(uint64_t end, uint32_t *seed)
{
	struct memory most = { 0 };

	for (unsigned n = 0; now_ms() < end; n++) {
		size_t bytes = testbed_bytes(soak.tb), rss = resident();

		most.bytes = bytes > most.bytes ? bytes : most.bytes;
		most.resident = rss > most.resident ? rss : most.resident;
		usleep(20000);
		if (n % 2) {
			struct dom *d = &soak.dom[rnd(seed) % soak.nr_doms];

			dom_die(d);
			if (!dom_start(d))
				exit(1);
		}
	}
	return most;
}

static unsigned passed, failed;

static void verdict(bool ok, const char *what)
{
	printf("%s %s\n", ok ? "ok" : "FAIL", what);
	passed += ok;
	failed += !ok;
}

static bool drain(void)
{
	uint64_t give_up = now_ms() + PATIENCE * 1000;

	atomic_store(&soak.drain, true);
	while (count_open() && now_ms() < give_up)
		usleep(10000);
	return !count_open();
}

static void options(int argc, char **argv)
{
	soak.seconds = 60;
	soak.nr_doms = 64;
	soak.nr_channels = 20000;
	soak.seed = (uint32_t)time(NULL) | 1;
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned value = (unsigned)strtoul(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--seconds"))
			soak.seconds = value;
		else if (!strcmp(argv[i], "--seed"))
			soak.seed = value | 1;
		else if (!strcmp(argv[i], "--domains"))
			soak.nr_doms = value;
		else if (!strcmp(argv[i], "--channels"))
			soak.nr_channels = value;
	}
	if (soak.nr_doms < 2 || soak.nr_doms > MAX_DOMS || soak.nr_channels < soak.nr_doms) {
		fprintf(stderr,
			"usage: soak [--seconds N] [--seed N] [--domains 2..%u] "
			"[--channels N]\n",
			MAX_DOMS);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct memory early, late;
	unsigned leaked, most_open;
	uint32_t seed;
	bool closed;

	options(argc, argv);
	printf("soak: seed %u, %u s: %u domains, %u vCPUs, %u channels\n", soak.seed, soak.seconds,
	       soak.nr_doms, soak.nr_doms * CPUS, soak.nr_channels);
	fflush(stdout);
	seed = soak.seed * 31 | 1;
	make_channels();
	soak.tb = testbed_create(TESTBED_THREADS);
	for (unsigned i = 0; i < soak.nr_doms; i++)
		if (!dom_start(&soak.dom[i]))
			return 1;
	early = run_until(now_ms() + soak.seconds * 500ull, &seed);
	late = run_until(now_ms() + soak.seconds * 500ull, &seed);
	most_open = count_open();
	closed = drain();
	atomic_store(&soak.stop, true);
	for (unsigned i = 0; i < soak.nr_doms; i++)
		dom_join(&soak.dom[i]);
	leaked = testbed_destroy(soak.tb);

	printf("soak: %llu lives of channels, %u open at the end; %llu events sent = %llu handled + "
	       "%llu coalesced; %llu more to domains that died\n",
	       (unsigned long long)soak.lives, most_open, (unsigned long long)soak.sends,
	       (unsigned long long)soak.handled, (unsigned long long)soak.merged,
	       (unsigned long long)soak.to_the_dead);
	printf("soak: %llu moves, %llu changes of priority, %llu times a CPU went or came, %llu "
	       "deaths\n",
	       (unsigned long long)soak.moves, (unsigned long long)soak.priorities,
	       (unsigned long long)soak.cycles, (unsigned long long)soak.deaths);
	printf("soak: hypervisor and guests held %zu KiB at most in the first half, %zu in the "
	       "second; resident %zu, %zu\n",
	       early.bytes >> 10, late.bytes >> 10, early.resident >> 10, late.resident >> 10);
	verdict(closed, "every channel came to its end: no event was lost, nothing hangs");
	verdict(!soak.wrong_counts && soak.sends == soak.handled + soak.merged,
		"sends = handled + coalesced, of every channel");
	verdict(!soak.refused, "nothing was refused");
	verdict(soak.lives && soak.moves && soak.priorities && soak.cycles && soak.deaths &&
			soak.sends,
		"there was something of everything");
	/* The first half begins with nothing, so its peak is of about the same state. */
	verdict(late.bytes <= early.bytes + early.bytes / 4 &&
			late.resident <= early.resident + early.resident / 4 + (8u << 20),
		"memory is flat");
	verdict(!leaked, "all of it was given back");
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
