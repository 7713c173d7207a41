/* SPDX-License-Identifier: BSD-2-Clause */
/* Saved configurations: theirs and ours, there and back, and what is wrong with broken ones. */
#include <jansson.h>
#include "config/json.h"
#include "config_rig.h"

static char *read_data(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	char *text = calloc(1, 1 << 20);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static int load_as(struct rig *rig, const char *text, enum config_origin origin,
		   struct config_tree **tree, struct config_report *report)
{
	/* Of its own size, so that a sanitizer sees who reads past the end. */
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	config_report_init(report);
	int err = config_load(tree, copy, len, &rig->prefs, origin, NULL, report);
	free(copy);
	return err;
}

static struct config_tree *load_good(struct rig *rig, const char *text, enum config_origin origin)
{
	struct config_tree *tree = NULL;
	struct config_report report;
	int err = load_as(rig, text, origin, &tree, &report);
	if (err || report.warnings)
		fail_msg("%d: %s", err, buf_str(&report.lines));
	config_report_free(&report);
	return tree;
}

static char *save(const struct config_tree *tree)
{
	struct buf out;
	buf_init(&out, CONFIG_TEXT_MAX);
	assert_int_equal(config_save(tree, &out), 0);
	char *text = strdup(buf_str(&out));
	buf_free(&out);
	return text;
}

/* LIO's file comes out as it went in; only what we add is more. */
static void a_file_of_the_kernels_target_is_kept_whole(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) char *text = read_data("saveconfig-lio.json");
	struct config_tree *tree = load_good(rig, text, CONFIG_FROM_FILE);
	CLEANUP(free) char *saved = save(tree);
	json_t *before = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *after = json_loads(saved, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_object_del(after, "lunar"), 0);
	if (!json_equal(before, after))
		fail_msg("%s", saved);
	json_decref(before);
	json_decref(after);
	/* And then it stays so, to the letter. */
	struct config_tree *again = load_good(rig, saved, CONFIG_FROM_FILE);
	CLEANUP(free) char *twice = save(again);
	assert_string_equal(twice, saved);
	config_tree_free(again);
	config_tree_free(tree);
}

static void a_disk_of_the_kernels_target_keeps_its_names(void **state)
{
	struct rig *rig = *state;
	CLEANUP(free) char *text = read_data("saveconfig-lio.json");
	struct config_tree *tree = load_good(rig, text, CONFIG_FROM_FILE);
	struct config_node *mail = config_lookup(tree, "/backstores/fileio/mail");
	assert_string_equal(config_value(mail, CONFIG_OBJECT, "vendor"), "LIO-ORG");
	assert_string_equal(config_value(mail, CONFIG_OBJECT, "product"), "mail");
	assert_string_equal(config_value(mail, CONFIG_OBJECT, "revision"), "4.0");
	assert_string_equal(config_value(mail, CONFIG_OBJECT, "serial"),
			    "7c1f6f6e-52c8-4ad0-8f33-e2a6a2a0c6d1");
	assert_string_equal(config_value(mail, CONFIG_OBJECT, "naa"),
			    "60014057c1f6f6e52c84ad08f33e2a6a");
	assert_string_equal(config_value(mail, CONFIG_OBJECT, "t10_id"),
			    "LIO-ORG mail:7c1f6f6e-52c8-4ad0-8f33-e2a6a2a0c6d1");
	assert_string_equal(config_value(config_lookup(tree, "/backstores/fileio/web"),
					 CONFIG_OBJECT, "product"),
			    "FILEIO");
	config_tree_free(tree);
	/* Ours do not get them. */
	struct config_node *made = rig_ramdisk(rig, "made");
	assert_string_equal(config_value(made, CONFIG_OBJECT, "vendor"), "");
	CLEANUP(free) char *saved = save(rig->tree);
	tree = load_good(rig, saved, CONFIG_FROM_FILE);
	made = config_lookup(tree, "/backstores/ramdisk/made");
	assert_string_equal(config_value(made, CONFIG_OBJECT, "vendor"), "");
	config_tree_free(tree);
}

