/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No command goes to another disk than the one before: who a LU is (INQUIRY, VPD pages 83h and 80h) is asked when a
 * LUN is first used. After each login, and when a unit attention says that LUNs have changed, everything is held
 * until all that were used have said it again. A LUN that is another disk takes nothing any more, until the next
 * lunar_start().
 */
#include <errno.h>
#include <string.h>
#include "common/endian.h"
#include "liblunar/priv.h"

enum { OP_INQUIRY = 0x12, OP_REPORT_LUNS = 0xa0 };

struct guarded {
	struct list link;
	uint8_t lun[ISCSI_LUN_LEN];
	bool asked; /* in this round */
	bool known; /* `peripheral` and so on are what it was */
	int err;    /* of what is for it: it does not say who it is, or is another one */
	uint8_t peripheral;
	char id[LU_ID_SIZE], vendor[9], product[17];
};

static void answered(struct ini_task *task, int err);

/* Steps of a question: -1 is the standard data. */
static const struct {
	int page;
	bool (*take)(struct lu_facts *f, const uint8_t *p, size_t len);
} steps[] = {
	{-1, lu_take_inquiry},
	{0x00, lu_take_pages},
	{0x83, lu_take_identification},
	{0x80, lu_take_serial},
};

static bool wanted(const struct lu_facts *f, int page)
{
	return page <= 0 || lu_has_page(f, (uint8_t)page);
}

/* The next question about `at`: 0; 1: there is none left; or what ini_submit() says. */
static int ask(struct lunar_session *s)
{
	struct guard *g = &s->guard;
	struct ini_task *t = &g->task;
	while (g->step < ARRAY_SIZE(steps) && !wanted(&g->facts, steps[g->step].page))
		g->step++;
	if (g->step == ARRAY_SIZE(steps))
		return 1;
	int page = steps[g->step].page;
	memset(t, 0, sizeof(*t));
	memset(g->reply, 0, sizeof(g->reply));
	memcpy(t->lun, g->at->lun, sizeof(t->lun));
	g->iov = (struct iovec){g->reply, page < 0 ? 96 : sizeof(g->reply)};
	t->cdb[0] = OP_INQUIRY;
	t->cdb[1] = page >= 0;
	t->cdb[2] = page > 0 ? (uint8_t)page : 0;
	put_be16(t->cdb + 3, (uint16_t)g->iov.iov_len);
	t->attr = SCSI_SIMPLE;
	t->flags = INI_RETRY | INI_AHEAD;
	t->in = &g->iov;
	t->in_count = 1;
	t->in_len = (uint32_t)g->iov.iov_len;
	t->done = answered;
	t->ctx = s;
	return ini_submit(s->ini, t, lunar_priv_now(s->l));
}

/* 0: somebody is asked; 1: all have been; or what ended it: then the next login begins anew. */
static int ask_next(struct lunar_session *s)
{
	struct guard *g = &s->guard;
	list_for_each (it, &g->luns) {
		struct guarded *one = list_entry(it, struct guarded, link);
		if (one->asked)
			continue;
		one->asked = true;
		g->at = one;
		g->step = 0;
		lu_facts_init(&g->facts);
		return ask(s);
	}
	return 1;
}

static void begin(struct lunar_session *s)
{
	struct guard *g = &s->guard;
	ini_hold(s->ini);
	if (g->asking)
		return;
	g->asking = ask_next(s) == 0;
}

static void go_on(struct lunar_session *s)
{
	struct guard *g = &s->guard;
	int err = ask_next(s);
	g->asking = err == 0;
	if (err == 1 && ini_state(s->ini) == INI_UP)
		ini_release(s->ini, lunar_priv_now(s->l));
}

void lunar_priv_guard_all(struct lunar_session *s)
{
	struct guard *g = &s->guard;
	if (ini_state(s->ini) != INI_UP)
		return;
	if (list_empty(&g->luns)) {
		ini_release(s->ini, lunar_priv_now(s->l));
		return;
	}
	/* Who is being asked just now may have been asked, in part, before the loss. */
	list_for_each (it, &g->luns) {
		list_entry(it, struct guarded, link)->asked = false;
	}
	begin(s);
}

/* --- what it has said */

static bool is_same(const struct guarded *one, const struct lu_facts *f)
{
	return one->peripheral == f->peripheral && !strcmp(one->id, f->id) &&
	       (f->id[0] || (!strcmp(one->vendor, f->vendor) && !strcmp(one->product, f->product)));
}

static void take(struct guarded *one, const struct lu_facts *f)
{
	one->known = true;
	one->peripheral = f->peripheral;
	memcpy(one->id, f->id, sizeof(one->id));
	memcpy(one->vendor, f->vendor, sizeof(one->vendor));
	memcpy(one->product, f->product, sizeof(one->product));
}

static void other_disk(struct lunar_session *s, const char *was, const char *is)
{
	lunar_priv_say(s, LUNAR_OTHER_DISK,
		       "the LUN is another disk than it was: %.131s is now %.131s; nothing more is "
		       "sent to it",
		       was[0] ? was : "one without an identity", is[0] ? is : "one without");
}

/*
 * `err`: it does not say who it is. A LUN that was never known has nothing to be compared with: it may answer for
 * itself what is asked of it.
 */
