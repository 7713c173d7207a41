/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task attributes (SAM-5 8.9). A task may start
 *
 *   HEAD OF QUEUE      at once
 *   ORDERED            when nothing is before it
 *   SIMPLE, UNTAGGED   when no ORDERED and no HEAD OF QUEUE task is before it
 *
 * and HEAD OF QUEUE tasks stand before all others, so "before" is the place in lu->tasks.
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

bool scsi_order_join(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;
	bool wait = lu->strict > 0;

	if (io->attr == SCSI_HEAD_OF_QUEUE) {
		wait = false;
		list_add_head(&lu->tasks, &io->task);
	} else {
		if (io->attr == SCSI_ORDERED)
			wait = !list_empty(&lu->tasks);
		list_add_tail(&lu->tasks, &io->task);
	}
	lu->strict += scsi_order_is_strict(io);
	lu->alone += io->alone;
	if (wait) {
		io->state = SCSI_IO_BLOCKED;
		lu->waiting++;
	}
	return !wait;
}

void scsi_order_leave(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	list_del(&io->task);
	lu->strict -= scsi_order_is_strict(io);
	lu->alone -= io->alone;
	if (waits_for_turn(io))
		lu->waiting--;
}

static struct scsi_io *next_in_turn(struct scsi_lu *lu)
{
	list_for_each (it, &lu->tasks) {
		struct scsi_io *io = list_entry(it, struct scsi_io, task);

		if (io->attr == SCSI_HEAD_OF_QUEUE)
			return NULL;
		if (io->attr == SCSI_ORDERED && it->prev != &lu->tasks)
			return NULL;
		if (waits_for_turn(io))
			return io;
		if (io->attr == SCSI_ORDERED)
			return NULL;
	}
	return NULL;
}

void scsi_order_run(struct scsi_lu *lu)
{
	struct scsi_io *io;

	if (lu->order_hold)
		return;
	/* A task may end before scsi_start() returns; its successor is found by this loop then, and
	 * not from inside. */
	lu->order_hold++;
	while (lu->waiting && (io = next_in_turn(lu))) {
		lu->waiting--;
		io->state = SCSI_IO_NEW;
		scsi_start(io);
	}
	lu->order_hold--;
}
