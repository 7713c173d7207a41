/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that read and write as if nobody else were there: each has its range for itself (fence.h's part of
 * lu_priv.h) from before it reads until it ends. What others see is what was before, or all that it wrote.
 */
#include <string.h>
#include "common/cleanup.h"
#include "scsi/lu_priv.h"

/* --- COMPARE AND WRITE (SBC-3 5.2) */

static uint8_t *medium(const struct scsi_io *io)
{
	return io->data + scsi_second_buffer(io);
}

static void written(struct scsi_io *io, int err)
{
	if (err)
		scsi_store_error(io, err, io->lba);
	else
		scsi_written(io);
}

/* The first half of the Data-Out is compared, the second one is written. */
static void compare(struct scsi_io *io, int err)
{
	size_t len = io->out_len / 2, at;

	if (err) {
		scsi_store_error(io, err, io->lba);
		return;
	}
	at = scsi_first_difference(io->data, medium(io), len);
	if (at < len) {
		scsi_sense_miscompare(io, at);
		scsi_io_done(io);
		return;
	}
	/* From where the alignment is that a store may need. */
	memcpy(medium(io), io->data + len, len);
	scsi_store(io, BS_WRITE, scsi_io_fua(io), io->lba, io->blocks, medium(io), written);
}

static void compare_taken(struct scsi_io *io, int err)
{
	scsi_store(io, BS_READ, false, io->lba, io->blocks, medium(io), compare);
}

static void compare_moved(struct scsi_io *io, int err)
{
	if (io->out_got < io->out_len) {
		/* Nothing to be written, or not all that is to be compared. */
		scsi_sense_data_phase_error(io);
		scsi_io_done(io);
		return;
	}
	scsi_range_take(io, compare_taken);
}

void scsi_cmd_compare_and_write(struct scsi_io *io)
{
	/* Of others the residual says that it was more or less; here each half would be in the wrong place. */
	if (io->blocks > scsi_lu_compare_max(io->lu) || io->expected_out != io->out_len) {
		scsi_sense_invalid_field_in_cdb(io, io->cmd->length_at, -1);
		scsi_io_done(io);
	} else if (io->blocks == 0) {
		scsi_good(io);
	} else {
		scsi_move(io, compare_moved);
	}
}

/* --- ORWRITE (SBC-3 5.9) */

static void or_step(struct scsi_io *io);

static void or_read(struct scsi_io *io, int err)
{
	size_t len = (size_t)io->bs.length;
	uint8_t *to = io->data + (io->at << io->lu->block_shift);
	const uint8_t *there = medium(io);

	if (err) {
		scsi_store_error(io, err, io->lba + io->at);
		return;
	}
	for (size_t i = 0; i < len; i++)
		to[i] |= there[i];
	io->at += io->bs.length >> io->lu->block_shift;
	or_step(io);
}

/* Reads the next part, or writes all of them. */
static void or_step(struct scsi_io *io)
{
	uint64_t step = SCSI_STEP_MAX >> io->lu->block_shift;

	if (io->at == io->blocks)
		scsi_store(io, BS_WRITE, scsi_io_fua(io), io->lba, io->blocks, io->data, written);
	else
		scsi_store(io, BS_READ, false, io->lba + io->at, MIN(step, io->blocks - io->at),
			   medium(io), or_read);
}

static void or_taken(struct scsi_io *io, int err)
{
	or_step(io);
}

/* Of what came short the whole blocks, as with a WRITE. */
static void or_moved(struct scsi_io *io, int err)
{
	io->blocks = MIN(io->blocks, (uint64_t)io->out_got >> io->lu->block_shift);
	if (io->blocks == 0)
		scsi_good(io);
	else
		scsi_range_take(io, or_taken);
}

void scsi_cmd_orwrite(struct scsi_io *io)
{
	scsi_move(io, or_moved);
}

/* --- WRITE ATOMIC (SBC-4 4.29, 5.50) */

static void atomic_taken(struct scsi_io *io, int err)
{
	scsi_store(io, BS_WRITE, scsi_io_fua(io), io->lba, io->blocks, io->data, written);
}

static void atomic_moved(struct scsi_io *io, int err)
{
	if (io->out_got < io->out_len) { /* all, or nothing */
		scsi_sense_data_phase_error(io);
		scsi_io_done(io);
		return;
	}
	scsi_range_take(io, atomic_taken);
}

void scsi_cmd_write_atomic(struct scsi_io *io)
{
	if (io->blocks == 0)
		scsi_good(io);
	else
		scsi_move(io, atomic_moved);
}
