/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a reactor: reactor.c, timer.c and mailbox.c only. */
#ifndef LUNAR_REACTOR_PRIV_H
#define LUNAR_REACTOR_PRIV_H

#include "reactor/engine.h"

/* A binary heap by deadline. slot[1] is the earliest; slot[0] is unused, so that index 0 can mean
 * "not set" and the parent of i is i / 2. */
struct timer_heap {
	struct timer **slot;
	size_t count; /* timers set */
	size_t size;  /* room, slot[0] included */
};

struct reactor {
	struct engine *engine;
	struct log *log;
	struct timer_heap timers;
	struct list deferred; /* for the end of this turn */
	struct list running;  /* being run right now; what they defer goes to the next turn */
	bool stop;

	_Atomic(struct mail *) mailbox; /* the last letter first */
	atomic_bool asleep;             /* it may be waiting: who posts has to wake it */
};

bool mailbox_empty(const struct reactor *r);
/* Delivers what has come. Returns how many letters. */
int mailbox_open(struct reactor *r);
/* Throws away what has come. */
void mailbox_forget(struct reactor *r);

/* Fires what is due at `now`. Returns how many fired. */
int timers_fire(struct reactor *r, uint64_t now);
/* Unsets every timer. */
void timers_forget(struct reactor *r);

#endif
