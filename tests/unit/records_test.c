/* SPDX-License-Identifier: BSD-2-Clause */
/* Records: rows and forms, what open-iscsi prints word for word, and damaged texts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "records/record.h"

#define STORE "iqn.2026-11.org.example:store"

/* ---- helpers ---- */

static void read_data(const char *name, struct buf *out)
{
	char path[512], chunk[4096];
	size_t n;
	snprintf(path, sizeof(path), TEST_DATA "/%s", name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	buf_init(out, RECORD_TEXT_MAX);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		assert_int_equal(buf_add(out, chunk, n), 0);
	fclose(f);
}

static void put(struct record *r, const char *key, const char *value)
{
	struct config_why why = {""};
	int err = record_put(r, key, value, &why);
	if (err)
		print_message("# %s\n", why.text);
	assert_int_equal(err, 0);
}

static struct record *new_node(const char *target, const char *address, const char *port,
			       const char *tpgt)
{
	struct record *r = record_new(RECORD_NODE);
	assert_non_null(r);
	put(r, "node.name", target);
	put(r, "node.tpgt", tpgt);
	put(r, "node.conn[0].address", address);
	put(r, "node.conn[0].port", port);
	return r;
}

/* As send_targets at 127.0.0.1 found it. */
static struct record *found_node(const char *target, const char *port)
{
	struct record *r = new_node(target, "127.0.0.1", port, "1");
	put(r, "node.discovery_address", "127.0.0.1");
	put(r, "node.discovery_port", "3260");
	put(r, "node.discovery_type", "send_targets");
	return r;
}

static void assert_prints(const struct record *r, const char *data)
{
	struct buf want, got;
	read_data(data, &want);
	buf_init(&got, RECORD_TEXT_MAX);
	assert_int_equal(record_print(r, RECORD_MASKED, &got), 0);
	assert_string_equal(buf_str(&got), buf_str(&want));
	buf_free(&want);
	buf_free(&got);
}

static size_t file_size(const struct record *r)
{
	struct buf b;
	buf_init(&b, RECORD_TEXT_MAX);
	assert_int_equal(record_print(r, RECORD_FILE, &b), 0);
	size_t len = b.len;
	buf_free(&b);
	return len;
}

struct said {
	char text[4096];
	unsigned count;
};

static void note_line(void *ctx, const char *line)
{
	struct said *s = ctx;
	size_t at = strlen(s->text);
	snprintf(s->text + at, sizeof(s->text) - at, "%s\n", line);
	s->count++;
}

static int parse(struct record **r, enum record_kind kind, const char *text, struct said *said,
		 struct config_why *why)
{
	const struct record_say say = {note_line, said};
	memset(said, 0, sizeof(*said));
	why->text[0] = 0;
	return record_parse(r, kind, "a/b", text, strlen(text), &say, why);
}

static struct record *parsed(enum record_kind kind, const char *text, struct said *said)
{
	struct record *r;
	struct config_why why;
	int err = parse(&r, kind, text, said, &why);
	if (err)
		print_message("# %s\n", why.text);
	assert_int_equal(err, 0);
	return r;
}

/* ---- rows ---- */

static void every_row_is_sound(void **state)
{
	for (size_t i = 0; i < record_row_count; i++) {
		const struct record_row *row = &record_rows[i];
		struct config_why why = {""};
		CLEANUP(free) char *value = NULL;
		char syntax[256];
		assert_true(row->name[0] && row->kinds && row->help[0]);
		assert_int_equal(record_check(row, row->standard, &value, &why), 0);
		assert_string_equal(value, row->standard);
		/* Whoever does not obey says why. */
		assert_true(!!row->note ==
			    (row->effect == RECORD_IN_PART || row->effect == RECORD_NO_EFFECT));
		assert_true(strlen(record_syntax(row, syntax, sizeof(syntax))) > 2);
		assert_null(strchr(row->help, '|'));
		/* In a kind, a name is there once. */
		for (unsigned k = 0; k < RECORD_KINDS; k++) {
			if (row->kinds & RECORD_IN(k))
				assert_int_equal(record_row_find(k, row->name, 0), i);
		}
		assert_true(!(row->flags & RECORD_OURS) || (row->flags & RECORD_OPTIONAL));
	}
}

struct form_case {
	const char *key, *value;
	int err;
	const char *want; /* the normal form, or a part of what is said */
};

static const struct form_case forms[] = {
	{"node.startup", "Automatic", 0, "automatic"},
	{"node.startup", "autmatic", -EINVAL,
	 "node.startup: \"autmatic\" is not manual, automatic or onboot, such as manual"},
	{"node.session.queue_depth", "064", 0, "64"},
	{"node.session.queue_depth", "0", -ERANGE, "is not a number from 1 to 1024, such as 32"},
	{"node.session.queue_depth", "99999999999999999999", -ERANGE, "a number from 1 to 1024"},
	{"node.session.queue_depth", "32k", -EINVAL, "a number from 1 to 1024"},
	{"node.session.queue_depth", "", -EINVAL, "a number from 1 to 1024"},
	{"node.session.timeo.replacement_timeout", "abc", -EINVAL,
	 "node.session.timeo.replacement_timeout: \"abc\" is not a number from -1 to 2147483647, "
	 "such as 120"},
	{"node.session.timeo.replacement_timeout", "-1", 0, "-1"},
	{"node.session.timeo.replacement_timeout", "-2", -ERANGE, "-1 to"},
	{"node.session.auth.chap_algs", "SHA3-256,sha256, MD5", 0, "SHA3-256,SHA256,MD5"},
	{"node.session.auth.chap_algs", "SHA256 SHA1", 0, "SHA256,SHA1"},
	{"node.session.auth.chap_algs", "MD5,MD5", -EINVAL,
	 "some of MD5, SHA1, SHA256 or SHA3-256"},
	{"node.session.auth.chap_algs", "MD5,", -EINVAL, "some of MD5"},
	{"node.session.auth.chap_algs", "MD4", -EINVAL, "some of MD5"},
	{"node.session.auth.username", "<empty>", 0, ""},
	{"node.session.auth.username", "a\nnode.startup = automatic", -EINVAL, "a?node.startup"},
	{"node.session.auth.username", " a", -EINVAL, "begins or ends with a space"},
	{"node.session.auth.password", "x\x1b[2J", -EINVAL, "(hidden)"},
	{"node.conn[0].iscsi.HeaderDigest", "crc32c,none", 0, "CRC32C,None"},
	{"node.conn[0].iscsi.HeaderDigest", "MD5", -EINVAL, "None, CRC32C, CRC32C,None or"},
	{"node.name", "IQN.2026-11.org.example:Store", 0, STORE},
	{"node.name", "iqn.2026-11.org.example:../../etc", -EINVAL,
	 "is no iSCSI name: a character"},
	{"node.name", "iqn.2026-11.org.example:a\nb", -EINVAL, "a?b"},
	{"node.conn[0].address", "fe80::1%eth0", 0, "fe80::1%eth0"},
	{"node.conn[0].address", "fe80::1%../x", -EINVAL, "is not an address"},
	{"node.conn[0].address", "[::1]", -EINVAL, "is not an address"},
	{"node.conn[0].address", "../../etc", -EINVAL, "is not an address"},
	{"node.conn[0].address", "a,b", -EINVAL, "is not an address"},
	{"node.conn[0].address", "store.example.org", 0, "store.example.org"},
	{"node.conn[0].port", "65536", -ERANGE, "from 1 to 65535"},
	{"iface.iscsi_ifacename", "..", -EINVAL, "a name of 64 characters"},
	{"iface.iscsi_ifacename", "a/b", -EINVAL, "a name of 64 characters"},
	{"iface.iscsi_ifacename", "bnx2i.00:10:18:ad:3c:01", 0, "bnx2i.00:10:18:ad:3c:01"},
	{"node.session.auth.password_file", "secret", -EINVAL, "a path from the root"},
	{"node.session.auth.password_file", "/etc/secret", 0, "/etc/secret"},
	{"node.lunar.luns", "0,2,5-7", 0, "0,2,5-7"},
	{"node.lunar.luns", "7-5", -EINVAL, "numbers of LUNs"},
	{"node.lunar.luns", "1,", -EINVAL, "numbers of LUNs"},
	{"node.lunar.luns", "16384", -EINVAL, "numbers of LUNs"},
	{"node.lunar.luns", "", 0, ""},
};

static void forms_are_checked_and_say_what_would_do(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form_case *c = &forms[i];
		struct config_why why = {""};
		struct record *r = record_new(RECORD_NODE);
		assert_non_null(r);
		int err = record_put(r, c->key, c->value, &why);
		if (err != c->err || (err && !strstr(why.text, c->want)))
			print_message("# %s = %s: %d, %s\n", c->key, c->value, err, why.text);
		assert_int_equal(err, c->err);
		if (err)
			assert_non_null(strstr(why.text, c->want));
		else
			assert_string_equal(record_get(r, c->key), c->want);
		for (const char *p = why.text; *p; p++)
			assert_true((unsigned char)*p >= ' ');
		record_free(r);
	}
}

