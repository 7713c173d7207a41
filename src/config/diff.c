/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/diff.h"

#include <errno.h>
#include <string.h>
#include "config/edit_priv.h"
#include "config/tree_priv.h"

/* ---- alike, or another one of the same name ---- */

static bool same_ref(const struct config_node *a, const struct config_node *b)
{
	if (!a || !b)
		return a == b;
	return a->kind == b->kind && !strcmp(a->name, b->name);
}

static bool same_object(const struct config_node *a, const struct config_node *b)
{
	size_t count;
	const struct config_attr *rows = config_attrs(a->kind, &count);
	if (a->kind != b->kind || !same_ref(a->ref, b->ref))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].flags & CONFIG_IDENTITY &&
		    strcmp(config_get(a, &rows[i]), config_get(b, &rows[i])))
			return false;
	}
	return true;
}

/* ---- what goes ---- */

/* Removing one takes others along, but never its neighbour. */
static int prune(struct config_txn *txn, struct config_node *node, const struct config_node *want)
{
	size_t count;
	int err = 0;
	CLEANUP(free) struct config_node **children = config_sorted(node, &count);
	if (!children)
		return config_no_memory(txn);
	for (size_t i = 0; i < count && !err; i++) {
		const struct config_node *wanted = config_child(want, children[i]->name);
		err = wanted && same_object(children[i], wanted) ? prune(txn, children[i], wanted)
								 : config_remove(txn, children[i]);
	}
	return err;
}

/* ---- what comes, and what changes ---- */

/* The node of our tree that is called like one of theirs. */
static struct config_node *our_ref(struct config_txn *txn, const struct config_node *theirs)
{
	char path[CONFIG_PATH_SIZE];
	return theirs ? config_lookup(txn->tree, config_path(theirs, path)) : NULL;
}

static int take_values(struct config_txn *txn, struct config_node *node,
		       const struct config_node *want)
{
	size_t count;
	const struct config_attr *rows = config_attrs(node->kind, &count);
	for (size_t i = 0; i < count; i++) {
		const char *value = config_get(want, &rows[i]);
		if (rows[i].flags & CONFIG_READ_ONLY || !strcmp(config_get(node, &rows[i]), value))
			continue;
		char *copy = strdup(value);
		int err = copy ? config_do_set(txn, node, &rows[i], copy) : config_no_memory(txn);
		if (err)
			return err;
	}
	return 0;
}

static int grow(struct config_txn *txn, struct config_node *node, const struct config_node *want);

static int take_node(struct config_txn *txn, struct config_node *parent,
		     const struct config_node *want)
{
	struct config_node *node = config_child(parent, want->name);
	if (!node) {
		node = config_node_new(parent, want->kind, want->name, want->number,
				       our_ref(txn, want->ref));
		int err = config_do_create(txn, node);
		if (err)
			return err;
	}
	return grow(txn, node, want);
}

/* The children of one kind, or all of them. */
static int grow_children(struct config_txn *txn, struct config_node *node,
			 const struct config_node *want)
{
	size_t count;
	int err = 0;
	CLEANUP(free) struct config_node **children = config_sorted(want, &count);
	if (!children)
		return config_no_memory(txn);
	for (size_t i = 0; i < count && !err; i++)
		err = take_node(txn, node, children[i]);
	return err;
}

/* Of a group, LUNs before the ACLs that map them. */
static int grow_tpg(struct config_txn *txn, struct config_node *tpg, const struct config_node *want)
{
	static const enum config_kind order[] = {CONFIG_LUNS, CONFIG_PORTALS, CONFIG_ACLS};
	int err = 0;
	for (size_t i = 0; i < ARRAY_SIZE(order) && !err; i++)
		err = grow_children(txn, config_part(tpg, order[i]), config_part(want, order[i]));
	return err;
}

static int grow(struct config_txn *txn, struct config_node *node, const struct config_node *want)
{
	int err = take_values(txn, node, want);
	if (err)
		return err;
	return node->kind == CONFIG_TPG ? grow_tpg(txn, node, want)
					: grow_children(txn, node, want);
}

