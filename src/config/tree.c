/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "config/tree_priv.h"

/* ---- nodes ---- */

static const char *const number_prefixes[CONFIG_KINDS] = {
	[CONFIG_TPG] = "tpg",
	[CONFIG_LUN] = "lun",
	[CONFIG_MAPPED_LUN] = "mapped_lun",
};

/* The kind of what is below a node, where that is one. */
static const enum config_kind child_kinds[CONFIG_KINDS] = {
	[CONFIG_ISCSI] = CONFIG_TARGET,   [CONFIG_TARGET] = CONFIG_TPG,
	[CONFIG_LUNS] = CONFIG_LUN,       [CONFIG_ACLS] = CONFIG_ACL,
	[CONFIG_ACL] = CONFIG_MAPPED_LUN, [CONFIG_PORTALS] = CONFIG_PORTAL,
};

static const struct part {
	enum config_kind kind;
	const char *name;
} parts[] = {{CONFIG_ACLS, "acls"}, {CONFIG_LUNS, "luns"}, {CONFIG_PORTALS, "portals"}};

void config_number_name(enum config_kind kind, uint32_t number, char out[32])
{
	snprintf(out, 32, "%s%" PRIu32, number_prefixes[kind], number);
}

static bool has_extra(enum config_kind kind)
{
	return config_is_backstore(kind) || kind == CONFIG_LUNS || kind == CONFIG_ACL;
}

static struct config_node *bare_node(struct config_tree *tree, struct config_node *parent,
				     enum config_kind kind, const char *name)
{
	struct config_node *node = calloc(1, sizeof(*node));
	char *copy = strdup(name);
	struct config_extra *extra = has_extra(kind) ? calloc(1, sizeof(*extra)) : NULL;
	if (!node || !copy || (has_extra(kind) && !extra)) {
		free(node);
		free(copy);
		free(extra);
		return NULL;
	}
	node->tree = tree;
	node->parent = parent;
	node->kind = kind;
	node->name = copy;
	node->extra = extra;
	if (extra)
		extra->node = node;
	list_init(&node->children);
	list_init(&node->sibling);
	list_init(&node->users);
	list_init(&node->use);
	return node;
}

void config_free_value(const struct config_attr *attr, char *value)
{
	if (value && attr->flags & CONFIG_SECRET)
		explicit_bzero(value, strlen(value));
	free(value);
}

static void free_values(struct config_node *node)
{
	size_t count;
	const struct config_attr *rows = config_attrs(node->kind, &count);
	for (size_t i = 0; node->values && i < count; i++)
		config_free_value(&rows[i], node->values[i]);
	free(node->values);
}

void config_node_free(struct config_node *node)
{
	if (!node)
		return;
	list_for_each_safe (it, &node->children)
		config_node_free(list_entry(it, struct config_node, sibling));
	list_del(&node->sibling);
	list_del(&node->use);
	/* When the whole tree goes, its LUNs are still there. */
	list_for_each_safe (it, &node->users)
		list_del(it);
	free_values(node);
	if (node->extra)
		free(node->extra->taken);
	free(node->extra);
	free(node->pending);
	free((char *)node->name);
	free(node);
}

struct config_node *config_node_new(struct config_node *parent, enum config_kind kind,
				    const char *name, uint32_t number, struct config_node *ref)
{
	struct config_node *node = bare_node(parent->tree, parent, kind, name);
	if (!node)
		return NULL;
	node->number = number;
	node->ref = ref;
	for (size_t i = 0; kind == CONFIG_TPG && i < ARRAY_SIZE(parts); i++) {
		struct config_node *part =
			bare_node(parent->tree, node, parts[i].kind, parts[i].name);
		if (!part) {
			config_node_free(node);
			return NULL;
		}
		list_add_tail(&node->children, &part->sibling);
		node->child_count++;
	}
	return node;
}

static uint64_t name_key(const struct config_node *parent, const char *name)
{
	return hash_text(hash_bytes(HASH_SEED, &parent, sizeof(parent)), name);
}

/* ---- numbers in use ---- */

