/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions: the CmdSN window, requests in their order, and the I_T nexus. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

struct session *session_find(struct target *t, const struct target_node *node,
			     const char *initiator, const uint8_t *isid, uint16_t tsih)
{
	list_for_each (it, &t->sessions) {
		struct session *s = list_entry(it, struct session, link);
		if (s->node == node && (!tsih || s->tsih == tsih) &&
		    !memcmp(s->isid, isid, sizeof(s->isid)) && !strcmp(s->initiator, initiator))
			return s;
	}
	return NULL;
}

static bool tsih_in_use(struct target *t, uint16_t tsih)
{
	list_for_each (it, &t->sessions)
		if (list_entry(it, struct session, link)->tsih == tsih)
			return true;
	return false;
}

/* 0 is reserved (RFC 7143 11.12.6); max_sessions is below 2^16, so there is a free one. */
static uint16_t new_tsih(struct target *t)
{
	do
		t->last_tsih++;
	while (!t->last_tsih || tsih_in_use(t, t->last_tsih));
	return t->last_tsih;
}

static struct scsi_nexus *new_nexus(struct session *s)
{
	char initiator_port[ISCSI_PORT_NAME_SIZE], target_port[ISCSI_PORT_NAME_SIZE];
	iscsi_initiator_port_name(initiator_port, s->initiator, s->isid);
	iscsi_target_port_name(target_port, s->node->name, TARGET_PORTAL_GROUP);
	return scsi_nexus_new(s->node->device, initiator_port, target_port, TARGET_PORTAL_GROUP);
}

struct session *session_new(struct conn *c, struct target_node *node,
			    const struct iscsi_login_identity *id)
{
	struct target *t = c->target;
	struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->target = t;
	s->node = node;
	memcpy(s->initiator, id->initiator_name, sizeof(s->initiator));
	memcpy(s->isid, id->isid, sizeof(s->isid));
	if (node) {
		s->nexus = new_nexus(s);
		if (!s->nexus) {
			free(s);
			return NULL;
		}
		t->session_count++;
	}
	s->tsih = new_tsih(t);
	s->expcmdsn = id->cmdsn;
	s->maxcmdsn = id->cmdsn - 1;
	list_init(&s->held);
	for (size_t i = 0; i < ARRAY_SIZE(s->by_itt); i++)
		list_init(&s->by_itt[i]);
	s->conn = c;
	c->session = s;
	list_add_tail(&t->sessions, &s->link);
	return s;
}

/* Nobody is left to answer. */
static void isolate(struct task *task, struct list *alone)
{
	list_del(&task->itt_link);
	list_add_tail(alone, &task->itt_link);
	task->conn = NULL;
	task->counted = false;
	tmf_stop(task);
}

/*
 * What the device server has goes on without us, the rest ends here. The end of one task lets others
 * go on, and functions of other sessions end: so all of them are out of everybody's reach first.
 */
static void end_tasks(struct session *s, struct conn *c)
{
	struct list alone;
	list_init(&alone);
	for (size_t i = 0; i < ARRAY_SIZE(s->by_itt); i++)
		while (!list_empty(&s->by_itt[i]))
			isolate(list_first(&s->by_itt[i], struct task, itt_link), &alone);
	s->active = 0;
	s->memory = s->echoes = 0;
	c->immediate = 0;
	c->owed = 0;
	while (!list_empty(&alone)) {
		struct task *task = list_first(&alone, struct task, itt_link);
		list_del(&task->itt_link);
		task_ref(task);
		command_forget(task);
		task_unref(task);
	}
	while (!list_empty(&s->held)) /* what is left are plugs */
		task_unref(list_first(&s->held, struct task, link));
}

void session_free(struct session *s)
{
	struct target *t = s->target;
	struct conn *c = s->conn;
	c->session = NULL;
	list_del(&s->link);
	end_tasks(s, c);
	if (s->nexus) {
		scsi_nexus_free(s->nexus);
		t->session_count--;
	}
	free(s);
}

int session_adopt(struct session *s, struct conn *c, uint32_t cmdsn)
{
	struct conn *old = s->conn;
	struct scsi_nexus *nexus = NULL;
	/* The tasks of the old connection end with it (RFC 7143 6.3.4, 7.6 b), and with them, at
	 * ErrorRecoveryLevel 0, goes the nexus: initiators then look at everything anew. */
	if (s->nexus) {
		nexus = new_nexus(s);
		if (!nexus)
			return -ENOMEM;
	}
	old->session = NULL;
	s->conn = c;
	c->session = s;
	end_tasks(s, old);
	if (s->nexus)
		scsi_nexus_free(s->nexus);
	s->nexus = nexus;
	/* What was sent on the old connection and has not come never will, and nobody waits for it. */
	if (iscsi_sn_in(cmdsn, s->expcmdsn, s->maxcmdsn + 1))
		s->expcmdsn = cmdsn;
	conn_drop(old, "taken over by a new connection of its session");
	return 0;
}

