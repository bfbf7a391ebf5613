/* SPDX-License-Identifier: MIT */
/*
 * The guest half's benchmark. `guest time` prints a line of figures for each row; `guest count
 * PREFIX` does each row of that name a fixed number of times, for callgrind (counts.py). What is
 * measured is in guest_*.c.
 */
#include <err.h>
#include <string.h>

#include "guest.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "time") == 0) {
		measure_dispatch();
		measure_each_dispatch();
		measure_calls();
		measure_lateness();
	} else if (argc == 2 && strcmp(argv[1], "sleep") == 0) {
		measure_sleep();
	} else if (argc == 3 && strcmp(argv[1], "count") == 0) {
		count_dispatch(argv[2]);
	} else {
		errx(2, "usage: guest time | sleep | count PREFIX");
	}
	return 0;
}
