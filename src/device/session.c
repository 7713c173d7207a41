/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include "common/endian.h"
#include "device/priv.h"

#define LIST_FIRST (8 + 8 * 256) /* bytes of the first REPORT LUNS */

/* Some LU did not answer the last time, or was not there. */
static void retry_due(struct timer *t)
{
	struct dev_session *ds = container_of(t, struct dev_session, retry);
	round_start(ds);
}

int dev_session_new(struct dev_session **out, struct dev_set *set, struct ini_session *session,
		    const uint64_t *luns, size_t count, void *ctx)
{
	struct dev_session *ds = calloc(1, sizeof(*ds));

	if (!ds)
		return -ENOMEM;
	ds->list = malloc(LIST_FIRST);
	ds->luns = calloc(count + 1, sizeof(*ds->luns));
	if (!ds->list || !ds->luns) {
		free(ds->list);
		free(ds->luns);
		free(ds);
		return -ENOMEM;
	}
	if (count)
		memcpy(ds->luns, luns, count * sizeof(*luns));
	ds->lun_count = count;
	ds->list_size = LIST_FIRST;
	ds->set = set;
	ds->ini = session;
	ds->ctx = ctx;
	list_init(&ds->paths);
	timer_init(&ds->retry, retry_due);
	list_add_tail(&set->sessions, &ds->link);
	*out = ds;
	return 0;
}

void dev_session_has_past(struct dev_session *ds)
{
	ds->past = true;
}

bool dev_set_has_past(const struct dev_set *set)
{
	list_for_each (it, (struct list *)&set->sessions) {
		if (list_entry(it, struct dev_session, link)->past)
			return true;
	}
	return false;
}

void *dev_session_ctx(const struct dev_session *ds)
{
	return ds->ctx;
}

struct ini_session *dev_session_ini(const struct dev_session *ds)
{
	return ds->ini;
}

static void all_paths_changed(struct dev_session *ds)
{
	list_for_each (it, &ds->paths) {
		struct dev_path *p = list_entry(it, struct dev_path, link);
		if (p->device)
			device_choose(p->device);
	}
}

static void past_is_over(struct dev_session *ds)
{
	if (!ds->past)
		return;
	ds->past = false;
	for (struct device *d = NULL; (d = dev_set_next(ds->set, d));)
		device_kick(d);
}

void dev_session_state(struct dev_session *ds, enum ini_state state)
{
	bool up = state == INI_UP;

	if (up == ds->up)
		return;
	ds->up = up;
	if (up) {
		ds->logins++;
		past_is_over(ds);
		list_for_each (it, &ds->paths) {
			list_entry(it, struct dev_path, link)->state = PATH_DOWN;
		}
		if (ds->in_round)
			ds->again = true; /* what is left of the one before the loss ends first */
		else
			round_start(ds);
	} else {
		ds->retry_at = 0;
		timer_cancel(ds->set->reactor, &ds->retry);
		all_paths_changed(ds);
	}
}

void dev_session_rescan(struct dev_session *ds)
{
	round_start(ds);
}

/* --- what a LU says unasked, as a unit attention */

static void ask_who(struct dev_path *p)
{
	round_start(p->ds);
}

/* It has never heard of us, so it may be another one: unless that is what is to be asked just now. */
static void ask_stranger(struct dev_path *p)
{
	if (!p->probe || !lu_probe_begins(p->probe))
		round_start(p->ds);
}

static const struct {
	uint16_t asc_ascq;
	void (*act)(struct dev_path *p);
} attentions[] = {
	{0x2900, ask_stranger},    /* POWER ON, RESET, OR BUS DEVICE RESET OCCURRED */
	{0x2901, ask_stranger},    /* POWER ON OCCURRED */
	{0x2a01, ask_who},         /* MODE PARAMETERS CHANGED */
	{0x2a06, path_ask_access}, /* ASYMMETRIC ACCESS STATE CHANGED */
	{0x2a07, path_ask_access}, /* IMPLICIT ASYMMETRIC ACCESS STATE TRANSITION FAILED */
	{0x2a09, ask_who},         /* CAPACITY DATA HAS CHANGED */
	{0x3f03, ask_who},         /* INQUIRY DATA HAS CHANGED */
	{0x3f05, ask_who},         /* DEVICE IDENTIFIER CHANGED */
};

void dev_session_event(struct dev_session *ds, const struct ini_event *event)
{
	struct dev_path *p;

	if (event->kind != INI_UNIT_ATTENTION && event->kind != INI_SCSI_ASYNC)
		return;
	if (event->asc_ascq == SCSI_ASC_LUNS_CHANGED) {
		round_start(ds);
		return;
	}
	p = path_find(ds, event->lun);
	for (size_t i = 0; p && i < ARRAY_SIZE(attentions); i++) {
		if (attentions[i].asc_ascq == event->asc_ascq)
			attentions[i].act(p);
	}
}

struct device *dev_session_device(struct dev_session *ds, const uint8_t lun[ISCSI_LUN_LEN])
{
	struct dev_path *p = path_find(ds, lun);
	return p ? p->device : NULL;
}

void dev_session_abandon(struct dev_session *ds)
{
	timer_cancel(ds->set->reactor, &ds->retry);
	while (!list_empty(&ds->paths))
		path_abandon(list_first(&ds->paths, struct dev_path, link));
	list_del(&ds->link);
	free(ds->list);
	free(ds->luns);
	free(ds);
}

void dev_session_free(struct dev_session *ds)
{
	if (!ds)
		return;
	ds->up = false;
	for (struct device *d = NULL; (d = dev_set_next(ds->set, d));)
		device_forget_session(d, ds);
	while (!list_empty(&ds->paths))
		path_free(list_first(&ds->paths, struct dev_path, link));
	dev_session_abandon(ds);
}
