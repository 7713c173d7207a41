/* SPDX-License-Identifier: BSD-2-Clause */
/* Backstores on disks that fail, fill up, are slow, go away and come back, in simulation. */
#include <fcntl.h>
#include <sys/sysmacros.h>
#include "sim_rig.h"
#include "backstore/backstore.h"

#define MIB      UINT64_C(1048576)
#define SIZE     (4 * MIB)
#define DISK     "/disk"
#define STATE    "/state"
#define ALWAYS   1000000u
#define LOG_SIZE 4096

struct store_rig {
	struct log log;
	struct sim *sim;
	struct reactor *r;
	struct backstore *bs;
	unsigned changes;
	uint8_t *buf;
	char why[512];
};

struct request {
	struct bs_io io;
	int err;
	bool done;
};

static void request_done(struct bs_io *io, int err)
{
	struct request *q = container_of(io, struct request, io);
	assert_false(q->done);
	q->done = true;
	q->err = err;
}

static void start_io(struct store_rig *rig, struct request *q, enum bs_op op, bool fua,
		     uint64_t offset, uint64_t length)
{
	*q = (struct request){.io = {.op = op,
				     .fua = fua,
				     .offset = offset,
				     .length = length,
				     .buf = rig->buf,
				     .done = request_done}};
	bs_submit(rig->bs, &q->io);
}

static int do_io(struct store_rig *rig, enum bs_op op, bool fua, uint64_t offset, uint64_t length)
{
	struct request q;
	start_io(rig, &q, op, fua, offset, length);
	while (!q.done)
		assert_true(sim_step(rig->sim, REACTOR_NEVER));
	return q.err;
}

static void changed(struct backstore *bs, void *ctx)
{
	((struct store_rig *)ctx)->changes++;
}

static void open_store(struct store_rig *rig, bool direct)
{
	struct bs_file_options opt = {.create_size = SIZE, .direct = direct};
	int err = bs_open_path(&rig->bs, rig->r, DISK, &opt, rig->why, sizeof(rig->why));
	if (err)
		fail_msg("%d: %s", err, rig->why);
	rig->bs->state_changed = changed;
	rig->bs->state_ctx = rig;
}

static void reopen(struct store_rig *rig)
{
	bs_close(rig->bs);
	open_store(rig, false);
}

static void wait_seconds(struct store_rig *rig, unsigned seconds)
{
	sim_run(rig->sim, sim_now(rig->sim) + seconds * ONE_SECOND);
}

static int setup(void **state)
{
	struct store_rig *rig = calloc(1, sizeof(*rig));
	rig->buf = aligned_alloc(4096, SIZE);
	rig->sim = sim_new(1, &rig->log);
	rig->r = sim_node(rig->sim);
	*state = rig;
	return 0;
}

static int setup_open(void **state)
{
	setup(state);
	open_store(*state, false);
	return 0;
}

static int teardown(void **state)
{
	struct store_rig *rig = *state;
	bs_close(rig->bs);
	sim_free(rig->sim);
	free(rig->buf);
	free(rig);
	return 0;
}

static void set_faults(struct store_rig *rig, struct sim_faults faults)
{
	sim_set_faults(rig->sim, &faults);
}

/* --- failures */

static void a_failed_flush_is_remembered(void **state)
{
	struct store_rig *rig = *state;
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), 0);
	set_faults(rig, (struct sim_faults){.disk_sync_fail = ALWAYS});
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), -EIO);
	set_faults(rig, (struct sim_faults){0});
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), -EIO);
	assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096), -EIO);
	assert_int_equal(do_io(rig, BS_UNMAP, true, 0, 4096), -EIO);
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), 0);
	assert_int_equal(do_io(rig, BS_READ, true, 0, 4096), 0);
	assert_int_equal(rig->bs->sync_error, -EIO);
	reopen(rig);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
}

