/* SPDX-License-Identifier: BSD-2-Clause */
/* REPORT ..., REQUEST SENSE, READ CAPACITY and LOG SENSE. */
#include "scsi_rig.h"

#define EXPECT_BYTES(rig, ...)                                  \
	rig_expect_bytes((rig), (const uint8_t[]){__VA_ARGS__}, \
			 sizeof((const uint8_t[]){__VA_ARGS__}))

/* --- REPORT LUNS */

#define REPORT_LUNS(select, alloc) \
	0xa0, 0, (select), 0, 0, 0, 0, 0, (alloc) >> 8, (alloc)&0xff, 0, 0

static void luns_one(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, REPORT_LUNS(0, 512));
	EXPECT_BYTES(rig, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

/* Rising, in the two addressing methods. */
static void luns_of_both_kinds(void **state)
{
	static const uint16_t more[] = {16383, 256, 7, 255};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		assert_int_equal(scsi_device_map(rig->dev, more[i], rig->lu), 0);
	for (uint8_t select = 0; select <= 2; select += 2) {
		RIG_IN(rig, REPORT_LUNS(select, 512));
		EXPECT_BYTES(rig, 0, 0, 0, 40, 0, 0, 0, 0, 0x00, 0x00, 0, 0, 0, 0, 0, 0, 0x00, 0x07,
			     0, 0, 0, 0, 0, 0, 0x00, 0xff, 0, 0, 0, 0, 0, 0, 0x41, 0x00, 0, 0, 0, 0,
			     0, 0, 0x7f, 0xff, 0, 0, 0, 0, 0, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		assert_int_equal(scsi_device_unmap(rig->dev, more[i]), 0);
}

static void luns_well_known(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, REPORT_LUNS(1, 512));
	EXPECT_BYTES(rig, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void luns_unknown_select(void **state)
{
	struct rig *rig = *state;

	for (unsigned select = 3; select < 256; select++) {
		RIG_IN(rig, REPORT_LUNS((uint8_t)select, 512));
		rig_expect_cdb_field(rig, 2, -1);
	}
}

static void luns_at_every_length(void **state)
{
	rig_expect_truncation(*state, RIG_CDB(REPORT_LUNS(0, 0)), 8, 2);
}

static void luns_when_there_are_none(void **state)
{
	struct rig *rig = *state;
	const uint8_t want[16] = {0, 0, 0, 8};

	scsi_device_unmap(rig->dev, 0);
	RIG_IN(rig, REPORT_LUNS(0, 512));
	rig_expect_bytes(rig, want, sizeof(want));
}

static void luns_by_way_of_a_lun_that_is_not_there(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, rig->nexus, 9, RIG_CDB(REPORT_LUNS(0, 512)), NULL, 0);
	EXPECT_BYTES(rig, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void luns_reported_are_no_news(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(scsi_device_map(rig->dev, 3, rig->lu), 0);
	assert_int_equal(RIG_IN(rig, REPORT_LUNS(0, 512)), SCSI_GOOD);
	assert_int_equal(RIG_IN(rig, 0, 0, 0, 0, 0, 0), SCSI_GOOD);
	rig_send(rig, rig->other, 0, RIG_CDB(0, 0, 0, 0, 0, 0), NULL, 0);
	rig_expect_sense(rig, 0x6, 0x3f0e, 0);
	assert_int_equal(scsi_device_unmap(rig->dev, 3), 0);
}

/* --- REPORT SUPPORTED OPERATION CODES */

#define OPCODES(options, opcode, action) \
	0xa3, 0x0c, (options), (opcode), (action) >> 8, (action)&0xff, 0, 0, 0x10, 0, 0, 0

static void opcodes_one_without_action(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, OPCODES(1, 0x12, 0));
	EXPECT_BYTES(rig, 0, 0x03, 0, 6, 0x12, 0x01, 0xff, 0xff, 0xff, 0x00);
}

static void opcodes_one_with_action(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, OPCODES(2, 0x9e, 0x10));
	EXPECT_BYTES(rig, 0, 0x03, 0, 16, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff,
		     0xff, 0, 0);
}

static void opcodes_one_with_timeouts(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, OPCODES(0x81, 0x00, 0));
	EXPECT_BYTES(rig, 0, 0x83, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void opcodes_option_must_fit(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, OPCODES(1, 0x9e, 0x10));
	rig_expect_cdb_field(rig, 2, 2);
	RIG_IN(rig, OPCODES(2, 0x12, 0));
	rig_expect_cdb_field(rig, 2, 2);
	for (uint8_t options = 4; options < 8; options++) {
		RIG_IN(rig, OPCODES(options, 0x12, 0));
		rig_expect_cdb_field(rig, 2, 2);
	}
}

static void opcodes_option_for_either(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, OPCODES(3, 0x12, 0));
	assert_int_equal(rig->data[1], 0x03);
	RIG_IN(rig, OPCODES(3, 0x9e, 0x10));
	assert_int_equal(rig->data[1], 0x03);
	RIG_IN(rig, OPCODES(3, 0x12, 1));
	EXPECT_BYTES(rig, 0, 0x01, 0, 0);
	RIG_IN(rig, OPCODES(3, 0x9e, 0x1f));
	EXPECT_BYTES(rig, 0, 0x01, 0, 0);
}

static void opcodes_that_are_not_there(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, OPCODES(0x81, 0xff, 0));
	EXPECT_BYTES(rig, 0, 0x01, 0, 0);
	RIG_IN(rig, OPCODES(2, 0x9e, 0xffff));
	EXPECT_BYTES(rig, 0, 0x01, 0, 0);
	RIG_IN(rig, OPCODES(2, 0xff, 0xffff));
	EXPECT_BYTES(rig, 0, 0x01, 0, 0);
}

/* UNMAP is there for a thin LU alone. */
static void opcodes_of_a_thin_lu(void **state)
{
	static const struct scsi_lu_config config = {.thin = true};
	struct rig *thick = *state, thin;

	rig_open(&thin);
	thin.bs->unmap_granularity = 4096;
	rig_start(&thin, &config);
	RIG_IN(thick, OPCODES(1, 0x42, 0));
	EXPECT_BYTES(thick, 0, 0x01, 0, 0);
	RIG_IN(&thin, OPCODES(1, 0x42, 0));
	assert_int_equal(thin.data[1], 0x03);
	rig_stop(&thin);
}

/* Every pair of opcode and action, in every option: an answer within its buffer. */
static void opcodes_swept(void **state)
{
	struct rig *rig = *state;

	for (unsigned opcode = 0; opcode < 256; opcode++) {
		for (unsigned action = 0; action < 40; action++) {
			for (uint8_t options = 1; options < 4; options++) {
				RIG_IN(rig, OPCODES(0x80 | options, (uint8_t)opcode, action));
				if (rig->io.status == SCSI_GOOD)
					assert_in_range(rig->io.in_len, 4, 32);
				else
					rig_expect_cdb_field(rig, 2, 2);
			}
		}
	}
}

/* The list of all and the answers for one agree, and a listed command is a command. */
static void opcodes_all(void **state)
{
	struct rig *rig = *state;
	uint8_t list[SCSI_REPLY_MAX];
	uint32_t len;

	RIG_IN(rig, OPCODES(0, 0, 0));
	assert_int_equal(rig->io.status, SCSI_GOOD);
	len = rig->io.in_len;
	memcpy(list, rig->data, len);
	assert_int_equal(get_be32(list), len - 4);
	assert_int_equal((len - 4) % 8, 0);
	assert_true(len > 4 + 8 * 30);
	for (uint32_t at = 4; at < len; at += 8) {
		const uint8_t *d = list + at;
		bool action = d[5] & 0x01;

		assert_int_equal(d[5] & ~0x01, 0);
		assert_true(action || get_be16(d + 2) == 0);
		RIG_IN(rig, OPCODES(action ? 2 : 1, d[0], get_be16(d + 2)));
		assert_int_equal(rig->io.status, SCSI_GOOD);
		assert_int_equal(rig->data[1], 0x03);
		assert_int_equal(get_be16(rig->data + 2), get_be16(d + 6));
		assert_int_equal(rig->io.in_len, 4 + get_be16(d + 6));
		assert_int_equal(rig->data[4], d[0]);
	}
}

static void opcodes_all_with_timeouts(void **state)
{
	struct rig *rig = *state;
	uint32_t plain;

	RIG_IN(rig, OPCODES(0, 0, 0));
	plain = (rig->io.in_len - 4) / 8;
	RIG_IN(rig, OPCODES(0x80, 0, 0));
	assert_int_equal(rig->io.in_len, 4 + plain * 20);
	assert_int_equal(get_be32(rig->data), plain * 20);
	for (uint32_t at = 4; at < rig->io.in_len; at += 20) {
		assert_int_equal(rig->data[at + 5] & 0x02, 0x02);
		assert_memory_equal(rig->data + at + 8, "\x00\x0a\0\0\0\0\0\0\0\0\0\0", 12);
	}
}

static void opcodes_at_every_length(void **state)
{
	rig_expect_truncation(*state, RIG_CDB(OPCODES(0, 0, 0)), 8, 2);
	rig_expect_truncation(*state, RIG_CDB(OPCODES(0x81, 0x12, 0)), 8, 2);
}

/* --- REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS */

static void functions(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0);
	EXPECT_BYTES(rig, 0xda, 0, 0, 0);
	RIG_IN(rig, 0xa3, 0x0d, 0x80, 0, 0, 0, 0, 0, 0, 255, 0, 0);
	EXPECT_BYTES(rig, 0xda, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	rig_expect_truncation(rig, RIG_CDB(0xa3, 0x0d, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0), 8, 2);
}

/* --- REQUEST SENSE */

static void sense_of_nothing(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x03, 0, 0, 0, 252, 0);
	EXPECT_BYTES(rig, 0x70, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	RIG_IN(rig, 0x03, 1, 0, 0, 252, 0);
	EXPECT_BYTES(rig, 0x72, 0, 0, 0, 0, 0, 0, 0);
}

static void sense_takes_a_unit_attention(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0, 0, 0, 0, 0, 0);
	scsi_ua_add(rig->io.itl, SCSI_ASC_CAPACITY_CHANGED);
	RIG_IN(rig, 0x03, 1, 0, 0, 252, 0);
	EXPECT_BYTES(rig, 0x72, 0x06, 0x2a, 0x09, 0, 0, 0, 0);
	assert_int_equal(RIG_IN(rig, 0, 0, 0, 0, 0, 0), SCSI_GOOD);
}

