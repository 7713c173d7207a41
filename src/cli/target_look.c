/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that look: ls, get, info, status, sessions, and those that look around. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/shell.h"
#include "cli/shell_tree.h"

static void rule(size_t len, char c)
{
	while (len--)
		putchar(c);
	putchar('\n');
}

/* ---- the tree ---- */

static int depth_of(struct shell *s, const struct shell_call *c, long *out)
{
	const char *text = shell_arg(c, "depth");
	*out = shell_pref_number(&s->prefs, "tree_max_depth");
	if (!text)
		return 0;
	size_t len = strlen(text);
	if (!len || len > 6 || strspn(text, "0123456789") != len)
		return shell_fail(
			s,
			"Cannot interpret depth \"%.40s\": it is a number of levels, such "
			"as ls / 2; 0: all",
			text);
	*out = strtol(text, NULL, 10);
	return 0;
}

static int draw(struct shell *s, const json_t *tree)
{
	struct shell_tree_style style = {
		.width = s->width && s->width < SHELL_TREE_WIDTH ? s->width : SHELL_TREE_WIDTH,
		.show_root = shell_pref_true(&s->prefs, "tree_show_root"),
		.show_status = shell_pref_true(&s->prefs, "tree_status_mode"),
		.round = shell_pref_true(&s->prefs, "tree_round_nodes"),
		.colour = s->colour && shell_pref_true(&s->prefs, "color_mode"),
	};
	struct buf text;
	buf_init(&text, 1u << 30);
	int err = shell_tree_draw(tree, &style, &text);
	if (!err)
		fwrite(text.data, 1, text.len, stdout);
	buf_free(&text);
	return err ? shell_fail(s, "The tree is too large to be drawn: %s", strerror(-err)) : 0;
}

static int ls(struct shell *s, struct shell_call *c)
{
	char path[CONFIG_PATH_SIZE];
	const char *typed = shell_arg(c, "path");
	long depth;
	if (shell_resolve(s, c->path, typed ? typed : ".", path) || depth_of(s, c, &depth))
		return 1;
	json_t *params = json_pack("{s:s}", "path", path);
	if (depth)
		json_object_set_new(params, "depth", json_integer(depth));
	json_t *tree = shell_ask(s, "tree.list", params);
	if (!tree)
		return 1;
	if (s->json)
		return shell_print(s, tree);
	int code = draw(s, tree);
	json_decref(tree);
	return code;
}

static int status(struct shell *s, struct shell_call *c)
{
	json_t *node =
		shell_ask(s, "tree.list", json_pack("{s:s, s:i}", "path", c->path, "depth", 0));
	if (!node)
		return 1;
	if (s->json)
		return shell_print(s, node);
	const char *pending = json_string_value(json_object_get(node, "pending"));
	printf("Status for %s: %s%s%s%s\n", c->path, shell_text(node, "summary"),
	       pending ? " (" : "", pending ? pending : "", pending ? ")" : "");
	json_decref(node);
	return 0;
}

static int info(struct shell *s, struct shell_call *c)
{
	json_t *result = shell_ask(s, "tree.info",
				   json_pack("{s:s, s:b}", "path", c->path, "secrets", s->secrets));
	if (!result)
		return 1;
	if (s->json)
		return shell_print(s, result);
	const json_t *rows = json_object_get(result, "info");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i), *value = json_object_get(row, "value");
		printf("%s:", shell_text(row, "name"));
		if (json_is_string(value))
			printf(" %s", json_string_value(value));
		else if (json_is_integer(value))
			printf(" %" JSON_INTEGER_FORMAT, json_integer_value(value));
		putchar('\n');
		for (size_t n = 0; n < json_array_size(value); n++)
			printf("%s\n", json_string_value(json_array_get(value, n)));
	}
	json_decref(result);
	return 0;
}

static int cd(struct shell *s, struct shell_call *c)
{
	char path[CONFIG_PATH_SIZE];
	const char *typed = shell_arg(c, "path");
	if (shell_resolve(s, c->path, typed ? typed : "/", path))
		return 1;
	return shell_go(s, path);
}

static int pwd(struct shell *s, struct shell_call *c)
{
	return shell_print(s, json_pack("{s:[s]}", "said", c->path));
}

static int refresh(struct shell *s, struct shell_call *c)
{
	(void)c;
	return shell_done(s);
}

/* ---- get ---- */

