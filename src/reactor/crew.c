/* SPDX-License-Identifier: BSD-2-Clause */
#include "reactor/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"

enum stage { STARTING, RUNNING, STOPPED, ENDING };

struct member {
	struct crew *crew;
	pthread_t thread;
	struct reactor *reactor;
	struct mail stop;
	int err;
	enum stage stage; /* under the crew's lock */
};

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const char *engine;
	struct log *log;
	unsigned count;
	struct member members[];
};

static void reach(struct member *m, enum stage stage)
{
	pthread_mutex_lock(&m->crew->lock);
	m->stage = stage;
	pthread_cond_broadcast(&m->crew->changed);
	pthread_mutex_unlock(&m->crew->lock);
}

static void await(struct member *m, enum stage stage)
{
	pthread_mutex_lock(&m->crew->lock);
	while (m->stage < stage)
		pthread_cond_wait(&m->crew->changed, &m->crew->lock);
	pthread_mutex_unlock(&m->crew->lock);
}

/* An engine is made and freed by the thread that uses it: a ring belongs to one. */
static void *live(void *arg)
{
	struct member *m = arg;
	m->err = reactor_new_engine(&m->reactor, m->crew->engine, m->crew->log);
	reach(m, RUNNING);
	if (!m->err) {
		int err = reactor_run(m->reactor);
		if (err)
			log_error(m->crew->log, "a reactor broke: %s", strerror(-err));
	}
	reach(m, STOPPED);
	await(m, ENDING);
	if (!m->err)
		reactor_free(m->reactor);
	return NULL;
}

static void stop(struct mail *mail)
{
	reactor_stop(container_of(mail, struct member, stop)->reactor);
}

static int start(struct member *m)
{
	/* Signals are the caller's. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = -pthread_create(&m->thread, NULL, live, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		await(m, RUNNING);
	return err;
}

int crew_new(struct crew **out, unsigned count, const char *engine, struct log *log)
{
	struct crew *crew = calloc(1, sizeof(*crew) + count * sizeof(crew->members[0]));
	int err = 0;
	*out = NULL;
	if (!crew)
		return -ENOMEM;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->changed, NULL);
	crew->engine = engine;
	crew->log = log;
	while (!err && crew->count < count) {
		struct member *m = &crew->members[crew->count];
		m->crew = crew;
		err = start(m);
		if (!err) {
			crew->count++;
			err = m->err;
		}
	}
	if (err) {
		crew_free(crew);
		return err;
	}
	*out = crew;
	return 0;
}

unsigned crew_size(const struct crew *crew)
{
	return crew->count;
}

struct reactor *crew_reactor(struct crew *crew, unsigned i)
{
	return crew->members[i].reactor;
}

void crew_stop(struct crew *crew)
{
	if (!crew)
		return;
	for (unsigned i = 0; i < crew->count; i++)
		if (crew->members[i].reactor)
			reactor_post(crew->members[i].reactor, &crew->members[i].stop, stop);
	for (unsigned i = 0; i < crew->count; i++)
		await(&crew->members[i], STOPPED);
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	crew_stop(crew);
	for (unsigned i = 0; i < crew->count; i++) {
		reach(&crew->members[i], ENDING);
		pthread_join(crew->members[i].thread, NULL);
	}
	pthread_cond_destroy(&crew->changed);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}
