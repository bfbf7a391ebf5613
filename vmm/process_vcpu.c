/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's thread in the monitor: it receives every system call of the vCPU's thread in the domain,
 * has the hypervisor answer, and decides how the guest goes on. What the guest's side does is in
 * shim/handler.c.
 *
 * Where a vCPU is, and why no wake-up is lost, is in process_kick.c; where there is one processor,
 * which vCPU this thread has next is in process_seat.c.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <linux/audit.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xen/sched.h>

#include "process_internal.h"

/* What ARCH_SET_FS takes at most: user space, but for its last page. */
#define TASK_END ((1ull << 47) - HV_PAGE_SIZE)

#define X32_BIT	      0x40000000u
#define VSYSCALL_PAGE 0xffffffffff600000ull

/* What a received call comes to. */
enum outcome {
	ANSWER, /* give it the value, after looking at everything on the way back into the guest */
	ANSWER_NOW, /* give it the value: it goes on in the shim, which calls again before it leaves
		     */
	ANSWER_WHEN_WOKEN, /* as ANSWER; but if the vCPU sleeps now, who wakes it can do that */
	EXECUTE,	   /* let the kernel execute it */
	OVER,		   /* the domain has ended */
};

/* ---- the way back into the guest ------------------------------------------------------------- */

/* The watcher finds the words for it, when all threads have said what they were doing. */
bool vcpu_domain_over(struct vcpu *v, bool waited)
{
	if (!hv_domain_is_shut_down(v->process->domain, NULL))
		return atomic_load(&v->process->dead);
	v->ended_in_call = !waited;
	process_kill(v->process);
	return true;
}

int vcpu_follow_info(struct vcpu *v, struct plan *plan)
{
	struct process *p = v->process;
	unsigned offset;
	uint64_t mfn;
	int r;

	if (!vcpu_info_moved(v, &mfn, &offset))
		return 0;
	r = plan_alias(p, plan, v->id, mfn);
	if (r)
		return r;
	v->info_mfn = mfn;
	v->info_offset = offset;
	v->control->info = SHIM_ALIAS + (uint64_t)v->id * HV_PAGE_SIZE + offset;
	return 0;
}

static void plan_start(struct vcpu *v)
{
	const struct vcpu_guest_context *c = hv_vcpu_context(v->hv);

	if (v->started || !c)
		return;
	v->started = true;
	v->work |= SHIM_WORK_START | SHIM_WORK_FS | SHIM_WORK_GS;
	v->control->start = c->user_regs;
	v->control->fs_base = c->fs_base;
	v->control->gs_base = c->gs_base_kernel;
}

static void take_nmi(struct vcpu *v)
{
	struct hv_trap handler;

	if (!hv_vcpu_take_nmi(v->hv, &handler)) {
		v->control->nmi =
			(struct shim_trap){ .rip = handler.rip, .masks = handler.mask_events };
		v->work |= SHIM_WORK_NMI;
	}
	v->control->in_nmi = hv_vcpu_in_nmi(v->hv);
}

/*
 * Look at everything that the guest must not miss before its next instruction. False: there is no
 * way back.
 */
