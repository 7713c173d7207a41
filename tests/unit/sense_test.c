/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/cleanup.h"
#include "scsi/lu_priv.h"
#include "scsi/sense.h"

/* A task with leftovers of an earlier life. */
static struct scsi_io used_io(void)
{
	struct scsi_io io = {.status = SCSI_GOOD, .in_len = 512, .sense_len = 77};

	memset(io.sense, 0xa5, sizeof(io.sense));
	return io;
}

static void expect_sense(const struct scsi_io *io, const uint8_t *want, size_t len)
{
	assert_int_equal(io->status, SCSI_CHECK_CONDITION);
	assert_int_equal(io->in_len, 0);
	assert_int_equal(io->sense_len, len);
	assert_memory_equal(io->sense, want, len);
	for (size_t i = len; i < sizeof(io->sense); i++)
		assert_int_equal(io->sense[i], 0);
}

#define EXPECT(io, ...) \
	expect_sense((io), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void fixed_names_a_whole_byte_of_the_cdb(void **state)
{
	struct scsi_io io = used_io();

	scsi_sense_invalid_field_in_cdb(&io, 2, -1);
	EXPECT(&io, 0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0x00, 0, 0xc0, 0x00, 0x02);
}

static void fixed_names_a_bit_of_the_cdb(void **state)
{
	struct scsi_io io = used_io();

	scsi_sense_invalid_field_in_cdb(&io, 1, 4);
	EXPECT(&io, 0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0x00, 0, 0xcc, 0x00, 0x01);
}

static void fixed_names_bit_zero(void **state)
{
	struct scsi_io io = used_io();

	scsi_sense_invalid_field_in_cdb(&io, 1, 0);
	assert_int_equal(io.sense[15], 0xc8);
}

static void fixed_names_a_far_byte_of_the_list(void **state)
{
	struct scsi_io io = used_io();

	scsi_sense_invalid_field_in_list(&io, 0x0123, 7);
	EXPECT(&io, 0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x26, 0x00, 0, 0x8f, 0x01, 0x23);
}

static void fixed_has_the_address_of_a_medium_error(void **state)
{
	struct scsi_io io = used_io();

	scsi_sense_read_error(&io, 0xfedcba98);
	EXPECT(&io, 0xf0, 0, 0x03, 0xfe, 0xdc, 0xba, 0x98, 10, 0, 0, 0, 0, 0x11, 0x00, 0, 0, 0, 0);
}

static void fixed_leaves_out_an_address_that_does_not_fit(void **state)
{
	struct scsi_io io = used_io();

	scsi_sense_write_error(&io, UINT64_C(0x100000000));
	EXPECT(&io, 0x70, 0, 0x03, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x0c, 0x00, 0, 0, 0, 0);
}

static struct scsi_lu descriptor_lu(void)
{
	struct scsi_lu lu = {0};

	lu.mode.current.control[2] |= 0x04; /* D_SENSE */
	return lu;
}

static void descriptor_bare(void **state)
{
	struct scsi_lu lu = descriptor_lu();
	struct scsi_io io = used_io();

	io.lu = &lu;
	scsi_sense_unit_attention(&io, SCSI_ASC_CAPACITY_CHANGED);
	EXPECT(&io, 0x72, 0x06, 0x2a, 0x09, 0, 0, 0, 0);
}

static void descriptor_has_a_long_address(void **state)
{
	struct scsi_lu lu = descriptor_lu();
	struct scsi_io io = used_io();

	io.lu = &lu;
	scsi_sense_lba_out_of_range(&io, UINT64_C(0x0123456789abcdef));
	EXPECT(&io, 0x72, 0x05, 0x21, 0x00, 0, 0, 0, 12, 0x00, 0x0a, 0x80, 0, 0x01, 0x23, 0x45,
	       0x67, 0x89, 0xab, 0xcd, 0xef);
}

static void descriptor_names_a_field(void **state)
{
	struct scsi_lu lu = descriptor_lu();
	struct scsi_io io = used_io();

	io.lu = &lu;
	scsi_sense_invalid_field_in_cdb(&io, 7, 3);
	EXPECT(&io, 0x72, 0x05, 0x24, 0x00, 0, 0, 0, 8, 0x02, 0x06, 0, 0, 0xcb, 0x00, 0x07, 0);
}

static void both_descriptors_together(void **state)
{
	struct scsi_sense s = {.key = SCSI_KEY_MISCOMPARE,
			       .asc_ascq = SCSI_ASC_MISCOMPARE,
			       .has_info = true,
			       .info = 513,
			       .sks = {0x80, 0x12, 0x34}};
	uint8_t d[SCSI_SENSE_MAX];

	assert_int_equal(scsi_sense_format(&s, true, d), 28);
	assert_int_equal(d[7], 20);
	assert_memory_equal(d + 8, "\x00\x0a\x80\x00\x00\x00\x00\x00\x00\x00\x02\x01", 12);
	assert_memory_equal(d + 20, "\x02\x06\x00\x00\x80\x12\x34\x00", 8);
}

static void fixed_without_a_lu(void **state)
{
	struct scsi_io io = used_io();

	scsi_sense_lun_not_supported(&io);
	assert_int_equal(io.sense[0], 0x70);
	assert_int_equal(io.sense[12], 0x25);
}

static void each_condition_has_its_key_and_code(void **state)
{
	static const struct {
		void (*set)(struct scsi_io *io);
		uint8_t key;
		uint16_t asc_ascq;
	} conditions[] = {
		{scsi_sense_parameter_list_length, 0x5, 0x1a00},
		{scsi_sense_invalid_opcode, 0x5, 0x2000},
		{scsi_sense_lun_not_supported, 0x5, 0x2500},
		{scsi_sense_saving_not_supported, 0x5, 0x3900},
		{scsi_sense_stopped, 0x2, 0x0402},
		{scsi_sense_missing, 0x2, 0x0400},
		{scsi_sense_write_protected, 0x7, 0x2700},
		{scsi_sense_software_write_protected, 0x7, 0x2702},
		{scsi_sense_space_allocation_failed, 0x7, 0x2707},
		{scsi_sense_data_phase_error, 0xb, 0x4b00},
		{scsi_sense_no_resources, 0xb, 0x5500},
	};

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		struct scsi_io io = used_io();

		conditions[i].set(&io);
		assert_int_equal(io.status, SCSI_CHECK_CONDITION);
		assert_int_equal(io.sense_len, SCSI_SENSE_FIXED);
		assert_int_equal(io.sense[2], conditions[i].key);
		assert_int_equal(get_be16(io.sense + 12), conditions[i].asc_ascq);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_names_a_whole_byte_of_the_cdb),
		cmocka_unit_test(fixed_names_a_bit_of_the_cdb),
		cmocka_unit_test(fixed_names_bit_zero),
		cmocka_unit_test(fixed_names_a_far_byte_of_the_list),
		cmocka_unit_test(fixed_has_the_address_of_a_medium_error),
		cmocka_unit_test(fixed_leaves_out_an_address_that_does_not_fit),
		cmocka_unit_test(descriptor_bare),
		cmocka_unit_test(descriptor_has_a_long_address),
		cmocka_unit_test(descriptor_names_a_field),
		cmocka_unit_test(both_descriptors_together),
		cmocka_unit_test(fixed_without_a_lu),
		cmocka_unit_test(each_condition_has_its_key_and_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
