/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach/disk.h"

#include <errno.h>

void disk_init(struct disk *d)
{
	d->gone = false;
	list_init(&d->watches);
}

/* Whoever is told may unwatch itself and others. */
static void tell(struct disk *d, unsigned changes)
{
	struct list told;
	list_init(&told);
	list_splice_tail(&told, &d->watches);
	while (!list_empty(&told)) {
		struct disk_watch *w = list_first(&told, struct disk_watch, link);
		list_del(&w->link);
		list_add_tail(&d->watches, &w->link);
		w->changed(w, changes);
	}
}

void disk_resize(struct disk *d, uint64_t size)
{
	if (d->traits.size == size)
		return;
	__atomic_store_n(&d->traits.size, size, __ATOMIC_RELAXED);
	tell(d, DISK_RESIZED);
}

void disk_set_read_only(struct disk *d, bool read_only)
{
	if (d->traits.read_only == read_only)
		return;
	__atomic_store_n(&d->traits.read_only, read_only, __ATOMIC_RELAXED);
	tell(d, DISK_READ_ONLY);
}

void disk_set_gone(struct disk *d)
{
	if (d->gone)
		return;
	d->gone = true;
	tell(d, DISK_GONE);
}

void disk_watch(struct disk *d, struct disk_watch *w)
{
	list_add_tail(&d->watches, &w->link);
}

void disk_unwatch(struct disk_watch *w)
{
	if (w->link.next)
		list_del(&w->link);
}

static bool changes_the_medium(enum disk_op op)
{
	return op == DISK_WRITE || op == DISK_DISCARD || op == DISK_WRITE_ZEROES;
}

static int check_range(const struct disk *d, const struct disk_request *q)
{
	uint64_t size = disk_size(d);
	bool moves = q->op == DISK_READ || q->op == DISK_WRITE;
	if (!q->length || (q->offset | q->length) & (d->traits.logical_block - 1))
		return -EINVAL;
	if (moves && q->length > DISK_TRANSFER_MAX)
		return -EINVAL;
	if (q->offset > size || q->length > size - q->offset)
		return changes_the_medium(q->op) ? -ENOSPC : -EINVAL;
	return 0;
}

static bool is_able_to(const struct disk_traits *t, enum disk_op op)
{
	switch (op) {
	case DISK_DISCARD: return t->discard_granularity != 0;
	case DISK_WRITE_ZEROES: return t->write_zeroes;
	case DISK_EXTENTS: return t->extents;
	default: return true;
	}
}

int disk_check(const struct disk *d, const struct disk_request *q)
{
	if (!is_able_to(&d->traits, q->op))
		return -EOPNOTSUPP;
	if (changes_the_medium(q->op) && disk_is_read_only(d))
		return -EROFS;
	return q->op == DISK_FLUSH ? 0 : check_range(d, q);
}

void disk_submit(struct disk *d, struct disk_request *q)
{
	d->ops->submit(d, q);
}
