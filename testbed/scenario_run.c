/* SPDX-License-Identifier: MIT */
/*
 * Running a script: its machine, who calls, repetition, and time. What an operation does is in the
 * files named in scenario_private.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/vcpu.h>

#include "ops.h"
#include "scenario_private.h"

#define DOM0_PIRQS     440u
#define BOOTED_NS      (10000 * TESTBED_MS) /* a time in the past is one after 0 */
#define ISA_LINES      16u
#define BACKGROUND_NS  (100 * TESTBED_MS)
#define DOMAIN_PAGES_N 1024u

/* ---- values in a call ---- */

const struct token *call_token(const struct call *c, const char *key)
{
	for (unsigned i = 0; i < c->a->nr_fields; i++)
		if (!strcmp(c->a->fields[i].key, key))
			return &c->a->fields[i];
	return NULL;
}

uint64_t call_field(const struct call *c, const char *key, uint64_t fallback)
{
	const struct token *t = call_token(c, key);

	return t ? t->values->now : fallback;
}

void call_trouble(struct call *c, const char *format, ...)
{
	va_list ap;

	if (c->trouble[0])
		return;
	va_start(ap, format);
	vsnprintf(c->trouble, sizeof(c->trouble), format, ap);
	va_end(ap);
}

/*
 * The frame of the caller's page of that name; "pagetable" is one that its address space could use,
 * so that nothing else may.
 */
static uint64_t page_frame(struct call *c, unsigned index)
{
	struct rdomain *d = c->d;
	uint64_t frame;

	if (d->page[index])
		return d->page[index];
	frame = testbed_frame(d->d, testbed_page(d->d));
	d->page[index] = frame;
	if (!strcmp(c->r->script->pages.word[index], "pagetable")) {
		struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frame };
		uint64_t va = testbed_place(c->side->v, AT_OK, 0, &op, sizeof(op));
		long rc = testbed_call(c->side->v, __HYPERVISOR_mmuext_op, va, 1, 0, DOMID_SELF);

		if (rc)
			call_trouble(c, "a page cannot be made a page table: %ld", rc);
	}
	return frame;
}

static void evaluate(struct call *c, struct value *v)
{
	switch (v->kind) {
	case VALUE_PAGE:
		v->now = page_frame(c, v->index);
		break;
	case VALUE_NAME:
		if (!c->r->bound[v->index])
			call_trouble(c, "$%s has no value: the line that gives it one did not",
				     c->r->script->names.word[v->index]);
		v->now = c->r->value[v->index] + v->number;
		break;
	case VALUE_NONE:
		v->now = UINT64_MAX;
		break;
	default:
		v->now = v->number;
	}
	if (v->step)
		v->now += c->iteration;
}

/* ---- time ---- */

static void notice(struct replay *r, struct side *side)
{
	struct poll *p = &side->poll;

	if (!p->running || p->ended || !hv_vcpu_runnable(testbed_hv_vcpu(side->v)))
		return;
	p->ended = true;
	p->end = testbed_now(r->tb);
	r->polls--;
}

void replay_notice(struct replay *r)
{
	if (!r->polls)
		return;
	for (struct rdomain *d = r->domains; d; d = d->next)
		for (unsigned i = 0; i < d->nr_vcpus; i++)
			notice(r, &d->side[i]);
}

void replay_pass(struct replay *r, uint64_t ns, const struct poll *until)
{
	uint64_t end = testbed_now(r->tb) + ns;

	replay_notice(r);
	while (testbed_next(r->tb) <= end && !(until && until->ended)) {
		testbed_step(r->tb);
		replay_notice(r);
	}
	if (!(until && until->ended) && end > testbed_now(r->tb))
		testbed_advance(r->tb, end - testbed_now(r->tb));
}

/* ---- domains and callers ---- */

struct rdomain *replay_domain(const struct replay *r, uint64_t id)
{
	struct rdomain *d;

	for (d = r->domains; d && d->id != id; d = d->next)
		;
	return d;
}

int replay_add_domain(struct replay *r, const struct testbed_domain_config *cfg,
		      struct rdomain **out)
{
	struct testbed_domain_config full = *cfg;
	struct rdomain *d = calloc(1, sizeof(*d));
	int error = -XEN_ENOMEM;

	full.pages = DOMAIN_PAGES_N;
	if (!d)
		return error;
	d->side = calloc(cfg->vcpus, sizeof(*d->side));
	d->page = calloc(r->script->pages.nr + 1, sizeof(*d->page));
	if (d->side && d->page)
		d->d = testbed_domain_create(r->tb, &full, &error);
	if (!d->d) {
		free(d->side);
		free(d->page);
		free(d);
		return error;
	}
	d->id = cfg->id;
	d->nr_vcpus = cfg->vcpus;
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		d->side[i].v = testbed_vcpu(d->d, i);
	d->side[0].used = !cfg->absent;
	memory_forget(d);
	d->next = r->domains;
	r->domains = d;
	*out = d;
	return 0;
}

