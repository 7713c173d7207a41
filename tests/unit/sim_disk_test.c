/* SPDX-License-Identifier: BSD-2-Clause */
/* The disks of the simulated world: faults, cancelling, names, sizes, holes, locks. */
#include "sim_rig.h"

/* --- faults */

static void failed_write_leaves_a_mixture(void **state)
{
	const struct sim_faults failing = {.disk_write_fail = 1000000};
	unsigned old = 0, new = 0;
	struct rig g;
	uint8_t data[64 * SECTOR], found[64 * SECTOR];
	memset(data, 'y', sizeof(data));
	rig_open(&g, 11, 1 << 20, 512);
	sim_set_faults(g.sim, &failing);
	assert_int_equal(write_at(&g, data, sizeof(data), 0, 0), -EIO);
	assert_int_equal(read_at(&g, found, sizeof(found), 0), sizeof(found));
	for (size_t i = 0; i < sizeof(found); i += SECTOR) {
		old += all_bytes(found + i, SECTOR, 0);
		new += all_bytes(found + i, SECTOR, 'y');
	}
	assert_int_equal(old + new, 64);
	assert_true(old > 10 && new > 10);
	rig_close(&g);
}

static void full_disk_takes_nothing(void **state)
{
	const struct sim_faults full = {.disk_full = 1000000};
	struct rig g;
	uint8_t data[SECTOR], found[SECTOR];
	memset(data, 'z', sizeof(data));
	rig_open(&g, 1, 1 << 16, 0);
	sim_set_faults(g.sim, &full);
	assert_int_equal(write_at(&g, data, SECTOR, 0, 0), -ENOSPC);
	assert_int_equal(fallocate_at(&g, FALLOC_FL_ZERO_RANGE, 0, 4096), -ENOSPC);
	assert_int_equal(read_at(&g, found, SECTOR, 0), SECTOR);
	assert_true(all_bytes(found, SECTOR, 0));
	rig_close(&g);
}

static void short_transfers_move_what_they_say(void **state)
{
	const struct sim_faults faults = {.disk_short = 1000000};
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct rig g;
		uint8_t data[16384], found[16384] = {0};
		memset(data, 's', sizeof(data));
		uint32_t block = seed % 2 ? 4096 : 0;
		rig_open(&g, seed, 1 << 20, block);
		sim_set_faults(g.sim, &faults);
		int wrote = write_at(&g, data, sizeof(data), 0, RWF_DSYNC);
		assert_true(wrote > 0 && wrote < (int)sizeof(data));
		if (block)
			assert_int_equal(wrote % (int)block, 0);
		assert_int_equal(sim_disk_peek(g.sim, DISK, 0, found, sizeof(found)), 0);
		assert_true(all_bytes(found, (size_t)wrote, 's'));
		assert_true(all_bytes(found + wrote, sizeof(found) - (size_t)wrote, 0));
		memset(found, 'f', sizeof(found));
		int got = read_at(&g, found, sizeof(found), 0);
		assert_true(got > 0 && got < (int)sizeof(found));
		assert_true(all_bytes(found + got, sizeof(found) - (size_t)got, 'f'));
		rig_close(&g);
	}
}

static void hanging_disk_holds_its_operations(void **state)
{
	struct rig g;
	struct call read, write, sync;
	uint8_t data[SECTOR] = {1}, found[SECTOR];
	rig_open(&g, 1, 1 << 16, 512);
	sim_disk_state(g.sim, DISK, SIM_DISK_HANGS);
	start_write(&g, &write, data, SECTOR, 0, 0);
	file_read(g.node, &read.op, g.file, call_iov(&read, found, SECTOR), 1, SECTOR);
	file_datasync(g.node, &call_init(&sync)->op, g.file);
	sim_run(g.sim, sim_now(g.sim) + 1000 * ONE_SECOND);
	reactor_cancel(g.node, &write.op);
	sim_run(g.sim, sim_now(g.sim) + 1000 * ONE_SECOND);
	assert_false(read.done || write.done || sync.done);
	sim_disk_state(g.sim, DISK, SIM_DISK_OK);
	assert_int_equal(call_wait(g.sim, &write), SECTOR);
	assert_int_equal(call_wait(g.sim, &read), SECTOR);
	assert_int_equal(call_wait(g.sim, &sync), 0);
	rig_close(&g);
}

