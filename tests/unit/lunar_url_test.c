/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs, and the table of settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "liblunar/settings.h"
#include "liblunar/url.h"

static void whole_url(void **state)
{
	char why[URL_WHY], name[64], value[URL_VALUE_MAX + 1];
	struct url u;
	assert_int_equal(
		url_parse(&u,
			  "iscsi://alice%pass%word@Host.example:3261/"
			  "iqn.2001-04.COM.example:Disk/12?header_digest=crc32c&&target_user=a%26b",
			  why),
		0);
	assert_string_equal(u.user, "alice");
	assert_string_equal(u.secret, "pass%word");
	assert_string_equal(u.portal, "Host.example:3261");
	assert_string_equal(u.target, "iqn.2001-04.com.example:disk");
	assert_true(u.has_lun);
	assert_int_equal(u.lun, 12);
	const char *at = u.settings;
	assert_int_equal(url_next_setting(&at, name, value, why), 1);
	assert_string_equal(name, "header_digest");
	assert_string_equal(value, "crc32c");
	assert_int_equal(url_next_setting(&at, name, value, why), 1);
	assert_string_equal(name, "target_user");
	assert_string_equal(value, "a&b");
	assert_int_equal(url_next_setting(&at, name, value, why), 0);
}

static void parts_may_be_missing(void **state)
{
	char why[URL_WHY];
	struct url u;
	assert_int_equal(url_parse(&u, "iscsi://192.0.2.1", why), 0);
	assert_string_equal(u.portal, "192.0.2.1:3260");
	assert_string_equal(u.target, "");
	assert_false(u.has_lun);
	assert_int_equal(url_parse(&u, "ISCSI://[2001:db8::1]:860/iqn.2001-04.com.example:a/", why),
			 0);
	assert_string_equal(u.portal, "[2001:db8::1]:860");
	assert_string_equal(u.target, "iqn.2001-04.com.example:a");
	assert_false(u.has_lun);
	assert_int_equal(url_parse(&u, "iscsi://bob@h/eui.0123456789abcdef/0", why), 0);
	assert_string_equal(u.user, "bob");
	assert_string_equal(u.secret, "");
	assert_true(u.has_lun);
}

static void bad_urls(void **state)
{
	static const char *const bad[] = {
		"",
		"http://h/iqn.2001-04.com.example:a/0",
		"iscsi:/h",
		"iscsi://",
		"iscsi:///iqn.2001-04.com.example:a/0",
		"iscsi://h:0x10/iqn.2001-04.com.example:a/0",
		"iscsi://h:70000",
		"iscsi://h,1/iqn.2001-04.com.example:a/0",
		"iscsi://@h/iqn.2001-04.com.example:a/0",
		"iscsi://%s@h/iqn.2001-04.com.example:a/0",
		"iscsi://u%@h/iqn.2001-04.com.example:a/0",
		"iscsi://h/not-a-name/0",
		"iscsi://h/iqn.2001-04.com.example:a/16384",
		"iscsi://h/iqn.2001-04.com.example:a/-1",
		"iscsi://h/iqn.2001-04.com.example:a/0x1",
		"iscsi://h/iqn.2001-04.com.example:a/1/2",
		"iscsi://h/iqn.2001-04.com.example:a\n/1",
		"iscsi://h\x1b[2J/iqn.2001-04.com.example:a/1",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char why[URL_WHY] = "";
		struct url u;
		if (url_parse(&u, bad[i], why) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
		assert_true(strlen(why) > 10);
	}
}

static void a_secret_is_not_repeated(void **state)
{
	char why[URL_WHY] = "";
	struct url u;
	assert_int_equal(url_parse(&u, "iscsi://u%hush-hush@/iqn.2001-04.com.example:a/1", why),
			 -EINVAL);
	assert_null(strstr(why, "hush"));
	assert_int_equal(u.secret[0], 0);
}

static void bad_pairs(void **state)
{
	static const char *const bad[] = {"a", "=b", "a=%", "a=%4", "a=%zz", "a=%00", "a&b=c"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char why[URL_WHY], name[64], value[URL_VALUE_MAX + 1];
		const char *at = bad[i];
		assert_int_equal(url_next_setting(&at, name, value, why), -EINVAL);
	}
}

/* --- settings */

static void defaults_are_what_the_table_says(void **state)
{
	struct lunar_setting row;
	struct settings s;
	char text[SETTINGS_WHY], why[SETTINGS_WHY];
	size_t i = 0;
	settings_init(&s);
	for (; lunar_setting(i, &row); i++) {
		assert_true(settings_get(&s, row.name, text, sizeof(text)) >= 0);
		assert_string_equal(text, row.standard);
		/* And a default can be said. */
		if (row.standard[0])
			assert_int_equal(settings_set(&s, row.name, row.standard, why), 0);
	}
	assert_true(i > 30);
}

static void values(void **state)
{
	static const struct {
		const char *name, *value, *back;
	} good[] = {
		{"header_digest", "crc32c", "crc32c"},
		{"data_digest", "CRC32C,none", "crc32c,none"},
		{"max_burst", "65536", "64K"},
		{"connect_timeout", "0.25", "0.25"},
		{"login_timeout", "90", "90"},
		{"outage", "0", "0"},
		{"outage", "forever", "forever"},
		{"chap", "md5,sha256", "sha256,md5"},
		{"isid", "80abcdef0123", "80abcdef0123"},
		{"portal_group", "65535", "65535"},
		{"portal", "h", "h:3260"},
		{"target", "IQN.2001-04.com.example:X", "iqn.2001-04.com.example:x"},
		{"initial_r2t", "On", "yes"},
		{"target_password", "abcdefabcdef", NULL},
	};
	struct settings s;
	char text[SETTINGS_WHY], why[SETTINGS_WHY];
	settings_init(&s);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (settings_set(&s, good[i].name, good[i].value, why))
			fail_msg("%s=%s: %s", good[i].name, good[i].value, why);
		settings_get(&s, good[i].name, text, sizeof(text));
		assert_string_equal(text, good[i].back ? good[i].back : "***");
	}
	assert_true(s.config.times.connect == UINT64_C(250000000));
	assert_string_equal(s.target_secret, "abcdefabcdef");
}

