/* SPDX-License-Identifier: MIT */
/*
 * IRQs: numbers, binding and its references, handlers requested and freed, disabling, affinity,
 * what is counted and shown. How events are handled around the handlers is in flow.c.
 */
#include "conformance.h"

static enum guest_irqreturn nothing(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	return GUEST_IRQ_NONE;
}

/* ---- binding ------------------------------------------------------------------------------ */

static void port_and_irq_agree(void)
{
	struct channel c;

	if (channel_open(&c)) {
		EXPECT_EQ(guest_irq_port(conf.g, c.irq_a), c.a);
		EXPECT_EQ(guest_port_irq(conf.g, c.a), c.irq_a);
		EXPECT_EQ(guest_port_irq(conf.g, c.b), c.irq_b);
	}
	channel_close(&c);
	EXPECT_EQ(guest_irq_port(conf.g, 0), 0);
	EXPECT_EQ(guest_port_irq(conf.g, 4000), -XEN_ENOENT);
}

static void same_source_same_irq(void)
{
	int port = port_new(), a, b;

	a = guest_bind_evtchn_to_irq(conf.g, (evtchn_port_t)port);
	b = guest_bind_evtchn_to_irq(conf.g, (evtchn_port_t)port);
	EXPECT(a > 0);
	EXPECT_EQ(a, b);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)a), 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_unbound);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)a), 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_closed);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)a), -XEN_EINVAL);
}

static void bind_closed_port(void)
{
	int port = port_new();

	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	EXPECT_EQ(guest_bind_evtchn_to_irq(conf.g, (evtchn_port_t)port), -XEN_ENOENT);
	EXPECT_EQ(guest_bind_evtchn_to_irq(conf.g, 0), -XEN_EINVAL);
	EXPECT_EQ(guest_bind_evtchn_to_irq(conf.g, 131072), -XEN_EINVAL);
}

static void bind_virq(void)
{
	int irq = guest_bind_virq_to_irq(conf.g, VIRQ_DEBUG, 0);

	EXPECT(irq > 0);
	EXPECT_EQ(guest_bind_virq_to_irq(conf.g, VIRQ_DEBUG, 0), irq);
	EXPECT_EQ(port_status(guest_irq_port(conf.g, (unsigned)irq)), EVTCHNSTAT_virq);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
	EXPECT_EQ(guest_bind_virq_to_irq(conf.g, NR_VIRQS, 0), -XEN_EINVAL);
	EXPECT_EQ(guest_bind_virq_to_irq(conf.g, VIRQ_DEBUG, 128), -XEN_EINVAL);
}

static void bind_ipi(void)
{
	int irq = guest_bind_ipi_to_irq(conf.g, 7, 0);

	EXPECT(irq > 0);
	EXPECT_EQ(port_status(guest_irq_port(conf.g, (unsigned)irq)), EVTCHNSTAT_ipi);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
	EXPECT_EQ(guest_bind_ipi_to_irq(conf.g, GUEST_NR_IPIS, 0), -XEN_EINVAL);
	EXPECT_EQ(guest_bind_ipi_to_irq(conf.g, 7, 128), -XEN_EINVAL);
}

static void bind_interdomain(void)
{
	int port = port_new(), irq;

	irq = guest_bind_interdomain_to_irq(conf.g, DOMID_SELF, (evtchn_port_t)port);
	EXPECT(irq > 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_interdomain);
	EXPECT_EQ(guest_bind_interdomain_to_irq(conf.g, DOMID_SELF, (evtchn_port_t)port),
		  -XEN_EINVAL);
	EXPECT_EQ(guest_notify_irq(conf.g, (unsigned)irq), 0);
	EXPECT(port_pending((evtchn_port_t)port));
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_unbound);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

/* What comes before the first request stays pending. */
static void nothing_lost_before_request(void)
{
	struct channel c;
	struct wire w = { 0 };

	if (channel_open(&c)) {
		EXPECT_EQ(port_send(c.a), 0);
		EXPECT_EQ(w.count, 0);
		EXPECT_EQ(guest_request_irq(conf.g, c.irq_b, wire_count, 0, "late", &w), 0);
		EXPECT_EQ(w.count, 1);
		EXPECT_EQ(guest_free_irq(conf.g, c.irq_b, &w), 0);
		EXPECT_EQ(port_send(c.a), 0);
		EXPECT_EQ(w.count, 1);
	}
	channel_close(&c);
}

static void unbind_with_handlers(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)w.irq), -XEN_EBUSY);
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(w.count, 1);
	wire_close(&w);
}

