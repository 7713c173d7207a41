/* SPDX-License-Identifier: BSD-2-Clause */
/* What the outcome of a command means: for a program, and for a person. */
#include <errno.h>
#include <string.h>
#include "liblunar/priv.h"
#include "lunar/scsi.h"
#include "scsi/sam.h"

static const struct {
	uint8_t key;
	uint16_t code; /* 0: whatever it is */
	int err;
	const char *text;
} senses[] = {
	{SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_LUN_NOT_SUPPORTED, -ENXIO, "there is no such LUN"},
	{SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_INVALID_OPCODE, -EOPNOTSUPP,
	 "the LU does not know the command"},
	{SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_INVALID_FIELD_IN_CDB, -EOPNOTSUPP,
	 "the LU does not know a part of the command"},
	{SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_LBA_OUT_OF_RANGE, -ERANGE,
	 "it is past the end of the LU"},
	{SCSI_KEY_ILLEGAL_REQUEST, 0, -EINVAL, "the LU does not take the command"},
	{SCSI_KEY_DATA_PROTECT, SCSI_ASC_SPACE_ALLOCATION_FAILED, -ENOSPC,
	 "the LU has no room left"},
	{SCSI_KEY_DATA_PROTECT, 0, -EROFS, "the LU is write protected"},
	{SCSI_KEY_MEDIUM_ERROR, SCSI_ASC_WRITE_ERROR, -EIO, "the medium cannot be written there"},
	{SCSI_KEY_MEDIUM_ERROR, 0, -ENODATA, "the medium cannot be read there"},
	{SCSI_KEY_MISCOMPARE, 0, -EILSEQ, "it is not what it was compared with"},
	{SCSI_KEY_NOT_READY, 0, -EAGAIN, "the LU is not ready"},
	{SCSI_KEY_UNIT_ATTENTION, 0, -EAGAIN, "the LU has changed"},
	{SCSI_KEY_ABORTED_COMMAND, 0, -EIO, "the target has aborted the command"},
	{SCSI_KEY_HARDWARE_ERROR, 0, -EIO, "the LU is broken"},
};

static const struct {
	uint8_t status;
	int err;
	const char *text;
} statuses[] = {
	{LUNAR_GOOD, 0, "good"},
	{LUNAR_CONDITION_MET, 0, "condition met"},
	{LUNAR_BUSY, -EAGAIN, "the LU is busy"},
	{LUNAR_RESERVATION_CONFLICT, -EBUSY, "the LU is reserved by another initiator"},
	{LUNAR_TASK_SET_FULL, -EAGAIN, "the LU has too many commands"},
	{LUNAR_ACA_ACTIVE, -EAGAIN, "the LU waits for CLEAR ACA"},
	{LUNAR_TASK_ABORTED, -ECANCELED, "another initiator has aborted the command"},
};

static const struct {
	int err;
	const char *text;
} errors[] = {
	{-EREMOTEIO, "the target could not do the command"},
	{-ETIMEDOUT, "the command was not answered in time"},
	{-ECANCELED, "the command was aborted"},
	{-ECONNRESET, "the connection was lost, and the command may not be repeated"},
	{-EHOSTDOWN, "the session is lost for longer than `outage`"},
	{-ESTALE, "the LUN is another disk than it was"},
	{-ENXIO, "there is no such LUN any more"},
	{-EAGAIN, "the LU does not say who it is"},
	{-ESHUTDOWN, "the session has ended"},
	{-ENOTCONN, "there is no session"},
	{-EMSGSIZE, "the command carries more than the session can"},
};

static int sense_row(const struct lunar_sense *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(senses); i++)
		if (senses[i].key == s->key && (!senses[i].code || senses[i].code == s->asc_ascq))
			return (int)i;
	return -1;
}

int lunar_task_result(const struct lunar_task *t, int err)
{
	struct lunar_sense s;
	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == t->status)
			return statuses[i].err;
	if (t->status != LUNAR_CHECK_CONDITION || !lunar_parse_sense(&s, t->sense, t->sense_len))
		return -EIO;
	/* SPC-4 4.5.6: NO SENSE and RECOVERED ERROR: it is done. */
	if (s.key <= 1 && !s.deferred)
		return 0;
	int row = sense_row(&s);
	return row >= 0 ? senses[row].err : -EIO;
}

static void text_of_sense(const struct lunar_task *t, char *out, size_t size)
{
	struct lunar_sense s;
	if (!lunar_parse_sense(&s, t->sense, t->sense_len)) {
		snprintf(out, size, "the target answers CHECK CONDITION without sense data");
		return;
	}
	int row = sense_row(&s);
	snprintf(out, size, "%s (sense key %x, code %02x/%02x%s)",
		 row >= 0 ? senses[row].text : "the target answers CHECK CONDITION", s.key,
		 s.asc_ascq >> 8, s.asc_ascq & 0xff, s.deferred ? ", of an earlier command" : "");
}

char *lunar_task_text(const struct lunar_task *t, int err, char *out, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err == err) {
			snprintf(out, size, "%s", errors[i].text);
			return out;
		}
	if (err) {
		snprintf(out, size, "%s", strerror(-err));
		return out;
	}
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == t->status) {
			snprintf(out, size, "%s", statuses[i].text);
			return out;
		}
	if (t->status == LUNAR_CHECK_CONDITION)
		text_of_sense(t, out, size);
	else
		snprintf(out, size, "the target answers status 0x%02x", t->status);
	return out;
}
