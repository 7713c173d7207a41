/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: a LUN that is wanted becomes a device, and what is attached by one of the methods. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attach/links.h"
#include "initiatord/child_priv.h"
#include "iscsi/lun.h"

/* --- the end of one */

static void free_disk(struct deferred *def)
{
	struct child_disk *d = container_of(def, struct child_disk, freeing);
	struct child *c = d->child;
	struct errand *end = d->end;
	timer_cancel(c->r, &d->deadline);
	attach_free(d->attach);
	if (d->device)
		device_set_ctx(d->device, NULL);
	if (d->listener >= 0)
		close(d->listener);
	list_del(&d->link);
	free(d);
	if (end)
		errand_end(end, 0);
	child_look(c);
	child_end_if_over(c);
}

static void over(struct child_disk *d)
{
	reactor_defer(d->child->r, &d->freeing);
}

/* It does not come to be. */
static void fail(struct child_disk *d, int err, uint32_t reason, const char *why)
{
	struct errand *e = d->begin;
	d->begin = NULL;
	if (e) {
		e->reason = reason;
		snprintf(e->why, sizeof(e->why), "%s", why);
		errand_end(e, err);
	}
	over(d);
}

static void stopped(struct attach *a, void *ctx, int err, const char *why)
{
	struct child_disk *d = ctx;
	struct errand *e = d->end;
	(void)a;
	if (!err) {
		over(d);
		return;
	}
	d->end = NULL;
	if (e)
		errand_end(e, errand_refuse(e, -err, "%s", why));
}

/* By force it ends when the disk has answered what it has: so nothing waits for a path any more. */
static void stop(struct child_disk *d, bool force)
{
	if (force && d->device) {
		d->forced = true;
		device_set_outage(d->device, 0);
	}
	attach_stop(d->attach, force, stopped, d);
}

/* --- its beginning */

static void ready(struct attach *a, void *ctx, int err, const char *why)
{
	struct child_disk *d = ctx;
	if (err) {
		fail(d, err, INI_NO_REASON, why);
		return;
	}
	struct word word = {.kind = WORD_ATTACHED, .disk = d->number};
	snprintf(word.attached.path, sizeof(word.attached.path), "%s", attach_path(a));
	snprintf(word.attached.wwid, sizeof(word.attached.wwid), "%s", device_facts(d->device)->id);
	word.attached.size = disk_size(device_disk(d->device));
	word.attached.keep = a->keep;
	child_say(d->child, &word);
	if (d->begin)
		errand_end(d->begin, 0);
	d->begin = NULL;
	if (d->end)
		stop(d, d->end->order.flag);
}

static void lost(struct attach *a, void *ctx, const char *why)
{
	struct child_disk *d = ctx;
	struct word word = {.kind = WORD_LOST, .disk = d->number};
	(void)a;
	snprintf(word.why, sizeof(word.why), "%s", why);
	child_say(d->child, &word);
	over(d);
}

/* As udev calls disks of open-iscsi; what does not fit is left out. */
static void make_links(struct child_disk *d, struct attach_options *o)
{
	const char *wwid = device_disk(d->device)->traits.wwid;
	if (links_by_path(d->links[0], ATTACH_PATH, d->o.host, d->o.port, d->o.target, d->o.lun))
		d->links[0][0] = 0;
	if (links_by_id(d->links[1], d->links[2], ATTACH_PATH, wwid))
		d->links[1][0] = d->links[2][0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(d->links); i++)
		o->links[i] = d->links[i][0] ? d->links[i] : NULL;
}

static void begin(struct child_disk *d)
{
	char why[ATTACH_WHY] = "";
	const struct attach_method *m = attach_find(d->o.method);
	struct attach_options o = {
		.disk = device_disk(d->device),
		.name = d->o.name,
		.rights = &d->child->rights.rights,
		.slot = d->o.slot,
		.socket = d->o.socket,
		.group = (gid_t)-1,
		.listener = d->listener > 0 ? d->listener : 0,
		.keep = d->o.take_over ? &d->o.keep : NULL,
		.file = -1,
		.ready = ready,
		.lost = lost,
		.ctx = d,
	};
	make_links(d, &o);
	int err = m ? attach_start(&d->attach, m, &o, why, sizeof(why)) : -EOPNOTSUPP;
	if (err)
		fail(d, err, INI_NO_REASON, m ? why : "there is no such method");
	else
		d->listener = -1;
}

