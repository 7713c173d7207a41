/* SPDX-License-Identifier: BSD-2-Clause */
/* Data-In: a read's data in PDUs that the initiator takes, status in the last one (RFC 7143 11.7). */
#include <string.h>
#include "target/priv.h"

/* Sets one pair of residual flags and count: what the command calls for against what was expected. */
static void residual(struct iscsi_scsi_response *bhs, uint8_t *count, uint64_t called,
		     uint64_t expected, uint8_t overflow, uint8_t underflow)
{
	if (called > expected) {
		bhs->flags |= overflow;
		put_be32(count, (uint32_t)(called - expected));
	} else if (called < expected) {
		bhs->flags |= underflow;
		put_be32(count, (uint32_t)(expected - called));
	}
}

void data_in_residual(const struct task *task, struct iscsi_scsi_response *bhs)
{
	const struct scsi_io *io = &task->io;
	bool good = io->status == SCSI_GOOD;
	bool write = task->bhs.flags & ISCSI_COMMAND_WRITE;
	bool read = task->bhs.flags & ISCSI_COMMAND_READ;
	uint32_t in = good ? io->in_len : 0;
	/* What a failed command took is what had come for it. */
	uint32_t out = good ? io->out_len : MIN(io->out_len, task->received);

	if (write && read)
		residual(bhs, bhs->bidi_residual, in, task->edtl_in, ISCSI_BIDI_OVERFLOW,
			 ISCSI_BIDI_UNDERFLOW);
	if (write)
		residual(bhs, bhs->residual, out, task->edtl_out, ISCSI_OVERFLOW, ISCSI_UNDERFLOW);
	else if (out && !in) /* it calls for data that the initiator will not send */
		residual(bhs, bhs->residual, out, 0, ISCSI_OVERFLOW, ISCSI_UNDERFLOW);
	else
		residual(bhs, bhs->residual, in, task->edtl_in, ISCSI_OVERFLOW, ISCSI_UNDERFLOW);
}

/* --- data that the store lends */

/* A digest is of what was there when it was made, and small answers leave together. */
bool data_in_may_lend(const struct task *task)
{
	const struct conn *c = task->conn;
	return task->io.buf_len >= TARGET_LEND_MIN && !c->params.data_digest && !c->sending &&
	       iscsi_tx_idle(&c->tx) && list_empty(&c->data_in);
}

static bool is_lent(const struct task *task, const struct iscsi_tx_pdu *pdu)
{
	return pdu->data >= task->io.lent && pdu->data < task->io.lent + task->in_total;
}

/* From the first byte that was not sent. */
static void take_copy(struct task *task)
{
	const uint8_t *lent = task->io.lent;
	uint32_t from = task->in_sent;
	list_for_each (it, &task->conn->tx.queue) {
		struct iscsi_tx_pdu *pdu = list_entry(it, struct iscsi_tx_pdu, link);
		if (!is_lent(task, pdu))
			continue;
		from = MIN(from, (uint32_t)(pdu->data - lent));
		pdu->data = task->buf + (pdu->data - lent);
	}
	memcpy(task->buf + from, lent + from, task->in_total - from);
	task->io.lent = NULL;
}

/*
 * The store lends its bytes for as long as we are in here; then the task has ended, and one that is ordered
 * behind it may write. They are copied into the socket, without a stop in a buffer, and what that does not
 * take is copied as ever.
 */
static void send_lent(struct task *task)
{
	struct conn *c = task->conn;
	task_ref(task);
	if (!c->sending && iscsi_tx_idle(&c->tx) &&
	    list_first(&c->data_in, struct task, link) == task)
		conn_send_now(c);
	if (task->refs > 1) /* it is not through */
		take_copy(task);
	task_unref(task);
}

