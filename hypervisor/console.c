/* SPDX-License-Identifier: MIT */
/*
 * console_io: text from and to a guest, in pieces that fit on our stack.
 */
#include "guest_access.h"
#include "hypercall.h"
#include "policy.h"
#include "version.h"

#define PIECE 256u

static long console_out(struct hv_vcpu *v, uint64_t va, uint32_t n)
{
	const struct hv_ops *ops = v->domain->hv->ops;
	char text[PIECE];
	bool first;

	for (first = true; n && !hv_domain_is_shut_down(v->domain, NULL); first = false) {
		const uint64_t rest[6] = { CONSOLEIO_write, n, va };
		uint32_t piece = n < PIECE ? n : PIECE;

		if (!first && hypercall_should_yield(v))
			return hypercall_again(v, rest);

		if (copy_from_guest(v, text, va, piece))
			return -XEN_EFAULT;
		if (ops->console_write)
			ops->console_write(v->domain, text, piece);
		va += piece;
		n -= piece;
	}
	return 0;
}

static long console_in(struct hv_vcpu *v, uint64_t va, uint32_t n)
{
	const struct hv_ops *ops = v->domain->hv->ops;
	char text[PIECE];
	long total = 0;

	while (n && ops->console_read) {
		size_t want = n < PIECE ? n : PIECE;
		size_t got = ops->console_read(v->domain, text, want);

		if (got > want)
			got = want;
		if (copy_to_guest(v, va, text, got))
			return -XEN_EFAULT;
		total += (long)got;
		va += got;
		n -= (uint32_t)got;
		if (got < want)
			break;
	}
	return total;
}

long do_console_io(struct hv_vcpu *v, const uint64_t a[6])
{
	uint32_t n = (uint32_t)a[1];
	long rc = policy_ask_own(v, HV_OP_CONSOLE, (uint32_t)a[0]);

	if (rc)
		return rc;
	if (n > INT32_MAX)
		return -XEN_EINVAL;
	switch ((uint32_t)a[0]) {
	case CONSOLEIO_write:
		return console_out(v, a[2], n);
	case CONSOLEIO_read:
		return console_in(v, a[2], n);
	default:
		return -XEN_ENOSYS;
	}
}
