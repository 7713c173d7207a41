/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parent was told of LUs, and what is different now. Compared once in a turn, however much has happened in
 * it; a LU that came and went between two turns was never there.
 */
#include <stdlib.h>
#include <string.h>
#include "initiatord/child_priv.h"
#include "iscsi/lun.h"

struct seen_path {
	struct list link;
	uint32_t session;
	uint8_t lun[ISCSI_LUN_LEN];
	struct word_path row;
	struct record_key key;
	bool there; /* found again, in this turn */
};

struct seen_lu {
	struct list link; /* child->seen */
	const struct device *device;
	char wwid[LU_ID_SIZE];
	uint64_t size;
	bool gone;
	struct list paths;
};

static void say(struct child *c, const struct seen_lu *s, enum seen_what what,
		const struct seen_path *p, void (*more)(struct word_seen *out, const void *ctx),
		const void *ctx)
{
	const struct child_disk *disk = s->device ? device_ctx(s->device) : NULL;
	struct word w = {.kind = WORD_SEEN, .disk = disk ? disk->number : 0};
	w.seen.what = what;
	w.seen.size = s->size;
	snprintf(w.seen.wwid, sizeof(w.seen.wwid), "%s", s->wwid);
	if (p) {
		w.session = p->session;
		w.seen.path = p->row;
		snprintf(w.seen.target, sizeof(w.seen.target), "%s", p->key.target);
		snprintf(w.seen.host, sizeof(w.seen.host), "%s", p->key.address);
		w.seen.port = p->key.port;
	}
	if (more)
		more(&w.seen, ctx);
	child_say(c, &w);
}

/* --- paths */

static struct seen_path *path_of(const struct seen_lu *s, uint32_t session, const uint8_t *lun)
{
	list_for_each (it, (struct list *)&s->paths) {
		struct seen_path *p = list_entry(it, struct seen_path, link);
		if (p->session == session && !memcmp(p->lun, lun, ISCSI_LUN_LEN))
			return p;
	}
	return NULL;
}

static bool is_same(const struct word_path *a, const struct word_path *b)
{
	return a->state == b->state && a->access == b->access && a->used == b->used &&
	       a->port_group == b->port_group;
}

static void compare_path(struct child *c, struct seen_lu *s, const struct dev_path_view *v)
{
	const struct child_session *of = dev_session_ctx(v->session);
	struct seen_path *p = path_of(s, of->number, v->lun);
	bool is_new = !p;
	struct word_path row;
	child_path_row(v, &row);
	if (is_new) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return; /* the next time */
		p->session = of->number;
		p->key = of->settings.key;
		memcpy(p->lun, v->lun, sizeof(p->lun));
		list_add_tail(&s->paths, &p->link);
	}
	p->there = true;
	if (!is_new && is_same(&row, &p->row))
		return;
	p->row = row;
	say(c, s, SEEN_PATH, p, NULL, NULL);
}

static const char *who_is_there(struct child *c, const struct seen_path *p)
{
	list_for_each (it, &c->sessions) {
		struct child_session *s = list_entry(it, struct child_session, link);
		struct device *d =
			s->number == p->session ? dev_session_device(s->devices, p->lun) : NULL;
		if (d)
			return device_facts(d)->id;
	}
	return NULL;
}

static void put_now(struct word_seen *out, const void *ctx)
{
	snprintf(out->now, sizeof(out->now), "%s", (const char *)ctx);
}

static void compare_paths(struct child *c, struct seen_lu *s, const struct device *device)
{
	struct dev_path_view v;
	list_for_each (it, &s->paths)
		list_entry(it, struct seen_path, link)->there = false;
	for (size_t i = 0; device && device_path(device, i, &v); i++)
		compare_path(c, s, &v);
	list_for_each_safe (it, &s->paths) {
		struct seen_path *p = list_entry(it, struct seen_path, link);
		if (p->there)
			continue;
		const char *now = who_is_there(c, p);
		p->row.used = false;
		p->row.state = now ? PATH_OTHER : PATH_MISSING;
		if (now)
			say(c, s, SEEN_OTHER, p, put_now, now);
		else
			say(c, s, SEEN_PATH_GONE, p, NULL, NULL);
		list_del(&p->link);
		free(p);
	}
}

/* --- LUs */

static void put_facts(struct word_seen *out, const void *ctx)
{
	const struct disk_traits *t = ctx;
	memcpy(out->vendor, t->vendor, sizeof(out->vendor));
	memcpy(out->model, t->model, sizeof(out->model));
	memcpy(out->serial, t->serial, sizeof(out->serial));
}

static void put_before(struct word_seen *out, const void *ctx)
{
	out->before = *(const uint64_t *)ctx;
}

static struct seen_lu *meet(struct child *c, struct list *before, struct device *device)
{
	struct seen_lu *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	const struct disk_traits *t = &device_disk(device)->traits;
	s->device = device;
	s->size = t->size;
	snprintf(s->wwid, sizeof(s->wwid), "%s", device_facts(device)->id);
	list_init(&s->paths);
	list_add_before(before, &s->link);
	say(c, s, SEEN_NEW, NULL, put_facts, t);
	return s;
}

static void compare_lu(struct child *c, struct seen_lu *s, struct device *device)
{
	uint64_t before = s->size;
	s->size = device_disk(device)->traits.size;
	if (s->size != before)
		say(c, s, SEEN_SIZE, NULL, put_before, &before);
	compare_paths(c, s, device);
	if (device_is_gone(device) && !s->gone) {
		s->gone = true;
		say(c, s, SEEN_GONE, NULL, NULL, NULL);
	}
}

/* Both lists have one order: devices come at the end, and child_seen_forget() takes out what goes. */
static void compare_now(struct deferred *def)
{
	struct child *c = container_of(def, struct child, compare);
	struct list *at = c->seen.next;
	for (struct device *d = NULL; (d = dev_set_next(c->set, d));) {
		bool known = at != &c->seen && list_entry(at, struct seen_lu, link)->device == d;
		struct seen_lu *s = known ? list_entry(at, struct seen_lu, link) : meet(c, at, d);
		if (known)
			at = at->next;
		if (s)
			compare_lu(c, s, d);
	}
}

void child_seen_forget(struct child *c, const struct device *device)
{
	list_for_each_safe (it, &c->seen) {
		struct seen_lu *s = list_entry(it, struct seen_lu, link);
		if (s->device != device)
			continue;
		s->device = NULL;
		compare_paths(c, s, NULL);
		if (!s->gone)
			say(c, s, SEEN_GONE, NULL, NULL, NULL);
		list_del(&s->link);
		free(s);
		return;
	}
}

void child_compare(struct child *c)
{
	reactor_defer(c->r, &c->compare);
}

void child_seen_init(struct child *c)
{
	list_init(&c->seen);
	deferred_init(&c->compare, compare_now);
}