static void too_long_is_refused(void **state)
{
	struct config_why why;
	char text[5000];
	struct record *r = record_new(RECORD_NODE);
	memset(text, 'a', sizeof(text));
	text[256] = 0;
	assert_int_equal(record_set(r, "node.session.auth.password", text, &why), -ERANGE);
	assert_null(strstr(why.text, "aaa"));
	text[255] = 0;
	assert_int_equal(record_set(r, "node.session.auth.password", text, &why), 0);
	text[255] = 'a';
	text[254] = 0;
	assert_int_equal(record_put(r, "node.conn[0].address", text, &why), -EINVAL);
	text[254] = 'a';
	memcpy(text, "iqn.2026-11.org.example:", 24);
	text[224] = 0;
	assert_int_equal(record_put(r, "node.name", text, &why), -EINVAL);
	assert_non_null(strstr(why.text, "longer than 223 bytes"));
	text[65] = 0;
	assert_false(record_label_valid(text));
	record_free(r);
}

static void what_records_are_found_by_does_not_change(void **state)
{
	struct config_why why;
	struct record *r = found_node(STORE, "3260");
	assert_int_equal(record_set(r, "node.conn[0].port", "3261", &why), -EPERM);
	assert_string_equal(why.text, "Cannot modify node.conn[0].port. It is used to look up the "
				      "record and cannot be changed.");
	assert_int_equal(record_set(r, "node.nosuch", "1", &why), -ENOENT);
	assert_string_equal(why.text, "Cannot modify node.nosuch. Invalid param name.");
	assert_int_equal(record_set(r, "no\x1b[0m", "1", &why), -ENOENT);
	assert_string_equal(why.text, "Cannot modify no?[0m. Invalid param name.");
	assert_int_equal(record_set(r, "node.session.auth.password", "********", &why), -EINVAL);
	assert_null(record_get(r, "discovery.type"));
	record_free(r);
}

