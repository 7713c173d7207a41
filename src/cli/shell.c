/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/shell.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECONDS  120 /* for an answer: the daemon bounds what it does, this is for one that hangs */
#define WHY_SIZE 1024

/* ---- words on both streams ---- */

static void print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

static int fail(struct shell *s, int code, const char *message, json_t *data)
{
	s->failed++;
	fflush(stdout);
	if (s->json) {
		json_t *error =
			json_pack("{s:{s:i, s:s}}", "error", "code", code, "message", message);
		if (data)
			json_object_set(json_object_get(error, "error"), "data", data);
		if (s->line)
			json_object_set_new(json_object_get(error, "error"), "line",
					    json_integer(s->line));
		print_json(error);
		json_decref(error);
	} else {
		fprintf(stderr, "%s\n", message);
	}
	return 1;
}

int shell_fail(struct shell *s, const char *fmt, ...)
{
	char message[WHY_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return fail(s, RPC_REFUSED, message, NULL);
}

int shell_fail_with(struct shell *s, json_t *data, const char *fmt, ...)
{
	char message[WHY_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	int code = fail(s, RPC_REFUSED, message, data);
	json_decref(data);
	return code;
}

int shell_print(struct shell *s, json_t *result)
{
	const json_t *said = json_object_get(result, "said");
	if (s->json)
		print_json(result);
	for (size_t i = 0; !s->json && i < json_array_size(said); i++)
		printf("%s\n", json_string_value(json_array_get(said, i)));
	json_decref(result);
	return 0;
}

int shell_done(struct shell *s)
{
	return s->json ? shell_print(s, json_pack("{s:[]}", "said")) : 0;
}

bool shell_is_true(const char *text)
{
	static const char *const words[] = {"true", "1", "yes", "on", "enable"};
	for (size_t i = 0; text && i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(text, words[i]))
			return true;
	}
	return false;
}

/* ---- the daemon ---- */

static int why_not(struct shell *s, int err, struct control_error *error)
{
	static const char start[] =
		"start it with \"systemctl start lunar-targetd\", or as any user with "
		"\"lunar-targetd "
		"--state DIR\", which listens on DIR/target.sock; --socket PATH or "
		"LUNAR_TARGET_SOCKET names its socket here";
	error->code = err;
	if (err == -EACCES || err == -EPERM)
		snprintf(error->message, sizeof(error->message),
			 "%s: you may not use %s: its owner, root and its group may", s->name,
			 s->socket);
	else if (err == -ENOENT || err == -ECONNREFUSED)
		snprintf(error->message, sizeof(error->message),
			 "%s: no daemon is running: nobody listens on %s; %s", s->name, s->socket,
			 start);
	else
		snprintf(error->message, sizeof(error->message), "%s: the daemon's socket %s: %s",
			 s->name, s->socket, strerror(-err));
	return err;
}

static int connect_daemon(struct shell *s, struct control_error *error)
{
	int err = s->client ? 0 : control_connect(&s->client, s->socket);
	return err ? why_not(s, err, error) : 0;
}

json_t *shell_try(struct shell *s, const char *method, json_t *params, struct control_error *error)
{
	*error = (struct control_error){0};
	if (connect_daemon(s, error)) {
		json_decref(params);
		return NULL;
	}
	json_t *result = control_call(s->client, method, params, SECONDS, error);
	if (!result && error->code < 0 && error->code > -4096) {
		/* What comes on that connection belongs to nobody any more. */
		control_disconnect(s->client);
		s->client = NULL;
		char cause[WHY_SIZE];
		snprintf(cause, sizeof(cause), "%s", error->message);
		snprintf(error->message, sizeof(error->message),
			 "%s: the daemon did not answer %s: %.800s; look whether it was done",
			 s->name, method, cause);
	}
	return result;
}

json_t *shell_ask(struct shell *s, const char *method, json_t *params)
{
	struct control_error error;
	json_t *result = shell_try(s, method, params, &error);
	if (!result)
		fail(s, error.code, error.message, error.data);
	control_error_free(&error);
	return result;
}

int shell_change(struct shell *s, const char *method, json_t *params)
{
	if (s->batch) {
		json_array_append_new(s->batch, json_pack("{s:s, s:o, s:i}", "method", method,
							  "params", params, "line", (int)s->line));
		return 0;
	}
	json_t *result = shell_ask(s, method, params);
	if (!result)
		return 1;
	const char *path = json_string_value(json_object_get(result, "path"));
	if (path && s->interactive && shell_pref_true(&s->prefs, "auto_cd_after_create"))
		snprintf(s->cwd, sizeof(s->cwd), "%s", path);
	return shell_print(s, result);
}

/* Below which kind a part of a path is which kind; `name` NULL: any. */
static const struct {
	const char *name;
	enum config_kind above, kind;
} path_parts[] = {
	{"backstores", CONFIG_ROOT, CONFIG_BACKSTORES},
	{"iscsi", CONFIG_ROOT, CONFIG_ISCSI},
	{"block", CONFIG_BACKSTORES, CONFIG_PLUGIN},
	{"fileio", CONFIG_BACKSTORES, CONFIG_PLUGIN},
	{"ramdisk", CONFIG_BACKSTORES, CONFIG_PLUGIN},
	{NULL, CONFIG_ISCSI, CONFIG_TARGET},
	{NULL, CONFIG_TARGET, CONFIG_TPG},
	{"acls", CONFIG_TPG, CONFIG_ACLS},
	{"luns", CONFIG_TPG, CONFIG_LUNS},
	{"portals", CONFIG_TPG, CONFIG_PORTALS},
	{NULL, CONFIG_ACLS, CONFIG_ACL},
	{NULL, CONFIG_LUNS, CONFIG_LUN},
	{NULL, CONFIG_PORTALS, CONFIG_PORTAL},
	{NULL, CONFIG_ACL, CONFIG_MAPPED_LUN},
};

static enum config_kind kind_below(enum config_kind above, const char *part, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(path_parts); i++) {
		const char *name = path_parts[i].name;
		if (path_parts[i].above == above &&
		    (!name || (strlen(name) == len && !memcmp(name, part, len))))
			return path_parts[i].kind;
	}
	return CONFIG_KINDS;
}

