/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reactor: one thread, one engine. Clock, random numbers, sockets, files and names come in through
 * it and in no other way, so that the same code runs on io_uring and in simulation.
 *
 * Nothing here is thread-safe but reactor_post(): every other call is made on the reactor's own thread.
 * All times are nanoseconds of a monotonic clock; 0 is long ago, REACTOR_NEVER is never.
 */
#ifndef LUNAR_REACTOR_REACTOR_H
#define LUNAR_REACTOR_REACTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/list.h"
#include "common/log.h"
#include "reactor/op.h"

struct reactor;
struct engine;

#define REACTOR_NEVER UINT64_MAX
#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)

/* A reactor on io_uring, for the calling thread (after any fork). -ENOSYS or -EPERM where the kernel
 * or a sandbox refuses it. */
int reactor_new_uring(struct reactor **out, struct log *log);
/* One on epoll and a few threads, which every kernel has; slower. */
int reactor_new_epoll(struct reactor **out, struct log *log);
/* By its name; NULL: the first that the kernel lets us have. -EINVAL: there is none of that name. */
int reactor_new_engine(struct reactor **out, const char *name, struct log *log);
/* The names of both, best first; NULL behind the last. */
const char *reactor_engine_name(size_t i);
/* The one that this reactor has. */
const char *reactor_engine_of(const struct reactor *r);

/* Ends the engine; operations still in flight are cancelled, and their `done` never runs. */
void reactor_free(struct reactor *r);

/* Turns until reactor_stop(). Returns 0, or -errno if the engine broke. */
int reactor_run(struct reactor *r);
void reactor_stop(struct reactor *r);

/*
 * One turn: expired timers, completions, deferred work; waits at most until `deadline` for the first
 * of them. Returns how many things ran, or -errno.
 */
int reactor_turn(struct reactor *r, uint64_t deadline);

uint64_t reactor_now(const struct reactor *r);                 /* monotonic; steady within a turn */
uint64_t reactor_wall(const struct reactor *r);                /* nanoseconds since 1970 */
void reactor_random(struct reactor *r, void *buf, size_t len); /* from the kernel; never fails */
struct log *reactor_log(const struct reactor *r);

/* --- timers (timer.c): a heap; setting again moves, cancelling one that is not set does nothing */

struct timer {
	void (*fire)(struct timer *t);
	uint64_t deadline;
	size_t index; /* place in the heap, 0 while not set */
};

void timer_init(struct timer *t, void (*fire)(struct timer *t));
void timer_set(struct reactor *r, struct timer *t, uint64_t deadline);
void timer_cancel(struct reactor *r, struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
	return t->index != 0;
}

/* --- deferred work: runs once, at the end of this turn, before the engine waits */

struct deferred {
	struct list link;
	void (*run)(struct deferred *d);
};

void deferred_init(struct deferred *d, void (*run)(struct deferred *d));
/* Does nothing when it is already waiting to run. */
void reactor_defer(struct reactor *r, struct deferred *d);
void deferred_cancel(struct deferred *d);

/* --- mail (mailbox.c): the one way from thread to thread. Who sends gives up what the letter is about,
 * who gets it may touch it: all that the sender did before is seen by then. */

struct mail {
	struct mail *next;
	void (*deliver)(struct mail *m);
	atomic_bool under_way;
};

/*
 * `deliver` runs once on the thread of `to`, in one of its next turns, after what was posted before from
 * here. The memory lives until then; it may be posted again from `deliver`. Does nothing for a letter that
 * is still under way.
 */
void reactor_post(struct reactor *to, struct mail *m, void (*deliver)(struct mail *m));

/* Delivers the letters that have come, as a turn would: for the end, when nobody turns this reactor any more.
 * Returns how many. */
int reactor_deliver(struct reactor *r);

/* --- operations in flight */

/* Asks for an early end: `done` still runs, with -ECANCELED or with the real outcome. */
void reactor_cancel(struct reactor *r, struct op *op);

#endif
