/* SPDX-License-Identifier: BSD-2-Clause */
/* tgt's targets.conf: what becomes of it, and what is wrong with broken ones. */
#include <unistd.h>
#include "config/targets_conf.h"
#include "config_rig.h"

struct extra {
	const char *pattern, *path, *text;
};

/* Files that exist only here. */
static int nth(void *ctx, const char *pattern, size_t n, struct buf *path, struct buf *text,
	       struct config_why *why)
{
	const struct extra *e = ctx;
	for (; e && e->pattern; e++) {
		if (strcmp(e->pattern, pattern) || n--)
			continue;
		(void)buf_printf(path, "%s", e->path);
		(void)buf_printf(text, "%s", e->text);
		return 1;
	}
	return 0;
}

static int import(struct rig *rig, const char *text, const struct extra *extra,
		  struct config_tree **tree, struct config_report *report)
{
	const struct config_files files = {nth, (void *)extra};
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	config_report_init(report);
	*tree = NULL;
	int err = config_import_tgt(tree, "targets.conf", copy, len, &files, &rig->prefs, report);
	free(copy);
	return err;
}

static struct config_tree *import_good(struct rig *rig, const char *text, const struct extra *extra,
				       const char *lines)
{
	struct config_tree *tree;
	struct config_report report;
	int err = import(rig, text, extra, &tree, &report);
	if (err)
		fail_msg("%s", buf_str(&report.lines));
	assert_string_equal(buf_str(&report.lines), lines);
	config_report_free(&report);
	return tree;
}

static const char *value(const struct config_tree *tree, const char *path, enum config_group group,
			 const char *name)
{
	const struct config_node *node = config_lookup(tree, path);
	assert_non_null(node);
	return config_value(node, group, name);
}

static void the_smallest_file_serves_everybody(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = import_good(rig,
					       "<target " IQN ">\n"
					       "    backing-store /srv/disk.img  # the disk\n"
					       "</target>\n",
					       NULL, "");
	static const char tpg[] = "/iscsi/" IQN "/tpg1";
	assert_string_equal(value(tree, tpg, CONFIG_ATTRIBUTE, "generate_node_acls"), "1");
	assert_string_equal(value(tree, tpg, CONFIG_ATTRIBUTE, "demo_mode_write_protect"), "0");
	assert_string_equal(value(tree, tpg, CONFIG_ATTRIBUTE, "authentication"), "0");
	assert_non_null(config_lookup(tree, "/iscsi/" IQN "/tpg1/portals/0.0.0.0:3260"));
	const struct config_node *lun = config_lookup(tree, "/iscsi/" IQN "/tpg1/luns/lun1");
	assert_non_null(lun);
	assert_string_equal(lun->ref->name, "disk.img");
	/* As tgt presents the LUN 1 of its target 1. */
	assert_string_equal(config_value(lun->ref, CONFIG_OBJECT, "vendor"), "IET");
	assert_string_equal(config_value(lun->ref, CONFIG_OBJECT, "product"), "VIRTUAL-DISK");
	assert_string_equal(config_value(lun->ref, CONFIG_OBJECT, "revision"), "0001");
	assert_string_equal(config_value(lun->ref, CONFIG_OBJECT, "serial"), "beaf11");
	assert_string_equal(config_value(lun->ref, CONFIG_OBJECT, "t10_id"), "IET     00010001");
	assert_string_equal(config_value(lun->ref, CONFIG_OBJECT, "naa"),
			    "60000000000000000e00000000010001");
	config_tree_free(tree);
}

static const char office[] = "default-driver iscsi\n"
			     "incomingdiscoveryuser them discsecret424\n"
			     "<target iqn.2026-11.org.example:zoo>\n"
			     "    backing-store /dev/vg/zoo\n"
			     "</target>\n"
			     "<target iqn.2026-11.org.example:office>\n"
			     "    direct-store /dev/sdz\n"
			     "    backing-store /srv/first.img\n"
			     "    <backing-store /srv/named.img>\n"
			     "        lun 1\n"
			     "        vendor_id ACME\n"
			     "        scsi_id \"ID of named\"\n"
			     "        scsi_sn SN7\n"
			     "        write-cache on\n"
			     "        block-size 4096\n"
			     "        readonly 1\n"
			     "    </backing-store>\n"
			     "    backing-store /srv/sub/first.img\n"
			     "    write-cache off\n"
			     "    product_id Office\n"
			     "    initiator-address 192.0.2.1\n"
			     "    initiator-address 198.51.100.0/24\n"
			     "    initiator-name " INIT "\n"
			     "    incominguser user1 secretpass12\n"
			     "    outgoinguser userA secretpassA1\n"
			     "    MaxBurstLength 131072\n"
			     "    HeaderDigest None\n"
			     "</target>\n";

