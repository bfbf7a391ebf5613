/* SPDX-License-Identifier: MIT */
/*
 * The five atomic primitives of both halves, as the simulation has them: each is a scheduling
 * point, and stores may wait in a buffer of their thread (memory.c). The halves are compiled with
 * HYPERVISOR_ATOMIC_HEADER and GUEST_ATOMIC_HEADER naming this file; scenarios include it for
 * their own accesses to shared words.
 */
#ifndef CARILLON_SIM_ATOMIC_H
#define CARILLON_SIM_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

/* Where in the source an access is. */
struct sim_site {
	const char *file;
	const char *function;
	unsigned line;
};

enum sim_fetch {
	SIM_FETCH_add,
	SIM_FETCH_sub,
	SIM_FETCH_or,
	SIM_FETCH_and,
};

/* size is 1, 2, 4 or 8; order is a __ATOMIC_*. All but the store return what was there. */
uint64_t sim_load(const volatile void *p, unsigned size, int order, const struct sim_site *site);
void sim_store(volatile void *p, unsigned size, uint64_t v, int order, const struct sim_site *site);
uint64_t sim_exchange(volatile void *p, unsigned size, uint64_t v, int order,
		      const struct sim_site *site);
uint64_t sim_fetch(enum sim_fetch op, volatile void *p, unsigned size, uint64_t v, int order,
		   const struct sim_site *site);
bool sim_cas(volatile void *p, unsigned size, uint64_t *old, uint64_t v, int order,
	     const struct sim_site *site);

#define SIM_SITE                                                                           \
	(__extension__({                                                                   \
		static const struct sim_site sim_site_ = { __FILE__, __func__, __LINE__ }; \
		&sim_site_;                                                                \
	}))

#define SIM_BITS(v)	((uint64_t)(uintptr_t)(v))
#define SIM_VALUE(p, v) ((__typeof__(*(p)))(uintptr_t)(v))

#define ATOMIC_LOAD(p, order) \
	SIM_VALUE(p, sim_load((p), sizeof(__typeof__(*(p))), (order), SIM_SITE))
#define ATOMIC_STORE(p, v, order) \
	sim_store((p), sizeof(__typeof__(*(p))), SIM_BITS(v), (order), SIM_SITE)
#define ATOMIC_XCHG(p, v, order) \
	SIM_VALUE(p, sim_exchange((p), sizeof(__typeof__(*(p))), SIM_BITS(v), (order), SIM_SITE))
#define ATOMIC_FETCH(op, p, v, order)                                                      \
	SIM_VALUE(p, sim_fetch(SIM_FETCH_##op, (p), sizeof(__typeof__(*(p))), SIM_BITS(v), \
			       (order), SIM_SITE))
#define ATOMIC_CAS(p, old, new, order)                                                          \
	(__extension__({                                                                        \
		uint64_t sim_old_ = SIM_BITS(*(old));                                           \
		bool sim_ok_ = sim_cas((p), sizeof(__typeof__(*(p))), &sim_old_, SIM_BITS(new), \
				       (order), SIM_SITE);                                      \
		*(old) = SIM_VALUE(p, sim_old_);                                                \
		sim_ok_;                                                                        \
	}))

#endif
