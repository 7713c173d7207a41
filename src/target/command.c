/* SPDX-License-Identifier: BSD-2-Clause */
/* SCSI Command PDUs: from their header to the device server, and from there to the response. */
#include <string.h>
#include "iscsi/ahs.h"
#include "target/priv.h"

static void command_done(struct scsi_io *io);

static const struct scsi_port_ops port_ops = {
	.data_move = data_out_move,
	.move_abort = data_out_move_abort,
	.done = command_done,
};

/* --- the header */

_Static_assert(ISCSI_CDB_MAX <= SCSI_CDB_MAX, "a CDB fits");

/* The rest of the CDB, and the read length of a bidirectional command. */
static bool take_ahs(const struct conn *c, struct scsi_io *io, uint32_t *bidi_read)
{
	struct iscsi_ahs ahs;
	if (iscsi_ahs_parse(c->rx.ahs, c->rx.ahs_len, &ahs) != 0)
		return false;
	if (ahs.cdb)
		memcpy(io->cdb + ISCSI_CDB_LEN, ahs.cdb, ahs.cdb_len);
	io->cdb_len = (uint16_t)(ISCSI_CDB_LEN + ahs.cdb_len);
	*bidi_read = ahs.bidi_read_length;
	return true;
}

/* Fills in the task's io from the header. False: a field is not as it must be. */
static bool take_header(struct conn *c, struct task *task)
{
	const struct iscsi_scsi_command *bhs = (const struct iscsi_scsi_command *)&task->bhs;
	struct scsi_io *io = &task->io;
	uint32_t edtl = get_be32(bhs->expected_length), bidi_read = 0;
	bool write = bhs->flags & ISCSI_COMMAND_WRITE, read = bhs->flags & ISCSI_COMMAND_READ;

	io->port = &port_ops;
	io->nexus = c->session->nexus;
	io->heard = session_heard(c->session, get_be32(bhs->cmdsn), get_be32(bhs->expstatsn));
	memcpy(io->lun, bhs->lun, sizeof(io->lun));
	memcpy(io->cdb, bhs->cdb, sizeof(bhs->cdb));
	io->attr = (enum scsi_task_attr)(bhs->flags & ISCSI_COMMAND_ATTR);
	io->tag = task->itt;
	if (io->attr > SCSI_ACA || !take_ahs(c, io, &bidi_read))
		return false;
	task->edtl_out = write ? edtl : 0;
	task->edtl_in = read ? (write ? bidi_read : edtl) : 0;
	/* Without W there is no Data-Out that could follow (RFC 7143 11.3.1). */
	return write || (bhs->flags & ISCSI_FINAL);
}

/* Immediate and unsolicited data: only as was negotiated (RFC 7143 13.10, 13.11, 13.14). */
static bool may_bring_data(const struct conn *c, const struct task *task)
{
	const struct iscsi_params *p = &c->params;
	uint32_t immediate = c->rx.data_len;
	if (!immediate && !task->expects_unsolicited)
		return true;
	if (!(task->bhs.flags & ISCSI_COMMAND_WRITE))
		return false;
	if (immediate && !p->immediate_data)
		return false;
	if (task->expects_unsolicited && p->initial_r2t)
		return false;
	return immediate <= MIN(task->edtl_out, p->first_burst);
}

bool command_header(struct conn *c, struct task *task)
{
	struct scsi_io *io = &task->io;
	if (!take_header(c, task)) {
		conn_reject(c, &c->rx.bhs, ISCSI_REJECT_INVALID_FIELD);
		return false;
	}
	io->expected_out = task->edtl_out;
	scsi_decode(io);
	/* Two LUs may share one of the accounts: then they share a bound. */
	task->lun_account = (uint16_t)(scsi_io_lu_number(io) % TARGET_LUN_ACCOUNTS);
	task->out_len = io->out_len;
	task->expects_unsolicited = !(task->bhs.flags & ISCSI_FINAL);
	if (task->expects_unsolicited)
		data_out_expect(task);
	if (!may_bring_data(c, task))
		task->fail = UNEXPECTED_UNSOLICITED_DATA;
	if (!c->rx.data_len && !task->expects_unsolicited)
		return true;
	/* Data comes before the command's turn, so there must be a place for it now, if for no more. */
	uint32_t now = task->expects_unsolicited ? MIN(task->edtl_out, c->params.first_burst)
						 : c->rx.data_len;
	now = MIN(now, io->buf_len);
	if (now && !task->fail && !task_get_buf(task, now, false))
		task->full = true;
	if (task->buf)
		iscsi_rx_place(&c->rx, task->buf, MIN(io->out_len, task->buf_len));
	return true;
}

void command_received(struct task *task, uint32_t len)
{
	task->received = len;
}

/* --- to the device server */

void command_refuse(struct task *task, enum scsi_status status)
{
	list_del(&task->link);
	task->submitted = true;
	if (status == SCSI_CHECK_CONDITION)
		scsi_refuse(&task->io, status, 0x0b, task->fail);
	else
		scsi_refuse(&task->io, status, 0, 0);
}

static void submit(struct task *task)
{
	task->io.data = task->buf;
	task->io.may_lend = data_in_may_lend(task);
	task->submitted = true;
	scsi_submit(&task->io);
}