static volatile int unbound_with;

static enum guest_irqreturn unbinds_itself(struct guest *g, unsigned irq, void *dev)
{
	unbound_with = guest_unbind_from_irqhandler(g, irq, dev);
	return GUEST_IRQ_HANDLED;
}

static void unbind_in_the_handler(void)
{
	struct wire w;
	evtchn_port_t port;

	if (!wire_open(&w, unbinds_itself, 0))
		return;
	port = guest_irq_port(conf.g, (unsigned)w.irq);
	unbound_with = 99;
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(unbound_with, 0);
	EXPECT_EQ(port_status(port), EVTCHNSTAT_closed);
	EXPECT_EQ(guest_port_irq(conf.g, port), -XEN_ENOENT);
	w.irq = -1;
	wire_close(&w);
}

/* ---- request and free --------------------------------------------------------------------- */

static void request_bad(void)
{
	struct channel c;

	if (channel_open(&c)) {
		unsigned irq = c.irq_a;

		EXPECT_EQ(guest_request_irq(conf.g, irq, NULL, 0, "x", &c), -XEN_EINVAL);
		EXPECT_EQ(guest_request_irq(conf.g, 0, nothing, 0, "x", &c), -XEN_EINVAL);
		EXPECT_EQ(guest_request_irq(conf.g, 100000, nothing, 0, "x", &c), -XEN_EINVAL);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, 0x8000, "x", &c), -XEN_EINVAL);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, GUEST_IRQF_SHARED, "x", NULL),
			  -XEN_EINVAL);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing,
					    GUEST_IRQF_SHARED | GUEST_IRQF_NO_AUTOEN, "x", &c),
			  -XEN_EINVAL);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, GUEST_IRQF_PERCPU, "x", &c),
			  -XEN_EINVAL);
	}
	channel_close(&c);
}

static void request_busy(void)
{
	struct channel c;
	int one, two;

	if (channel_open(&c)) {
		unsigned irq = c.irq_a;

		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, 0, "x", &one), 0);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, 0, "y", &two), -XEN_EBUSY);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, GUEST_IRQF_SHARED, "y", &two),
			  -XEN_EBUSY);
		EXPECT_EQ(guest_free_irq(conf.g, irq, &one), 0);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, GUEST_IRQF_SHARED, "x", &one), 0);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, GUEST_IRQF_SHARED, "x", &one),
			  -XEN_EBUSY);
		EXPECT_EQ(guest_request_irq(conf.g, irq, nothing, 0, "y", &two), -XEN_EBUSY);
		EXPECT_EQ(guest_free_irq(conf.g, irq, &one), 0);
	}
	channel_close(&c);
}

static char calls[8];
static volatile unsigned nr_calls;

static enum guest_irqreturn note(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	if (nr_calls < sizeof(calls))
		calls[nr_calls++] = *(const char *)dev;
	return GUEST_IRQ_HANDLED;
}

static void shared_in_order(void)
{
	static char a = 'a', b = 'b', d = 'd';
	struct channel c;

	if (channel_open(&c)) {
		unsigned irq = c.irq_b;

		EXPECT_EQ(guest_request_irq(conf.g, irq, note, GUEST_IRQF_SHARED, "a", &a), 0);
		EXPECT_EQ(guest_request_irq(conf.g, irq, note, GUEST_IRQF_SHARED, "b", &b), 0);
		EXPECT_EQ(guest_request_irq(conf.g, irq, note, GUEST_IRQF_SHARED, "d", &d), 0);
		nr_calls = 0;
		EXPECT_EQ(port_send(c.a), 0);
		EXPECT(nr_calls == 3 && !memcmp(calls, "abd", 3));
		EXPECT_EQ(guest_free_irq(conf.g, irq, &b), 0);
		nr_calls = 0;
		EXPECT_EQ(port_send(c.a), 0);
		EXPECT(nr_calls == 2 && !memcmp(calls, "ad", 2));
		EXPECT_EQ(guest_free_irq(conf.g, irq, &a), 0);
		EXPECT_EQ(guest_free_irq(conf.g, irq, &d), 0);
	}
	channel_close(&c);
}

static void free_bad(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_free_irq(conf.g, (unsigned)w.irq, &conf), -XEN_ENOENT);
	EXPECT_EQ(guest_free_irq(conf.g, 0, &w), -XEN_EINVAL);
	EXPECT_EQ(guest_free_irq(conf.g, 100000, &w), -XEN_EINVAL);
	wire_close(&w);
}

