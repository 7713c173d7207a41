/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/courier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "reactor/net.h"

static void listen_on(struct courier *c);

/* --- the end */

static void close_file(struct errand_out *e)
{
	if (e->file >= 0 && !e->borrows)
		close(e->file);
	e->file = -1;
}

static void answer_all(struct courier *c, struct list *list)
{
	while (!list_empty(list)) {
		struct errand_out *e = list_first(list, struct errand_out, link);
		list_del(&e->link);
		close_file(e);
		e->done(e, -ECANCELED, "the process that faces the network has ended");
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
	answer_all(c, &c->out);
	answer_all(c, &c->waiting);
}

static void lose(struct courier *c, const char *why)
{
	courier_end(c);
	c->lost(c->ctx, why);
}

/* --- out */

static void send_waiting(struct courier *c)
{
	while (!list_empty(&c->waiting) && c->unacknowledged < ORDERS_MOST) {
		struct errand_out *e = list_first(&c->waiting, struct errand_out, link);
		int err = order_send(c->end, &e->order, e->file);
		if (err) {
			lose(c, strerror(-err));
			return;
		}
		close_file(e);
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
	if (c->end >= 0)
		send_waiting(c);
	else
		answer_all(c, &c->waiting);
}

void courier_forget(struct errand_out *e, int err, const char *why)
{
	free(e);
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
static bool take_answer(struct courier *c, const struct word *w)
{
	struct errand_out *e = find(c, w->number);
	if (!e)
		return false;
	switch (w->kind) {
	case WORD_LATER: acknowledge(c, e); return true;
	case WORD_DONE:
		acknowledge(c, e);
		list_del(&e->link);
		e->done(e, w->err > 0 ? -EPROTO : w->err, w->why);
		return true;
	default:
		if (e->row)
			e->row(e, w);
		return e->row != NULL;
	}
}

static bool take(struct courier *c, const struct word *w)
{
	switch (w->kind) {
	case WORD_READY: c->ready(c->ctx); return true;
	case WORD_REOPEN: c->reopen(c->ctx, w->lu); return true;
	default: return take_answer(c, w);
	}
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
	if (c->end < 0)
		return;
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
