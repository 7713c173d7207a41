/* SPDX-License-Identifier: BSD-2-Clause */
/* Task Management Function Requests (RFC 7143 11.5, 11.6). What they do is in scsi/. */
#include <string.h>
#include "target/priv.h"

/*
 * How long aborted tasks may still wait for data that their initiator was asked for. The standard has
 * the initiator send it (4.2.3.3 a); Linux' initiator, for one, does not, and this is its price.
 */
#define PATIENCE_NS (2 * NSEC_PER_SEC)

static const struct function {
	bool known;
	enum scsi_tmf_function scsi;
} functions[] = {
	[ISCSI_TMF_ABORT_TASK] = {true, SCSI_ABORT_TASK},
	[ISCSI_TMF_ABORT_TASK_SET] = {true, SCSI_ABORT_TASK_SET},
	[ISCSI_TMF_CLEAR_TASK_SET] = {true, SCSI_CLEAR_TASK_SET},
	[ISCSI_TMF_LOGICAL_UNIT_RESET] = {true, SCSI_LU_RESET},
	[ISCSI_TMF_TARGET_WARM_RESET] = {true, SCSI_TARGET_RESET},
	[ISCSI_TMF_TARGET_COLD_RESET] = {true, SCSI_TARGET_RESET},
};

static const uint8_t results[] = {
	[SCSI_TMF_COMPLETE] = ISCSI_TMF_COMPLETE, [SCSI_TMF_NO_TASK] = ISCSI_TMF_NO_TASK,
	[SCSI_TMF_NO_LUN] = ISCSI_TMF_NO_LUN,     [SCSI_TMF_REJECTED] = ISCSI_TMF_REJECTED,
	[SCSI_TMF_CANCELED] = ISCSI_TMF_REJECTED,
};

static const struct iscsi_tmf_request *request(const struct task *task)
{
	return (const struct iscsi_tmf_request *)&task->bhs;
}

static unsigned function_of(const struct task *task)
{
	return request(task)->function & ~ISCSI_FINAL;
}

/*
 * RFC 7143 11.5.1: a cold reset is like a power on, so it ends every session of the node. The asker's
 * goes with the answer, the others later: any of them may be in the middle of something.
 */
static void cold_reset(struct node_part *p)
{
	list_for_each_safe (it, &p->part->conns) {
		struct conn *c = list_entry(it, struct conn, link);
		if (c->session && c->session->node == p->node)
			conn_drop(c, "target cold reset");
	}
}

void tmf_cold_reset(struct deferred *d)
{
	cold_reset(container_of(d, struct node_part, cold_reset));
}

void tmf_cold_reset_there(struct mail *m)
{
	cold_reset(container_of(m, struct node_part, mail));
}

static void cold_reset_answered(struct conn *c)
{
	struct target *t = c->target;
	struct node_part *parts = c->session->node->parts;
	for (unsigned i = 0; i < t->home->part_count; i++) {
		if (i == t->index)
			reactor_defer(t->reactor, &parts[i].cold_reset);
		else
			reactor_post(t->home->parts[i]->reactor, &parts[i].mail,
				     tmf_cold_reset_there);
	}
	session_free(c->session);
	conn_end(c);
}

static void respond(struct task *task, uint8_t result)
{
	bool cold =
		function_of(task) == ISCSI_TMF_TARGET_COLD_RESET && result == ISCSI_TMF_COMPLETE;
	struct iscsi_tmf_response *bhs =
		(struct iscsi_tmf_response *)task_response(task, ISCSI_TMF_RESPONSE);
	bhs->response = result;
	/* What is answered already must be read before this (RFC 7143 11.5.1). */
	task_respond_behind(task, cold ? cold_reset_answered : NULL);
}

