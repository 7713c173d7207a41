/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi_rig.h"

#define EVPD(page) 0x12, 0x01, (page), 0x04, 0x00, 0

static void standard_data_byte_by_byte(void **state)
{
	struct rig *rig = *state;
	uint8_t want[96] = {
		0x00, 0x00, 0x06, 0x12, 91,  0x08, 0x00, 0x02, 'L', 'U', 'N',
		'A',  'R',  ' ',  ' ',  ' ', 'V',  'I',  'R',  'T', 'U', 'A',
		'L',  '-',  'D',  'I',  'S', 'K',  ' ',  ' ',  ' ', ' ',
	};

	memset(want + 32, ' ', 4);
	memcpy(want + 32, rig->lu->revision, strlen(rig->lu->revision));
	memcpy(want + 58, "\x00\xa0\x09\x60\x04\x60\x04\xc0", 8);
	RIG_IN(rig, 0x12, 0, 0, 0x04, 0x00, 0);
	rig_expect_bytes(rig, want, sizeof(want));
}

static void standard_data_with_configured_names(void **state)
{
	static const struct scsi_lu_config config = {
		.vendor = "VENDOR12", .product = "a product of 16b", .revision = "1234"};
	struct rig rig;

	rig_open(&rig);
	rig_start(&rig, &config);
	RIG_IN(&rig, 0x12, 0, 0, 0, 36, 0);
	assert_int_equal(rig.io.in_len, 36);
	assert_memory_equal(rig.data + 8, "VENDOR12a product of 16b1234", 28);
	rig_stop(&rig);
}

/* What scripts and multipath call a disk by is what it was on another target, byte by byte. */
static void a_disk_that_was_elsewhere(void **state)
{
	static const char serial[] = "ba58b8ff-0796-45c5-befa-e85d385183d4";
	static const struct scsi_lu_config config = {
		.vendor = "LIO-ORG",
		.product = "lun0",
		.serial = serial,
		.t10_id = "LIO-ORG lun0:ba58b8ff-0796-45c5-befa-e85d385183d4",
		.naa = {0x60, 0x01, 0x40, 0x5b, 0xa5, 0x8b, 0x8f, 0xf0, 0x79, 0x64, 0x5c, 0x5b,
			0xef, 0xae, 0x85, 0xd3},
		.naa_len = 16,
	};
	struct rig rig;

	rig_open(&rig);
	rig_start(&rig, &config);
	RIG_IN(&rig, EVPD(0x80));
	assert_int_equal(rig.io.in_len, 4 + strlen(serial));
	assert_memory_equal(rig.data + 4, serial, strlen(serial));
	RIG_IN(&rig, EVPD(0x83));
	assert_memory_equal(rig.data + 4, "\x01\x03\x00\x10", 4);
	assert_memory_equal(rig.data + 8, config.naa, 16);
	assert_memory_equal(rig.data + 24, "\x02\x01\x00\x31LIO-ORG lun0:ba58b8ff-0796-", 31);
	rig_stop(&rig);
}

static void standard_data_at_every_length(void **state)
{
	rig_expect_truncation(*state, RIG_CDB(0x12, 0, 0, 0, 0, 0), 3, 2);
}

static void no_lu_no_device(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, rig->nexus, 5, RIG_CDB(0x12, 0, 0, 0, 96, 0), NULL, 0);
	assert_int_equal(rig->io.status, SCSI_GOOD);
	assert_int_equal(rig->io.in_len, 96);
	assert_int_equal(rig->data[0], 0x7f);
	assert_int_equal(rig->data[2], 0x06);
	assert_int_equal(rig->data[4], 91);
}

static void no_lu_only_page_zero(void **state)
{
	struct rig *rig = *state;

	rig_send(rig, rig->nexus, 5, RIG_CDB(EVPD(0x00)), NULL, 0);
	rig_expect_bytes(rig, "\x7f\x00\x00\x01\x00", 5);
	rig_send(rig, rig->nexus, 5, RIG_CDB(EVPD(0x83)), NULL, 0);
	rig_expect_cdb_field(rig, 2, -1);
}

