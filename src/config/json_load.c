/* SPDX-License-Identifier: BSD-2-Clause */
/* From JSON to a tree. Every function goes on after an error, so that all of them are told at once. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include "config/edit_priv.h"
#include "config/json.h"
#include "config/json_keys.h"
#include "config/presented.h"
#include "iscsi/names.h"

#define PLACE_SIZE 1024

struct loader {
	struct config_tree *tree;
	struct config_txn txn;
	const struct config_prefs *prefs;
	const struct config_tree *like;
	struct config_report *report;
	json_t *stores; /* what is ours of backstores; NULL: nothing */
	/* The default of the one row that is JSON itself: most have it, and need not be written out. */
	const char *standard;
	json_t *standard_json;
	bool foreign; /* written by the kernel's target's tools */
	bool no_memory;
	char place[PLACE_SIZE];
};

/* ---- where we are ---- */

static size_t enter(struct loader *l, const char *key)
{
	size_t len = strlen(l->place);
	snprintf(l->place + len, sizeof(l->place) - len, "%s%.200s", len ? "." : "", key);
	return len;
}

static size_t enter_index(struct loader *l, size_t i)
{
	size_t len = strlen(l->place);
	snprintf(l->place + len, sizeof(l->place) - len, "[%zu]", i);
	return len;
}

static void leave(struct loader *l, size_t len)
{
	l->place[len] = 0;
}

/* What an operation answered; true: it was done. */
static bool done(struct loader *l, int err)
{
	if (err == -ENOMEM)
		l->no_memory = true;
	else if (err)
		config_report_error(l->report, l->place, "%s", l->txn.why.text);
	return !err;
}

static void skip(struct loader *l, const char *what, const char *value)
{
	l->report->skipped++;
	config_report_warning(l->report, l->place,
			      "%s \"%.60s\" is not served here; what is in it is left out", what,
			      value);
}

static const char *type_name(const json_t *json)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",     [JSON_ARRAY] = "a list",
		[JSON_STRING] = "a text",        [JSON_INTEGER] = "a number",
		[JSON_REAL] = "a broken number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",          [JSON_NULL] = "null",
	};
	return names[json_typeof(json)];
}

static void wrong_type(struct loader *l, const json_t *json, const char *wanted)
{
	config_report_error(l->report, l->place, "%s where %s is expected", type_name(json),
			    wanted);
}

/* ---- members ---- */

/* A list that may be missing; NULL: there is none. */
static json_t *list_of(struct loader *l, json_t *object, const char *key)
{
	json_t *list = json_object_get(object, key);
	if (!list || json_is_array(list) || json_is_null(list))
		return json_is_array(list) ? list : NULL;
	size_t len = enter(l, key);
	wrong_type(l, list, "a list");
	leave(l, len);
	return NULL;
}

/* A text that must be there; NULL: it was told that it is not. */
static const char *text_of(struct loader *l, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	if (json_is_string(value))
		return json_string_value(value);
	size_t len = enter(l, key);
	if (value)
		wrong_type(l, value, "a text");
	else
		config_report_error(l->report, l->place, "missing");
	leave(l, len);
	return NULL;
}

/* A number from low to high that must be there. */
static bool number_of(struct loader *l, json_t *object, const char *key, int64_t low, int64_t high,
		      int64_t *out)
{
	json_t *value = json_object_get(object, key);
	size_t len = enter(l, key);
	bool good = json_is_integer(value) && json_integer_value(value) >= low &&
		    json_integer_value(value) <= high;
	if (good)
		*out = json_integer_value(value);
	else if (!value)
		config_report_error(l->report, l->place, "missing");
	else if (json_is_integer(value))
		config_report_error(l->report, l->place,
				    "%" JSON_INTEGER_FORMAT " is not from %" PRId64 " to %" PRId64,
				    json_integer_value(value), low, high);
	else
		wrong_type(l, value, "a number");
	leave(l, len);
	return good;
}

/* ---- values ---- */

/* As a person would write it, to be freed. NULL: it has no such form, or no memory. */
static char *value_text(const struct config_attr *attr, const json_t *value)
{
	bool words = attr->form == CONFIG_FORM_TRUTH || attr->form == CONFIG_FORM_YES_NO;
	char *text = NULL;
	if (attr->form == CONFIG_FORM_JSON)
		return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_boolean(value))
		return strdup(json_is_true(value) ? (words ? "True" : "1")
						  : (words ? "False" : "0"));
	if (json_is_integer(value) &&
	    asprintf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) < 0)
		return NULL;
	return text;
}

