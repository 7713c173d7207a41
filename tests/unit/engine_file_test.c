/* SPDX-License-Identifier: BSD-2-Clause */
/* Files through the engine on a real kernel, in a temporary directory; a loop device where allowed. */
#include "engine_rig.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define KIB 1024u
#define MIB (1024u * KIB)

struct rig {
	struct reactor *r;
	char dir[64];
	char path[96]; /* a file in it, open as `file` */
	int file;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	if (engine_setup((void **)&rig->r)) {
		free(rig);
		return -1;
	}
	strcpy(rig->dir, "/tmp/lunar-file-test.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/file", rig->dir);
	rig->file = file_open(rig->r, rig->path, O_RDWR | O_CREAT | O_EXCL, 0640);
	assert_true(rig->file >= 0);
	*state = rig;
	return 0;
}

/* Whatever is in the directory goes with it; says how many there were. */
static unsigned empty_directory(const char *path)
{
	unsigned n = 0;
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
		n++;
	}
	closedir(dir);
	return n;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	file_close(rig->r, rig->file);
	reactor_free(rig->r);
	empty_directory(rig->dir);
	rmdir(rig->dir);
	free(rig);
	return 0;
}

static int do_datasync(struct rig *rig, int file)
{
	struct async a;
	file_datasync(rig->r, async_init(&a, NULL, 0), file);
	return await(rig->r, &a);
}

static int do_fallocate(struct rig *rig, uint32_t mode, uint64_t offset, uint64_t length)
{
	struct async a;
	file_fallocate(rig->r, async_init(&a, NULL, 0), rig->file, mode, offset, length);
	return await(rig->r, &a);
}

static bool all(const uint8_t *buf, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != value)
			return false;
	return true;
}

/* --- what blocks */

static void holes_are_probed_in_nothing(void **state)
{
	struct rig *rig = *state;
	struct stat before, after;
	assert_int_equal(do_write(rig->r, rig->file, "x", 1, 0, 0), 1);
	assert_int_equal(stat(rig->path, &before), 0);
	usleep(20000);
	int err = file_probe_holes(rig->r, rig->file);
	assert_true(!err || err == -EOPNOTSUPP);
	assert_int_equal(stat(rig->path, &after), 0);
	assert_int_equal(after.st_size, 1);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_int_equal(file_probe_holes(rig->r, -1), -EBADF);
}

static void synced_at_once(void **state)
{
	struct rig *rig = *state;
	char none[128];
	assert_int_equal(file_sync(rig->r, rig->file), 0);
	assert_int_equal(file_sync(rig->r, -1), -EBADF);
	assert_int_equal(file_sync_name(rig->r, rig->path), 0);
	snprintf(none, sizeof(none), "%s/none/file", rig->dir);
	assert_int_equal(file_sync_name(rig->r, none), -ENOENT);
}

static void links_are_followed(void **state)
{
	struct rig *rig = *state;
	char link[128], out[192], expected[192];
	snprintf(link, sizeof(link), "%s/link", rig->dir);
	assert_int_equal(symlink("../../tmp/./", link), 0);
	assert_int_equal(file_real_path(rig->r, rig->path, expected, sizeof(expected)), 0);
	strcat(link, strrchr(rig->dir, '/'));
	strcat(link, "/file");
	assert_int_equal(file_real_path(rig->r, link, out, sizeof(out)), 0);
	assert_string_equal(out, expected);
	assert_int_equal(file_real_path(rig->r, link, out, strlen(expected)), -ENAMETOOLONG);
	assert_int_equal(file_real_path(rig->r, "/none/file", out, sizeof(out)), -ENOENT);
}

/* --- data */

static void write_and_read(void **state)
{
	struct rig *rig = *state;
	char buf[16] = "";
	assert_int_equal(do_write(rig->r, rig->file, "earth and moon", 14, 100, 0), 14);
	assert_int_equal(do_read(rig->r, rig->file, buf, 5, 100), 5);
	assert_memory_equal(buf, "earth", 5);
	assert_int_equal(do_read(rig->r, rig->file, buf, sizeof(buf), 110), 4);
	assert_memory_equal(buf, "moon", 4);
	assert_int_equal(do_read(rig->r, rig->file, buf, sizeof(buf), 50), 16);
	assert_true(all((uint8_t *)buf, sizeof(buf), 0));
	assert_int_equal(do_read(rig->r, rig->file, buf, sizeof(buf), 114), 0);
}

