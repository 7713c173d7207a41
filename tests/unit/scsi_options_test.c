/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of a LU that change while it is in use: what each of them does, and what its nexuses are told. */
#include "scsi_options_rig.h"

/* --- commands and bits that come and go */

static void whole_commands(void **state)
{
	static const struct {
		uint32_t feature, first, second;
		uint8_t cdb[10];
	} cases[] = {
		{SCSI_HAS_UNMAP, INQUIRY_CHANGED, 0, {UNMAP(0)}},
		{SCSI_HAS_COMPARE, INQUIRY_CHANGED, 0, {0x89}},
		{SCSI_HAS_RESERVE, CHANGED, 0, {0x16}},
		{SCSI_HAS_RESERVE, CHANGED, 0, {0x17}},
		{SCSI_HAS_RESERVE, CHANGED, 0, {0x56}},
		{SCSI_HAS_RESERVE, CHANGED, 0, {0x57}},
	};
	struct hold *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scsi_lu_options o = options(h);

		assert_true(reported(h, cases[i].cdb[0]));
		o.features &= ~cases[i].feature;
		set(h, &o);
		expect_told(h, cases[i].first, cases[i].second);
		expect(h, cases[i].cdb, 10, NO_SUCH_COMMAND);
		assert_false(reported(h, cases[i].cdb[0]));
		o.features |= cases[i].feature;
		set(h, &o);
		expect_told(h, cases[i].first, cases[i].second);
		expect(h, cases[i].cdb, 10, 0);
		expect(h, CDB(0x17, 0, 0, 0, 0, 0), 0);
	}
}

static void report_supported_opcodes(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	o.features &= ~(uint32_t)SCSI_HAS_OPCODES;
	set(h, &o);
	expect_told(h, CHANGED, 0);
	expect(h, CDB(RSOC(0)), NO_SUCH_COMMAND);
	expect(h, CDB(0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0), 0); /* the other action is there */
	expect(h, CDB(0xa3, 0x1f), NO_SUCH_FIELD);
}

/* Nobody could let go of it, and nobody else get in. */
static void a_reservation_goes_with_its_commands(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	expect(h, CDB(0x16, 0, 0, 0, 0, 0), 0);
	assert_int_equal(cmd_status(cmd_run(h, h->b, CDB(READ10(0, 1)), NULL, 0)),
			 SCSI_RESERVATION_CONFLICT);
	o.features &= ~(uint32_t)SCSI_HAS_RESERVE;
	set(h, &o);
	expect_told(h, CHANGED, 0);
	cmd_expect(cmd_run(h, h->b, CDB(READ10(0, 1)), NULL, 0), 0);
}

/* One that was sent before and waits for its turn does not have it either. */
static void a_command_that_waits_while_it_goes(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	struct cmd *first = cmd_new(h, h->a, CDB(READ10(0, 1))), *reserve;

	h->holding = true;
	first->io.attr = SCSI_ORDERED;
	cmd_start(first);
	reserve = cmd_go(h, h->a, CDB(0x16, 0, 0, 0, 0, 0), NULL, 0);
	o.features &= ~(uint32_t)SCSI_HAS_RESERVE;
	set(h, &o);
	hold_answer(h, 0);
	cmd_expect(first, 0);
	cmd_expect(reserve, NO_SUCH_COMMAND);
	assert_null(h->lu->reserved_by);
}