/* Whether a flush has something to do: also for what others had written before. */
static void what_is_not_flushed_is_known(void **state)
{
	struct store_rig *rig = *state;
	struct request early;
	assert_true(rig->bs->dirty);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
	assert_false(rig->bs->dirty);
	assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096), 0);
	assert_false(rig->bs->dirty);
	assert_int_equal(do_io(rig, BS_UNMAP, false, 0, 4096), 0);
	assert_true(rig->bs->dirty);
	/* This one does not cover what is answered while it runs. */
	set_faults(rig, (struct sim_faults){.disk_slow = ALWAYS, .disk_slow_max_us = 1000000000});
	start_io(rig, &early, BS_FLUSH, false, 0, 0);
	set_faults(rig, (struct sim_faults){0});
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), 0);
	assert_false(early.done);
	while (!early.done)
		assert_true(sim_step(rig->sim, REACTOR_NEVER));
	assert_true(rig->bs->dirty);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
	assert_false(rig->bs->dirty);
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), 0);
	set_faults(rig, (struct sim_faults){.disk_sync_fail = ALWAYS});
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), -EIO);
	assert_true(rig->bs->dirty);
}

static void a_failed_durable_write_is_remembered(void **state)
{
	struct store_rig *rig = *state;
	set_faults(rig, (struct sim_faults){.disk_sync_fail = ALWAYS});
	assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096), -EIO);
	set_faults(rig, (struct sim_faults){0});
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), -EIO);
}

static void a_failed_durable_zero_is_remembered(void **state)
{
	struct store_rig *rig = *state;
	set_faults(rig, (struct sim_faults){.disk_sync_fail = ALWAYS});
	assert_int_equal(do_io(rig, BS_ZERO, true, 0, 4096), -EIO);
	set_faults(rig, (struct sim_faults){0});
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), -EIO);
}

static void a_failed_plain_write_is_not(void **state)
{
	struct store_rig *rig = *state;
	set_faults(rig, (struct sim_faults){.disk_write_fail = ALWAYS, .disk_read_fail = ALWAYS});
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), -EIO);
	assert_int_equal(do_io(rig, BS_ZERO, false, 0, 4096), -EIO);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -EIO);
	set_faults(rig, (struct sim_faults){0});
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
	assert_false(rig->bs->missing);
}

static void a_full_disk_is_told_and_passes(void **state)
{
	struct store_rig *rig = *state;
	set_faults(rig, (struct sim_faults){.disk_full = ALWAYS});
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), -ENOSPC);
	assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096), -ENOSPC);
	assert_int_equal(do_io(rig, BS_ZERO, false, 0, 4096), -ENOSPC);
	set_faults(rig, (struct sim_faults){0});
	assert_int_equal(rig->bs->sync_error, 0);
	assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096), 0);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
}

struct room {
	struct bs_allocation a;
	bool done;
	int err;
	char why[256];
};

static void has_room(struct bs_allocation *a, int err, const char *why)
{
	struct room *room = container_of(a, struct room, a);
	room->done = true;
	room->err = err;
	snprintf(room->why, sizeof(room->why), "%s", why);
}

static struct room set_room_aside(struct store_rig *rig)
{
	struct room room = {.done = false};
	bs_allocate(&room.a, rig->bs, has_room);
	while (!room.done)
		assert_true(sim_step(rig->sim, REACTOR_NEVER));
	return room;
}

/* Nothing that is there changes by it. */
static void room_is_set_aside_or_refused(void **state)
{
	struct store_rig *rig = *state;
	memset(rig->buf, 7, SIZE);
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, SIZE), 0);
	assert_int_equal(set_room_aside(rig).err, 0);
	set_faults(rig, (struct sim_faults){.disk_full = ALWAYS});
	struct room none = set_room_aside(rig);
	assert_int_equal(none.err, -ENOSPC);
	assert_non_null(strstr(none.why, "there is no room for"));
	set_faults(rig, (struct sim_faults){0});
	memset(rig->buf, 0, SIZE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, SIZE), 0);
	assert_int_equal(rig->buf[SIZE - 1], 7);
}

