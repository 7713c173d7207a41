/* SPDX-License-Identifier: BSD-2-Clause */
/* From one tree to another: only what differs, in the right order, and it is the other one afterwards. */
#include "config/diff.h"
#include "config/json.h"
#include "config_rig.h"

#define TPG "/iscsi/" IQN "/tpg1"

static char *save(const struct config_tree *tree)
{
	struct buf out;
	buf_init(&out, CONFIG_TEXT_MAX);
	assert_int_equal(config_save(tree, &out), 0);
	char *text = strdup(buf_str(&out));
	buf_free(&out);
	return text;
}

static struct config_tree *load(struct rig *rig, const char *text, const struct config_tree *like)
{
	struct config_tree *tree = NULL;
	struct config_report report;
	config_report_init(&report);
	if (config_load(&tree, text, strlen(text), &rig->prefs, CONFIG_FROM_FILE, like, &report))
		fail_msg("%s", buf_str(&report.lines));
	config_report_free(&report);
	return tree;
}

static void fill(struct rig *rig)
{
	struct config_node *tpg = rig_target(rig, IQN);
	rig_fileio(rig, "a", "/srv/a.img", "1M");
	rig_fileio(rig, "b", "/srv/b.img", "1M");
	rig_ramdisk(rig, "r");
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/a", NULL, NULL,
				    NULL));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/b", NULL, NULL,
				    NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, NULL));
	rig_commit(rig);
}

/* The tree as it is now becomes what is wanted; the rig's goes back to `before`. */
static struct config_tree *wanted(struct rig *rig)
{
	CLEANUP(free) char *text = save(rig->tree);
	struct config_tree *want = load(rig, text, NULL);
	config_abandon(&rig->txn, NULL, NULL);
	assert_int_equal(config_begin(&rig->txn, rig->tree), 0);
	return want;
}

/* There with these steps, back again by abandoning, and there once more; then nothing is left to do. */
static void goes(struct rig *rig, struct config_tree *want, const char *steps)
{
	CLEANUP(free) char *before = save(rig->tree);
	CLEANUP(free) char *goal = save(want);
	struct buf text;
	buf_init(&text, 1 << 20);
	DONE(rig, config_become(&rig->txn, want));
	config_txn_text(&rig->txn, false, &text);
	if (steps)
		assert_string_equal(buf_str(&text), steps);
	CLEANUP(free) char *there = save(rig->tree);
	assert_string_equal(there, goal);
	config_abandon(&rig->txn, NULL, NULL);
	assert_int_equal(config_begin(&rig->txn, rig->tree), 0);
	CLEANUP(free) char *back = save(rig->tree);
	assert_string_equal(back, before);
	DONE(rig, config_become(&rig->txn, want));
	rig_commit(rig);
	DONE(rig, config_become(&rig->txn, want));
	assert_int_equal(rig->txn.count, 0);
	buf_free(&text);
	config_tree_free(want);
}

static void the_same_needs_nothing(void **state)
{
	struct rig *rig = *state;
	fill(rig);
	goes(rig, wanted(rig), "");
}

static void a_value_is_one_step(void **state)
{
	struct rig *rig = *state;
	fill(rig);
	DONE(rig, config_set(&rig->txn, at(rig, TPG), "parameter", "MaxBurstLength", "65536"));
	DONE(rig, config_set(&rig->txn, at(rig, TPG "/acls/" INIT), "auth", "password",
			     "secretsecret12"));
	DONE(rig, config_set(&rig->txn, config_iscsi(rig->tree), "discovery_auth", "userid", "u"));
	goes(rig, wanted(rig),
	     "set /iscsi discovery_auth userid=u (was )\n"
	     "set " TPG " parameter MaxBurstLength=65536 (was 262144)\n"
	     "set " TPG "/acls/" INIT " auth password=(hidden) (was )\n");
}

static void objects_come_and_go(void **state)
{
	struct rig *rig = *state;
	fill(rig);
	DONE(rig, config_delete_backstore(&rig->txn, at(rig, "/backstores/fileio/a")));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, at(rig, TPG), "/backstores/ramdisk/r",
				    "5", NULL, NULL));
	DONE(rig, config_delete_portal(&rig->txn, at(rig, TPG), "0.0.0.0", "3260"));
	DONE(rig, config_create_portal(&rig->txn, at(rig, TPG), "127.0.0.1", "3260", NULL));
	goes(rig, wanted(rig),
	     "delete " TPG "/acls/" INIT "/mapped_lun0 (lun0)\n"
	     "delete " TPG "/luns/lun0 (fileio/a)\n"
	     "delete /backstores/fileio/a\n"
	     "delete " TPG "/portals/0.0.0.0:3260\n"
	     "create " TPG "/luns/lun5 (ramdisk/r)\n"
	     "create " TPG "/portals/127.0.0.1:3260\n"
	     "create " TPG "/acls/" INIT "/mapped_lun5 (lun5)\n");
}

