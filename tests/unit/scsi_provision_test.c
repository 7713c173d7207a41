/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands of logical block provisioning: WRITE SAME, UNMAP, GET LBA STATUS. */
#include "scsi_hold.h"

/* --- WRITE SAME */

static void write_same_pattern(void **state)
{
	static const uint8_t cdbs[][16] = {
		{0x41, 0, 0, 0, 0, 5, 0, 0x10, 1},
		{0x93, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0x10, 1},
	};
	struct hold *h = *state;
	uint8_t *p = pattern(BLOCK), zero[BLOCK] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++) {
		memset(h->mem, 0, h->size);
		h->log_count = 0;
		cmd_expect(cmd_run(h, h->a, cdbs[i], 16, p, BLOCK), 0);
		expect_log(h, 0, BS_WRITE, false, 5, 2048);
		expect_log(h, 1, BS_WRITE, false, 2053, 2048);
		expect_log(h, 2, BS_WRITE, false, 4101, 1);
		assert_int_equal(h->log_count, 3);
		for (uint64_t b = 5; b < 5 + 0x1001; b++)
			assert_memory_equal(h->mem + b * BLOCK, p, BLOCK);
		assert_memory_equal(h->mem + 4 * BLOCK, zero, BLOCK);
		assert_memory_equal(h->mem + (5 + 0x1001) * BLOCK, zero, BLOCK);
	}
	free(p);
}

/* Zeroes, with and without UNMAP, with and without a data block. */
static void write_same_zeroes(void **state)
{
	struct hold *h = *state;
	uint8_t zero[BLOCK] = {0}, *p = pattern(BLOCK);

	for (uint8_t flags = 0; flags < 16; flags++) {
		uint8_t cdb[16] = {0x93, flags, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0x10, 0};

		if (flags & 6)
			continue;
		fill(h);
		h->log_count = 0;
		cmd_expect(cmd_run(h, h->a, cdb, 16, zero, flags & 1 ? 0 : BLOCK), 0);
		expect_log(h, 0, flags & 8 ? BS_UNMAP : BS_ZERO, false, 5, 4096);
		assert_int_equal(h->log_count, 1);
	}
	/* UNMAP does not take what is to be read afterwards. */
	h->log_count = 0;
	cmd_expect(cmd_run(h, h->a, CDB(0x41, 8, 0, 0, 0, 5, 0, 0, 2, 0), p, BLOCK), 0);
	expect_log(h, 0, BS_WRITE, false, 5, 2);
	free(p);
}

static void write_same_refused(void **state)
{
	struct hold *h = *state;
	uint8_t zero[BLOCK] = {0};
	uint8_t cdb[16] = {0x93, 0, 0, 0, 0, 0, 0, 0, 0, 5};
	struct cmd *c;

	/* WSNZ */
	c = cmd_run(h, h->a, cdb, 16, zero, BLOCK);
	assert_int_equal(cmd_sense(c), 0x052400);
	assert_int_equal(cmd_field(c), 0xc0000a);
	cmd_free(c);
	put_be32(cdb + 10, SCSI_WRITE_SAME_MAX / BLOCK + 1);
	cmd_expect(cmd_run(h, h->a, cdb, 16, zero, BLOCK), 0x052400);
	/* ANCHOR; no block to write */
	c = cmd_run(h, h->a, CDB(0x41, 0x18, 0, 0, 0, 5, 0, 0, 2, 0), zero, BLOCK);
	assert_int_equal(cmd_field(c), 0xcc0001);
	cmd_expect(c, 0x052400);
	cmd_expect(cmd_run(h, h->a, CDB(0x41, 0, 0, 0, 0, 5, 0, 0, 2, 0), zero, BLOCK - 1),
		   0x0b4b00);
	atomic_store(&h->lu->features,
		     SCSI_HAS_ALL & ~(unsigned)(SCSI_HAS_UNMAP | SCSI_HAS_UNMAP_SAME));
	c = cmd_run(h, h->a, CDB(0x41, 0x08, 0, 0, 0, 5, 0, 0, 2, 0), zero, BLOCK);
	assert_int_equal(cmd_field(c), 0xcb0001);
	cmd_expect(c, 0x052400);
	assert_int_equal(h->log_count, 0);
}

/* --- UNMAP */

struct range {
	uint64_t lba;
	uint32_t blocks;
};

static uint32_t unmap_list(uint8_t *list, const struct range *r, size_t n)
{
	memset(list, 0, 8 + 16 * n);
	put_be16(list, (uint16_t)(6 + 16 * n));
	put_be16(list + 2, (uint16_t)(16 * n));
	for (size_t i = 0; i < n; i++) {
		put_be64(list + 8 + 16 * i, r[i].lba);
		put_be32(list + 16 + 16 * i, r[i].blocks);
	}
	return (uint32_t)(8 + 16 * n);
}

static struct cmd *unmap(struct hold *h, const uint8_t *list, uint32_t len)
{
	return cmd_run(h, h->a, CDB(0x42, 0, 0, 0, 0, 0, 0, len >> 8, len & 0xff, 0), list, len);
}

