/* SPDX-License-Identifier: MIT */
/*
 * The dump's text, to the letter: what scripts that read Xen's debug key rely on, and our columns
 * behind. Who asks for it and where it goes is tested by vmm/dump.py.
 */
#include "fifo.h"

#include "dump.h"

static const char *name(const struct hv_domain *d)
{
	return hv_domain_id(d) ? "guest" : "control";
}

/* Is this line in the dump? The dump is shown if it is not. */
static void assert_line(struct bare *b, const char *line)
{
	char *text = NULL, *at;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	dump_write(f, testbed_hv(b->tb), name);
	fclose(f);
	assert_int_equal(text[n - 1], '\n');
	for (at = text; *at; at = strchr(at, '\n') + 1)
		if (!strncmp(at, line, strlen(line)) && at[strlen(line)] == '\n')
			break;
	if (!*at)
		print_error("no line\n%s\nin\n%s", line, text);
	assert_int_not_equal(*at, 0);
	free(text);
}

static void ports_in_2_level(void **state)
{
	struct bare *b = *state;

	bare_domain(b, 9, true);
	bare_map_gsi(b, 40, 33);
	assert_rc(op_alloc_unbound(b->v0, SELF, 9), 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 2);
	assert_rc(op_bind_interdomain(b->v0, SELF, 2), 3);
	assert_rc(op_bind_pirq(b->v0, 33, 0), 4);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 1), 5);
	assert_rc(op_bind_ipi(b->v0, 1), 6);
	mem_set_masked(b->d0, 6, true);
	assert_line(b, "Event channel information for domain 0: control");
	assert_line(b, "Event channel information for domain 9: guest");
	assert_line(b, "    port [p/m/s]");
	assert_line(b, "       1 [0/0/1]: s=2 n=0 x=0 d=9");
	assert_line(b, "       2 [0/0/1]: s=3 n=0 x=0 d=0 p=3");
	assert_line(b, "       3 [1/0/1]: s=3 n=0 x=0 d=0 p=2");
	assert_line(b, "       4 [0/0/1]: s=4 n=0 x=0 p=33 i=40");
	assert_line(b, "       5 [0/0/0]: s=5 n=1 x=0 v=0");
	assert_line(b, "       6 [0/1/0]: s=6 n=1 x=0");
	assert_line(b, "Interrupt lines:");
	assert_line(b, "    line 40: edge, on, masked=0 in-flight=0; d=0 p=33 port=4");
	assert_rc(hv_domain_trace(testbed_hv_domain(b->d0), true), 0);
	assert_rc(op_send(b->v0, 6), 0);
	assert_rc(op_send(b->v0, 6), 0);
	assert_line(b, "       6 [1/1/0]: s=6 n=1 x=0 sends=2 merged=1");
}

static void line_states(void **state)
{
	struct bare *b = *state;
	struct hv *hv = testbed_hv(b->tb);

	assert_non_null(testbed_line(b->tb, 1, HV_IRQ_PERCPU));
	assert_non_null(testbed_line(b->tb, 2, HV_IRQ_LEVEL));
	assert_non_null(testbed_line(b->tb, 3, HV_IRQ_EDGE));
	assert_rc(hv_irq_invalidate(hv, 2), 0);
	assert_rc(hv_irq_probe_begin(hv, 3), 0);
	assert_line(b, "    line 1: percpu, off, masked=0 in-flight=0");
	assert_line(b, "    line 2: level, invalid, masked=0 in-flight=0");
	assert_line(b, "    line 3: edge, probed, masked=0 in-flight=0");
	assert_rc(hv_irq_probe_end(hv, 3), 0);
	assert_line(b, "    line 3: edge, off, masked=0 in-flight=0");
}

static void ports_in_fifo(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	for (long p = 1; p <= 1024; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_rc(set_priority(b->v0, 2, 0), 0);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 1000), 0);
	word_set(&f, 3, BUSY | MASKED);
	assert_line(b, "       1 [1/0/  1000]: s=6 n=0 x=0 prio=7");
	assert_line(b, "    1000 [1/0/  0   ]: s=6 n=0 x=0 prio=7");
	assert_line(b, "       2 [0/0/  -   ]: s=6 n=0 x=0 prio=0");
	assert_line(b, "       3 [0/1/B -   ]: s=6 n=0 x=0 prio=7");
	assert_line(b, "    1024 [0/1/?     ]: s=6 n=0 x=0 prio=7");
}

static void vcpus(void **state)
{
	struct bare *b = *state;
	evtchn_port_t ports[2] = { 1, 2 };
	struct testbed_domain *d = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 3, .vcpus = 8 }, NULL);

	for (long p = 1; p <= 2; p++)
		assert_rc(op_bind_ipi(testbed_vcpu(d, 0), 7), p);
	assert_line(b, "Polling vCPUs: {}");
	for (unsigned i = 0; i < 8; i++) {
		if (i)
			assert_rc(testbed_vcpu_boot(testbed_vcpu(d, i)), 0);
		if (i != 2 && i != 3 && i != 6)
			assert_rc(op_poll(testbed_vcpu(d, i), ports, 1 + (i == 7), 0), 0);
	}
	assert_line(b, "Polling vCPUs: {0-1,4-5,7}");
	assert_line(b, "    vCPU 1: up, polls port 1; upcall pending=0 mask=1; sends=0 merged=0 "
		       "masked=0 kicks=0 pirqs=0 eois=0 hypercalls=1");
	assert_line(b, "    vCPU 7: up, polls several ports; upcall pending=0 mask=1; sends=0 "
		       "merged=0 masked=0 kicks=0 pirqs=0 eois=0 hypercalls=1");
	hv_domain_pause(testbed_hv_domain(d));
	assert_line(b, "    vCPU 3: up, paused; upcall pending=0 mask=1; sends=0 merged=0 masked=0 "
		       "kicks=0 pirqs=0 eois=0 hypercalls=0");
	hv_domain_crash(testbed_hv_domain(d));
	assert_line(b, "    vCPU 6: up, paused, shut down; upcall pending=0 mask=1; sends=0 "
		       "merged=0 masked=0 kicks=0 pirqs=0 eois=0 hypercalls=0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(ports_in_2_level),
		bare_test(line_states),
		bare_test(ports_in_fifo),
		bare_test(vcpus),
	};

	return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
