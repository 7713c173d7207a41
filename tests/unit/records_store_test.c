/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of records: where they are, what is damaged, who waits for whom, and what a kill leaves. */
#include "records_rig.h"
#include <signal.h>
#include <sys/resource.h>

#define NODE_FILE "nodes/" STORE "/127.0.0.1,3260,1/default"

/* ---- where they are ---- */

static void nodes_are_where_scripts_look(void **state)
{
	struct rig *t = *state;
	struct stat st;
	char path[1024];
	umask(0);
	assert_true(rig_add(t, STORE, "3260", "1", "default"));
	assert_true(rig_add(t, OTHER, "3260", "-1", "default"));
	assert_true(there(t, NODE_FILE));
	assert_true(there(t, "nodes/" OTHER "/127.0.0.1,3260"));
	rig_path(t, NODE_FILE, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	rig_path(t, "nodes/" STORE, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_true(!strncmp(slurp(t, NODE_FILE), "# BEGIN RECORD 2.1.8\nnode.name = ", 33));
	/* A static node is linked to, unless its group is not known. */
	assert_true(there(t, "static/" STORE ",127.0.0.1,3260,1,default"));
	assert_false(there(t, "static/" OTHER ",127.0.0.1,3260,-1,default"));
	assert_int_equal(t->lines, 0);
}

static void a_node_is_target_portal_group_and_iface(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	assert_true(rig_add(t, STORE, "3260", "1", "default"));
	assert_true(rig_add(t, STORE, "3260", "2", "default"));
	assert_true(rig_add(t, STORE, "3260", "1", "iface0"));
	assert_true(rig_add(t, STORE, "3261", "1", "default"));
	assert_true(rig_add(t, OTHER, "3260", "-1", "default"));
	assert_true(rig_add(t, OTHER, "3260", "-1", "iface0"));
	rig_change(t, STORE, "node.startup", "automatic");
	assert_false(rig_add(t, STORE, "3260", "1", "default"));
	assert_false(rig_add(t, OTHER, "3260", "-1", "iface0"));
	assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
			    OTHER " 127.0.0.1:3260,-1 default manual\n" OTHER
				  " 127.0.0.1:3260,-1 iface0 manual\n" STORE
				  " 127.0.0.1:3260,1 default automatic\n" STORE
				  " 127.0.0.1:3260,1 iface0 automatic\n" STORE
				  " 127.0.0.1:3260,2 default automatic\n" STORE
				  " 127.0.0.1:3261,1 default automatic\n");
}

static void any_subset_finds_nodes(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	rig_add(t, STORE, "3260", "1", "default");
	rig_add(t, STORE, "3261", "2", "iface0");
	rig_add(t, OTHER, "3260", "1", "default");
	rig_add(t, OTHER, "3262", "-1", "default");
	struct record_filter f = RECORD_FILTER_ALL;
	f.port = 3260;
	assert_string_equal(rig_list(t, &l, &f, NULL), OTHER " 127.0.0.1:3260,1 default\n" STORE
							     " 127.0.0.1:3260,1 default\n");
	f.target = "IQN.2026-11.org.example:STORE";
	assert_string_equal(rig_list(t, &l, &f, NULL), STORE " 127.0.0.1:3260,1 default\n");
	f = RECORD_FILTER_ALL;
	f.iface = "iface0";
	assert_string_equal(rig_list(t, &l, &f, NULL), STORE " 127.0.0.1:3261,2 iface0\n");
	f = RECORD_FILTER_ALL;
	f.tpgt = RECORDS_TPGT_UNKNOWN;
	assert_string_equal(rig_list(t, &l, &f, NULL), OTHER " 127.0.0.1:3262,-1 default\n");
	f = RECORD_FILTER_ALL;
	f.startup = "onboot";
	assert_string_equal(rig_list(t, &l, &f, NULL), "");
	f.startup = NULL;
	f.target = "../../etc";
	assert_string_equal(rig_list(t, &l, &f, NULL), "");
}

static void a_group_that_becomes_known_keeps_what_was_edited(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	assert_true(rig_add(t, STORE, "3260", "-1", "default"));
	rig_change(t, STORE, "node.session.queue_depth", "64");
	assert_false(rig_add(t, STORE, "3260", "1", "default"));
	assert_false(rig_add(t, STORE, "3260", "-1", "default"));
	assert_string_equal(rig_list(t, &l, NULL, "node.session.queue_depth"),
			    STORE " 127.0.0.1:3260,1 default 64\n");
	assert_false(there(t, "nodes/" STORE "/127.0.0.1,3260"));
}

static void an_update_is_made_on_all_or_on_none(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	const struct record_filter all = RECORD_FILTER_ALL;
	const struct record_change bad[] = {{"node.startup", "automatic"}, {"node.nosuch", "1"}};
	rig_add(t, STORE, "3260", "1", "default");
	rig_add(t, OTHER, "3260", "1", "default");
	assert_int_equal(records_node_update(&t->db, &all, bad, 2, &t->why), -ENOENT);
	assert_string_equal(t->why.text, "Cannot modify node.nosuch. Invalid param name.");
	assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
			    OTHER " 127.0.0.1:3260,1 default manual\n" STORE
				  " 127.0.0.1:3260,1 default manual\n");
	assert_int_equal(records_node_update(&t->db, &all, bad, 1, &t->why), 2);
	const struct record_filter none = {.target = "iqn.2026-11.org.example:none",
					   .tpgt = RECORDS_ANY_TPGT};
	assert_int_equal(records_node_update(&t->db, &none, bad, 1, &t->why), 0);
}