static int set_taken(struct config_extra *extra, uint32_t number)
{
	size_t word = number / 64;
	if (word >= extra->words) {
		size_t words = MAX(word + 1, 2 * extra->words);
		uint64_t *taken = realloc(extra->taken, words * sizeof(*taken));
		if (!taken)
			return -ENOMEM;
		memset(taken + extra->words, 0, (words - extra->words) * sizeof(*taken));
		extra->taken = taken;
		extra->words = words;
	}
	extra->taken[word] |= UINT64_C(1) << number % 64;
	return 0;
}

static void clear_taken(struct config_extra *extra, uint32_t number)
{
	if (number / 64 < extra->words)
		extra->taken[number / 64] &= ~(UINT64_C(1) << number % 64);
}

uint32_t config_lowest_free(const struct config_node *parent)
{
	const struct config_extra *extra = parent->extra;
	size_t word = 0;
	while (word < extra->words && extra->taken[word] == UINT64_MAX)
		word++;
	uint64_t taken = word < extra->words ? extra->taken[word] : 0;
	return (uint32_t)(64 * word) + (uint32_t)__builtin_ctzll(~taken);
}

static bool counts_numbers(const struct config_node *node)
{
	return node->kind == CONFIG_LUN || node->kind == CONFIG_MAPPED_LUN;
}

/* ---- linking ---- */

/* Backstores are found by what is unique to them as well. */
static void index_value(struct hash *h, struct hash_entry *entry, bool *has, const char *value)
{
	if (*has)
		hash_del(h, entry);
	*has = value && value[0] && !hash_add(h, entry, hash_text(HASH_SEED, value));
}

static void index_backstore(struct config_node *node, bool present)
{
	struct config_extra *extra = node->extra;
	const struct config_attr *dev = config_attr_find(node->kind, CONFIG_OBJECT, "dev");
	const struct config_attr *wwn = config_attr_find(node->kind, CONFIG_OBJECT, "wwn");
	index_value(&node->tree->paths, &extra->by_path, &extra->has_path,
		    present && dev ? config_get(node, dev) : NULL);
	index_value(&node->tree->wwns, &extra->by_wwn, &extra->has_wwn,
		    present ? config_get(node, wwn) : NULL);
}

/* The node itself, without what its kind has besides. */
static int link_bare(struct config_node *node)
{
	struct config_tree *tree = node->tree;
	if (hash_add(&tree->names, &node->by_name, name_key(node->parent, node->name)))
		return -ENOMEM;
	tree->counts[node->kind]++;
	node->linked = true;
	return 0;
}

static void unlink_bare(struct config_node *node)
{
	hash_del(&node->tree->names, &node->by_name);
	node->tree->counts[node->kind]--;
	node->linked = false;
}

int config_node_link(struct config_node *node)
{
	if (counts_numbers(node) && set_taken(node->parent->extra, node->number))
		return -ENOMEM;
	/* Only the very first entry of the table can fail, and the tree has made that. */
	if (link_bare(node))
		return -ENOMEM;
	list_add_tail(&node->parent->children, &node->sibling);
	node->parent->child_count++;
	if (node->ref)
		list_add_tail(&node->ref->users, &node->use);
	if (config_is_backstore(node->kind))
		index_backstore(node, true);
	list_for_each (it, &node->children)
		(void)link_bare(list_entry(it, struct config_node, sibling));
	node->tree->generation++;
	return 0;
}

void config_node_unlink(struct config_node *node)
{
	list_for_each (it, &node->children)
		unlink_bare(list_entry(it, struct config_node, sibling));
	if (config_is_backstore(node->kind))
		index_backstore(node, false);
	if (counts_numbers(node))
		clear_taken(node->parent->extra, node->number);
	list_del(&node->use);
	list_del(&node->sibling);
	node->parent->child_count--;
	unlink_bare(node);
	node->tree->generation++;
}

/* ---- values ---- */

int config_node_put(struct config_node *node, const struct config_attr *attr, char *value,
		    char **old)
{
	size_t count;
	const struct config_attr *rows = config_attrs(node->kind, &count);
	if (!node->values && !(node->values = calloc(count, sizeof(*node->values))))
		return -ENOMEM;
	char **at = &node->values[attr - rows];
	*old = *at;
	*at = value;
	if (config_is_backstore(node->kind) && node->linked && attr->group == CONFIG_OBJECT)
		index_backstore(node, true);
	if (node->linked)
		node->tree->generation++;
	return 0;
}

