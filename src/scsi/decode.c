/* SPDX-License-Identifier: BSD-2-Clause */
/* From a CDB to a row of the command table and lengths. Of a LU only what it is is looked at. */
#include <errno.h>
#include "common/cleanup.h"
#include "scsi/lu_priv.h"

#define SCSI_ASC_INVALID_MESSAGE 0x4900

/* --- lengths */

static uint64_t get_field(const uint8_t *p, unsigned bytes)
{
	switch (bytes) {
	case 0: return 0;
	case 1: return p[0];
	case 2: return get_be16(p);
	case 4: return get_be32(p);
	default: return get_be64(p);
	}
}

static uint64_t length_field(const struct scsi_io *io)
{
	return get_field(io->cdb + io->cmd->length_at, io->cmd->length_size);
}

/* The field says more than we take. */
static bool length_refused(struct scsi_io *io)
{
	scsi_sense_invalid_field_in_cdb(io, io->cmd->length_at, -1);
	return false;
}

bool scsi_lengths_reply(struct scsi_io *io)
{
	io->alloc_len = io->cmd->length_size ? (uint32_t)length_field(io) : SCSI_REPLY_MAX;
	io->buf_len = SCSI_REPLY_MAX;
	return true;
}

bool scsi_lengths_report_luns(struct scsi_io *io)
{
	io->alloc_len = (uint32_t)length_field(io);
	io->buf_len = 8 + 8 * (uint32_t)MAX(scsi_map_count(io->nexus->map), (size_t)1);
	return true;
}

/* The field has at most 16 bits, so nobody asks for much. */
bool scsi_lengths_list(struct scsi_io *io)
{
	io->out_len = io->buf_len = (uint32_t)length_field(io);
	return true;
}

bool scsi_lengths_range(struct scsi_io *io)
{
	const uint8_t *cdb = io->cdb;

	io->blocks = length_field(io);
	switch (io->cmd->cdb_len) {
	case 6:
		io->lba = get_be24(cdb + 1) & 0x1fffff;
		if (io->blocks == 0)
			io->blocks = 256;
		break;
	case 16: io->lba = get_be64(cdb + 2); break;
	default: io->lba = get_be32(cdb + 2);
	}
	return true;
}

/* Bytes of the range, which is at most 2^32 blocks. */
static uint64_t range_bytes(const struct scsi_io *io)
{
	return io->blocks << io->lu->block_shift;
}

static uint32_t step_bytes(const struct scsi_io *io)
{
	return (uint32_t)MIN(range_bytes(io), SCSI_STEP_MAX);
}

bool scsi_lengths_read(struct scsi_io *io)
{
	scsi_lengths_range(io);
	if (range_bytes(io) > SCSI_TRANSFER_MAX)
		return length_refused(io);
	io->buf_len = (uint32_t)range_bytes(io);
	return true;
}

bool scsi_lengths_write(struct scsi_io *io)
{
	if (!scsi_lengths_read(io))
		return false;
	io->out_len = io->buf_len;
	return true;
}

/* What is compared, and what is written if that was there (SBC-3 5.2); and the medium. */
bool scsi_lengths_compare(struct scsi_io *io)
{
	scsi_lengths_range(io);
	if (io->blocks > scsi_lu_compare_max(io->lu))
		return length_refused(io);
	io->out_len = 2 * (uint32_t)range_bytes(io);
	io->buf_len = scsi_second_buffer(io) + io->out_len / 2;
	return true;
}

/* No boundary is offered: LBA and length alone (SBC-4 5.50). */
bool scsi_lengths_write_atomic(struct scsi_io *io)
{
	uint32_t unit = scsi_lu_atomic_unit(io->lu);

	scsi_lengths_range(io);
	if (io->blocks > scsi_lu_atomic_max(io->lu) || io->blocks % unit)
		return length_refused(io);
	if (io->lba % unit) {
		scsi_sense_invalid_field_in_cdb(io, 2, -1);
		return false;
	}
	io->out_len = io->buf_len = (uint32_t)range_bytes(io);
	return true;
}

bool scsi_lengths_write_verify(struct scsi_io *io)
{
	if (!scsi_lengths_write(io))
		return false;
	io->buf_len = scsi_second_buffer(io) + step_bytes(io);
	return true;
}

/* BYTCHK (SBC-3 table 147): 0 no data, 1 all of them, 3 one block to compare with each. */
bool scsi_lengths_verify(struct scsi_io *io)
{
	scsi_lengths_range(io);
	switch ((io->cdb[1] >> 1) & 3) {
	case 0: break;
	case 1:
		if (range_bytes(io) > SCSI_TRANSFER_MAX)
			return length_refused(io);
		io->out_len = (uint32_t)range_bytes(io);
		break;
	case 2: scsi_sense_invalid_field_in_cdb(io, 1, 2); return false;
	case 3: io->out_len = io->blocks ? io->lu->block_size : 0; break;
	}
	io->buf_len = scsi_second_buffer(io) + step_bytes(io);
	return true;
}

