/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management functions (SAM-5 7). A function aborts the tasks in its scope; those that wait or
 * move end at once, those at the backstore become orphans. It is complete when no aborted task is
 * left in its scope, whoever aborted it: then none of them can change the medium any more.
 */
#include <string.h>
#include "scsi/gate.h"

#define BUS_RESET 0x2902 /* SCSI BUS RESET OCCURRED, which stands for every hard reset */

static bool is_task(const struct scsi_tmf *tmf, const struct scsi_io *io)
{
	return io->nexus == tmf->nexus && io->tag == tmf->tag;
}

static bool is_of_nexus(const struct scsi_tmf *tmf, const struct scsi_io *io)
{
	return io->nexus == tmf->nexus;
}

static bool is_any(const struct scsi_tmf *tmf, const struct scsi_io *io)
{
	return true;
}

static const struct function {
	bool (*in_scope)(const struct scsi_tmf *tmf, const struct scsi_io *io);
	bool whole_device;
	uint16_t reset; /* the unit attention for all; 0: it is no reset */
} functions[] = {
	[SCSI_ABORT_TASK] = {is_task, false, 0},
	[SCSI_ABORT_TASK_SET] = {is_of_nexus, false, 0},
	[SCSI_CLEAR_TASK_SET] = {is_any, false, 0},
	[SCSI_LU_RESET] = {is_any, false, SCSI_ASC_LU_RESET},
	[SCSI_TARGET_RESET] = {is_any, true, BUS_RESET},
};

/* --- is it complete? */

static bool lu_pending(const struct scsi_tmf *tmf, const struct scsi_lu *lu)
{
	const struct function *f = &functions[tmf->function];

	list_for_each (it, &lu->orphans)
		if (f->in_scope(tmf, list_entry(it, struct scsi_io, task)))
			return true;
	/* Aborted while its data move, and the transport has not stopped yet. */
	list_for_each (it, &lu->tasks) {
		const struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (io->aborted && f->in_scope(tmf, io))
			return true;
	}
	return false;
}

static bool is_pending(const struct scsi_tmf *tmf)
{
	const struct scsi_mapping *m;
	unsigned lun = 0;

	if (tmf->lu)
		return lu_pending(tmf, tmf->lu);
	for (; (m = scsi_map_next(tmf->map, lun)); lun = m->lun + 1u)
		if (lu_pending(tmf, m->lu))
			return true;
	return false;
}

static void finish(struct scsi_tmf *tmf, enum scsi_tmf_result result)
{
	timer_cancel(tmf->reactor, &tmf->timer);
	list_del(&tmf->link);
	list_del(&tmf->of_lu);
	scsi_gate_leave(&tmf->entry);
	tmf->reactor = NULL;
	scsi_tmf_tell(tmf, result);
}

static void timed_out(struct timer *t)
{
	finish(container_of(t, struct scsi_tmf, timer), SCSI_TMF_REJECTED);
}

static bool is_complete(const struct scsi_tmf *tmf)
{
	return tmf->applied && !is_pending(tmf);
}

static struct scsi_tmf *next_complete(const struct scsi_lu *lu)
{
	list_for_each (it, &lu->functions) {
		struct scsi_tmf *tmf = list_entry(it, struct scsi_tmf, of_lu);

		if (is_complete(tmf))
			return tmf;
	}
	/* Those on whole devices. */
	list_for_each (it, &lu->mappings) {
		struct scsi_device *dev = list_entry(it, struct scsi_mapping, of_lu)->map->dev;

		list_for_each (fn, &dev->functions) {
			struct scsi_tmf *tmf = list_entry(fn, struct scsi_tmf, link);

			if (!tmf->lu && is_complete(tmf))
				return tmf;
		}
	}
	return NULL;
}

void scsi_tmf_check(struct scsi_lu *lu)
{
	struct scsi_tmf *tmf;

	while ((tmf = next_complete(lu)))
		finish(tmf, SCSI_TMF_COMPLETE);
}

