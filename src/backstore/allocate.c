/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks that are set aside, so that no write finds the file system full. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "backstore/priv.h"

#define STEP         \
	(UINT64_C(1) \
	 << 30) /* bytes of one request: where it can end, when it is not wanted any more */

static void step(struct bs_allocation *a)
{
	const struct disk *d = to_disk(a->bs);
	file_fallocate(d->bs.reactor, &a->op, d->file, 0, a->at, MIN(STEP, d->bs.size - a->at));
}

static int why_not(const struct bs_allocation *a, int err, char *why, size_t why_size)
{
	const char *path = a->bs->path;
	if (err == -EOPNOTSUPP || err == -ENOSYS)
		return bs_why(why, why_size, err,
			      "%s: its file system cannot set blocks aside; leave sparse=false out",
			      path);
	return bs_why(why, why_size, err,
		      "%s: there is no room for %" PRIu64 " bytes (%s); make it smaller, or leave "
		      "sparse=false out",
		      path, a->bs->size, strerror(-err));
}

static void finish(struct bs_allocation *a, int err)
{
	char why[512] = "";
	if (err)
		why_not(a, err, why, sizeof(why));
	a->done(a, err, why);
}

static void stepped(struct op *op, int res)
{
	struct bs_allocation *a = container_of(op, struct bs_allocation, op);
	if (res >= 0)
		a->at += MIN(STEP, a->bs->size - a->at);
	if (res < 0 && res != -EINTR)
		finish(a, res);
	else if (a->at == a->bs->size)
		finish(a, 0);
	else
		step(a);
}

/* The file system is asked first: what it cannot give would be taken from others until it says so. */
void bs_allocate(struct bs_allocation *a, struct backstore *bs,
		 void (*done)(struct bs_allocation *a, int err, const char *why))
{
	const struct disk *d = to_disk(bs);
	uint64_t room = 0;
	*a = (struct bs_allocation){.bs = bs, .done = done, .op = {.done = stepped}};
	int err = file_room(bs->reactor, d->file, &room);
	if (!err && room < bs->size)
		err = -ENOSPC;
	if (err)
		finish(a, err);
	else
		step(a);
}
