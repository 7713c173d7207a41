/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tgt's /etc/tgt/targets.conf, as tgt-admin reads it, into a tree of its own.
 *
 * Targets get the numbers that tgt gave them (by name, from 1, unless controller_tid says otherwise), LUNs
 * likewise (from 1; LUN 0 was tgt's controller), and disks the vendor, product, serial number and designators
 * that come of these numbers. Who may log in stays the same: everybody, where no initiator-name is; from the
 * addresses of initiator-address; by the user of incominguser. What has no meaning here is a warning, what
 * would let in others than before is an error.
 *
 * A path below /dev/ is taken for a block device, any other for a file, whose size is found out later.
 */
#ifndef LUNAR_CONFIG_TARGETS_CONF_H
#define LUNAR_CONFIG_TARGETS_CONF_H

#include "config/json.h"

/* Where other files come from that `include` names. */
struct config_files {
	/* Appends path and text of the n-th file (from 0) that fits the pattern. 1; 0: there is none any
	 * more; -errno with `why`. */
	int (*nth)(void *ctx, const char *pattern, size_t n, struct buf *path, struct buf *text,
		   struct config_why *why);
	void *ctx;
};

/* Files of this machine, found as a shell would. Blocks like config_store_read(). */
extern const struct config_files config_real_files;

/*
 * `path` is what messages call the file. 0 and a tree; -EINVAL: report->errors, each with "FILE:LINE";
 * -ENOMEM. The text need not end with a NUL.
 */
int config_import_tgt(struct config_tree **out, const char *path, const char *text, size_t len,
		      const struct config_files *files, const struct config_prefs *prefs,
		      struct config_report *report);

#endif
