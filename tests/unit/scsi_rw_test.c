/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that touch the medium: what reaches the store, what comes back, what is refused. */
#include "scsi_hold.h"

/* --- READ */

static void read_by_every_cdb(void **state)
{
	struct hold *h = *state;
	static const uint8_t cdbs[][16] = {
		{0x08, 0, 0, 5, 3},
		{0x28, 0, 0, 0, 0, 5, 0, 0, 3},
		{0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 3},
		{0x88, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 3},
	};

	fill(h);
	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++) {
		struct cmd *c = cmd_run(h, h->a, cdbs[i], 16, NULL, 0);

		assert_int_equal(c->io.in_len, 3 * BLOCK);
		assert_memory_equal(c->data, h->mem + 5 * BLOCK, 3 * BLOCK);
		expect_log(h, i, BS_READ, false, 5, 3);
		cmd_expect(c, 0);
	}
	assert_int_equal(scsi_lu_stats(h->lu)->reads, 4);
	assert_int_equal(scsi_lu_stats(h->lu)->read_bytes, 4 * 3 * BLOCK);
}

static void read6_of_zero_blocks_is_256(void **state)
{
	struct hold *h = *state;
	struct cmd *c = cmd_run(h, h->a, CDB(0x08, 0x00, 0x10, 0x00, 0, 0), NULL, 0);

	assert_int_equal(c->io.in_len, 256 * BLOCK);
	cmd_expect(c, 0);
	expect_log(h, 0, BS_READ, false, 0x1000, 256);
}

/* With FUA what is cached goes to the medium first; when nothing is, there is nothing to do. */
static void read_fua(void **state)
{
	struct hold *h = *state;

	h->bs.dirty = true;
	cmd_expect(cmd_run(h, h->a, CDB(0x28, 0x08, 0, 0, 0, 5, 0, 0, 1, 0), NULL, 0), 0);
	expect_log(h, 0, BS_FLUSH, false, 0, 0);
	expect_log(h, 1, BS_READ, false, 5, 1);
	h->bs.dirty = false;
	cmd_expect(cmd_run(h, h->a, CDB(0x28, 0x08, 0, 0, 0, 5, 0, 0, 1, 0), NULL, 0), 0);
	expect_log(h, 2, BS_READ, false, 5, 1);
	assert_int_equal(h->log_count, 3);
}

/* What cannot be said to be on the medium cannot be read from there. */
static void read_from_a_medium_in_doubt(void **state)
{
	static const uint8_t cdbs[][10] = {{0x28, 0x08, 0, 0, 0, 5, 0, 0, 1, 0},
					   {0x2f, 0, 0, 0, 0, 5, 0, 0, 1, 0}};
	struct hold *h = *state;

	h->bs.sync_error = -EIO;
	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++) {
		struct cmd *c = cmd_run(h, h->a, cdbs[i], 10, NULL, 0);

		assert_int_equal(cmd_sense(c), 0x031100);
		assert_int_equal(cmd_info(c), 5);
		cmd_free(c);
	}
	assert_int_equal(h->log_count, 0);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(5, 1)), NULL, 0), 0);
}

static void read_error(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	h->fail[BS_READ] = -EIO;
	c = cmd_run(h, h->a, CDB(READ10(77, 2)), NULL, 0);
	assert_int_equal(cmd_sense(c), 0x031100);
	assert_int_equal(cmd_info(c), 77);
	assert_int_equal(c->io.in_len, 0);
	cmd_free(c);
	assert_int_equal(scsi_lu_stats(h->lu)->errors, 1);
	assert_int_equal(scsi_lu_stats(h->lu)->inflight, 0);
}

/* --- the range */

static void last_block(void **state)
{
	struct hold *h = *state;

	cmd_expect(cmd_run(h, h->a, CDB(READ10(HOLD_BLOCKS - 1, 1)), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(HOLD_BLOCKS - 1, 0)), NULL, 0), 0);
}

