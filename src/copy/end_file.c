/* SPDX-License-Identifier: BSD-2-Clause */
/* Files, block devices and streams as ends of a copy. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "attach/in_use.h"
#include "copy/priv.h"

#define DEVICE_ZERO (64u << 20) /* bytes that a device is asked to make zero at a time */
#define FS_BLOCK    512u

/* --- opened */

static int refuse(struct end *e, int err)
{
	copy_fail(e->c,
		  err == -EBUSY || err == -ETXTBSY                    ? COPY_IN_USE
		  : err == -ENOSPC || err == -EFBIG || err == -EDQUOT ? COPY_NO_ROOM
								      : COPY_FAILED,
		  "%s: %s", e->name, strerror(-err));
	return err;
}

static int stream_open(struct end *e)
{
	e->fd = e->fd >= 0 ? e->fd : dup(e->to ? STDOUT_FILENO : STDIN_FILENO);
	if (e->fd < 0)
		return refuse(e, -errno);
	if (isatty(e->fd)) {
		copy_fail(e->c, COPY_BAD, "%s is a terminal; it should be a file or a pipe",
			  e->name);
		return -ENOTTY;
	}
	e->kind = END_STREAM;
	e->block = 1;
	e->size = UNKNOWN_SIZE;
	e->largest = COPY_BLOCK_MAX;
	return 0;
}

static int in_use(struct end *e, const char *device)
{
	char who[300];
	in_use_by(&in_use_system, device, who, sizeof(who));
	copy_fail(e->c, COPY_IN_USE, "%s is in use%s%s; --force writes to it all the same", e->name,
		  who[0] ? ": " : "", who);
	return -EBUSY;
}

static int device_open(struct end *e, const struct stat *st)
{
	uint64_t bytes = 0;
	int block = 512;
	char path[PATH_MAX];
	if (!realpath(e->place, path))
		return refuse(e, -errno);
	/* O_EXCL of a block device: nobody has it mounted, or as a part of another one. */
	int fd = open(path, (e->to ? O_RDWR : O_RDONLY) | O_CLOEXEC |
				    (e->to && !e->c->config.force ? O_EXCL : 0));
	if (fd < 0 && errno == EBUSY)
		return in_use(e, path);
	if (fd < 0)
		return refuse(e, -errno);
	e->fd = fd;
	e->kind = END_DEVICE;
	if (ioctl(e->fd, BLKGETSIZE64, &bytes) || ioctl(e->fd, BLKSSZGET, &block))
		return refuse(e, -errno);
	e->size = e->holds = bytes;
	e->block = (uint32_t)block;
	e->largest = COPY_BLOCK_MAX;
	e->zeroes = e->to;
	e->zero_max = DEVICE_ZERO;
	snprintf(e->identity, sizeof(e->identity), "device %u:%u %.400s %" PRIu64,
		 major(st->st_rdev), minor(st->st_rdev), path, bytes);
	return 0;
}

