/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * STATE/state.json: the ISIDs of records, which are there before the first login by them (RFC 7143 6.3.5: by the same
 * one a later process ends what an earlier one has left); and what is logged in and attached now, for a daemon that
 * follows one that has crashed. After a boot, or an end in order, only what records ask for is made again
 * (node.startup, node.lunar.attach); what it was is known from here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config/store.h"
#include "initiator/session.h"
#include "initiatord/initiatord.h"
#include "initiatord/state_read.h"
#include "reactor/file.h"

#define STATE_MAX (16u << 20)

static void path_of(const struct initiatord *d, char out[INITIATORD_PATH + 16])
{
	snprintf(out, INITIATORD_PATH + 16, "%s/state.json", d->o.state_dir);
}

/* "" where the kernel tells none: then each start is one after a boot. */
static void read_boot_id(char out[40])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	out[0] = 0;
	if (!f)
		return;
	if (!fgets(out, 40, f))
		out[0] = 0;
	out[strcspn(out, "\n")] = 0;
	fclose(f);
}

static void key_text(const struct record_key *k, char *out, size_t size)
{
	snprintf(out, size, "%s,%s,%u,%d,%s", k->target, k->address, k->port, k->tpgt, k->iface);
}

/* --- out */

static json_t *sessions_of(const struct initiatord *d)
{
	json_t *list = json_array();
	list_for_each (it, &d->sessions) {
		const struct node_session *s = list_entry(it, struct node_session, link);
		if (!s->wanted || (d->ending && !d->leaving))
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:i, s:i, s:s, s:b}", "target",
						s->key.target, "address", s->key.address, "port",
						s->key.port, "tpgt", s->key.tpgt, "iface",
						s->key.iface, "for_disks", s->for_disks));
	}
	return list;
}

static json_t *disks_of(const struct initiatord *d)
{
	json_t *list = json_array();
	const bool ends = d->ending && !d->leaving;
	list_for_each (it, &d->disks) {
		const struct attached_disk *k = list_entry(it, struct attached_disk, link);
		if (k->boot || (!ends && (k->kept || k->restored)))
			json_array_append_new(list, state_disk_json(k));
	}
	return list;
}

