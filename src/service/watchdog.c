/* SPDX-License-Identifier: BSD-2-Clause */
#include "service/watchdog.h"

#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define NSEC_PER_USEC 1000
/* So often within the time that it has: one that comes late is no reason to be killed. */
#define OFTEN 3

static void say(struct timer *t)
{
	struct watchdog *w = container_of(t, struct watchdog, timer);
	sd_notify(0, "WATCHDOG=1");
	timer_set(w->r, t, reactor_now(w->r) + w->interval);
}

void watchdog_start(struct watchdog *w, struct reactor *r, struct log *log)
{
	uint64_t usec = 0;
	*w = (struct watchdog){.r = r};
	timer_init(&w->timer, say);
	int is_on = sd_watchdog_enabled(0, &usec);
	if (is_on < 0)
		log_warning(log,
			    "the service manager's watchdog is not served: WATCHDOG_USEC or "
			    "WATCHDOG_PID: %s",
			    strerror(-is_on));
	if (is_on <= 0)
		return;
	w->interval = MAX(usec / OFTEN, UINT64_C(1)) * NSEC_PER_USEC;
	log_debug(log, "the service manager hears from us every %" PRIu64 " ms",
		  w->interval / NSEC_PER_MSEC);
	say(&w->timer);
}
