/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on the tree: what is done, what is said of it, and what is refused with which words. */
#include "config_rig.h"

static void backstores_are_made_as_the_original_makes_them(void **state)
{
	struct rig *rig = *state;
	struct config_node *lun0 = rig_fileio(rig, "lun0", "/tmp/lun0.img", "64M");
	assert_string_equal(config_value(lun0, CONFIG_OBJECT, "size"), "67108864");
	assert_string_equal(config_value(lun0, CONFIG_OBJECT, "write_back"), "True");
	assert_string_equal(config_value(lun0, CONFIG_ATTRIBUTE, "emulate_write_cache"), "1");
	const char *wwn = config_value(lun0, CONFIG_OBJECT, "wwn");
	assert_int_equal(strlen(wwn), 36);
	assert_int_equal(wwn[14], '4');
	assert_ptr_equal(config_by_path(rig->tree, "/tmp/lun0.img"), lun0);
	assert_ptr_equal(config_by_wwn(rig->tree, wwn), lun0);
	assert_ptr_equal(at(rig, "/backstores/fileio/lun0"), lun0);

	struct config_backstore_args args = {.name = "lun1",
					     .dev = "/tmp/lun1.img",
					     .size = "64M",
					     .write_back = "false",
					     .sparse = "true",
					     .wwn = "11111111-2222-3333-4444-555555555555"};
	struct config_node *lun1;
	DONE(rig, config_create_backstore(&rig->txn, &rig->prefs, CONFIG_FILEIO, &args, &lun1));
	assert_string_equal(config_value(lun1, CONFIG_ATTRIBUTE, "emulate_write_cache"), "0");
	config_say_created(&rig->txn, lun1, &args);
	struct config_backstore_args ram = {.name = "ram0", .size = "64M"};
	struct config_node *ram0;
	DONE(rig, config_create_backstore(&rig->txn, &rig->prefs, CONFIG_RAMDISK, &ram, &ram0));
	config_say_created(&rig->txn, ram0, &ram);
	SAID(rig, "Created fileio lun1 with size 67108864\nCreated ramdisk ram0 with size 64M.\n");
	assert_string_equal(config_value(ram0, CONFIG_ATTRIBUTE, "is_nonrot"), "1");
	assert_int_equal(config_count(rig->tree, CONFIG_FILEIO), 2);
}

static int make(struct rig *rig, enum config_kind kind, struct config_backstore_args args)
{
	return config_create_backstore(&rig->txn, &rig->prefs, kind, &args, NULL);
}

static void backstores_are_refused(void **state)
{
	struct rig *rig = *state;
	rig_fileio(rig, "lun0", "/tmp/lun0.img", "64M");
	const char *wwn = config_value(at(rig, "/backstores/fileio/lun0"), CONFIG_OBJECT, "wwn");
	size_t before = rig->txn.count;
	REFUSED(rig, EEXIST, "Storage object fileio/lun0 exists",
		make(rig, CONFIG_FILEIO,
		     (struct config_backstore_args){.name = "lun0", .dev = "/o", .size = "64M"}));
	REFUSED(rig, EINVAL,
		"Cannot interpret size, wrong format: 12Q; say it as 10G, 512M or as a number of "
		"bytes",
		make(rig, CONFIG_FILEIO,
		     (struct config_backstore_args){.name = "b", .dev = "/o", .size = "12Q"}));
	REFUSED(rig, EEXIST, "storage object for /tmp/lun0.img already exists: lun0",
		make(rig, CONFIG_FILEIO,
		     (struct config_backstore_args){
			     .name = "b", .dev = "/tmp//lun0.img", .size = "64M"}));
	assert_int_equal(make(rig, CONFIG_FILEIO,
			      (struct config_backstore_args){
				      .name = "b", .dev = "/o", .size = "64M", .wwn = wwn}),
			 -EEXIST);
	assert_non_null(strstr(rig->txn.why.text, "is that of fileio/lun0"));
	REFUSED(rig, EINVAL, "A storage object's name cannot contain  /, newline or spaces/tabs",
		make(rig, CONFIG_FILEIO,
		     (struct config_backstore_args){.name = "a b", .dev = "/o", .size = "64M"}));
	REFUSED(rig, EINVAL, "Could not create ramdisk r: its size is missing, such as create r 1G",
		make(rig, CONFIG_RAMDISK, (struct config_backstore_args){.name = "r"}));
	assert_int_equal(
		make(rig, CONFIG_RAMDISK,
		     (struct config_backstore_args){.name = "r", .size = "1M", .nullio = "true"}),
		-EOPNOTSUPP);
	assert_int_equal(
		make(rig, CONFIG_FILEIO, (struct config_backstore_args){.name = "f", .size = "1M"}),
		-EINVAL);
	assert_int_equal(make(rig, CONFIG_FILEIO,
			      (struct config_backstore_args){
				      .name = "f", .dev = "/o", .write_back = "maybe"}),
			 -EINVAL);
	/* What was refused has left nothing. */
	assert_int_equal(rig->txn.count, before);
	assert_int_equal(config_count(rig->tree, CONFIG_FILEIO), 1);
	assert_int_equal(config_count(rig->tree, CONFIG_RAMDISK), 0);
	assert_null(config_by_path(rig->tree, "/o"));
}

