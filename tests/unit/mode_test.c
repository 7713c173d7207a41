/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi_rig.h"

/* --- the pages as they come without anybody having changed them */

#define RW_RECOVERY 0x01, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define CACHING(wce) \
	0x08, 0x12, (wce) ? 0x04 : 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define CONTROL(d_sense, swp, tas) \
	0x0a, 0x0a, 0x02 | (d_sense) << 2, 0x10, (swp) << 3, (tas) << 6, 0, 0, 0xff, 0xff, 0, 0
#define CONTROL_EXT                                                                               \
	0x4a, 0x01, 0x00, 0x1c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
		0, 0, 0, 0, 0, 0
#define EXCEPTIONS 0x1c, 0x0a, 0, 0x06, 0, 0, 0, 0, 0, 0, 0, 0

#define SHORT_DESCRIPTOR 0, 0x02, 0, 0, 0, 0, 0x02, 0
#define LONG_DESCRIPTOR  0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0

#define EXPECT_BYTES(rig, ...)                                  \
	rig_expect_bytes((rig), (const uint8_t[]){__VA_ARGS__}, \
			 sizeof((const uint8_t[]){__VA_ARGS__}))

/* A LU whose store has a volatile cache, so that WCE is there. */
static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open(rig);
	rig->bs->volatile_cache = true;
	rig_start(rig, NULL);
	*state = rig;
	return 0;
}

/* --- MODE SENSE */

static void sense6_all_pages(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x1a, 0, 0x3f, 0, 255, 0);
	EXPECT_BYTES(rig, 67, 0, 0x10, 8, SHORT_DESCRIPTOR, RW_RECOVERY, CACHING(1),
		     CONTROL(0, 0, 1), EXCEPTIONS);
}

static void sense6_all_pages_and_subpages(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x1a, 0x08, 0x3f, 0xff, 255, 0);
	EXPECT_BYTES(rig, 91, 0, 0x10, 0, RW_RECOVERY, CACHING(1), CONTROL(0, 0, 1), CONTROL_EXT,
		     EXCEPTIONS);
}

static void sense10_short_descriptor(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x5a, 0, 0x08, 0, 0, 0, 0, 0x10, 0, 0);
	EXPECT_BYTES(rig, 0, 34, 0, 0x10, 0, 0, 0, 8, SHORT_DESCRIPTOR, CACHING(1));
}

static void sense10_long_descriptor(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x5a, 0x10, 0x0a, 0, 0, 0, 0, 0x10, 0, 0);
	EXPECT_BYTES(rig, 0, 34, 0, 0x10, 1, 0, 0, 16, LONG_DESCRIPTOR, CONTROL(0, 0, 1));
}

/* LLBAA only permits; DBD says there is no descriptor at all. */
static void sense10_no_descriptor(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x5a, 0x18, 0x1c, 0, 0, 0, 0, 0x10, 0, 0);
	EXPECT_BYTES(rig, 0, 18, 0, 0x10, 0, 0, 0, 0, EXCEPTIONS);
}

static void sense_one_subpage(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x1a, 0x08, 0x0a, 0x01, 255, 0);
	EXPECT_BYTES(rig, 35, 0, 0x10, 0, CONTROL_EXT);
}

static void sense_all_subpages_of_a_page(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x1a, 0x08, 0x0a, 0xff, 255, 0);
	EXPECT_BYTES(rig, 47, 0, 0x10, 0, CONTROL(0, 0, 1), CONTROL_EXT);
}

static void sense_changeable(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x1a, 0x08, 0x40 | 0x3f, 0, 255, 0);
	EXPECT_BYTES(rig, 59, 0, 0x10, 0, 0x01, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CACHING(1),
		     0x0a, 0x0a, 0x04, 0, 0x08, 0x40, 0, 0, 0, 0, 0, 0, 0x1c, 0x0a, 0, 0, 0, 0, 0,
		     0, 0, 0, 0, 0);
}