static void deleting_leaves_nothing_empty(void **state)
{
	struct rig *t = *state;
	struct record_filter f = RECORD_FILTER_ALL;
	rig_add(t, STORE, "3260", "1", "default");
	rig_add(t, STORE, "3260", "1", "iface0");
	rig_add(t, OTHER, "3260", "1", "default");
	f.iface = "iface0";
	assert_int_equal(records_node_delete(&t->db, &f, &t->why), 1);
	assert_true(there(t, NODE_FILE));
	f.iface = NULL;
	f.target = STORE;
	assert_int_equal(records_node_delete(&t->db, &f, &t->why), 1);
	assert_false(there(t, "nodes/" STORE));
	assert_false(there(t, "static/" STORE ",127.0.0.1,3260,1,default"));
	assert_true(there(t, "nodes/" OTHER "/127.0.0.1,3260,1/default"));
	assert_int_equal(records_node_delete(&t->db, &f, &t->why), 0);
}

/* ---- what is strange ---- */

static void a_damaged_record_is_in_the_way_of_no_other(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	rig_add(t, STORE, "3260", "1", "default");
	rig_add(t, OTHER, "3260", "1", "default");
	scribble(t, NODE_FILE, "# BEGIN RECORD 2.1.8\nnode.name = " STORE "\nnode.tp");
	assert_string_equal(rig_list(t, &l, NULL, NULL), OTHER " 127.0.0.1:3260,1 default\n");
	assert_string_equal(t->said,
			    NODE_FILE " is damaged: line 3: it is not of the form NAME = VALUE\n");
	/* An update leaves it alone. */
	rig_change(t, NULL, "node.startup", "automatic");
	assert_non_null(strstr(slurp(t, NODE_FILE), "node.tp"));
	/* A new one takes its place, and it is set aside. */
	assert_true(rig_add(t, STORE, "3260", "1", "default"));
	assert_non_null(strstr(t->said, NODE_FILE " is damaged: it is now /tmp/records."));
	assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
			    OTHER " 127.0.0.1:3260,1 default automatic\n" STORE
				  " 127.0.0.1:3260,1 default manual\n");
	assert_true(there(t, "damaged"));
}

static void a_damaged_record_can_be_deleted_by_name(void **state)
{
	struct rig *t = *state;
	struct record_filter f = {.target = STORE, .tpgt = RECORDS_ANY_TPGT};
	scribble(t, NODE_FILE, "\x01\x02");
	f.type = "send_targets";
	assert_int_equal(records_node_delete(&t->db, &f, &t->why), 0);
	f.type = NULL;
	assert_int_equal(records_node_delete(&t->db, &f, &t->why), 1);
	assert_false(there(t, "nodes/" STORE));
}

struct stranger {
	const char *file, *text, *want;
};

