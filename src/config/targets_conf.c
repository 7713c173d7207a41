/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/targets_conf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "config/conf_block.h"
#include "config/edit_priv.h"
#include "config/presented.h"

#define FIRST_LUN  1
#define LOCAL_PORT 3260

struct importer {
	struct config_tree *tree;
	struct config_txn txn;
	const struct config_prefs *prefs;
	struct config_report *report;
	bool no_memory;
};

/* One target, as its blocks are put together. */
struct tgt {
	struct conf_block *block;
	struct config_node *tpg;
	uint64_t tid;
};

/* ---- what is told ---- */

static bool done(struct importer *im, const char *place, int err)
{
	if (err == -ENOMEM)
		im->no_memory = true;
	else if (err)
		config_report_error(im->report, place, "%s", im->txn.why.text);
	return !err;
}

/* What a line does: nothing is passed over in silence. */
enum meaning {
	HANDLED,     /* by whoever looks for it */
	NO_MEANING,  /* and no harm is done without it */
	OTHER_DISKS, /* the disk would be another one */
};

static const struct meaning_of {
	const char *key;
	enum meaning meaning;
} meanings[] = {
	{"backing-store", HANDLED},
	{"direct-store", HANDLED},
	{"initiator-address", HANDLED},
	{"initiator-name", HANDLED},
	{"incominguser", HANDLED},
	{"outgoinguser", HANDLED},
	{"incomingdiscoveryuser", HANDLED},
	{"outgoingdiscoveryuser", HANDLED},
	{"controller_tid", HANDLED},
	{"driver", HANDLED},
	{"default-driver", HANDLED},
	{"lun", HANDLED},
	{"scsi_id", HANDLED},
	{"scsi_sn", HANDLED},
	{"vendor_id", HANDLED},
	{"product_id", HANDLED},
	{"product_rev", HANDLED},
	{"write-cache", HANDLED},
	{"readonly", HANDLED},
	{"block-size", HANDLED},
	{"bs-type", HANDLED},
	{"device-type", HANDLED},
	{"allow-in-use", NO_MEANING},
	{"ignore-errors", NO_MEANING},
	{"control-port", NO_MEANING},
	{"iSNSServerIP", NO_MEANING},
	{"iSNSServerPort", NO_MEANING},
	{"iSNSAccessControl", NO_MEANING},
	{"iSNS", NO_MEANING},
	{"sense_format", NO_MEANING},
	{"removable", NO_MEANING},
	{"online", NO_MEANING},
	{"path", NO_MEANING},
	{"mode_page", NO_MEANING},
	{"lbppbe", NO_MEANING},
	{"la_lba", NO_MEANING},
	{"optimal_xfer_gran", NO_MEANING},
	{"optimal_xfer_len", NO_MEANING},
	{"params", NO_MEANING},
	{"bsopts", OTHER_DISKS},
	{"bsoflags", NO_MEANING},
};

static const struct meaning_of *meaning_of(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (!strcmp(meanings[i].key, key))
			return &meanings[i];
	}
	return NULL;
}

static void warn_of_lines(struct importer *im, const struct conf_block *block, bool target)
{
	list_for_each (it, &block->lines) {
		const struct conf_line *line = list_entry(it, struct conf_line, link);
		const struct meaning_of *m = meaning_of(line->key);
		if (m && m->meaning == HANDLED)
			continue;
		if (m)
			config_report_warning(im->report, line->place,
					      "%s has no meaning here; it is not kept", line->key);
		else if (!target || !config_attr_find(CONFIG_TPG, CONFIG_PARAMETER, line->key))
			config_report_warning(im->report, line->place,
					      "%.60s is not known here; it is not kept", line->key);
	}
}

static void warn_of_block(struct importer *im, const struct conf_block *block)
{
	config_report_warning(im->report, block->place,
			      "a block <%.60s> is not known here; it is not kept", block->tag);
}

