/* SPDX-License-Identifier: BSD-2-Clause */
/* How changes are worded: those of a transaction, and those of a difference that is not applied. */
#ifndef LUNAR_CONFIG_CHANGE_TEXT_H
#define LUNAR_CONFIG_CHANGE_TEXT_H

#include "config/txn.h"

void config_object_text(const char *verb, const struct config_node *node, struct buf *out);
void config_set_text(const struct config_node *node, const struct config_attr *attr,
		     const char *before, const char *after, bool secrets, struct buf *out);

#endif
