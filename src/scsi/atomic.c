/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that read and write as if nobody else were there: each has its range for itself (fence.h's part of
 * lu_priv.h) from before it reads until it ends. What others see is what was before, or all that it wrote.
 */
#include <string.h>
#include "scsi/lu_priv.h"

/* --- COMPARE AND WRITE (SBC-3 5.2) */

static uint8_t *medium(const struct scsi_io *io)
{
	return io->data + scsi_second_buffer(io);
}

static void compare_written(struct scsi_io *io, int err)
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
	scsi_store(io, BS_WRITE, scsi_io_fua(io), io->lba, io->blocks, medium(io), compare_written);
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
