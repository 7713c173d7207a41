/* SPDX-License-Identifier: BSD-2-Clause */
/* Saved configurations, and the end. Files that are named are read and written by this process, with the
 * rights of who calls it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/shell.h"
#include "config/store.h"

static int save_here(struct shell *s, const char *file)
{
	struct config_store store = {.path = file};
	struct config_why why;
	json_t *result = shell_ask(s, "config.export", json_pack("{s:b}", "secrets", true));
	json_t *document = json_object_get(result, "document");
	if (!result)
		return 1;
	int err = config_store_write(&store, json_string_value(document),
				     json_string_length(document), &why);
	json_decref(result);
	if (err)
		return shell_fail(s, "%s", why.text);
	char said[CONFIG_WHY_SIZE];
	snprintf(said, sizeof(said), "Configuration saved to %.400s", file);
	return shell_print(s, json_pack("{s:[s]}", "said", said));
}

static int save(struct shell *s)
{
	json_t *result = shell_ask(s, "config.save", NULL);
	return result ? shell_print(s, result) : 1;
}

static int saveconfig(struct shell *s, struct shell_call *c)
{
	const char *file = shell_arg(c, "savefile");
	return file && file[0] ? save_here(s, file) : save(s);
}

/* What was read with reservations: a line each, and what is missing makes it a failure. */
static int report(struct shell *s, const json_t *result, const char *name)
{
	const json_t *lines = json_object_get(result, "report");
	json_int_t skipped = json_integer_value(json_object_get(result, "skipped"));
	printf("Configuration restored from %s\n", name);
	fflush(stdout);
	for (size_t i = 0; i < json_array_size(lines); i++)
		fprintf(stderr, "%s\n", json_string_value(json_array_get(lines, i)));
	return skipped ? shell_fail(s, "%" JSON_INTEGER_FORMAT " objects of the file were left out",
				    skipped)
		       : 0;
}

static int restoreconfig(struct shell *s, struct shell_call *c)
{
	const char *file = shell_arg(c, "savefile");
	static const char *const texts[] = {"target", "storage_object"};
	json_t *params = json_object();
	if (file && file[0]) {
		struct buf text;
		struct config_why why;
		buf_init(&text, CONFIG_TEXT_MAX);
		int err = config_store_read(file, &text, &why);
		if (!err && json_object_set_new(params, "document",
						json_stringn(buf_str(&text), text.len))) {
			config_write_why(&why, "%.300s is not UTF-8", file);
			err = -EINVAL;
		}
		buf_free(&text);
		if (err) {
			json_decref(params);
			return err == -ENOENT ? shell_fail(s, "Restore file %s not found", file)
					      : shell_fail(s, "%s", why.text);
		}
	}
	json_object_set_new(params, "clear_existing",
			    json_boolean(shell_is_true(shell_arg(c, "clear_existing"))));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (shell_arg(c, texts[i]))
			json_object_set(params, texts[i], json_object_get(c->args, texts[i]));
	}
	if (s->batch)
		return shell_change(s, "config.restore", params);
	json_t *result = shell_ask(s, "config.restore", params);
	if (!result || s->json)
		return result ? shell_print(s, result) : 1;
	const char *own = json_string_value(json_object_get(result, "name"));
	int code = report(s, result, file && file[0] ? file : own ? own : "the daemon's own file");
	json_decref(result);
	return code;
}

static int clearconfig(struct shell *s, struct shell_call *c)
{
	bool confirm = shell_is_true(shell_arg(c, "confirm"));
	return shell_change(s, "config.clear", json_pack("{s:b}", "confirm", confirm));
}

int shell_leave(struct shell *s)
{
	if (s->quit)
		return s->left;
	s->quit = true;
	/* A script that is one transaction is not done yet. */
	if (s->batch || !shell_pref_true(&s->prefs, "auto_save_on_exit"))
		return 0;
	if (!s->json)
		printf("Global pref auto_save_on_exit=true\n");
	s->left = save(s);
	return s->left;
}

static int leave(struct shell *s, struct shell_call *c)
{
	(void)c;
	int failed = s->failed;
	bool saves = !s->batch && shell_pref_true(&s->prefs, "auto_save_on_exit");
	int code = shell_leave(s);
	return saves || s->failed > failed ? code : shell_done(s);
}

const struct shell_command shell_files[] = {
	{"clearconfig", clearconfig},
	{"exit", leave},
	{"restoreconfig", restoreconfig},
	{"saveconfig", saveconfig},
};
const size_t shell_file_count = ARRAY_SIZE(shell_files);
