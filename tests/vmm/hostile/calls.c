/* SPDX-License-Identifier: MIT */
/*
 * Every system call of the host, by every entry that 64-bit code has: `syscall` from the guest's
 * own code and from the shim's gate, the x32 numbers, int 0x80. (sysenter needs 32-bit code:
 * mode=compat in sandbox.c.) Forking, tracing, signals to others, opening and mapping are among
 * them, with arguments that the host would understand.
 */
#include "hostile.h"

#include "../../../images/lib/lib.h"

#define X32_BIT UINT64_C(0x40000000)

static char canary[] = "/tmp/carillon-canary";

/* Arguments that mean something to many calls. */
static const struct {
	const char *who_takes_it;
	uint64_t a[5];
	int path; /* which of them is the canary's, -1: none */
} arguments[] = {
	{ "path, flags, mode", { 0, 0101, 0755, 0, 0 }, 0 },
	{ "directory, path, flags, mode", { (uint64_t)-100, 0, 0101, 0755, 0 }, 1 },
	{ "pid, signal", { (uint64_t)-1, 9, 9, 0, 0 }, -1 },
	{ "request, pid: ptrace(ATTACH, parent)", { 16, 1, 0, 0, 0 }, -1 },
	{ "address, length, protection", { 0x200000000, 4096, 7, 0x32, (uint64_t)-1 }, -1 },
	{ "clone flags", { 0x11, 0, 0, 0, 0 }, -1 },
	{ "descriptor, more of it", { 2, 3, 3, 0, 0 }, -1 },
};

#define NR_ARGUMENTS (sizeof(arguments) / sizeof(arguments[0]))

/* Numbers below this are hypercalls when the guest's own code executes `syscall`. */
#define HYPERCALLS 64u

/*
 * Linux keeps two of its calls from every filter, since 6.14 and 6.18: they are what a probe on a
 * function puts into a traced process. Where there is no such probe they do nothing but raise an
 * invalid opcode exception. From the shim's gate that would be our end.
 */
#define NR_URETPROBE   335u
#define NR_UPROBE      336u
#define INVALID_OPCODE 6u

static bool is_probe(uint64_t nr)
{
	return nr == NR_URETPROBE || nr == NR_UPROBE;
}

static uint64_t calling;

/* int 0x80 is an exception of ours, at that instruction. */
#define PROTECTION    13u
#define INT_80_ERROR  0x402u
#define INT_80_LENGTH 2u

static bool refused(struct pv *pv, struct pv_frame *frame)
{
	(void)pv;
	if (frame->vector == PROTECTION && frame->error == INT_80_ERROR)
		frame->rip += INT_80_LENGTH;
	else if (frame->vector != INVALID_OPCODE || !is_probe(calling))
		return false;
	frame->rax = (uint64_t)-XEN_ENOSYS;
	return true;
}

static void every_entry(uint64_t nr, uint64_t a[6])
{
	long r[4] = { -XEN_ENOSYS, 0, 0, -XEN_ENOSYS };

	calling = nr;
	if (nr >= HYPERCALLS)
		r[0] = hostile_raw(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	r[1] = hostile_raw(nr | X32_BIT, a[0], a[1], a[2], a[3], a[4], a[5]);
	r[2] = hostile_int80(nr, a[0], a[1], a[2], a[3], a[4]);
	if (!is_probe(nr))
		r[3] = hostile_syscall(SHIM_BASE + SHIM_GATE_OFFSET, nr, a);
	if (nr == NR_UPROBE && r[0] == -XEN_ENXIO)
		r[0] = -XEN_ENOSYS;
	for (unsigned i = 0; i < 4; i++)
		if (r[i] != -XEN_ENOSYS)
			pv_panic("hostile: system call %lu by entry %u answered %ld",
				 (unsigned long)nr, i, r[i]);
}

/* calls=N: the numbers 0 to N - 1. Then it stays, for the test to look at its process. */
void mode_calls(struct pv *pv)
{
	uint64_t calls = hostile_option("calls=", 512), made = 0;

	pv->trap_hook = refused;
	for (uint64_t nr = 0; nr < calls; nr++)
		for (size_t i = 0; i < NR_ARGUMENTS; i++) {
			uint64_t a[6];

			memcpy(a, arguments[i].a, sizeof(arguments[i].a));
			a[5] = 0;
			if (arguments[i].path >= 0)
				a[arguments[i].path] = pv_arg(canary);
			every_entry(nr, a);
			made++;
		}
	pv_printf("hostile: %lu system calls by each entry, all refused\n", (unsigned long)made);
	for (;;)
		__builtin_ia32_pause();
}
