/* SPDX-License-Identifier: MIT */
/*
 * A domain's process from birth to death, and whether this kernel can have such. How it is started
 * is in process_loader.c, what its vCPUs do in process_vcpu.c.
 *
 * Who ends it: a vCPU's thread that sees the domain over, or process_destroy, kills the process and
 * no more. One watcher thread per domain waits for the death, whatever its cause, collects the
 * vCPUs' threads and tells the machine; so there is one way out, and when `ended` is called nothing
 * runs.
 */
#define _GNU_SOURCE 1
#include <asm/unistd.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_internal.h"

#define THREAD_STACK	(256u << 10)
#define HWCAP2_FSGSBASE (1u << 1)

struct process_backend process_backend = { .shim_fd = -1 };

void process_complain(const struct process *p, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p)
		fprintf(stderr, "carillon: domain %s: %s\n", p->name, text);
	else
		fprintf(stderr, "carillon: %s\n", text);
}

/* ---- can it be done here? -------------------------------------------------------------------- */

/* The flags are checked before the program is read: EFAULT means that the kernel knows them. */
static int probe_seccomp(void)
{
	unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	struct seccomp_notif_sizes sizes;
	struct utsname uts;

	syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL);
	if (errno == EINVAL) {
		uname(&uts);
		process_complain(NULL, "domains need Linux 5.19 or newer, this is %s", uts.release);
		return -ENOTSUP;
	}
	if (errno != EFAULT) {
		process_complain(
			NULL,
			"the seccomp system call is refused here: %s (the container's policy must allow it)",
			strerror(errno));
		return -EPERM;
	}
	if (syscall(__NR_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) ||
	    sizes.seccomp_notif > 512 ||
	    sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp)) {
		process_complain(NULL,
				 "this kernel's seccomp notifications are of an unknown size");
		return -ENOTSUP;
	}
	return 0;
}

/* Without it no vCPU could be told anything. */
static int probe_signals(void)
{
	if (!syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), 0))
		return 0;
	process_complain(NULL, "the tgkill system call is refused here: %s%s", strerror(errno),
			 process_hint(errno));
	return -EPERM;
}

static uint64_t lowest_va(void)
{
	char text[32] = "65536";
	uint64_t value;
	FILE *f = fopen("/proc/sys/vm/mmap_min_addr", "re");

	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	value = strtoull(text, NULL, 10);
	return value > HV_PAGE_SIZE ? value : HV_PAGE_SIZE;
}

static void look_again(int sig)
{
	(void)sig;
}

int process_backend_init(void (*look_later)(void *arg), void *arg)
{
	struct process_backend *b = &process_backend;
	struct sigaction sa = { .sa_handler = look_again }; /* no SA_RESTART: it is to interrupt */
	unsigned long frame = getauxval(AT_MINSIGSTKSZ);
	int error = probe_seccomp();

	if (!error)
		error = probe_signals();
	if (error)
		return error;
	b->loads_bases = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
	if (sched_getaffinity(0, sizeof(b->cpus), &b->cpus))
		CPU_ZERO(&b->cpus); /* more processors than the set has room for: no pinning */
	b->one_cpu = CPU_COUNT(&b->cpus) == 1;
	b->look_later = look_later;
	b->arg = arg;
	b->lowest_va = lowest_va();
	/* Four nested frames, and room for what the handlers themselves need. */
	if (frame < 4096)
		frame = 4096;
	b->scratch_stride = 32768;
	while (b->scratch_stride < 4 * frame + 16384 + sizeof(struct shim_scratch))
		b->scratch_stride *= 2;
	sigaction(PROCESS_WAKE_SIGNAL, &sa, NULL);
	return process_backend_load_shim();
}

/* The next processor in turn; of those that we may use. */
static int choose_cpu(void)
{
	struct process_backend *b = &process_backend;
	unsigned nr = (unsigned)CPU_COUNT(&b->cpus), n;
	int cpu;

	if (!nr)
		return -1;
	n = atomic_fetch_add(&b->next_cpu, 1) % nr;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &b->cpus) && !n--)
			return cpu;
	return -1;
}

/* ---- birth ----------------------------------------------------------------------------------- */

