/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/courier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct word) <= COURIER_WORD, "no word is larger");
_Static_assert(offsetof(struct order, kind) == offsetof(struct order_head, kind) &&
		       offsetof(struct word, number) == offsetof(struct word_head, number),
	       "they begin with their heads");

void courier_send(struct courier *c, struct errand_out *e)
{
	e->sending = (struct sending){
		.order = (struct order_head *)&e->order,
		.size = order_size(e->order.kind),
		.file = e->file,
		.borrows = true,
		.second = -1,
	};
	courier_post(c, &e->sending);
}

struct errand_out *errand_out_new(enum order_kind kind,
				  void (*done)(struct errand_out *e, const struct word *word),
				  void *ctx)
{
	struct errand_out *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->order.kind = kind;
	e->file = -1;
	e->done = done;
	e->ctx = ctx;
	return e;
}

void errand_out_free(struct errand_out *e)
{
	explicit_bzero(e, sizeof(*e));
	free(e);
}

void courier_forget(struct errand_out *e, const struct word *word)
{
	errand_out_free(e);
}

bool courier_word_check(const struct word_head *word, size_t len)
{
	return word_check((const struct word *)word, len);
}

bool courier_row(struct sending *s, const struct word_head *word)
{
	struct errand_out *e = container_of(s, struct errand_out, sending);
	if (e->row)
		e->row(e, (const struct word *)word);
	return e->row != NULL;
}

void courier_done(struct sending *s, const struct word_head *word)
{
	static const struct word gone = {.kind = WORD_DONE,
					 .err = -ECANCELED,
					 .why = "the process that faces the network has ended"};
	struct errand_out *e = container_of(s, struct errand_out, sending);
	e->done(e, word ? (const struct word *)word : &gone);
}
