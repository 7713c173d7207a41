/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of attributes: their own consistency, and what people may write for each form. */
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "config/attributes.h"

typedef void row_test(enum config_kind kind, const struct config_attr *row);

static void each_row(row_test *test)
{
	for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
		size_t count;
		const struct config_attr *rows = config_attrs((enum config_kind)kind, &count);
		for (size_t i = 0; i < count; i++)
			test((enum config_kind)kind, &rows[i]);
	}
}

/* "" is no number, no word, no path: such rows are given when the object is made, or never. */
static bool has_default(const struct config_attr *row)
{
	return row->standard[0] || row->form == CONFIG_FORM_TEXT || row->form == CONFIG_FORM_HEX;
}

static void good_default(enum config_kind kind, const struct config_attr *row)
{
	CLEANUP(free) char *normal = NULL;
	struct config_why why;
	if (!has_default(row))
		return;
	if (config_attr_check(row, row->standard, &normal, &why))
		fail_msg("%s: %s", row->name, why.text);
	assert_string_equal(normal, row->standard);
}

static void every_default_is_in_its_normal_form(void **state)
{
	each_row(good_default);
}

static void good_words(enum config_kind kind, const struct config_attr *row)
{
	if (!row->help[0] || row->help[strlen(row->help) - 1] == '.')
		fail_msg("%s: help", row->name);
	if ((row->effect == CONFIG_OBEYED) != !row->note)
		fail_msg("%s: what is not obeyed has its reason", row->name);
	if (row->flags & CONFIG_SECRET && !strstr(row->name, "password"))
		fail_msg("%s: a secret?", row->name);
	if (strstr(row->name, "password") && !(row->flags & CONFIG_SECRET))
		fail_msg("%s: no secret?", row->name);
	assert_ptr_equal(config_attr_find(kind, row->group, row->name), row);
	assert_ptr_equal(config_attr_by_key(kind, row->group, config_attr_key(row)), row);
}

static void every_row_has_help_and_its_reason(void **state)
{
	each_row(good_words);
}

static void rows_are_in_the_order_of_lists(void **state)
{
	for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
		size_t count;
		const struct config_attr *rows = config_attrs((enum config_kind)kind, &count);
		for (size_t i = 1; i < count; i++) {
			if (rows[i - 1].group == rows[i].group)
				assert_true(strcmp(rows[i - 1].name, rows[i].name) < 0 ||
					    rows[i].group == CONFIG_OBJECT);
			else
				assert_true(rows[i - 1].group < rows[i].group);
		}
	}
}

/* What the original has, and no more of it than that: counted in its own listings. */
static void the_groups_are_as_large_as_the_original(void **state)
{
	static const struct {
		enum config_kind kind;
		enum config_group group;
		size_t count;
	} sizes[] = {
		{CONFIG_FILEIO, CONFIG_ATTRIBUTE, 36},    {CONFIG_BLOCK, CONFIG_ATTRIBUTE, 36},
		{CONFIG_RAMDISK, CONFIG_ATTRIBUTE, 36},   {CONFIG_TPG, CONFIG_ATTRIBUTE, 13},
		{CONFIG_TPG, CONFIG_PARAMETER, 21},       {CONFIG_TPG, CONFIG_AUTH, 4},
		{CONFIG_ACL, CONFIG_ATTRIBUTE, 9},        {CONFIG_ACL, CONFIG_AUTH, 4},
		{CONFIG_ISCSI, CONFIG_DISCOVERY_AUTH, 5},
	};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t count, n = 0;
		const struct config_attr *rows = config_attrs(sizes[i].kind, &count);
		for (size_t j = 0; j < count; j++)
			n += rows[j].group == sizes[i].group && !(rows[j].flags & CONFIG_OURS);
		assert_int_equal(n, sizes[i].count);
	}
}

static void groups_and_plugins_are_found_by_name(void **state)
{
	for (unsigned g = 0; g < CONFIG_GROUPS; g++)
		assert_int_equal(config_group_find(config_group_name((enum config_group)g)), g);
	assert_int_equal(config_group_find("globe"), CONFIG_GROUPS);
	assert_false(config_group_of(CONFIG_ROOT, CONFIG_GLOBAL));
	assert_int_equal(config_plugin_kind("fileio"), CONFIG_FILEIO);
	assert_int_equal(config_plugin_kind("pscsi"), CONFIG_KINDS);
	assert_true(config_is_backstore(CONFIG_BLOCK));
	assert_false(config_is_backstore(CONFIG_LUN));
	assert_true(config_group_of(CONFIG_TPG, CONFIG_AUTH));
	assert_false(config_group_of(CONFIG_LUN, CONFIG_AUTH));
}

