/* SPDX-License-Identifier: BSD-2-Clause */
/* What changes one object: tree.create, tree.delete, tree.set and their like. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "config/schema.h"
#include "daemon/ops.h"

/* One call of a command: where, what was given, and by which preferences. */
struct edit {
	struct admin_step *step;
	struct config_txn *txn;
	struct config_node *node;
	const struct config_prefs *prefs;
	const struct config_command *command;
};

static const char *arg(const struct edit *e, const char *name)
{
	return json_string_value(json_object_get(e->step->args, name));
}

/* ---- create ---- */

static int create_backstore_of(const struct edit *e, enum config_kind kind,
			       const struct config_backstore_args *args)
{
	return config_create_backstore(e->txn, e->prefs, kind, args, &e->step->made);
}

static struct config_backstore_args backstore_args(json_t *args)
{
	const char *dev = json_string_value(json_object_get(args, "file_or_dev"));
#define ARG(name) json_string_value(json_object_get(args, #name))
	return (struct config_backstore_args){
		.name = ARG(name),
		.dev = dev ? dev : ARG(dev),
		.size = ARG(size),
		.wwn = ARG(wwn),
		.write_back = ARG(write_back),
		.sparse = ARG(sparse),
		.readonly = ARG(readonly),
		.nullio = ARG(nullio),
		.exclusive = ARG(exclusive),
	};
#undef ARG
}

static int create_backstore(const struct edit *e)
{
	struct config_backstore_args args = backstore_args(e->step->args);
	return create_backstore_of(e, admin_plugin_of(e->node), &args);
}

/* `create disk /srv/iscsi/vm1.img 10G` is fileio's `create vm1 /srv/iscsi/vm1.img 10G`. */
static int create_disk(const struct edit *e)
{
	const char *image = arg(e, "image");
	if (strcmp(arg(e, "what"), "disk") != 0)
		return config_refuse(&e->txn->why, EINVAL,
				     "Could not create \"%.60s\" here: say create disk IMAGE SIZE, "
				     "such as create disk /srv/iscsi/vm1.img 10G",
				     arg(e, "what"));
	const char *base = strrchr(image, '/');
	base = base ? base + 1 : image;
	const char *dot = strrchr(base, '.');
	size_t len = dot && dot != base ? (size_t)(dot - base) : strlen(base);
	json_object_set_new(e->step->args, "name", json_stringn(base, len));
	json_object_set(e->step->args, "file_or_dev", json_object_get(e->step->args, "image"));
	struct config_backstore_args args = backstore_args(e->step->args);
	return create_backstore_of(e, CONFIG_FILEIO, &args);
}

static int create_target(const struct edit *e)
{
	return config_create_target(e->txn, e->prefs, arg(e, "wwn"), &e->step->made);
}

static int create_tpg(const struct edit *e)
{
	return config_create_tpg(e->txn, e->prefs, e->node, arg(e, "tag"), &e->step->made);
}

static struct config_node *tpg_of(const struct edit *e)
{
	return config_above(e->node, CONFIG_TPG);
}

static int create_acl(const struct edit *e)
{
	return config_create_acl(e->txn, e->prefs, tpg_of(e), arg(e, "wwn"),
				 arg(e, "add_mapped_luns"), &e->step->made);
}

static int create_mapped_lun(const struct edit *e)
{
	return config_create_mapped_lun(e->txn, e->prefs, e->node, arg(e, "mapped_lun"),
					arg(e, "tpg_lun_or_backstore"), arg(e, "write_protect"),
					&e->step->made);
}

static int create_lun(const struct edit *e)
{
	return config_create_lun(e->txn, e->prefs, tpg_of(e), arg(e, "storage_object"),
				 arg(e, "lun"), arg(e, "add_mapped_luns"), &e->step->made);
}

static int create_portal(const struct edit *e)
{
	return config_create_portal(e->txn, tpg_of(e), arg(e, "ip_address"), arg(e, "ip_port"),
				    &e->step->made);
}

/* ---- delete ---- */

static int no_such(const struct edit *e, const char *what, const char *name)
{
	char path[CONFIG_PATH_SIZE];
	return config_refuse(&e->txn->why, ENOENT,
			     "Could not delete %s %.120s: there is none of that name; ls %s shows "
			     "those that there are",
			     what, name, config_path(e->node, path));
}

static int delete_backstore(const struct edit *e)
{
	struct config_node *child = config_child(e->node, arg(e, "name"));
	if (!child)
		return config_refuse(&e->txn->why, ENOENT, "No storage object named %.200s.",
				     arg(e, "name"));
	return config_delete_backstore(e->txn, child);
}

static int delete_target(const struct edit *e)
{
	struct config_node *child = config_child(e->node, arg(e, "wwn"));
	return child ? config_delete_target(e->txn, child) : no_such(e, "target", arg(e, "wwn"));
}

static int delete_tpg(const struct edit *e)
{
	const char *tag = arg(e, "tag");
	char name[32];
	bool number = strlen(tag) <= 5 && tag[strspn(tag, "0123456789")] == 0;
	snprintf(name, sizeof(name), "tpg%.20s", tag);
	struct config_node *child = config_child(e->node, number ? name : tag);
	return child ? config_delete_tpg(e->txn, child) : no_such(e, "portal group", tag);
}