static void changes_are_made_together_or_not_at_all(void **state)
{
	struct config_why why;
	struct record *r = found_node(STORE, "3260");
	const struct record_change bad[] = {{"node.startup", "automatic"},
					    {"node.session.queue_depth", "x"}};
	const struct record_change good[] = {{"node.startup", "automatic"},
					     {"node.session.queue_depth", "64"}};
	assert_int_equal(record_set_all(r, bad, 2, &why), -EINVAL);
	assert_string_equal(record_get(r, "node.startup"), "manual");
	assert_int_equal(record_set_all(r, good, 2, &why), 0);
	assert_string_equal(record_get(r, "node.startup"), "automatic");
	assert_int_equal(record_number(r, "node.session.queue_depth"), 64);
	assert_false(record_is_default(r, "node.startup"));
	assert_true(record_is_default(r, "node.session.cmds_max"));
	record_free(r);
}

/* ---- printing ---- */

static void records_are_printed_word_for_word(void **state)
{
	struct record *r = found_node(STORE, "3260");
	assert_prints(r, "iscsiadm-node.txt");
	put(r, "node.session.auth.authmethod", "CHAP");
	put(r, "node.session.auth.username", "user");
	put(r, "node.session.auth.password", "secretsecret12");
	put(r, "node.session.timeo.replacement_timeout", "0");
	assert_prints(r, "iscsiadm-node-chap.txt");
	record_free(r);

	r = record_new(RECORD_SENDTARGETS);
	put(r, "discovery.sendtargets.address", "127.0.0.1");
	assert_prints(r, "iscsiadm-sendtargets.txt");
	record_free(r);

	r = record_new(RECORD_IFACE);
	put(r, "iface.iscsi_ifacename", "ifx");
	put(r, "iface.initiatorname", "iqn.2026-11.org.example:ifx");
	assert_prints(r, "iscsiadm-iface.txt");
	record_free(r);
}

