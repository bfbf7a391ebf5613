/* SPDX-License-Identifier: MIT */
/*
 * The character device against a guest that is played here, right or wrong: no hypervisor, no
 * process. Pipes are the host's side. Exit status 0: all passed.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <carillon/device.h>

#include "device.h"
#include "machine.h"

#define BYTES (3u << 20)
#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, #condition); \
			exit(1);                                                        \
		}                                                                       \
	} while (0)

/* ---- the hypervisor, as far as a device sees it ------------------------------------------------
 */

static const struct hv_irq_chip *chips[HV_MAX_LINES];
static void *chip_data[HV_MAX_LINES];
static _Atomic unsigned crashes;

int hv_irq_register(struct hv *hv, unsigned line, enum hv_irq_flow flow,
		    const struct hv_irq_chip *chip, void *data)
{
	(void)hv;
	(void)flow;
	chips[line] = chip;
	chip_data[line] = data;
	return 0;
}

void hv_irq_raise(struct hv *hv, unsigned line)
{
	(void)hv;
	(void)line;
}

void hv_domain_crash(struct hv_domain *d)
{
	(void)d;
	atomic_fetch_add(&crashes, 1);
}

void hv_set_clock(struct hv *hv, uint64_t cycles, uint64_t ns, uint32_t mul, int8_t shift)
{
	(void)hv, (void)cycles, (void)ns, (void)mul, (void)shift;
}

void hv_set_wallclock(struct hv *hv, uint64_t sec, uint32_t nsec)
{
	(void)hv, (void)sec, (void)nsec;
}

static bool asserted(unsigned line)
{
	return chips[line]->asserted(chip_data[line], line);
}

/* What the guest's eoi comes to. */
static void eoi(unsigned line)
{
	chips[line]->unmask(chip_data[line], line);
}

/* ---- a machine of one device -------------------------------------------------------------------
 */

enum {
	IN = 16,
	OUT = 17
};

struct bench {
	struct machine m;
	struct domain d;
	struct config cfg;
	struct config_domain dcfg;
	struct config_device dev_cfg;
	struct device dev;
	struct chardev_regs *regs;
	int in[2], out[2]; /* pipes: the device reads in[0], writes out[1] */
};

static void set_up(struct bench *b, unsigned check)
{
	static char in_path[32], out_path[32];
	struct sigaction sa = { .sa_handler = SIG_IGN };

	memset(b, 0, sizeof(*b));
	sigaction(SIGPIPE, &sa, NULL);
	CHECK(!pipe(b->in) && !pipe(b->out));
	snprintf(in_path, sizeof(in_path), "/dev/fd/%d", b->in[0]);
	snprintf(out_path, sizeof(out_path), "/dev/fd/%d", b->out[1]);
	b->cfg.path = "test";
	b->dcfg.name = "guest";
	b->d.cfg = &b->dcfg;
	b->m.cfg = &b->cfg;
	b->m.domains = &b->d;
	console_init(&b->m.console);
	b->dev_cfg = (struct config_device){ .type = &device_chardev,
					     .name = "pipe",
					     .nr_owners = 1,
					     .lines = { IN, OUT },
					     .input = in_path,
					     .output = out_path,
					     .pages = 3,
					     .check = check };
	b->dev = (struct device){ .type = &device_chardev, .cfg = &b->dev_cfg, .machine = &b->m };
	CHECK(!memory_create(&b->dev.mem, "test", 1, 3));
	CHECK(!device_chardev.create(&b->dev));
	b->regs = (struct chardev_regs *)b->dev.mem.host;
	atomic_store(&crashes, 0);
	chips[IN]->startup(chip_data[IN], IN);
	chips[OUT]->startup(chip_data[OUT], OUT);
	CHECK(!device_chardev.start(&b->dev));
}

static void tear_down(struct bench *b)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	device_chardev.stop(&b->dev);
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(end.tv_sec - start.tv_sec < 3);
	device_chardev.destroy(&b->dev);
	memory_destroy(&b->dev.mem);
	close(b->in[0]);
	close(b->out[1]);
	close(b->in[1]);
	close(b->out[0]);
}

