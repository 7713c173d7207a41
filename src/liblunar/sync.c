/* SPDX-License-Identifier: BSD-2-Clause */
/* What waits for its answer. */
#include <errno.h>
#include "liblunar/priv.h"

int lunar_login(struct lunar_session *s)
{
	if (s->l->busy)
		return -EDEADLK;
	int err = lunar_start(s);
	while (!err && lunar_state(s) != LUNAR_UP && lunar_state(s) != LUNAR_ENDED)
		err = lunar_wait(s->l, -1);
	return err ? err : lunar_state(s) == LUNAR_UP ? 0 : lunar_priv_why_errno(s);
}

int lunar_logout(struct lunar_session *s)
{
	int err = 0;
	if (s->l->busy)
		return -EDEADLK;
	if (lunar_state(s) == LUNAR_IDLE)
		return 0;
	lunar_stop(s, false);
	while (!err && lunar_state(s) != LUNAR_ENDED)
		err = lunar_wait(s->l, -1);
	return err;
}

int lunar_priv_turn_until(struct lunar_session *s, const bool *over)
{
	struct lunar *l = s->l;
	int err = 0;
	while (!err && !*over)
		err = lunar_wait(l, -1);
	/* What is waited for may lie on the stack of whoever called. */
	if (!*over)
		lunar_priv_end_now(s);
	return err;
}

struct waiting {
	bool over;
	int err;
};

static void task_over(struct lunar_task *t, int err)
{
	struct waiting *w = t->user;
	w->over = true;
	w->err = err;
}

int lunar_run(struct lunar_session *s, struct lunar_task *t)
{
	struct waiting w = {0};
	void (*done)(struct lunar_task *, int) = t->done;
	void *user = t->user;
	if (s->l->busy)
		return -EDEADLK;
	t->done = task_over;
	t->user = &w;
	int err = lunar_submit(s, t);
	if (!err)
		err = lunar_priv_turn_until(s, &w.over);
	t->done = done;
	t->user = user;
	return err ? err : w.err;
}

static void tmf_over(struct lunar_tmf *f, int err)
{
	struct waiting *w = f->user;
	w->over = true;
	w->err = err;
}

int lunar_tmf_run(struct lunar_session *s, struct lunar_tmf *f)
{
	struct waiting w = {0};
	void (*done)(struct lunar_tmf *, int) = f->done;
	void *user = f->user;
	if (s->l->busy)
		return -EDEADLK;
	f->done = tmf_over;
	f->user = &w;
	int err = lunar_tmf(s, f);
	if (!err)
		err = lunar_priv_turn_until(s, &w.over);
	f->done = done;
	f->user = user;
	if (!err)
		err = w.err;
	return err ? err : f->response ? -EREMOTEIO : 0;
}
