/* SPDX-License-Identifier: BSD-2-Clause */
/* From the tree to JSON. References are counted by jansson: json_*_new() functions take them over, and NULL
 * for what there was no memory for, which they answer with -1. */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "config/json.h"
#include "config/json_keys.h"
#include "config/tree_priv.h"

struct saver {
	bool secrets;
	/* The default of the one row that is JSON itself: a thousand backstores share it. */
	const char *standard;
	json_t *standard_json;
	bool failed;    /* no memory */
	json_t *stores; /* what is ours of backstores */
};

/* Everything that is put together goes through here. */
static void put(struct saver *s, json_t *object, const char *key, json_t *value)
{
	if (!value || json_object_set_new(object, key, value))
		s->failed = true;
}

static json_t *nested_json(struct saver *s, const struct config_attr *attr, const char *text)
{
	if (text != attr->standard)
		return json_loads(text, JSON_DECODE_ANY, NULL);
	if (s->standard != text) {
		json_decref(s->standard_json);
		s->standard_json = json_loads(text, JSON_DECODE_ANY, NULL);
		s->standard = text;
	}
	return json_incref(s->standard_json);
}

static json_t *value_of(struct saver *s, const struct config_attr *attr, const char *text)
{
	if (attr->flags & CONFIG_SECRET && !s->secrets && text[0])
		return json_string("(hidden)");
	/* targetcli reads all of them as texts. */
	if (attr->group == CONFIG_PARAMETER)
		return json_string(text);
	switch (attr->form) {
	case CONFIG_FORM_NUMBER:
	case CONFIG_FORM_FLAG:
	case CONFIG_FORM_BYTES: return json_integer(strtoll(text, NULL, 10));
	case CONFIG_FORM_TRUTH: return json_boolean(!strcmp(text, "True"));
	case CONFIG_FORM_JSON: return nested_json(s, attr, text);
	case CONFIG_FORM_WORD:
		if (text[strspn(text, "0123456789")] == 0)
			return json_integer(strtoll(text, NULL, 10));
		return json_string(text);
	default: return json_string(text);
	}
}

static bool is_saved(const struct config_node *node, const struct config_attr *attr)
{
	if (attr->flags & CONFIG_READ_ONLY)
		return false;
	if (attr->flags & CONFIG_OPTIONAL && config_is_default(node, attr))
		return false;
	/* A size that nobody knows yet. */
	return attr->form != CONFIG_FORM_BYTES || config_get(node, attr)[0];
}

/* The object in which a group is kept, made when it is needed. */
static json_t *member(struct saver *s, json_t *object, const char *key)
{
	json_t *inner = json_object_get(object, key);
	if (!inner) {
		put(s, object, key, json_object());
		inner = json_object_get(object, key);
	}
	return inner;
}

/* Where a row goes: the object itself, one of its groups, or what is ours of it. */
static json_t *place_of(struct saver *s, const struct config_node *node, json_t *object,
			const struct config_attr *attr)
{
	if (attr->flags & CONFIG_OURS && config_is_backstore(node->kind)) {
		char name[CONFIG_NAME_MAX + 16];
		snprintf(name, sizeof(name), "%s/%s", node->parent->name, node->name);
		return s->stores ? member(s, s->stores, name) : member(s, object, KEY_LUNAR);
	}
	if (attr->flags & CONFIG_OURS)
		return member(s, object, KEY_LUNAR);
	const char *group = config_group_key(attr->group);
	return group ? member(s, object, group) : object;
}

static json_t *save_values(struct saver *s, const struct config_node *node)
{
	json_t *object = json_object();
	size_t count;
	const struct config_attr *rows = config_attrs(node->kind, &count);
	for (size_t i = 0; i < count; i++) {
		if (is_saved(node, &rows[i]))
			put(s, place_of(s, node, object, &rows[i]), config_attr_key(&rows[i]),
			    value_of(s, &rows[i], config_get(node, &rows[i])));
	}
	return object;
}

static json_t *save_node(struct saver *s, const struct config_node *node);

static json_t *save_children(struct saver *s, const struct config_node *parent)
{
	size_t count;
	json_t *array = json_array();
	CLEANUP(free) struct config_node **children = config_sorted(parent, &count);
	if (!children || !array) {
		s->failed = true;
		return array;
	}
	for (size_t i = 0; i < count; i++) {
		json_t *child = save_node(s, children[i]);
		if (!child || json_array_append_new(array, child))
			s->failed = true;
	}
	return array;
}

static void save_backstore(struct saver *s, const struct config_node *node, json_t *object)
{
	put(s, object, "name", json_string(node->name));
	put(s, object, "plugin", json_string(node->parent->name));
}

static void save_target(struct saver *s, const struct config_node *node, json_t *object)
{
	put(s, object, "fabric", json_string("iscsi"));
	put(s, object, "wwn", json_string(node->name));
	put(s, object, "tpgs", save_children(s, node));
}