static void head(const char *group)
{
	char title[64];
	snprintf(title, sizeof(title), "%s CONFIG GROUP", group);
	for (char *p = title; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	printf("%s\n", title);
	rule(strlen(title), '=');
}

static void entry(const char *name, const char *value, bool read_only, const char *help,
		  const char *note)
{
	int len = printf("%s=%s%s", name, value, read_only ? " [ro]" : "");
	putchar('\n');
	rule((size_t)len, '-');
	printf("%s.%s%s%s\n\n", help, note ? " Not all of it is obeyed here: " : "",
	       note ? note : "", note ? "." : "");
}

static bool is_asked_for(const struct shell_call *c, const char *name)
{
	for (size_t i = 0; i < c->more_count; i++) {
		if (!strcmp(c->more[i].value, name))
			return true;
	}
	return !c->more_count;
}

static int get_global(struct shell *s, const struct shell_call *c)
{
	size_t count;
	const struct config_attr *rows = config_global_attrs(&count);
	for (size_t i = 0; i < c->more_count; i++) {
		if (!config_global_find(c->more[i].value))
			return shell_fail(s, "Unknown parameter %.60s in group 'global'.",
					  c->more[i].value);
	}
	json_t *values = json_array();
	if (!c->more_count && !s->json)
		head("global");
	for (size_t i = 0; i < count; i++) {
		const char *value = shell_pref(&s->prefs, rows[i].name);
		if (!is_asked_for(c, rows[i].name))
			continue;
		if (s->json)
			json_array_append_new(values, json_pack("{s:s, s:s}", "name", rows[i].name,
								"value", value));
		else if (c->more_count)
			printf("%s=%s\n", rows[i].name, value);
		else
			entry(rows[i].name, value, false, rows[i].help, rows[i].note);
	}
	if (s->json)
		shell_print(s, json_pack("{s:s, s:O}", "group", "global", "values", values));
	json_decref(values);
	return 0;
}

static int get_groups(struct shell *s, const struct shell_call *c)
{
	json_t *result = shell_ask(s, "tree.get", json_pack("{s:s}", "path", c->path));
	if (!result)
		return 1;
	json_t *groups = json_object_get(result, "groups");
	json_array_append_new(groups, json_string("global"));
	if (s->json)
		return shell_print(s, result);
	printf("The groups of %s, such as \"get %s\":\n", c->path,
	       json_string_value(json_array_get(groups, 0)));
	for (size_t i = 0; i < json_array_size(groups); i++)
		printf("  %s\n", json_string_value(json_array_get(groups, i)));
	json_decref(result);
	return 0;
}

static void print_values(const struct shell_call *c, const json_t *values)
{
	for (size_t i = 0; i < json_array_size(values); i++) {
		const json_t *v = json_array_get(values, i);
		bool read_only = json_is_true(json_object_get(v, "read_only"));
		if (c->more_count)
			printf("%s=%s%s\n", shell_text(v, "name"), shell_text(v, "value"),
			       read_only ? " [ro]" : "");
		else
			entry(shell_text(v, "name"), shell_text(v, "value"), read_only,
			      shell_text(v, "help"), json_string_value(json_object_get(v, "note")));
	}
}

static int get(struct shell *s, struct shell_call *c)
{
	const char *group = shell_arg(c, "group");
	if (!group)
		return get_groups(s, c);
	for (size_t i = 0; i < c->more_count; i++) {
		if (c->more[i].name)
			return shell_fail(s,
					  "get takes names only: \"get %.60s %.60s\"; set is what "
					  "changes values",
					  group, c->more[i].name);
	}
	if (!strcmp(group, "global"))
		return get_global(s, c);
	json_t *names = json_array();
	for (size_t i = 0; i < c->more_count; i++)
		json_array_append_new(names, json_string(c->more[i].value));
	json_t *result = shell_ask(s, "tree.get",
				   json_pack("{s:s, s:s, s:o, s:b}", "path", c->path, "group",
					     group, "names", names, "secrets", s->secrets));
	if (!result)
		return 1;
	if (s->json)
		return shell_print(s, result);
	if (!c->more_count)
		head(group);
	print_values(c, json_object_get(result, "values"));
	json_decref(result);
	return 0;
}

/* ---- who is there ---- */

static void print_session(const json_t *session, bool detail)
{
	printf("alias: %s\tsid: %" JSON_INTEGER_FORMAT " type: %s session-state: %s\n",
	       shell_text(session, "alias"), json_integer_value(json_object_get(session, "sid")),
	       shell_text(session, "type"), shell_text(session, "state"));
	if (!detail)
		return;
	const json_t *connections = json_object_get(session, "connections");
	printf("    name: %s (%s)\n", shell_text(session, "initiator"),
	       shell_text(session, "auth"));
	for (size_t i = 0; i < json_array_size(connections); i++) {
		const json_t *one = json_array_get(connections, i);
		printf("    cid: %" JSON_INTEGER_FORMAT " connection-state: %s\n"
		       "        address: %s (TCP)\n",
		       json_integer_value(json_object_get(one, "cid")), shell_text(one, "state"),
		       shell_text(one, "address"));
	}
}

/* That one alone. */
static void keep_session(json_t *list, const char *sid)
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		char number[32];
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(json_object_get(json_array_get(list, i), "sid")));
		if (strcmp(sid, number) != 0)
			json_array_remove(list, i);
	}
}

