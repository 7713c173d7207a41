/* SPDX-License-Identifier: BSD-2-Clause */
/* What every command goes through: LUNs, the command table, state, unit attentions, order. */
#include "scsi_hold.h"

/* --- LUNs */

static void lun_addressing(void **state)
{
	static const struct {
		uint8_t lun[8];
		int want;
	} cases[] = {
		{{0, 0}, 0},        {{0, 255}, 255},
		{{0x40, 0}, 0},     {{0x40, 5}, 5},
		{{0x41, 0}, 256},   {{0x7f, 0xff}, 16383},
		{{0x01, 0}, -1},                     /* a bus that is not there */
		{{0x3f, 0}, -1},    {{0x80, 0}, -1}, /* logical unit addressing */
		{{0xc1, 0x01}, -1}, {{0xff, 0xff}, -1},
		{{0, 1, 0, 1}, -1}, {{0, 1, 0, 0, 0, 0, 0, 1}, -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint16_t lun = 0;
		int err = scsi_lun_decode(cases[i].lun, &lun);

		assert_int_equal(err, cases[i].want < 0 ? -EINVAL : 0);
		if (!err)
			assert_int_equal(lun, cases[i].want);
	}
	for (unsigned n = 0; n <= SCSI_LUN_MAX; n++) {
		uint8_t wire[8];
		uint16_t back;

		scsi_lun_encode(wire, (uint16_t)n);
		assert_int_equal(wire[0] >> 6, n < 256 ? 0 : 1);
		assert_int_equal(scsi_lun_decode(wire, &back), 0);
		assert_int_equal(back, n);
	}
}

static void no_such_lun(void **state)
{
	static const uint8_t luns[][2] = {{0, 1}, {0x40, 9}, {0x7f, 0xff}, {0xc1, 1}, {1, 0}};
	struct hold *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(luns); i++) {
		const uint8_t *l = luns[i];
		struct cmd *c;

		cmd_expect(at_lun(h, l[0], l[1], CDB(TUR)), 0x052500);
		cmd_expect(at_lun(h, l[0], l[1], CDB(READ10(0, 1))), 0x052500);
		cmd_expect(at_lun(h, l[0], l[1], CDB(0xff)), 0x052500);
		c = at_lun(h, l[0], l[1], CDB(0x12, 0, 0, 0, 96, 0));
		assert_int_equal(c->data[0], 0x7f);
		cmd_expect(c, 0);
		cmd_expect(at_lun(h, l[0], l[1], CDB(0x03, 0, 0, 0, 18, 0)), 0);
		cmd_expect(at_lun(h, l[0], l[1], CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)), 0);
	}
	assert_int_equal(h->log_count, 0);
}

static void inventory(void **state)
{
	struct hold *h = *state;
	static const uint16_t order[] = {7, 1, 16383, 3, 256, 2, 255, 9};

	assert_int_equal(scsi_device_map(h->dev, 0, h->lu), -EEXIST);
	assert_int_equal(scsi_device_map(h->dev, SCSI_LUN_MAX + 1, h->lu), -ERANGE);
	assert_int_equal(scsi_device_unmap(h->dev, 1), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(scsi_device_map(h->dev, order[i], h->lu), 0);
	assert_int_equal(scsi_map_count(h->dev->map), 1 + ARRAY_SIZE(order));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		assert_ptr_equal(scsi_device_find(h->dev, order[i]), h->lu);
		assert_int_equal(scsi_device_unmap(h->dev, order[i]), 0);
		assert_null(scsi_device_find(h->dev, order[i]));
	}
	assert_int_equal(scsi_map_count(h->dev->map), 1);
}

static void thousands_of_luns(void **state)
{
	struct hold *h = *state;

	for (unsigned n = 1; n <= SCSI_LUN_MAX; n++)
		assert_int_equal(scsi_device_map(h->dev, (uint16_t)n, h->lu), 0);
	cmd_expect(at_lun(h, 0x7f, 0xff, CDB(TUR)), 0x062900);
	cmd_expect(at_lun(h, 0x7f, 0xff, CDB(TUR)), 0x063f0e);
	cmd_expect(at_lun(h, 0x7f, 0xff, CDB(READ10(0, 1))), 0);
	cmd_expect(at_lun(h, 0xa0, 0, CDB(TUR)), 0x052500);
}