static void vectors(void **state)
{
	struct rig *rig = *state;
	struct async a;
	char x[4] = "", y[8] = "", z[2] = "";
	struct iovec out[] = {{"abc", 3}, {"", 0}, {"defgh", 5}};
	struct iovec in[] = {{x, 3}, {y, 4}, {z, 1}};
	file_write(rig->r, async_init(&a, NULL, 0), rig->file, out, 3, 7, 0);
	assert_int_equal(await(rig->r, &a), 8);
	file_read(rig->r, async_init(&a, NULL, 0), rig->file, in, 3, 7);
	assert_int_equal(await(rig->r, &a), 8);
	assert_string_equal(x, "abc");
	assert_string_equal(y, "defg");
	assert_string_equal(z, "h");
}

static void durable_writes(void **state)
{
	struct rig *rig = *state;
	struct async a;
	char buf[8] = "";
	struct iovec two[] = {{"mo", 2}, {"on", 2}};
	assert_int_equal(do_write(rig->r, rig->file, "full", 4, 0, RWF_DSYNC), 4);
	file_write(rig->r, async_init(&a, NULL, 0), rig->file, two, 2, 4, RWF_DSYNC);
	assert_int_equal(await(rig->r, &a), 4);
	assert_int_equal(do_datasync(rig, rig->file), 0);
	assert_int_equal(do_read(rig->r, rig->file, buf, 8, 0), 8);
	assert_memory_equal(buf, "fullmoon", 8);
	/* The flags do reach the kernel: it refuses one that it does not know. */
	assert_int_equal(do_write(rig->r, rig->file, "x", 1, 0, 1u << 30), -EOPNOTSUPP);
}

static void wrong_handles(void **state)
{
	struct rig *rig = *state;
	char byte;
	int file = file_open(rig->r, rig->path, O_RDONLY, 0);
	assert_true(file >= 0);
	assert_int_equal(do_write(rig->r, file, "x", 1, 0, 0), -EBADF);
	file_close(rig->r, file);
	assert_int_equal(do_read(rig->r, 9999, &byte, 1, 0), -EBADF);
	assert_int_equal(do_datasync(rig, 9999), -EBADF);
}

static void direct_io(void **state)
{
	struct rig *rig = *state;
	struct file_info info;
	assert_int_equal(file_info(rig->r, rig->file, &info), 0);
	int file = file_open(rig->r, rig->path, O_RDWR | O_DIRECT, 0);
	if (file == -EINVAL || !info.dio_align)
		skip();
	assert_true(file >= 0);
	size_t len = MAX(info.dio_align, 4 * KIB);
	uint8_t *buf = aligned_alloc(len, 2 * len);
	memset(buf, 0x3c, len);
	assert_int_equal(do_write(rig->r, file, buf, len, len, 0), len);
	assert_int_equal(do_read(rig->r, file, buf + len, len, len), len);
	assert_memory_equal(buf, buf + len, len);
	assert_int_equal(do_write(rig->r, file, buf + 1, len, 0, 0), -EINVAL);
	file_close(rig->r, file);
	free(buf);
}

/* More at once than the ring has places. */
static void many_at_once(void **state)
{
	enum { COUNT = 5000 };
	struct rig *rig = *state;
	CLEANUP(free) struct async *many = calloc(COUNT, sizeof(*many));
	CLEANUP(free) uint32_t *in = calloc(COUNT, sizeof(*in));
	CLEANUP(free) uint32_t *out = calloc(COUNT, sizeof(*out));
	for (uint32_t i = 0; i < COUNT; i++) {
		out[i] = i * 2654435761u;
		async_init(&many[i], &out[i], sizeof(*out));
		file_write(rig->r, &many[i].op, rig->file, &many[i].iov, 1, i * sizeof(*out), 0);
	}
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(await(rig->r, &many[i]), sizeof(*out));
	for (unsigned i = 0; i < COUNT; i++) {
		async_init(&many[i], &in[i], sizeof(*in));
		file_read(rig->r, &many[i].op, rig->file, &many[i].iov, 1, i * sizeof(*in));
	}
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(await(rig->r, &many[i]), sizeof(*in));
	assert_memory_equal(in, out, COUNT * sizeof(*in));
}

/* --- space */

