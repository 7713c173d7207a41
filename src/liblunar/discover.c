/* SPDX-License-Identifier: BSD-2-Clause */
/* SendTargets: asked, read, and handed on as a list. */
#include <errno.h>
#include <string.h>
#include "initiator/discovery.h"
#include "liblunar/priv.h"

static struct lunar_found *more(struct found_list *list)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		struct lunar_found *of = realloc(list->of, room * sizeof(*of));
		if (!of) {
			list->no_memory = true;
			return NULL;
		}
		list->of = of;
		list->room = room;
	}
	return &list->of[list->count++];
}

static void add(struct found_list *list, const char *address, int32_t group)
{
	struct lunar_found *f = more(list);
	if (!f)
		return;
	memset(f, 0, sizeof(*f));
	snprintf(f->target, sizeof(f->target), "%s", list->target);
	snprintf(f->address, sizeof(f->address), "%s", address);
	f->portal_group = group;
}

struct reading {
	struct found_list list;
	const char *asked; /* the address that was asked: of targets that have none */
	bool open;         /* a target's name came, and no address yet */
};

static void end_target(struct reading *r)
{
	if (r->open)
		add(&r->list, r->asked, -1);
	r->open = false;
}

static void take_target(void *ctx, const char *name)
{
	struct reading *r = ctx;
	end_target(r);
	snprintf(r->list.target, sizeof(r->list.target), "%s", name);
	r->open = true;
}

static void take_address(void *ctx, const char *name, const struct ini_address *a)
{
	struct reading *r = ctx;
	char text[ISCSI_ADDRESS_SIZE];
	r->open = false;
	add(&r->list, ini_address_format(text, a), a->tpgt);
}

static void answered(struct ini_text *text, int err)
{
	static const struct ini_targets_sink sink = {take_target, take_address};
	struct lunar_session *s = text->ctx;
	struct ini_targets_count count = {0};
	struct reading r = {.asked = ini_address(s->ini)};
	lunar_found_fn *found = s->found;
	s->found = NULL;
	s->l->news = true;
	if (!err && ini_targets_read(text->data, text->len, &sink, &r, &count))
		count.bad++;
	end_target(&r);
	if (!err && r.list.no_memory)
		err = -ENOMEM;
	found(s, err, r.list.of, err ? 0 : r.list.count, count.bad, s->found_user);
	free(r.list.of);
}

int lunar_send_targets(struct lunar_session *s, const char *which, lunar_found_fn *found,
		       void *user)
{
	if (!s->ini || s->torn)
		return -ENOTCONN;
	if (s->found)
		return -EBUSY;
	s->text = (struct ini_text){.which = which, .done = answered, .ctx = s};
	s->found = found;
	s->found_user = user;
	int err = ini_send_targets(s->ini, &s->text, lunar_priv_now(s->l));
	if (err)
		s->found = NULL;
	return err;
}

/* --- all of it, waiting */

struct waiting {
	bool over;
	int err;
	struct lunar_found *of;
	size_t count;
};

static void keep(struct lunar_session *s, int err, const struct lunar_found *found, size_t count,
		 size_t bad, void *user)
{
	struct waiting *w = user;
	w->over = true;
	w->err = err;
	w->of = malloc(MAX(count, (size_t)1) * sizeof(*found));
	if (!w->of)
		w->err = -ENOMEM;
	else if (count)
		memcpy(w->of, found, count * sizeof(*found));
	w->count = w->of ? count : 0;
}

int lunar_discover(struct lunar_session *s, struct lunar_found **found, size_t *count)
{
	struct waiting w = {0};
	*found = NULL;
	*count = 0;
	s->force_discovery = true;
	int err = lunar_login(s);
	s->force_discovery = false;
	if (err)
		return err;
	err = lunar_send_targets(s, "All", keep, &w);
	if (!err)
		err = lunar_priv_turn_until(s, &w.over);
	if (!err)
		err = w.err;
	char why[LUNAR_WHY];
	enum lunar_reason reason = s->reason;
	memcpy(why, s->why, sizeof(why));
	lunar_logout(s);
	if (err) {
		free(w.of);
		lunar_priv_say(s, reason ? reason : LUNAR_COMMAND_FAILED, "%s",
			       reason ? why
				      : "the target does not answer SendTargets as it should");
		return err;
	}
	lunar_priv_say(s, LUNAR_NO_REASON, "%s", "");
	*found = w.of;
	*count = w.count;
	return 0;
}