static volatile int freed_with;

static enum guest_irqreturn frees_itself(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	w->count++;
	freed_with = guest_free_irq(g, irq, dev);
	return GUEST_IRQ_HANDLED;
}

static void free_in_the_handler(void)
{
	struct wire w;

	if (!wire_open(&w, frees_itself, 0))
		return;
	freed_with = 99;
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(freed_with, 0);
	EXPECT_EQ(w.count, 1);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)w.irq), 0);
	w.irq = -1;
	wire_close(&w);
}

/* ---- disable and enable ------------------------------------------------------------------- */

static void disable_nests(void)
{
	struct wire w;
	unsigned irq;

	if (!wire_open(&w, NULL, 0))
		return;
	irq = (unsigned)w.irq;
	EXPECT_EQ(guest_disable_irq(conf.g, irq), 0);
	EXPECT_EQ(guest_disable_irq_nosync(conf.g, irq), 0);
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(guest_enable_irq(conf.g, irq), 0);
	EXPECT_EQ(w.count, 0);
	EXPECT_EQ(guest_enable_irq(conf.g, irq), 0);
	EXPECT_EQ(w.count, 1);
	EXPECT_EQ(guest_enable_irq(conf.g, irq), -XEN_EINVAL);
	wire_close(&w);
}

static void disable_bad(void)
{
	struct channel c;

	EXPECT_EQ(guest_disable_irq(conf.g, 0), -XEN_EINVAL);
	EXPECT_EQ(guest_disable_irq_nosync(conf.g, 100000), -XEN_EINVAL);
	EXPECT_EQ(guest_enable_irq(conf.g, 0), -XEN_EINVAL);
	EXPECT_EQ(guest_synchronize_irq(conf.g, 0), -XEN_EINVAL);
	if (channel_open(&c)) {
		EXPECT_EQ(guest_disable_irq(conf.g, c.irq_a), -XEN_EINVAL);
		EXPECT_EQ(guest_enable_irq(conf.g, c.irq_a), -XEN_EINVAL);
	}
	channel_close(&c);
}

static void starts_disabled(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, GUEST_IRQF_NO_AUTOEN))
		return;
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(w.count, 0);
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)w.irq), 0);
	EXPECT_EQ(w.count, 1);
	wire_close(&w);
}

static enum guest_irqreturn disables_itself(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	w->count++;
	(void)guest_disable_irq_nosync(g, irq);
	return GUEST_IRQ_HANDLED;
}

static void disable_in_the_handler(void)
{
	struct wire w;

	if (!wire_open(&w, disables_itself, 0))
		return;
	for (unsigned i = 1; i <= 3; i++) {
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(w.count, 2 * i - 1);
		EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)w.irq), 0);
		EXPECT_EQ(w.count, 2 * i);
		EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)w.irq), 0);
	}
	wire_close(&w);
}

static void enable_with_events_disabled(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_disable_irq(conf.g, (unsigned)w.irq), 0);
	EXPECT_EQ(port_send(w.tx), 0);
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)w.irq), 0);
	EXPECT_EQ(w.count, 0);
	guest_local_irq_enable(conf.g);
	EXPECT_EQ(w.count, 1);
	wire_close(&w);
}

static void synchronize_at_rest(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_synchronize_irq(conf.g, (unsigned)w.irq), 0);
	wire_close(&w);
}

/* ---- affinity ----------------------------------------------------------------------------- */

static struct guest_cpumask only(unsigned cpu)
{
	struct guest_cpumask mask = { { 0 } };

	guest_cpumask_set(&mask, cpu);
	return mask;
}

static void affinity_reads_back(void)
{
	struct guest_cpumask mask, got;
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		mask = only(cpu);
		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &mask), 0);
		EXPECT_EQ(guest_irq_get_affinity(conf.g, (unsigned)w.irq, &got), 0);
		EXPECT(!memcmp(&got, &mask, sizeof(got)));
		EXPECT_EQ(guest_irq_effective_cpu(conf.g, (unsigned)w.irq), cpu);
		EXPECT_EQ(port_vcpu(guest_irq_port(conf.g, (unsigned)w.irq)), cpu);
	}
	wire_close(&w);
}

static void affinity_is_where_it_runs(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	for (unsigned i = 1; i <= 2 * conf.nr_cpus; i++) {
		struct guest_cpumask mask = only(i % conf.nr_cpus);

		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &mask), 0);
		EXPECT_EQ(port_send(w.tx), 0);
		WAIT_FOR(w.count == i);
		EXPECT_EQ(w.cpu, i % conf.nr_cpus);
		EXPECT(guest_irq_count_cpu(conf.g, (unsigned)w.irq, i % conf.nr_cpus) > 0);
	}
	wire_close(&w);
}