static bool is_standard_json(struct loader *l, const struct config_attr *attr, const json_t *value)
{
	if (attr->form != CONFIG_FORM_JSON)
		return false;
	if (l->standard != attr->standard) {
		json_decref(l->standard_json);
		l->standard_json = json_loads(attr->standard, JSON_DECODE_ANY, NULL);
		l->standard = attr->standard;
	}
	return json_equal(l->standard_json, value);
}

/* What meant something where the file comes from. A row without default is a name that was made up there. */
static void report_effect(struct loader *l, const struct config_node *node,
			  const struct config_attr *attr)
{
	if (attr->effect == CONFIG_NO_EFFECT && l->foreign && attr->standard[0] &&
	    !config_is_default(node, attr))
		config_report_warning(l->report, l->place, "is kept, and has no effect: %s",
				      attr->note);
}

/* A value that does not fit is an error, unless another program found it fitting. */
static void load_value(struct loader *l, struct config_node *node, const struct config_attr *attr,
		       const json_t *value)
{
	if (json_is_null(value) || is_standard_json(l, attr, value))
		return;
	CLEANUP(free) char *text = value_text(attr, value);
	if (!text) {
		wrong_type(l, value, "a text or a number");
		return;
	}
	int err = config_give(&l->txn, node, attr, text);
	if (err && err != -ENOMEM && l->foreign && attr->group != CONFIG_OBJECT)
		config_report_warning(l->report, l->place, "%s It stays %s.", l->txn.why.text,
				      config_get(node, attr));
	else
		done(l, err);
	if (!err)
		report_effect(l, node, attr);
}

static void load_named(struct loader *l, struct config_node *node, const char *key,
		       const json_t *value, const enum config_group *groups, size_t count,
		       bool ours)
{
	const struct config_attr *attr = NULL;
	for (size_t i = 0; i < count && !attr; i++)
		attr = config_attr_by_key(node->kind, groups[i], key);
	if (attr && attr->flags & CONFIG_READ_ONLY) {
		config_report_warning(l->report, l->place,
				      "is found out, not set; it is passed over");
	} else if (attr &&
		   (ours || !(attr->flags & CONFIG_OURS) || config_is_backstore(node->kind))) {
		load_value(l, node, attr, value);
	} else {
		config_report_warning(l->report, l->place, "is not known here; it is not kept");
	}
}

/* All members of an object but those in `known`, which ends with NULL. */
static void load_members(struct loader *l, struct config_node *node, json_t *object,
			 const char *const *known, const enum config_group *groups, size_t count,
			 bool ours)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		const char *const *k = known;
		while (*k && strcmp(*k, key))
			k++;
		if (*k)
			continue;
		size_t len = enter(l, key);
		load_named(l, node, key, value, groups, count, ours);
		leave(l, len);
	}
}

static void load_group(struct loader *l, struct config_node *node, json_t *object, const char *key,
		       const enum config_group *groups, size_t count, bool ours)
{
	static const char *const none[] = {NULL};
	json_t *group = json_object_get(object, key);
	if (!group || json_is_null(group))
		return;
	size_t len = enter(l, key);
	if (json_is_object(group))
		load_members(l, node, group, none, groups, count, ours);
	else
		wrong_type(l, group, "an object");
	leave(l, len);
}

/* The rows of a node; `known`: its members that are no rows. */
static void load_values(struct loader *l, struct config_node *node, json_t *object,
			const char *const *known)
{
	static const enum config_group top[] = {CONFIG_OBJECT, CONFIG_AUTH, CONFIG_DISCOVERY_AUTH};
	static const enum config_group attribute[] = {CONFIG_ATTRIBUTE};
	static const enum config_group parameter[] = {CONFIG_PARAMETER};
	static const enum config_group ours[] = {CONFIG_OBJECT, CONFIG_ATTRIBUTE};
	load_members(l, node, object, known, top, ARRAY_SIZE(top), false);
	load_group(l, node, object, "attributes", attribute, 1, false);
	load_group(l, node, object, "parameters", parameter, 1, false);
	load_group(l, node, object, KEY_LUNAR, ours, ARRAY_SIZE(ours), true);
}

#define GROUP_KEYS "attributes", "parameters", KEY_LUNAR

/* ---- backstores ---- */