static void a_disk_gets_smaller_only_by_force(void **state)
{
	struct rig *rig = *state;
	struct config_node *lun0 = rig_fileio(rig, "lun0", "/tmp/lun0.img", "64M");
	DONE(rig, config_resize(&rig->txn, lun0, "1G", false));
	assert_int_equal(config_number(lun0, CONFIG_OBJECT, "size"), 1 << 30);
	REFUSED(rig, EINVAL,
		"Could not make fileio/lun0 smaller: it has 1G, and what is past 64M would be "
		"lost; say "
		"force=true, or --force, if that is meant",
		config_resize(&rig->txn, lun0, "64M", false));
	DONE(rig, config_resize(&rig->txn, lun0, "64M", true));
	assert_int_equal(config_set_found(lun0, 4096), 0);
	assert_string_equal(config_value(lun0, CONFIG_OBJECT, "size"), "4096");
}

static void targets_come_with_group_and_portal(void **state)
{
	struct rig *rig = *state;
	rig_target(rig, IQN);
	SAID(rig, "Created target " IQN ".\n"
		  "Created TPG 1.\n"
		  "Global pref auto_add_default_portal=true\n"
		  "Created default portal listening on all IPs (0.0.0.0), port 3260.\n");
	assert_non_null(at(rig, "/iscsi/" IQN "/tpg1/portals/0.0.0.0:3260"));
	assert_true(config_true(at(rig, "/iscsi/" IQN "/tpg1"), CONFIG_OBJECT, "enable"));
	REFUSED(rig, EEXIST, "This Target already exists in configFS",
		config_create_target(&rig->txn, &rig->prefs, IQN, NULL));
	/* One name, whatever the case (RFC 3722). */
	REFUSED(rig, EEXIST, "This Target already exists in configFS",
		config_create_target(&rig->txn, &rig->prefs, "IQN.2026-11.org.example:STORE",
				     NULL));
	assert_int_equal(config_create_target(&rig->txn, &rig->prefs, "notaniqn", NULL), -EINVAL);
	assert_non_null(strstr(rig->txn.why.text, "\"notaniqn\""));
	assert_non_null(strstr(rig->txn.why.text, "iqn.2026-11.org.example:name"));
	SAID(rig, "");
	struct config_node *made = rig_target(rig, NULL);
	assert_int_equal(strncmp(made->parent->name, "iqn.2003-01.org.example.host:sn.", 32), 0);
	assert_int_equal(strlen(made->parent->name), 32 + 12);
}

static void preferences_are_obeyed(void **state)
{
	struct rig *rig = *state;
	rig->prefs.auto_add_default_portal = rig->prefs.auto_enable_tpgt = false;
	rig->prefs.auto_add_mapped_luns = rig->prefs.model_alias = false;
	struct config_node *tpg = rig_target(rig, IQN);
	assert_false(config_true(tpg, CONFIG_OBJECT, "enable"));
	assert_int_equal(config_part(tpg, CONFIG_PORTALS)->child_count, 0);
	struct config_node *store = rig_ramdisk(rig, "r");
	assert_false(config_true(store, CONFIG_ATTRIBUTE, "emulate_model_alias"));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/r", NULL,
				    NULL, NULL));
	struct config_node *acl;
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, &acl));
	assert_int_equal(acl->child_count, 0);
}