static void sense_of_no_lu(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, rig->nexus, 4, RIG_CDB(0x03, 0, 0, 0, 252, 0), NULL, 0);
	EXPECT_BYTES(rig, 0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0x00, 0, 0, 0, 0);
}

static void sense_of_a_stopped_lu(void **state)
{
	struct rig *rig = *state;

	rig->lu->stopped = true;
	RIG_IN(rig, 0x03, 1, 0, 0, 252, 0);
	EXPECT_BYTES(rig, 0x72, 0x02, 0x04, 0x02, 0, 0, 0, 0);
	rig->lu->stopped = false;
}

static void sense_of_a_store_that_has_gone(void **state)
{
	struct rig *rig = *state;

	rig->bs->missing = true;
	RIG_IN(rig, 0x03, 1, 0, 0, 252, 0);
	EXPECT_BYTES(rig, 0x72, 0x02, 0x04, 0x00, 0, 0, 0, 0);
	rig->bs->missing = false;
}

static void sense_of_a_store_that_lost_data(void **state)
{
	struct rig *rig = *state;

	rig->bs->sync_error = -5;
	RIG_IN(rig, 0x03, 1, 0, 0, 252, 0);
	EXPECT_BYTES(rig, 0x72, 0x00, 0x5d, 0x00, 0, 0, 0, 0);
	RIG_IN(rig, 0x4d, 0, 0x6f, 0, 0, 0, 0, 0, 255, 0);
	EXPECT_BYTES(rig, 0x2f, 0, 0, 8, 0, 0, 0x03, 4, 0x5d, 0x00, 0xff, 0);
	rig->bs->sync_error = 0;
}

