/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that open disks for the one that holds the tree, which itself calls nothing that a disk or a file
 * system can keep waiting: an open of what hangs cannot be taken back, and no process that is in one can do
 * anything else. Each has one request at a time. One that does not come back is left alone, and another one is
 * made; when it does come back, and nobody wants its answer any more, it undoes what it did and ends.
 */
#ifndef LUNAR_DAEMON_OPENER_H
#define LUNAR_DAEMON_OPENER_H

#include "backstore/backstore.h"
#include "daemon/orders.h"
#include "sandbox/spawn.h"

/* What takes longer than this is said to be slow. */
#define OPENER_PATIENCE (3 * NSEC_PER_SEC)

enum opener_kind {
	OPENER_OPEN,   /* opens, makes, locks, and finds the identity */
	OPENER_AGAIN,  /* of the store `whole` the handle, anew */
	OPENER_RESIZE, /* the file that is called so gets this size */
	OPENER_STORE,  /* the file of what is to outlive a LU: makes it, when there is none */
	OPENER_LOOK,   /* what is called so */
};

struct opener_request {
	uint32_t kind;
	struct bs_file_options opt;
	uint64_t size;
	char path[BS_PATH_SIZE], state_dir[512];
	bool has_handle, has_lock; /* which files come along */
	struct bs_whole whole;
};

struct opener_answer {
	int32_t err; /* 0 or -errno with `why` */
	char why[ORDER_WHY_SIZE];
	uint8_t id[16];
	enum file_kind kind; /* OPENER_LOOK */
	struct bs_whole whole;
};

/* --- who asks */

struct openers {
	struct reactor *r;
	const struct spawn_seat *seat;
	struct list procs, waiting, dropped;
	struct timer timer;
	size_t count; /* of procs and dropped */
};

struct opening {
	struct opener_request request; /* filled in by the caller */
	/* OPENER_OPEN: a handle, and an identity's lock, that may be of the same disk and then are used; -1: none.
	 * They are the opener's. */
	int files[2];
	/* The end, once: `files` as bs_pack_whole() has them, the receiver's. Never from inside of
	 * opener_ask(). */
	void (*done)(struct opening *o, const struct opener_answer *answer, const int files[2]);
	/* It takes longer than OPENER_PATIENCE; may be NULL. It may be dropped from inside. */
	void (*slow)(struct opening *o);
	void *ctx;

	struct list link;
	struct opener_proc *proc; /* NULL: it waits for one */
	uint64_t deadline;
	bool told;
};

/* One that is all zero otherwise; `slow` may be NULL. No files go along, and the rest of the request is the caller's. */
void opening_init(struct opening *o, enum opener_kind kind,
		  void (*done)(struct opening *o, const struct opener_answer *answer,
			       const int files[2]),
		  void (*slow)(struct opening *o));
void openers_init(struct openers *os, struct reactor *r, const struct spawn_seat *seat);
void opener_ask(struct openers *os, struct opening *o);
/* Nobody wants the answer: what was done is undone when it is. It is not called back. */
void opener_drop(struct openers *os, struct opening *o);
/* A child of ours has ended. True: it was one of these. */
bool openers_ended(struct openers *os, pid_t pid);
/* Ends all of them, without waiting. */
void openers_close(struct openers *os);

/* --- opener_run.c: such a process, to its end */
void opener_run(struct log *log, pid_t parent, int end) __attribute__((noreturn));

#endif
