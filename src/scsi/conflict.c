/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which commands go through whose reservation (SPC-2 table 10, SPC-4 table 33, SBC-3 table 13). Whoever holds one
 * is let in with everything; for others a row says what is let through: what has none conflicts with each of
 * them.
 */
#include "common/cleanup.h"
#include "scsi/lu_priv.h"
#include "scsi/pr.h"

enum {
	RESERVE = 1,          /* RESERVE of another nexus */
	WRITE_EXCLUSIVE = 2,  /* a persistent reservation of which this nexus has no part */
	EXCLUSIVE_ACCESS = 4, /* likewise */
	PERSISTENT = WRITE_EXCLUSIVE | EXCLUSIVE_ACCESS,
	ANY = RESERVE | PERSISTENT,
};

#define PERSISTENT_RESERVE_IN  0x5e
#define PERSISTENT_RESERVE_OUT 0x5f

static const struct {
	uint8_t opcode;
	int8_t action;       /* -1: whatever it is */
	uint8_t mask, value; /* of byte 4 */
	uint8_t through;
} rows[] = {
	{0x00, -1, 0, 0, PERSISTENT},      /* TEST UNIT READY */
	{0x03, -1, 0, 0, ANY},             /* REQUEST SENSE */
	{0x08, -1, 0, 0, WRITE_EXCLUSIVE}, /* READ (6) */
	{0x12, -1, 0, 0, ANY},             /* INQUIRY */
	{0x16, -1, 0, 0, PERSISTENT},      /* RESERVE (6): scsi_pr_answers_reserve() */
	{0x17, -1, 0, 0, ANY}, /* RELEASE (6): likewise; of another's it takes nothing */
	{0x1a, -1, 0, 0, WRITE_EXCLUSIVE}, /* MODE SENSE (6) */
	{0x1b, -1, 0xf1, 0x01, ANY},       /* START STOP UNIT: START, no power condition */
	{0x1e, -1, 0x03, 0x00, ANY},       /* PREVENT ALLOW MEDIUM REMOVAL: allow */
	{0x25, -1, 0, 0, ANY},             /* READ CAPACITY (10) */
	{0x28, -1, 0, 0, WRITE_EXCLUSIVE}, /* READ (10) */
	{0x2f, -1, 0, 0, WRITE_EXCLUSIVE}, /* VERIFY (10) */
	{0x34, -1, 0, 0, WRITE_EXCLUSIVE}, /* PRE-FETCH (10) */
	{0x4d, -1, 0, 0, ANY},             /* LOG SENSE */
	{0x56, -1, 0, 0, PERSISTENT},      /* RESERVE (10) */
	{0x57, -1, 0, 0, ANY},             /* RELEASE (10) */
	{0x5a, -1, 0, 0, WRITE_EXCLUSIVE}, /* MODE SENSE (10) */
	{PERSISTENT_RESERVE_IN, -1, 0, 0, PERSISTENT},
	{PERSISTENT_RESERVE_OUT, -1, 0, 0, PERSISTENT}, /* each service action asks for a key */
	{0x84, -1, 0, 0, WRITE_EXCLUSIVE},              /* RECEIVE COPY ... */
	{0x88, -1, 0, 0, WRITE_EXCLUSIVE},              /* READ (16) */
	{0x8f, -1, 0, 0, WRITE_EXCLUSIVE},              /* VERIFY (16) */
	{0x90, -1, 0, 0, WRITE_EXCLUSIVE},              /* PRE-FETCH (16) */
	{0x9e, 0x10, 0, 0, ANY},                        /* READ CAPACITY (16) */
	{0x9e, 0x12, 0, 0, WRITE_EXCLUSIVE},            /* GET LBA STATUS */
	{0xa0, -1, 0, 0, ANY},                          /* REPORT LUNS */
	{0xa3, 0x0c, 0, 0, WRITE_EXCLUSIVE},            /* REPORT SUPPORTED OPERATION CODES */
	{0xa3, 0x0d, 0, 0, WRITE_EXCLUSIVE}, /* REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS */
	{0xa8, -1, 0, 0, WRITE_EXCLUSIVE},   /* READ (12) */
	{0xaf, -1, 0, 0, WRITE_EXCLUSIVE},   /* VERIFY (12) */
};

static uint8_t through(const struct scsi_io *io)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].opcode == io->cdb[0] &&
		    (rows[i].action < 0 || rows[i].action == io->cmd->action) &&
		    (io->cdb[4] & rows[i].mask) == rows[i].value)
			return rows[i].through;
	return 0;
}

/* While there is a RESERVE the two ways to reserve do not mix, not even for who holds it (SPC-2 5.5.1). */
static bool is_persistent(const struct scsi_io *io)
{
	return io->cdb[0] == PERSISTENT_RESERVE_IN || io->cdb[0] == PERSISTENT_RESERVE_OUT;
}

bool scsi_conflict(const struct scsi_io *io)
{
	static const uint8_t needed[] = {
		[PR_ACCESS_READ] = WRITE_EXCLUSIVE,
		[PR_ACCESS_NONE] = EXCLUSIVE_ACCESS,
	};
	const struct scsi_lu *lu = io->lu;
	enum pr_access access;

	if (lu->reserved_by && is_persistent(io))
		return true;
	if (lu->reserved_by && lu->reserved_by != io->nexus && !(through(io) & RESERVE))
		return true;
	access = scsi_pr_access(lu, io->nexus);
	return access != PR_ACCESS_ALL && !(through(io) & needed[access]);
}
