/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The requests of a regular file or a block device. A request is a row of steps, one operation each:
 * short transfers are continued, and what fallocate cannot do is written as zeroes.
 */
#include "backstore/priv.h"

#include <errno.h>
#include <linux/falloc.h>
#include <string.h>

#define ZERO_CHUNK (256 * 1024u)
/* Where each request keeps a thread of the kernel, or of ours, while it lasts: no more than these at a time,
 * or a store that hangs would leave none to the others. */
#define BLOCKING_MOST 12

/* Marks in bs_io.priv */
enum { STEP_LEN, MARK };
enum {
	MARK_NONE,
	MARK_FALLOCATE, /* the step under way is a fallocate, not a write of zeroes */
	MARK_FULL,      /* a durable write got ENOSPC and is tried without RWF_DSYNC */
};

static void step(struct bs_io *io);

static struct bs_io *to_io(struct op *op)
{
	return container_of(op, struct bs_io, async);
}

/* A quota that is used up is a full store. */
static int as_full(int res)
{
	return res == -EDQUOT ? -ENOSPC : res;
}

static bool is_durable(const struct bs_io *io)
{
	return io->op == BS_FLUSH || (io->op != BS_READ && io->fua);
}

static void count_written(struct disk *d)
{
	d->written++;
	d->bs.dirty = true;
}

static void count_flushed(struct disk *d, uint64_t upto)
{
	d->flushed = MAX(d->flushed, upto);
	d->bs.dirty = d->bs.shared || d->written != d->flushed;
}

static void start(struct disk *d, struct bs_io *io)
{
	d->busy++;
	if (io->op == BS_FLUSH)
		io->moved = d->written; /* what this flush covers */
	step(io);
}

static void start_behind(struct disk *d)
{
	if (list_empty(&d->behind) || d->busy >= BLOCKING_MOST)
		return;
	struct bs_io *io = list_first(&d->behind, struct bs_io, link);
	list_del(&io->link);
	start(d, io);
}

static void end(struct bs_io *io, int err)
{
	struct disk *d = to_disk(io->bs);
	/* The kernel tells of a lost page once, and that may have been to another request. */
	if (!err && is_durable(io))
		err = d->bs.sync_error;
	if (err && disk_check_gone(d, err))
		err = -ENODEV;
	else if (!err && io->op != BS_READ && !is_durable(io))
		count_written(d);
	d->busy--;
	start_behind(d);
	disk_release(d);
	bs_finish(io, err);
}

/* Pages may have been lost, and the kernel says so once. Why does not matter to what comes later. */
static void end_not_durable(struct bs_io *io, int err)
{
	struct disk *d = to_disk(io->bs);
	if (disk_check_gone(d, err)) {
		end(io, err);
		return;
	}
	if (!d->bs.sync_error)
		log_error(reactor_log(d->bs.reactor),
			  "%s: data could not be brought to stable storage: %s; every flush "
			  "fails from now on, until the image is opened anew",
			  d->bs.path, strerror(-err));
	d->bs.sync_error = -EIO;
	end(io, -EIO);
}

/* --- flush */

static void flush_done(struct op *op, int res);

/* For all that wait: two at once would only share the work, and a lost page is told to one of them. */
static void start_flush(struct disk *d)
{
	struct bs_io *first = list_first(&d->flush_next, struct bs_io, link);
	list_splice_tail(&d->flushing, &d->flush_next);
	first->async.done = flush_done;
	file_datasync(d->bs.reactor, &first->async, d->file);
}

static void flush_done(struct op *op, int res)
{
	struct disk *d = to_disk(to_io(op)->bs);
	struct list done;
	list_init(&done);
	list_splice_tail(&done, &d->flushing);
	if (!list_empty(&d->flush_next))
		start_flush(d);
	while (!list_empty(&done)) {
		struct bs_io *io = list_first(&done, struct bs_io, link);
		list_del(&io->link);
		if (res < 0) {
			end_not_durable(io, res);
			continue;
		}
		if (io->op == BS_FLUSH)
			count_flushed(d, io->moved);
		end(io, 0);
	}
}

static void flush(struct bs_io *io)
{
	struct disk *d = to_disk(io->bs);
	list_add_tail(&d->flush_next, &io->link);
	if (list_empty(&d->flushing))
		start_flush(d);
}

/* --- read and write */

#define BLOCK_MIN 512 /* the smallest logical block that anybody uses */