/* --- the command table */

static void rows_are_sound(void **state)
{
	static const uint8_t group_len[8] = {6, 10, 10, 0, 16, 12};
	unsigned last = 0, count = 0;

	for (const struct scsi_command *c = scsi_command_next(NULL); c; c = scsi_command_next(c)) {
		unsigned key = (unsigned)c->opcode << 8 | (c->action < 0 ? 0 : (unsigned)c->action);
		bool has_actions;

		assert_true(count == 0 || key > last);
		last = key;
		count++;
		assert_ptr_equal(scsi_command_find(c->opcode,
						   c->action < 0 ? 0x1f : (unsigned)c->action,
						   &has_actions),
				 c);
		assert_int_equal(has_actions, c->action >= 0);
		/* The length of a CDB follows from its opcode's group (SPC-4 4.2.5.1). */
		assert_int_equal(c->cdb_len, group_len[c->opcode >> 5]);
		assert_int_equal(c->usage[0], c->opcode);
		if (c->action >= 0)
			assert_int_equal(c->usage[1], c->action);
		assert_int_equal(c->usage[c->cdb_len - 1], 0);
		for (unsigned i = c->cdb_len; i < sizeof(c->usage); i++)
			assert_int_equal(c->usage[i], 0);
		for (unsigned i = 0; i < c->length_size; i++)
			assert_int_equal(c->usage[c->length_at + i], 0xff);
		assert_non_null(c->run);
		assert_true(strlen(c->name) > 3);
	}
	assert_int_equal(count, 60);
}

static void unknown_opcodes(void **state)
{
	struct hold *h = *state;
	unsigned unknown = 0;

	for (unsigned op = 0; op < 256; op++) {
		bool has_actions;

		if (scsi_command_find((uint8_t)op, 0, &has_actions) || has_actions)
			continue;
		cmd_expect(cmd_run(h, h->a, CDB((uint8_t)op, 0xff, 0xff), NULL, 0), 0x052000);
		unknown++;
	}
	assert_int_equal(unknown, 256 - 46);
}

static void unknown_service_actions(void **state)
{
	struct hold *h = *state;

	for (unsigned action = 0; action < 32; action++) {
		struct cmd *c;

		if (action == 0x10 || action == 0x12)
			continue;
		c = cmd_run(h, h->a, CDB(0x9e, (uint8_t)action), NULL, 0);
		assert_int_equal(cmd_sense(c), 0x052400);
		assert_int_equal(cmd_field(c), 0xcc0001);
		cmd_free(c);
	}
}

/* Every bit that a row does not use is refused, and named. */
static void every_unused_bit(void **state)
{
	struct hold *h = *state;

	atomic_fetch_or(&h->lu->features, SCSI_HAS_ATOMIC);
	for (const struct scsi_command *r = scsi_command_next(NULL); r; r = scsi_command_next(r)) {
		for (unsigned bit = 8; bit < r->cdb_len * 8u; bit++) {
			unsigned byte = bit / 8, shift = bit % 8;
			uint8_t cdb[16] = {0}, used = r->usage[byte];
			struct cmd *c;

			if (byte == 1 && r->action >= 0)
				used = 0x1f;
			if (used & 1 << shift)
				continue;
			cdb[0] = r->opcode;
			cdb[1] = r->action >= 0 ? (uint8_t)r->action : 0;
			cdb[byte] |= (uint8_t)(1 << shift);
			c = cmd_run(h, h->a, cdb, 16, NULL, 0);
			assert_int_equal(cmd_sense(c), 0x052400);
			assert_int_equal(cmd_field(c), 0xc80000 | shift << 16 | byte);
			assert_int_equal(c->io.out_len | c->io.buf_len, 0);
			cmd_free(c);
		}
	}
	assert_int_equal(h->log_count, 0);
}

/* What is behind the CDB in its 16 bytes belongs to nobody. */
static void padding_is_ignored(void **state)
{
	struct hold *h = *state;

	cmd_expect(cmd_run(h, h->a, CDB(0, 0, 0, 0, 0, 0, 1, 2, 3, 4), NULL, 0), 0);
}