static void disk_that_is_gone_says_so(void **state)
{
	struct rig g;
	struct call write;
	uint8_t data[SECTOR] = {1};
	rig_open(&g, 1, 1 << 16, 512);
	sim_disk_state(g.sim, DISK, SIM_DISK_HANGS);
	start_write(&g, &write, data, SECTOR, 0, 0);
	sim_run(g.sim, sim_now(g.sim) + ONE_SECOND);
	sim_disk_state(g.sim, DISK, SIM_DISK_GONE);
	assert_int_equal(call_wait(g.sim, &write), -ENODEV);
	assert_int_equal(read_at(&g, data, SECTOR, 0), -ENODEV);
	assert_int_equal(sync_now(&g), -ENODEV);
	assert_int_equal(file_open(g.node, DISK, O_RDWR, 0), -ENOENT);
	rig_close(&g);
}

/* A process that is killed while its disk hangs leaves a write in the kernel, and the lock with it. */
static void late_write_of_a_dead_process(void **state)
{
	struct rig g;
	struct call write;
	uint8_t *data = malloc(SECTOR), found[SECTOR];
	memset(data, 'L', SECTOR);
	rig_open(&g, 1, 1 << 16, 512);
	assert_int_equal(file_lock(g.node, g.file, true), 0);
	sim_disk_state(g.sim, DISK, SIM_DISK_HANGS);
	start_write(&g, &write, data, SECTOR, 0, 0);
	sim_crash(g.sim, g.node, false);
	free(data);
	g.file = file_open(g.node, DISK, O_RDWR, 0);
	assert_int_equal(file_lock(g.node, g.file, true), -EAGAIN);
	sim_run(g.sim, sim_now(g.sim) + ONE_SECOND);
	sim_disk_state(g.sim, DISK, SIM_DISK_OK);
	sim_run(g.sim, sim_now(g.sim) + ONE_SECOND);
	assert_int_equal(file_lock(g.node, g.file, true), 0);
	assert_int_equal(read_at(&g, found, SECTOR, 0), SECTOR);
	assert_true(all_bytes(found, SECTOR, 'L'));
	assert_false(write.done);
	rig_close(&g);
}

static void cancelled_write_did_not_happen(void **state)
{
	unsigned cancelled = 0, done = 0;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct rig g;
		struct call write;
		uint8_t data[SECTOR], found[SECTOR];
		memset(data, 'c', SECTOR);
		rig_open(&g, seed, 1 << 16, 512);
		start_write(&g, &write, data, SECTOR, 0, 0);
		reactor_cancel(g.node, &write.op);
		assert_false(write.done);
		int res = call_wait(g.sim, &write);
		sim_run(g.sim, sim_now(g.sim) + ONE_SECOND);
		assert_int_equal(read_at(&g, found, SECTOR, 0), SECTOR);
		assert_true(all_bytes(found, SECTOR, res == -ECANCELED ? 0 : 'c'));
		cancelled += res == -ECANCELED;
		done += res == SECTOR;
		rig_close(&g);
	}
	assert_int_equal(cancelled + done, 40);
	assert_true(cancelled > 5 && done > 5);
}

/* --- names, sizes, holes, locks, attributes, records */

