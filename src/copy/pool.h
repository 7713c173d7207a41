/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads for calls that block: those on files. */
#ifndef LUNAR_COPY_POOL_H
#define LUNAR_COPY_POOL_H

#include <stdbool.h>
#include "common/list.h"

struct io_pool;

struct io_job {
	struct list link;
	int (*run)(struct io_job *job);            /* on a thread; 0 or -errno */
	void (*done)(struct io_job *job, int err); /* from io_pool_reap() */
	int err;
};

/* Threads are made as they are needed, `most` at most. */
int io_pool_new(struct io_pool **out, unsigned most);
/* Waits for nobody: a thread that is in a call keeps what it needs until the program ends. */
void io_pool_free(struct io_pool *p);
/* 0, or -errno: no thread can be made. */
int io_pool_give(struct io_pool *p, struct io_job *job);
/* Readable: there is something to reap. */
int io_pool_fd(const struct io_pool *p);
void io_pool_reap(struct io_pool *p);
/* Readable once io_pool_stop() was called: for jobs that wait for somebody. */
int io_pool_stop_fd(const struct io_pool *p);
void io_pool_stop(struct io_pool *p);

#endif
