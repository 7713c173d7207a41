/* SPDX-License-Identifier: BSD-2-Clause */
/* Tasks: where they come from, and how they end. */
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

struct task *task_new(struct conn *c)
{
	struct target *t = c->target;
	struct task *task;
	if (list_empty(&t->free_tasks)) {
		task = malloc(sizeof(*task));
		if (!task)
			return NULL;
	} else {
		task = list_first(&t->free_tasks, struct task, all);
		list_del(&task->all);
	}
	/* What lies behind `response` is filled in by who uses it. */
	memset(task, 0, offsetof(struct task, response));
	memset(&task->tmf, 0, sizeof(*task) - offsetof(struct task, tmf));
	list_init(&task->itt_link);
	list_init(&task->link);
	list_add_tail(&t->tasks, &task->all);
	task->target = t;
	task->conn = c;
	task->refs = 1;
	task->bhs = c->rx.bhs;
	task->itt = get_be32(c->rx.bhs.itt);
	task->immediate = c->rx.bhs.opcode & ISCSI_IMMEDIATE;
	/* CmdSN lies at byte 24 of every request. */
	task->cmdsn = get_be32(((const struct iscsi_nop_out *)&c->rx.bhs)->cmdsn);
	return task;
}

void task_ref(struct task *task)
{
	task->refs++;
}

static void put_buf(struct task *task)
{
	if (!task->buf)
		return;
	pool_put(&task->target->pool, task->buf, task->buf_len);
	/* A session that is gone took its account with it. */
	if (task->conn && task->conn->session)
		task->conn->session->memory -= task->charged;
	task->charged = 0;
	task->buf = NULL;
	task->buf_len = 0;
}

void task_unref(struct task *task)
{
	struct target *t = task->target;
	assert(task->refs > 0);
	if (--task->refs)
		return;
	task_retire(task);
	list_del(&task->link);
	timer_cancel(t->reactor, &task->patience);
	put_buf(task);
	list_del(&task->all);
	list_add_head(&t->free_tasks, &task->all);
	if (!pool_low(&t->pool) && !t->freeing)
		reactor_defer(t->reactor, &t->feed);
}

bool task_get_buf(struct task *task, uint32_t len)
{
	struct target *t = task->target;
	struct session *s = task->conn->session;
	bool command = iscsi_opcode(&task->bhs) == ISCSI_SCSI_COMMAND;
	if (task->buf && task->buf_len >= len)
		return true;
	if (command && pool_size(len) > session_share(s))
		return false;
	uint8_t *buf = pool_get(&t->pool, len, command);
	if (!buf)
		return false;
	put_buf(task);
	task->buf = buf;
	task->buf_len = len;
	task->charged = command ? pool_size(len) : 0;
	s->memory += task->charged;
	return true;
}

void task_retire(struct task *task)
{
	struct conn *c = task->conn;
	list_del(&task->itt_link);
	if (!task->counted || !c)
		return;
	task->counted = false;
	if (task->immediate)
		c->immediate--;
	else if (c->session)
		c->session->active--;
}

struct iscsi_bhs *task_response(struct task *task, uint8_t opcode)
{
	struct iscsi_bhs *bhs = &task->response.bhs;
	memset(bhs, 0, sizeof(*bhs));
	bhs->opcode = opcode;
	bhs->flags = ISCSI_FINAL;
	put_be32(bhs->itt, task->itt);
	return bhs;
}

static void responded(struct iscsi_tx_pdu *pdu, int err)
{
	task_unref(container_of(pdu, struct task, response));
}

void task_respond(struct task *task, const void *data, uint32_t len)
{
	/* Before the PDU is queued: its MaxCmdSN has room for the next command then. */
	task_retire(task);
	task->response.data = data;
	task->response.data_len = len;
	task->response.sent = responded;
	conn_push_status(task->conn, &task->response);
}