static void affinity_bad(void)
{
	struct guest_cpumask none = { { 0 } }, beyond = only(127);
	struct wire w;
	int irq;

	EXPECT_EQ(guest_irq_set_affinity(conf.g, 0, &beyond), -XEN_EINVAL);
	EXPECT_EQ(guest_irq_effective_cpu(conf.g, 0), -XEN_EINVAL);
	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &none), -XEN_EINVAL);
	EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &beyond), -XEN_EINVAL);
	wire_close(&w);
	irq = guest_bind_ipi_to_irq(conf.g, 7, 0);
	none = only(0);
	EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)irq, &none), -XEN_EIO);
	EXPECT_EQ(guest_irq_get_affinity(conf.g, (unsigned)irq, &beyond), 0);
	EXPECT(!memcmp(&beyond, &none, sizeof(none)));
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
}

static void affinity_not_balanced(void)
{
	struct guest_cpumask mask = only(0);
	struct wire w;

	if (!wire_open(&w, NULL, GUEST_IRQF_NO_BALANCING))
		return;
	EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &mask), -XEN_EIO);
	wire_close(&w);
}

static void balancer_spreads(void)
{
	struct wire w[8];
	unsigned on[MAX_CPUS] = { 0 }, n = 0;

	guest_set_balancer(conf.g, guest_balance_spread, NULL);
	while (n < 8 && wire_open(&w[n], NULL, 0))
		n++;
	guest_balance_irqs(conf.g);
	for (unsigned i = 0; i < n; i++) {
		int cpu = guest_irq_effective_cpu(conf.g, (unsigned)w[i].irq);

		if (EXPECT(cpu >= 0 && cpu < (int)conf.nr_cpus))
			on[cpu]++;
	}
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
		expect(on[cpu] == 8 / conf.nr_cpus ||
			       on[cpu] == (8 + conf.nr_cpus - 1) / conf.nr_cpus,
		       "CPU %u has %u of 8", cpu, on[cpu]);
	for (unsigned i = 0; i < n; i++) {
		EXPECT_EQ(port_send(w[i].tx), 0);
		WAIT_FOR(w[i].count == 1);
	}
	while (n > 0)
		wire_close(&w[--n]);
	guest_set_balancer(conf.g, NULL, NULL);
}

/* ---- counted and shown -------------------------------------------------------------------- */

static void statistics(void)
{
	struct guest_irq_stats s;
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	for (unsigned i = 0; i < 7; i++)
		EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(guest_irq_count(conf.g, (unsigned)w.irq), 7);
	EXPECT_EQ(guest_irq_count_cpu(conf.g, (unsigned)w.irq, 0), 7);
	EXPECT_EQ(guest_irq_get_stats(conf.g, (unsigned)w.irq, &s), 0);
	EXPECT_EQ(s.handled, 7);
	EXPECT_EQ(s.unclaimed, 0);
	EXPECT_EQ(guest_irq_get_stats(conf.g, 0, &s), -XEN_EINVAL);
	EXPECT_EQ(guest_irq_count(conf.g, 0), 0);
	wire_close(&w);
}

static void unclaimed_are_counted(void)
{
	struct guest_irq_stats s;
	struct wire w;

	if (!wire_open(&w, nothing, 0))
		return;
	for (unsigned i = 0; i < 5; i++)
		EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(guest_irq_get_stats(conf.g, (unsigned)w.irq, &s), 0);
	EXPECT_EQ(s.unclaimed, 5);
	wire_close(&w);
}

static struct {
	unsigned entropy, unclaimed, irq;
	uint64_t cycles;
} hooked;

static void on_entropy(void *arg, unsigned irq, uint64_t cycles)
{
	(void)arg;
	if (irq == hooked.irq) {
		hooked.entropy++;
		hooked.cycles = cycles;
	}
}

static void on_unclaimed(void *arg, unsigned irq)
{
	(void)arg;
	hooked.unclaimed += irq == hooked.irq;
}

static const struct guest_irq_hooks hooks = { NULL, on_entropy, on_unclaimed };

