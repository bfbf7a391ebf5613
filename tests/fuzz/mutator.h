/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest's other vCPUs, played by the fuzzer: writes to guest memory at chosen moments,
 * between any two accesses of the hypervisor half. What a real thread would do by luck is done here
 * by the input, and again when the input is run again.
 */
#ifndef CARILLON_TESTS_FUZZ_MUTATOR_H
#define CARILLON_TESTS_FUZZ_MUTATOR_H

#include "input.h"

#define MUTATOR_PAGES 64u

/* From now on the bytes of `in` say when and what; none: nothing is written any more. */
void mutator_start(struct input in);

/* A page that it may write to. Forget them all. */
void mutator_page(void *page);
void mutator_forget(void);

/* Write once, by these bytes. */
void mutator_write(struct input *in);

#endif