/* ---- users ---- */

struct chap_rows {
	const char *user, *password;
};

static const struct chap_rows incoming = {"userid", "password"};
static const struct chap_rows outgoing = {"mutual_userid", "mutual_password"};

/* "USER PASSWORD" */
static void give_user(struct importer *im, struct config_node *node, enum config_group group,
		      const struct conf_line *line, const struct chap_rows *rows)
{
	size_t len = strcspn(line->value, " \t");
	const char *password = line->value + len + strspn(line->value + len, " \t");
	CLEANUP(free) char *user = strndup(line->value, len);
	if (!user) {
		im->no_memory = true;
	} else if (!len || !*password) {
		config_report_error(im->report, line->place,
				    "%s: a user and a password are expected", line->key);
	} else if (done(im, line->place,
			config_give_named(&im->txn, node, group, rows->user, user))) {
		done(im, line->place,
		     config_give_named(&im->txn, node, group, rows->password, password));
	}
}

/* The first of several: a group, and an initiator, has one user here. */
static const struct conf_line *one_user(struct importer *im, const struct conf_block *block,
					const char *key)
{
	const struct conf_line *first = NULL;
	list_for_each (it, &block->lines) {
		const struct conf_line *line = list_entry(it, struct conf_line, link);
		if (strcmp(line->key, key))
			continue;
		if (!first)
			first = line;
		else
			config_report_warning(
				im->report, line->place,
				"%s: there is one user for a target here, the first; "
				"this one cannot log in any more unless initiators get "
				"ACLs of their own",
				key);
	}
	return first;
}

static void give_users(struct importer *im, struct config_node *node, const struct conf_line *in,
		       const struct conf_line *out)
{
	if (in)
		give_user(im, node, CONFIG_AUTH, in, &incoming);
	if (out)
		give_user(im, node, CONFIG_AUTH, out, &outgoing);
}

/* ---- who may log in ---- */

/* Addresses and networks as they come; ALL is what an empty list says. */
static void allow_addresses(struct importer *im, const struct tgt *t)
{
	struct buf list;
	const char *place = t->block->place;
	bool all = false, any = false;
	buf_init(&list, 65536);
	list_for_each (it, &t->block->lines) {
		const struct conf_line *line = list_entry(it, struct conf_line, link);
		if (strcmp(line->key, "initiator-address"))
			continue;
		any = true;
		place = line->place;
		all = all || !strcmp(line->value, "ALL");
		(void)buf_printf(&list, "%s%s", list.len ? "," : "", line->value);
	}
	if (list.err)
		config_report_error(im->report, place, "initiator-address: the list is too long");
	else if (any && !all)
		done(im, place,
		     config_give_named(&im->txn, t->tpg, CONFIG_ATTRIBUTE, "allowed_networks",
				       buf_str(&list)));
	buf_free(&list);
}

static int map_all(struct importer *im, struct config_node *tpg, struct config_node *acl)
{
	size_t count;
	struct config_node *mapped;
	char alias[CONFIG_ALIAS_SIZE];
	int err = 0;
	CLEANUP(free)
	struct config_node **luns = config_sorted(config_part(tpg, CONFIG_LUNS), &count);
	if (!luns)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++) {
		config_random_alias(im->prefs, alias);
		err = config_add_mapped_lun(&im->txn, acl, luns[i]->number, luns[i], alias,
					    &mapped);
	}
	return err;
}

