/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Orders on their way to the process that faces the network, and what becomes of them. They go out in the order
 * in which they were given; each is answered once, also when that process ends before.
 */
#ifndef LUNAR_INITIATORD_COURIER_H
#define LUNAR_INITIATORD_COURIER_H

#include "initiatord/orders.h"

struct errand_out {
	struct order order; /* filled in by the caller, but for its number */
	int file;           /* goes along and stays the caller's; -1: none */
	/* WORD_DONE, or, when that process has ended, one with -ECANCELED. Frees it. */
	void (*done)(struct errand_out *e, const struct word *word);
	/* What was asked for, before that; NULL: nothing is. */
	void (*row)(struct errand_out *e, const struct word *word);
	void *ctx;

	struct list link;
	bool acknowledged;
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
	void (*says)(void *ctx, const struct word *word);
	/* It has ended, or says nonsense: everything has been answered with -ECANCELED. */
	void (*lost)(void *ctx, const char *why);
	void *ctx;
};

void courier_init(struct courier *c, struct reactor *r);
/* Takes over `end`. */
void courier_begin(struct courier *c, int end);
/* Waits until there is somebody to take it. */
void courier_send(struct courier *c, struct errand_out *e);
/* A new one of this kind, or NULL. */
struct errand_out *errand_out_new(enum order_kind kind,
				  void (*done)(struct errand_out *e, const struct word *word),
				  void *ctx);
/* `done` of what nobody waits for. */
void courier_forget(struct errand_out *e, const struct word *word);
/* Wipes and frees it: there may be secrets in it. */
void errand_out_free(struct errand_out *e);
/* Closes the socket. Everything is answered with -ECANCELED. */
void courier_end(struct courier *c);

#endif