static void cdb_too_short(void **state)
{
	struct hold *h = *state;
	struct cmd *c = cmd_new(h, h->a, CDB(0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));

	c->io.cdb_len = 12;
	cmd_start(c);
	cmd_expect(c, 0x052400);
}

/* Random CDBs: an answer, exactly one, and no request beyond the medium. */
static void random_cdbs(void **state)
{
	struct hold *h = *state;
	uint8_t *junk = malloc(64 << 20);

	memset(junk, 0x11, 64 << 20);
	for (int i = 0; i < 20000; i++) {
		uint8_t cdb[16];
		const struct scsi_command *r = scsi_command_next(NULL);
		struct cmd *c;

		for (uint64_t n = sim_rand(h->sim, 41); n; n--)
			r = scsi_command_next(r);
		for (unsigned b = 0; b < sizeof(cdb); b++)
			cdb[b] = (uint8_t)(sim_rand(h->sim, 3) ? 0 : sim_rand(h->sim, 256));
		if (sim_rand(h->sim, 8)) {
			cdb[0] = r->opcode;
			for (unsigned b = 1; b < r->cdb_len; b++)
				cdb[b] &= r->usage[b];
			if (r->action >= 0)
				cdb[1] = (uint8_t)r->action;
		}
		h->log_count = 0;
		c = cmd_run(h, sim_rand(h->sim, 2) ? h->a : h->b, cdb, 16, junk,
			    (uint32_t)sim_rand(h->sim, 4096));
		assert_true(c->io.in_len <= c->io.buf_len);
		assert_true(c->io.out_len <= c->io.buf_len);
		assert_true(c->io.buf_len <= SCSI_TRANSFER_MAX + SCSI_STEP_MAX);
		for (size_t n = 0; n < h->log_count; n++)
			assert_true(h->log[n].offset + h->log[n].length <= h->bs.size);
		cmd_free(c);
	}
	free(junk);
}

/* --- state */

static void stopped(void **state)
{
	struct hold *h = *state;

	cmd_expect(cmd_run(h, h->a, CDB(0x1b, 0, 0, 0, 0, 0), NULL, 0), 0);
	assert_int_equal(h->log[0].op, BS_FLUSH);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x020402);
	cmd_expect(cmd_run(h, h->b, CDB(READ10(0, 1)), NULL, 0), 0x020402);
	cmd_expect(cmd_run(h, h->b, CDB(0x12, 0, 0, 0, 96, 0), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(0x1a, 0, 0x3f, 0, 96, 0), NULL, 0), 0);
	assert_int_equal(h->log_count, 1);
	cmd_expect(cmd_run(h, h->a, CDB(0x1b, 0, 0, 0, 1, 0), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
}

/* It is not stopped while what it holds cannot be brought to the medium. */
static void stop_fails(void **state)
{
	struct hold *h = *state;

	h->fail[BS_FLUSH] = -EIO;
	cmd_expect(cmd_run(h, h->a, CDB(0x1b, 0, 0, 0, 0, 0), NULL, 0), 0x030c00);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->a, CDB(0x1b, 0, 0, 0, 4, 0), NULL, 0), 0); /* NO_FLUSH */
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x020402);
}

/* With IMMED the flush goes on behind; what was written meanwhile gets one of its own. */
static void stop_immediately(void **state)
{
	struct hold *h = *state;

	h->holding = true;
	cmd_expect(cmd_go(h, h->a, CDB(0x1b, 1, 0, 0, 0, 0), NULL, 0), 0);
	assert_int_equal(hold_pending(h), 1);
	assert_int_equal(h->log[0].op, BS_FLUSH);
	cmd_expect(cmd_go(h, h->a, CDB(TUR), NULL, 0), 0x020402);
	hold_answer(h, -EIO);
	assert_int_equal(hold_pending(h), 0);
	cmd_expect(cmd_go(h, h->a, CDB(0x1b, 1, 0, 0, 4, 0), NULL, 0), 0); /* NO_FLUSH */
	assert_int_equal(hold_pending(h), 0);
}

