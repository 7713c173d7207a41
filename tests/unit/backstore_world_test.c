/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backstores on real files in a world that refuses a call, or changes between two of them: the
 * engine's blocking calls go through the ones below first.
 */
#include "backstore_rig.h"
#include "reactor/engine.h"

static const struct engine_ops *real;
static struct engine_ops ops;

/* What is to happen, and what did. */
static struct {
	struct rig *rig;
	struct backstore *second; /* opened by somebody else in between */
	int second_err;
	/* The operation of this kind, one at a time, ends with this error. */
	enum op_kind kind;
	int err;
	void (*done)(struct op *op, int res);
} world;

static int world_setup(void **state)
{
	if (setup(state))
		return -1;
	world = (typeof(world)){.rig = *state};
	struct engine *e = reactor_engine(world.rig->r);
	real = e->ops;
	ops = *real;
	e->ops = &ops;
	return 0;
}

static int world_teardown(void **state)
{
	bs_close(world.second);
	return teardown(state);
}

static bool exists(const char *path)
{
	struct stat st;
	return !stat(path, &st);
}

/* --- two that make the same file */

static void open_second(void)
{
	struct bs_file_options opt = {.create_size = MIB};
	char why[256];
	if (!world.second)
		world.second_err = bs_open_path(&world.second, world.rig->r, world.rig->path, &opt,
						why, sizeof(why));
}

static int truncate_and_second(struct engine *e, int file, uint64_t size)
{
	int err = real->truncate(e, file, size);
	open_second();
	return err;
}

static int second_and_lock(struct engine *e, int file, bool exclusive)
{
	ops.lock = real->lock;
	open_second();
	return real->lock(e, file, exclusive);
}

static void who_makes_a_file_has_it(void **state)
{
	struct rig *rig = *state;
	ops.truncate = truncate_and_second;
	open_new(rig, MIB);
	assert_int_equal(world.second_err, -EAGAIN);
	assert_null(world.second);
	assert_true(rig->bs->created);
	assert_true(exists(rig->path));
}

/* Not even the one who finds it before it is locked can take it. */
static void who_finds_it_empty_leaves_it(void **state)
{
	struct rig *rig = *state;
	ops.lock = second_and_lock;
	open_new(rig, MIB);
	assert_int_equal(world.second_err, -EINVAL);
	assert_int_equal(rig->bs->size, MIB);
}

static int relock_and_second(struct engine *e, int file, bool exclusive)
{
	static int count;
	if (++count % 2 == 0) /* the second open, with O_DIRECT */
		open_second();
	return real->lock(e, file, exclusive);
}

/* With O_DIRECT the lock is let go for a moment. */
static void who_loses_it_does_not_remove_it(void **state)
{
	struct rig *rig = *state;
	struct bs_file_options opt = {.create_size = MIB, .direct = true};
	ops.lock = relock_and_second;
	int err = open_with(rig, &opt);
	if (err == -EINVAL)
		cannot("O_DIRECT");
	assert_int_equal(err, -EAGAIN);
	assert_non_null(world.second);
	assert_true(exists(rig->path));
}

static void what_has_its_name_now_is_not_removed(void **state)
{
	struct rig *rig = *state;
	open_new(rig, MIB);
	assert_int_equal(unlink(rig->path), 0);
	make_file(rig, MIB, 0, "another", 7);
	bs_discard(rig->bs);
	assert_true(exists(rig->path));
}

static int held_file;

static int lock_and_hold(struct engine *e, int file, bool exclusive)
{
	held_file = dup(file);
	return real->lock(e, file, exclusive);
}

/* As a request that has ended may do in the kernel, until it is cleaned up. */
static void what_is_closed_is_not_locked_whoever_still_holds_it(void **state)
{
	struct rig *rig = *state;
	ops.lock = lock_and_hold;
	open_new(rig, MIB);
	ops.lock = real->lock;
	assert_true(held_file >= 0);
	reopen(rig);
	close(held_file);
}

