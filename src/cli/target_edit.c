/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that change objects, and help. */
#include <stdio.h>
#include <string.h>
#include "cli/shell.h"

static json_t *at(const struct shell_call *c)
{
	return json_pack("{s:s}", "path", c->path);
}

/* The file of an image is where this shell is; the daemon is elsewhere. */
static void make_absolute(json_t *args, const char *name)
{
	const char *file = json_string_value(json_object_get(args, name));
	CLEANUP(free) char *here = NULL;
	CLEANUP(free) char *whole = NULL;
	if (!file || !file[0] || file[0] == '/' || !(here = getcwd(NULL, 0)) ||
	    asprintf(&whole, "%s/%s", here, file) < 0)
		return;
	json_object_set_new(args, name, json_string(whole));
}

static int change_below(struct shell *s, struct shell_call *c, const char *method)
{
	static const char *const files[] = {"dev", "file_or_dev", "image"};
	json_t *params = at(c), *prefs = shell_prefs_for_daemon(&s->prefs);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		make_absolute(c->args, files[i]);
	json_object_set(params, "args", c->args);
	if (prefs)
		json_object_set_new(params, "prefs", prefs);
	return shell_change(s, method, params);
}

static int create(struct shell *s, struct shell_call *c)
{
	return change_below(s, c, "tree.create");
}

static int delete (struct shell *s, struct shell_call *c)
{
	return change_below(s, c, "tree.delete");
}

static int enable(struct shell *s, struct shell_call *c)
{
	return shell_change(s, "tree.enable", at(c));
}

static int disable(struct shell *s, struct shell_call *c)
{
	return shell_change(s, "tree.disable", at(c));
}

static int resize(struct shell *s, struct shell_call *c)
{
	json_t *params = at(c);
	json_object_set(params, "size", json_object_get(c->args, "size"));
	json_object_set_new(params, "force", json_boolean(shell_is_true(shell_arg(c, "force"))));
	return shell_change(s, "tree.resize", params);
}

/* ---- set ---- */

static int set_values(struct shell *s, const char *path, const char *group, json_t *values)
{
	return shell_change(
		s, "tree.set",
		json_pack("{s:s, s:s, s:o}", "path", path, "group", group, "values", values));
}

static int set_global(struct shell *s, const struct shell_call *c)
{
	json_t *said = json_array();
	for (size_t i = 0; i < c->more_count; i++) {
		struct config_why why;
		char line[512];
		const char *name = c->more[i].name;
		if (shell_pref_set(&s->prefs, name, c->more[i].value, &why)) {
			json_decref(said);
			return shell_fail(s, "%s", why.text);
		}
		snprintf(line, sizeof(line), "Parameter %s is now '%.400s'.", name,
			 shell_pref(&s->prefs, name));
		json_array_append_new(said, json_string(line));
	}
	return shell_print(s, json_pack("{s:o}", "said", said));
}

/* Which values there are, of which form. */
static int show_values(struct shell *s, const struct shell_call *c, const char *group)
{
	json_t *result =
		shell_ask(s, "tree.get", json_pack("{s:s, s:s}", "path", c->path, "group", group));
	if (!result || s->json)
		return result ? shell_print(s, result) : 1;
	const json_t *values = json_object_get(result, "values");
	for (size_t i = 0; i < json_array_size(values); i++) {
		const json_t *v = json_array_get(values, i);
		if (!json_is_true(json_object_get(v, "read_only")))
			printf("%s=VALUE: %s\n", json_string_value(json_object_get(v, "name")),
			       json_string_value(json_object_get(v, "syntax")));
	}
	json_decref(result);
	return 0;
}

static int set(struct shell *s, struct shell_call *c)
{
	const char *group = shell_arg(c, "group");
	if (!group)
		return shell_fail(
			s, "Missing required parameter group. The command is: "
			   "set attribute|parameter|auth|discovery_auth|global NAME=VALUE...");
	bool global = !strcmp(group, "global");
	if (!c->more_count && !global)
		return show_values(s, c, group);
	json_t *values = json_object();
	for (size_t i = 0; i < c->more_count; i++) {
		const struct shell_word *w = &c->more[i];
		if (!w->name || json_object_set_new(values, w->name, json_string(w->value))) {
			json_decref(values);
			return shell_fail(s,
					  "Syntax error: \"%.60s\" is not NAME=VALUE, such as "
					  "set attribute authentication=1",
					  w->value);
		}
	}
	if (!global)
		return set_values(s, c->path, group, values);
	json_decref(values);
	return set_global(s, c);
}

