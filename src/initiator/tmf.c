/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management (RFC 7143 11.5, 11.6), and what a deadline leads to: ABORT TASK, then LOGICAL UNIT RESET, then
 * the end of the connection, each within its time. So every command ends, whatever the target does.
 */
#include <errno.h>
#include <string.h>
#include "initiator/priv.h"

/* What a function ends, when it is complete (SAM-5 7). */
static const struct {
	bool known, whole_lun, whole_target, again;
} functions[] = {
	[ISCSI_TMF_ABORT_TASK] = {.known = true},
	[ISCSI_TMF_ABORT_TASK_SET] = {.known = true, .whole_lun = true},
	[ISCSI_TMF_CLEAR_ACA] = {.known = true},
	[ISCSI_TMF_CLEAR_TASK_SET] = {.known = true, .whole_lun = true},
	[ISCSI_TMF_LOGICAL_UNIT_RESET] = {.known = true, .whole_lun = true, .again = true},
	[ISCSI_TMF_TARGET_WARM_RESET] = {.known = true, .whole_target = true, .again = true},
	[ISCSI_TMF_TARGET_COLD_RESET] = {.known = true, .whole_target = true, .again = true},
};

int ini_tmf(struct ini_session *s, struct ini_tmf *tmf, uint64_t now)
{
	bool one = tmf->function == ISCSI_TMF_ABORT_TASK;
	s->now = now;
	if (tmf->function >= ARRAY_SIZE(functions) || !functions[tmf->function].known)
		return -EINVAL;
	if (one && (!tmf->task || tmf->task->state != TASK_ISSUED))
		return -EINVAL;
	if (s->state < M_UP || s->state > M_DRAINING_END || s->state == M_LEAVING_AGAIN)
		return -ENOTCONN;
	if (s->tmf_count >= INI_TMFS)
		return -EBUSY;
	tmf->tag = ini_tag_new(s, TAG_TMF, tmf);
	if (tmf->tag == ISCSI_RESERVED_TAG)
		return -EBUSY;
	struct note *note =
		ini_conn_note(s, ISCSI_TMF_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | tmf->function);
	if (!note) {
		ini_tag_free(s, tmf->tag);
		return -EBUSY;
	}
	struct iscsi_tmf_request *bhs = (struct iscsi_tmf_request *)&note->pdu.bhs;
	memcpy(bhs->lun, one ? tmf->task->lun : tmf->lun, sizeof(bhs->lun));
	put_be32(bhs->itt, tmf->tag);
	tmf->about = one ? tmf->task->tag : ISCSI_RESERVED_TAG;
	put_be32(bhs->referenced_tag, tmf->about);
	if (one)
		put_be32(bhs->refcmdsn, tmf->task->cmdsn);
	tmf->refcmdsn = s->cmdsn;
	tmf->response = ISCSI_TMF_REJECTED;
	tmf->ends = ini_session_after(s, one ? s->config.times.abort : s->config.times.reset);
	if (tmf->deadline)
		tmf->ends = MIN(tmf->ends, tmf->deadline);
	list_add_tail(&s->tmfs, &tmf->link);
	s->tmf_count++;
	ini_conn_push(s, note);
	return 0;
}

static void finish(struct ini_session *s, struct ini_tmf *tmf, int err)
{
	list_del(&tmf->link);
	s->tmf_count--;
	tmf->done(tmf, err);
}

/* Whatever was said of it: it will not be answered any more. */
static void end_one(struct ini_session *s, const struct ini_tmf *tmf)
{
	struct ini_task *t = ini_tag_find(s, tmf->about, TAG_TASK);
	if (!t)
		return;
	ini_task_retire(t);
	ini_task_over(t, false);
}

/*
 * Responses to tasks come before that of the function that ends them (RFC 7143 4.2.3.3), and on one connection
 * stay so: of a task that is said not to exist, and was not answered, nothing will come.
 */
static void take_effect(struct ini_session *s, const struct ini_tmf *tmf)
{
	bool complete = tmf->response == ISCSI_TMF_COMPLETE;
	if (tmf->function == ISCSI_TMF_ABORT_TASK &&
	    (complete || tmf->response == ISCSI_TMF_NO_TASK))
		end_one(s, tmf);
	else if (complete && functions[tmf->function].whole_lun)
		ini_task_cleared(s, tmf->lun, tmf->refcmdsn, functions[tmf->function].again);
	else if (complete && functions[tmf->function].whole_target)
		ini_task_cleared(s, NULL, tmf->refcmdsn, functions[tmf->function].again);
}

