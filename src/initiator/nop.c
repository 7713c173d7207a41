/* SPDX-License-Identifier: BSD-2-Clause */
/* Pings, ours and the target's (RFC 7143 11.18, 11.19). */
#include <string.h>
#include "initiator/priv.h"

static void answer(struct ini_session *s, const struct iscsi_nop_in *in)
{
	struct note *note = ini_conn_note(s, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, ISCSI_FINAL);
	if (!note)
		return;
	struct iscsi_nop_out *bhs = (struct iscsi_nop_out *)&note->pdu.bhs;
	memcpy(bhs->lun, in->lun, sizeof(bhs->lun));
	put_be32(bhs->itt, ISCSI_RESERVED_TAG);
	memcpy(bhs->ttt, in->ttt, sizeof(bhs->ttt));
	ini_conn_push(s, note);
}

void ini_nop_in(struct ini_session *s)
{
	const struct iscsi_nop_in *in = (const struct iscsi_nop_in *)&s->rx.bhs;
	uint32_t itt = get_be32(in->itt);
	if (itt != ISCSI_RESERVED_TAG) {
		if (!ini_tag_find(s, itt, TAG_PING)) {
			ini_recovery_break(s, INI_NONSENSE,
					   "the target answers a ping that was none");
			return;
		}
		ini_tag_free(s, itt);
		s->ping_sent = 0;
	}
	if (get_be32(in->ttt) != ISCSI_RESERVED_TAG)
		answer(s, in);
}

static void ping(struct ini_session *s)
{
	uint32_t tag = ini_tag_new(s, TAG_PING, s);
	struct note *note =
		tag == ISCSI_RESERVED_TAG
			? NULL
			: ini_conn_note(s, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, ISCSI_FINAL);
	if (!note)
		return;
	struct iscsi_nop_out *bhs = (struct iscsi_nop_out *)&note->pdu.bhs;
	put_be32(bhs->itt, tag);
	put_be32(bhs->ttt, ISCSI_RESERVED_TAG);
	s->ping_tag = tag;
	s->ping_sent = s->now;
	ini_conn_push(s, note);
}

uint64_t ini_nop_deadline(const struct ini_session *s)
{
	const struct ini_times *t = &s->config.times;
	if (!ini_session_full(s) || !t->ping_interval)
		return INI_NEVER;
	if (s->ping_sent)
		return MAX(s->ping_sent, s->heard) + t->ping_timeout;
	return s->heard + t->ping_interval;
}

void ini_nop_tick(struct ini_session *s)
{
	if (s->now < ini_nop_deadline(s))
		return;
	if (s->ping_sent)
		ini_recovery_break(s, INI_NO_ANSWER, "the target does not answer, not even a ping");
	else
		ping(s);
}
