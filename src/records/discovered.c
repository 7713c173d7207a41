/* SPDX-License-Identifier: BSD-2-Clause */
/* What a discovery brought becomes nodes; what came from a peer is looked at before it is anything's name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "common/log.h"
#include "records/priv.h"

struct discovering {
	struct records *db;
	const struct records_discovery *d;
	struct records_counts *counts;
	struct config_why *why;
	struct record **ifaces;
	size_t iface_count;
	struct record_key *valid; /* of what was found, that which is fit; without ifaces */
	const struct record_key **sorted;
	size_t valid_count;
	unsigned ops;
	/* who told of it */
	const char *type, *address;
	uint16_t port;
};

/* ---- what came ---- */

static const char *problem_of(const struct records_found *found)
{
	if (iscsi_name_problem(found->target))
		return iscsi_name_problem(found->target);
	if (!record_host_valid(found->address))
		return "its address is not an address";
	if (!found->port)
		return "its port is 0";
	if (found->tpgt < RECORDS_TPGT_UNKNOWN || found->tpgt > 65535)
		return "its portal group's tag is not a number from 0 to 65535";
	return NULL;
}

static void refuse(struct discovering *s, const struct records_found *found, const char *problem)
{
	char target[240], address[80];
	s->counts->refused++;
	/* One line for each of many would be what they want who send many. */
	if (s->counts->refused > 16)
		return;
	log_safe(target, sizeof(target), found->target, strlen(found->target));
	log_safe(address, sizeof(address), found->address, strlen(found->address));
	store_say(s->db, "the target \"%.120s\" at \"%.60s\" is refused: %s", target, address,
		  problem);
}

static void look_at_found(struct discovering *s)
{
	for (size_t i = 0; i < s->d->count; i++) {
		const struct records_found *found = &s->d->found[i];
		const char *problem =
			i < RECORDS_FOUND_MAX ? problem_of(found) : "there are more than 16384";
		struct record_key *key = &s->valid[s->valid_count];
		if (problem) {
			refuse(s, found, problem);
			continue;
		}
		*key = (struct record_key){.port = found->port, .tpgt = found->tpgt};
		(void)iscsi_name_normalize(found->target, key->target);
		snprintf(key->address, sizeof(key->address), "%s", found->address);
		s->valid_count++;
	}
}

/* ---- nodes ---- */

static int put_origin(const struct discovering *s, struct record *node)
{
	int err = record_put(node, "node.discovery_type", s->type, s->why);
	if (!err)
		err = record_put(node, "node.discovery_address", s->address, s->why);
	if (!err)
		err = record_put_number(node, "node.discovery_port", s->port, s->why);
	return err;
}

static int make_node(const struct discovering *s, const struct record_key *key,
		     const struct record *iface, struct record **out)
{
	struct record *node =
		s->d->defaults ? record_copy(s->d->defaults) : record_new(RECORD_NODE);
	int err = node ? record_take(node, iface) : -ENOMEM;
	if (!err)
		err = record_put(node, "node.name", key->target, s->why);
	if (!err)
		err = record_put_number(node, "node.tpgt", key->tpgt, s->why);
	if (!err)
		err = record_put(node, "node.conn[0].address", key->address, s->why);
	if (!err)
		err = record_put_number(node, "node.conn[0].port", key->port, s->why);
	if (!err)
		err = put_origin(s, node);
	/* What firmware has booted from is wanted at every boot. */
	if (!err && !strcmp(s->type, "fw"))
		err = record_put(node, "node.startup", "onboot", s->why);
	if (!err && !strcmp(s->type, "fw"))
		err = record_put(node, "node.conn[0].startup", "onboot", s->why);
	if (err) {
		record_free(node);
		node = NULL;
	}
	*out = node;
	return err;
}

