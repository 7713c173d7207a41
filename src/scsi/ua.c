/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit attention conditions (SAM-5 5.14), a short queue for each I_T_L nexus. A nexus that has not
 * talked to the LU yet has no queue and needs none: POWER ON waits for it in any case.
 */
#include <string.h>
#include "common/cleanup.h"
#include "scsi/gate.h"

/* POWER ON, RESET, OR BUS DEVICE RESET OCCURRED says "look at everything again". */
#define ANY_RESET SCSI_ASC_RESET

/* SAM-5 table 46: resets first, POWER ON ahead of them all; the rest in order of arrival. */
static unsigned precedence(uint16_t asc_ascq)
{
	return asc_ascq >> 8 == 0x29 ? asc_ascq & 0xff : 0x100;
}

static void drop(struct scsi_itl *itl, unsigned i)
{
	itl->ua_count--;
	memmove(itl->ua + i, itl->ua + i + 1, (itl->ua_count - i) * sizeof(itl->ua[0]));
}

static void insert(struct scsi_itl *itl, uint16_t asc_ascq)
{
	unsigned i = 0;

	while (i < itl->ua_count && precedence(itl->ua[i]) <= precedence(asc_ascq))
		i++;
	memmove(itl->ua + i + 1, itl->ua + i, (itl->ua_count - i) * sizeof(itl->ua[0]));
	itl->ua[i] = asc_ascq;
	itl->ua_count++;
}

void scsi_ua_add(struct scsi_itl *itl, uint16_t asc_ascq)
{
	for (unsigned i = 0; i < itl->ua_count; i++) {
		if (itl->ua[i] == asc_ascq || itl->ua[i] == ANY_RESET)
			return;
	}
	/* What does not fit is as good as forgotten: say so. */
	if (itl->ua_count == SCSI_UA_MAX)
		asc_ascq = ANY_RESET;
	if (asc_ascq == ANY_RESET)
		itl->ua_count = 0;
	insert(itl, asc_ascq);
}

void scsi_ua_add_lu(struct scsi_lu *lu, const struct scsi_itl *except, uint16_t asc_ascq)
{
	list_for_each (it, &lu->itls) {
		struct scsi_itl *itl = list_entry(it, struct scsi_itl, of_lu);

		if (!except || itl->nexus != except->nexus)
			scsi_ua_add(itl, asc_ascq);
	}
}

void scsi_ua_luns_told(struct scsi_io *io)
{
	/* Told once is enough (SPC-4 6.33.1). */
	io->nexus->luns_changed = false;
	io->tells = scsi_map_generation(io->nexus->map);
}

uint32_t scsi_itl_news(const struct scsi_itl *itl)
{
	return scsi_is_outdated(itl->nexus->first_heard, itl->since) ? itl->since : 0;
}

uint16_t scsi_ua_take(struct scsi_io *io)
{
	struct scsi_itl *itl = io->itl;
	uint16_t asc_ascq = 0;

	if (!itl)
		return 0;
	if (itl->ua_count) {
		asc_ascq = itl->ua[0];
		drop(itl, 0);
	} else if (itl->nexus->luns_changed) {
		/* Not by a reset that is told before: REPORT LUNS can be used without hearing of that. */
		scsi_ua_luns_told(io);
		asc_ascq = SCSI_ASC_LUNS_CHANGED;
	}
	return asc_ascq;
}

uint16_t scsi_ua_report(struct scsi_io *io)
{
	const struct scsi_itl *itl = io->itl;

	if (!scsi_mode_ua_interlock(&itl->lu->mode))
		return scsi_ua_take(io);
	return itl->ua_count ? itl->ua[0] : SCSI_ASC_LUNS_CHANGED;
}

static const struct {
	uint8_t status;
	uint16_t asc_ascq;
} previous[] = {
	{SCSI_BUSY, SCSI_ASC_PREVIOUS_BUSY},
	{SCSI_TASK_SET_FULL, SCSI_ASC_PREVIOUS_TASK_SET_FULL},
	{SCSI_RESERVATION_CONFLICT, SCSI_ASC_PREVIOUS_CONFLICT},
};

static bool is_previous(uint16_t asc_ascq)
{
	for (size_t i = 0; i < ARRAY_SIZE(previous); i++)
		if (previous[i].asc_ascq == asc_ascq)
			return true;
	return false;
}

/* UA_INTLCK_CTRL 11b: one for all such statuses, until a REQUEST SENSE has told it (SPC-4 7.5.8). */
void scsi_ua_of_status(struct scsi_io *io)
{
	struct scsi_itl *itl = io->itl;

	if (scsi_mode_ua_interlock(&itl->lu->mode) != 3)
		return;
	for (unsigned i = 0; i < itl->ua_count; i++)
		if (is_previous(itl->ua[i]))
			return;
	for (size_t i = 0; i < ARRAY_SIZE(previous); i++) {
		if (previous[i].status != io->status)
			continue;
		scsi_ua_add(itl, previous[i].asc_ascq);
		/* Who passes would not hear of it. */
		scsi_gate_close(itl->lu);
	}
}
