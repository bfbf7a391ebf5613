/* SPDX-License-Identifier: MIT */
/* What the monitor gives up before a guest runs. Main thread, before any other is started. */
#ifndef CARILLON_VMM_DROP_H
#define CARILLON_VMM_DROP_H

/*
 * Capabilities, core dumps and being dumpable; new privileges. After all files that the machine
 * file names have been opened (a FIFO is opened later: by its permissions).
 */
void drop_privileges(void);

/* All system calls but those still needed. After the domains' processes have been started. */
void drop_calls(void);

#endif
