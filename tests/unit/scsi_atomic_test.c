/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that have their range for themselves, and those who want something of it meanwhile. */
#include "scsi_tmf_rig.h"

#define COMPARE(flags, lba, n) \
	0x89, (flags), 0, 0, 0, 0, 0, 0, (lba) >> 8, (lba)&0xff, 0, 0, 0, (n), 0, 0

/* Data-Out of one block: what is compared, and what is written. */
static uint8_t zeroes_ones[2 * BLOCK], ones_twos[2 * BLOCK];

static struct cmd *swap(struct hold *h, struct scsi_nexus *n, const uint8_t *data, uint64_t tag)
{
	struct cmd *c = tagged(h, n, CDB(COMPARE(0, 9, 1)), tag);

	cmd_out(c, data, 2 * BLOCK);
	cmd_start(c);
	return c;
}

static int atomic_setup(void **state)
{
	tmf_setup(state);
	memset(zeroes_ones + BLOCK, 1, BLOCK);
	memset(ones_twos, 1, BLOCK);
	memset(ones_twos + BLOCK, 2, BLOCK);
	return 0;
}

static void answer_all(struct hold *h)
{
	h->holding = false;
	while (!list_empty(&h->pending))
		hold_answer(h, 0);
}

static void expect_block(struct hold *h, uint8_t with)
{
	for (size_t i = 0; i < BLOCK; i++)
		assert_int_equal(h->mem[9 * BLOCK + i], with);
	assert_int_equal(h->mem[9 * BLOCK - 1], 0);
	assert_int_equal(h->mem[10 * BLOCK], 0);
}

/* --- COMPARE AND WRITE by itself */

static void compares_and_writes(void **state)
{
	static const uint8_t flags[] = {0x00, 0x10, 0x08, 0x02, 0x18};
	struct hold *h = *state;

	h->holding = false;
	h->bs.buf_align = 4096; /* of a store that is as strict as any */
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		memset(h->mem, 0, h->size);
		cmd_expect(cmd_run(h, h->a, CDB(COMPARE(flags[i], 9, 1)), zeroes_ones, 2 * BLOCK),
			   0);
		expect_block(h, 1);
		expect_log(h, 2 * i, BS_READ, false, 9, 1);
		expect_log(h, 2 * i + 1, BS_WRITE, flags[i] & 0x0a, 9, 1);
	}
	assert_int_equal(scsi_lu_stats(h->lu)->writes, ARRAY_SIZE(flags));
	assert_int_equal(scsi_lu_stats(h->lu)->write_bytes, ARRAY_SIZE(flags) * BLOCK);
	/* Without a cache each is durable. */
	h->lu->mode.current.caching[2] &= ~0x04;
	h->log_count = 0;
	cmd_expect(cmd_run(h, h->a, CDB(COMPARE(0, 9, 1)), ones_twos, 2 * BLOCK), 0);
	expect_log(h, 1, BS_WRITE, true, 9, 1);
}

static void tells_where_it_differs(void **state)
{
	static const size_t wrong[] = {0, 1, 255, BLOCK - 1};
	struct hold *h = *state;
	uint8_t *p = pattern(2 * BLOCK);

	h->holding = false;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct cmd *c;

		memcpy(h->mem + 9 * BLOCK, p, BLOCK);
		h->mem[9 * BLOCK + wrong[i]] ^= 4;
		h->mem[9 * BLOCK + BLOCK - 1] ^= 4;
		h->log_count = 0;
		c = cmd_run(h, h->a, CDB(COMPARE(0, 9, 1)), p, 2 * BLOCK);
		if (wrong[i] == BLOCK - 1) { /* twice the same bit */
			cmd_expect(c, 0);
			continue;
		}
		assert_int_equal(cmd_sense(c), 0x0e1d00);
		assert_int_equal(cmd_info(c), wrong[i]);
		cmd_free(c);
		assert_int_equal(h->log_count, 1);
	}
	free(p);
}

