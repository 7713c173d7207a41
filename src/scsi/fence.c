/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must not be at the store at the same time.
 *
 * Fences. An aborted write that the backstore has not answered may still land, at any time. Until it is answered, its
 * range is fenced: so nobody waits for a hung store to log in, and no old write lands on a newer one.
 *
 * Ranges. Who reads, and then writes what follows from that, has the range for itself. He gets it when no request that
 * overlaps is at the store any more, and those who come after him wait behind him.
 *
 * Requests that overlap, of any nexus, are held for lu->fence_hold and then their tasks end in BUSY; so do tasks that
 * want a range. No more than so many are held, and who comes then gets BUSY at once: each that ends looks at
 * all of them.
 */
#include "scsi/lu_priv.h"

#define HELD_MOST 512

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

/* The range that a task has or wants, and a request. */
static bool is_in_range(const struct scsi_io *owner, const struct bs_io *bs)
{
	unsigned shift = owner->lu->block_shift;
	uint64_t from = owner->lba << shift, end = (owner->lba + owner->blocks) << shift;

	return from < bs->offset + bs->length && bs->offset < end;
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

/* Another one has it. */
static bool is_taken(const struct scsi_io *io)
{
	list_for_each (it, &io->lu->ranges) {
		const struct scsi_io *owner = list_entry(it, struct scsi_io, range);

		if (owner != io && is_in_range(owner, &io->bs))
			return true;
	}
	return false;
}

/* Another one wants it, and was there before. */
static bool is_wanted(const struct scsi_io *io)
{
	if (!io->lu->wanted || !list_empty(&io->range))
		return false;
	list_for_each (it, &io->lu->held) {
		const struct scsi_io *before = list_entry(it, struct scsi_io, wait);

		if (before == io)
			break;
		if (before->wants_range && is_in_range(before, &io->bs))
			return true;
	}
	return false;
}

/* A request of another one is there, and not aborted. */
static bool is_in_use(const struct scsi_io *io)
{
	list_for_each (it, &io->lu->tasks) {
		const struct scsi_io *other = list_entry(it, struct scsi_io, task);

		if (other != io && other->state == SCSI_IO_STORE && other->bs.op != BS_FLUSH &&
		    overlap(&other->bs, &io->bs))
			return true;
	}
	return false;
}

static bool must_wait(const struct scsi_io *io)
{
	return is_fenced(io) || is_taken(io) || is_wanted(io) || (io->wants_range && is_in_use(io));
}

static void end_busy(struct scsi_io *io)
{
	io->status = SCSI_BUSY;
	scsi_io_done(io);
}

bool scsi_fence_hold(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	if (!must_wait(io))
		return false;
	if (lu->held_count == HELD_MOST) {
		end_busy(io);
		return true;
	}
	io->state = SCSI_IO_BLOCKED;
	io->deadline = reactor_now(lu->reactor) + lu->fence_hold;
	list_add_tail(&lu->held, &io->wait);
	lu->held_count++;
	if (!timer_is_set(&lu->hold_timer))
		timer_set(lu->reactor, &lu->hold_timer, io->deadline);
	return true;
}

void scsi_fence_release(struct scsi_io *io)
{
	list_del(&io->wait);
	io->lu->held_count--;
	io->state = SCSI_IO_NEW;
}

/* --- ranges */

static void take(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	io->wants_range = false;
	lu->wanted--;
	list_add_tail(&lu->ranges, &io->range);
	io->next(io, 0);
}

void scsi_range_take(struct scsi_io *io, void (*next)(struct scsi_io *io, int err))
{
	struct scsi_lu *lu = io->lu;

	/* As if it were one request for all of it. */
	io->bs.op = BS_WRITE;
	io->bs.offset = io->lba << lu->block_shift;
	io->bs.length = io->blocks << lu->block_shift;
	io->next = next;
	io->wants_range = true;
	lu->wanted++;
	if (!scsi_fence_hold(io))
		take(io);
}

bool scsi_range_leave(struct scsi_io *io)
{
	bool wanted = io->wants_range, had = !list_empty(&io->range);

	io->lu->wanted -= wanted;
	io->wants_range = false;
	list_del(&io->range);
	return wanted || had;
}

/* --- the end of what was in the way */

static struct scsi_io *next_released(struct scsi_lu *lu)
{
	list_for_each (it, &lu->held) {
		struct scsi_io *io = list_entry(it, struct scsi_io, wait);

		if (!must_wait(io))
			return io;
	}
	return NULL;
}

void scsi_fence_lifted(struct scsi_lu *lu)
{
	struct scsi_io *io;

	/* Who ends inside is seen by this loop; while tasks are being aborted nothing starts (scsi_order_run()). */
	if (lu->lifting || lu->order_hold || lu->abandoned)
		return;
	lu->lifting = true;
	while ((io = next_released(lu))) {
		scsi_fence_release(io);
		if (io->wants_range)
			take(io);
		else
			scsi_store_issue(io);
	}
	lu->lifting = false;
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
		end_busy(io);
	}
}