static void page_code_without_evpd_is_refused(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x12, 0x00, 0x80, 0, 255, 0);
	rig_expect_cdb_field(rig, 2, -1);
}

static void cmddt_is_refused(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x12, 0x02, 0x00, 0, 255, 0);
	rig_expect_cdb_field(rig, 1, 1);
}

static void unknown_page_is_refused(void **state)
{
	struct rig *rig = *state;

	for (unsigned page = 0; page < 256; page++) {
		if (memchr("\x00\x80\x83\x86\x8f\xb0\xb1", (int)page, 7))
			continue;
		RIG_IN(rig, EVPD((uint8_t)page));
		rig_expect_cdb_field(rig, 2, -1);
	}
}

/* Page 00h lists what there is, rising, and each of them answers with its own code. */
static void listed_pages_are_there(void **state)
{
	struct rig *rig = *state;
	uint8_t list[] = {0x00, 0x80, 0x83, 0x86, 0x8f, 0xb0, 0xb1};

	RIG_IN(rig, EVPD(0x00));
	rig_expect_bytes(rig, "\x00\x00\x00\x07\x00\x80\x83\x86\x8f\xb0\xb1", 11);
	for (size_t i = 0; i < sizeof(list); i++) {
		RIG_IN(rig, EVPD(list[i]));
		assert_int_equal(rig->io.status, SCSI_GOOD);
		assert_int_equal(rig->data[0], 0x00);
		assert_int_equal(rig->data[1], list[i]);
		assert_int_equal(rig->io.in_len, get_be16(rig->data + 2) + 4);
	}
}

static void every_page_at_every_length(void **state)
{
	struct rig *rig = *state;
	uint8_t list[] = {0x00, 0x80, 0x83, 0x86, 0x8f, 0xb0, 0xb1};

	for (size_t i = 0; i < sizeof(list); i++)
		rig_expect_truncation(rig, RIG_CDB(0x12, 0x01, list[i], 0, 0, 0), 3, 2);
}

static void serial_number_is_the_lus(void **state)
{
	struct rig *rig = *state;
	size_t n = strlen(scsi_lu_serial(rig->lu));

	RIG_IN(rig, EVPD(0x80));
	assert_true(n > 0);
	assert_int_equal(rig->io.in_len, 4 + n);
	assert_memory_equal(rig->data + 4, scsi_lu_serial(rig->lu), n);
}

/* The designator number `n` of page 83h: its bytes with the header. */
static const uint8_t *nth_designator(const struct rig *rig, unsigned n)
{
	uint32_t at = 4;

	for (; n > 0; n--)
		at += 4 + rig->data[at + 3];
	assert_true(at + 4 + rig->data[at + 3] <= rig->io.in_len);
	return rig->data + at;
}

static void designators_of_the_lu(void **state)
{
	struct rig *rig = *state;
	const char *serial = scsi_lu_serial(rig->lu);
	const uint8_t *d;

	RIG_IN(rig, EVPD(0x83));
	d = nth_designator(rig, 0);
	assert_memory_equal(d, "\x01\x03\x00\x08\x3a\x1b\x2c\x3d\x4e\x5f\x60\x71", 12);
	d = nth_designator(rig, 1);
	assert_memory_equal(d, "\x02\x01\x00", 3);
	assert_int_equal(d[3], 24 + strlen(serial));
	assert_memory_equal(d + 4, "LUNAR   VIRTUAL-DISK    ", 24);
	assert_memory_equal(d + 28, serial, strlen(serial));
	d = nth_designator(rig, 2);
	assert_memory_equal(d, "\x01\x0a\x00\x12\x10\x00", 6);
	/* A random UUID: version 4, variant 10b. */
	assert_memory_equal(d + 6,
			    "\x9a\x1b\x2c\x3d\x4e\x5f\x40\x71\x82\x93\xa4\xb5\xc6\xd7\xe8\xf9", 16);
}