static void a_large_file_keeps_numbers_and_rules(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = import_good(rig, office, NULL,
					       "warning: targets.conf:7: direct-store: vendor, "
					       "product and serial number of the device "
					       "itself are not read; set them with set object\n");
	static const char tpg[] = "/iscsi/iqn.2026-11.org.example:office/tpg1";
	static const char acl[] = "/iscsi/iqn.2026-11.org.example:office/tpg1/acls/" INIT;
	static const struct {
		const char *lun, *dev;
	} luns[] = {{"lun1", "/srv/named.img"},
		    {"lun2", "/srv/first.img"},
		    {"lun3", "/srv/sub/first.img"},
		    {"lun4", "/dev/sdz"}};
	struct config_node *parent = config_part(config_lookup(tree, tpg), CONFIG_LUNS);
	assert_int_equal(parent->child_count, ARRAY_SIZE(luns));
	for (size_t i = 0; i < ARRAY_SIZE(luns); i++)
		assert_string_equal(
			config_value(config_child(parent, luns[i].lun)->ref, CONFIG_OBJECT, "dev"),
			luns[i].dev);
	assert_string_equal(value(tree, tpg, CONFIG_ATTRIBUTE, "allowed_networks"),
			    "192.0.2.1,198.51.100.0/24");
	assert_string_equal(value(tree, tpg, CONFIG_ATTRIBUTE, "generate_node_acls"), "0");
	assert_string_equal(value(tree, tpg, CONFIG_ATTRIBUTE, "authentication"), "1");
	assert_string_equal(value(tree, tpg, CONFIG_PARAMETER, "MaxBurstLength"), "131072");
	assert_string_equal(value(tree, tpg, CONFIG_PARAMETER, "HeaderDigest"), "None");
	assert_string_equal(value(tree, acl, CONFIG_AUTH, "userid"), "user1");
	assert_string_equal(value(tree, acl, CONFIG_AUTH, "password"), "secretpass12");
	assert_string_equal(value(tree, acl, CONFIG_AUTH, "mutual_userid"), "userA");
	assert_string_equal(value(tree, acl, CONFIG_AUTH, "mutual_password"), "secretpassA1");
	assert_int_equal(config_lookup(tree, acl)->child_count, 4);
	assert_string_equal(value(tree, "/iscsi", CONFIG_DISCOVERY_AUTH, "enable"), "True");
	assert_string_equal(value(tree, "/iscsi", CONFIG_DISCOVERY_AUTH, "userid"), "them");

	static const char named[] = "/backstores/fileio/named.img";
	assert_string_equal(value(tree, named, CONFIG_OBJECT, "vendor"), "ACME");
	assert_string_equal(value(tree, named, CONFIG_OBJECT, "product"), "Office");
	assert_string_equal(value(tree, named, CONFIG_OBJECT, "t10_id"), "ID of named");
	assert_string_equal(value(tree, named, CONFIG_OBJECT, "serial"), "SN7");
	assert_string_equal(value(tree, named, CONFIG_OBJECT, "write_back"), "True");
	assert_string_equal(value(tree, named, CONFIG_OBJECT, "readonly"), "True");
	assert_string_equal(value(tree, named, CONFIG_ATTRIBUTE, "block_size"), "4096");
	/* "office" is before "zoo": it was target 1. */
	static const char first[] = "/backstores/fileio/first.img";
	assert_string_equal(value(tree, first, CONFIG_OBJECT, "serial"), "beaf12");
	assert_string_equal(value(tree, first, CONFIG_OBJECT, "write_back"), "False");
	assert_string_equal(value(tree, first, CONFIG_ATTRIBUTE, "emulate_write_cache"), "0");
	assert_non_null(config_lookup(tree, "/backstores/fileio/first.img-2"));
	assert_string_equal(value(tree, "/backstores/block/zoo", CONFIG_OBJECT, "serial"),
			    "beaf21");
	config_tree_free(tree);
}

