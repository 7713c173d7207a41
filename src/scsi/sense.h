/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sense data: one named setter for each condition. A setter makes the status CHECK CONDITION and
 * writes the sense data into the task, in descriptor format when the LU's D_SENSE asks for it, else
 * in fixed format (SPC-4 4.5). The caller then ends the task with scsi_io_done().
 *
 * On the thread of the reactor; nothing here fails or keeps a pointer.
 */
#ifndef LUNAR_SCSI_SENSE_H
#define LUNAR_SCSI_SENSE_H

#include "scsi/io.h"

/* What sense data say, before they take a format. */
struct scsi_sense {
	uint8_t key;       /* enum scsi_sense_key */
	uint16_t asc_ascq; /* enum scsi_asc_ascq, or another */
	bool has_info;
	uint64_t info; /* INFORMATION: a LBA, an offset */
	bool has_specific;
	uint32_t specific; /* COMMAND-SPECIFIC INFORMATION */
	uint8_t sks[3]; /* sense key specific; bit 7 of the first byte (SKSV): they mean something
			 */
};

#define SCSI_SENSE_FIXED 18 /* bytes of fixed format sense data */

/*
 * Writes them with response code 70h or, `descriptor`, 72h and returns the length. Fixed format has
 * 32 bits for INFORMATION: a larger value is left out, VALID is zero (SPC-4 4.5.3).
 */
uint8_t scsi_sense_format(const struct scsi_sense *s, bool descriptor, uint8_t out[SCSI_SENSE_MAX]);

/* CHECK CONDITION with these sense data. */
void scsi_sense_set(struct scsi_io *io, const struct scsi_sense *s);
/* ... with a key and a code alone. */
void scsi_sense_code(struct scsi_io *io, uint8_t key, uint16_t asc_ascq);

/*
 * ILLEGAL REQUEST. `byte` is the offset of the wrong field's first byte in the CDB or parameter
 * list, `bit` the number of its most significant bit within that byte, or -1 when the whole byte is
 * meant (SPC-4 4.5.2.4.2).
 */
void scsi_sense_invalid_field_in_cdb(struct scsi_io *io, unsigned byte, int bit);
void scsi_sense_invalid_field_in_list(struct scsi_io *io, unsigned byte, int bit);
void scsi_sense_parameter_list_length(struct scsi_io *io);
void scsi_sense_invalid_opcode(struct scsi_io *io);
void scsi_sense_lun_not_supported(struct scsi_io *io);
/* `lba`: the first address that does not exist (SBC-3 4.18.1: optional, in INFORMATION). */
void scsi_sense_lba_out_of_range(struct scsi_io *io, uint64_t lba);
void scsi_sense_saving_not_supported(struct scsi_io *io);

/* NOT READY: stopped by START STOP UNIT; the backing device has gone. */
void scsi_sense_stopped(struct scsi_io *io);
void scsi_sense_missing(struct scsi_io *io);

/* MEDIUM ERROR at `lba`. */
void scsi_sense_read_error(struct scsi_io *io, uint64_t lba);
void scsi_sense_write_error(struct scsi_io *io, uint64_t lba);

/* MISCOMPARE; `offset` of the first byte of the Data-Out that differs (SBC-3 5.2). */
void scsi_sense_miscompare(struct scsi_io *io, uint64_t offset);

/* DATA PROTECT: a read-only store; SWP in the Control mode page; the store is full. */
void scsi_sense_write_protected(struct scsi_io *io);
void scsi_sense_software_write_protected(struct scsi_io *io);
void scsi_sense_space_allocation_failed(struct scsi_io *io);

/* ABORTED COMMAND: the transport lost data; no memory for the task now. */
void scsi_sense_data_phase_error(struct scsi_io *io);
void scsi_sense_no_resources(struct scsi_io *io);

void scsi_sense_unit_attention(struct scsi_io *io, uint16_t asc_ascq);

#endif