static struct scsi_tmf *next_unmapped(const struct scsi_map *map, const struct scsi_lu *lu)
{
	list_for_each (it, &map->dev->functions) {
		struct scsi_tmf *tmf = list_entry(it, struct scsi_tmf, link);

		/* What it has aborted already has no other answer: so it goes on then. */
		if (tmf->map == map && tmf->lu == lu && !tmf->applied && !tmf->applying)
			return tmf;
		if (tmf->map == map && !tmf->lu && is_complete(tmf))
			return tmf;
	}
	return NULL;
}

void scsi_tmf_unmapped(const struct scsi_map *map, const struct scsi_lu *lu)
{
	struct scsi_tmf *tmf;

	while ((tmf = next_unmapped(map, lu)))
		finish(tmf, tmf->lu ? SCSI_TMF_NO_LUN : SCSI_TMF_COMPLETE);
}

/* --- what it does */

static struct scsi_io *next_victim(const struct scsi_tmf *tmf, const struct scsi_lu *lu)
{
	list_for_each (it, &lu->tasks) {
		struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (!io->aborted && functions[tmf->function].in_scope(tmf, io))
			return io;
	}
	return NULL;
}

static enum scsi_told how(const struct scsi_tmf *tmf, const struct scsi_io *io)
{
	if (io->nexus == tmf->nexus)
		return SCSI_TOLD_BY_ITSELF;
	return functions[tmf->function].reset ? SCSI_TOLD_RESET : SCSI_TOLD_CLEARED;
}

/* The status with which it ends. */
static enum scsi_status tell(struct scsi_io *io, enum scsi_told how)
{
	if (how == SCSI_TOLD_BY_ITSELF)
		return SCSI_GOOD;
	if (!io->lu || scsi_mode_tas(&io->lu->mode))
		return SCSI_TASK_ABORTED;
	if (how == SCSI_TOLD_CLEARED && io->itl) {
		scsi_ua_add(io->itl, SCSI_ASC_COMMANDS_CLEARED);
		/* Who passes would not hear of it. */
		scsi_gate_close(io->lu);
	}
	return SCSI_GOOD;
}

/* Returns whether there was a task in its scope. */
static bool apply(struct scsi_tmf *tmf, struct scsi_lu *lu)
{
	uint16_t reset = functions[tmf->function].reset;
	bool found = lu_pending(tmf, lu);
	struct scsi_io *io;

	tmf->applying = true;
	lu->order_hold++;
	while ((io = next_victim(tmf, lu))) {
		found = true;
		scsi_abort(io, tell(io, how(tmf, io)));
	}
	if (reset) {
		scsi_lu_reset(lu);
		scsi_ua_add_lu(lu, NULL, reset);
	}
	lu->order_hold--;
	scsi_order_run(lu);
	tmf->applying = false;
	return found;
}

static struct scsi_lu *find_lu(const struct scsi_tmf *tmf)
{
	uint16_t lun;

	if (scsi_lun_decode(tmf->lun, &lun) < 0)
		return NULL;
	return scsi_map_find(tmf->nexus->map, lun, NULL);
}

void scsi_tmf_init(struct scsi_tmf *tmf)
{
	const struct scsi_lu *lu = find_lu(tmf);

	tmf->map = tmf->nexus->map;
	tmf->has_lu = lu;
	if (lu)
		memcpy(tmf->lu_id, lu->id, sizeof(tmf->lu_id));
}

bool scsi_tmf_covers(const struct scsi_tmf *tmf, const struct scsi_io *io)
{
	const struct function *f = &functions[tmf->function];

	/* An LU may have gone since the task was decoded: it hears of that when it is submitted. */
	if (!io->lu || !io->nexus || io->generation != scsi_map_generation(io->nexus->map))
		return false;
	if (!f->in_scope(tmf, io))
		return false;
	if (f->whole_device)
		return io->nexus->map == tmf->map;
	return tmf->has_lu && !memcmp(io->lu->id, tmf->lu_id, sizeof(tmf->lu_id));
}

