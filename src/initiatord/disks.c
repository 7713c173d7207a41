/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks that are attached, or are to be. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "common/hash.h"
#include "initiatord/initiatord.h"

static const char *const words[DISK_STATES] = {
	[DISK_LOGGING_IN] = "logging-in", [DISK_ATTACHING] = "attaching",
	[DISK_ATTACHED] = "attached",     [DISK_DETACHING] = "detaching",
	[DISK_WAITING] = "waiting",
};

const char *disk_state_word(enum disk_state state)
{
	return words[state];
}

struct attached_disk *disk_find(struct initiatord *d, const char *target, uint32_t lun)
{
	list_for_each (it, &d->disks) {
		struct attached_disk *disk = list_entry(it, struct attached_disk, link);
		if (disk->lun == lun && !strcmp(disk->target, target))
			return disk;
	}
	return NULL;
}

struct attached_disk *disk_by_number(struct initiatord *d, uint32_t number)
{
	list_for_each (it, &d->disks) {
		struct attached_disk *disk = list_entry(it, struct attached_disk, link);
		if (disk->number == number)
			return disk;
	}
	return NULL;
}

/* --- making */

static bool slot_is_used(const struct initiatord *d, uint32_t slot)
{
	list_for_each (it, &d->disks)
		if (list_entry(it, struct attached_disk, link)->slot == slot)
			return true;
	return false;
}

