/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsid.conf, initiatorname.iscsi, and the records of another directory. */
#include "records_rig.h"
#include "records/conf.h"

#define ME "iqn.2026-11.org.example:init"

static const struct record_say *say_to(struct rig *t)
{
	static struct record_say say;
	say = (struct record_say){rig_note, t};
	return &say;
}

static void parse(struct rig *t, struct records_conf *conf, const char *text)
{
	assert_int_equal(records_conf_parse(conf, "iscsid.conf", text, strlen(text), say_to(t)), 0);
}

/* ---- iscsid.conf ---- */

/* The lines of the file that Debian installs. */
static void the_file_of_a_distribution_changes_nothing(void **state)
{
	struct rig *t = *state;
	struct records_conf conf;
	struct buf before, after;
	parse(t, &conf,
	      "# comment\n\n"
	      "iscsid.startup = /bin/systemctl start iscsid.socket\n"
	      "node.startup = manual\n"
	      "node.leading_login = No\n"
	      "#node.session.auth.authmethod = CHAP\n"
	      "node.session.timeo.replacement_timeout = 120\n"
	      "node.conn[0].timeo.login_timeout = 15\n"
	      "node.session.err_timeo.abort_timeout = 15\n"
	      "node.session.initial_login_retry_max = 8\n"
	      "node.session.cmds_max = 128\n"
	      "node.session.xmit_thread_priority = -20\n"
	      "node.session.iscsi.InitialR2T = No\n"
	      "node.session.iscsi.MaxBurstLength = 16776192\n"
	      "discovery.sendtargets.iscsi.MaxRecvDataSegmentLength = 32768\n"
	      "node.session.scan = auto\n");
	assert_string_equal(t->said, "");
	for (unsigned kind = 0; kind < RECORD_KINDS; kind++) {
		struct record *plain = record_new(kind), *set = records_conf_new(&conf, kind);
		buf_init(&before, RECORD_TEXT_MAX);
		buf_init(&after, RECORD_TEXT_MAX);
		assert_int_equal(record_print(plain, RECORD_FILE, &before), 0);
		assert_int_equal(record_print(set, RECORD_FILE, &after), 0);
		if (kind != RECORD_ISNS)
			assert_string_equal(buf_str(&before), buf_str(&after));
		buf_free(&before);
		buf_free(&after);
		record_free(plain);
		record_free(set);
	}
	records_conf_free(&conf);
}

static void what_it_sets_is_the_default_of_new_records(void **state)
{
	struct rig *t = *state;
	struct records_conf conf;
	parse(t, &conf,
	      "node.startup=automatic\r\n"
	      "node.session.auth.authmethod = CHAP\r\n"
	      "node.session.auth.username = user\r\n"
	      "node.session.auth.password = secretsecret12\r\n"
	      "node.session.auth.chap_algs = SHA3-256,SHA256\r\n"
	      "discovery.sendtargets.auth.authmethod = CHAP\r\n"
	      "discovery.sendtargets.auth.username = other");
	struct record *node = records_conf_new(&conf, RECORD_NODE);
	struct record *portal = records_conf_new(&conf, RECORD_SENDTARGETS);
	struct record *isns = records_conf_new(&conf, RECORD_ISNS);
	assert_string_equal(record_get(node, "node.startup"), "automatic");
	assert_string_equal(record_get(node, "node.session.auth.password"), "secretsecret12");
	assert_string_equal(record_get(node, "node.session.auth.chap_algs"), "SHA3-256,SHA256");
	/* One key for both. */
	assert_string_equal(record_get(portal, "node.session.auth.chap_algs"), "SHA3-256,SHA256");
	assert_string_equal(record_get(portal, "discovery.sendtargets.auth.username"), "other");
	assert_string_equal(record_get(isns, "discovery.type"), "isns");
	assert_string_equal(t->said, "");
	record_free(node);
	record_free(portal);
	record_free(isns);
	records_conf_free(&conf);
}

static void a_bad_line_is_said_and_the_others_count(void **state)
{
	struct rig *t = *state;
	struct records_conf conf;
	char long_line[3000];
	memset(long_line, 'x', sizeof(long_line));
	long_line[sizeof(long_line) - 1] = 0;
	char text[4096];
	snprintf(text, sizeof(text),
		 "node.startup = soon\nnode.nosuch = 1\nrubbish\nnode.name = " STORE
		 "\n%s\nnode.\x01 = 2\nnode.session.cmds_max = 64\nnode.conn[0].port =\n",
		 long_line);
	parse(t, &conf, text);
	assert_string_equal(record_get(conf.node, "node.session.cmds_max"), "64");
	assert_string_equal(record_get(conf.node, "node.startup"), "manual");
	assert_int_equal(t->lines, 6);
	assert_non_null(strstr(t->said,
			       "iscsid.conf, line 1 has no effect: node.startup: \"soon\" is "
			       "not manual, automatic or onboot"));
	assert_non_null(strstr(t->said, "line 2 has no effect: node.nosuch is not known"));
	assert_non_null(strstr(t->said, "line 3 has no effect: it is not of the form"));
	assert_non_null(strstr(t->said, "line 4 has no effect: Cannot modify node.name."));
	assert_non_null(strstr(t->said, "line 5 has no effect: it is longer than 2047 bytes"));
	assert_non_null(strstr(t->said, "line 6 has no effect: it has the control character 0x01"));
	records_conf_free(&conf);
}

