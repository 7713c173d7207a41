/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fences. An aborted write that the backstore has not answered may still land, at any time. Until it
 * is answered, its range is fenced: requests that overlap, of any nexus, are held for
 * lu->fence_hold and then their tasks end in BUSY. So nobody waits for a hung store to log in, and no
 * old write lands on a newer one.
 */
#include "scsi/lu_priv.h"

bool scsi_changes_medium(const struct bs_io *bs)
{
	return bs->op == BS_WRITE || bs->op == BS_ZERO || bs->op == BS_UNMAP;
}

bool scsi_fence_is(const struct scsi_io *io)
{
	return io->aborted && io->state == SCSI_IO_STORE && scsi_changes_medium(&io->bs);
}

/* Both lie within the medium: no sum overflows. A flush has no length and overlaps nothing. */
static bool overlap(const struct bs_io *a, const struct bs_io *b)
{
	return a->offset < b->offset + b->length && b->offset < a->offset + a->length;
}

static bool is_fenced(const struct scsi_io *io)
{
	list_for_each (it, &io->lu->orphans) {
		const struct scsi_io *orphan = list_entry(it, struct scsi_io, task);

		if (scsi_fence_is(orphan) && overlap(&orphan->bs, &io->bs))
			return true;
	}
	return false;
}

bool scsi_fence_hold(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	if (!is_fenced(io))
		return false;
	io->state = SCSI_IO_BLOCKED;
	io->deadline = reactor_now(lu->reactor) + lu->fence_hold;
	list_add_tail(&lu->held, &io->wait);
	if (!timer_is_set(&lu->hold_timer))
		timer_set(lu->reactor, &lu->hold_timer, io->deadline);
	return true;
}

void scsi_fence_release(struct scsi_io *io)
{
	list_del(&io->wait);
	io->state = SCSI_IO_NEW;
}

static struct scsi_io *next_released(struct scsi_lu *lu)
{
	list_for_each (it, &lu->held) {
		struct scsi_io *io = list_entry(it, struct scsi_io, wait);

		if (!is_fenced(io))
			return io;
	}
	return NULL;
}

void scsi_fence_lifted(struct scsi_lu *lu)
{
	struct scsi_io *io;

	while ((io = next_released(lu))) {
		scsi_fence_release(io);
		scsi_store_issue(io);
	}
}

void scsi_fence_expired(struct timer *t)
{
	struct scsi_lu *lu = container_of(t, struct scsi_lu, hold_timer);
	uint64_t now = reactor_now(lu->reactor);

	/* All are held equally long: the first one is the next to go. */
	while (!list_empty(&lu->held)) {
		struct scsi_io *io = list_first(&lu->held, struct scsi_io, wait);

		if (io->deadline > now) {
			timer_set(lu->reactor, t, io->deadline);
			break;
		}
		scsi_fence_release(io);
		io->status = SCSI_BUSY;
		scsi_io_done(io);
	}
}
