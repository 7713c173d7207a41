/* SPDX-License-Identifier: BSD-2-Clause */
/* iSCSI names (RFC 7143 4.2.7), LUNs (SAM-5 4.7) and serial numbers (RFC 1982). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "iscsi/lun.h"
#include "iscsi/names.h"
#include "iscsi/serial.h"

static void test_good_names(void **state)
{
	static const char *const row[][2] = {
		{"iqn.2001-04.com.example:storage:diskarrays-sn-a8675309", NULL},
		{"iqn.2001-04.com.example", NULL},
		{"IQN.2001-04.COM.Example:Disk.1", "iqn.2001-04.com.example:disk.1"},
		{"iqn.1994-05.com.redhat:some_host", NULL},
		{"eui.02004567A425678D", "eui.02004567a425678d"},
		{"naa.52004567BA64678D", "naa.52004567ba64678d"},
		{"naa.62004567BA64678D0123456789ABCDEF", "naa.62004567ba64678d0123456789abcdef"},
	};
	char out[ISCSI_NAME_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		assert_int_equal(iscsi_name_normalize(row[i][0], out), 0);
		assert_string_equal(out, row[i][1] ? row[i][1] : row[i][0]);
		assert_true(iscsi_name_valid(out));
		assert_int_equal(iscsi_name_valid(row[i][0]), !row[i][1]);
		assert_null(iscsi_name_problem(row[i][0]));
	}
}

static void test_bad_names(void **state)
{
	static const char *const row[] = {
		"",
		"iqn",
		"iqn.",
		"iqn.2001",
		"iqn.2001-04",
		"iqn.2001-04.",
		"iqn.2001-04.:disk",
		"iqn.2001-04..com",
		"iqn.2001-00.com.example",
		"iqn.2001-13.com.example",
		"iqn.2001.04.com.example",
		"iqn.01-04.com.example",
		"iqn.2001-04.com.example:a b",
		"iqn.2001-04.com.example:a/b",
		"iqn.2001-04.com.example:../../etc",
		"iqn.2001-04.com.example:a\n",
		"iqn.2001-04.com.example:\x1b[31m",
		"iqn.2001-04.com.example:\xc3\xa4",
		"iqn.2001-04.com.example:a,t,0x0001",
		"eui.02004567A425678",
		"eui.02004567A425678D0",
		"eui.02004567A425678G",
		"naa.5200",
		"naa.52004567BA64678D0",
		"naa.52004567BA64678-",
		"disk1",
	};
	char out[ISCSI_NAME_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		assert_int_equal(iscsi_name_normalize(row[i], out), -EINVAL);
		assert_string_equal(out, "");
		assert_false(iscsi_name_valid(row[i]));
		assert_non_null(iscsi_name_problem(row[i]));
	}
}

/* The words name what is let through, and the mistake that is made most often. */
static void test_problems(void **state)
{
	assert_non_null(strstr(iscsi_name_problem("iqn.2001-04.com.example:a b"), "space"));
	assert_non_null(strstr(iscsi_name_problem("iqn.2001-04.com.example:a/b"), "'_'"));
	assert_null(strstr(iscsi_name_problem("iqn.2001-04.com.example:a/b"), "space"));
}

static void test_long_names(void **state)
{
	char name[300] = "iqn.2001-04.com.example:", out[ISCSI_NAME_SIZE];
	memset(name + strlen(name), 'a', ISCSI_NAME_MAX - strlen(name));
	assert_int_equal(strlen(name), 223);
	assert_int_equal(iscsi_name_normalize(name, out), 0);
	assert_string_equal(out, name);
	char port[ISCSI_PORT_NAME_SIZE];
	assert_int_equal(
		iscsi_initiator_port_name(port, name, (const uint8_t *)"\xff\xff\xff\xff\xff\xff"),
		223 + 17);
	strcat(name, "a");
	assert_int_equal(iscsi_name_normalize(name, out), -ENAMETOOLONG);
	assert_string_equal(out, "");
}

static void test_in_place(void **state)
{
	char name[ISCSI_NAME_SIZE] = "IQN.2001-04.com.example";
	assert_int_equal(iscsi_name_normalize(name, name), 0);
	assert_string_equal(name, "iqn.2001-04.com.example");
}

static void test_port_names(void **state)
{
	static const uint8_t isid[] = {0x00, 0x02, 0x3d, 0x00, 0x0a, 0xff};
	char out[ISCSI_PORT_NAME_SIZE];
	size_t n = iscsi_initiator_port_name(out, "iqn.2001-04.com.example", isid);
	assert_string_equal(out, "iqn.2001-04.com.example,i,0x00023d000aff");
	assert_int_equal(n, strlen(out));
	n = iscsi_target_port_name(out, "iqn.2001-04.com.example", 0x1a);
	assert_string_equal(out, "iqn.2001-04.com.example,t,0x001a");
	assert_int_equal(n, strlen(out));
}

