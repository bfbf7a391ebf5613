/* SPDX-License-Identifier: MIT */
/*
 * Shared memory and the port beside it, as the machine file gives them: found by name on the
 * command line. What is in the memory (ring.h, mostly) is the caller's.
 */
#include "lib.h"

void shared_open(struct shared *shared, struct pv *pv, const char *name, guest_irq_handler handler,
		 void *dev)
{
	uint64_t frame, pages, port;
	char key[64];
	const char *p;
	int r;

	r = pv_snprintf(key, sizeof(key), "shm=%s,", name);
	p = r < (int)sizeof(key) ? pv_word(pv_cmdline(pv->start_info), key) : NULL;
	if (!p)
		pv_panic("no %s... on the command line: the machine file needs shared_memory and "
			 "an event channel \"%s\" for this domain",
			 key, name);
	if (!pv_number(&p, &frame) || !pv_number(&p, &pages) || !pv_number(&p, &port))
		pv_panic("%sFRAME,PAGES,PORT expected: does the event channel \"%s\" exist?", key,
			 name);

	shared->memory = frames_open(pv, name, frame, pages);
	shared->bytes = pages * PV_PAGE_BYTES;
	shared->port = (evtchn_port_t)port;
	shared->irq =
		guest_bind_evtchn_to_irqhandler(pv->guest, shared->port, handler, 0, name, dev);
	if (shared->irq < 0)
		pv_panic("%s: cannot bind port %u: %d", name, shared->port, shared->irq);
}

void shared_notify(const struct shared *shared, struct pv *pv)
{
	int r = guest_notify_port(pv->guest, shared->port);

	if (r)
		pv_panic("cannot notify port %u: %d", shared->port, r);
}

bool shared_connected(const struct shared *shared)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = shared->port };
	long r = pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, pv_arg(&op), 0, 0, 0);

	if (r)
		pv_panic("no status of port %u: %ld", shared->port, r);
	return op.status == EVTCHNSTAT_interdomain;
}