static bool way_back(struct vcpu *v)
{
	struct shim_vcpu *control = v->control;
	struct hv_entry entry;

	for (;;) {
		__atomic_store_n(&control->park, 0, __ATOMIC_SEQ_CST);
		if (!hv_vcpu_runnable(v->hv) && !vcpu_wait_runnable(v))
			return false;
		hv_vcpu_resumed(v->hv);
		if (vcpu_follow_info(v, &v->plan)) {
			vcpu_over_broken(v, "its vcpu_info is in a frame that it cannot map");
			return false;
		}
		plan_start(v);
		if (!process_backend.loads_bases && plan_bases(v)) {
			vcpu_over_broken(v, "there is no memory to plan its system calls");
			return false;
		}
		hv_vcpu_entry(v->hv, &entry);
		control->event = entry.event;
		take_nmi(v);
		if (v->plan.nr && !(v->work & SHIM_WORK_MAP)) {
			v->work |= SHIM_WORK_MAP;
			plan_show(v);
		}
		vcpu_set_state(v, VCPU_IN_GUEST);
		/* Others may have taken it down, moved its vcpu_info and let it up again since. */
		if (!vcpu_needs_its_thread(v))
			break;
		vcpu_set_state(v, VCPU_IN_MONITOR);
	}
	return true;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* The operations shown were made; more, or back to the guest. */
static enum outcome call_done(struct vcpu *v, const struct seccomp_data *call, int64_t *value)
{
	uint64_t error = -call->args[0]; /* a guest may call this too: any value */

	*value = 0;
	if (error || v->plan.allowed != v->plan.shown) {
		vcpu_over_broken(v, "its process cannot do what it asked for: %s",
				 error && error < 4096 ? strerror((int)error)
						       : "the shim was interfered with");
		return OVER;
	}
	if (v->plan.shown < v->plan.nr) {
		*value = plan_show(v);
		return ANSWER_NOW;
	}
	plan_clear(&v->plan);
	return ANSWER;
}

/* A call from the shim's gate. A guest may jump there too: then it gets what it deserves. */
static enum outcome shim_request(struct vcpu *v, const struct seccomp_data *call, int64_t *value)
{
	if (plan_allows(v, call))
		return EXECUTE;
	switch (call->nr) {
	case SHIM_CALL_START:
	case SHIM_CALL_PARK:
		*value = 0;
		return ANSWER;
	case SHIM_CALL_DONE:
		return call_done(v, call, value);
	case SHIM_CALL_FAULT:
		*value = vcpu_fault(v);
		return *value < 0 ? OVER : ANSWER;
	case SHIM_CALL_RETURN:
		*value = vcpu_check_return(v);
		return *value < 0 ? OVER : ANSWER;
	default:
		*value = -ENOSYS;
		return ANSWER;
	}
}

/* One that may put the vCPU to sleep, and changes nothing that its way back has to see to. */
static bool is_wait(const struct seccomp_data *call)
{
	uint32_t op = (uint32_t)call->args[0];

	return call->nr == __HYPERVISOR_sched_op && (op == SCHEDOP_block || op == SCHEDOP_poll);
}

static bool is_send(const struct seccomp_data *call)
{
	return call->nr == __HYPERVISOR_event_channel_op &&
	       (uint32_t)call->args[0] == EVTCHNOP_send;
}

/*
 * One that is cut short goes on at once when the vCPU may run: the guest cannot be made to call it
 * again, so its upcalls wait for the end of it.
 */
static enum outcome hypercall(struct vcpu *v, const struct seccomp_data *call, int64_t *value)
{
	uint64_t args[6];

	memcpy(args, call->args, sizeof(args));
	for (;;) {
		*value = hv_hypercall(v->hv, (uint64_t)(int64_t)call->nr, args);
		if (!hv_vcpu_preempted(v->hv))
			return is_wait(call) ? ANSWER_WHEN_WOKEN : ANSWER;
		if (!hv_vcpu_runnable(v->hv) && !vcpu_wait_runnable(v))
			return OVER;
		vcpu_set_state(v, VCPU_IN_MONITOR);
	}
}

static enum outcome handle(struct vcpu *v, const struct seccomp_data *call, int64_t *value)
{
	bool foreign = call->arch != AUDIT_ARCH_X86_64 || ((uint32_t)call->nr & X32_BIT) ||
		       (call->instruction_pointer & ~0xfffull) == VSYSCALL_PAGE;

	*value = -ENOSYS;
	if (call->instruction_pointer == SHIM_GATE_IP && !foreign)
		return shim_request(v, call, value);
	if (v->plan.nr) {
		/* The signal comes before its next instruction, unless it made itself deaf. */
		vcpu_over_broken(v, "the guest went on before a change of its mappings was made");
		return OVER;
	}
	/* Another entry into the host's kernel: no hypercall, whatever its number means there. */
	if (call->arch == AUDIT_ARCH_I386)
		return vcpu_int80(v, call->instruction_pointer, (uint32_t)call->nr, value) < 0
			       ? OVER
			       : ANSWER;
	if (foreign)
		return ANSWER;
	v->last_hypercall = (uint32_t)call->nr;
	v->last_rip = call->instruction_pointer;
	return hypercall(v, call, value);
}

/* hv_ops.set_segment_base. Inside the calling vCPU's hypercall, so on its thread. */
int process_set_segment_base(struct hv_vcpu *hv, unsigned which, uint64_t base)
{
	struct vcpu *v = hv_vcpu_user(hv);

	/*
	 * Loading a non-canonical base would be a fault in the shim; and the system call wants one
	 * that user space has.
	 */
	if ((base + (1ull << 47)) >> 48 || (!process_backend.loads_bases && base >= TASK_END))
		return -EINVAL;
	switch (which) {
	case SEGBASE_FS:
		v->control->fs_base = base;
		v->work |= SHIM_WORK_FS;
		break;
	case SEGBASE_GS_KERNEL:
		v->control->gs_base = base;
		v->work |= SHIM_WORK_GS;
		break;
	case SEGBASE_GS_USER: /* there is no user mode that would see it */
	case SEGBASE_GS_USER_SEL:
		return 0;
	default:
		return -EINVAL;
	}
	return 0;
}

/* hv_ops.iret: the shim does it, with the stack pointer of the call. */
long process_iret(struct hv_vcpu *hv)
{
	((struct vcpu *)hv_vcpu_user(hv))->work |= SHIM_WORK_IRET;
	return 0;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Waking another core is what costs: both sides of a vCPU share one. */
static void pin(const struct vcpu *v, pid_t tid)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(v->cpu, &set);
	sched_setaffinity(tid, sizeof(set), &set); /* only speed is lost where it is refused */
}

/*
 * The next call. ENOENT and EINTR mean that it went away (a signal restarts it) or that somebody
 * wants us to look; a hang-up that nobody is left who could call.
 */
static bool receive(struct vcpu *v, struct seccomp_notif *call, size_t size)
{
	struct pollfd pfd = { .fd = v->listener };

	while (!atomic_load(&v->process->dead)) {
		memset(call, 0, size);
		if (!ioctl(v->listener, SECCOMP_IOCTL_NOTIF_RECV, call))
			return true;
		if (errno != EINTR && errno != ENOENT) {
			vcpu_over_broken(v, "cannot receive its hypercalls: %s", strerror(errno));
			return false;
		}
		if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLNVAL)))
			return false;
	}
	return false;
}