/* What its kind cannot be without; another program's file may lack our size. */
static bool is_complete(struct loader *l, const struct config_node *node)
{
	bool ram = node->kind == CONFIG_RAMDISK;
	const char *key = ram ? "size" : "dev";
	if (config_value(node, CONFIG_OBJECT, key)[0])
		return true;
	size_t len = enter(l, key);
	config_report_error(l->report, l->place, "missing");
	leave(l, len);
	return false;
}

/* The same disk in the tree that this one may replace; NULL: there is none. */
static const struct config_node *like_store(const struct loader *l, const struct config_node *node)
{
	const struct config_node *old =
		l->like ? config_child(config_plugin(l->like, node->kind), node->name) : NULL;
	if (!old || strcmp(config_value(old, CONFIG_OBJECT, "dev"),
			   config_value(node, CONFIG_OBJECT, "dev")))
		return NULL;
	return old;
}

static int give_wwn(struct loader *l, struct config_node *node)
{
	const struct config_node *old = like_store(l, node);
	if (config_value(node, CONFIG_OBJECT, "wwn")[0])
		return 0;
	if (!old)
		return config_give_random_wwn(&l->txn, l->prefs, node);
	return config_give_named(&l->txn, node, CONFIG_OBJECT, "wwn",
				 config_value(old, CONFIG_OBJECT, "wwn"));
}

/* A file without our part says nothing of what a disk looks like: one that is here looks as it does. */
static int give_looks(struct loader *l, struct config_node *node)
{
	const struct config_node *old = like_store(l, node);
	size_t count;
	const struct config_attr *rows = config_attrs(node->kind, &count);
	if (!l->foreign)
		return 0;
	if (!old || strcmp(config_value(old, CONFIG_OBJECT, "wwn"),
			   config_value(node, CONFIG_OBJECT, "wwn")))
		return config_present_as_lio(&l->txn, node);
	int err = 0;
	for (size_t i = 0; i < count && !err; i++) {
		if (rows[i].flags & CONFIG_OURS && config_is_default(node, &rows[i]) &&
		    !config_is_default(old, &rows[i]))
			err = config_give(&l->txn, node, &rows[i], config_get(old, &rows[i]));
	}
	return err;
}

/* Links have names in the files of the other side. */
static int give_alias(struct loader *l, struct config_node *node)
{
	char path[CONFIG_PATH_SIZE], alias[CONFIG_ALIAS_SIZE];
	if (config_value(node, CONFIG_OBJECT, "alias")[0])
		return 0;
	const struct config_node *old =
		l->like ? config_lookup(l->like, config_path(node, path)) : NULL;
	config_random_alias(l->prefs, alias);
	return config_give_named(&l->txn, node, CONFIG_OBJECT, "alias",
				 old ? config_value(old, CONFIG_OBJECT, "alias") : alias);
}

static void load_ours(struct loader *l, struct config_node *node)
{
	static const enum config_group ours[] = {CONFIG_OBJECT, CONFIG_ATTRIBUTE};
	char name[CONFIG_NAME_MAX + 16], place[PLACE_SIZE];
	snprintf(name, sizeof(name), "%s/%s", node->parent->name, node->name);
	strcpy(place, l->place);
	strcpy(l->place, KEY_LUNAR ".storage_objects");
	load_group(l, node, l->stores, name, ours, ARRAY_SIZE(ours), true);
	strcpy(l->place, place);
}

static void load_store(struct loader *l, json_t *object)
{
	static const char *const known[] = {"name", "plugin", GROUP_KEYS, NULL};
	const char *name = text_of(l, object, "name");
	const char *plugin = text_of(l, object, "plugin");
	struct config_node *node;
	if (!name || !plugin)
		return;
	enum config_kind kind = config_plugin_kind(plugin);
	if (kind == CONFIG_KINDS && l->foreign) {
		skip(l, "the plugin", plugin);
		return;
	}
	if (kind == CONFIG_KINDS) {
		config_report_error(
			l->report, l->place,
			"there is no plugin \"%.60s\"; there are block, fileio, ramdisk", plugin);
		return;
	}
	if (!done(l, config_add_backstore(&l->txn, kind, name, &node)))
		return;
	load_values(l, node, object, known);
	load_ours(l, node);
	if (is_complete(l, node) && done(l, give_wwn(l, node)) &&
	    done(l, config_check_unique(&l->txn, node)))
		done(l, give_looks(l, node));
}

/* ---- below a group ---- */

typedef void item_loader(struct loader *l, struct config_node *parent, json_t *object);

