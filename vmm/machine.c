/* SPDX-License-Identifier: MIT */
/*
 * A machine from its file to its end: who is given what, the loop, the end. One domain's own
 * affairs are in machine_domain.c, the callbacks in machine_ops.c.
 *
 * The main thread lives as long as the domains (their parent-death signal hangs on it) and is the
 * only one that starts or destroys anything.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <xen/sched.h>

#include "device.h"
#include "drop.h"
#include "machine.h"
#include "message.h"
#include "terminal.h"

#define FIRST_FRAME	  0x10000u /* not 0, not small: a frame number shall not look like a page's */
#define FRAME_ALIGN	  0x1000ull
#define PROGRESS_FIRST_MS 1000
#define PROGRESS_MS	  200
#define END_TIMEOUT_S	  2u
#define LOOK_NS		  1000000u

struct ports {
	evtchn_port_t end[2];
};

static int no_memory(void)
{
	message("no memory for the machine; free some");
	return 1;
}

uint64_t machine_new_frames(struct machine *m, uint64_t pages)
{
	uint64_t mfn = m->next_mfn;

	m->next_mfn = (mfn + pages + 2 * FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
	return mfn;
}

/* ---- plan: everything that can be refused without having started anything -------------------- */

static int plan_shared(struct machine *m, unsigned index, const struct ports *ports)
{
	const struct config_shared *cfg = &m->cfg->shared[index];
	struct memory *mem = &m->regions[index];
	unsigned i, j;
	int error, status;

	error = memory_create(mem, cfg->name, machine_new_frames(m, cfg->pages), cfg->pages);
	if (error) {
		message("shared memory %s: %s; give it fewer pages", cfg->name, strerror(-error));
		return 1;
	}
	for (i = 0; i < cfg->nr_owners; i++) {
		struct domain *d = &m->domains[cfg->owners[i]];
		char port[16] = "";

		for (j = 0; j < m->cfg->nr_channels && !*port; j++) {
			const struct config_channel *ch = &m->cfg->channels[j];
			unsigned end = ch->ends[0] != cfg->owners[i];

			if (!strcmp(ch->name, cfg->name) && ch->ends[end] == cfg->owners[i])
				snprintf(port, sizeof(port), ",%u", ports[j].end[end]);
		}
		status = domain_add_part(d, mem, HV_MEMORY_SHARED, cfg->read_only[i]);
		if (!status)
			status = domain_add_word(d, "shm=%s,0x%llx,%llu%s%s", cfg->name,
						 (unsigned long long)mem->mfn,
						 (unsigned long long)mem->pages, port,
						 cfg->read_only[i] ? ",ro" : "");
		if (status)
			return status;
	}
	return 0;
}

/* A channel without memory of the same name has a word of its own. */
static int channel_words(struct machine *m, unsigned index, const struct ports *ports)
{
	const struct config_channel *cfg = &m->cfg->channels[index];
	unsigned i, end;
	int status;

	for (i = 0; i < m->cfg->nr_shared; i++)
		if (!strcmp(m->cfg->shared[i].name, cfg->name))
			return 0;
	for (end = 0; end < 2; end++) {
		status = domain_add_word(&m->domains[cfg->ends[end]], "evtchn=%s,%u", cfg->name,
					 ports->end[end]);
		if (status)
			return status;
	}
	return 0;
}

static int connect_channel(struct machine *m, const struct config_channel *cfg, struct ports *ports)
{
	struct hv_domain *a = m->domains[cfg->ends[0]].hv, *b = m->domains[cfg->ends[1]].hv;
	int error;

	if (cfg->port_list) {
		ports->end[0] = cfg->ports[0];
		ports->end[1] = cfg->ports[1];
		error = hv_evtchn_connect_at(a, ports->end[0], b, ports->end[1]);
	} else {
		error = hv_evtchn_connect(a, b, &ports->end[0], &ports->end[1]);
	}
	if (error)
		message("event channel %s: %s; use fewer of them", cfg->name, strerror(-error));
	return error ? 1 : 0;
}

/* Those with numbers of their own first: the others take what is left. */
static int connect_channels(struct machine *m, struct ports *ports)
{
	unsigned pass, i;
	int status = 0;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < m->cfg->nr_channels && !status; i++)
			if (!m->cfg->channels[i].port_list == (pass == 1))
				status = connect_channel(m, &m->cfg->channels[i], &ports[i]);
	return status;
}

