/* SPDX-License-Identifier: BSD-2-Clause */
/* A task from submission to its end: what every command goes through. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/gate.h"

/* How deep completions may nest before they are taken from the loop: a store that answers at once
 * would otherwise turn a command of many steps into as many stack frames. */
#define DEPTH_MAX 16

/* --- the end */

/* Aborted, it is an orphan until that comes back. */
static bool is_under_way(const struct scsi_io *io)
{
	return io->state == SCSI_IO_STORE || io->state == SCSI_IO_COPYING ||
	       io->state == SCSI_IO_RESERVING;
}

/* The task no longer counts in the LU; true: it was in others' way, by a fence or by its range. */
static bool leave(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;
	bool fence = scsi_fence_is(io), range = scsi_range_leave(io);

	if (io->aborted && is_under_way(io)) {
		list_del(&io->task); /* an orphan: it left the task set long ago */
		if (io->itl)
			scsi_itl_settle(io->itl);
		io->itl = NULL;
		scsi_lu_stir(lu);
	} else if (!list_empty(&io->task)) {
		scsi_order_leave(io);
	}
	lu->fences -= fence;
	if (io->write_through) /* while it counts, no pass is out, so nobody reads this */
		lu->write_through--;
	return fence || range;
}

void scsi_io_done(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;
	bool aborted = io->aborted, lifted = false;

	assert(io->state != SCSI_IO_DONE);
	if (io->gate) {
		scsi_pass_done(io);
		return;
	}
	if (lu)
		lifted = leave(io);
	if (io->itl && io->status != SCSI_GOOD && !io->inner)
		scsi_ua_of_status(io);
	io->state = SCSI_IO_DONE;
	scsi_port_done(io);
	if (!lu)
		return;
	if (lifted)
		scsi_fence_lifted(lu);
	if (aborted)
		scsi_tmf_check(lu);
	if (lu->waiting)
		scsi_order_run(lu);
}

void scsi_good(struct scsi_io *io)
{
	io->status = SCSI_GOOD;
	scsi_io_done(io);
}

void scsi_reply(struct scsi_io *io, size_t len)
{
	assert(len <= io->buf_len);
	io->in_len = (uint32_t)MIN(len, (size_t)io->alloc_len);
	scsi_good(io);
}

void scsi_find_lu_again(struct scsi_io *io)
{
	int err;

	io->itl = io->nexus && io->lu ? scsi_nexus_itl(io->nexus, scsi_io_lun(io), &err) : NULL;
	io->lu = io->itl ? io->itl->lu : NULL;
}

void scsi_refuse_home(struct scsi_io *io, enum scsi_status status, uint8_t key, uint16_t asc_ascq)
{
	scsi_find_lu_again(io);
	if (status == SCSI_CHECK_CONDITION)
		scsi_sense_code(io, key, asc_ascq);
	else
		io->status = status;
	scsi_io_done(io);
}

/* --- the start */

/* SAM-5 5.3.3: a unit attention goes before a reservation, that before the rest. */
static bool check_state(struct scsi_io *io)
{
	const struct scsi_lu *lu = io->lu;
	unsigned flags = io->cmd->flags;

	/* What a copy comes across is not told to it, but to the initiator's own commands. */
	if (io->itl && scsi_ua_pending(io->itl) && !(flags & SCSI_CMD_UA_OK) && !io->inner) {
		scsi_sense_unit_attention(io, scsi_ua_report(io));
		return false;
	}
	/* It came behind the command that was told of another LU, and was sent before its initiator could hear. */
	if (io->itl && !(flags & SCSI_CMD_UA_OK) &&
	    scsi_is_outdated(io->heard, scsi_itl_news(io->itl))) {
		scsi_ua_luns_told(io);
		scsi_sense_unit_attention(io, SCSI_ASC_LUNS_CHANGED);
		return false;
	}
	if ((lu->reserved_by || scsi_pr_reserved(lu)) && scsi_conflict(io)) {
		io->status = SCSI_RESERVATION_CONFLICT;
		return false;
	}
	if (lu->bs->missing && !(flags & SCSI_CMD_NOT_READY_OK)) {
		scsi_sense_missing(io);
		return false;
	}
	if (lu->stopped && !(flags & SCSI_CMD_NOT_READY_OK)) {
		scsi_sense_stopped(io);
		return false;
	}
	return true;
}

