/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* Makes `call` again while a signal interrupts it; its value or -errno. */
#define NOT_INTERRUPTED(call)                       \
	({                                          \
		ssize_t ret_;                       \
		do                                  \
			ret_ = (call);              \
		while (ret_ < 0 && errno == EINTR); \
		ret_ < 0 ? -(ssize_t)errno : ret_;  \
	})

/* --- clock and random numbers */

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t posix_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t posix_wall(struct engine *e)
{
	return read_clock(CLOCK_REALTIME);
}

void posix_random(struct engine *e, void *buf, size_t len)
{
	uint8_t *out = buf;
	while (len) {
		ssize_t n = NOT_INTERRUPTED(getrandom(out, len, 0));
		if (n < 0) {
			/* A guessable CHAP challenge or identity would be worse than an end. */
			log_error(e->log, "no random numbers from the kernel: %s",
				  strerror((int)-n));
			abort();
		}
		out += n;
		len -= (size_t)n;
	}
}

/* --- open files */

int posix_open(struct engine *e, const char *path, int flags, mode_t mode)
{
	return (int)NOT_INTERRUPTED(open(path, flags | O_CLOEXEC, mode));
}

void posix_close(struct engine *e, int fd)
{
	close(fd);
}

static void *close_it(void *fd)
{
	close((int)(intptr_t)fd);
	return NULL;
}

/* Signals are the reactor's. Without a thread it is waited for after all. */
void posix_close_file(struct engine *e, int fd, bool aside)
{
	pthread_t thread;
	pthread_attr_t attr;
	sigset_t all, before;
	if (!aside) {
		close(fd);
		return;
	}
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, &attr, close_it, (void *)(intptr_t)fd))
		close(fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}

static enum file_kind kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return FILE_REGULAR;
	case S_IFBLK: return FILE_BLOCK;
	case S_IFDIR: return FILE_DIRECTORY;
	default: return FILE_OTHER;
	}
}

static int query(int dir, const char *path, int flags, struct file_info *out)
{
	struct statx st;
	unsigned mask = STATX_BASIC_STATS;
#ifdef STATX_DIOALIGN
	mask |= STATX_DIOALIGN; /* Linux 6.1; older ones leave it out of the answer */
#endif
	*out = (struct file_info){0};
	if (statx(dir, path, flags, mask, &st))
		return -errno;
	*out = (struct file_info){
		.kind = kind_of(st.stx_mode),
		.size = S_ISREG(st.stx_mode) ? st.stx_size : 0,
		.device = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
	};
	/* A device is itself under whatever name it was reached: its node does not matter. */
	if (out->kind == FILE_BLOCK) {
		out->device = makedev(st.stx_rdev_major, st.stx_rdev_minor);
		out->inode = 0;
	}
#ifdef STATX_DIOALIGN
	if (st.stx_mask & STATX_DIOALIGN)
		out->dio_align = st.stx_dio_offset_align;
#endif
	return 0;
}

static bool fs_may_block(int file)
{
	static const unsigned long good[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
					     F2FS_SUPER_MAGIC, TMPFS_MAGIC};
	struct statfs fs;
	if (fstatfs(file, &fs))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if ((unsigned long)fs.f_type == good[i])
			return false;
	return true;
}

int posix_info(struct engine *e, int file, struct file_info *out)
{
	int block;
	int ret = query(file, "", AT_EMPTY_PATH, out);
	if (!ret && out->kind == FILE_REGULAR)
		out->may_block = fs_may_block(file);
	if (ret || out->kind != FILE_BLOCK)
		return ret;
	if (ioctl(file, BLKGETSIZE64, &out->size) || ioctl(file, BLKSSZGET, &block))
		return -errno;
	out->logical_block = (uint32_t)block;
	if (!out->dio_align)
		out->dio_align = out->logical_block;
	return 0;
}

int posix_stat(struct engine *e, const char *path, struct file_info *out)
{
	return query(AT_FDCWD, path, 0, out);
}

int posix_real_path(struct engine *e, const char *path, char *out, size_t size)
{
	char *real = realpath(path, NULL);
	if (!real)
		return -errno;
	size_t len = strlen(real);
	if (len < size)
		memcpy(out, real, len + 1);
	free(real);
	return len < size ? 0 : -ENAMETOOLONG;
}

int posix_remove(struct engine *e, const char *path)
{
	return unlink(path) ? -errno : 0;
}

int posix_truncate(struct engine *e, int file, uint64_t size)
{
	if (size > INT64_MAX)
		return -EFBIG;
	return (int)NOT_INTERRUPTED(ftruncate(file, (off_t)size));
}

int posix_room(struct engine *e, int file, uint64_t *bytes)
{
	struct statvfs st;
	if (fstatvfs(file, &st))
		return -errno;
	*bytes = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

/* Past the end there is nothing to lose; but the kernel takes a hole in nothing for a change, too. */
int posix_probe_holes(struct engine *e, int file)
{
	struct stat st;
	if (fstat(file, &st))
		return -errno;
	int ret = (int)NOT_INTERRUPTED(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
						 (st.st_size + 4095) & ~(off_t)4095, 4096));
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};
	/* Somebody else's file has a new time then, and no harm is done. */
	(void)!futimens(file, times);
	return ret;
}

