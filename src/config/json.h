/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved configurations: targetcli's saveconfig.json, key by key, so that its files can be read here and
 * ours there. What it does not know is below keys named "lunar", which its reader passes over: in the
 * object concerned, and for backstores, whose reader refuses foreign keys, at the top.
 *
 * Loading makes a new tree or none. What is wrong is told with its place: line and column of what is not
 * JSON, else the path of the value, "targets[0].tpgs[0].luns[3].storage_object".
 */
#ifndef LUNAR_CONFIG_JSON_H
#define LUNAR_CONFIG_JSON_H

#include "config/edit.h"

/* What was found while something was read, line by line. */
struct config_report {
	struct buf lines;  /* "error: PLACE: ..." and "warning: PLACE: ..." */
	unsigned errors;   /* then there is no tree */
	unsigned warnings; /* what was not understood, or has no meaning here, and is not kept */
	unsigned skipped; /* of these, whole objects: the disk or target is missing from the tree */
};

void config_report_init(struct config_report *report);
void config_report_free(struct config_report *report);
void config_report_error(struct config_report *report, const char *place, const char *fmt, ...)
	PRINTF(3, 4);
void config_report_warning(struct config_report *report, const char *place, const char *fmt, ...)
	PRINTF(3, 4);

/* Where a file comes from decides what disks look like to initiators. */
enum config_origin {
	CONFIG_FROM_FILE, /* what the file says of itself: it has "lunar", or was written elsewhere */
	CONFIG_FROM_US,
	/* By the kernel's target: backstores get its vendor, product, revision and designators, and what has
	 * no meaning here is a warning. */
	CONFIG_FROM_LIO,
};

/*
 * Reads a saved configuration. `prefs` gives random numbers for what has no identity yet; the automatic
 * additions do not happen. `like` (may be NULL) is the tree that the new one may replace: a disk that the
 * file gives no identity keeps the one that it has there. 0 and a tree of its own; -EINVAL: report->errors; -ENOMEM. The text need not end
 * with a NUL.
 */
int config_load(struct config_tree **out, const char *text, size_t len,
		const struct config_prefs *prefs, enum config_origin origin,
		const struct config_tree *like, struct config_report *report);

/* Appends the tree as JSON, objects in the order in which they are listed, with a newline at the end; the
 * same tree is the same text. Secrets are in it. 0, -ENOMEM, -EMSGSIZE (the buffer's limit). */
int config_save(const struct config_tree *tree, struct buf *out);
/* One object and what is below it, as its saved form; secrets become "(hidden)" unless `secrets`. */
int config_save_node(const struct config_node *node, bool secrets, struct buf *out);

#endif