static void out_of_range(void **state)
{
	static const struct {
		uint64_t lba;
		uint32_t blocks;
		uint32_t info;
	} bad[] = {
		{HOLD_BLOCKS - 1, 2, HOLD_BLOCKS},
		{HOLD_BLOCKS, 1, HOLD_BLOCKS},
		{HOLD_BLOCKS, 0, HOLD_BLOCKS},
		{HOLD_BLOCKS + 9, 1, HOLD_BLOCKS + 9},
		{0, HOLD_BLOCKS + 1, HOLD_BLOCKS},
		{UINT32_MAX, 16384, UINT32_MAX},
		{UINT64_MAX, 1, 0},
		{UINT64_MAX - 1, 2, 0},
		{UINT64_MAX >> 9, 512, 0},
	};
	static const uint8_t opcodes[] = {0x88, 0x8a, 0x8e, 0x8f, 0x90, 0x91, 0x93};
	struct hold *h = *state;

	for (size_t o = 0; o < ARRAY_SIZE(opcodes); o++) {
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			uint8_t cdb[16] = {opcodes[o]};
			struct cmd *c;

			if (opcodes[o] == 0x93 && !bad[i].blocks)
				continue;
			put_be64(cdb + 2, bad[i].lba);
			put_be32(cdb + 10, bad[i].blocks);
			c = cmd_run(h, h->a, cdb, 16, NULL, 0);
			assert_int_equal(cmd_sense(c), 0x052100);
			if (bad[i].info)
				assert_int_equal(cmd_info(c), bad[i].info);
			cmd_free(c);
		}
	}
	assert_int_equal(h->log_count, 0);
}

static void transfer_too_long(void **state)
{
	static const uint8_t opcodes[] = {0x88, 0x8a, 0x8e};
	struct hold *h = *state;
	struct cmd *c;

	for (size_t o = 0; o < ARRAY_SIZE(opcodes); o++) {
		uint8_t cdb[16] = {opcodes[o]};

		put_be32(cdb + 10, SCSI_TRANSFER_MAX / BLOCK + 1);
		c = cmd_run(h, h->a, cdb, 16, NULL, 0);
		assert_int_equal(cmd_sense(c), 0x052400);
		assert_int_equal(cmd_field(c), 0xc0000a);
		assert_int_equal(c->io.buf_len, 0);
		cmd_free(c);
		put_be32(cdb + 10, UINT32_MAX);
		cmd_expect(cmd_run(h, h->a, cdb, 16, NULL, 0), 0x052400);
	}
	/* VERIFY with all of the data, likewise; without, it is a matter of steps. */
	cmd_expect(cmd_run(h, h->a, CDB(0x8f, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1), NULL, 0),
		   0x052400);
	cmd_expect(cmd_run(h, h->a, CDB(0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0), NULL, 0),
		   0);
}

/* --- WRITE */

static void write_by_every_cdb(void **state)
{
	static const uint8_t cdbs[][16] = {
		{0x0a, 0, 0, 5, 3},
		{0x2a, 0, 0, 0, 0, 5, 0, 0, 3},
		{0xaa, 0, 0, 0, 0, 5, 0, 0, 0, 3},
		{0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 3},
	};
	struct hold *h = *state;
	uint8_t *p = pattern(3 * BLOCK), zero[BLOCK] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++) {
		memset(h->mem, 0, h->size);
		cmd_expect(cmd_run(h, h->a, cdbs[i], 16, p, 3 * BLOCK), 0);
		expect_log(h, i, BS_WRITE, false, 5, 3);
		assert_memory_equal(h->mem + 4 * BLOCK, zero, BLOCK);
		assert_memory_equal(h->mem + 5 * BLOCK, p, 3 * BLOCK);
		assert_memory_equal(h->mem + 8 * BLOCK, zero, BLOCK);
	}
	assert_int_equal(scsi_lu_stats(h->lu)->writes, 4);
	free(p);
}

static void write_nothing(void **state)
{
	struct hold *h = *state;

	cmd_expect(cmd_run(h, h->a, CDB(WRITE10(5, 0)), NULL, 0), 0);
	assert_int_equal(h->log_count, 0);
}