static void what_is_ours_comes_back(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *acl;
	struct config_node *store = rig_fileio(rig, "a", "/srv/a.img", "1M");
	DONE(rig, config_set(&rig->txn, store, "object", "vendor", "ACME"));
	DONE(rig, config_set(&rig->txn, tpg, "attribute", "allowed_networks", "192.0.2.0/24"));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/a", NULL, NULL,
				    NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, &acl));
	DONE(rig, config_set(&rig->txn, acl, "attribute", "allowed_networks", "192.0.2.7"));
	DONE(rig, config_set(&rig->txn, acl, "auth", "password", "secretsecret12"));
	struct config_node *portal = config_child(config_part(tpg, CONFIG_PORTALS), "0.0.0.0:3260");
	DONE(rig, config_set(&rig->txn, portal, "attribute", "advertise", "nat.example.org:3260"));
	CLEANUP(free) char *saved = save(rig->tree);
	struct config_tree *tree = load_good(rig, saved, CONFIG_FROM_FILE);
	CLEANUP(free) char *again = save(tree);
	assert_string_equal(again, saved);
	config_tree_free(tree);
	/* The reader of the other side refuses what it does not know in backstores, and only there. */
	json_t *root = json_loads(saved, 0, NULL);
	json_t *first = json_array_get(json_object_get(root, "storage_objects"), 0);
	assert_null(json_object_get(first, "lunar"));
	assert_null(json_object_get(first, "vendor"));
	assert_null(json_object_get(first, "sparse"));
	json_decref(root);
}

static void secrets_are_shown_only_when_asked_for(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN);
	struct buf out;
	DONE(rig, config_set(&rig->txn, tpg, "auth", "password", "secretsecret12"));
	buf_init(&out, 1 << 20);
	assert_int_equal(config_save_node(tpg->parent, false, &out), 0);
	assert_null(strstr(buf_str(&out), "secretsecret12"));
	assert_non_null(strstr(buf_str(&out), "\"chap_password\": \"(hidden)\""));
	buf_clear(&out);
	assert_int_equal(config_save_node(tpg->parent, true, &out), 0);
	assert_non_null(strstr(buf_str(&out), "secretsecret12"));
	buf_free(&out);
}

/* Files that are refused, each with one line. */
static const struct {
	const char *text, *line;
} bad[] = {
	{"{broken", "error: line 1, column 7: string or '}' expected near 'broken'\n"},
	{"", "error: line 1, column 0: '[' or '{' expected near end of file\n"},
	{"{\n  \"targets\": [\n", "error: line 3, column 0: ']' expected near end of file\n"},
	{"{\"a\": 1, \"a\": 2}", "error: line 1, column 12: duplicate object key near '\"a\"'\n"},
	{"[]", "error: a list where an object is expected\n"},
	{"{\"targets\": {}}", "error: targets: an object where a list is expected\n"},
	{"{\"targets\": [7]}", "error: targets[0]: a number where an object is expected\n"},
	{"{\"targets\": [{\"fabric\": \"iscsi\"}]}", "error: targets[0].wwn: missing\n"},
	{"{\"targets\": [{\"wwn\": \"" IQN "\"}]}", "error: targets[0].fabric: missing\n"},
	{"{\"targets\": [{\"fabric\": \"iscsi\", \"wwn\": 7}]}",
	 "error: targets[0].wwn: a number where a text is expected\n"},
	{"{\"targets\": [{\"fabric\":\"iscsi\",\"wwn\":\"" IQN "\",\"tpgs\":[{\"tag\":0}]}]}",
	 "error: targets[0].tpgs[0].tag: 0 is not from 1 to 65535\n"},
	{"{\"targets\": [{\"fabric\":\"iscsi\",\"wwn\":\"" IQN "\",\"tpgs\":[{\"tag\":1,\"luns\":["
	 "{\"index\":3,\"storage_object\":\"/backstores/fileio/x\"}]}]}], \"lunar\": {}}",
	 "error: targets[0].tpgs[0].luns[0].storage_object: there is no storage object "
	 "\"/backstores/fileio/x\"\n"},
	{"{\"targets\": [{\"fabric\":\"iscsi\",\"wwn\":\"" IQN "\",\"tpgs\":[{\"tag\":1,"
	 "\"node_acls\":[{\"node_wwn\":\"" INIT
	 "\",\"mapped_luns\":[{\"index\":0,\"tpg_lun\":4}]}]}]}],"
	 "\"lunar\": {}}",
	 "error: targets[0].tpgs[0].node_acls[0].mapped_luns[0].tpg_lun: the group has no LUN 4\n"},
	{"{\"targets\": [{\"fabric\":\"iscsi\",\"wwn\":\"" IQN
	 "\",\"tpgs\":[{\"tag\":1,\"attributes\":{"
	 "\"authentication\":5}}]}], \"lunar\": {}}",
	 "error: targets[0].tpgs[0].attributes.authentication: Syntax error, '5' is not a number "
	 "from 0 "
	 "to 1, such as authentication=0.\n"},
	{"{\"targets\": [{\"fabric\":\"iscsi\",\"wwn\":\"" IQN
	 "\",\"tpgs\":[{\"tag\":1,\"portals\":["
	 "{\"ip_address\":\"here\",\"port\":3260}]}]}]}",
	 "error: targets[0].tpgs[0].portals[0]: Could not create portal here:3260 of tpg1: it is "
	 "not the "
	 "number of an address; write it as 192.0.2.1 or 2001:db8::1, or 0.0.0.0 for all\n"},
	{"{\"storage_objects\": [{\"name\":\"a\",\"plugin\":\"fileio\"}]}",
	 "error: storage_objects[0].dev: missing\n"},
	{"{\"storage_objects\": [{\"name\":\"a\",\"plugin\":\"rbd\"}], \"lunar\":{}}",
	 "error: storage_objects[0]: there is no plugin \"rbd\"; there are block, fileio, "
	 "ramdisk\n"},
	{"{\"storage_objects\": [{\"name\":\"a\",\"plugin\":\"ramdisk\",\"size\":[]}]}",
	 "error: storage_objects[0].size: a list where a text or a number is expected\n"
	 "error: storage_objects[0].size: missing\n"},
	{"{\"storage_objects\": [{\"name\":\"a\",\"plugin\":\"ramdisk\",\"size\":512},"
	 "{\"name\":\"a\",\"plugin\":\"ramdisk\",\"size\":512}]}",
	 "error: storage_objects[1]: Storage object ramdisk/a exists\n"},
	{"{\"storage_objects\": [{\"name\":\"a\",\"plugin\":\"fileio\",\"dev\":\"/a\"},"
	 "{\"name\":\"b\",\"plugin\":\"fileio\",\"dev\":\"/a\"}]}",
	 "error: storage_objects[1]: storage object for /a already exists: a\n"},
	{"{\"lunar\": {\"version\": 2}}", "error: lunar.version: 2 is not from 1 to 1\n"},
	{"{\"lunar\": 7}", "error: lunar: a number where an object is expected\n"},
};