static int delete_acl(const struct edit *e)
{
	struct config_node *child = config_child(e->node, arg(e, "wwn"));
	return child ? config_delete_acl(e->txn, child) : no_such(e, "the ACL of", arg(e, "wwn"));
}

static int delete_mapped_lun(const struct edit *e)
{
	return config_delete_mapped_lun(e->txn, e->node, arg(e, "mapped_lun"));
}

static int delete_lun(const struct edit *e)
{
	return config_delete_lun(e->txn, tpg_of(e), arg(e, "lun"));
}

static int delete_portal(const struct edit *e)
{
	return config_delete_portal(e->txn, tpg_of(e), arg(e, "ip_address"), arg(e, "ip_port"));
}

/* ---- tags ---- */

static int tag_acl(const struct edit *e)
{
	return config_tag_acl(e->txn, e->prefs, tpg_of(e), arg(e, "wwn_or_tag"), arg(e, "new_tag"));
}

static int untag_acl(const struct edit *e)
{
	return config_untag_acl(e->txn, tpg_of(e), arg(e, "wwn_or_tag"));
}

/* ---- which of them ---- */

typedef int editor(const struct edit *e);

static editor *const creators[CONFIG_KINDS] = {
	[CONFIG_ROOT] = create_disk,      [CONFIG_BACKSTORES] = create_disk,
	[CONFIG_ISCSI] = create_target,   [CONFIG_PLUGIN] = create_backstore,
	[CONFIG_TARGET] = create_tpg,     [CONFIG_ACLS] = create_acl,
	[CONFIG_ACL] = create_mapped_lun, [CONFIG_LUNS] = create_lun,
	[CONFIG_PORTALS] = create_portal,
};

static editor *const deleters[CONFIG_KINDS] = {
	[CONFIG_PLUGIN] = delete_backstore, [CONFIG_ISCSI] = delete_target,
	[CONFIG_TARGET] = delete_tpg,       [CONFIG_ACLS] = delete_acl,
	[CONFIG_ACL] = delete_mapped_lun,   [CONFIG_LUNS] = delete_lun,
	[CONFIG_PORTALS] = delete_portal,
};

static editor *const taggers[CONFIG_KINDS] = {[CONFIG_ACLS] = tag_acl};
static editor *const untaggers[CONFIG_KINDS] = {[CONFIG_ACLS] = untag_acl};

/* Those that the command needs are there, and no others are. */
static int check_args(const struct edit *e)
{
	const struct config_command *c = e->command;
	char syntax[256];
	const char *name;
	json_t *value;
	config_command_syntax(c, syntax, sizeof(syntax));
	json_object_foreach(e->step->args, name, value)
	{
		if (!config_param_find(c, name))
			return config_refuse(&e->txn->why, EINVAL,
					     "Unexpected keyword parameter '%.60s'. It is: %s",
					     name, syntax);
	}
	size_t count = config_param_count(c);
	for (size_t i = 0; i < count; i++) {
		if (c->params[i].needed && !arg(e, c->params[i].name))
			return config_refuse(&e->txn->why, EINVAL,
					     "Missing required parameter %s: %s. It is: %s",
					     c->params[i].name, c->params[i].help, syntax);
	}
	return 0;
}

/* What this caller prefers; the rest is as the daemon says. */
static int take_prefs(struct config_txn *txn, json_t *params, struct config_prefs *prefs)
{
	json_t *given = json_object_get(params, "prefs");
	const struct {
		const char *name;
		bool *at;
	} known[] = {
		{"auto_add_default_portal", &prefs->auto_add_default_portal},
		{"auto_add_mapped_luns", &prefs->auto_add_mapped_luns},
		{"auto_enable_tpgt", &prefs->auto_enable_tpgt},
		{"export_backstore_name_as_model", &prefs->model_alias},
	};
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		bool value;
		int err = admin_flag(txn, given, known[i].name, &value);
		if (err)
			return err;
		if (json_object_get(given, known[i].name))
			*known[i].at = value;
	}
	return 0;
}

static int run_command(struct admin_step *step, struct config_txn *txn, const char *name,
		       editor *const table[CONFIG_KINDS])
{
	struct config_prefs prefs = step->admin->prefs;
	prefs.found = step->found;
	struct edit e = {.step = step, .txn = txn, .prefs = &prefs};
	int err = admin_node(txn, step->params, &e.node);
	if (!err)
		err = admin_texts(txn, step->params, "args", &step->args);
	if (!err)
		err = take_prefs(txn, step->params, &prefs);
	if (err)
		return err;
	e.command = config_command_find(e.node->kind, admin_plugin_of(e.node), name);
	if (!e.command || !table[e.node->kind])
		return config_refuse(&txn->why, ENOENT, "Command not found %s", name);
	err = check_args(&e);
	return err ? err : table[e.node->kind](&e);
}

