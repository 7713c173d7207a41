/* SPDX-License-Identifier: BSD-2-Clause */
/* The text codec (RFC 7143 6.1): form, values, and text over several PDUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "iscsi/text.h"

/* The pairs of a text as "key|value;", or the error. */
static int read_all(const void *text, size_t len, char *out)
{
	struct iscsi_pair pair;
	size_t at = 0;
	int r;
	*out = 0;
	while ((r = iscsi_text_next(text, len, &at, &pair)) > 0) {
		assert_int_equal(strlen(pair.value), pair.value_len);
		sprintf(out + strlen(out), "%.*s|%s;", (int)pair.key_len, pair.key, pair.value);
	}
	return r;
}

static void test_pairs(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		int result;
		const char *pairs;
	} row[] = {
#define TEXT(t) t, sizeof(t) - 1
		{TEXT(""), 0, ""},
		{TEXT("A=b\0"), 0, "A|b;"},
		{TEXT("A=b\0C=d\0"), 0, "A|b;C|d;"},
		{TEXT("A=\0"), 0, "A|;"},
		{TEXT("A=b=c\0"), 0, "A|b=c;"},
		{TEXT("A=b\0\0\0\0"), 0, "A|b;"},
		{TEXT("\0\0A=b\0\0C=d\0"), 0, "A|b;C|d;"},
		{TEXT("X#NodeArchitecture=x\0"), 0, "X#NodeArchitecture|x;"},
		{TEXT("X-com.example.a+b@c_d=1\0"), 0, "X-com.example.a+b@c_d|1;"},
		{TEXT("iSCSIProtocolLevel=1\0"), 0, "iSCSIProtocolLevel|1;"},
		{TEXT("A=b"), -EBADMSG, ""},
		{TEXT("A=b\0C=d"), -EBADMSG, "A|b;"},
		{TEXT("A\0B=c\0"), -EBADMSG, ""},
		{TEXT("=b\0"), -EBADMSG, ""},
		{TEXT("1A=b\0"), -EBADMSG, ""},
		{TEXT("-A=b\0"), -EBADMSG, ""},
		{TEXT("A B=c\0"), -EBADMSG, ""},
		{TEXT("A\x01=c\0"), -EBADMSG, ""},
		{TEXT("A\xc3\xa4=c\0"), -EBADMSG, ""},
		{TEXT("A,B=c\0"), -EBADMSG, ""},
#undef TEXT
	};
	char out[256];
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		assert_int_equal(read_all(row[i].text, row[i].len, out), row[i].result);
		assert_string_equal(out, row[i].pairs);
	}
}

static int read_long(size_t key_len, size_t value_len)
{
	static char text[10000];
	struct iscsi_pair pair;
	size_t at = 0;
	memset(text, 'K', key_len);
	text[key_len] = '=';
	memset(text + key_len + 1, 'v', value_len);
	text[key_len + 1 + value_len] = 0;
	return iscsi_text_next(text, key_len + value_len + 2, &at, &pair);
}

static void test_lengths(void **state)
{
	assert_int_equal(read_long(63, 10), 1);
	assert_int_equal(read_long(64, 10), -EBADMSG);
	assert_int_equal(read_long(5, 8192), 1);
	assert_int_equal(read_long(5, 8193), -EBADMSG);
}

static void test_gather(void **state)
{
	struct iscsi_text_in in;
	char out[256];
	iscsi_text_in_init(&in, 16, 4);
	assert_int_equal(iscsi_text_in_add(&in, "Key=va", 6), 0);
	assert_int_equal(iscsi_text_in_add(&in, "lue\0L", 5), 0);
	assert_int_equal(iscsi_text_in_add(&in, "=m\0", 3), 0);
	assert_int_equal(read_all(in.buf.data, in.buf.len, out), 0);
	assert_string_equal(out, "Key|value;L|m;");
	assert_int_equal(iscsi_text_in_add(&in, "12345", 3), -EMSGSIZE);
	iscsi_text_in_reset(&in);
	for (int i = 0; i < 4; i++)
		assert_int_equal(iscsi_text_in_add(&in, "a", 1), 0);
	assert_int_equal(iscsi_text_in_add(&in, "a", 1), -EMSGSIZE);
	iscsi_text_in_free(&in);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} row[] = {
		{"0", 0, 0},
		{"1", 0, 1},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		{"0x0", 0, 0},
		{"0XfF", 0, 255},
		{"0x0000000000000000000000001", 0, 1},
		{"0xffffffffffffffff", 0, UINT64_MAX},
		{"0x10000000000000000", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"00", -EINVAL, 0},
		{"012", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1a", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"0xg", -EINVAL, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint64_t v = 12345;
		assert_int_equal(iscsi_parse_number(row[i].text, &v), row[i].result);
		if (!row[i].result)
			assert_true(v == row[i].value);
	}
}

