/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What STATE/state.json says, taken apart: by a daemon before this one, or by whoever has edited it. A text that does
 * not fit, or a number that cannot be, is no other text or number: what has it is left out.
 */
#ifndef LUNAR_INITIATORD_STATE_READ_H
#define LUNAR_INITIATORD_STATE_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "attach/attach.h"
#include "attach/rights.h"
#include "device/facts.h"
#include "iscsi/login.h"
#include "iscsi/lun.h"
#include "records/store.h"

#define STATE_VERSION 1

/* NULL with `error`: it is no JSON object. */
json_t *state_parse(const void *text, size_t len, json_error_t *error);
/* An integer from `min` to `max`. */
bool state_in_range(const json_t *o, const char *name, int64_t min, int64_t max);
/* Twelve digits. */
bool state_isid_read(const char *text, uint8_t isid[ISCSI_ISID_LEN]);

struct state_session {
	struct record_key key;
	bool for_disks;
};
/* NULL, or what cannot be. */
const char *state_session_read(const json_t *o, struct state_session *out);

/* The device that a disk has in the kernel. */
struct state_device {
	uint32_t slot;
	struct rights_kept kept;
	struct attach_keep keep; /* without `method` */
};

struct state_disk {
	char target[ISCSI_NAME_SIZE], method[16], host[RECORD_HOST_SIZE], wwid[LU_ID_SIZE];
	uint32_t lun;
	uint16_t port;
	uint64_t size;
	bool has_device;
	struct state_device device;
};
/* NULL, or what cannot be. A device that cannot be is none: the disk is attached anew. */
const char *state_disk_read(const json_t *o, struct state_disk *out);

#endif
