/* SPDX-License-Identifier: MIT */
/*
 * One domain from plan to end: its memory, its place in the hypervisor, its process. What it is
 * given (shared memory, devices, channels) is decided in machine.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder.h"
#include "device.h"
#include "machine.h"
#include "message.h"

#define PAGES_PER_MIB 256u
#define MIN_PIRQS     32u

static const char *remedy(int error)
{
	switch (-error) {
	case ENOMEM:
		return "free some memory or give it less";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files (ulimit -n)";
	case EPERM:
	case EACCES:
	case ENOSYS:
		return "the policy of this container or host refuses it; run it where that allows it";
	default:
		return "that is a mistake of carillon's, report it";
	}
}

static int failed(const struct domain *d, const char *what, int error)
{
	message("domain %s: %s: %s; %s", d->cfg->name, what, strerror(-error), remedy(error));
	return 1;
}

static uint64_t ram_pages(const struct domain *d)
{
	return d->cfg->memory * PAGES_PER_MIB;
}

static unsigned nr_pirqs(const struct config *cfg)
{
	unsigned i, j, n = MIN_PIRQS;

	for (i = 0; i < cfg->nr_devices; i++)
		for (j = 0; j < cfg->devices[i].type->nr_lines; j++)
			if (cfg->devices[i].lines[j] >= n)
				n = (unsigned)cfg->devices[i].lines[j] + 1;
	return n;
}

static void vcpu_timer_fired(struct timer *t, void *vcpu)
{
	(void)t;
	hv_vcpu_timer(vcpu);
}

/* In the hypervisor: the domain, its memory, its vCPUs' timers. */
static int create_in_hypervisor(struct machine *m, struct domain *d)
{
	uint64_t pages = ram_pages(d);
	struct hv_domain_config cfg = {
		.domid = (domid_t)(d - m->domains + 1),
		.max_vcpus = (unsigned)d->cfg->vcpus,
		.nr_pirqs = nr_pirqs(m->cfg),
		.max_evtchn_port = (uint32_t)d->cfg->max_event_channels,
		.privileged = d->cfg->privileged,
		.periodic_tick = true,
		.shared_info = d->ram.host + pages * HV_PAGE_SIZE,
		.user = d,
	};
	struct hv_memory own = {
		.mfn = d->ram.mfn, .pages = pages, .host = d->ram.host, .kind = HV_MEMORY_RAM
	};
	struct hv_memory special = { .mfn = d->ram.mfn + pages,
				     .pages = 1,
				     .host = cfg.shared_info,
				     .kind = HV_MEMORY_SPECIAL };
	unsigned i;
	int error;

	error = hv_domain_create(m->hv, &cfg, &d->hv);
	if (error)
		return error;
	for (i = 0; i < d->cfg->vcpus; i++)
		timer_add(&m->timers, &d->vcpu_timers[i], vcpu_timer_fired,
			  hv_domain_vcpu(d->hv, i));
	error = hv_domain_add_memory(d->hv, &own);
	if (!error)
		error = hv_domain_add_memory(d->hv, &special);
	return error || !m->cfg->port_counters ? error : hv_domain_trace(d->hv, true);
}

