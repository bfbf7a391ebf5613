/* SPDX-License-Identifier: MIT */
/*
 * A guest's life: made on the boot CPU, widened by each CPU that starts, and taken down. Also the
 * small services that every part uses: waiting, tables. Events and IRQs have their own directories.
 */
#include "private.h"

#include <xen/vcpu.h>

#include "events/events.h"
#include "irq/irq.h"
#include "mm/mm.h"
#include "multicall.h"
#include "smp/smp.h"

#define DEFAULT_NR_IRQS EVTCHN_FIFO_NR_CHANNELS
#define MAX_NR_IRQS	OPEN_MAX_NR_IRQS
#define MAX_PIRQS	(1u << 15)

void cpu_relax(const struct guest *g)
{
	if (g->ops->relax)
		g->ops->relax(g->ctx);
#if defined(__x86_64__)
	else
		__asm__ volatile("pause" ::: "memory");
#endif
}

/* The page of those that have none yet; aligned as the others are (line_beside). */
static void *no_page(void)
{
	static const unsigned char zeroes[TABLE_PAGE] __attribute__((aligned(TABLE_PAGE)));

	return (void *)(uintptr_t)zeroes;
}

static unsigned nr_pages(const struct table *t)
{
	return (t->limit + t->per_page - 1) / t->per_page;
}

int table_init(struct guest *g, struct table *t, unsigned limit, unsigned per_page)
{
	unsigned page;

	t->limit = limit;
	t->per_page = per_page;
	t->pages = guest_alloc(g, nr_pages(t) * sizeof(*t->pages));
	if (!t->pages)
		return -XEN_ENOMEM;
	for (page = 0; page < nr_pages(t); page++)
		t->pages[page] = no_page();
	return 0;
}

int table_reserve(struct guest *g, struct table *t, unsigned nr)
{
	void **at = &t->pages[nr / t->per_page], *page;

	if (load_relaxed(at) != no_page())
		return 0;
	page = guest_alloc(g, TABLE_PAGE);
	if (!page)
		return -XEN_ENOMEM;
	/* Else line_beside would lead to somebody else's memory. */
	if ((uintptr_t)page % TABLE_PAGE) {
		guest_free(g, page, TABLE_PAGE);
		return -XEN_EINVAL;
	}
	/* Another CPU may be looking at this moment: both are full of zeroes. */
	store_release(at, page);
	return 0;
}

void table_fini(struct guest *g, struct table *t)
{
	unsigned page;

	if (!t->pages)
		return;
	for (page = 0; page < nr_pages(t); page++)
		if (t->pages[page] != no_page())
			guest_free(g, t->pages[page], TABLE_PAGE);
	guest_free(g, t->pages, nr_pages(t) * sizeof(*t->pages));
}

static unsigned nr_irqs_of(const struct guest_config *cfg)
{
	return cfg->nr_irqs ? cfg->nr_irqs : DEFAULT_NR_IRQS;
}

static int config_check(const struct guest_port_ops *ops, const struct guest_config *cfg)
{
	if (!ops->hypercall || !ops->this_cpu || !ops->alloc || !ops->free || !ops->cycles)
		return -XEN_EINVAL;
	if (!cfg->shared_info || !cfg->nr_cpus || cfg->nr_cpus > GUEST_MAX_CPUS)
		return -XEN_EINVAL;
	if (cfg->nr_cpus > XEN_LEGACY_MAX_VCPUS && !ops->frame_of)
		return -XEN_EINVAL;
	if (cfg->nr_legacy_pirqs > nr_irqs_of(cfg) || cfg->nr_legacy_pirqs > MAX_PIRQS)
		return -XEN_EINVAL;
	if ((unsigned)cfg->abi > GUEST_ABI_FIFO || !ops->pin != !ops->unpin)
		return -XEN_EINVAL;
	return cfg->nr_irqs > MAX_NR_IRQS ? -XEN_EINVAL : 0;
}

static int cpus_create(struct guest *g)
{
	unsigned i;

	g->cpus = guest_alloc(g, g->nr_cpus * sizeof(*g->cpus));
	if (!g->cpus)
		return -XEN_ENOMEM;
	for (i = 0; i < g->nr_cpus; i++) {
		g->cpus[i].nr = i;
		g->cpus[i].quick_nr = (uint8_t)(i + 1);
		g->cpus[i].quick_answer = GUEST_IRQ_HANDLED;
		if (i < XEN_LEGACY_MAX_VCPUS)
			g->cpus[i].vcpu_info = &g->shared->vcpu_info[i];
	}
	if (batch_init(g, &g->cpus[0]))
		return -XEN_ENOMEM;
	g->cpus[0].ready = true;
	return 0;
}