static void groups_share_no_portal_within_a_target(void **state)
{
	struct rig *rig = *state;
	struct config_node *target = rig_target(rig, IQN)->parent, *tpg2;
	SAID(rig, buf_str(&rig->txn.said));
	DONE(rig, config_create_tpg(&rig->txn, &rig->prefs, target, NULL, &tpg2));
	SAID(rig, "Created TPG 2.\n"
		  "Default portal not created, TPGs within a target cannot share ip:port.\n");
	REFUSED(rig, EEXIST,
		"Could not create portal 0.0.0.0:3260 of tpg2: tpg1 of the same target listens "
		"there, "
		"and TPGs within a target cannot share ip:port; take another port",
		config_create_portal(&rig->txn, tpg2, NULL, NULL, NULL));
	REFUSED(rig, EEXIST, "This TPG already exists in configFS",
		config_create_tpg(&rig->txn, &rig->prefs, target, "2", NULL));
	assert_int_equal(config_create_tpg(&rig->txn, &rig->prefs, target, "0", NULL), -EINVAL);
	assert_int_equal(config_create_tpg(&rig->txn, &rig->prefs, target, "65536", NULL), -EINVAL);
	DONE(rig, config_delete_tpg(&rig->txn, config_child(target, "tpg1")));
	SAID(rig, "Deleted TPGT 1.\n");
	DONE(rig, config_create_tpg(&rig->txn, &rig->prefs, target, NULL, NULL));
	assert_non_null(config_child(target, "tpg1"));
}

static void groups_are_enabled_and_disabled(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN);
	SAID(rig, buf_str(&rig->txn.said));
	DONE(rig, config_enable_tpg(&rig->txn, tpg, false));
	DONE(rig, config_enable_tpg(&rig->txn, tpg, false));
	DONE(rig, config_enable_tpg(&rig->txn, tpg, true));
	DONE(rig, config_enable_tpg(&rig->txn, tpg, true));
	SAID(rig, "The TPGT has been disabled.\nThe TPGT is already disabled.\n"
		  "The TPGT has been enabled.\nThe TPGT is already enabled.\n");
}

static void portals_have_one_name_each(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN);
	struct config_node *portals = config_part(tpg, CONFIG_PORTALS), *portal;
	SAID(rig, buf_str(&rig->txn.said));
	DONE(rig, config_create_portal(&rig->txn, tpg, "127.0.0.1", "3261", &portal));
	assert_int_equal(portal->number, 3261);
	SAID(rig, "Created network portal 127.0.0.1:3261.\n");
	DONE(rig, config_delete_portal(&rig->txn, tpg, "0.0.0.0", "3260"));
	DONE(rig, config_create_portal(&rig->txn, tpg, "0.0.0.0", "3260", NULL));
	SAID(rig, "Deleted network portal 0.0.0.0:3260\nUsing default IP port 3260\n"
		  "Binding to INADDR_ANY (0.0.0.0)\nCreated network portal 0.0.0.0:3260.\n");
	DONE(rig, config_create_portal(&rig->txn, tpg, "2001:DB8:0::1", NULL, NULL));
	assert_non_null(config_child(portals, "[2001:db8::1]:3260"));
	REFUSED(rig, EEXIST, "This NetworkPortal already exists in configFS",
		config_create_portal(&rig->txn, tpg, "[2001:db8::1]", "3260", NULL));
	REFUSED(rig, EINVAL,
		"Could not create portal store:3260 of tpg1: it is not the number of an address; "
		"write "
		"it as 192.0.2.1 or 2001:db8::1, or 0.0.0.0 for all",
		config_create_portal(&rig->txn, tpg, "store", NULL, NULL));
	assert_int_equal(config_create_portal(&rig->txn, tpg, NULL, "0", NULL), -EINVAL);
	assert_int_equal(config_create_portal(&rig->txn, tpg, NULL, "65536", NULL), -EINVAL);
	DONE(rig, config_enable_transport(&rig->txn, portal, "iSER", "false"));
	assert_non_null(strstr(buf_str(&rig->txn.said), "iSER enable now: False\n"));
	assert_int_equal(config_enable_transport(&rig->txn, portal, "iSER", "perhaps"), -EINVAL);
	REFUSED(rig, ENOENT,
		"Could not delete portal 127.0.0.2:3260 of tpg1: there is no such portal; ls shows "
		"those that there are",
		config_delete_portal(&rig->txn, tpg, "127.0.0.2", "3260"));
}