static void nothing_is_no_error(void **state)
{
	struct hold *h = *state;
	struct cmd *c = cmd_new(h, h->a, CDB(COMPARE(0, 9, 0)));

	c->move_later = true;
	cmd_start(c);
	assert_false(c->moving);
	cmd_expect(c, 0);
	cmd_expect(cmd_run(h, h->a, CDB(COMPARE(0, HOLD_BLOCKS, 0)), NULL, 0), 0x052100);
	assert_int_equal(h->log_count, 0);
}

static void what_is_refused(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	h->holding = false;
	c = cmd_run(h, h->a, CDB(COMPARE(0, 9, SCSI_COMPARE_MAX + 1)), ones, sizeof(ones));
	assert_int_equal(cmd_sense(c), 0x052400);
	assert_int_equal(cmd_field(c), 0xc0000d);
	cmd_free(c);
	c = cmd_run(h, h->a, CDB(COMPARE(0x20, 9, 1)), zeroes_ones, 2 * BLOCK); /* WRPROTECT */
	assert_int_equal(cmd_sense(c), 0x052400);
	assert_int_equal(cmd_field(c), 0xcd0001);
	cmd_free(c);
	/* Less than both parts: nothing can be compared, or nothing is there to be written. */
	for (uint32_t got = 0; got < 2 * BLOCK; got += BLOCK / 2)
		cmd_expect(cmd_run(h, h->a, CDB(COMPARE(0, 9, 1)), zeroes_ones, got), 0x0b4b00);
	/* The initiator means more, or less, blocks than its CDB says. */
	for (uint32_t odd = BLOCK; odd <= 4 * BLOCK; odd += BLOCK) {
		if (odd == 2 * BLOCK)
			continue;
		c = cmd_new(h, h->a, CDB(COMPARE(0, 9, odd == 4 * BLOCK ? 0 : 1)));
		cmd_out(c, ones, odd);
		c->expected = odd;
		cmd_start(c);
		assert_int_equal(cmd_sense(c), 0x052400);
		assert_int_equal(cmd_field(c), 0xc0000d);
		cmd_free(c);
	}
	cmd_expect(cmd_run(h, h->a, CDB(COMPARE(0, HOLD_BLOCKS, 1)), zeroes_ones, 2 * BLOCK),
		   0x052100);
	h->lu->readonly = true;
	cmd_expect(cmd_run(h, h->a, CDB(COMPARE(0, 9, 1)), zeroes_ones, 2 * BLOCK), 0x072700);
	h->lu->readonly = false;
	h->lu->mode.current.control[4] |= 0x08;
	cmd_expect(cmd_run(h, h->a, CDB(COMPARE(0, 9, 1)), zeroes_ones, 2 * BLOCK), 0x072702);
	h->lu->mode.current.control[4] &= ~0x08;
	assert_int_equal(h->log_count, 0);
	expect_block(h, 0);
}

static void errors_of_the_store(void **state)
{
	static const struct {
		enum bs_op op;
		int err;
		uint32_t sense;
	} cases[] = {{BS_READ, -EIO, 0x031100},
		     {BS_WRITE, -EIO, 0x030c00},
		     {BS_WRITE, -ENOSPC, 0x072707}};
	struct hold *h = *state;

	h->holding = false;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		h->fail[cases[i].op] = cases[i].err;
		cmd_expect(swap(h, h->a, zeroes_ones, 1), cases[i].sense);
		h->fail[cases[i].op] = 0;
		assert_true(list_empty(&h->lu->ranges));
	}
	cmd_expect(swap(h, h->a, zeroes_ones, 1), 0);
}

/* --- ORWRITE */

#define ORWRITE(lba, n) \
	0x8b, 0x08, 0, 0, 0, 0, 0, 0, (lba) >> 8, (lba)&0xff, 0, 0, (n) >> 8, (n)&0xff, 0, 0