/* --- a store without room */

static void done_badly(struct op *op, int res)
{
	op->done = world.done;
	world.done = NULL;
	op->done(op, world.err);
}

static void submit_badly(struct engine *e, struct op *op)
{
	if (world.err && op->kind == world.kind) {
		assert_null(world.done);
		world.done = op->done;
		op->done = done_badly;
	}
	real->submit(e, op);
}

static void fail_with(enum op_kind kind, int err)
{
	ops.submit = submit_badly;
	world.kind = kind;
	world.err = err;
}

/* What was answered is lost for want of room: no space that is freed later brings it back. */
static void a_flush_without_room_is_an_error_for_good(void **state)
{
	static const int errors[] = {-ENOSPC, -EDQUOT};
	struct rig *rig = *state;
	char buf[4096] = "x";
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		open_new(rig, MIB);
		assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096, buf), 0);
		fail_with(OP_FDATASYNC, errors[i]);
		assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0, NULL), -EIO);
		fail_with(OP_FDATASYNC, 0);
		assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0, NULL), -EIO);
		assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096, buf), -EIO);
		close_store(rig);
	}
}

/* --- flushes */

static struct {
	struct op *flush, *write; /* done, and not told yet */
	int flush_res, write_res;
	unsigned flushes, under_way;
	void (*flush_done)(struct op *op, int res), (*write_done)(struct op *op, int res);
} held;

static void hold_flush(struct op *op, int res)
{
	held.under_way--;
	held.flush = op;
	held.flush_res = res;
}

static void hold_write(struct op *op, int res)
{
	held.write = op;
	held.write_res = res;
}

/* Flushes and durable writes are told of when the test says so. */
static void submit_and_hold(struct engine *e, struct op *op)
{
	if (op->kind == OP_FDATASYNC) {
		held.flushes++;
		assert_int_equal(held.under_way++, 0);
		held.flush_done = op->done;
		op->done = hold_flush;
	} else if (op->kind == OP_WRITE && op->flags) {
		held.write_done = op->done;
		op->done = hold_write;
	}
	real->submit(e, op);
}

static void wait_for_op(struct op **op)
{
	while (!*op)
		assert_true(reactor_turn(world.rig->r, REACTOR_NEVER) >= 0);
}

static void tell_flush(int res)
{
	struct op *op = held.flush;
	held.flush = NULL;
	op->done = held.flush_done;
	op->done(op, res);
}

static void flush_init(struct request *q)
{
	*q = (struct request){.io = {.op = BS_FLUSH, .done = request_done}};
	bs_submit(world.rig->bs, &q->io);
}

/* What asks for one while another runs shares the next one: the kernel tells of a lost page once. */
static void one_flush_at_a_time(void **state)
{
	struct rig *rig = *state;
	struct request q[5];
	open_new(rig, MIB);
	held = (typeof(held)){0};
	ops.submit = submit_and_hold;
	for (size_t i = 0; i < ARRAY_SIZE(q); i++)
		flush_init(&q[i]);
	wait_for_op(&held.flush);
	assert_int_equal(held.flushes, 1);
	tell_flush(0);
	assert_true(q[0].done);
	assert_false(q[1].done);
	wait_for_op(&held.flush);
	assert_int_equal(held.flushes, 2);
	tell_flush(-EIO);
	assert_int_equal(q[0].err, 0);
	for (size_t i = 1; i < ARRAY_SIZE(q); i++) {
		assert_true(q[i].done);
		assert_int_equal(q[i].err, -EIO);
	}
}