/* --- command numbering (RFC 7143 4.2.2.1) */

size_t session_share(const struct session *s)
{
	return MAX(pool_for_commands(&s->target->pool) / TARGET_SHARES, TARGET_SHARE_MIN);
}

/* The MaxCmdSN that there is room for now. Near a limit that is one command at a time, so that a session
 * which needs no memory is not stopped by those that have it. */
static uint32_t window_end(const struct session *s)
{
	const struct target *t = s->target;
	bool low = pool_low(&t->pool) || s->memory > session_share(s) / 8 * 5;
	size_t most = low ? 1 : t->limits.max_commands;
	size_t room = s->active < most ? most - s->active : 0;
	return s->expcmdsn + (uint32_t)room - 1;
}

uint32_t session_maxcmdsn(struct session *s)
{
	uint32_t max = window_end(s);
	if (iscsi_sn_gt(max, s->maxcmdsn))
		s->maxcmdsn = max;
	s->window_closed = s->maxcmdsn == s->expcmdsn - 1;
	return s->maxcmdsn;
}

bool session_window_opens(const struct session *s)
{
	return s->window_closed && iscsi_sn_gt(window_end(s), s->maxcmdsn);
}

struct task *session_find_task(struct session *s, uint32_t itt)
{
	list_for_each (it, &s->by_itt[itt % TARGET_ITT_BUCKETS]) {
		struct task *task = list_entry(it, struct task, itt_link);
		if (task->itt == itt)
			return task;
	}
	return NULL;
}

bool session_expects(const struct session *s, uint32_t cmdsn)
{
	if (!iscsi_sn_in(cmdsn, s->expcmdsn, s->maxcmdsn))
		return false;
	list_for_each (it, &s->held) {
		const struct task *task = list_entry(it, struct task, link);
		if (task->cmdsn == cmdsn && !task->immediate)
			return false;
	}
	return true;
}

/* An immediate request has the CmdSN of the next ordinary one, and goes before it. */
static bool goes_before(const struct task *a, const struct task *b)
{
	return iscsi_sn_lt(a->cmdsn, b->cmdsn) ||
	       (a->cmdsn == b->cmdsn && a->immediate && !b->immediate);
}

static void hold(struct session *s, struct task *task)
{
	struct list *pos = &s->held;
	if (list_empty(&s->held))
		s->gap_since = reactor_now(s->target->reactor);
	list_for_each (it, &s->held) {
		if (goes_before(task, list_entry(it, struct task, link))) {
			pos = it;
			break;
		}
	}
	list_add_before(pos, &task->link);
}

static void deliver(struct session *s, struct task *task)
{
	if (task->immediate) {
		dispatch_deliver(task);
		return;
	}
	s->expcmdsn++;
	if (task->plug) {
		task_unref(task);
		return;
	}
	s->active++;
	task->counted = true;
	dispatch_deliver(task);
}

/* Those whose turn it is. Any of them may end the session. */
static void deliver_due(struct conn *c)
{
	struct session *s = c->session;
	while (c->session == s && !list_empty(&s->held)) {
		struct task *task = list_first(&s->held, struct task, link);
		if (iscsi_sn_gt(task->cmdsn, s->expcmdsn))
			break;
		list_del(&task->link);
		s->gap_since = reactor_now(s->target->reactor);
		deliver(s, task);
	}
}

void session_sequence(struct session *s, struct task *task)
{
	struct conn *c = s->conn;
	if (task->immediate) {
		c->immediate++;
		task->counted = true;
		if (!tmf_waits(task)) {
			dispatch_deliver(task);
			return;
		}
	}
	hold(s, task);
	deliver_due(c);
	if (c->session == s && !list_empty(&s->held))
		conn_watch(c);
}

void session_reject(struct task *task)
{
	struct session *s = task->conn->session;
	if (!task->immediate && task->cmdsn == s->expcmdsn - 1)
		s->expcmdsn--;
}

int session_plug(struct session *s, uint32_t cmdsn)
{
	if (!session_expects(s, cmdsn))
		return 0;
	struct task *task = task_new(s->conn);
	if (!task)
		return -ENOMEM;
	task->plug = true;
	task->immediate = false; /* whatever the request was that made it necessary */
	task->cmdsn = cmdsn;
	hold(s, task);
	deliver_due(s->conn);
	return 0;
}
