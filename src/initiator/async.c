/* SPDX-License-Identifier: BSD-2-Clause */
/* What the target says unasked: Asynchronous Messages and Rejects (RFC 7143 11.9, 11.17). */
#include <errno.h>
#include <string.h>
#include "initiator/priv.h"
#include "initiator/sense.h"

static void tell(struct ini_session *s, const struct ini_event *ev)
{
	if (s->ops->event)
		s->ops->event(s->ctx, ev);
}

static uint32_t data_len(const struct ini_session *s)
{
	return MIN(s->rx.data_len, INI_SCRATCH);
}

/* --- by AsyncEvent */

static void scsi_event(struct ini_session *s, const struct iscsi_async_message *m)
{
	struct ini_event ev = {.kind = INI_SCSI_ASYNC};
	struct ini_sense sense;
	uint32_t len = data_len(s);
	memcpy(ev.lun, m->lun, sizeof(ev.lun));
	if (len >= 2) {
		ev.data = s->scratch + 2;
		ev.len = MIN(get_be16(s->scratch), len - 2);
	}
	if (ini_sense_read(&sense, ev.data, ev.len)) {
		ev.key = sense.key;
		ev.asc_ascq = sense.asc_ascq;
	}
	tell(s, &ev);
}

/* Within Parameter3 seconds. To negotiate anew is to log in anew here, which is an answer, too. */
static void logout_event(struct ini_session *s, const struct iscsi_async_message *m)
{
	s->leave_seconds = MAX(get_be16(m->parameter3), 1u);
	ini_recovery_note(s, INI_ASKED_OUT, 0, 0, NULL);
	tell(s, &(struct ini_event){.kind = INI_LOGOUT_ASKED, .seconds = s->leave_seconds});
	ini_recovery_happens(s, H_ASKED_OUT);
}

/* Parameter1 says which connection, and we have one; Parameter2 is Time2Wait. */
static void drop_event(struct ini_session *s, const struct iscsi_async_message *m)
{
	uint32_t seconds = get_be16(m->parameter2);
	s->not_before = ini_session_after(s, seconds * NS_PER_SEC);
	s->wait_said = true;
	tell(s, &(struct ini_event){.kind = INI_DROP_SAID, .seconds = seconds});
	ini_recovery_break(s, INI_DROPPED, NULL);
}

/* It is of FastAbort, which was not agreed on. */
static void terminated_event(struct ini_session *s, const struct iscsi_async_message *m)
{
	ini_recovery_break(s, INI_NONSENSE, "the target ends commands by FastAbort, unasked");
}

static void (*const events[])(struct ini_session *s, const struct iscsi_async_message *m) = {
	[ISCSI_ASYNC_SCSI] = scsi_event,
	[ISCSI_ASYNC_LOGOUT_REQUEST] = logout_event,
	[ISCSI_ASYNC_CONNECTION_DROP] = drop_event,
	[ISCSI_ASYNC_SESSION_DROP] = drop_event,
	[ISCSI_ASYNC_NEGOTIATE] = logout_event,
	[ISCSI_ASYNC_TASKS_TERMINATED] = terminated_event,
};

void ini_async_message(struct ini_session *s)
{
	const struct iscsi_async_message *m = (const struct iscsi_async_message *)&s->rx.bhs;
	if (m->event < ARRAY_SIZE(events)) {
		events[m->event](s, m);
		return;
	}
	/* 248 to 254 and 255 are the vendor's; what is not known asks nothing of us. */
	tell(s, &(struct ini_event){.kind = INI_VENDOR_ASYNC,
				    .code = m->event,
				    .data = s->scratch,
				    .len = data_len(s)});
}

/* --- Reject */

static void reject_function(struct ini_session *s, struct ini_tmf *tmf)
{
	/* As if it had been answered: its owner does what comes next. */
	ini_tag_free(s, tmf->tag);
	tmf->response = ISCSI_TMF_REJECTED;
	list_del(&tmf->link);
	s->tmf_count--;
	tmf->done(tmf, 0);
}

static void reject_command(struct ini_session *s, struct ini_task *t, const char *what)
{
	/* Its number may or may not be used up (RFC 7143 4.2.2.1), and with a gap nothing goes on. */
	bool immediate = t->flags & INI_IMMEDIATE;
	ini_task_retire(t);
	ini_task_settle(t, VERDICT_END, t->err ? t->err : -EREMOTEIO);
	if (!immediate)
		ini_recovery_break(s, INI_NONSENSE, "the target rejects a SCSI command (%s)", what);
}

static const char *reason_text(uint8_t reason)
{
	static const char *const texts[] = {
		[ISCSI_REJECT_DATA_DIGEST] = "data digest error",
		[ISCSI_REJECT_SNACK] = "SNACK reject",
		[ISCSI_REJECT_PROTOCOL] = "protocol error",
		[ISCSI_REJECT_NOT_SUPPORTED] = "command not supported",
		[ISCSI_REJECT_IMMEDIATE] = "too many immediate commands",
		[ISCSI_REJECT_TASK_IN_PROGRESS] = "task in progress",
		[ISCSI_REJECT_INVALID_DATA_ACK] = "invalid data ACK",
		[ISCSI_REJECT_INVALID_FIELD] = "invalid PDU field",
		[ISCSI_REJECT_LONG_OPERATION] = "out of resources",
		[ISCSI_REJECT_NEGOTIATION_RESET] = "negotiation reset",
		[ISCSI_REJECT_WAITING_FOR_LOGOUT] = "waiting for logout",
	};
	return reason < ARRAY_SIZE(texts) && texts[reason] ? texts[reason] : "unknown reason";
}

/*
 * RFC 7143 11.17.1: of a task that had begun, a SCSI Response says how it ends; so it is when its data were
 * damaged, and when what was rejected was Data-Out.
 */
void ini_async_reject(struct ini_session *s)
{
	const struct iscsi_reject *rej = (const struct iscsi_reject *)&s->rx.bhs;
	const struct iscsi_bhs *bad = (const struct iscsi_bhs *)s->scratch;
	tell(s, &(struct ini_event){.kind = INI_REJECTED, .code = rej->reason});
	if (data_len(s) < ISCSI_BHS_LEN) {
		ini_recovery_break(s, INI_NONSENSE, "the target rejects, and does not say what");
		return;
	}
	uint32_t itt = get_be32(bad->itt);
	struct ini_task *task = ini_tag_find(s, itt, TAG_TASK);
	struct ini_tmf *tmf = ini_tag_find(s, itt, TAG_TMF);
	switch (iscsi_opcode(bad)) {
	case ISCSI_DATA_OUT: break;
	case ISCSI_SCSI_COMMAND:
		if (task && rej->reason != ISCSI_REJECT_DATA_DIGEST)
			reject_command(s, task, reason_text(rej->reason));
		break;
	case ISCSI_TMF_REQUEST:
		if (tmf)
			reject_function(s, tmf);
		break;
	case ISCSI_TEXT_REQUEST:
		if (ini_tag_find(s, itt, TAG_TEXT))
			ini_text_end(s, -EREMOTEIO);
		break;
	default:
		ini_recovery_break(s, INI_NONSENSE, "the target rejects a PDU (%s)",
				   reason_text(rej->reason));
	}
}
