/* SPDX-License-Identifier: MIT */
/*
 * The conformance kernel: what a check is, and what checks share. main.c runs them and prints TAP;
 * each other file is an area of its own and ends with its table.
 */
#ifndef IMAGES_CONFORMANCE_H
#define IMAGES_CONFORMANCE_H

#include "../lib/lib.h"

/* Kernel CPUs at most; a machine may have more vCPUs. */
#define MAX_CPUS 8u

/* ---- a check ------------------------------------------------------------------------------ */

/* What the place must have; else the check is skipped, and says so. */
#define NEEDS_FIFO 0x1u
#define NEEDS_2L   0x2u
#define NEEDS_CPUS 0x4u /* two at least */
#define NEEDS_REQUEST                                                                              \
	0x8u		    /* runs only if only= names it: it fails, to show that failing is seen \
			     */
#define NEEDS_LINE    0x10u /* a hardware line of the machine file */
#define NEEDS_REAL    0x20u /* a processor that does more than QEMU's own does without KVM */
#define NEEDS_TS      0x40u /* FPU_TASKSWITCH, which a process cannot have */
#define NEEDS_LOADING 0x80u /* descriptor tables that the processor uses */
#define NEEDS_PORTS   0x100u /* I/O ports of a machine */

/*
 * It runs on CPU 0 in task context, events enabled, and leaves everything as it was: no port, no
 * IRQ, no timer. It says what is wrong by EXPECT and goes on, so that it still tidies up.
 */
struct check {
	const char *name;
	void (*run)(void);
	unsigned needs;
};

struct area {
	const char *name;
	const struct check *checks; /* ended by one without a name */
};

extern const struct area area_boot, area_entry, area_trap, area_nmi, area_segment, area_cpuid,
	area_call, area_memory, area_batch, area_space, area_event, area_bind, area_abi, area_poll,
	area_irq, area_flow, area_handle, area_smp, area_hotplug, area_time, area_line, area_rtc,
	area_reset, area_self;

/* ---- main.c ------------------------------------------------------------------------------- */

struct conf_cpu {
	void (*task)(void *arg); /* atomic; NULL: it is over */
	void *arg;
	volatile uint64_t ticks;    /* VIRQ_TIMERs so far */
	volatile uint64_t ticked;   /* when the last one came */
	volatile bool lives;	    /* its main function runs */
	volatile unsigned nr_lives; /* how often it began */
} __attribute__((aligned(64)));

struct conf {
	struct pv *pv;
	struct guest *g;
	const char *cmdline;
	unsigned nr_cpus;
	bool fifo;
	uint64_t patience; /* ms that a wait may last */
	struct conf_cpu cpu[MAX_CPUS];
	volatile uint32_t *stop;     /* a VIRQ_TIMER writes 1 there; NULL: nowhere */
	void (*volatile tick)(void); /* and calls this; NULL: nothing */
	char why[200]; /* of the check that runs: what was wrong first; empty: nothing */
};

extern struct conf conf;