/*
 * How much of what has been moved counts. O_DIRECT goes on at whole blocks only; so does the page
 * cache where it can, or a block that is read in two parts could be of two writes.
 */
static void advance(struct bs_io *io, uint64_t len)
{
	uint64_t moved = io->moved + len;
	uint64_t unit = MAX(io->bs->block_size, BLOCK_MIN);
	uint64_t whole = moved - moved % unit;
	bool may_be_odd = io->bs->block_size == 1 && whole <= io->moved;
	io->moved = moved == io->length || may_be_odd ? moved : whole;
}

static void transfer_done(struct op *op, int res)
{
	struct bs_io *io = to_io(op);
	uint64_t before = io->moved;
	res = as_full(res);
	if (res == -EINTR) {
		step(io);
		return;
	}
	if (res == -ENOSPC && is_durable(io) && io->priv[MARK] != MARK_FULL) {
		/* No room for these bytes, or none for older ones whose writeback failed and which are
		 * lost? Without the sync only the former fails. */
		io->priv[MARK] = MARK_FULL;
		step(io);
		return;
	}
	if (res > 0)
		advance(io, (uint64_t)res);
	if (res < 0 && is_durable(io) && res != -ENOSPC)
		end_not_durable(io, res);
	else if (res < 0)
		end(io, res);
	else if (io->priv[MARK] == MARK_FULL)
		end_not_durable(io, -ENOSPC);
	else if (io->moved == before)
		end(io, -EIO); /* the file ends here, although it did not when we looked */
	else
		step(io);
}

/* On any reactor's thread: what the options and the file system say does not change. */
static void start_read(const struct disk *d, struct reactor *r, struct bs_io *io, uint64_t at)
{
	if (d->opt.direct || d->info.may_block)
		file_read(r, &io->async, d->file, &io->iov, 1, at);
	else
		file_read_cached(r, &io->async, d->file, &io->iov, 1, at);
}

static void transfer(struct bs_io *io)
{
	struct disk *d = to_disk(io->bs);
	uint64_t at = io->offset + io->moved;
	/* One operation answers with an int. */
	size_t len = MIN(io->length - io->moved, UINT64_C(1) << 30);
	io->iov = (struct iovec){(uint8_t *)io->buf + io->moved, len};
	io->async.done = transfer_done;
	if (io->op == BS_READ)
		start_read(d, d->bs.reactor, io, at);
	else
		file_write(d->bs.reactor, &io->async, d->file, &io->iov, 1, at,
			   io->fua && io->priv[MARK] != MARK_FULL ? RWF_DSYNC : 0);
}

/* --- zero and unmap */

/* The mode of fallocate for this request, 0 when zeroes have to be written. */
static uint32_t fallocate_mode(const struct disk *d, enum bs_op op)
{
	if (op == BS_UNMAP && d->can_punch)
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	return d->can_zero ? FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE : 0;
}

static void fallocate_refused(struct disk *d, enum bs_op op)
{
	bool punch = op == BS_UNMAP && d->can_punch;
	log_debug(reactor_log(d->bs.reactor), "%s: cannot %s by itself", d->bs.path,
		  punch ? "punch holes" : "zero a range");
	if (punch) {
		d->can_punch = false;
		d->bs.unmap_granularity = 0;
	} else {
		d->can_zero = false;
	}
}

static void zero_done(struct op *op, int res)
{
	struct bs_io *io = to_io(op);
	bool fallocate = io->priv[MARK] == MARK_FALLOCATE;
	if (fallocate && (res == -EOPNOTSUPP || res == -ENOSYS)) {
		fallocate_refused(to_disk(io->bs), io->op);
	} else if (res < 0 && res != -EINTR) {
		end(io, as_full(res));
		return;
	} else if (res == 0 && !fallocate) {
		end(io, -EIO);
		return;
	} else if (res >= 0) {
		advance(io, fallocate ? io->priv[STEP_LEN] : (uint64_t)res);
	}
	step(io);
}

static void write_zeroes(struct bs_io *io, uint64_t at, uint64_t len)
{
	struct disk *d = to_disk(io->bs);
	if (!d->zeroes) {
		d->zeroes = aligned_alloc(4096, ZERO_CHUNK);
		if (!d->zeroes) {
			end(io, -ENOMEM);
			return;
		}
		memset(d->zeroes, 0, ZERO_CHUNK);
	}
	io->iov = (struct iovec){d->zeroes, MIN(len, ZERO_CHUNK)};
	io->priv[MARK] = MARK_NONE;
	file_write(d->bs.reactor, &io->async, d->file, &io->iov, 1, at, 0);
}

