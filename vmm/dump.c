/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor's event channels and interrupt lines as text, from what its API tells of them
 * (hypervisor.h, looking at it). Each domain's ports are in the shape in which Xen 4.17 prints them
 * on its debug key 'e', so that what reads that can read this; columns and lines that Xen has not
 * are behind those that it has. Who asks, and where the text goes, is in machine_dump.c.
 *
 * All goes on meanwhile: a line is of one moment, two lines are not.
 */
#include <carillon/hypervisor_look.h>

#include "dump.h"

/* What is asked, and where the answer is written. */
struct dumper {
	FILE *f;
	struct hv *hv;
	const char *(*name)(const struct hv_domain *d);
};

/* ---- ports ----------------------------------------------------------------------------------- */

/* Which line a domain's pirq is: only the line knows. -1: none that it has bound. */
static int line_of(struct hv *hv, domid_t domid, unsigned pirq)
{
	struct hv_irq_info info;
	unsigned line, i;

	for (line = 0; line < HV_MAX_LINES; line++) {
		if (hv_irq_info(hv, line, &info))
			continue;
		for (i = 0; i < info.nr_bound && i < HV_MAX_LINE_GUESTS; i++)
			if (info.bound[i].domid == domid && info.bound[i].pirq == pirq)
				return (int)line;
	}
	return -1;
}

/*
 * The ABI's part. 2-level: is the port's word selected. FIFO: B if it is busy, then the link if it
 * is on a queue, - if it is on none, ? if it has no word; always as wide.
 */
static void add_abi(FILE *f, const struct hv_port_info *p)
{
	char link[16] = "-";

	if (!p->fifo) {
		fprintf(f, "%d", p->selected);
		return;
	}
	if (!p->has_word)
		snprintf(link, sizeof(link), "?");
	else if (p->linked)
		snprintf(link, sizeof(link), "%u", p->link);
	if (p->has_word)
		fprintf(f, "%c %-4s", p->busy ? 'B' : ' ', link);
	else
		fprintf(f, "%-6s", link);
}

/* Xen's numbers of a port's states: EVTCHNSTAT_*, but that one more is between closed and unbound.
 */
static int xen_state(unsigned status)
{
	return status == EVTCHNSTAT_closed ? 0 : (int)status + 1;
}

static void add_peer(struct hv *hv, FILE *f, domid_t domid, const struct hv_port_info *p)
{
	switch (p->status) {
	case EVTCHNSTAT_unbound:
		fprintf(f, " d=%u", p->remote_dom);
		break;
	case EVTCHNSTAT_interdomain:
		fprintf(f, " d=%u p=%u", p->remote_dom, p->remote_port);
		break;
	case EVTCHNSTAT_pirq:
		fprintf(f, " p=%u i=%d", p->irq, line_of(hv, domid, p->irq));
		break;
	case EVTCHNSTAT_virq:
		fprintf(f, " v=%u", p->irq);
		break;
	default:
		break;
	}
}

static void dump_port(struct hv *hv, FILE *f, domid_t domid, evtchn_port_t port,
		      const struct hv_port_info *p)
{
	fprintf(f, "    %4u [%d/%d/", port, p->pending, p->masked);
	add_abi(f, p);
	/* x: a consumer in Xen itself; there is none here */
	fprintf(f, "]: s=%d n=%u x=0", xen_state(p->status), p->vcpu);
	add_peer(hv, f, domid, p);
	if (p->fifo)
		fprintf(f, " prio=%u", p->priority);
	if (p->counted)
		fprintf(f, " sends=%llu merged=%llu", (unsigned long long)p->sends,
			(unsigned long long)p->merged);
	fputc('\n', f);
}

/* ---- domains --------------------------------------------------------------------------------- */

/* As Xen prints a set: 0,2-4 */
static void add_polling(FILE *f, const struct hv_domain *d)
{
	const char *comma = "";
	struct hv_vcpu *v;
	unsigned i, first = 0, n = 0;

	for (i = 0;; i++) {
		struct hv_vcpu_state s = { 0 };

		v = hv_domain_vcpu(d, i);
		if (v)
			hv_vcpu_state(v, &s);
		if (s.polling) {
			if (!n++)
				first = i;
			continue;
		}
		if (n) {
			fprintf(f, "%s%u", comma, first);
			if (n > 1)
				fprintf(f, "-%u", first + n - 1);
			comma = ",";
		}
		n = 0;
		if (!v)
			return;
	}
}