const char *config_get(const struct config_node *node, const struct config_attr *attr)
{
	size_t count;
	const struct config_attr *rows = config_attrs(node->kind, &count);
	const char *value = node->values ? node->values[attr - rows] : NULL;
	return value ? value : attr->standard;
}

bool config_is_default(const struct config_node *node, const struct config_attr *attr)
{
	return !strcmp(config_get(node, attr), attr->standard);
}

const char *config_value(const struct config_node *node, enum config_group group, const char *name)
{
	const struct config_attr *attr = config_attr_find(node->kind, group, name);
	return attr ? config_get(node, attr) : "";
}

int64_t config_number(const struct config_node *node, enum config_group group, const char *name)
{
	return strtoll(config_value(node, group, name), NULL, 10);
}

bool config_true(const struct config_node *node, enum config_group group, const char *name)
{
	const char *value = config_value(node, group, name);
	return !strcmp(value, "1") || !strcmp(value, "True") || !strcmp(value, "Yes");
}

int config_tell(struct config_node *node, const char *name, const char *value)
{
	const struct config_attr *attr = config_attr_find(node->kind, CONFIG_ATTRIBUTE, name);
	if (!attr || !(attr->flags & CONFIG_READ_ONLY))
		return -ENOENT;
	CLEANUP(free) char *old = NULL;
	char *copy = strdup(value);
	int err = copy ? config_node_put(node, attr, copy, &old) : -ENOMEM;
	if (err)
		free(copy);
	return err;
}

int config_set_pending(struct config_node *node, const char *why)
{
	char *copy = why ? strdup(why) : NULL;
	if (why && !copy)
		return -ENOMEM;
	free(node->pending);
	node->pending = copy;
	node->tree->generation++;
	return 0;
}

/* ---- finding ---- */

struct config_node *config_child(const struct config_node *parent, const char *name)
{
	const struct hash *names = &parent->tree->names;
	struct hash_entry *entry = hash_find(names, name_key(parent, name));
	for (; entry; entry = hash_find_next(entry)) {
		struct config_node *node = container_of(entry, struct config_node, by_name);
		if (node->parent == parent && !strcmp(node->name, name))
			return node;
	}
	return NULL;
}

struct config_node *config_child_number(const struct config_node *parent, uint32_t number)
{
	char name[32];
	config_number_name(child_kinds[parent->kind], number, name);
	return config_child(parent, name);
}

struct config_node *config_part(const struct config_node *tpg, enum config_kind kind)
{
	list_for_each (it, &tpg->children) {
		struct config_node *part = list_entry(it, struct config_node, sibling);
		if (part->kind == kind)
			return part;
	}
	return NULL;
}

struct config_node *config_above(const struct config_node *node, enum config_kind kind)
{
	while (node && node->kind != kind)
		node = node->parent;
	return (struct config_node *)node;
}

struct config_node *config_lookup(const struct config_tree *tree, const char *path)
{
	struct config_node *node = path[0] == '/' ? tree->root : NULL;
	char name[CONFIG_NAME_MAX + 1];
	for (const char *p = path; node;) {
		p += strspn(p, "/");
		size_t len = strcspn(p, "/");
		if (!len)
			return node;
		if (len >= sizeof(name))
			return NULL;
		memcpy(name, p, len);
		name[len] = 0;
		node = config_child(node, name);
		p += len;
	}
	return NULL;
}

struct config_node *config_by_path(const struct config_tree *tree, const char *path)
{
	struct hash_entry *entry = hash_find(&tree->paths, hash_text(HASH_SEED, path));
	for (; entry; entry = hash_find_next(entry)) {
		struct config_node *node = container_of(entry, struct config_extra, by_path)->node;
		if (!strcmp(config_value(node, CONFIG_OBJECT, "dev"), path))
			return node;
	}
	return NULL;
}

struct config_node *config_by_wwn(const struct config_tree *tree, const char *wwn)
{
	struct hash_entry *entry = hash_find(&tree->wwns, hash_text(HASH_SEED, wwn));
	for (; entry; entry = hash_find_next(entry)) {
		struct config_node *node = container_of(entry, struct config_extra, by_wwn)->node;
		if (!strcmp(config_value(node, CONFIG_OBJECT, "wwn"), wwn))
			return node;
	}
	return NULL;
}

