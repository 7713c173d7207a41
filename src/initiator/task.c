/* SPDX-License-Identifier: BSD-2-Clause */
/* SCSI commands: where they wait, when they go, how they end. */
#include <errno.h>
#include <string.h>
#include "initiator/priv.h"
#include "initiator/sense.h"

#define BUSY_FIRST   (10 * NS_PER_MS)
#define BUSY_MAX     NS_PER_SEC
#define ABORT_RETRY  (100 * NS_PER_MS)
#define CHECK_SOONER (10 * NS_PER_MS)

/* --- submission */

static uint64_t room(const struct iovec *iov, unsigned count, uint64_t want)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < count && sum < want; i++)
		sum += iov[i].iov_len;
	return sum;
}

static int check(const struct ini_session *s, const struct ini_task *t)
{
	if (t->out_len && t->in_len)
		return -ENOTSUP;
	if (!t->done || t->cdb_len > ISCSI_CDB_MAX || (t->cdb_len > ISCSI_CDB_LEN && !t->long_cdb))
		return -EINVAL;
	if (room(t->out, t->out_count, t->out_len) < t->out_len ||
	    room(t->in, t->in_count, t->in_len) < t->in_len)
		return -EINVAL;
	if (s->config.discovery)
		return -ENOTSUP;
	if (s->stopping || s->state == M_ENDED)
		return -ESHUTDOWN;
	return s->dark ? -EHOSTDOWN : 0;
}

static void watch(struct ini_session *s, uint64_t at)
{
	if (at >= s->task_check)
		return;
	s->task_check = at;
	ini_session_wake(s);
}

/* Behind what waits; what goes ahead behind its like. */
static void wait_behind(struct ini_session *s, struct ini_task *t)
{
	t->state = TASK_WAITING;
	list_add_tail(t->flags & INI_AHEAD ? &s->ahead : &s->waiting, &t->link);
}

/* To be issued again: before what waits. */
static void wait_before(struct ini_session *s, struct ini_task *t)
{
	t->state = TASK_WAITING;
	list_add_head(t->flags & INI_AHEAD ? &s->ahead : &s->waiting, &t->link);
	s->stats.reissued++;
}

int ini_submit(struct ini_session *s, struct ini_task *t, uint64_t now)
{
	int err = check(s, t);
	if (err)
		return err;
	s->now = now;
	t->session = s;
	t->status = t->response = 0;
	t->overflow = t->unknown = false;
	t->residual = t->got = 0;
	t->issues = 0;
	t->sense_len = 0;
	t->refs = t->tries = 0;
	t->err = 0;
	t->busy_since = 0;
	t->abort = NULL;
	list_init(&t->sending);
	wait_behind(s, t);
	if (t->deadline)
		watch(s, t->deadline);
	if (ini_session_full(s))
		ini_task_go(s);
	return 0;
}

/* --- going */

static bool may_go(const struct ini_session *s, const struct ini_task *t)
{
	if (!s->free_count || s->in_flight >= s->config.depth)
		return false;
	return t->flags & INI_IMMEDIATE || iscsi_sn_le(s->cmdsn, s->maxcmdsn);
}

static void go_on(struct ini_session *s, struct list *from)
{
	while (s->state == M_UP && !list_empty(from)) {
		struct ini_task *t = list_first(from, struct ini_task, link);
		if (!may_go(s, t))
			return;
		list_del(&t->link);
		t->tag = ini_tag_new(s, TAG_TASK, t);
		t->state = TASK_ISSUED;
		t->issues++;
		t->issued_at = s->now;
		t->redo = false;
		watch(s, ini_session_after(s, s->config.times.answer));
		s->in_flight++;
		list_add_tail(&s->issued, &t->link);
		ini_transfer_begin(t);
	}
}

void ini_task_go(struct ini_session *s)
{
	go_on(s, &s->ahead);
	if (!s->held && list_empty(&s->ahead))
		go_on(s, &s->waiting);
}

/* --- ending */

void ini_task_retire(struct ini_task *t)
{
	struct ini_session *s = t->session;
	ini_tag_free(s, t->tag);
	s->in_flight--;
	list_del(&t->link);
	list_del(&t->sending);
	t->seq_count = 0;
	if (t->abort)
		ini_tmf_spare(t);
}

static void deliver(struct ini_task *t)
{
	t->state = TASK_IDLE;
	t->done(t, t->err);
}

static uint64_t busy_delay(const struct ini_task *t)
{
	return MIN(BUSY_FIRST << MIN(t->tries, 10), BUSY_MAX);
}

