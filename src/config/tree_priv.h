/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of config/ do to nodes: nobody else does. */
#ifndef LUNAR_CONFIG_TREE_PRIV_H
#define LUNAR_CONFIG_TREE_PRIV_H

#include "config/tree.h"

/* What only some kinds have. */
struct config_extra {
	struct config_node *node;
	struct hash_entry by_path, by_wwn; /* backstores */
	bool has_path, has_wwn;
	uint64_t *taken; /* `luns` and ACLs: one bit for each number in use */
	size_t words;
};

struct config_tree {
	struct config_node *root, *iscsi, *plugins[CONFIG_KINDS];
	struct hash names; /* by parent and name */
	struct hash paths, wwns;
	size_t counts[CONFIG_KINDS];
	uint64_t generation;
	struct config_txn *open;
};

/* A node that is not in the tree yet; a TPG's parts come with it. `number` as in config_node; `ref` is in
 * the tree. NULL: no memory. */
struct config_node *config_node_new(struct config_node *parent, enum config_kind kind,
				    const char *name, uint32_t number, struct config_node *ref);
/* One that is not in the tree. */
void config_node_free(struct config_node *node);
/* Puts it below its parent. 0 or -ENOMEM. The name is free, which the caller has seen to. */
int config_node_link(struct config_node *node);
/* It has no children but a TPG's parts, and no users. */
void config_node_unlink(struct config_node *node);
/* Puts a value in its normal form, which is the node's from now on; NULL: the default. What was there comes
 * back in `old`, to be freed. 0 or -ENOMEM, and then nothing was taken. */
int config_node_put(struct config_node *node, const struct config_attr *attr, char *value,
		    char **old);
/* Frees a value of the row (NULL is none); a secret does not stay behind in memory. */
void config_free_value(const struct config_attr *attr, char *value);
/* The lowest number that no child has; CONFIG_LUN_MAX + 1: all are taken. */
uint32_t config_lowest_free(const struct config_node *parent);
/* The name that belongs to a number: "lun7". */
void config_number_name(enum config_kind kind, uint32_t number, char out[32]);

#endif