static int open_module(struct domain *d)
{
	struct stat st;

	if (!d->cfg->module_path)
		return 0;
	d->module_fd = open(d->cfg->module_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (d->module_fd >= 0 && !fstat(d->module_fd, &st) && S_ISREG(st.st_mode)) {
		d->module_size = (uint64_t)st.st_size;
		return 0;
	}
	config_error(d->machine->cfg, d->cfg->setting,
		     "domain \"%s\": its module %s is not a file that can be read; give it one",
		     d->cfg->name, d->cfg->module_path);
	return 2;
}

int domain_plan(struct machine *m, struct domain *d, const struct config_domain *cfg)
{
	struct build b = { .image = &d->image };
	uint64_t missing, enough;
	int error;

	d->machine = m;
	d->cfg = cfg;
	d->ram = MEMORY_NONE;
	d->image = IMAGE_NONE;
	d->module_fd = -1;
	if (image_open(&d->image, cfg->image_path))
		return 2;
	if (open_module(d))
		return 2;
	b.module_size = d->module_size;
	b.layout.nr_pages = ram_pages(d);
	missing = builder_layout(&b);
	if (missing) {
		enough = cfg->memory + (missing + PAGES_PER_MIB - 1) / PAGES_PER_MIB;
		config_error(
			m->cfg, cfg->setting,
			"domain \"%s\": %s%s does not fit into %llu MiB; give it memory = %llu;",
			cfg->name, cfg->image_path, cfg->module ? " with its module" : "",
			(unsigned long long)cfg->memory, (unsigned long long)enough);
		return 2;
	}
	snprintf(d->cmdline, sizeof(d->cmdline), "%s", cfg->cmdline);
	d->vcpu_timers = calloc(cfg->vcpus, sizeof(*d->vcpu_timers));
	if (!d->vcpu_timers)
		return failed(d, "timers", -ENOMEM);
	error = memory_create(&d->ram, cfg->name, machine_new_frames(m, ram_pages(d) + 1),
			      ram_pages(d) + 1);
	if (error)
		return failed(d, "memory", error);
	error = create_in_hypervisor(m, d);
	if (error)
		return failed(d, "cannot be created", error);
	return domain_add_part(d, &d->ram, HV_MEMORY_RAM, false);
}

/* RAM is known to the hypervisor already, in two kinds. */
int domain_add_part(struct domain *d, const struct memory *mem, enum hv_memory_kind kind,
		    bool read_only)
{
	struct process_memory part = {
		.mfn = mem->mfn, .pages = mem->pages, .fd = mem->fd, .writable = !read_only
	};
	struct hv_memory hm = { .mfn = mem->mfn,
				.pages = mem->pages,
				.host = mem->host,
				.kind = kind,
				.read_only = read_only };
	struct process_memory *parts;
	int error = 0;

	parts = reallocarray(d->parts, d->nr_parts + 1, sizeof(*parts));
	if (!parts)
		return failed(d, "memory", -ENOMEM);
	d->parts = parts;
	d->parts[d->nr_parts++] = part;
	if (kind != HV_MEMORY_RAM)
		error = hv_domain_add_memory(d->hv, &hm);
	return error ? failed(d, "shared memory", error) : 0;
}

int domain_add_word(struct domain *d, const char *fmt, ...)
{
	size_t n = strlen(d->cmdline);
	va_list ap;
	int len;

	if (n && n + 1 < sizeof(d->cmdline))
		d->cmdline[n++] = ' ';
	va_start(ap, fmt);
	len = vsnprintf(d->cmdline + n, sizeof(d->cmdline) - n, fmt, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < sizeof(d->cmdline) - n)
		return 0;
	config_error(d->machine->cfg, d->cfg->setting,
		     "domain \"%s\": its command line with the words for its devices, memory and "
		     "channels is longer than %u bytes; give it fewer or shorter names",
		     d->cfg->name, MAX_GUEST_CMDLINE - 1);
	return 2;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* From the backend's thread: keep the report, the main loop does the rest. */
static void ended(struct process *p, const struct process_report *report, void *arg)
{
	struct domain *d = arg;
	uint64_t one = 1;

	(void)p;
	d->report = *report;
	atomic_store_explicit(&d->state, DOMAIN_ENDED, memory_order_release);
	if (write(d->machine->wake_fd, &one, sizeof(one)) < 0)
		return; /* its counter is at the top: the loop will look anyway */
}

int domain_build(struct domain *d)
{
	struct process_config pc = {
		.name = d->cfg->name,
		.domain = d->hv,
		.nr_vcpus = (unsigned)d->cfg->vcpus,
		.memory = d->parts,
		.nr_memory = d->nr_parts,
		.cpuid = { d->cfg->cpuid_changes, d->cfg->nr_cpuid_changes },
		.hypercall_page = d->image.hypercall_page,
		.ended = ended,
		.arg = d,
	};
	struct build b = {
		.image = &d->image,
		.module_fd = d->module_fd,
		.module_size = d->module_size,
		.ram = &d->ram,
		.shared_info_mfn = d->ram.mfn + ram_pages(d),
		.privileged = d->cfg->privileged,
		.cmdline = d->cmdline,
		.layout.nr_pages = ram_pages(d),
	};
	struct vcpu_guest_context context;
	int error;

	if (process_create(&d->process, &pc))
		return 1;
	builder_layout(&b);
	error = builder_write(&b);
	if (error) {
		message("%s%s: %s; it changed while it was loaded, build it again",
			d->cfg->image_path, d->cfg->module ? " or its module" : "",
			strerror(-error));
		return 1;
	}
	error = hv_pv_adopt(d->hv, builder_root(&b));
	if (error)
		return failed(d, "page tables", error);
	builder_context(&b, &context);
	error = hv_vcpu_start(hv_domain_vcpu(d->hv, 0), &context);
	return error ? failed(d, "vCPU 0", error) : 0;
}

int domain_start(struct domain *d)
{
	atomic_store_explicit(&d->state, DOMAIN_RUNNING, memory_order_release);
	return process_start(d->process) ? 1 : 0;
}

/* ---- end ------------------------------------------------------------------------------------- */

/*
 * No hypercall, timer or device thread may be in the domain when the hypervisor lets go of it; its
 * devices have been stopped by the caller. The process's own remains go last, for until then
 * others' sends may kick it.
 */
void domain_destroy(struct domain *d)
{
	unsigned i;

	if (!d->cfg || d->state == DOMAIN_GONE)
		return;
	if (d->process)
		process_destroy(d->process);
	if (d->hv) {
		console_guest_end(&d->machine->console, d->cfg->name, &d->line);
		for (i = 0; i < d->cfg->vcpus; i++)
			timer_remove(&d->vcpu_timers[i]);
		hv_domain_counters(d->hv, &d->counters);
		hv_domain_destroy(d->hv);
	}
	if (d->process)
		process_free(d->process);
	d->hv = NULL;
	d->process = NULL;
	free(d->parts);
	free(d->vcpu_timers);
	memory_destroy(&d->ram);
	image_close(&d->image);
	if (d->module_fd >= 0)
		close(d->module_fd);
	d->state = DOMAIN_GONE;
}