/* The page that was lost may have been this one's, and the kernel told it to the other. */
static void a_durable_write_fails_with_anothers_flush(void **state)
{
	struct rig *rig = *state;
	char buf[4096] = "x";
	struct request flush, write = {.io = {.op = BS_WRITE,
					      .fua = true,
					      .length = sizeof(buf),
					      .buf = buf,
					      .done = request_done}};
	open_new(rig, MIB);
	held = (typeof(held)){0};
	ops.submit = submit_and_hold;
	bs_submit(rig->bs, &write.io);
	flush_init(&flush);
	wait_for_op(&held.write);
	wait_for_op(&held.flush);
	tell_flush(-EIO);
	assert_int_equal(flush.err, -EIO);
	assert_int_equal(held.write_res, sizeof(buf));
	held.write->done = held.write_done;
	held.write->done(held.write, held.write_res);
	assert_true(write.done);
	assert_int_equal(write.err, -EIO);
}

static void a_full_quota_is_a_full_store(void **state)
{
	struct rig *rig = *state;
	char buf[4096] = "x";
	open_new(rig, MIB);
	fail_with(OP_WRITE, -EDQUOT);
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096, buf), -ENOSPC);
	assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096, buf), -ENOSPC);
	fail_with(OP_FALLOCATE, -EDQUOT);
	assert_int_equal(do_io(rig, BS_ZERO, false, 0, 4096, NULL), -ENOSPC);
	fail_with(OP_FALLOCATE, 0);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0, NULL), 0);
}

/* --- what is made is durable */

static int sync_badly(struct engine *e, int file)
{
	return world.err ? world.err : real->sync(e, file);
}

static int sync_name_badly(struct engine *e, const char *path)
{
	return world.err ? world.err : real->sync_name(e, path);
}

static void a_new_file_is_durable_or_there_is_none(void **state)
{
	struct rig *rig = *state;
	struct bs_file_options opt = {.create_size = MIB};
	world.err = -EIO;
	ops.sync = sync_badly;
	assert_int_equal(open_with(rig, &opt), -EIO);
	assert_non_null(strstr(rig->why, "stable storage"));
	assert_false(exists(rig->path));
	ops.sync = real->sync;
	ops.sync_name = sync_name_badly;
	assert_int_equal(open_with(rig, &opt), -EIO);
	assert_false(exists(rig->path));
	/* Some file systems know no sync of a directory. */
	world.err = -EINVAL;
	assert_int_equal(open_with(rig, &opt), 0);
}

/* --- a file system without holes */

static int probe_badly(struct engine *e, int file)
{
	return world.err;
}

static void what_cannot_be_given_back_is_not_offered(void **state)
{
	struct rig *rig = *state;
	make_file(rig, MIB, 0, "x", 1);
	ops.probe_holes = probe_badly;
	world.err = -EOPNOTSUPP;
	reopen(rig);
	assert_int_equal(rig->bs->unmap_granularity, 0);
	/* It fails, which says nothing of what can be done. */
	world.err = -EIO;
	reopen(rig);
	assert_int_equal(rig->bs->unmap_granularity, 4096);
	/* Read-only: it is not asked. */
	close_store(rig);
	world.err = -EOPNOTSUPP;
	assert_int_equal(open_with(rig, &(struct bs_file_options){.readonly = true}), 0);
	assert_int_equal(rig->bs->unmap_granularity, 4096);
}

/* --- an identity that cannot be read */

static ssize_t get_nothing(struct engine *e, int file, const char *name, void *buf, size_t size)
{
	return world.err;
}

static int set_nothing(struct engine *e, int file, const char *name, const void *buf, size_t len)
{
	return -EOPNOTSUPP;
}

static ssize_t load_nothing(struct engine *e, const char *path, void *buf, size_t size)
{
	return world.err;
}

static int find_id(uint8_t id[16])
{
	struct rig *rig = world.rig;
	rig->why[0] = 0;
	return bs_identity(rig->bs, rig->state, id, rig->why, sizeof(rig->why));
}

static void an_identity_is_durable(void **state)
{
	struct rig *rig = *state;
	uint8_t first[16], second[16];
	open_new(rig, MIB);
	if (setxattr(rig->path, "user.lunar.test", "x", 1, 0)) {
		cannot("attributes");
		return;
	}
	world.err = -EIO;
	ops.sync = sync_badly;
	assert_int_equal(find_id(first), -EIO);
	assert_non_null(strstr(rig->why, "stable storage"));
	ops.sync = real->sync;
	assert_int_equal(find_id(first), 0);
	reopen(rig);
	assert_int_equal(find_id(second), 0);
	assert_memory_equal(first, second, 16);
}