int state_save(struct initiatord *d)
{
	char path[INITIATORD_PATH + 16], boot_id[40];
	struct config_why why;
	if (d->left || d->closed)
		return 0; /* what it says has not been taken over yet, or is for the next daemon */
	path_of(d, path);
	read_boot_id(boot_id);
	json_t *whole =
		json_pack("{s:i, s:s, s:O, s:o, s:o}", "version", STATE_VERSION, "boot_id", boot_id,
			  "isids", d->isids, "sessions", sessions_of(d), "disks", disks_of(d));
	char *text = whole ? json_dumps(whole, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
	json_decref(whole);
	if (!text)
		return -ENOMEM;
	const struct config_store store = {.path = path};
	int err = config_store_write(&store, text, strlen(text), &why);
	free(text);
	if (err)
		log_error(d->log, "%s", why.text);
	return err;
}

/* --- ISIDs */

static void random_bytes(void *ctx, void *out, size_t len)
{
	reactor_random(ctx, out, len);
}

int state_isid(struct initiatord *d, const struct record_key *key, uint8_t isid[ISCSI_ISID_LEN])
{
	char name[ISCSI_NAME_SIZE + RECORD_HOST_SIZE + RECORD_LABEL_SIZE + 32], text[13];
	key_text(key, name, sizeof(name));
	const char *had = json_string_value(json_object_get(d->isids, name));
	if (had && state_isid_read(had, isid))
		return 0;
	ini_isid_random(isid, random_bytes, d->r);
	for (size_t i = 0; i < ISCSI_ISID_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", isid[i]);
	json_object_set_new(d->isids, name, json_string(text));
	/* While what was left is taken over, it is written with that. */
	json_t *left = d->left;
	d->left = NULL;
	int err = left ? 0 : state_save(d);
	d->left = left;
	return err;
}

/* --- in */

/* What is damaged is put aside, and said: records and targets are there all the same. */
static void set_aside(struct initiatord *d, const char *path, const json_error_t *error)
{
	char aside[INITIATORD_PATH + 32], where[32] = "";
	snprintf(aside, sizeof(aside), "%s.damaged", path);
	if (error->line > 0)
		snprintf(where, sizeof(where), " in line %d", error->line);
	const bool moved = !rename(path, aside);
	/* Their sessions may be there still, and what they had under way. */
	d->o.child.unknown_past = true;
	log_error(d->log,
		  "%s is damaged%s (%s): only what records name is attached again, sessions get "
		  "new ISIDs, and each LU is reset before it is used, for writes of old sessions "
		  "may be under way; %s",
		  path, where, error->text,
		  moved ? "it is kept as state.json.damaged" : strerror(errno));
}

static json_t *read_state(struct initiatord *d, const char *path, int *err)
{
	struct buf text;
	struct config_why why;
	json_error_t error;
	json_t *whole = NULL;
	buf_init(&text, STATE_MAX);
	*err = config_store_read(path, &text, &why);
	if (!*err) {
		whole = state_parse(text.data, text.len, &error);
		if (!whole)
			set_aside(d, path, &error);
	} else if (*err != -ENOENT) {
		log_error(d->log, "%s", why.text);
	}
	*err = *err == -ENOENT ? 0 : *err;
	buf_free(&text);
	return whole;
}

int state_load(struct initiatord *d, char *why, size_t why_size)
{
	char path[INITIATORD_PATH + 16];
	int err;
	path_of(d, path);
	json_t *whole = read_state(d, path, &err);
	const json_t *version = json_object_get(whole, "version");
	if (json_is_integer(version) && json_integer_value(version) > STATE_VERSION) {
		snprintf(why, why_size,
			 "%s is of version %lld and by a later Lunar: this one knows version %d, "
			 "and "
			 "would lose what is in it; start that one, or move the file away",
			 path, (long long)json_integer_value(version), STATE_VERSION);
		json_decref(whole);
		return -EINVAL;
	}
	json_t *isids = json_object_get(whole, "isids");
	d->isids = json_is_object(isids) ? json_incref(isids) : json_object();
	d->left = whole;
	if (err)
		snprintf(why, why_size, "%s cannot be read: %s", path, strerror(-err));
	return err;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	return text ? text : "";
}

bool state_had_session(const struct initiatord *d, const struct record_key *key)
{
	const json_t *o;
	size_t i;
	json_array_foreach(json_object_get(d->left, "sessions"), i, o)
	{
		if (!strcmp(text_of(o, "target"), key->target) &&
		    !strcmp(text_of(o, "address"), key->address) &&
		    !strcmp(text_of(o, "iface"), key->iface) &&
		    json_integer_value(json_object_get(o, "port")) == key->port)
			return true;
	}
	return false;
}

static void restore_session(struct initiatord *d, const json_t *o)
{
	struct config_why why;
	struct state_session was;
	const char *bad = state_session_read(o, &was);
	if (bad) {
		log_error(d->log, "state.json has a session of %s whose %s cannot be: no login",
			  was.key.target, bad);
		return;
	}
	struct node_session *s = session_again(d, &was.key, &why);
	if (!s) {
		log_error(d->log, "%s at %s: no login: %s", was.key.target, was.key.address,
			  why.text);
		return;
	}
	s->wanted = true;
	s->for_disks = was.for_disks;
}

static void restore_disks(struct initiatord *d, const json_t *left, bool same, bool with_device)
{
	const json_t *o;
	size_t i;
	json_array_foreach(json_object_get(left, "disks"), i, o)
	{
		bool has = same && json_is_object(json_object_get(o, "device"));
		if (has == with_device)
			state_disk_restore(d, o, same);
	}
}

void state_restore(struct initiatord *d)
{
	char boot_id[40];
	json_t *left = d->left, *o;
	size_t i;
	read_boot_id(boot_id);
	bool same = boot_id[0] && !strcmp(boot_id, text_of(left, "boot_id"));
	json_array_foreach(json_object_get(left, "sessions"), i, o)
	{
		if (same)
			restore_session(d, o);
	}
	/* All portals of a target at once: what is attached needs one of them. */
	sessions_automatic(d);
	/* Those that have a device first: no other one is to take their slots. */
	restore_disks(d, left, same, true);
	restore_disks(d, left, same, false);
	d->left = NULL;
	json_decref(left);
	state_save(d);
}
