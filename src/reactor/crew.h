/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reactors on threads of their own, beside the caller's. All calls are made on the caller's thread; the
 * reactors are talked to by reactor_post() while they run.
 */
#ifndef LUNAR_REACTOR_CREW_H
#define LUNAR_REACTOR_CREW_H

#include "reactor/reactor.h"

struct crew;

/* `count` reactors on this engine (NULL: the first that there is), which turn from now on. 0 or -errno. */
int crew_new(struct crew **out, unsigned count, const char *engine, struct log *log);
unsigned crew_size(const struct crew *crew);
struct reactor *crew_reactor(struct crew *crew, unsigned i);
/* They turn no more when this returns. What they were to do can be undone by the caller now, as if their
 * threads were its own. NULL is fine. */
void crew_stop(struct crew *crew);
/* Stops them if they run, and frees them. NULL is fine. */
void crew_free(struct crew *crew);

#endif