static void bits_of_byte_1(void **state)
{
	static const struct {
		uint32_t feature;
		uint8_t cdb[10], field; /* the bit that is pointed at */
		bool dpofua;
	} cases[] = {
		{SCSI_HAS_DPO, {0x28, 0x10, 0, 0, 0, 0, 0, 0, 1}, 4, true},
		{SCSI_HAS_DPO, {0x2a, 0x10, 0, 0, 0, 0, 0, 0, 1}, 4, true},
		{SCSI_HAS_DPO, {0x2e, 0x10, 0, 0, 0, 0, 0, 0, 1}, 4, true},
		{SCSI_HAS_DPO, {0x2f, 0x10, 0, 0, 0, 0, 0, 0, 1}, 4, true},
		{SCSI_HAS_FUA_READ, {0x28, 0x08, 0, 0, 0, 0, 0, 0, 1}, 3, true},
		{SCSI_HAS_FUA_READ, {0x28, 0x02, 0, 0, 0, 0, 0, 0, 1}, 1, true},
		{SCSI_HAS_FUA_WRITE, {0x2a, 0x08, 0, 0, 0, 0, 0, 0, 1}, 3, true},
		{SCSI_HAS_FUA_WRITE, {0x2a, 0x02, 0, 0, 0, 0, 0, 0, 1}, 1, true},
		{SCSI_HAS_UNMAP_SAME, {WRITE_SAME(0x08, 1)}, 3, false},
	};
	struct hold *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scsi_lu_options o = options(h);
		const uint8_t *cdb = cases[i].cdb;
		uint32_t told = cases[i].dpofua ? MODE_CHANGED : INQUIRY_CHANGED;
		struct cmd *c;

		expect(h, cdb, 10, 0);
		assert_int_equal(ask_byte(h, CDB(MODE_SENSE(0x0a)), 2), 0x10);
		o.features &= ~cases[i].feature;
		set(h, &o);
		expect_told(h, told, 0);
		c = cmd_run(h, h->a, cdb, 10, block, BLOCK);
		assert_int_equal(cmd_field(c), 0xc80001 | cases[i].field << 16);
		cmd_expect(c, NO_SUCH_FIELD);
		assert_int_equal(ask_byte(h, CDB(RSOC(cdb[0])), 4 + 1) & cdb[1], 0);
		assert_int_equal(ask_byte(h, CDB(MODE_SENSE(0x0a)), 2), cases[i].dpofua ? 0 : 0x10);
		o.features = SCSI_HAS_ALL;
		set(h, &o);
		expect_told(h, told, 0);
	}
}

/* BYTCHK of VERIFY has the place of FUA_NV, IMMED of PRE-FETCH as well. */
static void bits_of_others_stay(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	o.features &= SCSI_HAS_COMMANDS;
	set(h, &o);
	expect_told(h, MODE_CHANGED, INQUIRY_CHANGED);
	expect(h, CDB(0x2e, 0x02, 0, 0, 0, 0, 0, 0, 1, 0), 0);
	expect(h, CDB(0x2f, 0x02, 0, 0, 0, 0, 0, 0, 1, 0), 0);
	expect(h, CDB(0x34, 0x02, 0, 0, 0, 0, 0, 0, 1, 0), 0);
	expect(h, CDB(0x35, 0x02, 0, 0, 0, 0, 0, 0, 1, 0), 0);
	expect(h, CDB(READ10(0, 1)), 0);
	expect(h, CDB(WRITE10(0, 1)), 0);
}

/* --- provisioning */

static void thin_or_not(void **state)
{
	static const struct {
		uint32_t features;
		uint8_t lbp; /* byte 5 of VPD page B2h; 0: it is not there */
		uint32_t unmap, first, second;
	} steps[] = {
		{SCSI_HAS_UNMAP, 0x84, 1, INQUIRY_CHANGED, 0},
		{SCSI_HAS_UNMAP_SAME, 0x64, 0, INQUIRY_CHANGED, 0},
		{0, 0, 0, INQUIRY_CHANGED, CAPACITY_CHANGED},
		{SCSI_HAS_UNMAP | SCSI_HAS_UNMAP_SAME, 0xe4, 1, INQUIRY_CHANGED, CAPACITY_CHANGED},
	};
	struct hold *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct scsi_lu_options o = options(h);
		bool thin = steps[i].lbp;
		uint8_t *limits;

		o.features &= ~(uint32_t)(SCSI_HAS_UNMAP | SCSI_HAS_UNMAP_SAME);
		o.features |= steps[i].features;
		set(h, &o);
		expect_told(h, steps[i].first, steps[i].second);
		if (thin)
			assert_int_equal(ask_byte(h, CDB(VPD(0xb2)), 5), steps[i].lbp);
		else
			expect(h, CDB(VPD(0xb2)), NO_SUCH_FIELD);
		assert_int_equal(
			ask_byte(h, CDB(0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32), 14),
			thin ? 0xc0 : 0);
		limits = ask(h, CDB(VPD(0xb0)));
		assert_int_equal(get_be32(limits + 20),
				 steps[i].unmap ? SCSI_UNMAP_MAX / BLOCK : 0);
		assert_int_equal(get_be32(limits + 24), steps[i].unmap ? SCSI_UNMAP_RANGES : 0);
		assert_int_equal(get_be32(limits + 28), thin ? 128 : 0);
		free(limits);
	}
}

