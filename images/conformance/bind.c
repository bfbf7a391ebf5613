/* SPDX-License-Identifier: MIT */
/*
 * Event channel operations, continued: IPIs, VIRQs and pirqs, the vCPU that a port notifies,
 * unmasking, and numbers that are no operation. Raw ports, as in event.c.
 */
#include "conformance.h"

#define NO_CPU 8191u

/* ---- bind_ipi, bind_virq ------------------------------------------------------------------ */

static void ipi_many(void)
{
	struct evtchn_bind_ipi one = { .vcpu = 0 }, two = { .vcpu = 0 };

	EXPECT_EQ(evtchn(EVTCHNOP_bind_ipi, &one), 0);
	EXPECT_EQ(evtchn(EVTCHNOP_bind_ipi, &two), 0);
	EXPECT(one.port != two.port);
	EXPECT_EQ(port_send(one.port), 0);
	EXPECT(port_pending(one.port) && !port_pending(two.port));
	EXPECT_EQ(port_close(one.port), 0);
	EXPECT_EQ(port_close(two.port), 0);
}

static void ipi_no_cpu(void)
{
	static const uint32_t none[] = { NO_CPU, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < 3; i++) {
		struct evtchn_bind_ipi op = { .vcpu = none[i] };

		EXPECT_EQ(evtchn(EVTCHNOP_bind_ipi, &op), -XEN_ENOENT);
	}
}

static void ipi_bad_places(void)
{
	struct evtchn_bind_ipi op = { .vcpu = 0 };

	refuses_places(EVTCHNOP_bind_ipi, &op, sizeof(op));
}

static long bind_virq(uint32_t virq, uint32_t cpu, evtchn_port_t *port)
{
	struct evtchn_bind_virq op = { .virq = virq, .vcpu = cpu };
	long r = evtchn(EVTCHNOP_bind_virq, &op);

	*port = r ? 0 : op.port;
	return r;
}

static void virq_twice(void)
{
	evtchn_port_t port, other;

	EXPECT_EQ(bind_virq(VIRQ_DEBUG, 0, &port), 0);
	EXPECT_EQ(bind_virq(VIRQ_DEBUG, 0, &other), -XEN_EEXIST);
	EXPECT_EQ(port_close(port), 0);
	EXPECT_EQ(bind_virq(VIRQ_DEBUG, 0, &port), 0);
	EXPECT_EQ(port_close(port), 0);
}

static void virq_each_cpu(void)
{
	evtchn_port_t port[MAX_CPUS] = { 0 };

	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
		EXPECT_EQ(bind_virq(VIRQ_DEBUG, cpu, &port[cpu]), 0);
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		EXPECT_EQ(port_vcpu(port[cpu]), cpu);
		EXPECT_EQ(port_close(port[cpu]), 0);
	}
}

static void virq_no_such(void)
{
	static const uint32_t none[] = { NR_VIRQS, 0x80000000, 0xffffffff };
	evtchn_port_t port;

	for (size_t i = 0; i < 3; i++)
		EXPECT_EQ(bind_virq(none[i], 0, &port), -XEN_EINVAL);
}

static void virq_no_cpu(void)
{
	evtchn_port_t port;

	EXPECT_EQ(bind_virq(VIRQ_DEBUG, NO_CPU, &port), -XEN_ENOENT);
	EXPECT_EQ(bind_virq(VIRQ_DEBUG, 0xffffffff, &port), -XEN_ENOENT);
}

static void virq_global_elsewhere(void)
{
	evtchn_port_t port;

	EXPECT_EQ(bind_virq(VIRQ_ARGO, 1, &port), -XEN_EINVAL);
	EXPECT_EQ(bind_virq(VIRQ_ARGO, NO_CPU, &port), -XEN_EINVAL);
}

static void virq_bad_places(void)
{
	struct evtchn_bind_virq op = { .virq = VIRQ_DEBUG, .vcpu = 0 };

	refuses_places(EVTCHNOP_bind_virq, &op, sizeof(op));
}

/* ---- bind_vcpu ---------------------------------------------------------------------------- */

static void move_goes_there(void)
{
	struct channel c;

	if (channel_open(&c)) {
		for (unsigned i = 0; i <= conf.nr_cpus; i++) {
			EXPECT_EQ(port_to_cpu(c.a, i % conf.nr_cpus), 0);
			EXPECT_EQ(port_vcpu(c.a), i % conf.nr_cpus);
			EXPECT_EQ(port_vcpu(c.b), 0);
		}
	}
	channel_close(&c);
}

