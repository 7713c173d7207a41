/* SPDX-License-Identifier: BSD-2-Clause */
/* Additional header segments (RFC 7143 11.2.2), read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "iscsi/ahs.h"

#define CDB 1
#define LEN 2

static void test_good(void **state)
{
	static const struct {
		uint8_t bytes[24];
		uint32_t len;
		uint32_t cdb_len; /* its bytes are 0xc1, 0xc2 and so on */
		bool bidi;
		uint32_t read;
	} row[] = {
		{{0}, 0, 0, false, 0},
		{{0, 2, CDB, 0, 0xc1, 0, 0, 0}, 8, 1, false, 0},
		{{0, 5, CDB, 0, 0xc1, 0xc2, 0xc3, 0xc4}, 8, 4, false, 0},
		{{0, 5, LEN, 0, 1, 2, 3, 4}, 8, 0, true, 0x01020304},
		{{0, 3, CDB, 0, 0xc1, 0xc2, 0, 0, 0, 5, LEN, 0, 0, 0, 2, 0}, 16, 2, true, 512},
		{{0, 5, LEN, 0, 0, 0, 2, 0, 0, 3, CDB, 0, 0xc1, 0xc2}, 16, 2, true, 512},
		/* What is reserved is not looked at: bits of the type, byte 3, padding (11). */
		{{0, 2, 0xc0 | CDB, 0xff, 0xc1, 0xff, 0xff, 0xff}, 8, 1, false, 0},
		{{0, 5, 0x40 | LEN, 0xff, 1, 2, 3, 4}, 8, 0, true, 0x01020304},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct iscsi_ahs a;
		assert_int_equal(iscsi_ahs_parse(row[i].bytes, row[i].len, &a), 0);
		assert_int_equal(a.cdb_len, row[i].cdb_len);
		assert_int_equal(!!a.cdb, !!a.cdb_len);
		for (uint32_t k = 0; k < a.cdb_len; k++)
			assert_int_equal(a.cdb[k], 0xc1 + k);
		assert_int_equal(a.bidi, row[i].bidi);
		assert_int_equal(a.bidi_read_length, row[i].read);
	}
}

static void test_bad(void **state)
{
	static const struct {
		uint8_t bytes[24];
		uint32_t len;
	} row[] = {
		{{0, 0, CDB, 0}, 4},                         /* no length */
		{{0, 200, CDB, 0}, 4},                       /* longer than all */
		{{0xff, 0xff, CDB, 0}, 4},                   /* much longer */
		{{0, 6, LEN, 0, 1, 2, 3, 4}, 8},             /* by one byte */
		{{0, 1, CDB, 0}, 4},                         /* 11.2.2.3: a CDB of 16 bytes */
		{{0, 1, LEN, 0}, 4},                         /* a read length without the length */
		{{0, 4, LEN, 0, 1, 2, 3, 0}, 8},             /* ... with a part of it */
		{{0, 6, LEN, 0, 1, 2, 3, 4, 5}, 12},         /* ... with too much */
		{{0, 5, LEN, 0, 0, 0, 2, 0, 0, 1, LEN}, 12}, /* one and a half */
		{{0, 5, 0, 0, 0, 0, 0, 0}, 8},               /* types that are none */
		{{0, 5, 3, 0, 0, 0, 0, 0}, 8},
		{{0, 5, 0x3f, 0, 0, 0, 0, 0}, 8},
		{{0, 5, 0xc0, 0, 0, 0, 0, 0}, 8},
		{{0, 2, CDB, 0, 0xc1, 0, 0, 0, 0, 2, CDB, 0, 0xc1}, 16}, /* twice */
		{{0, 5, LEN, 0, 0, 0, 2, 0, 0, 5, LEN, 0, 0, 0, 2, 0}, 16},
		{{0, 5, LEN, 0, 0, 0, 2, 0, 0}, 9}, /* not by words: no header has this */
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct iscsi_ahs a;
		assert_int_equal(iscsi_ahs_parse(row[i].bytes, row[i].len, &a), -EINVAL);
	}
}

/* The longest CDB, and one byte more. */
static void test_longest_cdb(void **state)
{
	uint8_t bytes[ISCSI_AHS_MAX] = {0};
	struct iscsi_ahs a;
	bytes[2] = CDB;
	put_be16(bytes, 1 + 244);
	assert_int_equal(iscsi_ahs_parse(bytes, 248, &a), 0);
	assert_int_equal(a.cdb_len, 244);
	put_be16(bytes, 1 + 245);
	assert_int_equal(iscsi_ahs_parse(bytes, 252, &a), -EINVAL);
	put_be16(bytes, ISCSI_AHS_MAX - 3);
	assert_int_equal(iscsi_ahs_parse(bytes, ISCSI_AHS_MAX, &a), -EINVAL);
}

/* What is written is read again, whatever there is of it. */
static void test_round_trips(void **state)
{
	uint8_t cdb[ISCSI_CDB_MAX - ISCSI_CDB_LEN], out[ISCSI_AHS_MAX_TX];
	for (size_t i = 0; i < sizeof(cdb); i++)
		cdb[i] = (uint8_t)(i * 7 + 1);
	for (uint32_t len = 0; len <= sizeof(cdb); len++)
		for (int bidi = 0; bidi < 2; bidi++) {
			struct iscsi_ahs a = {.cdb = len ? cdb : NULL, .cdb_len = len}, b;
			a.bidi = bidi;
			a.bidi_read_length = bidi ? 0xfffffe00 : 0;
			memset(out, 0xee, sizeof(out));
			uint32_t n = iscsi_ahs_build(&a, out);
			assert_int_equal(n % 4, 0);
			assert_true(n <= sizeof(out));
			if (n < sizeof(out))
				assert_int_equal(out[n], 0xee);
			assert_int_equal(iscsi_ahs_parse(out, n, &b), 0);
			assert_int_equal(b.cdb_len, len);
			if (len)
				assert_memory_equal(b.cdb, cdb, len);
			assert_int_equal(b.bidi, bidi);
			assert_int_equal(b.bidi_read_length, a.bidi_read_length);
		}
}

static void test_bytes(void **state)
{
	static const uint8_t cdb[] = {0xc1, 0xc2, 0xc3, 0xc4, 0xc5};
	static const uint8_t expected[] = {0, 6, CDB, 0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0,
					   0, 0, 0,   5, LEN,  0,    0x12, 0x34, 0x56, 0x78};
	struct iscsi_ahs a = {cdb, sizeof(cdb), true, 0x12345678};
	uint8_t out[ISCSI_AHS_MAX_TX];
	assert_int_equal(iscsi_ahs_build(&a, out), sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),        cmocka_unit_test(test_bad),
		cmocka_unit_test(test_longest_cdb), cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
