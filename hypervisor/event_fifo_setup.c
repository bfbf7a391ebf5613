/* SPDX-License-Identifier: MIT */
/*
 * A domain's way into the FIFO ABI and back: init_control, expand_array, and what reset does.
 * Raising events is event_fifo.c.
 */
#include "event.h"

#include "event_fifo.h"
#include "mm.h"
#include "ports.h"
#include "vcpu.h"

static size_t fifo_size(const struct hv_domain *d)
{
	return sizeof(struct fifo) + d->max_vcpus * sizeof(struct fifo_queues);
}

/* A vCPU's control block. Domain's lock held. It is not cleared: the guest may use its page as it
 * likes. */
static int map_block(struct hv_vcpu *v, const struct evtchn_init_control *a)
{
	uint32_t last = HV_PAGE_SIZE - sizeof(struct evtchn_fifo_control_block);
	uint8_t *frame;

	if (v->block)
		return -XEN_EINVAL;
	frame = mm_get_frame(v->domain, a->control_gfn);
	if (!frame)
		return -XEN_EINVAL;
	v->block_mfn = a->control_gfn;
	/* Release: pairs with the senders' acquire; from here on the vCPU gets events. */
	store_release(&v->block,
		      (struct evtchn_fifo_control_block *)(void *)(frame + index_nospec(a->offset,
											last + 1)));
	return 0;
}

/*
 * From 2-level to FIFO. What was raised before is in shared_info, and is remembered until the event
 * array's pages come; the bits there are left as they are. Domain's lock held.
 */
static void enter_fifo(struct hv_domain *d)
{
	const struct event_abi *before = abi_2l(d);
	uint32_t port;

	for (port = 1; port < before->ports && port_find(d, port); port++)
		store_relaxed(&port_fifo(d, port)->priority, (uint8_t)EVTCHN_FIFO_PRIORITY_DEFAULT);
	/*
	 * Pairs with the senders' load in domain_abi(), in their sections: after the wait nobody
	 * sets bits in shared_info any more.
	 */
	store_seq(&d->abi, &event_fifo);
	ports_limit_changed(d);
	set_ways(d);
	sections_wait(d->hv);
	for (port = 1; port < before->ports && port_find(d, port); port++)
		if (before->is_pending(d, port))
			store_seq(&port_fifo(d, port)->remembered, (uint8_t)1);
}

/* The domain's first one. Lock held. */
static int first_block(struct hv_domain *d, struct hv_vcpu *v, const struct evtchn_init_control *a)
{
	struct fifo *f = alloc(d->hv, fifo_size(d));
	int rc;

	if (!f)
		return -XEN_ENOMEM;
	rc = map_block(v, a);
	if (rc) {
		release(d->hv, f, fifo_size(d));
		return rc;
	}
	d->fifo = f;
	enter_fifo(d);
	return 0;
}

long event_init_control(struct hv_domain *d, struct evtchn_init_control *a)
{
	struct hv_vcpu *to = vcpu_find(d, a->vcpu);
	int rc;

	if (!to)
		return -XEN_ENOENT;
	if (a->offset > HV_PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || a->offset % 8)
		return -XEN_EINVAL;
	lock_take(d->hv, &d->lock);
	rc = d->fifo ? map_block(to, a) : first_block(d, to, a);
	set_ways(d);
	lock_drop(&d->lock);
	a->link_bits = EVTCHN_FIFO_LINK_BITS;
	return rc;
}

/* Words for the next ports. Domain's lock held. */
static int add_page(struct hv_domain *d, uint64_t mfn)
{
	struct fifo *f = d->fifo;
	uint32_t port = f->words;
	uint32_t slot = port / FIFO_PAGE_WORDS, i;
	event_word_t *page;
	struct port *p;

	if (slot >= FIFO_PAGES)
		return -XEN_ENOSPC;
	page = mm_get_frame(d, mfn);
	if (!page)
		return -XEN_EINVAL;
	f->mfn[slot] = mfn;
	f->words += FIFO_PAGE_WORDS;
	/* Pairs with fifo_word(); and with remember(), which leaves a mark and then reads this. */
	for (i = 0; i < FIFO_PAGE_WORDS; i += FIFO_PART_WORDS)
		store_seq(&f->part[(port + i) / FIFO_PART_WORDS], page + i);
	/*
	 * As on Xen, whoever has the port now: what was remembered of a closed one is raised as
	 * well, and dropped if the vCPU has no control block.
	 */
	for (; port < f->words && (p = port_find(d, port)) != NULL; port++)
		if (load_seq(&port_fifo(d, port)->remembered))
			event_repeat(d->vcpu[word_vcpu(load_relaxed(&p->word))], port);
	return 0;
}

long event_expand_array(struct hv_domain *d, const struct evtchn_expand_array *a)
{
	int rc;

	lock_take(d->hv, &d->lock);
	rc = d->fifo ? add_page(d, a->array_gfn) : -XEN_EOPNOTSUPP;
	lock_drop(&d->lock);
	return rc;
}

void event_fifo_leave(struct hv_domain *d)
{
	struct fifo *f = d->fifo;
	uint32_t i;

	if (!f)
		return;
	/* Pairs with the senders' load in domain_abi(). */
	store_seq(&d->abi, abi_2l(d));
	ports_limit_changed(d);
	set_ways(d);
	sections_wait(d->hv);
	for (i = 0; i < f->words / FIFO_PAGE_WORDS; i++)
		mm_put_frame(d, f->mfn[i]);
	for (i = 0; i < d->max_vcpus; i++) {
		struct hv_vcpu *v = d->vcpu[i];

		if (v->block)
			mm_put_frame(d, v->block_mfn);
		store_relaxed(&v->block, (struct evtchn_fifo_control_block *)NULL);
		store_relaxed(&v->queues, (struct fifo_queue *)NULL);
	}
	release(d->hv, f, fifo_size(d));
	d->fifo = NULL;
}