static void short_transfers_go_on(void **state)
{
	struct store_rig *rig = *state;
	uint8_t *expected = malloc(SIZE);
	for (int direct = 0; direct < 2; direct++) {
		bs_close(rig->bs);
		open_store(rig, direct);
		set_faults(rig, (struct sim_faults){.disk_short = ALWAYS / 2});
		for (size_t i = 0; i < SIZE; i++)
			rig->buf[i] = expected[i] = (uint8_t)sim_rand(rig->sim, 256);
		assert_int_equal(do_io(rig, BS_WRITE, direct, 0, SIZE), 0);
		memset(rig->buf, 0, SIZE);
		assert_int_equal(do_io(rig, BS_READ, false, 0, SIZE), 0);
		assert_memory_equal(rig->buf, expected, SIZE);
	}
	free(expected);
}

/* --- power */

static void what_was_durable_is_there_after_a_power_cut(void **state)
{
	struct store_rig *rig = *state;
	uint8_t medium[4096], zeroes[4096] = {0};
	memset(rig->buf, 0x5a, 65536);
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 65536), 0);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
	assert_int_equal(do_io(rig, BS_WRITE, true, MIB, 65536), 0);
	assert_int_equal(do_io(rig, BS_UNMAP, true, 4096, 4096), 0);
	assert_int_equal(do_io(rig, BS_ZERO, true, 8192, 4096), 0);
	sim_crash(rig->sim, rig->r, true);
	assert_int_equal(sim_disk_peek(rig->sim, DISK, 0, medium, 4096), 0);
	assert_memory_equal(medium, rig->buf, 4096);
	assert_int_equal(sim_disk_peek(rig->sim, DISK, MIB, medium, 4096), 0);
	assert_memory_equal(medium, rig->buf, 4096);
	for (uint64_t at = 4096; at <= 8192; at += 4096) {
		assert_int_equal(sim_disk_peek(rig->sim, DISK, at, medium, 4096), 0);
		assert_memory_equal(medium, zeroes, 4096);
	}
}

/* --- gone and back */

static void a_disk_that_went_is_used_when_it_returns(void **state)
{
	struct store_rig *rig = *state;
	memset(rig->buf, 0x11, 4096);
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), 0);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	assert_true(rig->bs->missing);
	assert_int_equal(rig->changes, 1);
	wait_seconds(rig, 5);
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), -ENODEV);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), -ENODEV);
	assert_int_equal(bs_set_size(rig->bs, 4096), -ENODEV);
	sim_disk_state(rig->sim, DISK, SIM_DISK_OK);
	wait_seconds(rig, 2);
	assert_false(rig->bs->missing);
	assert_int_equal(rig->changes, 2);
	memset(rig->buf, 0, 4096);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), 0);
	assert_int_equal(rig->buf[0] & rig->buf[4095], 0x11);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
}

/* Whoever is asked to open, as another process does it. */
struct other {
	struct bs_opener opener;
	struct store_rig *rig;
	unsigned asked, patience;
};

static int other_open(struct bs_opener *o, char *why, size_t why_size)
{
	struct other *other = container_of(o, struct other, opener);
	if (++other->asked % (other->patience + 1))
		return -EINPROGRESS;
	int file = file_open(other->rig->r, DISK, O_RDWR, 0);
	if (file < 0)
		snprintf(why, why_size, "not yet");
	return file;
}

static void another_process_opens_what_returns(void **state)
{
	struct store_rig *rig = *state;
	struct other other = {{other_open}, rig, 0, 5};
	assert_true(bs_detach(rig->bs, &other.opener) >= 0);
	bs_adopt(rig->bs, rig->r);
	memset(rig->buf, 0x12, 4096);
	assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096), 0);
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	wait_seconds(rig, 5);
	assert_true(rig->bs->missing);
	/* Each second it is asked, and waited for shortly. */
	assert_in_range(other.asked, 4 * 6, 5 * 6);
	sim_disk_state(rig->sim, DISK, SIM_DISK_OK);
	wait_seconds(rig, 2);
	assert_false(rig->bs->missing);
	memset(rig->buf, 0, 4096);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), 0);
	assert_int_equal(rig->buf[0] & rig->buf[4095], 0x12);
	/* What it opens is judged all the same. */
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	assert_int_equal(file_remove(rig->r, DISK), 0);
	assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE / 2, 0), 0);
	wait_seconds(rig, 3);
	assert_true(rig->bs->missing);
}

