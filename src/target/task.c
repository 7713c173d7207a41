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
		t->free_task_count--;
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

bool task_is_command(const struct task *task)
{
	return iscsi_opcode(&task->bhs) == ISCSI_SCSI_COMMAND;
}

/* --- buffers */

/* A buffer's bytes are on the account of the session, until that ends, and of the logical unit, until
 * they are free: what a store that hangs keeps is its own LU's. */
static size_t *lun_account(struct task *task)
{
	return &task->target->lun_memory[task->lun_account];
}

static size_t *session_account(struct task *task)
{
	struct session *s = task->conn ? task->conn->session : NULL;
	return !s ? NULL : task_is_command(task) ? &s->memory : &s->echoes;
}

static void put_buf(struct task *task)
{
	bool command = task_is_command(task);
	if (!task->buf)
		return;
	size_t size = pool_size(task->buf_len), *session = session_account(task);
	pool_put(&task->target->pool, task->buf, task->buf_len, command);
	if (session)
		*session -= size;
	if (command)
		*lun_account(task) -= size;
	task->buf = NULL;
	task->buf_len = 0;
}

/* How much there is of something for one command: a quarter is left for data that comes before its
 * command's turn, or windows that are open already could not be honoured. */
static size_t part(size_t all, bool whole)
{
	return whole ? all / 4 * 3 : all;
}

/*
 * One LU takes no more than it leaves to all others, so however many hang, there is room for one more. A
 * session has its share, or a single command. `own` is what the task gives back for it.
 */
static bool may_have(struct task *task, size_t size, size_t own, bool whole)
{
	const struct session *s = task->conn->session;
	const struct pool *pool = &task->target->pool;
	if (!task_is_command(task))
		return s->echoes - own + size <= TARGET_ECHO_MAX;
	size_t others = s->memory - own;
	if (others && others + size > part(session_share(s), whole))
		return false;
	return *lun_account(task) - own + size + pool->used - own <=
	       part(pool_for_commands(pool), whole);
}

bool task_is_too_much(struct task *task, uint32_t len)
{
	size_t own = task->buf ? pool_size(task->buf_len) : 0;
	return *lun_account(task) == own && task->conn->session->memory == own &&
	       !may_have(task, pool_size(len), own, true);
}

bool task_get_buf(struct task *task, uint32_t len, bool whole)
{
	bool command = task_is_command(task);
	size_t size = pool_size(len), own = task->buf ? pool_size(task->buf_len) : 0;
	if (task->buf && task->buf_len >= len)
		return true;
	if (!may_have(task, size, own, whole))
		return false;
	uint8_t *buf = pool_get(&task->target->pool, len, command);
	if (!buf)
		return false;
	if (task->buf)
		memcpy(buf, task->buf, MIN(task->received, task->buf_len));
	put_buf(task);
	task->buf = buf;
	task->buf_len = len;
	*session_account(task) += size;
	if (command)
		*lun_account(task) += size;
	return true;
}

/* --- the end */

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
	if (t->free_task_count < TARGET_FREE_MAX) {
		list_add_head(&t->free_tasks, &task->all);
		t->free_task_count++;
	} else {
		free(task);
	}
	if (!pool_low(&t->pool) && !t->freeing)
		reactor_defer(t->reactor, &t->feed);
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
	if (task_is_command(task) && task->io.tells)
		session_told(task->conn->session, task->io.tells, &task->response.bhs);
}
