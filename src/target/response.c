/* SPDX-License-Identifier: BSD-2-Clause */
/* What the target says: sequence numbers, and PDUs that answer no request. */
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

uint32_t conn_ttt(struct conn *c)
{
	if (++c->next_ttt == ISCSI_RESERVED_TAG)
		c->next_ttt = 1;
	return c->next_ttt;
}

void conn_push(struct conn *c, struct iscsi_tx_pdu *pdu)
{
	/* ExpCmdSN and MaxCmdSN lie at bytes 28 and 32 of everything a target sends. */
	struct iscsi_nop_in *bhs = (struct iscsi_nop_in *)&pdu->bhs;
	struct session *s = c->session;
	if (s) {
		put_be32(bhs->expcmdsn, s->expcmdsn);
		put_be32(bhs->maxcmdsn, session_maxcmdsn(s));
	}
	iscsi_tx_push(&c->tx, pdu);
	conn_wake(c);
}

void conn_push_status(struct conn *c, struct iscsi_tx_pdu *pdu)
{
	struct iscsi_nop_in *bhs = (struct iscsi_nop_in *)&pdu->bhs;
	put_be32(bhs->statsn, c->statsn++);
	conn_push(c, pdu);
}

static void out_sent(struct iscsi_tx_pdu *tx, int err)
{
	struct out_pdu *pdu = container_of(tx, struct out_pdu, tx);
	struct target *t = pdu->target;
	if (pdu->task)
		task_unref(pdu->task);
	if (t->free_pdu_count >= TARGET_FREE_MAX) {
		free(pdu);
		return;
	}
	list_add_head(&t->free_pdus, &pdu->tx.link);
	t->free_pdu_count++;
}

struct out_pdu *conn_pdu(struct conn *c, uint8_t opcode, uint8_t flags, struct task *task)
{
	struct target *t = c->target;
	struct out_pdu *pdu;
	if (list_empty(&t->free_pdus)) {
		pdu = malloc(sizeof(*pdu));
		if (!pdu)
			return NULL;
	} else {
		pdu = list_first(&t->free_pdus, struct out_pdu, tx.link);
		list_del(&pdu->tx.link);
		t->free_pdu_count--;
	}
	memset(&pdu->tx.bhs, 0, sizeof(pdu->tx.bhs));
	pdu->tx.bhs.opcode = opcode;
	pdu->tx.bhs.flags = flags;
	pdu->tx.data = NULL;
	pdu->tx.data_len = 0;
	pdu->tx.sent = out_sent;
	pdu->target = t;
	pdu->task = task;
	if (task)
		task_ref(task);
	return pdu;
}

/* RFC 7143 11.17: the header of the PDU in error comes back as data. */
void conn_reject(struct conn *c, const struct iscsi_bhs *bad, enum iscsi_reject_reason reason)
{
	struct out_pdu *pdu = conn_pdu(c, ISCSI_REJECT, ISCSI_FINAL, NULL);
	if (!pdu) {
		conn_drop(c, "no memory");
		return;
	}
	struct iscsi_reject *bhs = (struct iscsi_reject *)&pdu->tx.bhs;
	bhs->reason = reason;
	memset(bhs->ffffffff, 0xff, sizeof(bhs->ffffffff));
	memcpy(pdu->segment, bad, ISCSI_BHS_LEN);
	pdu->tx.data = pdu->segment;
	pdu->tx.data_len = ISCSI_BHS_LEN;
	count_add(&c->target->stats.protocol_errors, 1);
	conn_push_status(c, &pdu->tx);
}

/*
 * An unsolicited NOP-In: with `answer` a ping, without it only news of the window. Its StatSN is the
 * next one and is not used up (RFC 7143 11.19.2).
 */
void conn_ping(struct conn *c, bool answer)
{
	struct out_pdu *pdu = conn_pdu(c, ISCSI_NOP_IN, ISCSI_FINAL, NULL);
	if (!pdu)
		return; /* the timer comes again */
	struct iscsi_nop_in *bhs = (struct iscsi_nop_in *)&pdu->tx.bhs;
	put_be32(bhs->itt, ISCSI_RESERVED_TAG);
	put_be32(bhs->ttt, ISCSI_RESERVED_TAG);
	put_be32(bhs->statsn, c->statsn);
	if (answer) {
		c->ping_ttt = conn_ttt(c);
		c->ping_sent = reactor_now(c->target->reactor);
		put_be32(bhs->ttt, c->ping_ttt);
	}
	conn_push(c, &pdu->tx);
}

/* RFC 7143 11.9.1, event 1: parameter 3 says within how many seconds. */
void conn_ask_logout(struct conn *c, uint32_t seconds)
{
	struct out_pdu *pdu = conn_pdu(c, ISCSI_ASYNC_MESSAGE, ISCSI_FINAL, NULL);
	if (!pdu) {
		conn_drop(c, "no memory");
		return;
	}
	struct iscsi_async_message *bhs = (struct iscsi_async_message *)&pdu->tx.bhs;
	put_be32(bhs->itt, ISCSI_RESERVED_TAG);
	bhs->event = ISCSI_ASYNC_LOGOUT_REQUEST;
	put_be16(bhs->parameter3, (uint16_t)MIN(seconds, UINT16_MAX));
	conn_push_status(c, &pdu->tx);
}