static const int unreadable[] = {-EIO, -EACCES, -ENOMEM, -ESTALE};

static void an_attribute_that_cannot_be_read_is_not_replaced(void **state)
{
	struct rig *rig = *state;
	uint8_t first[16], second[16];
	open_new(rig, MIB);
	assert_int_equal(find_id(first), 0);
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
		reopen(rig);
		ops.get_xattr = get_nothing;
		world.err = unreadable[i];
		assert_int_equal(find_id(second), unreadable[i]);
		assert_non_null(strstr(rig->why, rig->path));
		assert_non_null(strstr(rig->why, strerror(-unreadable[i])));
		ops.get_xattr = real->get_xattr;
		assert_int_equal(find_id(second), 0);
		assert_memory_equal(first, second, 16);
	}
}

static void a_record_that_cannot_be_read_is_not_replaced(void **state)
{
	struct rig *rig = *state;
	uint8_t first[16], second[16];
	ops.get_xattr = get_nothing;
	ops.set_xattr = set_nothing;
	world.err = -EOPNOTSUPP;
	open_new(rig, MIB);
	assert_int_equal(find_id(first), 0);
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
		world.err = -EOPNOTSUPP;
		reopen(rig);
		ops.load = load_nothing;
		ops.get_xattr = real->get_xattr;
		world.err = unreadable[i];
		assert_int_equal(find_id(second), unreadable[i]);
		assert_non_null(strstr(rig->why, rig->state));
		ops.load = real->load;
		assert_int_equal(find_id(second), 0);
		assert_memory_equal(first, second, 16);
	}
}

/* Without attributes a file is known by its path, however that is spelt. */
static void the_spelling_of_a_path_does_not_matter(void **state)
{
	struct rig *rig = *state;
	uint8_t first[16], second[16];
	char real_path[192], link[192];
	ops.get_xattr = get_nothing;
	ops.set_xattr = set_nothing;
	world.err = -EOPNOTSUPP;
	open_new(rig, MIB);
	assert_int_equal(find_id(first), 0);
	snprintf(real_path, sizeof(real_path), "%s", rig->path);
	snprintf(link, sizeof(link), "%s/link", rig->dir);
	assert_int_equal(symlink("state/../disk.img", link), 0);
	const char *const spelt[] = {link, "./disk.img", "state/.././disk.img"};
	assert_int_equal(chdir(rig->dir), 0);
	for (size_t i = 0; i < ARRAY_SIZE(spelt); i++) {
		snprintf(rig->path, sizeof(rig->path), "%s", spelt[i]);
		reopen(rig);
		assert_int_equal(find_id(second), 0);
		assert_memory_equal(first, second, 16);
	}
	assert_int_equal(chdir("/"), 0);
}

#define WORLD(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD(who_makes_a_file_has_it),
		WORLD(who_finds_it_empty_leaves_it),
		WORLD(who_loses_it_does_not_remove_it),
		WORLD(what_has_its_name_now_is_not_removed),
		WORLD(what_is_closed_is_not_locked_whoever_still_holds_it),
		WORLD(a_flush_without_room_is_an_error_for_good),
		WORLD(one_flush_at_a_time),
		WORLD(a_durable_write_fails_with_anothers_flush),
		WORLD(a_full_quota_is_a_full_store),
		WORLD(a_new_file_is_durable_or_there_is_none),
		WORLD(an_identity_is_durable),
		WORLD(what_cannot_be_given_back_is_not_offered),
		WORLD(an_attribute_that_cannot_be_read_is_not_replaced),
		WORLD(a_record_that_cannot_be_read_is_not_replaced),
		WORLD(the_spelling_of_a_path_does_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
