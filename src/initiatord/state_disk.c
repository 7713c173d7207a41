/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in STATE/state.json. What its device is in the kernel stands there as well: a daemon that follows one that was
 * killed goes on with that device, and whoever uses it has waited. By FUSE that takes two descriptors that somebody
 * has kept meanwhile (fdstore.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config/store.h"
#include "initiatord/initiatord.h"

static const char *const file_names[RIGHTS_KEPT_FILES] = {
	[RIGHTS_KEPT_FUSE] = "fuse",
	[RIGHTS_KEPT_MOUNT] = "mount",
};

static void name_of(char out[32], uint32_t slot, size_t file)
{
	snprintf(out, 32, "disk-%u-%s", slot, file_names[file]);
}

static uint64_t number_of(const json_t *o, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(o, name));
}

static void take_text(char *out, size_t size, const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	snprintf(out, size, "%s", text ? text : "");
}

/* --- what outlives the daemon */

void state_disk_hold(struct attached_disk *disk)
{
	struct initiatord *d = disk->d;
	struct rights_kept kept;
	int files[RIGHTS_KEPT_FILES];
	char name[32];
	if (!disk->kept || !rights_keep(&d->holder, disk->slot, &kept, files))
		return;
	for (size_t i = 0; i < RIGHTS_KEPT_FILES; i++) {
		name_of(name, disk->slot, i);
		int err = files[i] < 0 ? 0 : fdstore_put(&d->store, name, files[i]);
		if (err)
			log_warning(d->log,
				    "%s does not survive a crash of the daemon: nobody keeps its "
				    "connection to FUSE: %s",
				    disk->path, strerror(-err));
	}
}

void state_disk_let_go(struct attached_disk *disk)
{
	char name[32];
	for (size_t i = 0; i < RIGHTS_KEPT_FILES; i++) {
		name_of(name, disk->slot, i);
		fdstore_remove(&disk->d->store, name);
	}
}

/* --- out */

static json_t *device_json(const struct attached_disk *k)
{
	struct rights_kept kept;
	int files[RIGHTS_KEPT_FILES];
	if (!k->kept || !rights_keep(&k->d->holder, k->slot, &kept, files))
		return NULL;
	json_t *links = json_array(), *numbers = json_array();
	for (size_t i = 0; i < ATTACH_LINKS; i++)
		if (kept.links[i][0])
			json_array_append_new(links, json_string(kept.links[i]));
	for (size_t i = 0; i < ARRAY_SIZE(k->keep.numbers); i++)
		json_array_append_new(numbers, json_integer(k->keep.numbers[i]));
	return json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:b, s:b, s:o, s:o}", "kind",
			 kept.kind, "path", kept.path, "name", kept.name, "fuse_dev",
			 (json_int_t)kept.fuse_dev, "slot", (int)k->slot, "number",
			 (int)kept.number, "queues", (int)kept.queues, "encoded", kept.encoded,
			 "resizes", kept.resizes, "links", links, "keep", numbers);
}

json_t *state_disk_json(const struct attached_disk *k)
{
	json_t *o = json_pack("{s:s, s:i, s:s, s:i, s:s, s:b, s:s, s:I}", "target", k->target,
			      "lun", (int)k->lun, "address", k->host, "port", k->port, "method",
			      k->method->name, "boot", k->boot, "wwid", k->wwid, "size",
			      (json_int_t)k->size);
	json_t *device = device_json(k);
	if (o && device)
		json_object_set_new(o, "device", device);
	return o;
}

/* --- in */

static void read_kept(const json_t *o, struct rights_kept *out)
{
	const json_t *link;
	size_t i;
	*out = (struct rights_kept){
		.number = (uint32_t)number_of(o, "number"),
		.queues = (uint32_t)number_of(o, "queues"),
		.encoded = json_is_true(json_object_get(o, "encoded")),
		.resizes = json_is_true(json_object_get(o, "resizes")),
		.fuse_dev = number_of(o, "fuse_dev"),
	};
	take_text(out->kind, sizeof(out->kind), o, "kind");
	take_text(out->path, sizeof(out->path), o, "path");
	take_text(out->name, sizeof(out->name), o, "name");
	json_array_foreach(json_object_get(o, "links"), i, link)
	{
		if (i < ATTACH_LINKS && json_is_string(link))
			snprintf(out->links[i], RIGHTS_NAME, "%s", json_string_value(link));
	}
}