void data_in_start(struct task *task, uint32_t len)
{
	task->in_total = len;
	task->in_sent = 0;
	task->in_burst = task->conn->params.max_burst;
	list_add_tail(&task->conn->data_in, &task->link);
	conn_wake(task->conn);
	if (task->io.lent)
		send_lent(task);
}

static const uint8_t *next_bytes(const struct task *task)
{
	return (task->io.lent ? task->io.lent : task->buf) + task->in_sent;
}

static void fill(struct task *task, struct iscsi_data_in *bhs)
{
	put_be32(bhs->itt, task->itt);
	put_be32(bhs->ttt, ISCSI_RESERVED_TAG);
	put_be32(bhs->datasn, task->datasn++);
	put_be32(bhs->buffer_offset, task->in_sent);
}

/* The last PDU carries status, so a SCSI Response is saved: "phase collapse". It has the residual
 * count where a SCSI Response has it, but no place for that of a bidirectional read. */
static void make_last(struct task *task, uint32_t len)
{
	struct iscsi_data_in *bhs = (struct iscsi_data_in *)task_response(task, ISCSI_DATA_IN);
	fill(task, bhs);
	bhs->flags |= ISCSI_DATA_STATUS;
	bhs->status = task->io.status;
	struct iscsi_scsi_response counts = {0};
	data_in_residual(task, &counts);
	bhs->flags |= counts.flags;
	memcpy(bhs->residual, counts.residual, sizeof(bhs->residual));
	task_respond(task, next_bytes(task), len);
}

static void answer(struct task *task)
{
	struct conn *c = task->conn;
	void (*then)(struct conn *) = task->then;
	task_respond(task, NULL, 0);
	if (then)
		then(c);
}

void task_respond_behind(struct task *task, void (*then)(struct conn *c))
{
	struct conn *c = task->conn;
	task->answering = true;
	task->then = then;
	if (list_empty(&c->data_in)) {
		answer(task);
		return;
	}
	list_add_tail(&c->data_in, &task->link);
	conn_wake(c);
}

static bool make_one(struct conn *c, struct task *task)
{
	if (task->answering) {
		list_del(&task->link);
		answer(task);
		return true;
	}
	uint32_t left = task->in_total - task->in_sent;
	uint32_t most = MIN(c->params.max_send_data, c->max_data_in);
	uint32_t len = MIN(left, MIN(most, task->in_burst));
	bool bidi =
		(task->bhs.flags & ISCSI_COMMAND_READ) && (task->bhs.flags & ISCSI_COMMAND_WRITE);

	if (len == left && !bidi) {
		list_del(&task->link);
		make_last(task, len);
		return true;
	}
	bool ends_burst = len == task->in_burst || len == left;
	struct out_pdu *pdu = conn_pdu(c, ISCSI_DATA_IN, ends_burst ? ISCSI_FINAL : 0, task);
	if (!pdu) {
		conn_drop(c, "no memory");
		return false;
	}
	fill(task, (struct iscsi_data_in *)&pdu->tx.bhs);
	pdu->tx.data = next_bytes(task);
	pdu->tx.data_len = len;
	task->in_sent += len;
	task->in_burst = ends_burst ? c->params.max_burst : task->in_burst - len;
	conn_push(c, &pdu->tx);
	if (task->in_sent < task->in_total)
		return true;
	/* Bidirectional: its counts need a SCSI Response (RFC 7143 11.4.6). */
	list_del(&task->link);
	struct iscsi_scsi_response *bhs =
		(struct iscsi_scsi_response *)task_response(task, ISCSI_SCSI_RESPONSE);
	bhs->status = task->io.status;
	data_in_residual(task, bhs);
	put_be32(bhs->expdatasn, task->datasn);
	task_respond(task, NULL, 0);
	return true;
}

void data_in_make(struct conn *c)
{
	while (!list_empty(&c->data_in) && c->tx.count < TARGET_TX_DEPTH)
		if (!make_one(c, list_first(&c->data_in, struct task, link)))
			return;
}
