/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts of records and of iscsid.conf, which people and other programs write. What is read is whole: it is
 * printed, read again, and printed the same. What is said is fit for a terminal.
 */
#include "fuzz.h"
#include "records/conf.h"
#include "records/settings.h"

static void look_at(void *ctx, const char *line)
{
	for (const char *p = line; *p; p++)
		MUST((unsigned char)*p >= ' ' && *p != 0x7f);
}

static const struct record_say say = {look_at, NULL};

static void print(const struct record *r, enum record_print how, struct buf *out)
{
	buf_init(out, 4 * RECORD_TEXT_MAX);
	MUST(!record_print(r, how, out));
}

/* No secret is shown, whatever it is. */
static void check_masked(struct record *r)
{
	static const char *const keys[] = {"node.session.auth.password",
					   "discovery.sendtargets.auth.password_in"};
	struct config_why why;
	struct buf text;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (record_get(r, keys[i]))
			MUST(!record_put(r, keys[i], "#hidden#secret#", &why));
	}
	print(r, RECORD_MASKED, &text);
	MUST(!strstr(buf_str(&text), "#hidden#secret#"));
	buf_free(&text);
}

static void check_settings(struct record *r)
{
	struct config_why why = {""};
	struct node_settings node;
	struct portal_settings portal;
	char list[LUNS_TEXT];
	/* Nothing is read from files and keys that an input names. */
	static const char *const elsewhere[] = {"node.session.auth.password_file",
						"node.session.auth.password_key",
						"node.session.auth.password_in_file",
						"node.session.auth.password_in_key",
						"discovery.sendtargets.auth.password_file",
						"discovery.sendtargets.auth.password_key",
						"discovery.sendtargets.auth.password_in_file",
						"discovery.sendtargets.auth.password_in_key"};
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		(void)record_put(r, elsewhere[i], "", &why);
	if (r->kind == RECORD_NODE && !node_settings_read(r, &node, &why)) {
		MUST(node.offer.want.first_burst <= node.offer.want.max_burst);
		(void)node_wants_lun(&node, 3);
		(void)node_attaches_lun(&node, 3);
		(void)luns_remove(list, node.attach, 3);
		node_settings_wipe(&node);
	}
	if (r->kind == RECORD_SENDTARGETS && !portal_settings_read(r, &portal, &why))
		portal_settings_wipe(&portal);
}

static void check_record(enum record_kind kind, const uint8_t *text, size_t len)
{
	struct config_why why = {""};
	struct record *r, *again;
	struct buf first, second;
	int err = record_parse(&r, kind, "f", text, len, &say, &why);
	MUST(!err == !!r);
	look_at(NULL, why.text);
	if (err) {
		MUST(why.text[0]);
		return;
	}
	print(r, RECORD_FILE, &first);
	MUST(!record_parse(&again, kind, "f", first.data, first.len, &say, &why));
	print(again, RECORD_FILE, &second);
	MUST(first.len == second.len && !memcmp(first.data, second.data, first.len));
	buf_free(&first);
	buf_free(&second);
	check_settings(r);
	check_masked(r);
	record_free(again);
	record_free(r);
}

static void check_conf(const uint8_t *text, size_t len)
{
	struct records_conf conf;
	struct buf printed;
	struct record *r, *again;
	struct config_why why = {""};
	MUST(!records_conf_parse(&conf, "f", text, len, &say));
	r = records_conf_new(&conf, RECORD_NODE);
	MUST(r);
	print(r, RECORD_FILE, &printed);
	MUST(!record_parse(&again, RECORD_NODE, "f", printed.data, printed.len, &say, &why));
	buf_free(&printed);
	record_free(again);
	record_free(r);
	records_conf_free(&conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned kind = take_byte(&in) % (RECORD_KINDS + 1);
	uint8_t *copy = copy_of(in.p, in.left);
	if (kind == RECORD_KINDS)
		check_conf(copy, in.left);
	else
		check_record((enum record_kind)kind, copy, in.left);
	free(copy);
	return 0;
}
