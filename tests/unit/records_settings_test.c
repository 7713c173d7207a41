/* SPDX-License-Identifier: BSD-2-Clause */
/* What records mean: numbers, accounts, offers; and secrets that are elsewhere. */
#include "records_rig.h"
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include "records/settings.h"

static struct record *node_with(struct rig *t, const struct record_change *changes, size_t count)
{
	struct record *r = rig_node(t, STORE, "3260", "1", "default");
	FINE(t, record_set_all(r, changes, count, &t->why));
	return r;
}

/* The answer for a node with these changes. */
static int settings(struct rig *t, const struct record_change *changes, size_t count,
		    struct node_settings *s)
{
	struct record *r = node_with(t, changes, count);
	int err = node_settings_read(r, s, &t->why);
	record_free(r);
	return err;
}
#define SETTINGS(t, s, ...)                                            \
	settings(t, (const struct record_change[]){__VA_ARGS__},       \
		 sizeof((const struct record_change[]){__VA_ARGS__}) / \
			 sizeof(struct record_change),                 \
		 s)

static void defaults_are_those_of_the_rows(void **state)
{
	struct rig *t = *state;
	struct node_settings s;
	assert_int_equal(settings(t, NULL, 0, &s), 0);
	assert_string_equal(s.key.target, STORE);
	assert_string_equal(s.key.address, PORTAL);
	assert_int_equal(s.key.port, 3260);
	assert_int_equal(s.key.tpgt, 1);
	assert_int_equal(s.startup, NODE_MANUAL);
	assert_int_equal(s.via, NODE_AUTO);
	assert_true(s.scan && !s.leading_login);
	assert_int_equal(s.login_retries, 8);
	assert_int_equal(s.cmds_max, 128);
	assert_int_equal(s.queue_depth, 32);
	assert_int_equal(s.login_timeout, 15);
	assert_int_equal(s.logout_timeout, 15);
	assert_int_equal(s.noop_interval, 5);
	assert_int_equal(s.noop_timeout, 5);
	assert_int_equal(s.abort_timeout, 15);
	assert_int_equal(s.lu_reset_timeout, 30);
	assert_int_equal(s.target_reset_timeout, 30);
	assert_int_equal(s.host_reset_timeout, 60);
	assert_int_equal(s.offer.want.max_recv_data, 262144);
	assert_int_equal(s.offer.want.max_burst, 16776192);
	assert_int_equal(s.offer.want.first_burst, 262144);
	assert_int_equal(s.offer.want.max_outstanding_r2t, 1);
	assert_int_equal(s.offer.want.time2wait, 2);
	assert_int_equal(s.offer.want.time2retain, 0);
	assert_false(s.offer.want.initial_r2t);
	assert_true(s.offer.want.immediate_data);
	assert_int_equal(s.offer.header_digests, ISCSI_DIGEST_NONE);
	assert_int_equal(s.window_size, 524288);
	assert_int_equal(s.outage, 120);
	assert_true(s.wait_if_only_path);
	assert_string_equal(s.accounts.ours.name, "");
	assert_int_equal(s.accounts.algorithms, ISCSI_CHAP_BIT(ISCSI_CHAP_MD5));
}

static void what_is_set_arrives(void **state)
{
	struct rig *t = *state;
	struct node_settings s;
	assert_int_equal(SETTINGS(t, &s, {"node.startup", "onboot"},
				  {"node.lunar.via", "nbd-socket"}, {"node.leading_login", "Yes"},
				  {"node.session.scan", "manual"},
				  {"node.conn[0].iscsi.HeaderDigest", "CRC32C,None"},
				  {"node.conn[0].iscsi.DataDigest", "CRC32C"},
				  {"node.session.iscsi.MaxBurstLength", "65536"},
				  {"iface.net_ifacename", "eth0"}, {"iface.ipaddress", "127.0.0.2"},
				  {"iface.initiatorname", "iqn.2026-11.org.example:ifx"},
				  {"node.conn[0].tcp.type_of_service", "8"}),
			 0);
	assert_int_equal(s.startup, NODE_ONBOOT);
	assert_int_equal(s.via, NODE_NBD_SOCKET);
	assert_true(s.leading_login && !s.scan);
	assert_true(s.offer.want.header_digest && s.offer.want.data_digest);
	assert_int_equal(s.offer.header_digests, ISCSI_DIGEST_NONE | ISCSI_DIGEST_CRC32C);
	assert_int_equal(s.offer.data_digests, ISCSI_DIGEST_CRC32C);
	/* RFC 7143 13.14 */
	assert_int_equal(s.offer.want.first_burst, 65536);
	assert_string_equal(s.net_interface, "eth0");
	assert_string_equal(s.source_address, "127.0.0.2");
	assert_string_equal(s.initiator_name, "iqn.2026-11.org.example:ifx");
	assert_int_equal(s.type_of_service, 8);
}

