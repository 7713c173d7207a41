/* SPDX-License-Identifier: BSD-2-Clause */
/* Additional header segments of a SCSI Command (RFC 7143 11.2.2), read by one role and written by the
 * other. */
#ifndef LUNAR_ISCSI_AHS_H
#define LUNAR_ISCSI_AHS_H

#include <stdbool.h>
#include <stdint.h>
#include "iscsi/bhs.h"

#define ISCSI_CDB_LEN 16  /* of it, what the header itself has */
#define ISCSI_CDB_MAX 260 /* SPC-4: a variable length CDB */

struct iscsi_ahs {
	const uint8_t *cdb; /* the CDB from byte 16 on; NULL: it is no longer */
	uint32_t cdb_len;   /* bytes of that: 1 to ISCSI_CDB_MAX - ISCSI_CDB_LEN */
	bool bidi;
	uint32_t bidi_read_length;
};

/* Reads all of them; `out->cdb` lies in `ahs`. 0, or -EINVAL: a length that does not fit, a type that
 * is not known, one of a kind too many. */
int iscsi_ahs_parse(const uint8_t *ahs, uint32_t len, struct iscsi_ahs *out);

/* Writes what there is, padded. Returns the bytes: 4 times TotalAHSLength. */
uint32_t iscsi_ahs_build(const struct iscsi_ahs *in, uint8_t out[ISCSI_AHS_MAX_TX]);

#endif
