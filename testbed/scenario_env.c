/* SPDX-License-Identifier: MIT */
/*
 * What domain 0's toolstack does: domains come, are paused and go; debug keys; who gets a global
 * VIRQ. The errors are those of Xen's domctls.
 */
#include <xen/errno.h>
#include <xen/event_channel.h>

#include "scenario_private.h"

/*
 * Of a domain that is not dom0: the 24 lines of one I/O APIC, and Xen's 32 for devices passed
 * through. (dom0 has 440 on the machine of the recordings: 24 and 2 x 208 vectors.)
 */
#define GUEST_PIRQS 56u

static uint32_t port_limit(const struct call *c)
{
	uint64_t limit = call_field(c, "max_evtchn_port", UINT64_MAX);

	if (limit == 0)
		return HV_NO_EVTCHN_PORTS;
	return limit < EVTCHN_FIFO_NR_CHANNELS ? (uint32_t)limit : 0;
}

/* As a toolstack leaves it: paused once, vCPU 0 without a context. */
static int create(struct call *c, struct rdomain **out)
{
	uint64_t id = call_field(c, "id", 0);
	uint64_t vcpus = call_field(c, "vcpus", 1);
	uint64_t bits = call_field(c, "bits", 64);
	int rc;

	if (replay_domain(c->r, id))
		return -XEN_EEXIST;
	if (id >= DOMID_FIRST_RESERVED || vcpus < 1 || vcpus > HV_MAX_VCPUS)
		return -XEN_EINVAL;
	if (bits != 32 && bits != 64)
		return -XEN_EINVAL;
	rc = replay_add_domain(c->r,
			       &(struct testbed_domain_config){ .id = (domid_t)id,
								.vcpus = (unsigned)vcpus,
								.nr_pirqs = GUEST_PIRQS,
								.max_evtchn_port = port_limit(c),
								.compat32 = bits == 32,
								.absent = true },
			       out);
	if (rc)
		return rc;
	hv_domain_pause(testbed_hv_domain((*out)->d));
	(*out)->pauses = 1;
	return 0;
}

void run_domain_create(struct call *c)
{
	struct rdomain *d;

	answer_rc(&c->answer, create(c, &d));
}

void run_domain_start(struct call *c)
{
	struct rdomain *d = replay_domain(c->r, call_field(c, "id", 0));
	int rc = d ? 0 : create(c, &d);

	if (rc == 0 && !d->side[0].used) {
		rc = testbed_vcpu_boot(d->side[0].v);
		d->side[0].used = rc == 0;
	}
	for (; rc == 0 && d->pauses; d->pauses--)
		hv_domain_unpause(testbed_hv_domain(d->d));
	answer_rc(&c->answer, rc);
}

/* The domain that is meant; NULL, and the answer is given: there is none, or it is dom0 itself. */
static struct rdomain *other_domain(struct call *c)
{
	struct rdomain *d = replay_domain(c->r, call_field(c, "id", 0));

	if (!d)
		answer_rc(&c->answer, -XEN_ESRCH);
	else if (d->id == 0)
		answer_rc(&c->answer, -XEN_EINVAL);
	return d && d->id ? d : NULL;
}

void run_domain_pause(struct call *c)
{
	struct rdomain *d = other_domain(c);

	if (!d)
		return;
	hv_domain_pause(testbed_hv_domain(d->d));
	d->pauses++;
	answer_rc(&c->answer, 0);
}

void run_domain_unpause(struct call *c)
{
	struct rdomain *d = other_domain(c);

	if (!d)
		return;
	if (!d->pauses) {
		answer_rc(&c->answer, -XEN_EINVAL);
		return;
	}
	hv_domain_unpause(testbed_hv_domain(d->d));
	d->pauses--;
	answer_rc(&c->answer, 0);
}

void run_domain_destroy(struct call *c)
{
	struct rdomain *d = other_domain(c);

	if (!d)
		return;
	replay_remove_domain(c->r, d);
	/* It may have been the caller itself. */
	c->d = NULL;
	answer_rc(&c->answer, 0);
}

/* 'q' dumps domains, and on the way raises VIRQ_DEBUG everywhere. The others only print. */
void run_debug_key(struct call *c)
{
	if (call_field(c, "key", 0) == 'q')
		for (struct rdomain *d = c->r->domains; d; d = d->next)
			for (unsigned i = 0; i < d->nr_vcpus; i++)
				hv_vcpu_virq(testbed_hv_vcpu(d->side[i].v), VIRQ_DEBUG);
	answer_rc(&c->answer, 0);
}

void run_virq_handler(struct call *c)
{
	const struct rdomain *d = replay_domain(c->r, call_field(c, "id", 0));
	uint64_t virq = call_field(c, "virq", 0);
	int rc = -XEN_ESRCH;

	if (d)
		rc = hv_set_virq_handler(testbed_hv(c->r->tb), (unsigned)virq,
					 testbed_hv_domain(d->d));
	answer_rc(&c->answer, rc);
}
