/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection: its two machines, the numbers that every PDU has, and who takes which PDU. */
#include <string.h>
#include "initiator/priv.h"

static void note_sent(struct iscsi_tx_pdu *pdu, int err)
{
	struct note *note = container_of(pdu, struct note, pdu);
	list_add_head(&note->session->free_notes, &pdu->link);
}

void ini_conn_reset(struct ini_session *s)
{
	iscsi_rx_init(&s->rx, s->stage, INI_STAGE);
	iscsi_tx_init(&s->tx);
	list_init(&s->sending);
	ini_tags_reset(s);
	s->ping_sent = 0;
	s->statsn_known = false;
	s->expstatsn = 0;
	s->login_due = false;
	s->in_flight = 0;
	s->heard = s->now;
}

struct note *ini_conn_note(struct ini_session *s, uint8_t opcode, uint8_t flags)
{
	if (list_empty(&s->free_notes)) {
		/* As many of ours are on their way: whatever makes us say so much takes none of it. */
		ini_recovery_break(s, INI_NONSENSE,
				   "the target asks and asks, and takes no answer");
		return NULL;
	}
	struct note *note = list_first(&s->free_notes, struct note, pdu.link);
	list_del(&note->pdu.link);
	memset(&note->pdu.bhs, 0, sizeof(note->pdu.bhs));
	note->pdu.bhs.opcode = opcode;
	note->pdu.bhs.flags = flags;
	note->pdu.data = NULL;
	note->pdu.data_len = 0;
	note->pdu.sent = note_sent;
	return note;
}

/* CmdSN and ExpStatSN lie at the same place in every request; this is none for Data-Out. */
void ini_conn_push(struct ini_session *s, struct note *note)
{
	struct iscsi_nop_out *bhs = (struct iscsi_nop_out *)&note->pdu.bhs;
	put_be32(bhs->cmdsn, s->cmdsn);
	put_be32(bhs->expstatsn, s->expstatsn);
	if (!(bhs->opcode & ISCSI_IMMEDIATE))
		s->cmdsn++;
	iscsi_tx_push(&s->tx, &note->pdu);
	ini_session_wake(s);
}

/* --- numbers */

/* Has a StatSN of its own (RFC 7143 4.2.2.2). */
static bool has_status(const struct iscsi_bhs *bhs)
{
	uint8_t opcode = iscsi_opcode(bhs);
	if (opcode == ISCSI_NOP_IN)
		return get_be32(bhs->itt) != ISCSI_RESERVED_TAG;
	if (opcode == ISCSI_DATA_IN)
		return bhs->flags & ISCSI_DATA_STATUS;
	return opcode != ISCSI_R2T;
}

/* RFC 7143 4.2.2.1: a pair that contradicts itself, or is older than what is known, says nothing. */
static bool take_window(struct ini_session *s, const struct iscsi_nop_in *rsp)
{
	uint32_t exp = get_be32(rsp->expcmdsn), max = get_be32(rsp->maxcmdsn);
	if (iscsi_sn_lt(max, exp - 1))
		return true;
	if (iscsi_sn_gt(exp, s->cmdsn)) {
		ini_recovery_break(s, INI_NONSENSE,
				   "the target expects commands past the last one");
		return false;
	}
	if (iscsi_sn_gt(exp, s->expcmdsn))
		s->expcmdsn = exp;
	if (iscsi_sn_gt(max, s->maxcmdsn))
		s->maxcmdsn = max;
	return true;
}

static bool take_numbers(struct ini_session *s)
{
	const struct iscsi_nop_in *rsp = (const struct iscsi_nop_in *)&s->rx.bhs;
	if (has_status(&s->rx.bhs)) {
		/* Nothing can be lost on one connection: at ErrorRecoveryLevel 0 that is its end. */
		if (s->statsn_known && get_be32(rsp->statsn) != s->expstatsn) {
			ini_recovery_break(s, INI_NONSENSE,
					   "the target sends StatSN %u where %u is due",
					   get_be32(rsp->statsn), s->expstatsn);
			return false;
		}
		s->expstatsn = get_be32(rsp->statsn) + 1;
		s->statsn_known = true;
	}
	return take_window(s, rsp);
}

/* --- by opcode, in full feature phase */

