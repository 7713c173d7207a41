/* SPDX-License-Identifier: BSD-2-Clause */
/* The orders of lunar-initiatord (orders.h) by the courier of all daemons (service/courier.h). */
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

	struct sending sending;
};

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

/* For courier_ops of who has `says` and `lost`. */
bool courier_word_check(const struct word_head *word, size_t len);
bool courier_row(struct sending *s, const struct word_head *word);
void courier_done(struct sending *s, const struct word_head *word);

#endif