void ini_tmf_response(struct ini_session *s)
{
	const struct iscsi_tmf_response *bhs = (const struct iscsi_tmf_response *)&s->rx.bhs;
	struct ini_tmf *tmf = ini_tag_find(s, get_be32(bhs->itt), TAG_TMF);
	if (!tmf) /* it took longer than its time */
		return;
	ini_tag_free(s, tmf->tag);
	tmf->response = bhs->response;
	take_effect(s, tmf);
	finish(s, tmf, 0);
}

void ini_tmf_lose_all(struct ini_session *s, int err)
{
	while (!list_empty(&s->tmfs)) {
		struct ini_tmf *tmf = list_first(&s->tmfs, struct ini_tmf, link);
		if (ini_tag_find(s, tmf->tag, TAG_TMF))
			ini_tag_free(s, tmf->tag);
		finish(s, tmf, err);
	}
}

static struct ini_tmf *first_due(const struct ini_session *s)
{
	list_for_each (it, &s->tmfs) {
		struct ini_tmf *tmf = list_entry(it, struct ini_tmf, link);
		if (tmf->ends <= s->now)
			return tmf;
	}
	return NULL;
}

void ini_tmf_tick(struct ini_session *s)
{
	struct ini_tmf *tmf;
	while (ini_session_full(s) && (tmf = first_due(s))) {
		ini_tag_free(s, tmf->tag);
		finish(s, tmf, -ETIMEDOUT);
	}
}

uint64_t ini_tmf_deadline(const struct ini_session *s)
{
	uint64_t at = INI_NEVER;
	list_for_each (it, &s->tmfs)
		at = MIN(at, list_entry(it, struct ini_tmf, link)->ends);
	return at;
}

/* --- by force */

static void abort_free(struct ini_abort *a)
{
	list_add_tail(&a->session->free_aborts, &a->link);
}

/* One for all that are stuck there: it ends them, or the session. */
static bool is_being_reset(const struct ini_session *s, const uint8_t *lun)
{
	list_for_each (it, &s->tmfs) {
		const struct ini_tmf *tmf = list_entry(it, struct ini_tmf, link);
		if (tmf->function == ISCSI_TMF_LOGICAL_UNIT_RESET &&
		    memcmp(tmf->lun, lun, sizeof(tmf->lun)) == 0)
			return true;
	}
	return false;
}

static void reset_lun(struct ini_abort *a)
{
	struct ini_session *s = a->session;
	if (is_being_reset(s, a->task->lun)) {
		ini_task_recheck(s);
		ini_tmf_spare(a->task);
		abort_free(a);
		return;
	}
	memcpy(a->tmf.lun, a->task->lun, sizeof(a->tmf.lun));
	a->tmf.function = ISCSI_TMF_LOGICAL_UNIT_RESET;
	a->tmf.task = NULL;
	s->stats.resets++;
	if (ini_tmf(s, &a->tmf, s->now) == 0)
		return;
	ini_tmf_spare(a->task);
	abort_free(a);
	ini_recovery_break(s, INI_STUCK, NULL);
}

static void abort_done(struct ini_tmf *tmf, int err)
{
	struct ini_abort *a = container_of(tmf, struct ini_abort, tmf);
	struct ini_session *s = a->session;
	if (!a->task || !ini_session_full(s)) {
		if (a->task)
			ini_tmf_spare(a->task);
		abort_free(a);
	} else if (tmf->function == ISCSI_TMF_ABORT_TASK) {
		reset_lun(a);
	} else {
		ini_tmf_spare(a->task);
		abort_free(a);
		ini_recovery_break(
			s, INI_STUCK,
			"a command does not end, and neither does the reset of its LUN%s",
			err ? "" : " succeed");
	}
}

bool ini_tmf_abort(struct ini_task *t)
{
	struct ini_session *s = t->session;
	if (list_empty(&s->free_aborts) || is_being_reset(s, t->lun))
		return false;
	struct ini_abort *a = list_first(&s->free_aborts, struct ini_abort, link);
	a->tmf = (struct ini_tmf){.function = ISCSI_TMF_ABORT_TASK, .task = t, .done = abort_done};
	if (ini_tmf(s, &a->tmf, s->now) != 0)
		return false;
	list_del(&a->link);
	a->task = t;
	t->abort = a;
	s->stats.aborts++;
	return true;
}

void ini_tmf_spare(struct ini_task *t)
{
	t->abort->task = NULL;
	t->abort = NULL;
}
