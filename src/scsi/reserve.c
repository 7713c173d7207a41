/* SPDX-License-Identifier: BSD-2-Clause */
/* RESERVE and RELEASE (SPC-2 7.21, 7.16): the whole LU for one I_T nexus, until it lets go. */
#include "scsi/lu_priv.h"

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
	if (scsi_pr_answers_reserve(io))
		return;
	io->lu->reserved_by = io->nexus;
	scsi_good(io);
}

/* Not the holder's: GOOD, and nothing happens. */
void scsi_cmd_release(struct scsi_io *io)
{
	if (scsi_pr_answers_reserve(io))
		return;
	scsi_reserve_nexus_lost(io->lu, io->nexus);
	scsi_good(io);
}