static void bits_are_added(void **state)
{
	struct hold *h = *state;
	size_t blocks = 2048 + 3, len = blocks * BLOCK;
	uint8_t *p = pattern(len);

	h->holding = false;
	for (size_t i = 0; i < h->size; i++)
		h->mem[i] = (uint8_t)(i * 3);
	cmd_expect(cmd_run(h, h->a, CDB(ORWRITE(9, blocks)), p, (uint32_t)len), 0);
	for (size_t i = 0; i < h->size; i++) {
		size_t at = i - 9 * BLOCK;
		uint8_t more = i >= 9 * BLOCK && at < len ? p[at] : 0;

		assert_int_equal(h->mem[i], (uint8_t)(i * 3) | more);
	}
	expect_log(h, 0, BS_READ, false, 9, 2048);
	expect_log(h, 1, BS_READ, false, 9 + 2048, 3);
	expect_log(h, 2, BS_WRITE, true, 9, blocks);
	/* Whole blocks that came are added. */
	memset(h->mem, 0x40, h->size);
	cmd_expect(cmd_run(h, h->a, CDB(ORWRITE(9, 2)), ones, BLOCK + 1), 0);
	assert_int_equal(h->mem[9 * BLOCK], 0x41);
	assert_int_equal(h->mem[10 * BLOCK], 0x40);
	cmd_expect(cmd_run(h, h->a, CDB(ORWRITE(9, 0)), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->a, CDB(ORWRITE(9, 1)), ones, BLOCK - 1), 0);
	free(p);
}

/* Of two each one's bits are there in the end. */
static void bits_of_two(void **state)
{
	struct hold *h = *state;
	struct cmd *one = cmd_go(h, h->a, CDB(ORWRITE(9, 1)), ones, BLOCK),
		   *two = cmd_go(h, h->b, CDB(ORWRITE(9, 1)), twos, BLOCK);

	assert_int_equal(hold_pending(h), 1);
	answer_all(h);
	cmd_expect(one, 0);
	cmd_expect(two, 0);
	expect_block(h, 3);
}

/* --- WRITE ATOMIC */

#define WRITE_ATOMIC(boundary, lba, n) \
	0x9c, 0, 0, 0, 0, 0, 0, 0, (lba) >> 8, (lba)&0xff, 0, (boundary), (n) >> 8, (n)&0xff, 0, 0

static void a_store_that_writes_whole(void **state)
{
	static const struct {
		uint8_t boundary, lba, blocks;
		uint32_t sense, field;
	} cases[] = {
		{0, 0, 8, 0, 0},
		{0, 8, 16, 0, 0},
		{0, 16, 0, 0, 0},
		{0, 0, 24, 0x052400, 0xc0000c},
		{0, 0, 4, 0x052400, 0xc0000c},
		{0, 4, 8, 0x052400, 0xc00002},
		{8, 0, 8, 0x052400, 0xcb000b},
	};
	struct hold *h = hold_open();
	void *end = h;
	struct cmd *c;

	h->bs.atomic_max = 16 * BLOCK;
	h->bs.atomic_unit = 8 * BLOCK;
	hold_start(h, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		h->log_count = 0;
		c = cmd_run(h, h->a,
			    CDB(WRITE_ATOMIC(cases[i].boundary, cases[i].lba, cases[i].blocks)),
			    ones, sizeof(ones));
		assert_int_equal(cmd_sense(c), cases[i].sense);
		if (cases[i].sense)
			assert_int_equal(cmd_field(c), cases[i].field);
		cmd_free(c);
		assert_int_equal(h->log_count, !cases[i].sense && cases[i].blocks);
		if (h->log_count)
			expect_log(h, 0, BS_WRITE, false, cases[i].lba, cases[i].blocks);
		assert_true(!h->log_count || h->log[0].atomic);
	}
	/* All, or nothing. */
	h->log_count = 0;
	cmd_expect(cmd_run(h, h->a, CDB(WRITE_ATOMIC(0, 0, 16)), ones, 15 * BLOCK), 0x0b4b00);
	assert_int_equal(h->log_count, 0);
	cmd_expect(cmd_run(h, h->a, CDB(WRITE10(0, 8)), ones, sizeof(ones)), 0);
	assert_false(h->log[0].atomic);
	c = cmd_run(h, h->a, CDB(0x12, 1, 0xb0, 0, 64, 0), NULL, 0);
	assert_int_equal(get_be32(c->data + 44), 16);
	assert_int_equal(get_be32(c->data + 48), 8);
	assert_int_equal(get_be32(c->data + 52), 8);
	assert_int_equal(get_be32(c->data + 56), 0);
	cmd_free(c);
	hold_teardown(&end);
}

