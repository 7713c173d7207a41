/* SPDX-License-Identifier: BSD-2-Clause */
/* CDBs that are prepared, replies that are read, outcomes in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"
#include "lunar/scsi.h"

static void cdb_is(const struct lunar_task *t, const char *hex)
{
	char text[33];
	for (size_t i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", t->cdb[i]);
	assert_string_equal(text, hex);
}

static void read_and_write(void **state)
{
	struct lunar_task t;
	struct iovec iov = {NULL, 0};
	int me;
	memset(&t, 0xff, sizeof(t));
	t.user = &me;
	lunar_prepare_read(&t, 3, 0x1234, 8, 512, &iov, 1, LUNAR_DPO);
	cdb_is(&t, "28100000123400000800000000000000");
	assert_true(t.lun == 3 && t.in_len == 4096 && t.in == &iov && t.in_count == 1);
	assert_true(!t.out && !t.out_len && t.flags == LUNAR_RETRY && t.user == &me);
	assert_true(!t.cdb_len && !t.long_cdb);
	/* SBC-3 5.13: ten bytes go as far as LBA and length are 32 and 16 bits. */
	lunar_prepare_write(&t, 0, 0xffffffff, 1, 512, &iov, 1, LUNAR_FUA);
	cdb_is(&t, "8a0800000000ffffffff000000010000");
	lunar_prepare_write(&t, 0, 0xfffffffe, 1, 512, &iov, 1, 0);
	cdb_is(&t, "2a00fffffffe00000100000000000000");
	lunar_prepare_read(&t, 0, 0, 65536, 512, &iov, 1, 0);
	cdb_is(&t, "88000000000000000000000100000000");
	lunar_prepare_read(&t, 0, 0, UINT32_MAX, 4096, &iov, 1, 0);
	assert_true(t.in_len == UINT32_MAX);
}

static void with_parameters(void **state)
{
	struct lunar_task t = {0};
	static const uint8_t unmap[24] = {0, 22, 0, 16, [15] = 5, [19] = 7};
	lunar_prepare_unmap(&t, 0, 5, 7);
	cdb_is(&t, "42000000000000001800000000000000");
	assert_memory_equal(t.out->iov_base, unmap, sizeof(unmap));
	assert_int_equal(t.out_len, 24);
	lunar_prepare_reserve_out(&t, 0, LUNAR_PR_RESERVE, LUNAR_PR_EXCLUSIVE_ACCESS, 0x11, 0x22,
				  true);
	cdb_is(&t, "5f010300000000001800000000000000");
	const uint8_t *p = t.out->iov_base;
	assert_true(get_be64(p) == 0x11 && get_be64(p + 8) == 0x22 && p[20] == 1);
	assert_int_equal(t.flags, 0); /* twice it would be another thing */
	struct iovec iov = {NULL, 0};
	lunar_prepare_compare_and_write(&t, 0, 9, 1, 512, &iov, 1);
	cdb_is(&t, "89000000000000000009000000010000");
	assert_true(t.out_len == 1024 && t.flags == 0);
}

static void short_commands(void **state)
{
	struct lunar_task t = {0};
	uint8_t reply[16];
	lunar_prepare_inquiry(&t, 0, 0x83, reply, 16);
	cdb_is(&t, "12018300100000000000000000000000");
	lunar_prepare_inquiry(&t, 0, -1, reply, 16);
	cdb_is(&t, "12000000100000000000000000000000");
	lunar_prepare_capacity(&t, 0, reply, 16);
	cdb_is(&t, "9e100000000000000000000000100000");
	lunar_prepare_flush(&t, 0, 0, 0);
	cdb_is(&t, "35000000000000000000000000000000");
	assert_true(!t.in_len && !t.out_len);
	lunar_prepare_write_same(&t, 0, 1, 2, 16, reply, true);
	cdb_is(&t, "93080000000000000001000000020000");
	lunar_prepare_lba_status(&t, 0, 1, reply, 16);
	cdb_is(&t, "9e120000000000000001000000100000");
	lunar_prepare_report_luns(&t, reply, 16);
	cdb_is(&t, "a0000000000000000010000000000000");
	lunar_prepare_port_groups(&t, 0, reply, 16);
	cdb_is(&t, "a30a0000000000000010000000000000");
	lunar_prepare_reserve_in(&t, 0, 1, reply, 16);
	cdb_is(&t, "5e010000000000001000000000000000");
}

static void capacity(void **state)
{
	struct lunar_capacity c;
	uint8_t p[32] = {[7] = 0xff, [10] = 2, [13] = 3, [14] = 0xc0};
	assert_true(lunar_parse_capacity(&c, p, 32));
	assert_true(c.blocks == 256 && c.block_size == 512 && c.physical_block_size == 4096);
	assert_true(c.thin && c.reads_zeroes);
	const uint8_t ten[8] = {0, 0, 0, 9, 0, 0, 16, 0};
	assert_true(lunar_parse_capacity(&c, ten, 8));
	assert_true(c.blocks == 10 && c.block_size == 4096 && !c.thin);
	assert_false(lunar_parse_capacity(&c, p, 7));
	assert_true(c.blocks == 0 && c.block_size == 0);
	put_be32(p + 8, 513);
	assert_false(lunar_parse_capacity(&c, p, 32));
	put_be32(p + 8, 0); /* by which somebody might divide */
	assert_false(lunar_parse_capacity(&c, p, 32));
	memset(p, 0xff, 8); /* blocks would run over */
	put_be32(p + 8, 512);
	assert_false(lunar_parse_capacity(&c, p, 32));
}

