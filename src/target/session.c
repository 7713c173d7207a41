/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions: the CmdSN window, requests in their order, and the I_T nexus. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

struct session *session_new(struct conn *c, struct record *record)
{
	struct target *t = c->target;
	struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->target = t;
	s->record = record;
	s->node = record->node;
	s->nexus = record->nexus;
	memcpy(s->initiator, record->initiator, sizeof(s->initiator));
	s->tsih = record->tsih;
	s->expcmdsn = record->expcmdsn;
	s->maxcmdsn = record->maxcmdsn;
	s->depth = record->depth;
	s->heard = s->nexus ? scsi_nexus_inventory(s->nexus) : 0;
	s->patience = record->acl ? &record->acl->patience : &t->patience;
	list_init(&s->held);
	for (size_t i = 0; i < ARRAY_SIZE(s->by_itt); i++)
		list_init(&s->by_itt[i]);
	s->conn = c;
	c->session = s;
	record->session = s;
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
	struct conn *c = s->conn;
	struct record *record = s->record;
	c->session = NULL;
	list_del(&s->link);
	end_tasks(s, c);
	record->expcmdsn = s->expcmdsn;
	record->maxcmdsn = s->maxcmdsn;
	record->session = NULL;
	free(s);
	registry_leave(record);
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
	size_t most = low ? 1 : s->depth;
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

/* --- news of the LUN inventory */

void session_told(struct session *s, uint32_t inventory, const struct iscsi_bhs *answer)
{
	const struct iscsi_scsi_response *bhs = (const struct iscsi_scsi_response *)answer;
	/* The first of several answers that say the same. */
	if (s->told == inventory)
		return;
	s->told = inventory;
	s->told_statsn = get_be32(bhs->statsn);
	s->told_maxcmdsn = get_be32(bhs->maxcmdsn);
}

uint32_t session_heard(struct session *s, uint32_t cmdsn, uint32_t expstatsn)
{
	/* Who does not count answers has heard one if he uses the window that came with it, or a later one. */
	if (s->told &&
	    (iscsi_sn_gt(expstatsn, s->told_statsn) || iscsi_sn_gt(cmdsn, s->told_maxcmdsn)))
		s->heard = s->told;
	return s->heard;
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