static void zero(struct bs_io *io)
{
	struct disk *d = to_disk(io->bs);
	uint64_t at = io->offset + io->moved;
	uint64_t left = io->length - io->moved;
	uint32_t mode = fallocate_mode(d, io->op);
	uint64_t edge = at % d->zero_align;
	io->async.done = zero_done;
	if (mode && edge) {
		write_zeroes(io, at, MIN(left, d->zero_align - edge));
	} else if (mode && left >= d->zero_align) {
		io->priv[MARK] = MARK_FALLOCATE;
		io->priv[STEP_LEN] = left - left % d->zero_align;
		file_fallocate(d->bs.reactor, &io->async, d->file, mode, at, io->priv[STEP_LEN]);
	} else {
		write_zeroes(io, at, left);
	}
}

/* --- all of them */

static void step(struct bs_io *io)
{
	if (io->op == BS_FLUSH)
		flush(io);
	else if (io->moved < io->length && (io->op == BS_READ || io->op == BS_WRITE))
		transfer(io);
	else if (io->moved < io->length)
		zero(io);
	else if (is_durable(io) && io->op != BS_WRITE)
		flush(io);
	else
		end(io, 0);
}

static void disk_submit(struct backstore *bs, struct bs_io *io)
{
	struct disk *d = to_disk(bs);
	io->async.may_block = d->info.may_block;
	if (d->info.may_block && d->busy >= BLOCKING_MOST)
		list_add_tail(&d->behind, &io->link);
	else
		start(d, io);
}

/* --- past the store, on other threads */

static void attempted(struct op *op, int res)
{
	struct bs_io *io = to_io(op);
	bs_tried(io, res >= 0 && (uint64_t)res == io->length);
}

static void disk_attempt(struct backstore *bs, struct reactor *r, struct bs_io *io)
{
	const struct disk *d = to_disk(bs);
	if (d->info.may_block) { /* they are counted on the store's own thread */
		bs_tried(io, false);
		return;
	}
	io->iov = (struct iovec){io->buf, io->length};
	io->async.done = attempted;
	io->async.may_block = false;
	if (io->op == BS_READ)
		start_read(d, r, io, io->offset);
	else
		file_write(r, &io->async, d->file, &io->iov, 1, io->offset, 0);
}

/* What others write is not counted one by one: there may be something, as long as they can and until a
 * flush has come after. */
static void disk_shared(struct backstore *bs, bool shared, bool wrote)
{
	struct disk *d = to_disk(bs);
	if (wrote && !bs->readonly)
		count_written(d);
	if (shared && !d->shared)
		d->busy++;
	if (!shared && d->shared) {
		d->busy--;
		disk_release(d);
	}
	d->shared = shared;
}

static int disk_extent(struct backstore *bs, uint64_t offset, bool *mapped, uint64_t *length)
{
	return file_extent(bs->reactor, to_disk(bs)->file, offset, mapped, length);
}

void disk_set_size(struct disk *d, uint64_t size)
{
	d->bs.size = size - size % MAX(SECTOR, d->bs.block_size);
	d->info.size = size;
}

static void set_size(struct backstore *bs, uint64_t size)
{
	disk_set_size(to_disk(bs), size);
}

void disk_close_handle(struct disk *d)
{
	if (d->info.may_block)
		file_close_aside(d->bs.reactor, d->file);
	else
		file_close(d->bs.reactor, d->file);
	d->file = -1;
}

static void disk_close(struct backstore *bs)
{
	struct disk *d = to_disk(bs);
	timer_cancel(bs->reactor, &d->retry);
	identity_unlock(d);
	if (d->file >= 0) {
		file_unlock(bs->reactor, d->file);
		disk_close_handle(d);
	}
	free(d->zeroes);
	free(bs->path);
	free(d);
}

const struct backstore_ops disk_file_ops = {
	.kind = "fileio",
	.submit = disk_submit,
	.attempt = disk_attempt,
	.shared = disk_shared,
	.extent = disk_extent,
	.set_size = set_size,
	.close = disk_close,
};

const struct backstore_ops disk_block_ops = {
	.kind = "block",
	.submit = disk_submit,
	.attempt = disk_attempt,
	.shared = disk_shared,
	.extent = disk_extent,
	.set_size = set_size,
	.close = disk_close,
};