void replay_remove_domain(struct replay *r, struct rdomain *d)
{
	struct rdomain **link;

	for (link = &r->domains; *link != d; link = &(*link)->next)
		;
	*link = d->next;
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		r->polls -= d->side[i].poll.running && !d->side[i].poll.ended;
	testbed_domain_destroy(d->d);
	free(d->side);
	free(d->page);
	free(d);
}

/* The script itself may have initialised it before, by vcpu_op. */
void replay_use(struct call *c, struct side *side)
{
	const struct side *first = &c->d->side[0];
	int rc;

	if (side->used)
		return;
	rc = testbed_vcpu_boot(side->v);
	if (rc == -XEN_ENOMEM) {
		call_trouble(c, "vCPU %u has no memory to start", testbed_vcpu_id(side->v));
		return;
	}
	side->used = true;
	if (!rc)
		return;
	if (testbed_call(first->v, __HYPERVISOR_vcpu_op, VCPUOP_up, testbed_vcpu_id(side->v), 0))
		call_trouble(c, "vCPU %u does not come up", testbed_vcpu_id(side->v));
}

static void find_caller(struct call *c)
{
	const struct action *a = c->a;

	c->d = replay_domain(c->r, a->domain);
	if (!c->d) {
		call_trouble(c, "there is no domain %u to call", a->domain);
		return;
	}
	if (a->vcpu >= c->d->nr_vcpus) {
		call_trouble(c, "domain %u has %u vCPUs; @env vcpus=%u gives it more", a->domain,
			     c->d->nr_vcpus, a->vcpu + 1);
		return;
	}
	c->side = &c->d->side[a->vcpu];
	if (a->vcpu == 0 && !c->side->used)
		call_trouble(c, "domain %u was created, not started", a->domain);
	else
		replay_use(c, c->side);
}

/* ---- lines ---- */

static void try_once(struct call *c)
{
	const struct op *op = c->a->op;

	find_caller(c);
	for (unsigned i = 0; i < c->a->nr_fields && !c->trouble[0]; i++)
		for (unsigned k = 0; k < c->a->fields[i].nr; k++)
			evaluate(c, &c->a->fields[i].values[k]);
	if (c->trouble[0])
		return;
	if (op->flags & OP_HYPERCALL && !hv_vcpu_runnable(testbed_hv_vcpu(c->side->v)))
		call_trouble(c, "vCPU %u of domain %u does not run", c->a->vcpu, c->a->domain);
	else
		op->run(c);
	replay_notice(c->r);
}

/* Did it fail for want of memory, by the failure that was to be? Then nothing has changed. */
static bool was_refused_memory(struct call *c)
{
	long rc;

	if (!c->r->failing || testbed_allocs_left(c->r->tb) != UINT64_MAX)
		return false;
	c->r->failing = false;
	return c->trouble[0] || (answer_has_rc(&c->answer, &rc) && rc == -XEN_ENOMEM);
}

static void run_once(struct call *c)
{
	try_once(c);
	if (!was_refused_memory(c))
		return;
	/* What there was of it has gone again, which the hypervisor may have told (VIRQ_DOM_EXC).
	 */
	if (c->a->op->run == run_domain_create || c->a->op->run == run_domain_start) {
		c->r->given_up = true;
		return;
	}
	c->trouble[0] = '\0';
	c->answer.nr = 0;
	c->has_port = false;
	try_once(c);
}

/* Until it is done, or fails: count= first= last= rc= */
static void run_repeated(struct call *c)
{
	uint64_t count = 0, first = 0, last = 0;
	struct answer sum = { .nr = 0 };
	bool ports = false, has_rc = false;
	long rc = 0;

	while (count < c->a->repeat && rc >= 0 && !c->trouble[0]) {
		c->answer.nr = 0;
		c->has_port = false;
		c->iteration = count;
		run_once(c);
		has_rc = answer_has_rc(&c->answer, &rc);
		if (rc < 0 || c->trouble[0])
			break;
		if (c->has_port && !ports)
			first = c->port;
		last = c->has_port ? c->port : last;
		ports |= c->has_port;
		count++;
	}
	answer_number(&sum, "count", AS_NUMBER, count);
	if (ports) {
		answer_number(&sum, "first", AS_NUMBER, first);
		answer_number(&sum, "last", AS_NUMBER, last);
	}
	if (has_rc)
		answer_rc(&sum, rc);
	for (unsigned i = 0; i < c->answer.nr && !has_rc; i++)
		sum.field[sum.nr++] = c->answer.field[i];
	c->answer = sum;
}

