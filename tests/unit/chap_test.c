/* SPDX-License-Identifier: BSD-2-Clause */
/* The arithmetic of CHAP. The digests were made by another library, of the bytes 0x27,
 * "a secret of ours", 00 01 02 ... 0f. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "iscsi/chap.h"
#include "iscsi/text.h"

static const uint8_t challenge[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static struct iscsi_chap_account account(const char *name, const char *secret)
{
	struct iscsi_chap_account a;
	assert_int_equal(iscsi_chap_account_set(&a, name, secret, strlen(secret)), 0);
	return a;
}

static void test_vectors(void **state)
{
	static const struct {
		unsigned algorithm;
		const char *digest;
	} row[] = {
		{5, "0x433dd038ff705bde550f1e90ecfdb87e"},
		{6, "0xc24fecbd1b7ce8375ade6a9f94618e96171780eb"},
		{7, "0xf249efddc542c4fb9cc97971c66b8f28db181cd1653c5ee3e557776aa036da1a"},
		{8, "0x749c4fd5b36c0dd5b96dbcac967722114e0d593f7439b6c43fe0af01ecca40ca"},
	};
	struct iscsi_chap_account a = account("user", "a secret of ours");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint8_t out[ISCSI_CHAP_DIGEST_MAX], expected[ISCSI_CHAP_DIGEST_MAX];
		size_t len;
		assert_int_equal(
			iscsi_parse_binary(row[i].digest, expected, sizeof(expected), &len), 0);
		assert_int_equal(iscsi_chap_digest_len(row[i].algorithm), len);
		assert_int_equal(iscsi_chap_response(row[i].algorithm, 0x27, &a, challenge,
						     sizeof(challenge), out),
				 0);
		assert_memory_equal(out, expected, len);
		assert_true(iscsi_chap_verify(row[i].algorithm, 0x27, &a, challenge,
					      sizeof(challenge), expected, len));
	}
}

static void test_verify_refuses(void **state)
{
	struct iscsi_chap_account a = account("user", "a secret of ours"), nobody = a;
	uint8_t r[ISCSI_CHAP_DIGEST_MAX + 1] = {0};
	nobody.name[0] = 0;
	assert_int_equal(
		iscsi_chap_response(ISCSI_CHAP_SHA1, 1, &a, challenge, sizeof(challenge), r), 0);
#define OK(alg, id, acc, clen, rlen) iscsi_chap_verify(alg, id, &acc, challenge, clen, r, rlen)
	assert_true(OK(ISCSI_CHAP_SHA1, 1, a, 16, 20));
	assert_false(OK(ISCSI_CHAP_SHA1, 2, a, 16, 20));
	assert_false(OK(ISCSI_CHAP_SHA1, 1, a, 15, 20));
	assert_false(OK(ISCSI_CHAP_SHA1, 1, a, 16, 19));
	assert_false(OK(ISCSI_CHAP_SHA1, 1, a, 16, 21));
	assert_false(OK(ISCSI_CHAP_SHA1, 1, a, 16, 0));
	assert_false(OK(ISCSI_CHAP_MD5, 1, a, 16, 16));
	assert_false(OK(9, 1, a, 16, 0));
	assert_false(OK(ISCSI_CHAP_SHA1, 1, nobody, 16, 20));
	for (size_t bit = 0; bit < 20 * 8; bit++) {
		r[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(OK(ISCSI_CHAP_SHA1, 1, a, 16, 20));
		r[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
#undef OK
}

static void test_choose(void **state)
{
	static const struct {
		const char *list;
		unsigned allowed, chosen;
	} row[] = {
		{"5", ISCSI_CHAP_ALL, 5},
		{"7,5", ISCSI_CHAP_ALL, 7},
		{"5,7", ISCSI_CHAP_ALL, 5},
		{"5,7", ISCSI_CHAP_BIT(7), 7},
		{"0x8,5", ISCSI_CHAP_ALL, 8},
		{"99,999999,x,,6", ISCSI_CHAP_ALL, 6},
		{"37", ISCSI_CHAP_ALL, 0}, /* 5 + 32 */
		{"4294967301", ISCSI_CHAP_ALL, 0},
		{"5", ISCSI_CHAP_BIT(7), 0},
		{"9", ~0u, 0},
		{"", ISCSI_CHAP_ALL, 0},
		{"05", ISCSI_CHAP_ALL, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		assert_int_equal(iscsi_chap_choose(row[i].list, row[i].allowed), row[i].chosen);
}

static void test_list(void **state)
{
	char list[ISCSI_CHAP_LIST_SIZE];
	assert_string_equal(iscsi_chap_list(list, ISCSI_CHAP_ALL), "8,7,6,5");
	assert_string_equal(iscsi_chap_list(list, ~0u), "8,7,6,5");
	assert_string_equal(iscsi_chap_list(list, ISCSI_CHAP_BIT(5) | ISCSI_CHAP_BIT(7)), "7,5");
	assert_string_equal(iscsi_chap_list(list, 0), "");
}

static void test_accounts(void **state)
{
	struct iscsi_chap_account a;
	char longest[257];
	memset(longest, 'x', sizeof(longest));
	longest[256] = 0;
	assert_int_equal(iscsi_chap_account_set(&a, longest, "s", 1), -EINVAL);
	assert_int_equal(iscsi_chap_account_set(&a, longest + 1, "s", 1), 0);
	assert_int_equal(iscsi_chap_account_set(&a, "", "s", 1), -EINVAL);
	assert_int_equal(iscsi_chap_account_set(&a, "u", "", 0), -EINVAL);
	assert_int_equal(iscsi_chap_account_set(&a, "u", longest, 256), -EINVAL);
	assert_int_equal(iscsi_chap_account_set(&a, "u", longest, 255), 0);
	static const struct iscsi_chap_account zero;
	iscsi_chap_account_wipe(&a);
	assert_memory_equal(&a, &zero, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),  cmocka_unit_test(test_verify_refuses),
		cmocka_unit_test(test_choose),   cmocka_unit_test(test_list),
		cmocka_unit_test(test_accounts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