static void files_include_files(void **state)
{
	struct rig *rig = *state;
	static const struct extra extra[] = {
		{"/etc/tgt/conf.d/*.conf", "/etc/tgt/conf.d/a.conf",
		 "<target " IQN ">\nbacking-store /a\n</target>\n"},
		{"/etc/tgt/conf.d/*.conf", "/etc/tgt/conf.d/b.conf",
		 "<target " IQN ">\n<<include more>>\n</target>\n"},
		{"more", "/more", "backing-store = \\\n  '/b'\n"},
		{NULL, NULL, NULL},
	};
	struct config_tree *tree =
		import_good(rig, "include /etc/tgt/conf.d/*.conf\ninclude /nothing/*\n", extra, "");
	assert_string_equal(config_value(config_lookup(tree, "/iscsi/" IQN "/tpg1/luns/lun1")->ref,
					 CONFIG_OBJECT, "dev"),
			    "/a");
	assert_string_equal(config_value(config_lookup(tree, "/iscsi/" IQN "/tpg1/luns/lun2")->ref,
					 CONFIG_OBJECT, "dev"),
			    "/b");
	config_tree_free(tree);
}

static void real_files_are_found(void **state)
{
	struct rig *rig = *state;
	char dir[] = "/tmp/config_tgt.XXXXXX", path[64], text[128];
	struct config_tree *tree = NULL;
	struct config_report report;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.conf", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("<target " IQN ">\nbacking-store /a\n</target>\n", f);
	fclose(f);
	snprintf(text, sizeof(text), "include %s/*.conf\ninclude %s/*.none\n", dir, dir);
	config_report_init(&report);
	assert_int_equal(config_import_tgt(&tree, "t", text, strlen(text), &config_real_files,
					   &rig->prefs, &report),
			 0);
	assert_non_null(config_lookup(tree, "/iscsi/" IQN "/tpg1/luns/lun1"));
	config_tree_free(tree);
	snprintf(text, sizeof(text), "include %s\n", dir);
	assert_int_equal(config_import_tgt(&tree, "t", text, strlen(text), &config_real_files,
					   &rig->prefs, &report),
			 -EINVAL);
	assert_non_null(
		strstr(buf_str(&report.lines), "error: t:1: Could not read /tmp/config_tgt."));
	config_report_free(&report);
	unlink(path);
	rmdir(dir);
}

static void what_has_no_meaning_is_told(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = import_good(
		rig,
		"iSNS On\nMaxBurstLength 512\n<other x>\n</other>\n"
		"<target " IQN ">\n"
		"driver iser\n"
		"allow-in-use yes\n"
		"nonsense 1\n"
		"incominguser a secretpass12\n"
		"incominguser b secretpass12\n"
		"<backing-store /dev/tape>\n"
		"device-type tape\n"
		"bs-type ssc\n"
		"</backing-store>\n"
		"</target>\n",
		NULL,
		"warning: targets.conf:1: iSNS has no meaning here; it is not kept\n"
		"warning: targets.conf:2: MaxBurstLength is not known here; it is not kept\n"
		"warning: targets.conf:3: a block <other> is not known here; it is not kept\n"
		"warning: targets.conf:6: driver iser: there is iscsi and nothing else, and "
		"that is what it is served by\n"
		"warning: targets.conf:7: allow-in-use has no meaning here; it is not kept\n"
		"warning: targets.conf:8: nonsense is not known here; it is not kept\n"
		"warning: targets.conf:13: bs-type ssc is not served here; /dev/tape is left "
		"out\n"
		"warning: targets.conf:10: incominguser: there is one user for a target here, "
		"the first; this one cannot log in any more unless initiators get ACLs of "
		"their own\n");
	assert_int_equal(config_count(tree, CONFIG_BLOCK), 0);
	config_tree_free(tree);
}