static void locks_exclude_each_other(void **state)
{
	struct rig g;
	rig_open(&g, 1, 1 << 16, 0);
	struct reactor *other = sim_node(g.sim);
	int a = file_open(other, DISK, O_RDWR, 0), b = file_open(g.node, DISK, O_RDONLY, 0);
	assert_int_equal(file_lock(g.node, g.file, true), 0);
	assert_int_equal(file_lock(g.node, g.file, true), 0);
	assert_int_equal(file_lock(other, a, true), -EAGAIN);
	assert_int_equal(file_lock(g.node, b, false), -EAGAIN);
	assert_int_equal(file_lock(g.node, b, true), -EBADF);
	assert_int_equal(file_lock(g.node, g.file, false), 0);
	assert_int_equal(file_lock(g.node, b, false), 0);
	assert_int_equal(file_lock(other, a, true), -EAGAIN);
	sim_crash(g.sim, g.node, false);
	assert_int_equal(file_lock(other, a, true), 0);
	file_close(other, a);
	assert_int_equal(file_lock(other, file_open(other, DISK, O_RDWR, 0), true), 0);
	rig_close(&g);
}

static void block_device_has_an_end(void **state)
{
	struct rig g;
	uint8_t data[8192] = {0};
	struct file_info info;
	bool is_data;
	uint64_t length;
	rig_open(&g, 1, 16384, 4096);
	assert_int_equal(file_info(g.node, g.file, &info), 0);
	assert_int_equal(info.kind, FILE_BLOCK);
	assert_int_equal(info.size, 16384);
	assert_int_equal(info.logical_block, 4096);
	assert_int_equal(write_at(&g, data, sizeof(data), 12288, 0), 4096);
	assert_int_equal(write_at(&g, data, sizeof(data), 16384, 0), -ENOSPC);
	assert_int_equal(read_at(&g, data, sizeof(data), 12288), 4096);
	assert_int_equal(read_at(&g, data, sizeof(data), 16384), 0);
	assert_int_equal(file_truncate(g.node, g.file, 0), -EINVAL);
	assert_int_equal(file_extent(g.node, g.file, 4096, &is_data, &length), 0);
	assert_true(is_data);
	assert_int_equal(length, 12288);
	assert_int_equal(fallocate_at(&g, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 512, 512),
			 -EINVAL);
	assert_int_equal(file_set_xattr(g.node, g.file, "user.a", "b", 1), -EPERM);

	int direct = file_open(g.node, DISK, O_RDWR | O_DIRECT, 0);
	g.file = direct;
	assert_int_equal(read_at(&g, data, 4096, 512), -EINVAL);
	assert_int_equal(read_at(&g, data, 4096, 4096), 4096);
	int reader = file_open(g.node, DISK, O_RDONLY, 0);
	g.file = reader;
	assert_int_equal(write_at(&g, data, 4096, 0, 0), -EBADF);
	g.file = reader + 1;
	assert_int_equal(read_at(&g, data, 4096, 0), -EBADF);
	rig_close(&g);
}

static void expect_extent(struct rig *g, uint64_t offset, bool data, uint64_t length)
{
	bool is_data = !data;
	uint64_t found = 0;
	assert_int_equal(file_extent(g->node, g->file, offset, &is_data, &found), 0);
	assert_int_equal(is_data, data);
	assert_int_equal(found, length);
}

