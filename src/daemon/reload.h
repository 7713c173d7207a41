/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The saved configuration is read again and applied, as config.apply does it: what is alike is not touched, what is
 * broken changes nothing. The service manager is told when it begins and when it is over (sd_notify(3)).
 */
#ifndef LUNAR_DAEMON_RELOAD_H
#define LUNAR_DAEMON_RELOAD_H

#include "daemon/admin.h"

struct reload {
	struct admin *admin;
	struct log *log;
	const char *file; /* what is read, for people */
	/* Whether changes would be refused right now; then it is tried again. */
	bool (*busy)(void *ctx);
	void *ctx;

	struct timer timer;
	bool running, again;
};

/* The first five members are the caller's. */
void reload_init(struct reload *rl);
/* One more wish: it is read again from the beginning when it is being read. */
void reload_start(struct reload *rl);

#endif
