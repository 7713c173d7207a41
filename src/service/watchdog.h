/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service manager that has set WATCHDOG_USEC (sd_watchdog_enabled(3)) hears from the process with the rights as
 * long as its reactor turns. Where nobody has, nothing happens.
 */
#ifndef LUNAR_SERVICE_WATCHDOG_H
#define LUNAR_SERVICE_WATCHDOG_H

#include "reactor/reactor.h"

struct watchdog {
	struct reactor *r;
	struct timer timer;
	uint64_t interval; /* ns; 0: nobody waits for us */
};

/* From now on, on the reactor's thread. `w` stays where it is until the reactor has ended. */
void watchdog_start(struct watchdog *w, struct reactor *r, struct log *log);

#endif
