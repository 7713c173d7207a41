/* SPDX-License-Identifier: BSD-2-Clause */
/* LUNs, ACLs, and which initiator sees which LUN as which. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "config/edit_priv.h"
#include "config/tree_priv.h"
#include "iscsi/names.h"

/* ---- the parts ---- */

int config_add_lun(struct config_txn *txn, struct config_node *tpg, struct config_node *backstore,
		   uint32_t lun, const char *alias, struct config_node **out)
{
	struct config_node *luns = config_part(tpg, CONFIG_LUNS);
	char name[32];
	if (lun > CONFIG_LUN_MAX)
		return config_refuse(&txn->why, ERANGE, "LUN must be 0 to %d", CONFIG_LUN_MAX);
	config_number_name(CONFIG_LUN, lun, name);
	if (config_child(luns, name))
		return config_refuse(&txn->why, EEXIST, "This LUN already exists in configFS");
	struct config_node *node = config_node_new(luns, CONFIG_LUN, name, lun, backstore);
	int err = config_do_create(txn, node);
	if (!err)
		err = config_give_named(txn, node, CONFIG_OBJECT, "alias", alias);
	if (!err)
		*out = node;
	return err;
}

int config_add_mapped_lun(struct config_txn *txn, struct config_node *acl, uint32_t number,
			  struct config_node *lun, const char *alias, struct config_node **out)
{
	char name[32];
	if (number > CONFIG_LUN_MAX)
		return config_refuse(&txn->why, ERANGE, "Mapped LUN must be 0 to %d",
				     CONFIG_LUN_MAX);
	config_number_name(CONFIG_MAPPED_LUN, number, name);
	if (config_child(acl, name))
		return config_refuse(&txn->why, EEXIST,
				     "This MappedLUN already exists in configFS");
	struct config_node *node = config_node_new(acl, CONFIG_MAPPED_LUN, name, number, lun);
	int err = config_do_create(txn, node);
	if (!err)
		err = config_give_named(txn, node, CONFIG_OBJECT, "alias", alias);
	if (!err)
		*out = node;
	return err;
}

int config_add_acl(struct config_txn *txn, struct config_node *tpg, const char *wwn,
		   struct config_node **out)
{
	struct config_node *acls = config_part(tpg, CONFIG_ACLS);
	char name[ISCSI_NAME_SIZE];
	if (iscsi_name_normalize(wwn, name))
		return config_refuse(
			&txn->why, EINVAL,
			"Could not create an ACL for initiator \"%.120s\": %s; its name is "
			"in the initiator's /etc/iscsi/initiatorname.iscsi, such as "
			"iqn.1993-08.org.debian:01:0123456789",
			wwn, iscsi_name_problem(wwn));
	if (config_child(acls, name))
		return config_refuse(&txn->why, EEXIST, "This NodeACL already exists in configFS");
	struct config_node *node = config_node_new(acls, CONFIG_ACL, name, 0, NULL);
	int err = config_do_create(txn, node);
	if (!err)
		*out = node;
	return err;
}

static int map_random(struct config_txn *txn, const struct config_prefs *prefs,
		      struct config_node *acl, uint32_t number, struct config_node *lun,
		      struct config_node **out)
{
	char alias[CONFIG_ALIAS_SIZE];
	config_random_alias(prefs, alias);
	return config_add_mapped_lun(txn, acl, number, lun, alias, out);
}

/* ---- LUNs ---- */

bool config_wants_look(const struct config_tree *tree, const char *backstore)
{
	return backstore[0] == '/' && !config_find_backstore(tree, backstore);
}

/* A path of the machine becomes a backstore. -ENOENT with `refusal`: there is no such path that can. */
static int make_store(struct config_txn *txn, const struct config_prefs *prefs, const char *path,
		      const char *refusal, struct config_node **out)
{
	enum config_kind kind = path[0] == '/' ? prefs->found : CONFIG_KINDS;
	if (kind != CONFIG_BLOCK && kind != CONFIG_FILEIO)
		return config_refuse(
			&txn->why, ENOENT,
			"%s: %.200s is no backstore (`ls /backstores` shows them), and "
			"no block device or image of this machine",
			refusal, path);
	CLEANUP(free) char *name = strdup(path + strspn(path, "/"));
	if (!name)
		return config_no_memory(txn);
	for (size_t n = strlen(name); n && name[n - 1] == '/'; n--)
		name[n - 1] = 0;
	for (char *p = name; *p; p++)
		*p = *p == '/' ? '-' : *p;
	const struct config_backstore_args args = {.name = name, .dev = path};
	int err = config_create_backstore(txn, prefs, kind, &args, out);
	if (!err)
		config_say(txn, "Created storage object %s.", (*out)->name);
	return err;
}