/* What iscsid.conf says, over what is there; names and where it came from are no part of it. */
static int take_conf(const struct discovering *s, struct record *node)
{
	const struct record *conf = s->d->defaults;
	for (size_t i = 0; conf && i < record_row_count; i++) {
		const struct record_row *row = &record_rows[i];
		if (!conf->values[i] || (row->flags & RECORD_LOOKUP) ||
		    !(row->kinds & RECORD_IN(RECORD_NODE)))
			continue;
		int err = record_put(node, row->name, conf->values[i], s->why);
		if (err)
			return err;
	}
	return 0;
}

/* A node that a person or firmware made is not a discovery's, which would delete it one day. */
static bool is_made(const struct record *node)
{
	const char *type = record_get(node, "node.discovery_type");
	return !strcmp(type, "static") || !strcmp(type, "fw");
}

static int refresh_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct discovering *s = ctx;
	struct place old, now;
	bool had = node_link_place(key, node, &old);
	struct record *copy = record_copy(node);
	char a[PLACE_NAME_SIZE], b[PLACE_NAME_SIZE];
	int err = copy ? 0 : -ENOMEM;
	if (!err && !is_made(node))
		err = put_origin(s, copy);
	if (!err && (s->ops & RECORDS_UPDATE))
		err = take_conf(s, copy);
	if (!err && had &&
	    (!node_link_place(key, copy, &now) || strcmp(place_name(&old, a), place_name(&now, b))))
		place_unlink(s->db, &old);
	if (!err)
		err = node_write(s->db, key, copy, s->why);
	record_free(copy);
	s->counts->refreshed += !err;
	return err;
}

static struct record_filter exactly(const struct record_key *key, const char *iface)
{
	return (struct record_filter){.target = key->target,
				      .address = key->address,
				      .port = key->port,
				      .tpgt = key->tpgt,
				      .iface = iface};
}

static int store_node(struct discovering *s, const struct record_key *key,
		      const struct record *iface)
{
	const char *name = record_get(iface, "iface.iscsi_ifacename");
	struct record_filter this_one = exactly(key, name);
	struct record *node;
	bool added = false;
	int err = make_node(s, key, iface, &node);
	if (!err && (s->ops & RECORDS_NEW))
		err = records_node_add(s->db, node, &added, s->why);
	s->counts->added += added;
	if (!err && !added && (s->ops & (RECORDS_REFRESH | RECORDS_UPDATE)))
		err = records_nodes(s->db, &this_one, refresh_node, s, s->why);
	record_free(node);
	if (err >= 0 && s->d->each)
		err = records_nodes(s->db, &this_one, s->d->each, s->d->ctx, s->why);
	return err < 0 ? err : 0;
}

/* Nothing is written: what would be there. */
static int show_node(struct discovering *s, const struct record_key *key,
		     const struct record *iface)
{
	struct record_key whole = *key;
	struct record *node;
	int err = make_node(s, key, iface, &node);
	if (!err)
		err = record_node_key(node, &whole, s->why);
	if (!err && s->d->each)
		err = s->d->each(s->d->ctx, &whole, node);
	record_free(node);
	return err;
}

/* ---- what it does not tell of any more ---- */

static int compare_keys(const void *left, const void *right)
{
	const struct record_key *a = *(const struct record_key *const *)left;
	const struct record_key *b = *(const struct record_key *const *)right;
	int n = strcasecmp(a->target, b->target);
	if (!n)
		n = strcasecmp(a->address, b->address);
	if (!n)
		n = a->port - b->port;
	return n ? n : a->tpgt - b->tpgt;
}

static void sort_valid(struct discovering *s)
{
	for (size_t i = 0; i < s->valid_count; i++)
		s->sorted[i] = &s->valid[i];
	qsort(s->sorted, s->valid_count, sizeof(*s->sorted), compare_keys);
}

static bool is_found(const struct discovering *s, const struct record_key *key)
{
	return bsearch(&key, s->sorted, s->valid_count, sizeof(*s->sorted), compare_keys);
}