static void a_store_that_does_not(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	h->holding = false;
	cmd_expect(cmd_run(h, h->a, CDB(WRITE_ATOMIC(0, 0, 8)), ones, sizeof(ones)), 0x052000);
	c = cmd_run(h, h->a, CDB(0xa3, 0x0c, 1, 0x9c, 0, 0, 0, 0, 0, 64), NULL, 0);
	assert_int_equal(c->data[1], 1);
	cmd_free(c);
	c = cmd_run(h, h->a, CDB(0x12, 1, 0xb0, 0, 64, 0), NULL, 0);
	for (int i = 44; i < 64; i++)
		assert_int_equal(c->data[i], 0);
	cmd_free(c);
}

/* --- with others */

/* Two who want the same: one gets it, and the other one sees that. */
static void one_of_two(void **state)
{
	struct hold *h = *state;
	struct cmd *first = swap(h, h->a, zeroes_ones, 1), *second = swap(h, h->b, zeroes_ones, 2);

	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	assert_int_equal(hold_pending(h), 1); /* the first one's write */
	assert_false(second->done);
	answer_all(h);
	cmd_expect(first, 0);
	cmd_expect(second, 0x0e1d00);
	expect_block(h, 1);
}

static const struct {
	uint32_t lba, blocks;
	bool held;
} ranges[] = {{0, 9, false}, {0, 10, true}, {9, 1, true},
	      {9, 20, true}, {8, 2, true},  {10, 1, false}};

/* Whatever touches the range waits until it is written. */
static void nobody_gets_between(void **state)
{
	static const uint8_t opcodes[] = {0x28, 0x2a, 0x2f, 0x41, 0x34, 0x2e};
	struct hold *h = *state;

	h->bs.volatile_cache = false; /* VERIFY would flush */
	for (size_t o = 0; o < ARRAY_SIZE(opcodes); o++) {
		struct cmd *c[ARRAY_SIZE(ranges)], *owner;
		size_t pending = 1;

		memset(h->mem, 0, h->size);
		h->holding = true;
		owner = swap(h, h->a, zeroes_ones, 1);
		for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
			uint8_t cdb[10] = {opcodes[o]};

			put_be32(cdb + 2, ranges[i].lba);
			put_be16(cdb + 7, (uint16_t)ranges[i].blocks);
			c[i] = cmd_go(h, h->b, cdb, sizeof(cdb), twos, sizeof(twos));
			pending += !ranges[i].held;
			assert_int_equal(hold_pending(h), pending);
		}
		hold_answer(h, 0); /* its read; what is held goes on being held */
		assert_int_equal(hold_pending(h), pending);
		answer_all(h);
		cmd_expect(owner, 0);
		for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
			assert_true(c[i]->done);
			if (opcodes[o] == 0x28 && ranges[i].held)
				assert_int_equal(c[i]->data[(9 - ranges[i].lba) * BLOCK], 1);
			cmd_free(c[i]);
		}
	}
}

/* It waits for those who are at the store, and who comes later waits behind it. */
static void waits_for_who_was_there(void **state)
{
	struct hold *h = *state;
	struct cmd *before = at_store(h, h->a, CDB(WRITE10(9, 1)), 1), *after, *owner, *other;

	owner = swap(h, h->b, ones_twos, 2);
	after = cmd_go(h, h->a, CDB(READ10(9, 1)), NULL, 0);
	other = cmd_go(h, h->a, CDB(READ10(90, 1)), NULL, 0);
	assert_int_equal(hold_pending(h), 2);
	hold_answer(h, 0);
	cmd_expect(before, 0);
	answer_all(h);
	assert_true(owner->order < after->order);
	cmd_expect(owner, 0);
	assert_int_equal(after->data[0], 2);
	cmd_expect(after, 0);
	cmd_expect(other, 0);
}

/* Of a command in many steps it waits for the one that overlaps. */
static void between_two_steps(void **state)
{
	struct hold *h = *state;
	struct cmd *steps = cmd_go(h, h->a, CDB(0x2f, 0, 0, 0, 0, 0, 0, 0x18, 0, 0), NULL, 0),
		   *owner;

	owner = swap(h, h->b, zeroes_ones, 2);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	assert_int_equal(hold_pending(h), 2);
	answer_all(h);
	cmd_expect(owner, 0);
	cmd_expect(steps, 0);
}

