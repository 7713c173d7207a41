/* SPDX-License-Identifier: BSD-2-Clause */
/* What operations share, and those that are alike for all objects: set, remove, clear. */
#include "config/edit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include "config/edit_priv.h"
#include "config/tree_priv.h"

int config_end_edit(struct config_txn *txn, struct config_mark mark, int err)
{
	if (err)
		config_back_to(txn, mark);
	return err;
}

int config_parse_index(const char *text, const char *prefix, int64_t low, int64_t high,
		       int64_t *out)
{
	size_t skip = strlen(prefix);
	if (skip && !strncasecmp(text, prefix, skip))
		text += skip;
	int64_t value = 0;
	size_t len = strspn(text, "0123456789");
	if (!len || text[len] || len > 9)
		return -EINVAL;
	for (const char *p = text; *p; p++)
		value = 10 * value + (*p - '0');
	if (value < low || value > high)
		return -EINVAL;
	*out = value;
	return 0;
}

int config_parse_choice(struct config_txn *txn, const char *name, const char *text, bool standard,
			bool *out)
{
	static const struct config_attr truth = {.form = CONFIG_FORM_TRUTH, .standard = ""};
	CLEANUP(free) char *normal = NULL;
	struct config_why why;
	*out = standard;
	if (!text)
		return 0;
	int err = config_attr_check(&truth, text, &normal, &why);
	if (err)
		return config_refuse(&txn->why, -err, "%s: %.400s", name, why.text);
	*out = !strcmp(normal, "True");
	return 0;
}

struct config_node *config_find_backstore(const struct config_tree *tree, const char *path)
{
	struct config_node *node = config_lookup(tree, path);
	return node && config_is_backstore(node->kind) ? node : NULL;
}

