/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

static void drain_over(struct timer *timer);
static void drained(struct deferred *d);

static struct target *part_new(struct target *home, struct reactor *r,
			       const struct config_limits *limits)
{
	struct target *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->home = home ? home : t;
	t->reactor = r;
	t->log = reactor_log(r);
	t->limits = *limits;
	list_init(&t->nodes);
	list_init(&t->portals);
	list_init(&t->conns);
	list_init(&t->sessions);
	list_init(&t->silent);
	list_init(&t->tasks);
	list_init(&t->free_tasks);
	list_init(&t->free_pdus);
	list_init(&t->starved);
	list_init(&t->arrivals);
	pthread_mutex_init(&t->arrivals_lock, NULL);
	pool_init(&t->pool, limits->memory_limit);
	deferred_init(&t->feed, command_feed);
	deferred_init(&t->drained, drained);
	timer_init(&t->drain_timer, drain_over);
	t->index = t->home->part_count++;
	t->home->parts[t->index] = t;
	return t;
}

int target_new(struct target **out, struct reactor *r, const struct config_limits *limits)
{
	struct target *t = part_new(NULL, r, limits);
	int err = t ? registry_new(t) : -ENOMEM;
	if (err)
		free(t);
	else
		*out = t;
	return err;
}

int target_add_reactor(struct target *t, struct reactor *r)
{
	if (t->part_count == TARGET_REACTORS_MAX)
		return -E2BIG;
	if (!part_new(t, r, &t->limits))
		return -ENOMEM;
	for (unsigned i = 0; i < t->part_count; i++)
		t->parts[i]->pool.limit = t->limits.memory_limit / t->part_count;
	return 0;
}

uint64_t target_deadline(const struct target *t, uint64_t from, uint32_t seconds)
{
	return seconds ? from + seconds * NSEC_PER_SEC : REACTOR_NEVER;
}

/* --- nodes */

static void auth_free(struct auth *auth)
{
	iscsi_chap_account_wipe(&auth->theirs);
	iscsi_chap_account_wipe(&auth->ours);
}

static int auth_set(struct auth *to, const struct target_auth *from)
{
	struct auth auth = {.algorithms = from->algorithms ? from->algorithms : ISCSI_CHAP_ALL};
	int err = 0;
	if (from->user)
		err = iscsi_chap_account_set(&auth.theirs, from->user, from->secret,
					     strlen(from->secret));
	if (!err && from->mutual_user)
		err = iscsi_chap_account_set(&auth.ours, from->mutual_user, from->mutual_secret,
					     strlen(from->mutual_secret));
	if (!err && iscsi_chap_same_secret(&auth.theirs, &auth.ours))
		err = -EINVAL;
	if (!err)
		*to = auth;
	auth_free(&auth);
	return err;
}

static void node_free(struct target_node *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(node->parts); i++)
		deferred_cancel(&node->parts[i].cold_reset);
	auth_free(&node->auth);
	scsi_device_free(node->device);
	free(node->name);
	free(node->alias);
	free(node);
}

struct target_node *target_find_node(struct target *t, const char *name)
{
	list_for_each (it, &t->nodes) {
		struct target_node *node = list_entry(it, struct target_node, link);
		if (!strcmp(node->name, name))
			return node;
	}
	return NULL;
}

int target_node_new(struct target_node **out, struct target *t, const char *name, const char *alias)
{
	if (!iscsi_name_valid(name))
		return -EINVAL;
	if (target_find_node(t, name))
		return -EEXIST;
	struct target_node *node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	list_init(&node->link);
	node->target = t;
	node->id = t->last_node_id++;
	node->name = strdup(name);
	node->alias = alias ? strdup(alias) : NULL;
	node->device = scsi_device_new(name);
	for (unsigned i = 0; i < ARRAY_SIZE(node->parts); i++) {
		node->parts[i].node = node;
		node->parts[i].part = t->parts[i];
		deferred_init(&node->parts[i].cold_reset, tmf_cold_reset);
	}
	if (!node->name || (alias && !node->alias) || !node->device) {
		if (node->device)
			scsi_device_free(node->device);
		free(node->name);
		free(node->alias);
		free(node);
		return -ENOMEM;
	}
	list_add_tail(&t->nodes, &node->link);
	*out = node;
	return 0;
}

int target_node_set_auth(struct target_node *node, const struct target_auth *auth)
{
	return auth_set(&node->auth, auth);
}

int target_set_discovery_auth(struct target *t, const struct target_auth *auth)
{
	return auth_set(&t->discovery_auth, auth);
}

struct scsi_device *target_node_device(struct target_node *node)
{
	return node->device;
}

/* --- the end */

static void drop_all(struct target *t)
{
	list_for_each_safe (it, &t->conns)
		conn_drop(list_entry(it, struct conn, link), "the target stops");
}

static void drain_over(struct timer *timer)
{
	drop_all(container_of(timer, struct target, drain_timer));
}

static bool parts_are_drained(const struct target *home)
{
	for (unsigned i = 1; i < home->part_count; i++)
		if (!home->parts[i]->part_drained)
			return false;
	return true;
}

static void part_drained(struct mail *m)
{
	struct target *t = container_of(m, struct target, drained_mail);
	t->part_drained = true;
	target_check_drained(t->home);
}

