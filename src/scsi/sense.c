/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/sense.h"

#include <string.h>
#include "common/endian.h"
#include "scsi/lu_priv.h"
#include "scsi/mode.h"

#define SKSV    0x80
#define SKS_CD  0x40 /* the pointer points into the CDB, not into the parameter list */
#define SKS_BPV 0x08

/* SPC-4 4.5.3 */
static uint8_t format_fixed(const struct scsi_sense *s, uint8_t *out)
{
	bool valid = s->has_info && s->info <= UINT32_MAX;

	out[0] = valid ? 0xf0 : 0x70;
	out[2] = s->key;
	if (valid)
		put_be32(out + 3, (uint32_t)s->info);
	out[7] = SCSI_SENSE_FIXED - 8;
	put_be32(out + 8, s->has_specific ? s->specific : 0);
	put_be16(out + 12, s->asc_ascq);
	if (s->sks[0] & SKSV)
		memcpy(out + 15, s->sks, sizeof(s->sks));
	return SCSI_SENSE_FIXED;
}

/* SPC-4 4.5.2: a header of 8 bytes, then descriptors. */
static uint8_t format_descriptor(const struct scsi_sense *s, uint8_t *out)
{
	uint8_t len = 8;

	out[0] = 0x72;
	out[1] = s->key;
	put_be16(out + 2, s->asc_ascq);
	if (s->has_info) {
		uint8_t *d = out + len;

		d[0] = 0x00;
		d[1] = 0x0a;
		d[2] = 0x80; /* VALID */
		put_be64(d + 4, s->info);
		len += 12;
	}
	if (s->has_specific) {
		uint8_t *d = out + len;

		d[0] = 0x01;
		d[1] = 0x0a;
		put_be64(d + 4, s->specific);
		len += 12;
	}
	if (s->sks[0] & SKSV) {
		uint8_t *d = out + len;

		d[0] = 0x02;
		d[1] = 0x06;
		memcpy(d + 4, s->sks, sizeof(s->sks));
		len += 8;
	}
	out[7] = len - 8;
	return len;
}

uint8_t scsi_sense_format(const struct scsi_sense *s, bool descriptor, uint8_t out[SCSI_SENSE_MAX])
{
	memset(out, 0, SCSI_SENSE_MAX);
	return descriptor ? format_descriptor(s, out) : format_fixed(s, out);
}

void scsi_sense_set(struct scsi_io *io, const struct scsi_sense *s)
{
	/* Without an ITL it is being decoded away, where the mode page is not for us to read. */
	bool home = !io->away || io->itl;
	bool descriptor = io->lu && home && scsi_mode_d_sense(&io->lu->mode);

	io->status = SCSI_CHECK_CONDITION;
	io->sense_len = scsi_sense_format(s, descriptor, io->sense);
	io->in_len = 0;
}

void scsi_sense_code(struct scsi_io *io, uint8_t key, uint16_t asc_ascq)
{
	struct scsi_sense s = {.key = key, .asc_ascq = asc_ascq};

	scsi_sense_set(io, &s);
}

static void sense_info(struct scsi_io *io, uint8_t key, uint16_t asc_ascq, uint64_t info)
{
	struct scsi_sense s = {.key = key, .asc_ascq = asc_ascq, .has_info = true, .info = info};

	scsi_sense_set(io, &s);
}

static void field_pointer(struct scsi_io *io, uint16_t asc_ascq, uint8_t cd, unsigned byte, int bit)
{
	struct scsi_sense s = {.key = SCSI_KEY_ILLEGAL_REQUEST, .asc_ascq = asc_ascq};

	s.sks[0] = SKSV | cd;
	if (bit >= 0)
		s.sks[0] |= SKS_BPV | (bit & 7);
	put_be16(s.sks + 1, (uint16_t)byte);
	scsi_sense_set(io, &s);
}

void scsi_sense_invalid_field_in_cdb(struct scsi_io *io, unsigned byte, int bit)
{
	field_pointer(io, SCSI_ASC_INVALID_FIELD_IN_CDB, SKS_CD, byte, bit);
}

void scsi_sense_invalid_field_in_list(struct scsi_io *io, unsigned byte, int bit)
{
	field_pointer(io, SCSI_ASC_INVALID_FIELD_IN_LIST, 0, byte, bit);
}

void scsi_sense_parameter_list_length(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_PARAMETER_LIST_LENGTH);
}

void scsi_sense_invalid_opcode(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_INVALID_OPCODE);
}

void scsi_sense_lun_not_supported(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_LUN_NOT_SUPPORTED);
}

void scsi_sense_lba_out_of_range(struct scsi_io *io, uint64_t lba)
{
	sense_info(io, SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_LBA_OUT_OF_RANGE, lba);
}

void scsi_sense_saving_not_supported(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_SAVING_NOT_SUPPORTED);
}

void scsi_sense_stopped(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_NOT_READY, SCSI_ASC_INIT_COMMAND_REQUIRED);
}

void scsi_sense_missing(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_NOT_READY, SCSI_ASC_NOT_READY);
}

void scsi_sense_read_error(struct scsi_io *io, uint64_t lba)
{
	sense_info(io, SCSI_KEY_MEDIUM_ERROR, SCSI_ASC_READ_ERROR, lba);
}

void scsi_sense_write_error(struct scsi_io *io, uint64_t lba)
{
	sense_info(io, SCSI_KEY_MEDIUM_ERROR, SCSI_ASC_WRITE_ERROR, lba);
}

void scsi_sense_miscompare(struct scsi_io *io, uint64_t offset)
{
	sense_info(io, SCSI_KEY_MISCOMPARE, SCSI_ASC_MISCOMPARE, offset);
}

void scsi_sense_write_protected(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_DATA_PROTECT, SCSI_ASC_WRITE_PROTECTED);
}

void scsi_sense_software_write_protected(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_DATA_PROTECT, SCSI_ASC_SOFTWARE_WRITE_PROTECTED);
}

void scsi_sense_space_allocation_failed(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_DATA_PROTECT, SCSI_ASC_SPACE_ALLOCATION_FAILED);
}

void scsi_sense_data_phase_error(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_ABORTED_COMMAND, SCSI_ASC_DATA_PHASE);
}

void scsi_sense_no_resources(struct scsi_io *io)
{
	scsi_sense_code(io, SCSI_KEY_ABORTED_COMMAND, SCSI_ASC_SYSTEM_RESOURCE);
}

void scsi_sense_unit_attention(struct scsi_io *io, uint16_t asc_ascq)
{
	scsi_sense_code(io, SCSI_KEY_UNIT_ATTENTION, asc_ascq);
}