static const struct stranger strangers[] = {
	{"nodes/" STORE "/127.0.0.1,3260,1/default", "node.name = " OTHER "\n",
	 "node.name is not what the file is called by"},
	{"nodes/" STORE "/127.0.0.1,3260,1/default", "node.tpgt = 2\n",
	 "node.tpgt is not what the file is called by"},
	{"nodes/" STORE "/127.0.0.1,3260,1/ifx", "iface.iscsi_ifacename = ify\n",
	 "iface.iscsi_ifacename is not what"},
	{"nodes/" STORE "/127.0.0.1/default", "a = b\n", "that is no portal's name"},
	{"nodes/" STORE "/127.0.0.1,0,1/default", "a = b\n", "that is no portal's name"},
	{"nodes/" STORE "/127.0.0.1,3260,x/default", "a = b\n", "that is no portal's name"},
	{"nodes/" STORE "/127.0.0.1,3260,1/a b", "a = b\n", "that is no iface's name"},
	{"nodes/lost+found/x", "a = b\n", "nodes/lost+found is skipped: that is no iSCSI name"},
	{"nodes/\x1b[2J/x", "a = b\n", "nodes/?[2J is skipped"},
};

static void what_does_not_belong_is_skipped_and_said(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		struct rig *t;
		struct rig_list l;
		rig_begin((void **)&t);
		rig_add(t, OTHER, "3260", "1", "default");
		scribble(t, strangers[i].file, strangers[i].text);
		assert_string_equal(rig_list(t, &l, NULL, NULL),
				    OTHER " 127.0.0.1:3260,1 default\n");
		if (!strstr(t->said, strangers[i].want))
			print_message("# %zu: %s\n", i, t->said);
		assert_non_null(strstr(t->said, strangers[i].want));
		rig_end((void **)&t);
	}
}

static void old_files_are_read_where_they_are(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	scribble(t, "nodes/" STORE "/127.0.0.1,3260",
		 "node.name = " STORE "\r\nnode.tpgt = 3\r\nnode.startup = onboot\r\n"
		 "node.transport_name = tcp\r\n");
	assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
			    STORE " 127.0.0.1:3260,3 default onboot\n");
	/* It is that node, and there is no second one. */
	assert_false(rig_add(t, STORE, "3260", "3", "default"));
	assert_false(rig_add(t, STORE, "3260", "-1", "default"));
	assert_string_equal(rig_list(t, &l, NULL, NULL), STORE " 127.0.0.1:3260,3 default\n");
	rig_change(t, STORE, "node.startup", "manual");
	assert_non_null(strstr(slurp(t, "nodes/" STORE "/127.0.0.1,3260"),
			       "node.transport_name = tcp\n# END RECORD"));
	const struct record_filter f = {.target = STORE, .tpgt = 3};
	assert_int_equal(records_node_delete(&t->db, &f, &t->why), 1);
	assert_false(there(t, "nodes/" STORE));
}

static void links_are_not_followed(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	char path[1024], victim[1024];
	scribble(t, "elsewhere/127.0.0.1,3260,1/default", "node.startup = onboot\n");
	scribble(t, "nodes/" OTHER "/127.0.0.1,3260,1/default", "node.startup = manual\n");
	rig_path(t, "elsewhere", victim);
	rig_path(t, "nodes/" STORE, path);
	assert_int_equal(symlink(victim, path), 0);
	assert_string_equal(rig_list(t, &l, NULL, NULL), OTHER " 127.0.0.1:3260,1 default\n");
	struct record *r = rig_node(t, STORE, "3260", "1", "default");
	assert_true(records_node_write(&t->db, r, &t->why) < 0);
	record_free(r);
	assert_string_equal(slurp(t, "elsewhere/127.0.0.1,3260,1/default"),
			    "node.startup = onboot\n");
	/* A file that is one is replaced, and what it led to stays. */
	assert_int_equal(unlink(path), 0);
	scribble(t, NODE_FILE, "");
	rig_path(t, NODE_FILE, path);
	assert_int_equal(unlink(path), 0);
	rig_path(t, "elsewhere/127.0.0.1,3260,1/default", victim);
	assert_int_equal(symlink(victim, path), 0);
	r = rig_node(t, STORE, "3260", "1", "default");
	FINE(t, records_node_write(&t->db, r, &t->why));
	record_free(r);
	assert_string_equal(slurp(t, "elsewhere/127.0.0.1,3260,1/default"),
			    "node.startup = onboot\n");
}

