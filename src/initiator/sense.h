/* SPDX-License-Identifier: BSD-2-Clause */
/* Sense data as they came, in either format (SPC-4 4.5). */
#ifndef LUNAR_INITIATOR_SENSE_H
#define LUNAR_INITIATOR_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "scsi/sam.h"

struct ini_sense {
	uint8_t key;       /* enum scsi_sense_key */
	uint16_t asc_ascq; /* enum scsi_asc_ascq, or another */
	bool deferred;     /* of an earlier command */
	bool has_info;
	uint64_t info;
};

/* False, and all zero: no sense data, or of no format that is known. */
bool ini_sense_read(struct ini_sense *out, const uint8_t *sense, size_t len);

#endif