/* A new LUN shows in each ACL: under the number that was asked for, or the lowest that is free there. */
static int map_everywhere(struct config_txn *txn, const struct config_prefs *prefs,
			  struct config_node *tpg, struct config_node *lun, bool asked)
{
	struct config_node *mapped;
	size_t count;
	CLEANUP(free)
	struct config_node **acls = config_sorted(config_part(tpg, CONFIG_ACLS), &count);
	if (!acls)
		return config_no_memory(txn);
	for (size_t i = 0; i < count; i++) {
		struct config_node *acl = acls[i];
		uint32_t number = asked ? lun->number : 0;
		if (!asked || config_child_number(acl, number))
			number = config_lowest_free(acl);
		int err = map_random(txn, prefs, acl, number, lun, &mapped);
		if (err)
			return err;
		config_say(txn, "Created LUN %" PRIu32 "->%" PRIu32 " mapping in node ACL %s",
			   lun->number, number, acl->name);
	}
	return 0;
}

static int make_lun(struct config_txn *txn, const struct config_prefs *prefs,
		    struct config_node *tpg, struct config_node *backstore, int64_t number,
		    struct config_node **out)
{
	char alias[CONFIG_ALIAS_SIZE];
	config_random_alias(prefs, alias);
	int err = config_add_lun(txn, tpg, backstore, (uint32_t)number, alias, out);
	if (!err)
		config_say(txn, "Created LUN %" PRId64 ".", number);
	return err;
}

int config_create_lun(struct config_txn *txn, const struct config_prefs *prefs,
		      struct config_node *tpg, const char *backstore, const char *lun,
		      const char *map, struct config_node **out)
{
	struct config_mark mark = config_mark(txn);
	struct config_node *node = NULL;
	struct config_node *store = config_find_backstore(txn->tree, backstore);
	int64_t number = config_lowest_free(config_part(tpg, CONFIG_LUNS));
	bool map_all;
	int err = config_parse_choice(txn, "add_mapped_luns", map, prefs->auto_add_mapped_luns,
				      &map_all);
	if (err)
		return err;
	if (store && config_lun_of(tpg, store))
		return config_refuse(&txn->why, EEXIST,
				     "lun for storage object %s/%s already exists",
				     store->parent->name, store->name);
	if (lun && config_parse_index(lun, "lun", 0, CONFIG_LUN_MAX, &number))
		return config_refuse(&txn->why, ERANGE, "LUN must be 0 to %d", CONFIG_LUN_MAX);
	if (number > CONFIG_LUN_MAX)
		return config_refuse(&txn->why, ENOSPC, "All LUNs 0-%d in use", CONFIG_LUN_MAX);
	if (!store)
		err = make_store(txn, prefs, backstore, "storage object or path not valid", &store);
	if (!err)
		err = make_lun(txn, prefs, tpg, store, number, &node);
	if (!err && map_all)
		err = map_everywhere(txn, prefs, tpg, node, lun);
	if (!err && out)
		*out = node;
	return config_end_edit(txn, mark, err);
}

int config_delete_lun(struct config_txn *txn, struct config_node *tpg, const char *lun)
{
	int64_t number;
	struct config_node *node = NULL;
	struct config_mark mark = config_mark(txn);
	if (!config_parse_index(lun, "lun", 0, CONFIG_LUN_MAX, &number))
		node = config_child_number(config_part(tpg, CONFIG_LUNS), (uint32_t)number);
	if (!node)
		return config_refuse(&txn->why, ENOENT, "Invalid LUN");
	int err = config_remove(txn, node);
	if (!err)
		config_say(txn, "Deleted LUN %" PRIu32 ".", node->number);
	return config_end_edit(txn, mark, err);
}

/* ---- ACLs ---- */

static int map_all_luns(struct config_txn *txn, const struct config_prefs *prefs,
			struct config_node *tpg, struct config_node *acl)
{
	size_t count;
	struct config_node *mapped;
	CLEANUP(free)
	struct config_node **luns = config_sorted(config_part(tpg, CONFIG_LUNS), &count);
	if (!luns)
		return config_no_memory(txn);
	for (size_t i = 0; i < count; i++) {
		int err = map_random(txn, prefs, acl, luns[i]->number, luns[i], &mapped);
		if (err)
			return err;
		config_say(txn, "Created mapped LUN %" PRIu32 ".", luns[i]->number);
	}
	return 0;
}