/* Names that are listed, each with all LUNs; where none is, everybody, and everybody may write. */
static void allow_names(struct importer *im, const struct tgt *t, const struct conf_line *in,
			const struct conf_line *out)
{
	bool any = false;
	list_for_each (it, &t->block->lines) {
		const struct conf_line *line = list_entry(it, struct conf_line, link);
		struct config_node *acl;
		if (strcmp(line->key, "initiator-name"))
			continue;
		any = true;
		if (!done(im, line->place, config_add_acl(&im->txn, t->tpg, line->value, &acl)))
			continue;
		give_users(im, acl, in, out);
		done(im, line->place, map_all(im, t->tpg, acl));
	}
	if (any)
		return;
	static const struct {
		const char *name, *value;
	} demo[] = {{"generate_node_acls", "1"}, {"demo_mode_write_protect", "0"}};
	for (size_t i = 0; i < ARRAY_SIZE(demo); i++)
		done(im, t->block->place,
		     config_give_named(&im->txn, t->tpg, CONFIG_ATTRIBUTE, demo[i].name,
				       demo[i].value));
}

static void allow(struct importer *im, const struct tgt *t)
{
	const struct conf_line *in = one_user(im, t->block, "incominguser");
	const struct conf_line *out = one_user(im, t->block, "outgoinguser");
	allow_addresses(im, t);
	give_users(im, t->tpg, in, out);
	if (in) {
		done(im, in->place,
		     config_give_named(&im->txn, t->tpg, CONFIG_ATTRIBUTE, "authentication", "1"));
		done(im, in->place,
		     config_give_named(&im->txn, t->tpg, CONFIG_PARAMETER, "AuthMethod", "CHAP"));
	}
	allow_names(im, t, in, out);
}

/* ---- disks ---- */

struct store {
	const struct conf_block *block; /* NULL: it is one line */
	const char *path, *place;
	bool direct;
};

/* What a disk says, else what its target says for all. */
static const struct conf_line *option(const struct tgt *t, const struct store *s, const char *key)
{
	const struct conf_line *own = s->block ? conf_find(s->block, key) : NULL;
	return own ? own : conf_find(t->block, key);
}

static const char *option_value(const struct tgt *t, const struct store *s, const char *key)
{
	const struct conf_line *line = option(t, s, key);
	return line ? line->value : NULL;
}

/* The last part of the path, without what a name may not have, and not one that is there already. */
static int make_store(struct importer *im, enum config_kind kind, const struct store *s,
		      struct config_node **out)
{
	char base[128], name[160];
	const char *slash = strrchr(s->path, '/');
	snprintf(base, sizeof(base), "%.100s", slash ? slash + 1 : s->path);
	for (char *p = base; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			*p = '_';
	}
	if (!strcmp(base, "") || !strcmp(base, ".") || !strcmp(base, ".."))
		strcpy(base, "disk");
	snprintf(name, sizeof(name), "%s", base);
	for (unsigned n = 2; config_child(config_plugin(im->tree, kind), name); n++)
		snprintf(name, sizeof(name), "%s-%u", base, n);
	return config_add_backstore(&im->txn, kind, name, out);
}

static void give_options(struct importer *im, const struct tgt *t, const struct store *s,
			 struct config_node *node)
{
	const char *cache = option_value(t, s, "write-cache");
	const char *readonly = option_value(t, s, "readonly");
	const char *block_size = option_value(t, s, "block-size");
	const struct {
		enum config_group group;
		const char *name, *value;
	} given[] = {
		{CONFIG_OBJECT, "write_back", cache && !strcmp(cache, "off") ? "False" : NULL},
		{CONFIG_ATTRIBUTE, "emulate_write_cache",
		 cache && !strcmp(cache, "off") ? "0" : NULL},
		{CONFIG_OBJECT, "readonly", readonly},
		{CONFIG_ATTRIBUTE, "block_size", block_size},
	};
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		done(im, s->place,
		     config_give_named(&im->txn, node, given[i].group, given[i].name,
				       given[i].value));
	if (cache && strcmp(cache, "off") && strcmp(cache, "on"))
		config_report_error(im->report, s->place,
				    "write-cache: \"%.60s\" is neither on nor off", cache);
}