static void judge(struct lunar_session *s, int err)
{
	struct guard *g = &s->guard;
	struct guarded *one = g->at;
	int before = one->err;
	if (!err && g->facts.peripheral >> 5)
		err = -ENXIO; /* SPC-4 6.6.2: nothing is there */
	if (err)
		one->err = one->known ? err : 0;
	else if (one->known && !is_same(one, &g->facts))
		one->err = -ESTALE;
	else
		one->err = 0;
	if (!err && !one->err)
		take(one, &g->facts);
	if (before == -ESTALE)
		one->err = before;
	else if (one->err == -ESTALE)
		other_disk(s, one->id, g->facts.id);
	if (one->err)
		ini_fail_lun(s->ini, one->lun, lunar_priv_now(s->l));
}

static int result_of(const struct ini_task *t)
{
	struct ini_sense sense;
	if (t->status == SCSI_GOOD)
		return 0;
	if (t->status != SCSI_CHECK_CONDITION)
		return -EAGAIN;
	ini_sense_read(&sense, t->sense, t->sense_len);
	return sense.asc_ascq == SCSI_ASC_LUN_NOT_SUPPORTED ? -ENXIO
	       : sense.key == SCSI_KEY_ILLEGAL_REQUEST      ? -EOPNOTSUPP
							    : -EAGAIN;
}

static void answered(struct ini_task *task, int err)
{
	struct lunar_session *s = task->ctx;
	struct guard *g = &s->guard;
	bool answer = !err;
	s->l->news = true;
	if (err == -ESHUTDOWN || err == -EHOSTDOWN) {
		g->asking = false;
		return;
	}
	if (!g->at->asked) { /* there was a loss meanwhile */
		go_on(s);
		return;
	}
	if (answer)
		err = result_of(task);
	if (!err)
		steps[g->step].take(&g->facts, g->reply, task->got);
	/* A page that it says it has and refuses is none; the standard data it must have. */
	if (err && (err != -EOPNOTSUPP || g->step == 0)) {
		judge(s, answer ? err : -EAGAIN);
	} else {
		g->step++;
		int more = ask(s);
		if (!more)
			return;
		judge(s, more < 0 ? -EAGAIN : 0);
	}
	go_on(s);
}

/* --- its users */

static struct guarded *find(struct guard *g, const uint8_t lun[ISCSI_LUN_LEN])
{
	if (g->last && !memcmp(g->last->lun, lun, ISCSI_LUN_LEN))
		return g->last;
	list_for_each (it, &g->luns) {
		struct guarded *one = list_entry(it, struct guarded, link);
		if (!memcmp(one->lun, lun, ISCSI_LUN_LEN))
			return g->last = one;
	}
	return NULL;
}

int lunar_priv_guard(struct lunar_session *s, const struct ini_task *t)
{
	struct guard *g = &s->guard;
	uint8_t op = t->long_cdb ? t->long_cdb[0] : t->cdb[0];
	if (s->discovery || op == OP_INQUIRY || op == OP_REPORT_LUNS)
		return 0;
	struct guarded *one = find(g, t->lun);
	if (one && one->err == -ESTALE) {
		if (s->reason != LUNAR_OTHER_DISK)
			lunar_priv_say(
				s, LUNAR_OTHER_DISK,
				"the LUN is another disk than it was; nothing is sent to it");
		return -ESTALE;
	}
	if (one && one->known && !one->err)
		return 0;
	if (!one) {
		one = calloc(1, sizeof(*one));
		if (!one)
			return -ENOMEM;
		memcpy(one->lun, t->lun, sizeof(one->lun));
		list_add_tail(&g->luns, &one->link);
	} else if (g->asking && (g->at == one || !one->asked)) {
		return 0;
	}
	one->asked = false;
	/* Before there is a session the login does it. */
	if (ini_state(s->ini) == INI_UP)
		begin(s);
	return 0;
}

int lunar_priv_guard_errno(struct lunar_session *s, const uint8_t lun[ISCSI_LUN_LEN])
{
	struct guarded *one = find(&s->guard, lun);
	return one && one->err ? one->err : -ENXIO;
}

int lunar_priv_guard_check(struct lunar_session *s, uint64_t lun, const char *id)
{
	uint8_t bytes[ISCSI_LUN_LEN];
	if (lunar_priv_lun_put(bytes, lun))
		return 0;
	const struct guarded *one = find(&s->guard, bytes);
	if (!one || !one->known || !strcmp(one->id, id))
		return 0;
	other_disk(s, id, one->id);
	return -ESTALE;
}

/* Codes of a unit attention after which a LUN may be another disk. */
bool lunar_priv_guard_minds(uint16_t asc_ascq)
{
	return asc_ascq == SCSI_ASC_LUNS_CHANGED || asc_ascq == LUNAR_ASC_INQUIRY_DATA_CHANGED ||
	       asc_ascq == 0x3f05; /* DEVICE IDENTIFIER CHANGED */
}

void lunar_priv_guard_init(struct lunar_session *s)
{
	memset(&s->guard, 0, sizeof(s->guard));
	list_init(&s->guard.luns);
}

void lunar_priv_guard_free(struct lunar_session *s)
{
	while (!list_empty(&s->guard.luns)) {
		struct guarded *one = list_first(&s->guard.luns, struct guarded, link);
		list_del(&one->link);
		free(one);
	}
	lunar_priv_guard_init(s);
}