/* A million would be no deeper. */
static void a_long_row(void **state)
{
	struct hold *h = *state;
	struct cmd *first = swap(h, h->a, zeroes_ones, 1), *row[500];

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		row[i] = swap(h, h->b, ones_twos, 2 + i);
	answer_all(h);
	cmd_expect(first, 0);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		hold_turn(h);
	cmd_expect(row[0], 0);
	for (size_t i = 1; i < ARRAY_SIZE(row); i++)
		cmd_expect(row[i], 0x0e1d00);
	expect_block(h, 2);
	assert_true(h->max_depth < 40);
}

static void busy_when_it_takes_too_long(void **state)
{
	struct hold *h = *state;
	struct cmd *before = at_store(h, h->a, CDB(WRITE10(9, 1)), 1), *owner, *after;

	owner = swap(h, h->b, ones_twos, 2);
	hold_sleep(h, HOLD_FENCE / 2);
	after = cmd_go(h, h->b, CDB(READ10(9, 1)), NULL, 0);
	hold_sleep(h, HOLD_FENCE / 2 + NSEC_PER_SEC);
	assert_int_equal(cmd_status(owner), SCSI_BUSY);
	/* Nobody is in its way any more. */
	assert_int_equal(hold_pending(h), 2);
	answer_all(h);
	cmd_expect(before, 0);
	cmd_expect(after, 0);
}

static void busy_when_too_many_wait(void **state)
{
	struct hold *h = *state;
	struct cmd *first = swap(h, h->a, zeroes_ones, 1), *row[513];

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		row[i] = swap(h, h->b, zeroes_ones, 2 + i);
	assert_int_equal(cmd_status(row[512]), SCSI_BUSY);
	answer_all(h);
	cmd_expect(first, 0);
	for (size_t i = 0; i < 512; i++) {
		hold_turn(h);
		cmd_expect(row[i], 0x0e1d00);
	}
}

/* --- aborted: all of it is done, or nothing */

static void aborted_while_it_reads(void **state)
{
	struct hold *h = *state;
	struct cmd *owner = swap(h, h->a, zeroes_ones, 1), *after = swap(h, h->b, zeroes_ones, 2);
	struct asked q;

	ask(&q, SCSI_ABORT_TASK, h->a, 1);
	assert_false(q.done);
	assert_int_equal(hold_pending(h), 2); /* the next one's turn */
	answer_all(h);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(owner);
	cmd_expect(after, 0);
	expect_block(h, 1);
	for (size_t i = 0; i < h->log_count; i++)
		assert_true(i == 2 || h->log[i].op == BS_READ);
}

static void aborted_while_it_writes(void **state)
{
	struct hold *h = *state;
	struct cmd *owner = swap(h, h->a, zeroes_ones, 1), *after = swap(h, h->b, ones_twos, 2);
	struct asked q;

	hold_answer(h, 0);
	ask(&q, SCSI_ABORT_TASK, h->a, 1);
	assert_false(q.done);
	assert_int_equal(hold_pending(h), 1); /* a fence */
	hold_answer(h, 0);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(owner);
	expect_block(h, 1);
	answer_all(h);
	cmd_expect(after, 0);
	expect_block(h, 2);
}

static void aborted_while_it_waits(void **state)
{
	struct hold *h = *state;
	struct cmd *before = at_store(h, h->a, CDB(WRITE10(9, 1)), 1),
		   *owner = swap(h, h->b, ones_twos, 2),
		   *after = cmd_go(h, h->a, CDB(READ10(9, 1)), NULL, 0);
	struct asked q;

	assert_int_equal(hold_pending(h), 1);
	ask(&q, SCSI_ABORT_TASK, h->b, 2);
	expect_result(&q, SCSI_TMF_COMPLETE);
	expect_aborted(owner);
	assert_int_equal(hold_pending(h), 2);
	answer_all(h);
	cmd_expect(before, 0);
	cmd_expect(after, 0);
	expect_block(h, 1);
}

