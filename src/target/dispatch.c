/* SPDX-License-Identifier: BSD-2-Clause */
/* Full feature phase: one row for each opcode that an initiator may send. */
#include <string.h>
#include "target/priv.h"

static void nop_deliver(struct task *task);
static void logout_deliver(struct task *task);

struct request {
	void (*deliver)(struct task *task); /* NULL: no request, or no such opcode */
	bool discovery;                     /* also in discovery sessions (RFC 7143 4.3) */
	uint32_t data_max; /* what it may bring for its buffer; SCSI commands say themselves */
	/* Immediate ones are taken while so many are in progress: when commands have used up their
	 * places there are some left for what aborts them (RFC 7143 4.2.2.1). */
	size_t immediate_max;
};

static const struct request requests[ISCSI_OPCODE_MASK + 1] = {
	[ISCSI_NOP_OUT] = {nop_deliver, true, UINT32_MAX, 36},
	[ISCSI_SCSI_COMMAND] = {command_begin, false, 0, 32},
	[ISCSI_TMF_REQUEST] = {tmf_deliver, false, 0, 40},
	[ISCSI_TEXT_REQUEST] = {text_deliver, true, ISCSI_TEXT_MAX, 36},
	[ISCSI_LOGOUT_REQUEST] = {logout_deliver, true, 0, 44},
};

/* A NOP-Out that asks for nothing: an answer to our ping, or a sign of life (RFC 7143 11.18). */
static bool silent_nop(const struct iscsi_bhs *bhs)
{
	return iscsi_opcode(bhs) == ISCSI_NOP_OUT && get_be32(bhs->itt) == ISCSI_RESERVED_TAG;
}

/* What is wrong with a request as such, by its header; 0: nothing. */
static int judge(struct conn *c, const struct request *row)
{
	const struct iscsi_bhs *bhs = &c->rx.bhs;
	uint32_t itt = get_be32(bhs->itt);
	if (!row->deliver)
		return ISCSI_REJECT_NOT_SUPPORTED;
	if (!c->session->node && !row->discovery)
		return ISCSI_REJECT_PROTOCOL;
	if (itt == ISCSI_RESERVED_TAG)
		return ISCSI_REJECT_INVALID_FIELD;
	if (c->rx.ahs_len && iscsi_opcode(bhs) != ISCSI_SCSI_COMMAND)
		return ISCSI_REJECT_INVALID_FIELD;
	if (session_find_task(c->session, itt))
		return ISCSI_REJECT_TASK_IN_PROGRESS;
	if ((bhs->opcode & ISCSI_IMMEDIATE) && c->immediate >= row->immediate_max)
		return ISCSI_REJECT_IMMEDIATE;
	return 0;
}

static void place_request(struct conn *c, struct task *task, const struct request *row)
{
	uint32_t len = MIN(c->rx.data_len, row->data_max);
	if (len && task_get_buf(task, len, false))
		iscsi_rx_place(&c->rx, task->buf, len);
}

static bool request_header(struct conn *c, const struct request *row)
{
	struct session *s = c->session;
	const struct iscsi_bhs *bhs = &c->rx.bhs;
	int reject = judge(c, row);
	bool numbered = row->deliver && !(bhs->opcode & ISCSI_IMMEDIATE);
	uint32_t cmdsn = get_be32(((const struct iscsi_nop_out *)bhs)->cmdsn);

	/* RFC 7143 4.2.2.1: outside the window, or there already: silently ignored. */
	if (numbered && !session_expects(s, cmdsn))
		return true;
	if (reject) {
		conn_reject(c, &c->rx.bhs, (enum iscsi_reject_reason)reject);
		return true;
	}
	struct task *task = task_new(c);
	if (!task) {
		conn_drop(c, "no memory");
		return false;
	}
	list_add_tail(&s->by_itt[task->itt % TARGET_ITT_BUCKETS], &task->itt_link);
	if (row->deliver == command_begin && !command_header(c, task)) {
		task_unref(task);
		return true;
	}
	if (row->deliver != command_begin)
		place_request(c, task, row);
	task_ref(task);
	c->rx_task = task;
	return true;
}

bool dispatch_header(struct conn *c)
{
	uint8_t opcode = iscsi_opcode(&c->rx.bhs);
	c->rx_task = NULL;
	switch (opcode) {
	case ISCSI_DATA_OUT: return data_out_header(c);
	case ISCSI_SNACK_REQUEST:
		/* ErrorRecoveryLevel 0: there is nothing to acknowledge or repeat (11.16). */
		conn_reject(c, &c->rx.bhs, ISCSI_REJECT_SNACK);
		return true;
	default: break;
	}
	if (silent_nop(&c->rx.bhs))
		return true;
	return request_header(c, &requests[opcode]);
}