struct config_node *config_lun_of(const struct config_node *tpg,
				  const struct config_node *backstore)
{
	list_for_each (it, &backstore->users) {
		struct config_node *lun = list_entry(it, struct config_node, use);
		if (config_above(lun, CONFIG_TPG) == tpg)
			return lun;
	}
	return NULL;
}

/* ---- listing ---- */

char *config_path(const struct config_node *node, char out[CONFIG_PATH_SIZE])
{
	const struct config_node *way[16];
	size_t depth = 0, len = 0;
	for (; node->parent && depth < ARRAY_SIZE(way); node = node->parent)
		way[depth++] = node;
	strcpy(out, "/");
	while (depth) {
		int n = snprintf(out + len, CONFIG_PATH_SIZE - len, "/%s", way[--depth]->name);
		len = MIN(len + (size_t)n, (size_t)CONFIG_PATH_SIZE - 1);
	}
	return out;
}

/* Where the number at the end of a name begins. */
static size_t number_at(const char *name)
{
	size_t at = strlen(name);
	while (at && name[at - 1] >= '0' && name[at - 1] <= '9')
		at--;
	return at;
}

static int by_name(const void *a, const void *b)
{
	const char *x = (*(struct config_node *const *)a)->name;
	const char *y = (*(struct config_node *const *)b)->name;
	size_t x_at = number_at(x), y_at = number_at(y);
	int order = memcmp(x, y, MIN(x_at, y_at));
	if (order)
		return order;
	if (x_at != y_at)
		return x_at < y_at ? -1 : 1;
	/* As numbers, whatever their length: without zeroes in front the longer one is larger. */
	const char *p = x + x_at + strspn(x + x_at, "0"), *q = y + y_at + strspn(y + y_at, "0");
	if (strlen(p) != strlen(q))
		return strlen(p) < strlen(q) ? -1 : 1;
	order = strcmp(p, q);
	return order ? order : strcmp(x, y);
}

struct config_node **config_sorted(const struct config_node *node, size_t *count)
{
	struct config_node **out = calloc(node->child_count + 1, sizeof(struct config_node *));
	*count = 0;
	if (!out)
		return NULL;
	list_for_each (it, &node->children)
		out[(*count)++] = list_entry(it, struct config_node, sibling);
	qsort(out, *count, sizeof(struct config_node *), by_name);
	return out;
}

/* ---- the tree ---- */

struct config_node *config_root(const struct config_tree *tree)
{
	return tree->root;
}

struct config_node *config_iscsi(const struct config_tree *tree)
{
	return tree->iscsi;
}

struct config_node *config_plugin(const struct config_tree *tree, enum config_kind kind)
{
	return tree->plugins[kind];
}

uint64_t config_generation(const struct config_tree *tree)
{
	return tree->generation;
}

size_t config_count(const struct config_tree *tree, enum config_kind kind)
{
	return tree->counts[kind];
}

/* One of those that are always there; NULL if its parent is. */
static struct config_node *fixed_node(struct config_node *parent, enum config_kind kind,
				      const char *name)
{
	struct config_node *node = parent ? config_node_new(parent, kind, name, 0, NULL) : NULL;
	if (node && config_node_link(node)) {
		config_node_free(node);
		return NULL;
	}
	return node;
}

struct config_tree *config_tree_new(void)
{
	struct config_tree *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return NULL;
	hash_init(&tree->names);
	hash_init(&tree->paths);
	hash_init(&tree->wwns);
	tree->root = bare_node(tree, NULL, CONFIG_ROOT, "");
	struct config_node *backstores = fixed_node(tree->root, CONFIG_BACKSTORES, "backstores");
	bool complete = backstores;
	for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
		const char *plugin = config_plugin_name((enum config_kind)kind);
		if (!plugin)
			continue;
		tree->plugins[kind] = fixed_node(backstores, CONFIG_PLUGIN, plugin);
		complete = complete && tree->plugins[kind];
	}
	tree->iscsi = fixed_node(tree->root, CONFIG_ISCSI, "iscsi");
	if (!complete || !tree->iscsi) {
		config_tree_free(tree);
		return NULL;
	}
	return tree;
}

void config_tree_free(struct config_tree *tree)
{
	if (!tree)
		return;
	config_node_free(tree->root);
	hash_free(&tree->names);
	hash_free(&tree->paths);
	hash_free(&tree->wwns);
	free(tree);
}
