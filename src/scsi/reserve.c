/* SPDX-License-Identifier: BSD-2-Clause */
/* RESERVE and RELEASE (SPC-2 7.21, 7.16): the whole LU for one I_T nexus, until it lets go. */
#include "common/cleanup.h"
#include "scsi/lu_priv.h"

/* Commands that take nothing from the holder in one of their forms (SPC-2 table 10, SBC-2 table 2):
 * when byte 4 of the CDB, under the mask, has this value. */
static const struct {
	uint8_t opcode, mask, value;
} harmless[] = {
	{0x1b, 0xf1, 0x01}, /* START STOP UNIT: START, no power condition */
	{0x1e, 0x03, 0x00}, /* PREVENT ALLOW MEDIUM REMOVAL: allow */
};

static bool is_harmless(const struct scsi_io *io)
{
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (io->cdb[0] == harmless[i].opcode)
			return (io->cdb[4] & harmless[i].mask) == harmless[i].value;
	return io->cmd->flags & SCSI_CMD_RESERVED_OK;
}

bool scsi_reserve_conflict(const struct scsi_io *io)
{
	return io->lu->reserved_by != io->nexus && !is_harmless(io);
}

void scsi_reserve_nexus_lost(struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	if (lu->reserved_by == nexus)
		lu->reserved_by = NULL;
}

void scsi_reserve_reset(struct scsi_lu *lu)
{
	lu->reserved_by = NULL;
}

void scsi_cmd_reserve(struct scsi_io *io)
{
	io->lu->reserved_by = io->nexus;
	scsi_good(io);
}

/* Not the holder's: GOOD, and nothing happens. */
void scsi_cmd_release(struct scsi_io *io)
{
	scsi_reserve_nexus_lost(io->lu, io->nexus);
	scsi_good(io);
}