/* What people tell targets apart by is behind the colon; what does not fit is told apart by a number. */
static void make_name(struct attached_disk *disk)
{
	const char *colon = strchr(disk->target, ':');
	const char *base = colon && colon[1] ? colon + 1 : disk->target;
	unsigned hash = 5381;
	for (const char *p = disk->target; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	if (strlen(base) <= 32)
		snprintf(disk->name, sizeof(disk->name), "%.32s-%04x-lun%u", base, hash & 0xffff,
			 disk->lun);
	else
		snprintf(disk->name, sizeof(disk->name), "%.24s-%08x-lun%u", base, hash, disk->lun);
	for (char *p = disk->name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.' && *p != '_')
			*p = '_';
}

struct attached_disk *disk_new(struct initiatord *d, const char *target, uint32_t lun,
			       const char *host, uint16_t port, const struct attach_method *m)
{
	uint32_t slot = d->last_number % RIGHTS_SLOTS;
	for (unsigned i = 0; i < RIGHTS_SLOTS && slot_is_used(d, slot); i++)
		slot = (slot + 1) % RIGHTS_SLOTS;
	struct attached_disk *disk = slot_is_used(d, slot) ? NULL : calloc(1, sizeof(*disk));
	if (!disk)
		return NULL;
	disk->d = d;
	disk->number = ++d->last_number;
	disk->slot = slot;
	disk->lun = lun;
	disk->port = port;
	disk->method = m;
	disk->listener = -1;
	snprintf(disk->target, sizeof(disk->target), "%s", target);
	snprintf(disk->host, sizeof(disk->host), "%s", host);
	make_name(disk);
	list_init(&disk->waits);
	list_add_tail(&d->disks, &disk->link);
	return disk;
}

bool disk_use_slot(struct attached_disk *disk, uint32_t slot)
{
	if (slot == disk->slot)
		return true;
	if (slot >= RIGHTS_SLOTS || slot_is_used(disk->d, slot))
		return false;
	disk->slot = slot;
	return true;
}

static void let_go(struct attached_disk *disk)
{
	state_disk_let_go(disk);
	if (disk->listener >= 0)
		net_unlisten_local(disk->d->r, disk->listener, disk->socket);
	disk->listener = -1;
}

void disk_free(struct attached_disk *disk)
{
	let_go(disk);
	list_del(&disk->link);
	free(disk);
}

/* Of an attempt that was in vain nothing stays. */
static void forget_new_node(const struct attached_disk *disk)
{
	struct record_filter filter = RECORD_FILTER_ALL;
	struct config_why why;
	if (!disk->new_node || disk->kept)
		return;
	filter.target = disk->target;
	filter.address = disk->host;
	filter.port = disk->port;
	if (records_node_delete(&disk->d->records, &filter, &why) < 0)
		log_warning(disk->d->log, "%s", why.text);
}

void disk_end(struct attached_disk *disk, const struct word *w)
{
	struct initiatord *d = disk->d;
	char target[ISCSI_NAME_SIZE];
	struct list waits;
	list_init(&waits);
	list_splice_tail(&waits, &disk->waits);
	snprintf(target, sizeof(target), "%s", disk->target);
	forget_new_node(disk);
	if (disk->kept)
		event_disk(disk, EVENT_DETACHED, disk->state == DISK_DETACHING ? "" : w->why);
	/* What nobody serves any more does not wait for ever. */
	rights_end_slot(&d->holder, disk->slot, d->log);
	disk_free(disk);
	waits_tell(&waits, w);
	sessions_let_go(d, target);
	state_save(d);
}

/* Its device ends, for nobody serves it; the disk stays on the list, and is attached when its LUN is seen. */
static void wait_for_lun(struct attached_disk *disk, const struct word *w)
{
	struct initiatord *d = disk->d;
	if (disk->kept)
		event_disk(disk, EVENT_DETACHED, w->why);
	rights_end_slot(&d->holder, disk->slot, d->log);
	let_go(disk);
	disk->state = DISK_WAITING;
	disk->ordered = disk->kept = false;
	disk->path[0] = 0;
	snprintf(disk->why, sizeof(disk->why), "%s", w->why);
	config_clean(disk->why);
	state_save(d);
	waits_tell(&disk->waits, w);
}

/* Who detaches it does not want it at the next start, either. */
static void end_for_good(struct attached_disk *disk, const struct word *w)
{
	automatic_drop(disk);
	disk_end(disk, w);
}

void disk_fail(struct attached_disk *disk, const struct word *w)
{
	if (disk->state == DISK_DETACHING)
		end_for_good(disk, w);
	else if (disk->boot && !disk->d->ending)
		wait_for_lun(disk, w);
	else
		disk_end(disk, w);
}

/* --- attaching */

/* Only now: of an attempt that is in vain they would not know. */
static void say_to_records(struct attached_disk *disk)
{
	struct initiatord *d = disk->d;
	struct config_why why;
	if (disk->boot_wanted && automatic_keep(disk, &why))
		log_error(d->log,
			  "%s LUN %u is attached, and will not be when the daemon starts: %s",
			  disk->target, disk->lun, why.text);
	disk->boot_wanted = false;
	disk->boot = automatic_is(d, disk->target, disk->lun, true);
}

static void attached(struct errand_out *e, const struct word *w)
{
	struct initiatord *d = e->ctx;
	struct attached_disk *disk = disk_by_number(d, e->order.disk);
	errand_out_free(e);
	if (!disk)
		return;
	if (w->err == -ECANCELED && !d->ending && disk->state != DISK_DETACHING) {
		disk->ordered = false;
		return; /* another process is told of it */
	}
	if (disk->state == DISK_DETACHING)
		return;
	if (!w->err) {
		if (disk->state != DISK_ATTACHED)
			event_disk(disk, EVENT_ATTACHED, "");
		disk->state = DISK_ATTACHED;
		disk->why[0] = 0;
		say_to_records(disk);
		log_info(d->log, "%s LUN %u is %s (%s)", disk->target, disk->lun, disk->path,
			 disk->method->name);
		/* In this order: whoever finds a device without what was to be kept of it ends it. */
		state_save(d);
		state_disk_hold(disk);
		waits_tell(&disk->waits, w);
		return;
	}
	log_error(d->log, "%s LUN %u is not attached: %s", disk->target, disk->lun, w->why);
	disk_fail(disk, w);
}

/* The process that a daemon before us has left lets go a moment after it: that is waited for, and nothing else. */
static int listen_soon(struct initiatord *d, const char *path)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	int sock = net_listen_local(d->r, path, d->o.group);
	for (int i = 0; sock == -EADDRINUSE && i < 50; i++) {
		nanosleep(&pause, NULL);
		sock = net_listen_local(d->r, path, d->o.group);
	}
	return sock;
}

static int listen_there(struct attached_disk *disk, char *why, size_t why_size)
{
	struct initiatord *d = disk->d;
	if (disk->method != &attach_nbd_socket || disk->listener >= 0)
		return 0;
	int n = snprintf(disk->socket, sizeof(disk->socket), "%s/%s.nbd", d->o.socket_dir,
			 disk->name);
	disk->listener =
		(size_t)n < sizeof(disk->socket) ? listen_soon(d, disk->socket) : -ENAMETOOLONG;
	if (disk->listener < 0)
		snprintf(why, why_size, "the NBD socket %s: %s", disk->socket,
			 strerror(-disk->listener));
	return MIN(disk->listener, 0);
}

void disk_begin(struct attached_disk *disk, uint32_t seconds)
{
	struct initiatord *d = disk->d;
	struct word w = {.kind = WORD_DONE};
	w.err = listen_there(disk, w.why, sizeof(w.why));
	struct errand_out *e = w.err ? NULL : errand_out_new(ORDER_ATTACH, attached, d);
	if (!e) {
		w.err = w.err ? w.err : -ENOMEM;
		disk_fail(disk, &w);
		return;
	}
	struct order_attach *o = &e->order.attach;
	e->order.disk = disk->number;
	e->order.seconds = seconds;
	e->file = disk->listener;
	o->lun = disk->lun;
	o->port = disk->port;
	o->slot = disk->slot;
	o->take_over = disk->kept && disk->method->takes_over;
	o->keep = disk->keep;
	snprintf(o->target, sizeof(o->target), "%s", disk->target);
	snprintf(o->method, sizeof(o->method), "%s", disk->method->name);
	snprintf(o->name, sizeof(o->name), "%s", disk->name);
	snprintf(o->socket, sizeof(o->socket), "%s", disk->socket);
	snprintf(o->wwid, sizeof(o->wwid), "%s", disk->wwid);
	snprintf(o->host, sizeof(o->host), "%s", disk->host);
	if (disk->state != DISK_ATTACHED)
		disk->state = DISK_ATTACHING;
	disk->ordered = true;
	courier_send(&d->courier, e);
}

/* Of those that the process before has left; what it was attaching begins anew. */
void disks_again(struct initiatord *d)
{
	list_for_each_safe (it, &d->disks) {
		struct attached_disk *disk = list_entry(it, struct attached_disk, link);
		if (disk->state == DISK_ATTACHED || disk->state == DISK_ATTACHING)
			disk_begin(disk, 0);
	}
}

/* --- detaching */

struct detach {
	struct initiatord *d;
	struct wait *wait;
	enum disk_state before;
};

static void detached(struct errand_out *e, const struct word *w)
{
	struct detach *t = e->ctx;
	struct initiatord *d = t->d;
	struct attached_disk *disk = disk_by_number(d, e->order.disk);
	const struct word gone = {
		.kind = WORD_DONE, .err = -ECANCELED, .why = "it was detached meanwhile"};
	errand_out_free(e);
	if (disk && w->err)
		disk->state = t->before;
	else if (disk)
		end_for_good(disk, &gone);
	if (t->wait)
		t->wait->done(t->wait, w);
	free(t);
}

void disk_detach(struct attached_disk *disk, bool force, struct wait *wait)
{
	struct initiatord *d = disk->d;
	const struct word done = {.kind = WORD_DONE};
	struct word w = {.kind = WORD_DONE, .err = -ECANCELED, .why = "it was detached meanwhile"};
	if (!disk->ordered) {
		end_for_good(disk, &w);
		if (wait)
			wait->done(wait, &done);
		return;
	}
	struct detach *t = malloc(sizeof(*t));
	struct errand_out *e = t ? errand_out_new(ORDER_DETACH, detached, t) : NULL;
	if (!e) {
		free(t);
		w.err = -ENOMEM;
		if (wait)
			wait->done(wait, &w);
		return;
	}
	*t = (struct detach){d, wait, disk->state};
	disk->state = DISK_DETACHING;
	e->order.disk = disk->number;
	e->order.flag = force;
	courier_send(&d->courier, e);
}

/* --- what is heard */

void disk_heard(struct initiatord *d, const struct word *w)
{
	struct attached_disk *disk = disk_by_number(d, w->disk);
	if (!disk)
		return;
	if (w->kind == WORD_ATTACHED) {
		snprintf(disk->path, sizeof(disk->path), "%s", w->attached.path);
		snprintf(disk->wwid, sizeof(disk->wwid), "%s", w->attached.wwid);
		config_clean(disk->path);
		config_clean(disk->wwid);
		disk->size = w->attached.size;
		disk->keep = w->attached.keep;
		disk->kept = true;
	} else if (w->kind == WORD_LOST) {
		struct word gone = {.kind = WORD_DONE, .err = -ENODEV};
		snprintf(gone.why, sizeof(gone.why), "%s", w->why);
		log_error(d->log, "%s LUN %u: %s", disk->target, disk->lun, w->why);
		disk_fail(disk, &gone);
	}
}

/* --- logging in for it */

struct login_wait {
	struct wait wait;
	struct initiatord *d;
	uint32_t disk, seconds;
};

static void session_is_there(struct wait *wait, const struct word *w)
{
	struct login_wait *l = container_of(wait, struct login_wait, wait);
	struct initiatord *d = l->d;
	struct attached_disk *disk = disk_by_number(d, l->disk);
	uint32_t seconds = l->seconds;
	free(l);
	if (!disk)
		return;
	disk->logins--;
	if (disk->state != DISK_LOGGING_IN)
		return;
	if (!w->err)
		disk_begin(disk, seconds);
	else if (!disk->logins)
		disk_fail(disk, w);
}

struct nodes {
	struct initiatord *d;
	struct record_key *keys;
	size_t count;
};

static int take_key(void *ctx, const struct record_key *key, const struct record *node)
{
	struct nodes *n = ctx;
	if (n->count == SESSIONS_MOST)
		return 0;
	struct record_key *more = realloc(n->keys, (n->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	n->keys = more;
	n->keys[n->count++] = *key;
	return 0;
}

/* As if by a login that has failed: the last one of them ends the disk. */
static void refused(struct login_wait *l, const char *why)
{
	struct word w = {.kind = WORD_DONE, .err = -EINVAL};
	snprintf(w.why, sizeof(w.why), "%.511s", why);
	session_is_there(&l->wait, &w);
}

static void login_one(struct initiatord *d, struct login_wait *l, const struct record_key *key,
		      bool patient)
{
	struct config_why why;
	struct node_session *s = session_find(d, key);
	bool made = !s;
	s = session_login(d, key, patient, &l->wait, &why);
	if (!s)
		refused(l, why.text);
	else if (made && session_find(d, key))
		session_find(d, key)->for_disks = true;
}

void disk_login(struct attached_disk *disk, const struct record_filter *filter, bool patient,
		uint32_t seconds)
{
	struct initiatord *d = disk->d;
	uint32_t number = disk->number;
	struct nodes n = {.d = d};
	struct config_why why;
	struct word none = {.kind = WORD_DONE, .err = -ENOENT};
	int found = records_nodes(&d->records, filter, take_key, &n, &why);
	disk->logins = (unsigned)n.count;
	if (found <= 0) {
		snprintf(none.why, sizeof(none.why), "%.511s",
			 found < 0 ? why.text : "there is no record of its target");
		disk_fail(disk, &none);
	}
	for (size_t i = 0; i < n.count && disk_by_number(d, number); i++) {
		struct login_wait *l = malloc(sizeof(*l));
		if (!l)
			continue;
		*l = (struct login_wait){{.done = session_is_there}, d, number, seconds};
		login_one(d, l, &n.keys[i], patient);
	}
	free(n.keys);
}