/* A list that says it is longer than what came, or shorter than its header. */
static void lists_lie(void **state)
{
	uint64_t luns[4], keys[4];
	size_t took;
	uint32_t generation;
	struct lunar_lba_status lba[2];
	struct lunar_port_group groups[2];
	struct lunar_designator d[2];
	uint8_t p[64];
	memset(p, 0xff, sizeof(p));
	assert_int_equal(lunar_parse_luns(luns, 4, &took, p, 24), 0xffffffff / 8);
	assert_int_equal(took, 2);
	assert_true(luns[0] == UINT64_MAX);
	assert_int_equal(lunar_parse_luns(luns, 4, &took, p, 7), 0);
	assert_int_equal(took, 0);
	assert_int_equal(lunar_parse_keys(keys, 4, &generation, p, 64), 7);
	assert_int_equal(lunar_parse_keys(keys, 4, &generation, p, 3), 0);
	assert_int_equal(lunar_parse_lba_status(lba, 2, p, 64), 3);
	assert_int_equal(lunar_parse_lba_status(lba, 2, p, 8), 0);
	assert_int_equal(lunar_parse_port_groups(groups, 2, p, 64), 1);
	assert_true(groups[0].ports == 0xff && groups[0].first_ports[7] == 0xffff);
	assert_int_equal(lunar_parse_designators(d, 2, p, 64), 0);
	p[1] = 0x83;
	p[7] = 61;
	assert_int_equal(lunar_parse_designators(d, 2, p, 64), 0);
	p[7] = 0;
	p[11] = 52;
	assert_int_equal(lunar_parse_designators(d, 2, p, 64), 2);
	assert_int_equal(d[1].len, 52);
	memset(p, 0, sizeof(p));
	assert_int_equal(lunar_parse_lba_status(lba, 2, p, 64), 0);
	assert_int_equal(lunar_parse_port_groups(groups, 2, p, 64), 0);
}

static void luns_by_number_and_by_bytes(void **state)
{
	uint64_t luns[3];
	size_t took;
	const uint8_t p[32] = {
		0, 0, 0, 24, [9] = 7, [16] = 0x41, [17] = 0x02, [24] = 0xc1, [25] = 0x01};
	assert_int_equal(lunar_parse_luns(luns, 3, &took, p, sizeof(p)), 3);
	assert_true(luns[0] == 7 && luns[1] == 258 && luns[2] == UINT64_C(0xc101000000000000));
}

static void reservations(void **state)
{
	struct lunar_reservation r;
	uint8_t p[24] = {0, 0, 0, 5};
	assert_true(lunar_parse_reservation(&r, p, 8));
	assert_true(r.generation == 5 && !r.held);
	p[7] = 16;
	assert_false(lunar_parse_reservation(&r, p, 23));
	p[15] = 9;
	p[21] = 3;
	assert_true(lunar_parse_reservation(&r, p, 24));
	assert_true(r.held && r.key == 9 && r.type == 3);
}

static void inquiry(void **state)
{
	struct lunar_inquiry i;
	uint8_t p[36] = {0, 0x80, 6};
	memcpy(p + 8, "ACME    Disk\x1b[2J         1.0 ", 28);
	assert_true(lunar_parse_inquiry(&i, p, 36));
	assert_true(i.removable && i.version == 6 && i.type == 0);
	assert_string_equal(i.vendor, "ACME");
	assert_string_equal(i.product, "Disk?[2J"); /* safe to print */
	assert_false(lunar_parse_inquiry(&i, p, 35));
	assert_int_equal(i.type, 0x1f);
}

static int outcome(uint8_t status, uint8_t key, uint16_t code, char text[160])
{
	struct lunar_task t = {.status = status};
	t.sense[0] = 0x70;
	t.sense[2] = key;
	t.sense[7] = 10;
	put_be16(t.sense + 12, code);
	t.sense_len = key || code ? 18 : 0;
	lunar_task_text(&t, 0, text, 160);
	return lunar_task_result(&t, 0);
}

static void outcomes(void **state)
{
	char text[160];
	struct lunar_task t = {0};
	assert_int_equal(outcome(LUNAR_GOOD, 0, 0, text), 0);
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 0, 0, text), -EIO);
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 1, 0x1700, text), 0); /* RECOVERED ERROR */
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 5, 0x2500, text), -ENXIO);
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 5, 0x2100, text), -ERANGE);
	assert_string_equal(text, "it is past the end of the LU (sense key 5, code 21/00)");
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 5, 0x2000, text), -EOPNOTSUPP);
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 7, 0x2707, text), -ENOSPC);
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 7, 0x2700, text), -EROFS);
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 0xe, 0x1d00, text), -EILSEQ);
	assert_int_equal(outcome(LUNAR_CHECK_CONDITION, 3, 0x1100, text), -ENODATA);
	assert_int_equal(outcome(LUNAR_RESERVATION_CONFLICT, 0, 0, text), -EBUSY);
	assert_int_equal(outcome(0x99, 0, 0, text), -EIO);
	assert_int_equal(lunar_task_result(&t, -ETIMEDOUT), -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_and_write), cmocka_unit_test(with_parameters),
		cmocka_unit_test(short_commands), cmocka_unit_test(capacity),
		cmocka_unit_test(lists_lie),      cmocka_unit_test(luns_by_number_and_by_bytes),
		cmocka_unit_test(reservations),   cmocka_unit_test(inquiry),
		cmocka_unit_test(outcomes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
