/* SPDX-License-Identifier: BSD-2-Clause */
/* ACLs with a tag are set as one. */
#include <errno.h>
#include <string.h>
#include "config/edit_priv.h"
#include "config/tree_priv.h"

static const char *tag_of(const struct config_node *acl)
{
	return config_value(acl, CONFIG_OBJECT, "tag");
}

static bool is_called(const struct config_node *acl, const char *wwn_or_tag)
{
	return !strcmp(acl->name, wwn_or_tag) || !strcmp(tag_of(acl), wwn_or_tag);
}

/* One that has the tag and is not about to get it. */
static const struct config_node *find_model(const struct config_node *acls, const char *tag,
					    const char *wwn_or_tag)
{
	list_for_each (it, &acls->children) {
		const struct config_node *acl = list_entry(it, struct config_node, sibling);
		if (!strcmp(tag_of(acl), tag) && !is_called(acl, wwn_or_tag))
			return acl;
	}
	return NULL;
}

static int map_like(struct config_txn *txn, const struct config_prefs *prefs,
		    struct config_node *acl, const struct config_node *model)
{
	char alias[CONFIG_ALIAS_SIZE];
	int err = 0;
	list_for_each_safe (it, &acl->children) {
		if (!err)
			err = config_remove(txn, list_entry(it, struct config_node, sibling));
	}
	list_for_each (it, &model->children) {
		const struct config_node *like = list_entry(it, struct config_node, sibling);
		struct config_node *node = NULL;
		if (err)
			break;
		config_random_alias(prefs, alias);
		err = config_add_mapped_lun(txn, acl, like->number, like->ref, alias, &node);
		if (!err)
			err = config_give_named(txn, node, CONFIG_OBJECT, "write_protect",
						config_value(like, CONFIG_OBJECT, "write_protect"));
	}
	return err;
}

/* Users, secrets and attributes. */
static int take_values(struct config_txn *txn, struct config_node *acl,
		       const struct config_node *model)
{
	size_t count;
	const struct config_attr *rows = config_attrs(acl->kind, &count);
	int err = 0;
	for (size_t i = 0; i < count && !err; i++) {
		if (rows[i].group != CONFIG_OBJECT)
			err = config_give(txn, acl, &rows[i], config_get(model, &rows[i]));
	}
	return err;
}

static int join(struct config_txn *txn, const struct config_prefs *prefs, struct config_node *acl,
		const char *tag, const struct config_node *model)
{
	int err = config_give_named(txn, acl, CONFIG_OBJECT, "tag", tag);
	if (!err && model)
		err = map_like(txn, prefs, acl, model);
	if (!err && model)
		err = take_values(txn, acl, model);
	return err;
}

static int tag_all(struct config_txn *txn, const struct config_prefs *prefs,
		   struct config_node *tpg, const char *wwn_or_tag, const char *tag)
{
	size_t count;
	unsigned found = 0;
	int err = 0;
	struct config_node *acls = config_part(tpg, CONFIG_ACLS);
	const struct config_node *model = tag[0] ? find_model(acls, tag, wwn_or_tag) : NULL;
	CLEANUP(free) struct config_node **all = config_sorted(acls, &count);
	if (!all)
		return config_no_memory(txn);
	for (size_t i = 0; i < count && !err; i++) {
		if (!is_called(all[i], wwn_or_tag))
			continue;
		found++;
		err = join(txn, prefs, all[i], tag, model);
	}
	if (!err && !found)
		err = config_refuse(&txn->why, ENOENT, "wwn_or_tag %.223s not found.", wwn_or_tag);
	return err;
}

int config_tag_acl(struct config_txn *txn, const struct config_prefs *prefs,
		   struct config_node *tpg, const char *wwn_or_tag, const char *tag)
{
	struct config_mark mark = config_mark(txn);
	/* All names of initiators have one: so a tag is never taken for a name. */
	if (strchr(tag, '.'))
		return config_refuse(&txn->why, EINVAL, "'.' not permitted in tag names.");
	if (!tag[0])
		return config_refuse(&txn->why, EINVAL,
				     "Could not tag %.100s: the tag is empty; untag takes it away",
				     wwn_or_tag);
	return config_end_edit(txn, mark, tag_all(txn, prefs, tpg, wwn_or_tag, tag));
}

int config_untag_acl(struct config_txn *txn, struct config_node *tpg, const char *wwn_or_tag)
{
	struct config_mark mark = config_mark(txn);
	if (!wwn_or_tag[0])
		return config_refuse(&txn->why, ENOENT, "wwn_or_tag %s not found.", wwn_or_tag);
	return config_end_edit(txn, mark, tag_all(txn, NULL, tpg, wwn_or_tag, ""));
}
