/* SPDX-License-Identifier: BSD-2-Clause */
/* From values of the tree, which are texts that were checked, to what orders are made of. */
#ifndef LUNAR_DAEMON_RUNTIME_FILL_H
#define LUNAR_DAEMON_RUNTIME_FILL_H

#include "config/tree.h"
#include "daemon/daemon.h"
#include "daemon/orders.h"

/* A value that counts instead of what the tree says: a change is being undone. NULL: none does. */
struct fill_instead {
	const struct config_attr *attr;
	const char *value;
};

/* Which node, group, initiator and LUN an order about this object is about. */
void fill_place(struct order *order, const struct config_node *node);
/* What its LU is to be like. */
void fill_options(struct scsi_lu_options *out, const struct config_node *backstore,
		  const struct fill_instead *instead);
uint32_t fill_block_size(const struct disk *disk, const struct fill_instead *instead);
/* 0, or -errno with `why`. */
int fill_group(struct order_group *out, const struct config_node *tpg,
	       const struct fill_instead *instead, char *why, size_t why_size);
int fill_acl(struct order_acl *out, const struct config_node *acl,
	     const struct fill_instead *instead, char *why, size_t why_size);
/* Whether discovery asks for the account. */
bool fill_discovery(struct order_auth *out, const struct config_node *iscsi,
		    const struct fill_instead *instead);

#endif
