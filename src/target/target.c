/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "target/priv.h"

static void drain_over(struct timer *timer);
static void drained(struct deferred *d);

/* A flood of logins must not keep home out. */
static void config_lock_init(struct target *t)
{
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&t->config_lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

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
	patience_set(&t->patience, limits->data_out_timeout, limits->nopin_interval,
		     limits->nopin_timeout);
	list_init(&t->nodes);
	list_init(&t->portals);
	list_init(&t->leaving);
	list_init(&t->endings);
	list_init(&t->conns);
	list_init(&t->sessions);
	list_init(&t->silent);
	list_init(&t->tasks);
	list_init(&t->free_tasks);
	list_init(&t->free_pdus);
	list_init(&t->starved);
	list_init(&t->arrivals);
	pthread_mutex_init(&t->arrivals_lock, NULL);
	pthread_mutex_init(&t->failures_lock, NULL);
	config_lock_init(t);
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
	if (!t)
		return -ENOMEM;
	t->failures = calloc(TARGET_FAILURES, sizeof(*t->failures));
	int err = t->failures ? registry_new(t) : -ENOMEM;
	if (err) {
		free(t->failures);
		free(t);
		return err;
	}
	*out = t;
	return 0;
}

int target_add_reactor(struct target *t, struct reactor *r)
{
	if (t->part_count == TARGET_REACTORS_MAX)
		return -E2BIG;
	struct target *part = part_new(t, r, &t->limits);
	if (!part)
		return -ENOMEM;
	list_for_each (it, &t->nodes)
		list_entry(it, struct target_node, link)->parts[part->index].part = part;
	for (unsigned i = 0; i < t->part_count; i++)
		t->parts[i]->pool.limit = t->limits.memory_limit / t->part_count;
	return 0;
}

uint64_t target_deadline(const struct target *t, uint64_t from, uint32_t seconds)
{
	return seconds ? from + seconds * NSEC_PER_SEC : REACTOR_NEVER;
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

static void abandon_devices(const struct list *nodes)
{
	list_for_each (it, nodes)
		scsi_device_abandon(list_entry(it, struct target_node, link)->device);
}

static void free_nodes(struct list *nodes)
{
	while (!list_empty(nodes))
		node_free(list_first(nodes, struct target_node, link));
}

static void free_part(struct target *part)
{
	pool_free(&part->pool);
	pthread_mutex_destroy(&part->arrivals_lock);
	pthread_mutex_destroy(&part->failures_lock);
	free(part->failures);
	pthread_rwlock_destroy(&part->config_lock);
	free(part);
}

void target_free(struct target *t)
{
	deliver_all(t);
	for (unsigned i = 0; i < t->part_count; i++)
		t->parts[i]->freeing = true;
	abandon_devices(&t->nodes);
	abandon_devices(&t->leaving);
	for (unsigned i = 0; i < t->part_count; i++)
		free_connections(t->parts[i]);
	registry_free(t);
	portal_forget_arrivals(t);
	for (unsigned i = 0; i < t->part_count; i++)
		free_dead_tasks(t->parts[i]);
	retire_free(t);
	free_nodes(&t->nodes);
	free_nodes(&t->leaving);
	while (!list_empty(&t->portals))
		portal_free(list_first(&t->portals, struct portal, link));
	auth_free(&t->discovery_auth);
	for (unsigned i = t->part_count; i-- > 0;)
		free_part(t->parts[i]);
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
