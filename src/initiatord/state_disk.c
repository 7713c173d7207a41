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
#include "initiatord/state_read.h"

static const char *const file_names[RIGHTS_KEPT_FILES] = {
	[RIGHTS_KEPT_FUSE] = "fuse",
	[RIGHTS_KEPT_MOUNT] = "mount",
};

static void name_of(char out[32], uint32_t slot, size_t file)
{
	snprintf(out, 32, "disk-%u-%s", slot, file_names[file]);
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

/* It has its device again, and what it needs to go on with it. */
static void have_device(struct attached_disk *disk, const struct state_device *was)
{
	disk->keep = was->keep;
	snprintf(disk->keep.method, sizeof(disk->keep.method), "%s", disk->method->name);
	memcpy(disk->path, was->kept.path, sizeof(disk->path));
	disk->kept = true;
}

static void take_device(struct attached_disk *disk, const struct state_device *was)
{
	struct initiatord *d = disk->d;
	int files[RIGHTS_KEPT_FILES];
	char name[32], why[512] = "";
	for (size_t i = 0; i < RIGHTS_KEPT_FILES; i++) {
		name_of(name, was->slot, i);
		files[i] = fdstore_take(&d->store, name);
	}
	if (disk_use_slot(disk, was->slot) &&
	    !rights_take(&d->holder, was->slot, &was->kept, files, why, sizeof(why))) {
		have_device(disk, was);
		log_info(d->log, "%s LUN %u: %s is still there, and waits", disk->target, disk->lun,
			 disk->path);
		return;
	}
	for (size_t i = 0; i < RIGHTS_KEPT_FILES; i++) {
		name_of(name, was->slot, i);
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
	struct state_disk was;
	const char *bad = state_disk_read(o, &was);
	if (bad) {
		log_error(
			d->log,
			"state.json has a disk of %s whose %s cannot be: it is not attached again",
			was.target, bad);
		return;
	}
	const struct attach_method *m = attach_find(was.method);
	const bool boot = automatic_is(d, was.target, was.lun, true);
	struct attached_disk *disk =
		m && (same_boot || boot) && !disk_find(d, was.target, was.lun)
			? disk_new(d, was.target, was.lun, was.host, was.port, m)
			: NULL;
	if (!disk)
		return;
	disk->boot = boot;
	disk->restored = true;
	disk->size = was.size;
	memcpy(disk->wwid, was.wwid, sizeof(disk->wwid));
	if (same_boot && was.has_device)
		take_device(disk, &was.device);
	log_in(disk);
}