static void save_tpg(struct saver *s, const struct config_node *node, json_t *object)
{
	put(s, object, "tag", json_integer(node->number));
	put(s, object, "luns", save_children(s, config_part(node, CONFIG_LUNS)));
	put(s, object, "portals", save_children(s, config_part(node, CONFIG_PORTALS)));
	put(s, object, "node_acls", save_children(s, config_part(node, CONFIG_ACLS)));
}

static void save_lun(struct saver *s, const struct config_node *node, json_t *object)
{
	char path[CONFIG_PATH_SIZE];
	put(s, object, "index", json_integer(node->number));
	put(s, object, "storage_object", json_string(config_path(node->ref, path)));
}

static void save_acl(struct saver *s, const struct config_node *node, json_t *object)
{
	put(s, object, "node_wwn", json_string(node->name));
	put(s, object, "mapped_luns", save_children(s, node));
}

static void save_mapped_lun(struct saver *s, const struct config_node *node, json_t *object)
{
	put(s, object, "index", json_integer(node->number));
	put(s, object, "tpg_lun", json_integer(node->ref->number));
}

static void save_portal(struct saver *s, const struct config_node *node, json_t *object)
{
	const char *colon = strrchr(node->name, ':');
	put(s, object, "ip_address", json_stringn(node->name, (size_t)(colon - node->name)));
	put(s, object, "port", json_integer(node->number));
}

/* What a kind has besides its rows. */
static void (*const savers[CONFIG_KINDS])(struct saver *, const struct config_node *, json_t *) = {
	[CONFIG_BLOCK] = save_backstore,   [CONFIG_FILEIO] = save_backstore,
	[CONFIG_RAMDISK] = save_backstore, [CONFIG_TARGET] = save_target,
	[CONFIG_TPG] = save_tpg,           [CONFIG_LUN] = save_lun,
	[CONFIG_ACL] = save_acl,           [CONFIG_MAPPED_LUN] = save_mapped_lun,
	[CONFIG_PORTAL] = save_portal,
};

static json_t *save_node(struct saver *s, const struct config_node *node)
{
	json_t *object = save_values(s, node);
	if (object && savers[node->kind])
		savers[node->kind](s, node, object);
	return object;
}

/* Discovery's secrets are those of the module, which targetcli writes down when it has any. */
static json_t *save_modules(struct saver *s, const struct config_node *iscsi)
{
	json_t *array = json_array();
	size_t count;
	bool any = false;
	const struct config_attr *rows = config_attrs(iscsi->kind, &count);
	for (size_t i = 0; i < count; i++)
		any = any || !config_is_default(iscsi, &rows[i]);
	if (!any)
		return array;
	json_t *module = save_values(s, iscsi);
	put(s, module, "name", json_string("iscsi"));
	if (!module || json_array_append_new(array, module))
		s->failed = true;
	return array;
}

static json_t *save_stores(struct saver *s, const struct config_tree *tree)
{
	static const enum config_kind kinds[] = {CONFIG_BLOCK, CONFIG_FILEIO, CONFIG_RAMDISK};
	json_t *all = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		json_t *some = save_children(s, tree->plugins[kinds[i]]);
		if (!some || json_array_extend(all, some))
			s->failed = true;
		json_decref(some);
	}
	return all;
}

static int add_chunk(const char *text, size_t len, void *ctx)
{
	return buf_add(ctx, text, len) ? -1 : 0;
}

static int write_json(struct saver *s, json_t *json, struct buf *out)
{
	int err = s->failed ? -ENOMEM : 0;
	if (!err && json_dump_callback(json, add_chunk, out, JSON_INDENT(2) | JSON_SORT_KEYS))
		err = out->err ? out->err : -ENOMEM;
	json_decref(json);
	json_decref(s->standard_json);
	return err ? err : buf_add(out, "\n", 1);
}

int config_save(const struct config_tree *tree, struct buf *out)
{
	json_t *root = json_object();
	struct saver s = {.secrets = true};
	put(&s, root, KEY_LUNAR, json_object());
	json_t *lunar = json_object_get(root, KEY_LUNAR);
	put(&s, lunar, "version", json_integer(JSON_VERSION));
	put(&s, lunar, "storage_objects", json_object());
	s.stores = json_object_get(lunar, "storage_objects");
	put(&s, root, "fabric_modules", save_modules(&s, tree->iscsi));
	put(&s, root, "storage_objects", save_stores(&s, tree));
	put(&s, root, "targets", save_children(&s, tree->iscsi));
	return write_json(&s, root, out);
}

int config_save_node(const struct config_node *node, bool secrets, struct buf *out)
{
	struct saver s = {.secrets = secrets};
	json_t *object = save_node(&s, node);
	return write_json(&s, object, out);
}
