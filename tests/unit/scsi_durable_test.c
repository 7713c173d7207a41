/* SPDX-License-Identifier: BSD-2-Clause */
/* What "durable" promises each nexus: losses, failed flushes, a cache that is turned off. */
#include "scsi_hold.h"

#define SYNC_CACHE       0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define SYNC_CACHE_IMMED 0x35, 2, 0, 0, 0, 0, 0, 0, 0, 0
#define READ_FUA         0x28, 8, 0, 0, 0, 0, 0, 0, 1, 0
#define WRITE_FUA        0x2a, 8, 0, 0, 0, 0, 0, 0, 1, 0
#define STOP             0x1b, 0, 0, 0, 0, 0
#define WRITE_ERROR      0x030c00

static const uint8_t zeroes[BLOCK], ones[BLOCK] = {1, 1};

/* A command without data, or with a block of it. */
static void expect(struct hold *h, struct scsi_nexus *n, const uint8_t *cdb, size_t len,
		   uint32_t sense)
{
	static const uint8_t block[BLOCK] = {7};

	cmd_expect(cmd_run(h, n, cdb, len, block, BLOCK), sense);
}

/* --- a device that came back without what was written to it */

static void a_loss_is_told_to_each_nexus(void **state)
{
	struct hold *h = *state;

	h->bs.lost_generation++;
	/* None of these takes it from the others, nor from their own nexus. */
	expect(h, h->a, CDB(SYNC_CACHE_IMMED), 0);
	expect(h, h->a, CDB(READ_FUA), 0);
	expect(h, h->a, CDB(WRITE10(0, 1)), 0);
	expect(h, h->a, CDB(0x2f, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0);
	h->log_count = 0;
	expect(h, h->b, CDB(WRITE_FUA), WRITE_ERROR);
	assert_int_equal(h->log_count, 0);
	expect(h, h->b, CDB(WRITE_FUA), 0);
	expect(h, h->a, CDB(SYNC_CACHE), WRITE_ERROR);
	expect(h, h->a, CDB(SYNC_CACHE), 0);
	expect(h, h->b, CDB(SYNC_CACHE), 0);
	h->bs.lost_generation++;
	expect(h, h->b, CDB(SYNC_CACHE), WRITE_ERROR);
	expect(h, h->a, CDB(STOP), WRITE_ERROR);
	expect(h, h->a, CDB(STOP), 0);
}

static void a_new_nexus_has_lost_nothing(void **state)
{
	struct hold *h = *state;
	struct scsi_nexus *c;

	h->bs.lost_generation++;
	c = hold_nexus(h, "c");
	hold_ready(h, c);
	expect(h, c, CDB(SYNC_CACHE), 0);
	scsi_nexus_free(c);
}

/* --- the cache is turned off */

static const uint8_t wce_off[24] = {0, 0, 0, 0, 0x08, 0x12};

static struct cmd *turn_cache_off(struct hold *h, struct scsi_nexus *n)
{
	return cmd_go(h, n, CDB(0x15, 0x10, 0, 0, 24, 0), wce_off, sizeof(wce_off));
}

static bool caches(const struct hold *h)
{
	return h->lu->mode.current.caching[2] & 0x04;
}

/* What is at the store when the cache goes is durable before it is GOOD, or it is not GOOD. */
static void writes_outlive_the_cache(void **state)
{
	static const uint8_t unmap_list[24] = {0, 22, 0, 16, 0, 0, 0, 0, 0, 0,
					       0, 0,  0, 0,  0, 0, 0, 0, 0, 1};
	static const struct {
		uint8_t cdb[10];
		enum bs_op op;
		const void *out;
		uint32_t len;
	} cases[] = {
		{{WRITE10(0, 1)}, BS_WRITE, ones, BLOCK},
		{{0x41, 0, 0, 0, 0, 0, 0, 0, 8, 0}, BS_WRITE, ones, BLOCK},
		{{0x41, 0, 0, 0, 0, 0, 0, 0, 8, 0}, BS_ZERO, zeroes, BLOCK},
		{{0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}, BS_UNMAP, unmap_list, 24},
	};
	struct hold *h = *state;

	h->holding = true;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const typeof(cases[0]) *k = &cases[i / 2];
		struct cmd *write = cmd_go(h, h->a, k->cdb, 10, k->out, k->len), *select;

		select = turn_cache_off(h, h->a);
		assert_int_equal(h->log[h->log_count - 2].op, k->op);
		assert_false(h->log[h->log_count - 2].fua);
		hold_answer(h, 0); /* the write */
		hold_answer(h, 0); /* the flush of MODE SELECT */
		cmd_expect(select, 0);
		assert_false(write->done);
		assert_int_equal(hold_pending(h), 1);
		assert_int_equal(h->log[h->log_count - 1].op, BS_FLUSH);
		hold_answer(h, i % 2 ? -EIO : 0);
		cmd_expect(write, i % 2 ? WRITE_ERROR : 0);
		assert_int_equal(hold_pending(h), 0);
		h->lu->mode.current.caching[2] |= 0x04;
	}
}

