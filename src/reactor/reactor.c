/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/priv.h"

#include <stdlib.h>

struct reactor *reactor_new(struct engine *e, struct log *log)
{
	struct reactor *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->engine = e;
	r->log = log;
	list_init(&r->deferred);
	list_init(&r->running);
	return r;
}

void reactor_forget(struct reactor *r)
{
	timers_forget(r);
	list_splice_tail(&r->running, &r->deferred);
	list_for_each_safe (it, &r->running)
		list_del(it);
	mailbox_forget(r);
	r->stop = false;
}

void reactor_free(struct reactor *r)
{
	if (!r)
		return;
	reactor_forget(r);
	r->engine->ops->free(r->engine);
	free(r);
}

struct engine *reactor_engine(struct reactor *r)
{
	return r->engine;
}

const char *reactor_engine_of(const struct reactor *r)
{
	return r->engine->ops->name;
}

uint64_t reactor_next_deadline(const struct reactor *r)
{
	if (!list_empty(&r->deferred) || !mailbox_empty(r))
		return 0;
	return r->timers.count ? r->timers.slot[1]->deadline : REACTOR_NEVER;
}

static int run_deferred(struct reactor *r)
{
	int ran = 0;
	list_splice_tail(&r->running, &r->deferred);
	while (!list_empty(&r->running)) {
		struct deferred *d = list_first(&r->running, struct deferred, link);
		list_del(&d->link);
		d->run(d);
		ran++;
	}
	return ran;
}

int reactor_turn(struct reactor *r, uint64_t deadline)
{
	/* Before the mailbox is looked at: who posts after that sees it, and wakes us. */
	atomic_store(&r->asleep, true);
	int completed = r->engine->ops->wait(r->engine, MIN(deadline, reactor_next_deadline(r)));
	atomic_store(&r->asleep, false);
	if (completed < 0)
		return completed;
	int fired = timers_fire(r, reactor_now(r));
	int delivered = mailbox_open(r);
	return completed + fired + delivered + run_deferred(r);
}

int reactor_run(struct reactor *r)
{
	int ret = 0;
	while (!r->stop && ret >= 0)
		ret = reactor_turn(r, REACTOR_NEVER);
	r->stop = false;
	return MIN(ret, 0);
}

void reactor_stop(struct reactor *r)
{
	r->stop = true;
}

uint64_t reactor_now(const struct reactor *r)
{
	return r->engine->ops->now(r->engine);
}

uint64_t reactor_wall(const struct reactor *r)
{
	return r->engine->ops->wall(r->engine);
}

void reactor_random(struct reactor *r, void *buf, size_t len)
{
	r->engine->ops->random(r->engine, buf, len);
}

struct log *reactor_log(const struct reactor *r)
{
	return r->log;
}

void deferred_init(struct deferred *d, void (*run)(struct deferred *d))
{
	list_init(&d->link);
	d->run = run;
}

void reactor_defer(struct reactor *r, struct deferred *d)
{
	if (list_empty(&d->link))
		list_add_tail(&r->deferred, &d->link);
}

void deferred_cancel(struct deferred *d)
{
	list_del(&d->link);
}

void reactor_cancel(struct reactor *r, struct op *op)
{
	r->engine->ops->cancel(r->engine, op);
}