static void who_opened_it_first_opens_it_again(void **state)
{
	struct store_rig *rig = *state;
	uint8_t id[16];
	assert_int_equal(bs_identity(rig->bs, STATE, id, rig->why, sizeof(rig->why)), 0);
	bs_hand_over(rig->bs);
	bs_hand_over(rig->bs);
	int file = bs_open_again(rig->bs, rig->why, sizeof(rig->why));
	assert_true(file >= 0);
	/* It is locked by whoever has that. */
	assert_int_equal(bs_open_again(rig->bs, rig->why, sizeof(rig->why)), -EAGAIN);
	file_close(rig->r, file);
	assert_int_equal(file_remove(rig->r, DISK), 0);
	assert_true(bs_open_again(rig->bs, rig->why, sizeof(rig->why)) < 0);
	/* The same size, and not the same identity. */
	assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE, 0), 0);
	assert_int_equal(bs_open_again(rig->bs, rig->why, sizeof(rig->why)), -EEXIST);
	assert_non_null(strstr(rig->why, "another one"));
}

static void what_went_with_the_disk_is_counted(void **state)
{
	struct store_rig *rig = *state;
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), 0);
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), -ENODEV);
	sim_disk_state(rig->sim, DISK, SIM_DISK_OK);
	wait_seconds(rig, 2);
	assert_false(rig->bs->missing);
	assert_int_equal(rig->bs->lost_generation, 1);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
	/* Nothing was lost this time. */
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	sim_disk_state(rig->sim, DISK, SIM_DISK_OK);
	wait_seconds(rig, 2);
	assert_false(rig->bs->missing);
	assert_int_equal(rig->bs->lost_generation, 1);
}

/* It is opened anew: what could not be flushed before is lost, and what comes now is not. */
static void a_flush_error_goes_with_the_disk(void **state)
{
	struct store_rig *rig = *state;
	assert_int_equal(do_io(rig, BS_WRITE, false, 0, 4096), 0);
	set_faults(rig, (struct sim_faults){.disk_sync_fail = ALWAYS});
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), -EIO);
	set_faults(rig, (struct sim_faults){0});
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	sim_disk_state(rig->sim, DISK, SIM_DISK_OK);
	wait_seconds(rig, 2);
	assert_int_equal(rig->bs->lost_generation, 1);
	assert_int_equal(do_io(rig, BS_WRITE, true, 0, 4096), 0);
	assert_int_equal(do_io(rig, BS_FLUSH, false, 0, 0), 0);
}

static void another_disk_in_its_place_is_not_used(void **state)
{
	struct store_rig *rig = *state;
	assert_int_equal(file_remove(rig->r, DISK), 0);
	assert_int_equal(sim_disk_create(rig->sim, DISK, 2 * SIZE, 0), 0);
	/* What was opened is still there; it goes when its disk does. */
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), 0);
	reopen(rig);
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	assert_int_equal(file_remove(rig->r, DISK), 0);
	assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE, 0), 0);
	wait_seconds(rig, 3);
	assert_true(rig->bs->missing);
	assert_int_equal(file_remove(rig->r, DISK), 0);
	/* It may have grown. */
	assert_int_equal(sim_disk_create(rig->sim, DISK, 3 * SIZE, 0), 0);
	wait_seconds(rig, 3);
	assert_false(rig->bs->missing);
	assert_int_equal(rig->bs->size, 3 * SIZE);
}