static int plan_channels(struct machine *m)
{
	struct ports *ports = calloc(m->cfg->nr_channels + 1, sizeof(*ports));
	unsigned i;
	int status;

	if (!ports)
		return no_memory();
	status = connect_channels(m, ports);
	for (i = 0; i < m->cfg->nr_shared && !status; i++)
		status = plan_shared(m, i, ports);
	for (i = 0; i < m->cfg->nr_channels && !status; i++)
		status = channel_words(m, i, &ports[i]);
	free(ports);
	return status;
}

/* One owner of a device: the pages, the lines, the word that says so. */
static int plan_device_owner(struct machine *m, struct device *dev, struct domain *d)
{
	const struct config_device *cfg = dev->cfg;
	char word[128];
	unsigned i;
	int error, n;

	if (domain_add_part(d, &dev->mem, HV_MEMORY_SHARED, false))
		return 1;
	n = snprintf(word, sizeof(word), "%s=%s,0x%llx", dev->type->name, cfg->name,
		     (unsigned long long)dev->mem.mfn);
	if (dev->type->many_pages)
		n += snprintf(word + n, sizeof(word) - (size_t)n, ",%llu",
			      (unsigned long long)dev->mem.pages);
	for (i = 0; i < dev->type->nr_lines; i++) {
		unsigned line = (unsigned)cfg->lines[i];

		error = hv_domain_map_pirq(d->hv, line, line, cfg->shared);
		if (error) {
			config_error(
				m->cfg, cfg->setting,
				"device \"%s\": line %u cannot be given to domain \"%s\" (%s); "
				"use another line",
				cfg->name, line, d->cfg->name, strerror(-error));
			return 2;
		}
		n += snprintf(word + n, sizeof(word) - (size_t)n, ",%u", line);
	}
	return domain_add_word(d, "%s", word);
}

static int plan_device(struct machine *m, unsigned index)
{
	const struct config_device *cfg = &m->cfg->devices[index];
	struct device *dev = &m->devices[index];
	uint64_t pages = cfg->type->pages(cfg);
	unsigned i;
	int error, status;

	dev->type = cfg->type;
	dev->cfg = cfg;
	dev->machine = m;
	error = memory_create(&dev->mem, cfg->name, machine_new_frames(m, pages), pages);
	if (error) {
		message("device %s: %s; give it fewer pages", cfg->name, strerror(-error));
		return 1;
	}
	status = dev->type->create(dev);
	for (i = 0; cfg->focus && i < dev->type->nr_lines; i++)
		hv_irq_set_flags(m->hv, (unsigned)cfg->lines[i], HV_IRQ_FOCUS);
	for (i = 0; i < cfg->nr_owners && !status; i++)
		status = plan_device_owner(m, dev, &m->domains[cfg->owners[i]]);
	return status;
}

static int plan(struct machine *m)
{
	const struct config *cfg = m->cfg;
	unsigned i;
	int status = 0;

	m->domains = calloc(cfg->nr_domains, sizeof(*m->domains));
	m->devices = calloc(cfg->nr_devices + 1, sizeof(*m->devices));
	m->regions = calloc(cfg->nr_shared + 1, sizeof(*m->regions));
	if (!m->domains || !m->devices || !m->regions)
		return no_memory();
	for (i = 0; i < cfg->nr_devices; i++)
		m->devices[i].mem = MEMORY_NONE;
	for (i = 0; i < cfg->nr_shared; i++)
		m->regions[i] = MEMORY_NONE;
	for (i = 0; i < cfg->nr_domains && !status; i++)
		status = domain_plan(m, &m->domains[i], &cfg->domains[i]);
	if (!status)
		hv_set_foreground(m->hv, m->domains[cfg->foreground].hv);
	for (i = 0; i < cfg->nr_devices && !status; i++)
		status = plan_device(m, i);
	return status ? status : plan_channels(m);
}

