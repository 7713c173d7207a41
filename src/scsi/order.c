/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task attributes (SAM-5 8.9). A task may start
 *
 *   HEAD OF QUEUE      at once
 *   ORDERED            when nothing is before it
 *   SIMPLE, UNTAGGED   when no ORDERED and no HEAD OF QUEUE task is before it
 *
 * and HEAD OF QUEUE tasks stand before all others, so "before" is the place in lu->tasks. Where a nexus may have
 * no more than so many tasks running, the next ones wait likewise, and nobody else for them.
 */
#include "scsi/lu_priv.h"

bool scsi_order_is_strict(const struct scsi_io *io)
{
	return io->attr == SCSI_ORDERED || io->attr == SCSI_HEAD_OF_QUEUE;
}

/* BLOCKED, and not by a fence. */
static bool waits_for_turn(const struct scsi_io *io)
{
	return io->state == SCSI_IO_BLOCKED && list_empty(&io->wait);
}

void scsi_order_count(struct scsi_io *io)
{
	if (io->itl)
		io->itl->running++;
	io->counted = true;
}

/* Its nexus has as many tasks running as it may have. */
static bool is_full(const struct scsi_io *io)
{
	const struct scsi_lu *lu = io->lu;

	return lu->task_limit && io->itl && io->itl->running >= lu->task_limit;
}

static void block(struct scsi_io *io)
{
	io->state = SCSI_IO_BLOCKED;
	io->lu->waiting++;
	if (io->itl)
		io->itl->queued++;
}

/* It waits no more. */
static void unblock(struct scsi_io *io)
{
	io->lu->waiting--;
	if (io->itl)
		io->itl->queued--;
}

bool scsi_order_join(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;
	bool wait = lu->strict > 0 || is_full(io) || (lu->task_limit && io->itl && io->itl->queued);

	if (io->inner) { /* its copy has had its turn, and others may wait for that to end */
		wait = false;
		list_add_tail(&lu->tasks, &io->task);
	} else if (io->attr == SCSI_HEAD_OF_QUEUE) {
		wait = false;
		list_add_head(&lu->tasks, &io->task);
	} else {
		if (io->attr == SCSI_ORDERED)
			wait = !list_empty(&lu->tasks);
		list_add_tail(&lu->tasks, &io->task);
	}
	lu->strict += scsi_order_is_strict(io);
	lu->alone += io->alone;
	if (wait)
		block(io);
	else
		scsi_order_count(io);
	return !wait;
}

void scsi_order_leave(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	list_del(&io->task);
	lu->strict -= scsi_order_is_strict(io);
	lu->alone -= io->alone;
	if (waits_for_turn(io))
		unblock(io);
	if (io->counted && io->itl)
		io->itl->running--;
	io->counted = false;
}

static struct scsi_io *next_in_turn(struct scsi_lu *lu)
{
	list_for_each (it, &lu->tasks) {
		struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (io->attr == SCSI_HEAD_OF_QUEUE)
			return NULL;
		if (io->attr == SCSI_ORDERED && it->prev != &lu->tasks)
			return NULL;
		if (waits_for_turn(io) && !is_full(io))
			return io;
		if (io->attr == SCSI_ORDERED)
			return NULL;
	}
	return NULL;
}

void scsi_order_run(struct scsi_lu *lu)
{
	struct scsi_io *io;

	if (lu->order_hold || lu->abandoned)
		return;
	/* A task may end before scsi_start() returns; its successor is found by this loop then, and
	 * not from inside. */
	lu->order_hold++;
	while (lu->waiting && (io = next_in_turn(lu))) {
		unblock(io);
		io->state = SCSI_IO_NEW;
		scsi_order_count(io);
		scsi_start(io);
	}
	lu->order_hold--;
	if (!list_empty(&lu->held))
		scsi_fence_lifted(lu);
}
