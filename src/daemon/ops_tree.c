/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking at the tree. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "daemon/ops.h"

#define SUMMARY_SIZE 512
/* Objects of one answer: some 40 MB of text. */
#define LIST_MAX 200000

/* ---- tree.list ---- */

/* How far down, and how many more. */
struct listing {
	int64_t depth; /* -1: all */
	int64_t left;
};

static json_t *list_node(struct listing *l, const struct config_node *node, int64_t level);

static json_t *list_children(struct listing *l, const struct config_node *node, int64_t level)
{
	size_t count;
	CLEANUP(free) struct config_node **sorted = config_sorted(node, &count);
	json_t *children = sorted ? json_array() : NULL;
	for (size_t i = 0; i < count && children && l->left > 0; i++)
		json_array_append_new(children, list_node(l, sorted[i], level));
	return children;
}

static json_t *list_node(struct listing *l, const struct config_node *node, int64_t level)
{
	char summary[SUMMARY_SIZE];
	admin_summary(node, summary, sizeof(summary));
	l->left--;
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", node->name, "kind",
				   config_kind_name(node->kind), "summary", summary, "health",
				   admin_health(node), "count", (json_int_t)node->child_count);
	if (node->pending)
		json_object_set_new(object, "pending", json_string(node->pending));
	if (l->depth < 0 || level < l->depth)
		json_object_set_new(object, "children", list_children(l, node, level + 1));
	return object;
}

/* NULL: the call is over. */
static const struct config_node *node_of(struct admin *a, struct control_call *call)
{
	const char *path = control_text(call, "path");
	const struct config_node *node = path ? config_lookup(a->tree, path) : NULL;
	if (path && !node)
		control_refuse(call, RPC_REFUSED, "No such path %.400s", path);
	return node;
}

void admin_method_list(void *ctx, struct control_call *call)
{
	struct admin *a = ctx;
	const json_t *depth = json_object_get(control_params(call), "depth");
	struct listing l = {.depth = -1, .left = LIST_MAX};
	if (depth && !json_is_null(depth)) {
		l.depth = json_integer_value(depth);
		if (!json_is_integer(depth) || l.depth < 0) {
			control_refuse(call, RPC_BAD_PARAMS, "\"depth\" is not a number from 0");
			return;
		}
	}
	const struct config_node *node = node_of(a, call);
	if (!node)
		return;
	char path[CONFIG_PATH_SIZE];
	json_t *object = list_node(&l, node, 0);
	if (l.left <= 0) {
		json_decref(object);
		control_refuse(call, RPC_REFUSED,
			       "There are more than %d objects below %s: ask for less of them, by "
			       "a path further down or by depth",
			       LIST_MAX, config_path(node, path));
		return;
	}
	json_object_set_new(object, "path", json_string(config_path(node, path)));
	json_object_set_new(object, "generation",
			    json_integer((json_int_t)config_generation(a->tree)));
	control_answer(call, object);
}

/* ---- tree.get ---- */

static const char *shown(const struct config_node *node, const struct config_attr *attr,
			 bool secrets)
{
	const char *value = config_get(node, attr);
	return attr->flags & CONFIG_SECRET && value[0] && !secrets ? ADMIN_HIDDEN : value;
}

static json_t *value_object(const struct config_node *node, const struct config_attr *attr,
			    bool secrets)
{
	char syntax[256];
	static const char *const effects[] = {
		[CONFIG_OBEYED] = "obeyed",
		[CONFIG_IN_PART] = "in part",
		[CONFIG_NO_EFFECT] = "none",
	};
	bool fixed = attr->flags & (CONFIG_READ_ONLY | CONFIG_FIXED);
	json_t *object =
		json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s}", "name", attr->name, "value",
			  shown(node, attr, secrets), "read_only", fixed, "help", attr->help,
			  "syntax", config_attr_syntax(attr, syntax, sizeof(syntax)), "default",
			  attr->standard, "effect", effects[attr->effect]);
	if (attr->note)
		json_object_set_new(object, "note", json_string(attr->note));
	return object;
}

static bool is_asked_for(const json_t *names, const char *name)
{
	size_t count = json_array_size(names);
	for (size_t i = 0; i < count; i++) {
		const char *one = json_string_value(json_array_get(names, i));
		if (one && !strcmp(one, name))
			return true;
	}
	return !count;
}

/* The first name that is none; NULL: all are right. */
static const char *unknown(const struct config_node *node, enum config_group group,
			   const json_t *names)
{
	size_t count = json_array_size(names);
	for (size_t i = 0; i < count; i++) {
		const char *one = json_string_value(json_array_get(names, i));
		if (!one || !config_attr_find(node->kind, group, one))
			return one ? one : "";
	}
	return NULL;
}

static json_t *groups_of(const struct config_node *node)
{
	json_t *groups = json_array();
	for (unsigned g = CONFIG_OBJECT + 1; g < CONFIG_GROUPS; g++) {
		if (config_group_of(node->kind, (enum config_group)g))
			json_array_append_new(groups,
					      json_string(config_group_name((enum config_group)g)));
	}
	return json_pack("{s:o}", "groups", groups);
}