/* What the store cannot do is not offered, whoever asks for it. */
static void a_store_that_cannot_unmap(void **state)
{
	struct scsi_lu_options o = scsi_lu_standard_options;
	struct scsi_lu_config config = {.block_size = 512, .options = &o};
	struct hold *h = hold_open();
	void *teardown = h;

	h->bs.unmap_granularity = 0;
	hold_start(h, &config);
	expect(h, CDB(UNMAP(0)), NO_SUCH_COMMAND);
	o.queue_depth = 7;
	set(h, &o);
	expect_told(h, 0, 0);
	expect(h, CDB(UNMAP(0)), NO_SUCH_COMMAND);
	expect(h, CDB(WRITE_SAME(8, 1)), NO_SUCH_FIELD);
	hold_teardown(&teardown);
}

static void limits_are_told_and_kept(void **state)
{
	static const uint8_t list[8 + 3 * 16] = {0,
						 54,
						 0,
						 48,
						 [8 + 7] = 1,
						 [8 + 11] = 8,
						 [24 + 7] = 20,
						 [24 + 11] = 8,
						 [40 + 7] = 40,
						 [40 + 11] = 1};
	uint8_t two[8 + 2 * 16];
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	uint8_t *limits;
	struct cmd *c;

	o.limits = (struct scsi_limits){.unmap_descriptors = 2,
					.unmap_blocks = 16,
					.write_same = 100,
					.unmap_granularity = 64,
					.unmap_alignment = 3,
					.transfer = 512};
	set(h, &o);
	expect_told(h, INQUIRY_CHANGED, 0);
	limits = ask(h, CDB(VPD(0xb0)));
	assert_int_equal(get_be32(limits + 12), 512);
	assert_int_equal(get_be32(limits + 20), 16);
	assert_int_equal(get_be32(limits + 24), 2);
	assert_int_equal(get_be32(limits + 28), 64);
	assert_int_equal(get_be32(limits + 32), 0x80000003);
	assert_int_equal(get_be64(limits + 36), 100);
	free(limits);

	expect(h, CDB(WRITE_SAME(0, 100)), 0);
	expect(h, CDB(WRITE_SAME(8, 100)), 0);
	c = cmd_run(h, h->a, CDB(WRITE_SAME(8, 101)), block, BLOCK);
	assert_int_equal(cmd_field(c), 0xc00007);
	cmd_expect(c, NO_SUCH_FIELD);

	c = cmd_run(h, h->a, CDB(UNMAP(sizeof(list))), list, sizeof(list));
	assert_int_equal(cmd_field(c), 0x800002);
	cmd_expect(c, 0x052600);
	memcpy(two, list, sizeof(two));
	two[1] = 38;
	two[3] = 32;
	cmd_expect(cmd_run(h, h->a, CDB(UNMAP(sizeof(two))), two, sizeof(two)), 0);
	two[24 + 11] = 9;
	c = cmd_run(h, h->a, CDB(UNMAP(sizeof(two))), two, sizeof(two));
	assert_int_equal(cmd_field(c), 0x800020);
	cmd_expect(c, 0x052600);
}