/* Each object of a list. */
static void load_list(struct loader *l, struct config_node *parent, json_t *object, const char *key,
		      item_loader *load)
{
	json_t *list = list_of(l, object, key);
	size_t outer = enter(l, key);
	for (size_t i = 0; i < json_array_size(list) && !l->no_memory; i++) {
		json_t *item = json_array_get(list, i);
		size_t len = enter_index(l, i);
		if (json_is_object(item))
			load(l, parent, item);
		else
			wrong_type(l, item, "an object");
		leave(l, len);
	}
	leave(l, outer);
}

/* The backstore that a LUN names; one that was left out takes its LUNs with it. */
static struct config_node *store_of_lun(struct loader *l, json_t *object)
{
	const char *path = text_of(l, object, "storage_object");
	struct config_node *store = path ? config_find_backstore(l->tree, path) : NULL;
	if (store || !path)
		return store;
	size_t len = enter(l, "storage_object");
	if (l->foreign)
		skip(l, "the storage object", path);
	else
		config_report_error(l->report, l->place, "there is no storage object \"%.300s\"",
				    path);
	leave(l, len);
	return NULL;
}

static void load_lun(struct loader *l, struct config_node *tpg, json_t *object)
{
	static const char *const known[] = {"index", "storage_object", GROUP_KEYS, NULL};
	struct config_node *store = store_of_lun(l, object), *node;
	int64_t number;
	if (!number_of(l, object, "index", 0, CONFIG_LUN_MAX, &number) || !store)
		return;
	if (!done(l, config_add_lun(&l->txn, tpg, store, (uint32_t)number, NULL, &node)))
		return;
	load_values(l, node, object, known);
	done(l, give_alias(l, node));
}

static void load_portal(struct loader *l, struct config_node *tpg, json_t *object)
{
	static const char *const known[] = {"ip_address", "port", GROUP_KEYS, NULL};
	const char *address = text_of(l, object, "ip_address");
	struct config_node *node;
	int64_t port;
	if (!number_of(l, object, "port", 1, 65535, &port) || !address)
		return;
	if (done(l, config_add_portal(&l->txn, tpg, address, port, &node)))
		load_values(l, node, object, known);
}

static void load_mapped_lun(struct loader *l, struct config_node *acl, json_t *object)
{
	static const char *const known[] = {"index", "tpg_lun", GROUP_KEYS, NULL};
	struct config_node *luns = config_part(config_above(acl, CONFIG_TPG), CONFIG_LUNS), *node;
	int64_t index, number;
	if (!number_of(l, object, "index", 0, CONFIG_LUN_MAX, &index) ||
	    !number_of(l, object, "tpg_lun", 0, CONFIG_LUN_MAX, &number))
		return;
	struct config_node *lun = config_child_number(luns, (uint32_t)number);
	size_t len = enter(l, "tpg_lun");
	if (!lun && l->foreign)
		skip(l, "the LUN", "of this number");
	else if (!lun)
		config_report_error(l->report, l->place, "the group has no LUN %" PRId64, number);
	leave(l, len);
	if (!lun ||
	    !done(l, config_add_mapped_lun(&l->txn, acl, (uint32_t)index, lun, NULL, &node)))
		return;
	load_values(l, node, object, known);
	done(l, give_alias(l, node));
}

static void load_acl(struct loader *l, struct config_node *tpg, json_t *object)
{
	static const char *const known[] = {"node_wwn", "mapped_luns", GROUP_KEYS, NULL};
	const char *name = text_of(l, object, "node_wwn");
	struct config_node *node;
	if (!name || !done(l, config_add_acl(&l->txn, tpg, name, &node)))
		return;
	load_values(l, node, object, known);
	load_list(l, node, object, "mapped_luns", load_mapped_lun);
}

static void load_tpg(struct loader *l, struct config_node *target, json_t *object)
{
	static const char *const known[] = {"tag",       "luns",     "portals",
					    "node_acls", GROUP_KEYS, NULL};
	struct config_node *node;
	int64_t tag;
	if (!number_of(l, object, "tag", 1, CONFIG_TAG_MAX, &tag) ||
	    !done(l, config_add_tpg(&l->txn, target, (uint32_t)tag, &node)))
		return;
	load_values(l, node, object, known);
	load_list(l, node, object, "luns", load_lun);
	load_list(l, node, object, "portals", load_portal);
	load_list(l, node, object, "node_acls", load_acl);
}