void target_check_drained(struct target *t)
{
	if (!t->draining || t->freeing || !list_empty(&t->conns))
		return;
	if (t != t->home)
		reactor_post(t->home->reactor, &t->drained_mail, part_drained);
	else if (!t->open_portals && parts_are_drained(t) && registry_is_empty(t))
		reactor_defer(t->reactor, &t->drained);
}

static void drained(struct deferred *d)
{
	struct target *t = container_of(d, struct target, drained);
	void (*done)(void *ctx) = t->drain_done;
	t->drain_done = NULL;
	timer_cancel(t->reactor, &t->drain_timer);
	if (done)
		done(t->drain_ctx);
}

/* Whoever is in full feature phase is asked to go; whoever still logs in was not here yet. */
static void ask_to_leave(struct conn *c, uint32_t seconds)
{
	if (c->state == CONN_FULL)
		conn_ask_logout(c, seconds);
	else if (c->state == CONN_LOGIN)
		conn_drop(c, "the target stops");
}

/* The connections of one reactor, on its thread. */
static void drain_part(struct target *t, uint32_t seconds)
{
	bool first = !t->draining;
	t->draining = true;
	if (!seconds) {
		drop_all(t);
	} else {
		if (first)
			list_for_each_safe (it, &t->conns)
				ask_to_leave(list_entry(it, struct conn, link), seconds);
		uint64_t deadline = target_deadline(t, reactor_now(t->reactor), seconds);
		if (first || deadline < t->drain_timer.deadline)
			timer_set(t->reactor, &t->drain_timer, deadline);
	}
	target_check_drained(t);
}

static void drain_there(struct mail *m)
{
	struct target *t = container_of(m, struct target, drain_mail);
	drain_part(t, atomic_load(&t->drain_seconds));
}

void target_drain(struct target *t, uint32_t seconds, void (*done)(void *ctx), void *ctx)
{
	t->drain_done = done;
	t->drain_ctx = ctx;
	list_for_each_safe (it, &t->portals)
		portal_close(list_entry(it, struct portal, link));
	for (unsigned i = 1; i < t->part_count; i++) {
		struct target *part = t->parts[i];
		atomic_store(&part->drain_seconds, seconds);
		reactor_post(part->reactor, &part->drain_mail, drain_there);
	}
	drain_part(t, seconds);
}

/* What still lives refers to operations that will never return. */
static void free_dead_tasks(struct target *t)
{
	list_splice_tail(&t->free_tasks, &t->tasks);
	while (!list_empty(&t->free_tasks)) {
		struct task *task = list_first(&t->free_tasks, struct task, all);
		list_del(&task->all);
		if (task->buf)
			pool_put(&t->pool, task->buf, task->buf_len, task_is_command(task));
		free(task);
	}
	while (!list_empty(&t->free_pdus)) {
		struct out_pdu *pdu = list_first(&t->free_pdus, struct out_pdu, tx.link);
		list_del(&pdu->tx.link);
		free(pdu);
	}
}

static void free_connections(struct target *t)
{
	drop_all(t);
	timer_cancel(t->reactor, &t->drain_timer);
	deferred_cancel(&t->drained);
	deferred_cancel(&t->feed);
}

/* Letters that were still under way: the last ones of tasks and sessions. */
static void deliver_all(struct target *t)
{
	int delivered;
	do {
		delivered = 0;
		for (unsigned i = 0; i < t->part_count; i++)
			delivered += reactor_deliver(t->parts[i]->reactor);
	} while (delivered);
}

void target_free(struct target *t)
{
	deliver_all(t);
	for (unsigned i = 0; i < t->part_count; i++)
		t->parts[i]->freeing = true;
	list_for_each (it, &t->nodes)
		scsi_device_abandon(list_entry(it, struct target_node, link)->device);
	for (unsigned i = 0; i < t->part_count; i++)
		free_connections(t->parts[i]);
	registry_free(t);
	portal_forget_arrivals(t);
	list_for_each_safe (it, &t->portals) {
		struct portal *p = list_entry(it, struct portal, link);
		if (!p->closed)
			portal_close(p);
		free(p);
	}
	for (unsigned i = 0; i < t->part_count; i++)
		free_dead_tasks(t->parts[i]);
	list_for_each_safe (it, &t->nodes)
		node_free(list_entry(it, struct target_node, link));
	auth_free(&t->discovery_auth);
	for (unsigned i = t->part_count; i-- > 0;) {
		struct target *part = t->parts[i];
		pool_free(&part->pool);
		pthread_mutex_destroy(&part->arrivals_lock);
		free(part);
	}
}

static void add_stats(struct target_stats *to, const struct target_stats *from)
{
	to->logins += count_read(&from->logins);
	to->failed_logins += count_read(&from->failed_logins);
	to->refused_connections += count_read(&from->refused_connections);
	to->protocol_errors += count_read(&from->protocol_errors);
	to->digest_errors += count_read(&from->digest_errors);
}

void target_get_stats(const struct target *t, struct target_stats *out)
{
	*out = (struct target_stats){
		.connections = atomic_load(&t->conn_count),
		.sessions = registry_sessions(t),
	};
	for (unsigned i = 0; i < t->part_count; i++) {
		add_stats(out, &t->parts[i]->stats);
		out->memory += pool_taken(&t->parts[i]->pool);
	}
}