static void without_a_file_nothing_is_set(void **state)
{
	struct rig *t = *state;
	struct records_conf conf;
	char path[1024];
	rig_path(t, "iscsid.conf", path);
	FINE(t, records_conf_read(&conf, path, say_to(t), &t->why));
	records_conf_free(&conf);
	scribble(t, "iscsid.conf", "node.startup = onboot\n");
	FINE(t, records_conf_read(&conf, path, say_to(t), &t->why));
	assert_string_equal(record_get(conf.node, "node.startup"), "onboot");
	records_conf_free(&conf);
	assert_int_equal(records_conf_read(&conf, t->dir, say_to(t), &t->why), -EINVAL);
}

/* ---- initiatorname.iscsi ---- */

static void counted(void *ctx, void *out, size_t len)
{
	unsigned *n = ctx;
	memset(out, 0, len);
	((uint8_t *)out)[0] = (uint8_t)++ * n;
}

static void who_we_are_is_read(void **state)
{
	struct rig *t = *state;
	struct initiator_names names;
	char path[1024];
	rig_path(t, "initiatorname.iscsi", path);
	assert_int_equal(initiator_names_read(path, &names, &t->why), -ENOENT);
	scribble(t, "initiatorname.iscsi",
		 "## DO NOT EDIT\r\nInitiatorName=IQN.2026-11.org.example:Init\r\n"
		 "what else\r\nInitiatorAlias = The host\r\n");
	FINE(t, initiator_names_read(path, &names, &t->why));
	assert_string_equal(names.name, ME);
	assert_string_equal(names.alias, "The host");
}

