/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processes, as OpenBSD does it. The first one opens what was configured, and then only waits: for
 * signals, which it hands on; for requests (channel.h), which it judges; for the other one's end, whose
 * exit code becomes its own. The second one faces the network, in the sandbox.
 */
#ifndef LUNAR_SANDBOX_SPLIT_H
#define LUNAR_SANDBOX_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "common/log.h"

struct split {
	pid_t child; /* 0: this is the child */
	int service; /* our end of the channel */
	/* A byte for each signal, its number, from parent to child; its end is the parent's end. */
	int control;
};

/*
 * What is blocked here stays blocked in both: SIGINT, SIGTERM, SIGHUP, which each takes from a
 * signalfd, and SIGCHLD. 0 in both, or -errno.
 */
int split_fork(struct split *s);

struct split_duties {
	size_t disks; /* as many may be asked for: what they are is for those who ask and open to know */
	/* The child serves: what it has taken over can be let go. */
	void (*ready)(void *ctx);
	/* Opens disk number `disk` anew. A descriptor, which is closed when it has been passed on, or -errno
	 * with `why`. */
	int (*reopen)(void *ctx, size_t disk, char *why, size_t why_size);
	void *ctx;
};

struct split_outcome {
	bool was_ready;
	int code;   /* the child's exit code */
	int signal; /* != 0: what killed it, which has been said in the log */
};

/* In the parent, until the child has ended. */
void split_watch(struct split *s, const struct split_duties *duties, struct log *log,
		 struct split_outcome *out);

/* Says in the log that the process that faces the network was killed by this signal, and what that may mean. */
void split_say_killed(struct log *log, int signal);

#endif
