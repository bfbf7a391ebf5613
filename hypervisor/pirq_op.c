/* SPDX-License-Identifier: MIT */
/*
 * physdev_op, decoded and answered as Xen 4.17 does, in its order of checks; and its old entry.
 * What a pirq is and does is in pirq.c and irq.c. There is no PCI here, no I/O APIC and no I/O
 * port.
 */
#include <xen/physdev.h>

#include "atomic.h"
#include "bound.h"
#include "domain.h"
#include "event.h"
#include "event_abi.h"
#include "guest_access.h"
#include "irq.h"
#include "policy.h"
#include "ports.h"
#include "probe.h"

#define FIRST_FREE_PIRQ 16u /* where numbers not asked for begin: below are the ISA lines */
#define IO_PORTS	65536u

/* ---- end of interrupt ---- */

/* A number that is mapped, or given out, or still has a port: Xen knows no others. */
static bool is_known(const struct pirq *p)
{
	return p->state != PIRQ_FREE;
}

static long op_eoi(struct hv_vcpu *v, uint64_t arg)
{
	struct hv_domain *d = v->domain;
	struct physdev_eoi eoi;
	struct pirq *p;
	long rc = -XEN_EINVAL;

	if (copy_from_guest(v, &eoi, arg, sizeof(eoi)))
		return -XEN_EFAULT;
	p = pirq_find(d, eoi.irq);
	if (!p)
		return rc;
	fetch_add_relaxed(&v->eois, UINT64_C(1));
	probe_eoi(d->domid, eoi.irq);
	lock_take(d->hv, &d->lock);
	if (is_known(p)) {
		rc = 0;
		/* In this order: what the eoi lets in finds the port unmasked. */
		if (d->eoi_unmasks && load_relaxed(&p->port))
			event_unmask(v, load_relaxed(&p->port));
		if (p->state == PIRQ_MAPPED)
			irq_eoi(d->hv, p);
	}
	lock_drop(&d->lock);
	return rc;
}

/* Domain's lock held. */
static bool is_masked(const struct hv_domain *d, uint32_t port)
{
	struct hv_port_info info = { .vcpu = 0 };

	domain_abi(d)->look(d, port, &info);
	return info.masked;
}

/*
 * From the oldest guests, when they have unmasked ports: whatever is in service on a port that is
 * not masked is over.
 */
static long op_unmask_notify(struct hv_vcpu *v)
{
	struct hv_domain *d = v->domain;
	uint32_t i;

	lock_take(d->hv, &d->lock);
	for (i = 0; i < d->nr_pirqs; i++) {
		struct pirq *p = &d->pirqs[i];
		uint32_t port = load_relaxed(&p->port);

		if (p->state == PIRQ_MAPPED && port && irq_in_flight(d->hv, p) &&
		    !is_masked(d, port))
			irq_eoi(d->hv, p);
	}
	lock_drop(&d->lock);
	return 0;
}

/* Once: the page stays until the domain ends. */
static long op_eoi_map(struct hv_vcpu *v, uint64_t arg, bool unmasks)
{
	struct hv_domain *d = v->domain;
	struct physdev_pirq_eoi_gmfn m;
	void *page;
	long rc = 0;

	_Static_assert(HV_MAX_PIRQS <= HV_PAGE_SIZE * 8, "a bit for each");
	if (copy_from_guest(v, &m, arg, sizeof(m)))
		return -XEN_EFAULT;
	page = mm_get_frame(d, m.gmfn);
	if (!page)
		return -XEN_EINVAL;
	lock_take(d->hv, &d->lock);
	if (d->eoi_map) {
		rc = -XEN_EBUSY;
	} else {
		d->eoi_map = page;
		d->eoi_map_mfn = m.gmfn;
		d->eoi_unmasks = unmasks;
	}
	lock_drop(&d->lock);
	if (rc)
		mm_put_frame(d, m.gmfn);
	return rc;
}

static long op_status(struct hv_vcpu *v, uint64_t arg)
{
	struct hv_domain *d = v->domain;
	struct physdev_irq_status_query q;
	struct pirq *p;

	if (copy_from_guest(v, &q, arg, sizeof(q)))
		return -XEN_EFAULT;
	p = pirq_find(d, q.irq);
	if (!p)
		return -XEN_EINVAL;
	q.flags = 0;
	lock_take(d->hv, &d->lock);
	/* Xen 4.17 says so of every pirq, so that only who has the page knows better. */
	if (p->state != PIRQ_MAPPED || irq_needs_eoi(d->hv, p->line))
		q.flags |= XENIRQSTAT_needs_eoi;
	if (p->state == PIRQ_MAPPED && irq_shared(d->hv, p->line))
		q.flags |= XENIRQSTAT_shared;
	lock_drop(&d->lock);
	return copy_to_guest(v, arg, &q, sizeof(q));
}

/* ---- mapping ---- */

/*
 * A number that nothing has; -XEN_ENOSPC. Of lines from below, of MSIs from above. Domain's lock
 * held.
 */
