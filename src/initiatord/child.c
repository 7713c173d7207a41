/* SPDX-License-Identifier: BSD-2-Clause */
#include "initiatord/child.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "initiatord/child_priv.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

/* --- orders */

static int set_log_levels(struct errand *e)
{
	return log_set_levels(e->child->o->log, e->order.levels, e->why, sizeof(e->why));
}

static void time_is_up(struct timer *t)
{
	struct child *c = container_of(t, struct child, end_timer);
	child_sessions_end(c, true);
}

static int end(struct errand *e)
{
	struct child *c = e->child;
	c->ending = true;
	timer_init(&c->end_timer, time_is_up);
	timer_set(c->r, &c->end_timer, reactor_now(c->r) + e->order.seconds * NSEC_PER_SEC);
	c->leaving = e->order.flag;
	child_disks_end(c);
	child_end_if_over(c);
	return ERRAND_LATER;
}

void child_end_if_over(struct child *c)
{
	if (!c->ending || !list_empty(&c->disks))
		return;
	/* Sessions that are left are ended by the next login (RFC 7143 6.3.5). */
	if (list_empty(&c->sessions) || c->leaving)
		reactor_stop(c->r);
	else
		child_sessions_end(c, false);
}

static int (*const orders[ORDER_KINDS])(struct errand *e) = {
	[ORDER_LOGIN] = child_login,
	[ORDER_LOGOUT] = child_logout,
	[ORDER_RESCAN] = child_rescan,
	[ORDER_DISCOVER] = child_discover,
	[ORDER_RESOLVED] = child_resolved,
	[ORDER_ATTACH] = child_attach,
	[ORDER_DETACH] = child_detach,
	[ORDER_SESSIONS] = child_say_sessions,
	[ORDER_DEVICES] = child_say_devices,
	[ORDER_LOG_LEVELS] = set_log_levels,
	[ORDER_END] = end,
};

/* Accounts do not stay in memory that was given back. */
void errand_end(struct errand *e, int err)
{
	struct word word = {.kind = WORD_DONE,
			    .number = e->order.number,
			    .err = err,
			    .reason = err ? e->reason : INI_NO_REASON};
	if (err)
		memcpy(word.why, e->why, sizeof(word.why));
	child_say(e->child, &word);
	if (e->file >= 0)
		close(e->file);
	explicit_bzero(&e->order, sizeof(e->order));
	free(e);
}

int errand_refuse(struct errand *e, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
	return -err;
}

static void arrived(struct mail *m)
{
	struct errand *e = container_of(m, struct errand, mail);
	const struct word later = {.kind = WORD_LATER, .number = e->order.number};
	struct child *c = e->child;
	int err = orders[e->order.kind](e);
	if (err == ERRAND_LATER)
		child_say(c, &later);
	else
		errand_end(e, err);
}

/* The parent waits for answers, so there are never more than ORDERS_MOST on their way. */
static void *listen_to_parent(void *arg)
{
	struct child *c = arg;
	for (;;) {
		struct errand *e = calloc(1, sizeof(*e));
		int n = e ? order_receive(c->end, &e->order, &e->file) : -ENOMEM;
		if (n <= 0) {
			/* Nobody keeps what is attached, nor could end us in order. */
			if (n < 0)
				log_error(c->o->log, "orders cannot be read: %s", strerror(-n));
			_exit(1);
		}
		e->child = c;
		reactor_post(c->r, &e->mail, arrived);
	}
	return NULL;
}

/* --- start */

/*
 * Memory that the kernel wants to free by writing to a disk that is ours must not be what we wait for. Whoever may
 * not lock all the memory that will ever be locks none: an allocation that fails later is worse.
 */
static void need_no_memory_from_our_disks(const struct child *c)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0))
		log_info(c->o->log,
			 "the kernel may wait for our own disks when it gives us memory "
			 "(PR_SET_IO_FLUSHER: %s)",
			 strerror(errno));
	if (setrlimit(RLIMIT_MEMLOCK, &all) || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_info(c->o->log, "our memory may be swapped out (mlockall: %s)",
			 strerror(errno));
}

static int enter(struct child *c, struct sandbox *box, int rights, char *why, size_t why_size)
{
	const int keep[] = {c->end, rights};
	int err = sandbox_keep(keep, ARRAY_SIZE(keep));
	if (err)
		return err;
	need_no_memory_from_our_disks(c);
	return c->o->sandbox ? sandbox_enter(box, why, why_size) : 0;
}

static int start(struct child *c, int rights, char *why, size_t why_size)
{
	struct sandbox box = {
		.log = c->o->log,
		.user = c->o->user,
		.ends_with_parent = true,
		.connects = true,
		.parts = SANDBOX_ALL,
	};
	int err = enter(c, &box, rights, why, why_size);
	if (!err)
		err = reactor_new_engine(&c->r, c->o->engine, c->o->log);
	if (!err)
		err = dev_set_new(&c->set, c->r, &child_set_ops, c);
	if (!err && c->o->unknown_past)
		dev_set_has_unknown_past(c->set);
	if (!err)
		err = rights_link_start(&c->rights, c->r, rights);
	if (err)
		return err;
	list_init(&c->sessions);
	list_init(&c->finds);
	child_disks_init(c);
	voice_init(&c->voice, c->r, c->end);
	err = -pthread_create(&c->listener, NULL, listen_to_parent, c);
	if (!err && c->o->sandbox && !c->o->makes_rings)
		err = sandbox_seal(&box);
	if (!err)
		child_say(c, &(struct word){.kind = WORD_READY});
	return err;
}

/* Nothing is freed: the process ends. */
int child_run(const struct child_options *o, int end, int rights)
{
	struct child c = {.o = o, .end = end};
	char why[512] = "";
	int err = start(&c, rights, why, sizeof(why));
	if (err) {
		log_error(o->log, "the process that faces the network cannot start: %s%s%s",
			  why[0] ? why : strerror(-err), why[0] ? ": " : "",
			  why[0] ? strerror(-err) : "");
		return 1;
	}
	err = reactor_run(c.r);
	if (err)
		log_error(o->log, "the engine broke: %s", strerror(-err));
	return err ? 1 : 0;
}
