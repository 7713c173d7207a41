/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Orders on their way to the process that faces the network, and what becomes of them. They go out in the order
 * in which they were given; each is answered once, also when that process ends before.
 */
#ifndef LUNAR_DAEMON_COURIER_H
#define LUNAR_DAEMON_COURIER_H

#include "daemon/orders.h"

struct errand_out {
	struct order order; /* filled in by the caller, but for its number */
	int file;           /* goes along and is closed then; -1: none */
	bool borrows; /* ... or stays open: it is somebody else's, who keeps it until `done` */
	/* 0 or -errno with `why`; -ECANCELED: that process has ended. May free it. */
	void (*done)(struct errand_out *e, int err, const char *why);
	/* What was asked for, before that; NULL: nothing is. */
	void (*row)(struct errand_out *e, const struct word *word);
	void *ctx;

	struct list link;
	bool sent, acknowledged;
};

struct courier {
	struct reactor *r;
	int end; /* -1: there is nobody */
	struct list waiting, out;
	size_t unacknowledged;
	uint32_t last;
	struct op op;
	struct iovec iov;
	struct word word;
	bool reading;
	/* What it says of itself. */
	void (*ready)(void *ctx);
	void (*reopen)(void *ctx, uint32_t lu);
	/* It has ended, or says nonsense: everything has been answered with -ECANCELED. */
	void (*lost)(void *ctx, const char *why);
	void *ctx;
};

void courier_init(struct courier *c, struct reactor *r);
/* Takes over `end`. */
void courier_begin(struct courier *c, int end);
void courier_send(struct courier *c, struct errand_out *e);
/* `done` of what nobody waits for: frees it. */
void courier_forget(struct errand_out *e, int err, const char *why);
/* Closes the socket. Everything is answered with -ECANCELED. */
void courier_end(struct courier *c);

#endif