/* As `ls -lR /etc/iscsi` told of those that open-iscsi wrote. */
static void files_have_the_same_sizes(void **state)
{
	struct record *r =
		found_node("iqn.2003-01.org.linux-iscsi.vm.x8664:sn.5eb4d7e64747", "3260");
	assert_int_equal(file_size(r), 2191);
	record_free(r);
	r = found_node(STORE, "3261");
	assert_int_equal(file_size(r), 2168);
	record_free(r);
	r = record_new(RECORD_SENDTARGETS);
	put(r, "discovery.sendtargets.address", "127.0.0.1");
	assert_int_equal(file_size(r), 575);
	put(r, "discovery.sendtargets.port", "9");
	assert_int_equal(file_size(r), 572);
	record_free(r);
	r = new_node("iqn.2026-11.org.example:new", "10.0.0.1", "3260", "-1");
	assert_int_equal(file_size(r), 2122);
	record_free(r);
}

static void secrets_are_printed_only_when_asked_for(void **state)
{
	struct record *r = found_node(STORE, "3260");
	struct buf masked, bare;
	put(r, "node.session.auth.password", "first-secret");
	put(r, "node.session.auth.password_in", "other-secret");
	buf_init(&masked, RECORD_TEXT_MAX);
	buf_init(&bare, RECORD_TEXT_MAX);
	assert_int_equal(record_print(r, RECORD_MASKED, &masked), 0);
	assert_null(strstr(buf_str(&masked), "secret"));
	assert_int_equal(record_print(r, RECORD_BARE, &bare), 0);
	assert_non_null(strstr(buf_str(&bare), "auth.password = first-secret\n"));
	assert_non_null(strstr(buf_str(&bare), "auth.password_in = other-secret\n"));
	record_wipe_buf(&bare);
	buf_free(&masked);
	record_free(r);
}

static void what_is_ours_is_printed_where_it_is_set(void **state)
{
	struct record *r = found_node(STORE, "3260");
	struct buf b;
	put(r, "node.lunar.outage", "wait");
	put(r, "node.session.auth.password_file", "/etc/secret");
	buf_init(&b, RECORD_TEXT_MAX);
	assert_int_equal(record_print(r, RECORD_MASKED, &b), 0);
	assert_non_null(strstr(buf_str(&b), "node.lunar.outage = wait\n"));
	assert_non_null(strstr(buf_str(&b), "node.session.auth.password_file = /etc/secret\n"));
	assert_null(strstr(buf_str(&b), "node.lunar.via"));
	buf_clear(&b);
	put(r, "node.lunar.outage", "auto");
	assert_int_equal(record_print(r, RECORD_MASKED, &b), 0);
	assert_null(strstr(buf_str(&b), "node.lunar"));
	buf_free(&b);
	record_free(r);
}

static void ifaces_with_ipv6_have_its_rows(void **state)
{
	struct record *r = found_node(STORE, "3260");
	struct buf b;
	put(r, "iface.ipaddress", "fe80::7");
	buf_init(&b, RECORD_TEXT_MAX);
	assert_int_equal(record_print(r, RECORD_MASKED, &b), 0);
	assert_non_null(strstr(buf_str(&b), "iface.traffic_class = 0\n"));
	assert_null(strstr(buf_str(&b), "iface.ttl"));
	buf_free(&b);
	record_free(r);
}

/* ---- reading ---- */

static void what_was_written_is_read(void **state)
{
	struct said said;
	struct buf first, second;
	struct record *r = found_node(STORE, "3260");
	put(r, "node.session.auth.password", "a = b # c");
	put(r, "node.lunar.luns", "0-3");
	buf_init(&first, RECORD_TEXT_MAX);
	buf_init(&second, RECORD_TEXT_MAX);
	assert_int_equal(record_print(r, RECORD_FILE, &first), 0);
	struct record *again = parsed(RECORD_NODE, buf_str(&first), &said);
	assert_int_equal(record_print(again, RECORD_FILE, &second), 0);
	assert_string_equal(buf_str(&first), buf_str(&second));
	assert_string_equal(record_get(again, "node.session.auth.password"), "a = b # c");
	assert_int_equal(said.count, 0);
	buf_free(&first);
	buf_free(&second);
	record_free(again);
	record_free(r);
}