/* --- which device it is */

static bool take_device(struct child_disk *d, struct device *device)
{
	char why[ORDER_WHY_SIZE];
	const char *id = device_facts(device)->id;
	if (device_ctx(device)) {
		const struct child_disk *other = device_ctx(device);
		snprintf(why, sizeof(why), "it is attached already, as LUN %llu of %.223s",
			 (unsigned long long)other->o.lun, other->o.target);
		fail(d, -EBUSY, INI_NO_REASON, why);
		return false;
	}
	/* Who goes on with what was there goes on with that, and with nothing else of that number. */
	if (d->o.wwid[0] && strcmp(d->o.wwid, id) != 0) {
		snprintf(why, sizeof(why),
			 "LUN %llu is another disk than it was: %s in place of %s",
			 (unsigned long long)d->o.lun, id[0] ? id : "one without identity",
			 d->o.wwid);
		fail(d, -ESTALE, INI_NO_REASON, why);
		return false;
	}
	d->device = device;
	device_set_ctx(device, d);
	return true;
}

struct search {
	struct device *found;
	const struct child_session *last; /* of those with the target */
	bool unsettled;
};

static void search(const struct child_disk *d, struct search *out)
{
	uint8_t lun[ISCSI_LUN_LEN];
	*out = (struct search){0};
	iscsi_lun_put(lun, (uint32_t)d->o.lun);
	list_for_each (it, &d->child->sessions) {
		struct child_session *s = list_entry(it, struct child_session, link);
		if (s->ended || strcmp(s->settings.key.target, d->o.target) != 0)
			continue;
		out->last = s;
		out->unsettled |= !s->settled;
		struct device *device = dev_session_device(s->devices, lun);
		if (device && !device_is_gone(device))
			out->found = device;
	}
}

static void say_what_there_is(struct child_disk *d, const struct child_session *s)
{
	char why[ORDER_WHY_SIZE], list[128] = "";
	struct dev_path_view v;
	size_t len = 0;
	for (struct device *x = NULL; (x = dev_set_next(d->child->set, x));)
		for (size_t i = 0; device_path(x, i, &v); i++) {
			uint32_t lun;
			if (v.session != s->devices || iscsi_lun_get(v.lun, &lun) ||
			    len + 8 >= sizeof(list))
				continue;
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%u",
						len ? ", " : "", lun);
		}
	snprintf(why, sizeof(why), "%s has no disk as LUN %llu for us; it has: %s", d->o.target,
		 (unsigned long long)d->o.lun, len ? list : "none");
	fail(d, -ENXIO, INI_NO_REASON, why);
}

static void look_for(struct child_disk *d)
{
	struct search s;
	search(d, &s);
	if (s.found) {
		if (take_device(d, s.found))
			begin(d);
	} else if (s.last && !s.unsettled) {
		say_what_there_is(d, s.last);
	} else if (!s.last) {
		fail(d, -ENOTCONN, INI_NO_REASON, "there is no session with its target");
	}
}

static void time_is_up(struct timer *t)
{
	struct child_disk *d = container_of(t, struct child_disk, deadline);
	char why[ORDER_WHY_SIZE];
	struct search s;
	if (d->attach)
		return;
	search(d, &s);
	const struct ini_why *last = s.last ? ini_last_why(ini_link_session(s.last->ini)) : NULL;
	snprintf(why, sizeof(why), "it did not answer in time%s%s",
		 last && last->reason ? ": " : "", last ? last->text : "");
	fail(d, -ETIMEDOUT, last ? last->reason : INI_NO_REASON, why);
}

static void look_now(struct deferred *def)
{
	struct child *c = container_of(def, struct child, look);
	list_for_each (it, &c->disks) {
		struct child_disk *d = list_entry(it, struct child_disk, link);
		if (!d->device && d->begin)
			look_for(d);
	}
}

/* What nobody has attached, and no session shows. */
static void sweep_now(struct deferred *def)
{
	struct child *c = container_of(def, struct child, sweep);
	struct device *d = dev_set_next(c->set, NULL);
	struct dev_path_view v;
	while (d) {
		struct device *next = dev_set_next(c->set, d);
		if (!device_ctx(d) && (device_is_gone(d) || !device_path(d, 0, &v))) {
			child_seen_forget(c, d);
			device_forget(d);
		}
		d = next;
	}
}

