/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on the tree, in any order: what was refused has changed nothing, what was taken back was never
 * there, and what stays can be saved and loaded.
 */
#include "config/diff.h"
#include "config/edit.h"
#include "config/json.h"
#include "fuzz.h"

#define AT_A_TIME 8

struct world {
	struct input in;
	struct config_tree *tree;
	struct config_txn txn;
	struct config_prefs prefs;
	struct buf committed; /* what the tree was when the transaction began, as text */
	uint64_t random;
	unsigned fail_in; /* so many changes are done before one is refused; 0: none is */
	const struct config_change *waiting[AT_A_TIME];
	size_t waits;
};

/* ---- the world around it ---- */

static void counted(void *ctx, void *out, size_t len)
{
	struct world *w = ctx;
	w->random++;
	memset(out, 0, len);
	memcpy(out, &w->random, MIN(len, sizeof(w->random)));
}

static int apply(void *ctx, struct config_txn *txn, const struct config_change *change, bool back,
		 struct config_why *why)
{
	struct world *w = ctx;
	int err = !back && w->fail_in && !--w->fail_in ? -EIO : 0;
	MUST(change->told == back && !change->quiet);
	switch (take_byte(&w->in) % 4) {
	case 0: config_txn_answer(change, err, NULL); return CONFIG_LATER;
	case 1:
		if (err)
			return err;
		w->waiting[w->waits++] = change;
		return CONFIG_LATER;
	default: return err;
	}
}

static const struct config_runtime runtime = {apply, AT_A_TIME};

static void note(void *ctx, int err)
{
	*(int *)ctx = err;
}