static void what_the_machine_has_becomes_a_lun(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *acl, *lun;
	SAID(rig, buf_str(&rig->txn.said));
	rig->prefs.found = CONFIG_BLOCK;
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/dev/sdb", NULL, NULL, &lun));
	SAID(rig, "Created storage object dev-sdb.\nCreated LUN 0.\n");
	assert_int_equal(lun->ref->kind, CONFIG_BLOCK);
	assert_string_equal(config_value(lun->ref, CONFIG_OBJECT, "dev"), "/dev/sdb");
	REFUSED(rig, EEXIST, "Storage object block/dev-sdb exists",
		config_create_lun(&rig->txn, &rig->prefs, tpg, "/dev/sdb", NULL, NULL, NULL));
	rig->prefs.found = CONFIG_KINDS;
	REFUSED(rig, ENOENT,
		"storage object or path not valid: /dev/sdc is no backstore (`ls /backstores` "
		"shows them), and no block device or image of this machine",
		config_create_lun(&rig->txn, &rig->prefs, tpg, "/dev/sdc", NULL, NULL, NULL));
	assert_true(config_wants_look(rig->tree, "/dev/sdc"));
	assert_false(config_wants_look(rig->tree, "/backstores/block/dev-sdb"));
	assert_false(config_wants_look(rig->tree, "sdc"));
	rig->prefs.found = CONFIG_FILEIO;
	/* Whatever else is wrong, nothing is made. */
	REFUSED(rig, ERANGE, "LUN must be 0 to 16383",
		config_create_lun(&rig->txn, &rig->prefs, tpg, "/srv/iscsi//vm1.img", "20000", NULL,
				  NULL));
	REFUSED(rig, EEXIST, "This LUN already exists in configFS",
		config_create_lun(&rig->txn, &rig->prefs, tpg, "/srv/iscsi//vm1.img", "0", NULL,
				  NULL));
	assert_null(config_lookup(rig->tree, "/backstores/fileio/srv-iscsi--vm1.img"));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, "false", &acl));
	SAID(rig, "Created Node ACL for " INIT "\n");
	DONE(rig, config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "3", "/srv/iscsi//vm1.img",
					   NULL, NULL));
	SAID(rig, "Created storage object srv-iscsi--vm1.img.\nCreated LUN 1.\n"
		  "Created Mapped LUN 3.\n");
	assert_string_equal(
		config_value(config_lookup(rig->tree, "/backstores/fileio/srv-iscsi--vm1.img"),
			     CONFIG_OBJECT, "dev"),
		"/srv/iscsi/vm1.img");
	rig->prefs.found = CONFIG_KINDS;
	REFUSED(rig, ENOENT,
		"LUN, storage object, or path not valid: /etc is no backstore (`ls /backstores` "
		"shows them), and no block device or image of this machine",
		config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "4", "/etc", NULL, NULL));
}