/* FUA, FUA_NV, and WCE=0 by which every write is one. */
static void write_fua(void **state)
{
	static const uint8_t flags[] = {0x00, 0x10, 0x08, 0x02, 0x18};
	struct hold *h = *state;
	uint8_t *p = pattern(BLOCK);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		cmd_expect(cmd_run(h, h->a, CDB(0x2a, flags[i], 0, 0, 0, 5, 0, 0, 1, 0), p, BLOCK),
			   0);
		expect_log(h, i, BS_WRITE, flags[i] & 0x0a, 5, 1);
	}
	h->lu->mode.current.caching[2] &= ~0x04;
	h->log_count = 0;
	cmd_expect(cmd_run(h, h->a, CDB(WRITE10(5, 1)), p, BLOCK), 0);
	cmd_expect(cmd_run(h, h->a, CDB(0x41, 0, 0, 0, 0, 5, 0, 0, 4, 0), p, BLOCK), 0);
	expect_log(h, 0, BS_WRITE, true, 5, 1);
	expect_log(h, 1, BS_WRITE, true, 5, 4);
	free(p);
}

/* The bits of READ(6) and WRITE(6) that are FUA elsewhere belong to the address. */
static void write6_has_no_fua(void **state)
{
	struct hold *h = *state;
	uint8_t *p = pattern(BLOCK);

	h->size = 0xb0000 * (uint64_t)BLOCK;
	free(h->mem);
	h->mem = calloc(1, h->size);
	scsi_lu_resized(h->lu, h->size, true);
	cmd_expect(cmd_run(h, h->a, CDB(TUR), NULL, 0), 0x062a09);
	cmd_expect(cmd_run(h, h->a, CDB(0x0a, 0x0a, 0, 0, 1, 0), p, BLOCK), 0);
	expect_log(h, 0, BS_WRITE, false, 0xa0000, 1);
	free(p);
}

/* Only whole blocks that arrived are written, never what fills up the buffer. */
static void write_of_short_data(void **state)
{
	static const struct {
		uint32_t got, written;
	} cases[] = {{0, 0}, {511, 0}, {512, 1}, {1535, 2}, {1536, 3}, {2047, 3}, {2048, 4}};
	struct hold *h = *state;
	uint8_t *p = pattern(4 * BLOCK), old[4 * BLOCK];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(h->mem, 0xee, h->size);
		memset(old, 0xee, sizeof(old));
		h->log_count = 0;
		cmd_expect(cmd_run(h, h->a, CDB(WRITE10(8, 4)), p, cases[i].got), 0);
		assert_int_equal(h->log_count, cases[i].written ? 1 : 0);
		memcpy(old, p, cases[i].written * BLOCK);
		assert_memory_equal(h->mem + 8 * BLOCK, old, sizeof(old));
	}
	free(p);
}

static void write_errors(void **state)
{
	static const struct {
		int err;
		uint32_t sense;
	} cases[] = {
		{-EIO, 0x030c00},    {-ENOSPC, 0x072707}, {-EROFS, 0x072700},
		{-ENODEV, 0x020400}, {-ENOMEM, 0x0b5500}, {-EINVAL, 0x030c00},
	};
	struct hold *h = *state;
	uint8_t *p = pattern(BLOCK);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cmd *c;

		h->fail[BS_WRITE] = cases[i].err;
		c = cmd_run(h, h->a, CDB(WRITE10(600, 1)), p, BLOCK);
		assert_int_equal(cmd_sense(c), cases[i].sense);
		if (cases[i].sense == 0x030c00)
			assert_int_equal(cmd_info(c), 600);
		cmd_free(c);
	}
	assert_int_equal(scsi_lu_stats(h->lu)->writes, 0);
	free(p);
}

static void keep_line(struct log *log, enum log_level level, const char *line)
{
	struct {
		unsigned lines;
		char last[256];
	} *kept = log->ctx;

	kept->lines++;
	snprintf(kept->last, sizeof(kept->last), "%s", line);
}

