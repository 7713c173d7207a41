/* SPDX-License-Identifier: BSD-2-Clause */
/* The logout (RFC 7143 11.14, 11.15): of the session, which is its one connection. */
#include "initiator/priv.h"

void ini_logout_send(struct ini_session *s)
{
	s->logout_tag = ini_tag_new(s, TAG_LOGOUT, s);
	struct note *note = s->logout_tag == ISCSI_RESERVED_TAG
				    ? NULL
				    : ini_conn_note(s, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE,
						    ISCSI_FINAL | ISCSI_LOGOUT_SESSION);
	if (!note) {
		ini_recovery_happens(s, H_LEFT);
		return;
	}
	struct iscsi_logout_request *bhs = (struct iscsi_logout_request *)&note->pdu.bhs;
	put_be32(bhs->itt, s->logout_tag);
	ini_conn_push(s, note);
}

/* Whatever it says, the connection is closed now. */
void ini_logout_response(struct ini_session *s)
{
	const struct iscsi_logout_response *rsp = (const struct iscsi_logout_response *)&s->rx.bhs;
	if (ini_tag_find(s, get_be32(rsp->itt), TAG_LOGOUT))
		ini_recovery_happens(s, H_LEFT);
	else
		ini_recovery_break(s, INI_NONSENSE, "the target answers a logout that was none");
}
