/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/shell_complete.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "common/log.h"

#define WORD_MAX 1024

/* What is offered, and what has been typed of it. */
struct offers {
	struct shell *s;
	const char *prefix;
	json_t *list;
};

static void offer(const struct offers *o, const char *word, const char *end)
{
	char whole[WORD_MAX];
	snprintf(whole, sizeof(whole), "%s%s", word, end);
	if (!strncmp(whole, o->prefix, strlen(o->prefix)))
		json_array_append_new(o->list, json_string(whole));
}

/* ---- objects ---- */

static json_t *children_of(struct shell *s, const char *path, json_t **node)
{
	struct control_error error;
	*node = shell_try(s, "tree.list", json_pack("{s:s, s:i}", "path", path, "depth", 1),
			  &error);
	control_error_free(&error);
	return json_object_get(*node, "children");
}

/* As parts of a path, which may go on; or as names. */
static void offer_children(const struct offers *o, const char *path, const char *before, bool parts)
{
	json_t *node, *children = children_of(o->s, path, &node);
	for (size_t i = 0; i < json_array_size(children); i++) {
		const json_t *child = json_array_get(children, i);
		char word[WORD_MAX];
		bool leaf = !parts || !json_integer_value(json_object_get(child, "count"));
		snprintf(word, sizeof(word), "%s%s", before,
			 json_string_value(json_object_get(child, "name")));
		offer(o, word, leaf ? "" : "/");
	}
	json_decref(node);
}

/* The objects below what has been typed of a path, from `base`. */
static void offer_paths(const struct offers *o, const char *base)
{
	char above[WORD_MAX], path[CONFIG_PATH_SIZE];
	const char *slash = strrchr(o->prefix, '/');
	size_t len = slash ? (size_t)(slash - o->prefix) + 1 : 0;
	snprintf(above, sizeof(above), "%.*s", (int)MIN(len, sizeof(above) - 1), o->prefix);
	if (!shell_path(base, above, path, sizeof(path)))
		offer_children(o, path, above, true);
}

static void offer_bookmarks(const struct offers *o)
{
	const char *name;
	json_t *path;
	json_object_foreach(o->s->prefs.bookmarks, name, path)
	{
		char word[WORD_MAX];
		snprintf(word, sizeof(word), "@%s", name);
		offer(o, word, "");
	}
}

static void offer_backstores(const struct offers *o)
{
	static const enum config_kind kinds[] = {CONFIG_BLOCK, CONFIG_FILEIO, CONFIG_RAMDISK};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/backstores/%s", config_plugin_name(kinds[i]));
		json_t *node, *children = children_of(o->s, path, &node);
		for (size_t n = 0; n < json_array_size(children); n++) {
			char word[WORD_MAX];
			snprintf(word, sizeof(word), "%s/%s", path,
				 json_string_value(
					 json_object_get(json_array_get(children, n), "name")));
			offer(o, word, "");
		}
		json_decref(node);
	}
}

/* ---- files ---- */

static void offer_files(const struct offers *o)
{
	char above[WORD_MAX];
	const char *slash = strrchr(o->prefix, '/');
	size_t len = slash ? (size_t)(slash - o->prefix) + 1 : 0;
	snprintf(above, sizeof(above), "%.*s", (int)MIN(len, sizeof(above) - 1), o->prefix);
	DIR *dir = opendir(len ? above : ".");
	for (struct dirent *e; dir && (e = readdir(dir));) {
		char word[WORD_MAX + 256];
		struct stat st;
		if (e->d_name[0] == '.')
			continue;
		snprintf(word, sizeof(word), "%s%s", above, e->d_name);
		bool is_dir = !stat(word, &st) && S_ISDIR(st.st_mode);
		offer(o, word, is_dir ? "/" : "");
	}
	if (dir)
		closedir(dir);
}

/* ---- commands, groups, values ---- */

static void offer_commands(const struct offers *o, const struct shell_call *c)
{
	size_t count;
	const struct config_command *all = config_commands(&count);
	for (size_t i = 0; i < count; i++) {
		if (config_command_at(&all[i], c->kind, c->plugin))
			offer(o, all[i].name, "");
	}
}

static void offer_groups(const struct offers *o, const struct shell_call *c)
{
	for (unsigned g = CONFIG_OBJECT + 1; g < CONFIG_GROUPS; g++) {
		if (config_group_of(c->kind, (enum config_group)g))
			offer(o, config_group_name((enum config_group)g), "");
	}
	offer(o, "global", "");
}

static void offer_words(const struct offers *o, const char *const *words)
{
	for (; words && *words; words++)
		offer(o, *words, "");
}

static void offer_values(const struct offers *o, const struct shell_call *c,
			 const struct config_param *p)
{
	static const char *const truth[] = {"true", "false", NULL};
	switch (p->form) {
	case CONFIG_PARAM_FILE: offer_files(o); break;
	case CONFIG_PARAM_TRUTH: offer_words(o, truth); break;
	case CONFIG_PARAM_WORD: offer_words(o, p->words); break;
	case CONFIG_PARAM_NODE: offer_paths(o, c->path); break;
	case CONFIG_PARAM_CHILD: offer_children(o, c->path, "", false); break;
	case CONFIG_PARAM_BACKSTORE: offer_backstores(o); break;
	case CONFIG_PARAM_COMMAND: offer_commands(o, c); break;
	case CONFIG_PARAM_GROUP: offer_groups(o, c); break;
	case CONFIG_PARAM_TEXT: break;
	}
}