int posix_sync(struct engine *e, int file)
{
	return (int)NOT_INTERRUPTED(fsync(file));
}

static int lock_range(int file, bool exclusive, uint64_t at, uint64_t length)
{
	struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK,
			     .l_whence = SEEK_SET,
			     .l_start = (off_t)at,
			     .l_len = (off_t)length};
	int ret = (int)NOT_INTERRUPTED(fcntl(file, F_OFD_SETLK, &lock));
	return ret == -EACCES ? -EAGAIN : ret;
}

int posix_lock(struct engine *e, int file, bool exclusive)
{
	return lock_range(file, exclusive, 0, 0);
}

int posix_lock_byte(struct engine *e, int file, bool exclusive, uint64_t at)
{
	return lock_range(file, exclusive, at, 1);
}

void posix_unlock(struct engine *e, int file)
{
	const struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	(void)!fcntl(file, F_OFD_SETLK, &lock);
}

ssize_t posix_get_xattr(struct engine *e, int file, const char *name, void *buf, size_t size)
{
	return NOT_INTERRUPTED(fgetxattr(file, name, buf, size));
}

int posix_set_xattr(struct engine *e, int file, const char *name, const void *buf, size_t len)
{
	return (int)NOT_INTERRUPTED(fsetxattr(file, name, buf, len, 0));
}

int posix_extent(struct engine *e, int file, uint64_t offset, bool *data, uint64_t *length)
{
	struct file_info info;
	int ret = posix_info(e, file, &info);
	if (ret)
		return ret;
	if (offset >= info.size)
		return -ENXIO;
	/* What cannot be told apart is data, up to the end: devices, and file systems without this. */
	*data = true;
	*length = info.size - offset;
	off_t start = (off_t)offset;
	off_t next = lseek(file, start, SEEK_DATA);
	if (next > start || (next < 0 && errno == ENXIO)) /* ENXIO: a hole up to the end */
		*data = false;
	else if (next == start)
		next = lseek(file, start, SEEK_HOLE);
	if (next > start)
		*length = MIN(*length, (uint64_t)(next - start));
	return 0;
}

/* --- small records */

/* From `offset` on until the end of the file or of the buffer. */
static ssize_t read_all(int fd, void *buf, size_t size, uint64_t offset)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = NOT_INTERRUPTED(
			pread(fd, (char *)buf + done, size - done, (off_t)(offset + done)));
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t posix_peek(struct engine *e, int file, void *buf, size_t size, uint64_t offset)
{
	return read_all(file, buf, size, offset);
}

ssize_t posix_load(struct engine *e, const char *path, void *buf, size_t size)
{
	char more;
	CLEANUP(fd) int fd = posix_open(e, path, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	ssize_t n = read_all(fd, buf, size, 0);
	if (n < 0 || (size_t)n < size)
		return n;
	ssize_t rest = read_all(fd, &more, 1, size);
	if (rest)
		return rest < 0 ? rest : -EFBIG;
	return n;
}

int posix_read_cached(struct op *op)
{
	ssize_t n = preadv2(op->handle, op->iov, (int)op->iovcnt, (off_t)op->offset, RWF_NOWAIT);
	return n > 0 ? (int)n : -EAGAIN;
}

static int write_all(int fd, const void *buf, size_t len)
{
	const char *in = buf;
	while (len) {
		ssize_t n = NOT_INTERRUPTED(write(fd, in, len));
		if (n < 0)
			return (int)n;
		in += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_record(int fd, const void *buf, size_t len, mode_t mode)
{
	int ret = write_all(fd, buf, len);
	if (ret == 0)
		ret = (int)NOT_INTERRUPTED(fchmod(fd, mode));
	if (ret == 0)
		ret = (int)NOT_INTERRUPTED(fsync(fd));
	return ret;
}

int posix_sync_name(struct engine *e, const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) + 1 : 1;
	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, slash ? path : ".", len);
	dir[len] = 0;
	CLEANUP(fd) int fd = posix_open(e, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	return (int)NOT_INTERRUPTED(fsync(fd));
}

int posix_store(struct engine *e, const char *path, const void *buf, size_t len, mode_t mode)
{
	/* One name for each writer, so that two of the same record cannot mix. A crash may leave one
	 * behind, which its end tells apart from records. */
	char temporary[PATH_MAX];
	int n = snprintf(temporary, sizeof(temporary), "%s.XXXXXX.tmp", path);
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return -ENAMETOOLONG;
	CLEANUP(fd) int fd = mkostemps(temporary, 4, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int ret = write_record(fd, buf, len, mode);
	if (ret == 0 && rename(temporary, path))
		ret = -errno;
	if (ret) {
		unlink(temporary);
		return ret;
	}
	return posix_sync_name(e, path);
}

/* --- signals */

int posix_signals(struct engine *e, const int *signals, size_t count)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		if (sigaddset(&set, signals[i]))
			return -errno;
	int ret = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (ret)
		return -ret;
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void posix_wake(int event)
{
	const uint64_t one = 1;
	/* It cannot be full before it was read, or polled, 2^64 times. */
	if (write(event, &one, sizeof(one)) < 0)
		return;
}
