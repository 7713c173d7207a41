/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The administrator: while commands run, LUNs come and go and are write-protected, ACLs are made and deleted,
 * the portal group is disabled, the whole target deleted, sessions ended. Each of it is undone some time later.
 * He says of every change when it was, and judge.c believes no more than that.
 */
#include <stdio.h>
#include <string.h>
#include "target/node.h"
#include "target/watch.h"
#include "world_priv.h"

static void done(void *ctx)
{
	bool *under_way = ctx;
	*under_way = false;
}

static void changed(struct world *w, unsigned lun)
{
	struct admin *a = &w->admin;
	a->lun_changed[lun] = tick(w);
	if (w->verbose)
		fprintf(stderr, "%10.6f LUN %u changes at %llu\n", (double)sim_now(w->sim) / 1e9,
			lun, (unsigned long long)w->clock);
	w->result->n.changes++;
	/* The LUN's POWER ON and mode parameters for each; the inventory's news by whatever LUN. */
	for (unsigned i = 0; i < w->initiators; i++) {
		w->scripts[i].attentions[lun]++;
		w->scripts[i].inventory++;
	}
}

/* That of those who have no ACL, and those of the ACLs. */
static struct scsi_map *map_of(struct world *w, unsigned m)
{
	struct admin *a = &w->admin;
	if (m == 0)
		return target_group_map(a->group);
	return a->acl[m - 1] ? target_acl_map(a->acl[m - 1]) : NULL;
}

static void fill_map(struct world *w, unsigned m)
{
	struct admin *a = &w->admin;
	for (unsigned lun = 0; lun < LUNS; lun++) {
		a->out[m][lun] = a->renewed[lun];
		a->readonly[m][lun] = false;
		if (!a->out[m][lun] &&
		    scsi_map_add(map_of(w, m), (uint16_t)lun, w->target.lu[lun], false))
			wrong(w, "a LUN cannot be mapped");
		changed(w, lun);
	}
}

static void swap_lun(struct world *w, unsigned m, unsigned lun)
{
	struct admin *a = &w->admin;
	struct scsi_map *map = map_of(w, m);
	int err;
	if (!map || a->renewed[lun])
		return;
	err = a->out[m][lun] ? scsi_map_add(map, (uint16_t)lun, w->target.lu[lun], false)
			     : scsi_map_remove(map, (uint16_t)lun);
	if (err)
		wrong(w, "LUN %u cannot be mapped or unmapped: %d", lun, err);
	a->out[m][lun] = !a->out[m][lun];
	a->readonly[m][lun] = false;
	changed(w, lun);
}

static void swap_protection(struct world *w, unsigned m, unsigned lun)
{
	struct admin *a = &w->admin;
	struct scsi_map *map = map_of(w, m);
	if (!map || a->out[m][lun])
		return;
	a->readonly[m][lun] = !a->readonly[m][lun];
	if (scsi_map_set_readonly(map, (uint16_t)lun, a->readonly[m][lun]))
		wrong(w, "LUN %u cannot be protected", lun);
	changed(w, lun);
}

/* There is more of the disk than is used, or there is not. */
static void resize(struct world *w, unsigned lun)
{
	uint64_t blocks = BLOCKS + 64 * below(w, 2);
	if (w->admin.renewed[lun])
		return;
	changed(w, lun);
	if (sim_disk_resize(w->sim, world_disks[lun], blocks * MODEL_BLOCK))
		wrong(w, "a disk has no other size");
	if (blocks < scsi_lu_blocks(w->target.lu[lun]) &&
	    !scsi_lu_resized(w->target.lu[lun], blocks * MODEL_BLOCK, false))
		wrong(w, "a disk has shrunk, and nobody had asked for it");
	scsi_lu_resized(w->target.lu[lun], blocks * MODEL_BLOCK, true);
}

/* --- options of a LU */

/* Mode parameters, INQUIRY data, capacity. */
#define ATTENTIONS 3

