/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rounds: after a login, and when LUNs have changed, nothing goes out on a session until the target has listed its
 * LUNs and every LU that is known to be there has said who it is. In that order: the list takes the unit attention
 * away (SPC-4 6.33.1), and who was asked before it may be another one by then. New ones are asked while I/O goes on.
 */
#include <errno.h>
#include <string.h>
#include "common/endian.h"
#include "device/priv.h"

#define ASK_AGAIN   NSEC_PER_SEC
#define ASK_MISSING (5 * NSEC_PER_SEC)

static void list_luns(struct dev_session *ds);

/* The soonest counts. */
static void ask_later(struct dev_session *ds, uint64_t delay)
{
	uint64_t due = reactor_now(ds->set->reactor) + delay;

	if (ds->retry_at && ds->retry_at <= due)
		return;
	ds->retry_at = due;
	timer_set(ds->set->reactor, &ds->retry, due);
}

/* One LU after the other, DEV_PROBES at a time; false: there is none left to ask. */
static bool ask_some(struct dev_session *ds)
{
	bool later = false;

	list_for_each (it, &ds->paths) {
		struct dev_path *p = list_entry(it, struct dev_path, link);
		int err;
		if (ds->probing >= DEV_PROBES)
			return true;
		if (p->asked)
			continue;
		if (p->probe) { /* is asked for its access state: it has its turn when that is over */
			later = true;
			continue;
		}
		p->asked = true;
		err = path_ask(p);
		if (!err) {
			ds->probing++;
		} else {
			path_set_state(p, PATH_DOWN);
			ask_later(ds, ASK_AGAIN);
		}
	}
	return later || ds->probing > 0;
}

static void settle(struct dev_session *ds)
{
	ds->in_round = false;
	if (ds->set->ops->settled)
		ds->set->ops->settled(ds->set->ctx, ds);
	if (ds->again && ds->up)
		round_start(ds);
}

static bool known_are_asked(const struct dev_session *ds)
{
	list_for_each (it, (struct list *)&ds->paths) {
		const struct dev_path *p = list_entry(it, struct dev_path, link);
		if (p->device && (!p->asked || p->probe))
			return false;
	}
	return true;
}

static void release(struct dev_session *ds)
{
	ds->released = true;
	if (!ds->again)
		ini_release(ds->ini, reactor_now(ds->set->reactor));
	list_for_each (it, &ds->paths) {
		struct dev_path *p = list_entry(it, struct dev_path, link);
		if (p->device)
			device_choose(p->device);
	}
}

static void go_on(struct dev_session *ds)
{
	bool more;

	if (ds->listing)
		return;
	if (!ds->up) {
		ds->in_round = ds->probing > 0;
		return;
	}
	more = ask_some(ds);
	if (!ds->released && known_are_asked(ds))
		release(ds);
	if (!more)
		settle(ds);
}

void round_start(struct dev_session *ds)
{
	if (!ds->up)
		return;
	ini_hold(ds->ini);
	if (ds->in_round) {
		ds->again = true;
		return;
	}
	ds->in_round = true;
	ds->again = ds->listing = ds->released = false;
	ds->retry_at = 0;
	timer_cancel(ds->set->reactor, &ds->retry);
	list_for_each (it, &ds->paths) {
		list_entry(it, struct dev_path, link)->asked = false;
	}
	list_luns(ds);
}

/* --- what a LU has said */

static void fail_lun(struct dev_path *p)
{
	ini_fail_lun(p->ds->ini, p->lun, reactor_now(p->ds->set->reactor));
}

static bool has_other_hope(const struct device *d, const struct dev_path *but)
{
	list_for_each (it, (struct list *)&d->paths) {
		if (list_entry(it, struct dev_path, in_dev) != but)
			return true;
	}
	return false;
}

/* It is another LU than before: the old device loses a path, or everything. */
static void replaced(struct dev_path *p)
{
	struct device *old = p->device;
	bool hope = has_other_hope(old, p);

	/* First it is no path any more: what comes back must not go out by it again. */
	list_del(&p->in_dev);
	p->device = NULL;
	p->state = PATH_OTHER;
	if (old->used == p)
		old->used = NULL;
	if (hope)
		device_choose(old);
	else
		device_set_gone(old);
	fail_lun(p);
}

static void join(struct dev_path *p, struct device *d)
{
	p->device = d;
	list_add_tail(&d->paths, &p->in_dev);
}