static void bad_values(void **state)
{
	static const struct {
		const char *name, *value;
		int err;
	} bad[] = {
		{"nothing", "1", -ENOENT},
		{"depth", "0", -ERANGE},
		{"depth", "4001", -ERANGE},
		{"depth", "many", -EINVAL},
		{"header_digest", "", -EINVAL},
		{"header_digest", "crc32c,crc32c", -EINVAL},
		{"header_digest", "crc32c,", -EINVAL},
		{"max_recv_data", "16M", -ERANGE},
		{"max_recv_data", "256", -ERANGE},
		{"connect_timeout", "0", -ERANGE},
		{"connect_timeout", "-1", -EINVAL},
		{"connect_timeout", "1e9", -EINVAL},
		{"connect_timeout", "99999999999999999999", -ERANGE},
		{"isid", "80abcdef012", -EINVAL},
		{"isid", "80abcdef012x", -EINVAL},
		{"target", "iqn.x", -EINVAL},
		{"portal", "a b", -EINVAL},
		{"initiator_alias", "\xff", -EINVAL},
		{"chap", "crypt", -EINVAL},
		{"allow_none", "maybe", -EINVAL},
	};
	struct settings s;
	settings_init(&s);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char why[SETTINGS_WHY] = "";
		if (settings_set(&s, bad[i].name, bad[i].value, why) != bad[i].err)
			fail_msg("%s=%s", bad[i].name, bad[i].value);
		assert_true(strlen(why) > 10);
	}
}

static int use(const char *const (*pairs)[2], size_t n, char why[SETTINGS_WHY])
{
	struct settings s;
	struct ini_config c;
	struct iscsi_chap_account ours, theirs;
	settings_init(&s);
	assert_int_equal(settings_set(&s, "portal", "h", why), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(settings_set(&s, pairs[i][0], pairs[i][1], why), 0);
	return settings_use(&s, &c, &ours, &theirs, why);
}

static void what_goes_together(void **state)
{
	char why[SETTINGS_WHY];
	const char *lone[][2] = {{"user", "u"}};
	const char *mutual[][2] = {{"target_user", "t"}, {"target_secret", "tttttttttttt"}};
	const char *same[][2] = {{"user", "u"},
				 {"secret", "ssssssssssss"},
				 {"target_user", "t"},
				 {"target_secret", "ssssssssssss"}};
	const char *burst[][2] = {{"max_burst", "64K"}};
	assert_int_equal(use(NULL, 0, why), 0);
	assert_int_equal(use((const char *const(*)[2])lone, 1, why), -EINVAL);
	assert_int_equal(use((const char *const(*)[2])mutual, 2, why), -EINVAL);
	assert_int_equal(use((const char *const(*)[2])same, 4, why), -EINVAL);
	assert_int_equal(use((const char *const(*)[2])burst, 1, why), -EINVAL);
	assert_non_null(strstr(why, "first_burst"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_url),
		cmocka_unit_test(parts_may_be_missing),
		cmocka_unit_test(bad_urls),
		cmocka_unit_test(a_secret_is_not_repeated),
		cmocka_unit_test(bad_pairs),
		cmocka_unit_test(defaults_are_what_the_table_says),
		cmocka_unit_test(values),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(what_goes_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
