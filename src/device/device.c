/* SPDX-License-Identifier: BSD-2-Clause */
#include "device/device.h"

#include <errno.h>
#include <string.h>
#include "device/priv.h"

/* --- the set */

void dev_set_has_unknown_past(struct dev_set *set)
{
	set->unknown_past = true;
}

int dev_set_new(struct dev_set **out, struct reactor *r, const struct dev_set_ops *ops, void *ctx)
{
	struct dev_set *set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	set->zeroes = calloc(1, DEV_ZEROES);
	if (!set->zeroes) {
		free(set);
		return -ENOMEM;
	}
	set->reactor = r;
	set->ops = ops;
	set->ctx = ctx;
	list_init(&set->devices);
	list_init(&set->sessions);
	*out = set;
	return 0;
}

void dev_set_free(struct dev_set *set)
{
	if (!set)
		return;
	while (!list_empty(&set->devices))
		device_free(list_first(&set->devices, struct device, link));
	free(set->zeroes);
	free(set);
}

void dev_set_abandon(struct dev_set *set)
{
	if (!set)
		return;
	while (!list_empty(&set->sessions))
		dev_session_abandon(list_first(&set->sessions, struct dev_session, link));
	dev_set_free(set);
}

struct device *dev_set_next(struct dev_set *set, struct device *after)
{
	struct list *next = after ? after->link.next : set->devices.next;
	return next == &set->devices ? NULL : list_entry(next, struct device, link);
}

/* One that is gone is not found: what has its identity now is a new device. */
struct device *dev_set_find(struct dev_set *set, const char *id)
{
	list_for_each (it, &set->devices) {
		struct device *d = list_entry(it, struct device, link);
		if (!d->disk.gone && strcmp(d->facts.id, id) == 0)
			return d;
	}
	return NULL;
}

void device_say_changed(struct device *d)
{
	if (d->set->ops->changed)
		d->set->ops->changed(d->set->ctx, d);
}

/* --- what is known of the LU */

static void fill_traits(struct device *d, const struct lu_facts *f)
{
	struct disk_traits *t = &d->disk.traits;
	uint64_t limit = (uint64_t)f->max_transfer * f->block_size;

	*t = (struct disk_traits){
		.size = f->blocks * f->block_size,
		.logical_block = f->block_size,
		.physical_block = f->block_size << f->physical_exponent,
		.optimal_io =
			(uint32_t)MIN((uint64_t)f->optimal_transfer * f->block_size, DEV_PIECE),
		.max_io = (uint32_t)(limit ? MIN(limit, DISK_TRANSFER_MAX) : DEV_PIECE),
		.read_only = f->write_protected,
		.write_cache = f->write_cache,
		.fua = f->dpofua,
		.rotational = f->rotational,
		.extents = f->thin,
		.discard_zeroes = f->reads_zeroes,
		.write_zeroes = true,
	};
	if (f->thin && (f->unmaps || f->write_same_unmaps)) {
		t->discard_granularity = MAX(f->unmap_granularity, 1u) * f->block_size;
		t->discard_alignment = f->unmap_alignment * f->block_size;
	}
	snprintf(t->vendor, sizeof(t->vendor), "%s", f->vendor);
	snprintf(t->model, sizeof(t->model), "%s", f->product);
	snprintf(t->revision, sizeof(t->revision), "%s", f->revision);
	snprintf(t->serial, sizeof(t->serial), "%s", f->serial);
	if (strlen(f->id) < sizeof(t->wwid))
		memcpy(t->wwid, f->id, strlen(f->id) + 1);
	d->zero_way = f->thin && f->write_same_unmaps ? ZERO_BY_UNMAP : ZERO_BY_SAME;
}

bool device_is_same(const struct device *d, const struct lu_facts *f)
{
	const struct lu_facts *old = &d->facts;
	if (strcmp(old->id, f->id) != 0 || old->block_size != f->block_size)
		return false;
	/* Without an identity, what else there is has to do. */
	return f->id[0] || (strcmp(old->vendor, f->vendor) == 0 &&
			    strcmp(old->product, f->product) == 0 && old->blocks == f->blocks);
}

void device_take_facts(struct device *d, const struct lu_facts *f)
{
	d->facts = *f;
	d->disk.traits.write_cache = f->write_cache;
	d->disk.traits.fua = f->dpofua;
	disk_resize(&d->disk, f->blocks * f->block_size);
	disk_set_read_only(&d->disk, f->write_protected);
}

/* --- outages, resets, what is tried again */

static void reset_done(struct ini_tmf *tmf, int err)
{
	struct device *d = tmf->ctx;

	d->resetting = false;
	if (!err && tmf->response == ISCSI_TMF_NOT_SUPPORTED)
		d->unknown_past = false; /* there is no other way to ask for it */
	if (!err && tmf->response == ISCSI_TMF_COMPLETE) {
		d->past = d->unknown_past = false;
		device_proved_dead(d, d->reset_before);
	}
	d->reset_at = reactor_now(d->set->reactor) + NSEC_PER_SEC;
	device_kick(d);
}

/* Tasks that somebody lost are still there for all we know; the LU forgets them all (SAM-5 7.7). */
static void reset_lu(struct device *d)
{
	uint64_t now = reactor_now(d->set->reactor);

	d->reset_at = now + NSEC_PER_SEC;
	if (!d->used || d->resetting)
		return;
	d->reset = (struct ini_tmf){
		.function = ISCSI_TMF_LOGICAL_UNIT_RESET,
		.done = reset_done,
		.ctx = d,
	};
	memcpy(d->reset.lun, d->used->lun, sizeof(d->reset.lun));
	d->reset_before = d->losses;
	if (ini_tmf(d->used->ds->ini, &d->reset, now) == 0) {
		d->resetting = true;
		d->stats.resets++;
	}
}