static const struct taker {
	/* Places the data; NULL: it goes where small data goes. */
	void (*header)(struct ini_session *s);
	void (*pdu)(struct ini_session *s);
} takers[ISCSI_OPCODE_MASK + 1] = {
	[ISCSI_NOP_IN] = {NULL, ini_nop_in},
	[ISCSI_SCSI_RESPONSE] = {NULL, ini_transfer_response},
	[ISCSI_TMF_RESPONSE] = {NULL, ini_tmf_response},
	[ISCSI_TEXT_RESPONSE] = {ini_text_header, ini_text_response},
	[ISCSI_DATA_IN] = {ini_transfer_data_in_header, ini_transfer_data_in},
	[ISCSI_LOGOUT_RESPONSE] = {NULL, ini_logout_response},
	[ISCSI_R2T] = {NULL, ini_transfer_r2t},
	[ISCSI_ASYNC_MESSAGE] = {NULL, ini_async_message},
	[ISCSI_REJECT] = {NULL, ini_async_reject},
};

static void take_header(struct ini_session *s)
{
	uint8_t opcode = iscsi_opcode(&s->rx.bhs);
	const struct taker *t = &takers[opcode];
	if (s->state == M_LOGGING_IN || (t->pdu && !t->header)) {
		iscsi_rx_place(&s->rx, s->scratch, sizeof(s->scratch));
		return;
	}
	if (!t->pdu)
		ini_recovery_break(s, INI_NONSENSE, "the target sends a PDU of opcode 0x%02x",
				   opcode);
	else
		t->header(s);
}

static void take_pdu(struct ini_session *s)
{
	if (s->state == M_LOGGING_IN)
		ini_login_pdu(s);
	else if (take_numbers(s))
		takers[iscsi_opcode(&s->rx.bhs)].pdu(s);
}

static bool alive(const struct ini_session *s)
{
	return s->state == M_LOGGING_IN || ini_session_full(s);
}

static void take_event(struct ini_session *s, enum iscsi_rx_event event)
{
	switch (event) {
	case ISCSI_RX_HEADER: take_header(s); break;
	case ISCSI_RX_PDU: take_pdu(s); break;
	/* RFC 7143 7.8, 7.9: without recovery within a connection, that is its end. */
	case ISCSI_RX_DATA_DIGEST:
		ini_recovery_break(s, INI_DAMAGED, "a data digest of the target's is wrong");
		break;
	case ISCSI_RX_HEADER_DIGEST:
		ini_recovery_break(s, INI_DAMAGED, "a header digest of the target's is wrong");
		break;
	case ISCSI_RX_TOO_LONG:
		ini_recovery_break(s, INI_NONSENSE, "the target sends %u bytes of data in a PDU",
				   s->rx.data_len);
		break;
	case ISCSI_RX_MORE: break;
	}
}

/* --- the driver's side */

unsigned ini_want_recv(struct ini_session *s, struct iovec *iov, unsigned max)
{
	return alive(s) ? iscsi_rx_want_many(&s->rx, iov, MIN(max, INI_RECV_IOV)) : 0;
}

void ini_got(struct ini_session *s, size_t n, uint64_t now)
{
	s->now = now;
	if (!alive(s))
		return;
	s->heard = now;
	iscsi_rx_got(&s->rx, n);
	while (alive(s)) {
		enum iscsi_rx_event event = iscsi_rx_next(&s->rx);
		if (event == ISCSI_RX_MORE)
			break;
		take_event(s, event);
	}
	if (s->state == M_LOGGING_IN)
		ini_login_partial(s);
	if (ini_session_full(s)) {
		ini_task_go(s);
		ini_recovery_check_quiet(s);
	}
}

unsigned ini_want_send(struct ini_session *s, struct iovec *iov, unsigned max)
{
	if (!alive(s))
		return 0;
	ini_transfer_make(s);
	return iscsi_tx_want(&s->tx, iov, max);
}

void ini_went(struct ini_session *s, size_t n, uint64_t now)
{
	s->now = now;
	if (!alive(s))
		return;
	iscsi_tx_went(&s->tx, n);
	if (s->login_due && iscsi_tx_idle(&s->tx))
		ini_login_sent(s);
	if (ini_session_full(s)) {
		ini_task_go(s);
		ini_recovery_check_quiet(s);
	}
}
