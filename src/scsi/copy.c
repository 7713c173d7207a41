/* SPDX-License-Identifier: BSD-2-Clause */
/* EXTENDED COPY: segment after segment, each in pieces that are read and then written. */
#include <errno.h>
#include <string.h>
#include "common/cleanup.h"
#include "scsi/copy.h"
#include "scsi/gate.h"

/* No transport gives such a tag: ABORT TASK never means a piece of a copy. */
#define NO_TAG UINT64_MAX

static uint32_t whole_pages(size_t n)
{
	return (uint32_t)((n + 4095) & ~(size_t)4095);
}

struct scsi_copy *scsi_copy_of(const struct scsi_io *io)
{
	return (void *)(io->data + scsi_second_buffer(io));
}

bool scsi_lengths_copy(struct scsi_io *io)
{
	uint32_t len = get_be32(io->cdb + 10);

	if (len > SCSI_COPY_LIST_MAX) {
		scsi_sense_parameter_list_length(io);
		return false;
	}
	io->out_len = len;
	if (len)
		io->buf_len = whole_pages(len) + whole_pages(sizeof(struct scsi_copy)) +
			      SCSI_COPY_SLOTS * SCSI_COPY_PIECE;
	return true;
}

/* --- the end */

/* Nothing of it is under way. */
static void finish(struct scsi_copy *copy)
{
	struct scsi_io *io = copy->io;

	if (!io->aborted && !copy->failed)
		io->status = SCSI_GOOD;
	if (!io->aborted)
		scsi_copy_keep(copy);
	scsi_io_done(io);
}

/* SPC-4 6.4.4: what a copy source or destination has answered says the log of pieces; the initiator is told where. */
static void fail(struct scsi_copy *copy, uint16_t asc_ascq)
{
	struct scsi_sense s = {
		.key = SCSI_KEY_COPY_ABORTED, .asc_ascq = asc_ascq, .has_specific = true};

	if (copy->stopped)
		return;
	s.specific = copy->segment;
	s.has_info = true;
	s.info = (copy->length - copy->copied) >> copy->destination->block_shift;
	copy->stopped = copy->failed = true;
	scsi_sense_set(copy->io, &s);
}

/* --- pieces */

static void pump(struct scsi_copy *copy);

static void piece_move(struct scsi_io *io)
{
	io->out_got = io->out_len;
	scsi_io_moved(io, 0);
}

static void piece_move_abort(struct scsi_io *io)
{
	/* A move is over before anybody could abort it. */
}

static void submit(struct scsi_copy_slot *slot, bool writes);

static void piece_over(struct scsi_copy_slot *slot)
{
	struct scsi_copy *copy = slot->copy;

	slot->copy = NULL;
	copy->running--;
	pump(copy);
}

static void piece_done(struct scsi_io *io)
{
	struct scsi_copy_slot *slot = container_of(io, struct scsi_copy_slot, io);
	struct scsi_copy *copy = slot->copy;

	if (io->aborted || io->status != SCSI_GOOD) {
		fail(copy, SCSI_ASC_THIRD_PARTY_FAILURE);
	} else if (!slot->writes && !copy->stopped) {
		submit(slot, true);
		return;
	} else if (slot->writes) {
		copy->copied += slot->length;
		copy->total += slot->length;
	}
	piece_over(slot);
}

static const struct scsi_port_ops piece_port = {piece_move, piece_move_abort, piece_done};

/* The nexus is there, and its LUN still the LU that the list named. */
static bool decode(struct scsi_copy_slot *slot, const struct scsi_copy_cscd *party)
{
	struct scsi_io *io = &slot->io;

	if (!io->nexus || !io->nexus->map)
		return false;
	scsi_decode_home(io);
	return io->cmd && io->lu && !memcmp(io->lu->id, party->lu_id, sizeof(party->lu_id)) &&
	       io->lu->block_shift == party->block_shift;
}

