/* SPDX-License-Identifier: MIT */
/*
 * The state of a hypervisor's event channels and interrupt lines as text, for people and for
 * scripts that know Xen's debug key 'e'.
 */
#ifndef CARILLON_VMM_DUMP_H
#define CARILLON_VMM_DUMP_H

#include <stdio.h>

struct hv;
struct hv_domain;

/* Of all its domains; name: what a domain is called. Any thread, while domains come and go. */
void dump_write(FILE *f, struct hv *hv, const char *(*name)(const struct hv_domain *d));

#endif