static void punching_and_zeroing(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) uint8_t *buf = malloc(256 * KIB);
	const uint32_t modes[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE};
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		memset(buf, 0xff, 256 * KIB);
		assert_int_equal(do_write(rig->r, rig->file, buf, 256 * KIB, 0, 0), 256 * KIB);
		int ret = do_fallocate(rig, modes[i], 64 * KIB, 128 * KIB);
		if (ret == -EOPNOTSUPP)
			skip();
		assert_int_equal(ret, 0);
		assert_int_equal(do_read(rig->r, rig->file, buf, 256 * KIB, 0), 256 * KIB);
		assert_true(all(buf, 64 * KIB, 0xff));
		assert_true(all(buf + 64 * KIB, 128 * KIB, 0));
		assert_true(all(buf + 192 * KIB, 64 * KIB, 0xff));
	}
	assert_int_equal(do_fallocate(rig, 0, 0, 0), -EINVAL);
	assert_int_equal(do_fallocate(rig, 1u << 30, 0, 4096), -EOPNOTSUPP);
}

static void truncating(void **state)
{
	struct rig *rig = *state;
	struct file_info info;
	assert_int_equal(file_truncate(rig->r, rig->file, UINT64_C(5) << 30), 0);
	assert_int_equal(file_info(rig->r, rig->file, &info), 0);
	assert_int_equal(info.size, UINT64_C(5) << 30);
	assert_int_equal(file_truncate(rig->r, rig->file, UINT64_MAX), -EFBIG);
	assert_int_equal(file_truncate(rig->r, rig->file, 0), 0);
}

static void extents(void **state)
{
	static const struct {
		uint64_t offset, length;
		bool data;
	} rows[] = {
		{0, MIB, false},
		{512 * KIB, 512 * KIB, false},
		{MIB, 64 * KIB, true},
		{MIB + 64 * KIB - 1, 1, true},
		{MIB + 64 * KIB, 3 * MIB - 64 * KIB, false},
		{4 * MIB - 1, 1, false},
	};
	struct rig *rig = *state;
	CLEANUP(free) uint8_t *buf = malloc(64 * KIB);
	bool data;
	uint64_t length;
	memset(buf, 1, 64 * KIB);
	assert_int_equal(file_truncate(rig->r, rig->file, 4 * MIB), 0);
	assert_int_equal(do_write(rig->r, rig->file, buf, 64 * KIB, MIB, 0), 64 * KIB);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(file_extent(rig->r, rig->file, rows[i].offset, &data, &length), 0);
		assert_int_equal(data, rows[i].data);
		assert_int_equal(length, rows[i].length);
	}
	assert_int_equal(file_extent(rig->r, rig->file, 4 * MIB, &data, &length), -ENXIO);
	assert_int_equal(file_extent(rig->r, rig->file, UINT64_MAX, &data, &length), -ENXIO);
	/* Asking moves nothing: reads say where they read. */
	assert_int_equal(do_read(rig->r, rig->file, buf, 1, MIB), 1);
	assert_int_equal(buf[0], 1);
}

/* --- what a file is */

static void descriptions(void **state)
{
	struct rig *rig = *state;
	struct file_info info, again;
	struct stat st;
	assert_int_equal(do_write(rig->r, rig->file, "12345", 5, 0, 0), 5);
	assert_int_equal(stat(rig->path, &st), 0);
	assert_int_equal(file_info(rig->r, rig->file, &info), 0);
	assert_int_equal(info.kind, FILE_REGULAR);
	assert_int_equal(info.size, 5);
	assert_int_equal(info.logical_block, 0);
	assert_int_equal(info.device, st.st_dev);
	assert_int_equal(info.inode, st.st_ino);
	assert_int_equal(file_stat(rig->r, rig->path, &again), 0);
	assert_int_equal(again.kind, FILE_REGULAR);
	assert_int_equal(again.size, 5);
	assert_int_equal(again.device, info.device);
	assert_int_equal(again.inode, info.inode);
	assert_int_equal(file_stat(rig->r, rig->dir, &info), 0);
	assert_int_equal(info.kind, FILE_DIRECTORY);
	assert_int_equal(file_stat(rig->r, "/dev/null", &info), 0);
	assert_int_equal(info.kind, FILE_OTHER);
	assert_int_equal(file_stat(rig->r, "/nowhere/to/be/found", &info), -ENOENT);
	assert_int_equal(file_info(rig->r, 9999, &info), -EBADF);
}

