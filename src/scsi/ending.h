/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing LUs to rest. Each is flushed as soon as nothing of it is at its store any more, whatever
 * the others do, and one that does not answer in time is given up, and only that.
 */
#ifndef LUNAR_SCSI_ENDING_H
#define LUNAR_SCSI_ENDING_H

#include "scsi/lu.h"

struct ending;

struct ending_lu {
	struct ending *ending;
	struct scsi_lu *lu;
	enum { ENDING_BUSY, ENDING_FLUSHING, ENDING_FLUSHED } state;
};

struct ending {
	struct reactor *r;
	struct log *log;
	struct ending_lu *lus;
	size_t count, left;
	uint64_t deadline;
	bool unflushed; /* set after ending_start(): what is in the kernel's cache stays there, for who goes on */
	struct timer timer;
	void (*done)(struct ending *e, void *ctx);
	void *ctx;

	/* the outcome */
	bool failed;    /* of something it is not known that it is on stable storage */
	bool abandoned; /* operations of a store are still out: nothing of it can be freed */
};

/* `done` runs by `deadline`, and not from inside. 0 or -ENOMEM. */
int ending_start(struct ending *e, struct reactor *r, struct log *log, struct scsi_lu *const *lus,
		 size_t count, uint64_t deadline, void (*done)(struct ending *e, void *ctx),
		 void *ctx);
/* Not while operations are out (`abandoned`). */
void ending_free(struct ending *e);

#endif
