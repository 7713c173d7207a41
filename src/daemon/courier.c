/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/courier.h"

#include <errno.h>
#include <stdlib.h>

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
		.borrows = e->borrows,
		.second = e->order.kind == ORDER_LU_ADD ? e->store : -1,
	};
	courier_post(c, &e->sending);
}

void courier_forget(struct errand_out *e, int err, const char *why)
{
	free(e);
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
	struct errand_out *e = container_of(s, struct errand_out, sending);
	const struct word *w = (const struct word *)word;
	if (w)
		e->done(e, w->err > 0 ? -EPROTO : w->err, w->why);
	else
		e->done(e, -ECANCELED, "the process that faces the network has ended");
}