/* An answer to our ping ends the wait for it; one to another tag is late, or invented. */
static void take_silent_nop(struct conn *c)
{
	const struct iscsi_nop_out *bhs = (const struct iscsi_nop_out *)&c->rx.bhs;
	if (c->ping_sent && get_be32(bhs->ttt) == c->ping_ttt) {
		c->ping_sent = 0;
		conn_set_timer(c);
	}
}

/*
 * The data segment of a request was damaged: the PDU is discarded (RFC 7143 7.8). Of a numbered one
 * that leaves a hole in the CmdSN order which, at ErrorRecoveryLevel 0, nobody fills. So that is
 * taken for a session failure at once, rather than by the timeouts of whatever is queued behind.
 */
static bool request_damaged(struct conn *c, struct task *task)
{
	bool immediate = task->immediate;
	conn_reject(c, &c->rx.bhs, ISCSI_REJECT_DATA_DIGEST);
	command_forget(task);
	if (immediate)
		return true;
	log_info(c->target->log, "%s: data digest error in a command", c->peer_text);
	conn_end(c);
	return false;
}

bool dispatch_pdu(struct conn *c, bool damaged)
{
	struct task *task = c->rx_task;
	bool go_on;
	if (iscsi_opcode(&c->rx.bhs) == ISCSI_DATA_OUT) {
		go_on = data_out_pdu(c, damaged);
	} else if (!task) {
		if (damaged)
			conn_reject(c, &c->rx.bhs, ISCSI_REJECT_DATA_DIGEST);
		else if (silent_nop(&c->rx.bhs))
			take_silent_nop(c);
		go_on = true;
	} else if (!task->conn) {
		go_on = true; /* aborted while it came in */
	} else if (damaged) {
		go_on = request_damaged(c, task);
	} else {
		if (iscsi_opcode(&task->bhs) == ISCSI_SCSI_COMMAND)
			command_received(task, c->rx.data_len);
		session_sequence(c->session, task);
		go_on = true;
	}
	if (task)
		task_unref(task);
	c->rx_task = NULL;
	return go_on && c->state == CONN_FULL;
}

void dispatch_deliver(struct task *task)
{
	task->delivered = true;
	requests[iscsi_opcode(&task->bhs)].deliver(task);
}

/* --- the small ones */

/* RFC 7143 11.19: the ping data comes back, as much of it as the initiator takes. */
static void nop_deliver(struct task *task)
{
	struct iscsi_nop_in *bhs = (struct iscsi_nop_in *)task_response(task, ISCSI_NOP_IN);
	uint32_t len = task->buf ? iscsi_data_length(&task->bhs) : 0;
	memcpy(bhs->lun, task->bhs.lun, sizeof(bhs->lun));
	put_be32(bhs->ttt, ISCSI_RESERVED_TAG);
	len = MIN(len, task->buf_len);
	task_respond(task, task->buf, MIN(len, task->conn->params.max_send_data));
}

/* What of a Logout Request can be granted (RFC 7143 11.14.1, 11.15.1). */
static enum iscsi_logout_result judge_logout(const struct conn *c,
					     const struct iscsi_logout_request *req)
{
	switch ((enum iscsi_logout_reason)(req->reason & ~ISCSI_FINAL)) {
	case ISCSI_LOGOUT_SESSION: return ISCSI_LOGOUT_CLOSED;
	case ISCSI_LOGOUT_CONNECTION:
		return get_be16(req->cid) == c->cid ? ISCSI_LOGOUT_CLOSED : ISCSI_LOGOUT_NO_CID;
	case ISCSI_LOGOUT_RECOVERY: return ISCSI_LOGOUT_NO_RECOVERY;
	}
	return ISCSI_LOGOUT_FAILED;
}

/* What is not answered by now never will be (RFC 7143 11.14.5). */
static void logged_out(struct conn *c)
{
	const struct session *s = c->session;
	log_info(c->target->log, "%s: logout of %s%s%s", c->peer_text, s->initiator,
		 s->node ? " from " : "", s->node ? s->node->name : "");
	session_free(c->session);
	conn_end(c);
}

static void logout_deliver(struct task *task)
{
	struct conn *c = task->conn;
	enum iscsi_logout_result result =
		judge_logout(c, (const struct iscsi_logout_request *)&task->bhs);
	struct iscsi_logout_response *bhs =
		(struct iscsi_logout_response *)task_response(task, ISCSI_LOGOUT_RESPONSE);
	bhs->response = result;
	put_be16(bhs->time2wait, (uint16_t)c->params.time2wait);
	put_be16(bhs->time2retain, (uint16_t)c->params.time2retain);
	task_respond_behind(task, result == ISCSI_LOGOUT_CLOSED ? logged_out : NULL);
}