/* ---- start ----------------------------------------------------------------------------------- */

static void look(struct timer *t, void *arg)
{
	(void)t;
	(void)arg;
	process_look();
}

static void look_later(void *arg)
{
	struct machine *m = arg;

	timer_set(&m->look_timer, clock_now(&m->clock) + LOOK_NS);
}

static int start(struct machine *m)
{
	unsigned i;
	int error, status = 0;

	drop_privileges();
	timer_add(&m->timers, &m->look_timer, look, m);
	if (process_backend_init(look_later, m))
		return 1;
	for (i = 0; i < m->cfg->nr_domains && !status; i++)
		status = domain_build(&m->domains[i]);
	if (status)
		return status;
	drop_calls();
	clock_start(&m->clock, m->hv, &m->timers);
	error = timer_queue_start(&m->timers);
	for (i = 0; i < m->cfg->nr_devices && !error; i++) {
		m->devices[i].started = true;
		error = m->devices[i].type->start(&m->devices[i]);
	}
	if (error) {
		message("no thread can be started: %s; raise the limit of processes (ulimit -u)",
			strerror(-error));
		return 1;
	}
	for (i = 0; i < m->cfg->nr_domains && !status; i++)
		status = domain_start(&m->domains[i]);
	return status;
}

/* ---- run ------------------------------------------------------------------------------------- */

static void stop_device(struct device *dev)
{
	if (dev->started)
		dev->type->stop(dev);
	dev->started = false;
}

/* Devices end with the last domain that has them. */
static void stop_devices_of(struct machine *m, const struct domain *d)
{
	unsigned i, j;

	for (i = 0; i < m->cfg->nr_devices; i++) {
		const struct config_device *cfg = m->devices[i].cfg;
		bool others = false, mine = false;

		for (j = 0; j < cfg->nr_owners; j++) {
			const struct domain *owner = &m->domains[cfg->owners[j]];

			mine |= owner == d;
			others |= owner != d && owner->state != DOMAIN_GONE;
		}
		if (mine && !others)
			stop_device(&m->devices[i]);
	}
}

/* Look after domains that ended. True: the machine goes on. */
static bool look_at_domains(struct machine *m)
{
	bool running = false, crashed = false;
	unsigned i;

	for (i = 0; i < m->cfg->nr_domains; i++) {
		struct domain *d = &m->domains[i];

		switch (atomic_load_explicit(&d->state, memory_order_acquire)) {
		case DOMAIN_RUNNING:
			running = true;
			break;
		case DOMAIN_ENDED:
			if (!domain_report(d)) {
				m->failed = true;
				crashed = d->report.how != PROCESS_SHUTDOWN ||
					  d->report.shutdown_reason == SHUTDOWN_crash;
			}
			stop_devices_of(m, d);
			domain_destroy(d);
			if (crashed && !m->cfg->on_crash)
				return false;
			break;
		default:
			break;
		}
	}
	return running;
}

static void count_bytes(const struct machine *m, uint64_t *in, uint64_t *out)
{
	unsigned i;

	*in = *out = 0;
	for (i = 0; i < m->cfg->nr_devices; i++) {
		uint64_t a, b;

		if (!m->devices[i].type->bytes)
			continue;
		m->devices[i].type->bytes(&m->devices[i], &a, &b);
		*in += a;
		*out += b;
	}
}

static void show_progress(struct machine *m)
{
	double seconds = (double)clock_now(&m->clock) / 1e9, mib = 1 << 20;
	uint64_t in, out;
	char text[160];

	count_bytes(m, &in, &out);
	snprintf(text, sizeof(text), "%.1f s: %.1f MiB in, %.1f MiB out, %.1f MiB/s", seconds,
		 (double)in / mib, (double)out / mib, (double)out / mib / seconds);
	console_progress(&m->console, text);
}