bool shell_kind_of_path(const char *path, enum config_kind *kind, enum config_kind *plugin)
{
	*kind = CONFIG_ROOT;
	*plugin = CONFIG_ROOT;
	for (path += *path == '/'; *path && *kind != CONFIG_KINDS;) {
		char name[16];
		size_t len = strcspn(path, "/");
		enum config_kind above = *kind;
		*kind = above == CONFIG_PLUGIN ? *plugin : kind_below(above, path, len);
		snprintf(name, sizeof(name), "%.*s", (int)MIN(len, sizeof(name) - 1), path);
		if (*kind == CONFIG_PLUGIN)
			*plugin = config_plugin_kind(name);
		path += len + (path[len] == '/');
	}
	return *kind != CONFIG_KINDS;
}

bool shell_kind(struct shell *s, const char *path, enum config_kind *kind, enum config_kind *plugin,
		struct control_error *error)
{
	/* What the script is to make is not there yet. */
	if (s->batch) {
		*error = (struct control_error){.code = RPC_REFUSED};
		snprintf(error->message, sizeof(error->message), "No such path %.400s", path);
		return shell_kind_of_path(path, kind, plugin);
	}
	json_t *node =
		shell_try(s, "tree.list", json_pack("{s:s, s:i}", "path", path, "depth", 0), error);
	const char *word = json_string_value(json_object_get(node, "kind"));
	const char *name = json_string_value(json_object_get(node, "name"));
	*kind = word ? config_kind_find(word) : CONFIG_KINDS;
	*plugin = name && *kind == CONFIG_PLUGIN ? config_plugin_kind(name) : CONFIG_ROOT;
	json_decref(node);
	return *kind != CONFIG_KINDS;
}

/* ---- paths ---- */

int shell_resolve(struct shell *s, const char *base, const char *typed, char out[CONFIG_PATH_SIZE])
{
	if (!strcmp(typed, "-"))
		typed = s->before[0] ? s->before : s->cwd;
	if (typed[0] == '@') {
		const char *path =
			json_string_value(json_object_get(s->prefs.bookmarks, typed + 1));
		if (!path)
			return shell_fail(s,
					  "There is no bookmark %.100s; \"bookmarks\" shows those "
					  "that there are",
					  typed);
		typed = path;
	}
	if (shell_path(base, typed, out, CONFIG_PATH_SIZE))
		return shell_fail(s, "No such path %.400s", typed);
	return 0;
}

/* ---- a line ---- */

const char *shell_arg(const struct shell_call *c, const char *name)
{
	return json_string_value(json_object_get(c->args, name));
}