/* Each kind of error is told when it comes, whatever else fails, and again when it goes on. */
static void errors_in_the_log(void **state)
{
	struct {
		unsigned lines;
		char last[256];
	} kept = {0};
	struct log log = {.level = LOG_LEVEL_WARNING, .write = keep_line, .ctx = &kept};
	struct hold *h = *state;
	uint8_t block[BLOCK] = {0};

	h->lu->log = &log;
	hold_sleep(h, NSEC_PER_SEC);
	h->fail[BS_READ] = -EIO;
	for (int i = 0; i < 5; i++)
		cmd_expect(cmd_run(h, h->a, CDB(READ10(77, 1)), NULL, 0), 0x031100);
	assert_int_equal(kept.lines, 1);
	assert_non_null(strstr(kept.last, "READ(10) at LBA 77"));
	h->fail[BS_WRITE] = -ENOSPC;
	cmd_expect(cmd_run(h, h->a, CDB(WRITE10(5, 1)), block, BLOCK), 0x072707);
	assert_int_equal(kept.lines, 2);
	assert_non_null(strstr(kept.last, "No space left"));
	h->fail[BS_WRITE] = -EIO;
	cmd_expect(cmd_run(h, h->a, CDB(WRITE10(5, 1)), block, BLOCK), 0x030c00);
	assert_int_equal(kept.lines, 3);
	hold_sleep(h, 60 * NSEC_PER_SEC);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(77, 1)), NULL, 0), 0x031100);
	assert_int_equal(kept.lines, 4);
	assert_non_null(strstr(kept.last, "4 more"));
	h->lu->log = NULL;
}

static void write_protected(void **state)
{
	static const uint8_t cdbs[][16] = {
		{0x0a, 0, 0, 5, 1},
		{0x2a, 0, 0, 0, 0, 5, 0, 0, 1},
		{0x2e, 0, 0, 0, 0, 5, 0, 0, 1},
		{0x41, 0, 0, 0, 0, 5, 0, 0, 1},
		{0x42, 0, 0, 0, 0, 0, 0, 0, 24},
		{0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1},
		{0x93, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1},
		{0xaa, 0, 0, 0, 0, 5, 0, 0, 0, 1},
	};
	struct hold *h = *state;
	uint8_t *p = pattern(BLOCK);

	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++) {
		h->lu->readonly = true;
		cmd_expect(cmd_run(h, h->a, cdbs[i], 16, p, BLOCK), 0x072700);
		h->lu->readonly = false;
		h->lu->mode.current.control[4] |= 0x08;
		cmd_expect(cmd_run(h, h->a, cdbs[i], 16, p, BLOCK), 0x072702);
		h->lu->mode.current.control[4] &= ~0x08;
	}
	assert_int_equal(h->log_count, 0);
	h->lu->readonly = true;
	cmd_expect(cmd_run(h, h->a, CDB(READ10(5, 1)), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->a, CDB(0x2f, 0, 0, 0, 0, 5, 0, 0, 1, 0), NULL, 0), 0);
	free(p);
}

/* A store that takes no writes, whatever the LU was meant to be. */
static void write_to_a_readonly_store(void **state)
{
	struct hold *h = hold_open();
	uint8_t block[BLOCK] = {0};
	void *end = h;
	struct cmd *c;

	h->bs.readonly = true;
	hold_start(h, NULL);
	cmd_expect(cmd_run(h, h->a, CDB(WRITE10(5, 1)), block, BLOCK), 0x072700);
	assert_int_equal(h->log_count, 0);
	c = cmd_run(h, h->a, CDB(0x1a, 8, 0x08, 0, 96, 0), NULL, 0);
	assert_int_equal(c->data[2] & 0x80, 0x80); /* WP */
	cmd_expect(c, 0);
	hold_teardown(&end);
}

/* The transport lost the data: nothing is written. */
static void transfer_failed(void **state)
{
	struct hold *h = *state;
	struct cmd *c = cmd_new(h, h->a, CDB(WRITE10(5, 1)));

	c->move_later = true;
	cmd_start(c);
	assert_true(c->moving);
	c->moving = false;
	scsi_io_moved(&c->io, -EIO);
	cmd_expect(c, 0x0b4b00);
	assert_int_equal(h->log_count, 0);
}

