/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to backstores on real files, on memory, and on a loop device where one can be had. */
#include "backstore_rig.h"

/* --- against a model: what was written is what is read */

enum { MODEL_SIZE = 4 * 1048576, MODEL_STEPS = 600 };

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void model_step(struct rig *rig, uint8_t *model, uint8_t *buf, uint32_t *x)
{
	static const enum bs_op ops[] = {BS_READ,  BS_READ, BS_WRITE, BS_WRITE,
					 BS_WRITE, BS_ZERO, BS_UNMAP, BS_FLUSH};
	enum bs_op op = ops[next_random(x) % ARRAY_SIZE(ops)];
	uint32_t unit = MAX(rig->bs->block_size, 512);
	size_t len = (next_random(x) % (300 * 1024) / unit + 1) * unit;
	size_t at = next_random(x) % ((MODEL_SIZE - len) / unit + 1) * unit;
	bool fua = next_random(x) % 8 == 0;
	if (op == BS_WRITE) {
		for (size_t i = 0; i < len; i += 4)
			memcpy(buf + i, &(uint32_t){next_random(x)}, 4);
		memcpy(model + at, buf, len);
	} else if (op == BS_ZERO || op == BS_UNMAP) {
		memset(model + at, 0, len);
	} else if (op == BS_READ) {
		memset(buf, 0xee, len);
	}
	assert_int_equal(do_io(rig, op, fua, at, len, buf), 0);
	if (op == BS_READ)
		assert_memory_equal(buf, model + at, len);
}

static void check_model(struct rig *rig, uint32_t seed)
{
	uint8_t *model = calloc(1, MODEL_SIZE);
	uint8_t *buf = aligned_alloc(4096, MODEL_SIZE);
	assert_non_null(model);
	assert_non_null(buf);
	for (int i = 0; i < MODEL_STEPS; i++)
		model_step(rig, model, buf, &seed);
	assert_int_equal(do_io(rig, BS_READ, false, 0, MODEL_SIZE, buf), 0);
	assert_memory_equal(buf, model, MODEL_SIZE);
	assert_int_equal(rig->bs->inflight, 0);
	free(model);
	free(buf);
}

static void memory_holds_what_was_written(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(bs_open_memory(&rig->bs, rig->r, MODEL_SIZE, rig->why, sizeof(rig->why)),
			 0);
	check_model(rig, 1);
}

static void a_file_holds_what_was_written(void **state)
{
	struct rig *rig = *state;
	open_new(rig, MODEL_SIZE);
	check_model(rig, 2);
}

static void a_file_around_the_page_cache_holds_what_was_written(void **state)
{
	struct rig *rig = *state;
	struct bs_file_options opt = {.create_size = MODEL_SIZE, .direct = true};
	int err = open_with(rig, &opt);
	if (err == -EINVAL) {
		cannot("O_DIRECT");
		return;
	}
	assert_int_equal(err, 0);
	assert_true(rig->bs->block_size >= 512 && rig->bs->buf_align >= 512);
	check_model(rig, 3);
}

/* Makes rig->path a loop device on a file with blocks of this size. */
static bool have_loop(struct rig *rig, unsigned block_size)
{
	char command[256];
	make_file(rig, MODEL_SIZE, 0, "", 0);
	snprintf(command, sizeof(command), "losetup -f --show -b %u %s 2>/dev/null", block_size,
		 rig->path);
	FILE *f = popen(command, "r");
	if (f && fgets(rig->loop, sizeof(rig->loop), f))
		rig->loop[strcspn(rig->loop, "\n")] = 0;
	if (f)
		pclose(f);
	if (!rig->loop[0] || access(rig->loop, R_OK | W_OK)) {
		cannot("loop devices");
		return false;
	}
	snprintf(rig->path, sizeof(rig->path), "%s", rig->loop);
	return true;
}