static bool check_medium(struct scsi_io *io)
{
	const struct scsi_lu *lu = io->lu;
	unsigned flags = io->cmd->flags;

	if (flags & SCSI_CMD_WRITES && scsi_io_readonly(io)) {
		scsi_sense_write_protected(io);
		return false;
	}
	if (flags & SCSI_CMD_WRITES && scsi_mode_swp(&lu->mode)) {
		scsi_sense_software_write_protected(io);
		return false;
	}
	/* Also of no blocks at all the address must exist (SBC-3 4.18.1). */
	if (flags & SCSI_CMD_RANGE &&
	    (io->lba >= lu->blocks || io->blocks > lu->blocks - io->lba)) {
		scsi_sense_lba_out_of_range(io, MAX(io->lba, lu->blocks));
		return false;
	}
	return true;
}

void scsi_start(struct scsi_io *io)
{
	if (io->lu && !scsi_command_offered(io->cmd, io->lu)) { /* since it was decoded */
		scsi_sense_invalid_opcode(io);
		scsi_io_done(io);
		return;
	}
	if (io->lu && (!check_state(io) || !check_medium(io))) {
		scsi_io_done(io);
		return;
	}
	/* What goes out is what a handler put there, and nothing that was there before. */
	if (!(io->cmd->flags & SCSI_CMD_BLOCKS) && !io->out_len && io->buf_len)
		memset(io->data, 0, io->buf_len);
	io->cmd->run(io);
}

/* The inventory has changed since the task was decoded, so io->lu may be gone; or it was decoded away. */
static void decode_again(struct scsi_io *io)
{
	uint32_t out_len = io->out_len, buf_len = io->buf_len;

	scsi_decode_home(io);
	if (io->cmd && (io->out_len != out_len || io->buf_len != buf_len)) {
		io->cmd = NULL;
		io->status = SCSI_BUSY;
	}
	/* The transport has its buffer already. */
	io->out_len = out_len;
	io->buf_len = buf_len;
}

void scsi_begin(struct scsi_io *io)
{
	if (!io->lu || scsi_order_join(io))
		scsi_start(io);
}

void scsi_submit_home(struct scsi_io *io)
{
	if (io->away || io->generation != scsi_map_generation(io->nexus->map))
		decode_again(io);
	if (!io->cmd)
		scsi_io_done(io);
	else if (!io->lu || !scsi_gate_wait(io))
		scsi_begin(io);
}

/* --- Data-Out */

void scsi_move(struct scsi_io *io, void (*next)(struct scsi_io *io, int err))
{
	io->next = next;
	if (io->out_len == 0) {
		next(io, 0);
		return;
	}
	io->state = SCSI_IO_MOVING;
	scsi_port_move(io);
}

void scsi_moved_home(struct scsi_io *io, int err)
{
	assert(io->state == SCSI_IO_MOVING);
	io->state = SCSI_IO_NEW;
	if (io->aborted || !io->lu) {
		/* Aborted, or its LU was unmapped and the sense data are there. */
		scsi_io_done(io);
	} else if (err) {
		scsi_sense_data_phase_error(io);
		scsi_io_done(io);
	} else if (io->out_got < io->out_len && !(io->cmd->flags & SCSI_CMD_BLOCKS)) {
		scsi_sense_parameter_list_length(io);
		scsi_io_done(io);
	} else {
		io->next(io, 0);
	}
}

/* --- the backstore */

static void store_done(struct bs_io *bs, int err);

/* It was to be cached, and while it was at the store the cache was turned off. */
static bool outlived_cache(const struct scsi_io *io)
{
	return !io->err && !io->bs.fua && scsi_changes_medium(&io->bs) && !scsi_lu_caches(io->lu);
}

/* Length and offset stay, and mean nothing to a flush: `next` may want to know what was done. */
static void flush_after(struct scsi_io *io)
{
	io->bs.op = BS_FLUSH;
	io->bs.done = store_done; /* it may have been tried without us */
	io->lu->stats.flushes++;
	scsi_store_issue(io);
}

static void go_on(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	lu->stats.inflight--;
	lu->depth++;
	if (io->aborted)
		scsi_io_done(io);
	else if (outlived_cache(io))
		flush_after(io);
	else
		io->next(io, io->err);
	lu->depth--;
	if (lu->wanted) /* somebody may have waited for this to come back */
		scsi_fence_lifted(lu);
}

