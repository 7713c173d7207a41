/* SPDX-License-Identifier: BSD-2-Clause */
/* SCSI devices with their LUN inventories, and the I_T nexuses that reach them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/gate.h"

/* --- LUNs (SAM-5 4.7) */

#define FLAT_SPACE 0x4000

int scsi_lun_decode(const uint8_t lun[8], uint16_t *out)
{
	uint64_t v = get_be64(lun);
	uint16_t top = (uint16_t)(v >> 48);

	if (v & UINT64_C(0xffffffffffff)) /* levels below the first */
		return -EINVAL;
	if (top >= 0x100 && top >> 14 != FLAT_SPACE >> 14)
		return -EINVAL;
	*out = top & SCSI_LUN_MAX;
	return 0;
}

uint16_t scsi_io_lun(const struct scsi_io *io)
{
	return get_be16(io->lun) & SCSI_LUN_MAX;
}

void scsi_lun_encode(uint8_t out[8], uint16_t lun)
{
	memset(out, 0, 8);
	put_be16(out, lun < 0x100 ? lun : FLAT_SPACE | lun);
}

/* --- devices */

struct scsi_device *scsi_device_new(const char *name)
{
	struct scsi_device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	list_init(&dev->nexuses);
	list_init(&dev->functions);
	dev->name = strdup(name);
	if (!dev->name) {
		free(dev);
		return NULL;
	}
	return dev;
}

void scsi_device_free(struct scsi_device *dev)
{
	if (!dev)
		return;
	assert(list_empty(&dev->nexuses));
	while (dev->count)
		scsi_device_unmap(dev, dev->maps[dev->count - 1]->lun);
	free(dev->maps);
	free(dev->name);
	free(dev);
}