static void test_bools(void **state)
{
	bool v;
	assert_int_equal(iscsi_parse_bool("Yes", &v), 0);
	assert_true(v);
	assert_int_equal(iscsi_parse_bool("No", &v), 0);
	assert_false(v);
	static const char *const bad[] = {"", "yes", "YES", "no", "Yes ", "1", "True"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(iscsi_parse_bool(bad[i], &v), -EINVAL);
}

static void test_binary(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *bytes;
		size_t len;
	} row[] = {
		{"0x0102ff", 0, "\x01\x02\xff", 3},
		{"0X0102FF", 0, "\x01\x02\xff", 3},
		{"0x102ff", 0, "\x01\x02\xff", 3}, /* odd: a zero in front */
		{"0x0", 0, "\0", 1},
		{"0x00000000", 0, "\0\0\0\0", 4},
		{"0x0000000000", -EMSGSIZE, "", 0},
		{"0x", -EINVAL, "", 0},
		{"0x0g", -EINVAL, "", 0},
		{"0bAQL/", 0, "\x01\x02\xff", 3},
		{"0BAQL/", 0, "\x01\x02\xff", 3},
		{"0bAQI=", 0, "\x01\x02", 2},
		{"0bAQ==", 0, "\x01", 1},
		{"0bAQIDBA==", 0, "\x01\x02\x03\x04", 4},
		{"0bAQIDBAU=", -EMSGSIZE, "", 0},
		{"0b", -EINVAL, "", 0},
		{"0bAQ", -EINVAL, "", 0},
		{"0bAQI", -EINVAL, "", 0},
		{"0bA===", -EINVAL, "", 0},
		{"0b====", -EINVAL, "", 0},
		{"0bAR==", -EINVAL, "", 0}, /* bits left over */
		{"0bAQ=I", -EINVAL, "", 0},
		{"0bA-L/", -EINVAL, "", 0},
		{"17", -EINVAL, "", 0}, /* a decimal has no length of its own */
		{"", -EINVAL, "", 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint8_t out[5] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
		size_t len = 0;
		assert_int_equal(iscsi_parse_binary(row[i].text, out, 4, &len), row[i].result);
		assert_int_equal(out[4], 0xaa);
		if (row[i].result)
			continue;
		assert_int_equal(len, row[i].len);
		assert_memory_equal(out, row[i].bytes, len);
	}
}

static void test_binary_there_and_back(void **state)
{
	uint8_t data[ISCSI_BINARY_MAX], back[ISCSI_BINARY_MAX];
	struct buf b;
	size_t len;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	buf_init(&b, 10000);
	iscsi_text_add_binary(&b, "C", data, sizeof(data));
	assert_int_equal(b.err, 0);
	assert_int_equal(iscsi_parse_binary(buf_str(&b) + 2, back, sizeof(back), &len), 0);
	assert_int_equal(len, sizeof(data));
	assert_memory_equal(back, data, len);
	/* One byte more than there is room for. */
	assert_int_equal(iscsi_parse_binary(buf_str(&b) + 2, back, sizeof(back) - 1, &len),
			 -EMSGSIZE);
	buf_free(&b);
}

static void test_utf8(void **state)
{
	static const char *const good[] = {"", "Bob-s Disk", "Gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac",
					   "\xf0\x9f\x92\xbe"};
	static const char *const bad[] = {
		"\x1b[31m", "\n",           "\x7f",         "\xc2\x9b", /* a control character */
		"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xff",     "\xc3",         "\xe2\x82",     "\x80",
	};
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(iscsi_check_utf8(good[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(iscsi_check_utf8(bad[i]), -EINVAL);
}

static void test_lists(void **state)
{
	const char *list = "CRC32C,,None", *item;
	size_t len;
	assert_true(iscsi_list_next(&list, &item, &len) && len == 6);
	assert_true(iscsi_list_next(&list, &item, &len) && len == 0);
	assert_true(iscsi_list_next(&list, &item, &len) && len == 4);
	assert_false(iscsi_list_next(&list, &item, &len));
	assert_true(iscsi_list_has("A,None,B", "None"));
	assert_true(iscsi_list_has("None", "None"));
	assert_false(iscsi_list_has("Nonee,Non", "None"));
	assert_false(iscsi_list_has("", "None"));
}

/* What goes out in parts comes in the same, whatever the size of the parts. */
static void test_parts(void **state)
{
	for (size_t max = 1; max < 80; max++) {
		struct iscsi_text_out out;
		struct iscsi_text_in in;
		const uint8_t *part;
		char pairs[256];
		bool more = true;
		iscsi_text_out_init(&out, 1000);
		iscsi_text_in_init(&in, 1000, 100);
		iscsi_text_add(&out.buf, "First", "%d", 1);
		iscsi_text_add(&out.buf, "Second", "a value of some length");
		iscsi_text_add(&out.buf, "Third", "%s", "");
		while (more) {
			size_t n = iscsi_text_out_part(&out, max, &part, &more);
			assert_true(n > 0 && n <= max);
			/* A pair that fits into the part is not torn apart. */
			if (max >= 30)
				assert_int_equal(part[n - 1], 0);
			assert_int_equal(iscsi_text_in_add(&in, part, n), 0);
		}
		assert_int_equal(iscsi_text_out_left(&out), 0);
		assert_int_equal(read_all(in.buf.data, in.buf.len, pairs), 0);
		assert_string_equal(pairs, "First|1;Second|a value of some length;Third|;");
		iscsi_text_out_free(&out);
		iscsi_text_in_free(&in);
	}
}

static void test_nothing_to_send(void **state)
{
	struct iscsi_text_out out;
	const uint8_t *part;
	bool more;
	iscsi_text_out_init(&out, 8);
	assert_int_equal(iscsi_text_out_part(&out, 100, &part, &more), 0);
	assert_false(more);
	iscsi_text_add(&out.buf, "Key", "too long for it");
	assert_int_equal(out.buf.err, -EMSGSIZE);
	iscsi_text_out_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_gather),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bools),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_binary_there_and_back),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_nothing_to_send),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