static void delay(struct ini_session *s, struct ini_task *t)
{
	t->not_before = ini_session_after(s, busy_delay(t));
	t->state = TASK_DELAYED;
	t->tries = (uint8_t)MIN(t->tries + 1, 10);
	list_add_tail(&s->delayed, &t->link);
	s->delay_check = MIN(s->delay_check, t->not_before);
	ini_session_wake(s);
}

/* Nothing of it is on its way any more. */
static void settled(struct ini_task *t)
{
	struct ini_session *s = t->session;
	list_del(&t->link);
	/* What has been doomed meanwhile is not issued any more. */
	if (t->verdict == VERDICT_END || t->err) {
		deliver(t);
		return;
	}
	if (s->stopping || s->dark) {
		t->err = s->stopping ? -ESHUTDOWN : -EHOSTDOWN;
		deliver(t);
	} else if (t->verdict == VERDICT_AGAIN) {
		wait_before(s, t);
	} else {
		delay(s, t);
	}
}

void ini_task_settle(struct ini_task *t, enum task_verdict verdict, int err)
{
	t->verdict = (uint8_t)verdict;
	t->err = err;
	t->state = TASK_ENDING;
	list_add_tail(&t->session->ending, &t->link);
	if (!t->refs)
		settled(t);
}

void ini_task_sent(struct ini_task *t)
{
	t->refs--;
	if (!t->refs && t->state == TASK_ENDING)
		settled(t);
}

void ini_task_fail(struct ini_task *t, int err)
{
	assert(t->state != TASK_IDLE && t->state != TASK_ISSUED);
	if (t->state == TASK_ENDING) {
		if (t->verdict != VERDICT_END)
			t->err = err;
		return;
	}
	t->unknown = t->state == TASK_LOST;
	list_del(&t->link);
	t->err = err;
	deliver(t);
}

/* --- answers */

static void tell_attention(struct ini_session *s, const struct ini_task *t,
			   const struct ini_sense *sense)
{
	struct ini_event ev = {.kind = INI_UNIT_ATTENTION,
			       .key = sense->key,
			       .asc_ascq = sense->asc_ascq,
			       .data = t->sense,
			       .len = t->sense_len};
	memcpy(ev.lun, t->lun, sizeof(ev.lun));
	if (s->ops->event)
		s->ops->event(s->ctx, &ev);
}

/* It cannot do it now, and a little later can (SAM-5 5.3.1). */
static bool is_busy(struct ini_session *s, struct ini_task *t)
{
	if (!t->busy_since)
		t->busy_since = s->now;
	return s->now - t->busy_since < s->config.times.busy;
}

static bool try_again(struct ini_task *t)
{
	return ++t->tries <= INI_TRIES;
}

static enum task_verdict judge_sense(struct ini_session *s, struct ini_task *t)
{
	struct ini_sense sense;
	if (!ini_sense_read(&sense, t->sense, t->sense_len) || sense.deferred)
		return VERDICT_END;
	switch (sense.key) {
	case SCSI_KEY_UNIT_ATTENTION:
		tell_attention(s, t, &sense);
		/* The command was not executed, whatever it is (SAM-5 5.14). */
		return try_again(t) ? VERDICT_AGAIN : VERDICT_END;
	case SCSI_KEY_NOT_READY: /* 04/01: it is becoming ready */
		return sense.asc_ascq == 0x0401 && is_busy(s, t) ? VERDICT_DELAY : VERDICT_END;
	case SCSI_KEY_ABORTED_COMMAND:
		return t->flags & INI_RETRY && try_again(t) ? VERDICT_AGAIN : VERDICT_END;
	default: return VERDICT_END;
	}
}

static enum task_verdict judge(struct ini_session *s, struct ini_task *t)
{
	if (t->flags & INI_RAW || t->response)
		return VERDICT_END;
	switch (t->status) {
	case SCSI_CHECK_CONDITION: return judge_sense(s, t);
	case SCSI_BUSY:
	case SCSI_TASK_SET_FULL: return is_busy(s, t) ? VERDICT_DELAY : VERDICT_END;
	case SCSI_TASK_ABORTED: /* by another initiator (SAM-5 5.3.1) */
		return t->flags & INI_RETRY && try_again(t) ? VERDICT_AGAIN : VERDICT_END;
	default: return VERDICT_END;
	}
}

