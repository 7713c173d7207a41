/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of limits: its own consistency, and what people may write. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "config/schema.h"

static void every_row_has_a_good_default(void **state)
{
	struct config_limits limits, again;
	char why[200], text[CONFIG_TEXT_SIZE];
	config_limits_defaults(&limits);
	memset(&again, 0, sizeof(again));
	for (size_t i = 0; i < config_limits_count; i++) {
		const struct config_row *row = &config_limits_rows[i];
		if (config_limits_set(&again, row->name, row->standard, why, sizeof(why)))
			fail_msg("%s", why);
		assert_ptr_equal(config_limits_find(row->name), row);
		assert_string_equal(config_limits_get(&limits, row, text), row->standard);
		assert_true(row->help[0] && row->help[strlen(row->help) - 1] != '.');
	}
	assert_memory_equal(&limits, &again, sizeof(limits));
	assert_int_equal(config_limits_verify(&limits, why, sizeof(why)), 0);
}

static void no_field_is_without_a_row(void **state)
{
	/* Every row sets its own bytes: together they leave nothing but padding and text's tails. */
	struct config_limits limits;
	size_t end = 0, gaps = 0;
	for (size_t i = 0; i < config_limits_count; i++) {
		static const size_t sizes[] = {4, 8, 1, CONFIG_TEXT_SIZE};
		const struct config_row *row = &config_limits_rows[i];
		size_t size = sizes[row->type];
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(config_limits_rows[j].offset, row->offset);
		end = MAX(end, row->offset + size);
		gaps += size;
	}
	assert_true(end <= sizeof(limits));
	assert_true(sizeof(limits) - gaps < 16);
}

static void the_times_are_those_that_were_promised(void **state)
{
	struct config_limits limits;
	config_limits_defaults(&limits);
	assert_int_equal(limits.login_timeout, 15);
	assert_int_equal(limits.silent_timeout, 5);
	assert_int_equal(limits.tmf_timeout, 10);
	assert_int_equal(limits.drain_timeout, 30);
	assert_int_equal(limits.memory_limit, UINT64_C(256) << 20);
}

struct size_case {
	const char *text;
	int err;
	uint64_t value;
};

static void sizes(void **state)
{
	static const struct size_case cases[] = {
		{"0", 0, 0},
		{"512", 0, 512},
		{"4K", 0, 4096},
		{"4k", 0, 4096},
		{"10G", 0, UINT64_C(10) << 30},
		{"1TiB", 0, UINT64_C(1) << 40},
		{"20MB", 0, UINT64_C(20) << 20},
		{"7B", 0, 7},
		{"7P", 0, UINT64_C(7) << 50},
		{"9223372036854775807", 0, INT64_MAX},
		{"9223372036854775808", -ERANGE, 0},
		{"8192P", -ERANGE, 0},
		{"99999999999999999999G", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"G", -EINVAL, 0},
		{"lots", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 G", -EINVAL, 0},
		{"1GG", -EINVAL, 0},
		{"1Gi", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;
		int err = config_parse_size(cases[i].text, &value);
		if (err != cases[i].err || value != cases[i].value)
			fail_msg("\"%s\": %d, %llu", cases[i].text, err, (unsigned long long)value);
	}
}

static void sizes_as_text(void **state)
{
	static const struct size_case cases[] = {
		{"0", 0, 0},
		{"1", 0, 1},
		{"1K", 0, 1024},
		{"1000", 0, 1000},
		{"1536K", 0, 1536 * 1024},
		{"10G", 0, UINT64_C(10) << 30},
		{"2048P", 0, UINT64_C(1) << 61},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[CONFIG_TEXT_SIZE];
		uint64_t back;
		assert_string_equal(config_format_size(text, cases[i].value), cases[i].text);
		assert_int_equal(config_parse_size(text, &back), 0);
		assert_int_equal(back, cases[i].value);
	}
}

static void refused(const char *name, const char *text, int err, const char *word)
{
	struct config_limits limits, before;
	char why[200] = "";
	config_limits_defaults(&limits);
	before = limits;
	int res = config_limits_set(&limits, name, text, why, sizeof(why));
	if (res != err || !strstr(why, word) || !strstr(why, name))
		fail_msg("%s=%s: %d \"%s\"", name, text, res, why);
	assert_memory_equal(&limits, &before, sizeof(limits));
}

static void what_is_out_of_range_is_refused_with_the_range(void **state)
{
	refused("login_timeout", "0", -ERANGE, "from 1 to 3600");
	refused("login_timeout", "3601", -ERANGE, "of seconds from 1 to 3600");
	refused("login_timeout", "99999999999999999999", -ERANGE, "from 1 to 3600");
	refused("login_timeout", "1K", -EINVAL, "from 1 to 3600");
	refused("login_timeout", "", -EINVAL, "from 1 to 3600");
	refused("login_timeout", "soon", -EINVAL, "soon");
	refused("memory_limit", "1M", -ERANGE, "from 64M to 1T");
	refused("max_burst_length", "16M", -ERANGE, "of bytes from 512 to 16777215");
	refused("max_burst_length", "511", -ERANGE, "512");
	refused("immediate_data", "perhaps", -EINVAL, "yes or no");
	refused("header_digest", "MD5", -EINVAL, "CRC32C");
	refused("header_digest", "None,None", -EINVAL, "CRC32C");
	refused("no_such_limit", "1", -ENOENT, "no limit");
}

static void what_is_in_range_is_taken(void **state)
{
	struct config_limits limits;
	char why[200];
	config_limits_defaults(&limits);
	assert_int_equal(config_limits_set(&limits, "nopin_interval", "0", why, sizeof(why)), 0);
	assert_int_equal(limits.nopin_interval, 0);
	assert_int_equal(config_limits_set(&limits, "memory_limit", "1T", why, sizeof(why)), 0);
	assert_int_equal(limits.memory_limit, UINT64_C(1) << 40);
	assert_int_equal(config_limits_set(&limits, "immediate_data", "no", why, sizeof(why)), 0);
	assert_false(limits.immediate_data);
	assert_int_equal(config_limits_set(&limits, "data_digest", "CRC32C", why, sizeof(why)), 0);
	assert_string_equal(limits.data_digest, "CRC32C");
}

static void limits_that_contradict_each_other_are_refused(void **state)
{
	struct config_limits limits;
	char why[200];
	config_limits_defaults(&limits);
	assert_int_equal(config_limits_set(&limits, "first_burst_length", "2M", why, sizeof(why)),
			 0);
	assert_int_equal(config_limits_verify(&limits, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "first_burst_length"));
	config_limits_defaults(&limits);
	assert_int_equal(config_limits_set(&limits, "max_connections", "10", why, sizeof(why)), 0);
	assert_int_equal(config_limits_verify(&limits, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "max_login_connections"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_a_good_default),
		cmocka_unit_test(no_field_is_without_a_row),
		cmocka_unit_test(the_times_are_those_that_were_promised),
		cmocka_unit_test(sizes),
		cmocka_unit_test(sizes_as_text),
		cmocka_unit_test(what_is_out_of_range_is_refused_with_the_range),
		cmocka_unit_test(what_is_in_range_is_taken),
		cmocka_unit_test(limits_that_contradict_each_other_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