static void any_order_crlf_and_strange_keys_are_taken(void **state)
{
	struct said said;
	struct buf b;
	struct record *r = parsed(RECORD_NODE,
				  "# BEGIN RECORD 2.0-873\r\n"
				  "  node.conn[0].port   =3261  \r\n"
				  "node.nosuch = 7 = 8\r\n"
				  "\r\n"
				  "node.name\t=\t" STORE "\r\n"
				  "iface.mtu =\r\n"
				  "node.session.auth.password_length = 12\r\n"
				  "# END RECORD\r\n"
				  "node.conn[0].port = 3262",
				  &said);
	assert_string_equal(record_get(r, "node.conn[0].port"), "3262");
	assert_string_equal(record_get(r, "node.name"), STORE);
	assert_string_equal(record_get(r, "iface.mtu"), "0");
	assert_non_null(strstr(said.text, "a/b, line 3: node.nosuch is not known: it is kept"));
	assert_non_null(strstr(said.text, "a/b, line 9: node.conn[0].port is there twice"));
	assert_int_equal(said.count, 2);
	struct record *copy = record_copy(r);
	buf_init(&b, RECORD_TEXT_MAX);
	assert_int_equal(record_print(copy, RECORD_FILE, &b), 0);
	assert_non_null(strstr(buf_str(&b), "\nnode.nosuch = 7 = 8\n# END RECORD\n"));
	assert_null(strstr(buf_str(&b), "password_length"));
	buf_clear(&b);
	assert_int_equal(record_print(copy, RECORD_MASKED, &b), 0);
	assert_null(strstr(buf_str(&b), "node.nosuch"));
	buf_free(&b);
	record_free(copy);
	record_free(r);
}

static void damage_is_told_by_line_and_reason(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "a/b is damaged: there is nothing in it"},
		{"# BEGIN RECORD 2.1.8\n", "there is nothing in it"},
		{"# BEGIN RECORD 2.1.8\nnode.tpgt = 1\n",
		 "line 2 is the last one, and \"# END RECORD\" is missing"},
		{"node.tpgt = 1\nrubbish\n", "line 2: it is not of the form NAME = VALUE"},
		{"node.tpgt = 1\n= 5\n", "line 2: it is not of the form NAME = VALUE"},
		{"node.startup = x\x01y\n", "line 1: it has the control character 0x01"},
		{"\n\nnode.startup = soon\n", "line 3: node.startup: \"soon\" is not manual"},
		{"node.tpgt = 70000\n", "line 1: node.tpgt: \"70000\" is not a number from -1"},
		{"node.name = iqn.2026-11.org.example:a/b\n", "line 1: node.name:"},
		{"\xff\xfe = 1\n", "line 1: it is not UTF-8"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record *r;
		struct said said;
		struct config_why why;
		assert_int_equal(parse(&r, RECORD_NODE, cases[i].text, &said, &why), -EBADMSG);
		assert_null(r);
		if (!strstr(why.text, cases[i].want))
			print_message("# %s\n", why.text);
		assert_non_null(strstr(why.text, cases[i].want));
	}
}

static void too_much_is_damage(void **state)
{
	struct record *r;
	struct said said;
	struct config_why why;
	struct buf b;
	buf_init(&b, RECORD_TEXT_MAX);
	for (int i = 0; i < 65; i++)
		buf_printf(&b, "node.other%d = 1\n", i);
	assert_int_equal(parse(&r, RECORD_NODE, buf_str(&b), &said, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "line 65: there are more than 64 keys"));
	buf_clear(&b);
	buf_printf(&b, "node.name = %02048d\n", 1);
	assert_int_equal(parse(&r, RECORD_NODE, buf_str(&b), &said, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "line 1: it is longer than 2047 bytes"));
	/* A NUL does not hide what comes behind it. */
	assert_int_equal(record_parse(&r, RECORD_NODE, "n", "node.tpgt = 1\0\nx", 16, NULL, &why),
			 -EBADMSG);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_sound),
		cmocka_unit_test(forms_are_checked_and_say_what_would_do),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(what_records_are_found_by_does_not_change),
		cmocka_unit_test(changes_are_made_together_or_not_at_all),
		cmocka_unit_test(records_are_printed_word_for_word),
		cmocka_unit_test(files_have_the_same_sizes),
		cmocka_unit_test(secrets_are_printed_only_when_asked_for),
		cmocka_unit_test(what_is_ours_is_printed_where_it_is_set),
		cmocka_unit_test(ifaces_with_ipv6_have_its_rows),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(any_order_crlf_and_strange_keys_are_taken),
		cmocka_unit_test(damage_is_told_by_line_and_reason),
		cmocka_unit_test(too_much_is_damage),
	};
	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