static void sparse_files_know_their_holes(void **state)
{
	const uint64_t tib = UINT64_C(1) << 40, size = 8 * tib;
	struct rig g;
	uint8_t data[12288], found[12288];
	memset(data, 'h', sizeof(data));
	rig_open(&g, 1, size, 0);
	expect_extent(&g, 5, false, size - 5);
	assert_int_equal(write_at(&g, data, 100, 3 * tib + 4196, 0), 100);
	expect_extent(&g, 0, false, 3 * tib + 4096);
	expect_extent(&g, 3 * tib + 4096, true, 4096);
	expect_extent(&g, 3 * tib + 8192, false, size - 3 * tib - 8192);
	/* Extents that cross chunks, and a hole with ends that are not whole blocks. */
	assert_int_equal(write_at(&g, data, sizeof(data), tib - 4096, 0), sizeof(data));
	expect_extent(&g, tib - 4096, true, sizeof(data));
	assert_int_equal(
		fallocate_at(&g, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, tib - 100, 4096 + 200),
		0);
	expect_extent(&g, tib - 4096, true, 4096);
	expect_extent(&g, tib, false, 4096);
	expect_extent(&g, tib + 4096, true, 4096);
	assert_int_equal(read_at(&g, found, sizeof(found), tib - 4096), sizeof(found));
	assert_true(all_bytes(found, 3996, 'h'));
	assert_true(all_bytes(found + 3996, 4296, 0));
	assert_true(all_bytes(found + 8292, sizeof(found) - 8292, 'h'));
	/* Everything at once, without walking terabytes. */
	assert_int_equal(fallocate_at(&g, FALLOC_FL_ZERO_RANGE, 0, size), 0);
	expect_extent(&g, 0, false, size);
	assert_int_equal(fallocate_at(&g, 0, size, 4096), 0);
	struct file_info info;
	assert_int_equal(file_info(g.node, g.file, &info), 0);
	assert_int_equal(info.size, size + 4096);
	bool is_data;
	uint64_t length;
	assert_int_equal(file_extent(g.node, g.file, size + 4096, &is_data, &length), -ENXIO);
	rig_close(&g);
}

static void power_cut_brings_punched_data_back_whole(void **state)
{
	unsigned back = 0, gone = 0;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct rig g;
		uint8_t data[4096], found[4096];
		bool is_data;
		uint64_t length;
		memset(data, 'p', sizeof(data));
		rig_open(&g, seed, 65536, 0);
		assert_int_equal(write_at(&g, data, sizeof(data), 8192, RWF_DSYNC), sizeof(data));
		assert_int_equal(
			fallocate_at(&g, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 4096),
			0);
		expect_extent(&g, 0, false, 65536);
		sim_crash(g.sim, g.node, true);
		g.file = file_open(g.node, DISK, O_RDWR, 0);
		assert_int_equal(read_at(&g, found, sizeof(found), 8192), sizeof(found));
		for (size_t i = 0; i < sizeof(found); i += SECTOR) {
			assert_int_equal(file_extent(g.node, g.file, 8192 + i, &is_data, &length),
					 0);
			assert_true(all_bytes(found + i, SECTOR, is_data ? 'p' : 0));
			back += is_data;
			gone += !is_data;
		}
		rig_close(&g);
	}
	assert_true(back > 40 && gone > 40);
}

static void truncation_drops_the_rest(void **state)
{
	struct rig g;
	uint8_t data[4096], found[8192];
	memset(data, 't', sizeof(data));
	rig_open(&g, 1, 0, 0);
	assert_int_equal(write_at(&g, data, sizeof(data), 100000, 0), sizeof(data));
	assert_int_equal(file_truncate(g.node, g.file, 101000), 0);
	assert_int_equal(read_at(&g, found, sizeof(found), 100000), 1000);
	assert_int_equal(file_truncate(g.node, g.file, 200000), 0);
	assert_int_equal(sync_now(&g), 0);
	assert_int_equal(read_at(&g, found, sizeof(found), 100000), sizeof(found));
	assert_true(all_bytes(found, 1000, 't'));
	assert_true(all_bytes(found + 1000, sizeof(found) - 1000, 0));
	assert_int_equal(sim_disk_peek(g.sim, DISK, 199999, found, 1), 0);
	assert_int_equal(sim_disk_peek(g.sim, DISK, 199999, found, 2), -EINVAL);
	rig_close(&g);
}

