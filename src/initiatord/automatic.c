/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks that are attached by themselves: those that a record names (node.lunar.attach), whenever a session by it shows
 * them. What one daemon has attached so and cannot attach now waits, for its LUN or for somebody who detaches it;
 * another LU under that LUN is not taken for it.
 */
#include <errno.h>
#include <string.h>
#include "initiatord/initiatord.h"
#include "iscsi/lun.h"

void automatic_init(struct initiatord *d)
{
	d->let_go = json_object();
}

/* --- those that somebody has let go */

static void name_of(char out[ISCSI_NAME_SIZE + 16], const char *target, uint32_t lun)
{
	snprintf(out, ISCSI_NAME_SIZE + 16, "%s,%u", target, lun);
}

static bool was_let_go(const struct initiatord *d, const char *target, uint32_t lun)
{
	char name[ISCSI_NAME_SIZE + 16];
	name_of(name, target, lun);
	return json_object_get(d->let_go, name) != NULL;
}

void automatic_take(struct initiatord *d, const char *target, uint32_t lun)
{
	char name[ISCSI_NAME_SIZE + 16];
	name_of(name, target, lun);
	json_object_del(d->let_go, name);
}

/* --- what records say */

struct question {
	uint32_t lun;
	bool at_start, yes;
};

static int ask_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct question *q = ctx;
	struct node_settings s;
	struct config_why why;
	(void)key;
	/* What is attached anyway is asked of many records, and most say nothing. */
	if (q->yes || !record_get(node, "node.lunar.attach")[0] ||
	    node_settings_read(node, &s, &why))
		return 0;
	q->yes = node_attaches_lun(&s, q->lun) && (!q->at_start || s.startup != NODE_MANUAL);
	node_settings_wipe(&s);
	return 0;
}

bool automatic_is(struct initiatord *d, const char *target, uint32_t lun, bool at_start)
{
	struct question q = {.lun = lun, .at_start = at_start};
	struct record_filter filter = RECORD_FILTER_ALL;
	struct config_why why;
	filter.target = target;
	if (records_nodes(&d->records, &filter, ask_node, &q, &why) < 0)
		log_error(d->log, "the records of %s cannot be read: %s", target, why.text);
	return q.yes;
}

struct change {
	const struct attached_disk *disk;
	struct config_why why;
};

static int keep_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct change *c = ctx;
	const struct attached_disk *k = c->disk;
	struct record_filter filter = filter_of_key(key);
	struct record_change changes[3];
	char list[LUNS_TEXT];
	size_t n = 0;
	if (!session_find(k->d, key))
		return 0;
	int err = luns_add(list, record_get(node, "node.lunar.attach"), k->lun);
	if (err)
		return config_refuse(
			&c->why, -err,
			"node.lunar.attach has no room for one more LUN; write ranges, "
			"such as 0-7, or all");
	changes[n++] = (struct record_change){"node.lunar.attach", list};
	if (!strcmp(record_get(node, "node.startup"), "manual"))
		changes[n++] = (struct record_change){"node.startup", "automatic"};
	if (k->via_wanted)
		changes[n++] = (struct record_change){"node.lunar.via", k->method->name};
	return MIN(records_node_update(&k->d->records, &filter, changes, n, &c->why), 0);
}

static int drop_node(void *ctx, const struct record_key *key, const struct record *node)
{
	struct change *c = ctx;
	const struct attached_disk *k = c->disk;
	struct record_filter filter = filter_of_key(key);
	const char *had = record_get(node, "node.lunar.attach");
	char list[LUNS_TEXT];
	if (luns_are_all(had) || !luns_have(had, k->lun))
		return 0;
	int err = luns_remove(list, had, k->lun);
	const struct record_change change = {"node.lunar.attach", list};
	return err ? err
		   : MIN(records_node_update(&k->d->records, &filter, &change, 1, &c->why), 0);
}

static void refresh_sessions(struct initiatord *d)
{
	list_for_each (it, &d->sessions) {
		struct node_session *s = list_entry(it, struct node_session, link);
		struct config_why why;
		struct node_settings now;
		struct record *r = node_load(d, &s->key, &why);
		if (r && !node_settings_read(r, &now, &why)) {
			node_settings_wipe(&now);
			s->says = now;
		}
		record_free(r);
	}
}

static int change_nodes(struct attached_disk *disk, records_node_fn *fn, struct config_why *why)
{
	struct change c = {.disk = disk};
	struct record_filter filter = RECORD_FILTER_ALL;
	filter.target = disk->target;
	int n = records_nodes(&disk->d->records, &filter, fn, &c, why);
	if (n < 0 && c.why.text[0])
		*why = c.why;
	refresh_sessions(disk->d);
	return MIN(n, 0);
}

int automatic_keep(struct attached_disk *disk, struct config_why *why)
{
	return change_nodes(disk, keep_node, why);
}

void automatic_drop(struct attached_disk *disk)
{
	struct initiatord *d = disk->d;
	struct config_why why = {""};
	char name[ISCSI_NAME_SIZE + 16];
	if (!automatic_is(d, disk->target, disk->lun, false))
		return;
	disk->boot = false;
	if (change_nodes(disk, drop_node, &why))
		log_error(d->log, "%s LUN %u is detached, and will be attached again: %s",
			  disk->target, disk->lun, why.text);
	name_of(name, disk->target, disk->lun);
	json_object_set_new(d->let_go, name, json_true());
}

void automatic_refresh(struct initiatord *d)
{
	const struct word none = {
		.kind = WORD_DONE, .err = -ECANCELED, .why = "no record wants it any more"};
	refresh_sessions(d);
	list_for_each_safe (it, &d->disks) {
		struct attached_disk *k = list_entry(it, struct attached_disk, link);
		k->boot = automatic_is(d, k->target, k->lun, true);
		if (k->state == DISK_WAITING && !k->boot)
			disk_end(k, &none);
	}
}

/* --- what is seen */

static void attach_it(const struct node_session *s, uint32_t lun)
{
	struct initiatord *d = s->d;
	char why[1024] = "there are too many disks";
	const struct attach_method *m = disk_method(d, NULL, &s->key, why, sizeof(why));
	struct attached_disk *k =
		m ? disk_new(d, s->key.target, lun, s->key.address, s->key.port, m) : NULL;
	if (!k) {
		log_error(d->log, "%s LUN %u is to be attached, and is not: %s", s->key.target, lun,
			  why);
		return;
	}
	k->boot = s->says.startup != NODE_MANUAL;
	disk_begin(k, 0);
}

void automatic_seen(struct initiatord *d, const struct word *w)
{
	const struct word_path *p = &w->seen.path;
	const struct node_session *s = session_by_number(d, w->session);
	if (w->seen.what != SEEN_PATH || p->state != PATH_UP || p->lun > ISCSI_LUN_MAX || !s ||
	    s->logging_out || d->ending)
		return;
	const uint32_t lun = (uint32_t)p->lun;
	struct attached_disk *k = disk_find(d, s->key.target, lun);
	/* Whoever waits for one portal does not need that one. */
	if (k && (k->state == DISK_WAITING || k->state == DISK_LOGGING_IN))
		disk_begin(k, 0);
	else if (!k && !w->disk && node_attaches_lun(&s->says, lun) &&
		 !was_let_go(d, s->key.target, lun))
		attach_it(s, lun);
}