/* Two disks that change their names with each other are not taken for one another. */
static void another_disk_of_the_same_name_is_another_disk(void **state)
{
	struct rig *rig = *state;
	fill(rig);
	CLEANUP(free)
	char *wwn_a = strdup(config_value(at(rig, "/backstores/fileio/a"), CONFIG_OBJECT, "wwn"));
	CLEANUP(free)
	char *wwn_b = strdup(config_value(at(rig, "/backstores/fileio/b"), CONFIG_OBJECT, "wwn"));
	DONE(rig, config_delete_backstore(&rig->txn, at(rig, "/backstores/fileio/a")));
	DONE(rig, config_delete_backstore(&rig->txn, at(rig, "/backstores/fileio/b")));
	struct config_backstore_args a = {
		.name = "a", .dev = "/srv/b.img", .size = "1M", .wwn = wwn_b};
	struct config_backstore_args b = {
		.name = "b", .dev = "/srv/a.img", .size = "1M", .wwn = wwn_a};
	DONE(rig, config_create_backstore(&rig->txn, &rig->prefs, CONFIG_FILEIO, &a, NULL));
	DONE(rig, config_create_backstore(&rig->txn, &rig->prefs, CONFIG_FILEIO, &b, NULL));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, at(rig, TPG), "/backstores/fileio/a",
				    "0", NULL, NULL));
	goes(rig, wanted(rig),
	     "delete " TPG "/acls/" INIT "/mapped_lun0 (lun0)\n"
	     "delete " TPG "/luns/lun0 (fileio/a)\n"
	     "delete /backstores/fileio/a\n"
	     "delete " TPG "/acls/" INIT "/mapped_lun1 (lun1)\n"
	     "delete " TPG "/luns/lun1 (fileio/b)\n"
	     "delete /backstores/fileio/b\n"
	     "create /backstores/fileio/a\n"
	     "create /backstores/fileio/b\n"
	     "create " TPG "/luns/lun0 (fileio/a)\n"
	     "create " TPG "/acls/" INIT "/mapped_lun0 (lun0)\n");
}

static void to_nothing_and_from_nothing(void **state)
{
	struct rig *rig = *state;
	fill(rig);
	CLEANUP(free) char *text = save(rig->tree);
	goes(rig, load(rig, "{}", NULL), NULL);
	assert_int_equal(config_count(rig->tree, CONFIG_FILEIO), 0);
	goes(rig, load(rig, text, NULL), NULL);
	assert_int_equal(config_count(rig->tree, CONFIG_MAPPED_LUN), 2);
}

/* A file that was written by hand names no serial numbers: applying it again changes nothing. */
static void a_file_without_identities_keeps_them(void **state)
{
	struct rig *rig = *state;
	static const char text[] =
		"{\"storage_objects\":[{\"name\":\"a\",\"plugin\":\"fileio\",\"dev\":\"/srv/"
		"a.img\","
		"\"size\":1048576}],\"targets\":[{\"fabric\":\"iscsi\",\"wwn\":\"" IQN
		"\",\"tpgs\":["
		"{\"tag\":1,\"luns\":[{\"index\":0,\"storage_object\":\"/backstores/fileio/"
		"a\"}]}]}]}";
	goes(rig, load(rig, text, rig->tree), NULL);
	goes(rig, load(rig, text, rig->tree), "");
	assert_string_equal(config_value(at(rig, "/backstores/fileio/a"), CONFIG_OBJECT, "vendor"),
			    "LIO-ORG");
	/* And a disk that is here looks as it does. */
	DONE(rig,
	     config_set(&rig->txn, at(rig, "/backstores/fileio/a"), "object", "vendor", "ACME"));
	rig_commit(rig);
	goes(rig, load(rig, text, rig->tree), "");
}

static void merging_adds_and_never_replaces(void **state)
{
	struct rig *rig = *state;
	fill(rig);
	CLEANUP(free) char *text = save(rig->tree);
	struct config_tree *want = load(rig, text, NULL);
	REFUSED(rig, EEXIST, "storageobject 'fileio:a' exist not restoring",
		config_merge(&rig->txn, want));
	DONE(rig, config_clear(&rig->txn));
	DONE(rig, config_set(&rig->txn, config_iscsi(rig->tree), "discovery_auth", "userid", "u"));
	rig_target(rig, IQN);
	REFUSED(rig, EEXIST, "target with wwn " IQN " exist, not restoring",
		config_merge(&rig->txn, want));
	DONE(rig, config_delete_target(&rig->txn, at(rig, "/iscsi/" IQN)));
	/* The file of one under the name of another. */
	struct config_node *other = rig_fileio(rig, "other", "/srv/a.img", "1M");
	REFUSED(rig, EEXIST, "storage object for /srv/a.img already exists: a",
		config_merge(&rig->txn, want));
	DONE(rig, config_delete_backstore(&rig->txn, other));
	rig_ramdisk(rig, "more");
	DONE(rig, config_merge(&rig->txn, want));
	assert_non_null(at(rig, TPG "/acls/" INIT "/mapped_lun1"));
	assert_non_null(at(rig, "/backstores/ramdisk/more"));
	assert_string_equal(config_value(config_iscsi(rig->tree), CONFIG_DISCOVERY_AUTH, "userid"),
			    "u");
	config_tree_free(want);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_same_needs_nothing),
		CASE(a_value_is_one_step),
		CASE(objects_come_and_go),
		CASE(another_disk_of_the_same_name_is_another_disk),
		CASE(to_nothing_and_from_nothing),
		CASE(a_file_without_identities_keeps_them),
		CASE(merging_adds_and_never_replaces),
	};
	return cmocka_run_group_tests_name("config_diff", tests, NULL, NULL);
}