static void sense_without_a_cache(void **state)
{
	struct rig rig;

	rig_open(&rig);
	rig.bs->volatile_cache = false;
	rig_start(&rig, NULL);
	RIG_IN(&rig, 0x1a, 0x08, 0x08, 0, 255, 0);
	EXPECT_BYTES(&rig, 23, 0, 0x10, 0, CACHING(0));
	RIG_IN(&rig, 0x1a, 0x08, 0x40 | 0x08, 0, 255, 0);
	EXPECT_BYTES(&rig, 23, 0, 0x10, 0, CACHING(0));
	rig_stop(&rig);
}

static void sense_saved_is_refused(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x1a, 0, 0xc0 | 0x08, 0, 255, 0);
	rig_expect_sense(rig, 0x5, 0x3900, 0);
}

static void sense_unknown_page(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x1a, 0, 0x02, 0, 255, 0);
	rig_expect_cdb_field(rig, 2, 5);
	RIG_IN(rig, 0x5a, 0, 0x00, 0xff, 0, 0, 0, 1, 0, 0);
	rig_expect_cdb_field(rig, 2, 5);
}

static void sense_unknown_subpage(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x1a, 0, 0x08, 0x01, 255, 0);
	rig_expect_cdb_field(rig, 3, -1);
	/* ... and all pages, but one subpage of each. */
	RIG_IN(rig, 0x1a, 0, 0x3f, 0x01, 255, 0);
	rig_expect_cdb_field(rig, 3, -1);
}

static void sense_at_every_length(void **state)
{
	rig_expect_truncation(*state, RIG_CDB(0x1a, 0, 0x3f, 0xff, 0, 0), 4, 1);
	rig_expect_truncation(*state, RIG_CDB(0x5a, 0x10, 0x3f, 0xff, 0, 0, 0, 0, 0, 0), 7, 2);
}

static void sense_write_protected(void **state)
{
	static const struct scsi_lu_config config = {.readonly = true};
	struct rig rig;

	rig_open(&rig);
	rig_start(&rig, &config);
	RIG_IN(&rig, 0x1a, 0x08, 0x1c, 0, 255, 0);
	EXPECT_BYTES(&rig, 15, 0, 0x90, 0, EXCEPTIONS);
	RIG_IN(&rig, 0x5a, 0x08, 0x1c, 0, 0, 0, 0, 1, 0, 0);
	EXPECT_BYTES(&rig, 0, 18, 0, 0x90, 0, 0, 0, 0, EXCEPTIONS);
	rig_stop(&rig);
}

/* --- MODE SELECT */

static uint8_t select6(struct rig *rig, struct scsi_nexus *nexus, const uint8_t *list, size_t len)
{
	return rig_send(rig, nexus, 0, RIG_CDB(0x15, 0x10, 0, 0, (uint8_t)len, 0), list,
			(uint32_t)len);
}

static uint8_t select10(struct rig *rig, const uint8_t *list, size_t len)
{
	return rig_send(rig, rig->nexus, 0,
			RIG_CDB(0x55, 0x10, 0, 0, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0),
			list, (uint32_t)len);
}

#define SELECT6(rig, ...)  select6((rig), (rig)->nexus, RIG_CDB(__VA_ARGS__))
#define SELECT10(rig, ...) select10((rig), RIG_CDB(__VA_ARGS__))

static void expect_pages(struct rig *rig, bool wce, bool d_sense, bool swp, bool tas)
{
	RIG_IN(rig, 0x1a, 0x08, 0x3f, 0, 255, 0);
	EXPECT_BYTES(rig, 59, 0, swp ? 0x90 : 0x10, 0, RW_RECOVERY, CACHING(wce),
		     CONTROL(d_sense, swp, tas), EXCEPTIONS);
}

static void select_changes_what_is_changeable(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(SELECT6(rig, 0, 0, 0, 0, CONTROL(0, 1, 0)), SCSI_GOOD);
	expect_pages(rig, true, false, true, false);
	assert_int_equal(SELECT10(rig, 0, 0, 0, 0, 0, 0, 0, 0, CONTROL(0, 0, 1)), SCSI_GOOD);
	expect_pages(rig, true, false, false, true);
}

