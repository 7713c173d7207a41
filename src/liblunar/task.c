/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands, and task management functions: from the caller's structs to the core's, which lie in them. */
#include <errno.h>
#include <string.h>
#include "iscsi/lun.h"
#include "liblunar/priv.h"

static_assert(sizeof(struct ini_task) <= sizeof(((struct lunar_task *)0)->priv),
	      "a task has room for the core's");
static_assert(sizeof(struct ini_tmf) <= sizeof(((struct lunar_tmf *)0)->priv),
	      "and so does a function");
static_assert(_Alignof(struct ini_task) <= _Alignof(struct lunar_task), "in the right place");
static_assert((int)LUNAR_RETRY == INI_RETRY && (int)LUNAR_RAW == INI_RAW &&
		      (int)LUNAR_IMMEDIATE == INI_IMMEDIATE,
	      "flags are the same on both sides");
static_assert(LUNAR_SENSE_MAX == INI_SENSE_MAX, "sense data fit");

#define FLAGS (LUNAR_RETRY | LUNAR_RAW | LUNAR_IMMEDIATE)

static struct ini_task *inner(struct lunar_task *t)
{
	return (struct ini_task *)(void *)&t->priv;
}

static struct ini_tmf *inner_tmf(struct lunar_tmf *f)
{
	return (struct ini_tmf *)(void *)&f->priv;
}

int lunar_priv_lun_put(uint8_t out[ISCSI_LUN_LEN], uint64_t lun)
{
	if (lun <= ISCSI_LUN_MAX) {
		iscsi_lun_put(out, (uint32_t)lun);
		return 0;
	}
	for (size_t i = 0; i < ISCSI_LUN_LEN; i++)
		out[i] = (uint8_t)(lun >> (56 - 8 * i));
	/* Number and bytes must not be taken for each other. */
	return lun < UINT64_C(1) << 48 ? -EINVAL : 0;
}

uint64_t lunar_priv_lun_get(const uint8_t lun[ISCSI_LUN_LEN])
{
	uint32_t number;
	uint64_t all = 0;
	if (!iscsi_lun_get(lun, &number))
		return number;
	for (size_t i = 0; i < ISCSI_LUN_LEN; i++)
		all = all << 8 | lun[i];
	return all;
}

/* --- commands */

/* A unit attention that nobody else looks at. */
static void look_at_raw(struct lunar_session *s, const struct ini_task *i)
{
	struct ini_sense sense;
	if (!(i->flags & INI_RAW) || i->status != SCSI_CHECK_CONDITION)
		return;
	ini_sense_read(&sense, i->sense, i->sense_len);
	if (sense.key == SCSI_KEY_UNIT_ATTENTION && lunar_priv_guard_minds(sense.asc_ascq))
		lunar_priv_guard_all(s);
}

static void done(struct ini_task *i, int err)
{
	struct lunar_task *t = i->ctx;
	t->session->l->news = true;
	t->status = i->status;
	t->response = i->response;
	t->overflow = i->overflow;
	t->unknown = i->unknown;
	t->residual = i->residual;
	t->got = i->got;
	t->sense_len = i->sense_len;
	if (i->sense_len)
		memcpy(t->sense, i->sense, i->sense_len);
	if (!err)
		look_at_raw(t->session, i);
	t->done(t, err == -ENXIO ? lunar_priv_guard_errno(t->session, i->lun) : err);
}

static int fill(struct ini_task *i, struct lunar_task *t, uint64_t now)
{
	if (lunar_priv_lun_put(i->lun, t->lun))
		return -EINVAL;
	memcpy(i->cdb, t->cdb, sizeof(i->cdb));
	i->long_cdb = t->long_cdb;
	i->cdb_len = t->cdb_len;
	i->attr = t->attribute ? t->attribute : (uint8_t)SCSI_SIMPLE;
	i->flags = t->flags & FLAGS;
	i->out = t->out;
	i->in = t->in;
	i->out_count = t->out_count;
	i->in_count = t->in_count;
	i->out_len = t->out_len;
	i->in_len = t->in_len;
	i->deadline = t->timeout ? now + t->timeout * NS_PER_MS : 0;
	i->done = done;
	i->ctx = t;
	return 0;
}

int lunar_submit(struct lunar_session *s, struct lunar_task *t)
{
	uint64_t now = lunar_priv_now(s->l);
	if (!s->ini || s->torn)
		return s->torn ? -ESHUTDOWN : -ENOTCONN;
	if (!t->done || fill(inner(t), t, now))
		return -EINVAL;
	int err = lunar_priv_guard(s, inner(t));
	if (err)
		return err;
	t->session = s;
	return ini_submit(s->ini, inner(t), now);
}

void lunar_cancel(struct lunar_task *t)
{
	struct lunar_session *s = t->session;
	bool began = lunar_priv_begin(s->l);
	lunar_priv_enter(s);
	if (s->ini)
		ini_cancel(s->ini, inner(t), s->l->now);
	lunar_priv_leave(s);
	lunar_priv_end(s->l, began);
}

/* --- functions */

static void tmf_done(struct ini_tmf *i, int err)
{
	struct lunar_tmf *f = i->ctx;
	f->session->l->news = true;
	f->response = i->response;
	f->done(f, err);
}

int lunar_tmf(struct lunar_session *s, struct lunar_tmf *f)
{
	struct ini_tmf *i = inner_tmf(f);
	uint64_t now = lunar_priv_now(s->l);
	if (!s->ini || s->torn)
		return -ENOTCONN;
	memset(i, 0, sizeof(*i));
	if (!f->done || lunar_priv_lun_put(i->lun, f->lun))
		return -EINVAL;
	if ((f->function == LUNAR_ABORT_TASK) != (f->task != NULL))
		return -EINVAL;
	i->function = f->function;
	i->task = f->task ? inner(f->task) : NULL;
	i->deadline = f->timeout ? now + f->timeout * NS_PER_MS : 0;
	i->done = tmf_done;
	i->ctx = f;
	f->session = s;
	return ini_tmf(s->ini, i, now);
}
