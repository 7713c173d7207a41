/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LUN inventories that change while nexuses use them.
 *
 * A mapping is found from every thread: by nexuses that are away when they decode a command. So its place is
 * an atomic pointer, and so is the page of places. One that is taken out goes like this, all on the device's
 * thread but where it says otherwise:
 *
 *   its place is empty, `generation` is another: who decoded by it does so again
 *   every nexus that has talked to the LU by it is told, and leaves it
 *   the LU's gates close (gate.h)
 *   what these nexuses have there ends; what is at the store is an orphan, with a fence
 *   a letter goes to each reactor that may have it in sight, and forgets passes there
 *   it is freed, and the LU may be
 *
 * Each step ends, whatever the stores do.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/gate.h"

/* --- finding one */

static struct scsi_mapping *look(const struct scsi_map *map, uint16_t lun)
{
	const struct scsi_map_page *page =
		atomic_load_explicit(&map->pages[lun / SCSI_MAP_PAGE], memory_order_acquire);

	return page ? atomic_load_explicit(&page->of[lun % SCSI_MAP_PAGE], memory_order_acquire)
		    : NULL;
}

struct scsi_mapping *scsi_map_look(const struct scsi_map *map, uint16_t lun)
{
	return lun <= SCSI_LUN_MAX ? look(map, lun) : NULL;
}

struct scsi_lu *scsi_map_find(const struct scsi_map *map, uint16_t lun, bool *readonly)
{
	const struct scsi_mapping *m = scsi_map_look(map, lun);

	if (m && readonly)
		*readonly = m->readonly;
	return m ? m->lu : NULL;
}

struct scsi_mapping *scsi_map_next(const struct scsi_map *map, unsigned from)
{
	while (from <= SCSI_LUN_MAX) {
		const struct scsi_map_page *page = atomic_load_explicit(
			&map->pages[from / SCSI_MAP_PAGE], memory_order_relaxed);
		struct scsi_mapping *m = page && page->count ? look(map, (uint16_t)from) : NULL;

		if (m)
			return m;
		from += page && page->count ? 1 : SCSI_MAP_PAGE - from % SCSI_MAP_PAGE;
	}
	return NULL;
}

struct scsi_lu *scsi_map_walk(const struct scsi_map *map, unsigned *lun, bool *readonly)
{
	const struct scsi_mapping *m = scsi_map_next(map, *lun);

	if (!m)
		return NULL;
	*lun = m->lun;
	if (readonly)
		*readonly = m->readonly;
	return m->lu;
}

size_t scsi_map_count(const struct scsi_map *map)
{
	return atomic_load_explicit(&map->count, memory_order_relaxed);
}

/* --- made and freed */

struct scsi_map *scsi_map_new(struct scsi_device *dev)
{
	struct scsi_map *map = calloc(1, sizeof(*map));

	if (!map)
		return NULL;
	map->dev = dev;
	map->refs = 1;
	atomic_init(&map->generation, 1);
	list_add_tail(&dev->maps, &map->of_device);
	list_init(&map->nexuses);
	list_init(&map->views);
	return map;
}

static void forget_views(struct scsi_map *map)
{
	while (!list_empty(&map->views)) {
		struct scsi_view *view = list_first(&map->views, struct scsi_view, link);

		while (!list_empty(&view->nexuses))
			list_del(view->nexuses.next);
		list_del(&view->link);
		free(view);
	}
}

static void unref(struct scsi_map *map)
{
	if (--map->refs)
		return;
	forget_views(map);
	for (size_t i = 0; i < ARRAY_SIZE(map->pages); i++)
		free(atomic_load_explicit(&map->pages[i], memory_order_relaxed));
	free(map);
}

void scsi_map_free(struct scsi_map *map)
{
	struct scsi_mapping *m;

	if (!map)
		return;
	assert(list_empty(&map->nexuses));
	while ((m = scsi_map_next(map, 0)))
		scsi_map_remove(map, m->lun);
	list_del(&map->of_device);
	unref(map);
}

