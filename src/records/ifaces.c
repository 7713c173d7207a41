/* SPDX-License-Identifier: BSD-2-Clause */
/* Ifaces: from where connections go out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "records/priv.h"

static const struct {
	const char *name, *transport;
} builtin[] = {{"default", "tcp"}, {"iser", "iser"}};

bool iface_is_builtin(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++) {
		if (!strcmp(builtin[i].name, name))
			return true;
	}
	return false;
}

static int make_iface(const char *name, const char *transport, struct record **out,
		      struct config_why *why)
{
	*out = record_new(RECORD_IFACE);
	int err = *out ? record_put(*out, "iface.iscsi_ifacename", name, why) : -ENOMEM;
	if (!err)
		err = record_put(*out, "iface.transport_name", transport, why);
	if (err) {
		record_free(*out);
		*out = NULL;
	}
	return err;
}

static int check_name(const char *name, struct config_why *why)
{
	if (record_label_valid(name))
		return 0;
	return config_refuse(
		why, EINVAL,
		"\"%.60s\" cannot be the name of an iface: it has 64 characters at most, "
		"no spaces, '/', ',' and no dot in front, such as iface0",
		name);
}

int records_iface_read(struct records *db, const char *name, struct record **out,
		       struct config_why *why)
{
	struct place p = place_of("ifaces", name);
	int err = check_name(name, why);
	*out = NULL;
	for (size_t i = 0; !err && i < ARRAY_SIZE(builtin); i++) {
		if (!strcmp(builtin[i].name, name))
			return make_iface(name, builtin[i].transport, out, why);
	}
	if (!err)
		err = place_read(db, &p, RECORD_IFACE, out, why);
	/* Files that people wrote do not always say it. */
	if (!err && record_is_default(*out, "iface.iscsi_ifacename"))
		return record_put(*out, "iface.iscsi_ifacename", name, why);
	if (!err && strcmp(record_get(*out, "iface.iscsi_ifacename"), name)) {
		record_free(*out);
		*out = NULL;
		err = config_refuse(why, EBADMSG, "ifaces/%s is damaged: it is of another iface",
				    name);
	}
	return err;
}

static int visit_iface(struct records *db, const char *name, records_iface_fn *fn, void *ctx,
		       int *count)
{
	struct config_why why = {""};
	struct record *r;
	int err = records_iface_read(db, name, &r, &why);
	if (err)
		return store_skip(db, err, &why);
	err = fn(ctx, r);
	*count += !err;
	record_free(r);
	return err;
}

int records_ifaces(struct records *db, records_iface_fn *fn, void *ctx, struct config_why *why)
{
	struct place dir = place_of("ifaces", "");
	struct names names;
	int count = 0;
	int err = place_list(db, &dir, &names, why);
	for (size_t i = 0; !err && i < ARRAY_SIZE(builtin); i++)
		err = visit_iface(db, builtin[i].name, fn, ctx, &count);
	for (size_t i = 0; !err && i < names.count; i++) {
		if (!iface_is_builtin(names.names[i]))
			err = visit_iface(db, names.names[i], fn, ctx, &count);
	}
	names_free(&names);
	return err ? err : count;
}

static int refuse_builtin(const char *name, struct config_why *why)
{
	return config_refuse(why, EPERM, "%s is always there, and as it is", name);
}

int records_iface_add(struct records *db, const char *name, struct config_why *why)
{
	struct place p = place_of("ifaces", name);
	struct record *r;
	int err = check_name(name, why);
	if (!err && iface_is_builtin(name))
		err = refuse_builtin(name, why);
	if (!err)
		err = records_lock(db, why);
	if (err)
		return err;
	if (place_is_file(db, &p))
		err = config_refuse(why, EEXIST, "iface %s is there already", name);
	else
		err = make_iface(name, "tcp", &r, why);
	if (!err) {
		err = place_write(db, &p, r, why);
		record_free(r);
	}
	records_unlock(db);
	return err;
}

struct binding {
	struct records *db;
	const struct record *iface;
	struct config_why *why;
};

static int bind_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct binding *b = ctx;
	struct place p = node_place(key);
	struct record *copy = record_copy(node);
	int err = copy ? record_take(copy, b->iface) : -ENOMEM;
	if (!err)
		err = place_write(b->db, &p, copy, b->why);
	record_free(copy);
	return err;
}

static int update_iface(struct records *db, const char *name, const struct record_change *changes,
			size_t count, struct config_why *why)
{
	struct place p = place_of("ifaces", name);
	struct record_filter bound = {.iface = name, .tpgt = RECORDS_ANY_TPGT};
	struct record *r;
	int err = records_iface_read(db, name, &r, why);
	if (err)
		return err;
	struct binding b = {db, r, why};
	err = record_set_all(r, changes, count, why);
	if (!err)
		err = place_write(db, &p, r, why);
	if (!err)
		err = records_nodes(db, &bound, bind_node, &b, why);
	record_free(r);
	return err < 0 ? err : 0;
}

int records_iface_update(struct records *db, const char *name, const struct record_change *changes,
			 size_t count, struct config_why *why)
{
	int err = iface_is_builtin(name) ? refuse_builtin(name, why) : records_lock(db, why);
	if (err)
		return err;
	err = update_iface(db, name, changes, count, why);
	records_unlock(db);
	return err;
}

static int delete_iface(struct records *db, const char *name, struct config_why *why)
{
	struct place p = place_of("ifaces", name);
	struct record_filter bound = {.iface = name, .tpgt = RECORDS_ANY_TPGT};
	if (!place_is_file(db, &p))
		return config_refuse(why, ENOENT, "There is no iface %s", name);
	int n = records_node_delete(db, &bound, why);
	return n < 0 ? n : place_remove(db, &p, why);
}

int records_iface_delete(struct records *db, const char *name, struct config_why *why)
{
	int err = check_name(name, why);
	if (!err && iface_is_builtin(name))
		err = refuse_builtin(name, why);
	if (!err)
		err = records_lock(db, why);
	if (err)
		return err;
	err = delete_iface(db, name, why);
	records_unlock(db);
	return err;
}