/* By another iface it may well be there. */
static bool was_asked_by(const struct discovering *s, const struct record_key *key)
{
	for (size_t i = 0; i < s->iface_count; i++) {
		if (!strcmp(record_get(s->ifaces[i], "iface.iscsi_ifacename"), key->iface))
			return true;
	}
	return false;
}

static int drop_stale(void *ctx, const struct record_key *key, const struct record *node)
{
	struct discovering *s = ctx;
	struct record_filter this_one = exactly(key, key->iface);
	if (!was_asked_by(s, key) || is_found(s, key))
		return 0;
	if (s->d->keep && s->d->keep(s->d->ctx, key)) {
		s->counts->kept++;
		return 0;
	}
	int n = records_node_delete(s->db, &this_one, s->why);
	s->counts->deleted += n > 0;
	return n < 0 ? n : 0;
}

static int drop_all_stale(struct discovering *s)
{
	const struct record_filter told = {.tpgt = RECORDS_ANY_TPGT,
					   .type = s->type,
					   .discovery_address = s->address[0] ? s->address : NULL,
					   .discovery_port = s->port};
	/* Who sends rubbish, or nothing, does not say what is gone. */
	if (s->counts->refused || !s->valid_count)
		return 0;
	int n = records_nodes(s->db, &told, drop_stale, s, s->why);
	return n < 0 ? n : 0;
}

/* ---- all of it ---- */

static int read_ifaces(struct discovering *s)
{
	static const char *const standard[] = {"default"};
	const char *const *names = s->d->iface_count ? s->d->ifaces : standard;
	size_t count = s->d->iface_count ? s->d->iface_count : 1;
	s->ifaces = calloc(count, sizeof(*s->ifaces));
	if (!s->ifaces)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int err = records_iface_read(s->db, names[i], &s->ifaces[i], s->why);
		if (err)
			return err;
		s->iface_count++;
	}
	return 0;
}

typedef int node_action(struct discovering *s, const struct record_key *key,
			const struct record *iface);

static int for_each_valid(struct discovering *s, node_action *action)
{
	for (size_t i = 0; i < s->valid_count; i++) {
		for (size_t n = 0; n < s->iface_count; n++) {
			int err = action(s, &s->valid[i], s->ifaces[n]);
			if (err)
				return err;
		}
	}
	return 0;
}

static int store_all(struct discovering *s)
{
	int err = records_lock(s->db, s->why);
	if (err)
		return err;
	if (s->d->portal)
		err = records_portal_write(s->db, s->d->portal, s->why);
	if (!err && (s->ops & RECORDS_DELETE))
		err = drop_all_stale(s);
	if (!err)
		err = for_each_valid(s, store_node);
	records_unlock(s->db);
	return err;
}

int records_discovered(struct records *db, const struct records_discovery *d,
		       struct records_counts *counts, struct config_why *why)
{
	struct discovering s = {.db = db,
				.d = d,
				.counts = counts,
				.why = why,
				.ops = d->ops ? d->ops : RECORDS_ALL_OPS,
				.type = d->portal ? "send_targets" : "fw",
				.address = ""};
	*counts = (struct records_counts){0};
	if (d->portal) {
		s.address = record_get(d->portal, "discovery.sendtargets.address");
		s.port = (uint16_t)record_number(d->portal, "discovery.sendtargets.port");
	}
	s.valid = calloc(MIN(d->count, RECORDS_FOUND_MAX) + 1, sizeof(*s.valid));
	s.sorted = calloc(MIN(d->count, RECORDS_FOUND_MAX) + 1, sizeof(*s.sorted));
	int err = s.valid && s.sorted ? read_ifaces(&s) : -ENOMEM;
	if (!err) {
		look_at_found(&s);
		sort_valid(&s);
		err = s.ops & RECORDS_NONPERSISTENT ? for_each_valid(&s, show_node) : store_all(&s);
	}
	for (size_t i = 0; i < s.iface_count; i++)
		record_free(s.ifaces[i]);
	free(s.ifaces);
	free(s.sorted);
	free(s.valid);
	return err;
}