/* 0 is ours, and so is what we could not do. */
static void limits_beyond_ours(void **state)
{
	static const uint32_t values[] = {0, UINT32_MAX};
	struct hold *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct scsi_lu_options o = options(h);
		uint8_t *limits;

		o.limits.unmap_descriptors = o.limits.unmap_blocks = values[i];
		o.limits.write_same = o.limits.transfer = values[i];
		set(h, &o);
		expect_told(h, i ? INQUIRY_CHANGED : 0, 0);
		limits = ask(h, CDB(VPD(0xb0)));
		assert_int_equal(get_be32(limits + 12),
				 (i ? SCSI_TRANSFER_MAX : SCSI_TRANSFER_BEST) / BLOCK);
		assert_int_equal(get_be32(limits + 20), SCSI_UNMAP_MAX / BLOCK);
		assert_int_equal(get_be32(limits + 24), SCSI_UNMAP_RANGES);
		assert_int_equal(get_be64(limits + 36), SCSI_WRITE_SAME_MAX / BLOCK);
		free(limits);
	}
	expect(h, CDB(WRITE_SAME(0, 8192)), 0);
}

/* --- what INQUIRY and mode pages say */

static void names_and_rotation(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	uint8_t *data;

	assert_false(o.rotational);
	assert_int_equal(ask_byte(h, CDB(VPD(0xb1)), 5), 1);
	o.rotational = true;
	set(h, &o);
	expect_told(h, INQUIRY_CHANGED, 0);
	assert_int_equal(ask_byte(h, CDB(VPD(0xb1)), 5), 0);
	strcpy(o.product, "vm1");
	set(h, &o);
	expect_told(h, INQUIRY_CHANGED, 0);
	data = ask(h, CDB(0x12, 0, 0, 0, 255, 0));
	assert_memory_equal(data + 16, "vm1             ", 16);
	free(data);
	o.product[0] = 0;
	set(h, &o);
	expect_told(h, INQUIRY_CHANGED, 0);
	data = ask(h, CDB(0x12, 0, 0, 0, 255, 0));
	assert_memory_equal(data + 16, "VIRTUAL-DISK    ", 16);
	free(data);
	strcpy(o.product, "bell\a");
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, NULL), -EINVAL);
	memset(o.product, 'x', sizeof(o.product));
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, NULL), -EINVAL);
}

static void what_is_the_same_is_not_told(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	set(h, &o);
	expect_told(h, 0, 0);
	o.queue_depth = 100;
	set(h, &o);
	expect_told(h, 0, 0);
}

static void bits_of_the_control_page(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	uint8_t *page;

	o.restricted = true;
	o.task_aborted = false;
	set(h, &o);
	expect_told(h, MODE_CHANGED, 0);
	for (uint8_t pc = 0; pc < 3; pc += 2) { /* now, and by default */
		page = ask(h, CDB(MODE_SENSE(pc << 6 | 0x0a)));
		assert_int_equal(page[4 + 3], 0x00);
		assert_int_equal(page[4 + 5], 0x00);
		free(page);
	}
	assert_false(scsi_mode_tas(&h->lu->mode));
	o.task_aborted = true;
	set(h, &o);
	expect_told(h, MODE_CHANGED, 0);
	page = ask(h, CDB(MODE_SENSE(0x0a)));
	assert_int_equal(page[4 + 3], 0x00);
	assert_int_equal(page[4 + 5], 0x40);
	free(page);
}

/* An initiator's choice stays while something else is changed, and what it chose is not told as news. */
static void what_initiators_chose_stays(void **state)
{
	static const uint8_t no_tas[16] = {0, 0, 0, 0, 0x0a, 0x0a, 0x02, 0x10,
					   0, 0, 0, 0, 0xff, 0xff, 0,    0};
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	cmd_expect(cmd_run(h, h->a, CDB(0x15, 0x10, 0, 0, 16, 0), no_tas, 16), 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), MODE_CHANGED);
	o.rotational = true;
	set(h, &o);
	expect_told(h, INQUIRY_CHANGED, 0);
	assert_false(scsi_mode_tas(&h->lu->mode));
}

/* --- the write cache */

static const uint8_t wce_on[24] = {0, 0, 0, 0, 0x08, 0x12, 0x04};

static bool caches(const struct hold *h)
{
	return h->lu->mode.current.caching[2] & 0x04;
}

