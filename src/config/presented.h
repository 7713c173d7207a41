/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk looked like to initiators where it was served before. Names by identity and multipath maps
 * are made of vendor, product, serial number and designators (SPC-5 6.7.2, 7.7.6), so these move with it.
 */
#ifndef LUNAR_CONFIG_PRESENTED_H
#define LUNAR_CONFIG_PRESENTED_H

#include "config/edit.h"

/* As the kernel's target does, from the wwn and the name. What is set already stays. */
int config_present_as_lio(struct config_txn *txn, struct config_node *backstore);

struct config_tgt_identity {
	uint64_t tid, lun;                                /* the numbers that tgt gave them */
	const char *scsi_id, *scsi_sn;                    /* NULL: made of the numbers */
	const char *vendor_id, *product_id, *product_rev; /* NULL: tgt's own */
};
int config_present_as_tgt(struct config_txn *txn, struct config_node *backstore,
			  const struct config_tgt_identity *id);

#endif