static void move_unbound(void)
{
	int port = port_new();

	EXPECT_EQ(port_to_cpu((evtchn_port_t)port, conf.nr_cpus - 1), 0);
	EXPECT_EQ(port_vcpu((evtchn_port_t)port), conf.nr_cpus - 1);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	/* A number that is used again begins on CPU 0. */
	EXPECT_EQ(port_new(), port);
	EXPECT_EQ(port_vcpu((evtchn_port_t)port), 0);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

static void move_no_cpu(void)
{
	int port = port_new();

	EXPECT_EQ(port_to_cpu((evtchn_port_t)port, NO_CPU), -XEN_ENOENT);
	EXPECT_EQ(port_to_cpu((evtchn_port_t)port, 0xffffffff), -XEN_ENOENT);
	EXPECT_EQ(port_to_cpu(0, NO_CPU), -XEN_ENOENT);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

static void move_no_port(void)
{
	EXPECT_EQ(port_to_cpu(0, 0), -XEN_EINVAL);
	for (size_t i = 0; i < NO_PORTS; i++)
		EXPECT_EQ(port_to_cpu(no_ports[i], 0), -XEN_EINVAL);
}

static void move_percpu(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	evtchn_port_t virq;

	EXPECT_EQ(evtchn(EVTCHNOP_bind_ipi, &ipi), 0);
	EXPECT_EQ(bind_virq(VIRQ_DEBUG, 0, &virq), 0);
	EXPECT_EQ(port_to_cpu(ipi.port, 0), -XEN_EINVAL);
	EXPECT_EQ(port_to_cpu(virq, 0), -XEN_EINVAL);
	EXPECT_EQ(port_close(ipi.port), 0);
	EXPECT_EQ(port_close(virq), 0);
}

static void move_bad_places(void)
{
	int port = port_new();
	struct evtchn_bind_vcpu op = { .port = (evtchn_port_t)port, .vcpu = 0 };

	refuses_places(EVTCHNOP_bind_vcpu, &op, sizeof(op));
	EXPECT_EQ(evtchn(EVTCHNOP_bind_vcpu, (void *)place(PLACE_READ_ONLY, &op, sizeof(op))), 0);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

/* ---- unmask, and operations that are none -------------------------------------------------- */

static void unmask_closed_is_nothing(void)
{
	int port = port_new();
	struct evtchn_unmask op = { .port = (evtchn_port_t)port };

	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	EXPECT_EQ(evtchn(EVTCHNOP_unmask, &op), 0);
	op.port = 0;
	EXPECT_EQ(evtchn(EVTCHNOP_unmask, &op), 0);
}

static void unmask_no_port(void)
{
	for (size_t i = 0; i < NO_PORTS; i++) {
		struct evtchn_unmask op = { .port = no_ports[i] };

		EXPECT_EQ(evtchn(EVTCHNOP_unmask, &op), -XEN_EINVAL);
	}
}

static void unmask_announces(void)
{
	const volatile struct vcpu_info *v = &conf.pv->shared_info->vcpu_info[0];
	struct channel c;

	if (channel_open(&c)) {
		struct evtchn_unmask op = { .port = c.b };

		guest_local_irq_disable(conf.g);
		EXPECT_EQ(port_send(c.a), 0);
		EXPECT_EQ(v->evtchn_upcall_pending, 0);
		EXPECT_EQ(evtchn(EVTCHNOP_unmask, &op), 0);
		EXPECT_EQ(v->evtchn_upcall_pending, 1);
		EXPECT(!(guest_port_state(conf.g, c.b) & GUEST_PORT_MASKED));
		/* An IRQ without a handler is masked again by the upcall, and stays pending. */
		guest_local_irq_enable(conf.g);
		EXPECT(guest_port_state(conf.g, c.b) & GUEST_PORT_MASKED);
		EXPECT(guest_port_state(conf.g, c.b) & GUEST_PORT_PENDING);
	}
	channel_close(&c);
}

static void unmask_bad_places(void)
{
	struct evtchn_unmask op = { .port = 0 };

	refuses_places(EVTCHNOP_unmask, &op, sizeof(op));
}

static void unknown_operation(void)
{
	static const unsigned none[] = { 15, 100, 0x7fffffff, 0xffffffff };
	uint64_t arg[8] = { 0 };

	for (size_t i = 0; i < 4; i++)
		EXPECT_EQ(evtchn(none[i], arg), -XEN_ENOSYS);
}

static void pirq_no_such(void)
{
	static const uint32_t none[] = { 0x10000, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < 3; i++) {
		struct evtchn_bind_pirq op = { .pirq = none[i] };

		EXPECT_EQ(evtchn(EVTCHNOP_bind_pirq, &op), -XEN_EINVAL);
	}
}

static void pirq_bad_places(void)
{
	struct evtchn_bind_pirq op = { .pirq = 5 };

	refuses_places(EVTCHNOP_bind_pirq, &op, sizeof(op));
}

static const struct check checks[] = {
	{ "ipi_many", ipi_many, 0 },
	{ "ipi_no_cpu", ipi_no_cpu, 0 },
	{ "ipi_bad_places", ipi_bad_places, 0 },
	{ "virq_twice", virq_twice, 0 },
	{ "virq_each_cpu", virq_each_cpu, 0 },
	{ "virq_no_such", virq_no_such, 0 },
	{ "virq_no_cpu", virq_no_cpu, 0 },
	{ "virq_global_elsewhere", virq_global_elsewhere, NEEDS_CPUS },
	{ "virq_bad_places", virq_bad_places, 0 },
	{ "move_goes_there", move_goes_there, 0 },
	{ "move_unbound", move_unbound, 0 },
	{ "move_no_cpu", move_no_cpu, 0 },
	{ "move_no_port", move_no_port, 0 },
	{ "move_percpu", move_percpu, 0 },
	{ "move_bad_places", move_bad_places, 0 },
	{ "unmask_closed_is_nothing", unmask_closed_is_nothing, 0 },
	{ "unmask_no_port", unmask_no_port, 0 },
	{ "unmask_announces", unmask_announces, 0 },
	{ "unmask_bad_places", unmask_bad_places, 0 },
	{ "unknown_operation", unknown_operation, 0 },
	{ "pirq_no_such", pirq_no_such, 0 },
	{ "pirq_bad_places", pirq_bad_places, 0 },
	{ 0 },
};

const struct area area_bind = { "bind", checks };