/* A disk that nobody can take out. */
static void prevent_allow(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	for (uint8_t prevent = 0; prevent < 4; prevent++)
		cmd_expect(cmd_run(h, h->a, CDB(0x1e, 0, 0, 0, prevent, 0), NULL, 0), 0);
	c = cmd_run(h, h->a, CDB(0x1e, 0, 0, 0, 4, 0), NULL, 0);
	assert_int_equal(cmd_field(c), 0xca0004);
	cmd_expect(c, 0x052400);
	scsi_ua_add(itl(h->a), SCSI_ASC_CAPACITY_CHANGED);
	cmd_expect(cmd_run(h, h->a, CDB(0x1e), NULL, 0), 0x062a09);
	h->bs.missing = true;
	cmd_expect(cmd_run(h, h->a, CDB(0x1e, 0, 0, 0, 1, 0), NULL, 0), 0);
	h->bs.missing = false;
	h->lu->stopped = true;
	cmd_expect(cmd_run(h, h->a, CDB(0x1e, 0, 0, 0, 1, 0), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x020402);
}

static void power_conditions(void **state)
{
	struct hold *h = *state;

	for (unsigned pc = 1; pc < 16; pc++) {
		bool known = pc <= 3 || pc == 7 || pc == 0xa || pc == 0xb;
		struct cmd *c =
			cmd_run(h, h->a, CDB(0x1b, 0, 0, 0, (uint8_t)(pc << 4), 0), NULL, 0);

		assert_int_equal(cmd_sense(c), known ? 0 : 0x052400);
		cmd_free(c);
		cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
	}
	cmd_expect(cmd_run(h, h->a, CDB(0x1b, 0, 0, 0, 2, 0), NULL, 0), 0x052400); /* LOEJ */
}

static void missing(void **state)
{
	struct hold *h = *state;

	h->bs.missing = true;
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x020400);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(0, 1)), NULL, 0), 0x020400);
	cmd_expect(cmd_run(h, h->a, CDB(0x12, 0, 0, 0, 96, 0), NULL, 0), 0);
	assert_int_equal(h->log_count, 0);
	/* It comes back, and may be another one. */
	h->bs.missing = false;
	h->bs.size = h->size /= 2;
	h->bs.state_changed(&h->bs, h->bs.state_ctx);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062800);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062a09);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(HOLD_BLOCKS / 2, 1)), NULL, 0), 0x052100);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(HOLD_BLOCKS / 2 - 1, 1)), NULL, 0), 0);
}

static void resized(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	assert_int_equal(scsi_lu_resized(h->lu, h->size, true), 0);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
	/* A command of many steps finds the end where it is now. */
	h->holding = true;
	c = cmd_go(h, h->a, CDB(0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0), NULL, 0);
	hold_answer(h, 0);
	h->size = 1024 * 512;
	assert_int_equal(scsi_lu_resized(h->lu, h->size, true), 0);
	assert_int_equal(scsi_lu_blocks(h->lu), 1024);
	hold_answer(h, 0);
	assert_int_equal(cmd_sense(c), 0x052100);
	assert_int_equal(cmd_info(c), 1024);
	cmd_free(c);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0x062a09);
	cmd_expect(cmd_run(h, h->b, CDB(TUR), NULL, 0), 0);
	assert_int_equal(scsi_lu_resized(h->lu, 0, true), -ENODEV);
	assert_int_equal(scsi_lu_resized(h->lu, 511, true), -ENODEV);
}

static void refused_by_the_transport(void **state)
{
	struct hold *h = *state;
	struct cmd *c = cmd_new(h, h->a, CDB(WRITE10(0, 1)));

	scsi_decode(&c->io);
	scsi_refuse(&c->io, SCSI_TASK_SET_FULL, 0, 0);
	assert_int_equal(cmd_status(c), SCSI_TASK_SET_FULL);
	c = cmd_new(h, h->a, CDB(WRITE10(0, 1)));
	scsi_decode(&c->io);
	scsi_refuse(&c->io, SCSI_CHECK_CONDITION, SCSI_KEY_ABORTED_COMMAND, SCSI_ASC_PROTOCOL_CRC);
	cmd_expect(c, 0x0b4705);
}

static void aca_task(void **state)
{
	struct hold *h = *state;
	struct cmd *c = cmd_new(h, h->a, CDB(TUR));

	c->io.attr = SCSI_ACA;
	cmd_start(c);
	cmd_expect(c, 0x054900);
}

