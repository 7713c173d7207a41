/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/courier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "reactor/net.h"

static void listen_on(struct courier *c);

/* --- the end */

static void answer_all(struct list *list)
{
	const struct word gone = {.kind = WORD_DONE,
				  .err = -ECANCELED,
				  .why = "the process that faces the network has ended"};
	while (!list_empty(list)) {
		struct errand_out *e = list_first(list, struct errand_out, link);
		list_del(&e->link);
		e->done(e, &gone);
	}
}

void courier_end(struct courier *c)
{
	int end = c->end;
	if (end < 0)
		return;
	c->end = -1;
	c->unacknowledged = 0;
	net_shutdown(c->r, end);
	if (!c->reading)
		net_close(c->r, end);
	struct list gone;
	list_init(&gone);
	list_splice_tail(&gone, &c->out);
	list_splice_tail(&gone, &c->waiting);
	list_init(&c->out);
	list_init(&c->waiting);
	answer_all(&gone);
}

static void lose(struct courier *c, const char *why)
{
	courier_end(c);
	c->lost(c->ctx, why);
}

/* --- out */

static void send_waiting(struct courier *c)
{
	while (c->end >= 0 && !list_empty(&c->waiting) && c->unacknowledged < ORDERS_MOST) {
		struct errand_out *e = list_first(&c->waiting, struct errand_out, link);
		int err = order_send(c->end, &e->order, e->file);
		if (err) {
			lose(c, strerror(-err));
			return;
		}
		list_del(&e->link);
		list_add_tail(&c->out, &e->link);
		c->unacknowledged++;
	}
}

void courier_send(struct courier *c, struct errand_out *e)
{
	e->order.number = ++c->last;
	e->acknowledged = false;
	list_add_tail(&c->waiting, &e->link);
	send_waiting(c);
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

/* --- in */

static struct errand_out *find(const struct courier *c, uint32_t number)
{
	list_for_each (it, &c->out) {
		struct errand_out *e = list_entry(it, struct errand_out, link);
		if (e->order.number == number)
			return e;
	}
	return NULL;
}

static void acknowledge(struct courier *c, struct errand_out *e)
{
	if (!e->acknowledged)
		c->unacknowledged--;
	e->acknowledged = true;
}

/* False: it speaks of what it was never asked. */
static bool take_answer(struct courier *c, struct word *w)
{
	struct errand_out *e = find(c, w->number);
	if (!e)
		return false;
	switch (w->kind) {
	case WORD_LATER: acknowledge(c, e); return true;
	case WORD_DONE:
		acknowledge(c, e);
		list_del(&e->link);
		if (w->err > 0)
			w->err = -EPROTO;
		e->done(e, w);
		return true;
	default:
		if (e->row)
			e->row(e, w);
		return e->row != NULL;
	}
}

static bool is_its_own(uint32_t kind)
{
	static const bool own[WORD_KINDS] = {
		[WORD_READY] = true, [WORD_STATE] = true,   [WORD_RESOLVE] = true,
		[WORD_LOST] = true,  [WORD_CHANGED] = true, [WORD_ATTACHED] = true,
	};
	return own[kind];
}

static bool take(struct courier *c, struct word *w)
{
	if (!is_its_own(w->kind))
		return take_answer(c, w);
	c->says(c->ctx, w);
	return true;
}

static void heard(struct op *op, int res)
{
	struct courier *c = container_of(op, struct courier, op);
	int was = op->handle;
	c->reading = false;
	if (c->end != was) {
		net_close(c->r, was);
		if (c->end >= 0)
			listen_on(c);
		return;
	}
	if (res <= 0) {
		lose(c, res ? strerror(-res) : NULL);
		return;
	}
	struct word word = c->word;
	if (!word_check(&word, (size_t)res) || !take(c, &word)) {
		lose(c, "it says what it cannot mean: it is taken for a peer's");
		return;
	}
	send_waiting(c);
	if (c->end >= 0 && !c->reading)
		listen_on(c);
}

static void listen_on(struct courier *c)
{
	c->reading = true;
	c->iov = (struct iovec){&c->word, sizeof(c->word)};
	c->op.done = heard;
	net_recv(c->r, &c->op, c->end, &c->iov, 1);
}

void courier_init(struct courier *c, struct reactor *r)
{
	*c = (struct courier){.r = r, .end = -1};
	list_init(&c->waiting);
	list_init(&c->out);
}

void courier_begin(struct courier *c, int end)
{
	c->end = end;
	if (!c->reading)
		listen_on(c);
	send_waiting(c);
}