static int sessions(struct shell *s, struct shell_call *c)
{
	const char *action = shell_arg(c, "action"), *sid = shell_arg(c, "sid");
	if (action && strcmp(action, "list") != 0 && strcmp(action, "detail") != 0)
		return shell_fail(s, "Cannot interpret action \"%.40s\": it is list or detail",
				  action);
	json_t *result = shell_ask(s, "session.list", NULL);
	json_t *list = json_object_get(result, "sessions");
	if (!result)
		return 1;
	if (sid)
		keep_session(list, sid);
	if (sid && !json_array_size(list)) {
		json_decref(result);
		return shell_fail(
			s, "There is no session %.40s; \"sessions\" shows those that there are",
			sid);
	}
	if (s->json)
		return shell_print(s, result);
	for (size_t i = 0; i < json_array_size(list); i++)
		print_session(json_array_get(list, i), action && !strcmp(action, "detail"));
	if (!json_array_size(list))
		printf("(no open sessions)\n");
	json_decref(result);
	return 0;
}

static int version(struct shell *s, struct shell_call *c)
{
	(void)c;
	json_t *result = shell_ask(s, "version", NULL);
	if (!result)
		return 1;
	if (s->json)
		return shell_print(s, result);
	printf("%s version %s\n", s->name, LUNAR_VERSION);
	if (strcmp(shell_text(result, "version"), LUNAR_VERSION) != 0)
		printf("the daemon's version is %s\n", shell_text(result, "version"));
	json_decref(result);
	return 0;
}

/* ---- bookmarks ---- */

static int show_bookmarks(struct shell *s)
{
	const char *name;
	json_t *path;
	if (s->json)
		return shell_print(s, json_incref(s->prefs.bookmarks));
	json_object_foreach(s->prefs.bookmarks, name, path)
	{
		printf("@%s\t%s\n", name, json_string_value(path));
	}
	return 0;
}

static int bookmarks(struct shell *s, struct shell_call *c)
{
	const char *action = shell_arg(c, "action"), *name = shell_arg(c, "bookmark");
	if (!action || !strcmp(action, "show"))
		return show_bookmarks(s);
	if (!name)
		return shell_fail(s, "Missing required parameter bookmark. The command is: "
				     "bookmarks action [bookmark]");
	name += name[0] == '@';
	if (!strcmp(action, "go")) {
		char at[256], path[CONFIG_PATH_SIZE];
		snprintf(at, sizeof(at), "@%s", name);
		return shell_resolve(s, c->path, at, path) ? 1 : shell_go(s, path);
	}
	if (strcmp(action, "add") != 0 && strcmp(action, "del") != 0)
		return shell_fail(
			s, "Cannot interpret action \"%.40s\": it is add, del, go or show", action);
	int err = shell_bookmark_set(&s->prefs, name, action[0] == 'a' ? c->path : NULL);
	return err ? shell_fail(s, "Could not save the bookmark @%.60s: %s", name, strerror(-err))
		   : shell_done(s);
}

const struct shell_command shell_looks[] = {
	{"bookmarks", bookmarks},
	{"cd", cd},
	{"get", get},
	{"info", info},
	{"ls", ls},
	{"pwd", pwd},
	{"refresh", refresh},
	{"sessions", sessions},
	{"status", status},
	{"version", version},
};
const size_t shell_look_count = ARRAY_SIZE(shell_looks);
