/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads for operations that block: an engine without io_uring gives them its file I/O. They are made
 * when there is work for them and stay. Everything but what a thread does is called on the reactor's
 * own thread.
 */
#ifndef LUNAR_REACTOR_WORKERS_H
#define LUNAR_REACTOR_WORKERS_H

#include "reactor/op.h"

struct workers;
struct log;

/*
 * `run` does an operation and returns its result, on a thread of its own. `wake` is an eventfd that is
 * written to when something is over. -ENOMEM.
 */
int workers_new(struct workers **out, int (*run)(struct op *op), int wake, struct log *log);
/* Waits for what a thread is in the middle of; what was not begun is forgotten. */
void workers_free(struct workers *w);

/* The op's link and priv[3] are ours until it is over. -EAGAIN: there is no thread, and none to be had. */
int workers_submit(struct workers *w, struct op *op);
/* Takes it back if no thread has begun it. */
bool workers_withdraw(struct workers *w, struct op *op);
/* Moves what is over to the tail of `list`, results in priv[1]. */
void workers_take(struct workers *w, struct list *list);

#endif