static void *map_new(const char *name, size_t size, int *fd)
{
	void *at = MAP_FAILED;

	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd >= 0 && !ftruncate(*fd, (off_t)size))
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static int make_shared_pages(struct process *p)
{
	uint32_t stride = process_backend.scratch_stride;
	struct shim_header *h;
	unsigned i;

	p->control_size = sizeof(struct shim_control) + p->nr_vcpus * sizeof(struct shim_vcpu) +
			  SHIM_BOOT_OPS * sizeof(struct shim_op);
	p->scratch_size = (size_t)p->nr_vcpus * stride;
	p->control = map_new("carillon-control", p->control_size, &p->control_fd);
	p->scratch = map_new("carillon-scratch", p->scratch_size, &p->scratch_fd);
	if (!p->control || !p->scratch)
		return -errno;
	h = &p->control->header;
	h->nr_vcpus = p->nr_vcpus;
	h->nr_memory = p->nr_memory;
	h->scratch_stride = stride;
	h->numbered = p->nr_vcpus > 1 && process_can_number();
	h->control_size = p->control_size;
	memcpy(h->name, p->name, sizeof(h->name));
	for (i = 0; i < p->nr_vcpus; i++) {
		p->vcpus[i].control = &p->control->vcpu[i];
		p->vcpus[i].scratch = (struct shim_scratch *)(p->scratch + (size_t)i * stride);
		p->control->vcpu[i].scratch = SHIM_SCRATCH + (uint64_t)i * stride;
	}
	return 0;
}