static void options_done(void *ctx, int err)
{
	struct admin_options *o = ctx;
	struct world *w = o->world;
	o->changing = false;
	if (w->admin.renewed[o->lun])
		return;
	w->admin.lun_changed[o->lun] = tick(w);
	if (o->flushes && err)
		model_flush_bad(w->model[o->lun], o->issued, w->clock);
	if (err) { /* a store whose flush has failed does not flush any more: there must be a new one */
		o->odd &= o->to_be;
		return;
	}
	if (o->flushes) {
		model_flush_good(w->model[o->lun], o->issued);
		o->no_cache = true;
		o->since = w->clock;
	}
	o->odd = o->to_be;
	w->result->n.options++;
}

static void change_options(struct world *w, unsigned lun, const struct scsi_lu_options *to,
			   bool odd)
{
	struct admin_options *o = &w->admin.options[lun];
	struct scsi_lu_options before;
	if (o->changing || w->admin.renewed[lun])
		return;
	scsi_lu_get_options(w->target.lu[lun], &before);
	changed(w, lun);
	for (unsigned i = 0; i < w->initiators; i++)
		w->scripts[i].attentions[lun] += ATTENTIONS;
	o->world = w;
	o->lun = lun;
	o->changing = true;
	o->to_be = odd;
	o->issued = w->clock;
	o->flushes = before.write_cache && !to->write_cache;
	if (to->write_cache)
		o->no_cache = false;
	if (scsi_lu_set_options(w->target.lu[lun], to, options_done, o))
		wrong(w, "options cannot be changed");
}

static void swap_options(struct world *w, unsigned lun)
{
	struct scsi_lu_options to = scsi_lu_standard_options;
	if (below(w, 3) == 0)
		to.features &= ~(uint32_t)SCSI_HAS_UNMAP;
	if (below(w, 4) == 0)
		to.features &= ~(uint32_t)SCSI_HAS_FUA_WRITE;
	to.write_cache = below(w, 3) == 0;
	to.task_aborted = below(w, 2);
	to.restricted = below(w, 5) == 0;
	to.queue_depth = (uint32_t)below(w, 5);
	to.limits.write_same = below(w, 2) ? 64 : 0;
	change_options(w, lun, &to, true);
}

static void standard_options(struct world *w, unsigned lun)
{
	struct scsi_lu_options to = process_options(w, lun);
	if (w->admin.options[lun].odd)
		change_options(w, lun, &to, false);
}

/* The LU is a new one. */
static void options_begin(struct world *w, unsigned lun)
{
	struct admin_options *o = &w->admin.options[lun];
	*o = (struct admin_options){.no_cache = !process_options(w, lun).write_cache,
				    .since = w->clock};
}

/* --- a LU goes for good, and another one is made of its disk */

static void renew(struct world *w, unsigned lun)
{
	struct admin *a = &w->admin;
	if (a->renewed[lun])
		return;
	for (unsigned m = 0; m <= w->initiators; m++)
		if (map_of(w, m) && !a->out[m][lun])
			swap_lun(w, m, lun);
	a->renewed[lun] = a->lu_ends[lun] = true;
	a->options[lun].odd = a->options[lun].no_cache = false;
	changed(w, lun);
	scsi_lu_retire(w->target.lu[lun], done, &a->lu_ends[lun]);
}

/* When nothing refers to the old one. The disk may fail just then. */
static void renew_more(struct world *w, unsigned lun)
{
	struct admin *a = &w->admin;
	if (!a->renewed[lun] || a->lu_ends[lun])
		return;
	scsi_lu_free(w->target.lu[lun]);
	w->target.lu[lun] = NULL;
	if (process_open(w, lun))
		return;
	a->renewed[lun] = false;
	options_begin(w, lun);
	w->result->n.renewed++;
	changed(w, lun);
}

/* --- what takes sessions with it */

static uint32_t patience(struct world *w)
{
	return (uint32_t)below(w, 3);
}

static void make_acl(struct world *w, unsigned i)
{
	struct admin *a = &w->admin;
	if (a->acl_ends[i])
		return;
	if (target_acl_new(&a->acl[i], a->group, w->scripts[i].name))
		wrong(w, "an ACL cannot be made");
	else
		fill_map(w, i + 1);
}

