/* SPDX-License-Identifier: BSD-2-Clause */
/* What the operations share, and files are loaded with. */
#ifndef LUNAR_CONFIG_EDIT_PRIV_H
#define LUNAR_CONFIG_EDIT_PRIV_H

#include "config/edit.h"

#define CONFIG_ALIAS_SIZE 11

/* Takes back what came after `mark` unless err is 0, which it returns. */
int config_end_edit(struct config_txn *txn, struct config_mark mark, int err);

/* A value for a row, checked, as part of making the object or of setting it. */
int config_give(struct config_txn *txn, struct config_node *node, const struct config_attr *attr,
		const char *text);
/* The same by name; NULL: the default stays. */
int config_give_named(struct config_txn *txn, struct config_node *node, enum config_group group,
		      const char *name, const char *text);

/* The parts of operations, without words for people and without what is added by itself. */
int config_add_lun(struct config_txn *txn, struct config_node *tpg, struct config_node *backstore,
		   uint32_t lun, const char *alias, struct config_node **out);
int config_add_mapped_lun(struct config_txn *txn, struct config_node *acl, uint32_t number,
			  struct config_node *lun, const char *alias, struct config_node **out);
int config_add_tpg(struct config_txn *txn, struct config_node *target, uint32_t tag,
		   struct config_node **out);
int config_add_target(struct config_txn *txn, const char *wwn, struct config_node **out);
int config_add_acl(struct config_txn *txn, struct config_node *tpg, const char *wwn,
		   struct config_node **out);
int config_add_portal(struct config_txn *txn, struct config_node *tpg, const char *address,
		      int64_t port, struct config_node **out);
int config_add_backstore(struct config_txn *txn, enum config_kind kind, const char *name,
			 struct config_node **out);
int config_give_random_wwn(struct config_txn *txn, const struct config_prefs *prefs,
			   struct config_node *backstore);
/* The backstore that is complete is like no other: by path and by wwn. */
int config_check_unique(struct config_txn *txn, const struct config_node *backstore);

/* Refuses what cannot change while the backstore is a LUN. */
int config_check_free(struct config_txn *txn, const struct config_node *node,
		      const struct config_attr *attr);

/* With all below it and all that refers to that. */
int config_remove(struct config_txn *txn, struct config_node *node);

/* A number from low to high in digits, or -EINVAL. "lun7" is 7 with prefix "lun". */
int config_parse_index(const char *text, const char *prefix, int64_t low, int64_t high,
		       int64_t *out);
/* "true" and its like; NULL: `standard`. */
int config_parse_choice(struct config_txn *txn, const char *name, const char *text, bool standard,
			bool *out);
/* Ten hexadecimal digits, as targetcli names its links. */
void config_random_alias(const struct config_prefs *prefs, char out[CONFIG_ALIAS_SIZE]);
/* "/backstores/fileio/disk0" */
struct config_node *config_find_backstore(const struct config_tree *tree, const char *path);

#endif