/* Until it is empty nothing more gets into it, and nobody is told that it is off. */
static void the_cache_is_empty_when_it_is_off(void **state)
{
	struct hold *h = *state;
	struct cmd *select, *write;

	h->holding = true;
	select = turn_cache_off(h, h->a);
	assert_true(caches(h));
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
	write = cmd_go(h, h->b, CDB(WRITE10(0, 1)), zeroes, BLOCK);
	expect_log(h, 1, BS_WRITE, true, 0, 1);
	hold_answer(h, 0);
	cmd_expect(select, 0);
	assert_false(caches(h));
	hold_answer(h, 0);
	cmd_expect(write, 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062a01);
}

static void a_cache_that_cannot_be_emptied_stays(void **state)
{
	struct hold *h = *state;
	struct cmd *select;

	h->holding = true;
	select = turn_cache_off(h, h->a);
	hold_answer(h, -EIO);
	cmd_expect(select, WRITE_ERROR);
	assert_true(caches(h));
	h->holding = false;
	expect(h, h->b, CDB(TUR), 0);
	expect(h, h->b, CDB(WRITE10(0, 1)), 0);
	expect_log(h, 1, BS_WRITE, false, 0, 1);
}

/* Two at a time, of which one changes another page and one is aborted. */
static void pages_change_while_the_cache_is_emptied(void **state)
{
	static const uint8_t no_tas[16] = {0, 0, 0, 0, 0x0a, 0x0a, 0x02, 0x10,
					   0, 0, 0, 0, 0xff, 0xff, 0,    0};
	struct hold *h = *state;
	struct cmd *first, *second;

	h->holding = true;
	first = turn_cache_off(h, h->a);
	second = turn_cache_off(h, h->b);
	scsi_abort(&first->io, SCSI_GOOD);
	expect(h, h->b, CDB(TUR), 0);
	cmd_expect(cmd_run(h, h->b, CDB(0x15, 0x10, 0, 0, 16, 0), no_tas, 16), 0);
	hold_answer(h, 0);
	assert_true(caches(h) && h->lu->write_through == 1);
	hold_answer(h, 0);
	assert_false(caches(h) || scsi_mode_tas(&h->lu->mode));
	assert_int_equal(h->lu->write_through, 0);
	cmd_expect(second, 0);
	cmd_free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(a_loss_is_told_to_each_nexus),
		HOLD_TEST(a_new_nexus_has_lost_nothing),
		HOLD_TEST(writes_outlive_the_cache),
		HOLD_TEST(the_cache_is_empty_when_it_is_off),
		HOLD_TEST(a_cache_that_cannot_be_emptied_stays),
		HOLD_TEST(pages_change_while_the_cache_is_emptied),
	};
	return cmocka_run_group_tests_name("scsi_durable", tests, NULL, NULL);
}