static void dump_vcpu(FILE *f, const struct hv_vcpu *v)
{
	struct hv_vcpu_state s;
	struct hv_counters c;

	hv_vcpu_state(v, &s);
	hv_vcpu_counters(v, &c);
	fprintf(f, "    vCPU %u: %s", hv_vcpu_id(v), s.up ? "up" : "down");
	if (s.polling && s.poll_port)
		fprintf(f, ", polls port %u", s.poll_port);
	else if (s.blocked)
		fprintf(f, ", %s", s.polling ? "polls several ports" : "blocked");
	if (s.paused)
		fprintf(f, ", paused");
	if (s.shut_down)
		fprintf(f, ", shut down");
	fprintf(f,
		"; upcall pending=%d mask=%d; sends=%llu merged=%llu masked=%llu kicks=%llu pirqs=%llu "
		"eois=%llu hypercalls=%llu",
		s.upcall_pending, s.upcall_mask, (unsigned long long)c.sends,
		(unsigned long long)c.merged, (unsigned long long)c.masked,
		(unsigned long long)c.kicks, (unsigned long long)c.pirqs,
		(unsigned long long)c.eois, (unsigned long long)c.hypercalls);
	fputc('\n', f);
}

static int dump_domain(struct hv_domain *d, void *arg)
{
	const struct dumper *dumper = arg;
	struct hv_port_info info;
	FILE *f = dumper->f;
	struct hv_vcpu *v;
	evtchn_port_t port;
	unsigned i;

	fprintf(f, "Event channel information for domain %u: %s\n", hv_domain_id(d),
		dumper->name(d));
	fprintf(f, "Polling vCPUs: {");
	add_polling(f, d);
	fprintf(f, "}\n    port [p/m/s]\n");
	for (port = 1; !hv_port_info(d, port, &info); port++)
		if (info.status != EVTCHNSTAT_closed)
			dump_port(dumper->hv, f, hv_domain_id(d), port, &info);
	for (i = 0; (v = hv_domain_vcpu(d, i)) != NULL; i++)
		dump_vcpu(f, v);
	return 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const char *flow_name(enum hv_irq_flow flow)
{
	switch (flow) {
	case HV_IRQ_LEVEL:
		return "level";
	case HV_IRQ_EDGE:
		return "edge";
	case HV_IRQ_PERCPU:
		return "percpu";
	case HV_IRQ_CHAINED:
		return "chained";
	}
	return "unknown";
}

static const char *line_state(const struct hv_irq_info *info)
{
	if (info->invalid)
		return "invalid";
	if (info->probing)
		return "probed";
	return info->started ? "on" : "off";
}

static void dump_line(FILE *f, unsigned line, const struct hv_irq_info *info)
{
	unsigned i;

	fprintf(f, "    line %u: %s, %s, masked=%d in-flight=%u", line, flow_name(info->flow),
		line_state(info), info->masked, info->in_flight);
	for (i = 0; i < info->nr_bound && i < HV_MAX_LINE_GUESTS; i++)
		fprintf(f, "; d=%u p=%u port=%u%s%s", info->bound[i].domid, info->bound[i].pirq,
			info->bound[i].port, info->bound[i].in_flight ? " in flight" : "",
			info->bound[i].late ? " late" : "");
	if (info->nr_bound > HV_MAX_LINE_GUESTS)
		fprintf(f, "; and %u more", info->nr_bound - HV_MAX_LINE_GUESTS);
	fputc('\n', f);
}

static void dump_lines(struct hv *hv, FILE *f)
{
	struct hv_irq_info info;
	bool any = false;
	unsigned line;

	for (line = 0; line < HV_MAX_LINES; line++) {
		if (hv_irq_info(hv, line, &info) || !info.described)
			continue;
		if (!any)
			fprintf(f, "Interrupt lines:\n");
		any = true;
		dump_line(f, line, &info);
	}
}

void dump_write(FILE *f, struct hv *hv, const char *(*name)(const struct hv_domain *d))
{
	struct dumper dumper = { .f = f, .hv = hv, .name = name };

	hv_for_each_domain(hv, dump_domain, &dumper);
	dump_lines(hv, f);
}