struct scsi_view *scsi_map_view(struct scsi_map *map, struct reactor *reactor)
{
	struct scsi_view *view;

	list_for_each (it, &map->views) {
		view = list_entry(it, struct scsi_view, link);
		if (view->reactor == reactor)
			return view;
	}
	view = calloc(1, sizeof(*view));
	if (!view)
		return NULL;
	view->reactor = reactor;
	list_init(&view->nexuses);
	list_add_tail(&map->views, &view->link);
	return view;
}

/* --- changes */

/* Who has not talked to any LU has no old inventory. Of the others, what they decoded and the passes they
 * have are void: see scsi_pass_run(). */
static void changed(struct scsi_map *map)
{
	atomic_fetch_add_explicit(&map->generation, 1, memory_order_release);
	list_for_each (it, &map->nexuses) {
		struct scsi_nexus *nexus = list_entry(it, struct scsi_nexus, of_map);

		nexus->luns_changed = nexus->talked;
	}
}

static struct scsi_map_page *page_of(struct scsi_map *map, uint16_t lun)
{
	_Atomic(struct scsi_map_page *) *at = &map->pages[lun / SCSI_MAP_PAGE];
	struct scsi_map_page *page = atomic_load_explicit(at, memory_order_relaxed);

	if (page)
		return page;
	page = calloc(1, sizeof(*page));
	if (page)
		atomic_store_explicit(at, page, memory_order_release);
	return page;
}

static void place(struct scsi_map *map, uint16_t lun, struct scsi_mapping *m)
{
	struct scsi_map_page *page = page_of(map, lun);
	unsigned n = scsi_map_count(map) + (m ? 1u : -1u);

	if (m)
		m->since = scsi_map_generation(map) + 1; /* see changed() */
	page->count += m ? 1u : -1u;
	atomic_store_explicit(&map->count, n, memory_order_relaxed);
	atomic_store_explicit(&page->of[lun % SCSI_MAP_PAGE], m, memory_order_release);
	changed(map);
}

int scsi_map_add(struct scsi_map *map, uint16_t lun, struct scsi_lu *lu, bool readonly)
{
	struct scsi_mapping *m;

	if (lun > SCSI_LUN_MAX)
		return -ERANGE;
	if (look(map, lun))
		return -EEXIST;
	m = page_of(map, lun) ? calloc(1, sizeof(*m)) : NULL;
	if (!m)
		return -ENOMEM;
	*m = (struct scsi_mapping){.map = map, .lu = lu, .lun = lun, .readonly = readonly};
	list_init(&m->itls);
	list_init(&m->of_device);
	list_init(&m->entry.link);
	list_add_tail(&lu->mappings, &m->of_lu);
	lu->mapping_count++;
	place(map, lun, m);
	return 0;
}

int scsi_map_set_readonly(struct scsi_map *map, uint16_t lun, bool readonly)
{
	struct scsi_mapping *m = scsi_map_look(map, lun);

	if (!m)
		return -ENOENT;
	if (m->readonly == readonly)
		return 0;
	m->readonly = readonly;
	list_for_each (it, &map->nexuses) {
		struct scsi_nexus *nexus = list_entry(it, struct scsi_nexus, of_map);
		struct scsi_itl *itl = lun < nexus->itl_count ? nexus->itls[lun] : NULL;

		if (!itl || nexus->readonly)
			continue;
		itl->readonly = readonly;
		/* WP is in the mode parameter header (SBC-3 6.5.1). */
		scsi_ua_add(itl, SCSI_ASC_MODE_PARAMETERS_CHANGED);
	}
	scsi_gate_close(m->lu);
	return 0;
}

/* --- taking one out */

static void over(struct scsi_mapping *m)
{
	struct scsi_lu *lu = m->lu;
	struct scsi_device *dev = m->map->dev;

	list_del(&m->of_device);
	unref(m->map);
	free(m);
	lu->mapping_count--;
	scsi_lu_stir(lu);
	scsi_device_stir(dev);
}

