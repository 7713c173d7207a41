/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mode pages (SPC-4 7.5, SBC-3 6.5). The values live in the LU as the pages themselves, as they go
 * onto the wire; the accessors below name the bits that the device server obeys. Shared by all
 * nexuses. Pages cannot be saved: PS is 0 and SP=1 is refused.
 *
 * On the thread of the reactor.
 */
#ifndef LUNAR_SCSI_MODE_H
#define LUNAR_SCSI_MODE_H

#include <stdbool.h>
#include <stdint.h>

struct scsi_mode_pages {
	uint8_t rw_recovery[12]; /* 01h     SBC-3 6.5.8 */
	uint8_t caching[20];     /* 08h     SBC-3 6.5.5 */
	uint8_t control[12];     /* 0Ah     SPC-4 7.5.8 */
	uint8_t control_ext[32]; /* 0Ah,01h SPC-4 7.5.9 */
	uint8_t exceptions[12];  /* 1Ch     SBC-3 6.5.6 */
};

struct scsi_mode {
	struct scsi_mode_pages current, defaults, changeable;
};

/* `volatile_cache`: the store has one that may be used, so WCE may be 1; else it stays 0. */
void scsi_mode_init(struct scsi_mode *m, bool volatile_cache);
/*
 * What these options say otherwise than those before: as default, and at once. Of the rest the pages stay as
 * initiators have made them. `volatile_cache` as before.
 */
struct scsi_lu_options;
void scsi_mode_decide(struct scsi_mode *m, const struct scsi_lu_options *before,
		      const struct scsi_lu_options *to, bool volatile_cache);
/* After a logical unit reset or power on: the defaults again. */
void scsi_mode_reset(struct scsi_mode *m);

/* Writes may be answered before they are durable. When false, each write goes as with FUA. */
static inline bool scsi_mode_wce(const struct scsi_mode *m)
{
	return m->current.caching[2] & 0x04;
}

/* Sense data in descriptor format. */
static inline bool scsi_mode_d_sense(const struct scsi_mode *m)
{
	return m->current.control[2] & 0x04;
}

/* UA_INTLCK_CTRL: 0, 2 or 3. */
static inline unsigned scsi_mode_ua_interlock(const struct scsi_mode *m)
{
	return m->current.control[4] >> 4 & 3;
}

/* Software write protect: write commands get DATA PROTECT. */
static inline bool scsi_mode_swp(const struct scsi_mode *m)
{
	return m->current.control[4] & 0x08;
}

/* A task aborted by another nexus gets status TASK ABORTED (else a unit attention). */
static inline bool scsi_mode_tas(const struct scsi_mode *m)
{
	return m->current.control[5] & 0x40;
}

#endif
