/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done with the configuration as a whole. */
#include <errno.h>
#include <string.h>
#include "common/buf.h"
#include "config/diff.h"
#include "config/json.h"
#include "daemon/ops.h"

static int clear_all(struct admin_step *step, struct config_txn *txn)
{
	bool confirm = false;
	int err = admin_flag(txn, step->params, "confirm", &confirm);
	if (err)
		return err;
	if (!confirm)
		return config_refuse(&txn->why, ECANCELED,
				     "As a precaution, confirm=True needs to be set");
	return config_clear(txn);
}

/* ---- documents ---- */

static void note(struct admin_step *step, const char *name, json_t *value)
{
	if (!step->extra)
		step->extra = json_object();
	json_object_set_new(step->extra, name, value);
}

/* What is asked for: the document that came along, or the daemon's own. */
static int find_text(struct admin_step *step, struct config_txn *txn, struct buf *out)
{
	json_t *document = json_object_get(step->params, "document");
	const struct admin *a = step->admin;
	if (json_is_string(document))
		return buf_add(out, json_string_value(document), json_string_length(document));
	if (json_is_object(document)) {
		char *text = json_dumps(document, JSON_COMPACT);
		int err = text ? buf_add(out, text, strlen(text)) : -ENOMEM;
		free(text);
		return err;
	}
	if (document && !json_is_null(document))
		return config_refuse(&txn->why, EBADMSG,
				     "\"document\" is neither the text of a saved configuration "
				     "nor an object");
	const char *name = "";
	if (!a->hooks.saved)
		return config_refuse(&txn->why, ENOENT,
				     "This daemon has no file of its own: say which file");
	int err = a->hooks.saved(a->hooks_ctx, out, &name, &txn->why);
	if (!err)
		note(step, "name", json_string(name));
	return err;
}

/* Leaves one target of the tree, with its backstores, or one backstore. -ENOENT with `why`. */
static int leave_one(struct config_tree *tree, const char *target, const char *store,
		     struct config_why *why)
{
	static const enum config_kind kinds[] = {CONFIG_BLOCK, CONFIG_FILEIO, CONFIG_RAMDISK};
	struct config_txn txn;
	size_t left = 0;
	int err = config_begin(&txn, tree);
	list_for_each_safe (it, &config_iscsi(tree)->children) {
		struct config_node *node = list_entry(it, struct config_node, sibling);
		bool stays = target && !strcmp(node->name, target);
		left += stays;
		if (!err && !stays)
			err = config_delete_target(&txn, node);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		list_for_each_safe (it, &config_plugin(tree, kinds[i])->children) {
			struct config_node *node = list_entry(it, struct config_node, sibling);
			bool stays = store ? !strcmp(node->name, store) : !list_empty(&node->users);
			left += store && stays;
			if (!err && !stays)
				err = config_delete_backstore(&txn, node);
		}
	}
	config_commit(&txn);
	if (!err && !left)
		err = config_refuse(why, ENOENT, "There is no %s %.200s in the file",
				    target ? "target" : "storage object", target ? target : store);
	return err;
}

/* What is called like it here, before it is restored. */
static int remove_one(struct config_txn *txn, const char *target, const char *store)
{
	static const enum config_kind kinds[] = {CONFIG_BLOCK, CONFIG_FILEIO, CONFIG_RAMDISK};
	struct config_node *node = target ? config_child(config_iscsi(txn->tree), target) : NULL;
	int err = node ? config_delete_target(txn, node) : 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && store && !err; i++) {
		node = config_child(config_plugin(txn->tree, kinds[i]), store);
		err = node ? config_delete_backstore(txn, node) : 0;
	}
	return err;
}

/* A first line of what is wrong, without its "error: ". */
static void refuse_report(struct admin_step *step, struct config_txn *txn,
			  const struct config_report *report)
{
	const char *text = buf_str(&report->lines);
	const char *error = strstr(text, "error: ");
	json_t *lines = admin_lines(buf_str(&report->lines));
	error = error ? error + strlen("error: ") : "no reason was given";
	note(step, "report", lines);
	config_write_why(&txn->why, "%.*s", (int)MIN(strcspn(error, "\n"), 480), error);
}

/* What was read with reservations, and how many objects are missing for that. */
static void report_back(struct admin_step *step, const struct config_report *report)
{
	note(step, "report", admin_lines(buf_str(&report->lines)));
	note(step, "skipped", json_integer(report->skipped));
}

static enum config_origin origin_of(json_t *params)
{
	const char *word = json_string_value(json_object_get(params, "origin"));
	return word && !strcmp(word, "lio") ? CONFIG_FROM_LIO : CONFIG_FROM_FILE;
}

static int load(struct admin_step *step, struct config_txn *txn, struct config_tree **out)
{
	struct buf text;
	struct config_report report;
	buf_init(&text, CONFIG_TEXT_MAX);
	config_report_init(&report);
	int err = find_text(step, txn, &text);
	if (!err) {
		err = config_load(out, buf_str(&text), text.len, &step->admin->prefs,
				  origin_of(step->params), txn->tree, &report);
		if (err == -EINVAL)
			refuse_report(step, txn, &report);
		else if (!err)
			report_back(step, &report);
	}
	if (err == -ENOMEM)
		err = config_no_memory(txn);
	/* It may hold secrets. */
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_free(&text);
	config_report_free(&report);
	return err;
}