static void an_outage_is_as_long_as_was_said(void **state)
{
	struct rig *t = *state;
	static const struct {
		const char *timeout, *word;
		int32_t outage;
		bool alone;
	} cases[] = {
		{"120", "auto", 120, true},     {"30", "auto", 30, false},
		{"0", "auto", 0, false},        {"-1", "auto", NODE_OUTAGE_WAIT, false},
		{"120", "timeout", 120, false}, {"30", "wait", NODE_OUTAGE_WAIT, false},
		{"30", "fail", 0, false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct node_settings s;
		assert_int_equal(
			SETTINGS(t, &s,
				 {"node.session.timeo.replacement_timeout", cases[i].timeout},
				 {"node.lunar.outage", cases[i].word}),
			0);
		assert_int_equal(s.outage, cases[i].outage);
		assert_int_equal(s.wait_if_only_path, cases[i].alone);
	}
}

static void luns_that_are_named_are_wanted_and_no_others(void **state)
{
	struct rig *t = *state;
	struct node_settings s;
	assert_int_equal(SETTINGS(t, &s, {"node.lunar.luns", "0,2,5-7,16383"}), 0);
	static const uint64_t yes[] = {0, 2, 5, 6, 7, 16383}, no[] = {1, 3, 4, 8, 16384};
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(node_wants_lun(&s, yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(node_wants_lun(&s, no[i]));
	assert_int_equal(settings(t, NULL, 0, &s), 0);
	assert_true(node_wants_lun(&s, 99));
	assert_int_equal(SETTINGS(t, &s, {"node.session.scan", "manual"}), 0);
	assert_false(node_wants_lun(&s, 0));
}

static void luns_are_attached_that_are_named_or_all_that_become_devices(void **state)
{
	struct rig *t = *state;
	struct node_settings s;
	assert_int_equal(settings(t, NULL, 0, &s), 0);
	assert_false(node_attaches_lun(&s, 0));
	assert_int_equal(SETTINGS(t, &s, {"node.lunar.attach", "1,4-6"}), 0);
	assert_true(node_attaches_lun(&s, 5));
	assert_false(node_attaches_lun(&s, 0));
	assert_int_equal(SETTINGS(t, &s, {"node.lunar.attach", "all"}, {"node.lunar.luns", "2,3"}),
			 0);
	assert_true(node_attaches_lun(&s, 3));
	assert_false(node_attaches_lun(&s, 4));
	assert_int_equal(SETTINGS(t, &s, {"node.lunar.attach", "all"}), 0);
	assert_true(node_attaches_lun(&s, 4));
}

static void luns_come_into_lists_and_leave_them(void **state)
{
	static const struct {
		const char *list;
		uint64_t lun;
		const char *with, *without;
	} cases[] = {
		{"", 0, "0", ""},
		{"0", 0, "0", ""},
		{"0,2", 1, "0,2,1", "0,2"},
		{"5-7", 5, "5-7", "6-7"},
		{"5-7", 6, "5-7", "5,7"},
		{"1,5-7,9", 7, "1,5-7,9", "1,5-6,9"},
		{"5-7,6", 6, "5-7,6", "5,7"},
		{"0-3", 0, "0-3", "1-3"},
		{"all", 3, "all", ""},
	};
	char out[LUNS_TEXT], full[LUNS_TEXT] = "";
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(luns_add(out, cases[i].list, cases[i].lun), 0);
		assert_string_equal(out, cases[i].with);
		assert_int_equal(luns_remove(out, cases[i].list, cases[i].lun), 0);
		assert_string_equal(out, cases[i].without);
	}
	for (int i = 0; i < 50; i++)
		strcat(full, i ? ",1000" : "1000");
	strcat(full, ",7-9");
	assert_int_equal(luns_add(out, full, 3), 0);
	strcpy(full, out);
	assert_int_equal(luns_add(out, full, 16383), -ENOSPC);
}

#define CHAP                                           \
	{                                              \
		"node.session.auth.authmethod", "CHAP" \
	}
#define USER                                         \
	{                                            \
		"node.session.auth.username", "user" \
	}

static void accounts_are_whole_or_refused(void **state)
{
	struct rig *t = *state;
	struct node_settings s;
	assert_int_equal(SETTINGS(t, &s, CHAP, USER,
				  {"node.session.auth.password", "secretsecret12"},
				  {"node.session.auth.username_in", "store"},
				  {"node.session.auth.password_in", "othersecret12"},
				  {"node.session.auth.chap_algs", "SHA3-256,SHA1"}),
			 0);
	assert_string_equal(s.accounts.ours.name, "user");
	assert_int_equal(s.accounts.ours.secret_len, 14);
	assert_memory_equal(s.accounts.ours.secret, "secretsecret12", 14);
	assert_string_equal(s.accounts.theirs.name, "store");
	assert_int_equal(s.accounts.algorithms,
			 ISCSI_CHAP_BIT(ISCSI_CHAP_SHA3_256) | ISCSI_CHAP_BIT(ISCSI_CHAP_SHA1));
	node_settings_wipe(&s);
	assert_string_equal(s.accounts.ours.name, "");
	assert_int_equal(s.accounts.ours.secret[0], 0);

	/* Without authmethod they are not used. */
	assert_int_equal(SETTINGS(t, &s, USER, {"node.session.auth.password", "secretsecret12"}),
			 0);
	assert_string_equal(s.accounts.ours.name, "");

	assert_int_equal(SETTINGS(t, &s, CHAP), -EINVAL);
	assert_non_null(
		strstr(t->why.text, "node.session.auth.authmethod is CHAP, and we have no name"));
	assert_int_equal(SETTINGS(t, &s, CHAP, USER), -EINVAL);
	assert_non_null(strstr(t->why.text, "node.session.auth.username is user, and there is no "
					    "secret; set node.session.auth.password, or"));
	assert_int_equal(SETTINGS(t, &s, CHAP, USER,
				  {"node.session.auth.password", "secretsecret12"},
				  {"node.session.auth.username_in", "store"},
				  {"node.session.auth.password_in", "secretsecret12"}),
			 -EINVAL);
	assert_non_null(strstr(t->why.text, "RFC 7143 9.2.1"));
	assert_null(strstr(t->why.text, "secretsecret12"));
}

static void what_cannot_be_done_is_said(void **state)
{
	struct rig *t = *state;
	struct node_settings s;
	assert_int_equal(SETTINGS(t, &s, {"iface.transport_name", "iser"}), -EOPNOTSUPP);
	assert_non_null(strstr(t->why.text, "iface.transport_name is \"iser\"; only tcp"));
	assert_int_equal(SETTINGS(t, &s, {"iface.net_ifacename", "a-name-of-16-char"}), -EINVAL);
	struct record *r = record_new(RECORD_NODE);
	assert_int_equal(node_settings_read(r, &s, &t->why), -EINVAL);
	record_free(r);
}

static void a_secret_may_be_in_a_file(void **state)
{
	struct rig *t = *state;
	struct node_settings s;
	char path[1024];
	rig_path(t, "secret", path);
	scribble(t, "secret", "filesecret1234\r\nand more\n");
	assert_int_equal(chmod(path, 0600), 0);
	const struct record_change file = {"node.session.auth.password_file", path};
	/* It is there in place of the other. */
	assert_int_equal(
		SETTINGS(t, &s, CHAP, USER, {"node.session.auth.password", "secretsecret12"}, file),
		0);
	assert_int_equal(s.accounts.ours.secret_len, 14);
	assert_memory_equal(s.accounts.ours.secret, "filesecret1234", 14);
	node_settings_wipe(&s);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(SETTINGS(t, &s, CHAP, USER, file), -EPERM);
	assert_non_null(strstr(t->why.text, "node.session.auth.username: the secret's file "));
	assert_non_null(strstr(t->why.text, "can be used by others (mode 640)"));
	assert_int_equal(chmod(path, 0600), 0);
	scribble(t, "secret", "\n");
	assert_int_equal(SETTINGS(t, &s, CHAP, USER, file), -EINVAL);
	assert_non_null(strstr(t->why.text, "is empty"));
	static char text[300];
	memset(text, 's', 257);
	scribble(t, "secret", text);
	assert_int_equal(SETTINGS(t, &s, CHAP, USER, file), -EMSGSIZE);
	assert_non_null(strstr(t->why.text, "is too long"));
	text[255] = '\n';
	scribble(t, "secret", text);
	assert_int_equal(SETTINGS(t, &s, CHAP, USER, file), 0);
	assert_int_equal(s.accounts.ours.secret_len, 255);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(SETTINGS(t, &s, CHAP, USER, file), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(SETTINGS(t, &s, CHAP, USER, file), -EINVAL);
}

static void a_secret_may_be_in_the_keyring(void **state)
{
	struct rig *t = *state;
	struct node_settings s;
	char name[64];
	snprintf(name, sizeof(name), "lunar-test:%d", (int)getpid());
	const struct record_change key = {"node.session.auth.password_key", name};
	int err = SETTINGS(t, &s, CHAP, USER, key);
	assert_true(err < 0);
	assert_non_null(strstr(t->why.text, "the secret's key \"lunar-test:"));
	/* A ring of our own, that nobody's is changed. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
	    syscall(SYS_add_key, "user", name, "keysecret123", 12, KEY_SPEC_SESSION_KEYRING) < 0) {
		print_message("# no keyring here: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(SETTINGS(t, &s, CHAP, USER, key), 0);
	assert_int_equal(s.accounts.ours.secret_len, 12);
	assert_memory_equal(s.accounts.ours.secret, "keysecret123", 12);
	node_settings_wipe(&s);
}

static void portals_have_settings_of_their_own(void **state)
{
	struct rig *t = *state;
	struct portal_settings s;
	struct record *r = record_new(RECORD_SENDTARGETS);
	assert_int_equal(portal_settings_read(r, &s, &t->why), -EINVAL);
	rig_put(t, r, "discovery.sendtargets.address", "127.0.0.1");
	assert_int_equal(portal_settings_read(r, &s, &t->why), 0);
	assert_string_equal(s.address, "127.0.0.1");
	assert_int_equal(s.port, 3260);
	assert_int_equal(s.login_timeout, 15);
	assert_int_equal(s.answer_timeout, 30);
	assert_int_equal(s.login_retries, 5);
	assert_int_equal(s.again_after, 0);
	assert_int_equal(s.offer.want.max_recv_data, 32768);
	rig_put(t, r, "discovery.sendtargets.use_discoveryd", "Yes");
	rig_put(t, r, "discovery.sendtargets.auth.authmethod", "CHAP");
	rig_put(t, r, "discovery.sendtargets.auth.username", "user");
	rig_put(t, r, "discovery.sendtargets.auth.password", "secretsecret12");
	assert_int_equal(portal_settings_read(r, &s, &t->why), 0);
	assert_int_equal(s.again_after, 30);
	assert_string_equal(s.accounts.ours.name, "user");
	portal_settings_wipe(&s);
	record_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(defaults_are_those_of_the_rows),
		CASE(what_is_set_arrives),
		CASE(an_outage_is_as_long_as_was_said),
		CASE(luns_that_are_named_are_wanted_and_no_others),
		CASE(luns_are_attached_that_are_named_or_all_that_become_devices),
		CASE(luns_come_into_lists_and_leave_them),
		CASE(accounts_are_whole_or_refused),
		CASE(what_cannot_be_done_is_said),
		CASE(a_secret_may_be_in_a_file),
		CASE(a_secret_may_be_in_the_keyring),
		CASE(portals_have_settings_of_their_own),
	};
	return cmocka_run_group_tests_name("records_settings", tests, NULL, NULL);
}