/* Who serves an image has it locked, and so have others who know what is good for it. */
static int lock(struct end *e)
{
	struct flock all = {.l_type = e->to ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
	if (!e->to || !fcntl(e->fd, F_OFD_SETLK, &all) || (errno != EAGAIN && errno != EACCES) ||
	    e->c->config.force)
		return 0;
	copy_fail(e->c, COPY_IN_USE,
		  "%s is in use: another program has locked it, as those do that serve it; --force "
		  "writes to it all the same",
		  e->name);
	return -EBUSY;
}

static int regular_open(struct end *e)
{
	struct stat st;
	char path[PATH_MAX];
	bool there = !access(e->place, F_OK);
	int fd = open(e->place, e->to ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0666);
	if (fd < 0)
		return refuse(e, -errno);
	e->fd = fd;
	e->made = !there;
	if (fstat(fd, &st) || !realpath(e->place, path))
		return refuse(e, -errno);
	e->kind = END_FILE;
	e->size = (uint64_t)st.st_size;
	e->holds = MIN((uint64_t)st.st_blocks * FS_BLOCK, e->size);
	e->block = 1;
	e->largest = COPY_BLOCK_MAX;
	e->maps = true;
	e->dev = st.st_dev;
	e->ino = st.st_ino;
	/* The time of a source says that nobody has changed it; a destination is changed by us. */
	if (e->to)
		snprintf(e->identity, sizeof(e->identity), "file %" PRIu64 " %.400s", e->ino, path);
	else
		snprintf(e->identity, sizeof(e->identity),
			 "file %" PRIu64 " %.400s %" PRIu64 " %lld.%09ld", e->ino, path, e->size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (!e->to)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return lock(e);
}

int end_file_open(struct end *e)
{
	struct stat st;
	snprintf(e->name, sizeof(e->name), "%.390s",
		 strcmp(e->place, "-") ? e->place
		 : e->to               ? "standard output"
				       : "standard input");
	e->fd = -1;
	if (!strcmp(e->place, "-"))
		return stream_open(e);
	if (stat(e->place, &st)) {
		if (errno != ENOENT || !e->to)
			return refuse(e, -errno);
		return regular_open(e);
	}
	if (S_ISBLK(st.st_mode))
		return device_open(e, &st);
	if (S_ISREG(st.st_mode))
		return regular_open(e);
	if (S_ISDIR(st.st_mode)) {
		copy_fail(e->c, COPY_BAD, "%s is a directory; name a file in it", e->name);
		return -EISDIR;
	}
	e->fd = open(e->place, (e->to ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	return e->fd < 0 ? refuse(e, -errno) : stream_open(e);
}

/* A file becomes one hole of the size of the source; of a copy that goes on it has been that. */
int end_file_prepare(struct end *e, uint64_t total, bool resumed)
{
	struct statvfs fs;
	uint64_t needs = e->c->from.holds;
	if (e->kind != END_FILE)
		return 0;
	if (!resumed && e->c->from.kind != END_LUN && total != UNKNOWN_SIZE &&
	    !fstatvfs(e->fd, &fs)) {
		uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize + e->holds;
		if (room < needs) {
			copy_fail(e->c, COPY_NO_ROOM,
				  "%s: there is room for %" PRIu64
				  " bytes, and the source has %" PRIu64 " bytes of data",
				  e->name, room, needs);
			return -ENOSPC;
		}
	}
	if (!resumed && ftruncate(e->fd, 0))
		return refuse(e, -errno);
	if (total != UNKNOWN_SIZE && ftruncate(e->fd, (off_t)total))
		return refuse(e, -errno);
	e->size = total;
	e->is_zero = true;
	return 0;
}

int end_file_finish(struct end *e, uint64_t size)
{
	if (e->kind != END_FILE || e->size != UNKNOWN_SIZE)
		return 0;
	return ftruncate(e->fd, (off_t)size) ? refuse(e, -errno) : 0;
}

/* --- requests, on threads */

static int read_stream(struct op *op)
{
	struct pollfd fds[] = {{.fd = op->end->fd, .events = POLLIN},
			       {.fd = io_pool_stop_fd(op->end->c->pool), .events = POLLIN}};
	op->got = 0;
	while (op->got < op->len) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			return -errno;
		if (fds[1].revents)
			return -EINTR;
		ssize_t n = read(op->end->fd, op->buf + op->got, op->len - op->got);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		op->got += (uint64_t)n;
	}
	return 0;
}

static int write_stream(struct op *op)
{
	struct pollfd fd = {.fd = op->end->fd, .events = POLLOUT};
	for (uint64_t at = 0; at < op->len;) {
		ssize_t n = write(op->end->fd, op->buf + at, op->len - at);
		if (n < 0 && errno == EAGAIN)
			poll(&fd, 1, -1);
		else if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static int read_at(struct op *op)
{
	for (uint64_t at = 0; at < op->len;) {
		ssize_t n =
			pread(op->end->fd, op->buf + at, op->len - at, (off_t)(op->offset + at));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return -ENODATA; /* somebody made it shorter */
		at += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static int put_at(int fd, const uint8_t *p, uint64_t len, uint64_t offset)
{
	for (uint64_t at = 0; at < len;) {
		ssize_t n = pwrite(fd, p + at, len - at, (off_t)(offset + at));
		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

/* A device that can unmap does, one that cannot writes zeroes. */
static int zero_at(struct op *op)
{
	static const uint8_t zeroes[1u << 16];
	int fd = op->end->fd;
	if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)op->offset,
		       (off_t)op->len) ||
	    !fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)op->offset,
		       (off_t)op->len))
		return 0;
	if (errno == EIO || errno == ENOSPC)
		return -errno;
	for (uint64_t at = 0; at < op->len; at += sizeof(zeroes)) {
		int err = put_at(fd, zeroes, MIN(op->len - at, sizeof(zeroes)), op->offset + at);
		if (err)
			return err;
	}
	return 0;
}

static int map_at(struct op *op)
{
	int fd = op->end->fd;
	uint64_t at = op->offset, size = op->end->size;
	op->got = 0;
	while (at < size && op->got < EXTENTS) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return op->got ? 0 : -EOPNOTSUPP;
		bool hole = data < 0 || (uint64_t)data > at;
		off_t end = !hole ? lseek(fd, (off_t)at, SEEK_HOLE) : data < 0 ? (off_t)size : data;
		if (end < 0)
			return op->got ? 0 : -EOPNOTSUPP;
		at = MIN((uint64_t)end, size);
		op->extents[op->got++] = (struct extent){at, hole};
	}
	return op->got ? 0 : -EOPNOTSUPP;
}

static int flush(struct op *op)
{
	int fd = op->end->fd;
	if (op->end->kind == END_STREAM)
		/* A pipe has nothing to be flushed; a file that we write to as a stream has. */
		return fdatasync(fd) && errno != EINVAL && errno != EROFS ? -errno : 0;
	if (fdatasync(fd))
		return -errno;
	if (op->end->made)
		(void)journal_sync_name(op->end->place);
	/* What is compared afterwards comes from the medium. */
	if (op->end->c->config.verify)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

static int run(struct io_job *job)
{
	struct op *op = container_of(job, struct op, job);
	bool stream = op->end->kind == END_STREAM;
	switch (op->kind) {
	case OP_READ: return stream ? read_stream(op) : read_at(op);
	case OP_WRITE:
		return stream ? write_stream(op)
			      : put_at(op->end->fd, op->buf, op->len, op->offset);
	case OP_ZERO: return zero_at(op);
	case OP_FLUSH: return flush(op);
	case OP_MAP: return map_at(op);
	}
	return -EINVAL;
}

static void over(struct io_job *job, int err)
{
	struct op *op = container_of(job, struct op, job);
	op->done(op, err);
}

int end_file_start(struct op *op)
{
	op->job.run = run;
	op->job.done = over;
	return io_pool_give(op->end->c->pool, &op->job);
}