/* READ (16) or WRITE (16) of the piece, by the nexus of the copy. */
static void submit(struct scsi_copy_slot *slot, bool writes)
{
	struct scsi_copy *copy = slot->copy;
	const struct scsi_copy_cscd *party = writes ? copy->destination : copy->source;
	uint64_t at = (writes ? copy->destination_at : copy->source_at) + slot->at;
	struct scsi_io *io = &slot->io;

	*io = (struct scsi_io){.port = &piece_port,
			       .nexus = copy->io->nexus,
			       .cdb_len = 16,
			       .attr = SCSI_SIMPLE,
			       .tag = NO_TAG,
			       .data = slot->buf};
	slot->writes = writes;
	scsi_lun_encode(io->lun, party->lun);
	io->cdb[0] = writes ? 0x8a : 0x88;
	put_be64(io->cdb + 2, at >> party->block_shift);
	put_be32(io->cdb + 10, slot->length >> party->block_shift);
	if (decode(slot, party)) {
		io->inner = true;
		scsi_submit_home(io);
		return;
	}
	fail(copy, SCSI_ASC_CSCD_UNREACHABLE);
	piece_over(slot);
}

/* --- segments */

static struct scsi_copy_slot *free_slot(struct scsi_copy *copy)
{
	for (unsigned i = 0; i < copy->slots; i++)
		if (!copy->slot[i].copy)
			return &copy->slot[i];
	return NULL;
}

static void start_piece(struct scsi_copy *copy, struct scsi_copy_slot *slot)
{
	slot->length = (uint32_t)MIN(copy->length - copy->issued, (uint64_t)SCSI_COPY_PIECE);
	slot->at = copy->backwards ? copy->length - copy->issued - slot->length : copy->issued;
	slot->copy = copy;
	copy->issued += slot->length;
	copy->running++;
	submit(slot, false);
}

/* The next segment, when there is one and the last one is complete. */
static bool next_segment(struct scsi_copy *copy)
{
	if (copy->running || copy->issued < copy->length)
		return false;
	copy->processed++;
	if (copy->processed == copy->segment_count)
		return false;
	scsi_copy_segment(copy, copy->processed);
	return true;
}

static void pump(struct scsi_copy *copy)
{
	struct scsi_copy_slot *slot;

	if (copy->pumping)
		return;
	copy->pumping = true;
	do {
		while (!copy->stopped && copy->issued < copy->length && (slot = free_slot(copy)))
			start_piece(copy, slot);
	} while (!copy->stopped && next_segment(copy));
	copy->pumping = false;
	if (!copy->running)
		finish(copy);
}

static void begin(struct scsi_io *io, int err)
{
	struct scsi_copy *copy = scsi_copy_of(io);
	uint8_t *buf = (uint8_t *)copy + whole_pages(sizeof(*copy));

	memset(copy, 0, sizeof(*copy));
	copy->io = io;
	for (unsigned i = 0; i < SCSI_COPY_SLOTS; i++)
		copy->slot[i].buf = buf + (size_t)i * SCSI_COPY_PIECE;
	if (!scsi_copy_list_ok(copy)) {
		scsi_io_done(io);
		return;
	}
	if (!copy->segment_count) {
		finish(copy);
		return;
	}
	io->state = SCSI_IO_COPYING;
	scsi_copy_segment(copy, 0);
	pump(copy);
}

void scsi_cmd_copy(struct scsi_io *io)
{
	if (io->out_len == 0) /* no list is no error */
		scsi_good(io);
	else
		scsi_move(io, begin);
}

/* --- task management, the loss of a nexus */

static void abort_piece(struct scsi_copy_slot *slot)
{
	struct scsi_io *io = &slot->io;

	if (io->aborted) /* by others, and at the store */
		return;
	if (io->state != SCSI_IO_NEW) {
		scsi_abort(io, SCSI_GOOD);
	} else if (!list_empty(&io->entry.link)) { /* it waits for gates */
		scsi_gate_leave(&io->entry);
		io->aborted = true;
		scsi_io_done(io);
	}
}

void scsi_copy_abort(struct scsi_io *io)
{
	struct scsi_copy *copy = scsi_copy_of(io);
	bool pumping = copy->pumping;

	copy->stopped = copy->pumping = true;
	for (unsigned i = 0; i < SCSI_COPY_SLOTS; i++)
		if (copy->slot[i].copy)
			abort_piece(&copy->slot[i]);
	copy->pumping = pumping;
	if (!pumping)
		pump(copy);
}
