/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: every operation that a guest asks for is put to the embedder's policy, or to the
 * default one (policy.c). Where in an operation it is asked, and what is checked before, is Xen's
 * order.
 */
#ifndef HYPERVISOR_POLICY_H
#define HYPERVISOR_POLICY_H

#include "private.h"

/* An operation of v's on that domain. */
static inline int policy_ask_on(struct hv_vcpu *v, enum hv_operation op, struct hv_domain *target,
				uint64_t number)
{
	const struct hv_ops *ops = v->domain->hv->ops;
	const struct hv_request r = { .op = op, .caller = v, .target = target, .number = number };

	return ops->policy ? ops->policy(&r) : hv_default_policy(&r);
}

/* For what the default policy allows everybody: it is asked only if the embedder has its own. */
static inline int policy_ask_free(struct hv_vcpu *v, enum hv_operation op, struct hv_domain *target,
				  uint64_t number)
{
	return v->domain->hv->ops->policy ? policy_ask_on(v, op, target, number) : 0;
}

/* The same of an operation on its own domain. */
static inline int policy_ask_own(struct hv_vcpu *v, enum hv_operation op, uint64_t number)
{
	return policy_ask_free(v, op, v->domain, number);
}

/* For what the default policy allows a domain on itself: where it is another's, it is asked. */
static inline int policy_ask_unless_own(struct hv_vcpu *v, enum hv_operation op,
					struct hv_domain *target, uint64_t number)
{
	return target == v->domain ? policy_ask_own(v, op, number)
				   : policy_ask_on(v, op, target, number);
}

#endif