/* Backstores come before "iscsi" in the alphabet, and that is the order of the root's children. */
int config_become(struct config_txn *txn, const struct config_tree *want)
{
	struct config_mark mark = config_mark(txn);
	int err = prune(txn, txn->tree->root, want->root);
	if (!err)
		err = grow(txn, txn->tree->root, want->root);
	return config_end_edit(txn, mark, err);
}

/* ---- adding ---- */

static int check_no_double(struct config_txn *txn, const struct config_tree *want, bool keep)
{
	for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
		struct config_node *plugin = want->plugins[kind];
		if (!plugin || keep)
			continue;
		list_for_each (it, &plugin->children) {
			const struct config_node *store =
				list_entry(it, struct config_node, sibling);
			if (config_child(txn->tree->plugins[kind], store->name))
				return config_refuse(&txn->why, EEXIST,
						     "storageobject '%s:%s' exist not restoring",
						     plugin->name, store->name);
		}
	}
	list_for_each (it, &want->iscsi->children) {
		const struct config_node *target = list_entry(it, struct config_node, sibling);
		if (config_child(txn->tree->iscsi, target->name))
			return config_refuse(&txn->why, EEXIST,
					     "target with wwn %s exist, not restoring",
					     target->name);
	}
	return 0;
}

/* Files and serial numbers of what was added are no other disk's. */
static int check_stores(struct config_txn *txn)
{
	int err = 0;
	for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
		if (!txn->tree->plugins[kind])
			continue;
		list_for_each (it, &txn->tree->plugins[kind]->children) {
			if (!err)
				err = config_check_unique(
					txn, list_entry(it, struct config_node, sibling));
		}
	}
	return err;
}

/* A file that says nothing of discovery does not change it. */
static int merge_iscsi(struct config_txn *txn, const struct config_node *want)
{
	size_t count;
	bool any = false;
	const struct config_attr *rows = config_attrs(want->kind, &count);
	for (size_t i = 0; i < count; i++)
		any = any || !config_is_default(want, &rows[i]);
	int err = any ? take_values(txn, txn->tree->iscsi, want) : 0;
	return err ? err : grow_children(txn, txn->tree->iscsi, want);
}

/* Those that are there already stay as they are. */
static int merge_stores(struct config_txn *txn, struct config_node *plugin,
			const struct config_node *want)
{
	size_t count;
	int err = 0;
	CLEANUP(free) struct config_node **stores = config_sorted(want, &count);
	if (!stores)
		return config_no_memory(txn);
	for (size_t i = 0; i < count && !err; i++) {
		if (!config_child(plugin, stores[i]->name))
			err = take_node(txn, plugin, stores[i]);
	}
	return err;
}

static int merge(struct config_txn *txn, const struct config_tree *want, bool keep)
{
	struct config_mark mark = config_mark(txn);
	int err = check_no_double(txn, want, keep);
	for (unsigned kind = 0; kind < CONFIG_KINDS && !err; kind++) {
		if (want->plugins[kind])
			err = merge_stores(txn, txn->tree->plugins[kind], want->plugins[kind]);
	}
	if (!err)
		err = merge_iscsi(txn, want->iscsi);
	if (!err)
		err = check_stores(txn);
	return config_end_edit(txn, mark, err);
}

void config_txn_text(const struct config_txn *txn, bool secrets, struct buf *out)
{
	list_for_each (it, &txn->changes) {
		const struct config_change *change = list_entry(it, struct config_change, link);
		if (change->quiet)
			continue;
		config_change_text(change, secrets, out);
		(void)buf_add(out, "\n", 1);
	}
}

int config_merge(struct config_txn *txn, const struct config_tree *want)
{
	return merge(txn, want, false);
}

int config_merge_targets(struct config_txn *txn, const struct config_tree *want)
{
	return merge(txn, want, true);
}