void scsi_tmf_abort(const struct scsi_tmf *tmf, struct scsi_io *io)
{
	io->told_as = how(tmf, io);
	scsi_away_abort(io);
}

void scsi_tmf_abort_home(struct scsi_io *io)
{
	io->aborted = true;
	scsi_find_lu_again(io);
	scsi_refuse_home(io, tell(io, io->told_as), 0, 0);
}

/* Aborting may end the asker's nexus, and the function with it. */
static void settle(struct scsi_tmf *tmf, bool found)
{
	if (!tmf->reactor) {
		if (tmf->owed)
			scsi_tmf_tell(tmf, SCSI_TMF_CANCELED);
		return;
	}
	tmf->applied = true;
	if (is_pending(tmf))
		timer_set(tmf->reactor, &tmf->timer, reactor_now(tmf->reactor) + tmf->timeout);
	else
		finish(tmf, !found && tmf->function == SCSI_ABORT_TASK ? SCSI_TMF_NO_TASK
								       : SCSI_TMF_COMPLETE);
}

static void entered(struct scsi_entry *e);

/* To one LU after the other. */
static void go_through(struct scsi_tmf *tmf)
{
	const struct scsi_mapping *m;

	while (tmf->reactor && (m = scsi_map_next(tmf->map, tmf->at))) {
		tmf->at = m->lun;
		if (scsi_gate_enter(m->lu, &tmf->entry, entered))
			return;
		tmf->at++;
		apply(tmf, m->lu);
	}
	settle(tmf, true);
}

static void apply_to_one(struct scsi_tmf *tmf)
{
	settle(tmf, apply(tmf, tmf->lu));
}

static void entered(struct scsi_entry *e)
{
	struct scsi_tmf *tmf = container_of(e, struct scsi_tmf, entry);
	const struct scsi_mapping *m;

	if (tmf->lu) {
		apply_to_one(tmf);
		return;
	}
	/* When another LU has taken its place it is to be had for ourselves first. */
	m = scsi_map_look(tmf->map, (uint16_t)tmf->at);
	if (m && scsi_gates_are_shut(m->lu)) {
		tmf->at++;
		apply(tmf, m->lu);
	}
	go_through(tmf);
}

void scsi_tmf_start_home(struct scsi_tmf *tmf)
{
	bool whole = functions[tmf->function].whole_device;
	const struct scsi_mapping *first = scsi_map_next(tmf->map, 0);

	tmf->reactor = NULL;
	tmf->applied = tmf->applying = tmf->owed = false;
	tmf->at = 0;
	list_init(&tmf->link);
	list_init(&tmf->of_lu);
	list_init(&tmf->entry.link);
	timer_init(&tmf->timer, timed_out);
	tmf->lu = whole ? NULL : find_lu(tmf);
	if (!tmf->lu && (!whole || !first)) {
		scsi_tmf_tell(tmf, whole ? SCSI_TMF_COMPLETE : SCSI_TMF_NO_LUN);
		return;
	}
	tmf->reactor = (tmf->lu ? tmf->lu : first->lu)->reactor;
	list_add_tail(&tmf->nexus->dev->functions, &tmf->link);
	if (tmf->lu)
		list_add_tail(&tmf->lu->functions, &tmf->of_lu);
	if (whole)
		go_through(tmf);
	else if (!scsi_gate_enter(tmf->lu, &tmf->entry, entered))
		apply_to_one(tmf);
}

void scsi_tmf_cancel_home(struct scsi_tmf *tmf)
{
	timer_cancel(tmf->reactor, &tmf->timer);
	list_del(&tmf->link);
	list_del(&tmf->of_lu);
	scsi_gate_leave(&tmf->entry);
	tmf->reactor = NULL;
	if (tmf->away)
		scsi_tmf_tell(tmf, SCSI_TMF_CANCELED);
}

bool scsi_tmf_cancel(struct scsi_tmf *tmf)
{
	if (tmf->away)
		return false;
	if (tmf->reactor)
		scsi_tmf_cancel_home(tmf);
	tmf->owed = tmf->applying;
	return !tmf->owed;
}