/* What MODE SENSE gave may come back as it is: lengths and WP in the header mean nothing. */
static void select_takes_what_sense_gave(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(SELECT10(rig, 0, 34, 0, 0x90, 0, 0, 0, 8, SHORT_DESCRIPTOR, RW_RECOVERY,
				  CACHING(1), CONTROL(0, 0, 1), CONTROL_EXT, EXCEPTIONS),
			 SCSI_GOOD);
	expect_pages(rig, true, false, false, true);
}

static void select_d_sense_changes_the_format(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(SELECT6(rig, 0, 0, 0, 0, CONTROL(1, 0, 1)), SCSI_GOOD);
	RIG_IN(rig, 0x1a, 0, 0x02, 0, 255, 0);
	assert_int_equal(rig->io.status, SCSI_CHECK_CONDITION);
	assert_int_equal(rig->io.sense_len, 16);
	assert_memory_equal(rig->io.sense, "\x72\x05\x24\x00\x00\x00\x00\x08", 8);
	assert_memory_equal(rig->io.sense + 8, "\x02\x06\x00\x00\xcd\x00\x02\x00", 8);
	assert_int_equal(SELECT6(rig, 0, 0, 0, 0, CONTROL(0, 0, 1)), SCSI_GOOD);
	RIG_IN(rig, 0x1a, 0, 0x02, 0, 255, 0);
	rig_expect_cdb_field(rig, 2, 5);
}

static void select_turns_the_cache_off_and_flushes(void **state)
{
	struct rig *rig = *state;
	uint64_t flushes = rig->lu->stats.flushes;

	assert_int_equal(SELECT6(rig, 0, 0, 0, 0, CACHING(0)), SCSI_GOOD);
	assert_false(scsi_mode_wce(&rig->lu->mode));
	assert_int_equal(rig->lu->stats.flushes, flushes + 1);
	expect_pages(rig, false, false, false, true);
	assert_int_equal(SELECT6(rig, 0, 0, 0, 0, CACHING(1)), SCSI_GOOD);
	assert_int_equal(rig->lu->stats.flushes, flushes + 1);
}

static void select_tells_the_other_nexus(void **state)
{
	struct rig *rig = *state;
	const uint8_t tur[6] = {0};

	assert_int_equal(SELECT6(rig, 0, 0, 0, 0, CONTROL(0, 0, 0)), SCSI_GOOD);
	assert_int_equal(RIG_IN(rig, 0, 0, 0, 0, 0, 0), SCSI_GOOD);
	rig_send(rig, rig->other, 0, tur, 6, NULL, 0);
	rig_expect_sense(rig, 0x6, 0x2a01, 0);
	rig_send(rig, rig->other, 0, tur, 6, NULL, 0);
	assert_int_equal(rig->io.status, SCSI_GOOD);
}

static void select_without_a_change_tells_nobody(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(SELECT6(rig, 0, 0, 0, 0, CONTROL(0, 0, 1)), SCSI_GOOD);
	rig_send(rig, rig->other, 0, RIG_CDB(0, 0, 0, 0, 0, 0), NULL, 0);
	assert_int_equal(rig->io.status, SCSI_GOOD);
}

