/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person prefers (`set global`), and the paths that were remembered. They are in a file of that person's
 * home. The rows are those of config_global_attrs().
 */
#ifndef LUNAR_CLI_SHELL_PREFS_H
#define LUNAR_CLI_SHELL_PREFS_H

#include <jansson.h>
#include <stdbool.h>
#include "config/attributes.h"

struct shell_prefs {
	char *file; /* NULL: there is no home */
	json_t *values, *bookmarks;
};

/* Reads the file; one that is not there, or broken, is as one that is empty. */
void shell_prefs_open(struct shell_prefs *p);
void shell_prefs_close(struct shell_prefs *p);
const char *shell_pref(const struct shell_prefs *p, const char *name);
bool shell_pref_true(const struct shell_prefs *p, const char *name);
long shell_pref_number(const struct shell_prefs *p, const char *name);
/* Checks and saves. 0, or -EINVAL, -ENOENT, -errno of the file, with `why`. */
int shell_pref_set(struct shell_prefs *p, const char *name, const char *value,
		   struct config_why *why);
/* `path` NULL: forgets it. 0 or -errno of the file. */
int shell_bookmark_set(struct shell_prefs *p, const char *name, const char *path);
/* Those that differ and that the daemon is to know of; NULL: none. */
json_t *shell_prefs_for_daemon(const struct shell_prefs *p);

#endif
