/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files and block devices through the engine. What touches the medium in the course of I/O is an
 * operation; what is done once, at opening, is a plain call that may block.
 */
#ifndef LUNAR_REACTOR_FILE_H
#define LUNAR_REACTOR_FILE_H

#include <sys/types.h>
#include "reactor/reactor.h"

enum file_kind { FILE_REGULAR, FILE_BLOCK, FILE_DIRECTORY, FILE_OTHER };

struct file_info {
	enum file_kind kind;
	uint64_t size;          /* bytes; of a block device its capacity */
	uint32_t logical_block; /* block device: logical block size; file: 0 */
	uint32_t dio_align;     /* what O_DIRECT needs of offset and length; 0 if unknown */
	/* Identity of the open file, for "is this the same one?". `device` is the number of the
	 * device that holds it (st_dev); of a block device its own (st_rdev). */
	uint64_t device, inode;
	/* Its filesystem is none of those that are known to keep what they are asked for, not to block
	 * the caller. FUSE, for one, says that it does, and then waits for a daemon. */
	bool may_block;
};

/* open(2) flags and mode; always close-on-exec. Returns the handle or -errno. */
int file_open(struct reactor *r, const char *path, int flags, mode_t mode);
void file_close(struct reactor *r, int file);
/* The same where the file system may keep waiting who closes: on a thread that nobody waits for. */
void file_close_aside(struct reactor *r, int file);
int file_info(struct reactor *r, int file, struct file_info *out);
/* What a path names, without opening it: kind, device, inode, and the size of a regular file. */
int file_stat(struct reactor *r, const char *path, struct file_info *out);
/* The path with every link followed, absolute. -ENAMETOOLONG: it does not fit. */
int file_real_path(struct reactor *r, const char *path, char *out, size_t size);
/* Removes a name: of what was made and is not wanted after all. */
int file_remove(struct reactor *r, const char *path);
/* A blocking read at opening time, to look at what is there: bytes read (may be short) or -errno. */
ssize_t file_peek(struct reactor *r, int file, void *buf, size_t size, uint64_t offset);
int file_truncate(struct reactor *r, int file, uint64_t size);
/* Bytes that its file system has left for files of everybody's. */
int file_room(struct reactor *r, int file, uint64_t *bytes);
/* At opening time, blocking: whether holes can be punched into the file, which is open for writing and
 * stays as it is, its modification time included. -EOPNOTSUPP: they cannot. */
int file_probe_holes(struct reactor *r, int file);
/* At opening time, blocking: the file's data, size and attributes are durable; its name in the
 * directory is. */
int file_sync(struct reactor *r, int file);
int file_sync_name(struct reactor *r, const char *path);
/*
 * An OFD lock on the whole file: exclusive for a writer, shared for a reader; does not wait.
 * -EAGAIN: somebody else has it.
 */
int file_lock(struct reactor *r, int file, bool exclusive);
/* The same on one byte, below 2^63, which the file need not have. An open file has one lock, of one kind or the other. */
int file_lock_byte(struct reactor *r, int file, bool exclusive, uint64_t at);
/*
 * Before the file is closed by the last one who uses it, whoever else has a descriptor of the same open file: a
 * request of io_uring that has ended may keep that open a moment longer, and with it the lock.
 */
void file_unlock(struct reactor *r, int file);
/* Extended attributes: the value's length or -errno (-ENODATA: not there, -EOPNOTSUPP). */
ssize_t file_get_xattr(struct reactor *r, int file, const char *name, void *buf, size_t size);
int file_set_xattr(struct reactor *r, int file, const char *name, const void *buf, size_t len);
/*
 * Whether the byte at `offset` is data or in a hole, and how many bytes from there are alike
 * (*length, > 0; at most up to the end). A store that cannot tell says "data" for everything.
 * -ENXIO at or past the end.
 */
int file_extent(struct reactor *r, int file, uint64_t offset, bool *data, uint64_t *length);
/* Blocking helpers for small records: a whole file in, and a whole file out that is on stable
 * storage, under its final name, before this returns (temporary, fsync, rename, fsync of the
 * directory). A file that does not fit is -EFBIG; a name that ends in ".tmp" is the rest of a store
 * that a crash cut short. */
ssize_t file_load(struct reactor *r, const char *path, void *buf, size_t size);
int file_store(struct reactor *r, const char *path, const void *buf, size_t len, mode_t mode);

/* Complete with the bytes moved (may be short) or -errno. */
void file_read(struct reactor *r, struct op *op, int file, struct iovec *iov, unsigned iovcnt,
	       uint64_t offset);
/* The same of a file that was not opened with O_DIRECT and not `may_block`: what the page cache has is had
 * at once. */
void file_read_cached(struct reactor *r, struct op *op, int file, struct iovec *iov,
		      unsigned iovcnt, uint64_t offset);
/* flags: 0 or RWF_DSYNC, which makes exactly these bytes durable before it completes. */
void file_write(struct reactor *r, struct op *op, int file, struct iovec *iov, unsigned iovcnt,
		uint64_t offset, uint32_t flags);
/* Everything whose write completed before this was submitted is durable when it completes with 0. */
void file_datasync(struct reactor *r, struct op *op, int file);
/* mode: FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE, ... also on devices. */
void file_fallocate(struct reactor *r, struct op *op, int file, uint32_t mode, uint64_t offset,
		    uint64_t length);

/* Completes with the events, POLLIN, POLLERR or POLLHUP, when one has come: for descriptors that are read by
 * calls of their own (/dev/fuse, netlink, rings). -ENOSYS in simulation. */
void file_poll(struct reactor *r, struct op *op, int file);

/* A handle that becomes readable (file_read of a struct signalfd_siginfo) on these signals, which it
 * blocks for the calling thread. -ENOSYS in simulation. */
int signal_open(struct reactor *r, const int *signals, size_t count);

#endif