static void another_identity_in_its_place_is_not_used(void **state)
{
	struct store_rig *rig = *state;
	uint8_t id[16];
	char text[32];
	assert_int_equal(bs_identity(rig->bs, STATE, id, rig->why, sizeof(rig->why)), 0);
	int file = file_open(rig->r, DISK, O_RDWR, 0);
	assert_true(file >= 0);
	assert_int_equal(file_get_xattr(rig->r, file, "user.lunar.id", text, sizeof(text)), 32);
	file_close(rig->r, file);

	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	assert_int_equal(file_remove(rig->r, DISK), 0);
	assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE, 0), 0);
	wait_seconds(rig, 3);
	assert_true(rig->bs->missing);
	file = file_open(rig->r, DISK, O_RDWR, 0);
	assert_true(file >= 0);
	assert_int_equal(file_set_xattr(rig->r, file, "user.lunar.id", text, sizeof(text)), 0);
	file_close(rig->r, file);
	wait_seconds(rig, 3);
	assert_false(rig->bs->missing);
}

static void requests_under_way_end_before_it_is_opened_again(void **state)
{
	struct store_rig *rig = *state;
	struct request hung, other;
	sim_disk_state(rig->sim, DISK, SIM_DISK_HANGS);
	start_io(rig, &hung, BS_WRITE, false, 0, 4096);
	start_io(rig, &other, BS_READ, false, MIB, 4096);
	wait_seconds(rig, 5);
	assert_false(hung.done || other.done);
	assert_int_equal(rig->bs->inflight, 2);
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	wait_seconds(rig, 5);
	assert_true(hung.done && other.done);
	assert_int_equal(hung.err, -ENODEV);
	assert_int_equal(other.err, -ENODEV);
	assert_int_equal(rig->changes, 1);
	sim_disk_state(rig->sim, DISK, SIM_DISK_OK);
	wait_seconds(rig, 2);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), 0);
}

static void a_store_can_be_closed_while_it_is_missing(void **state)
{
	struct store_rig *rig = *state;
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	bs_close(rig->bs);
	rig->bs = NULL;
	sim_disk_state(rig->sim, DISK, SIM_DISK_OK);
	wait_seconds(rig, 3);
	assert_int_equal(rig->changes, 1);
	open_store(rig, false);
}

static void a_device_is_known_by_its_path(void **state)
{
	struct store_rig *rig = *state;
	uint8_t first[16], second[16];
	assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE, 4096), 0);
	open_store(rig, true);
	assert_string_equal(rig->bs->ops->kind, "block");
	assert_int_equal(rig->bs->block_size, 4096);
	assert_int_equal(bs_identity(rig->bs, STATE, first, rig->why, sizeof(rig->why)), 0);
	bs_close(rig->bs);
	open_store(rig, true);
	assert_int_equal(bs_identity(rig->bs, STATE, second, rig->why, sizeof(rig->why)), 0);
	assert_memory_equal(first, second, 16);
	assert_int_equal(do_io(rig, BS_ZERO, true, 4096, 8192), 0);
	assert_int_equal(do_io(rig, BS_UNMAP, false, 0, SIZE), 0);
}

/* In place of the disk, another one with blocks of 512 bytes. */
static void new_device(struct store_rig *rig, uint64_t size)
{
	bs_close(rig->bs);
	rig->bs = NULL;
	(void)file_remove(rig->r, DISK);
	assert_int_equal(sim_disk_create(rig->sim, DISK, size, 512), 0);
}

/* Its attribute in sysfs. */
static void device_says(struct store_rig *rig, const char *name, const char *value)
{
	struct file_info info;
	char path[96];
	assert_int_equal(file_stat(rig->r, DISK, &info), 0);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(info.device),
		 minor(info.device), name);
	assert_int_equal(file_store(rig->r, path, value, strlen(value), 0444), 0);
}

static int open_and_identify(struct store_rig *rig, uint8_t id[16])
{
	bs_close(rig->bs);
	open_store(rig, false);
	return bs_identity(rig->bs, STATE, id, rig->why, sizeof(rig->why));
}