bool scsi_lengths_prefetch(struct scsi_io *io)
{
	scsi_lengths_range(io);
	io->buf_len = step_bytes(io);
	return true;
}

bool scsi_lengths_write_same(struct scsi_io *io)
{
	bool ndob = io->cmd->cdb_len == 16 && io->cdb[1] & 0x01;

	scsi_lengths_range(io);
	/* No number does not mean "to the end" here: WSNZ in VPD page B0h. */
	if (io->blocks == 0 || range_bytes(io) > SCSI_WRITE_SAME_MAX)
		return length_refused(io);
	io->out_len = ndob ? 0 : io->lu->block_size;
	io->buf_len = ndob ? 0 : step_bytes(io);
	return true;
}

/* --- decoding */

static void start_over(struct scsi_io *io)
{
	io->out_len = io->buf_len = 0;
	io->status = SCSI_GOOD;
	io->sense_len = 0;
	io->in_len = io->out_got = 0;
	io->may_lend = false;
	io->lent = NULL;
	io->aborted = false;
	io->tells = 0;
	io->cmd = NULL;
	io->lu = NULL;
	io->itl = NULL;
	list_init(&io->task);
	list_init(&io->wait);
	io->state = SCSI_IO_NEW;
	io->lba = io->blocks = io->at = 0;
	io->alloc_len = 0;
	io->write_through = io->alone = io->inner = io->counted = false;
	list_init(&io->range);
	io->wants_range = false;
	list_init(&io->entry.link);
	io->gate = io->grant = NULL;
}

/* What the LU keeps for the nexus is looked at at home only. */
static bool find_lu(struct scsi_io *io, bool home)
{
	uint16_t lun;
	int err = 0;

	/* Before the look: what changes in between is noticed then. */
	io->generation = scsi_map_generation(io->nexus->map);
	if (scsi_lun_decode(io->lun, &lun) < 0)
		return true;
	if (!home) {
		io->lu = scsi_map_find(io->nexus->map, lun, NULL);
		return true;
	}
	io->itl = scsi_nexus_itl(io->nexus, lun, &err);
	if (io->itl)
		io->lu = io->itl->lu;
	else if (err == -ENOMEM)
		io->status = SCSI_BUSY;
	return io->status == SCSI_GOOD;
}

static bool find_command(struct scsi_io *io)
{
	bool has_actions;
	const struct scsi_command *cmd =
		scsi_command_find(io->cdb[0], io->cdb[1] & 0x1f, &has_actions);

	if (!io->lu && !(cmd && cmd->flags & SCSI_CMD_NO_LUN_OK))
		scsi_sense_lun_not_supported(io);
	else if (!cmd && has_actions)
		scsi_sense_invalid_field_in_cdb(io, 1, 4);
	else if (!cmd || !scsi_command_offered(cmd, io->lu))
		scsi_sense_invalid_opcode(io);
	else if (cmd->cdb_len > io->cdb_len)
		scsi_sense_invalid_field_in_cdb(io, 0, -1);
	else
		io->cmd = cmd;
	return io->cmd;
}

/* The bits of byte `i` that are set and should not be. (The service action is what found the row.) */
static uint8_t unused_bits(const struct scsi_io *io, unsigned i, uint32_t features)
{
	return io->cdb[i] & (uint8_t)~scsi_command_usage(io->cmd, i, features);
}

static bool check_usage(struct scsi_io *io)
{
	uint32_t features = scsi_lu_features(io->lu);
	uint8_t bad = unused_bits(io, 1, features);

	for (unsigned i = 2; i < io->cmd->cdb_len; i++)
		bad |= io->cdb[i] & (uint8_t)~io->cmd->usage[i];
	if (!bad)
		return true;
	for (unsigned i = 1; i < io->cmd->cdb_len; i++) {
		bad = unused_bits(io, i, features);
		if (bad) {
			scsi_sense_invalid_field_in_cdb(io, i, 31 - __builtin_clz(bad));
			break;
		}
	}
	return false;
}

static void decode(struct scsi_io *io, bool home)
{
	start_over(io);
	if (!find_lu(io, home) || !find_command(io))
		return;
	if (check_usage(io) && (!io->cmd->lengths || io->cmd->lengths(io))) {
		if (io->attr != SCSI_ACA)
			return;
		/* SAM-5 8.9.5: there is no ACA condition that such a task could belong to. */
		scsi_sense_code(io, SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_INVALID_MESSAGE);
	}
	io->cmd = NULL;
	io->out_len = io->buf_len = 0;
}

void scsi_decode_home(struct scsi_io *io)
{
	decode(io, true);
}

/* Away, what is wrong with a CDB is found out once more at home, where the sense data can be told. */
void scsi_decode(struct scsi_io *io)
{
	io->home = io->nexus->home;
	io->away = io->nexus->away;
	io->up = io->down = io->stop = (struct mail){0};
	io->ahead = false;
	decode(io, !io->away);
}