static void what_is_wrong_is_told_with_its_place(void **state)
{
	struct rig *rig = *state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config_tree *tree = NULL;
		struct config_report report;
		assert_int_equal(load_as(rig, bad[i].text, CONFIG_FROM_FILE, &tree, &report),
				 -EINVAL);
		assert_null(tree);
		assert_string_equal(buf_str(&report.lines), bad[i].line);
		config_report_free(&report);
	}
}

static void all_errors_are_told_at_once(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = NULL;
	struct config_report report;
	assert_int_equal(
		load_as(rig, "{\"storage_objects\": [7, {\"name\": \"a\"}], \"targets\": [null]}",
			CONFIG_FROM_FILE, &tree, &report),
		-EINVAL);
	assert_int_equal(report.errors, 3);
	config_report_free(&report);
}

static void what_is_unknown_is_a_warning(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = NULL;
	struct config_report report;
	static const char text[] =
		"{\"storage_objects\": [{\"name\":\"a\",\"plugin\":\"ramdisk\",\"size\":512,"
		"\"attributes\":{\"nosuch\":1,\"hw_queue_depth\":3,\"pi_prot_type\":1}},"
		"{\"name\":\"p\",\"plugin\":\"pscsi\",\"dev\":\"/dev/sg0\"}],"
		"\"targets\":[{\"fabric\":\"loopback\",\"wwn\":\"naa.5001405\"},"
		"{\"fabric\":\"iscsi\",\"wwn\":\"" IQN
		"\",\"more\":1,\"tpgs\":[{\"tag\":1,\"luns\":["
		"{\"index\":0,\"storage_object\":\"/backstores/pscsi/p\"}]}]}],"
		"\"extra\":true}";
	assert_int_equal(load_as(rig, text, CONFIG_FROM_FILE, &tree, &report), 0);
	assert_string_equal(
		buf_str(&report.lines),
		"warning: extra: is not known here; it is not kept\n"
		"warning: storage_objects[0].attributes.nosuch: is not known here; it is not kept\n"
		"warning: storage_objects[0].attributes.hw_queue_depth: is found out, not set; it "
		"is "
		"passed over\n"
		"warning: storage_objects[0].attributes.pi_prot_type: Syntax error, '1' is not a "
		"number "
		"from 0 to 0, such as pi_prot_type=0; protection information is not kept: only 0 "
		"is "
		"taken. It stays 0.\n"
		"warning: storage_objects[1]: the plugin \"pscsi\" is not served here; what is in "
		"it is "
		"left out\n"
		"warning: targets[0]: the fabric \"loopback\" is not served here; what is in it is "
		"left "
		"out\n"
		"warning: targets[1].more: is not known here; it is not kept\n"
		"warning: targets[1].tpgs[0].luns[0].storage_object: the storage object "
		"\"/backstores/pscsi/p\" is not served here; what is in it is left out\n");
	assert_int_equal(report.skipped, 3);
	assert_int_equal(report.warnings, 8);
	config_report_free(&report);
	config_tree_free(tree);
}