/* --- VERIFY */

static void verify_reads_in_steps(void **state)
{
	struct hold *h = *state;

	h->bs.dirty = true;
	cmd_expect(cmd_run(h, h->a, CDB(0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x13, 0), NULL, 0),
		   0);
	expect_log(h, 0, BS_FLUSH, false, 0, 0);
	expect_log(h, 1, BS_READ, false, 1, 2048);
	expect_log(h, 2, BS_READ, false, 2049, 2048);
	expect_log(h, 3, BS_READ, false, 4097, 0x1300 - 4096);
	assert_int_equal(h->log_count, 4);
}

static void verify_nothing(void **state)
{
	struct hold *h = *state;

	for (uint8_t bytchk = 0; bytchk <= 6; bytchk += bytchk == 2 ? 4 : 2)
		cmd_expect(cmd_run(h, h->a, CDB(0x2f, bytchk, 0, 0, 0, 5, 0, 0, 0, 0), NULL, 0), 0);
	assert_int_equal(h->log_count, 0);
}

static void verify_error(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	h->bs.dirty = true;
	h->holding = true;
	c = cmd_go(h, h->a, CDB(0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x13, 0), NULL, 0);
	hold_answer(h, 0);
	hold_answer(h, 0);
	hold_answer(h, -EIO);
	assert_int_equal(cmd_sense(c), 0x031100);
	assert_int_equal(cmd_info(c), 2049);
	cmd_free(c);
}

static void verify_all_bytes(void **state)
{
	/* in the first step, across the steps, the last byte */
	static const size_t wrong[] = {0, 1, 1048575, 1048576, 1048577, 4096 * BLOCK - 1};
	struct hold *h = *state;
	uint8_t *p;

	fill(h);
	p = malloc(4096 * BLOCK);
	memcpy(p, h->mem + 16 * BLOCK, 4096 * BLOCK);
	cmd_expect(cmd_run(h, h->a, CDB(0x2f, 0x02, 0, 0, 0, 16, 0, 0x10, 0, 0), p, 4096 * BLOCK),
		   0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct cmd *c;

		p[wrong[i]] ^= 0x40;
		c = cmd_run(h, h->a, CDB(0x2f, 0x02, 0, 0, 0, 16, 0, 0x10, 0, 0), p, 4096 * BLOCK);
		assert_int_equal(cmd_sense(c), 0x0e1d00);
		assert_int_equal(cmd_info(c), wrong[i]);
		cmd_free(c);
		p[wrong[i]] ^= 0x40;
	}
	free(p);
}

static void verify_one_block_against_all(void **state)
{
	struct hold *h = *state;
	uint8_t *p = pattern(BLOCK);
	struct cmd *c;

	for (int i = 0; i < 3000; i++)
		memcpy(h->mem + (10 + i) * BLOCK, p, BLOCK);
	cmd_expect(cmd_run(h, h->a, CDB(0x2f, 0x06, 0, 0, 0, 10, 0, 0x0b, 0xb8, 0), p, BLOCK), 0);
	h->mem[(10 + 2999) * BLOCK + 9] ^= 1;
	c = cmd_run(h, h->a, CDB(0x2f, 0x06, 0, 0, 0, 10, 0, 0x0b, 0xb8, 0), p, BLOCK);
	assert_int_equal(cmd_sense(c), 0x0e1d00);
	assert_int_equal(cmd_info(c), 9);
	cmd_free(c);
	free(p);
}