static int free_pirq(const struct hv_domain *d, int type)
{
	uint32_t i;

	for (i = FIRST_FREE_PIRQ; i < d->nr_pirqs; i++) {
		uint32_t n = type == MAP_PIRQ_TYPE_GSI ? i : d->nr_pirqs - 1 - i + FIRST_FREE_PIRQ;

		if (d->pirqs[n].state == PIRQ_FREE)
			return (int)n;
	}
	return -XEN_ENOSPC;
}

/*
 * The line that `index` means: that of the caller's own pirq of that number, if it has one, else
 * the line itself. NULL: there is no such line, or guests cannot map it. Line 0 is the
 * hypervisor's.
 */
static struct irq_line *line_of_index(struct hv_vcpu *v, int index)
{
	struct hv_domain *d = v->domain;
	struct irq_line *line = NULL;
	const struct pirq *p;

	if (index < 0 || (unsigned)index >= HV_MAX_LINES)
		return NULL;
	p = pirq_find(d, (uint32_t)index);
	if (p) {
		lock_take(d->hv, &d->lock);
		if (p->state == PIRQ_MAPPED)
			line = p->line;
		lock_drop(&d->lock);
	}
	if (!line)
		line = irq_find(d->hv, (unsigned)index);
	return line && line->number && irq_exists(d->hv, line) ? line : NULL;
}

/*
 * Domain's lock held. A line that the domain has keeps its number. To a number that has another
 * line nothing is done, and that is no error: as on Xen.
 */
static int map_gsi(struct hv_vcpu *v, struct hv_domain *d, struct irq_line *line, int *pirq)
{
	const struct pirq *have = pirq_of_line(d, line);
	int number = have ? (int)(have - d->pirqs) : *pirq;
	struct pirq *p;
	int rc;

	if (have && *pirq >= 0 && (*pirq != number || have->state == PIRQ_LOST))
		return -XEN_EEXIST;
	if (have && have->state == PIRQ_LOST)
		return -XEN_EBUSY;
	rc = have ? 0 : policy_ask_on(v, HV_OP_PIRQ_TAKE, d, line->number);
	if (rc)
		return rc;
	if (number < 0)
		number = free_pirq(d, MAP_PIRQ_TYPE_GSI);
	if (number < 0)
		return number;
	p = pirq_find(d, (uint32_t)number);
	if (!p)
		return -XEN_EINVAL;
	if (p->state == PIRQ_LOST)
		return -XEN_EBUSY; /* Xen loses track of the port that it has */
	rc = p->state == PIRQ_MAPPED ? 0 : pirq_map(d, p, line, true);
	if (rc == 0)
		*pirq = number;
	return rc;
}

static int map_pirq(struct hv_vcpu *v, struct hv_domain *d, struct physdev_map_pirq *m)
{
	struct irq_line *line;
	int rc;

	rc = policy_ask_on(v, HV_OP_PIRQ_MAP, d, (uint32_t)m->index);
	if (rc)
		return rc;
	switch (m->type) {
	case MAP_PIRQ_TYPE_GSI:
		line = line_of_index(v, m->index);
		if (!line)
			return m->index ? -XEN_EINVAL : -XEN_EPERM;
		lock_take(d->hv, &d->lock);
		rc = map_gsi(v, d, line, &m->pirq);
		lock_drop(&d->lock);
		return rc;
	case MAP_PIRQ_TYPE_MSI:
		/* An index is a vector that there would be already. */
		return m->index == -1 ? -XEN_ENODEV : -XEN_EINVAL;
	case MAP_PIRQ_TYPE_MULTI_MSI:
		return -XEN_ENODEV;
	default:
		return -XEN_EINVAL;
	}
}

static long op_map(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_map_pirq m;
	struct hv_domain *d;
	long rc;

	if (copy_from_guest(v, &m, arg, sizeof(m)))
		return -XEN_EFAULT;
	if (m.type == MAP_PIRQ_TYPE_MSI_SEG)
		m.type = MAP_PIRQ_TYPE_MSI;
	else if (m.type == MAP_PIRQ_TYPE_MULTI_MSI && m.table_base)
		return -XEN_EINVAL;
	d = domain_get_any(v, m.domid);
	if (!d)
		return -XEN_ESRCH;
	rc = map_pirq(v, d, &m);
	domain_put_any(v, d);
	/* As on Xen also of one that failed; and if this fails, that is the error. */
	return copy_to_guest(v, arg, &m, sizeof(m)) ? -XEN_EFAULT : rc;
}

static long op_unmap(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_unmap_pirq u;
	struct hv_domain *d;
	long rc;

	if (copy_from_guest(v, &u, arg, sizeof(u)))
		return -XEN_EFAULT;
	d = domain_get_any(v, u.domid);
	if (!d)
		return -XEN_ESRCH;
	rc = policy_ask_on(v, HV_OP_PIRQ_UNMAP, d, (uint32_t)u.pirq);
	if (rc == 0)
		rc = hv_domain_unmap_pirq(d, (uint32_t)u.pirq); /* negative: out of range */
	domain_put_any(v, d);
	return rc;
}