static void unmap_ranges(void **state)
{
	static const struct range r[] = {{5, 3}, {100, 0}, {HOLD_BLOCKS - 1, 1}, {HOLD_BLOCKS, 0}};
	struct hold *h = *state;
	uint8_t list[256];

	fill(h);
	cmd_expect(unmap(h, list, unmap_list(list, r, ARRAY_SIZE(r))), 0);
	expect_log(h, 0, BS_UNMAP, false, 5, 3);
	expect_log(h, 1, BS_UNMAP, false, HOLD_BLOCKS - 1, 1);
	assert_int_equal(h->log_count, 2);
}

/* One wrong range, and none is touched. */
static void unmap_judges_all_first(void **state)
{
	static const struct range bad[] = {{HOLD_BLOCKS - 1, 2}, {HOLD_BLOCKS + 1, 0},
					   {UINT64_MAX, 2},      {UINT64_MAX, UINT32_MAX},
					   {0, HOLD_BLOCKS + 1}, {UINT64_MAX - 1, UINT32_MAX}};
	struct hold *h = *state;
	uint8_t list[256];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct range r[] = {{5, 3}, {9, 1}, bad[i]};

		cmd_expect(unmap(h, list, unmap_list(list, r, ARRAY_SIZE(r))), 0x052100);
	}
	assert_int_equal(h->log_count, 0);
}

static void unmap_list_lengths(void **state)
{
	struct hold *h = *state;
	struct range r[SCSI_UNMAP_RANGES + 1];
	uint8_t list[8 + 16 * ARRAY_SIZE(r)] = {0};
	uint32_t len;
	struct cmd *c;

	for (size_t i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = (struct range){i, 1};
	cmd_expect(unmap(h, list, 0), 0);
	len = unmap_list(list, r, 2);
	for (uint32_t n = 1; n < len; n++)
		cmd_expect(unmap(h, list, n), 0x051a00);
	/* The descriptors' length is believed, the rest of the list is not there. */
	put_be16(list + 2, 16 + 15);
	cmd_expect(unmap(h, list, len), 0);
	assert_int_equal(h->log_count, 1);
	put_be16(list + 2, 0);
	cmd_expect(unmap(h, list, len), 0);
	put_be16(list + 2, 0xffff);
	cmd_expect(unmap(h, list, len), 0x051a00);
	assert_int_equal(h->log_count, 1);
	/* The list came short of what the CDB says. */
	len = unmap_list(list, r, 2);
	cmd_expect(cmd_run(h, h->a, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, len, 0), list, len - 1),
		   0x051a00);
	assert_int_equal(h->log_count, 1);

	cmd_expect(unmap(h, list, unmap_list(list, r, SCSI_UNMAP_RANGES)), 0);
	assert_int_equal(h->log_count, 1 + SCSI_UNMAP_RANGES);
	c = unmap(h, list, unmap_list(list, r, SCSI_UNMAP_RANGES + 1));
	assert_int_equal(cmd_field(c), 0x800002);
	cmd_expect(c, 0x052600);
	assert_int_equal(h->log_count, 1 + SCSI_UNMAP_RANGES);
}

/* MAXIMUM UNMAP LBA COUNT is for all descriptors together. */
static void unmap_of_too_much(void **state)
{
	enum { MOST = SCSI_UNMAP_MAX / BLOCK };
	static const struct range r[] = {{0, MOST - 1}, {MOST, 1}, {5, 1}};
	struct hold *h = *state;
	uint8_t list[256];
	struct cmd *c;

	h->size = (uint64_t)(MOST + 1) * BLOCK;
	assert_int_equal(scsi_lu_resized(h->lu, h->size, true), 0);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062a09);
	h->fail[BS_UNMAP] = -EIO; /* it goes as far as the store */
	cmd_expect(unmap(h, list, unmap_list(list, r, 2)), 0x030c00);
	assert_int_equal(h->log_count, 1);
	c = unmap(h, list, unmap_list(list, r, 3));
	assert_int_equal(cmd_field(c), 0x800000 | (8 + 2 * 16 + 8));
	cmd_expect(c, 0x052600);
	assert_int_equal(h->log_count, 1);
}

static void unmap_error(void **state)
{
	static const struct range r[] = {{5, 3}, {100, 1}, {200, 1}};
	struct hold *h = *state;
	uint8_t list[256];
	struct cmd *c;

	h->holding = true;
	c = cmd_go(h, h->a, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0), list,
		   unmap_list(list, r, ARRAY_SIZE(r)));
	hold_answer(h, 0);
	hold_answer(h, -EIO);
	assert_int_equal(cmd_sense(c), 0x030c00);
	assert_int_equal(cmd_info(c), 100);
	cmd_free(c);
	assert_int_equal(h->log_count, 2);
}

static void unmap_when_not_thin(void **state)
{
	struct hold *h = *state;

	atomic_store(&h->lu->features,
		     SCSI_HAS_ALL & ~(unsigned)(SCSI_HAS_UNMAP | SCSI_HAS_UNMAP_SAME));
	cmd_expect(cmd_run(h, h->a, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0), NULL, 0), 0x052000);
}