static void hook_of_entropy(void)
{
	uint64_t before = pv_cycles();
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	memset(&hooked, 0, sizeof(hooked));
	hooked.irq = (unsigned)w.irq;
	guest_set_irq_hooks(conf.g, &hooks);
	EXPECT_EQ(port_send(w.tx), 0);
	guest_set_irq_hooks(conf.g, NULL);
	EXPECT_EQ(hooked.entropy, 1);
	EXPECT(hooked.cycles > before && hooked.cycles < pv_cycles());
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(hooked.entropy, 1);
	wire_close(&w);
}

static void nobody_wants_it(void)
{
	int irq = guest_alloc_irq(conf.g);

	EXPECT(irq > 0);
	memset(&hooked, 0, sizeof(hooked));
	hooked.irq = (unsigned)irq;
	EXPECT_EQ(guest_set_irq_flow(conf.g, (unsigned)irq, GUEST_FLOW_SIMPLE), 0);
	EXPECT_EQ(guest_request_irq(conf.g, (unsigned)irq, nothing, 0, "none", &hooked), 0);
	guest_set_irq_hooks(conf.g, &hooks);
	/* A pause of more than 100 ms, which a busy host may make, has it count anew. */
	for (unsigned i = 0; i < 20 * 100001 && !hooked.unclaimed; i++)
		(void)guest_raise_irq(conf.g, (unsigned)irq);
	guest_set_irq_hooks(conf.g, NULL);
	EXPECT_EQ(hooked.unclaimed, 1);
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)irq), 0); /* it was disabled, once */
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)irq), -XEN_EINVAL);
	EXPECT_EQ(guest_free_irq(conf.g, (unsigned)irq, &hooked), 0);
	EXPECT_EQ(guest_dealloc_irq(conf.g, (unsigned)irq), 0);
}

static unsigned lines, named;

static void look(void *arg, const char *line)
{
	const char *name = arg;

	lines++;
	for (const char *p = line; *p; p++) {
		size_t n = 0;

		while (name[n] && p[n] == name[n])
			n++;
		if (!name[n]) {
			named++;
			return;
		}
	}
}

static void table_names_handlers(void)
{
	static char name[] = "a-name-of-its-own";
	struct channel c;

	if (channel_open(&c)) {
		EXPECT_EQ(guest_request_irq(conf.g, c.irq_a, nothing, 0, name, &c), 0);
		lines = named = 0;
		guest_show_interrupts(conf.g, look, name);
		EXPECT(lines >= 3);
		EXPECT_EQ(named, 1);
		EXPECT_EQ(guest_free_irq(conf.g, c.irq_a, &c), 0);
	}
	channel_close(&c);
}

static const struct check checks[] = {
	{ "port_and_irq_agree", port_and_irq_agree, 0 },
	{ "same_source_same_irq", same_source_same_irq, 0 },
	{ "bind_closed_port", bind_closed_port, 0 },
	{ "bind_virq", bind_virq, 0 },
	{ "bind_ipi", bind_ipi, 0 },
	{ "bind_interdomain", bind_interdomain, 0 },
	{ "nothing_lost_before_request", nothing_lost_before_request, 0 },
	{ "unbind_with_handlers", unbind_with_handlers, 0 },
	{ "unbind_in_the_handler", unbind_in_the_handler, 0 },
	{ "request_bad", request_bad, 0 },
	{ "request_busy", request_busy, 0 },
	{ "shared_in_order", shared_in_order, 0 },
	{ "free_bad", free_bad, 0 },
	{ "free_in_the_handler", free_in_the_handler, 0 },
	{ "disable_nests", disable_nests, 0 },
	{ "disable_bad", disable_bad, 0 },
	{ "starts_disabled", starts_disabled, 0 },
	{ "disable_in_the_handler", disable_in_the_handler, 0 },
	{ "enable_with_events_disabled", enable_with_events_disabled, 0 },
	{ "synchronize_at_rest", synchronize_at_rest, 0 },
	{ "affinity_reads_back", affinity_reads_back, 0 },
	{ "affinity_is_where_it_runs", affinity_is_where_it_runs, 0 },
	{ "affinity_bad", affinity_bad, 0 },
	{ "affinity_not_balanced", affinity_not_balanced, 0 },
	{ "balancer_spreads", balancer_spreads, 0 },
	{ "statistics", statistics, 0 },
	{ "unclaimed_are_counted", unclaimed_are_counted, 0 },
	{ "hook_of_entropy", hook_of_entropy, 0 },
	{ "nobody_wants_it", nobody_wants_it, 0 },
	{ "table_names_handlers", table_names_handlers, 0 },
	{ 0 },
};

const struct area area_irq = { "irq", checks };