static void what_is_no_file_or_too_long_is_not_read(void **state)
{
	struct rig *t = *state;
	struct rig_list l;
	char path[1024];
	static char text[70000];
	scribble(t, "nodes/" STORE "/127.0.0.1,3260,1/x", "");
	rig_path(t, NODE_FILE, path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_string_equal(rig_list(t, &l, NULL, NULL), "");
	memset(text, '\n', sizeof(text) - 1);
	scribble(t, "nodes/" STORE "/127.0.0.1,3260,1/y", text);
	assert_string_equal(rig_list(t, &l, NULL, NULL), "");
	assert_non_null(strstr(t->said, "/y is damaged: it is longer than 65536 bytes"));
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
	struct rig *t = *state;
	struct record *r;
	assert_int_equal(records_iface_read(&t->db, "../nodes", &r, &t->why), -EINVAL);
	assert_int_equal(records_iface_add(&t->db, "..", &t->why), -EINVAL);
	assert_int_equal(records_iface_add(&t->db, ".lock", &t->why), -EINVAL);
	assert_int_equal(records_iface_add(&t->db, "a/b", &t->why), -EINVAL);
	assert_int_equal(records_iface_delete(&t->db, "a\nb", &t->why), -EINVAL);
	assert_null(strchr(t->why.text, '\n'));
	assert_int_equal(records_portal_read(&t->db, RECORD_SENDTARGETS, "../x", 1, &r, &t->why),
			 -EINVAL);
	assert_int_equal(records_portal_delete(&t->db, RECORD_SENDTARGETS, "a/b", 1, &t->why),
			 -EINVAL);
	const struct records_options relative = {.root = "etc/iscsi"};
	struct records db;
	assert_int_equal(records_open(&db, &relative, &t->why), -EINVAL);
}

/* ---- the lock ---- */

static void who_has_the_lock_is_told_and_not_waited_for_without_end(void **state)
{
	struct rig *t = *state;
	struct records other;
	char want[64];
	struct records_options options = rig_options(t);
	assert_int_equal(records_open(&other, &options, &t->why), 0);
	assert_int_equal(records_lock(&other, &t->why), 0);
	assert_int_equal(records_lock(&other, &t->why), 0);
	struct record *r = rig_node(t, STORE, "3260", "1", "default");
	bool added;
	assert_int_equal(records_node_add(&t->db, r, &added, &t->why), -EBUSY);
	assert_non_null(strstr(t->why.text, "are locked by "));
	snprintf(want, sizeof(want), "process %d; try again", (int)getpid());
	assert_non_null(strstr(t->why.text, want));
	records_unlock(&other);
	assert_int_equal(records_node_add(&t->db, r, &added, &t->why), -EBUSY);
	records_unlock(&other);
	assert_int_equal(records_node_add(&t->db, r, &added, &t->why), 0);
	records_close(&other);
	record_free(r);
}

static void who_dies_with_the_lock_leaves_it(void **state)
{
	struct rig *t = *state;
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		(void)records_lock(&t->db, &t->why);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(rig_add(t, STORE, "3260", "1", "default"));
}

static void who_only_reads_changes_nothing(void **state)
{
	struct rig *t = *state;
	struct records reader;
	struct rig_list l = {.key = NULL};
	const struct record_filter all = RECORD_FILTER_ALL;
	struct records_options options = rig_options(t);
	rig_add(t, STORE, "3260", "1", "default");
	options.read_only = true;
	assert_int_equal(records_open(&reader, &options, &t->why), 0);
	assert_int_equal(records_nodes(&reader, &all, rig_list_node, &l, &t->why), 1);
	assert_int_equal(records_node_delete(&reader, &all, &t->why), -EROFS);
	records_close(&reader);
	assert_true(there(t, NODE_FILE));
}

/* ---- full disks and kills ---- */

static void a_full_disk_leaves_the_old_record(void **state)
{
	struct rig *t = *state;
	static const rlim_t rooms[] = {0, 1, 1000, 2000};
	rig_add(t, STORE, "3260", "1", "default");
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		int status;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			const struct record_filter all = RECORD_FILTER_ALL;
			const struct record_change change = {"node.startup", "automatic"};
			const struct rlimit limit = {rooms[i], rooms[i]};
			signal(SIGXFSZ, SIG_IGN);
			/* The lock's file is signed before. */
			(void)records_lock(&t->db, &t->why);
			setrlimit(RLIMIT_FSIZE, &limit);
			int n = records_node_update(&t->db, &all, &change, 1, &t->why);
			_exit(n == -EFBIG && strstr(t->why.text, "Could not write /tmp/") ? 7 : 8);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), 7);
		struct rig_list l;
		assert_string_equal(rig_list(t, &l, NULL, "node.startup"),
				    STORE " 127.0.0.1:3260,1 default manual\n");
		assert_false(there(t, ".record.new"));
	}
}

