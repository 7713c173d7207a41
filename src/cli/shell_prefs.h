/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person prefers (`set global`), and the paths that were remembered. They are in a file of that person's
 * home; the names and defaults are targetcli's.
 */
#ifndef LUNAR_CLI_SHELL_PREFS_H
#define LUNAR_CLI_SHELL_PREFS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum shell_pref_form { SHELL_PREF_TRUTH, SHELL_PREF_NUMBER, SHELL_PREF_WORD };

struct shell_pref {
	const char *name;
	const char *standard;
	const char *help; /* one line, no full stop */
	enum shell_pref_form form;
	bool no_effect;
	bool for_daemon; /* goes along with what is created */
};

struct shell_prefs {
	char *file; /* NULL: there is no home */
	json_t *values, *bookmarks;
};

const struct shell_pref *shell_prefs_rows(size_t *count);
const struct shell_pref *shell_pref_find(const char *name);

/* Reads the file; one that is not there, or broken, is as one that is empty. */
void shell_prefs_open(struct shell_prefs *p);
void shell_prefs_close(struct shell_prefs *p);
const char *shell_pref(const struct shell_prefs *p, const char *name);
bool shell_pref_true(const struct shell_prefs *p, const char *name);
long shell_pref_number(const struct shell_prefs *p, const char *name);
/* Checks and saves. 0, or -EINVAL, -ENOENT, -errno of the file, with `why`. */
int shell_pref_set(struct shell_prefs *p, const char *name, const char *value, char *why,
		   size_t why_size);
/* `path` NULL: forgets it. 0 or -errno of the file. */
int shell_bookmark_set(struct shell_prefs *p, const char *name, const char *path);
/* Those that differ and that the daemon is to know of; NULL: none. */
json_t *shell_prefs_for_daemon(const struct shell_prefs *p);

#endif