static int restore_one(struct config_txn *txn, struct config_tree *want, const char *target,
		       const char *store, bool clear)
{
	int err = leave_one(want, target, store, &txn->why);
	if (!err && clear)
		err = remove_one(txn, target, store);
	if (err)
		return err;
	return target ? config_merge_targets(txn, want) : config_merge(txn, want);
}

static int restore(struct admin_step *step, struct config_txn *txn)
{
	struct config_tree *want = NULL;
	const char *target = NULL, *store = NULL;
	bool clear = false;
	int err = admin_flag(txn, step->params, "clear_existing", &clear);
	if (!err)
		err = admin_text(txn, step->params, "target", false, &target);
	if (!err)
		err = admin_text(txn, step->params, "storage_object", false, &store);
	if (!err)
		err = load(step, txn, &want);
	if (err)
		return err;
	txn->waits = true;
	if (target || store)
		err = restore_one(txn, want, target, target ? NULL : store, clear);
	else
		err = clear ? config_become(txn, want) : config_merge(txn, want);
	config_tree_free(want);
	return err;
}

/* What was left out of the file would be deleted here. */
static int check_whole(const struct admin_step *step, struct config_txn *txn)
{
	const json_t *lines = json_object_get(step->extra, "report");
	json_int_t skipped = json_integer_value(json_object_get(step->extra, "skipped"));
	const char *first = json_string_value(json_array_get(lines, 0));
	return skipped ? config_refuse(&txn->why, EINVAL,
				       "%" JSON_INTEGER_FORMAT " objects of the file could not be "
				       "understood, and would be deleted: %.300s",
				       skipped, first ? first : "")
		       : 0;
}

static int apply(struct admin_step *step, struct config_txn *txn)
{
	struct config_tree *want = NULL;
	struct buf changes;
	int err = admin_flag(txn, step->params, "dry_run", &step->dry);
	if (!err)
		err = load(step, txn, &want);
	if (err)
		return err;
	txn->waits = true;
	err = check_whole(step, txn);
	if (!err)
		err = config_become(txn, want);
	config_tree_free(want);
	buf_init(&changes, CONFIG_TEXT_MAX);
	config_txn_text(txn, false, &changes);
	if (!err)
		note(step, "changes", admin_lines(buf_str(&changes)));
	buf_free(&changes);
	return err;
}

/* ---- what changes nothing, and waits for what does: half of a change is in no file ---- */

static bool is_secret(const char *key)
{
	for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
		size_t count;
		const struct config_attr *rows = config_attrs((enum config_kind)kind, &count);
		for (size_t i = 0; i < count; i++) {
			if (rows[i].flags & CONFIG_SECRET &&
			    !strcmp(config_attr_key(&rows[i]), key))
				return true;
		}
	}
	return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document, which is ours */
static void hide_secrets(json_t *json)
{
	const char *key;
	json_t *value;
	void *next;
	for (size_t i = 0; i < json_array_size(json); i++)
		hide_secrets(json_array_get(json, i));
	json_object_foreach_safe(json, next, key, value)
	{
		if (json_is_string(value) && json_string_length(value) && is_secret(key))
			json_object_set_new(json, key, json_string(ADMIN_HIDDEN));
		else
			hide_secrets(value);
	}
}

/* NULL: no memory. */
static json_t *document_of(const struct config_tree *tree, bool secrets)
{
	struct buf text;
	buf_init(&text, CONFIG_TEXT_MAX);
	int err = config_save(tree, &text);
	json_t *document = NULL;
	if (!err && secrets)
		document = json_stringn(buf_str(&text), text.len);
	json_t *root = err || secrets ? NULL : json_loadb(buf_str(&text), text.len, 0, NULL);
	if (root) {
		hide_secrets(root);
		char *hidden = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
		document = hidden ? json_string(hidden) : NULL;
		free(hidden);
		json_decref(root);
	}
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_free(&text);
	return document;
}

static int export(struct admin_step *step, struct config_txn *txn)
{
	bool secrets = false;
	int err = admin_flag(txn, step->params, "secrets", &secrets);
	json_t *document = err ? NULL : document_of(txn->tree, secrets);
	if (err)
		return err;
	if (!document)
		return config_no_memory(txn);
	note(step, "document", document);
	return 0;
}

static int save(struct admin_step *step, struct config_txn *txn)
{
	const struct admin *a = step->admin;
	if (!a->hooks.save)
		return config_refuse(&txn->why, ENOTSUP,
				     "This daemon has no file of its own: say saveconfig FILE.");
	return a->hooks.save(a->hooks_ctx, &txn->said, &txn->why);
}

const struct admin_verb admin_config_verbs[] = {
	{"config.apply", apply, NULL, NULL},   {"config.clear", clear_all, NULL, NULL},
	{"config.export", export, NULL, NULL}, {"config.restore", restore, NULL, NULL},
	{"config.save", save, NULL, NULL},
};
const size_t admin_config_verb_count = ARRAY_SIZE(admin_config_verbs);