static void next_view(struct scsi_mapping *m);

static void seen_here(struct mail *mail)
{
	next_view(container_of(mail, struct scsi_mapping, mail));
}

static void see_there(struct mail *mail)
{
	struct scsi_mapping *m = container_of(mail, struct scsi_mapping, mail);

	list_for_each (it, &m->view->nexuses)
		scsi_pass_forget(list_entry(it, struct scsi_nexus, of_view), m->lun, m->lu);
	reactor_post(m->lu->reactor, mail, seen_here);
}

static void next_view(struct scsi_mapping *m)
{
	struct list *next = m->view ? m->view->link.next : m->map->views.next;

	if (next == &m->map->views) {
		over(m);
		return;
	}
	m->view = list_entry(next, struct scsi_view, link);
	reactor_post(m->view->reactor, &m->mail, see_there);
}

static struct scsi_io *next_there(const struct scsi_mapping *m)
{
	list_for_each (it, &m->lu->tasks) {
		struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (io->itl && io->itl->leaves == m)
			return io;
	}
	return NULL;
}

/* The end of a task may be that of its nexus, which takes its ITL away. */
static void end_tasks(struct scsi_mapping *m)
{
	struct scsi_lu *lu = m->lu;
	size_t fences = lu->fences;
	struct scsi_io *io;

	lu->order_hold++;
	while ((io = next_there(m)))
		scsi_detach(io);
	lu->order_hold--;
	if (lu->fences > fences)
		log_info(lu->log, "%s: LUN %u was unmapped with %zu writes under way: fenced",
			 lu->bs->path, m->lun, lu->fences - fences);
	list_for_each_safe (it, &m->itls) {
		struct scsi_itl *itl = list_entry(it, struct scsi_itl, of_mapping);

		scsi_reserve_nexus_lost(lu, itl->nexus);
		list_del(&itl->of_mapping);
		itl->leaves = NULL;
		scsi_itl_settle(itl);
	}
	scsi_order_run(lu);
	scsi_tmf_check(lu);
}

static void entered(struct scsi_entry *e)
{
	struct scsi_mapping *m = container_of(e, struct scsi_mapping, entry);

	end_tasks(m);
	next_view(m);
}

/* What the nexus keeps for the LU stays until nothing of its tasks is left there. */
static void leave(struct scsi_nexus *nexus, struct scsi_mapping *m)
{
	struct scsi_itl *itl = m->lun < nexus->itl_count ? nexus->itls[m->lun] : NULL;

	if (!itl)
		return;
	nexus->itls[m->lun] = NULL;
	itl->leaves = m;
	list_add_tail(&nexus->detached, &itl->detached);
	list_add_tail(&m->itls, &itl->of_mapping);
}

int scsi_map_remove(struct scsi_map *map, uint16_t lun)
{
	struct scsi_mapping *m = scsi_map_look(map, lun);

	if (!m)
		return -ENOENT;
	place(map, lun, NULL);
	list_del(&m->of_lu);
	map->refs++;
	list_add_tail(&map->dev->unmapped, &m->of_device);
	list_for_each (it, &map->nexuses)
		leave(list_entry(it, struct scsi_nexus, of_map), m);
	scsi_tmf_unmapped(map, m->lu);
	if (!scsi_gate_enter(m->lu, &m->entry, entered))
		entered(&m->entry);
	return 0;
}

/* --- the end of all threads */

/* What its nexuses have there ends with them. */
void scsi_mapping_abandon(struct scsi_mapping *m)
{
	scsi_gates_abandon(m->lu);
	list_for_each_safe (it, &m->itls) {
		list_entry(it, struct scsi_itl, of_mapping)->leaves = NULL;
		list_del(it);
	}
	over(m);
}

void scsi_map_abandon(struct scsi_map *map)
{
	const struct scsi_mapping *m;
	unsigned lun = 0;

	for (; (m = scsi_map_next(map, lun)); lun = m->lun + 1u)
		scsi_gates_abandon(m->lu);
	forget_views(map);
}
