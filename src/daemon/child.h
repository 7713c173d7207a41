/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that faces the network: reactors, the target, LUs. It has no rights, opens nothing, and does what
 * it is told (orders.h). Its home reactor runs on the thread that calls child_run(); orders come in on a thread
 * of their own, for descriptors come with them, and are posted home.
 */
#ifndef LUNAR_DAEMON_CHILD_H
#define LUNAR_DAEMON_CHILD_H

#include "sandbox/sandbox.h"
#include "target/options.h"

struct child_options {
	struct log *log;
	struct target_options serving;
	struct sandbox_user user;
	bool sandbox;
};

/* From the fork to the end; `end` is our end of the socket. The exit code. */
int child_run(const struct child_options *o, int end);

#endif