void vcpu_answer(const struct vcpu *v, struct seccomp_notif_resp *resp)
{
	/* ENOENT: it died meanwhile, RECV will tell. */
	while (ioctl(v->listener, SECCOMP_IOCTL_NOTIF_SEND, resp) && errno == EINTR)
		;
}

void vcpu_signal(const struct vcpu *v)
{
	syscall(SYS_tgkill, v->process->pid, v->tid, SHIM_SIGNAL);
}

/*
 * Will the guest's side look for an upcall on its way out of this call (shim/iret.S)? Then none
 * that is due now needs a signal. The guest can write both, the page and `numbered`: it misses its
 * own events then.
 */
static bool looks_itself(const struct vcpu *v, const struct seccomp_data *call)
{
	return hypercall_by_page(v->process, call->instruction_pointer) &&
	       __atomic_load_n(&v->scratch->numbered, __ATOMIC_RELAXED);
}

/* Its answer, whoever gives it. */
static void leave(struct vcpu *v, const struct seccomp_notif *call, int64_t value)
{
	v->left_answer = (struct seccomp_notif_resp){ .id = call->id, .val = value };
	v->left_looks = looks_itself(v, &call->data);
}

/*
 * True: another thread answers, or has. Not if that might be on another processor: beside a busy
 * one Linux lets a guest that is woken from there wait for milliseconds, where our thread has its
 * turn at once, and wakes the guest next to it.
 */
