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

/* They go along with what is created. */
static const char *const for_daemon[] = {
	"auto_add_default_portal",
	"auto_add_mapped_luns",
	"auto_enable_tpgt",
	"export_backstore_name_as_model",
};

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
	const struct config_attr *row = config_global_find(name);
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

/* Truth is written as in targetcli, where that is one of several ways. */
static const char *plain(const struct config_attr *row, const char *value)
{
	static const char *const ways[][2] = {{"1", "true"},  {"yes", "true"}, {"on", "true"},
					      {"0", "false"}, {"no", "false"}, {"off", "false"}};
	bool truth = row->choices && !strcmp(row->choices[0], "true");
	for (size_t i = 0; truth && i < ARRAY_SIZE(ways); i++) {
		if (!strcasecmp(ways[i][0], value))
			return ways[i][1];
	}
	return value;
}

int shell_pref_set(struct shell_prefs *p, const char *name, const char *value,
		   struct config_why *why)
{
	const struct config_attr *row = config_global_find(name);
	CLEANUP(free) char *normal = NULL;
	struct config_why cause;
	if (!row)
		return config_refuse(why, ENOENT, "Unknown parameter %.60s in group 'global'.",
				     name);
	int err = config_attr_check(row, plain(row, value), &normal, &cause);
	if (err)
		return config_refuse(why, -err, "Not setting %s! %.400s", name, cause.text);
	json_object_set_new(p->values, name, json_string(normal));
	err = save(p);
	if (err)
		return config_refuse(why, -err, "Could not save the preference %s in %.300s: %s",
				     name, p->file ? p->file : "your home, as HOME is not set",
				     strerror(-err));
	return 0;
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
	for (size_t i = 0; i < ARRAY_SIZE(for_daemon); i++) {
		if (shell_pref_true(p, for_daemon[i]))
			continue;
		out = out ? out : json_object();
		json_object_set_new(out, for_daemon[i], json_false());
	}
	return out;
}