static void designators_of_port_and_device(void **state)
{
	static const char port[] = "iqn.2026-11.org.example:store,t,0x0001";
	static const char device[] = "iqn.2026-11.org.example:store";
	struct rig *rig = *state;
	const uint8_t *d;

	RIG_IN(rig, EVPD(0x83));
	assert_memory_equal(nth_designator(rig, 3), "\x51\x94\x00\x04\x00\x00\x00\x01", 8);
	d = nth_designator(rig, 4);
	assert_memory_equal(d, "\x53\x98\x00\x28", 4);
	assert_memory_equal(d + 4, port, sizeof(port));
	assert_int_equal(d[4 + 39], 0);
	d = nth_designator(rig, 5);
	assert_memory_equal(d, "\x53\xa8\x00\x20", 4);
	assert_memory_equal(d + 4, device, sizeof(device));
	assert_ptr_equal(d + 4 + 0x20, rig->data + rig->io.in_len);
}

/* Names of the longest kind (RFC 7143 4.2.7: 223 bytes) fit in whole. */
static void longest_names(void **state)
{
	char name[224], port[240];
	struct rig *rig = *state;
	struct scsi_device *dev;
	struct scsi_nexus *nexus;
	const uint8_t *d;

	memset(name, 'x', 223);
	memcpy(name, "iqn.2026-11.org.example:", 24);
	name[223] = 0;
	snprintf(port, sizeof(port), "%s,t,0xffff", name);
	dev = scsi_device_new(name);
	assert_int_equal(scsi_device_map(dev, 0, rig->lu), 0);
	nexus = scsi_nexus_new(scsi_device_map_of(dev), "iqn.2026-11.org.example:a,i,0x1", port,
			       0xfedc);
	rig_ready(rig, nexus);
	rig_send(rig, nexus, 0, RIG_CDB(EVPD(0x83)), NULL, 0);
	assert_memory_equal(nth_designator(rig, 3) + 4, "\x00\x00\xfe\xdc", 4);
	d = nth_designator(rig, 4);
	assert_int_equal(d[3], 236);
	assert_string_equal((const char *)d + 4, port);
	d = nth_designator(rig, 5);
	assert_int_equal(d[3], 224);
	assert_string_equal((const char *)d + 4, name);
	scsi_nexus_free(nexus);
	scsi_device_unmap(dev, 0);
	scsi_device_free(dev);
}

static void extended_inquiry(void **state)
{
	struct rig *rig = *state;
	uint8_t want[64] = {0x00, 0x86, 0x00, 0x3c, 0x00, 0x07, 0x00, 0x01};

	want[13] = SCSI_SENSE_MAX;
	want[6] = rig->bs->volatile_cache;
	RIG_IN(rig, EVPD(0x86));
	rig_expect_bytes(rig, want, sizeof(want));
}

static void block_limits_thick(void **state)
{
	struct rig *rig = *state;
	uint8_t want[64] = {0x00, 0xb0, 0x00, 0x3c, 0x01, 0x01, 0x00, 0x01};

	put_be32(want + 8, SCSI_TRANSFER_MAX / 512);
	put_be32(want + 12, SCSI_TRANSFER_BEST / 512);
	put_be64(want + 36, SCSI_WRITE_SAME_MAX / 512);
	put_be32(want + 44, SCSI_TRANSFER_MAX / 512);
	RIG_IN(rig, EVPD(0xb0));
	rig_expect_bytes(rig, want, sizeof(want));
}

static void start_thin(struct rig *rig, uint32_t block_size, uint32_t granularity)
{
	struct scsi_lu_config config = {.block_size = block_size, .thin = true};

	rig_open(rig);
	rig->bs->unmap_granularity = granularity;
	rig_start(rig, &config);
}