static void a_bad_name_is_told_by_line(void **state)
{
	struct rig *t = *state;
	static const struct {
		const char *text;
		int err;
		const char *want;
	} cases[] = {
		{"", -EBADMSG, "has no initiator's name; write InitiatorName=iqn."},
		{"\nInitiatorName=host\n", -EBADMSG,
		 "line 2: \"host\" is no iSCSI name: begins with"},
		{"InitiatorName=iqn.2026-11.org.example:a b\n", -EBADMSG, "a space"},
		{"InitiatorName=" ME "\x1b[2J\n", -EBADMSG, "control character"},
		{"GenerateName=yes\n", -ENODATA, "says that a name is to be made"},
		{"InitiatorName=" ME "\nInitiatorAlias=\xff\n", -EBADMSG, "255 bytes of UTF-8"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct initiator_names names;
		char path[1024];
		rig_path(t, "initiatorname.iscsi", path);
		scribble(t, "initiatorname.iscsi", cases[i].text);
		assert_int_equal(initiator_names_read(path, &names, &t->why), cases[i].err);
		if (!strstr(t->why.text, cases[i].want))
			print_message("# %s\n", t->why.text);
		assert_non_null(strstr(t->why.text, cases[i].want));
		assert_string_equal(names.name, "");
	}
}

static void a_name_is_made_once(void **state)
{
	struct rig *t = *state;
	struct initiator_names names;
	struct stat st;
	char path[1024];
	unsigned n = 0;
	rig_path(t, "initiatorname.iscsi", path);
	FINE(t, initiator_names_make(path, "iqn.2026-11.org.example:01", counted, &n, &names,
				     &t->why));
	assert_string_equal(names.name, "iqn.2026-11.org.example:01:010000000000");
	FINE(t, initiator_names_make(path, "iqn.2026-11.org.example:01", counted, &n, &names,
				     &t->why));
	assert_string_equal(names.name, "iqn.2026-11.org.example:01:010000000000");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	scribble(t, "initiatorname.iscsi", "GenerateName=yes\n");
	FINE(t, initiator_names_make(path, "iqn.2026-11.org.example:01", counted, &n, &names,
				     &t->why));
	assert_string_equal(names.name, "iqn.2026-11.org.example:01:020000000000");
	/* A bad one is not overwritten: who put it there wants to know. */
	scribble(t, "initiatorname.iscsi", "InitiatorName=me\n");
	assert_int_equal(initiator_names_make(path, "iqn.2026-11.org.example:01", counted, &n,
					      &names, &t->why),
			 -EBADMSG);
	rig_path(t, "none/initiatorname.iscsi", path);
	assert_int_equal(initiator_names_make(path, "iqn.2026-11.org.example:01", counted, &n,
					      &names, &t->why),
			 -ENOENT);
	rig_path(t, "other", path);
	assert_int_equal(initiator_names_make(path, "lunar", counted, &n, &names, &t->why),
			 -EINVAL);
}

/* Somebody else makes one while we do. */
static void slow(void *ctx, void *out, size_t len)
{
	scribble(ctx, "initiatorname.iscsi", "InitiatorName=" ME "\n");
	memset(out, 0, len);
}

static void two_that_make_a_name_at_once_have_the_same(void **state)
{
	struct rig *t = *state;
	struct initiator_names names;
	char path[1024];
	rig_path(t, "initiatorname.iscsi", path);
	FINE(t, initiator_names_make(path, "iqn.2026-11.org.example:01", slow, t, &names, &t->why));
	assert_string_equal(names.name, ME);
	assert_string_equal(slurp(t, "initiatorname.iscsi"), "InitiatorName=" ME "\n");
}

/* ---- import ---- */

static void make_foreign(struct rig *t)
{
	scribble(t, "old/nodes/" STORE "/127.0.0.1,3260,1/default",
		 "# BEGIN RECORD 2.1.8\nnode.name = " STORE
		 "\nnode.tpgt = 1\nnode.startup = automatic\nnode.conn[0].address = 127.0.0.1\n"
		 "node.conn[0].port = 3260\nnode.session.auth.password = secretsecret12\n"
		 "node.discovery_address = 127.0.0.1\nnode.discovery_port = 3260\n"
		 "node.discovery_type = send_targets\n# END RECORD\n");
	scribble(t, "old/nodes/IQN.2026-11.org.example:OTHER/10.0.0.1,3260", "node.tpgt = -1\n");
	scribble(t, "old/nodes/" STORE "/127.0.0.1,3261,1/default", "# BEGIN RECORD 2.1.8\n");
	scribble(t, "old/nodes/" STORE "/127.0.0.1,3262,1/ifx", "iface.iscsi_ifacename = ifx\n");
	scribble(t, "old/send_targets/127.0.0.1,3260/st_config", "discovery.startup = manual\n");
	scribble(t, "old/isns/127.0.0.1,3205/isns_config", "discovery.type = isns\n");
	scribble(t, "old/ifaces/ifx", "iface.iscsi_ifacename = ifx\niface.net_ifacename = eth1\n");
}

static void what_open_iscsi_has_left_is_taken_over(void **state)
{
	struct rig *t = *state;
	struct records_imported counts;
	struct rig_list l;
	struct record *iface;
	char from[1024];
	make_foreign(t);
	rig_add(t, STORE, "3262", "1", "ifx");
	rig_change(t, STORE, "node.startup", "onboot");
	rig_path(t, "old", from);
	FINE(t, records_import(&t->db, from, &counts, &t->why));
	assert_int_equal(counts.nodes, 2);
	assert_int_equal(counts.portals, 2);
	assert_int_equal(counts.ifaces, 1);
	assert_int_equal(counts.there, 1);
	assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
			    OTHER " 10.0.0.1:3260,-1 default manual\n" STORE
				  " 127.0.0.1:3260,1 default automatic\n" STORE
				  " 127.0.0.1:3262,1 ifx onboot\n");
	assert_non_null(strstr(t->said, "127.0.0.1,3261,1/default is damaged"));
	assert_true(there(t, "send_targets/127.0.0.1,3260/" STORE ",127.0.0.1,3260,1,default"));
	FINE(t, records_iface_read(&t->db, "ifx", &iface, &t->why));
	assert_string_equal(record_get(iface, "iface.net_ifacename"), "eth1");
	record_free(iface);
	/* Nothing was written there, not even a lock. */
	assert_false(there(t, "old/.lock"));
	assert_false(there(t, "old/damaged"));
	FINE(t, records_import(&t->db, from, &counts, &t->why));
	assert_int_equal(counts.nodes + counts.portals + counts.ifaces, 0);
	assert_int_equal(counts.there, 6);
	assert_int_equal(records_import(&t->db, "/nowhere", &counts, &t->why), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_file_of_a_distribution_changes_nothing),
		CASE(what_it_sets_is_the_default_of_new_records),
		CASE(a_bad_line_is_said_and_the_others_count),
		CASE(without_a_file_nothing_is_set),
		CASE(who_we_are_is_read),
		CASE(a_bad_name_is_told_by_line),
		CASE(a_name_is_made_once),
		CASE(two_that_make_a_name_at_once_have_the_same),
		CASE(what_open_iscsi_has_left_is_taken_over),
	};
	return cmocka_run_group_tests_name("records_conf", tests, NULL, NULL);
}
