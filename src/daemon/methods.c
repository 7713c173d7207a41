/* SPDX-License-Identifier: BSD-2-Clause */
/* The methods, one row each; docs/control.md has the same rows. */
#include "daemon/ops.h"

#define PROTOCOL_VERSION 1

#define VERB(function, name)                                       \
	static void function(void *ctx, struct control_call *call) \
	{                                                          \
		admin_run_verb(ctx, call, name);                   \
	}

VERB(tree_create, "tree.create")
VERB(tree_delete, "tree.delete")
VERB(tree_disable, "tree.disable")
VERB(tree_enable, "tree.enable")
VERB(tree_resize, "tree.resize")
VERB(tree_set, "tree.set")
VERB(tree_tag, "tree.tag")
VERB(tree_untag, "tree.untag")
VERB(apply_config, "config.apply")
VERB(clear_config, "config.clear")
VERB(export_config, "config.export")
VERB(restore_config, "config.restore")
VERB(save_config, "config.save")

static void batch(void *ctx, struct control_call *call)
{
	bool ok;
	bool atomic = control_flag_or(call, "atomic", false, &ok);
	if (ok)
		admin_run_batch(ctx, call, json_object_get(control_params(call), "calls"), atomic);
}

static void list_sessions(void *ctx, struct control_call *call)
{
	struct admin *a = ctx;
	if (a->hooks.sessions)
		a->hooks.sessions(a->hooks_ctx, call);
	else
		control_answer(call, json_pack("{s:[]}", "sessions"));
}

static void version(void *ctx, struct control_call *call)
{
	(void)ctx;
	control_answer(call, json_pack("{s:s, s:i}", "version", LUNAR_VERSION, "protocol",
				       PROTOCOL_VERSION));
}

const struct control_method admin_methods[] = {
	{"tree.list", admin_method_list, "path, depth?", "an object and those below it"},
	{"tree.get", admin_method_get, "path, group?, names?, secrets?",
	 "what is set on an object, or its groups"},
	{"tree.info", admin_method_info, "path, secrets?", "what an object is"},
	{"tree.set", tree_set, "path, group, values", "sets values of one group, all or none"},
	{"tree.create", tree_create, "path, args?, prefs?", "makes an object below another"},
	{"tree.delete", tree_delete, "path, args?, prefs?", "deletes an object below another"},
	{"tree.enable", tree_enable, "path, transport?, boolean?",
	 "lets initiators log in to a group; or says that a portal has TCP only"},
	{"tree.disable", tree_disable, "path", "lets none log in to it any more"},
	{"tree.tag", tree_tag, "path, args?, prefs?",
	 "gives an ACL one more name, which several may share"},
	{"tree.untag", tree_untag, "path, args?, prefs?", "takes that name away"},
	{"tree.resize", tree_resize, "path, size, force?", "makes a disk larger"},
	{"config.export", export_config, "secrets?", "the configuration as it is saved"},
	{"config.restore", restore_config,
	 "document?, clear_existing?, target?, storage_object?, origin?",
	 "adds what a saved configuration has"},
	{"config.apply", apply_config, "document?, origin?, dry_run?",
	 "makes the configuration like a saved one, by the changes that are needed"},
	{"config.save", save_config, "", "saves the configuration in the daemon's own file"},
	{"config.clear", clear_config, "confirm?", "deletes all targets and all backstores"},
	{"batch", batch, "calls, atomic?", "several calls that change the tree"},
	{"session.list", list_sessions, "", "who is logged in"},
	{"version", version, "", "the daemon's version, and that of these methods"},
};
const size_t admin_method_count = ARRAY_SIZE(admin_methods);
