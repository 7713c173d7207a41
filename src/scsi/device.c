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
	list_init(&dev->maps);
	list_init(&dev->ports);
	list_init(&dev->nexuses);
	list_init(&dev->losing);
	list_init(&dev->unmapped);
	list_init(&dev->functions);
	dev->name = strdup(name);
	dev->map = scsi_map_new(dev);
	if (!dev->name || !dev->map) {
		free(dev->name);
		scsi_map_free(dev->map);
		free(dev);
		return NULL;
	}
	return dev;
}

struct scsi_port *scsi_device_port(const struct scsi_device *dev, uint16_t rel_port)
{
	list_for_each (it, &dev->ports) {
		struct scsi_port *port = list_entry(it, struct scsi_port, link);

		if (port->rel == rel_port)
			return port;
	}
	return NULL;
}

int scsi_device_add_port(struct scsi_device *dev, const char *name, uint16_t rel_port)
{
	size_t size = strlen(name) + 1;
	struct scsi_port *port;

	if (scsi_device_port(dev, rel_port))
		return -EEXIST;
	port = malloc(sizeof(*port) + size);
	if (!port)
		return -ENOMEM;
	port->rel = rel_port;
	memcpy(port->name, name, size);
	list_add_tail(&dev->ports, &port->link);
	return 0;
}

static void free_port(struct scsi_port *port)
{
	list_del(&port->link);
	free(port);
}

void scsi_device_remove_port(struct scsi_device *dev, uint16_t rel_port)
{
	struct scsi_port *port = scsi_device_port(dev, rel_port);

	if (port)
		free_port(port);
}

void scsi_device_free(struct scsi_device *dev)
{
	if (!dev)
		return;
	dev->stirred = NULL;
	scsi_map_free(dev->map);
	assert(scsi_device_is_quiet(dev));
	while (!list_empty(&dev->ports))
		free_port(list_first(&dev->ports, struct scsi_port, link));
	free(dev->name);
	free(dev);
}

bool scsi_device_is_quiet(const struct scsi_device *dev)
{
	return list_empty(&dev->nexuses) && list_empty(&dev->losing) && list_empty(&dev->unmapped);
}

void scsi_device_watch(struct scsi_device *dev, void (*stirred)(void *ctx), void *ctx)
{
	dev->stirred = stirred;
	dev->stirred_ctx = ctx;
}

void scsi_device_stir(struct scsi_device *dev)
{
	if (dev->stirred)
		dev->stirred(dev->stirred_ctx);
}

struct scsi_map *scsi_device_map_of(struct scsi_device *dev)
{
	return dev->map;
}

struct scsi_lu *scsi_device_find(const struct scsi_device *dev, uint16_t lun)
{
	return scsi_map_find(dev->map, lun, NULL);
}

int scsi_device_map(struct scsi_device *dev, uint16_t lun, struct scsi_lu *lu)
{
	return scsi_map_add(dev->map, lun, lu, false);
}

int scsi_device_unmap(struct scsi_device *dev, uint16_t lun)
{
	return scsi_map_remove(dev->map, lun);
}

/* --- nexuses */

struct scsi_nexus *scsi_nexus_new(struct scsi_map *map, const char *initiator_port,
				  const char *target_port, uint16_t rel_port)
{
	struct scsi_nexus *nexus = calloc(1, sizeof(*nexus));

	if (!nexus)
		return NULL;
	nexus->dev = map->dev;
	nexus->map = map;
	nexus->rel_port = rel_port;
	list_init(&nexus->detached);
	list_init(&nexus->of_view);
	list_init(&nexus->entry.link);
	nexus->initiator_port = strdup(initiator_port);
	nexus->target_port = strdup(target_port);
	if (!nexus->initiator_port || !nexus->target_port) {
		free(nexus->initiator_port);
		free(nexus->target_port);
		free(nexus);
		return NULL;
	}
	list_add_tail(&map->dev->nexuses, &nexus->of_device);
	list_add_tail(&map->nexuses, &nexus->of_map);
	return nexus;
}