static uint64_t outage_ends(const struct device *d)
{
	if (!d->outage_since || d->failed || d->outage >= INI_NEVER - d->outage_since)
		return REACTOR_NEVER;
	return d->outage_since + d->outage;
}

void device_arm(struct device *d)
{
	uint64_t next = MIN(outage_ends(d), MIN(d->retry_at, d->reset_at));

	if (next == REACTOR_NEVER)
		timer_cancel(d->set->reactor, &d->timer);
	else
		timer_set(d->set->reactor, &d->timer, next);
}

static void outage_is_long(struct device *d)
{
	d->failed = true;
	device_end_waiting(d, -ETIMEDOUT);
	device_say_changed(d);
}

static void timer_due(struct timer *t)
{
	struct device *d = container_of(t, struct device, timer);
	uint64_t now = reactor_now(d->set->reactor);

	if (now >= outage_ends(d))
		outage_is_long(d);
	if (now >= d->reset_at)
		reset_lu(d);
	if (now >= d->retry_at)
		device_kick(d);
	else
		device_arm(d);
}

/* --- the path that is used */

/* Less is better. */
static unsigned rank_of(const struct dev_path *p)
{
	unsigned rank = p->access == LU_OPTIMIZED ? 0 : p->access == LU_NON_OPTIMIZED ? 2 : 4;
	return rank + (p->preferred ? 0 : 1);
}

static struct dev_path *best_path(const struct device *d)
{
	struct dev_path *best = d->used && path_usable(d->used) ? d->used : NULL;

	list_for_each (it, (struct list *)&d->paths) {
		struct dev_path *p = list_entry(it, struct dev_path, in_dev);
		if (path_usable(p) && (!best || rank_of(p) < rank_of(best)))
			best = p;
	}
	return best;
}

void device_choose(struct device *d)
{
	struct dev_path *before = d->used;

	if (d->disk.gone)
		return;
	d->used = best_path(d);
	if (d->used) {
		if (d->outage_since)
			d->stats.outage_time += reactor_now(d->set->reactor) - d->outage_since;
		d->outage_since = 0;
		d->failed = false;
	} else if (!d->outage_since) {
		d->outage_since = reactor_now(d->set->reactor);
		d->stats.outages++;
	}
	if (d->used != before) {
		d->stats.failovers += before && d->used;
		device_say_changed(d);
	}
	device_kick(d);
}

/* --- life */

struct device *device_new(struct dev_set *set, const struct lu_facts *facts)
{
	struct device *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->set = set;
	d->facts = *facts;
	d->queue = set->reactor;
	d->outage = INI_NEVER;
	d->unknown_past = set->unknown_past;
	d->past = d->unknown_past || dev_set_has_past(set);
	d->retry_at = d->reset_at = REACTOR_NEVER;
	d->disk.ops = &device_disk_ops;
	d->disk.context_size = sizeof(struct dev_io);
	d->disk.queue_count = 1;
	d->disk.queues = &d->queue;
	disk_init(&d->disk);
	fill_traits(d, facts);
	list_init(&d->paths);
	list_init(&d->running);
	list_init(&d->waiting);
	timer_init(&d->timer, timer_due);
	list_add_tail(&set->devices, &d->link);
	return d;
}

void device_free(struct device *d)
{
	timer_cancel(d->set->reactor, &d->timer);
	list_del(&d->link);
	free(d);
}

void device_set_gone(struct device *d)
{
	if (d->disk.gone)
		return;
	disk_set_gone(&d->disk);
	d->used = NULL;
	device_end_waiting(d, -ENODEV);
	d->retry_at = d->reset_at = REACTOR_NEVER;
	timer_cancel(d->set->reactor, &d->timer);
	device_say_changed(d);
}

void device_fail(struct device *d)
{
	device_set_gone(d);
}

void device_forget(struct device *d)
{
	while (!list_empty(&d->paths)) {
		struct dev_path *p = list_first(&d->paths, struct dev_path, in_dev);
		list_del(&p->in_dev);
		p->device = NULL;
		p->state = PATH_OTHER;
	}
	device_free(d);
}

/* --- looking */

struct disk *device_disk(struct device *d)
{
	return &d->disk;
}

const struct lu_facts *device_facts(const struct device *d)
{
	return &d->facts;
}

bool device_is_gone(const struct device *d)
{
	return d->disk.gone;
}

void device_set_ctx(struct device *d, void *ctx)
{
	d->ctx = ctx;
}

void *device_ctx(const struct device *d)
{
	return d->ctx;
}

void device_set_outage(struct device *d, uint64_t outage)
{
	d->outage = outage;
	device_arm(d);
}

bool device_path(const struct device *d, size_t i, struct dev_path_view *out)
{
	list_for_each (it, (struct list *)&d->paths) {
		const struct dev_path *p = list_entry(it, struct dev_path, in_dev);
		if (i-- > 0)
			continue;
		*out = (struct dev_path_view){
			.session = p->ds,
			.state = p->state == PATH_UP && !p->ds->up ? PATH_DOWN : p->state,
			.access = p->access,
			.port_group = p->port_group,
			.used = d->used == p,
		};
		memcpy(out->lun, p->lun, sizeof(out->lun));
		return true;
	}
	return false;
}

void device_get_stats(const struct device *d, struct device_stats *out)
{
	*out = d->stats;
	if (d->outage_since && !d->disk.gone) {
		out->outage_now = reactor_now(d->set->reactor) - d->outage_since;
		out->outage_time += out->outage_now;
	}
}
