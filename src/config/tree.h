/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration tree, as targetcli shows it:
 *
 *   /backstores/{block,fileio,ramdisk}/NAME
 *   /iscsi/IQN/tpgN/acls/INITIATOR/mapped_lunN
 *                  /luns/lunN
 *                  /portals/ADDRESS:PORT
 *
 * Every object is a node with a name that is unique below its parent, and with the values of its kind's
 * rows (attributes.h). A LUN refers to a backstore, a mapped LUN to a LUN of its group. Objects are found
 * by hash: that, and one change, costs the same whatever else is in the tree.
 *
 * The tree is a description and nothing else: it opens no disk and listens nowhere. It is changed by
 * transactions only (txn.h, edit.h). One thread at a time.
 */
#ifndef LUNAR_CONFIG_TREE_H
#define LUNAR_CONFIG_TREE_H

#include "common/buf.h"
#include "common/hash.h"
#include "common/list.h"
#include "config/attributes.h"

#define CONFIG_LUN_MAX   16383 /* flat space addressing, SAM-5 4.7.7.1 */
#define CONFIG_TAG_MAX   65535
#define CONFIG_PATH_SIZE 640         /* the longest path of a node, with its NUL */
#define CONFIG_NAME_MAX  223         /* bytes of a backstore's name; an iSCSI name is as long */
#define CONFIG_TEXT_MAX  (64u << 20) /* bytes of a saved configuration */

struct config_tree;
struct config_txn;
struct config_extra;

struct config_node {
	struct config_tree *tree;
	struct config_node *parent; /* NULL: the root, or not in the tree */
	enum config_kind kind;
	uint32_t number; /* N of lunN, mapped_lunN and tpgN; the port of a portal */
	const char *name;
	struct list children; /* config_node.sibling, in the order in which they were made */
	struct list sibling;
	size_t child_count;

	struct config_node *ref; /* a LUN's backstore, a mapped LUN's LUN; else NULL */
	struct list users;       /* config_node.use of those whose `ref` this is */
	struct list use;

	/* Not NULL: what the object stands for is not there yet, and why. Set by the runtime, not saved:
	 * an object that is pending stays in the tree and in its file like any other. */
	char *pending;
	void *runtime; /* the runtime's own; the tree does not look at it */

	/* the tree's */
	char **values; /* by row; NULL: the default. NULL as a whole until one is set */
	struct hash_entry by_name;
	struct config_extra *extra;
	bool linked;
	bool fresh; /* created by the open transaction, and the runtime does not know it yet */
};

/* Without objects: "/", "/backstores" with its three kinds, "/iscsi". NULL: no memory. */
struct config_tree *config_tree_new(void);
/* No transaction is open. */
void config_tree_free(struct config_tree *tree);
/* Counts what was done to the tree: who saw a number and sees it again has missed nothing. */
uint64_t config_generation(const struct config_tree *tree);
/* How many objects of a kind are there. */
size_t config_count(const struct config_tree *tree, enum config_kind kind);

struct config_node *config_root(const struct config_tree *tree);
struct config_node *config_iscsi(const struct config_tree *tree);
/* "/backstores/fileio" for CONFIG_FILEIO. */
struct config_node *config_plugin(const struct config_tree *tree, enum config_kind kind);

/* NULL: nothing is there. Paths are absolute, without "." and ".."; a slash at the end does no harm. */
struct config_node *config_lookup(const struct config_tree *tree, const char *path);
struct config_node *config_child(const struct config_node *parent, const char *name);
/* lunN below `luns`, tpgN below a target, mapped_lunN below an ACL. */
struct config_node *config_child_number(const struct config_node *parent, uint32_t number);
/* "acls", "luns" or "portals" of a group. */
struct config_node *config_part(const struct config_node *tpg, enum config_kind kind);
/* The node itself or the nearest one above it of this kind; NULL: none. */
struct config_node *config_above(const struct config_node *node, enum config_kind kind);
/* A backstore by its file or device, by its serial number; NULL: none. The text is in normal form. */
struct config_node *config_by_path(const struct config_tree *tree, const char *path);
struct config_node *config_by_wwn(const struct config_tree *tree, const char *wwn);
/* The LUN of this group that shows the backstore; NULL: none does. */
struct config_node *config_lun_of(const struct config_node *tpg,
				  const struct config_node *backstore);

/* "/iscsi/iqn.../tpg1"; returns `out`. */
char *config_path(const struct config_node *node, char out[CONFIG_PATH_SIZE]);
/* The children in the order in which they are listed and saved: by name, numbers at the end of names as
 * numbers. To be freed; NULL: no memory. `count` is node->child_count. */
struct config_node **config_sorted(const struct config_node *node, size_t *count);

/* The value of a row of the node's kind: what was set, else the default. Never NULL. */
const char *config_get(const struct config_node *node, const struct config_attr *attr);
/* The same by name, for who knows that there is such a row. */
const char *config_value(const struct config_node *node, enum config_group group, const char *name);
int64_t config_number(const struct config_node *node, enum config_group group, const char *name);
bool config_true(const struct config_node *node, enum config_group group, const char *name);
bool config_is_default(const struct config_node *node, const struct config_attr *attr);

/* What the runtime has found out, no change of the configuration: a value of a read-only row; that an
 * object is pending (`why` is copied) or is not any more (NULL). 0, -ENOENT, -ENOMEM. */
int config_tell(struct config_node *node, const char *name, const char *value);
int config_set_pending(struct config_node *node, const char *why);

#endif