static int fill(struct process *p, const struct process_config *cfg)
{
	unsigned i;

	*p = (struct process){
		.domain = cfg->domain,
		.nr_vcpus = cfg->nr_vcpus,
		.nr_memory = cfg->nr_memory,
		.cpuid = cfg->cpuid,
		.hypercall_page = cfg->hypercall_page,
		.ended = cfg->ended,
		.arg = cfg->arg,
		.pidfd = -1,
		.socket = -1,
		.control_fd = -1,
		.scratch_fd = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	snprintf(p->name, sizeof(p->name), "%s", cfg->name);
	p->vcpus = calloc(p->nr_vcpus, sizeof(*p->vcpus));
	p->memory = calloc(p->nr_memory ? p->nr_memory : 1, sizeof(*p->memory));
	if (!p->vcpus || !p->memory)
		return -ENOMEM;
	memcpy(p->memory, cfg->memory, p->nr_memory * sizeof(*p->memory));
	for (i = 0; i < p->nr_vcpus; i++) {
		struct vcpu *v = &p->vcpus[i];

		v->process = p;
		v->hv = hv_domain_vcpu(p->domain, i);
		v->id = i;
		v->listener = -1;
		v->cpu = choose_cpu();
		v->last_hypercall = UINT64_MAX;
	}
	return 0;
}

int process_create(struct process **out, const struct process_config *cfg)
{
	struct process *p = malloc(sizeof(*p));
	unsigned i;
	int error;

	if (!p)
		return -ENOMEM;
	error = fill(p, cfg);
	if (!error)
		error = make_shared_pages(p);
	if (error)
		process_complain(p, "cannot prepare its process: %s%s", strerror(-error),
				 process_hint(-error));
	else
		error = process_spawn(p);
	if (error) {
		process_destroy(p);
		process_free(p);
		return error;
	}
	for (i = 0; i < p->nr_vcpus; i++)
		hv_vcpu_set_user(p->vcpus[i].hv, &p->vcpus[i]);
	*out = p;
	return 0;
}

/* ---- death ----------------------------------------------------------------------------------- */

void process_kill(const struct process *p)
{
	/* By its number where a policy is older than pidfds: the corpse keeps it until
	 * process_free. */
	if (p->pidfd >= 0 && syscall(__NR_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0) &&
	    errno != ESRCH)
		kill(p->pid, SIGKILL);
}

void process_over(struct process *p, const struct process_report *report)
{
	pthread_mutex_lock(&p->lock);
	if (!p->has_report) {
		p->has_report = true;
		p->report = *report;
	}
	pthread_mutex_unlock(&p->lock);
	process_kill(p);
}

/* The process is dead: whoever still waits for its calls, or for leave to answer one, must go. */
static void collect_threads(struct process *p)
{
	unsigned i;

	atomic_store(&p->dead, true);
	/* A hypercall can be days long (a multicall of batches); it ends early in a dead domain. */
	hv_domain_crash(p->domain);
	for (i = 0; i < p->nr_vcpus; i++) {
		struct vcpu *v = &p->vcpus[i];
		struct timespec pause = { .tv_nsec = 10000 };

		if (!v->has_thread)
			continue;
		while (!atomic_load(&v->left)) {
			process_kick(v->hv);
			/*
			 * In RECV? Since Linux 6.11 that returns by itself. Before, it waits on:
			 * interrupt it, again and again because it may be just about to begin.
			 */
			syscall(SYS_tgkill, getpid(), atomic_load(&v->our_tid),
				PROCESS_WAKE_SIGNAL);
			if (!atomic_load(&v->left))
				nanosleep(&pause, NULL);
			if (pause.tv_nsec < 2000000)
				pause.tv_nsec *= 2;
		}
		pthread_join(v->thread, NULL);
		v->has_thread = false;
	}
}

/* Nobody said why: the process was killed. */
static void describe_death(const struct process *p, const siginfo_t *info, struct process_report *r)
{
	*r = (struct process_report){
		.how = PROCESS_DIED,
		.last_hypercall = p->vcpus[0].last_hypercall,
		.last_rip = p->vcpus[0].last_rip,
		.signal = info->si_code == CLD_EXITED ? 0 : info->si_status,
	};
	if (r->signal)
		snprintf(r->what, sizeof(r->what), "its process was killed by signal %d (%s)",
			 r->signal, strsignal(r->signal));
	else
		snprintf(r->what, sizeof(r->what), "its process exited");
}

static void *watch(void *arg)
{
	struct process *p = arg;
	siginfo_t info = { 0 };
	unsigned reason = 0;
	bool shut_down;

	/* The corpse stays: its number must be nobody else's while kicks are on their way to it. */
	while (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	shut_down = hv_domain_is_shut_down(p->domain, &reason);
	collect_threads(p);
	if (atomic_load(&p->destroying))
		return NULL;
	if (!p->has_report && shut_down)
		process_describe_shutdown(p, reason, &p->report);
	else if (!p->has_report)
		describe_death(p, &info, &p->report);
	p->ended(p, &p->report, p->arg);
	return NULL;
}

static int start_thread(pthread_t *thread, void *(*main)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t others, before;
	int error;

	/* The program's signals are its main thread's. */
	sigfillset(&others);
	sigdelset(&others, PROCESS_WAKE_SIGNAL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_sigmask(SIG_SETMASK, &others, &before);
	error = pthread_create(thread, &attr, main, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -error;
}

int process_start(struct process *p)
{
	pthread_t thread;
	unsigned i;
	int error = 0;

	for (i = 0; i < p->nr_vcpus && !error; i++)
		error = vcpu_follow_info(&p->vcpus[i], &p->boot);
	if (error) {
		process_complain(p, "vCPU %u's vcpu_info is in no frame that it may map", i - 1);
		return error;
	}
	error = process_receive_listeners(p);
	if (!error)
		error = process_map_boot(p);
	if (error)
		return error;
	for (i = 0; i < p->nr_vcpus && !error; i++) {
		error = start_thread(&thread, vcpu_main, &p->vcpus[i]);
		p->vcpus[i].has_thread = !error;
	}
	if (!error) {
		error = start_thread(&p->watcher, watch, p);
		p->has_watcher = !error;
	}
	if (error)
		process_complain(p, "cannot start its threads: %s%s", strerror(-error),
				 process_hint(-error));
	return error;
}

void process_destroy(struct process *p)
{
	atomic_store(&p->destroying, true);
	process_kill(p);
	if (p->has_watcher)
		pthread_join(p->watcher, NULL);
	else
		collect_threads(p);
	p->has_watcher = false;
	handover_forget(p);
}

void process_free(struct process *p)
{
	unsigned i;

	if (p->pidfd >= 0) {
		while (waitid(P_PIDFD, (id_t)p->pidfd, NULL, WEXITED) && errno == EINTR)
			;
		close(p->pidfd);
	}
	for (i = 0; p->vcpus && i < p->nr_vcpus; i++) {
		if (p->vcpus[i].listener >= 0)
			close(p->vcpus[i].listener);
		free(p->vcpus[i].plan.ops);
	}
	if (p->control)
		munmap(p->control, p->control_size);
	if (p->scratch)
		munmap(p->scratch, p->scratch_size);
	if (p->control_fd >= 0)
		close(p->control_fd);
	if (p->scratch_fd >= 0)
		close(p->scratch_fd);
	if (p->socket >= 0)
		close(p->socket);
	free(p->boot.ops);
	free(p->memory);
	free(p->vcpus);
	free(p);
}