/* The workflow of the manuals, in the order of the recorded session. */
static void luns_and_acls_map_by_themselves(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *other;
	rig_fileio(rig, "lun0", "/tmp/lun0.img", "64M");
	rig_fileio(rig, "lun1", "/tmp/lun1.img", "64M");
	rig_ramdisk(rig, "ram0");
	SAID(rig, buf_str(&rig->txn.said));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/lun0", NULL,
				    NULL, NULL));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/ram0", "7",
				    NULL, NULL));
	SAID(rig, "Created LUN 0.\nCreated LUN 7.\n");
	REFUSED(rig, ENOENT,
		"storage object or path not valid: /backstores/fileio/none is no backstore (`ls "
		"/backstores` shows them), and no block device or image of this machine",
		config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/none", NULL,
				  NULL, NULL));
	REFUSED(rig, EEXIST, "lun for storage object fileio/lun0 already exists",
		config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/lun0", NULL,
				  NULL, NULL));
	REFUSED(rig, EEXIST, "This LUN already exists in configFS",
		config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/lun1", "lun7",
				  NULL, NULL));
	REFUSED(rig, ERANGE, "LUN must be 0 to 16383",
		config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/lun1", "16384",
				  NULL, NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, "iqn.2026-11.org.example:other",
				    "false", &other));
	SAID(rig, "Created Node ACL for " INIT "\nCreated mapped LUN 0.\nCreated mapped LUN 7.\n"
		  "Created Node ACL for iqn.2026-11.org.example:other\n");
	DONE(rig, config_create_mapped_lun(&rig->txn, &rig->prefs, other, "0", "0", "1", NULL));
	SAID(rig, "Created Mapped LUN 0.\n");
	assert_true(
		config_true(config_child(other, "mapped_lun0"), CONFIG_OBJECT, "write_protect"));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/fileio/lun1", NULL,
				    NULL, NULL));
	SAID(rig, "Created LUN 1.\nCreated LUN 1->1 mapping in node ACL " INIT "\n"
		  "Created LUN 1->1 mapping in node ACL iqn.2026-11.org.example:other\n");
	REFUSED(rig, EEXIST, "This NodeACL already exists in configFS",
		config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, NULL));
	assert_int_equal(config_create_acl(&rig->txn, &rig->prefs, tpg, "me", NULL, NULL), -EINVAL);

	/* The last one that shows it goes with it. */
	struct config_node *lun7 = at(rig, "/iscsi/" IQN "/tpg1/luns/lun7");
	assert_non_null(lun7);
	DONE(rig, config_delete_lun(&rig->txn, tpg, "lun7"));
	SAID(rig, "Deleted LUN 7.\n");
	assert_null(at(rig, "/iscsi/" IQN "/tpg1/acls/" INIT "/mapped_lun7"));
	DONE(rig, config_delete_backstore(&rig->txn, at(rig, "/backstores/fileio/lun1")));
	SAID(rig, "Deleted storage object lun1.\n");
	assert_null(at(rig, "/iscsi/" IQN "/tpg1/luns/lun1"));
	assert_int_equal(config_count(rig->tree, CONFIG_MAPPED_LUN), 2);
	REFUSED(rig, ENOENT, "Invalid LUN", config_delete_lun(&rig->txn, tpg, "7"));
	DONE(rig, config_delete_target(&rig->txn, tpg->parent));
	SAID(rig, "Deleted Target " IQN ".\n");
	assert_int_equal(config_count(rig->tree, CONFIG_LUN), 0);
	assert_int_equal(config_count(rig->tree, CONFIG_ACLS), 0);
	assert_int_equal(config_count(rig->tree, CONFIG_FILEIO), 1);
}

static void a_lun_whose_number_is_taken_in_an_acl_gets_another_there(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *acl;
	rig_ramdisk(rig, "a");
	rig_ramdisk(rig, "b");
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/a", "3", NULL,
				    NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, "no", &acl));
	DONE(rig, config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "5", "lun3", NULL, NULL));
	SAID(rig, buf_str(&rig->txn.said));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/b", "5", NULL,
				    NULL));
	SAID(rig, "Created LUN 5.\nCreated LUN 5->0 mapping in node ACL " INIT "\n");
	assert_ptr_equal(config_child(acl, "mapped_lun0")->ref,
			 at(rig, "/iscsi/" IQN "/tpg1/luns/lun5"));
}

static void a_backstore_can_be_mapped_at_once(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *acl, *mapped;
	rig_ramdisk(rig, "a");
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, &acl));
	SAID(rig, buf_str(&rig->txn.said));
	DONE(rig, config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "4",
					   "/backstores/ramdisk/a", NULL, &mapped));
	DONE(rig, config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "5",
					   "/backstores/ramdisk/a", NULL, NULL));
	SAID(rig, "Created LUN 0.\nCreated Mapped LUN 4.\n"
		  "Warning: TPG LUN 0 already mapped to this NodeACL\nCreated Mapped LUN 5.\n");
	REFUSED(rig, EEXIST, "This MappedLUN already exists in configFS",
		config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "4", "0", NULL, NULL));
	REFUSED(rig, ENOENT, "LUN 9 does not exist in this TPG",
		config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "6", "9", NULL, NULL));
	REFUSED(rig, ENOENT,
		"LUN, storage object, or path not valid: nothing is no backstore (`ls /backstores` "
		"shows them), and no block device or image of this machine",
		config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "6", "nothing", NULL, NULL));
	REFUSED(rig, EINVAL, "mapped_lun must be an integer from 0 to 16383",
		config_create_mapped_lun(&rig->txn, &rig->prefs, acl, "x", "0", NULL, NULL));
	DONE(rig, config_delete_mapped_lun(&rig->txn, acl, "mapped_lun4"));
	assert_int_equal(config_delete_mapped_lun(&rig->txn, acl, "4"), -ENOENT);
}