static int enable_transport(struct shell *s, const struct shell_call *c, const char *transport)
{
	return shell_change(s, "tree.enable",
			    json_pack("{s:s, s:s, s:s}", "path", c->path, "transport", transport,
				      "boolean", shell_arg(c, "boolean")));
}

static int enable_iser(struct shell *s, struct shell_call *c)
{
	return enable_transport(s, c, "iSER");
}

static int enable_offload(struct shell *s, struct shell_call *c)
{
	return enable_transport(s, c, "offload");
}

static int tag(struct shell *s, struct shell_call *c)
{
	return change_below(s, c, "tree.tag");
}

static int untag(struct shell *s, struct shell_call *c)
{
	return change_below(s, c, "tree.untag");
}

/* ---- help ---- */

static void explain(const struct config_command *c)
{
	char syntax[256];
	size_t count = config_param_count(c);
	printf("\n  %s\n\n%s%s.\n", config_command_syntax(c, syntax, sizeof(syntax)),
	       c->flags & CONFIG_COMMAND_OURS ? "Not in targetcli: " : "", c->help);
	for (size_t i = 0; i < count; i++)
		printf("%s  %-22s %s\n", i ? "" : "\n", c->params[i].name, c->params[i].help);
	if (count)
		printf("\nValues are given in this order, or as NAME=VALUE; those in brackets may "
		       "be left out.\n");
	printf("\n");
}

static json_t *command_json(const struct config_command *c)
{
	char syntax[256];
	size_t count = config_param_count(c);
	json_t *params = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			params, json_pack("{s:s, s:b, s:s}", "name", c->params[i].name, "needed",
					  c->params[i].needed, "help", c->params[i].help));
	return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", c->name, "syntax",
			 config_command_syntax(c, syntax, sizeof(syntax)), "help", c->help,
			 "in_targetcli", !(c->flags & CONFIG_COMMAND_OURS), "parameters", params);
}

/* One command, or all (NULL). */
static int help_json(struct shell *s, const struct shell_call *c, const struct config_command *one)
{
	size_t count;
	const struct config_command *all = config_commands(&count);
	json_t *commands = json_array();
	for (size_t i = 0; i < count; i++) {
		if (one ? one == &all[i] : config_command_at(&all[i], c->kind, c->plugin))
			json_array_append_new(commands, command_json(&all[i]));
	}
	return shell_print(s, json_pack("{s:s, s:o}", "path", c->path, "commands", commands));
}

static int help(struct shell *s, struct shell_call *c)
{
	const char *topic = shell_arg(c, "topic");
	size_t count;
	const struct config_command *all = config_commands(&count);
	const struct config_command *one =
		topic ? config_command_find(c->kind, c->plugin, topic) : NULL;
	if (topic && !one)
		return shell_fail(
			s,
			"There is no command %.60s at %s; \"help\" shows those that there "
			"are",
			topic, c->path);
	if (s->json)
		return help_json(s, c, one);
	if (one) {
		explain(one);
		return 0;
	}
	printf("A line is [PATH] [COMMAND] [VALUE | NAME=VALUE]...: the command is done at PATH, "
	       "else\n"
	       "where you are; a path alone goes there. \"help COMMAND\" says more.\n"
	       "\nAt %s:\n\n",
	       c->path);
	for (size_t i = 0; i < count; i++) {
		char syntax[256];
		if (!config_command_at(&all[i], c->kind, c->plugin))
			continue;
		config_command_syntax(&all[i], syntax, sizeof(syntax));
		printf("  - %s\n      %s\n", syntax, all[i].help);
	}
	printf("\n");
	return 0;
}

const struct shell_command shell_edits[] = {
	{"create", create},
	{"delete", delete},
	{"disable", disable},
	{"enable", enable},
	{"enable_iser", enable_iser},
	{"enable_offload", enable_offload},
	{"help", help},
	{"resize", resize},
	{"set", set},
	{"tag", tag},
	{"untag", untag},
};
const size_t shell_edit_count = ARRAY_SIZE(shell_edits);
