/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include "device/priv.h"

static const char *const state_words[] = {
	[PATH_ASKING] = "asking",   [PATH_UP] = "up",       [PATH_DOWN] = "down",
	[PATH_MISSING] = "missing", [PATH_OTHER] = "other",
};

const char *path_state_word(enum path_state state)
{
	return state_words[state];
}

const char *lu_access_word(enum lu_access access)
{
	switch (access) {
	case LU_OPTIMIZED: return "active/optimized";
	case LU_NON_OPTIMIZED: return "active/non-optimized";
	case LU_STANDBY: return "standby";
	case LU_UNAVAILABLE: return "unavailable";
	case LU_LBA_DEPENDENT: return "lba-dependent";
	case LU_OFFLINE: return "offline";
	case LU_TRANSITIONING: return "transitioning";
	}
	return "reserved";
}

bool path_usable(const struct dev_path *p)
{
	return p->state == PATH_UP && p->ds->up &&
	       (p->access == LU_OPTIMIZED || p->access == LU_NON_OPTIMIZED ||
		p->access == LU_LBA_DEPENDENT);
}

struct dev_path *path_find(struct dev_session *ds, const uint8_t lun[ISCSI_LUN_LEN])
{
	list_for_each (it, &ds->paths) {
		struct dev_path *p = list_entry(it, struct dev_path, link);
		if (memcmp(p->lun, lun, ISCSI_LUN_LEN) == 0)
			return p;
	}
	return NULL;
}

struct dev_path *path_new(struct dev_session *ds, const uint8_t lun[ISCSI_LUN_LEN])
{
	struct dev_path *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->ds = ds;
	p->state = PATH_ASKING;
	memcpy(p->lun, lun, ISCSI_LUN_LEN);
	list_add_tail(&ds->paths, &p->link);
	return p;
}

static void leave_device(struct dev_path *p)
{
	struct device *d = p->device;
	if (!d)
		return;
	list_del(&p->in_dev);
	p->device = NULL;
	if (d->used == p)
		d->used = NULL;
	device_choose(d);
}

void path_abandon(struct dev_path *p)
{
	list_del(&p->link);
	free(p->probe);
	free(p);
}

void path_free(struct dev_path *p)
{
	leave_device(p);
	path_abandon(p);
}

void path_set_state(struct dev_path *p, enum path_state state)
{
	if (p->state == state)
		return;
	p->state = state;
	if (p->device)
		device_choose(p->device);
}

/* --- asking */

static void probed(struct lu_probe *probe, int err)
{
	struct dev_path *p = probe->ctx;
	round_probe_done(p, err);
}

static int ask(struct dev_path *p, unsigned what)
{
	int err;

	p->probe = calloc(1, sizeof(*p->probe));
	if (!p->probe)
		return -ENOMEM;
	if (p->device)
		p->probe->facts = p->device->facts;
	else
		lu_facts_init(&p->probe->facts);
	p->probe->facts.port_group = p->port_group;
	p->probe->done = probed;
	p->probe->ctx = p;
	err = lu_probe_start(p->probe, p->ds->ini, p->ds->set->reactor, p->lun, what,
			     DEVICE_PATIENCE);
	if (err) {
		free(p->probe);
		p->probe = NULL;
	}
	return err;
}

int path_ask(struct dev_path *p)
{
	return ask(p, LU_ASK_ALL);
}

void path_ask_access(struct dev_path *p)
{
	if (!p->device || !p->device->facts.tpgs)
		return;
	if (p->probe)
		p->ask_access = true;
	else
		(void)ask(p, LU_ASK_ACCESS);
}
