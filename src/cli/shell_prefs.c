/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/shell_prefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"

#define FILE_NAME ".lunar_target.json"

/* clang-format off */
#define TRUTH(n, d, h)   {.name = n, .form = SHELL_PREF_TRUTH, .standard = d, .help = h}
#define FOR_DAEMON(n, h) {.name = n, .form = SHELL_PREF_TRUTH, .standard = "true", .help = h, .for_daemon = true}
#define NUMBER(n, d, h)  {.name = n, .form = SHELL_PREF_NUMBER, .standard = d, .help = h}
#define NOTHING(n, f, d, h) \
	{.name = n, .form = SHELL_PREF_##f, .standard = d, .help = h, .no_effect = true}

static const struct shell_pref rows[] = {
	FOR_DAEMON("auto_add_default_portal", "A new portal group listens on all IPv4 addresses"),
	FOR_DAEMON("auto_add_mapped_luns", "ACLs see new LUNs, and new ACLs see all LUNs"),
	TRUTH("auto_cd_after_create", "false", "Goes to what was created"),
	FOR_DAEMON("auto_enable_tpgt", "A new portal group is enabled"),
	TRUTH("auto_save_on_exit", "true", "The configuration is saved on exit"),
	NOTHING("auto_use_daemon", TRUTH, "false", "There is always a daemon"),
	NOTHING("color_command", WORD, "cyan", "Colours are fixed"),
	NOTHING("color_default", WORD, "none", "Colours are fixed"),
	NOTHING("color_keyword", WORD, "cyan", "Colours are fixed"),
	TRUTH("color_mode", "true", "Colours on a terminal"),
	NOTHING("color_parameter", WORD, "magenta", "Colours are fixed"),
	NOTHING("color_path", WORD, "magenta", "Colours are fixed"),
	NOTHING("daemon_use_batch_mode", TRUTH, "false", "There is always a daemon"),
	FOR_DAEMON("export_backstore_name_as_model", "INQUIRY names the backstore as the product"),
	NOTHING("logfile", WORD, "", "The daemon logs to the journal"),
	NOTHING("loglevel_console", WORD, "info", "The daemon logs to the journal"),
	NOTHING("loglevel_file", WORD, "debug", "The daemon logs to the journal"),
	NOTHING("max_backup_files", NUMBER, "10", "The daemon keeps the last ten"),
	NUMBER("prompt_length", "30", "Columns of the path in the prompt; 0: all of it"),
	NUMBER("tree_max_depth", "0", "How far down ls goes by itself; 0: all the way"),
	TRUTH("tree_round_nodes", "true", "Objects are drawn as o, not as +"),
	TRUTH("tree_show_root", "true", "ls shows the object at which it begins"),
	TRUTH("tree_status_mode", "true", "ls shows objects with their state"),
};
/* clang-format on */

const struct shell_pref *shell_prefs_rows(size_t *count)
{
	*count = ARRAY_SIZE(rows);
	return rows;
}

const struct shell_pref *shell_pref_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	}
	return NULL;
}

/* ---- the file ---- */

static json_t *part_of(json_t *root, const char *name)
{
	json_t *part = json_object_get(root, name);
	return json_is_object(part) ? json_incref(part) : json_object();
}

void shell_prefs_open(struct shell_prefs *p)
{
	const char *home = getenv("HOME");
	*p = (struct shell_prefs){0};
	if (!home || !home[0] || asprintf(&p->file, "%s/%s", home, FILE_NAME) < 0)
		p->file = NULL;
	json_t *root = p->file ? json_load_file(p->file, 0, NULL) : NULL;
	p->values = part_of(root, "global");
	p->bookmarks = part_of(root, "bookmarks");
	json_decref(root);
}

void shell_prefs_close(struct shell_prefs *p)
{
	json_decref(p->values);
	json_decref(p->bookmarks);
	free(p->file);
	*p = (struct shell_prefs){0};
}

static int save(const struct shell_prefs *p)
{
	CLEANUP(free) char *temporary = NULL;
	if (!p->file)
		return -ENOENT;
	if (asprintf(&temporary, "%s.%d", p->file, (int)getpid()) < 0)
		return -ENOMEM;
	json_t *root = json_pack("{s:O, s:O}", "global", p->values, "bookmarks", p->bookmarks);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err = fd < 0 ? -errno : 0;
	if (!err && json_dumpfd(root, fd, JSON_INDENT(2) | JSON_SORT_KEYS))
		err = -EIO;
	if (fd >= 0)
		close(fd);
	json_decref(root);
	if (!err && rename(temporary, p->file))
		err = -errno;
	if (err && fd >= 0)
		unlink(temporary);
	return err;
}

/* ---- values ---- */

const char *shell_pref(const struct shell_prefs *p, const char *name)
{
	const char *value = json_string_value(json_object_get(p->values, name));
	const struct shell_pref *row = shell_pref_find(name);
	return value ? value : row ? row->standard : "";
}

bool shell_pref_true(const struct shell_prefs *p, const char *name)
{
	return !strcmp(shell_pref(p, name), "true");
}

long shell_pref_number(const struct shell_prefs *p, const char *name)
{
	return strtol(shell_pref(p, name), NULL, 10);
}

static bool is_one_of(const char *value, const char *const *words)
{
	for (; *words; words++) {
		if (!strcasecmp(*words, value))
			return true;
	}
	return false;
}

/* The value as it is kept; NULL: it is not of the row's form. */
static const char *normal(const struct shell_pref *row, const char *value)
{
	static const char *const yes[] = {"true", "1", "yes", "on", NULL};
	static const char *const no[] = {"false", "0", "no", "off", NULL};
	size_t len = strlen(value);
	switch (row->form) {
	case SHELL_PREF_TRUTH:
		return is_one_of(value, yes) ? "true" : is_one_of(value, no) ? "false" : NULL;
	case SHELL_PREF_NUMBER:
		return len && len < 7 && strspn(value, "0123456789") == len ? value : NULL;
	case SHELL_PREF_WORD: break;
	}
	return value;
}

int shell_pref_set(struct shell_prefs *p, const char *name, const char *value, char *why,
		   size_t why_size)
{
	const struct shell_pref *row = shell_pref_find(name);
	if (!row) {
		snprintf(why, why_size, "Unknown parameter %.60s in group 'global'.", name);
		return -ENOENT;
	}
	const char *kept = normal(row, value);
	if (!kept) {
		snprintf(why, why_size, "Not setting %s! Syntax error, '%.60s' is not %s", name,
			 value,
			 row->form == SHELL_PREF_TRUTH ? "true or false"
						       : "a number from 0 to 999999");
		return -EINVAL;
	}
	json_object_set_new(p->values, name, json_string(kept));
	int err = save(p);
	if (err)
		snprintf(why, why_size, "Could not save the preference %s in %s: %s", name,
			 p->file ? p->file : "your home, as HOME is not set", strerror(-err));
	return err;
}

int shell_bookmark_set(struct shell_prefs *p, const char *name, const char *path)
{
	if (path)
		json_object_set_new(p->bookmarks, name, json_string(path));
	else
		json_object_del(p->bookmarks, name);
	return save(p);
}

json_t *shell_prefs_for_daemon(const struct shell_prefs *p)
{
	json_t *out = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].for_daemon || shell_pref_true(p, rows[i].name))
			continue;
		out = out ? out : json_object();
		json_object_set_new(out, rows[i].name, json_false());
	}
	return out;
}