static void another_device_under_the_name_has_another_identity(void **state)
{
	struct store_rig *rig = *state;
	uint8_t first[16], second[16];
	new_device(rig, SIZE);
	device_says(rig, "device/wwid", "naa.5000000000000001  \n");
	assert_int_equal(open_and_identify(rig, first), 0);
	new_device(rig, SIZE);
	device_says(rig, "device/wwid", "naa.5000000000000002  \n");
	assert_int_equal(open_and_identify(rig, second), 0);
	assert_memory_not_equal(first, second, 16);
	/* Back again, with more room than before. */
	new_device(rig, 2 * SIZE);
	device_says(rig, "device/wwid", "naa.5000000000000001\n");
	assert_int_equal(open_and_identify(rig, second), 0);
	assert_memory_equal(first, second, 16);
	/* A part of it is not the whole. */
	new_device(rig, SIZE);
	device_says(rig, "partition", "3\n");
	device_says(rig, "../device/wwid", "naa.5000000000000001\n");
	assert_int_equal(open_and_identify(rig, second), 0);
	assert_memory_not_equal(first, second, 16);
}

static void a_device_is_known_by_its_hardware(void **state)
{
	struct store_rig *rig = *state;
	uint8_t first[16], second[16];
	new_device(rig, SIZE);
	device_says(rig, "serial", "one");
	assert_int_equal(open_and_identify(rig, first), 0);
	bs_close(rig->bs);
	rig->bs = NULL;
	/* It has another name today. */
	struct bs_file_options opt = {0};
	assert_int_equal(file_remove(rig->r, DISK), 0);
	assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE, 512), 0);
	device_says(rig, "serial", "another");
	assert_int_equal(sim_disk_create(rig->sim, "/disk2", SIZE, 512), 0);
	struct file_info info;
	char path[96];
	assert_int_equal(file_stat(rig->r, "/disk2", &info), 0);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/serial", major(info.device),
		 minor(info.device));
	assert_int_equal(file_store(rig->r, path, "one\n", 4, 0444), 0);
	assert_int_equal(bs_open_path(&rig->bs, rig->r, "/disk2", &opt, rig->why, sizeof(rig->why)),
			 0);
	assert_int_equal(bs_identity(rig->bs, STATE, second, rig->why, sizeof(rig->why)), 0);
	assert_memory_equal(first, second, 16);
}

static void a_device_of_another_size_is_refused(void **state)
{
	struct store_rig *rig = *state;
	uint8_t first[16], second[16];
	new_device(rig, SIZE);
	assert_int_equal(open_and_identify(rig, first), 0);
	new_device(rig, 2 * SIZE);
	assert_int_equal(open_and_identify(rig, second), -EEXIST);
	assert_non_null(strstr(rig->why, "another disk"));
	assert_non_null(strstr(rig->why, "size="));
	assert_non_null(strstr(rig->why, STATE "/identity-"));
	new_device(rig, SIZE);
	assert_int_equal(open_and_identify(rig, second), 0);
	assert_memory_equal(first, second, 16);
}

static void another_device_that_comes_back_is_not_used(void **state)
{
	struct store_rig *rig = *state;
	new_device(rig, SIZE);
	device_says(rig, "wwid", "eui.1\n");
	open_store(rig, false);
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	for (int i = 2; i > 0; i--) {
		assert_int_equal(file_remove(rig->r, DISK), 0);
		assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE, 512), 0);
		device_says(rig, "wwid", i == 2 ? "eui.2\n" : "eui.1\n");
		wait_seconds(rig, 3);
		assert_int_equal(rig->bs->missing, i == 2);
	}
}

/* --- the log */

static void keep_line(struct log *log, enum log_level level, const char *line)
{
	char *all = log->ctx;
	size_t len = strlen(all);
	snprintf(all + len, LOG_SIZE - len, "%s\n", line);
}

static unsigned count(const char *all, const char *word)
{
	unsigned n = 0;
	while ((all = strstr(all, word))) {
		all++;
		n++;
	}
	return n;
}