/* What did not come cannot be compared. */
static void verify_of_short_data(void **state)
{
	struct hold *h = *state;
	uint8_t *p = pattern(2 * BLOCK);

	memcpy(h->mem + 10 * BLOCK, p, 2 * BLOCK);
	for (uint32_t got = 0; got < 2 * BLOCK; got += BLOCK / 2)
		cmd_expect(cmd_run(h, h->a, CDB(0x2f, 2, 0, 0, 0, 10, 0, 0, 2, 0), p, got),
			   0x0b4b00);
	for (uint32_t got = 0; got < BLOCK; got += BLOCK / 2)
		cmd_expect(cmd_run(h, h->a, CDB(0x2f, 6, 0, 0, 0, 10, 0, 0, 1, 0), p, got),
			   0x0b4b00);
	assert_int_equal(h->log_count, 0);
	cmd_expect(cmd_run(h, h->a, CDB(0x2f, 2, 0, 0, 0, 10, 0, 0, 2, 0), p, 2 * BLOCK), 0);
	cmd_expect(cmd_run(h, h->a, CDB(0x2f, 6, 0, 0, 0, 10, 0, 0, 1, 0), p, BLOCK), 0);
	free(p);
}

static void verify_reserved_bytchk(void **state)
{
	struct hold *h = *state;
	struct cmd *c = cmd_run(h, h->a, CDB(0x2f, 0x04, 0, 0, 0, 10, 0, 0, 1, 0), NULL, 0);

	assert_int_equal(cmd_sense(c), 0x052400);
	assert_int_equal(cmd_field(c), 0xca0001);
	cmd_free(c);
}

static void write_and_verify(void **state)
{
	static const uint8_t cdbs[][16] = {
		{0x2e, 2, 0, 0, 0, 5, 0, 0, 3},
		{0xae, 2, 0, 0, 0, 5, 0, 0, 0, 3},
		{0x8e, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 3},
	};
	struct hold *h = *state;
	uint8_t *p = pattern(3 * BLOCK);

	for (size_t i = 0; i < ARRAY_SIZE(cdbs); i++) {
		memset(h->mem, 0, h->size);
		cmd_expect(cmd_run(h, h->a, cdbs[i], 16, p, 3 * BLOCK), 0);
		expect_log(h, 2 * i, BS_WRITE, true, 5, 3);
		expect_log(h, 2 * i + 1, BS_READ, false, 5, 3);
		assert_memory_equal(h->mem + 5 * BLOCK, p, 3 * BLOCK);
	}
	free(p);
}

/* The medium took something else than it was given. */
static void write_and_verify_finds_a_lie(void **state)
{
	struct hold *h = *state;
	uint8_t *p = pattern(BLOCK);
	struct cmd *c;

	h->holding = true;
	for (int bytchk = 0; bytchk < 2; bytchk++) {
		c = cmd_go(h, h->a, CDB(0x2e, bytchk ? 2 : 0, 0, 0, 0, 5, 0, 0, 1, 0), p, BLOCK);
		hold_answer(h, 0);
		h->mem[5 * BLOCK + 100] ^= 8;
		hold_answer(h, 0);
		assert_int_equal(cmd_sense(c), bytchk ? 0x0e1d00 : 0);
		if (bytchk)
			assert_int_equal(cmd_info(c), 100);
		cmd_free(c);
	}
	free(p);
}

/* --- PRE-FETCH, SYNCHRONIZE CACHE */

static void prefetch(void **state)
{
	struct hold *h = *state;

	assert_int_equal(
		cmd_status(cmd_run(h, h->a, CDB(0x34, 0, 0, 0, 0, 5, 0, 0x0c, 0, 0), NULL, 0)),
		SCSI_CONDITION_MET);
	expect_log(h, 0, BS_READ, false, 5, 2048);
	expect_log(h, 1, BS_READ, false, 2053, 1024);
	assert_int_equal(h->log_count, 2);
	/* To the end; without waiting. */
	cmd_expect(cmd_run(h, h->a, CDB(0x34, 0, 0, 0, 0, 5, 0, 0, 0, 0), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->a, CDB(0x90, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1), NULL, 0), 0);
	assert_int_equal(h->log_count, 2);
}

static void sync_cache(void **state)
{
	struct hold *h = *state;
	struct cmd *c;

	h->holding = true;
	c = cmd_go(h, h->a, CDB(0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), NULL, 0);
	assert_false(c->done);
	hold_answer(h, 0);
	cmd_expect(c, 0);
	c = cmd_go(h, h->a, CDB(0x91, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1), NULL, 0);
	hold_answer(h, -EIO);
	assert_int_equal(cmd_sense(c), 0x030c00);
	assert_int_equal(c->io.sense[0] & 0x80, 0);
	cmd_free(c);
}

