/* SPDX-License-Identifier: BSD-2-Clause */
/* The records of another directory, which is only read. */
#include <errno.h>
#include "records/conf.h"
#include "records/priv.h"

struct importing {
	struct records *to;
	struct records_imported *counts;
	struct config_why *why;
};

static int import_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct importing *m = ctx;
	bool added;
	int err = records_node_add(m->to, node, &added, m->why);
	if (!err)
		*(added ? &m->counts->nodes : &m->counts->there) += 1;
	return err;
}

/* What looking for it has answered. True: it stays as it is, damaged or not. */
static bool is_there(struct importing *m, int err)
{
	m->counts->there += !err || err == -EBADMSG;
	return !err || err == -EBADMSG;
}

static int import_portal(void *ctx, const struct record *portal)
{
	struct importing *m = ctx;
	struct record *there;
	int err = records_portal_read(
		m->to, portal->kind, record_get(portal, "discovery.sendtargets.address"),
		(uint16_t)record_number(portal, "discovery.sendtargets.port"), &there, m->why);
	record_free(there);
	if (is_there(m, err))
		return 0;
	if (err == -ENOENT)
		err = records_portal_write(m->to, portal, m->why);
	m->counts->portals += !err;
	return err;
}

static int import_iface(void *ctx, const struct record *iface)
{
	struct importing *m = ctx;
	const char *name = record_get(iface, "iface.iscsi_ifacename");
	struct place p = place_of("ifaces", name);
	struct record *there;
	if (iface_is_builtin(name))
		return 0;
	int err = records_iface_read(m->to, name, &there, m->why);
	record_free(there);
	if (is_there(m, err))
		return 0;
	if (err == -ENOENT)
		err = place_write(m->to, &p, iface, m->why);
	m->counts->ifaces += !err;
	return err;
}

static int import_all(struct importing *m, struct records *from)
{
	const struct record_filter all = RECORD_FILTER_ALL;
	/* First what others name. */
	int err = records_ifaces(from, import_iface, m, m->why);
	if (err >= 0)
		err = records_portals(from, RECORD_SENDTARGETS, import_portal, m, m->why);
	if (err >= 0)
		err = records_portals(from, RECORD_ISNS, import_portal, m, m->why);
	if (err >= 0)
		err = records_nodes(from, &all, import_node, m, m->why);
	return err < 0 ? err : 0;
}

int records_import(struct records *db, const char *from, struct records_imported *counts,
		   struct config_why *why)
{
	const struct records_options options = {
		.root = from, .read_only = true, .say = db->options.say};
	struct importing m = {db, counts, why};
	struct records source;
	*counts = (struct records_imported){0};
	int err = records_open(&source, &options, why);
	if (!err)
		err = records_lock(db, why);
	if (err) {
		records_close(&source);
		return err;
	}
	err = import_all(&m, &source);
	records_unlock(db);
	records_close(&source);
	return err;
}
