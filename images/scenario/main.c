/* SPDX-License-Identifier: MIT */
/*
 * Runs a scenario (tests/scenarios/FORMAT.md), given as the domain's module, with abi=2l on the
 * command line, and prints each line's number with what the hypervisor answered: "12 rc=0 port=3".
 * Lines of other callers or operations that a single domain with one running vCPU cannot do are "12
 * ?". Success: "end" is printed.
 */
#include "scenario.h"

#include <xen/vcpu.h>

/* As the scenarios expect a domain to be: nothing masked, no tick. */
static void set_up(struct pv *pv)
{
	struct shared_info *s = pv->shared_info;

	guest_stop_periodic_tick(pv->guest, 0);
	memset(s->evtchn_mask, 0, sizeof(s->evtchn_mask));
	memset(s->evtchn_pending, 0, sizeof(s->evtchn_pending));
	for (unsigned i = 0; i < 2; i++) {
		s->vcpu_info[i].evtchn_upcall_pending = 0;
		s->vcpu_info[i].evtchn_pending_sel = 0;
	}
	place_init(pv);
}

static bool run_one(struct machine *m)
{
	m->used = 0;
	m->out[0] = 0;
	m->has_port = false;
	return run_event(m) || run_memory(m) || run_other(m);
}

/* repeat=: until one fails; the answer is a sum. */
static bool run_repeated(struct machine *m)
{
	uint64_t first = 0, last = 0, count = 0;
	bool ports = false;
	char text[24];

	for (m->action->round = 0; m->action->round < m->action->repeat; m->action->round++) {
		if (!run_one(m))
			return false;
		if (m->rc < 0)
			break;
		count++;
		if (count == 1)
			first = m->port;
		last = m->port;
		ports = m->has_port;
	}
	m->used = 0;
	answer_number(m, "count", (int64_t)count);
	if (ports) {
		answer_number(m, "first", (int64_t)first);
		answer_number(m, "last", (int64_t)last);
	}
	pv_snprintf(text, sizeof(text), "%ld", m->rc);
	answer_word(m, "rc", text);
	return true;
}

static void run(struct machine *m, const char *at, const char *end)
{
	static struct action a;
	unsigned line = 0;

	m->action = &a;
	while (script_next(&at, end, &a)) {
		bool done;

		line++;
		if (!a.op.len)
			continue;
		m->unknown = a.caller.len && !text_is(&a.caller, "d0:");
		done = !m->unknown && (a.repeat ? run_repeated(m) : run_one(m));
		if (done && !m->unknown)
			pv_printf("%u %s\n", line, m->out);
		else
			pv_printf("%u ?\n", line);
	}
	pv_printf("end\n");
}

void pv_main(struct start_info *si)
{
	static struct machine m;
	static char out[256];
	struct pv *pv;

	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	if (!si->mod_len)
		pv_panic("no scenario: give one as the module");
	m.pv = pv;
	m.out = out;
	m.room = sizeof(out);
	set_up(pv);
	run(&m, (const char *)si->mod_start, (const char *)si->mod_start + si->mod_len);
	pv_shutdown(SHUTDOWN_poweroff);
}
