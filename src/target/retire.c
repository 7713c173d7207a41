/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is taken away at run time, and its sessions with it. All on home's thread.
 *
 *   nobody finds it any more     the lock is held for that
 *   ending                       its sessions are asked to log out, and dropped when their time is up
 *   the last one is gone         registry.c: it has left its LUs, its nexus is lost
 *   a node: its LUNs are unmapped; when its device is quiet a letter visits all reactors, behind whatever else
 *   may speak of the node there
 *   it is freed; `done`
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"
#include "target/watch.h"

struct ending {
	struct list link;
	struct target *home;
	bool (*fits)(const struct record *r, const void *what);
	const void *what;
	uint64_t number; /* sessions that came later are none of it */
	size_t left;     /* how many there are still */
	const char *why;
	uint64_t asked, dropped;   /* registry_each_that() */
	void (*after)(void *what); /* with what has no session any more; NULL: it stays */
	void (*done)(void *ctx);
	void *ctx;
	struct timer timer;
	struct deferred over;
};

static bool is_of_node(const struct record *r, const void *what)
{
	return r->node == what;
}

static bool is_of_group(const struct record *r, const void *what)
{
	return r->group == what;
}

static bool is_of_acl(const struct record *r, const void *what)
{
	return r->acl == what;
}

static bool is_this(const struct record *r, const void *what)
{
	return r == what;
}

static bool concerns(const struct ending *e, const struct record *r)
{
	return r->number < e->number && e->fits(r, e->what);
}

/* --- sessions end */

static bool fits(const struct record *r, const void *ctx)
{
	return concerns(ctx, r);
}

static void drop(struct record *r, void *ctx)
{
	registry_end(r, ((struct ending *)ctx)->why);
}

static void drop_all(struct ending *e)
{
	registry_each_that(e->home, fits, e, e->dropped, drop, e);
}

static void ask(struct record *r, void *ctx)
{
	registry_ask(r, *(const uint32_t *)ctx);
}

static void ask_all(struct ending *e, uint32_t seconds)
{
	registry_each_that(e->home, fits, e, e->asked, ask, &seconds);
}

static void time_is_up(struct timer *timer)
{
	drop_all(container_of(timer, struct ending, timer));
}

static void over(struct deferred *d)
{
	struct ending *e = container_of(d, struct ending, over);
	void (*done)(void *ctx) = e->done;
	void *ctx = e->ctx;
	list_del(&e->link);
	timer_cancel(e->home->reactor, &e->timer);
	if (e->after)
		e->after((void *)e->what);
	free(e);
	if (done)
		done(ctx);
}

static void check(struct ending *e)
{
	if (!e->left)
		reactor_defer(e->home->reactor, &e->over);
}

void retire_left(struct target *home, const struct record *r)
{
	list_for_each (it, &home->endings) {
		struct ending *e = list_entry(it, struct ending, link);
		e->left -= concerns(e, r);
		check(e);
	}
}

/* Before anything has changed; NULL: no memory. */
static struct ending *make(const struct ending *like)
{
	struct ending *e = malloc(sizeof(*e));
	struct target *home = like->home;
	if (!e)
		return NULL;
	*e = *like;
	e->number = ++home->last_number;
	e->asked = ++home->last_number;
	e->dropped = ++home->last_number;
	timer_init(&e->timer, time_is_up);
	deferred_init(&e->over, over);
	return e;
}

static bool count(const struct record *r, void *ctx)
{
	struct ending *e = ctx;
	e->left += concerns(e, r);
	return false;
}

static void start(struct ending *e, uint32_t seconds)
{
	struct target *home = e->home;
	registry_each(home, count, e);
	list_add_tail(&home->endings, &e->link);
	if (seconds) {
		timer_set(home->reactor, &e->timer,
			  target_deadline(home, reactor_now(home->reactor), seconds));
		ask_all(e, seconds);
	} else {
		drop_all(e);
	}
	check(e);
}

/* --- ACLs, portal groups */

static void free_acl(void *what)
{
	acl_free(what);
}

int target_acl_delete(struct target_acl *acl, uint32_t seconds, void (*done)(void *ctx), void *ctx)
{
	struct target *home = acl->group->node->target;
	struct ending *e = make(&(struct ending){.home = home,
						 .fits = is_of_acl,
						 .what = acl,
						 .why = "its ACL is deleted",
						 .after = free_acl,
						 .done = done,
						 .ctx = ctx});
	if (!e)
		return -ENOMEM;
	config_write(home);
	list_del(&acl->link);
	config_done(home);
	start(e, seconds);
	return 0;
}