static void sense_at_every_length(void **state)
{
	rig_expect_truncation(*state, RIG_CDB(0x03, 0, 0, 0, 0, 0), 4, 1);
	rig_expect_truncation(*state, RIG_CDB(0x03, 1, 0, 0, 0, 0), 4, 1);
}

/* --- READ CAPACITY */

static void capacity(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	EXPECT_BYTES(rig, 0x00, 0x01, 0xff, 0xff, 0, 0, 2, 0);
	RIG_IN(rig, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	EXPECT_BYTES(rig, 0, 0, 0, 0, 0x00, 0x01, 0xff, 0xff, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void capacity_thin_large_blocks(void **state)
{
	static const struct scsi_lu_config config = {.thin = true, .block_size = 4096};
	struct rig rig;

	rig_open(&rig);
	rig.bs->unmap_granularity = 4096;
	rig_start(&rig, &config);
	RIG_IN(&rig, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0);
	EXPECT_BYTES(&rig, 0, 0, 0, 0, 0x00, 0x00, 0x3f, 0xff, 0, 0, 0x10, 0, 0, 0, 0xc0, 0);
	rig_stop(&rig);
}

static void capacity_beyond_32_bits(void **state)
{
	struct rig *rig = *state;
	uint64_t blocks = rig->lu->blocks;

	rig->lu->blocks = UINT64_C(0x100000000);
	RIG_IN(rig, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(get_be32(rig->data), 0xffffffff);
	rig->lu->blocks = UINT64_C(0x123456789abc);
	RIG_IN(rig, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(get_be32(rig->data), 0xffffffff);
	RIG_IN(rig, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	assert_int_equal(get_be64(rig->data), UINT64_C(0x123456789abb));
	rig->lu->blocks = blocks;
}

/* The number of blocks in a short descriptor ends at 32 bits, too. */
static void capacity_in_the_block_descriptor(void **state)
{
	struct rig *rig = *state;
	uint64_t blocks = rig->lu->blocks;

	rig->lu->blocks = UINT64_C(0x123456789abc);
	RIG_IN(rig, 0x1a, 0, 0x1c, 0, 255, 0);
	assert_int_equal(get_be32(rig->data + 4), 0xffffffff);
	RIG_IN(rig, 0x5a, 0x10, 0x1c, 0, 0, 0, 0, 1, 0, 0);
	assert_int_equal(get_be64(rig->data + 8), UINT64_C(0x123456789abc));
	rig->lu->blocks = blocks;
}

static void capacity_physical_blocks(void **state)
{
	struct rig *rig = *state;
	uint32_t size = rig->bs->block_size;

	rig->bs->block_size = 4096;
	RIG_IN(rig, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	assert_int_equal(rig->data[13], 3);
	RIG_IN(rig, 0x12, 0x01, 0xb0, 0, 64, 0);
	assert_int_equal(get_be16(rig->data + 6), 8);
	rig->bs->block_size = size;
}

static void capacity_at_every_length(void **state)
{
	rig_expect_truncation(*state, RIG_CDB(0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
			      12, 2);
}

/* --- LOG SENSE */

#define LOG(page, subpage) 0x4d, 0, 0x40 | (page), (subpage), 0, 0, 0, 0, 255, 0

static void log_pages(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, LOG(0, 0));
	EXPECT_BYTES(rig, 0x00, 0, 0, 2, 0x00, 0x2f);
	RIG_IN(rig, LOG(0, 0xff));
	EXPECT_BYTES(rig, 0x40, 0xff, 0, 6, 0x00, 0x00, 0x00, 0xff, 0x2f, 0x00);
	RIG_IN(rig, LOG(0x2f, 0));
	EXPECT_BYTES(rig, 0x2f, 0, 0, 8, 0, 0, 0x03, 4, 0, 0, 0xff, 0);
}

static void log_unknown(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, LOG(0x0d, 0));
	rig_expect_cdb_field(rig, 2, 5);
	RIG_IN(rig, LOG(0x2f, 1));
	rig_expect_cdb_field(rig, 3, -1);
}

static void log_saving_is_refused(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x4d, 0x01, 0x6f, 0, 0, 0, 0, 0, 255, 0);
	rig_expect_cdb_field(rig, 1, 0);
}

static void log_pointer_past_the_end(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x4d, 0, 0x6f, 0, 0, 0, 1, 0, 255, 0);
	rig_expect_cdb_field(rig, 5, -1);
}

static void log_at_every_length(void **state)
{
	rig_expect_truncation(*state, RIG_CDB(0x4d, 0, 0x6f, 0, 0, 0, 0, 0, 0, 0), 7, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(luns_one),
		TEST(luns_of_both_kinds),
		TEST(luns_well_known),
		TEST(luns_unknown_select),
		TEST(luns_at_every_length),
		TEST(luns_when_there_are_none),
		TEST(luns_by_way_of_a_lun_that_is_not_there),
		TEST(luns_reported_are_no_news),
		TEST(opcodes_one_without_action),
		TEST(opcodes_one_with_action),
		TEST(opcodes_one_with_timeouts),
		TEST(opcodes_option_must_fit),
		TEST(opcodes_option_for_either),
		TEST(opcodes_that_are_not_there),
		TEST(opcodes_of_a_thin_lu),
		TEST(opcodes_swept),
		TEST(opcodes_all),
		TEST(opcodes_all_with_timeouts),
		TEST(opcodes_at_every_length),
		TEST(functions),
		TEST(sense_of_nothing),
		TEST(sense_takes_a_unit_attention),
		TEST(sense_of_no_lu),
		TEST(sense_of_a_stopped_lu),
		TEST(sense_of_a_store_that_has_gone),
		TEST(sense_of_a_store_that_lost_data),
		TEST(sense_at_every_length),
		TEST(capacity),
		TEST(capacity_thin_large_blocks),
		TEST(capacity_beyond_32_bits),
		TEST(capacity_in_the_block_descriptor),
		TEST(capacity_physical_blocks),
		TEST(capacity_at_every_length),
		TEST(log_pages),
		TEST(log_unknown),
		TEST(log_saving_is_refused),
		TEST(log_pointer_past_the_end),
		TEST(log_at_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
