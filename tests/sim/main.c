/* SPDX-License-Identifier: MIT */
/*
 * The simulation's command line: which scenarios, how many schedules of each, or one of them
 * again. What the scenarios do is in the other files.
 */
#include <stdio.h>
#include <stdlib.h>

#include "scenario.h"

#define MAX_STEPS 20000u

static const struct {
	const char *name;
	const struct scenario *scenarios;
} groups[] = {
	{ "guest", scenarios_guest },	    { "guest-fifo", scenarios_guest_fifo },
	{ "smp", scenarios_smp },	    { "space", scenarios_space },
	{ "waits", scenarios_waits },	    { "fifo", scenarios_fifo },
	{ "raw", scenarios_raw },	    { "passes", scenarios_passes },
	{ "together", scenarios_together },
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

struct request {
	const char *program;
	struct sim_options options;
	bool one; /* --seed */
	bool trace, verbose;
	unsigned long schedules;
};

static void usage(void)
{
	fputs("usage: sim [SCENARIO...] [--schedules N] [--seed S] [--pct D] [--memory M] [--trace] "
	      "[--list]\n"
	      "  SCENARIO      or a group of them; all if none is named; --list names them\n"
	      "  --schedules N schedules of each scenario, seeds 1 .. N\n"
	      "  --seed S      only this one\n"
	      "  --pct D       D changes of priority; 0: uniformly random; else the seed says\n"
	      "  --memory M    sc, tso or weak; else the seed says\n"
	      "  --trace       after a failure, the last accesses\n",
	      stderr);
	exit(2);
}

static void run_body(void *arg)
{
	const struct scenario *sc = arg;

	sc->body();
}

/* Seeds near each other should have nothing in common. */
static uint64_t seed_of(unsigned long n)
{
	return n * 0x9e3779b97f4a7c15u ^ 0x5bd1e995u;
}

static void report(const struct request *r, const struct scenario *sc, unsigned long n)
{
	fprintf(stderr, "sim: %s: %s\n", sc->name, sim_failure());
	fprintf(stderr,
		"sim: found by schedule %lu, after %u steps of it; again: %s %s %s --trace\n", n,
		sim_steps(), r->program, sc->name, sim_decided());
	if (r->trace)
		sim_trace();
}

static bool run_scenario(const struct request *r, const struct scenario *sc)
{
	unsigned long long steps = 0;
	unsigned most = 0;

	for (unsigned long n = 1; n <= r->schedules; n++) {
		struct sim_options o = r->options;

		if (!r->one)
			o.seed = seed_of(n);
		o.length = sc->length;
		o.max_steps = MAX_STEPS;
		if (!sim_schedule(&o, run_body, (void *)(uintptr_t)sc)) {
			report(r, sc, n);
			return false;
		}
		steps += sim_steps();
		if (sim_steps() > most)
			most = sim_steps();
	}
	printf("sim: %s: %lu schedules, %llu steps on average, at most %u\n", sc->name,
	       r->schedules, steps / r->schedules, most);
	fflush(stdout);
	return true;
}

/* By the name of a scenario, or of a group: whether there was one. NULL: every one of them. */
static bool run_named(const struct request *r, const char *name, bool *ok)
{
	bool found = false;

	for (size_t i = 0; i < GROUPS; i++) {
		bool group = !name || !strcmp(name, groups[i].name);

		for (const struct scenario *sc = groups[i].scenarios; sc->name; sc++) {
			if (!group && strcmp(name, sc->name) != 0)
				continue;
			found = true;
			if (!run_scenario(r, sc))
				*ok = false;
		}
	}
	return found;
}

static void list_all(void)
{
	for (size_t i = 0; i < GROUPS; i++)
		for (const struct scenario *sc = groups[i].scenarios; sc->name; sc++)
			printf("%s/%s\n", groups[i].name, sc->name);
	exit(0);
}

static enum sim_memory memory_named(const char *name)
{
	static const char *const names[] = { "sc", "tso", "weak" };

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(names[i], name))
			return (enum sim_memory)i;
	fprintf(stderr, "sim: --memory %s: sc, tso or weak\n", name);
	exit(2);
}

static uint64_t number(const char *option, const char *text)
{
	char *end;
	uint64_t n = text ? strtoull(text, &end, 0) : 0;

	if (!text || !*text || *end) {
		fprintf(stderr, "sim: %s wants a number\n", option);
		exit(2);
	}
	return n;
}

/* An option, with its argument if it has one: how many words that were. */
static int option(struct request *r, char **argv)
{
	if (!strcmp(argv[0], "--list"))
		list_all();
	if (!strcmp(argv[0], "--trace")) {
		r->trace = true;
		return 1;
	}
	if (!argv[1])
		usage();
	if (!strcmp(argv[0], "--schedules")) {
		r->schedules = number(argv[0], argv[1]);
	} else if (!strcmp(argv[0], "--seed")) {
		r->options.seed = number(argv[0], argv[1]);
		r->one = true;
		r->schedules = 1;
	} else if (!strcmp(argv[0], "--pct")) {
		r->options.pct = (int)number(argv[0], argv[1]);
	} else if (!strcmp(argv[0], "--memory")) {
		r->options.memory = memory_named(argv[1]);
	} else {
		usage();
	}
	if (r->options.pct > 8 || !r->schedules)
		usage();
	return 2;
}

int main(int argc, char **argv)
{
	struct request r = { .program = argv[0],
			     .options = { .pct = SIM_PCT_SEED, .memory = SIM_MEMORY_SEED },
			     .schedules = 1000 };
	bool named = false, ok = true;

	for (int i = 1; i < argc;)
		i += argv[i][0] == '-' ? option(&r, &argv[i]) : 1;
	for (int i = 1; i < argc;) {
		if (argv[i][0] == '-') {
			i += option(&r, &argv[i]);
			continue;
		}
		named = true;
		if (!run_named(&r, argv[i], &ok)) {
			fprintf(stderr, "sim: no scenario is named %s; --list names them\n",
				argv[i]);
			return 2;
		}
		i++;
	}
	if (!named)
		run_named(&r, NULL, &ok);
	return ok ? 0 : 1;
}
