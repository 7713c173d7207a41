/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data-Out: immediate, unsolicited and asked for (RFC 7143 11.7, 11.8). DataPDUInOrder and
 * DataSequenceInOrder are Yes, so the bytes of a task come in order, and `received` says how many
 * have come.
 */
#include <errno.h>
#include <string.h>
#include "target/priv.h"

bool data_out_owed(const struct task *task)
{
	return task->expects_unsolicited || task->r2t_count;
}

/* A connection that owes data is watched: what it holds meanwhile, others lack. */
void data_out_expect(struct task *task)
{
	struct conn *c = task->conn;
	if (!c->owed++)
		c->owed_heard = reactor_now(c->target->reactor);
	conn_watch(c);
}

static void got_sequence(struct task *task)
{
	if (task->conn && task->conn->owed)
		task->conn->owed--;
}

/* --- asking */

static bool send_r2t(struct task *task, uint32_t want)
{
	struct conn *c = task->conn;
	uint32_t len = MIN(want - task->r2t_next, c->params.max_burst);
	struct out_pdu *pdu = conn_pdu(c, ISCSI_R2T, ISCSI_FINAL, NULL);
	if (!pdu)
		return false;
	struct iscsi_r2t *bhs = (struct iscsi_r2t *)&pdu->tx.bhs;
	struct r2t *r2t = &task->r2t[(task->r2t_first + task->r2t_count++) % ARRAY_SIZE(task->r2t)];
	*r2t = (struct r2t){.ttt = conn_ttt(c), .offset = task->r2t_next, .length = len};
	memcpy(bhs->lun, task->bhs.lun, sizeof(bhs->lun));
	put_be32(bhs->itt, task->itt);
	put_be32(bhs->ttt, r2t->ttt);
	/* The next StatSN, which an R2T does not use up (RFC 7143 11.8.3). */
	put_be32(bhs->statsn, c->statsn);
	put_be32(bhs->r2tsn, task->r2tsn++);
	put_be32(bhs->buffer_offset, r2t->offset);
	put_be32(bhs->desired_length, len);
	task->r2t_next += len;
	data_out_expect(task);
	conn_push(c, &pdu->tx);
	return true;
}

static void end_move(struct task *task, int err)
{
	struct scsi_io *io = &task->io;
	task->moving = false;
	io->out_got = MIN(task->received, io->out_len);
	/* Of what has failed nobody looks at the data, and more of it may just be coming in: a digest that
	 * is yet to be taken of it must be that of what came. */
	if (!err)
		memset(io->data + io->out_got, 0, io->out_len - io->out_got);
	scsi_io_moved(io, err);
}

/* Asks for more, or ends the move when everything is there. */
static void advance(struct task *task)
{
	uint32_t want = MIN(task->io.out_len, task->edtl_out);
	if (task->expects_unsolicited)
		return; /* comes by itself; what it leaves over is asked for then */
	task->r2t_next = MAX(task->r2t_next, task->received);
	unsigned most = MIN(task->conn->params.max_outstanding_r2t, TARGET_MAX_R2T);
	while (!task->fail && task->r2t_next < want && task->r2t_count < most) {
		if (!send_r2t(task, want)) {
			conn_drop(task->conn, "no memory");
			return;
		}
	}
	if (!task->r2t_count)
		end_move(task, task->fail ? -EIO : 0);
}

void data_out_move(struct scsi_io *io)
{
	struct task *task = container_of(io, struct task, io);
	task->moving = true;
	if (task->conn)
		advance(task);
	else /* the session has ended, and the LU has not heard of it yet */
		end_move(task, -ECANCELED);
}

/* RFC 7143 4.2.3.3 a: a function on many tasks waits for what its own initiator was asked for. */
void data_out_move_abort(struct scsi_io *io)
{
	struct task *task = container_of(io, struct task, io);
	if (!task->moving)
		return;
	task->swallowing = true;
	if (!task->conn || !task->conn->patient || !data_out_owed(task))
		data_out_give_up(task);
}

void data_out_forgive(struct task *task)
{
	for (; task->r2t_count; task->r2t_count--)
		got_sequence(task);
	if (task->expects_unsolicited)
		got_sequence(task);
	task->expects_unsolicited = false;
}

void data_out_give_up(struct task *task)
{
	task->swallowing = false;
	task->given_up = true;
	data_out_forgive(task);
	if (task->moving)
		end_move(task, -ECANCELED);
}

/* --- getting */

/* What a Data-Out is part of: unsolicited data or an R2T. */
struct sequence {
	uint32_t *datasn;
	uint32_t end; /* it may bring bytes up to this offset */
};