static void a_device_holds_what_was_written(void **state)
{
	struct rig *rig = *state;
	if (!have_loop(rig, 512))
		return;
	assert_int_equal(open_with(rig, &(struct bs_file_options){0}), 0);
	assert_string_equal(rig->bs->ops->kind, "block");
	assert_int_equal(rig->bs->size, MODEL_SIZE);
	check_model(rig, 4);
	close_store(rig);
	assert_int_equal(open_with(rig, &(struct bs_file_options){.direct = true}), 0);
	assert_int_equal(rig->bs->block_size, 512);
}

static void a_device_of_4096_takes_edges_that_are_not(void **state)
{
	struct rig *rig = *state;
	if (!have_loop(rig, 4096))
		return;
	assert_int_equal(open_with(rig, &(struct bs_file_options){0}), 0);
	check_model(rig, 5);
	close_store(rig);
	assert_int_equal(open_with(rig, &(struct bs_file_options){.direct = true}), 0);
	assert_int_equal(rig->bs->block_size, 4096);
}

static void a_device_is_claimed(void **state)
{
	struct rig *rig = *state;
	struct backstore *second;
	struct bs_file_options opt = {0};
	if (!have_loop(rig, 512))
		return;
	assert_int_equal(open_with(rig, &opt), 0);
	assert_int_equal(bs_open_path(&second, rig->r, rig->path, &opt, rig->why, sizeof(rig->why)),
			 -EBUSY);
	assert_non_null(strstr(rig->why, "in use"));
	assert_null(second);
}

static void the_identity_of_a_device_is_kept_by_its_path(void **state)
{
	struct rig *rig = *state;
	uint8_t first[16], second[16];
	if (!have_loop(rig, 512))
		return;
	assert_int_equal(open_with(rig, &(struct bs_file_options){0}), 0);
	assert_int_equal(bs_identity(rig->bs, rig->state, first, rig->why, sizeof(rig->why)), 0);
	reopen(rig);
	assert_int_equal(bs_identity(rig->bs, rig->state, second, rig->why, sizeof(rig->why)), 0);
	assert_memory_equal(first, second, 16);
	reopen(rig);
	assert_int_not_equal(bs_identity(rig->bs, "", second, rig->why, sizeof(rig->why)), 0);
	assert_non_null(strstr(rig->why, rig->path));
}

/* tmpfs knows holes and not zeroed ranges. */
static void what_cannot_be_zeroed_is_written(void **state)
{
	struct rig *rig = *state;
	snprintf(rig->path, sizeof(rig->path), "/dev/shm/lunar-bs.%d", (int)getpid());
	struct bs_file_options opt = {.create_size = MODEL_SIZE};
	if (open_with(rig, &opt)) {
		cannot("a file in /dev/shm");
		return;
	}
	unlink(rig->path);
	check_model(rig, 6);
}

/* --- memory */

