/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process with rights does about the other one, and about signals. */
#ifndef LUNAR_SERVICE_KEEPER_H
#define LUNAR_SERVICE_KEEPER_H

#include <sys/signalfd.h>
#include "reactor/reactor.h"

/* A process that ends again and again within a minute is not started any more. */
struct restarts {
	unsigned count; /* within it */
	uint64_t first;
};

/* Counts one more. False: they are too many, which was said in the log. */
bool restarts_may(struct restarts *s, struct reactor *r);
/* Says in the log how the process that faces the network has ended, of wait(2)'s status. */
void keeper_say_ended(struct log *log, int status);

/* Signals as operations of a reactor. */
struct signals {
	struct reactor *r;
	int fd;
	struct op op;
	struct iovec iov;
	struct signalfd_siginfo info;
	void (*take)(void *ctx, uint32_t signo);
	void *ctx;
};

/* From now on they come to `take` and nowhere else. 0 or -errno. */
int signals_watch(struct signals *s, struct reactor *r, const int *which, size_t count,
		  void (*take)(void *ctx, uint32_t signo), void *ctx);

#endif
