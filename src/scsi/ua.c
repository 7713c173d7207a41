/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit attention conditions (SAM-5 5.14), a short queue for each I_T_L nexus. A nexus that has not
 * talked to the LU yet has no queue and needs none: POWER ON waits for it in any case.
 */
#include <string.h>
#include "scsi/lu_priv.h"

/* POWER ON, RESET, OR BUS DEVICE RESET OCCURRED says "look at everything again". */
#define ANY_RESET SCSI_ASC_RESET

/* SAM-5 table 46: resets first, POWER ON ahead of them all; the rest in order of arrival. */
static unsigned precedence(uint16_t asc_ascq)
{
	return asc_ascq >> 8 == 0x29 ? asc_ascq & 0xff : 0x100;
}

/* What has not been told yet because POWER ON was not, is told with it; but REPORT LUNS can be used
 * before, so a change of the inventory must be told after it. */
static bool told_by_reset(uint16_t asc_ascq)
{
	return asc_ascq != SCSI_ASC_LUNS_CHANGED;
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
		if (itl->ua[i] == asc_ascq)
			return;
		if (itl->ua[i] == ANY_RESET && told_by_reset(asc_ascq))
			return;
	}
	/* What does not fit is as good as forgotten: say so. */
	if (itl->ua_count == SCSI_UA_MAX)
		asc_ascq = ANY_RESET;
	if (asc_ascq == ANY_RESET)
		for (unsigned i = itl->ua_count; i-- > 0;)
			if (told_by_reset(itl->ua[i]))
				drop(itl, i);
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

uint16_t scsi_ua_take(struct scsi_itl *itl)
{
	uint16_t asc_ascq;

	if (!itl || itl->ua_count == 0)
		return 0;
	asc_ascq = itl->ua[0];
	drop(itl, 0);
	/* It is of the device, not of the LU: told once is enough (SPC-4 6.33.1). */
	if (asc_ascq == SCSI_ASC_LUNS_CHANGED)
		scsi_ua_clear(itl->nexus, asc_ascq);
	return asc_ascq;
}

void scsi_ua_clear(struct scsi_nexus *nexus, uint16_t asc_ascq)
{
	for (size_t lun = 0; lun < nexus->itl_count; lun++) {
		struct scsi_itl *itl = nexus->itls[lun];

		for (unsigned i = itl ? itl->ua_count : 0; i-- > 0;)
			if (itl->ua[i] == asc_ascq)
				drop(itl, i);
	}
}