/* Where it comes from it meant something; in our own file it was said when it was set. */
static void what_has_no_effect_is_reported_of_others_files(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = NULL;
	struct config_report report;
	static const char text[] =
		"{\"storage_objects\": [{\"name\":\"a\",\"plugin\":\"ramdisk\",\"size\":512,"
		"\"attributes\":{\"submit_type\":1,\"alua_support\":1}}],"
		"\"targets\":[{\"fabric\":\"iscsi\",\"wwn\":\"" IQN
		"\",\"tpgs\":[{\"tag\":1,\"portals\":[{\"ip_address\":\"127.0.0.1\",\"port\":3260,"
		"\"iser\":true,\"offload\":false}],\"luns\":[{\"index\":0,\"alias\":\"0123456789\","
		"\"storage_object\":\"/backstores/ramdisk/a\"}]}]}]}";
	assert_int_equal(load_as(rig, text, CONFIG_FROM_FILE, &tree, &report), 0);
	assert_string_equal(buf_str(&report.lines),
			    "warning: storage_objects[0].attributes.submit_type: is kept, and has "
			    "no effect: how "
			    "the kernel's target hands commands to its own threads\n"
			    "warning: targets[0].tpgs[0].portals[0].iser: is kept, and has no "
			    "effect: belongs to "
			    "another transport: there is TCP and nothing else\n");
	config_report_free(&report);
	CLEANUP(free) char *saved = save(tree);
	config_tree_free(tree);
	config_tree_free(load_good(rig, saved, CONFIG_FROM_FILE));
}

static void an_escape_sequence_does_not_get_out(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = NULL;
	struct config_report report;
	assert_int_equal(
		load_as(rig, "{\"\\u001b[31mred\\n\": 1}", CONFIG_FROM_FILE, &tree, &report), 0);
	assert_string_equal(buf_str(&report.lines),
			    "warning: ?[31mred?: is not known here; it is not kept\n");
	config_report_free(&report);
	config_tree_free(tree);
}

/* targetcli's shell does not make such a LUN, its library does. */
static void one_disk_may_be_two_luns(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = load_good(
		rig,
		"{\"storage_objects\": [{\"name\":\"a\",\"plugin\":\"ramdisk\",\"size\":512}],"
		"\"targets\":[{\"fabric\":\"iscsi\",\"wwn\":\"" IQN
		"\",\"tpgs\":[{\"tag\":1,\"luns\":["
		"{\"index\":0,\"storage_object\":\"/backstores/ramdisk/a\"},"
		"{\"index\":1,\"storage_object\":\"/backstores/ramdisk/a\"}]}]}]}",
		CONFIG_FROM_FILE);
	assert_int_equal(config_count(tree, CONFIG_LUN), 2);
	config_tree_free(tree);
}

static void an_empty_file_is_an_empty_tree(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = load_good(rig, "{}", CONFIG_FROM_FILE);
	assert_int_equal(config_iscsi(tree)->child_count, 0);
	CLEANUP(free) char *text = save(tree);
	assert_string_equal(text, "{\n  \"fabric_modules\": [],\n  \"lunar\": {\n    "
				  "\"storage_objects\": {},\n    \"version\": 1\n  },\n  "
				  "\"storage_objects\": [],\n  \"targets\": []\n}\n");
	config_tree_free(tree);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_of_the_kernels_target_is_kept_whole),
		CASE(a_disk_of_the_kernels_target_keeps_its_names),
		CASE(what_is_ours_comes_back),
		CASE(secrets_are_shown_only_when_asked_for),
		CASE(what_is_wrong_is_told_with_its_place),
		CASE(all_errors_are_told_at_once),
		CASE(what_is_unknown_is_a_warning),
		CASE(what_has_no_effect_is_reported_of_others_files),
		CASE(an_escape_sequence_does_not_get_out),
		CASE(one_disk_may_be_two_luns),
		CASE(an_empty_file_is_an_empty_tree),
	};
	return cmocka_run_group_tests_name("config_json", tests, NULL, NULL);
}