static void one_file_in_two_targets_is_one_disk(void **state)
{
	struct rig *rig = *state;
	struct config_tree *tree = import_good(
		rig,
		"<target iqn.2026-11.org.example:a>\nbacking-store /d\n</target>\n"
		"<target iqn.2026-11.org.example:b>\nbacking-store //d\n</target>\n",
		NULL,
		"warning: targets.conf:5: /d is shown by another target as well: it is one "
		"disk here, with the identity that it has there\n");
	assert_int_equal(config_count(tree, CONFIG_FILEIO), 1);
	assert_int_equal(config_count(tree, CONFIG_LUN), 2);
	config_tree_free(tree);
}

static const struct {
	const char *text, *line;
} bad[] = {
	{"<target " IQN ">\n", "error: targets.conf:1: <target " IQN "> is not closed\n"},
	{"<target " IQN "\n",
	 "error: targets.conf:1: a block begins as <target NAME>; its \">\" is "
	 "missing\n"},
	{"</target>\n", "error: targets.conf:1: </target> without a block that is open\n"},
	{"<target a>\n<backing-store b>\n</target>\n</target>\n",
	 "error: targets.conf:3: </target> where <backing-store b> is open, since "
	 "targets.conf:2\n"},
	{"include loop\n", "error: /loop:1: more than 8 files in each other, or 1000 in all\n"},
	{"include open\n</target>\n", "error: /open:1: <target a> is not closed\n"},
	{"<target not-a-name>\n</target>\n",
	 "error: targets.conf:1: Could not create target \"not-a-name\": "},
	{"<target " IQN ">\ninitiator-address somewhere\n</target>\n",
	 "error: targets.conf:2: Syntax error, 'somewhere' is not an address or a network"},
	{"<target " IQN ">\nincominguser alone\n</target>\n",
	 "error: targets.conf:2: incominguser: a user and a password are expected\n"},
	{"<target " IQN ">\nbacking-store relative.img\n</target>\n",
	 "error: targets.conf:2: Syntax error, 'relative.img' is not a path from the root"},
	{"<target " IQN ">\n<backing-store /a>\nlun 0\n</backing-store>\n</target>\n",
	 "error: targets.conf:3: lun: \"0\" is not a number from 1 to 16383\n"},
	{"<target " IQN
	 ">\n<backing-store /a>\nlun 2\n</backing-store>\n<backing-store /b>\nlun 2\n"
	 "</backing-store>\n</target>\n",
	 "error: targets.conf:5: This LUN already exists in configFS\n"},
	{"<target " IQN ">\nbacking-store /a\nwrite-cache maybe\n</target>\n",
	 "error: targets.conf:2: write-cache: \"maybe\" is neither on nor off\n"},
	{"<target " IQN ">\ninitiator-name me\n</target>\n",
	 "error: targets.conf:2: Could not create an ACL for initiator \"me\": "},
	{"<target " IQN ">\nMaxBurstLength 1\n</target>\n",
	 "error: targets.conf:2: Syntax error, '1' is not a number from 512"},
	{"<target " IQN ">\ncontroller_tid x\n</target>\n",
	 "error: targets.conf:2: controller_tid: \"x\" is not a number from 1 on\n"},
	{"<a>\n<a>\n<a>\n<a>\n<a>\n<a>\n<a>\n<a>\n<a>\n",
	 "error: targets.conf:9: more than 8 blocks in each other\n"},
};

static void what_is_wrong_is_told_with_its_line(void **state)
{
	struct rig *rig = *state;
	static const struct extra extra[] = {{"loop", "/loop", "include loop\n"},
					     {"open", "/open", "<target a>\n"},
					     {NULL, NULL, NULL}};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config_tree *tree;
		struct config_report report;
		assert_int_equal(import(rig, bad[i].text, extra, &tree, &report), -EINVAL);
		assert_null(tree);
		if (strncmp(buf_str(&report.lines), bad[i].line, strlen(bad[i].line)))
			fail_msg("%s instead of %s", buf_str(&report.lines), bad[i].line);
		config_report_free(&report);
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_smallest_file_serves_everybody),
		CASE(a_large_file_keeps_numbers_and_rules),
		CASE(files_include_files),
		CASE(real_files_are_found),
		CASE(what_has_no_meaning_is_told),
		CASE(one_file_in_two_targets_is_one_disk),
		CASE(what_is_wrong_is_told_with_its_line),
	};
	return cmocka_run_group_tests_name("config_tgt", tests, NULL, NULL);
}
