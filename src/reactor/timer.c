/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/priv.h"

#include <stdlib.h>

static void place(struct timer_heap *h, size_t i, struct timer *t)
{
	h->slot[i] = t;
	t->index = i;
}

/* Both take the timer that belongs at or above (below) place i, and move what is in its way. */
static void sift_up(struct timer_heap *h, size_t i, struct timer *t)
{
	while (i > 1 && h->slot[i / 2]->deadline > t->deadline) {
		place(h, i, h->slot[i / 2]);
		i /= 2;
	}
	place(h, i, t);
}

static void sift_down(struct timer_heap *h, size_t i, struct timer *t)
{
	while (2 * i <= h->count) {
		size_t child = 2 * i;
		if (child < h->count && h->slot[child + 1]->deadline < h->slot[child]->deadline)
			child++;
		if (h->slot[child]->deadline >= t->deadline)
			break;
		place(h, i, h->slot[child]);
		i = child;
	}
	place(h, i, t);
}

static void sift(struct timer_heap *h, size_t i, struct timer *t)
{
	if (i > 1 && h->slot[i / 2]->deadline > t->deadline)
		sift_up(h, i, t);
	else
		sift_down(h, i, t);
}

/* A deadline that is silently not kept would be worse than an end: nobody could tell. */
static void make_room(struct reactor *r)
{
	struct timer_heap *h = &r->timers;
	if (h->count + 1 < h->size)
		return;
	size_t size = h->size ? 2 * h->size : 64;
	struct timer **slot = reallocarray(h->slot, size, sizeof(struct timer *));
	if (!slot) {
		log_error(r->log, "out of memory for %zu timers", size);
		abort();
	}
	h->slot = slot;
	h->size = size;
}

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
	*t = (struct timer){.fire = fire};
}

void timer_set(struct reactor *r, struct timer *t, uint64_t deadline)
{
	struct timer_heap *h = &r->timers;
	t->deadline = deadline;
	if (!timer_is_set(t)) {
		make_room(r);
		t->index = ++h->count;
	}
	sift(h, t->index, t);
}

void timer_cancel(struct reactor *r, struct timer *t)
{
	struct timer_heap *h = &r->timers;
	size_t hole = t->index;
	if (!hole)
		return;
	t->index = 0;
	struct timer *last = h->slot[h->count--];
	if (last != t)
		sift(h, hole, last);
}

int timers_fire(struct reactor *r, uint64_t now)
{
	struct timer_heap *h = &r->timers;
	int fired = 0;
	/* One that sets itself again for now waits for the next turn, at the latest when as many
	 * have fired as were set when this turn began. */
	for (size_t most = h->count; most && h->count && h->slot[1]->deadline <= now; most--) {
		struct timer *t = h->slot[1];
		timer_cancel(r, t);
		t->fire(t);
		fired++;
	}
	return fired;
}

void timers_forget(struct reactor *r)
{
	struct timer_heap *h = &r->timers;
	for (size_t i = 1; i <= h->count; i++)
		h->slot[i]->index = 0;
	free(h->slot);
	*h = (struct timer_heap){0};
}
