/* SPDX-License-Identifier: BSD-2-Clause */
/* Backstores. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "config/edit_priv.h"
#include "config/schema.h"
#include "config/tree_priv.h"
#include "iscsi/text.h"

#define UUID_SIZE 37

/* RFC 4122 4.4 */
static void random_uuid(const struct config_prefs *prefs, char out[UUID_SIZE])
{
	uint8_t b[16];
	prefs->random(prefs->ctx, b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	size_t at = 0;
	for (size_t i = 0; i < sizeof(b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		snprintf(out + at, UUID_SIZE - at, "%02x", b[i]);
		at += 2;
	}
}

static int check_name(struct config_txn *txn, const char *name)
{
	size_t len = strlen(name);
	if (!len || len > CONFIG_NAME_MAX || !strcmp(name, ".") || !strcmp(name, ".."))
		return config_refuse(
			&txn->why, EINVAL,
			"Could not create a storage object named \"%.40s\": a name has 1 "
			"to %d bytes, and is not . or ..",
			name, CONFIG_NAME_MAX);
	for (const char *p = name; *p; p++) {
		if (*p == '/' || isspace((unsigned char)*p))
			return config_refuse(
				&txn->why, EINVAL,
				"A storage object's name cannot contain  /, newline or "
				"spaces/tabs");
	}
	if (iscsi_check_utf8(name))
		return config_refuse(&txn->why, EINVAL,
				     "A storage object's name is UTF-8 without control characters: "
				     "\"%.60s\" is not",
				     name);
	return 0;
}

int config_add_backstore(struct config_txn *txn, enum config_kind kind, const char *name,
			 struct config_node **out)
{
	struct config_node *plugin = config_plugin(txn->tree, kind);
	int err = check_name(txn, name);
	if (err)
		return err;
	if (config_child(plugin, name))
		return config_refuse(&txn->why, EEXIST, "Storage object %s/%s exists", plugin->name,
				     name);
	struct config_node *node = config_node_new(plugin, kind, name, 0, NULL);
	err = config_do_create(txn, node);
	if (!err)
		*out = node;
	return err;
}

/* Finds another backstore with the same value, though this one is indexed by it as well. */
static const struct config_node *double_of(const struct config_node *node, const char *name,
					   struct hash *index, bool by_path)
{
	const char *value = config_value(node, CONFIG_OBJECT, name);
	struct hash_entry *e = value[0] ? hash_find(index, hash_text(HASH_SEED, value)) : NULL;
	for (; e; e = hash_find_next(e)) {
		const struct config_node *other =
			by_path ? container_of(e, struct config_extra, by_path)->node
				: container_of(e, struct config_extra, by_wwn)->node;
		if (other != node && !strcmp(config_value(other, CONFIG_OBJECT, name), value))
			return other;
	}
	return NULL;
}

int config_check_unique(struct config_txn *txn, const struct config_node *backstore)
{
	const struct config_node *other = double_of(backstore, "dev", &txn->tree->paths, true);
	if (other)
		return config_refuse(&txn->why, EEXIST,
				     "storage object for %.300s already exists: %s",
				     config_value(backstore, CONFIG_OBJECT, "dev"), other->name);
	other = double_of(backstore, "wwn", &txn->tree->wwns, false);
	if (other)
		return config_refuse(
			&txn->why, EEXIST,
			"Could not create storage object %s: wwn %.100s is that of %s/%s, "
			"and initiators would take the two for one disk; leave wwn out "
			"for a new one",
			backstore->name, config_value(backstore, CONFIG_OBJECT, "wwn"),
			other->parent->name, other->name);
	return 0;
}

/* Initiators have read how large a block is, and count in them. */
int config_check_free(struct config_txn *txn, const struct config_node *node,
		      const struct config_attr *attr)
{
	char path[CONFIG_PATH_SIZE];
	if (!config_is_backstore(node->kind) || list_empty(&node->users) ||
	    strcmp(attr->name, "block_size") != 0)
		return 0;
	return config_refuse(
		&txn->why, EBUSY,
		"%s is in use as %.300s: delete its LUNs first, initiators have to look "
		"at it anew",
		node->name, config_path(list_first(&node->users, struct config_node, use), path));
}

/* What a kind cannot be made without. */
static int check_args(struct config_txn *txn, enum config_kind kind,
		      const struct config_backstore_args *args)
{
	const char *plugin = config_plugin_name(kind);
	if (kind != CONFIG_RAMDISK && (!args->dev || !args->dev[0]))
		return config_refuse(&txn->why, EINVAL,
				     "Could not create %s %.60s: the path of its file or device is "
				     "missing, such as create %.60s /srv/iscsi/disk.img 10G",
				     plugin, args->name, args->name);
	if (kind == CONFIG_RAMDISK && (!args->size || !args->size[0]))
		return config_refuse(&txn->why, EINVAL,
				     "Could not create ramdisk %.60s: its size is missing, such as "
				     "create %.60s 1G",
				     args->name, args->name);
	bool nullio;
	int err = config_parse_choice(txn, "nullio", args->nullio, false, &nullio);
	if (!err && nullio)
		err = config_refuse(&txn->why, EOPNOTSUPP,
				    "Could not create ramdisk %.60s: a disk that keeps nothing "
				    "(nullio=true) is not offered; leave nullio out",
				    args->name);
	return err;
}

static int give_all(struct config_txn *txn, struct config_node *node,
		    const struct config_backstore_args *args)
{
	const struct {
		const char *name, *text;
	} given[] = {
		{"dev", args->dev},
		{"size", args->size && args->size[0] ? args->size : NULL},
		{"wwn", args->wwn && args->wwn[0] ? args->wwn : NULL},
		{"write_back", args->write_back},
		{"sparse", args->sparse},
		{"readonly", args->readonly},
		{"exclusive", args->exclusive},
		{"aio", args->aio},
	};
	int err = 0;
	for (size_t i = 0; i < ARRAY_SIZE(given) && !err; i++)
		err = config_give_named(txn, node, CONFIG_OBJECT, given[i].name, given[i].text);
	return err;
}

int config_give_random_wwn(struct config_txn *txn, const struct config_prefs *prefs,
			   struct config_node *backstore)
{
	char wwn[UUID_SIZE];
	random_uuid(prefs, wwn);
	return config_give_named(txn, backstore, CONFIG_OBJECT, "wwn", wwn);
}

static int create(struct config_txn *txn, const struct config_prefs *prefs, enum config_kind kind,
		  const struct config_backstore_args *args, struct config_node **out)
{
	bool named = args->wwn && args->wwn[0];
	int err = check_args(txn, kind, args);
	if (!err)
		err = config_add_backstore(txn, kind, args->name, out);
	if (!err)
		err = give_all(txn, *out, args);
	if (!err && !named)
		err = config_give_random_wwn(txn, prefs, *out);
	if (!err)
		err = config_check_unique(txn, *out);
	if (!err && kind != CONFIG_RAMDISK && !config_true(*out, CONFIG_OBJECT, "write_back"))
		err = config_give_named(txn, *out, CONFIG_ATTRIBUTE, "emulate_write_cache", "0");
	if (!err && !prefs->model_alias)
		err = config_give_named(txn, *out, CONFIG_ATTRIBUTE, "emulate_model_alias", "0");
	return err;
}

int config_create_backstore(struct config_txn *txn, const struct config_prefs *prefs,
			    enum config_kind kind, const struct config_backstore_args *args,
			    struct config_node **out)
{
	struct config_node *node = NULL;
	struct config_mark mark = config_mark(txn);
	int err = config_end_edit(txn, mark, create(txn, prefs, kind, args, &node));
	if (!err && out)
		*out = node;
	return err;
}

void config_say_created(struct config_txn *txn, const struct config_node *backstore,
			const struct config_backstore_args *args)
{
	switch (backstore->kind) {
	case CONFIG_RAMDISK:
		config_say(txn, "Created ramdisk %s with size %s.", backstore->name, args->size);
		break;
	case CONFIG_BLOCK:
		config_say(txn, "Created block storage object %s using %s.", backstore->name,
			   args->dev);
		break;
	default:
		config_say(txn, "Created fileio %s with size %s", backstore->name,
			   config_value(backstore, CONFIG_OBJECT, "size"));
		break;
	}
}

int config_delete_backstore(struct config_txn *txn, struct config_node *backstore)
{
	struct config_mark mark = config_mark(txn);
	int err = config_remove(txn, backstore);
	if (!err)
		config_say(txn, "Deleted storage object %s.", backstore->name);
	return config_end_edit(txn, mark, err);
}

int config_resize(struct config_txn *txn, struct config_node *backstore, const char *size,
		  bool force)
{
	uint64_t bytes;
	char now[CONFIG_TEXT_SIZE];
	const char *plugin = backstore->parent->name;
	uint64_t old = (uint64_t)config_number(backstore, CONFIG_OBJECT, "size");
	if (config_parse_size(size, &bytes))
		return config_refuse(
			&txn->why, EINVAL,
			"Cannot interpret size, wrong format: %.60s; say it as 10G, 512M "
			"or as a number of bytes",
			size);
	if (bytes < old && !force)
		return config_refuse(
			&txn->why, EINVAL,
			"Could not make %s/%s smaller: it has %s, and what is past %.40s "
			"would be lost; say force=true, or --force, if that is meant",
			plugin, backstore->name, config_format_size(now, old), size);
	return config_give_named(txn, backstore, CONFIG_OBJECT, "size", size);
}

int config_set_found(struct config_node *backstore, uint64_t size)
{
	const struct config_attr *attr = config_attr_find(backstore->kind, CONFIG_OBJECT, "size");
	CLEANUP(free) char *old = NULL;
	char *text = NULL;
	if (asprintf(&text, "%" PRIu64, size) < 0)
		return -ENOMEM;
	int err = config_node_put(backstore, attr, text, &old);
	if (err)
		free(text);
	return err;
}