/* A buffer that the socket receives into now cannot be exchanged for a larger one. */
static bool get_whole_buf(struct task *task)
{
	const struct conn *c = task->conn;
	uint32_t need = task->io.buf_len;
	bool coming = c->rx_task == task && iscsi_opcode(&c->rx.bhs) == ISCSI_DATA_OUT;
	return !need || (coming && task->buf_len >= need) ||
	       (!coming && task_get_buf(task, need, true));
}

void command_begin(struct task *task)
{
	struct target *t = task->target;
	task->io.since = reactor_now(t->reactor);
	if (task->fail || task->full) {
		if (!data_out_owed(task))
			command_refuse(task,
				       task->fail ? SCSI_CHECK_CONDITION : SCSI_TASK_SET_FULL);
		return;
	}
	/* Behind others that wait, even without a need of its own: order is kept. */
	if (list_empty(&t->starved) && !task->conn->session->rounds && get_whole_buf(task)) {
		submit(task);
		return;
	}
	list_add_tail(&t->starved, &task->link);
	reactor_defer(t->reactor, &t->feed);
}

/* A window that was shut for want of memory opens; nobody would hear of it otherwise. Who has much to
 * read yet hears of it with that. */
static void open_windows(struct target *t)
{
	list_for_each (it, &t->sessions) {
		struct session *s = list_entry(it, struct session, link);
		if (s->conn->state == CONN_FULL && s->conn->tx.count < TARGET_TX_DEPTH &&
		    session_window_opens(s))
			conn_ping(s->conn, false);
	}
}

/* Behind one that waits on, those of its session to the same LU do: their order is kept. */
static bool is_blocked(const struct target *t, const struct session *s, uint64_t lun)
{
	return s->blocked == t->feed_round && (s->blocked_luns & lun);
}

static void block(const struct target *t, struct session *s, uint64_t lun)
{
	s->blocked_luns = s->blocked == t->feed_round ? s->blocked_luns | lun : lun;
	s->blocked = t->feed_round;
}

/* Gives memory to those that wait, in order; when there is none left for anyone, to nobody who needs some. */
static void feed(struct target *t, struct list *ready)
{
	bool dry = false;
	t->feed_round++;
	list_for_each_safe (it, &t->starved) {
		struct task *task = list_entry(it, struct task, link);
		struct session *s = task->conn->session;
		uint32_t need = task->io.buf_len;
		uint64_t lun = UINT64_C(1) << task->lun_account % 64;
		if (s->rounds || is_blocked(t, s, lun))
			continue;
		if ((dry && need) || !get_whole_buf(task)) {
			dry |= task_is_too_much(task, need);
			block(t, s, lun);
			continue;
		}
		list_del(&task->link);
		list_add_tail(ready, &task->link);
	}
}

void command_feed(struct deferred *d)
{
	struct target *t = container_of(d, struct target, feed);
	struct list ready;
	list_init(&ready);
	feed(t, &ready);
	/* Any of them may end a session, and take others off this list. */
	while (!list_empty(&ready)) {
		struct task *task = list_first(&ready, struct task, link);
		list_del(&task->link);
		submit(task);
	}
	if (!pool_low(&t->pool))
		open_windows(t);
}

/* --- and back */

void command_forget(struct task *task)
{
	if (task->swallowing) {
		data_out_give_up(task); /* ends in command_done() */
		return;
	}
	if (task->submitted && !task->finished)
		return; /* command_done() comes */
	data_out_forgive(task);
	if (!task->delivered && !list_empty(&task->link)) {
		task->plug = true; /* held: its number must not be missed */
		task_retire(task);
		return;
	}
	list_del(&task->link);
	task_retire(task);
	task_unref(task);
}

static void command_done(struct scsi_io *io)
{
	struct task *task = container_of(io, struct task, io);
	if (task->finished) /* swallowed its data and was given up on the way */
		return;
	task->finished = true;
	if (!task->conn || (io->aborted && io->status == SCSI_GOOD))
		command_forget(task);
	else if (!data_out_owed(task))
		command_finish(task);
}

/* The transport's reason takes the place of the device server's more general one. */
static void put_fail_reason(struct task *task)
{
	struct scsi_io *io = &task->io;
	if (!task->fail || io->status != SCSI_CHECK_CONDITION || !io->sense_len)
		return;
	bool descriptor = (io->sense[0] & 0x7f) >= 0x72;
	put_be16(io->sense + (descriptor ? 2 : 12), task->fail);
}

/* RFC 7143 11.4.7: the length, then the sense data. */
static uint32_t put_sense(struct task *task)
{
	const struct scsi_io *io = &task->io;
	if (!io->sense_len)
		return 0;
	put_be16(task->segment, io->sense_len);
	memcpy(task->segment + 2, io->sense, io->sense_len);
	return 2u + io->sense_len;
}

void command_finish(struct task *task)
{
	struct scsi_io *io = &task->io;
	uint32_t in = io->status == SCSI_GOOD ? MIN(io->in_len, task->edtl_in) : 0;
	if (in) {
		data_in_start(task, in);
		return;
	}
	struct iscsi_scsi_response *bhs =
		(struct iscsi_scsi_response *)task_response(task, ISCSI_SCSI_RESPONSE);
	put_fail_reason(task);
	bhs->status = io->status;
	data_in_residual(task, bhs);
	put_be32(bhs->expdatasn, task->datasn);
	task_respond(task, task->segment, put_sense(task));
}
