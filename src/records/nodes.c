/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes: found by what their files are called, and checked against it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "records/priv.h"

/* ---- keys ---- */

int record_node_key(const struct record *node, struct record_key *key, struct config_why *why)
{
	const char *target = record_get(node, "node.name");
	const char *address = record_get(node, "node.conn[0].address");
	*key = (struct record_key){.port = (uint16_t)record_number(node, "node.conn[0].port"),
				   .tpgt = (int32_t)record_number(node, "node.tpgt")};
	if (!target[0] || !address[0])
		return config_refuse(why, EINVAL, "a node needs a target's name and an address");
	snprintf(key->target, sizeof(key->target), "%s", target);
	snprintf(key->address, sizeof(key->address), "%s", address);
	snprintf(key->iface, sizeof(key->iface), "%s", record_get(node, "iface.iscsi_ifacename"));
	/* Where open-iscsi looks for it. A second iface would overwrite the first there. */
	key->flat = key->tpgt == RECORDS_TPGT_UNKNOWN && !strcmp(key->iface, "default");
	return 0;
}

struct place node_place(const struct record_key *key)
{
	struct place p = place_of("nodes", "");
	place_descend(&p, "%s", key->target);
	if (key->flat) {
		snprintf(p.file, sizeof(p.file), "%s,%u", key->address, key->port);
		return p;
	}
	place_descend(&p, "%s,%u,%d", key->address, key->port, key->tpgt);
	snprintf(p.file, sizeof(p.file), "%s", key->iface);
	return p;
}

/* "127.0.0.1,3260,1" and "127.0.0.1,3260". */
static bool parse_portal(const char *name, struct record_key *key)
{
	char copy[ISCSI_NAME_SIZE + 64], *end;
	if ((size_t)snprintf(copy, sizeof(copy), "%s", name) >= sizeof(copy))
		return false;
	char *port = strchr(copy, ',');
	if (!port)
		return false;
	*port++ = 0;
	long value = strtol(port, &end, 10);
	key->tpgt = RECORDS_TPGT_UNKNOWN;
	if (end == port || value < 1 || value > 65535 || (*end && *end != ','))
		return false;
	key->port = (uint16_t)value;
	if (*end == ',') {
		const char *tag = end + 1;
		value = strtol(tag, &end, 10);
		if (end == tag || *end || value < RECORDS_TPGT_UNKNOWN || value > 65535)
			return false;
		key->tpgt = (int32_t)value;
	}
	if (!record_host_valid(copy) || strlen(copy) >= sizeof(key->address))
		return false;
	snprintf(key->address, sizeof(key->address), "%s", copy);
	return true;
}

struct keys {
	struct record_key *keys;
	size_t count;
};

