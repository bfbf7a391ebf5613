/* SPDX-License-Identifier: MIT */
/*
 * The dump that SIGUSR1, or a key, asks a running machine for: the text is dump.c's. It is made at
 * once by the main thread and written by one of its own, since stderr may be a pipe that nobody
 * empties: whoever waits for that shall not be the one who is to end the machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

static const char *domain_name(const struct hv_domain *d)
{
	const struct domain *domain = hv_domain_user(d);

	return domain->cfg->name;
}

static void *write_out(void *arg)
{
	struct dump *d = arg;
	char *line = d->text, *end;
	uint64_t one = 1;

	for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
		console_say(&d->machine->console, "%.*s", (int)(end - line), line);
	atomic_store_explicit(&d->written, true, memory_order_release);
	if (write(d->machine->wake_fd, &one, sizeof(one)) < 0)
		return NULL; /* its counter is at the top: the loop will look anyway */
	return NULL;
}

static int render(struct machine *m, char **text)
{
	size_t n;
	FILE *f = open_memstream(text, &n);

	if (!f)
		return -1;
	dump_write(f, m->hv, domain_name);
	fprintf(f, "End of the dump, %.3f s after the start\n", (double)clock_now(&m->clock) / 1e9);
	return fclose(f);
}

void dump_machine(struct machine *m)
{
	struct dump *d = &m->dump;
	char *text = NULL;

	/* Whoever is written to looks for the last line, and may ask again before the thread ends.
	 */
	d->asked = d->running && !atomic_load_explicit(&d->written, memory_order_acquire);
	if (d->asked)
		return;
	dump_end(d);
	if (render(m, &text)) {
		console_say(&m->console, "no memory for a dump; free some");
		free(text);
		return;
	}
	*d = (struct dump){ .machine = m, .text = text };
	d->running = !pthread_create(&d->thread, NULL, write_out, d);
	if (!d->running)
		write_out(d);
}

void dump_again(struct machine *m)
{
	if (m->dump.asked)
		dump_machine(m);
}

void dump_end(struct dump *d)
{
	if (d->running)
		pthread_join(d->thread, NULL);
	d->running = false;
	free(d->text);
	d->text = NULL;
}