/* out: NULL, and then it is refused. */
static const struct {
	enum config_kind kind;
	enum config_group group;
	const char *name, *text, *out;
} values[] = {
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", "1", "1"},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", "01", "1"},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", "2", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", "-1", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", "", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", "1x", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", " 1", NULL},
	{CONFIG_ACL, CONFIG_ATTRIBUTE, "authentication", "-1", "-1"},
	{CONFIG_ACL, CONFIG_ATTRIBUTE, "authentication", "-2", NULL},
	{CONFIG_ACL, CONFIG_ATTRIBUTE, "authentication", "99999999999999999999", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "MaxBurstLength", "512", "512"},
	{CONFIG_TPG, CONFIG_PARAMETER, "MaxBurstLength", "511", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "MaxBurstLength", "16777216", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "ImmediateData", "no", "No"},
	{CONFIG_TPG, CONFIG_PARAMETER, "ImmediateData", "Yes", "Yes"},
	{CONFIG_TPG, CONFIG_PARAMETER, "ImmediateData", "maybe", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "HeaderDigest", "none", "None"},
	{CONFIG_TPG, CONFIG_PARAMETER, "HeaderDigest", "None, crc32c", "None,CRC32C"},
	{CONFIG_TPG, CONFIG_PARAMETER, "HeaderDigest", "None,None", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "HeaderDigest", "None,", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "HeaderDigest", "CRC32", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "HeaderDigest", "", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "IFMarkInt", "Reject", "Reject"},
	{CONFIG_TPG, CONFIG_PARAMETER, "IFMarkInt", "2048", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "TargetAlias", "a b\303\244", "a b\303\244"},
	{CONFIG_TPG, CONFIG_PARAMETER, "TargetAlias", "a\nb", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "TargetAlias", "a\377b", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "TargetAlias", "a\302\233b", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "ImmediateData", "\033[1m\377", NULL},
	{CONFIG_TPG, CONFIG_PARAMETER, "TargetAlias", "a\033[0m", NULL},
	{CONFIG_TPG, CONFIG_OBJECT, "enable", "false", "False"},
	{CONFIG_TPG, CONFIG_OBJECT, "enable", "1", "True"},
	{CONFIG_TPG, CONFIG_OBJECT, "enable", "2", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", "", ""},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", "192.0.2.1", "192.0.2.1"},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", "192.0.2.0/24,2001:db8::/32",
	 "192.0.2.0/24,2001:db8::/32"},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", "192.0.2.0/33", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", "192.0.2.0/", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", "192.0.2.0/24,", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", ",192.0.2.0/24", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", "2001:db8::/129", NULL},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "allowed_networks", "example.org", NULL},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "store.example.org:3260",
	 "store.example.org:3260"},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "[2001:db8::1]:3260", "[2001:db8::1]:3260"},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "", ""},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "store", NULL},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "store:0", NULL},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "store:65536", NULL},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", ":3260", NULL},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "2001:db8::1:3260", NULL},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "a b:3260", NULL},
	{CONFIG_PORTAL, CONFIG_ATTRIBUTE, "advertise", "[::1:3260", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "dev", "//srv/./iscsi//a.img/", "/srv/iscsi/a.img"},
	{CONFIG_FILEIO, CONFIG_OBJECT, "dev", "/", "/"},
	{CONFIG_FILEIO, CONFIG_OBJECT, "dev", "a.img", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "dev", "/a\nb", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "size", "64M", "67108864"},
	{CONFIG_FILEIO, CONFIG_OBJECT, "size", "12Q", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "size", "0", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "size", "513", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "naa", "0x6001405BA58B8FF079645C5BEFAE85D3",
	 "6001405ba58b8ff079645c5befae85d3"},
	{CONFIG_FILEIO, CONFIG_OBJECT, "naa", "6001405", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "naa", "6001405ba58b8ff079645c5befae85dg", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "vendor", "12345678", "12345678"},
	{CONFIG_FILEIO, CONFIG_OBJECT, "vendor", "123456789", NULL},
	{CONFIG_FILEIO, CONFIG_OBJECT, "alua_tpgs", "[ {\"b\": 1, \"a\": []} ]",
	 "[{\"a\":[],\"b\":1}]"},
	{CONFIG_FILEIO, CONFIG_OBJECT, "alua_tpgs", "[", NULL},
	{CONFIG_FILEIO, CONFIG_ATTRIBUTE, "block_size", "4096", "4096"},
	{CONFIG_FILEIO, CONFIG_ATTRIBUTE, "block_size", "1000", NULL},
};