static void block_limits_thin(void **state)
{
	uint8_t want[64] = {0x00, 0xb0, 0x00, 0x3c, 0x01, 0x01, 0x00, 0x01};
	struct rig rig;

	start_thin(&rig, 4096, 65536);
	put_be32(want + 8, SCSI_TRANSFER_MAX / 4096);
	put_be32(want + 12, SCSI_TRANSFER_BEST / 4096);
	put_be32(want + 20, SCSI_UNMAP_MAX / 4096);
	put_be32(want + 24, SCSI_UNMAP_RANGES);
	put_be32(want + 28, 16);
	want[32] = 0x80;
	put_be64(want + 36, SCSI_WRITE_SAME_MAX / 4096);
	put_be32(want + 44, SCSI_TRANSFER_MAX / 4096);
	RIG_IN(&rig, EVPD(0xb0));
	rig_expect_bytes(&rig, want, sizeof(want));
	rig_stop(&rig);
}

/* No limit is above 2^20 blocks: test suites take more for a mistake. */
static void unmap_limit_is_believable(void **state)
{
	struct rig rig;

	start_thin(&rig, 512, 4096);
	RIG_IN(&rig, EVPD(0xb0));
	assert_in_range(get_be32(rig.data + 20), 1, 1024 * 1024);
	assert_in_range(get_be32(rig.data + 24), 1, 1024 * 1024);
	rig_stop(&rig);
}

static void provisioning_only_when_thin(void **state)
{
	struct rig rig;

	start_thin(&rig, 512, 4096);
	RIG_IN(&rig, EVPD(0x00));
	rig_expect_bytes(&rig, "\x00\x00\x00\x08\x00\x80\x83\x86\x8f\xb0\xb1\xb2", 12);
	RIG_IN(&rig, EVPD(0xb2));
	rig_expect_bytes(&rig, "\x00\xb2\x00\x04\x00\xe4\x02\x00", 8);
	rig_stop(&rig);
}

static void rotation(void **state)
{
	struct rig *rig = *state;
	uint8_t want[64] = {0x00, 0xb1, 0x00, 0x3c, 0x00, 0x01};

	rig->bs->rotational = false;
	RIG_IN(rig, EVPD(0xb1));
	rig_expect_bytes(rig, want, sizeof(want));
	rig->bs->rotational = true;
	want[5] = 0;
	RIG_IN(rig, EVPD(0xb1));
	rig_expect_bytes(rig, want, sizeof(want));
}

static void inquiry_leaves_a_unit_attention(void **state)
{
	struct rig *rig = *state;

	RIG_IN(rig, 0x00, 0, 0, 0, 0, 0);
	scsi_ua_add(rig->io.itl, SCSI_ASC_CAPACITY_CHANGED);
	assert_int_equal(RIG_IN(rig, 0x12, 0, 0, 0, 96, 0), SCSI_GOOD);
	RIG_IN(rig, 0x00, 0, 0, 0, 0, 0);
	rig_expect_sense(rig, 0x6, SCSI_ASC_CAPACITY_CHANGED, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(standard_data_byte_by_byte),
		cmocka_unit_test(standard_data_with_configured_names),
		cmocka_unit_test(a_disk_that_was_elsewhere),
		TEST(standard_data_at_every_length),
		TEST(no_lu_no_device),
		TEST(no_lu_only_page_zero),
		TEST(page_code_without_evpd_is_refused),
		TEST(cmddt_is_refused),
		TEST(unknown_page_is_refused),
		TEST(listed_pages_are_there),
		TEST(every_page_at_every_length),
		TEST(serial_number_is_the_lus),
		TEST(designators_of_the_lu),
		TEST(designators_of_port_and_device),
		TEST(longest_names),
		TEST(extended_inquiry),
		TEST(block_limits_thick),
		cmocka_unit_test(block_limits_thin),
		cmocka_unit_test(unmap_limit_is_believable),
		cmocka_unit_test(provisioning_only_when_thin),
		TEST(rotation),
		TEST(inquiry_leaves_a_unit_attention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