static void save(const struct config_tree *tree, struct buf *out)
{
	buf_init(out, CONFIG_TEXT_MAX);
	MUST(!config_save(tree, out));
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static bool is_as_it_was(struct world *w)
{
	struct buf now;
	save(w->tree, &now);
	bool as_it_was = same(&now, &w->committed);
	buf_free(&now);
	return as_it_was;
}

static void begin(struct world *w)
{
	buf_free(&w->committed);
	save(w->tree, &w->committed);
	MUST(!config_begin(&w->txn, w->tree));
}

static void answer(struct world *w)
{
	while (w->waits)
		config_txn_answer(w->waiting[--w->waits], 0, NULL);
}

/* ---- words ---- */

static const char *pick(struct world *w, const char *const *words, size_t count)
{
	return words[take_byte(&w->in) % count];
}

static const char *name(struct world *w)
{
	static const char *const names[] = {"a", "b", "c", "d2", "d10", "a b", "", NULL};
	const char *n = pick(w, names, ARRAY_SIZE(names));
	return n ? n : "x/y";
}

static const char *iqn(struct world *w)
{
	static const char *const names[] = {"iqn.2026-01.test.lunar:a", "iqn.2026-01.test.lunar:b",
					    "iqn.2026-01.test.lunar:c", "wrong", NULL};
	return pick(w, names, ARRAY_SIZE(names));
}

static const char *number(struct world *w)
{
	static const char *const numbers[] = {"0",     "1", "2",  "lun3", "16383",
					      "16384", "x", NULL, NULL};
	return pick(w, numbers, ARRAY_SIZE(numbers));
}

static const char *value(struct world *w)
{
	static const char *const values[] = {"0",   "1",      "true",         "false",    "No",
					     "",    "CRC32C", "None,CRC32C",  "65536",    "1G",
					     "a\n", "user",   "192.0.2.0/24", "a.b:3260", NULL};
	const char *v = pick(w, values, ARRAY_SIZE(values));
	return v ? v : "secretsecret12";
}

/* The n-th object of a kind below a node. */
static struct config_node *nth(struct config_node *from, enum config_kind kind, unsigned *n)
{
	if (from->kind == kind && !(*n)--)
		return from;
	list_for_each (it, &from->children) {
		struct config_node *node =
			nth(list_entry(it, struct config_node, sibling), kind, n);
		if (node)
			return node;
	}
	return NULL;
}

static struct config_node *some(struct world *w, enum config_kind kind)
{
	size_t count = config_count(w->tree, kind);
	unsigned n = count ? take_byte(&w->in) % (unsigned)count : 0;
	return count ? nth(config_root(w->tree), kind, &n) : NULL;
}

/* ---- operations ---- */

typedef int operation(struct world *w);

static int create_backstore(struct world *w)
{
	static const enum config_kind kinds[] = {CONFIG_FILEIO, CONFIG_BLOCK, CONFIG_RAMDISK};
	static const char *const paths[] = {"/a", "//a", "/b", "relative", NULL};
	static const char *const sizes[] = {"1M", "1G", "12Q", NULL};
	static const char *const serials[] = {NULL, NULL, "one", "two"};
	static const char *const maybe[] = {NULL, "true", "false", "perhaps"};
	struct config_backstore_args args = {
		.name = name(w),
		.dev = pick(w, paths, ARRAY_SIZE(paths)),
		.size = pick(w, sizes, ARRAY_SIZE(sizes)),
		.wwn = pick(w, serials, ARRAY_SIZE(serials)),
		.write_back = pick(w, maybe, ARRAY_SIZE(maybe)),
	};
	return config_create_backstore(&w->txn, &w->prefs,
				       kinds[take_byte(&w->in) % ARRAY_SIZE(kinds)], &args, NULL);
}

static int delete_backstore(struct world *w)
{
	static const enum config_kind kinds[] = {CONFIG_FILEIO, CONFIG_BLOCK, CONFIG_RAMDISK};
	struct config_node *node = some(w, kinds[take_byte(&w->in) % ARRAY_SIZE(kinds)]);
	return node ? config_delete_backstore(&w->txn, node) : 0;
}

static int create_target(struct world *w)
{
	return config_create_target(&w->txn, &w->prefs, iqn(w), NULL);
}

static int delete_target(struct world *w)
{
	struct config_node *node = some(w, CONFIG_TARGET);
	return node ? config_delete_target(&w->txn, node) : 0;
}

static int create_tpg(struct world *w)
{
	struct config_node *node = some(w, CONFIG_TARGET);
	return node ? config_create_tpg(&w->txn, &w->prefs, node, number(w), NULL) : 0;
}

static int delete_tpg(struct world *w)
{
	struct config_node *node = some(w, CONFIG_TPG);
	return node ? config_delete_tpg(&w->txn, node) : 0;
}

static int enable_tpg(struct world *w)
{
	struct config_node *node = some(w, CONFIG_TPG);
	return node ? config_enable_tpg(&w->txn, node, take_byte(&w->in) & 1) : 0;
}

static int change_portal(struct world *w)
{
	static const char *const addresses[] = {NULL, "127.0.0.1", "::1", "[::1]", "here"};
	struct config_node *node = some(w, CONFIG_TPG);
	const char *address = pick(w, addresses, ARRAY_SIZE(addresses)), *port = number(w);
	if (!node)
		return 0;
	if (address && take_byte(&w->in) & 1)
		return config_delete_portal(&w->txn, node, address, port);
	return config_create_portal(&w->txn, node, address, port, NULL);
}

static int create_lun(struct world *w)
{
	static const enum config_kind kinds[] = {CONFIG_FILEIO, CONFIG_BLOCK, CONFIG_RAMDISK};
	char path[CONFIG_PATH_SIZE] = "/backstores/fileio/none";
	struct config_node *node = some(w, CONFIG_TPG);
	struct config_node *store = some(w, kinds[take_byte(&w->in) % ARRAY_SIZE(kinds)]);
	if (store)
		config_path(store, path);
	return node ? config_create_lun(&w->txn, &w->prefs, node, path, number(w),
					take_byte(&w->in) & 1 ? NULL : "false", NULL)
		    : 0;
}

static int delete_lun(struct world *w)
{
	struct config_node *node = some(w, CONFIG_TPG);
	const char *lun = number(w);
	return node && lun ? config_delete_lun(&w->txn, node, lun) : 0;
}

static int create_acl(struct world *w)
{
	struct config_node *node = some(w, CONFIG_TPG);
	const char *wwn = iqn(w);
	return node && wwn ? config_create_acl(&w->txn, &w->prefs, node, wwn, NULL, NULL) : 0;
}

static int delete_acl(struct world *w)
{
	struct config_node *node = some(w, CONFIG_ACL);
	return node ? config_delete_acl(&w->txn, node) : 0;
}

static int tag_acl(struct world *w)
{
	static const char *const tags[] = {"x", "y", "iqn.2026-01.test.lunar:a",
					   "iqn.2026-01.test.lunar:b"};
	struct config_node *node = some(w, CONFIG_TPG);
	const char *who = pick(w, tags, ARRAY_SIZE(tags));
	if (!node)
		return 0;
	if (take_byte(&w->in) % 4 == 0)
		return config_untag_acl(&w->txn, node, who);
	return config_tag_acl(&w->txn, &w->prefs, node, who, pick(w, tags, ARRAY_SIZE(tags)));
}

static int change_mapping(struct world *w)
{
	struct config_node *node = some(w, CONFIG_ACL);
	const char *mapped = number(w), *lun = number(w);
	if (!node || !mapped || !lun)
		return 0;
	if (take_byte(&w->in) & 1)
		return config_delete_mapped_lun(&w->txn, node, mapped);
	return config_create_mapped_lun(&w->txn, &w->prefs, node, mapped, lun, value(w), NULL);
}

static int set_value(struct world *w)
{
	size_t count;
	struct config_node *node = some(w, (enum config_kind)(take_byte(&w->in) % CONFIG_KINDS));
	const struct config_attr *rows = node ? config_attrs(node->kind, &count) : NULL;
	if (!rows)
		return 0;
	const struct config_attr *row = &rows[take_byte(&w->in) % count];
	return config_set(&w->txn, node, config_group_name(row->group), row->name, value(w));
}

static int clear(struct world *w)
{
	return take_byte(&w->in) == 7 ? config_clear(&w->txn) : 0;
}

/* ---- ends of transactions ---- */

static int run(struct world *w)
{
	int err = 0;
	w->fail_in = take_byte(&w->in) % 16;
	config_txn_run(&w->txn, &runtime, w, note, &err);
	answer(w);
	if (err)
		MUST(!w->txn.count && is_as_it_was(w));
	return 0;
}

/* What stays can be loaded, and then there is nothing to do from one to the other. */
static int commit(struct world *w)
{
	struct config_tree *again = NULL;
	struct config_report report;
	config_commit(&w->txn);
	begin(w);
	config_report_init(&report);
	MUST(!config_load(&again, buf_str(&w->committed), w->committed.len, &w->prefs,
			  CONFIG_FROM_US, NULL, &report));
	MUST(!report.warnings);
	MUST(!config_become(&w->txn, again) && !w->txn.count);
	config_report_free(&report);
	config_tree_free(again);
	return 0;
}

static int abandon(struct world *w)
{
	config_abandon(&w->txn, NULL, NULL);
	answer(w);
	MUST(is_as_it_was(w));
	begin(w);
	return 0;
}

static operation *const operations[] = {
	create_backstore, create_backstore,
	delete_backstore, create_target,
	delete_target,    create_tpg,
	delete_tpg,       enable_tpg,
	change_portal,    create_lun,
	create_lun,       delete_lun,
	create_acl,       delete_acl,
	change_mapping,   set_value,
	set_value,        clear,
	tag_acl,          run,
	commit,           abandon,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.in = {data, MIN(size, 400)}, .tree = config_tree_new()};
	w.prefs = (struct config_prefs){.auto_add_default_portal = true,
					.auto_add_mapped_luns = true,
					.auto_enable_tpgt = true,
					.model_alias = true,
					.iqn_prefix = "iqn.2003-01.org.example",
					.random = counted,
					.ctx = &w};
	MUST(w.tree);
	begin(&w);
	while (w.in.left) {
		operation *op = operations[take_byte(&w.in) % ARRAY_SIZE(operations)];
		size_t count = w.txn.count, said = w.txn.said.len;
		int err = op(&w);
		if (err)
			MUST(w.txn.count == count && w.txn.said.len == said && w.txn.why.text[0]);
	}
	abandon(&w);
	config_commit(&w.txn);
	buf_free(&w.committed);
	config_tree_free(w.tree);
	return 0;
}