static void the_cache_is_turned_off(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	struct changed done = {0};
	struct cmd *before, *during;

	h->holding = true;
	before = cmd_go(h, h->a, CDB(WRITE10(0, 1)), block, BLOCK);
	o.write_cache = false;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done), 0);
	expect_log(h, 0, BS_WRITE, false, 0, 1);
	assert_int_equal(h->log[1].op, BS_FLUSH);
	during = cmd_go(h, h->b, CDB(WRITE10(1, 1)), block, BLOCK);
	expect_log(h, 2, BS_WRITE, true, 1, 1);
	assert_true(caches(h));
	hold_answer(h, 0); /* the first write, of which the flush may know nothing */
	assert_false(before->done);
	assert_int_equal(h->log[3].op, BS_FLUSH);
	assert_int_equal(done.count, 0);
	hold_answer(h, 0);
	assert_int_equal(done.count, 1);
	assert_int_equal(done.err, 0);
	assert_false(caches(h));
	hold_answer(h, 0);
	cmd_expect(during, 0);
	hold_answer(h, 0);
	cmd_expect(before, 0);
	h->holding = false;
	expect_told(h, MODE_CHANGED, 0);

	/* No initiator turns it on: the bit cannot be changed. */
	cmd_expect(cmd_run(h, h->a, CDB(0x15, 0x10, 0, 0, 24, 0), wce_on, 24), 0x052600);
	h->log_count = 0;
	expect(h, CDB(WRITE10(2, 1)), 0);
	expect_log(h, 0, BS_WRITE, true, 2, 1);
	o.write_cache = true;
	set(h, &o);
	expect_told(h, MODE_CHANGED, 0);
	h->log_count = 0;
	expect(h, CDB(WRITE10(2, 1)), 0);
	expect_log(h, 0, BS_WRITE, false, 2, 1);
	assert_int_equal(ask_byte(h, CDB(MODE_SENSE(0x48)), 4 + 2), 0x04);
}

static void a_cache_that_cannot_be_emptied(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h), after;
	struct changed done = {0};

	o.write_cache = false;
	o.rotational = true;
	h->fail[BS_FLUSH] = -EIO;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done), 0);
	assert_int_equal(done.count, 1);
	assert_int_equal(done.err, -EIO);
	h->fail[BS_FLUSH] = 0;
	expect_told(h, 0, 0);
	after = options(h);
	assert_true(after.write_cache && !after.rotational && caches(h));
	h->log_count = 0;
	expect(h, CDB(WRITE10(0, 1)), 0);
	expect_log(h, 0, BS_WRITE, false, 0, 1);
}

/* It is given up, and the next change has its turn; what the store says later is nobody's any more. */
static void a_store_that_hangs(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);
	struct changed done[2] = {{0}};

	h->holding = true;
	o.write_cache = false;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done[0]), 0);
	o.write_cache = true;
	o.queue_depth = 9;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done[1]), 0);
	hold_sleep(h, 59 * NSEC_PER_SEC);
	assert_int_equal(done[0].count, 0);
	hold_sleep(h, 2 * NSEC_PER_SEC);
	assert_int_equal(done[0].err, -ETIMEDOUT);
	assert_int_equal(done[1].count, 1);
	assert_int_equal(done[1].err, 0);
	assert_true(caches(h) && !h->lu->write_through);
	assert_int_equal(scsi_lu_busy(h->lu), 1);
	hold_answer(h, 0);
	assert_int_equal(done[0].count, 1);
	h->holding = false;
	expect_told(h, 0, 0);
}

/* Who is off already has nothing to be emptied. */
static void a_cache_that_an_initiator_turned_off(void **state)
{
	static const uint8_t wce_off[24] = {0, 0, 0, 0, 0x08, 0x12};
	struct hold *h = *state;
	struct scsi_lu_options o = options(h);

	cmd_expect(cmd_run(h, h->a, CDB(0x15, 0x10, 0, 0, 24, 0), wce_off, 24), 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), MODE_CHANGED);
	h->log_count = 0;
	o.write_cache = false;
	set(h, &o);
	assert_int_equal(h->log_count, 0);
	expect_told(h, 0, 0);
	o.write_cache = true;
	set(h, &o);
	expect_told(h, MODE_CHANGED, 0);
	assert_true(caches(h));
}

