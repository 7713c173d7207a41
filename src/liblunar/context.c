/* SPDX-License-Identifier: BSD-2-Clause */
/* A context: waiting, and one turn after it. */
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>
#include "liblunar/priv.h"

#define EVENTS 32

const char *lunar_version(void)
{
	return LUNAR_VERSION;
}

static uint64_t clock_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * NS_PER_MS + (uint64_t)ts.tv_nsec;
}

uint64_t lunar_priv_now(const struct lunar *l)
{
	return l->busy ? l->now : clock_now();
}

bool lunar_priv_begin(struct lunar *l)
{
	if (l->busy)
		return false;
	l->now = clock_now();
	l->busy = true;
	return true;
}

static void bury(struct lunar *l)
{
	while (!list_empty(&l->dead))
		lunar_priv_free(list_first(&l->dead, struct lunar_session, grave));
}

void lunar_priv_end(struct lunar *l, bool began)
{
	if (!began)
		return;
	bury(l);
	l->busy = false;
}

int lunar_new(struct lunar **out)
{
	struct lunar *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		int err = -errno;
		free(l);
		return err;
	}
	list_init(&l->sessions);
	list_init(&l->dirty);
	list_init(&l->dead);
	*out = l;
	return 0;
}

void lunar_free(struct lunar *l)
{
	if (!l)
		return;
	assert(!l->busy);
	while (!list_empty(&l->sessions))
		lunar_session_free(list_first(&l->sessions, struct lunar_session, link));
	close(l->epoll);
	free(l);
}

int lunar_fd(const struct lunar *l)
{
	return l->epoll;
}

void lunar_priv_mark(struct lunar_session *s)
{
	if (list_empty(&s->dirty))
		list_add_tail(&s->l->dirty, &s->dirty);
}

static uint64_t deadline(const struct lunar *l)
{
	uint64_t at = INI_NEVER;
	if (!list_empty(&l->dirty))
		return 0;
	list_for_each (it, &l->sessions) {
		const struct lunar_session *s = list_entry(it, struct lunar_session, link);
		if (s->ini)
			at = MIN(at, ini_deadline(s->ini));
	}
	return at;
}

int lunar_timeout(const struct lunar *l)
{
	uint64_t at = deadline(l);
	if (at == INI_NEVER)
		return -1;
	uint64_t now = at ? lunar_priv_now(l) : 0;
	/* Rounded up, or the last millisecond would be spent turning. */
	return at <= now ? 0 : (int)MIN((at - now + NS_PER_MS - 1) / NS_PER_MS, INT_MAX);
}

/* --- a turn */

static void tick(struct lunar *l)
{
	list_for_each_safe (it, &l->sessions) {
		struct lunar_session *s = list_entry(it, struct lunar_session, link);
		if (!s->ini || s->torn || ini_deadline(s->ini) > l->now)
			continue;
		lunar_priv_enter(s);
		ini_tick(s->ini, l->now);
		lunar_priv_leave(s);
	}
}

/* What callbacks have submitted leaves here, all of it with one send. */
static void flush(struct lunar *l)
{
	while (!list_empty(&l->dirty)) {
		struct lunar_session *s = list_first(&l->dirty, struct lunar_session, dirty);
		list_del(&s->dirty);
		lunar_priv_enter(s);
		lunar_priv_pump(s);
		lunar_priv_leave(s);
	}
}

static void dispatch(const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct lunar_session *s = events[i].data.ptr;
		if (s->torn)
			continue;
		lunar_priv_enter(s);
		lunar_priv_ready(s, events[i].events);
		lunar_priv_leave(s);
	}
}

int lunar_wait(struct lunar *l, int timeout)
{
	struct epoll_event events[EVENTS];
	if (l->busy)
		return -EDEADLK;
	l->news = false;
	if (!list_empty(&l->dirty)) {
		bool began = lunar_priv_begin(l);
		flush(l);
		lunar_priv_end(l, began);
	}
	/* What could not be sent, or was to be closed, has ended by that: nobody waits for it any more. */
	if (l->news)
		timeout = 0;
	int most = lunar_timeout(l);
	if (timeout < 0 || (most >= 0 && most < timeout))
		timeout = most;
	int n = epoll_wait(l->epoll, events, EVENTS, timeout);
	if (n < 0 && errno != EINTR)
		return -errno;
	bool began = lunar_priv_begin(l);
	dispatch(events, n);
	tick(l);
	flush(l);
	lunar_priv_end(l, began);
	return 0;
}

int lunar_service(struct lunar *l)
{
	return lunar_wait(l, 0);
}