int config_create_acl(struct config_txn *txn, const struct config_prefs *prefs,
		      struct config_node *tpg, const char *wwn, const char *map,
		      struct config_node **out)
{
	struct config_mark mark = config_mark(txn);
	struct config_node *acl = NULL;
	bool map_all;
	int err = config_parse_choice(txn, "add_mapped_luns", map, prefs->auto_add_mapped_luns,
				      &map_all);
	if (!err)
		err = config_add_acl(txn, tpg, wwn, &acl);
	if (!err) {
		config_say(txn, "Created Node ACL for %s", acl->name);
		if (map_all)
			err = map_all_luns(txn, prefs, tpg, acl);
	}
	if (!err && out)
		*out = acl;
	return config_end_edit(txn, mark, err);
}

int config_delete_acl(struct config_txn *txn, struct config_node *acl)
{
	struct config_mark mark = config_mark(txn);
	int err = config_remove(txn, acl);
	if (!err)
		config_say(txn, "Deleted Node ACL %s.", acl->name);
	return config_end_edit(txn, mark, err);
}

/* ---- mapped LUNs ---- */

/* A number of a LUN, or a backstore, which has a LUN here or gets one. */
static int find_lun(struct config_txn *txn, const struct config_prefs *prefs,
		    struct config_node *tpg, const char *text, struct config_node **out)
{
	struct config_node *luns = config_part(tpg, CONFIG_LUNS);
	int64_t number;
	if (!config_parse_index(text, "lun", 0, CONFIG_LUN_MAX, &number)) {
		*out = config_child_number(luns, (uint32_t)number);
		if (*out)
			return 0;
		return config_refuse(&txn->why, ENOENT,
				     "LUN %" PRId64 " does not exist in this TPG", number);
	}
	struct config_node *store = config_find_backstore(txn->tree, text);
	int err = store ? 0
			: make_store(txn, prefs, text, "LUN, storage object, or path not valid",
				     &store);
	if (err)
		return err;
	*out = config_lun_of(tpg, store);
	return *out ? 0 : make_lun(txn, prefs, tpg, store, config_lowest_free(luns), out);
}

static void warn_if_mapped(struct config_txn *txn, const struct config_node *acl,
			   const struct config_node *lun)
{
	list_for_each (it, &lun->users) {
		if (list_entry(it, struct config_node, use)->parent != acl)
			continue;
		config_say(txn, "Warning: TPG LUN %" PRIu32 " already mapped to this NodeACL",
			   lun->number);
		return;
	}
}

int config_create_mapped_lun(struct config_txn *txn, const struct config_prefs *prefs,
			     struct config_node *acl, const char *mapped_lun, const char *lun,
			     const char *write_protect, struct config_node **out)
{
	struct config_mark mark = config_mark(txn);
	struct config_node *tpg = config_above(acl, CONFIG_TPG), *tpg_lun = NULL, *node = NULL;
	int64_t number;
	if (config_parse_index(mapped_lun, "mapped_lun", 0, CONFIG_LUN_MAX, &number))
		return config_refuse(&txn->why, EINVAL,
				     "mapped_lun must be an integer from 0 to %d", CONFIG_LUN_MAX);
	int err = find_lun(txn, prefs, tpg, lun, &tpg_lun);
	if (!err) {
		warn_if_mapped(txn, acl, tpg_lun);
		err = map_random(txn, prefs, acl, (uint32_t)number, tpg_lun, &node);
	}
	if (!err)
		err = config_give_named(txn, node, CONFIG_OBJECT, "write_protect", write_protect);
	if (!err) {
		config_say(txn, "Created Mapped LUN %" PRId64 ".", number);
		if (out)
			*out = node;
	}
	return config_end_edit(txn, mark, err);
}

int config_delete_mapped_lun(struct config_txn *txn, struct config_node *acl,
			     const char *mapped_lun)
{
	int64_t number;
	struct config_node *node = NULL;
	if (!config_parse_index(mapped_lun, "mapped_lun", 0, CONFIG_LUN_MAX, &number))
		node = config_child_number(acl, (uint32_t)number);
	if (!node)
		return config_refuse(
			&txn->why, ENOENT,
			"Could not delete mapped LUN %.40s of %s: there is no such one; "
			"ls shows those that there are",
			mapped_lun, acl->name);
	int err = config_remove(txn, node);
	if (!err)
		config_say(txn, "Deleted Mapped LUN %" PRId64 ".", number);
	return err;
}