struct death {
	unsigned at, now;
};

static void die(void *ctx, const char *what)
{
	struct death *d = ctx;
	if (++d->now == d->at)
		kill(getpid(), SIGKILL);
}

/* Runs `act` in a process that is killed at step `at`. True: it came to its end. */
static bool act_and_die(struct rig *t, unsigned at, int (*act)(struct rig *t))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct death d = {.at = at};
		t->db.options.step = die;
		t->db.options.step_ctx = &d;
		_exit(act(t) < 0 ? 9 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || !WEXITSTATUS(status));
	return WIFEXITED(status);
}

static int act_add(struct rig *t)
{
	struct record *r = rig_node(t, OTHER, "3260", "1", "default");
	bool added;
	int err = records_node_add(&t->db, r, &added, &t->why);
	record_free(r);
	return err;
}

static int act_update(struct rig *t)
{
	const struct record_filter f = {.target = STORE, .tpgt = RECORDS_ANY_TPGT};
	const struct record_change change = {"node.startup", "automatic"};
	return records_node_update(&t->db, &f, &change, 1, &t->why);
}

static int act_delete(struct rig *t)
{
	const struct record_filter f = {.target = STORE, .tpgt = RECORDS_ANY_TPGT};
	return records_node_delete(&t->db, &f, &t->why);
}

/* Whatever step it was: each record is the old one or the new one, and all that is wanted can be done again. */
static void a_kill_at_each_step_leaves_whole_records(void **state)
{
	static int (*const acts[])(struct rig * t) = {act_add, act_update, act_delete};
	for (size_t a = 0; a < ARRAY_SIZE(acts); a++) {
		unsigned steps = 0;
		for (bool ended = false; !ended; steps++) {
			struct rig *t;
			struct rig_list l;
			rig_begin((void **)&t);
			rig_add(t, STORE, "3260", "1", "default");
			ended = act_and_die(t, steps + 1, acts[a]);
			rig_list(t, &l, NULL, "node.startup");
			assert_int_equal(t->lines, 0);
			assert_true(acts[a] == act_delete || strstr(l.text, STORE));
			assert_true(acts[a](t) >= 0);
			rig_list(t, &l, NULL, "node.startup");
			assert_true(!strstr(l.text, OTHER) == (acts[a] != act_add));
			assert_true(!strstr(l.text, "automatic") == (acts[a] != act_update));
			assert_true(!strstr(l.text, STORE) == (acts[a] == act_delete));
			assert_true(acts[a] != act_delete ||
				    !there(t, "nodes/" STORE "/127.0.0.1,3260,1/default"));
			rig_end((void **)&t);
		}
		assert_true(steps > 3);
	}
}

static void what_is_like_it_is_not_written_anew(void **state)
{
	struct rig *t = *state;
	struct stat before, after;
	char path[1024];
	rig_add(t, STORE, "3260", "1", "default");
	rig_path(t, NODE_FILE, path);
	assert_int_equal(stat(path, &before), 0);
	rig_change(t, STORE, "node.startup", "manual");
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	rig_change(t, STORE, "node.startup", "onboot");
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nodes_are_where_scripts_look),
		CASE(a_node_is_target_portal_group_and_iface),
		CASE(any_subset_finds_nodes),
		CASE(a_group_that_becomes_known_keeps_what_was_edited),
		CASE(an_update_is_made_on_all_or_on_none),
		CASE(deleting_leaves_nothing_empty),
		CASE(a_damaged_record_is_in_the_way_of_no_other),
		CASE(a_damaged_record_can_be_deleted_by_name),
		cmocka_unit_test(what_does_not_belong_is_skipped_and_said),
		CASE(old_files_are_read_where_they_are),
		CASE(links_are_not_followed),
		CASE(what_is_no_file_or_too_long_is_not_read),
		CASE(names_that_lead_elsewhere_are_refused),
		CASE(who_has_the_lock_is_told_and_not_waited_for_without_end),
		CASE(who_dies_with_the_lock_leaves_it),
		CASE(who_only_reads_changes_nothing),
		CASE(a_full_disk_leaves_the_old_record),
		cmocka_unit_test(a_kill_at_each_step_leaves_whole_records),
		CASE(what_is_like_it_is_not_written_anew),
	};
	return cmocka_run_group_tests_name("records_store", tests, NULL, NULL);
}
