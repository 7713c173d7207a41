/* SPDX-License-Identifier: BSD-2-Clause */
/* The orders of lunar-targetd (orders.h) by the courier of all daemons (service/courier.h). */
#ifndef LUNAR_DAEMON_COURIER_H
#define LUNAR_DAEMON_COURIER_H

#include "daemon/orders.h"

struct errand_out {
	struct order order; /* filled in by the caller, but for its number */
	int file;           /* goes along and is closed then; -1: none */
	bool borrows; /* ... or stays open: it is somebody else's, who keeps it until `done` */
	int store; /* of ORDER_LU_ADD, what outlives the LU: goes along and is closed then; -1: none */
	/* 0 or -errno with `why`; -ECANCELED: that process has ended. May free it. */
	void (*done)(struct errand_out *e, int err, const char *why);
	/* What was asked for, before that; NULL: nothing is. */
	void (*row)(struct errand_out *e, const struct word *word);
	void *ctx;

	struct sending sending;
};

void courier_send(struct courier *c, struct errand_out *e);
/* `done` of what nobody waits for: frees it. */
void courier_forget(struct errand_out *e, int err, const char *why);

/* For courier_ops of who has `says` and `lost`. */
bool courier_word_check(const struct word_head *word, size_t len);
bool courier_row(struct sending *s, const struct word_head *word);
void courier_done(struct sending *s, const struct word_head *word);

#endif