static int add_key(struct keys *k, const struct record_key *key)
{
	if (!(k->count & (k->count - 1))) {
		struct record_key *more =
			reallocarray(k->keys, k->count ? k->count * 2 : 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		k->keys = more;
	}
	k->keys[k->count++] = *key;
	return 0;
}

static bool same_host(const char *a, const char *b)
{
	return !strcasecmp(a, b);
}

/* What the names of files tell. */
static bool key_matches(const struct record_filter *f, const struct record_key *key)
{
	if (f->address && !same_host(f->address, key->address))
		return false;
	if (f->port && f->port != key->port)
		return false;
	/* The file of a flat one does not say more. */
	if (key->flat)
		return true;
	return (f->tpgt == RECORDS_ANY_TPGT || f->tpgt == key->tpgt) &&
	       (!f->iface || !strcmp(f->iface, key->iface));
}

static bool text_matches(const char *want, const struct record *node, const char *key)
{
	return !want || !strcmp(want, record_get(node, key));
}

static bool node_matches(const struct record_filter *f, const struct record_key *key,
			 const struct record *node)
{
	if (key->flat && ((f->tpgt != RECORDS_ANY_TPGT && f->tpgt != key->tpgt) ||
			  (f->iface && strcmp(f->iface, key->iface))))
		return false;
	if (f->discovery_port && f->discovery_port != record_number(node, "node.discovery_port"))
		return false;
	return text_matches(f->type, node, "node.discovery_type") &&
	       text_matches(f->discovery_address, node, "node.discovery_address") &&
	       text_matches(f->startup, node, "node.startup");
}

/* ---- looking for files ---- */

struct finding {
	struct records *db;
	const struct record_filter *filter;
	struct keys keys;
	struct config_why *why;
};

static int find_ifaces(struct finding *f, struct record_key *key, const struct place *dir)
{
	struct names names;
	char name[PLACE_NAME_SIZE];
	int err = place_list(f->db, dir, &names, f->why);
	for (size_t i = 0; !err && i < names.count; i++) {
		if (!record_label_valid(names.names[i])) {
			store_say(f->db, "%.300s/%.60s is skipped: that is no iface's name",
				  place_name(dir, name), names.names[i]);
			continue;
		}
		snprintf(key->iface, sizeof(key->iface), "%s", names.names[i]);
		if (key_matches(f->filter, key))
			err = add_key(&f->keys, key);
	}
	names_free(&names);
	return err;
}

static int find_portal(struct finding *f, const char *target, const char *portal)
{
	struct record_key key = {.flat = false};
	struct place p = place_of("nodes", "");
	place_descend(&p, "%s", target);
	if (!parse_portal(portal, &key)) {
		store_say(f->db, "nodes/%.230s/%.60s is skipped: that is no portal's name", target,
			  portal);
		return 0;
	}
	snprintf(key.target, sizeof(key.target), "%s", target);
	snprintf(p.file, sizeof(p.file), "%s", portal);
	if (place_is_file(f->db, &p)) {
		key.flat = true;
		snprintf(key.iface, sizeof(key.iface), "default");
		return key_matches(f->filter, &key) ? add_key(&f->keys, &key) : 0;
	}
	p.file[0] = 0;
	place_descend(&p, "%s", portal);
	return find_ifaces(f, &key, &p);
}

static int find_target(struct finding *f, const char *target)
{
	struct names names;
	struct place p = place_of("nodes", "");
	if (iscsi_name_problem(target)) {
		store_say(f->db, "nodes/%.230s is skipped: that is no iSCSI name: %s", target,
			  iscsi_name_problem(target));
		return 0;
	}
	if (f->filter->target && strcasecmp(target, f->filter->target))
		return 0;
	place_descend(&p, "%s", target);
	int err = place_list(f->db, &p, &names, f->why);
	for (size_t i = 0; !err && i < names.count; i++)
		err = find_portal(f, target, names.names[i]);
	names_free(&names);
	return err;
}

static int find_keys(struct finding *f)
{
	char normal[ISCSI_NAME_SIZE];
	struct names names;
	struct place p = place_of("nodes", "");
	/* Who names the target does not go through all of them. */
	if (f->filter->target && !iscsi_name_normalize(f->filter->target, normal)) {
		struct place there = p;
		place_descend(&there, "%s", normal);
		if (place_is_dir(f->db, &there))
			return find_target(f, normal);
	}
	int err = place_list(f->db, &p, &names, f->why);
	for (size_t i = 0; !err && i < names.count; i++)
		err = find_target(f, names.names[i]);
	names_free(&names);
	return err;
}

/* ---- reading ---- */

static int mismatch(const struct place *p, const char *key, struct config_why *why)
{
	char name[PLACE_NAME_SIZE];
	return config_refuse(why, EBADMSG,
			     "%.300s is damaged: %s is not what the file is called by",
			     place_name(p, name), key);
}

/* What is missing in the file is in its name; what is in both is the same. */
static int settle_text(struct record *node, const struct place *p, const char *key,
		       const char *value, struct config_why *why)
{
	if (!strcasecmp(record_get(node, key), value))
		return 0;
	if (!record_is_default(node, key))
		return mismatch(p, key, why);
	return record_put(node, key, value, why);
}

static int settle(struct record *node, const struct place *p, struct record_key *key,
		  struct config_why *why)
{
	char port[16], tpgt[16];
	snprintf(port, sizeof(port), "%u", key->port);
	int err = settle_text(node, p, "node.name", key->target, why);
	if (!err)
		err = settle_text(node, p, "node.conn[0].address", key->address, why);
	if (!err)
		err = settle_text(node, p, "node.conn[0].port", port, why);
	if (err)
		return err;
	if (key->flat) {
		key->tpgt = (int32_t)record_number(node, "node.tpgt");
		snprintf(key->iface, sizeof(key->iface), "%s",
			 record_get(node, "iface.iscsi_ifacename"));
		return 0;
	}
	snprintf(tpgt, sizeof(tpgt), "%d", key->tpgt);
	err = settle_text(node, p, "node.tpgt", tpgt, why);
	return err ? err : settle_text(node, p, "iface.iscsi_ifacename", key->iface, why);
}

static int read_node(struct records *db, struct record_key *key, struct record **out,
		     struct config_why *why)
{
	struct place p = node_place(key);
	int err = place_read(db, &p, RECORD_NODE, out, why);
	if (!err)
		err = settle(*out, &p, key, why);
	if (err) {
		record_free(*out);
		*out = NULL;
	}
	return err;
}

/* One of many: what is wrong with it is said, and does not end the walk. */
static int visit(struct records *db, struct finding *f, struct record_key *key, records_node_fn *fn,
		 void *ctx, int *count)
{
	struct record *node;
	struct config_why why = {""};
	int err = read_node(db, key, &node, &why);
	if (err)
		return store_skip(db, err, &why);
	if (node_matches(f->filter, key, node)) {
		err = fn(ctx, key, node);
		*count += !err;
	}
	record_free(node);
	return err;
}

int records_nodes(struct records *db, const struct record_filter *filter, records_node_fn *fn,
		  void *ctx, struct config_why *why)
{
	struct finding f = {.db = db, .filter = filter, .why = why};
	int count = 0;
	int err = find_keys(&f);
	for (size_t i = 0; !err && i < f.keys.count; i++)
		err = visit(db, &f, &f.keys.keys[i], fn, ctx, &count);
	free(f.keys.keys);
	return err ? err : count;
}

/* ---- adding ---- */

bool node_link_place(const struct record_key *key, const struct record *node, struct place *out)
{
	const char *type = record_get(node, "node.discovery_type");
	const char *address = record_get(node, "node.discovery_address");
	bool asked = !strcmp(type, "send_targets") || !strcmp(type, "isns");
	/* Without the tag, open-iscsi makes none, for it may become known later. */
	if (key->tpgt == RECORDS_TPGT_UNKNOWN || (asked && !address[0]))
		return false;
	if (!asked && strcmp(type, "static") && strcmp(type, "fw"))
		return false;
	*out = place_of(type, "");
	if (asked)
		place_descend(out, "%s,%d", address,
			      (int)record_number(node, "node.discovery_port"));
	int n = snprintf(out->file, sizeof(out->file), "%s,%s,%u,%d,%s", key->target, key->address,
			 key->port, key->tpgt, key->iface);
	return n > 0 && n <= 255 && (size_t)n < sizeof(out->file);
}

static void link_node(struct records *db, const struct record_key *key, const struct record *node)
{
	char target[RECORDS_PATH_SIZE + PLACE_NAME_SIZE];
	struct place p;
	if (!node_link_place(key, node, &p))
		return;
	snprintf(target, sizeof(target), "%s/nodes/%s/%s,%u,%d", db->path, key->target,
		 key->address, key->port, key->tpgt);
	place_link(db, &p, target);
}

static void unlink_node(struct records *db, const struct record_key *key, const struct record *node)
{
	struct place p;
	if (node_link_place(key, node, &p))
		place_unlink(db, &p);
}

int node_write(struct records *db, const struct record_key *key, const struct record *node,
	       struct config_why *why)
{
	struct place p = node_place(key);
	int err = place_write(db, &p, node, why);
	if (!err)
		link_node(db, key, node);
	return err;
}

int records_node_write(struct records *db, const struct record *node, struct config_why *why)
{
	struct record_key key;
	int err = record_node_key(node, &key, why);
	if (!err)
		err = records_lock(db, why);
	if (err)
		return err;
	err = node_write(db, &key, node, why);
	records_unlock(db);
	return err;
}

struct twin {
	int32_t tpgt; /* that is wanted */
	struct record_key key;
	bool there;
};

static int take_twin(void *ctx, const struct record_key *key, const struct record *node)
{
	struct twin *t = ctx;
	if (key->tpgt != t->tpgt && key->tpgt != RECORDS_TPGT_UNKNOWN &&
	    t->tpgt != RECORDS_TPGT_UNKNOWN)
		return 0;
	t->key = *key;
	t->there = true;
	return 0;
}

/* The same node, of which one of the two does not say its portal group; or which is in a file of the old way. */
static int find_twin(struct records *db, const struct record_key *key, struct twin *twin,
		     struct config_why *why)
{
	struct record_filter filter = {.target = key->target,
				       .address = key->address,
				       .iface = key->iface,
				       .port = key->port,
				       .tpgt = RECORDS_ANY_TPGT};
	*twin = (struct twin){.tpgt = key->tpgt};
	int n = records_nodes(db, &filter, take_twin, twin, why);
	return n < 0 ? n : 0;
}

/* The group has become known: what was edited goes with the record to its new place. */
static int move_twin(struct records *db, const struct record_key *key, struct record_key *old,
		     struct config_why *why)
{
	struct record *node;
	struct place from = node_place(old);
	int err = read_node(db, old, &node, why);
	if (err)
		return err;
	err = record_put_number(node, "node.tpgt", key->tpgt, why);
	if (!err)
		err = node_write(db, key, node, why);
	if (!err)
		err = place_remove(db, &from, why);
	record_free(node);
	return err;
}

static int add_node(struct records *db, struct record_key *key, const struct record *node,
		    bool *added, struct config_why *why)
{
	struct place p = node_place(key);
	struct twin twin;
	struct record *old;
	struct record_key same = *key;
	*added = false;
	int err = read_node(db, &same, &old, why);
	record_free(old);
	if (!err)
		return 0;
	if (err == -EBADMSG)
		err = place_set_aside(db, &p, why);
	if (!err || err == -ENOENT || err == -ENOTDIR)
		err = find_twin(db, key, &twin, why);
	if (err)
		return err;
	if (twin.there)
		return key->tpgt == RECORDS_TPGT_UNKNOWN || key->tpgt == twin.key.tpgt
			       ? 0
			       : move_twin(db, key, &twin.key, why);
	err = node_write(db, key, node, why);
	*added = !err;
	return err;
}

int records_node_add(struct records *db, const struct record *node, bool *added,
		     struct config_why *why)
{
	struct record_key key;
	int err = record_node_key(node, &key, why);
	if (!err)
		err = records_lock(db, why);
	if (err)
		return err;
	err = add_node(db, &key, node, added, why);
	records_unlock(db);
	return err;
}

/* ---- changing ---- */

struct changing {
	struct records *db;
	const struct record_change *changes;
	size_t count;
	bool write; /* the first time it is only tried */
	struct config_why *why;
};

static int change_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct changing *c = ctx;
	struct place p = node_place(key);
	struct record *copy = record_copy(node);
	int err = copy ? record_set_all(copy, c->changes, c->count, c->why) : -ENOMEM;
	if (!err && c->write)
		err = place_write(c->db, &p, copy, c->why);
	record_free(copy);
	return err;
}