static void store_done(struct bs_io *bs, int err)
{
	struct scsi_io *io = container_of(bs, struct scsi_io, bs);
	struct scsi_lu *lu = io->lu;

	io->err = err;
	if (lu->depth < DEPTH_MAX) {
		go_on(io);
		return;
	}
	list_add_tail(&lu->later, &io->wait);
	reactor_defer(lu->reactor, &lu->later_work);
}

void scsi_later_run(struct deferred *d)
{
	struct scsi_lu *lu = container_of(d, struct scsi_lu, later_work);
	struct list work;

	/* What is put off anew waits for the next round. */
	list_init(&work);
	list_splice_tail(&work, &lu->later);
	while (!list_empty(&work)) {
		struct scsi_io *io = list_first(&work, struct scsi_io, wait);

		list_del(&io->wait);
		go_on(io);
	}
}

void scsi_store_issue(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	/* It was within the medium when it began, but the medium may have shrunk. */
	if (io->bs.op != BS_FLUSH && io->bs.offset + io->bs.length > lu->bs->size) {
		scsi_sense_lba_out_of_range(io, lu->bs->size >> lu->block_shift);
		scsi_io_done(io);
		return;
	}
	io->state = SCSI_IO_STORE;
	lu->stats.inflight++;
	bs_submit(lu->bs, &io->bs);
}

/*
 * Each nexus that was there is told of a loss by the first of its own commands that asks for
 * durability: whoever else asks first, and whatever the target flushes by itself, takes nothing away.
 */
static bool tell_loss(struct scsi_io *io)
{
	if (!io->itl || io->itl->lost_seen == io->lu->bs->lost_generation)
		return false;
	io->itl->lost_seen = io->lu->bs->lost_generation;
	io->bs.op = BS_FLUSH; /* nobody knows where */
	scsi_store_error(io, -EIO, io->lba);
	return true;
}

void scsi_store(struct scsi_io *io, enum bs_op op, bool fua, uint64_t lba, uint64_t blocks,
		void *buf, void (*next)(struct scsi_io *io, int err))
{
	struct scsi_lu *lu = io->lu;

	io->next = next;
	io->bs.op = op;
	io->bs.fua = op != BS_READ && op != BS_FLUSH && (fua || !scsi_lu_caches(lu));
	io->bs.atomic = io->cmd->flags & SCSI_CMD_ATOMIC;
	io->bs.offset = lba << lu->block_shift;
	io->bs.length = blocks << lu->block_shift;
	io->bs.buf = buf;
	if (io->gate) {
		scsi_pass_store(io);
		return;
	}
	if (!io->bs.fua || !tell_loss(io))
		scsi_store_again(io);
}

void scsi_store_again(struct scsi_io *io)
{
	io->bs.done = store_done;
	if (!scsi_fence_any(io->lu) || !scsi_fence_hold(io))
		scsi_store_issue(io);
}

void scsi_store_tried(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	if (io->err == -EAGAIN && !io->aborted) {
		lu->stats.inflight--;
		io->state = SCSI_IO_NEW;
		scsi_store_again(io);
		if (lu->wanted)
			scsi_fence_lifted(lu);
	} else {
		go_on(io);
	}
}

void scsi_store_flush(struct scsi_io *io, void (*next)(struct scsi_io *io, int err))
{
	io->lu->stats.flushes++;
	scsi_store(io, BS_FLUSH, false, 0, 0, NULL, next);
}

void scsi_store_sync(struct scsi_io *io, void (*next)(struct scsi_io *io, int err))
{
	if (!tell_loss(io))
		scsi_store_flush(io, next);
}

/* --- errors of the backstore. A row for each kind; the log tells of each by itself. */

static void read_error(struct scsi_io *io, uint64_t lba)
{
	scsi_sense_read_error(io, lba);
}

static void write_error(struct scsi_io *io, uint64_t lba)
{
	scsi_sense_write_error(io, lba);
}

/* Nobody knows where. */
static void flush_error(struct scsi_io *io, uint64_t lba)
{
	scsi_sense_code(io, SCSI_KEY_MEDIUM_ERROR, SCSI_ASC_WRITE_ERROR);
}

static void full(struct scsi_io *io, uint64_t lba)
{
	scsi_sense_space_allocation_failed(io);
}

static void readonly(struct scsi_io *io, uint64_t lba)
{
	scsi_sense_write_protected(io);
}