void child_look(struct child *c)
{
	reactor_defer(c->r, &c->look);
	child_compare(c);
	reactor_defer(c->r, &c->sweep);
}

/* --- orders */

static struct child_disk *find(const struct child *c, uint32_t number)
{
	list_for_each (it, &c->disks) {
		struct child_disk *d = list_entry(it, struct child_disk, link);
		if (d->number == number && !d->forced)
			return d;
	}
	return NULL;
}

int child_attach(struct errand *e)
{
	struct child *c = e->child;
	struct child_disk *d = find(c, e->order.disk) ? NULL : calloc(1, sizeof(*d));
	if (!d)
		return errand_refuse(e, EALREADY, "the disk is there already");
	d->child = c;
	d->number = e->order.disk;
	d->o = e->order.attach;
	d->listener = e->file;
	e->file = -1;
	d->begin = e;
	timer_init(&d->deadline, time_is_up);
	deferred_init(&d->freeing, free_disk);
	list_add_tail(&c->disks, &d->link);
	if (e->order.seconds)
		timer_set(c->r, &d->deadline, reactor_now(c->r) + e->order.seconds * NSEC_PER_SEC);
	child_look(c);
	return ERRAND_LATER;
}

int child_detach(struct errand *e)
{
	struct child_disk *d = find(e->child, e->order.disk);
	if (!d)
		return 0;
	if (d->end)
		return errand_refuse(e, EBUSY, "it is being detached already");
	d->end = e;
	if (!d->attach)
		fail(d, -ECANCELED, INI_NO_REASON, "it is detached");
	else if (d->attach->is_ready)
		stop(d, e->order.flag);
	return ERRAND_LATER;
}

static void left(struct attach *a, void *ctx, int err, const char *why)
{
	(void)a;
	over(ctx);
}

/* By an end in order nothing stays; for who takes over, all that can be taken over. */
static void end_disk(struct child_disk *d)
{
	const struct attach *a = d->attach;
	if (d->child->leaving && a->is_ready && !attach_mortal(a->method, &a->keep))
		attach_leave(d->attach, left, d);
	else
		stop(d, true);
}

void child_disks_end(struct child *c)
{
	list_for_each (it, &c->disks) {
		struct child_disk *d = list_entry(it, struct child_disk, link);
		if (!d->attach)
			fail(d, -ECANCELED, INI_NO_REASON, "the daemon ends");
		else if (!d->attach->stopping)
			end_disk(d);
	}
}

/* --- what devices say */

static void set_outage(struct device *device)
{
	const struct child_disk *d = device_ctx(device);
	struct dev_path_view v;
	size_t paths = 0;
	if ((d && d->forced) || !device_path(device, 0, &v))
		return;
	const struct child_session *s = dev_session_ctx(v.session);
	while (device_path(device, paths, &v))
		paths++;
	if (s->settings.outage < 0 || (s->settings.wait_if_only_path && paths == 1))
		device_set_outage(device, INI_NEVER);
	else
		device_set_outage(device, (uint64_t)s->settings.outage * NSEC_PER_SEC);
}

static void appeared(void *ctx, struct device *device)
{
	set_outage(device);
	child_look(ctx);
}

static void changed(void *ctx, struct device *device)
{
	const struct child_disk *d = device_ctx(device);
	struct child *c = ctx;
	set_outage(device);
	if (d)
		child_say(c, &(struct word){.kind = WORD_CHANGED, .disk = d->number});
	child_look(c);
}

static void settled(void *ctx, struct dev_session *ds)
{
	struct child_session *s = dev_session_ctx(ds);
	struct errand *e = s->login;
	s->settled = true;
	s->login = NULL;
	if (e)
		errand_end(e, 0);
	child_look(ctx);
}

const struct dev_set_ops child_set_ops = {
	.appeared = appeared, .changed = changed, .settled = settled};

void child_disks_init(struct child *c)
{
	list_init(&c->disks);
	child_seen_init(c);
	deferred_init(&c->look, look_now);
	deferred_init(&c->sweep, sweep_now);
}