/* No less patience than an honest initiator needs, and no later pings than it counts on. */
static void change_times(struct world *w, unsigned i)
{
	const struct config_limits *l = &w->target.limits;
	struct target_acl_options options;
	if (!w->admin.acl[i])
		return;
	target_acl_options_from(&options, l);
	options.data_out_timeout += (uint32_t)below(w, 30);
	options.nopin_interval = 1 + (uint32_t)below(w, l->nopin_interval);
	options.nopin_timeout += (uint32_t)below(w, 30);
	target_acl_set_options(w->admin.acl[i], &options);
}

static void swap_acl(struct world *w, unsigned i)
{
	struct admin *a = &w->admin;
	if (!a->acl[i]) {
		make_acl(w, i);
		return;
	}
	a->acl_ends[i] = true;
	if (target_acl_delete(a->acl[i], patience(w), done, &a->acl_ends[i]))
		wrong(w, "an ACL cannot be deleted");
	a->acl[i] = NULL;
	memset(a->out[i + 1], 0, sizeof(a->out[i + 1]));
	memset(a->readonly[i + 1], 0, sizeof(a->readonly[i + 1]));
	w->result->n.changes++;
	for (unsigned lun = 0; lun < LUNS; lun++)
		changed(w, lun);
}

static void disable(struct world *w)
{
	struct admin *a = &w->admin;
	if (a->disabled)
		return;
	a->disabled = a->group_ends = true;
	w->result->n.changes++;
	if (target_group_disable(a->group, patience(w), done, &a->group_ends))
		wrong(w, "the group cannot be disabled");
}

static void enable(struct world *w)
{
	struct admin *a = &w->admin;
	if (!a->disabled || a->group_ends)
		return;
	target_group_enable(a->group);
	a->disabled = false;
}

int admin_open(struct world *w)
{
	static const struct target_group_options open = {.generate_node_acls = true};
	struct admin *a = &w->admin;
	struct net_addr addr;
	int err = target_node_new(&a->node, w->target.target, TARGET_NAME, NULL);
	net_addr_parse(&addr, "0.0.0.0", PORT);
	if (!err)
		err = target_group_new(&a->group, a->node, 1);
	if (!err)
		err = target_group_add_portal(a->group, &addr, NULL);
	if (err)
		return err;
	target_group_set_options(a->group, &open);
	fill_map(w, 0);
	for (unsigned i = 0; i < w->initiators; i++)
		if (a->has_acl & 1u << i)
			make_acl(w, i);
	target_group_enable(a->group);
	return 0;
}

static void delete_node(struct world *w)
{
	struct admin *a = &w->admin;
	for (unsigned i = 0; i < w->initiators; i++)
		if (a->acl_ends[i])
			return;
	if (a->group_ends)
		return;
	a->node_ends = true;
	w->result->n.changes++;
	if (target_node_delete(a->node, patience(w), done, &a->node_ends))
		wrong(w, "the target cannot be deleted");
	a->node = NULL;
	a->group = NULL;
	memset(a->acl, 0, sizeof(a->acl));
	memset(a->out, 0, sizeof(a->out));
	memset(a->readonly, 0, sizeof(a->readonly));
	a->disabled = false;
	for (unsigned lun = 0; lun < LUNS; lun++)
		changed(w, lun);
}

static void end_one(void *ctx, int err, const struct target_session *sessions, size_t count)
{
	struct world *w = ctx;
	if (count)
		target_session_end(w->target.target, sessions[below(w, count)].tsih, patience(w),
				   NULL, NULL);
}

/* --- when */

/* Whatever is out of order comes back. */
static void undo(struct world *w)
{
	struct admin *a = &w->admin;
	if (!a->node) {
		if (!a->node_ends && admin_open(w))
			wrong(w, "the target cannot be made again");
		return;
	}
	enable(w);
	for (unsigned lun = 0; lun < LUNS; lun++)
		renew_more(w, lun);
	for (unsigned m = 0; m <= w->initiators; m++)
		for (unsigned lun = 0; lun < LUNS; lun++) {
			if (a->out[m][lun])
				swap_lun(w, m, lun);
			if (a->readonly[m][lun])
				swap_protection(w, m, lun);
		}
}