static void attributes_and_records(void **state)
{
	struct rig g;
	char buf[16];
	struct file_info info;
	rig_open(&g, 1, 4096, 0);
	assert_int_equal(file_get_xattr(g.node, g.file, "user.id", buf, sizeof(buf)), -ENODATA);
	assert_int_equal(file_set_xattr(g.node, g.file, "user.id", "first one", 9), 0);
	assert_int_equal(file_set_xattr(g.node, g.file, "user.id", "second", 6), 0);
	assert_int_equal(file_get_xattr(g.node, g.file, "user.id", NULL, 0), 6);
	assert_int_equal(file_get_xattr(g.node, g.file, "user.id", buf, 5), -ERANGE);
	assert_int_equal(file_get_xattr(g.node, g.file, "user.id", buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "second", 6);

	assert_int_equal(file_load(g.node, "/state/a", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(file_store(g.node, "/state/a", "one", 3, 0600), 0);
	int old = file_open(g.node, "/state/a", O_RDONLY, 0);
	assert_int_equal(file_store(g.node, "/state/a", "three", 5, 0600), 0);
	sim_crash(g.sim, g.node, true);
	assert_true(old >= 0);
	assert_int_equal(file_load(g.node, "/state/a", buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "three", 5);
	assert_int_equal(file_load(g.node, "/state/a", buf, 4), -EFBIG);
	assert_int_equal(file_stat(g.node, "/state/a", &info), 0);
	assert_int_equal(info.size, 5);
	assert_int_equal(file_stat(g.node, "/state", &info), 0);
	assert_int_equal(info.kind, FILE_DIRECTORY);
	assert_int_equal(file_remove(g.node, "/state/a"), 0);
	assert_int_equal(file_stat(g.node, "/state/a", &info), -ENOENT);
	assert_int_equal(file_remove(g.node, "/state/a"), -ENOENT);

	int made = file_open(g.node, "/new", O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(made >= 0);
	assert_int_equal(file_open(g.node, "/new", O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
	assert_int_equal(file_remove(g.node, "/new"), 0);
	assert_int_equal(file_info(g.node, made, &info), 0); /* as long as it is open */
	assert_int_equal(file_peek(g.node, made, buf, sizeof(buf), 0), 0);
	rig_close(&g);
}

static void failing_store_leaves_one_record_or_the_other(void **state)
{
	const struct sim_faults faults = {
		.disk_write_fail = 300000, .disk_sync_fail = 300000, .disk_full = 100000};
	const struct sim_faults none = {0};
	unsigned failed = 0, new = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct rig g;
		char buf[16] = {0};
		rig_open(&g, seed, 4096, 0);
		assert_int_equal(file_store(g.node, "/record", "old", 3, 0600), 0);
		sim_set_faults(g.sim, &faults);
		int res = file_store(g.node, "/record", "new", 3, 0600);
		sim_set_faults(g.sim, &none);
		assert_int_equal(file_load(g.node, "/record", buf, sizeof(buf)), 3);
		failed += res < 0;
		new += res < 0 && !strcmp(buf, "new");
		assert_string_equal(res == 0 || !strcmp(buf, "new") ? "new" : "old", buf);
		rig_close(&g);
	}
	assert_true(failed > 20 && new > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_write_leaves_a_mixture),
		cmocka_unit_test(full_disk_takes_nothing),
		cmocka_unit_test(short_transfers_move_what_they_say),
		cmocka_unit_test(hanging_disk_holds_its_operations),
		cmocka_unit_test(disk_that_is_gone_says_so),
		cmocka_unit_test(late_write_of_a_dead_process),
		cmocka_unit_test(cancelled_write_did_not_happen),
		cmocka_unit_test(locks_exclude_each_other),
		cmocka_unit_test(block_device_has_an_end),
		cmocka_unit_test(sparse_files_know_their_holes),
		cmocka_unit_test(power_cut_brings_punched_data_back_whole),
		cmocka_unit_test(truncation_drops_the_rest),
		cmocka_unit_test(attributes_and_records),
		cmocka_unit_test(failing_store_leaves_one_record_or_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