static void select_refused_changes_nothing(void **state)
{
	struct rig *rig = *state;

	/* A good page first, a bad one after it. */
	SELECT6(rig, 0, 0, 0, 0, CONTROL(0, 1, 0), 0x01, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	rig_expect_list_field(rig, 4 + 12 + 2, 7);
	expect_pages(rig, true, false, false, true);
	rig_send(rig, rig->other, 0, RIG_CDB(0, 0, 0, 0, 0, 0), NULL, 0);
	assert_int_equal(rig->io.status, SCSI_GOOD);
}

/* Each byte of each page: a bit that is not changeable is refused, and pointed at. */
static void select_points_at_unchangeable_bits(void **state)
{
	struct rig *rig = *state;
	uint8_t list[4 + 12] = {0, 0, 0, 0, CONTROL(0, 0, 1)};
	const uint8_t changeable[12] = {0, 0, 0x04, 0, 0x08, 0x40};

	for (unsigned i = 2; i < 12; i++) {
		for (int bit = 0; bit < 8; bit++) {
			if (changeable[i] & 1 << bit)
				continue;
			list[4 + i] ^= 1 << bit;
			select6(rig, rig->nexus, list, sizeof(list));
			rig_expect_list_field(rig, (uint16_t)(4 + i), bit);
			list[4 + i] ^= 1 << bit;
		}
	}
	expect_pages(rig, true, false, false, true);
}

static void select_unknown_page(void **state)
{
	struct rig *rig = *state;

	SELECT6(rig, 0, 0, 0, 0, 0x02, 0x02, 0, 0);
	rig_expect_list_field(rig, 4, 5);
	SELECT6(rig, 0, 0, 0, 0, 0x4a, 0x05, 0, 0);
	rig_expect_list_field(rig, 4, 5);
	SELECT6(rig, 0, 0, 0, 0, 0x3f, 0x02, 0, 0);
	rig_expect_list_field(rig, 4, 5);
}

static void select_wrong_page_length(void **state)
{
	struct rig *rig = *state;
	uint8_t list[4 + 32] = {0, 0, 0, 0, CONTROL_EXT};

	SELECT6(rig, 0, 0, 0, 0, 0x0a, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	rig_expect_list_field(rig, 5, -1);
	list[4 + 3]--;
	select6(rig, rig->nexus, list, sizeof(list));
	rig_expect_list_field(rig, 6, -1);
}

/* A list cut anywhere but at the end of a page. */
static void select_list_cut_short(void **state)
{
	struct rig *rig = *state;
	const uint8_t list[] = {0, 0, 0, 8, SHORT_DESCRIPTOR, CONTROL(0, 0, 0), CONTROL_EXT};

	for (size_t len = 1; len < sizeof(list); len++) {
		if (len == 12 || len == 24)
			continue;
		select6(rig, rig->nexus, list, len);
		rig_expect_sense(rig, 0x5, 0x1a00, 0);
		assert_true(scsi_mode_tas(&rig->lu->mode));
	}
	assert_int_equal(select6(rig, rig->nexus, list, 12), SCSI_GOOD);
	assert_true(scsi_mode_tas(&rig->lu->mode));
	assert_int_equal(select6(rig, rig->nexus, list, 24), SCSI_GOOD);
	assert_false(scsi_mode_tas(&rig->lu->mode));
}

static void select_no_list(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(select6(rig, rig->nexus, NULL, 0), SCSI_GOOD);
	assert_int_equal(select10(rig, NULL, 0), SCSI_GOOD);
}

/* The initiator sends less than its CDB says. */
static void select_data_missing(void **state)
{
	struct rig *rig = *state;
	const uint8_t list[] = {0, 0, 0, 0, CONTROL(0, 0, 0)};

	rig_send(rig, rig->nexus, 0, RIG_CDB(0x15, 0x10, 0, 0, sizeof(list), 0), list, 10);
	rig_expect_sense(rig, 0x5, 0x1a00, 0);
	assert_true(scsi_mode_tas(&rig->lu->mode));
}

static void select_block_descriptor(void **state)
{
	struct rig *rig = *state;

	/* As it is; all; unchanged. */
	assert_int_equal(SELECT6(rig, 0, 0, 0, 8, SHORT_DESCRIPTOR), SCSI_GOOD);
	assert_int_equal(SELECT6(rig, 0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0), SCSI_GOOD);
	assert_int_equal(SELECT6(rig, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0), SCSI_GOOD);
	assert_int_equal(SELECT10(rig, 0, 0, 0, 0, 1, 0, 0, 16, LONG_DESCRIPTOR), SCSI_GOOD);
}

static void select_other_geometry(void **state)
{
	struct rig *rig = *state;

	SELECT6(rig, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 2, 0);
	rig_expect_list_field(rig, 4, -1);
	SELECT6(rig, 0, 0, 0, 8, 0, 2, 0, 0, 0, 0, 0x10, 0);
	rig_expect_list_field(rig, 9, -1);
	SELECT10(rig, 0, 0, 0, 0, 1, 0, 0, 16, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0);
	rig_expect_list_field(rig, 8, -1);
	SELECT10(rig, 0, 0, 0, 0, 1, 0, 0, 16, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0);
	rig_expect_list_field(rig, 20, -1);
}

static void select_descriptor_of_the_wrong_length(void **state)
{
	struct rig *rig = *state;

	SELECT6(rig, 0, 0, 0, 16, LONG_DESCRIPTOR);
	rig_expect_list_field(rig, 3, -1);
	SELECT10(rig, 0, 0, 0, 0, 1, 0, 0, 8, SHORT_DESCRIPTOR);
	rig_expect_list_field(rig, 6, -1);
	SELECT10(rig, 0, 0, 0, 0, 0, 0, 0xff, 0xff, SHORT_DESCRIPTOR);
	rig_expect_list_field(rig, 6, -1);
}

static void select_medium_type(void **state)
{
	struct rig *rig = *state;

	SELECT6(rig, 0, 1, 0, 0);
	rig_expect_list_field(rig, 1, -1);
	SELECT10(rig, 0, 0, 1, 0, 0, 0, 0, 0);
	rig_expect_list_field(rig, 2, -1);
}

static void select_saving_is_refused(void **state)
{
	struct rig *rig = *state;
	const uint8_t list[] = {0, 0, 0, 0};

	rig_send(rig, rig->nexus, 0, RIG_CDB(0x15, 0x11, 0, 0, 4, 0), list, 4);
	rig_expect_cdb_field(rig, 1, 0);
}

static void select_without_pf_is_refused(void **state)
{
	struct rig *rig = *state;
	const uint8_t list[] = {0, 0, 0, 0};

	rig_send(rig, rig->nexus, 0, RIG_CDB(0x15, 0x00, 0, 0, 4, 0), list, 4);
	rig_expect_cdb_field(rig, 1, 4);
}

static void reset_brings_the_defaults_back(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(SELECT6(rig, 0, 0, 0, 0, CONTROL(1, 1, 0), CACHING(0)), SCSI_GOOD);
	scsi_mode_reset(&rig->lu->mode);
	expect_pages(rig, true, false, false, true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sense6_all_pages),
		TEST(sense6_all_pages_and_subpages),
		TEST(sense10_short_descriptor),
		TEST(sense10_long_descriptor),
		TEST(sense10_no_descriptor),
		TEST(sense_one_subpage),
		TEST(sense_all_subpages_of_a_page),
		TEST(sense_changeable),
		cmocka_unit_test(sense_without_a_cache),
		TEST(sense_saved_is_refused),
		TEST(sense_unknown_page),
		TEST(sense_unknown_subpage),
		TEST(sense_at_every_length),
		cmocka_unit_test(sense_write_protected),
		TEST(select_changes_what_is_changeable),
		TEST(select_takes_what_sense_gave),
		TEST(select_d_sense_changes_the_format),
		TEST(select_turns_the_cache_off_and_flushes),
		TEST(select_tells_the_other_nexus),
		TEST(select_without_a_change_tells_nobody),
		TEST(select_refused_changes_nothing),
		TEST(select_points_at_unchangeable_bits),
		TEST(select_unknown_page),
		TEST(select_wrong_page_length),
		TEST(select_list_cut_short),
		TEST(select_no_list),
		TEST(select_data_missing),
		TEST(select_block_descriptor),
		TEST(select_other_geometry),
		TEST(select_descriptor_of_the_wrong_length),
		TEST(select_medium_type),
		TEST(select_saving_is_refused),
		TEST(select_without_pf_is_refused),
		TEST(reset_brings_the_defaults_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