static void give_identity(struct importer *im, const struct tgt *t, const struct store *s,
			  struct config_node *node, uint64_t lun)
{
	const struct config_tgt_identity id = {
		.tid = t->tid,
		.lun = lun,
		.scsi_id = option_value(t, s, "scsi_id"),
		.scsi_sn = option_value(t, s, "scsi_sn"),
		.vendor_id = option_value(t, s, "vendor_id"),
		.product_id = option_value(t, s, "product_id"),
		.product_rev = option_value(t, s, "product_rev"),
	};
	if (s->direct)
		config_report_warning(
			im->report, s->place,
			"direct-store: vendor, product and serial number of the device "
			"itself are not read; set them with set object");
	done(im, s->place, config_present_as_tgt(&im->txn, node, &id));
	done(im, s->place, config_give_random_wwn(&im->txn, im->prefs, node));
}

/* The disk of a path: a new one, or the one that another target shows as well. */
static struct config_node *store_node(struct importer *im, const struct tgt *t,
				      const struct store *s, uint64_t lun)
{
	enum config_kind kind = strncmp(s->path, "/dev/", 5) ? CONFIG_FILEIO : CONFIG_BLOCK;
	const struct config_attr *dev = config_attr_find(kind, CONFIG_OBJECT, "dev");
	CLEANUP(free) char *path = NULL;
	struct config_node *node;
	if (!done(im, s->place, config_attr_check(dev, s->path, &path, &im->txn.why)))
		return NULL;
	node = config_by_path(im->tree, path);
	if (node) {
		config_report_warning(
			im->report, s->place,
			"%.200s is shown by another target as well: it is one disk here, "
			"with the identity that it has there",
			path);
		return node;
	}
	if (!done(im, s->place, make_store(im, kind, s, &node)) ||
	    !done(im, s->place, config_give(&im->txn, node, dev, path)))
		return NULL;
	give_options(im, t, s, node);
	give_identity(im, t, s, node, lun);
	return node;
}

/* What is no disk of bytes is not served. */
static bool is_served(struct importer *im, const struct tgt *t, const struct store *s)
{
	static const char *const types[] = {"rdwr", "aio", NULL};
	const struct conf_line *bs = option(t, s, "bs-type"), *device = option(t, s, "device-type");
	const struct conf_line *opts = option(t, s, "bsopts"), *wrong = NULL;
	const char *const *type = types;
	while (bs && *type && strcmp(*type, bs->value))
		type++;
	if (bs && !*type)
		wrong = bs;
	else if (device && strcmp(device->value, "disk"))
		wrong = device;
	else if (opts)
		wrong = opts;
	if (!wrong)
		return true;
	im->report->skipped++;
	config_report_warning(im->report, wrong->place,
			      "%s %.60s is not served here; %.200s is left out", wrong->key,
			      wrong->value, s->path);
	return false;
}

/* A number that is named must be free; else the lowest one from 1. */
static bool lun_number(struct importer *im, const struct tgt *t, const struct store *s,
		       const uint8_t *reserved, int64_t *out)
{
	const struct conf_line *line = option(t, s, "lun");
	const struct config_node *luns = config_part(t->tpg, CONFIG_LUNS);
	if (line) {
		if (!config_parse_index(line->value, "", FIRST_LUN, CONFIG_LUN_MAX, out))
			return true;
		config_report_error(im->report, line->place,
				    "lun: \"%.40s\" is not a number from %d to %d", line->value,
				    FIRST_LUN, CONFIG_LUN_MAX);
		return false;
	}
	int64_t number = FIRST_LUN;
	while (number <= CONFIG_LUN_MAX &&
	       (reserved[number] || config_child_number(luns, (uint32_t)number)))
		number++;
	*out = number;
	return true;
}

static void add_disk(struct importer *im, const struct tgt *t, const struct store *s,
		     const uint8_t *reserved)
{
	struct config_node *node, *lun;
	char alias[CONFIG_ALIAS_SIZE];
	int64_t number;
	if (!is_served(im, t, s) || !lun_number(im, t, s, reserved, &number))
		return;
	node = store_node(im, t, s, (uint64_t)number);
	if (!node)
		return;
	config_random_alias(im->prefs, alias);
	done(im, s->place, config_add_lun(&im->txn, t->tpg, node, (uint32_t)number, alias, &lun));
}