static bool find_sequence(struct task *task, const struct iscsi_data_out *bhs, struct sequence *seq)
{
	const struct conn *c = task->conn;
	uint32_t ttt = get_be32(bhs->ttt);
	if (ttt == ISCSI_RESERVED_TAG) {
		seq->datasn = &task->unsolicited_datasn;
		seq->end = MIN(task->edtl_out, c->params.first_burst);
		return task->expects_unsolicited;
	}
	struct r2t *r2t = &task->r2t[task->r2t_first];
	seq->datasn = &r2t->datasn;
	seq->end = r2t->offset + r2t->length;
	return task->r2t_count && r2t->ttt == ttt;
}

/* Notes the first reason for which the task will fail. */
static void fail(struct task *task, uint16_t asc_ascq)
{
	if (!task->fail)
		task->fail = asc_ascq;
}

/*
 * A Data-Out without a task may belong to one that was aborted while it was on its way; so it is dropped
 * and not answered (RFC 7143 4.2.3.3). So is one of a task whose end another reactor has yet to hear of.
 */
bool data_out_header(struct conn *c)
{
	const struct iscsi_data_out *bhs = (const struct iscsi_data_out *)&c->rx.bhs;
	struct task *task = session_find_task(c->session, get_be32(bhs->itt));
	struct sequence seq;
	if (!task || iscsi_opcode(&task->bhs) != ISCSI_SCSI_COMMAND || task->given_up)
		return true;
	if (!find_sequence(task, bhs, &seq)) {
		if (get_be32(bhs->ttt) == ISCSI_RESERVED_TAG)
			fail(task, UNEXPECTED_UNSOLICITED_DATA);
		conn_reject(c, &c->rx.bhs, ISCSI_REJECT_INVALID_FIELD);
		return true;
	}
	task_ref(task);
	c->rx_task = task;
	if (task->fail) /* the rest is only waited for */
		return true;
	uint32_t offset = get_be32(bhs->buffer_offset), datasn = get_be32(bhs->datasn);
	if (datasn != (*seq.datasn)++ || offset != task->received) {
		fail(task, INCORRECT_AMOUNT_OF_DATA);
		conn_reject(c, &c->rx.bhs, ISCSI_REJECT_INVALID_FIELD);
	} else if (c->rx.data_len > seq.end - offset) {
		fail(task, INCORRECT_AMOUNT_OF_DATA);
	}
	uint32_t room = MIN(task->out_len, task->buf_len);
	if (!task->fail && task->buf && offset < room)
		iscsi_rx_place(&c->rx, task->buf + offset, room - offset);
	return true;
}

/* The F bit: the sequence is over, and all of it must be there (RFC 7143 11.4.7.2). */
static void end_sequence(struct task *task, bool unsolicited)
{
	const struct iscsi_params *p = &task->conn->params;
	got_sequence(task);
	if (unsolicited) {
		task->expects_unsolicited = false;
		if (task->received < MIN(task->edtl_out, p->first_burst))
			fail(task, INCORRECT_AMOUNT_OF_DATA);
		return;
	}
	const struct r2t *r2t = &task->r2t[task->r2t_first];
	if (task->received != r2t->offset + r2t->length)
		fail(task, INCORRECT_AMOUNT_OF_DATA);
	task->r2t_first = (task->r2t_first + 1) % TARGET_MAX_R2T;
	task->r2t_count--;
}

/* Something came, or ended: goes on with whatever waited for it. */
static void go_on(struct task *task)
{
	if (task->swallowing) {
		if (!data_out_owed(task))
			data_out_give_up(task);
	} else if (task->finished) {
		if (!data_out_owed(task))
			command_finish(task);
	} else if (task->moving) {
		advance(task);
	} else if (task->delivered && !task->submitted && (task->fail || task->full)) {
		list_del(&task->link); /* it may be starved */
		command_begin(task);
	} else if (task->delivered && !task->submitted) {
		reactor_defer(task->target->reactor, &task->target->feed);
	}
}

bool data_out_pdu(struct conn *c, bool damaged)
{
	struct task *task = c->rx_task;
	if (damaged)
		conn_reject(c, &c->rx.bhs, ISCSI_REJECT_DATA_DIGEST);
	/* It may have been aborted while this came in, and owes nothing any more. */
	if (!task || !task->conn || !data_out_owed(task))
		return true;
	if (c->rx.data_len || (c->rx.bhs.flags & ISCSI_FINAL))
		c->owed_heard = reactor_now(c->target->reactor);
	if (damaged) /* RFC 7143 7.8 b: the task ends so, when the rest has come */
		fail(task, PROTOCOL_SERVICE_CRC_ERROR);
	if (!task->fail)
		task->received += c->rx.data_len;
	if (c->rx.bhs.flags & ISCSI_FINAL) {
		const struct iscsi_data_out *bhs = (const struct iscsi_data_out *)&c->rx.bhs;
		end_sequence(task, get_be32(bhs->ttt) == ISCSI_RESERVED_TAG);
		go_on(task);
	}
	return true;
}
