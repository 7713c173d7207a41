/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of backstores on real files share: a directory, a reactor, one request at a time. */
#ifndef LUNAR_TESTS_BACKSTORE_RIG_H
#define LUNAR_TESTS_BACKSTORE_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include "backstore/backstore.h"
#include "common/cleanup.h"

#define MIB UINT64_C(1048576)

struct rig {
	struct log log;
	struct reactor *r;
	struct backstore *bs;
	char dir[64], path[192], state[128], loop[64], why[1024];
};

struct request {
	struct bs_io io;
	int err;
	bool done;
};

static inline void request_done(struct bs_io *io, int err)
{
	struct request *q = container_of(io, struct request, io);
	assert_false(q->done);
	q->done = true;
	q->err = err;
}

static inline void wait_for(struct rig *rig, const bool *done)
{
	uint64_t until = reactor_now(rig->r) + 30 * NSEC_PER_SEC;
	while (!*done && reactor_now(rig->r) < until)
		assert_true(reactor_turn(rig->r, until) >= 0);
	assert_true(*done);
}

static inline int do_io(struct rig *rig, enum bs_op op, bool fua, uint64_t offset, uint64_t length,
			void *buf)
{
	struct request q = {.io = {.op = op,
				   .fua = fua,
				   .offset = offset,
				   .length = length,
				   .buf = buf,
				   .done = request_done}};
	bs_submit(rig->bs, &q.io);
	wait_for(rig, &q.done);
	return q.err;
}

static inline int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	if (!rig)
		return -1;
	const char *tmp = getenv("TMPDIR");
	snprintf(rig->dir, sizeof(rig->dir), "%.40s/lunar-bs.XXXXXX", tmp ? tmp : "/tmp");
	rig->log.level = LOG_LEVEL_ERROR;
	if (!mkdtemp(rig->dir) || reactor_new_uring(&rig->r, &rig->log))
		return -1;
	snprintf(rig->path, sizeof(rig->path), "%s/disk.img", rig->dir);
	snprintf(rig->state, sizeof(rig->state), "%s/state", rig->dir);
	*state = rig;
	return mkdir(rig->state, 0700);
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;
	char command[192];
	bs_close(rig->bs);
	reactor_free(rig->r);
	if (rig->loop[0]) {
		snprintf(command, sizeof(command), "losetup -d %s", rig->loop);
		(void)!system(command);
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", rig->dir);
	int res = system(command);
	free(rig);
	return res;
}

static inline int open_with(struct rig *rig, const struct bs_file_options *opt)
{
	rig->why[0] = 0;
	return bs_open_path(&rig->bs, rig->r, rig->path, opt, rig->why, sizeof(rig->why));
}

static inline void close_store(struct rig *rig)
{
	bs_close(rig->bs);
	rig->bs = NULL;
}

static inline void reopen(struct rig *rig)
{
	close_store(rig);
	assert_int_equal(open_with(rig, &(struct bs_file_options){0}), 0);
}

static inline void open_new(struct rig *rig, uint64_t size)
{
	struct bs_file_options opt = {.create_size = size};
	assert_int_equal(open_with(rig, &opt), 0);
}

static inline void make_file(const struct rig *rig, uint64_t size, uint64_t offset,
			     const void *data, size_t len)
{
	int fd = open(rig->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(pwrite(fd, data, len, (off_t)offset), (ssize_t)len);
	close(fd);
}

/* Ends the case as skipped. (This cmocka calls that "not ok # SKIP", and tests/run knows.) */
static inline void cannot(const char *what)
{
	print_message("# not tested here: %s\n", what);
	skip();
}

static inline uint64_t blocks_used(const struct rig *rig)
{
	struct stat st;
	assert_int_equal(stat(rig->path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