static void opening_and_removing(void **state)
{
	struct rig *rig = *state;
	char name[128];
	struct stat st;
	assert_true(fcntl(rig->file, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(rig->file, &st), 0);
	assert_int_equal(st.st_mode & 0777 & ~0640u, 0);
	assert_int_equal(file_open(rig->r, rig->path, O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
	snprintf(name, sizeof(name), "%s/other", rig->dir);
	assert_int_equal(file_open(rig->r, name, O_RDWR, 0), -ENOENT);
	assert_int_equal(file_remove(rig->r, name), -ENOENT);
	assert_int_equal(file_remove(rig->r, rig->path), 0);
	assert_int_equal(file_open(rig->r, rig->path, O_RDWR, 0), -ENOENT);
}

static void peeking(void **state)
{
	struct rig *rig = *state;
	char buf[8];
	assert_int_equal(do_write(rig->r, rig->file, "0123456789", 10, 0, 0), 10);
	assert_int_equal(file_peek(rig->r, rig->file, buf, 4, 3), 4);
	assert_memory_equal(buf, "3456", 4);
	assert_int_equal(file_peek(rig->r, rig->file, buf, 8, 7), 3);
	assert_int_equal(file_peek(rig->r, rig->file, buf, 8, 10), 0);
	assert_int_equal(file_peek(rig->r, 9999, buf, 8, 0), -EBADF);
}

static void locking(void **state)
{
	struct rig *rig = *state;
	int other = file_open(rig->r, rig->path, O_RDWR, 0);
	assert_int_equal(file_lock(rig->r, rig->file, true), 0);
	assert_int_equal(file_lock(rig->r, rig->file, true), 0); /* its own */
	assert_int_equal(file_lock(rig->r, other, true), -EAGAIN);
	assert_int_equal(file_lock(rig->r, other, false), -EAGAIN);
	assert_int_equal(file_lock(rig->r, rig->file, false), 0);
	assert_int_equal(file_lock(rig->r, other, false), 0);
	assert_int_equal(file_lock(rig->r, other, true), -EAGAIN);
	/* Unlike POSIX locks, these do not go when another handle to the file is closed. */
	int third = file_open(rig->r, rig->path, O_RDWR, 0);
	file_close(rig->r, third);
	assert_int_equal(file_lock(rig->r, rig->file, true), -EAGAIN);
	file_close(rig->r, other);
	assert_int_equal(file_lock(rig->r, rig->file, true), 0);
}

static void extended_attributes(void **state)
{
	struct rig *rig = *state;
	char buf[8];
	int ret = file_set_xattr(rig->r, rig->file, "user.lunar.test", "moon", 4);
	if (ret == -EOPNOTSUPP)
		skip();
	assert_int_equal(ret, 0);
	assert_int_equal(file_get_xattr(rig->r, rig->file, "user.lunar.test", buf, 8), 4);
	assert_memory_equal(buf, "moon", 4);
	assert_int_equal(file_set_xattr(rig->r, rig->file, "user.lunar.test", "sun", 3), 0);
	assert_int_equal(file_get_xattr(rig->r, rig->file, "user.lunar.test", buf, 8), 3);
	assert_int_equal(file_get_xattr(rig->r, rig->file, "user.lunar.test", buf, 2), -ERANGE);
	assert_int_equal(file_get_xattr(rig->r, rig->file, "user.lunar.no", buf, 8), -ENODATA);
}

/* --- records */

static void records(void **state)
{
	struct rig *rig = *state;
	char name[128], buf[8];
	struct stat st;
	snprintf(name, sizeof(name), "%s/record", rig->dir);
	assert_int_equal(file_load(rig->r, name, buf, sizeof(buf)), -ENOENT);
	mode_t mask = umask(077);
	assert_int_equal(file_store(rig->r, name, "first", 5, 0644), 0);
	umask(mask);
	assert_int_equal(file_load(rig->r, name, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "first", 5);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	ino_t first = st.st_ino;
	assert_int_equal(file_store(rig->r, name, "2nd", 3, 0600), 0);
	assert_int_equal(file_load(rig->r, name, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "2nd", 3);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_not_equal(st.st_ino, first); /* replaced, never written over */
	assert_int_equal(file_store(rig->r, name, "", 0, 0600), 0);
	assert_int_equal(file_load(rig->r, name, buf, sizeof(buf)), 0);
	assert_int_equal(empty_directory(rig->dir), 2); /* no temporary stays */
}

static void record_that_does_not_fit(void **state)
{
	struct rig *rig = *state;
	char buf[8];
	assert_int_equal(do_write(rig->r, rig->file, "12345678", 8, 0, 0), 8);
	assert_int_equal(file_load(rig->r, rig->path, buf, 8), 8);
	assert_int_equal(file_load(rig->r, rig->path, buf, 7), -EFBIG);
}

static void record_that_cannot_be_stored(void **state)
{
	struct rig *rig = *state;
	char name[128];
	snprintf(name, sizeof(name), "%s/none/record", rig->dir);
	assert_int_equal(file_store(rig->r, name, "x", 1, 0600), -ENOENT);
	snprintf(name, sizeof(name), "%s/directory", rig->dir);
	assert_int_equal(mkdir(name, 0700), 0);
	assert_int_equal(file_store(rig->r, name, "x", 1, 0600), -EISDIR);
	assert_int_equal(empty_directory(rig->dir), 2); /* the file, the directory */
}

static void record_in_the_working_directory(void **state)
{
	struct rig *rig = *state;
	char buf[8];
	CLEANUP(free) char *before = getcwd(NULL, 0);
	assert_non_null(before);
	assert_int_equal(chdir(rig->dir), 0);
	int stored = file_store(rig->r, "here", "x", 1, 0600);
	ssize_t loaded = file_load(rig->r, "here", buf, sizeof(buf));
	assert_int_equal(chdir(before), 0);
	assert_int_equal(stored, 0);
	assert_int_equal(loaded, 1);
}

/* --- block devices */

/* A loop device of 4 KiB blocks over the file, which goes when it is closed; -errno if not allowed. */
static int loop_open(struct rig *rig, char name[32])
{
	struct loop_config config = {.fd = (uint32_t)rig->file, .block_size = 4 * KIB};
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	for (int tries = 0; tries < 20; tries++) {
		CLEANUP(fd) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
		int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			return -errno;
		snprintf(name, 32, "/dev/loop%d", number);
		int file = file_open(rig->r, name, O_RDWR, 0);
		if (file < 0)
			return file;
		if (ioctl(file, LOOP_CONFIGURE, &config) == 0)
			return file;
		int err = errno;
		file_close(rig->r, file);
		if (err != EBUSY) /* somebody else was quicker */
			return -err;
	}
	return -EBUSY;
}

static void block_device(void **state)
{
	struct rig *rig = *state;
	struct file_info info, again;
	char name[32], buf[4];
	bool data = false;
	uint64_t length;
	assert_int_equal(file_truncate(rig->r, rig->file, 2 * MIB), 0);
	int loop = loop_open(rig, name);
	if (loop < 0)
		skip();
	assert_int_equal(file_info(rig->r, loop, &info), 0);
	assert_int_equal(info.kind, FILE_BLOCK);
	assert_int_equal(info.size, 2 * MIB);
	assert_int_equal(info.logical_block, 4 * KIB);
	assert_int_equal(info.dio_align, 4 * KIB);
	assert_int_equal(file_stat(rig->r, name, &again), 0);
	assert_int_equal(again.kind, FILE_BLOCK);
	assert_int_equal(again.device, info.device);
	assert_int_equal(again.inode, info.inode);
	assert_int_equal(file_extent(rig->r, loop, MIB, &data, &length), 0);
	assert_true(data);
	assert_int_equal(length, MIB);
	assert_int_equal(do_write(rig->r, loop, "moon", 4, MIB, 0), 4);
	assert_int_equal(do_datasync(rig, loop), 0);
	assert_int_equal(do_read(rig->r, rig->file, buf, 4, MIB), 4);
	assert_memory_equal(buf, "moon", 4);
	file_close(rig->r, loop);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(holes_are_probed_in_nothing),
		CASE(synced_at_once),
		CASE(links_are_followed),
		CASE(write_and_read),
		CASE(vectors),
		CASE(durable_writes),
		CASE(wrong_handles),
		CASE(direct_io),
		CASE(many_at_once),
		CASE(punching_and_zeroing),
		CASE(truncating),
		CASE(extents),
		CASE(descriptions),
		CASE(opening_and_removing),
		CASE(peeking),
		CASE(locking),
		CASE(extended_attributes),
		CASE(records),
		CASE(record_that_does_not_fit),
		CASE(record_that_cannot_be_stored),
		CASE(record_in_the_working_directory),
		CASE(block_device),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
