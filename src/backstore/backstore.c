/* SPDX-License-Identifier: BSD-2-Clause */
#include "backstore/priv.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

int bs_why(char *why, size_t why_size, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, why_size, fmt, ap);
	va_end(ap);
	return err;
}

void bs_finish(struct bs_io *io, int err)
{
	assert(io->bs->inflight > 0);
	io->bs->inflight--;
	io->bs = NULL;
	io->done(io, err);
}

/* What needs the store itself is left to it; 1 means that. */
static int answer_at_once(const struct backstore *bs, const struct bs_io *io)
{
	bool durable = io->op == BS_FLUSH || (io->fua && io->op != BS_READ);
	if (bs->missing)
		return -ENODEV;
	/* The caller has checked; but the store may have shrunk since. */
	if (io->op != BS_FLUSH && (io->length > bs->size || io->offset > bs->size - io->length))
		return -EIO;
	if (io->op != BS_FLUSH && !io->length)
		return 0;
	if (bs->readonly && io->op == BS_FLUSH)
		return 0;
	if (bs->readonly && io->op != BS_READ)
		return -EROFS;
	if (durable && bs->sync_error)
		return bs->sync_error;
	return 1;
}

void bs_submit(struct backstore *bs, struct bs_io *io)
{
	assert(io->done);
	if (io->op != BS_FLUSH)
		assert(io->offset % bs->block_size == 0 && io->length % bs->block_size == 0);
	if (io->op == BS_READ || io->op == BS_WRITE)
		assert((uintptr_t)io->buf % bs->buf_align == 0);
	io->bs = bs;
	io->moved = 0;
	io->lent = NULL;
	io->priv[0] = io->priv[1] = 0;
	bs->inflight++;
	int res = answer_at_once(bs, io);
	if (res <= 0)
		bs_finish(io, res);
	else
		bs->ops->submit(bs, io);
}

void bs_share(struct backstore *bs)
{
	if (bs->shared++ == 0 && bs->ops->shared)
		bs->ops->shared(bs, true, true);
}

void bs_unshare(struct backstore *bs, bool wrote)
{
	assert(bs->shared > 0);
	bs->shared--;
	if (bs->ops->shared)
		bs->ops->shared(bs, bs->shared > 0, wrote);
}

void bs_try(struct backstore *bs, struct reactor *r, struct bs_io *io)
{
	io->bs = bs;
	io->moved = 0;
	io->lent = NULL;
	bs->ops->attempt(bs, r, io);
}

void bs_tried(struct bs_io *io, bool good)
{
	io->bs = NULL;
	io->done(io, good ? 0 : -EAGAIN);
}

int bs_extent(struct backstore *bs, uint64_t offset, bool *mapped, uint64_t *length)
{
	assert(offset < bs->size);
	if (bs->missing)
		return -ENODEV;
	int err = bs->ops->extent(bs, offset, mapped, length);
	if (!err)
		*length = MIN(*length, bs->size - offset);
	return err;
}

int bs_set_size(struct backstore *bs, uint64_t size)
{
	if (bs->missing || size < SECTOR)
		return -ENODEV;
	if (bs->ops->set_size)
		bs->ops->set_size(bs, size);
	return 0;
}

void bs_discard(struct backstore *bs)
{
	if (bs->created) /* so it is a disk */
		disk_discard(to_disk(bs));
}

void bs_close(struct backstore *bs)
{
	if (bs)
		bs->ops->close(bs);
}
