/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of sessions: home knows which there are, each reactor what is on its own. */
#include "target/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

_Static_assert(sizeof(((struct session *)0)->alias) ==
			       sizeof(((struct target_session *)0)->alias) &&
		       sizeof(((struct session *)0)->user) ==
			       sizeof(((struct target_session *)0)->user),
	       "texts fit");

struct listing {
	struct mail mail;
	struct target *home;
	void (*done)(void *ctx, int err, const struct target_session *sessions, size_t count);
	void *ctx;
	size_t count, room;
	unsigned at; /* the reactor that is being asked */
	bool *found;
	struct target_session sessions[];
};

/* What home knows. Of a session that has not been taken yet, or has gone, there is no more to know. */
static bool add(const struct record *r, void *ctx)
{
	struct listing *l = ctx;
	if (r->left || l->count == l->room)
		return false;
	struct target_session *s = &l->sessions[l->count++];
	s->tsih = r->tsih;
	s->discovery = !r->node;
	s->tag = r->group ? r->group->tag : 0;
	s->cid = r->cid;
	s->has_acl = r->acl;
	memcpy(s->isid, r->isid, sizeof(s->isid));
	if (r->node)
		snprintf(s->node, sizeof(s->node), "%s", r->node->name);
	snprintf(s->initiator, sizeof(s->initiator), "%s", r->initiator);
	return false;
}

static int by_tsih(const void *a, const void *b)
{
	const struct target_session *x = a, *y = b;
	return x->tsih < y->tsih ? -1 : x->tsih > y->tsih;
}

/* What the session's own reactor knows. */
static void fill(struct target_session *to, const struct session *s)
{
	const struct conn *c = s->conn;
	to->ending = c->state != CONN_FULL;
	to->header_digest = c->params.header_digest;
	to->data_digest = c->params.data_digest;
	to->peer = c->peer;
	to->portal = c->local;
	to->since = c->started;
	to->commands = (uint32_t)(s->active + c->immediate);
	to->bytes_in = c->bytes_in;
	to->bytes_out = c->bytes_out;
	to->reactor = s->target->index;
	memcpy(to->alias, s->alias, sizeof(to->alias));
	memcpy(to->user, s->user, sizeof(to->user));
}

static void look(struct listing *l, const struct target *part)
{
	list_for_each (it, &part->sessions) {
		const struct session *s = list_entry(it, struct session, link);
		const struct target_session key = {.tsih = s->tsih};
		struct target_session *to =
			bsearch(&key, l->sessions, l->count, sizeof(key), by_tsih);
		if (!to)
			continue;
		fill(to, s);
		l->found[to - l->sessions] = true;
	}
}

static void finish(struct listing *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->count; i++)
		if (l->found[i])
			l->sessions[n++] = l->sessions[i];
	l->done(l->ctx, 0, l->sessions, n);
	free(l->found);
	free(l);
}

static void ask_next(struct listing *l);

static void back_here(struct mail *m)
{
	ask_next(container_of(m, struct listing, mail));
}

static void look_there(struct mail *m)
{
	struct listing *l = container_of(m, struct listing, mail);
	look(l, l->home->parts[l->at]);
	reactor_post(l->home->reactor, m, back_here);
}

static void ask_next(struct listing *l)
{
	if (++l->at < l->home->part_count)
		reactor_post(l->home->parts[l->at]->reactor, &l->mail, look_there);
	else
		finish(l);
}

void target_sessions(struct target *t,
		     void (*done)(void *ctx, int err, const struct target_session *sessions,
				  size_t count),
		     void *ctx)
{
	size_t room = registry_records(t);
	struct listing *l = calloc(1, sizeof(*l) + room * sizeof(l->sessions[0]));
	bool *found = calloc(room + 1, sizeof(*found));
	if (!l || !found) {
		free(l);
		free(found);
		done(ctx, -ENOMEM, NULL, 0);
		return;
	}
	l->home = t;
	l->done = done;
	l->ctx = ctx;
	l->room = room;
	l->found = found;
	registry_each(t, add, l);
	qsort(l->sessions, l->count, sizeof(l->sessions[0]), by_tsih);
	look(l, t);
	ask_next(l);
}