static void done(struct scsi_tmf *tmf, enum scsi_tmf_result result)
{
	struct task *task = container_of(tmf, struct task, tmf);
	task->tmf_running = false;
	timer_cancel(task->target->reactor, &task->patience);
	if (task->conn) {
		if (function_of(task) != ISCSI_TMF_ABORT_TASK)
			task->conn->patient--;
		respond(task, results[result]);
	}
	task_unref(task);
}

void tmf_stop(struct task *task)
{
	if (!task->tmf_running)
		return;
	task->tmf_running = false;
	timer_cancel(task->target->reactor, &task->patience);
	if (!task->on_round && scsi_tmf_cancel(&task->tmf))
		task_unref(task);
}

/* --- tasks that the device server does not know yet: those that wait for memory */

static size_t abort_starved(struct target *t, const struct task *tmf)
{
	size_t count = 0;
	list_for_each_safe (it, &t->starved) {
		struct task *task = list_entry(it, struct task, link);
		if (!scsi_tmf_covers(&tmf->tmf, &task->io))
			continue;
		count++;
		list_del(&task->link);
		task->submitted = true;
		scsi_tmf_abort(&tmf->tmf, &task->io);
	}
	return count;
}

/* The device server has it, or its answer is on its way. */
static bool is_at_work(const struct task *task)
{
	return task->finished ? !data_out_owed(task) : task->submitted;
}

/* Commands whose data is still coming without being asked for, whatever becomes of them then. */
static size_t forget_collecting(struct task *tmf)
{
	struct session *s = tmf->conn->session;
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(s->by_itt); i++)
		list_for_each_safe (it, &s->by_itt[i]) {
			struct task *task = list_entry(it, struct task, itt_link);
			if (iscsi_opcode(&task->bhs) == ISCSI_SCSI_COMMAND && !is_at_work(task) &&
			    iscsi_sn_lt(task->cmdsn, tmf->cmdsn) &&
			    scsi_tmf_covers(&tmf->tmf, &task->io)) {
				command_forget(task);
				count++;
			}
		}
	return count;
}

static struct task *next_swallowing(const struct session *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->by_itt); i++)
		list_for_each (it, &s->by_itt[i]) {
			struct task *task = list_entry(it, struct task, itt_link);
			if (task->swallowing)
				return task;
		}
	return NULL;
}

/* The end of a task lets others go on, which may be the end of anything: so each is looked for anew. */
static void impatient(struct timer *timer)
{
	struct task *tmf = container_of(timer, struct task, patience), *task;
	task_ref(tmf);
	while (tmf->tmf_running && (task = next_swallowing(tmf->conn->session)))
		data_out_give_up(task);
	task_unref(tmf);
}

/*
 * RFC 7143 11.6.1 b: an ABORT TASK for a command that has not come, by a number that was to come
 * before this function: it counts as received and aborted. Any other tag is of no task.
 */
static void abort_absent(struct task *tmf)
{
	struct conn *c = tmf->conn;
	uint32_t cmdsn = get_be32(request(tmf)->refcmdsn);
	bool due = session_expects(c->session, cmdsn) && iscsi_sn_lt(cmdsn, tmf->cmdsn);
	respond(tmf, due ? ISCSI_TMF_COMPLETE : ISCSI_TMF_NO_TASK);
	/* What was held behind that number has its turn now, and may end the session. */
	if (due && session_plug(c->session, cmdsn))
		conn_drop(c, "no memory");
}

static bool is_known(unsigned function)
{
	return function < ARRAY_SIZE(functions) && functions[function].known;
}

/* RFC 7143 4.2.3.3 b: a function on many tasks waits for every command that was sent before it. */
bool tmf_waits(const struct task *task)
{
	unsigned function = function_of(task);
	return iscsi_opcode(&task->bhs) == ISCSI_TMF_REQUEST && is_known(function) &&
	       function != ISCSI_TMF_ABORT_TASK &&
	       iscsi_sn_gt(task->cmdsn, task->conn->session->expcmdsn);
}