static void values_are_set(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *acl;
	SAID(rig, buf_str(&rig->txn.said));
	DONE(rig, config_set(&rig->txn, tpg, "attribute", "authentication", "1"));
	SAID(rig, "Parameter authentication is now '1'.\n");
	assert_string_equal(config_value(tpg, CONFIG_PARAMETER, "AuthMethod"), "CHAP");
	REFUSED(rig, EINVAL,
		"Not setting authentication! Syntax error, 'maybe' is not a NUMBER from 0 to 1, "
		"such as authentication=0.",
		config_set(&rig->txn, tpg, "attribute", "authentication", "maybe"));
	REFUSED(rig, ENOENT,
		"Unknown parameter nosuch in group 'attribute'. `get attribute` shows those that "
		"there are.",
		config_set(&rig->txn, tpg, "attribute", "nosuch", "1"));
	REFUSED(rig, ENOENT,
		"Unknown configuration group: discovery_auth; `get` shows those that there are",
		config_set(&rig->txn, tpg, "discovery_auth", "userid", "1"));
	DONE(rig, config_set(&rig->txn, tpg, "parameter", "MaxBurstLength", "131072"));
	DONE(rig, config_set(&rig->txn, tpg, "parameter", "HeaderDigest", "CRC32C,None"));
	SAID(rig, "Parameter MaxBurstLength is now '131072'.\n"
		  "Parameter HeaderDigest is now 'CRC32C,None'.\n");
	DONE(rig, config_set(&rig->txn, tpg, "parameter", "MaxBurstLength", "1024"));
	assert_non_null(strstr(buf_str(&rig->txn.said), "Warning: FirstBurstLength (65536)"));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, &acl));
	SAID(rig, buf_str(&rig->txn.said));
	DONE(rig, config_set(&rig->txn, acl, "auth", "password", "secretsecret12"));
	assert_null(strstr(buf_str(&rig->txn.said), "secretsecret12"));
	assert_string_equal(config_value(acl, CONFIG_AUTH, "password"), "secretsecret12");
	DONE(rig, config_set(&rig->txn, acl, "auth", "mutual_password", "secretsecret12"));
	assert_non_null(strstr(buf_str(&rig->txn.said), "RFC 7143 9.2.1"));
	struct config_node *store = rig_fileio(rig, "f", "/f", "1M");
	REFUSED(rig, EROFS, "Parameter hw_block_size is read-only.",
		config_set(&rig->txn, store, "attribute", "hw_block_size", "4096"));
	REFUSED(rig, EROFS, "Parameter dev is read-only.",
		config_set(&rig->txn, store, "object", "dev", "/g"));
	DONE(rig, config_set(&rig->txn, store, "attribute", "emulate_write_cache", "0"));
	assert_string_equal(config_value(store, CONFIG_OBJECT, "write_back"), "False");
	assert_int_equal(config_tell(store, "hw_block_size", "4096"), 0);
	assert_string_equal(config_value(store, CONFIG_ATTRIBUTE, "hw_block_size"), "4096");
	assert_int_equal(config_tell(store, "block_size", "4096"), -ENOENT);
}

static void blocks_of_a_lun_stay(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *store = rig_ramdisk(rig, "x");
	DONE(rig, config_set(&rig->txn, store, "attribute", "block_size", "4096"));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/x", NULL,
				    NULL, NULL));
	REFUSED(rig, EBUSY,
		"Not setting block_size! x is in use as /iscsi/" IQN
		"/tpg1/luns/lun0: delete its LUNs first, initiators have to look at it anew",
		config_set(&rig->txn, store, "attribute", "block_size", "512"));
	assert_string_equal(config_value(store, CONFIG_ATTRIBUTE, "block_size"), "4096");
	DONE(rig, config_set(&rig->txn, store, "attribute", "block_size", "4096"));
	DONE(rig, config_set(&rig->txn, store, "attribute", "is_nonrot", "0"));
	DONE(rig, config_delete_lun(&rig->txn, tpg, "0"));
	DONE(rig, config_set(&rig->txn, store, "attribute", "block_size", "512"));
}

#define OTHER "iqn.2026-11.org.example:other"