/* Names of the group, with "=" for set; or what one of them may be set to. */
static void offer_attrs(const struct offers *o, const struct shell_call *c, const char *word,
			const char *name)
{
	bool set = c->command->flags & CONFIG_COMMAND_VALUES;
	enum config_group group = config_group_find(word);
	size_t count;
	const struct config_attr *rows = group == CONFIG_GLOBAL ? config_global_attrs(&count)
								: config_attrs(c->kind, &count);
	const char *choice;
	for (size_t i = 0; i < count; i++) {
		const struct config_attr *a = &rows[i];
		bool fixed = a->flags & (CONFIG_READ_ONLY | CONFIG_FIXED);
		if (a->group != group || (set && fixed))
			continue;
		if (!name)
			offer(o, a->name, set ? "=" : "");
		for (size_t n = 0;
		     name && !strcmp(name, a->name) && (choice = config_attr_choice(a, n)); n++)
			offer(o, choice, "");
	}
}

/* Of levels with commas between them, the last one; of its module `name` may have been typed, up to its "=". */
static void offer_levels(const struct offers *o, const char *name)
{
	const char *comma = strrchr(o->prefix, ','), *last = comma ? comma + 1 : o->prefix;
	const char *equals = strchr(last, '=');
	bool has_module = equals || (name && !comma);
	size_t len = (size_t)((equals ? equals + 1 : last) - o->prefix);
	char word[WORD_MAX];
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++) {
		snprintf(word, sizeof(word), "%.*s%s", (int)len, o->prefix,
			 log_level_name((enum log_level)i));
		offer(o, word, "");
	}
	for (unsigned i = 0; i < LOG_MODULES && !has_module; i++) {
		snprintf(word, sizeof(word), "%.*s%s", (int)len, o->prefix,
			 log_module_name((enum log_module)i));
		offer(o, word, "=");
	}
}

/* The `n`-th argument, of which `name` has been typed already, up to its "=". */
static void offer_argument(const struct offers *o, const struct shell_call *c,
			   const struct shell_line *line, const char *name)
{
	size_t count = config_param_count(c->command), n = 0;
	for (size_t i = 0; i < line->count; i++)
		n += !line->words[i].name;
	bool open_end = c->command->flags & CONFIG_COMMAND_OPEN_END;
	if (c->command->flags & CONFIG_COMMAND_LEVELS) {
		offer_levels(o, name);
		return;
	}
	if (open_end && line->count) {
		offer_attrs(o, c, line->words[0].value, name);
		return;
	}
	if (name) {
		const struct config_param *p = config_param_find(c->command, name);
		if (p)
			offer_values(o, c, p);
		return;
	}
	if (n < count)
		offer_values(o, c, &c->command->params[n]);
	for (size_t i = 0; i < count && !open_end; i++)
		offer(o, c->command->params[i].name, "=");
}

/* ---- the line ---- */

/* What is before the word is understood; the word's own "name=" is in `name`. */
static void complete(const struct offers *o, const struct shell_line *line, const char *name)
{
	struct shell *s = o->s;
	struct shell_call c = {0};
	struct control_error error;
	const char *typed = line->path ? line->path : ".";
	if (!line->path && !line->command && (strchr(o->prefix, '/') || o->prefix[0] == '.')) {
		offer_paths(o, s->cwd);
		return;
	}
	if (typed[0] == '@')
		typed = json_string_value(json_object_get(s->prefs.bookmarks, typed + 1));
	if (!typed || shell_path(s->cwd, typed, c.path, sizeof(c.path)) ||
	    !shell_kind(s, c.path, &c.kind, &c.plugin, &error)) {
		return;
	}
	if (!line->command) {
		offer_commands(o, &c);
		if (!line->path) {
			offer_bookmarks(o);
			offer_paths(o, s->cwd);
		}
		return;
	}
	c.command = config_command_find(c.kind, c.plugin, line->command);
	if (c.command)
		offer_argument(o, &c, line, name);
}

json_t *shell_complete(struct shell *s, const char *text, size_t *from)
{
	struct shell_line line;
	char why[256], word[WORD_MAX], name[WORD_MAX] = "";
	size_t start = strlen(text);
	while (start && text[start - 1] != ' ' && text[start - 1] != '\t')
		start--;
	snprintf(word, sizeof(word), "%s", text + start);
	char *equals = start && word[0] != '/' ? strchr(word, '=') : NULL;
	if (equals) {
		*equals = 0;
		memcpy(name, word, strlen(word) + 1);
		start += (size_t)(equals + 1 - word);
	}
	struct offers o = {s, equals ? equals + 1 : word, json_array()};
	CLEANUP(free) char *before = strndup(text, equals ? start - strlen(name) - 1 : start);
	*from = start;
	if (!before || !o.list || shell_line_parse(&line, before, why, sizeof(why)))
		return o.list;
	complete(&o, &line, equals ? name : NULL);
	shell_line_free(&line);
	return o.list;
}