/* Not while somebody types into the machine on that terminal. */
static bool wants_progress(const struct machine *m)
{
	unsigned i;

	if (!isatty(STDERR_FILENO))
		return false;
	for (i = 0; i < m->cfg->nr_devices; i++) {
		const char *input = m->cfg->devices[i].input;

		if (input &&
		    (!strcmp(input, "pty") || (!strcmp(input, "stdin") && isatty(STDIN_FILENO))))
			return false;
	}
	return m->cfg->nr_devices;
}

/* Does a guest read stdin, under whatever name? Then the keys are its own. */
static bool guest_reads_stdin(const struct machine *m)
{
	struct stat mine, file;
	unsigned i;

	if (fstat(STDIN_FILENO, &mine))
		return true;
	for (i = 0; i < m->cfg->nr_devices; i++) {
		const char *input = m->cfg->devices[i].input;

		if (!input)
			continue;
		if (!strcmp(input, "stdin"))
			return true;
		if (!stat(input, &file) && S_ISCHR(file.st_mode) &&
		    (file.st_rdev == mine.st_rdev || file.st_rdev == makedev(5, 0) /* tty */))
			return true;
	}
	return false;
}

/* One of the signals that set_up_signals() blocks. False: it ends the machine. */
static bool take_signal(struct machine *m)
{
	struct signalfd_siginfo info;

	if (read(m->signal_fd, &info, sizeof(info)) <= 0)
		return true;
	switch (info.ssi_signo) {
	case SIGUSR1:
		dump_machine(m);
		return true;
	case SIGCONT:
		terminal_continued();
		return true;
	default:
		m->signal = (int)info.ssi_signo;
		return false;
	}
}