static void is_there(struct dev_path *p, const struct lu_facts *facts)
{
	struct dev_set *set = p->ds->set;
	struct device *d = p->device;
	bool appeared = false;

	if (d && !device_is_same(d, facts)) {
		replaced(p);
		d = NULL;
	}
	if (!d && facts->id[0])
		d = dev_set_find(set, facts->id);
	if (!d) {
		d = device_new(set, facts);
		appeared = d != NULL;
	}
	if (!d) {
		path_set_state(p, PATH_DOWN);
		return;
	}
	if (!p->device)
		join(p, d);
	p->access = facts->tpgs ? facts->access : LU_OPTIMIZED;
	p->preferred = facts->preferred;
	p->port_group = facts->port_group;
	device_take_facts(d, facts);
	p->state = PATH_UP;
	if (appeared && set->ops->appeared)
		set->ops->appeared(set->ctx, d);
	device_choose(d);
}

/* News is told to a command, and a device that has no path sends none: so it is looked for. */
static void look_for_it(const struct dev_path *p)
{
	if (p->ds->up && p->device && !p->device->used)
		ask_later(p->ds, ASK_MISSING);
}

static void whole_answer(struct dev_path *p, int err, const struct lu_facts *facts)
{
	switch (err) {
	case 0:
		/* There was news while it was asked: half of the answers may be those of another LU. */
		if (!p->ds->again)
			is_there(p, facts);
		break;
	case -ENXIO:
	case -ENODEV:
		path_set_state(p, PATH_MISSING);
		fail_lun(p);
		look_for_it(p);
		break;
	default: /* it goes on when it has answered */
		path_set_state(p, PATH_DOWN);
		fail_lun(p);
		if (p->ds->up)
			ask_later(p->ds, ASK_AGAIN);
	}
}

void round_probe_done(struct dev_path *p, int err)
{
	struct dev_session *ds = p->ds;
	struct lu_probe *probe = p->probe;
	bool whole = probe->ask & LU_ASK_WHO;

	p->probe = NULL;
	if (whole) {
		ds->probing--;
		whole_answer(p, err, &probe->facts);
	} else if (!err) {
		bool other = p->access != probe->facts.access;
		p->access = probe->facts.access;
		p->preferred = probe->facts.preferred;
		if (p->device)
			device_choose(p->device);
		if (p->device && other)
			device_say_changed(p->device);
	}
	free(probe);
	if (p->ask_access) {
		p->ask_access = false;
		path_ask_access(p);
	}
	if (ds->in_round)
		go_on(ds);
}

/* --- the target's list */

static void want(struct dev_session *ds, const uint8_t lun[ISCSI_LUN_LEN])
{
	if (!path_find(ds, lun))
		(void)path_new(ds, lun);
}

static void listed(struct ini_task *task, int err)
{
	struct dev_session *ds = container_of(task, struct dev_session, list_task);
	uint8_t(*luns)[ISCSI_LUN_LEN] = NULL;
	size_t all = 0, took = 0;

	ds->listing = false;
	if (!err && task->status == SCSI_GOOD) {
		luns = calloc(DEV_LUNS_MAX, sizeof(*luns));
		if (luns)
			all = lu_list_luns(ds->list, task->got, luns, DEV_LUNS_MAX, &took);
	}
	if (luns && all > took && all <= DEV_LUNS_MAX && ds->list_size < 8 + 8 * all) {
		uint8_t *more = realloc(ds->list, 8 + 8 * all);
		if (more) {
			ds->list = more;
			ds->list_size = 8 + 8 * all;
			free(luns);
			list_luns(ds);
			return;
		}
	}
	for (size_t i = 0; i < took; i++)
		want(ds, luns[i]);
	free(luns);
	if (err && ds->up)
		ask_later(ds, ASK_AGAIN);
	go_on(ds);
}

static void list_luns(struct dev_session *ds)
{
	struct ini_task *t = &ds->list_task;

	if (ds->lun_count) {
		for (size_t i = 0; i < ds->lun_count; i++) {
			uint8_t lun[ISCSI_LUN_LEN];
			put_be64(lun, ds->luns[i]);
			want(ds, lun);
		}
		go_on(ds);
		return;
	}
	*t = (struct ini_task){.flags = INI_RETRY | INI_AHEAD, .attr = SCSI_SIMPLE, .done = listed};
	t->cdb[0] = 0xa0; /* REPORT LUNS */
	put_be32(t->cdb + 6, (uint32_t)ds->list_size);
	ds->list_iov = (struct iovec){ds->list, ds->list_size};
	t->in = &ds->list_iov;
	t->in_count = 1;
	t->in_len = (uint32_t)ds->list_size;
	t->deadline = reactor_now(ds->set->reactor) + DEVICE_PATIENCE;
	ds->listing = true;
	if (ini_submit(ds->ini, t, reactor_now(ds->set->reactor))) {
		ds->listing = false;
		go_on(ds);
	}
}