void ini_task_answered(struct ini_task *t)
{
	struct ini_session *s = t->session;
	int doomed = t->err;
	ini_task_retire(t);
	/* Callbacks may have a look at it, and have it end. */
	t->state = TASK_ENDING;
	t->verdict = VERDICT_AGAIN;
	t->err = 0;
	enum task_verdict verdict = judge(s, t);
	int err = doomed ? doomed : t->err;
	if (err == -ENXIO) /* of another LU by now: whatever was done was not done here */
		t->unknown = true;
	else if (verdict == VERDICT_END)
		err = t->response ? -EREMOTEIO : 0;
	ini_task_settle(t, err || verdict == VERDICT_END ? VERDICT_END : verdict, err);
}

/* --- losing, and coming back */

void ini_task_lose_all(struct ini_session *s)
{
	while (!list_empty(&s->issued)) {
		struct ini_task *t = list_first(&s->issued, struct ini_task, link);
		ini_task_retire(t);
		t->state = TASK_LOST;
		list_add_tail(&s->lost, &t->link);
	}
	/* By and by: what is doomed, and what has a deadline. */
	if (!list_empty(&s->lost))
		watch(s, ini_session_after(s, CHECK_SOONER));
}

void ini_task_reinstate_all(struct ini_session *s)
{
	struct list again[2], lost;
	list_init(&again[0]);
	list_init(&again[1]);
	list_init(&lost);
	while (!list_empty(&s->lost)) {
		struct ini_task *t = list_first(&s->lost, struct ini_task, link);
		list_del(&t->link);
		if (t->flags & INI_RETRY && !t->err) {
			t->state = TASK_WAITING;
			list_add_tail(&again[!(t->flags & INI_AHEAD)], &t->link);
			s->stats.reissued++;
		} else {
			list_add_tail(&lost, &t->link);
		}
	}
	/* In their old order, before what came later. */
	list_splice_tail(&again[0], &s->ahead);
	list_splice_tail(&s->ahead, &again[0]);
	list_splice_tail(&again[1], &s->waiting);
	list_splice_tail(&s->waiting, &again[1]);
	while (!list_empty(&lost)) {
		struct ini_task *t = list_first(&lost, struct ini_task, link);
		list_del(&t->link);
		if (!t->err)
			t->err = -ECONNRESET;
		deliver(t);
	}
}

void ini_task_fail_all(struct ini_session *s, int err, bool lost)
{
	struct list *const lists[] = {&s->lost, &s->ahead, &s->waiting, &s->delayed};
	for (size_t i = lost ? 0 : 1; i < ARRAY_SIZE(lists); i++) {
		struct list all;
		list_init(&all);
		list_splice_tail(&all, lists[i]);
		while (!list_empty(&all)) {
			struct ini_task *t = list_first(&all, struct ini_task, link);
			ini_task_fail(t, t->err ? t->err : err);
		}
	}
}

void ini_task_over(struct ini_task *t, bool again)
{
	if (!t->err && (again || t->redo) && t->flags & INI_RETRY)
		ini_task_settle(t, VERDICT_AGAIN, 0);
	else
		ini_task_settle(t, VERDICT_END,
				t->err    ? t->err
				: t->redo ? -ETIMEDOUT
					  : -ECANCELED);
}

void ini_task_cleared(struct ini_session *s, const uint8_t *lun, uint32_t before, bool again)
{
	struct list over;
	list_init(&over);
	list_for_each_safe (it, &s->issued) {
		struct ini_task *t = list_entry(it, struct ini_task, link);
		if ((lun && memcmp(t->lun, lun, sizeof(t->lun)) != 0) ||
		    !iscsi_sn_lt(t->cmdsn, before))
			continue;
		ini_task_retire(t);
		list_add_tail(&over, &t->link);
	}
	/* From the last one on, for each goes before what waits. */
	while (!list_empty(&over)) {
		struct ini_task *t = list_entry(over.prev, struct ini_task, link);
		list_del(&t->link);
		ini_task_over(t, again);
	}
}

/* --- deadlines, and the like */

static void doom(struct ini_task *t, int err)
{
	if (!t->err)
		t->err = err;
	if (!t->abort && !ini_tmf_abort(t))
		ini_task_recheck(t->session);
}

void ini_task_recheck(struct ini_session *s)
{
	watch(s, ini_session_after(s, ABORT_RETRY));
}

void ini_cancel(struct ini_session *s, struct ini_task *t, uint64_t now)
{
	s->now = now;
	if (t->state == TASK_IDLE)
		return;
	if (t->state == TASK_ISSUED)
		doom(t, -ECANCELED);
	else
		ini_task_fail(t, -ECANCELED);
}