void admin_act(struct world *w)
{
	struct admin *a = &w->admin;
	unsigned m = (unsigned)below(w, w->initiators + 1), lun = (unsigned)below(w, LUNS);
	if (!w->target.up)
		return;
	if (!a->node || below(w, 3)) {
		undo(w);
		return;
	}
	switch (below(w, 24)) {
	case 0: delete_node(w); break;
	case 1: disable(w); break;
	case 2:
	case 3:
	case 4: swap_acl(w, (unsigned)below(w, w->initiators)); break;
	case 5: target_sessions(w->target.target, end_one, w); break;
	case 6:
	case 7:
	case 8: swap_protection(w, m, lun); break;
	case 10: renew(w, lun); break;
	case 11: resize(w, lun); break;
	case 12: change_times(w, (unsigned)below(w, w->initiators)); break;
	case 16:
	case 17:
	case 18:
	case 19:
	case 20:
	case 21:
	case 22: swap_options(w, lun); break;
	case 23: standard_options(w, lun); break;
	case 9: /* out and in again, at once */
		swap_lun(w, m, lun);
		swap_lun(w, m, lun);
		break;
	default: swap_lun(w, m, lun);
	}
}

bool admin_rest(struct world *w, bool disks)
{
	struct admin *a = &w->admin;
	bool busy = a->node_ends || a->group_ends;
	if (!w->target.up)
		return false;
	for (unsigned i = 0; i < w->initiators; i++)
		busy |= a->acl_ends[i];
	undo(w);
	for (unsigned lun = 0; lun < LUNS; lun++) {
		standard_options(w, lun);
		busy |= disks &&
			(a->renewed[lun] || a->options[lun].changing || a->options[lun].odd);
	}
	return !busy && a->node && !a->disabled;
}

/* A flush without an answer may have failed, and the next process does not know. */
void admin_dies(struct world *w)
{
	for (unsigned lun = 0; lun < LUNS; lun++) {
		const struct admin_options *o = &w->admin.options[lun];
		if (o->changing && o->flushes && w->sync_may_fail)
			model_flush_bad(w->model[lun], o->issued, tick(w));
	}
}

void admin_forget(struct world *w)
{
	struct admin *a = &w->admin;
	unsigned has_acl = a->has_acl;
	uint64_t at = tick(w);
	memset(a, 0, sizeof(*a));
	a->has_acl = has_acl;
	for (unsigned lun = 0; lun < LUNS; lun++)
		a->lun_changed[lun] = at;
	for (unsigned lun = 0; lun < LUNS; lun++)
		options_begin(w, lun);
}

/* --- for judge.c */

bool admin_changed(const struct world *w, unsigned lun, uint64_t since)
{
	const struct admin *a = &w->admin;
	if (!a->node || a->lun_changed[lun] >= since)
		return true;
	for (unsigned m = 0; m <= w->initiators; m++)
		if (a->out[m][lun] || a->readonly[m][lun])
			return true;
	return a->renewed[lun];
}

bool admin_lacks(const struct world *w, unsigned lun, uint32_t feature)
{
	struct scsi_lu_options now;
	if (!w->target.up || w->admin.renewed[lun] || w->admin.options[lun].changing)
		return true;
	scsi_lu_get_options(w->target.lu[lun], &now);
	return !(now.features & feature);
}

bool admin_no_cache(const struct world *w, unsigned lun, uint64_t since)
{
	const struct admin_options *o = &w->admin.options[lun];
	return o->no_cache && since > o->since;
}

bool admin_maybe_no_cache(const struct world *w, unsigned lun, uint64_t since)
{
	const struct admin_options *o = &w->admin.options[lun];
	return o->changing || o->odd || !process_options(w, lun).write_cache ||
	       w->admin.lun_changed[lun] >= since;
}

bool admin_slows(const struct world *w, unsigned lun)
{
	return w->admin.options[lun].changing || w->admin.options[lun].odd;
}

unsigned admin_attentions(const struct world *w, unsigned lun)
{
	return w->admin.options[lun].changing ? ATTENTIONS : 0;
}