int guest_create(struct guest **out, const struct guest_port_ops *ops, void *ctx,
		 const struct guest_config *cfg)
{
	struct guest *g;
	int rc;

	rc = config_check(ops, cfg);
	if (rc)
		return rc;
	g = ops->alloc(ctx, sizeof(*g));
	if (!g)
		return -XEN_ENOMEM;
	g->ops = ops;
	g->ctx = ctx;
	g->shared = cfg->shared_info;
	g->nr_cpus = cfg->nr_cpus;

	/* Before anything else: nothing may be delivered until the kernel says so. */
	store_sc(&g->shared->vcpu_info[0].evtchn_upcall_mask, (uint8_t)1);

	rc = cpus_create(g);
	if (!rc)
		rc = irqs_init(g, nr_irqs_of(cfg), cfg->nr_legacy_pirqs);
	if (!rc)
		rc = table_init(g, &g->pirqs, MAX_PIRQS, TABLE_POINTERS);
	if (!rc)
		rc = events_init(g, cfg->abi);
	if (rc) {
		guest_destroy(g);
		return rc;
	}
	*out = g;
	return 0;
}

void guest_destroy(struct guest *g)
{
	unsigned i;

	mm_fini(g);
	smp_fini(g);
	events_fini(g);
	table_fini(g, &g->pirqs);
	irqs_fini(g);
	for (i = 0; g->cpus && i < g->nr_cpus; i++) {
		batch_fini(g, &g->cpus[i]);
		if (i >= XEN_LEGACY_MAX_VCPUS)
			guest_free(g, g->cpus[i].vcpu_info, sizeof(*g->cpus[i].vcpu_info));
	}
	guest_free(g, g->cpus, g->nr_cpus * sizeof(*g->cpus));
	guest_free(g, g, sizeof(*g));
}

void *guest_ctx(const struct guest *g)
{
	return g->ctx;
}

/*
 * shared_info has room for 32 CPUs; those beyond bring their own. Xen moves what the vCPU had until
 * now over, and marks everything as pending, so nothing is lost on the way.
 */
int cpu_info_init(struct guest *g, struct guest_cpu *cpu)
{
	struct vcpu_register_vcpu_info reg = { 0 };
	struct vcpu_info *info = cpu->vcpu_info;
	long rc;

	_Static_assert(sizeof(*info) <= CACHE_LINE,
		       "a cache line does not cross a page: nor must this");
	if (cpu->nr < XEN_LEGACY_MAX_VCPUS || cpu->info_given)
		return 0;
	if (!info)
		info = guest_alloc(g, sizeof(*info));
	if (!info)
		return -XEN_ENOMEM;
	info->evtchn_upcall_mask = 1;
	reg.mfn = g->ops->frame_of(g->ctx, info);
	reg.offset = (uint32_t)((uintptr_t)info % 4096);
	rc = hypercall(g, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, cpu->nr,
		       hypercall_arg(&reg));
	/*
	 * -EINVAL if we had one before: Xen has not forgotten it, as when only the ports were
	 * reset.
	 */
	if (rc && !(rc == -XEN_EINVAL && cpu->vcpu_info)) {
		if (!cpu->vcpu_info)
			guest_free(g, info, sizeof(*info));
		return (int)rc;
	}
	cpu->vcpu_info = info;
	cpu->info_given = true;
	return 0;
}

int guest_cpu_init(struct guest *g)
{
	struct guest_cpu *cpu = this_cpu(g);
	int rc = cpu_info_init(g, cpu);

	if (!rc)
		rc = batch_init(g, cpu);
	if (rc)
		return rc;
	store_sc(&cpu->vcpu_info->evtchn_upcall_mask, (uint8_t)1);
	rc = events_cpu_init(g, cpu);
	if (rc)
		return rc;
	/* IRQs may be moved here. Pairs with cpu_ready. */
	store_release(&cpu->ready, true);
	return 0;
}

int guest_resume(struct guest *g)
{
	unsigned i;
	int rc;

	for (i = 0; i < g->nr_cpus; i++) {
		g->cpus[i].info_given = false;
		g->cpus[i].drained = false;
		store_relaxed(&g->cpus[i].last_clock, (uint64_t)0);
		clock_cpu_reset(&g->cpus[i]);
	}
	store_relaxed(&g->last_clock, (uint64_t)0);
	rc = events_forget(g);
	if (!rc)
		rc = guest_cpu_init(g);
	if (rc)
		return rc;
	rc = events_rebind(g);
	smp_resumed(g);
	return rc;
}
