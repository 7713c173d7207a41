/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the tree that is to the tree that is wanted: by the changes that are needed and no others. What is
 * alike in both is not touched, nor are the sessions that use it.
 *
 * A dry run is a transaction that is abandoned: config_begin(), config_become(), config_txn_text(),
 * config_abandon(), and no runtime hears of it.
 */
#ifndef LUNAR_CONFIG_DIFF_H
#define LUNAR_CONFIG_DIFF_H

#include "config/txn.h"

/* Makes the transaction's tree like `want`, which stays as it is. What is another object under the same name
 * (a backstore of another file, a LUN of another backstore) is deleted and made anew. 0, -ENOMEM. */
int config_become(struct config_txn *txn, const struct config_tree *want);
/* Adds what is in `want` to what is there. -EEXIST when something of that name is there already. */
int config_merge(struct config_txn *txn, const struct config_tree *want);
/* The same, but backstores that are there already are no failure, and stay as they are. */
int config_merge_targets(struct config_txn *txn, const struct config_tree *want);

/* One line for each change of the transaction, each with its newline. */
void config_txn_text(const struct config_txn *txn, bool secrets, struct buf *out);

#endif