typedef void store_user(struct importer *im, const struct tgt *t, const struct store *s,
			uint8_t *reserved);

static void use_disk(struct importer *im, const struct tgt *t, const struct store *s,
		     uint8_t *reserved)
{
	add_disk(im, t, s, reserved);
}

/* Numbers that blocks name are not given to others. */
static void reserve(struct importer *im, const struct tgt *t, const struct store *s,
		    uint8_t *reserved)
{
	const struct conf_line *line = s->block ? conf_find(s->block, "lun") : NULL;
	int64_t number;
	if (line && !config_parse_index(line->value, "", FIRST_LUN, CONFIG_LUN_MAX, &number))
		reserved[number] = 1;
}

/* Lines, then blocks, of one kind. */
static void each_store(struct importer *im, const struct tgt *t, const char *kind, store_user *use,
		       uint8_t *reserved)
{
	struct store s = {.direct = !strcmp(kind, "direct-store")};
	list_for_each (it, &t->block->lines) {
		const struct conf_line *line = list_entry(it, struct conf_line, link);
		if (strcmp(line->key, kind))
			continue;
		s.path = line->value;
		s.place = line->place;
		use(im, t, &s, reserved);
	}
	list_for_each (it, &t->block->blocks) {
		const struct conf_block *block = list_entry(it, struct conf_block, link);
		if (strcmp(block->tag, kind))
			continue;
		s.block = block;
		s.path = block->name;
		s.place = block->place;
		use(im, t, &s, reserved);
	}
}

static void add_disks(struct importer *im, const struct tgt *t)
{
	CLEANUP(free) uint8_t *reserved = calloc(1, CONFIG_LUN_MAX + 1);
	if (!reserved) {
		im->no_memory = true;
		return;
	}
	each_store(im, t, "backing-store", reserve, reserved);
	each_store(im, t, "direct-store", reserve, reserved);
	each_store(im, t, "backing-store", use_disk, reserved);
	each_store(im, t, "direct-store", use_disk, reserved);
}

/* ---- targets ---- */

static void give_parameters(struct importer *im, const struct tgt *t)
{
	list_for_each (it, &t->block->lines) {
		const struct conf_line *line = list_entry(it, struct conf_line, link);
		done(im, line->place,
		     config_give_named(&im->txn, t->tpg, CONFIG_PARAMETER, line->key, line->value));
	}
}

static void check_driver(struct importer *im, const struct conf_line *line)
{
	if (line && strcmp(line->value, "iscsi"))
		config_report_warning(
			im->report, line->place,
			"%s %.60s: there is iscsi and nothing else, and that is what it is "
			"served by",
			line->key, line->value);
}

static void add_target(struct importer *im, struct tgt *t)
{
	struct config_node *target, *portal;
	const char *place = t->block->place;
	if (!done(im, place, config_add_target(&im->txn, t->block->name, &target)) ||
	    !done(im, place, config_add_tpg(&im->txn, target, 1, &t->tpg)) ||
	    !done(im, place, config_add_portal(&im->txn, t->tpg, "0.0.0.0", LOCAL_PORT, &portal)))
		return;
	check_driver(im, conf_find(t->block, "driver"));
	warn_of_lines(im, t->block, true);
	list_for_each (it, &t->block->blocks) {
		const struct conf_block *block = list_entry(it, struct conf_block, link);
		if (!strcmp(block->tag, "backing-store") || !strcmp(block->tag, "direct-store"))
			warn_of_lines(im, block, false);
		else
			warn_of_block(im, block);
	}
	give_parameters(im, t);
	add_disks(im, t);
	allow(im, t);
}

