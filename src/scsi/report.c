/* SPDX-License-Identifier: BSD-2-Clause */
/* What a LU and its device tell of themselves: REPORT ..., REQUEST SENSE, READ CAPACITY. */
#include <string.h>
#include "common/cleanup.h"
#include "common/endian.h"
#include "scsi/lu_priv.h"
#include "scsi/sense.h"

/* --- REPORT LUNS (SPC-4 6.33) */

enum select_report { LUNS_ADDRESSABLE = 0x00, LUNS_WELL_KNOWN = 0x01, LUNS_ALL = 0x02 };

void scsi_cmd_report_luns(struct scsi_io *io)
{
	const struct scsi_map *map = io->nexus->map;
	const struct scsi_mapping *m;
	uint8_t select = io->cdb[2];
	size_t n = scsi_map_count(map), room = (io->buf_len - 8) / 8;
	unsigned lun = 0;

	if (select > LUNS_ALL) {
		scsi_sense_invalid_field_in_cdb(io, 2, -1);
		scsi_io_done(io);
		return;
	}
	if (select == LUNS_WELL_KNOWN) /* there is none */
		n = 0;
	else if (n == 0) /* then LUN 0, for INQUIRY and this command (SAM-5 4.7.4) */
		n = 1;
	put_be32(io->data, (uint32_t)(n * 8));
	/* The inventory may have grown since the buffer was measured: the length tells. */
	n = MIN(n, room);
	for (size_t i = 0; i < n && (m = scsi_map_next(map, lun)); i++, lun = m->lun + 1u)
		scsi_lun_encode(io->data + 8 + 8 * i, m->lun);
	/* Now the initiator knows (SPC-4 6.33.1). */
	if (select != LUNS_WELL_KNOWN)
		scsi_ua_luns_told(io);
	scsi_reply(io, 8 + 8 * n);
}

/* --- REPORT SUPPORTED OPERATION CODES (SPC-4 6.35) */

enum reporting_options { ALL_COMMANDS, BY_OPCODE, BY_OPCODE_AND_ACTION, BY_ANY_NAME };
enum support { NOT_SUPPORTED = 0x1, SUPPORTED = 0x3 };

#define TIMEOUTS_LEN 12

/* Command timeouts descriptor (SPC-4 6.35.4): zeroes, no timeout is named. */
static size_t put_timeouts(uint8_t *d)
{
	put_be16(d, TIMEOUTS_LEN - 2);
	return TIMEOUTS_LEN;
}

/* SPC-4 6.35.2 */
static void report_all_commands(struct scsi_io *io, bool timeouts)
{
	size_t len = 4, one = 8 + (timeouts ? TIMEOUTS_LEN : 0), all = 0;

	for (const struct scsi_command *c = scsi_command_next(NULL); c; c = scsi_command_next(c)) {
		uint8_t *d = io->data + len;

		if (!scsi_command_offered(c, io->lu))
			continue;
		all += one;
		if (len + one > io->buf_len)
			continue;
		d[0] = c->opcode;
		if (c->action >= 0)
			put_be16(d + 2, (uint16_t)c->action);
		d[5] = (timeouts ? 0x02 : 0) | (c->action >= 0 ? 0x01 : 0); /* CTDP, SERVACTV */
		put_be16(d + 6, c->cdb_len);
		if (timeouts)
			put_timeouts(d + 8);
		len += one;
	}
	put_be32(io->data, (uint32_t)all);
	scsi_reply(io, len);
}

/* SPC-4 6.35.3; `c` is NULL when there is no such command. */
static void report_one_command(struct scsi_io *io, const struct scsi_command *c, bool timeouts)
{
	uint8_t *d = io->data;
	size_t len = 4;

	if (!c) {
		d[1] = NOT_SUPPORTED;
		scsi_reply(io, len);
		return;
	}
	d[1] = SUPPORTED | (timeouts ? 0x80 : 0); /* CTDP */
	put_be16(d + 2, c->cdb_len);
	for (unsigned i = 0; i < MIN(c->cdb_len, sizeof(c->usage)); i++)
		d[4 + i] = scsi_command_usage(c, i, scsi_lu_features(io->lu));
	len += c->cdb_len;
	if (timeouts)
		len += put_timeouts(d + len);
	scsi_reply(io, len);
}

