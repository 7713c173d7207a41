/* SPDX-License-Identifier: BSD-2-Clause */
#include "service/courier.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "reactor/net.h"
#include "sandbox/channel.h"

#define ROOM (1 << 20)

static void listen_on(struct courier *c);

/* --- the end */

static void close_file(struct sending *s)
{
	if (s->file >= 0 && !s->borrows)
		close(s->file);
	if (s->second >= 0)
		close(s->second);
	s->file = s->second = -1;
}

static void end_all(struct courier *c, struct list *list)
{
	while (!list_empty(list)) {
		struct sending *s = list_first(list, struct sending, link);
		list_del(&s->link);
		close_file(s);
		c->ops->done(s, NULL);
	}
}

void courier_end(struct courier *c)
{
	struct list gone;
	int end = c->end;
	if (end < 0)
		return;
	c->end = -1;
	c->unacknowledged = 0;
	net_shutdown(c->r, end);
	if (!c->reading)
		net_close(c->r, end);
	/* Whoever is told may give the next order. */
	list_init(&gone);
	list_splice_tail(&gone, &c->out);
	list_splice_tail(&gone, &c->waiting);
	list_init(&c->out);
	list_init(&c->waiting);
	end_all(c, &gone);
}

static void lose(struct courier *c, const char *why)
{
	courier_end(c);
	c->ops->lost(c->ctx, why);
}

/* --- out */

static void send_waiting(struct courier *c)
{
	while (c->end >= 0 && !list_empty(&c->waiting) && c->unacknowledged < c->ops->most) {
		struct sending *s = list_first(&c->waiting, struct sending, link);
		const int files[] = {s->file, s->second};
		int err = channel_send_files(c->end, s->order, s->size, files, 2);
		if (err) {
			lose(c, strerror(-err));
			return;
		}
		close_file(s);
		list_del(&s->link);
		list_add_tail(&c->out, &s->link);
		c->unacknowledged++;
	}
}

void courier_post(struct courier *c, struct sending *s)
{
	s->order->number = ++c->last;
	s->acknowledged = false;
	list_add_tail(&c->waiting, &s->link);
	if (c->end >= 0)
		send_waiting(c);
	else if (!c->ops->waits)
		end_all(c, &c->waiting);
}

/* --- in */

static struct sending *find(const struct courier *c, uint32_t number)
{
	list_for_each (it, &c->out) {
		struct sending *s = list_entry(it, struct sending, link);
		if (s->order->number == number)
			return s;
	}
	return NULL;
}

static void acknowledge(struct courier *c, struct sending *s)
{
	if (!s->acknowledged)
		c->unacknowledged--;
	s->acknowledged = true;
}

/* False: it speaks of what it was never asked. */
static bool take_answer(struct courier *c, const struct word_head *w)
{
	struct sending *s = find(c, w->number);
	if (!s)
		return false;
	if (w->kind >= WORD_OTHERS)
		return c->ops->row(s, w);
	acknowledge(c, s);
	if (w->kind == WORD_DONE) {
		list_del(&s->link);
		c->ops->done(s, w);
	}
	return true;
}

static bool take(struct courier *c, const struct word_head *w, size_t len)
{
	if (len != c->ops->word_size || !c->ops->check(w, len))
		return false;
	return c->ops->says(c->ctx, w) || take_answer(c, w);
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
	if (!take(c, (const struct word_head *)c->word, (size_t)res)) {
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
	c->iov = (struct iovec){c->word, sizeof(c->word)};
	c->op.done = heard;
	net_recv(c->r, &c->op, c->end, &c->iov, 1);
}

void courier_init(struct courier *c, struct reactor *r, const struct courier_ops *ops, void *ctx)
{
	assert(ops->word_size <= COURIER_WORD);
	*c = (struct courier){.r = r, .ops = ops, .ctx = ctx, .end = -1};
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

/* --- both ends */

int courier_pair(int ends[2])
{
	int most = ROOM;
	int err = channel_pair(ends);
	for (int i = 0; !err && i < 2; i++)
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &most, sizeof(most)))
			setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &most, sizeof(most));
	return err;
}

int order_take(int end, struct order_head *order, size_t size, uint32_t kinds,
	       size_t (*size_of)(uint32_t kind), int files[2])
{
	int got[CHANNEL_FILES];
	size_t count = 0;
	ssize_t n = channel_receive_files(end, order, size, got, &count, 0);
	if (n <= 0)
		return (int)n;
	for (size_t i = 0; i < 2; i++)
		files[i] = i < count ? got[i] : -1;
	if ((size_t)n >= sizeof(*order) && order->kind < kinds && (size_t)n == size_of(order->kind))
		return 1;
	for (size_t i = 0; i < count; i++)
		close(got[i]);
	files[0] = files[1] = -1;
	return -EBADMSG;
}