int target_group_disable(struct target_group *group, uint32_t seconds, void (*done)(void *ctx),
			 void *ctx)
{
	struct target *home = group->node->target;
	struct ending *e = make(&(struct ending){.home = home,
						 .fits = is_of_group,
						 .what = group,
						 .why = "its portal group is disabled",
						 .done = done,
						 .ctx = ctx});
	if (!e)
		return -ENOMEM;
	config_write(home);
	group->enabled = false;
	config_done(home);
	start(e, seconds);
	return 0;
}

static void free_group(void *what)
{
	group_free(what);
}

int target_group_delete(struct target_group *group, uint32_t seconds, void (*done)(void *ctx),
			void *ctx)
{
	struct target *home = group->node->target;
	struct ending *e = make(&(struct ending){.home = home,
						 .fits = is_of_group,
						 .what = group,
						 .why = "its portal group is deleted",
						 .after = free_group,
						 .done = done,
						 .ctx = ctx});
	if (!e)
		return -ENOMEM;
	config_write(home);
	list_del(&group->link);
	config_done(home);
	scsi_device_remove_port(group->node->device, group->tag);
	start(e, seconds);
	return 0;
}

/* --- one session */

static bool has_tsih(const struct record *r, void *ctx)
{
	return r->tsih == *(const uint16_t *)ctx && !r->left;
}

int target_session_end(struct target *t, uint16_t tsih, uint32_t seconds, void (*done)(void *ctx),
		       void *ctx)
{
	const struct record *r = registry_each(t, has_tsih, &tsih);
	if (!r)
		return -ENOENT;
	struct ending *e = make(&(struct ending){.home = t,
						 .fits = is_this,
						 .what = r,
						 .why = "ended by the administrator",
						 .done = done,
						 .ctx = ctx});
	if (!e)
		return -ENOMEM;
	start(e, seconds);
	return 0;
}

/* --- nodes */

static void trip_over(struct target_node *node)
{
	void (*done)(void *ctx) = node->done;
	void *ctx = node->done_ctx;
	node_free(node);
	if (done)
		done(ctx);
}

static void trip(struct target_node *node);

static void trip_here(struct mail *m)
{
	trip(container_of(m, struct target_node, trip));
}

static void trip_there(struct mail *m)
{
	const struct target_node *node = container_of(m, struct target_node, trip);
	reactor_post(node->target->reactor, m, trip_here);
}

/* Where it is read, what was posted there before has been. */
static void trip(struct target_node *node)
{
	struct target *home = node->target;
	if (++node->trip_at < home->part_count)
		reactor_post(home->parts[node->trip_at]->reactor, &node->trip, trip_there);
	else
		trip_over(node);
}

static void look_empty(struct deferred *d)
{
	struct target_node *node = container_of(d, struct target_node, empty);
	if (node->tripping || !scsi_device_is_quiet(node->device))
		return;
	node->tripping = true;
	scsi_device_watch(node->device, NULL, NULL);
	trip(node);
}

static void stirred(void *ctx)
{
	struct target_node *node = ctx;
	reactor_defer(node->target->reactor, &node->empty);
}

static void unmap_all(struct scsi_map *map)
{
	unsigned lun = 0;
	while (scsi_map_walk(map, &lun, NULL))
		scsi_map_remove(map, (uint16_t)lun);
}

/* Its sessions are gone. */
static void empty_node(void *what)
{
	struct target_node *node = what;
	while (!list_empty(&node->groups))
		group_free(list_first(&node->groups, struct target_group, link));
	deferred_init(&node->empty, look_empty);
	scsi_device_watch(node->device, stirred, node);
	unmap_all(scsi_device_map_of(node->device));
	stirred(node);
}

int target_node_delete(struct target_node *node, uint32_t seconds, void (*done)(void *ctx),
		       void *ctx)
{
	struct target *home = node->target;
	struct ending *e = make(&(struct ending){.home = home,
						 .fits = is_of_node,
						 .what = node,
						 .why = "its target is deleted",
						 .after = empty_node});
	if (!e)
		return -ENOMEM;
	config_write(home);
	list_del(&node->link);
	config_done(home);
	list_add_tail(&home->leaving, &node->link);
	node->done = done;
	node->done_ctx = ctx;
	start(e, seconds);
	return 0;
}

/* --- the end of the target */

/* Sessions are gone. Nodes are on their list still; the others are freed here. */
void retire_free(struct target *home)
{
	while (!list_empty(&home->endings)) {
		struct ending *e = list_first(&home->endings, struct ending, link);
		list_del(&e->link);
		timer_cancel(home->reactor, &e->timer);
		deferred_cancel(&e->over);
		if (e->after && e->after != empty_node)
			e->after((void *)e->what);
		free(e);
	}
}