static void odd_lus_are_refused(void **state)
{
	static const struct {
		uint64_t size;
		uint32_t store_block;
		struct scsi_lu_config config;
		const char *says;
	} bad[] = {
		{1 << 20, 1, {.block_size = 0}, "512 or 4096"},
		{1 << 20, 1, {.block_size = 520}, "512 or 4096"},
		{1 << 20, 1, {.block_size = 1024}, "512 or 4096"},
		{1 << 20, 4096, {.block_size = 512}, "--block-size 4096, or leave --direct out"},
		{0, 1, {.block_size = 512}, "not 0"},
		{1000, 1, {.block_size = 512}, "`truncate -s %512`"},
		{4096 + 512, 1, {.block_size = 4096}, "--block-size 512"},
		{4096 + 512, 1, {.block_size = 4096}, "`truncate -s %4096`"},
		{1 << 20, 1, {.block_size = 512, .vendor = "NINECHARS"}, "vendor"},
		{1 << 20, 1, {.block_size = 512, .product = "seventeen letters"}, "product"},
		{1 << 20, 1, {.block_size = 512, .revision = "12345"}, "revision"},
		{1 << 20, 1, {.block_size = 512, .vendor = "t\tb"}, "vendor"},
		{1 << 20, 1, {.block_size = 512, .serial = "\xff"}, "serial"},
	};
	struct hold *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct backstore bs = h->bs;
		struct scsi_lu *lu = NULL;
		char why[256] = "";

		bs.size = bad[i].size;
		bs.block_size = bad[i].store_block;
		assert_int_equal(scsi_lu_new(&lu, &bs, &bad[i].config, NULL, why, sizeof(why)),
				 -EINVAL);
		assert_null(lu);
		assert_non_null(strstr(why, bad[i].says));
	}
}

static void lu_texts(void **state)
{
	struct hold *h = *state;

	assert_string_equal(h->lu->vendor, "LUNAR");
	assert_string_equal(h->lu->options.product, "VIRTUAL-DISK");
	assert_string_equal(scsi_lu_serial(h->lu), "00000000000000000000000000000000");
	assert_true(strlen(h->lu->revision) >= 1 && strlen(h->lu->revision) <= 4);
	assert_int_not_equal(h->lu->revision[strlen(h->lu->revision) - 1], '.');
	assert_int_equal(scsi_lu_block_size(h->lu), 512);
	assert_ptr_equal(scsi_lu_backstore(h->lu), &h->bs);
}

/* --- LUNs that go while tasks are there */

static void unmap_with_tasks(void **state)
{
	struct hold *h = *state;
	uint8_t data[512] = {1};
	struct cmd *store, *moving, *slow, *blocked;

	h->holding = true;
	store = cmd_go(h, h->a, CDB(WRITE10(1, 1)), data, 512);
	moving = cmd_new(h, h->a, CDB(WRITE10(2, 1)));
	moving->move_later = true;
	cmd_start(moving);
	slow = cmd_new(h, h->a, CDB(WRITE10(3, 1)));
	slow->move_later = slow->abort_later = true;
	cmd_start(slow);
	blocked = with_attr(h, h->a, SCSI_ORDERED, 4);
	scsi_device_unmap(h->dev, 0);
	assert_true(moving->move_aborted && slow->move_aborted);
	cmd_expect(moving, 0x052500);
	cmd_expect(blocked, 0x052500);
	assert_false(slow->done);
	assert_false(store->done);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x052500);
	/* What the store has may still land: it is fenced, and answered then. */
	assert_int_equal(scsi_lu_busy(h->lu), 1);
	assert_int_equal(h->lu->fences, 1);
	hold_answer(h, 0);
	assert_int_equal(h->lu->fences, 0);
	assert_true(store->io.aborted);
	cmd_expect(store, 0x052500);
	assert_int_equal(h->mem[512], 1);
	cmd_end_abort(slow);
	cmd_expect(slow, 0x052500);
	assert_int_equal(h->log_count, 1);
}

