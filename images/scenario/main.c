/* SPDX-License-Identifier: MIT */
/*
 * Runs a scenario (tests/scenarios/FORMAT.md), given as the domain's module, with abi=2l on the
 * command line, and prints each line's number with what the hypervisor answered: "12 rc=0 port=3".
 * As the control domain of Xen it makes the script's other domains. What cannot be done here is "12
 * ?". Success: "end" is printed.
 */
#include "scenario.h"

#include <xen/event_channel.h>

/* Nothing but a port of its own says who a domain is. */
static domid_t own_id(void)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_status status = { .dom = DOMID_SELF };
	struct evtchn_close close;

	if (pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, pv_arg(&alloc), 0,
			 0, 0))
		pv_panic("there is no port to be had");
	status.port = close.port = alloc.port;
	pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, pv_arg(&status), 0, 0, 0);
	pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_close, pv_arg(&close), 0, 0, 0);
	return status.u.unbound.dom;
}

/* As the scenarios expect a domain to be: nothing masked, no tick. */
static void set_up(struct machine *m)
{
	struct shared_info *s = m->pv->shared_info;

	guest_stop_periodic_tick(m->pv->guest, 0);
	memset(s->evtchn_mask, 0, sizeof(s->evtchn_mask));
	memset(s->evtchn_pending, 0, sizeof(s->evtchn_pending));
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		s->vcpu_info[i].evtchn_upcall_pending = 0;
		s->vcpu_info[i].evtchn_pending_sel = 0;
		m->self.info[i] = &s->vcpu_info[i];
	}
	m->self.exists = true;
	m->self.id = own_id();
	m->self.shared = s;
	m->self.nr_callers = CALLERS;
	place_init(m);
}

/* "d0:", "v1:", "d1&". */
static bool find_caller(struct machine *m)
{
	struct text by = m->action->caller;
	uint64_t n;

	m->by = &m->self;
	m->caller = &m->self.caller[0];
	if (!by.len)
		return true;
	by.len--; /* ":" or "&" */
	if (by.len < 2 || !text_number(&(struct text){ by.at + 1, by.len - 1 }, &n))
		return false;
	if (by.at[0] == 'v' && n < CALLERS) {
		m->caller = &m->self.caller[n];
		return agent_use(m, (unsigned)n);
	}
	m->by = n ? domain_find(m, n) : &m->self;
	if (!m->by)
		return false;
	m->caller = &m->by->caller[0];
	return agent_use(m, 0);
}

static bool run_one(struct machine *m)
{
	m->used = 0;
	m->out[0] = 0;
	m->has_port = false;
	m->unknown = !find_caller(m);
	/* One that polls can but be joined, and its memory looked at. */
	if (m->caller->polling && !text_is(&m->action->op, "join") &&
	    (m->action->op.len < 4 || memcmp(m->action->op.at, "mem.", 4) != 0))
		m->unknown = true;
	return !m->unknown &&
	       (run_event(m) || run_physdev(m) || run_memory(m) || run_other(m) ||
		run_control(m)) &&
	       !m->unknown;
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
		done = a.repeat ? run_repeated(m) : run_one(m);
		relax(m);
		if (done)
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
	set_up(&m);
	run(&m, (const char *)si->mod_start, (const char *)si->mod_start + si->mod_len);
	pv_shutdown(SHUTDOWN_poweroff);
}