/* What can be said without asking the device server, else one of these. */
enum {
	ASK = -1,    /* it is to be asked */
	ABSENT = -2, /* the task to be aborted has not come */
};

static int judge(struct task *task)
{
	unsigned function = function_of(task);
	const struct task *other;
	switch (function) {
	case ISCSI_TMF_ABORT_TASK:
		other = session_find_task(task->conn->session,
					  get_be32(request(task)->referenced_tag));
		/* Not on requests that are no SCSI tasks (RFC 7143 11.5.1). */
		if (other && iscsi_opcode(&other->bhs) != ISCSI_SCSI_COMMAND)
			return ISCSI_TMF_REJECTED;
		return other ? ASK : ABSENT;
	case ISCSI_TMF_TASK_REASSIGN: return ISCSI_TMF_NO_REASSIGN;
	default: break;
	}
	if (!is_known(function))
		return ISCSI_TMF_NOT_SUPPORTED;
	return ASK;
}

static void start_now(struct task *task)
{
	task_ref(task);
	scsi_tmf_start(&task->tmf);
	task_unref(task);
}

static void round_over(struct mail *m)
{
	struct task *task = container_of(m, struct task, round);
	task->on_round = false;
	if (!task->tmf_running) { /* the session has ended meanwhile */
		task_unref(task);
		return;
	}
	task->conn->session->rounds--;
	reactor_defer(task->target->reactor, &task->target->feed);
	start_now(task);
}

static void round_there(struct mail *m);

static void send_on(struct task *task)
{
	struct target *t = task->target;
	task->round_at = (task->round_at + 1) % t->home->part_count;
	reactor_post(t->home->parts[task->round_at]->reactor, &task->round,
		     task->round_at == t->index ? round_over : round_there);
}

static void round_there(struct mail *m)
{
	struct task *task = container_of(m, struct task, round);
	abort_starved(task->target->home->parts[task->round_at], task);
	send_on(task);
}

/* What other sessions have waiting for memory may be on any reactor. */
static void start(struct task *task)
{
	struct target *t = task->target;
	bool own =
		task->tmf.function == SCSI_ABORT_TASK || task->tmf.function == SCSI_ABORT_TASK_SET;
	task->on_round = !own && t->home->part_count > 1;
	task->round_at = t->index;
	if (!task->on_round) {
		start_now(task);
		return;
	}
	/* The device server is to have it before what the initiator sends from here on. */
	task->conn->session->rounds++;
	send_on(task);
}

void tmf_deliver(struct task *task)
{
	int answer = judge(task);
	if (answer == ABSENT) {
		abort_absent(task);
		return;
	}
	if (answer >= 0) {
		respond(task, (uint8_t)answer);
		return;
	}
	struct conn *c = task->conn;
	struct reactor *r = task->target->reactor;
	task->tmf = (struct scsi_tmf){
		.function = functions[function_of(task)].scsi,
		.nexus = task->conn->session->nexus,
		.tag = get_be32(request(task)->referenced_tag),
		.timeout = task->target->limits.tmf_timeout * NSEC_PER_SEC,
		.done = done,
	};
	memcpy(task->tmf.lun, task->bhs.lun, sizeof(task->tmf.lun));
	scsi_tmf_init(&task->tmf);
	size_t forgotten = abort_starved(task->target, task) + forget_collecting(task);
	if (function_of(task) == ISCSI_TMF_ABORT_TASK && forgotten) {
		respond(task, ISCSI_TMF_COMPLETE);
		return;
	}
	timer_init(&task->patience, impatient);
	timer_set(r, &task->patience, reactor_now(r) + PATIENCE_NS);
	task->tmf_running = true;
	/* Tasks are aborted from inside this call; it may end the session, the connection stays. */
	if (function_of(task) != ISCSI_TMF_ABORT_TASK)
		c->patient++;
	task_ref(task); /* until it is done */
	start(task);
}
