/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of saved configurations. A file is the old one or the new one, whatever happens in between: the new
 * text goes to a temporary beside it, is made durable, and takes its name; the old file stays in backup/,
 * under the same name with the date. A save that fails leaves the old file as it was.
 *
 * These calls block, for as long as the file system does; they belong to the process that holds the tree,
 * which has no reactor. A process with a limit on the size of files ignores SIGXFSZ.
 */
#ifndef LUNAR_CONFIG_STORE_H
#define LUNAR_CONFIG_STORE_H

#include <sys/types.h>
#include <time.h>
#include "common/buf.h"
#include "config/attributes.h"

#define CONFIG_BACKUPS 10 /* of each file are kept, unless the caller says otherwise */

struct config_store {
	const char
		*path; /* a link is replaced, not followed: in /tmp others may have put it there */
	time_t now;    /* for the name of the backup */
	unsigned keep; /* backups of this file; 0: none is made */
	/* For tests: called before each step that changes something. NULL: nobody wants to know. */
	void (*step)(void *ctx, const char *what);
	void *ctx;
};

/*
 * Mode 0600, and durable when it answers 0. A file that is like this already is not written, and no backup
 * made. -errno with `why`: the old file is as it was, unless `why` says that only its durability is not
 * certain. -EBUSY: another process is saving into this directory.
 */
int config_store_write(const struct config_store *store, const void *text, size_t len,
		       struct config_why *why);
/* Appends the file's text. -ENOENT: there is none, -EFBIG: more than `out` takes; with `why`. */
int config_store_read(const char *path, struct buf *out, struct config_why *why);

/* Makes a directory with mode `last`, and with 0755 those above it that are missing; it may be there. `path` is
 * changed meanwhile. 0 or -errno. */
int config_make_dirs(char *path, mode_t last);

#endif