/* Why it is not used, once for each reason. */
static void why_a_disk_is_not_used_is_said_once(void **state)
{
	struct store_rig *rig = *state;
	char log[LOG_SIZE] = "";
	rig->log = (struct log){.level = LOG_LEVEL_WARNING, .write = keep_line, .ctx = log};
	sim_disk_state(rig->sim, DISK, SIM_DISK_GONE);
	assert_int_equal(do_io(rig, BS_READ, false, 0, 4096), -ENODEV);
	wait_seconds(rig, 5);
	assert_int_equal(count(log, "No such file"), 1);
	assert_int_equal(file_remove(rig->r, DISK), 0);
	assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE - 512, 0), 0);
	wait_seconds(rig, 5);
	assert_true(rig->bs->missing);
	assert_int_equal(count(log, "instead of"), 1);
	assert_int_equal(count(log, "No such file"), 1);
	int file = file_open(rig->r, DISK, O_RDWR, 0);
	assert_true(file >= 0);
	assert_int_equal(file_truncate(rig->r, file, 2 * SIZE), 0);
	file_close(rig->r, file);
	wait_seconds(rig, 5);
	assert_false(rig->bs->missing);
	assert_int_equal(rig->bs->size, 2 * SIZE);
	assert_int_equal(count(log, "is back\n"), 1);
	assert_int_equal(do_io(rig, BS_WRITE, true, 2 * SIZE - 4096, 4096), 0);
	rig->log = (struct log){.level = LOG_LEVEL_ERROR};
}

static void a_damaged_record_is_not_replaced(void **state)
{
	struct store_rig *rig = *state;
	uint8_t id[16];
	char name[64];
	assert_int_equal(sim_disk_create(rig->sim, DISK, SIZE, 512), 0);
	open_store(rig, false);
	assert_int_equal(bs_identity(rig->bs, STATE, id, rig->why, sizeof(rig->why)), 0);
	/* FNV-1a of "path=/disk\n" */
	snprintf(name, sizeof(name), STATE "/identity-%s", "8ade09099a5688ef");
	assert_true(file_load(rig->r, name, rig->why, sizeof(rig->why)) > 0);
	assert_int_equal(file_store(rig->r, name, "id=nonsense\n", 12, 0600), 0);
	bs_close(rig->bs);
	open_store(rig, false);
	assert_int_equal(bs_identity(rig->bs, STATE, id, rig->why, sizeof(rig->why)), -EBADMSG);
	assert_non_null(strstr(rig->why, name));
}

#define CASE(fn)     cmocka_unit_test_setup_teardown(fn, setup_open, teardown)
#define CASE_NEW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_failed_flush_is_remembered),
		CASE(what_is_not_flushed_is_known),
		CASE(a_failed_durable_write_is_remembered),
		CASE(a_failed_durable_zero_is_remembered),
		CASE(a_failed_plain_write_is_not),
		CASE(a_full_disk_is_told_and_passes),
		CASE(room_is_set_aside_or_refused),
		CASE(short_transfers_go_on),
		CASE(what_was_durable_is_there_after_a_power_cut),
		CASE(a_disk_that_went_is_used_when_it_returns),
		CASE(another_process_opens_what_returns),
		CASE(who_opened_it_first_opens_it_again),
		CASE(what_went_with_the_disk_is_counted),
		CASE(a_flush_error_goes_with_the_disk),
		CASE(another_disk_in_its_place_is_not_used),
		CASE(another_identity_in_its_place_is_not_used),
		CASE(requests_under_way_end_before_it_is_opened_again),
		CASE(a_store_can_be_closed_while_it_is_missing),
		CASE_NEW(a_device_is_known_by_its_path),
		CASE_NEW(another_device_under_the_name_has_another_identity),
		CASE_NEW(a_device_is_known_by_its_hardware),
		CASE_NEW(a_device_of_another_size_is_refused),
		CASE_NEW(another_device_that_comes_back_is_not_used),
		CASE(why_a_disk_is_not_used_is_said_once),
		CASE_NEW(a_damaged_record_is_not_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
