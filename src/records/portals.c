/* SPDX-License-Identifier: BSD-2-Clause */
/* Those who are asked for targets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "records/priv.h"

static const struct {
	const char *dir, *file, *node_type;
} kinds[RECORD_KINDS] = {
	[RECORD_SENDTARGETS] = {"send_targets", "st_config", "send_targets"},
	[RECORD_ISNS] = {"isns", "isns_config", "isns"},
};

#define ADDRESS "discovery.sendtargets.address"
#define PORT    "discovery.sendtargets.port"

/* A file of the directory's name in place of the directory is how it was once. */
static struct place portal_place(struct records *db, enum record_kind kind, const char *address,
				 uint16_t port)
{
	struct place p = place_of(kinds[kind].dir, "");
	snprintf(p.file, sizeof(p.file), "%.253s,%u", address, port);
	if (place_is_file(db, &p))
		return p;
	place_descend(&p, "%.253s,%u", address, port);
	snprintf(p.file, sizeof(p.file), "%s", kinds[kind].file);
	return p;
}

static int settle_portal(struct record *r, enum record_kind kind, const char *address,
			 uint16_t port, struct config_why *why)
{
	bool same =
		(record_is_default(r, ADDRESS) || !strcasecmp(record_get(r, ADDRESS), address)) &&
		(record_is_default(r, PORT) || record_number(r, PORT) == port);
	if (!same)
		return config_refuse(why, EBADMSG,
				     "%s/%.253s,%u/%s is damaged: it is of another portal",
				     kinds[kind].dir, address, port, kinds[kind].file);
	int err = record_put(r, ADDRESS, address, why);
	return err ? err : record_put_number(r, PORT, port, why);
}

int records_portal_read(struct records *db, enum record_kind kind, const char *address,
			uint16_t port, struct record **out, struct config_why *why)
{
	*out = NULL;
	if (!record_host_valid(address))
		return config_refuse(why, EINVAL, "\"%.60s\" is not an address", address);
	struct place p = portal_place(db, kind, address, port);
	int err = place_read(db, &p, kind, out, why);
	if (!err)
		err = settle_portal(*out, kind, address, port, why);
	if (err) {
		record_free(*out);
		*out = NULL;
	}
	return err;
}

int records_portal_write(struct records *db, const struct record *portal, struct config_why *why)
{
	const char *address = record_get(portal, ADDRESS);
	if (!address[0])
		return config_refuse(why, EINVAL, "who is to be asked for targets has no address");
	int err = records_lock(db, why);
	if (err)
		return err;
	struct place p =
		portal_place(db, portal->kind, address, (uint16_t)record_number(portal, PORT));
	/* The old way has no room for links. */
	if (p.depth == 1)
		err = place_remove(db, &p, why);
	if (!err) {
		p = portal_place(db, portal->kind, address, (uint16_t)record_number(portal, PORT));
		err = place_write(db, &p, portal, why);
	}
	records_unlock(db);
	return err;
}

/* "127.0.0.1,3260"; false: something else, such as a link of older versions. */
static bool parse_name(const char *name, char address[RECORD_HOST_SIZE], uint16_t *port)
{
	char *end;
	const char *comma = strchr(name, ',');
	if (!comma || (size_t)(comma - name) >= RECORD_HOST_SIZE)
		return false;
	memcpy(address, name, (size_t)(comma - name));
	address[comma - name] = 0;
	long value = strtol(comma + 1, &end, 10);
	*port = (uint16_t)value;
	return !*end && end > comma + 1 && value > 0 && value < 65536 && record_host_valid(address);
}

static int visit_portal(struct records *db, enum record_kind kind, const char *name,
			records_portal_fn *fn, void *ctx, int *count)
{
	char address[RECORD_HOST_SIZE];
	struct config_why why = {""};
	struct record *r;
	uint16_t port;
	if (!parse_name(name, address, &port)) {
		store_say(db, "%s/%.60s is skipped: that is no portal's name", kinds[kind].dir,
			  name);
		return 0;
	}
	int err = records_portal_read(db, kind, address, port, &r, &why);
	if (err)
		return store_skip(db, err, &why);
	err = fn(ctx, r);
	*count += !err;
	record_free(r);
	return err;
}

int records_portals(struct records *db, enum record_kind kind, records_portal_fn *fn, void *ctx,
		    struct config_why *why)
{
	struct place dir = place_of(kinds[kind].dir, "");
	struct names names;
	int count = 0;
	int err = place_list(db, &dir, &names, why);
	for (size_t i = 0; !err && i < names.count; i++)
		err = visit_portal(db, kind, names.names[i], fn, ctx, &count);
	names_free(&names);
	return err ? err : count;
}

/* What is left: links of nodes that somebody else deleted. */
static int remove_links(struct records *db, const struct place *portal, struct config_why *why)
{
	struct place p = *portal;
	struct names names;
	p.file[0] = 0;
	int err = place_list(db, &p, &names, why);
	for (size_t i = 0; !err && i < names.count; i++) {
		snprintf(p.file, sizeof(p.file), "%s", names.names[i]);
		place_unlink(db, &p);
	}
	names_free(&names);
	return err;
}

static int delete_portal(struct records *db, enum record_kind kind, const char *address,
			 uint16_t port, struct config_why *why)
{
	struct record_filter told = {.tpgt = RECORDS_ANY_TPGT,
				     .type = kinds[kind].node_type,
				     .discovery_address = address,
				     .discovery_port = port};
	struct place p = portal_place(db, kind, address, port);
	if (!place_is_file(db, &p))
		return config_refuse(why, ENOENT, "There is no record of %.253s,%u", address, port);
	int n = records_node_delete(db, &told, why);
	int err = n < 0 ? n : 0;
	if (!err && p.depth > 1)
		err = remove_links(db, &p, why);
	/* Last: when it is not there any more, nobody finds what it had told of. */
	return err ? err : place_remove(db, &p, why);
}

int records_portal_delete(struct records *db, enum record_kind kind, const char *address,
			  uint16_t port, struct config_why *why)
{
	if (!record_host_valid(address))
		return config_refuse(why, EINVAL, "\"%.60s\" is not an address", address);
	int err = records_lock(db, why);
	if (err)
		return err;
	err = delete_portal(db, kind, address, port, why);
	records_unlock(db);
	return err;
}