/* The index of the first LUN that is not below. */
static size_t find_index(const struct scsi_device *dev, uint16_t lun)
{
	size_t low = 0, high = dev->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (dev->maps[mid]->lun < lun)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_mapped(const struct scsi_device *dev, size_t i, uint16_t lun)
{
	return i < dev->count && dev->maps[i]->lun == lun;
}

struct scsi_lu *scsi_device_find(const struct scsi_device *dev, uint16_t lun)
{
	size_t i = find_index(dev, lun);

	return is_mapped(dev, i, lun) ? dev->maps[i]->lu : NULL;
}

static void inventory_changed(struct scsi_device *dev)
{
	dev->generation++;
	list_for_each (it, &dev->nexuses) {
		struct scsi_nexus *nexus = list_entry(it, struct scsi_nexus, of_device);

		for (size_t lun = 0; lun < nexus->itl_count; lun++)
			if (nexus->itls[lun])
				scsi_ua_add(nexus->itls[lun], SCSI_ASC_LUNS_CHANGED);
	}
}

int scsi_device_map(struct scsi_device *dev, uint16_t lun, struct scsi_lu *lu)
{
	size_t i = find_index(dev, lun);
	struct scsi_map **maps, *map;

	if (lun > SCSI_LUN_MAX)
		return -ERANGE;
	if (is_mapped(dev, i, lun))
		return -EEXIST;
	/* A power of two of places: the array is full when the count is one. */
	if ((dev->count & (dev->count - 1)) == 0) {
		maps = realloc(dev->maps, MAX(1, 2 * dev->count) * sizeof(struct scsi_map *));
		if (!maps)
			return -ENOMEM;
		dev->maps = maps;
	}
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	*map = (struct scsi_map){.dev = dev, .lu = lu, .lun = lun};
	list_add_tail(&lu->maps, &map->of_lu);
	memmove(dev->maps + i + 1, dev->maps + i, (dev->count - i) * sizeof(*dev->maps));
	dev->maps[i] = map;
	dev->count++;
	inventory_changed(dev);
	return 0;
}

static struct scsi_io *next_unmapped(const struct scsi_itl *itl)
{
	list_for_each (it, &itl->lu->tasks) {
		struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (io->itl == itl && (io->state == SCSI_IO_BLOCKED || io->state == SCSI_IO_MOVING))
			return io;
	}
	return NULL;
}

/* Its tasks that have nothing at the backstore end; the others need it until they do. */
static void detach(struct scsi_nexus *nexus, uint16_t lun)
{
	struct scsi_itl *itl = lun < nexus->itl_count ? nexus->itls[lun] : NULL;
	struct scsi_io *io;

	if (!itl)
		return;
	nexus->itls[lun] = NULL;
	list_add_tail(&nexus->detached, &itl->detached);
	itl->lu->order_hold++;
	while ((io = next_unmapped(itl)))
		scsi_detach(io);
	itl->lu->order_hold--;
	scsi_order_run(itl->lu);
	scsi_reserve_nexus_lost(itl->lu, nexus);
}

int scsi_device_unmap(struct scsi_device *dev, uint16_t lun)
{
	size_t i = find_index(dev, lun);
	struct scsi_map *map;
	struct scsi_lu *lu;

	if (!is_mapped(dev, i, lun))
		return -ENOENT;
	map = dev->maps[i];
	lu = map->lu;
	dev->count--;
	memmove(dev->maps + i, dev->maps + i + 1, (dev->count - i) * sizeof(*dev->maps));
	list_del(&map->of_lu);
	free(map);
	list_for_each (it, &dev->nexuses)
		detach(list_entry(it, struct scsi_nexus, of_device), lun);
	inventory_changed(dev);
	scsi_tmf_unmapped(dev, lu);
	scsi_tmf_check(lu);
	return 0;
}

/* --- nexuses */

struct scsi_nexus *scsi_nexus_new(struct scsi_device *dev, const char *initiator_port,
				  const char *target_port, uint16_t rel_port)
{
	struct scsi_nexus *nexus = calloc(1, sizeof(*nexus));

	if (!nexus)
		return NULL;
	nexus->dev = dev;
	nexus->rel_port = rel_port;
	list_init(&nexus->detached);
	nexus->initiator_port = strdup(initiator_port);
	nexus->target_port = strdup(target_port);
	if (!nexus->initiator_port || !nexus->target_port) {
		free(nexus->initiator_port);
		free(nexus->target_port);
		free(nexus);
		return NULL;
	}
	list_add_tail(&dev->nexuses, &nexus->of_device);
	return nexus;
}

static struct scsi_itl *find_detached(struct scsi_nexus *nexus, const struct scsi_lu *lu)
{
	list_for_each (it, &nexus->detached) {
		struct scsi_itl *itl = list_entry(it, struct scsi_itl, detached);

		if (itl->lu == lu)
			return itl;
	}
	return NULL;
}

static bool make_room(struct scsi_nexus *nexus, uint16_t lun)
{
	size_t count = MAX(nexus->itl_count, (size_t)1);
	struct scsi_itl **itls;

	while (count <= lun)
		count *= 2;
	if (count == nexus->itl_count)
		return true;
	itls = realloc(nexus->itls, count * sizeof(struct scsi_itl *));
	if (!itls)
		return false;
	memset(itls + nexus->itl_count, 0, (count - nexus->itl_count) * sizeof(*itls));
	nexus->itls = itls;
	nexus->itl_count = count;
	return true;
}

struct scsi_itl *scsi_nexus_itl(struct scsi_nexus *nexus, uint16_t lun, int *err)
{
	struct scsi_itl *itl;
	struct scsi_lu *lu;

	if (lun < nexus->itl_count && nexus->itls[lun])
		return nexus->itls[lun];
	lu = scsi_device_find(nexus->dev, lun);
	*err = lu ? -ENOMEM : -ENXIO;
	if (!lu || !make_room(nexus, lun))
		return NULL;
	itl = find_detached(nexus, lu);
	if (itl) {
		list_del(&itl->detached);
	} else {
		itl = calloc(1, sizeof(*itl));
		if (!itl)
			return NULL;
		itl->nexus = nexus;
		itl->lu = lu;
		itl->lost_seen = lu->bs->lost_generation;
		list_init(&itl->detached);
		list_add_tail(&lu->itls, &itl->of_lu);
	}
	itl->lun = lun;
	itl->ua_count = 0;
	scsi_ua_add(itl, SCSI_ASC_RESET);
	nexus->itls[lun] = itl;
	return itl;
}

void scsi_itl_free(struct scsi_itl *itl)
{
	list_del(&itl->of_lu);
	list_del(&itl->detached);
	free(itl);
}

static struct scsi_io *next_of_nexus(const struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	list_for_each (it, &lu->tasks) {
		struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (io->nexus == nexus)
			return io;
	}
	return NULL;
}

static void forget_nexus(struct scsi_io *io)
{
	io->nexus = NULL;
	io->itl = NULL;
}

static void nexus_lost(struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	size_t fences = lu->fences;
	char name[512];
	struct scsi_io *io;

	lu->order_hold++;
	while ((io = next_of_nexus(lu, nexus))) {
		forget_nexus(io);
		if (!io->aborted) /* else task management has told the transport before */
			scsi_abort(io, SCSI_GOOD);
	}
	lu->order_hold--;
	list_for_each (it, &lu->orphans) {
		io = list_entry(it, struct scsi_io, task);
		if (io->nexus == nexus)
			forget_nexus(io);
	}
	if (lu->fences > fences)
		log_info(lu->log, "%s: the session of %s ended with %zu writes under way: fenced",
			 lu->bs->path,
			 log_safe(name, sizeof(name), nexus->initiator_port,
				  strlen(nexus->initiator_port)),
			 lu->fences - fences);
	scsi_reserve_nexus_lost(lu, nexus);
	scsi_order_run(lu);
}

static void itl_lost(struct scsi_nexus *nexus, struct scsi_itl *itl)
{
	struct scsi_lu *lu = itl->lu;

	if (list_empty(&itl->detached))
		nexus->itls[itl->lun] = NULL;
	scsi_itl_free(itl);
	nexus_lost(lu, nexus);
}

/* A LU that the nexus has to get out of; from the last LUN down, so that each is looked for but once. */
static struct scsi_itl *next_itl(struct scsi_nexus *nexus)
{
	if (!list_empty(&nexus->detached))
		return list_first(&nexus->detached, struct scsi_itl, detached);
	while (nexus->itl_count && !nexus->itls[nexus->itl_count - 1])
		nexus->itl_count--;
	return nexus->itl_count ? nexus->itls[nexus->itl_count - 1] : NULL;
}

/* Its tasks are under way, or wait: all must know where they stand when fences go up. */
static bool has_something_there(const struct scsi_itl *itl)
{
	return !list_empty(&itl->lu->entering) || next_of_nexus(itl->lu, itl->nexus);
}

static void nexus_unref(struct scsi_nexus *nexus)
{
	free(nexus->itls);
	free(nexus->passes);
	free(nexus->initiator_port);
	free(nexus->target_port);
	free(nexus);
}

/* On the thread of its session, to which all letters about its tasks have come by now. */
static void gone(struct mail *m)
{
	nexus_unref(container_of(m, struct scsi_nexus, mail));
}

static void waited(struct scsi_entry *e);

static void lose(struct scsi_nexus *nexus)
{
	void (*lost)(void *ctx) = nexus->lost;
	void *ctx = nexus->lost_ctx;
	struct scsi_itl *itl;

	while ((itl = next_itl(nexus))) {
		if (has_something_there(itl) && scsi_gate_enter(itl->lu, &nexus->entry, waited))
			return;
		itl_lost(nexus, itl);
	}
	if (nexus->away)
		reactor_post(nexus->away, &nexus->mail, gone);
	else
		nexus_unref(nexus);
	if (lost)
		lost(ctx);
}

static void waited(struct scsi_entry *e)
{
	struct scsi_nexus *nexus = container_of(e, struct scsi_nexus, entry);

	itl_lost(nexus, next_itl(nexus));
	lose(nexus);
}

void scsi_nexus_lose(struct scsi_nexus *nexus, void (*lost)(void *ctx), void *ctx)
{
	list_for_each_safe (it, &nexus->dev->functions) {
		struct scsi_tmf *tmf = list_entry(it, struct scsi_tmf, link);

		if (tmf->nexus == nexus)
			scsi_tmf_cancel_home(tmf);
	}
	list_del(&nexus->of_device);
	nexus->lost = lost;
	nexus->lost_ctx = ctx;
	lose(nexus);
}

void scsi_nexus_free(struct scsi_nexus *nexus)
{
	if (nexus)
		scsi_nexus_lose(nexus, NULL, NULL);
}

void scsi_nexus_set_away(struct scsi_nexus *nexus, struct reactor *home, struct reactor *away)
{
	nexus->home = home;
	nexus->away = away;
}

void scsi_nexus_leave(struct scsi_nexus *nexus)
{
	scsi_pass_surrender(nexus);
}

void scsi_device_abandon(struct scsi_device *dev)
{
	for (size_t i = 0; i < dev->count; i++)
		scsi_gates_abandon(dev->maps[i]->lu);
	list_for_each (it, &dev->nexuses)
		list_entry(it, struct scsi_nexus, of_device)->away = NULL;
	list_for_each (it, &dev->functions)
		list_entry(it, struct scsi_tmf, link)->away = NULL;
}