static void load_target(struct loader *l, struct config_node *parent, json_t *object)
{
	static const char *const known[] = {"fabric", "wwn", "tpgs", GROUP_KEYS, NULL};
	const char *fabric = text_of(l, object, "fabric");
	struct config_node *node;
	if (fabric && strcmp(fabric, "iscsi")) {
		skip(l, "the fabric", fabric);
		return;
	}
	const char *wwn = text_of(l, object, "wwn");
	if (!fabric || !wwn || !done(l, config_add_target(&l->txn, wwn, &node)))
		return;
	load_values(l, node, object, known);
	load_list(l, node, object, "tpgs", load_tpg);
}

/* ---- the file ---- */

static void load_any_store(struct loader *l, struct config_node *parent, json_t *object)
{
	load_store(l, object);
}

static void load_module(struct loader *l, struct config_node *iscsi, json_t *object)
{
	static const char *const known[] = {"name", GROUP_KEYS, NULL};
	const char *name = text_of(l, object, "name");
	if (name && strcmp(name, "iscsi"))
		skip(l, "the fabric", name);
	else if (name)
		load_values(l, iscsi, object, known);
}

static void warn_of_others(struct loader *l, json_t *root)
{
	static const char *const known[] = {"fabric_modules", "storage_objects", "targets",
					    KEY_LUNAR, NULL};
	const char *key;
	json_t *value;
	json_object_foreach(root, key, value)
	{
		const char *const *k = known;
		while (*k && strcmp(*k, key))
			k++;
		if (!*k)
			config_report_warning(l->report, key, "is not known here; it is not kept");
	}
}

/* A later version may say things that this one would lose. */
static void check_version(struct loader *l, json_t *lunar)
{
	if (!lunar)
		return;
	size_t len = enter(l, KEY_LUNAR);
	int64_t version;
	if (!json_is_object(lunar))
		wrong_type(l, lunar, "an object");
	else if (json_object_get(lunar, "version"))
		number_of(l, lunar, "version", 1, JSON_VERSION, &version);
	leave(l, len);
}

/* What is ours of a backstore is far from it: a name that was changed in one place only is told. */
static void warn_of_strays(struct loader *l)
{
	char path[CONFIG_PATH_SIZE];
	const char *key;
	json_t *value;
	size_t len = enter(l, KEY_LUNAR ".storage_objects");
	json_object_foreach(l->stores, key, value)
	{
		snprintf(path, sizeof(path), "/backstores/%.500s", key);
		size_t inner = enter(l, key);
		if (!config_find_backstore(l->tree, path))
			config_report_warning(l->report, l->place,
					      "there is no such storage object; it is not kept");
		leave(l, inner);
	}
	leave(l, len);
}

static void load_root(struct loader *l, json_t *root, enum config_origin origin)
{
	json_t *lunar = json_object_get(root, KEY_LUNAR);
	l->foreign = origin == CONFIG_FROM_LIO || (origin == CONFIG_FROM_FILE && !lunar);
	l->stores = json_object_get(lunar, "storage_objects");
	check_version(l, lunar);
	warn_of_others(l, root);
	load_list(l, NULL, root, "storage_objects", load_any_store);
	warn_of_strays(l);
	load_list(l, config_iscsi(l->tree), root, "fabric_modules", load_module);
	load_list(l, config_iscsi(l->tree), root, "targets", load_target);
}

/* The text as JSON; NULL: it was told why not. */
static json_t *parse(const char *text, size_t len, struct config_report *report)
{
	json_error_t error;
	char place[64];
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (root && !json_is_object(root)) {
		config_report_error(report, "", "%s where an object is expected", type_name(root));
		json_decref(root);
		return NULL;
	}
	if (root)
		return root;
	snprintf(place, sizeof(place), "line %d, column %d", error.line, error.column);
	config_report_error(report, place, "%s", error.text);
	return NULL;
}

int config_load(struct config_tree **out, const char *text, size_t len,
		const struct config_prefs *prefs, enum config_origin origin,
		const struct config_tree *like, struct config_report *report)
{
	json_t *root = parse(text, len, report);
	if (!root)
		return -EINVAL;
	struct loader l = {
		.tree = config_tree_new(), .prefs = prefs, .like = like, .report = report};
	if (!l.tree || config_begin(&l.txn, l.tree)) {
		config_tree_free(l.tree);
		json_decref(root);
		return -ENOMEM;
	}
	load_root(&l, root, origin);
	json_decref(root);
	json_decref(l.standard_json);
	if (!l.no_memory && !report->errors) {
		config_commit(&l.txn);
		*out = l.tree;
		return 0;
	}
	config_abandon(&l.txn, NULL, NULL);
	config_tree_free(l.tree);
	return l.no_memory ? -ENOMEM : -EINVAL;
}
