/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/file.h"

#include <limits.h>
#include "reactor/engine.h"

int file_open(struct reactor *r, const char *path, int flags, mode_t mode)
{
	struct engine *e = reactor_engine(r);
	return e->ops->open(e, path, flags, mode);
}

void file_close(struct reactor *r, int file)
{
	struct engine *e = reactor_engine(r);
	e->ops->close_file(e, file, false);
}

void file_close_aside(struct reactor *r, int file)
{
	struct engine *e = reactor_engine(r);
	e->ops->close_file(e, file, true);
}

int file_info(struct reactor *r, int file, struct file_info *out)
{
	struct engine *e = reactor_engine(r);
	return e->ops->info(e, file, out);
}

int file_stat(struct reactor *r, const char *path, struct file_info *out)
{
	struct engine *e = reactor_engine(r);
	return e->ops->stat(e, path, out);
}

int file_real_path(struct reactor *r, const char *path, char *out, size_t size)
{
	struct engine *e = reactor_engine(r);
	return e->ops->real_path(e, path, out, size);
}

int file_remove(struct reactor *r, const char *path)
{
	struct engine *e = reactor_engine(r);
	return e->ops->remove(e, path);
}

ssize_t file_peek(struct reactor *r, int file, void *buf, size_t size, uint64_t offset)
{
	struct engine *e = reactor_engine(r);
	return e->ops->peek(e, file, buf, size, offset);
}

int file_truncate(struct reactor *r, int file, uint64_t size)
{
	struct engine *e = reactor_engine(r);
	return e->ops->truncate(e, file, size);
}

int file_room(struct reactor *r, int file, uint64_t *bytes)
{
	struct engine *e = reactor_engine(r);
	return e->ops->room(e, file, bytes);
}

int file_probe_holes(struct reactor *r, int file)
{
	struct engine *e = reactor_engine(r);
	return e->ops->probe_holes(e, file);
}

int file_sync(struct reactor *r, int file)
{
	struct engine *e = reactor_engine(r);
	return e->ops->sync(e, file);
}

int file_sync_name(struct reactor *r, const char *path)
{
	struct engine *e = reactor_engine(r);
	return e->ops->sync_name(e, path);
}

int file_lock(struct reactor *r, int file, bool exclusive)
{
	struct engine *e = reactor_engine(r);
	return e->ops->lock(e, file, exclusive);
}

int file_lock_byte(struct reactor *r, int file, bool exclusive, uint64_t at)
{
	struct engine *e = reactor_engine(r);
	return e->ops->lock_byte(e, file, exclusive, at);
}

void file_unlock(struct reactor *r, int file)
{
	struct engine *e = reactor_engine(r);
	e->ops->unlock(e, file);
}

ssize_t file_get_xattr(struct reactor *r, int file, const char *name, void *buf, size_t size)
{
	struct engine *e = reactor_engine(r);
	return e->ops->get_xattr(e, file, name, buf, size);
}

int file_set_xattr(struct reactor *r, int file, const char *name, const void *buf, size_t len)
{
	struct engine *e = reactor_engine(r);
	return e->ops->set_xattr(e, file, name, buf, len);
}

int file_extent(struct reactor *r, int file, uint64_t offset, bool *data, uint64_t *length)
{
	struct engine *e = reactor_engine(r);
	return e->ops->extent(e, file, offset, data, length);
}

ssize_t file_load(struct reactor *r, const char *path, void *buf, size_t size)
{
	struct engine *e = reactor_engine(r);
	return e->ops->load(e, path, buf, size);
}

int file_store(struct reactor *r, const char *path, const void *buf, size_t len, mode_t mode)
{
	struct engine *e = reactor_engine(r);
	return e->ops->store(e, path, buf, len, mode);
}

int signal_open(struct reactor *r, const int *signals, size_t count)
{
	struct engine *e = reactor_engine(r);
	return e->ops->signals(e, signals, count);
}

static void submit_vector(struct reactor *r, struct op *op, enum op_kind kind, int file,
			  struct iovec *iov, unsigned iovcnt)
{
	struct engine *e = reactor_engine(r);
	op->kind = kind;
	op->handle = file;
	op->iov = iov;
	op->iovcnt = MIN(iovcnt, IOV_MAX); /* moving less than asked for is allowed */
	e->ops->submit(e, op);
}

void file_read(struct reactor *r, struct op *op, int file, struct iovec *iov, unsigned iovcnt,
	       uint64_t offset)
{
	op->offset = offset;
	op->flags = 0;
	submit_vector(r, op, OP_READ, file, iov, iovcnt);
}

void file_read_cached(struct reactor *r, struct op *op, int file, struct iovec *iov,
		      unsigned iovcnt, uint64_t offset)
{
	op->offset = offset;
	op->flags = OP_CACHED;
	submit_vector(r, op, OP_READ, file, iov, iovcnt);
}

void file_write(struct reactor *r, struct op *op, int file, struct iovec *iov, unsigned iovcnt,
		uint64_t offset, uint32_t flags)
{
	op->offset = offset;
	op->flags = flags;
	submit_vector(r, op, OP_WRITE, file, iov, iovcnt);
}

void file_datasync(struct reactor *r, struct op *op, int file)
{
	submit_vector(r, op, OP_FDATASYNC, file, NULL, 0);
}

void file_fallocate(struct reactor *r, struct op *op, int file, uint32_t mode, uint64_t offset,
		    uint64_t length)
{
	op->offset = offset;
	op->length = length;
	op->flags = mode;
	submit_vector(r, op, OP_FALLOCATE, file, NULL, 0);
}

void file_poll(struct reactor *r, struct op *op, int file)
{
	submit_vector(r, op, OP_POLL, file, NULL, 0);
}