static int earlier(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void loop(struct machine *m)
{
	struct pollfd fds[] = { { .fd = m->signal_fd, .events = POLLIN },
				{ .fd = m->wake_fd, .events = POLLIN },
				{ .events = POLLIN } };
	int progress = wants_progress(m) ? PROGRESS_FIRST_MS : -1;
	uint64_t count;

	do {
		int n;

		fds[2].fd = terminal_fd();
		n = poll(fds, 3, earlier(progress, terminal_timeout()));
		if (!n) {
			terminal_look();
			if (progress >= 0) {
				show_progress(m);
				progress = PROGRESS_MS;
			}
		}
		if (n <= 0)
			continue;
		if (fds[0].revents && !take_signal(m))
			return;
		if (fds[2].revents && terminal_asks())
			dump_machine(m);
		if (fds[1].revents && read(m->wake_fd, &count, sizeof(count)) < 0)
			continue; /* look anyway */
		dump_again(m);
	} while (look_at_domains(m));
}

/* ---- end ------------------------------------------------------------------------------------- */

static void totals(struct machine *m, uint64_t ns)
{
	struct hv_counters sum = { 0 };
	double seconds = (double)ns / 1e9;
	char rate[48] = "";
	uint64_t in, out;
	unsigned i;

	for (i = 0; i < m->cfg->nr_domains; i++) {
		sum.hypercalls += m->domains[i].counters.hypercalls;
		sum.sends += m->domains[i].counters.sends;
	}
	count_bytes(m, &in, &out);
	if (out)
		snprintf(rate, sizeof(rate), " (%.1f MiB/s)", (double)out / 1048576 / seconds);
	console_say(&m->console,
		    "%llu bytes in, %llu bytes out, %llu events, %llu hypercalls, %.3f s%s",
		    (unsigned long long)in, (unsigned long long)out, (unsigned long long)sum.sends,
		    (unsigned long long)sum.hypercalls, seconds, rate);
}

/* Devices first, then domains, then what both stood on. */
static void teardown(struct machine *m, bool ran)
{
	uint64_t ns = clock_now(&m->clock);
	unsigned i;

	console_progress(&m->console, "");
	dump_end(&m->dump);
	for (i = 0; m->devices && i < m->cfg->nr_devices; i++)
		stop_device(&m->devices[i]);
	for (i = 0; m->domains && i < m->cfg->nr_domains; i++)
		domain_destroy(&m->domains[i]);
	clock_stop(&m->clock);
	timer_queue_stop(&m->timers);
	for (i = 0; ran && !m->signal && i < m->cfg->nr_devices; i++)
		if (m->devices[i].type->verdict && !m->devices[i].type->verdict(&m->devices[i]))
			m->failed = true;
	if (ran)
		totals(m, ns);
	if (m->hv)
		hv_destroy(m->hv);
	for (i = 0; m->devices && i < m->cfg->nr_devices; i++) {
		if (m->devices[i].type)
			m->devices[i].type->destroy(&m->devices[i]);
		memory_destroy(&m->devices[i].mem);
	}
	for (i = 0; m->regions && i < m->cfg->nr_shared; i++)
		memory_destroy(&m->regions[i]);
	free(m->devices);
	free(m->regions);
	free(m->domains);
	close(m->wake_fd);
	close(m->signal_fd);
}

static void nothing(int sig)
{
	(void)sig;
}

/* The signal that ended the machine, for a handler that has nothing else to look at. */
static volatile sig_atomic_t ended_by;

static void give_up(int sig)
{
	(void)sig;
	_exit(128 + ended_by); /* the domains die with us */
}

/*
 * SIGINT and the like are read by the loop; blocked before any thread or process starts, so that
 * all inherit it: a terminal's Ctrl-C reaches the domains' processes too, which are ours to end.
 * Those that do not end us stay blocked to the end: one that comes late means nothing.
 */
static int set_up_signals(sigset_t *ends)
{
	sigset_t all;
	struct sigaction sa = { .sa_handler = nothing }; /* no SA_RESTART: that is its use */

	sigaction(DEVICE_STOP_SIGNAL, &sa, NULL);
	sa.sa_handler = give_up;
	sigaction(SIGALRM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigemptyset(ends);
	sigaddset(ends, SIGINT);
	sigaddset(ends, SIGTERM);
	sigaddset(ends, SIGHUP);
	all = *ends;
	sigaddset(&all, SIGUSR1);
	sigaddset(&all, SIGCONT);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	return signalfd(-1, &all, SFD_CLOEXEC);
}

static void force_eois(struct timer *t, void *arg)
{
	struct machine *m = arg;

	(void)t;
	hv_irq_timer(m->hv);
}

/* Lines, once there is a hypervisor: before any of them is described. */
static void set_up_lines(struct machine *m)
{
	uint64_t ms = m->cfg->eoi_timeout_ms;

	m->irqchip.hv = m->hv;
	timer_add(&m->timers, &m->line_timer, force_eois, m);
	hv_set_eoi_timeout(m->hv, ms ? ms * 1000000 : HV_NEVER);
}

int machine_run(const struct config *cfg)
{
	struct machine *m = calloc(1, sizeof(*m));
	sigset_t ends;
	int status, result;

	if (!m)
		return no_memory();
	m->cfg = cfg;
	m->next_mfn = FIRST_FRAME;
	m->timers.fd = -1;
	clock_init(&m->clock);
	console_init(&m->console);
	m->signal_fd = set_up_signals(&ends);
	m->wake_fd = eventfd(0, EFD_CLOEXEC);
	status = m->signal_fd < 0 || m->wake_fd < 0 ||
		 timer_queue_init(&m->timers, m->clock.epoch_ns) ||
		 hv_create(&m->hv, &machine_ops, m);
	if (status)
		message("no machine can be made: %m; raise the limit of open files (ulimit -n), or run it where "
			"the container's policy allows eventfd, timerfd and signalfd");
	if (!status) {
		set_up_lines(m);
		status = plan(m);
	}
	if (!status)
		status = start(m);
	if (!status) {
		if (!guest_reads_stdin(m))
			terminal_open();
		loop(m);
		terminal_close();
	}
	/* Whatever stalls the end (a full pipe behind stderr): it does not for ever, or can be
	 * ended. */
	if (m->signal) {
		ended_by = m->signal;
		alarm(END_TIMEOUT_S);
	} else {
		pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
	}
	teardown(m, !status);
	result = status ? status : m->signal ? 128 + m->signal : m->failed;
	free(m);
	return result;
}