static void run_action(struct replay *r, const struct action *a, struct scenario_line *line,
		       scenario_shown *shown, void *ctx)
{
	struct call c = { .r = r, .a = a };
	char text[512], why[192];

	if (a->repeated)
		run_repeated(&c);
	else
		run_once(&c);
	/* What is due already comes before the next line; other time passes only where it says so.
	 */
	replay_pass(r, a->background ? BACKGROUND_NS : 0, NULL);
	if (r->given_up)
		return;
	line->expected = a->result;
	line->answer = text;
	if (c.trouble[0]) {
		snprintf(text, sizeof(text), "not-run");
		line->why = c.trouble;
	} else {
		answer_text(&c.answer, text, sizeof(text));
		line->why = answer_compare(r, a, &c.answer, why, sizeof(why));
	}
	shown(ctx, line);
}

static void run_script(struct replay *r, scenario_shown *shown, void *ctx,
		       struct scenario_result *result)
{
	for (unsigned i = 0; i < r->script->nr_actions; i++) {
		const struct action *a = &r->script->actions[i];
		struct scenario_line line = { .number = a->line, .action = a->text };

		if (!a->op) {
			shown(ctx, &line);
			continue;
		}
		run_action(r, a, &line, shown, ctx);
		if (r->given_up)
			return;
		result->agree += !line.why;
		result->differ += line.why != NULL;
	}
}

/* Those of a PC's one I/O APIC: ISA lines are edges, PCI's levels; 0 is the hypervisor's timer. */
static bool add_lines(struct replay *r)
{
	for (unsigned i = 1; i < REPLAY_GSIS; i++) {
		r->line[i] = testbed_line(r->tb, i, i < ISA_LINES ? HV_IRQ_EDGE : HV_IRQ_LEVEL);
		if (!r->line[i])
			return false;
	}
	return true;
}

/* platform=bare */
static bool set_up(struct replay *r, uint64_t failing)
{
	const struct script *s = r->script;
	struct rdomain *dom0;

	r->bound = calloc(s->names.nr + 1, sizeof(*r->bound));
	r->value = calloc(s->names.nr + 1, sizeof(*r->value));
	r->tb = testbed_create(TESTBED_VIRTUAL);
	if (!r->bound || !r->value || !r->tb)
		return false;
	r->failing = failing != UINT64_MAX;
	testbed_fail_alloc(r->tb, failing);
	if (!add_lines(r))
		return false;
	testbed_advance(r->tb, BOOTED_NS);
	return !replay_add_domain(r,
				  &(struct testbed_domain_config){ .vcpus = s->vcpus,
								   .nr_pirqs = DOM0_PIRQS,
								   .compat32 = s->compat32,
								   .privileged = true },
				  &dom0);
}

static unsigned tear_down(struct replay *r)
{
	unsigned leaked = 0;

	while (r->domains)
		replay_remove_domain(r, r->domains);
	if (r->tb)
		leaked = testbed_destroy(r->tb);
	free(r->bound);
	free(r->value);
	return leaked;
}

static void replay_script(struct script *s, uint64_t *failing, scenario_shown *shown, void *ctx,
			  struct scenario_result *result)
{
	struct replay r = { .script = s };
	bool refused = *failing != UINT64_MAX;
	unsigned leaked;

	if (set_up(&r, *failing)) {
		run_script(&r, shown, ctx, result);
		result->verdict = result->differ ? SCENARIO_DIFFERS : SCENARIO_AGREES;
	} else {
		result->verdict = refused ? SCENARIO_NOT_RUN : SCENARIO_DIFFERS;
		snprintf(result->message, sizeof(result->message), "%s: no machine: out of memory",
			 s->path);
	}
	if (r.tb && testbed_allocs_left(r.tb) != UINT64_MAX)
		*failing -= testbed_allocs_left(r.tb);
	leaked = tear_down(&r);
	if (leaked && result->verdict != SCENARIO_DIFFERS) {
		result->verdict = SCENARIO_DIFFERS;
		snprintf(result->message, sizeof(result->message),
			 "%s: at the end the hypervisor keeps %u blocks of memory", s->path,
			 leaked);
	}
}

uint64_t scenario_replay_without(const char *path, uint64_t n, scenario_shown *shown, void *ctx,
				 struct scenario_result *result)
{
	struct script s;

	*result = (struct scenario_result){ .verdict = SCENARIO_BROKEN };
	if (!script_load(&s, path)) {
		memcpy(result->message, s.error, sizeof(s.error));
	} else if (s.linux_guest) {
		result->verdict = SCENARIO_NOT_RUN;
		snprintf(result->message, sizeof(result->message),
			 "%s: not run: platform=linux needs a Linux guest with an event device",
			 path);
	} else {
		replay_script(&s, &n, shown, ctx, result);
	}
	script_free(&s);
	return n;
}

void scenario_replay(const char *path, scenario_shown *shown, void *ctx,
		     struct scenario_result *result)
{
	(void)scenario_replay_without(path, UINT64_MAX, shown, ctx, result);
}