/* Note it if it is the first. Any CPU, also in a handler. The result is `ok`. */
bool expect(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool expect_equal(int64_t got, int64_t want, const char *what, int line);

#define EXPECT(condition)      expect((condition), "line %d: not so: %s", __LINE__, #condition)
#define EXPECT_EQ(got, wanted) expect_equal((int64_t)(got), (int64_t)(wanted), #got, __LINE__)

/* Text for people, as a TAP comment. */
void comment(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Wait until it is so, asleep most of the time; false, and noted, if it is not after some seconds.
 * Events may be enabled or not.
 */
#define WAIT_FOR(condition)                                                               \
	({                                                                                \
		uint64_t give_up_ = guest_clock(conf.g) + PATIENCE;                       \
		while (!(condition) && guest_clock(conf.g) < give_up_)                    \
			nap();                                                            \
		expect((condition), "line %d: waited in vain: %s", __LINE__, #condition); \
	})

#define MS	 UINT64_C(1000000)    /* ns */
#define PATIENCE (conf.patience * MS) /* a busy host stops us for long */

void nap(void);			/* less than a millisecond */
void nap_until(uint64_t clock); /* handlers run meanwhile */

/* A number from the command line. */
uint64_t option(const char *key, uint64_t otherwise);

/* Have a task run on another CPU, and wait for its end; false: it does not end. */
void task_start(unsigned cpu, void (*task)(void *arg), void *arg);
bool task_wait(unsigned cpu);

/* ---- tools.c: ports, bad addresses -------------------------------------------------------- */

long evtchn(unsigned op, void *arg);

/* Beyond every port of either ABI. */
#define NO_PORTS 4u
extern const evtchn_port_t no_ports[NO_PORTS];

int port_status(evtchn_port_t port); /* EVTCHNSTAT_*, or the error */
int port_vcpu(evtchn_port_t port);
int port_new(void); /* unbound, for ourselves */
int port_close(evtchn_port_t port);
int port_send(evtchn_port_t port);
bool port_pending(evtchn_port_t port);
int port_to_cpu(evtchn_port_t port, unsigned cpu);

/* A channel of the domain to itself. Its IRQs have no handlers: it is masked, and not pending. */
struct channel {
	evtchn_port_t a, b;
	unsigned irq_a, irq_b;
};
bool channel_open(struct channel *c);
void channel_close(struct channel *c);

/* A channel whose one end is an IRQ that counts its events, or has the handler given. */
struct wire {
	int irq;	  /* receives */
	evtchn_port_t tx; /* sends */
	volatile uint64_t count;
	volatile unsigned cpu; /* of the last event */
};
bool wire_open(struct wire *w, guest_irq_handler handler, unsigned flags);
void wire_close(struct wire *w);
enum guest_irqreturn wire_count(struct guest *g, unsigned irq, void *dev); /* dev: the wire */

/* Addresses that a hypercall must not follow, and such as look bad and are good. */
enum place {
	PLACE_NULL,
	PLACE_HOLE,	/* nothing is mapped */
	PLACE_NOWHERE,	/* not canonical */
	PLACE_XEN,	/* the hypervisor's */
	PLACE_TOP,	/* the last bytes that there are */
	PLACE_STRADDLE, /* begins before the hole */
	PLACES_BAD,
	PLACE_EDGE = PLACES_BAD, /* ends before the hole */
	PLACE_UNALIGNED,
	PLACE_READ_ONLY,
};
void places_init(void);
/* These bytes at such a place, as a hypercall's argument. */
uint64_t place(enum place place, const void *bytes, size_t n);
/* EVTCHNOP_* says -EFAULT to its argument at every bad place. */
void refuses_places(unsigned op, const void *arg, size_t n);

/* ---- trap.c ------------------------------------------------------------------------------- */

/* The last exception that TRY met. */
struct trapped {
	unsigned count;
	struct pv_frame frame;
	uint64_t cr2;
	bool masked;			 /* the upcall mask in the handler */
	uint64_t resume;		 /* where to go on; 0: behind nothing, it is not expected */
	void (*also)(struct pv_frame *); /* in the handler; may change the frame */
	void (*nmi)(void);		 /* in an NMI, of any CPU; NULL: it is not expected */
};
extern struct trapped trapped;

/* Expect an exception in the instructions; go on behind them. */
#define TRY(instructions, ...)                                                              \
	do {                                                                                \
		trapped.count = 0;                                                          \
		__asm__ volatile("lea 771f(%%rip), %%r11\n\tmov %%r11, %0\n\t" instructions \
				 "\n771:\n\tmovq $0, %0"                                    \
				 : "=m"(trapped.resume)                                     \
				 : __VA_ARGS__                                              \
				 : "rax", "rdx", "r11", "memory", "cc");                    \
	} while (0)

void traps_init(void);
bool processor_is_real(void);
bool fpu_can_be_switched_off(void);
/* One has been taken, with this vector and error code. */
bool took(unsigned vector, uint64_t error);
bool writable(volatile void *p); /* and write there, what was there */

/* ---- smp.c -------------------------------------------------------------------------------- */

/* At rest: what the guest half has sent of IPIs, calls and work has all been handled. */
bool smp_counters_agree(void);

/* ---- segment.c, rtc.c --------------------------------------------------------------------- */

bool descriptors_are_loaded(void);
bool io_ports_are_there(void);

/* ---- line.c ------------------------------------------------------------------------------- */

bool line_is_there(void);

/* ---- load.c ------------------------------------------------------------------------------- */

/* Everything at once for so long; prints TAP. True: all of it adds up. */
bool load(uint64_t seconds);

#endif