/* Where a LUN is made, what is typed may be a path of the machine. */
static const char *create_wants(const struct admin_step *step)
{
	static const char *const named[CONFIG_KINDS] = {
		[CONFIG_LUNS] = "storage_object",
		[CONFIG_ACL] = "tpg_lun_or_backstore",
	};
	const char *path = json_string_value(json_object_get(step->params, "path"));
	const struct config_node *node = path ? config_lookup(step->admin->tree, path) : NULL;
	const char *name = node ? named[node->kind] : NULL;
	const char *text = name ? json_string_value(json_object_get(
					  json_object_get(step->params, "args"), name))
				: NULL;
	return text && config_wants_look(step->admin->tree, text) ? text : NULL;
}

static int tree_create(struct admin_step *step, struct config_txn *txn)
{
	return run_command(step, txn, "create", creators);
}

/* Only now is it known how large the disk is. */
static void tree_created(struct admin_step *step, struct config_txn *txn)
{
	if (!step->made || !config_is_backstore(step->made->kind))
		return;
	struct config_backstore_args args = backstore_args(step->args);
	config_say_created(txn, step->made, &args);
}

static int tree_delete(struct admin_step *step, struct config_txn *txn)
{
	return run_command(step, txn, "delete", deleters);
}

static int tree_tag(struct admin_step *step, struct config_txn *txn)
{
	return run_command(step, txn, "tag", taggers);
}

static int tree_untag(struct admin_step *step, struct config_txn *txn)
{
	return run_command(step, txn, "untag", untaggers);
}

/* ---- set, enable, resize ---- */

static int tree_set(struct admin_step *step, struct config_txn *txn)
{
	struct config_node *node;
	const char *group = NULL, *name;
	json_t *value;
	int err = admin_node(txn, step->params, &node);
	if (!err)
		err = admin_text(txn, step->params, "group", true, &group);
	if (!err)
		err = admin_texts(txn, step->params, "values", &step->args);
	if (!err && !json_object_size(step->args))
		err = config_refuse(&txn->why, EBADMSG, "\"values\" has nothing in it");
	if (err)
		return err;
	json_object_foreach(step->args, name, value)
	{
		err = config_set(txn, node, group, name, json_string_value(value));
		if (err)
			return err;
	}
	return 0;
}

static int switch_tpg(struct admin_step *step, struct config_txn *txn, bool enable)
{
	struct config_node *node;
	int err = admin_node(txn, step->params, &node);
	if (err)
		return err;
	if (node->kind != CONFIG_TPG)
		return config_refuse(&txn->why, ENOENT, "Command not found %s",
				     enable ? "enable" : "disable");
	return config_enable_tpg(txn, node, enable);
}

/* enable_iser and enable_offload of a portal. */
static int switch_transport(struct admin_step *step, struct config_txn *txn, const char *transport)
{
	struct config_node *node;
	const char *boolean = NULL;
	int err = admin_node(txn, step->params, &node);
	if (!err)
		err = admin_text(txn, step->params, "boolean", true, &boolean);
	if (err)
		return err;
	if (node->kind != CONFIG_PORTAL)
		return config_refuse(&txn->why, ENOENT, "Command not found enable_%.20s",
				     transport);
	return config_enable_transport(txn, node, transport, boolean);
}

static int tree_enable(struct admin_step *step, struct config_txn *txn)
{
	const char *transport = NULL;
	int err = admin_text(txn, step->params, "transport", false, &transport);
	if (err)
		return err;
	return transport ? switch_transport(step, txn, transport) : switch_tpg(step, txn, true);
}

static int tree_disable(struct admin_step *step, struct config_txn *txn)
{
	return switch_tpg(step, txn, false);
}

static int tree_resize(struct admin_step *step, struct config_txn *txn)
{
	struct config_node *node;
	const char *size = NULL;
	bool force = false;
	int err = admin_node(txn, step->params, &node);
	if (!err)
		err = admin_text(txn, step->params, "size", true, &size);
	if (!err)
		err = admin_flag(txn, step->params, "force", &force);
	if (err)
		return err;
	if (!config_command_find(node->kind, CONFIG_ROOT, "resize"))
		return config_refuse(&txn->why, ENOENT, "Command not found resize");
	step->made = node;
	return config_resize(txn, node, size, force);
}

static void tree_resized(struct admin_step *step, struct config_txn *txn)
{
	config_say(txn, "Resized %s %s to %s.", step->made->parent->name, step->made->name,
		   config_value(step->made, CONFIG_OBJECT, "size"));
}

const struct admin_verb admin_edit_verbs[] = {
	{"tree.create", tree_create, tree_created, create_wants},
	{"tree.delete", tree_delete, NULL, NULL},
	{"tree.disable", tree_disable, NULL, NULL},
	{"tree.enable", tree_enable, NULL, NULL},
	{"tree.resize", tree_resize, tree_resized, NULL},
	{"tree.set", tree_set, NULL, NULL},
	{"tree.tag", tree_tag, NULL, NULL},
	{"tree.untag", tree_untag, NULL, NULL},
};
const size_t admin_edit_verb_count = ARRAY_SIZE(admin_edit_verbs);
