/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management functions (SAM-5 7). A function aborts the tasks in its scope; those that wait or
 * move end at once, those at the backstore become orphans. It is complete when no aborted task is
 * left in its scope, whoever aborted it: then none of them can change the medium any more.
 */
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
	const struct scsi_device *dev = tmf->dev;

	if (tmf->lu)
		return lu_pending(tmf, tmf->lu);
	for (size_t i = 0; i < dev->count; i++)
		if (lu_pending(tmf, dev->maps[i]->lu))
			return true;
	return false;
}

static void finish(struct scsi_tmf *tmf, enum scsi_tmf_result result)
{
	timer_cancel(tmf->reactor, &tmf->timer);
	list_del(&tmf->link);
	tmf->reactor = NULL;
	scsi_tmf_tell(tmf, result);
}

static void timed_out(struct timer *t)
{
	finish(container_of(t, struct scsi_tmf, timer), SCSI_TMF_REJECTED);
}

static struct scsi_tmf *next_complete(const struct scsi_lu *lu)
{
	list_for_each (it, &lu->maps) {
		struct scsi_device *dev = list_entry(it, struct scsi_map, of_lu)->dev;

		list_for_each (fn, &dev->functions) {
			struct scsi_tmf *tmf = list_entry(fn, struct scsi_tmf, link);

			if (tmf->applied && (!tmf->lu || tmf->lu == lu) && !is_pending(tmf))
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

static struct scsi_tmf *next_unmapped(struct scsi_device *dev, const struct scsi_lu *lu)
{
	list_for_each (it, &dev->functions) {
		struct scsi_tmf *tmf = list_entry(it, struct scsi_tmf, link);

		if (tmf->lu == lu || (tmf->applied && !is_pending(tmf)))
			return tmf;
	}
	return NULL;
}

void scsi_tmf_unmapped(struct scsi_device *dev, struct scsi_lu *lu)
{
	struct scsi_tmf *tmf;

	while ((tmf = next_unmapped(dev, lu)))
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
	if (scsi_mode_tas(&io->lu->mode))
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
	return scsi_device_find(tmf->dev, lun);
}

bool scsi_tmf_covers(const struct scsi_tmf *tmf, const struct scsi_io *io)
{
	const struct function *f = &functions[tmf->function];

	/* An LU may have gone since the task was decoded: it hears of that when it is submitted. */
	if (!io->lu || !io->nexus || io->generation != io->nexus->dev->generation)
		return false;
	if (!f->in_scope(tmf, io))
		return false;
	return f->whole_device ? io->nexus->dev == tmf->dev : io->lu == find_lu(tmf);
}

void scsi_tmf_abort(const struct scsi_tmf *tmf, struct scsi_io *io)
{
	io->told_as = how(tmf, io);
	scsi_away_abort(io);
}

void scsi_tmf_abort_home(struct scsi_io *io)
{
	io->aborted = true;
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
	const struct scsi_device *dev = tmf->dev;

	while (tmf->reactor && tmf->at < dev->count) {
		struct scsi_lu *lu = dev->maps[tmf->at]->lu;

		if (scsi_gate_enter(lu, &tmf->entry, entered))
			return;
		tmf->at++;
		apply(tmf, lu);
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

	if (tmf->lu) {
		apply_to_one(tmf);
		return;
	}
	apply(tmf, tmf->dev->maps[tmf->at++]->lu);
	go_through(tmf);
}

void scsi_tmf_start_home(struct scsi_tmf *tmf)
{
	struct scsi_device *dev = tmf->dev;
	bool whole = functions[tmf->function].whole_device;

	tmf->reactor = NULL;
	tmf->applied = tmf->applying = tmf->owed = false;
	tmf->at = 0;
	list_init(&tmf->link);
	list_init(&tmf->entry.link);
	timer_init(&tmf->timer, timed_out);
	tmf->lu = whole ? NULL : find_lu(tmf);
	if (!tmf->lu && (!whole || !dev->count)) {
		scsi_tmf_tell(tmf, whole ? SCSI_TMF_COMPLETE : SCSI_TMF_NO_LUN);
		return;
	}
	tmf->reactor = (tmf->lu ? tmf->lu : dev->maps[0]->lu)->reactor;
	list_add_tail(&dev->functions, &tmf->link);
	if (whole)
		go_through(tmf);
	else if (!scsi_gate_enter(tmf->lu, &tmf->entry, entered))
		apply_to_one(tmf);
}

void scsi_tmf_cancel_home(struct scsi_tmf *tmf)
{
	timer_cancel(tmf->reactor, &tmf->timer);
	list_del(&tmf->link);
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
