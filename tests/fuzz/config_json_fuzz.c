/* SPDX-License-Identifier: BSD-2-Clause */
/* Saved configurations: whatever is loaded can be saved, and is the same when it is loaded again. */
#include "config/diff.h"
#include "config/json.h"
#include "fuzz.h"

static const struct config_prefs prefs = {.iqn_prefix = "iqn.2003-01.org.example",
					  .random = not_random};

static struct config_tree *load(const uint8_t *data, size_t size, const struct config_tree *like)
{
	struct config_tree *tree = NULL;
	struct config_report report;
	uint8_t *copy = copy_of(data, size);
	config_report_init(&report);
	int err = config_load(&tree, (const char *)copy, size, &prefs, CONFIG_FROM_FILE, like,
			      &report);
	MUST(!err == !report.errors && !err == !!tree);
	MUST(report.skipped <= report.warnings);
	for (const char *p = buf_str(&report.lines); *p; p++)
		MUST(*p == '\n' || (unsigned char)*p >= ' ');
	config_report_free(&report);
	free(copy);
	return tree;
}

static void save(const struct config_tree *tree, struct buf *out)
{
	buf_init(out, CONFIG_TEXT_MAX);
	MUST(!config_save(tree, out));
}

/* The way from one to the other and back leaves no trace. */
static void there_and_back(struct config_tree *tree, const struct buf *text)
{
	struct config_txn txn;
	struct buf after;
	struct config_tree *empty = config_tree_new();
	MUST(empty && !config_begin(&txn, tree));
	MUST(!config_become(&txn, empty));
	MUST(!config_iscsi(tree)->child_count);
	config_abandon(&txn, NULL, NULL);
	save(tree, &after);
	MUST(after.len == text->len && !memcmp(after.data, text->data, text->len));
	buf_free(&after);
	config_tree_free(empty);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_tree *tree = load(data, size, NULL);
	if (!tree)
		return 0;
	struct buf first, second;
	save(tree, &first);
	struct config_tree *again = load(first.data, first.len, tree);
	MUST(again);
	save(again, &second);
	MUST(first.len == second.len && !memcmp(first.data, second.data, first.len));
	there_and_back(again, &second);
	buf_free(&first);
	buf_free(&second);
	config_tree_free(again);
	config_tree_free(tree);
	return 0;
}