void admin_method_get(void *ctx, struct control_call *call)
{
	bool ok, secrets;
	const char *word = control_text_or(call, "group", NULL, &ok);
	secrets = ok && control_flag_or(call, "secrets", false, &ok);
	const struct config_node *node = ok ? node_of(ctx, call) : NULL;
	if (!node)
		return;
	if (!word) {
		control_answer(call, groups_of(node));
		return;
	}
	const json_t *names = json_object_get(control_params(call), "names");
	enum config_group group = config_group_find(word);
	if (group == CONFIG_GROUPS || !config_group_of(node->kind, group)) {
		control_refuse(call, RPC_REFUSED, "Unknown configuration group: %.60s", word);
		return;
	}
	const char *wrong = unknown(node, group, names);
	if (wrong) {
		control_refuse(call, RPC_REFUSED, "Unknown parameter %.60s in group '%s'.", wrong,
			       word);
		return;
	}
	size_t count;
	const struct config_attr *rows = config_attrs(node->kind, &count);
	json_t *values = json_array();
	for (size_t i = 0; i < count; i++) {
		if (rows[i].group == group && is_asked_for(names, rows[i].name))
			json_array_append_new(values, value_object(node, &rows[i], secrets));
	}
	control_answer(call, json_pack("{s:s, s:o}", "group", word, "values", values));
}

/* ---- tree.info ---- */

static void add(json_t *rows, const char *name, json_t *value)
{
	json_array_append_new(rows, json_pack("{s:s, s:o}", "name", name, "value", value));
}

static void add_text(json_t *rows, const char *name, const char *value)
{
	add(rows, name, json_string(value));
}

/* Of rows of a group: those that are always there, and what is set of the others. */
static void add_values(json_t *rows, const struct config_node *node, enum config_group group,
		       bool secrets)
{
	size_t count;
	const struct config_attr *attrs = config_attrs(node->kind, &count);
	for (size_t i = 0; i < count; i++) {
		const struct config_attr *a = &attrs[i];
		if (a->group != group || a->form == CONFIG_FORM_JSON ||
		    (a->flags & CONFIG_OPTIONAL && config_is_default(node, a)))
			continue;
		add_text(rows, config_attr_key(a), shown(node, a, secrets));
	}
}

static void of_backstore(json_t *rows, const struct config_node *node)
{
	add_text(rows, "name", node->name);
	add_text(rows, "plugin", node->parent->name);
}

static void of_iscsi(json_t *rows, const struct config_node *node)
{
	add_text(rows, "Fabric module name", "iscsi");
	add_text(rows, "Allowed WWN types", "iqn, naa, eui");
	add_text(rows, "Fabric module features", "discovery_auth, acls, auth, nps, tpgts");
}

static void of_target(json_t *rows, const struct config_node *node)
{
	add_text(rows, "fabric", "iscsi");
	add_text(rows, "wwn", node->name);
}

static void of_tpg(json_t *rows, const struct config_node *node)
{
	add(rows, "tag", json_integer(node->number));
}

static void of_acl(json_t *rows, const struct config_node *node)
{
	add(rows, "wwns", json_pack("[s]", node->name));
}

static void of_mapped_lun(json_t *rows, const struct config_node *node)
{
	add(rows, "index", json_integer(node->number));
	add(rows, "tpg_lun", json_integer(node->ref->number));
}

static void of_lun(json_t *rows, const struct config_node *node)
{
	char path[CONFIG_PATH_SIZE];
	add(rows, "index", json_integer(node->number));
	add_text(rows, "storage_object", config_path(node->ref, path));
}

static void of_portal(json_t *rows, const struct config_node *node)
{
	const char *colon = strrchr(node->name, ':');
	add(rows, "ip_address", json_stringn(node->name, (size_t)(colon - node->name)));
	add(rows, "port", json_integer(node->number));
}

static void (*const info_of[CONFIG_KINDS])(json_t *rows, const struct config_node *node) = {
	[CONFIG_BLOCK] = of_backstore,   [CONFIG_FILEIO] = of_backstore,
	[CONFIG_RAMDISK] = of_backstore, [CONFIG_ISCSI] = of_iscsi,
	[CONFIG_TARGET] = of_target,     [CONFIG_TPG] = of_tpg,
	[CONFIG_ACL] = of_acl,           [CONFIG_MAPPED_LUN] = of_mapped_lun,
	[CONFIG_LUN] = of_lun,           [CONFIG_PORTAL] = of_portal,
};

static int by_name(const void *a, const void *b)
{
	json_t *const *x = a, *const *y = b;
	return strcmp(json_string_value(json_object_get(*x, "name")),
		      json_string_value(json_object_get(*y, "name")));
}

static json_t *sorted(json_t *rows)
{
	size_t count = json_array_size(rows);
	json_t *out = json_array();
	CLEANUP(free) json_t **all = calloc(count + 1, sizeof(json_t *));
	if (!all)
		return rows;
	for (size_t i = 0; i < count; i++)
		all[i] = json_array_get(rows, i);
	qsort(all, count, sizeof(json_t *), by_name);
	for (size_t i = 0; i < count; i++)
		json_array_append(out, all[i]);
	json_decref(rows);
	return out;
}

json_t *admin_info(const struct config_node *node, bool secrets)
{
	json_t *rows = json_array();
	info_of[node->kind](rows, node);
	if (node->pending)
		add_text(rows, "pending", node->pending);
	if (node->kind == CONFIG_ISCSI)
		return rows;
	add_values(rows, node, CONFIG_OBJECT, secrets);
	add_values(rows, node, CONFIG_AUTH, secrets);
	return sorted(rows);
}

void admin_method_info(void *ctx, struct control_call *call)
{
	bool ok;
	bool secrets = control_flag_or(call, "secrets", false, &ok);
	const struct config_node *node = ok ? node_of(ctx, call) : NULL;
	if (!node)
		return;
	if (!info_of[node->kind])
		control_refuse(call, RPC_REFUSED, "Command not found info");
	else
		control_answer(call, json_pack("{s:o}", "info", admin_info(node, secrets)));
}