void scsi_cmd_report_opcodes(struct scsi_io *io)
{
	bool timeouts = io->cdb[2] & 0x80, has_actions; /* RCTD */
	uint8_t options = io->cdb[2] & 0x07, opcode = io->cdb[3];
	unsigned action = get_be16(io->cdb + 4);
	const struct scsi_command *c;

	if (options == ALL_COMMANDS) {
		report_all_commands(io, timeouts);
		return;
	}
	c = scsi_command_find(opcode, action, &has_actions);
	/* The option must fit the opcode, except with option 3, which takes either kind. */
	if (options > BY_ANY_NAME || (options == BY_OPCODE && has_actions) ||
	    (options == BY_OPCODE_AND_ACTION && c && !has_actions)) {
		scsi_sense_invalid_field_in_cdb(io, 2, 2);
		scsi_io_done(io);
		return;
	}
	if (options == BY_ANY_NAME && !has_actions && action != 0)
		c = NULL;
	if (c && !scsi_command_offered(c, io->lu))
		c = NULL;
	report_one_command(io, c, timeouts);
}

/* --- REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4 6.36) */

void scsi_cmd_report_tmf(struct scsi_io *io)
{
	bool extended = io->cdb[2] & 0x80; /* REPD: with timeouts, of which none is named */

	io->data[0] = 0xda; /* ATS, ATSS, CTSS, LURS, TRS */
	if (extended)
		io->data[3] = 16 - 4;
	scsi_reply(io, extended ? 16 : 4);
}

/* --- REQUEST SENSE (SPC-4 6.39) */

/* What there is to say: a unit attention, which is told thereby, else the LU's state. */
static struct scsi_sense pending_sense(struct scsi_io *io)
{
	struct scsi_sense s = {.key = SCSI_KEY_NO_SENSE};
	uint16_t ua;

	if (!io->lu) {
		s.key = SCSI_KEY_ILLEGAL_REQUEST;
		s.asc_ascq = SCSI_ASC_LUN_NOT_SUPPORTED;
		return s;
	}
	ua = scsi_ua_take(io);
	if (ua) {
		s.key = SCSI_KEY_UNIT_ATTENTION;
		s.asc_ascq = ua;
	} else if (io->lu->bs->missing) {
		s.key = SCSI_KEY_NOT_READY;
		s.asc_ascq = SCSI_ASC_NOT_READY;
	} else if (io->lu->stopped) {
		s.key = SCSI_KEY_NOT_READY;
		s.asc_ascq = SCSI_ASC_INIT_COMMAND_REQUIRED;
	} else {
		s.asc_ascq = scsi_lu_exception(io->lu); /* MRIE 6: only here */
	}
	return s;
}

void scsi_cmd_request_sense(struct scsi_io *io)
{
	bool descriptor = io->cdb[1] & 0x01; /* DESC */
	struct scsi_sense s = pending_sense(io);
	uint8_t d[SCSI_SENSE_MAX];
	uint8_t len = scsi_sense_format(&s, descriptor, d);

	memcpy(io->data, d, len);
	scsi_reply(io, len);
}

/* --- READ CAPACITY (SBC-3 5.15, 5.16) */

void scsi_cmd_read_capacity10(struct scsi_io *io)
{
	put_be32(io->data, (uint32_t)MIN(io->lu->blocks - 1, (uint64_t)UINT32_MAX));
	put_be32(io->data + 4, io->lu->block_size);
	scsi_reply(io, 8);
}

/* Logical blocks per physical block, as a power of two. */
static uint8_t physical_exponent(const struct scsi_lu *lu)
{
	uint32_t grain = lu->bs->block_size >> lu->block_shift;

	return grain > 1 ? (uint8_t)(31 - __builtin_clz(grain)) : 0;
}

void scsi_cmd_read_capacity16(struct scsi_io *io)
{
	uint8_t *d = io->data;

	put_be64(d, io->lu->blocks - 1);
	put_be32(d + 8, io->lu->block_size);
	d[13] = physical_exponent(io->lu);
	d[14] = scsi_lu_thin(io->lu) ? 0xc0 : 0; /* LBPME, LBPRZ */
	scsi_reply(io, 32);
}