/* It has its device again, and what it needs to go on with it. */
static void have_device(struct attached_disk *disk, const json_t *o)
{
	const json_t *number;
	size_t i;
	snprintf(disk->keep.method, sizeof(disk->keep.method), "%s", disk->method->name);
	json_array_foreach(json_object_get(o, "keep"), i, number)
	{
		if (i < ARRAY_SIZE(disk->keep.numbers))
			disk->keep.numbers[i] = (uint32_t)json_integer_value(number);
	}
	take_text(disk->path, sizeof(disk->path), o, "path");
	disk->kept = true;
}

static void take_device(struct attached_disk *disk, const json_t *o)
{
	struct initiatord *d = disk->d;
	struct rights_kept kept;
	int files[RIGHTS_KEPT_FILES];
	char name[32], why[512] = "";
	uint32_t slot = (uint32_t)number_of(o, "slot");
	if (!json_is_object(o))
		return;
	read_kept(o, &kept);
	for (size_t i = 0; i < RIGHTS_KEPT_FILES; i++) {
		name_of(name, slot, i);
		files[i] = fdstore_take(&d->store, name);
	}
	if (disk_use_slot(disk, slot) &&
	    !rights_take(&d->holder, slot, &kept, files, why, sizeof(why))) {
		have_device(disk, o);
		log_info(d->log, "%s LUN %u: %s is still there, and waits", disk->target, disk->lun,
			 disk->path);
		return;
	}
	for (size_t i = 0; i < RIGHTS_KEPT_FILES; i++) {
		name_of(name, slot, i);
		fdstore_remove(&d->store, name);
		if (files[i] >= 0)
			close(files[i]);
	}
	log_error(d->log,
		  "%s LUN %u: what was attached cannot be gone on with, and is attached "
		  "anew: %s",
		  disk->target, disk->lun, why[0] ? why : "its place is taken");
}

static void log_in(struct attached_disk *disk)
{
	struct record_filter nodes = RECORD_FILTER_ALL;
	/* Its sessions were made before, or it has to make one as it did at first. */
	list_for_each (it, &disk->d->sessions) {
		const struct node_session *s = list_entry(it, struct node_session, link);
		if (!strcmp(s->key.target, disk->target)) {
			disk_begin(disk, 0);
			return;
		}
	}
	nodes.target = disk->target;
	nodes.address = disk->host;
	nodes.port = disk->port;
	disk_login(disk, &nodes, true, 0);
}

void state_disk_restore(struct initiatord *d, const json_t *o, bool same_boot)
{
	char target[ISCSI_NAME_SIZE], method[32], host[RECORD_HOST_SIZE];
	uint32_t lun = (uint32_t)number_of(o, "lun");
	take_text(target, sizeof(target), o, "target");
	take_text(method, sizeof(method), o, "method");
	take_text(host, sizeof(host), o, "address");
	if (!state_in_range(o, "lun", 0, ISCSI_LUN_MAX) ||
	    !state_in_range(o, "port", 0, UINT16_MAX)) {
		log_error(d->log,
			  "state.json has a disk of %s whose LUN or port cannot be: it is not "
			  "attached again",
			  target);
		return;
	}
	const struct attach_method *m = attach_find(method);
	const bool boot = automatic_is(d, target, lun, true);
	struct attached_disk *disk =
		m && (same_boot || boot) && !disk_find(d, target, lun)
			? disk_new(d, target, lun, host, (uint16_t)number_of(o, "port"), m)
			: NULL;
	if (!disk)
		return;
	disk->boot = boot;
	disk->restored = true;
	disk->size = number_of(o, "size");
	take_text(disk->wwid, sizeof(disk->wwid), o, "wwid");
	if (same_boot)
		take_device(disk, json_object_get(o, "device"));
	log_in(disk);
}