static bool leave_call(struct vcpu *v, const struct seccomp_notif *call, int64_t value)
{
	if (!process_backend.one_cpu || hv_vcpu_runnable(v->hv))
		return false;
	leave(v, call, value);
	if (!vcpu_fall_asleep(v))
		return false;
	handover_end(v);
	return true;
}

/*
 * What was shown before may not have been done yet: on its way to the last signal the shim called
 * once more (PARK). Then it is done with this. The guest can write `done`: its own work it misses
 * or does twice.
 */
static void show_work(struct vcpu *v)
{
	struct shim_vcpu *control = v->control;

	if (__atomic_load_n(&v->scratch->done, __ATOMIC_RELAXED) != control->seq)
		v->work |= control->work;
	control->work = v->work;
	control->seq++;
}

/*
 * Back into the guest, now or when whom it woke has had its turn. The signal, if there is anything
 * for it, is queued until the answer lets the thread out of the kernel. Whose call is received
 * next; NULL: there is no way back.
 */
static struct vcpu *go_on(struct vcpu *v, const struct seccomp_notif *call, int64_t value)
{
	struct vcpu *next;
	bool due;

	if (!way_back(v))
		return NULL;
	leave(v, call, value);
	if (v->work)
		show_work(v);
	due = hv_vcpu_upcall_due(v->hv);
	if (v->work || (due && !v->left_looks))
		vcpu_signal(v);
	else if (!due && (next = handover_hold(v)))
		return next;
	v->work = 0;
	atomic_store_explicit(&v->told, false, memory_order_relaxed);
	handover_end(v);
	vcpu_answer(v, &v->left_answer);
	return v;
}

/* Whose call is received next; NULL: this vCPU's domain is over. */
static struct vcpu *serve(struct vcpu *v, const struct seccomp_notif *call)
{
	struct seccomp_notif_resp resp = { .id = call->id };
	enum outcome outcome;
	int64_t value;

	/* From here on a kick need not signal: we look at everything before the answer. */
	vcpu_set_state(v, VCPU_IN_MONITOR);
	if (v->tid != (pid_t)call->pid) {
		v->tid = (pid_t)call->pid;
		pin(v, v->tid);
	}
	handover_begin(v, is_send(&call->data), is_wait(&call->data));
	outcome = handle(v, &call->data, &value);
	handover_handled(v);
	switch (outcome) {
	case ANSWER_WHEN_WOKEN:
		if (leave_call(v, call, value))
			return v;
		/* fallthrough */
	case ANSWER:
		return go_on(v, call, value);
	case ANSWER_NOW:
		break;
	case EXECUTE:
		value = 0;
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		break;
	case OVER:
		return NULL;
	}
	resp.val = value;
	handover_end(v);
	vcpu_answer(v, &resp);
	return v;
}

void *vcpu_main(void *arg)
{
	struct vcpu *v = arg, *next = v;
	pid_t self = gettid();
	union {
		struct seccomp_notif call;
		char room[512]; /* the kernel's may be longer: process_backend_init checked */
	} u;

	pin(v, 0);
	/* Linux 6.6: hand over the core with the wake-up */
	ioctl(v->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	while (next) {
		v = next;
		atomic_store_explicit(&v->our_tid, self, memory_order_relaxed);
		next = receive(v, &u.call, sizeof(u)) ? serve(v, &u.call) : NULL;
	}
	handover_end(v);
	vcpu_set_state(v, VCPU_GONE);
	v->thread = pthread_self();
	atomic_store(&v->left, true);
	return NULL;
}