static int wrong_args(struct shell *s, const struct shell_call *c, const char *what,
		      const char *name)
{
	char syntax[256];
	return shell_fail(s, "%s %.80s. The command is: %s", what, name,
			  config_command_syntax(c->command, syntax, sizeof(syntax)));
}

/* Values by position and by name, into c->args; the rest of get and set is c->more. */
static int take_args(struct shell *s, struct shell_call *c, const struct shell_line *line)
{
	size_t count = config_param_count(c->command), next = 0, i = 0;
	bool open_end = c->command->flags & CONFIG_COMMAND_OPEN_END;
	c->args = json_object();
	for (; i < line->count && !(open_end && next == count); i++) {
		const struct shell_word *w = &line->words[i];
		if (w->name && !config_param_find(c->command, w->name))
			return wrong_args(s, c, "Unexpected keyword parameter", w->name);
		if (!w->name && next == count)
			return wrong_args(s, c, "Unexpected parameter", w->value);
		const char *name = w->name ? w->name : c->command->params[next++].name;
		if (json_object_set_new(c->args, name, json_string(w->value)))
			return wrong_args(s, c, "What is not UTF-8 was given for", name);
	}
	c->more = line->words + i;
	c->more_count = line->count - i;
	for (i = 0; i < count; i++) {
		if (c->command->params[i].needed && !shell_arg(c, c->command->params[i].name))
			return wrong_args(s, c, "Missing required parameter",
					  c->command->params[i].name);
	}
	return 0;
}

static shell_handler *handler_of(const char *name)
{
	const struct {
		const struct shell_command *rows;
		size_t count;
	} tables[] = {
		{shell_looks, shell_look_count},
		{shell_edits, shell_edit_count},
		{shell_files, shell_file_count},
		{shell_daemons, shell_daemon_count},
	};
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (size_t i = 0; i < tables[t].count; i++) {
			if (!strcmp(tables[t].rows[i].name, name))
				return tables[t].rows[i].run;
		}
	}
	return NULL;
}

static int run_command(struct shell *s, struct shell_call *c, const struct shell_line *line)
{
	struct control_error error;
	if (!shell_kind(s, c->path, &c->kind, &c->plugin, &error)) {
		int code = fail(s, error.code, error.message, error.data);
		control_error_free(&error);
		return code;
	}
	c->command = config_command_find(c->kind, c->plugin, line->command);
	shell_handler *run = c->command ? handler_of(line->command) : NULL;
	if (!run)
		return shell_fail(s, "Command not found %.100s", line->command);
	int code = take_args(s, c, line);
	if (!code)
		code = run(s, c);
	json_decref(c->args);
	return code;
}

int shell_go(struct shell *s, const char *path)
{
	struct control_error error;
	enum config_kind kind, plugin;
	if (!shell_kind(s, path, &kind, &plugin, &error)) {
		int code = fail(s, error.code, error.message, error.data);
		control_error_free(&error);
		return code;
	}
	memcpy(s->before, s->cwd, sizeof(s->before));
	snprintf(s->cwd, sizeof(s->cwd), "%s", path);
	return s->json ? shell_print(s, json_pack("{s:s}", "path", s->cwd)) : 0;
}

void shell_prompt(const struct shell *s, char *out, size_t size)
{
	size_t most = (size_t)shell_pref_number(&s->prefs, "prompt_length"), len = strlen(s->cwd);
	if (!most || len <= most || most < 5) {
		snprintf(out, size, "%s> ", s->cwd);
		return;
	}
	size_t half = (most - 3) / 2;
	snprintf(out, size, "%.*s...%s> ", (int)half, s->cwd, s->cwd + len - half);
}

int shell_run(struct shell *s, const char *text)
{
	struct shell_line line;
	struct shell_call call = {0};
	char why[256];
	if (shell_line_parse(&line, text, why, sizeof(why)))
		return shell_fail(s, "%s", why);
	int code = 0;
	if (line.path)
		code = shell_resolve(s, s->cwd, line.path, call.path);
	else
		memcpy(call.path, s->cwd, sizeof(call.path));
	if (!code && line.command)
		code = run_command(s, &call, &line);
	else if (!code && line.path)
		code = shell_go(s, call.path);
	shell_line_free(&line);
	fflush(stdout);
	return code;
}

void shell_end(struct shell *s)
{
	control_disconnect(s->client);
	json_decref(s->batch);
	shell_prefs_close(&s->prefs);
}