static uint64_t resident(void)
{
	unsigned long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void a_large_memory_disk_costs_nothing(void **state)
{
	struct rig *rig = *state;
	uint64_t size = 100 * 1024 * MIB, before = resident();
	char buf[4096];
	assert_int_equal(bs_open_memory(&rig->bs, rig->r, size, rig->why, sizeof(rig->why)), 0);
	assert_int_equal(do_io(rig, BS_WRITE, false, size - 4096, 4096, memset(buf, 7, 4096)), 0);
	assert_int_equal(do_io(rig, BS_READ, false, size / 2, 4096, buf), 0);
	assert_int_equal(buf[0] | buf[4095], 0);
	assert_int_equal(do_io(rig, BS_READ, false, size - 4096, 4096, buf), 0);
	assert_int_equal(buf[0] & buf[4095], 7);
	assert_true(resident() - before < 8 * MIB);
}

static void memory_tells_what_is_mapped(void **state)
{
	struct rig *rig = *state;
	char buf[512] = "x";
	bool mapped;
	uint64_t len, unit;
	assert_int_equal(
		bs_open_memory(&rig->bs, rig->r, 8 * MIB + 512, rig->why, sizeof(rig->why)), 0);
	unit = rig->bs->unmap_granularity;
	assert_int_equal(bs_extent(rig->bs, 0, &mapped, &len), 0);
	assert_false(mapped);
	assert_int_equal(len, 8 * MIB + 512);
	assert_int_equal(do_io(rig, BS_WRITE, false, 2 * unit + 512, 512, buf), 0);
	assert_int_equal(bs_extent(rig->bs, 512, &mapped, &len), 0);
	assert_false(mapped);
	assert_int_equal(len, 2 * unit - 512);
	assert_int_equal(bs_extent(rig->bs, 2 * unit, &mapped, &len), 0);
	assert_true(mapped);
	assert_int_equal(len, unit);
	/* A part of a chunk is cleared, the whole of it is given back. */
	assert_int_equal(do_io(rig, BS_UNMAP, false, 2 * unit, unit - 512, NULL), 0);
	assert_int_equal(bs_extent(rig->bs, 2 * unit, &mapped, &len), 0);
	assert_true(mapped);
	assert_int_equal(do_io(rig, BS_UNMAP, false, unit, 3 * unit, NULL), 0);
	assert_int_equal(bs_extent(rig->bs, 2 * unit, &mapped, &len), 0);
	assert_false(mapped);
}

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

static void lent_done(struct bs_io *io, int err)
{
	assert_int_equal(err, 0);
}

/* It is said at the start, not when the disk is half full. */
static void memory_that_is_not_to_be_had(void **state)
{
#ifdef HAVE_ASAN
	cannot("a limit of memory, under AddressSanitizer");
	return;
#endif
	struct rig *rig = *state;
	struct rlimit old, tight;
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	tight = (struct rlimit){pages * (uint64_t)sysconf(_SC_PAGESIZE) + 64 * MIB, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
	int err = bs_open_memory(&rig->bs, rig->r, 1024 * MIB, rig->why, sizeof(rig->why));
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(err, -ENOMEM);
	assert_non_null(strstr(rig->why, "no memory for a disk of 1073741824 bytes"));
}

/* What was read is where it was, for who may have it so. */
static void memory_lends_what_is_read(void **state)
{
	struct rig *rig = *state;
	uint8_t buf[4096], other[4096];
	memset(buf, 0x5a, sizeof(buf));
	memset(other, 0xee, sizeof(other));
	assert_int_equal(bs_open_memory(&rig->bs, rig->r, MIB, rig->why, sizeof(rig->why)), 0);
	assert_int_equal(do_io(rig, BS_WRITE, false, 8192, sizeof(buf), buf), 0);
	struct bs_io io = {.op = BS_READ,
			   .may_lend = true,
			   .offset = 8192,
			   .length = sizeof(buf),
			   .buf = other,
			   .done = lent_done};
	bs_submit(rig->bs, &io);
	assert_non_null(io.lent);
	assert_memory_equal(io.lent, buf, sizeof(buf));
	assert_int_equal(other[0], 0xee);
	assert_int_equal(do_io(rig, BS_READ, false, 8192, sizeof(other), other), 0);
	assert_memory_equal(other, buf, sizeof(buf));
	/* Unmapped, it is still there, and zeroes. */
	assert_int_equal(do_io(rig, BS_UNMAP, false, 0, MIB, NULL), 0);
	assert_int_equal(*(const uint8_t *)io.lent, 0);
}

static void memory_of_odd_size_is_refused(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(bs_open_memory(&rig->bs, rig->r, 1000, rig->why, sizeof(rig->why)),
			 -EINVAL);
	assert_non_null(strstr(rig->why, "512"));
	assert_int_equal(bs_open_memory(&rig->bs, rig->r, 0, rig->why, sizeof(rig->why)), -EINVAL);
}

/* --- space and size */

static void unmap_gives_space_back_and_zero_does_not(void **state)
{
	struct rig *rig = *state;
	uint8_t *buf = aligned_alloc(4096, MIB);
	bool mapped;
	uint64_t len;
	open_new(rig, 8 * MIB);
	assert_int_equal(do_io(rig, BS_WRITE, true, 2 * MIB, MIB, memset(buf, 0xa5, MIB)), 0);
	uint64_t used = blocks_used(rig);
	assert_true(used >= MIB);
	assert_int_equal(bs_extent(rig->bs, 0, &mapped, &len), 0);
	if (!mapped) { /* where the file system knows its holes */
		assert_int_equal(len, 2 * MIB);
		assert_int_equal(bs_extent(rig->bs, 2 * MIB, &mapped, &len), 0);
		assert_true(mapped);
		assert_int_equal(len, MIB);
		assert_int_equal(bs_extent(rig->bs, 3 * MIB + 512, &mapped, &len), 0);
		assert_false(mapped);
		assert_int_equal(len, 5 * MIB - 512);
	}
	assert_int_equal(do_io(rig, BS_ZERO, true, 2 * MIB, MIB / 2, NULL), 0);
	assert_true(blocks_used(rig) >= used);
	assert_int_equal(do_io(rig, BS_UNMAP, true, 2 * MIB, MIB, NULL), 0);
	if (rig->bs->unmap_granularity)
		assert_true(blocks_used(rig) <= used - MIB);
	assert_int_equal(do_io(rig, BS_READ, false, 2 * MIB, MIB, buf), 0);
	for (size_t i = 0; i < MIB; i++)
		assert_int_equal(buf[i], 0);
	free(buf);
}

static void a_file_cut_short_is_an_error(void **state)
{
	struct rig *rig = *state;
	char *buf = calloc(1, MIB);
	open_new(rig, 2 * MIB);
	assert_int_equal(truncate(rig->path, MIB + 4096), 0);
	assert_int_equal(do_io(rig, BS_READ, false, MIB, 8192, buf), -EIO);
	assert_int_equal(do_io(rig, BS_READ, false, MIB, 4096, buf), 0);
	assert_int_equal(bs_set_size(rig->bs, MIB + 4096), 0);
	assert_int_equal(rig->bs->size, MIB + 4096);
	assert_int_equal(truncate(rig->path, 3 * MIB + 100), 0);
	assert_int_equal(bs_set_size(rig->bs, 511), -ENODEV);
	assert_int_equal(bs_set_size(rig->bs, 3 * MIB + 100), 0);
	assert_int_equal(rig->bs->size, 3 * MIB);
	assert_int_equal(do_io(rig, BS_WRITE, true, 2 * MIB, MIB, buf), 0);
	free(buf);
}

static void many_requests_at_a_time(void **state)
{
	enum { COUNT = 64, LEN = 65536 };
	struct rig *rig = *state;
	struct request *q = calloc(COUNT, sizeof(*q));
	uint8_t *data = malloc((size_t)COUNT * LEN);
	open_new(rig, (uint64_t)COUNT * LEN);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < COUNT; i++) {
			q[i] = (struct request){.io = {.op = round ? BS_READ : BS_WRITE,
						       .offset = (uint64_t)i * LEN,
						       .length = LEN,
						       .buf = data + (size_t)i * LEN,
						       .done = request_done}};
			memset(q[i].io.buf, round ? 0 : i + 1, LEN);
			bs_submit(rig->bs, &q[i].io);
		}
		for (int i = 0; i < COUNT; i++) {
			wait_for(rig, &q[i].done);
			assert_int_equal(q[i].err, 0);
		}
	}
	for (size_t i = 0; i < (size_t)COUNT * LEN; i++)
		assert_int_equal(data[i], i / LEN + 1);
	free(q);
	free(data);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(memory_holds_what_was_written),
		CASE(a_file_holds_what_was_written),
		CASE(a_file_around_the_page_cache_holds_what_was_written),
		CASE(a_device_holds_what_was_written),
		CASE(a_device_of_4096_takes_edges_that_are_not),
		CASE(a_device_is_claimed),
		CASE(the_identity_of_a_device_is_kept_by_its_path),
		CASE(what_cannot_be_zeroed_is_written),
		CASE(a_large_memory_disk_costs_nothing),
		CASE(memory_tells_what_is_mapped),
		CASE(memory_that_is_not_to_be_had),
		CASE(memory_lends_what_is_read),
		CASE(memory_of_odd_size_is_refused),
		CASE(unmap_gives_space_back_and_zero_does_not),
		CASE(a_file_cut_short_is_an_error),
		CASE(many_requests_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