void config_random_alias(const struct config_prefs *prefs, char out[CONFIG_ALIAS_SIZE])
{
	uint8_t bytes[5];
	prefs->random(prefs->ctx, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- values ---- */

int config_give(struct config_txn *txn, struct config_node *node, const struct config_attr *attr,
		const char *text)
{
	char *normal;
	int err = config_attr_check(attr, text, &normal, &txn->why);
	if (err == -ENOMEM)
		return config_no_memory(txn);
	return err ? err : config_do_set(txn, node, attr, normal);
}

int config_give_named(struct config_txn *txn, struct config_node *node, enum config_group group,
		      const char *name, const char *text)
{
	const struct config_attr *attr = config_attr_find(node->kind, group, name);
	return text && attr ? config_give(txn, node, attr, text) : 0;
}

/* Rows that say the same thing: who sets one has set the other, as in the kernel's target. */
static const struct couple {
	enum config_kind kind;
	enum config_group group;
	const char *name, *value;
	enum config_group other_group;
	const char *other, *other_value;
} couples[] = {
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", "1", CONFIG_PARAMETER, "AuthMethod",
	 "CHAP"},
	{CONFIG_TPG, CONFIG_ATTRIBUTE, "authentication", "0", CONFIG_PARAMETER, "AuthMethod",
	 "CHAP,None"},
	{CONFIG_FILEIO, CONFIG_ATTRIBUTE, "emulate_write_cache", "1", CONFIG_OBJECT, "write_back",
	 "True"},
	{CONFIG_FILEIO, CONFIG_ATTRIBUTE, "emulate_write_cache", "0", CONFIG_OBJECT, "write_back",
	 "False"},
	{CONFIG_BLOCK, CONFIG_ATTRIBUTE, "emulate_write_cache", "1", CONFIG_OBJECT, "write_back",
	 "True"},
	{CONFIG_BLOCK, CONFIG_ATTRIBUTE, "emulate_write_cache", "0", CONFIG_OBJECT, "write_back",
	 "False"},
};

static int set_couples(struct config_txn *txn, struct config_node *node,
		       const struct config_attr *attr)
{
	int err = 0;
	for (size_t i = 0; i < ARRAY_SIZE(couples) && !err; i++) {
		const struct couple *c = &couples[i];
		if (c->kind == node->kind && c->group == attr->group &&
		    !strcmp(c->name, attr->name) && !strcmp(c->value, config_get(node, attr)))
			err = config_give_named(txn, node, c->other_group, c->other,
						c->other_value);
	}
	return err;
}

/* What was taken and yet will not be as it was meant. */
static void warn(struct config_txn *txn, const struct config_node *node,
		 const struct config_attr *attr)
{
	const char *hint = config_attr_hint(attr, config_get(node, attr));
	if (hint)
		config_say(txn, "Warning: %s", hint);
	if (attr->effect == CONFIG_NO_EFFECT && !config_is_default(node, attr))
		config_say(txn, "Warning: %s has no effect: %s", attr->name, attr->note);
	if (node->kind == CONFIG_TPG && attr->group == CONFIG_PARAMETER &&
	    strstr(attr->name, "Burst")) {
		int64_t first = config_number(node, CONFIG_PARAMETER, "FirstBurstLength");
		int64_t most = config_number(node, CONFIG_PARAMETER, "MaxBurstLength");
		/* RFC 7143 13.14 forbids it; scripts set one after the other. */
		if (first > most)
			config_say(txn,
				   "Warning: FirstBurstLength (%" PRId64
				   ") is larger than MaxBurstLength (%" PRId64
				   "), which is what is offered for both",
				   first, most);
	}
	if (attr->flags & CONFIG_SECRET && config_get(node, attr)[0] &&
	    !strcmp(config_value(node, attr->group, "password"),
		    config_value(node, attr->group, "mutual_password")))
		config_say(txn,
			   "Warning: both directions have the same secret, which RFC 7143 9.2.1 "
			   "forbids: initiators refuse it");
}

static int set_attr(struct config_txn *txn, struct config_node *node,
		    const struct config_attr *attr, const char *value)
{
	size_t count = txn->count;
	int err = config_give(txn, node, attr, value);
	if (!err && txn->count > count)
		err = config_check_free(txn, node, attr);
	if (err) {
		struct config_why why = txn->why;
		return config_refuse(&txn->why, -err, "Not setting %s! %.440s", attr->name,
				     why.text);
	}
	bool hidden = attr->flags & CONFIG_SECRET && config_get(node, attr)[0];
	config_say(txn, "Parameter %s is now '%s'.", attr->name,
		   hidden ? "(hidden)" : config_get(node, attr));
	err = set_couples(txn, node, attr);
	if (!err)
		warn(txn, node, attr);
	return err;
}

int config_set(struct config_txn *txn, struct config_node *node, const char *group,
	       const char *name, const char *value)
{
	enum config_group g = config_group_find(group);
	if (g == CONFIG_GROUPS || !config_group_of(node->kind, g))
		return config_refuse(&txn->why, ENOENT,
				     "Unknown configuration group: %.60s; `get` shows those that "
				     "there are",
				     group);
	const struct config_attr *attr = config_attr_find(node->kind, g, name);
	if (!attr)
		return config_refuse(&txn->why, ENOENT,
				     "Unknown parameter %.60s in group '%s'. `get %s` shows those "
				     "that there are.",
				     name, group, group);
	if (attr->flags & (CONFIG_READ_ONLY | CONFIG_FIXED))
		return config_refuse(&txn->why, EROFS, "Parameter %s is read-only.", name);
	struct config_mark mark = config_mark(txn);
	return config_end_edit(txn, mark, set_attr(txn, node, attr, value));
}

/* ---- removing ---- */

static int remove_all(struct config_txn *txn, struct list *head, bool users);

static bool is_part(const struct config_node *node)
{
	return node->kind == CONFIG_ACLS || node->kind == CONFIG_LUNS ||
	       node->kind == CONFIG_PORTALS;
}

int config_remove(struct config_txn *txn, struct config_node *node)
{
	int err = remove_all(txn, &node->users, true);
	if (!err && node->kind == CONFIG_TPG) {
		/* Its parts go with it; what is in them goes one by one, ACLs first. */
		list_for_each (it, &node->children) {
			struct config_node *part = list_entry(it, struct config_node, sibling);
			err = err ? err : remove_all(txn, &part->children, false);
		}
	} else if (!err) {
		err = remove_all(txn, &node->children, false);
	}
	if (err || is_part(node))
		return err;
	return config_do_delete(txn, node);
}

static int remove_all(struct config_txn *txn, struct list *head, bool users)
{
	int err = 0;
	while (!err && !list_empty(head)) {
		struct config_node *node = users ? list_first(head, struct config_node, use)
						 : list_first(head, struct config_node, sibling);
		err = config_remove(txn, node);
	}
	return err;
}

int config_clear(struct config_txn *txn)
{
	struct config_tree *tree = txn->tree;
	struct config_mark mark = config_mark(txn);
	int err = remove_all(txn, &tree->iscsi->children, false);
	for (unsigned kind = 0; kind < CONFIG_KINDS && !err; kind++) {
		if (tree->plugins[kind])
			err = remove_all(txn, &tree->plugins[kind]->children, false);
	}
	size_t count;
	const struct config_attr *rows = config_attrs(CONFIG_ISCSI, &count);
	for (size_t i = 0; i < count && !err; i++)
		err = config_give(txn, tree->iscsi, &rows[i], rows[i].standard);
	if (!err)
		config_say(txn, "All configuration cleared");
	return config_end_edit(txn, mark, err);
}