void ini_fail_lun(struct ini_session *s, const uint8_t lun[ISCSI_LUN_LEN], uint64_t now)
{
	struct list *const lists[] = {&s->lost, &s->waiting, &s->delayed};
	struct list all;
	s->now = now;
	list_init(&all);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		list_for_each_safe (it, lists[i]) {
			struct ini_task *t = list_entry(it, struct ini_task, link);
			if (memcmp(t->lun, lun, sizeof(t->lun)) != 0)
				continue;
			list_del(&t->link);
			list_add_tail(&all, &t->link);
		}
	list_for_each_safe (it, &s->issued) {
		struct ini_task *t = list_entry(it, struct ini_task, link);
		if (!(t->flags & INI_AHEAD) && memcmp(t->lun, lun, sizeof(t->lun)) == 0)
			doom(t, -ENXIO);
	}
	list_for_each (it, &s->ending) {
		struct ini_task *t = list_entry(it, struct ini_task, link);
		if (!(t->flags & INI_AHEAD) && memcmp(t->lun, lun, sizeof(t->lun)) == 0)
			ini_task_fail(t, -ENXIO);
	}
	while (!list_empty(&all))
		ini_task_fail(list_first(&all, struct ini_task, link), -ENXIO);
}

/* Those whose time is up move to `due`; `soonest` is when the next one's is. */
static void collect(struct ini_session *s, struct list *from, struct list *due, uint64_t *soonest)
{
	list_for_each_safe (it, from) {
		struct ini_task *t = list_entry(it, struct ini_task, link);
		bool doomed = t->err && from == &s->lost;
		if (!doomed && (!t->deadline || t->deadline > s->now)) {
			*soonest = MIN(*soonest, t->deadline ? t->deadline : INI_NEVER);
			continue;
		}
		list_del(&t->link);
		list_add_tail(due, &t->link);
	}
}

/* When something is to be done about a command that is under way. */
static uint64_t patience_ends(const struct ini_session *s, const struct ini_task *t)
{
	uint64_t answer = s->config.times.answer;
	uint64_t at = answer >= INI_NEVER - t->issued_at ? INI_NEVER : t->issued_at + answer;
	return t->err || t->redo ? 0 : t->deadline ? MIN(t->deadline, at) : at;
}

static void check_issued(struct ini_session *s, uint64_t *soonest)
{
	list_for_each_safe (it, &s->issued) {
		struct ini_task *t = list_entry(it, struct ini_task, link);
		uint64_t ends = patience_ends(s, t);
		/* One that is being aborted to be issued again may see its deadline meanwhile. */
		if (t->abort && t->deadline && t->deadline <= s->now && !t->err)
			t->err = -ETIMEDOUT;
		if (t->abort && t->deadline && !t->err)
			*soonest = MIN(*soonest, t->deadline);
		if (t->abort)
			continue;
		if (ends > s->now) {
			*soonest = MIN(*soonest, ends);
			continue;
		}
		if (!t->err && !t->redo) {
			s->stats.timeouts++;
			t->redo = true;
			if (t->deadline && t->deadline <= s->now)
				t->err = -ETIMEDOUT;
		}
		if (ini_session_full(s) && !ini_tmf_abort(t))
			*soonest = MIN(*soonest, ini_session_after(s, ABORT_RETRY));
	}
}

static void check_deadlines(struct ini_session *s)
{
	struct list due;
	uint64_t soonest = INI_NEVER;
	list_init(&due);
	collect(s, &s->lost, &due, &soonest);
	collect(s, &s->ahead, &due, &soonest);
	collect(s, &s->waiting, &due, &soonest);
	collect(s, &s->delayed, &due, &soonest);
	s->task_check = INI_NEVER;
	check_issued(s, &soonest);
	s->task_check = MIN(s->task_check, soonest);
	while (!list_empty(&due)) {
		struct ini_task *t = list_first(&due, struct ini_task, link);
		s->stats.timeouts += !t->err;
		ini_task_fail(t, t->err ? t->err : -ETIMEDOUT);
	}
}

static void check_delayed(struct ini_session *s)
{
	s->delay_check = INI_NEVER;
	list_for_each_safe (it, &s->delayed) {
		struct ini_task *t = list_entry(it, struct ini_task, link);
		if (t->not_before > s->now) {
			s->delay_check = MIN(s->delay_check, t->not_before);
			continue;
		}
		list_del(&t->link);
		wait_before(s, t);
	}
	if (ini_session_full(s))
		ini_task_go(s);
}

void ini_task_tick(struct ini_session *s)
{
	if (s->now >= s->task_check)
		check_deadlines(s);
	if (s->now >= s->delay_check)
		check_delayed(s);
}