/* All of them, whatever they are in the middle of; the function waits for what is at the store. */
static void reset_with_a_row(void **state)
{
	for (int answered = 0; answered < 2; answered++) {
		struct hold *h = *state;
		struct cmd *owner = swap(h, h->a, zeroes_ones, 1),
			   *second = swap(h, h->b, zeroes_ones, 2),
			   *third = swap(h, h->a, zeroes_ones, 3);
		struct asked q;

		memset(h->mem, 0, h->size);
		h->lu->mode.current.control[5] &= ~0x40; /* TAS, that a reset brings back */
		if (answered)
			hold_answer(h, 0);
		ask(&q, SCSI_LU_RESET, h->a, 0);
		assert_false(q.done);
		expect_aborted(second);
		expect_aborted(third);
		hold_answer(h, 0);
		expect_result(&q, SCSI_TMF_COMPLETE);
		expect_aborted(owner);
		expect_block(h, answered ? 1 : 0);
		h->holding = false;
		cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062903);
		cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062903);
		h->holding = true;
	}
}

/* The owner's session is lost; others go on, behind the write that may still land. */
static void lost_with_a_row(void **state)
{
	struct hold *h = *state;
	struct cmd *owner = swap(h, h->a, zeroes_ones, 1), *second = swap(h, h->b, ones_twos, 2);

	hold_answer(h, 0);
	scsi_nexus_free(h->a);
	h->a = hold_nexus(h, "a");
	assert_int_equal(hold_pending(h), 1);
	answer_all(h);
	expect_aborted(owner);
	cmd_expect(second, 0);
	expect_block(h, 2);
}

static void its_lun_is_unmapped(void **state)
{
	struct hold *h = *state;
	struct cmd *owner = swap(h, h->a, zeroes_ones, 1), *second = swap(h, h->b, ones_twos, 2);

	hold_answer(h, 0);
	assert_int_equal(scsi_device_unmap(h->dev, 0), 0);
	hold_turn(h);
	cmd_expect(second, 0x052500);
	answer_all(h);
	cmd_expect(owner, 0x052500);
	expect_block(h, 1);
}

/* The operations are dead, and the sessions go one by one: nobody takes the place of those who went. */
static void the_end_of_all(void **state)
{
	struct hold *h = *state;
	struct cmd *owner = swap(h, h->a, zeroes_ones, 1), *second = swap(h, h->b, zeroes_ones, 2),
		   *third = cmd_go(h, h->b, CDB(READ10(9, 1)), NULL, 0);

	scsi_device_abandon(h->dev);
	scsi_nexus_free(h->a);
	assert_int_equal(hold_pending(h), 1);
	scsi_nexus_free(h->b);
	expect_aborted(second);
	expect_aborted(third);
	h->lu->abandoned = false;
	h->a = hold_nexus(h, "a");
	h->b = hold_nexus(h, "b");
	answer_all(h);
	expect_aborted(owner);
}

#define ATOMIC_TEST(f) cmocka_unit_test_setup_teardown(f, atomic_setup, hold_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATOMIC_TEST(compares_and_writes),
		ATOMIC_TEST(tells_where_it_differs),
		ATOMIC_TEST(nothing_is_no_error),
		ATOMIC_TEST(what_is_refused),
		ATOMIC_TEST(errors_of_the_store),
		ATOMIC_TEST(bits_are_added),
		ATOMIC_TEST(bits_of_two),
		cmocka_unit_test(a_store_that_writes_whole),
		ATOMIC_TEST(a_store_that_does_not),
		ATOMIC_TEST(one_of_two),
		ATOMIC_TEST(nobody_gets_between),
		ATOMIC_TEST(waits_for_who_was_there),
		ATOMIC_TEST(between_two_steps),
		ATOMIC_TEST(a_long_row),
		ATOMIC_TEST(busy_when_it_takes_too_long),
		ATOMIC_TEST(busy_when_too_many_wait),
		ATOMIC_TEST(aborted_while_it_reads),
		ATOMIC_TEST(aborted_while_it_writes),
		ATOMIC_TEST(aborted_while_it_waits),
		ATOMIC_TEST(reset_with_a_row),
		ATOMIC_TEST(lost_with_a_row),
		ATOMIC_TEST(its_lun_is_unmapped),
		ATOMIC_TEST(the_end_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