/* IMMED: answered before the flush is; what was written meanwhile gets a flush of its own. */
static void sync_cache_immediately(void **state)
{
	struct hold *h = *state;

	h->holding = true;
	for (int i = 0; i < 3; i++)
		cmd_expect(cmd_go(h, h->a, CDB(0x35, 2, 0, 0, 0, 0, 0, 0, 0, 0), NULL, 0), 0);
	assert_int_equal(hold_pending(h), 1);
	assert_int_equal(scsi_lu_busy(h->lu), 1);
	hold_answer(h, 0);
	assert_int_equal(hold_pending(h), 1);
	hold_answer(h, 0);
	assert_int_equal(hold_pending(h), 0);
	assert_int_equal(scsi_lu_busy(h->lu), 0);
	assert_int_equal(h->log_count, 2);
}

static void flushed(void *ctx, int err)
{
	*(int *)ctx = err;
}

static void flush_from_outside(void **state)
{
	struct hold *h = *state;
	int result = 1;

	h->holding = true;
	scsi_lu_flush(h->lu, flushed, &result);
	assert_int_equal(result, 1);
	assert_int_equal(scsi_lu_busy(h->lu), 1);
	hold_answer(h, -EIO);
	assert_int_equal(result, -EIO);
	assert_int_equal(scsi_lu_busy(h->lu), 0);
}

static void blocks_of_4096(void **state)
{
	struct scsi_lu_config config = {.block_size = 4096};
	struct hold *h = hold_open();
	uint8_t *p = pattern(8192);
	void *end = h;

	hold_start(h, &config);
	cmd_expect(cmd_run(h, h->a, CDB(WRITE10(3, 2)), p, 8192), 0);
	assert_memory_equal(h->mem + 3 * 4096, p, 8192);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(HOLD_BLOCKS / 8 - 1, 1)), NULL, 0), 0);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(HOLD_BLOCKS / 8 - 1, 2)), NULL, 0), 0x052100);
	cmd_expect(cmd_run(h, h->a, CDB(READ10(0, SCSI_TRANSFER_MAX / 4096 + 1)), NULL, 0),
		   0x052400);
	cmd_expect(cmd_run(h, h->a, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0), NULL, 0), 0x052000);
	free(p);
	hold_teardown(&end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(read_by_every_cdb),
		HOLD_TEST(read6_of_zero_blocks_is_256),
		HOLD_TEST(read_fua),
		HOLD_TEST(read_from_a_medium_in_doubt),
		HOLD_TEST(read_error),
		HOLD_TEST(last_block),
		HOLD_TEST(out_of_range),
		HOLD_TEST(transfer_too_long),
		HOLD_TEST(write_by_every_cdb),
		HOLD_TEST(write_nothing),
		HOLD_TEST(write_fua),
		HOLD_TEST(write6_has_no_fua),
		HOLD_TEST(write_of_short_data),
		HOLD_TEST(write_errors),
		HOLD_TEST(errors_in_the_log),
		HOLD_TEST(write_protected),
		cmocka_unit_test(write_to_a_readonly_store),
		HOLD_TEST(transfer_failed),
		HOLD_TEST(verify_reads_in_steps),
		HOLD_TEST(verify_nothing),
		HOLD_TEST(verify_error),
		HOLD_TEST(verify_all_bytes),
		HOLD_TEST(verify_one_block_against_all),
		HOLD_TEST(verify_of_short_data),
		HOLD_TEST(verify_reserved_bytchk),
		HOLD_TEST(write_and_verify),
		HOLD_TEST(write_and_verify_finds_a_lie),
		HOLD_TEST(prefetch),
		HOLD_TEST(sync_cache),
		HOLD_TEST(sync_cache_immediately),
		HOLD_TEST(flush_from_outside),
		cmocka_unit_test(blocks_of_4096),
	};
	return cmocka_run_group_tests_name("scsi_rw", tests, NULL, NULL);
}