/* The LU is gone for good while a task still collects its data; and a nexus that knew it. */
static void lu_freed_under_a_task(void **state)
{
	struct hold *h = *state;
	struct cmd *slow = cmd_new(h, h->a, CDB(WRITE10(3, 1)));
	struct cmd *decoded = cmd_new(h, h->a, CDB(READ10(3, 1)));
	struct cmd *refused = cmd_new(h, h->a, CDB(WRITE10(3, 1)));

	slow->move_later = slow->abort_later = true;
	cmd_start(slow);
	scsi_decode(&refused->io);
	scsi_decode(&decoded->io);
	decoded->data = (uint8_t *)aligned_alloc(4096, 4096);
	decoded->io.data = decoded->data;
	scsi_device_unmap(h->dev, 0);
	assert_int_equal(scsi_lu_busy(h->lu), 0);
	scsi_lu_free(h->lu);
	h->lu = NULL;
	scsi_submit(&decoded->io);
	cmd_expect(decoded, 0x052500);
	scsi_refuse(&refused->io, SCSI_CHECK_CONDITION, SCSI_KEY_ABORTED_COMMAND,
		    SCSI_ASC_PROTOCOL_CRC);
	cmd_expect(refused, 0x0b4705);
	cmd_end_abort(slow);
	cmd_expect(slow, 0x052500);
	scsi_nexus_free(h->a);
	scsi_nexus_free(h->b);
	scsi_device_free(h->dev);
	h->bs.state_ctx = NULL;
	h->dev = NULL;
	hold_start(h, NULL);
}

/* Between decoding and submitting the LUN got another LU, with other blocks. */
static void another_lu_under_a_task(void **state)
{
	struct scsi_lu_config config = {.block_size = 4096};
	struct backstore *small = NULL;
	struct hold *h = *state;
	struct scsi_lu *lu;
	struct cmd *c = cmd_new(h, h->a, CDB(READ10(3, 1)));
	char why[128];

	assert_int_equal(bs_open_memory(&small, h->reactor, 1 << 20, why, sizeof(why)), 0);
	assert_int_equal(scsi_lu_new(&lu, small, &config, NULL, why, sizeof(why)), 0);
	scsi_decode(&c->io);
	assert_int_equal(c->io.buf_len, 512);
	c->data = malloc(512);
	c->io.data = c->data;
	scsi_device_unmap(h->dev, 0);
	scsi_device_map(h->dev, 0, lu);
	scsi_submit(&c->io);
	assert_int_equal(cmd_status(c), SCSI_BUSY);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062900);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x063f0e);
	c = cmd_run(h, h->a, CDB(READ10(3, 1)), NULL, 0);
	assert_int_equal(c->io.in_len, 4096);
	cmd_expect(c, 0);
	scsi_device_unmap(h->dev, 0);
	scsi_lu_free(lu);
}

static void map_again_and_again(void **state)
{
	struct hold *h = *state;

	for (int i = 0; i < 100; i++) {
		scsi_device_unmap(h->dev, 0);
		scsi_device_map(h->dev, 0, h->lu);
		cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062900);
		cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x063f0e);
		cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0);
	}
	assert_true(list_empty(&h->a->detached));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lun_addressing),
		HOLD_TEST(no_such_lun),
		HOLD_TEST(inventory),
		HOLD_TEST(thousands_of_luns),
		cmocka_unit_test(rows_are_sound),
		HOLD_TEST(unknown_opcodes),
		HOLD_TEST(unknown_service_actions),
		HOLD_TEST(every_unused_bit),
		HOLD_TEST(padding_is_ignored),
		HOLD_TEST(cdb_too_short),
		HOLD_TEST(random_cdbs),
		HOLD_TEST(stopped),
		HOLD_TEST(stop_fails),
		HOLD_TEST(stop_immediately),
		HOLD_TEST(prevent_allow),
		HOLD_TEST(power_conditions),
		HOLD_TEST(missing),
		HOLD_TEST(resized),
		HOLD_TEST(refused_by_the_transport),
		HOLD_TEST(aca_task),
		HOLD_TEST(odd_lus_are_refused),
		HOLD_TEST(lu_texts),
		HOLD_TEST(unmap_with_tasks),
		HOLD_TEST(lu_freed_under_a_task),
		HOLD_TEST(another_lu_under_a_task),
		HOLD_TEST(map_again_and_again),
	};
	return cmocka_run_group_tests_name("scsi_core", tests, NULL, NULL);
}