static void test_luns(void **state)
{
	static const struct {
		uint32_t number;
		uint8_t bytes[8];
	} row[] = {
		{0, {0}},
		{1, {0, 1}},
		{255, {0, 255}},
		{256, {0x41, 0}},
		{0x1234, {0x52, 0x34}},
		{16383, {0x7f, 0xff}},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint8_t lun[8];
		uint32_t number;
		iscsi_lun_put(lun, row[i].number);
		assert_memory_equal(lun, row[i].bytes, 8);
		assert_int_equal(iscsi_lun_get(lun, &number), 0);
		assert_int_equal(number, row[i].number);
	}
	for (uint32_t i = 0; i <= ISCSI_LUN_MAX; i++) {
		uint8_t lun[8];
		uint32_t number;
		iscsi_lun_put(lun, i);
		assert_int_equal(iscsi_lun_get(lun, &number), 0);
		assert_int_equal(number, i);
	}
}

static void test_flat_below_256(void **state)
{
	static const uint8_t lun[8] = {0x40, 5};
	uint32_t number;
	assert_int_equal(iscsi_lun_get(lun, &number), 0);
	assert_int_equal(number, 5);
}

static void test_bad_luns(void **state)
{
	static const uint8_t row[][8] = {
		{0x01, 0},                     /* peripheral, another bus */
		{0x3f, 0},       {0x80, 1},    /* logical unit addressing */
		{0xc1, 1},                     /* extended: REPORT LUNS well-known LU */
		{0xff, 0xff},    {0, 1, 0, 1}, /* a second level */
		{0x41, 0, 0x40}, {0, 0, 0, 0, 0, 0, 0, 1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint32_t number;
		assert_int_equal(iscsi_lun_get(row[i], &number), -EINVAL);
	}
}

static void test_lun_text(void **state)
{
	static const uint8_t strange[8] = {0xc1, 1, 0, 0, 0, 0, 0, 0xab};
	uint8_t lun[8];
	char out[ISCSI_LUN_TEXT_LEN];
	uint32_t number;
	iscsi_lun_put(lun, 16383);
	assert_string_equal(iscsi_lun_text(out, lun), "16383");
	assert_string_equal(iscsi_lun_text(out, strange), "0xc1010000000000ab");
	assert_int_equal(iscsi_lun_parse("16383", &number), 0);
	assert_int_equal(number, 16383);
	assert_int_equal(iscsi_lun_parse("16384", &number), -ERANGE);
	assert_int_equal(iscsi_lun_parse("99999999999999999999", &number), -ERANGE);
	assert_int_equal(iscsi_lun_parse("99999999999999999999x", &number), -EINVAL);
	assert_int_equal(iscsi_lun_parse("", &number), -EINVAL);
	assert_int_equal(iscsi_lun_parse("-1", &number), -EINVAL);
	assert_int_equal(iscsi_lun_parse("0x1", &number), -EINVAL);
}

static void test_serial(void **state)
{
	assert_true(iscsi_sn_lt(1, 2) && !iscsi_sn_lt(2, 1) && !iscsi_sn_lt(1, 1));
	assert_true(iscsi_sn_lt(0xffffffff, 0) && iscsi_sn_gt(0, 0xffffffff));
	assert_true(iscsi_sn_lt(0xfffffff0, 0x10) && !iscsi_sn_lt(0x10, 0xfffffff0));
	assert_true(iscsi_sn_le(5, 5) && iscsi_sn_ge(5, 5) && !iscsi_sn_gt(5, 5));
	assert_true(iscsi_sn_lt(0, 0x7fffffff) && iscsi_sn_gt(0x7fffffff, 0));
	/* 2^31 apart: less, both ways. */
	assert_true(iscsi_sn_lt(0, 0x80000000) && iscsi_sn_lt(0x80000000, 0));
	assert_true(iscsi_sn_in(0, 0xfffffffe, 1) && !iscsi_sn_in(2, 0xfffffffe, 1));
	assert_false(iscsi_sn_in(5, 5, 4)); /* an empty window */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_names), cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_problems),   cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_in_place),   cmocka_unit_test(test_port_names),
		cmocka_unit_test(test_luns),       cmocka_unit_test(test_flat_below_256),
		cmocka_unit_test(test_bad_luns),   cmocka_unit_test(test_lun_text),
		cmocka_unit_test(test_serial),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