static void gone(struct scsi_io *io, uint64_t lba)
{
	scsi_sense_missing(io);
}

static void no_memory(struct scsi_io *io, uint64_t lba)
{
	scsi_sense_no_resources(io);
}

#define ANY_OP  -1
#define ANY_ERR 0

/* The first row that fits. */
static const struct {
	int err, op;
	void (*sense)(struct scsi_io *io, uint64_t lba);
} errors[SCSI_ERROR_KINDS] = {
	{-ENOSPC, ANY_OP, full},        {-EROFS, ANY_OP, readonly},
	{-ENODEV, ANY_OP, gone},        {-ENOMEM, ANY_OP, no_memory},
	{ANY_ERR, BS_READ, read_error}, {ANY_ERR, BS_FLUSH, flush_error},
	{ANY_ERR, ANY_OP, write_error},
};

static unsigned error_kind(const struct scsi_io *io, int err)
{
	unsigned i = 0;

	while ((errors[i].err != ANY_ERR && errors[i].err != err) ||
	       (errors[i].op != ANY_OP && errors[i].op != (int)io->bs.op))
		i++;
	return i;
}

/* One line a minute of each kind: a dead disk must not fill the log, and the first "No space left"
 * not be lost in what it says. */
static void log_store_error(const struct scsi_io *io, unsigned kind, int err, uint64_t lba)
{
	struct scsi_error_log *l = &io->lu->error_logs[kind];
	uint64_t now = reactor_now(io->lu->reactor);
	char more[64] = "";

	if (now < l->quiet_until) {
		l->held_back++;
		return;
	}
	if (l->held_back)
		snprintf(more, sizeof(more), " (and %llu more like it before)",
			 (unsigned long long)l->held_back);
	log_warning(io->lu->log, "%s: %s at LBA %llu failed: %s%s", io->lu->bs->path, io->cmd->name,
		    (unsigned long long)lba, strerror(-err), more);
	*l = (struct scsi_error_log){.quiet_until = now + 60 * NSEC_PER_SEC};
}

void scsi_store_error(struct scsi_io *io, int err, uint64_t lba)
{
	unsigned kind = error_kind(io, err);

	io->lu->stats.errors++;
	log_store_error(io, kind, err, lba);
	errors[kind].sense(io, lba);
	scsi_io_done(io);
}

/* --- abort */

/* Its answer waits for the store, which may still write what it was given. */
static void make_orphan(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	io->aborted = true;
	scsi_range_leave(io); /* whoever aborts looks afterwards who waits for it */
	scsi_order_leave(io);
	list_add_tail(&lu->orphans, &io->task);
	lu->fences += scsi_fence_is(io);
}

void scsi_detach(struct scsi_io *io)
{
	struct scsi_lu *lu = io->lu;

	switch (io->state) {
	case SCSI_IO_BLOCKED:
		if (!list_empty(&io->wait))
			scsi_fence_release(io);
		scsi_sense_lun_not_supported(io);
		scsi_io_done(io);
		break;
	case SCSI_IO_MOVING:
		scsi_order_leave(io);
		if (!io->aborted)
			scsi_sense_lun_not_supported(io);
		io->lu = NULL;
		io->itl = NULL;
		scsi_port_abort(io);
		if (lu->waiting)
			scsi_order_run(lu);
		break;
	case SCSI_IO_STORE:
	case SCSI_IO_RESERVING:
		scsi_sense_lun_not_supported(io);
		make_orphan(io);
		break;
	case SCSI_IO_COPYING:
		scsi_sense_lun_not_supported(io);
		make_orphan(io);
		scsi_copy_abort(io);
		break;
	default: assert(!"a task that does nothing is not in the task set");
	}
}

void scsi_abort(struct scsi_io *io, enum scsi_status status)
{
	io->aborted = true;
	io->status = status;
	io->sense_len = 0;
	io->in_len = 0;
	switch (io->state) {
	case SCSI_IO_BLOCKED:
		if (!list_empty(&io->wait))
			scsi_fence_release(io);
		scsi_io_done(io);
		break;
	case SCSI_IO_MOVING: scsi_port_abort(io); break;
	case SCSI_IO_STORE:
	case SCSI_IO_RESERVING: make_orphan(io); break;
	case SCSI_IO_COPYING:
		make_orphan(io);
		scsi_copy_abort(io);
		break;
	default: assert(!"a task that does nothing is no longer there to be aborted");
	}
}