static void one_change_after_the_other(void **state)
{
	struct hold *h = *state;
	struct scsi_lu_options o = options(h), seen;
	struct changed done[3] = {{0}};

	h->holding = true;
	o.write_cache = false;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done[0]), 0);
	o.write_cache = true;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done[1]), 0);
	o.write_cache = false;
	o.queue_depth = 3;
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done[2]), 0);
	seen = options(h);
	assert_int_equal(seen.queue_depth, 3);
	assert_int_equal(done[0].count + done[1].count + done[2].count, 0);
	hold_answer(h, 0);
	assert_int_equal(done[0].count, 1);
	assert_int_equal(done[1].count, 1);
	assert_true(caches(h));
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, -ENODEV);
	assert_int_equal(done[2].err, -ENODEV);
	assert_true(caches(h));
	assert_int_equal(h->lu->task_limit, 0);
	h->holding = false;
}

/* A LU that goes takes with it what was to be changed. */
static void a_lu_ends_during_a_change(void **state)
{
	struct hold *h = hold_open();
	struct scsi_lu_options o;
	struct changed done = {0};

	hold_start(h, NULL);
	o = options(h);
	o.write_cache = false;
	h->holding = true;
	scsi_nexus_free(h->a);
	scsi_nexus_free(h->b);
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done), 0);
	assert_int_equal(scsi_lu_set_options(h->lu, &o, changed, &done), 0);
	scsi_device_unmap(h->dev, 0);
	scsi_device_free(h->dev);
	scsi_lu_free(h->lu);
	assert_int_equal(done.count, 0);
	sim_free(h->sim);
	free(h->mem);
	free(h);
}

/* --- the block size */

static void idle(void *ctx)
{
	*(bool *)ctx = true;
}

static void blocks_of_another_size(void **state)
{
	struct hold *h = *state;
	bool is_idle = false;
	char why[256];

	assert_int_equal(scsi_device_unmap(h->dev, 0), 0);
	scsi_lu_retire(h->lu, idle, &is_idle);
	hold_turn(h);
	assert_true(is_idle);
	assert_int_equal(scsi_lu_set_block_size(h->lu, 1024, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "512 or 4096"));
	assert_int_equal(scsi_lu_set_block_size(h->lu, 4096, why, sizeof(why)), 0);
	assert_int_equal(scsi_device_map(h->dev, 0, h->lu), 0);
	expect(h, CDB(TUR), 0x062900);
	expect(h, CDB(TUR), 0x063f0e);
	assert_int_equal(ask_word(h, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0), HOLD_BLOCKS / 8 - 1);
	assert_int_equal(ask_word(h, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 4), 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(whole_commands),
		HOLD_TEST(report_supported_opcodes),
		HOLD_TEST(a_reservation_goes_with_its_commands),
		HOLD_TEST(a_command_that_waits_while_it_goes),
		HOLD_TEST(bits_of_byte_1),
		HOLD_TEST(bits_of_others_stay),
		HOLD_TEST(thin_or_not),
		cmocka_unit_test(a_store_that_cannot_unmap),
		HOLD_TEST(limits_are_told_and_kept),
		HOLD_TEST(limits_beyond_ours),
		HOLD_TEST(names_and_rotation),
		HOLD_TEST(what_is_the_same_is_not_told),
		HOLD_TEST(bits_of_the_control_page),
		HOLD_TEST(what_initiators_chose_stays),
		HOLD_TEST(the_cache_is_turned_off),
		HOLD_TEST(a_cache_that_cannot_be_emptied),
		HOLD_TEST(a_store_that_hangs),
		HOLD_TEST(a_cache_that_an_initiator_turned_off),
		HOLD_TEST(one_change_after_the_other),
		cmocka_unit_test(a_lu_ends_during_a_change),
		HOLD_TEST(blocks_of_another_size),
	};
	return cmocka_run_group_tests_name("scsi_options", tests, NULL, NULL);
}