static void values_are_checked_and_made_normal(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		const struct config_attr *attr =
			config_attr_find(values[i].kind, values[i].group, values[i].name);
		CLEANUP(free) char *normal = NULL;
		struct config_why why = {""};
		assert_non_null(attr);
		int err = config_attr_check(attr, values[i].text, &normal, &why);
		if (!values[i].out) {
			if (!err || !why.text[0])
				fail_msg("%s: \"%s\" was taken", values[i].name, values[i].text);
			for (const char *p = why.text; *p; p++)
				assert_false(iscntrl((unsigned char)*p));
			continue;
		}
		if (err)
			fail_msg("%s: %s", values[i].name, why.text);
		assert_string_equal(normal, values[i].out);
	}
}

static void what_is_wrong_names_range_and_example(void **state)
{
	struct config_why why;
	char *out = NULL;
	const struct config_attr *burst =
		config_attr_find(CONFIG_TPG, CONFIG_PARAMETER, "MaxBurstLength");
	assert_int_equal(config_attr_check(burst, "5", &out, &why), -ERANGE);
	assert_string_equal(why.text,
			    "Syntax error, '5' is not a number from 512 to 16777215, such as "
			    "MaxBurstLength=262144.");
	const struct config_attr *digest =
		config_attr_find(CONFIG_TPG, CONFIG_PARAMETER, "HeaderDigest");
	assert_int_equal(config_attr_check(digest, "md5", &out, &why), -EINVAL);
	assert_string_equal(why.text, "Syntax error, 'md5' is not a list of CRC32C, None, such as "
				      "HeaderDigest=CRC32C,None.");
	const struct config_attr *pi =
		config_attr_find(CONFIG_FILEIO, CONFIG_ATTRIBUTE, "pi_prot_type");
	assert_int_equal(config_attr_check(pi, "1", &out, &why), -ERANGE);
	assert_non_null(strstr(why.text, pi->note));
}

static void preferences_have_rows(void **state)
{
	size_t count;
	const struct config_attr *rows = config_global_attrs(&count);
	assert_int_equal(count, 23);
	for (size_t i = 0; i < count; i++) {
		good_default(CONFIG_ROOT, &rows[i]);
		assert_ptr_equal(config_global_find(rows[i].name), &rows[i]);
		assert_true(!i || strcmp(rows[i - 1].name, rows[i].name) < 0);
		assert_int_equal(rows[i].group, CONFIG_GLOBAL);
	}
	assert_string_equal(config_global_find("auto_add_mapped_luns")->standard, "true");
	assert_null(config_global_find("nosuch"));
}

static void completion_has_its_words(void **state)
{
	const struct config_attr *digest =
		config_attr_find(CONFIG_TPG, CONFIG_PARAMETER, "HeaderDigest");
	assert_string_equal(config_attr_choice(digest, 0), "CRC32C");
	assert_string_equal(config_attr_choice(digest, 1), "None");
	assert_null(config_attr_choice(digest, 2));
	const struct config_attr *flag =
		config_attr_find(CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication");
	assert_string_equal(config_attr_choice(flag, 1), "1");
	assert_null(config_attr_choice(flag, 2));
	const struct config_attr *user = config_attr_find(CONFIG_TPG, CONFIG_AUTH, "userid");
	assert_null(config_attr_choice(user, 0));
}

static void secrets_that_bring_trouble_are_hinted_at(void **state)
{
	const struct config_attr *secret = config_attr_find(CONFIG_TPG, CONFIG_AUTH, "password");
	assert_null(config_attr_hint(secret, ""));
	assert_non_null(config_attr_hint(secret, "short"));
	assert_null(config_attr_hint(secret, "secretsecret12"));
	assert_non_null(config_attr_hint(secret, "secretsecretsecret"));
	const struct config_attr *user = config_attr_find(CONFIG_TPG, CONFIG_AUTH, "userid");
	assert_null(config_attr_hint(user, "u"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_is_in_its_normal_form),
		cmocka_unit_test(every_row_has_help_and_its_reason),
		cmocka_unit_test(rows_are_in_the_order_of_lists),
		cmocka_unit_test(the_groups_are_as_large_as_the_original),
		cmocka_unit_test(groups_and_plugins_are_found_by_name),
		cmocka_unit_test(values_are_checked_and_made_normal),
		cmocka_unit_test(what_is_wrong_names_range_and_example),
		cmocka_unit_test(preferences_have_rows),
		cmocka_unit_test(completion_has_its_words),
		cmocka_unit_test(secrets_that_bring_trouble_are_hinted_at),
	};
	return cmocka_run_group_tests_name("attributes", tests, NULL, NULL);
}