/* Blocks of one name are one target. */
static void merge_into(struct conf_block *first, struct conf_block *more)
{
	list_splice_tail(&first->lines, &more->lines);
	list_splice_tail(&first->blocks, &more->blocks);
}

static int by_name(const void *a, const void *b)
{
	const struct conf_block *x = *(struct conf_block *const *)a,
				*y = *(struct conf_block *const *)b;
	int order = strcmp(x->name, y->name);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* The targets in the order in which tgt-admin makes them; to be freed. NULL: no memory. */
static struct conf_block **sorted_targets(struct importer *im, struct conf_block *root,
					  size_t *count)
{
	size_t n = 0;
	list_for_each (it, &root->blocks)
		n++;
	struct conf_block **all = calloc(n + 1, sizeof(struct conf_block *));
	*count = 0;
	if (!all)
		return NULL;
	list_for_each (it, &root->blocks) {
		struct conf_block *block = list_entry(it, struct conf_block, link);
		block->order = (unsigned)*count;
		if (!strcmp(block->tag, "target"))
			all[(*count)++] = block;
		else
			warn_of_block(im, block);
	}
	qsort(all, *count, sizeof(struct conf_block *), by_name);
	return all;
}

static void add_targets(struct importer *im, struct conf_block *root)
{
	size_t count;
	uint64_t tid = 0;
	CLEANUP(free) struct conf_block **all = sorted_targets(im, root, &count);
	if (!all)
		im->no_memory = true;
	for (size_t i = 0; all && i < count && !im->no_memory;) {
		struct tgt t = {.block = all[i]};
		for (i++; i < count && !strcmp(all[i]->name, t.block->name); i++)
			merge_into(t.block, all[i]);
		const struct conf_line *line = conf_find(t.block, "controller_tid");
		int64_t number;
		tid++;
		if (line && config_parse_index(line->value, "", 1, 999999999, &number))
			config_report_error(im->report, line->place,
					    "controller_tid: \"%.40s\" is not a number from 1 on",
					    line->value);
		else if (line)
			tid = (uint64_t)number;
		t.tid = tid;
		add_target(im, &t);
	}
}

static void add_discovery(struct importer *im, const struct conf_block *root)
{
	struct config_node *iscsi = config_iscsi(im->tree);
	const struct conf_line *in = conf_find(root, "incomingdiscoveryuser");
	const struct conf_line *out = conf_find(root, "outgoingdiscoveryuser");
	if (in) {
		give_user(im, iscsi, CONFIG_DISCOVERY_AUTH, in, &incoming);
		done(im, in->place,
		     config_give_named(&im->txn, iscsi, CONFIG_DISCOVERY_AUTH, "enable", "True"));
	}
	if (out)
		give_user(im, iscsi, CONFIG_DISCOVERY_AUTH, out, &outgoing);
}

int config_import_tgt(struct config_tree **out, const char *path, const char *text, size_t len,
		      const struct config_files *files, const struct config_prefs *prefs,
		      struct config_report *report)
{
	struct importer im = {.tree = config_tree_new(), .prefs = prefs, .report = report};
	struct conf_block root;
	if (!im.tree || config_begin(&im.txn, im.tree)) {
		config_tree_free(im.tree);
		return -ENOMEM;
	}
	conf_block_init(&root);
	im.no_memory = conf_parse(&root, path, text, len, files, report);
	if (!im.no_memory && !report->errors) {
		check_driver(&im, conf_find(&root, "default-driver"));
		warn_of_lines(&im, &root, false);
		add_discovery(&im, &root);
		add_targets(&im, &root);
	}
	conf_block_free(&root);
	if (!im.no_memory && !report->errors) {
		config_commit(&im.txn);
		*out = im.tree;
		return 0;
	}
	config_abandon(&im.txn, NULL, NULL);
	config_tree_free(im.tree);
	return im.no_memory ? -ENOMEM : -EINVAL;
}