static uint32_t load(uint32_t *reg)
{
	return __atomic_load_n(reg, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *reg, uint32_t value)
{
	__atomic_store_n(reg, value, __ATOMIC_RELEASE);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static bool crashed_within_a_second(void)
{
	unsigned i;

	for (i = 0; i < 1000 && !atomic_load(&crashes); i++)
		pause_ms(1);
	return atomic_load(&crashes) == 1;
}

/* ---- all comes through, both windows full and empty on the way ---------------------------------
 */

static void *feed(void *arg)
{
	struct bench *b = arg;
	unsigned char block[1000];
	unsigned done = 0, i;

	while (done < BYTES) {
		unsigned n = BYTES - done < sizeof(block) ? BYTES - done : sizeof(block);

		for (i = 0; i < n; i++)
			block[i] = (unsigned char)((done + i) * 7 >> 3);
		CHECK(write(b->in[1], block, n) == (ssize_t)n);
		done += n;
	}
	close(b->in[1]);
	b->in[1] = -1;
	return NULL;
}

static void *drain(void *arg)
{
	struct bench *b = arg;
	unsigned char block[777];
	unsigned done = 0;
	ssize_t n, i;

	while (done < BYTES) {
		n = read(b->out[0], block, sizeof(block));
		CHECK(n > 0);
		for (i = 0; i < n; i++)
			CHECK(block[i] == (unsigned char)((done + (unsigned)i) * 7 >> 3));
		done += (unsigned)n;
	}
	return NULL;
}

/* An honest guest: copies from window to window, waits for lines. */
static void copy_all(struct bench *b)
{
	uint8_t *in = b->dev.mem.host + 4096, *out = in + 4096;
	uint32_t cons = 0, prod = 0;

	for (;;) {
		uint32_t have = load(&b->regs->in_prod) - cons;
		uint32_t room = 4096 - (prod - load(&b->regs->out_cons));

		CHECK(have <= 4096 && room <= 4096);
		if (!have && load(&b->regs->flags) & CHARDEV_IN_EOF &&
		    load(&b->regs->in_prod) == cons)
			break;
		for (; have && room; have--, room--)
			out[prod++ % 4096] = in[cons++ % 4096];
		store(&b->regs->in_cons, cons);
		store(&b->regs->out_prod, prod);
		eoi(IN);
		eoi(OUT);
		sched_yield();
	}
	CHECK(asserted(IN));
	store(&b->regs->in_eof_seen, 1);
	CHECK(!asserted(IN));
	store(&b->regs->out_eof, 1);
	eoi(OUT);
	while (!(load(&b->regs->flags) & CHARDEV_OUT_DRAINED))
		sched_yield();
	while (!asserted(OUT))
		sched_yield();
}

static void test_copy(void)
{
	pthread_t feeder, drainer;
	struct bench b;

	set_up(&b, CHECK_SAME);
	pthread_create(&feeder, NULL, feed, &b);
	pthread_create(&drainer, NULL, drain, &b);
	copy_all(&b);
	pthread_join(feeder, NULL);
	pthread_join(drainer, NULL);
	device_chardev.stop(&b.dev);
	CHECK(device_chardev.verdict(&b.dev));
	tear_down(&b);
}

/* ---- guests that break the rules ---------------------------------------------------------------
 */

static void test_bad_in_cons(void)
{
	struct bench b;

	set_up(&b, CHECK_NONE);
	store(&b.regs->in_cons, 5); /* more than it was given */
	CHECK(!asserted(IN));
	CHECK(write(b.in[1], "x", 1) == 1);
	CHECK(crashed_within_a_second());
	tear_down(&b);
}

static void test_bad_out_prod(void)
{
	struct bench b;

	set_up(&b, CHECK_NONE);
	store(&b.regs->out_prod, 4097); /* more than the window */
	eoi(OUT);
	CHECK(crashed_within_a_second());
	tear_down(&b);
}

/* Everything that the guest may write, and what it may not, is garbage. */
static void test_garbage(void)
{
	struct bench b;
	unsigned i;

	set_up(&b, CHECK_NONE);
	for (i = 0; i < 2000; i++) {
		uint32_t *words = (uint32_t *)b.dev.mem.host;
		unsigned j;

		for (j = 0; j < 4096 / sizeof(*words); j++)
			store(&words[j], (uint32_t)rand() * 2654435761u);
		eoi(IN);
		eoi(OUT);
		(void)asserted(IN);
		(void)asserted(OUT);
	}
	CHECK(atomic_load(&crashes) <= 1);
	tear_down(&b);
}

/* ---- the end -----------------------------------------------------------------------------------
 */

/* Threads asleep in read() and in write(). */
static void test_stop(void)
{
	struct bench b;
	unsigned i;

	set_up(&b, CHECK_NONE);
	for (i = 1; i < 40; i++) { /* more than the pipe takes */
		store(&b.regs->out_prod, load(&b.regs->out_cons) + 4096);
		eoi(OUT);
		pause_ms(1);
	}
	CHECK(!asserted(OUT));
	tear_down(&b);
}

static void test_broken_pipe(void)
{
	struct bench b;
	unsigned i;

	set_up(&b, CHECK_NONE);
	close(b.out[0]);
	b.out[0] = -1;
	store(&b.regs->out_prod, 100);
	eoi(OUT);
	for (i = 0; i < 1000 && load(&b.regs->out_cons) != 100; i++)
		pause_ms(1);
	CHECK(load(&b.regs->out_cons) == 100);
	CHECK(load(&b.regs->flags) & CHARDEV_OUT_ERROR);
	device_chardev.stop(&b.dev);
	CHECK(!device_chardev.verdict(&b.dev));
	tear_down(&b);
}

static void nothing(int sig)
{
	(void)sig;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = nothing };

	sigaction(DEVICE_STOP_SIGNAL, &sa, NULL);
	test_copy();
	test_bad_in_cons();
	test_bad_out_prod();
	test_garbage();
	test_stop();
	test_broken_pipe();
	printf("chardev: 6 tests passed\n");
	return 0;
}