/* The number is given out: it is not free any more, until it was mapped and unmapped. */
static long op_free_pirq(struct hv_vcpu *v, uint64_t arg)
{
	struct hv_domain *d = v->domain;
	struct physdev_get_free_pirq f;
	int pirq;

	if (copy_from_guest(v, &f, arg, sizeof(f)))
		return -XEN_EFAULT;
	lock_take(d->hv, &d->lock);
	pirq = free_pirq(d, f.type);
	if (pirq >= 0)
		d->pirqs[pirq].state = PIRQ_TAKEN;
	lock_drop(&d->lock);
	if (pirq < 0)
		return pirq;
	f.pirq = (uint32_t)pirq;
	return copy_to_guest(v, arg, &f, sizeof(f));
}

/* ---- what there is nothing behind ---- */

/* Privileges of I/O ports: accepted within their bounds. */
static long op_iopl(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_set_iopl s;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	return s.iopl > 3 ? -XEN_EINVAL : 0;
}

/* The bitmap must be at an address that is a guest's to name; nobody ever reads it. */
static long op_iobitmap(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_set_iobitmap s;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	if (s.nr_ports > IO_PORTS || !is_canonical(s.bitmap))
		return -XEN_EINVAL;
	if (s.bitmap >= HYPERVISOR_VIRT_START && s.bitmap < HYPERVISOR_VIRT_END)
		return -XEN_EINVAL;
	return 0;
}

/* No I/O APIC is at any address. */
static long op_apic(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_apic a;
	long rc;

	if (copy_from_guest(v, &a, arg, sizeof(a)))
		return -XEN_EFAULT;
	rc = policy_ask_on(v, HV_OP_PIRQ_SETUP, v->domain, a.apic_physbase);
	return rc ? rc : -XEN_EINVAL;
}

/* A line's vector is the controller's affair: the answer is the line, as Xen gives it. */
static long op_vector(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_irq q;
	long rc;

	if (copy_from_guest(v, &q, arg, sizeof(q)))
		return -XEN_EFAULT;
	rc = policy_ask_on(v, HV_OP_PIRQ_SETUP, v->domain, q.irq);
	if (rc)
		return rc;
	q.vector = q.irq;
	return copy_to_guest(v, arg, &q, sizeof(q));
}

/* How a line is wired, its embedder has said. */
static long op_setup_gsi(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_setup_gsi s;
	struct irq_line *line;
	long rc;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	if (s.gsi < 0 || (unsigned)s.gsi >= HV_MAX_LINES)
		return -XEN_EINVAL;
	rc = policy_ask_on(v, HV_OP_PIRQ_SETUP, v->domain, (unsigned)s.gsi);
	if (rc)
		return rc;
	line = irq_find(v->domain->hv, (unsigned)s.gsi);
	return line && irq_exists(v->domain->hv, line) ? 0 : -XEN_EINVAL;
}

/* ---- the way in ---- */

static long physdev_op_at(struct hv_vcpu *v, uint32_t op, uint64_t arg)
{
	switch (op) {
	case PHYSDEVOP_eoi:
		return op_eoi(v, arg);
	case PHYSDEVOP_pirq_eoi_gmfn_v1:
		return op_eoi_map(v, arg, true);
	case PHYSDEVOP_pirq_eoi_gmfn_v2:
		return op_eoi_map(v, arg, false);
	case PHYSDEVOP_IRQ_UNMASK_NOTIFY:
		return op_unmask_notify(v);
	case PHYSDEVOP_irq_status_query:
		return op_status(v, arg);
	case PHYSDEVOP_map_pirq:
		return op_map(v, arg);
	case PHYSDEVOP_unmap_pirq:
		return op_unmap(v, arg);
	case PHYSDEVOP_get_free_pirq:
		return op_free_pirq(v, arg);
	case PHYSDEVOP_set_iopl:
		return op_iopl(v, arg);
	case PHYSDEVOP_set_iobitmap:
		return op_iobitmap(v, arg);
	case PHYSDEVOP_apic_read:
	case PHYSDEVOP_apic_write:
		return op_apic(v, arg);
	case PHYSDEVOP_alloc_irq_vector:
		return op_vector(v, arg);
	case PHYSDEVOP_setup_gsi:
		return op_setup_gsi(v, arg);
	default:
		return -XEN_ENOSYS;
	}
}

long do_physdev_op(struct hv_vcpu *v, const uint64_t a[6])
{
	return physdev_op_at(v, (uint32_t)a[0], a[1]);
}

/*
 * The old entry: number and argument in one structure. Xen lets the newer operations through as
 * well, and reads beyond the structure what they have more.
 */
long do_physdev_op_compat(struct hv_vcpu *v, const uint64_t a[6])
{
	struct physdev_op op;

	if (copy_from_guest(v, &op, a[0], sizeof(op)))
		return -XEN_EFAULT;
	return physdev_op_at(v, op.cmd, a[0] + offsetof(struct physdev_op, u));
}