/* --- GET LBA STATUS */

static struct cmd *get_status(struct hold *h, uint64_t lba, uint32_t alloc)
{
	uint8_t cdb[16] = {0x9e, 0x12};

	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, alloc);
	return cmd_run(h, h->a, cdb, 16, NULL, 0);
}

static void expect_status(const struct cmd *c, unsigned i, uint64_t lba, uint32_t blocks,
			  uint8_t what)
{
	const uint8_t *d = c->data + 8 + 16 * i;

	assert_int_equal(get_be64(d), lba);
	assert_int_equal(get_be32(d + 8), blocks);
	assert_int_equal(d[12], what);
}

static void lba_status(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	/* Chunks of 128 blocks; 1 and 2 are there. */
	h->mem[130 * BLOCK] = 1;
	h->mem[300 * BLOCK] = 1;
	c = get_status(h, 10, 4096);
	assert_int_equal(c->io.in_len, 8 + 3 * 16);
	assert_int_equal(get_be32(c->data), 4 + 3 * 16);
	expect_status(c, 0, 10, 118, 1);
	expect_status(c, 1, 128, 256, 0);
	expect_status(c, 2, 384, HOLD_BLOCKS - 384, 1);
	cmd_expect(c, 0);

	/* The length says what there is, whatever fits. */
	c = get_status(h, 10, 24);
	assert_int_equal(c->io.in_len, 24);
	assert_int_equal(get_be32(c->data), 4 + 3 * 16);
	cmd_expect(c, 0);
	cmd_expect(get_status(h, HOLD_BLOCKS, 4096), 0x052100);
	cmd_expect(get_status(h, UINT64_MAX, 4096), 0x052100);
	c = get_status(h, HOLD_BLOCKS - 1, 4096);
	expect_status(c, 0, HOLD_BLOCKS - 1, 1, 1);
	cmd_expect(c, 0);
}

/* More extents than there is room to tell of. */
static void lba_status_of_many(void **state)
{
	enum { MOST = (SCSI_REPLY_MAX - 8) / 16 };
	struct hold *h = *state;
	struct cmd *c;

	h->chunk = 8 * BLOCK;
	for (uint64_t at = 0; at < h->size; at += 2 * h->chunk)
		h->mem[at] = 1;
	c = get_status(h, 0, UINT32_MAX);
	assert_int_equal(c->io.in_len, 8 + 16 * MOST);
	assert_int_equal(get_be32(c->data), 4 + 16 * MOST);
	for (unsigned i = 0; i < MOST; i++)
		expect_status(c, i, 8 * i, 8, i % 2);
	cmd_expect(c, 0);
}

/* --- 4096 byte blocks */

/* A block of which the store has a part is mapped. */
static void lba_status_of_parts(void **state)
{
	struct scsi_lu_config config = {.block_size = 4096};
	struct hold *h = hold_open();
	void *end = h;
	struct cmd *c;

	hold_start(h, &config);
	h->chunk = 512;
	c = get_status(h, 0, 4096);
	expect_status(c, 0, 0, HOLD_BLOCKS / 8, 0);
	cmd_expect(c, 0);
	/* Holes but for bytes 18432 to 23039; of the first ten blocks 0, 8 and 9 are wholly within one. */
	h->chunk = 4096 + 512;
	h->mem[4 * h->chunk] = 1;
	c = get_status(h, 0, 4096);
	expect_status(c, 0, 0, 1, 1);
	expect_status(c, 1, 1, 7, 0);
	expect_status(c, 2, 8, 2, 1);
	cmd_expect(c, 0);
	hold_teardown(&end);
}

/* The store answers at once, however many steps: the stack does not grow with them. */
static void many_steps(void **state)
{
	struct hold *h = *state;
	uint8_t *list = malloc(8 + 16 * SCSI_UNMAP_RANGES);
	struct range r[SCSI_UNMAP_RANGES];

	for (size_t i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = (struct range){i * 2, 1};
	cmd_expect(unmap(h, list, unmap_list(list, r, ARRAY_SIZE(r))), 0);
	assert_int_equal(h->log_count, SCSI_UNMAP_RANGES);
	assert_int_equal(h->lu->depth, 0);
	assert_true(h->max_depth > 1 && h->max_depth < 32);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(write_same_pattern),
		HOLD_TEST(write_same_zeroes),
		HOLD_TEST(write_same_refused),
		HOLD_TEST(unmap_ranges),
		HOLD_TEST(unmap_judges_all_first),
		HOLD_TEST(unmap_list_lengths),
		HOLD_TEST(unmap_of_too_much),
		HOLD_TEST(unmap_error),
		HOLD_TEST(unmap_when_not_thin),
		HOLD_TEST(lba_status),
		HOLD_TEST(lba_status_of_many),
		cmocka_unit_test(lba_status_of_parts),
		HOLD_TEST(many_steps),
	};
	return cmocka_run_group_tests_name("scsi_provision", tests, NULL, NULL);
}