static void acls_share_a_tag(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN), *a, *b;
	rig_ramdisk(rig, "x");
	rig_ramdisk(rig, "y");
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/x", NULL,
				    NULL, NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, &a));
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/y", "9",
				    "false", NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, OTHER, NULL, &b));
	DONE(rig, config_set(&rig->txn, a, "auth", "userid", "user"));
	DONE(rig, config_set(&rig->txn, b, "attribute", "nopin_timeout", "7"));
	REFUSED(rig, EINVAL, "'.' not permitted in tag names.",
		config_tag_acl(&rig->txn, &rig->prefs, tpg, INIT, "a.b"));
	REFUSED(rig, ENOENT, "wwn_or_tag nobody not found.",
		config_tag_acl(&rig->txn, &rig->prefs, tpg, "nobody", "pair"));
	DONE(rig, config_tag_acl(&rig->txn, &rig->prefs, tpg, INIT, "pair"));
	assert_string_equal(config_value(a, CONFIG_OBJECT, "tag"), "pair");
	assert_int_equal(b->child_count, 2);
	DONE(rig, config_tag_acl(&rig->txn, &rig->prefs, tpg, OTHER, "pair"));
	assert_int_equal(b->child_count, 1);
	assert_non_null(config_child(b, "mapped_lun0"));
	assert_string_equal(config_value(b, CONFIG_AUTH, "userid"), "user");
	assert_string_equal(config_value(b, CONFIG_ATTRIBUTE, "nopin_timeout"), "15");
	/* All that have it get another. */
	DONE(rig, config_tag_acl(&rig->txn, &rig->prefs, tpg, "pair", "two"));
	assert_string_equal(config_value(a, CONFIG_OBJECT, "tag"), "two");
	assert_string_equal(config_value(b, CONFIG_OBJECT, "tag"), "two");
	DONE(rig, config_untag_acl(&rig->txn, tpg, INIT));
	assert_string_equal(config_value(a, CONFIG_OBJECT, "tag"), "");
	DONE(rig, config_untag_acl(&rig->txn, tpg, "two"));
	assert_string_equal(config_value(b, CONFIG_OBJECT, "tag"), "");
	assert_int_equal(config_untag_acl(&rig->txn, tpg, "two"), -ENOENT);
}

static void secrets_are_not_in_what_is_said(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN);
	assert_true(config_set(&rig->txn, tpg, "auth", "password", "geheim\ngeheim") < 0);
	assert_null(strstr(rig->txn.why.text, "geheim"));
	char longer[400];
	memset(longer, 'q', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	assert_true(config_set(&rig->txn, tpg, "auth", "password", longer) < 0);
	assert_null(strstr(rig->txn.why.text, "qqq"));
}

static void all_is_cleared(void **state)
{
	struct rig *rig = *state;
	struct config_node *tpg = rig_target(rig, IQN);
	rig_ramdisk(rig, "a");
	DONE(rig, config_create_lun(&rig->txn, &rig->prefs, tpg, "/backstores/ramdisk/a", NULL,
				    NULL, NULL));
	DONE(rig, config_create_acl(&rig->txn, &rig->prefs, tpg, INIT, NULL, NULL));
	DONE(rig, config_set(&rig->txn, config_iscsi(rig->tree), "discovery_auth", "userid", "u"));
	rig_commit(rig);
	DONE(rig, config_clear(&rig->txn));
	SAID(rig, "All configuration cleared\n");
	assert_int_equal(config_iscsi(rig->tree)->child_count, 0);
	assert_int_equal(config_count(rig->tree, CONFIG_RAMDISK), 0);
	assert_string_equal(config_value(config_iscsi(rig->tree), CONFIG_DISCOVERY_AUTH, "userid"),
			    "");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(backstores_are_made_as_the_original_makes_them),
		CASE(backstores_are_refused),
		CASE(a_disk_gets_smaller_only_by_force),
		CASE(targets_come_with_group_and_portal),
		CASE(preferences_are_obeyed),
		CASE(groups_share_no_portal_within_a_target),
		CASE(groups_are_enabled_and_disabled),
		CASE(portals_have_one_name_each),
		CASE(luns_and_acls_map_by_themselves),
		CASE(what_the_machine_has_becomes_a_lun),
		CASE(a_lun_whose_number_is_taken_in_an_acl_gets_another_there),
		CASE(a_backstore_can_be_mapped_at_once),
		CASE(values_are_set),
		CASE(blocks_of_a_lun_stay),
		CASE(acls_share_a_tag),
		CASE(secrets_are_not_in_what_is_said),
		CASE(all_is_cleared),
	};
	return cmocka_run_group_tests_name("config_edit", tests, NULL, NULL);
}