int records_node_update(struct records *db, const struct record_filter *filter,
			const struct record_change *changes, size_t count, struct config_why *why)
{
	struct changing c = {.db = db, .changes = changes, .count = count, .why = why};
	int err = records_lock(db, why);
	if (err)
		return err;
	int n = records_nodes(db, filter, change_node, &c, why);
	c.write = true;
	if (n > 0)
		n = records_nodes(db, filter, change_node, &c, why);
	records_unlock(db);
	return n;
}

/* ---- deleting ---- */

static bool asks_for_content(const struct record_filter *f)
{
	return f->type || f->discovery_address || f->discovery_port || f->startup;
}

static int delete_node(struct finding *f, struct record_key *key, int *count)
{
	struct place p = node_place(key);
	struct record *node;
	struct config_why why = {""};
	int err = read_node(f->db, key, &node, &why);
	if (err == -ENOENT || err == -ENOMEM)
		return err == -ENOMEM ? err : 0;
	/* Who deletes by name deletes what cannot be read, too. */
	bool meant = node ? node_matches(f->filter, key, node) : !asks_for_content(f->filter);
	err = meant ? place_remove(f->db, &p, f->why) : 0;
	if (meant && !err && node)
		unlink_node(f->db, key, node);
	*count += meant && !err;
	record_free(node);
	return err;
}

int records_node_delete(struct records *db, const struct record_filter *filter,
			struct config_why *why)
{
	struct finding f = {.db = db, .filter = filter, .why = why};
	int count = 0;
	int err = records_lock(db, why);
	if (err)
		return err;
	err = find_keys(&f);
	for (size_t i = 0; !err && i < f.keys.count; i++)
		err = delete_node(&f, &f.keys.keys[i], &count);
	free(f.keys.keys);
	records_unlock(db);
	return err ? err : count;
}