uint32_t scsi_nexus_inventory(const struct scsi_nexus *nexus)
{
	return scsi_map_generation(nexus->map);
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

static struct scsi_itl *new_itl(struct scsi_nexus *nexus, const struct scsi_mapping *m)
{
	struct scsi_itl *itl = calloc(1, sizeof(*itl));

	if (!itl)
		return NULL;
	itl->nexus = nexus;
	itl->lu = m->lu;
	itl->lun = m->lun;
	itl->readonly = m->readonly || nexus->readonly;
	itl->lost_seen = m->lu->bs->lost_generation;
	list_init(&itl->detached);
	list_init(&itl->of_mapping);
	list_add_tail(&m->lu->itls, &itl->of_lu);
	itl->since = m->since;
	scsi_ua_add(itl, SCSI_ASC_RESET);
	if (!nexus->talked)
		nexus->first_heard = scsi_map_generation(nexus->map);
	nexus->talked = true;
	return itl;
}

struct scsi_itl *scsi_nexus_itl(struct scsi_nexus *nexus, uint16_t lun, int *err)
{
	const struct scsi_mapping *m;

	if (lun < nexus->itl_count && nexus->itls[lun])
		return nexus->itls[lun];
	m = scsi_map_look(nexus->map, lun);
	*err = m ? -ENOMEM : -ENXIO;
	if (!m || !make_room(nexus, lun))
		return NULL;
	nexus->itls[lun] = new_itl(nexus, m);
	return nexus->itls[lun];
}

struct scsi_itl *scsi_nexus_itl_of(struct scsi_nexus *nexus, uint16_t lun, const struct scsi_lu *lu)
{
	struct scsi_itl *itl = lun < nexus->itl_count ? nexus->itls[lun] : NULL;

	if (itl && itl->lu == lu)
		return itl;
	list_for_each (it, &nexus->detached) {
		itl = list_entry(it, struct scsi_itl, detached);
		if (itl->lu == lu && itl->lun == lun && itl->leaves)
			return itl;
	}
	return NULL;
}

void scsi_itl_free(struct scsi_itl *itl)
{
	struct scsi_lu *lu = itl->lu;

	list_del(&itl->of_lu);
	list_del(&itl->detached);
	list_del(&itl->of_mapping);
	free(itl->copied);
	free(itl);
	scsi_lu_stir(lu);
}

void scsi_itl_settle(struct scsi_itl *itl)
{
	if (itl->leaves || list_empty(&itl->detached))
		return;
	list_for_each (it, &itl->lu->orphans)
		if (list_entry(it, struct scsi_io, task)->itl == itl)
			return;
	scsi_itl_free(itl);
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

	/* All of them at first: with a copy that is aborted its pieces here are, and their itl is no more. */
	list_for_each (it, &lu->tasks) {
		io = list_entry(it, struct scsi_io, task);
		if (io->nexus == nexus)
			io->itl = NULL;
	}
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
	struct scsi_device *dev = nexus->dev;
	struct scsi_itl *itl;

	while ((itl = next_itl(nexus))) {
		nexus->waits_for = itl->lu;
		if (has_something_there(itl) && scsi_gate_enter(itl->lu, &nexus->entry, waited))
			return;
		itl_lost(nexus, itl);
	}
	list_del(&nexus->of_device);
	if (nexus->away)
		reactor_post(nexus->away, &nexus->mail, gone);
	else
		nexus_unref(nexus);
	if (lost)
		lost(ctx);
	scsi_device_stir(dev);
}

static struct scsi_itl *next_itl_on(const struct scsi_nexus *nexus, const struct scsi_lu *lu)
{
	list_for_each (it, &lu->itls) {
		struct scsi_itl *itl = list_entry(it, struct scsi_itl, of_lu);

		if (itl->nexus == nexus)
			return itl;
	}
	return NULL;
}

/* LUNs may have been unmapped meanwhile: what it has left of that LU goes, by whatever LUN. */
static void waited(struct scsi_entry *e)
{
	struct scsi_nexus *nexus = container_of(e, struct scsi_nexus, entry);
	struct scsi_itl *itl;

	while ((itl = next_itl_on(nexus, nexus->waits_for)))
		itl_lost(nexus, itl);
	lose(nexus);
}

void scsi_nexus_lose(struct scsi_nexus *nexus, void (*lost)(void *ctx), void *ctx)
{
	list_for_each_safe (it, &nexus->dev->functions) {
		struct scsi_tmf *tmf = list_entry(it, struct scsi_tmf, link);

		if (tmf->nexus == nexus)
			scsi_tmf_cancel_home(tmf);
	}
	list_del(&nexus->of_map);
	nexus->map = NULL;
	list_del(&nexus->of_device);
	list_add_tail(&nexus->dev->losing, &nexus->of_device);
	nexus->lost = lost;
	nexus->lost_ctx = ctx;
	lose(nexus);
}

void scsi_nexus_free(struct scsi_nexus *nexus)
{
	if (nexus)
		scsi_nexus_lose(nexus, NULL, NULL);
}

void scsi_nexus_set_readonly(struct scsi_nexus *nexus)
{
	nexus->readonly = true;
}

int scsi_nexus_set_away(struct scsi_nexus *nexus, struct reactor *home, struct reactor *away)
{
	nexus->view = scsi_map_view(nexus->map, away);
	if (!nexus->view)
		return -ENOMEM;
	nexus->home = home;
	nexus->away = away;
	return 0;
}

void scsi_nexus_leave(struct scsi_nexus *nexus)
{
	scsi_pass_surrender(nexus);
}

/* --- the end of all threads */

static void abandon_lus(const struct scsi_nexus *nexus)
{
	for (size_t lun = 0; lun < nexus->itl_count; lun++)
		if (nexus->itls[lun])
			scsi_gates_abandon(nexus->itls[lun]->lu);
	list_for_each (it, &nexus->detached)
		scsi_gates_abandon(list_entry(it, struct scsi_itl, detached)->lu);
}

void scsi_device_abandon(struct scsi_device *dev)
{
	list_for_each (it, &dev->maps)
		scsi_map_abandon(list_entry(it, struct scsi_map, of_device));
	list_for_each (it, &dev->nexuses)
		abandon_lus(list_entry(it, struct scsi_nexus, of_device));
	list_for_each (it, &dev->nexuses)
		list_entry(it, struct scsi_nexus, of_device)->away = NULL;
	list_for_each (it, &dev->functions)
		list_entry(it, struct scsi_tmf, link)->away = NULL;
	while (!list_empty(&dev->losing)) {
		struct scsi_nexus *nexus = list_first(&dev->losing, struct scsi_nexus, of_device);

		abandon_lus(nexus);
		nexus->away = NULL;
		lose(nexus);
	}
	while (!list_empty(&dev->unmapped))
		scsi_mapping_abandon(list_first(&dev->unmapped, struct scsi_mapping, of_device));
}
